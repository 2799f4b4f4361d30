"""A role that another app deploys: a grant adds nothing to it, and what attaches to it is found."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from pump_roles import ArgumentError, AutoPilotRole, PumpRole, ReadOnlyRole
from tests.support import ROLE_ARGUMENTS, messages_of

HERE = Environment(account="111122223333", region="us-east-1")


def statement(effect: iam.Effect) -> iam.PolicyStatement:
    return iam.PolicyStatement(effect=effect, actions=["s3:GetObject"], resources=["*"])


ALLOW, DENY = iam.Effect.ALLOW, iam.Effect.DENY
EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def worker(stack: Stack) -> iam.Role:
    return iam.Role(stack, "Worker", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))


USES: dict[str, tuple[bool, Callable[[Stack, iam.IRole], object]]] = {
    "nothing": (True, lambda stack, _: worker(stack)),
    "a grant": (True, lambda stack, role: s3.Bucket(stack, "Bucket").grant_read(role)),
    "a policy that denies": (
        True,
        lambda stack, role: iam.Policy(stack, "P", statements=[statement(DENY)], roles=[role]),
    ),
    "a managed policy that denies": (
        True,
        lambda stack, role: iam.ManagedPolicy(
            stack, "P", statements=[statement(DENY)], roles=[role]
        ),
    ),
    "a policy of another role": (
        True,
        lambda stack, _: iam.Policy(
            stack, "P", statements=[statement(ALLOW)], roles=[worker(stack)]
        ),
    ),
    "a managed policy of AWS": (
        True,
        lambda stack, role: (
            worker(stack),
            role.add_managed_policy(
                iam.ManagedPolicy.from_aws_managed_policy_name("AdministratorAccess")
            ),
        ),
    ),
    "a policy": (
        False,
        lambda stack, role: iam.Policy(stack, "P", statements=[statement(ALLOW)], roles=[role]),
    ),
    "a policy by the role": (
        False,
        lambda stack, role: role.attach_inline_policy(
            iam.Policy(stack, "P", statements=[statement(ALLOW)])
        ),
    ),
    "a managed policy": (
        False,
        lambda stack, role: iam.ManagedPolicy(
            stack, "P", statements=[statement(ALLOW)], roles=[role]
        ),
    ),
    "a policy by name, in another stack": (
        False,
        lambda stack, role: iam.CfnRolePolicy(
            Stack(stack.node.root, "Other", env=HERE),  # type: ignore[arg-type]
            "P",
            policy_name="Mine",
            role_name=role.role_name,
            policy_document=EVERYTHING,
        ),
    ),
}
"""What an app does with the role, and whether the role then stays as it is published."""


@pytest.mark.parametrize("use", USES)
def test_synth_fails_if_the_app_attaches_what_does_not_only_deny(
    use: str, cdk_flags: Mapping[str, Any]
) -> None:
    app = App(context=cdk_flags)
    stack = Stack(app, "Foreign", env=HERE)
    worker(Stack(app, "Filler"))
    role = AutoPilotRole.from_role_name(stack, "Pump", "pump/PumpAutoPilotRole")
    stays, act = USES[use]
    act(stack, role)
    if not stays:
        with pytest.raises(RuntimeError, match=r"P[0-9A-F]* attaches to Foreign/Pump"):
            app.synth()
        return
    template = app.synth().get_stack_by_name("Foreign").template
    policies = [
        found["Properties"]
        for found in template["Resources"].values()
        if found["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        and "PumpAutoPilotRole" in found["Properties"]["Roles"]
    ]
    effects = {
        each["Effect"] for found in policies for each in found["PolicyDocument"]["Statement"]
    }
    assert effects == ({"Deny"} if "denies" in use else set())
    warnings = {"a grant": "nothing was added to the", "a managed policy of AWS": "nothing is atta"}
    found = [message[: len(warnings.get(use, ""))] for message in messages_of(role, "warning")]
    assert found == ([warnings[use]] if use in warnings else [])


@pytest.mark.parametrize("role_class", [ReadOnlyRole, AutoPilotRole])
def test_name_is_the_published_one_by_default_and_the_arn_has_its_path(
    role_class: type[PumpRole], cdk_flags: Mapping[str, Any]
) -> None:
    app = App(context=cdk_flags)
    stack, other = Stack(app, "S", env=HERE), Stack(app, "Other", env=HERE)
    role = role_class.from_role_name(stack, "Pump")
    assert role.role_name == role_class.published.name
    assert role.assume_role_action == "sts:AssumeRole"
    named = role_class.from_role_name(stack, "Named", "pump/Mine")
    assert named.role_name == "Mine"
    for place in (stack, other):
        CfnOutput(place, "Arn", value=named.role_arn)
        worker(place)
    for found in app.synth().stacks:
        (output,) = found.template["Outputs"].values()
        assert ":iam::111122223333:role/pump/Mine" in str(output["Value"])


def test_arn_is_an_error_in_another_account_if_its_own_is_not_known(
    cdk_flags: Mapping[str, Any],
) -> None:
    app = App(context=cdk_flags)
    role = ReadOnlyRole.from_role_name(Stack(app, "S"), "Pump")
    CfnOutput(Stack(app, "Away", env=HERE), "Arn", value=role.role_arn)
    with pytest.raises(RuntimeError, match="the stack S has no account; set its env"):
        app.synth()


def test_app_can_deploy_the_role_and_also_use_it_by_its_name() -> None:
    app = App()
    ReadOnlyRole(Stack(app, "Pump", env=HERE), "Role", **ROLE_ARGUMENTS)
    stack = Stack(app, "Other", env=HERE)
    ReadOnlyRole.from_role_name(stack, "Pump").grant_pass_role(worker(stack))
    app.synth()


@pytest.mark.parametrize("name", ["", "with space", "arn:aws:iam::111122223333:role/Mine", "/Mine"])
def test_rejects_what_is_not_the_name_of_a_role(name: str) -> None:
    with pytest.raises(ArgumentError, match=r"^S/Pump: name: .* is not a role's name"):
        ReadOnlyRole.from_role_name(Stack(App(), "S"), "Pump", name)


def test_abstract_class_has_no_role_to_refer_to() -> None:
    with pytest.raises(TypeError, match=r"^PumpRole is abstract; use ReadOnlyRole or Auto"):
        PumpRole.from_role_name(Stack(App(), "S"), "Pump", "Mine")
