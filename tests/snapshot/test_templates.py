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
from tools.sandbox.scanners import cfn_lint

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
    for kind, file in universal.FILES.items():
        assert (tmp_path / "out" / file).read_bytes() == universal.template(kind)


@pytest.mark.slow
def test_cfn_lint_finds_nothing(example: Callable[[str], Path], tmp_path: Path) -> None:
    """``tests/tools/test_scanners.py`` proves that it would find a mistake."""
    files: list[Path] = []

    def written(name: str, content: bytes) -> None:
        files.append(tmp_path / f"{name}.json")
        files[-1].write_bytes(content)

    for kind in universal.FILES:
        written(kind, universal.template(kind))
    for scenario, name in TEMPLATES:
        template = app_files(SCENARIOS[scenario])[name]
        written(f"{scenario}-{name}", template)
        if name in ROLLOUTS and "next-external-id" in SCENARIOS[scenario]:
            # Without that, it is the universal template.
            body = stack_set(json.loads(template))["TemplateBody"]
            written(f"{scenario}-{name}-member", body.encode())
    files += (
        file
        for name in EXAMPLE_APPS
        for file in example(name).glob("**/*.template.json")
        # CDK Pipelines makes this one, with findings. What it deploys is Pump's.
        if file.name != "Pipeline.template.json"
    )
    assert {file: found for file, found in cfn_lint(files).items() if found} == {}
