"""How AWS STS answers a call that assumes a role: accepted, refused by the role, or neither."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from pump_roles.account.errors import (
    ACCESS_DENIED,
    REASONS,
    SERVER_ERROR,
    error_code,
    failure,
    is_code,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_sts import STSClient

__all__ = ["SESSION_NAME", "SHORTEST_SESSION", "Answer", "Outcome", "answer_of"]

SESSION_NAME: Final = "pump-roles-probe"
"""The session name, by which an accepted call appears in the customer's CloudTrail."""

_NOTHING: Final = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}],
    }
)
"""The session policy: the credentials of an accepted call are good for nothing."""

Outcome = Literal["accepted", "refused", "unknown"]
"""How a call ended. "Refused" means by the role, as far as AWS's answer shows."""

SHORTEST_SESSION: Final = 900
"""The shortest session that AWS STS has, in seconds."""


@dataclass(frozen=True)
class Answer:
    """How one call ended.

    :param outcome: whether it was accepted, refused by the role, or neither.
    :param reason: why it is neither; empty otherwise.
    """

    outcome: Outcome
    reason: str = ""


def answer_of(
    sts: "STSClient", role_arn: str, external_id: str | None, *, hidden: Sequence[str]
) -> Answer:
    """Try once to assume a role, and return how the call ended. The credentials are discarded.

    :param sts: a client of AWS STS.
    :param role_arn: the role.
    :param external_id: the external ID to pass, if any.
    :param hidden: the external IDs that the reason must not show.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    passed: dict[str, Any] = {} if external_id is None else {"ExternalId": external_id}
    try:
        accepted = bool(
            sts.assume_role(
                RoleArn=role_arn,
                RoleSessionName=SESSION_NAME,
                DurationSeconds=SHORTEST_SESSION,
                Policy=_NOTHING,
                **passed,
            ).get("Credentials")
        )
    except ClientError as error:
        return _refusal(error, hidden)
    except BotoCoreError as error:
        return Answer("unknown", failure(error, sts.meta.endpoint_url))
    except Exception as error:  # noqa: BLE001
        # If the answer is not from STS, botocore can raise anything. One role's failure must not
        # hide the results of the others.
        return Answer("unknown", f"the response cannot be parsed ({type(error).__name__})")
    if not accepted:
        return Answer("unknown", "the response contains no credentials, so it is not from AWS STS")
    return Answer("accepted")


def _refusal(error: "ClientError", hidden: Sequence[str]) -> Answer:
    # AWS's message is evaluated but never shown: it may contain the external ID.
    code = error_code(error)
    if code == ACCESS_DENIED:
        return _denial(str(error.response["Error"].get("Message", "")))
    if code in REASONS:
        return Answer("unknown", REASONS[code])
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= SERVER_ERROR:
        return Answer("unknown", f"AWS STS failed with HTTP status {status}")
    if is_code(code) and not any(part in code for part in hidden):
        return Answer("unknown", f"AWS STS returned the error {code}")
    return Answer("unknown", f"AWS STS returned an error with HTTP status {status}")


# IAM User Guide, "Troubleshoot access denied error messages": how AWS names the kinds of policies,
# here those that are not the role's own.
_NOT_THE_ROLES: Final = {
    "identity-based policy": "the caller's identity-based policies",
    "permissions boundary": "the caller's permissions boundary",
    "session policy": "the caller's session policy",
    "sessions policy": "the caller's session policy",
    "service control policy": "a service control policy of the caller's organization",
    "resource control policy": "a resource control policy of the role's organization",
    "VPC endpoint policy": "the policy of the VPC endpoint",
}
_THE_ROLES: Final = re.compile(
    r"(?:because no|with an explicit deny in (?:an?|the)) role trust policy\b"
    # Not "because no resource-based policy": AWS also says so if the caller's own policies lack it.
    r"|with an explicit deny in (?:an?|the) resource-based policy\b"
)
_POLICY: Final = re.compile(
    rf"(?:because no|with an explicit deny in (?:an?|the)) ({'|'.join(_NOT_THE_ROLES)})\b"
)
_NAMES_A_POLICY: Final = re.compile("because|explicit|deny|policy|boundary", re.IGNORECASE)
_CURE: Final = "probe as a principal that may call sts:AssumeRole with and without an external ID"


def _denial(message: str) -> Answer:
    if _THE_ROLES.search(message):
        return Answer("refused")
    policy = _POLICY.search(message)
    if policy is not None:
        whose = _NOT_THE_ROLES[policy[1]]
        return Answer("unknown", f"denied by {whose}, not by the role; {_CURE}")
    # Any of these words may be part of a role's name.
    if _NAMES_A_POLICY.search(re.sub(r"arn:\S*", "", message)):
        return Answer("unknown", f"denied by a policy that may not be the role's; {_CURE}")
    return Answer("refused")
