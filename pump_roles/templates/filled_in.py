"""What is filled in when templates are deployed, as a digest that changes with any of it."""

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, Final

from pump_roles.inputs import as_mapping, as_text, json_text
from pump_roles.templates.placeholders import (
    NOTHING,
    Choice,
    FunctionCall,
    Reference,
    as_written,
    certain_text,
    parts_of,
    shown,
)
from pump_roles.templates.resolve import PARAMETER, Resolver, Resource
from pump_roles.templates.role_reader import ROLE_PROPERTIES, TemplateRole
from pump_roles.templates.template import NEUTRAL_MEMBERS, Template

_ONLY_DESCRIBES: Final = {"ConstraintDescription": "", "Description": ""}
_TEXT: Final = re.compile(r'"([^"]*)"')
"""A text in JSON, as far as it can be the name of a condition."""

_READ_MEMBERS: Final = {"Type", "Properties", *NEUTRAL_MEMBERS}
_NOT_ABOUT_TARGETS: Final = {"Description", "Parameters", "Tags", "TemplateBody", "TemplateURL"}


def combined(digests: Iterable[str]) -> str:
    """Return one digest for several. If they are all the same, it is that digest."""
    different = sorted(set(digests))
    return different[0] if len(different) == 1 else _digest(different)


class _Uncertain:
    # What is not certain, and all that it depends on, each once: canonical texts that stay as they
    # are written if what they depend on changes.
    def __init__(self, resolver: Resolver, seen: Iterable[Reference]) -> None:
        self._resolver = resolver
        self._seen = {*seen}
        self._texts: set[str] = set()

    @property
    def sha256(self) -> str:
        """The digest of all of it; empty if there is nothing."""
        return _digest(sorted(self._texts)) if self._texts else ""

    def add(self, value: Any) -> None:
        """Add a JSON value."""
        self._texts.add(json_text(value))

    def add_uncertain(self, tree: Any) -> None:
        """Add what is not certain in a part of a property."""
        depends: set[Reference] = set()
        if isinstance(tree, Choice):
            self.add(tree.written)
            depends.add(tree.condition)
        elif (
            isinstance(tree, FunctionCall) and certain_text(tree) is None and tree.value != NOTHING
        ):
            texts, words = [*tree.value.every], tree.value.literals
            self.add([sorted(map(shown, texts)), sorted(map(shown, words))])
            for key, name in PARAMETER.findall("".join(texts)):
                declared = as_mapping(self._resolver.by_key[key].declared[name])
                self.add({**declared, **_ONLY_DESCRIBES})
            depends |= tree.value.refers
        for reference in sorted(depends - self._seen):
            self.add_definition(reference)
        for part in parts_of(tree):
            self.add_uncertain(part)

    def add_definition(self, reference: Reference) -> None:
        """Add a resource or a condition, and the conditions of which it is made."""
        pending = [reference]
        while pending:
            following = pending.pop()
            if following not in self._seen:
                self._seen.add(following)
                pending += self._add_one(following)

    def _add_one(self, reference: Reference) -> Iterator[Reference]:
        key, name = reference
        if resource := self._resolver.resources.get(reference):
            members = resource.members
            kept = {member: members[member] for member in members.keys() - NEUTRAL_MEMBERS}
            if resource.type.startswith("AWS::"):
                kept["Properties"] = {**resource.properties, "Description": ""}
            self.add([name, kept])
            self.add_uncertain(dict(resource.tree))
            self.add_condition(resource)
            return
        template = self._resolver.by_key[key]
        declared = as_mapping(template.content.get("Conditions"))
        value = declared.get(name[1:])
        words = {word for each in self._resolver.inside(value, template) for word in each.words}
        self.add([name, value, sorted(map(shown, words))])
        texts = {*_TEXT.findall(as_text(value))}
        yield from ((key, f"?{other}") for other in declared.keys() & texts)

    def add_condition(self, resource: Resource) -> None:
        """Add the condition under which a resource is created."""
        if isinstance(name := resource.members.get("Condition"), str):
            self.add_definition((resource.template.key, f"?{name}"))


def filled_in(role: TemplateRole, *, uncertain: bool) -> str:
    """Return the digest of what a role has, and where it is, that is not certain; empty if all is.

    What is certain is read and compared.
    """
    resource, properties = role.resource, dict(role.resource.tree)
    filled_there = _Uncertain(resource.resolver, role.references)
    filled_there.add_uncertain({**properties, "Description": "", "Tags": []})
    members = resource.members
    more = {name: members[name] for name in members.keys() - _READ_MEMBERS}
    more |= {name: resource.properties[name] for name in properties.keys() - ROLE_PROPERTIES}
    if more:
        filled_there.add(more)
    filled_there.add_condition(resource)
    for attachment in role.attachments:
        filled_there.add_uncertain(attachment.resource["PolicyDocument"])
    for attachment in role.uncounted:
        filled_there.add_definition(attachment.resource.reference)
    for above in resource.template.chain:
        if role.changes:
            filled_there.add(above.content)
        if above.parent is not None:
            deploying = resource.resolver.resources[above.parent.key, above.deployed_by]
            names = deploying.tree.keys() - _NOT_ABOUT_TARGETS
            targets = {name: deploying.tree[name] for name in names}
            filled_there.add_uncertain(targets)
            filled_there.add_condition(deploying)
            if uncertain:
                filled_there.add(as_written(targets))
    return filled_there.sha256


def suspicious(
    resolver: Resolver,
    roles: Iterable[TemplateRole],
    suspects: Iterable[Reference],
    templates: Iterable[Template],
) -> str:
    """Return the digest of all that may give more access; empty if there is nothing."""
    # The roles themselves are compared.
    suspected = _Uncertain(resolver, (each for role in roles for each in role.references))
    for template in templates:
        suspected.add(template.content)
    for key, name in suspects:
        if (key, name) in resolver.resources:
            suspected.add_definition((key, name))
        else:
            template = resolver.by_key[key]
            section = template.content[name]
            suspected.add(section)
            suspected.add_uncertain(resolver.tree(section, template))
    return suspected.sha256


def _digest(value: Any) -> str:
    return sha256(json_text(value).encode()).hexdigest()
