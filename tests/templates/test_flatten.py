"""What is nested in a template is read where it is deployed."""

import json
from pathlib import Path
from typing import Any

from aws_cdk import App, NestedStack, Stack

from pump_roles import AutoPilotRole, ReadOnlyRole, ReadOnlyRollout, validators
from pump_roles.report import of_templates
from tests.support import NO_VALUE, SECRET, action_count, beside, changed, every_format, rolled_out


def test_a_role_and_its_rollout_in_one_stack_are_one_role(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    stack = Stack(app, "Vendors")
    given: dict[str, Any] = {"pump_principal": "999988887777", "external_id": SECRET}
    ReadOnlyRole(stack, "Role", **given)
    ReadOnlyRollout(stack, "Rollout", organizational_units=["r-abcd"], **given)
    app.synth()
    (role,) = of_templates(tmp_path).roles
    assert role.as_published


def test_overrides_under_a_condition_are_a_difference(tmp_path: Path) -> None:
    def change(one: dict[str, Any]) -> None:
        (group,) = one["StackInstancesGroup"]
        overrides = [{"ParameterKey": "PumpIamRole", "ParameterValue": "*"}]
        given = {**group, "ParameterOverrides": overrides}
        one["StackInstancesGroup"] = [{"Fn::If": ["C", given, NO_VALUE]}]

    report = of_templates(rolled_out(tmp_path, change))
    assert "gives some of its stack instances other parameters" in report.findings[0].text


def test_a_parameter_of_the_outer_templates_name_is_not_the_outer_one(
    text: str, tmp_path: Path
) -> None:
    def change(one: dict[str, Any]) -> None:
        member = json.loads(text)
        member["Parameters"] = {
            "PumpIamRole": {"Type": "String", "Default": "*"},
            "Tag": {"Type": "String"},
        }
        role = member["Resources"]["AutoPilotRole"]["Properties"]
        statement = role["AssumeRolePolicyDocument"]["Statement"][0]
        statement["Principal"] = {"AWS": {"Ref": "PumpIamRole"}}
        one["TemplateBody"] = json.dumps(member)
        one["Parameters"] = [{"ParameterKey": "Tag", "ParameterValue": {"Ref": "PumpIamRole"}}]

    file = rolled_out(tmp_path, change)
    template = json.loads(file.read_text())
    pattern = {"Type": "String", "AllowedPattern": validators.PRINCIPAL.pattern}
    template["Parameters"] = {"PumpIamRole": pattern}
    file.write_text(json.dumps(template))
    assert of_templates(file).findings[0].kind == "trust"


def test_an_empty_stack_beside_the_roles_is_passed_over(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    Stack(app, "Empty")
    stack = Stack(app, "Pump")
    ReadOnlyRole(stack, "Role", pump_principal="999988887777", external_id=SECRET)
    app.synth()
    assert of_templates(tmp_path).roles[0].actions == action_count("read-only")


def test_a_role_in_a_nested_stack_is_reported(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    outer = Stack(app, "Outer")
    given: dict[str, Any] = {"pump_principal": "999988887777", "external_id": SECRET}
    ReadOnlyRole(outer, "R", **given)
    AutoPilotRole(NestedStack(outer, "Inner"), "A", **given)
    app.synth()
    report = of_templates(tmp_path)
    assert [role.kind for role in report.roles] == ["read-only", "auto-pilot"]
    assert all(role.as_published for role in report.roles)
    assert report.roles[1].source.endswith(".nested.template.json")
    assert SECRET not in every_format(report)


def test_a_template_that_is_nested_in_itself_ends(text: str, tmp_path: Path) -> None:
    nested = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": "https://example/0123"},
    }
    assets = {"files": {"0123": {"source": {"path": "changed.template.json"}}}}
    (tmp_path / "changed.assets.json").write_text(json.dumps(assets))
    report = changed(text, tmp_path, beside(N=nested))
    assert report.findings[-1].text.endswith("AWS::CloudFormation::Stack (1).")


def test_stack_instances_with_other_parameters_are_a_difference(tmp_path: Path) -> None:
    override = [{"ParameterKey": "PumpIamRole", "ParameterValue": "111122223333"}]
    file = rolled_out(
        tmp_path,
        lambda one: one["StackInstancesGroup"][0].update(ParameterOverrides=override),
    )
    report = of_templates(file)
    assert "gives some of its stack instances other parameters" in report.findings[0].text
