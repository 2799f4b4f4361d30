"""What a report never shows: external ids, and characters that turn what stands around them."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, Final

from pump_roles.guardrails import reasons_by_policy
from pump_roles.published import ROLES
from pump_roles.review.trust import EXTERNAL_ID_KEY, PART_FROM
from pump_roles.review.values import as_list, as_mapping, ref

__all__ = ["external_ids", "masked", "visible"]

_MASK: Final = "(external id)"


def external_ids(
    template: Any, given: Mapping[str, Any], outer: Mapping[str, Any]
) -> frozenset[str]:
    """The external ids in a template: what stands under the condition key, anywhere.

    :param template: the template.
    :param given: the parameters that it is given. What they give for one that stands under the key
        is an id too, and so is its default.
    :param outer: the parameters that those that are given may refer to, as they are declared.
    """
    parameters = as_mapping(as_mapping(template).get("Parameters"))
    mappings = as_mapping(as_mapping(template).get("Mappings"))

    def parameter(name: str) -> Iterator[str]:
        passed = given.get(name)
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


def masked(value: Any, hidden: frozenset[str]) -> Any:
    """Return a value with every external id in it replaced, and every character visible.

    :param value: a JSON value.
    :param hidden: the external ids. One of fewer than six characters, which could be a part of any
        word, is only replaced where it stands alone. The names and patterns that this package has
        itself stay: they tell nothing, and a report without them would be wrong.
    """
    if isinstance(value, str):
        if value in _own_words():
            return value
        for one in sorted(hidden, key=lambda one: (-len(one), one)):
            value = value.replace(one, _MASK) if len(one) >= PART_FROM or value == one else value
        return visible(value)
    if isinstance(value, list):
        return [masked(one, hidden) for one in value]
    if isinstance(value, dict):
        return {
            masked(key, hidden): _mask_of(one) if _is_the_key(key) else masked(one, hidden)
            for key, one in value.items()
        }
    return value


def visible(text: str) -> str:
    """Return a text with control characters and marks of direction written out."""
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
