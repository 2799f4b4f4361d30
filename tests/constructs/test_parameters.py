"""A template parameter accepts what its validator accepts. The rest of it does not change."""

from typing import Any

import pytest
from aws_cdk import App, Aws, CfnParameter, Stack
from aws_cdk.assertions import Template

from pump_roles.constructs.trust_policy import literal_or_parameter
from pump_roles.validators import EXTERNAL_ID, PRINCIPAL, ArgumentError
from tests.support import messages_of


def test_literal_is_validated_and_stays_a_literal() -> None:
    stack = Stack()
    assert literal_or_parameter(EXTERNAL_ID, "external_id", "ab", scope=stack) == "ab"
    for value in ["a", "", Aws.NO_VALUE, None, 12]:
        with pytest.raises(ArgumentError, match=r"^external_id: "):
            literal_or_parameter(
                EXTERNAL_ID,
                "external_id",
                value,  # type: ignore[arg-type]
                scope=stack,
            )


def test_parameter_gets_the_validators_pattern_and_nothing_else() -> None:
    stack = Stack(App(), "S")
    parameter = CfnParameter(stack, "P")
    reference = literal_or_parameter(EXTERNAL_ID, "external_id", parameter, scope=stack)
    assert stack.resolve(reference) == {"Ref": "P"}
    assert Template.from_stack(stack).find_parameters("P")["P"] == {
        "Type": "String",
        "AllowedPattern": EXTERNAL_ID.pattern,
    }


def test_says_once_that_it_set_the_pattern() -> None:
    stack = Stack()
    parameter = CfnParameter(stack, "P")
    for _ in range(2):
        literal_or_parameter(EXTERNAL_ID, "external_id", parameter, scope=stack)
    (info,) = messages_of(parameter, "info")
    assert info.endswith(
        "set the allowed pattern of this parameter to that of external_id "
        "[ack: pump-roles:allowed-pattern]"
    )


def test_says_nothing_about_a_pattern_that_the_customer_set() -> None:
    stack = Stack()
    parameter = CfnParameter(stack, "P", allowed_pattern=EXTERNAL_ID.pattern)
    literal_or_parameter(EXTERNAL_ID, "external_id", parameter, scope=stack)
    assert messages_of(parameter, "info") == []


def test_parameter_keeps_its_own_lengths_description_and_default() -> None:
    stack = Stack(App(), "S")
    own: dict[str, Any] = {
        "min_length": 20,
        "max_length": 30,
        "constraint_description": "ask us",
        "description": "Our ID",
        "default": "a" * 20,
        "no_echo": True,
    }
    parameter = CfnParameter(stack, "P", **own)
    literal_or_parameter(EXTERNAL_ID, "external_id", parameter, scope=stack)
    assert Template.from_stack(stack).find_parameters("P")["P"] == {
        "Type": "String",
        "AllowedPattern": EXTERNAL_ID.pattern,
        "MinLength": 20,
        "MaxLength": 30,
        "ConstraintDescription": "ask us",
        "Description": "Our ID",
        "Default": "a" * 20,
        "NoEcho": True,
    }


def test_one_parameter_serves_several_arguments_of_one_kind() -> None:
    stack = Stack(App(), "S")
    parameter = CfnParameter(stack, "P")
    for argument in ["external_id", "next_external_id"]:
        literal_or_parameter(EXTERNAL_ID, argument, parameter, scope=stack)
    with pytest.raises(ArgumentError, match=r"^pump_principal: S/P has a different allowed"):
        literal_or_parameter(PRINCIPAL, "pump_principal", parameter, scope=stack)


class AnotherReference(CfnParameter):
    @property
    def value_as_string(self) -> str:
        return "*"


class TwiceTheReference(CfnParameter):
    @property
    def value_as_string(self) -> str:
        return f"{super().value_as_string}{super().value_as_string}"


def test_rejects_a_parameter_that_accepts_more() -> None:
    stack = Stack(App(), "S")

    def parameter(name: str, **more: Any) -> CfnParameter:
        return CfnParameter(stack, name, **more)

    for rejected, message in [
        (parameter("P", allowed_pattern=".*"), "S/P has a different allowed pattern"),
        (parameter("Empty", allowed_pattern=""), "S/Empty has a different allowed pattern"),
        (parameter("Type", type="Number"), "S/Type is a parameter of type Number"),
        (parameter("List", type="CommaDelimitedList"), "type CommaDelimitedList, must be String"),
        (parameter("Default", default="*"), r"default of S/Default\): '\*' is not"),
        (parameter("Blank", default=""), r"default of S/Blank\): '' is not"),
        (CfnParameter(Stack(App(), "T"), "Other"), "T/Other is a parameter of another stack"),
        (AnotherReference(stack, "Another"), "the value of S/Another is not a reference"),
        (TwiceTheReference(stack, "Twice"), "the value of S/Twice is not a reference"),
    ]:
        before = rejected.allowed_pattern
        with pytest.raises(ArgumentError, match=message):
            literal_or_parameter(EXTERNAL_ID, "external_id", rejected, scope=stack)
        assert rejected.allowed_pattern == before
