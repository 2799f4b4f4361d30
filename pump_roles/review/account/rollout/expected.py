"""What a rollout should target, from templates or options."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from pump_roles.json_input import InputError
from pump_roles.review.account.organization import FILTERS, AccountFilter
from pump_roles.review.account.rollout.status import StatusError
from pump_roles.review.contents import ACCOUNT_FILTERS
from pump_roles.review.role import Unknown
from pump_roles.review.templates import Contents, Place
from pump_roles.validators import STACK_SET_NAME, STACK_SETS_CALL_AS, CallAs


@dataclass(frozen=True, kw_only=True)
class ExpectedRollout:
    """A rollout, as templates and options describe it."""

    stack_set: str
    call_as: CallAs = "management"
    units: tuple[str, ...] = ()
    account_filter: AccountFilter = "NONE"
    filtered: tuple[str, ...] = ()
    region: str = ""

    @property
    def caller(self) -> Literal["SELF", "DELEGATED_ADMIN"]:
        """Who calls StackSets, as the API names it."""
        return STACK_SETS_CALL_AS[self.call_as]

    @property
    def filter(self) -> str:
        """What the filter does: ``exclude`` or ``only``; empty if there is none."""
        return ACCOUNT_FILTERS.get(self.account_filter, "")


def rollouts_in(deployed: Contents, source: str) -> tuple[ExpectedRollout, ...]:
    """Return every rollout in templates: the StackSets that contain one of Pump's roles."""
    places: dict[str, list[Place]] = {}
    for place in deployed.places:
        if place.stack_set:
            places.setdefault(place.stack_set, []).append(place)
    found = tuple(_rollout(name, same) for name, same in sorted(places.items(), key=_order))
    if not found:
        raise InputError(
            f"{source}: contains no rollout (no StackSet that deploys one of Pump's roles)"
        )
    return found


def _order(item: tuple[str, list[Place]]) -> tuple[int, str]:
    # As everywhere, the read-only role comes first.
    name, places = item
    return (0 if places[0].kind == "read-only" else 1), name


def _rollout(name: str, places: list[Place]) -> ExpectedRollout:
    for unknown in _unknown(name, places):
        raise StatusError(unknown, stack_set=name)
    place = places[0]
    return ExpectedRollout(
        stack_set=name,
        call_as="delegated-admin" if place.call_as == "delegated-admin" else "management",
        units=place.units,
        account_filter=FILTERS[place.filter],
        filtered=place.accounts,
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
    if place.filter not in FILTERS:
        yield Unknown(part="place", why="unknown-filter", detail=place.filter)
    if not place.units:
        yield Unknown(part="place", why="no-units")
