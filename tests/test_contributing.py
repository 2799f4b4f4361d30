"""CONTRIBUTING.md names what is there: each target, each part and folder, each file to edit."""

import re

import pytest

from tests.test_layers import FLOORS
from tests.tools.test_makefile import TARGETS
from tools.sandbox.cdk import ROOT

GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
CHECKLISTS = GUIDE[GUIDE.index("## Checklists") :]


def section(heading: str) -> str:
    """Return what is under a heading, up to the next one."""
    found = re.search(
        rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", GUIDE, re.MULTILINE | re.DOTALL
    )
    assert found
    return found[1]


def cells(text: str, column: int) -> list[str]:
    """Return the code spans in a column of the tables of a text, in order."""
    rows = [row.split("|") for row in text.splitlines() if row.startswith("|")]
    return [name for row in rows for name in re.findall("`([^`]+)`", row[column])]


def test_table_of_targets_names_every_target_once() -> None:
    assert len(TARGETS) > 10
    assert sorted(cells(section("Targets by task"), 2)) == sorted(TARGETS)


def test_every_target_that_a_text_names_exists() -> None:
    named = set(re.findall(r"make ([a-z-]+)", GUIDE)) - {"is"}
    assert named <= TARGETS


def test_table_of_parts_has_every_part_in_the_order_of_the_layers() -> None:
    parts, _ = section("Layout").split("| folder |")
    names = cells(parts, 1)
    assert [name.removesuffix(".py").removesuffix("/") for name in names] == FLOORS
    for name in names:
        path = ROOT / "pump_roles" / name
        assert path.is_dir() if name.endswith("/") else path.is_file()


def test_table_of_folders_has_every_folder_with_code_or_documents() -> None:
    _, folders = section("Layout").split("| folder |")
    listed = {name for name in cells(folders, 1) if (ROOT / name).is_dir()}
    assert listed == {
        f"{folder.relative_to(ROOT)}/"
        for folder in (*ROOT.iterdir(), *(ROOT / "tools").iterdir())
        if folder.is_dir()
        and folder.name not in {"pump_roles", "node_modules", "dist", "cdk.out"}
        and re.match("[a-z]", folder.name)
    }


NAMED = re.findall(r"`([a-z_]+/[\w./-]+|[\w-]+\.(?:json|md))`", GUIDE)
INSTEAD = {"KIND": "read-only", "NAME": "no-selling"}


@pytest.mark.parametrize("path", sorted(set(NAMED)))
def test_every_file_that_is_named_exists(path: str) -> None:
    for placeholder, name in INSTEAD.items():
        path = path.replace(placeholder, name)
    found = [path, f"pump_roles/report/{path}"]
    assert any((ROOT / name).exists() for name in found)


@pytest.mark.parametrize("heading", re.findall("^### (.*)$", CHECKLISTS, re.MULTILINE))
def test_numbers_of_files_are_those_of_the_checklist(heading: str) -> None:
    steps = re.findall(r"^[0-9]+\. `([^`]+)`", section(heading), re.MULTILINE)
    pages = [path for path in steps if path.endswith(".md")]
    (said,) = re.findall(
        rf"^\| {re.escape(heading.lower())} \| (\d+) \| (\d+) \|",
        section("How many files"),
        re.MULTILINE,
    )
    assert said == (str(len(steps)), str(len(pages)))
