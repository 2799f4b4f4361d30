"""Which ARNs two patterns have in common, and of which services."""

from collections.abc import Iterable
from functools import lru_cache, reduce
from operator import and_, or_
from typing import Final

from pump_roles.patterns import ARN_PARTS, overlap

_WILDCARDS: Final = frozenset("*?")


class ArnIndex:
    """Which of several patterns of ARNs have an ARN in common with another one.

    A wildcard is within one part of an ARN. IAM completes one that is too short.
    """

    # Policies have thousands of patterns, and thousands of actions have resources. Which ones
    # overlap are the bits of a number, so that all of an action's are compared at once.

    def __init__(self, arns: Iterable[str]) -> None:
        self._bits = {arn: 1 << at for at, arn in enumerate(dict.fromkeys(arns))}
        self._by_part: list[dict[str, int]] = [{} for _ in range(ARN_PARTS)]
        for arn, bit in self._bits.items():
            for found, part in zip(self._by_part, _parts(arn), strict=True):
                found[part] = found.get(part, 0) | bit
        self._overlapping = lru_cache(maxsize=2**14)(self._of_part)

    def bits(self, arns: Iterable[str]) -> int:
        """Return the bits of some of its patterns."""
        return reduce(or_, map(self._bits.__getitem__, arns), 0)

    def overlapping(self, pattern: str) -> int:
        """Return the bits of those that have an ARN in common with a pattern."""
        return reduce(and_, map(self._overlapping, range(ARN_PARTS), _parts(pattern)))

    def _of_part(self, at: int, part: str) -> int:
        start = {part[:1], part[:1].swapcase(), *_WILDCARDS}
        any_start = not _WILDCARDS.isdisjoint(part[:1])
        fitting = (
            bits
            for other, bits in self._by_part[at].items()
            if (any_start or other[:1] in start) and overlap(part, other)
        )
        return reduce(or_, fitting, 0)


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
    first = next((at for at, part in enumerate(mine) if "*" in part), ARN_PARTS - 1)
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
    return pattern.count(":") >= ARN_PARTS - 1


@lru_cache(maxsize=2**12)
def _parts(arn: str) -> list[str]:
    if arn == "*":
        return ["*"] * ARN_PARTS
    found = arn.split(":", ARN_PARTS - 1)
    return found + ["*"] * (ARN_PARTS - len(found))
