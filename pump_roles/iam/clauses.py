"""Reads policy documents clause by clause: what each is about, and where it applies."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pump_roles.iam.canonical import canonical_condition
from pump_roles.iam.conditions import implies
from pump_roles.iam.documents import (
    as_list,
    as_mapping,
    as_text,
    is_readable,
    is_whole,
    statements,
    strings,
)
from pump_roles.iam.patterns import covers, overlap

_VARIABLE: Final = "${"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where a statement applies.

    :param resources: the ARNs and patterns of its resources, sorted. What is not a string is JSON.
    :param excluded: whether it applies to all resources but these.
    :param condition: the canonical form of its condition as JSON; empty if it has none.
    """

    resources: tuple[str, ...] = ("*",)
    excluded: bool = False
    condition: str = ""

    @property
    def everywhere(self) -> bool:
        """Whether it applies to every resource."""
        return not self.excluded and "*" in self.resources

    @property
    def needs_tags(self) -> bool:
        """Whether it applies only to requests with certain tags."""
        condition = as_mapping(json.loads(self.condition or "{}"))
        return any(
            "aws:tagkeys" in as_mapping(condition.get(f"ForAnyValue:{operator}"))
            for operator in ("StringEquals", "StringEqualsIgnoreCase", "StringLike")
        )

    def covers(self, other: "Scope") -> bool:
        """Return whether it certainly applies wherever another one does."""
        return self._covers_resources(other) and (
            self.condition == other.condition
            or not self.condition
            or (
                bool(other.condition)
                and implies(json.loads(other.condition), json.loads(self.condition))
            )
        )

    def _covers_resources(self, other: "Scope") -> bool:
        if self.everywhere or (self.excluded, self.resources) == (other.excluded, other.resources):
            return True
        if self.excluded and other.excluded:
            return all(
                any(_within(mine, its) for its in other.resources) for mine in self.resources
            )
        if self.excluded:
            return not any(
                _VARIABLE in mine + its or overlap(mine, its)
                for mine in self.resources
                for its in other.resources
            )
        return not other.excluded and all(
            any(_within(its, mine) for mine in self.resources) for its in other.resources
        )


EVERYWHERE: Final = Scope()
"""Every resource, under no condition."""


def scope_of(statement: Mapping[str, Any]) -> Scope:
    """Return where a statement applies."""
    excluded = "NotResource" in statement
    resources = (
        {*strings(statement["NotResource" if excluded else "Resource"])}
        if (excluded or "Resource" in statement)
        else {"*"}
    )
    condition = statement.get("Condition", {})
    return Scope(
        resources=("*",) if not excluded and "*" in resources else tuple(sorted(resources)),
        excluded=excluded,
        condition=""
        if condition == {}
        else json.dumps(canonical_condition(condition), sort_keys=True),
    )


def _within(inner: str, outer: str) -> bool:
    # A variable can stand for anything.
    return inner == outer or (_VARIABLE not in inner + outer and covers(outer, inner, fold=False))


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One action pattern of a statement, or all the patterns of its ``NotAction``."""

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
        """Return whether it is about an action, or about everything that a pattern matches."""
        if self.excluded is None:
            return covers(self.pattern, action)
        return not any(overlap(pattern, action) for pattern in self.excluded)

    def covers(self, other: "Clause") -> bool:
        """Return whether it certainly has the same effect wherever another one has it."""
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
    """Return the statements of a policy document that cannot be read, or the document itself."""
    read = as_mapping(document)
    if not is_whole(read):
        return [document]
    return [statement for statement in as_list(read["Statement"]) if not is_readable(statement)]
