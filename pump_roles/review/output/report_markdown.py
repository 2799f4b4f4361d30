"""The permission report as Markdown: cut to fit a ticket, or with every action."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pump_roles.review.output import report_words as wording
from pump_roles.review.output.pieces import TEXTS, listed, say, spaced
from pump_roles.review.output.pieces import code as _code
from pump_roles.review.output.pieces import table as _table
from pump_roles.review.output.pieces import text as _text
from pump_roles.review.output.words import (
    access_in_words,
    boundary_in_words,
    grants_in_words,
    let_in_by,
    place_in_words,
    scope_in_words,
)
from pump_roles.review.report.policies import GuardrailReport, PolicyReport
from pump_roles.review.report.report_model import ActionReport, Change, Finding, Report, RoleReport
from pump_roles.review.report.statements import Answer, Statement
from pump_roles.review.templates import Other
from pump_roles.text import cut as _cut

_FEW: Final = 3
_LISTED: Final = 8

_MOST_LINES: Final = 40
_LONGEST: Final = 360
"""In a ticket, the maximum numbers of lines in a section, and of characters in a text from a
template.
"""


def as_markdown(report: Report, *, every_action: bool = False) -> str:
    """Return the report as Markdown for a ticket or a pull request: at most 60,000 characters.

    A list that is too long is cut, and says how much is missing.
    """
    longest = None if every_action else _LONGEST
    lines: list[str] = []
    for section in _sections(report, longest):
        lines += section if every_action else _fitted([*section])
    lines += _rest(report) if every_action else _accept_or_reject(report)
    return "\n".join(lines).rstrip("\n") + "\n"


def _fitted(lines: Sequence[str]) -> Iterator[str]:
    # Each section has its own limit, so that none can crowd out another.
    yield from lines[:_MOST_LINES]
    left = sum(map(bool, lines[_MOST_LINES:]))
    if left:
        yield from spaced(f"**{say('markdown.cut', left)}**")


def _sections(report: Report, longest: int | None) -> Iterator[Iterator[str]]:
    yield _head(report)
    yield _alarms(report, longest)
    yield _statements(report, longest)
    yield _at_worst(report)
    yield _changes(report, longest)
    yield _numbers(report, longest)
    yield _ledger(report)
    yield _places(report, longest)


def _rest(report: Report) -> Iterator[str]:
    yield from spaced(f"## {say('findings.title')}")
    others = (finding for finding in report.findings if not finding.is_alarm)
    yield from _findings(report, others, None)
    yield from _others(report.others)
    for role in report.roles:
        yield from spaced(f"## {say('markdown.policies', role=wording.heading(role))}")
        for policy in role.policies:
            yield from _policy(policy)
    yield from spaced(f"## {say('actions.title')}")
    yield from spaced(say("markdown.actions", date=report.date))
    if not report.exact:
        yield from spaced(f"**{say('actions.not_complete')}**")
    yield from _actions(report.roles, report.actions)


def _head(report: Report) -> Iterator[str]:
    yield from spaced(f"# {say('top.title')}")
    yield from spaced(
        say("markdown.date", date=report.date, catalog=report.catalog, version=report.version)
    )
    for role in report.roles:
        yield from spaced(f"**{_text(wording.verdict(role, report))}**")
    yield from spaced(f"**{_text(wording.conclusion(report))}**")


def _alarms(report: Report, longest: int | None) -> Iterator[str]:
    alarms = [finding for finding in report.findings if finding.is_alarm]
    if alarms:
        yield from spaced(f"## {say('alarms.title')}")
        yield from _findings(report, alarms, longest)


def _findings(report: Report, findings: Iterable[Finding], longest: int | None) -> Iterator[str]:
    for finding in findings:
        about = _cut(wording.finding_text(finding, report), longest)
        yield f"**{_text(wording.finding_title(finding, report))}.** {_text(about)}"
        if finding.actions:
            yield f"{', '.join(map(_code, finding.actions))}"
        yield ""


def _statements(report: Report, longest: int | None) -> Iterator[str]:
    severities = wording.severities(report)

    def answer(statement: Statement, role: RoleReport) -> str:
        symbol = wording.SYMBOLS[severities[statement.id, role.kind]]
        return _answer(statement.roles[role.kind], role, symbol, longest)

    yield from spaced(f"## {say('plain.title')}")
    yield from _table(
        ["", *(wording.heading(role) for role in report.roles)],
        (
            [_statement(statement), *(answer(statement, role) for role in report.roles)]
            for statement in report.statements
        ),
    )
    yield from spaced(f"{'; '.join(wording.LEGEND.values())}.")
    if longest is None:
        yield from spaced(say("markdown.behind"))
        for statement in report.statements:
            answers = statement.roles.values()
            names = dict.fromkeys(name for answer in answers for name in answer.named)
            yield f"- {_text(statement.title)}: {', '.join(map(_code, names))}"
        yield ""


def _at_worst(report: Report) -> Iterator[str]:
    if found := wording.at_worst(report):
        yield from spaced(f"## {say('worst.title')}")
        for what, meaning in found:
            yield from spaced(f"**{_text(what)}.** {_text(meaning)}")


def _statement(statement: Statement) -> str:
    note = f". {_text(statement.note)}" if statement.note else ""
    return f"{_text(statement.title)}{note}"


def _answer(answer: Answer, role: RoleReport, symbol: str, longest: int | None) -> str:
    about = _text(_cut(wording.answered(answer, role), longest))
    shown = f"{symbol} **{wording.answer_in_words(answer)}**: {about}"
    if answer.left and (longest is None or wording.few_named(answer)):
        return f"{shown}: {', '.join(map(_code, answer.left))}"
    return shown


def _numbers(report: Report, longest: int | None) -> Iterator[str]:
    columns = [_numbers_of(role, longest) for role in report.roles]
    yield from spaced(f"## {say('numbers.title')}")
    yield from _table(
        ["", *map(wording.heading, report.roles)],
        ([name, *(column[name] for column in columns)] for name in columns[0]),
    )
    if more := wording.added(report):
        yield from spaced(say("markdown.adds", adds=more))


def _numbers_of(role: RoleReport, longest: int | None) -> Mapping[str, str]:
    trusted, boundary = wording.trusted(role), boundary_in_words(role.boundary)
    return {
        say("numbers.name"): _code(_cut(role.name, longest)) or say("roles.unnamed"),
        say("markdown.published"): (
            say("markdown.yes") if role.as_published else f"**{say('markdown.no')}**"
        ),
        say("markdown.assumed_by"): _text(_cut(wording.assumed_by(role), longest)),
        say("markdown.external_id"): trusted
        if role.trust.requires_external_id
        else f"**{trusted}**",
        say("markdown.boundary"): _code(_cut(boundary, longest)) or say("roles.none"),
        say("markdown.expires"): (
            say("roles.ends", until=role.ends) if role.ends else say("roles.never")
        ),
        **{
            what: wording.number_in_words(getattr(role, member), role)
            for member, what in TEXTS["counted"].items()
        },
        say("markdown.levels"): ", ".join(
            f"{level} {wording.number_in_words(left, role)}"
            for level, (_, left) in role.levels.items()
        ),
        say("markdown.read_from"): _read_from(role, longest),
    }


def _read_from(role: RoleReport, longest: int | None) -> str:
    if role.account:
        return say("roles.of_account", account=role.account)
    found = [
        f"{_code(_cut(file, longest))}, SHA-256 {_code(sha256)}" for file, sha256 in role.files
    ]
    most = len(found) if longest is None else _LISTED
    return "; ".join(listed(found, most, say("changes.file"))) or say("markdown.from_pump")


def _ledger(report: Report) -> Iterator[str]:
    yield from spaced(f"## {say('guardrails.title')}")
    found = wording.ledger(report)
    if not found:
        yield from spaced(say("guardrails.none"))
        return
    yield from _table(
        [*TEXTS["guardrail_heads"].values()],
        (_guardrail(name, value, by_role) for (name, value), by_role in found.items()),
    )


def _guardrail(name: str, value: str, by_role: Mapping[str, GuardrailReport]) -> list[str]:
    about = next(iter(by_role.values()))
    taken = [
        f"{kind}: {say(how, len(names))}"
        for kind, found in by_role.items()
        for names, how in (
            (found.denied, "taken.denied"),
            (found.limited, "taken.limited"),
        )
        if names
    ]
    taken += [
        f"{kind}: {say('markdown.every_action')}" for kind, found in by_role.items() if found.ends
    ]
    return [
        f"{_code(name)}{f': {_text(_cut(value, _LONGEST))}' if value else ''}",
        " ".join((_text(about.removes), *(f"{one}." for one in taken))),
        _text(about.leaves),
        _text(about.costs),
    ]


def _places(report: Report, longest: int | None) -> Iterator[str]:
    yield from spaced(f"## {say('where.title')}")
    for place in report.places:
        yield f"- {place.kind}: {_text(_cut(place_in_words(place), longest))}"
    yield from spaced(f"- {_text(wording.global_services(report))}")


def _changes(report: Report, longest: int | None) -> Iterator[str]:
    yield from spaced(f"## {say('changes.title')}", _text(wording.compared(report)))
    if report.since is not None:
        for cause, title in TEXTS["causes"].items():
            changes = [change for change in report.changes if change.cause == cause]
            yield from spaced(f"**{title}: {len(changes):,}.**")
            for change in changes:
                yield _change(change, longest)
            if changes:
                yield ""
    yield from spaced(wording.gained(report))
    for pattern, names in report.gained.items():
        yield f"- {_code(pattern)}: {', '.join(map(_code, names))}"
    if report.gained:
        yield ""


def _change(change: Change, longest: int | None) -> str:
    what = f"- {change.effect}, {_text(_cut(wording.change_of_roles(change), longest))}"
    most = len(change.actions) if longest is None else _LISTED
    names = ", ".join(listed(map(_code, change.actions), most))
    return f"{what}: {names}" if names else what


def _accept_or_reject(report: Report) -> Iterator[str]:
    yield from spaced(f"## {say('markdown.decision')}")
    for role in report.roles:
        digests = ", ".join(_code(sha256) for _, sha256 in role.files[:_LISTED])
        if len(role.files) > _LISTED:
            digests = say("markdown.others", digests=digests)
        digest = f" (SHA-256 {digests})" if digests else ""
        yield f"- [ ] {say('markdown.accept', role=role.kind)}{digest}"
    yield from spaced(
        f"- [ ] {say('markdown.reject')} ",
        f"{say('later.markdown')} {_code(say('later.command'))}",
    )


def _others(others: Iterable[Other]) -> Iterator[str]:
    rows = [
        [
            _code(other.name),
            _code(other.type),
            _code(other.source),
            _text(let_in_by(other)) or say("others.nobody"),
            _text(grants_in_words(other)) or say("others.nothing"),
            f"**{_text(access_in_words(other.alarms))}**" if other.alarms else "",
        ]
        for other in others
    ]
    if rows:
        yield from spaced(f"## {say('others.title')}", say("others.not_counted"))
        yield from _table([*TEXTS["other"].values()], rows)


def _policy(policy: PolicyReport) -> Iterator[str]:
    state = say(f"policy_states.{'' if policy.unmodified else 'changed-'}{policy.kind}")
    shown = f"{state[:1].upper()}{state[1:]}"
    yield from spaced(
        f"### {_text(policy.name)}", f"{shown if policy.unmodified else f'**{shown}**'}."
    )
    yield from _table(
        [*TEXTS["pattern_heads"].values()],
        (
            [
                _text(pattern.effect),
                _code(pattern.pattern),
                say("policies.every_action")
                if pattern.pattern == "*"
                else wording.number_in_words(len(pattern.actions), pattern),
                _text(scope_in_words(pattern.scope)),
                _text(pattern.reason),
            ]
            for pattern in policy.patterns
        ),
    )


def _actions(roles: Sequence[RoleReport], actions: Iterable[ActionReport]) -> Iterator[str]:
    yield from _table(
        [
            *(say("action_heads.action"), say("action_heads.level")),
            *(role.kind for role in roles),
            *(say("action_heads.resources"), say("action_heads.note")),
        ],
        (
            [
                _code(action.name),
                ", ".join(action.levels),
                *(_decision(action, role) for role in roles),
                _resources(action),
                _text(" ".join(filter(None, (action.spends, action.data, action.legacy)))),
            ]
            for action in actions
        ),
    )


def _decision(action: ActionReport, role: RoleReport) -> str:
    if role.kind not in action.roles:
        return "-" if role.readable else say("actions.unknown")
    grant = action.roles[role.kind]
    if not grant.denied_by:
        return grant.decision
    return f"{grant.decision} {say('actions.by')} {', '.join(map(_text, grant.denied_by))}"


def _resources(action: ActionReport) -> str:
    if not action.resources:
        return "`*`"
    if len(action.resources) > _FEW:
        return say("markdown.types", number=len(action.resources))
    return ", ".join(action.resources)
