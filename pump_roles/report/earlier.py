"""Reads an earlier report from its JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec

from pump_roles.report.changes import Earlier
from pump_roles.report.model import SCHEMA, Compared, Report
from pump_roles.templates import InputError
from pump_roles.text import visible

__all__ = ["earlier_report"]


def earlier_report(report: Mapping[str, Any], *, file: str, sha256: str) -> Earlier:
    """Return what an earlier report says.

    :param report: its JSON object.
    :param file: the name of its file.
    :param sha256: the SHA-256 of that file.
    :raises InputError: if it is not a report, or has another version of the schema.
    """
    version = report.get("schema") if isinstance(report, dict) else None
    if type(version) is int and version != SCHEMA:
        raise InputError(
            f"is not a pump-roles JSON report: its schema version is {version}; this version reads "
            f"{SCHEMA}"
        )
    try:
        found = msgspec.convert(report, Report)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InputError(f"is not a pump-roles JSON report: {visible(str(error))}") from None
    compared = Compared(file=visible(file), sha256=sha256, date=found.date, version=found.version)
    return Earlier(compared=compared, report=found)
