"""Which service and action an event of CloudTrail is about.

``events.json`` says which action a CloudTrail event is about. For most services, the event's source
is the service's prefix, and its name is the action's. The file has the rest: the ``services`` of
other sources, those of ``consoles``, whose events do not map to actions, the ``parameters`` that
only one of these services has, the ``actions`` of calls that have no action of their own, and the
calls that work ``without_permission``.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

_DOMAIN: Final = ".amazonaws.com"
_PREFIX: Final = re.compile(r"[a-z0-9-]+")


def exact_source(source: str, parameters: Iterable[str]) -> str:
    """Return the source of the one service that a call is of, if services share a source, and the
    parameters of the call decide.
    """
    services = of_events()["parameters"].get(source.removesuffix(_DOMAIN), {})
    known = services.keys() & parameters
    return f"{services[min(known)]}{_DOMAIN}" if known else source


def services_of(source: str) -> list[str]:
    """Return the prefixes of the services whose events have a source."""
    prefix = source.removesuffix(_DOMAIN)
    found: list[str] = of_events()["services"].get(prefix, [prefix])
    return found


def sources_of(service: str) -> list[str]:
    """Return the sources of a service's events."""
    others = [prefix for prefix, services in of_events()["services"].items() if service in services]
    return [f"{prefix}{_DOMAIN}" for prefix in sorted({service, *others})]


def could_be_of(source: str) -> list[str]:
    """Return the prefixes of the services that a call could be of, even if it is not known; none if
    that cannot be told.
    """
    prefix = source.removesuffix(_DOMAIN)
    found = [*services_of(source), *of_events()["consoles"].get(prefix, [])]
    readable = prefix != source and all(map(_PREFIX.fullmatch, found))
    return found if readable else []


def needs_permission(source: str, name: str) -> bool:
    """Return whether a policy decides about a call, even one that is not known."""
    return f"{source.removesuffix(_DOMAIN)}:{name}" not in of_events()["without_permission"]


@cache
def of_events() -> Mapping[str, Any]:
    content: dict[str, Any] = json.loads(Path(__file__).with_name("events.json").read_bytes())
    return content
