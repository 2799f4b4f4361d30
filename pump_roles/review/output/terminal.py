"""Writes any presentation for a terminal. It is not in ``writers``, because rich loads slowly."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text as Styled

from pump_roles.inputs.text import one_line
from pump_roles.review.output import (
    Code,
    Digest,
    Item,
    Part,
    Presentation,
    Sentence,
    Strong,
    Table,
    Tone,
    short_digest,
    spans,
)

_STYLES: Final[Mapping[Tone, str]] = {
    "": "bold",
    "bad": "bold red",
    "unsure": "yellow",
    "less": "cyan",
    "good": "green",
}

_NARROWEST: Final = 40
"""The minimum width of a terminal, in columns."""

_OF_A_FILE: Final = 80
"""The width of anything else, whose lines are never wrapped."""

_Line = tuple[int, Styled]
"""How deep it is, and what it says."""


def console(*, terminal: bool, **settings: Any) -> Console:
    """Return a console of rich, whose width may come from the variable ``COLUMNS``.

    :param terminal: whether it writes to a terminal.
    """
    # rich takes any text of digits in the variables, shows nothing in 0 columns, and fails if a
    # digit is not an ASCII one.
    columns, lines = shutil.get_terminal_size()
    width = max(columns, _NARROWEST) if terminal else _OF_A_FILE
    return Console(width=width, height=lines, force_terminal=terminal, **settings)


def to_terminal(presentation: Presentation, *, styled: bool) -> str:
    """Return a presentation as lines: styled and wrapped only if for a terminal, without markup."""
    written = StringIO()
    shown = console(
        file=written,
        # sys.stdout is None if standard output is closed.
        terminal=styled and sys.stdout is not None and sys.stdout.isatty(),
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        soft_wrap=True,
    )
    for depth, line in _lines(presentation):
        indent = "  " * depth
        width = max(shown.width - len(indent) - 2, 1)
        for number, part in enumerate(_wrapped(line, width) if shown.is_terminal else [line]):
            shown.print(Styled(f"{indent}  " if number else indent).append_text(part))
    return written.getvalue()


def _wrapped(line: Styled, width: int) -> Iterator[Styled]:
    # Not rich's own wrapping, which breaks long words, such as ARNs.
    row = Styled()
    for word in line.split(" "):
        if row and row.cell_len + 1 + word.cell_len > width:
            row.rstrip()
            yield row
            row = Styled()
        row = row.append(" ").append_text(word) if row else word
    yield row


def _lines(presentation: Presentation) -> Iterator[_Line]:
    yield from ((0, _styled(text)) for text in presentation.first)
    yield 0, Styled(one_line(presentation.title), "bold")
    yield from ((0, _styled(text)) for text in presentation.about)
    for section in presentation.sections:
        yield 0, Styled()
        yield 0, Styled(one_line(section.title), "bold red" if section.attention else "bold")
        for part in section.parts:
            yield from _part(part, 1)
    if presentation.summary:
        yield 0, Styled()
    yield from ((0, _styled(text)) for text in presentation.summary)


def _part(part: Part, depth: int) -> Iterator[_Line]:
    match part:
        case Table():
            yield from ((depth, row) for row in _rows(part))
        case Item():
            yield depth, Styled("[ ] " if part.choice else "").append_text(_styled(part.text))
            for below in part.items:
                yield from _part(below, depth + 1)
        case _:
            yield depth, _styled(part)


def _styled(text: Sentence) -> Styled:
    shown = Styled()
    for span in spans(text, whole=False):
        match span:
            case Code(code):
                shown.append(code)
            case Digest(sha256):
                shown.append(short_digest(sha256))
            case Strong(strong, tone):
                shown.append(strong, _STYLES[tone])
            case _:
                shown.append(span)
    return shown


def _rows(table: Table) -> Iterator[Styled]:
    if not table.rows:
        return
    cells = [[_styled(cell) for cell in row] for row in table.rows]
    lines = [[Styled(head, "bold") for head in table.heads], *cells]
    # A character can take two cells.
    widths = [max(cell_len(cell.plain) for cell in column) for column in zip(*lines, strict=True)]
    for line in lines:
        row = Styled()
        for cell, width in zip(line, widths, strict=True):
            row.append_text(cell).append(" " * (width - cell_len(cell.plain) + 2))
        row.rstrip()
        yield row
