"""What is not known about a role, templates, or an organization.

Each room has a closed type for what is not known there, and the output has words for each::

    Unknown
    ├── RoleUnknown           a part of a role, or what can change its template
    ├── AssemblyUnknown       a template, where it is deployed, or what else is there
    ├── OrganizationUnknown   an organization's policies
    └── AccountUnknown        an account, or what is in it

    ActivityUnknown           what CloudTrail should say: a file, a Region, an event, a role
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """Something that is not known about a role, a template, or an account.

    :param part: what it is a part of.
    :param why: why it is not known.
    :param subject: what it is about, such as a policy's name; empty for the whole part.
    :param detail: what is known about the reason, such as a condition or an error message of AWS.
    :param source: the file that it is in; empty if that is the file of the role.
    """

    part: str
    why: str
    subject: str = ""
    detail: str = ""
    source: str = ""


RolePart = Literal[
    "role",
    "name",
    "path",
    "trust-policy",
    "inline-policies",
    "managed-policies",
    "boundary",
    "session",
    "tags",
    "place",
    "template",
    "approval-end",
    "approval-end-role",
]
"""A part of a role. ``role`` means all of it, ``place`` is where it is deployed, ``template`` is
its template, ``approval-end`` the schedule that ends approvals, and
``approval-end-role`` the role that it acts with."""

TemplateChange = Literal[
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
"""What can change a template at deployment."""

RoleWhy = Literal[
    TemplateChange,
    "absent",
    "attached-to-unknown",
    "changed",
    "deployed-elsewhere",
    "existence",
    "external-id-differs",
    "files-differ",
    "member",
    "not-counted",
    "not-in-files",
    "not-read",
    "only-elsewhere",
    "open",
    "open-account",
    "open-rollout",
    "open-units",
    "several-variants",
    "unreadable",
    "unreadable-name",
]


@dataclass(frozen=True, kw_only=True)
class RoleUnknown(Unknown):
    """Something that is not known about a role."""

    part: RolePart
    why: RoleWhy

    @property
    def may_add_access(self) -> bool:
        """Whether what is not known may give the role more access."""
        return self.part not in ("boundary", "path")


AssemblyWhy = Literal[
    TemplateChange,
    "contradictory-targets",
    "member",
    "not-in-folder",
    "not-read",
    "not-read-in-folder",
    "outer-stack-set",
    "unread-template",
    "unreadable",
]


@dataclass(frozen=True, kw_only=True)
class AssemblyUnknown(Unknown):
    """Something that is not known about templates or an account, and may be about Pump's roles."""

    part: Literal["template", "place", "role", "other-roles"]
    why: AssemblyWhy


OrganizationWhy = Literal[
    "conditional",
    "not-read",
    "open",
    "several-variants",
    "stop-condition",
    "stop-organization",
    "stop-place",
    "stop-units",
    "unreadable",
]


@dataclass(frozen=True, kw_only=True)
class OrganizationUnknown(Unknown):
    """Something that is not known about an organization's policies."""

    part: Literal["organization-policies"] = "organization-policies"
    why: OrganizationWhy
