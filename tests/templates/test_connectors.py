"""What SAM's own translator attaches to the roles of a connector's ends is found.

``connectors.json`` has, for each pair of types that SAM connects, to the roles of which ends the
translator ``aws-sam-translator`` attached a managed policy: each role in the property in which a
resource of that type has it.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from pump_roles.templates.reach import attachments, names_of
from pump_roles.templates.resolve import Resolver
from pump_roles.templates.template import ROLE, Template

RECORDED = json.loads(Path(__file__).with_name("connectors.json").read_text())["attached"]
PAIRS = [
    (source, destination, set(ends))
    for source, destinations in RECORDED.items()
    for destination, ends in destinations.items()
]


def end(kind: str, role: str) -> dict[str, Any]:
    arn = {"Fn::GetAtt": [role, "Arn"]}
    properties = {
        "AWS::AppSync::DataSource": {"ServiceRoleArn": arn},
        "AWS::Events::Rule": {"Targets": [{"Id": "x", "RoleArn": arn}]},
        "AWS::Lambda::Function": {"Role": arn},
        "AWS::StepFunctions::StateMachine": {"RoleArn": arn},
    }
    return {"Type": kind, "Properties": properties.get(kind, {})}


def attached_to(resources: dict[str, Any]) -> set[str]:
    """To which roles a resource attaches, or may attach."""
    roles = {name: {"Type": ROLE, "Properties": {}} for name in ("source", "destination")}
    here = Template(content={"Resources": {**roles, **resources}}, file=Path("t.json"), key="0")
    found = Resolver([here]).resources
    all_of_them = attachments(found.values(), {})
    return {role for role in roles if [*all_of_them.near(names_of(found["0", role]), here)]}


@pytest.mark.parametrize("is_embedded", [False, True])
def test_role_to_which_sam_attaches_a_policy_is_found(*, is_embedded: bool) -> None:
    for source, destination, ends in PAIRS:
        resources = {"A": end(source, "source"), "B": end(destination, "destination")}
        connector: dict[str, Any] = {"Destination": {"Id": "B"}, "Permissions": ["Write"]}
        if is_embedded:
            resources["A"]["Connectors"] = {"C": {"Properties": connector}}
        else:
            properties = {"Source": {"Id": "A"}, **connector}
            resources["C"] = {"Type": "AWS::Serverless::Connector", "Properties": properties}
        found = attached_to(resources)
        assert ends <= found, (source, destination)
        # An embedded one may be of any kind, so that the reader always counts its own role.
        assert ends or is_embedded or not found, (source, destination)


def test_role_that_an_end_names_is_found() -> None:
    # SAM attaches the policy to the role with that name.
    named = {"Type": "AWS::Lambda::Function", "Arn": "a", "RoleName": {"Ref": "source"}}
    properties = {"Source": named, "Destination": {"Id": "B"}, "Permissions": ["Write"]}
    connector = {"Type": "AWS::Serverless::Connector", "Properties": properties}
    table = end("AWS::DynamoDB::Table", "destination")
    assert attached_to({"B": table, "C": connector}) == {"source"}
