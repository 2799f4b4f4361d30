"""Which conditions no session of a role meets, so that a deny with one of them limits nothing."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from ipaddress import ip_network
from typing import Any, Final

from pump_roles.iam.conditions import Condition, ConditionTest
from pump_roles.patterns import patterns_overlap

_ALWAYS_THERE: Final = {
    *("aws:currenttime", "aws:epochtime", "aws:principalaccount", "aws:principalarn"),
    *("aws:principaltype", "aws:securetransport", "aws:tokenissuetime", "aws:userid"),
    "aws:viaawsservice",
}
"""Condition keys, in lower case, that every request of a role's session has: IAM User Guide, "AWS
global condition context keys", as the next ones."""

_KNOWN: Final[Mapping[str, str | None]] = {
    "aws:principalisawsservice": "false",
    "aws:principalservicename": None,
    "aws:principalservicenameslist": None,
    "aws:principaltype": "AssumedRole",
    "aws:username": None,
}
"""What these keys are in every request of a role's session; ``None`` if it does not have the
key."""

_LONGEST_SESSION: Final = 12 * 3_600
_NOW: Final = {"aws:currenttime": 0, "aws:epochtime": 0}
_AGES: Final = {**_NOW, "aws:tokenissuetime": _LONGEST_SESSION}
"""The keys with a time, and for how many seconds at most it has passed: IAM User Guide, "Methods to
assume a role"."""

_IN_ANY_CASE: Final = "StringEqualsIgnoreCase"

_FREE: Final = re.compile(r"[a-z0-9-]+:(?:tagkeys|\w*-?tag/.*)")
"""The keys whose values can contain a wildcard as a text: tags, which someone chose."""

_IN_EVERY_SERVICE: Final = re.compile(r"aws:(?!requesttag/|resourcetag/|tagkeys$)")
"""The start of a global key that a request can have although AWS does not document it for the
action."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
_STARTS: Final = re.compile("(?:Date|Numeric)(?:GreaterThan|Equals)")
"""The operators that a time meets only from their first value on."""

_ENDS: Final = re.compile("(?:Date|Numeric)(?:LessThan|Equals)")
"""The operators that a time meets only up to their last value."""

_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_TIME: Final = re.compile(r"([0-9]{4})(-[0-9]{2})?(-[0-9]{2})?(T[0-9:]+)?(?:\.[0-9]+)?(Z|[+-].*)?")


@lru_cache(maxsize=2**12)
def is_never_met(condition: Condition) -> bool:
    """Return whether certainly no request of a role's session, from now on, meets a condition."""
    now = datetime.now(timezone.utc).timestamp()
    by_key: dict[str, list[ConditionTest]] = {}
    for test in condition.tests:
        by_key.setdefault(test.key, []).append(test)
    return any(map(_is_never_met, condition.tests)) or any(
        _contradict(tests, now) for tests in by_key.values()
    )


def needed_keys(condition: Condition) -> Iterator[str]:
    """Yield the keys without which no request meets a condition, and which only the requests have
    for whose action AWS documents them: up to the slash before the name of a tag.
    """
    for test in condition.tests:
        if not _IN_EVERY_SERVICE.match(test.key) and test.is_met_without_key is False:
            yield documented_key(test.key)


def documented_key(key: str) -> str:
    """Return the part of a condition key that is the same for every tag, in lower case."""
    start, slash, _ = key.lower().partition("/")
    return f"{start}{slash}"


def start_of(condition: Condition) -> str:
    """Return from which later time on a condition can be met, such as ``2027-01-01T00:00:00Z``.

    Empty if it can be met now, or if the time of the request does not decide.
    """
    start = _text(max(map(min, _times(condition, _STARTS)), default=None))
    return start if start > _now() else ""


def end_of(condition: Condition) -> str:
    """Return from which time on a condition is not met, such as ``2027-01-01T00:00:00Z``.

    Empty if the time of the request does not decide.
    """
    return _text(min(map(max, _times(condition, _ENDS)), default=None))


def has_ended(condition: Condition) -> bool:
    """Return whether a condition is not met any more, because its time has passed."""
    end = end_of(condition)
    return bool(end) and end <= _now() and is_never_met(condition)


def _times(condition: Condition, operators: re.Pattern[str]) -> Iterator[list[float]]:
    # The values of each test of the time of a request, if all of them are times.
    for test in condition.tests:
        times = [*map(_time, test.values)]
        known = [time for time in times if time is not None]
        if test.key in _NOW and operators.match(_base(test)) and known and len(known) == len(times):
            yield known


def _text(time: float | None) -> str:
    try:
        return "" if time is None else (_EPOCH + timedelta(seconds=time)).strftime(_FORMAT)
    except OverflowError:
        # It is after all years that have a name.
        return ""


def _now() -> str:
    return datetime.now(timezone.utc).strftime(_FORMAT)


def _base(test: ConditionTest) -> str:
    return test.operator.rpartition(":")[2].removesuffix("IfExists")


def _is_never_met(test: ConditionTest) -> bool:
    base, without_key = _base(test), test.is_met_without_key
    if not test.has_operator:
        return True
    if test.key in _KNOWN:
        known = _KNOWN[test.key]
        return (without_key if known is None else test.single.is_met_by(known)) is False
    if base == "Null":
        return test.values == ("true",) and test.key in _ALWAYS_THERE
    # Without values, only what requires nothing of the key is met.
    if not test.values:
        return "Not" not in base and without_key is False
    exact = base in ("StringEquals", _IN_ANY_CASE)
    return (
        exact
        and (without_key is False or test.key in _ALWAYS_THERE)
        and not _FREE.fullmatch(test.key)
        and all(re.search(r"[*?]", value) for value in test.values)
    )


def _contradict(tests: Sequence[ConditionTest], now: float) -> bool:
    # Whether tests of one key, with one value, contradict each other, or what the key always is.
    key = tests[0].key
    tests = [test.single if key in _ALWAYS_THERE else test for test in tests]
    tests = [test for test in tests if ":" not in test.operator]
    is_there = key in _ALWAYS_THERE or any(test.is_met_without_key is False for test in tests)
    if not is_there:
        return False
    if any(test.operator == "Null" and test.values == ("true",) for test in tests):
        return True
    tests = [test for test in tests if not test.has_variable]
    earliest = now - _AGES[key] if key in _AGES else None
    return _is_empty(tests, earliest) or _have_no_network(tests) or _have_no_text(tests)


def _have_no_text(tests: Sequence[ConditionTest]) -> bool:
    # Whether no text passes all of them.
    for exact in tests:
        base = _base(exact)
        alike = [test for test in tests if "IgnoreCase" in test.operator or base != _IN_ANY_CASE]
        if base in ("StringEquals", _IN_ANY_CASE, "Bool") and all(
            any(test.is_met_by(value) is False for test in alike) for value in exact.values
        ):
            return True
    kinds = {test: _base(test) for test in tests}
    wide = [test for test, base in kinds.items() if base in ("StringLike", "ArnLike")]
    excluded = [test for test, base in kinds.items() if base in ("StringNotLike", "ArnNotLike")]
    return any("*" in test.values for test in excluded) or any(
        all(
            not any(patterns_overlap(value, other) for other in more.values)
            for value in test.values
        )
        or any(
            all(one.is_met_by(value) is False for value in test.values)
            for one in excluded
            if _base(one).replace("Not", "") == _base(test)
        )
        for test in wide
        for more in wide
    )


def _have_no_network(tests: Iterable[ConditionTest]) -> bool:
    # Whether no address is in a network of each.
    found: list[list[Any]] = []
    for test in tests:
        if _base(test) == "IpAddress":
            with suppress(ValueError):
                found.append([ip_network(value, strict=False) for value in test.values])
    return any(
        not any(mine.version == its.version and mine.overlaps(its) for mine in one for its in other)
        for one in found
        for other in found
    )


def _is_empty(tests: Iterable[ConditionTest], earliest: float | None) -> bool:
    # Whether no number or time is within all limits.
    lowest = [] if earliest is None else [(earliest, True)]
    highest: list[tuple[float, bool]] = []
    exact: list[set[float]] = []
    excluded: set[float] = set()
    for test in tests:
        base = _base(test)
        read: Callable[[str], float | None] = _number if base.startswith("Numeric") else _time
        values = [*map(read, test.values)]
        numbers = [value for value in values if value is not None]
        if not base.startswith(("Numeric", "Date")) or not numbers or len(numbers) < len(values):
            continue
        if base.endswith("NotEquals"):
            excluded |= {*numbers}
        elif "Greater" in base:
            lowest.append((min(numbers), base.endswith("Equals")))
        elif "Less" in base:
            highest.append((max(numbers), base.endswith("Equals")))
        else:
            exact.append({*numbers})
    outside = any(
        low > high or (low == high and not (with_low and with_high))
        for low, with_low in lowest
        for high, with_high in highest
    )
    return outside or (
        bool(exact)
        and not any(
            number not in excluded
            and all(number > low or (number == low and with_low) for low, with_low in lowest)
            and all(number < high or (number == high and with_high) for high, with_high in highest)
            for number in set.intersection(*exact)
        )
    )


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _time(text: str) -> float | None:
    # In ISO 8601, also in part, or in seconds since 1970.
    found = _TIME.fullmatch(text)
    if found is None or (text.isdigit() and len(text) > len("2026")):
        return _number(text)
    year, month, day, time, zone = found.groups()
    hours = time or "T00:00:00"
    with suppress(ValueError):
        whole = f"{year}{month or '-01'}{day or '-01'}{hours}"
        offset = "+00:00" if zone in (None, "Z") else zone
        return datetime.fromisoformat(f"{whole}{offset}").timestamp()
    return None
