"""What policy documents say, clause by clause. No catalog of actions is needed for that."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pump_roles.templates.values import as_list, as_mapping, as_text, statements, strings

__all__ = ["EVERYWHERE", "Clause", "clauses", "unreadable_parts"]

EVERYWHERE: Final = "on every resource"
"""The scope of a statement without a condition on ``*``."""

_DOCUMENT_MEMBERS: Final = {"Version", "Id", "Statement"}
_STATEMENT_MEMBERS: Final = {
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}
_DYNAMIC_REFERENCE: Final = "{{resolve:"


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One action pattern of a statement, or all the patterns of its ``NotAction``.

    :param pattern: the pattern, or ``all but`` those of a ``NotAction``.
    :param excluded: the patterns of a ``NotAction``; ``None`` if it is one of an ``Action``.
    :param effect: ``Allow``, ``Deny``, or whatever else the statement has there.
    :param scope: on which resources and under which conditions, as text.
    :param conditional: whether it has a condition.
    :param everywhere: whether it is about every resource.
    :param readable: whether nothing of it is filled in when the template is deployed, other than
        resources and conditions.
    """

    pattern: str
    excluded: tuple[str, ...] | None
    effect: str
    scope: str
    conditional: bool
    everywhere: bool
    readable: bool


def clauses(document: Mapping[str, Any]) -> Iterator[Clause]:
    """Read a policy document; what is not a statement is skipped, see :func:`unreadable_parts`.

    :param document: the policy document, as a template contains it.
    """
    whole = _is_whole(document)
    for statement in statements(document):
        common: dict[str, Any] = {
            "effect": as_text(statement.get("Effect", "")),
            "scope": _scope(statement),
            "conditional": bool(statement.get("Condition")),
            "everywhere": _is_everywhere(statement),
            "readable": whole and _is_readable(statement),
        }
        if "NotAction" in statement:
            excluded = tuple(strings(statement["NotAction"]))
            pattern = f"all but {', '.join(excluded)}"
            yield Clause(pattern=pattern, excluded=excluded, **common)
        for pattern in strings(statement.get("Action", [])):
            yield Clause(pattern=pattern, excluded=None, **common)


def unreadable_parts(name: str, document: Mapping[str, Any]) -> Iterator[str]:
    """Return the parts of a policy that cannot be read, in words.

    :param name: the policy's name.
    :param document: its document, as a template contains it.
    """
    if not _is_whole(document):
        yield f"the policy {name}, which cannot be read"
    if not all(map(_is_readable, as_list(document.get("Statement", [])))):
        yield f"a statement of {name} that cannot be read"


def _is_whole(document: Mapping[str, Any]) -> bool:
    return "Statement" in document and document.keys() <= _DOCUMENT_MEMBERS


def _is_readable(statement: Any) -> bool:
    # Parameters and functions within a condition or a resource only narrow.
    known = as_mapping(statement)
    patterns = [*as_list(known.get("Action", [])), *as_list(known.get("NotAction", []))]
    return (
        known.get("Effect") in ("Allow", "Deny")
        and known.keys() <= _STATEMENT_MEMBERS
        and bool(patterns)
        and all(
            isinstance(pattern, str) and _DYNAMIC_REFERENCE not in pattern for pattern in patterns
        )
    )


def _is_everywhere(statement: Mapping[str, Any]) -> bool:
    return "NotResource" not in statement and "*" in strings(statement.get("Resource", "*"))


def _scope(statement: Mapping[str, Any]) -> str:
    resources = strings(statement.get("Resource", "*"))
    if "NotResource" in statement:
        scope = f"on all but {', '.join(strings(statement['NotResource']))}"
    elif resources == ["*"]:
        scope = EVERYWHERE
    else:
        scope = f"on {', '.join(resources)}"
    if statement.get("Condition"):
        scope += f", if {json.dumps(statement['Condition'], sort_keys=True)}"
    return scope
