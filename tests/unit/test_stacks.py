"""The stacks: what is given is baked in, what is left out is a parameter, and no more."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stage

from pump_roles import AutoPilotStack, ReadOnlyStack, __version__, forms
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
