"""The synth fails when anything in the app widens one of Pump's roles, and only then.

``tests/templates/test_other_access.py`` shows that ordinary apps of customers pass.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsii
import pytest
from aws_cdk import (
    Acknowledgment,
    App,
    Aspects,
    Aws,
    CfnCondition,
    CfnMapping,
    CfnOutput,
    CfnParameter,
    CfnResource,
    CfnStack,
    CfnStackSet,
    Environment,
    Fn,
    IAspect,
    IPolicyValidationContext,
    IPolicyValidationPlugin,
    LegacyStackSynthesizer,
    NestedStack,
    PermissionsBoundary,
    PolicyValidationPluginReport,
    RemovalPolicy,
    Stack,
    Stage,
    Tags,
    Token,
    Validations,
    pipelines,
)
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

from pump_roles import (
    AutoPilotRole,
    AutoPilotRollout,
    Guardrail,
    ReadOnlyRole,
    ReadOnlyRollout,
)
from pump_roles.json_input import InputError
from pump_roles.report import of_templates
from tests.guard.engine import POLICIES, failed
from tests.hostile import HOSTILE
from tests.support import ROLE_ARGUMENTS, short_reports
from tools.sandbox.cdk import ROOT, cdk, recommended_flags

HERE, ELSEWHERE = "the same stack", "another stack"
NESTED, STAGED = "a nested stack", "another stack of a stage"
OUT_OF_REACH = {"custom_resource"}
IN_ITS_OWN_STACK = {"macro_over_the_template"}
"""What fails only because it is in the role's own stack."""
OUT_OF_GUARDS_SIGHT = {
    "name_by_arguments_under_a_condition",
    "name_by_default_of_a_parameter_that_may_not_be_passed",
    "name_by_parameter_of_a_nested_stack",
    "name_by_piece_of_the_id_of_the_stack",
    "name_by_piece_of_the_name_of_a_nested_stack",
    "name_by_reference_from_a_nested_stack",
    "name_from_a_list_of_a_nested_stack",
    "names_of_a_list_of_a_nested_stack",
    "nested_stack_in_yaml",
}
"""What the header of the Guard rules says that no rule sees."""
UNKNOWN = "whether it does is known only at deployment"
SPELLED = "the app contains every part of the name"


def pump(scope: Any, **options: Any) -> tuple[Stack, ReadOnlyRole]:
    """A stack with one of Pump's roles, and something else so that no stack is ever empty."""
    stack = Stack(scope, "Pump")
    s3.CfnBucket(stack, "Filler")
    return stack, ReadOnlyRole(stack, "Role", **{**ROLE_ARGUMENTS, **options})


def another(scope: Any, id: str = "Other") -> Stack:
    stack = Stack(scope, id)
    s3.CfnBucket(stack, "Filler")
    return stack


def problems(app: App) -> list[str]:
    """What the synth says widens the roles."""
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
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
        pytest.param(route, place, flags, marks=[pytest.mark.slow] if slow else [])
        for route in sorted(HOSTILE.keys() - OUT_OF_REACH - IN_ITS_OWN_STACK)
        for place, flags, slow in [
            (HERE, {}, False),
            (ELSEWHERE, {}, False),
            # With the recommended flags, references to other stacks are rendered in another way.
            (ELSEWHERE, recommended_flags(), True),
            (NESTED, {}, True),
            (STAGED, {}, True),
        ]
        # CDK applies no aspect of the app in a stage; and a stage that is removed deploys nothing.
        if not (place == STAGED and route.startswith(("aspect_", "check_removed")))
    ],
)
def test_whatever_reaches_the_role_fails_the_synth_and_is_an_alarm(
    route: str, place: str, flags: dict[str, Any]
) -> None:
    app = App(context=flags)
    scope = Stage(app, "Stage") if place == STAGED else app
    stack, role = pump(scope)
    elsewhere = stack
    if place == NESTED:
        elsewhere = NestedStack(stack, "Nested")
        s3.CfnBucket(elsewhere, "Filler")
    elif place != HERE:
        elsewhere = another(scope)
    HOSTILE[route](stack, role, elsewhere)
    assert problems(app)
    folder = Path(app.outdir)
    try:
        with short_reports():
            report = of_templates(folder)
    except InputError as error:
        assert "contains different read-only roles" in str(error)
    else:
        assert report.alarms > 0
        assert not report.roles[0].exact
    if place == HERE:
        templates = [json.loads(file.read_text()) for file in folder.glob("*.template.json")]
        broken = set().union(*map(failed, templates))
        assert (POLICIES in broken) == (route not in OUT_OF_GUARDS_SIGHT)


@pytest.mark.parametrize("route", sorted(IN_ITS_OWN_STACK))
def test_what_can_change_the_roles_template_later_fails_the_synth_unless_acknowledged(
    route: str,
) -> None:
    app = App()
    stack, role = pump(app)
    HOSTILE[route](stack, role, stack)
    assert problems(app) == [f"the template of Pump/Role may change: {UNKNOWN}"]
    acknowledge_everywhere(app)
    app.synth(force=True)


@pytest.mark.parametrize("route", sorted(OUT_OF_REACH))
def test_what_is_out_of_reach_is_what_the_security_model_says(route: str) -> None:
    app = App()
    stack, role = pump(app)
    HOSTILE[route](stack, role, another(app))
    app.synth()


ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def set_by_aspect(role: ReadOnlyRole, attribute: str, value: Any) -> None:
    @jsii.implements(IAspect)
    class Change:
        def visit(self, node: IConstruct) -> None:
            if node is role.resource:
                setattr(role.resource, attribute, value)

    Aspects.of(role.node.root).add(Change())


CHANGES: dict[str, Callable[[ReadOnlyRole], object]] = {
    "AssumeRolePolicyDocument": lambda role: setattr(
        role.resource, "assume_role_policy_document", {"Statement": []}
    ),
    "Policies": lambda role: setattr(role.resource, "policies", Token.as_any([])),
    "ManagedPolicyArns": lambda role: set_by_aspect(role, "managed_policy_arns", [ADMINISTRATOR]),
    "MaxSessionDuration": lambda role: role.resource.add_property_override(
        "MaxSessionDuration", 43_200
    ),
    "PermissionsBoundary": lambda role: role.resource.add_deletion_override(
        "Properties.PermissionsBoundary"
    ),
    "RoleName": lambda role: setattr(role.resource, "role_name", None),
    "Path": lambda role: setattr(role.resource, "path", "/elsewhere/"),
    "Type": lambda role: role.resource.add_override("Type", "Custom::Role"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_role_fails_the_synth_however_it_is_changed(name: str) -> None:
    app = App()
    _, role = pump(app, permissions_boundary="platform/B")
    CHANGES[name](role)
    assert problems(app) == [f"Pump/Role has a different {name}"]


def test_what_takes_nothing_from_the_promises_passes() -> None:
    app = App()
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


def test_names_the_policy_the_role_and_the_construct_that_attaches_it() -> None:
    app = App()
    _, role = pump(Stage(app, "Prod"))
    elsewhere = another(role.node.scope.node.scope)  # type: ignore[union-attr]
    HOSTILE["inline_policy"](elsewhere, role, elsewhere)
    with pytest.raises(RuntimeError, match=r"attaches to Prod/Pump/Role[^/]*\n *Prod/Other/"):
        app.synth()


def loosen_pattern(parameter: CfnParameter) -> None:
    parameter.allowed_pattern = ".*"


def drop_pattern(parameter: CfnParameter) -> None:
    parameter.allowed_pattern = None


def give_a_bad_default(parameter: CfnParameter) -> None:
    parameter.default = "*"


def change_type(parameter: CfnParameter) -> None:
    parameter.type = "CommaDelimitedList"


def replace_it(parameter: CfnParameter) -> None:
    scope, name = parameter.node.scope, parameter.node.id
    assert isinstance(scope, Stack)
    scope.node.try_remove_child(name)
    CfnParameter(scope, name, allowed_pattern=".*")


LOOSEN = [loosen_pattern, drop_pattern, give_a_bad_default, change_type, replace_it]
PARAMETERS = ["pump_principal", "external_id", "next_external_id"]


@pytest.mark.parametrize(
    ("loosen", "argument", "by_aspect"),
    [
        *((loosen, "external_id", False) for loosen in LOOSEN),
        *((loosen_pattern, argument, True) for argument in PARAMETERS),
    ],
)
def test_parameter_that_is_loosened_later_fails_the_synth(
    loosen: Callable[[CfnParameter], None],
    argument: str,
    by_aspect: bool,  # noqa: FBT001
) -> None:
    @jsii.implements(IAspect)
    class Loosen:
        done = False

        def visit(self, node: IConstruct) -> None:
            if isinstance(node, CfnParameter) and node.node.id == "P" and not self.done:
                self.done = True
                loosen(node)

    app = App()
    stack = Stack(app, "Pump")
    parameter = CfnParameter(stack, "P")
    ReadOnlyRole(stack, "Role", **{**ROLE_ARGUMENTS, argument: parameter})
    if by_aspect:
        Aspects.of(app).add(Loosen())
    else:
        loosen(parameter)
    assert any("Pump/Role has the parameter P" in problem for problem in problems(app))


def test_parameter_with_the_pattern_passes_whatever_a_parent_stack_gives() -> None:
    app = App()
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


def another_body(found: ReadOnlyRollout) -> None:
    found.resource.template_body = json.dumps({"Resources": {}})


def a_body_by_override(found: ReadOnlyRollout) -> None:
    body = str(found.resource.template_body).replace("ce:Get*", "*")
    found.resource.add_property_override("TemplateBody", body)


def a_url_too(found: ReadOnlyRollout) -> None:
    found.resource.template_url = "https://example.com/template.json"


def other_parameters(found: ReadOnlyRollout) -> None:
    found.resource.add_property_override("Parameters.0.ParameterValue", "111122223333")


def parameter_overrides(found: ReadOnlyRollout) -> None:
    found.resource.add_property_override(
        "StackInstancesGroup.0.ParameterOverrides",
        [{"ParameterKey": "PumpIamRole", "ParameterValue": "111122223333"}],
    )


def a_transform(found: ReadOnlyRollout) -> None:
    found.resource.add_property_override(
        "StackInstancesGroup.0.DeploymentTargets.Fn::Transform", {"Name": "AWS::Include"}
    )


@pytest.mark.parametrize(
    "change",
    [
        another_body,
        a_body_by_override,
        a_url_too,
        other_parameters,
        parameter_overrides,
        a_transform,
    ],
)
def test_changed_stack_set_fails_the_synth(change: Callable[[ReadOnlyRollout], None]) -> None:
    app = App()
    change(rollout(app))
    assert any("Org/Rollout has " in problem for problem in problems(app))


@pytest.mark.parametrize("by_stack_set", [False, True])
def test_policy_on_the_role_that_a_rollout_deploys_fails_the_synth(
    by_stack_set: bool,  # noqa: FBT001
) -> None:
    app = App()
    rollout(app)
    other = another(app)
    policy = {"PolicyName": "P", "RoleName": "PumpReadOnlyRole", "PolicyDocument": {}}
    resource = {"Type": "AWS::IAM::RolePolicy", "Properties": policy}
    if by_stack_set:
        body = json.dumps({"Resources": {"P": resource}})
        CfnStackSet(
            other,
            "Set",
            permission_model="SERVICE_MANAGED",
            stack_set_name="Set",
            template_body=body,
        )
    else:
        iam.CfnRolePolicy(other, "P", policy_name="P", role_name="PumpReadOnlyRole")
    assert problems(app) == ["P attaches to Org/Rollout"]


def test_stack_set_with_other_targets_tags_and_preferences_passes() -> None:
    app = App()
    found = rollout(app)
    found.resource.add_property_override("OperationPreferences.MaxConcurrentPercentage", 50)
    found.resource.add_property_override(
        "StackInstancesGroup.0.DeploymentTargets.OrganizationalUnitIds", ["ou-abcd-12345678"]
    )
    AutoPilotRollout(
        Stack(app, "Auto"), "Rollout", organizational_units=["r-abcd"], **ROLE_ARGUMENTS
    )
    app.synth()


@pytest.mark.parametrize("deeper", [False, True])
@pytest.mark.parametrize("attach", ["inline_policy", "managed_policy", "name_by_reference"])
def test_policy_in_the_parent_of_a_nested_stack_fails_the_synth(
    attach: str,
    deeper: bool,  # noqa: FBT001
) -> None:
    app = App()
    stack = another(app, "Pump")
    nested = NestedStack(stack, "Nested")
    scope = NestedStack(nested, "Deeper") if deeper else nested
    role = ReadOnlyRole(scope, "Role", **ROLE_ARGUMENTS)
    HOSTILE[attach](scope, role, stack)
    assert any("attaches to Pump/Nested/" in problem for problem in problems(app))


def test_reference_across_regions_fails_the_synth() -> None:
    app = App()
    home = Stack(app, "Pump", env=Environment(account="111122223333", region="us-east-1"))
    role = ReadOnlyRole(home, "Role", **ROLE_ARGUMENTS)
    away = Environment(account="111122223333", region="eu-west-1")
    elsewhere = Stack(app, "Other", env=away, cross_region_references=True)
    iam.CfnRolePolicy(elsewhere, "P", policy_name="P", role_name=role.role_name)
    assert f"P may attach to Pump/Role: {SPELLED}" in problems(app)


def test_reference_across_regions_by_another_provider_fails_the_synth() -> None:
    app = App()
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


@pytest.mark.parametrize("known", [True, False])
def test_name_with_the_region_in_it_fails_the_synth(known: bool) -> None:  # noqa: FBT001
    app = App()
    home = Environment(account="111122223333", region="us-east-1") if known else None
    stack = Stack(app, "Pump", env=home)
    ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS, role_name="Pump-us-east-1")
    elsewhere = Stack(app, "Other", env=home)
    name = Fn.sub("Pump-${AWS::Region}")
    iam.CfnRolePolicy(elsewhere, "P", policy_name="P", role_name=name)
    other = Fn.sub("Mine-${AWS::Region}")
    iam.CfnRolePolicy(elsewhere, "Q", policy_name="Q", role_name=other)
    certainty = "P attaches to Pump/Role" if known else f"P may attach to Pump/Role: {SPELLED}"
    assert problems(app) == [certainty]


def test_export_named_after_its_stack_is_followed() -> None:
    app = App()
    stack, role = pump(app)
    CfnOutput(stack, "N", value=role.role_name, export_name=f"{Aws.STACK_NAME}-Role")
    name = Fn.import_value("Pump-Role")
    iam.CfnRolePolicy(another(app), "P", policy_name="P", role_name=name)
    assert problems(app) == ["P attaches to Pump/Role"]


def test_name_that_a_macro_can_change_may_be_the_roles() -> None:
    def attached(**more: Any) -> App:
        app = App()
        stack, _ = pump(app)
        CfnMapping(stack, "Names", mapping={"a": {"b": "Mine", **more}})
        name = Fn.find_in_map("Names", "a", "b")
        iam.CfnRolePolicy(stack, "P", policy_name="P", role_name=name, policy_document={})
        return app

    attached().synth()
    assert problems(attached(c=Fn.transform("Macro", {"A": "b"}))) == [
        f"P may attach to Pump/Role: {UNKNOWN}",
        f"the template of Pump/Role may change: {UNKNOWN}",
    ]


def test_role_in_a_nested_stack_of_the_legacy_synthesizer_passes() -> None:
    app = App()
    parent = Stack(app, "Parent", synthesizer=LegacyStackSynthesizer())
    role = ReadOnlyRole(NestedStack(parent, "Nested"), "Role", **ROLE_ARGUMENTS)
    app.synth()
    role.resource.max_session_duration = 43_200
    with pytest.raises(RuntimeError, match="Nested/Role has a different MaxSessionDuration"):
        app.synth(force=True)


def test_role_of_the_same_name_in_another_account_is_another_role() -> None:
    for account, other in [("111122223333", True), ("444455556666", False)]:
        app = App()
        home = Stack(app, "Pump", env=Environment(account="444455556666", region="us-east-1"))
        ReadOnlyRole(home, "Role", **ROLE_ARGUMENTS)
        away = Stack(app, "Other", env=Environment(account=account, region="us-east-1"))
        iam.CfnRolePolicy(away, "P", policy_name="P", role_name="PumpReadOnlyRole")
        service = iam.ServicePrincipal("ec2.amazonaws.com")
        iam.Role(away, "R", role_name="PumpReadOnlyRole", assumed_by=service)
        if other:
            app.synth()
        else:
            attached, replaced = problems(app)
            assert attached == "P attaches to Pump/Role"
            assert "has the same name as Pump/Role and could replace it" in replaced


def test_logical_id_in_another_stack_that_equals_the_roles_is_another_role() -> None:
    app = App()
    stack, role = pump(app)
    logical_id = stack.resolve(role.resource.logical_id)
    for scope in (another(app), NestedStack(stack, "Nested")):
        own = iam.Role(scope, "Own", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        own.add_to_policy(iam.PolicyStatement(actions=["s3:*"], resources=["*"]))
        resource = own.node.default_child
        assert isinstance(resource, iam.CfnRole)
        resource.override_logical_id(logical_id)
    app.synth()


def test_grants_to_the_role_do_nothing_and_pass() -> None:
    app = App()
    stack, role = pump(app)
    s3.Bucket(stack, "Bucket").grant_read_write(role.role)
    role.role.add_to_principal_policy(iam.PolicyStatement(actions=["*"], resources=["*"]))
    app.synth()


def test_boundary_may_be_added_but_not_taken_away() -> None:
    app = App()
    _, role = pump(app, permissions_boundary="platform/B")
    role.resource.permissions_boundary = Fn.sub("arn:${AWS::Partition}:iam::aws:policy/Wide")
    assert problems(app) == ["Pump/Role has a different PermissionsBoundary"]


ACCOUNT = "111122223333"
NAME = "platform/B"
LITERAL = f"arn:aws:iam::{ACCOUNT}:policy/{NAME}"
CONTEXT = "@aws-cdk/core:permissionsBoundary"
Policy = iam.ManagedPolicy


def made_here(stack: Stack, name: str = "B") -> iam.ManagedPolicy:
    statement = iam.PolicyStatement(actions=["ec2:*"], resources=["*"])
    return Policy(stack, "Own", managed_policy_name=name, path="/platform/", statements=[statement])


BOUNDARIES_OF_APPS: dict[str, Callable[[Stack], iam.IManagedPolicy]] = {
    "by name": lambda stack: Policy.from_managed_policy_name(stack, "Own", NAME),
    "by literal ARN": lambda stack: Policy.from_managed_policy_arn(stack, "Own", LITERAL),
    "by Fn::Sub": lambda stack: Policy.from_managed_policy_arn(
        stack, "Own", Fn.sub(f"arn:aws:iam::${{AWS::AccountId}}:policy/{NAME}")
    ),
    "made in the stack": made_here,
}
DIFFERENT_BOUNDARIES: dict[str, Callable[[Stack], iam.IManagedPolicy]] = {
    "another name": lambda stack: Policy.from_managed_policy_name(stack, "Own", "platform/C"),
    "another path": lambda stack: Policy.from_managed_policy_name(stack, "Own", "B"),
    "AWS's": lambda _: Policy.from_aws_managed_policy_name(NAME),
    "another made in the stack": lambda stack: made_here(stack, "C"),
    "nothing": lambda stack: Policy.from_managed_policy_arn(stack, "Own", Aws.NO_VALUE),
    "no account": lambda stack: Policy.from_managed_policy_arn(
        stack, "Own", f"arn:aws:iam:::policy/{NAME}"
    ),
    "of a parameter": lambda stack: Policy.from_managed_policy_arn(
        stack, "Own", CfnParameter(stack, "Arn", default=LITERAL).value_as_string
    ),
}
ENVIRONMENTS = [None, Environment(account=ACCOUNT, region="us-east-1")]


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("written", [*BOUNDARIES_OF_APPS, *DIFFERENT_BOUNDARIES])
def test_boundary_of_the_app_must_be_the_same_policy_however_it_is_written(
    written: str, env: Environment | None
) -> None:
    app = App()
    stack = Stack(app, "Pump", env=env)
    ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS, permissions_boundary=NAME)
    boundary = {**BOUNDARIES_OF_APPS, **DIFFERENT_BOUNDARIES}[written](stack)
    iam.PermissionsBoundary.of(app).apply(boundary)
    if written in BOUNDARIES_OF_APPS:
        app.synth()
    else:
        assert problems(app) == ["Pump/Role has a different PermissionsBoundary"]


@pytest.mark.parametrize("env", ENVIRONMENTS)
@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("of", ["the context", "the stack"])
def test_boundary_of_the_context_or_the_stack_must_be_the_same_policy(
    of: str,
    same: bool,  # noqa: FBT001
    env: Environment | None,
) -> None:
    name = NAME if same else "platform/C"
    app = App(context={CONTEXT: {"name": name}} if of == "the context" else {})
    given = PermissionsBoundary.from_name(name) if of == "the stack" else None
    stack = Stack(app, "Pump", env=env, permissions_boundary=given)
    ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS, permissions_boundary=NAME)
    if same:
        app.synth()
    else:
        assert problems(app)


def test_boundary_of_another_account_of_the_same_name_is_a_different_policy() -> None:
    app = App()
    stack = Stack(app, "Pump", env=Environment(account="444455556666", region="us-east-1"))
    ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS, permissions_boundary=NAME)
    boundary = Policy.from_managed_policy_arn(stack, "Own", LITERAL)
    iam.PermissionsBoundary.of(app).apply(boundary)
    assert problems(app)


@pytest.mark.parametrize("same", [True, False])
def test_boundary_that_is_a_policy_of_the_stack_may_also_be_the_apps(same: bool) -> None:  # noqa: FBT001
    app = App()
    stack = Stack(app, "Pump")
    boundary = made_here(stack)
    ReadOnlyRole(stack, "Role", **ROLE_ARGUMENTS, permissions_boundary=boundary)
    other = Policy.from_managed_policy_name(stack, "Other", NAME if same else "B")
    iam.PermissionsBoundary.of(app).apply(other)
    if same:
        app.synth()
    else:
        assert problems(app)


def test_boundary_whose_arn_is_nothing_fails_the_synth() -> None:
    app = App()
    nothing = Policy.from_managed_policy_arn(app, "Nothing", Aws.NO_VALUE)
    pump(app, permissions_boundary=nothing)
    assert problems(app) == ["Pump/Role has a different PermissionsBoundary"]


def test_guardrails_of_the_customers_own_pass() -> None:
    app = App()
    statement = {"Action": {"ec2:Describe*": "why"}, "Resource": "*"}
    mine = Guardrail("mine", "a", "b", json.dumps([statement]))
    AutoPilotRole(another(app), "Role", **ROLE_ARGUMENTS, guardrails=[mine])
    app.synth()


def test_policy_next_to_the_role_whose_target_cannot_be_read_fails_the_synth() -> None:
    for same in (True, False):
        app = App()
        stack, _ = pump(app)
        scope = stack if same else another(app)
        name = CfnParameter(scope, "Name").value_as_string
        iam.CfnRolePolicy(scope, "P", policy_name="P", role_name=name)
        if same:
            assert problems(app) == [f"P may attach to Pump/Role: {UNKNOWN}"]
        else:
            app.synth()


def test_violation_cannot_be_acknowledged() -> None:
    app = App()
    stack, role = pump(app)
    HOSTILE["inline_policy"](stack, role, stack)
    acknowledge_everywhere(app)
    assert problems(app)


def acknowledge_everywhere(app: App) -> None:
    for scope in app.node.find_all():
        for rule in ("immutable", "unknown-target"):
            for prefix in ("pump-roles::", ""):
                acknowledgment = Acknowledgment(id=f"{prefix}{rule}", reason="please")
                Validations.of(scope).acknowledge(acknowledgment)


def grant_to_import(stack: Stack, name: str) -> iam.IRole:
    """An ordinary grant to a role whose name only the deployment knows."""
    imported = iam.Role.from_role_name(stack, "Imported", name)
    s3.Bucket(stack, "Bucket").grant_read(imported)
    return imported


@pytest.mark.parametrize("acknowledged", ["the policy", "the stack", "the role", "nothing"])
@pytest.mark.parametrize("source", ["parameter", "export"])
def test_owner_can_acknowledge_a_policy_whose_target_only_the_deployment_knows(
    source: str, acknowledged: str
) -> None:
    app = App()
    stack, role = pump(app)
    parameter = CfnParameter(stack, "Name").value_as_string
    name = parameter if source == "parameter" else Fn.import_value("OtherApp-Role")
    imported = grant_to_import(stack, name)
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


def test_acknowledging_an_unknown_target_lets_nothing_through_that_the_app_names() -> None:
    app = App()
    stack, role = pump(app)
    default = iam.Role.from_role_name(
        stack, "Default", CfnParameter(stack, "Name", default="PumpReadOnlyRole").value_as_string
    )
    s3.Bucket(stack, "Bucket").grant_read(default)
    HOSTILE["name_by_reference"](stack, role, stack)
    acknowledge_everywhere(app)
    by_reference, by_parameter = sorted(problems(app), key=len)
    assert by_parameter.endswith(f"may attach to Pump/Role: {SPELLED}")
    assert by_reference == "Wide attaches to Pump/Role"


def among_many(name: str) -> dict[str, Any]:
    """A role's name as one of many alternatives."""
    value: Any = {"Ref": "Name"}
    for alternative in [name, *(f"Other{number}" for number in range(70))]:
        value = {"Fn::If": ["Chosen", value, alternative]}
    return dict(value)


TARGETS: list[tuple[str, Any, str]] = [
    ("among many", among_many("PumpReadOnlyRole"), "certain"),
    ("an index", {"Fn::Select": [{"Ref": "Name"}, ["Other", "PumpReadOnlyRole"]]}, SPELLED),
    ("a list", {"Fn::Select": [0, {"Ref": "Listed"}]}, SPELLED),
    ("parts", {"Fn::Sub": "Pump${Part}${Name}Role"}, SPELLED),
    ("the properties of a resource", {"Ref": "Queue"}, SPELLED),
    ("an SSM parameter of the app", {"Ref": "Stored"}, SPELLED),
    ("a dynamic reference to it", "{{resolve:ssm:/app/name}}", SPELLED),
    ("a dynamic reference in parts", {"Fn::Sub": "{{resolve:ssm:${Name}}}"}, SPELLED),
    ("a part", {"Fn::Sub": "Pump${Name}Role"}, UNKNOWN),
    ("nothing that is given", {"Fn::Join": ["", [{"Ref": "Name"}, {"Ref": "Name"}]]}, UNKNOWN),
    ("a transform", {"Fn::Transform": {"Name": "Names"}}, UNKNOWN),
    ("another dynamic reference", "{{resolve:ssm:/other/name}}", UNKNOWN),
    ("another resource", {"Ref": "Filler"}, UNKNOWN),
    ("another SSM parameter", {"Ref": "Looked"}, UNKNOWN),
    ("an export by a parameter", {"Fn::ImportValue": {"Ref": "Name"}}, UNKNOWN),
]


@pytest.mark.parametrize("same", [True, False], ids=[HERE, ELSEWHERE])
@pytest.mark.parametrize(
    ("target", "why"), [case[1:] for case in TARGETS], ids=[case[0] for case in TARGETS]
)
def test_only_a_target_of_which_the_app_does_not_contain_the_name_can_be_acknowledged(
    target: Any,
    why: str,
    same: bool,  # noqa: FBT001
) -> None:
    app = App()
    stack, _ = pump(app)
    scope = stack if same else another(app)
    CfnParameter(scope, "Name")
    CfnParameter(scope, "Part", default="ReadOnly")
    for name, default in [("Looked", "/my/name"), ("Stored", "/app/name")]:
        CfnParameter(scope, name, type="AWS::SSM::Parameter::Value<String>", default=default)
    CfnParameter(scope, "Listed", type="CommaDelimitedList", default="PumpReadOnlyRole,Other")
    CfnCondition(scope, "Chosen", expression=Fn.condition_equals(Aws.REGION, "us-east-1"))
    queue = {"QueueName": "PumpReadOnlyRole"}
    CfnResource(scope, "Queue", type="AWS::SQS::Queue", properties=queue)
    stored = {"Name": "/app/name", "Type": "String", "Value": "PumpReadOnlyRole"}
    CfnResource(another(app, "Third"), "P", type="AWS::SSM::Parameter", properties=stored)
    wide = {"RoleName": target, "PolicyName": "Wide", "PolicyDocument": {}}
    CfnResource(scope, "Wide", type="AWS::IAM::RolePolicy", properties=wide)
    certainty = "Wide attaches to Pump/Role"
    problem = certainty if why == "certain" else f"Wide may attach to Pump/Role: {why}"
    if why == UNKNOWN and not same:
        app.synth()
        return
    later = f"the template of Pump/Role may change: {UNKNOWN}"
    is_transform = isinstance(target, dict) and "Fn::Transform" in target
    assert problems(app) == [problem, *([later] if is_transform else [])]
    acknowledge_everywhere(app)
    if why == UNKNOWN:
        app.synth(force=True)
    else:
        with pytest.raises(RuntimeError, match="ValidationFailed"):
            app.synth(force=True)


def test_skipping_construct_validations_does_not_skip_this_one() -> None:
    app = App()
    stack, role = pump(app)
    HOSTILE["inline_policy"](stack, role, stack)
    with pytest.raises(RuntimeError, match="attaches to Pump/Role"):
        app.synth(skip_validation=True)


def test_second_synth_reads_the_templates_again() -> None:
    app = App()
    stack, role = pump(app)
    app.synth()
    HOSTILE["inline_policy"](stack, role, stack)
    with pytest.raises(RuntimeError, match="attaches to Pump/Role"):
        app.synth(force=True)


def test_works_next_to_the_apps_own_plugins_and_cdk_nag() -> None:
    seen: list[int] = []

    @jsii.implements(IPolicyValidationPlugin)
    class Own:
        @property
        def name(self) -> str:
            return "own"

        @property
        def version(self) -> None:
            return None

        @property
        def rule_ids(self) -> None:
            return None

        def validate(self, context: IPolicyValidationContext) -> PolicyValidationPluginReport:
            seen.append(len(context.template_paths))
            return PolicyValidationPluginReport(success=True, violations=[])

    for hostile in (False, True):
        app = App()
        Validations.of(app).add_plugins(Own(), AwsSolutionsChecks(app))
        stack, role = pump(app)
        role.acknowledge_published()
        stack.node.try_remove_child("Filler")
        if hostile:
            HOSTILE["managed_policy"](stack, role, stack)
            assert problems(app)
        else:
            app.synth()
    assert seen == [1, 1]


def test_widening_in_a_pipeline_stage_fails_the_synth() -> None:
    for hostile in (False, True):
        app = App()
        home = Environment(account="111122223333", region="us-east-1")
        stack = Stack(app, "Pipeline", env=home)
        source = pipelines.CodePipelineSource.connection(
            "owner/repository",
            "main",
            connection_arn="arn:aws:codestar-connections:us-east-1:111122223333:connection/x",
        )
        pipeline = pipelines.CodePipeline(
            stack, "P", synth=pipelines.ShellStep("Synth", input=source, commands=["cdk synth"])
        )
        stage = Stage(app, "Prod", env=home)
        own, role = pump(stage)
        if hostile:
            HOSTILE["inline_policy"](own, role, own)
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

    def recorded(built: list[Any], _: object) -> list[Any]:
        read.append(len(built))
        return []

    monkeypatch.setattr("pump_roles.templates.widening.widenings", recorded)
    stack = Stack()
    assert stack.node.root is not stack.node.root
    for role_class in (ReadOnlyRole, AutoPilotRole):
        role_class(stack, role_class.__name__, **ROLE_ARGUMENTS)
    app = stack.node.root
    assert isinstance(app, App)
    app.synth()
    assert read == [2]


def test_stage_that_is_synthesized_on_its_own_is_not_validated_by_cdk() -> None:
    """Neither by this package nor by cdk-nag: the security model says so."""
    stage = Stage(App(), "Stage")
    stack, role = pump(stage)
    HOSTILE["inline_policy"](stack, role, stack)
    stage.synth()


NESTED_TEMPLATE: dict[str, Any] = {
    "Type": "AWS::IAM::RolePolicy",
    "Properties": {"RoleName": "Mine", "PolicyName": "Wide", "PolicyDocument": {}},
}


def outside(scope: Stack, _: str) -> None:
    CfnStack(scope, "Unread", template_url="https://example.com/template.json")


def outside_with_the_name(scope: Stack, name: str) -> None:
    url = "https://example.com/template.json"
    CfnStack(scope, "Unread", template_url=url, parameters={"Role": name})


def yaml_body(scope: Stack, name: str) -> None:
    body = (
        f"Resources:\n  Wide:\n    Type: AWS::IAM::RolePolicy\n    Properties: {{RoleName: {name}}}"
    )
    stack_set(scope, body)


def yaml_body_with_escapes(scope: Stack, name: str) -> None:
    yaml_body(scope, f'"\\x{ord(name[0]):x}{name[1:]}"')


def yaml_body_in_parts(scope: Stack, name: str) -> None:
    yaml_body(scope, f'!Join ["", [{name[:4]}, {name[4:]}]]')


def body_with_a_token(scope: Stack, name: str) -> None:
    body = json.dumps({"Resources": {"Wide": NESTED_TEMPLATE}}).replace("Mine", "${Name}")
    stack_set(scope, Fn.sub(body, {"Name": name}))


def stack_set(scope: Stack, body: str) -> None:
    CfnStackSet(
        scope,
        "Unread",
        permission_model="SELF_MANAGED",
        stack_set_name="Unread",
        template_body=body,
    )


UNREAD = [yaml_body, yaml_body_with_escapes, yaml_body_in_parts, body_with_a_token]


@pytest.mark.parametrize("same", [True, False], ids=[HERE, ELSEWHERE])
@pytest.mark.parametrize("name", ["PumpReadOnlyRole", "MyOwnRole"])
@pytest.mark.parametrize("unread", [outside, outside_with_the_name, *UNREAD])
def test_nested_template_that_cannot_be_read_fails_in_the_roles_stack_or_with_its_name(
    unread: Callable[[Stack, str], None],
    name: str,
    same: bool,  # noqa: FBT001
) -> None:
    app = App()
    stack, _ = pump(app)
    unread(stack if same else another(app), name)
    names_role = name == "PumpReadOnlyRole" and unread is not outside
    problem = "Unread has a template that cannot be read and may contain what widens Pump/Role"
    if same or names_role:
        assert problems(app) == [f"{problem}: {SPELLED if names_role else UNKNOWN}"]
    acknowledge_everywhere(app)
    if names_role:
        assert problems(app)
    else:
        app.synth(force=True)


def test_template_that_cannot_be_read_is_a_violation_and_never_a_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """CDK would ignore a plugin that raises, and the CLI would deploy."""

    def fail(*_: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr("pump_roles.templates.widening.widenings", fail)
    app = App()
    pump(app)
    assert problems(app) == ["the templates could not be checked: RecursionError: too deep"]


APP = """
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
def test_cdk_deploy_refuses_the_templates_of_a_failed_synth_which_remain_as_evidence(
    tmp_path: Path,
) -> None:
    (tmp_path / "app.py").write_text(APP)
    command = ["synth", "--quiet", "--app", f"{sys.executable} app.py"]
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
    for stack in ("Other", "--all"):
        command = ["deploy", stack, "--app", "cdk.out", "--require-approval=never"]
        ended = cdk(*command, directory=tmp_path, environment=NO_AWS)
        assert ended.returncode == 1
        assert "attaches to Pump/Role" in ended.stderr + ended.stdout
