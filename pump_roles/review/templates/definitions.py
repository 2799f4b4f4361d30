"""Digests of the definitions outside a resource that can change it.

A reference to a parameter, a condition, or an export stays the same if what it refers to changes.
A digest of all these definitions reveals such a change.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from pump_roles.iam.documents import as_list, as_mapping, is_readable, is_whole, mapped, ref
from pump_roles.review.templates.evaluate import evaluate, resource_definition
from pump_roles.review.templates.made_of import Definition, definitions
from pump_roles.review.templates.role_reader import ROLE_PROPERTIES, PumpRole
from pump_roles.review.templates.template import NEUTRAL_MEMBERS, Reference, Template

_NOT_ABOUT_TARGETS: Final = {"Description", "Parameters", "Tags", "TemplateBody", "TemplateURL"}


def combined(digests: Iterable[str]) -> str:
    """Return one digest for several. If they are all the same, it is that digest."""
    different = sorted(set(digests))
    return different[0] if len(different) == 1 else _digest(different)


def filled_in(role: PumpRole, *, uncertain: bool) -> str:
    """Return the SHA-256 of all definitions that a role refers to; empty if there are none.

    It includes what the role has that cannot be read. It does not include what can be read, which
    is compared elsewhere, and pseudo parameters.
    """
    template, properties = role.template, role.template.properties(role.logical_id)
    found = _Definitions({template.root}, role.resources)
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
    for above in template.chain:
        if role.changes:
            found.add_text("template", above.content, above)
        if above.parent is not None:
            found.add_deployment(above.parent, above.deployed_by, whole=uncertain)
    return found.digest


def suspicious(
    roles: Iterable[PumpRole], resources: Iterable[Reference], templates: Iterable[Template]
) -> str:
    """Return the SHA-256 of all that may give more access; empty if there is nothing."""
    listed = list(roles)
    found = _Definitions(
        {role.template.root for role in listed},
        {reference for role in listed for reference in role.resources},
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
        **_without(properties, ROLE_PROPERTIES),
        **_without(resource, {*NEUTRAL_MEMBERS, "Type", "Properties"}),
        "Policies": [
            policy
            for policy in as_list(properties.get("Policies", []))
            if as_mapping(policy).keys() != {"PolicyName", "PolicyDocument"}
            or not _is_read(policy["PolicyDocument"])
        ],
    }
    return {name: value for name, value in parts.items() if value != []}


def _is_read(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and is_whole(document)
        and all(map(is_readable, as_list(document["Statement"])))
    )


def _without_literals(value: Any, template: Template) -> Any:
    # A literal argument of the parent is part of the trust policy's own digest.
    given = {name for name, found in template.arguments.items() if isinstance(found, str)}
    return mapped(value, lambda part: "" if ref(part) in given - {""} else part)


class _Definitions:
    # The definitions that values depend on, directly and indirectly.
    def __init__(self, own: Collection[Template], compared: Collection[Reference]) -> None:
        self._own = own
        self._entries: set[str] = set()
        self._seen: set[Definition] = {resource_definition(*reference) for reference in compared}

    @property
    def digest(self) -> str:
        return _digest(sorted(self._entries)) if self._entries else ""

    def add(self, value: Any, template: Template) -> None:
        """Add what a value depends on."""
        for definition in definitions([evaluate(value, template)], self._seen):
            self._define(definition.template, definition.section, definition.name, definition.value)

    def add_text(self, name: str, value: Any, template: Template) -> None:
        """Add a value itself, unless it is empty, and what it depends on."""
        if value:
            self._enter("text", name, value, template)
            self.add(value, template)

    def add_resource(self, template: Template, logical_id: str) -> None:
        """Add a resource, or a section of a template, and what it depends on."""
        resource = template.resources.get(logical_id)
        if resource is None:
            self.add_text(logical_id, template.content[logical_id], template)
        else:
            self._define(template, "resource", logical_id, resource)
            condition = {"Condition": resource.get("Condition")}
            self.add([resource.get("Properties"), condition], template)

    def add_deployment(self, template: Template, logical_id: str, *, whole: bool) -> None:
        """Add what decides where, and whether, a nested stack or StackSet is deployed."""
        properties = template.properties(logical_id)
        targets = _without(properties, _NOT_ABOUT_TARGETS)
        condition = template.resources[logical_id].get("Condition")
        self.add([targets, {"Condition": condition}], template)
        if whole:
            self.add_text(logical_id, targets, template)

    def _define(self, template: Template, section: str, name: str, value: Any) -> None:
        if section == "resource":
            value = _without(template.resources[name], NEUTRAL_MEMBERS)
            if str(value.get("Type")).startswith("AWS::"):
                value["Properties"] = _without(template.properties(name), {"Description"})
        elif section == "parameter":
            described = {"ConstraintDescription", "Description"}
            value = _without(as_mapping(template.declared.get(name)), described)
            if name in template.arguments and template.parent is not None:
                argument = f"{template.deployed_by} {name}"
                self._enter("argument", argument, template.arguments[name], template.parent)
        self._enter(section, name, value, template)

    def _enter(self, section: str, name: str, value: Any, template: Template) -> None:
        root = template.root
        path = [above.deployed_by for above in template.chain]
        # The name of the file of Pump's role does not matter.
        stack = "" if root in self._own else root.stack or root.file.name
        self._entries.add(_canonical([stack, *reversed(path), section, name, value]))


def _without(members: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: members[name] for name in members.keys() - names}


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _digest(value: Any) -> str:
    return sha256(_canonical(value).encode()).hexdigest()
