"""Patterns with the wildcards of IAM, ``*`` and ``?``: what they match, cover, and share."""

import re
from fnmatch import translate
from functools import cache, lru_cache

_WILDCARDS = "*?"
_PARTS = 6
"""The parts of an ARN, which colons separate."""


@cache
def expression(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern."""
    # The regular expressions of translate() do not backtrack exponentially. A single character is
    # not a wildcard for any number of them.
    return re.compile(translate(pattern.replace("[", "[[]").replace("?", "[!*]")))


# Every role, and every report, asks about nearly the same patterns and actions.
@lru_cache(maxsize=2**16)
def covers(pattern: str, other: str, *, fold: bool = True) -> bool:
    """Return whether a pattern matches a name, or everything that another pattern matches."""
    if fold:
        pattern, other = pattern.lower(), other.lower()
    return expression(pattern).fullmatch(other) is not None


@lru_cache(maxsize=2**16)
def overlap(pattern: str, other: str) -> bool:
    """Return whether two patterns of actions have a name in common."""
    first, second = pattern.lower(), other.lower()
    for index, (left, right) in enumerate(zip(first, second, strict=False)):
        if left in _WILDCARDS or right in _WILDCARDS:
            return _overlap(first[index:], second[index:])
        if left != right:
            return False
    shorter = min(len(first), len(second))
    return not (first[shorter:] + second[shorter:]).strip("*")


def arns_overlap(pattern: str, other: str) -> bool:
    """Return whether two patterns of ARNs have an ARN in common.

    A wildcard is within one part of an ARN. IAM completes one that is too short.
    """
    return all(map(overlap, _parts(pattern), _parts(other)))


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
    mine, its = _parts(pattern), _parts(other)
    first = next((at for at, part in enumerate(mine) if "*" in part), _PARTS - 1)
    rest = ":".join(pattern.split(":")[first:])
    return all(map(overlap, mine[:first], its)) and overlap(
        rest if is_whole_arn(pattern) else f"{rest}*", ":".join(its[first:])
    )


def is_whole_arn(pattern: str) -> bool:
    """Return whether a pattern has all parts of an ARN."""
    return pattern.count(":") >= _PARTS - 1


@lru_cache(maxsize=2**12)
def _parts(arn: str) -> list[str]:
    if arn == "*":
        return ["*"] * _PARTS
    found = arn.split(":", _PARTS - 1)
    return found + ["*"] * (_PARTS - len(found))


def _overlap(first: str, second: str) -> bool:
    # The positions in the second pattern that the first one, read so far, can end at.
    ends = _skipped({0}, second)
    for character in first:
        if character == "*":
            ends = set(range(min(ends, default=len(second) + 1), len(second) + 1))
            continue
        after = set()
        for end in ends:
            if end < len(second) and second[end] == "*":
                after.add(end)
            elif end < len(second) and (
                second[end] == character or "?" in (second[end], character)
            ):
                after.add(end + 1)
        ends = _skipped(after, second)
    return len(second) in ends


def _skipped(ends: set[int], pattern: str) -> set[int]:
    # A wildcard for any number of characters also stands for none.
    found = set(ends)
    for end in ends:
        while end < len(pattern) and pattern[end] == "*":
            end += 1  # noqa: PLW2901
            found.add(end)
    return found
