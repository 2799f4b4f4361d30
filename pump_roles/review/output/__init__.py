"""How a result is written: as a presentation, which each of the writers can write."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from pump_roles.inputs.text import cut, one_line

_T = TypeVar("_T")

_LONGEST: Final = 900
"""The maximum length of a text, in characters. It has room for two policy ARNs."""

_LONGEST_NAME: Final = 160
"""The maximum length of a name in a list, in characters."""

Tone = Literal["", "bad", "unsure", "less", "good"]
"""What a text that stands out means: on a terminal, its color."""


@dataclass(frozen=True)
class Code:
    """A name, such as a role's ARN or an action."""

    text: str


@dataclass(frozen=True)
class Digest:
    """A SHA-256. A terminal shows its first 12 digits."""

    text: str


@dataclass(frozen=True)
class Strong:
    """A text that stands out."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Names:
    """A list of names. If it is long, only a whole presentation has all of them."""

    names: Sequence[str]
    most: int = 8


Piece = str | int | Code | Digest | Strong | Names
Sentence = Piece | tuple[Piece, ...]
"""A sentence."""


@dataclass(frozen=True)
class Item:
    """An item of a list, with those below it. A choice is one that a reader ticks."""

    text: Sentence
    items: tuple["Item", ...] = ()
    choice: bool = False


@dataclass(frozen=True)
class Table:
    """A table."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Sentence, ...], ...]


Part = Sentence | Item | Table


@dataclass(frozen=True)
class Section:
    """A section, which is left out if it has no parts.

    What matters is first, because what does not fit is cut at the end, and counted.
    """

    title: str
    parts: tuple[Part, ...]
    attention: bool = False


@dataclass(frozen=True)
class Presentation:
    """A whole result.

    :param version: the version of this package, for who reads it elsewhere.
    :param summary: the result in sentences. They are where readers look first: at the beginning of
        Markdown, and at the end on a terminal.
    :param about: what the result is about.
    :param all_sections: its sections, also those without parts.
    :param first: what comes before everything else, in every format.
    """

    title: str
    version: str
    summary: tuple[Sentence, ...]
    about: tuple[Sentence, ...]
    all_sections: tuple[Section, ...]
    first: tuple[Sentence, ...] = ()

    @property
    def sections(self) -> tuple[Section, ...]:
        """Those that have parts."""
        return tuple(section for section in self.all_sections if section.parts)


def counted(count: int, one: str, several: str = "") -> str:
    """Return how many of something there are, such as ``1 action`` or ``1,000 actions``."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def capital(text: str) -> str:
    """Return a text that begins with a capital, and is otherwise the same."""
    return f"{text[:1].upper()}{text[1:]}"


def first(items: Iterable[str], most: int) -> list[str]:
    """Return the first items, and if there are more, a last one that says how many."""
    found = [*items]
    left = len(found) - most
    return [*found[:most], _more(left)] if left > 0 else found


def _more(left: int) -> str:
    return f"and {left:,} more"


def short_digest(sha256: str) -> str:
    """Return the first 12 digits of a SHA-256, marked as cut."""
    return f"{sha256[:12]}…"


def coded(text: str) -> tuple[Piece, ...]:
    """Return a text whose parts between backticks are names."""
    pieces = text.split("`")
    return tuple(Code(piece) if index % 2 else piece for index, piece in enumerate(pieces))


def table_of(columns: Mapping[str, Callable[[_T], Sentence]], items: Iterable[_T]) -> Table:
    """Return a table with a row for each item.

    :param columns: what returns the cell of an item, by the column's head.
    """
    rows = (tuple(cell(item) for cell in columns.values()) for item in items)
    return Table((*columns,), tuple(rows))


def spans(text: Sentence, *, whole: bool) -> Iterator[str | Code | Digest | Strong]:
    """Yield the pieces of a text as they are shown: visible, on one line, and cut unless whole."""
    for piece in text if isinstance(text, tuple) else (text,):
        match piece:
            # First: nearly all of a table.
            case str():
                yield _shown(piece, whole=whole)
            case Names():
                yield from _listed(piece, whole=whole)
            case Code():
                yield Code(_shown(piece.text, whole=whole))
            case Digest():
                yield piece
            case Strong():
                yield Strong(_shown(piece.text, whole=whole), piece.tone)
            case bool():
                yield "yes" if piece else "no"
            case int():
                yield f"{piece:,}"


def _listed(names: Names, *, whole: bool) -> Iterator[str | Code]:
    most = len(names.names) if whole else names.most
    for index, name in enumerate(names.names[:most]):
        if index:
            yield ", "
        yield Code(_shown(name, whole=whole, longest=_LONGEST_NAME))
    if left := len(names.names[most:]):
        yield f", {_more(left)}"


def _shown(text: str, *, whole: bool, longest: int = _LONGEST) -> str:
    if whole:
        return one_line(text)
    # Escaping never shortens it, so the rest would be cut anyway.
    return cut(one_line(text[: longest + 1]), longest)
