"""What a report can be compared with: an earlier report, its page, or templates."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pump_roles.json_input import InputError, read_json
from pump_roles.output.json_documents import embedded_in, report_from
from pump_roles.report import Earlier, Report, earlier_of, of_templates
from pump_roles.templates.files import digest

__all__ = ["read_baseline"]

_KIND: Final = "a pump-roles report, a page of one, a template, or a folder of templates"


def read_baseline(path: Path) -> Earlier:
    """Read what a later report is compared with. Its content says what it is, not its name.

    :param path: a JSON report, the page of a report, a template, or a folder of templates.
    :raises InputError: if it cannot be read, or is something else.
    """
    try:
        if path.is_dir():
            return _of_templates(path)
        page = path.read_bytes() if path.is_file() else b""
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    embedded = embedded_in(page)
    if embedded is not None:
        return _of_report(path, embedded, page)
    content, written = read_json(path, _KIND)
    if isinstance(content, dict) and "Resources" in content:
        return _of_templates(path)
    if isinstance(content, dict) and "schema" in content:
        return _of_report(path, content, written)
    raise InputError(f"{path}: is not {_KIND}")


def _of_report(path: Path, content: Any, written: bytes) -> Earlier:
    try:
        report = report_from(content)
    except InputError as error:
        raise InputError(f"{path}: is not a pump-roles report: {error}") from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply to read") from None
    return _earlier(path, report, [(path.name, digest(written))])


def _of_templates(path: Path) -> Earlier:
    report = of_templates(path)
    return _earlier(path, report, [file for role in report.roles for file in role.files])


def _earlier(path: Path, report: Report, files: Iterable[tuple[str, str]]) -> Earlier:
    # Only names of files: the report must not depend on the machine.
    return earlier_of(report, file=path.name, files=tuple(dict.fromkeys(files)))
