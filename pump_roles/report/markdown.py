"""The permission report as Markdown, to read in a repository or a terminal."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pump_roles.report.decisions import PolicyReport
from pump_roles.report.model import ActionReport, Finding, Report, RoleReport
from pump_roles.templates import Other

__all__ = ["as_markdown"]

_FEW: Final = 3
_CAUSES: Final = {
    "role": "The role changed: its policies, its trust or its boundary",
    "AWS": "AWS changed what a wildcard matches",
}


def as_markdown(report: Report) -> str:
    """Return the report as Markdown.

    :param report: the report.
    """
    return "\n".join(_lines(report)).rstrip("\n") + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield "# What Pump's roles may do"
    yield ""
    yield (
        f"Actions as of {report.date}, from the catalog {report.catalog}. Made by pump-roles "
        f"{report.version}."
    )
    yield ""
    alarms = [finding for finding in report.findings if finding.is_alarm]
    if alarms:
        yield "## Look at this first"
        yield ""
        yield from _findings(alarms)
    yield from _summary(report.roles)
    yield "## What matters most"
    yield ""
    yield from _findings(finding for finding in report.findings if not finding.is_alarm)
    yield from _others(report.others)
    yield from _changes(report)
    for role in report.roles:
        yield f"## {role.title}: policies"
        yield ""
        for policy in role.policies:
            yield from _policy(policy)
    yield "## Actions"
    yield ""
    yield (
        f"Every action of the catalog of {report.date} that a role has. Actions that AWS has added "
        "since are also granted if a wildcard matches them, and are not listed here."
    )
    yield ""
    if not report.exact:
        yield "**The list is not complete: the numbers of these roles are not exact.**"
        yield ""
    yield from _actions(report.roles, report.actions)


def _findings(findings: Iterable[Finding]) -> Iterator[str]:
    for finding in findings:
        yield f"**{_text(finding.title)}.** {_text(finding.text)}"
        if finding.actions:
            yield f"<br>{', '.join(map(_code, finding.actions))}"
        yield ""


def _summary(roles: Sequence[RoleReport]) -> Iterator[str]:
    rows: dict[str, list[str]] = {
        "name": [_code(role.name) for role in roles],
        "as published": ["yes" if role.as_published else "**no**" for role in roles],
        "may be assumed by": [_text(", ".join(role.principals) or "nobody") for role in roles],
        "external ID": [_external_id(role) for role in roles],
        "patterns": [role.counted(role.patterns) for role in roles],
        "actions": [role.counted(role.actions) for role in roles],
        "taken away": [role.counted(role.denied) for role in roles],
        "limited by a condition or a resource": [role.counted(role.limited) for role in roles],
        "effective actions": [role.counted(role.effective) for role in roles],
        "not List or Read": [role.counted(role.writes) for role in roles],
        "permissions boundary, not counted": [
            _code(role.boundary) if role.boundary else "none" for role in roles
        ],
        "effective by access level": [
            ", ".join(f"{level} {role.counted(left)}" for level, (_, left) in role.levels.items())
            for role in roles
        ],
        "read from": [_source(role) for role in roles],
    }
    yield from _table(
        ["", *(role.title for role in roles)], ([name, *cells] for name, cells in rows.items())
    )


def _external_id(role: RoleReport) -> str:
    if not role.external_id:
        return "**not required**"
    return f"required, one of {role.external_ids}" if role.external_ids > 1 else "required"


def _source(role: RoleReport) -> str:
    if not role.sha256:
        return "what Pump publishes"
    return f"{_code(role.source)}, SHA-256 {_code(role.sha256)}"


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


def _changes(report: Report) -> Iterator[str]:
    yield f"## Changes since the catalog of {report.since}"
    yield ""
    if not report.changes:
        yield f"No changes since the catalog of {report.since}."
        yield ""
        return
    for cause, title in _CAUSES.items():
        changes = [change for change in report.changes if change.cause == cause]
        yield f"**{title}: {len(changes)}.**"
        yield ""
        for change in changes:
            yield f"- {change.effect}, {change.role}: {_text(change.what)}"
        if changes:
            yield ""


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
                pattern.count,
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
        return "-" if role.exact else "unknown"
    grant = action.roles[role.kind]
    by = f" by {', '.join(map(_text, grant.denied_by))}" if grant.denied_by else ""
    return f"{grant.decision}{by}"


def _resources(action: ActionReport) -> str:
    if not action.resources:
        return "`*`"
    if len(action.resources) > _FEW:
        return f"{len(action.resources)} types"
    return ", ".join(action.resources)


def _table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _text(value: str) -> str:
    # A template can contain anything.
    escaped = re.sub(r"([\\`*_\[\]|])", r"\\\1", " ".join(value.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _code(value: str) -> str:
    plain = " ".join(value.split()).replace("|", "\\|")
    return f"`{plain}`" if plain and "`" not in plain else _text(value)
