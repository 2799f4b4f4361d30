"""The tables of a page are generated between their lines, and nothing else of it is changed."""

import pytest

from tools.release import tables
from tools.sandbox.cdk import ROOT

PAGE = "before\n<!-- generated: {} -->\n{}<!-- /generated -->\nafter\n"


def test_every_table_is_on_the_pages_once() -> None:
    guide = "".join((ROOT / page).read_text() for page in tables.PAGES)
    begins = [f"<!-- generated: {name} -->\n" for name in tables.TABLES]
    assert [guide.count(begin) for begin in begins] == [1] * len(begins)
    assert guide.count("<!-- generated: ") == guide.count("<!-- /generated -->\n") == len(begins)


def test_table_replaces_what_is_between_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "TABLES", {"a": lambda: "| 1 |\n", "b": lambda: "| 2 |\n"})
    old = PAGE.format("a", "| old |\n") + PAGE.format("b", "")
    assert tables.filled(old) == PAGE.format("a", "| 1 |\n") + PAGE.format("b", "| 2 |\n")


def test_unknown_table_is_an_error() -> None:
    with pytest.raises(KeyError, match="nothing"):
        tables.filled(PAGE.format("nothing", ""))
