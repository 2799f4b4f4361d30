"""A note about a decision is short and dated."""

import re
from datetime import date
from pathlib import Path

import pytest

from tools.sandbox.cdk import ROOT

NOTES = sorted({*ROOT.glob("docs/decisions/*.md")} - {ROOT / "docs" / "decisions" / "README.md"})


def test_there_are_few() -> None:
    assert 10 < len(NOTES) < 20


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note.stem)
def test_note_is_short_and_dated(note: Path) -> None:
    text = note.read_text("utf-8")
    assert len(text.split()) <= 250
    dated = re.match(r"# \S.*\n\n(20\d\d-\d\d-\d\d)\n\n\*\*What\.\*\* ", text)
    assert dated
    date.fromisoformat(dated[1])
