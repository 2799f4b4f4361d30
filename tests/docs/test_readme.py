"""The README is short, leads to every page, and says what is true."""

import json
import re

from tests.docs.pages import README, block, settings_in, sh_blocks
from tools.sandbox import screenshot
from tools.sandbox.cdk import ROOT


def test_has_at_most_600_words_in_lines_of_at_most_120_characters() -> None:
    assert len(README.split()) <= 600
    assert max(len(line) for line in README.splitlines()) <= 120


def test_first_screen_has_both_commands_and_the_table_of_the_demo() -> None:
    """Before them is only what this is: no command, and nothing to fill in."""
    first, *_ = sh_blocks(README)
    assert first.splitlines() == ["make demo", "make test"]
    screen = "\n".join(README.splitlines()[:40])
    assert screen.index(first) < screen.index(block("From `make demo`:\n", "text", README))
    assert not settings_in(screen)


def test_leads_to_every_page() -> None:
    pages = {
        page.relative_to(ROOT).as_posix() for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    }
    linked = set(re.findall(r"\]\(([^)#]+)", README))
    assert pages - {"README.md"} - linked == set()


def test_picture_of_the_report_shows_its_text() -> None:
    recorded = json.loads(screenshot.TEXTS.read_text(encoding="utf-8"))
    assert recorded["report.png"] == screenshot.report_digest(), "run make screenshot"
