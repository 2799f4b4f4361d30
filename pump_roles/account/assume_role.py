"""Tries to assume a role: AWS STS accepts the call, the role refuses it, or neither is certain."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from pump_roles.account.errors import (
    ACCESS_DENIED,
    SERVER_ERROR,
    error_code,
    is_code,
    meaning,
    reason_of,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_sts import STSClient

__all__ = ["MINIMUM_SESSION_SECONDS", "SESSION_NAME", "Attempt", "Outcome", "try_to_assume"]

SESSION_NAME: Final = "pump-roles-probe"
"""The session name under which an accepted call appears in the customer's CloudTrail."""

_DENY_ALL: Final = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}],
    }
)
"""The session policy: the credentials of an accepted call have no permissions."""

Outcome = Literal["accepted", "refused", "unknown"]
"""How a call ended. "Refused" means by the role, as far as AWS's response shows."""

MINIMUM_SESSION_SECONDS: Final = 900
"""The minimum session duration of AWS STS, in seconds."""


@dataclass(frozen=True)
class Attempt:
    """How one attempt to assume a role ended.

    :param outcome: whether the call was accepted, refused by the role, or neither for certain.
    :param reason: why the outcome is unknown; empty otherwise.
    """

    outcome: Outcome
    reason: str = ""


def try_to_assume(
    sts: "STSClient", role_arn: str, external_id: str | None, *, hidden: Sequence[str]
) -> Attempt:
    """Try once to assume a role, and discard the credentials.

    :param sts: a client of AWS STS.
    :param role_arn: the role.
    :param external_id: the external ID to pass, if any.
    :param hidden: the external IDs that the reason must not show.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415

    passed: dict[str, Any] = {} if external_id is None else {"ExternalId": external_id}
    try:
        accepted = bool(
            sts.assume_role(
                RoleArn=role_arn,
                RoleSessionName=SESSION_NAME,
                DurationSeconds=MINIMUM_SESSION_SECONDS,
                Policy=_DENY_ALL,
                **passed,
            ).get("Credentials")
        )
    except ClientError as error:
        return _refusal(error, hidden)
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from STS. One role's failure must not
        # hide the results of the others.
        return Attempt("unknown", reason_of(error, sts))
    if not accepted:
        return Attempt("unknown", "the response contains no credentials, so it is not from AWS STS")
    return Attempt("accepted")


def _refusal(error: "ClientError", hidden: Sequence[str]) -> Attempt:
    # Never show AWS's message: it may contain the external ID.
    code = error_code(error)
    if code == ACCESS_DENIED:
        return _denial(str(error.response["Error"].get("Message", "")))
    if known := meaning(error):
        return Attempt("unknown", known)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= SERVER_ERROR:
        return Attempt("unknown", f"AWS STS failed with HTTP status {status}")
    if is_code(code) and not any(part in code for part in hidden):
        return Attempt("unknown", f"AWS STS returned the error {code}")
    return Attempt("unknown", f"AWS STS returned an error with HTTP status {status}")


# Only AWS's message says which policy denied a call. IAM User Guide, "Troubleshoot access denied
# error messages": how it names the kinds of policies, here those that are not the role's own.
_OTHER_POLICIES: Final = {
    "identity-based policy": "the caller's identity-based policies",
    "permissions boundary": "the caller's permissions boundary",
    "session policy": "the caller's session policy",
    "sessions policy": "the caller's session policy",
    "service control policy": "a service control policy of the caller's organization",
    "resource control policy": "a resource control policy of the role's organization",
    "VPC endpoint policy": "the policy of the VPC endpoint",
}
_REFUSED_BY_ROLE: Final = re.compile(
    r"(?:because no|with an explicit deny in (?:an?|the)) role trust policy\b"
    # Not "because no resource-based policy": AWS also says so if the caller's own policies lack it.
    r"|with an explicit deny in (?:an?|the) resource-based policy\b"
)
_REFUSED_BY_OTHER_POLICY: Final = re.compile(
    rf"(?:because no|with an explicit deny in (?:an?|the)) ({'|'.join(_OTHER_POLICIES)})\b"
)
_NAMES_A_POLICY: Final = re.compile("because|explicit|deny|policy|boundary", re.IGNORECASE)
_REMEDY: Final = "probe as a principal that may call sts:AssumeRole with and without an external ID"


def _denial(message: str) -> Attempt:
    if _REFUSED_BY_ROLE.search(message):
        return Attempt("refused")
    policy = _REFUSED_BY_OTHER_POLICY.search(message)
    if policy is not None:
        whose = _OTHER_POLICIES[policy[1]]
        return Attempt("unknown", f"denied by {whose}, not by the role; {_REMEDY}")
    # Any of these words may be part of a role's name.
    if _NAMES_A_POLICY.search(re.sub(r"arn:\S*", "", message)):
        return Attempt("unknown", f"denied by a policy that may not be the role's; {_REMEDY}")
    return Attempt("refused")
