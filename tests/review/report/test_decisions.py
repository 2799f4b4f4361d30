"""What a role can do, from policies of any form."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.iam.catalog import shipped
from pump_roles.iam.conditions import parse_condition
from pump_roles.iam.decisions import (
    ALLOWED,
    CONDITIONALLY,
    DENIED,
    NOT_GRANTED,
    PARTLY,
    Grant,
    PolicyEvaluator,
)
from pump_roles.iam.identity_policies import Scope, parse_policy
from pump_roles.review.output.report_descriptions import number_of
from pump_roles.review.report import RISKS
from tests.support import a_statement, action_count, another, changed, examples, said
from tools.sandbox import catalog
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.simulator import ALLOWED as SIMULATED_ALLOWED
from tools.sandbox.simulator import Role, Simulation, decide, use


def test_all_but_some_actions_is_all_but_those(text: str, tmp_path: Path) -> None:
    statement = {"Effect": "Allow", "NotAction": ["ec2:*", "rds:*"], "Resource": "*"}
    report = changed(text, tmp_path, a_statement(statement))
    granted = {
        action.name: [pattern for _, pattern in action.roles["auto-pilot"].granted_by]
        for action in report.actions
    }
    assert "ec2:TerminateInstances" not in granted
    assert "rds:DeleteDBInstance" not in granted
    assert granted["ecs:DeleteCluster"] == ["all but ec2:*, rds:*"]


def test_counts_money_for_published_actions_and_says_what_is_not_covered(
    text: str, tmp_path: Path
) -> None:
    (published,) = changed(text, tmp_path, lambda *_: None).roles
    assert published.money == 8
    instances = {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}
    report = changed(text, tmp_path, a_statement(instances))
    (role,) = report.roles
    assert (role.money, role.exact, role.as_published) == (8, True, False)
    assert number_of(role) == f"{role.effective}"
    assert {number_of(role, risk)[-1] for risk in RISKS} == {"+"}
    assert (
        "For actions that Pump does not publish, this report does not say whether they spend money "
        "or return data. The answers cover only the actions that they name, so none is No."
    ) in said(report)


def grant_of(*statements: Mapping[str, Any]) -> Grant:
    """How a role with some statements has ec2:RunInstances."""
    policy = parse_policy({"Version": "2012-10-17", "Statement": [*statements]}, name="P")
    return PolicyEvaluator([policy], shipped()).grant("ec2:RunInstances")


RUN: dict[str, Any] = {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}
A, B, C = (f"arn:aws:ec2:us-east-1:{ACCOUNT_ID}:instance/{name}" for name in "abc")
HERE = {**RUN, "Resource": [B, A]}
IF = {"Bool": {"aws:SecureTransport": "true"}}
SECURE = Scope(condition=parse_condition(IF))


@pytest.mark.parametrize(
    ("statements", "allowed_on"),
    [
        ([RUN], ()),
        ([HERE], (Scope(resources=(A, B)),)),
        ([HERE, RUN], ()),
        ([{**RUN, "Resource": [A, "*"]}], ()),
        ([{**RUN, "Condition": {}}], ()),
        ([{**RUN, "Condition": IF}], (SECURE,)),
        (
            [HERE, {**RUN, "Resource": C}],
            (Scope(resources=(A, B)), Scope(resources=(C,))),
        ),
        ([{**RUN, "Resource": [f"{A}, {B}"]}], (Scope(resources=(f"{A}, {B}",)),)),
        ([{**RUN, "Resource": {"Ref": "X"}}], (Scope(resources=(), unresolved=('{"Ref": "X"}',)),)),
    ],
)
def test_says_where_and_when_an_action_is_allowed(
    statements: list[Any], allowed_on: tuple[Scope, ...]
) -> None:
    grant = grant_of(*statements)
    assert (grant.decision, grant.allowed_on, grant.limits) == (ALLOWED, allowed_on, ())
    assert grant.granted_by == (("P", "ec2:RunInstances"),)


DENY = {**RUN, "Effect": "Deny"}
ON_A = {**DENY, "Resource": A}


@pytest.mark.parametrize(
    ("denies", "decision", "limits"),
    [
        ([DENY], DENIED, ()),
        ([ON_A], PARTLY, (Scope(resources=(A,)),)),
        ([{**DENY, "Condition": IF}, ON_A], CONDITIONALLY, (SECURE, Scope(resources=(A,)))),
        ([{**DENY, "Condition": IF}, DENY], DENIED, ()),
        # What another deny covers says nothing more, wherever it stands.
        ([ON_A, {**ON_A, "Condition": IF}], PARTLY, (Scope(resources=(A,)),)),
        ([{**ON_A, "Condition": IF}, ON_A], PARTLY, (Scope(resources=(A,)),)),
        ([{**DENY, "Action": ["ec2:RunInstances", {"Ref": "X"}]}], ALLOWED, ()),
    ],
)
def test_says_where_and_when_an_action_is_denied(
    denies: list[Any], decision: str, limits: tuple[Scope, ...]
) -> None:
    grant = grant_of(RUN, *denies)
    assert (grant.decision, grant.limits) == (decision, limits)
    assert grant.denied_by == (() if decision == ALLOWED else ("P",))


@pytest.mark.parametrize(
    ("name", "arn", "decision"),
    [
        ("Deny", "", ALLOWED),
        ("DENY", "", ALLOWED),
        ('{"Ref": "AWS::StackName"}', "", ALLOWED),
        ("Another", "", DENIED),
        ('{"Ref": "AWS::StackName"}', "arn:aws:iam::111122223333:policy/P", DENIED),
    ],
)
def test_deny_counts_unless_another_inline_policy_may_replace_its_policy(
    name: str, arn: str, decision: str
) -> None:
    deny = parse_policy({"Statement": DENY}, name="Deny")
    other = parse_policy({"Statement": RUN}, name=name, arn=arn)
    assert PolicyEvaluator([deny, other], shipped()).grant("ec2:RunInstances").decision == decision


REQUESTED = (
    "ec2:PurchaseReservedInstancesOffering",
    "ec2:ModifyReservedInstances",
    "ec2:RunInstances",
    "savingsplans:ReturnSavingsPlan",
    "rds:PurchaseReservedDBInstancesOffering",
)
RESOURCES = (
    *("*", "arn:aws:s3:::x", "arn:aws:ec2:*:*:reserved-instances/*", "arn:aws:ec2:*:*:instance/*"),
    *("arn:*:*:*:*:*", "arn:aws:ec2:*", "arn:aws:savingsplans::*:savingsplan/?*", "arn:aws:rds"),
)


@examples(thorough=30, quick=5)
@given(st.data())
def test_statement_about_resources_that_an_action_cannot_have_decides_nothing(
    data: st.DataObject,
) -> None:
    """The policy simulator decides about an example of each resource of the action."""
    grants: list[Grant] = []
    asked: list[list[Simulation]] = []
    for name in REQUESTED:
        member = data.draw(st.sampled_from(["Resource", "NotResource"]))
        listed = data.draw(st.lists(st.sampled_from(RESOURCES), min_size=1, max_size=2))
        statement = {"Effect": "Allow", "Action": name, member: listed}
        if data.draw(st.booleans()):
            everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
            document = {"Statement": [everything, {**statement, "Effect": "Deny"}]}
        else:
            document = {"Statement": [statement]}
        grants.append(PolicyEvaluator([parse_policy(document, name="P")], shipped()).grant(name))
        role = Role("R", {}, {"P": document})
        resources = catalog.actions()[name.lower()].resources
        asked.append([use(role, action=name, resource=resource) for resource in resources])
    decided = iter(decide([simulation for each in asked for simulation in each]))
    for grant, each in zip(grants, asked, strict=True):
        found = {next(decided) == SIMULATED_ALLOWED for _ in each}
        if grant.decision in (DENIED, NOT_GRANTED):
            assert True not in found, grant
        if grant.decision == ALLOWED and not grant.allowed_on:
            assert False not in found, grant


@pytest.mark.parametrize(
    ("action", "resources", "decision"),
    [
        *((name, {"NotResource": ["*", "arn:aws:s3:::x"]}, ALLOWED) for name in REQUESTED),
        *((name, {"Resource": "arn:aws:s3:::x"}, ALLOWED) for name in REQUESTED),
        *((name, {"Resource": "no ARN"}, ALLOWED) for name in (*REQUESTED, "s3:GetObject")),
        *((name, {"Resource": []}, ALLOWED) for name in (*REQUESTED, "s3:GetObject")),
        (REQUESTED[0], {"NotResource": "arn:aws:rds:*:*:*"}, DENIED),
        (REQUESTED[0], {"Resource": {"Ref": "X"}}, PARTLY),
        (REQUESTED[0], {"NotResource": {"Ref": "X"}}, PARTLY),
        (REQUESTED[1], {"Resource": "arn:aws:${X}:*:*:reserved-instances/*"}, PARTLY),
        (REQUESTED[1], {"Resource": "arn:${AWS::Partition}:ec2:*:*:*/*"}, PARTLY),
        (REQUESTED[1], {"NotResource": "arn:aws:ec2:*:*:instance/*"}, PARTLY),
        ("s3:GetObject", {"Resource": "arn:aws:s3:::x"}, PARTLY),
    ],
)
def test_deny_that_never_applies_limits_nothing(
    action: str, resources: dict[str, Any], decision: str
) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": action, **resources}
    denying = parse_policy({"Statement": [everything, deny]}, name="P")
    grant = PolicyEvaluator([denying], shipped()).grant(action)
    assert (grant.decision, bool(grant.limits)) == (decision, decision == PARTLY)
    # An Allow applies in the same places.
    allowing = parse_policy({"Statement": {**deny, "Effect": "Allow"}}, name="P")
    grant = PolicyEvaluator([allowing], shipped()).grant(action)
    never = decision == ALLOWED
    assert (grant.decision == NOT_GRANTED, bool(grant.allowed_on)) == (never, decision == PARTLY)


@pytest.mark.parametrize(
    ("action", "more", "decision"),
    [
        (REQUESTED[1], {}, DENIED),
        (REQUESTED[1], {"Condition": IF}, CONDITIONALLY),
        (REQUESTED[1], {"Condition": {"StringEquals": {"aws:username": "a"}}}, ""),
        # AWS documents the key for another action.
        (REQUESTED[1], {"Condition": {"StringEquals": {"rds:DatabaseEngine": "a"}}}, ""),
        ("*", {"Condition": {"StringEquals": {"aws:RequestTag/a": "b"}}}, CONDITIONALLY),
        (REQUESTED[1], {"Resource": "arn:aws:s3:::b"}, ""),
        # The role does not have it, so far.
        ("s3:GetObject", {"Resource": "arn:aws:s3:::b"}, PARTLY),
    ],
)
def test_policy_list_says_what_a_deny_limits(
    action: str, more: dict[str, Any], decision: str, text: str, tmp_path: Path
) -> None:
    denying = another({"Statement": {"Effect": "Deny", "Action": action, "Resource": "*", **more}})
    (role,) = changed(text, tmp_path, denying).roles
    (pattern,) = role.policies[-1].patterns
    assert (pattern.pattern, pattern.decision) == (action, decision)


@pytest.mark.parametrize(
    ("action", "resources", "denied"),
    [
        ("ce:UpdatePreferences", {"Resource": "arn:aws:ce:us-east-1:123456789012:*"}, ALLOWED),
        ("ce:UpdatePreferences", {"NotResource": "arn:aws:ce:*:*:*"}, PARTLY),
        (REQUESTED[1], {"Resource": "arn:aws:ec2:*:*:instance/*"}, ALLOWED),
        # The wildcard also stands for the account.
        ("ec2:DeregisterImage", {"Resource": "arn:aws:ec2:*:image/*"}, ALLOWED),
        ("iam:DeleteUser", {"Resource": "arn:aws:*:user/*"}, ALLOWED),
    ],
)
def test_where_resources_are_not_certain_an_allow_counts_and_a_deny_does_not(
    action: str, resources: dict[str, Any], denied: str
) -> None:
    """AWS may check resources that it does not document. A wildcard that ends a part of an ARN can
    match beyond it: IAM User Guide, "IAM JSON policy elements: Resource".
    """
    statement = {"Action": action, **resources}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}

    def grant(*statements: dict[str, Any]) -> Grant:
        policy = parse_policy({"Statement": [*statements]}, name="P")
        return PolicyEvaluator([policy], shipped()).grant(action)

    assert grant(everything, {**statement, "Effect": "Deny"}).decision == denied
    assert grant({**statement, "Effect": "Allow"}).allowed_on


def test_pattern_matching_does_not_take_exponential_time(text: str, tmp_path: Path) -> None:
    hostile = {"Effect": "Allow", "Action": f"e{'*a' * 30}z", "Resource": "*"}
    assert changed(text, tmp_path, a_statement(hostile)).roles[0].actions == action_count(
        "auto-pilot"
    )
