"""Checks that Pump's roles in a stack have different names."""

from aws_cdk import Stack
from constructs import Construct

from pump_roles.constructs.kept import kept_in
from pump_roles.validators import ArgumentError

__all__ = ["take_role_name"]


def take_role_name(name: str, role: Construct, scope: Construct) -> None:
    """Reserve a name for a role in its stack.

    :param name: the role's name, 1 to 64 characters.
    :param role: the role's construct.
    :param scope: the construct that it belongs to.
    :raises ArgumentError: when another of Pump's roles in the stack has that name. IAM ignores case
        in role names.

    Source: IAM API Reference, "CreateRole".
    """
    # Stack.of() is a slow call into jsii.
    stack = scope if isinstance(scope, Stack) else Stack.of(scope)
    taken: dict[str, Construct] = kept_in(stack, "pump-roles:names", dict)
    other = taken.get(name.lower())
    if other is not None and other in stack.node.find_all():
        raise ArgumentError("role_name", f"{name} is already the name of {other.node.path}")
    taken[name.lower()] = role
