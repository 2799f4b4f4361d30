"""What Pump did, as a document."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pump_roles.iam import Action, shipped
from pump_roles.inputs import TOO_DEEP, account_of
from pump_roles.review.account.activity_result import (
    Activity,
    ActivityUnknown,
    DeniedCall,
    Session,
    WriteCall,
)
from pump_roles.review.output.document import (
    Code,
    Document,
    Item,
    Names,
    Part,
    Section,
    Strong,
    Table,
    Text,
    table_of,
)
from pump_roles.review.output.texts import TEXTS, first, say, text_of
from pump_roles.review.report.action_risks import mark, risk_of

if TYPE_CHECKING:
    from pump_roles.review.account.activity_collector import NothingFoundError
    from pump_roles.review.account.watched_roles import WatchedRoles

_FEW: Final = 4
"""How many actions or addresses of a row, or reasons, are listed."""

_INVITATION: Final = "INVITE"
"""The type of the handshake that makes an account join an organization."""

_YEAR: Final = 31_536_000
_DAY: Final = 86_400


def document_of(activity: Activity) -> Document:
    """Return the document: what could not be read comes first."""
    events, regions = say("units.events", activity.events), ", ".join(activity.regions)
    return Document(
        say("activity.title"),
        activity.version,
        summary=tuple(_summary(activity)),
        about=(
            say(
                "activity.about",
                accounts=_accounts_of(activity),
                since=activity.since,
                until=activity.until,
                regions=regions or say("activity.no_region"),
                events=events,
            ),
        ),
        sections=(
            _unknown(activity.unknown),
            _changes(activity),
            _accounts(activity),
            _reads(activity),
            _refused(activity),
            _unused(activity),
            _guardrails(activity),
            _sessions(activity),
            Section(say("activity.not_shown"), tuple(map(Item, TEXTS["not_shown"].values()))),
        ),
    )


def _accounts_of(activity: Activity) -> str:
    accounts = [each.account for each in activity.accounts]
    several = say("activity.accounts", len(accounts))
    return several if accounts[1:] else say("activity.accounts_named", accounts=accounts[0])


def _summary(activity: Activity) -> Iterator[Text]:
    # The roles of one account, or how many of each kind there are.
    for kind, found in groupby(activity.roles, key=lambda role: role.kind):
        roles = [*found]
        if len(activity.accounts) > 1:
            roles = [role for role in roles if role.calls]
            calls = say("units.calls", sum(role.calls for role in roles))
            where = say("activity.accounts", len({account_of(role.arn) for role in roles}))
            yield Strong(say("activity.role", role=kind)), f", {where}: {calls}"
            continue
        for role in roles:
            name = Strong(say("activity.role", role=kind))
            yield name, " ", Code(role.arn), f": {say('units.calls', role.calls)}"


def _accounts(activity: Activity) -> Section:
    table = table_of("account_heads", activity.accounts)
    parts = (say("activity.not_listed"), table) if len(activity.accounts) > 1 else ()
    return Section(say("activity.by_account"), parts)


def _by_account(
    table: Table,
    items: Iterable[WriteCall | DeniedCall | Session],
    activity: Activity,
) -> Table:
    # If there are several accounts, with a column for the account.
    if len(activity.accounts) == 1:
        return table
    rows = zip(items, table.rows, strict=True)
    return Table(
        (say("activity.account"), *table.heads),
        tuple((account_of(item.role), *row) for item, row in rows),
    )


def _or_nothing(table: Table, *about: Text) -> tuple[Part, ...]:
    return (*about, table) if table.rows else (say("activity.nothing"),)


def describe_unknown(unknown: ActivityUnknown) -> str:
    """Return why something is not known."""
    events = f"{say('units.events', unknown.events)}: " if unknown.events else ""
    detail = f": {unknown.detail}" if unknown.detail else ""
    why = TOO_DEEP if unknown.why == "too-deep" else text_of("activity_unknown", unknown.why)
    return f"{events}{why}{detail}"


def nothing_found(error: "NothingFoundError", roles: "WatchedRoles") -> str:
    """Return why there is no result."""
    if error.unknown:
        found = (f"{unknown.subject}: {describe_unknown(unknown)}" for unknown in error.unknown)
        return say("activity.unknown", why="; ".join(first(found, _FEW)))
    if not error.events:
        return say("activity.no_events")
    names = sorted(name for watched in roles.roles for name in watched.names)
    named = [arn for watched in roles.roles for arn in watched.arns] or names
    return say("activity.of_none", error.events, roles=" or ".join(first(named, _FEW)))


def _unknown(unknown: Sequence[ActivityUnknown]) -> Section:
    table = table_of("unknown_heads", unknown, why=describe_unknown)
    parts = (say("activity.incomplete"), table) if unknown else ()
    return Section(say("activity.not_known"), parts, attention=True)


def _changes(activity: Activity) -> Section:
    changes = activity.changes
    table = table_of("change_heads", changes, what=what, returnable_until=_returnable)
    about = (Strong(text, "bad") for text in _about_handshakes(activity))
    return Section(
        say("activity.changed"),
        _or_nothing(_by_account(table, changes, activity), *about),
        attention=any(change.is_important for change in changes),
    )


def _returnable(change: WriteCall) -> str:
    if change.returnable_until is None:
        return say("returnable.unknown")
    return change.returnable_until and say("returnable.until", until=change.returnable_until)


def _about_handshakes(activity: Activity) -> Iterator[str]:
    accepted = [change for change in activity.changes if change.accepts_handshake]
    invited = {
        account_of(change.role)
        for change in accepted
        if change.handshake_type.upper() == _INVITATION
    }
    others = {account_of(change.role) for change in accepted} - invited
    for key, accounts in ("activity.joined", invited), ("activity.may_have_joined", others):
        if accounts:
            names = ", ".join(first(sorted(accounts), _FEW))
            who = say("activity.accounts_named", len(accounts), accounts=names)
            only = say("activity.the_account") if len(activity.accounts) == 1 else who
            yield say(key, len(accounts), accounts=only, means=say("activity.member"))


def what(change: WriteCall) -> str:
    """Return what was bought or changed, as far as the event says so."""
    quantities = (
        " x ".join(filter(None, (f"{each.count or ''}", each.type))) for each in change.quantities
    )
    parts = (
        *first(quantities, _FEW),
        change.handshake_type,
        _term(change.term_seconds),
        change.payment,
        say("activity.hourly", dollars=change.hourly) if change.hourly else "",
        say("activity.upfront", dollars=change.upfront) if change.upfront else "",
        change.item,
        "" if change.item else change.offering,
    )
    return ", ".join(filter(None, parts))


def _term(seconds: int | None) -> str:
    if not seconds:
        return ""
    years, rest = divmod(seconds, _YEAR)
    return say("units.days", seconds // _DAY) if rest else say("units.years", years)


def _of(action: str) -> Action:
    return shipped().actions[action.lower()]


def _reads(activity: Activity) -> Section:
    rows: list[tuple[Text, ...]] = []
    reads = (use for use in activity.used if use.calls and _of(use.action).only_reads)
    for service, uses in groupby(reads, key=lambda use: _of(use.action).service):
        of_service = [*uses]
        rows.append((Code(service), sum(use.calls for use in of_service), ""))
        rows += [
            (Code(use.action), use.calls, use.last)
            for use in of_service
            if mark("data", use.action)
        ]
    table = Table((*TEXTS["read_heads"].values(),), tuple(rows))
    return Section(say("activity.read"), _or_nothing(table))


def _refused(activity: Activity) -> Section:
    table = _by_account(table_of("refusal_heads", activity.refused), activity.refused, activity)
    return Section(say("activity.refused"), _or_nothing(table))


def describe_risk(action: str) -> str:
    """Return what an action can do at worst."""
    known = shipped().actions.get(action.lower())
    return text_of("risks", risk_of(action, only_reads=known is not None and known.only_reads))


def _unused(activity: Activity) -> Section:
    by_risk: dict[str, list[str]] = {risk: [] for risk in TEXTS["risks"].values()}
    for action in activity.unused:
        by_risk[describe_risk(action)].append(action)
    rows = [(risk, len(names), Names(names, _FEW)) for risk, names in by_risk.items() if names]
    refused = Counter[str]()
    for use in activity.used:
        refused[use.action] += use.refused
    tried = refused.keys() - {use.action for use in activity.used if use.calls}
    each = [say("activity.times", refused[action], action=action) for action in sorted(tried)]
    number = f"{len(activity.unused):,}"
    return Section(
        say("activity.unused"),
        (
            say("activity.never_called", activity.allowed, unused=number),
            *([say("activity.only_refused", actions=", ".join(first(each, _FEW)))] if each else []),
            Table((*TEXTS["unused_heads"].values(),), tuple(rows)),
        ),
    )


def _guardrails(activity: Activity) -> Section:
    table = table_of(
        "cost_heads",
        activity.guardrails,
        cost=lambda found: text_of("costs", found.cost),
    )
    notes = (say("activity.counted"), say("activity.may_deny"))
    return Section(say("activity.guardrails"), (*notes, table))


def _sessions(activity: Activity) -> Section:
    table = table_of(
        "session_heads",
        activity.sessions,
        role=lambda session: Code(session.role.rpartition("/")[2]),
        addresses=lambda session: Names(session.addresses, _FEW),
    )
    return Section(say("activity.sessions"), (_by_account(table, activity.sessions, activity),))
