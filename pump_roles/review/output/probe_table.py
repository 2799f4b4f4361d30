"""The results of ``probe`` for a terminal."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pump_roles.review.account.probe import ProbeAttempt, ProbeResult, Reason, Verdict
from pump_roles.review.output.terminal import Line, in_lines

_SHOWN: Final[dict[Verdict, tuple[str, str]]] = {
    "not-required": ("not required", "bold red"),
    "unknown": ("unknown", "yellow"),
    "required": ("required", "green"),
}
"""How each verdict is shown. What needs attention comes first."""

_POLICIES: Final[Mapping[Reason, str]] = {
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
"""What denied a call, if that proves nothing about the role."""

_REMEDY: Final = "probe as a principal that may call sts:AssumeRole with and without an external ID"
_REFUSED: Final = (
    "refused. The role requires another external ID, does not trust this caller, or does not "
    "exist, or this caller may not assume it; AWS does not say which"
)


def reason_in_words(result: ProbeResult) -> str:
    """Return the reason for a verdict."""
    if result.verdict == "required":
        return "can be assumed with its external ID, but not without one or with a wrong one"
    if result.verdict == "not-required":
        wrong_calls = {
            "without an external ID": result.without_id,
            "with a wrong external ID": result.with_wrong_id,
        }
        accepted = [call for call, attempt in wrong_calls.items() if attempt.outcome == "accepted"]
        return f"can be assumed {' and '.join(accepted)}"
    calls = {
        "with this external ID": result.with_right_id,
        "without one": result.without_id,
        "with a wrong one": result.with_wrong_id,
    }
    by_reason: dict[str, list[str]] = {}
    if result.with_right_id.outcome == "refused":
        by_reason[_REFUSED] = ["with this external ID"]
    for call, attempt in calls.items():
        if attempt.outcome == "unknown":
            by_reason.setdefault(_unknown_in_words(attempt), []).append(call)
    return "; ".join(f"{', '.join(calls)}: {reason}" for reason, calls in by_reason.items())


def _unknown_in_words(attempt: ProbeAttempt) -> str:
    if attempt.reason == "no-credentials":
        return "the response contains no credentials, so it is not from AWS STS"
    if attempt.reason in _POLICIES:
        return f"denied by {_POLICIES[attempt.reason]}; {_REMEDY}"
    return attempt.detail


def as_table(results: Sequence[ProbeResult]) -> str:
    """Return the results, one line for each role: first what needs attention, last the counts."""
    return in_lines(_lines(results), styled=True)


def _lines(results: Sequence[ProbeResult]) -> Iterator[Line]:
    width = max(len(result.role_arn) for result in results)
    for verdict, (label, style) in _SHOWN.items():
        for result in results:
            if result.verdict == verdict:
                about = f" {result.role_arn:<{width}}  {reason_in_words(result)}"
                yield Line(label=f"{label:<12}", style=style, text=about)
    found = Counter(result.verdict for result in results)
    counts = [
        f"{found[verdict]:,} {label}" for verdict, (label, _) in _SHOWN.items() if found[verdict]
    ]
    yield Line(text=f"external ID: {', '.join(counts)}")
