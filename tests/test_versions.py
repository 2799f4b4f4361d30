"""The wheel works with the lowest aws-cdk-lib that the package accepts, and with the newest.

``make versions`` runs this. It installs packages, so ``make check`` does not.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools.sandbox.cdk import ROOT, tool_environment

pytestmark = pytest.mark.versions

REQUIRED = re.findall(
    r'"((?:aws-cdk-lib|constructs)>=([^,]+),[^"]+)"', (ROOT / "pyproject.toml").read_text("utf-8")
)
"""The two packages that the library needs: what it accepts, and the lowest version."""

UV = str(Path(sys.executable).parent / "uv")


def environment(folder: Path, *installs: tuple[str, ...]) -> Path:
    """Create an environment with some packages, and return its Python."""
    python = folder / "bin" / "python"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    for packages in installs:
        install = [UV, "pip", "install", "--quiet", "--python", str(python)]
        subprocess.run([*install, *packages], check=True)
    return python


def installed(python: Path) -> Mapping[str, str]:
    """Return the version of each package of an environment, without a ``.0`` at its end."""
    listed = [UV, "pip", "list", "--format", "json", "--python", str(python)]
    ended = subprocess.run(listed, capture_output=True, text=True, check=True)
    return {each["name"]: each["version"].removesuffix(".0") for each in json.loads(ended.stdout)}


def run(python: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), *arguments],
        cwd=folder,
        env={
            **tool_environment(),
            "PATH": os.pathsep.join((str(python.parent), os.environ["PATH"])),
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("resolution", ["lowest-direct", "highest"])
def test_wheel_works_with_the_version(resolution: str, wheel: Path, tmp_path: Path) -> None:
    assert len(REQUIRED) == 2
    resolved = ("--resolution", resolution, *(accepts for accepts, _ in REQUIRED))
    alone = environment(tmp_path / "alone", (*resolved, str(wheel)))
    ended = run(
        alone, str(ROOT / "tests" / "wheel_app.py"), str(ROOT / "cdk.json"), folder=tmp_path
    )
    assert ended.stdout == "as expected\n", ended.stderr[-5_000:]

    tested = environment(
        tmp_path / "tested",
        ("--no-deps", "--requirement", str(ROOT / "requirements-dev.txt")),
        ("--no-deps", str(wheel)),
        ("--upgrade", *resolved),
    )
    # The same files without the package, so that the tests import the wheel's.
    project = tmp_path / "project"
    project.mkdir()
    for each in ROOT.iterdir():
        if each.name not in {"pump_roles", ".venv", ".git"}:
            (project / each.name).symlink_to(each)
    where = run(tested, "-c", "import pump_roles; print(pump_roles.__file__)", folder=project)
    assert where.stdout.startswith(str(tested.parent.parent))
    for python in (alone, tested):
        versions = installed(python)
        if resolution == "lowest-direct":
            lowest = {accepts.partition(">")[0]: version for accepts, version in REQUIRED}
            assert lowest.items() <= versions.items()
        assert ("msgspec" in versions) == (python == tested)
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/constructs", "tests/snapshot")
    ended = run(tested, *command, folder=project)
    assert ended.returncode == 0, ended.stdout[-5_000:]
