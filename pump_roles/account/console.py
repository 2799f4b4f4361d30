"""The console with which results for a terminal are drawn."""

import os
import sys
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console_for"]


def console_for(written: StringIO, *, styled: bool) -> "Console":
    """Return a console that draws text as it is, without markup, and wraps nothing.

    :param written: what it draws on.
    :param styled: whether it is for standard output; if that is a terminal, it has styles.
    """
    from rich.console import Console  # noqa: PLC0415

    return Console(
        file=written,
        # Nothing is written to standard output if that is closed.
        force_terminal=styled and sys.stdout is not None and sys.stdout.isatty(),
        # For NO_COLOR, rich leaves out the colors, but not bold type.
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )
