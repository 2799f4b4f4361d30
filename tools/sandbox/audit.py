"""An organization in the AWS emulator whose accounts have a role for auditors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws
from tools.sandbox.cdk import ROOT
from tools.sandbox.organization import Organization

AUDITOR: Final = "Auditor"
"""The name of the role in each account."""

TEMPLATE: Final = ROOT / "cloudformation" / "Auditor.template.json"
"""Creates it."""


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
    """Create the role for auditors in an account, which the management account can assume."""
    parameters = {"AuditorPrincipal": ACCOUNT_ID}
    aws.deploy(AUDITOR, TEMPLATE.read_text("utf-8"), parameters, owner)
