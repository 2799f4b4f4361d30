"""The console that draws results for a terminal."""

import os
import sys
from io import StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console_for"]


def console_for(written: StringIO, *, styled: bool) -> "Console":
    """Return a console that prints text unchanged: no markup, no wrapping.

    :param written: receives the output.
    :param styled: whether it is for standard output; if that is a terminal, it has styles.
    """
    from rich.console import Console  # noqa: PLC0415

    return Console(
        file=written,
        # sys.stdout is None if standard output is closed.
        force_terminal=styled and sys.stdout is not None and sys.stdout.isatty(),
        # With NO_COLOR, rich omits the colors, but keeps bold.
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )
