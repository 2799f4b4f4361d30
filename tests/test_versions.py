"""The constructs work with the lowest aws-cdk-lib that the package accepts, and with the newest.

``make versions`` runs this. It installs packages, so ``make check`` does not.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.sandbox.cdk import ROOT, tool_environment

pytestmark = pytest.mark.versions

REQUIRED = re.findall(
    r'"((?:aws-cdk-lib|constructs)>=([^,]+),[^"]+)"', (ROOT / "pyproject.toml").read_text("utf-8")
)
"""The two packages that the library needs: what it accepts, and the lowest version."""


@pytest.mark.parametrize("resolution", ["lowest-direct", "highest"])
def test_constructs_work_with_the_version(resolution: str, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    python = environment / "bin" / "python"
    uv = [str(Path(sys.executable).parent / "uv")]
    install = [*uv, "pip", "install", "--quiet", "--python", str(python)]
    assert len(REQUIRED) == 2
    for command in (
        [*uv, "venv", "--quiet", "--python", sys.executable, str(environment)],
        [*install, "--no-deps", "--requirement", str(ROOT / "requirements-dev.txt")],
        [*install, "--upgrade", "--resolution", resolution, *(accepts for accepts, _ in REQUIRED)],
    ):
        subprocess.run(command, check=True)
    installed = subprocess.run(
        [*uv, "pip", "freeze", "--python", str(python)], capture_output=True, text=True, check=True
    ).stdout
    if resolution == "lowest-direct":
        lowest = [f"{accepts.partition('>')[0]}=={version}" for accepts, version in REQUIRED]
        assert {line.removesuffix(".0") for line in lowest} <= {
            line.removesuffix(".0") for line in installed.splitlines()
        }
    ended = subprocess.run(
        [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/constructs"],
        cwd=ROOT,
        env={
            **tool_environment(),
            "PATH": os.pathsep.join((str(python.parent), os.environ["PATH"])),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-5_000:]
