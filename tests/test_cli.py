"""The command line: its arguments, what it writes, and one clear error for bad input.

What ``rollout-status`` finds is in ``account/test_rollout_status.py``.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pump_roles import __version__
from pump_roles.cli import app
from pump_roles.report import Report, of_published
from pump_roles.report.formats import as_csv, as_json
from pump_roles.report.markdown import as_markdown
from pump_roles.report.page import as_html
from sandbox.cdk import tool_environment
from tests.support import synthesize

Format = Callable[[Report], str]


def report(*arguments: object) -> Result:
    """Run `pump-roles report`."""
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


@pytest.mark.parametrize(
    ("name", "as_text"),
    [
        ("r.html", as_html),
        ("r.htm", as_html),
        ("r.md", as_markdown),
        ("r.csv", as_csv),
        ("r.json", as_json),
        ("R.JSON", as_json),
    ],
)
def test_extension_of_the_file_decides_the_format(
    name: str, as_text: Format, tmp_path: Path
) -> None:
    ended = report("--output", tmp_path / name)
    assert (ended.exit_code, ended.output) == (0, "")
    assert (tmp_path / name).read_bytes() == as_text(of_published()).encode()


def test_report_goes_to_standard_output_as_markdown_by_default() -> None:
    ended = report()
    assert ended.exit_code == 0
    assert ended.stdout == as_markdown(of_published())


@pytest.mark.parametrize(
    ("format", "as_text"),
    [("html", as_html), ("markdown", as_markdown), ("csv", as_csv), ("json", as_json)],
)
def test_option_overrides_the_format(format: str, as_text: Format, tmp_path: Path) -> None:
    expected = as_text(of_published())
    assert report("--format", format).stdout == expected
    assert report("--format", format, "--output", tmp_path / "r.json").exit_code == 0
    assert (tmp_path / "r.json").read_bytes() == expected.encode()


def test_reads_a_folder_and_compares_it_with_an_earlier_report(tmp_path: Path) -> None:
    folder = synthesize(tmp_path / "cdk.out")
    assert report(folder, "--output", tmp_path / "r.json").exit_code == 0
    date = json.loads((tmp_path / "r.json").read_text())["date"]
    ended = report(folder, "--since", tmp_path / "r.json", "--format", "markdown")
    assert ended.exit_code == 0
    assert f"No changes since the catalog of {date}." in ended.stdout


def unusable(folder: Path) -> dict[str, tuple[Path, str]]:
    """Return paths with nothing to report on, and what the error about each begins with."""
    files = {
        "text.txt": ("not json", "is not a CloudFormation template: "),
        "list.json": ("[]", "is not a CloudFormation template: it has no Resources"),
        "none.json": (json.dumps({"Resources": {}}), "contains no role of Pump's"),
        "role.json": (
            json.dumps({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {}}}}),
            "contains no role of Pump's",
        ),
    }
    for name, (text, _) in files.items():
        (folder / name).write_text(text)
    (folder / "binary").write_bytes(b"\xff\xfe\x00")
    (folder / "empty").mkdir()
    return {
        **{name: (folder / name, problem) for name, (_, problem) in files.items()},
        "binary": (folder / "binary", "is not a CloudFormation template: "),
        "empty": (folder / "empty", "there is no template in this folder"),
        "missing": (folder / "missing", "there is no such file or folder"),
    }


@pytest.mark.parametrize(
    "name", ["text.txt", "list.json", "none.json", "role.json", "binary", "empty", "missing"]
)
def test_bad_input_is_one_error_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    path, problem = unusable(tmp_path)[name]
    ended = report(path, "--output", tmp_path / "r.html")
    assert ended.exit_code == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"pump-roles: {path}: {problem}")
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"date": "x", "roles": []}', '{"roles": 1, "date": "2026-01-01"}'),
        *('{"roles": {}, "date": "2026-01-01"}', '{"roles": [{}], "date": "2026-01-01"}'),
    ],
)
def test_earlier_report_that_is_not_one_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "earlier.json").write_text(text)
    ended = report("--since", tmp_path / "earlier.json")
    assert ended.exit_code == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith(
        f"pump-roles: {tmp_path / 'earlier.json'}: is not a pump-roles JSON report: "
    )


def test_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    ended = report("--output", tmp_path / "no" / "such" / "r.md")
    assert ended.exit_code == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.endswith("r.md: cannot be written: No such file or directory")


def test_unknown_extension_is_a_usage_error(tmp_path: Path) -> None:
    ended = report("--output", tmp_path / "r.txt")
    assert ended.exit_code == 2
    shown = " ".join(re.sub("[^a-z;-]", " ", ended.stderr).split())
    assert "unknown extension; pass --format" in shown
    assert not (tmp_path / "r.txt").exists()
    assert report("--output", tmp_path / "r.txt", "--format", "csv").exit_code == 0


def test_input_is_not_overwritten(tmp_path: Path) -> None:
    folder = synthesize(tmp_path / "cdk.out")
    template = folder / "PumpReadOnly.template.json"
    before = {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    for arguments in [
        (template, "--output", template),
        (template, "--output", folder / "." / template.name),
        ("--since", template, "--output", folder / "." / template.name),
        (folder, "--output", template),
        (folder, "--output", folder / "manifest.json"),
        (folder, "--output", folder / "PumpReadOnly.assets.json"),
    ]:
        ended = report(*arguments)
        assert ended.exit_code == 2
        assert "would overwrite an input" in " ".join(re.sub("[^a-z]", " ", ended.stderr).split())
    assert {file: file.read_bytes() for file in folder.iterdir() if file.is_file()} == before
    assert report(folder, "--output", folder / "report.json").exit_code == 0


def test_path_that_is_too_long_is_an_error() -> None:
    ended = report("a" * 300)
    assert ended.exit_code == 1
    assert ended.stderr.startswith("pump-roles: aaa")


@pytest.mark.parametrize("format", ["html", "markdown", "csv", "json"])
def test_character_that_cannot_be_encoded_is_written_as_its_code(
    format: str, tmp_path: Path
) -> None:
    folder = synthesize(tmp_path / "cdk.out")
    file = folder / "PumpReadOnly.template.json"
    file.write_text(file.read_text().replace("PumpBillingReadOnly", "\\ud800"))
    ended = report(file, "--format", format)
    assert ended.exit_code == 0, ended.output
    assert "ud800" in ended.stdout


def test_file_that_is_nested_too_deeply_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    ended = report(tmp_path / "deep.json")
    assert ended.exit_code == 1
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-"], "not a StackSet name"),
        (["Pump ReadOnly"], "not a StackSet name"),
        (["PumpReadOnly", "--call-as=SELF"], "'SELF' is not one of"),
        (["PumpReadOnly", "--exclude-accounts=123"], "not a 12-digit account ID"),
        (["PumpReadOnly", "--only-accounts=111111111111,111111111111"], "is listed twice"),
        (
            ["PumpReadOnly", "--only-accounts=111111111111", "--exclude-accounts=111111111112"],
            "cannot be combined with --exclude-accounts",
        ),
        (["PumpReadOnly", "--format=xml"], "'xml' is not one of"),
        ([], "Missing argument"),
    ],
)
def test_bad_argument_of_rollout_status_is_a_usage_error(
    arguments: list[str], problem: str
) -> None:
    ended = CliRunner().invoke(app, ["rollout-status", *arguments], env={"COLUMNS": "200"})
    assert ended.exit_code == 2
    assert ended.stdout == ""
    assert problem in ended.stderr


def test_shows_its_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"{__version__}\n"


def test_says_what_to_install_if_a_package_of_the_extra_is_missing(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError(name='typer')")
    ended = subprocess.run(
        [sys.executable, "-m", "pump_roles", "rollout-status"],
        env=tool_environment() | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert (
        ended.stderr == "pump-roles: typer is missing: install the wheel with its extra, review\n"
    )
