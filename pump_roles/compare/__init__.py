"""Compares a role with what is expected of it. Everything that compares two roles uses this.

It loads the action catalog only if policies differ.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from pump_roles.compare.difference import Difference, Rule
from pump_roles.compare.identity_policies import (
    guardrail_of,
    in_each_direction,
    may_deny_differences,
    opened,
    policy_differences,
    same_document,
    without_denies_that_may_be,
)
from pump_roles.compare.trust_policies import trust_differences
from pump_roles.iam.canonical import without_partition
from pump_roles.iam.decisions import Effect
from pump_roles.iam.documents import Policy
from pump_roles.iam.trust import ASSUME_ROLE
from pump_roles.iam.values import Value
from pump_roles.role import Boundary, Part, Role

_ACCOUNT: Final = re.compile("::[0-9]{12}:")

__all__ = [
    "Difference",
    "Effect",
    "Rule",
    "compare",
    "compare_roles",
    "guardrail_of",
    "in_each_direction",
    "opened",
    "same_document",
]


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
    # known at either time is told by itself.
    def boundary_of(boundary: Boundary) -> Boundary:
        arn = _ACCOUNT.sub("::${AWS::AccountId}:", without_partition(boundary.arn.text))
        document = without_partition(boundary.document)
        return Boundary(arn=replace(boundary.arn, text=arn), document=document)

    def anywhere(policies: tuple[Policy, ...]) -> tuple[Policy, ...]:
        return tuple(
            replace(policy, document=without_partition(policy.document)) for policy in policies
        )

    return replace(
        role,
        policies=anywhere(role.policies),
        may_deny=anywhere(role.may_deny),
        boundary=role.boundary and boundary_of(role.boundary),
        unknown=(),
    )


def _differences(
    expected: Role, found: Role, account: str, *, over_time: bool
) -> Iterator[Difference]:
    yield from _plain("role-name", "name", expected.name, found.name)
    yield from _plain("role-path", "path", expected.path, found.path)
    yield from trust_differences(
        expected.trust, found.trust, account=account, any_principal=not over_time
    )
    if over_time:
        yield from may_deny_differences(expected, found)
    else:
        found = without_denies_that_may_be(expected, found)
    yield from policy_differences(expected, found, each=not over_time)
    yield from _session(expected.session, found.session)
    yield from _boundary(expected.boundary, found.boundary, over_time=over_time)
    yield from _tags(expected, found)


def _plain(rule: Rule, part: Part, was: Value, now: Value) -> Iterator[Difference]:
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
    texts = [side.document for side in sides]
    if now and None not in texts and not same_document(*texts):
        text = Difference(rule="boundary-text", effect="unclear", part="boundary", subject=now[0])
        # A boundary by itself, as if it were the only policy of a role.
        before, after = ([Policy(name="boundary", document=text, arn=now[0])] for text in texts)
        yield from in_each_direction(text, before, after)


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
