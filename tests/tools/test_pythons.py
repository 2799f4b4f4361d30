"""`make pythons` runs a target on each Python; every place promises the same ones."""

import os
import re
import subprocess
from pathlib import Path
from shutil import which

import pytest

from tools.sandbox import pythons
from tools.sandbox.cdk import ROOT


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """More Pythons on this machine, of which some cannot run the project."""
    for file, program in (
        ("path/python3", "echo 3 9 $0"),
        ("path/python3.12", "echo 3 12 $0"),
        ("path/python3.28", "exit 127"),
        ("project/.venv/bin/python3.29", "echo 3 29 $0"),
        ("pyenv/versions/3.10.1/bin/python3", "echo 3 27 $0"),
    ):
        python = tmp_path / file
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text(f"#!/bin/sh\n{program}\n")
        python.chmod(0o755)
    # Without this machine's own.
    (tmp_path / "programs").mkdir()
    for program in ("git", "make", "sh"):
        (tmp_path / "programs" / program).symlink_to(str(which(program)))
    folders = [str(tmp_path / name) for name in ("project/.venv/bin", "path", "programs")]
    monkeypatch.setenv("PATH", os.pathsep.join(folders))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setattr(pythons, "ROOT", tmp_path / "project")
    return tmp_path


def test_runs_a_target_on_each_python_that_can_run_the_project(
    machine: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = pythons.pythons()
    assert found[3, 12] == str(machine / "path/python3.12")
    assert found[3, 27] == str(machine / "pyenv/versions/3.10.1/bin/python3")
    assert not found.keys() & {(3, 9), (3, 28), (3, 29)}
    project = machine / "project"
    recipe = '@pwd; case "$(PYTHON)" in */python3.12) exit 1;; esac'
    (project / "Makefile").write_text(f"test:\n\t{recipe}\n")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", "-C", str(project)]
    for arguments in (["init", "-q"], ["add", "Makefile"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *arguments], check=True)
    assert pythons.main(["test"]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert "3.12 FAILED, " in lines[-1]
    assert lines[-1].endswith("3.27 passed")
    assert any(line.endswith("/a clone") for line in lines)


def test_every_place_promises_the_same_pythons() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    promised = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)
    lowest, newest = promised[0], promised[-1]
    minors = [int(version.removeprefix("3.")) for version in promised]
    assert minors == [*range(pythons.LOWEST[1], minors[-1] + 1)]
    assert f'requires-python = ">={lowest}"' in project
    assert f'target-version = "py{lowest.replace(".", "")}"' in project
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert f"sys.version_info < ({lowest.replace('.', ', ')})" in makefile
    assert f"--python-version {lowest} " in makefile
    workflow = (ROOT / ".github/workflows/check.yml").read_text("utf-8")
    assert f'python: ["{lowest}", "{newest}"]\n' in workflow
    page = (ROOT / "README.md").read_text("utf-8")
    assert f"Python {lowest} to {newest}" in page
