"""The document of a verification: what needs attention comes first, and what to do about it."""

import re
from dataclasses import replace
from typing import get_args

import pytest

from pump_roles.compare.difference import Difference, Rule
from pump_roles.iam.identity_policies import Value
from pump_roles.iam.trust import Principal
from pump_roles.review.account.organization import Organization
from pump_roles.review.account.verification import AccountResult, ExpectedRole, StoppedBy
from pump_roles.review.output.descriptions import describe_remedy
from pump_roles.review.output.verify_sections import remedies
from pump_roles.role.unknowns import RoleUnknown, RoleWhy
from tests.documents import written
from tests.review.account.results import (
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


def table(*accounts: AccountResult) -> str:
    return written(verification(*accounts), "table")


def test_shows_each_difference_with_what_it_means() -> None:
    found = verification(with_everything("text", number=4), matching(2), unknown(3))
    assert written(found, "table") == (
        "Pump is not stopped: PumpReadOnlyRole in 2 accounts. Not known: 2 accounts that could not "
        "be read.\n"
        "Pump's roles in AWS accounts\n"
        "Compared with: the published roles, SHA-256 abababababab…\n"
        "Organization: o-abcd123456, management account 111122223333.\n"
        "Management account not known: the account's organization could not be read: text. Of the "
        "roles that trust it, only those with a name that AWS gives are listed.\n"
        "Roles for the management account: 1. They are listed below, and are not a difference.\n"
        "\n"
        "Accounts that differ\n"
        "  000000000004 (text)\n"
        "    not checked: the account could not be read: text\n"
        "    broader (organization): the management account of its organization is 111122223333 "
        "instead of 444455556666\n"
        "    broader (other-access): the role arn:aws:iam::000000000001:role/text: text\n"
        "      can be assumed by: text, text, text, text, text, text, text, text, and 12 more\n"
        "    differs: read-only role arn:aws:iam::000000000004:role/PumpReadOnlyRole\n"
        "      broader (policy-added): the inline policy text is not expected\n"
        + "".join(
            f"        1 action: allowed in the account instead of denied by text{number}\n"
            for number in range(9)
        )
        + "        actions: text, text, text, text, text, text, text, text, and 12 more\n"
        "      narrower (tag-removed): the tag text does not open its guardrail\n"
        "      narrower (boundary-added): the permissions boundary text is not expected\n"
        "      not checked: it could not be read: text\n"
        "      note: it could not be read: text\n"
        "      only-when-approved: open: text\n"
        "      last used: 2026-11-25T08:15:00Z\n"
        "\n"
        "Accounts that could not be checked\n"
        "  000000000003\n"
        "    not checked: the role Audit could not be assumed: denied\n"
        "\n"
        "What the management account can use\n"
        "  arn:aws:iam::000000000001:role/Admin: text\n"
        "    can be assumed by: text\n"
        "\n"
        "What to do\n"
        + "".join(f"  {rule}: {remedy}\n" for rule, remedy in remedies(found).items())
        + "\n"
        "Accounts that match\n"
        "  000000000002\n"
        "    match: read-only role arn:aws:iam::000000000002:role/PumpReadOnlyRole\n"
        "\n"
        "More access than expected: 1.\n"
        "Accounts: 1 match, 1 differs, 1 unknown.\n"
    )


def test_says_what_is_compared_with() -> None:
    reviewed = ExpectedRole(
        kind="read-only",
        name="PumpReadOnlyRole",
        as_published=True,
        principals=(Principal("role", Value("known", "arn:aws:iam::999988887777:role/Pump")),),
        guardrails=("metadata-only", "allowed-regions (only us-east-1)"),
        findings=0,
        files=(("a.json", "ab12"),),
    )
    suspect = replace(reviewed, as_published=False, findings=2, guardrails=(), files=())
    found = replace(verification(matching(1)), expected_roles=(reviewed, suspect))
    assert written(found, "table").splitlines()[2:5] == [
        "Compared with: the published roles, SHA-256 abababababab…",
        (
            "Expected read-only role PumpReadOnlyRole: as published; principal: "
            "arn:aws:iam::999988887777:role/Pump; guardrails: metadata-only, allowed-regions (only "
            "us-east-1); no findings; a.json SHA-256 ab12."
        ),
        (
            "Expected read-only role PumpReadOnlyRole: not as published; principal: "
            "arn:aws:iam::999988887777:role/Pump; no guardrails; 2 findings."
        ),
    ]


def test_value_of_a_tag_that_does_not_open_a_guardrail_is_said() -> None:
    misspelled = replace(APPROVED, value="Approved", open=False)
    said = "closed: the tag pump-commitments has the value Approved, which does not open it\n"
    assert f"only-when-approved: {said}" in table(matching(1, approvals=(misspelled,)))


@pytest.mark.parametrize("why", ["absent", "only-elsewhere"])
def test_role_that_should_not_exist_and_does_not_is_absent(why: RoleWhy) -> None:
    found = table(matching(1, notes=(RoleUnknown(part="role", why=why),)))
    assert "    absent, as expected: read-only role arn:" in found
    assert "match: read-only" not in found


def test_markdown_begins_with_the_result() -> None:
    found = written(verification(differing(1), matching(2)), "markdown")
    assert found.startswith(
        "# Pump's roles in AWS accounts\n"
        "\n"
        "**Pump is not stopped: PumpReadOnlyRole in 2 accounts.**\n"
        "\n"
        "**More access than expected: 1.**\n"
        "\n"
        "**Accounts: 1 match, 1 differs.**\n"
        "\n"
        f"Compared with: `the published roles`, SHA-256 `{'ab' * 32}`\n"
    )
    assert (
        "## Accounts that differ\n"
        "\n"
        "- **000000000001**\n"
        "  - **differs**: read-only role `arn:aws:iam::000000000001:role/PumpReadOnlyRole`\n"
        "    - **broader** (`policy-added`): the inline policy Extra is not expected\n"
    ) in found


def test_says_what_to_do_about_each_rule() -> None:
    found = remedies(verification(with_everything(), matching(2)))
    assert [*found] == [
        *("policy-added", "boundary-added", "tag-removed", "other-access", "organization"),
        "unverified",
    ]
    said: dict[str, str] = {
        **{rule: describe_remedy(rule) for rule in get_args(Rule)},
        "unverified": (
            "It may differ from what is expected. Make sure that it can be read, then verify "
            "again. Until then, differences of this account may be missing."
        ),
    }
    assert found == {rule: remedy for rule, remedy in said.items() if rule in found}


UNREAD_TAGS = replace(
    differing(1), roles=(role("1", difference(), unknown=(not_read("its tags"),)),)
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
        ((UNREAD_TAGS,), False),
    ],
)
def test_says_what_to_do_unless_everything_was_checked(
    accounts: tuple[AccountResult, ...], *, checked: bool
) -> None:
    assert ("unverified" in remedies(verification(*accounts))) == (not checked)


def test_names_each_organization_once_and_says_if_there_is_none() -> None:
    alone = replace(matching(1), organization=Organization())
    member = Organization(id="o-abcd123456", management_account="111122223333")
    members = [replace(matching(number), organization=member) for number in (2, 3)]
    assert table(alone, *members, matching(4)).splitlines()[3] == (
        "Organization: none; o-abcd123456, management account 111122223333."
    )
    assert "Organization" not in table(matching(1))


STOPPED = "Pump is stopped by this boundary; remove it only when Pump may continue."
DENIED = StoppedBy(kind="boundary", name="AWSDenyAll")
STOPS = Difference(
    rule="boundary-stops",
    effect="narrower",
    part="boundary",
    subject="arn:aws:iam::aws:policy/AWSDenyAll",
    now=("arn:aws:iam::aws:policy/AWSDenyAll",),
)


@pytest.mark.parametrize(
    ("stops", "said"),
    [
        (STOPS, "the permissions boundary AWSDenyAll (AWS managed) is not expected"),
        (
            replace(STOPS, was=("arn:aws:iam::aws:policy/Other",)),
            "its permissions boundary is AWSDenyAll (AWS managed) instead of Other (AWS managed)",
        ),
    ],
)
def test_stopped_role_says_so_and_nothing_advises_to_undo_it(stops: Difference, said: str) -> None:
    stopped = replace(matching(1), roles=(role("1", stops, stop="stopped", stopped_by=(DENIED,)),))
    found = table(stopped)
    assert f"      AWSDenyAll: {STOPPED}\n      narrower (boundary-stops): {said}\n" in found
    assert found.startswith(
        "Pump is stopped in 1 account: PumpReadOnlyRole in 1 account, by the boundary AWSDenyAll.\n"
    )
    assert remedies(verification(stopped)) == {"boundary-stops": STOPPED}
    assert STOPPED not in table(matching(1), differing(2))


def test_what_needs_attention_is_first() -> None:
    narrower = difference(effect="narrower")
    found = table(
        matching(1),
        unknown(2),
        differing(3, narrower),
        differing(4, narrower, others=(other_role("Old", allows="open"),)),
        differing(5, narrower, difference()),
        matching(6, approvals=(APPROVED,)),
    )
    accounts = re.findall("^  0{11}([0-9])$", found, re.MULTILINE)
    assert accounts == ["4", "5", "3", "2", "6", "1"]
    effects = re.findall(r"(broader|narrower) \(", found)
    assert effects == ["broader", "narrower", "broader", "narrower", "narrower"]


@pytest.mark.parametrize(
    "members",
    [{"notes": (not_read("x"),)}, {"approvals": (APPROVED,)}, {"stopped_by": (DENIED,)}],
)
def test_many_matching_accounts_are_counted_except_those_with_something_to_know(
    members: dict[str, object],
) -> None:
    matches = [matching(number) for number in range(1_000)]
    found = verification(*matches, matching(2_000, **members))
    for shown in (written(found, "table"), written(found, "markdown")):
        assert len(re.findall(r"\b00000000[0-9]{4}\b(?!:)", shown)) == 10
        assert shown.index("000000002000") < shown.index("000000000000")
        assert "and 991 more accounts\n" in shown
        assert "Accounts: 1,001 match." in shown


def test_roles_for_the_management_account_that_are_alike_are_shown_once() -> None:
    made = other_role("Admin", principals=("444455556666",), allows="for-management")
    accounts = [
        replace(matching(at), for_management=(replace(made, arn=f"Admin{at}"),))
        for at in range(1, 1_000)
    ]
    other = replace(matching(1_000), for_management=(replace(made, principals=()),))
    for shown in (written(verification(*accounts, other), form) for form in ("table", "markdown")):
        assert "Roles for the management account: 1,000." in shown
        said = shown.partition("What the management account can use\n")[2].partition("Accounts")[0]
        assert [*re.findall("and ([0-9]+) more|(can be assumed)", said)] == [
            ("991", ""),
            ("", "can be assumed"),
        ]
    assert "Roles for the management account" not in table(matching(1), differing(2), unknown(3))


def test_reports_that_there_is_no_account() -> None:
    assert table().endswith("\nAccounts: none.\n")
