"""A template in one place that it is deployed to, and the texts that values in it can be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pump_roles.templates.values import as_mapping, has_transform

__all__ = ["Alternatives", "Exports", "Reference", "Template", "Text"]

Reference = tuple["Template", str]
"""A resource or parameter: its template, and its logical ID."""

Exports = dict[tuple[str, ...], list[tuple["Template", Any]]]
"""What stacks make available to others: the templates, and the values there. The key is the name of
an export, or the names of a stack and its output."""


@dataclass(frozen=True)
class Text:
    """A text that a value can be.

    :param text: the text; what is filled in at deployment is a placeholder, ``${Name}``.
    :param references: the resources and parameters that are filled in.
    :param known: whether nothing else, unknown, is filled in.
    """

    text: str
    references: frozenset[Reference] = frozenset()
    known: bool = True


Alternatives = tuple[Text | None, ...]
"""What a value can be: texts, and ``None`` where it can be nothing, such as ``AWS::NoValue``."""


@dataclass(eq=False, kw_only=True)
class Template:
    """A template in one place that it is deployed to.

    :param content: the template.
    :param file: the file that contains it.
    :param sha256: the SHA-256 of that file.
    :param account: the 12-digit ID of its account; empty if not known.
    :param region: its region; empty if not known.
    :param stack: the name of its stack; empty if it is nested.
    :param parent: the template that deploys it; none for a stack's own.
    :param deployed_by: the logical ID there; empty for a stack's own.
    :param arguments: what the parent gives for its parameters, in the parent's terms.
    :param nested: the templates that it deploys, by logical ID.
    :param exports: what all the templates make available to others.
    :param evaluated: what its parameters and outputs evaluate to, once they are evaluated.
    """

    content: Mapping[str, Any]
    file: Path
    sha256: str
    account: str = ""
    region: str = ""
    stack: str = ""
    parent: "Template | None" = None
    deployed_by: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    nested: "dict[str, Template]" = field(default_factory=dict)
    exports: Exports = field(default_factory=dict)
    evaluated: dict[str, Alternatives] = field(default_factory=dict)

    @cached_property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        """The resources by logical ID."""
        return {
            logical_id: as_mapping(resource)
            for logical_id, resource in as_mapping(self.content.get("Resources")).items()
        }

    @cached_property
    def declared(self) -> Mapping[str, Any]:
        """Its own parameters, as it declares them."""
        return as_mapping(self.content.get("Parameters"))

    @cached_property
    def changeable(self) -> frozenset[str]:
        """The sections, apart from the resources, that a macro can change, by ``Fn::Transform``."""
        return frozenset(
            section
            for section, value in self.content.items()
            if section != "Resources" and has_transform(value)
        )

    @cached_property
    def has_changeable_arguments(self) -> bool:
        """Whether a macro can change what the parent gives for its parameters."""
        if self.parent is None or self.deployed_by not in self.parent.resources:
            return False
        return has_transform(self.parent.properties(self.deployed_by).get("Parameters"))

    @property
    def root(self) -> "Template":
        """The stack's own template, in which this one is nested; or itself."""
        return self if self.parent is None else self.parent.root

    @property
    def stack_set(self) -> Reference | None:
        """The nearest StackSet that deploys it, or one above it; none if no StackSet does."""
        if self.parent is None:
            return None
        if self.parent.type_of(self.deployed_by) == "AWS::CloudFormation::StackSet":
            return self.parent, self.deployed_by
        return self.parent.stack_set

    @property
    def is_member(self) -> bool:
        """Whether a StackSet deploys it: it is then in the file of the StackSet."""
        return self.parent is not None and self.file == self.parent.file

    @property
    def is_conditional(self) -> bool:
        """Whether a StackSet deploys it, or a nested stack under a condition, or one above it."""
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

    def type_of(self, logical_id: str) -> Any:
        """Return the type of a resource; nothing if there is no such resource."""
        return self.resources.get(logical_id, {}).get("Type")
