"""What the sets of guardrails would leave of the published roles."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache

from pump_roles.guardrails import Guardrail, applying
from pump_roles.iam.catalog import shipped
from pump_roles.iam.decisions import DENIED, Decision, PolicyEvaluator, decision_of
from pump_roles.published import ROLES
from pump_roles.review.report.report_model import Report, counts
from pump_roles.review.report.statements import LIMITED, NO, YES, Answer, Statement, YesOrNo
from pump_roles.role import published_role


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a guardrail would leave of the published roles."""

    name: str
    costs: str
    counts: Mapping[str, Mapping[str, int]]
    answers: Mapping[str, Mapping[str, Sequence[Statement]]]


def left_by_sets(report: Report) -> Sequence[Left]:
    """Return what ``recommended`` and ``needed-only`` would leave."""
    if any(role.guardrails or not (role.as_published and role.exact) for role in report.roles):
        return ()
    return [
        _left(guardrail, report) for guardrail in (Guardrail.RECOMMENDED, Guardrail.NEEDED_ONLY)
    ]


def _left(guardrail: Guardrail, report: Report) -> Left:
    left: dict[str, Mapping[str, int]] = {}
    answers: dict[str, Mapping[str, Sequence[Statement]]] = {}
    serious = {answer for worst in report.worst for answer in worst.answers if not worst.only_reads}
    for kind in (role.kind for role in report.roles):
        denied = _denied(guardrail, kind)
        left[kind] = counts(
            [
                action
                for action in report.actions
                if action.is_effective(kind) and DENIED not in denied.get(action.name, ())
            ]
        )
        found: dict[YesOrNo, list[Statement]] = {}
        for statement in report.statements:
            answer = _answer(statement.roles[kind], denied)
            is_serious = answer == YES and statement.id in serious
            if is_serious or answer != statement.roles[kind].answer:
                found.setdefault(answer, []).append(statement)
        answers[kind] = {answer: found[answer] for answer in (NO, LIMITED, YES) if answer in found}
    return Left(name=guardrail.name, costs=guardrail.costs, counts=left, answers=answers)


@cache
def _denied(guardrail: Guardrail, kind: str) -> Mapping[str, AbstractSet[Decision]]:
    # Once, although the page and the Markdown that it carries both say it.
    role = published_role(kind, applying([guardrail], kind, ROLES))
    return {
        name: {decision_of(deny.scope) for _, deny in denies}
        for name, (_, denies) in PolicyEvaluator(role.policies, shipped()).decided.items()
        if denies
    }


def _answer(answer: Answer, denied: Mapping[str, AbstractSet[Decision]]) -> YesOrNo:
    if any(name not in denied for name in answer.allowed):
        return YES
    return LIMITED if any(DENIED not in denied.get(name, ()) for name in answer.left) else NO
