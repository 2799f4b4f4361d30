"""The examples for CI run: their shell steps, in a copy of the project, as a CI system does."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from click.testing import CliRunner

from pump_roles.published import ROLES
from pump_roles.review.cli import app
from pump_roles.review.output.json_documents import as_json
from pump_roles.review.report import of_templates
from tests.docs.pages import shown
from tests.review.account.activity.trail import PURCHASES, call, handshake, write
from tests.support import (
    EXTERNAL_ID,
    FROM_PUMP,
    PRINCIPAL,
    STACKS,
    Assembly,
    bash,
    other_commands,
    synthesize,
)
from tools.sandbox.audit import AUDITOR, audited_organization
from tools.sandbox.aws import OWNER, Caller, EmbeddedAws
from tools.sandbox.cdk import ROOT

CI = ROOT / "examples" / "ci"
GITHUB = yaml.safe_load((CI / "github-actions.yml").read_text())
VERIFY = yaml.safe_load((CI / "github-actions-verify.yml").read_text())
GITLAB = yaml.safe_load((CI / "gitlab-ci.yml").read_text())
GUIDE = (ROOT / "docs" / "report.md").read_text()

NEEDS_A_NETWORK = "make setup-review"
COPIED = re.findall(r"```shell\n(.*)\n```", (CI.parent / "README.md").read_text())
"""What takes its place where an example was copied: one line."""

GIVEN = {"principal": PRINCIPAL, "external-id": EXTERNAL_ID}
GUARDED = {**GIVEN, "guardrails": ["recommended"]}


class Ended(NamedTuple):
    """How a job ended."""

    status: int
    errors: list[str]
    summary: str
    not_run: list[str]


def errors_of(ended: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what pump-roles wrote to standard error. The CDK CLI and npm write there too."""
    return [line for line in ended.stderr.splitlines() if line.startswith("pump-roles:")]


def github(folder: Path, workflow: Mapping[str, Any] = GITHUB, **variables: str) -> Ended:
    """Run the job of GitHub Actions."""
    assert workflow["defaults"]["run"]["shell"] == "bash"
    (job,) = workflow["jobs"].values()
    paths, summary = folder / "github-path", folder / "github-summary"
    paths.write_text("")
    summary.write_text("")
    status = 0
    errors: list[str] = []
    not_run: list[str] = []
    for step in job["steps"]:
        if status and not step.get("if", "").startswith("always()"):
            continue
        script = step.get("run", "")
        if not script or script.strip() in {NEEDS_A_NETWORK, *COPIED}:
            not_run.append(script or step["uses"])
            continue
        found = bash(
            script,
            folder,
            PATH=os.pathsep.join([*reversed(paths.read_text().split()), other_commands()]),
            GITHUB_PATH=str(paths),
            GITHUB_STEP_SUMMARY=str(summary),
            **{name: filled(value, variables) for name, value in step.get("env", {}).items()},
            **{name: value for name, value in variables.items() if name.startswith("AWS_")},
        )
        errors += errors_of(found)
        status = status or found.returncode
    return Ended(status, errors, summary.read_text(), not_run)


def filled(value: str, variables: Mapping[str, str]) -> str:
    """Return a value of a workflow, which is a variable of the repository."""
    name = re.fullmatch(r"\$\{\{ (vars|secrets)\.(\w+) \}\}", value)
    assert name
    # A secret that does not exist is an empty text.
    return variables.get(name[2], "") if name[1] == "secrets" else variables[name[2]]


def gitlab(folder: Path) -> Ended:
    """Run the job of GitLab CI, whose lines share a shell."""
    (job,) = GITLAB.values()
    lines = [*job["before_script"], *job["script"]]
    assert lines.count(NEEDS_A_NETWORK) == 1
    lines.remove(NEEDS_A_NETWORK)
    found = bash("\n".join(lines), folder)
    report = folder / "pump-report" / "report.md"
    text = report.read_text() if report.exists() else ""
    return Ended(found.returncode, errors_of(found), text, [NEEDS_A_NETWORK])


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project as `make setup-review` leaves it, but without the CDK CLI.

    The job for a copied example runs that. Here, ``npx`` copies what another process synthesized.
    """
    folder, commands = tmp_path / "checkout", tmp_path / "checkout" / ".venv" / "bin"
    commands.mkdir(parents=True)
    (folder / "pump_roles").symlink_to(ROOT / "pump_roles")
    (commands / "pump-roles").symlink_to(Path(sys.executable).with_name("pump-roles"))
    npx = commands / "npx"
    npx.write_text('#!/bin/sh\n[ "$*" = "cdk synth --quiet" ] && cp -R "$SYNTHESIZED" cdk.out\n')
    npx.chmod(0o755)
    return folder


Configure = Callable[[dict[str, Any]], None]


@pytest.fixture
def configure(checkout: Path, assembly: Assembly, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Set what the copy's settings are, so what the CDK CLI synthesizes."""

    def configured(settings: dict[str, Any]) -> None:
        shutil.rmtree(checkout / "cdk.out", ignore_errors=True)
        monkeypatch.setenv("SYNTHESIZED", str(assembly(settings)))

    return configured


@pytest.mark.slow
def test_job_passes_with_an_accepted_baseline_and_fails_on_a_broader_role(
    checkout: Path, configure: Configure, assembly: Assembly
) -> None:
    baseline, artifact = checkout / "pump-report.json", checkout / "pump-report"
    guarded, plain = (as_json(of_templates(assembly(settings))) for settings in (GUARDED, GIVEN))
    for job, settings, accepted, status, problem in (
        (github, GUARDED, guarded, 0, ""),
        (github, GIVEN, guarded, 3, r" since pump-report\.json: \d+ can broaden access: "),
        (gitlab, GIVEN, guarded, 3, r" since pump-report\.json: \d+ can broaden access: "),
        # To accept it is to commit the artifact's report.
        (gitlab, GIVEN, plain, 0, ""),
        (github, GUARDED, '{"schema": 0}', 1, "pump-report.json: is not a pump-roles report: "),
    ):
        shutil.rmtree(artifact, ignore_errors=True)
        baseline.write_text(accepted, encoding="utf-8")
        configure(settings)
        ended = job(checkout)
        assert (ended.status, len(ended.errors)) == (status, int(status > 0))
        assert re.search(problem, "".join(ended.errors))
        # Whatever the result, a new baseline is offered.
        new = (artifact / baseline.name).read_text("utf-8")
        assert new == (guarded if settings == GUARDED else plain)
        if status != 1:
            assert ended.summary
            assert (artifact / "page.html").exists()
        if job is github:
            assert ended.not_run == [
                *("actions/checkout@v4", "actions/setup-python@v5"),
                *(NEEDS_A_NETWORK, "actions/upload-artifact@v4"),
            ]


@pytest.mark.slow
def test_copied_example_installs_as_its_page_says_and_its_job_passes(
    example: Callable[[str], Path], wheel: Path, tmp_path: Path
) -> None:
    """Without the registry and npm: the packages of the test environment stand in for those."""
    page = (CI.parent / "README.md").read_text()
    copy, install = re.findall(r"^\$ (cp .*|pip install .*)$", page, re.MULTILINE)
    (written,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    clone, vendors = tmp_path / "pump-roles", tmp_path / "vendors"
    clone.mkdir()
    (clone / "examples").symlink_to(CI.parent)
    (clone / "dist").symlink_to(wheel.parent)
    assert bash(copy, clone).returncode == 0
    venv.create(vendors / ".venv", symlinks=True)
    (packages,) = (vendors / ".venv" / "lib").glob("*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    commands = vendors / ".venv" / "bin"
    pip = {"PIP_NO_INDEX": "1", "PIP_PYTHON": str(commands / "python")}
    own = Path(sys.executable).parent
    path = os.pathsep.join((str(own), os.environ["PATH"]))
    installed = bash(install, vendors, PATH=path, **pip)
    assert installed.returncode == 0, installed.stderr
    assert (packages / "pump_roles" / "constructs" / "roles.py").exists()
    # What else the line for the jobs installs.
    (vendors / "node_modules").symlink_to(ROOT / "node_modules")
    for name in ("node", "npx"):
        (commands / name).symlink_to(own / name)
    assert json.loads(written) == {"principal": "PRINCIPAL", "external-id": "EXTERNAL_ID"}
    (vendors / "pump.json").write_text(json.dumps(FROM_PUMP))
    accepted = as_json(of_templates(example("read_only")))
    (vendors / "pump-report.json").write_text(accepted, encoding="utf-8")
    text = (CI / "github-actions.yml").read_text()
    (line,) = COPIED
    assert text.count(NEEDS_A_NETWORK) == 1
    passed = github(vendors, yaml.safe_load(text.replace(NEEDS_A_NETWORK, line)))
    assert (passed.status, passed.errors) == (0, [])
    assert line in passed.not_run
    assert of_templates(vendors / "cdk.out").as_published


@pytest.mark.slow
def test_scheduled_job_passes_until_an_account_differs(
    checkout: Path,
    configure: Configure,
    assembly: Assembly,
    aws: EmbeddedAws,
) -> None:
    aws.caller_in(PRINCIPAL)
    read_only, auto_pilot = (
        (assembly(GUARDED) / f"{stack}.template.json").read_text() for stack in STACKS
    )
    organization = audited_organization(aws, 2, read_only)
    aws.deploy("PumpReadOnly", read_only)
    for caller in (OWNER, *map(Caller, organization.accounts)):
        aws.deploy("PumpAutoPilot", auto_pilot, caller=caller)
    units = {"organizational-units": [organization.root]}
    rolled_out = {**GUARDED, **dict.fromkeys(ROLES, units)}
    configure(rolled_out)
    variables = {"PUMP_AUDITOR": AUDITOR, "PUMP_PRINCIPAL": PRINCIPAL, **aws.environment()}
    passed = github(checkout, VERIFY, **variables)
    # The lines about accounts are not errors.
    assert (passed.status, passed.errors) == (0, [])
    # The management account is one of them.
    assert "**Accounts: 3 match.**" in passed.summary
    assert passed.not_run == [
        *("actions/checkout@v4", "actions/setup-python@v5", NEEDS_A_NETWORK),
        "aws-actions/configure-aws-credentials@v4",
        "actions/upload-artifact@v4",
    ]
    assert json.loads((checkout / "pump-verify.json").read_text())["state"] == "match"

    aws.iam(Caller(organization.accounts[1])).update_role(
        RoleName="PumpReadOnlyRole", MaxSessionDuration=7_200
    )
    configure(rolled_out)
    failed = github(checkout, VERIFY, **variables)
    assert (failed.status, failed.errors) == (3, [])
    assert "7,200 seconds instead of 3,600" in failed.summary
    result = json.loads((checkout / "pump-verify.json").read_text())
    assert result["state"] == "differs"
    assert {
        difference["rule"]
        for account in result["accounts"]
        for role in account["roles"]
        for difference in role["differences"]
    } == {"session-duration"}
    assert failed.not_run[-1] == "actions/upload-artifact@v4"


@pytest.mark.slow
def test_daily_job_opens_an_issue_about_a_purchase_or_a_handshake(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh = tmp_path / "gh"
    gh.write_text(
        '#!/bin/sh\nif [ "$2" = list ]; then cat titles; else echo "$@" >> gh-calls; fi\n'
    )
    gh.chmod(0o755)
    # Instead of the event history, a trail: the emulator does not sell Savings Plans.
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    history = '--days 2 --region us-east-1 --region "$AWS_REGION"'
    text = (CI / "github-actions-activity.yml").read_text()
    assert text.count(history) == 1
    workflow = yaml.safe_load(text.replace(history, "trail.json"))
    plan = PURCHASES["Savings Plan"]
    later = plan | {"eventTime": "2026-11-11T00:00:00Z", "eventID": "later"}
    not_changed = later | {"eventID": "failed", "errorCode": "ValidationException"}
    title = "Pump changed commitments, last 2026-11-10T08:15:00Z"
    of_later = "Pump changed commitments, last 2026-11-11T00:00:00Z"
    unmapped = call("s3:ListBuckets")
    joined = "Pump accepted a handshake, last 2026-11-10T08:15:00Z"
    not_joined = handshake(errorCode="HandshakeNotFoundException", eventID="not-joined")
    for events, titles, status, *opened in (
        ([call("ec2:DescribeInstances"), not_joined], [], 0),
        ([plan, not_changed, not_joined], [], 0, title),
        ([handshake()], [], 0, joined),
        ([handshake()], [joined], 0),
        ([later, handshake()], [], 0, joined, of_later),
        ([later, handshake()], [joined], 0, of_later),
        # Of another purchase, and of one whose title begins alike.
        ([plan], [of_later, f"{title} and more"], 0, title),
        ([plan], [of_later, title], 0),
        ([plan, later], [title], 0, of_later),
        ([unmapped], [], 4),
        ([plan, unmapped], [], 1, title),
        ([plan, unmapped], [title], 1),
    ):
        write(checkout, *events, name="trail.json")
        (checkout / "gh-calls").write_text("")
        (checkout / "titles").write_text("".join(f"{line}\n" for line in titles))
        ended = github(checkout, workflow)
        assert (ended.status, ended.errors) == (status, [])
        assert "# What Pump did" in ended.summary
        assert (checkout / "gh-calls").read_text().splitlines() == [
            f"issue create --title {each} --body-file pump-activity.md" for each in opened
        ]


def test_jobs_upload_what_they_write() -> None:
    (job,) = GITHUB["jobs"].values()
    (upload,) = (step for step in job["steps"] if "/upload-artifact@" in step.get("uses", ""))
    assert (upload["if"], upload["with"]["path"]) == ("always()", "pump-report/")
    artifacts: dict[str, Any] = GITLAB["pump-report"]["artifacts"]
    assert (artifacts["when"], artifacts["paths"]) == ("always", ["pump-report/"])
    # GitLab accepts no other characters, and links to a folder only with the slash.
    assert artifacts["expose_as"].replace(" ", "").isalnum()


@pytest.mark.slow
def test_commands_of_the_guide_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synthesize(tmp_path / "cdk.out")
    monkeypatch.chdir(tmp_path)
    commands = shown(GUIDE, "pump-roles")
    assert len(commands) == 8
    for arguments in commands:
        ended = CliRunner().invoke(app, arguments)
        assert (ended.exit_code, ended.stderr) == (0, ""), arguments
    assert (tmp_path / "report.html").exists()


def test_guide_names_each_format_and_exit_status() -> None:
    shown = CliRunner().invoke(app, ["report", "--help"], env={"COLUMNS": "200"}).stdout
    formats = shown.partition("--format [")[2].partition("]")[0].split("|")
    table = GUIDE.partition("\n## Formats\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == formats
    for status in range(4):
        assert f"\n| {status} | " in GUIDE
