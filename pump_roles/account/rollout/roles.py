"""Pump's roles in templates, and how those of a StackSet differ from the expected ones."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from pump_roles.account.rollout.model import RolloutRole
from pump_roles.iam.canonical import canonical
from pump_roles.iam.trust import EXTERNAL_ID_KEY
from pump_roles.templates import Deployed
from pump_roles.templates.deployed import OPEN_EXTERNAL_ID, OPEN_PRINCIPAL, DeployedRole
from pump_roles.templates.masking import Mask, texts_under_the_key

__all__ = ["deployed_roles_in", "differing", "roles_of"]


def deployed_roles_in(deployed: Deployed, stack_set: str | None = None) -> tuple[DeployedRole, ...]:
    """Return Pump's roles, as templates deploy them. External IDs in their names are masked.

    :param deployed: what the templates deploy.
    :param stack_set: the name of the StackSet that deploys them. By default, all are returned.
    """
    mask = Mask(deployed.external_ids)
    return tuple(
        replace(variant, role=replace(variant.role, name=mask.masked(variant.role.name)))
        for variants in deployed.roles
        for variant in variants
        if stack_set in (None, variant.stack_set)
    )


def roles_of(deployed: Iterable[DeployedRole]) -> tuple[RolloutRole, ...]:
    """Return the kinds and names of roles, each once.

    :param deployed: the roles, from :func:`deployed_roles_in`.
    """
    return tuple(
        dict.fromkeys(RolloutRole(kind=role.role.kind, name=role.role.name) for role in deployed)
    )


def differing(
    expected: Iterable[DeployedRole], found: Iterable[DeployedRole]
) -> Iterator[tuple[str, str]]:
    """Yield the kind of each role that differs from every expected one, and the parts that differ.

    What an expected role leaves to a parameter can have any value. Tags are not compared.

    :param expected: the roles that the StackSet in the templates deploys.
    :param found: the roles that the StackSet deploys.
    """
    for role in found:
        differences = [
            [*_differing_parts(candidate, role)]
            for candidate in expected
            if candidate.role.kind == role.role.kind
        ]
        if differences and all(differences):
            _, closest = min((len(parts), parts) for parts in differences)
            yield role.role.kind, " and ".join(closest)


_COMPARED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "path": "path",
        "boundary": "permissions boundary",
        "session_seconds": "maximum session duration",
    }
)
"""The attributes that are compared directly, with their names in messages. Tags are not compared:
CloudFormation adds those of the rollout's stack to the StackSet's."""

_ANY: Final = "anything"


def _differing_parts(expected: DeployedRole, found: DeployedRole) -> Iterator[str]:
    names = {expected.role.name, found.role.name}
    # A name that is known only at deployment is empty.
    if len(names) > 1 and all(names):
        yield "name"
    if not _same_trust(expected.trust_policy, found.trust_policy):
        yield "trust policy"
    if _policies(expected) != _policies(found):
        yield "policies"
    for attribute, name in _COMPARED.items():
        if getattr(expected, attribute) != getattr(found, attribute):
            yield name
    # Parts that cannot be read may differ. Only the expected role also has what surrounds the
    # StackSet, such as a macro of its stack.
    only_one = set(expected.unreadable) ^ set(found.unreadable)
    if only_one or not {*found.role.unreadable} <= {*expected.role.unreadable}:
        yield "something that cannot be read"


def _policies(role: DeployedRole) -> Any:
    return {(policy.name, policy.managed): canonical(policy.filled) for policy in role.policies}


def _same_trust(expected: Any, found: Any) -> bool:
    # A parameter can have any value.
    ids, found_ids = texts_under_the_key(expected), texts_under_the_key(found)
    if len(ids) != len(found_ids) or not ids - {OPEN_EXTERNAL_ID} <= found_ids:
        return False
    # The parameter for the principal never means everyone.
    pattern = re.escape(canonical(_with_placeholders(expected))).replace(_ANY, '[^"*?]+')
    return re.fullmatch(pattern, canonical(_with_placeholders(found))) is not None


def _with_placeholders(value: Any) -> Any:
    # The trust policy without external IDs, and with a placeholder for an open principal, which
    # looks like a policy variable.
    if isinstance(value, list):
        return [_with_placeholders(element) for element in value]
    if not isinstance(value, dict):
        return _ANY if value == OPEN_PRINCIPAL else value
    return {
        key: "" if key.lower() == EXTERNAL_ID_KEY else _with_placeholders(member)
        for key, member in value.items()
    }
