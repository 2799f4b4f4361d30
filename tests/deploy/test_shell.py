"""`make sandbox` opens a shell in which the commands of the guides work on the emulator."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import on_terminal
from tools.sandbox.aws import ACCOUNT_ID, REGION, EmbeddedAws
from tools.sandbox.cdk import ROOT, cdk, project
from tools.sandbox.shell import INTRODUCTION, PROMPT, UNITS

# By default, the template itself is an asset in the bucket.
OWN_APP = """\
from aws_cdk import App, Stack, aws_iam
app = App()
aws_iam.ManagedPolicy(
    Stack(app, "Own"),
    "Policy",
    statements=[aws_iam.PolicyStatement(actions=["s3:ListBucket"], resources=["*"])],
)
app.synth()
"""

OTHER_ENDPOINT = "aws rds describe-db-instances; echo status $?"
"""What version 1 of the AWS CLI would send to AWS by itself."""


@pytest.mark.slow
def test_shell_on_a_terminal_ignores_startup_files_and_other_credentials(tmp_path: Path) -> None:
    for name in (".bashrc", ".bash_profile"):
        (tmp_path / name).write_text("export AWS_PROFILE=real AWS_ENDPOINT_URL= PATH=/bin\n")
    asked = 'echo "${AWS_PROFILE-none} $AWS_ENDPOINT_URL"; command -v python3 npx'
    ended, shown = on_terminal(
        [sys.executable, "-m", "tools.sandbox.shell"],
        environment={**os.environ, "HOME": str(tmp_path), "AWS_PROFILE": "real"},
        folder=ROOT,
        typed=f"{{ {asked}; }} > ~/found\nexit 7\n",
    )
    assert ended.returncode == 7, shown
    variables, *programs = (tmp_path / "found").read_text().splitlines()
    assert re.fullmatch(r"none http://127\.0\.0\.1:\d+", variables)
    folder = Path(sys.executable).parent
    assert programs == [str(folder / name) for name in ("python3", "npx")]
    assert PROMPT in shown


@pytest.mark.slow
def test_shown_commands_work_and_the_emulator_stops_with_the_shell() -> None:
    command = [sys.executable, "-m", "tools.sandbox.shell"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        project() as folder,
        subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as shell,
    ):
        for name in ("tools", "node_modules"):
            (folder / name).symlink_to(ROOT / name)
        assert shell.stdout is not None
        introduction = "".join(iter(shell.stdout.readline, f"{INTRODUCTION.splitlines()[-1]}\n"))
        commands = re.findall(r"^  ((?:npx|pump-roles|aws) .*)$", introduction, re.MULTILINE)
        approved = (
            re.sub("^npx cdk.*", r"\g<0> --require-approval never", each) for each in commands
        )
        script = [f"cd {folder}", *(f"{each}; echo status $?" for each in approved)]
        shown, _ = shell.communicate(
            "\n".join([*script, OTHER_ENDPOINT, "echo endpoint $AWS_ENDPOINT_URL", "exit 7"])
        )
    assert len(commands) == 7
    assert shell.returncode == 7, shown
    assert re.findall(r"^status (\d)$", shown, re.MULTILINE) == ["0"] * 8, shown
    assert "arn:aws:iam::123456789012:role/PumpReadOnlyRole" in shown
    every = sum(UNITS.values())
    assert re.search(rf"^Accounts: {every + 1} match\.$", shown, re.MULTILINE), shown
    assert shown.count('"Status": "CURRENT"') == every
    (port,) = re.findall(r"^endpoint http://127\.0\.0\.1:(\d+)$", shown, re.MULTILINE)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(port))) != 0


@pytest.mark.slow
def test_stack_with_an_asset_deploys_after_cdk_bootstrap(aws: EmbeddedAws, tmp_path: Path) -> None:
    """The bucket of the bootstrap stack refuses calls without TLS."""
    (tmp_path / "app.py").write_text(OWN_APP)
    for command in (["bootstrap", f"aws://{ACCOUNT_ID}/{REGION}"], ["deploy", "Own"]):
        ended = cdk(
            *(*command, "--app", "python3 app.py", "--require-approval=never"),
            directory=tmp_path,
            environment=aws.environment(),
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
