"""What Pump publishes: the roles with their policies, and why each action pattern is needed.

``roles.json`` has one entry for each role. ``read-only.json`` and ``auto-pilot.json`` are the two
lists of policies in Pump's document "Cross Account Role", character for character. ``reasons.json``
says why Pump needs each action pattern, what each policy is for, which only the README shows, and
why each finding of cdk-nag about the constructs is acceptable. Tests check that they match.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

__all__ = [
    "FINDINGS",
    "REASONS",
    "RESOURCE_REASONS",
    "ROLES",
    "PublishedPolicy",
    "PublishedRole",
    "policy_document",
    "trust_policy",
]


class PublishedPolicy(NamedTuple):
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


class PublishedRole(NamedTuple):
    """A role, as Pump publishes it."""

    kind: str
    name: str
    description: str
    policies: tuple[PublishedPolicy, ...]

    @property
    def patterns(self) -> tuple[str, ...]:
        """The action patterns of its policies, in published order."""
        return tuple(pattern for policy in self.policies for pattern in policy.patterns)

    @property
    def stack_name(self) -> str:
        """The name of the stack that contains it."""
        return self.name.removesuffix("Role")


def policy_document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    """Return a policy document of the newest version."""
    return {"Version": "2012-10-17", "Statement": [*statements]}


def trust_policy(principal: str, external_ids: Sequence[str]) -> dict[str, Any]:
    """Return a role's trust policy: one statement with one principal and an external ID."""
    accepted = [*external_ids] if len(external_ids) > 1 else external_ids[0]
    return policy_document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": principal},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": accepted}},
        }
    )


@cache
def _policies(file: str) -> tuple[PublishedPolicy, ...]:
    return tuple(
        PublishedPolicy(listed["PolicyName"], json.dumps(listed["PolicyDocument"]))
        for listed in json.loads(Path(__file__).with_name(file).read_bytes())
    )


def _role(listed: Mapping[str, Any]) -> PublishedRole:
    policies = tuple(policy for file in listed["policies"] for policy in _policies(file))
    return PublishedRole(listed["kind"], listed["name"], listed["description"], policies)


ROLES: Final[Mapping[str, PublishedRole]] = MappingProxyType(
    {
        listed["kind"]: _role(listed)
        for listed in json.loads(Path(__file__).with_name("roles.json").read_bytes())
    }
)
"""The roles by their kind. The auto-pilot role starts with the policy of the read-only role, as in
Pump's document."""

PUBLISHED_NAMES: Final[Mapping[str, str]] = {kind: role.name for kind, role in ROLES.items()}
"""The name of each kind of role as Pump publishes it."""

_REASONS: Final[Mapping[str, Any]] = json.loads(
    Path(__file__).with_name("reasons.json").read_bytes()
)

REASONS: Final[Mapping[str, str]] = MappingProxyType(_REASONS["actions"])
"""Why Pump needs each action pattern."""

RESOURCE_REASONS: Final[Mapping[str, str]] = MappingProxyType(_REASONS["resources"])
"""Why the published statements name the resources they do."""

FINDINGS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        name: {
            f"{rule.rpartition('-')[0]}::{rule}": found.get("reason", "") for rule in found["rules"]
        }
        for name, found in _REASONS["findings"].items()
    }
)
"""What cdk-nag finds in the constructs: the ID of each rule, with the reason why it is acceptable.
For ``whole-services``, these are the reasons of the actions."""

PRINCIPAL_PARAMETER: Final = "PumpIamRole"
"""The name of the template parameter with Pump's principal."""

EXTERNAL_ID_PARAMETER: Final = "PumpExternalID"
"""The name of the template parameter with the external ID."""

NEXT_EXTERNAL_ID_PARAMETER: Final = "PumpNextExternalID"
"""The name of the template parameter with a new external ID. Only the template of a rollout's
StackSet has it, during rotation."""

UNITS_PARAMETER: Final = "OrganizationalUnitIds"
"""The name of the parameter with the organizational units, in a rollout's own template."""
