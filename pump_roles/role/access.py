"""What gives someone access, and what only takes it away."""

from dataclasses import dataclass
from typing import Literal

from pump_roles.guardrails import by_policy
from pump_roles.iam.identity_policies import Policy
from pump_roles.published import ROLES

AccessWhy = Literal[
    "administrator",
    "allows",
    "allows-managed-policy",
    "allows-unreadable-statement",
    "attaches",
    "changed",
    "changed-later",
    "could-attach",
    "could-be-named-alike",
    "could-contain",
    "ends-approval",
    "lets-in",
    "lets-in-unreadable",
    "may-attach",
    "may-be-named-alike",
    "may-contain",
    "may-end-approval",
    "missing",
    "named-alike",
    "named-for-management",
    "names-account",
    "names-definition",
    "names-management",
    "names-role",
    "opens",
    "parameter",
    "password",
    "requires-same-external-id",
    "tagged",
    "trusts-account",
    "trusts-definition",
    "trusts-everyone",
    "trusts-everyone-but",
    "trusts-identity-provider",
    "trusts-management",
    "trusts-other-account",
    "trusts-role",
    "trusts-unreadable",
    "trusts-unreadable-account",
    "unreadable-properties",
    "unreadable-statement",
    "unreadable-trust-policy",
]
"""Why the check at synth, the report, or ``verify`` names something. Each has words for its own."""


@dataclass(frozen=True)
class Access:
    """A way in which something reaches one of Pump's roles or principals, or lets others in; or
    what a policy allows.

    :param why: the way.
    :param subject: whom or what it is about; empty if ``why`` says it all.
    """

    why: AccessWhy
    subject: str = ""


def only_takes_away(policy: Policy) -> bool:
    """Return whether a policy has nothing but denies, and no name of this package's policies."""
    own = {policy.name for role in ROLES.values() for policy in role.policies} | {*by_policy()}
    return policy.name.casefold() not in map(str.casefold, own) and policy.only_denies
