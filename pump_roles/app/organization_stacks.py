"""The stacks around the roles: what protects them, and what says that they bought something."""

from collections.abc import Mapping, Sequence
from typing import Any

from constructs import Construct

from pump_roles.app.rollout_stack import RolloutStack
from pump_roles.constructs.commitment_alarm import CommitmentAlarm
from pump_roles.constructs.protection import EmergencyStop, RoleProtection, TrustProtection
from pump_roles.constructs.stacks import FlatStack, RoleStack


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
        stop.command.override_logical_id("StopCommand")
        policies = [protection, stop]
        if pump_account is not None:
            about |= {"targets": targets, "pump_account": pump_account}
            policies.append(TrustProtection(self, "TrustProtection", **about))
        for policy in policies:
            policy.resource.override_logical_id(policy.node.id)


class AlarmStack(FlatStack):
    """Contains the alarm about commitments."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        emails: Sequence[str],
        role_names: Sequence[str],
        tags: Mapping[str, str] | None = None,
        termination_protection: bool | None = None,
    ) -> None:
        super().__init__(
            scope,
            id,
            description="Sends an email for every change that Pump makes to commitments",
            tags=tags,
            termination_protection=termination_protection,
        )
        CommitmentAlarm(self, "Alarm", emails=emails, role_names=role_names)
