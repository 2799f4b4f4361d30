"""The schemas list the kinds of the published roles."""

import json
from typing import Any

import pytest

from pump_roles.published import ROLES
from tools.release import schemas
from tools.sandbox.cdk import ROOT


def enums(tree: Any) -> list[list[Any]]:
    """Return every ``enum`` of a schema."""
    if isinstance(tree, list):
        return [found for element in tree for found in enums(element)]
    if not isinstance(tree, dict):
        return []
    own = [tree["enum"]] if "enum" in tree else []
    return own + [found for element in tree.values() for found in enums(element)]


def test_every_schema_that_lists_kinds_is_generated() -> None:
    listing = {
        str(file.relative_to(ROOT))
        for folder in ("pump_roles", "tools/release")
        for file in ROOT.joinpath(folder).rglob("*.schema.json")
        if any(kind in enum for enum in enums(json.loads(file.read_text())) for kind in ROLES)
    }
    assert listing == set(schemas.SCHEMAS)


def test_report_has_at_most_one_role_of_each_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "pump_roles" / "output" / "report.schema.json").read_text()
    assert json.loads(text)["properties"]["roles"]["maxItems"] == len(ROLES)
    monkeypatch.setattr(schemas, "ROLES", {**ROLES, "example": ROLES["read-only"]})
    assert json.loads(schemas.filled(text))["properties"]["roles"]["maxItems"] == len(ROLES) + 1


@pytest.mark.parametrize("path", schemas.SCHEMAS)
def test_schema_lists_every_kind(path: str) -> None:
    lists = [
        enum for enum in enums(json.loads((ROOT / path).read_text())) if enum[0] == "read-only"
    ]
    assert lists
    assert all([kind for kind in enum if kind] == list(ROLES) for enum in lists)


def test_third_kind_is_added_to_each_list_of_kinds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "ROLES", {**ROLES, "example": ROLES["read-only"]})
    kinds = ", ".join(f'"{kind}"' for kind in ROLES)
    before = f'{{"enum": [{kinds}, ""]}}, {{"enum": ["yes", "no"]}}'
    after = f'{{"enum": [{kinds}, "example", ""]}}, {{"enum": ["yes", "no"]}}'
    assert schemas.filled(before) == schemas.filled(after) == after
