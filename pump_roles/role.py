"""A role: what IAM holds, or will hold, and what is not known about it.

Published data, templates, accounts, saved files, and earlier reports are read into it, and
:func:`pump_roles.compare.compare` compares two of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

__all__ = ["HOUR", "Boundary", "Part", "Policy", "Role", "Unknown"]

HOUR: Final = 3_600
"""The maximum session duration, in seconds, of a role that does not set it."""

Part = Literal["role", "name", "path", "trust-policy", "policies", "boundary", "session", "tags"]
"""A part of a role. ``role`` means all of it."""


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """Something that is not known about a role.

    :param part: the part of the role.
    :param why: why it is not known: a stable ID, which the output has words for.
    :param subject: what it is about, such as a policy's name or a condition; empty for the part.
    """

    part: Part
    why: str
    subject: str = ""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy of a role.

    :param name: its name.
    :param document: its document. What depends on the account is a placeholder, such as
        ``${AWS::Partition}``. ``None`` if it is not known.
    :param arn: its ARN if it is a managed policy; empty for an inline one.
    """

    name: str
    document: Any
    arn: str = ""


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """A permissions boundary.

    :param arn: the policy's ARN.
    :param document: the policy's document; ``None`` if it is not known.
    """

    arn: str
    document: Any = None


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role.

    :param kind: the kind of Pump's role that it is, such as ``read-only``.
    :param name: its name; empty if it is not known.
    :param path: its path.
    :param trust_policy: its trust policy.
    :param policies: its inline and managed policies.
    :param boundary: its permissions boundary, if it has one.
    :param session_seconds: its maximum session duration in seconds.
    :param tags: its tags.
    :param unknown: what is not known about it. If a part is, do not rely on its value.
    """

    kind: str
    name: str
    path: str = "/"
    trust_policy: Any
    policies: tuple[Policy, ...]
    boundary: Boundary | None = None
    session_seconds: int = HOUR
    tags: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[Unknown, ...] = ()
