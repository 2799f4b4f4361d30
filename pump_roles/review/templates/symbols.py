"""Strings of which every part is certain, even if only the deployment knows what it is."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pump_roles.review.templates.template import Template

DYNAMIC: Final = "{{resolve:"
"""How a dynamic reference begins. It is never certain, even if it is put together from parts."""

_LONGEST: Final = 10_000
"""The maximum length of what is put together: nested stacks can double a string at each level."""

_NAME: Final = r"[\w+=,.@-]"

SHAPES: Final[Mapping[str, str]] = {
    "AWS::AccountId": "[0-9]{12}",
    "AWS::Partition": "aws(?:-[a-z]+)*",
    "AWS::Region": "[a-z]{2,4}(?:-[a-z]+)+-[0-9]",
    "AWS::URLSuffix": r"[a-z0-9]+(?:\.[a-z0-9]+)+",
}
"""The pseudo parameters that are symbols, and what their values look like."""

POLICY: Final = "AWS::IAM::ManagedPolicy"

IDENTITIES: Final[Mapping[Any, tuple[str, str]]] = {
    "AWS::IAM::Group": ("GroupName", "group"),
    "AWS::IAM::InstanceProfile": ("InstanceProfileName", "instance-profile"),
    POLICY: ("ManagedPolicyName", "policy"),
    "AWS::IAM::Role": ("RoleName", "role"),
    "AWS::IAM::User": ("UserName", "user"),
}
"""The resource types whose name and ARN are certain: the property with the name, and the type in
the ARN."""


@dataclass(frozen=True)
class Symbol:
    """A part of a value that is one certain string, but known only at deployment."""

    name: str
    template: Template | None = None

    @property
    def is_role(self) -> bool:
        """Whether it is the name of a role."""
        kind = None if self.template is None else self.template.type_of(self.name)
        return kind == "AWS::IAM::Role"

    @property
    def is_fixed(self) -> bool:
        """Whether it is a pseudo parameter or a generated name, and so nothing that is given."""
        if self.template is None or self.name in SHAPES:
            return True
        name, _ = IDENTITIES.get(self.template.type_of(self.name), ("", ""))
        given = name in self.template.properties(self.name) or not name
        return not given and not self.template.is_open(self.name)

    def excludes(self, separator: str) -> bool:
        """Whether the string contains no character of a separator."""
        return re.search(_NAME, separator) is None


Certain = tuple[str | Symbol, ...]
"""A string, in parts: literals, none of them empty or next to another one, and symbols. The empty
string has no parts."""


def written(value: Certain) -> str:
    """Return a certain value as text; a symbol is a placeholder such as ``${AWS::Region}``."""
    return "".join(part if isinstance(part, str) else f"${{{part.name}}}" for part in value)


def concatenated(values: Iterable[Certain | None]) -> Certain | None:
    """Return strings put together; ``None`` if one of them, or the result, is not certain."""
    found: list[str | Symbol] = []
    length = 0
    for value in values:
        if value is None:
            return None
        for part in value:
            if isinstance(part, str) and found and isinstance(found[-1], str):
                found[-1] += part
            else:
                found.append(part)
            length += len(part) if isinstance(part, str) else 1
        if length > _LONGEST:
            return None
    is_dynamic = any(isinstance(part, str) and DYNAMIC in part for part in found)
    return None if is_dynamic else tuple(found)


def pieces(source: Certain, separator: str) -> list[Certain] | None:
    """Return what a separator leaves of a string; ``None`` if a symbol may contain it."""
    found: list[list[str | Symbol]] = [[]]
    for part in source:
        if isinstance(part, Symbol):
            if not part.excludes(separator):
                return None
            found[-1].append(part)
            continue
        first, *others = part.split(separator)
        found[-1] += [first] if first else []
        found += [[piece] if piece else [] for piece in others]
    return [tuple(piece) for piece in found]
