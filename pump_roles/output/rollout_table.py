"""The status of rollouts as a table: one line for each account, whatever the terminal's width."""

from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Final

from pump_roles.account.rollout.status import (
    AccountState,
    AccountStatus,
    RolloutStatus,
    Statuses,
)
from pump_roles.output.console import console_for
from pump_roles.output.rollout_words import problems_in_words, reason_in_words
from pump_roles.text import one_line

__all__ = ["as_table"]

_HEADER: Final = ("account", "name", "state", "unit", "reason")

_PROBLEMS: Final[dict[AccountState, str]] = {
    "missing": "targeted accounts without a stack instance",
    "not-current": "stack instances that are not current",
    "not-targeted": "stack instances in accounts that are not targeted",
    "not-found": "accounts in the account filter that are not below the units",
}

_BAD: Final = "bold red"

_Line = tuple[str, str]
"""A line, and its style."""


def as_table(statuses: Statuses, *, styled: bool) -> str:
    """Return the status as a table. Accounts with a current stack instance are only counted.

    Cells are neither cut nor wrapped.

    :param statuses: the status.
    :param styled: whether it is for standard output; if that is a terminal, it has styles.
    """
    written = StringIO()
    console = console_for(written, styled=styled)
    for number, rollout in enumerate(statuses.rollouts):
        if number:
            console.print()
        for line, style in _lines(rollout):
            console.print(one_line(line), style=style or None)
    return written.getvalue()


def _lines(rollout: RolloutStatus) -> Iterator[_Line]:
    roles = "".join(f", the {role.kind} role {role.name}".rstrip() for role in rollout.roles)
    yield f"{rollout.stack_set}{roles}, in {rollout.region}", "bold"
    if rollout.state == "unknown":
        for problem in problems_in_words(rollout):
            yield f"could not be determined: {problem}", "bold yellow"
        return
    yield f"targets: {_targets(rollout)}", ""
    counts = (f"{count:,} {state}" for state, count in rollout.counts.items() if count)
    yield f"accounts: {', '.join(counts) or 'none'}", ""
    rows = [
        (
            *(account.account, account.name or "-", _state(account), account.unit or "-"),
            reason_in_words(account),
        )
        for account in rollout.accounts
        if account.state != "current"
    ]
    if rows:
        head, *lines = _aligned([_HEADER, *(tuple(map(one_line, row)) for row in rows)])
        yield head, "bold"
        for line in lines:
            yield line, ""
    yield from _conclusion(rollout)
    if rollout.retry:
        yield "After you fix the cause, repeat the operation in these accounts:", ""
    for retry in rollout.retry:
        yield retry.command, "cyan"
    management = f"the management account {rollout.management_account}"
    yield f"Not counted: {management}. StackSets never deploy to it.", "dim"


def _conclusion(rollout: RolloutStatus) -> Iterator[_Line]:
    if rollout.state == "complete":
        every = f"Each of the {rollout.targeted:,} targeted accounts"
        yield f"{every} has a current stack instance, and no other account has one.", "green"
    for state, problem in _PROBLEMS.items():
        if count := rollout.counts[state]:
            yield f"{problem}: {count:,}", _BAD
    for problem in problems_in_words(rollout):
        yield problem, _BAD


def _targets(rollout: RolloutStatus) -> str:
    units = ", ".join(rollout.units)
    accounts = ", ".join(rollout.filtered)
    filtered = {"exclude": f", except {accounts}", "only": f", only {accounts}"}
    return f"{units}{filtered.get(rollout.filter, '')} (account filter: {rollout.source})"


def _state(account: AccountStatus) -> str:
    of_aws = ", ".join(filter(None, (account.status, account.detailed_status)))
    return f"{account.state} ({of_aws})" if of_aws else account.state


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    from rich.cells import cell_len  # noqa: PLC0415

    # A character can take two cells.
    lengths = [[cell_len(cell) for cell in row] for row in rows]
    widths = [max(column) for column in zip(*lengths, strict=True)]
    for row, of_row in zip(rows, lengths, strict=True):
        cells = zip(row, of_row, widths, strict=True)
        yield "  ".join(f"{cell}{' ' * (width - length)}" for cell, length, width in cells).rstrip()
