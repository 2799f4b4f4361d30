"""What a value resolves to: its texts, why it is unresolved, and what it refers to."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.templates.placeholders import HOLE, MOST, Resolved, filled, shown
from pump_roles.templates.resolve import Resolver
from pump_roles.templates.template import STACK, STACK_SET, Template
from tests.support import NO_VALUE, json_values

NAME = "PumpReadOnlyRole"
BY_CHOICE = {"Fn::If": ["C", "B", NO_VALUE]}
CONTENT: dict[str, Any] = {
    "Parameters": {
        "Chosen": {"Type": "String", "AllowedValues": ["one", "two"]},
        "Default": {"Type": "String", "Default": "three"},
        "Fixed": {"Type": "String", "AllowedValues": ["only"]},
        "Free": {"Type": "String"},
        "List": {"Type": "CommaDelimitedList", "Default": "a, b"},
        "Number": {"Type": "Number", "Default": 1},
        "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/app/name"},
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
        "Changed": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "N", "Fn::Transform": {}}},
        "Policy": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {}},
        "Group": {"Type": "AWS::IAM::Group", "Properties": {"GroupName": "G"}},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "Q"}},
        "Bucket": {"Type": "AWS::S3::Bucket"},
        **{
            name: {"Type": f"AWS::{kind}", "Properties": {**properties}}
            for name, kind, properties in (
                ("Machine", "StepFunctions::StateMachine", {"StateMachineName": "M"}),
                ("Balancer", "ElasticLoadBalancingV2::LoadBalancer", {"Name": BY_CHOICE}),
                ("Client", "Cognito::UserPoolClient", {"ClientName": "C"}),
                ("Pool", "Cognito::UserPool", {"UserPoolName": "P"}),
                ("Table", "Serverless::SimpleTable", {"TableName": "T"}),
                ("EitherUser", "IAM::User", {"UserName": {"Fn::If": ["C", "a", "b"]}}),
                ("OpenUser", "IAM::User", {"UserName": {"Ref": "Free"}}),
                ("OpenPolicy", "IAM::ManagedPolicy", {"ManagedPolicyName": {"Ref": "Free"}}),
                ("Member", "Cognito::UserPoolGroup", {"GroupName": "in it"}),
                ("Data", "Glue::Database", {"DatabaseInput": {"Name": "in it"}}),
                ("Later", "New::Type", {"Name": "in it"}),
            )
        },
        "Call": {
            "Type": "Custom::AWS",
            "Properties": {"Create": {"Name": "in it"}, "Of": {"Ref": "Role"}},
        },
        "Kept": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": "/app/name", "Value": "kept"},
        },
        "Secret": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"Name": "Hidden", "SecretString": "hidden"},
        },
    },
}


def template(**members: Any) -> Template:
    return Template(content={**CONTENT, **members}, file=Path("t.json"), key="0")


def of(value: Any, *templates: Template) -> Resolved:
    """What a value is in the first template of an app."""
    here = templates or (template(),)
    for index, each in enumerate(here):
        each.key = f"{index}"
    return Resolver(here).resolve(value, here[0])


def texts(found: Resolved) -> set[Any]:
    """Its texts, as people read them."""
    return {shown(text) if isinstance(text, str) else text for text in found.texts}


def nested_in(parent: Template, content: Any, kind: str = STACK, **arguments: Any) -> Template:
    properties = {"Parameters": arguments}
    parent.content["Resources"]["Nested"] = {"Type": kind, "Properties": properties}
    nested = Template(
        content=content,
        file=Path("nested.json"),
        parent=parent,
        deployed_by="Nested",
        arguments=arguments,
    )
    parent.nested["Nested"] = nested
    return nested


def arn(kind: str, name: str, path: str = "/") -> str:
    return f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:{kind}{path}{name}"


MAYBE = {"Fn::If": ["C", "a", NO_VALUE]}
SPLIT_ARN = {"Fn::Split": ["/", {"Fn::GetAtt": ["Named", "Arn"]}]}
MACHINE = {"Fn::GetAtt": ["Machine", "Arn"]}
IN_MAP = {"Fn::FindInMap": ["Map", {"Ref": "AWS::Region"}, "k"]}
RESOLVED: list[tuple[Any, set[Any] | None]] = [
    ("x", {"x"}),
    ("", {""}),
    (5, {"5"}),
    (True, {"true"}),
    (None, {None}),
    (NO_VALUE, {None}),
    ("a literal ${AWS::AccountId}", {"a literal ${AWS::AccountId}"}),
    ({"Ref": "AWS::Partition"}, {"${AWS::Partition}"}),
    ({"Ref": "Fixed"}, {"only"}),
    ({"Ref": "Chosen"}, {"one", "two"}),
    ({"Ref": "Role"}, {"${Role}"}),
    ({"Ref": "Named"}, {"N"}),
    ({"Ref": "Open"}, {"${Open}"}),
    ({"Ref": "Changed"}, {"${Changed}"}),
    ({"Ref": "Group"}, {"G"}),
    ({"Ref": "Bucket"}, {"${Bucket}"}),
    ({"Fn::GetAtt": ["Bucket", "Arn"]}, {"${Bucket.Arn}"}),
    ({"Fn::GetAtt": ["Role", "RoleId"]}, {"${Role.RoleId}"}),
    ({"Fn::GetAtt": ["Kept", "Value"]}, {"kept"}),
    ({"Ref": "Policy"}, {arn("policy", "${Policy}")}),
    ({"Fn::GetAtt": ["Role", "Arn"]}, {arn("role", "${Role}")}),
    ({"Fn::GetAtt": "Named.Arn"}, {arn("role", "N", "/a/b/")}),
    ({"Fn::Sub": "a-${Fixed}-${!Literal}"}, {"a-only-${Literal}"}),
    ({"Fn::Sub": ["${X}${Role.Arn}", {"X": "y"}]}, {f"y{arn('role', '${Role}')}"}),
    ({"Fn::Sub": ["${ X }", {"X": "y"}]}, {"y"}),
    ({"Fn::Sub": "cost: $5 ${AWS::Region}"}, {"cost: $5 ${AWS::Region}"}),
    # One variable is one text.
    ({"Fn::Sub": "${Chosen}-${Chosen}"}, {"one-one", "two-two"}),
    ({"Fn::Join": ["-", [{"Ref": "Chosen"}, MAYBE]]}, {"one", "one-a", "two", "two-a"}),
    ({"Fn::Join": ["-", ["a", NO_VALUE, "b"]]}, {"a-b"}),
    ({"Fn::Join": [",", {"Fn::Split": ["/", "a/b"]}]}, {"a,b"}),
    ({"Fn::Join": [",", {"Fn::FindInMap": ["Map", "x", "l"]}]}, {"p,q"}),
    ({"Fn::Select": [1, {"Fn::Split": ["/", "a/b"]}]}, {"b"}),
    ({"Fn::Select": ["0", ["a", {"Ref": "Free"}]]}, {"a"}),
    # A role's path can contain what looks like another role's name.
    ({"Fn::Select": [1, SPLIT_ARN]}, {"a"}),
    ({"Fn::Select": [3, SPLIT_ARN]}, {"N"}),
    (
        {"Fn::Select": [4, {"Fn::Split": [":", {"Fn::GetAtt": ["Role", "Arn"]}]}]},
        {"${AWS::AccountId}"},
    ),
    ({"Fn::Select": [1, {"Fn::Split": [":", {"Fn::Sub": "${AWS::Region}:a:b"}]}]}, {"a"}),
    ({"Fn::Select": [0, {"Fn::Split": ["{", {"Ref": "Role"}]}]}, {"${Role}"}),
    ({"Fn::Split": ["-", {"Fn::If": ["C", "a-b", "c"]}]}, {("a", "b"), ("c",)}),
    ({"Fn::Split": ["||", "a||b"]}, {("a", "b")}),
    ({"Fn::If": ["C", "a", {"Fn::Join": ["", ["a"]]}]}, {"a"}),
    (MAYBE, {"a", None}),
    (["x", {"Ref": "Chosen"}], {("x", "one"), ("x", "two")}),
    ({"Fn::FindInMap": ["Map", "x", "k"]}, {"in x"}),
    ({"Fn::FindInMap": ["Map", "x", "k", {"DefaultValue": "other"}]}, {"in x"}),
    ({"Fn::FindInMap": ["Map", "z", "k", {"DefaultValue": "other"}]}, {"other"}),
    (IN_MAP, {"in x", "in y"}),
    ({"Fn::Base64": {"Fn::Sub": "run ${Named}"}}, {"cnVuIE4="}),
    ({"Fn::Base64": "${x}"}, {"JHt4fQ=="}),
    # The text of a function is not that function.
    ({"Fn::Join": ["", [{"Ref": "Fixed"}, '{"Ref": "Fixed"}']]}, {'only{"Ref": "Fixed"}'}),
    ({"Fn::Join": ["", ['{"Ref": "Fixed"}', {"Ref": "Fixed"}]]}, {'{"Ref": "Fixed"}only'}),
    # What names a resource is that attribute of it; AWS makes the rest.
    ({"Fn::GetAtt": ["Queue", "QueueName"]}, {"Q"}),
    ({"Fn::GetAtt": ["Machine", "Name"]}, {"M"}),
    ({"Fn::GetAtt": ["Balancer", "LoadBalancerName"]}, {"B", "${Balancer.LoadBalancerName}"}),
    ({"Fn::GetAtt": ["Client", "Name"]}, {"C"}),
    ({"Fn::GetAtt": ["Pool", "ProviderName"]}, {"${Pool.ProviderName}"}),
    ({"Fn::GetAtt": ["Machine", "Arn"]}, {"${Machine.Arn}"}),
    ({"Ref": "Pool"}, {"${Pool}"}),
    ({"Ref": "Table"}, {"T"}),
    ({"Fn::GetAtt": ["EitherUser", "Arn"]}, {arn("user", name) for name in ("a", "b")}),
    ({"Fn::Sub": "${AWS::Region}" * 40}, {"${AWS::Region}" * 40}),
    ({"Fn::Join": ["", [{"Fn::If": [c, "a", "b"]} for c in "CDEFGH"]]}, None),
]


@pytest.mark.parametrize(("value", "expected"), RESOLVED)
def test_value_that_is_resolved(value: Any, expected: set[Any] | None) -> None:
    found = of(value)
    assert found.why == ""
    assert texts(found) == expected if expected else len(found.texts) == MOST
    (first, *more) = found.texts
    assert found.certain == (first if isinstance(first, str) and not more else None)


UNRESOLVED: list[tuple[Any, str, set[Any], set[str]]] = [
    ({"Ref": "Free"}, "parameter", {"${Free}"}, set()),
    ({"Ref": "Default"}, "parameter", {"${Default}", "three"}, {"three"}),
    ({"Ref": "List"}, "parameter", {"${List}", ("a", "b")}, {"a", "b"}),
    ({"Fn::Sub": "app-${Free}-role"}, "parameter", {"app-${Free}-role"}, {"app-", "-role"}),
    ({"Ref": "Stored"}, "ssm-parameter", {HOLE}, {"/app/name", "kept"}),
    ("{{resolve:ssm:/app/name:1}}", "dynamic-reference", {HOLE}, {"kept"}),
    ("{{resolve:ssm:/other/name}}", "dynamic-reference", {HOLE}, set()),
    (
        "{{resolve:secretsmanager:Hidden:SecretString:role}}",
        "dynamic-reference",
        {HOLE},
        {"hidden"},
    ),
    ({"Fn::Sub": "{{resolve:ssm:${Free}}}"}, "dynamic-reference", {HOLE}, {"kept"}),
    ({"Fn::Join": ["", ["{{res", "olve:ssm:/x}}"]]}, "dynamic-reference", {HOLE}, set()),
    ({"Ref": "Undeclared"}, "undeclared", {HOLE}, set()),
    ({"Ref": ["Role"]}, "function", {HOLE}, {"Role"}),
    ({"Ref": "Queue"}, "property", {HOLE}, {"Q"}),
    ({"Ref": "AWS::StackName"}, "undeclared", {"${AWS::StackName}"}, set()),
    ({"Fn::Base64": {"Fn::Sub": "run ${Free}"}}, "parameter", {HOLE, "run ${Free}"}, {"run "}),
    ({"Ref": "OpenUser"}, "parameter", {"${Free}"}, set()),
    ({"Fn::GetAtt": ["OpenUser", "Arn"]}, "parameter", {arn("user", "${Free}")}, set()),
    ({"Fn::Select": [1, {"Fn::Split": ["/", {"Ref": "OpenPolicy"}]}]}, "parameter", {HOLE}, set()),
    ({"Fn::Select": [6, {"Fn::Split": [":", MACHINE]}]}, "unresolved", {HOLE}, {"M"}),
    ({"Ref": "Member"}, "property", {HOLE}, {"in it"}),
    ({"Ref": "Data"}, "property", {HOLE}, {"in it"}),
    # AWS's schema does not have it.
    ({"Fn::GetAtt": ["Machine", "Future"]}, "property", {HOLE}, {"M"}),
    ({"Ref": "Later"}, "property", {HOLE}, {"in it"}),
    ({"Fn::GetAtt": ["Queue", {"Ref": "Free"}]}, "function", {HOLE}, {"Q"}),
    ({"Fn::GetAtt": ["Call", "Name"]}, "custom-resource", {HOLE}, {"in it"}),
    ({"Fn::GetAtt": ["Gone", "Arn"]}, "function", {HOLE}, {"Gone", "Arn"}),
    (
        {"Fn::GetAtt": ["Open", "Arn"]},
        "parameter",
        {arn("role", "${Open}", path) for path in ("three", "${Default}")},
        {"three"},
    ),
    ({"Fn::GetAtt": ["Nested", "Outputs.O"]}, "function", {HOLE}, {"Nested"}),
    ({"Fn::ImportValue": "Elsewhere"}, "import", {HOLE}, set()),
    ({"Fn::FindInMap": ["Gone", "z", "k"]}, "nothing", {HOLE}, set()),
    ({"Fn::FindInMap": ["Map", "y", "f"]}, "nothing", {HOLE}, set()),
    ({"Fn::Select": [2, ["a", "b"]]}, "function", {HOLE}, {"a", "b"}),
    ({"Fn::Select": [1, [NO_VALUE, "a", "b"]]}, "function", {HOLE}, {"a", "b"}),
    ({"Fn::Select": [{"Ref": "Free"}, ["a", "b"]]}, "function", {HOLE}, {"a", "b"}),
    ({"Fn::Select": [0, ["a"], "b"]}, "function", {HOLE}, {"a", "b"}),
    ({"Fn::Join": [{"Ref": "Free"}, ["a", "b"]]}, "function", {HOLE}, {"a", "b"}),
    ({"Fn::Split": [{"Ref": "Free"}, "a-b"]}, "function", {HOLE}, {"a-b"}),
    ({"Fn::Split": ["", "a-b"]}, "function", {HOLE}, {"a-b"}),
    # A Region contains the separator, and what is provided may.
    ({"Fn::Split": ["-", {"Ref": "AWS::Region"}]}, "unresolved", {HOLE}, set()),
    ({"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}, "unresolved", {HOLE}, set()),
    ({"Fn::Split": [":", {"Fn::GetAtt": ["Role", "RoleId"]}]}, "unresolved", {HOLE}, set()),
    ({"Fn::Split": ["/", {"Fn::Sub": "a/${Free}"}]}, "parameter", {HOLE}, {"a/"}),
    ({"Fn::Transform": {"Name": "M", "Parameters": {"R": "a"}}}, "function", {HOLE}, {"M", "a"}),
    ({"Fn::Unknown": [{"deep": 1.5}]}, "function", {HOLE}, {"1.5"}),
    ({"Ref": "Role", "Fn::If": []}, "function", {HOLE}, {"Role"}),
    (1.5, "function", {HOLE}, {"1.5"}),
    ({"Fn::Join": ["", [{"Fn::If": [c, "a", "b"]} for c in "CDEFGHI"]]}, "too-many", {HOLE}, {"a"}),
]


@pytest.mark.parametrize(("value", "why", "expected", "literals"), UNRESOLVED)
def test_value_that_is_unresolved_keeps_its_texts_and_literals(
    value: Any, why: str, expected: set[Any], literals: set[str]
) -> None:
    found = of(value)
    assert (found.why, texts(found), found.certain) == (why, expected, None)
    assert literals <= found.literals
    assert NAME not in found.words


def test_value_refers_to_resources_but_for_pieces_of_them_and_what_a_provider_gets() -> None:
    role = {("0", "Role")}
    for value, expected in [
        ({"Ref": "Role"}, role),
        ({"Fn::Sub": "arn:${AWS::Partition}:x/${Role}"}, role),
        ({"Fn::If": ["C", {"Fn::GetAtt": "Role.Arn"}, "x"]}, role | {("0", "?C")}),
        ({"Fn::Unknown": [{"deep": {"Fn::Sub": "${Role.Arn}"}}]}, role),
        ({"Fn::Select": [5, {"Fn::Split": [":", {"Fn::GetAtt": ["Role", "Arn"]}]}]}, set()),
        ({"Fn::GetAtt": ["Call", "Name"]}, {("0", "Call")}),
    ]:
        assert of(value).refers == expected


def test_account_and_region_are_literal_where_the_manifest_says_them() -> None:
    here = Template(
        content={}, file=Path("t"), account="111122223333", region="eu-west-1", stack="S"
    )
    value = {"Fn::Sub": "${AWS::AccountId} ${AWS::Region} ${AWS::StackName}"}
    assert of(value, here).certain == "111122223333 eu-west-1 S"


DECLARED = {
    "P": {"Type": "String", "Default": "d"},
    "Q": {"Type": "String"},
    "L": {"Type": "CommaDelimitedList"},
    "S": {"Type": "AWS::SSM::Parameter::Value<String>"},
}


@pytest.mark.parametrize(
    ("passed", "why", "expected"),
    [
        ("x", "", {"x"}),
        ({"Ref": "Role"}, "", {"${Role}"}),
        ({"Ref": "Free"}, "parameter", {"${Free}"}),
        # What is not passed is the default.
        (NO_VALUE, "", {"d"}),
        ({"Fn::If": ["C", "x", NO_VALUE]}, "", {"x", "d"}),
    ],
)
def test_parameter_of_a_nested_stack_is_what_its_parent_passes(
    passed: Any, why: str, expected: set[Any]
) -> None:
    parent = template(Resources={**CONTENT["Resources"]})
    here = nested_in(parent, {"Parameters": DECLARED}, P=passed, L="x , y,${z}", S="/x")
    here.key, parent.key = "0", "1"
    resolver = Resolver([here, parent])
    found = resolver.resolve({"Ref": "P"}, here)
    assert (found.why, texts(found)) == (why, expected)
    assert texts(resolver.resolve({"Ref": "L"}, here)) == {("x", "y", "${!z}")}
    assert resolver.resolve({"Ref": "S"}, here).why == "ssm-parameter"
    assert resolver.resolve({"Ref": "Q"}, here).why == "undeclared"


def test_pseudo_parameter_that_a_stack_set_passes_is_of_another_account() -> None:
    parent = template(Resources={})
    account = {"Ref": "AWS::AccountId"}
    here = nested_in(parent, {"Parameters": {"P": {"Type": "String"}}}, STACK_SET, P=account)
    assert of({"Ref": "P"}, here, parent).certain == "${outer.AWS::AccountId}"
    assert of(account, here, parent).certain == "${AWS::AccountId}"


MACRO = {"Fn::Transform": {"Name": "Macro"}}
OVERRIDES = {"ParameterOverrides": [{"ParameterKey": "P", "ParameterValue": "y"}]}
CHANGEABLE: list[tuple[Any, dict[str, Any]]] = [
    ({"Ref": "P"}, {"Parameters": {"P": {"Type": "String", "AllowedValues": ["x"], **MACRO}}}),
    ({"Fn::FindInMap": ["M", "a", "b"]}, {"Mappings": {"M": {"a": {"b": "x"}, **MACRO}}}),
    ({"Fn::GetAtt": ["Nested", "Outputs.O"]}, {"Outputs": {"O": {"Value": "x", **MACRO}}}),
    (
        {"Fn::ImportValue": "E"},
        {"Outputs": {"O": {"Value": "x", "Export": {"Name": "E"}}, **MACRO}},
    ),
]


@pytest.mark.parametrize(("value", "members"), CHANGEABLE)
def test_what_a_macro_can_change_is_unresolved(value: Any, members: dict[str, Any]) -> None:
    here = template(**members, Resources={})
    nested_in(here, {**members})
    found = of(value, here, here.nested["Nested"])
    assert found.why
    assert "x" in found.words


@pytest.mark.parametrize(
    ("kind", "properties", "words"),
    [
        (STACK, {"Parameters": {"P": "x", **MACRO}}, {"x", "Macro"}),
        (STACK_SET, {"StackInstancesGroup": [OVERRIDES]}, {"x", "y"}),
    ],
)
def test_argument_that_something_can_override_is_open(
    kind: str, properties: Any, words: set[str]
) -> None:
    parent = template(Resources={})
    here = nested_in(parent, {"Parameters": {"P": {"Type": "String"}}}, kind, P="x")
    parent.content["Resources"]["Nested"]["Properties"] = properties
    found = of({"Ref": "P"}, here, parent)
    assert (found.why, texts(found)) == ("overridden", {"${P}"})
    assert words <= found.words


def test_output_export_and_output_of_a_stack_are_followed() -> None:
    for value, expected in [("x", {"x"}), ({"Fn::If": ["C", "x", NO_VALUE]}, {"x", None})]:
        here = template(Resources={})
        exported = {"Value": value, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-E"}}}
        exporting = Template(content={"Outputs": {"O": exported}}, file=Path("o.json"), stack="S")
        nested = nested_in(here, {"Outputs": {"O": {"Value": value, "Description": "y"}}})
        for read in (
            {"Fn::GetAtt": ["Nested", "Outputs.O"]},
            {"Fn::Sub": ["${X}", {"X": {"Fn::GetAtt": "Nested.Outputs.O"}}]},
            {"Fn::ImportValue": "S-E"},
            {"Fn::GetStackOutput": {"StackName": "S", "OutputName": "O"}},
            {
                "Fn::GetStackOutput": {
                    "StackName": "S",
                    "OutputName": "O",
                    "Region": {"Ref": "AWS::Region"},
                }
            },
        ):
            found = of(read, here, nested, exporting)
            assert "x" in found.words
            assert texts(found) == expected or "Fn::Sub" in read
        assert of({"Fn::GetAtt": ["Nested", "Outputs.Gone"]}, here, nested).why


def test_output_that_may_be_another_one_is_unresolved() -> None:
    named = {"StackName": "S", "OutputName": "O"}
    condition = {"Condition": "C"}
    for value, members in [
        ({"Fn::ImportValue": "E"}, condition),
        ({"Fn::GetStackOutput": named}, condition),
        ({"Fn::GetStackOutput": {**named, "Region": "eu-west-1"}}, {}),
        ({"Fn::GetStackOutput": {**named, "Region": {"Ref": "Free"}}}, {}),
        ({"Fn::GetStackOutput": {**named, "RoleArn": "arn:aws:iam::111122223333:role/R"}}, {}),
    ]:
        outputs = {"O": {"Value": "x", "Export": {"Name": "E"}, **members}}
        exporting = Template(content={"Outputs": outputs}, file=Path("o.json"), stack="S")
        found = of(value, template(), exporting)
        assert (found.why, texts(found)) == ("import", {HOLE})
        assert "x" in found.literals


SERVERLESS = "AWS::Serverless-2016-10-31"


@pytest.mark.parametrize(
    ("properties", "sections", "why"),
    [
        ({}, {"Transform": SERVERLESS}, ""),
        ({}, {"Transform": [SERVERLESS], "Globals": {"Function": {"Timeout": 3}}}, ""),
        ({}, {}, "undeclared"),
        ({"Role": "arn"}, {"Transform": SERVERLESS}, "undeclared"),
        ({}, {"Transform": SERVERLESS, "Globals": {"Function": {"Role": "arn"}}}, "undeclared"),
    ],
)
def test_role_that_sam_makes_for_a_function_is_generated(
    properties: Any, sections: dict[str, Any], why: str
) -> None:
    resources = {"F": {"Type": "AWS::Serverless::Function", "Properties": properties}}
    here = template(Resources=resources, **sections)
    found = of({"Ref": "FRole"}, here)
    assert (found.why, texts(found)) == (why, {HOLE if why else "${FRole}"})
    of_arn = of({"Fn::GetAtt": ["FRole", "Arn"]}, here)
    assert texts(of_arn) == {HOLE if why else arn("role", "${FRole}")}


def test_name_of_a_nested_stack_is_generated() -> None:
    here = nested_in(template(Resources={}), {})
    found = of({"Ref": "AWS::StackName"}, here)
    assert (found.why, texts(found)) == ("", {"${AWS::StackName}"})


@pytest.mark.parametrize(
    ("place", "why", "expected"),
    [
        ({}, "", {"x", "y"}),
        ({"region": "eu-west-1"}, "import", {HOLE}),
        ({"account": "111122223333"}, "import", {HOLE}),
    ],
)
def test_export_of_several_stacks_is_one_of_them_in_this_account_and_region(
    place: dict[str, Any], why: str, expected: set[Any]
) -> None:
    exporting = [
        Template(
            content={"Outputs": {"O": {"Value": value, "Export": {"Name": "E"}}}},
            file=Path(f"{value}.json"),
            **(place if value == "y" else {}),
        )
        for value in ("x", "y")
    ]
    found = of({"Fn::ImportValue": "E"}, template(), *exporting)
    assert (found.why, texts(found)) == (why, expected)
    assert {"x", "y"} <= found.words


def test_only_definitions_in_a_circle_are_unresolved() -> None:
    declared = {"P": {"Type": "String"}}
    outputs = {"O": {"Value": {"Ref": "P"}}, "Other": {"Value": "fine"}}
    for passed, why in [("x${Nested.Outputs.O}", "circle"), ("x${Nested.Outputs.Other}", "")]:
        here = template(Resources={})
        content = {"Parameters": declared, "Outputs": outputs}
        nested = nested_in(here, content, P={"Fn::Sub": passed})
        found = of({"Fn::GetAtt": ["Nested", "Outputs.O"]}, here, nested)
        assert found.why == why
        assert found.certain == (None if why else "xfine")


def test_export_with_an_open_name_may_be_what_it_imports_itself() -> None:
    imported = {"Fn::ImportValue": {"Ref": "Free"}}
    named = {"Export": {"Name": {"Ref": "Free"}}}
    outputs = {"O": {"Value": imported, **named}, "Other": {"Value": "x", **named}}
    found = of(imported, template(Outputs=outputs))
    assert (found.why, texts(found)) == ("import", {HOLE})
    assert "x" in found.words


def test_nested_stacks_that_double_a_string_are_not_put_together() -> None:
    here = [template(Resources={})]
    content = {"Parameters": {"P": {"Type": "String"}}}
    for _ in range(40):
        value = {"Fn::Sub": "${P}${P}"} if here[0].parent else "x"
        here.insert(0, nested_in(here[0], {**content, "Resources": {}}, P=value))
    found = of({"Ref": "P"}, *here)
    assert found.why == "too-many"
    assert sum(map(len, found.literals)) <= 200_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Fn::Sub": "arn:${AWS::Partition}:s3:::${Fixed}"}, "arn:${AWS::Partition}:s3:::only"),
        ("arn:${AWS::Partition}:x", {"literal": "arn:${AWS::Partition}:x"}),
        ({"Fn::Sub": "${!AWS::AccountId}"}, {"literal": "${AWS::AccountId}"}),
        ({"Fn::Sub": "${AWS::Region}"}, {"Fn::Sub": "${AWS::Region}"}),
        ([{"Ref": "Free"}, NO_VALUE, "x"], [{"Ref": "Free"}, "x"]),
        ({"a": NO_VALUE, "b": None, "c": 1}, {"b": None, "c": 1}),
        ({"Fn::If": ["C", {"a": 1}, NO_VALUE]}, {"Fn::If": ["C", {"a": 1}, NO_VALUE]}),
        ("${aws:username}", "${aws:username}"),
    ],
)
def test_filled_value_is_as_at_deployment_as_far_as_that_is_certain(
    value: Any, expected: Any
) -> None:
    here = template()
    assert filled(Resolver([here]).tree(value, here)) == expected


JSON = json_values(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["Role", "Chosen", "${Role}", "a,b", "\0", "${!x}", "{{resolve:ssm:x}}"]),
    *("Ref", "Fn::Sub", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::If", "Fn::FindInMap"),
    *("Fn::GetAtt", "Fn::ImportValue", "Fn::GetStackOutput", "StackName", "Condition", "x"),
)


@given(JSON)
def test_any_json_is_a_few_texts_and_is_left_as_it_was(value: Any) -> None:
    before, here = json.dumps(value), template()
    resolver = Resolver([here])
    found = resolver.resolve(value, here)
    assert 0 < len(found.texts) <= MOST
    assert found.why or not any("${?" in text for text in found.every)
    filled(resolver.tree(value, here))
    assert json.dumps(value) == before
