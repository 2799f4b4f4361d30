"""What to do about each kind of difference."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pump_roles.account.verify.model import Rule, Verification
from pump_roles.account.verify.wording import is_unknown

__all__ = ["CURES", "UNVERIFIED", "UNVERIFIED_CURE", "cures"]

UNVERIFIED: Final = "unverified"
"""The rule of what could not be checked."""

_WHO: Final = "AWS CloudTrail shows who changed it."
_RESTORE: Final = (
    "Restore what was reviewed by hand, or with a drift-aware change set (cdk deploy "
    "--revert-drift). Deploying an unchanged template again does not restore it."
)
_AGAIN: Final = "Correct the expectation, or delete the role and deploy it again."

CURES: Final[Mapping[Rule, str]] = MappingProxyType(
    {
        "role-missing": "Pump cannot work in the account. Deploy the role: its stack, or the stack "
        f"instance of its rollout. If the stack still exists: {_RESTORE}",
        "role-present": "Delete what created it: its stack; in a member account, the stack "
        "instance of its rollout (aws cloudformation delete-stack-instances --no-retain-stacks); "
        "or, if it was created by hand, the role itself. Then verify again.",
        "role-name": f"ARNs in policies are case-sensitive. {_AGAIN}",
        "role-path": f"The path is part of the ARN that Pump and policies use. {_AGAIN}",
        "trust-policy": f"It decides who can assume the role. {_WHO} {_RESTORE}",
        "trust-broken": "A principal of the same name cannot assume the role either, until the "
        f"trust policy is written again. {_RESTORE}",
        "external-id": "Pump can assume the role only with the external ID that it has for the "
        f"account. {_WHO} {_RESTORE}",
        "policy-added": f"{_WHO} Remove the policy, or review it and add it to what is expected.",
        "policy-removed": "A missing guardrail allows more; without another policy, Pump may be "
        f"unable to work in the account. {_WHO} {_RESTORE}",
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
        "other-access": "Delete the role if it is no longer needed, or restrict its trust policy, "
        "and require another external ID.",
    }
)
"""What to do about each kind, in a few sentences."""

UNVERIFIED_CURE: Final = (
    "It may differ from what is expected. Let the caller read it, and verify again. Until then, "
    "findings about this account may be missing."
)
"""What to do about what could not be checked."""


def cures(found: Verification) -> Mapping[str, str]:
    """Return what to do about a result, by the rule.

    :param found: the result.
    """
    rules = {
        one.rule for account in found.accounts for role in account.roles for one in role.differences
    }
    if any(account.others for account in found.accounts):
        rules.add("other-access")
    told: dict[str, str] = {rule: cure for rule, cure in CURES.items() if rule in rules}
    return {**told, UNVERIFIED: UNVERIFIED_CURE} if is_unknown(found) else told
