"""What a page contains between two lines: ``<!-- measured -->`` and ``<!-- /measured -->``."""

from pathlib import Path


def write_measured(page: Path, text: str) -> None:
    """Replace what a page contains between the two lines.

    :param page: its file.
    :param text: whole lines.
    """
    before, start, rest = page.read_text(encoding="utf-8").partition("<!-- measured -->\n")
    _, end, after = rest.partition("<!-- /measured -->")
    page.write_text(before + start + text + end + after, encoding="utf-8")
