"""Ways in which a customer's CDK app widens one of Pump's roles, as far as they take the CDK.

Each gets the stack that holds the role, the role, and a stack of the same app to do it from:
another one, a nested one, or the same. Where nothing checks, all of them synthesize.

What a template alone shows is in ``tests/templates/test_widening.py``.
"""

from collections.abc import Callable, Mapping
from tempfile import NamedTemporaryFile
from typing import Any, Final

import jsii
from aws_cdk import (
    Aspects,
    Aws,
    CfnCondition,
    CfnParameter,
    CfnResource,
    CfnStack,
    Fn,
    IAspect,
    IResolveContext,
    IStringProducer,
    Lazy,
    NestedStack,
    Stack,
)
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct, IConstruct, IValidation

from pump_roles.constructs.roles import ReadOnlyRole

__all__ = ["HOSTILE"]

Route = Callable[[Stack, ReadOnlyRole, Stack], None]

HOSTILE: Final[dict[str, Route]] = {}
"""What widens the role, by the name of the way."""


def hostile(route: Route) -> Route:
    HOSTILE[route.__name__] = route
    return route


_ANYTHING: Final[Mapping[str, Any]] = {"Effect": "Allow", "Action": "*", "Resource": "*"}
_DOCUMENT: Final[Mapping[str, Any]] = {"Version": "2012-10-17", "Statement": [_ANYTHING]}
_ANYBODY: Final[Mapping[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
_BY_EC2: Final[Mapping[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
_NAME: Final = "PumpReadOnlyRole"
_ADMINISTRATOR: Final = "arn:aws:iam::aws:policy/AdministratorAccess"


def _anything() -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=["*"], resources=["*"])


def _logical_id(role: ReadOnlyRole) -> str:
    return str(role.resource.stack.resolve(role.resource.logical_id))


def _policy_of(stack: Stack, role_name: str) -> iam.CfnRolePolicy:
    return iam.CfnRolePolicy(
        stack, "Wide", policy_name="Wide", role_name=role_name, policy_document=_DOCUMENT
    )


@jsii.implements(IAspect)
class _Aspect:
    def __init__(self, visited: Callable[[IConstruct], None]) -> None:
        self._visited = visited

    def visit(self, node: IConstruct) -> None:
        self._visited(node)


@jsii.implements(IStringProducer)
class _Producer:
    def __init__(self, produced: Callable[[IResolveContext], str]) -> None:
        self._produced = produced

    def produce(self, context: IResolveContext) -> str:
        return self._produced(context)


@jsii.implements(IValidation)
class _Validation:
    def __init__(self, validated: Callable[[], None]) -> None:
        self._validated = validated

    def validate(self) -> list[str]:
        self._validated()
        return []


# The L2 policies, on the role as it is offered and on imports of it.


@hostile
def inline_policy(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    iam.Policy(elsewhere, "Wide", statements=[_anything()], roles=[role.role])


@hostile
def managed_policy(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    iam.ManagedPolicy(elsewhere, "Wide", statements=[_anything()], roles=[role.role])


@hostile
def policy_of_import_by_name(_stack: Stack, _role: ReadOnlyRole, elsewhere: Stack) -> None:
    imported = iam.Role.from_role_name(elsewhere, "Imported", _NAME.upper())
    iam.Policy(elsewhere, "Wide", statements=[_anything()], roles=[imported])


@hostile
def statement_for_import_by_arn(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    imported = iam.Role.from_role_arn(elsewhere, "Imported", role.role_arn)
    imported.add_to_principal_policy(_anything())


# The L1 policies, with the role's name in all forms that a template has for it.


@hostile
def name_by_reference(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    _policy_of(elsewhere, role.role_name)


@hostile
def name_by_default_of_a_parameter_that_may_not_be_passed(
    _stack: Stack, _role: ReadOnlyRole, elsewhere: Stack
) -> None:
    CfnCondition(elsewhere, "Condition", expression=Fn.condition_equals("a", "a"))
    maybe = Fn.condition_if("Condition", "Mine", Aws.NO_VALUE).to_string()
    nested = NestedStack(elsewhere, "Deeper", parameters={"Name": maybe})
    _policy_of(nested, CfnParameter(nested, "Name", default=_NAME).value_as_string)


@hostile
def name_by_parameter_of_a_nested_stack(
    _stack: Stack, _role: ReadOnlyRole, elsewhere: Stack
) -> None:
    nested = NestedStack(elsewhere, "Deeper", parameters={"Name": _NAME})
    _policy_of(nested, CfnParameter(nested, "Name").value_as_string)


@hostile
def name_by_reference_from_a_nested_stack(
    _stack: Stack, role: ReadOnlyRole, elsewhere: Stack
) -> None:
    _policy_of(NestedStack(elsewhere, "Deeper"), role.role_name)


@hostile
def names_of_a_list_of_a_nested_stack(_stack: Stack, _role: ReadOnlyRole, elsewhere: Stack) -> None:
    nested = NestedStack(elsewhere, "Deeper", parameters={"Names": f"Other, {_NAME}"})
    names = CfnParameter(nested, "Names", type="CommaDelimitedList").value_as_list
    iam.CfnManagedPolicy(nested, "Wide", policy_document=_DOCUMENT, roles=names)


# Names that are a part of something else in the app.


@hostile
def name_by_piece_of_the_name_of_a_nested_stack(
    _stack: Stack, _role: ReadOnlyRole, elsewhere: Stack
) -> None:
    nested = NestedStack(elsewhere, "Deeper")
    assert nested.nested_stack_resource is not None
    nested.nested_stack_resource.override_logical_id(_NAME)
    _policy_of(nested, Fn.select(1, Fn.split("-", Aws.STACK_NAME)))


@hostile
def name_by_piece_of_the_id_of_the_stack(
    _stack: Stack, _role: ReadOnlyRole, elsewhere: Stack
) -> None:
    scope = elsewhere.node.scope
    assert isinstance(scope, Construct)
    stack = Stack(scope, "Named", stack_name=_NAME)
    _policy_of(stack, Fn.select(1, Fn.split("/", Aws.STACK_ID)))


@hostile
def name_by_arguments_under_a_condition(
    _stack: Stack, _role: ReadOnlyRole, elsewhere: Stack
) -> None:
    CfnCondition(elsewhere, "Condition", expression=Fn.condition_equals("a", "a"))
    nested = NestedStack(elsewhere, "Deeper")
    _policy_of(nested, CfnParameter(nested, "Name", default="Other").value_as_string)
    resource = nested.nested_stack_resource
    assert isinstance(resource, CfnResource)
    chosen = {"Fn::If": ["Condition", {"Name": _NAME}, {}]}
    resource.add_property_override("Parameters", chosen)


# Resources that are not what they seem to be.


@hostile
def disguised_policy(_stack: Stack, _role: ReadOnlyRole, elsewhere: Stack) -> None:
    resource = CfnResource(
        elsewhere,
        "Queue",
        type="AWS::SQS::Queue",
        properties={
            "PolicyName": "Wide",
            "PolicyDocument": _DOCUMENT,
            "RoleName": _NAME,
        },
    )
    resource.add_override("Type", "AWS::IAM::RolePolicy")


def _own_role(stack: Stack) -> iam.CfnRole:
    return iam.CfnRole(stack, "Own", assume_role_policy_document=_BY_EC2)


@hostile
def extended_policy(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    policy = iam.CfnManagedPolicy(
        elsewhere, "Wide", policy_document=_DOCUMENT, roles=[_own_role(elsewhere).ref]
    )
    policy.add_property_override("Roles.1", role.role_name)


# Aspects, which see the app when it is complete.


@hostile
def aspect_attaches(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    def attach(node: IConstruct) -> None:
        if node is elsewhere:
            _policy_of(elsewhere, role.role_name)

    Aspects.of(elsewhere.node.root).add(_Aspect(attach))


@hostile
def aspect_widens_all_roles(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    def widen(node: IConstruct) -> None:
        if isinstance(node, iam.CfnRole):
            node.managed_policy_arns = [_ADMINISTRATOR]

    _own_role(elsewhere)
    Aspects.of(role.node.root).add(_Aspect(widen))


# Another role in the place of Pump's.


def _wide_role(scope: Stack | ReadOnlyRole, id: str, role_name: str) -> iam.CfnRole:
    return iam.CfnRole(
        scope,
        id,
        role_name=role_name,
        assume_role_policy_document=_ANYBODY,
        managed_policy_arns=[_ADMINISTRATOR],
    )


@hostile
def name_taken_over(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    role.resource.role_name = "Renamed"
    _wide_role(elsewhere, "WideRole", _NAME)


@hostile
def resource_replaced(_stack: Stack, role: ReadOnlyRole, _elsewhere: Stack) -> None:
    id_, before = role.resource.node.id, _logical_id(role)
    assert role.node.try_remove_child(id_)
    replaced = _wide_role(role, id_, _NAME)
    assert replaced.stack.resolve(replaced.logical_id) == before


@hostile
def resource_replaced_outside_of_the_construct(
    stack: Stack, role: ReadOnlyRole, _elsewhere: Stack
) -> None:
    id_, logical_id = role.resource.node.id, _logical_id(role)
    assert role.node.try_remove_child(id_)
    _wide_role(stack, "WideRole", _NAME).override_logical_id(logical_id)


@hostile
def construct_replaced(stack: Stack, role: ReadOnlyRole, _elsewhere: Stack) -> None:
    logical_id = _logical_id(role)
    assert role.node.scope is not None
    assert role.node.scope.node.try_remove_child(role.node.id)
    _wide_role(stack, "WideRole", _NAME).override_logical_id(logical_id)


@hostile
def resource_moved_away(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    assert role.node.try_remove_child(role.resource.node.id)
    _wide_role(elsewhere, "WideRole", _NAME)


# What no template of the app shows, or what gets around the check.


@hostile
def nested_stack_in_yaml(_stack: Stack, _role: ReadOnlyRole, elsewhere: Stack) -> None:
    with NamedTemporaryFile("w", suffix=".yaml") as file:
        policy = f"Type: AWS::IAM::RolePolicy, Properties: {{RoleName: {_NAME}}}"
        file.write(f"Resources: {{W: {{{policy}}}}}")
        file.flush()
        url = s3_assets.Asset(elsewhere, "Yaml", path=file.name).http_url
    CfnStack(elsewhere, "Wide", template_url=url)


@hostile
def late_validation(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    elsewhere.node.add_validation(
        _Validation(
            lambda: role.resource.add_property_override("ManagedPolicyArns", [_ADMINISTRATOR])
        )
    )


@hostile
def name_in_the_template_alone(_stack: Stack, _role: ReadOnlyRole, elsewhere: Stack) -> None:

    def produce(context: IResolveContext) -> str:
        return _NAME if "Resources" in context.document_path else "Other"

    _policy_of(elsewhere, Lazy.uncached_string(_Producer(produce)))


@hostile
def check_removed(_stack: Stack, role: ReadOnlyRole, elsewhere: Stack) -> None:
    root = role.node.root.node
    for child in root.children:
        if not isinstance(child, Stack):
            root.try_remove_child(child.node.id)
    _policy_of(elsewhere, role.role_name)
