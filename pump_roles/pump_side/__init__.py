"""Pump's own infrastructure: who may assume customers' roles, new external IDs, and their proof.

A name is loaded when it is first used: only :func:`probe` needs the extra ``pump-roles[review]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pump_roles.iam.external_ids import new_external_id
    from pump_roles.pump_side.customer_roles import CustomerRoles
    from pump_roles.review.account.probe import ProbeAttempt, ProbeResult, probe

__all__ = ["CustomerRoles", "ProbeAttempt", "ProbeResult", "new_external_id", "probe"]

_MODULES = {
    "CustomerRoles": "pump_side.customer_roles",
    "ProbeAttempt": "review.account.probe",
    "ProbeResult": "review.account.probe",
    "new_external_id": "iam.external_ids",
    "probe": "review.account.probe",
}
"""The module that has each name."""


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"pump_roles.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
