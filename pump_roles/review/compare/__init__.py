"""Compares a role with what is expected of it. Everything that compares two roles uses this.

It loads the action catalog only if policies differ.
"""

from collections.abc import Iterator, Mapping

from pump_roles.iam.decisions import Effect
from pump_roles.iam.documents import Policy
from pump_roles.iam.trust import ASSUME_ROLE
from pump_roles.review.compare.difference import Difference, Rule
from pump_roles.review.compare.identity_policies import (
    guardrail_of,
    in_each_direction,
    policy_differences,
    same_document,
)
from pump_roles.review.compare.trust_policies import trust_differences
from pump_roles.review.role import Boundary, Part, Role

__all__ = [
    "Difference",
    "Effect",
    "Rule",
    "compare",
    "compare_roles",
    "guardrail_of",
    "same_document",
]


def compare(
    expected: Role, found: Role, *, account: str = "", over_time: bool = False
) -> tuple[Difference, ...]:
    """Return how a role differs from what is expected.

    What the expected role leaves open can have any value: a name or a policy document that is known
    only at deployment, Pump's principal, and external IDs. Parts that are not known on either side
    are not compared.
    """
    return tuple(_differences(expected, found, account, over_time=over_time))


def compare_roles(
    before: Mapping[str, Role], after: Mapping[str, Role]
) -> tuple[tuple[str, Difference], ...]:
    """Return how the roles of one time differ from those of another, with their kinds."""
    found: list[tuple[str, Difference]] = []
    for kind, role in after.items():
        if kind in before:
            found += (
                (kind, difference) for difference in compare(before[kind], role, over_time=True)
            )
        else:
            found.append((kind, Difference(rule="role-present", effect="broader")))
    gone = sorted(before.keys() - after.keys())
    found += ((kind, Difference(rule="role-missing", effect="narrower")) for kind in gone)
    return tuple(found)


def _differences(
    expected: Role, found: Role, account: str, *, over_time: bool
) -> Iterator[Difference]:
    def compared(part: Part) -> bool:
        return not (expected.is_unknown(part) or found.is_unknown(part))

    if compared("name") and expected.name and found.name and expected.name != found.name:
        yield _plain("role-name", "name", expected.name, found.name)
    if compared("path") and expected.path != found.path:
        yield _plain("role-path", "path", expected.path, found.path)
    if compared("trust-policy"):
        yield from trust_differences(
            expected.trust, found.trust, account=account, any_principal=not over_time
        )
    yield from policy_differences(expected, found, each=not over_time)
    if compared("session") and expected.session_seconds != found.session_seconds:
        more = found.session_seconds > expected.session_seconds
        yield Difference(
            rule="session-duration",
            effect="broader" if more else "narrower",
            part="session",
            numbers=(expected.session_seconds, found.session_seconds),
            actions=(ASSUME_ROLE,),
        )
    if compared("boundary"):
        yield from _boundary(expected.boundary, found.boundary)
    if compared("tags"):
        yield from _tags(expected, found)


def _plain(rule: Rule, part: Part, was: str, now: str) -> Difference:
    return Difference(rule=rule, effect="other", part=part, was=(was,), now=(now,))


def _boundary(expected: Boundary | None, found: Boundary | None) -> Iterator[Difference]:
    was: tuple[str, ...] = () if expected is None else (expected.arn,)
    now: tuple[str, ...] = () if found is None else (found.arn,)
    if was != now:
        rule: Rule = "boundary-changed" if was and now else "boundary-removed"
        effect: Effect = "other" if was and now else "broader"
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
    texts = [side.document for side in (expected, found) if side is not None]
    if now and None not in texts and not same_document(*texts):
        text = Difference(rule="boundary-text", effect="other", part="boundary", subject=now[0])
        # A boundary by itself, as if it were the only policy of a role.
        before, after = ([Policy(name="boundary", document=each, arn=now[0])] for each in texts)
        yield from in_each_direction(text, before, after)


def _tags(expected: Role, found: Role) -> Iterator[Difference]:
    was, now = expected.tags, found.tags
    unknown = {
        one.subject for side in (expected, found) for one in side.unknown if one.part == "tags"
    }
    for key in sorted({*was, *now} - unknown):
        if key not in now:
            yield Difference(rule="tag-removed", effect="other", part="tags", subject=key)
        elif now[key] != was.get(key):
            rule: Rule = "tag-changed" if key in was else "tag-added"
            yield Difference(rule=rule, effect="broader", part="tags", subject=key)
