"""What the formats share: numbers with nouns, cut text, Markdown, and CSV."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from typing import Any, Final, TypeVar

from pump_roles.text import cut, one_line, packaged

LONGEST: Final = 900
"""The maximum length of a sentence, in characters. It has room for two policy ARNs."""

LONGEST_NAME: Final = 160
"""The maximum length of a name or an action, in characters."""

SHOWN: Final = 80
"""The maximum length of a value that cannot be read, in characters."""

TEXTS: Final[Mapping[str, Mapping[str, Any]]] = json.loads(
    packaged(__package__, "report_texts.json")
)
"""The texts of the report: each a text, or one for a single thing and one for several."""

_T = TypeVar("_T")


def say(key: str, count: int = 1, /, **values: object) -> str:
    """Return one of the :data:`TEXTS`."""
    section, _, name = key.partition(".")
    text: str | Sequence[str] = TEXTS[section][name]
    if not isinstance(text, str):
        return text[count != 1].format(**{"number": f"{count:,}", **values})
    return text.format(**values) if values else text


def plural(count: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 action`` or ``2 actions``."""
    return f"{count:,} {noun}{'s' if count != 1 else ''}"


def line(text: str, longest: int = LONGEST) -> str:
    """Return a text as one line with only visible characters, cut if it is too long."""
    # Escaping never shortens it, so the rest would be cut anyway.
    return cut(one_line(text[: longest + 1]), longest)


def few(items: Sequence[_T], most: int, noun: str = "") -> tuple[Sequence[_T], str]:
    """Return the first items, and how many more there are, such as ``2 more changes``.

    The latter is empty if there are no more.
    """
    left = len(items) - most
    more = plural(left, f"more {noun}") if noun else f"{left:,} more"
    return items[:most], more if left > 0 else ""


def listed(items: Iterable[str], most: int, noun: str = "") -> list[str]:
    """Return the first items, and if there are more, a last one such as ``and 2 more changes``."""
    shown, more = few([*items], most, noun)
    return [*shown, f"and {more}"] if more else [*shown]


def that_fit(blocks: Iterable[str], room: int) -> Sequence[str]:
    """Return the first blocks of lines that fit. The others are not made."""
    shown = []
    for block in blocks:
        room -= len(block) + 1
        if room < 0:
            break
        shown.append(block)
    return shown


_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

_WITHOUT_MARKUP: Final = (
    # GitHub renders text between dollar signs as math, unless a digit follows the second one.
    (re.compile(r"\$(?![0-9])"), "&#36;"),
    (re.compile("://"), "&#58;//"),
    (re.compile(r"www\."), "www&#46;"),
    # A backslash or an entity for the character does not stop GitHub from notifying users or
    # linking issues.
    (re.compile(r"(?<!\w)@(?=\w)"), "@&#8203;"),
    (re.compile(r"(?<!&)#(?=[0-9])"), "#&#8203;"),
)
"""Text that becomes a link or math without other markup, and its replacement."""


def text(value: str) -> str:
    """Return a text as Markdown, for use inside a line."""
    escaped = re.sub(r"([\\`*_\[\]|~])", r"\\\1", " ".join(value.split()))
    escaped = "".join(_ENTITIES.get(character, character) for character in escaped)
    for pattern, replacement in _WITHOUT_MARKUP:
        escaped = pattern.sub(replacement, escaped)
    return escaped


def code(value: str) -> str:
    """Return a text as a code span on one line, also for use in a table cell."""
    plain = " ".join(value.split()).replace("|", "\\|")
    if not plain:
        return ""
    longest = max(map(len, re.findall("`+", plain)), default=0)
    fence = "`" * (longest + 1)
    space = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{space}{plain}{space}{fence}"


def table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def spaced(*lines: str) -> Iterator[str]:
    """Yield lines of Markdown, each with a blank line after it."""
    for each in lines:
        yield from (each, "")


def csv_table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table as CSV. A spreadsheet does not run any of its cells as a formula."""
    written = StringIO(newline="")
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(map(_no_formula, row) for row in rows)
    return written.getvalue()


def _no_formula(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
