"""What has changed since an earlier report, in its effect on the decision for each action."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from pump_roles.iam.canonical import account_of_root
from pump_roles.report.decisions import ALLOWED, DENIED, NOT_GRANTED, Grant
from pump_roles.report.model import BROADENED, CHANGED, NARROWED, Change, Report
from pump_roles.report.places import in_words
from pump_roles.report.state import Earlier, State, state_of
from pump_roles.report.statements import LIMITED, NO, UNKNOWN, YES, Statement
from pump_roles.templates import Place

__all__ = ["changes", "newly_matched"]

_NOTHING: Final = Grant(decision=NOT_GRANTED, granted_by=(), denied_by=())

_EFFECTS: Final = (BROADENED, CHANGED, NARROWED)
_RISKS: Final = ("money", "writes", "data", "", "reads")

_NOUNS: Final = {
    "money": ("action that can spend money", "actions that can spend money"),
    "writes": ("action that writes or tags", "actions that write or tag"),
    "data": ("action that returns data", "actions that return data"),
    "reads": ("action that reads metadata", "actions that read metadata"),
}


def changes(earlier: Earlier, report: Report) -> tuple[Change, ...]:
    """Return the differences: first what broadens, then what may broaden, then what narrows.

    Within each group, money, writes, and data come first, and reads of metadata last.

    :param earlier: the earlier report.
    :param report: the current report, without its changes.
    """
    found = [*_roles(earlier, report), *_suspects(earlier, report)]
    return tuple(
        sorted(found, key=lambda change: (_EFFECTS.index(change.effect), _RISKS.index(change.risk)))
    )


def _roles(earlier: Earlier, report: Report) -> Iterator[Change]:
    now = {role.kind: state_of(role, report) for role in report.roles}
    statements = {statement.id: statement for statement in report.statements}
    for kind, state in now.items():
        if kind not in earlier.roles:
            yield Change("role", BROADENED, kind, "the role is new")
            continue
        was = earlier.roles[kind]
        were = [place for place in earlier.places if place.kind == kind]
        places = [found.place for found in report.places if found.kind == kind]
        # The published roles, and those of an account, have no template that deploys them.
        found = [
            *_role(kind, was, state, statements),
            *(_places(kind, were, places) if places else ()),
        ]
        yield from found
        yield from _filled(kind, was, state, noticed=bool(found))
    for kind in sorted(earlier.roles.keys() - now.keys()):
        yield Change("role", NARROWED, kind, "the role is gone")


def _role(
    kind: str, was: State, now: State, statements: Mapping[str, Statement]
) -> Iterator[Change]:
    actions = list(_actions(kind, was, now))
    yield from actions
    reported = {name for change in actions for name in change.actions}
    for id_, answer in now.answers.items():
        statement = statements[id_]
        # An answer that only follows from changed decisions is not a change of its own.
        explained = UNKNOWN not in (was.answers.get(id_), answer) and not reported.isdisjoint(
            statement.roles[kind].named
        )
        if not explained:
            yield from _answer(kind, was.answers.get(id_, answer), answer, statement.title)
    yield from _uncounted(kind, was, now)
    if was.name != now.name:
        yield Change("role", CHANGED, kind, f"its name is {now.name} instead of {was.name}")
    yield from _trust(kind, was, now)
    yield from _boundary(kind, was, now)
    yield from _values(kind, was, now)
    yield from _unreadable(kind, was, now)


def _actions(kind: str, was: State, now: State) -> Iterator[Change]:
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    for name in sorted(was.grants.keys() | now.grants.keys()):
        before, after = was.grants.get(name, _NOTHING), now.grants.get(name, _NOTHING)
        effect = _effect(before, after)
        if effect:
            risk = now.risks.get(name) or was.risks[name]
            decisions = f"{_decided(before, was)} before, {_decided(after, now)} now"
            decisions += _because(before, was, now)
            groups.setdefault((_cause(name, was, now), effect, risk, decisions), []).append(name)
    for (cause, effect, risk, decisions), names in groups.items():
        singular, plural = _NOUNS[risk]
        what = f"{len(names)} {singular if len(names) == 1 else plural}: {decisions}"
        yield Change(cause, effect, kind, what, tuple(names), risk)


def _effect(before: Grant, after: Grant) -> str:
    if _nothing(before) or _nothing(after):
        if _nothing(before) and _nothing(after):
            return ""
        return BROADENED if _nothing(before) else NARROWED
    broader = _covers(after.allowed_on, before.allowed_on) and set(after.limits) <= set(
        before.limits
    )
    narrower = _covers(before.allowed_on, after.allowed_on) and set(before.limits) <= set(
        after.limits
    )
    if broader and narrower:
        return ""
    if broader:
        return BROADENED
    return NARROWED if narrower else CHANGED


def _nothing(grant: Grant) -> bool:
    return grant.decision in (DENIED, NOT_GRANTED)


def _covers(allowed_on: Iterable[str], others: Iterable[str]) -> bool:
    # Empty means everything.
    return not set(allowed_on) or (bool(set(others)) and set(others) <= set(allowed_on))


def _decided(grant: Grant, state: State) -> str:
    by = f" by {', '.join(_names(grant.denied_by, state))}" if grant.denied_by else ""
    limits = f" ({', '.join(grant.limits)})" if set(grant.limits) - set(grant.denied_by) else ""
    decided = f"{grant.decision}{by}{limits}"
    if _nothing(grant) or not grant.allowed_on:
        return decided
    only = f"only {' or '.join(grant.allowed_on)}"
    return f"{decided} {only}" if grant.decision == ALLOWED else f"{decided}, allowed {only}"


def _names(policies: Iterable[str], state: State) -> list[str]:
    guardrails = {policy: name for name, policy in state.guardrails.items()}
    return [guardrails.get(policy, policy) for policy in policies]


def _because(grant: Grant, was: State, now: State) -> str:
    gone = [
        name
        for name in _names(grant.denied_by, was)
        if name in was.guardrails and name not in now.guardrails
    ]
    if not gone:
        return ""
    verb = "guardrail {} is" if len(gone) == 1 else "guardrails {} are"
    return f", because the {verb.format(', '.join(gone))} gone"


def _cause(name: str, was: State, now: State) -> str:
    # If an unchanged pattern matches another action, AWS added or removed that action.
    if name not in was.grants:
        patterns, others = set(now.grants[name].granted_by), was.patterns
    elif name not in now.grants:
        patterns, others = set(was.grants[name].granted_by), now.patterns
    else:
        return "role"
    return "AWS" if patterns & others else "role"


def _answer(kind: str, before: str, answer: str, title: str) -> Iterator[Change]:
    if before == answer:
        return
    ranks = {NO: 0, LIMITED: 1, UNKNOWN: 2, YES: 2}
    difference = ranks[answer] - ranks[before]
    effect = BROADENED if difference > 0 else NARROWED if difference < 0 else CHANGED
    yield Change("role", effect, kind, f"{title}: was {before}, now {answer}")


def _uncounted(kind: str, was: State, now: State) -> Iterator[Change]:
    # Actions that are not in the catalog have no decisions to compare, so compare their patterns.
    allowed = any(effect == "Allow" for effect, _, _ in was.uncounted | now.uncounted)
    effects = {"Allow": ("allows", BROADENED, NARROWED), "Deny": ("denies", NARROWED, BROADENED)}
    for effect, (verb, if_new, if_gone) in effects.items() if allowed else ():
        for adverb, change, found in (
            ("now", if_new, now.uncounted - was.uncounted),
            ("no longer", if_gone, was.uncounted - now.uncounted),
        ):
            for _, pattern, scope in sorted(clause for clause in found if clause[0] == effect):
                what = f"{adverb} {verb} {pattern} {scope}, which is not counted"
                yield Change("role", change, kind, what)


def _trust(kind: str, was: State, now: State) -> Iterator[Change]:
    found = list(_visible_trust(kind, was, now))
    yield from found
    # A change that narrows does not rule out other changes.
    known = any(change.may_broaden for change in found)
    if not known and was.trust_sha256 != now.trust_sha256 and was.trust_sha256:
        what = "its trust policy changed in what a report does not show, such as the external ID"
        yield Change("role", CHANGED, kind, what)


def _visible_trust(kind: str, was: State, now: State) -> Iterator[Change]:
    verbs = ("can be assumed by", "can no longer be assumed by")
    # IAM shows the ARN of the account's root instead of an account ID.
    before, after = ({*map(account_of_root, state.principals)} for state in (was, now))
    yield from _added_and_removed(kind, before, after, verbs)
    verbs = ("trust policy, now:", "trust policy, no longer:")
    yield from _added_and_removed(kind, was.trust_problems, now.trust_problems, verbs)
    if was.external_id != now.external_id:
        effect, adverb = (NARROWED, "now") if now.external_id else (BROADENED, "no longer")
        yield Change("role", effect, kind, f"{adverb} requires an external ID")
    if was.external_ids and now.external_ids and was.external_ids != now.external_ids:
        # The remaining ID may be a new one.
        effect = BROADENED if now.external_ids > was.external_ids else CHANGED
        noun = "external ID" if now.external_ids == 1 else "external IDs"
        what = f"accepts {now.external_ids} {noun} instead of {was.external_ids}"
        yield Change("role", effect, kind, what)


def _boundary(kind: str, was: State, now: State) -> Iterator[Change]:
    if was.boundary == now.boundary:
        return
    if was.boundary:
        what = f"no longer has the permissions boundary {was.boundary}"
        yield Change("role", BROADENED, kind, what)
    if now.boundary:
        yield Change("role", NARROWED, kind, f"has the permissions boundary {now.boundary}")


def _values(kind: str, was: State, now: State) -> Iterator[Change]:
    for name in sorted(was.values.keys() & now.values.keys()):
        before, after = was.values[name], now.values[name]
        if set(before) != set(after):
            what = f"{was.in_words[name]} before, {now.in_words[name]} now ({name})"
            yield Change("role", _value_effect(name, before, after, now), kind, what)
            continue
        # Another version of this package can define a guardrail differently.
        old, new = was.scopes(name), now.scopes(name)
        for pattern in sorted(old.keys() & new.keys()):
            if old[pattern] != new[pattern]:
                scopes = " and ".join(sorted(old[pattern])), " and ".join(sorted(new[pattern]))
                what = f"{name} denies {pattern} {scopes[0]} before, {scopes[1]} now"
                yield Change("role", CHANGED, kind, what)
    for name in sorted(was.ends - now.ends):
        what = f"no longer ends; it was {was.in_words[name]}"
        yield Change("role", BROADENED, kind, what)
    for name in sorted(now.ends - was.ends):
        yield Change("role", NARROWED, kind, f"ends: {now.in_words[name]}")


def _value_effect(name: str, before: tuple[str, ...], after: tuple[str, ...], now: State) -> str:
    # A time is in UTC, in a format that sorts; other values are what stays allowed.
    if name in now.ends:
        return BROADENED if after > before else NARROWED
    if set(before) < set(after):
        return BROADENED
    return NARROWED if set(after) < set(before) else CHANGED


def _unreadable(kind: str, was: State, now: State) -> Iterator[Change]:
    # What cannot be read may allow anything, so treat it as broadening.
    yield from _added_and_removed(kind, was.opaque, now.opaque, ("now:", "no longer:"))
    if was.exact and not now.exact:
        yield Change("role", BROADENED, kind, "its numbers are no longer exact")
    if now.exact and not was.exact:
        yield Change("role", NARROWED, kind, "its numbers are now exact")


def _filled(kind: str, was: State, now: State, *, noticed: bool) -> Iterator[Change]:
    # A published role has no trust policy, and nothing to fill in.
    published = not was.trust_sha256 or not now.trust_sha256
    if not published and _may_differ(was.filled_sha256, now.filled_sha256, noticed=noticed):
        what = (
            "what is filled in when it is deployed may have changed, such as a parameter's default"
        )
        yield Change("role", CHANGED, kind, what)


def _may_differ(before: str, now: str, *, noticed: bool) -> bool:
    # If only one of them is empty, another change usually says so.
    return before != now and not (noticed and not (before and now))


def _places(kind: str, was: list[Place], now: list[Place]) -> Iterator[Change]:
    gone, added = list(was), []
    for place in now:
        same = [other for other in gone if _meaning(other) == _meaning(place)]
        if same:
            gone.remove(same[0])
        else:
            added.append(place)
    for place in added:
        same = [other for other in gone if other.stack_set and other.stack_set == place.stack_set]
        if len(same) == 1:
            gone.remove(same[0])
            effect = _place_effect(same[0], place)
            words = [in_words(same[0]), in_words(place)]
            if words[0] == words[1]:
                words = [f"in {', '.join(found.regions)}." for found in (same[0], place)]
            what = f"where it is deployed: {words[0]} Now: {words[1]}"
        else:
            effect, what = BROADENED, f"where it is deployed, now also: {in_words(place)}"
        yield Change("role", effect, kind, what)
    for place in gone:
        what = f"where it is deployed, no longer: {in_words(place)}"
        yield Change("role", NARROWED, kind, what)


def _meaning(place: Place) -> Place:
    # The order and the name of the file do not matter.
    return replace(
        place,
        source="",
        units=tuple(sorted(place.units)),
        accounts=tuple(sorted(place.accounts)),
        regions=tuple(sorted(place.regions)),
        unreadable=tuple(sorted(place.unreadable)),
    )


def _place_effect(was: Place, now: Place) -> str:
    if was.unreadable or now.unreadable or _setting(was) != _setting(now):
        return CHANGED
    filtered = set(now.accounts), set(was.accounts)
    more, less = filtered[::-1] if _filter(now) == "exclude" else filtered
    broader = set(was.units) <= set(now.units) and less <= more and was.automatic <= now.automatic
    narrower = set(now.units) <= set(was.units) and more <= less and now.automatic <= was.automatic
    if broader == narrower:
        return CHANGED
    return BROADENED if broader else NARROWED


def _setting(place: Place) -> tuple[str, str, str, str, frozenset[str]]:
    # More targets mean more accounts only if these settings are the same.
    regions = frozenset(place.regions)
    return _filter(place), place.call_as, place.account, place.region, regions


def _filter(place: Place) -> str:
    # Without a filter, no account is excluded.
    return place.filter or ("exclude" if place.units else "")


def _suspects(earlier: Earlier, report: Report) -> Iterator[Change]:
    now = frozenset(report.suspects)
    found = list(_added_and_removed("", earlier.suspects, now, ("now:", "no longer:")))
    yield from found
    if _may_differ(earlier.suspects_sha256, report.suspects_sha256, noticed=bool(found)):
        yield Change("role", CHANGED, "", "what may give more access may have changed")


def _added_and_removed(
    kind: str, was: AbstractSet[str], now: AbstractSet[str], verbs: tuple[str, str]
) -> Iterator[Change]:
    added, removed = verbs
    for what in sorted(now - was):
        yield Change("role", BROADENED, kind, f"{added} {what}")
    for what in sorted(was - now):
        yield Change("role", NARROWED, kind, f"{removed} {what}")


def newly_matched(found: Iterable[Change]) -> frozenset[str]:
    """Return the names of the actions that a pattern matches now, but did not match earlier.

    :param found: the differences.
    """
    return frozenset(
        name
        for change in found
        if change.cause == "AWS" and change.effect != NARROWED
        for name in change.actions
    )
