"""Whether a rollout is complete, account by account."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from pump_roles.inputs import AccountFilter
from pump_roles.review.account.organization import Account
from pump_roles.review.account.rollout_status import (
    FINE,
    AccountState,
    AccountStatus,
    ExpectedRollout,
    RolloutState,
    RolloutStatus,
    StackSet,
    assess_rollout,
    rollout_state,
)
from pump_roles.review.output.rollout_sections import describe_problems, describe_reason

MANAGEMENT = "000000000001"
TWO, THREE, FOUR = "000000000002", "000000000003", "000000000004"
GONE = "999999999999"


def account(id_: str, *, suspended: bool = False, units: tuple[str, ...] = ("r-abcd",)) -> Account:
    return Account(id_, f"account-{id_}", suspended, units)


def instance(id_: str, status: str = "CURRENT", **members: Any) -> AccountStatus:
    return AccountStatus(
        account=id_,
        state="not-current",
        status=status,
        **{"region": "us-east-1", **members},
    )


def assess(
    accounts: list[Account],
    *instances: AccountStatus,
    deployed: tuple[str, ...] = ("r-abcd",),
    **expected: Any,
) -> RolloutStatus:
    stack_set = StackSet(units=deployed, region="us-east-1", instances=instances)
    return assess_rollout(
        ExpectedRollout(stack_set="S", **expected),
        stack_set,
        accounts=accounts,
        management_account=MANAGEMENT,
    )


def states(found: RolloutStatus) -> dict[str, str]:
    return {status.account: status.state for status in found.accounts}


EXCLUDE = {"filter": "exclude"}
ONLY = {"filter": "only"}


@pytest.mark.parametrize(
    ("accounts", "instances", "expected", "found"),
    [
        ([MANAGEMENT], [], {}, {}),
        ([TWO], [TWO], {}, {TWO: "current"}),
        # The management account may be named by the filter.
        ([MANAGEMENT, TWO], [TWO], EXCLUDE | {"filtered": (MANAGEMENT,)}, {TWO: "current"}),
        ([TWO], [TWO], EXCLUDE | {"filtered": (GONE,)}, {GONE: "not-found", TWO: "current"}),
        ([TWO], [TWO], ONLY | {"filtered": (TWO, GONE)}, {GONE: "not-found", TWO: "current"}),
        ([TWO], [TWO, THREE], {}, {THREE: "not-targeted", TWO: "current"}),
        (
            [TWO, THREE],
            [TWO, THREE],
            EXCLUDE | {"filtered": (THREE,)},
            {THREE: "not-targeted", TWO: "current"},
        ),
        ([TWO, THREE], [], EXCLUDE | {"filtered": (THREE,)}, {TWO: "missing", THREE: "excluded"}),
    ],
)
def test_rollout_is_complete_if_exactly_the_targeted_accounts_have_a_current_instance(
    accounts: list[str], instances: list[str], expected: Any, found: dict[str, str]
) -> None:
    status = assess([*map(account, accounts)], *map(instance, instances), **expected)
    assert states(status) == found
    assert status.state == ("complete" if found == {TWO: "current"} else "incomplete")
    assert all(map(describe_reason, status.accounts))
    assert [*describe_problems(status)] == ([] if found else ["no account is targeted"])


def test_says_why_an_account_with_an_instance_is_not_targeted() -> None:
    (below, _) = assess([account(TWO)], instance(TWO), instance(THREE)).accounts
    assert describe_reason(below).endswith("it is not below the targeted units")
    found = assess([account(THREE)], instance(THREE), filter="exclude", filtered=(THREE,))
    assert describe_reason(found.accounts[0]).endswith("the account filter excludes it")


def test_rollout_is_not_complete_if_it_targets_other_units_than_expected() -> None:
    left, right = "ou-abcd-11111111", "ou-abcd-22222222"
    accounts = [account(TWO, units=(left,)), account(THREE, units=(right,))]
    found = assess(accounts, instance(TWO), deployed=(left,), units=(right, left))
    assert (found.state, found.deployed_units) == ("incomplete", (left,))
    assert states(found) == {THREE: "missing", TWO: "current"}
    (problem,) = describe_problems(found)
    assert f"targets {left}, but should target {left}, {right};" in problem
    assert assess(accounts[:1], instance(TWO), deployed=(left,), units=(left,)).state == "complete"
    both = instance(TWO), instance(THREE)
    found = assess(accounts, *both, deployed=(left, right), units=(right,))
    assert states(found) == {TWO: "not-targeted", THREE: "current"}


@pytest.mark.parametrize("status", ["CURRENT", "OUTDATED"])
@pytest.mark.parametrize(
    ("account_filter", "state", "of_suspended"),
    [("", "complete", "suspended"), ("exclude", "incomplete", "not-targeted")],
)
def test_suspended_account_may_keep_the_role_unless_it_is_excluded(
    account_filter: AccountFilter, state: str, of_suspended: str, status: str
) -> None:
    found = assess(
        [account(TWO), account(THREE, suspended=True), account(FOUR, suspended=True)],
        instance(TWO),
        instance(THREE, status),
        filter=account_filter,
        filtered=(THREE,) if account_filter else (),
    )
    assert (found.state, found.targeted) == (state, 1)
    assert states(found) == {TWO: "current", THREE: of_suspended, FOUR: "suspended"}
    assert all(map(describe_reason, found.accounts))


@pytest.mark.parametrize(
    ("status", "detail", "why"),
    [
        ("OUTDATED", "FAILED", "the last operation failed in this account"),
        ("OUTDATED", "CANCELLED", "the last operation stopped before"),
        ("OUTDATED", "", "it is not up to date"),
        ("NEW", "NEW", "it is not up to date"),
        # AWS's response contradicts itself.
        ("CURRENT", "FAILED", "the last operation failed in this account"),
        ("CURRENT", "SKIPPED_SUSPENDED_ACCOUNT", "the account was suspended"),
        ("OUTDATED", "RUNNING", "an operation is working in this account"),
        ("OUTDATED", "PENDING", "an operation has yet to start in this account"),
        ("INOPERABLE", "INOPERABLE", "a deletion failed; updates skip it; delete the stack"),
        ("INOPERABLE", "FAILED_IMPORT", "the stack could not be imported"),
        ("CURRENT", "", ""),
        ("CURRENT", "SUCCEEDED", ""),
    ],
)
def test_instance_that_is_not_current_has_a_reason(status: str, detail: str, why: str) -> None:
    found = assess([account(TWO)], instance(TWO, status, detailed_status=detail))
    (only,) = found.accounts
    if not why:
        assert (found.state, only.state) == ("complete", "current")
        return
    assert (found.state, only.state) == ("incomplete", "not-current")
    assert describe_reason(only).startswith(why)
    assert describe_reason(replace(only, reason="role in use")).startswith("role in use")


def test_account_with_two_instances_has_two_rows() -> None:
    west = instance(TWO, "OUTDATED", region="eu-west-1")
    found = assess([account(TWO)], instance(TWO), west)
    assert found.state == "incomplete"
    assert [(status.state, status.region) for status in found.accounts] == [
        ("not-current", "eu-west-1"),
        ("current", "us-east-1"),
    ]


def test_first_four_states_need_attention() -> None:
    assert {*get_args(AccountState)[:4]} == {*get_args(AccountState)} - FINE


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ([], "unknown"),
        (["complete"], "complete"),
        (["complete", "unknown"], "unknown"),
        (["unknown", "incomplete", "complete"], "incomplete"),
    ],
)
def test_incomplete_takes_precedence_over_unknown(states: list[RolloutState], state: str) -> None:
    assert rollout_state(states) == state
