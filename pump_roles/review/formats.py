"""The permission report as Markdown, CSV and JSON. The HTML page is in ``page``."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator

from pump_roles.review.report import (
    ALARMS,
    ActionReport,
    Finding,
    PolicyReport,
    Report,
    RoleReport,
)

__all__ = ["as_csv", "as_json", "as_markdown"]


def as_json(report: Report) -> str:
    """The whole model; ``--since`` reads it back."""
    return json.dumps(report.as_dict(), indent=1, ensure_ascii=False) + "\n"


def as_csv(report: Report) -> str:
    """One line for each action and role that has it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            *("action", "role", "role as published", "decision"),
            *("access levels", "resource types", "condition keys"),
            *("granted by", "denied by", "bears data", "spends money", "legacy", "new"),
            "description",
        ]
    )
    as_published = {role.kind: role.as_published for role in report.roles}
    for action in report.actions:
        for kind, grant in action.roles.items():
            cells = [
                action.name,
                kind,
                "yes" if as_published[kind] else "no",
                grant.decision,
                ", ".join(action.levels),
                ", ".join(action.resources) or "*",
                ", ".join(action.conditions),
                ", ".join(f"{pattern} in {policy}" for policy, pattern in grant.granted_by),
                ", ".join(grant.denied_by),
                *(action.data, action.spends, action.legacy, "yes" if action.new else ""),
                action.description,
            ]
            writer.writerow([_no_formula(cell) for cell in cells])
    return text.getvalue()


def as_markdown(report: Report) -> str:
    """The report to read in a repository."""
    return "\n".join(_lines(report)).rstrip("\n") + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield "# What Pump's roles may do"
    yield ""
    yield (
        f"Actions are those of the catalogue of {report.date} ({report.catalogue}); made by "
        f"pump-roles {report.version}."
    )
    yield ""
    alarms = [finding for finding in report.findings if finding.kind in ALARMS]
    if alarms:
        yield "## Look at this first"
        yield ""
        yield from _findings(alarms)
    yield from _summary(report.roles)
    yield "## What matters most"
    yield ""
    yield from _findings(one for one in report.findings if one.kind not in ALARMS)
    yield from _changes(report)
    for role in report.roles:
        yield f"## {role.title}: the policies"
        yield ""
        for policy in role.policies:
            yield from _policy(policy)
    yield "## Every action that the catalogue knows"
    yield ""
    yield (
        f"The catalogue is of {report.date}. Actions that AWS has added since are granted too where"
        " a wildcard matches them, and are not listed here."
    )
    yield ""
    yield from _actions(report.roles, report.actions)


def _findings(findings: Iterable[Finding]) -> Iterator[str]:
    for finding in findings:
        yield f"**{_text(finding.title)}.** {_text(finding.text)}"
        if finding.actions:
            yield f"<br>{', '.join(_code(name) for name in finding.actions)}"
        yield ""


def _one_of(role: RoleReport) -> str:
    return f", one of {role.external_ids}" if role.external_ids > 1 else ""


def _summary(roles: Iterable[RoleReport]) -> Iterator[str]:
    roles = list(roles)
    rows: list[tuple[str, list[str]]] = [
        ("name", [_code(role.name) for role in roles]),
        ("as published", ["yes" if role.as_published else "**no**" for role in roles]),
        ("may be assumed by", [_text(", ".join(role.principals) or "nobody") for role in roles]),
        (
            "external id",
            [
                f"required{_one_of(role)}" if role.external_id else "**not required**"
                for role in roles
            ],
        ),
        ("patterns", [str(role.patterns) for role in roles]),
        ("actions", [str(role.actions) for role in roles]),
        ("taken away", [str(role.denied) for role in roles]),
        ("limited by a condition or a resource", [str(role.limited) for role in roles]),
        ("effective actions", [str(role.effective) for role in roles]),
        ("of them more than List and Read", [str(role.writes) for role in roles]),
        (
            "permissions boundary, not counted",
            [_code(role.boundary) if role.boundary else "none" for role in roles],
        ),
        (
            "effective by access level",
            [
                ", ".join(f"{level} {left}" for level, (_, left) in role.levels.items())
                for role in roles
            ],
        ),
        ("read from", [_source(role) for role in roles]),
    ]
    yield from _table(["", *(role.title for role in roles)], ([name, *row] for name, row in rows))


def _source(role: RoleReport) -> str:
    if not role.sha256:
        return "what Pump publishes"
    return f"{_code(role.source)}, SHA-256 {_code(role.sha256)}"


def _changes(report: Report) -> Iterator[str]:
    yield f"## Changes since the catalogue of {report.since}"
    yield ""
    if not report.changes:
        yield f"No changes since the catalogue of {report.since}."
        yield ""
        return
    causes = {
        "role": "The role changed: its policies, its trust or its boundary",
        "AWS": "AWS changed what a wildcard matches",
    }
    for cause, title in causes.items():
        found = [change for change in report.changes if change.cause == cause]
        yield f"**{title}: {len(found)}.**"
        yield ""
        for change in found:
            yield f"- {change.effect}, {change.role}: {_text(change.what)}"
        if found:
            yield ""


def _policy(policy: PolicyReport) -> Iterator[str]:
    states = {
        "published": "as published" if policy.unmodified else "**not as published**",
        "guardrail": "a guardrail" if policy.unmodified else "**not a guardrail**",
        "other": "**neither published nor a guardrail**",
    }
    yield f"### {_text(policy.name)}"
    yield ""
    yield f"{states[policy.kind].capitalize()}."
    yield ""
    yield from _table(
        ["effect", "pattern", "actions", "scope", "reason"],
        (
            [
                _text(one.effect),
                _code(one.pattern),
                str(len(one.actions)),
                _text(one.scope),
                _text(one.reason),
            ]
            for one in policy.patterns
        ),
    )


def _actions(roles: Iterable[RoleReport], actions: Iterable[ActionReport]) -> Iterator[str]:
    roles = list(roles)
    yield from _table(
        ["action", "access level", *(role.kind for role in roles), "resources", "note"],
        (
            [
                _code(action.name),
                ", ".join(action.levels),
                *(_decision(action, role.kind) for role in roles),
                _resources(action),
                _text(" ".join(filter(None, (action.spends, action.data, action.legacy)))),
            ]
            for action in actions
        ),
    )


def _decision(action: ActionReport, kind: str) -> str:
    if kind not in action.roles:
        return "-"
    grant = action.roles[kind]
    by = f" by {', '.join(map(_text, grant.denied_by))}" if grant.denied_by else ""
    return f"{grant.decision}{by}"


def _resources(action: ActionReport) -> str:
    few = 3
    if not action.resources:
        return "`*`"
    if len(action.resources) <= few:
        return ", ".join(action.resources)
    return f"{len(action.resources)} types"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = list(heads)
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _text(value: str) -> str:
    # A template can hold anything.
    escaped = re.sub(r"([\\`*_\[\]|])", r"\\\1", " ".join(value.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _code(value: str) -> str:
    plain = " ".join(value.split()).replace("|", "\\|")
    return f"`{plain}`" if plain and "`" not in plain else _text(value)


def _no_formula(cell: str) -> str:
    # A spreadsheet would run what begins like this.
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
