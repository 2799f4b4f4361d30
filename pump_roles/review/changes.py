"""What has changed since an earlier report, with the two causes kept apart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pump_roles.published import ROLES
from pump_roles.review.catalogue import reviewed
from pump_roles.review.masking import visible
from pump_roles.review.templates import ReportError

__all__ = ["Change", "Earlier", "Entry", "State", "changes", "earlier_report", "since_reviewed"]


@dataclass(frozen=True)
class Change:
    """A difference from an earlier report.

    :param cause: ``role`` when its policies, trust or boundary changed, whoever changed them;
        ``AWS`` when an unchanged pattern matches other actions.
    :param effect: ``broadened`` or ``narrowed``. Removing a deny broadens.
    :param role: the role's kind.
    :param what: the difference, in one line.
    """

    cause: str
    effect: str
    role: str
    what: str


@dataclass(frozen=True)
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
        where = "" if self.scope == "on every resource" else f" {self.scope}"
        return f"{verb} {self.pattern}{where}"


@dataclass(frozen=True)
class State:
    """A role at one time.

    :param entries: the actions that each pattern matches.
    :param principals: who may assume it; nothing where that is not known.
    :param external_id: whether that takes an external id; nothing where that is not known.
    :param boundary: its permissions boundary; nothing where that is not known.
    :param unread: what it has beyond what can be read or counted, and the problems of its trust;
        nothing where that is not known.
    :param external_ids: how many external ids it takes; nothing where that is not known.
    """

    entries: Mapping[Entry, frozenset[str]]
    principals: frozenset[str] | None = None
    external_id: bool | None = None
    boundary: str | None = None
    unread: frozenset[str] | None = None
    external_ids: int | None = None


@dataclass(frozen=True)
class Earlier:
    """What a report is compared with.

    :param date: the day of its catalogue.
    :param roles: the roles by kind.
    :param complete: whether it says which roles and guardrails there were.
    """

    date: str
    roles: Mapping[str, State]
    complete: bool


def since_reviewed() -> Earlier:
    """The published policies, and what they matched when that was last reviewed."""
    seen = reviewed()
    return Earlier(
        seen["date"],
        {
            role.kind: State(
                {
                    Entry(policy.name, "Allow", pattern, "on every resource"): frozenset(
                        seen["patterns"].get(pattern, [])
                    )
                    for policy in role.policies
                    for pattern in policy.patterns
                }
            )
            for role in ROLES.values()
        },
        complete=False,
    )


def earlier_report(report: Mapping[str, Any]) -> Earlier:
    """Return what an earlier report says.

    :param report: its JSON object.
    :raises ReportError: when it is none, or one of another version that says less.
    """
    try:
        return Earlier(
            date.fromisoformat(report["date"]).isoformat(),
            {_string(role["kind"]): _state(role) for role in _list(report["roles"])},
            complete=True,
        )
    except KeyError as error:
        raise ReportError(f"is no earlier report: it has no {error}") from None
    except (TypeError, ValueError) as error:
        raise ReportError(f"is no earlier report: {error}") from None


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a string")
    return visible(value)


def _strings(value: Any) -> frozenset[str]:
    return frozenset(map(_string, _list(value)))


def _state(role: Mapping[str, Any]) -> State:
    return State(
        {
            Entry(
                _string(policy["name"]),
                _string(one["effect"]),
                _string(one["pattern"]),
                _string(one["scope"]),
            ): _strings(one["actions"])
            for policy in _list(role["policies"])
            for one in _list(policy["patterns"])
        },
        _strings(role["principals"]),
        bool(role["external_id"]),
        _string(role["boundary"]),
        _strings(role["unread"]) | _strings(role["trust_problems"]) | _strings(role["uncounted"]),
        int(role["external_ids"]),
    )


def changes(earlier: Earlier, now: Mapping[str, State], guardrails: Sequence[str]) -> list[Change]:
    """Return the differences.

    :param earlier: what it was.
    :param now: the roles by kind.
    :param guardrails: the names of the guardrails' policies, of which only a complete earlier
        report knows.
    """
    found: list[Change] = []
    for kind, state in now.items():
        if kind not in earlier.roles:
            if earlier.complete:
                found.append(Change("role", "broadened", kind, "the role is new"))
            continue
        entries = {
            entry: actions
            for entry, actions in state.entries.items()
            if earlier.complete or entry.policy not in guardrails
        }
        found += _entries(kind, earlier.roles[kind].entries, entries)
        found += _trust(kind, earlier.roles[kind], state)
        found += _unread(kind, earlier.roles[kind], state)
    if earlier.complete:
        gone = earlier.roles.keys() - now.keys()
        found += [Change("role", "narrowed", kind, "the role is gone") for kind in sorted(gone)]
    return found


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
    more, less = "broadened", "narrowed"
    return (less, more) if entry.effect == "Deny" else (more, less)


def _trust(kind: str, was: State, now: State) -> Iterator[Change]:
    if was.principals is not None and now.principals is not None:
        words = ("may be assumed by", "may no longer be assumed by")
        yield from _came_and_went(kind, was.principals, now.principals, words)
    if was.external_id is not None and was.external_id != now.external_id:
        effect, word = ("narrowed", "now") if now.external_id else ("broadened", "no longer")
        yield Change("role", effect, kind, f"{word} requires an external id")
    if was.external_ids and now.external_ids and was.external_ids != now.external_ids:
        effect = "broadened" if now.external_ids > was.external_ids else "narrowed"
        what = f"takes {now.external_ids} external ids, and took {was.external_ids}"
        yield Change("role", effect, kind, what)
    if was.boundary is not None and was.boundary != now.boundary:
        if was.boundary:
            yield Change("role", "broadened", kind, f"no longer has the boundary {was.boundary}")
        if now.boundary:
            yield Change("role", "narrowed", kind, f"has the boundary {now.boundary}")


def _unread(kind: str, was: State, now: State) -> Iterator[Change]:
    if was.unread is not None and now.unread is not None:
        # Nobody knows what it gives, so it is taken to broaden.
        yield from _came_and_went(kind, was.unread, now.unread, ("now", "no longer"))


def _came_and_went(
    kind: str, was: frozenset[str], now: frozenset[str], words: tuple[str, str]
) -> Iterator[Change]:
    came, went = words
    for one in sorted(now - was):
        yield Change("role", "broadened", kind, f"{came} {one}")
    for one in sorted(was - now):
        yield Change("role", "narrowed", kind, f"{went} {one}")
