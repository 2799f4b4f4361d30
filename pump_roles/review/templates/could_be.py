"""Everything that a value in a template could be made of.

The structure of the value is forgotten: a name is possible if it can be put together, in any order
and with repetition, from the strings that go into the value.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from pump_roles.iam.documents import as_list, as_mapping, as_text, is_function
from pump_roles.review.templates.certain import Certain, certain, substitution, written
from pump_roles.review.templates.template import Reference, Template
from pump_roles.text import unescaped

STORED: Final[Mapping[Any, str]] = {
    "AWS::SSM::Parameter": "{{resolve:ssm",
    "AWS::SecretsManager::Secret": "{{resolve:secretsmanager",
}
"""The types of resources whose values dynamic references read, and how these begin."""

SHAPES: Final[Mapping[str, str]] = {
    "AWS::AccountId": "[0-9]{12}",
    "AWS::Partition": "aws(?:-[a-z]+)*",
    "AWS::Region": "[a-z]{2,4}(?:-[a-z]+)+-[0-9]",
    "AWS::URLSuffix": r"[a-z0-9]+(?:\.[a-z0-9]+)+",
}
"""What the values of pseudo parameters look like."""

_WORD: Final = re.compile(r"[\w+=.@-]+")

_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]{16,}={0,2}\s*")

_DYNAMIC: Final = re.compile(r"\{\{resolve:[^{}]*\}\}")

Definition = tuple[Template, str, str]
"""A template, one of its sections, and a name there."""


@dataclass(eq=False)
class Possible:
    """What a value could be made of."""

    fragments: set[str] = field(default_factory=set)
    shapes: set[str] = field(default_factory=set)
    separators: set[str] = field(default_factory=set)
    references: set[Reference] = field(default_factory=set)
    deployment: bool = False
    begins: str = ""
    ends: str = ""

    def excludes(self, text: str) -> bool:
        """Return whether a text, in any case, begins or ends differently than the value."""
        target, begins, ends = text.casefold(), self.begins.casefold(), self.ends.casefold()
        fits = target.startswith(begins) and target.endswith(ends)
        return not fits or len(target) < len(begins) + len(ends)

    def spells(self, text: str) -> bool:
        """Return whether a text, in any case, can be put together from what the app contains."""
        target = text.casefold()
        reached = self._reached(target, {0}, self._patterns)
        return len(target) in reached and not self.excludes(text)

    def spells_within(self, text: str, beside: str = r"[\w-]", *, shapes: bool = True) -> bool:
        """Return whether a text, in any case, can be a part of what is put together.

        A character that the pattern ``beside`` matches may not be next to it.
        """
        target = text.casefold()
        if re.search(rf"(?<!{beside}){re.escape(target)}(?!{beside})", self._text):
            return True
        starts = {
            size
            for size in range(1, len(target))
            if f"{target[:size]}\0" in self._text
            and re.search(rf"(?<!{beside}){re.escape(target[:size])}\0", self._text)
        }
        reached = self._reached(target, {0, *starts}, self._patterns if shapes else [])
        return len(target) in reached or any(
            f"\0{target[start:]}" in self._text
            and re.search(rf"\0{re.escape(target[start:])}(?!{beside})", self._text)
            for start in reached
        )

    def _reached(
        self, target: str, starts: Collection[int], patterns: Collection[re.Pattern[str]]
    ) -> set[int]:
        # The positions up to which the target can be put together.
        reached, pending = set(starts), list(starts)
        while pending:
            start = pending.pop()
            ends = {
                end
                for end in range(start + 1, len(target) + 1)
                if target[start:end] in self._pieces
                or any(shape.fullmatch(target, start, end) for shape in patterns)
            }
            pending += ends - reached
            reached |= ends
        return reached

    @cached_property
    def _text(self) -> str:
        return "\0".join(("", *self._pieces, ""))

    @cached_property
    def _pieces(self) -> frozenset[str]:
        # At once, because many values can share many strings.
        found = {*"\0".join(self.fragments).casefold().split("\0")}
        separators = {separator.casefold() for separator in self.separators}
        if separators:
            cut = re.compile("|".join(map(re.escape, separators)))
            found |= {piece for fragment in found for piece in cut.split(fragment)}
        if len(separators) > 1:
            # A split at one of them leaves the others.
            found |= separators
        return frozenset(found - {""})

    @cached_property
    def _patterns(self) -> list[re.Pattern[str]]:
        return [re.compile(SHAPES[name]) for name in self.shapes]


def readings(text: str) -> Iterator[str]:
    """Yield a text, and what it says without escapes or Base64."""
    yield text
    if "\\" in text:
        yield unescaped(text)
    if _BASE64.fullmatch(text):
        with suppress(ValueError):
            yield b64decode(text).decode(errors="replace")


def could_be(
    value: Any, template: Template, *, into_resources: bool = True, separators: Collection[str] = ()
) -> Possible:
    """Return everything that a value could be made of.

    That includes what parameters, mappings, outputs, and exports contain, and, because an attribute
    of a resource can be anything that its properties contain, with ``into_resources`` also these.
    Whatever reads the value may split it at the separators.
    """
    contents = _Contents(separators={*separators})
    contents.add(value, template)
    possible = _together(contents, into_resources=into_resources)
    # A dynamic reference can be put together from parts.
    if possible.spells_within("{{resolve:", beside="(?!)"):
        contents.deployment = True
        contents.uses |= {
            (of, "resource", name)
            for of, name in template.stored
            if possible.spells_within(STORED[of.type_of(name)], beside="(?!)")
        }
        possible = _together(contents, into_resources=into_resources)
    return possible


@dataclass(eq=False)
class _Contents(Possible):
    # What a value or a definition contains itself, and the definitions and conditions that it uses.
    named: set[Reference] = field(default_factory=set)
    uses: set[Definition] = field(default_factory=set)
    conditions: set[Definition] = field(default_factory=set)

    def add(self, value: Any, template: Template) -> None:
        """Add a value. Not recursive: a value can be nested deeply."""
        pending = [value]
        while pending:
            pending += self._visit(pending.pop(), template)

    def _visit(self, value: Any, template: Template) -> Iterable[Any]:
        # Adds a value, and returns the values in it that are still to be added.
        if isinstance(value, list):
            return value
        if isinstance(value, dict):
            if len(value) == 1:
                ((function, argument),) = value.items()
                if function in _FUNCTIONS:
                    return _FUNCTIONS[function](self, argument, template)
            self.deployment |= any(map(is_function, value))
            return (*value, *value.values())
        if value is not None:
            self._add_text(as_text(value), template)
        return ()

    def _add_text(self, text: str, template: Template) -> None:
        for reference in _DYNAMIC.findall(text):
            self.deployment = True
            self.add_stored(reference, template)
        self.fragments |= {*readings(_DYNAMIC.sub("", text))}

    def merge(self, other: "_Contents") -> None:
        """Add what another value contains, but not what it uses."""
        self.fragments |= other.fragments
        self.shapes |= other.shapes
        self.separators |= other.separators
        self.references |= other.references
        self.named |= other.named
        self.deployment |= other.deployment

    def add_condition(self, name: Any, template: Template) -> None:
        """Add a condition on which a value, but nothing in it, depends."""
        if isinstance(name, str):
            self.conditions.add((template, "Conditions", name))

    def add_stored(self, text: Any, template: Template) -> None:
        """Add the parameters and secrets of the app that a text may name; all if it is no text."""
        for of, logical_id in template.stored:
            properties = of.properties(logical_id)
            name = certain(properties.get("Name"), of)
            begins = STORED[of.type_of(logical_id)]
            if isinstance(text, str) and _DYNAMIC.match(text) and not text.startswith(begins):
                continue
            if isinstance(text, str) and (
                written(name) not in text if name else properties and "Name" not in properties
            ):
                continue
            self.uses.add((of, "resource", logical_id))

    def add_resource(self, call: Mapping[str, Any], name: str, template: Template) -> None:
        """Add a reference to a resource."""
        if name not in template.resources:
            self.deployment = True
            return
        self.references.add((template, name))
        value = certain(call, template)
        if value is None:
            self.deployment = True
            self.named.add((template, name))
            self.uses.add((template, "resource", name))
        else:
            self.add_certain(value)

    def add_exports(
        self, call: Mapping[str, Any], names: Iterable[Any], template: Template
    ) -> None:
        """Add what other stacks make available under names."""
        known = [certain(name, template) for name in names]
        key = tuple(written(name) for name in known if name is not None)
        if len(key) == len(known) and len(template.exports.get(key, ())) == 1:
            matching = [key]
            self.deployment |= certain(call, template) is None
        else:
            self.deployment = True
            possible = [could_be(name, template) for name in names]
            matching = [
                key
                for key in template.exports
                if len(key) == len(possible)
                and all(
                    "${" in name or text.spells(name)
                    for name, text in zip(key, possible, strict=True)
                )
            ]
        for key in matching:
            for of, _ in template.exports[key]:
                self.uses.add((of, "export", "\0".join(key)))
                self.deployment |= "Outputs" in of.changeable

    def add_certain(self, value: Certain) -> None:
        for part in value:
            if isinstance(part, str):
                self.fragments.add(part)
            elif part.name in SHAPES:
                self.shapes.add(part.name)
            elif part.template is not None:
                self.references.add((part.template, part.logical_id))
                self.named.add((part.template, part.logical_id))
                if not part.is_fixed:
                    self.deployment = True
                    self.uses.add((part.template, "resource", part.logical_id))


def definitions(
    value: Any, template: Template, *, without: Collection[Reference], seen: set[Definition]
) -> Iterator[Definition]:
    """Yield the definitions that a value depends on, except those seen, which it adds to."""
    contents = _Contents()
    contents.add(value, template)
    pending = [contents]
    while pending:
        contents = pending.pop()
        resources = {
            (of, "resource", name) for of, name in contents.references if name in of.resources
        }
        for definition in {*contents.uses, *contents.conditions, *resources} - seen:
            of, _, name = definition
            if (of, name) not in without:
                seen.add(definition)
                pending.append(_contents(definition))
                yield definition


def _together(first: _Contents, *, into_resources: bool) -> Possible:
    found = _Contents()
    found.merge(first)
    for definition in first.uses:
        found.merge(_all_contents(definition, into_resources=into_resources))
    if found.separators:
        for of, logical_id in found.named:
            # AWS generates a name from these, and something random.
            found.fragments |= {logical_id, *of.place}
        found.deployment |= bool(found.named)
    # What is left of a Region or a partition is not read.
    found.deployment |= bool(found.shapes - {"AWS::AccountId"} and found.separators & {"-", "."})
    return found


def _all_contents(definition: Definition, *, into_resources: bool) -> _Contents:
    # What a definition contains, and all that it uses. Read once, however many refer to it.
    known, key = definition[0].contained, (f"{definition[1]} {into_resources}", definition[2])
    found, pending, seen = _Contents(), [definition], {definition}
    while pending and key not in known:
        template, section, name = pending.pop()
        read = template.contained.get((f"{section} {into_resources}", name))
        # What a dynamic reference names is its value, wherever it is.
        stored = section == "resource" and template.type_of(name) in STORED
        if read is not None:
            found.merge(read)
        elif into_resources or section != "resource" or stored:
            contents = _contents((template, section, name))
            found.merge(contents)
            pending += contents.uses - seen
            seen |= contents.uses
    all_contents: _Contents = known.setdefault(key, found)
    return all_contents


def value_of(definition: Definition) -> Any:
    """Return what a template says of a definition; without a name, of all of its section."""
    template, section, name = definition
    if section == "export":
        exports = template.exports[tuple(name.split("\0"))]
        return [value for of, value in exports if of is template]
    found = as_mapping(template.content.get(section))
    value = found.get(name) if name else found
    return as_mapping(value).get("Value") if section == "Outputs" and name else value


def _contents(definition: Definition) -> _Contents:
    template, section, name = definition
    if (section, name) not in template.contained:
        contents = template.contained[section, name] = _Contents()
        if section == "parameter":
            _parameter(contents, name, template)
        elif section == "resource":
            contents.deployment = True
            contents.add(template.properties(name), template)
            # An attribute or a dynamic reference can be a part of a text, such as a value in JSON.
            contents.fragments |= set(_words(template.properties(name)))
            contents.add_condition(template.resources[name].get("Condition"), template)
        else:
            value = value_of(definition)
            contents.deployment = section in template.changeable or value in (None, {})
            contents.add(value, template)
    found_contents: _Contents = template.contained[section, name]
    return found_contents


def _words(properties: Any) -> Iterator[str]:
    pending = [properties]
    while pending:
        element = pending.pop()
        if isinstance(element, list):
            pending += element
        elif isinstance(element, dict):
            pending += [*element.keys(), *element.values()]
        elif isinstance(element, str):
            yield from _WORD.findall(unescaped(element))


def _parameter(contents: _Contents, name: str, template: Template) -> None:
    declared = as_mapping(template.declared.get(name))
    default, allowed = declared.get("Default"), declared.get("AllowedValues")
    passed = template.arguments.get(name)
    stored = as_text(declared.get("Type")).startswith("AWS::SSM::")
    changeable = "Parameters" in template.changeable or template.has_changeable_arguments
    contents.deployment = stored or changeable or (passed is None and not allowed)
    if template.is_list(name):
        contents.separators |= {",", " "}
    contents.add([default, allowed], template)
    if template.parent is not None:
        contents.add(passed, template.parent)
        if changeable:
            deploying = template.parent.properties(template.deployed_by)
            # Not the targets: each of their units would count as a value of the parameter.
            overrides = [*_overrides(deploying.get("StackInstancesGroup"))]
            contents.add([deploying.get("Parameters"), overrides], template.parent)
    if stored:
        for names in (default, passed, *as_list(allowed or [])):
            if names is not None:
                contents.add_stored(names, template)


def _overrides(value: Any) -> Iterator[Any]:
    if isinstance(value, list | dict):
        if "ParameterOverrides" in value and isinstance(value, dict):
            yield value["ParameterOverrides"]
        for element in value.values() if isinstance(value, dict) else value:
            yield from _overrides(element)


def _ref(found: _Contents, name: Any, template: Template) -> Iterable[Any]:
    if not isinstance(name, str):
        found.deployment = True
        return [name]
    call = {"Ref": name}
    if name in template.declared and name not in template.resources:
        found.references.add((template, name))
        found.uses.add((template, "parameter", name))
    elif value := certain(call, template) if name.startswith("AWS::") else None:
        found.add_certain(value)
    elif name.startswith("AWS::Stack"):
        # The name and the ID of the stack contain its place.
        found.deployment = True
        found.named.add((template, name))
    elif name != "AWS::NoValue":
        found.add_resource(call, name, template)
    return ()


def _attribute(found: _Contents, argument: Any, template: Template) -> Iterable[Any]:
    name, *rest = argument.split(".") if isinstance(argument, str) else as_list(argument) or [None]
    if not isinstance(name, str):
        return _unknown(found, argument, template)
    # A function may say which attribute it is.
    readable = all(isinstance(part, str) for part in rest)
    found.deployment |= not readable
    attribute = ".".join(rest) if readable else ""
    call = {"Fn::GetAtt": [name, attribute]}
    if template.type_of(name) == "Custom::CrossRegionExportReader":
        found.add_exports(call, [attribute if readable else rest], template)
        # Any provider may use the type of CDK's own.
        found.add_resource(call, name, template)
    elif name in template.nested:
        output = attribute.removeprefix("Outputs.")
        found.uses.add((template.nested[name], "Outputs", output))
    else:
        found.add_resource(call, name, template)
    return ()


def _substituted(found: _Contents, argument: Any, template: Template) -> Iterable[Any]:
    values = substitution(argument)
    return _unknown(found, argument, template) if values is None else values


def _condition(found: _Contents, name: Any, template: Template) -> Iterable[Any]:
    found.add_condition(name, template)
    return [name]


def _either(found: _Contents, argument: Any, template: Template) -> Iterable[Any]:
    condition, *branches = as_list(argument) or [None]
    found.add_condition(condition, template)
    return branches


def _selected(found: _Contents, argument: Any, _: Template) -> Iterable[Any]:
    # The index is no part of the value.
    return argument[1:] if isinstance(argument, list) else _unknown(found, argument, _)


def _split(found: _Contents, argument: Any, template: Template) -> Iterable[Any]:
    separator, *values = as_list(argument) or [None]
    if not isinstance(separator, str) or not separator:
        return _unknown(found, argument, template)
    letters = any(map(str.isalnum, separator))
    # What letters leave of a text that is put together is not read.
    found.deployment |= letters
    found.separators |= {separator} if letters else {*separator}
    return values


def _mapped(found: _Contents, argument: Any, template: Template) -> Iterable[Any]:
    name, *rest = as_list(argument) or [None]
    mappings = as_mapping(template.content.get("Mappings"))
    known = isinstance(name, str) and name in mappings
    found.uses.add((template, "Mappings", name if known else ""))
    return rest[2:]


def _imported(found: _Contents, argument: Any, template: Template) -> Iterable[Any]:
    found.add_exports({"Fn::ImportValue": argument}, [argument], template)
    return ()


def _stack_output(found: _Contents, argument: Any, template: Template) -> Iterable[Any]:
    named = as_mapping(argument)
    names = [named.get("StackName"), named.get("OutputName")]
    found.add_exports({"Fn::GetStackOutput": argument}, names, template)
    return ()


def _unknown(found: _Contents, argument: Any, _: Template) -> Iterable[Any]:
    found.deployment = True
    return [argument]


_FUNCTIONS: Final[Mapping[Any, Callable[[_Contents, Any, Template], Iterable[Any]]]] = {
    "Ref": _ref,
    "Fn::FindInMap": _mapped,
    "Fn::GetAtt": _attribute,
    "Fn::GetStackOutput": _stack_output,
    "Condition": _condition,
    "Fn::If": _either,
    "Fn::ImportValue": _imported,
    "Fn::Join": lambda _found, argument, _template: as_list(argument),
    "Fn::Select": _selected,
    "Fn::Split": _split,
    "Fn::Sub": _substituted,
}
