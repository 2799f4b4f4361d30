"""Whether a rollout is complete, account by account."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from pump_roles.account.organization import Account, AccountFilter
from pump_roles.account.rollout.expected import ExpectedRollout
from pump_roles.account.rollout.stack_set import StackSet, compare
from pump_roles.account.rollout.status import (
    FINE,
    AccountState,
    AccountStatus,
    RolloutState,
    RolloutStatus,
    state_of,
)
from pump_roles.output.rollout_formats import problems_in_words, reason_in_words

MANAGEMENT = "000000000001"
DELETE_STACK = (
    "updates skip it; delete the stack instance with --retain-stacks, then delete its stack"
)
TWO, THREE = "000000000002", "000000000003"


def account(id_: str, *, suspended: bool = False, units: tuple[str, ...] = ("r-abcd",)) -> Account:
    return Account(id_, f"account-{id_}", suspended, units)


def instance(id_: str, status: str = "CURRENT", **members: Any) -> AccountStatus:
    return AccountStatus(
        account=id_, state="not-current", region="us-east-1", status=status, **members
    )


def compared(
    accounts: list[Account],
    *instances: AccountStatus,
    account_filter: AccountFilter = "NONE",
    filtered: tuple[str, ...] = (),
    units: tuple[str, ...] = ("r-abcd",),
    expected_units: tuple[str, ...] = (),
) -> RolloutStatus:
    stack_set = StackSet(
        units=units,
        region="us-east-1",
        instance_region="us-east-1",
        instances=instances,
    )
    targets = ExpectedRollout(
        stack_set="S", account_filter=account_filter, filtered=filtered, units=expected_units
    )
    return compare(targets, stack_set, accounts=accounts, management_account=MANAGEMENT)


def states(found: RolloutStatus) -> dict[str, str]:
    return {status.account: status.state for status in found.accounts}


def only(found: RolloutStatus) -> AccountStatus:
    (status,) = found.accounts
    return status


def test_rollout_is_not_complete_if_no_account_is_targeted() -> None:
    found = compared([account(MANAGEMENT)])
    assert found.state == "incomplete"
    assert [*problems_in_words(found)] == ["no account is targeted"]


def test_lists_instances_in_accounts_that_are_not_targeted() -> None:
    found = compared([account(TWO)], instance(TWO), instance(THREE, "OUTDATED"))
    assert found.state == "incomplete"
    assert states(found) == {TWO: "current", THREE: "not-targeted"}
    assert found.retry == ()
    assert reason_in_words(found.accounts[0]) == (
        "it has a stack instance, but it is not below the targeted units"
    )
    found = compared(
        [account(TWO), account(THREE)],
        *(instance(TWO), instance(THREE)),
        account_filter="DIFFERENCE",
        filtered=(THREE,),
    )
    assert (found.state, states(found)) == ("incomplete", {TWO: "current", THREE: "not-targeted"})
    assert found.accounts[0].name
    assert reason_in_words(found.accounts[0]) == (
        "it has a stack instance, but the account filter excludes it"
    )


def test_rollout_is_not_complete_if_it_targets_other_units_than_expected() -> None:
    one, two = "ou-abcd-11111111", "ou-abcd-22222222"
    accounts = [account(TWO, units=(one,)), account(THREE, units=(two,))]
    found = compared(accounts, instance(TWO), units=(one,), expected_units=(two, one))
    assert (found.state, found.deployed_units, found.units) == ("incomplete", (one,), (two, one))
    assert states(found) == {THREE: "missing", TWO: "current"}
    assert [*problems_in_words(found)] == [
        f"the StackSet targets {one}, but should target {one}, {two}; deploy the rollout again"
    ]
    # A command would add the unit to the StackSet's targets.
    assert found.retry == ()
    assert compared(accounts[:1], instance(TWO), units=(one,), expected_units=(one,)).state == (
        "complete"
    )
    found = compared(
        accounts, instance(TWO), instance(THREE), units=(one, two), expected_units=(two,)
    )
    assert states(found) == {TWO: "not-targeted", THREE: "current"}


def test_filter_that_names_an_account_that_does_not_exist_is_not_complete() -> None:
    gone = "999999999999"
    excluding = compared(
        [account(TWO)], instance(TWO), account_filter="DIFFERENCE", filtered=(gone,)
    )
    only_these = compared(
        [account(TWO)], instance(TWO), account_filter="INTERSECTION", filtered=(TWO, gone)
    )
    for found in (excluding, only_these):
        assert found.state == "incomplete"
        assert states(found) == {TWO: "current", gone: "not-found"}


@pytest.mark.parametrize("status", ["CURRENT", "OUTDATED"])
@pytest.mark.parametrize(
    ("account_filter", "state"), [("NONE", "complete"), ("DIFFERENCE", "incomplete")]
)
def test_suspended_account_may_keep_the_role_unless_it_is_excluded(
    account_filter: AccountFilter, state: str, status: str
) -> None:
    found = compared(
        [account(TWO), account(THREE, suspended=True)],
        instance(TWO),
        instance(THREE, status),
        account_filter=account_filter,
        filtered=() if account_filter == "NONE" else (THREE,),
    )
    assert (found.state, found.retry) == (state, ())
    assert states(found)[THREE] == ("suspended" if state == "complete" else "not-targeted")


SKIPPED = "SKIPPED_SUSPENDED_ACCOUNT"
REPEATED = {
    ("OUTDATED", "FAILED"): "the last operation failed in this account; AWS gives no reason",
    ("OUTDATED", "CANCELLED"): "the last operation stopped before it reached this account",
    ("OUTDATED", ""): "it is not up to date",
    ("NEW", "NEW"): "it is not up to date",
    # AWS's response contradicts itself.
    ("CURRENT", "FAILED"): "the last operation failed in this account; AWS gives no reason",
    ("CURRENT", SKIPPED): "the account was suspended when the last operation ran",
}
"""Why an instance is not current, by its status and its detailed status, if a command helps."""

NOT_REPEATED = {
    ("OUTDATED", "RUNNING"): "an operation is working in this account; pass --wait",
    ("OUTDATED", "PENDING"): "an operation has yet to start in this account; pass --wait",
    ("INOPERABLE", "INOPERABLE"): f"a deletion failed; {DELETE_STACK}",
    ("INOPERABLE", "FAILED_IMPORT"): "the stack could not be imported",
}


@pytest.mark.parametrize(("status", "detail"), [*REPEATED, *NOT_REPEATED])
def test_every_instance_that_is_not_current_has_a_reason(status: str, detail: str) -> None:
    found = compared([account(TWO)], instance(TWO, status, detailed_status=detail))
    assert (found.state, only(found).state) == ("incomplete", "not-current")
    assert reason_in_words(only(found)) == (REPEATED | NOT_REPEATED)[status, detail]
    assert bool(found.retry) == ((status, detail) in REPEATED)


@pytest.mark.parametrize(
    ("status", "detail", "more"),
    [("OUTDATED", "FAILED", ""), ("INOPERABLE", "", f"; {DELETE_STACK}")],
)
def test_reason_that_aws_gives_is_shown(status: str, detail: str, more: str) -> None:
    failed = instance(TWO, status, detailed_status=detail, reason="role in use")
    assert reason_in_words(only(compared([account(TWO)], failed))) == f"role in use{more}"


@pytest.mark.parametrize("detail", ["", "SUCCEEDED"])
def test_current_instance_may_say_how_the_last_operation_ended(detail: str) -> None:
    found = compared([account(TWO)], instance(TWO, detailed_status=detail))
    assert (found.state, only(found).state) == ("complete", "current")


def test_every_other_account_has_a_reason() -> None:
    found = compared(
        [account(TWO), account(THREE), account("000000000004", suspended=True)],
        account_filter="DIFFERENCE",
        filtered=(THREE, "000000000009"),
    )
    assert {status.state: reason_in_words(status) for status in found.accounts} == {
        "missing": "it is targeted, but has no stack instance",
        "suspended": "the account is suspended; StackSets skip it",
        "excluded": "the account filter excludes it",
        "not-found": "the account filter names it, but it is not below the targeted units",
    }
    assert found.targeted == 1


def test_management_account_may_be_named_by_the_filter() -> None:
    found = compared(
        [account(MANAGEMENT), account(TWO)],
        instance(TWO),
        account_filter="DIFFERENCE",
        filtered=(MANAGEMENT,),
    )
    assert found.state == "complete"


def test_account_with_two_instances_has_two_rows() -> None:
    found = compared(
        [account(TWO)], instance(TWO), replace(instance(TWO, "OUTDATED"), region="eu-west-1")
    )
    assert found.state == "incomplete"
    assert [(status.state, status.region) for status in found.accounts] == [
        ("not-current", "eu-west-1"),
        ("current", "us-east-1"),
    ]
    (retry,) = found.retry
    assert " --regions eu-west-1 " in retry.command
    assert retry.command.endswith(" --region us-east-1")


def test_command_is_for_each_targeted_unit_and_at_most_100_accounts() -> None:
    left, right = "ou-abcd-11111111", "ou-abcd-22222222"
    accounts = [
        account(f"{number:012}", units=(unit, f"{unit}0"))
        for unit, numbers in [(left, range(2_000, 2_150)), (right, range(1_000, 1_001))]
        for number in numbers
    ]
    found = compared(accounts, units=(left, right))
    assert [(len(retry.accounts), retry.accounts[0]) for retry in found.retry] == [
        (100, "000000002000"),
        (50, "000000002100"),
        (1, "000000001000"),
    ]
    assert [
        f"OrganizationalUnitIds={unit}," in retry.command
        for unit, retry in zip([left, left, right], found.retry, strict=True)
    ] == [True] * 3
    assert found.retry[2].command == (
        "aws cloudformation create-stack-instances --stack-set-name S --regions us-east-1 "
        f"--deployment-targets OrganizationalUnitIds={right},Accounts=000000001000,"
        "AccountFilterType=INTERSECTION --region us-east-1"
    )
    assert "--operation-preferences FailureTolerancePercentage=100" in found.retry[0].command


def test_first_four_states_need_attention() -> None:
    assert {*get_args(AccountState)[:4]} | FINE == {*get_args(AccountState)}
    assert not {*get_args(AccountState)[:4]} & FINE


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
    assert state_of(states) == state
