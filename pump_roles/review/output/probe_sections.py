"""Whether roles require their external ID, as a document."""

from collections.abc import Mapping
from typing import Final

from pump_roles.review.account.probe import ProbeAttempt, ProbeReport, ProbeResult, Verdict
from pump_roles.review.output.document import Code, Document, Section, Strong, Tone, table_of
from pump_roles.review.output.texts import TEXTS, say, text_of

_TONES: Final[Mapping[Verdict, Tone]] = {
    "not-required": "bad",
    "unknown": "unsure",
    "required": "good",
}
"""What each verdict means. What needs attention comes first."""


def document_of(report: ProbeReport) -> Document:
    """Return the document: first what needs attention."""
    roles = sorted(report.roles, key=lambda result: [*_TONES].index(result.verdict))
    table = table_of(
        "probe_heads",
        roles,
        verdict=lambda result: Strong(text_of("verdicts", result.verdict), _TONES[result.verdict]),
        reason=describe_reason,
    )
    counts = ", ".join(
        f"{report.counts[verdict]:,} {text_of('verdicts', verdict)}"
        for verdict in _TONES
        if report.counts[verdict]
    )
    about = ((say("probe.caller"), " ", Code(report.caller)),) if report.caller else ()
    return Document(
        say("probe.title"),
        report.version,
        summary=(Strong(say("probe.counts", counts=counts)),),
        about=about,
        sections=(Section(say("probe.roles"), (table,)),),
    )


def describe_reason(result: ProbeResult) -> str:
    """Return the reason for a verdict."""
    attempts = (result.with_right_id, result.without_id, result.with_wrong_id)
    right = say("probe_reasons.right")
    names = (right, say("probe_reasons.no_id"), say("probe_reasons.wrong"))
    if result.verdict == "required":
        refused = [call for call, attempt in zip(names, attempts, strict=True) if attempt.reason]
        if refused:
            by_policy = say("differences.and").join(refused)
            return say("probe_reasons.required_by_policy", calls=by_policy)
        return say("probe_reasons.required")
    if result.verdict == "not-required":
        wrong_calls = (say("probe_reasons.without"), say("probe_reasons.with_wrong"))
        calls = zip(wrong_calls, attempts[1:], strict=True)
        accepted = [call for call, attempt in calls if attempt.outcome == "accepted"]
        return say("probe_reasons.not-required", calls=say("differences.and").join(accepted))
    calls_by_reason: dict[str, list[str]] = {}
    if result.with_right_id.outcome == "refused":
        why = _describe_attempt(result.with_right_id) or say("probe_reasons.refused")
        calls_by_reason[why] = [right]
    for call, attempt in zip(names, attempts, strict=True):
        if attempt.outcome == "unknown":
            calls_by_reason.setdefault(_describe_attempt(attempt), []).append(call)
    return "; ".join(
        say("probe_reasons.calls", calls=", ".join(calls), reason=reason)
        for reason, calls in calls_by_reason.items()
    )


def _describe_attempt(attempt: ProbeAttempt) -> str:
    if attempt.reason == "no-credentials":
        return say("probe_reasons.no_credentials")
    if attempt.reason in TEXTS["probe_policies"]:
        policy = text_of("probe_policies", attempt.reason)
        if attempt.outcome == "refused":
            return say("probe_reasons.perimeter", policy=policy)
        return say("probe_reasons.denied", policy=policy)
    return attempt.detail
