"""Checks that ``PERMISSIONS.md`` says what changes for the roles: ``make release-check``.

It compares the manifest of this version with that of the last release. The exit status is 0 if the
section ``[Unreleased]`` lists exactly the changes, 3 if it does not, and 1 if something cannot be
read.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from pump_roles.templates import InputError
from tools.release.changelog import UNRELEASED, Entry, Section, day, read, sections
from tools.release.changes import AWS, PUMP, RECLASSIFIED, REWORDED, Change, changes, sizes
from tools.release.manifest import manifest
from tools.release.versions import MANIFESTS, last_released, stored
from tools.sandbox.cdk import ROOT

__all__ = [
    "BASELINE",
    "CHANGELOG",
    "HEADINGS",
    "NOTICE_DAYS",
    "baseline",
    "listed",
    "problems",
    "too_early",
]

NOTICE_DAYS: Final = 30
"""How many days before a release Pump must announce an expansion in it."""

CHANGELOG: Final = "PERMISSIONS.md"

BASELINE: Final = "Baseline"
HEADINGS: Final = {PUMP: "Pump's changes", AWS: "AWS's changes"}
"""The headings in a version's section, by whose changes they contain."""

_MARKED: Final = re.compile(r"\*\*Expansion\*\*(?:, announced (?P<date>[^:]*))?: (?P<rest>.*)")


@dataclass(frozen=True)
class _Written:
    entry: Entry
    text: str
    expansion: bool
    # The date as written; None if there is none.
    announced: str | None

    @classmethod
    def of(cls, entry: Entry) -> "_Written":
        found = _MARKED.fullmatch(entry.text)
        if found is None:
            return cls(entry, entry.text, expansion=False, announced=None)
        return cls(entry, found["rest"], expansion=True, announced=found["date"])

    @property
    def date(self) -> date | None:
        return day(self.announced or "")

    def says(self, sentence: str) -> bool:
        # An explanation can follow.
        return self.text == sentence or self.text.startswith(f"{sentence} ")


def baseline(first: Mapping[str, Any]) -> list[str]:
    """Return what the first release says of each role.

    :param first: its manifest.
    """
    return [
        f"{role['kind']} (`{role['name']}`): {sizes(role, first['actions'])}."
        for role in first["roles"]
    ]


def problems(
    before: Mapping[str, Any] | None, after: Mapping[str, Any], section: Section
) -> list[str]:
    """Return how a section of ``PERMISSIONS.md`` differs from what changes, one line for each.

    :param before: the manifest of the previous release; ``None`` if there is none.
    :param after: the manifest of the version that the section is about.
    :param section: the section.
    """
    if before is None:
        return list(_of_baseline(baseline(after), section.entries))
    return list(_of_changes(changes(before, after), section.entries))


def too_early(section: Section, on: date) -> list[str]:
    """Return the expansions whose notice is not over yet, one line for each.

    :param section: a section of ``PERMISSIONS.md`` without problems.
    :param on: the day of the release.
    """
    return [
        f"wait until {written.date + timedelta(NOTICE_DAYS)}: - {written.entry.text}"
        for written in map(_Written.of, section.entries)
        if written.date is not None and written.date + timedelta(NOTICE_DAYS) > on
    ]


def _of_baseline(sentences: list[str], entries: Iterable[Entry]) -> Iterator[str]:
    missing, others = list(sentences), []
    for entry in entries:
        if entry.heading == BASELINE and entry.text in missing:
            missing.remove(entry.text)
        else:
            others.append(entry)
    yield from (f"add under {BASELINE}: - {sentence}" for sentence in missing)
    yield from (f"remove, not in the baseline: - {entry.text}" for entry in others)


def _of_changes(found: Iterable[Change], entries: tuple[Entry, ...]) -> Iterator[str]:
    written = [_Written.of(entry) for entry in entries]
    left = list(written)
    for change in found:
        heading = HEADINGS[change.whose]
        matching = [
            line for line in left if line.entry.heading == heading and line.says(change.sentence)
        ]
        left = [line for line in left if line not in matching]
        if not matching and change.effect not in {RECLASSIFIED, REWORDED}:
            yield f"add under {heading}: - {_line(change)}"
        elif len(matching) > 1:
            yield f"remove, it is listed twice: - {matching[1].entry.text}"
        elif matching and not _is_marked(change, matching[0]):
            yield f"change to: - {_line(change)}"
    for line in left:
        text = line.entry.text
        yield f"remove, or correct the text or heading; there is no such change: - {text}"
    for heading in HEADINGS.values():
        marked = [line.expansion for line in written if line.entry.heading == heading]
        if marked != sorted(marked, reverse=True):
            yield f"list the expansions first under {heading}"


def _is_marked(change: Change, written: _Written) -> bool:
    needs_date = change.expansion and change.whose == PUMP
    dated = written.date is not None if needs_date else written.announced is None
    return written.expansion == change.expansion and dated


def _line(change: Change) -> str:
    if not change.expansion:
        return change.sentence
    announced = ", announced YYYY-MM-DD" if change.whose == PUMP else ""
    return f"**Expansion**{announced}: {change.sentence}"


def listed(root: Path) -> dict[str, Section]:
    """Return the sections of ``PERMISSIONS.md``, by their version.

    :param root: the project's folder.
    :raises InputError: when it cannot be read, or its versions are not those with a manifest. If
        the last manifest were missing, an expansion would not be detected.
    """
    found = sections(read(root / CHANGELOG), CHANGELOG)
    versions, manifests = found.keys() - {UNRELEASED}, {*stored(root)}
    if differ := sorted(versions ^ manifests):
        version = differ[0]
        has, lacks = f"a section [{version}]", f"{MANIFESTS}/{version}.json"
        if version in manifests:
            has, lacks = lacks, has
        raise InputError(f"{CHANGELOG}: there is {has}, but not {lacks}")
    return found


def check(root: Path, last: Mapping[str, Any] | None, current: Mapping[str, Any]) -> list[str]:
    """Return how ``PERMISSIONS.md`` differs from what changes since the last release.

    :param root: the project's folder.
    :param last: the manifest of the last release; ``None`` if there is none.
    :param current: the manifest of the version to come.
    :raises InputError: when the changelog cannot be read.
    """
    return problems(last, current, listed(root)[UNRELEASED])


def main(root: Path = ROOT) -> int:
    """Print what is wrong, and return the exit status.

    :param root: the project's folder.
    """
    try:
        current, last = manifest(), last_released(root)
        found = check(root, last, current)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    since = "the baseline" if last is None else f"compared with {last['version']}"
    if not found:
        print(f"{CHANGELOG} says what changes: {current['version']}, {since}.")
        return 0
    print(f"{CHANGELOG}, section [{UNRELEASED}], {since}:", file=sys.stderr)
    print("\n".join(found), file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main())
