"""The constructs deploy exactly what is published, and only Pump can assume the roles.

``test_gate.py`` tests that nothing in an app can widen the roles.
"""

import io
import json
import re
import tarfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsii
import pytest
from aws_cdk import (
    App,
    Aws,
    CfnOutput,
    Environment,
    NestedStack,
    PermissionsBoundary,
    SecretValue,
    Stack,
    Stage,
    Tags,
)
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from aws_cdk.assertions import Template
from aws_cdk.cloudformation_include import CfnInclude
from constructs import Construct, Node

from pump_roles import (
    ArgumentError,
    AutoPilotRole,
    AutoPilotStack,
    Guardrail,
    PumpRole,
    ReadOnlyRole,
)
from tests.support import (
    PUMP_ACCOUNT,
    ROLE_ARGUMENTS,
    identity_policies,
    messages_of,
    of_templates,
    published_policies,
    recommended_flags,
    short_reports,
    size_of,
    trust,
)

ROLES = [ReadOnlyRole, AutoPilotRole]
HOME = Environment(account="111122223333", region="us-east-1")
INLINE_QUOTA = 10_240
"""IAM User Guide, "IAM and AWS STS quotas": the characters of a role's inline policies together."""


def role_in(stack: Stack) -> dict[str, Any]:
    """Return the properties of the stack's one role, as its template has it."""
    (found,) = Template.from_stack(stack).find_resources("AWS::IAM::Role").values()
    properties: dict[str, Any] = found["Properties"]
    return properties


def flags(*, on: bool) -> Mapping[str, Any]:
    return {
        flag: value if on else (False if isinstance(value, bool) else None)
        for flag, value in recommended_flags().items()
    }


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("role_class", ROLES)
def test_deployed_is_published_in_a_foreign_app_with_any_feature_flags(
    role_class: type[PumpRole], published: list[list[dict[str, Any]]], *, on: bool
) -> None:
    app = App(context=flags(on=on))
    stack = Stack(app, "Foreign", tags={"team": "platform"})
    Tags.of(app).add("cost", "shared")
    role_class(stack, "Role", **ROLE_ARGUMENTS)
    properties = role_in(stack)
    expected = published_policies(published, role_class.published.kind)
    deployed = [
        [policy["PolicyName"], policy["PolicyDocument"]] for policy in properties["Policies"]
    ]
    # As text, so that the order counts.
    assert json.dumps(deployed) == json.dumps([list(policy) for policy in expected.items()])
    assert "ManagedPolicyArns" not in properties
    assert "MaxSessionDuration" not in properties
    assert properties["AssumeRolePolicyDocument"] == trust(PUMP_ACCOUNT, "Example-1234")


def test_minimizing_flag_would_change_the_published_text(
    published: list[list[dict[str, Any]]],
) -> None:
    """Proves that the test above can fail: the L2 role changes the text."""
    (document,) = published_policies(published, "read-only").values()
    stack = Stack(App(context=flags(on=True)), "Foreign")
    iam.Role(
        stack,
        "Role",
        assumed_by=iam.AccountPrincipal(PUMP_ACCOUNT),
        inline_policies={"P": iam.PolicyDocument.from_json(document)},
    )
    (deployed,) = role_in(stack)["Policies"]
    assert json.dumps(deployed["PolicyDocument"]) != json.dumps(document)


@pytest.mark.parametrize(
    ("boundary", "arn"),
    [
        ("platform/Boundary", "${AWS::AccountId}:policy/platform/Boundary"),
        ("arn:aws:iam::aws:policy/job/Billing", "aws:policy/job/Billing"),
    ],
)
def test_boundary_works_in_every_account_and_partition(boundary: str, arn: str) -> None:
    stack = Stack(App(), "S")
    more = {"path": "/pump/", "role_name": "P", "permissions_boundary": boundary}
    ReadOnlyRole(stack, "Role", **(ROLE_ARGUMENTS | more))
    properties = role_in(stack)
    assert (properties["Path"], properties["RoleName"]) == ("/pump/", "P")
    assert properties["PermissionsBoundary"] == {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::{arn}"}


@pytest.mark.parametrize(("owner", "reference"), [("S", "Ref"), ("Platform", "Fn::ImportValue")])
def test_boundary_of_the_app_is_a_reference_to_it(owner: str, reference: str) -> None:
    stack = Stack(App(), "S")
    statement = iam.PolicyStatement(actions=["ec2:*"], resources=["*"])
    scope = stack if owner == "S" else Stack(stack.node.root, owner)  # type: ignore[arg-type]
    policy = iam.ManagedPolicy(scope, "Boundary", statements=[statement])
    ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS, permissions_boundary=policy)
    assert role_in(stack)["PermissionsBoundary"].keys() == {reference}


@pytest.mark.parametrize("account", ["111122223333", "444455556666"])
def test_imported_boundary_is_rendered_as_it_is_and_must_be_in_the_same_account(
    account: str,
) -> None:
    arn = f"arn:aws:iam::{account}:policy/platform/Boundary"
    stack = Stack(App(), "S", env=HOME)
    policy = iam.ManagedPolicy.from_managed_policy_arn(stack, "Boundary", arn)
    if account == HOME.account:
        ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS, permissions_boundary=policy)
        assert role_in(stack)["PermissionsBoundary"] == arn
    else:
        problem = f"^S/Role: permissions_boundary: {arn} is a policy of another account than "
        with pytest.raises(ArgumentError, match=problem):
            ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS, permissions_boundary=policy)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("pump_principal", "PRINCIPAL"),
        ("pump_principal", Aws.NO_VALUE),
        ("external_id", "EXTERNAL_ID"),
        ("external_id", Aws.NO_VALUE),
        ("next_external_id", "NEW_EXTERNAL_ID"),
        ("next_external_id", "Example-1234"),
        ("role_name", "a/b"),
        ("path", "pump"),
        ("permissions_boundary", "arn:aws:iam::123456789012:policy/Boundary"),
    ],
)
def test_error_names_the_argument_that_is_wrong(argument: str, value: str) -> None:
    with pytest.raises(ArgumentError, match=f"^Default/Role: {argument}: "):
        AutoPilotRole(Stack(), "Role", **(ROLE_ARGUMENTS | {argument: value}))


NOT_TEXT: dict[str, tuple[str, Callable[[Stack], Any], str]] = {
    "a boundary of a stack": (
        "permissions_boundary",
        lambda _: PermissionsBoundary.from_name("x"),
        r"a PermissionsBoundary is not a policy's name, with its path if it has one",
    ),
    "a principal of the CDK": (
        "pump_principal",
        lambda _: iam.AccountPrincipal(PUMP_ACCOUNT),
        "an AccountPrincipal is not a 12-digit account ID, or the ARN of an IAM role",
    ),
    "a role of the CDK": (
        "pump_principal",
        lambda stack: iam.Role.from_role_arn(stack, "R", f"arn:aws:iam::{PUMP_ACCOUNT}:role/R"),
        "an object is not a 12-digit account ID, or the ARN of an IAM role",
    ),
    "a secret": (
        "external_id",
        lambda _: SecretValue.secrets_manager("pump"),
        "a SecretValue is not an external ID: .*; pass it as a string, or a CfnParameter with no_e",
    ),
    "a parameter of Systems Manager": (
        "external_id",
        lambda stack: ssm.StringParameter.value_for_string_parameter(stack, "/pump/id"),
        r"must be String; pass what value_from_lookup\(\) returns, or a CfnParameter$",
    ),
}


@pytest.mark.parametrize("name", NOT_TEXT)
def test_error_says_what_to_pass_instead_of_an_object_or_a_reference(name: str) -> None:
    argument, value, said = NOT_TEXT[name]
    stack = Stack()
    with pytest.raises(ArgumentError, match=f"^Default/Role: {argument}: .*{said}"):
        ReadOnlyRole(stack, "Role", **(ROLE_ARGUMENTS | {argument: value(stack)}))


@pytest.mark.parametrize("argument", ROLE_ARGUMENTS)
def test_role_requires_a_principal_and_an_external_id(argument: str) -> None:
    rest = {name: value for name, value in ROLE_ARGUMENTS.items() if name != argument}
    with pytest.raises(TypeError, match=argument):
        ReadOnlyRole(Stack(), "Role", **rest)
    with pytest.raises(ArgumentError, match=f"^Default/Role: {argument}: None is not"):
        ReadOnlyRole(Stack(), "Role", **{**ROLE_ARGUMENTS, argument: None})


def test_principal_can_be_looked_up_if_it_has_a_default() -> None:
    def looking_up(context: Mapping[str, Any], *default: str) -> Stack:
        stack = Stack(App(context=context), "S", env=HOME)
        principal = ssm.StringParameter.value_from_lookup(stack, "/pump/principal", *default)
        ReadOnlyRole(stack, "Role", **{**ROLE_ARGUMENTS, "pump_principal": principal})
        return stack

    stack = looking_up({}, "111122223333")
    assert role_in(stack)["AssumeRolePolicyDocument"] == trust("111122223333", "Example-1234")
    app = stack.node.root
    assert isinstance(app, App)
    # What the CDK CLI does before it synthesizes again.
    (missing,) = json.loads((Path(app.outdir) / "manifest.json").read_text())["missing"]
    assert missing["props"]["parameterName"] == "/pump/principal"
    stack = looking_up({missing["key"]: PUMP_ACCOUNT}, "111122223333")
    assert role_in(stack)["AssumeRolePolicyDocument"] == trust(PUMP_ACCOUNT, "Example-1234")
    with pytest.raises(ArgumentError, match=r"^S/Role: pump_principal: .* pass it a default_v"):
        looking_up({})


@pytest.mark.parametrize("longer", [0, 1])
def test_inline_policies_have_at_most_10240_characters(
    longer: int, published: list[list[dict[str, Any]]]
) -> None:
    own = published_policies(published, "auto-pilot")
    taken = sum(map(size_of, own.values()))
    left = INLINE_QUOTA - taken + longer
    shortest = {"Effect": "Deny", "Action": ["ec2:Describe"], "Resource": "*"}
    fill = "a" * (left - size_of({"Version": "2012-10-17", "Statement": [shortest]}))
    guardrails = [Guardrail.denying("large", f"ec2:Describe{fill}", reason="why")]
    stack = Stack(App(), "S")
    if longer:
        sizes = f"the published policies {taken:,}, large {left:,}$"
        too_long = f"^S/Role: guardrails: .* 10,241 characters, at most 10,240 allowed: {sizes}"
        with pytest.raises(ArgumentError, match=too_long):
            AutoPilotRole(stack, "Role", **ROLE_ARGUMENTS, guardrails=guardrails)
    else:
        AutoPilotRole(stack, "Role", **ROLE_ARGUMENTS, guardrails=guardrails)
        policies = role_in(stack)["Policies"]
        assert len(policies) == len(own) + 1
        assert sum(size_of(policy["PolicyDocument"]) for policy in policies) == INLINE_QUOTA


@pytest.mark.parametrize("moment", ["2020-01-01T00:00:00Z", "2920-01-01T00:00:00Z"])
def test_warns_if_a_guardrail_has_expired_and_the_template_stays_the_same(moment: str) -> None:
    stack = Stack(App(), "S")
    arguments = ROLE_ARGUMENTS | {"external_id": "Example-1234-5678"}
    role = ReadOnlyRole(stack, "Role", **arguments, guardrails=[Guardrail.until(moment)])
    warning = "until 2020-01-01T00:00:00+00:00 has passed; the role has no permissions "
    assert [said[: len(warning)] for said in messages_of(role, "warning")] == (
        [warning] if moment[:4] == "2020" else []
    )
    published, until = role_in(stack)["Policies"]
    assert published["PolicyName"] == "PumpBillingReadOnly"
    (statement,) = until["PolicyDocument"]["Statement"]
    assert statement["Condition"] == {"DateGreaterThanEquals": {"aws:CurrentTime": moment}}


def dropped(role: PumpRole) -> list[str]:
    """Return the warnings about grants that add nothing to the role."""
    return [said for said in messages_of(role, "warning") if "pump-roles:grant-dropped" in said]


def in_another(**where: str) -> Environment:
    return Environment(**{"account": "111122223333", "region": "us-east-1", **where})


GRANTS: dict[str, Callable[[Stack, PumpRole], object]] = {
    "bucket": lambda stack, pump: s3.Bucket(stack, "X", bucket_name="mine").grant_read(pump),
    "key": lambda stack, pump: kms.Key(stack, "K").grant_decrypt(pump),
    "secret with a key": lambda stack, pump: secretsmanager.Secret(
        stack, "X", secret_name="mine", encryption_key=kms.Key(stack, "K")
    ).grant_read(pump),
    "queue": lambda stack, pump: sqs.Queue(stack, "X", queue_name="mine").grant_purge(pump),
    "topic": lambda stack, pump: sns.Topic(stack, "X", topic_name="mine").grant_publish(pump),
    "table": lambda stack, pump: dynamodb.Table(
        stack,
        "X",
        table_name="mine",
        partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
    ).grant(pump, "dynamodb:GetItem"),
    "stream": lambda stack, pump: kinesis.Stream(stack, "X", stream_name="mine").grant(
        pump, "kinesis:GetRecords"
    ),
    "function": lambda stack, pump: function_in(stack).grant_invoke(pump),
    "role": lambda stack, pump: iam.Role(
        stack, "X", role_name="mine", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com")
    ).grant_assume_role(pump),
    "event bus": lambda stack, pump: events.EventBus(
        stack, "X", event_bus_name="mine"
    ).grant_put_events_to(pump),
    "log group": lambda stack, pump: logs.LogGroup(stack, "X", log_group_name="mine").grant_write(
        pump
    ),
    "repository": lambda stack, pump: ecr.Repository(stack, "X", repository_name="mine").grant_pull(
        pump
    ),
}
ADMITS_THE_ACCOUNT = {"log group", "repository"}
"""In another account, the policy names the account of the role."""


def function_in(stack: Stack, role: iam.IRole | None = None) -> lambda_.Function:
    return lambda_.Function(
        stack,
        "Function",
        code=lambda_.Code.from_inline("pass"),
        handler="index.handler",
        runtime=lambda_.Runtime.PYTHON_3_13,
        role=role,
    )


def app_with_role(away: Environment) -> tuple[App, ReadOnlyRole]:
    """Return an app with a role, and with another stack."""
    app = App()
    pump = ReadOnlyRole(Stack(app, "Pump", env=HOME), "Role", **ROLE_ARGUMENTS)
    s3.CfnBucket(Stack(app, "Other", env=away), "Filler")
    return app, pump


@cache
def role_without_grants() -> dict[str, Any]:
    app, _ = app_with_role(HOME)
    (role,) = app.synth().get_stack_by_name("Pump").template["Resources"].values()
    return dict(role)


@pytest.mark.parametrize("name", GRANTS)
@pytest.mark.parametrize(
    ("away", "named"),
    [
        (HOME, {"secret with a key"}),
        (in_another(region="eu-west-1"), {"key", "secret with a key"}),
        (
            in_another(account="444455556666"),
            GRANTS.keys() - {"role", "event bus"} - ADMITS_THE_ACCOUNT,
        ),
    ],
    ids=["same", "Region", "account"],
)
def test_grant_adds_no_permission_to_the_role_and_the_warning_says_which_policy_can_name_it(
    name: str, away: Environment, named: set[str]
) -> None:
    app, pump = app_with_role(away)
    GRANTS[name](Stack.of(app.node.find_child("Other")), pump)
    assembly = app.synth()
    (role,) = assembly.get_stack_by_name("Pump").template["Resources"].values()
    was = role_without_grants()
    tags = role["Properties"].pop("Tags", [])
    assert role == was
    abroad = away.account != HOME.account
    assert [tag["Key"] for tag in tags] == ["aws-cdk:id"] * (abroad and name == "repository")
    text = json.dumps(assembly.get_stack_by_name("Other").template)
    admits_account = abroad and re.search(r'111122223333(:root)?[\\"]', text)
    assert bool(admits_account) == (abroad and name in ADMITS_THE_ACCOUNT)
    # The report raises an alarm for each policy that names the role.
    with short_reports():
        report = of_templates(Path(app.outdir))
    assert bool(report.findings) == (name in named)
    said, *_ = dropped(pump)
    assert said.startswith("nothing was added to the role's policies, which stay as published: ")
    assert (
        "; if the resource is in another account, or is a key that is in another Region or "
        "encrypts a secret, its policy can now allow this to the role: pump-roles report lists "
        "each policy that names the role " in said
    )


def test_deny_that_is_not_added_is_said_to_be_not_in_force() -> None:
    pump = ReadOnlyRole(Stack(App(), "S"), "Role", **ROLE_ARGUMENTS)
    deny = iam.PolicyStatement(effect=iam.Effect.DENY, actions=["ce:*"], resources=["*"])
    assert pump.add_to_principal_policy(deny).statement_added
    said = next(said for said in messages_of(pump, "warning") if "deny-dropped" in said)
    assert dropped(pump) == []
    assert said.startswith("the deny is not in force, ")
    assert ": ce:*; use a guardrail, or iam.Policy(..., roles=[role]) " in said


@pytest.mark.parametrize(
    "grantee",
    [
        iam.ServicePrincipal("ec2.amazonaws.com"),
        iam.AccountPrincipal(PUMP_ACCOUNT),
        iam.AccountRootPrincipal(),
    ],
)
def test_service_or_account_cannot_be_granted_to_assume_the_role(grantee: iam.IPrincipal) -> None:
    pump = ReadOnlyRole(Stack(App(), "S"), "Role", **ROLE_ARGUMENTS)
    with pytest.raises(ArgumentError, match=r"^grantee: a service or account has no policy"):
        pump.grant_assume_role(grantee)


@pytest.mark.parametrize("stacks", [1, 2])
@pytest.mark.parametrize("by_role", [False, True])
def test_policy_can_be_attached_to_two_roles(stacks: int, *, by_role: bool) -> None:
    app = App()
    stack = Stack(app, "S")
    scopes = [stack, stack if stacks == 1 else Stack(app, "Other")]
    roles = [
        role_class(scope, role_class.__name__, **ROLE_ARGUMENTS)
        for role_class, scope in zip(ROLES, scopes, strict=True)
    ]
    deny = iam.PolicyStatement(effect=iam.Effect.DENY, actions=["ce:*"], resources=["*"])
    policy = iam.Policy(stack, "P", statements=[deny], roles=[] if by_role else roles)
    if by_role:
        for role in roles:
            role.attach_inline_policy(policy)
    template = Template.from_json(app.synth().get_stack_by_name("S").template)
    (found,) = template.find_resources("AWS::IAM::Policy").values()
    assert found["Properties"]["Roles"] == [stack.resolve(role.role_name) for role in roles]
    assert len({json.dumps(name) for name in found["Properties"]["Roles"]}) == 2


def test_construct_that_requires_a_role_accepts_it() -> None:
    stack = Stack(App(), "S")
    pump = ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS)
    function_in(stack, pump)
    expected = {"Role": stack.resolve(pump.role_arn)}
    Template.from_stack(stack).has_resource_properties("AWS::Lambda::Function", expected)


class JavaScript:
    """What reads a property of an object in JavaScript, as the CDK does."""

    __jsii_type__ = "javascript.Reader"


@pytest.fixture(scope="module")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Callable[[object, str], Any]:
    parameters = [
        {"name": "object", "type": {"primitive": "any"}},
        {"name": "property", "type": {"primitive": "string"}},
    ]
    returned = {"optional": True, "type": {"primitive": "any"}}
    read = {"name": "read", "static": True, "parameters": parameters, "returns": returned}
    type_ = {"assembly": "javascript", "fqn": JavaScript.__jsii_type__, "kind": "class"}
    described = {
        **dict.fromkeys(("description", "homepage", "license", "jsiiVersion", "fingerprint"), "-"),
        "schema": "jsii/0.10.0",
        "name": "javascript",
        "version": "1.0.0",
        "author": {"name": "-", "roles": []},
        "repository": {"type": "git", "url": "-"},
        "types": {JavaScript.__jsii_type__: {**type_, "name": "Reader", "methods": [read]}},
    }
    package = {"name": "javascript", "version": "1.0.0", "main": "index.js"}
    archive = tmp_path_factory.mktemp("javascript") / "javascript.tgz"
    with tarfile.open(archive, "w:gz") as files:
        for name, text in {
            ".jsii": json.dumps(described),
            "package.json": json.dumps(package),
            "index.js": "exports.Reader = class { static read(of, name) { return of[name] } }",
        }.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text)
            files.addfile(member, io.BytesIO(text.encode()))
    jsii.kernel.load("javascript", "1.0.0", str(archive))
    return lambda obj, name: jsii.kernel.sinvoke(JavaScript, "read", [obj, name])


def of_interface(interface: type) -> dict[str, str]:
    """Return the properties of an interface, by their names in JavaScript."""
    return {
        known: name
        for base in interface.__mro__
        for name, member in vars(base).items()
        if isinstance(member, property) and (known := getattr(member.fget, "__jsii_name__", ""))
    }


@pytest.mark.parametrize("env", [None, HOME], ids=["any account", "one account"])
@pytest.mark.parametrize("name", of_interface(iam.IRole))
def test_cdk_sees_each_property_of_a_role(
    name: str, env: Environment | None, javascript: Callable[[object, str], Any]
) -> None:
    stack = Stack(App(), "S", env=env)
    pump = ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS)
    seen = javascript(pump, name)
    assert seen is not None
    expected = getattr(pump, of_interface(iam.IRole)[name])
    assert comparable(stack, seen) == comparable(stack, expected)


def comparable(stack: Stack, value: Any) -> Any:
    """Return what a property's value means. A struct is a mapping if JavaScript returns it."""
    if isinstance(value, iam.PrincipalPolicyFragment):
        return stack.resolve(value.principal_json)
    if isinstance(value, Node):
        return value.path
    if isinstance(value, (Stack, PumpRole)):
        return value
    members = getattr(value, "_values", value)
    return stack.resolve([*members.values()] if isinstance(members, dict) else members)


@pytest.mark.parametrize("env", [None, HOME], ids=["any account", "one account"])
def test_policy_is_attached_once_whichever_way(env: Environment | None) -> None:
    stack = Stack(App(), "S", env=env)
    pump = ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS)
    deny = iam.PolicyStatement(effect=iam.Effect.DENY, actions=["ce:*"], resources=["*"])
    by_policy = iam.Policy(stack, "ByPolicy", statements=[deny], roles=[pump])
    by_role = iam.Policy(stack, "ByRole", statements=[deny])
    managed = iam.ManagedPolicy.from_aws_managed_policy_name("AWSDenyAll")
    for _ in range(2):
        for policy in (by_policy, by_role):
            pump.attach_inline_policy(policy)
            policy.attach_to_role(pump)
        pump.add_managed_policy(managed)
    template = Template.from_stack(stack)
    name = {"Ref": stack.get_logical_id(pump.resource)}
    template.resource_properties_count_is("AWS::IAM::Policy", {"Roles": [name]}, 2)
    assert len(role_in(stack)["ManagedPolicyArns"]) == 1
    assert dropped(pump) == []


def test_uses_that_add_nothing_to_the_role_are_no_reason_to_warn() -> None:
    stack = Stack(App(), "S")
    pump = ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS)
    worker = iam.Role(stack, "Worker", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    assert pump.grant_assume_role(worker).success
    assert pump.grant_pass_role(worker).success
    assert pump.grant(worker, "iam:GetRole").success
    statement = iam.PolicyStatement(actions=["s3:GetObject"], principals=[pump], resources=["*"])
    assert s3.Bucket(stack, "Bucket").add_to_resource_policy(statement).statement_added
    assert dropped(pump) == []


@pytest.mark.parametrize(
    ("home", "away", "account"),
    [
        (HOME, Environment(account=PUMP_ACCOUNT, region="us-east-1"), HOME.account),
        (HOME, Environment(account=HOME.account, region="eu-west-1"), HOME.account),
        (HOME, Environment(region="us-east-1"), HOME.account),
        (Environment(region="us-east-1"), Environment(region="eu-west-1"), PUMP_ACCOUNT),
    ],
    ids=["account", "Region", "account not known there", "account not known"],
)
@pytest.mark.parametrize("with_references", [False, True])
def test_name_and_arn_are_literals_elsewhere_and_add_no_resource(
    home: Environment,
    away: Environment,
    account: str,
    cdk_flags: Mapping[str, Any],
    *,
    with_references: bool,
) -> None:
    app = App(context=cdk_flags)
    arguments = {**ROLE_ARGUMENTS, "cross_region_references": with_references}
    role = AutoPilotStack(app, "Pump", env=home, path="/pump/", **arguments).role
    stack = Stack(app, "Away", env=away, cross_region_references=with_references)
    service = iam.ServicePrincipal("ec2.amazonaws.com")
    role.grant_assume_role(iam.Role(stack, "Worker", assumed_by=service))
    CfnOutput(stack, "Name", value=role.role_name)
    CfnOutput(stack, "Arn", value=role.role_arn)
    there, here = (artifact.template for artifact in app.synth().stacks)
    there = json.loads(json.dumps(there).replace('{"Ref": "AWS::AccountId"}', f'"{PUMP_ACCOUNT}"'))
    assert [*here["Resources"]] == ["AutoPilotRole"]
    assert here["Outputs"].keys() == {"RoleArn", "RoleName"}
    types = {resource["Type"] for resource in there["Resources"].values()}
    assert (types, len(there["Resources"])) == ({"AWS::IAM::Role", "AWS::IAM::Policy"}, 2)
    assert there["Outputs"]["Name"]["Value"] == "PumpAutoPilotRole"
    (policy,) = identity_policies(there).values()
    (statement,) = policy["Statement"]
    assert statement["Resource"] == f"arn:aws:iam::{account}:role/pump/PumpAutoPilotRole"


def test_arn_with_an_account_that_is_not_known_is_an_error_in_another_account(
    cdk_flags: Mapping[str, Any],
) -> None:
    app = App(context=cdk_flags)
    role = ReadOnlyRole(Stack(app, "Pump"), "Role", **ROLE_ARGUMENTS)
    away = Stack(app, "Away", env=HOME)
    assert away.resolve(role.role_name) == "PumpReadOnlyRole"
    CfnOutput(away, "Arn", value=role.role_arn)
    problem = "the ARN of Pump/Role is not known in the stack Away.*the stack Pump has no account"
    with pytest.raises(RuntimeError, match=problem):
        app.synth()


def test_tags_and_boundaries_of_the_app_do_not_reach_into_stages() -> None:
    app = App()
    plain, staged = Stack(app, "Plain"), Stack(Stage(app, "Stage"), "S")
    for stack in (plain, staged):
        ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS)
    Tags.of(app).add("team", "platform")
    boundary = iam.ManagedPolicy.from_aws_managed_policy_name("ReadOnlyAccess")
    iam.PermissionsBoundary.of(app).apply(boundary)
    members = {"Tags", "PermissionsBoundary"}
    assert members <= role_in(plain).keys()
    assert members.isdisjoint(role_in(staged))


def test_arn_and_name_are_references_in_the_same_account_and_region(
    cdk_flags: Mapping[str, Any],
) -> None:
    app = App(context=cdk_flags)
    stack = Stack(app, "Pump")
    role = ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS, path="/pump/")
    logical_id = stack.get_logical_id(role.resource)
    assert stack.resolve(role.role_name) == {"Ref": logical_id}
    assert stack.resolve(role.role_arn) == {"Fn::GetAtt": [logical_id, "Arn"]}
    assert role.node.default_child is role.resource


# Names


@pytest.mark.parametrize("name", ["PumpReadOnlyRole", "pumpreadonlyROLE"])
def test_two_roles_with_the_same_name_in_a_stack_are_an_error(name: str) -> None:
    stack = Stack(App(), "Vendors")
    ReadOnlyRole(stack, "One", **ROLE_ARGUMENTS)
    with pytest.raises(ArgumentError) as raised:
        AutoPilotRole(Construct(stack, "Inner"), "Two", role_name=name, **ROLE_ARGUMENTS)
    problem = f"role_name: {name} is already the name of Vendors/One"
    assert str(raised.value) == f"Vendors/Inner/Two: {problem}"


def test_two_roles_with_the_same_name_in_an_account_are_an_error() -> None:
    app = App()
    ReadOnlyRole(Stack(app, "One", env=HOME), "Role", **ROLE_ARGUMENTS)
    elsewhere = Environment(account=PUMP_ACCOUNT, region=HOME.region)
    ReadOnlyRole(Stack(app, "Elsewhere", env=elsewhere), "Role", **ROLE_ARGUMENTS)
    stage = Stage(app, "Stage", env=in_another(region="eu-west-1"))
    with pytest.raises(ArgumentError, match="PumpReadOnlyRole is already the name of One/Role"):
        ReadOnlyRole(Stack(stage, "Two"), "Role", **ROLE_ARGUMENTS)


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
