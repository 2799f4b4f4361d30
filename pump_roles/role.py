"""A role: what IAM holds, or will hold, what else reaches it, and what is not known about it.

Published data, templates, accounts, saved files, and earlier reports are read into it, and
:func:`pump_roles.compare.compare` compares two of them.

Each room has a closed type for what is not known there, and the output has words for each::

    Unknown
    ├── RoleUnknown           a part of a role, or what can change its template
    ├── AssemblyUnknown       a template, where it is deployed, or what else is there
    ├── OrganizationUnknown   an organization's policies
    └── AccountUnknown        an account, or what is in it

    ActivityUnknown           what CloudTrail should say: a file, a Region, an event, a role
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final, Literal

from pump_roles.iam.decisions import DecisionChange, Effect
from pump_roles.iam.external_ids import ExternalId, external_ids_in, ids_required_by
from pump_roles.iam.identity_policies import (
    EVERYWHERE,
    Policy,
    Value,
    denies_all,
    known,
    parse_policy,
)
from pump_roles.iam.trust import Principal, Trust, TrustProblem
from pump_roles.placeholders import TemplateChange
from pump_roles.published import ROLES

PUBLISHED_NAMES: Final[Mapping[str, str]] = {kind: role.name for kind, role in ROLES.items()}
"""The name of each kind of role as Pump publishes it."""

HOUR: Final = 3_600
"""The maximum session duration, in seconds, of a role that does not set it."""

ROOT: Final = known("/")
"""The path of a role that does not set it."""

_TIME: Final = re.compile("[0-9T:.-]{10,23}Z?")


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

    def without_other_tags(self) -> "Role":
        """Return it with only those tags on which its policies depend."""
        asked = {key for policy in self.policies for key in policy.asked_tags}
        tags = {key: value for key, value in self.tags.items() if key.lower() in asked}
        unknown = tuple(unknown for unknown in self.unknown if unknown.part != "tags" or asked)
        return replace(self, tags=tags, unknown=unknown)

    @property
    def all_policies(self) -> tuple[Policy, ...]:
        """Its policies, and its permissions boundary if that is known."""
        boundary = self.boundary.policy if self.boundary else None
        return self.policies if boundary is None else (*self.policies, boundary)

    @property
    def named_ids(self) -> frozenset[ExternalId]:
        """The external IDs that it names anywhere, which must not be shown."""
        policies = self.all_policies
        scopes = (statement.scope for policy in policies for statement in policy.statements)
        not_read = external_ids_in([text for policy in policies for text in policy.unreadable])
        required = (ids_required_by(scope.condition) for scope in scopes)
        return not_read.union(self.trust.named_ids, *required)

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


# What reaches a role

Reason = Literal[
    "administrator",
    "allows",
    "allows-managed-policy",
    "allows-unreadable-statement",
    "attaches",
    "changed",
    "changed-later",
    "could-attach",
    "could-be-named-alike",
    "could-contain",
    "ends-approval",
    "lets-in",
    "lets-in-unreadable",
    "may-attach",
    "may-be-named-alike",
    "may-contain",
    "may-end-approval",
    "missing",
    "named-alike",
    "named-for-management",
    "names-account",
    "names-definition",
    "names-management",
    "names-role",
    "opens",
    "parameter",
    "password",
    "requires-same-external-id",
    "tagged",
    "trusts-account",
    "trusts-definition",
    "trusts-everyone",
    "trusts-everyone-but",
    "trusts-identity-provider",
    "trusts-management",
    "trusts-other-account",
    "trusts-role",
    "trusts-unreadable",
    "trusts-unreadable-account",
    "unreadable-properties",
    "unreadable-statement",
    "unreadable-trust-policy",
]
"""Why the check at synth, the report, or ``verify`` names something. Each has words for its own."""


@dataclass(frozen=True)
class Access:
    """A way in which something reaches one of Pump's roles or principals, or lets others in; or
    what a policy allows.

    :param why: the way.
    :param subject: whom or what it is about; empty if ``why`` says it all.
    """

    why: Reason
    subject: str = ""


_INFORMS: Final = frozenset({"may-be-named-alike"})
"""The reasons that only inform: IAM refuses a second role of one name."""


# What templates contain, or an account

OPENS: Final = frozenset(
    {
        "AWS::IAM::AccessKey",
        "AWS::IAM::OIDCProvider",
        "AWS::IAM::SAMLProvider",
        "AWS::IdentityStore::GroupMembership",
        "AWS::RolesAnywhere::Profile",
        "AWS::RolesAnywhere::TrustAnchor",
        "AWS::SSO::Assignment",
        "AWS::SSO::PermissionSet",
    }
)
"""Resource types that let someone act in the account. A template with one of Pump's roles must have
none."""


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


@dataclass(frozen=True, kw_only=True)
class DeployedRole:
    """One of Pump's roles, and what it was read from.

    :param role: the role itself.
    :param files: every file that it was read from, with its SHA-256; none for a published role, and
        for one of an account.
    :param account: the ID of the account that it was read from, or that its template is for; empty
        if there is none.
    :param filled_sha256: the SHA-256 of everything that is filled in when it is deployed, such as a
        parameter with its default, and of its parts that are not read; empty if there is nothing.
    :param external_id_sha256: the SHA-256 of each external ID in its trust policy.
    """

    role: Role
    files: tuple[tuple[str, str], ...] = ()
    account: str = ""
    filled_sha256: str = ""
    external_id_sha256: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OtherResource:
    """Another resource that gives access, or that reaches one of Pump's roles.

    :param name: its logical ID.
    :param type: its CloudFormation type.
    :param source: the file.
    :param principals: whom its trust policy lets in; empty if it has none.
    :param attached_to: the roles, users, and groups that it is attached to, as in the template.
    :param grants: what it allows; empty if it allows nothing itself.
    :param access: how it could give Pump, or others through Pump's roles, more access than these
        roles, or only have the name of one; empty if it could not.
    """

    name: str
    type: str
    source: str
    principals: tuple[Principal, ...] = ()
    attached_to: tuple[str, ...] = ()
    grants: tuple[Access, ...] = ()
    access: tuple[Access, ...] = ()

    @property
    def suspect_access(self) -> tuple[Access, ...]:
        """What of ``access`` the report has a finding about."""
        return tuple(way for way in self.access if way.why not in _INFORMS)


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Where templates deploy one of Pump's roles: one stack, or the stack instances of a StackSet.

    A string that is known only at deployment has a placeholder, such as ``${AWS::Region}``.

    :param kind: the role's kind, such as ``read-only``.
    :param source: the file of the stack's template. For a nested stack, that of the root stack.
    :param account: the 12-digit ID of the account that the stack is for; empty if it is for any.
        For a StackSet, the account that the StackSet itself is deployed to.
    :param region: the Region that the stack is for; empty if it is for any.
    :param stack_set: the StackSet's name; empty for one stack. Then, of the following, only
        ``unreadable`` can be set.
    :param units: the IDs of the organizational units, or of the root, that the StackSet targets; or
        the placeholder of the parameter with all of them.
    :param filter: what the account filter does, ``exclude`` or ``only``, or the value in the
        template, such as ``UNION``; empty if there is no filter.
    :param accounts: the 12-digit IDs of the accounts that the filter names. If the StackSet is
        self-managed, they are the accounts that it targets, and there are no units.
    :param automatic: whether an account that joins one of the units gets the role.
    :param call_as: who deploys the StackSet, ``management`` or ``delegated-admin``, or the value in
        the template; empty if it is self-managed.
    :param regions: the Regions of the stack instances.
    :param unreadable: what cannot be read, or could change the place. If it is not empty, do not
        rely on the rest.
    """

    kind: str
    source: str
    account: str = ""
    region: str = ""
    stack_set: str = ""
    units: tuple[str, ...] = ()
    filter: str = ""
    accounts: tuple[str, ...] = ()
    automatic: bool = False
    call_as: str = ""
    regions: tuple[str, ...] = ()
    unreadable: tuple[AssemblyUnknown, ...] = ()

    @property
    def known_units(self) -> tuple[str, ...]:
        """The IDs of the units, without the placeholder of a parameter."""
        return tuple(unit for unit in self.units if not unit.startswith("${"))

    @property
    def has_open_units(self) -> bool:
        """Whether a parameter has the units."""
        return not self.unreadable and self.known_units != self.units


ControlType = Literal["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"]
"""The type of a policy that limits roles, or who assumes them."""


@dataclass(frozen=True, kw_only=True)
class OrganizationPolicy:
    """A service or resource control policy, in a template or in AWS.

    Its content, or what it is attached to, is ``None`` if that is not known; ``unknown`` says why.
    """

    name: str
    type: str
    content: Policy | None = None
    attached_to: tuple[str, ...] | None = None
    unknown: tuple[OrganizationUnknown, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """What templates contain."""

    roles: tuple[DeployedRole, ...]
    others: tuple[OtherResource, ...] = ()
    unreadable: tuple[AssemblyUnknown, ...] = ()
    resources: tuple[str, ...] = ()
    places: tuple[Deployment, ...] = ()
    suspects_sha256: str = ""
    variants: tuple[tuple[DeployedRole, ...], ...] = ()
    external_ids: frozenset[ExternalId] = frozenset()
    policies: tuple[OrganizationPolicy, ...] = ()
    approval_end_roles: tuple[Role, ...] = ()


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
    "approval-end-role",
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
