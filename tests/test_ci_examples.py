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
from pump_roles.review.output.messages import to_json
from pump_roles.review.output.saved_report import kept
from tests.review.account.trail import PURCHASES, call, handshake, write
from tests.support import (
    EXTERNAL_ID,
    PRINCIPAL,
    STACKS,
    Assembly,
    bash,
    of_templates,
    other_commands,
    with_values,
)
from tools.sandbox.audit import AUDITOR, audited_organization
from tools.sandbox.aws import OWNER, Caller, EmbeddedAws
from tools.sandbox.cdk import ROOT

CI = ROOT / "examples" / "ci"
GITHUB = yaml.safe_load((CI / "github-actions.yml").read_text())
ACTIVITY = yaml.safe_load((CI / "github-actions-activity.yml").read_text())
VERIFY = yaml.safe_load((CI / "github-actions-verify.yml").read_text())
DEPLOY = yaml.safe_load((CI / "github-actions-deploy.yml").read_text())
GITLAB = yaml.safe_load((CI / "gitlab-ci.yml").read_text())
GUIDE = (ROOT / "docs" / "report.md").read_text()

NEEDS_A_NETWORK = "make setup-review"
COPIED = re.findall(r"```sh\n(.*/npm install .*)\n```", (CI.parent / "README.md").read_text())
"""What takes its place where an example was copied: one line."""

GIVEN = {"principal": PRINCIPAL, "external-id": EXTERNAL_ID, "auto-pilot": {}}
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
    """Run the jobs of GitHub Actions, in one folder: they pass on only what is in an artifact."""
    assert workflow["defaults"]["run"]["shell"] == "bash"
    files = {name: folder / name for name in ("PATH", "STEP_SUMMARY", "OUTPUT")}
    for file in files.values():
        file.write_text("")
    status = 0
    errors: list[str] = []
    not_run: list[str] = []
    for job in workflow["jobs"].values():
        failed = 0
        for step in job["steps"]:
            condition = f"{job.get('if', '')} {step.get('if', '')}"
            changed = "changed=true\n" in files["OUTPUT"].read_text()
            if (failed and "always()" not in condition) or ("changed" in condition and not changed):
                continue
            script = step.get("run", "")
            if not script or script.strip() in {NEEDS_A_NETWORK, *COPIED}:
                not_run.append(script or step["uses"].partition("@")[0])
                continue
            path = [*reversed(files["PATH"].read_text().split()), other_commands()]
            found = bash(
                script,
                folder,
                PATH=os.pathsep.join(path),
                GITHUB_REPOSITORY="owner/name",
                **{f"GITHUB_{name}": str(file) for name, file in files.items()},
                **{name: filled(value, variables) for name, value in step.get("env", {}).items()},
                **{name: value for name, value in variables.items() if name.startswith("AWS_")},
            )
            errors += errors_of(found)
            failed = failed or found.returncode
        status = status or failed
    return Ended(status, errors, files["STEP_SUMMARY"].read_text(), not_run)


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
    guarded, plain = (kept(of_templates(assembly(given)).read) for given in (GUARDED, GIVEN))
    for job, settings, accepted, status, problem in (
        (github, GUARDED, guarded, 0, ""),
        (github, GIVEN, guarded, 3, r" since pump-report\.json can broaden access: "),
        (gitlab, GIVEN, guarded, 3, r" since pump-report\.json can broaden access: "),
        # To accept it is to commit the artifact's report.
        (gitlab, GIVEN, plain, 0, ""),
        (
            github,
            GUARDED,
            '{"schema": 0}',
            1,
            "pump-report.json: is not a report that this version of pump-roles can read: ",
        ),
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
                *("actions/checkout", "actions/setup-python"),
                *(NEEDS_A_NETWORK, "actions/upload-artifact"),
            ]


@pytest.mark.slow
def test_copied_example_installs_as_its_page_says_and_its_job_passes(
    example: Callable[[str], Path], wheel: Path, tmp_path: Path
) -> None:
    """Without the registry and npm: the packages of the test environment stand in for those."""
    page = (CI.parent / "README.md").read_text()
    copy, in_copy = re.findall(
        r"^(?:\(cd ../vendors && )?(cp -R examples/read_only .*|python3 -m venv .*(?=\)))",
        page,
        re.MULTILINE,
    )
    # Without a network, the virtual environment gets no pip of its own.
    install = in_copy.partition(" && .venv/bin/")[2]
    assert install.startswith("pip install ")
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
    (vendors / "app.py").write_text(with_values((vendors / "app.py").read_text()))
    accepted = to_json(of_templates(example("read_only")))
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
        *("actions/checkout", "actions/setup-python", NEEDS_A_NETWORK),
        "aws-actions/configure-aws-credentials",
        "actions/upload-artifact",
    ]
    assert json.loads((checkout / "pump-verify.json").read_text())["state"] == "match"

    aws.iam(Caller(organization.accounts[1])).update_role(
        RoleName="PumpReadOnlyRole", MaxSessionDuration=7_200
    )
    configure(rolled_out)
    failed = github(checkout, VERIFY, **variables)
    # In a job, the checkout has no earlier result.
    replaced = "pump-roles: pump-verify.json: replaced; it had other content"
    assert (failed.status, failed.errors) == (3, [replaced])
    assert "7,200 seconds instead of 3,600" in failed.summary
    result = json.loads((checkout / "pump-verify.json").read_text())
    assert result["state"] == "differs"
    assert {
        difference["rule"]
        for account in result["accounts"]
        for role in account["roles"]
        for difference in role["differences"]
    } == {"session-duration"}
    assert failed.not_run[-1] == "actions/upload-artifact"


@pytest.mark.slow
def test_daily_job_opens_an_issue_about_a_purchase_or_a_handshake(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gh = tmp_path / "gh"
    gh.write_text(GH)
    gh.chmod(0o755)
    # Instead of the event history, a trail: the emulator does not sell Savings Plans.
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    history = '--days 7 --region us-east-1 --region "$AWS_REGION"'
    text = (CI / "github-actions-activity.yml").read_text()
    assert text.count(history) == 1
    workflow = yaml.safe_load(text.replace(history, "trail.json"))
    plan = PURCHASES["Savings Plan"]

    def another(name: str) -> Any:
        # AWS would return the same ID only if the same call was repeated.
        return plan | {"eventID": name, "responseElements": {"savingsPlanId": name}}

    # CloudTrail can deliver the earlier event later.
    earlier = another("earlier") | {"eventTime": "2026-11-09T00:00:00Z"}
    same_time = another("same-time")
    many = [another(f"event-{number}") for number in range(70)]
    failed = plan | {"eventID": "failed", "errorCode": "ValidationException"}
    not_joined = handshake(errorCode="HandshakeNotFoundException", eventID="not-joined")
    joined, unmapped = handshake(), call("s3:ListBuckets")
    accepted = "Pump accepted a handshake"
    for events, reported, status, *opened in (
        ([call("ec2:DescribeInstances"), failed, not_joined], [], 0),
        ([plan, failed, not_joined], [], 0, _changed(1)),
        ([plan], [plan], 0),
        ([plan], [earlier, same_time], 0, _changed(1)),
        ([plan, earlier], [plan], 0, _changed(1)),
        ([plan, same_time], [plan], 0, _changed(1)),
        ([plan, same_time], [plan, same_time], 0),
        (many, [], 0, _changed(30), _changed(30), _changed(10)),
        ([joined], [], 0, accepted),
        ([joined], [joined], 0),
        ([plan, joined], [plan], 0, accepted),
        ([unmapped], [], 4),
        ([plan, unmapped], [], 1, _changed(1)),
        ([plan, unmapped], [plan], 1),
    ):
        shutil.rmtree(checkout / "pump-activity", ignore_errors=True)
        write(checkout, *events, name="trail.json")
        (checkout / "opened").write_text("")
        (checkout / "bodies").write_text("")
        own = "".join(f"{_line(event)}\r\n" for event in reported)
        (checkout / "of-the-bot").write_text(f"{own}\n| a table |\n")
        (checkout / "of-anyone").write_text("".join(f"{_line(event)}\n" for event in events))
        ended = github(checkout, workflow)
        assert (ended.status, ended.errors) == (status, [])
        assert "# What Pump did" in ended.summary
        assert (checkout / "opened").read_text().splitlines() == opened
        listed = re.findall(r"^- .*, event .*$", (checkout / "bodies").read_text(), re.MULTILINE)
        new = [event for event in events if event not in reported and "errorCode" not in event]
        commitments = [event for event in new if event in (plan, earlier, same_time, joined, *many)]
        assert sorted(listed) == sorted(map(_line, commitments))


GH = """\
#!/bin/sh
case "$*" in
  *"issue list --repo owner/name --app github-actions "*) cat of-the-bot ;;
  *"issue list"*) cat of-anyone ;;
  "issue create --repo owner/name --title "*) echo "$6" >> opened; cat "$8" >> bodies ;;
esac
"""
"""Stands in for the GitHub CLI."""


def _changed(count: int) -> str:
    return f"Pump changed commitments: {count} new"


def _line(event: Mapping[str, Any]) -> str:
    service = event["eventSource"].partition(".")[0]
    return f"- {event['eventTime']} {service}:{event['eventName']}, event {event['eventID']}"


@pytest.mark.parametrize("workflow", [GITHUB, VERIFY, ACTIVITY, DEPLOY])
def test_only_a_job_that_assumes_a_role_gets_a_token_for_it(workflow: Mapping[str, Any]) -> None:
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        names = [step.get("uses", "").partition("@")[0] for step in job["steps"]]
        assumes = "aws-actions/configure-aws-credentials" in names
        assert ("id-token" in job["permissions"]) == assumes
        assert ("contents" in job["permissions"]) == ("actions/checkout" in names)
        # The job that can write runs no code of the project.
        opens = any("gh issue create" in step.get("run", "") for step in job["steps"])
        assert ("issues" in job["permissions"]) == opens
        assert not (opens and {"actions/checkout", "actions/setup-python"} & {*names})


@pytest.mark.parametrize("name", ["deploy", "verify", "activity"])
def test_workflow_says_what_the_token_of_a_job_without_an_environment_is_for(name: str) -> None:
    text = (CI / f"github-actions-{name}.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"].values()
    (job,) = (job for job in jobs if "id-token" in job["permissions"])
    assert ('"repo:OWNER/REPOSITORY:ref:refs/heads/main"' in text) == ("environment" not in job)


def test_jobs_upload_what_they_write() -> None:
    (job,) = GITHUB["jobs"].values()
    (upload,) = (step for step in job["steps"] if "/upload-artifact@" in step.get("uses", ""))
    assert (upload["if"], upload["with"]["path"]) == ("always()", "pump-report/")
    artifacts: dict[str, Any] = GITLAB["pump-report"]["artifacts"]
    assert (artifacts["when"], artifacts["paths"]) == ("always", ["pump-report/"])
    # GitLab accepts no other characters, and links to a folder only with the slash.
    assert artifacts["expose_as"].replace(" ", "").isalnum()


def test_guide_names_each_format() -> None:
    shown = CliRunner().invoke(app, ["report", "--help"], env={"COLUMNS": "200"}).stdout
    formats = shown.partition("--format [")[2].partition("]")[0].split("|")
    table = GUIDE.partition("\n## Formats\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == formats


def test_script_of_several_commands_ends_at_the_first_that_fails() -> None:
    jobs = [
        job for workflow in (GITHUB, VERIFY, ACTIVITY, DEPLOY) for job in workflow["jobs"].values()
    ]
    scripts = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    several = [script for script in scripts if "\n" in script]
    assert len(several) == 6
    firsts = {script.partition("\n")[0] for script in several}
    assert firsts | {GITLAB["pump-report"]["script"][0]} == {"set -eu"}


def test_job_that_deploys_checks_before_it_has_credentials_and_deploys_what_it_checked() -> None:
    (job,) = DEPLOY["jobs"].values()
    steps = [step.get("run", step.get("uses", "")) for step in job["steps"]]
    in_order = ("cdk synth", "--fail-on broadened", "configure-aws-credentials", "cdk deploy")
    at = [next(i for i, step in enumerate(steps) if part in step) for part in in_order]
    assert at == sorted(at)
    assert "--app cdk.out" in steps[at[-1]]
    assert "pump-roles verify" in steps[-1]
    assert job["environment"] == "pump"
    assert not any("if" in step or "continue-on-error" in step for step in job["steps"])
