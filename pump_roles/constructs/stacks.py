"""One stack for each role. The templates need no assets and no bootstrapping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypedDict

from aws_cdk import Annotations, App, CfnOutput, CfnParameter, LegacyStackSynthesizer, Stack, Stage

from pump_roles._version import __version__
from pump_roles.constructs.arguments import documented, with_arguments
from pump_roles.constructs.roles import (
    AutoPilotRole,
    PumpRole,
    ReadOnlyRole,
    RoleOptions,
    outdated_cdk_nag,
)
from pump_roles.universal import (
    EXTERNAL_ID_PARAMETER,
    NEXT_EXTERNAL_ID_PARAMETER,
    PRINCIPAL_PARAMETER,
)
from pump_roles.validators import (
    EXTERNAL_ID,
    PRINCIPAL,
    TAGS,
    TERMINATION_PROTECTION,
    ArgumentError,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import Environment, IPropertyInjector, IStackSynthesizer
    from constructs import Construct
    from typing_extensions import Unpack

    from pump_roles.guardrails import Guardrail


class _Parameter(NamedTuple):
    validator: Text
    label: str
    description: str

    def added_to(self, stack: Stack, name: str) -> CfnParameter:
        return CfnParameter(
            stack,
            name,
            description=self.description,
            allowed_pattern=self.validator.pattern,
            min_length=self.validator.minimum,
            max_length=self.validator.maximum,
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
}


def provided_or_parameters(
    stack: Stack, values: Mapping[str, str | None]
) -> list[str | CfnParameter]:
    """Return the provided values, and a new template parameter for each one that is omitted.

    The CloudFormation console shows the parameters in this order, with labels.

    :param stack: the stack to which the parameters are added.
    :param values: the values by the names of their parameters; ``None`` for one that is omitted.
    """
    omitted = [name for name, value in values.items() if value is None]
    if omitted:
        stack.add_metadata(
            "AWS::CloudFormation::Interface",
            {
                "ParameterGroups": [
                    {"Label": {"default": "Values from Pump"}, "Parameters": omitted}
                ],
                "ParameterLabels": {name: {"default": _PARAMETERS[name].label} for name in omitted},
            },
        )
    return [
        _PARAMETERS[name].added_to(stack, name) if value is None else value
        for name, value in values.items()
    ]


class StackOptions(TypedDict, total=False):
    """The options of a stack, as in the CDK's ``StackProps``.

    ``permissions_boundary`` is the role's own, and ``analytics_reporting`` is off.

    :param synthesizer: how the stack is deployed. By default, with the credentials of whoever
        deploys it (``LegacyStackSynthesizer``), so that the account need not be bootstrapped; in a
        stage, such as one that CDK Pipelines deploys, as the app's other stacks: with the roles of
        the account's bootstrap stack.
    :param stack_name: the CloudFormation stack's name. By default, the construct's ID, in a stage
        with the stage's name before it.
    :param description: the stack's description. By default, it says what the stack deploys.
    :param env: the account and Region that the stack is for. By default, those of the stage;
        otherwise any.
    :param tags: tags of the stack, which CloudFormation passes to its role or StackSet. By default,
        none.
    :param termination_protection: whether to protect the stack from deletion. By default, it is not
        protected.
    :param notification_arns: the ARNs of the Amazon SNS topics that get the stack's events. By
        default, none.
    :param cross_region_references: whether a stack in another Region can refer to this one, with
        custom resources that the CDK adds to both. By default, it cannot.
    :param property_injectors: the CDK's property injectors for this stack. By default, none. They
        do not change Pump's roles.
    :param suppress_template_indentation: whether the template is written without indentation. By
        default, as the app's other stacks.
    """

    synthesizer: IStackSynthesizer | None
    stack_name: str | None
    description: str | None
    env: Environment | None
    tags: Mapping[str, str] | None
    termination_protection: bool | None
    notification_arns: Sequence[str] | None
    cross_region_references: bool | None
    property_injectors: Sequence[IPropertyInjector] | None
    suppress_template_indentation: bool | None


class RoleStackOptions(RoleOptions, StackOptions, total=False):
    """The options of a stack with a role: see :class:`RoleStack`."""


def options_of_stack(options: Mapping[str, Any]) -> tuple[StackOptions, Any]:
    """Return the options of a stack, and the others.

    :param options: the options of a stack and of what it contains.
    """
    stack: Any = {
        name: value for name, value in options.items() if name in StackOptions.__optional_keys__
    }
    return stack, {name: value for name, value in options.items() if name not in stack}


@with_arguments(passed_on_to=(StackOptions,))
class FlatStack(Stack):
    """A stack with a self-contained template: no assets, bootstrapping, or CDK metadata.

    :param scope: the app, or a stage.
    :param id: the construct's ID.
    :param options: those of a stack.
    """

    def __init__(self, scope: Construct, id: str, **options: Unpack[StackOptions]) -> None:
        if options.get("synthesizer") is None and not _is_in_stage(scope):
            # It needs no bootstrap stack, bucket, or role, and adds no bootstrap rule to the
            # template. The bootstrapless one still names bootstrap roles. In a stage, whoever
            # deploys need not have credentials of the stack's account: a pipeline does not.
            options["synthesizer"] = LegacyStackSynthesizer()
        if (tags := options.get("tags")) is not None:
            options["tags"] = TAGS.check("tags", tags)
        if (protected := options.get("termination_protection")) is not None:
            TERMINATION_PROTECTION.check("termination_protection", protected)
        super().__init__(scope, id, analytics_reporting=False, **options)
        self.node.set_context("aws:cdk:enable-path-metadata", value=False)


def check_tags(tags: Mapping[str, str] | None, guardrails: Sequence[Guardrail]) -> None:
    """Check that no tag of a stack may open a guardrail of its role.

    :param tags: the tags, which AWS accepts.
    :param guardrails: the guardrails, which the role accepts.
    :raises ArgumentError: when one may.
    """
    opened = {part.tag: part.name for guardrail in guardrails for part in guardrail.parts}
    for key in tags or ():
        if name := opened.get(key.lower()):
            raise ArgumentError(
                "tags", f"{key!r} may open the guardrail {name}; set it only on the deployed role"
            )


def _is_in_stage(scope: Construct) -> bool:
    # An app is a stage, too. Stage.of() of a stage is the one around it.
    stage = scope if isinstance(scope, Stage) else Stage.of(scope)
    return not isinstance(stage, App)


@with_arguments(passed_on_to=(FlatStack, PumpRole), instead="ReadOnlyStack or AutoPilotStack")
class RoleStack(FlatStack):
    """What the stacks with a role have in common. It is abstract; use one of its subclasses.

    The values that you provide are in the template. If you omit the principal or the external ID,
    it becomes a template parameter. If you provide nothing, the template is the universal one,
    which is the same for every customer.

    cdk-nag's findings about the published policies are acknowledged; see
    :meth:`pump_roles.PumpRole.acknowledge_published`. If a version of cdk-nag before 3 is
    installed, they are not, and an info message at synth says so.

    :param scope: the app, or a stage.
    :param id: the construct's ID.
    :param pump_principal: Pump's 12-digit account ID, or the ARN of its IAM role or account root.
        By default, the template has the parameter ``PumpIamRole``.
    :param external_id: the ID that Pump created for this customer, 2 to 1,224 characters. By
        default, the template has the parameter ``PumpExternalID``.
    :param next_external_id: a new external ID, also accepted during rotation. By default, only the
        first is accepted.
    :param rotating: whether the template has the parameter ``PumpNextExternalID`` for a second
        external ID if none is provided. By default, it does not.
    :param options: those of a stack, and ``role_name``, ``path``, ``permissions_boundary``, and
        ``guardrails``, as for :class:`pump_roles.constructs.roles.PumpRole`.
    :raises ArgumentError: a ``ValueError``, as the role's, and when AWS would not accept the tags,
        or one of them may open a guardrail of the role.
    """

    role_class: ClassVar[type[PumpRole]]
    """The class of the role that the stack contains."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        pump_principal: str | None = None,
        external_id: str | None = None,
        next_external_id: str | None = None,
        rotating: bool = False,
        **options: Unpack[RoleStackOptions],
    ) -> None:
        published = self.role_class.published
        stack, role = options_of_stack(options)
        if stack.get("description") is None:
            stack["description"] = f"Pump's {published.kind} role. {published.description}."
        super().__init__(scope, id, **stack)
        values = {PRINCIPAL_PARAMETER: pump_principal, EXTERNAL_ID_PARAMETER: external_id}
        if rotating:
            values[NEXT_EXTERNAL_ID_PARAMETER] = next_external_id
        principal, required, *following = provided_or_parameters(self, values)
        self.role = self.role_class(
            self,
            "Role",
            pump_principal=principal,
            external_id=required,
            next_external_id=following[0] if rotating else next_external_id,
            **role,
        )
        check_tags(stack.get("tags"), role.get("guardrails", ()))
        if outdated := outdated_cdk_nag():
            # Not an error, because the app may not use cdk-nag.
            Annotations.of(self.role).add_info_v2(
                "pump-roles:cdk-nag",
                "the role's cdk-nag findings are not acknowledged: that requires cdk-nag 3 or "
                f"later, but cdk-nag {outdated} is installed",
            )
        else:
            self.role.acknowledge_published()
        self.role.resource.override_logical_id(self.role_class.__name__)
        CfnOutput(self, "RoleArn", value=self.role.role_arn)
        CfnOutput(self, "RoleName", value=self.role.role_name)
        CfnOutput(
            self,
            "PumpRolesVersion",
            description="The version of pump-roles that made this template",
            value=__version__,
        )


@documented
class ReadOnlyStack(RoleStack):
    """The read-only role, in its own stack."""

    role_class = ReadOnlyRole


@documented
class AutoPilotStack(RoleStack):
    """The auto-pilot role, in its own stack."""

    role_class = AutoPilotRole
