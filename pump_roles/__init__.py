"""Pump's two cross-account IAM roles, as CDK constructs and stacks.

A name is loaded when it is first used, so that reading JSON loads neither the CDK nor Node.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pump_roles._version import __version__

if TYPE_CHECKING:
    from pump_roles.constructs.approval_end import ApprovalEnd
    from pump_roles.constructs.commitment_alarm import AlarmForwarder, CommitmentAlarm
    from pump_roles.constructs.protection import EmergencyStop, RoleProtection, TrustProtection
    from pump_roles.constructs.roles import AutoPilotRole, PumpRole, ReadOnlyRole
    from pump_roles.constructs.rollouts import AutoPilotRollout, ReadOnlyRollout, Rollout
    from pump_roles.constructs.stacks import AutoPilotStack, ReadOnlyStack
    from pump_roles.guardrails import Guardrail
    from pump_roles.inputs.validators import ArgumentError

__all__ = [
    "AlarmForwarder",
    "ApprovalEnd",
    "ArgumentError",
    "AutoPilotRole",
    "AutoPilotRollout",
    "AutoPilotStack",
    "CommitmentAlarm",
    "EmergencyStop",
    "Guardrail",
    "PumpRole",
    "ReadOnlyRole",
    "ReadOnlyRollout",
    "ReadOnlyStack",
    "RoleProtection",
    "Rollout",
    "TrustProtection",
    "__version__",
]

_MODULES = {
    name: module
    for module, names in {
        "constructs.approval_end": "ApprovalEnd",
        "constructs.commitment_alarm": "AlarmForwarder CommitmentAlarm",
        "constructs.protection": "EmergencyStop RoleProtection TrustProtection",
        "constructs.roles": "AutoPilotRole PumpRole ReadOnlyRole",
        "constructs.rollouts": "AutoPilotRollout ReadOnlyRollout Rollout",
        "constructs.stacks": "AutoPilotStack ReadOnlyStack",
        "guardrails": "Guardrail",
        "inputs.validators": "ArgumentError",
    }.items()
    for name in names.split()
}
"""The module that has each name."""


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
