"""Lines and tables for a terminal."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from textwrap import fill

from pump_roles.text import one_line


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line; without a label and a text, it is empty. A command is never wrapped."""

    depth: int = 0
    label: str = ""
    style: str = ""
    text: str = ""
    command: bool = False


def in_lines(lines: Iterable[Line], *, styled: bool) -> str:
    """Return lines as they are shown: no markup; styled and wrapped only if for a terminal."""
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    written = StringIO()
    console = Console(
        file=written,
        # sys.stdout is None if standard output is closed.
        force_terminal=styled and sys.stdout is not None and sys.stdout.isatty(),
        # With NO_COLOR, rich omits the colors, but keeps bold.
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        soft_wrap=True,
    )
    for line in lines:
        start = "  " * line.depth
        label = one_line(line.label)
        shown = start + one_line(f"{label} {line.text}".strip() if line.text else label)
        end = start + label
        if console.is_terminal and not line.command:
            shown, end = (_wrapped(text, start, console.width) for text in (shown, end))
        text = Text(shown)
        text.stylize(line.style, len(start), len(end))
        console.print(text)
    return written.getvalue()


def _wrapped(text: str, start: str, width: int) -> str:
    return fill(
        text,
        width,
        subsequent_indent=f"{start}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the rows of a table, with aligned columns. Cells are neither cut nor wrapped."""
    from rich.cells import cell_len  # noqa: PLC0415

    shown = [[*map(one_line, row)] for row in rows]
    # A character can take two cells.
    lengths = [[*map(cell_len, row)] for row in shown]
    widths = [max(column) for column in zip(*lengths, strict=True)]
    for row, of_row in zip(shown, lengths, strict=True):
        cells = zip(row, of_row, widths, strict=True)
        yield "  ".join(f"{cell}{' ' * (width - length)}" for cell, length, width in cells).rstrip()
