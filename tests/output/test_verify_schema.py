"""The schema of the JSON result: only what ``as_json`` writes is valid."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields
from importlib import resources
from typing import Any, get_args

import pytest

from pump_roles.account.verify.model import (
    SCHEMA_VERSION,
    AccountResult,
    OtherRole,
    RoleResult,
    State,
)
from pump_roles.compare import Difference, Effect, Rule
from pump_roles.output.verify_formats import as_json
from pump_roles.published import ROLES
from tests.account.verify.results import MIXED, verification, with_everything
from tests.output.schemas import Json, Schema, Steps

SCHEMA: Mapping[str, Json] = json.loads(
    resources.files("pump_roles.output").joinpath("verify.schema.json").read_text("utf-8")
)
FULL: Json = json.loads(as_json(verification(with_everything())))


CHECKED = Schema(SCHEMA, FULL)


def test_schema_is_valid_json_schema() -> None:
    CHECKED.check(SCHEMA_VERSION)


@pytest.mark.parametrize(
    "found", [MIXED, verification(), verification(with_everything())], ids=["mixed", "none", "full"]
)
def test_results_are_valid(found: Any) -> None:
    CHECKED.accept(json.loads(as_json(found)))


@pytest.mark.parametrize("path", CHECKED.objects, ids=str)
def test_member_that_is_missing_or_not_known_is_invalid(path: Steps) -> None:
    CHECKED.reject_other_members(path)


@pytest.mark.parametrize("path", CHECKED.places, ids=str)
def test_value_of_another_type_is_invalid(path: Steps) -> None:
    CHECKED.reject_other_types(path)


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
        CHECKED.reject(path, value)


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-iso-b", "aws-eusc"])
def test_roles_of_other_partitions_and_with_paths_are_valid(partition: str) -> None:
    document = deepcopy(FULL)
    (found,) = document["accounts"][0]["roles"]
    found["arn"] = f"arn:{partition}:iam::000000000001:role/a/b/Pump+Read=Only,Role.@-_"
    CHECKED.accept(document)


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
    members = [
        member for definition in known for member in definition.get("properties", {}).values()
    ]
    assert members
    assert all("description" in member for member in members)
