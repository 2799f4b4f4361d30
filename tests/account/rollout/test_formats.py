"""The output formats, and output that cannot be written."""

import errno
import json
import os
import sys

import pytest

from tests.account.rollout.rollouts import Run, roll_out
from tests.commands import the_error
from tests.support import Synth, on_terminal
from tools.sandbox.cdk import tool_environment
from tools.sandbox.management import Management
from tools.sandbox.organization import Organization


def test_output_that_cannot_be_written_makes_the_status_unknown(
    aws: Management, run: Run, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    roll_out(Organization.create(aws, {"Unit": 1}), synth)
    monkeypatch.setattr("pump_roles.cli.files.write", full)
    problem = the_error(run("PumpReadOnly", "--no-filter"))
    assert problem == "pump-roles: standard output: cannot be written: No space left on device"


def test_shows_a_progress_bar_on_a_terminal(aws: Management, synth: Synth) -> None:
    organization = Organization.create(aws, {"Unit": 30})
    roll_out(organization, synth)
    ended, shown = on_terminal(
        [
            *(sys.executable, "-m", "pump_roles", "rollout-status", "PumpReadOnly"),
            *("--no-filter", "--format=json"),
        ],
        environment=tool_environment() | dict(aws.environment),
        only_errors=True,
    )
    assert ended.returncode == 0, shown
    assert "instances and accounts read" in shown
    assert json.loads(ended.stdout)["state"] == "complete"
