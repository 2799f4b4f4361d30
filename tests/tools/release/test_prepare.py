"""``make release`` and ``make tag``, in a Git repository of their own."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pump_roles.templates import InputError
from tests.tools.release.manifests import build
from tests.tools.release.test_check import AFTER, BEFORE, READY
from tools.release import notes as notes_module
from tools.release import prepare as module
from tools.release import tag as tag_module
from tools.release.changelog import UNRELEASED, sections
from tools.release.check import baseline
from tools.release.manifest import as_json, read
from tools.release.notes import notes as notes_on
from tools.release.prepare import NotReadyError, prepare, regenerate
from tools.release.tag import tag as tag_on
from tools.sandbox.cdk import ROOT

Project = Path
TODAY = date(2026, 12, 26)
PAST = date(2020, 1, 1)


def git(root: Path, *arguments: str) -> str:
    ended = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=True
    )
    return ended.stdout


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "A commit")


def snapshot(root: Path) -> dict[str, bytes]:
    """Return what is in a folder, and where Git is."""
    files = {
        str(file.relative_to(root)): file.read_bytes()
        for file in root.rglob("*")
        if file.is_file() and ".git" not in file.relative_to(root).parts
    }
    return files | {"": git(root, "log", "--format=%H", "--all").encode()}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Someone")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "someone@example.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    root = tmp_path / "project"
    (root / "pump_roles").mkdir(parents=True)
    (root / "docs").mkdir()
    (root / "examples" / "one").mkdir(parents=True)
    (root / "pump_roles" / "_version.py").write_text('__version__ = "0.1.0"\n')
    (root / "README.md").write_text("pump_roles-0.1.0-py3-none-any.whl, not other-0.1.0\n")
    (root / "docs" / "page.md").write_text("PumpReadOnly-0.1.0.template.json, 0.1.0\n")
    (root / "examples" / "one" / "requirements.txt").write_text("./pump_roles-0.1.0-py3.whl\n")
    (root / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n\n- Something.\n")
    (root / "PERMISSIONS.md").write_text(
        f"# Permissions\n\n## [Unreleased]\n\n### Baseline\n\n- {baseline(BEFORE)[0]}\n"
    )
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root)
    return root


def made(content: dict[str, Any], version: str) -> Callable[[Path], dict[str, Any]]:
    """Return what stands for the generation of the project's files."""

    def write(clone: Path) -> dict[str, Any]:
        text = (clone / "pump_roles" / "_version.py").read_text()
        assert text == f'__version__ = "{version}"\n'
        (clone / "generated.txt").write_text(text)
        return {**content, "version": version}

    return write


def release(
    root: Path, version: str, content: dict[str, Any], on: date = TODAY, **more: Any
) -> None:
    file = (root / "pump_roles" / "_version.py").read_text()
    current = {**content, "version": file.split('"')[1]}
    options = {"regenerate": made(content, version), **more}
    prepare(root, version, on, current=current, **options)


def tag(root: Path, current: dict[str, Any]) -> str:
    return tag_on(root, current, TODAY)


def notes(root: Path, name: str, current: dict[str, Any]) -> str:
    return notes_on(root, name, current, TODAY)


def two_releases(root: Path) -> None:
    release(root, "0.1.0", BEFORE)
    commit(root)
    tag(root, BEFORE)
    for name, text in (("CHANGELOG.md", "\n- More.\n"), ("PERMISSIONS.md", READY)):
        file = root / name
        file.write_text(file.read_text().replace("## [Unreleased]\n", f"## [Unreleased]\n{text}"))
    commit(root)


def test_first_release_can_have_the_current_version(project: Project) -> None:
    release(project, "0.1.0", BEFORE)
    assert read(project / "tools" / "release" / "manifests" / "0.1.0.json") == BEFORE
    for name in ("CHANGELOG.md", "PERMISSIONS.md"):
        found = sections((project / name).read_text(), name)
        assert list(found) == [UNRELEASED, "0.1.0"]
        assert found["0.1.0"].date == TODAY
        assert (len(found[UNRELEASED].entries), len(found["0.1.0"].entries)) == (0, 1)
    assert (project / "generated.txt").read_text() == '__version__ = "0.1.0"\n'
    commit(project)
    assert tag(project, BEFORE) == "v0.1.0"
    assert git(project, "cat-file", "-t", "v0.1.0") == "tag\n"
    assert git(project, "tag", "--list", "--format=%(contents)") == "pump-roles 0.1.0\n\n"


def test_second_release_has_the_expansion(project: Project) -> None:
    two_releases(project)
    release(project, "0.2.0", AFTER)
    assert (project / "pump_roles" / "_version.py").read_text() == '__version__ = "0.2.0"\n'
    readme = (project / "README.md").read_text()
    assert readme == "pump_roles-0.2.0-py3-none-any.whl, not other-0.1.0\n"
    page = (project / "docs" / "page.md").read_text()
    assert page == "PumpReadOnly-0.2.0.template.json, 0.1.0\n"
    requirements = (project / "examples" / "one" / "requirements.txt").read_text()
    assert requirements == "./pump_roles-0.2.0-py3.whl\n"
    found = sections((project / "PERMISSIONS.md").read_text(), "PERMISSIONS.md")
    assert list(found) == [UNRELEASED, "0.2.0", "0.1.0"]
    assert len(found["0.2.0"].entries) == 2
    with pytest.raises(
        InputError, match=r"^CHANGELOG.md and 7 more are not committed: commit or remove"
    ):
        tag(project, {**AFTER, "version": "0.2.0"})
    commit(project)
    assert tag(project, {**AFTER, "version": "0.2.0"}) == "v0.2.0"
    assert git(project, "tag", "--list") == "v0.1.0\nv0.2.0\n"


def test_release_without_a_change_of_permissions_says_so(project: Project) -> None:
    two_releases(project)
    file = project / "PERMISSIONS.md"
    file.write_text(file.read_text().replace(READY, ""))
    commit(project)
    release(project, "0.1.1", BEFORE)
    assert "## [0.1.1] - 2026-12-26\n\nNo change.\n\n## [0.1.0]" in file.read_text()


def test_linked_folders_are_in_the_clone_and_in_no_commit(project: Project) -> None:
    (project / ".venv").mkdir()
    (project / ".venv" / "file").write_text("kept")
    (project / ".gitignore").write_text("/.venv/\n")
    commit(project)

    def look(clone: Path) -> dict[str, Any]:
        assert (clone / ".venv" / "file").read_text() == "kept"
        return BEFORE

    release(project, "0.1.0", BEFORE, regenerate=look)
    assert ".venv" not in git(project, "status", "--porcelain")
    assert (project / ".venv" / "file").read_text() == "kept"


def fails(*_: Any) -> dict[str, Any]:
    raise InputError("python -m tools.release.generate failed:\nwhy")


def interrupted(*_: Any) -> dict[str, Any]:
    raise KeyboardInterrupt("stopped")


@pytest.mark.parametrize(
    ("version", "more", "raised", "said"),
    [
        ("", {}, InputError, "'' is not a version"),
        ("v0.2.0", {}, InputError, "is not a version"),
        ("0.2", {}, InputError, "is not a version"),
        ("0.2.0-rc.1", {}, InputError, "is not a version"),
        ("0.2.0\n", {}, InputError, "is not a version"),
        ("0.1.0", {}, InputError, "must be higher than 0.1.0, the last release"),
        ("0.0.9", {}, InputError, "must be higher than 0.1.0, the last release"),
        ("0.2.0", {"on": date(2026, 12, 25)}, NotReadyError, "2026-12-25 is too early"),
        ("0.2.0", {"content": BEFORE}, NotReadyError, "no such change"),
        ("0.2.0", {"regenerate": fails}, InputError, "failed:\nwhy"),
        ("0.2.0", {"regenerate": interrupted}, KeyboardInterrupt, "stopped"),
        ("0.2.0", {"regenerate": lambda _: AFTER}, InputError, "the new version"),
        (
            "0.2.0",
            {"regenerate": lambda _: {**BEFORE, "version": "0.2.0"}},
            InputError,
            "the new version changes permissions",
        ),
    ],
)
def test_failure_changes_nothing(
    version: str,
    more: dict[str, Any],
    raised: type[BaseException],
    said: str,
    project: Project,
) -> None:
    two_releases(project)
    before = snapshot(project)
    arguments = {"content": AFTER, **more}
    with pytest.raises(raised, match=re.escape(said)):
        release(project, version, **arguments)
    assert snapshot(project) == before
    assert git(project, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("file", "change", "raised", "said"),
    [
        ("CHANGELOG.md", ("\n- More.\n", ""), InputError, "is empty"),
        ("CHANGELOG.md", ("## [Unreleased]", "## Unreleased"), InputError, "is neither"),
        ("CHANGELOG.md", ("## [0.1.0]", "## [0.2.0]"), InputError, "already has a section [0.2.0]"),
        ("PERMISSIONS.md", ("## [Unreleased]", "## Next"), InputError, "is neither"),
        ("PERMISSIONS.md", ("a:GetNew", "a:GetOld"), NotReadyError, "add under AWS's changes"),
        ("tools/release/manifests/0.1.0.json", ("{", "["), InputError, "it is not JSON"),
    ],
)
def test_project_that_is_not_ready_is_rejected_and_left_unchanged(
    file: str,
    change: tuple[str, str],
    raised: type[Exception],
    said: str,
    project: Project,
) -> None:
    two_releases(project)
    text = (project / file).read_text()
    assert change[0] in text
    (project / file).write_text(text.replace(*change, 1))
    commit(project)
    before = snapshot(project)
    with pytest.raises(raised, match=re.escape(said)):
        release(project, "0.2.0", AFTER)
    assert snapshot(project) == before


def test_uncommitted_change_is_rejected(project: Project) -> None:
    (project / "new.txt").write_text("new")
    with pytest.raises(InputError, match=r"^new.txt is not committed: commit or remove"):
        release(project, "0.1.0", BEFORE)


def test_uncommitted_change_is_rejected_even_if_git_is_configured_to_hide_it(
    project: Project,
) -> None:
    git(project, "config", "status.showUntrackedFiles", "no")
    (project / "docs" / "new.txt").write_text("new")
    with pytest.raises(InputError, match=r"^docs/new.txt is not committed: commit or remove"):
        release(project, "0.1.0", BEFORE)


def test_stored_manifest_that_git_ignores_is_in_the_release(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "ignored").write_text("release/\n")
    git(project, "config", "core.excludesFile", str(tmp_path / "ignored"))
    release(project, "0.1.0", BEFORE)
    assert (project / "tools" / "release" / "manifests" / "0.1.0.json").exists()
    commit(project)
    with pytest.raises(InputError, match="git cat-file failed"):
        tag(project, BEFORE)
    git(project, "add", "--force", "tools/release")
    commit(project)
    assert tag(project, BEFORE) == "v0.1.0"


def test_hook_of_another_repository_does_not_change_the_repository(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet", "other")
    for name, value in (("DIR", ".git"), ("INDEX_FILE", ".git/index"), ("WORK_TREE", "")):
        with monkeypatch.context() as patch:
            patch.setenv(f"GIT_{name}", str(tmp_path / "other" / value))
            release(project, "0.1.0", BEFORE)
        assert sorted(git(project, "status", "--porcelain").split()[1::2]) == [
            "CHANGELOG.md",
            "PERMISSIONS.md",
            "generated.txt",
            "tools/",
        ]
        git(project, "stash", "--include-untracked", "--quiet")


def test_missing_git_is_one_clear_error(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match=r"^git is not installed$"):
        release(project, "0.1.0", BEFORE)


def test_templates_have_the_same_bytes_wherever_they_are_checked_out(project: Project) -> None:
    shutil.copy(ROOT / ".gitattributes", project)
    template = Path("pump_roles", "universal", "PumpReadOnly.template.json")
    (project / template).parent.mkdir()
    shutil.copy(ROOT / template, project / template)
    commit(project)
    (project / template).unlink()
    git(project, "-c", "core.autocrlf=true", "checkout", "--quiet", ".")
    assert (project / template).read_bytes() == (ROOT / template).read_bytes()


GIT = """\
#!/usr/bin/env bash
if [ "$1" = apply ] && [ "$2" != --check ]; then
    echo partly > README.md
    echo partly > 'docs/page[1].md'
    echo partly > tools/release/manifests/0.2.0.json
    echo 'No space left on device' >&2
    exit 1
fi
exec {git} "$@"
"""
"""Stands in for Git when the disk is full."""


def test_full_disk_leaves_everything_unchanged(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_releases(project)
    (project / "docs" / "page[1].md").write_text("PumpReadOnly-0.1.0.template.json\n")
    commit(project)
    before = snapshot(project)
    (tmp_path / "commands").mkdir()
    command = tmp_path / "commands" / "git"
    command.write_text(GIT.format(git=shutil.which("git")))
    command.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
        with pytest.raises(InputError, match="git apply failed: No space left on device"):
            release(project, "0.2.0", AFTER)
    assert snapshot(project) == before
    assert git(project, "status", "--porcelain") == ""


def test_file_that_someone_edits_meanwhile_is_kept(project: Project) -> None:
    two_releases(project)

    def edit(clone: Path) -> dict[str, Any]:
        (project / "README.md").write_text("Edited\n")
        return made(AFTER, "0.2.0")(clone)

    with pytest.raises(InputError, match=r"^git apply failed: .*README\.md"):
        release(project, "0.2.0", AFTER, regenerate=edit)
    assert (project / "README.md").read_text() == "Edited\n"
    assert git(project, "status", "--porcelain") == " M README.md\n"


def test_project_with_other_line_endings_can_be_released(project: Project) -> None:
    two_releases(project)
    git(project, "config", "core.autocrlf", "true")
    git(project, "rm", "--quiet", "-r", "--cached", ".")
    git(project, "reset", "--quiet", "--hard")
    assert b"\r\n" in (project / "PERMISSIONS.md").read_bytes()
    release(project, "0.2.0", AFTER)
    commit(project)
    assert tag(project, {**AFTER, "version": "0.2.0"}) == "v0.2.0"
    assert b"\r" not in subprocess.check_output(
        ["git", "show", "HEAD:PERMISSIONS.md", "HEAD:tools/release/manifests/0.2.0.json"],
        cwd=project,
    )


@pytest.mark.parametrize("sneak", ["a:Put*", "a:*"])
def test_changed_manifest_of_a_release_is_rejected(sneak: str, project: Project) -> None:
    """Else an expansion in both manifests would be no difference."""
    two_releases(project)
    more = build({"one": {"P": [("a:Get*", "*"), (sneak, "*")]}}, ["a:GetX", "a:PutX"])
    (project / "tools" / "release" / "manifests" / "0.1.0.json").write_bytes(as_json(more))
    file = project / "PERMISSIONS.md"
    file.write_text(file.read_text().replace(READY, ""))
    commit(project)
    before = snapshot(project)
    said = (
        r"^tools/release/manifests/0\.1\.0\.json is not what v0\.1\.0 has: a release never changes$"
    )
    with pytest.raises(InputError, match=said):
        release(project, "0.2.0", more)
    assert snapshot(project) == before


def test_manifest_changed_after_the_preparation_gets_no_tag(
    project: Project,
) -> None:
    two_releases(project)
    release(project, "0.2.0", AFTER)
    (project / "tools" / "release" / "manifests" / "0.1.0.json").write_bytes(
        as_json({**BEFORE, "catalog": {"source": "another", "date": "2026-01-01"}})
    )
    commit(project)
    with pytest.raises(InputError, match=r"is not what v0\.1\.0 has"):
        tag(project, {**AFTER, "version": "0.2.0"})


def test_previous_release_must_have_its_tag(project: Project) -> None:
    two_releases(project)
    git(project, "tag", "--delete", "v0.1.0")
    with pytest.raises(InputError, match=r"the tag v0\.1\.0 is missing: run git fetch --tags"):
        release(project, "0.2.0", AFTER)


def test_release_with_a_future_date_gets_no_tag_and_no_notes(project: Project) -> None:
    """Else its date could say that the notice is over."""
    release(project, "0.1.0", BEFORE)
    commit(project)
    yesterday = date(2026, 12, 25)
    with pytest.raises(InputError, match="has the date 2026-12-26, which is after today"):
        tag_on(project, BEFORE, yesterday)
    with pytest.raises(InputError, match="has the date 2026-12-26"):
        notes_on(project, "v0.1.0", BEFORE, yesterday)
    assert git(project, "tag", "--list") == ""


def test_version_that_has_a_tag_is_rejected(project: Project) -> None:
    git(project, "tag", "v0.1.0")
    with pytest.raises(
        InputError, match=r"the tag v0\.1\.0 already exists: a release never changes"
    ):
        release(project, "0.1.0", BEFORE)


def test_version_must_not_be_lower_than_the_current_one(project: Project) -> None:
    with pytest.raises(InputError, match=r"0\.0\.9 must not be lower than 0\.1\.0"):
        release(project, "0.0.9", BEFORE)


def test_folder_without_git_is_one_clear_error(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (project / ".git").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"^git status failed: .*not a git repository"):
        release(project, "0.1.0", BEFORE)


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("CHANGELOG.md", ("2026-12-26", "2026-12-27"), "different dates for 0.1.0"),
        ("CHANGELOG.md", ("## [0.1.0] - 2026-12-26\n", ""), "the latest version is not 0.1.0"),
        ("CHANGELOG.md", ("## [Unreleased]\n", "## [Unreleased]\n\n- More.\n"), "is not empty"),
        ("CHANGELOG.md", ("- Something.\n", ""), "CHANGELOG.md: says nothing about 0.1.0"),
        ("PERMISSIONS.md", ("1 action", "2 actions"), "section [0.1.0]:\nadd under Baseline"),
        ("PERMISSIONS.md", ("## [Unreleased]\n", "## [Unreleased]\n\nMore.\n"), "is not empty"),
        ("PERMISSIONS.md", ("## [0.1.0] - 2026-12-26\n", ""), "but not a section [0.1.0]"),
        (
            "tools/release/manifests/0.1.0.json",
            ("A role", "A rule"),
            "is not the manifest of the current sources",
        ),
    ],
)
def test_parts_of_a_release_that_do_not_agree_get_no_tag(
    file: str, change: tuple[str, str], said: str, project: Project
) -> None:
    release(project, "0.1.0", BEFORE)
    text = (project / file).read_text()
    assert change[0] in text
    (project / file).write_text(text.replace(*change, 1))
    commit(project)
    with pytest.raises(InputError, match=re.escape(said)):
        tag(project, BEFORE)
    assert git(project, "tag", "--list") == ""


def test_notes_of_a_release_are_its_section_of_the_changelog(project: Project) -> None:
    two_releases(project)
    current = {**AFTER, "version": "0.2.0"}
    with pytest.raises(InputError, match="run make release first"):
        notes(project, "v0.2.0", current)
    release(project, "0.2.0", AFTER)
    said = notes(project, "v0.2.0", current)
    assert said.startswith("## Permissions\n\n### Pump's changes\n\n- **Expansion**, announced ")
    assert said.endswith("\n\n## Everything else\n\n- More.")


@pytest.mark.parametrize("name", ["0.1.0", "v0.1.1", "v0.1.0-rc1", "v0.1.00", "V0.1.0", "v", ""])
def test_notes_of_another_tag_are_rejected(name: str, project: Project) -> None:
    release(project, "0.1.0", BEFORE)
    with pytest.raises(InputError, match=r"it must be v0\.1\.0$"):
        notes(project, name, BEFORE)


def test_exit_status_of_the_notes(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notes_module, "manifest", lambda: BEFORE)
    for arguments in ([], ["v0.1.0", "v0.1.0"], ["v0.1.0"]):
        assert notes_module.main(arguments, project) == 1
    said = capsys.readouterr()
    assert said.out == ""
    *usage, last = said.err.splitlines()
    assert usage == ["usage: python -m tools.release.notes TAG"] * 2
    assert last.endswith("run make release first")
    release(project, "0.1.0", BEFORE, PAST)
    assert notes_module.main(["v0.1.0"], project) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("## Permissions\n\n### Baseline\n")
    assert printed.endswith("\n- Something.\n")


def test_version_that_is_not_prepared_gets_no_tag(project: Project) -> None:
    with pytest.raises(InputError, match="run make release first"):
        tag(project, BEFORE)
    release(project, "0.1.0", BEFORE)
    commit(project)
    with pytest.raises(InputError, match="run make release first"):
        tag(project, {**BEFORE, "version": "0.2.0"})


def test_release_whose_notice_was_not_over_gets_no_tag(project: Project) -> None:
    two_releases(project)
    release(project, "0.2.0", AFTER)
    for name in ("CHANGELOG.md", "PERMISSIONS.md"):
        text = (project / name).read_text()
        (project / name).write_text(text.replace("[0.2.0] - 2026-12-26", "[0.2.0] - 2026-12-25"))
    commit(project)
    with pytest.raises(InputError, match="until 2026-12-26"):
        tag(project, {**AFTER, "version": "0.2.0"})


def test_tag_is_created_only_once(project: Project) -> None:
    release(project, "0.1.0", BEFORE)
    commit(project)
    tag(project, BEFORE)
    with pytest.raises(InputError, match=r"the tag v0\.1\.0 already exists"):
        tag(project, BEFORE)


@pytest.mark.parametrize(
    ("error", "status"),
    [(InputError("why"), 1), (OSError("why"), 1), (NotReadyError("why"), 3), (None, 0)],
)
def test_exit_status_of_make_release(
    error: Exception | None,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*_: Any, **__: Any) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(module, "prepare", run)
    assert module.main(["0.2.0"]) == status
    said = capsys.readouterr()
    if error is None:
        assert said.out.startswith("0.2.0 is prepared.")
        assert "make tag" in said.out
    else:
        assert (said.out, said.err) == ("", "why\n")


@pytest.mark.parametrize("arguments", [[], [""], ["0.2.0", "0.3.0"]])
def test_make_release_needs_a_version(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert module.main(arguments) == 1
    assert capsys.readouterr().err == "pass one version, such as: make release VERSION=0.2.0\n"


def test_exit_status_of_make_tag(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tag_module, "manifest", lambda: BEFORE)
    assert tag_module.main(project) == 1
    assert "run make release first" in capsys.readouterr().err
    release(project, "0.1.0", BEFORE, PAST)
    commit(project)
    assert tag_module.main(project) == 0
    assert capsys.readouterr().out == "Tagged v0.1.0. Nothing was pushed.\n"


def test_failing_step_is_an_error_with_its_output(tmp_path: Path) -> None:
    (tmp_path / "tools" / "release").mkdir(parents=True)
    for package in ("tools", "tools/release"):
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "tools" / "release" / "generate.py").write_text("raise SystemExit('no CDK')\n")
    with pytest.raises(InputError, match=r"python -m tools.release.generate failed:\nno CDK"):
        regenerate(tmp_path)


def test_stored_manifest_is_written_as_the_release_has_it(project: Project) -> None:
    content = build({"one": {"P": [("a:Get*", "*")]}}, ["a:GetX", "a:PutX"])
    release(project, "0.1.0", content)
    assert (project / "tools" / "release" / "manifests" / "0.1.0.json").read_bytes() == as_json(
        content
    )


def test_released_files_that_the_pages_name_have_the_version() -> None:
    version = re.search(r'"(.*)"', (ROOT / "pump_roles" / "_version.py").read_text())
    assert version
    pages = "".join(page.read_text() for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")])
    named = re.findall(r"(?:pump[_-]roles|PumpReadOnly|PumpAutoPilot)-(\d+\.\d+\.\d+)", pages)
    assert named
    assert set(named) == {version[1]}
