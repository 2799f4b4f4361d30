"""Checks that ``PERMISSIONS.md`` announces every expansion since the last release.

``make release-check`` compares two reports, like ``pump-roles report --since``. The exit status is
0 if the section ``[Unreleased]`` lists exactly the expansions, 3 if it does not, and 1 if something
cannot be read.
"""

import re
import sys
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from pump_roles.iam.catalog import shipped
from pump_roles.json_input import InputError
from pump_roles.output.report_words import change_in_one_line
from pump_roles.report import Report
from pump_roles.report.changes import changes
from pump_roles.report.model import Change
from tools.release.changelog import UNRELEASED, Section, day, read, sections
from tools.release.manifest import MANIFESTS, current, last_released, stored
from tools.sandbox.cdk import ROOT

NOTICE_DAYS: Final = 30
"""How many days before a release Pump must announce an expansion in it."""

CHANGELOG: Final = "PERMISSIONS.md"

_EXPANSION: Final = re.compile(r"\*\*Expansion\*\*(?:, announced (?P<date>[^:]*))?: (?P<text>.*)")


def expansions(before: Report | None, after: Report) -> list[Change]:
    """Return what lets a role do more, or may let it do more. It is not known to narrow it.

    :param before: the manifest of the previous release; ``None`` if there is none.
    :param after: the report of the version to come.
    """
    found = () if before is None else changes(before, after, shipped())
    return [change for change in found if change.may_broaden]


def problems(before: Report | None, after: Report, section: Section) -> list[str]:
    """Return how a section of ``PERMISSIONS.md`` differs from the expansions, one line for each.

    :param before: the manifest of the previous release; ``None`` if there is none.
    :param after: the report of the version that the section is about.
    :param section: the section.
    """
    found: list[str] = []
    left = _written(section)
    for change in expansions(before, after):
        says = _sentence(change, after)
        announced = "" if change.cause == "AWS" else ", announced YYYY-MM-DD"
        complete = f"- **Expansion**{announced}: {says}"
        # An explanation can follow.
        line = next((line for line in left if f"{line['text']} ".startswith(f"{says} ")), None)
        if line is None:
            found.append(f"add: {complete}")
            continue
        left.remove(line)
        if line["date"] is not None if change.cause == "AWS" else _announced(line) is None:
            found.append(f"change to: {complete}")
    return found + [f"remove or correct, there is no such expansion: - {line[0]}" for line in left]


def too_early(section: Section, on: date) -> list[str]:
    """Return the expansions whose notice is not over yet, one line for each.

    :param section: a section of ``PERMISSIONS.md`` without problems.
    :param on: the day of the release.
    """
    return [
        f"wait until {announced + timedelta(NOTICE_DAYS)}: - {line[0]}"
        for line in _written(section)
        if (announced := _announced(line)) and announced + timedelta(NOTICE_DAYS) > on
    ]


def _written(section: Section) -> list[re.Match[str]]:
    return [line for line in map(_EXPANSION.fullmatch, section.entries) if line]


def _announced(line: re.Match[str]) -> date | None:
    return day(line["date"] or "")


def _sentence(change: Change, after: Report) -> str:
    named = ", ".join(f"`{name}`" for name in _named(change, after))
    parts = [change.role, change_in_one_line(change), *([named] if named else [])]
    return f"{' '.join(': '.join(parts).split()).rstrip('.')}."


def _named(change: Change, after: Report) -> Iterable[str]:
    # What was announced must be what is released, so a line also says what its words leave open.
    of_role = [role for role in after.roles if role.kind == change.role]
    if change.about == "external-id":
        return [digest for role in of_role for digest in role.external_id_sha256]
    if change.about == "filled-in":
        return [role.filled_sha256 for role in of_role]
    if change.difference is not None and change.difference.rule == "role-present":
        return [action.name for action in after.actions if change.role in action.roles]
    return change.actions


def listed(root: Path) -> dict[str, Section]:
    """Return the sections of ``PERMISSIONS.md``, by their version.

    :param root: the project's folder.
    :raises InputError: when it cannot be read, or its versions are not those with a manifest. If
        the last manifest were missing, an expansion would not be detected.
    """
    found = sections(read(root / CHANGELOG), CHANGELOG)
    versions, manifests = found.keys() - {UNRELEASED}, {*stored(root)}
    for version in sorted(versions ^ manifests):
        has, lacks = f"a section [{version}]", f"{MANIFESTS}/{version}.json"
        if version in manifests:
            has, lacks = lacks, has
        raise InputError(f"{CHANGELOG}: there is {has}, but not {lacks}")
    return found


def main(root: Path = ROOT) -> int:
    """Print what is wrong, and return the exit status.

    :param root: the project's folder.
    """
    try:
        after, before = current(root), last_released(root)
        found = problems(before, after, listed(root)[UNRELEASED])
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    since = "the first version" if before is None else f"compared with {before.version}"
    if not found:
        print(f"{CHANGELOG} lists every expansion: {after.version}, {since}.")
        return 0
    print(f"{CHANGELOG}, section [{UNRELEASED}], {since}:", file=sys.stderr)
    print("\n".join(found), file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main())
