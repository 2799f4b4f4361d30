"""An approval that is open ends by the schedule's own call, with the schedule's own role.

The emulator stores schedules, but has no universal targets. So the call is made here as the stack
has it, with the credentials of the role in whose trust policy only the principal is another one.
"""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.commands import run
from tests.support import EXTERNAL_ID, PRINCIPAL, Assembly, Synth
from tools.sandbox.audit import AUDITOR, audited_organization, let_audit
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws

NAME = "PumpAutoPilotRole"
TAG = "pump-commitments"
SETTINGS: dict[str, Any] = {
    "principal": PRINCIPAL,
    "external-id": EXTERNAL_ID,
    "auto-pilot": {"guardrails": ["only-when-approved"], "approval-ends": "20:00"},
}
DENY_SCHEDULE = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Deny", "Action": "scheduler:GetSchedule", "Resource": "*"},
}


@pytest.fixture
def role(aws: EmbeddedAws, synth: Synth) -> str:
    """Deploy Pump's role, and the end of its approvals; returns the role's ARN."""
    for stack in ("PumpAutoPilot", "PumpApproval"):
        aws.deploy(stack, json.dumps(synth(SETTINGS)[stack]))
    return f"arn:aws:iam::{ACCOUNT_ID}:role/{NAME}"


def scheduled(aws: EmbeddedAws) -> tuple[Caller, str, str, dict[str, Any]]:
    """Return who acts when the schedule fires, the service, the operation, and its parameters."""
    client = aws.client("scheduler")
    (listed,) = client.list_schedules()["Schedules"]
    schedule = client.get_schedule(Name=listed["Name"])
    assert schedule["ScheduleExpression"] == "cron(0 20 * * ? *)"
    target = schedule["Target"]
    *_, kind, service, operation = target["Arn"].split(":")
    assert kind == "aws-sdk"
    tester = aws.caller_in(f"arn:aws:iam::{ACCOUNT_ID}:role/Tester")
    role = target["RoleArn"].rpartition("/")[2]
    found: Any = aws.iam().get_role(RoleName=role)["Role"]
    (statement,) = found["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:role/Tester"},
        "Action": "sts:AssumeRole",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    aws.iam().update_assume_role_policy(RoleName=role, PolicyDocument=document)
    return aws.assume(target["RoleArn"], tester), service, operation, json.loads(target["Input"])


def test_open_approval_is_closed_by_the_call_of_the_schedule_and_the_purchase_is_denied(
    role: str, aws: EmbeddedAws
) -> None:
    session = aws.assume(role, aws.caller_in(PRINCIPAL), external_id=EXTERNAL_ID)
    client = aws.client("ec2", session)

    def buy() -> str:
        with pytest.raises(ClientError) as caught:
            client.purchase_reserved_instances_offering(
                InstanceCount=1, ReservedInstancesOfferingId="offering"
            )
        return str(caught.value.response["Error"]["Code"])

    def tags() -> set[str]:
        return {tag["Key"] for tag in aws.iam().list_role_tags(RoleName=NAME)["Tags"]}

    others = tags() | {"team"}
    denied, authorized = "UnauthorizedOperation", "InvalidAction"  # it has no such operation
    assert buy() == denied
    opened: Any = [{"Key": TAG, "Value": "approved"}, {"Key": "team", "Value": "platform"}]
    aws.iam().tag_role(RoleName=NAME, Tags=opened)
    assert buy() == authorized
    caller, service, operation, parameters = scheduled(aws)
    assert (service, operation) == ("iam", "untagRole")
    aws.client(service, caller).untag_role(**parameters)
    assert tags() == others
    assert buy() == denied
    # Without an approval, too.
    aws.client(service, caller).untag_role(**parameters)
    assert tags() == others


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("untag_role", {"TagKeys": ["team"]}),
        ("untag_role", {"TagKeys": [TAG, "team"]}),
        ("untag_role", {"RoleName": "Tester", "TagKeys": [TAG]}),
        ("tag_role", {"Tags": [{"Key": TAG, "Value": "approved"}]}),
        ("delete_role", {}),
        ("delete_role_policy", {"PolicyName": "PumpGuardrailOnlyWhenApproved"}),
    ],
)
def test_role_of_the_schedule_can_do_nothing_else(
    operation: str, parameters: dict[str, Any], role: str, aws: EmbeddedAws
) -> None:
    caller, *_ = scheduled(aws)
    call: Any = getattr(aws.client("iam", caller), operation)
    with pytest.raises(ClientError, match="AccessDenied"):
        call(**{"RoleName": role.rpartition("/")[2], **parameters})


@pytest.mark.parametrize("options", [(), ("--assume-role", AUDITOR)], ids=["own", "organization"])
def test_verify_compares_the_schedule_with_the_smallest_policy(
    options: tuple[str, ...], role: str, aws: EmbeddedAws, synth: Synth, assembly: Assembly
) -> None:
    account, owner = role.split(":")[4], OWNER
    if options:
        templates = {name: json.dumps(content) for name, content in synth(SETTINGS).items()}
        (account,) = audited_organization(aws, 1, templates["PumpAutoPilot"]).accounts
        owner = Caller(account)
        aws.deploy("PumpApproval", templates["PumpApproval"], caller=owner)
    else:
        let_audit(aws, owner)
    own = {"account": account, **SETTINGS["auto-pilot"]}
    expected = assembly({**SETTINGS, "roles": ["auto-pilot"], "auto-pilot": own})

    def verify() -> tuple[str, list[str]]:
        auditor = f"arn:aws:iam::{account}:role/{AUDITOR}"
        caller = OWNER if options else aws.assume(auditor, OWNER)
        target = ("--target", account) if options else ()
        ended = run(
            *("verify", "--expect", expected, "--format", "json", *options, *target),
            environment=aws.environment(caller),
        )
        (found,) = json.loads(ended.stdout)["accounts"]
        (role,) = found["roles"]
        reasons = [difference["rule"] for difference in role["differences"]]
        return found["state"], reasons + [unknown["part"] for unknown in role["unknown"]]

    assert verify() == ("match", [])
    scheduler = aws.client("scheduler", owner)
    found = scheduler.get_schedule(Name="PumpApprovalEnd")
    members = ("ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target")
    same = {"Name": "PumpApprovalEnd"} | {member: found[member] for member in members}
    scheduler.update_schedule(**same, State="DISABLED")
    assert verify() == ("differs", ["approval-end-changed"])
    scheduler.update_schedule(**same | {"ScheduleExpression": "cron(30 6 * * ? *)"})
    assert verify() == ("differs", ["approval-end-time"])
    scheduler.delete_schedule(Name="PumpApprovalEnd")
    assert verify() == ("differs", ["approval-end-missing"])
    # Without the permission, the role of the schedule ends no approval.
    aws.iam(owner).delete_role_policy(RoleName="PumpApprovalEnd", PolicyName="Untag")
    aws.iam(owner).put_role_policy(
        RoleName=AUDITOR, PolicyName="No", PolicyDocument=json.dumps(DENY_SCHEDULE)
    )
    assert verify() == ("differs", ["approval-end-role", "approval-end"])
