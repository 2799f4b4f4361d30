"""``help()`` shows the arguments of each construct, and every type in them can be imported."""

import ast
import inspect
import io
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from aws_cdk import App, Stack
from constructs import Construct

import pump_roles
from pump_roles import ReadOnlyRole, ReadOnlyStack
from tests.support import ROLE_ARGUMENTS, STACKS
from tools.sandbox.cdk import ROOT

ABSTRACT = {
    "PumpRole": "Role",
    "RoleStack": "Stack",
    "Rollout": "Rollout",
    "RolloutStack": "RolloutStack",
}
"""How the names of their subclasses end."""
KINDS = [stack.removeprefix("Pump") for stack in STACKS]
CONCRETE = [
    "CustomerAccess",
    *(f"{kind}{suffix}" for kind in KINDS for suffix in ABSTRACT.values()),
]


def test_constructs_are_all_the_public_ones() -> None:
    classes = {name for name in pump_roles.__all__ if inspect.isclass(getattr(pump_roles, name))}
    assert {*ABSTRACT, *CONCRETE} == {
        name for name in classes if issubclass(getattr(pump_roles, name), Construct)
    }


def helped(cls: type) -> str:
    """Return what ``help()`` prints."""
    with redirect_stdout(io.StringIO()) as printed:
        help(cls)
    return printed.getvalue()


@pytest.mark.parametrize("name", [*ABSTRACT, *CONCRETE])
def test_help_shows_and_explains_every_argument(name: str) -> None:
    cls = getattr(pump_roles, name)
    text = helped(cls)
    text, _, _ = text.partition("Method resolution order")
    signature = inspect.signature(cls)
    assert f" |  {name}{signature}\n" in text
    explained = re.findall(r"^ \|  :param (\w+): \S", text, re.MULTILINE)
    assert sorted(explained) == sorted(signature.parameters)
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    assert kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    assert ("It is abstract" in text) == (name in ABSTRACT)


@pytest.mark.parametrize("name", [name for name in CONCRETE if not name.startswith("AutoPilot")])
def test_shown_arguments_and_defaults_are_the_real_ones(name: str, tmp_path: Path) -> None:
    cls = getattr(pump_roles, name)
    parameters = inspect.signature(cls).parameters.values()
    defaults = {
        parameter.name: parameter.default
        for parameter in parameters
        if parameter.default is not inspect.Parameter.empty
    }
    required: dict[str, Any] = {
        parameter.name: {**ROLE_ARGUMENTS, "organizational_units": ["r-abcd"]}[parameter.name]
        for parameter in parameters
        if parameter.default is inspect.Parameter.empty and parameter.name not in ("scope", "id")
    }
    templates: list[Any] = []
    for optional in ({}, defaults):
        app = App(outdir=str(tmp_path / str(len(templates))))
        scope = app if issubclass(cls, Stack) else Stack(app, "Stack")
        cls(scope, "Name", **required, **optional)
        (stack,) = app.synth().stacks
        templates.append(stack.template)
    assert templates[0] == templates[1]


def test_subclass_shows_its_own_arguments() -> None:
    class Own(ReadOnlyRole):
        def __init__(self, scope: Construct, *, external_id: str) -> None:
            super().__init__(scope, "Pump", pump_principal="999988887777", external_id=external_id)

    class Named(ReadOnlyRole):
        """Ours."""

    assert list(inspect.signature(Own).parameters) == ["scope", "external_id"]
    assert inspect.signature(Named) == inspect.signature(ReadOnlyRole)
    Own(Stack(), external_id="Example-1234")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "missing a required argument: 'pump_principal'"),
        ({**ROLE_ARGUMENTS, "guardrail": []}, "got an unexpected keyword argument 'guardrail'"),
        # What is missing then is not the mistake.
        ({"principal": "999988887777"}, "got an unexpected keyword argument 'principal'"),
    ],
)
def test_error_about_an_argument_names_the_class_that_was_called(
    arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(TypeError) as raised:
        ReadOnlyRole(Stack(), "Pump", **arguments)
    assert str(raised.value) == f"ReadOnlyRole() {problem}"


def test_error_about_an_argument_that_a_stack_passes_on_names_the_stack() -> None:
    with pytest.raises(TypeError, match=r"^ReadOnlyStack\(\) got an unexpected keyword argument"):
        ReadOnlyStack(App(), "Pump", pump_principl="999988887777")  # type: ignore[call-arg]


@pytest.mark.parametrize(("name", "suffix"), ABSTRACT.items())
def test_abstract_class_names_the_classes_to_use_instead(name: str, suffix: str) -> None:
    with pytest.raises(TypeError) as raised:
        getattr(pump_roles, name)(Stack(), "Pump", **ROLE_ARGUMENTS)
    instead = " or ".join(f"{kind}{suffix}" for kind in KINDS)
    assert str(raised.value) == f"{name} is abstract; use {instead}"


@cache
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


def functions(cls: type) -> Iterator[FunctionType]:
    """Yield the constructor, and the public methods and properties, that a class has from here."""
    for base in cls.__mro__:
        if base.__module__.startswith("pump_roles."):
            for name, member in vars(base).items():
                found = inspect.unwrap(getattr(member, "__func__", member))
                found = getattr(found, "fget", getattr(found, "func", found))
                if isinstance(found, FunctionType) and (name == "__init__" or name[0] != "_"):
                    yield found


def in_signatures(name: str) -> set[str]:
    """Return the package's own classes and aliases in the signatures of a public name."""
    value = getattr(pump_roles, name)
    if not inspect.isclass(value):
        return set()
    signatures = [str(inspect.signature(found)) for found in functions(value)]
    # Of a TypedDict.
    options = value.__annotations__ if hasattr(value, "__total__") else {}
    # The CDK has classes with the same names.
    own = re.sub(r"aws_cdk[\w.]+", "", f"{signatures} {options}")
    return {*re.findall(r"\w+", own)} & defined()


@pytest.mark.parametrize("name", pump_roles.__all__)
def test_every_type_in_a_public_signature_is_public(name: str) -> None:
    assert in_signatures(name) <= set(pump_roles.__all__)


def test_types_in_signatures_are_found() -> None:
    """Proves that the test above can fail."""
    assert in_signatures("ReadOnlyStack") >= {"RoleStackOptions"}
    assert in_signatures("ReadOnlyRolloutStack") >= {"RolloutStackOptions"}
    assert in_signatures("ReadOnlyRollout") >= {"CallAs", "ConfigureApp"}
    assert in_signatures("RoleOptions") == {"Guardrail"}
    assert in_signatures("Guardrail") == {"Guardrail", "Need"}
