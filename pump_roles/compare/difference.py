"""How a role, or the organization of its account, differs from what is expected."""

from dataclasses import dataclass
from typing import Literal

from pump_roles.iam.decisions import DecisionChange, Effect
from pump_roles.iam.trust import Principal, TrustProblem
from pump_roles.role.unknowns import RolePart

Rule = Literal[
    "role-missing",
    "role-present",
    "role-misplaced",
    "role-name",
    "role-path",
    "trust-policy",
    "trust-broken",
    "external-id",
    "policy-added",
    "policy-removed",
    "policy-changed",
    "policy-stops",
    "sessions-revoked",
    "policies-together",
    "boundary-added",
    "boundary-stops",
    "boundary-removed",
    "boundary-changed",
    "boundary-text",
    "session-duration",
    "tag-added",
    "tag-removed",
    "tag-changed",
    "other-access",
    "organization",
    "organization-policy-missing",
    "organization-policy-changed",
    "organization-policy-detached",
    "not-stopped-management",
    "not-stopped-name",
    "not-stopped-target",
    "approval-end-missing",
    "approval-end-changed",
    "approval-end-time",
    "approval-end-role",
]
"""The kinds of differences, which stay the same across versions of the JSON. Each has its words and
its remedy in ``descriptions.json``; a test holds that neither list has more than the other."""


ComparedPart = Literal[RolePart, "other-roles", "membership", "organization-policies"]
"""A part of a role, or of its account: its other roles, the organization that it is in, and that
organization's policies about the roles."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One way in which a role, or the organization of its account, differs from what is expected.

    External IDs are never part of it.

    :param rule: the kind of difference.
    :param effect: whether it gives more access than expected, or less.
    :param part: the part that differs; ``membership`` is the organization that the account is in.
    :param subject: what it is about, such as a policy's name; empty for the whole part.
    :param was: what is expected there: a name or a value.
    :param now: what is there instead.
    :param numbers: the expected and the actual number of seconds of a session; or how many expected
        external IDs are missing, and how many others there are. Otherwise empty.
    :param lost: the principals that a trust policy does not trust, unlike expected.
    :param gained: those that it trusts, unlike expected; or that no longer exist.
    :param actions: the actions and patterns whose decision it changes.
    :param decisions: how it changes the decision on each of them.
    :param problems: how a trust policy is not one principal with an external ID, unlike expected;
        or that an external ID differs only in case.
    :param unreadable: whether a policy has a statement that cannot be read, unlike expected.
    """

    rule: Rule
    effect: Effect
    part: ComparedPart = "role"
    subject: str = ""
    was: tuple[str, ...] = ()
    now: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    lost: tuple[Principal, ...] = ()
    gained: tuple[Principal, ...] = ()
    actions: tuple[str, ...] = ()
    decisions: tuple[DecisionChange, ...] = ()
    problems: tuple[TrustProblem, ...] = ()
    unreadable: bool = False
