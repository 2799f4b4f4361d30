"""Reads policy documents, clause by clause, without a catalog of actions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pump_roles.iam.documents import is_readable, is_whole
from pump_roles.iam.patterns import covers, overlap
from pump_roles.iam.scopes import Scope, scope_of
from pump_roles.iam.values import as_list, as_mapping, as_text, statements, strings

__all__ = ["Clause", "clauses", "unreadable_statements"]


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One action pattern of a statement, or all the patterns of its ``NotAction``.

    :param pattern: the pattern; empty for a ``NotAction``.
    :param excluded: the patterns of a ``NotAction``; ``None`` if it is one of an ``Action``.
    :param effect: ``Allow``, ``Deny``, or whatever else the statement contains there.
    :param scope: on which resources and under which conditions.
    :param readable: whether everything except resources and conditions is known before deployment.
    """

    pattern: str
    excluded: tuple[str, ...] | None
    effect: str
    scope: Scope
    readable: bool

    @property
    def named(self) -> str:
        """Its pattern, or that it is all but the patterns of a ``NotAction``."""
        return self.pattern if self.excluded is None else f"all but {', '.join(self.excluded)}"

    def matches(self, action: str) -> bool:
        """Return whether it is about an action, or about everything that a pattern matches.

        :param action: the action or pattern.
        """
        if self.excluded is None:
            return covers(self.pattern, action)
        return not any(overlap(pattern, action) for pattern in self.excluded)

    def covers(self, other: "Clause") -> bool:
        """Return whether it certainly has the same effect wherever another one has it.

        :param other: the other one.
        """
        if self.effect != other.effect or not self.scope.covers(other.scope):
            return False
        if other.excluded is None:
            return self.matches(other.pattern)
        if self.excluded is None:
            return self.pattern == "*"
        return all(any(covers(its, mine) for its in other.excluded) for mine in self.excluded)


def clauses(document: Any) -> Iterator[Clause]:
    """Yield the clauses of a policy document. What is not a statement is skipped; see
    :func:`unreadable_statements`.

    :param document: the policy document.
    """
    whole = is_whole(as_mapping(document))
    for statement in statements(document):
        common: dict[str, Any] = {
            "effect": as_text(statement.get("Effect", "")),
            "scope": scope_of(statement),
            "readable": whole and is_readable(statement),
        }
        if "NotAction" in statement:
            yield Clause(pattern="", excluded=tuple(strings(statement["NotAction"])), **common)
        for pattern in strings(statement.get("Action", [])):
            yield Clause(pattern=pattern, excluded=None, **common)


def unreadable_statements(document: Any) -> list[Any]:
    """Return the statements of a policy document that cannot be read, or the document itself.

    :param document: the policy document.
    """
    read = as_mapping(document)
    if not is_whole(read):
        return [document]
    return [statement for statement in as_list(read["Statement"]) if not is_readable(statement)]
