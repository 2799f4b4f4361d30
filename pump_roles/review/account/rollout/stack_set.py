"""Compares a rollout with what it should target."""

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, get_args

from pump_roles.review.account.organization import Account, targeted
from pump_roles.review.account.rollout.expected import ExpectedRollout
from pump_roles.review.account.rollout.status import (
    FINE,
    AccountState,
    AccountStatus,
    Retry,
    RolloutStatus,
)

_MOST_ACCOUNTS: Final = 100
"""The maximum number of accounts in one command."""

# By default, an operation works in one account at a time, and stops at the first failure:
# CloudFormation API Reference, "StackSetOperationPreferences".
_PREFERENCES: Final = "FailureTolerancePercentage=100,MaxConcurrentPercentage=25"

_WORKING: Final = ("PENDING", "RUNNING")

_ORDER: Final = get_args(AccountState)
"""The order of the states: first those that need attention."""


@dataclass(frozen=True, kw_only=True)
class StackSet:
    """A StackSet, as it is deployed."""

    units: tuple[str, ...]
    region: str
    instance_region: str
    instances: tuple[AccountStatus, ...] = ()


def compare(
    expected: ExpectedRollout,
    stack_set: StackSet,
    *,
    accounts: Iterable[Account],
    management_account: str,
    profile: str | None = None,
) -> RolloutStatus:
    """Compare a StackSet and its instances with what they should be."""
    members = {account.id: account for account in accounts if account.id != management_account}
    units = expected.units or stack_set.units
    # A suspended account does not get the role, but may keep it.
    wanted = {
        account.id
        for account in targeted(
            [replace(account, suspended=False) for account in members.values()],
            units=units,
            management_account=management_account,
            account_filter=expected.account_filter,
            filtered=expected.filtered,
        )
    }
    below = {id_: account for id_, account in members.items() if {*account.units} & {*units}}
    statuses = [
        *(_with_instance(instance, below, wanted) for instance in stack_set.instances),
        *_without_instance(stack_set, below, wanted),
        *(
            AccountStatus(account=id_, state="not-found")
            for id_ in {*expected.filtered} - below.keys() - {management_account}
        ),
    ]
    statuses.sort(key=lambda status: (_ORDER.index(status.state), status.account, status.region))
    number = sum(not members[id_].suspended for id_ in wanted)
    fine = (
        number > 0
        and {*units} == {*stack_set.units}
        and all(status.state in FINE for status in statuses)
    )
    return replace(
        status_of(expected, stack_set.region),
        state="complete" if fine else "incomplete",
        units=units,
        deployed_units=stack_set.units,
        management_account=management_account,
        targeted=number,
        accounts=tuple(statuses),
        retry=tuple(_retries(expected, stack_set, statuses, members, profile)),
    )


def status_of(expected: ExpectedRollout, region: str) -> RolloutStatus:
    """Return what is known of a rollout's status before the rollout is read."""
    return RolloutStatus(
        stack_set=expected.stack_set,
        state="unknown",
        region=region,
        call_as=expected.call_as,
        units=expected.units,
        filter=expected.filter,
        filtered=expected.filtered,
    )


def _with_instance(
    instance: AccountStatus, below: Mapping[str, Account], wanted: Collection[str]
) -> AccountStatus:
    account = below.get(instance.account)
    state: AccountState = "not-current"
    if instance.account not in wanted:
        state = "not-targeted"
    elif account is not None and account.suspended:
        state = "suspended"
    elif instance.status == "CURRENT" and instance.detailed_status in {"", "SUCCEEDED"}:
        state = "current"
    if account is None:
        return replace(instance, state=state)
    return replace(instance, name=account.name, unit=_path(account), state=state)


def _without_instance(
    stack_set: StackSet, below: Mapping[str, Account], wanted: Collection[str]
) -> Iterator[AccountStatus]:
    for id_ in below.keys() - {instance.account for instance in stack_set.instances}:
        account = below[id_]
        state: AccountState = "missing" if id_ in wanted else "excluded"
        if account.suspended:
            state = "suspended"
        yield AccountStatus(account=id_, name=account.name, unit=_path(account), state=state)


def _path(account: Account) -> str:
    return "/".join(account.units)


def _retries(
    expected: ExpectedRollout,
    stack_set: StackSet,
    statuses: Iterable[AccountStatus],
    members: Mapping[str, Account],
    profile: str | None,
) -> Iterator[Retry]:
    # The commands that repeat the operation, one for each Region, unit, and group of accounts.
    # create-stack-instances creates missing instances, and "retries all stack instances whose
    # status is OUTDATED" (CloudFormation API Reference, "CreateStackInstances", OperationId).
    # update-stack-instances only changes parameters of existing instances.
    # With any other unit, the command would add that unit to the StackSet's expected.
    usable = {*(expected.units or stack_set.units)} & {*stack_set.units}
    repeated: dict[tuple[str, str], set[str]] = {}
    for status in statuses:
        failed = status.state == "not-current" and status.status != "INOPERABLE"
        if status.state == "missing" or (failed and status.detailed_status not in _WORKING):
            unit = next((unit for unit in members[status.account].units if unit in usable), None)
            if unit is not None:
                region = status.region or stack_set.instance_region
                repeated.setdefault((region, unit), set()).add(status.account)
    first = ("aws", "cloudformation", "create-stack-instances")
    last = ["--call-as", expected.caller] if expected.caller != "SELF" else []
    last += ["--region", stack_set.region, *(["--profile", profile] if profile else [])]
    for (region, unit), found in sorted(repeated.items()):
        wanted = sorted(found)
        for start in range(0, len(wanted), _MOST_ACCOUNTS):
            accounts = tuple(wanted[start : start + _MOST_ACCOUNTS])
            listed = f"Accounts={','.join(accounts)},AccountFilterType=INTERSECTION"
            targets = f"OrganizationalUnitIds={unit},{listed}"
            where = ("--regions", region, "--deployment-targets", targets)
            how = ("--operation-preferences", _PREFERENCES) if len(accounts) > 1 else ()
            name = ("--stack-set-name", expected.stack_set)
            command = shlex.join((*first, *name, *where, *how, *last))
            yield Retry(accounts=accounts, command=command)
