"""The schedule that ends approvals, compared with the templates.

``tests/deploy/test_approval.py`` does this on the emulator.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from pump_roles.review.account.account_details import AccountDetails, DescribedRole, read_schedule
from pump_roles.review.account.expectation import Expectation, from_report
from pump_roles.review.account.organization import AccountUnknown
from pump_roles.review.account.saved_details import read_files
from pump_roles.review.account.verification import RoleResult
from pump_roles.review.account.verify_accounts import verify_account
from pump_roles.review.output.descriptions import describe_difference, describe_unknown
from pump_roles.role.access import DailyEnd
from pump_roles.role.unknowns import RoleUnknown
from tests.constructs.test_approval_end import filled
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
    without_retries = schedule()
    del without_retries["Target"]["RetryPolicy"]
    queue = {"DeadLetterConfig": {"Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT_ID}:PumpApprovalEnd"}}
    for found in (
        schedule(),
        without_retries,
        schedule(queue),
        schedule(Description="Mine", ActionAfterCompletion="NONE"),
    ):
        results = verified(expectation, found)
        assert {result.state for result in results.values()} == {"match"}


BROADER = "the schedule does not reliably end its approval; expected: every day at 20:00 UTC"
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
    "no retries": (
        schedule({"RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 0}}),
        "broader",
        BROADER,
    ),
    "retries for a minute": (
        schedule({"RetryPolicy": {"MaximumEventAgeInSeconds": 60}}),
        "broader",
        BROADER,
    ),
    "a key of the customer's": (
        schedule(KmsKeyArn=f"arn:aws:kms:us-east-1:{ACCOUNT_ID}:key/1"),
        "broader",
        BROADER,
    ),
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


def deployed(path: Path) -> dict[str, Any]:
    """Return the role that the app's template declares, as IAM describes it in an account."""
    template = json.loads((path / "PumpApproval.template.json").read_text())
    (declared,) = (
        each["Properties"]
        for each in template["Resources"].values()
        if each["Type"] == "AWS::IAM::Role"
    )
    found = filled(declared)
    return {
        "Arn": ENDING,
        "RoleName": found["RoleName"],
        "Path": "/",
        "AssumeRolePolicyDocument": found["AssumeRolePolicyDocument"],
        "MaxSessionDuration": 3600,
        "RolePolicyList": found["Policies"],
        "AttachedManagedPolicies": [],
    }


def verified_role(
    expectation: Expectation, role: dict[str, Any], path: Path
) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the differences, and what is unknown, of an account with this role."""
    described = {
        key: role[key] for key in role.keys() - {"RolePolicyList", "AttachedManagedPolicies"}
    }
    files = [path / "all.json", path / "one.json"]
    for file, content in zip(files, ({"RoleDetailList": [role]}, {"Role": described}), strict=True):
        file.write_text(json.dumps(content))
    (read,) = read_files(files)
    roles = tuple(each for (each,) in expectation.in_account(ACCOUNT_ID, "aws"))
    end = DailyEnd("PumpAutoPilotRole", "20:00")
    details = replace(read, roles=(*roles, *read.roles), schedule=end)
    results = {each.kind: each for each in verify_account(expectation, details).roles}
    assert results["read-only"].state == "match"
    pilot = results["auto-pilot"]
    return (
        [(found.effect, describe_difference(found)) for found in pilot.differences],
        [*map(describe_unknown, pilot.unknown)],
    )


def test_role_of_the_schedule_as_in_the_templates_matches_also_with_a_report(
    tmp_path: Path, expectation: Expectation
) -> None:
    role = deployed(tmp_path)
    report = of_templates(tmp_path)
    by_report = from_report(tmp_path, report).approval_end_roles
    for roles in (expectation.approval_end_roles, by_report):
        expected = replace(expectation, approval_end_roles=roles)
        assert verified_role(expected, role, tmp_path) == ([], [])


def policy(name: str, **members: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", **members}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"PolicyName": name, "PolicyDocument": document}


FOR_EVERYONE = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"
OTHER_ROLES: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], list[str]]] = {
    "no permissions": (lambda _: {"RolePolicyList": []}, ["its inline policies"]),
    "denies itself everything": (
        lambda role: {"RolePolicyList": [*role["RolePolicyList"], policy("No", Effect="Deny")]},
        ["its inline policies"],
    ),
    "a boundary that denies everything": (
        lambda _: {
            "PermissionsBoundary": {
                "PermissionsBoundaryType": "Policy",
                "PermissionsBoundaryArn": DENY_ALL,
            }
        },
        ["its permissions boundary"],
    ),
    "another account's schedules": (
        lambda role: {
            "AssumeRolePolicyDocument": json.loads(
                json.dumps(role["AssumeRolePolicyDocument"]).replace(ACCOUNT_ID, "444455556666")
            )
        },
        ["its trust policy"],
    ),
    "another group of schedules": (
        lambda role: {
            "AssumeRolePolicyDocument": json.loads(
                json.dumps(role["AssumeRolePolicyDocument"]).replace("/default", "/other")
            )
        },
        ["its trust policy"],
    ),
    "everything for everyone": (
        lambda role: {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [*role["AssumeRolePolicyDocument"]["Statement"], FOR_EVERYONE],
            },
            "RolePolicyList": [policy("Untag")],
        },
        ["its trust policy", "its inline policies"],
    ),
    "an administrator": (
        lambda _: {
            "AttachedManagedPolicies": [
                {
                    "PolicyName": "AdministratorAccess",
                    "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess",
                }
            ]
        },
        ["its managed policies"],
    ),
    "another path": (lambda _: {"Path": "/x/", "Arn": ENDING.replace("/", "/x/")}, ["its path"]),
}


@pytest.mark.parametrize(("change", "parts"), OTHER_ROLES.values(), ids=OTHER_ROLES)
def test_any_other_role_of_the_schedule_is_a_difference_in_each_part(
    change: Callable[[dict[str, Any]], dict[str, Any]],
    parts: list[str],
    tmp_path: Path,
    expectation: Expectation,
) -> None:
    role = deployed(tmp_path)
    differences, _ = verified_role(expectation, role | change(role), tmp_path)
    said = "the role PumpApprovalEnd, which ends its approval, differs: "
    assert differences == [("broader", f"{said}{part}") for part in parts]


def test_role_of_the_schedule_that_is_not_known_or_not_read_is_unknown(
    tmp_path: Path, expectation: Expectation
) -> None:
    older = replace(expectation, approval_end_roles=())
    assert verified_role(older, deployed(tmp_path), tmp_path) == (
        [],
        ["the role PumpApprovalEnd was not compared: the expected one is not known"],
    )
    denied = RoleUnknown(part="role", why="not-read", detail="denied: iam:GetRole")
    details = AccountDetails(
        account=ACCOUNT_ID,
        partition="aws",
        roles=tuple(role for (role,) in expectation.in_account(ACCOUNT_ID, "aws")),
        missing={"pumpapprovalend": denied},
        schedule=DailyEnd("PumpAutoPilotRole", "20:00"),
    )
    results = verify_account(expectation, details).roles
    assert [describe_unknown(found) for each in results for found in each.unknown] == [
        "the role PumpApprovalEnd could not be read: denied: iam:GetRole"
    ]


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
