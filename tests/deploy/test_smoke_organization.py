"""`make smoke-org` on the emulator, without the CDK CLI: as far as the emulator goes."""

import io
import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from pump_roles.constructs.delivery import UNDELIVERED
from tests.support import PUMP_ACCOUNT, SECRET, Synth
from tools.sandbox import show, smoke_organization
from tools.sandbox.aws import ACCOUNT_ID, EmbeddedAws
from tools.sandbox.organization import Organization
from tools.sandbox.show import CheckFailedError
from tools.sandbox.smoke import Account
from tools.sandbox.smoke_organization import STOP, Named, SmokeOrganization

FAST: Any = {"Delay": 0.05, "MaxAttempts": 500}
NAMED: Any = {"Capabilities": ["CAPABILITY_NAMED_IAM"]}

GIVEN = {"principal": PUMP_ACCOUNT, "external-id": SECRET}

Answer = Callable[..., tuple[int, str]]


@pytest.fixture
def organization(aws: EmbeddedAws) -> Organization:
    organization = Organization.create(aws.organizations, {"Workloads": 2})
    aws.organizations.enable_policy_type(
        RootId=organization.root, PolicyType="RESOURCE_CONTROL_POLICY"
    )
    return organization


@pytest.fixture
def smoke(
    aws: EmbeddedAws,
    organization: Organization,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Answer:
    """Answer the question, for what is named or for something else."""
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(smoke_organization, "ROOT", tmp_path)
    monkeypatch.setattr(smoke_organization, "git", lambda *_: "0123456789abcdef")
    members = [each.id for each in organization.accounts() if each.id != ACCOUNT_ID]
    words = {
        "account": ACCOUNT_ID,
        "unit": organization.units["Workloads"],
        "members": " ".join(members),
        "region": "eu-central-1",
        "email": "finops@example.com",
    }

    def asked(answer: str, **others: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
        status = smoke_organization.main([*{**words, **others}.values()])
        return status, " ".join(capsys.readouterr().out.split())

    return asked


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"account": ""}, "ACCOUNT: '' is not a 12-digit account ID"),
        ({"account": "111122223333"}, f"your credentials is {ACCOUNT_ID}, not 111122223333"),
        ({"unit": "r-abcd"}, "UNIT: the root contains every account"),
        ({"members": "111122223333"}, "MEMBERS: .*; name each"),
        ({"region": "us-east-1"}, "REGION: 'us-east-1' is where the alarm is"),
        ({}, "Nothing was created"),
    ],
)
def test_creates_nothing_in_accounts_that_are_not_named(
    smoke: Answer, aws: EmbeddedAws, others: dict[str, str], said: str
) -> None:
    status, shown = smoke(ACCOUNT_ID if others else "yes", **others)
    assert status == 1
    assert re.search(said, shown), shown
    assert aws.roles() == []


class Aws:
    """Answers what the emulator cannot, after botocore checked the call's parameters."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.attached = False
        self.tags: list[list[dict[str, str]]] = [[smoke_organization.APPROVED], []]
        self.messages: list[str] = []
        self.instances = ["CURRENT"]
        self.fails = ""
        # Each takes longer to make than all of its calls.
        self.clients: dict[tuple[str, str, str], Any] = {}

    def client(self, service: str, region: str = "us-east-1", session: Any = None) -> Any:
        key = service, region, str(session)
        if key not in self.clients:
            keys = session or {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
            made: Any = boto3.client(service, region_name=region, **keys)  # type: ignore[call-overload]
            made.meta.events.register("before-call", self.answer)
            self.clients[key] = made
        return self.clients[key]

    def answer(self, model: Any, **_: Any) -> tuple[SimpleNamespace, Mapping[str, Any]]:
        name: str = model.name
        self.calls.append(name)
        answers: dict[str, dict[str, Any]] = {
            "AssumeRole": {
                "Credentials": dict.fromkeys(
                    ("AccessKeyId", "SecretAccessKey", "SessionToken"), "x"
                )
            },
            "CreateQueue": {"QueueUrl": "https://queue"},
            "DescribeAlarms": {
                "MetricAlarms": [
                    {"AlarmName": "Other"},
                    {"AlarmName": "Pump", "AlarmDescription": UNDELIVERED},
                ]
            },
            "DescribeStackResources": {
                "StackResources": [
                    {"ResourceType": kind, "PhysicalResourceId": "arn:aws:sns:us-east-1:1:topic"}
                    for kind in ("AWS::SNS::Topic", "AWS::Events::Rule")
                ]
            },
            "GetQueueUrl": {"QueueUrl": "https://queue"},
            "ListPolicies": {"Policies": [{"Name": STOP, "Id": "p-12345678"}]},
            "ListStackInstances": {
                "Summaries": [
                    {"Account": member, "Status": status}
                    for member, status in zip(MEMBERS, self.instances * 2, strict=False)
                ]
            },
            "ReceiveMessage": {
                "Messages": [
                    {"Body": json.dumps({"Message": message})} for message in self.messages
                ]
            },
        }
        found = answers.get(name, {})
        if name == "ListRoleTags":
            found = {"Tags": self.tags.pop(0)}
        elif name in {"AttachPolicy", "DetachPolicy"}:
            if name == "DetachPolicy" and not self.attached:
                return refusal("PolicyNotAttachedException", "")
            self.attached = name == "AttachPolicy"
        elif name == self.fails or (name == "DescribeReservedDBInstances" and self.attached):
            return refusal("AccessDenied", "with an explicit deny in a service control policy")
        return SimpleNamespace(status_code=200), found


def refusal(code: str, message: str) -> tuple[SimpleNamespace, Mapping[str, Any]]:
    return SimpleNamespace(status_code=400), {"Error": {"Code": code, "Message": message}}


MEMBERS = ["222233334444", "333344445555"]

OnAws = tuple[Aws, SmokeOrganization, list[str]]


@pytest.fixture
def on_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OnAws:
    """What AWS answers, a run that waits for nothing, and the stacks that it deploys."""
    clock = [0.0]
    passes = SimpleNamespace(
        monotonic=lambda: clock[0], sleep=lambda seconds: clock.append(clock.pop() + seconds)
    )
    monkeypatch.setattr(smoke_organization, "time", passes)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(Account, "id", ACCOUNT_ID)
    named = Named(ACCOUNT_ID, "ou-abcd-12345678", MEMBERS, "eu-central-1", "finops@example.com")
    aws, deployed, smoke = Aws(), list[str](), SmokeOrganization(named)
    smoke.folder, smoke.file = tmp_path, tmp_path / "smoke.json"
    monkeypatch.setattr(smoke, "client", aws.client)
    monkeypatch.setattr(smoke, "cdk", lambda _, stack, *__, **___: deployed.append(stack))
    return aws, smoke, deployed


def test_rollout_passes_only_if_each_account_has_a_current_instance(on_aws: OnAws) -> None:
    aws, smoke, _ = on_aws
    assert smoke.roll_out()
    aws.instances = ["CURRENT", "OUTDATED"]
    assert not smoke.roll_out()


def test_alarm_has_a_queue_even_if_an_earlier_run_created_it(on_aws: OnAws) -> None:
    aws, smoke, deployed = on_aws
    assert smoke.alarm()
    assert deployed == ["PumpAlarm", "PumpAlarmForwarder"]
    assert aws.calls.index("CreateQueue") < aws.calls.index("SetQueueAttributes")


def test_approval_is_open_in_each_region_until_its_tag_is_removed(on_aws: OnAws) -> None:
    aws, smoke, _ = on_aws
    assert smoke.approve()
    assert aws.calls.count("SetAlarmState") == 1
    assert aws.calls.count("DeleteQueuedReservedInstances") == 2
    assert json.loads((smoke.folder or Path()).joinpath("pump.json").read_text())["auto-pilot"][
        "approval-ends"
    ].endswith(("0", "5"))
    aws.tags, aws.fails = [[]], "DeleteQueuedReservedInstances"
    assert not smoke.approve()


@pytest.mark.parametrize("attached", [False, True])
def test_stop_is_repeated_after_a_run_that_ended_with_the_policy_attached(
    on_aws: OnAws, *, attached: bool
) -> None:
    aws, smoke, _ = on_aws
    aws.attached = attached
    for stopped in (True, False):
        assert smoke.stop(stopped=stopped)
        assert aws.attached == stopped
    aws.fails = "DescribeReservedDBInstances"
    assert not smoke.stop(stopped=True)


def test_events_pass_only_if_the_queue_received_a_message_about_each(on_aws: OnAws) -> None:
    aws, smoke, _ = on_aws
    call = "Pump's role called DeleteQueuedReservedInstances (ec2.amazonaws.com) in account "
    aws.messages = [
        *(f"{call}{ACCOUNT_ID}, {region}, at" for region in ("us-east-1", "eu-central-1")),
        "Someone called TagRole (iam.amazonaws.com) on the role PumpAutoPilotRole in",
        "Someone called UpdateRoleDescription (iam.amazonaws.com) in",
        "Someone called DetachPolicy (organizations.amazonaws.com) in",
        "Something about Pump was not delivered in account",
    ]
    assert smoke.received()
    del aws.messages[1]
    assert not smoke.received()


def test_no_step_counts_as_passed_before_if_a_removal_ended_early(
    on_aws: OnAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, smoke, deployed = on_aws
    stacks = ("us-east-1", "PumpReadOnly", smoke_organization.MARK)
    monkeypatch.setattr(smoke, "check_to_create", lambda: None)
    monkeypatch.setattr(smoke_organization, "git", lambda *_: "0123456789abcdef")
    monkeypatch.setattr(smoke, "stacks", lambda: [stacks])
    monkeypatch.setattr(smoke, "deploy_roles", lambda: deployed.append("roles"))

    def interrupt(*_: str, **__: str) -> None:
        raise SystemExit(1)

    before = {"commit": "0123456789abcdef", "region": "eu-central-1", "removed": False}
    smoke.save({**before, "passed": [step.name for step in smoke.steps]})
    monkeypatch.setattr(smoke, "cdk", interrupt)
    with pytest.raises(SystemExit):
        smoke.show()
    assert deployed == []
    with pytest.raises(CheckFailedError):
        smoke.show()
    assert deployed == ["roles"]


def test_says_that_no_region_is_configured(smoke: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert smoke(ACCOUNT_ID) == (1, "make smoke-org: You must specify a region.")


@pytest.mark.slow
def test_deploys_each_construct_says_what_the_emulator_leaves_and_removes_everything(
    aws: EmbeddedAws,
    smoke: Answer,
    synth: Synth,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fails = ["PumpAutoPilot", "PumpAlarm"]

    def cdk(
        command: str, stack: str, *_: str, directory: Path, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        client = aws.client("cloudformation", region=environment["AWS_REGION"])
        if command == "destroy":
            (found,) = client.describe_stacks(StackName=stack)["Stacks"]
            client.delete_stack(StackName=stack)
            waiter = client.get_waiter("stack_delete_complete")
            waiter.wait(StackName=found["StackId"], WaiterConfig=FAST)
        elif stack in fails:
            fails.remove(stack)
            return subprocess.CompletedProcess([], 1, "", "interrupted")
        else:
            settings = json.loads((directory / "pump.json").read_text())
            tags = [{"Key": key, "Value": value} for key, value in settings["tags"].items()]
            template = json.dumps(synth(settings)[stack])
            (directory / "cdk.out").mkdir(exist_ok=True)
            (directory / "cdk.out" / f"{stack}.template.json").write_text(template)
            client.create_stack(StackName=stack, TemplateBody=template, Tags=tags, **NAMED)
            client.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig=FAST)
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(show, "cdk", cdk)
    result = tmp_path / "cdk.out" / "smoke.json"
    with pytest.raises(SystemExit):
        smoke(ACCOUNT_ID)
    status, shown = smoke("remove")
    assert (status, aws.roles()) == (0, []), shown

    # It continues where it was interrupted.
    before = ["both roles, as verify sees them", "both rollouts", "the three policies"]
    with pytest.raises(SystemExit):
        smoke(ACCOUNT_ID)
    assert json.loads(result.read_text())["passed"] == before
    status, shown = smoke(ACCOUNT_ID)
    assert (status, shown.count("passed before")) == (0, 3), shown
    assert "Everything that was created is deleted." in shown
    assert aws.roles() == []
    assert aws.cloudformation().describe_stacks()["Stacks"] == []
    assert re.findall(r"not run: ([a-z ]+): the emulator has no", shown) == [
        *("an approval that ended", "a stop of the unit", "the end of the stop"),
        "a message about each event",
    ]
    assert all(f"not run: {what}: {why}" in shown for what, why in smoke_organization.LEFT.items())
    kept = json.loads(result.read_text())
    assert kept["removed"] is True
    assert kept["passed"] == [*before, "the alarm in two Regions", *kept["passed"][4:]]
    assert {"CommitmentAlarm", "EmergencyStop"} <= {*kept["constructs"]}
    assert "ApprovalEnd" not in kept["constructs"]
    # So that the next run does not continue this one.
    assert kept["removed"]

    # A stack that no run created is neither changed nor deleted.
    aws.deploy("PumpReadOnly", json.dumps(synth(GIVEN)["PumpReadOnly"]))
    status, shown = smoke("remove")
    assert (status, "PumpReadOnly is in us-east-1 already" in shown) == (1, True)
