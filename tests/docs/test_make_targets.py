"""The pages name only targets that the Makefile has."""

import re
from pathlib import Path

import pytest

from sandbox.cdk import ROOT

TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
# The changelog says what earlier versions had.
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")} - {ROOT / "CHANGELOG.md"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_makefile_has_each_target_that_a_page_names(page: Path) -> None:
    named = re.findall(r"(?:`|^ *\$ )make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)
    assert set(named) <= TARGETS
