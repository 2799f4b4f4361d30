"""make installs only what a target needs, and runs what CI runs; pages name only its targets."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.sandbox.cdk import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
# The changelog says what earlier versions had.
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")} - {ROOT / "CHANGELOG.md"})
REQUIREMENTS = ("requirements.txt", "requirements-review.txt", "requirements-dev.txt")


@pytest.fixture
def plan(tmp_path: Path) -> list[str]:
    """The commands that `make setup`, `setup-review`, and `demo` would run in a fresh clone."""
    for name in ("Makefile", "package.json", "package-lock.json", *REQUIREMENTS):
        shutil.copy(ROOT / name, tmp_path)
    return [
        subprocess.run(
            ["make", "--dry-run", target], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for target in ("setup", "setup-review", "demo")
    ]


def test_setup_for_a_deployment_installs_nothing_for_development(plan: list[str]) -> None:
    installed = [re.findall(r"--requirement (\S+)", commands) for commands in plan]
    assert installed == [list(REQUIREMENTS[:count]) for count in (1, 2, 3)]
    npm = [re.findall(r"npm ci.*", commands) for commands in plan]
    assert npm == [["npm ci --omit=dev"], ["npm ci --omit=dev"], ["npm ci --omit=dev", "npm ci"]]
    assert ["--editable ." in commands for commands in plan] == [False, True, True]


def test_deployment_needs_no_npm_package_but_the_cdk_cli() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    needed = {place for place, package in lock.items() if not package.get("dev")}
    assert needed - {"node_modules/fsevents"} == {"", "node_modules/aws-cdk"}


def pins(name: str) -> set[str]:
    """Return the packages of a requirements file, with their versions."""
    return set(re.findall(r"^([a-z0-9-]+==[^ ]+) ", (ROOT / name).read_text(), re.MULTILINE))


def test_each_requirements_file_agrees_with_the_ones_that_are_installed_after_it() -> None:
    deploy, review, develop = map(pins, REQUIREMENTS)
    assert len(deploy) == 17
    assert deploy < develop
    assert review < develop


def test_makefile_has_each_target_that_a_page_names() -> None:
    for page in PAGES:
        named = re.findall(r"(?:`|^ *)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)
        assert set(named) <= TARGETS, page
