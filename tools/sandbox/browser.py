"""The browser for the permission report's page: the machine's Chromium, or one from Playwright.

``install`` as an argument downloads one into ``.venv`` if the machine has none. Without arguments,
the command says so if there is none.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import playwright
from playwright.sync_api import Browser, Error, sync_playwright

MISSING: Final = (
    "There is no browser, so the tests of the permission report's page are skipped. Install "
    "Chromium, for example with: apt-get install chromium"
)

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_IN_PACKAGE: Final = {"PLAYWRIGHT_BROWSERS_PATH": "0"}
_DOWNLOADED: Final = Path(playwright.__file__).parent / "driver" / "package" / ".local-browsers"


def _of_machine() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


def available() -> bool:
    return _of_machine() is not None or any(_DOWNLOADED.glob("*/INSTALLATION_COMPLETE"))


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a headless Chromium until the block ends."""
    os.environ.update(_IN_PACKAGE)
    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=_of_machine(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


def _starts() -> bool:
    try:
        with browser():
            return True
    except Error:
        return False


def main(arguments: list[str]) -> int:
    if arguments == ["install"] and not available():
        print("Setting up once: a browser for tests, into .venv", flush=True)
        command = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
        environment = {**os.environ, **_IN_PACKAGE}
        ended = subprocess.run(command, env=environment, capture_output=True, check=False)
        if ended.returncode:
            print("It could not be downloaded.")
        elif not _starts():
            print("It does not start here, because a library is missing.")
            shutil.rmtree(_DOWNLOADED)
    if not available():
        print(MISSING)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
