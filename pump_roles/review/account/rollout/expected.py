"""What a rollout should target, from templates or options."""

from dataclasses import dataclass, replace
from typing import Literal

from pump_roles.contents import Assembly, Place
from pump_roles.json_input import InputError
from pump_roles.review.account.rollout.status import TargetsError
from pump_roles.role import Unknown
from pump_roles.validators import (
    STACK_SET_NAME,
    STACK_SETS_CALL_AS,
    AccountFilter,
    CallAs,
    is_account_filter,
)


@dataclass(frozen=True, kw_only=True)
class ExpectedRollout:
    """A rollout, as templates and options describe it."""

    stack_set: str
    call_as: CallAs = "management"
    units: tuple[str, ...] = ()
    filter: AccountFilter = ""
    filtered: tuple[str, ...] = ()
    region: str = ""

    @property
    def caller(self) -> Literal["SELF", "DELEGATED_ADMIN"]:
        """Who calls StackSets, as the API names it."""
        return STACK_SETS_CALL_AS[self.call_as]


def rollouts_in(deployed: Assembly, source: str) -> tuple[ExpectedRollout, ...]:
    """Return every rollout in templates: the StackSets that contain one of Pump's roles."""
    places: dict[str, list[Place]] = {}
    # As everywhere, the read-only role comes first.
    for place in sorted(
        deployed.places, key=lambda place: (place.kind != "read-only", place.stack_set)
    ):
        if place.stack_set:
            places.setdefault(place.stack_set, []).append(place)
    if not places:
        raise InputError(
            f"{source}: contains no rollout (no StackSet that deploys one of Pump's roles)"
        )
    return tuple(_expect_rollout(name, found) for name, found in places.items())


def _expect_rollout(name: str, places: list[Place]) -> ExpectedRollout:
    place = places[0]
    for unreadable in (unknown for found in places for unknown in found.unreadable):
        raise TargetsError(name, unreadable)
    if not STACK_SET_NAME.accepts(name):
        raise TargetsError(name, Unknown(part="place", why="unreadable", subject="StackSetName"))
    if len({replace(found, kind="") for found in places}) > 1:
        raise TargetsError(name, Unknown(part="rollout", why="several-groups"))
    if place.call_as not in STACK_SETS_CALL_AS:
        raise TargetsError(name, Unknown(part="rollout", why="self-managed"))
    if not is_account_filter(place.filter):
        raise TargetsError(name, Unknown(part="rollout", why="unknown-filter", detail=place.filter))
    if not place.units:
        raise TargetsError(name, Unknown(part="rollout", why="no-units"))
    return ExpectedRollout(
        stack_set=name,
        call_as="delegated-admin" if place.call_as == "delegated-admin" else "management",
        units=place.units,
        filter=place.filter,
        filtered=place.accounts,
        region=place.region,
    )
