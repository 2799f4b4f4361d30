"""What Pump publishes: the roles with their policies, and why each action pattern is needed.

``roles.json`` has one entry for each role. ``read-only.json`` and ``auto-pilot.json`` are the two
lists of policies in Pump's document "Cross Account Role", character for character. ``reasons.json``
says why Pump needs each action pattern, and what each policy is for, which only the README shows.
Except for that, all are checked when this module is imported.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pump_roles.text import packaged

__all__ = ["REASONS", "RESOURCE_REASONS", "ROLES", "Policy", "Published", "PublishedRole", "load"]


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
    """A role, as Pump publishes it.

    :param kind: a short name for it, such as ``read-only``.
    :param name: the role's name, unless the customer chooses another.
    :param description: what it lets Pump do, as one sentence without a period.
    :param policies: its policies, in order.
    """

    kind: str
    name: str
    description: str
    policies: tuple[Policy, ...]

    @property
    def patterns(self) -> tuple[str, ...]:
        """The action patterns of its policies, in published order."""
        return tuple(pattern for policy in self.policies for pattern in policy.patterns)

    @property
    def stack_name(self) -> str:
        """The name of the stack that contains it."""
        return self.name.removesuffix("Role")


@dataclass(frozen=True)
class Published:
    """The checked contents of the published files. See :func:`load`.

    :param roles: the roles by kind.
    :param reasons: why Pump needs each action pattern.
    :param resource_reasons: why the published statements name the resources they do.
    """

    roles: Mapping[str, PublishedRole]
    reasons: Mapping[str, str]
    resource_reasons: Mapping[str, str]


def load(roles: str, policies: Mapping[str, str], reasons: str) -> Published:
    """Read the published roles and their reasons, and check that they match.

    :param roles: the list of roles, as JSON text. Each role names its lists of policies.
    :param policies: the lists of policies by name, as JSON texts.
    :param reasons: a reason for each action pattern and each resource, as JSON text.
    :raises ValueError: when a text is not JSON, a role names a list that does not exist, a
        statement is not a plain allow, a pattern has a wildcard that is not at its end (guardrails
        cannot be compared with such a pattern), or the reasons do not match the patterns exactly.
    """
    lists = {name: _policies(json.loads(text)) for name, text in policies.items()}
    listed = json.loads(roles)
    if unknown := {name for role in listed for name in role["policies"]} - lists.keys():
        raise ValueError(f"a role names policies that do not exist: {', '.join(sorted(unknown))}")
    loaded = Published(
        roles=MappingProxyType(
            {
                role["kind"]: PublishedRole(
                    kind=role["kind"],
                    name=role["name"],
                    description=role["description"],
                    policies=tuple(policy for name in role["policies"] for policy in lists[name]),
                )
                for role in listed
            }
        ),
        reasons=MappingProxyType(json.loads(reasons)["actions"]),
        resource_reasons=MappingProxyType(json.loads(reasons)["resources"]),
    )
    statements = [
        statement
        for found in lists.values()
        for policy in found
        for statement in policy.document["Statement"]
    ]
    for statement in statements:
        if set(statement) != {"Action", "Resource", "Effect"} or statement["Effect"] != "Allow":
            raise ValueError(f"a published statement is not a plain allow: {statement}")
    patterns = {pattern for statement in statements for pattern in statement["Action"]}
    for pattern in sorted(patterns):
        if not re.fullmatch(r"[a-z0-9-]+:[A-Za-z]*\*?", pattern):
            raise ValueError(f"{pattern} is not an action or a prefix of actions")
    _same(loaded.reasons, patterns)
    _same(loaded.resource_reasons, {statement["Resource"] for statement in statements})
    return loaded


def _policies(listed: list[dict[str, Any]]) -> tuple[Policy, ...]:
    return tuple(
        Policy(policy["PolicyName"], json.dumps(policy["PolicyDocument"])) for policy in listed
    )


def _same(reasons: Mapping[str, str], published: set[str]) -> None:
    if missing := published - reasons.keys():
        raise ValueError(f"reasons.json: there is no reason for {', '.join(sorted(missing))}")
    if unused := reasons.keys() - published:
        raise ValueError(
            f"reasons.json: there is a reason for {', '.join(sorted(unused))}, which is not "
            "published"
        )
    if empty := [pattern for pattern, reason in reasons.items() if not reason.strip()]:
        raise ValueError(f"reasons.json: the reason is empty for {', '.join(sorted(empty))}")


_PUBLISHED: Final = load(
    packaged(__name__, "roles.json"),
    {
        name: packaged(__name__, name)
        for role in json.loads(packaged(__name__, "roles.json"))
        for name in role["policies"]
    },
    packaged(__name__, "reasons.json"),
)

ROLES: Final = _PUBLISHED.roles
"""The roles by their kind. The auto-pilot role starts with the policy of the read-only role, as in
Pump's document."""

REASONS: Final = _PUBLISHED.reasons
"""Why Pump needs each action pattern."""

RESOURCE_REASONS: Final = _PUBLISHED.resource_reasons
"""Why the published statements name the resources they do."""
