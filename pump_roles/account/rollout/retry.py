"""The commands that repeat an operation in accounts where it failed, or that it missed."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, Literal, NamedTuple

from pump_roles.account.rollout.status import Retry

__all__ = ["Repeat", "retries"]

_MOST_ACCOUNTS: Final = 100
"""The maximum number of accounts in one command."""

# By default, an operation works in one account at a time, and stops at the first failure:
# CloudFormation API Reference, "StackSetOperationPreferences".
_PREFERENCES: Final = "FailureTolerancePercentage=100,MaxConcurrentPercentage=25"


class Repeat(NamedTuple):
    """Where to repeat the operation.

    :param region: the Region of the stack instance.
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
    """Return the commands, one for each Region, unit, and group of at most 100 accounts.

    ``create-stack-instances`` creates missing instances, and "retries all stack instances whose
    status is OUTDATED" (CloudFormation API Reference, "CreateStackInstances", ``OperationId``).
    ``update-stack-instances`` only changes parameters of existing instances.

    :param stack_set: the StackSet's name.
    :param repeated: where to repeat the operation.
    :param caller: who calls StackSets.
    :param region: the Region of the StackSet itself.
    :param profile: the profile to pass. By default, the commands pass none.
    """
    first = ("aws", "cloudformation", "create-stack-instances", "--stack-set-name", stack_set)
    last = [*(("--call-as", caller) if caller != "SELF" else ()), "--region", region]
    last += [] if profile is None else ["--profile", profile]
    found = []
    for (instance_region, unit), group in groupby(
        sorted(set(repeated)), key=lambda repeat: (repeat.region, repeat.unit)
    ):
        for accounts in _batches([repeat.account for repeat in group]):
            listed = f"Accounts={','.join(accounts)},AccountFilterType=INTERSECTION"
            targets = f"OrganizationalUnitIds={unit},{listed}"
            where = ("--regions", instance_region, "--deployment-targets", targets)
            how = ("--operation-preferences", _PREFERENCES) if len(accounts) > 1 else ()
            command = shlex.join((*first, *where, *how, *last))
            found.append(Retry(accounts=tuple(accounts), command=command))
    return tuple(found)


def _batches(accounts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(accounts), _MOST_ACCOUNTS):
        yield accounts[start : start + _MOST_ACCOUNTS]
