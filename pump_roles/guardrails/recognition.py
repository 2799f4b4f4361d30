"""Recognizes the guardrails of this package by their policies."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pump_roles.guardrails.guardrail import WITH_VALUE, Guardrail, by_policy
from pump_roles.validators import ArgumentError, ListOf

__all__ = ["recognized"]


def recognized(
    policy_name: str, document: Mapping[str, Any], patterns: Iterable[str]
) -> Guardrail | None:
    """Return the guardrail that a role's policy implements exactly; ``None`` if there is none.

    The order of actions and values does not count.

    :param policy_name: the policy's name.
    :param document: its document, as in a template.
    :param patterns: the action patterns that the role allows.
    """
    allowed = list(patterns)
    guardrail = by_policy().get(policy_name)
    if guardrail is None:
        return None
    for expected in guardrail.on(allowed).values():
        if not guardrail.value:
            return guardrail if _ordered(document) == _ordered(expected) else None
        filled = _filled_as_in(guardrail, _values(expected, document))
        if filled is not None and _ordered(document) in map(_ordered, filled.on(allowed).values()):
            return filled
    return None


def _values(template: Any, found: Any) -> Iterable[Any]:
    # The values in the place of a placeholder, where the two documents are otherwise alike.
    if isinstance(template, dict) and isinstance(found, dict):
        for key in template.keys() & found.keys():
            yield from _values(template[key], found[key])
    elif isinstance(template, list) and isinstance(found, list):
        for expected, element in zip(template, found, strict=False):
            yield from _values(expected, element)
    elif isinstance(template, str) and (placeholder := re.search(r"\$\{([a-z]+)\}", template)):
        if template == placeholder[0]:
            yield found
        elif isinstance(found, str):
            before, after = template.split(placeholder[0])
            yield found[len(before) : len(found) - len(after)]


def _ordered(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _ordered(element) for key, element in tree.items()}
    if isinstance(tree, list) and all(isinstance(element, str) for element in tree):
        return sorted(tree)
    return [_ordered(element) for element in tree] if isinstance(tree, list) else tree


def _filled_as_in(guardrail: Guardrail, values: Iterable[Any]) -> Guardrail | None:
    validator, with_value = WITH_VALUE[guardrail.name]
    value = next(iter(values), None)
    if isinstance(validator, ListOf) and not isinstance(value, list):
        value = [value]
    try:
        return with_value(value)
    except ArgumentError:
        return None
