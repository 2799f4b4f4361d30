"""What comes in: JSON values, here; text from elsewhere; names, IDs, and ARNs that AWS accepts."""

import json
from collections.abc import Callable, Mapping
from typing import Any


def as_mapping(value: Any) -> Mapping[str, Any]:
    """The value, or an empty mapping if it is not one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The value, or a list of it if it is not one."""
    return value if isinstance(value, list) else [value]


def as_text(value: Any) -> str:
    """The value, or its JSON if it is not a string."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def json_text(value: Any) -> str:
    """Return the one text of a JSON value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def members(value: Any) -> Mapping[str, Any]:
    """Return the members of a dataclass, by name."""
    # Not dataclasses.asdict, which copies every leaf.
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a JSON value with parts of it changed."""
    changed = change(value)
    if changed is not value:
        return changed
    if isinstance(value, list):
        return [mapped(element, change) for element in value]
    if isinstance(value, dict):
        return {key: mapped(member, change) for key, member in value.items()}
    return value
