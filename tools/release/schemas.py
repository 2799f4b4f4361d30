"""Generates the JSON schemas from the types of what is written."""

import json
import re
from collections.abc import Collection, Mapping
from inspect import cleandoc
from typing import Any, Final

import msgspec

from pump_roles.review.account.activity_result import Activity
from pump_roles.review.account.probe import ProbeReport
from pump_roles.review.account.verification import Verification
from pump_roles.review.output.messages import MESSAGES
from pump_roles.review.report import Report
from pump_roles.review.report.inventory import Inventory
from pump_roles.role.unknowns import Unknown

_COMMANDS: Final = {
    "report": Report,
    "verify": Verification,
    "activity": Activity,
    "probe": ProbeReport,
}

SCHEMAS: Final[Mapping[str, tuple[Any, str]]] = {
    f"pump_roles/review/output/{command}.schema.json": (
        type_,
        f"The output of pump-roles {command} --format json",
    )
    for command, type_ in _COMMANDS.items()
}
"""The type and the title of each schema, by the schema's path."""

_UNKNOWN: Final = {type_.__name__ for type_ in Unknown.__subclasses__()}

_WORDED: Final = {*MESSAGES, *_UNKNOWN}
_MESSAGE: Final = {
    "type": "string",
    "description": "What this means in words: the sentence of every other format.",
}

_NOTE: Final = (
    "A version that adds or removes a member, or changes its meaning, has another number. Texts in "
    "words, such as descriptions and reasons, are for people to read; their wording may change. "
    "External IDs are never included."
)
_REFERENCE: Final = re.compile(r'"#/\$defs/(\w+)"')
_MEMBER: Final = re.compile(r"^:param (\w+): (.*?)\s*(?=^:param |\Z)", re.MULTILINE | re.DOTALL)


def schema(type_: Any, title: str) -> bytes:
    """Return the JSON schema of a type: all its members, no others, and what its docstrings say."""
    whole, known = _described(type_, "#/$defs/", _WORDED)
    if Inventory.__name__ in known:
        # What is kept has no messages, so its types are others.
        kept, inside = _described(Inventory, f"#/$defs/{Inventory.__name__}/$defs/", set())
        known[Inventory.__name__] = {**kept, "$defs": inside}
        known = {name: known[name] for name in known if name in _used(whole, known)}
    whole |= {"title": title, "description": f"{whole['description']} {_NOTE}"}
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "$defs": known}
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _described(
    type_: Any, prefix: str, worded: Collection[str]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the schema of a type, and those of the types in it, by name.

    :param prefix: what comes before the name of a type in a reference to it.
    :param worded: the names of those that have a message.
    """
    [root], known = msgspec.json.schema_components([type_], ref_template=f"{prefix}{{name}}")
    for name, described in known.items():
        if "properties" in described:
            _complete(described)
        if name in worded:
            described["properties"] = {"message": _MESSAGE, **described["properties"]}
            described["required"] = ["message", *described["required"]]
    return known.pop(root["$ref"].removeprefix(prefix)), known


def _used(whole: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> set[str]:
    found, left = set[str](), [whole]
    while left:
        names = {*_REFERENCE.findall(json.dumps(left.pop()))} - found
        found |= names
        left += [known[name] for name in names]
    return found


def _complete(described: dict[str, Any]) -> None:
    documentation = cleandoc(described["description"])
    about, _, _ = documentation.partition("\n\n:param ")
    if described["title"] in _UNKNOWN:
        # The members are those of the base.
        documentation = cleandoc(Unknown.__doc__ or "")
    texts = {name: _plain(text) for name, text in _MEMBER.findall(documentation)}
    # In the order of the type. A member with a default is always written, too.
    members = {name: described["properties"].pop(name) for name in texts}
    if left := described["properties"]:
        raise ValueError(f"{described['title']}: without a description: {', '.join(left)}")
    optional = members.keys() - set(described["required"])
    for name, member in members.items():
        if "default" in member:
            del member["default"]
            optional.discard(name)
        member["description"] = texts[name]
    described |= {
        "description": _plain(about),
        "properties": members,
        "required": [name for name in members if name not in optional],
        "additionalProperties": False,
    }


def _plain(text: str) -> str:
    text = " ".join(text.replace("``", '"').split())
    return f"{text[:1].upper()}{text[1:]}"
