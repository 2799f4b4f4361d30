"""The schema of the JSON status: what ``as_json`` writes is valid, and anything less is not."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import fields
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from pump_roles.account.rollout.formats import as_json
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
from pump_roles.published import ROLES
from pump_roles.validators import CallAs
from tests.account.rollout.statuses import SCHEMA, with_everything

Json = Any

Steps = tuple[str | int, ...]
"""How to get from a document to something in it: the keys and the indexes."""

VALIDATOR = Draft202012Validator(SCHEMA)
FULL: Json = json.loads(as_json(with_everything()))
UNKNOWN = RolloutStatus(
    stack_set="PumpReadOnly", state="unknown", reason="denied", region="us-east-1"
)


def resolved(schema: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return what a schema refers to, or the schema itself."""
    reference = schema.get("$ref", "")
    found: Mapping[str, Json] = SCHEMA["$defs"][reference[8:]] if reference else schema
    return found


def nodes(
    value: Json, schema: Mapping[str, Json], path: Steps = ()
) -> Iterator[tuple[Steps, Mapping[str, Json]]]:
    """Yield how to get to everything in a document, with its schema; of a list, the first."""
    known = resolved(schema)
    yield path, known
    if isinstance(value, dict):
        for key, member in value.items():
            yield from nodes(member, known["properties"][key], (*path, key))
    elif isinstance(value, list):
        yield from nodes(value[0], known["items"], (*path, 0))


def at(document: Json, path: Steps) -> Json:
    """Return what is at a path of a document."""
    for step in path:
        document = document[step]
    return document


PLACES = dict(nodes(FULL, SCHEMA))
OBJECTS = {path: schema for path, schema in PLACES.items() if isinstance(at(FULL, path), dict)}


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema"]["const"] == SCHEMA_VERSION


@pytest.mark.parametrize(
    "found", [with_everything(), Statuses(rollouts=(UNKNOWN,))], ids=["full", "unknown"]
)
def test_statuses_are_valid(found: Statuses) -> None:
    VALIDATOR.validate(json.loads(as_json(found)))


@pytest.mark.parametrize("path", OBJECTS, ids=str)
def test_member_that_is_missing_or_not_known_is_invalid(path: Steps) -> None:
    schema = OBJECTS[path]
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(schema["properties"]) == list(at(FULL, path))
    for member in schema["required"]:
        broken = deepcopy(FULL)
        del at(broken, path)[member]
        assert not VALIDATOR.is_valid(broken), member
    broken = deepcopy(FULL)
    at(broken, path)["more"] = 1
    assert not VALIDATOR.is_valid(broken)


WRONG: dict[type, list[Json]] = {
    int: ["1", -1, 1.5, True, None],
    str: [0, None, [], {}],
    list: [{}, "", None],
    dict: [[], "", 0, None],
}


@pytest.mark.parametrize("path", PLACES, ids=str)
def test_value_of_another_type_is_invalid(path: Steps) -> None:
    for wrong in WRONG[type(at(FULL, path))]:
        broken = deepcopy(FULL)
        if path:
            at(broken, path[:-1])[path[-1]] = wrong
        else:
            broken = wrong
        assert not VALIDATOR.is_valid(broken), wrong


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
        broken = deepcopy(FULL)
        at(broken, path[:-1])[path[-1]] = value
        assert not VALIDATOR.is_valid(broken), value


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


def test_first_four_states_are_not_as_they_should_be() -> None:
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
def test_incomplete_wins_over_unknown(states: list[RolloutState], state: str) -> None:
    assert state_of(states) == state
