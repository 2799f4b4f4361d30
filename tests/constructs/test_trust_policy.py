"""The trust policy has one statement, one principal, and an external ID that must match.

Each value is a literal, or a template parameter that accepts what its validator accepts.
"""

import json
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Stack
from aws_cdk.assertions import Template

from pump_roles import ArgumentError, published
from pump_roles.constructs.roles import validated_trust
from pump_roles.inputs.validators import EXTERNAL_ID, PRINCIPAL
from tests.support import PUMP_ACCOUNT, messages_of, size_of, trust


@pytest.fixture
def stack() -> Stack:
    return Stack(App(), "S")


def trust_policy(scope: Stack, **arguments: Any) -> dict[str, Any]:
    required = {"pump_principal": PUMP_ACCOUNT, "external_id": "Example-1234-5678"}
    return published.trust_policy(*validated_trust(scope, **{**required, **arguments}))


def test_trust_policy_is_one_statement_that_accepts_both_ids_during_rotation(stack: Stack) -> None:
    expected = trust(PUMP_ACCOUNT, "ab")
    assert trust_policy(stack, external_id="ab") == expected
    expected["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": ["ab", "new"]}}
    assert trust_policy(stack, external_id="ab", next_external_id="new") == expected


def test_accepts_2048_characters_and_not_one_more(stack: Stack) -> None:
    shortest = size_of(trust(PUMP_ACCOUNT, "ab"))
    # A second ID adds a list around both, a comma and its quotes: five characters.
    second = 2048 - (shortest - 2 + 1224) - 5
    ids = {"external_id": "a" * 1224, "next_external_id": "b" * second}
    assert size_of(trust_policy(stack, **ids)) == 2048
    too_long = "^next_external_id: the trust policy would have 2,049 characters, at most 2,048 all"
    with pytest.raises(ArgumentError, match=too_long):
        trust_policy(stack, **{**ids, "next_external_id": "b" * (second + 1)})


@pytest.mark.parametrize("argument", ["external_id", "next_external_id"])
@pytest.mark.parametrize("length", [2, 15, 16, 600])
def test_warns_about_a_short_literal_id_without_showing_it(
    length: int, argument: str, stack: Stack
) -> None:
    trust_policy(stack, **{argument: "a" * length})
    warnings = messages_of(stack, "warning")
    assert len(warnings) == (length < 16)
    for warning in warnings:
        assert warning.startswith(f"the external ID has only {length} characters; ")
        assert warning.endswith(f"[ack: pump-roles:{argument}]")
        assert "aa" not in warning


def test_rejects_one_id_as_both(stack: Stack) -> None:
    for same in ("ab", CfnParameter(stack, "Id")):
        with pytest.raises(ArgumentError, match="must differ from the external ID") as raised:
            trust_policy(stack, external_id=same, next_external_id=same)
        assert raised.value.argument == "next_external_id"
        assert "ab" not in raised.value.problem.split()


# Parameters


def test_parameters_are_references_and_get_the_pattern(stack: Stack) -> None:
    principal, first, second = (CfnParameter(stack, name) for name in ("Principal", "Id", "Next"))
    for _ in range(2):
        policy = trust_policy(
            stack, pump_principal=principal, external_id=first, next_external_id=second
        )
    (statement,) = stack.resolve(policy)["Statement"]
    assert statement["Principal"] == {"AWS": {"Ref": "Principal"}}
    assert statement["Condition"] == {
        "StringEquals": {"sts:ExternalId": [{"Ref": "Id"}, {"Ref": "Next"}]}
    }
    patterns = [parameter.allowed_pattern for parameter in (principal, first, second)]
    assert patterns == [PRINCIPAL.pattern, EXTERNAL_ID.pattern, EXTERNAL_ID.pattern]
    assert messages_of(stack, "warning") == []
    with pytest.raises(ArgumentError, match=r"^pump_principal: S/Id has a different allowed"):
        trust_policy(stack, pump_principal=first)


@pytest.mark.parametrize(
    "own",
    [
        {},
        {"allowed_pattern": EXTERNAL_ID.pattern},
        {
            "min_length": 20,
            "max_length": 30,
            "constraint_description": "ask us",
            "description": "Our ID",
            "default": "a" * 20,
            "no_echo": True,
        },
    ],
)
def test_parameter_gets_the_validators_pattern_and_nothing_else(
    own: dict[str, Any], stack: Stack
) -> None:
    parameter = CfnParameter(stack, "P", **own)
    trust_policy(stack, external_id=parameter)
    expected = Stack(App(), "S")
    CfnParameter(expected, "P", **{**own, "allowed_pattern": EXTERNAL_ID.pattern})
    assert Template.from_stack(stack).to_json() == Template.from_stack(expected).to_json()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"allowed_pattern": ".*"}, "S/P has a different allowed pattern"),
        ({"allowed_pattern": ""}, "S/P has a different allowed pattern"),
        ({"type": "Number"}, "S/P is a parameter of type Number"),
        ({"type": "CommaDelimitedList"}, "type CommaDelimitedList, must be String"),
        ({"default": "a secret"}, r"default of S/P\): the value is not .*; its length is 8$"),
        ({"default": ""}, r"default of S/P\): the value is not .*; its length is 0$"),
    ],
)
def test_rejects_a_parameter_that_accepts_more(
    options: dict[str, Any], problem: str, stack: Stack
) -> None:
    parameter = CfnParameter(stack, "P", **options)
    with pytest.raises(ArgumentError, match=problem):
        trust_policy(stack, external_id=parameter)
    assert parameter.allowed_pattern == options.get("allowed_pattern")


@pytest.mark.parametrize("argument", ["pump_principal", "external_id", "next_external_id"])
def test_value_of_a_parameter_is_the_parameter(argument: str, stack: Stack) -> None:
    parameter = CfnParameter(stack, "P")
    by_value = stack.resolve(trust_policy(stack, **{argument: parameter.value_as_string}))
    assert '{"Ref": "P"}' in json.dumps(by_value)
    assert by_value == stack.resolve(trust_policy(stack, **{argument: parameter}))
    assert parameter.allowed_pattern is not None


@pytest.mark.parametrize("value", ["x{}", "{0}{0}"])
def test_text_with_a_parameter_is_a_token(value: str, stack: Stack) -> None:
    parameter = CfnParameter(stack, "P")
    with pytest.raises(ArgumentError, match=r"^external_id: .* is a token; it must be a literal"):
        trust_policy(stack, external_id=value.format(parameter.value_as_string))


def test_rejects_a_parameter_of_another_stack(stack: Stack) -> None:
    parameter = CfnParameter(Stack(App(), "T"), "Other")
    with pytest.raises(ArgumentError, match="T/Other is a parameter of another stack"):
        trust_policy(stack, external_id=parameter)
    assert parameter.allowed_pattern is None
