"""What a page carries: what was read, from which the report that it shows follows."""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from lzma import LZMADecompressor, LZMAError, compress
from pathlib import Path
from typing import Any, Final

from pump_roles.inputs.text import parse_json
from pump_roles.review.output.writers import to_compact_json
from pump_roles.review.report import Report

_ELEMENT: Final = '<script type="text/plain" id="report">{}</script>'
_EMBEDDED: Final = re.compile(_ELEMENT.format("([A-Za-z0-9+/=]*)").encode())
_PACKAGE: Final = Path(__file__).parents[2]
_WITHOUT: Final = {"__pycache__", "account", "app", "cli", "constructs", "universal"}
"""The folders of the package that a page does not depend on."""

_MOST_BYTES: Final = 100_000_000
"""The maximum length of what a page carries, in bytes, so that it cannot fill the memory."""


def embedded(report: Report) -> str:
    """Return the element of a page that carries what was read for the report that it shows."""
    carried = {"read": report.read, "since": report.since, "code": code_sha256()}
    written = to_compact_json(carried).encode("utf-8", "backslashreplace")
    # Unlike zlib, this has one implementation, so the page is the same on every machine.
    return _ELEMENT.format(b64encode(compress(written, preset=1)).decode())


@cache
def code_sha256() -> str:
    """Return the SHA-256 of the files that decide a page, with which it is the same every time."""
    found = sha256()
    for file in sorted(_files(_PACKAGE)):
        name, content = file.relative_to(_PACKAGE).as_posix(), file.read_bytes()
        found.update(f"{name}\n{len(content)}\n".encode() + content)
    return found.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for file in folder.iterdir():
        if not file.is_dir():
            yield file
        elif file.name not in _WITHOUT:
            yield from _files(file)


def carried_by(page: bytes) -> Any:
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


def element_of(page: bytes) -> str:
    """Return the element of a page that carries it; empty if there is none."""
    found = _EMBEDDED.search(page)
    return found[0].decode() if found else ""
