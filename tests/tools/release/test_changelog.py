"""Changelogs are read strictly, and a release changes one heading."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.json_input import InputError
from tools.release.changelog import UNRELEASED, read, released, sections

TEXT = """# Changelog

What it is.

- A list before the sections.

## [Unreleased]

### Added

- One thing, in
  two lines.
- Another.

A paragraph.

### Removed

- A third.

## [0.2.0] - 2026-12-24

- Without a heading.

## [0.1.0] - 2026-11-26

Nothing.
"""


def test_sections_have_their_entries() -> None:
    found = sections(TEXT, "a")
    assert list(found) == [UNRELEASED, "0.2.0", "0.1.0"]
    assert found[UNRELEASED].entries == (
        "One thing, in two lines.",
        "Another.",
        "A third.",
    )
    assert found[UNRELEASED].date is None
    assert found["0.2.0"].entries == ("Without a heading.",)
    assert found["0.2.0"].date == date(2026, 12, 24)
    assert found["0.1.0"].entries == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("## [0.1.0] - 2026-11-26\n", "does not begin with a section"),
        ("## Unreleased\n", "is neither"),
        ("## [Unreleased] - 2026-11-26\n", "is neither"),
        ("## [Unreleased]\n## [0.1.0]\n", "is neither"),
        ("## [Unreleased]\n## [0.1.0] - 2026-13-01\n", "is neither"),
        ("## [Unreleased]\n## [0.1.0] - 20261126\n", "is neither"),
        ("## [Unreleased]\n## [0.1] - 2026-11-26\n", "is not a version"),
        ("## [Unreleased]\n## [Unreleased]\n", "is not a version"),
        (TEXT + "## [0.1.0] - 2026-11-26\n", "each listed once"),
        (TEXT + "## [0.10.0] - 2026-11-26\n", "the latest version must be first"),
    ],
)
def test_invalid_changelog_is_one_clear_error(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as raised:
        sections(text, "PERMISSIONS.md")
    assert str(raised.value).startswith(("PERMISSIONS.md: ", "'"))
    assert len(str(raised.value).splitlines()) == 1


def test_file_that_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "none.md")
    (tmp_path / "binary.md").write_bytes(b"\xff")
    with pytest.raises(InputError, match="is not UTF-8"):
        read(tmp_path / "binary.md")


def test_release_moves_unreleased_entries_under_its_version() -> None:
    before, on = sections(TEXT, "a"), date(2027, 1, 31)
    text = released(TEXT, "0.3.0", on, empty="No change.")
    after = sections(text, "a")
    assert list(after) == [UNRELEASED, "0.3.0", "0.2.0", "0.1.0"]
    assert after[UNRELEASED].entries == ()
    assert (after["0.3.0"].date, after["0.3.0"].entries) == (on, before[UNRELEASED].entries)
    assert text.replace("## [0.3.0] - 2027-01-31\n\n", "", 1) == TEXT
    again = released(text, "0.4.0", on, empty="No change.")
    assert "## [Unreleased]\n\n## [0.4.0] - 2027-01-31\n\nNo change.\n\n## [0.3.0]" in again


@pytest.mark.parametrize(
    "line",
    [
        "##\t[0.1.0] - 2026-11-26",
        "   ### Pump's changes",
        "# Another changelog",
        "[0.1.0] - 2026-11-26\n---",
        "Old\n===  ",
        "<!--",
        "<details>",
        "<![CDATA[",
        "```",
        "  ```console",
    ],
)
def test_rejects_text_that_a_person_reads_differently(line: str) -> None:
    text = f"# Changelog\n\n## [Unreleased]\n\n{line}\n\n- A point.\n"
    number = 5 + line.count("\n")
    with pytest.raises(InputError, match=f"^PERMISSIONS.md, line {number}: ") as raised:
        sections(text, "PERMISSIONS.md")
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    "line",
    [
        "<https://keepachangelog.com>",
        "<0.2.0 had it, `<!--` and # 1",
        "\n---",
        "| a | b |\n|---|---|",
        "`a` is not ```b```",
        "    - code",
    ],
)
def test_other_text_of_a_section_is_read(line: str) -> None:
    assert sections(f"## [Unreleased]\n\n{line}\n", "a")[UNRELEASED].text == line.strip()


def test_list_entries_are_those_that_a_person_sees() -> None:
    text = (
        "## [Unreleased]\n\nText:\n* A star.\n+ A plus.\n-\tA tab,\nwrapped\n   as it likes.\n"
        "  - Nested.\n- Next.\n\n  Its second paragraph.\n\n -One.\n-Two.\n"
        "A line.\u2028- No point.\x0c## [0.1.0] - 2026-11-26\n"
    )
    assert list(sections(text, "a")[UNRELEASED].entries) == [
        "A star.",
        "A plus.",
        "A tab, wrapped as it likes. - Nested.",
        "Next.",
    ]


@given(
    st.lists(st.sampled_from(["## ", "[Unreleased]", "# ", "- ", "-", "=", "a", " ", "\n", "\t"]))
)
def test_release_adds_lines_and_changes_none(parts: list[str]) -> None:
    text = "## [Unreleased]" + "".join(parts)
    try:
        before = sections(text, "a")
    except InputError:
        return
    added = released(text, "0.3.0", date(2027, 1, 31), empty="No change.")
    lines = added.split("\n")
    assert sections(added, "a")["0.3.0"].entries == before[UNRELEASED].entries
    count = 2 if before[UNRELEASED].text else 4
    assert [lines[0], *lines[1 + count :]] == text.split("\n")
