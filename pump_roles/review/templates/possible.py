"""What a string could be, from the strings that go into it.

The structure of the value is forgotten: a name is possible if it can be put together, in any order
and with repetition, from these strings.
"""

import re
from base64 import b64decode
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from pump_roles.review.templates.symbols import SHAPES
from pump_roles.review.templates.template import Reference
from pump_roles.text import unescaped

_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]{16,}={0,2}\s*")


@dataclass(eq=False)
class Possible:
    """What a value could be made of."""

    fragments: set[str] = field(default_factory=set)
    shapes: set[str] = field(default_factory=set)
    separators: set[str] = field(default_factory=set)
    references: set[Reference] = field(default_factory=set)
    deployment: bool = False
    begins: str = ""
    ends: str = ""

    def excludes(self, text: str) -> bool:
        """Return whether a text, in any case, begins or ends differently than the value."""
        target, begins, ends = text.casefold(), self.begins.casefold(), self.ends.casefold()
        fits = target.startswith(begins) and target.endswith(ends)
        return not fits or len(target) < len(begins) + len(ends)

    def spells(self, text: str) -> bool:
        """Return whether a text, in any case, can be put together from what the app contains."""
        target = text.casefold()
        reached = self._reached(target, {0}, self._patterns)
        return len(target) in reached and not self.excludes(text)

    def spells_within(self, text: str, beside: str = r"[\w-]", *, shapes: bool = True) -> bool:
        """Return whether a text, in any case, can be a part of what is put together.

        A character that the pattern ``beside`` matches may not be next to it.
        """
        target = text.casefold()
        if re.search(rf"(?<!{beside}){re.escape(target)}(?!{beside})", self._text):
            return True
        starts = {
            size
            for size in range(1, len(target))
            if f"{target[:size]}\0" in self._text
            and re.search(rf"(?<!{beside}){re.escape(target[:size])}\0", self._text)
        }
        reached = self._reached(target, {0, *starts}, self._patterns if shapes else [])
        return len(target) in reached or any(
            f"\0{target[start:]}" in self._text
            and re.search(rf"\0{re.escape(target[start:])}(?!{beside})", self._text)
            for start in reached
        )

    def _reached(
        self, target: str, starts: Collection[int], patterns: Collection[re.Pattern[str]]
    ) -> set[int]:
        # The positions up to which the target can be put together.
        reached, pending = set(starts), list(starts)
        while pending:
            start = pending.pop()
            ends = {
                end
                for end in range(start + 1, len(target) + 1)
                if target[start:end] in self._pieces
                or any(shape.fullmatch(target, start, end) for shape in patterns)
            }
            pending += ends - reached
            reached |= ends
        return reached

    @cached_property
    def _text(self) -> str:
        return "\0".join(("", *self._pieces, ""))

    @cached_property
    def _pieces(self) -> frozenset[str]:
        # At once, because many values can share many strings.
        found = {*self.fragments}
        if self.separators:
            # CloudFormation splits at a separator only in its own case.
            cut = re.compile("|".join(map(re.escape, self.separators)))
            found |= {piece for fragment in self.fragments for piece in cut.split(fragment)}
        if len(self.separators) > 1:
            # A split at one of them leaves the others.
            found |= self.separators
        return frozenset({*"\0".join(found).casefold().split("\0")} - {""})

    @cached_property
    def _patterns(self) -> list[re.Pattern[str]]:
        return [re.compile(SHAPES[name]) for name in self.shapes]


def readings(text: str) -> Iterator[str]:
    """Yield a text, and what it says without escapes or Base64."""
    yield text
    if "\\" in text:
        yield unescaped(text)
    if _BASE64.fullmatch(text):
        with suppress(ValueError):
            yield b64decode(text).decode(errors="replace")
