"""Prove whether a customer's role requires its external ID, by trying to assume it."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from botocore.exceptions import ClientError

from pump_roles._version import __version__
from pump_roles.iam.external_ids import ExternalId, TextMask, new_external_id
from pump_roles.inputs.validators import PROBED_ROLE_ARN, ArgumentError, partition_of
from pump_roles.review.account.aws_sdk import (
    ACCESS_DENIED,
    MINIMUM_SESSION_SECONDS,
    Clients,
    error_code,
    reason_of,
)

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

_SESSION_NAME: Final = "pump-roles-probe"
"""The session name under which an accepted call appears in the customer's CloudTrail."""

_DENY_ALL: Final = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
)
"""The session policy: the credentials of an accepted call have no permissions."""

Outcome = Literal["accepted", "refused", "unknown"]
"""How a call ended. "Refused" means by the role, as far as AWS's response shows, or by a policy of
its organization."""

AttemptReason = Literal[
    "",
    "identity-based-policy",
    "permissions-boundary",
    "session-policy",
    "service-control-policy",
    "resource-control-policy",
    "vpc-endpoint-policy",
    "unclear-policy",
    "no-credentials",
    "failed",
]
"""Why it is not known how a call ended, or what refused it instead of the role. The output has
words for each."""

Verdict = Literal["required", "not-required", "unknown"]
"""Whether a role requires its external ID."""


@dataclass(frozen=True)
class ProbeAttempt:
    """How one attempt to assume a role ended.

    Source: AWS Security Token Service API Reference,
    ["AssumeRole"](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).

    :param outcome: ``accepted``; ``refused`` by the role, or by a resource control policy of its
        organization; or ``unknown``.
    :param reason: ``resource-control-policy`` if that refused the call; if the outcome is unknown,
        why: the kind of policy that denied the call and is not the role's; ``unclear-policy`` if
        AWS does not say whose it is; ``no-credentials`` if the response has none; or ``failed``.
        Otherwise empty.
    :param detail: why the call failed; empty otherwise.
    """

    outcome: Outcome
    reason: AttemptReason = ""
    detail: str = ""


@dataclass(frozen=True)
class ProbeResult:
    """The result for a role. It contains no external ID.

    Source: IAM User Guide, ["Access to AWS accounts owned by third
    parties"](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html).

    :param role_arn: the role.
    :param verdict: whether it requires its external ID.
    :param with_right_id: how the call with the role's external ID ended.
    :param without_id: how the call without one ended.
    :param with_wrong_id: how the call with a wrong one ended.
    """

    role_arn: str
    verdict: Verdict = field(init=False)
    with_right_id: ProbeAttempt
    without_id: ProbeAttempt
    with_wrong_id: ProbeAttempt

    def __post_init__(self) -> None:
        right, *others = self.with_right_id, self.without_id, self.with_wrong_id
        verdict: Verdict = "unknown"
        # If a call that must be refused is accepted, the outcomes of the others do not matter.
        if any(attempt.outcome == "accepted" for attempt in others):
            verdict = "not-required"
        elif right.outcome == "accepted" and all(other.outcome == "refused" for other in others):
            verdict = "required"
        object.__setattr__(self, "verdict", verdict)


@dataclass(frozen=True, kw_only=True)
class ProbeReport:
    """The results for some roles.

    :param schema: the version of the JSON results' schema.
    :param version: the version of this package.
    :param caller: the ARN of the principal that made the calls; empty if AWS STS did not return it.
    :param counts: how many roles have each verdict.
    :param roles: one result for each role, in the order of the input.
    """

    schema: Literal[4] = 4
    version: str = __version__
    caller: str
    counts: Mapping[Verdict, int] = field(init=False)
    roles: tuple[ProbeResult, ...]

    def __post_init__(self) -> None:
        numbers = Counter(result.verdict for result in self.roles)
        counts = {verdict: numbers[verdict] for verdict in get_args(Verdict)}
        object.__setattr__(self, "counts", counts)


def probe(role_arn: str, external_id: str, *, sts: "STSClient | None" = None) -> ProbeResult:
    """Prove that a role requires its external ID, or that it does not.

    Calls ``sts:AssumeRole`` three times: with the role's external ID, without one, and with a new
    one that the role cannot know. STS accepts an external ID that a role does not require, so an
    accepted call proves nothing by itself: only the two refused calls do. A session lasts 15
    minutes and has no tags, and its credentials are discarded as soon as they arrive.

    If a response is ambiguous, the verdict is unknown. The same applies to a refusal that AWS
    attributes to a policy on the caller's side: a policy, permissions boundary, or session policy
    of the caller, a service control policy, or the policy of a VPC endpoint. A resource control
    policy is on the role's side. If one refuses a call without an external ID, as that of
    ``TrustProtection`` does, the role cannot be assumed without one. If one refuses the right
    external ID, it may be a data perimeter that does not except the caller's account. A
    principal that may not call ``sts:AssumeRole`` without an external ID, such as a grantee of
    ``CustomerRoles``, therefore cannot prove that the role refuses that call.

    **Limits.** AWS does not always say which policy denied a call; if it does not, the refusal
    counts as the role's. So probe as a principal whose own policies allow ``sts:AssumeRole`` with
    and without an external ID. Only one wrong external ID is tried, so a role that accepts a
    pattern, such as ``StringLike`` with ``Acme-*``, is reported as requiring its own ID.

    Source: AWS Security Token Service API Reference,
    ["AssumeRole"](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).

    :param role_arn: the role's ARN.
    :param external_id: the external ID that the role should require, 2 to 1,224 characters.
    :param sts: a client of AWS STS, in the role's partition. By default, one from
        :func:`sts_client`, with the environment's settings.
    :raises ArgumentError: if an argument is not valid, or the role is in another partition. The
        message does not show the external ID.
    """
    # Do not show the ARN either: it could be an external ID in the wrong place.
    PROBED_ROLE_ARN.check("role_arn", role_arn)
    required = ExternalId.provided("external_id", external_id)
    return prove(role_arn, required, sts=sts or sts_client())


def prove(role_arn: str, external_id: ExternalId, *, sts: "STSClient") -> ProbeResult:
    """Prove the same with an external ID that is checked."""
    if (there := partition_of(role_arn)) != sts.meta.partition:
        problem = f"is in partition {there}, but the caller is in {sts.meta.partition}"
        raise ArgumentError("role_arn", problem)
    wrong_id = ExternalId.of(new_external_id())
    mask = TextMask([external_id, wrong_id])
    right, without, wrong = (
        _try_to_assume(sts, role_arn, id_, mask) for id_ in (external_id, None, wrong_id)
    )
    return ProbeResult(role_arn, with_right_id=right, without_id=without, with_wrong_id=wrong)


def sts_client(*, profile: str | None = None, region: str | None = None) -> "STSClient":
    """Return a client of AWS STS whose calls end within half a minute, even if nothing responds.

    A call that is throttled or fails temporarily is sent at most four times. After three calls in a
    row without a response, the client sends no other.
    """
    return Clients(profile=profile, region=region, read_seconds=5, attempts=4).sts()


def read_caller(sts: "STSClient") -> str:
    """Return the caller's ARN, or an empty string if a policy denies that call."""
    try:
        return sts.get_caller_identity().get("Arn", "")
    except ClientError as error:
        # Only the policy of a VPC endpoint can deny this call.
        if error_code(error) != ACCESS_DENIED:
            raise
        return ""


def _try_to_assume(
    sts: "STSClient", role_arn: str, external_id: ExternalId | None, mask: TextMask
) -> ProbeAttempt:
    passed: dict[str, Any] = {}
    if external_id is not None:
        passed["ExternalId"] = external_id.reveal()
    try:
        # The credentials are discarded.
        accepted = bool(
            sts.assume_role(
                RoleArn=role_arn,
                RoleSessionName=_SESSION_NAME,
                DurationSeconds=MINIMUM_SESSION_SECONDS,
                Policy=_DENY_ALL,
                **passed,
            ).get("Credentials")
        )
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from STS. One role's failure must not
        # hide the results of the others.
        if isinstance(error, ClientError) and error_code(error) == ACCESS_DENIED:
            return _read_denial(str(error.response["Error"].get("Message", "")))
        # The code may be the external ID, if the response is not from STS.
        return ProbeAttempt("unknown", "failed", mask.masked(reason_of(error, sts)))
    return ProbeAttempt("accepted") if accepted else ProbeAttempt("unknown", "no-credentials")


# Only AWS's message says which policy denied a call. IAM User Guide, "Troubleshoot access denied
# error messages": how it names the kinds of policies, here those that are not the role's own.
_OTHER_POLICIES: Final[Mapping[str, AttemptReason]] = {
    "identity-based policy": "identity-based-policy",
    "permissions boundary": "permissions-boundary",
    "session policy": "session-policy",
    "sessions policy": "session-policy",
    "service control policy": "service-control-policy",
    "resource control policy": "resource-control-policy",
    "VPC endpoint policy": "vpc-endpoint-policy",
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


def _read_denial(message: str) -> ProbeAttempt:
    # Never show AWS's message: it may contain the external ID.
    if _REFUSED_BY_ROLE.search(message):
        return ProbeAttempt("refused")
    if policy := _REFUSED_BY_OTHER_POLICY.search(message):
        reason = _OTHER_POLICIES[policy[1]]
        # It is a policy of the role's organization, for whoever calls.
        is_on_role = reason == "resource-control-policy"
        return ProbeAttempt("refused" if is_on_role else "unknown", reason)
    # Any of these words may be part of a role's name.
    if _NAMES_A_POLICY.search(re.sub(r"arn:\S*", "", message)):
        return ProbeAttempt("unknown", "unclear-policy")
    return ProbeAttempt("refused")
