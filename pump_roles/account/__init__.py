"""What AWS accounts contain and accept, seen with boto3: nothing here changes anything.

Importing it loads no boto3.
"""

from pump_roles.account.answers import Outcome
from pump_roles.account.probe import (
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
