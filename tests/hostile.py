"""Ways in which a customer's CDK app widens one of Pump's roles, as far as they take the CDK.

Each gets a place to do it from. Where nothing checks, all of them synthesize.

What a template alone shows is in ``tests/attacks.py``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from tempfile import NamedTemporaryFile
from typing import Any, Final

import jsii
from aws_cdk import (
    Aspects,
    Aws,
    CfnCondition,
    CfnParameter,
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
from constructs import IConstruct, IValidation

from pump_roles import ReadOnlyRole
from tests.support import EVERYTHING

__all__ = ["HOSTILE", "Place", "add_aspect"]


@dataclass(frozen=True)
class Place:
    """The stack that holds the role, the role, and a stack of the same app, which may be nested."""

    stack: Stack
    role: ReadOnlyRole
    elsewhere: Stack


Route = Callable[[Place], None]

HOSTILE: Final[dict[str, Route]] = {}
"""What widens the role, by the name of the way."""


def hostile(route: Route) -> Route:
    HOSTILE[route.__name__] = route
    return route


_ANYBODY: Final[Mapping[str, Any]] = {
    "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
}
_NAME: Final = "PumpReadOnlyRole"
_ADMINISTRATOR: Final = "arn:aws:iam::aws:policy/AdministratorAccess"


def _anything() -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=["*"], resources=["*"])


def _logical_id(role: ReadOnlyRole) -> str:
    return str(role.resource.stack.resolve(role.resource.logical_id))


def _policy_of(stack: Stack, role_name: str) -> iam.CfnRolePolicy:
    return iam.CfnRolePolicy(
        stack, "Wide", policy_name="Wide", role_name=role_name, policy_document=EVERYTHING
    )


def add_aspect(scope: IConstruct, visited: Callable[[IConstruct], None]) -> None:
    """Call a function for each construct of a scope, when the app is complete."""

    @jsii.implements(IAspect)
    class Aspect:
        def visit(self, node: IConstruct) -> None:
            visited(node)

    Aspects.of(scope).add(Aspect())


# The L2 policies, on the role as it is offered and on imports of it.


@hostile
def inline_policy(place: Place) -> None:
    iam.Policy(place.elsewhere, "Wide", statements=[_anything()], roles=[place.role])


@hostile
def policy_of_import_by_name(place: Place) -> None:
    imported = iam.Role.from_role_name(place.elsewhere, "Imported", _NAME.upper())
    iam.Policy(place.elsewhere, "Wide", statements=[_anything()], roles=[imported])


@hostile
def statement_for_import_by_arn(place: Place) -> None:
    imported = iam.Role.from_role_arn(place.elsewhere, "Imported", place.role.role_arn)
    imported.add_to_principal_policy(_anything())


# The L1 policies, with the role's name in all forms that a template has for it.


@hostile
def name_by_reference(place: Place) -> None:
    _policy_of(place.elsewhere, place.role.role_name)


@hostile
def name_by_default_of_a_parameter_that_may_not_be_passed(place: Place) -> None:
    CfnCondition(place.elsewhere, "Condition", expression=Fn.condition_equals("a", "a"))
    maybe = Fn.condition_if("Condition", "Mine", Aws.NO_VALUE).to_string()
    nested = NestedStack(place.elsewhere, "Deeper", parameters={"Name": maybe})
    _policy_of(nested, CfnParameter(nested, "Name", default=_NAME).value_as_string)


@hostile
def name_by_reference_from_a_nested_stack(place: Place) -> None:
    _policy_of(NestedStack(place.elsewhere, "Deeper"), place.role.role_name)


@hostile
def names_of_a_list_of_a_nested_stack(place: Place) -> None:
    nested = NestedStack(place.elsewhere, "Deeper", parameters={"Names": f"Other, {_NAME}"})
    names = CfnParameter(nested, "Names", type="CommaDelimitedList").value_as_list
    iam.CfnManagedPolicy(nested, "Wide", policy_document=EVERYTHING, roles=names)


# Aspects, which see the app when it is complete.


@hostile
def aspect_attaches(place: Place) -> None:
    def attach(node: IConstruct) -> None:
        if node is place.elsewhere:
            _policy_of(place.elsewhere, place.role.role_name)

    add_aspect(place.elsewhere.node.root, attach)


@hostile
def aspect_widens_all_roles(place: Place) -> None:
    def widen(node: IConstruct) -> None:
        if isinstance(node, iam.CfnRole):
            node.managed_policy_arns = [_ADMINISTRATOR]

    iam.Role(place.elsewhere, "Own", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    add_aspect(place.role.node.root, widen)


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
def name_taken_over(place: Place) -> None:
    place.role.resource.role_name = "Renamed"
    _wide_role(place.elsewhere, "WideRole", _NAME)


@hostile
def resource_replaced(place: Place) -> None:
    id_, before = place.role.resource.node.id, _logical_id(place.role)
    assert place.role.node.try_remove_child(id_)
    replaced = _wide_role(place.role, id_, _NAME)
    assert replaced.stack.resolve(replaced.logical_id) == before


@hostile
def construct_replaced(place: Place) -> None:
    logical_id = _logical_id(place.role)
    assert place.role.node.scope is not None
    assert place.role.node.scope.node.try_remove_child(place.role.node.id)
    _wide_role(place.stack, "WideRole", _NAME).override_logical_id(logical_id)


@hostile
def resource_moved_away(place: Place) -> None:
    assert place.role.node.try_remove_child(place.role.resource.node.id)
    _wide_role(place.elsewhere, "WideRole", _NAME)


# What no template of the app shows, or what gets around the check.


@hostile
def nested_stack_in_yaml(place: Place) -> None:
    with NamedTemporaryFile("w", suffix=".yaml") as file:
        policy = f"Type: AWS::IAM::RolePolicy, Properties: {{RoleName: {_NAME}}}"
        file.write(f"Resources: {{W: {{{policy}}}}}")
        file.flush()
        url = s3_assets.Asset(place.elsewhere, "Yaml", path=file.name).http_url
    CfnStack(place.elsewhere, "Wide", template_url=url)


@hostile
def late_validation(place: Place) -> None:
    @jsii.implements(IValidation)
    class Late:
        def validate(self) -> list[str]:
            place.role.resource.add_property_override("ManagedPolicyArns", [_ADMINISTRATOR])
            return []

    place.elsewhere.node.add_validation(Late())


@hostile
def name_in_the_template_alone(place: Place) -> None:
    @jsii.implements(IStringProducer)
    class Name:
        def produce(self, context: IResolveContext) -> str:
            return _NAME if "Resources" in context.document_path else "Other"

    _policy_of(place.elsewhere, Lazy.uncached_string(Name()))


@hostile
def check_removed(place: Place) -> None:
    root = place.role.node.root.node
    for child in root.children:
        if not isinstance(child, Stack):
            root.try_remove_child(child.node.id)
    _policy_of(place.elsewhere, place.role.role_name)
