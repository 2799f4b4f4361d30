"""What a role can do, from policies of any form."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pump_roles.iam.catalog import shipped
from pump_roles.iam.clauses import Scope
from pump_roles.iam.decisions import ALLOWED, CONDITIONALLY, DENIED, PARTLY, Grant, PolicyEvaluator
from pump_roles.iam.documents import Policy
from pump_roles.review.output.texts import say
from tests.support import a_statement, action_count, changed, said


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
    assert report.roles[0].money == 8
    assert not report.roles[0].as_published
    assert say("findings.unjudged") in said(report)


def grant_of(*statements: Mapping[str, Any]) -> Grant:
    """How a role with some statements has ec2:RunInstances."""
    policy = Policy(name="P", document={"Version": "2012-10-17", "Statement": [*statements]})
    return PolicyEvaluator([policy], shipped()).grant("ec2:RunInstances")


RUN: dict[str, Any] = {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}
HERE = {**RUN, "Resource": ["arn:b", "arn:a"]}
SECURE = Scope(condition='{"Bool": {"aws:securetransport": ["true"]}}')
IF = {"Bool": {"aws:SecureTransport": "true"}}


@pytest.mark.parametrize(
    ("statements", "allowed_on"),
    [
        ([RUN], ()),
        ([HERE], (Scope(resources=("arn:a", "arn:b")),)),
        ([HERE, RUN], ()),
        ([{**RUN, "Resource": ["arn:a", "*"]}], ()),
        ([{**RUN, "Condition": {}}], ()),
        ([{**RUN, "Condition": IF}], (SECURE,)),
        (
            [HERE, {**RUN, "Resource": "arn:c"}],
            (Scope(resources=("arn:a", "arn:b")), Scope(resources=("arn:c",))),
        ),
        ([{**RUN, "Resource": ["arn:a, arn:b"]}], (Scope(resources=("arn:a, arn:b",)),)),
        ([{**RUN, "Resource": {"Ref": "X"}}], (Scope(resources=('{"Ref": "X"}',)),)),
    ],
)
def test_says_where_and_when_an_action_is_allowed(
    statements: list[Any], allowed_on: tuple[Scope, ...]
) -> None:
    grant = grant_of(*statements)
    assert (grant.decision, grant.allowed_on, grant.limits) == (ALLOWED, allowed_on, ())
    assert grant.granted_by == (("P", "ec2:RunInstances"),)


DENY = {**RUN, "Effect": "Deny"}
ON_A = {**DENY, "Resource": "arn:a"}


@pytest.mark.parametrize(
    ("denies", "decision", "limits"),
    [
        ([DENY], DENIED, ()),
        ([ON_A], PARTLY, (Scope(resources=("arn:a",)),)),
        ([{**DENY, "Condition": IF}, ON_A], CONDITIONALLY, (SECURE, Scope(resources=("arn:a",)))),
        ([{**DENY, "Condition": IF}, DENY], DENIED, ()),
        # What another deny covers says nothing more, wherever it stands.
        ([ON_A, {**ON_A, "Condition": IF}], PARTLY, (Scope(resources=("arn:a",)),)),
        ([{**ON_A, "Condition": IF}, ON_A], PARTLY, (Scope(resources=("arn:a",)),)),
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
    deny = Policy(name="Deny", document={"Statement": DENY})
    other = Policy(name=name, document={"Statement": RUN}, arn=arn)
    assert PolicyEvaluator([deny, other], shipped()).grant("ec2:RunInstances").decision == decision


def test_pattern_matching_does_not_take_exponential_time(text: str, tmp_path: Path) -> None:
    hostile = {"Effect": "Allow", "Action": f"e{'*a' * 30}z", "Resource": "*"}
    assert changed(text, tmp_path, a_statement(hostile)).roles[0].actions == action_count(
        "auto-pilot"
    )
