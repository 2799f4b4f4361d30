"""Who may assume a role: Pump's principal, with the external id of one customer."""

import json
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import CfnParameter
from constructs import Construct

from pump_roles.forms import EXTERNAL_ID, PRINCIPAL, ArgumentError

__all__ = ["Trust"]

_QUOTA: Final = 2_048


@dataclass(frozen=True)
class Trust:
    """A principal, and the external ids with which it may come in.

    :param principal: Pump's account id or ARN, as it stands in a template.
    :param external_ids: the accepted external ids, one or two, as they stand in a template.

    Source: IAM User Guide, "Access to AWS accounts owned by third parties".
    """

    principal: str
    external_ids: tuple[str, ...]

    @classmethod
    def of(
        cls,
        scope: Construct,
        *,
        pump_principal: str | CfnParameter,
        external_id: str | CfnParameter,
        next_external_id: str | CfnParameter | None = None,
    ) -> "Trust":
        """Return the trust in what is given, checked.

        :param scope: a construct of the stack that the trust is used in.
        :param pump_principal: Pump's 12-digit account id, or the ARN of its IAM role or account
            root.
        :param external_id: the customer's external id, 2 to 1,224 characters.
        :param next_external_id: a second id that is accepted too, while one replaces the other; by
            default there is none.
        :raises ArgumentError: when a value is of another form, both ids are the same, or literals
            together make the policy longer than IAM's default quota of 2,048 characters (white
            space not counted). The length of parameters is known to IAM alone, when it is deployed.

        Source: IAM User Guide, "IAM and AWS STS quotas".
        """
        principal = PRINCIPAL.check_or_constrain("pump_principal", pump_principal, scope=scope)
        accepted = [EXTERNAL_ID.check_or_constrain("external_id", external_id, scope=scope)]
        if next_external_id is not None:
            accepted.append(
                EXTERNAL_ID.check_or_constrain("next_external_id", next_external_id, scope=scope)
            )
            if accepted[0] == accepted[1]:
                shown = (
                    next_external_id.node.path
                    if isinstance(next_external_id, CfnParameter)
                    else repr(next_external_id)
                )
                raise ArgumentError("next_external_id", f"{shown} is the external id already")
        trust = cls(principal, tuple(accepted))
        size = len(json.dumps(trust.policy, separators=(",", ":")))
        if size > _QUOTA:
            raise ArgumentError(
                "next_external_id" if next_external_id is not None else "external_id",
                f"makes a trust policy of {size:,} characters, allowed are {_QUOTA:,}",
            )
        return trust

    @property
    def policy(self) -> dict[str, Any]:
        """The trust policy: one statement, one principal, and an external id that must match."""
        first, *more = self.external_ids
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": self.principal},
                    "Action": "sts:AssumeRole",
                    "Condition": {
                        "StringEquals": {"sts:ExternalId": [first, *more] if more else first}
                    },
                }
            ],
        }
