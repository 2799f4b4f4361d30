"""What a reviewer should see first: alarms, then risks, then what the report does not cover."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from pump_roles.report.model import ActionReport, Finding, FindingKind, RoleReport
from pump_roles.templates import Contents

__all__ = [
    "alarms",
    "may_add_permissions",
    "may_reach_more",
    "other_resources",
    "risks",
]

_ACCESS_TYPES: Final = {
    "AWS::EKS::AccessEntry",
    "AWS::IAM::AccessKey",
    "AWS::IAM::Group",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::OIDCProvider",
    "AWS::IAM::Role",
    "AWS::IAM::SAMLProvider",
    "AWS::IAM::User",
    "AWS::RolesAnywhere::Profile",
    "AWS::RolesAnywhere::TrustAnchor",
    "AWS::SSO::Assignment",
    "AWS::SSO::PermissionSet",
}
"""Resource types that give someone access, but give Pump's roles no permissions."""

_REACHABLE_TYPES: Final = {"AWS::EKS::AccessEntry", "AWS::IAM::Role"}
"""Those through which one of Pump's roles may do more than its policies say: a role that trusts it,
or a cluster that gives it access."""


def may_add_permissions(contents: Contents) -> bool:
    """Return whether something other than their own policies may give Pump's roles permissions.

    :param contents: what was read.
    """
    return bool(contents.unreadable) or any(
        other.alarms and other.type not in _ACCESS_TYPES for other in contents.others
    )


def may_reach_more(contents: Contents) -> bool:
    """Return whether Pump's roles may do more, through something other than their own policies.

    :param contents: what was read.
    """
    return may_add_permissions(contents) or any(
        other.alarms and other.type in _REACHABLE_TYPES for other in contents.others
    )


def alarms(roles: Sequence[RoleReport], contents: Contents) -> Iterator[Finding]:
    """Return the findings that must be read before the roles' numbers.

    :param roles: the roles.
    :param contents: what was read.
    """
    for role in roles:
        if role.differences or role.unreadable:
            yield Finding(kind="difference", role=role.kind)
    for role in roles:
        if role.trust_problems:
            yield Finding(kind="trust", role=role.kind)
    for role in roles:
        if role.uncounted:
            yield Finding(kind="uncounted", role=role.kind)
    if contents.unreadable or any(other.alarms for other in contents.others):
        yield Finding(kind="suspect")


def risks(actions: Sequence[ActionReport]) -> Iterator[Finding]:
    """Return the actions that matter most, grouped by the reason.

    :param actions: every action that a role has.
    """
    effective = [action for action in actions if action.effective]
    risky: tuple[tuple[FindingKind, list[str]], ...] = (
        ("spends", [action.name for action in effective if action.spends]),
        ("writes", [action.name for action in effective if not action.only_reads]),
        ("data", [action.name for action in effective if action.data]),
        ("legacy", [action.name for action in effective if action.legacy]),
    )
    for kind, names in risky:
        if names:
            yield Finding(kind=kind, actions=tuple(names))


def other_resources(contents: Contents) -> Iterator[Finding]:
    """Return the other resources, counted by their type.

    :param contents: what was read.
    """
    if contents.resources:
        counts = Counter(contents.resources).items()
        yield Finding(kind="resources", resources=tuple(counts))
