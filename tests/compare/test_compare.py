"""What two roles can do differently is a difference; what means the same is none."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles import Guardrail
from pump_roles.compare import Difference, compare, compare_roles
from pump_roles.guardrails import documents
from pump_roles.iam.canonical import in_account
from pump_roles.iam.documents import Policy
from pump_roles.iam.patterns import covers
from pump_roles.iam.trust import with_external_ids
from pump_roles.output.words import details_of, difference_in_words
from pump_roles.published import ROLES
from pump_roles.role import (
    Boundary,
    Role,
    Unknown,
    published_role,
)
from tests.policies import rewritten
from tests.support import ACTIONS, ARNS, EVERYTHING, STATEMENTS, trust
from tools.sandbox.cdk import ROOT

PUMP, OTHER = "999988887777", "111122223333"
AUTO_PILOT = replace(published_role("auto-pilot"), trust_policy=trust(PUMP, "Example-1234"))


def policy(*statements: Mapping[str, Any], name: str = "Extra", arn: str = "") -> Policy:
    return Policy(
        name=name, document={"Version": "2012-10-17", "Statement": [*statements]}, arn=arn
    )


def statement(effect: str, *actions: str, **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": [*actions], "Resource": "*", **more}


def with_policies(*policies: Policy) -> Role:
    return replace(AUTO_PILOT, policies=(*AUTO_PILOT.policies, *policies))


def kinds(found: tuple[Difference, ...]) -> list[tuple[str, str, str]]:
    return [(difference.rule, difference.effect, difference.subject) for difference in found]


# Random changes of policies. Other tests change trust policies, and ask the policy simulator.

POLICIES = st.lists(st.lists(STATEMENTS, min_size=1, max_size=2), max_size=3)
Policies = list[list[dict[str, Any]]]


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Policies, Policies]:
    """Some policies, before and after statements are added, removed, moved, or replaced."""
    before = draw(POLICIES)
    after = deepcopy(before)
    for _ in range(draw(st.integers(1, 2))):
        places = [(at, index) for at, found in enumerate(after) for index in range(len(found))]
        how = draw(st.sampled_from(["add", "remove", "move", "replace"]))
        if how == "add" or not places:
            after.append([draw(STATEMENTS)])
            continue
        at, index = draw(st.sampled_from(places))
        if how == "replace":
            after[at][index] = draw(STATEMENTS)
            continue
        taken = after[at].pop(index)
        if how == "move":
            after.append([taken])
    return before, after


def role_of(policies: Policies) -> Role:
    made = (policy(*found, name=f"Policy{at}") for at, found in enumerate(policies) if found)
    return replace(AUTO_PILOT, policies=tuple(made))


def requests(policies: Policies, action: str) -> frozenset[tuple[str, bool]]:
    """The requests for an action that are allowed, by the rules of IAM: ARN and condition."""

    def applying(effect: str) -> Iterator[tuple[str, bool]]:
        for made in (each for found in policies for each in found):
            if made["Effect"] != effect or not any(covers(p, action) for p in made["Action"]):
                continue
            named: Any = made.get("Resource", made.get("NotResource"))
            listed = [named] if isinstance(named, str) else named
            for arn in ARNS:
                if (arn in listed or "*" in listed) != ("NotResource" in made):
                    yield from (
                        (arn, met) for met in (True, False) if met or "Condition" not in made
                    )

    return frozenset(applying("Allow")) - frozenset(applying("Deny"))


ASKED = [*ACTIONS, "s3:GetObject", "ec2:RunInstances"]


@given(mutated(), st.sampled_from([True, False]))
def test_whatever_a_change_allows_or_refuses_is_a_difference_that_names_its_action(
    mutation: tuple[Policies, Policies],
    over_time: bool,  # noqa: FBT001
) -> None:
    before, after = mutation
    found = compare(role_of(before), role_of(after), over_time=over_time)
    for action in ASKED:
        was, now = requests(before, action), requests(after, action)
        effects = {
            difference.effect
            for difference in found
            if any(covers(pattern, action) for pattern in difference.actions)
        }
        if now - was:
            assert effects & {"broader", "other"}, action
        if was - now:
            assert effects & {"narrower", "other"}, action


@given(st.data())
def test_roles_that_mean_the_same_have_no_difference(data: st.DataObject) -> None:
    policies = [
        replace(found, document=data.draw(rewritten(found.document)))
        for found in AUTO_PILOT.policies
    ]
    role = replace(
        AUTO_PILOT,
        policies=tuple(data.draw(st.permutations(policies))),
        trust_policy=data.draw(rewritten(AUTO_PILOT.trust_policy)),
    )
    assert compare(AUTO_PILOT, role) == ()
    assert compare(role, AUTO_PILOT) == ()


@pytest.mark.parametrize("kind", ROLES)
def test_comparison_of_equal_roles_loads_no_action_catalog(kind: str) -> None:
    code = (
        "from pump_roles.compare import compare\n"
        "from pump_roles.iam.catalog import shipped\n"
        "from pump_roles.role import published_role\n"
        f"assert compare(published_role('{kind}'), published_role('{kind}')) == ()\n"
        "assert shipped.cache_info().currsize == 0\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


# Single differences.


def test_says_how_the_decisions_on_each_action_change() -> None:
    denied = with_policies(policy(statement("Deny", "ec2:*")))
    (difference,) = compare(denied, AUTO_PILOT)
    assert kinds((difference,)) == [("policy-removed", "broader", "Extra")]
    assert {change.before.decision for change in difference.decisions} == {"denied"}
    assert {change.before.denied_by for change in difference.decisions} == {("Extra",)}
    assert {change.after.decision for change in difference.decisions} == {"allowed"}
    named = [action for change in difference.decisions for action in change.actions]
    assert difference.actions == tuple(named)
    assert "ec2:DescribeInstances" in named
    assert difference_in_words(difference) == "the inline policy Extra is missing"
    (line,) = details_of(difference)
    assert line == f"{len(named):,} actions: denied by Extra before, allowed now"


@pytest.mark.parametrize(
    ("before", "now", "effect"),
    [
        # The catalog has none of these.
        (statement("Allow", "s3:*"), statement("Allow", "s3:Get*"), "narrower"),
        (statement("Allow", "s3:Get*"), statement("Allow", "s3:*"), "broader"),
        (
            statement("Allow", "s3:*", Resource="arn:aws:s3:::a*"),
            statement("Allow", "s3:*", Resource="arn:aws:s3:::ab"),
            "narrower",
        ),
        (
            statement("Allow", "s3:*", NotResource="arn:aws:s3:::a"),
            statement("Allow", "s3:*", NotResource="arn:aws:s3:::a*"),
            "narrower",
        ),
        # The catalog has these.
        (
            statement("Allow", "ec2:RunInstances", Resource="arn:aws:ec2:*"),
            statement("Allow", "ec2:RunInstances", Resource="arn:aws:ec2:eu-west-1:*"),
            "narrower",
        ),
        (
            statement(
                "Deny",
                "ec2:*",
                Condition={"StringNotEquals": {"aws:RequestedRegion": ["a", "b"]}},
            ),
            statement("Deny", "ec2:*", Condition={"StringNotEquals": {"aws:requestedRegion": "a"}}),
            "narrower",
        ),
        (
            statement(
                "Deny",
                "ec2:*",
                Condition={"DateGreaterThanEquals": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}},
            ),
            statement(
                "Deny",
                "ec2:*",
                Condition={"DateGreaterThanEquals": {"aws:CurrentTime": "2028-01-01T00:00:00Z"}},
            ),
            "broader",
        ),
        (
            statement("Deny", "ec2:*", Condition={"StringLike": {"aws:PrincipalTag/a": "x*"}}),
            statement("Deny", "ec2:*", Condition={"StringEquals": {"aws:PrincipalTag/a": "y"}}),
            "other",
        ),
    ],
)
def test_changed_scope_of_a_statement_has_an_effect_if_one_covers_the_other(
    before: dict[str, Any], now: dict[str, Any], effect: str
) -> None:
    for statements in (before, now):
        if "NotResource" in statements:
            statements.pop("Resource", None)
    was, is_now = with_policies(policy(before)), with_policies(policy(now))
    back = {"broader": "narrower", "narrower": "broader"}.get(effect, effect)
    assert {difference.effect for difference in compare(was, is_now)} == {effect}
    assert {difference.effect for difference in compare(is_now, was)} == {back}


def test_guardrail_with_another_value_shows_both_values() -> None:
    def guarded(*regions: str) -> Role:
        ((guardrail, document),) = documents(
            [Guardrail.only_in_regions(*regions)], ROLES["auto-pilot"]
        ).items()
        return with_policies(Policy(name=guardrail.policy_name, document=document))

    (difference,) = compare(guarded("us-east-1"), guarded("us-east-1", "eu-west-1"))
    assert (difference.rule, difference.effect) == ("policy-changed", "broader")
    assert (difference.was, difference.now) == (("us-east-1",), ("eu-west-1", "us-east-1"))
    assert "ec2:PurchaseReservedInstancesOffering" in difference.actions


def test_guardrail_of_an_account_is_the_one_of_the_template() -> None:
    ((guardrail, document),) = documents(
        [Guardrail.invitations_from(OTHER)], ROLES["auto-pilot"]
    ).items()
    (sub,) = document["Statement"][0]["NotResource"]
    template = deepcopy(document)
    template["Statement"][0]["NotResource"] = [sub["Fn::Sub"]]
    expected = Policy(name=guardrail.policy_name, document=template)
    found = in_account(template, account=OTHER, partition="aws-cn")
    in_china = in_account(expected.document, account=OTHER, partition="aws-cn")
    assert found == in_china
    assert (
        compare(
            with_policies(replace(expected, document=in_china)),
            with_policies(replace(expected, document=found)),
        )
        == ()
    )


def test_policies_of_one_name_that_are_inline_and_managed_do_not_replace_each_other() -> None:
    deny, allow = policy(statement("Deny", "ec2:*")), policy(statement("Allow", "s3:*"))
    arn = f"arn:aws:iam::{OTHER}:policy/Extra"
    both = with_policies(deny, replace(allow, arn=arn))
    assert kinds(compare(with_policies(deny), both)) == [("policy-added", "broader", "Extra")]
    (difference,) = compare(with_policies(deny), both)
    assert difference.part == "managed-policies"


@pytest.mark.parametrize("document", ["text", None, [], {}, {"Statement": [1]}, {"Foo": 1}])
def test_policy_that_cannot_be_read_gives_more_access(document: Any) -> None:
    unreadable = with_policies(Policy(name="Extra", document=document))
    assert kinds(compare(AUTO_PILOT, unreadable)) == [("policy-added", "broader", "Extra")]
    assert kinds(compare(unreadable, AUTO_PILOT)) == [("policy-removed", "narrower", "Extra")]


def test_policies_that_are_not_known_are_neither_missing_nor_added() -> None:
    unknown = Unknown(part="inline-policies", why="not-read")
    role = replace(AUTO_PILOT, policies=(), unknown=(unknown,))
    assert compare(AUTO_PILOT, role) == ()
    assert compare(role, AUTO_PILOT) == ()
    first, *others = AUTO_PILOT.policies
    unread = replace(AUTO_PILOT, policies=(replace(first, document=None), *others))
    assert compare(AUTO_PILOT, unread) == ()


# What the expected role leaves open.


def opened(role: Role) -> Role:
    return replace(role, trust_policy=published_role("auto-pilot").trust_policy, name="")


def test_open_principal_external_id_and_name_can_have_any_value() -> None:
    assert compare(opened(AUTO_PILOT), AUTO_PILOT) == ()
    assert compare(opened(AUTO_PILOT), opened(AUTO_PILOT)) == ()
    two = with_external_ids(AUTO_PILOT.trust_policy, ["One-1234", "Two-1234"])
    found = compare(opened(AUTO_PILOT), replace(AUTO_PILOT, trust_policy=two))
    assert kinds(found) == [("external-id", "broader", "")]
    assert (found[0].was, found[0].now) == (("0",), ("2",))


@pytest.mark.parametrize("principal", ["*", f"arn:aws:iam::{OTHER}:role/*", [PUMP, OTHER]])
def test_open_principal_is_neither_everyone_nor_several(principal: Any) -> None:
    found = compare(opened(AUTO_PILOT), replace(AUTO_PILOT, trust_policy=trust(principal, "Id-1")))
    assert ("trust-policy", "broader") in {(each.rule, each.effect) for each in found}


def test_external_ids_are_never_part_of_a_difference() -> None:
    one, other = (
        replace(AUTO_PILOT, trust_policy=trust(PUMP, name)) for name in ("Secret-1", "Secret-2")
    )
    found = compare(one, other)
    assert kinds(found) == [("external-id", "other", "")]
    assert "Secret" not in repr(found)


def test_boundary_with_another_document_is_compared_action_by_action() -> None:
    arn = f"arn:aws:iam::{OTHER}:policy/Boundary"
    narrow = Boundary(arn=arn, document={"Statement": statement("Allow", "ec2:*")})
    wide = replace(narrow, document=EVERYTHING)
    found = compare(replace(AUTO_PILOT, boundary=narrow), replace(AUTO_PILOT, boundary=wide))
    assert kinds(found) == [("boundary-text", "broader", arn)]
    assert "rds:DescribeDBInstances" in found[0].actions
    assert (
        compare(replace(AUTO_PILOT, boundary=Boundary(arn=arn)), replace(AUTO_PILOT, boundary=wide))
        == ()
    )


def test_roles_of_two_times_are_compared_by_kind() -> None:
    read_only = published_role("read-only")
    moved = replace(AUTO_PILOT, policies=AUTO_PILOT.policies[::-1])
    assert compare_roles({"auto-pilot": AUTO_PILOT}, {"auto-pilot": moved}) == ()
    found = compare_roles(
        {"auto-pilot": AUTO_PILOT}, {"auto-pilot": AUTO_PILOT, "read-only": read_only}
    )
    assert [(kind, each.rule, each.effect) for kind, each in found] == [
        ("read-only", "role-present", "broader")
    ]
    found = compare_roles({"auto-pilot": AUTO_PILOT}, {})
    assert [(kind, each.rule, each.effect) for kind, each in found] == [
        ("auto-pilot", "role-missing", "narrower")
    ]
