"""``make release-check``: PERMISSIONS.md announces every expansion since the last release.

What broadens a role is proven for ``report --since`` and for ``compare``, which it calls.
"""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from pump_roles import universal
from pump_roles.output.json_documents import as_json
from pump_roles.published import ROLES
from pump_roles.report import Report, of_templates
from tools.release import check
from tools.release.changelog import UNRELEASED, Section, sections
from tools.release.check import NOTICE_DAYS, main, problems, too_early
from tools.release.manifest import MANIFESTS, current
from tools.sandbox.cdk import ROOT

Edit = Callable[[dict[str, Any], dict[str, Any]], object]
Make = Callable[[], Report]
"""A report that is not made before its test."""


@cache
def report(
    edit: Edit = lambda _template, _properties: None, kinds: Iterable[str] = ROLES
) -> Report:
    """Return the report of the universal templates, with an edited auto-pilot role.

    :param edit: edits the template and the role's properties.
    :param kinds: the roles.
    """
    with TemporaryDirectory() as folder:
        for kind in kinds:
            template = json.loads(universal.template(kind))
            (resource,) = template["Resources"].values()
            if kind == "auto-pilot":
                edit(template, resource["Properties"])
            (Path(folder) / universal.FILES[kind]).write_text(json.dumps(template))
        return of_templates(Path(folder))


def statement(effect: str, action: str, resource: str = "*") -> Edit:
    """Return an edit that adds a policy."""
    document = {"Statement": [{"Effect": effect, "Action": action, "Resource": resource}]}
    policy = {"PolicyName": "Another", "PolicyDocument": document}
    return lambda _template, properties: properties["Policies"].append(policy)


def without_policies(_template: dict[str, Any], properties: dict[str, Any]) -> None:
    properties["Policies"] = []


def with_one_policy(template: dict[str, Any], properties: dict[str, Any]) -> None:
    without_policies(template, properties)
    statement("Allow", "ec2:RunInst*")(template, properties)


def any_external_id(template: dict[str, Any], _properties: dict[str, Any]) -> None:
    template["Parameters"]["PumpExternalID"]["AllowedPattern"] = ".*"


def described(template: dict[str, Any], properties: dict[str, Any]) -> None:
    template["Description"] = "Version 0.2.0"
    properties["Description"] = "Another one"


now = cache(current)
after_it = partial(report, statement("Allow", "ec2:RunInst*"))
# For files: as above, but without the published policies.
SMALL_NOW = report(without_policies, ("auto-pilot",))
SMALL_AFTER = report(with_one_policy, ("auto-pilot",))
only_read_only = partial(report, kinds=("read-only",))


def aws_before() -> Report:
    actions = tuple(action for action in now().actions if action.name != "ec2:DescribeInstances")
    return replace(now(), actions=actions)


PUMP = (
    "auto-pilot: 1 action that writes or tags: not granted before, allowed now: `ec2:RunInstances`."
)
AWS = (
    "auto-pilot: 1 action that reads metadata: now matched by a wildcard: `ec2:DescribeInstances`."
)
READY = f"\n- **Expansion**, announced 2026-11-26: {PUMP}\n"


def section(text: str) -> Section:
    return sections(f"## [Unreleased]\n{text}", "PERMISSIONS.md")[UNRELEASED]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (now, after_it, [PUMP]),
        (
            now,
            partial(report, any_external_id),
            ["auto-pilot: it accepts an external ID that", "auto-pilot: what"],
        ),
        (
            only_read_only,
            now,
            ["auto-pilot: the role is new: `application-autoscaling:Desc"],
        ),
    ],
)
def test_each_expansion_must_be_announced(before: Make, after: Make, said: list[str]) -> None:
    found = problems(before(), after(), section(""))
    assert len(found) == len(said)
    head = "add: - **Expansion**, announced YYYY-MM-DD: "
    assert all(line.startswith(head + start) for line, start in zip(found, said, strict=True))
    lines = "\n".join(found).replace("add: ", "").replace("YYYY-MM-DD", "2026-11-26")
    assert problems(before(), after(), section(f"\n{lines}\n")) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (now, partial(report, described)),
        (after_it, now),
        (now, aws_before),
        (lambda: None, now),
    ],
)
def test_what_does_not_broaden_a_role_needs_no_line(
    before: Callable[[], Report | None], after: Make
) -> None:
    assert problems(before(), after(), section("\n- Free text.\n")) == []


def test_action_that_aws_adds_is_listed_without_a_date() -> None:
    assert problems(aws_before(), now(), section("")) == [f"add: - **Expansion**: {AWS}"]
    assert problems(aws_before(), now(), section(f"- **Expansion**: {AWS}\n")) == []
    dated = section(f"- **Expansion**, announced 2026-11-26: {AWS}\n")
    assert problems(aws_before(), now(), dated) == [f"change to: - **Expansion**: {AWS}"]


def test_announcement_of_what_words_leave_open_covers_nothing_else() -> None:
    def other_ids(template: dict[str, Any], _properties: dict[str, Any]) -> None:
        template["Parameters"]["PumpExternalID"]["AllowedPattern"] = ".+"

    def announced(before: Report, after: Report) -> Section:
        lines = "\n".join(problems(before, after, section("")))
        return section(lines.replace("add: ", "").replace("YYYY-MM-DD", "2026-11-26"))

    text = announced(now(), report(any_external_id))
    assert problems(now(), report(any_external_id), text) == []
    assert len(problems(now(), report(other_ids), text)) == 2
    one_role = only_read_only()
    assert len(problems(one_role, after_it(), announced(one_role, now()))) == 2


def test_lines_may_be_wrapped_and_explained() -> None:
    text = READY.replace(" not granted", "\n  not granted").replace(PUMP[-5:], f"{PUMP[-5:]} Why.")
    assert problems(now(), after_it(), section(text)) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (", announced 2026-11-26", "", "change to"),
        ("2026-11-26", "soon", "change to"),
        ("2026-11-26", "2026-02-30", "change to"),
        ("2026-11-26", "\uff12026-11-26", "change to"),
        ("**Expansion**, announced 2026-11-26: ", "", "add"),
        ("RunInstances`.", "RunInstances`.x", "add"),
        ("RunInstances", "R\u0443nInstances", "add"),
        ("auto-pilot", "read-only", "add"),
    ],
)
def test_any_other_text_is_a_problem(old: str, new: str, said: str) -> None:
    assert READY.count(old) == 1
    first, *_ = problems(now(), after_it(), section(READY.replace(old, new)))
    assert first == f"{said}: - **Expansion**, announced YYYY-MM-DD: {PUMP}"


@pytest.mark.parametrize(
    ("before", "after", "lines"), [(now, now, 1), (lambda: None, now, 1), (now, after_it, 2)]
)
def test_announcement_without_an_expansion_is_a_problem(
    before: Callable[[], Report | None], after: Make, lines: int
) -> None:
    (said,) = problems(before(), after(), section(READY * lines))
    assert said == f"remove or correct, there is no such expansion: {READY.strip()}"


@pytest.mark.parametrize(
    ("on", "early"), [("2026-11-26", True), ("2026-12-25", True), ("2026-12-26", False)]
)
def test_notice_is_over_after_its_days(on: str, *, early: bool) -> None:
    found = too_early(section(READY), date.fromisoformat(on))
    assert found == ([f"wait until 2026-12-26: {READY.strip()}"] if early else [])
    assert too_early(section(f"- **Expansion**: {AWS}\n"), date.fromisoformat(on)) == []


def test_command_of_the_guide_shows_when_a_line_was_added(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "release.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^\$ (git log .*)$", guide, re.MULTILINE)
    (example,) = re.findall(r"```markdown\n(.*?)```", guide, re.DOTALL)
    assert problems(now(), after_it(), section(example)) == []
    git = ["git", "-c", "user.name=Someone", "-c", "user.email=someone@example.com"]
    subprocess.run([*git, "init", "--quiet"], cwd=tmp_path, check=True)
    for day, text in ((1, "Nothing."), (2, example), (3, f"{example}\nMore.")):
        (tmp_path / "PERMISSIONS.md").write_text(text)
        subprocess.run([*git, "add", "--all"], cwd=tmp_path, check=True)
        subprocess.run(
            [*git, "commit", "--quiet", "--no-verify", "--message", f"Change {day}"],
            cwd=tmp_path,
            env={**os.environ, "GIT_COMMITTER_DATE": f"2026-12-0{day}T12:00:00Z"},
            check=True,
        )
    ended = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    (line,) = ended.stdout.splitlines()
    assert re.fullmatch(r"2026-12-02 [0-9a-f]+ Change 2", line)


def test_permissions_md_says_how_many_days_of_notice_there_are() -> None:
    assert f"at least {NOTICE_DAYS} days before" in (ROOT / "PERMISSIONS.md").read_text()


def test_permissions_md_of_this_project_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0
    assert capsys.readouterr().out.startswith("PERMISSIONS.md lists every expansion: ")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with PERMISSIONS.md and the manifests of two releases."""
    monkeypatch.setattr(check, "current", lambda _root: replace(SMALL_AFTER, version="0.11.0"))
    (tmp_path / MANIFESTS).mkdir(parents=True)
    for version, released in (("0.9.0", SMALL_AFTER), ("0.10.0", SMALL_NOW)):
        file = tmp_path / MANIFESTS / f"{version}.json"
        file.write_text(as_json(replace(released, version=version)))
    headings = "## [0.10.0] - 2026-01-02\n\n## [0.9.0] - 2026-01-01\n"
    (tmp_path / "PERMISSIONS.md").write_text(f"## [Unreleased]\n{READY}\n{headings}")
    return tmp_path


def test_compares_with_the_highest_version(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(project) == 0
    assert capsys.readouterr().out == (
        "PERMISSIONS.md lists every expansion: 0.11.0, compared with 0.10.0.\n"
    )


def test_missing_line_fails_with_status_3(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project / "PERMISSIONS.md"
    file.write_text(file.read_text().replace(READY, ""))
    assert main(project) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "PERMISSIONS.md, section [Unreleased], compared with 0.10.0:",
        *problems(SMALL_NOW, SMALL_AFTER, section("")),
    ]


@pytest.mark.parametrize(
    ("file", "edit", "said"),
    [
        ("PERMISSIONS.md", None, "No such file"),
        ("PERMISSIONS.md", ("[Unreleased]", "[Next]"), "is neither [Unreleased] nor"),
        (f"{MANIFESTS}/0.10.0.json", None, f"a section [0.10.0], but not {MANIFESTS}/0.10.0.json"),
        (
            "PERMISSIONS.md",
            ("## [0.9.0] - 2026-01-01\n", ""),
            f"there is {MANIFESTS}/0.9.0.json, but not a section [0.9.0]",
        ),
        (f"{MANIFESTS}/0.10.0.json", ("{", ""), "it is not JSON"),
        (f"{MANIFESTS}/0.10.0.json", ('"schema"', '"scheme"'), "is not a permission manifest"),
        (f"{MANIFESTS}/0.10.0.json", ('"schema": ', '"schema": 9'), "its schema version is 9"),
        (f"{MANIFESTS}/0.10.0.json", ('"0.10.0"', '"0.9.0"'), "is the manifest of version 0.9.0"),
    ],
)
def test_unreadable_file_fails_with_status_1(
    file: str,
    edit: tuple[str, str] | None,
    said: str,
    project: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if edit is None:
        (project / file).unlink()
    else:
        text = (project / file).read_text()
        assert edit[0] in text
        (project / file).write_text(text.replace(*edit, 1))
    assert main(project) == 1
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_templates_that_are_not_as_published_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pump_roles" / "universal"
    folder.mkdir(parents=True)
    text = universal.template("auto-pilot").decode()
    (folder / universal.FILES["auto-pilot"]).write_text(text.replace("ec2:", "s3:", 1))
    assert main(tmp_path) == 1
    assert "not only what Pump publishes; run make generate" in capsys.readouterr().err
