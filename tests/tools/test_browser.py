"""A machine without a browser gets one if possible, and is told otherwise."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.sandbox import browser

SETTING_UP = "Setting up once: a browser for tests, into .venv\n"


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the machine have no browser, and a download end with an exit status."""
    folder = tmp_path / "browsers"
    monkeypatch.setattr(browser, "_of_machine", lambda: None)
    monkeypatch.setattr(browser, "_DOWNLOADED", folder)

    def end_with(status: int) -> None:
        def run(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
            if status == 0:
                (folder / "chromium").mkdir(parents=True)
                (folder / "chromium" / "INSTALLATION_COMPLETE").touch()
            return subprocess.CompletedProcess([], status)

        monkeypatch.setattr("tools.sandbox.browser.subprocess.run", run)

    return end_with


def test_says_nothing_if_there_is_a_browser(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "_of_machine", lambda: "/usr/bin/chromium")
    assert browser.main(["install"]) == browser.main([]) == 0
    assert capsys.readouterr().out == ""


def test_failed_download_is_no_error_and_says_how_to_get_a_browser(
    downloads: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    downloads(1)
    assert browser.main(["install"]) == 0
    assert (
        capsys.readouterr().out == f"{SETTING_UP}It could not be downloaded.\n{browser.MISSING}\n"
    )
    assert browser.main([]) == 0
    assert capsys.readouterr().out == f"{browser.MISSING}\n"


@pytest.mark.parametrize("starts", [True, False])
def test_downloaded_browser_is_kept_only_if_it_starts(
    starts: bool,  # noqa: FBT001
    downloads: Callable[[int], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    downloads(0)
    monkeypatch.setattr(browser, "_starts", lambda: starts)
    assert browser.main(["install"]) == 0
    assert browser.available() == starts
    said = (
        ""
        if starts
        else f"It does not start here, because a library is missing.\n{browser.MISSING}\n"
    )
    assert capsys.readouterr().out == SETTING_UP + said
