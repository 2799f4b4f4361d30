"""What a role may do: its patterns as actions, what is denied of them, and what is not counted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pump_roles.guardrails import reasons_by_policy
from pump_roles.published import REASONS
from pump_roles.report.catalog import Action, Catalog
from pump_roles.report.clauses import Clause, clauses, unreadable_parts
from pump_roles.report.comparison import is_unmodified, policy_kind
from pump_roles.templates import Role

__all__ = [
    "ALLOWED",
    "CONDITIONALLY",
    "DENIED",
    "PARTLY",
    "Grant",
    "Pattern",
    "PolicyReport",
    "counted",
    "grants",
    "policies",
    "uncounted",
]

ALLOWED: Final = "allowed"
DENIED: Final = "denied"
CONDITIONALLY: Final = "conditionally denied"
PARTLY: Final = "denied on some resources"


def counted(number: int, *, exact: bool) -> str:
    """Return a number as text: ``40``, or ``at least 40`` if it is not exact.

    :param number: the number.
    :param exact: whether everything that could be counted was.
    """
    return f"{number}" if exact else f"at least {number}"


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """An action pattern of a policy.

    :param pattern: as the policy has it.
    :param effect: ``Allow`` or ``Deny``.
    :param reason: why Pump needs it, or why the guardrail denies it; empty if neither is known.
    :param scope: on which resources, and under which conditions.
    :param actions: the names of the catalog's actions that it matches.
    :param exact: whether it matches no other actions, of services that the catalog lacks or by
        what is filled in when the template is deployed.
    """

    pattern: str
    effect: str
    reason: str
    scope: str
    actions: tuple[str, ...]
    exact: bool

    @property
    def count(self) -> str:
        """How many actions it matches, as text."""
        return counted(len(self.actions), exact=self.exact)


@dataclass(frozen=True, kw_only=True)
class PolicyReport:
    """A policy of a role.

    :param name: its name.
    :param kind: ``published``, ``guardrail`` or ``other``.
    :param unmodified: whether it is exactly as Pump publishes it, or as this package makes the
        guardrail.
    :param patterns: its patterns, in order.
    """

    name: str
    kind: str
    unmodified: bool
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, kw_only=True)
class Grant:
    """How one role has one action.

    :param decision: ``allowed``, ``denied``, ``conditionally denied`` or ``denied on some
        resources``.
    :param granted_by: the policies and patterns that allow it.
    :param denied_by: the policies that deny it, unconditionally or not.
    """

    decision: str
    granted_by: tuple[tuple[str, str], ...]
    denied_by: tuple[str, ...]


def policies(role: Role, catalog: Catalog) -> tuple[PolicyReport, ...]:
    """Return the policies of a role with the actions that their patterns match.

    :param role: the role.
    :param catalog: the actions that there are.
    """
    return tuple(
        PolicyReport(
            name=name,
            kind=policy_kind(role.kind, name),
            unmodified=is_unmodified(role.kind, name, document),
            patterns=tuple(_patterns(name, document, catalog)),
        )
        for name, document in role.policies
    )


def _patterns(name: str, document: Mapping[str, object], catalog: Catalog) -> Iterator[Pattern]:
    reasons = {**REASONS, **reasons_by_policy().get(name, {})}
    for clause in clauses(document):
        yield Pattern(
            pattern=clause.pattern,
            effect=clause.effect,
            reason=reasons.get(clause.pattern, ""),
            scope=clause.scope,
            actions=tuple(action.name for action in _actions(clause, catalog)),
            exact=clause.readable and _is_covered(clause, catalog),
        )


def grants(role: Role, catalog: Catalog) -> dict[str, Grant]:
    """Return how a role has each action that it has, by the action's name.

    A deny that cannot be read denies nothing here; an allow that cannot be read still allows what
    can be read of it.

    :param role: the role.
    :param catalog: the actions that there are.
    """
    allowing: dict[str, list[tuple[str, str]]] = {}
    denying: dict[str, list[tuple[str, str]]] = {}
    for policy, document in role.policies:
        for clause in clauses(document):
            if clause.effect == "Allow":
                for action in _actions(clause, catalog):
                    allowing.setdefault(action.name, []).append((policy, clause.pattern))
            elif clause.effect == "Deny" and clause.readable:
                decision = _decision(clause)
                for action in _actions(clause, catalog):
                    denying.setdefault(action.name, []).append((policy, decision))
    return {name: _grant(by, denying.get(name, [])) for name, by in allowing.items()}


def _grant(granted_by: Sequence[tuple[str, str]], denied: Sequence[tuple[str, str]]) -> Grant:
    decisions = {decision for _, decision in denied}
    strongest = (decision for decision in (DENIED, CONDITIONALLY, PARTLY) if decision in decisions)
    return Grant(
        decision=next(strongest, ALLOWED),
        granted_by=tuple(dict.fromkeys(granted_by)),
        denied_by=tuple(dict.fromkeys(policy for policy, _ in denied)),
    )


def _decision(deny: Clause) -> str:
    if deny.conditional:
        return CONDITIONALLY
    return DENIED if deny.everywhere else PARTLY


def uncounted(role: Role, catalog: Catalog) -> tuple[str, ...]:
    """Return what a role's policies have that is not counted, in words.

    :param role: the role.
    :param catalog: the actions that there are.
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
    return clause.excluded is None and catalog.covers(clause.pattern)


def _actions(clause: Clause, catalog: Catalog) -> Sequence[Action]:
    if clause.excluded is None:
        return catalog.matched_by(clause.pattern)
    excluded = {action.name for action in catalog.matching(clause.excluded)}
    return [action for action in catalog.actions.values() if action.name not in excluded]
