"""Reading a value takes a number of steps that grows linearly with the size of the templates."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from pump_roles import templates, universal
from pump_roles.compare import compare
from pump_roles.guardrails import parts_of
from pump_roles.iam.decisions import StepsLeft, decision_changes
from pump_roles.iam.identity_policies import Policy, parse_policy
from pump_roles.iam.trust import Trust, parse_trust
from pump_roles.patterns import patterns_overlap
from pump_roles.role.guardrail_policies import published_role
from pump_roles.templates.placeholders import DEEPEST, Resolved, values_of
from pump_roles.templates.reach import RoleNames, attachments
from pump_roles.templates.resolve import Resolver
from pump_roles.templates.role_reader import pump_roles
from pump_roles.templates.synth_check import ExpectedResource, check_templates
from pump_roles.templates.template import STACK, Template
from tests.every_guardrail import EVERY
from tools.sandbox.cdk import ROOT

READER = str(ROOT / "pump_roles")
SIZE = 12
QUEUE = "AWS::SQS::Queue"
OUTPUT = {"Fn::GetAtt": ["Nested", "Outputs.O"]}

Value = tuple[Any, list[Template]]
"""A value, and the templates: the first one contains it."""


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
    return Template(content={"Resources": {}, **members}, file=Path("t.json"), key="0")


def chain(size: int, argument: Any, output: Any = OUTPUT) -> Value:
    """The output of stacks nested in each other, each of which passes on what it gets."""
    found: list[Template] = []
    for depth in range(size):
        outer = template(
            Parameters={"P": {"Type": "String"}},
            Resources={"Nested": {"Type": STACK, "Properties": {}}},
            Outputs={"O": {"Value": output if depth else {"Ref": "P"}}},
        )
        outer.key = f"{depth}"
        if found:
            outer.nested["Nested"] = nested = found[0]
            nested.parent, nested.deployed_by = outer, "Nested"
            nested.arguments = {"P": argument if depth < size - 1 else "Pump"}
        found.insert(0, outer)
    return OUTPUT, found


def referring(size: int) -> Value:
    """A resource that refers to one that refers to another, and all of them back to it."""
    first, *others = (f"R{index}" for index in range(size))
    made: dict[str, Any] = {first: {"Type": QUEUE, "Properties": {"QueueName": "Pump"}}}
    before = first
    for name in others:
        references = [{"Ref": before}, {"Fn::GetAtt": f"{before}.Arn"}, {"Ref": others[-1]}]
        made[name] = {"Type": QUEUE, "Properties": {"QueueName": references}}
        before = name
    return {"Ref": others[-1]}, [template(Resources=made)]


def deep(size: int) -> Value:
    value: Any = "Pump"
    for _ in range(size):
        value = {"Fn::If": ["C", value, "x"]}
    return value, [template()]


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
    "a list of choices": lambda size: ({"Fn::Join": ["", [MAYBE] * size]}, [template()]),
}


def assert_linear(steps_of: Callable[[int], int]) -> None:
    first, second, third = (steps_of(size) for size in (SIZE, 2 * SIZE, 4 * SIZE))
    # Twice the size adds twice the steps; with the square of the size it would be four times.
    assert third - second <= 2.5 * (second - first)


@pytest.mark.parametrize("of_size", VALUES.values(), ids=VALUES)
def test_steps_grow_linearly(of_size: Callable[[int], Value]) -> None:
    def steps_of(size: int) -> int:
        value, here = of_size(size)

        def read() -> None:
            found = Resolver(here).resolve(value, here[0])
            RoleNames(("PumpReadOnlyRole",)).naming([found])

        return steps(read)

    assert_linear(steps_of)


def test_steps_grow_linearly_with_values_that_share_what_they_refer_to() -> None:
    def steps_of(size: int) -> int:
        last, here = referring(size)
        values = [{"Fn::Join": ["", [f"{index}-", last]]} for index in range(size)]

        def read() -> None:
            resolver = Resolver(here)
            for value in values:
                resolver.resolve(value, here[0])

        return steps(read)

    assert_linear(steps_of)


def test_steps_grow_linearly_with_the_roles_of_an_app() -> None:
    def steps_of(size: int) -> int:
        own = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
        resolver = Resolver([template(Resources={f"Own{index}": own for index in range(size)})])
        found = attachments(resolver.resources.values(), {})
        return steps(lambda: list(pump_roles(resolver.resources.values(), found)))

    assert_linear(steps_of)


def test_policy_of_many_roles_is_read_once() -> None:
    def steps_of(roles: int, size: int) -> int:
        names = [f"R{index}" for index in range(roles)]
        role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
        statements = [
            {"Effect": "Allow", "Action": f"a:{at}", "Resource": "*"} for at in range(size)
        ]
        document = {"Version": "2012-10-17", "Statement": statements}
        own = {"PolicyName": "P", "PolicyDocument": document, "Roles": [{"Ref": R} for R in names]}
        policy = {"Type": "AWS::IAM::Policy", "Properties": own}
        resolver = Resolver([template(Resources={**dict.fromkeys(names, role), "P": policy})])
        found = attachments(resolver.resources.values(), {})
        return steps(lambda: list(pump_roles(resolver.resources.values(), found)))

    added = [steps_of(roles, 10 * SIZE) - steps_of(roles, SIZE) for roles in (1, SIZE)]
    assert added[1] <= 1.5 * added[0]


def test_steps_grow_linearly_with_the_ends_of_a_connector() -> None:
    def steps_of(size: int) -> int:
        function = {"Type": "AWS::Lambda::Function", "Properties": {"Role": "R"}}
        ends = [{"Id": f"F{index}"} for index in range(size)]
        properties = {"Source": ends, "Destination": ends}
        connector = {"Type": "AWS::Serverless::Connector", "Properties": properties}
        functions = dict.fromkeys([end["Id"] for end in ends], function)
        resolver = Resolver([template(Resources={"C": connector, **functions})])
        return steps(lambda: attachments(resolver.resources.values(), {}))

    assert_linear(steps_of)


def test_counts_each_step() -> None:
    def read() -> object:
        here = template()
        return Resolver([here]).resolve({"Fn::Sub": "a-${AWS::Region}"}, here)

    assert steps(lambda: [read() for _ in range(10)]) == 10 * steps(read) > 0


def test_steps_grow_linearly_with_roles_of_one_name_in_many_stacks(tmp_path: Path) -> None:
    properties = {"RoleName": "PumpAutoPilotRole", "AssumeRolePolicyDocument": {}}
    content = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}}}
    paths = [tmp_path / f"{index}.template.json" for index in range(2 * SIZE)]
    for path in paths:
        path.write_text(json.dumps(content))
    (tmp_path / "manifest.json").write_text("{}")
    expected = [ExpectedResource(None, path, "Role", properties) for path in paths]

    def steps_of(size: int) -> int:
        return steps(lambda: list(check_templates(expected[:size], paths[:size])))

    assert steps_of(2 * SIZE) <= 2.5 * steps_of(SIZE)


def trusting(size: int) -> Trust:
    names = [f"arn:aws:iam::111122223333:role/R{size}-{index}" for index in range(size)]
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": names}}
    return parse_trust({"Statement": [allow]})


def test_steps_grow_linearly_with_the_principals_of_two_trust_policies() -> None:
    def steps_of(size: int) -> int:
        role = published_role("auto-pilot")
        before, now = (replace(role, trust=trusting(count)) for count in (size, 2 * size))
        return steps(lambda: compare(before, now))

    assert_linear(steps_of)


def conditional_policies(size: int, *values: str) -> list[Policy]:
    """A policy that allows much, and one that denies it under many conditions."""
    denies = [
        {
            "Effect": "Deny",
            "Action": "*",
            "Resource": [f"arn:aws:ec2:*:*:instance/i-{size}-{number}*", "arn:aws:s3:::*"],
            "Condition": {"StringLike": {"aws:userid": [f"{size}{of}{number}*" for of in values]}},
        }
        for number in range(size)
    ]
    allow = {"Effect": "Allow", "Action": ["ec2:*", "s3:*"], "Resource": "*"}
    return [
        parse_policy({"Version": "2012-10-17", "Statement": listed}, name=name)
        for name, listed in (("Allow", [allow]), ("Deny", denies))
    ]


def test_steps_grow_linearly_with_the_conditional_statements_of_two_policies() -> None:
    def steps_of(size: int) -> int:
        before, now = (conditional_policies(size, value) for value in "ab")
        return steps(lambda: decision_changes(before, now, StepsLeft(100)))

    # What is read once for all policies is read now.
    steps_of(1)
    assert_linear(lambda size: steps_of(2 * size))


@pytest.mark.parametrize(("left", "effect"), [(None, "narrower"), (StepsLeft(0), "unclear")])
def test_effect_of_policies_that_take_too_many_steps_to_compare_is_unclear(
    left: StepsLeft | None, effect: str
) -> None:
    before, now = conditional_policies(SIZE, "a"), conditional_policies(SIZE, "a", "b")
    assert {change.effect for change in decision_changes(before, now, left)} == {effect}


def test_role_with_every_guardrail_is_compared_in_a_third_of_the_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    every = [guardrail for guardrail in EVERY.values() if len(parts_of(guardrail)) == 1]
    published, limited = (published_role("auto-pilot", found) for found in ((), every))
    for expected, found in ((published, limited), (limited, published)):
        left = StepsLeft()
        most = left.number
        monkeypatch.setattr("pump_roles.compare.StepsLeft", lambda left=left: left)
        assert compare(expected, found)
        assert most > left.number > most * 2 / 3


@pytest.mark.parametrize(("first", "second"), [("*?", "?*"), ("*a", "a")])
def test_steps_grow_linearly_with_the_length_of_two_patterns(first: str, second: str) -> None:
    assert_linear(lambda size: steps(lambda: patterns_overlap(first * size, second * size)))


def conditional(folder: Path, size: int, *, chained: bool) -> Path:
    """Pump's role under a condition that is made of others, or of one that is made of one, ..."""
    names = [f"C{index}" for index in range(size)]
    last = {"Fn::Equals": ["a", {"Ref": "AWS::Region"}]}
    own = json.loads(universal.template("read-only"))
    own["Conditions"] = dict.fromkeys(names, last)
    if chained:
        for name, other in pairwise(names):
            own["Conditions"][name] = {"Fn::Not": [{"Condition": other}]}
    else:
        own["Conditions"]["C0"] = {"Fn::Or": [{"Condition": each} for each in names[1:]]}
    own["Resources"]["ReadOnlyRole"]["Condition"] = "C0"
    path = folder / f"{size}.template.json"
    path.write_text(json.dumps(own))
    return path


@pytest.mark.parametrize("chained", [True, False])
def test_steps_grow_linearly_with_the_conditions_of_a_role(
    tmp_path: Path, *, chained: bool
) -> None:
    def steps_of(size: int) -> int:
        path = conditional(tmp_path, size, chained=chained)
        return steps(lambda: templates.read(path))

    assert_linear(steps_of)


def test_chain_of_conditions_is_read_however_long_it_is(tmp_path: Path) -> None:
    (found,) = templates.read(conditional(tmp_path, 2_000, chained=True)).roles
    assert found.filled_sha256


def attaching(size: int) -> Template:
    """A policy of a role whose name is a value of one of some custom resources."""
    words = [f"word-{index}" for index in range(size)]
    custom = {"Type": "Custom::Names", "Properties": {"Words": words}}
    names = [{"Fn::GetAtt": ["Custom", f"Name{index}"]} for index in range(size)]
    policy = {"PolicyName": "P", "PolicyDocument": {}, "RoleName": {"Fn::Join": ["", names]}}
    return template(
        Resources={
            "Custom": custom,
            "P": {"Type": "AWS::IAM::RolePolicy", "Properties": policy},
            "Next": {"Type": QUEUE, "Properties": {"QueueName": {"Fn::Join": ["-", ["a", "b"]]}}},
        }
    )


@pytest.mark.parametrize(("work", "why"), [(2_000, ""), (100, "too-much-work")])
def test_value_that_takes_too_much_work_is_not_resolved_and_the_next_one_is(
    work: int, why: str
) -> None:
    resolver = Resolver([attaching(SIZE)], work)
    policy, following = resolver.resources["0", "P"], resolver.resources["0", "Next"]
    (value,) = values_of(policy["RoleName"])
    assert value.why == (why or "custom-resource")
    # It can be any role, also one of another stack.
    assert RoleNames(("PumpReadOnlyRole",)).naming([value]) == ("could-be" if why else "deployment")
    (name,) = values_of(following["QueueName"])
    assert name.certain == "a-b"


def test_values_that_take_too_much_work_together_are_not_resolved() -> None:
    resolver = Resolver([attaching(SIZE)], total=100)
    for name, member in (("P", "RoleName"), ("Next", "QueueName")):
        (value,) = values_of(resolver.resources["0", name][member])
        assert value.why == "too-much-work"


@pytest.mark.parametrize("kind", [QUEUE, "Custom::Name", "AWS::IAM::Role"])
def test_chain_of_resources_is_followed_to_a_bound(kind: str) -> None:
    name = "RoleName" if kind.endswith("Role") else "QueueName"

    def of_length(size: int) -> Resolved:
        made: dict[str, Any] = {
            f"R{index}": {
                "Type": kind,
                "Properties": {name: {"Fn::GetAtt": f"R{index + 1}.{name}"}},
            }
            for index in range(size)
        }
        made[f"R{size - 1}"]["Properties"][name] = "Pump"
        here = template(Resources=made)
        return Resolver([here]).resolve({"Fn::GetAtt": f"R0.{name}"}, here)

    assert "Pump" in of_length(DEEPEST).words
    for longer in (DEEPEST + 1, 10 * DEEPEST):
        assert of_length(longer).why == "too-much-work"


def test_steps_to_resolve_a_value_are_bounded() -> None:
    def steps_of(size: int) -> int:
        resolver = Resolver([attaching(size)], 300)
        return steps(lambda: resolver.resources["0", "P"]["RoleName"])

    # Without a bound, it is the square of the size.
    assert_linear(steps_of)
