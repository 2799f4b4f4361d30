"""Pump's roles that StackSets deploy, and how they differ from the expected ones."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from pump_roles.account.rollout.status import RolloutRole
from pump_roles.compare import Difference, compare
from pump_roles.role import Role
from pump_roles.templates import Contents
from pump_roles.templates.masking import Mask, texts_under_the_key

__all__ = ["compared", "roles_in"]


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


def compared(expected: Collection[Role], found: Collection[Role]) -> Iterator[RolloutRole]:
    """Yield the roles that a StackSet deploys and those that are missing, with their differences.

    What an expected role leaves to a parameter can have any value. Tags are not compared:
    CloudFormation adds those of the rollout's stack to the StackSet's.

    :param expected: the roles that the StackSet in the templates deploys; none if nothing is
        expected.
    :param found: the roles that the StackSet deploys.
    """
    mask = Mask(frozenset(_external_ids((*expected, *found))))
    for role in found:
        candidates = [
            mask.masked(_compared(other, role)) for other in expected if other.kind == role.kind
        ]
        if candidates:
            yield min(candidates, key=lambda other: len(other.differences) + len(other.unknown))
        else:
            present = Difference(rule="role-present", effect="broader")
            yield _named(role, *([present] if expected else []))
    for role in expected:
        if role.kind not in {other.kind for other in found}:
            yield _named(role, Difference(rule="role-missing", effect="narrower"))


def _external_ids(roles: Iterable[Role]) -> Iterator[str]:
    for role in roles:
        for document in (role.trust_policy, *(policy.document for policy in role.policies)):
            yield from texts_under_the_key(document)


def _named(role: Role, *differences: Difference) -> RolloutRole:
    return RolloutRole(kind=role.kind, name=role.name, differences=differences)


def _compared(expected: Role, found: Role) -> RolloutRole:
    # Only the expected role also has what surrounds the StackSet, such as a macro of its stack.
    return RolloutRole(
        kind=found.kind,
        name=found.name,
        differences=compare(replace(expected, tags={}), replace(found, tags={})),
        unknown=tuple(unknown for unknown in found.unknown if unknown not in expected.unknown),
    )
