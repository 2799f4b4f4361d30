"""The code and the commands that docs/pump-side.md gives Pump for assuming a role."""

import json
import re
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from textwrap import dedent
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from pump_roles.pump_side import probe
from tests.docs.pages import APPROVE, filled_in, sh_blocks, shown
from tests.support import EXTERNAL_ID, PRINCIPAL, PUMP_ACCOUNT, PUMP_WORKER, Synth
from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws
from tools.sandbox.cdk import ROOT, tool_environment

PAGE = (ROOT / "docs" / "pump-side.md").read_text()
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/PumpReadOnlyRole"


@pytest.fixture
def page() -> dict[str, Any]:
    """What the page defines."""
    names: dict[str, Any] = {}
    for code in re.findall(r"^ *```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE):
        if "def " in code:
            exec(dedent(code), names)  # noqa: S102
    return names


@pytest.fixture
def customer_session(page: dict[str, Any]) -> Callable[..., boto3.Session]:
    session: Callable[..., boto3.Session] = page["customer_session"]
    return session


def deployed(aws: EmbeddedAws, synth: Synth) -> Caller:
    """Deploy the read-only role, and return the session of Pump's role."""
    template = synth({"principal": PRINCIPAL, "external-id": EXTERNAL_ID})
    aws.deploy("PumpReadOnly", json.dumps(template["PumpReadOnly"]))
    return aws.caller_in(PRINCIPAL)


def test_session_assumes_the_role_once_and_again_when_it_expires(
    customer_session: Callable[..., boto3.Session],
    aws: EmbeddedAws,
    synth: Synth,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pump = deployed(aws, synth)
    for name, value in aws.environment(pump).items():
        monkeypatch.setenv(name, value)

    def assumptions() -> int:
        events = aws.client("cloudtrail", Caller(PUMP_ACCOUNT)).lookup_events(MaxResults=50)[
            "Events"
        ]
        requests = [json.loads(event["CloudTrailEvent"])["requestParameters"] for event in events]
        return sum(request.get("RoleArn") == ROLE for request in requests)

    session = customer_session(ROLE, EXTERNAL_ID, "recommendations-2026-11-25")
    client = session.client("sts")
    assert assumptions() == 0
    for _ in range(3):
        arn = client.get_caller_identity()["Arn"]
        assert arn.endswith(":assumed-role/PumpReadOnlyRole/recommendations-2026-11-25")
    assert assumptions() == 1

    def later() -> datetime:
        return datetime.now(timezone.utc) + timedelta(minutes=55)

    credentials: Any = session._session.get_credentials()  # noqa: SLF001
    credentials._time_fetcher = later  # noqa: SLF001
    monkeypatch.setattr("botocore.credentials._local_now", later)
    assert client.get_caller_identity()["Arn"] == arn
    assert assumptions() == 2
    # That of another tenant is refused.
    other = customer_session(ROLE, "Another-5678", "recommendations-2026-11-25")
    with pytest.raises(ClientError, match="AccessDenied"):
        other.client("ec2").describe_regions()


@pytest.mark.slow
def test_purchase_of_the_page_is_authorized_only_while_the_customer_approves_it(
    page: dict[str, Any], aws: EmbeddedAws, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"principal": PRINCIPAL, "external-id": EXTERNAL_ID}
    template = synth({**settings, "auto-pilot": {"guardrails": ["only-when-approved"]}})
    aws.deploy("PumpAutoPilot", json.dumps(template["PumpAutoPilot"]))
    for name, value in aws.environment(aws.caller_in(PRINCIPAL)).items():
        monkeypatch.setenv(name, value)
    role = f"arn:aws:iam::{ACCOUNT_ID}:role/PumpAutoPilotRole"
    approve, close = (words for words in shown(APPROVE, "aws") if "tag-role" in words[1])

    def buy() -> str:
        with pytest.raises(ClientError) as caught:
            page["buy"](role, EXTERNAL_ID, "us-east-1", "offering", 1)
        code: str = caught.value.response["Error"]["Code"]
        return code

    def as_the_customer(words: list[str]) -> None:
        environment = {**tool_environment(), **aws.environment()}
        subprocess.run(["aws", *words], env=environment, check=True)

    # A session's tags take precedence over the role's, so its trust policy must not accept them.
    tags: Any = [{"Key": "pump-commitments", "Value": "approved"}]
    names: Any = {"RoleArn": role, "RoleSessionName": "pump", "ExternalId": EXTERNAL_ID}
    with pytest.raises(ClientError, match="not authorized to perform: sts:TagSession"):
        boto3.Session().client("sts").assume_role(**names, Tags=tags)
    session = page["customer_session"](role, EXTERNAL_ID, "approves-itself")
    with pytest.raises(ClientError, match="not authorized to perform: iam:TagRole"):
        session.client("iam").tag_role(RoleName="PumpAutoPilotRole", Tags=tags)

    denied, authorized = "UnauthorizedOperation", "InvalidAction"  # it has no such operation
    assert buy() == denied
    as_the_customer(approve)
    assert buy() == authorized
    as_the_customer(close)
    assert buy() == denied


@pytest.mark.slow
def test_commands_of_the_page_probe_a_role_and_a_list_of_roles(
    aws: EmbeddedAws, synth: Synth, tmp_path: Path
) -> None:
    commands = [block for block in sh_blocks(PAGE) if "pump-roles probe " in block]
    role = "arn:aws:iam::111122223333:role/PumpReadOnlyRole"
    template = synth({"principal": PRINCIPAL, "external-id": EXTERNAL_ID})
    aws.deploy(
        "PumpReadOnly", json.dumps(template["PumpReadOnly"]), caller=Caller(role.split(":")[4])
    )
    (tmp_path / "roles.txt").write_text(f"{role} {EXTERNAL_ID}\n{role}-2 {EXTERNAL_ID}")
    pump = aws.environment(aws.caller_in(PRINCIPAL))
    of_one, of_several = (
        subprocess.run(
            [
                "sh",
                "-c",
                filled_in(command, {"EXTERNAL_ID": EXTERNAL_ID, "ROLE_ARN": role}),
            ],
            cwd=tmp_path,
            env={**tool_environment(), "PYTHONPATH": str(ROOT), **pump},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        for command in commands
    )
    assert "External ID: 1 required." in of_one.stdout
    assert of_several.stdout == f"4 {role}-2\n"


def test_probe_from_the_example_finds_what_its_worker_cannot_do(
    aws: EmbeddedAws, pump_side: Path, synth: Synth
) -> None:
    template = synth({"principal": PUMP_ACCOUNT, "external-id": EXTERNAL_ID})
    aws.deploy("PumpReadOnly", json.dumps(template["PumpReadOnly"]))
    owner = Caller(PUMP_ACCOUNT)
    # Pump's account is bootstrapped. ECS assumes the roles; the emulator has no ECS that does.
    aws.client("ssm", owner).put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String"
    )
    aws.deploy("PumpWorker", (pump_side / PUMP_WORKER).read_text(), caller=owner)
    stands_in = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": PUMP_ACCOUNT}}
    trusted = json.dumps({"Version": "2012-10-17", "Statement": [stands_in]})
    for caller, verdict in (("PumpProbe", "required"), ("PumpService", "unknown")):
        aws.iam(owner).update_assume_role_policy(RoleName=caller, PolicyDocument=trusted)
        session = aws.assume(f"arn:aws:iam::{PUMP_ACCOUNT}:role/{caller}", owner)
        assert probe(ROLE, EXTERNAL_ID, sts=aws.sts(session)).verdict == verdict
