"""Compares a rollout with what it should target."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, get_args

from pump_roles.review.account.organization import Account, targeted
from pump_roles.review.account.rollout.expected import ExpectedRollout
from pump_roles.review.account.rollout.status import (
    FINE,
    AccountState,
    AccountStatus,
    RolloutStatus,
)
from pump_roles.role import Unknown

_ORDER: Final = get_args(AccountState)
"""The order of the states: first those that need attention."""


@dataclass(frozen=True, kw_only=True)
class StackSet:
    """A StackSet, as it is deployed."""

    units: tuple[str, ...]
    region: str
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
