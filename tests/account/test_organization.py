"""Which accounts a StackSet targets: as AWS documents it, and as computed independently."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.account.organization import Account, AccountFilter, accounts_below, targeted
from tools.sandbox.management import management
from tools.sandbox.organization import Organization

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
def test_targets_the_accounts_that_aws_documents(
    units: list[str], account_filter: AccountFilter, filtered: list[int], numbers: list[int]
) -> None:
    found = targeted(
        ACCOUNTS,
        units=units,
        management_account=MANAGEMENT,
        account_filter=account_filter,
        filtered=[f"{number:012}" for number in filtered],
    )
    assert [int(target.id) for target in found] == numbers


# A tree: the index of the unit above each unit, the unit of each account, whether it is suspended,
# the targeted units, and the filtered accounts.
TREES = st.integers(1, 8).flatmap(
    lambda size: st.tuples(
        st.tuples(*(st.integers(0, max(0, unit - 1)) for unit in range(size))),
        st.lists(st.tuples(st.integers(0, size - 1), st.booleans()), max_size=12),
        st.sets(st.integers(0, size - 1), min_size=1),
        st.sets(st.integers(0, 11)),
    )
)


@given(TREES, st.sampled_from(["NONE", "DIFFERENCE", "INTERSECTION"]))
def test_targets_the_accounts_that_a_walk_down_from_the_units_finds(
    tree: tuple[tuple[int, ...], list[tuple[int, bool]], set[int], set[int]],
    account_filter: AccountFilter,
) -> None:
    above, placed, units, filtered = tree

    def chain(unit: int) -> list[int]:
        return [0] if unit == 0 else [*chain(above[unit]), unit]

    accounts = [
        Account(str(number), "", suspended, tuple(map(str, chain(unit))))
        for number, (unit, suspended) in enumerate(placed)
    ]
    found = targeted(
        accounts,
        units={str(unit) for unit in units},
        management_account="0",
        account_filter=account_filter,
        filtered=set(map(str, filtered)),
    )
    below = set(units)
    for _ in above:
        below |= {unit for unit in range(1, len(above)) if above[unit] in below}
    members = {number for number, (unit, suspended) in enumerate(placed) if unit in below}
    members -= {number for number, (_, suspended) in enumerate(placed) if suspended} | {0}
    if account_filter == "DIFFERENCE":
        members -= filtered
    if account_filter == "INTERSECTION":
        members &= filtered
    assert {int(target.id) for target in found} == members


def test_reads_an_account_below_two_listed_units_once_with_its_whole_path() -> None:
    with management() as aws:
        organization = Organization.create(aws, {"Upper": {"Lower": 1}})
        upper, lower = (organization.units[name] for name in ("Upper", "Lower"))
        for units in ([upper, lower], [lower, upper]):
            found: list[int] = []
            (read,) = accounts_below(aws.organizations, units, found=found.append)
            assert read.units == (upper, lower)
            assert found == [1]
