"""Context to arguments: the keys, which wins, and one clear error for what is wrong."""

from typing import Any

import pytest
from aws_cdk import App
from hypothesis import given
from hypothesis import strategies as st

from pump_roles import config
from tests.conftest import Synth


def arguments(context: dict[str, Any]) -> list[dict[str, str]]:
    return [dict(role.arguments) for role in config.read(context)]


def test_without_context_there_are_both_stacks_without_arguments() -> None:
    assert [role.stack_id for role in config.read({})] == ["PumpReadOnly", "PumpAutoPilot"]
    assert arguments({}) == [{}, {}]


def test_a_wrong_value_is_an_error_also_where_both_roles_override_it() -> None:
    own = {"pump:read-only:external-id": "abc", "pump:auto-pilot:external-id": "abc"}
    with pytest.raises(config.ConfigError, match=r"^pump:external-id: '' is not an external id"):
        config.read({"pump:external-id": "", **own})


def test_shared_keys_hold_for_both_roles_and_a_roles_own_win() -> None:
    assert arguments(
        {
            "pump:auto-pilot:external-id": "own",
            "pump:external-id": "shared",
            "pump:principal": "999988887777",
            "pump:read-only:role-path": "/pump/",
            "pump:permissions-boundary": "Boundary",
            "pump:read-only:next-external-id": "next",
        }
    ) == [
        {
            "external_id": "shared",
            "pump_principal": "999988887777",
            "path": "/pump/",
            "permissions_boundary": "Boundary",
            "next_external_id": "next",
        },
        {
            "external_id": "own",
            "pump_principal": "999988887777",
            "permissions_boundary": "Boundary",
        },
    ]


def test_other_tools_context_is_left_alone() -> None:
    context = {"@aws-cdk/core:checkSecretUsage": True, "availability-zones": [], "pumpkin": {}}
    assert arguments(context) == [{}, {}]


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("pump:externalid", "pump:external-id"),
        ("pump:autopilot:role-path", "pump:auto-pilot:role-path"),
        ("pump:read-only:boundary", "pump:read-only:permissions-boundary"),
        ("Pump:Principal", "pump:principal"),
        ("pump-principal", "pump:principal"),
        ("pump:read_only:external_id", "pump:read-only:external-id"),
        (" pump:external-id", "pump:external-id"),
        ("external-id", "pump:external-id"),
        ("read-only:role-path", "pump:read-only:role-path"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_one(key: str, nearest: str) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read({key: "value"})
    assert str(caught.value) == f"{key}: unknown key, did you mean {nearest}?"


@given(st.sampled_from(config.KEYS) | st.from_regex(r"(?i)pump([:_-][:\w-]*)?", fullmatch=True))
def test_a_key_that_begins_with_pump_is_known_or_an_error(key: str) -> None:
    good = {"principal": "999988887777", "role-path": "/pump/"}
    try:
        (read_only, auto_pilot) = config.read({key: good.get(key.rpartition(":")[2], "value")})
    except config.ConfigError as error:
        assert key not in config.KEYS
        assert str(error).startswith(f"{key}: unknown key, ")
        assert "pump:" in str(error).removeprefix(key)
    else:
        assert key in {**read_only.keys, **auto_pilot.keys}.values()


@pytest.mark.parametrize("value", [["a", "b"], 12, True, {"a": "b"}])
def test_a_value_that_is_not_a_string_is_an_error(value: object) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read({"pump:external-id": value})
    assert str(caught.value) == f"pump:external-id: {value!r} is not a string"


@pytest.mark.parametrize(
    ("context", "key"),
    [
        ({"pump:principal": "123"}, "pump:principal"),
        ({"pump:external-id": ""}, "pump:external-id"),
        ({"pump:external-id": "ab", "pump:next-external-id": "ab"}, "pump:next-external-id"),
        ({"pump:auto-pilot:role-path": "pump"}, "pump:auto-pilot:role-path"),
        ({"pump:read-only:permissions-boundary": "/B"}, "pump:read-only:permissions-boundary"),
        (
            {"pump:external-id": "good", "pump:read-only:external-id": ""},
            "pump:read-only:external-id",
        ),
    ],
)
def test_a_wrong_value_is_named_by_the_key_as_it_was_typed(
    context: dict[str, str], key: str, synth: Synth
) -> None:
    with pytest.raises(config.ConfigError, match=f"^{key}: '"):
        synth(context)


def test_a_stack_is_built_with_its_name() -> None:
    app = App()
    assert [role.build(app).stack_name for role in config.read({})] == [
        "PumpReadOnly",
        "PumpAutoPilot",
    ]
