"""An account's organization, its accounts, and which of them a StackSet targets."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from pump_roles.inputs.text import InputError
from pump_roles.inputs.validators import ACCOUNT, ORGANIZATION
from pump_roles.review.account.aws_sdk import (
    NO_ORGANIZATION,
    all_in,
    checked_id,
    error_code,
    explain_error,
    reason_of,
    text_in,
)
from pump_roles.role.assembly import AccountFilter, Deployment
from pump_roles.role.unknowns import Unknown

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient

_NO_UNIT: Final = "ParentNotFoundException"
_SUSPENDED: Final = {"SUSPENDED", "PENDING_CLOSURE", "CLOSED"}


AccountWhy = Literal[
    "assume-denied",
    "not-assumed",
    "not-below",
    "not-in-files",
    "not-read",
    "not-selected",
    "suspended",
    "too-deep",
]


@dataclass(frozen=True, kw_only=True)
class AccountUnknown(Unknown):
    """Something that is not known about an account."""

    part: Literal["account", "other-roles", "membership"]
    why: AccountWhy


@dataclass(frozen=True)
class Account:
    """An account of an organization.

    :param units: the IDs of the units that it is in, from the highest that was read down.
    :param unknown: why it cannot be verified; empty if it can.
    """

    id: str
    name: str
    suspended: bool
    units: tuple[str, ...]
    unknown: tuple[AccountUnknown, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Organization:
    """The organization that an account is in.

    :param id: its ID; empty if the account is in none.
    :param management_account: the ID of its management account; empty if the account is in none.
    """

    id: str = ""
    management_account: str = ""


def read_organization(organizations: "OrganizationsClient") -> Organization | AccountUnknown:
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
        return AccountUnknown(part="membership", why="not-read", detail=reason)


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


def accounts_below(organizations: "OrganizationsClient", units: Iterable[str]) -> list[Account]:
    """Read the accounts in or below organizational units, each once."""
    accounts: dict[str, Account] = {}
    for unit in units:
        for account in _list_accounts(organizations, unit, ()):
            before = accounts.get(account.id)
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


def select_accounts(
    organizations: "OrganizationsClient",
    selected: Sequence[str],
    excluded: Collection[str],
    rolled_out: Collection[str],
) -> list[Account]:
    """Return the accounts of an organization to verify.

    Each account has its units, up to those that were selected, or that a rollout targets.

    :param selected: the IDs of units, or of accounts; empty for the whole organization.
    :param excluded: the IDs of accounts.
    :param rolled_out: the IDs of the units that rollouts target.
    """
    ids = [id_ for id_ in selected if ACCOUNT.accepts(id_)]
    units = [id_ for id_ in selected if id_ not in ids]
    try:
        roots = [] if units else [root["Id"] for root in organizations.list_roots()["Roots"]]
        read = accounts_below(organizations, roots or sorted({*units, *rolled_out}))
        below = {account.id: account for account in read if {*units, *roots} & {*account.units}}
    except Exception as error:
        # botocore can raise anything if the response is not from AWS.
        problem = explain_error(error, organizations)
        if error_code(error) == _NO_UNIT:
            problem += "; the organizational unit does not exist"
        raise InputError(f"the accounts of the organization cannot be listed: {problem}") from error
    where = " or ".join(units) or "the organization"
    if not_below := sorted(set(excluded) - below.keys()):
        raise InputError(f"--exclude-account: not below {where}: {', '.join(not_below)}")
    missing = AccountUnknown(part="account", why="not-below", subject=where)
    suspended = AccountUnknown(part="account", why="suspended")
    accounts = [
        below.get(id_) or Account(id_, "", suspended=False, units=(), unknown=(missing,))
        for id_ in dict.fromkeys(ids or sorted(below))
        if id_ not in excluded
    ]
    if not accounts:
        raise InputError(f"there are no accounts to verify below {where}")
    return [
        replace(account, unknown=(suspended,)) if account.suspended else account
        for account in accounts
    ]


def is_deployed_to(
    places: Collection[Deployment],
    account: str,
    *,
    units: Collection[str] | None,
    management_account: str,
) -> bool | None:
    """Return whether one of the places is an account; ``None`` if that is not known.

    Without places, it can be any account.

    :param units: the units that the account is in; ``None`` if it is not read as part of its
        organization.
    """
    # Who deploys a rollout also deploys the app's own stack: the management account.
    rolled_out = any(place.call_as == "management" for place in places)
    deployer = management_account if rolled_out else ""

    def is_place(place: Deployment) -> bool | None:
        if place.unreadable:
            return None
        if place.call_as:
            return is_targeted(place)
        accounts = place.accounts if place.stack_set else [place.account or deployer]
        if "" not in accounts:
            return account in accounts
        # It can be any account. If only one is verified, that is the one that it was deployed to.
        return True if units is None else None

    def is_targeted(rollout: Deployment) -> bool | None:
        if rollout.filter == "UNION" or rollout.has_open_units:
            return None
        # If its units are not known, the account may be in the targeted ones.
        in_units = rollout.units if units is None else tuple(units)
        targets = targeted(
            [Account(account, "", suspended=False, units=in_units)],
            units=rollout.units,
            management_account=management_account,
            account_filter=rollout.filter,
            filtered=rollout.accounts,
        )
        if not targets:
            return False
        return None if units is None else True

    answers = {is_place(place) for place in places}
    if True in answers or not places:
        return True
    return None if None in answers else False
