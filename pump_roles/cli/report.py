"""``pump-roles report``: what the roles may do."""

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from stat import S_IFDIR, S_IFMT, S_IFREG
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from pump_roles.cli.common import DIFFERENT, fail, one_line

if TYPE_CHECKING:
    from pump_roles.report import Report
    from pump_roles.report.model import Change
    from pump_roles.report.state import Earlier

__all__ = ["FailOn", "report"]

ReportFormat = Literal["html", "markdown", "summary", "csv", "json"]


class FailOn(str, Enum):
    """What a report must not have. Typer accepts no list of literals."""

    ALARM = "alarm"
    BROADENED = "broadened"


_EXTENSIONS: Final[dict[str, ReportFormat]] = {
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".csv": "csv",
    ".json": "json",
}


_READ: Final = (".json", ".template", ".yaml", ".yml")
"""The extensions of what ``report`` may read in a folder."""


def _named_path(value: str) -> Path:
    # Path("") would be the current folder.
    if not value:
        raise typer.BadParameter("must not be empty")
    return Path(value)


def report(
    path: Annotated[
        Path | None,
        typer.Argument(
            parser=_named_path,
            metavar="path",
            help="A synthesized template, or a folder such as cdk.out. By default the published "
            "roles.",
        ),
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            parser=_named_path,
            metavar="<path>",
            help="The file to write. By default, standard output.",
        ),
    ] = None,
    format: Annotated[
        ReportFormat | None,
        typer.Option(
            help="Defaults to the file extension's format, or Markdown. The summary is Markdown "
            "that fits a ticket or a pull request comment."
        ),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(
            parser=_named_path,
            metavar="<path>",
            help="An earlier JSON report of this command, to show what has changed since. By "
            "default, the report is not compared with an earlier one.",
        ),
    ] = None,
    fail_on: Annotated[
        list[FailOn] | None,
        typer.Option(
            metavar="<alarm|broadened>",
            help="Exit with status 3, after writing the report, if it has an alarm, or if a change "
            "since the earlier report broadens the roles or may broaden them. May be repeated.",
        ),
    ] = None,
) -> None:
    """Show what the roles may do, action by action: your templates' roles, or the published ones.

    The actions are those of the catalog that comes with the package; the report says its date.
    External IDs are not part of the report.

    Exit status: 0 if the report is written; 3 if it is written and a --fail-on condition is met; 1
    if the input cannot be read or the report cannot be written; 2 for a usage error.
    """
    fatal = fail_on or []
    if FailOn.BROADENED in fatal and since is None:
        raise typer.BadParameter("--fail-on broadened requires --since")
    chosen = format or ("markdown" if output is None else _EXTENSIONS.get(output.suffix.lower()))
    if chosen is None:
        raise typer.BadParameter(one_line(f"{output}: unknown extension; pass --format"))
    if output is not None and _is_input(output, path, since):
        raise typer.BadParameter(one_line(f"{output}: would overwrite an input"))
    if path is not None and _mode(path) not in (None, S_IFREG, S_IFDIR):
        fail(f"{path}: is neither a file nor a folder", 1)
    found = _report(path, since)
    written = _written(found, chosen).encode("utf-8", "backslashreplace")
    try:
        _write(written, output)
    except OSError as error:
        fail(f"{output or 'standard output'}: cannot be written: {error.strerror}", 1)
    reasons = list(_reasons(found, fatal))
    if reasons:
        fail(" ".join(f"{reason}." for reason in reasons), DIFFERENT)


def _report(path: Path | None, since: Path | None) -> "Report":
    from pump_roles.report import of_published, of_templates  # noqa: PLC0415
    from pump_roles.templates import InputError  # noqa: PLC0415

    try:
        earlier = None if since is None else _earlier(since)
        return of_published(since=earlier) if path is None else of_templates(path, since=earlier)
    except InputError as error:
        fail(str(error), 1)


def _written(found: "Report", chosen: ReportFormat) -> str:
    if chosen == "html":
        from pump_roles.report.page import as_html  # noqa: PLC0415

        return as_html(found)
    from pump_roles.report.formats import as_csv, as_json  # noqa: PLC0415
    from pump_roles.report.markdown import as_markdown, as_summary  # noqa: PLC0415

    formats = {"markdown": as_markdown, "summary": as_summary, "csv": as_csv, "json": as_json}
    return formats[chosen](found)


def _write(written: bytes, output: Path | None) -> None:
    if output is not None:
        output.write_bytes(written)
        return
    if sys.stdout is None:
        # It is closed. Typer would write nothing, and say nothing.
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    typer.echo(written, nl=False)


def _reasons(found: "Report", fatal: Sequence[FailOn]) -> Iterator[str]:
    if FailOn.ALARM in fatal and found.alarms:
        noun = "alarm" if found.alarms == 1 else "alarms"
        titles = (finding.title for finding in found.findings if finding.is_alarm)
        yield _line(f"{found.alarms} {noun}: {'; '.join(titles)}")
    broader = [change for change in found.changes if change.may_broaden]
    if FailOn.BROADENED in fatal and found.since is not None and broader:
        what = (
            "1 change broadens or may broaden"
            if len(broader) == 1
            else f"{len(broader)} changes broaden or may broaden"
        )
        rest = f"; {len(broader) - 1} more" if len(broader) > 1 else ""
        first = f"{_line(_described(broader[0]))}{rest}"
        yield f"{what} the roles since {_line(found.since.file)}: {first}"


def _described(change: "Change") -> str:
    return f"{change.role}: {change.what}" if change.role else change.what


def _line(text: str) -> str:
    # A name in a template can have a line break.
    return " ".join(text.split()).rstrip(".")


def _is_input(output: Path, path: Path | None, since: Path | None) -> bool:
    if any(_is_same(output, read) for read in (path, since) if read is not None):
        return True
    # Either end of a link counts.
    outputs = (output.absolute(), output.resolve())
    readable = any(file.suffix.lower() in _READ for file in outputs)
    if path is None or not readable or _mode(output) != S_IFREG:
        return False
    if path.is_dir():
        # Stages have folders of their own in it.
        inside = any(_is_same(folder, path) for file in outputs for folder in file.parents)
    else:
        # What is nested in a template is next to it.
        folders = (path.absolute().parent, path.resolve().parent)
        inside = any(_is_same(file.parent, folder) for file in outputs for folder in folders)
    return inside and not _is_report(output)


def _is_same(file: Path, other: Path) -> bool:
    try:
        return file.samefile(other)
    except (OSError, ValueError):
        return False


def _is_report(file: Path) -> bool:
    from pump_roles.templates import InputError, read_json  # noqa: PLC0415

    try:
        content, _ = read_json(file, "a pump-roles JSON report")
    except InputError:
        return False
    return isinstance(content, dict) and {"schema", "statements"} <= content.keys()


def _mode(path: Path) -> int | None:
    # What kind of file it is; none if there is no such file.
    try:
        return S_IFMT(path.stat().st_mode)
    except (OSError, ValueError):
        return None


def _earlier(file: Path) -> "Earlier":
    from pump_roles.report import earlier_report  # noqa: PLC0415
    from pump_roles.templates import InputError, read_json  # noqa: PLC0415
    from pump_roles.templates.files import digest  # noqa: PLC0415

    earlier, content = read_json(file, "a pump-roles JSON report")
    try:
        # Only the file's own name: the report must not depend on the machine.
        return earlier_report(earlier, file=file.name, sha256=digest(content))
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
