"""A deny whose condition no session of a role meets limits nothing; any other one does."""

from typing import Any

import pytest

from pump_roles.iam.catalog import shipped
from pump_roles.iam.conditions import parse_condition
from pump_roles.iam.decisions import PolicyEvaluator
from pump_roles.iam.identity_policies import parse_policy
from pump_roles.iam.session_conditions import end_of, has_ended, start_of
from tests.support import ago
from tools.sandbox.simulator import ALLOWED, Role, decide, use

ALLOW = {"Effect": "Allow", "Action": "*", "Resource": "*"}
RUN, TAGS = "ec2:RunInstances", "ce:GetTags"
PAST, NEXT, LATER = "2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "2110-01-01T00:00:00Z"
ARN = "arn:aws:iam::123456789012:role/R"


def document(condition: Any) -> dict[str, Any]:
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    return {"Version": "2012-10-17", "Statement": [ALLOW, deny]}


def decision(condition: Any, action: str = RUN) -> str:
    policy = parse_policy(document(condition), name="P")
    return PolicyEvaluator([policy], shipped()).grant(action).decision


NEVER: list[Any] = [
    {"Null": {"aws:TokenIssueTime": "true"}},
    {"StringEquals": {"aws:PrincipalType": "User"}},
    {"StringNotEquals": {"aws:PrincipalType": "AssumedRole"}},
    {"ForAnyValue:StringLike": {"aws:PrincipalType": ["User", "Account"]}},
    {"StringEquals": {"aws:username": "alice"}},
    {"StringLike": {"aws:username": "${aws:username}"}},
    {"Null": {"aws:username": "false"}},
    {"Bool": {"aws:PrincipalIsAWSService": "true"}},
    {"DateLessThan": {"aws:CurrentTime": PAST}},
    {"DateLessThanEquals": {"aws:CurrentTime": "2020-01-01"}},
    {"NumericLessThan": {"aws:EpochTime": "1577836800"}},
    {"DateEquals": {"aws:CurrentTime": PAST}},
    {"DateLessThan": {"aws:TokenIssueTime": PAST}},
    {"DateLessThan": {"aws:TokenIssueTime": ago(hours=13)}},
    {"StringEquals": {"k": "a"}, "StringNotEquals": {"k": "a"}},
    {"StringEquals": {"aws:RequestedRegion": "a"}, "StringLike": {"aws:RequestedRegion": "b*"}},
    {"StringLike": {"aws:PrincipalTag/a": "a*"}, "StringNotLike": {"aws:PrincipalTag/a": "a*"}},
    {"StringLike": {"aws:PrincipalArn": "b*"}, "ArnLike": {"aws:PrincipalArn": ARN}},
    {"StringEquals": {"aws:PrincipalTag/a": "a"}, "Null": {"aws:PrincipalTag/a": "true"}},
    {"Bool": {"aws:SecureTransport": "true"}, "BoolIfExists": {"aws:SecureTransport": "false"}},
    {"DateGreaterThan": {"aws:CurrentTime": LATER}, "DateLessThan": {"aws:CurrentTime": NEXT}},
    {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "IpAddressIfExists": {"aws:SourceIp": "::/0"}},
    {"StringEquals": {"aws:RequestedRegion": "us-*"}},
    {"StringEqualsIfExists": {"aws:PrincipalArn": f"{ARN}*"}},
    {"StringIs": {"aws:RequestedRegion": "us-east-1"}},
    {"StringEquals": {"aws:RequestedRegion": []}},
    {"StringEquals": {"rds:DatabaseEngine": "mysql"}},
]

SOMETIMES: list[Any] = [
    {"Null": {"aws:TokenIssueTime": "false"}},
    {"Null": {"aws:PrincipalOrgID": "true"}},
    {"StringEquals": {"aws:PrincipalType": ["User", "AssumedRole"]}},
    {"StringNotEquals": {"aws:PrincipalType": "User"}},
    {"StringNotEquals": {"aws:username": "alice"}},
    {"StringEqualsIfExists": {"aws:username": "alice"}},
    {"ForAllValues:StringEquals": {"aws:username": "alice"}},
    {"Bool": {"aws:PrincipalIsAWSService": "false"}},
    {"DateLessThan": {"aws:CurrentTime": NEXT}},
    {"DateGreaterThan": {"aws:CurrentTime": PAST}},
    {"DateGreaterThan": {"aws:CurrentTime": NEXT}, "DateLessThan": {"aws:CurrentTime": LATER}},
    # A session lasts for at most 12 hours.
    {"DateLessThan": {"aws:TokenIssueTime": ago(hours=11)}},
    {"DateLessThan": {"aws:TokenIssueTime": NEXT}},
    {"DateGreaterThan": {"aws:TokenIssueTime": PAST}},
    {
        "StringEquals": {"aws:PrincipalTag/a": ["a", "b"]},
        "StringNotEquals": {"aws:PrincipalTag/a": "a"},
    },
    {
        "StringLike": {"aws:RequestedRegion": "us-*"},
        "StringEquals": {"aws:RequestedRegion": "us-east-1"},
    },
    {"StringEqualsIfExists": {"k": "a"}, "Null": {"k": "true"}},
    {
        "ForAnyValue:StringEquals": {"aws:TagKeys": "a"},
        "ForAnyValue:StringNotEquals": {"aws:TagKeys": "a"},
    },
    {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "NotIpAddress": {"aws:SourceIp": "10.1.0.0/16"}},
    {"StringEquals": {"aws:RequestTag/a": "a*"}},
    {"StringNotEquals": {"aws:RequestedRegion": "us-*"}},
    {"StringEquals": {"aws:RequestedRegion": ["us-*", "us-east-1"]}},
    {"StringEquals": {"ec2:InstanceType": "t3.micro"}},
    {"StringNotEquals": {"rds:DatabaseEngine": "mysql"}},
]


@pytest.mark.parametrize("condition", NEVER)
def test_deny_that_never_applies_to_a_session_limits_nothing(condition: Any) -> None:
    assert decision(condition) == "allowed"


@pytest.mark.parametrize("condition", SOMETIMES)
def test_deny_that_can_apply_to_a_session_limits(condition: Any) -> None:
    assert decision(condition) == "conditionally denied"


@pytest.mark.parametrize(
    ("condition", "end", "ended"),
    [
        ({"DateLessThan": {"aws:CurrentTime": PAST}}, "2020-01-01T00:00:00Z", True),
        ({"DateLessThanEquals": {"aws:CurrentTime": "2020-01-01"}}, "2020-01-01T00:00:00Z", True),
        ({"NumericLessThan": {"aws:EpochTime": "1577836800"}}, "2020-01-01T00:00:00Z", True),
        ({"DateEquals": {"aws:CurrentTime": PAST}}, "2020-01-01T00:00:00Z", True),
        (
            {"DateLessThan": {"aws:CurrentTime": [PAST, "2999-06-01T18:00:00+02:00"]}},
            "2999-06-01T16:00:00Z",
            False,
        ),
        (
            {
                "DateLessThan": {"aws:CurrentTime": "2999-01-01"},
                "DateLessThanEquals": {"aws:CurrentTime": PAST},
            },
            "2020-01-01T00:00:00Z",
            True,
        ),
        # Never met, but not because its time has passed.
        (
            {
                "DateLessThan": {"aws:CurrentTime": "2999-01-01"},
                "DateGreaterThan": {"aws:CurrentTime": "2999-01-02"},
            },
            "2999-01-01T00:00:00Z",
            False,
        ),
        ({"DateLessThan": {"aws:TokenIssueTime": PAST}}, "", False),
        ({"DateGreaterThan": {"aws:CurrentTime": PAST}}, "", False),
        ({"DateNotEquals": {"aws:CurrentTime": PAST}}, "", False),
        ({"StringEquals": {"aws:CurrentTime": PAST}}, "", False),
        ({"DateLessThan": {"aws:CurrentTime": [PAST, "${aws:x}"]}}, "", False),
        ({"NumericLessThan": {"aws:EpochTime": "1" * 300}}, "", False),
        ({"Null": {"aws:CurrentTime": "false"}}, "", False),
        ({"Bool": {"a:b": "true"}}, "", False),
    ],
)
def test_condition_ends_when_the_time_of_a_request_decides(
    condition: Any, end: str, *, ended: bool
) -> None:
    parsed = parse_condition(condition)
    assert (end_of(parsed), has_ended(parsed)) == (end, ended)


@pytest.mark.parametrize(
    ("condition", "start"),
    [
        ({"DateGreaterThan": {"aws:CurrentTime": "2999-01-01"}}, "2999-01-01T00:00:00Z"),
        ({"DateEquals": {"aws:CurrentTime": "2999-01-01"}}, "2999-01-01T00:00:00Z"),
        ({"NumericGreaterThanEquals": {"aws:EpochTime": "32472144000"}}, "2999-01-01T00:00:00Z"),
        (
            {"DateGreaterThan": {"aws:CurrentTime": ["2999-06-01", "2999-01-01"]}},
            "2999-01-01T00:00:00Z",
        ),
        (
            {
                "DateGreaterThan": {"aws:CurrentTime": "2999-01-01"},
                "DateGreaterThanEquals": {"aws:CurrentTime": "2999-06-01"},
            },
            "2999-06-01T00:00:00Z",
        ),
        # It has begun.
        ({"DateGreaterThan": {"aws:CurrentTime": PAST}}, ""),
        ({"DateGreaterThan": {"aws:CurrentTime": ["2999-01-01", PAST]}}, ""),
        ({"DateLessThan": {"aws:CurrentTime": "2999-01-01"}}, ""),
        ({"DateGreaterThan": {"aws:TokenIssueTime": "2999-01-01"}}, ""),
        ({"DateGreaterThan": {"aws:CurrentTime": ["2999-01-01", "${aws:x}"]}}, ""),
        ({"NumericGreaterThan": {"aws:EpochTime": "1" * 300}}, ""),
    ],
)
def test_condition_begins_when_the_time_of_a_request_decides(condition: Any, start: str) -> None:
    assert start_of(parse_condition(condition)) == start


def test_key_limits_only_the_actions_for_which_aws_documents_it() -> None:
    condition = {"StringEquals": {"ec2:InstanceType": "t3.micro"}}
    assert decision(condition, TAGS) == "allowed"
    tagged = {"StringEquals": {"aws:ResourceTag/a": "b"}}
    assert decision(tagged, "ec2:DescribeInstances") == "allowed"
    assert decision(tagged) == "conditionally denied"


CONTEXT = {
    "aws:PrincipalType": "AssumedRole",
    "aws:TokenIssueTime": "2099-01-01T00:00:00Z",
    "aws:CurrentTime": "2099-01-01T01:00:00Z",
    "aws:PrincipalIsAWSService": "false",
    "aws:SecureTransport": "true",
    "aws:RequestedRegion": "us-east-1",
    "aws:SourceIp": "10.0.0.1",
    "aws:PrincipalTag/a": "a",
}


def test_simulator_allows_what_a_deny_that_never_applies_is_about() -> None:
    """It rejects an operator that does not exist, and a condition without values."""
    decidable = [each for each in NEVER if "StringIs" not in each and [] not in [*each.values()]]
    decidable = [each for each in decidable if "k" not in next(iter(each.values()))]
    asked = [
        use(Role("R", {}, {"P": document(each)}), action=TAGS, context=CONTEXT)
        for each in decidable
    ]
    assert {*decide(asked)} == {ALLOWED}
