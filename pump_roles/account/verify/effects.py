"""What a difference means: how it changes the decision on each action, as in the report."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pump_roles.account.verify.model import Difference, Effect, Rule
from pump_roles.report.build import of_contents
from pump_roles.report.changes import changes
from pump_roles.report.model import BROADENED, CHANGED, NARROWED, Compared, Report
from pump_roles.report.state import Earlier, State, state_of
from pump_roles.templates import Contents, Role

__all__ = ["EffectOf", "differences", "effects"]

_EFFECTS: Final[Mapping[str, Effect]] = {
    BROADENED: "broader",
    CHANGED: "other",
    NARROWED: "narrower",
}
_GONE: Final = re.compile(", because the guardrails? .+ (is|are) gone$")
"""A report takes a changed guardrail for a removed one. The rule says whether it is gone."""

_NUMBERS: Final = {"its numbers are no longer exact", "its numbers are now exact"}


@dataclass(frozen=True, kw_only=True)
class EffectOf:
    """The effect of a difference in one direction.

    :param effect: the direction.
    :param details: the decisions that it changes, in words.
    :param actions: the actions, and the patterns that the catalog does not cover.
    """

    effect: Effect
    details: tuple[str, ...]
    actions: tuple[str, ...]


def effects(expected: Role, found: Role) -> tuple[EffectOf, ...]:
    """Return what makes a role broader than expected, what may, and what makes it narrower.

    Empty if no decision differs.

    :param expected: the role as expected.
    :param found: the role as it is.
    """
    before, after = _report(expected), _report(found)
    was, now = _state(before), _state(after)
    earlier = Earlier(
        compared=Compared(file="", sha256="", date=before.date, version=before.version),
        roles={expected.kind: was},
        places=(),
        suspects=frozenset(),
        suspects_sha256="",
    )
    found_changes = changes(earlier, after)
    # Another change says why the numbers are not exact.
    relevant = [change for change in found_changes if change.what not in _NUMBERS] or found_changes
    patterns = _patterns(was, now)
    return tuple(
        EffectOf(
            effect=effect,
            details=tuple(_GONE.sub("", change.what) for change in of_effect),
            actions=tuple(
                dict.fromkeys(
                    [
                        *patterns.get(effect, ()),
                        *(name for change in of_effect for name in change.actions),
                    ]
                )
            ),
        )
        for name, effect in _EFFECTS.items()
        if (of_effect := [change for change in relevant if change.effect == name])
    )


def differences(
    rule: Rule,
    what: str,
    *,
    subject: str,
    expected: Role,
    found: Role,
    named: tuple[str, ...] = (),
) -> Iterator[Difference]:
    """Yield a difference for each direction in which a role differs; at least one.

    :param rule: the kind of difference.
    :param what: the difference, in one line.
    :param subject: what it is about.
    :param expected: the role as expected.
    :param found: the role as it is.
    :param named: the actions to list if no decision changes. By default, none.
    """
    directions = effects(expected, found)
    for effect in directions:
        yield Difference(
            rule=rule,
            effect=effect.effect,
            subject=subject,
            what=what,
            details=effect.details,
            actions=effect.actions or named,
        )
    if not directions:
        what += ", which does not change the decision for any known action"
        yield Difference(rule=rule, effect="other", subject=subject, what=what)


def _report(role: Role) -> Report:
    return of_contents(Contents(roles=(role,)))


def _state(report: Report) -> State:
    (role,) = report.roles
    return state_of(role, report)


def _patterns(was: State, now: State) -> Mapping[Effect, Sequence[str]]:
    # The catalog does not have their actions, so there are no decisions to compare.
    added, removed = now.uncounted - was.uncounted, was.uncounted - now.uncounted
    return {
        "broader": _named(allowed=added, denied=removed),
        "narrower": _named(allowed=removed, denied=added),
    }


def _named(
    *, allowed: Iterable[tuple[str, str, str]], denied: Iterable[tuple[str, str, str]]
) -> Sequence[str]:
    found = {pattern for effect, pattern, _ in allowed if effect == "Allow"}
    return sorted(found | {pattern for effect, pattern, _ in denied if effect == "Deny"})
