"""What cannot be read in a template: what can change it, or what it deploys, at deployment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pump_roles.iam.documents import as_list, as_text, has_transform
from pump_roles.templates.template import AWS_TYPES, Template

_READ_SECTIONS: Final = {"Conditions", "Mappings", "Outputs", "Parameters", "Rules"}

Why = Literal[
    "conditional",
    "deploys-more",
    "function",
    "macro",
    "macro-in-resource",
    "macro-in-section",
    "parameter-overrides",
    "property",
    "resource-from-function",
    "resources-from-function",
    "transform",
]
"""Why a template can be another one at deployment."""


@dataclass(frozen=True)
class Opaque:
    """Something that can change a template, or add to it, at deployment."""

    why: Why
    subject: str
    detail: str = ""


Hidden = Mapping[Template, Sequence[Opaque]]
"""What can add resources of any kind to each template."""


def changed_at_deployment(template: Template) -> Iterator[Opaque]:
    """Yield what can change a template, or the one that deploys it, at deployment."""
    if template.parent is not None:
        yield from changed_at_deployment(template.parent)
        yield from _deploying(template.parent, template.deployed_by)
    yield from _added(template)
    if has_transform(template.content) and "Fn::Transform" not in template.content:
        yield Opaque("macro", template.file.name)


def hidden_at_deployment(template: Template) -> Sequence[Opaque]:
    """Return what can add resources of any kind to a template at deployment."""
    found = [*_added(template)]
    found += [
        Opaque("macro-in-section", section)
        for section in sorted(_READ_SECTIONS & template.changeable)
    ]
    found += [
        Opaque("macro-in-resource", logical_id)
        for logical_id in template.resources
        if template.type_of(logical_id).startswith(tuple(AWS_TYPES["read_for_macros"]))
        and has_transform(template.properties(logical_id))
    ]
    return found


def unread_in(template: Template, changes: Sequence[Opaque]) -> set[str]:
    """Return the resources and sections whose content, or what they become, cannot be read."""
    named = {"Transform" if each.why == "transform" else each.subject for each in changes}
    return {*template.unread, *named.intersection({*template.resources, *template.content})}


def _added(template: Template) -> Iterator[Opaque]:
    for transform in as_list(template.content.get("Transform", [])):
        if as_text(transform) not in AWS_TYPES["transforms"]:
            yield Opaque("transform", as_text(transform))
    for logical_id, resource in template.resources.items():
        kind = template.type_of(logical_id)
        if logical_id.startswith("Fn::"):
            yield Opaque("resources-from-function", logical_id)
        elif any(member.startswith("Fn::") for member in resource):
            yield Opaque("resource-from-function", logical_id)
        elif kind in AWS_TYPES["deploys_more"] or kind.endswith("::MODULE"):
            yield Opaque("deploys-more", logical_id, kind)
    for member in template.content:
        if member.startswith("Fn::"):
            yield Opaque("function", member)


def _deploying(template: Template, logical_id: str) -> Iterator[Opaque]:
    resource = template.resources[logical_id]
    properties: Mapping[str, Any] = template.properties(logical_id)
    if "Condition" in resource:
        yield Opaque("conditional", logical_id, as_text(resource["Condition"]))
    for name in sorted(properties):
        if name.startswith("Fn::"):
            yield Opaque("property", name, logical_id)
    if '"ParameterOverrides"' in as_text(properties.get("StackInstancesGroup")):
        yield Opaque("parameter-overrides", logical_id)
