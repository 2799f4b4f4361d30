"""How fast the permission report's page is in Chromium on a slow machine."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from playwright.sync_api import Page

from pump_roles.review.output.page import as_html
from pump_roles.review.report import of_published
from tools.sandbox.browser import browser

KEYS: Final = ("d", "e", "s", "Backspace", "Backspace", "Backspace", "w", "Backspace", "z")
"""Keystrokes that hide and show few rows and many."""

SLOWED: Final = 4
"""How many times the browser's CPU is slowed down."""


@dataclass(frozen=True)
class PageTimes:
    """Times in the browser, with the CPU slowed down."""

    ready: float
    keystroke: float
    slowest: float


def measure(rounds: int) -> PageTimes:
    """Measure the page of the published roles."""
    ready: list[float] = []
    keystrokes: list[float] = []
    with TemporaryDirectory() as folder, browser() as chromium:
        file = Path(folder) / "report.html"
        file.write_text(as_html(of_published()), encoding="utf-8")
        for _ in range(rounds):
            page = chromium.new_page(viewport={"width": 1280, "height": 800})
            session = page.context.new_cdp_session(page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
            page.goto(file.as_uri())
            ready.append(_ready(page))
            keystrokes += _keystrokes(page)
            page.close()
    return PageTimes(
        ready=median(ready) / 1_000,
        keystroke=median(keystrokes) / 1_000,
        slowest=max(keystrokes) / 1_000,
    )


def _ready(page: Page) -> float:
    milliseconds: float = page.evaluate(
        """() => Math.max(
            performance.getEntriesByName("ready")[0].startTime,
            performance.getEntriesByType("navigation")[0].loadEventEnd)"""
    )
    return milliseconds


def _keystrokes(page: Page) -> list[float]:
    page.evaluate("""() => {
        window.took = [];
        addEventListener("keydown", () => {
            const start = performance.now();
            requestAnimationFrame(() => setTimeout(() => took.push(performance.now() - start)));
        }, { capture: true });
    }""")
    page.locator("[name=text]").focus()
    for number, key in enumerate(KEYS, 1):
        page.keyboard.press(key)
        page.wait_for_function("(number) => took.length === number", arg=number)
    milliseconds: list[float] = page.evaluate("took")
    return milliseconds
