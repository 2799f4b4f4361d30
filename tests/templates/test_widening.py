"""What reaches a role only when the templates are deployed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pump_roles.templates.widening import Built, Widening, widenings

NAME = "PumpReadOnlyRole"
TRUST = {"Version": "2012-10-17", "Statement": []}
PROPERTIES: dict[str, Any] = {"RoleName": NAME, "AssumeRolePolicyDocument": TRUST}
ROLE = {"Type": "AWS::IAM::Role", "Properties": PROPERTIES}


def policy(role_name: Any) -> dict[str, Any]:
    return {"Type": "AWS::IAM::RolePolicy", "Properties": {"RoleName": role_name}}


def found(
    folder: Path, same: Mapping[str, Any], other: Mapping[str, Any] | None = None
) -> list[tuple[str, str, str]]:
    """The rules, resources, and certainty of what widens the role."""
    own = {**same, "Resources": {"Role": ROLE, **same.get("Resources", {})}}
    contents = {"Own": own, "Other": {"Resources": {}, **(other or {})}}
    paths = []
    for name, content in contents.items():
        paths.append(folder / f"{name}.template.json")
        paths[-1].write_text(json.dumps(content))
    (folder / "manifest.json").write_text(
        json.dumps(
            {
                "artifacts": {
                    path.name: {"properties": {"templateFile": path.name}} for path in paths
                }
            }
        )
    )
    built = Built(None, paths[0], "Role", {**PROPERTIES, "PermissionsBoundary": None})
    all_found: list[Widening] = list(widenings([built], paths))
    return [(one.rule, one.logical_id, one.naming) for one in all_found]


APPLICATION = {"Type": "AWS::Serverless::Application", "Properties": {"Parameters": {"R": NAME}}}
OPAQUE: list[dict[str, Any]] = [
    {"Resources": {"P": APPLICATION}},
    {"Resources": {"Fn::ForEach::P": ["X", [NAME], {"P${X}": policy({"Ref": "X"})}]}},
    {"Resources": {"P": {**policy("Mine"), "Fn::Transform": {"Parameters": {"Role": NAME}}}}},
    {"Resources": {"P": {"Type": "My::Own::Policy::MODULE", "Properties": {"RoleName": NAME}}}},
    {"Transform": [{"Name": "Macro", "Parameters": {"Role": NAME}}]},
    {"Fn::Transform": {"Name": "Macro", "Parameters": {"Role": NAME}}},
]


@pytest.mark.parametrize("opaque", OPAQUE)
def test_what_can_become_anything_fails_if_it_contains_the_name(
    opaque: dict[str, Any], tmp_path: Path
) -> None:
    another = json.loads(json.dumps(opaque).replace(NAME, "Mine"))
    ((rule, _, naming),) = found(tmp_path, {}, opaque)
    assert (rule, naming) == ("unread", "could-be")
    assert found(tmp_path, {}, another) == []
    assert ("unread", "could-be") in {(rule, how) for rule, _, how in found(tmp_path, opaque)}
    later = found(tmp_path, another)
    assert ("changed-later", "Role", "deployment") in later
    assert {naming for _, _, naming in later} == {"deployment"}


@pytest.mark.parametrize("transform", ["AWS::Serverless-2016-10-31", "AWS::LanguageExtensions"])
def test_transform_of_aws_that_hides_nothing_passes(transform: str, tmp_path: Path) -> None:
    assert found(tmp_path, {"Transform": transform}, {"Transform": [transform]}) == []


def test_policies_of_the_roles_own_stack_are_found(tmp_path: Path) -> None:
    assert found(tmp_path, {}) == []
    changed = {"Resources": {"P": policy(NAME), "Q": policy({"Ref": "Role"})}}
    assert found(tmp_path, changed) == [("attaches", "P", "certain"), ("attaches", "Q", "certain")]
