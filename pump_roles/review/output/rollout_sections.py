"""The status of rollouts as a document: a section for each StackSet."""

from collections import Counter
from collections.abc import Iterator
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
from pump_roles.review.output.texts import TEXTS, say, text_of

_BAD: Final[tuple[AccountState, ...]] = ("missing", "not-current", "not-targeted", "not-found")


def document_of(statuses: Statuses) -> Document:
    """Return the document. Accounts with a current stack instance are only counted."""
    states = Counter(rollout.state for rollout in statuses.rollouts)
    counts = ", ".join(f"{count:,} {state}" for state, count in states.items())
    return Document(
        say("rollout.title"),
        statuses.version,
        summary=(Strong(say("rollout.counts", counts=counts)),),
        about=(),
        sections=tuple(map(_section, statuses.rollouts)),
    )


def _section(rollout: RolloutStatus) -> Section:
    title = say("rollout.stack_set", name=rollout.stack_set, region=rollout.region)
    parts = _unknown(rollout) if rollout.state == "unknown" else _known(rollout)
    return Section(title, tuple(parts), attention=rollout.state != "complete")


def _unknown(rollout: RolloutStatus) -> Iterator[Part]:
    for problem in describe_problems(rollout):
        yield Strong(say("rollout.unknown"), "unsure"), f": {problem}"


def _known(rollout: RolloutStatus) -> Iterator[Part]:
    yield say("rollout.targets", targets=_targets(rollout))
    counts = (f"{count:,} {state}" for state, count in rollout.counts.items() if count)
    yield say("rollout.accounts", accounts=", ".join(counts) or say("rollout.none"))
    if rollout.state == "complete":
        yield Strong(say("rollout.complete", number=f"{rollout.targeted:,}"), "good")
    for state in _BAD:
        if count := rollout.counts[state]:
            yield Strong(f"{text_of('rollout_problems', state)}: {count:,}", "bad")
    yield from (Strong(problem, "bad") for problem in describe_problems(rollout))
    yield say("rollout.not_counted", account=rollout.management_account)
    others = (account for account in rollout.accounts if account.state != "current")
    yield table_of("rollout_heads", others, state=_state, reason=describe_reason)


def _state(account: AccountStatus) -> Text:
    of_aws = ", ".join(filter(None, (account.status, account.detailed_status)))
    state = f"{account.state} ({of_aws})" if of_aws else account.state
    return state if account.state in FINE else Strong(state, "bad")


def _targets(rollout: RolloutStatus) -> str:
    key = {"exclude": "rollout.all_but", "only": "rollout.only"}.get(rollout.filter)
    units, accounts = ", ".join(rollout.units), ", ".join(rollout.filtered)
    return say(key, units=units, accounts=accounts) if key else units


def describe_reason(account: AccountStatus) -> str:
    """Return why an account has its state."""
    if account.state == "not-targeted":
        return say("rollout.excluded" if account.unit else "rollout.not_below")
    if account.state != "not-current":
        return text_of("account_states", account.state)
    if account.status == "INOPERABLE" and account.detailed_status != "FAILED_IMPORT":
        return say("rollout.inoperable", reason=account.reason or say("rollout.not_deleted"))
    is_known = account.detailed_status in TEXTS["operation_ended"]
    ended = text_of("operation_ended", account.detailed_status if is_known else "")
    return account.reason or ended


def describe_problems(rollout: RolloutStatus) -> Iterator[str]:
    """Yield why the status of a rollout is unknown, or what is wrong with it as a whole."""
    if rollout.state == "unknown":
        yield from map(describe_unknown, rollout.unknown)
        return
    if {*rollout.units} != {*rollout.deployed_units}:
        deployed = ", ".join(sorted(rollout.deployed_units)) or say("rollout.no_units")
        units = ", ".join(sorted(rollout.units))
        yield say("rollout.other_units", deployed=deployed, units=units)
    if not rollout.targeted:
        yield say("rollout.no_account")
