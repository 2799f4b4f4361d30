"""Masks what must not be shown: external IDs, and characters that disguise the text around them."""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache, cached_property
from typing import Any, Final, Literal, TypeVar, get_origin

from pump_roles.guardrails import by_policy, kept_by
from pump_roles.iam.conditions import ConditionTest
from pump_roles.iam.external_ids import (
    MASK,
    ExternalId,
    TextMask,
    is_external_id_key,
    names_ids,
    presence,
)
from pump_roles.iam.identity_policies import VERSIONS
from pump_roles.inputs import as_text
from pump_roles.inputs.text import decoded
from pump_roles.published import ROLES

_DIGEST: Final = re.compile("[0-9a-f]{64}")

_T = TypeVar("_T")


@dataclass(frozen=True)
class Mask:
    """Replaces external IDs in whatever may contain them: a text, a JSON value, or a result."""

    ids: frozenset[ExternalId]

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
                if is_external_id_key(key)
                else {**self._masked(element), **presence(key, element)}
                if isinstance(element, dict)
                else self._masked(element)
                for key, element in value.items()
            }
        if isinstance(value, ExternalId) and value.state != "open":
            return value
        if is_dataclass(value) and not isinstance(value, type):
            changed = {
                name: self._masked(getattr(value, name)) for name in _with_texts(type(value))
            }
            if isinstance(value, ConditionTest) and names_ids(value):
                changed["values"] = tuple(MASK for _ in value.values)
            return replace(value, **changed)
        return value

    def _masked_text(self, text: str) -> str:
        if text in _own_names():
            return text
        replaced = self._in_texts.masked(text)
        if replaced == MASK:
            return MASK
        if _DIGEST.fullmatch(text):
            return text
        if text.startswith(("{", "[")):
            # What cannot be read is shown as it is in the template. A short external ID is part of
            # words there, but not if it is all of a string.
            with suppress(ValueError):
                value = decoded(json.loads, text)
                masked = self._masked(value)
                return text if masked == value else as_text(masked)
        return replaced

    @cached_property
    def _in_texts(self) -> TextMask:
        return TextMask(self.ids)


@cache
def _with_texts(kind: Any) -> Iterable[str]:
    # A literal type has only this package's own words.
    return [
        field.name for field in fields(kind) if field.init and get_origin(field.type) is not Literal
    ]


@cache
def _own_names() -> frozenset[str]:
    guardrails = by_policy()
    found = {*guardrails, *ROLES, *VERSIONS, "Allow", "Deny"}
    for role in ROLES.values():
        found |= {role.name, *(policy.name for policy in role.policies), *role.patterns}
    for guardrail in guardrails.values():
        found |= {guardrail.name, guardrail.tag, *guardrail.reasons, *kept_by(guardrail)}
    return frozenset(found)


def _mask_of(value: Any) -> Any:
    return [MASK for _ in value] if isinstance(value, list) else MASK
