"""What Pump did, as a presentation."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pump_roles.iam.catalog import Action, shipped
from pump_roles.inputs.text import TOO_DEEP
from pump_roles.inputs.validators import account_of
from pump_roles.review.account.activity_result import (
    Activity,
    ActivityUnknown,
    ActivityWhy,
    Cost,
    DeniedCall,
    Session,
    TableRead,
    WriteCall,
)
from pump_roles.review.output import (
    Code,
    Item,
    Names,
    Part,
    Presentation,
    Section,
    Sentence,
    Strong,
    Table,
    counted,
    first,
    table_of,
)
from pump_roles.review.output.descriptions import RISKS_IN_WORDS
from pump_roles.review.report.action_risks import mark, risk_of

if TYPE_CHECKING:
    from pump_roles.review.account.activity_collector import NothingFoundError
    from pump_roles.review.account.athena import QueryStep, TableQuery
    from pump_roles.review.account.watched_roles import WatchedRoles

_FEW: Final = 4
"""How many actions or addresses of a row, or reasons, are listed."""

_INVITATION: Final = "INVITE"
"""The type of the handshake that makes an account join an organization."""

_YEAR: Final = 31_536_000
_DAY: Final = 86_400


def presentation_of(activity: Activity) -> Presentation:
    """Return the presentation: what could not be read comes first."""
    regions = ", ".join(activity.regions) or "no Region"
    period = f"{activity.since} to {activity.until}"
    events = f"{counted(activity.events, 'event')} of all callers"
    return Presentation(
        "What Pump did",
        activity.version,
        summary=tuple(_summary(activity)),
        about=(
            f"{_accounts_of(activity)}, {period}, {regions}: {events}.",
            *([f"Read from {describe_table(activity.table)}."] if activity.table else []),
        ),
        all_sections=(
            _unknown(activity.unknown),
            _changes(activity),
            _accounts(activity),
            _reads(activity),
            _refused(activity),
            _unused(activity),
            _guardrails(activity),
            _sessions(activity),
            Section("What this does not show", tuple(map(Item, _not_shown(activity)))),
        ),
    )


_NOT_SHOWN: Final = (
    "Calls outside this period and these Regions. The event history goes back 90 days.",
    "Calls of most global services, if us-east-1 was not read.",
    "Calls that are not management events, such as cloudwatch:GetMetricData.",
    "Actions that a call needs in addition, such as those for tags.",
)


_WITHOUT: Final[Mapping[str, str]] = {
    "addendum": "An event that corrects another one counts as a further event.",
    "errormessage": "A call that failed with a message and no error code counts as done.",
    "eventid": "An event that was delivered twice counts twice.",
    "responseelements": "IDs and terms of what was bought, and kinds of handshakes, are missing.",
    "sourceipaddress": "Source addresses are missing.",
    "useridentity": "Accounts that assumed a role, and events without a recipient, are missing.",
}
"""What a column that the table does not have leaves out."""


def _not_shown(activity: Activity) -> Iterator[str]:
    missing = activity.table.missing if activity.table else ()
    for column, names in groupby(missing, key=lambda name: name.partition(".")[0]):
        yield f"The table does not have {', '.join(names)}. {_WITHOUT[column]}"
    yield from _NOT_SHOWN


def describe_table(table: TableRead) -> str:
    """Return how a table was read."""
    period = f"{table.since} to {table.until}" if table.since else "all times"
    condition = f"the condition {table.condition}" if table.condition else "no condition"
    return (
        f"the table {table.table} by query {table.query} in the workgroup {table.workgroup}, for "
        f"{period}, with {condition}"
    )


def describe_step(step: "QueryStep", asked: "TableQuery", options: str) -> str:
    """Return what happened to a query.

    :param options: the options of the AWS CLI for the query's Region.
    """
    if step.state == "all-partitions":
        return (
            f"all partitions of {asked.table} are scanned, which Athena bills; to skip some, pass "
            f"--where with a condition for {step.detail}"
        )
    if step.state == "may-have-started":
        return (
            "whether the query was started is not known; to list queries, run aws athena "
            f"list-query-executions --work-group {asked.workgroup} {options}"
        )
    if step.state == "not-stopped":
        return (
            f"query {step.id} was not stopped: {step.detail}; to stop it, run aws athena "
            f"stop-query-execution --query-execution-id {step.id} {options}"
        )
    if step.state == "not-read":
        return f"the result of query {step.id} was not read"
    if step.state == "stopped":
        return f"query {step.id} was stopped"
    return f"query {step.id} was started in the workgroup {asked.workgroup}"


def _accounts_of(activity: Activity) -> str:
    accounts = [each.account for each in activity.accounts]
    return counted(len(accounts), "account") if accounts[1:] else f"Account {accounts[0]}"


def _summary(activity: Activity) -> Iterator[Sentence]:
    # The roles of one account, or how many of each kind there are.
    for kind, found in groupby(activity.roles, key=lambda role: role.kind):
        roles = [*found]
        if len(activity.accounts) > 1:
            roles = [role for role in roles if role.calls]
            calls = counted(sum(role.calls for role in roles), "call")
            where = counted(len({account_of(role.arn) for role in roles}), "account")
            yield Strong(f"{kind} role"), f", {where}: {calls}"
            continue
        for role in roles:
            name = Strong(f"{kind} role")
            yield name, " ", Code(role.arn), f": {counted(role.calls, 'call')}"


def _accounts(activity: Activity) -> Section:
    table = table_of(
        {
            "account": lambda found: found.account,
            "events of all callers": lambda found: found.events,
            "days with events": lambda found: found.days,
            "last event": lambda found: found.until,
            "calls": lambda found: found.calls,
            "commitments": lambda found: found.commitments,
            "handshakes": lambda found: found.handshakes,
            "refused": lambda found: found.refused,
        },
        activity.accounts,
    )
    parts = (
        ("Of an account that is not listed, nothing was read.", table)
        if len(activity.accounts) > 1
        else ()
    )
    return Section("Accounts", parts)


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
        ("account", *table.heads),
        tuple((account_of(item.role), *row) for item, row in rows),
    )


def _or_nothing(activity: Activity, table: Table, *about: Sentence) -> tuple[Part, ...]:
    if table.rows:
        return (*about, table)
    if any(unknown.why == "condition" for unknown in activity.unknown):
        return ("Not known: the condition of the query may leave out events.",)
    return ("Nothing in what was read.",)


def describe_unread(unknown: ActivityUnknown) -> str:
    """Return what is not known, and why."""
    return f"{unknown.subject}: {_why(unknown)}"


def _why(unknown: ActivityUnknown) -> str:
    events = f"{counted(unknown.events, 'event')}: " if unknown.events else ""
    detail = f": {unknown.detail}" if unknown.detail else ""
    return f"{events}{_UNKNOWN[unknown.why]}{detail}"


_UNKNOWN: Final[Mapping[ActivityWhy, str]] = {
    "condition": "events may be missing, because the condition is not only for partitions",
    "denied": "the event history cannot be read",
    "expected-role": "the role in the templates cannot be read completely",
    "malformed": "not as CloudTrail writes them",
    "no-calls": "was assumed, but none of its calls is among the events",
    "not-cloudtrail": "is not a file of CloudTrail",
    "not-json": "is not JSON, or is incomplete",
    "not-mapped": "the action is not known",
    "not-read": "cannot be read",
    "too-large": "is too large",
    "too-deep": TOO_DEEP,
    "truncated": ("is incomplete: the end of a gzip file, or the next page of events, is missing"),
}


def nothing_found(
    error: "NothingFoundError", roles: "WatchedRoles", table: TableRead | None = None
) -> str:
    """Return why there is no result."""
    read = f"; read from {describe_table(table)}" if table else ""
    return f"{_why_nothing(error, roles)}{read}"


def _why_nothing(error: "NothingFoundError", roles: "WatchedRoles") -> str:
    if error.unknown:
        found = map(describe_unread, error.unknown)
        return f"the result is unknown: {'; '.join(first(found, _FEW))}"
    if not error.events:
        return "the result is unknown: there are no events"
    names = sorted(name for watched in roles.roles for name in watched.names)
    named = [arn for watched in roles.roles for arn in watched.arns] or names
    return (
        f"the result is unknown: none of {counted(error.events, 'event')} is of "
        f"{' or '.join(first(named, _FEW))}; if a role has another name, pass --expect"
    )


def _unknown(unknown: Sequence[ActivityUnknown]) -> Section:
    table = table_of(
        {
            "file, table, Region, role, or call": lambda found: Code(found.subject),
            "why": _why,
        },
        unknown,
    )
    parts = (
        ("Until this is known, the rest of the result may be incomplete.", table) if unknown else ()
    )
    return Section("What is not known", parts, attention=True)


def _changes(activity: Activity) -> Section:
    changes = activity.changes
    table = table_of(
        {
            "time": lambda change: change.time,
            "action": lambda change: Code(change.action),
            "what": what,
            "outcome": lambda change: change.outcome,
            "return": _returnable,
            "session": lambda change: Code(change.session),
            "Region": lambda change: change.region,
        },
        changes,
    )
    about = (Strong(text, "bad") for text in _about_handshakes(activity))
    return Section(
        "What changed",
        _or_nothing(activity, _by_account(table, changes, activity), *about),
        attention=any(change.is_important for change in changes),
    )


def _returnable(change: WriteCall) -> str:
    if change.returnable_until is None:
        return "not known"
    return change.returnable_until and f"at most until {change.returnable_until}"


def _about_handshakes(activity: Activity) -> Iterator[str]:
    accepted = [change for change in activity.changes if change.accepts_handshake]
    invited = {
        account_of(change.role)
        for change in accepted
        if change.handshake_type.upper() == _INVITATION
    }
    others = {account_of(change.role) for change in accepted} - invited
    if invited:
        one = len(invited) == 1
        accepts = "an invitation: it" if one else "invitations: they"
        yield f"{_named(invited, activity)} accepted {accepts} joined an organization. {_MEMBER}"
    if others:
        one = len(others) == 1
        accepts = (
            "a handshake: if that was an invitation, it"
            if one
            else "handshakes: if those were invitations, they"
        )
        yield f"{_named(others, activity)} accepted {accepts} joined an organization. {_MEMBER}"


_MEMBER: Final = (
    "The organization's management account can act in its accounts without Pump's roles, and no "
    'guardrail limits it: see "If the account joins Pump\'s organization" in '
    "docs/security-model.md."
)


def _named(accounts: AbstractSet[str], activity: Activity) -> str:
    if len(activity.accounts) == 1:
        return "The account"
    several = "" if len(accounts) == 1 else "s"
    return f"Account{several} {', '.join(first(sorted(accounts), _FEW))}"


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
        f"${change.hourly} an hour" if change.hourly else "",
        f"${change.upfront} upfront" if change.upfront else "",
        change.item,
        "" if change.item else change.offering,
    )
    return ", ".join(filter(None, parts))


def _term(seconds: int | None) -> str:
    if not seconds:
        return ""
    years, rest = divmod(seconds, _YEAR)
    return counted(seconds // _DAY, "day") if rest else counted(years, "year")


def _of(action: str) -> Action:
    return shipped().actions[action.lower()]


def _reads(activity: Activity) -> Section:
    rows: list[tuple[Sentence, ...]] = []
    reads = (use for use in activity.used if use.calls and _of(use.action).only_reads)
    for service, uses in groupby(reads, key=lambda use: _of(use.action).service):
        of_service = [*uses]
        rows.append((Code(service), sum(use.calls for use in of_service), ""))
        rows += [
            (Code(use.action), use.calls, use.last)
            for use in of_service
            if mark("data", use.action)
        ]
    table = Table(("service, or read that returns data", "calls", "last"), tuple(rows))
    return Section("What it read", _or_nothing(activity, table))


def _refused(activity: Activity) -> Section:
    table = table_of(
        {
            "time": lambda call: call.time,
            "action": lambda call: Code(call.action),
            "error": lambda call: call.outcome,
            "session": lambda call: Code(call.session),
            "Region": lambda call: call.region,
        },
        activity.refused,
    )
    refused = _by_account(table, activity.refused, activity)
    return Section("What was refused", _or_nothing(activity, refused))


def describe_risk(action: str) -> str:
    """Return what an action can do at worst."""
    known = shipped().actions.get(action.lower())
    return RISKS_IN_WORDS[risk_of(action, only_reads=known is not None and known.only_reads)]


def _unused(activity: Activity) -> Section:
    by_risk: dict[str, list[str]] = {risk: [] for risk in RISKS_IN_WORDS.values()}
    for action in activity.unused:
        by_risk[describe_risk(action)].append(action)
    rows = [(risk, len(names), Names(names, _FEW)) for risk, names in by_risk.items() if names]
    refused = Counter[str]()
    for use in activity.used:
        refused[use.action] += use.refused
    tried = refused.keys() - {use.action for use in activity.used if use.calls}
    each = [f"{action} (refused {counted(refused[action], 'time')})" for action in sorted(tried)]
    never_called = (
        f"Of {counted(activity.allowed, 'known action')} that the roles allow, as published or as "
        f"expected, {len(activity.unused):,} {'is' if activity.allowed == 1 else 'are'} in no "
        "event."
    )
    return Section(
        "What it never used",
        (
            never_called,
            *([f"Only refused: {', '.join(first(each, _FEW))}."] if each else []),
            Table(("kind", "unused", "which"), tuple(rows)),
        ),
    )


def _guardrails(activity: Activity) -> Section:
    costs: Mapping[Cost, str] = {
        "nothing": "would have denied none",
        "unknown": "not known",
        "some": "would have denied calls",
    }
    table = table_of(
        {
            "guardrail": lambda found: Code(found.name),
            "role": lambda found: found.kind,
            "would deny": lambda found: found.would_deny,
            "may deny": lambda found: found.might_deny,
            "in this period": lambda found: costs[found.cost],
        },
        activity.guardrails,
    )
    calls = (
        "Calls that succeeded, and those that were refused; not those that failed for another "
        "reason."
    )
    may_deny = "May deny: a condition, a resource, or tags decide, or the action is not known."
    return Section("What guardrails would have denied", (calls, may_deny, table))


def _sessions(activity: Activity) -> Section:
    table = table_of(
        {
            "session": lambda session: Code(session.name),
            "role": lambda session: Code(session.role.rpartition("/")[2]),
            "from account": lambda session: ", ".join(session.callers),
            "addresses": lambda session: Names(session.addresses, _FEW),
            "first": lambda session: session.first,
            "last": lambda session: session.last,
            "calls": lambda session: session.calls,
        },
        activity.sessions,
    )
    return Section("Sessions", (_by_account(table, activity.sessions, activity),))
