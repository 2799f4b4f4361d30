"""Where a statement applies: its resources, and the conditions under which it does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pump_roles.iam.canonical import canonical_condition
from pump_roles.iam.conditions import implies
from pump_roles.iam.patterns import covers, overlap
from pump_roles.iam.values import strings

__all__ = ["EVERYWHERE", "Scope", "scope_of"]

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

    def covers(self, other: "Scope") -> bool:
        """Return whether it certainly applies wherever another one does.

        :param other: the other one.
        """
        return self._covers_resources(other) and (
            self.condition == other.condition
            or not self.condition
            or (bool(other.condition) and implies(_read(other), _read(self)))
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
    """Return where a statement applies.

    :param statement: the statement.
    """
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


def _read(scope: Scope) -> Any:
    return json.loads(scope.condition)
