"""What to do about each kind of difference."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pump_roles.account.verify.result import Verification
from pump_roles.compare import Rule
from pump_roles.output.verify_words import is_unknown

__all__ = ["REMEDIES", "UNVERIFIED", "UNVERIFIED_REMEDY", "remedies"]

UNVERIFIED: Final = "unverified"
"""The rule for what could not be checked."""

_WHO: Final = "AWS CloudTrail shows who changed it."
_RESTORE: Final = (
    "Restore the reviewed state, manually or with a drift-aware change set (cdk deploy "
    "--revert-drift). Deploying an unchanged template again does not restore it."
)
_AGAIN: Final = "Correct the expectation, or delete the role and deploy it again."

REMEDIES: Final[Mapping[Rule, str]] = MappingProxyType(
    {
        "role-missing": "Pump cannot work in the account with this role. Deploy the role's stack, "
        "or the stack instance of its rollout; if you do not want it yet, pass --role with the "
        f"other one. If the stack still exists: {_RESTORE}",
        "role-present": "Delete what created it: its stack; in a member account, the stack "
        "instance of its rollout (aws cloudformation delete-stack-instances --no-retain-stacks); "
        "or, if it was created manually, the role itself. Then verify again.",
        "role-name": f"ARNs in policies are case-sensitive. {_AGAIN}",
        "role-path": f"The path is part of the ARN that Pump and policies use. {_AGAIN}",
        "trust-policy": f"It decides who can assume the role. {_WHO} {_RESTORE}",
        "trust-broken": "A new principal with the same name cannot assume the role until the trust "
        f"policy is updated. {_RESTORE}",
        "external-id": "Pump can assume the role only with the external ID that it has for the "
        f"account. {_WHO} {_RESTORE}",
        "policy-added": f"{_WHO} Remove the policy, or review it and add it to what is expected.",
        "policy-removed": "Without a guardrail, the role can do more; without any other policy, "
        f"Pump may be unable to work in the account. {_WHO} {_RESTORE}",
        "policy-changed": f"{_WHO} {_RESTORE}",
        "policies-together": "No single policy has this effect. Review all policies of the role. "
        f"{_WHO} {_RESTORE}",
        "boundary-added": f"{_WHO} Remove the boundary, or add it to what is expected.",
        "boundary-removed": f"Nothing limits what the role's policies allow. {_WHO} {_RESTORE}",
        "boundary-changed": f"{_WHO} {_RESTORE}",
        "boundary-text": f"Compare the policy with the one that was reviewed. {_WHO}",
        "session-duration": f"{_WHO} {_RESTORE}",
        "tag-added": "Remove the tag, or allow its key with --allow-tag.",
        "tag-removed": "Policies can depend on the tag. Restore it.",
        "tag-changed": "Policies can depend on the tag. Set its expected value again.",
        "other-access": "If it is one of the roles that you deployed, omit --role, so that it is "
        "verified, too. Otherwise, delete the role if it is no longer needed, or restrict its "
        "trust policy, and require another external ID.",
    }
)
"""What to do about each kind of difference."""

UNVERIFIED_REMEDY: Final = (
    "It may differ from what is expected. Make sure that the caller can read it, then verify "
    "again. Until then, findings about this account may be missing."
)
"""What to do about what could not be checked."""


def remedies(verification: Verification) -> Mapping[str, str]:
    """Return what to do about a result, by rule.

    :param verification: the result.
    """
    rules = {
        difference.rule
        for account in verification.accounts
        for role in account.roles
        for difference in role.differences
    }
    if any(account.others for account in verification.accounts):
        rules.add("other-access")
    by_rule: dict[str, str] = {rule: remedy for rule, remedy in REMEDIES.items() if rule in rules}
    return {**by_rule, UNVERIFIED: UNVERIFIED_REMEDY} if is_unknown(verification) else by_rule
