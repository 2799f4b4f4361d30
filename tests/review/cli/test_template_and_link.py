"""`pump-roles template` and `pump-roles link`: what they write, and one clear error for bad input.

``tests/universal/test_link.py`` tests the contents of a link.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pump_roles.published import ROLES
from pump_roles.review.cli import app
from pump_roles.universal.link import quick_create_link
from tests.commands import the_error, the_usage_error
from tests.support import DOCUMENTED, EXTERNAL_ID, PRINCIPAL, SECRET, STACKS
from tools.sandbox.cdk import ROOT, tool_environment

FILES = {kind: f"{stack}.template.json" for kind, stack in zip(DOCUMENTED, STACKS, strict=True)}
URL = "https://templates.s3.us-east-1.amazonaws.com/PumpReadOnly-0.1.0.template.json"
LINK = ("link", "read-only", "--template-url", URL, "--region", "us-east-1")


def run(*arguments: object) -> Result:
    """Run a command. A link may contain an external ID."""
    return CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "400"})


@pytest.mark.parametrize("kind", ROLES)
def test_template_is_the_packages_byte_for_byte(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    packaged = (ROOT / "pump_roles" / "universal" / FILES[kind]).read_bytes()
    for output in ([], ["--output", "-"]):
        ended = run("template", kind, *output)
        assert (ended.exit_code, ended.stderr) == (0, "")
        assert ended.stdout_bytes == packaged
    assert list(tmp_path.iterdir()) == []
    ended = run("template", kind, "--output", "a template.json")
    assert (ended.exit_code, ended.output) == (0, "")
    assert (tmp_path / "a template.json").read_bytes() == packaged


def test_output_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    file = tmp_path / "no" / "such" / "file"
    line = the_error(run("template", "read-only", "--output", file), 1)
    assert line == f"pump-roles: {file}: cannot be written: No such file or directory"
    assert list(tmp_path.iterdir()) == []


def test_standard_output_that_cannot_be_written_is_one_error() -> None:
    reader, nobody_reads = os.pipe()
    os.close(reader)
    outputs = {
        ">&-": "Bad file descriptor",
        ">/dev/full": "No space left on device",
        f">&{nobody_reads}": "Broken pipe",
    }
    for redirection, problem in outputs.items():
        ended = subprocess.run(
            ["bash", "-c", f'"$0" -m pump_roles template read-only {redirection}', sys.executable],
            cwd=ROOT,
            env=tool_environment(),
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            pass_fds=[nobody_reads],
        )
        assert ended.returncode == 1
        assert ended.stderr == f"pump-roles: standard output: cannot be written: {problem}\n"
    os.close(nobody_reads)


def test_role_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    expected = r"Invalid value for 'ROLE': '../x\n' is not one of 'read-only', 'auto-pilot'."
    file = tmp_path / "template.json"
    assert expected in the_usage_error(run("template", "../x\n", "--output", file))
    assert expected in the_usage_error(run("link", "../x\n", *LINK[2:]))
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("template",), "Missing argument 'ROLE'. Choose from: read-only, auto-pilot"),
        (("template", "read-only", "--output=."), "File '.' is a directory."),
        (LINK[:4], "Missing option '--region'."),
        ((*LINK[:2], *LINK[4:]), "Missing option '--template-url'."),
    ],
)
def test_argument_that_is_missing_or_unknown_is_an_error(
    arguments: Sequence[str], problem: str
) -> None:
    assert problem in the_usage_error(run(*arguments))


def test_link_is_one_line() -> None:
    ended = run(*LINK)
    assert (ended.exit_code, ended.stderr) == (0, "")
    arguments: dict[str, Any] = {"template_url": URL, "region": "us-east-1"}
    assert ended.stdout == f"{quick_create_link('read-only', **arguments)}\n"
    values = ("--stack-name", "Mine", "--principal", PRINCIPAL, "--external-id", SECRET)
    ended = run("link", "auto-pilot", *LINK[2:], *values)
    assert ended.exit_code == 0
    assert ended.stderr.startswith("pump-roles: warning: the URL contains PumpReadOnly, ")
    arguments["parameters"] = {"PumpIamRole": PRINCIPAL, "PumpExternalID": SECRET}
    link = quick_create_link("auto-pilot", stack_name="Mine", **arguments)
    assert ended.stdout == f"{link}\n"


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--template-url", f"{URL}#x", "without a user name, a port, or a fragment (#)"),
        # Two values that do not fit together.
        ("--principal", "arn:aws-cn:iam::999988887777:root", "the principal is in the partition"),
        ("--external-id", "x\x1b[31m\n", "is not an external ID: 2 to 1,224 of"),
    ],
)
def test_value_of_a_link_that_aws_does_not_accept_is_an_error(
    option: str, value: str, problem: str
) -> None:
    options = {**dict(zip(LINK[2::2], LINK[3::2], strict=True)), option: value}
    error = the_usage_error(run(*LINK[:2], *(word for each in options.items() for word in each)))
    assert f"Invalid value for '{option}': " in error
    assert problem in error
    assert "\x1b" not in error


def test_warnings_go_to_standard_error_and_the_link_is_printed() -> None:
    ended = run(*LINK[:3], "https://example.com/a.json", *LINK[4:], "--external-id", EXTERNAL_ID)
    assert ended.exit_code == 0
    assert len(ended.stdout.splitlines()) == 1
    of_host, of_id = ended.stderr.splitlines()
    assert of_host.startswith("pump-roles: warning: example.com is not a host of Amazon S3")
    assert of_id.startswith("pump-roles: warning: the external ID has only 12 characters")
