"""The policies of a role as a report shows them."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final, Literal

from pump_roles.guardrails import Guardrail, by_policy
from pump_roles.iam.catalog import Catalog
from pump_roles.iam.decisions import (
    ALLOWED,
    DENIED,
    NOT_GRANTED,
    Decision,
    Grant,
    PolicyPattern,
    certain_policies,
    decision_of,
    evaluator_of,
    is_covered,
    matched_by,
)
from pump_roles.iam.identity_policies import ANY_ARN, EVERYWHERE, ActionPattern, Policy
from pump_roles.patterns import covers
from pump_roles.published import REASONS, ROLES
from pump_roles.review.report import GuardrailReport, Pattern, PolicyKind, PolicyReport, Uncounted
from pump_roles.role.access import only_takes_away
from pump_roles.role.guardrail_policies import guardrail_of
from pump_roles.role.iam_role import Role, published_policies


class RolePolicies:
    """The policies of a role, read once.

    The guardrail that denies everything from a certain time on is not evaluated: it is a property
    of the role.
    """

    def __init__(self, role: Role, catalog: Catalog) -> None:
        self._role = role
        self._catalog = catalog
        certain = certain_policies(role.policies)
        implemented = [(policy, guardrail_of(role.kind, policy)) for policy in role.policies]
        guardrails = [
            (policy, found)
            for policy, found in implemented
            if found is not None and policy in certain
        ]
        self._ending = [policy for policy, found in guardrails if found.ends is not None]
        counting = tuple(policy for policy in role.policies if policy not in self._ending)
        self.evaluator: Final = evaluator_of(counting, catalog)
        same = {policy: policy for policy in self.evaluator.policies}
        self._implemented = [(same.get(policy, policy), found) for policy, found in implemented]
        self._guardrails: Final[list[tuple[Policy, Guardrail]]] = [
            (same.get(policy, policy), found) for policy, found in guardrails
        ]

    def reports(self) -> Iterator[PolicyReport]:
        """Yield the policies with the actions that their patterns match."""
        for policy, implemented in self._implemented:
            yield self._report(policy, implemented)

    def _report(self, policy: Policy, implemented: Guardrail | None) -> PolicyReport:
        published = {own.name: own for own in published_policies(self._role.kind)}
        guardrail = implemented or by_policy().get(policy.name)
        denies = guardrail is None and only_takes_away(policy)
        kind: PolicyKind = "guardrail" if guardrail else "deny" if denies else "other"
        unmodified = denies or implemented is not None
        if policy.name in published and not policy.arn:
            kind = "published"
            unmodified = policy.means_the_same_as(published[policy.name])
        reasons = {**REASONS, **(guardrail.reasons if guardrail else {})}
        removes = guardrail.removes if guardrail else ""
        ends = policy in self._ending
        return PolicyReport(
            name=policy.name,
            kind=kind,
            unmodified=unmodified,
            patterns=tuple(
                Pattern(
                    pattern=pattern.named,
                    effect=pattern.effect,
                    reason=reasons.get(pattern.pattern, "")
                    if pattern.excluded is None
                    else removes,
                    scope=pattern.scope,
                    actions=() if ends else self._actions(pattern),
                    exact=pattern.readable and is_covered(pattern, self._catalog),
                    excluded=pattern.excluded or (),
                    decision=self._decision_of(policy, pattern),
                )
                for pattern in policy.patterns
            ),
        )

    def _decision_of(self, policy: Policy, pattern: ActionPattern) -> Decision | Literal[""]:
        if pattern.effect == "Allow":
            return ALLOWED if pattern.scope.on(ANY_ARN) else ""
        limits = policy in self._ending or self.evaluator.limits(policy, pattern)
        return decision_of(pattern.scope) if limits else ""

    def _actions(self, pattern: ActionPattern) -> tuple[str, ...]:
        catalog = self._catalog if pattern.effect == "Allow" else self.evaluator.allowed
        return tuple(action.name for action in matched_by(pattern, catalog))

    def may_allow(self, action: str) -> bool:
        """Return whether the role has an action, at least sometimes, as far as can be read."""
        return self.evaluator.grant(action).decision not in (DENIED, NOT_GRANTED)

    def ledger(self, granted: Mapping[str, Grant]) -> Iterator[GuardrailReport]:
        """Yield what each guardrail does to the role."""
        for policy, guardrail in self._guardrails:
            by_action = {
                name: {
                    decision_of(denied.pattern.scope)
                    for denied in denies.patterns
                    if denied.policy is policy
                }
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
    def allows_only_published(self) -> bool:
        """Whether Pump publishes everything that it allows."""
        published = [pattern for role in ROLES.values() for pattern in role.patterns]
        return all(
            allowed.pattern.excluded is None
            and any(covers(pattern, allowed.pattern.pattern) for pattern in published)
            for allowed in self._allowing
        )

    @cached_property
    def _allowing(self) -> list[PolicyPattern]:
        # The patterns that allow something, unless one deny is about all of it, everywhere.
        denies = (found.pattern for found in self.evaluator.effective["Deny"])
        outright = [denied for denied in denies if denied.scope == EVERYWHERE]
        return [
            found
            for found in self.evaluator.effective["Allow"]
            if not any(denied.matches_all_of(found.pattern) for denied in outright)
        ]

    def uncounted(self) -> tuple[Uncounted, ...]:
        """Return what is not counted, each once."""
        found = [
            *(
                Uncounted(policy=found.policy.name, pattern=found.pattern.named)
                for found in self._allowing
                if not is_covered(found.pattern, self._catalog)
            ),
            *(Uncounted(policy=policy.name) for policy in self._role.policies if policy.unreadable),
        ]
        return tuple(dict.fromkeys(found))
