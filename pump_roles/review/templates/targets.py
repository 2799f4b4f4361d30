"""Which roles a property names: certainly, possibly, or only the deployment knows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from pump_roles.iam.documents import is_absent
from pump_roles.published import ROLES
from pump_roles.review.templates.evaluate import certain, evaluate
from pump_roles.review.templates.made_of import Evaluated
from pump_roles.review.templates.possible import Possible
from pump_roles.review.templates.symbols import SHAPES, Certain, Symbol
from pump_roles.review.templates.template import Reference, Template

Naming = Literal["certain", "could-be", "deployment"]
"""How something names a role: certainly; possibly, from what the app contains; or only the
deployment knows whether it does."""

_KEPT: Final = 20
"""CloudFormation keeps at least as many characters of a logical ID in a generated name."""

_ORDER: Final[tuple[Naming, ...]] = ("certain", "could-be", "deployment")


@dataclass(frozen=True)
class Target:
    """A role that something may name."""

    names: tuple[Certain, ...]
    reference: Reference | None = None


@dataclass(frozen=True)
class Targets:
    """The roles that a property names."""

    certain: tuple[Certain, ...] = ()
    possible: tuple[Possible, ...] = ()

    def naming(self, role: Target) -> Naming | None:
        """Return how they name a role; ``None`` if they do not."""
        found = {_certainly(value, name) for value in self.certain for name in role.names}
        found |= {_possibly(value, role) for value in self.possible}
        return next((naming for naming in _ORDER if naming in found), None)


def target(template: Template, logical_id: str) -> Target:
    """Return a role in a template as a target.

    If its name is not certain, its names are those of the published roles that it could be, and
    what it is if it is nothing else.
    """
    own = certain({"Ref": logical_id}, template) or (Symbol(logical_id, template),)
    found = targets(template.properties(logical_id).get("RoleName"), template)
    published = {role.name for role in ROLES.values()}
    possible = [
        name
        for value in found.possible
        for name in published | (value.fragments if len(value.fragments) == 1 else set())
        if value.spells(name)
    ]
    names = dict.fromkeys([own, *found.certain, *((name,) for name in sorted(possible))])
    return Target(tuple(names), (template, logical_id))


def targets(value: Any, template: Template) -> Targets:
    """Return the roles that a value names, or that the elements of a list name."""
    names: list[Certain] = []
    possible: list[Possible] = []
    for found in elements(value, template):
        name = found.certain
        if name is not None and (is_role(name) or all(map(_is_fixed, name))):
            names.append(name)
        else:
            possible.append(found.could_be())
    return Targets(tuple(names), tuple(possible))


def _is_fixed(part: str | Symbol) -> bool:
    return isinstance(part, str) or part.is_fixed


def elements(value: Any, template: Template) -> Iterator[Evaluated]:
    """Yield a property's values, in both branches of ``Fn::If``."""
    pending = [value]
    while pending:
        element = pending.pop()
        call = element if isinstance(element, dict) and len(element) == 1 else {}
        branches = call.get("Fn::If")
        if isinstance(element, list):
            pending += reversed(element)
        elif isinstance(branches, list):
            pending += reversed(branches[1:])
        elif not is_absent(element):
            found = evaluate(element, template)
            if found.certain_list is None:
                yield found
            else:
                yield from (Evaluated(template, text, [found]) for text in found.certain_list)


def is_role(value: Certain) -> bool:
    """Return whether a value is the name of a role in the templates, whatever its name is."""
    return len(value) == 1 and isinstance(value[0], Symbol) and value[0].is_role


def literal(value: Certain) -> str:
    """Return a certain value, case-folded; empty if the templates do not contain all of it."""
    return value[0].casefold() if len(value) == 1 and isinstance(value[0], str) else ""


def _certainly(value: Certain, name: Certain) -> Naming | None:
    if _folded(value) == _folded(name):
        return "certain"
    # A pseudo parameter can have the value that is a part of the other one, and a literal can be
    # the name that AWS has generated.
    for one, other in ((value, name), (name, value)):
        if literal(one):
            shape = None if literal(other) else pattern(other)
            return "could-be" if shape and re.fullmatch(shape, literal(one)) else None
    known = all(isinstance(part, str) or part.name in SHAPES for part in (*value, *name))
    return "could-be" if known else None


def _folded(value: Certain) -> Certain:
    return tuple(part.casefold() if isinstance(part, str) else part for part in value)


def pattern(value: Certain) -> str | None:
    """Return a pattern for what a certain value is at deployment; ``None`` if it is not known."""
    found = ""
    for part in value:
        if isinstance(part, str):
            found += re.escape(part.casefold())
        elif part.name in SHAPES:
            found += rf"(?:{SHAPES[part.name]}|\$\{{{part.name}\}})"
        elif part.is_role and part.is_fixed:
            found += _generated(part.name.casefold())
        else:
            return None
    return found


def origin(value: Certain) -> str:
    """Return how the logical ID begins that a name is, or may be, generated from; may be empty."""
    first = value[0] if is_role(value) else ""
    if isinstance(first, Symbol):
        return first.name.casefold()[:_KEPT]
    return literal(value).rpartition("-")[0].rpartition("-")[2][:_KEPT]


def _generated(logical_id: str) -> str:
    # The name of the stack and the logical ID, truncated if they are long, and something random.
    rest = "[a-z0-9]*" if len(logical_id) > _KEPT else ""
    return f"[a-z0-9-]*-{logical_id[:_KEPT]}{rest}-[a-z0-9]{{8,}}"


def _possibly(value: Possible, role: Target) -> Naming | None:
    spelled = any(_spells(value, name) for name in role.names)
    if spelled or role.reference in value.references:
        return "could-be"
    excluded = all(literal(name) and value.excludes(literal(name)) for name in role.names)
    return "deployment" if value.deployment and not excluded else None


def _spells(value: Possible, name: Certain) -> bool:
    parts = [part for part in name if isinstance(part, str)]
    if len(name) == 1:
        return any(map(value.spells, parts))
    # A value may contain what a pseudo parameter stands for.
    return bool(parts) and all(value.spells_within(part, beside="(?!)") for part in parts)
