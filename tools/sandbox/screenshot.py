"""`make screenshot`: draw the pictures of the README, the permission report and the demo."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from playwright.sync_api import Browser
from rich.console import Console
from rich.text import Text

from pump_roles.review.output.report_sections import presentation_of
from pump_roles.review.output.saved_report import page_of
from pump_roles.review.output.writers import to_markdown
from pump_roles.review.report.permission_report import of_published
from tools.sandbox.browser import MISSING, available, browser
from tools.sandbox.cdk import ROOT

REPORT: Final = ROOT / "docs" / "report.png"
DEMO: Final = ROOT / "docs" / "demo.png"
TEXTS: Final = ROOT / "docs" / "pictures.json"
"""The digest of the text of each picture: a test says when a picture has to be drawn again."""

FIRST: Final = "2  Who can assume the roles"
AFTER_LAST: Final = "4  Verify"
"""The picture shows the demo from the first of these headings to the second."""


def demo() -> str:
    """Run the demo, and return the part of its output that the picture shows, with colors."""
    ended = subprocess.run(
        [sys.executable, "-m", "tools.sandbox.demo"],
        cwd=ROOT,
        env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    plain = re.sub(r"\x1b\[[0-9;]*m", "", ended.stdout).splitlines()
    return "\n".join(ended.stdout.splitlines()[shown_of(plain)]).rstrip()


def shown_of(lines: Sequence[str]) -> slice:
    """Return which lines of the demo's output the picture shows."""
    start, end = (
        next(number for number, line in enumerate(lines) if line.startswith(heading))
        for heading in (FIRST, AFTER_LAST)
    )
    return slice(start, end)


def digest(text: str) -> str:
    """Return the SHA-256 of a picture's text, without the line breaks of its width."""
    return sha256(" ".join(text.split()).encode()).hexdigest()


def report_digest() -> str:
    """Return the digest of the report, which is the same in each version of the package."""
    return digest(to_markdown(presentation_of(replace(of_published(), version=""))))


def draw(chromium: Browser, html: str, picture: Path, *, width: int, height: int) -> None:
    """Draw a page as it looks in a window of a given size, in pixels."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(html, encoding="utf-8")
        page = chromium.new_page(viewport={"width": width, "height": height})
        page.goto(file.as_uri())
        page.screenshot(path=picture)
        page.close()


def main() -> int:
    if not available():
        print(MISSING)
        return 1
    console = Console(record=True, width=80, file=StringIO())
    output = Text.from_ansi(demo())
    console.print(output)
    with browser() as chromium:
        draw(chromium, page_of(of_published()), REPORT, width=1280, height=976)
        terminal = console.export_html(inline_styles=True)
        lines = len(output.plain.splitlines())
        draw(chromium, terminal, DEMO, width=812, height=19 * lines + 40)
    texts = {"report.png": report_digest(), "demo.png": digest(output.plain)}
    TEXTS.write_text(json.dumps(texts, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
