"""Sentences that the human-readable formats share."""

from collections.abc import Iterable

from pump_roles.report.decisions import GuardrailReport
from pump_roles.report.model import Report, RoleReport
from pump_roles.report.places import GLOBAL_SERVICES
from pump_roles.report.statements import LIMITED, NO, UNKNOWN, YES, Answer

__all__ = [
    "ANSWERS",
    "CAUSES",
    "NUMBERS",
    "TITLE",
    "added",
    "answered",
    "compared",
    "difference",
    "gained",
    "global_services",
    "ledger",
    "names_of_policies",
    "plural",
    "trusted",
]

TITLE = "What Pump's roles may do"

ANSWERS = {YES: "Yes", LIMITED: "Limited", NO: "No", UNKNOWN: "Unknown"}

CAUSES = {
    "role": "The roles changed",
    "AWS": "AWS added or removed actions under a wildcard",
}
"""The causes of changes, with their headings."""

NUMBERS = {
    "money": "can spend money",
    "writes": "write or tag, including those that can spend money",
    "data": "return data",
    "effective": "effective",
    "limited": "of these, limited by a condition or a resource",
    "denied": "denied by a guardrail or another policy",
    "actions": "granted, including denied",
    "patterns": "patterns that grant",
}
"""What each of a role's numbers counts; what matters most comes first."""


def answered(answer: Answer, role: RoleReport) -> str:
    """Return the explanation of an answer.

    :param answer: a role's answer to a statement.
    :param role: the role.
    """
    number = f"of {plural(len(answer.named), 'action')}"
    if answer.allowed:
        limited = f", {len(answer.limited)} limited: {_by(answer.limited, role)}"
        return f"{len(answer.left)} {number}{limited if answer.limited else ''}"
    if answer.answer == UNKNOWN:
        return "not everything can be read"
    if answer.limited:
        return f"{len(answer.limited)} {number}, limited: {_by(answer.limited, role)}"
    return f"denied by {_by(answer.denied, role)}" if answer.denied else f"none {number}"


def _by(actions: Iterable[str], role: RoleReport) -> str:
    guardrails = [
        found.value or found.name
        for found in role.guardrails
        if not set(actions).isdisjoint(found.denied + found.limited)
    ]
    return ", ".join(guardrails) or "a policy that denies them"


def ledger(report: Report) -> dict[tuple[str, str], dict[str, GuardrailReport]]:
    """Return the guardrails by name and value, each with what it does to which role.

    :param report: the report.
    """
    found: dict[tuple[str, str], dict[str, GuardrailReport]] = {}
    for role in report.roles:
        for guardrail in role.guardrails:
            found.setdefault((guardrail.name, guardrail.value), {})[role.kind] = guardrail
    return found


def names_of_policies(report: Report) -> dict[str, str]:
    """Return the guardrails' names by the names of their policies.

    :param report: the report.
    """
    return {found.policy: found.name for role in report.roles for found in role.guardrails}


def plural(count: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 action`` or ``2 actions``.

    :param count: the number.
    :param noun: the noun, in the singular.
    """
    return f"{count} {noun}{'s' if count != 1 else ''}"


def trusted(role: RoleReport) -> str:
    """Return whether a role requires an external ID.

    :param role: the role.
    """
    if not role.external_id:
        return "not required"
    return f"required, one of {role.external_ids}" if role.external_ids > 1 else "required"


def added(report: Report) -> str:
    """Return how many actions the last role adds; empty if the report covers one role.

    :param report: the report.
    """
    if len(report.roles) == 1:
        return ""
    *_, last = report.roles
    return f"{last.kind.capitalize()} adds {last.counted(last.only)}"


def compared(report: Report) -> str:
    """Return which earlier report a report is compared with.

    :param report: the report.
    """
    if report.since is None:
        return "Not compared with an earlier report."
    earlier = report.since
    return (
        f"Compared with {earlier.file}: actions as of {earlier.date}, made by pump-roles "
        f"{earlier.version}, SHA-256 {earlier.sha256}."
    )


def gained(report: Report) -> str:
    """Return how many new actions the published wildcards match since they were last reviewed.

    :param report: the report.
    """
    number = sum(map(len, report.gained.values()))
    return (
        f"Pump's wildcards match {plural(number, 'new action') if number else 'no new actions'} "
        f"since Pump last reviewed them (AWS actions as of {report.reviewed})."
    )


def difference(report: Report) -> str:
    """Return how many changes there are since the earlier report; empty if there is none.

    :param report: the report.
    """
    if report.since is None:
        return ""
    broader = sum(change.may_broaden for change in report.changes)
    number = plural(len(report.changes), "change") if report.changes else "No change"
    effect = f": {broader} can broaden access" if broader else ""
    return f"{number} since {report.since.file}{effect}"


def global_services(report: Report) -> str:
    """Return in which Regions the roles act, and on which global services.

    :param report: the report.
    """
    found = [service for service in report.services if service in GLOBAL_SERVICES]
    listed = f", and on services that have no Region: {', '.join(found)}" if found else ""
    return (
        f"IAM is global: wherever it is deployed, a role acts in every Region of its account"
        f"{listed}."
    )
