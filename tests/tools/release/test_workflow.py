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
from pump_roles.review.output.messages import to_json
from tests.support import bash, other_commands
from tools.release.check import RELEASED, current
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
    assert uses("release") == ["actions/download-artifact"]
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
    """A copy of the project with a version that is prepared and committed."""
    (clone / "CHANGELOG.md").write_text(f"# Changelog\n\n## [{__version__}] - 2020-01-01\n")
    (clone / RELEASED).write_text(to_json(current()))
    commit(clone)
    return clone


def commit(folder: Path) -> None:
    identity = ("-c", "user.name=Someone", "-c", "user.email=someone@example.com")
    for command in (("add", "--all"), ("commit", "--no-verify", "--message", "All")):
        subprocess.run(["git", *identity, *command], cwd=folder, check=True, capture_output=True)


@pytest.mark.slow
def test_make_prepares_a_release_that_the_check_accepts(clone: Path) -> None:
    def make(*arguments: str) -> str:
        ended = subprocess.run(
            ["make", *arguments], cwd=clone, capture_output=True, text=True, check=False
        )
        return "" if ended.returncode == 0 else ended.stderr

    (clone / RELEASED).unlink(missing_ok=True)
    file = clone / "PERMISSIONS.md"
    file.write_text(f"{file.read_text().partition('## [')[0]}## [Unreleased]\n")
    assert "pass a version, such as: make release VERSION=0.2.0" in make("release")
    assert make("release", "VERSION=99.0.0") == ""
    assert "it must begin with [Unreleased], [99.0.0]" in make("release-check")
    file.write_text(f"{file.read_text()}\n## [99.0.0] - 2026-11-26\n")
    assert make("release-check") == ""
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
    for ended in run("release", releaser, TAG=tag, PATH=path, GH_LOG=str(log)):
        assert ended.returncode == 0, ended.stderr
    assert {file.name for file in (publisher / "registry").iterdir()} == {
        f"pump_roles-{__version__}-py3-none-any.whl",
        f"pump_roles-{__version__}.tar.gz",
    }
    files = sorted(f"dist/{file.name}" for file in (checkout / "dist").iterdir())
    *arguments, title = ("release", "create", tag, "--verify-tag", "--title", "pump-roles ")
    lines = log.read_text().splitlines()
    notes = f"dist/pump-roles-{__version__}-permissions-changelog.md"
    assert lines[:8] == [*arguments, f"{title}{__version__}", "--notes-file", notes]
    assert sorted(lines[8:]) == files
    assert len(files) == 14


@pytest.mark.slow
def test_job_stops_at_another_tag_or_version_and_runs_nothing_of_it(checkout: Path) -> None:
    for tag in (f"v{__version__}$(touch owned)", __version__, "v99.0.0"):
        (ended,) = run("build", checkout, TAG=tag)
        assert ended.returncode == 1
    assert not (checkout / "owned").exists()
    report = (checkout / RELEASED).read_text()
    for file, text in (("CHANGELOG.md", ""), (RELEASED, report.replace("ec2:", "ec3:", 1))):
        before = (checkout / file).read_text()
        (checkout / file).write_text(text)
        commit(checkout)
        (ended,) = run("build", checkout, TAG=f"v{__version__}")
        assert ended.returncode == 1
        (checkout / file).write_text(before)
        commit(checkout)
    assert not (checkout / "dist").exists()


@pytest.mark.parametrize("job", ["publish", "release"])
def test_job_does_not_publish_a_file_that_changed_on_its_way(job: str, tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "pump_roles-0.whl").write_text("changed")
    (tmp_path / "dist" / "SHA256SUMS").write_text(f"{'0' * 64}  pump_roles-0.whl\n")
    (ended,) = run(job, tmp_path, TAG="v0")
    assert ended.returncode == 1
    assert not (tmp_path / "registry").exists()
