"""The permission report as CSV and JSON."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Final

from pump_roles.report.model import ActionReport, Report, RoleReport

__all__ = ["as_csv", "as_json"]

_HEADER: Final = (
    "action",
    "role",
    "role as published",
    "exact",
    "decision",
    "access levels",
    "resource types",
    "condition keys",
    "granted by",
    "denied by",
    "returns data",
    "spends money",
    "legacy",
    "new",
    "description",
)


def as_json(report: Report) -> str:
    """Return the whole report as JSON; ``--since`` reads it back.

    :param report: the report.
    """
    return json.dumps(report.as_dict(), indent=1, ensure_ascii=False) + "\n"


def as_csv(report: Report) -> str:
    """Return the report as CSV: one row for each action and role that has it.

    The findings, the changes and the other access in the templates are not actions of these roles,
    so they are not in it. ``exact`` is ``no`` if the role may have more actions than the rows say.

    :param report: the report.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    roles = {role.kind: role for role in report.roles}
    for action in report.actions:
        for kind in action.roles:
            writer.writerow(map(_no_formula, _cells(action, roles[kind])))
    return text.getvalue()


def _cells(action: ActionReport, role: RoleReport) -> Iterator[str]:
    grant = action.roles[role.kind]
    yield from (action.name, role.kind, _yes(role.as_published), _yes(role.exact), grant.decision)
    yield ", ".join(action.levels)
    yield ", ".join(action.resources) or "*"
    yield ", ".join(action.conditions)
    yield ", ".join(f"{pattern} in {policy}" for policy, pattern in grant.granted_by)
    yield ", ".join(grant.denied_by)
    yield from (action.data, action.spends, action.legacy, "yes" if action.new else "")
    yield action.description


def _yes(value: bool) -> str:  # noqa: FBT001
    return "yes" if value else "no"


def _no_formula(cell: str) -> str:
    # A spreadsheet would run a cell that starts with one of these.
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
