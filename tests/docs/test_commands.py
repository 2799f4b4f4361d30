"""The programs accept the commands that the pages show, even those that no test can run."""

import re
import shlex
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import click
import pytest
from awscli.clidriver import create_clidriver

from pump_roles.review.cli import app
from tests.commands import command
from tests.docs.pages import PLACEHOLDERS, README, VERIFY, filled_in, shown
from tools.sandbox.cdk import ROOT

PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


SHOWN: Final = [
    pytest.param(program, arguments, id=f"{page.stem}: {program} {' '.join(arguments)}"[:80])
    for program in ("aws", "pump-roles")
    for page in PAGES
    for arguments in shown(page.read_text("utf-8"), program)
]


class Sending(BaseException):
    """Ends a command of the AWS CLI that is about to send its request."""


@cache
def aws_cli() -> Any:
    def end(**_: object) -> None:
        raise Sending

    driver = create_clidriver()
    driver.session.register("before-send", end)
    return driver


def accepted_by_the_aws_cli(arguments: list[str]) -> bool:
    for file in re.findall(r"(?:file://|--template-file )(\S+)", " ".join(arguments)):
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).write_text("{}", "utf-8")
    try:
        aws_cli().main(arguments)
    except (Sending, SystemExit) as ended:
        return isinstance(ended, Sending)
    return False


def accepted_by_pump_roles(arguments: list[str]) -> bool:
    with pytest.MonkeyPatch.context() as patched:
        chosen = command(arguments[0])
        patched.setattr(chosen, "callback", lambda **_: None)
        # What the pages name does not exist here.
        for parameter in chosen.params:
            if isinstance(parameter.type, click.Path):
                patched.setattr(parameter.type, "exists", False)
        with pytest.raises(SystemExit) as ended:
            app.main(arguments)
    return ended.value.code == 0


ACCEPTED: Final = {"aws": accepted_by_the_aws_cli, "pump-roles": accepted_by_pump_roles}


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder, with credentials that are nobody's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.mark.parametrize(("program", "arguments"), SHOWN)
def test_program_accepts_the_command_of_a_page(program: str, arguments: list[str]) -> None:
    assert ACCEPTED[program]([filled_in(argument, PLACEHOLDERS) for argument in arguments])


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("aws", "iam get-role"),
        ("aws", "iam get-rule --role-name PumpReadOnlyRole"),
        ("aws", "iam get-role --rolename PumpReadOnlyRole"),
        ("aws", "ec2 describe-reserved-instances --filters Nam=state,Values=queued"),
        ("pump-roles", "verify --expected cdk.out"),
        ("pump-roles", "template billing"),
        ("pump-roles", "verify --expect"),
    ],
)
def test_program_does_not_accept_a_mistake(program: str, arguments: str) -> None:
    assert not ACCEPTED[program](shlex.split(arguments))


def test_page_of_verify_names_every_option() -> None:
    found = {name for option in command("verify").params for name in option.opts}
    named = set(re.findall(r"--[a-z-]+", VERIFY))
    # These are the same for all commands.
    assert {option for option in found if option.startswith("--")} - named <= {
        *("--profile", "--region")
    }


def test_no_command_overwrites_the_output_of_another_one() -> None:
    """What was reviewed is only written next to the page that someone reviews."""
    by_file: dict[str, set[str]] = {}
    for page in PAGES:
        for arguments in shown(page.read_text("utf-8"), "pump-roles"):
            for option, file in pairwise(arguments):
                if option == "--output":
                    by_file.setdefault(file, set()).add(" ".join(arguments))
    assert "report.html" in by_file
    assert "reviewed.json" not in by_file
    assert README.count("reviewed.json") == 2
    kept = [
        arguments for page in PAGES for arguments in shown(page.read_text("utf-8"), "pump-roles")
    ]
    kept = [
        arguments
        for arguments in kept
        if "reviewed.json" in arguments[2:] and "--keep" in arguments
    ]
    assert all(arguments[-4:-1] == ["--output", "report.html", "--keep"] for arguments in kept)
    assert len(kept) > 4
    assert {file: commands for file, commands in by_file.items() if len(commands) > 1} == {}
