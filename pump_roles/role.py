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
from functools import cache
from typing import Final, Literal

from pump_roles.iam import (
    EVERYWHERE,
    DecisionChange,
    Effect,
    Policy,
    Principal,
    Trust,
    TrustProblem,
    Value,
    denies_all,
    known,
    parse_policy,
)
from pump_roles.placeholders import TemplateChange
from pump_roles.published import ROLES

HOUR: Final = 3_600
"""The maximum session duration, in seconds, of a role that does not set it."""

ROOT: Final = known("/")
"""The path of a role that does not set it."""

_TIME: Final = re.compile("[0-9T:.-]{10,23}Z?")


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
    :param policy: the policy; ``None`` if it is not known.
    """

    arn: Value
    policy: Policy | None = None

    @property
    def stops(self) -> bool:
        """Whether it is AWS's policy that denies everything, or another one that does."""
        denied = denies_all(self.arn.text) or (self.policy is not None and stops(self.policy))
        return self.arn.is_known and denied


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
        asked = {key for policy in self.policies for key in policy.asked_tags}
        tags = {key: value for key, value in self.tags.items() if key.lower() in asked}
        unknown = tuple(unknown for unknown in self.unknown if unknown.part != "tags" or asked)
        object.__setattr__(self, "tags", tags)
        object.__setattr__(self, "unknown", unknown)

    @property
    def all_policies(self) -> tuple[Policy, ...]:
        """Its policies, and its permissions boundary if that is known."""
        boundary = self.boundary.policy if self.boundary else None
        return self.policies if boundary is None else (*self.policies, boundary)

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
    if not policy.is_known:
        return denies_all(policy.arn)
    everything = (each for each in policy.statements if each.denies_everything)
    return policy.only_denies and any(each.scope == EVERYWHERE for each in everything)


def revoked_before(policy: Policy) -> str:
    """Return the time before which sessions were started that a policy denies everything, and does
    nothing else; empty if it does not.
    """
    denying = policy.statements if policy.only_denies else ()
    tests = [each.scope.condition.tests for each in denying if each.denies_everything]
    # IAM User Guide, "Revoke IAM role temporary security credentials".
    times = (
        test.values[0]
        for (test,) in (found for found in tests if len(found) == 1)
        if (test.operator, test.key, len(test.values)) == ("DateLessThan", "aws:tokenissuetime", 1)
    )
    return max(filter(_TIME.fullmatch, times), default="")


@cache
def published_policies(kind: str) -> tuple[Policy, ...]:
    """Return the policies of a role as Pump publishes them."""
    return tuple(parse_policy(policy.document, name=policy.name) for policy in ROLES[kind].policies)


def kind_of(names: Iterable[str], policies: Sequence[Policy]) -> str | None:
    """Return the kind of one of Pump's roles; ``None`` for any other role.

    A role is one of Pump's if it has the name of a published role, or a policy with the name or
    the statements of a published policy.
    """
    called = {name.casefold() for name in names}
    for role in ROLES.values():
        if role.name.casefold() in called:
            return role.kind
    held = {
        published.name
        for kind in ROLES
        for published in published_policies(kind)
        for policy in policies
        if policy.name == published.name or policy.statements == published.statements
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
