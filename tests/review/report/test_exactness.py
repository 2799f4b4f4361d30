"""What may allow more than is counted is an alarm, and nothing that it affects seems certain."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from pump_roles.review.output.report_descriptions import alarm_text, describe_change, number_of
from pump_roles.review.report import RISKS, UNKNOWN, YES
from pump_roles.review.report.permission_report import of_templates
from tests.documents import written
from tests.support import (
    EVERYTHING,
    NO_VALUE,
    Change,
    a_statement,
    add_resources,
    another,
    attach,
    changed,
    earlier,
    in_role,
    in_template,
    on_role,
    plain,
    short_reports,
)

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
INCLUDE = {"Fn::Transform": {"Name": "AWS::Include"}}
WIDE = {"Action": "*", "Resource": "*"}
MAYBE = {"Fn::If": ["C", EVERYTHING["Statement"], NO_VALUE]}


def budget_action(roles: list[Any]) -> Change:
    action = {"PolicyArn": {"Fn::Sub": "arn:aws:iam::aws:policy/A"}, "Roles": roles}
    properties = {"Definition": {"IamActionDefinition": action}}
    return add_resources(Other={"Type": "AWS::Budgets::BudgetsAction", "Properties": properties})


def attached(document: Any) -> Change:
    properties = {"PolicyName": "P", "Roles": ["PumpAutoPilotRole"], "PolicyDocument": document}
    return add_resources(Other={"Type": "AWS::IAM::Policy", "Properties": properties})


def later_document(_: dict[str, Any], role: dict[str, Any]) -> None:
    role["Policies"][3]["PolicyDocument"] = {"Fn::If": ["C", EVERYTHING, EVERYTHING]}


def in_mapping(template: dict[str, Any], role: dict[str, Any]) -> None:
    template["Mappings"] = {"M": {"a": {"b": [], **INCLUDE}}}
    role["ManagedPolicyArns"] = {"Fn::FindInMap": ["M", "a", "b"]}


def readable_by(principal: Any) -> dict[str, Any]:
    granted = {"Effect": "Allow", "Action": "s3:*", "Principal": {"AWS": principal}}
    properties = {"PolicyDocument": {"Statement": granted}}
    return {"Type": "AWS::S3::BucketPolicy", "Properties": properties}


UNKNOWN_TARGET = "Other attaches to a role that cannot be read"
UNREAD_STATEMENT = "a statement of PumpBillingReadOnly that cannot be read"
UNREAD_POLICY = "a statement of Extra that cannot be read"
HIDING: list[tuple[str, list[Change]]] = [
    (
        UNKNOWN_TARGET,
        [
            attach("Policy", [{"Ref": "Parameter"}]),
            attach("RolePolicy", {"Ref": "Parameter"}),
            add_resources(Other={"Type": "AWS::IAM::Policy", "Properties": {"Fn::Transform": {}}}),
            budget_action([{"Ref": "Parameter"}]),
        ],
    ),
    (
        "its inline policy Other is created only under the condition Never",
        [attach("Policy", ["PumpAutoPilotRole"], Condition="Never")],
    ),
    (
        "what attaches to it by name is not seen",
        [in_role(RoleName={"Ref": "N"})],
    ),
    (
        "the managed policy arn:aws:iam::aws:policy/A",
        [in_role(ManagedPolicyArns=[ADMINISTRATOR])],
    ),
    ("the managed policy Other cannot be read", [budget_action(["PumpAutoPilotRole"])]),
    ('the managed policy {"Ref": "P"}', [in_role(ManagedPolicyArns=[{"Ref": "P"}])]),
    (
        'the name of a policy cannot be read: {"Fn::Sub": "${AWS::StackName}"}',
        [another({"Statement": []}, name={"Fn::Sub": "${AWS::StackName}"})],
    ),
    (
        "a macro",
        [
            in_mapping,
            add_resources(Topic={"Type": "AWS::SNS::Topic", "Properties": {"Tags": [INCLUDE]}}),
        ],
    ),
    ("its property Fn::Transform cannot be read", [in_role(**{"Fn::Transform": {}})]),
    ("its member Fn::Transform cannot be read", [on_role(**{"Fn::Transform": 1})]),
    ("its inline policies cannot be read: ", [in_role(Policies=[{"Fn::If": ["C", {}, {}]}])]),
    ("it is created only under the condition C", [on_role(Condition="C")]),
    ("the transform Macro can change the template", [in_template(Transform=["Macro"])]),
    ("Fn::Transform can change the template", [in_template(**INCLUDE)]),
    ("Fn::ForEach::R creates resources when", [add_resources(**{"Fn::ForEach::R": []})]),
    (
        UNREAD_STATEMENT,
        [
            a_statement(MAYBE),
            a_statement({"Effect": {"Fn::Sub": "${Effect}"}, **WIDE}),
            a_statement({"Effect": "Allow", **WIDE, "Action": ["ec2:*", {"Fn::Sub": "${A}:*"}]}),
            a_statement({"Effect": "Allow", **WIDE, "Action": "{{resolve:ssm:/pump/actions}}"}),
            a_statement("not one"),
        ],
    ),
    ("a statement of PumpAutoPilot that cannot be read", [later_document]),
    (
        UNREAD_POLICY,
        [
            another({"Fn::If": ["C", EVERYTHING, EVERYTHING]}),
            another({"Version": "2012-10-17", **INCLUDE}),
            another({"Statement": {"Effect": "Allow", "Action": "ec?:Stop*", "Resource": "*"}}),
        ],
    ),
    ("its inline policies cannot be read: ", [another(json.dumps(EVERYTHING))]),
    (
        "a statement of P that cannot be read",
        [attached({"Fn::If": ["C", EVERYTHING, NO_VALUE]}), attached(json.dumps(EVERYTHING))],
    ),
    (
        "the template of Nested cannot be read",
        [add_resources(Nested={"Type": "AWS::CloudFormation::Stack", "Properties": {}})],
    ),
    # Permissions that are defined elsewhere.
    (
        "Bucket (AWS::S3::BucketPolicy): names AutoPilotRole",
        [add_resources(Bucket=readable_by({"Fn::GetAtt": ["AutoPilotRole", "Arn"]}))],
    ),
]
"""Changes after which the role may have more permissions than are counted, and what says so."""


@pytest.fixture(scope="module")
def base(text: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of the template without a change."""
    with short_reports():
        return plain(changed(text, tmp_path_factory.mktemp("base"), in_role()))


@pytest.mark.parametrize(
    ("change", "words"), [(change, words) for words, changes in HIDING for change in changes]
)
def test_what_may_allow_more_is_an_alarm_and_never_exact_nor_a_no(
    change: Change, words: str, text: str, base: dict[str, Any], tmp_path: Path
) -> None:
    with short_reports():
        changed(text, tmp_path, change)
        report = of_templates(tmp_path / "changed.template.json", since=earlier(base))
    alarms = [alarm_text(found, report) for found in report.findings[: report.alarms]]
    assert any(words[1:] in alarm for alarm in alarms), alarms
    assert report.alarms
    (role,) = report.roles
    assert [report.as_published, role.exact, role.readable] == [False] * 3
    answers = {statement.roles[role.kind].answer for statement in report.statements}
    assert answers <= {YES, UNKNOWN}
    assert "broader" in {found.effect for found in report.changes}
    said = [found for found in report.changes if words[1:] in describe_change(found)]
    assert {found.effect for found in said} <= {"broader"}


def test_numbers_that_are_not_exact_say_so_in_every_format(text: str, tmp_path: Path) -> None:
    for change, exact in ((in_role(ManagedPolicyArns=[ADMINISTRATOR]), False), (in_role(), True)):
        with short_reports():
            report = changed(text, tmp_path, change)
        (role,) = report.roles
        markdown = written(report, "markdown", every_action=True)
        for member in (*RISKS, "effective"):
            shown = number_of(role, member)
            assert shown == f"{getattr(role, member):,}{'' if exact else '+'}"
            assert f"| {shown} |\n" in markdown
        assert ("A plus sign means" in markdown) == (not exact)
        assert [role.exact, role.readable] == [exact] * 2
        assert plain(report)["roles"][0]["exact"] is exact
        rows = csv.DictReader(io.StringIO(written(report, "csv")))
        said = "yes" if exact else "no"
        assert {(row["exact"], row["role as published"]) for row in rows} == {(said, said)}
