"""What guardrails would have denied of the calls that a role made."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from pump_roles.guardrails import Guardrail, as_policies, by_policy, recognized
from pump_roles.iam.catalog import shipped
from pump_roles.iam.clauses import Clause, unreadable_statements
from pump_roles.iam.decisions import PolicyEvaluator
from pump_roles.iam.documents import Policy
from pump_roles.iam.events import could_be_of, services_of
from pump_roles.iam.patterns import covers, overlap
from pump_roles.published import ROLES
from pump_roles.review.account.activity.activity_result import Cost, GuardrailActivity
from pump_roles.review.account.activity.watched_roles import WatchedRole

_COSTS: Final = ("nothing", "unknown", "some")
"""The order of the costs."""


def judge_guardrails(
    roles: Sequence[WatchedRole],
    calls: Mapping[tuple[WatchedRole, str, str], int],
    unknown: Mapping[tuple[WatchedRole, str], int],
    *,
    last: str,
    everything_read: bool,
) -> list[GuardrailActivity]:
    """Return what each guardrail would have denied; first those that would have cost nothing.

    The calls are counted by role, action, and Region; those that are not known, by role and source.
    """
    present = {
        watched: {guardrail.name: guardrail for guardrail in _present_guardrails(watched)}
        for watched in roles
    }
    offered = {name: Guardrail.named(name) for name in Guardrail.names()}
    names = dict.fromkeys([*offered, *(name for own in present.values() for name in own)])
    found = []
    for name in names:
        would = might = 0
        for watched in roles:
            guardrail = present[watched].get(name) or offered.get(name)
            denies = guardrail.on(ROLES[watched.role.kind].patterns) if guardrail else {}
            evaluator = PolicyEvaluator([*as_policies(denies)], shipped())
            by_action, clauses = evaluator.by_action("Deny"), evaluator.effective["Deny"]
            for (caller, action, region), count in calls.items():
                if caller is watched:
                    denied = _is_denied(by_action.get(action, ()), region, last)
                    would += count if denied else 0
                    might += count if denied is None else 0
            might += sum(
                count
                for (caller, source), count in unknown.items()
                if caller is watched and _may_deny(clauses, source)
            )
        cost: Cost = "some" if would else "unknown" if might or not everything_read else "nothing"
        found.append(
            GuardrailActivity(
                name=name,
                present=any(name in own for own in present.values()),
                would_deny=would,
                might_deny=might,
                cost=cost,
            )
        )
    return sorted(
        found,
        key=lambda activity: (
            _COSTS.index(activity.cost),
            activity.would_deny,
            activity.might_deny,
        ),
    )


def _present_guardrails(watched: WatchedRole) -> Iterator[Guardrail]:
    patterns = ROLES[watched.role.kind].patterns
    for policy in watched.role.policies if watched.expected else ():
        guardrail = recognized(policy.name, policy.document, patterns)
        if guardrail is not None:
            yield guardrail


def find_denying_guardrails(watched: WatchedRole, action: str) -> tuple[str, ...]:
    """Return the guardrails and other policies of an expected role that may deny an action."""
    if not watched.expected:
        return ()
    grant, known = watched.evaluator.grant(action), by_policy()
    return tuple(known[name].name if name in known else name for name in grant.denied_by)


# A trail has few sources, but whoever writes a file may choose any names.
@lru_cache(maxsize=2**10)
def may_have_action(watched: WatchedRole, source: str) -> bool:
    """Return whether a role may have any action of the services that a source could be of."""
    services = could_be_of(source)
    return (
        not services
        or bool(watched.role.not_known)
        or any(unreadable_statements(policy.document) for policy in watched.role.policies)
        or any(
            _may_match(clause, service)
            for _, clause in watched.evaluator.effective["Allow"]
            for service in services
        )
    )


def _is_denied(clauses: Iterable[tuple[Policy, Clause]], region: str, last: str) -> bool | None:
    # None if the event does not decide.
    found = {_applies(clause, region, last) for _, clause in clauses}
    return True if True in found else None if None in found else False


def _applies(clause: Clause, region: str, last: str) -> bool | None:
    condition = json.loads(clause.scope.condition or "{}")
    met = [
        _is_met(operator, key, values, region, last)
        for operator, keys in condition.items()
        for key, values in keys.items()
    ]
    if False in met:
        return False
    return None if None in met or not clause.scope.everywhere else True


def _is_met(operator: str, key: str, values: Any, region: str, last: str) -> bool | None:
    if key == "aws:requestedregion" and operator in {"StringEquals", "StringNotEquals"}:
        return (region in values) == (operator == "StringEquals")
    if key == "aws:currenttime" and operator == "DateGreaterThanEquals":
        # No call is later than the last one.
        return False if all(last < str(value) for value in values) else None
    return None


def _may_match(clause: Clause, service: str) -> bool:
    every = f"{service}:*"
    if clause.excluded is None:
        return overlap(clause.pattern, every)
    return not any(covers(pattern, every) for pattern in clause.excluded)


def _may_deny(clauses: Iterable[tuple[Policy, Clause]], source: str) -> bool:
    # A call whose name is not known, of a service that may not be known either.
    known = {name.partition(":")[0] for name in shipped().actions}
    return any(
        service not in known or _may_match(clause, service)
        for _, clause in clauses
        for service in services_of(source)
    )
