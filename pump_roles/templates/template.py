"""A template in one place where it is deployed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pump_roles.iam.documents import as_mapping, as_text, has_transform
from pump_roles.text import packaged

AWS_TYPES: Final[Mapping[str, Any]] = json.loads(packaged(__package__, "aws_types.json"))
"""What the types of AWS's resources do.

- ``attaches``: those that attach to roles, and the property that names the roles;
- ``deploys_more``: those that deploy templates from elsewhere; so do modules;
- ``iam``: those whose name and ARN are known: the property with the name, and the type in the ARN;
- ``read_for_macros``: the prefixes of those that can reach one of Pump's roles themselves;
- ``stores``: those that dynamic references read, and the property that they read;
- ``transforms``: AWS's own that only add what the template describes. They change no role or policy
  (CloudFormation Template Reference, "Transform reference"). If SAM would make a resource with the
  logical ID of another one, the deployment fails;
- ``watches``: the properties with what a resource looks for or shows.
"""

STACK: Final = "AWS::CloudFormation::Stack"
STACK_SET: Final = "AWS::CloudFormation::StackSet"

NEUTRAL_MEMBERS: Final = {"DeletionPolicy", "DependsOn", "Metadata", "UpdateReplacePolicy"}
"""The members of a resource that do not change what it is, nor whether it is created."""

MEMBERS: Final = {"Type", "Properties", "Condition", *NEUTRAL_MEMBERS}
"""All members of a resource that can be read."""

Tags = Mapping[str | None, str | None]
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
    tags: Tags = field(default_factory=dict)
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

    def outside(self, logical_id: str) -> "tuple[Template, str]":
        """Return a resource in its file: for one of a template in a StackSet, that StackSet."""
        if self.parent is None or not self.is_body:
            return self, logical_id
        return self.parent.outside(self.deployed_by)

    @property
    def is_conditional(self) -> bool:
        """Whether it may not be deployed with its stack: by a StackSet, or under a condition."""
        return any(
            above.is_member or "Condition" in above.parent.resources[above.deployed_by]
            for above in self.chain
            if above.parent is not None
        )

    def is_deployed_with(self, other: "Template") -> bool:
        """Return whether it is certainly deployed if another template is: by the same stack."""
        conditional = self.is_conditional or other.is_conditional
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
