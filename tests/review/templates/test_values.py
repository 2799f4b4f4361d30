"""What a value certainly is, and everything that it could be."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.review.templates.evaluate import certain, evaluate, resource_definition
from pump_roles.review.templates.possible import Possible
from pump_roles.review.templates.symbols import written
from pump_roles.review.templates.template import Template
from tests.support import NO_VALUE, json_values

NAME = "PumpReadOnlyRole"
CONTENT: dict[str, Any] = {
    "Parameters": {
        "Chosen": {"Type": "String", "AllowedValues": ["one", "two"]},
        "Default": {"Type": "String", "Default": "three"},
        "Fixed": {"Type": "String", "AllowedValues": ["only"]},
        "Free": {"Type": "String"},
        "List": {"Type": "CommaDelimitedList", "Default": "a, b"},
        "Repeated": {"Type": "CommaDelimitedList", "AllowedValues": ["only"]},
        "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/app/name"},
        "Elsewhere": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/other/name"},
    },
    "Mappings": {
        "Map": {"x": {"k": "in x", "l": ["p", "q"]}, "y": {"k": "in y", "f": {"Ref": "Fixed"}}}
    },
    "Resources": {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {}},
        "Named": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "N", "Path": "/a/b/"}},
        "Open": {
            "Type": "AWS::IAM::Role",
            "Properties": {"RoleName": {"Ref": "Free"}, "Path": {"Ref": "Default"}},
        },
        "Policy": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {}},
        "Group": {"Type": "AWS::IAM::Group", "Properties": {"GroupName": "G"}},
        "User": {"Type": "AWS::IAM::User", "Properties": {"UserName": "U"}},
        "Profile": {
            "Type": "AWS::IAM::InstanceProfile",
            "Properties": {"InstanceProfileName": "I"},
        },
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "Q"}},
        "Call": {"Type": "Custom::AWS", "Properties": {"Create": '{"Name": "in JSON"}'}},
        "Kept": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": "/app/name", "Value": "kept"},
        },
        "Secret": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"Name": "Hidden", "SecretString": '{"of": "hidden"}'},
        },
    },
}


def template(**members: Any) -> Template:
    found = Template(content={**CONTENT, **members}, file=Path("t.json"), sha256="")
    found.stored += [
        resource_definition(found, name) for name in ("Kept", "Secret") if name in found.resources
    ]
    return found


def text(value: Any, here: Template | None = None) -> str | None:
    found = certain(value, here or template())
    return None if found is None else written(found)


def arn(kind: str, name: str, path: str = "/") -> str:
    return f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:{kind}{path}{name}"


def nested_in(parent: Template, content: Any, **arguments: Any) -> Template:
    return Template(
        content=content,
        file=Path("nested.json"),
        sha256="",
        parent=parent,
        deployed_by="Nested",
        arguments=arguments,
    )


SPLIT_ARN = {"Fn::Split": ["/", {"Fn::GetAtt": ["Named", "Arn"]}]}
CERTAIN: list[tuple[Any, str]] = [
    ("x", "x"),
    ("", ""),
    (5, "5"),
    (True, "true"),
    ({"Ref": "AWS::Partition"}, "${AWS::Partition}"),
    ({"Ref": "Fixed"}, "only"),
    ({"Ref": "Role"}, "${Role}"),
    ({"Ref": "Named"}, "N"),
    ({"Ref": "Open"}, "${Open}"),
    ({"Ref": "Group"}, "G"),
    ({"Ref": "User"}, "U"),
    ({"Ref": "Profile"}, "I"),
    ({"Fn::GetAtt": ["Kept", "Value"]}, "kept"),
    ({"Ref": "Policy"}, arn("policy", "${Policy}")),
    ({"Fn::GetAtt": ["Role", "Arn"]}, arn("role", "${Role}")),
    ({"Fn::GetAtt": "Named.Arn"}, arn("role", "N", "/a/b/")),
    ({"Fn::Sub": "a-${Fixed}-${!Literal}"}, "a-only-${Literal}"),
    ({"Fn::Sub": ["${X}${Role.Arn}", {"X": "y"}]}, f"y{arn('role', '${Role}')}"),
    ({"Fn::Sub": ["${ X }", {"X": "y"}]}, "y"),
    ({"Fn::Sub": "cost: $5 ${AWS::Region}"}, "cost: $5 ${AWS::Region}"),
    ({"Fn::Join": ["-", ["a", NO_VALUE, "b"]]}, "a-b"),
    ({"Fn::Join": [",", {"Fn::Split": ["/", "a/b"]}]}, "a,b"),
    ({"Fn::Join": [",", {"Fn::FindInMap": ["Map", "x", "l"]}]}, "p,q"),
    ({"Fn::Select": [1, {"Fn::Split": ["/", "a/b"]}]}, "b"),
    ({"Fn::Select": ["0", ["a", "b"]]}, "a"),
    # A role's path can contain what looks like another role's name.
    ({"Fn::Select": [1, SPLIT_ARN]}, "a"),
    ({"Fn::Select": [3, SPLIT_ARN]}, "N"),
    (
        {"Fn::Select": [4, {"Fn::Split": [":", {"Fn::GetAtt": ["Role", "Arn"]}]}]},
        "${AWS::AccountId}",
    ),
    ({"Fn::Select": [1, {"Fn::Split": [":", {"Fn::Sub": "${AWS::Region}:a:b"}]}]}, "a"),
    ({"Fn::Select": [0, {"Fn::Split": ["{", {"Ref": "Role"}]}]}, "${Role}"),
    ({"Fn::If": ["C", "a", {"Fn::Join": ["", ["a"]]}]}, "a"),
    ({"Fn::FindInMap": ["Map", "x", "k"]}, "in x"),
    ({"Fn::FindInMap": ["Map", "x", "k", {"DefaultValue": "other"}]}, "in x"),
    ({"Fn::Sub": "${AWS::Region}" * 40}, "${AWS::Region}" * 40),
]


@pytest.mark.parametrize(("value", "expected"), CERTAIN)
def test_value_that_is_certain(value: Any, expected: str) -> None:
    assert text(value) == expected
    # And what it could be covers it.
    if "${" not in expected and expected:
        assert evaluate(value, template()).could_be().spells(expected)


NOT_CERTAIN: list[Any] = [
    None,
    ["x"],
    1.5,
    NO_VALUE,
    "{{resolve:ssm:/x}}",
    {"Fn::Join": ["", ["{{res", "olve:ssm:/x}}"]]},
    {"Ref": "Chosen"},
    {"Ref": "Default"},
    {"Ref": "Free"},
    {"Ref": "List"},
    {"Ref": "Stored"},
    {"Ref": "Undeclared"},
    {"Ref": "Queue"},
    {"Ref": ["Role"]},
    {"Ref": "AWS::StackName"},
    {"Fn::GetAtt": ["Gone", "Arn"]},
    {"Fn::GetAtt": ["Role", "RoleId"]},
    {"Fn::GetAtt": ["Open", "Arn"]},
    {"Fn::GetAtt": ["Role", {"Ref": "Free"}]},
    {"Fn::If": ["C", "a", NO_VALUE]},
    {"Fn::If": ["C", "a", "b"]},
    {"Fn::Select": [2, ["a", "b"]]},
    {"Fn::Select": [1, [NO_VALUE, "a", "b"]]},
    {"Fn::Select": [{"Ref": "Free"}, ["a", "b"]]},
    # A Region contains the separator.
    {"Fn::Select": [1, {"Fn::Split": ["-", {"Fn::Sub": "${AWS::Region}-a-b"}]}]},
    {"Fn::Split": [",", "a,b"]},
    {"Fn::FindInMap": ["Map", {"Ref": "AWS::Region"}, "k"]},
    {"Fn::FindInMap": ["Map", "z", "k", {"DefaultValue": "x"}]},
    {"Fn::FindInMap": ["Map", "x", "l"]},
    {"Fn::FindInMap": ["Map", "y", "f"]},
    {"Fn::Select": [0, ["a"], "b"]},
    {"Fn::Join": ["", {"Ref": "Repeated"}]},
    {"Fn::Transform": {"Name": "M"}},
    {"Fn::Base64": "x"},
]


@pytest.mark.parametrize("value", NOT_CERTAIN, ids=json.dumps)
def test_value_that_is_not_certain(value: Any) -> None:
    assert certain(value, template()) is None


def test_account_and_region_are_literal_where_the_manifest_says_them() -> None:
    here = Template(
        content={}, file=Path("t"), sha256="", account="111122223333", region="eu-west-1", stack="S"
    )
    value = {"Fn::Sub": "${AWS::AccountId} ${AWS::Region} ${AWS::StackName}"}
    assert text(value, here) == "111122223333 eu-west-1 S"


def test_argument_of_a_parent_is_certain() -> None:
    parent = template()
    declared = {
        "P": {"Type": "String", "Default": "d"},
        "L": {"Type": "CommaDelimitedList"},
        "N": {"Type": "Number"},
        "S": {"Type": "AWS::SSM::Parameter::Value<String>"},
    }
    here = nested_in(
        parent, {"Parameters": declared}, P={"Ref": "Role"}, L="x , y,${z}", N="1", S="/x"
    )
    assert certain({"Ref": "P"}, here) == certain({"Ref": "Role"}, parent)
    for name in ("L", "N", "S"):
        assert certain({"Ref": name}, here) is None
    for passed in (NO_VALUE, {"Fn::If": ["C", "x", NO_VALUE]}, {"Ref": "Default"}):
        assert certain({"Ref": "P"}, nested_in(parent, {"Parameters": declared}, P=passed)) is None


def test_pseudo_parameter_that_a_stack_set_passes_is_of_another_account() -> None:
    kind = "AWS::CloudFormation::StackSet"
    parent = template(Resources={"Nested": {"Type": kind, "Properties": {}}})
    account = {"Ref": "AWS::AccountId"}
    here = nested_in(parent, {"Parameters": {"P": {"Type": "String"}}}, P=account)
    assert certain({"Ref": "P"}, here) == certain(account, parent) != certain(account, here)


MACRO = {"Fn::Transform": {"Name": "Macro"}}


def changeable() -> list[tuple[Any, Template]]:
    """Values that a macro, or the overrides of a StackSet's parameters, can change."""
    outputs = {"O": {"Value": "x", **MACRO}}
    exporting = Template(content={"Outputs": outputs}, file=Path("o.json"), sha256="")
    importing = template(Resources={"Nested": {"Type": "AWS::CloudFormation::Stack"}})
    importing.nested["Nested"] = exporting
    importing.exports["E",] = [(exporting, "x")]
    exporting.exports = importing.exports
    found = [
        (
            {"Ref": "P"},
            template(Parameters={"P": {"Type": "String", "AllowedValues": ["x"], **MACRO}}),
        ),
        ({"Fn::FindInMap": ["M", "a", "b"]}, template(Mappings={"M": {"a": {"b": "x"}, **MACRO}})),
        ({"Fn::GetAtt": ["Nested", "Outputs.O"]}, importing),
        ({"Fn::ImportValue": "E"}, importing),
    ]
    overrides = {"ParameterOverrides": [{"ParameterKey": "P", "ParameterValue": "y"}]}
    for kind, properties in (
        ("Stack", {"Parameters": {"P": "x", **MACRO}}),
        ("StackSet", {"StackInstancesGroup": [overrides]}),
    ):
        resource = {"Type": f"AWS::CloudFormation::{kind}", "Properties": properties}
        parent = template(Resources={"Nested": resource})
        found.append(
            ({"Ref": "P"}, nested_in(parent, {"Parameters": {"P": {"Type": "String"}}}, P="x"))
        )
    return found


@pytest.mark.parametrize("index", range(6))
def test_what_something_can_change_is_not_certain(index: int) -> None:
    value, here = changeable()[index]
    assert certain(value, here) is None
    possible = evaluate(value, here).could_be()
    assert possible.deployment
    assert possible.spells("x")
    assert possible.spells("y") == (index == 5)


def test_output_export_and_output_of_a_stack_are_followed() -> None:
    for of_export, expected in [("x", "x"), ({"Fn::If": ["C", "x", NO_VALUE]}, None)]:
        here = template(Resources={"Nested": {"Type": "AWS::CloudFormation::Stack"}})
        content = {"Outputs": {"O": {"Value": of_export, "Description": "y"}}}
        nested = here.nested["Nested"] = nested_in(here, content)
        exporting = Template(content=content, file=Path("o.json"), sha256="", exports=here.exports)
        for key in (("E",), ("S", "O")):
            here.exports[key] = [(exporting, of_export)]
        assert nested.parent is here
        for value in (
            {"Fn::GetAtt": ["Nested", "Outputs.O"]},
            {"Fn::Sub": "${Nested.Outputs.O}"},
            {"Fn::ImportValue": "E"},
            {"Fn::GetStackOutput": {"StackName": "S", "OutputName": "O"}},
        ):
            assert text(value, here) == expected
            assert evaluate(value, here).could_be().spells("x")
            assert not evaluate(value, here).could_be().spells("y")
        assert evaluate({"Fn::GetAtt": ["Nested", "Outputs.Gone"]}, here).could_be().deployment


def test_export_that_more_than_one_stack_makes_available_is_not_certain() -> None:
    here = template()
    here.exports["E",] = [(template(), "x"), (template(), "y")]
    for of, _ in here.exports["E",]:
        of.exports = here.exports
    value = {"Fn::ImportValue": "E"}
    assert certain(value, here) is None
    assert [*map(evaluate(value, here).could_be().spells, ("x", "y", "z"))] == [True, True, False]


def test_definitions_in_a_circle_are_not_certain() -> None:
    here = template(Resources={"Nested": {"Type": "AWS::CloudFormation::Stack"}})
    content = {"Parameters": {"P": {"Type": "String"}}, "Outputs": {"O": {"Value": {"Ref": "P"}}}}
    value = {"Fn::GetAtt": ["Nested", "Outputs.O"]}
    here.nested["Nested"] = nested_in(here, content, P={"Fn::Sub": "x${Nested.Outputs.O}"})
    assert certain(value, here) is None
    assert evaluate(value, here).could_be().spells("xx")


def possible(*fragments: str, separators: str = "", shapes: tuple[str, ...] = ()) -> Possible:
    return Possible(fragments={*fragments}, shapes={*shapes}, separators={*separators})


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (possible(NAME), True),
        (possible(NAME.upper()), True),
        (possible("ReadOnly", "Pump", "Role"), True),
        (possible("Pump", "Role"), False),
        (possible(""), False),
        (possible(f"x{NAME}"), False),
        (possible(f"a/{NAME},b"), False),
        (possible(f"a/{NAME},b", separators="/,"), True),
        (possible(f"a/{NAME},b", separators=","), False),
        (possible("PumpReadOnlyRo", shapes=("AWS::Region",)), False),
        (possible("PumpReadOnlyRole", shapes=("AWS::AccountId",)), True),
    ],
)
def test_name_is_spelled_by_fragments(found: Possible, *, expected: bool) -> None:
    assert found.spells(NAME) == expected


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("app-us-gov-west-1", "AWS::Region", True),
        ("app-us-gov-west-", "AWS::Region", False),
        ("app-111122223333", "AWS::AccountId", True),
        ("app-11112222333", "AWS::AccountId", False),
        ("app-aws-cn", "AWS::Partition", True),
        ("app-amazonaws.com.cn", "AWS::URLSuffix", True),
    ],
)
def test_pseudo_parameter_has_the_shape_of_its_values(
    name: str, shape: str, *, expected: bool
) -> None:
    assert possible("app-", shapes=(shape,)).spells(name) == expected


@pytest.mark.parametrize(
    ("fragments", "expected"),
    [
        ((f"arn:aws:iam::1:role/a/{NAME}",), True),
        (("arn:aws:iam::1:role/Pump", "ReadOnlyRole"), True),
        (("role/Pump", "ReadOnly", "Role\n"), True),
        (("my-Pump", "ReadOnlyRole"), False),
        (("role/Pump", "ReadOnlyRole-2"), False),
        ((f"My{NAME}",), False),
    ],
)
def test_name_within_a_text_is_spelled_only_without_a_letter_beside_it(
    fragments: tuple[str, ...], *, expected: bool
) -> None:
    assert possible(*fragments).spells_within(NAME) == expected


MAYBE = {"Fn::If": ["C", "a", NO_VALUE]}
IN_MAP = {"in x", "in y", "only", "q"}
COULD_BE: list[tuple[Any, set[str], bool]] = [
    ({"Ref": "Chosen"}, {"one", "two"}, False),
    ({"Ref": "Default"}, {"three"}, True),
    ({"Ref": "Free"}, set(), True),
    ({"Ref": "List"}, {"a", "b", "ab"}, True),
    ({"Ref": "Stored"}, {"kept"}, True),
    ({"Ref": "Elsewhere"}, set(), True),
    ({"Ref": "Queue"}, {"q"}, True),
    ({"Ref": "Undeclared"}, set(), True),
    ("{{resolve:ssm:/app/name:1}}", {"kept"}, True),
    ("{{resolve:ssm:/other/name}}", set(), True),
    ("{{resolve:secretsmanager:Hidden:SecretString:role}}", {"hidden"}, True),
    ("{{resolve:secretsmanager:/app/name}}", set(), True),
    # In parts, it could be any parameter of the app, or is not read.
    ({"Fn::Sub": "{{resolve:ssm:${Free}}}"}, {"kept"}, True),
    ({"Fn::Join": ["", ["{{res", "olve:ssm:/x}}"]]}, set(), True),
    (MAYBE, {"a"}, False),
    ({"Fn::Sub": ["a${X}", {"X": MAYBE}]}, {"a"}, False),
    ({"Fn::Join": ["", [{"Ref": "Default"}, MAYBE, "b"]]}, {"b", "ab"}, True),
    ({"Fn::FindInMap": ["Map", {"Ref": "Free"}, "k"]}, IN_MAP, False),
    ({"Fn::FindInMap": ["Map", "z", "k", {"DefaultValue": "a"}]}, {"a", *IN_MAP}, False),
    ({"Fn::FindInMap": ["Gone", "z", "k"]}, IN_MAP, False),
    ({"Fn::Select": [{"Ref": "Free"}, ["a", "b"]]}, {"a", "b", "ab"}, False),
    ({"Fn::Split": [{"Ref": "Free"}, "a-b"]}, {"a-b"}, True),
    ({"Fn::Split": ["-", {"Fn::If": ["C", "a-b", "c"]}]}, {"a", "b", "ab", "a-b"}, False),
    ({"Fn::Split": ["a", {"Fn::If": ["C", "leftaRAP", "c"]}]}, {"left", "RAP"}, True),
    ({"Fn::Split": ["||", {"Fn::If": ["C", "a||b", "c"]}]}, {"a", "b", "ab"}, False),
    # A separator may be in two parts of the text.
    ({"Fn::Split": ["||", {"Fn::Join": ["", [MAYBE, "|b|", MAYBE]]}]}, {"a", "b", "ab"}, False),
    ({"Fn::Split": ["", "a-b"]}, {"a-b"}, True),
    # Parts of a Region or partition, what letters leave, and Base64 are not read.
    ({"Fn::Split": ["-", {"Ref": "AWS::Region"}]}, set(), True),
    ({"Fn::Split": [".", {"Ref": "AWS::URLSuffix"}]}, set(), True),
    ({"Fn::Split": ["-", {"Ref": "AWS::AccountId"}]}, set(), False),
    ({"Fn::Split": ["role/", {"Fn::If": ["C", "a:role/b", "c"]}]}, {"b"}, True),
    ({"Fn::Base64": "a"}, {"a"}, True),
    ({"Fn::Unknown": [{"deep": "a"}]}, {"a"}, True),
    ({"Fn::GetAtt": ["Queue", {"Ref": "Free"}]}, {"q"}, True),
    # A part of what a resource does is an attribute of it.
    ({"Fn::GetAtt": ["Call", "Name"]}, {"json"}, True),
    ({"Fn::ImportValue": "Elsewhere"}, set(), True),
    ({"Ref": "AWS::StackId"}, set(), True),
    ({"Fn::Select": [1, {"Fn::Split": ["-", {"Ref": "Role"}]}]}, {"role"}, True),
    ({"Fn::Select": [1, {"Fn::Split": ["-", {"Ref": "Queue"}]}]}, {"queue", "q"}, True),
    ({"Fn::Select": [0, [{"Fn::GetAtt": ["Open", "Arn"]}, MAYBE]]}, {"a", "three"}, True),
]
WORDS = {word for _, spelled, _ in COULD_BE for word in spelled}


@pytest.mark.parametrize(("value", "spelled", "deployment"), COULD_BE)
def test_value_could_be_what_goes_into_it(
    value: Any, spelled: set[str], *, deployment: bool
) -> None:
    found = evaluate(value, template()).could_be()
    assert {word for word in WORDS if found.spells(word)} == spelled
    assert found.deployment == deployment


def test_value_contains_the_resources_and_parameters_that_it_refers_to() -> None:
    here = template()
    for value in (
        {"Ref": "Role"},
        {"Fn::Sub": "arn:${AWS::Partition}:x/${Role}"},
        {"Fn::Select": [5, {"Fn::Split": [":", {"Fn::GetAtt": ["Role", "Arn"]}]}]},
        {"Fn::Unknown": [{"deep": {"Fn::Sub": "${Role.Arn}"}}]},
    ):
        assert evaluate(value, here).could_be().references == {(here, "Role")}
    parameter = evaluate({"Fn::Join": ["", ["x", {"Ref": "Free"}]]}, here).could_be()
    assert parameter.references == {(here, "Free")}


def test_string_of_a_resource_goes_in_only_if_it_is_asked_for() -> None:
    value, here = {"Fn::GetAtt": ["Queue", "QueueName"]}, template()
    assert evaluate(value, here).could_be().spells("Q")
    assert not evaluate(value, here).could_be(into_resources=False).spells("Q")


def test_nested_stacks_that_double_a_string_are_not_put_together() -> None:
    here = template()
    content = {"Parameters": {"P": {"Type": "String"}}}
    for _ in range(40):
        value = {"Fn::Sub": "${P}${P}"} if here.parent else "x"
        here = nested_in(here, content, P=value)
    assert certain({"Ref": "P"}, here) is None
    assert evaluate({"Ref": "P"}, here).could_be().spells("x" * 40)


JSON = json_values(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["Role", "Chosen", "${Role}", "a,b"]),
    *("Ref", "Fn::Sub", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::If", "Fn::FindInMap"),
    *("Fn::GetAtt", "Fn::ImportValue", "Fn::GetStackOutput", "StackName", "Condition", "x"),
)


@given(JSON)
def test_any_json_has_an_answer_and_is_left_as_it_was(value: Any) -> None:
    before, here = json.dumps(value), template()
    certain(value, here)
    evaluate(value, here).could_be().spells(NAME)
    assert json.dumps(value) == before
