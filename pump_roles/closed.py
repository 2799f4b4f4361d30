"""A closed role: the synthesis fails when the app widens it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jsii
from aws_cdk import Stack, Token
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct, IValidation

__all__ = ["close"]


def close(
    role: iam.CfnRole,
    *,
    trust_policy: Mapping[str, Any],
    policies: Sequence[iam.CfnRole.PolicyProperty],
) -> None:
    """Fail the synthesis of the role's app when something in it has widened the role.

    That is, when a policy attaches to it (``iam.Policy`` and ``iam.ManagedPolicy`` attach even to
    a role that was imported as immutable; only grants respect that), or when an aspect or an
    assignment has given its resource other policies, another trust policy or a longer session.

    :param role: the role's resource.
    :param trust_policy: the trust policy that it was built with.
    :param policies: the inline policies that it was built with.
    """
    root = role.node.root
    watch = root.node.try_find_child(_Watch.ID) or _Watch(root)
    watch.roles.append(_Closed(role, trust_policy, policies))  # type: ignore[attr-defined]


@dataclass(frozen=True)
class _Closed:
    resource: iam.CfnRole
    trust_policy: Mapping[str, Any]
    policies: Sequence[iam.CfnRole.PolicyProperty]

    def changes(self) -> Iterator[str]:
        resource = self.resource
        if resource.assume_role_policy_document != self.trust_policy:
            yield "another trust policy"
        if resource.policies != self.policies:
            yield "other inline policies"
        if resource.managed_policy_arns is not None:
            yield "a managed policy"
        if resource.max_session_duration is not None:
            yield "another session duration"


@jsii.implements(IValidation)
class _Watch(Construct):
    # One for each app, at its root, so that the app's tree is walked once, not once a role.
    ID: Final = "PumpRolesWatch"

    def __init__(self, root: IConstruct) -> None:
        super().__init__(root, self.ID)  # type: ignore[arg-type]
        self.roles: list[_Closed] = []
        self.node.add_validation(self)

    def validate(self) -> list[str]:
        return [
            f"{_name(role)} has {change}; its permissions and trust are those that it was built "
            "with, and nothing can be added to them"
            for role in self.roles
            for change in role.changes()
        ] + [
            f"{policy} attaches to {_name(role)}, a role of Pump's: its permissions are the "
            "published ones, and nothing can be added to them"
            for policy, role in self._attachments()
        ]

    def _attachments(self) -> Iterator[tuple[str, _Closed]]:
        for node in self.node.root.node.find_all():
            if isinstance(node, iam.CfnPolicy | iam.CfnManagedPolicy):
                attached_to: object = node.roles
            elif isinstance(node, iam.CfnRolePolicy):
                attached_to = node.role_name
            else:
                continue
            for role in self.roles:
                if _refers(node.stack, attached_to, role.resource):
                    yield node.node.path, role


def _name(role: _Closed) -> str:
    return str(role.resource.node.path).removesuffix("/Resource")


def _refers(stack: Stack, attached_to: object, role: iam.CfnRole) -> bool:
    # Resolved in the role's own stack, a reference to the role is a plain one, wherever the policy
    # is. So is a reference to another stack's resource of the same logical id; but that one reads
    # the same in its own stack, and one that crosses stacks does not.
    there = role.stack.resolve(attached_to)
    if role.role_name is not None and _names(there, role.role_name):
        return _may_be_one_account(stack, role.stack)
    return _points_to(there, role.stack.resolve(role.logical_id)) and (
        stack is role.stack or stack.resolve(attached_to) != there
    )


def _may_be_one_account(one: Stack, other: Stack) -> bool:
    unknown = Token.is_unresolved(one.account) or Token.is_unresolved(other.account)
    return unknown or one.account == other.account


def _names(value: Any, role_name: str) -> bool:
    if isinstance(value, list):
        return any(_names(one, role_name) for one in value)
    if isinstance(value, dict):
        return _names(value.get("Fn::Sub"), role_name)
    return isinstance(value, str) and value.casefold() == role_name.casefold()


def _points_to(value: Any, logical_id: str) -> bool:
    if isinstance(value, list):
        return any(_points_to(one, logical_id) for one in value)
    if not isinstance(value, dict):
        return isinstance(value, str) and f"${{{logical_id}}}" in value
    return value in ({"Ref": logical_id}, {"Fn::GetAtt": [logical_id, "Arn"]}) or any(
        _points_to(one, logical_id) for one in value.values()
    )
