"""A role: what IAM holds, or will hold, and what is not known about it.

Published data, templates, accounts, saved files, and earlier reports are read into it, and
:func:`pump_roles.compare.compare` compares two of them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

from pump_roles.iam.external_ids import ExternalId, external_ids_in, ids_required_by
from pump_roles.iam.identity_policies import (
    EVERYWHERE,
    Policy,
    Value,
    denies_all,
    known,
    parse_policy,
)
from pump_roles.iam.session_conditions import end_of, has_ended, start_of
from pump_roles.iam.trust import Trust
from pump_roles.published import ROLES
from pump_roles.role.unknowns import RolePart, RoleUnknown

HOUR: Final = 3_600
"""The maximum session duration, in seconds, of a role that does not set it."""

ROOT: Final = known("/")
"""The path of a role that does not set it."""

_TIME: Final = re.compile("[0-9T:.-]{10,23}Z?")


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
class TimedLimit:
    """A deny that limits a role only from a time on, or until one.

    :param policy: the name of its policy; empty for the trust policy.
    :param start: the time in the future, in UTC, such as ``2027-01-01T00:00:00Z``, before which it
        limits nothing; empty if it has begun.
    :param until: the time until which it limits, in the same form; empty if that does not end.
    :param ended: whether that has passed, so that it limits nothing.
    :param partly: whether its policy also denies something without a time, or at other times.
    """

    policy: str
    start: str
    until: str
    ended: bool
    partly: bool


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
    def timed_limits(self) -> tuple[TimedLimit, ...]:
        """Those of its denies that limit it only from a time on, or until one."""
        conditions = [
            (policy.name, statement.scope.condition)
            for policy in (*self.all_policies, *self.may_deny)
            for statement in policy.statements
            if statement.effect == "Deny"
        ]
        denies = (each for each in self.trust.statements if each.effect == "Deny")
        conditions += [("", statement.condition) for statement in denies]
        times: dict[str, dict[tuple[str, str], bool]] = {}
        for policy, condition in conditions:
            between = start_of(condition), end_of(condition)
            times.setdefault(policy, {})[between] = has_ended(condition)
        return tuple(
            TimedLimit(policy=policy, start=start, until=end, ended=ended, partly=len(found) > 1)
            for policy, found in times.items()
            for (start, end), ended in found.items()
            if start or end
        )

    @property
    def named_ids(self) -> frozenset[ExternalId]:
        """The external IDs that it names anywhere, which must not be shown."""
        policies = self.all_policies
        scopes = (statement.scope for policy in policies for statement in policy.statements)
        not_read = external_ids_in([text for policy in policies for text in policy.unreadable])
        required = (ids_required_by(scope.condition) for scope in scopes)
        return not_read.union(self.trust.named_ids, *required)

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
