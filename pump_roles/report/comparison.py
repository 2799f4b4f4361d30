"""Compares a role with what Pump publishes and with this package's guardrails."""

from dataclasses import replace

from pump_roles.compare import Difference, compare, guardrail_of
from pump_roles.role import Role, Unknown, published_role

__all__ = ["differences", "unreadable"]


def differences(role: Role) -> tuple[Difference, ...]:
    """Return how a role differs from what Pump publishes, apart from what a customer chooses.

    That is its name, path, tags, permissions boundary, and guardrails of this package. Its trust
    policy is judged by itself.

    :param role: the role.
    """
    published = published_role(role.kind)
    guardrails = tuple(
        policy for policy in role.policies if guardrail_of(role.kind, policy) is not None
    )
    chosen = replace(
        role,
        policies=(*published.policies, *guardrails),
        session_seconds=published.session_seconds,
        unknown=(),
    )
    return compare(chosen, role)


def unreadable(role: Role) -> tuple[Unknown, ...]:
    """Return what is not known about a role and may give it more access.

    :param role: the role.
    """
    return tuple(
        unknown for unknown in role.unknown if unknown.part not in ("boundary", "path", "tags")
    )
