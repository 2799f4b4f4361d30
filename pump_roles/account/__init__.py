"""Read-only checks of AWS accounts with boto3: roles, rollouts, and external IDs.

Importing this package does not load boto3.
"""

from pump_roles.account.probe import (
    Outcome,
    ProbeResult,
    Verdict,
    new_external_id,
    probe,
    probe_all,
    sts_client,
)

__all__ = [
    "Outcome",
    "ProbeResult",
    "Verdict",
    "new_external_id",
    "probe",
    "probe_all",
    "sts_client",
]
