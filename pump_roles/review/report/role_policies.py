"""The policies of a role as a report shows them, and how they differ from what is published."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Final, Literal

from pump_roles.compare import compare, guardrail_of, same_document
from pump_roles.guardrails import Guardrail, by_policy, only_takes_away
from pump_roles.guardrails.role_guardrails import published_role
from pump_roles.iam import (
    ALLOWED,
    ANY_ARN,
    DENIED,
    EVERYWHERE,
    Catalog,
    Clause,
    Decision,
    Grant,
    Policy,
    PolicyEvaluator,
    certain_policies,
    clauses,
    covers,
    decision_of,
    is_covered,
    matched_by,
    unreadable_statements,
)
from pump_roles.published import REASONS, ROLES
from pump_roles.review.report import GuardrailReport, Pattern, PolicyKind, PolicyReport, Uncounted
from pump_roles.role import Difference, Role


def differences(role: Role) -> tuple[Difference, ...]:
    """Return how a role differs from what Pump publishes, apart from what a customer chooses.

    That is its name, path, permissions boundary, guardrails of this package with the tags that open
    them, and other policies with nothing but denies. Its trust policy is judged by itself.
    """
    published = published_role(role.kind)
    own = tuple(
        policy
        for policy in role.policies
        if guardrail_of(role.kind, policy) is not None or only_takes_away(policy)
    )
    chosen = replace(
        role,
        policies=(*published.policies, *own),
        session=published.session,
        unknown=(),
    )
    return compare(chosen, role)


class RolePolicies:
    """The policies of a role, read once.

    The guardrail that denies everything from a certain time on is not evaluated: it is a property
    of the role.
    """

    def __init__(self, role: Role, catalog: Catalog) -> None:
        self._role = role
        self._catalog = catalog
        certain = certain_policies(role.policies)
        self._certain = {id(policy) for policy in certain}
        self._implemented = {
            id(policy): guardrail_of(role.kind, policy) for policy in role.policies
        }
        self._guardrails: Final[list[tuple[Policy, Guardrail]]] = [
            (policy, found)
            for policy in certain
            if (found := self._implemented[id(policy)]) is not None
        ]
        self._ending = [policy for policy, found in self._guardrails if found.ends is not None]
        self.evaluator: Final = PolicyEvaluator(role.policies, catalog, without=self._ending)

    def reports(self) -> Iterator[PolicyReport]:
        """Yield the policies with the actions that their patterns match."""
        yield from map(self._report, self._role.policies)

    def _report(self, policy: Policy) -> PolicyReport:
        published = {own.name: own for own in ROLES[self._role.kind].policies}
        guardrail = self._implemented[id(policy)] or by_policy().get(policy.name)
        denies = guardrail is None and only_takes_away(policy)
        kind: PolicyKind = "guardrail" if guardrail else "deny" if denies else "other"
        unmodified = denies or self._implemented[id(policy)] is not None
        if policy.name in published and not policy.arn:
            kind = "published"
            unmodified = same_document(policy.document, published[policy.name].document)
        reasons = {**REASONS, **(guardrail.reasons if guardrail else {})}
        removes = guardrail.removes if guardrail else ""
        ends = any(policy is ending for ending in self._ending)
        return PolicyReport(
            name=policy.name,
            kind=kind,
            unmodified=unmodified,
            patterns=tuple(
                Pattern(
                    pattern=clause.named,
                    effect=clause.effect,
                    reason=reasons.get(clause.pattern, "") if clause.excluded is None else removes,
                    scope=clause.scope,
                    actions=() if ends else self._actions(clause),
                    exact=clause.readable and is_covered(clause, self._catalog),
                    excluded=clause.excluded or (),
                    decision=self._decision(policy, clause),
                )
                for clause in clauses(policy.document)
            ),
        )

    def _actions(self, clause: Clause) -> tuple[str, ...]:
        catalog = self._catalog if clause.effect == "Allow" else self.evaluator.allowed
        return tuple(action.name for action in matched_by(clause, catalog))

    def _decision(self, policy: Policy, clause: Clause) -> Decision | Literal[""]:
        if clause.scope.on(ANY_ARN) is None:
            return ""
        if clause.effect == "Allow":
            return ALLOWED
        counts = clause.effect == "Deny" and clause.readable and id(policy) in self._certain
        return decision_of(clause.scope) if counts else ""

    def ledger(self, granted: Mapping[str, Grant]) -> Iterator[GuardrailReport]:
        """Yield what each guardrail does to the role."""
        for policy, guardrail in self._guardrails:
            by_action = {
                name: {decision_of(clause.scope) for other, clause in denies if other is policy}
                for name, (_, denies) in self.evaluator.decided.items()
            }
            yield GuardrailReport(
                name=guardrail.name,
                policy=policy.name,
                value=guardrail.value_in_words,
                removes=guardrail.removes,
                leaves=guardrail.leaves,
                costs=guardrail.costs,
                denied=tuple(name for name in granted if DENIED in by_action[name]),
                limited=tuple(
                    name for name in granted if by_action[name] and DENIED not in by_action[name]
                ),
                ends=guardrail.ends is not None,
            )

    @property
    def judged(self) -> bool:
        """Whether Pump publishes everything that it allows."""
        published = [pattern for role in ROLES.values() for pattern in role.patterns]
        return all(
            clause.excluded is None
            and any(covers(pattern, clause.pattern) for pattern in published)
            for _, clause in self._allowing
        )

    @cached_property
    def _allowing(self) -> list[tuple[Policy, Clause]]:
        # The clauses that allow something, unless one deny is about all of it, everywhere.
        outright = [
            clause for _, clause in self.evaluator.effective["Deny"] if clause.scope == EVERYWHERE
        ]
        return [
            (policy, clause)
            for policy, clause in self.evaluator.effective["Allow"]
            if not any(denied.matches_all_of(clause) for denied in outright)
        ]

    def uncounted(self) -> tuple[Uncounted, ...]:
        """Return what is not counted, each once."""
        found = [
            *(
                Uncounted(policy=policy.name, pattern=clause.named)
                for policy, clause in self._allowing
                if not is_covered(clause, self._catalog)
            ),
            *(
                Uncounted(policy=policy.name)
                for policy in self._role.policies
                if unreadable_statements(policy.document)
            ),
        ]
        return tuple(dict.fromkeys(found))
