"""``make release-check``: PERMISSIONS.md announces every expansion since the last release.

What broadens a role is proven for ``report --since`` and for ``compare``, which it calls.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from pump_roles import universal
from pump_roles.inputs.text import InputError
from pump_roles.published import ROLES
from pump_roles.review.output.messages import to_json
from pump_roles.review.report import Earlier, Report
from tests.support import earlier, of_templates, plain
from tools.release import check
from tools.release.check import (
    NOTICE_DAYS,
    RELEASED,
    UNRELEASED,
    Section,
    current,
    main,
    sections,
    too_early,
)
from tools.sandbox.cdk import ROOT

Edit = Callable[[dict[str, Any], dict[str, Any]], object]


@cache
def report(
    edit: Edit = lambda _template, _properties: None, kinds: Iterable[str] = ROLES
) -> Report:
    """Return the report of the ready templates, with an edited auto-pilot role."""
    with TemporaryDirectory() as folder:
        for kind in kinds:
            template = json.loads(universal.template(kind))
            (resource,) = template["Resources"].values()
            if kind == "auto-pilot":
                edit(template, resource["Properties"])
            (Path(folder) / universal.FILES[kind]).write_text(json.dumps(template))
        return of_templates(Path(folder))


def one_more(_template: dict[str, Any], properties: dict[str, Any]) -> None:
    statement = {"Effect": "Allow", "Action": "ec2:RunInst*", "Resource": "*"}
    policy = {"PolicyName": "Another", "PolicyDocument": {"Statement": [statement]}}
    properties["Policies"].append(policy)


def without_policies(_template: dict[str, Any], properties: dict[str, Any]) -> None:
    properties["Policies"] = []


def with_one_policy(template: dict[str, Any], properties: dict[str, Any]) -> None:
    without_policies(template, properties)
    one_more(template, properties)


def accepting(pattern: str) -> Edit:
    """Return an edit of the external IDs that a role accepts."""
    return lambda template, _: template["Parameters"]["PumpExternalID"].update(
        AllowedPattern=pattern
    )


def described(template: dict[str, Any], properties: dict[str, Any]) -> None:
    template["Description"] = "Version 0.2.0"
    properties["Description"] = "Another one"


# Each is made when a test first needs it.
Before = Report | Earlier | None
Made = Callable[[], Before]


@cache
def now() -> Report:
    return current()


def after() -> Report:
    return report(one_more)


def any_id() -> Report:
    return report(ANY_ID)


def only_read_only() -> Report:
    return report(kinds=("read-only",))


def without_one() -> Report:
    effective = {
        role.kind: tuple(name for name in role.effective if name != "ec2:DescribeInstances")
        for role in now().read.roles
    }
    return replace(now(), read=now().read.with_effective(effective))


def before_aws() -> Earlier:
    # From what is kept: the report itself has the action.
    return earlier(plain(without_one()))


# For files: without the published policies.
def small_now() -> Report:
    return report(without_policies, ("auto-pilot",))


def small_after() -> Report:
    return report(with_one_policy, ("auto-pilot",))


def redescribed() -> Report:
    return report(described)


ANY_ID = accepting(".*")
PUMP = (
    "auto-pilot: 1 action that writes or tags: not granted before, allowed now: `ec2:RunInstances`."
)
AWS = (
    "auto-pilot: 1 action that reads metadata: now matched by a wildcard: `ec2:DescribeInstances`."
)
READY = f"\n- **Expansion**, announced 2026-11-26: {PUMP}\n"


def problems(before: Before, after: Report, section: Section) -> list[str]:
    """Compare two reports. What ``main`` compares was read from a file, as in the tests below."""
    compared = earlier(before) if isinstance(before, Report) else before
    return check.problems(compared, after, section)


def section(text: str) -> Section:
    ((_, found),) = sections(f"## [{UNRELEASED}]\n{text}")
    return found


def announced(before: Before, after: Report) -> Section:
    """Return a section with what is missing in an empty one."""
    lines = "\n".join(problems(before, after, section("")))
    return section(lines.replace("add: ", "").replace("YYYY-MM-DD", "2026-11-26"))


@pytest.mark.parametrize(
    ("before", "later", "said"),
    [
        (now, after, [PUMP]),
        (now, any_id, ["auto-pilot: whether it requires an external ID is", "auto-pilot: what"]),
        (only_read_only, now, ["auto-pilot: the role is new: `application-autoscaling:Desc"]),
    ],
)
def test_each_expansion_must_be_announced(
    before: Made, later: Callable[[], Report], said: list[str]
) -> None:
    found = problems(before(), later(), section(""))
    head = "add: - **Expansion**, announced YYYY-MM-DD: "
    assert all(line.startswith(head + start) for line, start in zip(found, said, strict=True))
    assert problems(before(), later(), announced(before(), later())) == []


@pytest.mark.parametrize(
    ("before", "later"),
    [(now, redescribed), (after, now), (now, without_one), (lambda: None, now)],
)
def test_what_does_not_broaden_a_role_needs_no_line(
    before: Made, later: Callable[[], Report]
) -> None:
    assert problems(before(), later(), section("\n- Free text.\n")) == []
    (said,) = problems(before(), later(), section(READY))
    assert said == f"remove or correct, there is no such expansion: {READY.strip()}"


def test_action_that_aws_adds_is_listed_without_a_date() -> None:
    assert problems(before_aws(), now(), section("")) == [f"add: - **Expansion**: {AWS}"]
    assert problems(before_aws(), now(), section(f"- **Expansion**: {AWS}\n")) == []
    dated = section(f"- **Expansion**, announced 2026-11-26: {AWS}\n")
    assert problems(before_aws(), now(), dated) == [f"change to: - **Expansion**: {AWS}"]


def test_announcement_of_what_words_leave_open_covers_nothing_else() -> None:
    assert len(problems(now(), report(accepting(".+")), announced(now(), any_id()))) == 2
    assert len(problems(only_read_only(), after(), announced(only_read_only(), now()))) == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (", announced 2026-11-26", "", "change to"),
        ("2026-11-26", "soon", "change to"),
        ("2026-11-26", "2026-02-30", "change to"),
        ("**Expansion**, announced 2026-11-26: ", "", "add"),
        ("RunInstances`.", "RunInstances`.x", "add"),
        ("RunInstances", "R\u0443nInstances", "add"),
        ("auto-pilot", "read-only", "add"),
    ],
)
def test_any_other_text_is_a_problem(old: str, new: str, said: str) -> None:
    assert READY.count(old) == 1
    first, *_ = problems(now(), after(), section(READY.replace(old, new)))
    assert first == f"{said}: - **Expansion**, announced YYYY-MM-DD: {PUMP}"


def test_announcement_is_needed_only_once() -> None:
    (said,) = problems(now(), after(), section(READY * 2))
    assert said == f"remove or correct, there is no such expansion: {READY.strip()}"


@pytest.mark.parametrize(
    ("on", "early"), [("2026-11-26", True), ("2026-12-25", True), ("2026-12-26", False)]
)
def test_notice_is_over_after_its_days(on: str, *, early: bool) -> None:
    found = too_early(section(READY), date.fromisoformat(on))
    assert found == ([f"wait until 2026-12-26: {READY.strip()}"] if early else [])
    assert too_early(section(f"- **Expansion**: {AWS}\n"), date.fromisoformat(on)) == []


def test_example_of_the_guide_is_what_the_check_expects() -> None:
    """It is wrapped and explained."""
    guide = (ROOT / "docs" / "release.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```markdown\n(.*?)```", guide, re.DOTALL)
    assert problems(now(), after(), section(example)) == []


def test_entry_ends_where_a_person_sees_its_end() -> None:
    text = "Text:\n- One,\n  wrapped\n- Two.\n### Removed\n- Three.\n\n  Another paragraph.\n"
    assert section(text) == ["One, wrapped", "Two.", "Three."]
    for hidden in ("<!--\n", "\n  ```sh\n"):
        with pytest.raises(InputError, match="no comment or code block"):
            section(hidden)


def test_permissions_md_of_this_project_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("PERMISSIONS.md lists every expansion: ")
    assert f"at least {NOTICE_DAYS} days before" in (ROOT / "PERMISSIONS.md").read_text()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with PERMISSIONS.md and the report of a release."""
    monkeypatch.setattr(check, "current", lambda _root: replace(small_after(), version="0.11.0"))
    (tmp_path / RELEASED).parent.mkdir(parents=True)
    released = replace(small_now(), read=replace(small_now().read, version="0.10.0"))
    (tmp_path / RELEASED).write_text(to_json(released))
    headings = "## [0.10.0] - 2026-01-02\n\n## [0.9.0] - 2026-01-01\n"
    (tmp_path / "PERMISSIONS.md").write_text(f"## [Unreleased]\n{READY}\n{headings}")
    return tmp_path


def test_compares_with_the_last_release_and_fails_with_status_3(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], project) == 0
    passed = "PERMISSIONS.md lists every expansion: 0.11.0, compared with 0.10.0.\n"
    assert capsys.readouterr().out == passed
    file = project / "PERMISSIONS.md"
    file.write_text(file.read_text().replace(READY, ""))
    assert main([], project) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "PERMISSIONS.md, section [Unreleased], compared with 0.10.0:",
        *problems(small_now(), small_after(), section("")),
    ]


def test_templates_that_are_not_as_published_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pump_roles" / "universal"
    folder.mkdir(parents=True)
    text = universal.template("auto-pilot").decode()
    (folder / universal.FILES["auto-pilot"]).write_text(text.replace("ec2:", "s3:", 1))
    assert main([], tmp_path) == 1
    assert "not only what Pump publishes; run make generate" in capsys.readouterr().err


def test_release_waits_for_its_lines_and_the_notice(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project / "PERMISSIONS.md"
    text = file.read_text()
    # The date of a section does not count.
    for old, new, status in (
        ("RunInstances", "RunTasks", 3),
        ("2026-11-26", "soon", 3),
        ("2026-11-26", "2020-01-01", 0),
        ("2026-11-26", "2999-01-01", 3),
    ):
        file.write_text(text.replace(old, new))
        assert main(["--notice"], project) == status
    assert "wait until 2999-01-31: - **Expansion**, announced" in capsys.readouterr().err
    assert main([], project) == 0


MUST_BEGIN = f"by {RELEASED}, it must begin with [Unreleased]"


@pytest.mark.parametrize(
    ("file", "edit", "said"),
    [
        ("PERMISSIONS.md", None, "No such file"),
        ("PERMISSIONS.md", ("[Unreleased]", "[Next]"), f"{MUST_BEGIN}, [0.10.0]"),
        ("PERMISSIONS.md", ("[Unreleased]", "[Unreleased]\n## [Unreleased]"), MUST_BEGIN),
        ("PERMISSIONS.md", ("## [0.10.0] - 2026-01-02\n", ""), f"{MUST_BEGIN}, [0.10.0]"),
        (RELEASED, None, MUST_BEGIN),
        (RELEASED, ("{", ""), "it is not JSON"),
        (RELEASED, ('"read"', '"reads"'), "it does not keep what was read"),
        (RELEASED, ('"format": ', '"format": 9'), "its format is 91"),
    ],
)
def test_release_whose_parts_do_not_agree_fails_with_one_line(
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
    assert main([], project) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
