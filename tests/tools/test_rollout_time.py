"""How long a rollout takes: the formula, a simulation, and the model of the operations."""

from heapq import heappop, heappush

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.account.organization import Account
from tests.support import Synth, stack_set
from tools.bench.rollout_time import filtered_update, minutes, rounds
from tools.sandbox.cdk import ROOT
from tools.sandbox.operations import OPERATION_HOURS, RESOURCE_MINUTES, operations, reached


def simulated(accounts: int, percentage: int, seconds: int) -> int:
    """Return the seconds of an operation that starts a stack as soon as another one ends."""
    at_once = max(
        1, *(count for count in range(accounts + 1) if 100 * count <= accounts * percentage)
    )
    running: list[int] = []
    now = 0
    for _ in range(accounts):
        if len(running) == at_once:
            now = heappop(running)
        heappush(running, now + seconds)
    return max(running)


@given(st.integers(1, 300), st.integers(1, 100), st.integers(1, 900))
def test_formula_is_what_a_simulation_takes(accounts: int, percentage: int, seconds: int) -> None:
    assert minutes([accounts], percentage, seconds) * 60 == pytest.approx(
        simulated(accounts, percentage, seconds)
    )


@given(st.lists(st.integers(1, 50), max_size=5), st.integers(1, 100))
def test_operations_take_place_one_after_another(counts: list[int], percentage: int) -> None:
    assert minutes(counts, percentage, 60) == sum(
        simulated(accounts, percentage, 1) for accounts in counts
    )


def test_one_operation_never_takes_more_than_19_rounds_by_default() -> None:
    assert [rounds(count, 10) for count in (1, 9, 19, 20, 100, 10_000)] == [1, 9, 19, 10, 10, 10]
    assert max(rounds(count, 10) for count in range(1, 10_001)) == 19
    assert rounds(10_000, 1) == 100


def test_times_of_the_guide_are_those_of_the_formula() -> None:
    guide = (ROOT / "docs" / "organizations.md").read_text(encoding="utf-8").replace("\n", " ")
    assert "= 200 rounds instead of 10" in guide
    assert sum(rounds(count, 10) for count in filtered_update(190, 10)) == 200
    assert "at most 24 hours for each operation" in guide
    assert "allows 2,160 minutes" in guide
    assert (OPERATION_HOURS, RESOURCE_MINUTES) == (24, 2_160)
    assert "which takes up to 199 rounds, it is 7 minutes" in guide
    assert max(rounds(count, 1) for count in range(1, 10_001)) == 199
    assert 24 * 60 // 199 == 7
    assert 24 * 60 / 19 > 60  # "more than an hour for each stack"


def test_accounts_beyond_the_concurrency_quota_wait() -> None:
    assert rounds(100_000, 100) == 10


@pytest.mark.parametrize("filtered", [False, True])
def test_update_with_a_filter_has_rounds_in_each_unit(
    filtered: bool,  # noqa: FBT001
    synth: Synth,
) -> None:
    units = [f"ou-abcd-{number:08}" for number in range(10)]
    excluded = f"{10**11}"
    accounts = [
        Account(f"{number:012}", "", suspended=False, units=("r-abcd", units[number % 10]))
        for number in range(190)
    ]
    context = {
        "pump:read-only:organizational-units": units,
        **({"pump:read-only:exclude-accounts": [excluded]} if filtered else {}),
    }
    before, after = (
        stack_set(synth({**context, **change})["PumpReadOnlyRollout"])
        for change in ({}, {"pump:role-path": "/pump/"})
    )
    counts = [
        len(
            reached(
                operation,
                instances={account.id for account in accounts},
                accounts=accounts,
                management_account="999999999999",
            )
        )
        for operation in operations(before, after)
    ]
    if filtered:
        assert counts == filtered_update(190, 10) == [190, *[19] * 10]
        assert minutes(counts, 10, 60) == 10 + 10 * 19
    else:
        assert counts == [190]
        assert minutes(counts, 10, 60) == 10
