"""Lines and tables for a terminal: what is wrapped, what is styled, and that each is one line."""

import sys
from collections.abc import Callable
from io import StringIO

import pytest

from pump_roles.review.output.pieces import that_fit
from pump_roles.review.output.terminal import Line, aligned, in_lines
from tests.review.account.verify.results import HOSTILE

ARN = f"arn:aws:iam::000000000001:role/{'a-long-path/' * 9}PumpReadOnlyRole"
ROW = " ".join(["cell"] * 9)
BAD = Line(depth=1, label="bad:", style="bold red", text="text")


class Terminal(StringIO):
    """A standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What lines are on a standard output that is given."""

    def show(output: StringIO | None, *lines: Line, styled: bool = True, **variables: str) -> str:
        for name in ("NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm", "COLUMNS": "20", **variables}.items():
            monkeypatch.setenv(name, value)
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", output)
            return in_lines(lines, styled=styled)

    return show


def test_text_is_wrapped_between_words_and_only_on_a_terminal(shown: Callable[..., str]) -> None:
    line = Line(depth=1, label="label:", text=f"{ROW} {ARN} end")
    assert shown(Terminal(), line).splitlines() == [
        "  label: cell cell",
        *["    cell cell cell"] * 2,
        "    cell",
        f"    {ARN}",
        "    end",
    ]
    assert shown(StringIO(), line) == f"  label: {ROW} {ARN} end\n"


def test_command_to_copy_is_never_wrapped(shown: Callable[..., str]) -> None:
    assert shown(Terminal(), Line(label=ROW, command=True)) == f"{ROW}\n"


def test_row_of_a_table_breaks_only_between_words_with_all_of_its_style(
    shown: Callable[..., str],
) -> None:
    row = Line(depth=1, label=f"account  a-name-that-exceeds-the-width  {ROW}", style="bold")
    assert shown(Terminal(), row).splitlines() == [
        "  \x1b[1maccount\x1b[0m",
        "\x1b[1m    a-name-that-exceeds-the-width\x1b[0m",
        *["\x1b[1m    cell cell cell\x1b[0m"] * 3,
    ]
    assert shown(StringIO(), row).count("\n") == 1


def test_only_a_terminal_has_styles_and_only_for_the_label(shown: Callable[..., str]) -> None:
    assert shown(Terminal(), BAD) == "  \x1b[1;31mbad:\x1b[0m text\n"
    assert shown(Terminal(), BAD, styled=False) == "  bad: text\n"
    assert shown(StringIO(), BAD, FORCE_COLOR="1") == "  bad: text\n"
    assert shown(Terminal(), BAD, NO_COLOR="1") == "  bad: text\n"
    # Standard output is closed.
    assert shown(None, BAD) == "  bad: text\n"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_each_line_and_each_row_is_one_line_without_markup(hostile: str) -> None:
    lines = [Line(label=hostile, text=hostile), Line(), Line(text="end")]
    written = in_lines(lines, styled=False).split("\n")
    assert written[1:] == ["", "end", ""]
    assert written[0].isprintable()
    if hostile.isprintable():
        assert written[0].strip() == f"{hostile} {hostile}".strip()
    head, row = aligned([["", "head"], [hostile, "cell"]])
    assert row.isprintable()
    assert row.index("cell") == head.index("head")


def test_columns_are_aligned_by_their_width_on_the_screen() -> None:
    assert [*aligned([["a", "b"], ["本", "c"], ["long", ""]])] == ["a     b", "本    c", "long"]


def test_blocks_that_fit_are_kept() -> None:
    # Each takes one more character for the line break.
    assert that_fit(["abc", "de", "f"], 7) == ["abc", "de"]
    assert that_fit(["abc", "de", "f"], 6) == ["abc"]
    assert that_fit(iter(["abc"]), 3) == []
