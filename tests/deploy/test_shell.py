"""`make sandbox` opens a shell in which the commands of the guides work on the emulator."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.support import FROM_PUMP, Assembly, Synth, on_terminal
from tools.sandbox.aws import EmbeddedAws, StackFailedError
from tools.sandbox.cdk import ROOT
from tools.sandbox.shell import INTRODUCTION, PROMPT


@pytest.fixture
def shown() -> list[str]:
    """The commands that the introduction shows."""
    text = INTRODUCTION.replace("\\\n", " ")
    return re.findall(r"^  ((?:npx|pump-roles|aws) .*)$", text, re.MULTILINE)


STARTUP_FILE = """\
mine=read
export PATH={shims}:$PATH
export AWS_PROFILE=real AWS_ENDPOINT_URL=https://aws.example
alias npx=another
python3() {{ another; }}
PS1='mine> '
at_each_prompt() {{ PATH={shims}:$PATH; }}
PROMPT_COMMAND='at_each_prompt;'
precmd_functions=(at_each_prompt)
"""


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_startup_file_that_puts_other_programs_first_is_read_and_does_not_win(
    shell: str, tmp_path: Path
) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    shims = tmp_path / "shims"
    shims.mkdir()
    for name in ("python3", "npx"):
        (shims / name).write_text("#!/bin/sh\necho another\n")
        (shims / name).chmod(0o755)
    (tmp_path / f".{shell}rc").write_text(STARTUP_FILE.format(shims=shlex.quote(str(shims))))
    asked = (
        'echo "$mine ${AWS_PROFILE-none} $AWS_ENDPOINT_URL"; command -v python3 npx; npx --version'
    )
    ended, shown = on_terminal(
        [sys.executable, "-m", "tools.sandbox.shell"],
        environment={**os.environ, "HOME": str(tmp_path), "SHELL": program},
        folder=ROOT,
        typed=f"{{ {asked}; }} > ~/found\nexit 7\n",
    )
    assert ended.returncode == 7, shown
    variables, *programs, version = (tmp_path / "found").read_text().splitlines()
    assert re.fullmatch(r"read none http://127\.0\.0\.1:\d+", variables)
    folder = Path(sys.executable).parent
    assert programs == [str(folder / name) for name in ("python3", "npx")]
    assert re.fullmatch(r"[\d.]+", version)
    assert f"{PROMPT}mine> " in shown


@pytest.mark.slow
def test_shown_commands_work_and_the_emulator_stops_with_the_shell(
    shown: list[str], assembly: Assembly
) -> None:
    deploy, verify, get_role = shown
    assert deploy.endswith(" -c pump:settings=examples/settings.json")
    # What the app makes of these settings, to save time.
    made = shlex.quote(str(assembly(FROM_PUMP)))
    script = "\n".join(
        [
            f"{deploy} --require-approval never --app {made}",
            verify,
            f"{get_role} --query Role.Arn --output text",
            'echo "endpoint $AWS_ENDPOINT_URL"',
            "exit 7",
        ]
    )
    ended = subprocess.run(
        [sys.executable, "-m", "tools.sandbox.shell"],
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


def test_rollout_cannot_be_deployed_and_the_error_says_what_to_run(
    aws: EmbeddedAws, synth: Synth
) -> None:
    units = {"read-only": {"organizational-units": ["r-abcd"]}}
    template = json.dumps(synth({**FROM_PUMP, **units})["PumpReadOnlyRollout"])
    with pytest.raises(StackFailedError, match=r"has no StackSets.* make demo-org"):
        aws.deploy("PumpReadOnlyRollout", template)


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("cloudformation", "describe_stack_set", {"StackSetName": "PumpReadOnly"}),
        ("ec2", "describe_reserved_instances_listings", {}),
    ],
)
def test_error_of_a_missing_operation_says_that_the_emulator_lacks_it(
    service: str, operation: str, parameters: dict[str, str], aws: EmbeddedAws
) -> None:
    with pytest.raises(ClientError, match="The AWS emulator does not have this operation") as error:
        getattr(aws.client(service), operation)(**parameters)
    assert error.value.response["Error"]["Code"] == "InvalidAction"


def test_error_of_an_operation_that_the_emulator_has_is_its_own(aws: EmbeddedAws) -> None:
    with pytest.raises(ClientError) as error:
        aws.cloudformation().describe_stacks(StackName="Missing")
    assert "emulator" not in str(error.value)
