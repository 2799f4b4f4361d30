"""The permission report as CSV."""

from collections.abc import Iterator, Mapping
from typing import Final

from pump_roles.iam.decisions import ALLOWED, DENIED, NOT_GRANTED
from pump_roles.output.pieces import csv_table
from pump_roles.output.words import scope_in_words
from pump_roles.report.model import ActionReport, Report, RoleReport
from pump_roles.report.statements import LIMITED, UNKNOWN

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


def _rows(report: Report) -> Iterator[Iterator[str]]:
    actions = {action.name: action for action in report.actions}
    decisions = {role.kind: _statement_decisions(report, role) for role in report.roles}
    titles = _titles(report)
    for name in sorted(actions.keys() | titles.keys()):
        for role in report.roles:
            action = actions.get(name)
            if action is not None and role.kind in action.roles:
                yield _granted(action, role, titles.get(name, ""))
            elif name in titles:
                decision = decisions[role.kind][name]
                yield _not_listed(name, action, role, decision, titles[name])


def _titles(report: Report) -> Mapping[str, str]:
    found: dict[str, list[str]] = {}
    for statement in report.statements:
        for answer in statement.roles.values():
            for name in answer.named:
                titles = found.setdefault(name, [])
                if statement.title not in titles:
                    titles.append(statement.title)
    return {name: "; ".join(titles) for name, titles in found.items()}


def _statement_decisions(report: Report, role: RoleReport) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for statement in report.statements:
        answer = statement.roles[role.kind]
        for decision, names in (
            (ALLOWED, answer.allowed),
            (LIMITED, answer.limited),
            (DENIED, answer.denied),
            (NOT_GRANTED if role.readable else UNKNOWN, answer.not_granted),
        ):
            found |= dict.fromkeys(names, decision)
    return found


def _granted(action: ActionReport, role: RoleReport, titles: str) -> Iterator[str]:
    grant = action.roles[role.kind]
    yield from _first(action.name, role, grant.decision)
    yield from (action.risk, titles, action.reason, *_catalogued(action))
    # Patterns, such as "all but" others, and scopes can contain commas.
    yield "; ".join(policy for policy, _ in grant.granted_by)
    yield "; ".join(pattern for _, pattern in grant.granted_by)
    yield "; ".join(map(scope_in_words, grant.allowed_on))
    yield ", ".join(grant.denied_by)
    yield "; ".join(map(scope_in_words, grant.limits))
    yield from (action.data, action.spends, action.legacy, "yes" if action.new else "")
    yield action.description


def _not_listed(
    name: str, action: ActionReport | None, role: RoleReport, decision: str, titles: str
) -> Iterator[str]:
    # No risk and no reason: those are for what a role has.
    yield from _first(name, role, decision)
    yield from ("", titles, "", *(("", "", "") if action is None else _catalogued(action)))
    yield from ("",) * 9
    yield "" if action is None else action.description


def _first(name: str, role: RoleReport, decision: str) -> Iterator[str]:
    yield from (name, name.partition(":")[0], role.kind)
    yield from (_yes(role.as_published), _yes(role.exact), decision)


def _catalogued(action: ActionReport) -> Iterator[str]:
    yield ", ".join(action.levels)
    yield ", ".join(action.resources) or "*"
    yield ", ".join(action.conditions)


def _yes(value: bool) -> str:  # noqa: FBT001
    return "yes" if value else "no"
