"""`make smoke` as a whole command, on the emulator; and that it creates nothing unasked."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import PRINCIPAL, PUMP_ACCOUNT, SECRET, Synth
from tools.sandbox.aws import ACCOUNT_ID, REGION, EmbeddedAws
from tools.sandbox.cdk import ROOT
from tools.sandbox.smoke import STACK

CONFIG = f"""\
[profile pump]
region = {REGION}
aws_access_key_id = {PUMP_ACCOUNT}
aws_secret_access_key = unchecked
"""


def smoke(aws: EmbeddedAws, folder: Path, answer: str, *arguments: str) -> tuple[int, str]:
    (folder / "config").write_text(CONFIG)
    ended = subprocess.run(
        [sys.executable, "-m", "tools.sandbox.smoke", *arguments],
        cwd=ROOT,
        env={**os.environ, **aws.environment(), "AWS_CONFIG_FILE": str(folder / "config")},
        input=f"{answer}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_shows_the_whole_life_of_the_role_and_leaves_nothing(
    aws: EmbeddedAws, tmp_path: Path
) -> None:
    # Every account of an organization has such a role.
    aws.create_role("OrganizationAccountAccessRole", PUMP_ACCOUNT)
    status, shown = smoke(aws, tmp_path, ACCOUNT_ID, "pump")
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


def test_profile_that_does_not_exist_is_one_line(aws: EmbeddedAws, tmp_path: Path) -> None:
    status, shown = smoke(aws, tmp_path, "", "missing")
    assert (status, shown) == (1, "make smoke: The config profile (missing) could not be found\n")


@pytest.mark.parametrize("answer", ["", "yes", PUMP_ACCOUNT])
def test_creates_nothing_unless_the_account_is_confirmed(
    answer: str, aws: EmbeddedAws, tmp_path: Path
) -> None:
    status, shown = smoke(aws, tmp_path, answer)
    assert status == 1
    assert f"the role PumpReadOnlyRole in the account {ACCOUNT_ID}" in " ".join(shown.split())
    assert "Nothing was created." in shown
    assert aws.iam().list_roles()["Roles"] == []


def test_leaves_a_role_and_a_stack_that_exist_as_they_are(
    aws: EmbeddedAws, synth: Synth, tmp_path: Path
) -> None:
    template = json.dumps(synth({"pump:principal": PRINCIPAL, "pump:external-id": SECRET})[STACK])
    aws.deploy(STACK, template)
    before = aws.roles()
    status, shown = smoke(aws, tmp_path, ACCOUNT_ID)
    assert status == 1
    assert "stack PumpReadOnly: ✘ exists" in shown
    assert "role PumpReadOnlyRole: ✘ exists" in shown
    assert "npx cdk" not in shown
    assert aws.roles() == before
