"""Checks that ``PERMISSIONS.md`` announces every expansion since the last release.

``make release-check`` compares two reports, like ``pump-roles report --since``: the section
``[Unreleased]`` must list exactly the expansions. ``make release`` also checks that the notice is
over. The exit status is 0 if all is well, 3 if ``PERMISSIONS.md`` lacks a line or the notice is not
over, and 1 for any other error.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from pump_roles import templates
from pump_roles.inputs.text import InputError
from pump_roles.review.output.report_checks import describe_change
from pump_roles.review.output.saved_report import read_saved
from pump_roles.review.report import Earlier, Report, ReportChange
from pump_roles.review.report.permission_report import of_contents, of_kept
from pump_roles.review.report.report_changes import changes
from tools.sandbox.cdk import ROOT

NOTICE_DAYS: Final = 30
"""How many days before a release Pump must announce an expansion in it."""

CHANGELOG: Final = "PERMISSIONS.md"

UNRELEASED: Final = "Unreleased"

RELEASED: Final = "tools/release/released.json"
"""The permission report of the last release, which ``make release`` writes."""

TEMPLATES: Final = "pump_roles/universal"
"""Where the ready templates without guardrails are."""

Section = Sequence[str]
"""The entries of a section's lists, each in one line."""

_HIDING: Final = re.compile(r"^[ \t]*(?:<!--|```|~~~)", re.MULTILINE)
"""What hides the lines after it, or makes them an example."""

_EXPANSION: Final = re.compile(r"\*\*Expansion\*\*(?:, announced (?P<date>[^:]*))?: (?P<text>.*)")


def problems(before: Earlier | None, after: Report, section: Section) -> list[str]:
    """Return how a section of ``PERMISSIONS.md`` differs from the expansions, one line for each."""
    found: list[str] = []
    left = _written(section)
    changed = () if before is None else changes(before, after)
    for change in (change for change in changed if change.may_broaden):
        says = _sentence(change, after)
        announced = "" if change.cause == "AWS" else ", announced YYYY-MM-DD"
        complete = f"- **Expansion**{announced}: {says}"
        # An explanation can follow.
        line = next((line for line in left if f"{line['text']} ".startswith(f"{says} ")), None)
        if line is None:
            found.append(f"add: {complete}")
            continue
        left.remove(line)
        if line["date"] is not None if change.cause == "AWS" else _day(line["date"]) is None:
            found.append(f"change to: {complete}")
    return found + [f"remove or correct, there is no such expansion: - {line[0]}" for line in left]


def too_early(section: Section, on: date) -> list[str]:
    """Return the expansions whose notice is not over yet, one line for each."""
    return [
        f"wait until {announced + timedelta(NOTICE_DAYS)}: - {line[0]}"
        for line in _written(section)
        if (announced := _day(line["date"])) and announced + timedelta(NOTICE_DAYS) > on
    ]


def _written(section: Section) -> list[re.Match[str]]:
    return [line for line in map(_EXPANSION.fullmatch, section) if line]


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def _sentence(change: ReportChange, after: Report) -> str:
    named = ", ".join(f"`{name}`" for name in _named(change, after))
    parts = [change.role, describe_change(change), *([named] if named else [])]
    return f"{' '.join(': '.join(parts).split()).rstrip('.')}."


def _named(change: ReportChange, after: Report) -> Iterable[str]:
    # What was announced must be what is released, so a line also says what its words leave open.
    of_role = [role for role in after.roles if role.kind == change.role]
    if change.about == "external-id":
        return [digest for role in of_role for digest in role.external_id_sha256]
    if change.about == "filled-in":
        return [role.filled_sha256 for role in of_role]
    if change.difference is not None and change.difference.rule == "role-present":
        return [action.name for action in after.actions if change.role in action.roles]
    return change.actions


def sections(text: str) -> list[tuple[str, Section]]:
    """Return the sections of ``PERMISSIONS.md`` by version, in order."""
    if found := _HIDING.search(text):
        raise InputError(
            f"{CHANGELOG}: {found[0].strip()!r}: it must have no comment or code block"
        )
    parts = [part.partition("\n") for part in re.split("^## ", text, flags=re.MULTILINE)[1:]]
    return [(heading.partition(" - ")[0], _entries(lines)) for heading, _, lines in parts]


def _entries(text: str) -> Section:
    # An entry goes on until the next one, a heading, or an empty line.
    entries = re.findall(r"^- (.*?)(?=^- |^#|^\s*$|\Z)", text, re.MULTILINE | re.DOTALL)
    return [" ".join(entry.split()) for entry in entries]


def unreleased(root: Path, before: Earlier | None) -> Section:
    """Return the section ``[Unreleased]`` of ``PERMISSIONS.md``, which the last release's follows.

    Without that one, or without the report of the last release, an expansion would not be detected.
    """
    found = sections((root / CHANGELOG).read_text("utf-8"))
    has = [version for version, _ in found]
    needs = [f"[{UNRELEASED}]", *([] if before is None else [f"[{before.report.read.version}]"])]
    if has[:2] != needs:
        raise InputError(
            f"{CHANGELOG}: has the sections {', '.join(has) or 'none'}; by {RELEASED}, it must "
            f"begin with {', '.join(needs)}"
        )
    return found[0][1]


def current(root: Path = ROOT) -> Report:
    """Report on the ready templates without guardrails, as they are now."""
    report = of_contents(templates.read(root / TEMPLATES))
    if not report.as_published or not report.exact or report.others:
        raise InputError(f"{TEMPLATES}: not only what Pump publishes; run make generate")
    return report


def released(root: Path) -> Earlier | None:
    """Return the report of the last release, or ``None`` if there is no release yet."""
    file = root / RELEASED
    read = read_saved(file) if file.exists() else None
    return Earlier(file=file.name, report=of_kept(read)) if read else None


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Print what is wrong, and return the exit status. ``--notice`` demands that it is over."""
    try:
        after, before = current(root), released(root)
        section = unreleased(root, before)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    found = problems(before, after, section)
    if "--notice" in arguments and not found:
        found = too_early(section, datetime.now(timezone.utc).date())
    since = "the first version" if before is None else f"compared with {before.report.read.version}"
    if not found:
        print(f"{CHANGELOG} lists every expansion: {after.version}, {since}.")
        return 0
    print(f"{CHANGELOG}, section [{UNRELEASED}], {since}:", file=sys.stderr)
    print("\n".join(found), file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
