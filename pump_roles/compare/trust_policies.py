"""Compares trust policies: whether more or fewer callers can assume a role."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from pump_roles.iam import (
    ASSUME_ROLE,
    EXTERNAL_ID_KEY,
    OF_AWS,
    VERSIONS,
    Effect,
    Principal,
    Trust,
    TrustProblem,
    TrustStatement,
    Value,
    covers,
    folded,
    implies,
    in_newest_version,
)
from pump_roles.role import Difference

_Identity = tuple[str, str]

_ANY: Final = "$"
"""What is in the place of an open external ID: no external ID has this character."""

_PROVIDED: Final[_Identity] = ("provided", "")


def trust_differences(
    expected: Trust, found: Trust, *, account: str = "", any_principal: bool = True
) -> Iterator[Difference]:
    """Yield how a trust policy differs from the expected one.

    An open external ID can be any external ID, and an open principal one account or role.
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
    by_themselves = _has_only_exact_ids(expected) and _has_only_exact_ids(found)
    if by_themselves:
        yield from _external_ids(found.external_ids, expected.external_ids)
    # Compare everything else as if they were not deleted.
    instead = {identity: next(iter(before), identity) for identity in deleted}
    others = [who for identity, who in now.items() if identity not in {*before, *deleted}]
    if any_principal and _PROVIDED in before.keys() - now.keys() and len(others) == 1:
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
    was, is_now = (
        _meaning(expected, ids=not by_themselves),
        _meaning(found, ids=not by_themselves, instead=instead),
    )
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
    return _effects(_meaning(expected), _meaning(found), account)


def _by_identity(principals: Iterable[Principal]) -> dict[_Identity, Principal]:
    return {who.identity: who for who in principals}


def _has_only_exact_ids(trust: Trust) -> bool:
    requiring = [statement for statement in trust.allows if statement.external_ids]
    return bool(requiring) and all(found.id_required == "exactly" for found in requiring)


def _external_ids(found: Sequence[Value], expected: Sequence[Value]) -> Iterator[Difference]:
    known = [value for value in expected if value.state != "open"]
    number_open = len(expected) - len(known)
    missing = [value for value in known if value not in found]
    extra = [value for value in dict.fromkeys(found) if value not in known]
    newly_open = False
    if any(value.state == "hidden" for value in (*expected, *found)):
        # Only their number is known, and whether they are open.
        newly_open = sum(value.state == "open" for value in found) > number_open
        number_open = 0
        missing, extra = [*expected[len(found) :]], [*found[len(expected) :]]
    if len(extra) == number_open and not missing and not newly_open:
        return
    if newly_open:
        yield Difference(
            rule="external-id",
            effect="unclear",
            part="trust-policy",
            numbers=(0, 0),
            actions=(ASSUME_ROLE,),
        )
        if not (missing or extra):
            return
    effect: Effect = "unclear"
    if not missing:
        effect = "broader" if len(extra) > number_open else "narrower"
    elif not extra:
        effect = "narrower"
    cases = {value.text.casefold() for value in extra if value.state == "known"}
    only_case = bool(missing) and all(value.text.casefold() in cases for value in missing)
    yield Difference(
        rule="external-id",
        effect=effect,
        part="trust-policy",
        problems=(TrustProblem("external-id-case"),) if only_case else (),
        numbers=(len(missing), len(extra)),
        actions=(ASSUME_ROLE,),
    )


@dataclass(frozen=True)
class _Part:
    # What allows or denies one action to one principal.
    effect: str
    action: str
    principal: _Identity
    condition: str

    def covers(self, other: "_Part", account: str) -> bool:
        """Return whether it applies to every call that another part applies to."""
        return (
            self.effect == other.effect
            and covers(self.action, other.action)
            and _is_within(other.principal, self.principal, account)
            and implies(json.loads(other.condition), json.loads(self.condition))
        )


@dataclass(frozen=True)
class _Meaning:
    parts: frozenset[_Part]
    unreadable: frozenset[str]


def _meaning(
    trust: Trust, *, ids: bool = True, instead: Mapping[_Identity, _Identity] | None = None
) -> _Meaning:
    readable = [statement for statement in trust.statements if statement.is_comparable]
    others = (repr(statement) for statement in trust.statements if not statement.is_comparable)
    parts = frozenset(
        _Part(
            effect=statement.effect,
            action=folded(action),
            principal=(instead or {}).get(who.identity, who.identity),
            condition=in_newest_version(
                _condition(statement, ids=ids or statement.effect == "Deny"), trust.version
            ),
        )
        for statement in readable
        for action, who in product(statement.actions, statement.principals)
    )
    unread = [in_newest_version(text, trust.version) for text in (*trust.not_read, *others)]
    if trust.version not in VERSIONS:
        unread.append(trust.version)
    return _Meaning(parts=parts, unreadable=frozenset(unread))


def _condition(statement: TrustStatement, *, ids: bool) -> str:
    found: dict[str, Any] = statement.conditions
    if statement.id_required == "exactly":
        # What is open could be anything. Without IDs, it requires one of those that are compared by
        # themselves.
        texts = [_ANY if value.state == "open" else value.text for value in statement.external_ids]
        hidden = [text for text in texts if not text]
        required = {EXTERNAL_ID_KEY: [*hidden, *sorted({*texts} - {""})] if ids else [""]}
        found["StringEquals"] = {**found.get("StringEquals", {}), **required}
    return json.dumps(found, sort_keys=True)


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


def _not_covered(parts: frozenset[_Part], others: frozenset[_Part], account: str) -> set[str]:
    # The effects of the parts that no equal or broader part among the others covers.
    return {
        part.effect
        for part in parts - others
        if not any(other.covers(part, account) for other in others)
    }


def _is_within(inner: _Identity, outer: _Identity, account: str) -> bool:
    if inner == outer:
        return True
    if inner[0] not in OF_AWS:
        return False
    # Trust in an account includes its roles and users, if their own policies allow the call. In the
    # role's own account, a role or user that is named needs no such policy.
    arn = inner[1].split(":")
    of_account = outer[0] == "account" and outer[1] != account
    return outer[0] == "everyone" or (of_account and arn[0] == "arn" and arn[4:5] == [outer[1]])
