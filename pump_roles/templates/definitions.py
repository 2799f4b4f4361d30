"""Digests of the definitions outside a resource that can change it.

A reference to a parameter, a condition, or an export stays the same if what it refers to changes.
A digest of all these definitions reveals such a change.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from pump_roles.iam.documents import is_readable, is_whole
from pump_roles.iam.values import as_list, as_mapping, ref
from pump_roles.role import HOUR
from pump_roles.templates.evaluate import evaluate
from pump_roles.templates.roles import PumpRole
from pump_roles.templates.template import Reference, Template

__all__ = ["combined", "filled_in", "suspicious"]

_IN_SUB: Final = re.compile(r"\$\{([^{}$!][^{}$]*)\}")

_COMPARED_AS_TEXT: Final = {
    "AssumeRolePolicyDocument",
    "Description",
    "Path",
    "PermissionsBoundary",
    "Policies",
    "RoleName",
    "Tags",
}
"""A role's properties whose text is compared elsewhere, or has no effect."""

_NOT_ABOUT_TARGETS: Final = {"Description", "Parameters", "Tags", "TemplateBody", "TemplateURL"}
_IGNORED: Final = {"DeletionPolicy", "DependsOn", "Metadata", "UpdateReplacePolicy"}


def combined(digests: Iterable[str]) -> str:
    """Return one digest for several. If they are all the same, it is that digest.

    :param digests: the digests, in any order.
    """
    different = sorted(set(digests))
    return different[0] if len(different) == 1 else _digest(different)


def filled_in(role: PumpRole, *, uncertain: bool) -> str:
    """Return the SHA-256 of all definitions that a role refers to; empty if there are none.

    It includes what the role has that cannot be read. It does not include what can be read, which
    is compared elsewhere, and pseudo parameters.

    :param role: the role.
    :param uncertain: whether the places where the role is deployed cannot be read.
    """
    template, properties = role.template, role.template.properties(role.logical_id)
    counted = {(found.template, found.logical_id) for found in role.attachments}
    found = _Definitions({template.root}, {(template, role.logical_id), *counted})
    trust = _without_literals(properties.get("AssumeRolePolicyDocument"), template)
    found.add(
        {**properties, "AssumeRolePolicyDocument": trust, "Description": "", "Tags": []}, template
    )
    found.add_text("role", _not_compared(template.resources[role.logical_id]), template)
    for attachment in role.attachments:
        document = attachment.template.properties(attachment.logical_id).get("PolicyDocument")
        found.add(document, attachment.template)
        if not _is_read(document):
            found.add_text(attachment.logical_id, document, attachment.template)
    for attachment in role.uncounted:
        found.add_resource(attachment.template, attachment.logical_id)
    for above in _chain(template):
        if role.changeable:
            found.add_text("template", above.content, above)
        if above.parent is not None:
            found.add_deployment(above.parent, above.deployed_by, whole=uncertain)
    return found.digest


def suspicious(
    roles: Iterable[PumpRole], resources: Iterable[Reference], templates: Iterable[Template]
) -> str:
    """Return the SHA-256 of all that may give more access; empty if there is nothing.

    :param roles: Pump's roles, which are not included.
    :param resources: the resources that may give access. What they refer to is included.
    :param templates: the templates that may give access.
    """
    listed = list(roles)
    found = _Definitions(
        {role.template.root for role in listed},
        {(role.template, role.logical_id) for role in listed}
        | {
            (attachment.template, attachment.logical_id)
            for role in listed
            for attachment in role.attachments
        },
    )
    for template, logical_id in resources:
        found.add_resource(template, logical_id)
    for template in templates:
        found.add_text("template", template.content, template)
    return found.digest


def _not_compared(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    # The parts of a role that are not compared elsewhere by their text.
    properties = as_mapping(resource.get("Properties"))
    parts = {
        **{name: value for name, value in properties.items() if name not in _COMPARED_AS_TEXT},
        **{name: resource[name] for name in resource.keys() - _IGNORED - {"Type", "Properties"}},
        "Policies": [
            policy
            for policy in as_list(properties.get("Policies", []))
            if as_mapping(policy).keys() != {"PolicyName", "PolicyDocument"}
            or not _is_read(policy["PolicyDocument"])
        ],
    }
    if parts.get("MaxSessionDuration") == HOUR:
        del parts["MaxSessionDuration"]
    return {name: value for name, value in parts.items() if value != []}


def _is_read(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and is_whole(document)
        and all(map(is_readable, as_list(document["Statement"])))
    )


def _without_literals(value: Any, template: Template) -> Any:
    # A literal argument of the parent is part of the trust policy's own digest.
    if isinstance(value, list):
        return [_without_literals(element, template) for element in value]
    if isinstance(value, dict):
        if isinstance(template.arguments.get(ref(value)), str):
            return ""
        return {key: _without_literals(element, template) for key, element in value.items()}
    return value


def _chain(template: Template) -> Iterator[Template]:
    above: Template | None = template
    while above is not None:
        yield above
        above = above.parent


class _Definitions:
    # The definitions that values depend on, directly and indirectly.
    def __init__(self, own: Collection[Template], compared: Collection[Reference]) -> None:
        self._own = own
        self._compared = compared
        self._seen: set[tuple[Template, str, str]] = set()
        self._entries: set[str] = set()
        self._pending: list[tuple[Any, Template]] = []

    @property
    def digest(self) -> str:
        return _digest(sorted(self._entries)) if self._entries else ""

    def add(self, value: Any, template: Template) -> None:
        """Add what a value depends on."""
        self._pending.append((value, template))
        # No recursion: definitions can depend on each other in a circle, or in a long chain.
        while self._pending:
            self._walk(*self._pending.pop())

    def add_text(self, name: str, value: Any, template: Template) -> None:
        """Add a value itself, unless it is empty, and what it depends on."""
        if value:
            self._define("text", name, value, template)
            self.add(value, template)

    def add_resource(self, template: Template, logical_id: str) -> None:
        """Add a resource, and what it depends on."""
        self._resource(logical_id, template)
        self.add([], template)

    def add_deployment(self, template: Template, logical_id: str, *, whole: bool) -> None:
        """Add what decides where, and whether, a nested stack or StackSet is deployed."""
        properties = template.properties(logical_id)
        targets = {
            name: value for name, value in properties.items() if name not in _NOT_ABOUT_TARGETS
        }
        condition = template.resources[logical_id].get("Condition")
        self.add([targets, {"Condition": condition}], template)
        if whole:
            self.add_text(logical_id, targets, template)

    def _define(self, section: str, name: str, value: Any, template: Template) -> None:
        if (template, section, name) in self._seen:
            return
        self._seen.add((template, section, name))
        *_, root = _chain(template)
        path = [above.deployed_by for above in _chain(template)]
        # The name of the file does not matter.
        stack = "" if root in self._own else root.stack
        self._entries.add(_canonical([stack, *reversed(path), section, name, value]))
        self._pending.append((value, template))

    def _walk(self, value: Any, template: Template) -> None:
        if isinstance(value, list):
            for element in value:
                self._walk(element, template)
        elif isinstance(value, dict):
            for key, argument in value.items():
                self._call(key, argument, template)
                self._walk(argument, template)

    def _call(self, function: str, argument: Any, template: Template) -> None:
        first = argument[0] if isinstance(argument, list) and argument else argument
        if function in ("Condition", "Fn::If") and isinstance(first, str):
            conditions = as_mapping(template.content.get("Conditions"))
            self._define("condition", first, conditions.get(first), template)
        elif function == "Fn::FindInMap":
            mappings = as_mapping(template.content.get("Mappings"))
            known = isinstance(first, str) and first in mappings
            name, found = (first, mappings[first]) if known else ("", mappings)
            self._define("mapping", name, found, template)
        for name in _named(function, argument):
            self._name(*name, template)
        for key in _imported(function, argument, template):
            for index, (exporting, value) in enumerate(template.exports.get(key, ())):
                self._define("export", " ".join((*key, str(index))), value, exporting)

    def _name(self, name: str, attribute: str, template: Template) -> None:
        if name.startswith("AWS::"):
            return
        nested = template.nested.get(name)
        if nested is not None and attribute.startswith("Outputs."):
            output = attribute.removeprefix("Outputs.")
            outputs = as_mapping(nested.content.get("Outputs"))
            self._define("output", output, as_mapping(outputs.get(output)).get("Value"), nested)
        elif name not in template.resources:
            self._parameter(name, template)
        elif (template, name) not in self._compared:
            self._resource(name, template)

    def _resource(self, logical_id: str, template: Template) -> None:
        resource = template.resources[logical_id]
        found = {name: resource[name] for name in resource.keys() - _IGNORED}
        if str(found.get("Type")).startswith("AWS::"):
            properties = template.properties(logical_id)
            found["Properties"] = {
                name: properties[name] for name in properties.keys() - {"Description"}
            }
        self._define("resource", logical_id, found, template)

    def _parameter(self, name: str, template: Template) -> None:
        declared = as_mapping(template.declared.get(name))
        described = {"ConstraintDescription", "Description"}
        kept = {member: declared[member] for member in declared.keys() - described}
        self._define("parameter", name, kept, template)
        if name in template.arguments and template.parent is not None:
            argument = f"{template.deployed_by} {name}"
            self._define("argument", argument, template.arguments[name], template.parent)


def _named(function: str, argument: Any) -> Iterator[tuple[str, str]]:
    # The names of resources and parameters, with the attribute, if any.
    if function == "Ref" and isinstance(argument, str):
        yield argument, ""
    elif function == "Fn::GetAtt":
        parts = [part for part in as_list(argument) if isinstance(part, str)]
        name, _, attribute = ".".join(parts).partition(".")
        yield name, attribute
    elif function == "Fn::Sub":
        patterns = [text for text in as_list(argument)[:1] if isinstance(text, str)]
        for placeholder in (found for text in patterns for found in _IN_SUB.findall(text)):
            name, _, attribute = placeholder.partition(".")
            yield name, attribute


def _imported(function: str, argument: Any, template: Template) -> Iterator[tuple[str, ...]]:
    # The keys of what other stacks export.
    if function == "Fn::ImportValue":
        for text in evaluate(argument, template):
            yield (text.text,)
    elif function == "Fn::GetStackOutput":
        named = as_mapping(argument)
        for stack in evaluate(named.get("StackName"), template):
            for output in evaluate(named.get("OutputName"), template):
                yield stack.text, output.text
    elif function == "Fn::GetAtt":
        # CDK's own way to refer to a stack in another region.
        for name, attribute in _named(function, argument):
            if template.type_of(name) == "Custom::CrossRegionExportReader":
                yield (attribute,)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _digest(value: Any) -> str:
    return sha256(_canonical(value).encode()).hexdigest()
