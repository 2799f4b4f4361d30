"""What a rollout should target and deploy, from templates or options."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

from pump_roles.account.organization import AccountFilter
from pump_roles.account.rollout.status import RolloutRole, StatusError
from pump_roles.compare import Difference, compare
from pump_roles.json_input import InputError
from pump_roles.role import Role, Unknown
from pump_roles.templates import Contents, Place
from pump_roles.templates.masking import Mask, texts_under_the_key
from pump_roles.templates.model import ACCOUNT_FILTERS
from pump_roles.validators import STACK_SET_NAME, STACK_SETS_CALL_AS, CallAs

_FILTERS: Final[dict[str, AccountFilter]] = {
    word: name for name in get_args(AccountFilter) for word in [ACCOUNT_FILTERS.get(name, "")]
}


@dataclass(frozen=True, kw_only=True)
class ExpectedRollout:
    """A rollout, as templates and options describe it.

    :param stack_set: the StackSet's name.
    :param call_as: who calls StackSets.
    :param units: the IDs of the organizational units. By default, those that the StackSet targets.
    :param account_filter: how the account filter narrows them; ``None`` to read it from the stack
        that deployed the rollout.
    :param filtered: the IDs of the accounts that the filter names.
    :param source: where the filter comes from, in words; empty if it is to be read.
    :param deployed_roles: Pump's roles, as this StackSet deploys them in the templates; none
        without templates.
    :param region: the Region that the templates are for; empty if any.
    """

    stack_set: str
    call_as: CallAs = "management"
    units: tuple[str, ...] = ()
    account_filter: AccountFilter | None = None
    filtered: tuple[str, ...] = ()
    source: str = ""
    deployed_roles: tuple[Role, ...] = field(default=(), repr=False)
    region: str = ""

    @property
    def caller(self) -> Literal["SELF", "DELEGATED_ADMIN"]:
        """Who calls StackSets, as the API names it."""
        return STACK_SETS_CALL_AS[self.call_as]

    @property
    def filter(self) -> str:
        """What the filter does: ``exclude`` or ``only``; empty if there is none."""
        return ACCOUNT_FILTERS.get(self.account_filter or "", "")


def rollouts_in(deployed: Contents, source: str) -> tuple[ExpectedRollout, ...]:
    """Return every rollout in templates: the StackSets that contain one of Pump's roles.

    :param deployed: what the templates deploy.
    :param source: the templates, in words.
    :raises InputError: if there is none.
    :raises StatusError: if the targets of one cannot be read.
    """
    places: dict[str, list[Place]] = {}
    for place in deployed.places:
        if place.stack_set:
            places.setdefault(place.stack_set, []).append(place)
    found = tuple(
        _rollout(deployed, name, same, source) for name, same in sorted(places.items(), key=_order)
    )
    if not found:
        raise InputError(
            f"{source}: contains no rollout (no StackSet that deploys one of Pump's roles)"
        )
    return found


def _order(item: tuple[str, list[Place]]) -> tuple[int, str]:
    # As everywhere, the read-only role comes first.
    name, places = item
    return (0 if places[0].kind == "read-only" else 1), name


def _rollout(deployed: Contents, name: str, places: list[Place], source: str) -> ExpectedRollout:
    for unknown in _unknown(name, places):
        raise StatusError(unknown, stack_set=name)
    place = places[0]
    return ExpectedRollout(
        stack_set=name,
        call_as="delegated-admin" if place.call_as == "delegated-admin" else "management",
        units=place.units,
        account_filter=_FILTERS[place.filter],
        filtered=place.accounts,
        source=source,
        deployed_roles=roles_in(deployed, name),
        region=place.region,
    )


def _unknown(name: str, places: list[Place]) -> Iterator[Unknown]:
    for place in places:
        yield from place.unreadable
    place = places[0]
    if not STACK_SET_NAME.accepts(name):
        yield Unknown(part="place", why="unreadable", subject="StackSetName")
    if len({replace(place, kind="") for place in places}) > 1:
        yield Unknown(part="place", why="several-groups")
    if place.call_as not in STACK_SETS_CALL_AS:
        yield Unknown(part="place", why="self-managed")
    if place.filter not in _FILTERS:
        yield Unknown(part="place", why="unknown-filter", detail=place.filter)
    if not place.units:
        yield Unknown(part="place", why="no-units")


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
    documents = [document for role in (*expected, *found) for document in role.documents]
    mask = Mask(texts_under_the_key(documents))
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
