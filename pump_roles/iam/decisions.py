"""What policies decide about actions, one by one, and what differs between two sets of policies."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, reduce
from itertools import count
from operator import or_
from typing import Final, Literal, NamedTuple

from pump_roles.iam.catalog import Action, Catalog, shipped
from pump_roles.iam.identity_policies import ANY_ARN, EVERYWHERE, ActionPattern, Policy, Scope
from pump_roles.iam.session_conditions import documented_key, is_never_met, needed_keys
from pump_roles.patterns import overlap

Decision = Literal[
    "allowed", "denied", "conditionally denied", "denied on some resources", "not granted"
]

ALLOWED: Final = "allowed"
DENIED: Final = "denied"
CONDITIONALLY: Final = "conditionally denied"
PARTLY: Final = "denied on some resources"
NOT_GRANTED: Final = "not granted"

Effect = Literal["broader", "narrower", "unclear"]
"""What a difference means: more access than expected, less, or neither for certain."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """How policies decide about an action.

    :param decision: ``allowed``, ``denied``, ``conditionally denied``, ``denied on some resources``
        or ``not granted``.
    :param granted_by: the policies and patterns that allow it.
    :param denied_by: the policies that deny it, unconditionally or not.
    :param allowed_on: the only resources and conditions on which it is allowed; empty if it is
        allowed on all.
    :param limits: the resources and conditions on which it is denied; empty if it is denied
        outright.
    :param further: how many other limits there are. The policies list them.
    :param further_allowed: how many other resources and conditions it is allowed on.
    """

    decision: Decision
    granted_by: tuple[tuple[str, str], ...] = ()
    denied_by: tuple[str, ...] = ()
    allowed_on: tuple[Scope, ...] = ()
    limits: tuple[Scope, ...] = ()
    further: int = 0
    further_allowed: int = 0

    @property
    def shortened(self) -> "Grant":
        """The same, with at most 20 limits, and 20 of what it is allowed on."""
        # A role can have a thousand, which would be repeated for each of its actions.
        if max(len(self.limits), len(self.allowed_on)) <= _MANY:
            return self
        return replace(
            self,
            limits=self.limits[:_MANY],
            further=max(len(self.limits) - _MANY, 0),
            allowed_on=self.allowed_on[:_MANY],
            further_allowed=max(len(self.allowed_on) - _MANY, 0),
        )


@dataclass(frozen=True, kw_only=True)
class DecisionChange:
    """Actions whose decision differs in the same way.

    :param effect: whether it gives more access than before, or less.
    :param before: the decision before, without the patterns that allow them.
    :param after: the decision after.
    :param actions: the actions, and the patterns that the catalog does not cover.
    """

    effect: Effect
    before: Grant
    after: Grant
    actions: tuple[str, ...]


class PolicyPattern(NamedTuple):
    """An action pattern that counts, and the policy that has it.

    :param number: what no other one of its evaluator has.
    """

    policy: Policy
    pattern: ActionPattern
    number: int = 0


@dataclass(frozen=True, eq=False)
class Deciding:
    """The patterns of one effect that decide about an action."""

    patterns: Sequence[PolicyPattern] = ()

    @cached_property
    def scopes(self) -> Mapping[Scope, None]:
        """Where they apply: each scope once, in their order."""
        return dict.fromkeys(found.pattern.scope for found in self.patterns)


_Decided = tuple[Deciding, Deciding]
"""The patterns that allow an action, and those that deny it."""

_Lists = tuple[int, int]
"""Which patterns allow an action, and which deny it: an evaluator has the same ones once."""

_UNDECIDED: Final[_Decided] = (Deciding(), Deciding())
"""What decides about an action that nothing allows."""

_BOTH: Final = ("Allow", "Deny")
_WILDCARDS: Final = frozenset("*?")
_WITHOUT_RESOURCES: Final = ""
"""In the place of a service, for the actions without resources."""
_MANY: Final = 20
"""As many limits as someone reads. Of more, what another one covers stays."""

_NOTHING: Final = Grant(decision=NOT_GRANTED)
_EVERYTHING: Final = ActionPattern(
    pattern="*", excluded=None, effect="Allow", scope=EVERYWHERE, readable=True
)


@dataclass
class StepsLeft:
    """How many steps a comparison has left. Without any, its effects are unclear.

    A step is a resource, a value, or a pattern that is compared with another one, or that is
    collected for an action.
    """

    number: int = 300_000

    def take(self, number: int) -> bool:
        """Take some steps, and return whether that many were left."""
        self.number -= number
        return self.number >= 0


class PolicyEvaluator:
    """Evaluates what policies decide about an action.

    A deny does not count if it cannot be read, or if another policy may replace its policy. An
    allow that cannot be read still allows the part that can be read. Neither counts for an action
    whose resources it certainly never applies to. Nor does a deny whose condition no session of a
    role meets, or needs a condition key that AWS does not document for the action.
    """

    def __init__(self, policies: Sequence[Policy], catalog: Catalog) -> None:
        self.policies: Final = policies
        self._catalog = catalog
        certain = certain_policies(policies)
        self._numbers = count()
        self.steps = 0
        """How many steps it took so far, as of :class:`StepsLeft`."""
        self.effective: Final[Mapping[str, list[PolicyPattern]]] = {"Allow": [], "Deny": []}
        """The patterns that count, by their effect."""
        for policy in policies:
            self._add(policy, certain=policy in certain)
        # Those of a service with the same kinds of resources are about these alike.
        self._by_resources: Final[dict[tuple[str, ...], Sequence[PolicyPattern | None]]] = {}
        self._by_action: Final[dict[tuple[str, str], Sequence[PolicyPattern | None]]] = {}
        self._bits_of: Final[dict[int, int]] = {}
        self._in_scopes: Final[dict[tuple[int, Scope], PolicyPattern]] = {}

    def _add(self, policy: Policy, *, certain: bool) -> None:
        for pattern in policy.patterns:
            counts = pattern.effect == "Allow" or (
                pattern.effect == "Deny"
                and pattern.readable
                and certain
                and not is_never_met(pattern.scope.condition)
            )
            if counts and pattern.scope.on(ANY_ARN):
                found = PolicyPattern(policy, pattern, next(self._numbers))
                self.effective[pattern.effect].append(found)

    def limits(self, policy: Policy, pattern: ActionPattern) -> bool:
        """Return whether a deny limits actions, such as those of the catalog that they allow and
        that it matches.
        """
        index = self._denies.get((id(policy), id(pattern)))
        if index is None:
            return False
        matched = matched_by(pattern, self.allowed)
        return not matched or any(self._for("Deny", action)[index] for action in matched)

    @cached_property
    def _denies(self) -> Mapping[tuple[int, int], int]:
        denies = enumerate(self.effective["Deny"])
        return {(id(found.policy), id(found.pattern)): index for index, found in denies}

    @cached_property
    def allowed(self) -> Catalog:
        """The actions of the catalog that they allow, somewhere."""
        actions = self._catalog.actions.items()
        return replace(
            self._catalog,
            actions={key: action for key, action in actions if action.name in self._allows},
        )

    @cached_property
    def _allows(self) -> Mapping[str, Deciding]:
        return self.about(self._catalog, "Allow")

    @cached_property
    def decided(self) -> Mapping[str, _Decided]:
        """What decides about each action of the catalog that they allow, by its name."""
        # Only among these: a deny of every service is about all of the catalog.
        denies = self.about(self.allowed, "Deny")
        return {
            action.name: (self._allows[action.name], denies.get(action.name, _UNDECIDED[1]))
            for action in self.allowed.actions.values()
        }

    def about(self, catalog: Catalog, effect: str) -> Mapping[str, Deciding]:
        """Return the patterns with an effect that are about each action of a catalog, by name."""
        # Many statements are about the same actions, and many actions have the same statements.
        alike = self._alike[effect]
        matching: dict[str, list[int]] = {}
        excluding: dict[str, list[int]] = {}
        all_but = [at for at, (pattern, _) in enumerate(alike) if pattern.excluded is not None]
        for number, (pattern, _) in enumerate(alike):
            named = matching if pattern.excluded is None else excluding
            names = _named_by(pattern, catalog)
            self.steps += len(names)
            for name in names:
                named.setdefault(name, []).append(number)
        counting: dict[object, Deciding] = {}
        distinct: dict[tuple[int, ...], Deciding] = {}
        found: dict[str, Deciding] = {}
        named_actions = (catalog.actions[name.lower()] for name in matching)
        for action in catalog.actions.values() if all_but else named_actions:
            of_it, but = matching.get(action.name, ()), excluding.get(action.name, ())
            placed = self._for(effect, action)
            key = id(placed), tuple(of_it), tuple(but)
            if key not in counting:
                excluded = {*but}
                numbers = (*of_it, *(number for number in all_but if number not in excluded))
                indices = sorted(index for number in numbers for index in alike[number][1])
                self.steps += len(indices)
                each = [which for index in indices if (which := placed[index]) is not None]
                same = tuple(which.number for which in each)
                counting[key] = distinct.setdefault(same, Deciding(each))
            if counting[key].patterns:
                found[action.name] = counting[key]
        return found

    @cached_property
    def _alike(self) -> Mapping[str, Sequence[tuple[ActionPattern, list[int]]]]:
        return {
            effect: _by_actions(each.pattern for each in found)
            for effect, found in self.effective.items()
        }

    @cached_property
    def grants(self) -> Mapping[str, Grant]:
        """How each action of the catalog that they allow is decided, by its name."""
        # The same patterns decide about most actions.
        made: dict[_Lists, Grant] = {}
        found: dict[str, Grant] = {}
        for name, decided in self.decided.items():
            lists = _lists(decided)
            if lists not in made:
                made[lists] = _grant(*decided)
            found[name] = made[lists]
        return found

    def deciding(self, name: str) -> _Decided:
        """Return the patterns that allow an action, and those that deny it."""
        action = self._catalog.actions.get(name.lower())
        if action is not None and action.name in self.decided:
            return self.decided[action.name]
        service = name.lower().partition(":")[0]
        found: dict[str, Deciding] = {}
        for effect in _BOTH:
            placed = self.effective[effect] if action is None else self._for(effect, action)
            within = (placed[index] for index in self._within(effect, service))
            found[effect] = Deciding(
                [each for each in within if each and each.pattern.matches(name)]
            )
        return found["Allow"], found["Deny"]

    def _within(self, effect: str, service: str) -> list[int]:
        # Which patterns may be about actions of a service.
        of_any, of_service = self._by_service[effect]
        if service not in of_service:
            return of_any
        return sorted((*of_any, *of_service[service]))

    @cached_property
    def _by_service(self) -> Mapping[str, tuple[list[int], Mapping[str, list[int]]]]:
        grouped: dict[str, tuple[list[int], dict[str, list[int]]]] = {}
        for effect, found in self.effective.items():
            of_any, of_service = grouped.setdefault(effect, ([], {}))
            for index, (_, pattern, _) in enumerate(found):
                service, colon, _ = pattern.pattern.lower().partition(":")
                one = pattern.excluded is None and colon and _WILDCARDS.isdisjoint(service)
                (of_service.setdefault(service, []) if one else of_any).append(index)
        return grouped

    def grant(self, name: str) -> Grant:
        """Return how an action is decided, whether or not the catalog has it."""
        return self.grants.get(name) or _grant(*self.deciding(name))

    def _for(self, effect: str, action: Action) -> Sequence[PolicyPattern | None]:
        # The patterns that count, with their scopes for an action's resources; None for one that
        # never applies to these.
        if not self._depending[effect]:
            return self.effective[effect]
        if (effect, action.name) not in self._by_action:
            arns = self._catalog.arns[action.name]
            has = {documented_key(key) for key in action.conditions} & self._needed
            key = effect, action.service, *arns, "", *sorted(has)
            if key not in self._by_resources:
                self._by_resources[key] = self._placed(effect, action.service, arns, has)
            self._by_action[effect, action.name] = self._by_resources[key]
        return self._by_action[effect, action.name]

    def _placed(
        self, effect: str, service: str, arns: Sequence[str], has: Collection[str]
    ) -> Sequence[PolicyPattern | None]:
        # Each ARN of the catalog names one service.
        services = {service, *(arn.split(":")[2] for arn in arns)}
        depending = self._depending[effect]
        placed = [*self._independent[effect]]
        bits = self._catalog.arn_index.bits(arns)
        # All patterns of a statement have its scope.
        scopes: dict[int, Scope | None] = {}
        about = {*services, *(() if arns else (_WITHOUT_RESOURCES,))}
        about.update(
            pattern
            for pattern in self._wide[effect]
            if any(overlap(pattern, service) for service in services)
        )
        needing = {at: keys for of in about for at, keys in depending.get(of, {}).items()}
        for index, needed in needing.items():
            found = self.effective[effect][index]
            scope = found.pattern.scope
            if id(scope) not in scopes:
                self.steps += scope.size
                known = needed.issubset(has)
                if not known:
                    scopes[id(scope)] = None
                elif effect == "Allow" and service in scope.services:
                    # AWS may check other resources of the service than it documents.
                    scopes[id(scope)] = scope
                elif effect == "Allow" or scope.excluded:
                    scopes[id(scope)] = scope.on(arns, (f"arn:*:{service}:*",))
                elif not arns or scope.is_of_any_service(certain=True):
                    scopes[id(scope)] = scope.on(arns)
                else:
                    # A deny counts where it certainly applies, at least to some of the resources.
                    scopes[id(scope)] = scope if self._bits(scope) & bits else None
            placed[index] = self._in_scope(found, scopes[id(scope)])
        return placed

    def _bits(self, scope: Scope) -> int:
        if id(scope) not in self._bits_of:
            overlapping = map(self._catalog.arn_index.overlapping, scope.opened)
            self._bits_of[id(scope)] = reduce(or_, overlapping)
        return self._bits_of[id(scope)]

    @cached_property
    def _independent(self) -> Mapping[str, Sequence[PolicyPattern | None]]:
        # The patterns; None for those that depend on the resources or keys of the action.
        found: dict[str, list[PolicyPattern | None]] = {}
        for effect, patterns in self.effective.items():
            of_services = self._depending[effect].items()
            depending = {
                at for of, listed in of_services if of != _WITHOUT_RESOURCES for at in listed
            }
            found[effect] = [None if at in depending else each for at, each in enumerate(patterns)]
        return found

    @cached_property
    def _depending(self) -> Mapping[str, Mapping[str, Mapping[int, frozenset[str]]]]:
        # The patterns whose scope depends on the resources of an action or on its condition keys:
        # the keys that they need, by the pattern of the services whose resources they are about.
        found: dict[str, dict[str, dict[int, frozenset[str]]]] = {"Allow": {}, "Deny": {}}
        for effect, patterns in self.effective.items():
            for at, each in enumerate(patterns):
                scope = each.pattern.scope
                needed = frozenset(needed_keys(scope.condition) if effect == "Deny" else ())
                services: Collection[str] = scope.services
                if not needed and scope.is_of_any_service(certain=effect == "Deny"):
                    services = ()
                elif not needed and scope.excluded:
                    # It applies to every action with resources, at least to some of them.
                    services = (_WITHOUT_RESOURCES,)
                for service in services:
                    found[effect].setdefault(service, {})[at] = needed
        return found

    @cached_property
    def _wide(self) -> Mapping[str, Sequence[str]]:
        # The patterns of services that are not the name of one.
        return {
            effect: [service for service in found if not _WILDCARDS.isdisjoint(service)]
            for effect, found in self._depending.items()
        }

    @cached_property
    def _needed(self) -> frozenset[str]:
        of_services = self._depending["Deny"].values()
        return frozenset().union(*(needed for found in of_services for needed in found.values()))

    def _in_scope(self, found: PolicyPattern, scope: Scope | None) -> PolicyPattern | None:
        if scope is None or scope is found.pattern.scope:
            return None if scope is None else found
        key = found.number, scope
        if key not in self._in_scopes:
            pattern = replace(found.pattern, scope=scope)
            self._in_scopes[key] = PolicyPattern(found.policy, pattern, next(self._numbers))
        return self._in_scopes[key]


# A report compares the roles whose actions it lists, and a role's policies next to the same others.
@lru_cache(maxsize=2**3)
def evaluator_of(policies: tuple[Policy, ...], catalog: Catalog) -> PolicyEvaluator:
    """Return the evaluator of policies, which may be of policies that are equal to them."""
    return PolicyEvaluator(policies, catalog)


def certain_policies(policies: Sequence[Policy]) -> list[Policy]:
    """Return the policies that no other one can replace.

    Inline policies with the same name replace each other. Which one remains is not known, nor is a
    name that is filled in at deployment.
    """
    names = Counter(policy.name.casefold() for policy in policies if not policy.arn)
    known = all(policy.arn or policy.has_valid_name for policy in policies)
    return [
        policy
        for policy in policies
        if policy.arn or (known and names[policy.name.casefold()] == 1)
    ]


def decision_of(limit: Scope) -> Decision:
    """Return what a deny decides."""
    if limit.condition:
        return CONDITIONALLY
    return DENIED if limit.everywhere else PARTLY


def is_covered(pattern: ActionPattern, catalog: Catalog) -> bool:
    """Return whether the catalog has everything that a pattern matches.

    A pattern that matches nothing may match an action that is newer than the catalog.
    """
    return (
        pattern.excluded is None
        and catalog.covers(pattern.pattern)
        and bool(catalog.matched_by(pattern.pattern))
    )


def matched_by(pattern: ActionPattern, catalog: Catalog) -> Sequence[Action]:
    """Return the catalog's actions that a pattern is about."""
    if pattern.excluded is None:
        return catalog.matched_by(pattern.pattern)
    excluded = _named_by(pattern, catalog)
    return [action for action in catalog.actions.values() if action.name not in excluded]


def _named_by(pattern: ActionPattern, catalog: Catalog) -> set[str]:
    # The actions that a pattern matches, or a `NotAction` excludes.
    patterns = [pattern.pattern] if pattern.excluded is None else pattern.excluded
    return {action.name for each in patterns for action in catalog.matched_by(each)}


def decision_changes(
    before: Sequence[Policy], after: Sequence[Policy], left: StepsLeft | None = None
) -> tuple[DecisionChange, ...]:
    """Return how decisions differ: first those that give more access, then those that may.

    :param left: the steps that the comparison has left, of which this one takes some.
    """
    actions, left = shipped(), left or StepsLeft()
    was, now = evaluator_of(tuple(before), actions), evaluator_of(tuple(after), actions)
    taken = was.steps + now.steps
    groups: dict[tuple[Effect, Grant, Grant], list[str]] = {}
    alike: dict[tuple[_Lists, _Lists], tuple[_Decided, _Decided, list[str]]] = {}
    for name in sorted(_differing(was, now)):
        old, new = was.decided.get(name, _UNDECIDED), now.decided.get(name, _UNDECIDED)
        alike.setdefault((_lists(old), _lists(new)), (old, new, []))[2].append(name)
    left.take(was.steps + now.steps - taken)
    for old, new, names in alike.values():
        effect = _effect_of(old, new, left)
        if effect is not None:
            was_shown, shown = (
                replace(side.grants.get(names[0], _NOTHING), granted_by=()).shortened
                for side in (was, now)
            )
            groups.setdefault((effect, was_shown, shown), []).extend(names)
    for names in groups.values():
        names.sort()
    found_effects = {effect for effect, _, _ in groups}
    patterns: dict[str, list[_Uncovered]] = {}
    for found in _uncovered(was, now, actions, left):
        # A deny of what newer actions may be is only worth a line if nothing else says so.
        if found.certain or found.effect not in found_effects:
            patterns.setdefault(found.pattern.named, []).append(found)
    for named, each in patterns.items():
        groups.setdefault(_of_pattern(each), []).append(named)
    order: tuple[Effect, ...] = ("broader", "unclear", "narrower")
    changes = (
        DecisionChange(effect=effect, before=old, after=new, actions=tuple(dict.fromkeys(names)))
        for (effect, old, new), names in groups.items()
    )
    return tuple(sorted(changes, key=lambda change: order.index(change.effect)))


def _by_actions(patterns: Iterable[ActionPattern]) -> Sequence[tuple[ActionPattern, list[int]]]:
    # One pattern of those that are about the same actions, and where all of them are.
    alike: dict[object, tuple[ActionPattern, list[int]]] = {}
    for index, pattern in enumerate(patterns):
        key = pattern.pattern.lower(), pattern.excluded
        alike.setdefault(key, (pattern, []))[1].append(index)
    return [*alike.values()]


def _differing(was: PolicyEvaluator, now: PolicyEvaluator) -> set[str]:
    # The actions of the catalog that either side allows, and that a differing pattern is about.
    old, new = (
        Counter(found.pattern for effect in _BOTH for found in side.effective[effect])
        for side in (was, now)
    )
    differing = [pattern for pattern, _ in _by_actions((old - new) + (new - old))]
    listed = [each for each in differing if each.excluded is None]
    all_but = [each for each in differing if each.excluded is not None]
    names: set[str] = set()
    for side in (was, now):
        names.update(*(_named_by(each, side.allowed) for each in listed))
        if all_but:
            excluded = set.intersection(*(_named_by(each, side.allowed) for each in all_but))
            actions = side.allowed.actions.values()
            names.update(action.name for action in actions if action.name not in excluded)
    return names


def _effect_of(before: _Decided, after: _Decided, left: StepsLeft) -> Effect | None:
    # None if the change of the patterns does not change the decision.
    nothing = _is_nothing(before), _is_nothing(after)
    if all(nothing):
        return None
    if any(nothing):
        return "broader" if nothing[0] else "narrower"
    allows, denies, new_allows, new_denies = (side.scopes.keys() for side in (*before, *after))
    more = _not_covered(new_allows, allows, left) or _not_covered(denies, new_denies, left)
    less = _not_covered(allows, new_allows, left) or _not_covered(new_denies, denies, left)
    if more and less:
        return "unclear"
    return "broader" if more else "narrower" if less else None


def _is_nothing(found: _Decided) -> bool:
    allows, denies = found
    return not allows.patterns or EVERYWHERE in denies.scopes


def _not_covered(found: AbstractSet[Scope], others: AbstractSet[Scope], left: StepsLeft) -> bool:
    # Whether others certainly cover each scope is not certain if that takes too many steps.
    size = sum(other.size for other in others)
    for scope in found - others:
        if not left.take(scope.size * size) or not any(other.covers(scope) for other in others):
            return True
    return False


class _Uncovered(NamedTuple):
    # A pattern that only one side has, about more than the catalog has.
    policy: Policy
    pattern: ActionPattern
    before: bool
    certain: bool

    @property
    def effect(self) -> Effect:
        return "broader" if (self.pattern.effect == "Allow") != self.before else "narrower"


def _of_pattern(found: Sequence[_Uncovered]) -> tuple[Effect, Grant, Grant]:
    effects = {part.effect for part in found}
    effect = effects.pop() if len(effects) == 1 else "unclear"
    return effect, _decided(found, before=True), _decided(found, before=False)


def _decided(found: Sequence[_Uncovered], *, before: bool) -> Grant:
    # What the patterns of one side decide by themselves about what they match.
    here = [PolicyPattern(part.policy, part.pattern) for part in found if part.before is before]
    allows, denies = (
        Deciding([part for part in here if part.pattern.effect == effect]) for effect in _BOTH
    )
    if not allows.patterns and (denies.patterns or found[0].pattern.effect == "Deny"):
        # A deny only counts for what something else allows.
        allows = Deciding([PolicyPattern(found[0].policy, _EVERYTHING)])
    return replace(_grant(allows, denies), granted_by=())


def _uncovered(
    was: PolicyEvaluator, now: PolicyEvaluator, catalog: Catalog, left: StepsLeft
) -> Iterator[_Uncovered]:
    # The catalog does not have all actions of these patterns, so compare the patterns themselves.
    allows = [found.pattern for side in (was, now) for found in side.effective["Allow"]]
    uncovered = [pattern for pattern in allows if not is_covered(pattern, catalog)]
    for effect in _BOTH:
        for side, other in ((was, now), (now, was)):
            for policy, pattern, _ in _only_in(side, other, effect, catalog, left):
                if effect == "Allow" or _shares(pattern, allows, left):
                    certain = effect == "Allow" or _shares(pattern, uncovered, left)
                    yield _Uncovered(policy, pattern, side is was, certain)


def _only_in(
    evaluator: PolicyEvaluator,
    other: PolicyEvaluator,
    effect: str,
    catalog: Catalog,
    left: StepsLeft,
) -> Iterator[PolicyPattern]:
    known: dict[Scope, dict[ActionPattern, None]] = {}
    for _, pattern, _ in other.effective[effect]:
        known.setdefault(pattern.scope, {})[pattern] = None
    scopes = sum(scope.size for scope in known)
    patterns = sum(each.pattern.size for each in other.effective[effect])
    for found in evaluator.effective[effect]:
        pattern = found.pattern
        same = known.get(pattern.scope, {})
        if is_covered(pattern, catalog) or pattern in same:
            continue
        enough = left.take(pattern.scope.size * scopes + pattern.size * patterns)
        if not enough or not any(
            each.matches_all_of(pattern)
            for scope, listed in known.items()
            if scope.covers(pattern.scope)
            for each in listed
        ):
            yield found


def _shares(pattern: ActionPattern, others: Sequence[ActionPattern], left: StepsLeft) -> bool:
    return not left.take(len(others)) or any(
        pattern.excluded is not None
        or other.excluded is not None
        or overlap(pattern.pattern, other.pattern)
        for other in others
    )


# The same patterns decide about many actions.
@lru_cache(maxsize=2**10)
def _widest(scopes: tuple[Scope, ...]) -> tuple[Scope, ...]:
    # One that another one covers changes nothing. Of those that cover each other, the first stays.
    if len(scopes) > _MANY:
        return scopes
    return tuple(
        scope
        for at, scope in enumerate(scopes)
        if not any(
            other.covers(scope) and (index < at or not scope.covers(other))
            for index, other in enumerate(scopes)
            if index != at
        )
    )


def _lists(found: _Decided) -> _Lists:
    allows, denies = found
    return id(allows), id(denies)


def _grant(allows: Deciding, denies: Deciding) -> Grant:
    if not allows.patterns:
        return _NOTHING
    limits = _widest(tuple(denies.scopes))
    decisions = {decision_of(limit) for limit in limits} or {ALLOWED}
    order: tuple[Decision, ...] = (DENIED, CONDITIONALLY, PARTLY, ALLOWED)
    decision = next(found for found in order if found in decisions)
    return Grant(
        decision=decision,
        granted_by=tuple(
            dict.fromkeys((found.policy.name, found.pattern.named) for found in allows.patterns)
        ),
        denied_by=tuple(dict.fromkeys(found.policy.name for found in denies.patterns)),
        allowed_on=() if EVERYWHERE in allows.scopes else tuple(allows.scopes),
        limits=() if decision == DENIED else limits,
    )
