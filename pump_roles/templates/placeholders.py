"""Values that a deployment fills in: texts with placeholders, and names in them.

A text is a pattern of ``Fn::Sub``: ``${...}`` stands for one value that the deployment fills in,
and what is literally ``${`` is ``${!``. So no literal can look like a placeholder:

- ``${AWS::Region}`` and others of its kind; ``${outer.AWS::Region}`` that of a StackSet, instead of
  that of its stacks;
- ``${3.Role}``, ``${3.Table.Arn}``: what AWS generates for a resource of the template 3;
- ``${?3.Name}``: what whoever deploys the template 3 says for its parameter;
  ``${?AWS::StackName}`` for the name of a stack;
- ``${?}``: what is not resolved. A text with one of the last two is open.
"""

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import Any, Final, Literal

from pump_roles.inputs import as_text
from pump_roles.inputs.text import unescaped

HOLE: Final = "${?}"
OPEN: Final = "${?"
PLACEHOLDER: Final = re.compile(r"\$\{(?!!)([^{}]*)\}")
_TEMPLATE_OF: Final = re.compile(r"\$\{(?:\??(?:[0-9]+|outer)\.|\?(?=AWS::))")


SHAPES: Final[Mapping[str, str]] = {
    "AWS::AccountId": "[0-9]{12}",
    "AWS::Partition": "aws(?:-[a-z]+)*",
    "AWS::Region": "[a-z]{2,4}(?:-[a-z]+)+-[0-9]",
    # Bounded: it is looked for at each word of a text.
    "AWS::URLSuffix": r"[a-z0-9]{1,16}(?:\.[a-z0-9-]{1,16}){1,4}",
}
"""What the pseudo parameters look like, case-folded."""

BESIDE: Final = r"[\w-]"
"""What may not be next to a role's name. Punctuation may be, although a name can contain some: in a
command line, such as ``--role=NAME,``, it separates."""

KEPT: Final = 20
"""CloudFormation keeps at least as many characters of a logical ID in a generated name."""

GENERATED: Final = re.compile(r"[0-9]+\.(\w+)")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]{16,}={0,2}\s*")

MOST: Final = 64
"""The maximum number of texts of a value. No real one that was measured has more."""

LONGEST: Final = 100_000
"""The maximum length of its texts together: nested stacks can double a text at each level."""

WORK: Final = 200_000
"""The maximum number of texts and literals that are handled to resolve one property."""

TOTAL_WORK: Final = 500_000
"""The same for all properties of an app."""

DEEPEST: Final = 50
"""The maximum number of resources of which each refers to the next one, to resolve a value."""

CHARACTERS: Final = 50
"""As many characters of a long text count as a text."""

_HOLES: Final = re.compile(r"(?:\$\{\?\}){2,}")
_OF_REGION: Final = re.compile(r"\$\{AWS::(?:Region|URLSuffix)\}")
_MARKED: Final = re.compile(r"\$\{!AWS::(?:AccountId|Partition|Region)\}")
_FILLED: Final = re.compile(r"\$\{AWS::(?:AccountId|Partition|Region)\}")


def literal(text: str) -> str:
    """Return a literal as a text."""
    return text.replace("${", "${!")


def plain(text: str) -> str:
    """Return a text with literals as they are, to look for names in it."""
    return text.replace("${!", "${")


def shown(text: str) -> str:
    """Return a text as people read it, with placeholders as in its template."""
    return plain(_TEMPLATE_OF.sub("${", text))


def readings(text: str) -> Iterator[str]:
    """Yield a text, and what it says without escapes or Base64."""
    yield text
    if "\\" in text:
        yield unescaped(text)
    if _BASE64.fullmatch(text):
        with suppress(ValueError):
            yield b64decode(text).decode(errors="replace")


@lru_cache(maxsize=2**12)
def pattern(text: str) -> str:
    """Return a pattern of what a text without open parts is at deployment, case-folded."""
    found = ""
    for index, piece in enumerate(PLACEHOLDER.split(text)):
        if not index % 2:
            found += re.escape(plain(piece).casefold())
            continue
        made = GENERATED.fullmatch(piece)
        shape = _name_made_of(made[1].casefold()) if made else SHAPES.get(piece, "(?!)")
        found += f"(?:{shape}|{re.escape(f'${{{piece}}}'.casefold())})"
    return found


def _name_made_of(logical_id: str) -> str:
    # The name of the stack and the logical ID, truncated if they are long, and something random.
    rest = "[a-z0-9]*" if len(logical_id) > KEPT else ""
    return f"[a-z0-9-]*-{logical_id[:KEPT]}{rest}-[a-z0-9]{{8,}}"


@lru_cache(maxsize=2**12)
def _pieces(name: str) -> list[str]:
    # What a text contains if it contains a name, without the time to search for its pattern.
    parts = PLACEHOLDER.split(name)
    made = filter(None, map(GENERATED.fullmatch, parts[1::2]))
    found = [plain(part) for part in parts[::2]] + [f"-{match[1][:KEPT]}" for match in made]
    return [piece.casefold() for piece in found if piece]


def is_word(name: str, text: str) -> bool:
    """Return whether a text contains a name as a whole word, in any case."""
    return _is_word(name, text.casefold())


def _is_word(name: str, folded: str) -> bool:
    # A placeholder can also be in the text itself.
    if "${" not in folded and not all(piece in folded for piece in _pieces(name)):
        return False
    return re.search(rf"(?<!{BESIDE}){pattern(name)}(?!{BESIDE})", folded) is not None


def fits(text: str, name: str) -> bool:
    """Return whether two texts can be the same: whether one's literals are in the other, in order.

    If both have placeholders, only how they begin and end is compared.
    """
    first, *middle = (plain(piece).casefold() for piece in PLACEHOLDER.split(text)[::2])
    begins, *rest = (plain(piece).casefold() for piece in PLACEHOLDER.split(name)[::2])
    if not middle:
        return (not rest and first == begins) or (bool(rest) and fits(name, text))
    last = middle.pop()
    if rest:
        ends = rest[-1]
        return (first.startswith(begins) or begins.startswith(first)) and (
            last.endswith(ends) or ends.endswith(last)
        )
    at, end = len(first), len(begins) - len(last)
    if at > end or not begins.startswith(first) or not begins.endswith(last):
        return False
    # Not with a regular expression: one with 40 wildcards never ends.
    for piece in middle:
        at = begins.find(piece, at, end) + len(piece)
        if at < len(piece):
            return False
    return True


def alike(text: str, name: str) -> Literal["certain", "could-be"] | None:
    """Return whether two texts are the same, in any case; ``None`` if not, or if one is open."""
    if text.casefold() == name.casefold():
        return "certain"
    if OPEN in text or OPEN in name:
        return None
    # A pseudo parameter can have the value that is a part of the other one, and a literal can be
    # the name that AWS has generated.
    for one, other in ((text, name), (name, text)):
        if not PLACEHOLDER.search(one):
            return "could-be" if re.fullmatch(pattern(other), plain(one).casefold()) else None
    known = all(piece in SHAPES for piece in PLACEHOLDER.findall(text + name))
    return "could-be" if known and fits(text, name) else None


# Values


Why = Literal[
    "",
    "circle",
    "custom-resource",
    "dynamic-reference",
    "function",
    "import",
    "macro",
    "nested-output",
    "nothing",
    "overridden",
    "parameter",
    "property",
    "ssm-parameter",
    "too-many",
    "too-much-work",
    "undeclared",
    "unresolved",
]
"""Why a value is unresolved; empty if it is resolved."""

FilledText = str | None | tuple[str, ...]
"""A text, nothing (``AWS::NoValue``), or a list of texts."""

Reference = tuple[str, str]
"""A resource: the key of its template, and its logical ID. Of a condition, ``?`` and its name."""


@dataclass(frozen=True)
class Resolved:
    """What a value is: one of some texts.

    :param texts: the texts.
    :param why: why it is unresolved.
    :param literals: the literals that go into it, if it is unresolved or AWS makes it of them.
    :param refers: the resources that it names, and the conditions that choose between the texts.
    """

    texts: frozenset[FilledText]
    why: Why = ""
    literals: frozenset[str] = frozenset()
    refers: frozenset[Reference] = frozenset()

    @property
    def only(self) -> FilledText:
        """The one text or list that it certainly is; ``None`` if it is not one."""
        return next(iter(self.texts)) if len(self.texts) == 1 and not self.why else None

    @property
    def certain(self) -> str | None:
        """The one text that it certainly is; ``None`` if it is not one."""
        return self.only if isinstance(self.only, str) else None

    @property
    def every(self) -> Iterator[str]:
        """Its texts, and the elements of those that are lists."""
        return flat(self.texts)

    @property
    def words(self) -> frozenset[str]:
        """All literals in it, whether it is resolved or not."""
        return self.literals | {plain(text) for text in self.every if OPEN not in text}

    @cached_property
    def all_readings(self) -> str:
        """All literals and texts in it, each on a line, case-folded, to look for names in them."""
        texts = {*self.words, *map(plain, self.every)} - {HOLE}
        return "\n".join(reading for text in texts for reading in readings(text)).casefold()

    def elements(self) -> "Iterator[Resolved]":
        """Yield the elements of the list that it certainly is; else itself, with all elements."""
        if isinstance(self.only, tuple):
            yield from (replace(self, texts=frozenset({text})) for text in self.only)
        elif texts := frozenset(self.every):
            yield self if texts == self.texts else replace(self, texts=texts)


@dataclass(frozen=True, eq=False)
class FunctionCall:
    """A function in a template: how it is written, and what it is."""

    written: Any
    value: Resolved


@dataclass(frozen=True, eq=False)
class Choice:
    """``Fn::If`` between objects or lists: how it is written, and its branches."""

    written: Any
    options: tuple[Any, ...]
    condition: Reference


NOTHING: Final = Resolved(frozenset({None}))


def flat(texts: Iterable[FilledText]) -> Iterator[str]:
    """Yield texts, and the elements of those that are lists."""
    for text in texts:
        yield from (text,) if isinstance(text, str) else text or ()


def resolved(leaf: Any) -> Resolved:
    """Return what a leaf of a property is."""
    if isinstance(leaf, FunctionCall):
        return leaf.value
    return NOTHING if leaf is None else just(literal(as_text(leaf)))


def just(text: str) -> Resolved:
    """Return a value that is one text."""
    return Resolved(frozenset({text}))


def of(texts: Iterable[FilledText], why: Why = "", *parts: Resolved) -> Resolved:
    """Return what a function makes of its parts."""
    found = frozenset(_HOLES.sub(HOLE, text) if isinstance(text, str) else text for text in texts)
    if any(part.why == "too-much-work" for part in parts):
        why = "too-much-work"
    single = [*flat(found)]
    if not why and any(OPEN in text for text in single):
        why = next((part.why for part in parts if part.why), "unresolved")
    if not found:
        found, why = frozenset({HOLE}), why or "nothing"
    if len(found) > MOST or (parts and sum(map(len, single)) > LONGEST):
        found, why = frozenset({HOLE}), "too-many"
    refers: frozenset[Reference] = frozenset().union(*(part.refers for part in parts))
    if not why:
        kept: frozenset[str] = frozenset().union(*(part.literals for part in parts))
        return Resolved(found, literals=kept, refers=refers)
    pieces = frozenset(plain(piece) for text in single for piece in PLACEHOLDER.split(text)[::2])
    return Resolved(found, why, pieces.union(*(part.words for part in parts)) - {""}, refers)


def either(parts: Sequence[Resolved], why: Why = "") -> Resolved:
    """Return one of several values."""
    return of((text for part in parts for text in part.texts), why, *parts)


def unresolved(why: Why, *parts: Resolved) -> Resolved:
    """Return a value of which only the literals are known."""
    return of([HOLE], why, *parts)


def unresolved_tree(why: Why, tree: Any) -> Resolved:
    """Return a value of which only the literals in a part of a property are known."""
    words: set[str] = set()
    called: list[Resolved] = []
    left = [tree]
    while left:
        part = left.pop()
        if isinstance(part, str):
            words.add(part)
        elif isinstance(part, FunctionCall):
            called.append(part.value)
        elif isinstance(part, dict | list | Choice):
            words.update(part if isinstance(part, dict) else ())
            left += parts_of(part)
        elif part is not None:
            words.add(as_text(part))
    return unresolved(why, Resolved(frozenset(), why, frozenset(words)), *called)


def everything(tree: Any) -> Iterator[Resolved]:
    """Yield all keys and leaves of a part of a property."""
    if isinstance(tree, dict):
        yield from map(resolved, tree)
    if isinstance(tree, dict | list | Choice):
        for part in parts_of(tree):
            yield from everything(part)
    else:
        yield resolved(tree)


def parts_of(tree: Any) -> Iterable[Any]:
    """Return the elements of a list, the members of an object, or the branches of a choice."""
    if isinstance(tree, Choice):
        return tree.options
    return tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()


def values_of(tree: Any) -> Iterator[Resolved]:
    """Yield the values of a property that names one thing, or a list of them."""
    if isinstance(tree, list):
        for element in tree:
            yield from values_of(element)
    elif isinstance(tree, Choice):
        yield from either([value for part in tree.options for value in values_of(part)]).elements()
    elif isinstance(tree, dict):
        yield unresolved_tree("function", tree)
    else:
        yield from resolved(tree).elements()


def is_nothing(tree: Any) -> bool:
    """Return whether CloudFormation treats a value as if it were not there."""
    return tree is None or (isinstance(tree, FunctionCall) and tree.value == NOTHING)


def certain_text(leaf: Any) -> str | None:
    """Return the text that a value certainly is, with placeholders for pseudo parameters.

    It is ``None`` if it is not certain, or contains anything else that the templates do not have.
    """
    text = None if isinstance(leaf, dict | list | Choice) else resolved(leaf).certain
    known = text is not None and all(name in SHAPES for name in PLACEHOLDER.findall(text))
    return plain(text) if known and text is not None else None


def filled_text(leaf: Any) -> str | None:
    """Return the text that a value certainly is, with placeholders for what depends on the account:
    ``${AWS::AccountId}``, ``${AWS::Partition}``; ``None`` if it is not certain.
    """
    text = certain_text(leaf)
    return None if text is None or _OF_REGION.search(text) else text


def filled(tree: Any, *, regional: bool = False) -> Any:
    """Return a value with every function replaced whose result is certain; any other stays as it is
    written.

    What depends on the account is a placeholder: ``${AWS::AccountId}``, ``${AWS::Partition}``. A
    text that only looks like one is an object, so that nothing can read it.

    :param regional: whether ``${AWS::Region}`` is one, too: of what is deployed in one Region.
    """
    fill = partial(filled, regional=regional)
    if isinstance(tree, list):
        return [fill(element) for element in tree if element is None or not is_nothing(element)]
    if isinstance(tree, dict):
        members = tree.items()
        return {key: fill(each) for key, each in members if each is None or not is_nothing(each)}
    if isinstance(tree, str):
        return {"literal": tree} if _FILLED.search(tree) else tree
    if isinstance(tree, FunctionCall):
        text = certain_text(tree) if regional else filled_text(tree)
        if text is not None and _MARKED.search(tree.value.certain or ""):
            return {"literal": text}
        return tree.written if text is None else text
    return tree.written if isinstance(tree, Choice) else tree


def as_written(tree: Any) -> Any:
    """Return a part of a property as it is written."""
    if isinstance(tree, list):
        return [as_written(element) for element in tree]
    if isinstance(tree, dict):
        return {key: as_written(member) for key, member in tree.items()}
    return tree.written if isinstance(tree, FunctionCall | Choice) else tree


def contains(name: str, value: Resolved) -> bool:
    """Return whether a literal in a value contains a name as a whole word, or can do so."""
    return value.why == "too-much-work" or _is_word(name, value.all_readings)


def is_function(key: str) -> bool:
    """Whether the key of an object is the name of a CloudFormation function."""
    return key == "Ref" or key.startswith("Fn::")


def is_call(value: Any) -> bool:
    """Whether a value is the call of a CloudFormation function."""
    return isinstance(value, dict) and len(value) == 1 and is_function(*value)
