"""The command line: its arguments, what it writes, and one clear error for bad input.

What ``rollout-status`` finds is in ``account/rollout/test_status.py``.
"""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pump_roles import Guardrail, __version__
from pump_roles.json_input import InputError
from pump_roles.review.cli import app
from pump_roles.review.output.formats import written
from pump_roles.review.output.json_documents import as_json, report_from
from pump_roles.review.output.page import as_html
from pump_roles.review.report import Report, of_published
from tests.commands import run, the_error, the_usage_error
from tests.support import EXTERNAL_ID, PUMP_ACCOUNT, short_reports, synthesize, trust
from tools.sandbox.cdk import tool_environment

Format = Callable[[Report], str]
as_markdown, as_csv = partial(written, chosen="markdown"), partial(written, chosen="csv")


@cache
def published(as_text: Format) -> str:
    """Return the report of the published roles in a format."""
    return as_text(of_published())


def report(*arguments: object) -> Result:
    """Run `pump-roles report`."""
    return run("report", *arguments)


@pytest.mark.parametrize(
    ("name", "options", "as_text"),
    [
        ("r.html", (), as_html),
        ("r.htm", (), as_html),
        ("r.md", (), as_markdown),
        ("r.csv", (), as_csv),
        ("R.JSON", (), as_json),
        ("r.xml", ("--format", "markdown"), as_markdown),
        ("r.md", ("--every-action",), partial(as_markdown, every_action=True)),
        ("r.html", ("--format", "csv"), as_csv),
    ],
)
def test_option_or_extension_of_the_file_decides_the_format(
    name: str, options: tuple[str, ...], as_text: Format, tmp_path: Path
) -> None:
    ended = report(*options, "--output", tmp_path / name)
    assert (ended.exit_code, ended.output) == (0, "")
    assert (tmp_path / name).read_bytes() == published(as_text).encode()


def test_report_goes_to_standard_output_as_markdown_by_default() -> None:
    ended = report()
    assert ended.exit_code == 0
    assert ended.stdout == published(as_markdown)


@pytest.mark.parametrize("arguments", [("--format", "html"), ("--output", "r.csv")])
def test_every_action_is_only_for_markdown(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    problem = the_usage_error(report("--every-action", *arguments))
    assert "--every-action: requires --format markdown" in problem
    assert [*tmp_path.iterdir()] == []


@pytest.fixture
def short() -> Iterator[None]:
    with short_reports():
        yield


in_short = pytest.mark.usefixtures("short")
"""For what does not depend on the number of actions in a report."""


@in_short
def test_reads_a_folder_and_compares_it_with_an_earlier_report(tmp_path: Path) -> None:
    folder = synthesize(tmp_path / "cdk.out")
    assert report(folder, "--output", tmp_path / "r.json").exit_code == 0
    earlier = (tmp_path / "r.json").read_bytes()
    assert json.loads(earlier)["since"] is None
    ended = report(folder, "--since", tmp_path / "r.json", "--format", "json")
    assert ended.exit_code == 0
    now = json.loads(ended.stdout)
    assert now["changes"] == []
    # Without its folder: the report does not depend on the machine.
    assert now["since"] == {
        "file": "r.json",
        "files": [["r.json", sha256(earlier).hexdigest()]],
        "date": now["date"],
        "version": __version__,
    }


@in_short
def test_compares_with_a_report_its_page_a_template_or_a_folder_alike(tmp_path: Path) -> None:
    """What it is decides, not its name."""
    before = synthesize(tmp_path / "before", Guardrail.NO_SELLING)
    now = synthesize(tmp_path / "now")
    for name, chosen in (("a.txt", "json"), ("b.json", "html")):
        written = report(before, "--output", tmp_path / name, "--format", chosen)
        assert written.exit_code == 0, written.output
    found = {}
    for name in ("a.txt", "b.json", "before"):
        ended = report(now, "--since", tmp_path / name, "--format", "json")
        assert ended.exit_code == 0, ended.output
        found[name] = json.loads(ended.stdout)
    assert found["before"]["since"]["files"] == [
        [file.name, sha256(file.read_bytes()).hexdigest()]
        for file in (before / "PumpReadOnly.template.json", before / "PumpAutoPilot.template.json")
    ]
    changes = found["before"]["changes"]
    assert {change["effect"] for change in changes} == {"broader"}
    assert all(content["changes"] == changes for content in found.values())
    template = before / "PumpAutoPilot.template.json"
    ended = report(now / template.name, "--since", template.rename(tmp_path / "t.html"))
    assert ended.exit_code == 0, ended.output
    assert "- broader, auto-pilot: 1 action that writes or tags" in ended.stdout, ended.stdout[-1:]


@pytest.mark.parametrize("cut", [slice(1, None), slice(None, -9), slice(0)])
def test_rejects_a_page_whose_report_is_damaged_or_that_has_two(cut: slice, tmp_path: Path) -> None:
    page = tmp_path / "r.html"
    start, embedded, end = re.split('(?<=id="report">)(.*?)(?=</script>)', published(as_html))
    for text in (f"{start}{embedded[cut]}{end}", published(as_html) * 2):
        page.write_text(text)
        assert is_not_compared_with(page) == (
            f"is not {NEITHER}: it is not JSON: the error is in line 1, column 1"
        )


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


ALARMS = (
    "2 alarms: The auto-pilot role is not what Pump publishes; "
    "The auto-pilot role allows more than is counted."
)
SELLS = "auto-pilot: 1 action that writes or tags: denied by no-selling before, allowed now"


@in_short
@pytest.mark.parametrize(
    ("folder", "since", "conditions", "reason"),
    [
        ("wide", "", "", ""),
        ("wide", "", "alarm", ALARMS),
        ("bare", "guarded", "", ""),
        ("bare", "guarded", "alarm", ""),
        (
            *("bare", "guarded", "broadened"),
            f"1 change since guarded.json: 1 can broaden access: {SELLS}.",
        ),
        # A narrower role is not broader.
        ("guarded", "bare", "broadened", ""),
        (
            *("wide", "guarded", "alarm broadened"),
            f"{ALARMS} 2 changes since guarded.json: 2 can broaden access: {SELLS}; and 1 more.",
        ),
    ],
)
def test_fails_only_for_the_chosen_conditions_after_it_is_written(
    folder: str, since: str, conditions: str, reason: str, stage: Path
) -> None:
    asked: list[object] = [stage / folder, "--format", "json"]
    asked += ["--since", stage / f"{since}.json"] if since else []
    ended = report(*asked, *(f"--fail-on={condition}" for condition in conditions.split()))
    written = report(*asked)
    assert written.exit_code == 0
    assert ended.stdout == written.stdout
    assert ended.exit_code == (3 if reason else 0)
    assert ended.stderr == (f"pump-roles: {reason}\n" if reason else "")


def usage_error(*arguments: object) -> str:
    """Return the usage error of a report, for which nothing is written."""
    return the_usage_error(report(*arguments))


def test_reports_what_guardrails_would_leave_of_the_published_roles() -> None:
    ended = report("--guardrails", "recommended, no-selling", "--format", "json")
    expected = of_published(guardrails=[Guardrail.RECOMMENDED, Guardrail.NO_SELLING])
    assert (ended.exit_code, ended.output) == (0, as_json(expected))


def test_says_which_guardrails_are_redundant() -> None:
    ended = report("--guardrails", "no-commitments,no-selling", "--format", "json")
    assert ended.exit_code == 0
    assert ended.stderr == (
        "pump-roles: --guardrails: no-commitments makes these redundant: no-selling\n"
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ["--guardrails", "recomended"],
            "--guardrails: there is no guardrail 'recomended'; did you mean recommended?",
        ),
        (
            ["--guardrails", "until"],
            "--guardrails: until takes a value; report on a template that has it instead",
        ),
        (["--guardrails", ""], "--guardrails: '' is not the name of a guardrail"),
        (
            ["--guardrails", "no-selling", "cdk.out"],
            "--guardrails: cannot be combined with --account or a path",
        ),
        (["--fail-on", "alarm", "--fail-on", "broadened"], "--fail-on broadened requires --since"),
        (
            ["--fail-on=alarm,broadened"],
            "Invalid value for '--fail-on': 'alarm,broadened' is not one of 'alarm', 'broadened'.",
        ),
        ([""], "Invalid value for '[PATH]': must not be empty"),
        (["--output", ""], "Invalid value for '--output': must not be empty"),
        (["--since", ""], "Invalid value for '--since': must not be empty"),
        (["--output", "r.txt"], ".html, .htm, .md, .csv, .json; or pass --format"),
    ],
)
def test_usage_error_writes_nothing(
    arguments: list[str], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert problem in usage_error("--output", "r.md", *arguments)
    assert list(tmp_path.iterdir()) == []


def error_of(*arguments: object) -> str:
    """Return the one line of an error, for which nothing is written."""
    return the_error(report(*arguments), 1).removeprefix("pump-roles: ")


NOT_A_TEMPLATE = "is not a CloudFormation template: it"
YAML = (
    "is YAML, but templates are read as JSON: pass cdk.out, or the template that cdk synth writes "
    "to it"
)
NOT_JSON = {
    "": "it is empty",
    '{"Resources": {},\n "a" 1}': "the error is in line 2, column 6",
    '{"a": NaN}': "NaN is not a JSON value",
    f"[{'1' * 5_000}]": "a number has too many digits",
}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("t.json", "[]", f"{NOT_A_TEMPLATE} has no Resources"),
        ("t.json", '{"Resources": {}}', "contains none of Pump's roles"),
        ("t.json", "\udcff\udcfe\x00", f"{NOT_A_TEMPLATE} is not UTF-8 text"),
        ("t.json", "[" * 100_000, "is nested too deeply to read"),
        *(
            ("t.json", text, f"{NOT_A_TEMPLATE} is not JSON: {why}")
            for text, why in NOT_JSON.items()
        ),
        ("t.yaml", "Resources: {}\n", YAML),
        ("t.YML", "A: !Sub x\n", YAML),
        ("t.template", "# ours\nAWSTemplateFormatVersion: '2010-09-09'\nResources:\n  A:\n", YAML),
        ("t.json", "---\nResources: {}\n", YAML),
        ("", "", "there is no template in this folder"),
        ("missing", "", "there is no such file or folder"),
        ("a" * 300, "", "cannot be read: File name too long"),
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


NEITHER = "a pump-roles report, a page of one, a template, or a folder of templates"


def is_not_compared_with(path: Path) -> str:
    """Return why a report is not compared with a file or a folder."""
    return error_of("--since", path).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<html></html>", f"is not {NEITHER}: it is not JSON: the error is in line 1, column 1"),
        ("Resources:", f"is not {NEITHER}: it is not JSON: it is YAML"),
        ("null", f"is not {NEITHER}"),
        ('{"roles": []}', f"is not {NEITHER}"),
        ('{"Resources": {}}', "contains none of Pump's roles"),
        (
            '{"schema": 1}',
            "is not a pump-roles report: its schema version is 1; this version reads 3",
        ),
        ('{"schema": 3}', "is not a pump-roles report: Object missing required field `version`"),
        (
            '{"schema": "3\\u001b"}',
            "is not a pump-roles report: Expected `int`, got `str` - at `$.schema`",
        ),
        (f'{{"schema": 3, "roles": {"[" * 201}{"]" * 201}}}', "is nested too deeply to read"),
    ],
)
def test_says_why_it_cannot_compare_with_a_file(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "earlier").write_text(text)
    assert is_not_compared_with(tmp_path / "earlier") == problem


def test_value_in_an_error_about_an_earlier_report_is_visible_and_short(tmp_path: Path) -> None:
    content = json.loads(as_json(of_published()))
    content["statements"][0]["roles"]["read-only"]["answer"] = "\x1b[31m" + "x" * 1_000
    (tmp_path / "earlier.json").write_text(json.dumps(content))
    found = is_not_compared_with(tmp_path / "earlier.json")
    assert found.startswith("is not a pump-roles report: Invalid enum value '\\\\x1b[31mxxx")
    assert found.endswith(" (cut)")
    assert len(found) < 300


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("no/such/r.md", "No such file or directory"),
        (f"{'a' * 300}.json", "File name too long"),
        ("folder.md", "Is a directory"),
    ],
)
def test_file_that_cannot_be_written_is_an_error(name: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "folder.md").mkdir()
    output = tmp_path / name
    assert error_of(tmp_path, "--output", output) == f"{output}: cannot be written: {problem}"


def is_refused(*arguments: object, output: Path) -> bool:
    """Whether a report is not written, because it would overwrite an input."""
    problem = usage_error(*arguments, "--output", output, "--format", "json")
    return problem.endswith("would overwrite an input")


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@in_short
def test_input_is_not_overwritten(tmp_path: Path) -> None:
    folder = synthesize(tmp_path / "cdk.out")
    template = folder / "PumpReadOnly.template.json"
    (folder / "nested.yaml").write_text("Resources: {}")
    (folder / "assembly-Stage").mkdir()
    shutil.copy(template, folder / "assembly-Stage" / "Stage.Template.JSON")
    hard_link, page, link = (
        tmp_path / name for name in ("hard.json", "page.html", "elsewhere/link.json")
    )
    link.parent.mkdir()
    (link.parent / "next.json").write_text("{}")
    link.symlink_to(template)
    hard_link.hardlink_to(template)
    page.symlink_to(template)
    # The path leads out of the folder and back.
    (tmp_path / "outside.json").write_text("{}")
    (folder / "Linked.template.json").symlink_to(tmp_path / "outside.json")
    folder_link = tmp_path / "linked"
    folder_link.symlink_to(folder)
    before = contents(folder)
    for output in (template, folder / "." / template.name, link, hard_link):
        assert is_refused(template, output=output)
        assert is_refused("--since", template, output=output)
    for name in (
        *("PumpReadOnly.template.json", "manifest.json", "nested.yaml"),
        *("assembly-Stage/Stage.Template.JSON", "Linked.template.json", "../page.html"),
    ):
        assert is_refused(folder, output=folder / name)
        assert is_refused(folder, output=folder_link / name)
        assert is_refused(folder_link, output=folder / name)
    # Nested templates are in the same folder.
    for path in (template, link):
        assert is_refused(path, output=folder / "nested.yaml")
    assert is_refused(link, output=link.parent / "next.json")
    assert contents(folder) == before


@in_short
def test_report_may_be_written_next_to_the_templates(tmp_path: Path) -> None:
    folder = synthesize(tmp_path / "cdk.out")
    template = folder / "PumpReadOnly.template.json"
    new, elsewhere = folder / "report.json", tmp_path / "package.json"
    elsewhere.write_text("{}")
    # Twice, because an earlier report is an input only if it is passed as one.
    for path, output in ((folder, new), (template, new), (template, elsewhere), (folder, new)):
        assert report(path, "--output", output).exit_code == 0
    assert is_refused(folder, "--since", new, output=new)
    hard_link = tmp_path / "earlier.json"
    hard_link.hardlink_to(new)
    assert is_refused("--since", hard_link, output=new)
    new.unlink()
    for text in ("[]", '{"schema": 1}', "not JSON"):
        new.write_text(text)
        assert is_refused(folder, output=new)


def test_rejects_an_earlier_report_that_is_not_a_regular_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for file in (pipe, "/dev/zero"):
        assert error_of("--since", file) == f"{file}: is not {NEITHER}: it is not a regular file"
        assert error_of(file) == f"{file}: is neither a file nor a folder"
    assert error_of("--since", tmp_path) == f"{tmp_path}: there is no template in this folder"
    missing = tmp_path / "missing.json"
    assert error_of("--since", missing) == f"{missing}: there is no such file"


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


@in_short
def test_error_shows_no_control_characters_of_a_path(tmp_path: Path) -> None:
    name, shown = "a\x1b[31m\nb\t", "a\\x1b[31m\\nb\\t"
    assert error_of(name) == f"{shown}: there is no such file or folder"
    assert error_of("--since", name) == f"{shown}: there is no such file"
    assert error_of("--output", f"no/{name}.md") == (
        f"no/{shown}.md: cannot be written: No such file or directory"
    )
    template = synthesize(tmp_path / name) / "PumpReadOnly.template.json"
    for output in (template, tmp_path / f"{name}.txt"):
        ended = report(template, "--output", output)
        assert ended.exit_code == 2
        assert "\x1b" not in ended.stderr
        assert shown.partition("[")[0] in ended.stderr


@in_short
def test_character_that_cannot_be_encoded_is_written_as_its_code(tmp_path: Path) -> None:
    file = synthesize(tmp_path / "cdk.out") / "PumpReadOnly.template.json"
    file.write_text(file.read_text().replace("PumpBillingReadOnly", "\\ud800"))
    for chosen in (["html"], ["markdown", "--every-action"], ["csv"], ["json"]):
        ended = report(file, "--format", *chosen)
        assert ended.exit_code == 0, ended.output
        assert "ud800" in ended.stdout


PASS = (
    "pass --expect, or the names of StackSets, such as PumpReadOnly, with --exclude-accounts, "
    "--only-accounts, or --no-filter"
)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-", "--no-filter"], "not a StackSet name"),
        (["PumpReadOnly", "--exclude-accounts=123"], "not a 12-digit account ID"),
        (
            ["PumpReadOnly", "--only-accounts=111111111111", "--exclude-accounts=111111111112"],
            "cannot be combined with --exclude-accounts",
        ),
        (
            ["PumpReadOnly", "--exclude-accounts=111111111111", "--no-filter"],
            "--exclude-accounts: cannot be combined with --no-filter",
        ),
        (["PumpReadOnly", "--expect=cdk.out"], "--expect: cannot be combined with STACK_SET"),
        (["--expect=cdk.out", "--no-filter"], "--expect: cannot be combined with --no-filter"),
        (
            ["--expect=cdk.out", "--only-accounts=111111111111"],
            "--expect: cannot be combined with --only-accounts",
        ),
        (["--expect="], "must not be empty"),
        (["PumpReadOnly", "--timeout=1"], "--timeout: requires --wait"),
        ([], PASS),
        (["PumpReadOnly"], PASS),
        (["--no-filter"], PASS),
    ],
)
def test_bad_argument_of_rollout_status_is_a_usage_error(
    arguments: list[str], problem: str
) -> None:
    assert problem in the_usage_error(run("rollout-status", *arguments))


def test_shows_its_version() -> None:
    assert run("--version").output == f"{__version__}\n"


def test_says_what_to_install_if_a_package_of_the_extra_is_missing(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise ModuleNotFoundError(name='click')")
    ended = subprocess.run(
        [sys.executable, "-m", "pump_roles", "rollout-status"],
        env=tool_environment() | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == (
        "pump-roles: click is not installed; install the wheel with the extra [review]\n"
    )


def test_completion_offers_the_commands() -> None:
    environment = {
        "_PUMP_ROLES_COMPLETE": "bash_complete",
        "COMP_WORDS": "pump-roles ",
        "COMP_CWORD": "1",
    }
    ended = CliRunner().invoke(app, [], prog_name="pump-roles", env=environment)
    offered = {line.partition(",")[2] for line in ended.stdout.splitlines()}
    assert offered == {
        *("rollout-status", "probe", "verify", "activity", "report", "template", "link")
    }


@in_short
def test_template_that_is_json_is_read_whatever_its_extension(tmp_path: Path) -> None:
    """YAML contains JSON."""
    template = synthesize(tmp_path) / "PumpReadOnly.template.json"
    assert report(template.rename(tmp_path / "t.yaml")).exit_code == 0


def test_hyphen_is_standard_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert report("--output", "-", "--format", "csv").stdout == published(as_csv)
    assert list(tmp_path.iterdir()) == []
    assert report("--output", "./-", "--format", "csv").stdout == ""
    assert (tmp_path / "-").read_text(encoding="utf-8") == published(as_csv)


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
    line = the_error(verify(*asked, "--principal", PUMP_ACCOUNT))
    assert line == f"pump-roles: {template}: the principal of the read-only role cannot be read"


OTHER_TYPES: tuple[Any, ...] = (5, "x", None, {}, [5])
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
    policy["PolicyDocument"]["Statement"][0]["Action"] = ["ce:Get*"]
    offline = ("verify", "--details", details)
    published = ("verify", "--principal", PUMP_ACCOUNT, "--details")
    return {
        "template": (template, lambda file: ("report", file)),
        "expected": (template, lambda file: (*offline, "--expect", file)),
        "details": (good, lambda file: (*published, file)),
        "role": (
            {"Role": {**good["RoleDetailList"][0], "MaxSessionDuration": 3_600}},
            lambda file: (*published, details, "--details", file),
        ),
    }


@pytest.mark.parametrize("kind", ["template", "expected", "details", "role"])
def test_error_about_a_wrong_type_is_never_in_python_terms(kind: str, tmp_path: Path) -> None:
    good, command = inputs(tmp_path)[kind]
    file = tmp_path / "broken.json"
    refused = 0
    for value in broken(good):
        file.write_text(json.dumps(value))
        ended = run(*command(file))
        assert not PYTHONS_WORDS.search(ended.stderr), (value, ended.stderr)
        assert ended.stderr.count("\n") <= 1
        assert bool(ended.stderr) == (ended.exit_code in (1, 4) and not ended.stdout)
        refused += bool(ended.stderr)
    assert refused > 5


def test_error_about_a_wrong_type_in_an_earlier_report_is_never_in_python_terms(
    tmp_path: Path,
) -> None:
    good = shortened(json.loads(published(as_json)))
    file = tmp_path / "earlier.json"
    seen = 0
    for value in broken(good):
        file.write_text(json.dumps(value))
        try:
            report_from(json.loads(file.read_text()))
        except InputError as error:
            seen += 1
            assert not PYTHONS_WORDS.search(str(error)), (value, error)
    assert seen > 100
