"""Values of a template with all functions evaluated whose result is certain.

What depends on the account stays a placeholder: ``${AWS::AccountId}`` and ``${AWS::Partition}``.
"""

import re
from typing import Any, Final

from pump_roles.iam.trust import OPEN_EXTERNAL_ID, OPEN_PRINCIPAL
from pump_roles.iam.values import is_function
from pump_roles.templates.certain import certain, certain_text
from pump_roles.templates.template import Template

__all__ = ["filled", "filled_text"]

_FILLED_LATER: Final = re.compile(r"\$\{AWS::(?:AccountId|Partition)\}")
_OPEN: Final = (OPEN_PRINCIPAL, OPEN_EXTERNAL_ID)
_LITERAL: Final = "literal"
"""The key of a string that looks like a placeholder, and is none. Nothing can read it."""


def filled(value: Any, template: Template) -> Any:
    """Return a value with every function replaced whose result is certain; any other stays.

    :param value: the value, as in a template.
    :param template: that template.
    """
    if isinstance(value, list):
        return [filled(element, template) for element in value]
    if isinstance(value, str):
        return {_LITERAL: value} if _looks_like_placeholder(value) else value
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and is_function(*value):
        text = filled_text(value, template)
        if text is None:
            return value
        literals = [part for part in certain(value, template) or () if isinstance(part, str)]
        return {_LITERAL: text} if any(map(_looks_like_placeholder, literals)) else text
    return {key: filled(member, template) for key, member in value.items()}


def filled_text(value: Any, template: Template) -> str | None:
    """Return the text that a value certainly is; ``None`` if it is not certain.

    :param value: the value, as in a template.
    :param template: that template.
    """
    text = certain_text(value, template)
    # Other pseudo parameters, such as the Region, are not known.
    return text if text is not None and "${AWS::" not in _FILLED_LATER.sub("", text) else None


def _looks_like_placeholder(text: str) -> bool:
    return text in _OPEN or _FILLED_LATER.search(text) is not None
