"""Pump's two cross-account IAM roles, as CDK constructs and stacks."""

from pump_roles._version import __version__
from pump_roles.forms import ArgumentError
from pump_roles.guardrails import Guardrail
from pump_roles.roles import AutoPilotRole, ReadOnlyRole
from pump_roles.rollout import (
    AutoPilotRollout,
    AutoPilotRolloutStack,
    ReadOnlyRollout,
    ReadOnlyRolloutStack,
)
from pump_roles.stacks import AutoPilotStack, ReadOnlyStack

__all__ = [
    "ArgumentError",
    "AutoPilotRole",
    "AutoPilotRollout",
    "AutoPilotRolloutStack",
    "AutoPilotStack",
    "Guardrail",
    "ReadOnlyRole",
    "ReadOnlyRollout",
    "ReadOnlyRolloutStack",
    "ReadOnlyStack",
    "__version__",
]
