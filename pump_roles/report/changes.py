"""What has changed since an earlier report: what the role's owner changed, and what AWS did."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pump_roles.published import ROLES
from pump_roles.report.catalog import reviewed
from pump_roles.report.clauses import EVERYWHERE
from pump_roles.report.model import Change, RoleReport

__all__ = ["Earlier", "Entry", "State", "changes", "new_actions", "since_reviewed", "state_of"]

_BROADENED: Final = "broadened"
_NARROWED: Final = "narrowed"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A pattern of a policy.

    :param policy: the policy's name.
    :param effect: ``Allow`` or ``Deny``.
    :param pattern: the pattern.
    :param scope: on which resources, and under which conditions.
    """

    policy: str
    effect: str
    pattern: str
    scope: str

    def __str__(self) -> str:
        verb = {"Allow": "allows", "Deny": "denies"}.get(self.effect, self.effect)
        scope = "" if self.scope == EVERYWHERE else f" {self.scope}"
        return f"{verb} {self.pattern}{scope}"


@dataclass(frozen=True, kw_only=True)
class State:
    """A role at one time.

    :param entries: the actions that each pattern matches.
    :param exact: whether its numbers are exact.
    :param principals: who may assume it; ``None`` if that is not known.
    :param external_id: whether it requires an external ID; ``None`` if that is not known.
    :param external_ids: how many external IDs it accepts; ``None`` if that is not known.
    :param boundary: its permissions boundary; ``None`` if that is not known.
    :param unreadable: what it has that cannot be read or counted, and the problems of its trust;
        ``None`` if that is not known.
    """

    entries: Mapping[Entry, frozenset[str]]
    exact: bool
    principals: frozenset[str] | None = None
    external_id: bool | None = None
    external_ids: int | None = None
    boundary: str | None = None
    unreadable: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What a report is compared with.

    :param date: the date of its catalog.
    :param roles: the roles by kind.
    :param complete: whether it has all the roles and guardrails that there were.
    """

    date: str
    roles: Mapping[str, State]
    complete: bool


def since_reviewed() -> Earlier:
    """Return the published policies, and what they matched when that was last reviewed."""
    seen = reviewed()
    return Earlier(
        date=seen["date"],
        roles={
            role.kind: State(
                entries={
                    Entry(
                        policy=policy.name, effect="Allow", pattern=pattern, scope=EVERYWHERE
                    ): frozenset(seen["patterns"].get(pattern, []))
                    for policy in role.policies
                    for pattern in policy.patterns
                },
                exact=True,
            )
            for role in ROLES.values()
        },
        complete=False,
    )


def state_of(role: RoleReport) -> State:
    """Return what an earlier report is compared with.

    :param role: the role now.
    """
    return State(
        entries={
            Entry(
                policy=policy.name,
                effect=pattern.effect,
                pattern=pattern.pattern,
                scope=pattern.scope,
            ): frozenset(pattern.actions)
            for policy in role.policies
            for pattern in policy.patterns
        },
        exact=role.exact,
        principals=frozenset(role.principals),
        external_id=role.external_id,
        external_ids=role.external_ids,
        boundary=role.boundary,
        unreadable=frozenset((*role.unreadable, *role.trust_problems, *role.uncounted)),
    )


def new_actions(earlier: Earlier, now: Mapping[str, State]) -> set[str]:
    """Return the names of the actions that a pattern matches now and did not match earlier.

    :param earlier: what it was.
    :param now: the roles by kind.
    """
    return {
        action
        for kind, state in now.items()
        if kind in earlier.roles
        for entry, actions in state.entries.items()
        if entry.effect == "Allow" and entry in earlier.roles[kind].entries
        for action in actions - earlier.roles[kind].entries[entry]
    }


def changes(
    earlier: Earlier, now: Mapping[str, State], guardrails: Collection[str]
) -> Iterator[Change]:
    """Return the differences.

    :param earlier: what it was.
    :param now: the roles by kind.
    :param guardrails: the names of the guardrails' policies. An earlier report that is not complete
        does not have them, so that they are not a change.
    """
    for kind, state in now.items():
        if kind in earlier.roles:
            was = earlier.roles[kind]
            entries = {
                entry: actions
                for entry, actions in state.entries.items()
                if earlier.complete or entry.policy not in guardrails
            }
            yield from _entries(kind, was.entries, entries)
            yield from _trust(kind, was, state)
            yield from _boundary(kind, was, state)
            yield from _unreadable(kind, was, state)
        elif earlier.complete:
            yield Change("role", _BROADENED, kind, "the role is new")
    if earlier.complete:
        for kind in sorted(earlier.roles.keys() - now.keys()):
            yield Change("role", _NARROWED, kind, "the role is gone")


def _entries(
    kind: str, was: Mapping[Entry, frozenset[str]], now: Mapping[Entry, frozenset[str]]
) -> Iterator[Change]:
    for entry, actions in now.items():
        more, less = _effects(entry)
        if entry not in was:
            yield Change("role", more, kind, f"{entry.policy} {entry}")
            continue
        for action in sorted(actions - was[entry]):
            what = f"{entry.pattern} in {entry.policy} matches {action}"
            yield Change("AWS", more, kind, what)
        for action in sorted(was[entry] - actions):
            what = f"{entry.pattern} in {entry.policy} no longer matches {action}"
            yield Change("AWS", less, kind, what)
    for entry in was:
        if entry not in now:
            _, less = _effects(entry)
            yield Change("role", less, kind, f"{entry.policy} no longer {entry}")


def _effects(entry: Entry) -> tuple[str, str]:
    # Of matching more, and of matching less.
    return (_NARROWED, _BROADENED) if entry.effect == "Deny" else (_BROADENED, _NARROWED)


def _trust(kind: str, was: State, now: State) -> Iterator[Change]:
    if was.principals is not None and now.principals is not None:
        verbs = ("may be assumed by", "may no longer be assumed by")
        yield from _came_and_went(kind, was.principals, now.principals, verbs)
    if was.external_id is not None and was.external_id != now.external_id:
        effect, adverb = (_NARROWED, "now") if now.external_id else (_BROADENED, "no longer")
        yield Change("role", effect, kind, f"{adverb} requires an external ID")
    if was.external_ids and now.external_ids and was.external_ids != now.external_ids:
        effect = _BROADENED if now.external_ids > was.external_ids else _NARROWED
        noun = "external ID" if now.external_ids == 1 else "external IDs"
        what = f"accepts {now.external_ids} {noun} instead of {was.external_ids}"
        yield Change("role", effect, kind, what)


def _boundary(kind: str, was: State, now: State) -> Iterator[Change]:
    if was.boundary is None or was.boundary == now.boundary:
        return
    if was.boundary:
        yield Change("role", _BROADENED, kind, f"no longer has the boundary {was.boundary}")
    if now.boundary:
        yield Change("role", _NARROWED, kind, f"has the boundary {now.boundary}")


def _unreadable(kind: str, was: State, now: State) -> Iterator[Change]:
    # Nobody knows what it gives, so it is taken to broaden.
    if was.unreadable is not None and now.unreadable is not None:
        yield from _came_and_went(kind, was.unreadable, now.unreadable, ("now:", "no longer:"))
    if was.exact and not now.exact:
        yield Change("role", _BROADENED, kind, "its numbers are no longer exact")
    if now.exact and not was.exact:
        yield Change("role", _NARROWED, kind, "its numbers are now exact")


def _came_and_went(
    kind: str, was: frozenset[str], now: frozenset[str], verbs: tuple[str, str]
) -> Iterator[Change]:
    came, went = verbs
    for what in sorted(now - was):
        yield Change("role", _BROADENED, kind, f"{came} {what}")
    for what in sorted(was - now):
        yield Change("role", _NARROWED, kind, f"{went} {what}")
