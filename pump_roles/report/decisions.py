"""What a role may do: the actions of its patterns, which are denied, and what is not counted."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pump_roles.guardrails import Guardrail, by_policy
from pump_roles.iam.catalog import Action, Catalog, matcher
from pump_roles.iam.clauses import EVERYWHERE, Clause, clauses, unreadable_parts
from pump_roles.iam.documents import is_policy_name
from pump_roles.published import REASONS
from pump_roles.report.comparison import guardrail_of, is_unmodified, policy_kind
from pump_roles.templates import Role

__all__ = [
    "ALLOWED",
    "CONDITIONALLY",
    "DENIED",
    "NOT_GRANTED",
    "PARTLY",
    "Grant",
    "GuardrailReport",
    "Pattern",
    "PolicyEvaluator",
    "PolicyReport",
    "counted",
    "policies",
    "uncounted",
]

ALLOWED: Final = "allowed"
DENIED: Final = "denied"
CONDITIONALLY: Final = "conditionally denied"
PARTLY: Final = "denied on some resources"
NOT_GRANTED: Final = "not granted"


def counted(number: int, *, exact: bool) -> str:
    """Return a number as text: ``40``, or ``at least 40`` if it is not exact.

    :param number: the number.
    :param exact: whether everything was counted.
    """
    return f"{number}" if exact else f"at least {number}"


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """An action pattern of a policy.

    :param pattern: the pattern, as written in the policy.
    :param effect: ``Allow`` or ``Deny``.
    :param reason: why Pump needs it, or why the guardrail denies it; empty if neither is known.
    :param scope: on which resources, and under which conditions.
    :param actions: the names of the catalog's actions that it matches. For a deny, only those that
        the role has; none if it denies from a certain time on.
    :param exact: whether it matches no other actions: none that the catalog does not have, and none
        that is filled in when the template is deployed.
    :param excluded: the patterns of a ``NotAction``; empty for a pattern of an ``Action``.
    :param decision: what it decides for the actions that it matches: ``allowed``, ``denied``,
        ``conditionally denied`` or ``denied on some resources``; empty if it cannot be read, or
        another policy can replace its policy.
    """

    pattern: str
    effect: str
    reason: str
    scope: str
    actions: tuple[str, ...]
    exact: bool
    excluded: tuple[str, ...]
    decision: str

    @property
    def count(self) -> str:
        """How many actions it matches, as text."""
        return counted(len(self.actions), exact=self.exact)


@dataclass(frozen=True, kw_only=True)
class PolicyReport:
    """A policy of a role.

    :param name: its name.
    :param kind: ``published``, ``guardrail``, or ``other``.
    :param unmodified: whether it is exactly as Pump publishes it, or as this package
        defines the guardrail.
    :param patterns: its patterns, in order.
    """

    name: str
    kind: str
    unmodified: bool
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, kw_only=True)
class Grant:
    """How a role has an action.

    :param decision: ``allowed``, ``denied``, ``conditionally denied``, ``denied on some resources``
        or ``not granted``.
    :param granted_by: the policies and patterns that allow it.
    :param denied_by: the policies that deny it, unconditionally or not.
    :param allowed_on: the only resources and conditions on which it is allowed; empty if it is
        allowed on all.
    :param limits: what denies it under a condition or on some resources: the name of a guardrail's
        policy, or the resources and conditions; empty if it is denied outright.
    """

    decision: str
    granted_by: tuple[tuple[str, str], ...]
    denied_by: tuple[str, ...]
    allowed_on: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GuardrailReport:
    """What a guardrail of this package does to a role.

    :param name: its name, as in the context key.
    :param policy: the name of its policy.
    :param value: the value that the customer chose, in words, such as ``only us-east-1``; may be
        empty.
    :param values: the same value, as in the guardrail.
    :param removes: what it takes away, in words.
    :param leaves: what stays allowed, in words.
    :param costs: what that costs Pump's service, in words.
    :param denied: the names of the role's actions that it denies.
    :param limited: the names of those that it denies under a condition or on some resources.
    :param ends: whether it denies everything from a certain time on. It then lists no actions.
    """

    name: str
    policy: str
    value: str
    values: tuple[str, ...]
    removes: str
    leaves: str
    costs: str
    denied: tuple[str, ...]
    limited: tuple[str, ...]
    ends: bool


def policies(
    role: Role, catalog: Catalog, evaluator: "PolicyEvaluator", granted: Mapping[str, Grant]
) -> tuple[PolicyReport, ...]:
    """Return the policies of a role with the actions that their patterns match.

    :param role: the role.
    :param catalog: the action catalog.
    :param evaluator: the evaluator of the role's policies.
    :param granted: the role's actions.
    """
    return tuple(
        PolicyReport(
            name=name,
            kind=policy_kind(role.kind, name),
            unmodified=is_unmodified(role.kind, name, document),
            patterns=tuple(
                _patterns(
                    name,
                    document,
                    catalog,
                    {} if evaluator.ends(name) else granted,
                    counts=evaluator.counts(name),
                )
            ),
        )
        for name, document in role.policies
    )


def _patterns(
    name: str,
    document: Mapping[str, object],
    catalog: Catalog,
    granted: Mapping[str, Grant],
    *,
    counts: bool,
) -> Iterator[Pattern]:
    guardrail = by_policy().get(name)
    reasons = {**REASONS, **(guardrail.reasons if guardrail else {})}
    removes = guardrail.removes if guardrail else ""
    for clause in clauses(document):
        yield Pattern(
            pattern=clause.pattern,
            effect=clause.effect,
            reason=reasons.get(clause.pattern, "") if clause.excluded is None else removes,
            scope=clause.scope,
            actions=tuple(
                action.name
                for action in _actions(clause, catalog)
                if clause.effect == "Allow" or action.name in granted
            ),
            exact=clause.readable and _is_covered(clause, catalog),
            excluded=clause.excluded or (),
            decision=_decided(clause, counts=counts),
        )


class PolicyEvaluator:
    """Evaluates what a role's policies decide about an action.

    A deny does not count if it cannot be read, or if another policy may replace its policy. An
    allow that cannot be read still allows the part that can be read. The guardrail that denies
    everything from a certain time on does not count: it is a property of the role.

    :param role: the role.
    :param catalog: the action catalog.
    """

    def __init__(self, role: Role, catalog: Catalog) -> None:
        self._catalog = catalog
        names = Counter(name.casefold() for name, _ in role.policies)
        known = all(is_policy_name(name) for name, _ in role.policies)
        # Inline policies with the same name replace each other. Which one remains is not known, nor
        # is a name that is filled in at deployment.
        self._certain = {name for name, _ in role.policies if known and names[name.casefold()] == 1}
        self.guardrails: Final[Mapping[str, Guardrail]] = {
            name: found
            for name, document in role.policies
            if name in self._certain
            and (found := guardrail_of(role.kind, name, document)) is not None
        }
        of_role = [
            (policy, clause)
            for policy, document in role.policies
            if not self.ends(policy)
            for clause in clauses(document)
        ]
        self._allows = [(policy, clause) for policy, clause in of_role if clause.effect == "Allow"]
        self._denies = [
            (policy, clause)
            for policy, clause in of_role
            if clause.effect == "Deny" and clause.readable and policy in self._certain
        ]

    def counts(self, policy: str) -> bool:
        """Return whether the denies of a policy count: no other policy can replace it.

        :param policy: the policy's name.
        """
        return policy in self._certain

    def ends(self, policy: str) -> bool:
        """Return whether a policy is the guardrail that denies everything from a certain time on.

        :param policy: the policy's name.
        """
        found = self.guardrails.get(policy)
        return found is not None and found.ends is not None

    def grants(self) -> dict[str, Grant]:
        """Return how the role has each of its actions in the catalog, by the action's name."""
        allows = self._by_action(self._allows)
        denies = self._by_action(self._denies)
        return {name: self._grant(by, denies.get(name, [])) for name, by in allows.items()}

    def grant(self, name: str) -> Grant:
        """Return how the role has an action, whether or not the catalog has it.

        :param name: the action's name.
        """
        return self._grant(
            [(policy, clause) for policy, clause in self._allows if _matches(clause, name)],
            [(policy, clause) for policy, clause in self._denies if _matches(clause, name)],
        )

    def ledger(self, granted: Mapping[str, Grant]) -> Iterator[GuardrailReport]:
        """Yield what each guardrail does to the role.

        :param granted: the role's actions.
        """
        for policy, guardrail in self.guardrails.items():
            denies = [(name, clause) for name, clause in self._denies if name == policy]
            by_action = self._by_action(denies)
            outright = {
                name
                for name, found in by_action.items()
                if any(_decision(clause) == DENIED for _, clause in found)
            }
            yield GuardrailReport(
                name=guardrail.name,
                policy=policy,
                value=guardrail.value_in_words,
                values=guardrail.values,
                removes=guardrail.removes,
                leaves=guardrail.leaves,
                costs=guardrail.costs,
                denied=tuple(name for name in granted if name in outright),
                limited=tuple(name for name in granted if name in by_action.keys() - outright),
                ends=guardrail.ends is not None,
            )

    def _by_action(
        self, found: Sequence[tuple[str, Clause]]
    ) -> Mapping[str, list[tuple[str, Clause]]]:
        by_action: dict[str, list[tuple[str, Clause]]] = {}
        for policy, clause in found:
            for action in _actions(clause, self._catalog):
                by_action.setdefault(action.name, []).append((policy, clause))
        return by_action

    def _grant(
        self, allows: Sequence[tuple[str, Clause]], denies: Sequence[tuple[str, Clause]]
    ) -> Grant:
        if not allows:
            return Grant(decision=NOT_GRANTED, granted_by=(), denied_by=())
        decisions = {_decision(clause) for _, clause in denies}
        strongest = (name for name in (DENIED, CONDITIONALLY, PARTLY) if name in decisions)
        decision = next(strongest, ALLOWED)
        scopes = dict.fromkeys(clause.scope for _, clause in allows)
        limits = (
            policy if policy in self.guardrails else clause.scope for policy, clause in denies
        )
        return Grant(
            decision=decision,
            granted_by=tuple(dict.fromkeys((policy, clause.pattern) for policy, clause in allows)),
            denied_by=tuple(dict.fromkeys(policy for policy, _ in denies)),
            allowed_on=() if EVERYWHERE in scopes else tuple(scopes),
            limits=() if decision == DENIED else tuple(dict.fromkeys(limits)),
        )


def _matches(clause: Clause, name: str) -> bool:
    key = name.lower()
    if clause.excluded is not None:
        return not any(matcher(pattern).fullmatch(key) for pattern in clause.excluded)
    return bool(matcher(clause.pattern).fullmatch(key))


def _decided(clause: Clause, *, counts: bool) -> str:
    # As in PolicyEvaluator: an allow that cannot be read still allows the part that can be read.
    if clause.effect == "Allow":
        return ALLOWED
    return _decision(clause) if clause.effect == "Deny" and clause.readable and counts else ""


def _decision(deny: Clause) -> str:
    if deny.conditional:
        return CONDITIONALLY
    return DENIED if deny.everywhere else PARTLY


def uncounted(role: Role, catalog: Catalog) -> tuple[str, ...]:
    """Return the parts of a role's policies that are not counted, in words.

    :param role: the role.
    :param catalog: the action catalog.
    """
    patterns = [
        f"{clause.pattern} in {policy}"
        for policy, document in role.policies
        for clause in clauses(document)
        if clause.effect == "Allow" and not _is_covered(clause, catalog)
    ]
    unreadable = [
        part for policy, document in role.policies for part in unreadable_parts(policy, document)
    ]
    return (*dict.fromkeys(patterns), *unreadable)


def _is_covered(clause: Clause, catalog: Catalog) -> bool:
    # A pattern that matches nothing may match an action that is newer than the catalog.
    return (
        clause.excluded is None
        and catalog.covers(clause.pattern)
        and bool(catalog.matched_by(clause.pattern))
    )


def _actions(clause: Clause, catalog: Catalog) -> Sequence[Action]:
    if clause.excluded is None:
        return catalog.matched_by(clause.pattern)
    excluded = {action.name for action in catalog.matching(clause.excluded)}
    return [action for action in catalog.actions.values() if action.name not in excluded]
