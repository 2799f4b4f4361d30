"""What goes into a value, also through the definitions in templates that it uses."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final

from pump_roles.review.templates.possible import Possible
from pump_roles.review.templates.symbols import DYNAMIC, Certain
from pump_roles.review.templates.template import Template

STORED: Final = {
    "AWS::SSM::Parameter": f"{DYNAMIC}ssm",
    "AWS::SecretsManager::Secret": f"{DYNAMIC}secretsmanager",
}
"""The types of resources whose values dynamic references read, and how these begin."""

Known = Certain | list[Certain] | None
"""A string, or a list of strings; ``None`` if that is not certain."""


@dataclass(eq=False)
class Ingredients(Possible):
    """What a value or a definition contains itself, and the definitions that it uses.

    It also refers to definitions that do not go into it, such as conditions.
    """

    uses: set["Definition"] = field(default_factory=set)
    refers: set["Definition"] = field(default_factory=set)

    def merge(self, other: "Ingredients") -> None:
        """Add what another value contains."""
        self.fragments |= other.fragments
        self.shapes |= other.shapes
        self.separators |= other.separators
        self.uses |= other.uses
        self.refers |= other.refers
        self.deployment |= other.deployment

    def add(self, *values: "Evaluated") -> None:
        """Add values, and what goes into them."""
        pending = [*values]
        while pending:
            value = pending.pop()
            pending += value.inputs
            if value.adds is not None:
                value.adds(self)

    def open(self) -> None:
        """Add what only the deployment knows."""
        self.deployment = True


@dataclass(frozen=True)
class Definition:
    """A part of a template that values use: its section, name, and value, and what goes into it."""

    template: Template
    section: str
    name: str
    value: Any = field(compare=False)
    adds: Callable[[Ingredients], object] = field(compare=False, repr=False)

    @property
    def type(self) -> str | None:
        """The type of a resource; ``None`` for any other definition."""
        return self.template.type_of(self.name) if self.section == "resource" else None

    @property
    def contents(self) -> Ingredients:
        """What it contains itself."""
        known, key = self.template.contained, (self.section, self.name)
        if key not in known:
            known[key] = Ingredients()
            self.adds(known[key])
        found: Ingredients = known[key]
        return found

    def all_contents(self, *, into_resources: bool) -> Ingredients:
        """Return what it contains, and all that it uses. Read once, however many refer to it."""
        known, key = self.template.contained, (f"{self.section} {into_resources}", self.name)
        found, pending, seen = Ingredients(), [self], {self}
        while pending and key not in known:
            used = pending.pop()
            read = used.template.contained.get((f"{used.section} {into_resources}", used.name))
            # What a dynamic reference names is its value, wherever it is.
            if read is not None:
                found.merge(read)
            elif into_resources or used.section != "resource" or used.type in STORED:
                found.merge(used.contents)
                pending += used.contents.uses - seen
                seen |= used.contents.uses
        all_contents: Ingredients = known.setdefault(key, found)
        return all_contents


@dataclass(eq=False, slots=True)
class Evaluated:
    """What a value certainly is, and what goes into it.

    The parts are those that a string is put together from, in order.
    """

    template: Template
    known: Known = None
    inputs: Sequence["Evaluated"] = ()
    adds: Callable[[Ingredients], object] | None = None
    parts: Sequence["Evaluated"] = ()

    @property
    def certain(self) -> Certain | None:
        """The string that it certainly is; ``None`` if that is not certain.

        ``Ref`` and the ARN of an IAM role, user, group, instance profile, or managed policy are
        certain. A parameter is certain if a parent template passes a certain argument, and never
        because of its default. A dynamic reference is never certain, and neither is a list.
        """
        return self.known if isinstance(self.known, tuple) else None

    @property
    def certain_list(self) -> list[Certain] | None:
        """The strings of the list that it certainly is; ``None`` if that is not certain."""
        return self.known if isinstance(self.known, list) else None

    def could_be(
        self, *, into_resources: bool = True, separators: Collection[str] = ()
    ) -> Possible:
        """Return everything that it could be made of.

        That includes what parameters, mappings, outputs, and exports contain, and, because an
        attribute of a resource can be anything that its properties contain, with ``into_resources``
        also these. Whatever reads the value may split it at the separators.
        """
        contents = Ingredients(separators={*separators})
        contents.add(self)
        possible = _together(contents, into_resources=into_resources)
        # A dynamic reference can be put together from any parts.
        possible.deployment |= possible.spells_within(DYNAMIC, beside="(?!)")
        if not separators:
            literals = [*self.literals()]
            begins = _beginning(literals)
            ends = _beginning(reversed(literals[len(begins) :]))
            possible.begins, possible.ends = "".join(begins), "".join(reversed(ends))
        return possible

    def literals(self) -> Iterator[str | None]:
        """Yield what it is put together from, in order; ``None`` for what is not a literal."""
        for value in self.parts:
            yield from value.literals()
        if not self.parts:
            for part in (None,) if self.certain is None else self.certain:
                # Braces can begin a dynamic reference.
                yield part if isinstance(part, str) and not set("{}") & set(part) else None


def _beginning(literals: Iterable[str | None]) -> list[str]:
    return [part or "" for part in takewhile(lambda part: part is not None, literals)]


def definitions(values: Iterable[Evaluated], seen: set[Definition]) -> Iterator[Definition]:
    """Yield the definitions that values depend on, except those seen, which it adds to."""
    contents = Ingredients()
    contents.add(*values)
    pending = [contents]
    while pending:
        contents = pending.pop()
        for definition in (contents.uses | contents.refers) - seen:
            seen.add(definition)
            pending.append(definition.contents)
            yield definition


def _together(first: Ingredients, *, into_resources: bool) -> Possible:
    found = Ingredients()
    found.merge(first)
    for definition in first.uses:
        found.merge(definition.all_contents(into_resources=into_resources))
    named = {definition for definition in found.refers if definition.section == "resource"}
    parameters = {definition for definition in found.uses if definition.section == "parameter"}
    found.references = {(of.template, of.name) for of in named | parameters}
    for definition in named if found.separators else ():
        # AWS generates a name from these, and something random.
        found.fragments |= {definition.name, *definition.template.place}
        found.deployment = True
    # What is left of a Region or a partition is not read.
    found.deployment |= bool(found.shapes - {"AWS::AccountId"} and found.separators & {"-", "."})
    return found
