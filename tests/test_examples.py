"""The examples grant what they show, and fail their cdk-nag gate without acknowledgments."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cdk_nag
import pytest
from aws_cdk import App, Stack

from pump_roles import ArgumentError, __version__, universal
from pump_roles.inputs.text import InputError
from pump_roles.review.report import Report
from tests.commands import run
from tests.docs.pages import sh_blocks
from tests.support import (
    EXAMPLE_APPS,
    EXAMPLES,
    FROM_PUMP,
    PUMP_WORKER,
    VENDORS,
    access_policy,
    identity_policies,
    of_templates,
    recommended_flags,
    run_example,
    synthesized,
)
from tools.sandbox.cdk import ROOT, tool_environment

PAGE = (EXAMPLES / "README.md").read_text()
CUSTOMERS = ["read_only", "organization", "pipeline", "budget"]
RECOMMENDED = [
    "commitment-tags-only",
    "metadata-only",
    "no-billing-preferences",
    "no-quota-increases",
    "organizations-linked-role-only",
]

WILDCARD = "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:iam::*:role/PumpReadOnlyRole]"


def test_worker_may_assume_the_read_only_roles_and_nothing_else(pump_side: Path) -> None:
    template = json.loads((pump_side / PUMP_WORKER).read_text())
    kinds = [resource["Type"] for resource in template["Resources"].values()]
    assert sorted(kinds) == ["AWS::IAM::Policy"] * 2 + ["AWS::IAM::Role"] * 2
    worker, probe = identity_policies(template).values()
    customers = "arn:aws:iam::*:role/PumpReadOnlyRole"
    expected = access_policy(customers)
    # The recommended flags sort the resources.
    expected["Statement"][0]["Resource"].sort()
    assert worker == expected
    allow = {"Action": "sts:AssumeRole", "Effect": "Allow", "Resource": customers}
    assert probe["Statement"] == [allow]


def test_every_finding_is_acknowledged_on_its_role_with_a_reason(pump_side: Path) -> None:
    report = json.loads((pump_side / "validation-report.json").read_text())
    acknowledged = [
        violation
        for plugin in report["pluginReports"]
        for violation in plugin["suppressedViolations"]
    ]
    assert [found["acknowledgedId"] for found in acknowledged] == [f"AwsSolutions::{WILDCARD}"] * 2
    places = {found["acknowledgedAt"] for found in acknowledged}
    assert places == {"PumpWorker/Worker", "PumpWorker/Probe"}
    assert all(found["reason"].endswith(".") for found in acknowledged)


def published_report(folder: Path) -> Report:
    report = of_templates(folder)
    assert (report.as_published, report.exact, report.findings) == (True, True, ())
    return report


def test_role_in_a_customers_stack_is_as_published(example: Callable[[str], Path]) -> None:
    report = published_report(example("read_only"))
    (role,) = report.roles
    boundary = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/platform/Boundary"
    assert (role.kind, role.boundary) == ("read-only", boundary)
    assert [deny.name for deny in role.guardrails] == ["metadata-only"]
    assert report.others == ()
    template = json.loads((example("read_only") / VENDORS).read_text())
    assert template["Outputs"].keys() == {"RoleArn"}
    # As the page says.
    assert "BootstrapVersion" in template["Parameters"]


def test_role_that_a_budget_stops_is_as_published(example: Callable[[str], Path]) -> None:
    (role,) = published_report(example("budget")).roles
    assert [policy.name for policy in role.role.may_deny] == ["AWSDenyAll"]
    assert role.exact
    assert role.effective > 0
    template = json.loads((example("budget") / VENDORS).read_text())
    (execution,) = (
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role" and "RoleName" not in resource["Properties"]
    )
    ((policy,), trust) = execution["Policies"], execution["AssumeRolePolicyDocument"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == "iam:AttachRolePolicy"
    assert statement["Resource"]["Fn::GetAtt"][0] in template["Resources"]
    assert trust["Statement"][0]["Principal"] == {"Service": "budgets.amazonaws.com"}


def test_roles_in_an_organization_are_as_published_with_their_guardrails(
    example: Callable[[str], Path],
) -> None:
    report = published_report(example("organization"))
    assert {role.kind: [deny.name for deny in role.guardrails] for role in report.roles} == {
        "read-only": ["metadata-only"],
        "auto-pilot": sorted([*RECOMMENDED, "only-in-regions"]),
    }
    policies = [("AWS::Organizations::Policy", ())] * 2
    assert [(other.type, other.access) for other in report.others] == policies
    assert [(found.kind, found.stack_set, *found.units) for found in report.places] == [
        ("read-only", ""),
        ("read-only", "PumpReadOnly", "r-abcd"),
        ("auto-pilot", "PumpAutoPilot", "ou-abcd-12345678"),
    ]


def test_roles_of_a_pipeline_are_as_published_in_each_account(
    example: Callable[[str], Path],
) -> None:
    folder = example("pipeline")
    report = published_report(folder)
    assert [role.kind for role in report.roles] == ["read-only"]
    # The others are those of the pipeline.
    assert {other.source for other in report.others} == {"Pipeline.template.json"}
    assert len(report.places) == 2
    deployed = {}
    for stage, account in {"Test": "222233334444", "Production": "333344445555"}.items():
        manifest = json.loads((folder / f"assembly-{stage}" / "manifest.json").read_text())
        (stack,) = (
            artifact
            for artifact in manifest["artifacts"].values()
            if artifact["type"] == "aws:cloudformation:stack"
        )
        assert stack["environment"] == f"aws://{account}/us-east-1"
        assert f"::{account}:role/" in stack["properties"]["assumeRoleArn"]
        deployed[stage] = stack["properties"]["stackName"]
    assert deployed == {"Test": "PumpReadOnly", "Production": "PumpReadOnly"}


def test_gate_of_the_organization_also_checks_what_stack_sets_deploy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[App] = []
    checks = cdk_nag.AwsSolutionsChecks

    def recorded(app: App) -> cdk_nag.AwsSolutionsChecks:
        checked.append(app)
        return checks(app)

    monkeypatch.setattr(cdk_nag, "AwsSolutionsChecks", recorded)
    run_example("organization", tmp_path, monkeypatch)
    stacks = [
        [child.node.id for child in app.node.children if Stack.is_stack(child)] for app in checked
    ]
    vendors = ["VendorsReadOnly", "VendorsAutoPilot", "VendorsProtection"]
    assert stacks == [["PumpReadOnly"], ["PumpAutoPilot"], vendors]


@pytest.mark.parametrize("name", CUSTOMERS)
def test_example_without_the_values_from_pump_is_not_synthesized(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = r"^[A-Za-z]+/[A-Za-z]+"
    with pytest.raises(
        ArgumentError, match=rf"{path}: pump_principal: 'PRINCIPAL' is a placeholder"
    ):
        run_example(name, tmp_path, monkeypatch, "EXTERNAL_ID", "ROOT", "UNIT")
    with pytest.raises(
        ArgumentError, match=rf"{path}: external_id: 'EXTERNAL_ID' is a placeholder"
    ):
        run_example(name, tmp_path, monkeypatch, "PRINCIPAL", "ROOT", "UNIT")
    assert not list(tmp_path.glob("**/*.template.json"))


@pytest.mark.parametrize("placeholder", ["ROOT", "UNIT"])
def test_example_without_your_units_is_not_synthesized(
    placeholder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {"PRINCIPAL", "EXTERNAL_ID", "ROOT", "UNIT"} - {placeholder}
    problem = f"organizational_units: '{placeholder}' is not the ID of an organizational unit"
    with pytest.raises(ArgumentError, match=problem):
        run_example("organization", tmp_path, monkeypatch, *others)
    assert not list(tmp_path.glob("**/*.template.json"))


def has_included(folder: Path, template: bytes) -> Report:
    """Check that an app without this package has a template as it is; returns its report."""
    expected = json.loads(template)
    found = json.loads((folder / "cdk.out" / "Vendors.template.json").read_text())
    assert found["Parameters"].pop("BootstrapVersion")
    for section in ("Metadata", "Outputs", "Parameters", "Resources"):
        assert found[section] == expected[section]
    return published_report(folder / "cdk.out")


@pytest.mark.slow
def test_app_in_python_without_this_package_has_the_ready_template(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "app.py").write_text(code)
    (tmp_path / "PumpReadOnly.template.json").write_bytes(universal.template("read-only"))
    ended = synthesized(sys.executable, "app.py", folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    has_included(tmp_path, universal.template("read-only"))


GUARDED = ROOT / "cloudformation" / "PumpReadOnly-recommended.template.json"
LESS = """\
const role = app.node.findChild("Vendors").node.findChild("Pump").getResource("ReadOnlyRole");
role.addPropertyDeletionOverride("Policies.1");
"""


def without_guardrail(template: dict[str, Any]) -> None:
    policies = template["Resources"]["ReadOnlyRole"]["Properties"]["Policies"]
    assert policies.pop()["PolicyName"] == "PumpGuardrailMetadataOnly"


def for_a_stranger(template: dict[str, Any]) -> None:
    role = template["Resources"]["ReadOnlyRole"]["Properties"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    statement["Principal"] = {"AWS": "arn:aws:iam::444455556666:root"}


def with_an_external_id(template: dict[str, Any]) -> None:
    template["Parameters"]["PumpExternalID"]["Default"] = "Stranger-1234-5678"


def for_a_stranger_by_default(template: dict[str, Any]) -> None:
    template["Parameters"]["PumpIamRole"]["Default"] = "444455556666"


def with_another_description(template: dict[str, Any]) -> None:
    template["Description"] = "Another description"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (without_guardrail, 3),
        (for_a_stranger, 3),
        (with_an_external_id, 3),
        (for_a_stranger_by_default, 3),
        (with_another_description, 0),
    ],
)
def test_gate_in_typescript_passes_only_what_the_template_allows(
    change: Callable[[dict[str, Any]], None], status: int, tmp_path: Path
) -> None:
    code = (EXAMPLES / "typescript" / "lib" / "gate.ts").read_text()
    (gate,) = re.findall(r"^ *const gate = \[(.*)\];$", code, re.MULTILINE)
    values = {"app.outdir": tmp_path, "template": GUARDED}
    words = [values.get(word, word.strip('"')) for word in gate.split(", ")]
    template = json.loads(GUARDED.read_text())
    change(template)
    (tmp_path / "Vendors.template.json").write_text(json.dumps(template))
    assert run(*words).exit_code == status


def test_example_in_typescript_has_the_shape_that_the_cdk_gives_an_app() -> None:
    """``cdk init app --language typescript``, with what this one needs in place of Jest."""
    folder = EXAMPLES / "typescript"
    package = json.loads((folder / "package.json").read_text())
    assert package["scripts"] == {
        "build": "tsc",
        "synth": "cdk synth --quiet",
        "test": "tsc && node --test test/vendors.test.js",
    }
    assert package["devDependencies"].keys() == {"@types/node", "aws-cdk", "typescript"}
    assert json.loads((folder / "tsconfig.json").read_text())["compilerOptions"]["strict"]
    assert {"node_modules/", "cdk.out/", "*.js", "*.d.ts"} <= {
        *(folder / ".gitignore").read_text().split()
    }
    for name in ("bin/vendors.ts", "lib/vendors-stack.ts", "test/vendors.test.ts"):
        assert (folder / name).is_file()


@pytest.mark.slow
def test_example_in_typescript_is_installed_on_the_versions_of_node_that_the_cdk_supports(
    typescript: Path,
) -> None:
    assert (typescript / ".npmrc").read_text() == "engine-strict=true\n"
    ours, of_the_cdk = (
        json.loads((folder / "package.json").read_text())["engines"]["node"].replace(" ", "")
        for folder in (typescript, typescript / "node_modules" / "aws-cdk-lib")
    )
    assert ours == of_the_cdk.removesuffix(".0.0")


@pytest.mark.slow
def test_app_in_typescript_has_the_template_with_guardrails_and_its_gate(typescript: Path) -> None:
    app = (typescript / "bin" / "vendors.js").read_text()
    ended = synthesized("node", "bin/vendors.js", folder=typescript)
    assert ended.returncode == 0, ended.stderr
    (role,) = has_included(typescript, GUARDED.read_bytes()).roles
    assert [guardrail.name for guardrail in role.guardrails] == ["metadata-only"]

    only_node = typescript / "only-node"
    only_node.mkdir()
    (only_node / "node").symlink_to(Path(sys.executable).with_name("node"))
    ended = synthesized("node", "bin/vendors.js", folder=typescript, PATH=str(only_node))
    assert ended.returncode == 1
    assert "the command pump-roles is not installed" in ended.stderr

    less = app.replace("app.synth();", f"{LESS}app.synth();")
    (typescript / "bin" / "less.js").write_text(less)
    ended = synthesized("node", "bin/less.js", folder=typescript)
    assert ended.returncode == 1
    assert "can broaden access" in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("node", ["ours", "the machine's"])
def test_test_of_the_app_in_typescript_finds_a_wider_role(node: str, typescript: Path) -> None:
    """With the Node of the tests, and with another one, if the machine has one."""
    ours = Path(sys.executable).parent
    folders = [path for path in os.environ["PATH"].split(os.pathsep) if Path(path) != ours]
    program = shutil.which("node", path=str(ours) if node == "ours" else os.pathsep.join(folders))
    if program is None:
        pytest.skip("the machine has no other Node")
    ended = subprocess.run(
        [program, "--test", "test/vendors.test.js"],
        cwd=typescript,
        env=tool_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


def test_app_in_typescript_has_the_requirements_and_the_settings_of_the_other_examples() -> None:
    folder = EXAMPLES / "typescript"
    settings = json.loads((folder / "cdk.json").read_text())
    others = json.loads((EXAMPLES / "read_only" / "cdk.json").read_text())
    assert settings == {**others, "app": "npm run --silent build && node bin/vendors.js"}
    package = json.loads((folder / "package.json").read_text())
    project = (ROOT / "pyproject.toml").read_text()
    lowest = dict(re.findall(r'"(aws-cdk-lib|constructs)>=([0-9.]+),', project))
    required = package["dependencies"]
    assert {name: required[name][1:].removesuffix(".0") for name in required} == lowest


@pytest.mark.parametrize("name", EXAMPLE_APPS)
def test_example_requires_the_wheel_of_this_version_is_quiet_and_has_the_recommended_flags(
    name: str,
) -> None:
    folder = EXAMPLES / name
    lines = (folder / "requirements.txt").read_text().splitlines()
    uses_cdk_nag = "from cdk_nag import" in (folder / "app.py").read_text()
    assert [line for line in lines if not line.startswith("#")] == [
        f"./pump_roles-{__version__}-py3-none-any.whl[review]",
        *(["cdk-nag>=3,<4"] if uses_cdk_nag else []),
    ]
    assert json.loads((folder / "cdk.json").read_text()) == {
        "app": "python3 app.py",
        "versionReporting": False,
        "notices": False,
        "requireApproval": "any-change",
        "context": {"cli-telemetry": False, **recommended_flags()},
    }


PROGRAM = """\
#!/bin/sh
echo "${PWD##*/}: ${0##*/} $*" >> "$RECORDED"
case "$*" in
  "-m venv .venv") mkdir -p .venv/bin && touch .venv/bin/activate && cp "$0" .venv/bin/pip ;;
  dist) mkdir -p dist && touch dist/pump_roles-VERSION-py3-none-any.whl ;;
  setup-review) mkdir -p .venv/bin && touch .venv/bin/activate ;;
esac
"""


def test_blocks_of_the_page_do_not_depend_on_the_folder_that_the_last_one_left(
    tmp_path: Path,
) -> None:
    """In one shell, which each block leaves where it was."""
    clone, programs = tmp_path / "clone", tmp_path / "programs"
    programs.mkdir()
    for name in ("make", "npm", "npx", "pip", "pump-roles", "python3"):
        (programs / name).write_text(PROGRAM.replace("VERSION", __version__))
        (programs / name).chmod(0o755)
    for folder in ("cloudformation", "examples/organization", "examples/read_only"):
        shutil.copytree(ROOT / folder, clone / folder)
    shutil.copytree(EXAMPLES / "typescript", clone / "examples" / "typescript")
    # What replaces a line of a pipeline is not for the clone.
    *blocks, _ = sh_blocks(PAGE)
    ended = subprocess.run(
        ["bash", "-e"],
        input="".join(f"{block}pwd\n" for block in blocks),
        cwd=clone,
        env={"PATH": f"{programs}:/usr/bin:/bin", "RECORDED": str(tmp_path / "recorded")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert {*ended.stdout.split()} == {str(clone)}
    recorded = (tmp_path / "recorded").read_text().splitlines()
    assert [line.split()[:2] for line in recorded] == [
        ["clone:", "make"],
        ["organization:", "npx"],
        ["clone:", "pump-roles"],
        ["clone:", "make"],
        ["vendors:", "python3"],
        ["vendors:", "pip"],
        ["vendors-ts:", "npm"],
        ["vendors-ts:", "npx"],
    ]


def test_report_finds_none_of_the_roles_on_pumps_side(pump_side: Path) -> None:
    with pytest.raises(InputError, match=r"contains none of Pump's roles$"):
        of_templates(pump_side)


def test_no_example_has_a_principal_or_an_external_id_that_is_accepted() -> None:
    files = [file for file in EXAMPLES.rglob("*") if file.is_file() and "cdk.out" not in file.parts]
    texts = [file.read_text() for file in files if "node_modules" not in file.parts]
    assert len(texts) > 20
    for value in FROM_PUMP.values():
        assert not [text for text in texts if value in text]
