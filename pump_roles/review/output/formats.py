"""A result, in one of the formats of the command line."""

from importlib import import_module
from typing import Any, Final, Literal

Format = Literal["table", "markdown", "json", "csv", "html"]

_WRITERS: Final = {
    ("Report", "markdown"): "report_markdown.as_markdown",
    ("Report", "csv"): "report_csv.as_csv",
    ("Report", "html"): "page.as_html",
    ("Verification", "table"): "verify_table.as_table",
    ("Verification", "markdown"): "verify_markdown.as_markdown",
    ("Activity", "table"): "activity_formats.as_table",
    ("Activity", "markdown"): "activity_formats.as_markdown",
    ("Statuses", "table"): "rollout_formats.as_table",
    ("ProbeReport", "table"): "probe_table.as_table",
}


def written(
    result: object, chosen: Format, *, styled: bool = False, every_action: bool = False
) -> str:
    """Return a result in a format: table, markdown, json, csv, or html."""
    key = (type(result).__name__, chosen)
    if key not in _WRITERS and chosen != "json":
        raise NotImplementedError
    # Each module loads what only its command needs.
    name, function = _WRITERS.get(key, "json_documents.as_json").split(".")
    writer: Any = getattr(import_module(f"pump_roles.review.output.{name}"), function)
    options = {"every_action": every_action} if key == ("Report", "markdown") else {}
    if chosen == "table" and key[0] != "ProbeReport":
        options = {"styled": styled}
    text: str = writer(
        getattr(result, "roles", result) if name == "probe_table" else result, **options
    )
    return text
