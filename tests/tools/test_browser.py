"""A machine without a browser gets one if possible, and is told otherwise."""

import subprocess
from pathlib import Path

import pytest

from tools.sandbox import browser

SETTING_UP = "Setting up once: a browser for tests, into .venv\n"
LIBRARY = "It does not start here, because a library is missing.\n"


@pytest.mark.parametrize(
    ("of_machine", "download", "starts", "available", "said"),
    [
        ("/usr/bin/chromium", 1, True, True, ""),
        (None, 1, False, False, f"{SETTING_UP}It could not be downloaded.\n{browser.MISSING}\n"),
        (None, 0, True, True, SETTING_UP),
        (None, 0, False, False, f"{SETTING_UP}{LIBRARY}{browser.MISSING}\n"),
    ],
)
def test_downloads_a_browser_if_there_is_none_and_keeps_it_only_if_it_starts(  # noqa: PLR0917
    of_machine: str | None,
    download: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    starts: bool,
    available: bool,
) -> None:
    folder = tmp_path / "browsers"
    monkeypatch.setattr(browser, "_of_machine", lambda: of_machine)
    monkeypatch.setattr(browser, "_DOWNLOADED", folder)
    monkeypatch.setattr(browser, "_starts", lambda: starts)

    def run(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        if download == 0:
            (folder / "chromium").mkdir(parents=True)
            (folder / "chromium" / "INSTALLATION_COMPLETE").touch()
        return subprocess.CompletedProcess([], download)

    monkeypatch.setattr("tools.sandbox.browser.subprocess.run", run)
    assert browser.main(["install"]) == 0
    assert capsys.readouterr().out == said
    assert browser.available() == available
    # Without the argument, it only says so if there is none.
    assert browser.main([]) == 0
    assert capsys.readouterr().out == ("" if available else f"{browser.MISSING}\n")
