"""The trust policy has one statement, one principal, and an external ID that must match."""

from typing import Any

import pytest
from aws_cdk import CfnParameter, Stack

from pump_roles import published
from pump_roles.constructs.trust_policy import validated_trust
from pump_roles.validators import EXTERNAL_ID, PRINCIPAL, ArgumentError
from tests.support import PUMP_ACCOUNT, messages_of, size_of, trust


def trust_policy(scope: Stack, **arguments: Any) -> dict[str, Any]:
    trusted = validated_trust(scope, **{"pump_principal": PUMP_ACCOUNT, **arguments})
    return published.trust_policy(*trusted)


def test_trust_policy_is_one_statement() -> None:
    assert trust_policy(Stack(), external_id="ab") == trust(PUMP_ACCOUNT, "ab")


def test_accepts_both_ids_during_rotation() -> None:
    policy = trust_policy(Stack(), external_id="old", next_external_id="new")
    expected = trust(PUMP_ACCOUNT, "old")
    expected["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": ["old", "new"]}}
    assert policy == expected


def test_accepts_parameters_and_sets_their_patterns() -> None:
    stack = Stack()
    principal, first, second = (CfnParameter(stack, name) for name in ("Principal", "Id", "Next"))
    policy = trust_policy(
        stack, pump_principal=principal, external_id=first, next_external_id=second
    )
    (statement,) = stack.resolve(policy)["Statement"]
    assert statement["Principal"] == {"AWS": {"Ref": "Principal"}}
    assert statement["Condition"] == {
        "StringEquals": {"sts:ExternalId": [{"Ref": "Id"}, {"Ref": "Next"}]}
    }
    assert [parameter.allowed_pattern for parameter in (principal, first, second)] == [
        PRINCIPAL.pattern,
        EXTERNAL_ID.pattern,
        EXTERNAL_ID.pattern,
    ]


def test_accepts_2048_characters_and_not_one_more() -> None:
    shortest = size_of(trust(PUMP_ACCOUNT, "ab"))
    # A second ID adds a list around both, a comma and its quotes: five characters.
    second = 2048 - (shortest - 2 + 1224) - 5
    too_long = "^next_external_id: the trust policy would have 2,049 characters, at most 2,048 all"
    for longer in [0, 1]:
        ids = {"external_id": "a" * 1224, "next_external_id": "b" * (second + longer)}
        if longer:
            with pytest.raises(ArgumentError, match=too_long):
                trust_policy(Stack(), **ids)
        else:
            policy = trust_policy(Stack(), **ids)
            assert size_of(policy) == 2048


def test_rejects_one_id_as_both() -> None:
    stack = Stack()
    for one in ("ab", CfnParameter(stack, "Id")):
        with pytest.raises(ArgumentError, match="must differ from the external ID") as raised:
            trust_policy(stack, external_id=one, next_external_id=one)
        assert raised.value.argument == "next_external_id"
        assert "ab" not in raised.value.problem.split()


@pytest.mark.parametrize(("length", "warned"), [(2, True), (15, True), (16, False), (1224, False)])
def test_warns_about_a_short_literal_id_without_showing_it(length: int, *, warned: bool) -> None:
    stack = Stack()
    trust_policy(stack, external_id="a" * length)
    warnings = messages_of(stack, "warning")
    assert len(warnings) == warned
    for warning in warnings:
        assert warning.startswith(f"external_id has only {length} characters; ")
        assert "aa" not in warning


def test_does_not_warn_about_a_parameter() -> None:
    stack = Stack()
    trust_policy(
        stack, external_id=CfnParameter(stack, "Id"), next_external_id=CfnParameter(stack, "Next")
    )
    assert messages_of(stack, "warning") == []


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("pump_principal", "PRINCIPAL"),
        ("pump_principal", "000000000000"),
        ("external_id", "EXTERNAL_ID"),
        ("next_external_id", "NEW_EXTERNAL_ID"),
    ],
)
def test_rejects_placeholders_and_impossible_principals(argument: str, value: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{argument}: '{value}' "):
        trust_policy(Stack(), **{"external_id": "ab", argument: value})
