"""An account's organization, its accounts, and which of them a StackSet targets."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pump_roles.inputs import ACCOUNT, ORGANIZATION, AccountFilter
from pump_roles.review.account.aws_sdk import (
    NO_ORGANIZATION,
    all_in,
    checked_id,
    error_code,
    reason_of,
    text_in,
)
from pump_roles.role import Unknown

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient

_SUSPENDED: Final = {"SUSPENDED", "PENDING_CLOSURE", "CLOSED"}


@dataclass(frozen=True)
class Account:
    """An account of an organization."""

    id: str
    name: str
    suspended: bool
    units: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Organization:
    """The organization that an account is in.

    :param id: its ID; empty if the account is in none.
    :param management_account: the ID of its management account; empty if the account is in none.
    """

    id: str = ""
    management_account: str = ""


def read_organization(organizations: "OrganizationsClient") -> Organization | Unknown:
    """Return the organization of the caller's account, or why it is not known."""
    try:
        described = organizations.describe_organization()["Organization"]
        return Organization(
            id=checked_id(described["Id"], ORGANIZATION),
            management_account=checked_id(described["MasterAccountId"], ACCOUNT),
        )
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from AWS.
        if error_code(error) == NO_ORGANIZATION:
            return Organization()
        reason = reason_of(error, organizations)
        return Unknown(part="membership", why="not-read", detail=reason)


def targeted(
    accounts: Iterable[Account],
    *,
    units: Collection[str],
    management_account: str,
    account_filter: AccountFilter = "",
    filtered: Collection[str] = (),
) -> list[Account]:
    """Return the accounts that an operation of a service-managed StackSet targets."""
    return [
        account
        for account in accounts
        if any(unit in units for unit in account.units)
        and account.id != management_account
        and not account.suspended
        and (not account_filter or (account.id in filtered) == (account_filter == "only"))
    ]


def accounts_below(
    organizations: "OrganizationsClient",
    units: Iterable[str],
    *,
    found: Callable[[int], object] | None = None,
) -> list[Account]:
    """Read the accounts in or below organizational units, each once."""
    accounts: dict[str, Account] = {}
    for unit in units:
        for account in _list_accounts(organizations, unit, ()):
            before = accounts.get(account.id)
            if found is not None and before is None:
                found(1)
            # If one unit is inside another, the outer one gives the whole path.
            if before is None or len(account.units) > len(before.units):
                accounts[account.id] = account
    return list(accounts.values())


def _list_accounts(
    organizations: "OrganizationsClient", unit: str, above: tuple[str, ...]
) -> Iterator[Account]:
    here = (*above, unit)
    for account in all_in(organizations, "list_accounts_for_parent", "Accounts", ParentId=unit):
        # AWS Organizations is replacing Status with State.
        state = account.get("State") or account.get("Status")
        id_ = checked_id(account["Id"], ACCOUNT)
        yield Account(id_, text_in(account, "Name"), state in _SUSPENDED, here)
    children = "list_organizational_units_for_parent"
    for child in all_in(organizations, children, "OrganizationalUnits", ParentId=unit):
        yield from _list_accounts(organizations, text_in(child, "Id"), here)
