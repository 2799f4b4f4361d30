"""The commands that repeat an operation in the accounts where it failed, or that it missed."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, Literal, NamedTuple

from pump_roles.account.rollout.model import Retry

__all__ = ["Repeat", "retries"]

_MOST: Final = 100
"""The maximum number of accounts in one command."""

# CloudFormation API Reference, "StackSetOperationPreferences": by default, an operation works in
# one account after another, and stops at the first failure.
_PREFERENCES: Final = "FailureTolerancePercentage=100,MaxConcurrentPercentage=25"


class Repeat(NamedTuple):
    """Where to repeat the operation.

    :param region: the region of the stack instance.
    :param unit: the ID of the targeted organizational unit that the account is below.
    :param account: the account's ID.
    """

    region: str
    unit: str
    account: str


def retries(
    stack_set: str,
    repeated: Iterable[Repeat],
    *,
    caller: Literal["SELF", "DELEGATED_ADMIN"],
    region: str,
    profile: str | None = None,
) -> tuple[Retry, ...]:
    """Return the commands: one for each Region, unit, and up to 100 accounts.

    ``create-stack-instances`` works for both: it creates what is missing, and "retries all stack
    instances whose status is OUTDATED" (CloudFormation API Reference, "CreateStackInstances",
    ``OperationId``). ``UpdateStackInstances`` only changes parameters where there is an instance.

    :param stack_set: the StackSet's name.
    :param repeated: where to repeat the operation.
    :param caller: who calls StackSets.
    :param region: the StackSet's own region.
    :param profile: the profile of the AWS configuration; by default none.
    """
    return tuple(
        Retry(
            accounts=tuple(accounts),
            command=shlex.join(
                _command(stack_set, instance_region, unit, accounts, caller, region, profile)
            ),
        )
        for (instance_region, unit), group in groupby(
            sorted(set(repeated)), key=lambda one: (one.region, one.unit)
        )
        for accounts in _parts([one.account for one in group])
    )


def _parts(accounts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(accounts), _MOST):
        yield accounts[start : start + _MOST]


def _command(  # noqa: PLR0917
    stack_set: str,
    instance_region: str,
    unit: str,
    accounts: Sequence[str],
    caller: str,
    region: str,
    profile: str | None,
) -> Iterator[str]:
    yield from ("aws", "cloudformation", "create-stack-instances", "--stack-set-name", stack_set)
    yield from ("--regions", instance_region, "--deployment-targets")
    yield (
        f"OrganizationalUnitIds={unit},Accounts={','.join(accounts)},AccountFilterType=INTERSECTION"
    )
    if len(accounts) > 1:
        yield from ("--operation-preferences", _PREFERENCES)
    if caller != "SELF":
        yield from ("--call-as", caller)
    yield from ("--region", region)
    if profile is not None:
        yield from ("--profile", profile)
