"""What the formats of an activity share: its sections, with their tables and sentences."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from pump_roles.iam.catalog import shipped
from pump_roles.json_input import TOO_DEEP
from pump_roles.review.account.activity.activity_result import (
    Activity,
    Change,
    Cost,
    GuardrailActivity,
    Refusal,
    Unknown,
    Why,
)
from pump_roles.review.output.pieces import TEXTS, line, listed, plural
from pump_roles.review.report.build import risk_of

if TYPE_CHECKING:
    from pump_roles.review.account.activity.collect import NothingFoundError
    from pump_roles.review.account.activity.watched_roles import WatchedRoles

_ACTIONS: Final = 4
"""How many actions of a row are listed."""

_ADDRESSES: Final = 3
_SUBJECT: Final = "file, Region, role, or call"
_READ: Final = "service, or read that returns data"

NAMES: Final = frozenset({_SUBJECT, _READ, "action", "guardrail", "role", "session"})
"""The columns of names, which Markdown shows as code."""

_INVITATION: Final = "INVITE"
"""The type of the handshake that makes an account join an organization."""

_JOINED: Final = (
    "The organization's management account can act in this account without Pump's roles, and no "
    'guardrail limits it: see "If the account joins Pump\'s organization" in '
    "docs/security-model.md."
)

_YEAR: Final = 31_536_000
_DAY: Final = 86_400


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the result."""

    title: str
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    alarm: bool = False


def summary(activity: Activity) -> Iterator[str]:
    """Yield what was read."""
    for role in activity.roles:
        yield f"{role.kind} role {line(role.arn)}: {plural(role.calls, 'call')}"
    regions = ", ".join(map(line, activity.regions)) or "no Region"
    yield (
        f"account {line(activity.account)}, {activity.since} to {activity.until}, {regions}: "
        f"{plural(activity.events, 'event')} of all callers"
    )


def sections(activity: Activity) -> Iterator[Section]:
    """Yield the parts of the result: what could not be read comes first."""
    if activity.unknown:
        yield _unknown(activity.unknown)
    yield _changes(activity)
    yield _reads(activity)
    yield _refused(activity.refused)
    yield _unused(activity)
    yield _guardrails(activity.guardrails)
    yield _sessions(activity)
    yield Section(
        title="What this does not show",
        notes=(
            "Calls outside this period and these Regions. The event history goes back 90 days.",
            "Calls of most global services, if us-east-1 was not read.",
            "Calls that are not management events, such as cloudwatch:GetMetricData.",
            "Actions that a call needs in addition, such as those for tags.",
        ),
    )


_WHY: Final[Mapping[Why, str]] = {
    "denied": "the event history cannot be read",
    "expected-role": "the role in the templates cannot be read completely",
    "malformed": "not as CloudTrail writes them",
    "no-calls": "was assumed, but none of its calls is among the events",
    "not-cloudtrail": "is not a file of CloudTrail",
    "not-json": "is not JSON, or is incomplete",
    "not-mapped": "the action is not known",
    "not-read": "cannot be read",
    "too-deep": TOO_DEEP,
    "truncated": "is incomplete: the end of a gzip file, or the next page of events, is missing",
}


def unknown_in_words(unknown: Unknown) -> str:
    """Return why something is not known."""
    events = f"{plural(unknown.events, 'event')}: " if unknown.events else ""
    detail = f": {unknown.detail}" if unknown.detail else ""
    return f"{events}{_WHY[unknown.why]}{detail}"


def nothing_found(error: "NothingFoundError", roles: "WatchedRoles") -> str:
    """Return why there is no result."""
    if error.unknown:
        found = (f"{unknown.subject}: {unknown_in_words(unknown)}" for unknown in error.unknown)
        return f"the result is unknown: {'; '.join(listed(found, _ACTIONS))}"
    if not error.events:
        return "the result is unknown: there are no events"
    places = sorted(place for watched in roles.roles for place in watched.resources)
    named = [watched.arn for watched in roles.roles if watched.arn] or places
    return (
        f"the result is unknown: none of {plural(error.events, 'event')} is of "
        f"{' or '.join(named)}; if a role has another name or path, pass --expect or --role-arn"
    )


def _unknown(unknown: Sequence[Unknown]) -> Section:
    return Section(
        title="What is not known",
        heads=(_SUBJECT, "why"),
        rows=tuple((found.subject, unknown_in_words(found)) for found in unknown),
        notes=("Until this is known, the rest may be incomplete.",),
        alarm=True,
    )


def _changes(activity: Activity) -> Section:
    return Section(
        title="What changed",
        heads=("time", "action", "what", "outcome", "return", "session", "Region"),
        rows=tuple(
            (
                change.time,
                change.action,
                what(change) or "-",
                change.outcome,
                returnable(change, activity.at) or "-",
                change.session,
                change.region,
            )
            for change in activity.changes
        ),
        notes=(*_about_handshakes(activity.changes),) if activity.changes else ("Nothing.",),
        alarm=any(change.is_important for change in activity.changes),
    )


def _about_handshakes(changes: Sequence[Change]) -> Iterator[str]:
    types = [change.type.upper() for change in changes if change.accepts_handshake]
    if _INVITATION in types:
        yield f"The account accepted an invitation: it joined an organization. {_JOINED}"
    elif types:
        yield (
            "The account accepted a handshake: if that was an invitation, it joined an "
            f"organization. {_JOINED}"
        )


def what(change: Change) -> str:
    """Return what was bought or changed, as far as the event says so."""
    parts = (
        " x ".join(filter(None, (f"{change.count or ''}", change.type))),
        _term(change.term_seconds),
        change.payment,
        f"${change.hourly} an hour" if change.hourly else "",
        change.item,
        "" if change.item else change.offering,
    )
    return ", ".join(filter(None, parts))


def _term(seconds: int | None) -> str:
    if not seconds:
        return ""
    if seconds % _YEAR == 0:
        return plural(seconds // _YEAR, "year")
    return plural(seconds // _DAY, "day")


def returnable(change: Change, at: str) -> str:
    """Return until when a Savings Plan can be returned, and the days that are left, or that this is
    not known; empty if it never could.
    """
    until = change.returnable_until
    if until is None:
        return "not known"
    if not until:
        return ""
    if until < at:
        return f"was possible until {until}"
    left = (_moment(until) - _moment(at)).days
    return f"until {until} ({plural(left, 'day') if left else 'less than a day'} left)"


def _moment(time: str) -> datetime:
    return datetime.fromisoformat(time.replace("Z", "+00:00"))


def _reads(activity: Activity) -> Section:
    return Section(
        title="What it read",
        heads=(_READ, "calls", "last"),
        rows=tuple(
            row
            for reads in activity.reads
            for row in (
                (reads.service, f"{reads.calls:,}", "-"),
                *((read.action, f"{read.calls:,}", read.last) for read in reads.data),
            )
        ),
        notes=() if activity.reads else ("Nothing.",),
    )


def _refused(refused: Sequence[Refusal]) -> Section:
    return Section(
        title="What was refused",
        heads=("time", "action", "guardrails that deny it", "error", "session", "Region"),
        rows=tuple(
            (
                refusal.time,
                refusal.action,
                ", ".join(refusal.guardrails) or "-",
                refusal.outcome,
                refusal.session,
                refusal.region,
            )
            for refusal in refused
        ),
        notes=() if refused else ("Nothing.",),
    )


_RISKS: Final[Mapping[str, str]] = {**TEXTS["risks"], "reads": "read metadata"}


def risk_in_words(action: str) -> str:
    """Return what an action can do at worst."""
    known = shipped().actions.get(action.lower())
    return _RISKS[risk_of(action, only_reads=known is not None and known.only_reads)]


def _unused(activity: Activity) -> Section:
    by_risk: dict[str, list[str]] = {risk: [] for risk in _RISKS.values()}
    for action in activity.unused:
        by_risk[risk_in_words(action)].append(action)
    refused = Counter[str]()
    for use in activity.used:
        refused[use.action] += use.refused
    tried = refused.keys() - {use.action for use in activity.used if use.calls}
    each = [f"{action} (refused {plural(refused[action], 'time')})" for action in sorted(tried)]
    all_refused = f"Only refused: {', '.join(listed(each, _ACTIONS))}."
    return Section(
        title="What it never used",
        heads=("actions that", "unused", "which"),
        rows=tuple(
            (risk, f"{len(actions):,}", ", ".join(listed(actions, _ACTIONS)))
            for risk, actions in by_risk.items()
            if actions
        ),
        notes=(
            f"{len(activity.unused):,} of {plural(activity.allowed, 'action')} were never called.",
            *([all_refused] if each else []),
        ),
    )


_COSTS: Final[Mapping[Cost, str]] = {
    "nothing": "would have cost nothing",
    "unknown": "not known",
    "some": "would have denied calls",
}


def _guardrails(guardrails: Sequence[GuardrailActivity]) -> Section:
    return Section(
        title="What guardrails would have cost",
        heads=("guardrail", "would deny", "may deny", "in this period", "the role has it"),
        rows=tuple(
            (
                found.name,
                f"{found.would_deny:,}",
                f"{found.might_deny:,}",
                _COSTS[found.cost],
                "yes" if found.present else "no",
            )
            for found in guardrails
        ),
        notes=(
            "Calls that succeeded, and those that were refused.",
            "May deny: a condition or a resource decides, or the action is not known.",
        ),
    )


def _sessions(activity: Activity) -> Section:
    return Section(
        title="Who came in",
        heads=("session", "role", "from account", "addresses", "first", "last", "calls"),
        rows=tuple(
            (
                session.name,
                session.role.rpartition("/")[2],
                ", ".join(session.callers) or "-",
                ", ".join(listed(session.addresses, _ADDRESSES)) or "-",
                session.first,
                session.last,
                f"{session.calls:,}",
            )
            for session in activity.sessions
        ),
    )
