"""One digest of what templates say, along the way to a role, about what is not certain there.

What is certain is read and compared. A reference to a parameter, a condition, or an export stays
the same if what it refers to changes, and a digest of these definitions reveals that.
"""

from collections.abc import Collection, Iterable
from hashlib import sha256
from typing import Any, Final

from pump_roles.iam.canonical import text_of
from pump_roles.iam.documents import as_mapping
from pump_roles.review.templates.evaluate import evaluate, resource_definition
from pump_roles.review.templates.filled import filled
from pump_roles.review.templates.made_of import Definition, definitions
from pump_roles.review.templates.role_reader import ROLE_PROPERTIES, PumpRole
from pump_roles.review.templates.template import NEUTRAL_MEMBERS, Reference, Template

_NOT_ABOUT_TARGETS: Final = {"Description", "Parameters", "Tags", "TemplateBody", "TemplateURL"}
_READ_MEMBERS: Final = {"Type", "Properties", *NEUTRAL_MEMBERS}
_DESCRIBES: Final = {"ConstraintDescription", "Description", *NEUTRAL_MEMBERS}


def combined(digests: Iterable[str]) -> str:
    """Return one digest for several. If they are all the same, it is that digest."""
    different = sorted(set(digests))
    return different[0] if len(different) == 1 else _digest(different)


def filled_in(role: PumpRole, *, uncertain: bool) -> str:
    """Return the digest for a role: of what it has, and where it is; empty if all is certain."""
    found = _Parts([role])
    template, properties = role.template, role.template.properties(role.logical_id)
    found.add({**properties, "Description": "", "Tags": []}, template)
    members = _without(template.resources[role.logical_id], _READ_MEMBERS)
    found.add_text("role", {**_without(properties, ROLE_PROPERTIES), **members}, template)
    for attachment in role.attachments:
        document = attachment.template.properties(attachment.logical_id).get("PolicyDocument")
        found.add(document, attachment.template)
        if not isinstance(document, dict):
            found.add_text(attachment.logical_id, document, attachment.template)
    for attachment in role.uncounted:
        found.add_at(attachment.template, attachment.logical_id)
    for above in template.chain:
        if role.changes:
            found.add_text("template", above.content, above)
        if above.parent is not None:
            deploying = above.parent.resources[above.deployed_by]
            targets = _without(as_mapping(deploying.get("Properties")), _NOT_ABOUT_TARGETS)
            found.add([targets, {"Condition": deploying.get("Condition")}], above.parent)
            if uncertain:
                found.add_text(above.deployed_by, targets, above.parent)
    return found.digest


def suspicious(
    roles: Iterable[PumpRole], resources: Iterable[Reference], templates: Iterable[Template]
) -> str:
    """Return the digest of all that may give more access; empty if there is nothing."""
    found = _Parts(roles)
    for template, logical_id in resources:
        found.add_at(template, logical_id)
    for template in templates:
        found.add_text("template", template.content, template)
    return found.digest


class _Parts:
    # Parts of templates: values, and the definitions that they depend on.
    def __init__(self, roles: Iterable[PumpRole]) -> None:
        listed = list(roles)
        self._roots = {role.template.root for role in listed}
        self._entries: set[str] = set()
        # The roles themselves are compared.
        self._seen = {resource_definition(*at) for role in listed for at in role.resources}

    @property
    def digest(self) -> str:
        return _digest(sorted(self._entries)) if self._entries else ""

    def add(self, value: Any, template: Template) -> None:
        """Add what a value depends on, as far as that is not certain."""
        for definition in definitions([evaluate(filled(value, template), template)], self._seen):
            self._enter(definition)

    def add_text(self, name: str, value: Any, template: Template) -> None:
        """Add a value itself, unless it is empty, and what it depends on."""
        if value:
            self._write("text", name, value, template)
            self.add(value, template)

    def add_at(self, template: Template, name: str) -> None:
        """Add a resource, or a section of a template, and what it depends on."""
        if name in template.resources:
            self._enter(resource_definition(template, name))
            self.add(template.resources[name].get("Properties"), template)
            self.add({"Condition": template.resources[name].get("Condition")}, template)
        else:
            self.add_text(name, template.content[name], template)

    def _enter(self, definition: Definition) -> None:
        template, name, value = definition.template, definition.name, definition.value
        if definition.section in ("resource", "parameter"):
            value = _without(as_mapping(value), _DESCRIBES)
        if str(definition.type).startswith("AWS::"):
            value["Properties"] = _without(template.properties(name), {"Description"})
        self._write(definition.section, name, value, template)
        if definition.section == "parameter" and name in template.arguments:
            self._write("argument", name, template.arguments[name], template)

    def _write(self, section: str, name: str, value: Any, template: Template) -> None:
        root = template.root
        path = [above.deployed_by for above in template.chain]
        # The name of the file of Pump's role does not matter.
        stack = "" if root in self._roots else root.stack or root.file.name
        self._entries.add(text_of([stack, *reversed(path), section, name, value]))


def _without(members: Any, names: Collection[str]) -> dict[str, Any]:
    return {name: members[name] for name in members.keys() - names}


def _digest(value: Any) -> str:
    return sha256(text_of(value).encode()).hexdigest()
