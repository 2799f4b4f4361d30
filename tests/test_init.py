"""The package loads a name when it is first used: reading JSON needs neither the CDK nor Node."""

import ast
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Stack
from constructs import Construct

import pump_roles
from pump_roles.pump_side import CustomerRoles
from tests.review.account.trail import PURCHASES
from tests.support import NOT_NEEDED, PUMP_ACCOUNT, ROLE_ARGUMENTS, Synth, python, without_node
from tools.sandbox.cdk import ROOT

CLASSES = [name for name in pump_roles.__all__ if inspect.isclass(getattr(pump_roles, name))]
CONSTRUCTS = [name for name in CLASSES if issubclass(getattr(pump_roles, name), Construct)]
ABSTRACT = {
    "PumpRole": "Role",
    "Rollout": "Rollout",
}
"""How the names of their subclasses end."""


def test_every_public_name_is_listed_and_loaded() -> None:
    assert set(pump_roles.__all__) <= set(dir(pump_roles))
    assert pump_roles.__all__ == sorted(pump_roles.__all__)
    for name in pump_roles.__all__:
        value = getattr(pump_roles, name)
        if name != "__version__":
            assert value.__name__ == name
            assert value.__module__.startswith("pump_roles.")
        assert vars(pump_roles)[name] is value


@pytest.mark.parametrize("name", ["Nothing", "FlatStack", "AutoPilot", "_nothing", "__nothing__"])
def test_unknown_name_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match=f"^module 'pump_roles' has no attribute '{name}'$"):
        getattr(pump_roles, name)
    assert not hasattr(pump_roles, name)


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_every_argument_of_a_construct_is_written_out_and_explained(name: str) -> None:
    init = getattr(pump_roles, name).__init__
    explained = re.findall(r"^:param (\w+): \S", inspect.getdoc(init) or "", re.MULTILINE)
    parameters = inspect.signature(init).parameters
    assert ["self", *explained] == [*parameters]
    kinds = {parameter.kind for parameter in parameters.values()}
    assert kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}


def attributes(cls: type) -> Iterator[tuple[str, bool]]:
    """Yield each public attribute that a class has from here, and whether it is explained there."""
    for base in cls.__mro__:
        if base.__module__.startswith("pump_roles."):
            tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    yield from assigned(node.body, r"([A-Za-z]\w*)")
                elif isinstance(node, ast.FunctionDef):
                    yield from assigned(node.body, r"self\.([A-Za-z]\w*)")
            members = re.findall(
                r"^:(?:ivar|param) (\w+): \S", inspect.getdoc(base) or "", re.MULTILINE
            )
            yield from ((name, True) for name in members)


def assigned(body: list[ast.stmt], pattern: str) -> Iterator[tuple[str, bool]]:
    """Yield what matches of what is assigned, and whether a text follows."""
    for statement, following in zip(body, [*body[1:], ast.Pass()], strict=True):
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            target = ast.unparse(next(ast.iter_child_nodes(statement)))
            if name := re.fullmatch(pattern, target):
                yield name[1], ast.unparse(following)[0] in "'\""


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_attribute_is_explained(name: str) -> None:
    found = [*attributes(getattr(pump_roles, name))]
    explained = {name for name, is_explained in found if is_explained}
    assert {name for name, _ in found} - explained == set()


def test_attributes_are_found() -> None:
    """Proves that the test above can fail."""
    body = ast.parse("one: int\n'Explained.'\ntwo = 2\n_three = 3\nself.four = 4").body
    assert [*assigned(body, "([a-z]+)")] == [("one", True), ("two", False)]
    assert [*assigned(body, r"self\.([a-z]+)")] == [("four", False)]
    found = {*attributes(pump_roles.ReadOnlyStack)}
    assert {("role", True), ("role_class", True), ("role_class", False)} <= found
    assert ("command", True) in {*attributes(pump_roles.EmergencyStop)}


def test_docstring_of_each_construct_says_if_it_was_not_run_on_aws() -> None:
    """``make smoke-org`` writes what was."""
    file = ROOT / "docs" / "smoke.json"
    covered = json.loads(file.read_text("utf-8"))["constructs"] if file.exists() else []
    constructs = [getattr(pump_roles, name) for name in CONSTRUCTS if name not in ABSTRACT]
    assert {cls.__name__ for cls in [*constructs, CustomerRoles] if says_not_run(cls)} == {
        cls.__name__ for cls in [*constructs, CustomerRoles] if cls.__name__ not in covered
    }
    assert not says_not_run(pump_roles.PumpRole)


def says_not_run(cls: type) -> bool:
    return "Not run on AWS." in (cls.__doc__ or "")


@pytest.mark.parametrize(("name", "ending"), ABSTRACT.items())
def test_abstract_class_names_the_classes_to_use_instead(name: str, ending: str) -> None:
    required = {**ROLE_ARGUMENTS, "organizational_units": ["r-abcd"]}
    accepted = inspect.signature(getattr(pump_roles, name).__init__).parameters
    arguments = {key: value for key, value in required.items() if key in accepted}
    instead = f"ReadOnly{ending} or AutoPilot{ending}"
    with pytest.raises(TypeError, match=f"^{name} is abstract; use {instead}$"):
        getattr(pump_roles, name)(Stack(), "Pump", **arguments)


def defined() -> set[str]:
    """Return the names of the classes and aliases that the package defines."""
    names = set()
    for file in ROOT.joinpath("pump_roles").rglob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Assign):
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


DEFINED = defined()


def functions(cls: type) -> Iterator[Callable[..., Any]]:
    """Yield the constructor, and the public methods and properties, that a class has from here."""
    for base in cls.__mro__:
        if base.__module__.startswith("pump_roles."):
            for name, member in vars(base).items():
                found = getattr(member, "__func__", member)
                found = getattr(found, "fget", getattr(found, "func", found))
                if inspect.isfunction(found) and (name == "__init__" or name[0] != "_"):
                    yield found


def in_signatures(name: str) -> set[str]:
    """Return the package's own classes and aliases in the signatures of a public class."""
    signatures = str(
        [str(inspect.signature(found)) for found in functions(getattr(pump_roles, name))]
    )
    # The CDK has classes with the same names.
    return {*re.findall(r"\w+", re.sub(r"aws_cdk[\w.]+", "", signatures))} & DEFINED


@pytest.mark.parametrize("name", CLASSES)
def test_every_type_in_a_public_signature_is_public(name: str) -> None:
    assert in_signatures(name) <= set(pump_roles.__all__)


def test_types_in_signatures_are_found() -> None:
    """Proves that the test above can fail."""
    assert in_signatures("ReadOnlyStack") == {"Guardrail"}
    assert in_signatures("Guardrail") == {"Guardrail"}


def test_import_and_names_of_plain_modules_load_neither_the_cdk_nor_boto3(tmp_path: Path) -> None:
    code = (
        "from pump_roles import ArgumentError, Guardrail\n"
        "from pump_roles.pump_side import new_external_id; new_external_id()"
    )
    ended, loaded = python("-c", code, folder=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert "pump_roles" in loaded
    assert loaded & NOT_NEEDED == set()


def test_environment_has_no_node(tmp_path: Path) -> None:
    """Proves that the tests without Node can fail: the CDK cannot be loaded there."""
    ended, loaded = python("-c", "import pump_roles.constructs.roles", folder=tmp_path)
    assert ended.returncode != 0
    assert "jsii" in loaded
    assert "node" in ended.stderr.lower()


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("report", "--output", "x.html"), 0),
        (("report", "t.template.json", "--output", "x.json"), 0),
    ],
)
def test_report_needs_no_node(
    arguments: tuple[str, ...], status: int, synth: Synth, tmp_path: Path
) -> None:
    (tmp_path / "t.template.json").write_text(json.dumps(synth()["PumpAutoPilot"]))
    ended, loaded = python("-m", "pump_roles", *arguments, folder=tmp_path)
    assert (ended.returncode, ended.stderr) == (status, "")
    for file in tmp_path.glob("x.*"):
        assert "savingsplans:" in file.read_text(encoding="utf-8")
    assert loaded & NOT_NEEDED == set()
    assert ("jinja2" in loaded) == ("x.html" in arguments)
    assert "msgspec" not in loaded


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--help",), 0),
        (("template", "auto-pilot", "--output", "new.json"), 0),
        (("template", "auto"), 2),
    ],
)
def test_help_and_template_load_only_click(
    arguments: tuple[str, ...], status: int, tmp_path: Path
) -> None:
    ended, loaded = python("-m", "pump_roles", *arguments, folder=tmp_path)
    assert ended.returncode == status
    assert bool(ended.stderr) == bool(status)
    assert bool(ended.stdout) == (status == 0 and "--output" not in arguments)
    # Packages of the environment may load themselves at each start of Python.
    _, without = python("-c", "", folder=tmp_path)
    assert loaded - without - sys.stdlib_module_names == {"click", "pump_roles"}


VERIFIES = {
    "expectation",
    "organization_policies",
    "verification",
    "verify_accounts",
}
"""The modules of which only ``verify`` is made."""


def test_only_verify_loads_what_it_is_made_of(tmp_path: Path) -> None:
    (tmp_path / "trail.json").write_text(json.dumps({"Records": [PURCHASES["ec2"]]}))
    commands = [
        ("activity", "trail.json", "--output", "x.json"),
        ("activity",),
        ("report", "--account"),
        # Proves that the others can fail.
        ("verify", "--principal", PUMP_ACCOUNT),
    ]
    # In one process: what a command loads is also counted for those after it.
    code = (
        "import sys; from pump_roles.review.cli import app\n"
        f"for arguments in {commands}:\n"
        "    try:\n"
        "        app(arguments)\n"
        "    except SystemExit as ended:\n"
        "        print(ended.code, *sys.modules, file=open('modules', 'a'))"
    )
    settings = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
    environment = without_node(tmp_path) | settings
    ended, packages = python("-c", code, folder=tmp_path, environment=environment)
    assert ended.returncode == 0
    assert packages & NOT_NEEDED <= {"boto3", "botocore", "rich"}
    folder = "pump_roles.review.account."
    found = []
    for line in (tmp_path / "modules").read_text().splitlines():
        status, *modules = line.split()
        # Without credentials, or in the file, nothing is wrong but that.
        assert status in ("0", "4")
        loaded = {name.removeprefix(folder) for name in modules if name.startswith(folder)}
        assert "aws_sdk" in loaded
        found.append(loaded & VERIFIES)
    assert found == [set(), set(), set(), VERIFIES]
