"""Compares the policies of a role, in their effect on the decision for each action."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, Final

from pump_roles.compare.difference import Difference, Rule
from pump_roles.guardrails import Guardrail, asked_tags, opening_tags, opening_value, recognized
from pump_roles.iam.canonical import canonical_condition
from pump_roles.iam.clauses import canonical, unreadable_statements
from pump_roles.iam.conditions import is_met
from pump_roles.iam.decisions import Effect, decision_changes
from pump_roles.iam.documents import Policy, as_list, as_mapping
from pump_roles.published import ROLES
from pump_roles.role import Part, Role, revoked_before, stops

_Key = tuple[Part, str]


def policy_differences(expected: Role, found: Role, *, each: bool = True) -> Iterator[Difference]:
    """Yield how a role's policies differ from the expected ones: each on its own, then together."""
    before = _by_key(expected.policies)
    now = _named_as_expected(before, _by_key(found.policies))
    # What could not be listed is neither missing nor added.
    known = {part for part in _PARTS if not (found.is_unknown(part) or expected.is_unknown(part))}
    before = {key: policy for key, policy in before.items() if key[0] in known}
    now = {
        key: before[key] if key in before and _is_same(before[key], policy) else policy
        for key, policy in now.items()
        if key[0] in known
    }
    differing = sorted(
        key for key in before.keys() | now.keys() if before.get(key) is not now.get(key)
    )
    for role, side in ((expected, before), (found, now)):
        side.update({key: _as_tagged(side[key], role) for key in differing if key in side})
    # The effects that are reported for each action.
    reported: dict[str, set[Effect]] = {}
    for key in differing:
        old, new = before.get(key), now.get(key)
        is_stop = new is not None and _newly_denies(old, new)
        if not (each or is_stop or _has_value(expected.kind, old, new)):
            continue
        changed = {other: policy for other, policy in before.items() if other != key}
        if key in now:
            changed[key] = now[key]
        for difference in _of_policy(expected.kind, key, before, changed):
            for action in difference.actions:
                reported.setdefault(action, set()).add(difference.effect)
            yield difference
    if len(differing) > 1 or (differing and not each):
        # What newly denies everything is told, and must not hide the rest.
        rest = {key: now[key] for key in now if not _newly_denies(before.get(key), now[key])}
        was, after = (
            [policy for policy in side.values() if not _is_ending(expected.kind, policy)]
            for side in (before, rest)
        )
        yield from _together(was, after, reported, each=each)


def may_deny_differences(expected: Role, found: Role) -> Iterator[Difference]:
    """Yield how the policies differ that may deny, whose effect on decisions is not certain."""
    sides: list[tuple[Rule, Effect, Role, Role]] = [
        ("policy-removed", "broader", expected, found),
        ("policy-added", "narrower", found, expected),
    ]
    for rule, effect, here, there in sides:
        for policy in here.may_deny:
            others = (*there.may_deny, *there.policies)
            if not any(same_document(policy.document, other.document) for other in others):
                part = _part_of(policy)
                yield Difference(rule=rule, effect=effect, part=part, subject=policy.name)


def without_denies_that_may_be(expected: Role, found: Role) -> Role:
    """Return a role without the policies that the expected one says may be there.

    The name of a managed policy may be generated.
    """
    kept = _by_key(expected.policies)
    may_be = [(_part_of(policy), policy) for policy in expected.may_deny]
    policies = (
        policy
        for key, policy in _by_key(found.policies).items()
        if key in kept
        or not any(
            part == key[0]
            and (policy.arn or policy.name == other.name)
            and policy.document is not None
            and same_document(policy.document, other.document)
            for part, other in may_be
        )
    )
    return replace(found, policies=tuple(policies))


def _part_of(policy: Policy) -> Part:
    return "managed-policies" if policy.arn else "inline-policies"


_PARTS: Final[tuple[Part, ...]] = ("inline-policies", "managed-policies")


def same_document(document: Any, other: Any) -> bool:
    """Return whether two policy documents mean the same."""
    # The representation distinguishes true from 1.
    return repr(document) == repr(other) or canonical(document) == canonical(other)


def _by_key(policies: Sequence[Policy]) -> dict[_Key, Policy]:
    found: dict[_Key, Policy] = {}
    for policy in policies:
        part, name = _part_of(policy), policy.name.casefold()
        if ":aws:policy/" in policy.arn:
            # The names of AWS managed policies are not unique.
            name = policy.arn
        while (part, name) in found:
            # Keep both policies if their names differ only in case.
            name += " "
        found[part, name] = policy
    return found


def _named_as_expected(
    before: Mapping[_Key, Policy], now: Mapping[_Key, Policy]
) -> dict[_Key, Policy]:
    # If the name of a managed policy is generated, its document tells which one it is.
    found = dict(now)
    for key, policy in before.items():
        if ":policy/${" not in policy.arn or key in found:
            continue
        for other in [other for other in found if other not in before]:
            document = found[other].document
            if other[0] == key[0] and document and same_document(document, policy.document):
                found[key] = found.pop(other)
                break
    return found


def _is_same(expected: Policy, found: Policy) -> bool:
    # A document that could not be read is not known to differ.
    return (
        expected.document is None
        or found.document is None
        or same_document(expected.document, found.document)
    )


def _of_policy(
    kind: str, key: _Key, before: Mapping[_Key, Policy], now: Mapping[_Key, Policy]
) -> Iterator[Difference]:
    old, new = before.get(key), now.get(key)
    policy = new or before[key]
    rule: Rule = "policy-changed"
    if new is None:
        rule = "policy-removed"
    elif old is None:
        rule = "policy-added"
    guardrails = [None if side is None else guardrail_of(kind, side) for side in (old, new)]
    was, is_now = (() if found is None else found.values for found in guardrails)
    difference = Difference(
        rule=rule, effect="unclear", part=key[0], subject=policy.name, was=was, now=is_now
    )
    if new is not None and _newly_denies(old, new):
        time = revoked_before(new)
        rule = "sessions-revoked" if time else "policy-stops"
        given = (time,) if time else ()
        yield replace(difference, rule=rule, effect="narrower", now=given, actions=("*",))
        return
    ending = any(found is not None and found.ends for found in guardrails)
    # One that denies everything from a certain time on is about every action.
    for part in in_each_direction(difference, [*before.values()], [*now.values()]):
        yield replace(part, actions=("*",), decisions=()) if ending else part


def opened(role: Role) -> tuple[str, ...]:
    """Return the keys of a role's tags that open a guardrail, or may; not what is unknown."""
    implemented = [(policy, guardrail_of(role.kind, policy)) for policy in role.policies]
    values = {found.tag: opening_value(found) for _, found in implemented if found is not None}
    elsewhere = opening_tags([policy.document for policy, found in implemented if found is None])
    return tuple(
        key
        for key, value in role.tags.items()
        if value.is_known and (key.lower() in elsewhere or values.get(key.lower()) == value.text)
    )


def guardrail_of(kind: str, policy: Policy) -> Guardrail | None:
    """Return the guardrail that a policy implements; ``None`` for any other policy."""
    if kind not in ROLES or not isinstance(policy.document, dict):
        return None
    return recognized(policy.name, policy.document, ROLES[kind].patterns)


def _has_value(kind: str, old: Policy | None, new: Policy | None) -> bool:
    sides = [None if side is None else guardrail_of(kind, side) for side in (old, new)]
    if None in sides:
        return any(found is not None and found.ends for found in sides)
    return all(found is not None and found.values for found in sides)


def _is_ending(kind: str, policy: Policy) -> bool:
    found = guardrail_of(kind, policy)
    return found is not None and found.ends is not None


def _newly_denies(old: Policy | None, new: Policy) -> bool:
    # Whether it stops the role, or revokes its sessions. In the place of another policy, the latter
    # leaves new sessions without that one.
    if stops(new):
        return old is None or not stops(old)
    return old is None and bool(revoked_before(new))


def _as_tagged(policy: Policy, role: Role) -> Policy:
    # Without the denies that the role's own tags rule out. A guardrail that is as it should be is
    # left to the customer, who opens it.
    if guardrail_of(role.kind, policy) is not None:
        return policy
    asked = () if role.is_unknown("tags") else asked_tags([policy.document])
    tags = {key.lower(): value for key, value in role.tags.items()}
    keys = {
        f"aws:principaltag/{key}": tags[key].text if key in tags else None
        for key in {*asked, *tags}
        if key not in tags or tags[key].is_known
    }

    def applies(statement: Any) -> bool:
        members = as_mapping(statement)
        condition = canonical_condition(members.get("Condition", {}))
        return members.get("Effect") != "Deny" or is_met(condition, keys) is not False

    document = as_mapping(policy.document)
    listed = as_list(document.get("Statement", []))
    left = [statement for statement in listed if applies(statement)]
    if len(left) == len(listed):
        return policy
    return replace(policy, document={**document, "Statement": left})


def in_each_direction(
    difference: Difference, before: Sequence[Policy], now: Sequence[Policy]
) -> tuple[Difference, ...]:
    """Return a difference between policies once for each direction in which they differ.

    If they decide everything alike, it is returned as it is.
    """
    changes = decision_changes(before, now)
    was_unread, unread = _unreadable(before), _unreadable(now)
    # What cannot be read may allow anything.
    directions: tuple[tuple[Effect, bool], ...] = (
        ("broader", bool(unread - was_unread)),
        ("unclear", False),
        ("narrower", bool(was_unread - unread)),
    )
    found = []
    for effect, unreadable in directions:
        decisions = tuple(change for change in changes if change.effect == effect)
        if decisions or unreadable:
            actions = dict.fromkeys(action for change in decisions for action in change.actions)
            found.append(
                replace(
                    difference,
                    effect=effect,
                    actions=tuple(actions),
                    decisions=decisions,
                    unreadable=unreadable,
                )
            )
    return tuple(found) or (difference,)


def _unreadable(policies: Sequence[Policy]) -> set[tuple[str, str]]:
    return {
        (policy.name, repr(statement))
        for policy in policies
        for statement in unreadable_statements(policy.document)
    }


def _together(
    before: Sequence[Policy],
    now: Sequence[Policy],
    reported: Mapping[str, AbstractSet[Effect]],
    *,
    each: bool,
) -> Iterator[Difference]:
    together = Difference(rule="policies-together", effect="unclear", part="inline-policies")
    for difference in in_each_direction(together, before, now):
        new = tuple(
            action
            for action in difference.actions
            if not _is_told(difference.effect, reported.get(action, set()))
        )
        if new or (difference.unreadable and not each):
            yield replace(difference, actions=new)


def _is_told(effect: Effect, reported: AbstractSet[Effect]) -> bool:
    # The effect "unclear" is both, but it does not tell that there is only more.
    if effect in reported:
        return True
    if effect == "narrower":
        return "unclear" in reported
    return effect == "unclear" and {"broader", "narrower"} <= reported
