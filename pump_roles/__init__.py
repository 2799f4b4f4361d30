"""Pump's two cross-account IAM roles, as CDK constructs and stacks.

A name is loaded when it is first used, so that reading JSON loads neither the CDK nor Node.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pump_roles._version import __version__

if TYPE_CHECKING:
    from pump_roles.access import CustomerAccess
    from pump_roles.guardrails import Guardrail
    from pump_roles.roles import AutoPilotRole, ReadOnlyRole
    from pump_roles.rollout import (
        AutoPilotRollout,
        AutoPilotRolloutStack,
        ReadOnlyRollout,
        ReadOnlyRolloutStack,
    )
    from pump_roles.stacks import AutoPilotStack, ReadOnlyStack
    from pump_roles.validators import ArgumentError

__all__ = [
    "ArgumentError",
    "AutoPilotRole",
    "AutoPilotRollout",
    "AutoPilotRolloutStack",
    "AutoPilotStack",
    "CustomerAccess",
    "Guardrail",
    "ReadOnlyRole",
    "ReadOnlyRollout",
    "ReadOnlyRolloutStack",
    "ReadOnlyStack",
    "__version__",
]

_MODULES = {
    "ArgumentError": "validators",
    "AutoPilotRole": "roles",
    "AutoPilotRollout": "rollout",
    "AutoPilotRolloutStack": "rollout",
    "AutoPilotStack": "stacks",
    "CustomerAccess": "access",
    "Guardrail": "guardrails",
    "ReadOnlyRole": "roles",
    "ReadOnlyRollout": "rollout",
    "ReadOnlyRolloutStack": "rollout",
    "ReadOnlyStack": "stacks",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
