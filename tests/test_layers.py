"""Data flows one way: each part of the package imports only from the parts below it."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tools.sandbox.cdk import ROOT

PACKAGE = ROOT / "pump_roles"
TESTS = ROOT / "tests"

FLOORS = [
    "_version",
    # Deploy: parses no policy.
    "inputs",
    "patterns",
    "published",
    "event_sources",
    "guardrails",
    "universal",
    "constructs",
    "pump_side",
    # Read: from a CloudFormation template to roles.
    "iam",
    "app",
    "role",
    "compare",
    "templates",
    # Tell.
    "review.report",
    "review.account",
    "review.output",
    "review.cli",
    "__main__",
]
CDK = {"aws_cdk", "constructs", "jsii"}
OUTSIDE = {"pump_roles", *sys.stdlib_module_names}
AWS = {"boto3", "botocore"}
WITH_CDK = {"constructs", "app", "pump_side"}
LATE = {
    "constructs/gate.py": {"pump_roles.templates"},
    "constructs/violations.py": {"pump_roles.templates", "pump_roles.role"},
}
"""What a module imports from above when it is first needed, or only for type checkers."""
LAZY = {"__init__.py", "review/__init__.py", "pump_side/__init__.py"}
"""The modules that load each of their names when it is first used."""
WITH_AWS = {"review.account", "review.cli"}


def floor_of(names: Sequence[str]) -> str:
    """The floor of a module, by its names below the package."""
    return ".".join(names[: 2 if names[0] == "review" else 1])


def floor(file: Path) -> str:
    return floor_of(file.relative_to(PACKAGE).with_suffix("").parts)


def imported(text: str) -> Iterator[str]:
    """The modules that some code imports, including those for type checkers only."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def wrong(here: str, text: str) -> set[str]:
    """What a part imports and should not."""
    found = set()
    for module in imported(text):
        package, *names = module.split(".")
        name = floor_of(names or [""])
        above = name in FLOORS and FLOORS.index(name) > FLOORS.index(here)
        not_here = (set() if here in WITH_CDK else CDK) | (set() if here in WITH_AWS else AWS)
        # The library needs only the CDK, and its app also cdk-nag.
        needed = OUTSIDE | CDK | ({"cdk_nag"} if here == "app" else set())
        extra = here in FLOORS[: FLOORS.index("review.report")] and package not in needed
        if (package == "pump_roles" and above) or package in not_here or extra:
            found.add(module)
    return found


def test_part_imports_only_from_the_parts_below() -> None:
    names = {file.relative_to(PACKAGE).as_posix(): file for file in PACKAGE.rglob("*.py")}
    found = {
        name: {
            module
            for module in wrong(floor(file), file.read_text())
            if not any(f"{module}.".startswith(f"{late}.") for late in LATE.get(name, ()))
        }
        for name, file in names.items()
        if name not in LAZY
    }
    assert {name: modules for name, modules in found.items() if modules} == {}


def test_constructs_load_the_check_at_synth_only_when_it_runs() -> None:
    code = (
        "import sys\n"
        "from pump_roles import ReadOnlyRole, RoleProtection, CommitmentAlarm, ReadOnlyRollout\n"
        "from pump_roles.pump_side import CustomerRoles\n"
        "loaded = {name.split('.')[1] for name in sys.modules if name.startswith('pump_roles.')}\n"
        "print(*sorted(loaded))\n"
        "from pump_roles.guardrails import by_name\n"
        "assert by_name.cache_info().currsize == 0, 'guardrails are read before they are used'"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {*ended.stdout.split()} == {*FLOORS[: FLOORS.index("iam")]} - {"universal"}


def test_check_at_synth_loads_no_model_of_roles() -> None:
    code = (
        "import sys\n"
        "import pump_roles.templates.synth_check\n"
        "print(*(name for name in sys.modules if name.startswith('pump_roles.')))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {*ended.stdout.split()}
    assert {name for name in loaded if name.startswith("pump_roles.role.")} == {
        "pump_roles.role.access",
        "pump_roles.role.unknowns",
    }
    assert not loaded & {"pump_roles.iam.trust", "pump_roles.iam.external_ids"}


def test_app_loads_the_constructs_of_further_stacks_only_when_they_are_set() -> None:
    code = (
        "import sys\n"
        "from pump_roles.app import config, stacks\n"
        "assert stacks(config.Settings({}))\n"
        "print(*(name for name in sys.modules if name.startswith('pump_roles.constructs.')))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.rpartition(".")[2] for name in ended.stdout.split()}
    assert loaded == {"gate", "roles", "stacks"}


def test_every_part_has_a_layer() -> None:
    parts = {floor(file) for file in PACKAGE.rglob("*.py")} - {"__init__", "review.__init__"}
    assert parts == set(FLOORS)


@pytest.mark.parametrize(
    ("reader", "users"),
    [
        ("templates", {"gate.py", "violations.py"}),
        ("role", {"violations.py"}),
        ("iam", set()),
    ],
)
def test_constructs_do_not_use_the_reader_except(reader: str, users: set[str]) -> None:
    prefix = f"pump_roles.{reader}"
    assert users == {
        file.name
        for file in (PACKAGE / "constructs").glob("*.py")
        for module in imported(file.read_text())
        if f"{module}.".startswith(f"{prefix}.")
    }


def opened_by_tests(users: Iterable[tuple[str, str]], tests: Iterable[tuple[str, str]]) -> set[str]:
    """The modules that nothing but their own part, and tests of other parts, import.

    Both are pairs: a part, and a module that it imports.
    """
    parts: dict[str, set[str]] = {}
    for part, module in users:
        parts.setdefault(module, set()).add(part)
    return {
        module
        for part, module in tests
        for own in [floor_of(module.split(".")[1:])]
        if part != own and parts.get(module, {own}) == {own}
    }


def test_tests_import_what_parts_have_for_others() -> None:
    files = [file.relative_to(ROOT) for file in PACKAGE.rglob("*/*.py")]
    modules = {".".join(file.with_suffix("").parts) for file in files}

    def imports(folder: Path, part: Callable[[Path], str]) -> Iterator[tuple[str, str]]:
        for file in folder.rglob("*.py"):
            yield from ((part(file), module) for module in {*imported(file.read_text())} & modules)

    users = [*imports(PACKAGE, floor), *imports(ROOT / "tools", lambda _: "tools")]
    tests = imports(TESTS, lambda file: floor_of(file.relative_to(TESTS).parent.parts or ("",)))
    # What tests of each part find, in words.
    words = "pump_roles.review.output.descriptions"
    assert opened_by_tests(users, tests) == {words}


def test_test_that_opens_another_part_is_detected() -> None:
    """Proves that the test above can fail."""
    arns, trust = "pump_roles.iam.arns", "pump_roles.iam.trust"
    users = [("iam", arns), ("iam", trust), ("role", trust)]
    tests = [("iam", arns), ("deploy", trust)]
    assert opened_by_tests(users, tests) == set()
    assert opened_by_tests(users, [*tests, ("role", arns)]) == {arns}


def test_no_two_modules_have_one_name() -> None:
    names = Counter(file.stem for file in PACKAGE.rglob("*.py"))
    names.update(file.parent.name for file in PACKAGE.rglob("__init__.py"))
    del names["__init__"]
    assert {name for name, number in names.items() if number > 1} == set()


def types_in(text: str) -> list[str]:
    """The names of the classes and of the type aliases of a module, without a leading ``_``."""
    nodes = [*ast.walk(ast.parse(text))]
    names = [node.name for node in nodes if isinstance(node, ast.ClassDef)]
    for node in nodes:
        targets = node.targets if isinstance(node, ast.Assign) else ()
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return [name.lstrip("_") for name in names if re.match("_?[A-Z][A-Za-z]*[a-z]", name)]


def test_no_two_types_have_one_name() -> None:
    found = Counter(name for file in PACKAGE.rglob("*.py") for name in types_in(file.read_text()))
    assert {name for name, count in found.items() if count > 1} == set()


def test_types_are_found() -> None:
    """Proves that the test above can fail."""
    text = "class _Reader:\n    class Text: ...\n_Text = str | None\nfound = _T = OPEN = 1"
    assert types_in(text) == ["Reader", "Text", "Text"]


@pytest.mark.parametrize("folder", sorted({file.parent for file in PACKAGE.rglob("*/*.py")}))
def test_modules_of_a_part_import_each_other_in_one_direction(folder: Path) -> None:
    part = ".".join(folder.relative_to(ROOT).parts)
    modules = {f"{part}.{file.stem}": file.read_text() for file in folder.glob("*.py")}
    modules[part] = modules.pop(f"{part}.__init__")
    graph = {name: {*imported(text)} & modules.keys() - {name} for name, text in modules.items()}
    # Two can be independent.
    assert any(graph.values()) or len(graph) < 3
    # Raises a CycleError that names the modules.
    TopologicalSorter(graph).prepare()


def test_import_from_above_is_detected() -> None:
    """Proves that the tests above can fail."""
    text = (
        "from aws_cdk import App\nimport boto3, msgspec\nfrom pump_roles import constructs, inputs"
    )
    assert wrong("guardrails", text) == {
        "aws_cdk",
        "aws_cdk.App",
        "boto3",
        "msgspec",
        "pump_roles.constructs",
    }
