"""Which action patterns overlap. Each pattern has no wildcard, or one at its end."""

from collections.abc import Iterable

__all__ = ["all_within", "any_overlap"]


def any_overlap(pattern: str, others: Iterable[str]) -> bool:
    """Return whether a pattern has an action in common with any of some others.

    :param pattern: the pattern.
    :param others: the others.
    """
    return any(_overlap(pattern.lower(), other.lower()) for other in others)


def all_within(patterns: Iterable[str], actions: Iterable[str]) -> bool:
    """Return whether patterns match nothing but some actions.

    A pattern with a wildcard always matches more, because AWS adds actions.

    :param patterns: the patterns.
    :param actions: the actions, without wildcards.
    """
    return {name.lower() for name in patterns} <= {name.lower() for name in actions}


def _overlap(one: str, other: str) -> bool:
    if not one.endswith("*") or not other.endswith("*"):
        whole, pattern = (other, one) if one.endswith("*") else (one, other)
        return whole.startswith(pattern[:-1]) if pattern.endswith("*") else whole == pattern
    return one.startswith(other[:-1]) or other.startswith(one[:-1])
