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
    Unknown,
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


def unknown_status(expected: ExpectedRollout, region: str, *unknown: Unknown) -> RolloutStatus:
    """Return the status of a rollout that cannot be read."""
    return RolloutStatus(
        stack_set=expected.stack_set,
        state="unknown",
        unknown=unknown,
        region=region,
        call_as=expected.call_as,
        units=expected.units,
        filter=expected.filter,
        filtered=expected.filtered,
    )


def assess_rollout(
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
            account_filter=expected.filter,
            filtered=expected.filtered,
        )
    }
    below = {id_: account for id_, account in members.items() if {*account.units} & {*units}}
    with_instance = {instance.account for instance in stack_set.instances}
    statuses = [
        *(
            _describe(
                instance, below.get(instance.account), _judge_instance(instance, below, wanted)
            )
            for instance in stack_set.instances
        ),
        *(
            _describe(
                AccountStatus(account=id_, state="missing"),
                account,
                "suspended" if account.suspended else "missing" if id_ in wanted else "excluded",
            )
            for id_, account in below.items()
            if id_ not in with_instance
        ),
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
        unknown_status(expected, stack_set.region),
        state="complete" if fine else "incomplete",
        units=units,
        deployed_units=stack_set.units,
        management_account=management_account,
        targeted=number,
        accounts=tuple(statuses),
        retry=tuple(_retries(expected, stack_set, statuses, members, profile)),
    )


def _judge_instance(
    instance: AccountStatus, below: Mapping[str, Account], wanted: Collection[str]
) -> AccountState:
    if instance.account not in wanted:
        return "not-targeted"
    if below[instance.account].suspended:
        return "suspended"
    succeeded = instance.detailed_status in {"", "SUCCEEDED"}
    return "current" if instance.status == "CURRENT" and succeeded else "not-current"


def _describe(status: AccountStatus, account: Account | None, state: AccountState) -> AccountStatus:
    if account is None:
        return replace(status, state=state)
    return replace(status, name=account.name, unit="/".join(account.units), state=state)


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
    # With any other unit, the command would add that unit to the StackSet's targets.
    usable = {*(expected.units or stack_set.units)} & {*stack_set.units}
    repeated: dict[tuple[str, str], set[str]] = {}
    for status in statuses:
        failed = status.state == "not-current" and status.status != "INOPERABLE"
        if status.state == "missing" or (failed and status.detailed_status not in _WORKING):
            unit = next((unit for unit in members[status.account].units if unit in usable), None)
            if unit is not None:
                region = status.region or stack_set.instance_region
                repeated.setdefault((region, unit), set()).add(status.account)
    last = ["--call-as", expected.caller] if expected.caller != "SELF" else []
    last += ["--region", stack_set.region, *(["--profile", profile] if profile else [])]
    for (region, unit), found in sorted(repeated.items()):
        failing = sorted(found)
        for start in range(0, len(failing), _MOST_ACCOUNTS):
            accounts = tuple(failing[start : start + _MOST_ACCOUNTS])
            listed = f"Accounts={','.join(accounts)},AccountFilterType=INTERSECTION"
            command = [
                *("aws", "cloudformation", "create-stack-instances"),
                *("--stack-set-name", expected.stack_set),
                *("--regions", region),
                *("--deployment-targets", f"OrganizationalUnitIds={unit},{listed}"),
                *(("--operation-preferences", _PREFERENCES) if len(accounts) > 1 else ()),
                *last,
            ]
            yield Retry(accounts=accounts, command=shlex.join(command))
