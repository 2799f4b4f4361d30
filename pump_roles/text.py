"""Text from elsewhere, such as a template or AWS, in a form that is safe to show; packaged text."""

import re
import sys
from importlib import resources
from typing import Final

_ESCAPE: Final = re.compile(
    r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8})|([abefnrtv]))?"
)


def packaged(package: str, name: str) -> str:
    """Return the text of a file of this package."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


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
