"""The changelog is built from fragments by towncrier."""

import shutil
import subprocess
import sys
from pathlib import Path

from tools.sandbox.cdk import ROOT


def test_draft_has_each_fragment_and_rejects_one_of_an_unknown_type(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    fragments = shutil.copytree(ROOT / "changelog.d", tmp_path / "changelog.d")

    def draft() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "0.9.0"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    text = {line.strip().removeprefix("- ") for line in draft().stdout.splitlines()}
    for fragment in fragments.glob("*.md"):
        added = fragment.read_text("utf-8").splitlines()
        assert {line.strip().removeprefix("- ") for line in added} <= text
    (fragments / "+a.feature.md").write_text("A feature.\n")
    assert "Invalid news fragment name: +a.feature.md" in draft().stderr
