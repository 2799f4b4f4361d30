"""The templates, byte for byte: `make snapshot` accepts a change.

The universal templates come with the package: see ``tests/universal/test_templates.py``.
"""

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from tests.support import (
    EXAMPLE_APPS,
    PUMP_WORKER,
    ROLLOUTS,
    SCENARIOS,
    STACKS,
    Assembly,
    other_pythons,
    stack_set,
)
from tools.sandbox.cdk import ROOT, tool_environment

TEMPLATES = [
    *((scenario, name) for scenario in ("given", "everything") for name in STACKS),
    *(("rollout", name) for name in ROLLOUTS),
    ("rollout as delegated administrator", "PumpReadOnlyRollout"),
]


class TemplateFile(SingleFileSnapshotExtension):
    """One template, one JSON file, compared as bytes."""

    _write_mode = WriteMode.BINARY
    file_extension = "json"


@pytest.mark.parametrize(("scenario", "name"), TEMPLATES)
def test_template_is_unchanged(
    scenario: str, name: str, assembly: Assembly, snapshot: SnapshotAssertion
) -> None:
    template = (assembly(SCENARIOS[scenario]) / f"{name}.template.json").read_bytes()
    assert template == snapshot(extension_class=TemplateFile)


def test_template_of_pumps_side_is_unchanged(pump_side: Path, snapshot: SnapshotAssertion) -> None:
    template = (pump_side / PUMP_WORKER).read_bytes()
    assert template == snapshot(extension_class=TemplateFile)


def test_another_folder_and_python_give_the_same_bytes(assembly: Assembly, tmp_path: Path) -> None:
    """Another Python if this machine has one from 3.11 on."""
    executable = [*other_pythons(), sys.executable][0]
    project = tmp_path / "elsewhere"
    shutil.copytree(ROOT / "pump_roles", project / "pump_roles")
    shutil.copy(ROOT / "app.py", project)
    # Without cdk.json: the library's output does not depend on the feature flags either.
    ended = subprocess.run(
        [executable, "app.py"],
        cwd=project,
        env=tool_environment()
        | {
            "CDK_OUTDIR": str(tmp_path / "out"),
            "PYTHONPATH": sysconfig.get_path("purelib"),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    for name in STACKS:
        file = f"{name}.template.json"
        assert (tmp_path / "out" / file).read_bytes() == (assembly({}) / file).read_bytes()


def lint(*files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("cfn-lint")),
            "--include-checks=I",
            "--non-zero-exit-code=warning",
            "--regions=us-east-1,us-gov-west-1,cn-north-1",
            "--",
            *map(str, files),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def test_cfn_lint_finds_nothing(
    assembly: Assembly, example: Callable[[str], Path], tmp_path: Path
) -> None:
    members = []
    for scenario, name in TEMPLATES:
        if name in ROLLOUTS and "pump:next-external-id" in SCENARIOS[scenario]:
            # Without that, it is the universal template.
            rollout = json.loads(
                (assembly(SCENARIOS[scenario]) / f"{name}.template.json").read_text()
            )
            members.append(tmp_path / f"{scenario}-{name}.json")
            members[-1].write_text(stack_set(rollout)["TemplateBody"])
    universal = (assembly({}) / f"{name}.template.json" for name in STACKS)
    ended = lint(
        *universal,
        *(assembly(SCENARIOS[scenario]) / f"{name}.template.json" for scenario, name in TEMPLATES),
        *members,
        *(
            file
            for name in EXAMPLE_APPS
            for file in example(name).glob("**/*.template.json")
            # CDK Pipelines makes this one, with findings. What it deploys is Pump's.
            if file.name != "Pipeline.template.json"
        ),
    )
    assert ended.stdout == ""
    assert ended.returncode == 0


def test_cfn_lint_would_find_a_mistake(assembly: Assembly, tmp_path: Path) -> None:
    """Proves that the test above can fail."""
    text = (assembly({}) / "PumpReadOnly.template.json").read_text()
    broken = tmp_path / "broken.json"
    broken.write_text(text.replace('"Ref": "PumpIamRole"', '"Ref": "PumpIAMRole"'))
    ended = lint(broken)
    assert ended.returncode != 0
    assert "PumpIAMRole" in ended.stdout
