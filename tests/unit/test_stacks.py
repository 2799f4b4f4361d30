"""The stacks: what is given is baked in, what is left out is a parameter, and no more."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack, Stage
from aws_cdk import aws_iam as iam

from pump_roles import AutoPilotStack, ReadOnlyStack, __version__, forms
from pump_roles.rollout import Rollout, RolloutStack
from pump_roles.stacks import RoleStack
from tests.conftest import EXTERNAL_ID, PRINCIPAL, Synth

NAMES = ["PumpReadOnly", "PumpAutoPilot"]


def role_of(template: dict[str, Any]) -> dict[str, Any]:
    (resource,) = template["Resources"].values()
    assert resource["Type"] == "AWS::IAM::Role"
    properties: dict[str, Any] = resource["Properties"]
    return properties


@pytest.mark.parametrize("name", NAMES)
def test_what_is_left_out_becomes_a_parameter(name: str, synth: Synth) -> None:
    template = synth()[name]
    assert {
        parameter: (one["Type"], one["AllowedPattern"], one["MinLength"], one["MaxLength"])
        for parameter, one in template["Parameters"].items()
    } == {
        "PumpExternalID": ("String", forms.EXTERNAL_ID.pattern, 2, 1224),
        "PumpIamRole": ("String", forms.PRINCIPAL.pattern, 12, 640),
    }
    for one in template["Parameters"].values():
        assert one["ConstraintDescription"].startswith("must be ")
        assert one["Description"]
        assert "NoEcho" not in one
        assert "Default" not in one
    (statement,) = role_of(template)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"AWS": {"Ref": "PumpIamRole"}}
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": {"Ref": "PumpExternalID"}}}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_given_is_baked_in(name: str, synth: Synth, given: dict[str, str]) -> None:
    template = synth(given)[name]
    assert "Parameters" not in template
    (statement,) = role_of(template)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"AWS": PRINCIPAL}
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}


@pytest.mark.parametrize("name", NAMES)
def test_rotation_needs_no_parameter_of_its_own(name: str, synth: Synth) -> None:
    template = synth({"pump:next-external-id": "Next-5678"})[name]
    assert set(template["Parameters"]) == {"PumpExternalID", "PumpIamRole"}
    (statement,) = role_of(template)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"]["StringEquals"]["sts:ExternalId"] == [
        {"Ref": "PumpExternalID"},
        "Next-5678",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is_and_what_it_made(name: str, synth: Synth) -> None:
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
def test_the_template_stands_alone(name: str, synth: Synth) -> None:
    template = synth()[name]
    assert set(template) == {"Description", "Parameters", "Resources", "Outputs"}
    (resource,) = template["Resources"].values()
    assert set(resource) == {"Type", "Properties"}
    text = json.dumps(template)
    for foreign in ["Transform", "BootstrapVersion", "aws:cdk:path", "CDKMetadata", "AssetParam"]:
        assert foreign not in text


def test_the_assembly_asks_for_no_bootstrap_role_and_no_asset(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    ReadOnlyStack(app, "PumpReadOnly")
    app.synth()
    manifest = (tmp_path / "manifest.json").read_text()
    for name in ["assumeRole", "cloudFormationExecutionRole", "lookupRole", "bootstrap", "asset:"]:
        assert name not in manifest
    assert not list(tmp_path.glob("asset*"))


def test_the_template_is_the_same_in_a_foreign_app(synth: Synth) -> None:
    app = App(
        context={"aws:cdk:enable-path-metadata": True, "pump:external-id": "ignored"},
        analytics_reporting=True,
    )
    stage = Stage(app, "Foreign")
    ReadOnlyStack(stage, "PumpReadOnly")
    AutoPilotStack(stage, "PumpAutoPilot")
    stacks = app.synth().get_nested_assembly("assembly-Foreign").stacks
    assert [stack.template for stack in stacks] == list(synth().values())


def test_takes_what_a_stack_takes() -> None:
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


def test_a_like_named_role_of_another_account_may_have_a_policy_of_its_own() -> None:
    app = App()
    ReadOnlyStack(app, "Ours", env=Environment(account="111111111111", region="eu-west-1"))
    other = Stack(app, "Other", env=Environment(account="222222222222", region="eu-west-1"))
    iam.CfnRolePolicy(other, "P", policy_name="P", role_name="PumpReadOnlyRole", policy_document={})
    app.synth()


def test_a_base_class_is_not_to_be_used() -> None:
    with pytest.raises(TypeError, match="RoleStack is not to be used by itself"):
        RoleStack(App(), "S")
    with pytest.raises(TypeError, match="RolloutStack is not to be used by itself"):
        RolloutStack(App(), "S", organizational_units=["r-abcd"])
    with pytest.raises(TypeError, match="Rollout is not to be used by itself"):
        Rollout(
            Stack(App(), "S"),
            "Pump",
            organizational_units=["r-abcd"],
            pump_principal=PRINCIPAL,
            external_id=EXTERNAL_ID,
        )
