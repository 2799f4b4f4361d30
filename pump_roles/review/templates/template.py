"""A template in one place where it is deployed, and what it contains."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pump_roles.iam.documents import as_mapping, as_text, has_transform

Reference = tuple["Template", str]
"""A resource or parameter: its template, and its logical ID."""

NEUTRAL_MEMBERS: Final = {"DeletionPolicy", "DependsOn", "Metadata", "UpdateReplacePolicy"}
"""The members of a resource that do not change what it is, nor whether it is created."""

MEMBERS: Final = {"Type", "Properties", "Condition", *NEUTRAL_MEMBERS}
"""All members of a resource that can be read."""

Tags = Mapping[str | None, str | None]
"""Tags by their keys; ``None`` for what is not certain."""

Exports = dict[tuple[str, ...], list[tuple["Template", Any]]]
"""What stacks make available to others: the templates, and the values there. The key is the name of
an export, or the names of a stack and its output."""


@dataclass(eq=False, kw_only=True)
class Template:
    """A template in one place where it is deployed."""

    content: Mapping[str, Any]
    file: Path
    sha256: str
    account: str = ""
    region: str = ""
    stack: str = ""
    tags: Tags = field(default_factory=dict)
    parent: "Template | None" = None
    deployed_by: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    nested: "dict[str, Template]" = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    exports: Exports = field(default_factory=dict)
    stored: list[Any] = field(default_factory=list)
    certainties: dict[str, Any] = field(default_factory=dict)
    contained: dict[tuple[str, str], Any] = field(default_factory=dict)
    hidden: tuple[Any, ...] | None = None

    @cached_property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        """The resources by logical ID."""
        return {
            logical_id: as_mapping(resource)
            for logical_id, resource in as_mapping(self.content.get("Resources")).items()
        }

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
    def place(self) -> Iterator[str]:
        """The names of its stack, and the logical IDs of the stacks that it is nested in."""
        for above in self.chain:
            yield from filter(None, (above.stack, above.deployed_by))

    @property
    def member(self) -> "Template | None":
        """The template that the nearest StackSet deploys, which is this one or contains it."""
        if self.parent is None:
            return None
        if self.parent.type_of(self.deployed_by) == "AWS::CloudFormation::StackSet":
            return self
        return self.parent.member

    @property
    def root(self) -> "Template":
        """The template of the stack in which this one is nested, or this one."""
        return self if self.parent is None else self.parent.root

    @property
    def stack_set(self) -> Reference | None:
        """The nearest StackSet that deploys it, directly or indirectly, if there is one."""
        found = self.member
        if found is None or found.parent is None:
            return None
        return found.parent, found.deployed_by

    @property
    def is_member(self) -> bool:
        """Whether a StackSet deploys it. It is then in the file of the StackSet."""
        return self.parent is not None and self.file == self.parent.file

    @property
    def is_conditional(self) -> bool:
        """Whether it may not be deployed: by a StackSet, or under a condition."""
        if self.parent is None:
            return False
        conditional = "Condition" in self.parent.resources[self.deployed_by]
        return self.is_member or conditional or self.parent.is_conditional

    def is_deployed_with(self, other: "Template") -> bool:
        """Return whether it is certainly deployed to the account of another template."""
        if self is other:
            return True
        if self.is_conditional or other.is_conditional:
            return False
        return self.root is other.root or (self.account != "" and self.account == other.account)

    def properties(self, logical_id: str) -> Mapping[str, Any]:
        """Return the properties of a resource."""
        return as_mapping(self.resources[logical_id].get("Properties"))

    def is_list(self, name: str) -> bool:
        """Return whether a parameter is a list."""
        declared = as_mapping(self.declared.get(name)).get("Type")
        return "CommaDelimitedList" in as_text(declared) or "List<" in as_text(declared)

    def is_open(self, logical_id: str) -> bool:
        """Return whether a function, such as a macro, can change a resource's properties."""
        members = (*self.resources[logical_id], *self.properties(logical_id))
        return any(name.startswith("Fn::") for name in members)

    def type_of(self, logical_id: str) -> str | None:
        """Return the type of a resource; ``None`` if there is no such resource."""
        found = self.resources.get(logical_id)
        return None if found is None else as_text(found.get("Type"))


def _has_keys(parameters: Any) -> bool:
    # Whether it is certain which parameters are passed.
    if isinstance(parameters, dict):
        return not any(name.startswith("Fn::") for name in parameters)
    keys = (as_mapping(parameter).get("ParameterKey") for parameter in parameters or [])
    return all(isinstance(key, str) for key in keys)
