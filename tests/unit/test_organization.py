"""Which accounts a StackSet targets: as AWS documents it, against a resolution of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.review.organization import Account, AccountFilter, targeted

MANAGEMENT = "000000000001"


def account(number: int, *units: str, suspended: bool = False) -> Account:
    return Account(f"{number:012}", f"account-{number}", suspended, ("r-root", *units))


ACCOUNTS = [
    account(1),
    account(2),
    account(3, "ou-prod"),
    account(4, "ou-prod", "ou-prod-eu"),
    account(5, "ou-prod", "ou-prod-eu", "ou-prod-eu-de"),
    account(6, "ou-dev"),
    account(7, "ou-dev", suspended=True),
]


@pytest.mark.parametrize(
    ("units", "account_filter", "filtered", "numbers"),
    [
        (["r-root"], "NONE", [], [2, 3, 4, 5, 6]),
        (["ou-prod"], "NONE", [], [3, 4, 5]),
        (["ou-prod-eu"], "NONE", [], [4, 5]),
        (["ou-prod-eu-de", "ou-dev"], "NONE", [], [5, 6]),
        (["ou-prod", "ou-prod-eu"], "NONE", [], [3, 4, 5]),
        (["ou-gone"], "NONE", [], []),
        (["r-root"], "DIFFERENCE", [3, 6], [2, 4, 5]),
        (["ou-prod"], "DIFFERENCE", [6], [3, 4, 5]),
        (["ou-prod"], "INTERSECTION", [4, 6], [4]),
        (["ou-prod"], "INTERSECTION", [6], []),
        (["r-root"], "INTERSECTION", [1, 7], []),
    ],
)
def test_targets(
    units: list[str], account_filter: AccountFilter, filtered: list[int], numbers: list[int]
) -> None:
    found = targeted(
        ACCOUNTS,
        units=units,
        management_account=MANAGEMENT,
        account_filter=account_filter,
        filtered=[f"{number:012}" for number in filtered],
    )
    assert [int(one.id) for one in found] == numbers


# A tree: for each unit the index of the unit above it, and for each account that of its unit.
TREES = st.integers(1, 8).flatmap(
    lambda size: st.tuples(
        st.tuples(*(st.integers(0, max(0, unit - 1)) for unit in range(size))),
        st.lists(st.tuples(st.integers(0, size - 1), st.booleans()), max_size=12),
        st.sets(st.integers(0, size - 1), min_size=1),
        st.sets(st.integers(0, 11)),
    )
)


@given(TREES, st.sampled_from(["NONE", "DIFFERENCE", "INTERSECTION"]))
def test_targets_of_any_tree(
    tree: tuple[tuple[int, ...], list[tuple[int, bool]], set[int], set[int]],
    account_filter: AccountFilter,
) -> None:
    above, placed, units, filtered = tree

    def chain(unit: int) -> list[int]:
        return [0] if unit == 0 else [*chain(above[unit]), unit]

    accounts = [
        Account(str(number), "", suspended, tuple(str(one) for one in chain(unit)))
        for number, (unit, suspended) in enumerate(placed)
    ]
    found = targeted(
        accounts,
        units={str(unit) for unit in units},
        management_account="0",
        account_filter=account_filter,
        filtered={str(one) for one in filtered},
    )
    # The other way round: from each unit down.
    below = set(units)
    for _ in above:
        below |= {unit for unit in range(1, len(above)) if above[unit] in below}
    members = {number for number, (unit, suspended) in enumerate(placed) if unit in below}
    members -= {number for number, (_, suspended) in enumerate(placed) if suspended} | {0}
    if account_filter == "DIFFERENCE":
        members -= filtered
    if account_filter == "INTERSECTION":
        members &= filtered
    assert {int(one.id) for one in found} == members
