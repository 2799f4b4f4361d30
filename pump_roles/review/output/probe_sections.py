"""Whether roles require their external ID, as a presentation."""

from collections.abc import Mapping
from typing import Final

from pump_roles.review.account.probe import (
    AttemptReason,
    ProbeAttempt,
    ProbeReport,
    ProbeResult,
    Verdict,
)
from pump_roles.review.output import (
    Code,
    Presentation,
    Section,
    Strong,
    Tone,
    table_of,
)

_VERDICTS: Final[Mapping[Verdict, tuple[str, Tone]]] = {
    "not-required": ("not required", "bad"),
    "unknown": ("unknown", "unsure"),
    "required": ("required", "good"),
}
"""What each verdict means. What needs attention comes first."""


def presentation_of(report: ProbeReport) -> Presentation:
    """Return the presentation: first what needs attention."""
    roles = sorted(report.roles, key=lambda result: [*_VERDICTS].index(result.verdict))
    table = table_of(
        {
            "external ID": lambda result: Strong(*_VERDICTS[result.verdict]),
            "role": lambda result: Code(result.role_arn),
            "why": describe_reason,
        },
        roles,
    )
    counts = ", ".join(
        f"{report.counts[verdict]:,} {text}"
        for verdict, (text, _) in _VERDICTS.items()
        if report.counts[verdict]
    )
    about = (("Called by ", Code(report.caller)),) if report.caller else ()
    return Presentation(
        "Whether roles require their external ID",
        report.version,
        summary=(Strong(f"External ID: {counts}."),),
        about=about,
        all_sections=(Section("Roles", (table,)),),
    )


def describe_reason(result: ProbeResult) -> str:
    """Return the reason for a verdict."""
    attempts = (result.with_right_id, result.without_id, result.with_wrong_id)
    right = "with this external ID"
    names = (right, "without one", "with a wrong one")
    if result.verdict == "required":
        refused = [call for call, attempt in zip(names, attempts, strict=True) if attempt.reason]
        proven = "can be assumed with its external ID, but not without one or with a wrong one"
        if refused:
            return (
                f"{proven}: {' and '.join(refused)}, a resource control policy of its organization "
                "denied it, so whether the role does, too, is not known"
            )
        return proven
    if result.verdict == "not-required":
        wrong_calls = ("without an external ID", "with a wrong external ID")
        calls = zip(wrong_calls, attempts[1:], strict=True)
        accepted = [call for call, attempt in calls if attempt.outcome == "accepted"]
        return f"can be assumed {' and '.join(accepted)}"
    calls_by_reason: dict[str, list[str]] = {}
    if result.with_right_id.outcome == "refused":
        why = _describe_attempt(result.with_right_id) or (
            "refused. The role requires another external ID, does not trust this caller, or does "
            "not exist, or this caller may not assume it; AWS does not say which"
        )
        calls_by_reason[why] = [right]
    for call, attempt in zip(names, attempts, strict=True):
        if attempt.outcome == "unknown":
            calls_by_reason.setdefault(_describe_attempt(attempt), []).append(call)
    return "; ".join(f"{', '.join(calls)}: {reason}" for reason, calls in calls_by_reason.items())


def _describe_attempt(attempt: ProbeAttempt) -> str:
    if attempt.reason == "no-credentials":
        return "the response contains no credentials, so it is not from AWS STS"
    if attempt.reason not in _POLICIES:
        return attempt.detail
    denied = f"denied by {_POLICIES[attempt.reason]}"
    if attempt.outcome == "refused":
        return (
            f"{denied}. If that is a data perimeter, the customer must except this caller's "
            "account in it (aws:PrincipalAccount)"
        )
    return (
        f"{denied}; probe as a principal that may call sts:AssumeRole with and without an external "
        "ID"
    )


_POLICIES: Final[Mapping[AttemptReason, str]] = {
    "identity-based-policy": "the caller's identity-based policies, not by the role",
    "permissions-boundary": "the caller's permissions boundary, not by the role",
    "session-policy": "the caller's session policy, not by the role",
    "service-control-policy": (
        "a service control policy of the caller's organization, not by the role"
    ),
    "resource-control-policy": (
        "a resource control policy of the role's organization, not by the role"
    ),
    "vpc-endpoint-policy": "the policy of the VPC endpoint, not by the role",
    "unclear-policy": "a policy that may not be the role's",
}
