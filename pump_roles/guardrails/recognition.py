"""Which guardrail of this package a policy is."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from pump_roles.guardrails.guardrail import Guardrail, by_policy
from pump_roles.validators import ArgumentError

__all__ = ["recognized"]

_FILL: Final[Mapping[str, Callable[[Any], Guardrail]]] = {
    "invitations-from": Guardrail.invitations_from,
    "only-in-regions": lambda regions: Guardrail.only_in_regions(
        *(regions if isinstance(regions, list) else [regions])
    ),
    "until": Guardrail.until,
}


def recognized(
    policy_name: str, document: Mapping[str, Any], patterns: Iterable[str]
) -> Guardrail | None:
    """Return the guardrail of this package that a role's policy is, exactly; else nothing.

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
    # What fills the placeholder in a template, where the rest of the document is alike.
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
    try:
        return _FILL[guardrail.name](next(iter(values), None))
    except ArgumentError:
        return None
