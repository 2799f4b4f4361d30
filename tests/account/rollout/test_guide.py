"""docs/rollout-status.md says what the command does, and the commands of the guides run."""

import re
import shlex
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from pump_roles.account.rollout.model import FINE, AccountState
from pump_roles.cli import app
from sandbox.cdk import ROOT
from sandbox.management import Management
from sandbox.organization import Organization
from tests.account.rollout.rollouts import Run, Stacks, roll_out, written
from tests.support import Synth

DOCS = ROOT / "docs"
GUIDE = (DOCS / "rollout-status.md").read_text("utf-8")
HELP = CliRunner().invoke(app, ["rollout-status", "--help"], env={"COLUMNS": "200"}).stdout


def commands() -> set[str]:
    """Return the arguments of each command in the blocks of the guides."""
    pages = GUIDE + (DOCS / "organizations.md").read_text("utf-8")
    found = re.findall(r"^ *\$ pump-roles rollout-status (.*)$", pages, re.MULTILINE)
    return {re.split("#|>", command)[0].strip() for command in found}


def test_commands_of_the_guides_find_a_complete_rollout(  # noqa: PLR0917
    aws: Management,
    run: Run,
    synth: Synth,
    stacks: Stacks,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    organization = Organization.create(aws, {"Unit": 1})
    units = {"pump:auto-pilot:organizational-units": organization.root}
    written(roll_out(organization, synth, stacks, context=units), tmp_path / "cdk.out")
    monkeypatch.chdir(tmp_path)
    found = commands()
    assert len(found) >= 5
    for command in found:
        ended = run(*shlex.split(command))
        assert ended.exit_code == 0, (command, ended.output)


def test_guide_names_every_option() -> None:
    options = set(re.findall(r"--[a-z-]+", HELP)) - {"--help"}
    assert len(options) >= 10
    assert options <= set(re.findall(r"--[a-z-]+", GUIDE))


def test_guide_says_which_states_are_complete() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| .* \| (yes|no) \|$", GUIDE, re.MULTILINE))
    assert rows == {state: "yes" if state in FINE else "no" for state in get_args(AccountState)}


@pytest.mark.parametrize("status", [0, 2, 3, 4])
def test_guide_and_help_name_every_exit_status(status: int) -> None:
    assert f"\n| {status} | " in GUIDE
    assert re.search(rf"\b{status} (if|for)\b", HELP.partition("Exit status: ")[2])
