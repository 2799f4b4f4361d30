"""`make sandbox` opens a shell in which the commands of the guides work on the emulator."""

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.cdk import ROOT
from sandbox.shell import INTRODUCTION


@pytest.fixture
def shown() -> list[str]:
    """The commands that the introduction shows."""
    text = INTRODUCTION.replace("\\\n", " ")
    return re.findall(r"^  ((?:npx|pump-roles|aws) .*)$", text, re.MULTILINE)


def test_shown_commands_work_and_the_emulator_stops_with_the_shell(
    shown: list[str], tmp_path: Path
) -> None:
    deploy, verify, get_role = shown
    script = "\n".join(
        [
            f"{deploy} --require-approval never --output {shlex.quote(str(tmp_path / 'cdk.out'))}",
            verify,
            f"{get_role} --query Role.Arn --output text",
            'echo "endpoint $AWS_ENDPOINT_URL"',
            "exit 7",
        ]
    )
    ended = subprocess.run(
        [sys.executable, "-m", "sandbox.shell"],
        cwd=ROOT,
        env={**os.environ, "SHELL": "/bin/sh", "AWS_PROFILE": "real"},
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 7, ended.stderr
    assert "arn:aws:iam::123456789012:role/PumpReadOnlyRole" in ended.stdout.splitlines()
    assert re.search(r"^accounts: 1 match$", ended.stdout, re.MULTILINE), ended.stdout
    (port,) = re.findall(r"^endpoint http://127\.0\.0\.1:(\d+)$", ended.stdout, re.MULTILINE)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(port))) != 0
