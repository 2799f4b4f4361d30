"""The daily end of an approval: its template, and who can remove which tag.

``tests/deploy/test_approval.py`` makes its call.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, LegacyStackSynthesizer, Stack, Validations
from botocore.session import get_session
from cdk_nag import AwsSolutionsChecks

from pump_roles import ApprovalEnd, ArgumentError, AutoPilotRole, AutoPilotRollout, Guardrail
from pump_roles.review.report import Report
from tests.alarm import template_of
from tests.documents import written
from tests.support import ROLE_ARGUMENTS, of_templates
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.simulator import ALLOWED, IMPLICITLY_DENIED, Role, decide, use

pytestmark = pytest.mark.usefixtures("reports_are_short")

SCHEDULE = "AWS::Scheduler::Schedule"
SQS = "AWS::SQS::Queue"
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/pump/PumpAutoPilotRole"
PSEUDO = {"AWS::Partition": "aws", "AWS::AccountId": ACCOUNT_ID, "AWS::Region": "eu-west-1"}


def filled(value: Any) -> Any:
    """Return a part of the template with values for the pseudo parameters."""
    if isinstance(value, list):
        return [filled(part) for part in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Ref"}:
        return PSEUDO[value["Ref"]]
    if value.keys() == {"Fn::Sub"}:
        return re.sub(r"\$\{(.*?)\}", lambda found: PSEUDO[found[1]], value["Fn::Sub"])
    return {key: filled(part) for key, part in value.items()}


def resource(kind: str, **arguments: Any) -> dict[str, Any]:
    rendered = template_of(ApprovalEnd, "End", **arguments)
    (found,) = (each for each in rendered["Resources"].values() if each["Type"] == kind)
    properties: dict[str, Any] = found["Properties"]
    return properties


@pytest.mark.parametrize(
    ("at", "expression"),
    [
        ("20:00", "cron(0 20 * * ? *)"),
        ("00:05", "cron(5 0 * * ? *)"),
        ("23:59", "cron(59 23 * * ? *)"),
    ],
)
def test_schedule_calls_untag_role_every_day_at_that_time_in_utc(at: str, expression: str) -> None:
    schedule = resource("AWS::Scheduler::Schedule", role="pump/PumpAutoPilotRole", at=at)
    assert schedule["ScheduleExpression"] == expression
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    target = schedule["Target"]
    assert filled(target["Arn"]) == "arn:aws:scheduler:::aws-sdk:iam:untagRole"
    parameters = json.loads(target["Input"])
    assert parameters == {"RoleName": "PumpAutoPilotRole", "TagKeys": ["pump-commitments"]}
    operation: Any = get_session().get_service_model("iam").operation_model("UntagRole")
    assert {*operation.input_shape.required_members} == {*parameters}


def test_failures_of_the_schedule_stay_in_a_queue_of_that_name_with_an_alarm() -> None:
    arguments = {"role": "PumpAutoPilotRole"}
    rendered = template_of(ApprovalEnd, "End", **arguments)
    ((name, queue),) = (
        (name, each) for name, each in rendered["Resources"].items() if each["Type"] == SQS
    )
    assert queue["Properties"]["QueueName"] == ApprovalEnd.approver
    target = resource(SCHEDULE, **arguments)["Target"]
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [name, "Arn"]}}
    alarm = resource("AWS::CloudWatch::Alarm", **arguments)
    (dimension,) = alarm["Dimensions"]
    assert dimension["Value"] == {"Fn::GetAtt": [name, "QueueName"]}
    assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"


def test_default_is_eight_in_the_evening() -> None:
    default = resource("AWS::Scheduler::Schedule", role="PumpAutoPilotRole")
    assert default["ScheduleExpression"] == "cron(0 20 * * ? *)"


def ending() -> Role:
    """Return the role of the schedule, as it is deployed."""
    found = filled(resource("AWS::IAM::Role", role="pump/PumpAutoPilotRole"))
    policies = {policy["PolicyName"]: policy["PolicyDocument"] for policy in found["Policies"]}
    return Role(found["RoleName"], found["AssumeRolePolicyDocument"], policies)


TAG = ["pump-commitments"]
QUEUE = f"arn:aws:sqs:eu-west-1:{ACCOUNT_ID}:PumpApprovalEnd"


@pytest.mark.parametrize(
    ("action", "role", "keys", "decision"),
    [
        ("iam:UntagRole", ROLE, TAG, ALLOWED),
        ("iam:UntagRole", ROLE, ["team"], IMPLICITLY_DENIED),
        ("iam:UntagRole", ROLE, [*TAG, "team"], IMPLICITLY_DENIED),
        ("iam:UntagRole", ROLE, None, IMPLICITLY_DENIED),
        ("iam:UntagRole", ROLE.replace("pump/", ""), TAG, IMPLICITLY_DENIED),
        ("iam:UntagRole", f"{ROLE}2", TAG, IMPLICITLY_DENIED),
        ("iam:TagRole", ROLE, TAG, IMPLICITLY_DENIED),
        ("iam:PutRolePolicy", ROLE, None, IMPLICITLY_DENIED),
        ("iam:DeleteRolePolicy", ROLE, None, IMPLICITLY_DENIED),
        ("sts:AssumeRole", ROLE, None, IMPLICITLY_DENIED),
        ("sqs:SendMessage", QUEUE, None, ALLOWED),
        ("sqs:SendMessage", f"{QUEUE}2", None, IMPLICITLY_DENIED),
        ("sqs:ReceiveMessage", QUEUE, None, IMPLICITLY_DENIED),
        ("sqs:PurgeQueue", QUEUE, None, IMPLICITLY_DENIED),
    ],
)
def test_role_removes_this_tag_from_this_role_keeps_failures_and_does_nothing_else(
    action: str, role: str, keys: list[str] | None, decision: str
) -> None:
    context: dict[str, Any] = {} if keys is None else {"aws:TagKeys": keys}
    assert decide([use(ending(), action=action, resource=role, context=context)]) == [decision]


def test_only_the_scheduler_of_this_account_acts_with_the_role() -> None:
    assert ending().trust["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {
                    "aws:SourceAccount": ACCOUNT_ID,
                    "aws:SourceArn": (
                        f"arn:aws:scheduler:eu-west-1:{ACCOUNT_ID}:schedule-group/default"
                    ),
                }
            },
        }
    ]
    assert ending().name == ApprovalEnd.approver


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An app with Pump's role and the end of its approvals, synthesized with cdk-nag."""
    folder = tmp_path_factory.mktemp("cdk.out")
    app = App(outdir=str(folder), default_stack_synthesizer=LegacyStackSynthesizer())
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stack = Stack(app, "Foreign")
    guardrails = [Guardrail.ONLY_WHEN_APPROVED]
    role = AutoPilotRole(stack, "Pump", guardrails=guardrails, **ROLE_ARGUMENTS)
    role.acknowledge_cdk_nag()
    ApprovalEnd(stack, "End", role="PumpAutoPilotRole").acknowledge_cdk_nag()
    app.synth()
    return folder


def test_app_with_the_role_passes_the_gate_and_cdk_nag_and_the_report_says_when_an_approval_ends(
    synthesized: Path,
) -> None:
    report = of_templates(synthesized)
    assert report.findings == ()
    ends = "an approval ends every day at 20:00 UTC"
    assert written(report, "markdown", every_action=True).count(ends) == 2
    # With the guardrail of the role; the list of other resources is only in the long form.
    assert f"; {ends} |" in written(report, "markdown", every_action=False)


Changed = Callable[[str, Callable[[dict[str, Any]], object]], Report]


@pytest.fixture
def changed(synthesized: Path, tmp_path: Path) -> Changed:
    """What reports on that app after a change of the last resource of a type."""

    def report(kind: str, change: Callable[[dict[str, Any]], object]) -> Report:
        template = json.loads((synthesized / "Foreign.template.json").read_text())
        *_, found = (each for each in template["Resources"].values() if each["Type"] == kind)
        change(found)
        file = tmp_path / "Foreign.template.json"
        file.write_text(json.dumps(template))
        return of_templates(file)

    return report


PASSED = '{"RoleName":"PumpAutoPilotRole","TagKeys":["pump-commitments"]}'
OTHER_TARGETS: dict[str, dict[str, Any]] = {
    "tags the role": {"Arn": "arn:aws:scheduler:::aws-sdk:iam:tagRole"},
    "another service": {"Arn": "arn:aws:scheduler:::aws-sdk:ssm:untagRole"},
    "a function": {"Arn": "arn:aws:lambda:us-east-1:111122223333:function:iam:untagRole"},
    "acts as Pump": {"RoleArn": "arn:aws:iam::111122223333:role/PumpAutoPilotRole"},
    "removes another tag": {"Input": PASSED.replace("pump-commitments", "team")},
    "removes no tag": {"Input": PASSED.replace('"pump-commitments"', "")},
    "also another tag": {"Input": PASSED.replace("]", ',"team"]')},
    "tags that are no list": {"Input": PASSED.replace("[", "").replace("]", "")},
    "does something else as well": {"Input": PASSED.replace("}", ',"Tags":[]}')},
    "no JSON": {"Input": "PumpAutoPilotRole"},
    "a computed input": {"Input": {"Fn::Sub": '{"RoleName":"PumpAutoPilotRole"}'}},
    "one of two inputs": {"Input": {"Fn::If": ["A", PASSED, PASSED.replace("]", ',"team"]')]}},
    "other parameters": {"SqsParameters": {"MessageGroupId": "a"}},
}


@pytest.mark.parametrize("change", OTHER_TARGETS.values(), ids=OTHER_TARGETS)
def test_schedule_that_does_something_else_with_the_role_is_an_alarm(
    change: dict[str, Any], changed: Changed
) -> None:
    report = changed(SCHEDULE, lambda found: found["Properties"]["Target"].update(change))
    assert len(report.findings) == 1


def test_end_of_an_approval_of_another_role_is_not_said(changed: Changed) -> None:
    def change(schedule: dict[str, Any]) -> None:
        schedule["Properties"]["Target"]["Input"] = PASSED.replace("Pump", "Other")
        schedule["Properties"]["Description"] = "Ends an approval of PumpAutoPilotRole"

    report = changed(SCHEDULE, change)
    assert report.findings == ()
    assert "an approval ends" not in written(report, "markdown", every_action=True)


OTHER_STATEMENTS: dict[str, dict[str, Any]] = {
    "tags, too": {"Action": ["iam:UntagRole", "iam:TagRole"]},
    "no condition": {"Condition": {}},
    "another tag": {
        "Condition": {
            "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
            "Null": {"aws:TagKeys": "false"},
        }
    },
    "also without a tag": {
        "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["pump-commitments"]}}
    },
    "any tag but one": {
        "Condition": {
            "ForAllValues:StringNotEquals": {"aws:TagKeys": ["pump-commitments"]},
            "Null": {"aws:TagKeys": "false"},
        }
    },
}


@pytest.mark.parametrize("change", OTHER_STATEMENTS.values(), ids=OTHER_STATEMENTS)
def test_permission_to_do_something_else_with_the_role_is_an_alarm(
    change: dict[str, Any], changed: Changed
) -> None:
    def changed_statement(role: dict[str, Any]) -> None:
        assert role["Properties"]["RoleName"] == ApprovalEnd.approver
        role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0].update(change)

    assert len(changed("AWS::IAM::Role", changed_statement).findings) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"Condition": "Sometimes"},
        {"ScheduleExpression": "rate(7 days)"},
        {"ScheduleExpression": "cron(0 20 ? * MON *)"},
        {"ScheduleExpressionTimezone": "Europe/Berlin"},
        {"State": "DISABLED"},
        {"EndDate": "2027-01-31T18:00:00Z"},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60}},
        {"ScheduleExpression": {"Ref": "When"}},
    ],
    ids=str,
)
def test_report_names_no_time_that_is_not_every_day_in_utc(
    change: dict[str, Any], changed: Changed
) -> None:
    def changed_schedule(schedule: dict[str, Any]) -> None:
        (schedule if "Condition" in change else schedule["Properties"]).update(change)

    report = changed(SCHEDULE, changed_schedule)
    assert report.findings == ()
    said = written(report, "markdown", every_action=True)
    assert "every day" not in said
    assert "an approval may end; when is not known" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"role": "/pump/Role"},
            "role: '/pump/Role' is not a role's name, with its path",
        ),
        ({"role": "${Token[TOKEN.1]}"}, "role: .* is a token; it must be a literal"),
        *(
            ({"role": "Role", "at": at}, "at: .* is not a time of day in UTC, from 00:00 to")
            for at in ("24:00", "8:00", "20:60", "20", "20:00Z", 20, None)
        ),
    ],
)
def test_rejects_what_is_no_role_or_time(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        template_of(ApprovalEnd, "End", **arguments)


def test_role_must_have_the_guardrail_whose_tag_is_removed() -> None:
    stack = Stack(App(), "S")
    approved = {**ROLE_ARGUMENTS, "guardrails": [Guardrail.ONLY_WHEN_APPROVED]}
    units: dict[str, Any] = {"organizational_units": ["r-abcd"]}
    braked = AutoPilotRole(stack, "Braked", path="/pump/", **approved)
    made = template_of(ApprovalEnd, "End", role=braked)
    assert made == template_of(ApprovalEnd, "End", role="pump/PumpAutoPilotRole")
    rolled_out = AutoPilotRollout(stack, "Rolled", path="/pump/", **units, **approved)
    assert made == template_of(ApprovalEnd, "End", role=rolled_out)
    free = AutoPilotRole(stack, "Free", role_name="Free", **ROLE_ARGUMENTS)
    unbraked = AutoPilotRollout(stack, "R", stack_set_name="R", **units, **ROLE_ARGUMENTS)
    for role in (free, unbraked):
        with pytest.raises(ArgumentError, match=r"role: .* not have the guardrail only-when-appro"):
            template_of(ApprovalEnd, "End", role=role)
