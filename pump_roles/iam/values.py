"""Reads JSON values of unknown types as the type that they should have."""

import json
from collections.abc import Mapping
from typing import Any

__all__ = [
    "as_list",
    "as_mapping",
    "as_text",
    "has_transform",
    "is_function",
    "ref",
    "statements",
    "strings",
]


def as_mapping(value: Any) -> Mapping[str, Any]:
    """The value, or an empty mapping if it is not one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The value, or a list of it if it is not one."""
    return value if isinstance(value, list) else [value]


def as_text(value: Any) -> str:
    """The value, or its JSON if it is not a string."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def is_function(key: str) -> bool:
    """Whether the key of an object is the name of a CloudFormation function."""
    return key == "Ref" or key.startswith("Fn::")


def has_transform(value: Any) -> bool:
    """Whether a macro can change something in the value: ``Fn::Transform``."""
    if isinstance(value, list):
        return any(map(has_transform, value))
    return isinstance(value, dict) and (
        "Fn::Transform" in value or any(map(has_transform, value.values()))
    )


def strings(value: Any) -> list[str]:
    """The value's strings; what is not one is written as JSON."""
    return [as_text(element) for element in as_list(value)]


def statements(document: Any) -> list[Mapping[str, Any]]:
    """The statements of a policy document; none if the value is not one."""
    found = as_list(as_mapping(document).get("Statement"))
    return [statement for statement in found if isinstance(statement, dict)]


def ref(value: Any) -> str:
    """The logical ID that a value is a ``Ref`` to; empty if it is not one."""
    target = value.get("Ref") if isinstance(value, dict) and value.keys() == {"Ref"} else ""
    return target if isinstance(target, str) else ""
