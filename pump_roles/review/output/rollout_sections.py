"""The status of rollouts as a document: a section for each StackSet."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from pump_roles.review.account.rollout_status import (
    FINE,
    AccountState,
    AccountStatus,
    RolloutStatus,
    Statuses,
)
from pump_roles.review.output.descriptions import describe_unknown
from pump_roles.review.output.document import (
    Document,
    Part,
    Section,
    Strong,
    Text,
    table_of,
)

_PROBLEMS: Final[Mapping[AccountState, str]] = {
    "missing": "targeted accounts without a stack instance",
    "not-current": "stack instances that are not current",
    "not-targeted": "stack instances in accounts that are not targeted",
    "not-found": "accounts in the account filter that are not below the units",
}


def document_of(statuses: Statuses) -> Document:
    """Return the document. Accounts with a current stack instance are only counted."""
    states = Counter(rollout.state for rollout in statuses.rollouts)
    counts = ", ".join(f"{count:,} {state}" for state, count in states.items())
    return Document(
        "Pump's rollouts",
        statuses.version,
        summary=(Strong(f"Rollouts: {counts}."),),
        about=(),
        sections=tuple(map(_section, statuses.rollouts)),
    )


def _section(rollout: RolloutStatus) -> Section:
    title = f"StackSet {rollout.stack_set} in {rollout.region}"
    parts = _unknown(rollout) if rollout.state == "unknown" else _known(rollout)
    return Section(title, tuple(parts), attention=rollout.state != "complete")


def _unknown(rollout: RolloutStatus) -> Iterator[Part]:
    for problem in describe_problems(rollout):
        yield Strong("could not be determined", "unsure"), f": {problem}"


def _known(rollout: RolloutStatus) -> Iterator[Part]:
    yield f"targets: {_targets(rollout)}"
    counts = (f"{count:,} {state}" for state, count in rollout.counts.items() if count)
    yield f"accounts: {', '.join(counts) or 'none'}"
    if rollout.state == "complete":
        yield Strong(
            f"Each of the {rollout.targeted:,} targeted accounts has a current stack instance, and "
            "no other account has one.",
            "good",
        )
    for state, problem in _PROBLEMS.items():
        if count := rollout.counts[state]:
            yield Strong(f"{problem}: {count:,}", "bad")
    yield from (Strong(problem, "bad") for problem in describe_problems(rollout))
    yield (
        f"Not counted: the management account {rollout.management_account}. StackSets never deploy "
        "to it."
    )
    others = (account for account in rollout.accounts if account.state != "current")
    heads = {name: name for name in ("account", "name", "state", "unit", "reason")}
    yield table_of(heads, others, state=_state, reason=describe_reason)


def _state(account: AccountStatus) -> Text:
    of_aws = ", ".join(filter(None, (account.status, account.detailed_status)))
    state = f"{account.state} ({of_aws})" if of_aws else account.state
    return state if account.state in FINE else Strong(state, "bad")


def _targets(rollout: RolloutStatus) -> str:
    units, accounts = ", ".join(rollout.units), ", ".join(rollout.filtered)
    filtered = {"exclude": f"{units}, except {accounts}", "only": f"{units}, only {accounts}"}
    return filtered.get(rollout.filter, units)


def describe_reason(account: AccountStatus) -> str:
    """Return why an account has its state."""
    if account.state == "not-targeted":
        why = _REASONS["excluded"] if account.unit else "it is not below the targeted units"
        return f"it has a stack instance, but {why}"
    if account.state != "not-current":
        return _REASONS[account.state]
    if account.status == "INOPERABLE" and account.detailed_status != "FAILED_IMPORT":
        return (
            f"{account.reason or 'a deletion failed'}; updates skip it; delete the stack instance "
            "with --retain-stacks, then delete its stack"
        )
    return account.reason or _ENDED.get(account.detailed_status, "it is not up to date")


_REASONS: Final[Mapping[AccountState, str]] = {
    "current": "the last operation in this account succeeded",
    "excluded": "the account filter excludes it",
    "missing": "it is targeted, but has no stack instance",
    "not-found": "the account filter names it, but it is not below the targeted units",
    "suspended": "the account is suspended; StackSets skip it",
}

_ENDED: Final = {
    "CANCELLED": "the last operation stopped before it reached this account",
    "FAILED": "the last operation failed in this account; AWS gives no reason",
    "FAILED_IMPORT": "the stack could not be imported",
    "PENDING": "an operation has yet to start in this account",
    "RUNNING": "an operation is working in this account",
    "SKIPPED_SUSPENDED_ACCOUNT": "the account was suspended when the last operation ran",
}
"""What the last operation did, by its detailed status."""


def describe_problems(rollout: RolloutStatus) -> Iterator[str]:
    """Yield why the status of a rollout is unknown, or what is wrong with it as a whole."""
    if rollout.state == "unknown":
        yield from map(describe_unknown, rollout.unknown)
        return
    if {*rollout.units} != {*rollout.deployed_units}:
        deployed = ", ".join(sorted(rollout.deployed_units)) or "no organizational units"
        units = ", ".join(sorted(rollout.units))
        yield (
            f"the StackSet targets {deployed}, but should target {units}; deploy the rollout again"
        )
    if not rollout.targeted:
        yield "no account is targeted"
