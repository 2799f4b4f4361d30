"""The forms of a rollout's arguments: lists, whole numbers, and ids of AWS Organizations."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.forms import (
    ACCOUNTS,
    FAILURE_TOLERANCE,
    MAX_CONCURRENT,
    ORGANIZATIONAL_UNITS,
    ArgumentError,
    Integer,
    ListOf,
)

LOWER = string.ascii_lowercase + string.digits

# What the AWS Organizations API Reference says, written down apart from the package.
ROOTS = st.text(LOWER, min_size=4, max_size=32).map("r-{}".format)
UNITS = st.builds(
    "ou-{}-{}".format,
    st.text(LOWER, min_size=4, max_size=32),
    st.text(LOWER, min_size=8, max_size=32),
)
DIGITS = st.text(string.digits, min_size=12, max_size=12)


@given(st.lists(ROOTS | UNITS, min_size=1, max_size=50, unique=True))
def test_takes_ids_of_units_and_roots(units: list[str]) -> None:
    assert ORGANIZATIONAL_UNITS.check("units", units) == units
    assert ORGANIZATIONAL_UNITS.check("units", tuple(units)) == units


@given(st.lists(DIGITS, min_size=1, max_size=60, unique=True))
def test_takes_account_ids(accounts: list[str]) -> None:
    assert ACCOUNTS.check("accounts", accounts) == accounts


@given(st.text(max_size=20) | st.text("ou-r0123456789abcdef", max_size=24))
def test_takes_nothing_else(value: str) -> None:
    for several, pattern in [
        (ORGANIZATIONAL_UNITS, "ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32}"),
        (ACCOUNTS, "[0-9]{12}"),
    ]:
        if re.fullmatch(pattern, value, re.ASCII):
            assert several.check("values", [value]) == [value]
        else:
            with pytest.raises(ArgumentError, match=r"^values: "):
                several.check("values", [value])


@pytest.mark.parametrize("several", [ORGANIZATIONAL_UNITS, ACCOUNTS])
@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([], "the list is empty"),
        ((), "the list is empty"),
        ("111111111111", "is not a list"),
        (None, "is not a list"),
        (12, "is not a list"),
        ({"r-abcd": 1}, "is not a list"),
        ([None], "None is not "),
        ([12], "12 is not "),
        ([["r-abcd"]], "is not "),
    ],
)
def test_a_list_of_another_kind_is_an_error(several: ListOf, values: object, problem: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        several.check("values", values)
    assert caught.value.argument == "values"
    assert problem in caught.value.problem


@given(st.lists(DIGITS, min_size=1, max_size=20, unique=True), st.data())
def test_the_same_value_twice_is_an_error(accounts: list[str], data: st.DataObject) -> None:
    twice = data.draw(st.sampled_from(accounts))
    at = data.draw(st.integers(0, len(accounts)))
    with pytest.raises(ArgumentError, match=f"^accounts: '{twice}' is there twice$"):
        ACCOUNTS.check("accounts", [*accounts[:at], twice, *accounts[at:]])


def test_more_than_the_greatest_number_is_an_error() -> None:
    units = [f"ou-abcd-{index:08}" for index in range(51)]
    assert ORGANIZATIONAL_UNITS.check("units", units[:50]) == units[:50]
    with pytest.raises(ArgumentError, match="51 are given, allowed are 50"):
        ORGANIZATIONAL_UNITS.check("units", units)


@given(st.integers(-200, 200) | st.floats(allow_nan=True) | st.booleans() | st.text(max_size=4))
def test_a_percentage_is_a_whole_number_within_its_bounds(value: object) -> None:
    for whole, minimum in [(MAX_CONCURRENT, 1), (FAILURE_TOLERANCE, 0)]:
        if type(value) is int and minimum <= value <= 100:
            assert whole.check("percentage", value) == value
        else:
            with pytest.raises(ArgumentError, match=f"from {minimum} to 100$"):
                whole.check("percentage", value)


@pytest.mark.parametrize(
    ("whole", "bounds"), [(MAX_CONCURRENT, (1, 100)), (FAILURE_TOLERANCE, (0, 100))]
)
def test_the_bounds_of_a_percentage_are_taken(whole: Integer, bounds: tuple[int, int]) -> None:
    for bound in bounds:
        assert whole.check("percentage", bound) == bound
