"""What stops Pump in a role: the role itself, or a service control policy that reaches it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pump_roles.compare import Difference, Rule
from pump_roles.contents import OrganizationPolicy
from pump_roles.iam.clauses import clauses
from pump_roles.iam.conditions import is_met
from pump_roles.review.account.organization import Organization
from pump_roles.review.account.verify.details import AccountDetails
from pump_roles.role import Part, Role, Unknown, stops

_PART: Final[Part] = "organization-policies"
_ROOT: Final = "r-"
"""The prefix of the ID of a root, which is above every account."""

_NO: Final[Sequence[Rule]] = ("not-stopped-name", "not-stopped-target", "not-stopped-management")
"""Why a policy does not reach a role. Of several policies, the first reason counts."""

_Reach = Literal["yes", "not-known-place", "not-known-condition"] | Rule


@dataclass(frozen=True, kw_only=True)
class StoppedBy:
    """What stops a role.

    :param kind: ``boundary`` for its permissions boundary, ``policy`` for one of its policies, and
        ``organization-policy`` for a service control policy.
    :param name: the name of that policy.
    """

    kind: Literal["boundary", "policy", "organization-policy"]
    name: str


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """Whether Pump is stopped in a role.

    :param by: what stops it; empty if nothing does, as far as that is known.
    :param differences: why no stop of the organization reaches it, if one is attached.
    :param unknown: why it is not known whether one does.
    """

    by: tuple[StoppedBy, ...]
    differences: tuple[Difference, ...] = ()
    unknown: tuple[Unknown, ...] = ()


def stops_someone(policy: OrganizationPolicy) -> bool | None:
    """Return whether a policy denies some principals everything; ``None`` if it was not read."""
    if policy.type != "SERVICE_CONTROL_POLICY":
        return False
    if policy.document is None and policy.unknown:
        return None
    return next(_conditions(policy), None) is not None


def attached_stops(
    policies: Sequence[OrganizationPolicy] | Unknown,
) -> tuple[OrganizationPolicy, ...]:
    """Return the policies that stop someone, and are attached to something."""
    found = () if isinstance(policies, Unknown) else policies
    return tuple(policy for policy in found if policy.targets and stops_someone(policy))


def stopped(role: Role, attached: Iterable[OrganizationPolicy], details: AccountDetails) -> Stopped:
    """Return whether Pump is stopped in a role of an account."""
    by = [*_own(role)]
    arn = details.arn(role)
    reached = {policy.name: _reach(policy, arn, details) for policy in attached}
    by += [
        StoppedBy(kind="organization-policy", name=name)
        for name, reach in reached.items()
        if reach == "yes"
    ]
    if by or not reached:
        return Stopped(by=tuple(by))
    whys = {"not-known-place": "stop-place", "not-known-condition": "stop-condition"}
    unknown = tuple(
        Unknown(part=_PART, why=whys[reach], subject=name)  # type: ignore[arg-type]
        for name, reach in reached.items()
        if reach in whys
    )
    if unknown:
        return Stopped(by=(), unknown=unknown)
    rule = next(rule for rule in _NO if rule in reached.values())
    difference = Difference(rule=rule, effect="broader", part=_PART, subject=", ".join(reached))
    return Stopped(by=(), differences=(difference,))


def _own(role: Role) -> Iterator[StoppedBy]:
    if role.boundary is not None and role.boundary.stops:
        yield StoppedBy(kind="boundary", name=role.boundary.arn.text.rpartition("/")[2])
    for policy in role.policies:
        if stops(policy):
            yield StoppedBy(kind="policy", name=policy.name)


def _reach(policy: OrganizationPolicy, arn: str, details: AccountDetails) -> _Reach:
    organization = details.organization
    if isinstance(organization, Organization) and (
        organization.management_account == details.account
    ):
        # AWS Organizations User Guide, "Service control policies (SCPs)".
        return "not-stopped-management"
    below = _is_below(policy.targets or (), details)
    named = {is_met(condition, {"aws:principalarn": arn}) for condition in _conditions(policy)}
    if below is False:
        return "not-stopped-target"
    if named == {False}:
        return "not-stopped-name"
    if True not in named:
        return "not-known-condition"
    is_member = isinstance(organization, Organization)
    return "yes" if below and is_member else "not-known-place"


def _is_below(targets: Sequence[str], details: AccountDetails) -> bool | None:
    units = details.units or ()
    if any(
        target.startswith(_ROOT) or target == details.account or target in units
        for target in targets
    ):
        return True
    # Without the root, there are units above those that were read.
    return False if any(unit.startswith(_ROOT) for unit in units) else None


def _conditions(policy: OrganizationPolicy) -> Iterator[Any]:
    # Those under which it denies everything.
    for clause in clauses(policy.document):
        if (
            clause.effect == "Deny"
            and clause.readable
            and clause.pattern == "*"
            and clause.scope.everywhere
        ):
            yield json.loads(clause.scope.condition or "{}")
