"""Results as JSON, and a report back from its JSON, or from its page, which carries the JSON.

Each result's JSON has the members of its type. The ``*.schema.json`` files next to this module are
generated from the types.
"""

import json
import re
from base64 import b64decode, b64encode
from bz2 import BZ2Decompressor, compress
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any, Final

from pump_roles.json_input import InputError, parse_json
from pump_roles.report.model import SCHEMA, Report
from pump_roles.text import cut, visible

if TYPE_CHECKING:
    from pump_roles.account.probe import ProbeReport
    from pump_roles.account.rollout.status import Statuses
    from pump_roles.account.verify.result import Verification

__all__ = ["as_json", "embedded", "embedded_in", "report_from"]

_LONGEST: Final = 200
"""The maximum length of a problem, in characters."""

_ELEMENT: Final = '<script type="text/plain" id="report">{}</script>'
_EMBEDDED: Final = re.compile(_ELEMENT.format("([A-Za-z0-9+/=]*)").encode())
_MOST_BYTES: Final = 100_000_000
"""The maximum length of an embedded report, in bytes, so that a page cannot fill the memory."""


def as_json(result: "Report | Verification | Statuses | ProbeReport") -> str:
    """Return a result as JSON.

    :param result: the result.
    """
    return json.dumps(_plain(result), indent=1, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    # Not dataclasses.asdict, which copies every leaf and takes three times as long.
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, tuple | list):
        return [_plain(element) for element in value]
    if is_dataclass(value):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return {name: _plain(member) for name, member in value.items()}


def embedded(report: Report) -> str:
    """Return the element of a page that carries the JSON of the report that it shows.

    :param report: the report.
    """
    # As it is, it would make the page two thirds larger. Unlike zlib, bzip2 has one implementation,
    # so the page is the same on every machine.
    written = as_json(report).encode("utf-8", "backslashreplace")
    return _ELEMENT.format(b64encode(compress(written)).decode())


def embedded_in(page: bytes) -> Any:
    """Return the JSON value that a page carries; ``None`` if the text is not the page of a report.

    :param page: the text.
    """
    found = _EMBEDDED.findall(page)
    if len(found) != 1:
        return None
    decompressor = BZ2Decompressor()
    try:
        written = decompressor.decompress(b64decode(found[0]), _MOST_BYTES)
        return parse_json(written.decode()) if decompressor.eof else None
    except (OSError, ValueError, RecursionError):
        return None


def report_from(content: Any) -> Report:
    """Return the report that a JSON value is.

    :param content: the JSON value.
    :raises InputError: if it is not a report, or has another version of the schema.
    """
    version = content.get("schema") if isinstance(content, dict) else None
    if isinstance(version, int) and version != SCHEMA:
        raise InputError(f"its schema version is {version:d}; this version reads {SCHEMA}")
    content = _visible(content)
    # Imported here: only what reads a report needs it.
    import msgspec  # noqa: PLC0415

    try:
        report = msgspec.convert(content, Report)
    except msgspec.ValidationError as error:
        raise InputError(cut(visible(str(error)), _LONGEST)) from None
    # A member with a default may be missing, and one that is not known would be ignored.
    if not _is_whole(report, content):
        raise InputError("lacks a member of its schema, or has another one")
    return report


def _is_whole(value: Any, content: Any) -> bool:
    # Whether every object has exactly the members of its type.
    if value is None or isinstance(value, str | int):
        return True
    if isinstance(value, tuple):
        return all(map(_is_whole, value, content))
    if is_dataclass(value):
        names = value.__dataclass_fields__.keys()
        return content.keys() == names and all(
            _is_whole(getattr(value, name), content[name]) for name in names
        )
    return not isinstance(value, dict) or all(
        _is_whole(member, content[name]) for name, member in value.items()
    )


def _visible(value: Any) -> Any:
    # Whoever wrote the file may want to hide something from whoever reads the comparison.
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list):
        return [_visible(element) for element in value]
    if isinstance(value, dict):
        return {visible(key): _visible(member) for key, member in value.items()}
    return value
