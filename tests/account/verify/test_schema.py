"""The schema of the JSON result: what ``as_json`` writes is valid, and anything less is not."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import fields
from importlib import resources
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from pump_roles.account.verify.formats import as_json
from pump_roles.account.verify.model import (
    SCHEMA_VERSION,
    AccountResult,
    Difference,
    Effect,
    OtherRole,
    RoleResult,
    Rule,
    State,
)
from pump_roles.published import ROLES
from tests.account.verify.results import MIXED, verification, with_everything

Json = Any

Steps = tuple[str | int, ...]
"""How to get from a document to something in it: the keys and the indexes."""

SCHEMA: Mapping[str, Json] = json.loads(
    resources.files("pump_roles.account.verify").joinpath("verify.schema.json").read_text("utf-8")
)
VALIDATOR = Draft202012Validator(SCHEMA)
FULL: Json = json.loads(as_json(verification(with_everything())))


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
    "found", [MIXED, verification(), verification(with_everything())], ids=["mixed", "none", "full"]
)
def test_results_are_valid(found: Any) -> None:
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
    bool: ["true", 0, 1, None],
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


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (("schema",), [2]),
        (("state",), ["", "other", "Match"]),
        (("accounts", 0, "state"), ["broader"]),
        (("accounts", 0, "account"), ["", "12345678901", "1234567890123", "12345678901x"]),
        (("accounts", 0, "roles", 0, "kind"), ["", "admin"]),
        (
            ("accounts", 0, "roles", 0, "arn"),
            [
                "",
                "arn:aws:iam::000000000001:role/",
                "arn:aws:iam::000000000001:user/PumpReadOnlyRole",
                "arn:aws:iam::1:role/PumpReadOnlyRole",
                "arn:aws:iam::000000000001:role/Pump Read",
            ],
        ),
        (("accounts", 0, "roles", 0, "boundary_sha256"), ["0", "g" * 64, "0" * 65, "A" * 64]),
        (("accounts", 0, "roles", 0, "last_used"), ["2026-11-25", "2026-11-25T08:15:00+00:00"]),
        (("accounts", 0, "roles", 0, "differences", 0, "rule"), ["", "unverified"]),
        (("accounts", 0, "roles", 0, "differences", 0, "effect"), ["", "match"]),
    ],
)
def test_value_that_is_not_allowed_is_invalid(path: Steps, values: list[Json]) -> None:
    for value in values:
        broken = deepcopy(FULL)
        at(broken, path[:-1])[path[-1]] = value
        assert not VALIDATOR.is_valid(broken), value


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-iso-b", "aws-eusc"])
def test_roles_of_other_partitions_and_with_paths_are_valid(partition: str) -> None:
    document = deepcopy(FULL)
    (found,) = document["accounts"][0]["roles"]
    found["arn"] = f"arn:{partition}:iam::000000000001:role/a/b/Pump+Read=Only,Role.@-_"
    VALIDATOR.validate(document)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("account", AccountResult),
        ("role", RoleResult),
        ("difference", Difference),
        ("other", OtherRole),
    ],
)
def test_schema_has_every_member_of_the_model_and_no_other(name: str, model: Any) -> None:
    assert list(SCHEMA["$defs"][name]["properties"]) == [field.name for field in fields(model)]


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        (SCHEMA["$defs"]["state"], get_args(State)),
        (SCHEMA["$defs"]["difference"]["properties"]["effect"], get_args(Effect)),
        (SCHEMA["$defs"]["difference"]["properties"]["rule"], get_args(Rule)),
        (SCHEMA["$defs"]["role"]["properties"]["kind"], tuple(ROLES)),
    ],
)
def test_schema_lists_the_values_of_the_model(
    schema: Mapping[str, Json], values: tuple[str, ...]
) -> None:
    assert tuple(schema["enum"]) == values


def test_counts_are_by_state() -> None:
    assert tuple(SCHEMA["properties"]["counts"]["properties"]) == get_args(State)
    assert json.loads(as_json(MIXED))["counts"] == {"match": 1, "differs": 2, "unknown": 1}


def test_every_member_has_a_description() -> None:
    known = [SCHEMA, *SCHEMA["$defs"].values()]
    members = [member for one in known for member in one.get("properties", {}).values()]
    assert members
    assert all("description" in member for member in members)
