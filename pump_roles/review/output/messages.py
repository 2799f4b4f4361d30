"""A result as JSON, with what a terminal shows for each difference, unknown, and note."""

import json
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from inspect import getmro
from typing import Any, Final

from pump_roles.compare.difference import Difference
from pump_roles.inputs import members
from pump_roles.inputs.text import one_line
from pump_roles.review.output.descriptions import describe_difference, describe_unknown
from pump_roles.review.output.report_checks import (
    describe_change,
    describe_finding,
    describe_from_published,
)
from pump_roles.review.output.writers import LONGEST_INDENTED, to_compact_json
from pump_roles.review.report import Finding, ReportChange, RoleReport
from pump_roles.review.report.inventory import Inventory
from pump_roles.role.unknowns import Unknown


def _difference(difference: Difference, owner: object) -> str:
    if isinstance(owner, ReportChange):
        return describe_change(owner)
    if isinstance(owner, RoleReport):
        return describe_from_published(difference)
    return describe_difference(difference)


def _activity_unknown(unknown: Any, _owner: object) -> str:
    # Imported here, as below: a report needs nothing about accounts.
    from pump_roles.review.output.activity_sections import describe_unread  # noqa: PLC0415

    return describe_unread(unknown)


def _verification(verification: Any, _owner: object) -> str:
    from pump_roles.review.output.verify_sections import message_of  # noqa: PLC0415

    return message_of(verification)


MESSAGES: Final[Mapping[str, Callable[[Any, Any], str]]] = {
    "ActivityUnknown": _activity_unknown,
    Difference.__name__: _difference,
    Finding.__name__: describe_finding,
    ReportChange.__name__: lambda change, _: describe_change(change),
    Unknown.__name__: lambda unknown, _: describe_unknown(unknown),
    "Verification": _verification,
}
"""What describes each type that has a sentence, given the value, and the one that it is in."""


def to_json(result: object) -> str:
    """Return a result as JSON: the members of its type, and ``message`` of what has a sentence.

    The ``*.schema.json`` files next to this module are generated from the types. What is longer
    than anyone reads is on one line.
    """
    compact = to_compact_json(_worded(result, None, {}))
    if len(compact) > LONGEST_INDENTED:
        return f"{compact}\n"
    return json.dumps(json.loads(compact), indent=1, ensure_ascii=False) + "\n"


def _worded(value: Any, owner: object, known: dict[int, tuple[object, Any]]) -> Any:
    if isinstance(value, list | tuple):
        texts = {*map(type, value)} <= {str}
        return value if texts else [_worded(element, owner, known) for element in value]
    if isinstance(value, Mapping):
        return {key: _worded(member, owner, known) for key, member in value.items()}
    # What is kept has no sentences: it is read back.
    if isinstance(value, Inventory) or not is_dataclass(value):
        return value
    # Thousands of actions share what decides about them. What is kept cannot lose its id.
    if id(value) in known:
        return known[id(value)][1]
    worded = {name: _worded(member, value, known) for name, member in members(value).items()}
    for type_ in getmro(type(value)):
        if describe := MESSAGES.get(type_.__name__):
            return {"message": one_line(describe(value, owner)), **worded}
    known[id(value)] = value, worded
    return worded
