"""What a report must not miss in a template, and what it must never show."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, NestedStack, Stack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pump_roles import (
    AutoPilotRole,
    AutoPilotRolloutStack,
    Guardrail,
    ReadOnlyRole,
    ReadOnlyRollout,
    forms,
)
from pump_roles.guardrails import documents
from pump_roles.published import ROLES
from pump_roles.review.changes import earlier_report
from pump_roles.review.formats import as_csv, as_json, as_markdown
from pump_roles.review.page import as_html
from pump_roles.review.report import Report, of_templates
from pump_roles.review.templates import ReportError
from tests.review.test_report import json_values, synthesize

SECRET = "Secret-Example-1234"
NO_VALUE = {"Ref": "AWS::NoValue"}
EVERYTHING = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
Change = Callable[[dict[str, Any], dict[str, Any]], object]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The auto-pilot role's template."""
    folder = synthesize(tmp_path_factory.mktemp("cdk.out"), external_id=SECRET)
    return (folder / "PumpAutoPilot.template.json").read_text()


def changed(text: str, folder: Path, change: Change) -> Report:
    """The report of a template that was changed: the whole of it, or its role's properties."""
    template = json.loads(text)
    change(template, template["Resources"]["AutoPilotRole"]["Properties"])
    file = folder / "changed.template.json"
    file.write_text(json.dumps(template))
    return of_templates(file)


def every_format(report: Report) -> str:
    return as_markdown(report) + as_csv(report) + as_json(report) + as_html(report)


def attach(kind: str, target: Any, **more: Any) -> Change:
    where = "RoleName" if kind == "RolePolicy" else "Roles"

    def change(template: dict[str, Any], _: dict[str, Any]) -> None:
        template["Resources"]["Other"] = {
            "Type": f"AWS::IAM::{kind}",
            "Properties": {"PolicyName": "P", where: target, "PolicyDocument": EVERYTHING},
            **more,
        }

    return change


def in_role(**properties: Any) -> Change:
    return lambda _, role: role.update(properties)


def in_template(**members: Any) -> Change:
    return lambda template, _: template.update(members)


def on_role(**members: Any) -> Change:
    return lambda template, _: template["Resources"]["AutoPilotRole"].update(members)


def beside(**resources: Any) -> Change:
    return lambda template, _: template["Resources"].update(resources)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (attach("Policy", [{"Ref": "Parameter"}]), "Other attaches to a role that cannot be read"),
        (attach("Policy", {"Ref": "List"}), "Other attaches to a role that cannot be read"),
        (attach("RolePolicy", {"Ref": "Parameter"}), "Other attaches to a role that cannot be"),
        (attach("RolePolicy", {"Fn::Sub": "Pump"}), "Other attaches to a role that cannot be"),
        (
            attach("Policy", ["PumpAutoPilotRole"], Condition="Never"),
            "Other attaches to it under the condition Never, and is not counted",
        ),
        (
            beside(Other={"Type": "AWS::IAM::Policy", "Properties": {"Fn::Transform": {}}}),
            "Other attaches to a role that cannot be read",
        ),
        (in_role(ManagedPolicyArns=[{"Ref": "Custom"}]), 'the managed policy {"Ref": "Custom"}'),
        (in_role(ManagedPolicyArns=[{"Ref": ["x"]}]), 'the managed policy {"Ref": ["x"]}'),
        (in_role(**{"Fn::Transform": {}}), "its property Fn::Transform cannot be read"),
        (in_role(MaxSessionDuration=43_200), "its sessions may last 43200 seconds"),
        (in_template(Transform=["Macro"]), 'the transform ["Macro"] can change the template'),
        (beside(**{"Fn::ForEach::R": []}), "Fn::ForEach::R makes resources when"),
        (on_role(Condition="C"), "it is made only under the condition C"),
        (on_role(**{"Fn::Transform": 1}), "its member Fn::Transform cannot be read"),
    ],
)
def test_what_could_widen_the_role_comes_first(
    change: Change, said: str, text: str, tmp_path: Path
) -> None:
    report = changed(text, tmp_path, change)
    assert report.findings[0].kind == "difference"
    assert said[1:] in report.findings[0].text
    (role,) = report.roles
    assert any(said in one for one in role.unread)
    assert not role.as_published
    markdown = as_markdown(report)
    assert markdown.index("## Look at this first") < markdown.index("| name |")
    assert "no" in {line.split(",")[2] for line in as_csv(report).splitlines()}
    base = json.loads(as_json(changed(text, tmp_path, lambda *_: None)))
    later = [one for one in _since(text, tmp_path, change, base) if said in one.what]
    assert {one.effect for one in later} == {"broadened"}


def _since(text: str, folder: Path, change: Change, base: dict[str, Any]) -> Any:
    changed(text, folder, change)
    return of_templates(folder / "changed.template.json", since=earlier_report(base)).changes


def test_a_deny_that_may_never_be_there_takes_nothing_away(text: str, tmp_path: Path) -> None:
    ((guardrail, document),) = documents([Guardrail.NO_SELLING], ROLES["auto-pilot"]).items()

    def change(condition: dict[str, str]) -> Change:
        attached = {"PolicyName": guardrail.policy_name, "PolicyDocument": document}
        properties = {**attached, "RoleName": {"Ref": "AutoPilotRole"}}
        return beside(G={"Type": "AWS::IAM::RolePolicy", "Properties": properties, **condition})

    (always,) = changed(text, tmp_path, change({})).roles
    (never,) = changed(text, tmp_path, change({"Condition": "Never"})).roles
    assert (always.denied, always.as_published) == (1, True)
    assert (never.denied, never.as_published) == (0, False)


@pytest.mark.parametrize("where", ["resource", "document", "statement"])
def test_a_deny_that_is_filled_in_later_takes_nothing_away(
    where: str, text: str, tmp_path: Path
) -> None:
    ((guardrail, document),) = documents([Guardrail.NO_SELLING], ROLES["auto-pilot"]).items()
    later: dict[str, Any] = {"Fn::Transform": {"Name": "M"}}
    (statement,) = document["Statement"]
    statement |= later if where == "statement" else {}
    document |= later if where == "document" else {}
    properties = {"PolicyName": guardrail.policy_name, "PolicyDocument": document}
    one = {
        "Type": "AWS::IAM::RolePolicy",
        "Properties": {**properties, "RoleName": {"Ref": "AutoPilotRole"}},
        **(later if where == "resource" else {}),
    }
    (role,) = changed(text, tmp_path, beside(G=one)).roles
    assert (role.denied, role.as_published) == (0, False)


def later_statement(_: dict[str, Any], role: dict[str, Any]) -> None:
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]
    statements.append({"Fn::If": ["C", EVERYTHING["Statement"], NO_VALUE]})


def later_document(_: dict[str, Any], role: dict[str, Any]) -> None:
    role["Policies"][3]["PolicyDocument"] = {"Fn::If": ["C", EVERYTHING, EVERYTHING]}


def another(document: Any) -> Change:
    def change(_: dict[str, Any], role: dict[str, Any]) -> None:
        role["Policies"].append({"PolicyName": "Extra", "PolicyDocument": document})

    return change


def attached(document: Any) -> Change:
    properties = {"PolicyName": "P", "Roles": ["PumpAutoPilotRole"], "PolicyDocument": document}
    return beside(Other={"Type": "AWS::IAM::Policy", "Properties": properties})


@pytest.mark.parametrize(
    "change",
    [
        later_statement,
        later_document,
        another({"Version": "2012-10-17", "Fn::Transform": {"Name": "AWS::Include"}}),
        another(json.dumps(EVERYTHING)),
        attached({"Fn::If": ["C", EVERYTHING, NO_VALUE]}),
        attached(json.dumps(EVERYTHING)),
        attach("RolePolicy", "{{resolve:ssm:/pump/role-name}}"),
        attach("Policy", ["{{resolve:ssm:/pump/role-name}}"]),
        in_template(**{"Fn::Transform": {"Name": "AWS::Include"}}),
    ],
)
def test_what_became_unreadable_is_taken_to_broaden(
    change: Change, text: str, tmp_path: Path
) -> None:
    base = json.loads(as_json(changed(text, tmp_path, in_role())))
    found = _since(text, tmp_path, change, base)
    assert any(one.effect == "broadened" for one in found), found


def test_another_external_id_beside_the_first_is_a_change(text: str, tmp_path: Path) -> None:
    base = json.loads(as_json(changed(text, tmp_path, in_role())))
    (one,) = _since(text, tmp_path, external_id([SECRET, "Second-1234"]), base)
    assert (one.effect, one.what) == ("broadened", "takes 2 external ids, and took 1")
    report = of_templates(tmp_path / "changed.template.json")
    assert "required, one of 2" in as_markdown(report)
    assert "required, one of 2" in as_html(report)


@pytest.mark.parametrize(
    "targets",
    [
        ["PumpAutoPilotRole"],
        [{"Ref": "RoleName"}],
        [{"Fn::GetAtt": ["N", "Outputs.RoleName"]}],
        [{"Fn::ImportValue": "Role"}],
    ],
)
def test_a_policy_in_another_template_that_may_attach_comes_first(
    targets: Any, text: str, tmp_path: Path
) -> None:
    properties = {"PolicyName": "P", "Roles": targets, "PolicyDocument": EVERYTHING}
    other = {"Resources": {"Wide": {"Type": "AWS::IAM::Policy", "Properties": properties}}}
    (tmp_path / "pump.template.json").write_text(text)
    (tmp_path / "other.template.json").write_text(json.dumps(other))
    report = of_templates(tmp_path)
    assert report.findings[0].kind == "suspect"
    assert "Wide, a policy that may be attached" in report.findings[0].text
    properties["Roles"] = ["Another", {"Ref": "Own"}]
    other["Resources"]["Own"] = {"Type": "AWS::IAM::Role", "Properties": {}}
    (tmp_path / "other.template.json").write_text(json.dumps(other))
    assert of_templates(tmp_path).findings[0].kind != "suspect"


def test_a_role_and_its_rollout_in_one_stack_are_one_role(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    stack = Stack(app, "Vendors")
    given: dict[str, Any] = {"pump_principal": "999988887777", "external_id": SECRET}
    ReadOnlyRole(stack, "Role", **given)
    ReadOnlyRollout(stack, "Rollout", organizational_units=["r-abcd"], **given)
    app.synth()
    (role,) = of_templates(tmp_path).roles
    assert role.as_published


def test_a_boundary_that_is_none_is_none(text: str, tmp_path: Path) -> None:
    (role,) = changed(text, tmp_path, in_role(PermissionsBoundary=NO_VALUE)).roles
    assert not role.boundary


def test_a_name_in_another_case_is_that_role(text: str, tmp_path: Path) -> None:
    change = in_role(RoleName="pumpautopilotrole", Policies=[])
    (role,) = changed(text, tmp_path, change).roles
    assert role.kind == "auto-pilot"
    assert not role.as_published


def test_overrides_under_a_condition_are_a_difference(tmp_path: Path) -> None:
    def change(one: dict[str, Any]) -> None:
        (group,) = one["StackInstancesGroup"]
        overrides = [{"ParameterKey": "PumpIamRole", "ParameterValue": "*"}]
        given = {**group, "ParameterOverrides": overrides}
        one["StackInstancesGroup"] = [{"Fn::If": ["C", given, NO_VALUE]}]

    report = of_templates(rolled_out(tmp_path, change))
    assert "gives some of its stack instances other parameters" in report.findings[0].text


def test_a_parameter_of_the_outer_templates_name_is_not_the_outer_one(
    text: str, tmp_path: Path
) -> None:
    def change(one: dict[str, Any]) -> None:
        member = json.loads(text)
        member["Parameters"] = {
            "PumpIamRole": {"Type": "String", "Default": "*"},
            "Tag": {"Type": "String"},
        }
        role = member["Resources"]["AutoPilotRole"]["Properties"]
        statement = role["AssumeRolePolicyDocument"]["Statement"][0]
        statement["Principal"] = {"AWS": {"Ref": "PumpIamRole"}}
        one["TemplateBody"] = json.dumps(member)
        one["Parameters"] = [{"ParameterKey": "Tag", "ParameterValue": {"Ref": "PumpIamRole"}}]

    file = rolled_out(tmp_path, change)
    template = json.loads(file.read_text())
    pattern = {"Type": "String", "AllowedPattern": forms.PRINCIPAL.pattern}
    template["Parameters"] = {"PumpIamRole": pattern}
    file.write_text(json.dumps(template))
    assert of_templates(file).findings[0].kind == "trust"


def test_what_is_nested_too_deep_is_one_error(text: str, tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(600):
        deep = {"a": deep}
    file = tmp_path / "deep.template.json"
    file.write_text(text.replace('"999988887777"', json.dumps(deep)))
    with pytest.raises(ReportError, match="nested too deep"):
        of_templates(file)


def test_the_same_exception_twice_is_one(text: str, tmp_path: Path) -> None:
    change = a_statement(
        {"Effect": "Allow", "NotAction": ["ec2:*b*c", "ec2:*b*c"], "Resource": "*"}
    )
    (role,) = changed(text, tmp_path, change).roles
    assert role.actions > 721


def external_id(value: Any) -> Change:
    def change(_: dict[str, Any], role: dict[str, Any]) -> None:
        statement = role["AssumeRolePolicyDocument"]["Statement"][0]
        statement["Condition"]["StringEquals"]["sts:ExternalId"] = value

    return change


@pytest.mark.parametrize(
    "value",
    [
        NO_VALUE,
        [NO_VALUE],
        [SECRET, NO_VALUE],
        {"Fn::If": ["C", SECRET, NO_VALUE]},
        None,
        [],
        "",
        "${sts:ExternalId}",
        {"Ref": "AWS::StackName"},
        {"Ref": "Undeclared"},
        {"Ref": "Loose"},
        {"Ref": "List"},
    ],
)
def test_an_external_id_that_may_be_none_is_none(value: Any, text: str, tmp_path: Path) -> None:
    def change(template: dict[str, Any], role: dict[str, Any]) -> None:
        template["Parameters"] = {
            "Loose": {"Type": "String"},
            "List": {"Type": "CommaDelimitedList", "AllowedPattern": forms.EXTERNAL_ID.pattern},
        }
        external_id(value)(template, role)

    report = changed(text, tmp_path, change)
    assert not report.roles[0].external_id
    assert report.findings[0].kind == "trust"


def principal(value: Any) -> Change:
    def change(template: dict[str, Any], role: dict[str, Any]) -> None:
        pattern = forms.PRINCIPAL.pattern
        template["Parameters"] = {
            "Fine": {"Type": "String", "AllowedPattern": pattern, "Default": "111122223333"},
            "Everybody": {"Type": "String", "Default": "*"},
            "Loose": {"Type": "String", "AllowedPattern": ".*"},
            "Default": {"Type": "String", "AllowedPattern": pattern, "Default": "*"},
            "List": {"Type": "CommaDelimitedList", "AllowedPattern": pattern},
        }
        role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = value

    return change


@pytest.mark.parametrize(
    "value",
    [
        *({"AWS": {"Ref": name}} for name in ("Everybody", "Loose", "Default", "List")),
        {"AWS": NO_VALUE},
        {"AWS": {"Ref": "AWS::AccountId"}},
        {"AWS": {"Ref": "Custom"}},
        {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
        {"AWS": "arn:aws:iam::111122223333:role/*"},
        {"Fn::Transform": {}},
        {"AWS": "111122223333", "Fn::Transform": {}},
        "*",
        None,
    ],
)
def test_a_principal_that_may_be_anybody_is_a_finding(
    value: Any, text: str, tmp_path: Path
) -> None:
    assert changed(text, tmp_path, principal(value)).findings[0].kind == "trust"


def test_a_parameter_that_takes_a_principal_alone_is_fine(text: str, tmp_path: Path) -> None:
    report = changed(text, tmp_path, principal({"AWS": {"Ref": "Fine"}}))
    assert report.roles[0].trust_problems == ()
    assert report.roles[0].principals == ("the parameter Fine",)


def another_condition(_: dict[str, Any], role: dict[str, Any]) -> None:
    statement = role["AssumeRolePolicyDocument"]["Statement"][0]
    statement["Condition"]["Fn::Transform"] = {"Name": "AWS::Include"}


def a_transform(_: dict[str, Any], role: dict[str, Any]) -> None:
    role["AssumeRolePolicyDocument"]["Fn::Transform"] = {"Name": "AWS::Include"}


@pytest.mark.parametrize(
    "name", ["Describe", "organizations", "PumpReadOnly", "PumpAutoPilotRole", "ec2:Describe*"]
)
def test_an_external_id_that_is_a_word_of_the_policies_changes_no_number(
    name: str, text: str, tmp_path: Path
) -> None:
    (role,) = changed(text, tmp_path, external_id(name)).roles
    assert role.actions == 721
    assert role.name == "PumpAutoPilotRole"
    assert not role.differences


def test_an_external_id_that_hides_the_principal_is_a_finding(text: str, tmp_path: Path) -> None:
    for ids in (["999988887777"], ["Example-1234", "99988887"]):
        report = changed(text, tmp_path, external_id(ids))
        assert report.findings[0].kind == "trust"
        assert "an external id is a part of the principal" in report.findings[0].text.lower()
    (role,) = changed(text, tmp_path, external_id("9999")).roles
    assert role.principals == ("999988887777",)
    assert role.as_published


def test_more_external_ids_than_a_rotation_has_are_a_finding(text: str, tmp_path: Path) -> None:
    report = changed(text, tmp_path, external_id(["One-1234", "Two-1234", "Three-1234"]))
    assert report.findings[0].text.startswith("It takes any of 3 external ids")
    (role,) = changed(text, tmp_path, external_id(["One-1234", "Two-1234"])).roles
    assert role.as_published


@pytest.mark.parametrize("change", [another_condition, a_transform])
def test_a_trust_that_is_filled_in_later_is_a_finding(
    change: Change, text: str, tmp_path: Path
) -> None:
    assert changed(text, tmp_path, change).findings[0].kind == "trust"


def a_statement(statement: Any) -> Change:
    def change(_: dict[str, Any], role: dict[str, Any]) -> None:
        role["Policies"][0]["PolicyDocument"]["Statement"].append(statement)

    return change


@pytest.mark.parametrize(
    "statement",
    [
        {"Fn::If": ["C", EVERYTHING["Statement"], NO_VALUE]},
        {"Effect": {"Fn::Sub": "Allow"}, "Action": "*", "Resource": "*"},
        {"Effect": "Allow", "Action": {"Ref": "Actions"}, "Resource": "*"},
        {"Effect": "Allow", "Action": ["ce:Get*", {"Fn::Sub": "*"}], "Resource": "*"},
        "not one",
    ],
)
def test_a_statement_that_cannot_be_read_is_said(statement: Any, text: str, tmp_path: Path) -> None:
    report = changed(text, tmp_path, a_statement(statement))
    assert [one.kind for one in report.findings][:2] == ["difference", "uncounted"]
    assert "a statement of PumpBillingReadOnly that cannot be read" in report.findings[1].text


def test_all_but_some_actions_is_all_but_those(text: str, tmp_path: Path) -> None:
    statement = {"Effect": "Allow", "NotAction": ["ec2:*", "rds:*"], "Resource": "*"}
    report = changed(text, tmp_path, a_statement(statement))
    granted = {
        one.name: [pattern for _, pattern in one.roles["auto-pilot"].granted_by]
        for one in report.actions
    }
    assert "ec2:TerminateInstances" not in granted
    assert "rds:DeleteDBInstance" not in granted
    assert granted["ecs:DeleteCluster"] == ["all but ec2:*, rds:*"]


def test_what_a_wider_pattern_holds_is_not_lacking(text: str, tmp_path: Path) -> None:
    def change(_: dict[str, Any], role: dict[str, Any]) -> None:
        (policy,) = (one for one in role["Policies"] if one["PolicyName"] == "PumpAutoPilot")
        policy["PolicyDocument"]["Statement"][0]["Action"] = ["*"]

    report = changed(text, tmp_path, change)
    assert report.roles[0].differences == ("PumpAutoPilot allows *, which Pump does not publish",)
    assert "is not judged here" in report.findings[0].text


def test_no_spending_is_claimed_of_published_roles_alone(tmp_path: Path) -> None:
    folder = synthesize(tmp_path / "a")
    file = folder / "PumpReadOnly.template.json"
    claim = "No action that buys or exchanges commitments."
    assert claim in as_html(of_templates(file))
    template = json.loads(file.read_text())
    role = template["Resources"]["ReadOnlyRole"]["Properties"]
    role["Policies"][0]["PolicyDocument"]["Statement"][0]["Action"].append("ec2:RunInstances")
    file.write_text(json.dumps(template))
    assert claim not in as_html(of_templates(file))


def test_what_else_the_templates_hold_is_said(text: str, tmp_path: Path) -> None:
    admin = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "PumpSupportRole"}}
    report = changed(
        text, tmp_path, beside(A=admin, B={**admin, "Type": "AWS::CloudFormation::StackSet"})
    )
    (finding,) = (one for one in report.findings if one.kind == "beside")
    assert finding.text.endswith(": AWS::CloudFormation::StackSet (1), AWS::IAM::Role (1).")
    alone = changed(text, tmp_path, lambda *_: None)
    assert "beside" not in {one.kind for one in alone.findings}


def another_role(trust: Any) -> Change:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}
    return beside(Admin=role)


def allow(principal: str, **condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": principal}}
    return {"Statement": statement | ({"Condition": condition} if condition else {})}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            another_role(allow("123456789012", StringLike={"sts:ExternalID": "x"})),
            "Admin, a role that takes an external id",
        ),
        (another_role(allow("999988887777")), "Admin, a role that trusts the same principal"),
        (
            beside(All={"Type": "AWS::CloudFormation::StackSet", "Properties": {}}),
            "All, whose template cannot be read",
        ),
        (
            beside(Nested={"Type": "AWS::CloudFormation::Stack", "Properties": {}}),
            "Nested, whose template cannot be read",
        ),
    ],
)
def test_what_else_could_give_pump_more_comes_first(
    change: Change, said: str, text: str, tmp_path: Path
) -> None:
    report = changed(text, tmp_path, change)
    assert report.findings[0].kind == "suspect"
    assert said in report.findings[0].text
    assert "Look at this first" in as_markdown(report)


def test_a_role_of_the_customers_own_is_no_suspect(text: str, tmp_path: Path) -> None:
    report = changed(text, tmp_path, another_role(allow("123456789012")))
    assert "suspect" not in {one.kind for one in report.findings}


def test_an_empty_stack_beside_the_roles_is_passed_over(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    Stack(app, "Empty")
    stack = Stack(app, "Pump")
    ReadOnlyRole(stack, "Role", pump_principal="999988887777", external_id=SECRET)
    app.synth()
    assert of_templates(tmp_path).roles[0].actions == 238


def test_a_role_in_a_nested_stack_is_reported(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    outer = Stack(app, "Outer")
    given: dict[str, Any] = {"pump_principal": "999988887777", "external_id": SECRET}
    ReadOnlyRole(outer, "R", **given)
    AutoPilotRole(NestedStack(outer, "Inner"), "A", **given)
    app.synth()
    report = of_templates(tmp_path)
    assert [role.kind for role in report.roles] == ["read-only", "auto-pilot"]
    assert all(role.as_published for role in report.roles)
    assert report.roles[1].source.endswith(".nested.template.json")
    assert SECRET not in every_format(report)


def test_a_template_that_is_nested_in_itself_ends(text: str, tmp_path: Path) -> None:
    nested = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": "https://example/0123"},
    }
    assets = {"files": {"0123": {"source": {"path": "changed.template.json"}}}}
    (tmp_path / "changed.assets.json").write_text(json.dumps(assets))
    report = changed(text, tmp_path, beside(N=nested))
    assert report.findings[-1].text.endswith("AWS::CloudFormation::Stack (1).")


def rolled_out(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    app = App(outdir=str(folder))
    AutoPilotRolloutStack(
        app,
        "R",
        organizational_units=["r-abcd"],
        pump_principal="999988887777",
        external_id=SECRET,
    )
    app.synth()
    file = folder / "R.template.json"
    template = json.loads(file.read_text())
    change(template["Resources"]["StackSet"]["Properties"])
    file.write_text(json.dumps(template))
    return file


def test_stack_instances_with_other_parameters_are_a_difference(tmp_path: Path) -> None:
    override = [{"ParameterKey": "PumpIamRole", "ParameterValue": "111122223333"}]
    file = rolled_out(
        tmp_path,
        lambda one: one["StackInstancesGroup"][0].update(ParameterOverrides=override),
    )
    report = of_templates(file)
    assert "gives some of its stack instances other parameters" in report.findings[0].text


def id_as_principal(properties: dict[str, Any]) -> None:
    member = json.loads(properties["TemplateBody"])
    role = member["Resources"]["AutoPilotRole"]["Properties"]
    role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"] = [
        {"Ref": "PumpIamRole"},
        {"Ref": "PumpExternalID"},
    ]
    properties["TemplateBody"] = json.dumps(member)


def test_a_rollouts_external_id_is_never_shown(tmp_path: Path) -> None:
    text = every_format(of_templates(rolled_out(tmp_path, id_as_principal)))
    assert SECRET not in text
    assert "(external id)" in text


UNDER_THE_KEY = {"StringEquals": {"STS:externalId": SECRET}}
LONG = "x" * 60


@pytest.mark.parametrize(
    "change",
    [
        a_statement({**EVERYTHING["Statement"], "Condition": UNDER_THE_KEY}),
        a_statement(
            {**EVERYTHING["Statement"], "Condition": {"StringLike": {"sts:ExternalId": "ab"}}}
        ),
        in_role(Policies=[{"Fn::If": ["C", UNDER_THE_KEY, 1]}]),
        in_role(Policies=[{LONG: SECRET}]),
        in_role(PermissionsBoundary=f"arn:aws:iam::aws:policy/{SECRET}"),
        in_role(ManagedPolicyArns=[f"arn:aws:iam::aws:policy/{LONG[:35]}{SECRET}"]),
        in_role(RoleName=SECRET),
        in_role(**{"X": 1, SECRET: UNDER_THE_KEY}),
        principal({"AWS": [SECRET, f"arn:aws:iam::1:role/{SECRET}"]}),
        principal({"Fn::If": ["C", UNDER_THE_KEY]}),
        external_id({"Fn::If": ["C", SECRET, NO_VALUE]}),
        beside(**{f"Fn::{SECRET}": {}}),
        in_template(Transform=SECRET),
        on_role(Condition=UNDER_THE_KEY),
    ],
)
def test_an_external_id_is_never_shown(change: Change, text: str, tmp_path: Path) -> None:
    def more(template: dict[str, Any], role: dict[str, Any]) -> None:
        change(template, role)
        # It stands in its own place somewhere, also where the change took it away.
        template["Conditions"] = {"C": UNDER_THE_KEY}

    found = every_format(changed(text, tmp_path, more))
    assert SECRET not in found
    assert '"ab"' not in found
    assert SECRET[:8] not in found


ONE_OF = {"Type": "String", "AllowedValues": ["Other-1234", SECRET]}
TRUST = {"Statement": [{"Effect": "Allow", "Condition": UNDER_THE_KEY}]}


@pytest.mark.parametrize(
    ("id_of", "members"),
    [
        ({"Ref": "Id"}, {"Parameters": {"Id": ONE_OF}}),
        ({"Fn::Sub": "${Id}"}, {"Parameters": {"Id": {"Type": "String", "Default": SECRET}}}),
        ({"Fn::FindInMap": ["Ids", "a", "b"]}, {"Mappings": {"Ids": {"a": {"b": SECRET}}}}),
        ("Other-1234", {"Metadata": {"Text": json.dumps(TRUST)}}),
    ],
)
def test_an_external_id_from_elsewhere_is_never_shown(
    id_of: Any, members: dict[str, Any], text: str, tmp_path: Path
) -> None:
    def more(template: dict[str, Any], role: dict[str, Any]) -> None:
        external_id(id_of)(template, role)
        role["RoleName"] = f"Pump-{SECRET}"
        template.update(members)

    found = every_format(changed(text, tmp_path, more))
    assert SECRET not in found
    assert "Pump-(external id)" in found


def test_what_turns_the_words_around_is_written_out(text: str, tmp_path: Path) -> None:
    report = changed(text, tmp_path, in_role(**{"\u202eevil\x00": 1}))
    found = every_format(report)
    assert "\\u202eevil\\x00" in found
    assert "\u202e" not in found
    assert "\x00" not in found


def test_an_effect_is_shown_as_text(text: str, tmp_path: Path) -> None:
    statement = {"Effect": "<img src=x>|", "Action": "ce:*", "Resource": "*"}
    found = as_markdown(changed(text, tmp_path, a_statement(statement)))
    assert "&lt;img src=x&gt;\\|" in found
    assert "<img" not in found


def test_the_sha_256_is_that_of_the_file(text: str, tmp_path: Path) -> None:
    file = tmp_path / "crlf.template.json"
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    (role,) = of_templates(file).roles
    assert role.sha256 == sha256(file.read_bytes()).hexdigest()


def test_a_key_that_is_there_twice_is_an_error(text: str, tmp_path: Path) -> None:
    file = tmp_path / "twice.json"
    file.write_text(
        text.replace('"Policies"', '"ManagedPolicyArns": ["x"], "Policies": [], "Policies"')
    )
    with pytest.raises(ReportError, match="the key 'Policies' is there twice"):
        of_templates(file)


@pytest.mark.parametrize(
    "name", [{"Fn::Sub": "PumpAutoPilotRole"}, {"Ref": "Name"}, ["a"], 1, None]
)
def test_a_name_that_is_no_text_is_shown_as_it_is(name: Any, text: str, tmp_path: Path) -> None:
    report = changed(text, tmp_path, in_role(RoleName=name))
    assert report.roles[0].name == json.dumps(name)
    assert every_format(report)


def test_a_pattern_takes_no_time_that_explodes(text: str, tmp_path: Path) -> None:
    hostile = {"Effect": "Allow", "Action": f"e{'*a' * 30}z", "Resource": "*"}
    assert changed(text, tmp_path, a_statement(hostile)).roles[0].actions == 721


VALUES = json_values(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["AutoPilotRole", "PumpAutoPilotRole", "AWS::IAM::Policy", "*", "x"]),
    *("Ref", "Fn::If", "Type", "Properties", "Roles", "sts:ExternalId"),
)
PROPERTIES = st.sampled_from(
    [
        *("RoleName", "Policies", "ManagedPolicyArns", "AssumeRolePolicyDocument"),
        *("PermissionsBoundary", "MaxSessionDuration", "Tags"),
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.dictionaries(PROPERTIES, VALUES, max_size=3), st.dictionaries(st.text("OP"), VALUES))
def test_whatever_a_template_holds_is_a_report_or_one_clear_error(
    text: str, tmp_path: Path, properties: dict[str, Any], resources: dict[str, Any]
) -> None:
    def change(template: dict[str, Any], role: dict[str, Any]) -> None:
        role.update(properties)
        template["Resources"].update(resources)

    try:
        assert as_markdown(changed(text, tmp_path, change))
    except ReportError as error:
        assert str(error).startswith(str(tmp_path))
