"""A stack for each role, and what it shares with the other stacks.

The templates need no assets and no bootstrapping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from aws_cdk import CfnOutput, CfnParameter, CfnResource, Stack, Stage, Token

from pump_roles.constructs.roles import AutoPilotRole, PumpRole, ReadOnlyRole
from pump_roles.inputs.validators import (
    EXTERNAL_ID,
    ORGANIZATIONAL_UNIT,
    PRINCIPAL,
    TAGS,
    ArgumentError,
    Text,
    names_the_construct,
)
from pump_roles.published import (
    EXTERNAL_ID_PARAMETER,
    NEXT_EXTERNAL_ID_PARAMETER,
    PRINCIPAL_PARAMETER,
    UNITS_PARAMETER,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aws_cdk import Environment, IPropertyInjector, IStackSynthesizer
    from aws_cdk import aws_iam as iam
    from constructs import Construct, IConstruct

    from pump_roles.guardrails import Guardrail


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


class RoleStack(FlatStack):
    """What the stacks with a role have in common.

    The values that you provide are in the template. If you omit the principal or the external ID,
    it becomes a template parameter. If you provide nothing, the template is the ready one, which is
    the same for every customer.

    cdk-nag's findings about the published policies are acknowledged; see
    :meth:`pump_roles.PumpRole.acknowledge_cdk_nag`.

    The permissions boundary is the role's, not one for the whole stack.
    """

    role_class: ClassVar[type[PumpRole]]
    """The class of the role that the stack contains."""

    role: PumpRole
    """The role, whose ARN and name are also outputs of the stack."""

    @names_the_construct
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        pump_principal: str | None = None,
        external_id: str | None = None,
        next_external_id: str | None = None,
        role_name: str | None = None,
        path: str | None = None,
        permissions_boundary: str | iam.IManagedPolicy | None = None,
        guardrails: Sequence[Guardrail] | None = (),
        synthesizer: IStackSynthesizer | None = None,
        stack_name: str | None = None,
        description: str | None = None,
        env: Environment | None = None,
        tags: Mapping[str, str] | None = None,
        termination_protection: bool | None = None,
        notification_arns: Sequence[str] | None = None,
        cross_region_references: bool | None = None,
        property_injectors: Sequence[IPropertyInjector] | None = None,
        suppress_template_indentation: bool | None = None,
    ) -> None:
        """Create the stack.

        :param scope: the app, or a stage.
        :param id: the construct's ID.
        :param pump_principal: Pump's 12-digit account ID, or the ARN of its IAM role or account
            root. By default, the template has the parameter ``PumpIamRole``.
        :param external_id: the ID that Pump created for this customer, 2 to 1,224 characters. By
            default, the template has the parameter ``PumpExternalID``.
        :param next_external_id: as for :class:`pump_roles.PumpRole`.
        :param role_name: as for :class:`pump_roles.PumpRole`.
        :param path: as for :class:`pump_roles.PumpRole`.
        :param permissions_boundary: as for :class:`pump_roles.PumpRole`.
        :param guardrails: as for :class:`pump_roles.PumpRole`.
        :param synthesizer: how the stack is deployed. By default, as the app's other stacks. With
            ``LegacyStackSynthesizer()``, the account need not be bootstrapped: whoever deploys the
            stack does so with their own credentials.
        :param stack_name: the CloudFormation stack's name. By default, the construct's ID, in a
            stage with the stage's name before it.
        :param description: the stack's description. By default, it says what the stack deploys.
        :param env: the account and Region that the stack is for. By default, those of the stage;
            otherwise any.
        :param tags: tags of the stack, which CloudFormation passes to its role. By default, none.
        :param termination_protection: whether to protect the stack from deletion. By default, it is
            not protected.
        :param notification_arns: the ARNs of the Amazon SNS topics that get the stack's events. By
            default, none.
        :param cross_region_references: whether a stack in another Region can refer to this one,
            with custom resources that the CDK adds to both. By default, it cannot.
        :param property_injectors: the CDK's property injectors for this stack. By default, none.
            They do not change Pump's roles.
        :param suppress_template_indentation: whether the template is written without indentation.
            By default, as the app's other stacks.
        :raises ArgumentError: a ``ValueError``, as the role's, and when AWS would not accept the
            tags.
        """
        super().__init__(
            scope,
            id,
            synthesizer=synthesizer,
            stack_name=stack_name,
            description=description_of(self.role_class) if description is None else description,
            env=env,
            tags=tags,
            termination_protection=termination_protection,
            notification_arns=notification_arns,
            cross_region_references=cross_region_references,
            property_injectors=property_injectors,
            suppress_template_indentation=suppress_template_indentation,
        )
        values = {PRINCIPAL_PARAMETER: pump_principal, EXTERNAL_ID_PARAMETER: external_id}
        if next_external_id is not None:
            values[NEXT_EXTERNAL_ID_PARAMETER] = next_external_id
        self.role = add_role(
            self,
            self.role_class,
            values,
            role_name=role_name,
            path=path,
            permissions_boundary=permissions_boundary,
            guardrails=guardrails,
        )


class ReadOnlyStack(RoleStack):
    """The read-only role, in its own stack, as one resource.

    Its type is
    ["AWS::IAM::Role"](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html).

    Not run on AWS.
    """

    role_class = ReadOnlyRole

    role: ReadOnlyRole
    """The role, whose ARN and name are also outputs of the stack."""


class AutoPilotStack(RoleStack):
    """The auto-pilot role, in its own stack, as one resource.

    Its type is
    ["AWS::IAM::Role"](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html).

    Not run on AWS.
    """

    role_class = AutoPilotRole

    role: AutoPilotRole
    """The role, whose ARN and name are also outputs of the stack."""
