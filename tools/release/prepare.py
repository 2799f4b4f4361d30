"""Prepares the commit of a release, offline: ``make release VERSION=0.2.0``.

It checks everything before it changes the project. The exit status is 0 on success, 3 if
``PERMISSIONS.md`` is not ready or the notice period is not over, and 1 for any other error.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

from pump_roles.json_input import InputError
from pump_roles.report import Report
from tools.release.changelog import UNRELEASED, read, released, sections, today
from tools.release.check import CHANGELOG, NOTICE_DAYS, expansions, listed, problems, too_early
from tools.release.git import check_clean, check_unchanged, tag_of
from tools.release.manifest import MANIFESTS, TEMPLATES, current, last_released, order, stored
from tools.release.manifest import read as read_manifest
from tools.sandbox.cdk import ROOT, tool_environment

_PAGES: Final = ("README.md", "docs/*.md", "examples/README.md", "examples/*/requirements.txt")
"""The pages, and the requirements of examples, with names of released files."""

_UNDO: Final = "git restore . && git clean --force tools/release/manifests"

_NEXT: Final = """\
{version} is prepared. Now:
  git diff          # review it: the templates, the snapshots, the changelogs
  make test
  git add --all && git commit --message "Release {version}"
  make tag          # checks, and creates the tag v{version}; pushes nothing"""


class NotReadyError(Exception):
    """The release must wait: one line for each thing to do or wait for."""


def regenerate(root: Path, version: str) -> None:
    """Write the files generated from the version, and its manifest.

    :param root: the project's folder, with the version set.
    :param version: the version.
    :raises InputError: when a step fails.
    """
    file = f"{MANIFESTS}/{version}.json"
    for arguments in (
        ("tools.release.generate",),
        ("pytest", "tests/snapshot", "--snapshot-update", "--quiet", "-p", "no:cacheprovider"),
        ("pump_roles", "report", TEMPLATES, "--format", "json", "--output", file),
    ):
        ended = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=root,
            env=tool_environment() | {"PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            output = (ended.stderr or ended.stdout).strip()
            raise InputError(f"python -m {' '.join(arguments)} failed:\n{output}")


def prepare(
    root: Path,
    version: str,
    on: date,
    *,
    now: Report,
    regenerate: Callable[[Path, str], None] = regenerate,
) -> None:
    """Change the project to what the release's commit contains.

    :param root: the project's folder.
    :param version: the version to release.
    :param on: the day of the release.
    :param now: the report of the current project.
    :param regenerate: writes the files generated from the version, and its manifest.
    :raises InputError: when the version, the repository, or a changelog does not allow it.
    :raises NotReadyError: when ``PERMISSIONS.md`` does not list the expansions, or it is too early.
    """
    last = last_released(root)
    _check_version(root, version, last, now)
    texts = {name: read(root / name) for name in ("CHANGELOG.md", CHANGELOG)}
    unreleased = {name: sections(text, name)[UNRELEASED] for name, text in texts.items()}
    if not unreleased["CHANGELOG.md"].entries:
        raise InputError(f"CHANGELOG.md: the section [{UNRELEASED}] is empty")
    if missing := problems(last, now, listed(root)[UNRELEASED]):
        raise NotReadyError("\n".join([f"{CHANGELOG} does not list the expansions:", *missing]))
    if early := too_early(unreleased[CHANGELOG], on):
        head = f"{on} is too early: announce an expansion {NOTICE_DAYS} days before the release:"
        raise NotReadyError("\n".join([head, *early]))
    try:
        _replace(root, now.version, version)
        for name, empty in (("CHANGELOG.md", ""), (CHANGELOG, "No expansion.")):
            _write(root / name, released(texts[name], version, on, empty=empty))
        (root / MANIFESTS).mkdir(parents=True, exist_ok=True)
        regenerate(root, version)
        if expansions(now, read_manifest(root, version)):
            raise InputError("permissions must not depend on the version, but they do")
    except (OSError, ValueError) as error:
        raise InputError(f"{error}\nUndo what was changed: {_UNDO}") from error


def _check_version(root: Path, version: str, last: Report | None, now: Report) -> None:
    asked = order(version)
    if last is not None and asked <= order(last.version):
        raise InputError(f"{version} must be higher than {last.version}, the last release")
    if asked < order(now.version):
        raise InputError(f"{version} must not be lower than {now.version}, the current version")
    check_clean(root)
    tag_of(root, version)
    for earlier in stored(root):
        check_unchanged(root, earlier, f"{MANIFESTS}/{earlier}.json")


def _replace(root: Path, old: str, version: str) -> None:
    _write(root / "pump_roles" / "_version.py", f'__version__ = "{version}"\n')
    named = re.compile(rf"((?:pump[_-]roles|PumpReadOnly|PumpAutoPilot)-){re.escape(old)}\b")
    for page in (page for pages in _PAGES for page in sorted(root.glob(pages))):
        _write(page, named.sub(rf"\g<1>{version}", read(page)))


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")


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
        prepare(root, version, today(), now=current(root))
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
