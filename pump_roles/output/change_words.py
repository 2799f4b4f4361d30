"""Words for the differences from an earlier report."""

from typing import Final

from pump_roles.compare import Difference
from pump_roles.output.access_words import alarm_in_words
from pump_roles.output.place_words import place_in_words
from pump_roles.output.short import plural
from pump_roles.output.words import (
    actions_in_words,
    decisions_in_words,
    details_of,
    difference_in_words,
    policy_in_words,
    unknown_in_words,
    values_in_words,
)
from pump_roles.report.model import Change
from pump_roles.templates import Place

__all__ = ["change_in_one_line"]

_NOUNS: Final = {
    "money": ("action that can spend money", "actions that can spend money"),
    "writes": ("action that writes or tags", "actions that write or tag"),
    "data": ("action that returns data", "actions that return data"),
    "reads": ("action that reads metadata", "actions that read metadata"),
    "": ("action", "actions"),
}


def change_in_one_line(change: Change) -> str:
    """Return a difference from an earlier report in one line.

    :param change: the difference.
    """
    if change.cause == "AWS":
        verb = "no longer matched" if change.effect == "narrower" else "now matched"
        return f"{_number(change)}: {verb} by a wildcard"
    if change.difference is not None:
        return _since(change, change.difference)
    adverb = "no longer" if change.effect == "narrower" else "now"
    if change.unknown is not None:
        return f"{adverb}: {unknown_in_words(change.unknown)}"
    if change.other is not None:
        return f"{adverb}: {alarm_in_words(change.other)}"
    if change.about == "place":
        return f"where it is deployed{_places(change.was, change.now)}"
    return {
        "suspect": "what may give more access may have changed",
        "trust-policy": "its trust policy changed in what a report does not show, such as the "
        "external ID",
        "filled-in": "what is filled in when it is deployed may have changed, such as a "
        "parameter's default",
    }[change.about]


def _places(was: Place | None, now: Place | None) -> str:
    if was is None or now is None:
        adverb = "now also" if was is None else "no longer"
        return f", {adverb}: {' '.join(map(place_in_words, filter(None, (was, now))))}"
    before, after = place_in_words(was), place_in_words(now)
    if was.regions != now.regions:
        before += f" Regions: {', '.join(was.regions)}."
        after += f" Regions: {', '.join(now.regions)}."
    return f": {before} Now: {after}"


def _number(change: Change) -> str:
    return actions_in_words(change.actions, _NOUNS[change.risk])


def _since(change: Change, difference: Difference) -> str:
    if difference.rule in ("role-present", "role-missing"):
        return "the role is new" if difference.rule == "role-present" else "the role is gone"
    if difference.decisions and change.actions:
        (decision,) = difference.decisions
        how = values_in_words(difference) or decisions_in_words(decision)
        whose = f"{policy_in_words(difference)}: " if difference.subject else ""
        return f"{whose}{_number(change)}: {how}"
    details = details_of(difference)
    if difference.part == "trust-policy" and details:
        return ", ".join(details)
    if difference.rule == "external-id":
        return _external_ids(difference)
    words = difference_in_words(difference, ("is new", "is no longer there"))
    return f"{words}{': ' if details else ''}{', '.join(details)}"


def _external_ids(difference: Difference) -> str:
    # Only their number is known: a report does not show external IDs.
    missing, extra = (int(*side) for side in (difference.was, difference.now))
    if missing:
        return f"it accepts {plural(missing, 'fewer external ID')}"
    return f"it accepts {plural(extra, 'more external ID')}"
