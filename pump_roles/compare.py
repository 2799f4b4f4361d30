"""Compares a role with what is expected of it. Everything that compares two roles uses this."""

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Difference", "Effect", "Rule"]

Effect = Literal["broader", "narrower", "other"]
"""What a difference means: more access than expected, less, or neither for certain."""

Rule = Literal[
    "role-missing",
    "role-present",
    "role-name",
    "role-path",
    "trust-policy",
    "trust-broken",
    "external-id",
    "policy-added",
    "policy-removed",
    "policy-changed",
    "policies-together",
    "boundary-added",
    "boundary-removed",
    "boundary-changed",
    "boundary-text",
    "session-duration",
    "tag-added",
    "tag-removed",
    "tag-changed",
    "other-access",
]
"""The kinds of differences. They stay the same across versions of the JSON."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One way in which a role differs from what is expected.

    :param rule: the kind of difference.
    :param effect: whether it gives more access than expected, or less.
    :param subject: what it is about, such as a policy's name; empty for the role itself.
    :param was: what is expected there.
    :param now: what is there.
    :param actions: the actions and patterns whose decision it changes.
    """

    rule: Rule
    effect: Effect
    subject: str = ""
    was: Any = None
    now: Any = None
    actions: tuple[str, ...] = ()
