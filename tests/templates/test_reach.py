"""A property names a role certainly, possibly, as far as only the deployment knows, or not."""

from pathlib import Path
from typing import Any

import pytest

from pump_roles.templates.placeholders import plain, values_of
from pump_roles.templates.reach import Naming, RoleNames, attachments, names_of
from pump_roles.templates.resolve import Resolver
from pump_roles.templates.template import Template
from tests.support import NO_VALUE

NAME = "PumpReadOnlyRole"
REGION = {"Fn::Split": ["-", {"Ref": "AWS::Region"}]}


def role(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def template(**more: Any) -> Template:
    content = {
        "Parameters": {
            "Free": {"Type": "String"},
            "Default": {"Type": "String", "Default": NAME},
            "Stage": {"Type": "String", "AllowedValues": ["test", "production"]},
        },
        "Mappings": {"Map": {"a": {"b": "PUMP"}}},
        "Resources": {
            "Pump": role(RoleName=NAME),
            "Regional": role(RoleName={"Fn::Sub": "pump-${AWS::Region}"}),
            "Generated": role(),
            "Open": role(RoleName={"Ref": "Free"}),
            "ByDefault": role(RoleName={"Ref": "Default"}),
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": NAME}},
            "Other": {"Type": "AWS::SQS::Queue", "Properties": {}},
        },
    }
    return Template(content=content, file=Path("t.json"), key="0", **more)


def role_in(here: Template, name: str) -> RoleNames:
    return names_of(Resolver([here]).resources[here.key, name])


def naming(value: Any, role: str, **more: Any) -> Naming | None:
    """How a value names a role, which the attachments agree with."""
    here = template(**more)
    policy = {"Type": "AWS::IAM::Policy", "Properties": {"Roles": [value]}}
    here.content["Resources"]["Policy"] = policy
    resolver = Resolver([here])
    found = role_in(here, role).naming([*values_of(resolver.tree(value, here))])
    attached = attachments(resolver.resources.values(), {}).near(role_in(here, role), here)
    assert [how for _, how in attached] == ([found] if found else [])
    return found


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (NAME, "certain"),
        (NAME.upper(), "certain"),
        ({"Ref": "Pump"}, "certain"),
        (["Mine", NAME], "certain"),
        ({"Fn::If": ["C", "Mine", [NAME]]}, "could-be"),
        ({"Fn::Split": [",", f"Mine,{NAME}"]}, "certain"),
        ({"Fn::Sub": ["${x}ReadOnlyRole", {"x": {"Fn::FindInMap": ["Map", "a", "b"]}}]}, "certain"),
        ({"Ref": "Default"}, "could-be"),
        ({"Ref": "Queue"}, "could-be"),
        ({"Fn::Join": [{"Ref": "Free"}, ["Pump", "ReadOnlyRole"]]}, "deployment"),
        ({"Fn::Join": ["", [{"Ref": "Pump"}, {"Fn::If": ["C", "x", NO_VALUE]}]]}, "could-be"),
        ({"Ref": "Free"}, "deployment"),
        ({"Ref": "Undeclared"}, "deployment"),
        ({"Ref": "Pump", "Fn::If": []}, "deployment"),
        ({"Fn::ImportValue": "Elsewhere"}, "deployment"),
        ({"Fn::Sub": "Pump${Free}Role"}, "deployment"),
        ({"Fn::Join": ["", ["Pump", {"Fn::Select": [1, REGION]}, "Role"]]}, "deployment"),
        ("{{resolve:ssm:name}}", "deployment"),
        (["Mine", {"Ref": "Free"}], "deployment"),
        (None, None),
        (NO_VALUE, None),
        ([], None),
        ("Mine", None),
        ({"Ref": "Generated"}, None),
        # What AWS generates for something else.
        ({"Ref": "Other"}, None),
        # Another role, whatever its name is.
        ({"Ref": "Open"}, None),
        ({"Fn::Sub": "service-${Stage}"}, None),
        ({"Fn::Sub": "service-${Free}"}, None),
        ({"Fn::Sub": "${Free}-service"}, None),
        ({"Fn::Sub": "PumpReadOnlyRo${Free}OnlyRole"}, None),
        ({"Fn::Sub": "service-${AWS::Region}-${AWS::AccountId}"}, None),
        ({"Fn::Join": ["-", ["service", {"Fn::If": ["C", "x", NO_VALUE]}]]}, None),
        # It contains the name within a longer one.
        ({"Fn::Join": ["", [f"My{NAME}", {"Fn::If": ["C", "x", NO_VALUE]}]]}, None),
    ],
)
def test_value_names_a_role(value: Any, expected: Naming | None) -> None:
    assert naming(value, "Pump") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Fn::Sub": "Pump-${AWS::Region}"}, "certain"),
        ("pump-eu-west-1", "could-be"),
        ({"Fn::Sub": "pump-${AWS::URLSuffix}"}, "could-be"),
        ("pump-europe", None),
        ({"Fn::Join": ["-", ["Pump", {"Fn::If": ["C", "eu-west-1", NO_VALUE]}]]}, "could-be"),
        ({"Fn::Join": ["-", ["Mine", {"Fn::If": ["C", "eu-west-1", NO_VALUE]}]]}, None),
        (NAME, None),
        ({"Ref": "Generated"}, None),
        ({"Ref": "Free"}, "deployment"),
    ],
)
def test_value_names_a_role_whose_name_contains_the_region(
    value: Any, expected: Naming | None
) -> None:
    assert naming(value, "Regional") == expected


def test_role_has_the_published_name_that_it_could_have() -> None:
    assert [*map(plain, role_in(template(), "ByDefault").names)] == ["${0.ByDefault}", NAME]
    assert naming({"Ref": "Open"}, "Open") == "certain"
    assert naming(NAME, "Open") is None


def test_region_that_the_manifest_says_is_a_part_of_the_name() -> None:
    assert naming({"Fn::Sub": "pump-${AWS::Region}"}, "Regional", region="eu-west-1") == "certain"
    assert naming("pump-eu-west-2", "Regional", region="eu-west-1") is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Pump-Generated-1ABCDEF2GHIJ", "could-be"),
        ("pump-generated-aBcDeFgHiJkL", "could-be"),
        ("Pump-NestedNestedStack-1X2Y-Generated-1ABCDEF2GHIJ", "could-be"),
        ({"Fn::Sub": "Pump-Generated-${AWS::AccountId}"}, None),
        ("Pump-Generated2-1ABCDEF2GHIJ", None),
        ("Pump-Generated", None),
        ("Generated-1ABCDEF2GHIJ", None),
        (NAME, None),
        ("", None),
        ({"Ref": "Open"}, None),
        ({"Ref": "Generated"}, "certain"),
    ],
)
def test_value_is_a_name_that_may_have_been_generated(value: Any, expected: Naming | None) -> None:
    assert naming(value, "Generated") == expected
