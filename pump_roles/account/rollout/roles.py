"""Pump's roles that StackSets deploy, and how they differ from the expected ones."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Final

from pump_roles.account.rollout.model import RolloutRole
from pump_roles.compare import compare
from pump_roles.role import Part, Role
from pump_roles.templates import Contents
from pump_roles.templates.masking import Mask

__all__ = ["differing", "kinds_and_names", "roles_in"]

_ORDER: Final[tuple[Part, ...]] = (
    "name",
    "trust-policy",
    "inline-policies",
    "managed-policies",
    "path",
    "boundary",
    "session",
    "role",
)


def roles_in(contents: Contents, stack_set: str | None = None) -> tuple[Role, ...]:
    """Return Pump's roles in templates. External IDs in their names are masked.

    :param contents: what the templates contain.
    :param stack_set: the name of the StackSet that deploys them. By default, all are returned.
    """
    mask = Mask(contents.external_ids)
    return tuple(
        replace(variant.role, name=mask.masked(variant.role.name))
        for variants in contents.variants
        for variant in variants
        if stack_set in (None, variant.stack_set)
    )


def kinds_and_names(roles: Iterable[Role]) -> tuple[RolloutRole, ...]:
    """Return the kinds and names of roles, each once.

    :param roles: the roles.
    """
    return tuple(dict.fromkeys(RolloutRole(kind=role.kind, name=role.name) for role in roles))


def differing(
    expected: Collection[Role], found: Iterable[Role]
) -> Iterator[tuple[str, tuple[Part, ...]]]:
    """Yield the kind of each role that differs from every expected one, and the parts that differ.

    What an expected role leaves to a parameter can have any value. Tags are not compared:
    CloudFormation adds those of the rollout's stack to the StackSet's. The part ``role`` stands for
    what cannot be read, which may differ.

    :param expected: the roles that the StackSet in the templates deploys.
    :param found: the roles that the StackSet deploys.
    """
    for role in found:
        differences = [
            _parts(candidate, role) for candidate in expected if candidate.kind == role.kind
        ]
        if differences and all(differences):
            yield role.kind, min(differences, key=len)


def _parts(expected: Role, found: Role) -> tuple[Part, ...]:
    parts: set[Part] = {
        difference.part
        for difference in compare(replace(expected, tags={}), replace(found, tags={}))
    }
    # Only the expected role also has what surrounds the StackSet, such as a macro of its stack.
    if not {*found.unknown} <= {*expected.unknown}:
        parts.add("role")
    return tuple(part for part in _ORDER if part in parts)
