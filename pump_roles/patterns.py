"""What patterns with the wildcards ``*`` and ``?`` match."""

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import translate
from functools import cache, lru_cache, partial, reduce
from operator import and_, eq, or_
from typing import Final

_WILDCARDS: Final = frozenset("*?")
_WILDCARD: Final = re.compile("[*?]")
_PARTS = 6
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
        if "**" in (first[:1] + second[-1:], second[:1] + first[-1:]):
            return True
        literal, other_literal = _WILDCARD.split(first, 1)[0], _WILDCARD.split(second, 1)[0]
        same = literal.startswith(other_literal) or other_literal.startswith(literal)
        return same and patterns_overlap(first, second)
    # Most have no wildcard, or one at their end.
    if start == first:
        return start == beginning if beginning == second else start.startswith(beginning)
    return beginning.startswith(start) or (beginning != second and start.startswith(beginning))


class ArnIndex:
    """Which of several patterns of ARNs have an ARN in common with another one.

    A wildcard is within one part of an ARN. IAM completes one that is too short.
    """

    # Policies have thousands of patterns, and thousands of actions have resources. Which ones
    # overlap are the bits of a number, so that all of an action's are compared at once.

    def __init__(self, arns: Iterable[str]) -> None:
        self._bits = {arn: 1 << at for at, arn in enumerate(dict.fromkeys(arns))}
        self._by_part: list[dict[str, int]] = [{} for _ in range(_PARTS)]
        for arn, bit in self._bits.items():
            for found, part in zip(self._by_part, _parts(arn), strict=True):
                found[part] = found.get(part, 0) | bit
        self._overlapping = lru_cache(maxsize=2**14)(self._of_part)

    def bits(self, arns: Iterable[str]) -> int:
        """Return the bits of some of its patterns."""
        return reduce(or_, map(self._bits.__getitem__, arns), 0)

    def overlapping(self, pattern: str) -> int:
        """Return the bits of those that have an ARN in common with a pattern."""
        return reduce(and_, map(self._overlapping, range(_PARTS), _parts(pattern)))

    def _of_part(self, at: int, part: str) -> int:
        start = {part[:1], part[:1].swapcase(), *_WILDCARDS}
        any_start = not _WILDCARDS.isdisjoint(part[:1])
        fitting = (
            bits
            for other, bits in self._by_part[at].items()
            if (any_start or other[:1] in start) and overlap(part, other)
        )
        return reduce(or_, fitting, 0)


def arn_covers(pattern: str, arn: str) -> bool:
    """Return whether a pattern matches an ARN, in the same case.

    A wildcard is within one part of an ARN, as for the condition operator ``ArnLike``.
    """
    mine, its = (text.split(":", _PARTS - 1) for text in (pattern, arn))
    return len(mine) == len(its) == _PARTS and all(
        covers(part, other, fold=False) for part, other in zip(mine, its, strict=True)
    )


def arns_may_overlap(pattern: str, other: str) -> bool:
    """Return whether two patterns of ARNs may have an ARN in common.

    A wildcard that ends a part of an ARN can also match the next ones (IAM User Guide, "IAM JSON
    policy elements: Resource").
    """
    start, rest = _until_wildcard(pattern)
    its = _parts(other)
    return all(map(overlap, start, its)) and overlap(rest, ":".join(its[len(start) :]))


@lru_cache(maxsize=2**12)
def _until_wildcard(pattern: str) -> tuple[list[str], str]:
    # The parts of an ARN before the first wildcard for any number of characters, and the rest.
    mine = _parts(pattern)
    first = next((at for at, part in enumerate(mine) if "*" in part), _PARTS - 1)
    rest = ":".join(pattern.split(":")[first:])
    return mine[:first], rest if is_whole_arn(pattern) else f"{rest}*"


def service_in(pattern: str) -> str:
    """Return a pattern of the services that a pattern of ARNs may be about."""
    arn, _, rest = pattern.lower().partition(":")
    partition, _, rest = rest.partition(":")
    service = rest.partition(":")[0]
    # A wildcard for any number of characters can also match the next parts.
    start, wildcard, _ = service.partition("*")
    known = service and arn == "arn" and _WILDCARDS.isdisjoint(partition)
    return start + wildcard if known else "*"


def is_whole_arn(pattern: str) -> bool:
    """Return whether a pattern has all parts of an ARN."""
    return pattern.count(":") >= _PARTS - 1


@lru_cache(maxsize=2**12)
def _parts(arn: str) -> list[str]:
    if arn == "*":
        return ["*"] * _PARTS
    found = arn.split(":", _PARTS - 1)
    return found + ["*"] * (_PARTS - len(found))


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
