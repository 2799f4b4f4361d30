"""Pump's roles in templates, and how one that a StackSet deploys differs from what is expected."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from pump_roles.account.rollout.model import RolloutRole
from pump_roles.templates import Deployed
from pump_roles.templates.canonical import canonical
from pump_roles.templates.deployed import OPEN_EXTERNAL_ID, OPEN_PRINCIPAL, DeployedRole
from pump_roles.templates.masking import Mask, texts_under_the_key
from pump_roles.templates.trust import EXTERNAL_ID_KEY

__all__ = ["differing", "roles_of", "ways_in"]


def ways_in(deployed: Deployed, stack_set: str | None = None) -> tuple[DeployedRole, ...]:
    """Return Pump's roles in templates, as they deploy them. Their names show no external ID.

    :param deployed: what the templates deploy.
    :param stack_set: the name of the StackSet that deploys them. By default whatever does.
    """
    mask = Mask(deployed.external_ids)
    return tuple(
        replace(way, role=replace(way.role, name=mask.masked(way.role.name)))
        for ways in deployed.roles
        for way in ways
        if stack_set in (None, way.stack_set)
    )


def roles_of(ways: Iterable[DeployedRole]) -> tuple[RolloutRole, ...]:
    """Return the kinds and names of roles, each once.

    :param ways: the roles, from :func:`ways_in`.
    """
    return tuple(dict.fromkeys(RolloutRole(kind=way.role.kind, name=way.role.name) for way in ways))


def differing(
    expected: Iterable[DeployedRole], found: Iterable[DeployedRole]
) -> Iterator[tuple[str, str]]:
    """Yield the kind of each role that is none of the expected ones, and what of it differs.

    What an expected role leaves to a parameter does not differ. Tags are not compared.

    :param expected: the roles that the StackSet in the templates deploys.
    :param found: the roles that the StackSet deploys.
    """
    for role in found:
        ways = [[*_parts(way, role)] for way in expected if way.role.kind == role.role.kind]
        if ways and all(ways):
            _, closest = min((len(parts), parts) for parts in ways)
            yield role.role.kind, " and ".join(closest)


_COMPARED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "path": "path",
        "boundary": "permissions boundary",
        "session_seconds": "maximum session duration",
    }
)
"""The attributes that are compared as they are, with how to call them. Tags are not: those of the
rollout's stack are added to the StackSet's."""

_ANY: Final = "anything"


def _parts(expected: DeployedRole, found: DeployedRole) -> Iterator[str]:
    names = {expected.role.name, found.role.name}
    # The name of one that is only known when it is deployed is empty.
    if len(names) > 1 and all(names):
        yield "name"
    if not _is_trust(expected.trust_policy, found.trust_policy):
        yield "trust policy"
    if _policies(expected) != _policies(found):
        yield "policies"
    for attribute, name in _COMPARED.items():
        if getattr(expected, attribute) != getattr(found, attribute):
            yield name
    # What cannot be read of both is not known to be the same. What contains the StackSet, such as
    # a macro of its stack, is only known of the expected one.
    unread = set(expected.unreadable) ^ set(found.unreadable)
    if unread or not {*found.role.unreadable} <= {*expected.role.unreadable}:
        yield "part that cannot be read"


def _policies(role: DeployedRole) -> Any:
    return {(one.name, one.managed): canonical(one.filled) for one in role.policies}


def _is_trust(expected: Any, found: Any) -> bool:
    # What has a parameter can have any value.
    ids, found_ids = texts_under_the_key(expected), texts_under_the_key(found)
    if len(ids) != len(found_ids) or not ids - {OPEN_EXTERNAL_ID} <= found_ids:
        return False
    # A principal is not everyone.
    pattern = re.escape(canonical(_readable(expected))).replace(_ANY, '[^"*?]+')
    return re.fullmatch(pattern, canonical(_readable(found))) is not None


def _readable(value: Any) -> Any:
    # Without the external IDs, and without what looks like a policy variable.
    if isinstance(value, list):
        return [_readable(element) for element in value]
    if not isinstance(value, dict):
        return _ANY if value == OPEN_PRINCIPAL else value
    return {
        key: "" if key.lower() == EXTERNAL_ID_KEY else _readable(member)
        for key, member in value.items()
    }
