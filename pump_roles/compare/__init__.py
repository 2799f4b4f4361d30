"""Compares a role with what is expected of it. Everything that compares two roles uses this.

It loads the action catalog only if policies differ.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from pump_roles.compare.difference import Difference, Rule
from pump_roles.compare.trust_policies import trust_differences
from pump_roles.iam.decisions import Effect, StepsLeft, decision_changes
from pump_roles.iam.identity_policies import Policy, Value, without_partition
from pump_roles.iam.trust import ASSUME_ROLE
from pump_roles.role.guardrail_policies import guardrail_of, opened
from pump_roles.role.iam_role import Boundary, Role, revoked_before, stops
from pump_roles.role.unknowns import RolePart

_ACCOUNT: Final = re.compile("::[0-9]{12}:")


def compare(
    expected: Role, found: Role, *, account: str = "", over_time: bool = False
) -> tuple[Difference, ...]:
    """Return how a role differs from what is expected.

    What the expected role leaves open can have any value: a name or a policy document that is known
    only at deployment, Pump's principal, external IDs, and whether a policy that may deny is there.
    Parts that are not known on either side are not compared.
    """
    return tuple(_differences(expected, found, account, over_time=over_time))


def compare_roles(
    before: Mapping[str, Role], after: Mapping[str, Role]
) -> tuple[tuple[str, Difference], ...]:
    """Return how the roles of one time differ from those of another, with their kinds."""
    found: list[tuple[str, Difference]] = []
    for kind, role in after.items():
        if kind in before:
            was, now = _anywhere(before[kind]), _anywhere(role)
            found += ((kind, difference) for difference in compare(was, now, over_time=True))
        else:
            found.append((kind, Difference(rule="role-present", effect="broader")))
    gone = sorted(before.keys() - after.keys())
    found += ((kind, Difference(rule="role-missing", effect="narrower")) for kind in gone)
    return tuple(found)


def _anywhere(role: Role) -> Role:
    # The account and the partition that it is in do not change what it can do there. What is not
    # known at either time is reported by itself.
    def boundary_of(boundary: Boundary) -> Boundary:
        arn = _ACCOUNT.sub("::${AWS::AccountId}:", without_partition(boundary.arn.text))
        policy = boundary.policy and boundary.policy.with_texts(without_partition)
        return Boundary(arn=replace(boundary.arn, text=arn), policy=policy)

    return replace(
        role,
        policies=tuple(policy.with_texts(without_partition) for policy in role.policies),
        may_deny=tuple(policy.with_texts(without_partition) for policy in role.may_deny),
        boundary=role.boundary and boundary_of(role.boundary),
        unknown=(),
    )


def _differences(
    expected: Role, found: Role, account: str, *, over_time: bool
) -> Iterator[Difference]:
    yield from _plain("role-name", "name", expected.name, found.name)
    yield from _plain("role-path", "path", expected.path, found.path)
    yield from trust_differences(expected.trust, found.trust, account=account, over_time=over_time)
    if over_time:
        yield from may_deny_differences(expected, found)
    else:
        found = without_denies_that_may_be(expected, found)
    yield from policy_differences(expected, found, each=not over_time)
    yield from _session(expected.session, found.session)
    yield from _boundary(expected.boundary, found.boundary, over_time=over_time)
    yield from _tags(expected, found)


def _plain(rule: Rule, part: RolePart, was: Value, now: Value) -> Iterator[Difference]:
    if was.is_known and now.is_known and was != now:
        yield Difference(rule=rule, effect="unclear", part=part, was=(was.text,), now=(now.text,))


def _session(was: int | Value, now: int | Value) -> Iterator[Difference]:
    if isinstance(was, int) and isinstance(now, int) and was != now:
        yield Difference(
            rule="session-duration",
            effect="broader" if now > was else "narrower",
            part="session",
            numbers=(was, now),
            actions=(ASSUME_ROLE,),
        )


def _boundary(
    expected: Boundary | None, found: Boundary | None, *, over_time: bool
) -> Iterator[Difference]:
    sides = [side for side in (expected, found) if side is not None]
    if not over_time and not all(side.arn.is_known for side in sides):
        return
    was: tuple[str, ...] = () if expected is None else (expected.arn.text,)
    now: tuple[str, ...] = () if found is None else (found.arn.text,)
    if was != now:
        rule: Rule = "boundary-changed" if was and now else "boundary-removed"
        effect: Effect = "unclear" if was and now else "broader"
        if not was:
            rule, effect = "boundary-added", "narrower"
        if found is not None and found.stops:
            rule, effect = "boundary-stops", "narrower"
        elif expected is not None and expected.stops:
            effect = "broader"
        yield Difference(
            rule=rule, effect=effect, part="boundary", subject=(now or was)[0], was=was, now=now
        )
        return
    before, after = (side and side.policy for side in (expected, found))
    if before and after and not before.means_the_same_as(after):
        text = Difference(rule="boundary-text", effect="unclear", part="boundary", subject=now[0])
        # A boundary by itself, as if it were the only policy of a role.
        yield from in_each_direction(text, [before], [after])


def _tags(expected: Role, found: Role) -> Iterator[Difference]:
    was, now = expected.tags, found.tags
    # What is not known, or open, may be anything. So may a tag, if not all are known.
    free = {key.lower() for side in (was, now) for key in side if not side[key].is_known}
    opened_then, opened_now = opened(expected), opened(found)
    for key in sorted({*was, *now}):
        if key.lower() in free:
            continue
        if key in opened_now:
            if now[key] != was.get(key) and not expected.is_unknown("tags"):
                rule: Rule = "tag-changed" if key in was else "tag-added"
                yield Difference(rule=rule, effect="broader", part="tags", subject=key)
        elif key in opened_then and not found.is_unknown("tags"):
            yield Difference(rule="tag-removed", effect="narrower", part="tags", subject=key)


# Identity policies: their effect on the decision for each action

_PartAndSubject = tuple[RolePart, str]


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
    # The effects that are reported for each action. If there is too much to compare, those of each
    # policy are not known, but those of all policies together are.
    reported: dict[str, set[Effect]] = {}
    left = StepsLeft()
    for key in differing:
        old, new = before.get(key), now.get(key)
        is_stop = new is not None and _newly_denies(old, new)
        if not (each or is_stop or _has_value(expected.kind, old, new)):
            continue
        changed = {other: policy for other, policy in before.items() if other != key}
        if key in now:
            changed[key] = now[key]
        for difference in _of_policy(expected.kind, key, before, changed, left):
            for action in difference.actions:
                reported.setdefault(action, set()).add(difference.effect)
            yield difference
    if len(differing) > 1 or (differing and not each):
        # What newly denies everything is reported, and must not hide the rest.
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
            if not any(map(policy.means_the_same_as, others)):
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
            and policy.is_known
            and policy.means_the_same_as(other)
            for part, other in may_be
        )
    )
    return replace(found, policies=tuple(policies))


def _part_of(policy: Policy) -> RolePart:
    return "managed-policies" if policy.arn else "inline-policies"


_PARTS: Final[tuple[RolePart, ...]] = ("inline-policies", "managed-policies")


def _by_key(policies: Sequence[Policy]) -> dict[_PartAndSubject, Policy]:
    found: dict[_PartAndSubject, Policy] = {}
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
    before: Mapping[_PartAndSubject, Policy], now: Mapping[_PartAndSubject, Policy]
) -> dict[_PartAndSubject, Policy]:
    # If the name of a managed policy is generated, its document tells which one it is.
    found = dict(now)
    for key, policy in before.items():
        if ":policy/${" not in policy.arn or key in found:
            continue
        for other in [other for other in found if other not in before]:
            if other[0] == key[0] and found[other].means_the_same_as(policy):
                found[key] = found.pop(other)
                break
    return found


def _is_same(expected: Policy, found: Policy) -> bool:
    # A document that could not be read is not known to differ.
    return not (expected.is_known and found.is_known) or expected.means_the_same_as(found)


def _of_policy(
    kind: str,
    key: _PartAndSubject,
    before: Mapping[_PartAndSubject, Policy],
    now: Mapping[_PartAndSubject, Policy],
    left: StepsLeft,
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
        revoked = (time,) if time else ()
        yield replace(difference, rule=rule, effect="narrower", now=revoked, actions=("*",))
        return
    ending = any(found is not None and found.ends for found in guardrails)
    # One that denies everything from a certain time on is about every action.
    if left.number < 0:
        yield difference
        return
    for part in in_each_direction(difference, [*before.values()], [*now.values()], left):
        yield replace(part, actions=("*",), decisions=()) if ending else part


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
    asked = () if role.is_unknown("tags") else policy.asked_tags
    tags = {key.lower(): value for key, value in role.tags.items()}
    keys = {
        f"aws:principaltag/{key}": tags[key].text if key in tags else None
        for key in {*asked, *tags}
        if key not in tags or tags[key].is_known
    }

    left = tuple(
        statement
        for statement in policy.statements
        if statement.effect != "Deny" or statement.scope.condition.is_met(keys) is not False
    )
    return replace(policy, statements=left)


def in_each_direction(
    difference: Difference,
    before: Sequence[Policy],
    now: Sequence[Policy],
    left: StepsLeft | None = None,
) -> tuple[Difference, ...]:
    """Return a difference between policies once for each direction in which they differ.

    If they decide everything alike, it is returned as it is.
    """
    changes = decision_changes(before, now, left)
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
    return {(policy.name, statement) for policy in policies for statement in policy.unreadable}


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
            if not _is_reported(difference.effect, reported.get(action, set()))
        )
        if new or (difference.unreadable and not each):
            yield replace(difference, actions=new)


def _is_reported(effect: Effect, reported: AbstractSet[Effect]) -> bool:
    # The effect "unclear" is both, but it does not tell that there is only more.
    if effect in reported:
        return True
    if effect == "narrower":
        return "unclear" in reported
    return effect == "unclear" and {"broader", "narrower"} <= reported
