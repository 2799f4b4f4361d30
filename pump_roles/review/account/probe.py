"""Prove whether a customer's role requires its external ID, by trying to assume it.

boto3 is loaded only if needed: :func:`new_external_id` does not need it.
"""

import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from pump_roles._version import __version__
from pump_roles.review.account.clients import Clients, in_threads
from pump_roles.review.account.responses import ACCESS_DENIED, error_code, reason_of
from pump_roles.review.masking import Mask
from pump_roles.validators import EXTERNAL_ID, ROLE_ARN, ArgumentError, Integer

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

SESSION_NAME: Final = "pump-roles-probe"
"""The session name under which an accepted call appears in the customer's CloudTrail."""

_DENY_ALL: Final = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
)
"""The session policy: the credentials of an accepted call have no permissions."""

Outcome = Literal["accepted", "refused", "unknown"]
"""How a call ended. "Refused" means by the role, as far as AWS's response shows."""

MINIMUM_SESSION_SECONDS: Final = 900
"""The minimum session duration of AWS STS, in seconds."""


@dataclass(frozen=True)
class Attempt:
    """How one attempt to assume a role ended."""

    outcome: Outcome
    reason: str = ""


def try_to_assume(
    sts: "STSClient", role_arn: str, external_id: str | None, *, hidden: Sequence[str]
) -> Attempt:
    """Try once to assume a role, and discard the credentials."""
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
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from STS. One role's failure must not
        # hide the results of the others.
        if error_code(error) == ACCESS_DENIED:
            return _denial(error)
        # The code may be the external ID, if the response is not from STS.
        return Attempt("unknown", Mask(frozenset(hidden)).masked(reason_of(error, sts)))
    if not accepted:
        return Attempt("unknown", "the response contains no credentials, so it is not from AWS STS")
    return Attempt("accepted")


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


def _denial(error: Any) -> Attempt:
    # Never show AWS's message: it may contain the external ID.
    message = str(error.response["Error"].get("Message", ""))
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


CONCURRENCY: Final = Integer(1, 32)
"""How many roles can be probed concurrently."""

Verdict = Literal["required", "not-required", "unknown"]
"""Whether a role requires its external ID."""

_RANDOM_BYTES: Final = 16


def new_external_id() -> str:
    """Return a new external ID for a customer: ``pump-`` and 32 hexadecimal digits.

    The digits are 128 bits from the operating system's source of randomness, so no two customers
    get the same ID, and nobody can guess another customer's. The prefix and the fixed length make
    it recognizable to people and to log filters.
    """
    return f"pump-{secrets.token_hex(_RANDOM_BYTES)}"


@dataclass(frozen=True)
class ProbeResult:
    """The result for a role. It contains no external ID.

    :param role_arn: the role.
    :param verdict: whether it requires its external ID.
    :param reason: the reason for the verdict, in words.
    :param with_right_id: how the call with the role's external ID ended.
    :param without_id: how the call without one ended.
    :param with_wrong_id: how the call with a wrong one ended.
    """

    role_arn: str
    verdict: Verdict
    reason: str
    with_right_id: Outcome
    without_id: Outcome
    with_wrong_id: Outcome


@dataclass(frozen=True, kw_only=True)
class ProbeReport:
    """The results for some roles.

    :param schema: the version of the JSON results' schema.
    :param version: the version of this package.
    :param caller: the ARN of the principal that made the calls; empty if AWS STS did not return it.
    :param counts: how many roles have each verdict.
    :param roles: one result for each role, in the order of the input.
    """

    schema: Literal[2] = 2
    version: str = __version__
    caller: str
    counts: Mapping[Verdict, int] = field(init=False)
    roles: tuple[ProbeResult, ...]

    def __post_init__(self) -> None:
        found = Counter(result.verdict for result in self.roles)
        counts = {verdict: found[verdict] for verdict in get_args(Verdict)}
        object.__setattr__(self, "counts", counts)


def conclude(role_arn: str, *, right: Attempt, without: Attempt, wrong: Attempt) -> ProbeResult:
    """Return the result that follows from the three attempts."""
    verdict, reason = _verdict(right, without, wrong)
    return ProbeResult(
        role_arn=role_arn,
        verdict=verdict,
        reason=reason,
        with_right_id=right.outcome,
        without_id=without.outcome,
        with_wrong_id=wrong.outcome,
    )


def probe(role_arn: str, external_id: str, *, sts: "STSClient | None" = None) -> ProbeResult:
    """Prove that a role requires its external ID, or that it does not.

    Calls ``sts:AssumeRole`` three times: with the role's external ID, without one, and with a new
    one that the role cannot know. STS accepts an external ID that a role does not require, so an
    accepted call proves nothing by itself: only the two refused calls do. A session lasts 15
    minutes and has no tags, and its credentials are discarded as soon as they arrive.

    If a response is ambiguous, the verdict is unknown. The same applies to a refusal that AWS
    attributes to a policy other than the role's: a policy, permissions boundary, or session policy
    of the caller, a service or resource control policy, or the policy of a VPC endpoint. A
    principal that may not call ``sts:AssumeRole`` without an external ID, such as a grantee of
    ``CustomerAccess``, therefore cannot prove that the role refuses that call.

    **Limits.** AWS does not always say which policy denied a call; if it does not, the refusal
    counts as the role's. So probe as a principal whose own policies allow ``sts:AssumeRole`` with
    and without an external ID. Only one wrong external ID is tried, so a role that accepts a
    pattern, such as ``StringLike`` with ``Acme-*``, is reported as requiring its own ID.

    :param role_arn: the role's ARN.
    :param external_id: the external ID that the role should require.
    :param sts: a client of AWS STS, in the role's partition. By default, one from
        :func:`sts_client`, with the environment's settings.
    :raises ArgumentError: if an argument is not valid, or the role is in another partition. The
        message does not show the external ID.
    """
    client = sts or sts_client()
    _check(role_arn, external_id, client)
    return _probed(role_arn, external_id, client)


def probe_all(
    roles: Sequence[tuple[str, str]],
    *,
    sts: "STSClient",
    concurrency: int = 8,
    found: Callable[[ProbeResult], object] | None = None,
) -> list[ProbeResult]:
    """Probe several roles at once, and return the results in the order of the roles."""
    CONCURRENCY.check("concurrency", concurrency)
    for role_arn, external_id in roles:
        _check(role_arn, external_id, sts)
    return in_threads(roles, lambda role: _probed(*role, sts), concurrency=concurrency, found=found)


def sts_client(
    *, profile: str | None = None, region: str | None = None, connections: int = 1
) -> "STSClient":
    """Return a client of AWS STS whose calls end within half a minute, even if nothing responds.

    A call that is throttled or fails temporarily is sent at most four times.
    """
    return Clients(
        profile=profile, region=region, connections=connections, read_seconds=5, attempts=4
    ).sts()


def caller_of(sts: "STSClient") -> str:
    """Return the caller's ARN, or an empty string if a policy denies that call."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        return sts.get_caller_identity().get("Arn", "")
    except ClientError as error:
        # Only the policy of a VPC endpoint can deny this call.
        if error_code(error) != ACCESS_DENIED:
            raise
        return ""


def partition_of(role_arn: str) -> str:
    """Return the partition of an ARN, such as ``aws`` or ``aws-us-gov``."""
    return role_arn.split(":")[1]


def _check(role_arn: str, external_id: str, sts: "STSClient") -> None:
    # Do not show the ARN either: it could be an external ID in the wrong place.
    ROLE_ARN.check("role_arn", role_arn, shown=False)
    EXTERNAL_ID.check("external_id", external_id, shown=False)
    here, there = sts.meta.partition, partition_of(role_arn)
    if here != there:
        raise ArgumentError("role_arn", f"is in partition {there}, but the caller is in {here}")


def _probed(role_arn: str, external_id: str, sts: "STSClient") -> ProbeResult:
    wrong_id = new_external_id()
    hidden = (external_id, wrong_id)
    return conclude(
        role_arn,
        right=try_to_assume(sts, role_arn, external_id, hidden=hidden),
        without=try_to_assume(sts, role_arn, None, hidden=hidden),
        wrong=try_to_assume(sts, role_arn, wrong_id, hidden=hidden),
    )


def _verdict(right: Attempt, without: Attempt, wrong: Attempt) -> tuple[Verdict, str]:
    # If a call that must be refused is accepted, the outcomes of the others do not matter.
    wrong_calls = {"without an external ID": without, "with a wrong external ID": wrong}
    accepted = [how for how, attempt in wrong_calls.items() if attempt.outcome == "accepted"]
    if accepted:
        return "not-required", f"can be assumed {' and '.join(accepted)}"
    if (right.outcome, without.outcome, wrong.outcome) == ("accepted", "refused", "refused"):
        return (
            "required",
            "can be assumed with its external ID, but not without one or with a wrong one",
        )
    calls = {"with this external ID": right, "without one": without, "with a wrong one": wrong}
    reasons: dict[str, list[str]] = {}
    for how, attempt in calls.items():
        if attempt.outcome == "unknown":
            reasons.setdefault(attempt.reason, []).append(how)
    parts = [f"{', '.join(hows)}: {reason}" for reason, hows in reasons.items()]
    if right.outcome == "refused":
        refused = (
            "refused. The role requires another external ID, does not trust this caller, or does "
            "not exist, or this caller may not assume it; AWS does not say which"
        )
        parts.insert(0, f"with this external ID: {refused}")
    return "unknown", "; ".join(parts)
