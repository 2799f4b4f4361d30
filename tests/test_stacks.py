"""The stacks: provided values are in the template, omitted values are parameters."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stage

from pump_roles import ArgumentError, AutoPilotStack, ReadOnlyStack, __version__, validators
from pump_roles.rollout import ROLLOUT_STACKS
from pump_roles.stacks import RoleStack
from tests.support import EXTERNAL_ID, PRINCIPAL, ROLLOUTS, Synth, role_of, trust

NAMES = ["PumpReadOnly", "PumpAutoPilot"]


@pytest.mark.parametrize("name", NAMES)
def test_omitted_value_becomes_a_parameter(name: str, synth: Synth) -> None:
    template = synth()[name]
    assert {
        parameter_name: (
            parameter["Type"],
            parameter["AllowedPattern"],
            parameter["MinLength"],
            parameter["MaxLength"],
        )
        for parameter_name, parameter in template["Parameters"].items()
    } == {
        "PumpExternalID": ("String", validators.EXTERNAL_ID.pattern, 2, 1224),
        "PumpIamRole": ("String", validators.PRINCIPAL.pattern, 12, 640),
    }
    for parameter in template["Parameters"].values():
        assert parameter["ConstraintDescription"].startswith("must be ")
        assert parameter["Description"]
        assert "NoEcho" not in parameter
        assert "Default" not in parameter
    (statement,) = role_of(template)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"AWS": {"Ref": "PumpIamRole"}}
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": {"Ref": "PumpExternalID"}}}


@pytest.mark.parametrize("name", NAMES)
def test_provided_value_is_in_the_template(
    name: str, synth: Synth, provided_context: dict[str, str]
) -> None:
    template = synth(provided_context)[name]
    assert "Parameters" not in template
    assert role_of(template)["AssumeRolePolicyDocument"] == trust(PRINCIPAL, EXTERNAL_ID)


@pytest.mark.parametrize("name", [*NAMES, *ROLLOUTS])
def test_console_shows_each_parameter_with_a_label_and_the_principal_first(
    name: str, synth: Synth
) -> None:
    template = synth({"pump:organizational-units": "r-abcd"})[name]
    shown = template["Metadata"]["AWS::CloudFormation::Interface"]
    (group,) = shown["ParameterGroups"]
    assert group["Parameters"] == ["PumpIamRole", "PumpExternalID"]
    assert set(template["Parameters"]) == set(group["Parameters"]) == set(shown["ParameterLabels"])


def test_template_without_parameters_has_nothing_for_the_console(
    synth: Synth, provided_context: dict[str, str]
) -> None:
    assert not [template for template in synth(provided_context).values() if "Metadata" in template]


@pytest.mark.parametrize("name", NAMES)
def test_rotation_adds_no_parameter_when_the_next_id_is_provided(name: str, synth: Synth) -> None:
    template = synth({"pump:next-external-id": "Next-5678"})[name]
    assert set(template["Parameters"]) == {"PumpExternalID", "PumpIamRole"}
    (statement,) = role_of(template)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"]["StringEquals"]["sts:ExternalId"] == [
        {"Ref": "PumpExternalID"},
        "Next-5678",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_template_says_what_it_contains_and_which_version_generated_it(
    name: str, synth: Synth
) -> None:
    template = synth()[name]
    assert {"PumpReadOnly": "read-only", "PumpAutoPilot": "auto-pilot"}[name] in template[
        "Description"
    ]
    (logical_id,) = template["Resources"]
    assert {key: output["Value"] for key, output in template["Outputs"].items()} == {
        "RoleArn": {"Fn::GetAtt": [logical_id, "Arn"]},
        "RoleName": {"Ref": logical_id},
        "PumpRolesVersion": __version__,
    }


@pytest.mark.parametrize("name", NAMES)
def test_template_is_self_contained(name: str, synth: Synth) -> None:
    template = synth()[name]
    assert set(template) == {"Description", "Metadata", "Parameters", "Resources", "Outputs"}
    assert set(template["Metadata"]) == {"AWS::CloudFormation::Interface"}
    (resource,) = template["Resources"].values()
    assert set(resource) == {"Type", "Properties"}
    text = json.dumps(template)
    for foreign in ["Transform", "BootstrapVersion", "aws:cdk:path", "CDKMetadata", "AssetParam"]:
        assert foreign not in text


def test_assembly_needs_no_bootstrap_role_and_no_asset(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    ReadOnlyStack(app, "PumpReadOnly")
    app.synth()
    manifest = (tmp_path / "manifest.json").read_text()
    for name in ["assumeRole", "cloudFormationExecutionRole", "lookupRole", "bootstrap", "asset:"]:
        assert name not in manifest
    assert not list(tmp_path.glob("asset*"))


def test_template_is_the_same_in_a_foreign_app(synth: Synth) -> None:
    app = App(
        context={"aws:cdk:enable-path-metadata": True, "pump:external-id": "ignored"},
        analytics_reporting=True,
    )
    stage = Stage(app, "Foreign")
    for stack_class in ROLLOUT_STACKS.values():
        role_stack = stack_class.rollout_class.stack_class
        role_stack(stage, role_stack.role_class.published.stack_name)
    stacks = app.synth().get_nested_assembly("assembly-Foreign").stacks
    assert [stack.template for stack in stacks] == list(synth().values())


def test_accepts_the_arguments_of_a_stack() -> None:
    app = App()
    for stack_class in (ReadOnlyStack, AutoPilotStack):
        stack = stack_class(
            app,
            stack_class.__name__,
            role_name="Mine",
            env=Environment(account="123456789012", region="eu-west-1"),
            tags={"team": "platform"},
            termination_protection=True,
        )
        assert (stack.account, stack.region) == ("123456789012", "eu-west-1")
    for artifact in app.synth().stacks:
        assert artifact.tags == {"team": "platform"}
        assert artifact.termination_protection
        assert role_of(artifact.template)["RoleName"] == "Mine"


@pytest.mark.parametrize("stack_class", [ReadOnlyStack, AutoPilotStack])
def test_rotating_without_a_next_id_adds_its_parameter(stack_class: type[RoleStack]) -> None:
    app = App()
    stack_class(app, "S", rotating=True)
    template = app.synth().get_stack_by_name("S").template
    assert set(template["Parameters"]) == {"PumpExternalID", "PumpIamRole", "PumpNextExternalID"}
    assert (
        template["Parameters"]["PumpNextExternalID"]["AllowedPattern"]
        == validators.EXTERNAL_ID.pattern
    )
    (statement,) = role_of(template)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"]["StringEquals"]["sts:ExternalId"] == [
        {"Ref": "PumpExternalID"},
        {"Ref": "PumpNextExternalID"},
    ]


def test_base_class_is_abstract() -> None:
    with pytest.raises(
        TypeError, match=r"^RoleStack is abstract; use ReadOnlyStack or AutoPilotStack$"
    ):
        RoleStack(App(), "S")


@pytest.mark.parametrize("tags", [["team"], "team", {"team": 1}, {1: "team"}, 5])
def test_rejects_tags_that_are_not_strings(tags: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^tags: .* is not a mapping of strings to strings"):
        ReadOnlyStack(App(), "S", tags=tags)
