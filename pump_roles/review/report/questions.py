"""What the roles can do: the answers to a fixed list of questions, each about named actions.

``questions.json`` has the list. The ``source`` of a question names the pages that its note is
from. The policies decide each answer, for each of the actions, whether or not the catalog has it.
So a "no" never means that an action is missing from the catalog. ``worst_cases.json`` says what
some answers mean at worst, and what limits that.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pump_roles.guardrails import Guardrail
from pump_roles.iam.catalog import newer, shipped
from pump_roles.iam.decisions import (
    ALLOWED,
    DENIED,
    NOT_GRANTED,
    Decision,
    PolicyEvaluator,
    decision_of,
)
from pump_roles.iam.identity_policies import Scope
from pump_roles.review.report import (
    LIMITED,
    NO,
    UNKNOWN,
    YES,
    Answer,
    AnswerKind,
    Question,
    Report,
    WorstCase,
    counts,
)
from pump_roles.role.guardrail_policies import policies_on


def questions(roles: Mapping[str, tuple[PolicyEvaluator, bool]]) -> Iterator[Question]:
    """Yield every question, with the answers for roles, and whether the list covers each role."""
    for listed in _questions():
        yield Question(
            id=listed["id"],
            topic=listed["topic"],
            title=listed["title"],
            note=listed["note"],
            roles={
                kind: _answer(listed, evaluator, covered=covered)
                for kind, (evaluator, covered) in roles.items()
            },
        )


def _answer(listed: Mapping[str, Any], evaluator: PolicyEvaluator, *, covered: bool) -> Answer:
    decisions = {action: _decision(evaluator, action) for action in listed["actions"]}

    def with_decision(wanted: str) -> tuple[str, ...]:
        return tuple(action for action, decision in decisions.items() if decision == wanted)

    allowed, denied = with_decision(ALLOWED), with_decision(DENIED)
    not_granted = with_decision(NOT_GRANTED)
    limited = tuple(action for action in decisions if action not in allowed + denied + not_granted)
    answer: AnswerKind
    if allowed:
        answer = YES
    elif not covered:
        answer = UNKNOWN
    else:
        answer = LIMITED if limited else NO
    # What the list does not cover may leave other ways.
    left = allowed + limited if covered else ()
    return Answer(
        answer=answer,
        allowed=allowed,
        limited=limited,
        limits=_limits(evaluator, limited),
        denied=denied,
        not_granted=not_granted,
        only=listed.get("only", {}).get(left[0], "") if len(left) == 1 else "",
    )


def _decision(evaluator: PolicyEvaluator, action: str) -> Decision:
    grant = evaluator.grant(action)
    if grant.limits and all(_is_avoided(limit, action) for limit in grant.limits):
        return ALLOWED
    return grant.decision


def _is_avoided(limit: Scope, action: str) -> bool:
    # Only what is not itself about tags can be done without them.
    return limit.needs_tags and "tag" not in action.lower()


def _limits(evaluator: PolicyEvaluator, actions: Sequence[str]) -> tuple[str, ...]:
    by_action = [
        {
            denied.policy.name
            for denied in evaluator.deciding(action)[1].patterns
            if not _is_avoided(denied.pattern.scope, action)
        }
        for action in actions
    ]
    return tuple(sorted(set.intersection(*by_action))) if by_action else ()


@cache
def _questions() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(
        Path(__file__).with_name("questions.json").read_bytes()
    )
    return listed


def worst_cases(found: Sequence[Question]) -> Iterator[WorstCase]:
    """Yield what can happen at worst, unless the answers are no."""
    possible = {
        question.id: [kind for kind, answer in question.roles.items() if answer.answer != NO]
        for question in found
    }
    kinds = dict.fromkeys(kind for question in found for kind in question.roles)
    for listed in _worst_cases():
        answers = tuple(answer for answer in listed["answers"] if possible.get(answer))
        if answers:
            yield WorstCase(
                id=listed["id"],
                title=listed["title"],
                severity=listed["severity"],
                answers=answers,
                texts=tuple(listed["texts"]),
                limits=tuple(listed["limits"]),
                roles=tuple(
                    kind for kind in kinds if any(kind in possible[answer] for answer in answers)
                ),
            )


@cache
def _worst_cases() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(
        Path(__file__).with_name("worst_cases.json").read_bytes()
    )
    return listed


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a guardrail would leave of the published roles."""

    name: str
    costs: str
    counts: Mapping[str, Mapping[str, int]]
    answers: Mapping[str, Mapping[str, Sequence[Question]]]


def left_by_sets(report: Report) -> Sequence[Left]:
    """Return what ``recommended`` and ``needed-only`` would leave."""
    if any(role.guardrails or not (role.as_published and role.exact) for role in report.roles):
        return ()
    return [
        _left(guardrail, report) for guardrail in (Guardrail.RECOMMENDED, Guardrail.NEEDED_ONLY)
    ]


def _left(guardrail: Guardrail, report: Report) -> Left:
    left: dict[str, Mapping[str, int]] = {}
    answers: dict[str, Mapping[str, Sequence[Question]]] = {}
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
        found: dict[AnswerKind, list[Question]] = {}
        for question in report.statements:
            answer = _answer_with(question.roles[kind], denied)
            is_serious = answer == YES and question.id in serious
            if is_serious or answer != question.roles[kind].answer:
                found.setdefault(answer, []).append(question)
        answers[kind] = {answer: found[answer] for answer in (NO, LIMITED, YES) if answer in found}
    return Left(name=guardrail.name, costs=guardrail.costs, counts=left, answers=answers)


@cache
def _denied(guardrail: Guardrail, kind: str) -> Mapping[str, AbstractSet[Decision]]:
    # Once, although the page and the Markdown that it carries both say it.
    evaluator = PolicyEvaluator(policies_on(guardrail, kind), shipped())
    denies = dict(evaluator.about(shipped(), "Deny"))
    denies.update({name: evaluator.deciding(name)[1] for name in newer()[1]})
    return {
        name: {decision_of(deny.pattern.scope) for deny in of_it.patterns}
        for name, of_it in denies.items()
        if of_it.patterns
    }


def _answer_with(answer: Answer, denied: Mapping[str, AbstractSet[Decision]]) -> AnswerKind:
    if any(name not in denied for name in answer.allowed):
        return YES
    return LIMITED if any(DENIED not in denied.get(name, ()) for name in answer.left) else NO
