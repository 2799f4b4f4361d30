"""Where the roles are deployed, differences, and what is not known, in words."""

from dataclasses import replace
from typing import Any

import pytest

from pump_roles.compare.difference import Difference
from pump_roles.iam.identity_policies import Scope, Value
from pump_roles.iam.trust import Principal
from pump_roles.review.output.descriptions import (
    Sides,
    count_actions,
    describe_place,
    describe_scope,
    describe_unknown,
    details_of,
)
from pump_roles.role.assembly import Deployment
from pump_roles.role.unknowns import AssemblyUnknown, RoleUnknown, Unknown


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        (("ec2:RunInstances", "s3:GetObject"), "2 actions"),
        (("s3:*",), "1 pattern"),
        # The catalog has only some services.
        (("ec2:RunInstances", "all but iam:CreateUser"), "at least 1 action and 1 pattern"),
    ],
)
def test_number_of_actions_is_exact_only_without_a_pattern(
    actions: tuple[str, ...], said: str
) -> None:
    assert count_actions(actions, "action", "actions") == said


ONE, TWO, THREE = "ou-abcd-11111111", "ou-abcd-22222222", "ou-abcd-33333333"
ACCOUNT, OTHER = "111122223333", "444455556666"


def place(**members: Any) -> Deployment:
    return Deployment(kind="auto-pilot", source="a.template.json", **members)


def stack_set(**members: Any) -> Deployment:
    return place(**{"stack_set": "Pump", "call_as": "management", **members})


def unread(name: str) -> Unknown:
    return AssemblyUnknown(part="place", why="unreadable", subject=name)


ACCOUNTS = unread("Accounts")
HERE = "One stack, in the account where you deploy it"
TO = "The StackSet Pump deploys it to"
EVERY = f"{TO} every account of {ONE}."
GETS_IT = "An account that is added to these units later gets it automatically"
STAYS_OUT = "An account that is added to these units later does not get it."


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (place(), f"{HERE}."),
        (place(region="us-east-1"), f"{HERE}, us-east-1."),
        (place(account=ACCOUNT), f"One stack, in account {ACCOUNT}."),
        (place(unreadable=(ACCOUNTS,)), f"{HERE}. Not certain: its Accounts cannot be read."),
        (stack_set(units=(ONE,)), f"{EVERY} {STAYS_OUT}"),
        (
            stack_set(units=(ONE, TWO, THREE), automatic=True),
            f"{TO} every account of {ONE}, {TWO} and {THREE}. {GETS_IT}.",
        ),
        (
            stack_set(units=(ONE,), filter="exclude", accounts=(ACCOUNT, OTHER), automatic=True),
            (
                f"{TO} the accounts of {ONE}, except {ACCOUNT} and {OTHER}. "
                f"{GETS_IT}, even if the account filter excludes it today."
            ),
        ),
        (
            stack_set(units=(ONE, TWO), filter="only", accounts=(ACCOUNT,)),
            f"{TO} {ACCOUNT}, if in {ONE} and {TWO}. {STAYS_OUT}",
        ),
        (
            stack_set(units=(ONE,), filter="UNION", accounts=(ACCOUNT,)),
            f"{TO} the accounts of {ONE}, filtered by UNION with {ACCOUNT}. {STAYS_OUT}",
        ),
        (
            stack_set(units=(ONE,), call_as="delegated-admin"),
            f"{EVERY} {STAYS_OUT} A delegated administrator deploys the StackSet.",
        ),
        (
            stack_set(account=ACCOUNT, region="us-east-1"),
            (
                f"The StackSet Pump of account {ACCOUNT} in us-east-1 deploys it to "
                "no account that the template names."
            ),
        ),
        # Self-managed.
        (
            stack_set(call_as="", accounts=(ACCOUNT, OTHER)),
            f"{TO} the accounts {ACCOUNT} and {OTHER}.",
        ),
        # Accounts that cannot be read are never shown as none.
        (
            stack_set(unreadable=(ACCOUNTS,)),
            f"{TO} accounts that cannot be read. Not certain: its Accounts cannot be read.",
        ),
        (
            stack_set(units=(ONE,), filter="exclude"),
            f"{TO} the accounts of {ONE}, except accounts that cannot be read. {STAYS_OUT}",
        ),
    ],
)
def test_says_where_a_role_is_deployed(found: Deployment, words: str) -> None:
    assert describe_place(found) == words


def test_resource_with_a_comma_is_not_shown_as_two() -> None:
    assert describe_scope(Scope(resources=("a, b",))) == 'on "a, b"'
    assert describe_scope(Scope(resources=("a", "b"))) == "on a, b"


def test_value_of_a_guardrail_that_only_one_side_has_is_not_compared() -> None:
    both = Difference(
        rule="policy-changed", effect="broader", part="inline-policies", was=("a",), now=("b",)
    )
    assert details_of(both, "time") == ["a before, b now"]
    assert details_of(replace(both, now=()), "time") == ["a"]
    assert details_of(replace(both, was=()), "time") == ["b"]


@pytest.mark.parametrize("sides", ["time", "account", "template"])
def test_what_is_gone_is_not_worded_like_what_is_missing(sides: Sides) -> None:
    found = Difference(
        rule="trust-policy",
        effect="narrower",
        lost=(Principal("role", Value("known", "was")),),
        gained=(Principal("role", Value("known", "now")),),
        unreadable=True,
    )
    lost, has = "does not trust", "does not have"
    if sides == "time":
        lost, has = "no longer trusts", "no longer has"
    assert details_of(found, sides) == [
        "trusts now",
        f"{lost} was",
        f"{has} a statement that cannot be read",
    ]


@pytest.mark.parametrize(
    ("unknown", "words"),
    [
        (RoleUnknown(part="tags", why="unreadable"), "its tags cannot be read"),
        (RoleUnknown(part="tags", why="unreadable", detail="why"), "its tags cannot be read: why"),
        (
            RoleUnknown(part="name", why="unreadable", detail="why"),
            "its name cannot be read, so what attaches to it by name is not seen",
        ),
        (RoleUnknown(part="role", why="member", subject="M"), "its member M cannot be read"),
        (
            RoleUnknown(part="role", why="member", subject="M", detail="D"),
            "the member M of D cannot be read",
        ),
        (
            AssemblyUnknown(part="place", why="member", subject="M", detail="D"),
            "the member M of its D cannot be read",
        ),
        (
            RoleUnknown(part="trust-policy", why="open", subject="2"),
            (
                "2 external IDs were not compared: the expected values are not known; pass "
                "templates that have them"
            ),
        ),
        (
            RoleUnknown(part="boundary", why="not-in-files"),
            "its permissions boundary is not in the files",
        ),
        (
            RoleUnknown(part="session", why="not-in-files", detail="R"),
            (
                "its maximum session duration is not in the files; also pass the output of aws iam "
                "get-role --role-name R"
            ),
        ),
    ],
)
def test_most_specific_text_says_why_something_is_not_known(unknown: Unknown, words: str) -> None:
    assert describe_unknown(unknown) == words
