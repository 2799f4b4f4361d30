"""What the formats to read have in common: the order, the sentences, and how long they may be."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar, get_args

from pump_roles.account.verify.model import (
    AccountResult,
    Difference,
    Effect,
    RoleResult,
    State,
    Verification,
)
from pump_roles.report.escape import cut
from pump_roles.templates.masking import visible

__all__ = [
    "ACTIONS",
    "DETAILS",
    "LONGEST",
    "LONGEST_NAME",
    "broader",
    "by_attention",
    "by_effect",
    "counts",
    "few",
    "few_of",
    "is_unknown",
    "last_use",
    "line",
    "notes",
]

ACTIONS: Final = 8
"""How many actions of a difference are listed."""

DETAILS: Final = 4
"""How many of a difference's details are listed."""

LONGEST: Final = 900
"""At most how many characters of a sentence are shown. It has room for two ARNs of policies."""

LONGEST_NAME: Final = 160
"""At most how many characters of a name or an action are shown."""

_EFFECTS: Final[Sequence[Effect]] = ("broader", "other", "narrower")
_STATES: Final[Sequence[State]] = ("differs", "unknown", "match")

_T = TypeVar("_T")


def line(text: str, longest: int = LONGEST) -> str:
    """Return a text as one line in which every character is visible, and that is cut if too long.

    :param text: the text.
    :param longest: how many characters to keep.
    """
    # The rest of it would be cut in any case.
    shown = visible(text[: longest + 1]).replace("\n", "\\n").replace("\t", "\\t")
    return cut(shown, longest)


def few(items: Sequence[_T], most: int) -> tuple[Sequence[_T], int]:
    """Return the first of some items, and how many there are more.

    :param items: the items.
    :param most: how many to keep.
    """
    return items[:most], max(len(items) - most, 0)


def few_of(actions: Sequence[str]) -> tuple[Sequence[str], str]:
    """Return the first of a difference's actions, and how many there are more, in words.

    :param actions: the actions.
    """
    shown, more = few(actions, ACTIONS)
    return [line(action, LONGEST_NAME) for action in shown], f" and {more:,} more" if more else ""


def by_effect(differences: Iterable[Difference]) -> Sequence[Difference]:
    """Return the differences that give more access, then those that may, then those that give less.

    :param differences: the differences.
    """
    return sorted(differences, key=lambda difference: _EFFECTS.index(difference.effect))


def broader(account: AccountResult) -> bool:
    """Return whether something in an account gives more access than expected.

    :param account: the account.
    """
    differences = (one for role in account.roles for one in role.differences)
    return bool(account.others) or any(one.effect == "broader" for one in differences)


def by_attention(accounts: Iterable[AccountResult]) -> Mapping[State, Sequence[AccountResult]]:
    """Return the accounts by their state: what needs attention first, and by ID.

    Of the accounts that differ, those with more access than expected are the first.

    :param accounts: the accounts.
    """
    found = sorted(accounts, key=lambda one: (not broader(one), one.account, one.name))
    return {state: [one for one in found if one.state == state] for state in _STATES}


def is_unknown(found: Verification) -> bool:
    """Return whether anything could not be checked, also next to a difference.

    :param found: the result.
    """
    return not found.accounts or any(
        account.state == "unknown"
        or account.reason
        or any(role.state == "unknown" or role.unknown for role in account.roles)
        for account in found.accounts
    )


def counts(found: Verification) -> str:
    """Return how many accounts have each state, such as ``998 match, 1 differs, 1 unknown``.

    :param found: the result.
    """
    states = Counter(account.state for account in found.accounts)
    shown = [f"{states[state]:,} {state}" for state in get_args(State) if states[state]]
    return ", ".join(shown) or "none"


def last_use(role: RoleResult) -> str:
    """Return when and where a role was last used; empty if that is not known.

    :param role: the role.
    """
    where = f" in {line(role.last_used_region, LONGEST_NAME)}" if role.last_used_region else ""
    return f"{line(role.last_used, LONGEST_NAME)}{where}" if role.last_used else ""


def notes(accounts: Iterable[AccountResult]) -> Sequence[str]:
    """Return the notes on the roles of some accounts, each once, with how many roles it is about.

    :param accounts: the accounts.
    """
    found = Counter(
        note for account in accounts for role in account.roles for note in dict.fromkeys(role.notes)
    )
    return [
        f"{line(note)} ({number:,} {'role' if number == 1 else 'roles'})"
        for note, number in found.most_common()
    ]
