"""A deployment after "Stop Pump now": Pump stays stopped only if the settings have the boundary."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.commands import run
from tests.docs.pages import STOP, policy, shown
from tests.support import EXTERNAL_ID, PRINCIPAL, STACKS, Assembly, role_in
from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws
from tools.sandbox.cdk import tool_environment

pytestmark = pytest.mark.usefixtures("no_aws")

IN_SETTINGS = policy("stop-settings", STOP)
COMMANDS = [
    words for words in shown(STOP, "aws") if words[:2] == ["iam", "put-role-permissions-boundary"]
]
STOPPED = "Pump is stopped by this boundary; remove it only when Pump may continue."
ROLES = [role_in(int(ACCOUNT_ID), f"{stack}Role") for stack in STACKS]


def deploy(aws: EmbeddedAws, folder: Path, **more: Any) -> None:
    for stack in STACKS:
        aws.deploy(stack, (folder / f"{stack}.template.json").read_text(), **more)


def verify(aws: EmbeddedAws, folder: Path) -> tuple[int, str]:
    """Return the exit status of ``pump-roles verify``, and what it prints."""
    ended = run("verify", "--expect", folder, environment=aws.environment())
    return ended.exit_code, ended.stdout


def stop(aws: EmbeddedAws) -> None:
    """Run the commands of the guide, with the AWS CLI."""
    assert len(COMMANDS) == len(STACKS)
    for words in COMMANDS:
        command = [sys.executable, "-m", "awscli", *words]
        subprocess.run(command, env={**tool_environment(), **aws.environment()}, check=True)


def works(aws: EmbeddedAws, session: Caller) -> bool:
    """Return whether a session of Pump's can read, which both roles can."""
    try:
        aws.client("rds", session).describe_db_instances()
    except ClientError as error:
        assert "with an explicit deny" in str(error)
        return False
    return True


def test_deployment_keeps_pump_stopped_only_if_the_boundary_is_in_the_settings(
    aws: EmbeddedAws, assembly: Assembly, provided: dict[str, str]
) -> None:
    running = assembly(provided)
    deploy(aws, running)
    pump = aws.caller_in(PRINCIPAL)
    sessions = [aws.assume(role, pump, external_id=EXTERNAL_ID) for role in ROLES]
    assert [works(aws, session) for session in sessions] == [True, True]
    status, said = verify(aws, running)
    assert (status, STOPPED in said) == (0, False)

    stop(aws)
    assert [works(aws, session) for session in sessions] == [False, False]
    status, said = verify(aws, running)
    assert (status, said.count(f"AWSDenyAll: {STOPPED}")) == (3, 2)
    assert f"\n  boundary-stops: {STOPPED}\n" in said
    assert "Remove the boundary" not in said

    for kept in (IN_SETTINGS, {}):
        changed = assembly({**provided, **kept, "guardrails": ["metadata-only"]})
        deploy(aws, changed, update=True)
        opened = [aws.assume(role, pump, external_id=EXTERNAL_ID) for role in ROLES]
        assert [works(aws, session) for session in (*sessions, *opened)] == [not kept] * 4
        status, said = verify(aws, changed)
        assert (status, f"AWSDenyAll: {STOPPED}" in said) == (0, bool(kept))
