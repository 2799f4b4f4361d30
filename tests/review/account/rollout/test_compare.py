"""Whether a rollout is complete, account by account."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from pump_roles.review.account.organization import Account, AccountFilter
from pump_roles.review.account.rollout.expected import ExpectedRollout
from pump_roles.review.account.rollout.stack_set import StackSet, compare
from pump_roles.review.account.rollout.status import (
    FINE,
    AccountState,
    AccountStatus,
    RolloutState,
    RolloutStatus,
    state_of,
)
from pump_roles.review.output.rollout_sections import problems_in_words, reason_in_words

MANAGEMENT = "000000000001"
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
    units: tuple[str, ...] = ("r-abcd",),
    expected_units: tuple[str, ...] = (),
    **account_filter: Any,
) -> RolloutStatus:
    stack_set = StackSet(
        units=units, region="us-east-1", instance_region="us-east-1", instances=instances
    )
    targets = ExpectedRollout(stack_set="S", units=expected_units, **account_filter)
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
    instances = (instance(TWO), instance(THREE, "OUTDATED"))
    excluded: Any = {"account_filter": "DIFFERENCE", "filtered": (THREE,)}
    for accounts, account_filter, why in (
        ([account(TWO)], {}, "it is not below the targeted units"),
        ([account(TWO), account(THREE)], excluded, "the account filter excludes it"),
    ):
        found = compared(accounts, *instances, **account_filter)
        assert (found.state, found.retry) == ("incomplete", ())
        assert states(found) == {TWO: "current", THREE: "not-targeted"}
        assert reason_in_words(found.accounts[0]).endswith(why)


def test_rollout_is_not_complete_if_it_targets_other_units_than_expected() -> None:
    one, two = "ou-abcd-11111111", "ou-abcd-22222222"
    accounts = [account(TWO, units=(one,)), account(THREE, units=(two,))]
    found = compared(accounts, instance(TWO), units=(one,), expected_units=(two, one))
    assert (found.state, found.deployed_units, found.units) == ("incomplete", (one,), (two, one))
    assert states(found) == {THREE: "missing", TWO: "current"}
    (problem,) = problems_in_words(found)
    assert f"targets {one}, but should target {one}, {two};" in problem
    # A command would add the unit to the StackSet's targets.
    assert found.retry == ()
    assert compared(accounts[:1], instance(TWO), units=(one,), expected_units=(one,)).state == (
        "complete"
    )
    found = compared(
        accounts, instance(TWO), instance(THREE), units=(one, two), expected_units=(two,)
    )
    assert states(found) == {TWO: "not-targeted", THREE: "current"}


@pytest.mark.parametrize(
    ("account_filter", "filtered"), [("DIFFERENCE", ()), ("INTERSECTION", (TWO,))]
)
def test_filter_that_names_an_account_that_does_not_exist_is_not_complete(
    account_filter: AccountFilter, filtered: tuple[str, ...]
) -> None:
    gone = "999999999999"
    found = compared(
        [account(TWO)], instance(TWO), account_filter=account_filter, filtered=(*filtered, gone)
    )
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


@pytest.mark.parametrize(
    ("status", "detail", "repeated", "why"),
    [
        ("OUTDATED", "FAILED", True, "the last operation failed in this account"),
        ("OUTDATED", "CANCELLED", True, "the last operation stopped before"),
        ("OUTDATED", "", True, "it is not up to date"),
        ("NEW", "NEW", True, "it is not up to date"),
        # AWS's response contradicts itself.
        ("CURRENT", "FAILED", True, "the last operation failed in this account"),
        ("CURRENT", "SKIPPED_SUSPENDED_ACCOUNT", True, "the account was suspended"),
        ("OUTDATED", "RUNNING", False, "an operation is working in this account"),
        ("OUTDATED", "PENDING", False, "an operation has yet to start in this account"),
        ("INOPERABLE", "INOPERABLE", False, "a deletion failed; updates skip it; delete the stack"),
        ("INOPERABLE", "FAILED_IMPORT", False, "the stack could not be imported"),
    ],
)
def test_instance_that_is_not_current_has_a_reason_and_a_command_if_that_helps(
    status: str, detail: str, why: str, *, repeated: bool
) -> None:
    found = compared([account(TWO)], instance(TWO, status, detailed_status=detail))
    assert (found.state, only(found).state) == ("incomplete", "not-current")
    assert reason_in_words(only(found)).startswith(why)
    assert bool(found.retry) == repeated
    of_aws = replace(only(found), reason="role in use")
    assert reason_in_words(of_aws).startswith("role in use")


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
    assert [status.state for status in found.accounts] == [
        *("missing", "not-found", "suspended", "excluded")
    ]
    assert all(map(reason_in_words, found.accounts))
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
    for unit, retry in zip([left, left, right], found.retry, strict=True):
        assert f"OrganizationalUnitIds={unit}," in retry.command
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
