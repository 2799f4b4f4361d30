"""A rollout is one StackSet with the ready template, which the outer app cannot change."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest
from aws_cdk import (
    App,
    CfnOutput,
    CfnParameter,
    PermissionsBoundary,
    Stack,
    Stage,
    Tags,
    Validations,
)
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template
from aws_cdk.aws_organizations import CfnOrganizationalUnit
from aws_cdk.aws_s3 import CfnBucket
from cdk_nag import AwsSolutionsChecks

from pump_roles import (
    ArgumentError,
    AutoPilotRollout,
    Guardrail,
    ReadOnlyRollout,
)
from pump_roles.constructs import rollouts
from tests.support import (
    EXTERNAL_ID,
    PRINCIPAL,
    Synth,
    member_template,
    messages_of,
    recommended_flags,
    role_of,
)
from tools.sandbox.aws import ACCOUNT_ID, REGION
from tools.sandbox.cdk import tool_environment

ARGUMENTS: dict[str, Any] = {
    "organizational_units": ["r-abcd"],
    "pump_principal": PRINCIPAL,
    "external_id": EXTERNAL_ID,
}


BOUNDARY = "@aws-cdk/core:permissionsBoundary"


@pytest.mark.parametrize(
    ("delegated_admin", "said"), [(False, "this account has this role"), (True, "it has this role")]
)
def test_rollout_says_once_that_the_management_account_does_not_get_the_role(
    said: str, capfd: pytest.CaptureFixture[str], *, delegated_admin: bool
) -> None:
    rollout = ReadOnlyRollout(Stack(), "R", **ARGUMENTS, delegated_admin=delegated_admin)
    (info,) = messages_of(rollout, "info")
    assert info.startswith(f"StackSets do not deploy to the management account: {said} only if ")
    assert info.endswith("[ack: pump-roles:management-account]")
    assert ("deploys it there" in info) == delegated_admin
    assert capfd.readouterr().err == ""


def test_nothing_of_the_outer_app_reaches_the_member_template(synth: Synth) -> None:
    """No tags, aspects, context or flags."""
    context = {
        **recommended_flags(),
        "aws:cdk:enable-path-metadata": True,
        "pump:settings": "ignored",
    }
    app = App(context=context, analytics_reporting=True)
    Tags.of(app).add("team", "platform")
    iam.PermissionsBoundary.of(app).apply(
        iam.ManagedPolicy.from_aws_managed_policy_name("ReadOnlyAccess")
    )
    ReadOnlyRollout(Stack(app, "R"), "R", **ARGUMENTS)
    AutoPilotRollout(Stack(app, "Mine"), "A", **ARGUMENTS)
    assembly = app.synth()
    for name, single in [("R", "PumpReadOnly"), ("Mine", "PumpAutoPilot")]:
        template = Template.from_json(assembly.get_stack_by_name(name).template)
        (found,) = template.find_resources("AWS::CloudFormation::StackSet").values()
        assert json.loads(found["Properties"]["TemplateBody"]) == synth()[single]
        assert found["Properties"]["Tags"] == [{"Key": "team", "Value": "platform"}]
    assert {stack.stack_name for stack in assembly.stacks_recursively} == {"R", "Mine"}


@pytest.mark.slow
def test_context_that_the_cli_hands_to_every_app_does_not_reach_the_member_template(
    tmp_path: Path,
) -> None:
    script = f"""
from aws_cdk import App, CfnOutput, Stack
from pump_roles import ReadOnlyRollout
app = App(outdir={str(tmp_path)!r})
assert app.node.try_get_context({BOUNDARY!r}) == {{"name": "Others"}}
ReadOnlyRollout(Stack(app, "R"), "R", **{ARGUMENTS!r}, permissions_boundary="Mine")
app.synth()
"""
    context = {"CDK_CONTEXT_JSON": json.dumps({BOUNDARY: {"name": "Others"}})}
    command = [sys.executable, "-c", script]
    subprocess.run(command, env=tool_environment() | context, capture_output=True, check=True)
    template = json.loads((tmp_path / "R.template.json").read_text())
    assert role_of(member_template(template))["PermissionsBoundary"] == {
        "Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/Mine"
    }


@pytest.mark.parametrize("of", ["context", "stage", "stack"])
@pytest.mark.parametrize("named", [True, False])
def test_boundary_that_does_not_reach_the_member_accounts_is_an_error(
    of: str, *, named: bool
) -> None:
    arn = "arn:aws:iam::111122223333:policy/Org"
    given = PermissionsBoundary.from_name("Org") if named else PermissionsBoundary.from_arn(arn)
    app = App(
        context={BOUNDARY: {"name": "Org"} if named else {"arn": arn}} if of == "context" else {}
    )
    stage = Stage(app, "Stage", permissions_boundary=given if of == "stage" else None)
    stack = Stack(stage, "S", permissions_boundary=given if of == "stack" else None)
    name = "Org" if named else arn
    problem = f"^Stage/S/Unbounded: permissions_boundary: the app's boundary {name} does not reach"
    with pytest.raises(ArgumentError, match=problem):
        ReadOnlyRollout(stack, "Unbounded", **ARGUMENTS)
    ReadOnlyRollout(stack, "Bounded", **ARGUMENTS, permissions_boundary="Mine")
    policy: Any = iam.ManagedPolicy.from_managed_policy_name(stack, "Boundary", "Mine")
    problem = (
        "^Stage/S/R: permissions_boundary: an iam.IManagedPolicy can be a policy of one "
        "account; pass the name of .*, or the ARN of an AWS managed policy$"
    )
    with pytest.raises(ArgumentError, match=problem):
        ReadOnlyRollout(stack, "R", **ARGUMENTS, permissions_boundary=policy)


@pytest.mark.parametrize("setting", [None, False, {}, {"name": None}, "Org"])
def test_context_without_a_boundary_is_no_reason_to_fail(setting: Any) -> None:
    ReadOnlyRollout(Stack(App(context={BOUNDARY: setting}), "S"), "R", **ARGUMENTS)


def test_two_stack_sets_with_the_same_name_in_a_stack_are_an_error() -> None:
    stack = Stack(App(), "Vendors")
    ReadOnlyRollout(stack, "One", **ARGUMENTS)
    AutoPilotRollout(stack, "Two", **ARGUMENTS)
    with pytest.raises(
        ArgumentError, match="PumpReadOnly is already the name of Vendors/One/Resource"
    ):
        ReadOnlyRollout(stack, "Three", **ARGUMENTS)
    ReadOnlyRollout(stack, "Four", **ARGUMENTS, stack_set_name="Another")


def test_two_stack_sets_with_the_same_name_in_an_account_and_region_are_an_error() -> None:
    app = App()
    ReadOnlyRollout(Stack(app, "One"), "R", **ARGUMENTS)
    with pytest.raises(ArgumentError, match="PumpReadOnly is already the name of One/R/Resource"):
        ReadOnlyRollout(Stack(app, "Two"), "R", **ARGUMENTS)
    ReadOnlyRollout(Stack(app, "Region", env={"region": REGION}), "R", **ARGUMENTS)
    ReadOnlyRollout(Stack(app, "Account", env={"account": ACCOUNT_ID}), "R", **ARGUMENTS)
    # The accounts of stages often differ, and only a deployment says them.
    ReadOnlyRollout(Stack(Stage(app, "Stage"), "R"), "R", **ARGUMENTS)


def test_rollout_can_be_in_a_stack_of_the_customer() -> None:
    stack = Stack(App(), "Mine")
    external_id = CfnParameter(stack, "MyId")
    for construct in (ReadOnlyRollout, AutoPilotRollout):
        made = construct(
            stack,
            construct.__name__,
            **{**ARGUMENTS, "external_id": external_id},
            stack_set_name=f"My-{construct.__name__}",
            exclude_accounts=("111111111111",),
        )
        assert made.resource.stack_set_name == f"My-{construct.__name__}"
        parameters = stack.resolve(made.resource.parameters)
        values = [list(parameter.values())[1] for parameter in parameters]
        assert values == [PRINCIPAL, {"Ref": "MyId"}]
    assert external_id.allowed_pattern is not None


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("organizational_units", ["r-abcd", "ou-abcd-12345678"]),
        ("only_accounts", ["1"]),
        ("max_concurrent_count", 0),
        ("failure_tolerance_percentage", 0.5),
        ("failure_tolerance_count", -1),
        ("region", "us-eastt-1"),
        ("delegated_admin", "SELF"),
        ("stack_set_name", "-"),
        ("pump_principal", "*"),
        ("external_id", ""),
        ("next_external_id", EXTERNAL_ID),
        ("path", "pump"),
        ("permissions_boundary", "/B"),
        ("configure_app", "add_validation"),
        ("configure_app", []),
    ],
)
def test_error_names_the_argument_that_is_wrong(argument: str, value: object) -> None:
    with pytest.raises(ArgumentError, match=f"^Default/R: {argument}: "):
        ReadOnlyRollout(Stack(), "R", **{**ARGUMENTS, argument: value})


STACK_SET_ARN = "arn:aws:cloudformation:us-east-1:111122223333:stackset/Boundary:1a2b-3c4d"


def test_rollout_says_what_it_deploys_and_where() -> None:
    stack = Stack(App(), "Mine")
    made = ReadOnlyRollout(stack, "One", **ARGUMENTS)
    assert (made.role_name, made.stack_set_name) == ("PumpReadOnlyRole", "PumpReadOnly")
    arguments = {**ARGUMENTS, "role_name": "Vendor", "stack_set_name": "Vendors"}
    other = AutoPilotRollout(stack, "Two", **arguments, delegated_admin=True)
    assert (other.role_name, other.stack_set_name) == ("Vendor", "Vendors")
    with pytest.raises(ValueError, match=r"^Mine/Two: the account of its StackSet is not known$"):
        _ = other.stack_set_arn


def test_automatic_deployments_wait_for_other_stack_sets() -> None:
    stack = Stack(App(), "Mine")
    first = AutoPilotRollout(stack, "First", **ARGUMENTS)
    ReadOnlyRollout(stack, "Second", **ARGUMENTS, depends_on=[first, STACK_SET_ARN])
    template = Template.from_stack(stack)
    (found,) = template.find_resources(
        "AWS::CloudFormation::StackSet", {"Properties": {"StackSetName": "PumpReadOnly"}}
    ).values()
    logical_id = stack.get_logical_id(first.resource)
    parts = [
        *("arn:", {"Ref": "AWS::Partition"}, ":cloudformation:", {"Ref": "AWS::Region"}, ":"),
        *({"Ref": "AWS::AccountId"}, ":stackset/", {"Fn::GetAtt": [logical_id, "StackSetId"]}),
    ]
    assert found["Properties"]["AutoDeployment"] == {
        "Enabled": True,
        "RetainStacksOnAccountRemoval": False,
        "DependsOn": [{"Fn::Join": ["", parts]}, STACK_SET_ARN],
    }
    assert found["DependsOn"] == [logical_id]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"depends_on": ["PumpReadOnly"]}, "'PumpReadOnly' is not the ARN of a StackSet"),
        ({"depends_on": [STACK_SET_ARN] * 2}, ".* is listed twice"),
        ({"depends_on": STACK_SET_ARN}, ".* is not a list"),
        ({"depends_on": None}, "None is not a list"),
        (
            {"depends_on": [f"{STACK_SET_ARN}{number}" for number in range(11)]},
            "11 given, at most 10 allowed",
        ),
        (
            {"depends_on": [STACK_SET_ARN], "only_accounts": ["111111111111"]},
            "cannot be combined with only_accounts",
        ),
    ],
)
def test_rejects_what_automatic_deployments_cannot_wait_for(
    arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ArgumentError, match=f"^Default/R: depends_on: {problem}"):
        ReadOnlyRollout(Stack(), "R", **ARGUMENTS, **arguments)


@pytest.mark.parametrize(
    ("region", "more", "times", "problem"),
    [
        (REGION, {}, 2, "First/R is listed twice"),
        (REGION, {"only_accounts": ["111111111111"]}, 1, "First/R has only_accounts"),
        ("eu-west-1", {}, 1, "First/R must be the ARN .* it is in another account or Region"),
    ],
)
def test_rejects_rollouts_that_a_rollout_cannot_wait_for(
    region: str, more: dict[str, Any], times: int, problem: str
) -> None:
    app = App()
    first = Stack(app, "First", env={"account": ACCOUNT_ID, "region": region})
    second = Stack(app, "Second", env={"account": ACCOUNT_ID, "region": REGION})
    other = AutoPilotRollout(first, "R", **ARGUMENTS, **more)
    with pytest.raises(ArgumentError, match=f"^Second/R: depends_on: {problem}"):
        ReadOnlyRollout(second, "R", **ARGUMENTS, depends_on=[other] * times)


def test_rollout_can_wait_for_a_stack_set_by_a_reference() -> None:
    stack = Stack(App(), "Mine")
    arn = AutoPilotRollout(stack, "First", **ARGUMENTS).stack_set_arn
    made = ReadOnlyRollout(stack, "Second", **ARGUMENTS, depends_on=[arn])
    found = stack.resolve(made.resource.auto_deployment)["dependsOn"]
    assert found == [stack.resolve(arn)]


@pytest.mark.parametrize("with_references", [False, True])
def test_arn_of_a_stack_set_is_an_error_elsewhere(
    cdk_flags: Mapping[str, Any], *, with_references: bool
) -> None:
    app = App(context=cdk_flags)
    here, there = (
        Stack(app, region, env={"region": region}, cross_region_references=with_references)
        for region in ("us-east-1", "eu-west-1")
    )
    CfnOutput(there, "Arn", value=ReadOnlyRollout(here, "R", **ARGUMENTS).stack_set_arn)
    with pytest.raises(RuntimeError, match=r"us-east-1/R is not known.*AWS generates a part of it"):
        app.synth()


def test_delegated_administrator_names_other_stack_sets_by_their_arns() -> None:
    stack = Stack(App(), "Mine")
    first = AutoPilotRollout(stack, "First", **ARGUMENTS, delegated_admin=True)
    arguments = {**ARGUMENTS, "delegated_admin": True}
    problem = "Mine/First must be the ARN of its StackSet, because with delegated_admin, "
    with pytest.raises(ArgumentError, match=f"^Mine/Second: depends_on: {problem}"):
        ReadOnlyRollout(stack, "Second", **arguments, depends_on=[first])
    made = ReadOnlyRollout(stack, "Third", **arguments, depends_on=[STACK_SET_ARN])
    assert stack.resolve(made.resource.auto_deployment)["dependsOn"] == [STACK_SET_ARN]


def test_targets_can_be_units_of_the_same_app() -> None:
    stack = Stack(App(), "Mine")
    unit = CfnOrganizationalUnit(stack, "Unit", name="Buyers", parent_id="r-abcd")
    units = [unit.attr_id, "ou-abcd-12345678"]
    ReadOnlyRollout(stack, "R", **{**ARGUMENTS, "organizational_units": units})
    (found,) = Template.from_stack(stack).find_resources("AWS::CloudFormation::StackSet").values()
    (group,) = found["Properties"]["StackInstancesGroup"]
    assert group["DeploymentTargets"]["OrganizationalUnitIds"] == [
        {"Fn::GetAtt": ["Unit", "Id"]},
        "ou-abcd-12345678",
    ]


@pytest.mark.parametrize(
    ("arguments", "preferences"),
    [
        ({"max_concurrent_count": 1}, {"maxConcurrentCount": 1, "failureTolerancePercentage": 10}),
        (
            {"failure_tolerance_count": 0, "max_concurrent_percentage": 50},
            {"maxConcurrentPercentage": 50, "failureToleranceCount": 0},
        ),
    ],
)
def test_counts_replace_the_percentages_of_the_same_kind(
    arguments: dict[str, Any], preferences: dict[str, int]
) -> None:
    stack = Stack()
    made = ReadOnlyRollout(stack, "R", **ARGUMENTS, **arguments).resource
    found = stack.resolve(made.operation_preferences)
    assert found == {"concurrencyMode": "SOFT_FAILURE_TOLERANCE", **preferences}


@pytest.mark.parametrize(
    ("other", "argument", "value"),
    [
        ("exclude_accounts", "only_accounts", ["111111111111"]),
        ("max_concurrent_percentage", "max_concurrent_count", 1),
        ("failure_tolerance_percentage", "failure_tolerance_count", 1),
    ],
)
def test_rejects_arguments_that_exclude_each_other(other: str, argument: str, value: Any) -> None:
    both = {argument: value, other: value}
    problem = f"^Default/R: {argument}: cannot be combined with {other}$"
    with pytest.raises(ArgumentError, match=problem):
        ReadOnlyRollout(Stack(), "R", **ARGUMENTS, **both)


def test_member_template_that_is_too_large_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollouts, "_TEMPLATE_BODY", 3_000)
    problem = r"^Default/R: template: .* bytes, at most 3,000 allowed$"
    with pytest.raises(ArgumentError, match=problem):
        AutoPilotRollout(Stack(), "R", **ARGUMENTS)


def test_largest_rollout_fits_into_a_template_body(synth: Synth) -> None:
    template = synth(
        {
            "auto-pilot": {
                "organizational-units": [f"ou-{'a' * 32}-{index:032}" for index in range(50)],
                "exclude-accounts": [f"{index:012}" for index in range(1_000)],
            },
            "external-id": "a" * 900,
            "next-external-id": "b" * 900,
            "role-path": f"/{'a' * 510}/",
            "permissions-boundary": f"{'b' * 500}/{'B' * 128}",
        }
    )["PumpAutoPilotRollout"]
    assert len(json.dumps(template, indent=1).encode()) < 51_200


def test_configure_app_gets_the_app_of_the_member_template_so_cdk_nag_checks_it() -> None:
    configured: list[str] = []

    def configure(app: App) -> None:
        configured.extend(child.node.id for child in app.node.children)
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))

    ReadOnlyRollout(Stack(App(), "Mine"), "R", **ARGUMENTS, configure_app=configure)
    assert "PumpReadOnly" in configured


def add_bucket(app: App) -> None:
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stack = app.node.find_child("PumpReadOnly")
    assert isinstance(stack, Stack)
    CfnBucket(stack, "Bucket")


def widen(app: App) -> None:
    role = app.node.find_child("PumpReadOnly").node.find_child("Role")
    role.node.default_child.max_session_duration = 43_200  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("configure", "problem"),
    [
        (add_bucket, "RuntimeError: ValidationFailed: .*AwsSolutions-S1.*PumpReadOnly/Bucket"),
        (widen, "RuntimeError: ValidationFailed: .*Role has a different MaxSessionDuration"),
        ({}.__getitem__, "KeyError: <aws_cdk.App object at 0x"),
    ],
)
def test_configure_app_that_fails_names_the_rollout_and_says_all_that_is_wrong(
    configure: Callable[[App], object],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ArgumentError) as raised:
        ReadOnlyRollout(Stack(App(), "Mine"), "R", **ARGUMENTS, configure_app=configure)
    said = "".join(format_exception(raised.value))
    start = "Mine/R: configure_app: the synth of the StackSet's template failed: "
    assert re.search(start + problem, said, re.DOTALL)
    assert tmp_path.name not in said


@pytest.mark.slow
def test_validation_of_the_member_template_fails_in_every_mode_of_the_cdk() -> None:
    script = f"""
from aws_cdk import App, CfnOutput, Stack
from pump_roles import ReadOnlyRollout
def widen(app):
    role = app.node.find_child("PumpReadOnly").node.find_child("Role")
    role.resource.max_session_duration = 43_200
ReadOnlyRollout(Stack(App(), "R"), "R", **{ARGUMENTS!r}, configure_app=widen)
"""
    context = json.dumps({"@aws-cdk/core:failSynthOnValidationErrors": False})
    environment = {"CDK_APP_MODE": "process", "CDK_CONTEXT_JSON": context}
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env=tool_environment() | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "R/R: configure_app: the synth of the StackSet's template failed: " in ended.stderr


def test_warns_if_a_guardrail_has_expired() -> None:
    expired = [Guardrail.until("2020-01-01T00:00:00Z")]
    arguments = {**ARGUMENTS, "external_id": "Example-1234-5678"}
    rollout = AutoPilotRollout(Stack(), "R", **arguments, guardrails=expired)
    (warning,) = messages_of(rollout, "warning")
    assert "has passed; the role has no permissions" in warning
