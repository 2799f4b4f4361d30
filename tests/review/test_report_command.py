"""`pump-roles report`: what it reads, writes and refuses."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pump_roles.review.cli import app
from pump_roles.review.formats import as_csv, as_json, as_markdown
from pump_roles.review.page import as_html
from pump_roles.review.report import of_published
from tests.review.test_report import synthesize


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


@pytest.mark.parametrize(
    ("name", "form"),
    [("r.html", as_html), ("r.md", as_markdown), ("r.csv", as_csv), ("r.json", as_json)],
)
def test_the_files_ending_says_the_format(name: str, form: object, tmp_path: Path) -> None:
    assert callable(form)
    ended = run("--output", tmp_path / name)
    assert (ended.exit_code, ended.output) == (0, "")
    assert (tmp_path / name).read_text() == form(of_published())


def test_without_a_file_it_goes_to_the_terminal_as_markdown() -> None:
    ended = run()
    assert ended.exit_code == 0
    assert ended.stdout == as_markdown(of_published())


def test_the_format_can_be_said() -> None:
    assert run("--format", "json").stdout == as_json(of_published())


def test_reads_a_folder_and_compares_it_with_an_earlier_report(tmp_path: Path) -> None:
    folder = synthesize(tmp_path / "cdk.out")
    assert run(folder, "--output", tmp_path / "r.json").exit_code == 0
    ended = run(folder, "--since", tmp_path / "r.json", "--format", "markdown")
    assert ended.exit_code == 0
    assert "No changes since the catalogue of 2026-09-26." in ended.stdout


def wrong(folder: Path) -> dict[str, tuple[Path, str]]:
    """Paths that hold nothing to report on, and what is said of them."""
    files = {
        "text.txt": ("not json", "is no template: "),
        "list.json": ("[]", "is no template: it has no Resources"),
        "none.json": (json.dumps({"Resources": {}}), "holds no role of Pump's"),
        "role.json": (
            json.dumps({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {}}}}),
            "holds no role of Pump's",
        ),
    }
    for name, (text, _) in files.items():
        (folder / name).write_text(text)
    (folder / "binary").write_bytes(b"\xff\xfe\x00")
    (folder / "empty").mkdir()
    return {
        **{name: (folder / name, problem) for name, (_, problem) in files.items()},
        "binary": (folder / "binary", "is no template: "),
        "empty": (folder / "empty", "there is no template in this folder"),
        "missing": (folder / "missing", "there is no such file or folder"),
    }


@pytest.mark.parametrize(
    "name", ["text.txt", "list.json", "none.json", "role.json", "binary", "empty", "missing"]
)
def test_bad_input_is_one_error_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    path, problem = wrong(tmp_path)[name]
    ended = run(path, "--output", tmp_path / "r.html")
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
def test_an_earlier_report_that_is_none_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "earlier.json").write_text(text)
    ended = run("--since", tmp_path / "earlier.json")
    assert ended.exit_code == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"pump-roles: {tmp_path / 'earlier.json'}: is no earlier report: ")


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    ended = run("--output", tmp_path / "no" / "such" / "r.md")
    assert ended.exit_code == 1
    assert "cannot be written: No such file or directory" in ended.stderr


def test_an_ending_that_says_no_format_is_a_usage_error(tmp_path: Path) -> None:
    ended = run("--output", tmp_path / "r.txt")
    assert ended.exit_code == 2
    assert "say the --format" in " ".join(re.sub("[^a-z-]", " ", ended.stderr).split())
    assert not (tmp_path / "r.txt").exists()
    assert run("--output", tmp_path / "r.txt", "--format", "csv").exit_code == 0


def test_what_it_is_made_from_is_not_written_over(tmp_path: Path) -> None:
    folder = synthesize(tmp_path / "cdk.out")
    template = folder / "PumpReadOnly.template.json"
    before = template.read_bytes()
    assert run(template, "--output", template).exit_code == 2
    assert run("--since", template, "--output", folder / "." / template.name).exit_code == 2
    assert run(folder, "--output", template).exit_code == 2
    assert template.read_bytes() == before
    assert run(folder, "--output", folder / "report.json").exit_code == 0


def test_a_path_that_is_too_long_is_an_error() -> None:
    ended = run("a" * 300)
    assert ended.exit_code == 1
    assert ended.stderr.startswith("pump-roles: aaa")


def test_what_is_no_text_is_written_as_it_can_be(tmp_path: Path) -> None:
    folder = synthesize(tmp_path / "cdk.out")
    file = folder / "PumpReadOnly.template.json"
    file.write_text(file.read_text().replace("PumpBillingReadOnly", "\\ud800"))
    for form in ["html", "markdown", "csv", "json"]:
        ended = run(file, "--format", form)
        assert ended.exit_code == 0, ended.output
        assert "ud800" in ended.stdout


def test_a_nested_file_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    ended = run(tmp_path / "deep.json")
    assert ended.exit_code == 1
    assert len(ended.stderr.splitlines()) == 1
