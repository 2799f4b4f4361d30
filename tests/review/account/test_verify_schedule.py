"""The schedule that ends approvals, compared with the templates.

``tests/deploy/test_approval.py`` does this on the emulator.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from pump_roles.guardrails import DailyEnd
from pump_roles.review.account.account_details import AccountDetails, DescribedRole, read_schedule
from pump_roles.review.account.expectation import Expectation, from_report
from pump_roles.review.account.organization import AccountUnknown
from pump_roles.review.account.verification import RoleResult
from pump_roles.review.account.verify_account import verify_account
from pump_roles.review.output.descriptions import describe_difference, describe_unknown
from pump_roles.role import RoleUnknown
from tests.review.account.results import expected_in
from tests.support import EXTERNAL_ID, PUMP_ACCOUNT, app_files, of_templates
from tools.sandbox.aws import ACCOUNT_ID

APPROVED = {"guardrails": ["only-when-approved"], "approval-ends": "20:00"}
ENDING = f"arn:aws:iam::{ACCOUNT_ID}:role/PumpApprovalEnd"
PASSED = '{"RoleName":"PumpAutoPilotRole","TagKeys":["pump-commitments"]}'
UNREAD = RoleUnknown(part="approval-end", why="not-read", detail="denied: scheduler:GetSchedule")


def schedule(target: Any = None, **changes: Any) -> dict[str, Any]:
    """Return a schedule as EventBridge Scheduler describes it."""
    members = {
        "Arn": "arn:aws:scheduler:::aws-sdk:iam:untagRole",
        "RoleArn": ENDING,
        "Input": PASSED,
        "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
    }
    found = {
        "Name": "PumpApprovalEnd",
        "GroupName": "default",
        "State": "ENABLED",
        "ScheduleExpression": "cron(0 20 * * ? *)",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {**members, **(target or {})},
    }
    return {**found, **changes}


@pytest.fixture
def expectation(tmp_path: Path) -> Expectation:
    return expected_in(folder(tmp_path))


def folder(path: Path, **own: Any) -> Path:
    """Write the app's templates, with the end of approvals, into a folder."""
    settings = {"principal": PUMP_ACCOUNT, "external-id": EXTERNAL_ID}
    for name, content in app_files({**settings, "auto-pilot": {**APPROVED, **own}}).items():
        (path / f"{name}.template.json").write_bytes(content)
    return path


def verified(expectation: Expectation, found: Any) -> dict[str, RoleResult]:
    """Return the results of an account whose roles are as expected.

    :param found: the schedule as it is described, or what reading it returned.
    """
    roles = tuple(role for (role,) in expectation.in_account(ACCOUNT_ID, "aws"))
    read = read_from(found) if isinstance(found, dict) else found
    details = AccountDetails(account=ACCOUNT_ID, partition="aws", roles=roles, schedule=read)
    return {role.kind: role for role in verify_account(expectation, details).roles}


def test_schedule_as_in_the_templates_matches(expectation: Expectation) -> None:
    for found in (schedule(), schedule(Description="Mine", ActionAfterCompletion="NONE")):
        results = verified(expectation, found)
        assert {result.state for result in results.values()} == {"match"}


BROADER = "the schedule does not end its approval; expected: every day at 20:00 UTC"
OTHERS: dict[str, Any] = {
    "none": (None, "broader", "no schedule ends an approval; expected: every day at 20:00 UTC"),
    "disabled": (schedule(State="DISABLED"), "broader", BROADER),
    "weekly": (schedule(ScheduleExpression="cron(0 20 ? * MON *)"), "broader", BROADER),
    "another time zone": (schedule(ScheduleExpressionTimezone="Asia/Tokyo"), "broader", BROADER),
    "until it ends": (schedule(EndDate="2027-01-31T18:00:00Z"), "broader", BROADER),
    "another call": (
        schedule({"Arn": "arn:aws:scheduler:::aws-sdk:iam:tagRole"}),
        "broader",
        BROADER,
    ),
    "another tag": (
        schedule({"Input": PASSED.replace("pump-commitments", "team")}),
        "broader",
        BROADER,
    ),
    "another role": (schedule({"Input": PASSED.replace("Pump", "Other")}), "broader", BROADER),
    "acts as another role": (schedule({"RoleArn": f"{ENDING}2"}), "broader", BROADER),
    "another time": (
        schedule(ScheduleExpression="cron(30 6 * * ? *)"),
        "unclear",
        "an approval ends every day at 06:30 UTC instead of 20:00",
    ),
}


@pytest.mark.parametrize(("found", "effect", "words"), OTHERS.values(), ids=OTHERS)
def test_any_other_schedule_is_a_difference_of_the_role_with_the_guardrail(
    found: Any, effect: str, words: str, expectation: Expectation
) -> None:
    results = verified(expectation, found)
    assert results["read-only"].state == "match"
    (difference,) = results["auto-pilot"].differences
    assert (difference.effect, describe_difference(difference)) == (effect, words)


def test_what_was_not_read_is_unknown(expectation: Expectation) -> None:
    files = AccountDetails(account=ACCOUNT_ID).schedule
    for found, words in (
        (UNREAD, "could not be read: denied: scheduler:GetSchedule"),
        (files, "is not in the files"),
    ):
        results = verified(expectation, found)
        assert results["read-only"].state == "match"
        (unknown,) = results["auto-pilot"].unknown
        assert describe_unknown(unknown) == f"the schedule that ends its approval {words}"


def test_time_that_the_templates_do_not_tell_is_unknown(expectation: Expectation) -> None:
    for ends in ([""], ["20:00", "06:30"]):
        several = replace(expectation, approval_ends=frozenset(ends))
        (unknown,) = verified(several, schedule())["auto-pilot"].unknown
        assert describe_unknown(unknown) == (
            "the schedule that ends its approval was not compared: the expected time is not known"
        )


def test_without_an_expected_end_no_schedule_counts(tmp_path: Path) -> None:
    (folder(tmp_path) / "PumpApproval.template.json").unlink()
    for found in (None, schedule(), schedule(State="DISABLED"), UNREAD):
        results = verified(expected_in(tmp_path), found)
        assert {result.state for result in results.values()} == {"match"}


def test_after_a_removal_no_schedule_is_expected(expectation: Expectation) -> None:
    # So that it is not read, either.
    assert expectation.absent().approval_ends == frozenset()


def test_report_expects_what_the_templates_do(tmp_path: Path, expectation: Expectation) -> None:
    assert expectation.approval_ends == {"20:00"}
    report = of_templates(tmp_path)
    assert from_report(tmp_path, report).approval_ends == expectation.approval_ends


def account(trust: Any, **more: Any) -> AccountDetails:
    role = DescribedRole(
        arn=ENDING, role_name="PumpApprovalEnd", path="/", assume_role_policy_document=trust
    )
    return AccountDetails(account=ACCOUNT_ID, described={role.role_name: role}, **more)


def read_from(found: dict[str, Any]) -> Any:
    client = Mock(get_schedule=Mock(return_value=found))
    return read_schedule(account(trusting("us-east-1")), lambda _: client)


def trusting(region: str) -> Any:
    group = f"arn:aws:scheduler:{region}:{ACCOUNT_ID}:schedule-group/default"
    return {"Statement": {"Condition": {"StringEquals": {"aws:SourceArn": group}}}}


def failing(code: str) -> Mock:
    """Return a client whose call fails."""
    error = ClientError({"Error": {"Code": code}}, "GetSchedule")
    client = Mock(get_schedule=Mock(side_effect=error))
    client.meta.service_model.service_name = "scheduler"
    client.meta.service_model.signing_name = "scheduler"
    return client


def test_schedule_is_read_in_the_region_that_its_role_trusts() -> None:
    client = Mock(get_schedule=Mock(return_value=schedule()))
    client_in = Mock(return_value=client)
    assert read_schedule(account(trusting("eu-west-1")), client_in) == DailyEnd(
        "PumpAutoPilotRole", "20:00"
    )
    client_in.assert_called_once_with("eu-west-1")
    client.get_schedule.assert_called_once_with(Name="PumpApprovalEnd")


def test_without_its_role_or_the_schedule_there_is_none_unless_something_was_not_read() -> None:
    nothing = Mock(side_effect=AssertionError)
    assert read_schedule(AccountDetails(account=ACCOUNT_ID), nothing) is None
    unread = AccountUnknown(part="other-roles", why="not-read")
    without = read_schedule(AccountDetails(account=ACCOUNT_ID, unknown=(unread,)), nothing)
    assert without == RoleUnknown(part="approval-end", why="not-read")
    changed = read_schedule(account({"Statement": []}), nothing)
    assert changed == RoleUnknown(part="approval-end", why="unreadable")
    for missing in ("FlexibleTimeWindow", "ScheduleExpression", "State", "Target"):
        incomplete = schedule()
        del incomplete[missing]
        client_in = Mock(return_value=Mock(get_schedule=Mock(return_value=incomplete)))
        assert read_schedule(account(trusting("us-east-1")), client_in) == without
    for code, expected in (("ResourceNotFoundException", None), ("AccessDeniedException", UNREAD)):
        client_in = Mock(return_value=failing(code))
        assert read_schedule(account(trusting("us-east-1")), client_in) == expected
