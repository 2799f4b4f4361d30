"""Pump's two cross-account IAM roles, as CDK constructs and stacks.

A name is loaded when it is first used, so that reading JSON loads neither the CDK nor Node.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pump_roles._version import __version__

if TYPE_CHECKING:
    from pump_roles.access import CustomerAccess
    from pump_roles.guardrails import Guardrail, Need
    from pump_roles.roles import AutoPilotRole, PumpRole, ReadOnlyRole, RoleOptions
    from pump_roles.rollout import (
        AutoPilotRollout,
        AutoPilotRolloutStack,
        ConfigureApp,
        ReadOnlyRollout,
        ReadOnlyRolloutStack,
        Rollout,
        RolloutOptions,
        RolloutStack,
        RolloutStackOptions,
    )
    from pump_roles.stacks import (
        AutoPilotStack,
        ReadOnlyStack,
        RoleStack,
        RoleStackOptions,
        StackOptions,
    )
    from pump_roles.validation import GuardRules
    from pump_roles.validators import ArgumentError, CallAs

__all__ = [
    "ArgumentError",
    "AutoPilotRole",
    "AutoPilotRollout",
    "AutoPilotRolloutStack",
    "AutoPilotStack",
    "CallAs",
    "ConfigureApp",
    "CustomerAccess",
    "GuardRules",
    "Guardrail",
    "Need",
    "PumpRole",
    "ReadOnlyRole",
    "ReadOnlyRollout",
    "ReadOnlyRolloutStack",
    "ReadOnlyStack",
    "RoleOptions",
    "RoleStack",
    "RoleStackOptions",
    "Rollout",
    "RolloutOptions",
    "RolloutStack",
    "RolloutStackOptions",
    "StackOptions",
    "__version__",
]

_MODULES = {
    "ArgumentError": "validators",
    "AutoPilotRole": "roles",
    "AutoPilotRollout": "rollout",
    "AutoPilotRolloutStack": "rollout",
    "AutoPilotStack": "stacks",
    "CallAs": "validators",
    "ConfigureApp": "rollout",
    "CustomerAccess": "access",
    "GuardRules": "validation",
    "Guardrail": "guardrails",
    "Need": "guardrails",
    "PumpRole": "roles",
    "ReadOnlyRole": "roles",
    "ReadOnlyRollout": "rollout",
    "ReadOnlyRolloutStack": "rollout",
    "ReadOnlyStack": "stacks",
    "RoleOptions": "roles",
    "RoleStack": "stacks",
    "RoleStackOptions": "stacks",
    "Rollout": "rollout",
    "RolloutOptions": "rollout",
    "RolloutStack": "rollout",
    "RolloutStackOptions": "rollout",
    "StackOptions": "stacks",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
