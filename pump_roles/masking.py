"""Masks what must not be shown: external IDs, and characters that disguise the text around them."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache, cached_property
from hashlib import sha256
from typing import Any, Final, TypeVar, get_args

from pump_roles.guardrails import by_policy, kept_by
from pump_roles.iam import EXTERNAL_ID_KEY, PART_FROM, Trust, Value
from pump_roles.inputs import (
    ACCOUNT_FILTERS,
    EXTERNAL_ID,
    CallAs,
    Text,
    as_list,
    as_text,
    decoded,
    visible,
)
from pump_roles.published import ROLES

_MASK: Final = "(external ID)"
_NEVER_MASKED: Final = {
    *("kind", "rule", "effect", "part", "why", "decision", "guardrail", "tag"),
    *("state", "variants", "id_required", "version"),
}
"""Fields with this package's own words, and those that are not shown."""

_DIGEST: Final = re.compile("[0-9a-f]{64}")

_T = TypeVar("_T")


@dataclass(frozen=True)
class Mask:
    """Replaces external IDs."""

    hidden: frozenset[str]

    def masked(self, value: _T) -> _T:
        """Return a value with every external ID in it replaced, and every character visible.

        This package's own names and patterns are not masked: they reveal nothing, and a report
        without them would be wrong.
        """
        masked: _T = self._masked(value)
        return masked

    def _masked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._masked_text(value)
        if isinstance(value, list | tuple):
            return type(value)(self._masked(element) for element in value)
        if isinstance(value, dict):
            return {
                self._masked(key): _mask_of(element)
                if _is_the_key(key)
                else {**self._masked(element), **_presence(key, element)}
                if isinstance(element, dict)
                else self._masked(element)
                for key, element in value.items()
            }
        if isinstance(value, Trust):
            value = value.with_values(_hidden)
        if is_dataclass(value) and not isinstance(value, type):
            changed = {
                field.name: self._masked(getattr(value, field.name))
                for field in fields(value)
                if field.name not in _NEVER_MASKED
            }
            return replace(value, **changed)
        return value

    def _masked_text(self, text: str) -> str:
        if text in _own_names():
            return text
        if text in self.hidden:
            return _MASK
        if _DIGEST.fullmatch(text):
            return text
        if text.startswith(("{", "[")):
            # What cannot be read is shown as it is in the template. A short external ID is part of
            # words there, but not if it is all of a string.
            with suppress(ValueError):
                value = decoded(json.loads, text)
                masked = self._masked(value)
                return text if masked == value else as_text(masked)
        return visible(self._parts.sub(_MASK, text) if self._parts else text)

    @cached_property
    def _parts(self) -> re.Pattern[str] | None:
        long = [external_id for external_id in self.hidden if len(external_id) >= PART_FROM]
        longest_first = sorted(long, key=lambda external_id: (-len(external_id), external_id))
        return re.compile("|".join(map(re.escape, longest_first))) if long else None


def is_masked(value: object) -> bool:
    """Return whether an external ID is replaced in a text, not only hidden as a value."""
    return _MASK in repr(value)


def digest_of(external_id: str) -> str:
    """Return the SHA-256 that stands for an external ID which is not shown."""
    return sha256(external_id.encode()).hexdigest()


@cache
def _own_names() -> frozenset[str]:
    guardrails = by_policy()
    found = {*guardrails, *ACCOUNT_FILTERS.values(), *get_args(CallAs)}
    for role in ROLES.values():
        found |= {role.name, *(policy.name for policy in role.policies), *role.patterns}
    for guardrail in guardrails.values():
        found |= {*guardrail.reasons, *kept_by(guardrail)}
    return frozenset(found)


def _hidden(value: Value, validator: Text) -> Value:
    if validator is not EXTERNAL_ID or value.state == "open":
        return value
    # What cannot be read may name an ID, too.
    return Value("hidden") if value.is_known else replace(value, text="")


def digests_of_ids(trust: Trust) -> tuple[str, ...]:
    """Return the SHA-256 of each external ID in a trust policy, in order."""
    return tuple(sorted(map(digest_of, ids_of(trust))))


def ids_of(trust: Trust) -> frozenset[str]:
    """Return the external IDs in a trust policy, wherever they are."""
    known = {
        value.text
        for found in trust.statements
        for value in found.external_ids
        if value.state == "known"
    }
    elsewhere = [text for found in trust.statements for text in (found.condition, found.not_read)]
    return texts_under_the_key([*elsewhere, *trust.not_read]) | (known - {""})


def under_the_key(value: Any) -> Iterator[Any]:
    """Yield everything that is the value of the condition key, anywhere in a JSON value."""
    if isinstance(value, list):
        for element in value:
            yield from under_the_key(element)
    elif isinstance(value, dict):
        for key, element in value.items():
            if _is_the_key(key):
                yield element
            elif present := _presence(key, element):
                others = {other: element[other] for other in element.keys() - present.keys()}
                yield from under_the_key(others)
            else:
                yield from under_the_key(element)
    elif isinstance(value, str) and EXTERNAL_ID_KEY in value.lower():
        # A document may be a JSON string.
        with suppress(ValueError):
            yield from under_the_key(decoded(json.loads, value))


def texts_under_the_key(value: Any) -> frozenset[str]:
    """Return the texts, and the numbers as text, that are values of the condition key."""
    return frozenset({*_texts([*under_the_key(value)])} - {"", "*"})


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list | dict):
        for element in value.values() if isinstance(value, dict) else value:
            yield from _texts(element)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield json.dumps(value)


def _is_the_key(key: str) -> bool:
    return key.strip().lower() == EXTERNAL_ID_KEY


def _presence(operator: str, tests: Any) -> dict[str, Any]:
    # Of the tests of an operator, those for whether a request has an external ID. They name none.
    if operator != "Null" or not isinstance(tests, dict):
        return {}
    return {
        key: value
        for key, value in tests.items()
        if _is_the_key(key) and {*map(as_text, as_list(value))} <= {"true", "false"}
    }


def _mask_of(value: Any) -> Any:
    return [_MASK for _ in value] if isinstance(value, list) else _MASK
