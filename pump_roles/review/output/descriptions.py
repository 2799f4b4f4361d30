"""Describes what the project knows as data: differences, decisions, and what is not known.

Each function describes one thing, for every command and format. ``descriptions.json`` has the texts
for each kind of something.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pump_roles.compare.difference import Difference, Rule
from pump_roles.guardrails import by_policy
from pump_roles.iam.decisions import ALLOWED, DENIED, NOT_GRANTED, DecisionChange, Effect, Grant
from pump_roles.iam.identity_policies import Scope
from pump_roles.iam.trust import Principal, TrustProblem
from pump_roles.inputs.text import cut
from pump_roles.review.output import counted, first
from pump_roles.role.access import Access
from pump_roles.role.assembly import Deployment, OtherResource
from pump_roles.role.iam_role import TimedLimit
from pump_roles.role.unknowns import Unknown

_TEXTS: Final[Mapping[str, Mapping[str, Any]]] = json.loads(
    Path(__file__).with_name("descriptions.json").read_bytes()
)

_POLICY_ARN: Final = re.compile(
    r"arn:(?:aws[a-z-]*|\$\{AWS::Partition\}):iam::(\$\{AWS::AccountId\}|[a-z0-9]*)"
    r":policy/(?:([A-Za-z0-9_+=,.@/-]+)|\$\{([A-Za-z0-9]+)\})"
)
"""Accepts only the characters of a policy's name: others could disguise a policy as another one."""

_SHOWN: Final = 80
"""The maximum length of a value that cannot be read, in characters."""

_VALUES: Final = {"conditional", "not-counted", "transform", "unreadable"}
"""What is not known because of a value in a template, which may be long."""

RISKS_IN_WORDS: Final = {
    "money": "spend money",
    "writes": "other changes",
    "data": "return data",
    "reads": "read metadata",
}
"""What an action can do at worst."""

Sides = Literal["time", "account", "template"]
"""What ``was`` and ``now`` are in a difference: before and now; or what is expected, and what is in
an account or a template.
"""


def describe_unknown(unknown: Unknown) -> str:
    """Return what is not known about a role, a template, or an account."""
    longest = _SHOWN if unknown.why in _VALUES else None
    part, subject = unknown.part, cut(unknown.subject, longest)
    detail = cut(unknown.detail, longest)
    if (part, unknown.why, subject) == ("trust-policy", "open", "1"):
        described = _ONE_EXTERNAL_ID
    else:
        named = unknown.subject and part in _TEXTS["named_parts"]
        about = _TEXTS["named_parts" if named else "parts"][part].format(subject=subject)
        if part == "place" and unknown.why in ("member", "property"):
            detail = f"its {detail}"
        text = _texts_for(unknown)[unknown.why]
        described = text.format(about=about, subject=subject, detail=detail)
    return f"{unknown.source}: {described}" if unknown.source else described


_ONE_EXTERNAL_ID: Final = (
    "an external ID was not compared: the expected value is not known; set PUMP_EXTERNAL_ID to it"
)


def can_be_unknown(unknown: Unknown) -> bool:
    """Return whether there is a text for this part and this reason."""
    return unknown.why in _texts_for(unknown)


def _texts_for(unknown: Unknown) -> Mapping[str, str]:
    # The text for its part comes first, then the one with details.
    of_part = _TEXTS["unknown_of_part"].get(unknown.part, {})
    detailed = _TEXTS["unknown_with_detail"] if unknown.detail else {}
    return {**_TEXTS["unknown"], **detailed, **of_part}


def describe_problem(problem: TrustProblem) -> str:
    """Return how a trust policy is not one principal with an external ID."""
    who = problem.principal
    what = describe_principal(who) if who else problem.subject
    text: str = _TEXTS["trust"][problem.why]
    return text.format(what=what)


def describe_principal(principal: Principal) -> str:
    """Return a principal, which may be the one that is provided at deployment."""
    default, text = principal.value.default, principal.value.text
    if principal.kind == "provided":
        return f"{default}, unless another principal is provided" if default else "Pump's principal"
    text = text or "a principal that cannot be read"
    if principal.kind == "service":
        return f"Service {text}"
    if principal.kind == "identity-provider":
        return f"Federated {text}"
    return f"all but {text}" if principal.kind == "all-but" else text


def describe_time(time: str) -> str:
    """Return a time in UTC, such as ``2027-01-01`` or ``2027-01-01 18:00 UTC``."""
    date, _, clock = time.removesuffix("Z").partition("T")
    return date if clock == "00:00:00" else f"{date} {clock.removesuffix(':00')} UTC"


def describe_ended(ended: Iterable[TimedLimit]) -> str:
    """Return which denies have ended, and when."""
    return joined(
        f"{limit.policy or 'a deny of the trust policy'} on {describe_time(limit.until)}"
        for limit in ended
    )


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
        return f"{logical_id} (in the same template)"
    if account == "aws":
        return f"{name} (AWS managed)"
    return name if account == "${AWS::AccountId}" else arn


def describe_scope(scope: Scope) -> str:
    """Return on which resources, and under which conditions, a statement applies."""
    # Different resources must not become the same text.
    listed = ", ".join(
        f'"{resource}"' if "," in resource else resource for resource in scope.resources
    )
    where = "on every resource" if scope.everywhere else f"on {listed}"
    if scope.excluded:
        where = f"on all but {listed}"
    return f"{where}, if {scope.condition}" if scope.condition else where


def describe_scopes(scopes: Iterable[Scope], further: int = 0) -> str:
    """Return on which resources, and under which conditions, some statements apply.

    :param further: how many others there are.
    """
    more = [f"{further:,} more"] if further else []
    return " or ".join([*map(describe_scope, scopes), *more])


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
    if rule == "approval-end-role":
        subject = _TEXTS["parts"][subject]
    if rule == "session-duration":
        was, now = (f"{seconds:,}" for seconds in difference.numbers)
    texts = _TEXTS["rules"][rule]
    text: str = _TRUST_POLICIES[difference.effect] if rule == "trust-policy" else texts["text"]
    if rule == "organization" and not now:
        text = "it is in no organization, instead of that of the management account {was}"
    elif sides == "time":
        text = texts.get("since", text)
    described = text.format(was=was, now=now, subject=subject, policy=describe_policy(difference))
    neutral = rule in ("policy-added", "policy-removed", "policy-changed", "boundary-text")
    if neutral and difference.effect == "unclear" and not difference.decisions:
        return f"{described}, which does not change the decision for any known action"
    return described


def describe_remedy(rule: Rule) -> str:
    """Return what to do about a kind of difference."""
    remedy: str = _TEXTS["rules"][rule]["remedy"]
    return remedy.format(**_TEXTS["phrases"])


_TRUST_POLICIES: Final[Mapping[Effect, str]] = {
    "broader": "its trust policy allows more",
    "unclear": "its trust policy differs",
    "narrower": "its trust policy allows less",
}


def details_of(difference: Difference, sides: Sides = "time") -> list[str]:
    """Return what a difference changes, in one line each."""
    return [*dict.fromkeys(_details(difference, sides))]


def _details(difference: Difference, sides: Sides) -> Iterator[str]:
    if difference.rule in ("role-present", "role-misplaced"):
        yield from map(_stack, difference.now)
    if difference.rule == "trust-policy":
        lost = "no longer trusts" if sides == "time" else "does not trust"
        for verb, principals in (("trusts", difference.gained), (lost, difference.lost)):
            yield from (f"{verb} {describe_principal(principal)}" for principal in principals)
        yield from map(describe_problem, difference.problems)
    values = difference.rule != "sessions-revoked" and (difference.was or difference.now)
    if difference.part == "inline-policies" and values:
        yield describe_values(difference, sides) or ", ".join((*difference.was, *difference.now))
    if difference.unreadable:
        has = "has"
        if difference.effect == "narrower":
            has = "no longer has" if sides == "time" else "does not have"
        yield f"{has} a statement that cannot be read"
    yield from (_describe_change(change, sides) for change in difference.decisions)


def describe_values(difference: Difference, sides: Sides = "time") -> str:
    """Return the values of a guardrail on both sides; empty if one of them has none."""
    if difference.part != "inline-policies" or not (difference.was and difference.now):
        return ""
    return _on_both(sides, joined(difference.was), joined(difference.now))


def _on_both(sides: Sides, was: str, now: str) -> str:
    if sides == "time":
        return f"{was} before, {now} now"
    return f"{now} {'in the account' if sides == 'account' else 'here'} instead of {was}"


def joined(names: Iterable[str]) -> str:
    """Return names with "and" between them, without empty ones."""
    return " and ".join(filter(None, names))


def _describe_change(change: DecisionChange, sides: Sides = "time") -> str:
    number = count_actions(change.actions, "action", "actions")
    return f"{number}: {describe_decisions(change, sides)}"


def count_actions(actions: Sequence[str], one: str, several: str) -> str:
    """Return how many actions there are, and how many patterns that may match more."""
    # All but some actions is a pattern, too.
    patterns = sum(not {*action}.isdisjoint("*? ") for action in actions)
    number = len(actions) - patterns
    # The catalog does not have all that a pattern matches.
    at_least = "at least " if patterns else ""
    shown = f"{at_least}{counted(number, one, several)}" if number else ""
    return joined([shown, counted(patterns, "pattern") if patterns else ""])


def describe_decisions(change: DecisionChange, sides: Sides = "time") -> str:
    """Return how decisions differ."""
    was, now = _decided(change.before), _decided(change.after)
    if was == now:
        was, now = (_decided(side, whole=True) for side in (change.before, change.after))
    return _on_both(sides, was, now)


def _decided(grant: Grant, *, whole: bool = False) -> str:
    # What a guardrail of this package limits is known, unless somebody changed it.
    limits = [
        describe_scope(scope)
        for scope in grant.limits
        if whole or not all(policy in by_policy() for policy in grant.denied_by)
    ]
    decided: str = grant.decision
    if grant.denied_by:
        decided = f"{decided} by {joined(map(_guardrail, grant.denied_by))}"
    if limits:
        decided = f"{decided} ({', '.join(limits)})"
    if grant.decision in (DENIED, NOT_GRANTED) or not grant.allowed_on:
        return decided
    only = " only" if grant.decision == ALLOWED else ", allowed only"
    return f"{decided}{only} {describe_scopes(grant.allowed_on, grant.further_allowed)}"


def _guardrail(policy: str) -> str:
    found = by_policy().get(policy)
    return policy if found is None else found.name


def describe_policy(difference: Difference) -> str:
    """Return which policy a difference is about."""
    if difference.part == "boundary":
        return "its permissions boundary"
    kind = "guardrail" if difference.subject in by_policy() else "inline policy"
    if difference.part == "managed-policies":
        kind = "attached managed policy"
    return f"the {kind} {difference.subject}"


def _external_ids(difference: Difference, sides: Sides) -> str:
    missing, extra = difference.numbers
    if sides == "time":
        return _since(missing, extra)
    if difference.problems:
        return describe_problem(difference.problems[0])
    several = "an external ID that is" if extra == 1 else f"{extra:,} external IDs that are"
    accepted = {
        (True, True): "accepts a different external ID than expected",
        (True, False): "does not accept an expected external ID",
        (False, True): f"accepts {several} not expected",
        (False, False): "accepts fewer external IDs than expected",
    }
    return f"it {accepted[bool(missing), bool(extra)]}"


def _since(missing: int, extra: int) -> str:
    # Only their number is known: a report does not show external IDs.
    if not (missing or extra):
        return "an external ID is now provided at deployment, and may be another one"
    more = "fewer external ID" if missing else "more external ID"
    return f"it accepts {counted(missing or extra, more)}"


_STACK_SET_PREFIX: Final = "StackSet-"
"""The prefix of the names of stacks that a StackSet created."""


def _stack(name: str) -> str:
    created = f"the stack {name} created it"
    is_instance = name.startswith(_STACK_SET_PREFIX)
    return f"{created}; delete the stack instance, not the stack" if is_instance else created


_LISTED: Final = 3
"""How many of the resources that reach Pump's roles in the same way are listed."""

_GRANTS: Final = 8
"""How many of the patterns that a policy allows are listed."""


def describe_access(ways: Iterable[Access]) -> str:
    """Return in which ways a resource reaches Pump's roles; empty if there are none."""
    return "; ".join(map(_describe_way, ways))


def describe_suspects(other: OtherResource, *alike: OtherResource) -> str:
    """Return which resources reach Pump's roles, all in one way, and how."""
    named = first_named(each.name for each in (other, *alike))
    return f"{named} ({other.type}): {describe_access(other.suspect_access)}"


def first_named(names: Iterable[str]) -> str:
    """Return the first names, and how many more there are."""
    return ", ".join(first(names, _LISTED))


def describe_grants(other: OtherResource) -> str:
    """Return what a resource allows; empty if it allows nothing itself."""
    return ", ".join(first(map(_describe_way, other.grants), _GRANTS))


def _describe_way(way: Access) -> str:
    text: str = _TEXTS["access"][way.why]
    if way.why == "opens":
        text = _TEXTS["opens"].get(way.subject, text)
    return text.format(subject=cut(way.subject, _SHOWN))


def describe_place(place: Deployment) -> str:
    """Return where a template deploys a role, in words."""
    sentences = [*_stack_set(place)] if place.stack_set else [_one_stack(place)]
    unknown = map(describe_unknown, place.unreadable)
    return " ".join((*sentences, *(f"Not certain: {why}." for why in unknown)))


def _one_stack(place: Deployment) -> str:
    account = f"account {place.account}" if place.account else "the account where you deploy it"
    return f"One stack, in {account}{f', {place.region}' if place.region else ''}."


def _stack_set(place: Deployment) -> Iterator[str]:
    account = f" of account {place.account}" if place.account else ""
    region = f" in {place.region}" if place.region else ""
    yield f"The StackSet {place.stack_set}{account}{region} deploys it to {_targets(place)}."
    if place.units and place.automatic:
        even = ", even if the account filter excludes it today" if place.filter else ""
        yield f"An account that is added to these units later gets it automatically{even}."
    elif place.units:
        yield "An account that is added to these units later does not get it."
    if place.call_as == "delegated-admin":
        yield "A delegated administrator deploys the StackSet."


def _targets(place: Deployment) -> str:
    units = _listed(place.units)
    accounts = _listed(place.accounts) or "accounts that cannot be read"
    if not place.units:
        if place.accounts:
            return f"the accounts {accounts}"
        return accounts if place.unreadable else "no account that the template names"
    targets = {
        "": f"every account of {units}",
        "only": f"{accounts}, if in {units}",
        "exclude": f"the accounts of {units}, except {accounts}",
    }
    filtered = f"the accounts of {units}, filtered by {place.filter} with {accounts}"
    return targets.get(place.filter, filtered)


def _listed(names: tuple[str, ...]) -> str:
    *others, last = names or ("",)
    return joined([", ".join(others), last]) if others else last
