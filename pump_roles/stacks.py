"""One role, one stack: flat templates that need no assets and no bootstrap."""

from typing import ClassVar

from aws_cdk import CfnOutput, CfnParameter, LegacyStackSynthesizer, Stack
from constructs import Construct

from pump_roles._version import __version__
from pump_roles.roles import AutoPilotRole, ReadOnlyRole

__all__ = ["AutoPilotStack", "ReadOnlyStack", "RoleStack"]


class RoleStack(Stack):
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
    :param path: ``/`` or ``/.../``, 1 to 512 characters. By default the role has the path ``/``.
    :param permissions_boundary: the name of a managed policy of the account that the stack is
        deployed to, with its path if it has one, or the ARN of an AWS-managed policy. By default
        the role has no boundary.
    :raises ArgumentError: a ``ValueError``, when an argument is not of its form.
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
        path: str | None = None,
        permissions_boundary: str | None = None,
    ) -> None:
        # The legacy synthesizer needs no bootstrap stack, bucket or role, and puts no bootstrap
        # rule into the template. The bootstrapless one still names bootstrap roles.
        super().__init__(
            scope,
            id,
            description=self._description,
            synthesizer=LegacyStackSynthesizer(),
            analytics_reporting=False,
        )
        self.node.set_context("aws:cdk:enable-path-metadata", value=False)
        self.role = self._role_class(
            self,
            "Role",
            external_id=CfnParameter(
                self, "PumpExternalID", description="The external id that Pump made for you"
            )
            if external_id is None
            else external_id,
            pump_principal=CfnParameter(
                self, "PumpIamRole", description="Pump's IAM role, or account, that may come in"
            )
            if pump_principal is None
            else pump_principal,
            next_external_id=next_external_id,
            path=path,
            permissions_boundary=permissions_boundary,
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
