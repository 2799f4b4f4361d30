"""Text from elsewhere: files, strict JSON, and a form of text that is safe to show.

Strict JSON has no key twice, no constants, and is not too deep. Errors are for the user.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any, Final

TEMPLATE: Final = "a CloudFormation template"
"""What :func:`read_json` calls a template."""

YAML_ENDINGS: Final = frozenset({".yaml", ".yml"})
"""How the name of a YAML file ends."""

_YAML: Final = re.compile(
    r"^(?:---|(?:AWSTemplateFormatVersion|Parameters|Resources|Transform) *:)", re.MULTILINE
)
_BEGINS_AS_YAML: Final = re.compile(r"(?:\s|#.*\n)*[A-Za-z][A-Za-z0-9-]* *:\s")

_BEGINS_AS_PAGE: Final = re.compile(r"\s*<(?:!|html)", re.IGNORECASE)

_OTHER_QUOTES: Final = "'\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"
_CLOSING_QUOTE: Final = re.compile(r"[\u2019\u201d\u201c\u00bb](?=\s*[:,}\]])")

_DEEPEST: Final = 200
"""How deep arrays and objects may be nested. Pythons differ in how much more they can read."""

_NESTED: Final = (dict, list)

_SURROGATE: Final = re.compile(r"\\u[Dd][89A-Fa-f]")

TOO_DEEP: Final = "is nested too deeply to read"
"""What an error says of a file that is."""

_ESCAPE: Final = re.compile(
    r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8})|([abefnrtv]))?"
)


class InputError(ValueError):
    """The input cannot be read. The message is for the user."""


def read_text(file: Path, kind: str) -> tuple[str, bytes]:
    """Read a text file; returns its text and its bytes."""
    try:
        # Reading a pipe or a device may never end.
        if file.exists() and not file.is_file():
            what = "a folder" if file.is_dir() else "not a regular file"
            raise InputError(f"{file}: is not {kind}: it is {what}")
        content = file.read_bytes()
        return content.decode("utf-8-sig"), content
    except FileNotFoundError:
        raise InputError(f"{file}: there is no such file") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{file}: is not {kind}: it is not UTF-8 text") from None


def read_json(file: Path, kind: str) -> tuple[Any, bytes]:
    """Read a JSON file; returns its content and its bytes."""
    text, content = read_text(file, kind)
    try:
        return parse_json(text), content
    except RecursionError:
        raise InputError(f"{file}: {TOO_DEEP}") from None
    except ValueError as error:
        is_yaml = (
            file.suffix.lower() in YAML_ENDINGS or _YAML.search(text) or _BEGINS_AS_YAML.match(text)
        )
        if is_yaml and TEMPLATE in kind:
            raise InputError(
                f"{file}: is YAML, but templates are read as JSON: pass cdk.out, or the template "
                "that cdk synth writes to it"
            ) from None
        if _BEGINS_AS_PAGE.match(text):
            raise InputError(f"{file}: is a page, which is for people; pass {kind}") from None
        why = "it is YAML" if is_yaml else _why_not_json(error, text)
        raise InputError(f"{file}: is not {kind}: it is not JSON: {why}") from None


def _why_not_json(error: ValueError, text: str) -> str:
    # Of the content, it shows at most a key.
    if not text.strip():
        return "it is empty"
    if isinstance(error, json.JSONDecodeError):
        cause, position = _cause_at(error.pos, text)
        line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
        return f"{cause} in line {line:,}, column {column:,}"
    return str(error) if isinstance(error, _NotJsonError) else "a number has too many digits"


def _cause_at(position: int, text: str) -> tuple[str, int]:
    begins = text.rfind("\n", 0, position) + 1
    # Pythons differ in whether it is the comma or the bracket after it.
    position += len(text[position:]) - len(text[position:].lstrip())
    before = text[:position].rstrip()
    if before.endswith(",") and text.startswith(("]", "}"), position):
        position, before = len(before) - 1, before[:-1].rstrip()
    if re.compile(r",\s*[]}]").match(text, position) and not before.endswith(("[", "{", ",", ":")):
        return "JSON has no comma before ] or }: there is one", position
    if text.startswith(("//", "/*", "#"), position):
        return "JSON has no comments: there is one", position
    # A string with another mark at its end continues up to the next one of JSON.
    closing = _CLOSING_QUOTE.search(text, begins, position + 1)
    if text[position : position + 1] not in {*_OTHER_QUOTES} and closing:
        position = closing.start()
    if text[position : position + 1] in {*_OTHER_QUOTES}:
        return f'JSON has only the quotation mark ": there is {text[position]}', position
    return "the error is", position


def parse_json(text: str) -> Any:
    """Return what a JSON text contains."""
    return decoded(parse_any_depth, text)


def parse_any_depth(text: str) -> Any:
    """Return what a JSON text contains, however deep it is nested, as far as Python can read it."""
    return _DECODER.decode(text)


def decoded(decode: Callable[[str], Any], text: str) -> Any:
    """Return a JSON text's value, with the same limits on every Python."""
    value = decode(text)
    level: list[Any] = [[value]]
    for _ in range(_DEEPEST + 1):
        level = [
            member
            for outer in level
            for member in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(member, _NESTED)
        ]
    if level:
        raise RecursionError(TOO_DEEP)
    _check_characters(value, text)
    return value


def _check_characters(value: Any, text: str) -> None:
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise _NotJsonError("a character is only half of a surrogate pair") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise _NotJsonError(f"the key {visible(twice)!r} is listed twice")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    return number if isfinite(number) else _no_constant(digits)


def _no_constant(name: str) -> Any:
    raise _NotJsonError(f"{name} is not a JSON value")


class _NotJsonError(ValueError):
    """A text that Python's ``json`` accepts, but that is not valid JSON here."""


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant
)


def visible(text: str) -> str:
    """Return a text with control characters and directional marks escaped."""
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape").decode()
        for character in text
    )


def one_line(text: str) -> str:
    """Return a text as one visible line, with line breaks and tabs escaped."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def cut(value: str, longest: int | None) -> str:
    """Return a text, cut and marked as cut if it is too long."""
    return value if longest is None or len(value) <= longest else f"{value[:longest]} (cut)"


def unescaped(text: str) -> str:
    """Return a text without the escapes of JSON and YAML, however often it was escaped."""

    def character(escape: re.Match[str]) -> str:
        digits = escape[1] or escape[2] or escape[3]
        if digits and int(digits, 16) <= sys.maxunicode:
            return chr(int(digits, 16))
        return " " if escape[4] else ""

    return _ESCAPE.sub(character, text)
