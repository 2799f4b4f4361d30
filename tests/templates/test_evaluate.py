"""A value evaluates to everything that CloudFormation could make of it, or is not known."""

import json
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.templates.evaluate import evaluate, only_text, texts_in
from pump_roles.templates.template import Template, Text
from tests.support import NO_VALUE, json_values

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
        # A region contains the separator, too.
        (
            {"Fn::Select": [1, {"Fn::Split": ["-", {"Fn::Sub": "${AWS::Region}-a-b"}]}]},
            {"a": False},
        ),
        (
            {"Fn::Select": [1, {"Fn::Split": [":", {"Fn::Sub": "${AWS::Region}:a:b"}]}]},
            {"a": True},
        ),
        (
            {"Fn::Select": [1, {"Fn::Split": ["/", {"Fn::Sub": "${Role.Arn}/a"}]}]},
            {"a": False},
        ),
        ({"Fn::If": ["C", "a", {"Ref": "AWS::NoValue"}]}, {"a": True}),
        ({"Fn::If": ["C", ["a", "b"], "c"]}, {"a": True, "b": True, "c": True}),
        ({"Fn::FindInMap": ["Map", "x", "k"]}, {"in x": True}),
        ({"Fn::FindInMap": ["Map", {"Ref": "AWS::Region"}, "k"]}, {"in x": True, "in y": True}),
        ({"Fn::FindInMap": ["Map", "x", "l"]}, {"p": True, "q": True}),
        ({"Fn::Transform": {"Name": "M"}}, {'{"Fn::Transform": {"Name": "M"}}': False}),
    ],
)
def test_value_is_every_text_that_it_can_be(value: Any, expected: dict[str, bool]) -> None:
    assert texts(value) == expected


def maybe(value: Any) -> Any:
    return {"Fn::If": ["C", value, NO_VALUE]}


A_OR_AX = {"a": True, "ax": True}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (maybe("x"), {"x": True}),
        ({"Fn::Join": ["", ["a", maybe("x")]]}, A_OR_AX),
        ({"Fn::Join": ["-", ["a", maybe("x"), "b"]]}, {"a-b": True, "a-x-b": True}),
        ({"Fn::Join": ["", ["a", maybe(maybe("x"))]]}, A_OR_AX),
        ({"Fn::Join": ["", ["a", {"Fn::Join": ["", [maybe("x")]]}]]}, A_OR_AX),
        ({"Fn::Join": ["", ["a", {"Fn::Select": [0, [maybe("x"), ""]]}]]}, A_OR_AX),
        ({"Fn::Join": ["", {"Fn::If": ["C", ["a", maybe("x")], ["b"]]}]}, {**A_OR_AX, "b": True}),
        ({"Fn::Join": ["", {"Fn::If": ["C", ["a"], []]}]}, {"a": True, "": True}),
        ({"Fn::Join": ["", {"Fn::Split": [",", maybe("a,x")]}]}, {"ax": True, "": True}),
        ({"Fn::Select": [0, [maybe("x"), "a"]]}, {"x": True, "a": True}),
        ({"Fn::Select": [1, ["a", maybe("x"), "b"]]}, {"x": True, "b": True}),
        # Whether the element that is nothing counts or not.
        ({"Fn::Select": [1, [NO_VALUE, "a", "b"]]}, {"a": True, "b": True}),
        (
            {"Fn::Select": [0, {"Fn::If": ["C", [maybe("x"), "a"], ["b"]]}]},
            dict.fromkeys("xab", True),
        ),
        ({"Fn::Sub": ["a${X}", {"X": maybe("x")}]}, A_OR_AX),
        ({"Fn::Sub": "a${AWS::NoValue}"}, {"a": True}),
        (
            {
                "Fn::Join": [
                    "",
                    ["a", {"Fn::FindInMap": ["M", "k", "k", {"DefaultValue": maybe("x")}]}],
                ]
            },
            A_OR_AX,
        ),
        ({"Fn::Join": ["", [maybe(letter) for letter in "abcdefg"]]}, {"a": False}),
    ],
)
def test_value_that_can_be_nothing_has_none_as_an_alternative(
    value: Any, expected: dict[str, bool]
) -> None:
    assert texts(value) == expected


@pytest.mark.parametrize("list_", [{"Ref": "List"}, NO_VALUE, {"Fn::Split": [",", "a" * 5_000]}])
def test_list_that_may_be_unknown_is_not_known(list_: Any) -> None:
    either = {"Fn::If": ["C", ["a", "b"], list_]}
    for value in ({"Fn::Join": ["", either]}, {"Fn::Select": [1, either]}):
        assert not all(texts(value).values())


def test_index_beyond_a_list_selects_nothing_that_is_known() -> None:
    assert texts({"Fn::Select": [2, {"Fn::If": ["C", ["a", "b"], ["x", "y", "z"]]}]}) == {
        "a": False,
        "z": True,
    }


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"Type": "String"}, {"ax": True, "a${P}": False}),
        ({"Type": "String", "Default": "d"}, {"ax": True, "ad": True, "a${P}": False}),
        ({"Type": "String", "AllowedValues": ["d"]}, {"ax": True, "ad": True}),
    ],
)
def test_parameter_that_a_parent_may_not_pass_is_also_what_it_declares(
    declared: dict[str, Any], expected: dict[str, bool]
) -> None:
    nested = Template(
        content={"Parameters": {"P": declared}},
        file=Path("nested.json"),
        sha256="",
        parent=template(),
        arguments={"P": maybe("x")},
    )
    found = evaluate({"Fn::Sub": "a${P}"}, nested)
    assert {text.text: text.known for text in found} == expected
    assert only_text({"Ref": "P"}, nested) is None


MACRO = {"Fn::Transform": {"Name": "Macro"}}


@pytest.mark.parametrize(
    ("value", "members"),
    [
        ({"Ref": "P"}, {"Parameters": {"P": {"Type": "String", "AllowedValues": []}}}),
        ({"Ref": "P"}, {"Parameters": {"P": {"Type": "String", "AllowedValues": ["x"], **MACRO}}}),
        ({"Fn::FindInMap": ["M", "a", "b"]}, {"Mappings": {"M": {"a": {"b": "x"}, **MACRO}}}),
        (
            {"Fn::GetAtt": ["S", "Value"]},
            {
                "Resources": {
                    "S": {"Type": "AWS::SSM::Parameter", "Properties": {"Value": "x", **MACRO}}
                }
            },
        ),
    ],
)
def test_what_a_macro_can_change_is_not_known(value: Any, members: dict[str, Any]) -> None:
    assert not all(texts(value, **members).values())
    assert texts(value, **members)


def test_what_a_macro_can_change_elsewhere_is_not_known() -> None:
    outputs = {"O": {"Value": "x", **MACRO}}
    exporting = Template(content={"Outputs": outputs}, file=Path("o.json"), sha256="")
    here = template(Resources={"Nested": {"Type": "AWS::CloudFormation::Stack"}})
    here.nested["Nested"] = exporting
    here.exports["E",] = [(exporting, "x")]
    for value in ({"Fn::GetAtt": ["Nested", "Outputs.O"]}, {"Fn::ImportValue": "E"}):
        found = {text.text: text.known for text in evaluate(value, here)}
        assert found.pop("x")
        assert [*found.values()] == [False]


def test_argument_that_a_macro_can_change_is_not_known() -> None:
    properties = {"Parameters": {"P": "x", **MACRO}}
    parent = template(
        Resources={"Nested": {"Type": "AWS::CloudFormation::Stack", "Properties": properties}}
    )
    nested = Template(
        content={"Parameters": {name: {"Type": "String", "Default": "d"} for name in "PQ"}},
        file=Path("nested.json"),
        sha256="",
        parent=parent,
        deployed_by="Nested",
        arguments={"P": "x"},
    )
    for name, known in (("P", {"x", "d"}), ("Q", {"d"})):
        found = {text.text: text.known for text in evaluate({"Ref": name}, nested)}
        assert found == {**dict.fromkeys(known, True), f"${{{name}}}": False}


def test_output_or_a_name_that_can_be_nothing_is_not_known() -> None:
    here = template(
        Resources={
            "Group": {"Type": "AWS::IAM::Group", "Properties": {"GroupName": maybe("x")}},
            "Nested": {"Type": "AWS::CloudFormation::Stack"},
        }
    )
    content = {"Outputs": {"O": {"Value": maybe("x")}}}
    here.nested["Nested"] = Template(content=content, file=Path("nested.json"), sha256="")
    for value in ("a${Group}", "a${Nested.Outputs.O}"):
        first, second = evaluate({"Fn::Sub": value}, here)
        assert first == Text("ax")
        assert not second.known


def test_export_that_can_be_nothing_is_also_left_out() -> None:
    exporting = template()
    here = Template(
        content={},
        file=Path("t.json"),
        sha256="",
        exports={("E",): [(exporting, maybe("x"))], ("S", "O"): [(exporting, maybe("x"))]},
    )
    for value in (
        {"Fn::ImportValue": "E"},
        {"Fn::GetStackOutput": {"StackName": "S", "OutputName": "O"}},
    ):
        assert evaluate({"Fn::Join": ["", ["a", value]]}, here) == (Text("ax"), Text("a"))
        assert only_text(value, here) is None


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


def test_account_is_known_where_the_manifest_says_it() -> None:
    here = Template(content={}, file=Path("t"), sha256="", account="111122223333")
    assert evaluate({"Ref": "AWS::AccountId"}, here) == (Text("111122223333"),)


def test_too_many_alternatives_are_not_known() -> None:
    many = {"Many": {"Type": "String", "AllowedValues": [str(number) for number in range(65)]}}
    for value in ({"Ref": "Many"}, {"Fn::Sub": "${Many}"}, {"Fn::Sub": "${Few}${Few}"}):
        few = {"Few": {"Type": "String", "AllowedValues": [str(number) for number in range(9)]}}
        assert not all(texts(value, Parameters={**many, **few}).values())
    assert len(texts({"Ref": "Many"} | {}, Parameters=many)) == 1


def test_elements_of_a_list_of_any_length_are_known() -> None:
    names = [f"Role{number}" for number in range(500)]
    assert list(texts(names)) == names


LITERALS = st.sampled_from(["a", "b/c", "x,y", "PumpReadOnlyRole"])
ASSIGNED = {"Chosen": "two", "Default": "given", "Free": "free"}
Conditions = dict[str, bool]


def join(pieces: Any) -> Any:
    return {"Fn::Join": ["/", pieces]}


def split(value: Any) -> Any:
    return {"Fn::Split": ["/", value]}


def either(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(lambda c, a, b: {"Fn::If": [c, a, b]}, st.sampled_from("CD"), values, values)


def lists(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    plain = st.lists(values, max_size=3) | values.map(split)
    return plain | either(plain)


def expressions(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: (
            lists(inner).map(join)
            | st.builds(lambda i, of: {"Fn::Select": [i, of]}, st.integers(0, 2), lists(inner))
            | either(inner)
            | st.builds(lambda value: {"Fn::Sub": ["<${V}>", {"V": value}]}, inner)
        ),
        max_leaves=6,
    )


LEAVES = st.sampled_from(["a", NO_VALUE]) | LITERALS
REFERENCES = st.sampled_from(
    [
        *({"Ref": name} for name in ASSIGNED),
        {"Fn::Sub": "p-${Chosen}-${Free}"},
        {"Fn::FindInMap": ["Map", "y", "k"]},
    ]
)


class Rejected(Exception):  # noqa: N818
    """CloudFormation deploys no such value."""


def deployed_list(value: Any, conditions: Conditions) -> list[str]:
    if isinstance(value, list):
        found = (deployed(element, conditions) for element in value)
        return [text for text in found if text is not None]
    ((function, argument),) = value.items()
    if function == "Fn::If":
        return deployed_list(argument[1 if conditions[argument[0]] else 2], conditions)
    source = deployed(argument[1], conditions)
    if source is None:
        raise Rejected
    return source.split("/")


def deployed(value: Any, conditions: Conditions) -> str | None:
    """What CloudFormation makes of a value, with some parameters and conditions."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    result: str | None = "in y"
    match function, argument:
        case "Ref", name:
            result = ASSIGNED.get(name)
        case "Fn::If", [condition, then, otherwise]:
            result = deployed(then if conditions[condition] else otherwise, conditions)
        case "Fn::Join", [separator, elements]:
            result = str(separator).join(deployed_list(elements, conditions))
        case "Fn::Select", [index, elements]:
            found = deployed_list(elements, conditions)
            if index >= len(found):
                raise Rejected
            result = found[index]
        case "Fn::Sub", [_, values]:
            result = f"<{deployed(values['V'], conditions) or ''}>"
        case "Fn::Sub", _:
            result = f"p-{ASSIGNED['Chosen']}-{ASSIGNED['Free']}"
    return result


@given(expressions(LEAVES) | expressions(LEAVES | REFERENCES))
def test_what_is_deployed_is_one_of_the_texts_or_not_all_are_known(value: Any) -> None:
    here = template()
    found = evaluate(value, here)
    only = only_text(value, here)
    if not all(text.known for text in found):
        assert only is None
        return
    for c, d in product((True, False), repeat=2):
        with suppress(Rejected):
            result = deployed(value, {"C": c, "D": d})
            assert result is None or result in {text.text for text in found}
            assert only is None or only.text == result


JSON = json_values(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["Role", "Chosen", "${Role}", "a,b"]),
    *("Ref", "Fn::Sub", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::If", "Fn::FindInMap"),
    *("Fn::GetAtt", "Fn::ImportValue", "Fn::GetStackOutput", "StackName", "x"),
)


@given(JSON)
def test_any_json_evaluates_to_strings(value: Any) -> None:
    here = template()
    assert all(isinstance(text, Text) for text in evaluate(value, here))
    assert all(isinstance(text, Text) for text in texts_in(value, here))
    assert json.dumps(value)  # and it is left as it was


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", "x"),
        ({"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}]]}, "a-${AWS::Region}"),
        (["x"], None),
        (None, None),
        ({"Ref": "AWS::NoValue"}, None),
        ({"Ref": "Free"}, None),
        ({"Ref": "Chosen"}, None),
        ({"Fn::If": ["C", "x", {"Ref": "AWS::NoValue"}]}, None),
        ({"Fn::If": ["C", "x", []]}, None),
        ({"Fn::If": ["C", "x", "x"]}, "x"),
        ({"Fn::Join": ["", ["x", maybe("y")]]}, None),
        ({"Fn::Select": [0, [maybe("x"), "y"]]}, None),
        ({"Fn::Select": [1, ["x", maybe("y")]]}, None),
        ({"Fn::Split": [",", maybe("x")]}, None),
        ({"Fn::FindInMap": ["Map", "z", "k", {"DefaultValue": {"Ref": "AWS::NoValue"}}]}, None),
        ("{{resolve:ssm:/x}}", None),
    ],
)
def test_value_is_one_text_only_if_it_can_be_nothing_else(value: Any, expected: str | None) -> None:
    text = only_text(value, template())
    assert (text and text.text) == expected
