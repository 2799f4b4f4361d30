"""Where the roles are deployed, differences, and what is not known, in words."""

from typing import Any

import pytest

from pump_roles.compare import Difference
from pump_roles.iam.catalog import shipped
from pump_roles.iam.clauses import Scope
from pump_roles.output.report_words import GLOBAL_SERVICES
from pump_roles.output.words import (
    Sides,
    details_of,
    place_in_words,
    scope_in_words,
    unknown_in_words,
)
from pump_roles.published import ROLES
from pump_roles.role import Unknown
from pump_roles.templates import Place

ONE, TWO, THREE = "ou-abcd-11111111", "ou-abcd-22222222", "ou-abcd-33333333"
ACCOUNT, OTHER = "111122223333", "444455556666"


def place(**members: Any) -> Place:
    return Place(kind="auto-pilot", source="a.template.json", **members)


def stack_set(**members: Any) -> Place:
    return place(**{"stack_set": "Pump", "call_as": "management", **members})


def unread(name: str) -> Unknown:
    return Unknown(part="place", why="unreadable", subject=name)


STAYS_OUT = "An account that is added to these units later does not get it."
COMES_IN = "An account that is added to these units later gets it automatically"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (place(), "One stack, in the account where you deploy it."),
        (place(account=ACCOUNT), f"One stack, in account {ACCOUNT}."),
        (place(region="us-east-1"), "One stack, in the account where you deploy it, us-east-1."),
        (
            place(account=ACCOUNT, region="us-east-1"),
            f"One stack, in account {ACCOUNT}, us-east-1.",
        ),
        (
            place(
                unreadable=(
                    Unknown(part="template", why="transform", subject="X"),
                    Unknown(part="place", why="outer-stack-set", subject="Y"),
                )
            ),
            (
                "One stack, in the account where you deploy it. Not certain: the transform X can "
                "change the template when it is deployed. Not certain: the StackSet Y deploys it "
                "to other accounts."
            ),
        ),
        (
            stack_set(units=(ONE,)),
            (f"The StackSet Pump deploys it to every account of {ONE}. {STAYS_OUT}"),
        ),
        (
            stack_set(units=(ONE, TWO, THREE), automatic=True),
            (
                f"The StackSet Pump deploys it to every account of {ONE}, {TWO} and {THREE}. "
                f"{COMES_IN}."
            ),
        ),
        (
            stack_set(units=(ONE,), filter="exclude", accounts=(ACCOUNT, OTHER), automatic=True),
            (
                f"The StackSet Pump deploys it to the accounts of {ONE}, except {ACCOUNT} and "
                f"{OTHER}. {COMES_IN}, even if the account filter excludes it today."
            ),
        ),
        (
            stack_set(units=(ONE, TWO), filter="only", accounts=(ACCOUNT,)),
            (f"The StackSet Pump deploys it to {ACCOUNT}, if in {ONE} and {TWO}. {STAYS_OUT}"),
        ),
        (
            stack_set(units=(ONE,), filter="UNION", accounts=(ACCOUNT,)),
            (
                f"The StackSet Pump deploys it to the accounts of {ONE}, filtered by UNION with "
                f"{ACCOUNT}. {STAYS_OUT}"
            ),
        ),
        (
            stack_set(units=(ONE,), call_as="delegated-admin"),
            (
                f"The StackSet Pump deploys it to every account of {ONE}. {STAYS_OUT} A "
                "delegated administrator deploys the StackSet."
            ),
        ),
        (
            stack_set(units=(ONE,), call_as="SOMEBODY", unreadable=(unread("CallAs"),)),
            (
                f"The StackSet Pump deploys it to every account of {ONE}. {STAYS_OUT} The "
                "StackSet is called as SOMEBODY. Not certain: its CallAs cannot be read."
            ),
        ),
        (
            stack_set(account=ACCOUNT, region="us-east-1", units=(ONE,)),
            (
                f"The StackSet Pump of account {ACCOUNT} in us-east-1 deploys it to every account "
                f"of {ONE}. {STAYS_OUT}"
            ),
        ),
        # Self-managed.
        (
            stack_set(call_as="", accounts=(ACCOUNT, OTHER)),
            f"The StackSet Pump deploys it to the accounts {ACCOUNT} and {OTHER}.",
        ),
        (stack_set(), "The StackSet Pump deploys it to no account that the template names."),
        # Accounts that cannot be read are never shown as none.
        (
            stack_set(unreadable=(unread("OrganizationalUnitIds"),)),
            (
                "The StackSet Pump deploys it to accounts that cannot be read. Not certain: its "
                "OrganizationalUnitIds cannot be read."
            ),
        ),
        (
            stack_set(units=(ONE,), filter="exclude", unreadable=(unread("Accounts"),)),
            (
                f"The StackSet Pump deploys it to the accounts of {ONE}, except accounts that "
                f"cannot be read. {STAYS_OUT} Not certain: its "
                "Accounts cannot be read."
            ),
        ),
    ],
)
def test_says_where_a_role_is_deployed(found: Place, words: str) -> None:
    assert place_in_words(found) == words


def test_global_services_are_among_those_that_the_roles_touch() -> None:
    catalog = shipped()
    touched = {
        action.service for role in ROLES.values() for action in catalog.matching(role.patterns)
    }
    assert touched >= GLOBAL_SERVICES


def test_resource_with_a_comma_is_not_shown_as_two() -> None:
    assert scope_in_words(Scope(resources=("a, b",))) == 'on "a, b"'
    assert scope_in_words(Scope(resources=("a", "b"))) == "on a, b"


@pytest.mark.parametrize(
    ("sides", "lost", "unreadable"),
    [
        ("time", "no longer trusts was", "no longer has a statement that cannot be read"),
        ("account", "does not trust was", "does not have a statement that cannot be read"),
        ("template", "does not trust was", "does not have a statement that cannot be read"),
    ],
)
def test_what_is_gone_is_not_worded_like_what_is_missing(
    sides: Sides, lost: str, unreadable: str
) -> None:
    found = Difference(
        rule="trust-policy", effect="narrower", was=("was",), now=("now",), unreadable=True
    )
    assert details_of(found, sides) == ["trusts now", lost, unreadable]


@pytest.mark.parametrize(
    ("unknown", "words"),
    [
        (Unknown(part="tags", why="unreadable"), "its tags cannot be read"),
        (Unknown(part="tags", why="unreadable", detail="why"), "its tags cannot be read: why"),
        (
            Unknown(part="name", why="unreadable", detail="why"),
            "its name cannot be read, so what attaches to it by name is not seen",
        ),
        (Unknown(part="role", why="member", subject="M"), "its member M cannot be read"),
        (
            Unknown(part="role", why="member", subject="M", detail="D"),
            "the member M of D cannot be read",
        ),
        (
            Unknown(part="place", why="member", subject="M", detail="D"),
            "the member M of its D cannot be read",
        ),
        (
            Unknown(part="boundary", why="not-in-files"),
            "its permissions boundary is not in the files",
        ),
        (
            Unknown(part="session", why="not-in-files", detail="R"),
            (
                "its maximum session duration is not in the files; also pass the output of aws iam "
                "get-role --role-name R"
            ),
        ),
    ],
)
def test_most_specific_text_says_why_something_is_not_known(unknown: Unknown, words: str) -> None:
    assert unknown_in_words(unknown) == words
