"""The status of rollouts as JSON and CSV."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Final

from pump_roles.account.rollout.model import RolloutStatus, Statuses
from pump_roles.output.escape import no_formula

__all__ = ["as_csv", "as_json"]

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


def as_json(statuses: Statuses) -> str:
    """Return the status as JSON, which ``rollout.schema.json`` describes.

    :param statuses: the status.
    """
    return json.dumps(statuses.as_dict(), indent=2) + "\n"


def as_csv(statuses: Statuses) -> str:
    """Return the status as CSV: one row for each account, or stack instance, of each rollout.

    A row without an account is about the whole rollout: why it is unknown, or a problem.

    :param statuses: the status.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for rollout in statuses.rollouts:
        for cells in _rows(rollout):
            writer.writerow(map(no_formula, cells))
    return text.getvalue()


def _rows(rollout: RolloutStatus) -> Iterator[tuple[str, ...]]:
    first = (
        rollout.stack_set,
        ", ".join(role.kind for role in rollout.roles),
        ", ".join(role.name for role in rollout.roles),
    )
    for problem in (*filter(None, [rollout.reason]), *rollout.problems):
        yield (*first, "", "", "", rollout.state, problem, "", "", "")
    for account in rollout.accounts:
        yield (
            *first,
            *(account.account, account.name, account.unit, account.state, account.reason),
            *(account.region, account.status, account.detailed_status),
        )
