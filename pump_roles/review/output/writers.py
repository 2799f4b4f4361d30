"""What writes any document as Markdown, any table as CSV, and any result as JSON. See also
``terminal``.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from io import StringIO
from typing import Any, Final, Literal

from pump_roles.review.output.document import (
    Code,
    Document,
    Item,
    Section,
    Strong,
    Table,
    Text,
    spans,
)
from pump_roles.review.output.texts import say

LIMIT: Final = 60_000
"""The maximum length of Markdown for a comment or a ticket, in characters. GitHub allows 65,536."""

_ENTRY: Final = 8_000
"""The maximum length of an item with those below it, so that none crowds out the others."""

_CUT: Final = 200
"""What the sentence that says what is cut takes, in characters, at most."""

_Block = tuple[Literal["title", "text", "entry", "line", "row"], str]
"""What is either shown or cut: what it is counted as, and its text."""


def to_markdown(document: Document, limit: int | None = LIMIT) -> str:
    """Return a document as Markdown, of at most so many characters. What is cut is counted."""
    whole = limit is None
    version = say("document.version", version=document.version)
    head = Section(document.title, (*document.first, *document.summary, *document.about, version))
    sections = [
        [*_blocks(section, "#" if section is head else "##", whole=whole)]
        for section in (head, *document.sections)
    ]
    sizes = [_size(blocks) for blocks in sections]
    rooms = sizes if limit is None else _shares(sizes, limit)
    texts = (_fitted(blocks, room) for blocks, room in zip(sections, rooms, strict=True))
    return "\n\n".join(texts) + "\n"


def _shares(sizes: Sequence[int], room: int) -> list[int]:
    # Small sections are whole. The large ones share equally what these leave.
    shares = [0] * len(sizes)
    order = sorted(range(len(sizes)), key=lambda index: sizes[index])
    for done, index in enumerate(order):
        shares[index] = min(sizes[index], room // (len(sizes) - done))
        room -= shares[index]
    return shares


def _size(blocks: Sequence[_Block]) -> int:
    return sum(len(text) + 2 for _, text in blocks)


def _fitted(blocks: Sequence[_Block], room: int) -> str:
    shown: list[str] = []
    before, left = "", Counter[str]()
    if _size(blocks) > room:
        room -= _CUT
    for kind, text in blocks:
        room -= len(text) + 2
        if room < 0:
            left[kind] += 1
            continue
        together = kind == before and kind != "text"
        shown += ["\n" if together else "\n\n", text] if shown else [text]
        before = kind
    return "".join(shown) + _cut(left)


def _cut(left: Counter[str]) -> str:
    left["line"] += left["text"]
    found = [say(f"document.{kind}", left[kind]) for kind in ("entry", "row", "line") if left[kind]]
    return f"\n\n**{say('document.cut', parts=', '.join(found))}**" if found else ""


def _blocks(section: Section, level: str, *, whole: bool) -> Iterator[_Block]:
    yield "title", f"{level} {_line(section.title, whole=whole)}"
    for part in section.parts:
        match part:
            case Item():
                yield "entry", _item(part, whole=whole)
            case Table():
                yield from (("row", row) for row in _rows(part, whole=whole))
            case _:
                yield "text", _line(part, whole=whole)


def _item(item: Item, *, whole: bool) -> str:
    lines = [*_items(item, "", whole=whole)]
    if whole or sum(map(len, lines)) + len(lines) < _ENTRY:
        return "\n".join(lines)
    return _fitted([("line", line) for line in lines], _ENTRY)


def _items(item: Item, indent: str, *, whole: bool) -> Iterator[str]:
    yield f"{indent}- {'[ ] ' if item.choice else ''}{_line(item.text, whole=whole)}"
    for below in item.items:
        yield from _items(below, f"{indent}  ", whole=whole)


def _rows(table: Table, *, whole: bool) -> Iterator[str]:
    head = f"| {' | '.join(table.heads)} |\n|{'---|' * len(table.heads)}\n"
    for index, row in enumerate(table.rows):
        cells = " | ".join(_inline(cell, whole=whole, in_cell=True) for cell in row)
        yield f"{'' if index else head}| {cells} |"


def _line(text: Text, *, whole: bool) -> str:
    # What begins a list or a heading is also a text.
    line = _inline(text, whole=whole).strip()
    return re.sub(r"^(?:([0-9]{1,9})(?=[.)](?: |$))|(?=[-+#=]))", r"\1\\", line)


def _inline(text: Text, *, whole: bool, in_cell: bool = False) -> str:
    written = []
    for span in spans(text, whole=whole):
        match span:
            case Code(code):
                shown = _code(code)
                written.append(shown.replace("|", "\\|") if in_cell else shown)
            case Strong(strong):
                written.append(f"**{_escaped(strong).strip()}**" if strong else "")
            case _:
                written.append(_escaped(span))
    return "".join(written)


_ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

_WITHOUT_MARKUP: Final = (
    # GitHub renders text between dollar signs as math, unless a digit follows the second one.
    (re.compile(r"\$(?![0-9])"), "&#36;"),
    (re.compile("://"), "&#58;//"),
    (re.compile(r"www\."), "www&#46;"),
    # A backslash or an entity for the character does not stop GitHub from notifying users or
    # linking issues.
    (re.compile(r"(?<!\w)@(?=\w)"), "@&#8203;"),
    (re.compile(r"(?<!&)#(?=[0-9])"), "#&#8203;"),
)
"""Text that becomes a link or math without other markup, and its replacement."""


def _escaped(text: str) -> str:
    escaped = re.sub(r"([\\`*_\[\]|~])", r"\\\1", re.sub(" +", " ", text)).translate(_ENTITIES)
    for pattern, replacement in _WITHOUT_MARKUP:
        escaped = pattern.sub(replacement, escaped)
    return escaped


def _code(text: str) -> str:
    plain = " ".join(text.split())
    if not plain:
        return ""
    longest = max(map(len, re.findall("`+", plain)), default=0)
    fence = "`" * (longest + 1)
    space = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{space}{plain}{space}{fence}"


def to_csv(table: Table) -> str:
    """Return a table as CSV. A spreadsheet does not run any of its cells as a formula."""
    written = StringIO(newline="")
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(table.heads)
    writer.writerows(map(_csv_cell, row) for row in table.rows)
    return written.getvalue()


def _csv_cell(cell: Text) -> str | int:
    if isinstance(cell, int) and not isinstance(cell, bool):
        return cell
    text = "".join(span if isinstance(span, str) else span.text for span in spans(cell, whole=True))
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def to_json(result: object) -> str:
    """Return a result as JSON, which has the members of its type.

    The ``*.schema.json`` files next to this module are generated from the types.
    """
    return json.dumps(plain(result), indent=1, ensure_ascii=False) + "\n"


def plain(value: Any) -> Any:
    """Return what a value is in JSON."""
    # Not dataclasses.asdict, which copies every leaf and takes three times as long.
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, tuple | list):
        return [plain(element) for element in value]
    if is_dataclass(value):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return {name: plain(member) for name, member in value.items()}
