"""What a template shows of what changes a role, or reaches it, and what only looks like it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pump_roles import universal
from pump_roles.access import Access, Reason
from pump_roles.constructs.gate import ONLY_AT_DEPLOYMENT
from pump_roles.constructs.widening import Built, Widening, widenings
from pump_roles.inputs import InputError
from pump_roles.review.report.permission_report import of_templates
from tests.support import EVERYTHING, Template, role_of

pytestmark = pytest.mark.usefixtures("reports_are_short")

NAME = "PumpReadOnlyRole"
OWN = json.loads(universal.template("read-only"))
PROPERTIES = role_of(OWN)
PROTECTED = ("AssumeRolePolicyDocument", "Path", "PermissionsBoundary", "Policies", "RoleName")
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def policy(role_name: Any, **more: Any) -> dict[str, Any]:
    properties = {"PolicyName": "Wide", "RoleName": role_name, "PolicyDocument": EVERYTHING}
    return {"Type": "AWS::IAM::RolePolicy", "Properties": {**properties, **more}}


def all_found(
    folder: Path, same: Mapping[str, Any], other: Mapping[str, Any] | None = None
) -> list[Widening]:
    """What widens the role in an app, with sections of its own template, and of another one."""
    own = {
        name: {**OWN.get(name, {}), **section} if isinstance(section, dict) else section
        for name, section in same.items()
    }
    contents = {"Own": {**OWN, **own}, "Other": other or {}}
    paths = []
    for name, content in contents.items():
        paths.append(folder / f"{name}.template.json")
        paths[-1].write_text(json.dumps(content))
    artifacts = {path.name: {"properties": {"templateFile": path.name}} for path in paths}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    built = {name: PROPERTIES.get(name) for name in PROTECTED}
    found = widenings([Built(None, paths[0], "ReadOnlyRole", built)], paths)
    return [finding for _, finding in found]


def found(
    folder: Path, same: Mapping[str, Any], other: Mapping[str, Any] | None = None
) -> list[tuple[Reason, str]]:
    """Why, and which resource, widens the role."""
    return [(one.access.why, one.at.logical_id) for one in all_found(folder, same, other)]


def wide(role_name: Any, **sections: Any) -> Template:
    """A template with a policy of a role, and with more."""
    return {"Resources": {"Wide": policy(role_name)}, **sections}


def is_alarm(folder: Path) -> bool:
    """Whether the report has an alarm and no exact numbers, or cannot say which role is Pump's."""
    try:
        report = of_templates(folder)
    except InputError:
        return True
    return report.alarms > 0 and not any(role.exact for role in report.roles)


def resource(kind: str, **properties: Any) -> Template:
    return {"Resources": {"Wide": {"Type": kind, "Properties": properties}}}


def connected(source: Any) -> Template:
    """What SAM makes a managed policy of, for the role of the source."""
    properties = {"Source": source, "Destination": {"Arn": "arn:x"}, "Permissions": ["Write"]}
    connector = {"Type": "AWS::Serverless::Connector", "Properties": properties}
    function = {"Type": "AWS::Lambda::Function", "Properties": {"Role": ROLE_ARN}}
    resources = {"Connector": connector, "F": function}
    return {"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}


def stack_set(body: Any) -> Template:
    return resource("AWS::CloudFormation::StackSet", StackSetName="Wide", TemplateBody=body)


def in_yaml(role_name: str) -> str:
    properties = f"RoleName: {role_name}\n      PolicyName: Wide"
    return f"Resources:\n  W:\n    Type: AWS::IAM::RolePolicy\n    Properties:\n      {properties}"


EXPORTED = {"Fn::ImportValue": "TheRole"}
EXPORTED_ARN = {"Fn::Split": ["/", {"Fn::ImportValue": "TheArn"}]}
ROLE_ARN = {"Fn::Sub": f"arn:aws:iam::${{AWS::AccountId}}:role/{NAME}"}
BY_DEFAULT = {"P": {"Type": "String", "Default": NAME}}
BY_BUDGET = {"PolicyArn": ADMINISTRATOR, "Roles": [NAME]}
REACHING: dict[str, Template] = {
    "an export": wide(EXPORTED),
    "a part of an exported ARN": wide({"Fn::Select": [1, EXPORTED_ARN]}),
    "a default": wide({"Ref": "P"}, Parameters=BY_DEFAULT),
    "a policy": resource("AWS::IAM::Policy", Roles=[NAME]),
    "a managed policy": resource("AWS::IAM::ManagedPolicy", Roles=["Other", NAME]),
    "a list by a condition": resource(
        "AWS::IAM::ManagedPolicy", Roles={"Fn::If": ["C", [NAME], ["Other"]]}
    ),
    "a budget action": resource(
        "AWS::Budgets::BudgetsAction", Definition={"IamActionDefinition": BY_BUDGET}
    ),
    "a budget action by a condition": resource(
        "AWS::Budgets::BudgetsAction",
        Definition={"Fn::If": ["C", {"IamActionDefinition": BY_BUDGET}, {}]},
    ),
    "a StackSet": stack_set(json.dumps(wide(NAME))),
    "a connector by name": connected({"Type": "AWS::Lambda::Function", "RoleName": NAME}),
    "a connector of a function": connected({"Id": "F"}),
    "connectors of a function": {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "F": {
                "Type": "AWS::Serverless::Function",
                "Properties": {"Role": ROLE_ARN},
                "Connectors": {"C": {"Properties": {"Destination": {"Id": "Table"}}}},
            }
        },
    },
    "a name taken over": resource("AWS::IAM::Role", RoleName=NAME.lower()),
    "a StackSet with a function": stack_set({"Fn::Sub": [in_yaml("${Name}"), {"Name": EXPORTED}]}),
}
"""What reaches the role from another stack, or from its own, where the export may be missing."""


@pytest.mark.parametrize("other", REACHING.values(), ids=REACHING)
def test_other_resource_that_reaches_the_role_is_found_and_an_alarm(
    other: Template, tmp_path: Path
) -> None:
    exports = {
        "TheRole": {"Value": {"Ref": "ReadOnlyRole"}, "Export": {"Name": "TheRole"}},
        "TheArn": {"Value": {"Fn::GetAtt": ["ReadOnlyRole", "Arn"]}, "Export": {"Name": "TheArn"}},
    }
    reasons = {why for why, _ in found(tmp_path, {"Outputs": exports}, other)}
    assert reasons
    assert reasons.isdisjoint(ONLY_AT_DEPLOYMENT)
    assert is_alarm(tmp_path)
    assert found(tmp_path, other)
    assert is_alarm(tmp_path)


TRUSTED = "AssumeRolePolicyDocument"
(STATEMENT,) = PROPERTIES[TRUSTED]["Statement"]
(POLICY,) = PROPERTIES["Policies"]
TRANSFORM = {"Fn::Transform": {"Name": "Widen"}}
MORE_ACTIONS = {"Policies": json.loads(json.dumps([POLICY]).replace("ce:Get*", "*"))}
DEFAULTS: Any = {"ManagedPolicyArns": [], "MaxSessionDuration": 3_600}
CHANGED_PROPERTIES: list[tuple[Any, set[str]]] = [
    ({TRUSTED: {"Statement": [{**STATEMENT, "Principal": "*"}]}}, {TRUSTED}),
    ({"Policies": None}, {"Policies"}),
    ({"Policies": [POLICY, POLICY]}, {"Policies"}),
    (MORE_ACTIONS, {"Policies"}),
    ({"Policies": [{**POLICY, **TRANSFORM}]}, {"Policies"}),
    ({"ManagedPolicyArns": [ADMINISTRATOR]}, {"ManagedPolicyArns"}),
    ({"MaxSessionDuration": 43_200}, {"MaxSessionDuration"}),
    ({"RoleName": "Renamed"}, {"RoleName"}),
    ({"RoleName": None}, {"RoleName"}),
    ({"Path": "/elsewhere/"}, {"Path"}),
    (TRANSFORM, {"Fn::Transform"}),
    (DEFAULTS, set()),
    ({"PermissionsBoundary": ADMINISTRATOR}, set()),
    ({"Tags": [], "Description": "Pump reads what things cost"}, set()),
]
CHANGED_MEMBERS: list[tuple[Any, set[str]]] = [
    ({"Condition": "C", "DependsOn": "Other", "DeletionPolicy": "Retain"}, set()),
    ({"Metadata": {"Owner": "platform"}}, set()),
    *(
        ({member: value}, {member})
        for member, value in {"Type": "Custom::Role", **TRANSFORM, "Connectors": {}}.items()
    ),
]


@pytest.mark.parametrize(
    ("properties", "members", "different"),
    [
        *((properties, {}, different) for properties, different in CHANGED_PROPERTIES),
        *(({}, members, different) for members, different in CHANGED_MEMBERS),
    ],
)
def test_change_of_the_role_is_found_unless_it_gives_no_access(
    properties: dict[str, Any], members: dict[str, Any], different: set[str], tmp_path: Path
) -> None:
    after = {name: value for name, value in {**PROPERTIES, **properties}.items() if value}
    role = {**OWN["Resources"]["ReadOnlyRole"], "Properties": after, **members}
    changes = all_found(tmp_path, {"Resources": {"ReadOnlyRole": role}})
    assert {each.access.subject for each in changes if each.access.why == "changed"} == different


@pytest.mark.parametrize("name", ["PumpIamRole", "PumpExternalID"])
@pytest.mark.parametrize(
    "change",
    [
        {"AllowedPattern": ".*"},
        {"AllowedPattern": None},
        {"Default": "*"},
        {"Type": "CommaDelimitedList"},
    ],
)
def test_parameter_that_accepts_more_is_found(
    change: dict[str, Any], name: str, tmp_path: Path
) -> None:
    loosened = {key: value for key, value in {**OWN["Parameters"][name], **change}.items() if value}
    (only,) = all_found(tmp_path, {"Parameters": {name: loosened}})
    assert only.access == Access("parameter", name)


@pytest.mark.parametrize("more", [{}, {"c": {"Fn::Transform": {"Name": "Macro"}}}])
def test_name_that_a_macro_can_change_may_be_the_roles(
    more: dict[str, Any], tmp_path: Path
) -> None:
    value = {"Fn::FindInMap": ["M", "a", "b"]}
    template = wide(value, Mappings={"M": {"a": {"b": "Mine", **more}}})
    later: list[tuple[Reason, str]] = [("may-attach", "Wide"), ("changed-later", "ReadOnlyRole")]
    assert found(tmp_path, template) == (later if more else [])


APPLICATION = {"Type": "AWS::Serverless::Application", "Properties": {"Parameters": {"R": NAME}}}
OPAQUE: list[dict[str, Any]] = [
    {"Resources": {"P": APPLICATION}},
    {"Resources": {"Fn::ForEach::P": ["X", [NAME], {"P${X}": policy({"Ref": "X"})}]}},
    {"Resources": {"P": {**policy("Mine"), "Fn::Transform": {"Parameters": {"Role": NAME}}}}},
    {"Resources": {"P": {"Type": "My::Own::Policy::MODULE", "Properties": {"RoleName": NAME}}}},
    {"Transform": [{"Name": "Macro", "Parameters": {"Role": NAME}}]},
    {"Fn::Transform": {"Name": "Macro", "Parameters": {"Role": NAME}}},
]


@pytest.mark.parametrize("opaque", OPAQUE)
def test_what_can_become_anything_fails_if_it_contains_the_name(
    opaque: dict[str, Any], tmp_path: Path
) -> None:
    another = json.loads(json.dumps(opaque).replace(NAME, "Mine"))
    ((why, _),) = found(tmp_path, {}, opaque)
    assert why == "could-contain"
    assert found(tmp_path, {}, another) == []
    assert "could-contain" in {why for why, _ in found(tmp_path, opaque)}
    later = found(tmp_path, another)
    assert ("changed-later", "ReadOnlyRole") in later
    assert {why for why, _ in later} <= ONLY_AT_DEPLOYMENT


@pytest.mark.parametrize(
    "transform",
    [
        *("AWS::CodeDeployBlueGreen", "AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"),
        *("AWS::SecretsManager-2020-07-23", "AWS::SecretsManager-2024-09-16"),
    ],
)
def test_transform_of_aws_that_only_adds_what_is_described_passes(
    transform: str, tmp_path: Path
) -> None:
    assert found(tmp_path, {"Transform": transform}, {"Transform": [transform]}) == []
    assert not is_alarm(tmp_path)
    assert found(tmp_path, {"Transform": [transform, "AWS::Include"]}) != []
    assert is_alarm(tmp_path)


def test_policies_of_the_roles_own_stack_are_found(tmp_path: Path) -> None:
    assert found(tmp_path, {}) == []
    targets = [NAME, {"Ref": "ReadOnlyRole"}, {"Fn::Sub": "${ReadOnlyRole}"}]
    policies = {f"P{number}": policy(target) for number, target in enumerate(targets)}
    assert found(tmp_path, {"Resources": policies}) == [
        ("attaches", logical_id) for logical_id in policies
    ]


TARGETS: dict[str, tuple[Any, Reason]] = {
    "a choice": ({"Fn::If": ["C", "Other", NAME]}, "could-attach"),
    "an SSM parameter of the app": ({"Ref": "Stored"}, "could-attach"),
    "a part": ({"Fn::Sub": "Pump${P}Role"}, "may-attach"),
    "a transform": ({"Fn::Transform": {"Name": "Names"}}, "may-attach"),
    "an export by a parameter": ({"Fn::ImportValue": {"Ref": "P"}}, "may-attach"),
}


@pytest.mark.parametrize(("target", "why"), TARGETS.values(), ids=TARGETS)
def test_target_that_only_the_deployment_knows_is_found_only_next_to_the_role(
    target: Any, why: Reason, tmp_path: Path
) -> None:
    stored = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/app/name", "Value": NAME}}
    of_ssm = {"Type": "AWS::SSM::Parameter::Value<String>"}
    parameters = {
        "P": {"Type": "String"},
        "Stored": {**of_ssm, "Default": "/app/name"},
    }
    template = wide(target, Parameters=parameters)
    expected = [(why, "Wide")]
    elsewhere = found(tmp_path, {"Resources": {"StoredName": stored}}, template)
    assert elsewhere == ([] if why == "may-attach" else expected)
    later = [("changed-later", "ReadOnlyRole")] if "Transform" in str(target) else []
    template["Resources"]["StoredName"] = stored
    assert found(tmp_path, template) == expected + later


@pytest.mark.parametrize("name", [NAME, "MyOwnRole"])
@pytest.mark.parametrize("unread", ["a URL", "YAML", "escapes", "a function"])
def test_nested_template_that_cannot_be_read_is_found_next_to_the_role_or_with_its_name(
    unread: str, name: str, tmp_path: Path
) -> None:
    url = {"TemplateURL": "https://example.com/t.json", "Parameters": {"Role": name}}
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": url}
    template = {
        "a URL": {"Resources": {"Wide": nested}},
        "YAML": stack_set(in_yaml(name)),
        "escapes": stack_set(in_yaml(f'"\\x{ord(name[0]):x}{name[1:]}"')),
        "a function": stack_set({"Fn::Sub": [json.dumps(wide("${Name}")), {"Name": name}]}),
    }[unread]
    possible = [("could-contain", "Wide")]
    later = [("may-contain", "Wide")]
    assert found(tmp_path, {}, template) == (possible if name == NAME else [])
    assert found(tmp_path, template) == (possible if name == NAME else later)
