"""What the writers make of any document: escaped, cut to fit, and with every cut counted."""

import csv
import io
import json
import re
import sys
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.markdown import Markdown

from pump_roles.review.output import (
    Code,
    Item,
    Names,
    Part,
    Presentation,
    Section,
    Sentence,
    Strong,
    Table,
)
from pump_roles.review.output.messages import to_json
from pump_roles.review.output.terminal import to_terminal
from pump_roles.review.output.writers import LIMIT, LONGEST_INDENTED, to_csv, to_markdown
from tests.review.account.results import HOSTILE

GITHUB = 65_536
"""The maximum length of a GitHub comment, in characters."""

ARN = f"arn:aws:iam::000000000001:role/{'a-long-path/' * 9}PumpReadOnlyRole"
ROW = " ".join(["cell"] * 18)


def document(*parts: Part) -> Presentation:
    """Return a document with one section."""
    return Presentation("Title", "1.0.0", (), (), all_sections=(Section("title", parts),))


def markdown(*parts: Part) -> str:
    return to_markdown(document(*parts))


def everywhere(text: str) -> Presentation:
    """Return a document with a text wherever one can be."""
    texts: tuple[Sentence, ...] = (text, Code(text), Strong(text), Names([text, text]))
    inline = (text, " ", Code(text), " ", Strong(text), " ", Names([text, "b"]))
    parts = (*texts, inline, *map(Item, texts), Item("a", (Item(text, (Item(inline),)),)))
    table = Table(("a", "b", "c", "d"), (texts, (inline, 1, True, "")))
    section = Section(text, (*parts, table))
    return Presentation(text, "1.0.0", texts, texts, (section, section))


def parsed(written: str) -> list[Any]:
    """Return what a Markdown parser finds, each token with those inside of it."""
    found: list[Any] = []
    for token in Markdown(written).parsed:
        found += [token, *(token.children or [])]
    return found


def structure(written: str) -> list[str]:
    """Return the kinds of what a Markdown parser finds, without pieces of text."""
    kinds = [token.type for token in parsed(written)]
    return [kind for kind in kinds if kind not in {"text", "text_special"}]


def plain(written: str) -> str:
    """Return the text that a Markdown parser finds."""
    pieces = [token.content for token in parsed(written) if token.type != "inline"]
    return "".join(pieces).replace("\u200b", "")


BREAKING = (*HOSTILE, "- a", "# a", "1) a", "---", "===", "> a", "+ a", " ")


@pytest.mark.parametrize("limit", [LIMIT, None])
@pytest.mark.parametrize("hostile", BREAKING)
def test_no_text_breaks_out_of_its_markup(hostile: str, limit: int | None) -> None:
    found = to_markdown(everywhere(hostile), limit)
    benign = to_markdown(everywhere("text"), limit)
    if hostile.strip():
        assert structure(found) == structure(benign)
    assert all(line.isprintable() for line in found.splitlines())
    outside_code = re.sub("(`+) ?.*?[^`]\\1(?!`)", "", found)
    assert not re.search(r"(?<!\w)@\w|#[0-9]+\b(?!;)|://|www\.", outside_code)
    shown = to_terminal(everywhere(hostile), styled=False).splitlines()
    assert all(line.isprintable() for line in shown)
    assert len(shown) == len(to_terminal(everywhere("text"), styled=False).splitlines())


def test_positive_control_breaks_out_of_its_markup() -> None:
    """Without escapes, most of these texts change the structure."""
    benign = structure("- text **a**")
    assert sum(structure(f"- {hostile} **a**") != benign for hostile in BREAKING) > 12


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isprintable()])
def test_escaped_text_reads_as_it_is(text: str) -> None:
    for part in (text, Code(text), Strong(text)):
        assert plain(markdown(("a ", part))).split()[-len(text.split()) :] == text.split()
        assert f"a {text}" in to_terminal(document(("a ", part)), styled=False)


@pytest.mark.parametrize("value", ["a", "`a", "a`", "a`b``c", "`", "a|b"])
def test_code_span_shows_its_text(value: str) -> None:
    (span,) = (token for token in parsed(markdown(Code(value))) if token.type == "code_inline")
    assert span.content == value


def test_long_text_is_cut_unless_the_document_is_whole() -> None:
    long = "x" * 5_000
    written = markdown((long,), (Code(long), ""))
    assert [len(run) for run in re.findall("x+", written)] == [900, 900]
    assert written.count(" (cut)") == 2
    assert "(cut)" not in to_markdown(document((long,), (Code(long),)), None)


def test_list_of_names_has_the_first_and_says_how_many_more() -> None:
    names = Names([*"abcde"], 2)
    assert markdown(("c: ", names)).endswith("\n\nc: `a`, `b`, and 3 more\n")
    assert to_markdown(document(names), None).endswith("`a`, `b`, `c`, `d`, `e`\n")
    assert "  a, b, and 3 more\n" in to_terminal(document(names), styled=False)


SIZES = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 400)), max_size=6)


@given(SIZES, st.integers(3_000, 20_000))
def test_markdown_fits_and_each_thing_is_shown_or_counted(
    sizes: list[tuple[int, int]], limit: int
) -> None:
    sections = tuple(
        Section("s", (*[f"t{'.' * size}"] * number, *[Item(f"i{'.' * size}")] * number))
        for number, size in sizes
    )
    written = to_markdown(Presentation("T", "1", (), (), sections), limit)
    assert len(written) <= limit
    shown = len(re.findall(r"^(?:t|- i)\.", written, re.MULTILINE))
    cut = sum(int(number) for number in re.findall(r"([0-9]+) more", written))
    assert shown + cut == 2 * sum(number for number, _ in sizes)
    # Nothing crowds out what is small.
    assert written.count("## s") == len(sizes)
    for number, size in sizes:
        if 2 * number * (size + 6) < (limit - 2_000) / len(sizes):
            assert written.count(f"\nt{'.' * size}\n") >= number


@pytest.mark.parametrize("text", ["x" * 70_000, "<" * 70_000, "`x" * 40_000, "$@a" * 9_000])
def test_always_fits_in_a_comment(text: str) -> None:
    item = Item(text, tuple(Item((Strong(text), Names([text] * 20))) for _ in range(20)))
    table = Table(("a", "b"), ((text, Code(text)),) * 90)
    sections = (Section("one", (item,) * 30), Section("two", (table, text)))
    written = to_markdown(Presentation(text, "1", (text,), (), sections))
    assert len(written) <= LIMIT < GITHUB
    # An item does not crowd out the others.
    assert written.count("more lines. JSON has everything.**\n- ") >= 1
    assert len(to_terminal(document(item), styled=False)) < 200_000


def test_csv_cell_is_never_a_formula_and_numbers_stay_numbers() -> None:
    cells = ("=1+1", "+1", "-1", "@SUM", "a,b", Code("c"), 1_000, True)
    written = to_csv(Table(("a",) * len(cells), (cells,)))
    _, row = csv.reader(io.StringIO(written, newline=""))
    assert row == ["'=1+1", "'+1", "'-1", "'@SUM", "a,b", "c", "1000", "yes"]


class Terminal(StringIO):
    """A standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a part of a section is on a standard output that is given."""

    def show(output: StringIO | None, part: Part, *, styled: bool = True, **variables: str) -> str:
        for name in ("NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm", "COLUMNS": "40", **variables}.items():
            monkeypatch.setenv(name, value)
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", output)
            written = to_terminal(document(part), styled=styled)
        return "".join(written.splitlines(keepends=True)[3:])

    return show


def test_text_is_wrapped_between_words_and_only_on_a_terminal(shown: Callable[..., str]) -> None:
    text = (f"label: {ROW} ", Code(ARN), " end")
    assert shown(Terminal(), text).splitlines() == [
        "  label: cell cell cell cell cell cell",
        "    cell cell cell cell cell cell cell",
        "    cell cell cell cell cell",
        f"    {ARN}",
        "    end",
    ]
    assert shown(StringIO(), text) == f"  label: {ROW} {ARN} end\n"


def test_row_of_a_table_is_wrapped_only_between_words(shown: Callable[..., str]) -> None:
    table = Table(("account", "name"), ((1, f"a-name-that-exceeds-the-width-of-a-line {ROW}"),))
    assert shown(Terminal(), table, NO_COLOR="1").splitlines() == [
        "  account  name",
        "  1",
        "    a-name-that-exceeds-the-width-of-a-line",
        *["    cell cell cell cell cell cell cell"] * 2,
        "    cell cell cell cell",
    ]
    assert shown(StringIO(), table).count("\n") == 2


@pytest.mark.parametrize("columns", ["0", "1", "39", "-1", "\u00b2", "9" * 5_000, "abc"])
def test_width_that_is_too_small_or_no_number_hides_nothing(
    columns: str, shown: Callable[..., str]
) -> None:
    first, *others = shown(Terminal(), ROW, COLUMNS=columns).splitlines()
    assert " ".join([first, *others]).split() == ROW.split()
    assert len(first) >= len("  cell cell cell cell cell cell cell")
    for styled in (True, False):
        assert shown(StringIO(), ROW, styled=styled, COLUMNS=columns) == f"  {ROW}\n"


def test_columns_are_aligned_by_their_width_on_the_screen() -> None:
    table = Table(("a", "b"), (("本", "c"), ("long", "")))
    written = to_terminal(document(table), styled=False)
    assert written.splitlines()[-3:] == ["  a     b", "  本    c", "  long"]


def test_only_a_terminal_has_styles(shown: Callable[..., str]) -> None:
    bad = (Strong("bad", "bad"), ": text")
    assert shown(Terminal(), bad) == "  \x1b[1;31mbad\x1b[0m: text\n"
    for output, options in (
        (Terminal(), {"styled": False}),
        (Terminal(), {"NO_COLOR": "1"}),
        (StringIO(), {"FORCE_COLOR": "1"}),
        # Standard output is closed.
        (None, {}),
    ):
        assert shown(output, bad, **options) == "  bad: text\n"


def test_json_is_indented_unless_it_is_longer_than_anyone_reads() -> None:
    for length, lines in ((3, 3), (LONGEST_INDENTED, 1)):
        written = to_json({"text": "x" * length})
        assert written.count("\n") == lines
        assert json.loads(written) == {"text": "x" * length}
