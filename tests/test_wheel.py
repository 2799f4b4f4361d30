"""The wheel: an app outside the repository synthesizes and type-checks with nothing else."""

import re
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pump_roles import __version__
from tools.sandbox.cdk import ROOT, tool_environment

APP = """\
from aws_cdk import App, CfnParameter, Stack

from pump_roles import AutoPilotRole, ReadOnlyRole

app = App()
stack = Stack(app, "Mine")
external_id = CfnParameter(stack, "PumpExternalID")
read_only = ReadOnlyRole(
    stack, "ReadOnly", pump_principal="999988887777", external_id=external_id, path="/vendors/"
)
auto_pilot = AutoPilotRole(
    stack, "AutoPilot", pump_principal="999988887777", external_id=external_id
)
arns: list[str] = [role.role_arn for role in (read_only, auto_pilot)]
template = app.synth().get_stack_by_name("Mine").template
print(sorted(role["Properties"]["RoleName"] for role in template["Resources"].values()))
"""

# The app uses two of aws-cdk-lib's 300 modules. mypy reads only these, with all their types.
MYPY = """\
[mypy]
strict = True
[mypy-aws_cdk.*]
follow_imports = skip
[mypy-aws_cdk]
follow_imports = normal
[mypy-aws_cdk.aws_iam]
follow_imports = normal
"""


def run(*command: str, directory: Path | None = None) -> str:
    """Return the output of a command, also if it fails."""
    ended = subprocess.run(
        command, cwd=directory, env=tool_environment(), capture_output=True, text=True, check=False
    )
    return ended.stdout


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of an environment with the wheel and the packages that it depends on."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    executable = folder / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run(str(executable), "-c", code).strip())
    zipfile.ZipFile(wheel).extractall(packages)
    # The test environment's packages stand in for an install from a registry.
    for name in needed_by("aws-cdk-lib", "constructs"):
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or ()} - {".."}:
            if not (packages / top).exists():
                (packages / top).symlink_to(str(found.locate_file(top)))
    return str(executable)


def needed_by(*names: str) -> set[str]:
    """Return the names of packages, and of all that they depend on."""
    found: set[str] = set()
    left = [*names]
    while left:
        if (name := left.pop()) not in found:
            found.add(name)
            needed = map(Requirement, distribution(name).requires or ())
            left += (
                each.name
                for each in needed
                if not each.marker or each.marker.evaluate({"extra": ""})
            )
    return found


def test_wheel_is_the_package_with_its_script_and_needs_only_the_cdk(wheel: Path) -> None:
    """``tests/tools/release/test_dist.py`` compares the files."""
    folder = f"pump_roles-{__version__}.dist-info"
    entry_points = zipfile.ZipFile(wheel).read(f"{folder}/entry_points.txt").decode()
    assert entry_points.split() == [
        "[console_scripts]",
        *("pump-roles", "=", "pump_roles.__main__:main"),
    ]
    metadata = zipfile.ZipFile(wheel).read(f"{folder}/METADATA").decode()
    needed = re.findall(r"^Requires-Dist: ([a-z-]+)(?!.*extra ==)", metadata, re.MULTILINE)
    assert needed == ["aws-cdk-lib", "constructs"]


@pytest.mark.slow
def test_constructs_and_the_check_at_synth_need_only_what_the_wheel_depends_on(python: str) -> None:
    """The messages of each are tested where they are made. `make versions` installs other CDKs."""
    code = "from importlib.util import find_spec; print(*map(find_spec, ('boto3', 'msgspec')))"
    assert run(python, "-c", code) == "None None\n"
    every = "from pump_roles import *; print(ReadOnlyRole.__name__, AutoPilotRole.__name__)"
    assert run(python, "-c", every) == "ReadOnlyRole AutoPilotRole\n"
    assert (
        run(python, str(ROOT / "tests" / "wheel_app.py"), str(ROOT / "cdk.json")) == "as expected\n"
    )


@pytest.mark.slow
def test_app_outside_the_repository_type_checks(python: str, tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text(MYPY)
    mypy = [sys.executable, "-m", "mypy", "--python-executable", python]
    (tmp_path / "app.py").write_text(APP)
    assert run(*mypy, "app.py", directory=tmp_path).startswith("Success: ")
    # The positive control: the types are read.
    (tmp_path / "wrong.py").write_text(APP.replace('path="/vendors/"', "path=1"))
    said = run(*mypy, "wrong.py", directory=tmp_path)
    assert 'Argument "path" to "ReadOnlyRole" has incompatible type "int"' in said
