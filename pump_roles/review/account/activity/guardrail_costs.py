"""What guardrails would have denied of the calls that a role made."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pump_roles.guardrails import Guardrail, as_policies, by_policy, recognized
from pump_roles.iam.catalog import shipped
from pump_roles.iam.clauses import Clause, unreadable_statements
from pump_roles.iam.decisions import PolicyEvaluator
from pump_roles.iam.documents import Policy
from pump_roles.iam.events import could_be_of, services_of
from pump_roles.iam.patterns import covers, overlap
from pump_roles.published import ROLES
from pump_roles.review.account.activity.activity_result import Cost, GuardrailActivity
from pump_roles.review.account.activity.watched_roles import Sought

Calls = Mapping[tuple[Sought, str, str], int]
"""How often a role's sessions called an action, or, of a call that is not known, its source, in a
Region."""


def _denied(clauses: Iterable[tuple[Policy, Clause]], region: str, last: str) -> bool | None:
    # None if the event does not decide.
    found = [_applies(clause, region, last) for _, clause in clauses]
    return True if True in found else None if None in found else False


def _may_deny(clauses: Iterable[tuple[Policy, Clause]], source: str) -> bool:
    # A call whose name is not known, of a service that may not be known either.
    known = {name.partition(":")[0] for name in shipped().actions}
    return any(
        service not in known or _may_match(clause, service)
        for _, clause in clauses
        for service in services_of(source)
    )


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


def guardrails_of(
    sought: Sequence[Sought], calls: Calls, unknown: Calls, *, last: str, everything_read: bool
) -> Iterator[GuardrailActivity]:
    """Yield what each guardrail would have denied; first those that would have cost nothing."""
    present = {role: {own.name: own for own in _present(role)} for role in sought if role.expected}
    offered = {name: Guardrail.named(name) for name in Guardrail.names()}
    names = dict.fromkeys([*offered, *(name for own in present.values() for name in own)])
    found = []
    for name in names:
        would = might = 0
        for role in sought:
            guardrail = present.get(role, {}).get(name) or offered.get(name)
            denies = guardrail.on(ROLES[role.role.kind].patterns) if guardrail else {}
            evaluator = PolicyEvaluator([*as_policies(denies)], shipped())
            by_action, clauses = evaluator.by_action("Deny"), evaluator.effective["Deny"]
            decided = [
                (_denied(by_action.get(action, ()), region, last), count)
                for (caller, action, region), count in calls.items()
                if caller is role
            ]
            would += sum(count for denied, count in decided if denied)
            might += sum(count for denied, count in decided if denied is None)
            might += sum(
                count
                for (caller, source, _), count in unknown.items()
                if caller is role and _may_deny(clauses, source)
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
    order: Sequence[Cost] = ("nothing", "unknown", "some")
    yield from sorted(
        found, key=lambda one: (order.index(one.cost), one.would_deny, one.might_deny)
    )


def _present(sought: Sought) -> Iterator[Guardrail]:
    patterns = ROLES[sought.role.kind].patterns
    for policy in sought.role.policies:
        guardrail = recognized(policy.name, policy.document, patterns)
        if guardrail is not None:
            yield guardrail


def denied_by(sought: Sought, action: str) -> tuple[str, ...]:
    """Return the guardrails and other policies of an expected role that may deny an action."""
    if not sought.expected:
        return ()
    grant, known = sought.evaluator.grant(action), by_policy()
    return tuple(known[name].name if name in known else name for name in grant.denied_by)


# A trail has few sources, but whoever writes a file may choose any names.
@lru_cache(maxsize=2**10)
def may_have_action(sought: Sought, source: str) -> bool:
    """Return whether a role may have any action of the services that a source could be of."""
    services = could_be_of(source)
    return (
        not services
        or bool(sought.role.not_known)
        or any(unreadable_statements(policy.document) for policy in sought.role.policies)
        or any(
            _may_match(clause, service)
            for _, clause in sought.evaluator.effective["Allow"]
            for service in services
        )
    )
