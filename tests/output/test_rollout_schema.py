"""The schema of the JSON status: only what ``as_json`` writes is valid."""

import json
from dataclasses import fields
from typing import Any, get_args

import pytest

from pump_roles.account.rollout.model import (
    FINE,
    SCHEMA_VERSION,
    AccountState,
    AccountStatus,
    Retry,
    RolloutRole,
    RolloutState,
    RolloutStatus,
    Statuses,
    state_of,
)
from pump_roles.output.rollout_formats import as_json
from pump_roles.published import ROLES
from pump_roles.validators import CallAs
from tests.account.rollout.statuses import SCHEMA, with_everything
from tests.output.schemas import Json, Schema, Steps

FULL: Json = json.loads(as_json(with_everything()))
UNKNOWN = RolloutStatus(
    stack_set="PumpReadOnly", state="unknown", reason="denied", region="us-east-1"
)


CHECKED = Schema(SCHEMA, FULL)


def test_schema_is_valid_json_schema() -> None:
    CHECKED.check(SCHEMA_VERSION)


@pytest.mark.parametrize(
    "found", [with_everything(), Statuses(rollouts=(UNKNOWN,))], ids=["full", "unknown"]
)
def test_statuses_are_valid(found: Statuses) -> None:
    CHECKED.accept(json.loads(as_json(found)))


@pytest.mark.parametrize("path", CHECKED.objects, ids=str)
def test_member_that_is_missing_or_not_known_is_invalid(path: Steps) -> None:
    CHECKED.reject_other_members(path)


@pytest.mark.parametrize("path", CHECKED.places, ids=str)
def test_value_of_another_type_is_invalid(path: Steps) -> None:
    CHECKED.reject_other_types(path)


ROLLOUT: Steps = ("rollouts", 0)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (("schema",), [2]),
        (("state",), ["", "current", "Complete"]),
        ((*ROLLOUT, "stack_set"), ["", "1", "Pump ReadOnly"]),
        ((*ROLLOUT, "region"), [""]),
        ((*ROLLOUT, "call_as"), ["", "SELF"]),
        ((*ROLLOUT, "units", 0), ["", "r-", "ou-abcd"]),
        ((*ROLLOUT, "filter"), ["DIFFERENCE", "none"]),
        ((*ROLLOUT, "filtered", 0), ["", "1234"]),
        ((*ROLLOUT, "management_account"), ["1234"]),
        ((*ROLLOUT, "roles", 0, "kind"), ["", "admin"]),
        ((*ROLLOUT, "accounts", 0, "account"), ["", "12345678901", "12345678901x"]),
        ((*ROLLOUT, "accounts", 0, "state"), ["", "OUTDATED"]),
        ((*ROLLOUT, "accounts", 0, "reason"), [""]),
        ((*ROLLOUT, "retry", 0, "accounts"), [[]]),
        ((*ROLLOUT, "retry", 0, "command"), [""]),
    ],
)
def test_value_that_is_not_allowed_is_invalid(path: Steps, values: list[Json]) -> None:
    for value in values:
        CHECKED.reject(path, value)


@pytest.mark.parametrize(
    ("name", "model", "more"),
    [
        ("rollout", RolloutStatus, ["counts"]),
        ("role", RolloutRole, []),
        ("status", AccountStatus, []),
        ("retry", Retry, []),
    ],
)
def test_schema_has_every_member_of_the_model_and_no_other(
    name: str, model: Any, more: list[str]
) -> None:
    members = [field.name for field in fields(model)] + more
    assert list(SCHEMA["$defs"][name]["properties"]) == members


@pytest.mark.parametrize(
    ("values", "of_the_model"),
    [
        (SCHEMA["$defs"]["state"]["enum"], get_args(RolloutState)),
        (SCHEMA["$defs"]["status"]["properties"]["state"]["enum"], get_args(AccountState)),
        (SCHEMA["$defs"]["rollout"]["properties"]["counts"]["required"], get_args(AccountState)),
        (SCHEMA["$defs"]["rollout"]["properties"]["call_as"]["enum"], get_args(CallAs)),
        (SCHEMA["$defs"]["role"]["properties"]["kind"]["enum"], tuple(ROLES)),
    ],
)
def test_schema_lists_the_values_of_the_model(
    values: list[str], of_the_model: tuple[str, ...]
) -> None:
    assert tuple(values) == of_the_model


def test_first_four_states_need_attention() -> None:
    assert {*get_args(AccountState)[:4]} | FINE == {*get_args(AccountState)}
    assert not {*get_args(AccountState)[:4]} & FINE


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ([], "unknown"),
        (["complete"], "complete"),
        (["complete", "unknown"], "unknown"),
        (["unknown", "incomplete", "complete"], "incomplete"),
    ],
)
def test_incomplete_takes_precedence_over_unknown(states: list[RolloutState], state: str) -> None:
    assert state_of(states) == state
