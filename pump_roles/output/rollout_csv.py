"""The status of rollouts as CSV."""

from collections.abc import Iterator
from typing import Final

from pump_roles.account.rollout.status import RolloutStatus, Statuses
from pump_roles.output.escape import csv_table
from pump_roles.output.rollout_words import problems_in_words, reason_in_words

__all__ = ["as_csv"]

_HEADER: Final = (
    "stack_set",
    "kind",
    "role",
    "account",
    "name",
    "unit",
    "state",
    "reason",
    "region",
    "status",
    "detailed_status",
)


def as_csv(statuses: Statuses) -> str:
    """Return the status as CSV: one row for each account, or stack instance, of each rollout.

    A row without an account is about the whole rollout: why it is unknown, or a problem.

    :param statuses: the status.
    """
    return csv_table(_HEADER, (row for rollout in statuses.rollouts for row in _rows(rollout)))


def _rows(rollout: RolloutStatus) -> Iterator[tuple[str, ...]]:
    first = (
        rollout.stack_set,
        ", ".join(role.kind for role in rollout.roles),
        ", ".join(role.name for role in rollout.roles),
    )
    for problem in problems_in_words(rollout):
        yield (*first, "", "", "", rollout.state, problem, "", "", "")
    for account in rollout.accounts:
        yield (
            *first,
            *(account.account, account.name, account.unit, account.state),
            reason_in_words(account),
            *(account.region, account.status, account.detailed_status),
        )
