"""The status of rollouts to read: one line for each account, however wide the terminal is."""

from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Final

from pump_roles.account.console import console_for
from pump_roles.account.rollout.model import (
    AccountState,
    AccountStatus,
    RolloutStatus,
    Statuses,
)
from pump_roles.templates.masking import one_line

__all__ = ["as_table"]

_HEADER: Final = ("account", "name", "state", "unit", "reason")

_PROBLEMS: Final[dict[AccountState, str]] = {
    "missing": "targeted accounts without a stack instance",
    "not-current": "stack instances that are not current",
    "not-targeted": "stack instances in accounts that are not targeted",
    "not-found": "accounts in the filter that are not below the units",
}

_BAD: Final = "bold red"

_Line = tuple[str, str]
"""A line, and its style."""


def as_table(found: Statuses, *, styled: bool) -> str:
    """Return the status as text to read. Accounts with a current stack instance are only counted.

    No cell is cut or wrapped.

    :param found: the status.
    :param styled: whether it is for standard output; if that is a terminal, it has styles.
    """
    written = StringIO()
    console = console_for(written, styled=styled)
    for number, rollout in enumerate(found.rollouts):
        if number:
            console.print()
        for line, style in _lines(rollout):
            console.print(one_line(line), style=style or None)
    return written.getvalue()


def _lines(rollout: RolloutStatus) -> Iterator[_Line]:
    roles = "".join(f", the {role.kind} role {role.name}".rstrip() for role in rollout.roles)
    yield f"{rollout.stack_set}{roles}, in {rollout.region}", "bold"
    if rollout.state == "unknown":
        yield f"could not be determined: {rollout.reason}", "bold yellow"
        return
    yield f"targets: {_targets(rollout)}", ""
    counts = (f"{count:,} {state}" for state, count in rollout.counts.items() if count)
    yield f"accounts: {', '.join(counts) or 'none'}", ""
    rows = [
        (one.account, one.name or "-", _state(one), one.unit or "-", one.reason)
        for one in rollout.accounts
        if one.state != "current"
    ]
    if rows:
        head, *lines = _aligned([_HEADER, *(tuple(map(one_line, row)) for row in rows)])
        yield head, "bold"
        for line in lines:
            yield line, ""
    yield from _conclusion(rollout)
    if rollout.retry:
        yield "To repeat the operation in these accounts, once the cause is removed:", ""
    for retry in rollout.retry:
        yield retry.command, "cyan"
    management = f"the management account {rollout.management_account}"
    yield f"Not counted: {management}, where StackSets never deploy.", "dim"


def _conclusion(rollout: RolloutStatus) -> Iterator[_Line]:
    if rollout.state == "complete":
        every = f"Each of the {rollout.targeted:,} targeted accounts"
        yield f"{every} has a current stack instance, and no other account has one.", "green"
    for state, problem in _PROBLEMS.items():
        if count := rollout.counts[state]:
            yield f"{problem}: {count:,}", _BAD
    for problem in rollout.problems:
        yield problem, _BAD


def _targets(rollout: RolloutStatus) -> str:
    units = ", ".join(rollout.units)
    accounts = ", ".join(rollout.filtered)
    filtered = {"exclude": f" without {accounts}", "only": f", only {accounts}"}
    return f"{units}{filtered.get(rollout.filter, '')} (account filter: {rollout.source})"


def _state(account: AccountStatus) -> str:
    of_aws = ", ".join(filter(None, (account.status, account.detailed_status)))
    return f"{account.state} ({of_aws})" if of_aws else account.state


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    from rich.cells import cell_len  # noqa: PLC0415

    # A character can be two cells wide.
    lengths = [[cell_len(cell) for cell in row] for row in rows]
    widths = [max(column) for column in zip(*lengths, strict=True)]
    for row, taken in zip(rows, lengths, strict=True):
        cells = zip(row, taken, widths, strict=True)
        yield "  ".join(f"{cell}{' ' * (width - length)}" for cell, length, width in cells).rstrip()
