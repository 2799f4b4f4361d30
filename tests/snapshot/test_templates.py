"""The templates, byte for byte: `make snapshot` accepts a change.

The universal templates come with the package: see ``tests/universal/test_templates.py``.
"""

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from pump_roles import universal
from tests.support import (
    EXAMPLE_APPS,
    PUMP_WORKER,
    ROLLOUTS,
    SCENARIOS,
    STACKS,
    app_files,
    other_pythons,
    stack_set,
)
from tools.sandbox.cdk import ROOT, tool_environment

TEMPLATES = [
    *((scenario, name) for scenario in ("given", "everything") for name in STACKS),
    *(("rollout", name) for name in ROLLOUTS),
    ("rollout as delegated administrator", "PumpReadOnlyRollout"),
    *(
        ("protected", name)
        for name in ("PumpProtection", "PumpAlarm", "PumpAlarmForwarder", "PumpApproval")
    ),
]


class TemplateFile(SingleFileSnapshotExtension):
    """One template, one JSON file, compared as bytes."""

    _write_mode = WriteMode.BINARY
    file_extension = "json"


@pytest.mark.parametrize(("scenario", "name"), TEMPLATES)
def test_template_is_unchanged(scenario: str, name: str, snapshot: SnapshotAssertion) -> None:
    assert app_files(SCENARIOS[scenario])[name] == snapshot(extension_class=TemplateFile)


def test_template_of_pumps_side_is_unchanged(pump_side: Path, snapshot: SnapshotAssertion) -> None:
    template = (pump_side / PUMP_WORKER).read_bytes()
    assert template == snapshot(extension_class=TemplateFile)


@pytest.mark.slow
def test_another_folder_and_python_give_the_same_bytes(tmp_path: Path) -> None:
    """Another Python if this machine has one from 3.11 on."""
    executable = [*other_pythons(), sys.executable][0]
    project = tmp_path / "elsewhere"
    shutil.copytree(ROOT / "pump_roles", project / "pump_roles")
    shutil.copy(ROOT / "app.py", project)
    # Without cdk.json: the library's output does not depend on the feature flags either.
    variables = {
        "CDK_OUTDIR": str(tmp_path / "out"),
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    ended = subprocess.run(
        [executable, "app.py"],
        cwd=project,
        env=tool_environment() | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    for kind, file in universal.FILES.items():
        assert (tmp_path / "out" / file).read_bytes() == universal.template(kind)


def cfn_lint(files: Sequence[Path]) -> dict[Path, list[str]]:
    """Return the rules of which cfn-lint reports something, hints among them, by file."""
    ended = subprocess.run(
        [
            str(Path(sys.executable).with_name("cfn-lint")),
            *("--format", "json", "--include-checks", "I"),
            "--regions=us-east-1,us-gov-west-1,cn-north-1",
            "--",
            *map(str, files),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not ended.stderr, ended.stderr
    found: dict[Path, list[str]] = {}
    for match in json.loads(ended.stdout or "[]"):
        found.setdefault(Path(match["Filename"]), []).append(match["Rule"]["Id"])
    return found


@pytest.mark.slow
def test_cfn_lint_detects_a_mistake(tmp_path: Path) -> None:
    """Proves that the test below can fail."""
    file = tmp_path / "t.json"
    file.write_text(json.dumps({"Resources": {"A": {"Type": "AWS::IAM::Role"}}}))
    assert "E3003" in cfn_lint([file])[file]


@pytest.mark.slow
def test_cfn_lint_finds_nothing(example: Callable[[str], Path], tmp_path: Path) -> None:
    contents = {kind: universal.template(kind) for kind in universal.FILES}
    for scenario, name in TEMPLATES:
        template = app_files(SCENARIOS[scenario])[name]
        contents[f"{scenario}-{name}"] = template
        if name in ROLLOUTS and "next-external-id" in SCENARIOS[scenario]:
            # Without that, it is the ready template.
            body = stack_set(json.loads(template))["TemplateBody"]
            contents[f"{scenario}-{name}-member"] = body.encode()
    files = [tmp_path / f"{name}.json" for name in contents]
    for file, content in zip(files, contents.values(), strict=True):
        file.write_bytes(content)
    files += (
        file
        for name in EXAMPLE_APPS
        for file in example(name).glob("**/*.template.json")
        # CDK Pipelines makes this one, with findings. What it deploys is Pump's.
        if file.name != "Pipeline.template.json"
    )
    files += ROOT.glob("cloudformation/*.template.json")
    found = cfn_lint(files)
    # CloudFormation makes no budget and no action of one in AWS GovCloud (US).
    (budget,) = example("budget").glob("*.template.json")
    assert found.pop(budget) == ["E3006", "E3006"]
    assert found == {}
