"""The README is short, leads to every page, and says what is true."""

import json
import re

from tests.docs.pages import README
from tools.sandbox import screenshot
from tools.sandbox.cdk import ROOT


def test_has_fewer_than_150_lines_of_at_most_120_characters() -> None:
    lines = README.splitlines()
    assert len(lines) < 150
    assert max(len(line) for line in lines) <= 120


def test_leads_to_every_page() -> None:
    pages = {
        page.relative_to(ROOT).as_posix() for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    }
    linked = set(re.findall(r"\]\(([^)#]+)", README))
    assert pages - {"README.md"} - linked == set()


def test_says_of_each_role_what_the_report_says() -> None:
    readme = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", " ".join(README.split()))
    report = (ROOT / "docs" / "permissions.md").read_text()
    verdicts = re.findall(r"^\*\*(?:Read-only|Auto-pilot)\.\*\* (.*)$", report, re.MULTILINE)
    assert len(verdicts) == 2
    assert all(verdict in readme for verdict in verdicts)


def test_picture_of_the_report_shows_its_text() -> None:
    recorded = json.loads(screenshot.TEXTS.read_text(encoding="utf-8"))
    assert recorded["report.png"] == screenshot.report_digest(), "run make screenshot"
