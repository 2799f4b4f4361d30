"""A role is expected where the templates put it, and nowhere else."""

from collections.abc import Collection
from typing import Any

import pytest

from pump_roles.review.account.verify.placement import Location, belongs
from pump_roles.review.role import Unknown
from pump_roles.review.templates import Place

MANAGEMENT, HERE, OTHER = "000000000001", "000000000002", "000000000003"
UNIT, INNER = "ou-abcd-11111111", "ou-abcd-22222222"


def stack(**members: Any) -> Place:
    return Place(kind="read-only", source="", **members)


def rollout(**members: Any) -> Place:
    given = {"stack_set": "PumpReadOnly", "call_as": "management", "units": (UNIT,)}
    return stack(**{**given, **members})


def is_expected(
    *places: Place,
    account: str = HERE,
    units: Collection[str] | None = (UNIT, INNER),
    management_account: str = MANAGEMENT,
) -> bool | None:
    return belongs(
        places, Location(account=account, units=units, management_account=management_account)
    )


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (stack(account=HERE), True),
        (stack(account=OTHER), False),
        (stack(), None),
        (stack(account=HERE, unreadable=(Unknown(part="template", why="conditional"),)), None),
        (rollout(), True),
        (rollout(units=("r-abcd", INNER)), True),
        (rollout(units=("ou-abcd-33333333",)), False),
        (rollout(filter="exclude", accounts=(OTHER,)), True),
        (rollout(filter="exclude", accounts=(HERE,)), False),
        (rollout(filter="only", accounts=(HERE,)), True),
        (rollout(filter="only", accounts=(OTHER,)), False),
        (rollout(filter="UNION", accounts=(HERE,)), None),
        (rollout(call_as="", units=(), accounts=(HERE,)), True),
        (rollout(call_as="", units=(), accounts=(OTHER,)), False),
        (rollout(call_as="delegated-admin"), True),
    ],
)
def test_role_is_expected_where_the_templates_put_it(
    place: Place, *, expected: bool | None
) -> None:
    assert is_expected(place) is expected


def test_role_is_expected_if_any_place_says_so_and_not_known_if_any_is_open() -> None:
    elsewhere = stack(account=OTHER)
    assert is_expected(elsewhere, rollout()) is True
    assert is_expected(elsewhere, stack()) is None
    assert is_expected(elsewhere, elsewhere) is False


def test_management_account_has_the_stack_that_its_rollout_is_deployed_with() -> None:
    for place, expected in ((rollout(), False), (stack(), None)):
        assert is_expected(place, account=MANAGEMENT) is expected
    both = (stack(), rollout())
    assert is_expected(*both, account=MANAGEMENT) is True
    assert is_expected(*both, account=OTHER, units=()) is False
    assert is_expected(*both, account=OTHER, units=(), management_account="") is None
    delegated = (stack(), rollout(call_as="delegated-admin"))
    assert is_expected(*delegated, account=MANAGEMENT) is None


def test_account_that_is_verified_alone_has_what_could_be_in_it() -> None:
    for place, expected in (
        (stack(), True),
        (stack(account=OTHER), False),
        (rollout(), None),
        (rollout(filter="exclude", accounts=(HERE,)), False),
        (rollout(call_as="", accounts=(HERE,)), True),
    ):
        assert is_expected(place, units=None) is expected
    assert is_expected(rollout(), account=MANAGEMENT, units=None) is False
