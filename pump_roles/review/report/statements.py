"""What the roles can do, in plain words: a fixed list of statements, each about named actions.

``statements.json`` has the list. The ``source`` of a statement names the pages that its note is
from. The policies decide each answer, for each of the actions, whether or not the catalog has it.
So a "no" never means that an action is missing from the catalog.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

from pump_roles.iam.clauses import Scope
from pump_roles.iam.decisions import ALLOWED, DENIED, NOT_GRANTED, Decision, PolicyEvaluator

YES: Final = "yes"
LIMITED: Final = "limited"
NO: Final = "no"
UNKNOWN: Final = "unknown"

YesOrNo = Literal["yes", "limited", "no", "unknown"]
"""The answers."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A role's answer to a statement.

    :param answer: ``yes`` if at least one of the actions is allowed. Otherwise, ``unknown`` if
        something that cannot be read may allow more, or a policy allows actions that Pump does not
        publish, which this list does not cover; ``limited`` if the remaining actions are denied
        under a condition or on some resources; and ``no`` if none remains.
    :param allowed: the names of the actions that are allowed. A denied tag does not limit what can
        be done without it.
    :param limited: the names of those that are denied under a condition or on some resources.
    :param limits: the names of the policies of which each limits all of these.
    :param denied: the names of those that one policy allows and another denies.
    :param not_granted: the names of those that no pattern of the role's policies grants.
    :param only: the answer in words if a single action is left, and only in one way; otherwise
        empty.
    """

    answer: YesOrNo
    allowed: tuple[str, ...]
    limited: tuple[str, ...]
    limits: tuple[str, ...]
    denied: tuple[str, ...]
    not_granted: tuple[str, ...]
    only: str

    @property
    def named(self) -> tuple[str, ...]:
        """The actions that the statement is about."""
        return self.allowed + self.limited + self.denied + self.not_granted

    @property
    def left(self) -> tuple[str, ...]:
        """The actions that are not denied."""
        return self.allowed + self.limited


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement in plain words.

    :param id: a stable name.
    :param topic: its topic, in one word.
    :param title: what the role may or may not do.
    :param note: what to know about it; may be empty.
    :param roles: each role's answer, by the role's kind.
    """

    id: str
    topic: str
    title: str
    note: str
    roles: Mapping[str, Answer]


def statements(roles: Mapping[str, tuple[PolicyEvaluator, bool]]) -> Iterator[Statement]:
    """Yield every statement, with the answers for roles, and whether the list covers each role."""
    for listed in _listed():
        yield Statement(
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
    answer: YesOrNo
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
            policy.name
            for policy, clause in evaluator.deciding(action)[1]
            if not _is_avoided(clause.scope, action)
        }
        for action in actions
    ]
    return tuple(sorted(set.intersection(*by_action))) if by_action else ()


@cache
def _listed() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(
        resources.files(__package__).joinpath("statements.json").read_bytes()
    )
    return listed
