"""Two of Pump's roles in one stack cannot have the same name."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, NestedStack, Stack
from aws_cdk.cloudformation_include import CfnInclude
from constructs import Construct

from pump_roles import ArgumentError, AutoPilotRole, ReadOnlyRole
from tests.support import ROLE_ARGUMENTS


@pytest.mark.parametrize("name", ["PumpReadOnlyRole", "pumpreadonlyROLE"])
def test_two_roles_with_the_same_name_in_a_stack_are_an_error(name: str) -> None:
    stack = Stack(App(), "Vendors")
    ReadOnlyRole(stack, "One", **ROLE_ARGUMENTS)
    with pytest.raises(ArgumentError) as raised:
        AutoPilotRole(Construct(stack, "Inner"), "Two", role_name=name, **ROLE_ARGUMENTS)
    assert str(raised.value) == f"role_name: {name} is already the name of Vendors/One"


def test_name_counts_in_a_stack_that_was_not_created_in_python(tmp_path: Path) -> None:
    """For such a stack, jsii returns another Python object each time."""
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://a.b"}}
    for name, resources in {"Outer": {"Nested": nested}, "Nested": {}}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({"Resources": resources}))
    included = CfnInclude(
        Stack(App(), "Vendors"),
        "Included",
        template_file=str(tmp_path / "Outer.json"),
        load_nested_stacks={"Nested": {"templateFile": str(tmp_path / "Nested.json")}},
    )
    first, second = (included.get_nested_stack("Nested").stack for _ in range(2))
    assert first is not second
    ReadOnlyRole(first, "One", **ROLE_ARGUMENTS)
    with pytest.raises(ArgumentError, match="is already the name of Vendors/Included/Nested/One"):
        ReadOnlyRole(second, "Two", **ROLE_ARGUMENTS)


def test_same_name_in_two_stacks_and_two_names_in_one_are_accepted() -> None:
    app = App()
    outer = Stack(app, "One")
    for scope in (outer, NestedStack(outer, "Nested"), Stack(app, "Two")):
        ReadOnlyRole(scope, "Role", **ROLE_ARGUMENTS)
    ReadOnlyRole(outer, "Another", role_name="Pump2", **ROLE_ARGUMENTS)
    AutoPilotRole(outer, "AutoPilot", **ROLE_ARGUMENTS)
    app.synth()


@pytest.mark.parametrize("wrong", [{"role_name": "x" * 65}, {"external_id": "x"}, {"path": "x"}])
def test_rejected_role_does_not_keep_its_name(wrong: dict[str, Any]) -> None:
    stack = Stack(App(), "Vendors")
    with pytest.raises(ArgumentError):
        ReadOnlyRole(stack, "One", **(ROLE_ARGUMENTS | wrong))
    ReadOnlyRole(stack, "Two", **ROLE_ARGUMENTS)
