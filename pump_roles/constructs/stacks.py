"""One stack for each role. The templates need no assets and no bootstrapping."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pump_roles.constructs.flat_stack import FlatStack, add_role, description_of
from pump_roles.constructs.roles import AutoPilotRole, PumpRole, ReadOnlyRole
from pump_roles.inputs.validators import names_the_construct
from pump_roles.published import (
    EXTERNAL_ID_PARAMETER,
    NEXT_EXTERNAL_ID_PARAMETER,
    PRINCIPAL_PARAMETER,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import Environment, IPropertyInjector, IStackSynthesizer
    from aws_cdk import aws_iam as iam
    from constructs import Construct

    from pump_roles.guardrails import Guardrail


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
