"""The universal template in every account of an organization, by a CloudFormation StackSet."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Final, Literal

from aws_cdk import Annotations, App, Aws, CfnParameter, CfnStackSet, Environment, Stack
from constructs import Construct

from pump_roles.forms import (
    ACCOUNTS,
    CALL_AS,
    FAILURE_TOLERANCE,
    MAX_CONCURRENT,
    ORGANIZATIONAL_UNITS,
    STACK_SET_NAME,
    ArgumentError,
)
from pump_roles.guardrails import Guardrail
from pump_roles.roles import warn_of_the_past
from pump_roles.stacks import (
    EXTERNAL_ID,
    NEXT_EXTERNAL_ID,
    PRINCIPAL,
    AutoPilotStack,
    FlatStack,
    ReadOnlyStack,
    RoleStack,
    given_or_parameter,
)
from pump_roles.trust import Trust

__all__ = [
    "AutoPilotRollout",
    "AutoPilotRolloutStack",
    "CallAs",
    "Gate",
    "ReadOnlyRollout",
    "ReadOnlyRolloutStack",
    "Rollout",
    "RolloutStack",
]

CallAs = Literal["management", "delegated-admin"]
"""Who deploys the rollout: the management account, or a delegated administrator for StackSets."""

Gate = Callable[[App], object]
"""Adds validations, such as cdk-nag's, to an app before it is synthesized."""

_TEMPLATE_BODY: Final = 51_200


class Rollout(Construct):
    """What both rollouts have in common. Use :class:`ReadOnlyRollout` or :class:`AutoPilotRollout`.

    A service-managed StackSet that puts a stack with the role into the accounts of organizational
    units, one region each since IAM is global, and keeps it there: an account that joins gets the
    role, one that leaves loses it (not with ``only_accounts``). Deploy it in the management
    account, or in a delegated administrator's.

    :param scope: the construct that this one belongs to, in a stack of the management account or of
        the delegated administrator.
    :param id: the construct's id in the scope.
    :param organizational_units: the ids of organizational units, 1 to 50, or of the root alone,
        with all that is below them. Units that lie within each other must not be listed together:
        when one is dropped later, its accounts lose the role.
    :param pump_principal: Pump's 12-digit account id, or the ARN of its IAM role or account root. A
        literal, or a ``CfnParameter`` of the same stack. It becomes the StackSet's parameter.
    :param external_id: the id that Pump made for this customer, 2 to 1,224 characters. A literal or
        a ``CfnParameter``, as above.
    :param next_external_id: a second id that is accepted too while one replaces the other. By
        default only ``external_id`` is accepted.
    :param exclude_accounts: 12-digit ids of accounts in the units that get no role. By default all
        get it.
    :param only_accounts: 12-digit ids of the only accounts in the units that get the role, which
        also turns automatic deployment off: an account that leaves keeps the role. By default all
        get it. At most one of this and ``exclude_accounts``, each at most 1,000.
    :param role_name: the role's name, 1 to 64 characters, unique in each account. By default
        ``PumpReadOnlyRole`` or ``PumpAutoPilotRole``.
    :param path: the role's path, ``/`` or ``/.../``, 1 to 512 characters. By default ``/``.
    :param permissions_boundary: the name of a managed policy that every one of the accounts has,
        with its path if it has one, or the ARN of an AWS-managed policy. By default the role has no
        boundary.
    :param guardrails: what to take away from the role, each :class:`Guardrail` once. By default
        nothing.
    :param max_concurrent_percentage: in how many of the accounts an operation works at one time,
        1 to 100 percent, rounded down but at least one account. By default 10: a bad update is
        under way in a tenth of the accounts at most when its first failure stops it, and a good one
        takes ten rounds of stacks in 10,000 accounts, and never more than 19 (in 19 accounts, one
        at a time). Even at ten minutes for a stack these are 190 of the 2,160 minutes that
        CloudFormation gives a StackSet.
    :param failure_tolerance_percentage: in how many of the accounts an operation may fail before it
        is stopped and fails itself, 0 to 100 percent, rounded down. By default 0: the operation
        succeeds only when every account that it worked in has the role. The concurrency is the one
        above, also with a tolerance of 0 (``SOFT_FAILURE_TOLERANCE``; the strict mode would work in
        one account at a time).
    :param call_as: ``management``, or ``delegated-admin`` when a delegated administrator's account
        deploys it. By default ``management``.
    :param stack_set_name: 1 to 128 characters, unique in the account and region; cannot change
        later. By default ``PumpReadOnly`` or ``PumpAutoPilot``.
    :param gate: called with the app that the member template is synthesized in, apart from yours,
        before it is. By default nothing but the closing checks of the role validates it.
    :raises ArgumentError: a ``ValueError``, when an argument is not of its form, both filters are
        given, another StackSet of the stack has that name, or the member template is larger than
        the 51,200 bytes of a template body.

    What StackSets do not do, and their pages in the CloudFormation User Guide and API Reference:

    - They never deploy to the management account ("Create StackSets with service-managed
      permissions"). Deploy :class:`pump_roles.ReadOnlyStack` there.
    - Automatic deployment ignores account filters ("Account-level targets"): an excluded account
      that joins a unit later, or moves from one to another, gets the role. A hard exclusion is a
      matter of organizational units. It ignores the operation preferences too
      ("StackSetOperationPreferences").
    - With a tolerance above 0 an operation succeeds and leaves accounts without the role ("StackSet
      operation options"). ``pump-roles rollout-status`` lists them.
    - Drift detection cannot see the targets, the preferences and ``call_as``, which are write-only
      properties ("AWS::CloudFormation::StackSet").
    """

    _stack_class: ClassVar[type[RoleStack]]
    _name: ClassVar[str]
    _description: ClassVar[str]

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        organizational_units: Sequence[str],
        pump_principal: str | CfnParameter,
        external_id: str | CfnParameter,
        next_external_id: str | CfnParameter | None = None,
        exclude_accounts: Sequence[str] | None = None,
        only_accounts: Sequence[str] | None = None,
        role_name: str | None = None,
        path: str | None = None,
        permissions_boundary: str | None = None,
        guardrails: Sequence[Guardrail] = (),
        max_concurrent_percentage: int = 10,
        failure_tolerance_percentage: int = 0,
        call_as: CallAs = "management",
        stack_set_name: str | None = None,
        gate: Gate | None = None,
    ) -> None:
        if not hasattr(self, "_stack_class"):
            raise TypeError("Rollout is not to be used by itself, see its docstring")
        super().__init__(scope, id)
        trust = Trust.of(
            self,
            pump_principal=pump_principal,
            external_id=external_id,
            next_external_id=next_external_id,
        )
        parameters = (PRINCIPAL, EXTERNAL_ID, NEXT_EXTERNAL_ID)
        targets = _targets(organizational_units, exclude_accounts, only_accounts)
        automatic = only_accounts is None
        name = STACK_SET_NAME.check(
            "stack_set_name", self._name if stack_set_name is None else stack_set_name
        )
        for other in Stack.of(self).node.find_all():
            if isinstance(other, CfnStackSet) and other.stack_set_name == name:
                raise ArgumentError("stack_set_name", f"{name} is that of {other.node.path}")
        self.resource: Final = CfnStackSet(
            self,
            "Resource",
            stack_set_name=name,
            description=self._description,
            permission_model="SERVICE_MANAGED",
            call_as={"management": "SELF", "delegated-admin": "DELEGATED_ADMIN"}[
                CALL_AS.check("call_as", call_as)
            ],
            auto_deployment=CfnStackSet.AutoDeploymentProperty(
                enabled=automatic,
                # CloudFormation takes it beside automatic deployment alone.
                retain_stacks_on_account_removal=False if automatic else None,
            ),
            managed_execution={"Active": True},
            capabilities=["CAPABILITY_NAMED_IAM"],
            operation_preferences=CfnStackSet.OperationPreferencesProperty(
                max_concurrent_percentage=MAX_CONCURRENT.check(
                    "max_concurrent_percentage", max_concurrent_percentage
                ),
                failure_tolerance_percentage=FAILURE_TOLERANCE.check(
                    "failure_tolerance_percentage", failure_tolerance_percentage
                ),
                concurrency_mode="SOFT_FAILURE_TOLERANCE",
            ),
            parameters=[
                CfnStackSet.ParameterProperty(parameter_key=parameter, parameter_value=value)
                for parameter, value in zip(
                    parameters, (trust.principal, *trust.external_ids), strict=False
                )
            ],
            stack_instances_group=[
                CfnStackSet.StackInstancesProperty(deployment_targets=targets, regions=[Aws.REGION])
            ],
            template_body=_member_template(
                self._stack_class,
                self._name,
                rotating=next_external_id is not None,
                role_name=role_name,
                path=path,
                permissions_boundary=permissions_boundary,
                guardrails=guardrails,
                gate=gate,
            ),
        )
        warn_of_the_past(self, guardrails)
        if call_as == "delegated-admin":
            Annotations.of(self).add_info(
                "StackSets do not deploy to the management account: it has this role only when you "
                f"deploy {self._name} there"
            )


class ReadOnlyRollout(Rollout):
    """The read-only role in an organization's accounts. The arguments are :class:`Rollout`'s."""

    _stack_class = ReadOnlyStack
    _name = "PumpReadOnly"
    _description = "Pump's read-only role in the accounts of this organization"


class AutoPilotRollout(Rollout):
    """The auto-pilot role in an organization's accounts. The arguments are :class:`Rollout`'s."""

    _stack_class = AutoPilotStack
    _name = "PumpAutoPilot"
    _description = "Pump's auto-pilot role in the accounts of this organization"


class RolloutStack(FlatStack):
    """What both stacks have in common: one rollout and nothing else.

    Use :class:`ReadOnlyRolloutStack` or :class:`AutoPilotRolloutStack`. The arguments are those of
    :class:`Rollout`, but the principal and the ids are literals; of the principal and the external
    id, what is left out becomes a template parameter, ``PumpIamRole`` or ``PumpExternalID``, which
    is passed on to the StackSet. ``env``, ``tags`` and ``termination_protection`` are those of
    :class:`pump_roles.stacks.RoleStack`.
    """

    _rollout_class: ClassVar[type[Rollout]]
    _description: ClassVar[str]

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        organizational_units: Sequence[str],
        pump_principal: str | None = None,
        external_id: str | None = None,
        next_external_id: str | None = None,
        exclude_accounts: Sequence[str] | None = None,
        only_accounts: Sequence[str] | None = None,
        role_name: str | None = None,
        path: str | None = None,
        permissions_boundary: str | None = None,
        guardrails: Sequence[Guardrail] = (),
        max_concurrent_percentage: int = 10,
        failure_tolerance_percentage: int = 0,
        call_as: CallAs = "management",
        stack_set_name: str | None = None,
        gate: Gate | None = None,
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
        self.rollout = self._rollout_class(
            self,
            "Rollout",
            organizational_units=organizational_units,
            external_id=given_or_parameter(self, external_id, EXTERNAL_ID),
            pump_principal=given_or_parameter(self, pump_principal, PRINCIPAL),
            next_external_id=next_external_id,
            exclude_accounts=exclude_accounts,
            only_accounts=only_accounts,
            role_name=role_name,
            path=path,
            permissions_boundary=permissions_boundary,
            guardrails=guardrails,
            max_concurrent_percentage=max_concurrent_percentage,
            failure_tolerance_percentage=failure_tolerance_percentage,
            call_as=call_as,
            stack_set_name=stack_set_name,
            gate=gate,
        )
        self.rollout.resource.override_logical_id("StackSet")


class ReadOnlyRolloutStack(RolloutStack):
    """The read-only role's rollout, in a stack of its own: see :class:`RolloutStack`."""

    _rollout_class = ReadOnlyRollout
    _description = "Puts Pump's read-only role into the accounts of this organization"


class AutoPilotRolloutStack(RolloutStack):
    """The auto-pilot role's rollout, in a stack of its own: see :class:`RolloutStack`."""

    _rollout_class = AutoPilotRollout
    _description = "Puts Pump's auto-pilot role into the accounts of this organization"


def _targets(
    organizational_units: Sequence[str],
    exclude_accounts: Sequence[str] | None,
    only_accounts: Sequence[str] | None,
) -> CfnStackSet.DeploymentTargetsProperty:
    units = ORGANIZATIONAL_UNITS.check("organizational_units", organizational_units)
    if len(units) > 1 and (roots := [unit for unit in units if unit.startswith("r-")]):
        # CloudFormation would delete the others' instances when they are dropped from the list.
        raise ArgumentError(
            "organizational_units", f"{roots[0]} is the root, which holds the others"
        )
    if exclude_accounts is not None and only_accounts is not None:
        raise ArgumentError(
            "only_accounts",
            "cannot stand beside exclude_accounts; give one of them",
            other="exclude_accounts",
        )
    if exclude_accounts is not None:
        return CfnStackSet.DeploymentTargetsProperty(
            organizational_unit_ids=units,
            account_filter_type="DIFFERENCE",
            accounts=ACCOUNTS.check("exclude_accounts", exclude_accounts),
        )
    if only_accounts is not None:
        return CfnStackSet.DeploymentTargetsProperty(
            organizational_unit_ids=units,
            account_filter_type="INTERSECTION",
            accounts=ACCOUNTS.check("only_accounts", only_accounts),
        )
    return CfnStackSet.DeploymentTargetsProperty(organizational_unit_ids=units)


def _member_template(
    stack_class: type[RoleStack],
    name: str,
    *,
    rotating: bool,
    role_name: str | None,
    path: str | None,
    permissions_boundary: str | None,
    guardrails: Sequence[Guardrail],
    gate: Gate | None,
) -> str:
    # In an app of its own, so that no tag, aspect or token of the outer one reaches it, and it is
    # no stack of the outer one's.
    with TemporaryDirectory() as folder:
        app = App(outdir=folder, analytics_reporting=False)
        # The CDK CLI hands its context to every app in the process. One key there replaces the
        # boundary of every role.
        for key in app.node.get_all_context():
            app.node.set_context(key, None)
        stack_class(
            app,
            name,
            rotating=rotating,
            role_name=role_name,
            path=path,
            permissions_boundary=permissions_boundary,
            guardrails=guardrails,
        )
        if gate is not None:
            gate(app)
        app.synth()
        template = (Path(folder) / f"{name}.template.json").read_text(encoding="utf-8")
    if (size := len(template.encode())) > _TEMPLATE_BODY:
        raise ArgumentError(
            "template",
            f"the member template is {size:,} bytes, StackSets take {_TEMPLATE_BODY:,}",
        )
    return template
