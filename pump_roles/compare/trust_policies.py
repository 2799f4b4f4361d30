"""Compares trust policies: whether more or fewer callers can assume a role."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Final

from pump_roles.compare.difference import Difference
from pump_roles.iam.conditions import Condition, ConditionTest
from pump_roles.iam.decisions import Effect
from pump_roles.iam.external_ids import EXTERNAL_ID_KEY, ExternalId
from pump_roles.iam.identity_policies import VERSIONS, in_newest_version
from pump_roles.iam.trust import ASSUME_ROLE, OF_AWS, Principal, Trust, TrustProblem, TrustStatement
from pump_roles.patterns import covers, folded

_PrincipalKey = tuple[str, str]

_PROVIDED: Final[_PrincipalKey] = ("provided", "")


def trust_differences(
    expected: Trust, found: Trust, *, account: str = "", over_time: bool = False
) -> Iterator[Difference]:
    """Yield how a trust policy differs from the expected one, or from that of an earlier time.

    An open external ID can be any external ID, and an open principal that is expected, one account
    or role.
    """
    if not trust_effects(expected, found):
        return
    before, now = _by_identity(expected.principals), _by_identity(found.principals)
    deleted = {identity: who for identity, who in now.items() if who.kind == "deleted"}
    if deleted:
        yield Difference(
            rule="trust-broken",
            effect="unclear" if before.keys() & now.keys() else "narrower",
            part="trust-policy",
            gained=tuple(deleted.values()),
            actions=(ASSUME_ROLE,),
        )
    by_themselves = (
        _has_only_exact_ids(expected)
        and _has_only_exact_ids(found)
        and not _have_swapped_ids(expected, found, before.keys() & now.keys())
    )
    if by_themselves:
        differing = _number_of_ids if over_time else _external_ids
        yield from differing(found.external_ids, expected.external_ids)
    # Compare everything else as if they were not deleted.
    instead = {identity: next(iter(before), identity) for identity in deleted}
    others = [who for identity, who in now.items() if identity not in {*before, *deleted}]
    if not over_time and _PROVIDED in before.keys() - now.keys() and len(others) == 1:
        instead |= {who.identity: _PROVIDED for who in others if who.is_single}
    gained = [who for who in others if who.identity not in instead]
    trusted = {instead.get(identity, identity) for identity in now}
    lost = [who for identity, who in before.items() if identity not in trusted]
    problems = [
        problem
        for problem in found.problems
        if problem not in expected.problems
        and (problem.principal is None or problem.principal not in (*gained, *deleted.values()))
    ]
    texts = _have_texts(expected, found)
    was = _meaning(expected, ids=not by_themselves, texts=texts)
    is_now = _meaning(found, ids=not by_themselves, texts=texts, instead=instead)
    for effect in _effects(was, is_now, account):
        loses, gains = effect != "broader", effect != "narrower"
        yield Difference(
            rule="trust-policy",
            effect=effect,
            part="trust-policy",
            lost=tuple(lost) if loses else (),
            gained=tuple(gained) if gains else (),
            actions=(ASSUME_ROLE,),
            problems=tuple(dict.fromkeys(problems)) if gains or not lost else (),
        )


def trust_effects(expected: Trust, found: Trust, *, account: str = "") -> tuple[Effect, ...]:
    """Return whether a trust policy is broader than another, narrower, or both; else unclear.

    Empty if both mean the same. If in doubt, it is broader.
    """
    texts = _have_texts(expected, found)
    return _effects(_meaning(expected, texts=texts), _meaning(found, texts=texts), account)


def _by_identity(principals: Iterable[Principal]) -> dict[_PrincipalKey, Principal]:
    return {who.identity: who for who in principals}


def _has_only_exact_ids(trust: Trust) -> bool:
    requiring = [statement for statement in trust.allows if statement.external_ids]
    return bool(requiring) and all(found.id_required == "exactly" for found in requiring)


def _have_texts(*trusts: Trust) -> bool:
    # Not those of a report.
    return all(
        id_.has_text or id_.state != "known"
        for trust in trusts
        for statement in trust.statements
        for id_ in statement.external_ids
    )


def _have_swapped_ids(expected: Trust, found: Trust, principals: Collection[_PrincipalKey]) -> bool:
    # The IDs are the same, but not for each of the principals.
    if {*expected.external_ids} != {*found.external_ids}:
        return False
    was, now = (
        {
            (who.identity, id_)
            for statement in trust.allows
            for who in statement.principals
            for id_ in statement.external_ids
            if who.identity in principals
        }
        for trust in (expected, found)
    )
    return was != now


def _number_of_ids(
    found: Sequence[ExternalId], expected: Sequence[ExternalId]
) -> Iterator[Difference]:
    # Whether they are others is another change.
    is_open, was_open = (sum(id_.state == "open" for id_ in ids) for ids in (found, expected))
    if is_open > was_open:
        yield _difference_of_ids("unclear", 0, 0)
    more = len(found) - len(expected)
    if more:
        yield _difference_of_ids("broader" if more > 0 else "narrower", max(-more, 0), max(more, 0))


def _external_ids(
    found: Sequence[ExternalId], expected: Sequence[ExternalId]
) -> Iterator[Difference]:
    known = [id_ for id_ in expected if id_.state != "open"]
    number_open = len(expected) - len(known)
    missing = [id_ for id_ in known if id_ not in found]
    extra = [id_ for id_ in dict.fromkeys(found) if id_ not in known]
    if len(extra) == number_open and not missing:
        return
    effect: Effect = "unclear"
    if not missing:
        effect = "broader" if len(extra) > number_open else "narrower"
    elif not extra:
        effect = "narrower"
    only_case = bool(missing) and all(
        any(id_.differs_in_case_from(other) for other in extra) for id_ in missing
    )
    problems = (TrustProblem("external-id-case"),) if only_case else ()
    yield _difference_of_ids(effect, len(missing), len(extra), problems)


def _difference_of_ids(
    effect: Effect, missing: int, extra: int, problems: tuple[TrustProblem, ...] = ()
) -> Difference:
    return Difference(
        rule="external-id",
        effect=effect,
        part="trust-policy",
        problems=problems,
        numbers=(missing, extra),
        actions=(ASSUME_ROLE,),
    )


@dataclass(frozen=True)
class _TrustRule:
    # What allows or denies one action to one principal.
    effect: str
    action: str
    principal: _PrincipalKey
    condition: Condition = field(repr=False)

    def covers(self, other: "_TrustRule", account: str) -> bool:
        """Return whether it applies to every call that another part applies to."""
        return (
            self.effect == other.effect
            and covers(self.action, other.action)
            and _is_within(other.principal, self.principal, account)
            and other.condition.implies(self.condition)
        )


@dataclass(frozen=True)
class _Meaning:
    parts: frozenset[_TrustRule]
    unreadable: frozenset[object]


def _meaning(
    trust: Trust,
    *,
    texts: bool,
    ids: bool = True,
    instead: Mapping[_PrincipalKey, _PrincipalKey] | None = None,
) -> _Meaning:
    readable = [statement for statement in trust.statements if statement.is_comparable]
    parts = frozenset(
        _TrustRule(
            effect=statement.effect,
            action=folded(action),
            principal=(instead or {}).get(who.identity, who.identity),
            condition=_condition(statement, ids=ids or statement.effect == "Deny", texts=texts),
        )
        for statement in readable
        for action, who in product(statement.actions, statement.principals)
    )
    unread: set[object] = {in_newest_version(text, trust.version) for text in trust.not_read}
    for statement in trust.statements:
        if not statement.is_comparable:
            unread.add((statement, in_newest_version(statement.not_read, trust.version)))
    if trust.version not in VERSIONS:
        unread.add(trust.version)
    return _Meaning(parts=parts, unreadable=frozenset(unread))


def _condition(statement: TrustStatement, *, ids: bool, texts: bool) -> Condition:
    if statement.id_required != "exactly":
        return statement.condition
    # Without IDs, it requires one of those that are compared by themselves.
    listed = sorted({*statement.compared_ids(by_text=texts)}) if ids else [""]
    required = ConditionTest("StringEquals", EXTERNAL_ID_KEY, tuple(listed))
    return Condition(tuple(sorted({*statement.condition.tests, required})))


def _effects(was: _Meaning, now: _Meaning, account: str) -> tuple[Effect, ...]:
    if was == now:
        return ()
    if was.unreadable or now.unreadable:
        return ("broader",)
    added = _not_covered(now.parts, was.parts, account)
    removed = _not_covered(was.parts, now.parts, account)
    effects: list[Effect] = []
    if "Allow" in added or "Deny" in removed:
        effects.append("broader")
    if "Allow" in removed or "Deny" in added:
        effects.append("narrower")
    return tuple(effects) or ("unclear",)


def _not_covered(
    parts: frozenset[_TrustRule], others: frozenset[_TrustRule], account: str
) -> set[str]:
    # The effects of the parts that no equal or broader part among the others covers.
    of_principal: dict[_PrincipalKey, list[_TrustRule]] = {}
    for other in others:
        of_principal.setdefault(other.principal, []).append(other)
    wide = [who for who in of_principal if who[0] in ("account", "everyone")]
    found: set[str] = set()
    for part in parts - others:
        # Only some principals can include another one.
        including = {part.principal, *(who for who in wide if part.effect not in found)}
        candidates = (
            other
            for who in including
            if who in of_principal and _is_within(part.principal, who, account)
            for other in of_principal[who]
        )
        if part.effect not in found and not any(o.covers(part, account) for o in candidates):
            found.add(part.effect)
    return found


def _is_within(inner: _PrincipalKey, outer: _PrincipalKey, account: str) -> bool:
    if inner == outer:
        return True
    if inner[0] not in OF_AWS:
        return False
    # Trust in an account includes its roles and users, if their own policies allow the call. In the
    # role's own account, a role or user that is named needs no such policy.
    arn = inner[1].split(":")
    of_account = outer[0] == "account" and outer[1] != account
    return outer[0] == "everyone" or (of_account and arn[0] == "arn" and arn[4:5] == [outer[1]])
