"""The constructs: deployed is published, and the role cannot be widened."""

import json
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import aws_cdk
import pytest
from aws_cdk import (
    App,
    Aws,
    CfnOutput,
    CfnParameter,
    Environment,
    Fn,
    NestedStack,
    Stack,
    Stage,
    Tags,
    Token,
)
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from pump_roles import ArgumentError, AutoPilotRole, ReadOnlyRole, roles
from sandbox.cdk import recommended_flags

Role = ReadOnlyRole | AutoPilotRole
ROLES = [ReadOnlyRole, AutoPilotRole]
GIVEN: dict[str, Any] = {"pump_principal": "999988887777", "external_id": "Example-1234"}


def role_of(stack: Stack) -> dict[str, Any]:
    """The one role of the stack, as its template has it."""
    app = stack.node.root
    assert isinstance(app, App)
    template = app.synth().get_stack_artifact(stack.artifact_id).template
    (found,) = (
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
    )
    assert isinstance(found, dict)
    return found


def flags(*, on: bool) -> Mapping[str, Any]:
    return {
        flag: value if on else (False if isinstance(value, bool) else None)
        for flag, value in recommended_flags().items()
    }


@pytest.mark.parametrize("on", [True, False])
def test_deployed_is_published_in_a_foreign_app_whatever_its_feature_flags(
    on: bool,  # noqa: FBT001
    published: list[list[dict[str, Any]]],
) -> None:
    read_only, auto_pilot = published
    for role, policies in [(ReadOnlyRole, read_only), (AutoPilotRole, read_only + auto_pilot)]:
        app = App(context=flags(on=on))
        stack = Stack(app, "Foreign", tags={"team": "platform"})
        Tags.of(app).add("cost", "shared")
        role(stack, "Role", **GIVEN)
        properties = role_of(stack)
        deployed = [
            {
                "PolicyName": policy["PolicyName"],
                "PolicyDocument": policy["PolicyDocument"],
            }
            for policy in properties["Policies"]
        ]
        assert json.dumps(deployed) == json.dumps(policies)
        assert "ManagedPolicyArns" not in properties
        assert "MaxSessionDuration" not in properties
        (statement,) = properties["AssumeRolePolicyDocument"]["Statement"]
        assert statement == {
            "Effect": "Allow",
            "Principal": {"AWS": "999988887777"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "Example-1234"}},
        }


def test_a_minimizing_flag_would_have_changed_the_published_text() -> None:
    """The positive control of the test above: the L2 role does not keep it."""
    document = json.loads(
        resources.files("pump_roles.published").joinpath("read-only.json").read_text()
    )[0]["PolicyDocument"]
    stack = Stack(App(context=flags(on=True)), "Foreign")
    iam.Role(
        stack,
        "Role",
        assumed_by=iam.AccountPrincipal("999988887777"),
        inline_policies={"P": iam.PolicyDocument.from_json(document)},
    )
    (deployed,) = role_of(stack)["Policies"]
    assert json.dumps(deployed["PolicyDocument"]) != json.dumps(document)


def test_has_the_documented_defaults() -> None:
    for role, name in [(ReadOnlyRole, "PumpReadOnlyRole"), (AutoPilotRole, "PumpAutoPilotRole")]:
        stack = Stack(App(), "S")
        role(stack, "Role", **GIVEN)
        properties = role_of(stack)
        assert properties["RoleName"] == name
        assert "Path" not in properties
        assert "PermissionsBoundary" not in properties
        assert 0 < len(properties["Description"]) <= 1000


@pytest.mark.parametrize(
    ("given", "arn"),
    [
        ("Boundary", "arn:aws-cn:iam::111122223333:policy/Boundary"),
        ("platform/team/Boundary", "arn:aws-cn:iam::111122223333:policy/platform/team/Boundary"),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws-cn:iam::aws:policy/ReadOnlyAccess"),
        (
            "arn:aws:iam::aws:policy/job-function/Billing",
            "arn:aws-cn:iam::aws:policy/job-function/Billing",
        ),
    ],
)
def test_a_boundary_means_the_same_in_every_account_and_partition(given: str, arn: str) -> None:
    stack = Stack(App(), "S")
    ReadOnlyRole(stack, "Role", **GIVEN, path="/pump/", role_name="P", permissions_boundary=given)
    properties = role_of(stack)
    assert properties["Path"] == "/pump/"
    assert properties["RoleName"] == "P"
    rendered = properties["PermissionsBoundary"]["Fn::Sub"]
    for name, value in {"Partition": "aws-cn", "AccountId": "111122223333"}.items():
        rendered = rendered.replace(f"${{AWS::{name}}}", value)
    assert rendered == arn


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("pump_principal", "*"),
        ("external_id", "a"),
        pytest.param("external_id", Aws.NO_VALUE, id="external_id-no-value"),
        ("next_external_id", "Example-1234"),
        ("role_name", "a" * 65),
        ("role_name", "a/b"),
        ("path", "pump"),
        pytest.param("path", f"/{Aws.ACCOUNT_ID}/", id="path-token"),
        ("permissions_boundary", "arn:aws:iam::123456789012:policy/Boundary"),
        ("permissions_boundary", ""),
    ],
)
@pytest.mark.parametrize("role", ROLES)
def test_names_the_argument_that_is_wrong(
    role: Callable[..., Role], argument: str, value: str
) -> None:
    with pytest.raises(ArgumentError, match=f"^{argument}: "):
        role(Stack(), "Role", **(GIVEN | {argument: value}))


def test_there_is_no_role_without_a_principal_and_an_external_id() -> None:
    for role in ROLES:
        for argument in GIVEN:
            rest = {name: value for name, value in GIVEN.items() if name != argument}
            with pytest.raises(TypeError, match=argument):
                role(Stack(), "Role", **rest)
            with pytest.raises(ArgumentError, match=f"^{argument}: None is not"):
                role(Stack(), "Role", **{**GIVEN, argument: None})


def test_two_roles_share_one_parameter() -> None:
    stack = Stack(App(), "S")
    parameter = CfnParameter(stack, "PumpExternalID")
    for role in ROLES:
        role(stack, role.__name__, pump_principal="999988887777", external_id=parameter)
    template = aws_cdk.assertions.Template.from_stack(stack)
    template.resource_count_is("AWS::IAM::Role", 2)
    assert set(template.find_parameters("*")) - {"BootstrapVersion"} == {"PumpExternalID"}


def test_grants_to_the_role_do_nothing() -> None:
    stack = Stack(App(), "S")
    role = ReadOnlyRole(stack, "Role", **GIVEN).role
    s3.Bucket(stack, "Bucket").grant_read_write(role)
    role.add_to_principal_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"]))
    role.add_managed_policy(iam.ManagedPolicy.from_aws_managed_policy_name("AdministratorAccess"))
    template = aws_cdk.assertions.Template.from_stack(stack)
    template.resource_count_is("AWS::IAM::Policy", 0)
    assert "ManagedPolicyArns" not in role_of(stack)


def test_another_role_can_be_granted_to_assume_it() -> None:
    stack = Stack(App(), "S")
    pump = iam.Role(stack, "Service", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
    role = ReadOnlyRole(stack, "Role", **GIVEN, path="/pump/")
    role.role.grant_assume_role(pump)
    template = aws_cdk.assertions.Template.from_stack(stack)
    (policy,) = template.find_resources("AWS::IAM::Policy").values()
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRole"
    _, parts = statement["Resource"]["Fn::Join"]
    assert parts[-2] == ":role/pump/"
    assert parts[-1] == {"Ref": stack.get_logical_id(role.node.default_child)}  # type: ignore[arg-type]


def test_a_grant_in_another_account_leaves_the_roles_stack_as_it_was() -> None:
    templates = []
    for granted in [False, True]:
        app = App()
        home = Stack(app, "Pump", env=Environment(account="111122223333", region="us-east-1"))
        role = ReadOnlyRole(home, "Role", **GIVEN, path="/pump/")
        away = Stack(app, "Away", env=Environment(account="999988887777", region="eu-west-1"))
        service = iam.Role(
            away,
            "Service",
            role_name="PumpService",  # CDK wants a name for what is granted across accounts
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
        )
        if granted:
            role.role.grant_assume_role(service)
        assembly = app.synth()
        templates.append(assembly.get_stack_by_name("Pump").template)
    assert templates[0] == templates[1]
    (policy,) = (
        one["Properties"]
        for one in assembly.get_stack_by_name("Away").template["Resources"].values()
        if one["Type"] == "AWS::IAM::Policy"
    )
    (statement,) = policy["PolicyDocument"]["Statement"]
    _, parts = statement["Resource"]["Fn::Join"]
    assert parts == [
        "arn:",
        {"Ref": "AWS::Partition"},
        ":iam::111122223333:role/pump/PumpReadOnlyRole",
    ]


def test_its_name_and_arn_are_references_to_the_deployed_role() -> None:
    stack = Stack(App(), "S")
    role = ReadOnlyRole(stack, "Role", **GIVEN)
    logical_id = stack.get_logical_id(role.node.default_child)  # type: ignore[arg-type]
    assert stack.resolve(role.role_name) == {"Ref": logical_id}
    assert stack.resolve(role.role_arn) == {"Fn::GetAtt": [logical_id, "Arn"]}
    assert stack.resolve(role.role.role_name) == {"Ref": logical_id}


def anything() -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=["s3:*"], resources=["*"])


def inline(stack: Stack, role: ReadOnlyRole) -> None:
    iam.Policy(stack, "Wide", roles=[role.role], statements=[anything()])


def managed(stack: Stack, role: ReadOnlyRole) -> None:
    iam.ManagedPolicy(stack, "Wide", roles=[role.role], statements=[anything()])


def imported_by_name(stack: Stack, _: ReadOnlyRole) -> None:
    role = iam.Role.from_role_name(stack, "Imported", "pumpreadonlyrole")
    iam.Policy(stack, "Wide", roles=[role], statements=[anything()])


def imported_by_arn(stack: Stack, role: ReadOnlyRole) -> None:
    again = iam.Role.from_role_arn(stack, "Imported", role.role_arn)
    again.add_to_principal_policy(anything())


def low_level(stack: Stack, role: ReadOnlyRole) -> None:
    iam.CfnRolePolicy(stack, "Wide", policy_name="Wide", role_name=role.role_name)


def substituted_name(stack: Stack, _: ReadOnlyRole) -> None:
    name = Fn.sub("PumpReadOnlyRole")
    iam.CfnRolePolicy(stack, "Wide", policy_name="Wide", role_name=name)


def one_of_two_names(stack: Stack, _: ReadOnlyRole) -> None:
    name = Fn.condition_if("Condition", "PumpReadOnlyRole", "Another").to_string()
    iam.CfnRolePolicy(stack, "Wide", policy_name="Wide", role_name=name)


def a_name_from_a_map(stack: Stack, _: ReadOnlyRole) -> None:
    name = Fn.sub("${Name}", {"Name": "PumpReadOnlyRole"})
    iam.CfnRolePolicy(stack, "Wide", policy_name="Wide", role_name=name)


ATTACHMENTS = [
    inline,
    managed,
    imported_by_name,
    imported_by_arn,
    low_level,
    substituted_name,
    one_of_two_names,
    a_name_from_a_map,
]


@pytest.mark.parametrize("place", ["same stack", "other stack", "nested stack", "stage"])
@pytest.mark.parametrize("attach", ATTACHMENTS)
def test_a_policy_attached_from_outside_fails_the_synth_and_is_named(
    attach: Callable[[Stack, ReadOnlyRole], None], place: str
) -> None:
    app = App()
    scope = Stage(app, "Stage") if place == "stage" else app
    stack = Stack(scope, "Pump")
    role = ReadOnlyRole(stack, "Role", **GIVEN)
    if place == "same stack":
        elsewhere = stack
    elif place == "nested stack":
        elsewhere = NestedStack(stack, "Nested")
    else:
        elsewhere = Stack(scope, "Other")
    attach(elsewhere, role)
    with pytest.raises(RuntimeError, match=r"attaches to (Stage/)?Pump/Role") as caught:
        app.synth()
    named = [word for word in str(caught.value).split() if word.startswith(elsewhere.node.path)]
    assert named, str(caught.value)


@pytest.mark.parametrize("deeper", [False, True])
@pytest.mark.parametrize("attach", [inline, managed, low_level])
def test_a_policy_in_the_parent_of_a_nested_stack_fails_the_synth(
    attach: Callable[[Stack, ReadOnlyRole], None],
    deeper: bool,  # noqa: FBT001
) -> None:
    app = App()
    stack = Stack(app, "Pump")
    nested = NestedStack(stack, "Nested")
    scope = NestedStack(nested, "Deeper") if deeper else nested
    attach(stack, ReadOnlyRole(scope, "Role", **GIVEN))
    with pytest.raises(RuntimeError, match=r"Pump/.* attaches to Pump/Nested/"):
        app.synth()


def trust_everyone(resource: iam.CfnRole) -> None:
    resource.assume_role_policy_document = {
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]
    }


def allow_everything(resource: iam.CfnRole) -> None:
    resource.policies = [
        iam.CfnRole.PolicyProperty(policy_name="Wide", policy_document={"Statement": []})
    ]


def allow_what_a_token_says(resource: iam.CfnRole) -> None:
    resource.policies = Token.as_any([{"PolicyName": "Wide", "PolicyDocument": {}}])


def allow_what_one_token_says(resource: iam.CfnRole) -> None:
    resource.policies = [Token.as_any({"PolicyName": "Wide", "PolicyDocument": {}})]


def add_to_what_was_read(resource: iam.CfnRole) -> None:
    assert isinstance(resource.policies, list)
    wide = iam.CfnRole.PolicyProperty(policy_name="Wide", policy_document={"Statement": []})
    resource.policies = [*resource.policies, wide]


def attach_a_managed_policy(resource: iam.CfnRole) -> None:
    resource.managed_policy_arns = ["arn:aws:iam::aws:policy/AdministratorAccess"]


def lengthen_the_session(resource: iam.CfnRole) -> None:
    resource.max_session_duration = 43_200


@pytest.mark.parametrize(
    ("widen", "change"),
    [
        (trust_everyone, "another trust policy"),
        (allow_everything, "other inline policies"),
        (allow_what_a_token_says, "other inline policies"),
        (allow_what_one_token_says, "other inline policies"),
        (add_to_what_was_read, "other inline policies"),
        (attach_a_managed_policy, "a managed policy"),
        (lengthen_the_session, "another session duration"),
    ],
)
def test_a_role_whose_resource_was_changed_fails_the_synth(
    widen: Callable[[iam.CfnRole], None], change: str
) -> None:
    app = App()
    stack = Stack(app, "Pump")
    parameter = CfnParameter(stack, "Id")
    role = ReadOnlyRole(stack, "Role", pump_principal="999988887777", external_id=parameter)
    widen(role.resource)
    with pytest.raises(RuntimeError, match=f"Pump/Role has {change}"):
        app.synth()


def test_a_role_whose_resource_was_only_read_is_as_it_was() -> None:
    app = App()
    stack = Stack(app, "Pump")
    resource = AutoPilotRole(stack, "Role", **GIVEN).resource
    assert isinstance(resource.policies, list)
    assert resource.policies[0].policy_name == "PumpBillingReadOnly"  # type: ignore[union-attr]
    assert resource.assume_role_policy_document
    app.synth()


def test_a_boundary_that_the_owner_applies_to_the_whole_app_is_the_owners() -> None:
    stack = Stack(App(), "S")
    ReadOnlyRole(stack, "Role", **GIVEN)
    boundary = iam.ManagedPolicy.from_managed_policy_name(stack, "Boundary", "Platform")
    iam.PermissionsBoundary.of(stack.node.root).apply(boundary)
    assert "Platform" in json.dumps(role_of(stack)["PermissionsBoundary"])


def test_a_role_of_the_same_name_in_another_account_is_another_role() -> None:
    for account, another in [("111122223333", True), ("444455556666", False)]:
        app = App()
        pump = Stack(app, "Pump", env=Environment(account="444455556666", region="us-east-1"))
        ReadOnlyRole(pump, "Role", **GIVEN)
        other = Stack(app, "Other", env=Environment(account=account, region="us-east-1"))
        iam.CfnRolePolicy(other, "P", policy_name="P", role_name="PumpReadOnlyRole")
        if another:
            app.synth()
        else:
            with pytest.raises(RuntimeError, match="Other/P attaches to Pump/Role"):
                app.synth()


@pytest.mark.parametrize("attribute", ["", ".Arn"])
def test_a_reference_by_substitution_fails_the_synth(attribute: str) -> None:
    app = App()
    stack = Stack(app, "Pump")
    role = ReadOnlyRole(stack, "Role", **GIVEN)
    name = Fn.sub(f"${{{stack.get_logical_id(role.resource)}{attribute}}}")
    iam.CfnRolePolicy(stack, "Wide", policy_name="Wide", role_name=name)
    with pytest.raises(RuntimeError, match="Pump/Wide attaches to Pump/Role"):
        app.synth()


def test_policies_of_other_roles_are_left_alone() -> None:
    app = App()
    pump, other = Stack(app, "Pump"), Stack(app, "Other")
    logical_id = pump.get_logical_id(
        ReadOnlyRole(pump, "Role", **GIVEN).node.default_child  # type: ignore[arg-type]
    )
    for stack in [pump, other]:
        role = iam.Role(stack, "Own", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        role.add_to_policy(anything())
    resource = other.node.find_child("Own").node.default_child
    assert isinstance(resource, iam.CfnRole)
    resource.override_logical_id(logical_id)  # a like name in another stack is another role
    CfnOutput(other, "Out", value=resource.ref)
    assert len(app.synth().stacks) == 2


def test_the_base_class_is_not_a_role() -> None:
    with pytest.raises(TypeError, match="PumpRole is not to be used by itself"):
        roles.PumpRole(
            Stack(),
            "R",
            **GIVEN,
            next_external_id=None,
            role_name="R",
            path=None,
            permissions_boundary=None,
            guardrails=(),
        )


def test_a_construct_of_the_watchs_name_is_an_error() -> None:
    app = App()
    Stack(app, "PumpRolesWatch")
    with pytest.raises(RuntimeError, match="already a Construct with name 'PumpRolesWatch'"):
        ReadOnlyRole(Stack(app, "S"), "R", **GIVEN)
