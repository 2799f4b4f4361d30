"""What Pump publishes: the policies of its two roles, and why each pattern is needed.

``read-only.json`` and ``auto-pilot.json`` are the two lists of Pump's document
"Cross Account Role", character for character. ``reasons.json`` says why Pump needs
each action pattern. All three are checked when this module is imported.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

__all__ = [
    "AUTO_PILOT",
    "READ_ONLY",
    "REASONS",
    "RESOURCE_REASONS",
    "ROLES",
    "Policy",
    "PublishedRole",
    "load",
]


@dataclass(frozen=True)
class Policy:
    """One published inline policy.

    :param name: the policy's published name, up to 128 characters.
    :param text: the policy document as JSON text.
    """

    name: str
    text: str

    @property
    def document(self) -> dict[str, Any]:
        """The policy document as published; a new copy each time."""
        document: dict[str, Any] = json.loads(self.text)
        return document

    @property
    def patterns(self) -> tuple[str, ...]:
        """The action patterns, in published order."""
        return tuple(
            pattern for statement in self.document["Statement"] for pattern in statement["Action"]
        )


@dataclass(frozen=True)
class PublishedRole:
    """One of the two roles, as Pump publishes it.

    :param kind: ``read-only`` or ``auto-pilot``.
    :param name: the role's name, unless the customer gives another.
    :param policies: its policies.
    """

    kind: str
    name: str
    policies: tuple[Policy, ...]

    @property
    def patterns(self) -> tuple[str, ...]:
        """The action patterns of its policies, in published order."""
        return tuple(pattern for policy in self.policies for pattern in policy.patterns)


@dataclass(frozen=True)
class Published:
    """What one set of published files holds, checked. See :func:`load`."""

    read_only: tuple[Policy, ...]
    auto_pilot: tuple[Policy, ...]
    reasons: Mapping[str, str]
    resource_reasons: Mapping[str, str]


def load(read_only: str, auto_pilot: str, reasons: str) -> Published:
    """Read the published policies and their reasons, and check one against the other.

    :param read_only: the read-only role's list of policies, as JSON text.
    :param auto_pilot: the list of policies that the auto-pilot role adds, as JSON text.
    :param reasons: a reason for each action pattern and each resource, as JSON text.
    :raises ValueError: when a text is not JSON, a statement is anything but a plain allow, a
        pattern has its wildcard anywhere but at its end, which is what a guardrail can be compared
        with, or the reasons are not exactly those of the patterns.
    """
    loaded = Published(
        read_only=_policies(json.loads(read_only)),
        auto_pilot=_policies(json.loads(auto_pilot)),
        reasons=MappingProxyType(json.loads(reasons)["actions"]),
        resource_reasons=MappingProxyType(json.loads(reasons)["resources"]),
    )
    policies = loaded.read_only + loaded.auto_pilot
    statements = [statement for policy in policies for statement in policy.document["Statement"]]
    for statement in statements:
        if set(statement) != {"Action", "Resource", "Effect"} or statement["Effect"] != "Allow":
            raise ValueError(f"a published statement is not a plain allow: {statement}")
    patterns = {pattern for policy in policies for pattern in policy.patterns}
    for pattern in sorted(patterns):
        if not re.fullmatch(r"[a-z0-9-]+:[A-Za-z]*\*?", pattern):
            raise ValueError(f"{pattern} is not an action or the beginning of some")
    _same(loaded.reasons, patterns)
    _same(loaded.resource_reasons, {statement["Resource"] for statement in statements})
    return loaded


def _policies(listed: list[dict[str, Any]]) -> tuple[Policy, ...]:
    return tuple(Policy(one["PolicyName"], json.dumps(one["PolicyDocument"])) for one in listed)


def _same(reasons: Mapping[str, str], published: set[str]) -> None:
    if missing := published - reasons.keys():
        raise ValueError(f"published without a reason: {', '.join(sorted(missing))}")
    if spare := reasons.keys() - published:
        raise ValueError(f"a reason for what is not published: {', '.join(sorted(spare))}")
    if empty := [pattern for pattern, reason in reasons.items() if not reason.strip()]:
        raise ValueError(f"an empty reason: {', '.join(sorted(empty))}")


def _text(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


_PUBLISHED: Final = load(_text("read-only.json"), _text("auto-pilot.json"), _text("reasons.json"))

READ_ONLY: Final = _PUBLISHED.read_only
"""The read-only role's policies: ``PumpBillingReadOnly``."""

AUTO_PILOT: Final = READ_ONLY + _PUBLISHED.auto_pilot
"""The auto-pilot role's policies: the read-only role's first, which the document says it
includes, then ``PumpOrgInvite``, ``PumpReadOnly`` and ``PumpAutoPilot``."""

ROLES: Final[Mapping[str, PublishedRole]] = MappingProxyType(
    {
        role.kind: role
        for role in (
            PublishedRole("read-only", "PumpReadOnlyRole", READ_ONLY),
            PublishedRole("auto-pilot", "PumpAutoPilotRole", AUTO_PILOT),
        )
    }
)
"""The two roles by their kind."""

REASONS: Final = _PUBLISHED.reasons
"""Why Pump needs each action pattern."""

RESOURCE_REASONS: Final = _PUBLISHED.resource_reasons
"""Why the published statements name the resources they do."""
