"""The permission report as Markdown: the whole, and a summary for a ticket."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pump_roles.report.decisions import GuardrailReport, PolicyReport
from pump_roles.report.escape import code as _code
from pump_roles.report.escape import cut as _cut
from pump_roles.report.escape import table as _table
from pump_roles.report.escape import text as _text
from pump_roles.report.model import ActionReport, Change, Finding, Report, RoleReport
from pump_roles.report.statements import Answer, Statement
from pump_roles.report.wording import (
    ANSWERS,
    CAUSES,
    NUMBERS,
    TITLE,
    added,
    answered,
    compared,
    difference,
    gained,
    global_services,
    ledger,
    plural,
    trusted,
)
from pump_roles.templates import Other

__all__ = ["SUMMARY_LIMIT", "as_markdown", "as_summary"]

SUMMARY_LIMIT: Final = 60_000
"""The maximum length of a summary, in characters. GitHub allows 65,536 in a comment."""

_FEW: Final = 3
_LISTED: Final = 8

_FEW_LINES: Final = 20
_MANY_LINES: Final = 40
_SHORT: Final = 200
_LONG: Final = 400
"""The maximum numbers of lines in a section, and of characters in a text from a template."""


def as_markdown(report: Report) -> str:
    """Return the whole report as Markdown, for a repository or a terminal.

    :param report: the report.
    """
    return "\n".join(_whole(report)).rstrip("\n") + "\n"


def as_summary(report: Report) -> str:
    """Return a summary as Markdown, for a ticket or a pull request: at most 60,000 characters.

    It contains what was read, who may assume the roles, the statements in plain words, the counts,
    the alarms, the changes, and lines to accept or reject. A list that is too long is cut, and says
    how much is missing.

    :param report: the report.
    """
    sections = (
        (_head(report), _FEW_LINES),
        (_alarms(report, longest=_LONG), _FEW_LINES),
        (_statements(report, full=False), _MANY_LINES),
        (_changes(report, full=False), _MANY_LINES),
        (_numbers(report, longest=_SHORT), _MANY_LINES),
        (_ledger(report), _MANY_LINES),
        (_places(report, longest=_LONG), _FEW_LINES),
    )
    lines = [line for section, most in sections for line in _fitted(list(section), most)]
    return "\n".join((*lines, *_accept_or_reject(report))).rstrip("\n") + "\n"


def _fitted(lines: Sequence[str], most: int) -> Iterator[str]:
    # Each section has its own limit, so that none can crowd out another.
    yield from lines[:most]
    left = sum(bool(line) for line in lines[most:])
    if left:
        yield f"**Cut here: the whole report has {left} more lines.**"
        yield ""


def _whole(report: Report) -> Iterator[str]:
    yield from _head(report)
    yield from _alarms(report)
    yield from _statements(report, full=True)
    yield from _changes(report, full=True)
    yield from _numbers(report)
    yield from _ledger(report)
    yield from _places(report)
    yield "## What matters most"
    yield ""
    yield from _findings(finding for finding in report.findings if not finding.is_alarm)
    yield from _others(report.others)
    for role in report.roles:
        yield f"## {role.heading}: policies"
        yield ""
        for policy in role.policies:
            yield from _policy(policy)
    yield "## Actions"
    yield ""
    yield (
        f"Every action of the catalog of {report.date} that a role has. Actions that AWS has added "
        "since are also granted if a wildcard matches them, but are not listed here."
    )
    yield ""
    if not report.exact:
        yield "**The list is not complete: the numbers of these roles are not exact.**"
        yield ""
    yield from _actions(report.roles, report.actions)


def _head(report: Report) -> Iterator[str]:
    yield f"# {TITLE}"
    yield ""
    yield (
        f"Actions as of {report.date}, from the catalog {report.catalog}. Made by pump-roles "
        f"{report.version}."
    )
    yield ""
    alarms = plural(report.alarms, "alarm") if report.alarms else "No alarms"
    since = difference(report) or "Not compared with an earlier report"
    yield f"**{alarms}. {_text(since)}.**"
    yield ""


def _alarms(report: Report, *, longest: int | None = None) -> Iterator[str]:
    alarms = [finding for finding in report.findings if finding.is_alarm]
    if alarms:
        yield "## Look at this first"
        yield ""
        yield from _findings(alarms, longest=longest)


def _findings(findings: Iterable[Finding], *, longest: int | None = None) -> Iterator[str]:
    for finding in findings:
        yield f"**{_text(finding.title)}.** {_text(_cut(finding.text, longest))}"
        if finding.actions:
            yield f"<br>{', '.join(map(_code, finding.actions))}"
        yield ""


def _statements(report: Report, *, full: bool) -> Iterator[str]:
    yield "## In plain words"
    yield ""
    yield from _table(
        ["", *(role.heading for role in report.roles)],
        (
            [
                _statement(statement),
                *(_answer(statement.roles[role.kind], role, full=full) for role in report.roles),
            ]
            for statement in report.statements
        ),
    )
    if full:
        yield (
            "Each answer is what the policies decide about these actions, whether or not the "
            "catalog has them:"
        )
        yield ""
        for statement in report.statements:
            answers = statement.roles.values()
            names = dict.fromkeys(name for answer in answers for name in answer.named)
            yield f"- {_text(statement.title)}: {', '.join(map(_code, names))}"
        yield ""


def _statement(statement: Statement) -> str:
    note = f"<br>{_text(statement.note)}" if statement.note else ""
    return f"{_text(statement.title)}{note}"


def _answer(answer: Answer, role: RoleReport, *, full: bool) -> str:
    about = answered(answer, role)
    shown = f"**{ANSWERS[answer.answer]}**: {_text(about if full else _cut(about, _SHORT))}"
    if answer.left and (full or len(answer.left) <= _FEW):
        return f"{shown}<br>{', '.join(map(_code, answer.left))}"
    return shown


def _numbers(report: Report, *, longest: int | None = None) -> Iterator[str]:
    roles = report.roles

    def code(text: str) -> str:
        return _code(_cut(text, longest))

    rows: dict[str, list[str]] = {
        "name": [code(role.name) for role in roles],
        "as published": ["yes" if role.as_published else "**no**" for role in roles],
        "can be assumed by": [
            _text(_cut(", ".join(role.principals), longest) or "nobody") for role in roles
        ],
        "external ID": [
            trusted(role) if role.external_id else f"**{trusted(role)}**" for role in roles
        ],
        "permissions boundary, not counted": [
            code(role.boundary) if role.boundary else "none" for role in roles
        ],
        "expires": [
            f"all actions denied from {role.ends.removeprefix('until ')}" if role.ends else "never"
            for role in roles
        ],
        **{
            what: [role.counted(getattr(role, member)) for role in roles]
            for member, what in NUMBERS.items()
        },
        "effective by access level": [
            ", ".join(f"{level} {role.counted(left)}" for level, (_, left) in role.levels.items())
            for role in roles
        ],
        "read from": [_read_from(role, longest) for role in roles],
    }
    yield "## In numbers"
    yield ""
    yield from _table(
        ["", *(role.heading for role in roles)],
        ([name, *cells] for name, cells in rows.items()),
    )
    if more := added(report):
        yield f"{more} actions that the other role does not have."
        yield ""


def _read_from(role: RoleReport, longest: int | None) -> str:
    files = role.files if longest is None else role.files[:_LISTED]
    found = [f"{_code(_cut(file, longest))}, SHA-256 {_code(sha256)}" for file, sha256 in files]
    if more := len(role.files) - len(files):
        found.append(f"and {plural(more, 'other file')}")
    return "<br>".join(found) or "what Pump publishes"


def _ledger(report: Report) -> Iterator[str]:
    yield "## What the guardrails take away"
    yield ""
    found = ledger(report)
    if not found:
        yield "No guardrails: everything that the policies allow stays allowed."
        yield ""
        return
    yield from _table(
        ["guardrail", "takes away", "leaves", "costs Pump's service"],
        (_guardrail(name, value, by_role) for (name, value), by_role in found.items()),
    )


def _guardrail(name: str, value: str, by_role: Mapping[str, GuardrailReport]) -> list[str]:
    about = next(iter(by_role.values()))
    taken = [
        f"{kind}: {plural(len(names), 'action')} {how}"
        for kind, found in by_role.items()
        for names, how in ((found.denied, "denied"), (found.limited, "limited"))
        if names
    ]
    taken += [
        f"{kind}: every action, from then on" for kind, found in by_role.items() if found.ends
    ]
    return [
        f"{_code(name)}{f': {_text(_cut(value, _LONG))}' if value else ''}",
        "<br>".join((_text(about.removes), *taken)),
        _text(about.leaves),
        _text(about.costs),
    ]


def _places(report: Report, *, longest: int | None = None) -> Iterator[str]:
    yield "## Where the roles act"
    yield ""
    for place in report.places:
        yield f"- {place.kind}: {_text(_cut(place.text, longest))}"
    yield f"- {_text(global_services(report))}"
    yield ""


def _changes(report: Report, *, full: bool) -> Iterator[str]:
    yield "## Changes"
    yield ""
    yield _text(compared(report))
    yield ""
    if report.since is not None:
        for cause, title in CAUSES.items():
            changes = [change for change in report.changes if change.cause == cause]
            yield f"**{title}: {len(changes)}.**"
            yield ""
            for change in changes:
                yield _change(change, full=full)
            if changes:
                yield ""
    yield gained(report)
    yield ""
    for pattern, names in report.gained.items():
        yield f"- {_code(pattern)}: {', '.join(map(_code, names))}"
    if report.gained:
        yield ""


def _change(change: Change, *, full: bool) -> str:
    shown = change.actions if full else change.actions[:_LISTED]
    listed = f": {', '.join(map(_code, shown))}" if shown else ""
    more = len(change.actions) - len(shown)
    rest = f" and {more} more" if more else ""
    what = _text(change.what if full else _cut(change.what, _LONG))
    return f"- {change.effect}, {change.role or 'all roles'}: {what}{listed}{rest}"


def _accept_or_reject(report: Report) -> Iterator[str]:
    yield "## Decision"
    yield ""
    for role in report.roles:
        digests = ", ".join(_code(sha256) for _, sha256 in role.files[:_LISTED])
        if len(role.files) > _LISTED:
            digests += " and the others in the table"
        digest = f" (SHA-256 {digests})" if digests else ""
        yield f"- [ ] Accept the {role.kind} role{digest}"
    yield "- [ ] Reject, because: "
    yield ""


def _others(others: Iterable[Other]) -> Iterator[str]:
    rows = [
        [
            _code(other.name),
            _code(other.type),
            _code(other.source),
            _text(", ".join(other.principals)) or "nobody named",
            _text(other.grants) or "nothing by itself",
            f"**{_text(other.alarm)}**" if other.alarm else "",
        ]
        for other in others
    ]
    if rows:
        yield "## Other access in these templates"
        yield ""
        yield "Not counted in the numbers of Pump's roles."
        yield ""
        heads = ["name", "type", "file", "who may use it", "what it grants", "alarm"]
        yield from _table(heads, rows)


def _policy(policy: PolicyReport) -> Iterator[str]:
    states = {
        "published": "As published" if policy.unmodified else "**Not as published**",
        "guardrail": "A guardrail" if policy.unmodified else "**Not a guardrail**",
        "other": "**Neither published nor a guardrail**",
    }
    yield f"### {_text(policy.name)}"
    yield ""
    yield f"{states[policy.kind]}."
    yield ""
    yield from _table(
        ["effect", "pattern", "actions", "scope", "reason"],
        (
            [
                _text(pattern.effect),
                _code(pattern.pattern),
                "every action" if pattern.pattern == "*" else pattern.count,
                _text(pattern.scope),
                _text(pattern.reason),
            ]
            for pattern in policy.patterns
        ),
    )


def _actions(roles: Sequence[RoleReport], actions: Iterable[ActionReport]) -> Iterator[str]:
    yield from _table(
        ["action", "access level", *(role.kind for role in roles), "resources", "note"],
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
        return "-" if role.readable else "unknown"
    grant = action.roles[role.kind]
    by = f" by {', '.join(map(_text, grant.denied_by))}" if grant.denied_by else ""
    return f"{grant.decision}{by}"


def _resources(action: ActionReport) -> str:
    if not action.resources:
        return "`*`"
    if len(action.resources) > _FEW:
        return f"{len(action.resources)} types"
    return ", ".join(action.resources)
