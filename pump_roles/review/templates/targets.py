"""Which roles a property names: certainly, possibly, or only the deployment knows."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, Final, Literal

from pump_roles.iam.documents import is_absent
from pump_roles.published import ROLES
from pump_roles.review.templates.certain import Certain, Symbol, certain, certain_list, substitution
from pump_roles.review.templates.could_be import SHAPES, Possible, could_be
from pump_roles.review.templates.template import Reference, Template

Naming = Literal["certain", "could-be", "deployment"]
"""How something names a role: certainly; possibly, from what the app contains; or only the
deployment knows whether it does."""

_KEPT: Final = 20
"""CloudFormation keeps at least as many characters of a stack's name and of a logical ID."""

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
    for element, found in elements(value, template):
        fixed = all(isinstance(part, str) or part.is_fixed for part in found or ())
        if found is not None and (fixed or is_role(found)):
            names.append(found)
        else:
            pieces = [*_pieces(element, template)]
            begins, ends = _beginning(pieces), _beginning(reversed(pieces))[::-1]
            unknown = could_be(element, template)
            possible.append(replace(unknown, begins="".join(begins), ends="".join(ends)))
    return Targets(tuple(names), tuple(possible))


def _pieces(value: Any, template: Template) -> Iterator[str | None]:
    # The literals that a value is put together from, in order, and null for what is not certain.
    call = value if isinstance(value, dict) and len(value) == 1 else {}
    joined = call.get("Fn::Join")
    if values := substitution(call.get("Fn::Sub")):
        for piece in values:
            yield from _pieces(piece, template)
    elif isinstance(joined, list) and len(joined) > 1 and isinstance(joined[1], list):
        known = [certain(element, template) is not None for element in joined[1]]
        for index, element in enumerate(joined[1]):
            if index:
                # Next to what may be nothing, there may be no separator.
                both = known[index - 1] and known[index] and isinstance(joined[0], str)
                yield joined[0] if both else None
            yield from _pieces(element, template)
    else:
        for part in certain(value, template) or [None]:
            # Braces can begin a dynamic reference.
            yield part if isinstance(part, str) and not set("{}") & set(part) else None


def _beginning(pieces: Iterable[str | None]) -> list[str]:
    return [piece or "" for piece in takewhile(lambda piece: piece is not None, pieces)]


def elements(value: Any, template: Template) -> Iterator[tuple[Any, Certain | None]]:
    """Yield a property's values, in both branches of ``Fn::If``, and what they certainly are."""
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
            several = certain_list(element, template)
            if several is None:
                yield element, certain(element, template)
            else:
                yield from ((element, found) for found in several)


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
        elif part.is_role and part.is_fixed and part.template is not None:
            found += _generated(part.template, part.name.casefold())
        else:
            return None
    return found


def origin(value: Certain) -> str:
    """Return how the logical ID begins that a name is, or may be, generated from; may be empty."""
    first = value[0] if is_role(value) else ""
    if isinstance(first, Symbol):
        return first.name.casefold()[:_KEPT]
    return literal(value).rpartition("-")[0].rpartition("-")[2][:_KEPT]


def _generated(template: Template, logical_id: str) -> str:
    # The names of the stack and the resource, truncated if they are long, and something random.
    stack = "" if template.member else template.root.stack.casefold()
    begins = re.escape(stack) + "(?:-[a-z0-9-]+)?"
    if not 0 < len(stack) <= _KEPT:
        begins = re.escape(stack[:_KEPT]) + "[a-z0-9-]*"
    rest = "[a-z0-9]*" if len(logical_id) > _KEPT else ""
    return f"{begins}-{logical_id[:_KEPT]}{rest}-[a-z0-9]{{8,}}"


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
