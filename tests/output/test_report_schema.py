"""The schema of the JSON report: only what ``as_json`` writes is valid."""

import json
import types
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from aws_cdk import App
from jsonschema import Draft202012Validator

from pump_roles import (
    AutoPilotRolloutStack,
    AutoPilotStack,
    Guardrail,
    ReadOnlyRolloutStack,
    ReadOnlyStack,
)
from pump_roles.iam.catalog import LEVELS
from pump_roles.iam.decisions import ALLOWED, CONDITIONALLY, DENIED, PARTLY
from pump_roles.output.report_csv import as_json
from pump_roles.report import Report, earlier_report, of_published, of_templates
from pump_roles.report.model import ALARMS, BROADENED, CHANGED, NARROWED, RISKS, SCHEMA
from pump_roles.report.statements import LIMITED, NO, UNKNOWN, YES
from tests.support import EVERYTHING, ROLE_ARGUMENTS

Json = Any

Steps = tuple[str | int, ...]
"""The keys and indexes that lead from a document to a part of it."""

SCHEMA_FILE = resources.files("pump_roles.output").joinpath("report.schema.json")
THE_SCHEMA: Mapping[str, Json] = json.loads(SCHEMA_FILE.read_text("utf-8"))
VALIDATOR = Draft202012Validator(THE_SCHEMA)

ALL_GUARDRAILS = [
    Guardrail.RECOMMENDED,
    Guardrail.NO_SELLING,
    Guardrail.NO_QUOTA_INCREASES,
    Guardrail.NO_SUPPORT_WRITES,
    Guardrail.only_in_regions("us-east-1", "eu-west-1"),
    Guardrail.invitations_from("111122223333"),
    Guardrail.until("2927-01-31T18:00:00Z"),
]


def templates(folder: Path, *guardrails: Guardrail, units: str = "") -> Path:
    """Synthesize both roles: for one account or for the accounts of an organizational unit."""
    app = App(outdir=str(folder))
    if units:
        rollout: dict[str, Any] = {"organizational_units": [units], **ROLE_ARGUMENTS}
        ReadOnlyRolloutStack(app, "ReadOnly", exclude_accounts=["111111111111"], **rollout)
        AutoPilotRolloutStack(app, "AutoPilot", guardrails=guardrails, **rollout)
    else:
        ReadOnlyStack(app, "ReadOnly", **ROLE_ARGUMENTS)
        AutoPilotStack(
            app,
            "AutoPilot",
            guardrails=guardrails,
            permissions_boundary="platform/Boundary",
            **ROLE_ARGUMENTS,
        )
    app.synth()
    return folder


def modified(folder: Path) -> Path:
    """Synthesize both roles, and give the auto-pilot role more than Pump publishes."""
    file = templates(folder) / "AutoPilot.template.json"
    template = json.loads(file.read_text())
    role = template["Resources"]["AutoPilotRole"]["Properties"]
    role["Policies"].append({"PolicyName": "Extra", "PolicyDocument": EVERYTHING})
    others = {"Effect": "Deny", "NotAction": ["ec2:*", "ce:*"], "Resource": "*"}
    role["Policies"].append({"PolicyName": "Others", "PolicyDocument": {"Statement": others}})
    role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = "*"
    template["Resources"]["Another"] = {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": role["AssumeRolePolicyDocument"]},
    }
    template["Resources"]["Topic"] = {"Type": "AWS::SNS::Topic"}
    file.write_text(json.dumps(template))
    return folder


def unreadable(folder: Path) -> Path:
    """Synthesize both roles, and add to them what only a deployment decides."""
    file = templates(folder) / "AutoPilot.template.json"
    template = json.loads(file.read_text())
    template["Transform"] = ["Macro"]
    role = template["Resources"]["AutoPilotRole"]["Properties"]
    role["ManagedPolicyArns"] = {"Ref": "P"}
    only = {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "arn:aws:ec2:*:*:image/*"}
    role["Policies"].append({"PolicyName": "Extra", "PolicyDocument": {"Statement": only}})
    file.write_text(json.dumps(template))
    return folder


def compared(folder: Path) -> Report:
    """Report on modified roles that had guardrails before."""
    before = json.loads(as_json(of_templates(templates(folder / "before", *ALL_GUARDRAILS))))
    # As if AWS had added an action since.
    added = "ec2:DescribeInstances"
    before["actions"] = [action for action in before["actions"] if action["name"] != added]
    since = earlier_report(before, file="before.json", sha256="0" * 64)
    report = of_templates(modified(folder / "now"), since=since)
    return replace(report, gained={"ec2:Describe*": (added,)})


REPORTS: dict[str, Callable[[Path], Report]] = {
    "published": lambda _: of_published(),
    "guardrails": lambda folder: of_templates(templates(folder / "out", *ALL_GUARDRAILS)),
    "rollouts": lambda folder: of_templates(
        templates(folder / "out", Guardrail.RECOMMENDED, units="ou-abcd-12345678")
    ),
    "modified": lambda folder: of_templates(modified(folder / "out")),
    "unreadable": lambda folder: of_templates(unreadable(folder / "out")),
    "compared": compared,
}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Json]:
    """Every report as the JSON that is written."""
    return {
        name: json.loads(as_json(report(tmp_path_factory.mktemp(name))))
        for name, report in REPORTS.items()
    }


def test_schema_is_valid_json_schema() -> None:
    Draft202012Validator.check_schema(THE_SCHEMA)
    assert THE_SCHEMA["properties"]["schema"]["const"] == SCHEMA


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_is_valid(name: str, documents: Mapping[str, Json]) -> None:
    VALIDATOR.validate(documents[name])


def test_reports_have_what_their_names_say(documents: Mapping[str, Json]) -> None:
    """The positive control of the test above."""
    assert documents["published"]["as_published"]
    assert documents["guardrails"]["roles"][1]["ends"]
    assert all(place["place"]["units"] for place in documents["rollouts"]["places"])
    kinds = {finding["kind"] for finding in documents["modified"]["findings"]}
    assert kinds >= set(ALARMS)
    assert not documents["unreadable"]["exact"]
    assert documents["compared"]["since"]["file"] == "before.json"
    changes = documents["compared"]["changes"]
    assert {change["cause"] for change in changes} == {"AWS", "role"}


def resolved(schema: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return what a schema refers to, or the schema itself."""
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Json] = THE_SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return found


def nodes(
    value: Json, schema: Mapping[str, Json], path: Steps = (), where: str = ""
) -> Iterator[tuple[Steps, str, Mapping[str, Json]]]:
    """Yield everything in a document: how to get there, and the schema's place and content."""
    known = resolved(schema)
    yield path, where, known
    if isinstance(value, dict):
        for key, member in value.items():
            if key in known.get("properties", {}):
                inner, there = known["properties"][key], f"{where}.{key}"
            else:
                inner, there = known["additionalProperties"], f"{where}.*"
            yield from nodes(member, inner, (*path, key), there)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from nodes(element, known["items"], (*path, index), f"{where}[]")


def first_of_each(documents: Mapping[str, Json]) -> Iterator[tuple[Json, Steps, str]]:
    """Yield each place of the schema with a small valid document that has something there."""
    seen: set[str] = set()
    for document in documents.values():
        places: dict[str, Steps] = {}
        for path, where, _ in nodes(document, THE_SCHEMA):
            places.setdefault(where, path)
        new = places.keys() - seen
        seen |= new
        kept = {path[:length] for path in places.values() for length in range(len(path) + 1)}
        small = pruned(document, (), kept)
        VALIDATOR.validate(small)
        small_places: dict[str, Steps] = {}
        for path, where, _ in nodes(small, THE_SCHEMA):
            small_places.setdefault(where, path)
        for where in sorted(new):
            yield small, small_places[where], where


def pruned(value: Json, path: Steps, kept: set[Steps]) -> Json:
    """Return a document with the elements of lists on the way to some paths, and few others."""
    if isinstance(value, dict):
        return {key: pruned(member, (*path, key), kept) for key, member in value.items()}
    if isinstance(value, list):
        pair = len(value) == len(("policy", "pattern")) and not isinstance(value[0], dict)
        return [
            pruned(element, (*path, index), kept)
            for index, element in enumerate(value)
            if (*path, index) in kept or index == 0 or pair
        ]
    return value


def at(document: Json, path: Steps) -> Json:
    """Return what is at a path of a document."""
    for step in path:
        document = document[step]
    return document


def described(schema: Mapping[str, Json], where: str = "") -> Iterator[str]:
    """Yield every place that a schema describes."""
    known = resolved(schema)
    yield where
    for key, member in known.get("properties", {}).items():
        yield from described(member, f"{where}.{key}")
    if "items" in known:
        yield from described(known["items"], f"{where}[]")
    if "additionalProperties" in known:
        yield from described(known["additionalProperties"], f"{where}.*")


def test_every_place_of_the_schema_is_in_a_report(documents: Mapping[str, Json]) -> None:
    """Otherwise the two tests below would not try all of them."""
    found = {where for _, _, where in first_of_each(documents)}
    assert found == set(described(THE_SCHEMA))


def test_report_without_a_required_member_is_invalid(documents: Mapping[str, Json]) -> None:
    tried = 0
    for document, path, where in first_of_each(documents):
        found = at(document, path)
        if isinstance(found, dict):
            (known,) = (schema for other, _, schema in nodes(document, THE_SCHEMA) if other == path)
            for member in known.get("required", []):
                broken = deepcopy(document)
                del at(broken, path)[member]
                assert not VALIDATOR.is_valid(broken), f"{where}.{member}"
                tried += 1
    assert tried > 100


WRONG: dict[type, list[Json]] = {
    bool: [0, "true", None],
    int: ["1", -1, 1.5, None],
    str: [0, None, []],
    list: [{}, "", None],
    dict: [[], "", 0],
    type(None): ["", 0, []],
}


def test_member_of_another_type_is_invalid(documents: Mapping[str, Json]) -> None:
    for document, path, where in first_of_each(documents):
        for wrong in WRONG[type(at(document, path))]:
            broken = deepcopy(document)
            if path:
                at(broken, path[:-1])[path[-1]] = wrong
            else:
                broken = wrong
            assert not VALIDATOR.is_valid(broken), f"{where}: {wrong!r}"


def check_type(expected: Any, schema: Mapping[str, Json], where: str) -> None:
    """Assert that a schema describes exactly what a type has."""
    known = resolved(schema)
    origin, arguments = get_origin(expected), get_args(expected)
    if origin is types.UnionType:
        (expected,) = (argument for argument in arguments if argument is not type(None))
        assert known["type"] == ["object", "null"], where
    if is_dataclass(expected):
        assert isinstance(expected, type)
        hints = get_type_hints(expected)
        members = [field.name for field in fields(expected)]
        assert list(known["properties"]) == members, where
        assert known["required"] == members, where
        for name in members:
            check_type(hints[name], known["properties"][name], f"{where}.{name}")
    elif origin is tuple:
        assert known["type"] == "array", where
        check_type(arguments[0], known["items"], f"{where}[]")
    elif origin is not None and issubclass(origin, Mapping):
        assert known["type"] == "object", where
        check_type(arguments[1], known["additionalProperties"], f"{where}.*")
    elif "enum" in known or "const" in known:
        values = known.get("enum", [known.get("const")])
        assert all(isinstance(value, expected) for value in values), where
    else:
        assert known["type"] == {str: "string", int: "integer", bool: "boolean"}[expected], where


def test_schema_has_every_member_of_the_model_and_no_other() -> None:
    check_type(Report, THE_SCHEMA, "")


@pytest.mark.parametrize(
    ("place", "values"),
    [
        (("action", "risk"), RISKS),
        (("action", "level"), LEVELS),
        (("change", "effect"), (BROADENED, CHANGED, NARROWED)),
        (("answer", "answer"), (YES, LIMITED, NO, UNKNOWN)),
        (("grant", "decision"), (ALLOWED, DENIED, CONDITIONALLY, PARTLY)),
    ],
)
def test_schema_lists_the_values_of_the_model(
    place: tuple[str, str], values: tuple[str, ...]
) -> None:
    name, member = place
    known = resolved(THE_SCHEMA["$defs"][name]["properties"][member])
    assert tuple(known["enum"]) == values


def test_alarms_are_the_first_kinds_of_findings() -> None:
    kinds = THE_SCHEMA["$defs"]["finding"]["properties"]["kind"]["enum"]
    assert tuple(kinds[: len(ALARMS)]) == ALARMS


def test_every_member_has_a_description() -> None:
    undocumented = [
        name
        for known in (THE_SCHEMA, *THE_SCHEMA["$defs"].values())
        for name, member in known.get("properties", {}).items()
        if "description" not in member
    ]
    assert not undocumented
