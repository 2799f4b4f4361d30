"""Prepares the commit of a release, offline: ``make release VERSION=0.2.0``.

It works in a clone, and changes the project only at the end, so that a failure changes nothing. The
exit status is 0 on success, 3 if ``PERMISSIONS.md`` is not ready or the notice period is not over,
and 1 for any other error.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from pump_roles.templates import InputError
from tools.release.changelog import UNRELEASED, read, released, sections, today
from tools.release.changes import changes
from tools.release.check import CHANGELOG, NOTICE_DAYS, check, too_early
from tools.release.git import check_clean, check_unchanged, git, tag_of
from tools.release.manifest import as_json, manifest
from tools.release.versions import MANIFESTS, last_released, order, stored
from tools.sandbox.cdk import ROOT, tool_environment

__all__ = ["NotReadyError", "main", "prepare"]

_VERSION_FILE: Final = "pump_roles/_version.py"
_LINKED: Final = (".venv", "node_modules")
"""What ``make setup`` creates, which a clone does not contain."""

_PAGES: Final = ("README.md", "docs/*.md", "examples/README.md", "examples/*/requirements.txt")
"""The pages, and the requirements of examples, with names of released files."""

_RAW: Final = (
    *("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames"),
    *("--src-prefix=a/", "--dst-prefix=b/"),
)
"""What makes a difference that can be applied, whatever Git is configured to."""

_NEXT: Final = """\
{version} is prepared. Now:
  git diff          # review it: the templates, the snapshots, the changelogs
  make test
  git add --all && git commit --message "Release {version}"
  make tag          # checks, and creates the tag v{version}; pushes nothing"""


class NotReadyError(Exception):
    """The release must wait: one line for each thing to do or wait for."""


def prepare(
    root: Path,
    version: str,
    on: date,
    *,
    current: Mapping[str, Any],
    regenerate: Callable[[Path], dict[str, Any]],
) -> None:
    """Change the project to what the release's commit contains.

    :param root: the project's folder.
    :param version: the version to release.
    :param on: the day of the release.
    :param current: the manifest of the current project.
    :param regenerate: writes the files generated from the version in a folder like the project's,
        and returns the manifest.
    :raises InputError: when the version, the repository, or a changelog does not allow it.
    :raises NotReadyError: when ``PERMISSIONS.md`` does not say what changes, or it is too early.
    """
    last = last_released(root)
    _check_version(root, version, last, current)
    texts = {name: read(root / name) for name in ("CHANGELOG.md", CHANGELOG)}
    found = {name: sections(text, name) for name, text in texts.items()}
    for name, listed in found.items():
        if version in listed:
            raise InputError(f"{name}: already has a section [{version}]")
    if not found["CHANGELOG.md"][UNRELEASED].entries:
        raise InputError(f"CHANGELOG.md: the section [{UNRELEASED}] is empty")
    if missing := check(root, last, current):
        raise NotReadyError("\n".join([f"{CHANGELOG} does not say what changes:", *missing]))
    if early := too_early(found[CHANGELOG][UNRELEASED], on):
        head = f"{on} is too early: announce an expansion {NOTICE_DAYS} days before the release:"
        raise NotReadyError("\n".join([head, *early]))
    with TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        git(root, "clone", "--quiet", "--shared", ".", str(clone))
        _link(root, clone)
        _replace(clone, current["version"], version)
        (clone / "CHANGELOG.md").write_text(
            released(texts["CHANGELOG.md"], version, on), encoding="utf-8"
        )
        (clone / CHANGELOG).write_text(
            released(texts[CHANGELOG], version, on, empty="No change."), encoding="utf-8"
        )
        made = regenerate(clone)
        if made["version"] != version or changes(current, made):
            raise InputError(
                "the new version changes permissions: they must not depend on the version"
            )
        (clone / MANIFESTS).mkdir(parents=True, exist_ok=True)
        (clone / MANIFESTS / f"{version}.json").write_bytes(as_json(made))
        git(clone, "add", "--all")
        # Git may be configured to ignore it.
        git(clone, "add", "--force", MANIFESTS)
        difference = git(clone, "diff", "--cached", "--binary", *_RAW)
        git(root, "apply", "--check", content=difference)
        try:
            git(root, "apply", content=difference)
        except BaseException:
            # If the disk is full, or the user interrupts it, Git leaves what it has written.
            _undo(root, clone)
            raise


def _undo(root: Path, clone: Path) -> None:
    def names(kind: str) -> list[str]:
        listed = git(clone, "diff", "--cached", f"--diff-filter={kind}", "--name-only", "-z", *_RAW)
        return [name for name in listed.decode().split("\0") if name]

    for name in names("A"):
        (root / name).unlink(missing_ok=True)
    git(root, "--literal-pathspecs", "checkout", "--quiet", "HEAD", "--", *names("a"))


def _check_version(
    root: Path, version: str, last: Mapping[str, Any] | None, current: Mapping[str, Any]
) -> None:
    asked = order(version)
    if last is not None and asked <= order(last["version"]):
        raise InputError(f"{version} must be higher than {last['version']}, the last release")
    if asked < order(current["version"]):
        raise InputError(
            f"{version} must not be lower than {current['version']}, the current version"
        )
    check_clean(root)
    tag_of(root, version)
    for earlier in stored(root):
        check_unchanged(root, earlier, f"{MANIFESTS}/{earlier}.json")


def _link(root: Path, clone: Path) -> None:
    for name in _LINKED:
        if (root / name).exists():
            (clone / name).symlink_to((root / name).resolve())
    with (clone / ".git" / "info" / "exclude").open("a", encoding="utf-8") as file:
        file.writelines(f"/{name}\n" for name in _LINKED)


def _replace(clone: Path, current: str, version: str) -> None:
    file = clone / _VERSION_FILE
    file.write_text(f'__version__ = "{version}"\n', encoding="utf-8")
    named = re.compile(rf"((?:pump[_-]roles|PumpReadOnly|PumpAutoPilot)-){re.escape(current)}\b")
    for page in (page for pages in _PAGES for page in sorted(clone.glob(pages))):
        text = page.read_text(encoding="utf-8")
        page.write_text(named.sub(rf"\g<1>{version}", text), encoding="utf-8")


def regenerate(clone: Path) -> dict[str, Any]:
    """Write the files generated from the version in a clone, and return its manifest.

    :param clone: the clone, with the version set.
    :raises InputError: when a step fails.
    """
    _python(clone, "tools.release.generate")
    _python(
        clone, "pytest", "tests/snapshot", "--snapshot-update", "--quiet", "-p", "no:cacheprovider"
    )
    made: dict[str, Any] = json.loads(_python(clone, "tools.release.manifest"))
    return made


def _python(clone: Path, *arguments: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=clone,
        env=tool_environment() | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        output = (ended.stderr or ended.stdout).strip()
        raise InputError(f"python -m {' '.join(arguments)} failed:\n{output}")
    return ended.stdout


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Prepare a release today, in UTC, and return the exit status.

    :param arguments: the version.
    :param root: the project's folder.
    """
    if len(arguments) != 1 or not arguments[0]:
        print("pass one version, such as: make release VERSION=0.2.0", file=sys.stderr)
        return 1
    (version,) = arguments
    try:
        prepare(root, version, today(), current=manifest(), regenerate=regenerate)
    except NotReadyError as error:
        print(error, file=sys.stderr)
        return 3
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(_NEXT.format(version=version))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
