"""Reads policy documents clause by clause: what each is about, and where it applies."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from pump_roles.iam.canonical import (
    VERSIONS,
    canonical_condition,
    folded,
    in_newest_version,
    text_of,
)
from pump_roles.iam.conditions import implies, is_never_met
from pump_roles.iam.documents import (
    as_list,
    as_mapping,
    as_text,
    is_readable,
    is_whole,
    statements,
    strings,
)
from pump_roles.iam.patterns import arns_may_overlap, arns_overlap, covers, is_whole_arn, overlap

_VARIABLE: Final = "${"
_OPEN: Final = re.compile(r"\$\{(\$\}\{)?[^}]*\}")
"""What can stand for any text: a policy variable, or a placeholder, in each version."""

_NO_RESOURCE: Final = "*"

ANY_ARN: Final = ("arn:*",)
"""The pattern of the ARNs of an action whose resources are not known."""


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
        condition = as_mapping(_read(self.condition or "{}"))
        return any(
            "aws:tagkeys" in as_mapping(condition.get(f"ForAnyValue:{operator}"))
            for operator in ("StringEquals", "StringEqualsIgnoreCase", "StringLike")
        )

    def on(
        self, arns: Sequence[str], others: Sequence[str] = (), *, certain: bool = False
    ) -> "Scope | None":
        """Return where it applies to an action; ``None`` if it certainly never does, or, if only
        what is certain counts, unless it does.

        The action's resources have ARNs of some patterns, or of none, and perhaps of others that
        AWS does not document. An action without resources is about the resource ``*``, so a
        statement applies to all of the action or to none.
        """
        if self.everywhere:
            return self
        known = arns or (_NO_RESOURCE,)
        if self.excluded:
            if "*" in self.resources:
                return None
            # That an incomplete ARN does not exclude the resource `*` is not certain.
            everywhere = not arns and all(
                is_whole_arn(listed) and not _may_be(listed, (*known, *others))
                for listed in self.resources
            )
            return replace(EVERYWHERE, condition=self.condition) if everywhere else self
        about = known if certain else (*known, *others)
        applies = any(_may_be(listed, about, certain=certain) for listed in self.resources)
        return self if applies else None

    def covers(self, other: "Scope") -> bool:
        """Return whether it certainly applies wherever another one does."""
        return self._covers_resources(other) and (
            self.condition == other.condition
            or not self.condition
            or (bool(other.condition) and implies(_read(other.condition), _read(self.condition)))
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


def _scope_of(statement: Mapping[str, Any], version: Any) -> Scope:
    excluded = "NotResource" in statement
    listed = statement["NotResource"] if excluded else statement.get("Resource", "*")
    # What CloudFormation fills in is written as JSON, so it is not text of the policy.
    resources = {
        text if text.startswith("{") else in_newest_version(text, version)
        for text in strings(listed)
    }
    condition = statement.get("Condition", {})
    canonical_form = canonical_condition(condition)
    if statement.get("Effect") == "Deny" and is_never_met(canonical_form):
        return Scope(resources=())
    written = "" if condition == {} else json.dumps(canonical_form, sort_keys=True)
    return Scope(
        resources=("*",) if not excluded and "*" in resources else tuple(sorted(resources)),
        excluded=excluded,
        condition=in_newest_version(written, version),
    )


@lru_cache(maxsize=2**12)
def _read(condition: str) -> Any:
    return json.loads(condition)


@lru_cache(maxsize=2**12)
def _opened(resource: str) -> str:
    # What CloudFormation fills in is written as JSON.
    return "*" if resource.startswith("{") else _OPEN.sub("*", resource)


def _may_be(resource: str, arns: Sequence[str], *, certain: bool = False) -> bool:
    pattern = _opened(resource)
    shares = arns_overlap if certain else arns_may_overlap
    return any(
        covers(pattern, arn, fold=False) if arn == _NO_RESOURCE else shares(pattern, arn)
        for arn in arns
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

    def matches_all_of(self, other: "Clause") -> bool:
        """Return whether it is certainly about everything that another one is about."""
        if other.excluded is None:
            return self.matches(other.pattern)
        if self.excluded is None:
            return self.pattern == "*"
        return all(any(covers(its, mine) for its in other.excluded) for mine in self.excluded)


def clauses(document: Any) -> Iterator[Clause]:
    """Yield the clauses of a policy document. What is not a statement is skipped; see
    :func:`unreadable_statements`.
    """
    members = as_mapping(document)
    whole, version = is_whole(members), members.get("Version", VERSIONS[0])
    for statement in statements(document):
        common: dict[str, Any] = {
            "effect": as_text(statement.get("Effect", "")),
            "scope": _scope_of(statement, version),
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


def canonical(document: Any) -> str:
    """Return a policy document's canonical form: documents that IAM treats alike have the same one.

    It has a line for each action and resource of a statement. What cannot be read is there as it
    is, so it equals only itself.
    """
    members = as_mapping(document)
    if not is_whole(members):
        return f"unreadable document {text_of(document)}"
    lines = {f"unreadable {text_of(part)}" for part in unreadable_statements(document)}
    parts = {part for clause in clauses(document) if clause.readable for part in _parts(clause)}
    # Every resource includes any other one.
    lines |= {f"{about} {on}" for about, on in parts if on == _ANY or (about, _ANY) not in parts}
    version = members.get("Version", VERSIONS[0])
    if version not in VERSIONS:
        lines.add(f"version {text_of(version)}")
    return "\n".join(sorted(lines))


_ANY: Final = text_of("*")


def _parts(clause: Clause) -> Iterator[tuple[str, str]]:
    # What each part of a clause is about, and on which resource.
    scope = clause.scope
    about = {"Effect": clause.effect, "Condition": _read(scope.condition or "{}")}
    if clause.excluded is None:
        about["Action"] = folded(clause.pattern)
    else:
        about["NotAction"] = sorted({*map(folded, clause.excluded)})
    if scope.excluded:
        yield text_of({**about, "NotResource": scope.resources}), ""
        return
    text = text_of(about)
    for resource in scope.resources or (None,):
        yield text, text_of(resource)
