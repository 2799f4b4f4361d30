"""The stacks that settings add to those of the roles.

They load what the roles do not need: each part of ``aws_cdk`` takes time.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from aws_cdk import Annotations, CfnOutput, CfnParameter, Environment
from constructs import Construct

from pump_roles.constructs.approval_end import ApprovalEnd
from pump_roles.constructs.commitment_alarm import AlarmForwarder, CommitmentAlarm
from pump_roles.constructs.protection import (
    EmergencyStop,
    RoleProtection,
    TrustProtection,
    stop_command,
)
from pump_roles.constructs.rollouts import (
    MANAGEMENT_ACCOUNT,
    AutoPilotRollout,
    ReadOnlyRollout,
    Rollout,
)
from pump_roles.constructs.stacks import FlatStack, RoleStack, provided_or_parameters
from pump_roles.published import EXTERNAL_ID_PARAMETER, PRINCIPAL_PARAMETER, UNITS_PARAMETER

STOP: Final = stop_command(
    "$(aws organizations list-policies --filter SERVICE_CONTROL_POLICY --query "
    "\"Policies[?Name=='StopPump'].Id\" --output text)"
)
"""The output of the stack has the ID of the policy, which is not known before the deployment."""

_ROLLOUTS: Final[Mapping[str, type[Rollout]]] = {
    "read-only": ReadOnlyRollout,
    "auto-pilot": AutoPilotRollout,
}


class RolloutStack(FlatStack):
    """Contains only a rollout, with a parameter for what is omitted of Pump's values and units."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        kind: str,
        organizational_units: Sequence[str] | None = None,
        pump_principal: str | None = None,
        external_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        termination_protection: bool | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(
            scope,
            id,
            description=f"Deploys Pump's {kind} role to the accounts of this organization",
            tags=tags,
            termination_protection=termination_protection,
        )
        values = {PRINCIPAL_PARAMETER: pump_principal, EXTERNAL_ID_PARAMETER: external_id}
        omitted = {UNITS_PARAMETER: None} if organizational_units is None else {}
        found = provided_or_parameters(self, {**values, **omitted})
        units = found.get(UNITS_PARAMETER)
        self.rollout = _ROLLOUTS[kind](
            self,
            "Rollout",
            organizational_units=(
                units.value_as_list
                if isinstance(units, CfnParameter)
                else organizational_units or ()
            ),
            pump_principal=found[PRINCIPAL_PARAMETER],
            external_id=found[EXTERNAL_ID_PARAMETER],
            **arguments,
        )
        self.rollout.resource.override_logical_id("StackSet")
        # The summary says it.
        Annotations.of(self).acknowledge_info(MANAGEMENT_ACCOUNT)


class ProtectionStack(FlatStack):
    """Contains the organization's policies about the roles of an app's stacks and rollouts."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stacks: Sequence[str],
        targets: Sequence[str],
        pump_account: str | None = None,
        tags: Mapping[str, str] | None = None,
        termination_protection: bool | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(
            scope,
            id,
            description="Protects Pump's roles in the accounts of this organization",
            tags=tags,
            termination_protection=termination_protection,
        )
        found = [scope.node.find_child(name) for name in stacks]
        rollouts = [stack.rollout for stack in found if isinstance(stack, RolloutStack)]
        roles = [stack.role for stack in found if isinstance(stack, RoleStack)]
        about: dict[str, Any] = {"rollouts": rollouts, "roles": roles}
        protection = RoleProtection(self, "RoleProtection", **about, targets=targets, **arguments)
        stop = EmergencyStop(self, "EmergencyStop", **about)
        CfnOutput(
            self,
            "StopCommand",
            description="Stops Pump in all member accounts. detach-policy ends it",
            value=stop.command,
        )
        policies = [protection, stop]
        if pump_account is not None:
            about |= {"targets": targets, "pump_account": pump_account}
            policies.append(TrustProtection(self, "TrustProtection", **about))
        for policy in policies:
            policy.resource.override_logical_id(policy.node.id)


class _PartStack(FlatStack):
    _part: ClassVar[type[CommitmentAlarm | AlarmForwarder | ApprovalEnd]]
    _id: ClassVar[str]
    _description: ClassVar[str]

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment | None = None,
        tags: Mapping[str, str] | None = None,
        termination_protection: bool | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(
            scope,
            id,
            description=self._description,
            env=env,
            tags=tags,
            termination_protection=termination_protection,
        )
        self._part(self, self._id, **arguments).acknowledge_cdk_nag()


class AlarmStack(_PartStack):
    """Contains the alarm."""

    _part = CommitmentAlarm
    _id = "Alarm"
    _description = "Sends an email about commitments, the organization, and Pump's roles"


class AlarmForwarderStack(_PartStack):
    """Contains what sends a Region's events to the alarm."""

    _part = AlarmForwarder
    _id = "Forwarder"
    _description = "Sends the events about Pump to the alarm in us-east-1"


class ApprovalStack(_PartStack):
    """Contains the schedule that ends an approval."""

    _part = ApprovalEnd
    _id = "ApprovalEnd"
    _description = "Ends an approval of purchases by Pump every day"
