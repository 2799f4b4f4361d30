"""The synth fails when anything in the app widens one of Pump's roles, and only then.

``tests/templates/test_other_access.py`` shows that ordinary apps of customers pass.
"""

import json
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import (
    Acknowledgment,
    App,
    Aws,
    CfnCondition,
    CfnOutput,
    CfnParameter,
    CfnResource,
    CfnStackSet,
    Environment,
    Fn,
    LegacyStackSynthesizer,
    NestedStack,
    PermissionsBoundary,
    RemovalPolicy,
    Stack,
    Stage,
    Tags,
    Token,
    Validations,
    custom_resources,
)
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template
from constructs import Construct, IConstruct

from pump_roles import (
    AutoPilotRole,
    AutoPilotRollout,
    Guardrail,
    ReadOnlyRole,
    ReadOnlyRollout,
)
from pump_roles.inputs.text import InputError
from tests.constructs.test_stacks import pipeline_in
from tests.hostile import HOSTILE, Place, add_aspect
from tests.support import (
    PUMP_ACCOUNT,
    ROLE_ARGUMENTS,
    of_templates,
    recommended_flags,
    short_reports,
)
from tools.sandbox.cdk import ROOT, cdk

HERE, ELSEWHERE = "the same stack", "another stack"
NESTED, STAGED = "a nested stack", "another stack of a stage"
UNKNOWN = "whether it does is known only at deployment"
SPELLED = "the app contains every part of the name"
HOME = Environment(account="111122223333", region="us-east-1")
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def app() -> App:
    return App()


def pump(scope: Any, **options: Any) -> tuple[Stack, ReadOnlyRole]:
    """A stack with one of Pump's roles, and something else so that no stack is ever empty."""
    stack = Stack(scope, "Pump")
    s3.CfnBucket(stack, "Filler")
    return stack, ReadOnlyRole(stack, "Role", **{**ROLE_ARGUMENTS, **options})


def another(scope: Any, id: str = "Other") -> Stack:
    stack = Stack(scope, id)
    s3.CfnBucket(stack, "Filler")
    return stack


def place_in(stack: Stack, where: str) -> Stack:
    """The stack of the role, or another one of the same app or stage."""
    if where == HERE:
        return stack
    if where == NESTED:
        nested = NestedStack(stack, "Nested")
        s3.CfnBucket(nested, "Filler")
        return nested
    return another(stack.node.scope)


def problems(app: App) -> list[str]:
    """What the synth says widens the roles."""
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    return violations(app)


def violations(app: App) -> list[str]:
    """What the CDK's report says widens the roles."""
    report = json.loads((Path(app.outdir) / "validation-report.json").read_text())
    return [
        violation["description"]
        for plugin in report["pluginReports"]
        if plugin["pluginName"] == "pump-roles"
        for violation in plugin["violations"]
    ]


@pytest.mark.parametrize(
    ("route", "place", "flags"),
    [
        (route, place, flags)
        for route in HOSTILE
        for place, flags in [
            (HERE, False),
            (ELSEWHERE, False),
            # With the recommended flags, references to other stacks are rendered in another way.
            (ELSEWHERE, True),
            (NESTED, False),
            (STAGED, False),
        ]
        # CDK applies no aspect of the app in a stage; and a stage that is removed deploys nothing.
        if not (place == STAGED and route.startswith(("aspect_", "check_removed")))
    ],
)
def test_whatever_reaches_the_role_fails_the_synth_and_is_an_alarm(
    route: str, place: str, *, flags: bool
) -> None:
    app = App(context=recommended_flags() if flags else {})
    scope = Stage(app, "Stage") if place == STAGED else app
    stack, role = pump(scope)
    HOSTILE[route](Place(stack, role, place_in(stack, place)))
    assert problems(app)
    # Each way once, and each place once: the report reads what the check does.
    if place != ELSEWHERE and route != "inline_policy":
        return
    folder = Path(app.outdir)
    try:
        with short_reports():
            report = of_templates(folder)
    except InputError as error:
        assert "contains different read-only roles" in str(error)
    else:
        assert report.findings
        assert not report.roles[0].exact


def test_allowed_values_of_a_parameter_make_a_name_known(app: App) -> None:
    stack, _ = pump(app)
    for name, allowed in {"Known": ["Mine", "Ours"], "Unknown": None}.items():
        role_name = CfnParameter(stack, name, allowed_values=allowed).value_as_string
        iam.CfnRolePolicy(stack, f"Of{name}", policy_name="P", role_name=role_name)
    assert problems(app) == [f"OfUnknown may attach to Pump/Role: {UNKNOWN}"]


def test_transform_of_the_roles_template_fails_the_synth_unless_acknowledged(app: App) -> None:
    stack, _ = pump(app)
    stack.add_transform("Widen")
    assert problems(app) == [
        f"Widen in Pump.template.json may change the template of Pump/Role: {UNKNOWN}"
    ]
    acknowledge_everywhere(app)
    app.synth(force=True)


@pytest.mark.parametrize("names_role", [True, False])
def test_custom_resource_fails_the_synth_if_it_names_the_role_unless_acknowledged(
    app: App, *, names_role: bool
) -> None:
    _, role = pump(app)
    name = role.role_name if names_role else "Mine"
    call = custom_resources.AwsSdkCall(
        service="IAM",
        action="attachRolePolicy",
        parameters={"RoleName": name, "PolicyArn": ADMINISTRATOR},
        physical_resource_id=custom_resources.PhysicalResourceId.of("wide"),
    )
    custom_resources.AwsCustomResource(
        another(app),
        "Wide",
        install_latest_aws_sdk=False,
        on_update=call,
        policy=custom_resources.AwsCustomResourcePolicy.from_sdk_calls(
            resources=custom_resources.AwsCustomResourcePolicy.ANY_RESOURCE
        ),
    )
    if names_role:
        (problem,) = problems(app)
        assert problem.endswith(f"names Pump/Role and can change it: {UNKNOWN}")
        acknowledge_everywhere(app)
    app.synth(force=True)


def set_by_aspect(construct: Construct, attribute: str, value: Any) -> None:
    def change(node: IConstruct) -> None:
        if node is construct:
            setattr(construct, attribute, value)

    add_aspect(construct.node.root, change)


BOUNDARY = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/platform/"

CHANGES: dict[str, tuple[Callable[[ReadOnlyRole], object], str]] = {
    # Which contain external IDs, or are long.
    "AssumeRolePolicyDocument": (
        lambda role: setattr(role.resource, "assume_role_policy_document", {"Statement": []}),
        "",
    ),
    "Policies": (lambda role: setattr(role.resource, "policies", Token.as_any([])), ""),
    "ManagedPolicyArns": (
        lambda role: set_by_aspect(role.resource, "managed_policy_arns", [ADMINISTRATOR]),
        f": built with none, found {ADMINISTRATOR}",
    ),
    "MaxSessionDuration": (
        lambda role: role.resource.add_property_override("MaxSessionDuration", 43_200),
        ": built with 3600, found 43200",
    ),
    "PermissionsBoundary": (
        lambda role: role.resource.add_deletion_override("Properties.PermissionsBoundary"),
        f": built with {BOUNDARY}B, found none",
    ),
    "RoleName": (
        lambda role: setattr(role.resource, "role_name", None),
        ": built with PumpReadOnlyRole, found none",
    ),
    "Path": (
        lambda role: setattr(role.resource, "path", "/elsewhere/"),
        ": built with none, found /elsewhere/",
    ),
    "Type": (lambda role: role.resource.add_override("Type", "Custom::Role"), ""),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_role_fails_the_synth_however_it_is_changed(app: App, name: str) -> None:
    _, role = pump(app, permissions_boundary="platform/B")
    change, values = CHANGES[name]
    change(role)
    assert problems(app) == [f"Pump/Role has a different {name}{values}"]


def test_policies_that_may_not_attach_are_named_with_those_that_may(app: App) -> None:
    stack, role = pump(app)
    elsewhere = another(app)
    denying = iam.ManagedPolicy(elsewhere, "Denying", statements=[deny()])
    role.add_managed_policy(denying)
    app.synth()
    role.add_managed_policy(managed_policy(Place(elsewhere, role, elsewhere), READS))
    role.add_managed_policy(iam.ManagedPolicy.from_managed_policy_name(stack, "Named", "Ours"))
    with pytest.raises(RuntimeError, match="ValidationFailed") as raised:
        app.synth(force=True)
    (problem,) = violations(app)
    assert problem.endswith(f", {BOUNDARY.removesuffix('platform/')}Ours")
    assert "Denying" not in problem
    said = str(raised.value)
    assert "Pump/Role/Resource" in said
    assert "Other/Managed/Resource" in said
    assert "a policy with nothing but denies that this app creates" in said
    assert "pass its name as permissions_boundary" in said


def test_what_takes_nothing_from_the_promises_passes(app: App) -> None:
    stack, role = pump(app)
    Tags.of(app).add("team", "platform")
    CfnOutput(stack, "Arn", value=role.role_arn, export_name="PumpRoleArn")
    resource = role.resource
    assert resource.policies
    assert resource.assume_role_policy_document
    resource.description = "Pump may read what things cost"
    resource.managed_policy_arns = []
    resource.max_session_duration = 3_600
    resource.apply_removal_policy(RemovalPolicy.RETAIN)
    resource.add_metadata("Owner", "platform")
    resource.node.add_dependency(CfnResource(stack, "Before", type="AWS::SQS::Queue"))
    expression = Fn.condition_equals(Aws.REGION, "us-east-1")
    resource.cfn_options.condition = CfnCondition(stack, "Here", expression=expression)
    iam.PermissionsBoundary.of(app).apply(made_here(stack))
    app.synth()


def deny(service: str = "ce:*") -> iam.PolicyStatement:
    return iam.PolicyStatement(effect=iam.Effect.DENY, actions=[service], resources=["*"])


def by_budget(place: Place, arn: str) -> None:
    action = budgets.CfnBudgetsAction.IamActionDefinitionProperty
    budgets.CfnBudgetsAction(
        place.elsewhere,
        "Stop",
        action_type="APPLY_IAM_POLICY",
        action_threshold=budgets.CfnBudgetsAction.ActionThresholdProperty(
            type="PERCENTAGE", value=100
        ),
        budget_name="Budget",
        definition=budgets.CfnBudgetsAction.DefinitionProperty(
            iam_action_definition=action(policy_arn=arn, roles=[place.role.role_name])
        ),
        execution_role_arn="arn:aws:iam::111122223333:role/Budgets",
        notification_type="ACTUAL",
        subscribers=[
            budgets.CfnBudgetsAction.SubscriberProperty(address="a@example.com", type="EMAIL")
        ],
    )


def inline_policy(place: Place, statement: iam.PolicyStatement) -> iam.Policy:
    return iam.Policy(place.elsewhere, "Less", statements=[statement])


def managed_policy(
    place: Place,
    *statements: iam.PolicyStatement,
    roles: Sequence[iam.IRole] = (),
    name: Any = None,
) -> iam.ManagedPolicy:
    return iam.ManagedPolicy(
        place.elsewhere,
        "Managed",
        managed_policy_name=name,
        statements=[*statements],
        roles=[*roles],
    )


def by_its_name(place: Place, partition: str) -> str:
    managed_policy(place, deny(), name="Less")
    return f"arn:{partition}:iam::{Aws.ACCOUNT_ID}:policy/Less"


def aws_policy(name: str) -> iam.IManagedPolicy:
    return iam.ManagedPolicy.from_aws_managed_policy_name(name)


READS = iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"])

TAKING_AWAY: dict[str, tuple[Callable[[Place], object], Callable[[Place], object]]] = {
    "an inline policy": (
        lambda place: iam.Policy(place.elsewhere, "Less", statements=[deny()], roles=[place.role]),
        lambda place: iam.CfnRolePolicy(
            place.elsewhere,
            "Less",
            policy_name="PumpBillingReadOnly",
            role_name=place.role.role_name,
            policy_document={"Statement": deny().to_json()},
        ),
    ),
    "an inline policy by the role": (
        lambda place: place.role.attach_inline_policy(inline_policy(place, deny())),
        lambda place: place.role.attach_inline_policy(inline_policy(place, READS)),
    ),
    "a managed policy": (
        lambda place: managed_policy(place, deny(), roles=[place.role]),
        lambda place: managed_policy(place, deny(), READS, roles=[place.role]),
    ),
    "a managed policy by the role": (
        lambda place: place.role.add_managed_policy(managed_policy(place, deny())),
        lambda place: place.role.add_managed_policy(managed_policy(place, deny(), READS)),
    ),
    "AWSDenyAll by the role": (
        lambda place: place.role.add_managed_policy(aws_policy("AWSDenyAll")),
        lambda place: place.role.add_managed_policy(aws_policy("AdministratorAccess")),
    ),
    "a budget's action": (
        lambda place: by_budget(place, aws_policy("AWSDenyAll").managed_policy_arn),
        lambda place: by_budget(place, aws_policy("ReadOnlyAccess").managed_policy_arn),
    ),
    "a budget's action with a policy": (
        lambda place: by_budget(place, managed_policy(place, deny()).managed_policy_arn),
        lambda place: by_budget(place, CfnParameter(place.elsewhere, "Arn").value_as_string),
    ),
    "a budget's action with a policy by its name": (
        lambda place: by_budget(place, by_its_name(place, "aws")),
        lambda place: by_budget(place, by_its_name(place, Aws.PARTITION) + "More"),
    ),
}


@pytest.mark.parametrize(
    ("name", "where"),
    [
        *((name, HERE) for name in TAKING_AWAY),
        # ``test_taking_away.py`` has each in another template.
        *(("a managed policy", where) for where in (ELSEWHERE, NESTED)),
        *(("a budget's action with a policy", where) for where in (ELSEWHERE, NESTED)),
    ],
)
def test_only_what_certainly_takes_away_may_attach(name: str, where: str) -> None:
    takes_away, widens = TAKING_AWAY[name]
    for route in (takes_away, widens):
        app = App()
        stack, role = pump(app)
        route(Place(stack, role, place_in(stack, where)))
        if route is takes_away:
            app.synth()
            with short_reports():
                report = of_templates(Path(app.outdir))
            assert (report.findings, report.exact) == ((), True)
        else:
            assert problems(app)


def test_names_the_policy_the_role_and_the_construct_that_attaches_it(app: App) -> None:
    _, role = pump(Stage(app, "Prod"))
    elsewhere = another(role.node.scope.node.scope)  # type: ignore[union-attr]
    HOSTILE["inline_policy"](Place(elsewhere, role, elsewhere))
    with pytest.raises(RuntimeError, match=r"attaches to Prod/Pump/Role[^/]*\n *Prod/Other/"):
        app.synth()


@pytest.mark.parametrize("argument", ["pump_principal", "external_id", "next_external_id"])
def test_parameter_that_an_aspect_loosens_fails_the_synth(app: App, argument: str) -> None:
    stack = Stack(app, "Pump")
    parameter = CfnParameter(stack, "P")
    ReadOnlyRole(stack, "Role", **{**ROLE_ARGUMENTS, argument: parameter})
    set_by_aspect(parameter, "allowed_pattern", ".*")
    assert problems(app) == ["Pump/Role has the parameter P, which now accepts more than it should"]


def test_parameter_with_the_pattern_passes_whatever_a_parent_stack_gives(app: App) -> None:
    parent = another(app, "Parent")
    outer = CfnParameter(parent, "Given")
    nested = NestedStack(parent, "Nested", parameters={"Id": outer.value_as_string})
    ReadOnlyRole(nested, "Role", **{**ROLE_ARGUMENTS, "external_id": CfnParameter(nested, "Id")})
    app.synth()


def rollout(app: App) -> ReadOnlyRollout:
    stack = Stack(app, "Org")
    return ReadOnlyRollout(
        stack,
        "Rollout",
        organizational_units=["r-abcd"],
        **{**ROLE_ARGUMENTS, "external_id": CfnParameter(stack, "Id")},
    )


OVERRIDDEN: dict[str, Any] = {
    "Parameters.0.ParameterValue": "111122223333",
    "StackInstancesGroup.0.ParameterOverrides": [{"ParameterKey": "PumpIamRole"}],
    "StackInstancesGroup.0.DeploymentTargets.Fn::Transform": {"Name": "AWS::Include"},
    "TemplateBody": json.dumps({"Resources": {}}),
    "TemplateURL": "https://example.com/template.json",
}


@pytest.mark.parametrize("path", OVERRIDDEN)
def test_changed_stack_set_fails_the_synth(app: App, path: str) -> None:
    rollout(app).resource.add_property_override(path, OVERRIDDEN[path])
    name, _, _ = path.partition(".")
    assert f"Org/Rollout has a different {name}" in problems(app)


@pytest.mark.parametrize("by_stack_set", [False, True])
def test_policy_on_the_role_of_a_rollout_fails_the_synth(app: App, *, by_stack_set: bool) -> None:
    rollout(app)
    other = another(app)
    policy = {"PolicyName": "P", "RoleName": "PumpReadOnlyRole", "PolicyDocument": {}}
    resource = {"Type": "AWS::IAM::RolePolicy", "Properties": policy}
    if by_stack_set:
        body = json.dumps({"Resources": {"P": resource}})
        model = "SERVICE_MANAGED"
        CfnStackSet(other, "Set", permission_model=model, stack_set_name="Set", template_body=body)
    else:
        iam.CfnRolePolicy(other, "P", policy_name="P", role_name="PumpReadOnlyRole")
    assert problems(app) == ["P attaches to Org/Rollout"]


def test_stack_set_with_other_targets_tags_and_preferences_passes(app: App) -> None:
    found = rollout(app)
    found.resource.add_property_override("OperationPreferences.MaxConcurrentPercentage", 50)
    found.resource.add_property_override(
        "StackInstancesGroup.0.DeploymentTargets.OrganizationalUnitIds", ["ou-abcd-12345678"]
    )
    AutoPilotRollout(
        Stack(app, "Auto"), "Rollout", organizational_units=["r-abcd"], **ROLE_ARGUMENTS
    )
    app.synth()


BRAKE: dict[str, Any] = {**ROLE_ARGUMENTS, "guardrails": [Guardrail.ONLY_WHEN_APPROVED]}
TAG = ("pump-commitments", "approved")


def braked(scope: Any, **options: Any) -> AutoPilotRole:
    return AutoPilotRole(Stack(scope, "Pump", **options), "Role", **BRAKE)


def rolled_out(scope: Any, **options: Any) -> AutoPilotRollout:
    stack = Stack(scope, "Pump", **options)
    return AutoPilotRollout(stack, "Role", organizational_units=["r-abcd"], **BRAKE)


def nested(scope: Any) -> NestedStack:
    stack = NestedStack(Stack(scope, "Pump"), "Role")
    AutoPilotRole(stack, "Role", **BRAKE)
    return stack


def tagged_nested(scope: Any) -> None:
    resource = nested(scope).nested_stack_resource
    assert resource is not None
    resource.add_property_override("Tags", [dict(zip(("Key", "Value"), TAG, strict=True))])


OPENING: dict[str, Callable[[App], Any]] = {
    "of the app": lambda app: (braked(app), Tags.of(app).add(*TAG)),
    "of the role, in another case": lambda app: Tags.of(braked(app)).add(TAG[0].upper(), TAG[1]),
    "of the stack": lambda app: braked(app, tags=dict([TAG])),
    "of the stack of a rollout": lambda app: rolled_out(app, tags=dict([TAG])),
    "of a rollout": lambda app: Tags.of(rolled_out(app)).add(*TAG),
    "of a nested stack": tagged_nested,
    "of the stack that it is nested in": lambda app: (nested(app), Tags.of(app).add(*TAG)),
    "with a key that is not certain": lambda app: braked(app).resource.add_property_override(
        "Tags", [{"Key": {"Ref": "AWS::StackId"}, "Value": "approved"}]
    ),
}


@pytest.mark.parametrize("flags", [False, True], ids=["no flags", "flags"])
@pytest.mark.parametrize("route", OPENING.values(), ids=OPENING)
def test_tag_that_may_open_a_guardrail_fails_the_synth_and_is_an_alarm(
    route: Callable[[App], Any], *, flags: bool
) -> None:
    app = App(context=recommended_flags() if flags else {})
    route(app)
    assert all("may open a guardrail" in problem for problem in problems(app))
    with short_reports():
        assert len(of_templates(Path(app.outdir)).findings) == 1


def test_tag_that_opens_no_guardrail_passes(app: App) -> None:
    braked(app, tags={"team": "platform"})
    rolled_out(Stage(app, "Stage"), tags={"team": "platform"})
    without = AutoPilotRole(Stack(app, "Without"), "Role", **{**ROLE_ARGUMENTS, "role_name": "B"})
    Tags.of(without).add(*TAG)
    app.synth()


@pytest.mark.parametrize(
    ("attach", "deeper"), [("inline_policy", False), ("name_by_reference", True)]
)
def test_policy_in_the_parent_of_a_nested_stack_fails_the_synth(
    app: App, attach: str, *, deeper: bool
) -> None:
    stack = another(app, "Pump")
    nested = NestedStack(stack, "Nested")
    scope = NestedStack(nested, "Deeper") if deeper else nested
    role = ReadOnlyRole(scope, "Role", **ROLE_ARGUMENTS)
    HOSTILE[attach](Place(scope, role, stack))
    assert any("attaches to Pump/Nested/" in problem for problem in problems(app))


def test_reference_across_regions_fails_the_synth(app: App) -> None:
    role = ReadOnlyRole(Stack(app, "Pump", env=HOME), "Role", **ROLE_ARGUMENTS)
    away = Environment(account="111122223333", region="eu-west-1")
    elsewhere = Stack(app, "Other", env=away, cross_region_references=True)
    iam.CfnRolePolicy(elsewhere, "P", policy_name="P", role_name=role.resource.ref)
    assert f"P may attach to Pump/Role: {SPELLED}" in problems(app)


@pytest.mark.parametrize(
    "made_by", ["the CDK", "hand", "hand, under its type", "hand, with more permissions"]
)
def test_export_of_the_arn_to_another_region_passes_if_the_cdk_made_it(
    app: App, made_by: str
) -> None:
    home = Stack(app, "Pump", env=HOME, cross_region_references=made_by == "the CDK")
    role = ReadOnlyRole(home, "Role", **ROLE_ARGUMENTS)
    away = Environment(account="111122223333", region="eu-west-1")
    elsewhere = Stack(app, "Other", env=away, cross_region_references=True)
    s3.CfnBucket(elsewhere, "Filler")
    if made_by == "the CDK":
        CfnOutput(elsewhere, "Arn", value=role.resource.attr_arn)
        app.synth()
        return
    handler = "CustomCrossRegionExportWriterCustomResourceProviderHandlerD8786E8A"
    token: Any = {"Fn::GetAtt": [handler, "Arn"]}
    if made_by == "hand, with more permissions":
        allow = {"Effect": "Allow", "Action": ["ssm:PutParameter", "iam:*"], "Resource": "*"}
        policy = {"PolicyName": "P", "PolicyDocument": {"Statement": [allow]}}
        service = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
        trust = {"Statement": {**service, "Action": "sts:AssumeRole"}}
        own = {"AssumeRolePolicyDocument": trust, "Policies": [policy]}
        CfnResource(home, "Mine", type="AWS::IAM::Role", properties=own)
        granted = {"Role": {"Fn::GetAtt": ["Mine", "Arn"]}}
        CfnResource(home, handler, type="AWS::Lambda::Function", properties=granted)
    else:
        token = "arn:aws:lambda:us-east-1:111122223333:function:f"
    kind = "Custom::Role" if made_by == "hand" else "Custom::CrossRegionExportWriter"
    exports = {"exports": {"x": role.resource.attr_arn}}
    CfnResource(home, "Wide", type=kind, properties={"ServiceToken": token, "WriterProps": exports})
    (problem,) = problems(app)
    assert problem.startswith("Wide names Pump/Role")


def test_reference_across_regions_by_another_provider_fails_the_synth(app: App) -> None:
    stack = Stack(app, "Pump")
    ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS)
    exports = {"exports": {"x": "Mine"}}
    writer = {"ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:f"}
    CfnResource(
        Stack(app, "Other"),
        "Writer",
        type="Custom::CrossRegionExportWriter",
        properties={**writer, "WriterProps": exports},
    )
    reader = CfnResource(stack, "Reader", type="Custom::CrossRegionExportReader", properties=writer)
    iam.CfnRolePolicy(stack, "P", policy_name="P", role_name=reader.get_att("x").to_string())
    assert problems(app) == [f"P may attach to Pump/Role: {UNKNOWN}"]


def test_export_named_after_its_stack_is_followed(app: App) -> None:
    stack, role = pump(app)
    CfnOutput(stack, "N", value=role.role_name, export_name=f"{Aws.STACK_NAME}-Role")
    name = Fn.import_value("Pump-Role")
    iam.CfnRolePolicy(another(app), "P", policy_name="P", role_name=name)
    assert problems(app) == ["P attaches to Pump/Role"]


def test_role_in_a_nested_stack_of_the_legacy_synthesizer_passes(app: App) -> None:
    parent = Stack(app, "Parent", synthesizer=LegacyStackSynthesizer())
    role = ReadOnlyRole(NestedStack(parent, "Nested"), "Role", **ROLE_ARGUMENTS)
    app.synth()
    role.resource.max_session_duration = 43_200
    with pytest.raises(RuntimeError, match="Nested/Role has a different MaxSessionDuration"):
        app.synth(force=True)


@pytest.mark.parametrize("account", ["444455556666", "111122223333"])
def test_role_of_the_same_name_in_another_account_is_another_role(app: App, account: str) -> None:
    ReadOnlyRole(Stack(app, "Pump", env=HOME), "Role", **ROLE_ARGUMENTS)
    other = Stack(app, "Other", env=Environment(account=account, region="us-east-1"))
    iam.CfnRolePolicy(other, "P", policy_name="P", role_name="PumpReadOnlyRole")
    service = iam.ServicePrincipal("ec2.amazonaws.com")
    iam.Role(other, "R", role_name="PumpReadOnlyRole", assumed_by=service)
    if account != HOME.account:
        app.synth()
    else:
        attached, replaced = problems(app)
        assert attached == "P attaches to Pump/Role"
        assert "has the same name as Pump/Role and could replace it" in replaced


def test_logical_id_in_another_stack_that_equals_the_roles_is_another_role(app: App) -> None:
    stack, role = pump(app)
    logical_id = stack.resolve(role.resource.logical_id)
    for scope in (another(app), NestedStack(stack, "Nested")):
        own = iam.Role(scope, "Own", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        own.add_to_policy(iam.PolicyStatement(actions=["s3:*"], resources=["*"]))
        resource = own.node.default_child
        assert isinstance(resource, iam.CfnRole)
        resource.override_logical_id(logical_id)
    app.synth()


def made_here(stack: Stack, name: str = "B") -> iam.ManagedPolicy:
    return iam.ManagedPolicy(
        stack,
        "Own",
        managed_policy_name=name,
        path="/platform/",
        statements=[iam.PolicyStatement(actions=["ec2:*"], resources=["*"])],
    )


@pytest.mark.parametrize("name", ["B", "C"])
@pytest.mark.parametrize("of", ["the context", "the stack", "the app"])
def test_boundary_of_the_app_must_be_the_same_policy(of: str, name: str) -> None:
    boundary = f"platform/{name}"
    context = {"@aws-cdk/core:permissionsBoundary": {"name": boundary}}
    app = App(context=context if of == "the context" else {})
    given = PermissionsBoundary.from_name(boundary) if of == "the stack" else None
    stack = Stack(app, "Pump", permissions_boundary=given)
    ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS, permissions_boundary="platform/B")
    if of == "the app":
        iam.PermissionsBoundary.of(app).apply(made_here(stack, name))
    if name == "B":
        app.synth()
    else:
        values = f"built with {BOUNDARY}B, found {BOUNDARY}C"
        assert problems(app) == [f"Pump/Role has a different PermissionsBoundary: {values}"]


def acknowledge_everywhere(app: App) -> None:
    for scope in app.node.find_all():
        for rule in ("immutable", "unknown-target", "other-role"):
            for prefix in ("pump-roles::", ""):
                acknowledgment = Acknowledgment(id=f"{prefix}{rule}", reason="please")
                Validations.of(scope).acknowledge(acknowledgment)


@pytest.mark.parametrize("acknowledged", ["the policy", "the stack", "the role", "nothing"])
def test_owner_can_acknowledge_a_policy_whose_target_only_the_deployment_knows(
    app: App,
    acknowledged: str,
) -> None:
    stack, role = pump(app)
    imported = iam.Role.from_role_name(stack, "Imported", CfnParameter(stack, "N").value_as_string)
    s3.Bucket(stack, "Bucket").grant_read(imported)
    scopes = {"the policy": imported, "the stack": stack, "the role": role}
    if acknowledged in scopes:
        Validations.of(scopes[acknowledged]).acknowledge(
            Acknowledgment(id="pump-roles::unknown-target", reason="It is our own service's role.")
        )
    if acknowledged in ("the policy", "the stack"):
        app.synth()
    else:
        (problem,) = problems(app)
        assert problem.endswith(UNKNOWN)


@pytest.mark.parametrize("build", [pump, rollout])
@pytest.mark.parametrize("trusted", [PUMP_ACCOUNT, f"arn:aws:iam::{PUMP_ACCOUNT}:role/Else"])
@pytest.mark.parametrize("acknowledged", [False, True])
def test_owner_can_acknowledge_another_role_that_trusts_the_principal(
    app: App, build: Callable[[App], object], trusted: str, *, acknowledged: bool
) -> None:
    build(app)
    document = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": trusted}}
    stack = another(app)
    role = iam.CfnRole(stack, "Wide", assume_role_policy_document={"Statement": [document]})
    if acknowledged:
        Validations.of(role).acknowledge(
            Acknowledgment(id="pump-roles::other-role", reason="Pump's own role for our logs.")
        )
        app.synth()
        return
    (problem,) = problems(app)
    assert re.fullmatch("Wide trusts the account of Pump, as .* does", problem)


def test_other_role_may_trust_others(app: App) -> None:
    pump(app)
    stack = another(app)
    for name, principal in {
        "Own": iam.AccountRootPrincipal(),
        "Other": iam.AccountPrincipal("444455556666"),
        "Service": iam.ServicePrincipal("ec2.amazonaws.com"),
    }.items():
        iam.Role(stack, name, assumed_by=principal)
    denied = {"Effect": "Deny", "Action": "sts:*", "Principal": {"AWS": PUMP_ACCOUNT}}
    iam.CfnRole(stack, "Denying", assume_role_policy_document={"Statement": [denied]})
    app.synth()


def test_acknowledging_an_unknown_target_lets_nothing_through_that_the_app_names(app: App) -> None:
    stack, role = pump(app)
    default = iam.Role.from_role_name(
        stack, "Default", CfnParameter(stack, "Name", default="PumpReadOnlyRole").value_as_string
    )
    s3.Bucket(stack, "Bucket").grant_read(default)
    HOSTILE["name_by_reference"](Place(stack, role, stack))
    acknowledge_everywhere(app)
    by_reference, by_parameter = sorted(problems(app), key=len)
    assert by_parameter.endswith(f"may attach to Pump/Role: {SPELLED}")
    assert by_reference == "Wide attaches to Pump/Role"


def test_synth_reads_the_templates_again_and_whatever_validations_it_skips(app: App) -> None:
    stack, role = pump(app)
    app.synth()
    HOSTILE["inline_policy"](Place(stack, role, stack))
    with pytest.raises(RuntimeError, match="attaches to Pump/Role"):
        app.synth(force=True, skip_validation=True)


@pytest.mark.parametrize("hostile", [False, True])
def test_widening_in_a_pipeline_stage_fails_the_synth(app: App, *, hostile: bool) -> None:
    pipeline = pipeline_in(Stack(app, "Pipeline", env=HOME))
    stage = Stage(app, "Prod", env=HOME)
    own, role = pump(stage)
    if hostile:
        HOSTILE["inline_policy"](Place(own, role, own))
    pipeline.add_stage(stage)  # this synthesizes the stage
    if hostile:
        assert any("attaches to Prod/Pump/Role" in problem for problem in problems(app))
    else:
        app.synth()


def test_templates_are_read_once_also_if_the_app_was_not_created_in_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For such an app, jsii returns another Python object each time."""
    read: list[int] = []

    def recorded(expected: list[Any], _: object) -> list[Any]:
        read.append(len(expected))
        return []

    monkeypatch.setattr("pump_roles.templates.synth_check.check_templates", recorded)
    stack = Stack()
    assert stack.node.root is not stack.node.root
    for role_class in (ReadOnlyRole, AutoPilotRole):
        role_class(stack, role_class.__name__, **ROLE_ARGUMENTS)
    app = stack.node.root
    assert isinstance(app, App)
    app.synth()
    assert read == [2]


@pytest.mark.parametrize(
    "context",
    [
        {"@aws-cdk/core:appMode": "process"},
        {"@aws-cdk/core:failSynthOnValidationErrors": False},
    ],
)
def test_synth_returns_in_modes_in_which_the_cdk_leaves_the_violations_to_its_cli(
    context: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """The security model says so."""
    app = App(context=context)
    _, role = pump(app)
    role.resource.max_session_duration = 43_200
    app.synth()
    (problem,) = violations(app)
    assert problem.startswith("Pump/Role has a different MaxSessionDuration: ")
    capfd.readouterr()


def test_stage_that_is_synthesized_on_its_own_is_not_validated_by_cdk() -> None:
    """Neither by this package nor by cdk-nag: the security model says so."""
    stage = Stage(App(), "Stage")
    stack, role = pump(stage)
    HOSTILE["inline_policy"](Place(stack, role, stack))
    stage.synth()


class SilentError(Exception):
    """An error that fails if it is asked what happened."""

    def __str__(self) -> str:
        raise RecursionError


READER = "pump_roles.templates.synth_check"


@pytest.mark.parametrize("staged", [False, True])
@pytest.mark.parametrize(
    ("place", "error", "said"),
    [
        (f"{READER}.check_templates", RecursionError("too deep"), "RecursionError: too deep"),
        (f"{READER}.ExpectedResource", ValueError("a"), "ValueError: a"),
        (f"{READER}.check_templates", SilentError(), "SilentError: <exception str() failed>"),
        ("pump_roles.constructs.gate.Path", OSError("gone"), "OSError: gone"),
        ("", None, f"ModuleNotFoundError: import of {READER} halted; None in sys.modules"),
    ],
)
def test_check_that_fails_is_a_violation_and_never_a_pass(
    place: str, error: Exception | None, said: str, monkeypatch: pytest.MonkeyPatch, *, staged: bool
) -> None:
    """CDK would ignore a plugin that raises, and the CLI would deploy."""

    def fail(*_: object) -> None:
        assert error is not None
        raise error

    app = App()
    pump(Stage(app, "Stage") if staged else app)
    if place:
        monkeypatch.setattr(place, fail)
    else:
        monkeypatch.setitem(sys.modules, READER, None)
    (problem,) = problems(app)
    assert problem.startswith("the templates could not be checked: ")
    assert problem.endswith(said)


def test_children_of_an_app_are_those_that_it_was_given(app: App) -> None:
    pump(app)
    another(app)
    templates = [Template.from_stack(stack) for stack in app.node.children]  # type: ignore[arg-type]
    assert len(templates) == 2


APP = """
import sys

from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam

from pump_roles import ReadOnlyRole

app = App()
stack, other = Stack(app, "Pump"), Stack(app, "Other")
role = ReadOnlyRole(stack, "Role", pump_principal="999988887777", external_id="Example-1234")
iam.CfnRolePolicy(other, "Wide", policy_name="Wide", role_name="PumpReadOnlyRole")
app.synth()
"""


NO_AWS = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
}


@pytest.mark.slow
def test_cdk_cli_fails_if_the_reader_cannot_be_imported(tmp_path: Path) -> None:
    innocent = "\n".join(line for line in APP.splitlines() if "Wide" not in line)
    for broken in (False, True):
        text = f"sys.modules[{READER!r}] = None\napp.synth()" if broken else "app.synth()"
        (tmp_path / "app.py").write_text(innocent.replace("app.synth()", text))
        command = ["synth", "--quiet", "--app", f"{shlex.quote(sys.executable)} app.py"]
        ended = cdk(*command, directory=tmp_path, environment={"PYTHONPATH": str(ROOT)})
        assert ended.returncode == broken
        said = "the templates could not be checked: ModuleNotFoundError: import of"
        assert (said in ended.stderr + ended.stdout) == broken


@pytest.mark.slow
def test_cdk_deploy_refuses_the_templates_of_a_failed_synth_which_remain_as_evidence(
    tmp_path: Path,
) -> None:
    (tmp_path / "app.py").write_text(APP)
    command = ["synth", "--quiet", "--app", f"{shlex.quote(sys.executable)} app.py"]
    ended = cdk(*command, directory=tmp_path, environment={"PYTHONPATH": str(ROOT)})
    assert ended.returncode == 1
    said = ended.stderr + ended.stdout
    assert "attaches to Pump/Role" in said
    assert "Suggested fix: The role must have exactly what Pump publishes." in said
    assert {file.name for file in (tmp_path / "cdk.out").glob("*.template.json")} == {
        "Pump.template.json",
        "Other.template.json",
    }
    # The CDK CLI reads the report of the failed validation.
    command = ["deploy", "Other", "--app", "cdk.out", "--require-approval=never"]
    ended = cdk(*command, directory=tmp_path, environment=NO_AWS)
    assert ended.returncode == 1
    assert "attaches to Pump/Role" in ended.stderr + ended.stdout
    # No validation survives this option, as the security model says.
    command = ["synth", "--quiet", "--app", "cdk.out", "--ignore-errors"]
    assert cdk(*command, directory=tmp_path).returncode == 0
