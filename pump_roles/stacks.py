"""One role, one stack: flat templates that need no assets and no bootstrap."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from aws_cdk import CfnOutput, CfnParameter, Environment, LegacyStackSynthesizer, Stack
from constructs import Construct

from pump_roles._version import __version__
from pump_roles.guardrails import Guardrail
from pump_roles.roles import AutoPilotRole, ReadOnlyRole

__all__ = ["AutoPilotStack", "FlatStack", "ReadOnlyStack", "RoleStack", "given_or_parameter"]

EXTERNAL_ID: Final = "PumpExternalID"
NEXT_EXTERNAL_ID: Final = "PumpNextExternalID"
PRINCIPAL: Final = "PumpIamRole"

_DESCRIPTIONS: Final = {
    EXTERNAL_ID: "The external id that Pump made for you",
    NEXT_EXTERNAL_ID: "The external id that takes its place, accepted too until it has",
    PRINCIPAL: "Pump's IAM role, or account, that may come in",
}


def given_or_parameter(stack: Stack, value: str | None, parameter: str) -> str | CfnParameter:
    """What you give is baked in; what you leave out becomes a template parameter."""
    if value is not None:
        return value
    return CfnParameter(stack, parameter, description=_DESCRIPTIONS[parameter])


class FlatStack(Stack):
    """A stack whose template stands alone: no asset, no bootstrap, no metadata of CDK's."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        description: str,
        env: Environment | None,
        tags: Mapping[str, str] | None,
        termination_protection: bool,
    ) -> None:
        # The legacy synthesizer needs no bootstrap stack, bucket or role, and puts no bootstrap
        # rule into the template. The bootstrapless one still names bootstrap roles.
        super().__init__(
            scope,
            id,
            description=description,
            env=env,
            tags=None if tags is None else dict(tags),
            termination_protection=termination_protection,
            synthesizer=LegacyStackSynthesizer(),
            analytics_reporting=False,
        )
        self.node.set_context("aws:cdk:enable-path-metadata", value=False)


class RoleStack(FlatStack):
    """What both stacks have in common. Use :class:`ReadOnlyStack` or :class:`AutoPilotStack`.

    What is given is baked into the template; of the principal and the external id, what is left
    out becomes a template parameter. With nothing given, the template is the universal one, the
    same for every customer.

    :param scope: the app.
    :param id: the construct's id, which is the CloudFormation stack's name.
    :param pump_principal: Pump's 12-digit account id, or the ARN of its IAM role or account root.
        By default the template has the parameter ``PumpIamRole``.
    :param external_id: the id that Pump made for this customer, 2 to 1,224 characters. By default
        the template has the parameter ``PumpExternalID``.
    :param next_external_id: a second id that is accepted too while one replaces the other. By
        default only the first is accepted.
    :param rotating: whether a second id is accepted also where none is given: the template then has
        the parameter ``PumpNextExternalID``. By default it has not.
    :param path: ``/`` or ``/.../``, 1 to 512 characters. By default the role has the path ``/``.
    :param permissions_boundary: the name of a managed policy of the account that the stack is
        deployed to, with its path if it has one, or the ARN of an AWS-managed policy. By default
        the role has no boundary.
    :param guardrails: what to take away from the role, each :class:`Guardrail` once. By default
        nothing.
    :param role_name: 1 to 64 characters, unique in the account. By default ``PumpReadOnlyRole`` or
        ``PumpAutoPilotRole``.
    :param env: the account and region that the stack is for. By default any: the template is the
        same.
    :param tags: tags of the stack, which CloudFormation passes to the role. By default none.
    :param termination_protection: whether CloudFormation refuses to delete the stack. By default it
        does not.
    :raises ArgumentError: a ``ValueError``, as the role's.
    """

    _role_class: ClassVar[type[ReadOnlyRole] | type[AutoPilotRole]]
    _description: ClassVar[str]

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        pump_principal: str | None = None,
        external_id: str | None = None,
        next_external_id: str | None = None,
        rotating: bool = False,
        path: str | None = None,
        permissions_boundary: str | None = None,
        guardrails: Sequence[Guardrail] = (),
        role_name: str | None = None,
        env: Environment | None = None,
        tags: Mapping[str, str] | None = None,
        termination_protection: bool = False,
    ) -> None:
        if not hasattr(self, "_description"):
            raise TypeError(f"{type(self).__name__} is not to be used by itself, see its docstring")
        super().__init__(
            scope,
            id,
            description=self._description,
            env=env,
            tags=tags,
            termination_protection=termination_protection,
        )
        self.role = self._role_class(
            self,
            "Role",
            external_id=given_or_parameter(self, external_id, EXTERNAL_ID),
            pump_principal=given_or_parameter(self, pump_principal, PRINCIPAL),
            next_external_id=given_or_parameter(self, next_external_id, NEXT_EXTERNAL_ID)
            if rotating
            else next_external_id,
            path=path,
            permissions_boundary=permissions_boundary,
            guardrails=guardrails,
            role_name=role_name,
        )
        self.role.acknowledge_published()
        self.role.resource.override_logical_id(self._role_class.__name__)
        CfnOutput(self, "RoleArn", value=self.role.role_arn)
        CfnOutput(self, "RoleName", value=self.role.role_name)
        CfnOutput(
            self,
            "PumpRolesVersion",
            description="The version of pump-roles that made this template",
            value=__version__,
        )


class ReadOnlyStack(RoleStack):
    """The read-only role, in a stack of its own. The arguments are those of :class:`RoleStack`."""

    _role_class = ReadOnlyRole
    _description = (
        "Pump's read-only role: lets Pump read billing history and infrastructure metadata of "
        "this account"
    )


class AutoPilotStack(RoleStack):
    """The auto-pilot role, in a stack of its own. The arguments are those of :class:`RoleStack`."""

    _role_class = AutoPilotRole
    _description = (
        "Pump's auto-pilot role: lets Pump read billing history and usage metadata of this "
        "account, and buy and sell its reserved instances and savings plans"
    )
