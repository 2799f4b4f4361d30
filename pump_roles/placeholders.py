"""Texts with placeholders for what a deployment fills in, and names in them.

A text is a pattern of ``Fn::Sub``: ``${...}`` stands for one value that the deployment fills in,
and what is literally ``${`` is ``${!``. So no literal can look like a placeholder:

- ``${AWS::Region}`` and others of its kind; ``${outer.AWS::Region}`` that of a StackSet, instead of
  that of its stacks;
- ``${3.Role}``, ``${3.Table.Arn}``: what AWS generates for a resource of the template 3;
- ``${?3.Name}``: what whoever deploys the template 3 says for its parameter;
- ``${?}``: what is not resolved. A text with one of the last two is open.
"""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Final, Literal

from pump_roles.text import unescaped

HOLE: Final = "${?}"
OPEN: Final = "${?"
PLACEHOLDER: Final = re.compile(r"\$\{(?!!)([^{}]*)\}")
_TEMPLATE_OF: Final = re.compile(r"\$\{\??(?:[0-9]+|outer)\.")


SHAPES: Final[Mapping[str, str]] = {
    "AWS::AccountId": "[0-9]{12}",
    "AWS::Partition": "aws(?:-[a-z]+)*",
    "AWS::Region": "[a-z]{2,4}(?:-[a-z]+)+-[0-9]",
    "AWS::URLSuffix": r"[a-z0-9]+(?:\.[a-z0-9]+)+",
}
"""What the pseudo parameters look like, case-folded."""

BESIDE: Final = r"[\w-]"
"""What may not be next to a role's name. Punctuation may be, although a name can contain some: in a
command line, such as ``--role=NAME,``, it separates."""

KEPT: Final = 20
"""CloudFormation keeps at least as many characters of a logical ID in a generated name."""

GENERATED: Final = re.compile(r"[0-9]+\.(\w+)")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]{16,}={0,2}\s*")


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


def is_word(name: str, text: str) -> bool:
    """Return whether a text contains a name as a whole word, in any case."""
    folded = text.casefold()
    if "${" not in name and name.casefold() not in folded:
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
