"""Builds the documentation as a website: the pages, the Python API, and the published roles."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pump_roles
from pump_roles import pump_side
from tools.sandbox.cdk import ROOT

_PAGES: Final = ("*.md", "cloudformation/*.md", "docs/**/*.md", "examples/*.md")
_SHIM: Final = "iframe-worker.js"
"""With it, the search also works in a folder that is opened without a server."""
_API: Final = (
    *("roles", "stacks", "rollouts", "protection", "commitment_alarm", "approval_end"),
    *("customer_roles", "guardrails", "external_ids", "probe", "validators"),
)
"""The modules of the Python API, in the order of its page: what a customer deploys comes first."""


def collect(source: Path) -> None:
    """Copy the pages to a folder, with the files that they link to, and add those that are made."""
    for page in (page for pattern in _PAGES for page in ROOT.glob(pattern)):
        links = re.findall(r"\]\(([^)#:]+)", page.read_text())
        for file in (page, *((page.parent / link).resolve() for link in links)):
            if file.is_file():
                copy = source / file.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
    shutil.copyfile(ROOT / "node_modules/iframe-worker/shim/index.js", source / _SHIM)
    (source / "api.md").write_text(_api())
    _run("pump_roles", "report", "--output", str(source / "published-roles.html"))


def build(source: Path, site: Path) -> None:
    """Build the site from the pages of a folder."""
    options = ("--strict", "--config-file", "tools/site/mkdocs.yml", "--site-dir", str(site))
    _run("mkdocs", "build", *options, SOURCE=str(source))


def main() -> int:
    try:
        with TemporaryDirectory() as folder:
            collect(Path(folder))
            build(Path(folder), ROOT / "site")
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


def _api() -> str:
    public = {
        f"{room.__name__}.{name}": getattr(room, name)
        for room in (pump_roles, pump_side)
        for name in room.__all__
    }
    described = [name for name, value in public.items() if callable(value) and value.__doc__]
    described.sort(key=lambda name: _API.index(public[name].__module__.rpartition(".")[2]))
    return "# Python API\n\n" + "".join(f"::: {name}\n\n" for name in described)


def _run(module: str, *arguments: str, **variables: str) -> None:
    # mkdocs-material advertises its successor.
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"} | variables
    subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, env=environment, check=True
    )


if __name__ == "__main__":
    sys.exit(main())
