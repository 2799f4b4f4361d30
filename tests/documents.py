"""Results in each format, as the commands write them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pump_roles.review.account.activity_result import Activity
from pump_roles.review.account.probe import ProbeReport
from pump_roles.review.account.verification import Verification
from pump_roles.review.output import (
    Presentation,
    activity_sections,
    probe_sections,
    report_actions,
    report_sections,
    verify_sections,
)
from pump_roles.review.output.messages import to_json
from pump_roles.review.output.page import as_html
from pump_roles.review.output.terminal import to_terminal
from pump_roles.review.output.writers import to_csv, to_markdown
from pump_roles.review.report import Report

_PRESENTATIONS: Final[Mapping[type, Callable[..., Presentation]]] = {
    Report: report_sections.presentation_of,
    Verification: verify_sections.presentation_of,
    Activity: activity_sections.presentation_of,
    ProbeReport: probe_sections.presentation_of,
}


def presentation_of(result: Any, **options: bool) -> Presentation:
    """Return a result as a presentation."""
    return _PRESENTATIONS[type(result)](result, **options)


def written(result: Any, chosen: str, *, every_action: bool = False) -> str:
    """Return a result in a format."""
    if every_action:
        return to_markdown(report_sections.presentation_of(result, every_action=True), None)
    writers: Mapping[str, Callable[[], str]] = {
        "json": lambda: to_json(result),
        "html": lambda: as_html(result),
        "csv": lambda: to_csv(report_actions.rows_of(result)),
        "table": lambda: to_terminal(presentation_of(result), styled=False),
        "markdown": lambda: to_markdown(presentation_of(result)),
    }
    return writers[chosen]()
