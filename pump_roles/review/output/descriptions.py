"""Words for what the project knows as data: differences, decisions, and what is not known.

Each function words one thing, for every command and format.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

from pump_roles.access import Access
from pump_roles.assembly import Deployment, OtherResource
from pump_roles.guardrails import by_policy
from pump_roles.iam import (
    ALLOWED,
    DENIED,
    NOT_GRANTED,
    DecisionChange,
    Grant,
    Principal,
    Scope,
    TrustProblem,
)
from pump_roles.inputs import cut
from pump_roles.review.output.texts import TEXTS, first, say
from pump_roles.role import Difference, Unknown

_POLICY_ARN: Final = re.compile(
    r"arn:(?:aws[a-z-]*|\$\{AWS::Partition\}):iam::(\$\{AWS::AccountId\}|[a-z0-9]*)"
    r":policy/(?:([A-Za-z0-9_+=,.@/-]+)|\$\{([A-Za-z0-9]+)\})"
)
"""Accepts only the characters of a policy's name: others could disguise a policy as another one."""

_SHOWN: Final = 80
"""The maximum length of a value that cannot be read, in characters."""

_VALUES: Final = {"conditional", "not-counted", "transform", "unreadable"}
"""What is not known because of a value in a template, which may be long."""

Sides = Literal["time", "account", "template"]
"""What ``was`` and ``now`` are in a difference: before and now; or what is expected, and what is in
an account or a template.
"""


def describe_unknown(unknown: Unknown) -> str:
    """Return what is not known about a role, a template, an account, or a rollout."""
    longest = _SHOWN if unknown.why in _VALUES else None
    about, subject = say(f"parts.{unknown.part}"), cut(unknown.subject, longest)
    if unknown.subject and unknown.part in TEXTS["one_of_parts"]:
        about = say(f"one_of_parts.{unknown.part}", name=subject)
    said = say(
        _why(unknown),
        # Only external IDs are counted.
        1 if subject == "1" else 2,
        about=about,
        subject=subject,
        number=subject,
        detail=cut(unknown.detail, longest),
    )
    return f"{unknown.source}: {said}" if unknown.source else said


def _why(unknown: Unknown) -> str:
    # The text that says why it is not known: one for its part comes first, then one with details.
    reasons = ("-because", "") if unknown.detail else ("",)
    return next(
        f"unknown.{key}"
        for part in (f":{unknown.part}", "")
        for reason in reasons
        if (key := f"{unknown.why}{reason}{part}") in TEXTS["unknown"]
    )


def describe_problem(problem: TrustProblem) -> str:
    """Return how a trust policy is not one principal with an external ID."""
    who = problem.principal
    return say(f"trust.{problem.why}", what=describe_principal(who) if who else problem.subject)


def describe_principal(principal: Principal) -> str:
    """Return a principal, which may be the one that is provided at deployment."""
    value = principal.value
    if principal.kind == "provided":
        return say("principals.default", name=value.default) if value.default else say("roles.pump")
    text = value.text or say("principals.unread")
    with_type = principal.kind in TEXTS["principals"]
    return say(f"principals.{principal.kind}", name=text) if with_type else text


def describe_principals(other: OtherResource) -> str:
    """Return whom a resource lets in, or what it is attached to; empty if it names no one."""
    return ", ".join((*map(describe_principal, other.principals), *other.attached_to))


def describe_boundary(arn: str) -> str:
    """Return a permissions boundary: the policy's name if it is in the role's account."""
    found = _POLICY_ARN.fullmatch(arn)
    if found is None:
        return arn
    account, name, logical_id = found.groups()
    if logical_id:
        return say("roles.same_template", name=logical_id)
    if account == "aws":
        return say("roles.aws_managed", name=name)
    return name if account == "${AWS::AccountId}" else arn


def describe_scope(scope: Scope) -> str:
    """Return on which resources, and under which conditions, a statement applies."""
    # Different resources must not become the same text.
    listed = ", ".join(
        f'"{resource}"' if "," in resource else resource for resource in scope.resources
    )
    where = say("scopes.everywhere" if scope.everywhere else "scopes.some", resources=listed)
    if scope.excluded:
        where = say("scopes.all_but", resources=listed)
    return say("scopes.if", scope=where, condition=scope.condition) if scope.condition else where


def describe_difference(difference: Difference, sides: Sides = "account") -> str:
    """Return a difference in one line."""
    rule = difference.rule
    if rule == "external-id":
        return _external_ids(difference, sides)
    was, now = ", ".join(difference.was), ", ".join(difference.now)
    subject = difference.subject
    if rule == "trust-broken":
        now = ", ".join(map(describe_principal, difference.gained))
    if difference.part == "boundary":
        was, now, subject = map(describe_boundary, (was, now, subject))
        if rule == "boundary-stops":
            rule = "boundary-changed" if was else "boundary-added"
    key = f"rules.{rule}"
    if rule == "trust-policy":
        key = f"rules.trust-policy-{difference.effect}"
    elif rule == "organization" and not now:
        key = "rules.organization-none"
    elif rule == "session-duration":
        was, now = (f"{seconds:,}" for seconds in difference.numbers)
    if sides == "time" and rule in TEXTS["since"]:
        key = f"since.{rule}"
    words = say(key, was=was, now=now, subject=subject, policy=describe_policy(difference))
    neutral = rule in ("policy-added", "policy-removed", "policy-changed", "boundary-text")
    if neutral and difference.effect == "unclear" and not difference.decisions:
        return say("differences.neutral", difference=words)
    return words


def details_of(difference: Difference, sides: Sides = "time") -> list[str]:
    """Return what a difference changes, in one line each."""
    return [*dict.fromkeys(_details(difference, sides))]


def _details(difference: Difference, sides: Sides) -> Iterator[str]:
    if difference.rule in ("role-present", "role-misplaced"):
        yield from map(_stack, difference.now)
    if difference.rule == "trust-policy":
        lost = "differences.no_longer_trusts" if sides == "time" else "differences.does_not_trust"
        for key, principals in (("differences.trusts", difference.gained), (lost, difference.lost)):
            for principal in principals:
                yield say(key, principal=describe_principal(principal))
        yield from map(describe_problem, difference.problems)
    values = difference.rule != "sessions-revoked" and (difference.was or difference.now)
    if difference.part == "inline-policies" and values:
        yield describe_values(difference, sides) or ", ".join((*difference.was, *difference.now))
    if difference.unreadable:
        text = "differences.has_unreadable"
        if difference.effect == "narrower":
            in_time = sides == "time"
            text = "differences.no_longer_unreadable" if in_time else "differences.not_unreadable"
        yield say(text)
    yield from (_describe_change(change, sides) for change in difference.decisions)


def describe_values(difference: Difference, sides: Sides = "time") -> str:
    """Return the values of a guardrail on both sides; empty if one of them has none."""
    if difference.part != "inline-policies" or not (difference.was and difference.now):
        return ""
    return say(f"sides.{sides}", was=joined(difference.was), now=joined(difference.now))


def joined(names: Iterable[str]) -> str:
    """Return names with "and" between them, without empty ones."""
    return say("differences.and").join(filter(None, names))


def _describe_change(change: DecisionChange, sides: Sides = "time") -> str:
    """Return how decisions differ, with the number of actions."""
    number = count_actions(change.actions, TEXTS["changed_actions"][""])
    return f"{number}: {describe_decisions(change, sides)}"


def count_actions(actions: Sequence[str], nouns: Sequence[str]) -> str:
    """Return how many actions there are, and how many patterns that may match more."""
    # All but some actions is a pattern, too.
    patterns = sum(not {*action}.isdisjoint("*? ") for action in actions)
    number = len(actions) - patterns
    # The catalog does not have all that a pattern matches.
    shown = say("numbers.at_least", number=f"{number:,}") if patterns else f"{number:,}"
    parts = [f"{shown} {nouns[number != 1]}"] if number else []
    return joined(parts + ([say("units.patterns", patterns)] if patterns else []))


def describe_decisions(change: DecisionChange, sides: Sides = "time") -> str:
    """Return how decisions differ."""
    was, now = _decided(change.before), _decided(change.after)
    if was == now:
        was, now = (_decided(side, whole=True) for side in (change.before, change.after))
    return say(f"sides.{sides}", was=was, now=now)


def _decided(grant: Grant, *, whole: bool = False) -> str:
    # What a guardrail of this package limits is known, unless somebody changed it.
    limits = [
        describe_scope(scope)
        for scope in grant.limits
        if whole or not all(policy in by_policy() for policy in grant.denied_by)
    ]
    decided: str = grant.decision
    if grant.denied_by:
        policies = joined(map(_guardrail, grant.denied_by))
        decided = say("differences.by", decision=decided, policies=policies)
    if limits:
        decided = say("differences.limits", decision=decided, limits=", ".join(limits))
    if grant.decision in (DENIED, NOT_GRANTED) or not grant.allowed_on:
        return decided
    text = "differences.only" if grant.decision == ALLOWED else "differences.allowed_only"
    scopes = say("differences.or").join(map(describe_scope, grant.allowed_on))
    return say(text, decision=decided, scopes=scopes)


def _guardrail(policy: str) -> str:
    found = by_policy().get(policy)
    return policy if found is None else found.name


def describe_policy(difference: Difference) -> str:
    """Return which policy a difference is about."""
    if difference.part == "boundary":
        return say("differences.boundary")
    is_guardrail = difference.subject in by_policy()
    text = "differences.guardrail" if is_guardrail else "differences.inline_policy"
    if difference.part == "managed-policies":
        text = "differences.managed_policy"
    return say(text, name=difference.subject)


def _external_ids(difference: Difference, sides: Sides) -> str:
    missing, extra = difference.numbers
    if sides == "time":
        # Only their number is known: a report does not show external IDs.
        if not (missing or extra):
            return say("since.open_external_id")
        key = "since.fewer_external_ids" if missing else "since.more_external_ids"
        return say(key, missing or extra)
    for problem in difference.problems:
        return describe_problem(problem)
    if missing:
        return say("differences.other_external_id" if extra else "differences.no_external_id")
    if not extra:
        return say("differences.fewer_external_ids")
    return say("differences.more_external_ids", extra)


_STACK_SET_PREFIX: Final = "StackSet-"
"""The prefix of the names of stacks that a StackSet created."""


def _stack(name: str) -> str:
    is_instance = name.startswith(_STACK_SET_PREFIX)
    return say("differences.stack_instance" if is_instance else "differences.stack", name=name)


_GRANTS: Final = 8
"""How many of the patterns that a policy allows are listed."""


def describe_access(ways: Iterable[Access]) -> str:
    """Return in which ways a resource reaches Pump's roles; empty if there are none."""
    return "; ".join(map(_say_access, ways))


def describe_alarms(other: OtherResource) -> str:
    """Return which resource reaches Pump's roles, and how."""
    return f"{other.name} ({other.type}): {describe_access(other.alarms)}"


def describe_grants(other: OtherResource) -> str:
    """Return what a resource allows; empty if it allows nothing itself."""
    return ", ".join(first(map(_say_access, other.grants), _GRANTS))


def _say_access(way: Access) -> str:
    if way.why == "opens" and way.subject in TEXTS["opens"]:
        return say(f"opens.{way.subject}")
    return say(f"access.{way.why}", subject=cut(way.subject, _SHOWN))


def describe_place(place: Deployment) -> str:
    """Return where a template deploys a role, in words."""
    sentences = [*_stack_set(place)] if place.stack_set else [_one_stack(place)]
    unknown = map(describe_unknown, place.unreadable)
    return " ".join((*sentences, *(say("places.uncertain", why=why) for why in unknown)))


def _one_stack(place: Deployment) -> str:
    account = say("places.account" if place.account else "places.yours", account=place.account)
    text = "places.one_stack_in" if place.region else "places.one_stack"
    return say(text, account=account, region=place.region)


def _stack_set(place: Deployment) -> Iterator[str]:
    yield say(
        f"places.stack_set{'_of' if place.account else ''}{'_in' if place.region else ''}",
        name=place.stack_set,
        account=place.account,
        region=place.region,
        targets=_targets(place),
    )
    if place.units and place.automatic:
        yield say("places.automatic_even" if place.filter else "places.automatic")
    elif place.units:
        yield say("places.not_automatic")
    if place.call_as == "delegated-admin":
        yield say("places.delegated")
    elif place.call_as not in ("", "management"):
        yield say("places.called_as", caller=place.call_as)


def _targets(place: Deployment) -> str:
    accounts = _listed(place.accounts) or say("places.unread_accounts")
    if not place.units and place.accounts:
        return say("places.accounts", accounts=accounts)
    if not place.units:
        return accounts if place.unreadable else say("places.no_account")
    text = {"exclude": "places.except", "only": "places.only", "": "places.every"}
    return say(
        text.get(place.filter, "places.filtered"),
        units=_listed(place.units),
        accounts=accounts,
        filter=place.filter,
    )


def _listed(names: tuple[str, ...]) -> str:
    *others, last = names or ("",)
    return joined([", ".join(others), last]) if others else last
