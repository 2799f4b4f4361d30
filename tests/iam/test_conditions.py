"""Whether a request of which only some keys are known meets a condition."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.iam.conditions import Condition, parse_condition

ARN = "arn:aws:iam::111122223333:role/path/R"
KEYS = {"aws:principalarn": ARN, "k": "Ab", "absent": None}


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ({}, True),
        ({"StringEquals": {"K": ["x", "Ab"]}}, True),
        ({"StringEquals": {"k": "ab"}}, False),
        ({"StringEqualsIgnoreCase": {"k": "ab"}}, True),
        ({"StringNotEqualsIgnoreCase": {"k": "ab"}}, False),
        ({"StringLike": {"k": "A?"}}, True),
        ({"StringNotLike": {"k": "a*"}}, True),
        ({"StringNotEquals": {"k": ["x", "Ab"]}}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:*:iam::*:role/*/R"}}, True),
        ({"ArnEquals": {"aws:PrincipalArn": "arn:*:iam::*:role/R"}}, False),
        # A wildcard is within one part.
        ({"ArnLike": {"aws:PrincipalArn": "arn:*:role/path/R"}}, False),
        ({"StringLike": {"aws:PrincipalArn": "arn:*:role/path/R"}}, True),
        ({"ArnNotLike": {"aws:PrincipalArn": ARN}}, False),
        # Without the key.
        ({"StringEquals": {"absent": "x"}}, False),
        ({"StringNotEquals": {"absent": "x"}}, True),
        ({"StringEqualsIfExists": {"absent": "x"}}, True),
        ({"StringEqualsIfExists": {"k": "x"}}, False),
        ({"Null": {"absent": "true"}}, True),
        ({"Null": {"absent": "false"}}, False),
        ({"Null": {"k": True}}, False),
        # All tests must be met, so one that is not decides.
        ({"StringEquals": {"k": "Ab", "absent": "x"}}, False),
        ({"StringEquals": {"k": "x", "other": "x"}}, False),
        ({"StringEquals": {"k": "Ab", "other": "x"}}, None),
        # What is not known.
        ({"StringEquals": {"k": "${aws:username}"}}, None),
        ({"ForAllValues:StringEquals": {"k": "Ab"}}, None),
        ({"DateLessThan": {"k": "2026-11-25T08:15:00Z"}}, None),
        ({"Null": {"k": "yes"}}, None),
        ({"Null": {"k": ["true", "false"]}}, None),
        ({"StringEquals": {"k": [{"Ref": "X"}]}}, None),
        ({"StringEquals": "text"}, None),
        ("text", None),
    ],
)
def test_condition_is_met_only_if_that_is_certain(condition: Any, met: bool | None) -> None:  # noqa: FBT001
    assert parse_condition(condition).is_met(KEYS) is met


OPERATORS = [
    f"{kind}{negation}{way}{suffix}"
    for kind, ways in (("String", ("Equals", "EqualsIgnoreCase", "Like")), ("Arn", ("Like",)))
    for way in ways
    for negation in ("", "Not")
    for suffix in ("", "IfExists")
]
VALUES = st.lists(st.sampled_from(["a", "A", "a*", "?", "*", "arn:a:b:c:d:e", "arn:*"]), max_size=3)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    found: dict[str, dict[str, Any]] = {}
    for operator in draw(st.lists(st.sampled_from(OPERATORS), max_size=2)):
        found.setdefault(operator, {})[draw(st.sampled_from(["k", "l"]))] = draw(VALUES)
    return parse_condition(found)


KNOWN = st.dictionaries(
    st.sampled_from(["k", "l"]), st.sampled_from([None, "a", "A", "b", "arn:a:b:c:d:e"])
)


@given(conditions(), conditions(), KNOWN)
def test_request_that_meets_a_condition_meets_what_it_implies(
    condition: Condition, other: Condition, keys: dict[str, str | None]
) -> None:
    if condition.implies(other) and condition.is_met(keys):
        assert other.is_met(keys) is not False
    # To know more never changes what is certain.
    more = {"k": "b", "l": None, **keys}
    if (known := condition.is_met(keys)) is not None:
        assert condition.is_met(more) is known
