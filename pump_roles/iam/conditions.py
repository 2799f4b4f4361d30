"""What conditions require."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Final

from pump_roles.patterns import arn_covers, covers, folded

_POSITIVE: Final = {"StringEquals", "StringLike", "ArnLike", "IpAddress", "Bool"}
"""Operators whose key must have one of the values, so that more values admit more requests."""

_NEGATIVE: Final = {"StringNotEquals", "StringNotLike", "ArnNotLike", "NotIpAddress"}
"""Operators whose key must have none of the values, so that more values admit fewer requests."""

_OPERATOR: Final = re.compile(
    r"(?:Not)?IpAddress|Bool|BinaryEquals|Arn(?:Not)?(?:Equals|Like)|"
    r"String(?:Not)?(?:Equals(?:IgnoreCase)?|Like)|"
    r"(?:Numeric|Date)(?:(?:Not)?Equals|(?:Less|Greater)Than(?:Equals)?)"
)
"""IAM User Guide, "IAM JSON policy elements: Condition operators"."""

_OPERATOR_IN_ANY_CASE: Final = re.compile(_OPERATOR.pattern, re.IGNORECASE)
_SEVERAL: Final = {"", "forallvalues", "foranyvalue"}

_EXCLUDES: Final = re.compile("(?:String|Arn)Not")

_AFTER: Final = "DateGreaterThanEquals"
_DATE: Final = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z")

VARIABLE: Final = "${"
"""What a policy variable, or a placeholder for what depends on the account, starts with."""

# IAM User Guide, "IAM JSON policy elements: Condition operators": these behave identically.
_ALIKE: Final = {"ArnEquals": "ArnLike", "ArnNotEquals": "ArnNotLike"}
_TRUTH: Final = {"Bool", "Null"}

_WILDCARD: Final = re.compile(r"[*?]")

_SAME: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringEquals": str.__eq__,
    "StringEqualsIgnoreCase": lambda value, other: value.casefold() == other.casefold(),
    "StringLike": partial(covers, fold=False),
    "ArnLike": arn_covers,
    "Bool": str.__eq__,
}
"""What the operators for one value do that can be decided without the request."""


@dataclass(frozen=True, order=True)
class ConditionTest:
    """A test of a condition.

    :param operator: its operator, such as ``StringEquals``.
    :param key: its condition key, in lower case.
    :param values: its values, sorted, each once.
    """

    operator: str
    key: str
    values: tuple[str, ...]

    @property
    def single(self) -> "ConditionTest":
        """The same for a key that has exactly one value."""
        return replace(self, operator=self.operator.rpartition(":")[2])

    def is_met_by(self, value: str | None) -> bool | None:
        """Return whether a value of its key meets it; ``None`` if that is not known.

        :param value: the value; ``None`` if the request does not have the key.
        """
        if self.operator == "Null" and self.values in (("true",), ("false",)):
            return (value is None) == (self.values == ("true",))
        if self.has_variable:
            return None
        if value is None:
            return self.is_met_without_key
        base = self.operator.removesuffix("IfExists")
        negative, same = "Not" in base, _SAME.get(base.replace("Not", ""))
        if same is None:
            return None
        return any(same(found, value) for found in self.values) != negative

    @property
    def is_met_without_key(self) -> bool | None:
        """Whether a request without its key meets it; ``None`` if that is not known."""
        # IAM User Guide, "IAM JSON policy elements: Condition operators" and "Multivalued context
        # keys": an operator that negates is then true.
        if self.operator == "Null" and self.values in (("true",), ("false",)):
            return self.values == ("true",)
        several, _, operator = self.operator.rpartition(":")
        base = operator.removesuffix("IfExists")
        if not _OPERATOR.fullmatch(base):
            return None
        if several == "ForAnyValue":
            return None if base != operator else False
        return several == "ForAllValues" or "Not" in base or base != operator

    @property
    def has_operator(self) -> bool:
        """Whether IAM has its operator, in any case."""
        several, _, operator = self.operator.rpartition(":")
        base = operator.removesuffix("IfExists")
        return several.lower() in _SEVERAL and (
            operator.lower() == "null" or bool(_OPERATOR_IN_ANY_CASE.fullmatch(base))
        )

    @cached_property
    def has_variable(self) -> bool:
        """Whether one of its values can stand for any text."""
        return any(VARIABLE in value for value in self.values)

    def implies(self, other: "ConditionTest") -> bool:
        """Return whether every request that meets it also meets another one."""
        if self == other:
            return True
        if self.key != other.key or self.has_variable or other.has_variable:
            return False
        operator = other.operator
        if self.operator in _POSITIVE:
            # A request that passes it has the key, with one value.
            operator = operator.removeprefix("ForAllValues:")
        # A request without the key passes only with IfExists, or with a negative operator.
        if not self.operator.endswith("IfExists"):
            operator = operator.removesuffix("IfExists")
        return _values_imply(self, other.values, operator)


def is_exclusion(operator: str) -> bool:
    """Return whether an operator only says whom or what a condition does not apply to."""
    return _EXCLUDES.match(operator) is not None


def _values_imply(test: ConditionTest, values: Sequence[str], operator: str) -> bool:
    stronger, its_values = test.operator, test.values
    within = set(its_values) <= set(values)
    if stronger == operator:
        base = operator.removesuffix("IfExists")
        if base == _AFTER:
            dates = [*its_values, *values]
            known = len(its_values) == len(values) == 1 and all(map(_DATE.fullmatch, dates))
            return known and its_values[0] >= values[0]
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


@dataclass(frozen=True)
class Condition:
    """What a request must meet. What IAM treats alike is equal.

    :param tests: its tests, sorted; a request must meet all of them.
    :param not_read: all of it, as JSON, if something in it cannot be read; otherwise empty.
    """

    tests: tuple[ConditionTest, ...] = ()
    not_read: str = ""

    def __bool__(self) -> bool:
        """Return whether it requires anything."""
        return bool(self.tests or self.not_read)

    def __str__(self) -> str:
        """Return it as JSON."""
        found: dict[str, dict[str, list[str]]] = {}
        for test in self.tests:
            found.setdefault(test.operator, {})[test.key] = [*test.values]
        return self.not_read or json.dumps(found)

    @property
    def texts(self) -> Iterator[str]:
        """Its keys and values, and what cannot be read."""
        yield self.not_read
        for test in self.tests:
            yield from (test.key, *test.values)

    @property
    def without_exclusions(self) -> "Condition":
        """The condition without what only says whom or what it does not apply to."""
        left = tuple(test for test in self.tests if not is_exclusion(test.operator))
        return replace(self, tests=left)

    def implies(self, other: "Condition") -> bool:
        """Return whether every request that meets it also meets another one.

        If in doubt, it does not.
        """
        if self.not_read or other.not_read:
            return self == other
        return all(any(test.implies(implied) for test in self.tests) for implied in other.tests)

    def is_met(self, keys: Mapping[str, str | None]) -> bool | None:
        """Return whether a request meets it; ``None`` if that is not known.

        :param keys: the values of condition keys, in lower case; ``None`` for one that the request
            does not have. Any other key may have any value.
        """
        if self.not_read:
            return None
        answers = {
            test.is_met_by(keys[test.key]) if test.key in keys else None for test in self.tests
        }
        return False if False in answers else None if None in answers else True

    def with_texts(self, change: Callable[[str], str]) -> "Condition":
        """Return it with other keys and values."""
        tests = (
            ConditionTest(test.operator, change(test.key), _sorted(map(change, test.values)))
            for test in self.tests
        )
        return replace(self, tests=tuple(sorted(tests)), not_read=change(self.not_read))


ALWAYS: Final = Condition()
"""The condition that every request meets."""


def parse_condition(condition: Any) -> Condition:
    """Parse the condition of a statement."""
    if condition == {}:
        return ALWAYS
    tests = [*_tests(condition)] if isinstance(condition, dict) else [None]
    read = [test for test in tests if test is not None]
    if len(read) < len(tests):
        return Condition(not_read=json.dumps(condition, sort_keys=True))
    return Condition(tuple(sorted(read)))


def _tests(condition: Mapping[str, Any]) -> Iterator[ConditionTest | None]:
    # None for what cannot be read.
    for operator, keys in condition.items():
        prefix, colon, last = operator.rpartition(":")
        base = last.removesuffix("IfExists")
        other = f"{prefix}{colon}{_ALIKE.get(base, base)}{last[len(base) :]}"
        # Of two spellings of one operator, both must be met.
        name = operator if other in condition else other
        listed = keys if isinstance(keys, dict) else {}
        if not listed or len({folded(key) for key in listed}) < len(listed):
            yield None
        for key, value in listed.items():
            elements = value if isinstance(value, list) else [value]
            values = [_as_text(element, truth=base in _TRUTH) for element in elements]
            texts = [text for text in values if text is not None]
            readable = len(texts) == len(values)
            yield ConditionTest(name, folded(key), _sorted(texts)) if readable else None


def _as_text(value: Any, *, truth: bool) -> str | None:
    # IAM treats a number or a Boolean like its text.
    if isinstance(value, bool | int | float):
        value = json.dumps(value)
    if not isinstance(value, str):
        return None
    return folded(value) if truth else value


def _sorted(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*texts}))
