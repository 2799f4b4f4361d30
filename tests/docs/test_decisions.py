"""docs/decisions: each record has the same parts, and the index lists all of them."""

import re
from pathlib import Path

import pytest

from tools.sandbox.cdk import ROOT

FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_record_says_the_decision_then_why_then_the_consequences(record: Path) -> None:
    parts = re.findall(r"^\*\*(\w+)\.\*\* ", record.read_text("utf-8"), re.MULTILINE)
    assert parts == ["Decision", "Why", "Consequences"]


def test_index_lists_every_record_by_its_number_and_title() -> None:
    index = (FOLDER / "README.md").read_text("utf-8")
    listed = re.findall(r"^(\d+)\. \[(.*)\]\((.*)\)$", index, re.MULTILINE)
    titles = [record.read_text("utf-8").partition("\n")[0] for record in RECORDS]
    assert [f"# {number}. {title}" for number, title, _ in listed] == titles
    assert [file for _, _, file in listed] == [record.name for record in RECORDS]


def test_records_are_numbered_without_a_gap() -> None:
    numbers = [int(record.name.partition("-")[0]) for record in RECORDS]
    assert numbers == list(range(1, len(RECORDS) + 1))
