"""Reads policy documents, clause by clause, without a catalog of actions."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pump_roles.iam.documents import is_readable, is_whole
from pump_roles.iam.values import as_list, as_text, statements, strings

__all__ = ["EVERYWHERE", "Clause", "clauses", "unreadable_parts"]

EVERYWHERE: Final = "on every resource"
"""The scope of a statement on ``*`` without a condition."""


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One action pattern of a statement, or all the patterns of its ``NotAction``.

    :param pattern: the pattern, or ``all but`` those of a ``NotAction``.
    :param excluded: the patterns of a ``NotAction``; ``None`` if it is one of an ``Action``.
    :param effect: ``Allow``, ``Deny``, or whatever else the statement contains there.
    :param scope: on which resources and under which conditions, as text.
    :param conditional: whether it has a condition.
    :param everywhere: whether it applies to every resource.
    :param readable: whether everything except resources and conditions is known before deployment.
    """

    pattern: str
    excluded: tuple[str, ...] | None
    effect: str
    scope: str
    conditional: bool
    everywhere: bool
    readable: bool


def clauses(document: Mapping[str, Any]) -> Iterator[Clause]:
    """Yield the clauses of a policy document. What is not a statement is skipped; see
    :func:`unreadable_parts`.

    :param document: the policy document, as a template contains it.
    """
    whole = is_whole(document)
    for statement in statements(document):
        common: dict[str, Any] = {
            "effect": as_text(statement.get("Effect", "")),
            "scope": _scope(statement),
            "conditional": _is_conditional(statement),
            "everywhere": _is_everywhere(statement),
            "readable": whole and is_readable(statement),
        }
        if "NotAction" in statement:
            excluded = tuple(strings(statement["NotAction"]))
            pattern = f"all but {', '.join(excluded)}"
            yield Clause(pattern=pattern, excluded=excluded, **common)
        for pattern in strings(statement.get("Action", [])):
            yield Clause(pattern=pattern, excluded=None, **common)


def unreadable_parts(name: str, document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the parts of a policy that cannot be read, in words.

    :param name: the policy's name.
    :param document: its document, as a template contains it.
    """
    if not is_whole(document):
        yield f"the policy {name}, which cannot be read"
    if not all(map(is_readable, as_list(document.get("Statement", [])))):
        yield f"a statement of {name} that cannot be read"


def _is_everywhere(statement: Mapping[str, Any]) -> bool:
    return "NotResource" not in statement and "*" in strings(statement.get("Resource", "*"))


def _is_conditional(statement: Mapping[str, Any]) -> bool:
    return "Condition" in statement and statement["Condition"] != {}


def _scope(statement: Mapping[str, Any]) -> str:
    if "NotResource" in statement:
        scope = f"on all but {_listed(statement['NotResource'])}"
    elif _is_everywhere(statement):
        scope = EVERYWHERE
    else:
        scope = f"on {_listed(statement['Resource'])}"
    if _is_conditional(statement):
        scope += f", if {json.dumps(_ordered(statement['Condition']), sort_keys=True)}"
    return scope


def _listed(resources: Any) -> str:
    # Different resources must not become the same text. Their order does not matter.
    listed = {
        resource
        if isinstance(resource, str) and not {'"', ","} & {*resource}
        else json.dumps(resource, sort_keys=True)
        for resource in as_list(resources)
    }
    return ", ".join(sorted(listed))


def _ordered(condition: Any) -> Any:
    # The order of a key's values does not matter; that of a function's arguments does.
    if not isinstance(condition, dict):
        return condition
    return {
        operator: {
            key: sorted(values) if _is_any_of(key, values) else values
            for key, values in keys.items()
        }
        if isinstance(keys, dict)
        else keys
        for operator, keys in condition.items()
    }


def _is_any_of(key: str, values: Any) -> bool:
    return (
        isinstance(values, list)
        and all(isinstance(value, str) for value in values)
        and not key.startswith("Fn::")
    )
