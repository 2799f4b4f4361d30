"""An account's organization, its accounts, and which of them a StackSet targets."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, get_args

from pump_roles.contents import ControlType, OrganizationPolicy
from pump_roles.json_input import decoded
from pump_roles.review.account.responses import (
    NO_ORGANIZATION,
    all_in,
    checked_id,
    error_code,
    reason_of,
    text_in,
)
from pump_roles.role import Unknown
from pump_roles.validators import ACCOUNT, ORGANIZATION, POLICY_TARGETS, AccountFilter

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


def read_policies(
    organizations: "OrganizationsClient", names: Collection[str]
) -> list[OrganizationPolicy] | Unknown:
    """Return the organization's policies with some names, or why they are not known."""
    try:
        listed = [
            (text_in(policy, "Id"), text_in(policy, "Name"), kind)
            for kind in get_args(ControlType)
            for policy in all_in(organizations, "list_policies", "Policies", Filter=kind)
        ]
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from AWS.
        return _not_read("", error, organizations)
    return [_read_policy(organizations, *found) for found in listed if found[1] in names]


def _read_policy(
    organizations: "OrganizationsClient", id_: str, name: str, kind: ControlType
) -> OrganizationPolicy:
    found = OrganizationPolicy(name=name, type=kind)
    try:
        targets = all_in(organizations, "list_targets_for_policy", "Targets", PolicyId=id_)
        ids = (checked_id(target["TargetId"], POLICY_TARGETS.element) for target in targets)
        found = replace(found, targets=tuple(sorted(ids)))
        content = organizations.describe_policy(PolicyId=id_)["Policy"]["Content"]
        return replace(found, document=decoded(json.loads, content))
    except Exception as error:  # noqa: BLE001
        return replace(found, unknown=(_not_read(name, error, organizations),))


def _not_read(name: str, error: Exception, organizations: "OrganizationsClient") -> Unknown:
    detail = reason_of(error, organizations)
    return Unknown(part="organization-policies", why="not-read", subject=name, detail=detail)


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
