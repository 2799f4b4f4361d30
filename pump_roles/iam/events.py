"""Which action a CloudTrail event is about.

For most services, the event's source is the service's prefix, and its name is the action's.
``events.json`` has the rest: the ``services`` of other sources, those of ``consoles``, whose events
do not map to actions, the ``parameters`` that only one of these services has, the ``actions`` of
calls that have no action of their own, and the calls that work ``without_permission``.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

from pump_roles.iam.catalog import Action, shipped

_DOMAIN: Final = ".amazonaws.com"
_VERSION: Final = re.compile(r"([0-9]{4}_?[0-9]{2}_?[0-9]{2})(v[0-9]+)?$")
"""The version of the API, which ends the names of some events."""

_PREFIX: Final = re.compile(r"[a-z0-9-]+")


# A trail has few kinds of calls, but whoever writes a file may choose any names.
@lru_cache(maxsize=2**14)
def action_of(source: str, name: str) -> Action | None:
    """Return the action of the catalog that an event is about; ``None`` if it is not known."""
    data, actions = _data(), shipped().actions
    called = _VERSION.sub("", name)
    for service in services_of(source):
        key = f"{service}:{called}"
        found = actions.get(data["actions"].get(key, key).lower())
        if found is not None:
            return found
    return None


def exact_source(source: str, parameters: Iterable[str]) -> str:
    """Return the source of the one service that a call is of, if services share a source, and the
    parameters of the call decide.
    """
    services = _data()["parameters"].get(source.removesuffix(_DOMAIN), {})
    known = services.keys() & parameters
    return f"{services[min(known)]}{_DOMAIN}" if known else source


def services_of(source: str) -> list[str]:
    """Return the prefixes of the services whose events have a source."""
    prefix = source.removesuffix(_DOMAIN)
    found: list[str] = _data()["services"].get(prefix, [prefix])
    return found


def sources_of(service: str) -> list[str]:
    """Return the sources of a service's events."""
    others = [prefix for prefix, services in _data()["services"].items() if service in services]
    return [f"{prefix}{_DOMAIN}" for prefix in sorted({service, *others})]


def could_be_of(source: str) -> list[str]:
    """Return the prefixes of the services that a call could be of, even if it is not known; none if
    that cannot be told.
    """
    prefix = source.removesuffix(_DOMAIN)
    found = [*services_of(source), *_data()["consoles"].get(prefix, [])]
    readable = prefix != source and all(map(_PREFIX.fullmatch, found))
    return found if readable else []


def needs_permission(source: str, name: str) -> bool:
    """Return whether a policy decides about a call, even one that is not known."""
    return f"{source.removesuffix(_DOMAIN)}:{name}" not in _data()["without_permission"]


@cache
def _data() -> Mapping[str, Any]:
    content: dict[str, Any] = json.loads(
        resources.files(__package__).joinpath("events.json").read_bytes()
    )
    return content
