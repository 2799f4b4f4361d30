"""What a value can be: every value that CloudFormation could make of it, or it is not known."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.templates.evaluate import evaluate, texts_in
from pump_roles.templates.template import Template, Text
from tests.support import json_values

CONTENT: dict[str, Any] = {
    "Parameters": {
        "Chosen": {"Type": "String", "AllowedValues": ["one", "two"]},
        "Default": {"Type": "String", "Default": "three"},
        "Free": {"Type": "String"},
        "List": {"Type": "CommaDelimitedList", "Default": "a, b"},
        "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/name"},
    },
    "Mappings": {"Map": {"x": {"k": "in x", "l": ["p", "q"]}, "y": {"k": "in y"}}},
    "Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {}}},
}


def template(**members: Any) -> Template:
    return Template(content={**CONTENT, **members}, file=Path("t.json"), sha256="")


def texts(value: Any, **members: Any) -> dict[str, bool]:
    """Every text that a value can be, and whether it is known."""
    return {text.text: text.known for text in evaluate(value, template(**members))}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", {"x": True}),
        ("{{resolve:ssm:/x}}", {"{{resolve:ssm:/x}}": False}),
        (None, {}),
        ({"Ref": "AWS::NoValue"}, {}),
        (["a", {"Ref": "AWS::NoValue"}, "b"], {"a": True, "b": True}),
        ({"Ref": "AWS::Partition"}, {"${AWS::Partition}": True}),
        ({"Ref": "AWS::StackName"}, {"${AWS::StackName}": False}),
        ({"Ref": "Chosen"}, {"one": True, "two": True}),
        ({"Ref": "Default"}, {"three": True, "${Default}": False}),
        ({"Ref": "Free"}, {"${Free}": False}),
        ({"Ref": "List"}, {"a": True, "b": True, "${List}": False}),
        ({"Ref": "Stored"}, {"${Stored}": False}),
        ({"Ref": "Role"}, {"${Role}": True}),
        ({"Ref": "Undeclared"}, {"${Undeclared}": False}),
        ({"Fn::GetAtt": ["Role", "Arn"]}, {"${Role.Arn}": True}),
        ({"Fn::GetAtt": "Role.Arn"}, {"${Role.Arn}": True}),
        ({"Fn::GetAtt": ["Gone", "Arn"]}, {"${Gone.Arn}": False}),
        (
            {"Fn::Sub": "a-${Chosen}-${!Literal}"},
            {"a-one-${Literal}": True, "a-two-${Literal}": True},
        ),
        ({"Fn::Sub": ["${X}${Role.Arn}", {"X": "y"}]}, {"y${Role.Arn}": True}),
        ({"Fn::Sub": "cost: $5 ${AWS::Region}"}, {"cost: $5 ${AWS::Region}": True}),
        (
            {"Fn::Join": ["-", ["a", {"Ref": "AWS::NoValue"}, {"Ref": "Chosen"}]]},
            {"a-one": True, "a-two": True},
        ),
        ({"Fn::Join": [",", {"Fn::Split": ["/", "a/b"]}]}, {"a,b": True}),
        ({"Fn::Select": [1, {"Fn::Split": ["/", "a/b"]}]}, {"b": True}),
        ({"Fn::Select": ["0", ["a", "b"]]}, {"a": True}),
        (
            {"Fn::Select": [1, {"Fn::Split": ["/", {"Fn::GetAtt": ["Role", "Arn"]}]}]},
            {"${Role.Arn}": True},
        ),
        ({"Fn::Split": [",", "a,b"]}, {"a": True, "b": True}),
        ({"Fn::If": ["C", "a", {"Ref": "AWS::NoValue"}]}, {"a": True}),
        ({"Fn::If": ["C", ["a", "b"], "c"]}, {"a": True, "b": True, "c": True}),
        ({"Fn::FindInMap": ["Map", "x", "k"]}, {"in x": True}),
        ({"Fn::FindInMap": ["Map", {"Ref": "AWS::Region"}, "k"]}, {"in x": True, "in y": True}),
        ({"Fn::FindInMap": ["Map", "x", "l"]}, {"p": True, "q": True}),
        ({"Fn::Transform": {"Name": "M"}}, {'{"Fn::Transform": {"Name": "M"}}': False}),
    ],
)
def test_a_value_is_every_text_that_it_can_be(value: Any, expected: dict[str, bool]) -> None:
    assert texts(value) == expected


def test_says_what_a_text_refers_to_however_it_is_wrapped() -> None:
    here = template()
    for value in (
        {"Ref": "Role"},
        {"Fn::Sub": "arn:${AWS::Partition}:x/${Role}"},
        {"Fn::Select": [5, {"Fn::Split": [":", {"Fn::GetAtt": ["Role", "Arn"]}]}]},
        {"Fn::Unknown": [{"deep": {"Fn::Sub": "${Role.Arn}"}}]},
    ):
        (text,) = evaluate(value, here)
        assert text.references == {(here, "Role")}


def test_the_account_is_known_where_the_manifest_says_it() -> None:
    here = Template(content={}, file=Path("t"), sha256="", account="111122223333")
    assert evaluate({"Ref": "AWS::AccountId"}, here) == (Text("111122223333"),)


def test_more_alternatives_than_are_told_apart_are_not_known() -> None:
    many = {"Many": {"Type": "String", "AllowedValues": [str(number) for number in range(65)]}}
    for value in ({"Ref": "Many"}, {"Fn::Sub": "${Many}"}, {"Fn::Sub": "${Few}${Few}"}):
        few = {"Few": {"Type": "String", "AllowedValues": [str(number) for number in range(9)]}}
        assert not all(texts(value, Parameters={**many, **few}).values())
    assert len(texts({"Ref": "Many"} | {}, Parameters=many)) == 1


def test_a_list_of_any_length_is_told_apart() -> None:
    names = [f"Role{number}" for number in range(500)]
    assert list(texts(names)) == names


LITERALS = st.sampled_from(["a", "b/c", "x,y", "PumpReadOnlyRole"])
ASSIGNED = {"Chosen": "two", "Default": "given", "Free": "free"}
CONDITIONS = {"C": True, "D": False}


def join(pieces: list[Any]) -> Any:
    return {"Fn::Join": ["/", pieces]}


def split(value: Any) -> Any:
    return {"Fn::Select": [0, {"Fn::Split": ["/", value]}]}


EXPRESSIONS = st.recursive(
    LITERALS
    | st.sampled_from([{"Ref": name} for name in ASSIGNED])
    | st.sampled_from([{"Fn::Sub": "p-${Chosen}-${Free}"}, {"Fn::FindInMap": ["Map", "y", "k"]}]),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(join)
        | st.builds(lambda c, a, b: {"Fn::If": [c, a, b]}, st.sampled_from("CD"), inner, inner)
        | st.builds(lambda value: {"Fn::Sub": ["<${V}>", {"V": value}]}, inner)
        | inner.map(split)
    ),
    max_leaves=6,
)


def chosen(argument: list[Any]) -> str:
    condition, then, otherwise = argument
    return deployed(then if CONDITIONS[condition] else otherwise)


def substituted(argument: Any) -> str:
    if isinstance(argument, list):
        return f"<{deployed(argument[1]['V'])}>"
    return f"p-{ASSIGNED['Chosen']}-{ASSIGNED['Free']}"


FUNCTIONS: dict[str, Callable[[Any], str]] = {
    "Ref": ASSIGNED.__getitem__,
    "Fn::If": chosen,
    "Fn::Join": lambda argument: "/".join(map(deployed, argument[1])),
    "Fn::Select": lambda argument: deployed(argument[1]["Fn::Split"][1]).split("/")[0],
    "Fn::FindInMap": lambda _: "in y",
    "Fn::Sub": substituted,
}


def deployed(value: Any) -> str:
    """What CloudFormation makes of a value, with some parameters and conditions."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    return FUNCTIONS[function](argument)


@given(EXPRESSIONS)
def test_what_is_deployed_is_one_of_the_texts_or_not_all_are_known(value: Any) -> None:
    found = evaluate(value, template())
    assert deployed(value) in {text.text for text in found} or not all(text.known for text in found)


JSON = json_values(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["Role", "Chosen", "${Role}", "a,b"]),
    *("Ref", "Fn::Sub", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::If", "Fn::FindInMap"),
    *("Fn::GetAtt", "Fn::ImportValue", "Fn::GetStackOutput", "StackName", "x"),
)


@given(JSON)
def test_any_json_is_some_texts(value: Any) -> None:
    here = template()
    assert all(isinstance(text, Text) for text in evaluate(value, here))
    assert all(isinstance(text, Text) for text in texts_in(value, here))
    assert json.dumps(value)  # and it is left as it was
