"""The guide for Terraform passes what the template needs, and its table names what exists."""

import json
import re

import pytest

import pump_roles
from pump_roles.app.config import KEYS
from tests.commands import command
from tests.support import SCENARIOS, app_files
from tools.sandbox.cdk import ROOT

PAGE = (ROOT / "docs" / "terraform.md").read_text()
STACK, STACK_SET = re.findall(r"```hcl\n(.*?)```", PAGE, re.DOTALL)
TEMPLATE = "PumpReadOnly-recommended.template.json"
HEAD, _, *WAYS = (
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in re.findall(r"^\|.*\|$", PAGE, re.MULTILINE)
)


@pytest.mark.parametrize("block", [STACK, STACK_SET], ids=["stack", "stack set"])
def test_example_passes_the_parameters_of_the_template(block: str) -> None:
    template = json.loads((ROOT / "cloudformation" / TEMPLATE).read_text())
    (parameters,) = re.findall(r"parameters = \{(.*?)\}", block, re.DOTALL)
    passed = set(re.findall(r"^ *(\w+) *= var\.", parameters, re.MULTILINE))
    assert passed == template["Parameters"].keys()
    assert set(re.findall(r"var\.(\w+)", block)) == set(re.findall(r'variable "(\w+)"', STACK))
    assert set(re.findall(r'outputs\["(\w+)"\]', block)) <= template["Outputs"].keys()
    assert re.findall(r'^  name +=\s"(\w+)"', block, re.MULTILINE) == ["PumpReadOnly"]
    # A role with a name needs this one.
    assert re.findall(r"capabilities +=\s(.*)", block) == ['["CAPABILITY_NAMED_IAM"]']
    assert f"/{TEMPLATE}" in STACK


def test_stack_set_of_the_example_deploys_as_that_of_the_app() -> None:
    (resource,) = json.loads(app_files(SCENARIOS["rollout"])["PumpReadOnlyRollout"])[
        "Resources"
    ].values()
    properties = resource["Properties"]
    automatic = properties["AutoDeployment"]
    assert (automatic["Enabled"], automatic["RetainStacksOnAccountRemoval"]) == (True, False)
    assert properties["ManagedExecution"] == {"Active": True}
    written = dict(re.findall(r"^ +(\w+) += (\S+)$", STACK_SET, re.MULTILINE))
    assert written["permission_model"] == f'"{properties["PermissionModel"]}"'
    assert (written["enabled"], written["retain_stacks_on_account_removal"]) == ("true", "false")
    assert written["active"] == "true"


def test_table_has_every_way_without_an_empty_cell_and_names_what_exists() -> None:
    assert HEAD[0] == "way"
    assert len(WAYS) == 6
    assert all(len(way) == len(HEAD) and all(way) for way in WAYS)
    named = {name for way in WAYS for cell in way for name in re.findall(r"`([^`]+)`", cell)}
    stacks = {stack for scenario in SCENARIOS.values() for stack in app_files(scenario)}
    options = {option for each in command("template").params for option in each.opts}
    known = {*stacks, *options, *pump_roles.__all__, *(key.name for key in KEYS)}
    known |= {"permissions_boundary", "pump.json", "aws_cloudformation_stack_set"}
    assert named - known == {"pump-roles verify"}
