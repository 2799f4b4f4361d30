"""Compares a role's policies with the expected ones."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pump_roles.account.verify.details import AccountDetails, RoleDetails
from pump_roles.account.verify.effects import differences, effects
from pump_roles.account.verify.expected import ExpectedRole
from pump_roles.account.verify.model import Difference, Effect, Rule
from pump_roles.account.verify.policies import (
    actions_in,
    as_shipped,
    attached,
    inline,
    means,
    name_in_report,
)
from pump_roles.report.comparison import policy_kind
from pump_roles.templates import Role

__all__ = ["Policies", "policy_differences", "role_with"]

Policies = Mapping[tuple[bool, str], tuple[str, Any]]
"""The names and documents of policies. A key is whether the policy is managed, and its name in
lowercase."""

_RANKS: Final[Mapping[Effect, int]] = {"narrower": 1, "other": 2, "broader": 3}


def policy_differences(
    expected: ExpectedRole, role: RoleDetails, details: AccountDetails
) -> Iterator[Difference]:
    """Yield how a role's inline and attached policies differ from the expected ones.

    Each policy is first compared on its own, with all others as expected. Then all are compared
    together.

    :param expected: the role as expected.
    :param role: the role as it is.
    :param details: its account.
    """
    before, now = _policies(expected, role, details)
    differing = sorted(
        key for key in {*before, *now} if key not in before or before[key] is not now.get(key)
    )
    # The rank of the worst effect that is reported for each action and detail.
    reported: dict[str, int] = {}
    for key in differing:
        for difference in _single(expected, key, before, now):
            rank = _RANKS[difference.effect]
            for subject in (*difference.actions, *difference.details):
                reported[subject] = max(rank, reported.get(subject, 0))
            yield difference
    if len(differing) > 1:
        yield from _together(expected, before, now, reported)


def role_with(expected: ExpectedRole, policies: Policies) -> Role:
    """Return a role for the report's comparison: the expected role with other policies.

    :param expected: the role as expected.
    :param policies: the policies.
    """
    return Role(
        kind=expected.kind,
        name=expected.name,
        trust=expected.deployed.role.trust,
        policies=tuple(
            (name_in_report(name, managed=managed), document)
            for (managed, _), (name, document) in policies.items()
            if isinstance(document, dict)
        ),
        unreadable=tuple(
            f"the policy {name} cannot be read"
            for name, document in policies.values()
            if not isinstance(document, dict)
        ),
    )


def _policies(
    expected: ExpectedRole, role: RoleDetails, details: AccountDetails
) -> tuple[Policies, Policies]:
    # The expected policies and the actual ones. Policies that mean the same are the same object.
    known = {False: role.inline is not None, True: role.attached is not None}
    of_expected = {
        (policy.managed, policy.name.casefold()): policy
        for policy in expected.deployed.policies
        if known[policy.managed]
    }
    before = {key: (policy.name, policy.document) for key, policy in of_expected.items()}
    found = {(False, key): policy for key, policy in inline(role).items()}
    found |= {(True, key): policy for key, policy in attached(role, details).items()}
    now: dict[tuple[bool, str], tuple[str, Any]] = {}
    for key, (name, document) in found.items():
        # A document that could not be read is reported elsewhere.
        if key in before and (document is None or means(document, of_expected[key].filled)):
            now[key] = before[key]
        else:
            now[key] = (name, as_shipped(expected.kind, name, document, details.partition))
    return before, now


def _single(
    expected: ExpectedRole, key: tuple[bool, str], before: Policies, now: Policies
) -> Iterator[Difference]:
    changed = {other: policy for other, policy in before.items() if other != key}
    if key in now:
        changed[key] = now[key]
    name = (now.get(key) or before[key])[0]
    rule, verb = _rule(key, before, now)
    return differences(
        rule,
        f"{_description(expected.kind, name, managed=key[0])} {verb}",
        subject=name,
        expected=role_with(expected, before),
        found=role_with(expected, changed),
        # A guardrail's value, such as its Regions, changes no decision: list all actions it names.
        named=actions_in(policies[key][1] for policies in (before, now) if key in policies),
    )


def _rule(key: tuple[bool, str], before: Policies, now: Policies) -> tuple[Rule, str]:
    if key not in now:
        return "policy-removed", "is missing"
    if key not in before:
        return "policy-added", "is not expected"
    return "policy-changed", "differs"


def _description(kind: str, name: str, *, managed: bool) -> str:
    if managed:
        return f"the attached managed policy {name}"
    guardrail = policy_kind(kind, name) == "guardrail"
    return f"the {'guardrail' if guardrail else 'inline policy'} {name}"


def _together(
    expected: ExpectedRole, before: Policies, now: Policies, reported: Mapping[str, int]
) -> Iterator[Difference]:
    for effect in effects(role_with(expected, before), role_with(expected, now)):
        rank = _RANKS[effect.effect]
        new = [
            subject
            for subject in effect.actions or effect.details
            if reported.get(subject, 0) < rank
        ]
        if new:
            yield Difference(
                rule="policies-together",
                effect=effect.effect,
                subject="",
                what="its policies, taken together, have a different effect",
                details=effect.details,
                actions=tuple(new) if effect.actions else (),
            )
