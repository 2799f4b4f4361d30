"""What is never shown: external IDs, and characters that change how the text around them reads."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from typing import Any, Final, TypeVar

from pump_roles.guardrails import reasons_by_policy
from pump_roles.published import ROLES
from pump_roles.templates.trust import EXTERNAL_ID_KEY, PART_FROM
from pump_roles.templates.values import as_list, as_mapping, as_text, ref

__all__ = ["Mask", "external_ids", "visible"]

_MASK: Final = "(external ID)"
_SHOWN: Final = 80
_NEVER_MASKED: Final = {"kind", "sha256"}

_T = TypeVar("_T")


@dataclass(frozen=True)
class Mask:
    """Replaces external IDs.

    :param hidden: the external IDs. One of fewer than six characters, which could be part of any
        word, is only replaced where it is the whole text.
    """

    hidden: frozenset[str]

    def short(self, value: Any) -> str:
        """Return a JSON value as text, masked and cut to 80 characters."""
        # Masked before it is cut, since a part of an external ID would not be recognized.
        text = as_text(self.masked(value))
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

    def masked(self, value: _T) -> _T:
        """Return a value with every external ID in it replaced, and every character visible.

        The names and patterns that this package itself has stay: they reveal nothing, and a report
        without them would be wrong.

        :param value: a JSON value, or a dataclass of such values.
        """
        masked: _T = _masked(value, self.hidden)
        return masked


def external_ids(
    template: Any, arguments: Mapping[str, Any], outer: Mapping[str, Any]
) -> frozenset[str]:
    """The external IDs in a template: everything under the condition key.

    :param template: the template.
    :param arguments: what it is given for its parameters. What is given for one under the key
        is an ID too, and so is its default.
    :param outer: the parameters that the arguments may refer to, as they are declared.
    """
    parameters = as_mapping(as_mapping(template).get("Parameters"))
    mappings = as_mapping(as_mapping(template).get("Mappings"))

    def parameter(name: str) -> Iterator[str]:
        passed = arguments.get(name)
        if isinstance(passed, str):
            yield passed
        yield from _declared(ref(passed), outer)
        yield from _declared(name, parameters)

    def strings(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
            for name in re.findall(r"\$\{([^}]*)\}", value):
                yield from parameter(name)
            # What Fn::FindInMap names.
            yield from _mapped(as_mapping(mappings.get(value)))
        elif ref(value):
            yield from parameter(ref(value))
        elif isinstance(value, list | dict):
            for one in value.values() if isinstance(value, dict) else value:
                yield from strings(one)

    found = {one for value in _under_the_key(template) for one in strings(value)}
    return frozenset(found - {"", "*"})


def _declared(name: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    parameter = as_mapping(parameters.get(name))
    for value in (parameter.get("Default"), *as_list(parameter.get("AllowedValues"))):
        if isinstance(value, str):
            yield value


def _mapped(mapping: Mapping[str, Any]) -> Iterator[str]:
    for of_key in mapping.values():
        for value in as_mapping(of_key).values():
            yield from (one for one in as_list(value) if isinstance(one, str))


def _masked(value: Any, hidden: frozenset[str]) -> Any:
    if isinstance(value, str):
        return _masked_text(value, hidden)
    if isinstance(value, list | tuple):
        return type(value)(_masked(element, hidden) for element in value)
    if isinstance(value, dict):
        return {
            _masked(key, hidden): _mask_of(one) if _is_the_key(key) else _masked(one, hidden)
            for key, one in value.items()
        }
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            one.name: _masked(getattr(value, one.name), hidden)
            for one in fields(value)
            if one.name not in _NEVER_MASKED
        }
        return replace(value, **changed)
    return value


def _masked_text(text: str, hidden: frozenset[str]) -> str:
    if text in _own_words():
        return text
    for external_id in sorted(hidden, key=lambda one: (-len(one), one)):
        if len(external_id) >= PART_FROM:
            text = text.replace(external_id, _MASK)
        elif text == external_id:
            text = _MASK
    return visible(text)


def visible(text: str) -> str:
    """Return a text with control characters and directional marks escaped."""
    return "".join(
        one if one.isprintable() or one in "\n\t" else one.encode("unicode_escape").decode()
        for one in text
    )


@cache
def _own_words() -> frozenset[str]:
    roles = ROLES.values()
    guardrails = reasons_by_policy()
    return frozenset(
        [role.name for role in roles]
        + [policy.name for role in roles for policy in role.policies]
        + [pattern for role in roles for pattern in role.patterns]
        + list(guardrails)
        + [pattern for reasons in guardrails.values() for pattern in reasons]
    )


def _under_the_key(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _under_the_key(one)
    elif isinstance(value, dict):
        for key, one in value.items():
            if _is_the_key(key):
                yield one
            else:
                yield from _under_the_key(one)
    elif isinstance(value, str) and EXTERNAL_ID_KEY in value.lower():
        # A document may be text.
        with suppress(ValueError):
            yield from _under_the_key(json.loads(value))


def _is_the_key(key: str) -> bool:
    return key.lower() == EXTERNAL_ID_KEY


def _mask_of(value: Any) -> Any:
    return [_MASK for _ in value] if isinstance(value, list) else _MASK
