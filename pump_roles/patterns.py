"""What patterns with the wildcards ``*`` and ``?`` match."""

import re
from collections.abc import Callable, Mapping
from fnmatch import translate
from functools import cache, lru_cache, partial
from operator import eq
from typing import Final

_WILDCARDS: Final = frozenset("*?")
_WILDCARD: Final = re.compile("[*?]")
ARN_PARTS: Final = 6
"""The parts of an ARN, which colons separate."""


@cache
def matcher(pattern: str) -> Callable[[str], object]:
    """Return what tells whether a pattern matches a name, or all that another pattern matches."""
    start = pattern.rstrip("*")
    if _WILDCARDS.isdisjoint(start):
        # Nearly all patterns, without the time to compile an expression.
        return partial(eq, pattern) if start == pattern else lambda text: text.startswith(start)
    # The regular expressions of translate() do not backtrack exponentially. A single character is
    # not a wildcard for any number of them.
    return re.compile(translate(pattern.replace("[", "[[]").replace("?", "[!*]"))).fullmatch


# Every role, and every report, asks about nearly the same patterns and actions.
@lru_cache(maxsize=2**16)
def covers(pattern: str, other: str, *, fold: bool = True) -> bool:
    """Return whether a pattern matches a name, or everything that another pattern matches."""
    if fold:
        pattern, other = pattern.lower(), other.lower()
    return bool(matcher(pattern)(other))


@lru_cache(maxsize=2**16)
def overlap(pattern: str, other: str) -> bool:
    """Return whether two patterns of actions have a name in common."""
    first, second = pattern.lower(), other.lower()
    start, beginning = first.rstrip("*"), second.rstrip("*")
    if not _WILDCARDS.isdisjoint(start + beginning):
        # If one starts with a wildcard, and the other one ends with one, nothing else matters.
        if "**" in (first[:1] + second[-1:], second[:1] + first[-1:]):
            return True
        literal, other_literal = _WILDCARD.split(first, 1)[0], _WILDCARD.split(second, 1)[0]
        same = literal.startswith(other_literal) or other_literal.startswith(literal)
        return same and patterns_overlap(first, second)
    # Most have no wildcard, or one at their end.
    if start == first:
        return start == beginning if beginning == second else start.startswith(beginning)
    return beginning.startswith(start) or (beginning != second and start.startswith(beginning))


def arn_covers(pattern: str, arn: str) -> bool:
    """Return whether a pattern matches an ARN, in the same case.

    A wildcard is within one part of an ARN, as for the condition operator ``ArnLike``.
    """
    mine, its = (text.split(":", ARN_PARTS - 1) for text in (pattern, arn))
    return len(mine) == len(its) == ARN_PARTS and all(
        covers(part, other, fold=False) for part, other in zip(mine, its, strict=True)
    )


def patterns_overlap(first: str, second: str) -> bool:
    """Return whether two patterns match a text in common, in the same case."""
    # The positions in the second pattern that the first one, read so far, can end at: bits of a
    # number, so that all of them are handled at once.
    at, length = _positions(second)
    stars, one = at.get("*", 0), at.get("?", 0)
    every = (1 << length) - 1
    ends = 1
    for character in first:
        # A wildcard for any number of characters also stands for none.
        ends |= (ends & stars) << 1
        if character == "*":
            # All positions from the first one on.
            ends = every << 1 & -ends | ends
        else:
            fitting = every & ~stars if character == "?" else at.get(character, 0) | one
            ends = (ends & fitting) << 1 | ends & stars
    ends |= (ends & stars) << 1
    return bool(ends >> length)


@lru_cache(maxsize=2**12)
def _positions(pattern: str) -> tuple[Mapping[str, int], int]:
    # Where each character is, as bits of a number, and how many there are.
    pattern = re.sub(r"\*+", "*", pattern)
    at: dict[str, int] = {}
    for position, character in enumerate(pattern):
        at[character] = at.get(character, 0) | 1 << position
    return at, len(pattern)


def folded(text: str) -> str:
    """Return the text of an action or a condition key in lower case."""
    # Only ASCII: letters that IAM distinguishes, such as the Kelvin sign and K, are equal in lower
    # case.
    return text.lower() if text.isascii() else text
