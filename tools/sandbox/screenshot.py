"""`make screenshot`: draw the picture of the README, the permission report."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pump_roles.review.output.page import as_html
from pump_roles.review.output.report_sections import presentation_of
from pump_roles.review.output.writers import to_markdown
from pump_roles.review.report.permission_report import of_published
from tools.sandbox.browser import MISSING, available, browser
from tools.sandbox.cdk import ROOT

REPORT: Final = ROOT / "docs" / "report.png"
TEXTS: Final = ROOT / "docs" / "pictures.json"
"""The digest of the picture's text: a test says when it has to be drawn again."""


def report_digest() -> str:
    """Return the digest of the report, which is the same in each version of the package."""
    text = to_markdown(presentation_of(replace(of_published(), version="")))
    return sha256(" ".join(text.split()).encode()).hexdigest()


def main() -> int:
    if not available():
        print(MISSING)
        return 1
    with browser() as chromium, TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(as_html(of_published()), encoding="utf-8")
        page = chromium.new_page(viewport={"width": 1280, "height": 976})
        page.goto(file.as_uri())
        page.screenshot(path=REPORT)
    TEXTS.write_text(json.dumps({"report.png": report_digest()}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
