"""The guide for Terraform passes what the template needs, and names files that exist."""

import json
import re

import pytest

from tests.support import SCENARIOS, app_files
from tools.sandbox.cdk import ROOT

PAGE = (ROOT / "docs" / "terraform.md").read_text()
STACK, STACK_SET = re.findall(r"```hcl\n(.*?)```", PAGE, re.DOTALL)
TEMPLATE = "PumpReadOnly-recommended.template.json"


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


OF_THE_PROVIDER = {
    "aws_cloudformation_stack": {
        "": {"name", "template_body", "capabilities"},
        "parameters": {"PumpIamRole", "PumpExternalID"},
        "lifecycle.precondition": {"condition", "error_message"},
    },
    "aws_cloudformation_stack_set": {
        "": {"name", "template_body", "capabilities", "permission_model"},
        "parameters": {"PumpIamRole", "PumpExternalID"},
        "auto_deployment": {"enabled", "retain_stacks_on_account_removal"},
        "managed_execution": {"active"},
        "operation_preferences": {"max_concurrent_percentage", "failure_tolerance_percentage"},
        # It has no others.
        "timeouts": {"update"},
    },
    "aws_cloudformation_stack_set_instance": {
        "": {"stack_set_name"},
        "deployment_targets": {"organizational_unit_ids"},
        "operation_preferences": {
            *("max_concurrent_percentage", "failure_tolerance_percentage", "concurrency_mode")
        },
        "timeouts": {"create", "update", "delete"},
    },
}
"""The blocks and arguments of the AWS provider, as its documentation and its schemas name them:
hashicorp/terraform-provider-aws, website/docs/r/, and internal/service/cloudformation/.
"""


def arguments(text: str) -> dict[str, dict[str, set[str]]]:
    """Return the arguments of each block of each resource; fails if braces do not match."""
    found: dict[str, dict[str, set[str]]] = {}
    resource, path = "", [""]
    for line in filter(None, map(str.strip, text.splitlines())):
        if opened := re.fullmatch(r'(\w+)(?: "(\w+)"(?: "\w+")?)? (?:= )?\{', line):
            if opened[1] == "resource":
                resource, path = opened[2], [*path, ""]
                assert resource not in found
                found[resource] = {}
            else:
                path.append(opened[1] if resource else "-")
        elif line == "}":
            path.pop()
            resource = resource if len(path) > 1 else ""
        elif resource:
            name = re.fullmatch(r"(\w+) += .+", line)
            assert name, line
            found[resource].setdefault(".".join(filter(None, path)), set()).add(name[1])
    assert path == [""]
    return found


def test_each_block_and_argument_of_the_examples_is_one_of_the_provider() -> None:
    assert arguments(STACK) | arguments(STACK_SET) == OF_THE_PROVIDER


def test_argument_that_the_provider_does_not_have_is_found() -> None:
    for wrong in (
        STACK_SET.replace("update =", "create =", 1),
        STACK_SET.replace("managed_execution {", "managed_executions {"),
        STACK_SET.replace("organizational_unit_ids", "organizational_units"),
    ):
        assert wrong != STACK_SET
        assert arguments(STACK) | arguments(wrong) != OF_THE_PROVIDER
    with pytest.raises(AssertionError):
        arguments(STACK_SET.removesuffix("}\n"))


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


def test_files_that_the_guide_names_are_those_of_the_app() -> None:
    named = set(re.findall(r"`(\w+)\.template\.json`", PAGE))
    stacks = {stack for scenario in SCENARIOS.values() for stack in app_files(scenario)}
    assert named == {"PumpAlarm", "PumpProtection"}
    assert named <= stacks
