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


@pytest.mark.parametrize("pattern", [None, EXTERNAL_ID.pattern])
def test_says_once_that_it_set_the_pattern(pattern: str | None) -> None:
    stack = Stack()
    parameter = CfnParameter(stack, "P", allowed_pattern=pattern)
    for _ in range(2):
        literal_or_parameter(EXTERNAL_ID, "external_id", parameter, scope=stack)
    said = messages_of(parameter, "info")
    assert len(said) == (pattern is None)
    assert all("the allowed pattern of this parameter to that of external_id" in it for it in said)


@pytest.mark.parametrize(
    "own",
    [
        {},
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
def test_parameter_gets_the_validators_pattern_and_nothing_else(own: dict[str, Any]) -> None:
    stack, expected = Stack(App(), "S"), Stack(App(), "S")
    parameter = CfnParameter(stack, "P", **own)
    reference = literal_or_parameter(EXTERNAL_ID, "external_id", parameter, scope=stack)
    assert stack.resolve(reference) == {"Ref": "P"}
    CfnParameter(expected, "P", **own, allowed_pattern=EXTERNAL_ID.pattern)
    assert Template.from_stack(stack).to_json() == Template.from_stack(expected).to_json()


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
    ]:
        before = rejected.allowed_pattern
        with pytest.raises(ArgumentError, match=message):
            literal_or_parameter(EXTERNAL_ID, "external_id", rejected, scope=stack)
        assert rejected.allowed_pattern == before
