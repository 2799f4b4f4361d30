"""`make smoke-org` on the emulator, without the CDK CLI: as far as the emulator goes."""

import io
import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support import PUMP_ACCOUNT, SECRET, Synth
from tools.sandbox import show, smoke_organization
from tools.sandbox.aws import ACCOUNT_ID, EmbeddedAws
from tools.sandbox.organization import Organization

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
        "an email about each event",
    ]
    assert all(f"not run: {what}: {why}" in shown for what, why in smoke_organization.LEFT.items())
    kept = json.loads(result.read_text())
    assert kept["passed"] == [*before, "the alarm in two Regions", *kept["passed"][4:]]
    assert {"CommitmentAlarm", "EmergencyStop"} <= {*kept["constructs"]}
    assert "ApprovalEnd" not in kept["constructs"]
    # So that the next run does not continue this one.
    assert kept["removed"]

    # A stack that no run created is neither changed nor deleted.
    aws.deploy("PumpReadOnly", json.dumps(synth(GIVEN)["PumpReadOnly"]))
    status, shown = smoke("remove")
    assert (status, "PumpReadOnly is in us-east-1 already" in shown) == (1, True)
