"""The status of rollouts as a table, one line for each account."""

from collections.abc import Iterator
from typing import Final

from pump_roles.review.account.rollout.status import (
    AccountState,
    AccountStatus,
    RolloutStatus,
    Statuses,
)
from pump_roles.review.output.terminal import Line, aligned, in_lines
from pump_roles.review.output.words import rollout_unknown_in_words

_REASONS: Final[dict[AccountState, str]] = {
    "current": "the last operation in this account succeeded",
    "excluded": "the account filter excludes it",
    "missing": "it is targeted, but has no stack instance",
    "not-found": "the account filter names it, but it is not below the targeted units",
    "suspended": "the account is suspended; StackSets skip it",
}

# CloudFormation API Reference, "StackInstanceComprehensiveStatus" and "StackInstance".
_ENDED: Final = {
    "CANCELLED": "the last operation stopped before it reached this account",
    "FAILED": "the last operation failed in this account; AWS gives no reason",
    "FAILED_IMPORT": "the stack could not be imported",
    "PENDING": "an operation has yet to start in this account; pass --wait",
    "RUNNING": "an operation is working in this account; pass --wait",
    "SKIPPED_SUSPENDED_ACCOUNT": "the account was suspended when the last operation ran",
}


def reason_in_words(account: AccountStatus) -> str:
    """Return why an account has its state."""
    if account.state == "not-targeted":
        excluded = "the account filter excludes it"
        why = excluded if account.unit else "it is not below the targeted units"
        return f"it has a stack instance, but {why}"
    if account.state != "not-current":
        return _REASONS[account.state]
    if account.status == "INOPERABLE" and account.detailed_status != "FAILED_IMPORT":
        return (
            f"{account.reason or 'a deletion failed'}; updates skip it; delete the stack instance "
            "with --retain-stacks, then delete its stack"
        )
    return account.reason or _ENDED.get(account.detailed_status, "it is not up to date")


def problems_in_words(rollout: RolloutStatus) -> Iterator[str]:
    """Yield why the status of a rollout is unknown, or what is wrong with it as a whole."""
    if rollout.state == "unknown":
        yield from map(rollout_unknown_in_words, rollout.unknown)
        return
    if {*rollout.units} != {*rollout.deployed_units}:
        deployed = ", ".join(sorted(rollout.deployed_units)) or "no organizational units"
        yield (
            f"the StackSet targets {deployed}, but should target "
            f"{', '.join(sorted(rollout.units))}; deploy the rollout again"
        )
    if not rollout.targeted:
        yield "no account is targeted"


_HEADER: Final = ("account", "name", "state", "unit", "reason")

_PROBLEMS: Final[dict[AccountState, str]] = {
    "missing": "targeted accounts without a stack instance",
    "not-current": "stack instances that are not current",
    "not-targeted": "stack instances in accounts that are not targeted",
    "not-found": "accounts in the account filter that are not below the units",
}

_BAD: Final = "bold red"


def as_table(statuses: Statuses, *, styled: bool) -> str:
    """Return the status as a table. Accounts with a current stack instance are only counted.

    Nothing is cut. On a terminal, lines break between words; commands do not break.
    """
    return in_lines(_lines(statuses), styled=styled)


def _lines(statuses: Statuses) -> Iterator[Line]:
    for number, rollout in enumerate(statuses.rollouts):
        if number:
            yield Line()
        yield Line(label=f"StackSet {rollout.stack_set} in {rollout.region}", style="bold")
        if rollout.state == "unknown":
            for problem in problems_in_words(rollout):
                yield Line(label="could not be determined:", style="bold yellow", text=problem)
        else:
            yield from _known(rollout)


def _known(rollout: RolloutStatus) -> Iterator[Line]:
    yield Line(text=f"targets: {_targets(rollout)}")
    counts = (f"{count:,} {state}" for state, count in rollout.counts.items() if count)
    yield Line(text=f"accounts: {', '.join(counts) or 'none'}")
    rows = [
        (
            *(account.account, account.name or "-", _state(account), account.unit or "-"),
            reason_in_words(account),
        )
        for account in rollout.accounts
        if account.state != "current"
    ]
    if rows:
        head, *lines = aligned([_HEADER, *rows])
        yield Line(label=head, style="bold")
        yield from (Line(label=line) for line in lines)
    if rollout.state == "complete":
        every = f"Each of the {rollout.targeted:,} targeted accounts"
        current = f"{every} has a current stack instance, and no other account has one."
        yield Line(label=current, style="green")
    for state, problem in _PROBLEMS.items():
        if count := rollout.counts[state]:
            yield Line(label=f"{problem}: {count:,}", style=_BAD)
    yield from (Line(label=problem, style=_BAD) for problem in problems_in_words(rollout))
    if rollout.retry:
        yield Line(text="After you fix the cause, repeat the operation in these accounts:")
    yield from (Line(label=retry.command, style="cyan", command=True) for retry in rollout.retry)
    management = f"the management account {rollout.management_account}"
    yield Line(label=f"Not counted: {management}. StackSets never deploy to it.", style="dim")


def _targets(rollout: RolloutStatus) -> str:
    units = ", ".join(rollout.units)
    accounts = ", ".join(rollout.filtered)
    filtered = {"exclude": f", except {accounts}", "only": f", only {accounts}"}
    return units + filtered.get(rollout.filter, "")


def _state(account: AccountStatus) -> str:
    of_aws = ", ".join(filter(None, (account.status, account.detailed_status)))
    return f"{account.state} ({of_aws})" if of_aws else account.state
