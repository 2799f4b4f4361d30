"""The changelog is built from fragments by towncrier, as ``make release-check`` expects it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.sandbox.cdk import ROOT

FRAGMENTS = sorted((ROOT / "changelog.d").glob("*.md"))


def towncrier(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "towncrier", "build", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the changelog, and its fragments."""
    for name in ("CHANGELOG.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "changelog.d", tmp_path / "changelog.d")
    return tmp_path


def test_release_has_each_fragment_once_above_the_earlier_ones(project: Path) -> None:
    earlier = project / "changelog.d" / "+earlier.fixed.md"
    earlier.write_text("An earlier one.\n")
    for version, date in (("0.8.0", "2026-11-26"), ("0.9.0", "2026-12-26")):
        ended = towncrier(project, "--yes", "--version", version, "--date", date)
        assert ended.returncode == 0, ended.stderr
        (project / "changelog.d" / "+later.fixed.md").write_text("A later one.\n")
    lines = (project / "CHANGELOG.md").read_text("utf-8").splitlines()
    headings = [line for line in lines if line.startswith("## ")]
    assert headings[:2] == ["## [0.9.0] - 2026-12-26", "## [0.8.0] - 2026-11-26"]
    text = {line.strip().removeprefix("- ") for line in lines}
    for fragment in FRAGMENTS:
        added = fragment.read_text("utf-8").splitlines()
        assert {line.strip().removeprefix("- ") for line in added} <= text


def test_fragment_of_an_unknown_type_is_rejected(project: Path) -> None:
    draft = ("--draft", "--version", "0.9.0")
    assert towncrier(project, *draft).returncode == 0
    (project / "changelog.d" / "+a.feature.md").write_text("A feature.\n")
    assert "Invalid news fragment name: +a.feature.md" in towncrier(project, *draft).stderr
