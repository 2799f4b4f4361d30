"""What the human-readable formats share: order, sentences, and maximum lengths."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, get_args

from pump_roles.account.verify.result import (
    AccountResult,
    RoleResult,
    State,
    Verification,
)
from pump_roles.compare import Difference, Effect
from pump_roles.output.short import LONGEST_NAME, few, line
from pump_roles.output.words import unknown_in_words

__all__ = [
    "ACTIONS",
    "DETAILS",
    "SIDES",
    "broader",
    "by_attention",
    "by_effect",
    "counts",
    "few_of",
    "is_unknown",
    "last_use",
    "notes",
]

ACTIONS: Final = 8
"""How many actions of a difference are listed."""

DETAILS: Final = 4
"""How many of a difference's details are listed."""

SIDES: Final = ("as expected", "in the account")
"""What the two sides of the comparison are."""

_EFFECTS: Final[Sequence[Effect]] = ("broader", "other", "narrower")
_STATES: Final[Sequence[State]] = ("differs", "unknown", "match")


def few_of(actions: Sequence[str]) -> tuple[Sequence[str], str]:
    """Return the first actions, and how many more there are, in words.

    :param actions: the actions.
    """
    shown, more = few(actions, ACTIONS)
    return [line(action, LONGEST_NAME) for action in shown], f" and {more}" if more else ""


def by_effect(differences: Iterable[Difference]) -> Sequence[Difference]:
    """Sort differences: first those that give more access, then those that may, then the others.

    :param differences: the differences.
    """
    return sorted(differences, key=lambda difference: _EFFECTS.index(difference.effect))


def broader(account: AccountResult) -> bool:
    """Return whether anything in an account gives more access than expected.

    :param account: the account.
    """
    differences = (difference for role in account.roles for difference in role.differences)
    return bool(account.others) or any(difference.effect == "broader" for difference in differences)


def by_attention(accounts: Iterable[AccountResult]) -> Mapping[State, Sequence[AccountResult]]:
    """Group accounts by state, sorted by ID. The states that need attention come first.

    Among the accounts that differ, those with more access than expected come first.

    :param accounts: the accounts.
    """
    ordered = sorted(
        accounts, key=lambda account: (not broader(account), account.account, account.name)
    )
    return {state: [account for account in ordered if account.state == state] for state in _STATES}


def is_unknown(verification: Verification) -> bool:
    """Return whether anything could not be checked, even if something else differs.

    :param verification: the result.
    """
    return not verification.accounts or any(
        account.state == "unknown"
        or account.unknown
        or any(role.state == "unknown" or role.unknown for role in account.roles)
        for account in verification.accounts
    )


def counts(verification: Verification) -> str:
    """Return how many accounts have each state, such as ``998 match, 1 differs, 1 unknown``.

    :param verification: the result.
    """
    states = Counter(account.state for account in verification.accounts)
    shown = [f"{states[state]:,} {state}" for state in get_args(State) if states[state]]
    return ", ".join(shown) or "none"


def last_use(role: RoleResult) -> str:
    """Return when and where a role was last used; empty if not known.

    :param role: the role.
    """
    where = f" in {line(role.last_used_region, LONGEST_NAME)}" if role.last_used_region else ""
    return f"{line(role.last_used, LONGEST_NAME)}{where}" if role.last_used else ""


def notes(accounts: Iterable[AccountResult]) -> Sequence[str]:
    """Return the notes on the roles of accounts, each once, with the number of roles.

    :param accounts: the accounts.
    """
    numbers = Counter(
        note for account in accounts for role in account.roles for note in dict.fromkeys(role.notes)
    )
    return [
        f"{line(unknown_in_words(note))} ({number:,} {'role' if number == 1 else 'roles'})"
        for note, number in numbers.most_common()
    ]
