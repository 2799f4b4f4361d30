"""The schemas are complete: every member of every type, described, and no others."""

import json
from dataclasses import dataclass
from typing import Literal

import pytest
from jsonschema import Draft202012Validator

from tools.release.schemas import SCHEMAS, schema
from tools.sandbox.cdk import ROOT


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part.

    :param name: its ``name``.
    """

    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A whole.

    More about it.

    :param kind: what it is, in
        two lines.
    :param parts: its parts.
    """

    parts: tuple[Part, ...]
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True, kw_only=True)
class Undescribed:
    """Something.

    :param one: one of two.
    """

    one: str
    other: str


def test_schema_has_what_the_docstrings_say() -> None:
    made = json.loads(schema(Whole, "A test"))
    assert made["title"] == "A test"
    assert made["description"].startswith("A whole. More about it. A version that adds")
    assert list(made["properties"]) == made["required"] == ["kind", "parts"]
    assert made["properties"]["kind"] == {
        "enum": ["a", "b"],
        "description": "What it is, in two lines.",
    }
    assert made["$defs"]["Part"]["required"] == ["name"]
    assert made["$defs"]["Part"]["properties"]["name"] == {
        "type": "string",
        "description": 'Its "name".',
    }


def test_member_without_a_description_is_an_error() -> None:
    with pytest.raises(ValueError, match="Undescribed: without a description: other"):
        schema(Undescribed, "A test")


@pytest.mark.parametrize("path", SCHEMAS)
def test_schema_is_valid_and_complete(path: str) -> None:
    document = json.loads((ROOT / path).read_text())
    Draft202012Validator.check_schema(document)
    types = [document, *document["$defs"].values()]
    assert len(types) > 1
    for described in types:
        assert described["type"] == "object"
        assert described["additionalProperties"] is False
        assert described["description"]
        assert all(member["description"] for member in described["properties"].values())


def test_every_schema_is_generated() -> None:
    found = {
        str(file.relative_to(ROOT))
        for folder in ("pump_roles", "tools")
        for file in ROOT.joinpath(folder).rglob("*.schema.json")
    }
    assert found == set(SCHEMAS)
