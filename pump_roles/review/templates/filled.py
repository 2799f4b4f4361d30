"""Fills in what is certain: the values in a template as they are at deployment."""

import re
from collections.abc import Iterator
from typing import Any, Final

from pump_roles.iam.documents import as_list, as_mapping, is_call
from pump_roles.review.templates.evaluate import evaluate
from pump_roles.review.templates.symbols import SHAPES, Certain, written
from pump_roles.review.templates.template import Template

_FILLED_LATER: Final = re.compile(r"\$\{AWS::(?:AccountId|Partition)\}")
_LITERAL: Final = "literal"
"""The key of a string that looks like a placeholder, and is none. Nothing can read it."""


def certain_text(value: Any, template: Template) -> str | None:
    """Return the text that a value certainly is, with placeholders for pseudo parameters.

    It is ``None`` if the value is not certain, or contains anything else that the templates do not
    have, such as a generated name, or the account of a StackSet instead of that of its stacks.
    """
    return _text(evaluate(value, template).certain, template)


def filled_text(value: Any, template: Template) -> str | None:
    """Return the text that a value certainly is; ``None`` if it is not certain."""
    return _filled(evaluate(value, template).certain, template)


def filled(value: Any, template: Template) -> Any:
    """Return a value with every function replaced whose result is certain; any other stays.

    What depends on the account becomes a placeholder: ``${AWS::AccountId}``, ``${AWS::Partition}``.
    """
    if isinstance(value, list):
        return [filled(element, template) for element in value]
    if isinstance(value, str):
        return {_LITERAL: value} if _looks_like_placeholder(value) else value
    if not isinstance(value, dict):
        return value
    if is_call(value):
        found = evaluate(value, template).certain
        text = _filled(found, template)
        if found is None or text is None:
            return value
        literals = [part for part in found if isinstance(part, str)]
        return {_LITERAL: text} if any(map(_looks_like_placeholder, literals)) else text
    return {key: filled(member, template) for key, member in value.items()}


def tags_of(logical_id: str, template: Template) -> Iterator[tuple[str | None, str | None]]:
    """Yield the keys and values of a resource's tags; ``None`` for what is not certain.

    Those of the stacks and StackSets that deploy it, which CloudFormation adds, come first.
    """
    yield from template.tags.items()
    if template.parent is not None:
        yield from tags_of(template.deployed_by, template.parent)
    if logical_id in template.resources:
        for tag in map(as_mapping, as_list(template.properties(logical_id).get("Tags", []))):
            yield filled_text(tag.get("Key"), template), filled_text(tag.get("Value"), template)


def _text(found: Certain | None, template: Template) -> str | None:
    if found is None or not all(
        isinstance(part, str) or (part.name in SHAPES and part.template is template.member)
        for part in found
    ):
        return None
    return written(found)


def _filled(found: Certain | None, template: Template) -> str | None:
    text = _text(found, template)
    # Other pseudo parameters, such as the Region, are not known.
    return text if text is not None and "${AWS::" not in _FILLED_LATER.sub("", text) else None


def _looks_like_placeholder(text: str) -> bool:
    return _FILLED_LATER.search(text) is not None
