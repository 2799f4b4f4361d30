"""A closed role: the synthesis fails when a policy of the app attaches to it."""

from collections.abc import Iterator
from typing import Any, Final

import jsii
from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct, IConstruct, IValidation

__all__ = ["close"]


def close(role: iam.CfnRole) -> None:
    """Fail the synthesis of the role's app when a policy in it attaches to the role.

    ``iam.Policy`` and ``iam.ManagedPolicy`` attach even to a role that was imported as immutable;
    only grants respect that.
    """
    root = role.node.root
    watch = root.node.try_find_child(_Watch.ID) or _Watch(root)
    watch.roles.append(role)  # type: ignore[attr-defined]


@jsii.implements(IValidation)
class _Watch(Construct):
    # One for each app, at its root, so that the app's tree is walked once, not once a role.
    ID: Final = "PumpRolesWatch"

    def __init__(self, root: IConstruct) -> None:
        super().__init__(root, self.ID)  # type: ignore[arg-type]
        self.roles: list[iam.CfnRole] = []
        self.node.add_validation(self)

    def validate(self) -> list[str]:
        return [
            f"{policy} attaches to {str(role.node.path).removesuffix('/Resource')}, a role of "
            "Pump's: its permissions are the published ones, and nothing can be added to them"
            for policy, role in self._attachments()
        ]

    def _attachments(self) -> Iterator[tuple[str, iam.CfnRole]]:
        for role in self.roles:
            if role.managed_policy_arns is not None:
                yield "a managed policy", role
        for node in self.node.root.node.find_all():
            if isinstance(node, iam.CfnPolicy | iam.CfnManagedPolicy):
                attached_to: object = node.roles
            elif isinstance(node, iam.CfnRolePolicy):
                attached_to = node.role_name
            else:
                continue
            for role in self.roles:
                if _refers(node.stack, attached_to, role):
                    yield node.node.path, role


def _refers(stack: Stack, attached_to: object, role: iam.CfnRole) -> bool:
    # Resolved in the role's own stack, a reference to the role is a plain one, wherever the policy
    # is. So is a reference to another stack's resource of the same logical id; but that one reads
    # the same in its own stack, and one that crosses stacks does not.
    there = role.stack.resolve(attached_to)
    if role.role_name is not None and _names(there, role.role_name):
        return True
    return _points_to(there, role.stack.resolve(role.logical_id)) and (
        stack is role.stack or stack.resolve(attached_to) != there
    )


def _names(value: Any, role_name: str) -> bool:
    if isinstance(value, list):
        return any(_names(one, role_name) for one in value)
    return isinstance(value, str) and value.casefold() == role_name.casefold()


def _points_to(value: Any, logical_id: str) -> bool:
    if isinstance(value, list):
        return any(_points_to(one, logical_id) for one in value)
    if not isinstance(value, dict):
        return False
    return value in ({"Ref": logical_id}, {"Fn::GetAtt": [logical_id, "Arn"]}) or any(
        _points_to(one, logical_id) for one in value.values()
    )
