"""make installs only what a target needs, and runs what CI runs; pages name only its targets."""

import json
import os
import re
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.support import on_terminal
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


@pytest.mark.parametrize("configured", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_npx_downloads_no_cdk_cli_before_make_setup(tmp_path: Path, *, configured: bool) -> None:
    """Without the project's configuration, it asks, and would download the newest."""
    if configured:
        shutil.copy(ROOT / ".npmrc", tmp_path)
    (tmp_path / "package.json").write_text("{}")
    package = {"name": "cdk", "version": "9.9.9", "bin": {"cdk": "cdk.js"}, "dist": {}}
    newest = {"name": "cdk", "dist-tags": {"latest": "9.9.9"}, "versions": {"9.9.9": package}}

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(newest).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        own = {
            "HOME": str(tmp_path),
            "npm_config_registry": f"http://127.0.0.1:{server.server_port}",
        }
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        ended, shown = on_terminal(
            ["npx", "cdk", "--version"],
            environment={"PATH": path, **own},
            folder=tmp_path,
            typed="n\n",
        )
        server.shutdown()
    assert ended.returncode != 0
    assert ("Ok to proceed?" in shown) != configured, shown
    assert "canceled" in shown
