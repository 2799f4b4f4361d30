"""``make release-check``: PERMISSIONS.md says exactly what changes since the last release."""

import os
import re
import subprocess
from collections.abc import Callable, Iterable
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from tests.tools.release.manifests import build
from tests.tools.release.test_changes import MANIFESTS
from tools.release import check
from tools.release.changelog import UNRELEASED, Section, sections
from tools.release.changes import RECLASSIFIED, REWORDED, changes
from tools.release.check import HEADINGS, NOTICE_DAYS, baseline, main, problems, too_early
from tools.release.manifest import as_json
from tools.release.versions import order
from tools.sandbox.cdk import ROOT

BEFORE = build({"one": {"P": [("a:Get*", "*")]}}, ["a:GetX", "a:PutX"])
AFTER = build({"one": {"P": [("a:Get*", "*"), ("a:Put*", "*")]}}, ["a:GetX", "a:GetNew", "a:PutX"])
PUMP = "one gains `a:Put*` on `*` in `P`, and with it 1 action: `a:PutX` (Read)."
AWS = "one gains `a:GetNew` (Read) under `a:Get*`."
READY = f"""
### Pump's changes

- **Expansion**, announced 2026-11-26: {PUMP}

### AWS's changes

- **Expansion**: {AWS}
"""


def section(text: str) -> Section:
    return sections(f"## [Unreleased]\n{text}", "PERMISSIONS.md")[UNRELEASED]


def test_listed_change_is_no_problem() -> None:
    assert problems(BEFORE, AFTER, section(READY)) == []
    assert problems(BEFORE, BEFORE, section("Nothing changes.")) == []


def test_lines_may_be_wrapped_and_explained() -> None:
    text = READY.replace(PUMP, PUMP.replace(" on `*`", "\n  on `*`") + " Pump needs it for this.")
    assert problems(BEFORE, AFTER, section(text)) == []


def test_each_expansion_that_is_missing_is_one_line_to_add() -> None:
    assert problems(BEFORE, AFTER, section("")) == [
        f"add under Pump's changes: - **Expansion**, announced YYYY-MM-DD: {PUMP}",
        f"add under AWS's changes: - **Expansion**: {AWS}",
    ]


def test_each_loss_that_is_missing_is_one_line_to_add() -> None:
    found = problems(AFTER, BEFORE, section(""))
    assert [line.partition(": - one loses ")[0] for line in found] == [
        "add under Pump's changes",
        "add under AWS's changes",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (", announced 2026-11-26", "", "change to: - **Expansion**, announced YYYY-MM-DD"),
        ("2026-11-26", "soon", "change to: - **Expansion**, announced YYYY-MM-DD"),
        ("2026-11-26", "20261126", "change to: - **Expansion**, announced YYYY-MM-DD"),
        ("2026-11-26", "2026-02-30", "change to: - **Expansion**, announced YYYY-MM-DD"),
        ("2026-11-26", "1970-01-01", "change to: - **Expansion**, announced YYYY-MM-DD"),
        ("2026-11-26", "9999-12-31", "change to: - **Expansion**, announced YYYY-MM-DD"),
        ("2026-11-26", "\uff12026-11-26", "change to: - **Expansion**, announced YYYY-MM-DD"),
        ("### Pump's changes", "### Pump's Changes", "add under Pump's changes"),
        ("### Pump's changes", "### Pump\u2019s changes", "add under Pump's changes"),
        ("(Read).", "(Read)", "add under Pump's changes"),
        ("(Read).", "(Read).x", "add under Pump's changes"),
        ("a:PutX` (Read)", "\u0430:PutX` (Read)", "add under Pump's changes"),
        ("**Expansion**, announced 2026-11-26: ", "", "change to: - **Expansion**, announced"),
        ("**Expansion**: ", "", "change to: - **Expansion**: one gains `a:GetNew`"),
        (
            "**Expansion**: ",
            "**Expansion**, announced 2026-11-26: ",
            "change to: - **Expansion**: one gains `a:GetNew`",
        ),
        (
            "`a:PutX` (Read)",
            "`a:PutY` (Read)",
            "no such change: - **Expansion**, announced 2026",
        ),
        (f"- **Expansion**: {AWS}", "", f"add under AWS's changes: - **Expansion**: {AWS}"),
        ("### AWS's changes", "### Added", "add under AWS's changes"),
        ("### AWS's changes\n", "", "or correct the text or heading"),
        (
            f"- **Expansion**: {AWS}",
            f"- **Expansion**: {AWS}\n- **Expansion**: {AWS}",
            "remove, it is listed twice",
        ),
        (
            f"- **Expansion**: {AWS}",
            f"- **Expansion**: {AWS}\n- one loses `a:Old` (Read) under `a:Get*`.",
            "no such change: - one loses `a:Old`",
        ),
    ],
)
def test_any_other_text_is_a_problem(old: str, new: str, said: str) -> None:
    assert READY.count(old) >= 1
    found = problems(BEFORE, AFTER, section(READY.replace(old, new, 1)))
    assert said in "\n".join(found)


def test_expansions_must_come_first() -> None:
    after = build({"one": {"P": [("b:Put*", "*")]}}, ["a:GetX", "a:PutX"])
    losing = "- one loses `a:Get*` on `*` in `P`, and with it 1 action: `a:GetX` (Read).\n"
    gaining = (
        "- **Expansion**, announced 2026-11-26: one gains `b:Put*` on `*` in `P`, "
        "which matches no action yet.\n"
    )
    head = "\n### Pump's changes\n\n"
    assert problems(BEFORE, after, section(head + gaining + losing)) == []
    assert problems(BEFORE, after, section(head + losing + gaining)) == [
        "list the expansions first under Pump's changes"
    ]


def test_reclassified_action_may_be_listed_or_not() -> None:
    after = deepcopy(BEFORE)
    after["actions"][0]["access_levels"] = ["List"]
    assert problems(BEFORE, after, section("")) == []
    listed = "\n### AWS's changes\n\n- `a:GetX` is List instead of Read.\n"
    assert problems(BEFORE, after, section(listed)) == []
    assert problems(BEFORE, BEFORE, section(listed)) != []


@given(MANIFESTS, MANIFESTS)
def test_adding_the_requested_lines_is_enough(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    asked = problems(before, after, section(""))
    needed = [
        change for change in changes(before, after) if change.effect not in {RECLASSIFIED, REWORDED}
    ]
    assert len(asked) == len(needed)
    text = "".join(
        f"\n### {heading}\n\n"
        + "".join(
            f"{line.partition(': ')[2].replace('YYYY-MM-DD', '2026-11-26')}\n"
            for line in asked
            if line.startswith(f"add under {heading}")
        )
        for heading in HEADINGS.values()
    )
    assert problems(before, after, section(text)) == []
    if needed:
        assert problems(before, before, section(text)) != []


def test_baseline_has_the_size_of_each_role() -> None:
    (sentence,) = baseline(BEFORE)
    assert (
        sentence == "one (`PumpOneRole`): 1 policy, 1 pattern, 1 action, all of them List or Read."
    )
    text = f"\n### Baseline\n\n- {sentence}\n"
    assert problems(None, BEFORE, section(text)) == []
    assert problems(None, BEFORE, section("")) == [f"add under Baseline: - {sentence}"]
    assert problems(None, BEFORE, section(text.replace("Baseline", "Roles")))
    (found, _) = problems(None, BEFORE, section(text.replace("1 action", "2 actions")))
    assert found == f"add under Baseline: - {sentence}"
    for more in ("More.", sentence):
        assert problems(None, BEFORE, section(f"{text}- {more}\n")) == [
            f"remove, not in the baseline: - {more}"
        ]


@pytest.mark.parametrize(
    ("on", "early"), [("2026-11-26", True), ("2026-12-25", True), ("2026-12-26", False)]
)
def test_notice_is_over_after_its_days(on: str, *, early: bool) -> None:
    found = too_early(section(READY), date.fromisoformat(on))
    assert bool(found) == early
    assert all(
        line.startswith("wait until 2026-12-26: - **Expansion**, announced ") for line in found
    )


def test_command_of_the_guide_shows_when_a_line_was_added(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "release.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^\$ (git log .*)$", guide, re.MULTILINE)
    (example,) = re.findall(r"```markdown\n(.*?)```", guide, re.DOTALL)
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


def test_permissions_md_of_this_project_says_what_changes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main() == 0
    assert capsys.readouterr().out.startswith("PERMISSIONS.md says what changes: ")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a folder with PERMISSIONS.md and released manifests."""

    def made(
        text: str, released: Iterable[dict[str, Any]] = (), now: dict[str, Any] = AFTER
    ) -> Path:
        monkeypatch.setattr(check, "manifest", lambda: now)
        (tmp_path / "tools" / "release" / "manifests").mkdir(parents=True)
        versions = sorted((manifest["version"] for manifest in released), key=order, reverse=True)
        before = "".join(f"\n## [{number}] - 2026-01-01\n" for number in versions)
        (tmp_path / "PERMISSIONS.md").write_text(f"## [Unreleased]\n{text}{before}")
        for manifest in released:
            file = tmp_path / "tools" / "release" / "manifests" / f"{manifest['version']}.json"
            file.write_bytes(as_json(manifest))
        return tmp_path

    return made


def version(number: str, content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "version": number}


def test_compares_with_the_highest_version(
    project: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(
        READY, [version("0.9.0", AFTER), version("0.10.0", BEFORE)], version("0.11.0", AFTER)
    )
    assert main(root) == 0
    assert capsys.readouterr().out == (
        "PERMISSIONS.md says what changes: 0.11.0, compared with 0.10.0.\n"
    )


def test_first_version_is_the_baseline(
    project: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(f"\n### Baseline\n\n- {baseline(AFTER)[0]}\n")
    assert main(root) == 0
    assert capsys.readouterr().out == "PERMISSIONS.md says what changes: 0.1.0, the baseline.\n"


@pytest.mark.parametrize(
    ("sections_of", "said"),
    [
        ("", "there is tools/release/manifests/0.1.0.json, but not a section [0.1.0]"),
        (
            "\n## [0.2.0] - 2026-02-02\n\n## [0.1.0] - 2026-01-01\n",
            "there is a section [0.2.0], but not tools/release/manifests/0.2.0.json",
        ),
    ],
)
def test_manifest_that_was_removed_or_added_is_found(
    sections_of: str, said: str, project: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Compared with another manifest, or none, an expansion would not be seen."""
    root = project(READY, [BEFORE])
    (root / "PERMISSIONS.md").write_text(f"## [Unreleased]\n{READY}{sections_of}")
    assert main(root) == 1
    assert capsys.readouterr().err == f"PERMISSIONS.md: {said}\n"


def test_missing_line_fails_with_status_3(
    project: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(project("", [BEFORE])) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "PERMISSIONS.md, section [Unreleased], compared with 0.1.0:",
        *problems(BEFORE, AFTER, section("")),
    ]


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("PERMISSIONS.md", None, "No such file"),
        ("PERMISSIONS.md", "# Nothing\n", "does not begin with a section"),
        ("tools/release/manifests/0.1.0.json", "{", "it is not JSON"),
        ("tools/release/manifests/0.1.0.json", "{}", "is not a permission manifest"),
        ("tools/release/manifests/0.2.0.json", as_json(BEFORE).decode(), "of version 0.1.0"),
        (
            "tools/release/manifests/latest.json",
            as_json(BEFORE).decode(),
            "'latest' is not a version",
        ),
    ],
)
def test_unreadable_file_fails_with_status_1(
    file: str,
    content: str | None,
    said: str,
    project: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = project(READY, [BEFORE])
    if content is None:
        (root / file).unlink()
    else:
        (root / file).write_text(content)
    assert main(root) == 1
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
