"""Prints the notes of a release, if its tag, version, changelogs, and manifest agree.

``python -m tools.release.notes vX.Y.Z`` is a step of the release workflow.
"""

import sys
from datetime import date
from pathlib import Path

from pump_roles.json_input import InputError
from pump_roles.report import Report
from tools.release.changelog import today
from tools.release.check import CHANGELOG
from tools.release.manifest import current
from tools.release.tag import agreed
from tools.sandbox.cdk import ROOT


def notes(root: Path, tag: str, now: Report, on: date) -> str:
    """Return what the changelogs say about a release, in Markdown: the permissions first.

    :param root: the project's folder.
    :param tag: the release's tag, ``v`` and the version.
    :param now: the report of the current project.
    :param on: today.
    :raises InputError: when the tag is not that of the version, or as
        :func:`tools.release.tag.agreed` does.
    """
    version = now.version
    if tag != f"v{version}":
        raise InputError(f"the tag {tag} is not that of version {version}: it must be v{version}")
    texts = agreed(root, now, on)
    return f"## Permissions\n\n{texts[CHANGELOG]}\n\n## Everything else\n\n{texts['CHANGELOG.md']}"


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Print the notes, and return the exit status.

    :param arguments: the tag.
    :param root: the project's folder.
    """
    if len(arguments) != 1:
        print("usage: python -m tools.release.notes TAG", file=sys.stderr)
        return 1
    try:
        print(notes(root, arguments[0], current(root), today()))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
