"""Pump's roles in templates: what is attached to them, and what cannot be read."""

import json
from pathlib import Path
from typing import Any

import pytest

from pump_roles import Guardrail
from pump_roles.guardrails.guardrail_documents import documents
from pump_roles.published import ROLES
from tests.documents import written
from tests.support import add_resources, changed, in_role, of_templates, said

LATER: dict[str, Any] = {"Fn::Transform": {"Name": "M"}}


def guardrail() -> tuple[str, dict[str, Any]]:
    """The name and the document of a guardrail's policy."""
    ((found, document),) = documents([Guardrail.NO_SELLING], ROLES["auto-pilot"]).items()
    return found.policy_name, document


@pytest.mark.parametrize(
    ("where", "added", "counted"),
    [
        ("resource", {}, True),
        ("resource", {"Condition": "Never"}, False),
        ("resource", LATER, False),
        ("document", LATER, False),
        ("statement", LATER, False),
    ],
)
def test_deny_that_may_never_be_there_takes_nothing_away(
    where: str, added: dict[str, Any], text: str, tmp_path: Path, *, counted: bool
) -> None:
    name, document = guardrail()
    properties = {"PolicyName": name, "PolicyDocument": document}
    policy: dict[str, Any] = {
        "Type": "AWS::IAM::RolePolicy",
        "Properties": {**properties, "RoleName": {"Ref": "AutoPilotRole"}},
    }
    parts = {"resource": policy, "document": document, "statement": document["Statement"][0]}
    parts[where].update(added)
    (role,) = changed(text, tmp_path, add_resources(G=policy)).roles
    assert (role.denied, role.as_published) == (int(counted), counted)


@pytest.mark.parametrize(
    ("seconds", "read"),
    [("7200", 7_200), ({"Fn::Sub": "7200"}, 7_200), (True, None), ("1h", None), (7200.5, None)],
)
def test_session_duration_is_a_number_or_its_text(
    seconds: Any, read: int | None, text: str, tmp_path: Path
) -> None:
    (role,) = changed(text, tmp_path, in_role(MaxSessionDuration=seconds)).roles
    assert role.role.session == read or (read is None and role.role.is_unknown("session"))


def test_name_in_another_case_is_that_role(text: str, tmp_path: Path) -> None:
    change = in_role(RoleName="pumpautopilotrole", Policies=[])
    (role,) = changed(text, tmp_path, change).roles
    assert role.kind == "auto-pilot"
    assert not role.as_published


@pytest.mark.parametrize("name", [{"Ref": "Name"}, ["a"], None, {"Fn::Sub": "${AWS::Region}"}])
def test_name_that_is_known_only_at_deployment_is_empty(
    name: Any, text: str, tmp_path: Path
) -> None:
    report = changed(text, tmp_path, in_role(RoleName=name))
    assert report.roles[0].name == ""
    assert "known only at deployment" in written(report, "markdown", every_action=True)
    report = changed(text, tmp_path, in_role(RoleName={"Fn::Sub": "PumpAutoPilotRole"}))
    assert report.roles[0].name == "PumpAutoPilotRole"


def test_managed_policy_of_the_template_counts_if_it_is_certainly_that_one(
    text: str, tmp_path: Path
) -> None:
    name, document = guardrail()
    properties = {"ManagedPolicyName": name, "PolicyDocument": document}
    decoy = {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}
    part = {"Fn::Select": [0, {"Fn::Split": [":", {"Ref": "Decoy"}]}]}
    for arn, counted in [
        ({"Ref": "Decoy"}, True),
        (f"arn:aws:iam::111122223333:policy/{name}", True),
        ({"Fn::Sub": f"arn:aws-cn:iam::${{AWS::AccountId}}:policy/{name}"}, True),
        (f"arn:aws:iam::aws:policy/{name}", False),
        (f"arn:aws:iam::111122223333:policy/other/{name}", False),
        ({"Fn::Sub": ["${A}:aws:iam::aws:policy/AdministratorAccess", {"A": part}]}, False),
        ({"Fn::GetAtt": ["Decoy", "AttachmentCount"]}, False),
        ({"Fn::If": ["C", {"Ref": "Decoy"}, "arn:aws:iam::aws:policy/AdministratorAccess"]}, False),
    ]:

        def change(template: dict[str, Any], role: dict[str, Any], arn: Any = arn) -> None:
            template["Resources"]["Decoy"] = decoy
            role["ManagedPolicyArns"] = [arn]

        (role,) = changed(text, tmp_path, change).roles
        assert (role.denied, role.as_published, role.exact) == (int(counted), counted, counted)


def test_deny_that_may_be_deployed_elsewhere_takes_nothing_away(text: str, tmp_path: Path) -> None:
    name, document = guardrail()
    properties = {"PolicyName": name, "PolicyDocument": document, "RoleName": "PumpAutoPilotRole"}
    policy = {"Type": "AWS::IAM::RolePolicy", "Properties": properties}
    body = json.dumps({"Resources": {"G": policy}})
    stack_set = {"Type": "AWS::CloudFormation::StackSet", "Properties": {"TemplateBody": body}}
    (tmp_path / "Other.template.json").write_text(body)
    for change in (add_resources(Set=stack_set), add_resources()):
        changed(text, tmp_path, change)
        report = of_templates(tmp_path)
        assert (report.roles[0].denied, report.roles[0].as_published) == (0, False)
        assert "which may not be deployed with it" in said(report)
