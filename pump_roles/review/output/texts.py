"""The texts of all formats, and how they are said."""

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any, Final

TEXTS: Final[Mapping[str, Mapping[str, Any]]] = json.loads(
    resources.files(__package__).joinpath("texts.json").read_bytes()
)
"""The texts: each a text, or one for a single thing and one for several."""


def say(key: str, count: int = 1, /, **values: object) -> str:
    """Return one of the :data:`TEXTS`."""
    section, _, name = key.partition(".")
    text: str | Sequence[str] = TEXTS[section][name]
    if not isinstance(text, str):
        return text[count != 1].format(**{"number": f"{count:,}", **values})
    return text.format(**values) if values else text


def text_of(section: str, kind: str) -> str:
    """Return the text of a section for one of a closed set of kinds, which a test compares."""
    return str(TEXTS[section][kind])


def first(items: Iterable[str], most: int) -> list[str]:
    """Return the first items, and if there are more, a last one that says how many."""
    found = [*items]
    left = len(found) - most
    return [*found[:most], say("document.more", left)] if left > 0 else found
