"""`make screenshot`: draw the permission report of the published roles, for the README."""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from playwright.sync_api import sync_playwright

from pump_roles.report import of_published
from pump_roles.report.page import as_html
from sandbox.cdk import ROOT

PICTURE: Final = ROOT / "docs" / "report.png"

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str | None:
    """Return the machine's Chromium, if it has one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def main() -> int:
    executable = browser()
    if executable is None:
        print("there is no Chromium on this machine: apt-get install chromium")
        return 1
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "report.html"
        file.write_text(as_html(of_published()), encoding="utf-8")
        chromium = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        page.goto(file.as_uri())
        page.screenshot(path=PICTURE)
        chromium.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
