"""What the sets of guardrails would leave of the published roles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pump_roles.guardrails import Guardrail, applying, as_policies, documents
from pump_roles.iam.catalog import shipped
from pump_roles.iam.decisions import DENIED, PolicyEvaluator, decision_of
from pump_roles.published import ROLES
from pump_roles.report.model import Report, counts


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a guardrail would leave of the published roles.

    :param name: the guardrail's name.
    :param costs: what Pump cannot do with it.
    :param counts: for each role's kind, the :func:`counts` of its actions.
    """

    name: str
    costs: str
    counts: Mapping[str, Mapping[str, int]]


def left_by_sets(report: Report) -> Sequence[Left]:
    """Return what ``recommended`` and ``needed-only`` would leave.

    :param report: a report on the published roles.
        Nothing is returned if one of its roles is not exactly what Pump publishes.
    """
    if any(role.guardrails or not (role.as_published and role.exact) for role in report.roles):
        return ()
    return [
        _left(guardrail, report) for guardrail in (Guardrail.RECOMMENDED, Guardrail.NEEDED_ONLY)
    ]


def _left(guardrail: Guardrail, report: Report) -> Left:
    left = {}
    for kind in (role.kind for role in report.roles):
        denies = documents(applying([guardrail], kind, ROLES), ROLES[kind])
        denied = PolicyEvaluator(as_policies(denies), shipped()).by_action("Deny")
        left[kind] = counts(
            [
                action
                for action in report.actions
                if action.is_effective(kind)
                and not any(decision_of(deny) == DENIED for _, deny in denied.get(action.name, ()))
            ]
        )
    return Left(name=guardrail.name, costs=guardrail.costs, counts=left)
