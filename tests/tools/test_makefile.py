"""make installs only what a target needs, says how long it takes, and runs what CI runs.

The pages, the hooks, and the dev container name only targets that it has.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tools.sandbox.cdk import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
# The changelog says what earlier versions had.
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")} - {ROOT / "CHANGELOG.md"})
REQUIREMENTS = ("requirements.txt", "requirements-review.txt", "requirements-dev.txt")
CHROMIUM = "apt-get install --yes --no-install-recommends chromium"


def recipe(target: str) -> list[str]:
    """Return the lines of a target's recipe."""
    found = re.search(rf"^{re.escape(target)}: .*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert found
    return [line.strip() for line in found[1].splitlines()]


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


@pytest.mark.parametrize(
    ("target", "runs"),
    [
        ("demo", "-m tools.sandbox.demo"),
        ("demo-org", "-m tools.sandbox.demo_organization"),
        ("test", "-m pytest"),
        ("scanners", "-m tools.sandbox.scanners"),
        ("release", "-m tools.release.prepare"),
    ],
)
def test_slow_target_says_first_how_long_it_takes(target: str, runs: str) -> None:
    first, second, *_ = recipe(target)
    assert re.fullmatch(
        r'@echo "This takes about [1-9][0-9]* (seconds|minutes?) on 2 cores\."', first
    )
    assert runs in second


@pytest.mark.parametrize("stamp", [".venv/.deploy", ".venv/.develop"])
def test_setup_says_that_it_happens_once_and_how_long_it_takes(stamp: str) -> None:
    assert any(
        line.startswith('@echo "Setting up once: ') and "(about 30 seconds)" in line
        for line in recipe(stamp)
    )


def test_last_line_of_the_tests_says_whether_there_is_no_browser() -> None:
    assert recipe("test")[-1] == "@$(BIN)/python -m tools.sandbox.browser"


def test_check_runs_what_ci_runs() -> None:
    *_, last = (ROOT / ".ci" / "run").read_text().splitlines()
    assert last == "make check"
    assert re.search(r"^check: lint type test ##", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_makefile_has_each_target_that_a_page_names(page: Path) -> None:
    named = re.findall(r"(?:`|^ *\$ )make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)
    assert set(named) <= TARGETS


def test_hooks_before_a_commit_run_targets_of_make() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    (repository,) = config["repos"]
    for hook in repository["hooks"]:
        make, target = hook["entry"].split()
        assert (make, hook["language"]) == ("make", "system")
        assert target in TARGETS


def test_dev_container_installs_the_browser_of_ci_and_runs_a_target_of_make() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    _, install, setup = container["postCreateCommand"].split(" && ")
    assert install == CHROMIUM
    assert CHROMIUM in (ROOT / ".ci" / "run").read_text()
    assert setup.removeprefix("make ") in TARGETS
