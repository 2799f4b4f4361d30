"""The result of ``verify``: whether each account and role is as expected.

External IDs are not part of it, so no format can leak one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from pump_roles._version import __version__
from pump_roles.compare.difference import Difference
from pump_roles.iam.trust import Principal
from pump_roles.review.account.organization import Organization
from pump_roles.role.access import Access
from pump_roles.role.iam_role import TimedLimit
from pump_roles.role.unknowns import Unknown

MatchState = Literal["match", "differs", "unknown"]
"""Whether something is as expected."""

PolicyState = MatchState | Literal["not-compared"]
"""Whether a policy of the organization is as expected, if one is expected."""


StopKind = Literal["boundary", "attached-policy", "inline-policy", "service-control-policy"]
"""What can stop a role: its permissions boundary, one of its policies, or its organization."""

StopState = Literal["stopped", "not-stopped", "not-known", "not-known-organization"]
"""Whether Pump is stopped in a role. The last one means that nothing in the account stops it, and
that only a service control policy could."""


@dataclass(frozen=True, kw_only=True)
class Approval:
    """Whether the customer's tag on a role opens a guardrail.

    :param guardrail: the guardrail's name.
    :param tag: the key of the tag.
    :param value: its value; empty if the role does not have the tag.
    :param open: whether Pump can do now what the guardrail otherwise denies.
    """

    guardrail: str
    tag: str
    value: str
    open: bool


@dataclass(frozen=True, kw_only=True)
class StoppedBy:
    """What stops a role.

    :param kind: the kind of policy.
    :param name: the name of that policy.
    """

    kind: StopKind
    name: str


@dataclass(frozen=True, kw_only=True)
class RoleResult:
    """One expected role in an account.

    :param kind: the role's kind, such as ``read-only``.
    :param arn: the role's ARN; of one that does not exist, the expected ARN.
    :param state: whether it is as expected. A difference takes precedence over what is unknown.
    :param differences: how it differs.
    :param unknown: what could not be checked, or compared. If anything could not, the role does not
        match.
    :param notes: what else is not known, because the expectation leaves it open.
    :param last_used: when it was last used, in UTC, such as ``2026-11-25T08:15:00Z``; empty if IAM
        shows no use, or the role does not exist.
    :param approvals: which of its guardrails are open.
    :param stop: whether Pump is stopped in it; ``None`` if it does not exist.
    :param stopped_by: what stops Pump in it; empty if it does not exist, or if nothing is known to.
    :param revoked_before: the time before which its sessions were started that one of its policies
        denies everything; empty if none does.
    """

    kind: str
    arn: str
    state: MatchState = field(init=False)
    differences: tuple[Difference, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    notes: tuple[Unknown, ...] = ()
    last_used: str = ""
    approvals: tuple[Approval, ...] = ()
    stop: StopState | None = None
    stopped_by: tuple[StoppedBy, ...] = ()
    revoked_before: str = ""

    def __post_init__(self) -> None:
        state: MatchState = (
            "differs" if self.differences else "unknown" if self.unknown else "match"
        )
        object.__setattr__(self, "state", state)


@dataclass(frozen=True, kw_only=True)
class OtherRole:
    """Another role in the account: of Pump's principal, everyone, or the management account.

    :param arn: its ARN.
    :param principals: who may assume it.
    :param access: why it is listed: how Pump, everyone, or the management account can use it.
    :param stop: whether Pump is stopped in it; ``None`` if Pump can use it only in a session of one
        of its own roles, or if it is for the management account.
    :param stopped_by: what stops Pump in it, if that is known.
    :param differences: why the organization's stop does not reach it, if one is attached.
    :param unknown: why it is not known whether the stop does.
    """

    arn: str
    principals: tuple[Principal, ...]
    access: tuple[Access, ...]
    stop: StopState | None = None
    stopped_by: tuple[StoppedBy, ...] = ()
    differences: tuple[Difference, ...] = ()
    unknown: tuple[Unknown, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AccountResult:
    """One account.

    :param account: its 12-digit ID.
    :param name: its name in the organization; empty if it was not read.
    :param state: whether everything in it is as expected.
    :param organization: the organization that it is in; ``None`` if that was not read.
    :param differences: how the organization differs from the expected one.
    :param unknown: what could not be read. If anything could not, the account does not match.
    :param roles: the expected roles; none if the account could not be read.
    :param others: other roles that give access to Pump's principal or to everyone.
    :param for_management: other roles that the management account of its organization can use, or
        that have the name of a role that AWS creates for it. They are not a difference.
    :param notes: what is not known although it is no difference, such as the organization.
    """

    account: str
    name: str = ""
    state: MatchState = field(init=False)
    organization: Organization | None = None
    differences: tuple[Difference, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    roles: tuple[RoleResult, ...] = ()
    others: tuple[OtherRole, ...] = ()
    for_management: tuple[OtherRole, ...] = ()
    notes: tuple[Unknown, ...] = ()

    def __post_init__(self) -> None:
        states = {role.state for role in self.roles}
        states |= {"differs"} if self.differences or self.others else set()
        states |= {"unknown"} if self.unknown else set()
        object.__setattr__(self, "state", match_state(states))


@dataclass(frozen=True, kw_only=True)
class PolicyResult:
    """A policy of the organization that is about Pump's roles.

    :param name: its name.
    :param type: its type, such as ``SERVICE_CONTROL_POLICY``.
    :param state: whether it is as expected; ``not-compared`` if none is expected. That a stop is
        attached is not a difference.
    :param differences: how it differs.
    :param unknown: what could not be checked.
    :param attached_to: the IDs of the root, units, and accounts that it is attached to; ``None`` if
        that was not read.
    :param stops: whether it denies some roles everything where it is attached, which each role's
        ``stopped`` tells; ``None`` if its content was not read.
    :param expected: whether it is expected.
    """

    name: str
    type: str
    state: PolicyState = field(init=False)
    differences: tuple[Difference, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    attached_to: tuple[str, ...] | None = None
    stops: bool | None = False
    expected: bool = True

    def __post_init__(self) -> None:
        state: PolicyState = "match" if self.expected else "not-compared"
        state = "differs" if self.differences else "unknown" if self.unknown else state
        object.__setattr__(self, "state", state)


@dataclass(frozen=True, kw_only=True)
class ExpectedRole:
    """What the reviewed file says of a role that is expected.

    :param kind: the role's kind, such as ``read-only``.
    :param name: its name.
    :param as_published: whether it is what Pump publishes, apart from guardrails of this package
        and other policies with nothing but denies.
    :param principals: who may assume it.
    :param guardrails: its guardrails, each with its value in words, if it has one.
    :param findings: how many findings a report on the file has about this role, or about all of
        them.
    :param files: every file that it was read from, with its SHA-256; none for a published role.
    :param until: until when its trust policy lets anyone in, in UTC; empty if that does not end.
    :param ended: those of its denies whose time has passed, so that they limit nothing.
    """

    kind: str
    name: str
    as_published: bool
    principals: tuple[Principal, ...]
    guardrails: tuple[str, ...]
    findings: int
    files: tuple[tuple[str, str], ...]
    until: str = ""
    ended: tuple[TimedLimit, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The whole result.

    :param schema: the version of the JSON result's schema.
    :param version: the version of this package.
    :param expected: what the accounts were compared with, in words.
    :param expected_sha256: the SHA-256 of what was read of that, as ``pump-roles report --keep``
        keeps it.
    :param expected_roles: the roles that are expected; none after a removal.
    :param removed: whether the accounts must not have any of the roles. If so, a role that does not
        exist matches, and a role that exists differs.
    :param state: the state of all accounts and policies together. A difference takes precedence
        over unknown. Without any accounts, it is unknown. A policy that was not compared does not
        change it. If a limit of an expected role has ended, it is a difference: what was reviewed
        is not what holds.
    :param counts: how many accounts have each state.
    :param policies: the organization's policies about the roles; ``None`` if none are expected and
        they were not read.
    :param notes: why not.
    :param accounts: the accounts, by ID.
    """

    schema: Literal[11] = 11
    version: str = __version__
    expected: str
    expected_sha256: str
    expected_roles: tuple[ExpectedRole, ...] = ()
    removed: bool = False
    state: MatchState = field(init=False)
    counts: Mapping[MatchState, int] = field(init=False)
    policies: tuple[PolicyResult, ...] | None = None
    notes: tuple[Unknown, ...] = ()
    accounts: tuple[AccountResult, ...]

    def __post_init__(self) -> None:
        numbers = Counter(account.state for account in self.accounts)
        of_policies = {policy.state for policy in self.policies or ()} - {"match", "not-compared"}
        ended: set[PolicyState] = {"differs" for role in self.expected_roles if role.ended}
        object.__setattr__(self, "state", match_state((*numbers, *of_policies, *ended)))
        object.__setattr__(
            self, "counts", {state: numbers[state] for state in get_args(MatchState)}
        )


def match_state(states: Iterable[PolicyState]) -> MatchState:
    """Combine the states of parts: a difference takes precedence over unknown.

    Without parts, nothing was compared, so the state is unknown.
    """
    distinct = set(states)
    if "differs" in distinct:
        return "differs"
    return "match" if distinct == {"match"} else "unknown"
