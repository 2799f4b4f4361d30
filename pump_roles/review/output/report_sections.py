"""The permission report as a document, for a ticket or with every action; its rows for CSV."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pump_roles.iam.decisions import ALLOWED, DENIED, NOT_GRANTED
from pump_roles.review.output import report_words as wording
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
from pump_roles.review.output.texts import TEXTS, say
from pump_roles.review.output.words import (
    access_in_words,
    boundary_in_words,
    grants_in_words,
    let_in_by,
    place_in_words,
    scope_in_words,
)
from pump_roles.review.report.policies import GuardrailReport, Pattern, PolicyReport
from pump_roles.review.report.report_model import ActionReport, Change, Report, RoleReport
from pump_roles.review.report.statements import LIMITED, UNKNOWN, Answer, Statement

_FEW: Final = 3
_GAINED: Final = 40


def document_of(report: Report, *, every_action: bool = False) -> Document:
    """Return the document."""
    sections = [
        Section(say("alarms.title"), (*_findings(report, alarms=True),), attention=True),
        _statements(report, whole=every_action),
        _at_worst(report),
        _changes(report),
        _numbers(report),
        _ledger(report),
        _places(report),
        *(_rest(report) if every_action else [_decision(report)]),
    ]
    return Document(
        say("top.title"),
        report.version,
        summary=(
            *(Strong(wording.verdict(role, report)) for role in report.roles),
            Strong(wording.conclusion(report)),
        ),
        about=(say("markdown.date", date=report.date, catalog=report.catalog),),
        sections=tuple(sections),
    )


def _rest(report: Report) -> Iterator[Section]:
    yield Section(say("findings.title"), (*_findings(report, alarms=False),))
    yield _others(report)
    for role in report.roles:
        yield from (_policy(policy, wording.heading(role)) for policy in role.policies)
    incomplete = () if report.exact else (Strong(say("actions.not_complete")),)
    about = say("markdown.actions", date=report.date)
    yield Section(say("actions.title"), (about, *incomplete, _actions(report)))


def _findings(report: Report, *, alarms: bool) -> Iterator[Part]:
    for finding in [found for found in report.findings if found.is_alarm == alarms]:
        title = Strong(f"{wording.finding_title(finding, report)}.")
        yield title, f" {wording.finding_text(finding, report)}"
        if finding.actions:
            yield (Names(finding.actions),)


def _by_role(report: Report, first: str, rows: Iterable[tuple[Text, ...]]) -> Table:
    return Table((first, *map(wording.heading, report.roles)), tuple(rows))


def _statements(report: Report, *, whole: bool) -> Section:
    severities = wording.severities(report)
    rows = (
        (
            ". ".join(filter(None, (statement.title, statement.note))),
            *(
                _answer(
                    statement.roles[role.kind],
                    role,
                    severities[statement.id, role.kind],
                    whole=whole,
                )
                for role in report.roles
            ),
        )
        for statement in report.statements
    )
    legend = f"{'; '.join(wording.LEGEND.values())}."
    behind: Sequence[Part] = ()
    if whole:
        behind = (say("markdown.behind"), *map(_behind, report.statements))
    return Section(say("plain.title"), (_by_role(report, "", rows), legend, *behind))


def _answer(answer: Answer, role: RoleReport, severity: str, *, whole: bool) -> Text:
    symbol = f"{wording.SYMBOLS[severity]} "
    about = f": {wording.answered(answer, role)}"
    is_named = answer.left and (whole or wording.few_named(answer))
    named = (": ", Names(answer.left)) if is_named else ()
    return (symbol, Strong(wording.answer_in_words(answer)), about, *named)


def _behind(statement: Statement) -> Item:
    named = dict.fromkeys(name for found in statement.roles.values() for name in found.named)
    return Item((f"{statement.title}: ", Names([*named])))


def _at_worst(report: Report) -> Section:
    found = ((Strong(f"{what}."), f" {meaning}") for what, meaning in wording.at_worst(report))
    return Section(say("worst.title"), tuple(found))


def _changes(report: Report) -> Section:
    parts: list[Part] = [wording.compared(report)]
    if report.since is not None:
        for cause, title in TEXTS["causes"].items():
            changes = [change for change in report.changes if change.cause == cause]
            parts += [Strong(f"{title}: {len(changes):,}."), *map(_change, changes)]
    parts.append(wording.gained(report))
    parts += [
        Item((Code(pattern), ": ", Names(names, _GAINED)))
        for pattern, names in report.gained.items()
    ]
    return Section(say("changes.title"), tuple(parts))


def _change(change: Change) -> Item:
    what = f"{change.effect}, {wording.change_of_roles(change)}"
    return Item((what, *((": ", Names(change.actions)) if change.actions else ())))


def _numbers(report: Report) -> Section:
    columns = [_numbers_of(role) for role in report.roles]
    for column, role in zip(columns, report.roles, strict=True):
        if any(other.role.may_deny for other in report.roles):
            named = Names([policy.name for policy in role.role.may_deny])
            column[say("markdown.may_deny")] = named if role.role.may_deny else say("roles.none")
    rows = ((name, *(column[name] for column in columns)) for name in columns[0])
    more = wording.added(report)
    return Section(
        say("numbers.title"),
        (_by_role(report, "", rows), *((say("markdown.adds", adds=more),) if more else ())),
    )


def _numbers_of(role: RoleReport) -> dict[str, Text]:
    trusted, requires_id = wording.trusted(role), role.trust.requires_external_id
    published = TEXTS["policies_published"][role.policies_published]
    levels = (
        f"{level} {wording.number_in_words(left, role)}" for level, (_, left) in role.levels.items()
    )
    return {
        say("numbers.name"): Code(role.name) if role.name else say("roles.unnamed"),
        say("markdown.policies"): (
            published if role.policies_published == "yes" else Strong(published)
        ),
        say("markdown.assumed_by"): wording.assumed_by(role),
        say("markdown.external_id"): trusted if requires_id else Strong(trusted),
        say("markdown.boundary"): (
            Code(boundary_in_words(role.boundary)) if role.boundary else say("roles.none")
        ),
        say("markdown.expires"): (
            say("roles.ends", until=role.ends) if role.ends else say("roles.never")
        ),
        **{what: wording.number_of(role, member) for member, what in TEXTS["counted"].items()},
        say("markdown.levels"): ", ".join(levels),
        say("markdown.read_from"): _read_from(role),
    }


def _read_from(role: RoleReport) -> Text:
    if role.account:
        return say("roles.of_account", account=role.account)
    if not role.files:
        return say("markdown.from_pump")
    files, digests = zip(*role.files, strict=True)
    return (Names(files), " (SHA-256 ", Names(digests), ")")


def _ledger(report: Report) -> Section:
    rows = [
        _guardrail(name, value, found) for (name, value), found in wording.ledger(report).items()
    ]
    heads = (*TEXTS["guardrail_heads"].values(),)
    table = Table(heads, tuple(rows)) if rows else say("guardrails.none")
    return Section(say("guardrails.title"), (table,))


def _guardrail(name: str, value: str, by_role: Mapping[str, GuardrailReport]) -> tuple[Text, ...]:
    about = next(iter(by_role.values()))
    taken = [
        f"{kind}: {how}."
        for kind, found in by_role.items()
        for how in (
            say("taken.denied", len(found.denied)) if found.denied else "",
            say("taken.limited", len(found.limited)) if found.limited else "",
            say("markdown.every_action") if found.ends else "",
        )
        if how
    ]
    shown = (Code(name), f": {value}" if value else "")
    return (shown, " ".join((about.removes, *taken)), about.leaves, about.costs)


def _places(report: Report) -> Section:
    places = (Item(f"{place.kind}: {place_in_words(place)}") for place in report.places)
    return Section(say("where.title"), (*places, Item(wording.global_services(report))))


def _decision(report: Report) -> Section:
    items: list[Part] = []
    for role in report.roles:
        digests = Names([sha256 for _, sha256 in role.files])
        of_files = (" (SHA-256 ", digests, ")") if role.files else ()
        items.append(Item((say("markdown.accept", role=role.kind), *of_files), choice=True))
    reject = Item(say("markdown.reject"), choice=True)
    later = (say("later.markdown"), " ", Code(say("later.command")))
    return Section(say("markdown.decision"), (*items, reject, later))


def _others(report: Report) -> Section:
    table = table_of(
        "other",
        report.others,
        principals=lambda other: let_in_by(other) or say("others.nobody"),
        grants=lambda other: grants_in_words(other) or say("others.nothing"),
        alarms=lambda other: Strong(access_in_words(other.alarms)),
    )
    parts = (say("others.not_counted"), table) if report.others else ()
    return Section(say("others.title"), parts)


def _policy(policy: PolicyReport, role: str) -> Section:
    said = wording.capital(f"{wording.state_of(policy)}.")
    table = table_of("pattern_heads", policy.patterns, count=_count, scope=_scope)
    title = say("markdown.policy", role=role, policy=policy.name)
    return Section(title, (said if policy.unmodified else Strong(said), table))


def _count(pattern: Pattern) -> str:
    return (
        say("policies.every_action")
        if pattern.pattern == "*"
        else wording.number_in_words(len(pattern.actions), pattern)
    )


def _scope(pattern: Pattern) -> str:
    return scope_in_words(pattern.scope)


def _actions(report: Report) -> Table:
    heads = TEXTS["action_heads"]
    return Table(
        (
            *(heads["action"], heads["level"], *(role.kind for role in report.roles)),
            *(heads["resources"], heads["note"]),
        ),
        tuple(
            (
                Code(action.name),
                ", ".join(action.levels),
                *(_decided(action, role) for role in report.roles),
                _resources(action),
                " ".join(filter(None, (action.spends, action.data, action.legacy))),
            )
            for action in report.actions
        ),
    )


def _decided(action: ActionReport, role: RoleReport) -> str:
    if role.kind not in action.roles:
        return "-" if role.readable else say("actions.unknown")
    grant = action.roles[role.kind]
    by = f" {say('actions.by')} {', '.join(grant.denied_by)}" if grant.denied_by else ""
    return f"{grant.decision}{by}"


def _resources(action: ActionReport) -> Text:
    if len(action.resources) > _FEW:
        return say("markdown.types", number=len(action.resources))
    return ", ".join(action.resources) or Code("*")


def rows_of(report: Report) -> Table:
    """Return a row for each role and each action that it has, or that a statement is about."""
    heads: Mapping[str, str] = TEXTS["csv_heads"]
    rows = (tuple(row.get(head, "") for head in heads) for row in _rows(report))
    return Table((*heads.values(),), tuple(rows))


def _rows(report: Report) -> Iterator[Mapping[str, Text]]:
    actions = {action.name: action for action in report.actions}
    titles: dict[str, list[str]] = {}
    for statement in report.statements:
        for name in next(iter(statement.roles.values())).named:
            titles.setdefault(name, []).append(statement.title)
    decisions = {role.kind: _decisions(report, role) for role in report.roles}
    for name in sorted(actions.keys() | titles.keys()):
        for role in report.roles:
            row: dict[str, Text] = {
                "action": name,
                "service": name.partition(":")[0],
                "role": role.kind,
                "published": role.as_published,
                "exact": role.exact,
                "decision": decisions[role.kind].get(name, ""),
                "plain": "; ".join(titles.get(name, ())),
                **(_catalogued(actions[name], role) if name in actions else {}),
            }
            if row["decision"]:
                yield row


def _decisions(report: Report, role: RoleReport) -> Mapping[str, str]:
    # On the actions of the statements.
    found: dict[str, str] = {}
    for statement in report.statements:
        answer = statement.roles[role.kind]
        found |= dict.fromkeys(answer.allowed, ALLOWED)
        found |= dict.fromkeys(answer.limited, LIMITED)
        found |= dict.fromkeys(answer.denied, DENIED)
        found |= dict.fromkeys(answer.not_granted, NOT_GRANTED if role.readable else UNKNOWN)
    return found


def _catalogued(action: ActionReport, role: RoleReport) -> Mapping[str, Any]:
    cells = {
        "levels": ", ".join(action.levels),
        "resources": ", ".join(action.resources) or "*",
        "conditions": ", ".join(action.conditions),
        "description": action.description,
    }
    grant = action.roles.get(role.kind)
    # No risk and no reason: those are for what a role has.
    if grant is None:
        return cells
    # Patterns, such as "all but" others, and scopes can contain commas.
    return cells | {
        "decision": grant.decision,
        "risk": action.risk,
        "reason": action.reason,
        "policies": "; ".join(policy for policy, _ in grant.granted_by),
        "patterns": "; ".join(pattern for _, pattern in grant.granted_by),
        "allowed_on": "; ".join(map(scope_in_words, grant.allowed_on)),
        "denied_by": ", ".join(grant.denied_by),
        "limits": "; ".join(map(scope_in_words, grant.limits)),
        "data": action.data,
        "spends": action.spends,
        "legacy": action.legacy,
        "new": action.new or "",
    }
