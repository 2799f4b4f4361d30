"""A role: what IAM holds, or will hold, and what is not known about it.

Published data, templates, accounts, saved files, and earlier reports are read into it, and
:func:`pump_roles.compare.compare` compares two of them.

Each room has a closed type for what is not known there, and the output has words for each::

    Unknown
    ├── RoleUnknown           a part of a role, or what can change its template
    ├── AssemblyUnknown       a template, where it is deployed, or what else is there
    ├── OrganizationUnknown   an organization's policies
    ├── AccountUnknown        an account, or what is in it
    └── RolloutUnknown        a StackSet, or the accounts that it targets

    ActivityUnknown           what CloudTrail should say: a file, a Region, an event, a role
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pump_roles.iam import (
    EVERYWHERE,
    DecisionChange,
    Effect,
    Policy,
    Principal,
    Trust,
    TrustProblem,
    Value,
    asked_tags,
    clauses,
    denies_all,
    known,
    only_denies,
)
from pump_roles.placeholders import TemplateChange
from pump_roles.published import ROLES

HOUR: Final = 3_600
"""The maximum session duration, in seconds, of a role that does not set it."""

ROOT: Final = known("/")
"""The path of a role that does not set it."""

_REVOKES: Final = re.compile(
    r'\{"DateLessThan": \{"aws:tokenissuetime": \["([0-9T:.-]{10,23}Z?)"\]\}\}'
)
"""The canonical form of the condition with which sessions are revoked."""


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """Something that is not known about a role, a template, an account, or a rollout.

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
]
"""A part of a role. ``role`` means all of it, ``place`` is where it is deployed, ``template`` is
its template, and ``approval-end`` the schedule that ends approvals."""

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
    "several-variants",
    "unreadable",
    "unreadable-name",
]


@dataclass(frozen=True, kw_only=True)
class RoleUnknown(Unknown):
    """Something that is not known about a role."""

    part: RolePart
    why: RoleWhy


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """A permissions boundary.

    :param arn: the policy's ARN. If it is not read, there may be no boundary.
    :param document: the policy's document; ``None`` if it is not known.
    """

    arn: Value
    document: Any = None

    @property
    def stops(self) -> bool:
        """Whether it is AWS's policy that denies everything, or another one that does."""
        policy = Policy(name=self.arn.text, document=self.document)
        return self.arn.is_known and (denies_all(self.arn.text) or stops(policy))


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role.

    Strings have placeholders for what depends on the account: ``${AWS::AccountId}`` and
    ``${AWS::Partition}``.

    :param kind: the kind of Pump's role that it is, such as ``read-only``; empty if it is none.
    :param name: its name.
    :param path: its path.
    :param trust: its trust policy.
    :param policies: its inline and managed policies.
    :param may_deny: policies with nothing but denies that may be attached to it, but are not
        certainly, such as that of a budget's action.
    :param boundary: its permissions boundary, if it has one.
    :param session: its maximum session duration in seconds.
    :param tags: those of its tags on which its policies depend, such as one with which the customer
        opens a guardrail. No other tag gives anybody access, so those are dropped.
    :param unknown: what else is not known: about its policies, its tags, or all of it.
    """

    kind: str
    name: Value
    path: Value = ROOT
    trust: Trust
    policies: tuple[Policy, ...]
    may_deny: tuple[Policy, ...] = ()
    boundary: Boundary | None = None
    session: int | Value = HOUR
    tags: Mapping[str, Value] = field(default_factory=dict)
    unknown: tuple[RoleUnknown, ...] = ()

    def __post_init__(self) -> None:
        if not self.tags and all(unknown.part != "tags" for unknown in self.unknown):
            return
        asked = asked_tags([policy.document for policy in self.policies])
        tags = {key: value for key, value in self.tags.items() if key.lower() in asked}
        unknown = tuple(unknown for unknown in self.unknown if unknown.part != "tags" or asked)
        object.__setattr__(self, "tags", tags)
        object.__setattr__(self, "unknown", unknown)

    @property
    def documents(self) -> tuple[Any, ...]:
        """The documents of its policies and its permissions boundary."""
        boundary = () if self.boundary is None else (self.boundary.document,)
        return (*(policy.document for policy in self.policies), *boundary)

    @property
    def unreadable(self) -> tuple[RoleUnknown, ...]:
        """What is not known about it and may give it more access."""
        return tuple(
            unknown for unknown in self.not_known if unknown.part not in ("boundary", "path")
        )

    @property
    def stopped(self) -> bool:
        """Whether it can do nothing, because its permissions boundary denies everything."""
        return self.boundary is not None and self.boundary.stops

    @property
    def not_known(self) -> tuple[RoleUnknown, ...]:
        """All that is not known about it."""
        values: list[tuple[RolePart, Value | int | None]] = [
            ("name", self.name),
            ("session", self.session),
            ("boundary", None if self.boundary is None else self.boundary.arn),
            ("path", self.path),
        ]
        found = [
            RoleUnknown(part=part, why=value.why or "unreadable", detail=value.text)
            for part, value in values
            if isinstance(value, Value) and value.state == "not-read"
        ]
        of_tags = [
            RoleUnknown(part="tags", why="unreadable", subject=key)
            for key, value in self.tags.items()
            if value.state == "not-read"
        ]
        return (*self.unknown, *found, *of_tags)

    def is_unknown(self, part: RolePart) -> bool:
        """Return whether a part is not known as a whole."""
        return any(unknown.part == part and not unknown.subject for unknown in self.not_known)


def stops(policy: Policy) -> bool:
    """Return whether a policy denies everything, and does nothing else."""
    if policy.document is None:
        return denies_all(policy.arn)
    return only_denies(policy.document) and any(
        clause.pattern == "*" and clause.scope == EVERYWHERE for clause in clauses(policy.document)
    )


def revoked_before(policy: Policy) -> str:
    """Return the time before which sessions were started that a policy denies everything, and does
    nothing else; empty if it does not.
    """
    if not only_denies(policy.document):
        return ""
    scopes = [clause.scope for clause in clauses(policy.document) if clause.pattern == "*"]
    conditions = [scope.condition for scope in scopes if scope.everywhere]
    # IAM User Guide, "Revoke IAM role temporary security credentials".
    times = map(_REVOKES.fullmatch, conditions)
    return max((found[1] for found in times if found), default="")


def kind_of(names: Iterable[str], policies: Sequence[Policy]) -> str | None:
    """Return the kind of one of Pump's roles; ``None`` for any other role.

    A role is one of Pump's if it has the name of a published role, or a policy with the name or
    the document of a published policy.
    """
    called = {name.casefold() for name in names}
    for role in ROLES.values():
        if role.name.casefold() in called:
            return role.kind
    held = {
        published.name
        for role in ROLES.values()
        for published in role.policies
        for policy in policies
        if policy.name == published.name or policy.document == published.document
    }
    # The smallest role that has all of them: the auto-pilot role also has the read-only role's.
    for role in sorted(ROLES.values(), key=lambda role: len(role.policies)):
        if held and held <= {policy.name for policy in role.policies}:
            return role.kind
    return None


# How a role differs from another one

Rule = Literal[
    "role-missing",
    "role-present",
    "role-misplaced",
    "role-name",
    "role-path",
    "trust-policy",
    "trust-broken",
    "external-id",
    "policy-added",
    "policy-removed",
    "policy-changed",
    "policy-stops",
    "sessions-revoked",
    "policies-together",
    "boundary-added",
    "boundary-stops",
    "boundary-removed",
    "boundary-changed",
    "boundary-text",
    "session-duration",
    "tag-added",
    "tag-removed",
    "tag-changed",
    "other-access",
    "organization",
    "organization-policy-missing",
    "organization-policy-changed",
    "organization-policy-detached",
    "not-stopped-management",
    "not-stopped-name",
    "not-stopped-target",
    "approval-end-missing",
    "approval-end-changed",
    "approval-end-time",
]
"""The kinds of differences. They stay the same across versions of the JSON."""


ComparedPart = Literal[RolePart, "other-roles", "membership", "organization-policies"]
"""A part of a role, or of its account: its other roles, the organization that it is in, and that
organization's policies about the roles."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One way in which a role, or the organization of its account, differs from what is expected.

    External IDs are never part of it.

    :param rule: the kind of difference.
    :param effect: whether it gives more access than expected, or less.
    :param part: the part that differs; ``membership`` is the organization that the account is in.
    :param subject: what it is about, such as a policy's name; empty for the whole part.
    :param was: what is expected there: a name or a value.
    :param now: what is there instead.
    :param numbers: the expected and the actual number of seconds of a session; or how many expected
        external IDs are missing, and how many others there are. Otherwise empty.
    :param lost: the principals that a trust policy does not trust, unlike expected.
    :param gained: those that it trusts, unlike expected; or that no longer exist.
    :param actions: the actions and patterns whose decision it changes.
    :param decisions: how it changes the decision on each of them.
    :param problems: how a trust policy is not one principal with an external ID, unlike expected;
        or that an external ID differs only in case.
    :param unreadable: whether a policy has a statement that cannot be read, unlike expected.
    """

    rule: Rule
    effect: Effect
    part: ComparedPart = "role"
    subject: str = ""
    was: tuple[str, ...] = ()
    now: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    lost: tuple[Principal, ...] = ()
    gained: tuple[Principal, ...] = ()
    actions: tuple[str, ...] = ()
    decisions: tuple[DecisionChange, ...] = ()
    problems: tuple[TrustProblem, ...] = ()
    unreadable: bool = False
