"""`pump-roles template`: the ready template; with settings, what the app deploys."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pump_roles import ReadOnlyStack, universal
from pump_roles.app import _ROLE_STACKS
from pump_roles.published import ROLES
from pump_roles.review.cli import app
from tests.commands import the_error, the_usage_error
from tests.support import (
    DOCUMENTED,
    SCENARIOS,
    STACKS,
    UNITS,
    app_files,
    rollout_with_parameters,
    without_node,
)
from tools.sandbox.cdk import ROOT, tool_environment

FILES = {kind: f"{stack}.template.json" for kind, stack in zip(DOCUMENTED, STACKS, strict=True)}
GUARDRAILS = "recommended,no-invitations"


SHORT_IDS = {
    "given": 1,
    "everything": 1,
    "rollout": 1,
    "rollout as delegated administrator": 1,
    "protected": 0,
}
"""How many external IDs have fewer than 16 characters, which is a warning."""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["template", *map(str, arguments)], env={"COLUMNS": "400"})


def written(*arguments: object, warnings: int = 0) -> bytes:
    """Return what the command prints."""
    ended = run(*arguments)
    assert ended.exit_code == 0, ended.stderr
    assert ended.stderr.count("\n") == ended.stderr.count("pump-roles: warning: ") == warnings
    return ended.stdout_bytes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", ROLES)
def test_template_is_the_packages_byte_for_byte(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    packaged = (ROOT / "pump_roles" / "universal" / FILES[kind]).read_bytes()
    for output in ([], ["--output", "-"]):
        ended = run(kind, *output)
        assert (ended.exit_code, ended.stderr) == (0, "")
        assert ended.stdout_bytes == packaged
    assert list(tmp_path.iterdir()) == []
    ended = run(kind, "--output", "a template.json")
    assert (ended.exit_code, ended.output) == (0, "")
    assert (tmp_path / "a template.json").read_bytes() == packaged


@pytest.mark.parametrize("name", ["role.yaml", "role.template.YML"])
def test_template_is_not_written_as_json_under_a_name_of_yaml(name: str, tmp_path: Path) -> None:
    problem = the_usage_error(run("read-only", "--output", tmp_path / name))
    assert problem.endswith(
        f"{name}: the template is written as JSON; use a name such as PumpReadOnly.template.json"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["role", "role.template", "role.yaml.json"])
def test_template_is_written_under_any_other_name(name: str, tmp_path: Path) -> None:
    assert run("read-only", "--output", tmp_path / name).exit_code == 0
    assert (tmp_path / name).read_bytes() == universal.template("read-only")


def test_output_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    file = tmp_path / "no" / "such" / "file"
    line = the_error(run("read-only", "--output", file), 1)
    assert line == f"pump-roles: {file}: cannot be written: No such file or directory"
    assert list(tmp_path.iterdir()) == []


def test_standard_output_that_cannot_be_written_is_one_error() -> None:
    reader, nobody_reads = os.pipe()
    os.close(reader)
    outputs = {
        ">&-": "Bad file descriptor",
        ">/dev/full": "No space left on device",
        f">&{nobody_reads}": "Broken pipe",
    }
    for redirection, problem in outputs.items():
        ended = subprocess.run(
            ["bash", "-c", f'"$0" -m pump_roles template read-only {redirection}', sys.executable],
            cwd=ROOT,
            env=tool_environment(),
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            pass_fds=[nobody_reads],
        )
        assert ended.returncode == 1
        assert ended.stderr == f"pump-roles: standard output: cannot be written: {problem}\n"
    os.close(nobody_reads)


def test_role_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    expected = r"Invalid value for 'ROLE': '../x\n' is not one of 'read-only', 'auto-pilot'."
    file = tmp_path / "template.json"
    assert expected in the_usage_error(run("../x\n", "--output", file))
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "Missing argument 'ROLE'. Choose from: read-only, auto-pilot"),
        (("read-only", "--output=."), "File '.' is a directory."),
    ],
)
def test_argument_that_is_missing_or_unknown_is_an_error(
    arguments: Sequence[str], problem: str
) -> None:
    assert problem in the_usage_error(run(*arguments))


@pytest.mark.parametrize(
    ("scenario", "kind", "options"),
    [
        *((scenario, kind, []) for scenario in ("given", "everything") for kind in ROLES),
        *(("rollout", kind, ["--rollout"]) for kind in ROLES),
        ("rollout as delegated administrator", "read-only", ["--rollout"]),
        ("protected", "auto-pilot", []),
    ],
)
def test_settings_give_the_template_of_the_app(
    scenario: str, kind: str, options: list[str], folder: Path
) -> None:
    """``tests/app/test_app.py`` compares that with what the CDK CLI writes."""
    (folder / "prod.json").write_text(json.dumps(SCENARIOS[scenario]))
    (folder / "cdk.json").symlink_to(ROOT / "cdk.json")
    name = f"{ROLES[kind].stack_name}{'Rollout' if options else ''}"
    expected = app_files(SCENARIOS[scenario])[name]
    found = written(kind, "--settings", "prod.json", *options, warnings=SHORT_IDS[scenario])
    assert found == expected


@pytest.mark.parametrize("kind", ROLES)
def test_guardrails_give_the_template_of_settings_with_only_them(kind: str) -> None:
    names = GUARDRAILS.split(",") if kind == "auto-pilot" else ["recommended"]
    expected = app_files({"roles": [kind], "guardrails": names})[ROLES[kind].stack_name]
    assert written(kind, "--guardrails", ",".join(names)) == expected
    assert expected != universal.template(kind)


@pytest.mark.parametrize("kind", ROLES)
def test_rollout_without_settings_has_parameters_and_the_ready_template(kind: str) -> None:
    template = json.loads(written(kind, "--rollout"))
    assert template == json.loads(rollout_with_parameters(kind))
    assert [*template["Parameters"]] == ["PumpIamRole", "PumpExternalID", "OrganizationalUnitIds"]
    assert template["Parameters"]["OrganizationalUnitIds"]["Type"] == "CommaDelimitedList"
    (rollout,) = template["Resources"].values()
    properties = rollout["Properties"]
    assert properties["TemplateBody"].encode() == universal.template(kind)
    (group,) = properties["StackInstancesGroup"]
    assert group["DeploymentTargets"] == {"OrganizationalUnitIds": {"Ref": "OrganizationalUnitIds"}}
    # Everything else is as in the app.
    settings = {"roles": [kind], kind: UNITS}
    baked_in = json.loads(app_files(settings)[f"{ROLES[kind].stack_name}Rollout"])
    (same,) = baked_in["Resources"].values()
    same["Properties"]["StackInstancesGroup"] = properties["StackInstancesGroup"]
    assert template["Resources"] == baked_in["Resources"]


def test_rollout_with_guardrails_has_them_in_the_member_template() -> None:
    template = json.loads(written("auto-pilot", "--rollout", "--guardrails", GUARDRAILS))
    (rollout,) = template["Resources"].values()
    expected = app_files({"roles": ["auto-pilot"], "guardrails": GUARDRAILS.split(",")})
    assert rollout["Properties"]["TemplateBody"].encode() == expected["PumpAutoPilot"]


def test_rollout_with_settings_that_omit_the_units_has_all_but_them(folder: Path) -> None:
    own = {"exclude-accounts": ["111122223333"]}
    settings = {"principal": "999988887777", "region": "eu-west-1", "read-only": own}
    (folder / "pump.json").write_text(json.dumps(settings))
    template = json.loads(written("read-only", "--rollout", "--settings", "pump.json"))
    assert [*template["Parameters"]] == ["PumpExternalID", "OrganizationalUnitIds"]
    (rollout,) = template["Resources"].values()
    (group,) = rollout["Properties"]["StackInstancesGroup"]
    assert group == {
        "DeploymentTargets": {
            "AccountFilterType": "DIFFERENCE",
            "Accounts": ["111122223333"],
            "OrganizationalUnitIds": {"Ref": "OrganizationalUnitIds"},
        },
        "Regions": ["eu-west-1"],
    }


def test_boundary_of_the_configuration_next_to_the_settings_counts(folder: Path) -> None:
    boundary = {"@aws-cdk/core:permissionsBoundary": {"name": "Org"}}
    (folder / "pump.json").write_text("{}")
    (folder / "cdk.json").write_text(json.dumps({"context": boundary}))
    template = json.loads(written("read-only", "--settings", "pump.json"))
    role = template["Resources"]["ReadOnlyRole"]["Properties"]
    assert role["PermissionsBoundary"]["Fn::Join"][1][-1] == ":policy/Org"


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ("[]", "read-only", "pump.json: is not a settings file: it is not a JSON object"),
        ('{"rols": []}', "read-only", "pump.json: rols: unknown key; did you mean roles?"),
        (
            '{"external-id": "ab", "next-external-id": "ab"}',
            *("read-only", "pump.json: next-external-id: it must differ from the external ID"),
        ),
        (
            "{}",
            *("auto-pilot", "pump.json: the app has no stack PumpAutoPilot; to add the role, "),
        ),
        ('{"roles": ["read-only"]}', "auto-pilot", "pump.json: the app has no stack PumpAuto"),
        (
            json.dumps({"read-only": UNITS, "delegated-admin": True}),
            *("read-only", "pump.json: the app has no stack PumpReadOnly; as a delegated "),
        ),
    ],
)
def test_settings_that_cannot_be_used_are_one_error_and_nothing_is_written(
    settings: str, kind: str, message: str, folder: Path
) -> None:
    (folder / "pump.json").write_text(settings)
    options = ("--settings", "pump.json", "--output", "role.template.json")
    line = the_error(run(kind, *options), 1)
    assert line.startswith(f"pump-roles: {message}")
    files = {file.name: file.read_text() for file in folder.iterdir()}
    assert files == {"pump.json": settings}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--guardrails", "recomended"), "there is no guardrail 'recomended'; did you mean recomm"),
        (("--guardrails", "no-selling"), "no-selling would have no effect on the read-only role"),
        (("--guardrails", "until"), "until takes a value: set it in a file, and pass --settings"),
        (("--guardrails", "recommended,metadata-only"), "metadata-only is listed twice"),
        (("--guardrails", "x", "--settings", "."), "--guardrails: cannot be combined with --setti"),
        (("--settings", "nope.json"), "'--settings': Path 'nope.json' does not exist."),
    ],
)
def test_option_that_cannot_be_used_is_a_usage_error(
    arguments: Sequence[str], problem: str, folder: Path
) -> None:
    ended = run("read-only", *arguments, "--output", "role.template.json")
    assert problem in the_usage_error(ended)
    assert not [*folder.iterdir()]


@pytest.mark.parametrize("missing", ["node", "aws_cdk", "constructs"])
def test_missing_tool_is_one_line_that_says_how_to_get_it(
    missing: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"node": "Node", "aws_cdk": "aws-cdk-lib"}.get(missing, missing)
    if missing == "node":
        monkeypatch.setenv("PATH", without_node(folder)["PATH"])
    else:
        module = "pump_roles.review.cli.template_command.find_spec"
        monkeypatch.setattr(module, lambda found: None if found == missing else found)
    for options in (["--guardrails", "recommended"], ["--rollout"], ["--settings", "."]):
        line = the_error(run("read-only", *options, "--output", "role.template.json"), 1)
        assert line.startswith("pump-roles: this template needs ")
        assert name in line
        assert "run pip install " in line
    # What is wrong with the options comes first.
    for options in (["--guardrails", "recomended"], ["--settings", "pump.json"]):
        the_usage_error(run("read-only", *options))
    assert not [*folder.iterdir()]
    assert written("read-only") == universal.template("read-only")


class _Wider(ReadOnlyStack):
    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.role.resource.max_session_duration = 43_200


def test_gate_runs_and_cdk_nag_if_it_is_installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(**stack: type[ReadOnlyStack]) -> Result:
        stacks: Mapping[str, Any] = {**_ROLE_STACKS, **stack}
        monkeypatch.setattr("pump_roles.app._ROLE_STACKS", stacks)
        arguments = ("read-only", "--guardrails", "recommended", "--output", "role.template.json")
        return run(*arguments)

    line = the_error(ends(**{"read-only": _Wider}), 1)
    assert line.startswith("pump-roles: the synth failed: ")
    assert "PumpReadOnly/Role has a different MaxSessionDuration" in line
    assert "validation-report.json" not in line

    monkeypatch.setattr("pump_roles.constructs.roles.PumpRole.acknowledge_cdk_nag", lambda _: None)
    assert "AwsSolutions-IAM5" in the_error(ends(**{"read-only": ReadOnlyStack}), 1)
    assert not [*folder.iterdir()]
    monkeypatch.setattr("pump_roles.app.find_spec", lambda _: None)
    assert ends().exit_code == 0
