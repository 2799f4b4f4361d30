"""The permission report as CSV."""

from collections.abc import Iterator, Mapping
from typing import Final

from pump_roles.iam.decisions import ALLOWED, DENIED, NOT_GRANTED
from pump_roles.review.output.pieces import csv_table
from pump_roles.review.output.words import scope_in_words
from pump_roles.review.report.report_model import ActionReport, Report, RoleReport
from pump_roles.review.report.statements import LIMITED, UNKNOWN

_HEADER: Final = (
    *("action", "service", "role", "role as published", "exact", "decision", "risk"),
    *("plain words", "why Pump needs it", "access levels", "resource types", "condition keys"),
    *("granted by policies", "granted by patterns", "allowed only", "denied by", "limited by"),
    *("returns data", "spends money", "legacy", "new", "description"),
)


def as_csv(report: Report) -> str:
    """Return the report as CSV: one row for each action and role.

    The rows are the actions that the role has, including denied ones, and the actions of the
    statements in plain words that it does not have. The decision for the latter is ``not granted``,
    or ``unknown`` if something that cannot be read may grant them. It is ``limited`` for an action
    that is not in the catalog and is denied under a condition or on some resources.

    ``plain words`` has the titles of the statements that the action belongs to. ``granted by
    policies`` and ``granted by patterns`` are in the same order: the first policy has the first
    pattern. ``allowed only`` has the only resources and conditions on which it is allowed, and
    ``limited by`` has what denies it under a condition or on some resources. ``exact`` is ``no`` if
    something that cannot be read may add or remove actions.

    The alarms, the changes, and the other resources in the templates are not actions of these
    roles, so they are not included.
    """
    return csv_table(_HEADER, _rows(report))


def _rows(report: Report) -> Iterator[list[str]]:
    actions = {action.name: action for action in report.actions}
    decisions, titles = _decisions(report), _titles(report)
    for name in sorted(actions.keys() | titles.keys()):
        for role in report.roles:
            cells = {
                "action": name,
                "service": name.partition(":")[0],
                "role": role.kind,
                "role as published": _yes(role.as_published),
                "exact": _yes(role.exact),
                "decision": decisions.get((name, role.kind), ""),
                "plain words": titles.get(name, ""),
                **(_catalogued(actions[name], role) if name in actions else {}),
            }
            if cells["decision"]:
                yield [cells.get(head, "") for head in _HEADER]


def _titles(report: Report) -> Mapping[str, str]:
    found: dict[str, dict[str, None]] = {}
    for statement in report.statements:
        for answer in statement.roles.values():
            for name in answer.named:
                found.setdefault(name, {})[statement.title] = None
    return {name: "; ".join(titles) for name, titles in found.items()}


def _decisions(report: Report) -> Mapping[tuple[str, str], str]:
    # On the actions of the statements, by action and role.
    found: dict[tuple[str, str], str] = {}
    for role in report.roles:
        for statement in report.statements:
            answer = statement.roles[role.kind]
            for decision, names in (
                (ALLOWED, answer.allowed),
                (LIMITED, answer.limited),
                (DENIED, answer.denied),
                (NOT_GRANTED if role.readable else UNKNOWN, answer.not_granted),
            ):
                found |= {(name, role.kind): decision for name in names}
    return found


def _catalogued(action: ActionReport, role: RoleReport) -> Mapping[str, str]:
    cells = {
        "access levels": ", ".join(action.levels),
        "resource types": ", ".join(action.resources) or "*",
        "condition keys": ", ".join(action.conditions),
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
        "why Pump needs it": action.reason,
        "granted by policies": "; ".join(policy for policy, _ in grant.granted_by),
        "granted by patterns": "; ".join(pattern for _, pattern in grant.granted_by),
        "allowed only": "; ".join(map(scope_in_words, grant.allowed_on)),
        "denied by": ", ".join(grant.denied_by),
        "limited by": "; ".join(map(scope_in_words, grant.limits)),
        "returns data": action.data,
        "spends money": action.spends,
        "legacy": action.legacy,
        "new": "yes" if action.new else "",
    }


def _yes(value: bool) -> str:  # noqa: FBT001
    return "yes" if value else "no"
