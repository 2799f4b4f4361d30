"""What patterns with the wildcards ``*`` and ``?`` match, and what conditions require."""

import re
from collections.abc import Callable, Mapping
from fnmatch import translate
from functools import cache, lru_cache, partial
from typing import Any, Final

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


# Conditions

_POSITIVE: Final = {"StringEquals", "StringLike", "ArnLike", "IpAddress", "Bool"}
"""Operators whose key must have one of the values, so that more values admit more requests."""

_NEGATIVE: Final = {"StringNotEquals", "StringNotLike", "ArnNotLike", "NotIpAddress"}
"""Operators whose key must have none of the values, so that more values admit fewer requests."""

_EXCLUDES: Final = re.compile("(?:String|Arn)Not")

_IN_EVERY_REQUEST: Final = {
    *("aws:currenttime", "aws:epochtime", "aws:principalaccount", "aws:principalarn"),
    *("aws:principaltype", "aws:securetransport", "aws:userid", "aws:viaawsservice"),
}
"""Condition keys, in lower case, that every request of a role has: IAM User Guide, "AWS global
condition context keys"."""

_AFTER: Final = "DateGreaterThanEquals"
_DATE: Final = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z")

_VARIABLE: Final = "${"
_WILDCARD: Final = re.compile(r"[*?]")

_SAME: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringEquals": str.__eq__,
    "StringEqualsIgnoreCase": lambda value, other: value.casefold() == other.casefold(),
    "StringLike": partial(covers, fold=False),
    "ArnLike": arn_covers,
}
"""What the operators for one value do that can be decided without the request."""

_Test = tuple[str, str, list[str]]


def is_readable_condition(condition: Any) -> bool:
    """Return whether a condition can be compared with another one."""
    return isinstance(condition, dict) and all(
        isinstance(keys, dict)
        and all(
            isinstance(values, list) and all(isinstance(value, str) for value in values)
            for values in keys.values()
        )
        for keys in condition.values()
    )


def without_exclusions(condition: Any) -> Any:
    """Return a condition without what only says whom or what it does not apply to."""
    if not isinstance(condition, dict):
        return condition
    names = (operator for operator in condition if not _EXCLUDES.match(operator))
    return {operator: condition[operator] for operator in names}


def is_never_met(condition: Any) -> bool:
    """Return whether certainly no request meets a condition."""
    tests = _tests(condition) if is_readable_condition(condition) else []
    return any(
        _is_never_met(operator.rpartition(":")[2], operator, key, values)
        for operator, key, values in tests
    )


def _is_never_met(base: str, operator: str, key: str, values: list[str]) -> bool:
    if base == "Null":
        return values == ["true"] and key.lower() in _IN_EVERY_REQUEST
    # Without values, only what requires nothing of the key is met.
    lenient = operator.startswith("ForAllValues:") or base.endswith("IfExists") or "Not" in base
    return not values and not lenient


def implies(condition: Any, other: Any) -> bool:
    """Return whether every request that meets a condition also meets another one.

    If in doubt, it does not.
    """
    if not (is_readable_condition(condition) and is_readable_condition(other)):
        return bool(condition == other)
    tests = _tests(condition)
    return all(any(_test_implies(test, implied) for test in tests) for implied in _tests(other))


def is_met(condition: Any, keys: Mapping[str, str | None]) -> bool | None:
    """Return whether a request meets a condition in canonical form; ``None`` if that is not known.

    :param keys: the values of condition keys, in lower case; ``None`` for one that the request does
        not have. Any other key may have any value.
    """
    if not is_readable_condition(condition):
        return None
    answers = {
        _is_test_met(operator, keys[key], values) if key in keys else None
        for operator, key, values in _tests(condition)
    }
    return False if False in answers else None if None in answers else True


def _is_test_met(operator: str, value: str | None, values: list[str]) -> bool | None:
    if operator == "Null" and len(values) == 1 and values[0] in ("true", "false"):
        return (value is None) == (values[0] == "true")
    base = operator.removesuffix("IfExists")
    negative, same = "Not" in base, _SAME.get(base.replace("Not", ""))
    if same is None or any(_VARIABLE in found for found in values):
        return None
    if value is None:
        # IAM User Guide, "IAM JSON policy elements: Condition operators": an operator that negates
        # is then true.
        return negative or base != operator
    return any(same(found, value) for found in values) != negative


def _tests(condition: Mapping[str, Any]) -> list[_Test]:
    return [
        (operator, key, values)
        for operator, keys in condition.items()
        for key, values in keys.items()
    ]


def _test_implies(test: _Test, implied: _Test) -> bool:
    if test == implied:
        return True
    (stronger, its_key, its_values), (operator, key, values) = test, implied
    if its_key != key or any(_VARIABLE in value for value in (*its_values, *values)):
        return False
    if stronger in _POSITIVE:
        # A request that passes it has the key, with one value.
        operator = operator.removeprefix("ForAllValues:")
    # A request without the key passes only with IfExists, or with a negative operator.
    if not stronger.endswith("IfExists"):
        operator = operator.removesuffix("IfExists")
    return _values_imply((stronger, its_values), (operator, values))


def _values_imply(test: tuple[str, list[str]], implied: tuple[str, list[str]]) -> bool:
    (stronger, its_values), (operator, values) = test, implied
    within = set(its_values) <= set(values)
    if stronger == operator:
        base = operator.removesuffix("IfExists")
        if base == _AFTER:
            dates = [*its_values, *values]
            known = len(its_values) == len(values) == 1 and all(map(_DATE.fullmatch, dates))
            return known and its_values >= values
        return (within and base in _POSITIVE) or (
            set(its_values) >= set(values) and base in _NEGATIVE
        )
    if (stronger, operator) == ("StringEquals", "StringEqualsIgnoreCase"):
        return {*map(str.casefold, its_values)} <= {*map(str.casefold, values)}
    if (stronger, operator) == ("StringEquals", "StringLike"):
        return all(
            any(covers(pattern, value, fold=False) for pattern in values) for value in its_values
        )
    plain = not any(_WILDCARD.search(value) for value in its_values)
    return (stronger, operator) == ("StringLike", "StringEquals") and plain and within
