"""Changelogs in the format of Keep a Changelog, such as ``CHANGELOG.md`` and ``PERMISSIONS.md``.

They are read strictly, so that what a program finds in them is what a person sees.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Final

from pump_roles.json_input import InputError
from tools.release.manifest import order

UNRELEASED: Final = "Unreleased"

_HEADING: Final = re.compile(r"## \[([^]]+)\](?: - (\S+))?")
_POINT: Final = re.compile(r"[-*+][ \t]+(.*)")

_OTHER: Final = re.compile(
    r"(?!#{1,3} ) {0,3}#{1,6}(?:[ \t].*)?"  # A heading that looks like another one to a person.
    r"|\s*<(?:[!?/]|[A-Za-z][\w-]*(?:[\s/>]|$)).*"  # HTML: a comment hides what it contains.
    r"|\s*(?:```|~~~).*"  # A code block: what is in it is an example.
)
_UNDERLINE: Final = re.compile(r" {0,3}(?:=+|-+)[ \t]*")
"""What makes a heading of the line before it."""


@dataclass(frozen=True)
class Section:
    """What a changelog says of one version.

    :param version: the version, or ``Unreleased``.
    :param date: when it was released; ``None`` if it was not.
    :param entries: the entries of its lists, in order, each in one line.
    :param text: all of it, without its heading, in Markdown.
    """

    version: str
    date: date | None
    entries: tuple[str, ...]
    text: str


def day(text: str) -> date | None:
    """Return the date that a text contains, or ``None`` if it is not a date from 2000 to 2999.

    :param text: such as ``2026-11-26``.
    """
    # Since Python 3.11, fromisoformat() also accepts other forms.
    if not re.fullmatch(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def today() -> date:
    """Return the date now, in UTC."""
    return datetime.now(timezone.utc).date()


def read(file: Path) -> str:
    """Read a changelog.

    :param file: its file.
    :raises InputError: when it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{file}: is not UTF-8 text") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None


def sections(text: str, name: str) -> dict[str, Section]:
    """Return the sections of a changelog by their version, the latest first.

    :param text: the changelog.
    :param name: what to call it.
    :raises InputError: when it does not begin with a section ``[Unreleased]``, followed by versions
        with their dates, the latest first; or has HTML, a code block, or other forms of headings.
    """
    parts: list[tuple[str, list[str]]] = []
    before = ""
    for number, line in enumerate(text.split("\n"), start=1):
        underlined = before.strip() and _UNDERLINE.fullmatch(line)
        if underlined or _OTHER.fullmatch(line) or (parts and line.startswith("# ")):
            raise InputError(
                f"{name}, line {number}: {line.strip()!r}: a changelog has headings such as "
                "## [Unreleased] and ### Added, paragraphs, and lists; no HTML, no code block"
            )
        if line.startswith("## "):
            parts.append((line.rstrip(), []))
        elif parts:
            parts[-1][1].append(line)
        before = line
    found = [_section(heading, lines, name) for heading, lines in parts]
    if not found or found[0].version != UNRELEASED:
        raise InputError(f"{name}: does not begin with a section [{UNRELEASED}]")
    versions = [order(section.version) for section in found[1:]]
    if versions != sorted(set(versions), reverse=True):
        raise InputError(f"{name}: the latest version must be first, and each listed once")
    return {section.version: section for section in found}


def released(text: str, version: str, on: date, *, empty: str = "") -> str:
    """Return a changelog with the section ``[Unreleased]`` dated as a version, and a new empty one.

    :param text: the changelog.
    :param version: the version.
    :param on: when it is released.
    :param empty: what to say of the version if the section is empty. By default, nothing.
    """
    section = sections(text, "changelog")[UNRELEASED]
    note = [] if section.text or not empty else ["", empty]
    lines = text.split("\n")
    after = next(index for index, line in enumerate(lines, start=1) if line.startswith("## "))
    return "\n".join([*lines[:after], "", f"## [{version}] - {on}", *note, *lines[after:]])


def _section(heading: str, lines: list[str], name: str) -> Section:
    found = _HEADING.fullmatch(heading)
    version, on = found.groups() if found else ("", None)
    if not version or (version == UNRELEASED) != (on is None) or (on and day(on) is None):
        raise InputError(
            f"{name}: {heading!r} is neither [{UNRELEASED}] nor such as [0.2.0] - 2026-11-26"
        )
    return Section(version, day(on or ""), tuple(_entries(lines)), "\n".join(lines).strip())


def _entries(lines: list[str]) -> Iterator[str]:
    text = ""
    for line in [*lines, ""]:
        point = _POINT.fullmatch(line)
        if text and line.strip() and not point and not line.startswith("### "):
            text += f" {line.strip()}"
            continue
        if text:
            yield text
        text = point[1].strip() if point else ""
