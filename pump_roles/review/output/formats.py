"""Every result in every format. Only what a result and its format need is loaded."""

from importlib import import_module
from typing import TYPE_CHECKING, Final, Literal

from pump_roles.review.output.document import Document
from pump_roles.review.output.json_documents import as_json
from pump_roles.review.output.writers import LIMIT, to_csv, to_markdown
from pump_roles.review.report import Report

if TYPE_CHECKING:
    from pump_roles.review.output.json_documents import Result

Format = Literal["table", "markdown", "json", "csv", "html"]

_SECTIONS: Final = {
    "Report": "report_sections",
    "Verification": "verify_sections",
    "Activity": "activity_sections",
    "Statuses": "rollout_sections",
    "ProbeReport": "probe_sections",
}
"""The module that makes a document of a result, by the name of its type."""


def written(
    result: "Result", chosen: Format, *, styled: bool = False, every_action: bool = False
) -> str:
    """Return a result in a format.

    :param styled: whether a table may have colors, because it is for standard output.
    :param every_action: whether the Markdown of a report lists every action, and is not cut.
    """
    if chosen == "json":
        return as_json(result)
    if isinstance(result, Report) and chosen == "html":
        from pump_roles.review.output.page import as_html  # noqa: PLC0415

        return as_html(result)
    if isinstance(result, Report) and chosen == "csv":
        from pump_roles.review.output.report_sections import rows_of  # noqa: PLC0415

        return to_csv(rows_of(result))
    if chosen == "table":
        from pump_roles.review.output.terminal import to_terminal  # noqa: PLC0415

        return to_terminal(document_of(result), styled=styled)
    if every_action:
        return to_markdown(document_of(result, every_action=True), None)
    return to_markdown(document_of(result), LIMIT)


def document_of(result: "Result", **options: bool) -> Document:
    """Return a result as a document."""
    module = import_module(f"{__package__}.{_SECTIONS[type(result).__name__]}")
    found: Document = module.document_of(result, **options)
    return found
