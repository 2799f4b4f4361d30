"""Context to arguments: the keys, which wins, and one clear error for what is wrong."""

from typing import Any

import pytest
from aws_cdk import App
from hypothesis import given
from hypothesis import strategies as st

from pump_roles import config
from tests.conftest import Synth

UNITS = "pump:organizational-units"


def arguments(context: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(stack.arguments) for stack in config.read(context)]


def stacks(context: dict[str, Any]) -> list[str]:
    return [stack.stack_id for stack in config.read(context)]


def test_without_context_there_are_both_stacks_without_arguments() -> None:
    assert stacks({}) == ["PumpReadOnly", "PumpAutoPilot"]
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
        ("permissions_boundary", "pump:permissions-boundary"),
        ("permissionsBoundary", "pump:permissions-boundary"),
        ("auto_pilot:guardrails", "pump:auto-pilot:guardrails"),
        ("organizational_units", "pump:organizational-units"),
        ("read-only:role-path", "pump:read-only:role-path"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_one(key: str, nearest: str) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read({key: "value"})
    assert str(caught.value) == f"{key}: unknown key, did you mean {nearest}?"


GOOD: dict[str, Any] = {
    "principal": "999988887777",
    "role-path": "/pump/",
    "organizational-units": ["r-abcd"],
    "exclude-accounts": "111111111111",
    "only-accounts": "111111111111",
    "max-concurrent-percentage": "5",
    "failure-tolerance-percentage": 5,
    "call-as": "delegated-admin",
    "guardrails": "recommended",
    "only-in-regions": "us-east-1",
    "until": "2027-01-31T18:00:00Z",
    "invitations-from": "111122223333",
}


@given(st.sampled_from(config.KEYS) | st.from_regex(r"(?i)pump([:_-][:\w-]*)?", fullmatch=True))
def test_a_key_that_begins_with_pump_is_known_or_an_error(key: str) -> None:
    units = {} if key.endswith(UNITS.removeprefix("pump:")) else {UNITS: "r-abcd"}
    try:
        read = config.read({key: GOOD.get(key.rpartition(":")[2], "value"), **units})
    except config.ConfigError as error:
        assert key not in config.KEYS
        assert str(error).startswith(f"{key}: unknown key, ")
        assert "pump:" in str(error).removeprefix(key)
    else:
        assert key in {key for stack in read for key in stack.keys.values()}


def test_a_number_that_has_to_be_in_quotes() -> None:
    with pytest.raises(config.ConfigError, match=r"it is a number, put it in quotes$"):
        config.read({"pump:principal": 999988887777})


@pytest.mark.parametrize("value", [["a", "b"], 12, True, {"a": "b"}])
def test_a_value_that_is_not_a_string_is_an_error(value: object) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read({"pump:external-id": value})
    assert str(caught.value).startswith(f"pump:external-id: {value!r} is not an external id: ")


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
    assert [stack.build(app).stack_name for stack in config.read({UNITS: "r-abcd"})] == [
        "PumpReadOnly",
        "PumpAutoPilot",
        "PumpReadOnlyRollout",
        "PumpAutoPilotRollout",
    ]


def test_a_role_has_a_rollout_where_it_has_units() -> None:
    own = {"pump:auto-pilot:organizational-units": "ou-abcd-12345678"}
    singles = ["PumpReadOnly", "PumpAutoPilot"]
    assert stacks(own) == [*singles, "PumpAutoPilotRollout"]
    assert arguments({UNITS: "r-abcd", **own})[2:] == [
        {"organizational_units": ["r-abcd"], "gate": None},
        {"organizational_units": ["ou-abcd-12345678"], "gate": None},
    ]


def test_a_delegated_administrators_app_has_rollouts_alone() -> None:
    delegated = {"pump:call-as": "delegated-admin"}
    assert stacks({UNITS: "r-abcd", **delegated}) == ["PumpReadOnlyRollout", "PumpAutoPilotRollout"]
    assert stacks({"pump:read-only:organizational-units": "r-abcd", **delegated}) == [
        "PumpReadOnlyRollout"
    ]


def test_lists_and_numbers_come_as_json_or_as_the_command_lines_strings() -> None:
    typed = {
        UNITS: "ou-abcd-87654321, ou-abcd-12345678",
        "pump:exclude-accounts": "111111111111,222222222222",
        "pump:max-concurrent-percentage": "5",
        "pump:failure-tolerance-percentage": "0",
    }
    as_json = {
        UNITS: ["ou-abcd-87654321", "ou-abcd-12345678"],
        "pump:exclude-accounts": ["111111111111", "222222222222"],
        "pump:max-concurrent-percentage": 5,
        "pump:failure-tolerance-percentage": 0,
    }
    assert arguments(typed) == arguments(as_json)
    assert arguments(as_json)[2] == {
        "organizational_units": ["ou-abcd-87654321", "ou-abcd-12345678"],
        "exclude_accounts": ["111111111111", "222222222222"],
        "max_concurrent_percentage": 5,
        "failure_tolerance_percentage": 0,
        "gate": None,
    }


def test_two_filters_are_named_as_they_were_typed(synth: Synth) -> None:
    with pytest.raises(config.ConfigError) as caught:
        synth(
            {
                UNITS: "r-abcd",
                "pump:auto-pilot:exclude-accounts": "1" * 12,
                "pump:auto-pilot:only-accounts": "2" * 12,
            }
        )
    assert str(caught.value) == (
        "pump:auto-pilot:only-accounts: cannot stand beside pump:auto-pilot:exclude-accounts; give "
        "one of them"
    )


def test_a_filter_of_the_roles_own_takes_the_place_of_a_shared_one() -> None:
    read_only, auto_pilot = arguments(
        {
            UNITS: "r-abcd",
            "pump:exclude-accounts": "1" * 12,
            "pump:auto-pilot:only-accounts": "2" * 12,
        }
    )[2:]
    assert read_only["exclude_accounts"] == ["1" * 12]
    assert auto_pilot["only_accounts"] == ["2" * 12]
    assert "exclude_accounts" not in auto_pilot


def test_a_key_of_a_role_that_a_delegated_administrators_app_has_not_is_an_error() -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read(
            {
                "pump:read-only:organizational-units": "r-abcd",
                "pump:call-as": "delegated-admin",
                "pump:auto-pilot:permissions-boundary": "Boundary",
            }
        )
    assert str(caught.value) == (
        "pump:auto-pilot:permissions-boundary: a delegated administrator's app has no auto-pilot "
        "role without pump:auto-pilot:organizational-units"
    )


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (
            {"pump:call-as": "management"},
            "pump:call-as: is for a rollout, which needs pump:organizational-units",
        ),
        (
            {
                "pump:auto-pilot:organizational-units": "r-abcd",
                "pump:read-only:only-accounts": "1" * 12,
            },
            (
                "pump:read-only:only-accounts: is for a rollout, which needs "
                "pump:read-only:organizational-units"
            ),
        ),
    ],
)
def test_a_rollouts_key_needs_units(context: dict[str, str], message: str) -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read(context)
    assert str(caught.value) == message


def test_who_deploys_holds_for_both_roles() -> None:
    with pytest.raises(config.ConfigError) as caught:
        config.read({UNITS: "r-abcd", "pump:read-only:call-as": "management"})
    assert str(caught.value) == (
        "pump:read-only:call-as: unknown key, it holds for both roles: pump:call-as"
    )
