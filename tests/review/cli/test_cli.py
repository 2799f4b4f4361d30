"""The command line: its arguments, what it writes, and one clear error for bad input."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from pump_roles import Guardrail, __version__
from pump_roles.iam.catalog import shipped
from pump_roles.review.cli import app
from pump_roles.review.cli.options import Format
from pump_roles.review.report.permission_report import of_published
from tests.commands import command, run, the_error, the_usage_error
from tests.documents import written
from tests.review.account.trail import call
from tests.review.account.trail import write as write_trail
from tests.support import EXTERNAL_ID, PUMP_ACCOUNT, short_reports, some, synthesize, trust
from tools.sandbox.cdk import ROOT, tool_environment


@cache
def published(chosen: Format) -> str:
    """Return the report of the published roles in a format."""
    return written(of_published(), chosen)


def report(*arguments: object) -> Result:
    """Run `pump-roles report`."""
    return run("report", *arguments)


def test_writes_each_file_in_the_format_of_its_extension(tmp_path: Path) -> None:
    formats: dict[str, Format] = {
        "r.html": "html",
        "r.md": "markdown",
        "r.csv": "csv",
        "R.JSON": "json",
    }
    ended = report(*(f"--output={tmp_path / name}" for name in formats))
    assert (ended.exit_code, ended.output) == (0, "")
    for name, chosen in formats.items():
        assert (tmp_path / name).read_bytes() == published(chosen).encode()


def test_standard_output_gets_the_chosen_format_next_to_a_file(tmp_path: Path) -> None:
    assert report().stdout == published("markdown")
    ended = report("--format", "csv", "--output", tmp_path / "r.json")
    assert (ended.exit_code, ended.stdout) == (0, published("csv"))
    assert (tmp_path / "r.json").read_text() == published("json")


def test_report_of_templates_without_guardrails_says_so_next_to_the_roles() -> None:
    without, limited = (ROOT / "pump_roles/universal", ROOT / "cloudformation")
    said = "No guardrail applies."
    verdicts = [line for line in report(without).stdout.splitlines() if line.endswith(said)]
    assert [line.partition(".")[0] for line in verdicts] == ["**Read-only", "**Auto-pilot"]
    page = report(without, "--format", "html").stdout
    assert len(re.findall(rf'<p class="verdict">.*{said}</p>', page)) == 2
    for others in ([], [limited / "PumpReadOnly-recommended.template.json"]):
        assert said not in report(*others).stdout


def test_every_action_is_only_for_markdown(tmp_path: Path) -> None:
    file = tmp_path / "r.md"
    assert report("--every-action", "--output", file).exit_code == 0
    assert file.read_text() == written(of_published(), "markdown", every_action=True)
    for arguments in (("--format", "html"), ("--output", tmp_path / "r.csv")):
        problem = the_usage_error(report("--every-action", *arguments))
        assert "--every-action: requires Markdown" in problem
    assert [*tmp_path.iterdir()] == [file]


@pytest.fixture
def short() -> Iterator[None]:
    with short_reports():
        yield


in_short = pytest.mark.usefixtures("short")
"""For what does not depend on the number of actions in a report."""


@in_short
def test_compares_with_what_is_kept_a_report_a_template_or_a_folder_alike(tmp_path: Path) -> None:
    """What it is decides, not its name."""
    before = synthesize(tmp_path / "before", Guardrail.NO_SELLING)
    now = synthesize(tmp_path / "now")
    outputs = ("--output", tmp_path / "a.json", "--keep", tmp_path / "b.json")
    assert report(before, *outputs).exit_code == 0
    (tmp_path / "a.json").rename(tmp_path / "a.txt")
    found = {}
    for name in ("a.txt", "b.json", "before"):
        ended = report(now, "--since", tmp_path / name, "--format", "json")
        assert ended.exit_code == 0, ended.output
        found[name] = json.loads(ended.stdout)
        # Without its folder: the report does not depend on the machine.
        assert found[name]["since"] == {
            "file": name,
            "version": __version__,
            "date": shipped().date,
            "read_sha256": sha256((tmp_path / "b.json").read_bytes()).hexdigest(),
        }
    changes = found["before"]["changes"]
    assert {change["effect"] for change in changes} == {"broader"}
    assert all(content["changes"] == changes for content in found.values())
    template = before / "PumpAutoPilot.template.json"
    ended = report(now / template.name, "--since", template.rename(tmp_path / "t.txt"))
    assert ended.exit_code == 0, ended.output
    assert "- broader, auto-pilot: 1 action that writes or tags" in ended.stdout, ended.stdout[-1:]


def edit(template: Path, change: Callable[[Any], object]) -> None:
    """Change the properties of the only role of a template."""
    content = json.loads(template.read_text())
    (role,) = content["Resources"].values()
    change(role["Properties"])
    template.write_text(json.dumps(content))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Variants of the auto-pilot role, each in a folder, and reports on two of them."""
    folder = tmp_path_factory.mktemp("stage")
    synthesize(folder / "guarded", Guardrail.NO_SELLING)
    synthesize(folder / "bare")
    buckets = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    policy = {"PolicyName": "Mine", "PolicyDocument": {"Statement": buckets}}
    template = synthesize(folder / "wide") / "PumpAutoPilot.template.json"
    edit(template, lambda role: role["Policies"].append(policy))
    with short_reports():
        for name in ("guarded", "bare"):
            output = folder / f"{name}.json"
            assert report(folder / name, "--output", output).exit_code == 0
    return folder


FOUND = (
    "2 findings: The auto-pilot role is not what Pump publishes; "
    "The auto-pilot role allows more than is counted."
)
SELLS = "auto-pilot: 1 action that writes or tags: denied by no-selling before, allowed now"


@in_short
@pytest.mark.parametrize(
    ("folder", "since", "conditions", "reason"),
    [
        ("wide", "", "", ""),
        ("wide", "", "finding", FOUND),
        ("bare", "guarded", "", ""),
        ("bare", "guarded", "finding", ""),
        (
            *("bare", "guarded", "broadened"),
            f"1 change since guarded.json can broaden access: {SELLS}.",
        ),
        # A narrower role is not broader.
        ("guarded", "bare", "broadened", ""),
        (
            *("wide", "guarded", "finding broadened"),
            f"{FOUND} 2 changes since guarded.json can broaden access: {SELLS}; and 1 more.",
        ),
    ],
)
def test_fails_only_for_the_chosen_conditions_after_it_is_written(
    folder: str, since: str, conditions: str, reason: str, stage: Path
) -> None:
    asked: list[object] = [stage / folder, "--format", "json"]
    asked += ["--since", stage / f"{since}.json"] if since else []
    ended = report(*asked, *(f"--fail-on={condition}" for condition in conditions.split()))
    passing = report(*asked)
    assert passing.exit_code == 0
    assert ended.stdout == passing.stdout
    assert ended.exit_code == (3 if reason else 0)
    assert ended.stderr == (f"pump-roles: {reason}\n" if reason else "")


@in_short
def test_fail_on_alarm_still_means_finding_and_says_so(stage: Path) -> None:
    ended = report(stage / "wide", "--fail-on=alarm")
    notice = "warning: --fail-on alarm is now --fail-on finding; the next release rejects it"
    assert ended.exit_code == 3
    assert ended.stderr == f"pump-roles: {notice}\npump-roles: {FOUND}\n"


def test_reports_what_guardrails_would_leave_of_the_published_roles() -> None:
    ended = report("--guardrails", "recommended, no-selling", "--format", "json")
    expected = of_published(guardrails=[Guardrail.RECOMMENDED, Guardrail.NO_SELLING])
    assert (ended.exit_code, ended.output) == (0, written(expected, "json"))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ["--guardrails", "recomended"],
            "'--guardrails': there is no guardrail 'recomended'; did you mean recommended?",
        ),
        (
            ["--guardrails", "until"],
            "'--guardrails': until takes a value; report on a template that has it instead",
        ),
        (["--guardrails", ""], "'--guardrails': '' is not the name of a guardrail"),
        (
            ["--guardrails", "no-selling", "cdk.out"],
            "--guardrails: cannot be combined with --account or a path",
        ),
        (
            ["--fail-on=broadened,finding"],
            "'--fail-on': 'broadened,finding' is not one of 'finding', 'broadened'.",
        ),
        (["--fail-on", "broadened"], "Error: --fail-on broadened requires --since"),
        ([""], "Invalid value for '[PATH]': Path '' does not exist."),
        (["a\x1b[31m"], r"Path 'a\x1b[31m' does not exist."),
        (["--since", "no.json"], "Invalid value for '--since': Path 'no.json' does not exist."),
        (["--output", ""], ".: unknown extension"),
        (["--output", "-"], "-: unknown extension; must be one of .md, .html, .csv, .json"),
        (["--output", "a\x1b.txt"], r"'--output': a\x1b.txt: unknown extension"),
        (["--output", "no/such/r.md"], "no/such/r.md: there is no such folder"),
        (["--keep", "r.html"], "'--keep': r.html: unknown extension; must be one of .json"),
        (["--keep", "no/r.json"], "'--keep': no/r.json: there is no such folder"),
        (["cdk.out", "--keep", "cdk.out/r.json"], "r.json: would be inside an input"),
        (
            ["--output", "r.json", "--keep", "./r.json"],
            "r.json: passed as both --output and --keep",
        ),
        (["--account", "cdk.out"], "Error: PATH: cannot be combined with --account"),
    ],
)
def test_usage_error_writes_nothing(
    arguments: list[str], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cdk.out").mkdir()
    assert problem in the_usage_error(report("--output", "r.md", *arguments))
    assert [*tmp_path.iterdir()] == [tmp_path / "cdk.out"]


@pytest.mark.parametrize("name", app.commands)
def test_option_passed_twice_is_repeatable_or_a_usage_error(name: str) -> None:
    options = (found for found in command(name).params if isinstance(found, click.Option))
    for option in options:
        (flag,) = option.opts
        passed = [flag] if option.is_flag else [flag, "x"]
        problem = the_usage_error(run(name, *passed, *passed))
        assert option.multiple != problem.endswith(f"Error: {flag}: may be passed only once")


def error_of(*arguments: object) -> str:
    """Return the one line of an error, for which nothing is written."""
    return the_error(report(*arguments), 1).removeprefix("pump-roles: ")


NEITHER = (
    "a file of report --keep, a JSON report, a CloudFormation template, or a folder such as cdk.out"
)
UNREADABLE = "is not a report that this version of pump-roles can read"
NOT_A_TEMPLATE = "is not a CloudFormation template: it"
YAML = (
    "is YAML, but templates are read as JSON: pass cdk.out, or the template that cdk synth writes "
    "to it"
)
NOT_JSON = {
    "": "it is empty",
    '{"Resources": {},\n "a" 1}': "the error is in line 2, column 6",
    '{"a": 1, "b": {"c": 2, "c": 2}}': "the key 'c' is listed twice",
    '{"a": NaN}': "NaN is not a JSON value",
    f"[{'1' * 5_000}]": "a number has too many digits",
    "[1e999]": "1e999 is not a JSON value",
    '["\\ud83d\\ude00", {"\\uDFFF": 1}]': "a character is only half of a surrogate pair",
}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("t.json", "[]", f"{NOT_A_TEMPLATE} has no Resources"),
        ("t.json", '{"Resources": {}}', "contains none of Pump's roles"),
        *(
            (
                "pump.json",
                settings,
                "is a settings file, not a template; run npx cdk synth, then pass cdk.out",
            )
            for settings in ('{"principal": "1"}', '{"auto-pilot": {}}')
        ),
        ("t.json", "\udcff\udcfe\x00", f"is not {NEITHER}: it is not UTF-8 text"),
        ("t.json", "[" * 100_000, "is nested too deeply to read"),
        *(
            ("t.json", text, f"is not {NEITHER}: it is not JSON: {why}")
            for text, why in NOT_JSON.items()
        ),
        ("t.yaml", "Resources: {}\n", YAML),
        ("t.YML", "A: !Sub x\n", YAML),
        ("t.template", "# ours\nAWSTemplateFormatVersion: '2010-09-09'\nResources:\n  A:\n", YAML),
        ("t.json", "---\nResources: {}\n", YAML),
        ("", "", "there is no template in this folder"),
    ],
)
def test_input_that_cannot_be_used_causes_one_error_and_writes_nothing(
    name: str, text: str, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "input" / name
    (tmp_path / "input").mkdir()
    if path.suffix:
        path.write_bytes(text.encode(errors="surrogateescape"))
    output = tmp_path / "r.html"
    assert error_of(path, "--output", output) == f"{path}: {problem}"
    assert not output.exists()


def is_not_compared_with(path: Path) -> str:
    """Return why a report is not compared with a file or a folder."""
    return error_of("--since", path).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\n<HTML></HTML>", f"is a page, which is for people; pass {NEITHER}"),
        ("<?xml", f"is not {NEITHER}: it is not JSON: the error is in line 1, column 1"),
        ("Resources:", YAML),
        ("null", f"{NOT_A_TEMPLATE} has no Resources"),
        ('{"roles": []}', f"{NOT_A_TEMPLATE} has no Resources"),
        (
            '{"read": {}, "read": {}}',
            f"is not {NEITHER}: it is not JSON: the key 'read' is listed twice",
        ),
        (" " * 4_000_001, "has more than 4,000,000 bytes"),
        (
            '{"read": {"format": 1, "a": ["\\u202e"]}}',
            f"{UNREADABLE}: a text has a control character: \\u202e",
        ),
        (
            '{"read": {"format": 1, "a\\u001b": 1}}',
            f"{UNREADABLE}: a text has a control character: a\\x1b",
        ),
        ('{"read": {}, "more": 1}', f"{UNREADABLE}: the member more is not known"),
        ('{"read": {}, "Resources": {}}', "is both a report and a template: it has Resources"),
        ('{"Resources": {}}', "contains none of Pump's roles"),
        (
            '{"schema": 7}',
            f"{UNREADABLE}: it does not keep what was read; write it again with this version",
        ),
        (
            '{"read": {"format": 2, "version": "9.1"}}',
            f"{UNREADABLE}: its format is 2; use version 9.1 of pump-roles, or a later one",
        ),
        ('{"read": {"format": 1}}', f"{UNREADABLE}: Object missing required field `version`"),
        (f'{{"schema": 3, "roles": {"[" * 201}{"]" * 201}}}', "is nested too deeply to read"),
    ],
)
def test_says_why_it_cannot_compare_with_a_file(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "earlier.json").write_text(text)
    assert is_not_compared_with(tmp_path / "earlier.json") == problem


def test_value_in_an_error_about_an_earlier_report_is_short(tmp_path: Path) -> None:
    content = json.loads(published("json"))
    content["read"]["roles"][0]["RoleName"] = {"state": "x" * 1_000}
    (tmp_path / "earlier.json").write_text(json.dumps(content))
    found = is_not_compared_with(tmp_path / "earlier.json")
    assert found.startswith(f"{UNREADABLE}: Invalid enum value 'xxx")
    assert found.endswith(" (cut)")
    assert len(found) < 300


def test_file_that_cannot_be_written_is_an_error_and_the_others_are_written(
    tmp_path: Path,
) -> None:
    full = tmp_path / "full.json"
    full.symlink_to("/dev/full")
    (tmp_path / "folder.md").mkdir()
    outputs = (f"{'a' * 300}.json", "full.json", "r.md")
    ended = report(*(f"--output={tmp_path / name}" for name in outputs))
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"pump-roles: {tmp_path / outputs[0]}: cannot be written: File name too long; "
        f"{full}: cannot be written: No space left on device\n"
    )
    assert (tmp_path / "r.md").read_text() == published("markdown")
    problem = the_usage_error(report("--output", tmp_path / "folder.md"))
    assert problem.endswith("is a directory.")


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize(tmp_path_factory.mktemp("synthesized") / "cdk.out")


@pytest.fixture
def read(synthesized: Path, tmp_path: Path) -> Path:
    """A folder with an assembly, a trail, and an earlier report, with links to each."""
    shutil.copytree(synthesized, tmp_path / "cdk.out")
    write_trail(tmp_path / "trail" / "in", call("ec2:DescribeInstances"), name="a.json")
    shutil.copytree(tmp_path / "trail", tmp_path / "moved")
    (tmp_path / "trail" / "link").symlink_to(tmp_path / "moved")
    (tmp_path / "trail" / "in" / "loop").symlink_to(tmp_path / "trail")
    (tmp_path / "new.json").symlink_to(tmp_path / "trail" / "in" / "new.json")
    (tmp_path / "links").mkdir()
    (tmp_path / "cdk.out" / "asset").mkdir()
    (tmp_path / "links" / "elsewhere.json").symlink_to(tmp_path / "elsewhere.txt")
    (tmp_path / "earlier.json").write_text(published("json"))
    (tmp_path / "symbolic.json").symlink_to(tmp_path / "earlier.json")
    for name, file in (("manifest", "cdk.out/manifest.json"), ("event", "trail/in/a.json")):
        (tmp_path / f"{name}.json").hardlink_to(tmp_path / file)
    (tmp_path / "role.json").hardlink_to(tmp_path / "cdk.out" / "PumpReadOnly.template.json")
    return tmp_path


OVERWRITES = "would overwrite an input"
INSIDE = "would be inside an input; write it outside of "


@in_short
def test_says_what_to_pass_instead_of_a_report(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(published("json"))
    problem = the_usage_error(run("activity", "--expect", file))
    assert problem.endswith(
        f"{file}: is a report; pass the templates that it is about, such as cdk.out"
    )
    file.write_text(published("html"))
    problem = the_error(run("activity", "--expect", file, tmp_path), 1)
    assert problem.endswith(": is a page, which is for people; pass a CloudFormation template")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"Resources": {}, "schema": 1}', "\udcff", "["])
def test_what_is_no_report_is_read_as_a_template(text: str, tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    file.write_bytes(text.encode(errors="surrogateescape"))
    assert ": is a report" not in the_error(run("activity", "--expect", file), 1)


@in_short
@pytest.mark.parametrize(
    ("arguments", "output", "problem"),
    [
        ("report --since earlier.json", "earlier.json", OVERWRITES),
        ("report --since earlier.json", "symbolic.json", OVERWRITES),
        ("report --since symbolic.json", "earlier.json", OVERWRITES),
        ("report cdk.out", "cdk.out/manifest.json", OVERWRITES),
        ("report cdk.out", "cdk.out/PumpReadOnly.template.json", OVERWRITES),
        ("report --since cdk.out", "cdk.out/PumpReadOnly.template.json", OVERWRITES),
        ("report cdk.out/PumpReadOnly.template.json", "role.json", OVERWRITES),
        ("report cdk.out", "cdk.out/New.template.json", f"{INSIDE}cdk.out"),
        ("report cdk.out", "cdk.out/New.assets.json", f"{INSIDE}cdk.out"),
        ("report trail", "trail/manifest.json", f"{INSIDE}trail"),
        ("activity trail", "trail/in/a.json", OVERWRITES),
        ("activity trail/in/a.json", "event.json", OVERWRITES),
        ("activity trail", "trail/b.json", f"{INSIDE}trail"),
        ("activity trail", "trail/in/B.JSON", f"{INSIDE}trail"),
        ("activity trail", "trail/in/loop/b.json", f"{INSIDE}trail"),
        ("activity trail", "moved/b.json", f"{INSIDE}trail"),
        # Links to what does not exist yet.
        ("activity trail", "new.json", f"{INSIDE}trail"),
        ("activity trail/in", "new.json", f"{INSIDE}trail/in"),
        ("activity links", "links/elsewhere.json", f"{INSIDE}links"),
        ("activity trail --expect cdk.out", "cdk.out/manifest.json", OVERWRITES),
        ("verify --expect earlier.json", "symbolic.json", OVERWRITES),
        ("template read-only --settings earlier.json", "symbolic.json", OVERWRITES),
        ("report cdk.out", "cdk.out/report.md", f"{INSIDE}cdk.out"),
        ("report cdk.out", "cdk.out/asset/report.md", f"{INSIDE}cdk.out"),
        # Hard links to what is in a folder.
        ("report cdk.out", "manifest.json", OVERWRITES),
        ("report --since cdk.out", "role.json", OVERWRITES),
        ("activity trail", "event.json", OVERWRITES),
        ("activity trail --expect cdk.out", "role.json", OVERWRITES),
    ],
)
def test_output_may_be_neither_an_input_nor_inside_one(
    arguments: str, output: str, problem: str, read: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(read)
    before = contents(read)
    ended = run(*arguments.split(), "--output", output)
    assert the_usage_error(ended).endswith(f"Error: {output}: {problem}")
    assert contents(read) == before


@in_short
@pytest.mark.parametrize("name", ["report.html", "report.json"])
def test_output_says_what_it_replaces_in_a_file_with_other_content(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def written_over(content: bytes | None) -> str:
        if content is not None:
            Path(name).write_bytes(content)
        ended = report("--output", name)
        assert (ended.exit_code, ended.stdout) == (0, "")
        return ended.stderr

    assert written_over(None) == ""
    same = Path(name).read_bytes()
    assert written_over(same) == ""
    assert written_over(b"") == ""
    report("--guardrails", "recommended", "--output", "other.json", "--output", "other.html")
    had = "other content"
    if name == "report.json":
        had = "another report of actions as of 2026-09-26"
    assert written_over(Path(f"other{name[-5:]}").read_bytes()) == (
        f"pump-roles: {name}: replaced; it had {had}\n"
    )
    for content in (b"mine", b'{"schema": 1}', b"[" * 5_000, b"\xff", b'{"Resources": {}}'):
        assert written_over(content) == f"pump-roles: {name}: replaced; it had other content\n"
    assert Path(name).read_bytes() == same


def test_two_names_of_one_output_are_no_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("link.md").symlink_to("r.md")
    Path("r.md").write_text("mine")
    ended = report("--output", "r.md", "--output", "link.md")
    assert (ended.exit_code, ended.stdout) == (0, "")
    assert ended.stderr == "pump-roles: r.md: replaced; it had other content\n"


@in_short
@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        ("report cdk.out", "New.template.json"),
        ("report", "cdk.out/New.template.json"),
        ("report cdk.out/PumpReadOnly.template.json", "cdk.out/New.template.json"),
        ("report --since earlier.json", "report.json"),
        ("activity trail", "result.json"),
        ("activity trail/in/a.json", "trail/in/result.json"),
        ("activity trail/in/a.json --expect cdk.out", "result.json"),
    ],
)
def test_output_may_be_next_to_an_input_and_written_again(
    arguments: str, output: str, read: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(read)
    before = contents(read)
    for _ in range(2):
        ended = run(*arguments.split(), "--output", output)
        assert (ended.exit_code, ended.stderr) == (0, "")
    after = contents(read)
    assert after.keys() - before.keys() == {output}
    assert after.items() >= before.items()


def contents(folder: Path) -> Mapping[str, bytes]:
    """Return what the files below a folder contain."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_rejects_an_earlier_report_that_is_not_a_regular_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for file in (pipe, "/dev/zero"):
        assert error_of("--since", file) == f"{file}: is not {NEITHER}: it is not a regular file"
        assert error_of(file) == f"{file}: is not {NEITHER}: it is not a regular file"
    assert error_of("--since", tmp_path) == f"{tmp_path}: there is no template in this folder"


def test_rejects_an_earlier_report_that_must_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    file = tmp_path / "earlier.json"
    file.write_text("{}")
    # The tests may run as root, who may read everything.
    monkeypatch.setattr(Path, "read_bytes", refused)
    assert error_of("--since", file) == f"{file}: cannot be read: Permission denied"


@pytest.mark.parametrize("name", ["activity", "probe", "report", "verify"])
def test_formats_are_chosen_alike_in_every_command_with_a_result(name: str) -> None:
    formats, extensions = "table|markdown|json", ".txt, .md, .json"
    if name == "report":
        formats, extensions = "markdown|html|csv|json", ".md, .html, .csv, .json"
    shown = " ".join(run(name, "--help").stdout.split())
    assert f"--format [{formats}] What to write to standard output." in shown
    assert f"A file to write, in the format of its extension: {extensions}. May be" in shown


def test_shows_its_version() -> None:
    assert run("--version").output == f"{__version__}\n"


def test_says_what_to_install_if_a_package_of_the_extra_is_missing(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise ModuleNotFoundError(name='click')")
    ended = subprocess.run(
        [sys.executable, "-m", "pump_roles", "probe"],
        env=tool_environment() | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == (
        "pump-roles: click is not installed; install the wheel with the extra [review]\n"
    )


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("", "activity probe report template verify"),
        ("ver", "verify"),
        ("verify --exc", "--exclude-account"),
    ],
)
def test_completion_offers_commands_and_their_options(words: str, offered: str) -> None:
    environment = {
        "_PUMP_ROLES_COMPLETE": "bash_complete",
        "COMP_WORDS": f"pump-roles {words}",
        "COMP_CWORD": str(len(words.split()) or 1),
    }
    ended = CliRunner().invoke(app, [], prog_name="pump-roles", env=environment)
    assert [line.partition(",")[2] for line in ended.stdout.splitlines()] == offered.split()


@in_short
def test_template_that_is_json_is_read_whatever_its_extension(tmp_path: Path) -> None:
    """YAML contains JSON."""
    template = synthesize(tmp_path) / "PumpReadOnly.template.json"
    assert report(template.rename(tmp_path / "t.yaml")).exit_code == 0


def saved_account(folder: Path) -> Path:
    """Save the output of ``aws iam get-account-authorization-details`` of some account."""
    role = {
        "Path": "/",
        "RoleName": "PumpReadOnlyRole",
        "Arn": "arn:aws:iam::111122223333:role/PumpReadOnlyRole",
        "AssumeRolePolicyDocument": trust(PUMP_ACCOUNT, EXTERNAL_ID),
        "RolePolicyList": [],
        "AttachedManagedPolicies": [],
    }
    file = folder / "details.json"
    file.write_text(json.dumps({"RoleDetailList": [role], "Policies": []}))
    return file


def verify(*arguments: object) -> Result:
    """Run `pump-roles verify`."""
    return run("verify", *arguments)


@pytest.mark.parametrize("trust", [5, {"Statement": 5}, {"Statement": [{"Principal": 5}]}])
def test_trust_policy_that_is_none_causes_one_error_or_a_difference(
    trust: Any, tmp_path: Path
) -> None:
    template = synthesize(tmp_path) / "PumpReadOnly.template.json"
    edit(template, lambda role: role.update(AssumeRolePolicyDocument=trust))
    asked = ("--expect", template, "--details", saved_account(tmp_path))
    assert verify(*asked).exit_code == 3
    line = the_error(verify(*asked, "--principal", PUMP_ACCOUNT), 1)
    assert line == f"pump-roles: {template}: the principal of the read-only role cannot be read"


OTHER_TYPES: tuple[Any, ...] = (0.05, "x", None, {}, [5], "\ud800")
PYTHONS_WORDS = re.compile(
    r"Traceback|Expecting|' object is not|' object has no|indices|unpack|NoneType|not callable|"
    r"'(?:dict|list|int)'|_digits|char \d"
)


def broken(value: Any) -> Iterator[Any]:
    """Yield a JSON value with one part of it, the first of each list, of other types."""
    yield from OTHER_TYPES
    if isinstance(value, dict):
        for key, member in value.items():
            yield from ({**value, key: wrong} for wrong in broken(member))
    if isinstance(value, list) and value:
        yield from ([wrong, *value[1:]] for wrong in broken(value[0]))


def shortened(value: Any) -> Any:
    """Return a JSON value with one element in each list, except that a pair stays one."""
    if isinstance(value, dict):
        return {key: shortened(member) for key, member in value.items()}
    if isinstance(value, list):
        return [shortened(element) for element in (value if len(value) == 2 else value[:1])]
    return value


def inputs(folder: Path) -> Mapping[str, tuple[Any, Callable[[Path], Sequence[object]]]]:
    """Return for each kind of input file a good one, and how to pass it."""
    details = saved_account(folder)
    good = json.loads(details.read_text())
    template = json.loads((synthesize(folder) / "PumpReadOnly.template.json").read_text())
    policy = template["Resources"]["ReadOnlyRole"]["Properties"]["Policies"][0]
    (statement,) = policy["PolicyDocument"]["Statement"]
    statement |= {"Action": ["ce:Get*"], "Condition": {"NumericLess": {"ec2:SpotPrice": ["1"]}}}
    offline = ("verify", "--details", details)
    published = ("verify", "--principal", PUMP_ACCOUNT, "--details")
    return {
        # The page contains the JSON.
        "template": (template, lambda file: ("report", file, "--format", "html")),
        "expected": (template, lambda file: (*offline, "--expect", file)),
        "details": (good, lambda file: (*published, file)),
        "role": (
            {"Role": {**good["RoleDetailList"][0], "MaxSessionDuration": 3_600}},
            lambda file: (*published, details, "--details", file),
        ),
        "earlier": (
            shortened(json.loads(written(of_published(), "json"))),
            lambda file: ("report", "--since", file),
        ),
    }


@in_short
@pytest.mark.parametrize(
    "kind",
    ["template", "expected", "details", "role", pytest.param("earlier", marks=pytest.mark.slow)],
)
def test_error_about_a_wrong_type_is_never_in_python_terms(kind: str, tmp_path: Path) -> None:
    good, command = inputs(tmp_path)[kind]
    file = tmp_path / "broken.json"
    refused = 0
    # Not a divisor of the number of types, so that each is tried.
    for value in some(broken(good), 5):
        file.write_text(json.dumps(value))
        ended = run(*command(file))
        assert not PYTHONS_WORDS.search(ended.stderr), (value, ended.stderr)
        assert ended.stderr.count("\n") <= 1
        assert bool(ended.stderr) == (ended.exit_code == 1) == (not ended.stdout)
        refused += bool(ended.stderr)
    assert refused > (100 if kind == "earlier" else 0)
