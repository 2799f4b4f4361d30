"""What is nested in a template is read where it is deployed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, NestedStack, Stack
from aws_cdk import aws_iam as iam

from pump_roles import ReadOnlyRole
from tests.documents import written
from tests.support import (
    NO_VALUE,
    ROLE_ARGUMENTS,
    add_resources,
    changed,
    of_templates,
    rolled_out,
    said,
)


@pytest.mark.parametrize(
    ("passed", "trusted", "harmless"),
    [
        ({"Ref": "AWS::AccountId"}, {"Ref": "Trusted"}, False),
        ({"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}, {"Ref": "Trusted"}, False),
        ("x", {"Ref": "AWS::AccountId"}, True),
        ("x", {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/${Trusted}"}, True),
    ],
)
def test_account_of_the_administrator_is_another_one(
    passed: Any, trusted: Any, text: str, tmp_path: Path, *, harmless: bool
) -> None:
    def change(stack_set: dict[str, Any]) -> None:
        member = json.loads(text)
        member["Parameters"] = {"Trusted": {"Type": "String"}}
        allow = {"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"}
        properties = {"AssumeRolePolicyDocument": {"Statement": [allow]}}
        member["Resources"]["Other"] = {"Type": "AWS::IAM::Role", "Properties": properties}
        stack_set["TemplateBody"] = json.dumps(member)
        stack_set["Parameters"] = [{"ParameterKey": "Trusted", "ParameterValue": passed}]

    (other,) = of_templates(rolled_out(tmp_path, change)).others
    assert ("trusts-other-account" in {access.why for access in other.access}) is not harmless


def test_empty_stack_next_to_the_roles_is_skipped(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    Stack(app, "Empty")
    ReadOnlyRole(Stack(app, "Pump"), "Role", **ROLE_ARGUMENTS)
    app.synth()
    (role,) = of_templates(tmp_path).roles
    assert role.as_published


def test_template_that_is_nested_in_itself_ends(text: str, tmp_path: Path) -> None:
    url = {"TemplateURL": "https://example/0123"}
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": url}
    assets = {"files": {"0123": {"source": {"path": "changed.template.json"}}}}
    (tmp_path / "changed.assets.json").write_text(json.dumps(assets))
    report = changed(text, tmp_path, add_resources(N=nested))
    assert report.resources == {"AWS::CloudFormation::Stack": 1}
    assert "AWS::CloudFormation::Stack (1)" in written(report, "markdown", every_action=True)


@pytest.mark.parametrize("conditional", [False, True])
def test_stack_instances_with_other_parameters_are_a_difference(
    tmp_path: Path, *, conditional: bool
) -> None:
    def change(stack_set: dict[str, Any]) -> None:
        (group,) = stack_set["StackInstancesGroup"]
        group = {**group, "ParameterOverrides": override}
        group = {"Fn::If": ["C", group, NO_VALUE]} if conditional else group
        stack_set["StackInstancesGroup"] = [group]

    override = [{"ParameterKey": "PumpIamRole", "ParameterValue": "111122223333"}]
    report = of_templates(rolled_out(tmp_path, change))
    assert "gives some of its stack instances other parameters" in said(report)
    # Its targets are not among the values of the external ID, so they are not masked.
    assert "(external ID)" not in written(report, "markdown", every_action=True)


def nested_in_an_app(folder: Path) -> Path:
    """An app with one of Pump's roles and a nested stack; returns the list of its assets."""
    app = App(outdir=str(folder))
    outer = Stack(app, "Outer")
    ReadOnlyRole(outer, "R", **ROLE_ARGUMENTS)
    iam.CfnGroup(NestedStack(outer, "Inner"), "Group")
    app.synth()
    return folder / "Outer.assets.json"


def another_file(assets: dict[str, Any], _: str) -> None:
    first, *_rest = assets["files"].values()
    (place,) = first["destinations"].values()
    other = {"source": {"path": "evil.json", "packaging": "file"}, "destinations": {"x": place}}
    assets["files"] = {"evil": other, **assets["files"]}


def a_command(assets: dict[str, Any], nested: str) -> None:
    assets["files"][nested]["source"]["executable"] = ["evil"]


def a_subfolder(assets: dict[str, Any], nested: str) -> None:
    assets["files"][nested]["source"]["path"] = "sub/evil.json"


@pytest.mark.parametrize("change", [another_file, a_command, a_subfolder])
def test_nested_template_that_is_not_certainly_cdks_own_cannot_be_read(
    change: Callable[[dict[str, Any], str], None], tmp_path: Path
) -> None:
    listed = nested_in_an_app(tmp_path)
    assert of_templates(tmp_path).findings == ()
    assets = json.loads(listed.read_text())
    (nested,) = (
        name for name, asset in assets["files"].items() if "nested" in asset["source"]["path"]
    )
    assets["files"] = {nested: assets["files"].pop(nested), **assets["files"]}
    change(assets, nested)
    (tmp_path / "evil.json").write_text(json.dumps({"Resources": {}}))
    listed.write_text(json.dumps(assets))
    report = of_templates(tmp_path)
    assert report.findings[0].kind == "suspect"
    assert "the template of " in said(report)


def test_another_address_than_cdks_own_cannot_be_read(tmp_path: Path) -> None:
    nested_in_an_app(tmp_path)
    file = tmp_path / "Outer.template.json"
    file.write_text(file.read_text().replace('"https://s3."', '"https://evil.example/s3."'))
    assert "the template of " in said(of_templates(tmp_path))
