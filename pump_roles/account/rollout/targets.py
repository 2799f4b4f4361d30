"""What a rollout should target, from templates or from options."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

from pump_roles.account.organization import AccountFilter
from pump_roles.account.rollout.model import RolloutRole
from pump_roles.account.rollout.roles import roles_of, ways_in
from pump_roles.templates import Deployed, InputError, Place
from pump_roles.templates.deployed import DeployedRole
from pump_roles.templates.model import ACCOUNT_FILTERS
from pump_roles.validators import STACK_SET_NAME, STACK_SETS_CALL_AS, CallAs

__all__ = ["Targets", "targets_in"]

_FILTERS: Final[dict[str, AccountFilter]] = {
    word: name for name in get_args(AccountFilter) for word in [ACCOUNT_FILTERS.get(name, "")]
}


@dataclass(frozen=True, kw_only=True)
class Targets:
    """A rollout, and what is known in advance about what it should target.

    :param stack_set: the StackSet's name.
    :param call_as: who calls StackSets.
    :param units: the IDs of the organizational units. By default, those of the StackSet itself.
    :param account_filter: how the filter narrows them; ``None`` if that is read from the rollout's
        own stack.
    :param filtered: the IDs of the accounts that the filter names.
    :param source: where the units and the roles are from, in words; empty if from the StackSet.
    :param filter_source: where the filter is from, in words. By default, from the same place.
    :param ways: Pump's roles, as the templates deploy them through this StackSet; none if there are
        no templates.
    :param region: the region that the templates are for; empty if that is any.
    """

    stack_set: str
    call_as: CallAs = "management"
    units: tuple[str, ...] = ()
    account_filter: AccountFilter | None = None
    filtered: tuple[str, ...] = ()
    source: str = ""
    filter_source: str = ""
    ways: tuple[DeployedRole, ...] = field(default=(), repr=False)
    region: str = ""

    @property
    def roles(self) -> tuple[RolloutRole, ...]:
        """Pump's roles in the templates."""
        return roles_of(self.ways)

    @property
    def caller(self) -> Literal["SELF", "DELEGATED_ADMIN"]:
        """Who calls StackSets, as the API names it."""
        return STACK_SETS_CALL_AS[self.call_as]

    @property
    def filter(self) -> str:
        """What the filter does: ``exclude``, ``only``, or nothing."""
        return ACCOUNT_FILTERS.get(self.account_filter or "", "")


def targets_in(deployed: Deployed, source: str) -> tuple[Targets, ...]:
    """Return every rollout in templates: the StackSets that contain one of Pump's roles.

    :param deployed: what the templates deploy.
    :param source: the templates, in words.
    :raises InputError: if there is none, or what one of them targets cannot be read.
    """
    places: dict[str, list[Place]] = {}
    for place in deployed.contents.places:
        if place.stack_set:
            places.setdefault(place.stack_set, []).append(place)
    found = tuple(
        _targets(deployed, name, same, source) for name, same in sorted(places.items(), key=_order)
    )
    if not found:
        raise InputError(f"{source}: contains no rollout, a StackSet with one of Pump's roles")
    return found


def _order(item: tuple[str, list[Place]]) -> tuple[int, str]:
    # The read-only role's first, as everywhere.
    name, places = item
    return (0 if places[0].kind == "read-only" else 1), name


def _targets(deployed: Deployed, name: str, places: list[Place], source: str) -> Targets:
    for problem in _problems(name, places):
        raise InputError(f"{source}: the targets of the StackSet {name} cannot be read: {problem}")
    place = places[0]
    return Targets(
        stack_set=name,
        call_as="delegated-admin" if place.call_as == "delegated-admin" else "management",
        units=place.units,
        account_filter=_FILTERS[place.filter],
        filtered=place.accounts,
        source=source,
        ways=ways_in(deployed, name),
        region=place.region,
    )


def _problems(name: str, places: list[Place]) -> Iterator[str]:
    for place in places:
        yield from place.unreadable
    place = places[0]
    if not STACK_SET_NAME.accepts(name):
        yield "its name is known only when it is deployed"
    if len({replace(one, kind="") for one in places}) > 1:
        yield "it deploys to several groups of accounts"
    if place.call_as not in STACK_SETS_CALL_AS:
        yield "it is self-managed"
    if place.filter not in _FILTERS:
        yield f"its account filter is {place.filter}"
    if not place.units:
        yield "it has no organizational units"
