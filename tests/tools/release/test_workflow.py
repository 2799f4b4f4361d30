"""The workflows: what they can do, and the shell steps of a release, run in a copy of the project.

They have never run on GitHub.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pump_roles import __version__
from pump_roles.review.output.json_documents import as_json
from tests.support import bash, other_commands
from tools.release.manifest import MANIFESTS, current
from tools.sandbox.cdk import ROOT

TEXT = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
CHECK = (ROOT / ".github" / "workflows" / "check.yml").read_text("utf-8")
EXAMPLES = sorted((ROOT / "examples" / "ci").glob("github-*.yml"))
# YAML 1.1 reads the key "on" as true.
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]

NOT_RUN = {"make setup-develop", "make check"}
"""What needs a network, and this very test suite."""

STAMPS = (".deploy", ".review", ".develop")
"""The files by which make finds that a folder is complete, in the order of the setup."""

GH = """\
#!/usr/bin/env bash
printf '%s\\n' "$@" > "$GH_LOG"
"""
"""Stands in for the GitHub CLI, and writes down its arguments."""


def uses(job: str) -> list[str]:
    """Return the names of the actions that a job uses, in order."""
    return [step["uses"].partition("@")[0] for step in JOBS[job]["steps"] if "uses" in step]


def run(job: str, folder: Path, **variables: str) -> list[subprocess.CompletedProcess[str]]:
    """Run the shell steps of a job until one fails, without those in :data:`NOT_RUN`."""
    ended = []
    for step in JOBS[job]["steps"]:
        if "run" in step and step["run"] not in NOT_RUN:
            environment = {
                name: variables["TAG"] if name == "TAG" else "" for name in step.get("env", {})
            }
            where = folder / step.get("working-directory", ".")
            ended.append(bash(step["run"], where, **variables | environment))
            if ended[-1].returncode:
                break
    return ended


def test_each_job_has_the_least_permissions() -> None:
    assert WORKFLOW["permissions"] == {}
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "build": {"contents": "read"},
        "publish": {"attestations": "write", "id-token": "write"},
        "release": {"contents": "write"},
    }
    assert "secrets." not in TEXT


def test_publishing_jobs_wait_for_tests_and_approval_and_run_no_project_code() -> None:
    assert (JOBS["publish"]["needs"], JOBS["publish"]["environment"]) == ("build", "release")
    assert JOBS["release"]["needs"] == "publish"
    assert "environment" not in JOBS["build"]
    assert "actions/checkout" in uses("build")
    assert uses("publish") == [
        *("actions/download-artifact", "actions/attest", "pypa/gh-action-pypi-publish"),
    ]
    assert uses("release") == ["actions/download-artifact", "actions/download-artifact"]
    for job in ("publish", "release"):
        commands = " ".join(step.get("run", "") for step in JOBS[job]["steps"])
        assert not re.search("make|python|pip|npm", commands)


def test_every_action_is_pinned_to_a_commit_with_its_version_in_a_comment() -> None:
    versions: dict[str, set[str]] = {}
    for text in (TEXT, CHECK, *(file.read_text("utf-8") for file in EXAMPLES)):
        lines = re.findall(r"^\s+(?:- )?uses: (.*)$", text, re.MULTILINE)
        assert len(lines) == text.count(" uses: ")
        for line in lines:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)
            versions.setdefault(line.partition("@")[0], set()).add(line)
    assert {len(lines) for lines in versions.values()} == {1}


def test_no_github_expression_is_in_a_shell_script() -> None:
    assert [step["run"] for step in STEPS if "${{" in step.get("run", "")] == []


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the project as `make setup-develop` leaves it."""
    folder = tmp_path / "checkout"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for path in filter(None, listed.stdout.split("\0")):
        if (ROOT / path).is_file():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, folder / path)
    for command in (("init",), ("add", "--all")):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    # Folders of its own, of which make finds that they are complete: it must not set up these ones.
    for name, complete in ((".venv", Path(sys.prefix)), ("node_modules", ROOT / "node_modules")):
        (folder / name).mkdir()
        for entry in complete.iterdir():
            if entry.name not in STAMPS:
                (folder / name / entry.name).symlink_to(entry)
        for stamp in STAMPS:
            (folder / name / stamp).touch()
    return folder


@pytest.fixture
def checkout(clone: Path) -> Path:
    """A copy of the project with a version that is prepared."""
    for name in ("CHANGELOG.md", "PERMISSIONS.md"):
        (clone / name).write_text(
            f"# A changelog\n\n## [Unreleased]\n\n## [{__version__}] - 2020-01-01\n\n- First.\n"
        )
    for folder in (MANIFESTS, "changelog.d"):
        shutil.rmtree(clone / folder, ignore_errors=True)
    (clone / MANIFESTS).mkdir()
    (clone / MANIFESTS / f"{__version__}.json").write_text(as_json(current()))
    return clone


@pytest.mark.slow
def test_make_prepares_a_release_that_the_check_accepts(clone: Path) -> None:
    def make(*arguments: str) -> str:
        ended = subprocess.run(
            ["make", *arguments], cwd=clone, capture_output=True, text=True, check=False
        )
        return "" if ended.returncode == 0 else ended.stderr

    shutil.rmtree(clone / MANIFESTS, ignore_errors=True)
    text = (clone / "PERMISSIONS.md").read_text()
    dated = "## [Unreleased]\n\n## [99.0.0] - 2026-11-26\n"
    (clone / "PERMISSIONS.md").write_text(text.partition("## [")[0] + dated)
    assert "pass a version, such as: make release VERSION=0.2.0" in make("release")
    assert "99.0.0 is not the version" in make("release-check", "VERSION=99.0.0")
    assert make("release", "VERSION=99.0.0") == ""
    assert make("release-check", "VERSION=99.0.0") == ""
    assert "pump_roles-99.0.0-py3-none-any.whl" in (clone / "docs" / "deploy.md").read_text()
    assert "already produced newsfiles for this version" in make("release", "VERSION=99.0.0")
    assert "is not higher than the original version" in make("release", "VERSION=98.0.0")


def artifacts(job: str, kind: str) -> dict[str, str]:
    """Return the folders of the artifacts that a job uploads or downloads, by their names."""
    return {
        step["with"]["name"]: step["with"]["path"]
        for step in JOBS[job]["steps"]
        if f"/{kind}-artifact@" in step.get("uses", "")
    }


def carry_over(checkout: Path, job: str, machine: Path) -> None:
    """Copy the artifacts that a job downloads from where the job `build` uploads them."""
    uploaded = artifacts("build", "upload")
    for name, folder in artifacts(job, "download").items():
        shutil.copytree(checkout / uploaded[name], machine / folder)


@pytest.mark.slow
def test_job_builds_and_the_other_ones_check_and_release_what_it_built(
    checkout: Path, tmp_path: Path
) -> None:
    tag = f"v{__version__}"
    for ended in run("build", checkout, TAG=tag):
        assert ended.returncode == 0, ended.stderr
    notes = (checkout / "notes" / "notes.md").read_text()
    assert notes == "\n## PERMISSIONS.md\n\n- First.\n\n## CHANGELOG.md\n\n- First.\n"

    publisher, releaser = tmp_path / "publisher", tmp_path / "releaser"
    carry_over(checkout, "publish", publisher)
    carry_over(checkout, "release", releaser)
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "gh").write_text(GH)
    (commands / "gh").chmod(stat.S_IRWXU)
    path = os.pathsep.join([str(commands), other_commands()])
    log = tmp_path / "gh.log"
    for ended in run("publish", publisher, TAG=tag):
        assert ended.returncode == 0, ended.stderr
    assert not (publisher / "notes").exists()
    for ended in run("release", releaser, TAG=tag, PATH=path, GH_LOG=str(log)):
        assert ended.returncode == 0, ended.stderr
    assert {file.name for file in (publisher / "registry").iterdir()} == {
        f"pump_roles-{__version__}-py3-none-any.whl",
        f"pump_roles-{__version__}.tar.gz",
    }
    files = sorted(f"dist/{file.name}" for file in (checkout / "dist").iterdir())
    *arguments, title = ("release", "create", tag, "--verify-tag", "--title", "pump-roles ")
    lines = log.read_text().splitlines()
    assert lines[:8] == [*arguments, f"{title}{__version__}", "--notes-file", "notes/notes.md"]
    assert sorted(lines[8:]) == files
    assert len(files) == 12


def test_job_stops_at_a_tag_of_another_version_and_runs_nothing_of_it(checkout: Path) -> None:
    (ended,) = run("build", checkout, TAG=f"v{__version__}$(touch owned)")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"'{__version__}$(touch owned)' is not a version")
    assert not (checkout / "dist").exists()
    assert not (checkout / "owned").exists()


@pytest.mark.parametrize("job", ["publish", "release"])
def test_job_does_not_publish_a_file_that_changed_on_its_way(job: str, tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "pump_roles-0.whl").write_text("changed")
    (tmp_path / "dist" / "SHA256SUMS").write_text(f"{'0' * 64}  pump_roles-0.whl\n")
    (ended,) = run(job, tmp_path, TAG="v0")
    assert ended.returncode == 1
    assert not (tmp_path / "registry").exists()
