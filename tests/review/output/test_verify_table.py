"""The table: what needs attention comes first, and ARNs are never broken."""

import re
from dataclasses import replace

import pytest

from pump_roles.review.account.organization import Organization
from pump_roles.review.account.verify.verification import AccountResult
from pump_roles.review.compare import Difference
from pump_roles.review.output.verify_table import as_table
from pump_roles.review.output.verify_words import REMEDIES, UNVERIFIED_REMEDY
from tests.review.account.verify.results import (
    APPROVED,
    difference,
    differing,
    matching,
    not_read,
    other_role,
    role,
    unknown,
    verification,
    with_everything,
)

LONGEST_LINE = 2_000


def test_shows_each_difference_with_what_it_means() -> None:
    account = with_everything("text", number=4)
    assert as_table(verification(account, matching(2), unknown(3)), styled=False) == (
        "compared with: the published roles\n"
        "organization: o-abcd123456, management account 111122223333\n"
        "\n"
        "differs 000000000004 (text)\n"
        "  not checked: the account could not be read: text\n"
        "  broader: the management account of its organization is 111122223333 instead of "
        "444455556666 (organization)\n"
        "  broader: the role arn:aws:iam::000000000001:role/text: text (other-access)\n"
        "    can be assumed by: text, text, text, text, text, text, text, text and 12 more\n"
        "  differs arn:aws:iam::000000000004:role/PumpReadOnlyRole (read-only)\n"
        "    broader: the inline policy text is not expected (policy-added)\n"
        "      1 action: allowed in the account instead of denied by text0\n"
        "      1 action: allowed in the account instead of denied by text1\n"
        "      1 action: allowed in the account instead of denied by text2\n"
        "      1 action: allowed in the account instead of denied by text3\n"
        "      and 5 more changes\n"
        "      actions: text, text, text, text, text, text, text, text and 12 more\n"
        "    other: the tag text is missing (tag-removed)\n"
        "    narrower: the permissions boundary text is not expected (boundary-added)\n"
        "    not checked: it could not be read: text\n"
        "    note: it could not be read: text\n"
        "    only-when-approved: open: text\n"
        "    last used: 2026-11-25T08:15:00Z in us-east-1\n"
        "\n"
        "unknown 000000000003\n"
        "  not checked: the role Audit could not be assumed: denied\n"
        "\n"
        "match 000000000002\n"
        "  match arn:aws:iam::000000000002:role/PumpReadOnlyRole (read-only)\n"
        "\n"
        "what to do:\n"
        f"  policy-added: {REMEDIES['policy-added']}\n"
        f"  boundary-added: {REMEDIES['boundary-added']}\n"
        f"  tag-removed: {REMEDIES['tag-removed']}\n"
        f"  other-access: {REMEDIES['other-access']}\n"
        f"  organization: {REMEDIES['organization']}\n"
        f"  unverified: {UNVERIFIED_REMEDY}\n"
        "\n"
        "accounts: 1 match, 1 differs, 1 unknown\n"
    )


@pytest.mark.parametrize(
    ("accounts", "checked"),
    [
        ((), False),
        ((matching(1),), True),
        ((differing(1),), True),
        ((matching(1), unknown(2)), False),
        ((matching(1, unknown=(not_read("its tags"),)),), False),
        ((differing(1), differing(2, unknown=(not_read("roles cannot be listed"),))), False),
        (
            (
                replace(
                    differing(1), roles=(role("1", difference(), unknown=(not_read("its tags"),)),)
                ),
            ),
            False,
        ),
    ],
)
def test_says_what_to_do_unless_everything_was_checked(
    accounts: tuple[AccountResult, ...], *, checked: bool
) -> None:
    table = as_table(verification(*accounts), styled=False)
    assert (f"  unverified: {UNVERIFIED_REMEDY}\n" in table) == (not checked)


def test_names_each_organization_once_and_says_if_there_is_none() -> None:
    alone = replace(matching(1), organization=Organization())
    member = Organization(id="o-abcd123456", management_account="111122223333")
    members = [replace(matching(number), organization=member) for number in (2, 3)]
    assert as_table(verification(alone, *members, matching(4)), styled=False).splitlines()[1] == (
        "organization: none; o-abcd123456, management account 111122223333"
    )
    assert "organization" not in as_table(verification(matching(1)), styled=False)


def test_many_accounts_that_match_are_counted_but_open_guardrails_are_named() -> None:
    accounts = [matching(number) for number in range(1, 11)]
    found = as_table(verification(*accounts, matching(11, approvals=(APPROVED,))), styled=False)
    assert (
        "match: 11 accounts\n"
        "  open: The read-only role PumpReadOnlyRole in account 000000000011: the guardrail "
        "only-when-approved: open: approved.\n"
    ) in found


STOPPED = "Pump is stopped by this boundary; remove it only when Pump may continue."
STOPS = Difference(
    rule="boundary-stops",
    effect="narrower",
    part="boundary",
    subject="arn:aws:iam::aws:policy/AWSDenyAll",
    now=("arn:aws:iam::aws:policy/AWSDenyAll",),
)


def test_stopped_role_says_so_and_nothing_advises_to_undo_it() -> None:
    stopped = replace(matching(1), roles=(role("1", STOPS, stopped=True),))
    found = as_table(verification(stopped), styled=False)
    assert (
        "    narrower: the permissions boundary AWSDenyAll (AWS managed) is not expected "
        "(boundary-stops)\n"
        f"    AWSDenyAll: {STOPPED}\n"
    ) in found
    assert f"what to do:\n  boundary-stops: {STOPPED}\n\naccounts:" in found
    instead = replace(STOPS, was=("arn:aws:iam::aws:policy/Other",))
    stopped = replace(matching(1), roles=(role("1", instead, stopped=True),))
    assert (
        "its permissions boundary is AWSDenyAll (AWS managed) instead of Other (AWS managed) "
        "(boundary-stops)\n"
    ) in as_table(verification(stopped), styled=False)


def test_stopped_roles_that_match_say_so_also_if_accounts_are_only_counted() -> None:
    said = f"AWSDenyAll: {STOPPED}"
    assert f"    {said}\n" in as_table(verification(matching(1, stopped=True)), styled=False)
    accounts = [matching(number, stopped=number > 1) for number in range(1, 12)]
    found = as_table(verification(*accounts), styled=False)
    assert f"match: 11 accounts\n  {said} (10 roles)\n" in found
    running = [matching(number) for number in range(1, 12)]
    assert STOPPED not in as_table(verification(*running, differing(12)), styled=False)


def test_what_needs_attention_is_first() -> None:
    narrower = difference(effect="narrower")
    found = verification(
        matching(1),
        unknown(2),
        differing(3, narrower),
        differing(4, narrower, others=(other_role("Old", alarm="open"),)),
        differing(5, narrower, difference()),
    )
    lines = as_table(found, styled=False).splitlines()
    accounts = [line for line in lines if re.match("(match|differs|unknown) [0-9]", line)]
    assert accounts == [
        "differs 000000000004",
        "differs 000000000005",
        "differs 000000000003",
        "unknown 000000000002",
        "match 000000000001",
    ]
    effects = re.findall("(broader|narrower):", "\n".join(lines))
    assert effects == ["broader", "narrower", "broader", "narrower", "narrower"]


def test_many_matching_accounts_are_counted() -> None:
    note = "an external ID is not compared"
    matches = [matching(number, notes=(not_read(note),)) for number in range(10, 1_010)]
    table = as_table(verification(*matches, differing(1), unknown(2)), styled=False)
    assert len(table.splitlines()) < 20
    shown = "it could not be read: an external ID is not compared (1,000 roles)"
    assert f"match: 1,000 accounts\n  note: {shown}\n" in table
    assert table.endswith("\naccounts: 1,000 match, 1 differs, 1 unknown\n")
    table = as_table(verification(*matches[:10]), styled=False)
    assert "match: " not in table
    assert table.count("note: ") == 10


def test_reports_that_there_is_no_account() -> None:
    assert as_table(verification(), styled=False).endswith("\naccounts: none\n")


@pytest.mark.parametrize("long", ["x" * 70_000, "x " * 35_000])
def test_no_line_is_too_long(long: str) -> None:
    account = with_everything(long)
    account = replace(account, others=account.others * 1_000)
    many = role(
        "000000000001", *[difference(subject=long)] * 1_000, unknown=(not_read(long),) * 1_000
    )
    table = as_table(verification(account, replace(account, roles=(many,))), styled=False)
    assert max(map(len, table.splitlines())) < LONGEST_LINE
    assert "and 980 more differences" in table
    assert "and 980 more other roles" in table
    assert len(table) < 200_000
