"""A self-contained stack, and a role in it, with a parameter for each value that is omitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aws_cdk import CfnOutput, CfnParameter, CfnResource, Stack, Stage, Token

from pump_roles.inputs.validators import (
    EXTERNAL_ID,
    ORGANIZATIONAL_UNIT,
    PRINCIPAL,
    TAGS,
    ArgumentError,
    Text,
)
from pump_roles.published import (
    EXTERNAL_ID_PARAMETER,
    NEXT_EXTERNAL_ID_PARAMETER,
    PRINCIPAL_PARAMETER,
    UNITS_PARAMETER,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from constructs import Construct, IConstruct

    from pump_roles.constructs.roles import PumpRole


class _Parameter(NamedTuple):
    validator: Text
    label: str
    description: str
    group: str = "Values from Pump"
    is_list: bool = False
    """Whether it is a list, each element of which has the pattern."""

    def added_to(self, stack: Stack, name: str) -> CfnParameter:
        return CfnParameter(
            stack,
            name,
            type="CommaDelimitedList" if self.is_list else "String",
            description=self.description,
            allowed_pattern=self.validator.pattern,
            min_length=None if self.is_list else self.validator.minimum,
            max_length=None if self.is_list else self.validator.maximum,
            constraint_description=f"must be {self.validator.description}",
        )


_PARAMETERS: Final[Mapping[str, _Parameter]] = {
    PRINCIPAL_PARAMETER: _Parameter(
        PRINCIPAL, "Principal", "Pump's IAM role or account, allowed to assume this role"
    ),
    EXTERNAL_ID_PARAMETER: _Parameter(
        EXTERNAL_ID, "External ID", "The external ID that Pump created for you"
    ),
    NEXT_EXTERNAL_ID_PARAMETER: _Parameter(
        EXTERNAL_ID, "New external ID", "New external ID, also accepted during rotation"
    ),
    UNITS_PARAMETER: _Parameter(
        ORGANIZATIONAL_UNIT,
        "Organizational units",
        "The IDs of the units whose accounts get the role, or of the root, comma-separated",
        group="Your organization",
        is_list=True,
    ),
}


def provided_or_parameters(
    stack: Stack, values: Mapping[str, str | None]
) -> dict[str, str | CfnParameter]:
    """Return the values by name, with a new template parameter for each one that is omitted.

    The CloudFormation console shows the parameters in this order, with labels.
    """
    omitted = [name for name, value in values.items() if value is None]
    groups: dict[str, list[str]] = {}
    for name in omitted:
        groups.setdefault(_PARAMETERS[name].group, []).append(name)
    if omitted:
        stack.add_metadata(
            "AWS::CloudFormation::Interface",
            {
                "ParameterGroups": [
                    {"Label": {"default": label}, "Parameters": names}
                    for label, names in groups.items()
                ],
                "ParameterLabels": {name: {"default": _PARAMETERS[name].label} for name in omitted},
            },
        )
    return {
        name: _PARAMETERS[name].added_to(stack, name) if value is None else value
        for name, value in values.items()
    }


class FlatStack(Stack):
    """A stack with a self-contained template: no assets or CDK metadata."""

    def __init__(
        self, scope: Construct, id: str, *, tags: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        if tags is not None:
            tags = TAGS.check("tags", tags)
        super().__init__(scope, id, analytics_reporting=False, tags=tags, **options)
        self.node.set_context("aws:cdk:enable-path-metadata", value=False)


def check_name(
    scope: Construct,
    argument: str,
    name: str,
    taken: Callable[[CfnResource], str | None],
    *,
    in_region: bool = True,
) -> None:
    """Reject the name of another resource in the same account, and the same Region if that counts.

    As for the CDK, stacks of one app or stage without an account are in the same one.
    """

    def place(construct: IConstruct) -> tuple[str, str]:
        stack = Stack.of(construct)
        stage = Stage.of(stack)
        unknown = stage.node.path if stage else ""
        account = unknown if Token.is_unresolved(stack.account) else stack.account
        return account, stack.region if in_region else ""

    for other in scope.node.root.node.find_all():
        if isinstance(other, CfnResource) and taken(other) == name and place(other) == place(scope):
            raise ArgumentError(argument, f"{name} is already the name of {other.node.path}")


def add_role(
    stack: Stack, role_class: type[PumpRole], values: Mapping[str, str | None], **arguments: Any
) -> PumpRole:
    """Add a role and its outputs to a stack, with a parameter for each value that is omitted."""
    found = provided_or_parameters(stack, values)
    role = role_class(
        stack,
        "Role",
        pump_principal=found[PRINCIPAL_PARAMETER],
        external_id=found[EXTERNAL_ID_PARAMETER],
        next_external_id=found.get(NEXT_EXTERNAL_ID_PARAMETER),
        **arguments,
    )
    role.acknowledge_cdk_nag()
    role.resource.override_logical_id(role_class.__name__)
    CfnOutput(stack, "RoleArn", value=role.resource.attr_arn)
    CfnOutput(stack, "RoleName", value=role.resource.ref)
    return role


def description_of(role_class: type[PumpRole]) -> str:
    """Return what a stack with a role deploys."""
    published = role_class.published
    return f"Pump's {published.kind} role. {published.description}."
