"""The trust policy: one statement, one principal, an external id that must match."""

import json
from typing import Any

import pytest
from aws_cdk import Aws, CfnParameter, Stack
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.forms import ArgumentError
from pump_roles.trust import Trust
from tests.conftest import trust

ACCOUNT = "999988887777"


def trust_policy(scope: Stack, **arguments: Any) -> dict[str, Any]:
    return Trust.of(scope, **arguments).policy


def test_is_one_statement() -> None:
    policy = trust_policy(Stack(), pump_principal=ACCOUNT, external_id="ab")
    assert policy == trust(ACCOUNT, "ab")


def test_accepts_both_ids_while_one_replaces_the_other() -> None:
    policy = trust_policy(
        Stack(), pump_principal=ACCOUNT, external_id="old", next_external_id="new"
    )
    (statement,) = policy["Statement"]
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": ["old", "new"]}}


def test_takes_parameters() -> None:
    stack = Stack()
    policy = trust_policy(
        stack,
        pump_principal=CfnParameter(stack, "Principal"),
        external_id=CfnParameter(stack, "Id"),
        next_external_id=CfnParameter(stack, "Next"),
    )
    (statement,) = stack.resolve(policy)["Statement"]
    assert statement["Principal"] == {"AWS": {"Ref": "Principal"}}
    assert statement["Condition"] == {
        "StringEquals": {"sts:ExternalId": [{"Ref": "Id"}, {"Ref": "Next"}]}
    }


@given(st.integers(min_value=2, max_value=1224), st.integers(min_value=2, max_value=1224))
def test_stays_within_iams_quota(first: int, second: int) -> None:
    arguments = {
        "pump_principal": ACCOUNT,
        "external_id": "a" * first,
        "next_external_id": "b" * second,
    }
    try:
        policy = trust_policy(Stack(), **arguments)
    except ArgumentError as error:
        assert error.argument == "next_external_id"
        assert error.problem.endswith("allowed are 2,048")
        assert first + second > 1800
    else:
        assert len("".join(json.dumps(policy).split())) <= 2048


def test_takes_2048_characters_and_not_one_more() -> None:
    empty = len(json.dumps(trust_policy(Stack(), pump_principal=ACCOUNT, external_id="ab")))
    spaces = len(json.dumps(trust(ACCOUNT, "ab"))) - len(
        json.dumps(trust(ACCOUNT, "ab"), separators=(",", ":"))
    )
    # A second id adds a list around both, a comma and its quotes: five characters.
    second = 2048 - (empty - spaces - 2 + 1224) - 5
    for longer in [0, 1]:
        ids = {"external_id": "a" * 1224, "next_external_id": "b" * (second + longer)}
        if longer:
            with pytest.raises(ArgumentError, match="of 2,049 characters, allowed are 2,048"):
                trust_policy(Stack(), pump_principal=ACCOUNT, **ids)
        else:
            trust_policy(Stack(), pump_principal=ACCOUNT, **ids)


@pytest.mark.parametrize("argument", ["pump_principal", "external_id", "next_external_id"])
@pytest.mark.parametrize("value", ["*", "", pytest.param(Aws.NO_VALUE, id="no-value"), 12])
def test_names_the_argument_that_is_wrong(argument: str, value: object) -> None:
    arguments = {"pump_principal": ACCOUNT, "external_id": "ab", "next_external_id": "cd"}
    with pytest.raises(ArgumentError, match=f"^{argument}: "):
        trust_policy(Stack(), **(arguments | {argument: value}))


def test_refuses_the_same_id_twice() -> None:
    with pytest.raises(ArgumentError, match=r"^next_external_id: 'ab' is the external id already"):
        trust_policy(Stack(), pump_principal=ACCOUNT, external_id="ab", next_external_id="ab")
    stack = Stack()
    parameter = CfnParameter(stack, "Id")
    with pytest.raises(ArgumentError, match="Id is the external id already"):
        trust_policy(
            stack, pump_principal=ACCOUNT, external_id=parameter, next_external_id=parameter
        )
