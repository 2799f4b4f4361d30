"""Which accounts of an organization have the role, and which do not: nothing but reads."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from pump_roles.account.organization import Account, AccountFilter, accounts_below, targeted

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_organizations import OrganizationsClient

__all__ = ["Instance", "Status", "StatusError", "judge", "read"]

CURRENT: Final = "CURRENT"


@dataclass(frozen=True)
class Instance:
    """A stack instance.

    :param account: the id of its account.
    :param region: its region.
    :param status: ``CURRENT``, ``OUTDATED`` or ``INOPERABLE``.
    :param detail: how its last operation ended, such as ``FAILED`` or ``CANCELLED``.
    :param reason: why it is not current, as StackSets says.
    :param name: the account's name; empty if the account is not below the units.
    """

    account: str
    region: str
    status: str
    detail: str
    reason: str
    name: str = ""


class StatusError(ValueError):
    """AWS's answer does not say which accounts have the role."""


@dataclass(frozen=True)
class Status:
    """What is known of a rollout.

    :param stack_set: the StackSet's name.
    :param units: the targeted organizational units.
    :param management_account: the management account, where StackSets never deploy.
    :param targeted: how many accounts are targeted.
    :param complete: whether there is a targeted account, every one of them has a current instance
        and no other account has one, and every filtered id is an account below the units.
    :param counts: how many instances there are of each status.
    :param not_current: the instances that are not ``CURRENT``, of accounts below the units.
    :param missing: the targeted accounts that have no instance.
    :param suspended: the suspended accounts below the units that have no instance; StackSets skips
        them.
    :param filtered: the accounts below the units that the filter takes away and that have no
        instance.
    :param elsewhere: the instances in accounts that are not targeted.
    :param unknown: the filtered IDs that are not accounts below the units.
    """

    stack_set: str
    units: tuple[str, ...]
    management_account: str
    targeted: int
    complete: bool
    counts: dict[str, int]
    not_current: tuple[Instance, ...]
    missing: tuple[Account, ...]
    suspended: tuple[Account, ...]
    filtered: tuple[Account, ...]
    elsewhere: tuple[Instance, ...]
    unknown: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The status as a JSON object."""
        return asdict(self)


def judge(
    stack_set: str,
    *,
    units: Collection[str],
    instances: Iterable[Instance],
    accounts: Iterable[Account],
    management_account: str,
    account_filter: AccountFilter = "NONE",
    filtered: Collection[str] = (),
) -> Status:
    """Compare the instances with the accounts below the targeted units.

    :param stack_set: the StackSet's name.
    :param units: the IDs of the targeted organizational units.
    :param instances: its stack instances.
    :param accounts: the accounts below the units.
    :param management_account: the id of the management account.
    :param account_filter: how the filter narrows them, as StackSets names it. By default not.
    :param filtered: the IDs of the accounts that the filter names.
    """
    accounts = sorted(
        (account for account in accounts if account.id != management_account),
        key=lambda account: account.id,
    )
    names = {account.id: account.name for account in accounts}
    instances = [
        replace(instance, name=names.get(instance.account, ""))
        for instance in sorted(instances, key=lambda instance: (instance.account, instance.region))
    ]
    # A suspended account gets nothing, and keeps what it has.
    wanted = {
        account.id
        for account in targeted(
            [replace(account, suspended=False) for account in accounts],
            units=units,
            management_account=management_account,
            account_filter=account_filter,
            filtered=filtered,
        )
    }
    suspended = {account.id for account in accounts if account.suspended}
    targets = wanted - suspended
    having = {instance.account for instance in instances}
    without = [account for account in accounts if account.id not in having]
    here = [instance for instance in instances if instance.account in wanted]
    not_current = tuple(instance for instance in here if instance.status != CURRENT)
    missing = tuple(account for account in without if account.id in targets)
    elsewhere = tuple(instance for instance in instances if instance not in here)
    unknown = tuple(sorted(set(filtered) - names.keys() - {management_account}))
    return Status(
        stack_set=stack_set,
        units=tuple(units),
        management_account=management_account,
        targeted=len(targets),
        complete=bool(targets)
        and not missing
        and not elsewhere
        and not unknown
        and all(instance.account in suspended for instance in not_current),
        counts=dict(sorted(Counter(instance.status for instance in instances).items())),
        not_current=not_current,
        missing=missing,
        suspended=tuple(account for account in without if account.suspended),
        filtered=tuple(
            account for account in without if account.id not in targets and not account.suspended
        ),
        elsewhere=elsewhere,
        unknown=unknown,
    )


def read(
    cloudformation: "CloudFormationClient",
    organizations: "OrganizationsClient",
    stack_set: str,
    *,
    call_as: Literal["SELF", "DELEGATED_ADMIN"] = "SELF",
    account_filter: AccountFilter = "NONE",
    filtered: Collection[str] = (),
    found: Callable[[int], object] | None = None,
) -> Status:
    """Read a StackSet's instances and the accounts below its units, and compare them.

    :param cloudformation: a client of the account and the region that the StackSet is in.
    :param organizations: a client of the same account.
    :param stack_set: the StackSet's name.
    :param call_as: ``DELEGATED_ADMIN`` in a delegated administrator's account.
    :param account_filter: the filter that the StackSet was deployed with; it cannot be read back.
    :param filtered: the IDs of the filtered accounts.
    :param found: called with a number whenever that many instances and accounts were read.
    :raises botocore.exceptions.ClientError: when AWS refuses an answer.
    :raises StatusError: when the StackSet has no organizational units.
    """
    described = cloudformation.describe_stack_set(StackSetName=stack_set, CallAs=call_as)
    units = described["StackSet"].get("OrganizationalUnitIds", [])
    if not units:
        raise StatusError(f"{stack_set} has no organizational units")
    management = organizations.describe_organization()["Organization"]["MasterAccountId"]
    instances = []
    pages = cloudformation.get_paginator("list_stack_instances")
    for page in pages.paginate(StackSetName=stack_set, CallAs=call_as):
        if found is not None:
            found(len(page["Summaries"]))
        instances += [
            Instance(
                account=summary["Account"],
                region=summary["Region"],
                status=summary["Status"],
                detail=summary.get("StackInstanceStatus", {}).get("DetailedStatus", ""),
                reason=summary.get("StatusReason", ""),
            )
            for summary in page["Summaries"]
        ]
    return judge(
        stack_set,
        units=units,
        instances=instances,
        accounts=accounts_below(organizations, units, found=found),
        management_account=management,
        account_filter=account_filter,
        filtered=filtered,
    )
