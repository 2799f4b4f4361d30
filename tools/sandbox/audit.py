"""An organization in the AWS emulator whose accounts have a role for auditors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pump_roles.published import ROLES
from pump_roles.review.account.account_details import policy_for_reading
from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws
from tools.sandbox.organization import Organization

AUDITOR: Final = "Auditor"
"""The name of the role in each account."""


@dataclass(frozen=True, kw_only=True)
class Audited:
    root: str
    unit: str
    accounts: Sequence[str]


def audited_organization(aws: EmbeddedAws, count: int, template: str) -> Audited:
    """Create an organization's accounts, deploy to each, and let the management account audit."""
    organization = Organization.create(aws.organizations, {"Workloads": count})
    unit = organization.units["Workloads"]
    accounts = [found.id for found in organization.accounts() if unit in found.units]
    for account in accounts:
        owner = Caller(account)
        aws.deploy("Pump", template, caller=owner)
        let_audit(aws, owner)
    return Audited(root=organization.root, unit=unit, accounts=accounts)


def let_audit(aws: EmbeddedAws, owner: Caller) -> None:
    """Create the role for auditors in an account, with the smallest policy that they need."""
    reading = policy_for_reading(role.name for role in ROLES.values())
    aws.create_role(AUDITOR, ACCOUNT_ID, reading["Statement"], owner)
