"""A report back from its JSON, or from its page, which carries it."""

import json
import re
from base64 import b64decode, b64encode
from hashlib import sha256
from lzma import LZMADecompressor, LZMAError, compress
from pathlib import Path
from typing import Any, Final

from pump_roles.inputs import TOO_DEEP, InputError, cut, parse_json, read_json, visible
from pump_roles.review.output.writers import to_compact_json
from pump_roles.review.report import SCHEMA, Earlier, Report, earlier_of

_LONGEST: Final = 200
"""The maximum length of a problem, in characters."""

_ELEMENT: Final = '<script type="text/plain" id="report">{}</script>'
_EMBEDDED: Final = re.compile(_ELEMENT.format("([A-Za-z0-9+/=]*)").encode())
_MOST_BYTES: Final = 100_000_000
"""The maximum length of an embedded report, in bytes, so that a page cannot fill the memory."""


def embedded(report: Report) -> str:
    """Return the element of a page that carries the JSON of the report that it shows."""
    # As it is, it would make the page two thirds larger. Unlike zlib, this has one implementation,
    # so the page is the same on every machine; and it takes a fifth of the time of bzip2.
    written = to_compact_json(report).encode("utf-8", "backslashreplace")
    return _ELEMENT.format(b64encode(compress(written, preset=1)).decode())


def embedded_in(page: bytes) -> Any:
    """Return the JSON value that a page carries; ``None`` if it is not the page of a report."""
    found = _EMBEDDED.findall(page)
    if len(found) != 1:
        return None
    decompressor = LZMADecompressor(memlimit=_MOST_BYTES)
    try:
        written = decompressor.decompress(b64decode(found[0]), _MOST_BYTES)
        return parse_json(written.decode()) if decompressor.eof else None
    except (LZMAError, EOFError, ValueError):
        return None


def report_from(content: Any) -> Report:
    """Return the report that a JSON value is."""
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
    if json.loads(to_compact_json(report)) != content:
        raise InputError("lacks a member of its schema, or has another one")
    return report


def _visible(value: Any) -> Any:
    # Whoever wrote the file may want to hide something from whoever reads the comparison.
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list):
        return [_visible(element) for element in value]
    if isinstance(value, dict):
        return {visible(key): _visible(member) for key, member in value.items()}
    return value


_KIND: Final = "a pump-roles report, a page of one, a template, or a folder of templates"


def read_saved(path: Path) -> Earlier | None:
    """Read a report, or a page of one; return ``None`` for a template, or a folder of them."""
    try:
        if path.is_dir():
            return None
        page = path.read_bytes() if path.is_file() else b""
        embedded = embedded_in(page)
    except RecursionError:
        raise InputError(f"{path}: {TOO_DEEP}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if embedded is not None:
        return _of_report(path, embedded, page)
    content, written = read_json(path, _KIND)
    if isinstance(content, dict) and "Resources" in content:
        return None
    if _is_result(content):
        return _of_report(path, content, written)
    raise InputError(f"{path}: is not {_KIND}")


def is_report(path: Path) -> bool:
    """Return whether a file is a report, or a page of one, even if this version cannot read it."""
    try:
        content = path.read_bytes() if path.is_file() else b""
        if _EMBEDDED.search(content):
            return True
        found = parse_json(content.decode("utf-8-sig"))
    except (OSError, RecursionError, ValueError):
        return False
    return _is_result(found)


def _is_result(content: Any) -> bool:
    return isinstance(content, dict) and "schema" in content and "Resources" not in content


def _of_report(path: Path, content: Any, written: bytes) -> Earlier:
    try:
        report = report_from(content)
    except InputError as error:
        raise InputError(f"{path}: is not a pump-roles report: {error}") from None
    return earlier_of(report, file=path.name, files=((path.name, sha256(written).hexdigest()),))
