"""An organization's accounts, and which of them a StackSet targets."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pump_roles.account.responses import id_in, list_in, text_in
from pump_roles.validators import ACCOUNT

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient

_SUSPENDED: Final = {"SUSPENDED", "PENDING_CLOSURE", "CLOSED"}

AccountFilter = Literal["NONE", "DIFFERENCE", "INTERSECTION"]


@dataclass(frozen=True)
class Account:
    """An account of an organization.

    :param id: its 12-digit ID.
    :param name: its name.
    :param suspended: whether it is closed, or being closed.
    :param units: the IDs of the root and the organizational units that it is in, from the top.
    """

    id: str
    name: str
    suspended: bool
    units: tuple[str, ...]


def targeted(
    accounts: Iterable[Account],
    *,
    units: Collection[str],
    management_account: str,
    account_filter: AccountFilter = "NONE",
    filtered: Collection[str] = (),
) -> list[Account]:
    """Return the accounts that an operation of a service-managed StackSet targets.

    These are the accounts in or below one of the units, except those that the filter excludes, the
    management account, and suspended accounts.

    :param accounts: the organization's accounts.
    :param units: the IDs of the targeted organizational units, or of the root.
    :param management_account: the ID of the management account.
    :param account_filter: ``DIFFERENCE`` excludes the filtered accounts, ``INTERSECTION`` targets
        only them. By default, there is no filter.
    :param filtered: the IDs of the filtered accounts.

    Source: CloudFormation API Reference, "DeploymentTargets"; CloudFormation User Guide, "Create
    StackSets with service-managed permissions"; API Reference, "StackInstanceComprehensiveStatus",
    ``SKIPPED_SUSPENDED_ACCOUNT``.
    """
    return [
        account
        for account in accounts
        if any(unit in units for unit in account.units)
        and account.id != management_account
        and not account.suspended
        and (
            account_filter == "NONE"
            or (account.id in filtered) == (account_filter == "INTERSECTION")
        )
    ]


def accounts_below(
    organizations: "OrganizationsClient",
    units: Iterable[str],
    *,
    found: Callable[[int], object] | None = None,
) -> list[Account]:
    """Read the accounts in or below organizational units, each once.

    :param organizations: a client of the management account, or of a delegated administrator.
    :param units: the IDs of the units, or of the root.
    :param found: called with the number of accounts each time more were read.
    :raises LookupError: if a member of a response is missing, so that it is not from AWS.
    :raises TypeError: if a member of a response does not have the type that AWS returns.
    """
    accounts: dict[str, Account] = {}
    for unit in units:
        for account in _below(organizations, unit, ()):
            before = accounts.get(account.id)
            if found is not None and before is None:
                found(1)
            # If one unit is inside another, the outer one gives the whole path.
            if before is None or len(account.units) > len(before.units):
                accounts[account.id] = account
    return list(accounts.values())


def _below(
    organizations: "OrganizationsClient", unit: str, above: tuple[str, ...]
) -> Iterator[Account]:
    here = (*above, unit)
    for page in organizations.get_paginator("list_accounts_for_parent").paginate(ParentId=unit):
        for account in list_in(page, "Accounts"):
            # AWS Organizations is replacing Status with State.
            state = account.get("State") or account.get("Status")
            id_ = id_in(account, "Id", ACCOUNT)
            yield Account(id_, text_in(account, "Name"), state in _SUSPENDED, here)
    children = organizations.get_paginator("list_organizational_units_for_parent")
    for part in children.paginate(ParentId=unit):
        for child in list_in(part, "OrganizationalUnits"):
            yield from _below(organizations, text_in(child, "Id"), here)
