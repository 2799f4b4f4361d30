"""`make smoke` on the emulator, without the CDK CLI; and that it creates nothing unasked."""

import io
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import PRINCIPAL, PUMP_ACCOUNT, SECRET, Synth
from tools.sandbox import show
from tools.sandbox.aws import ACCOUNT_ID, REGION, EmbeddedAws
from tools.sandbox.smoke import STACK, main

CONFIG = f"""\
[profile pump]
region = {REGION}
aws_access_key_id = {PUMP_ACCOUNT}
aws_secret_access_key = unchecked
"""


Asked = Callable[..., tuple[int, str]]


@pytest.fixture
def asked(
    aws: EmbeddedAws,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Asked:
    """Answer the question for the account, in this process; another one has a profile."""
    (tmp_path / "config").write_text(CONFIG)
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    def smoke(answer: str, *arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
        status = main([*arguments])
        shown = capsys.readouterr()
        return status, shown.out + shown.err

    return smoke


def cdk_of(aws: EmbeddedAws, synth: Synth) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that deploys and destroys as the CDK CLI does, with the settings."""
    deployed: set[str] = set()

    def cdk(
        command: str, stack: str, *_: str, directory: Path, **__: object
    ) -> subprocess.CompletedProcess[str]:
        if command == "destroy":
            aws.delete(stack)
        else:
            settings = json.loads((directory / "pump.json").read_text())
            aws.deploy(stack, json.dumps(synth(settings)[stack]), update=stack in deployed)
            deployed.add(stack)
        return subprocess.CompletedProcess([], 0, "", "")

    return cdk


@pytest.mark.slow
def test_shows_the_whole_life_of_the_role_and_leaves_nothing(
    aws: EmbeddedAws, asked: Asked, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show, "cdk", cdk_of(aws, synth))
    # This process must stay interruptible.
    monkeypatch.setattr("signal.signal", lambda *_: None)
    # Every account of an organization has such a role.
    aws.create_role("OrganizationAccountAccessRole", PUMP_ACCOUNT)
    status, shown = asked(ACCOUNT_ID, "pump")
    assert status == 0, shown
    assert "Every check passed." in shown
    assert re.findall(r"number \d +(?:✔|✘) (\w+)", shown) == [
        *("allowed", "refused"),
        *("allowed", "allowed"),
        *("refused", "allowed"),
    ]
    assert len(re.findall(r"^none +✘ refused", shown, re.MULTILINE)) == 3
    assert shown.count("pump-roles verify: ✔ as expected") == 2
    assert shown.count("pump-roles probe: ✔ as expected") == 1
    assert "Everything that was created is deleted." in shown
    (left,) = aws.iam().list_roles()["Roles"]
    assert left["RoleName"] == "OrganizationAccountAccessRole"
    assert aws.cloudformation().describe_stacks()["Stacks"] == []


def test_profile_that_does_not_exist_is_one_line(asked: Asked) -> None:
    status, shown = asked("", "missing")
    assert (status, shown) == (1, "make smoke: The config profile (missing) could not be found\n")


def test_creates_nothing_unless_confirmed_and_leaves_what_exists_as_it_is(
    aws: EmbeddedAws, synth: Synth, asked: Asked
) -> None:
    for answer in ("yes", PUMP_ACCOUNT):
        status, shown = asked(answer)
        assert status == 1
        named = f"the role PumpReadOnlyRole in the account {ACCOUNT_ID}"
        assert named in " ".join(shown.split())
        assert "Nothing was created." in shown
        assert aws.roles() == []
    aws.deploy(STACK, json.dumps(synth({"principal": PRINCIPAL, "external-id": SECRET})[STACK]))
    before = aws.roles()
    status, shown = asked(ACCOUNT_ID)
    assert status == 1
    assert "stack PumpReadOnly: ✘ exists" in shown
    assert "role PumpReadOnlyRole: ✘ exists" in shown
    assert "npx cdk" not in shown
    assert aws.roles() == before
