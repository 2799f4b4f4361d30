"""Whether roles require their external ID, as a document."""

from collections.abc import Mapping
from typing import Final

from pump_roles.review.account.probe import ProbeReport, Verdict
from pump_roles.review.output.document import Code, Document, Section, Strong, Tone, table_of
from pump_roles.review.output.texts import say, text_of

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
