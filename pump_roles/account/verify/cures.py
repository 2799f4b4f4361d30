"""What to do about each kind of differences."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pump_roles.account.verify.model import Rule

__all__ = ["CURES", "UNVERIFIED_CURE"]

_WHO: Final = "AWS CloudTrail shows who changed it."
_RESTORE: Final = (
    "Restore what was reviewed by hand, or with a drift-aware change set, such as that of cdk "
    "deploy --revert-drift. Otherwise CloudFormation does not, as long as its template stays the "
    "same."
)
_AGAIN: Final = "Correct what is expected, or delete the role and deploy it again."

CURES: Final[Mapping[Rule, str]] = MappingProxyType(
    {
        "role-missing": "Pump cannot work in the account. Deploy the role: its stack, or the stack "
        f"instance of its rollout. If someone deleted the role, not the stack: {_RESTORE}",
        "role-name": f"IAM ignores the case of a role's name, but a policy's ARNs do not. {_AGAIN}",
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
        "policies-together": "No policy alone has this effect: look at all policies of the role. "
        f"{_WHO} {_RESTORE}",
        "boundary-added": f"{_WHO} Remove the boundary, or add it to what is expected.",
        "boundary-removed": f"Nothing limits what the role's policies allow. {_WHO} {_RESTORE}",
        "boundary-changed": f"{_WHO} {_RESTORE}",
        "boundary-text": f"Compare the policy with the one that was reviewed. {_WHO}",
        "session-duration": f"{_WHO} {_RESTORE}",
        "tag-added": "Remove the tag, or allow its key with --allow-tag.",
        "tag-removed": "Policies can depend on the tag. Add it again.",
        "tag-changed": "Policies can depend on the tag. Set its expected value again.",
        "other-access": "Delete the role if it is no longer needed, or limit its trust policy to "
        "who needs it, with an external ID of its own.",
    }
)
"""What to do about each kind, in a few sentences."""

UNVERIFIED_CURE: Final = (
    "It may differ. Let the caller read it, and verify again. Until then, other findings about the "
    "same account can be missing."
)
"""What to do about what could not be checked."""
