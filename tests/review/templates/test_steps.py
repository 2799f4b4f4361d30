"""Reading a value takes a number of steps that grows linearly with the size of the templates."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from pump_roles.review.templates.attachments import Attachments
from pump_roles.review.templates.evaluate import certain, evaluate
from pump_roles.review.templates.made_of import Definition, definitions
from pump_roles.review.templates.role_reader import pump_roles
from pump_roles.review.templates.template import Template
from pump_roles.review.templates.widening import Built, widenings
from tools.sandbox.cdk import ROOT

READER = str(ROOT / "pump_roles")
SIZE = 12
QUEUE = "AWS::SQS::Queue"
OUTPUT = {"Fn::GetAtt": ["Nested", "Outputs.O"]}

Value = tuple[Any, Template]
"""A value, and the template that contains it."""


def steps(read: Callable[[], object]) -> int:
    """Return how many lines of the package run, each as often as it does."""
    count = 0

    def on_line(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return on_line

    def on_call(frame: FrameType, _event: str, _argument: Any) -> Any:
        return on_line if frame.f_code.co_filename.startswith(READER) else None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        read()
    finally:
        sys.settrace(before)
    return count


def template(**members: Any) -> Template:
    return Template(content={"Resources": {}, **members}, file=Path("t.json"), sha256="")


def chain(size: int, argument: Any, output: Any = OUTPUT) -> Value:
    """The output of stacks nested in each other, each of which passes on what it gets."""
    nested: Template | None = None
    for depth in range(size):
        outer = template(
            Parameters={"P": {"Type": "String"}},
            Resources={"Nested": {"Type": "AWS::CloudFormation::Stack", "Properties": {}}},
            Outputs={"O": {"Value": output if depth else {"Ref": "P"}}},
        )
        if nested is not None:
            outer.nested["Nested"] = nested
            nested.parent, nested.deployed_by = outer, "Nested"
            nested.arguments = {"P": argument if depth < size - 1 else "Pump"}
        nested = outer
    assert nested is not None
    return OUTPUT, nested


def referring(size: int) -> Value:
    """A resource that refers to one that refers to another, and all of them back to it."""
    first, *others = (f"R{index}" for index in range(size))
    made: dict[str, Any] = {first: {"Type": QUEUE, "Properties": {"QueueName": "Pump"}}}
    before = first
    for name in others:
        references = [{"Ref": before}, {"Fn::GetAtt": f"{before}.Arn"}, {"Ref": others[-1]}]
        made[name] = {"Type": QUEUE, "Properties": {"QueueName": references}}
        before = name
    return {"Ref": others[-1]}, template(Resources=made)


def deep(size: int) -> Value:
    value: Any = "Pump"
    for _ in range(size):
        value = {"Fn::If": ["C", value, "x"]}
    return value, template()


DOUBLED = {"Fn::Sub": "${P}${P}"}
CHOSEN = {"Fn::If": ["C", {"Ref": "P"}, {"Fn::Sub": "${P}"}]}
MAYBE = {"Fn::If": ["C", "Pump", "x"]}
VALUES: dict[str, Callable[[int], Value]] = {
    "argument that doubles": lambda size: chain(size, DOUBLED),
    "argument that is a choice": lambda size: chain(size, CHOSEN),
    "output that doubles": lambda size: chain(
        size, {"Ref": "P"}, {"Fn::Join": ["", [OUTPUT, OUTPUT]]}
    ),
    "resources in a circle": referring,
    "choices in a choice": deep,
    "a list of choices": lambda size: ({"Fn::Join": ["", [MAYBE] * size]}, template()),
}


def assert_linear(steps_of: Callable[[int], int]) -> None:
    first, second, third = (steps_of(size) for size in (SIZE, 2 * SIZE, 4 * SIZE))
    # Twice the size adds twice the steps; with the square of the size it would be four times.
    assert third - second <= 2.5 * (second - first)


@pytest.mark.parametrize("of_size", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize(
    "read",
    [certain, lambda *value: evaluate(*value).could_be().spells("PumpReadOnlyRole")],
    ids=["certain", "could be"],
)
def test_steps_grow_linearly(
    of_size: Callable[[int], Value], read: Callable[[Any, Template], object]
) -> None:
    def steps_of(size: int) -> int:
        value = of_size(size)
        return steps(lambda: read(*value))

    assert_linear(steps_of)


def test_steps_grow_linearly_with_values_that_share_what_they_refer_to() -> None:
    def steps_of(size: int) -> int:
        last, here = referring(size)
        values = [{"Fn::Join": ["", [f"{index}-", last]]} for index in range(size)]

        def read() -> None:
            seen: set[Definition] = set()
            for value in values:
                evaluate(value, here).could_be().spells("PumpReadOnlyRole")
                evaluate(value, here).could_be().spells_within("PumpReadOnlyRole")
                list(definitions([evaluate(value, here)], seen))

        return steps(read)

    assert_linear(steps_of)


def test_steps_grow_linearly_with_the_roles_of_an_app() -> None:
    def steps_of(size: int) -> int:
        own = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
        here = template(Resources={f"Own{index}": own for index in range(size)})
        attachments = Attachments([here])
        return steps(lambda: list(pump_roles([here], attachments)))

    assert_linear(steps_of)


def test_counts_each_step() -> None:
    def read() -> object:
        return certain({"Fn::Sub": "a-${AWS::Region}"}, template())

    assert steps(lambda: [read() for _ in range(10)]) == 10 * steps(read) > 0


def test_steps_grow_linearly_with_roles_of_one_name_in_many_stacks(tmp_path: Path) -> None:
    properties = {"RoleName": "PumpAutoPilotRole", "AssumeRolePolicyDocument": {}}
    content = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}
    paths = [tmp_path / f"{index}.template.json" for index in range(2 * SIZE)]
    for path in paths:
        path.write_text(json.dumps(content))
    (tmp_path / "manifest.json").write_text("{}")
    built = [Built(None, path, "Role", properties) for path in paths]

    def steps_of(size: int) -> int:
        return steps(lambda: list(widenings(built[:size], paths[:size])))

    assert steps_of(2 * SIZE) <= 2.5 * steps_of(SIZE)
