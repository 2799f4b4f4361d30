"""Numbers with their nouns, and lines and lists that are cut where they are too long."""

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from pump_roles.text import cut, visible

__all__ = ["LONGEST", "LONGEST_NAME", "SHOWN", "few", "line", "listed", "plural"]

LONGEST: Final = 900
"""The maximum length of a sentence, in characters. It has room for two policy ARNs."""

LONGEST_NAME: Final = 160
"""The maximum length of a name or an action, in characters."""

SHOWN: Final = 80
"""The maximum length of a value that cannot be read, in characters."""

_T = TypeVar("_T")


def plural(count: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 action`` or ``2 actions``.

    :param count: the number.
    :param noun: the noun, in the singular.
    """
    return f"{count:,} {noun}{'s' if count != 1 else ''}"


def line(text: str, longest: int = LONGEST) -> str:
    """Return a text as one line with only visible characters, cut if it is too long.

    :param text: the text.
    :param longest: how many characters to keep.
    """
    # Escaping never shortens it, so the rest would be cut anyway.
    shown = visible(text[: longest + 1]).replace("\n", "\\n").replace("\t", "\\t")
    return cut(shown, longest)


def few(items: Sequence[_T], most: int, noun: str = "") -> tuple[Sequence[_T], str]:
    """Return the first items, and how many more there are, such as ``2 more changes``.

    The latter is empty if there are no more.

    :param items: the items.
    :param most: how many to keep.
    :param noun: what one of them is. By default, only their number is returned: ``2 more``.
    """
    left = len(items) - most
    more = plural(left, f"more {noun}") if noun else f"{left:,} more"
    return items[:most], more if left > 0 else ""


def listed(items: Iterable[str], most: int, noun: str = "") -> list[str]:
    """Return the first items, and if there are more, a last one such as ``and 2 more changes``.

    :param items: the items.
    :param most: how many to keep.
    :param noun: as for :func:`few`.
    """
    shown, more = few([*items], most, noun)
    return [*shown, f"and {more}"] if more else [*shown]
