"""A template in one place where it is deployed, and what can change it there."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from pump_roles.inputs import as_list, as_mapping, as_text
from pump_roles.role.unknowns import TemplateChange

AWS_TYPES: Final[Mapping[str, Any]] = json.loads(
    Path(__file__).with_name("aws_types.json").read_bytes()
)
"""What the types of AWS's resources do.

- ``acts``: those that can call AWS themselves, as whatever role they have; so do custom resources;
- ``attaches``: those that attach to roles, and the property that names the roles;
- ``deploys_more``: those that deploy templates from elsewhere; so do modules;
- ``iam``: those whose ARN is known, and the type in the ARN;
- ``metadata``: what CloudFormation's helper scripts act on, on an instance;
- ``read_for_macros``: the prefixes of those that can reach one of Pump's roles themselves;
- ``roles_by_sam``: those for which SAM makes a role, unless they name one;
- ``sections``: those of a template that give no access themselves. ``Globals``, of SAM, does;
- ``sign_in``: how an identity pool signs in others than those of its user pools;
- ``stores``: those that dynamic references read, and the property that they read;
- ``transforms``: AWS's own that only add what the template describes. They change no role or policy
  (CloudFormation Template Reference, "Transform reference"). If SAM would make a resource with the
  logical ID of another one, the deployment fails;
- ``watches``: the properties with what a resource looks for or shows.
"""


@cache
def attributes() -> Mapping[str, tuple[str, str, str]]:
    """Return, for each type of AWS's resources, which attributes its schema has.

    These are what ``Ref`` gives, the properties that can name it, and what is read-only: AWS makes
    it, perhaps of a name. ``make attributes`` writes the file.
    """
    read = json.loads(Path(__file__).with_name("attributes.json").read_bytes())
    types: Mapping[str, tuple[str, str, str]] = read["types"]
    return types


ROLE: Final = "AWS::IAM::Role"
SCHEDULE: Final = "AWS::Scheduler::Schedule"
SAM: Final = "AWS::Serverless-2016-10-31"
STACK: Final = "AWS::CloudFormation::Stack"
STACK_SET: Final = "AWS::CloudFormation::StackSet"

NEUTRAL_MEMBERS: Final = {"DeletionPolicy", "DependsOn", "Metadata", "UpdateReplacePolicy"}
"""The members of a resource that do not change what it is, nor whether it is created."""

MEMBERS: Final = {"Type", "Properties", "Condition", *NEUTRAL_MEMBERS}
"""All members of a resource that can be read."""

_READ_TYPES: Final = tuple(AWS_TYPES["read_for_macros"])
_READ_SECTIONS: Final = {"Conditions", "Mappings", "Outputs", "Parameters", "Rules"}

StackTags = Mapping[str | None, str | None]
"""Tags by their keys; ``None`` for what is not certain."""


@dataclass(eq=False, kw_only=True)
class Template:
    """A template in one place where it is deployed.

    :param key: what no other template has, for the references to what is in it.
    :param unread: what is known of the templates that it deploys and that cannot be read.
    """

    content: Mapping[str, Any]
    file: Path
    sha256: str = ""
    key: str = ""
    account: str = ""
    region: str = ""
    stack: str = ""
    tags: StackTags = field(default_factory=dict)
    parent: "Template | None" = None
    deployed_by: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    nested: "dict[str, Template]" = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    @cached_property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        """The resources by logical ID."""
        listed = as_mapping(self.content.get("Resources"))
        return {logical_id: as_mapping(resource) for logical_id, resource in listed.items()}

    @cached_property
    def declared(self) -> Mapping[str, Any]:
        """The declarations of its parameters."""
        return as_mapping(self.content.get("Parameters"))

    @cached_property
    def changeable(self) -> frozenset[str]:
        """The sections, except the resources, that a macro (``Fn::Transform``) can change."""
        return frozenset(
            section
            for section, value in self.content.items()
            if section != "Resources" and has_transform(value)
        )

    @cached_property
    def has_changeable_arguments(self) -> bool:
        """Whether the arguments for its parameters can be others than ``arguments``."""
        if self.parent is None or self.deployed_by not in self.parent.resources:
            return False
        deploying = self.parent.properties(self.deployed_by)
        return (
            self.parent.is_open(self.deployed_by)
            or has_transform(deploying.get("Parameters"))
            or not _has_keys(deploying.get("Parameters"))
            or "ParameterOverrides" in as_text(deploying.get("StackInstancesGroup"))
        )

    @property
    def chain(self) -> "Iterator[Template]":
        """The template itself, then those that deploy it, directly and indirectly."""
        above: Template | None = self
        while above is not None:
            yield above
            above = above.parent

    @property
    def root(self) -> "Template":
        """The template of the stack in which this one is nested, or this one."""
        return self if self.parent is None else self.parent.root

    @property
    def member(self) -> "Template | None":
        """The template that the nearest StackSet deploys, which is this one or contains it."""
        return next((above for above in self.chain if above.is_member), None)

    @property
    def is_member(self) -> bool:
        """Whether a StackSet deploys it. It is then in the file of the StackSet."""
        return self.parent is not None and self.parent.type_of(self.deployed_by) == STACK_SET

    @property
    def is_body(self) -> bool:
        """Whether it is a text in the file of what deploys it, and not a file of its own."""
        return self.parent is not None and self.file == self.parent.file

    def is_deployed_with(self, other: "Template") -> bool:
        """Return whether it is certainly deployed if another template is: by the same stack."""
        conditional = any(
            above.is_member or "Condition" in above.parent.resources[above.deployed_by]
            for above in (*self.chain, *other.chain)
            if above.parent is not None
        )
        return self is other or (self.root is other.root and not conditional)

    def properties(self, logical_id: str) -> Mapping[str, Any]:
        """Return the properties of a resource."""
        return as_mapping(self.resources[logical_id].get("Properties"))

    def is_list(self, name: str) -> bool:
        """Return whether a parameter is a list."""
        declared = as_text(as_mapping(self.declared.get(name)).get("Type"))
        return "CommaDelimitedList" in declared or "List<" in declared

    def is_open(self, logical_id: str) -> bool:
        """Return whether a function, such as a macro, can change a resource's properties."""
        members = (*self.resources[logical_id], *self.properties(logical_id))
        return any(name.startswith("Fn::") for name in members)

    def is_made_by_sam(self, name: str) -> bool:
        """Return whether SAM makes a role of a name for a function or a state machine."""
        logical_id = name.removesuffix("Role")
        kind = self.type_of(logical_id)
        return (
            kind in AWS_TYPES["roles_by_sam"]
            and name != logical_id
            and name not in self.resources
            and not self.is_open(logical_id)
            and "Role" not in self.properties(logical_id)
            and "Role" not in as_text(as_mapping(self.content.get("Globals")))
            and SAM in map(as_text, as_list(self.content.get("Transform", [])))
        )

    def type_of(self, logical_id: str) -> str:
        """Return the type of a resource; empty if there is no such resource."""
        found = self.resources.get(logical_id)
        return "" if found is None else as_text(found.get("Type"))


def _has_keys(parameters: Any) -> bool:
    # Whether it is certain which parameters are passed.
    if isinstance(parameters, dict):
        return not any(name.startswith("Fn::") for name in parameters)
    keys = (as_mapping(parameter).get("ParameterKey") for parameter in parameters or [])
    return all(isinstance(key, str) for key in keys)


@dataclass(frozen=True)
class Opaque:
    """Something that can change a template, or add to it, at deployment."""

    why: TemplateChange
    subject: str
    detail: str = ""


Additions = Mapping[Template, Sequence[Opaque]]
"""What can add resources of any kind to each template."""


def changed_at_deployment(template: Template) -> Iterator[Opaque]:
    """Yield what can change a template, or the one that deploys it, at deployment."""
    if template.parent is not None:
        yield from changed_at_deployment(template.parent)
        yield from _deploying(template.parent, template.deployed_by)
    yield from _added(template)
    if has_transform(template.content) and "Fn::Transform" not in template.content:
        yield Opaque("macro", template.file.name)


def additions_at_deployment(template: Template) -> Sequence[Opaque]:
    """Return what can add resources of any kind to a template at deployment."""
    found = [*_added(template)]
    found += [
        Opaque("macro-in-section", section)
        for section in sorted(_READ_SECTIONS & template.changeable)
    ]
    found += [
        Opaque("macro-in-resource", logical_id)
        for logical_id in template.resources
        if template.type_of(logical_id).startswith(_READ_TYPES)
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


def ref(value: Any) -> str:
    """The logical ID that a value is a ``Ref`` to; empty if it is not one."""
    target = value.get("Ref") if isinstance(value, dict) and value.keys() == {"Ref"} else ""
    return target if isinstance(target, str) else ""


def has_transform(value: Any) -> bool:
    """Whether a macro can change something in the value: ``Fn::Transform``."""
    if isinstance(value, dict):
        if "Fn::Transform" in value:
            return True
        value = value.values()
    elif not isinstance(value, list):
        return False
    # Not called for each string: most parts of a template are strings.
    return any(has_transform(part) for part in value if isinstance(part, dict | list))
