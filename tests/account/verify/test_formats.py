"""Markdown: its content, its escaping, and that it fits in a comment."""

import re
from dataclasses import replace
from typing import Any

import pytest
from rich.markdown import Markdown

from pump_roles import __version__
from pump_roles.account.verify.formats import MARKDOWN_LIMIT, as_markdown
from pump_roles.account.verify.model import AccountResult
from pump_roles.report.escape import code, table, text
from tests.account.verify.results import (
    HOSTILE,
    MIXED,
    difference,
    differing,
    matching,
    role,
    unknown,
    verification,
    with_everything,
)

GITHUB = 65_536
"""The maximum length of a GitHub comment, in characters."""


def parsed(markdown: str) -> list[Any]:
    """Return what a Markdown parser finds, each token with those inside of it."""
    found: list[Any] = []
    for token in Markdown(markdown).parsed:
        found += [token, *(token.children or [])]
    return found


def structure(markdown: str) -> list[str]:
    """Return the kinds of what a Markdown parser finds, without pieces of text."""
    kinds = [token.type for token in parsed(markdown)]
    return [kind for kind in kinds if kind not in {"text", "text_special"}]


def plain(markdown: str) -> str:
    """Return the text that a Markdown parser finds."""
    pieces = [token.content for token in parsed(markdown) if token.type != "inline"]
    return "".join(pieces).replace("\u200b", "")


def test_has_what_a_ticket_needs() -> None:
    assert as_markdown(
        verification(differing(1, name="Production"), matching(2, notes=("not compared",)))
    ) == (
        "# Pump's roles in AWS accounts\n"
        "\n"
        "**Accounts: 1 match, 1 differs. More access than expected: 1.**\n"
        "\n"
        f"Compared with: `the published roles`. Made by pump-roles {__version__}.\n"
        "\n"
        "## Accounts that differ\n"
        "\n"
        "### 000000000001 (`Production`)\n"
        "\n"
        "- read-only role `arn:aws:iam::000000000001:role/PumpReadOnlyRole`: **differs**\n"
        "  - **broader** (`policy-added`): the inline policy Extra is not expected; Read objects "
        "in S3: was no, now yes; actions: `s3:GetObject`\n"
        "\n"
        "## Accounts that match\n"
        "\n"
        "- not compared (1 role)\n"
        "\n"
        "## What to do\n"
        "\n"
        "- `policy-added`: AWS CloudTrail shows who changed it. Remove the policy, or review it "
        "and add it to what is expected.\n"
    )


def test_says_everything_about_an_account() -> None:
    found = as_markdown(verification(with_everything("word")))
    for sentence in (
        "- not checked: word",
        "**broader** (`policy-added`): word; word; word; word; word; 5 more changes; actions: ",
        "`word` and 12 more",
        "**other** (`tag-added`): word",
        "**narrower** (`boundary-added`): word",
        "  - not checked: word",
        "  - note: word",
        "**differs**, last used 2026-11-25T08:15:00Z in us-east-1",
        "**broader** (`other-access`): the role `word`: word; can be assumed by `word`",
    ):
        assert sentence in found, sentence


def test_what_needs_attention_is_first() -> None:
    narrower = differing(3, difference(effect="narrower"))
    found = as_markdown(verification(matching(1), unknown(2), narrower, differing(4)))
    headings = re.findall("^##+ (.*)$", found, re.MULTILINE)
    assert headings == [
        "Accounts that differ",
        "000000000004",
        "000000000003",
        "Accounts that could not be checked",
        "000000000002",
        "What to do",
    ]
    assert "**Accounts: 1 match, 2 differs, 1 unknown. More access than expected: 1.**" in found


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_breaks_out_of_its_markup(hostile: str) -> None:
    found = as_markdown(replace(verification(with_everything(hostile)), expected=hostile))
    benign = as_markdown(replace(verification(with_everything("text")), expected="text"))
    assert structure(found) == structure(benign)
    assert all(line.isprintable() for line in found.splitlines())
    assert len(found.splitlines()) == len(benign.splitlines())
    outside_code = re.sub("(`+) ?.*?[^`]\\1(?!`)", "", found)
    assert not re.search(r"(?<!\w)@\w|#[0-9]+\b(?!;)|://|www\.", outside_code)


def test_positive_control_breaks_out_of_its_markup() -> None:
    """Without escapes, most of these names change the structure."""
    benign = structure("- text **a**")
    assert sum(structure(f"- {hostile} **a**") != benign for hostile in HOSTILE) > 6


@pytest.mark.parametrize("hostile", HOSTILE)
def test_escaped_text_reads_as_it_is(hostile: str) -> None:
    assert plain(f"a {text(hostile)}") == f"a {' '.join(hostile.split())}"
    assert structure(text(f"a {hostile}")) == structure("a")
    assert plain(f"a {code(hostile)}") == f"a {' '.join(hostile.split())}".replace("|", "\\|")
    rows = "\n".join(table(["a", "b"], [[text(hostile), code(hostile)]]))
    assert structure(rows) == structure("\n".join(table(["a", "b"], [["text", "`text`"]])))


def test_code_of_an_empty_text_is_empty() -> None:
    assert code(" \n") == ""


def big(number: int, hostile: str, effect: str = "broader") -> AccountResult:
    """Return an account with more than fits."""
    many = [difference(what=hostile, effect=effect, actions=(hostile,) * 99)] * 99
    full = with_everything(hostile, number)
    roles = (role(full.account, *many, unknown=(hostile,) * 99, notes=(hostile,) * 99),) * 2
    return replace(full, roles=roles, others=full.others * 99)


@pytest.mark.parametrize("hostile", ["x" * 70_000, "<" * 70_000, "`x" * 40_000, "$@a" * 9_000])
@pytest.mark.parametrize("number", [1, 30, 1_000])
def test_always_fits_in_a_comment(hostile: str, number: int) -> None:
    accounts = [big(account, hostile) for account in range(number)]
    accounts += [unknown(account, reason=hostile, name=hostile) for account in range(number)]
    accounts += [matching(account, notes=(hostile + str(account),)) for account in range(number)]
    found = as_markdown(replace(verification(*accounts), expected=hostile))
    assert len(found) <= MARKDOWN_LIMIT < GITHUB
    counts = f"{number:,} match, {number:,} differs, {number:,} unknown"
    assert f"**Accounts: {counts}. More access than expected: {number:,}.**" in found
    assert "more lines about this account.**" in found
    shown = len(re.findall("^### ", found, re.MULTILINE))
    cut = re.findall(r"\*\*Cut here: ([0-9,]+) more of ", found)
    assert shown + sum(int(left.replace(",", "")) for left in cut) == 2 * number


def test_counts_every_account_that_is_left_out_with_more_access_first() -> None:
    narrower = [differing(number, difference(effect="narrower")) for number in range(1, 2_000)]
    found = as_markdown(verification(*narrower, differing(9_999), unknown(8_888)))
    shown = re.findall("^### ([0-9]+)", found, re.MULTILINE)
    assert shown[0] == "000000009999"
    left = 2_000 - len(shown)
    assert 0 < left < 1_900
    assert f"**Cut here: {left:,} more of 2,000 accounts.**" in found
    assert "**Cut here: 1 more of 1 accounts.**" in found
    broad = as_markdown(verification(*[differing(number) for number in range(2_000)]))
    assert re.search(r"Cut here: ([0-9,]+) more of 2,000 accounts, \1 with more access", broad)


def test_does_not_repeat_accounts_that_match() -> None:
    found = as_markdown(verification(*(matching(number) for number in range(1_000))))
    assert "**Accounts: 1,000 match.**" in found
    assert len(found) < 300


def test_reports_that_there_is_no_account() -> None:
    assert "**Accounts: none.**" in as_markdown(verification())
    assert "None" not in as_markdown(MIXED)
