"""Escapes text for Markdown and CSV, so that it appears exactly as it is."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

__all__ = ["code", "csv_table", "table", "text"]

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
    """Return a text as Markdown, for use inside a line.

    :param value: the text.
    """
    escaped = re.sub(r"([\\`*_\[\]|~])", r"\\\1", " ".join(value.split()))
    escaped = "".join(_ENTITIES.get(character, character) for character in escaped)
    for pattern, replacement in _WITHOUT_MARKUP:
        escaped = pattern.sub(replacement, escaped)
    return escaped


def code(value: str) -> str:
    """Return a text as a code span on one line, also for use in a table cell.

    :param value: the text.
    """
    plain = " ".join(value.split()).replace("|", "\\|")
    if not plain:
        return ""
    longest = max(map(len, re.findall("`+", plain)), default=0)
    fence = "`" * (longest + 1)
    space = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{space}{plain}{space}{fence}"


def table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a table.

    :param heads: the column headings, as Markdown.
    :param rows: the cells of each row, as Markdown.
    """
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def csv_table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table as CSV. A spreadsheet does not run any of its cells as a formula.

    :param heads: the column headings.
    :param rows: the cells of each row.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(map(_no_formula, row) for row in rows)
    return text.getvalue()


def _no_formula(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
