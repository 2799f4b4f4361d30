"""What certainly only takes away may attach to a role; what only looks like it is an alarm."""

import json
from pathlib import Path
from typing import Any

import pytest

from pump_roles import universal
from pump_roles.guardrails import by_policy
from pump_roles.role.access import AccessWhy
from pump_roles.templates.synth_check import ExpectedResource, check_templates
from tests.attacks import merged, write_app
from tests.support import Template, every_format, of_templates, role_of

NAME = "PumpReadOnlyRole"
OWN = json.loads(universal.template("read-only"))


def found(
    folder: Path, same: Template, other: Template | None = None
) -> list[tuple[AccessWhy, str]]:
    """Return why, and which resource, widens the role, with more sections in its template."""
    paths = write_app(folder, merged(OWN, same), other)
    expected = ExpectedResource(None, paths[0], "ReadOnlyRole", role_of(OWN))
    return [(each.access.why, each.at.logical_id) for _, each in check_templates([expected], paths)]


pytestmark = pytest.mark.usefixtures("reports_are_short")

DENY = {"Effect": "Deny", "Action": "ce:Get*", "Resource": "*"}
DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll"
IN_PARTITION = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AWSDenyAll"}
OWN_POLICY, GUARDRAIL = "pumpbillingreadonly", next(iter(by_policy()))
HERE, ELSEWHERE = "the role's own template", "another template"


def policy(
    *statements: Any, kind: str = "RolePolicy", name: Any = "Less", **more: Any
) -> dict[str, Any]:
    document = {"Version": "2012-10-17", "Statement": [*(statements or [DENY])]}
    target = {"RoleName": NAME} if kind == "RolePolicy" else {"Roles": [NAME]}
    names = {} if kind == "ManagedPolicy" else {"PolicyName": name}
    properties = {**names, **target, "PolicyDocument": document}
    return {"Type": f"AWS::IAM::{kind}", "Properties": properties, **more}


def action(arn: Any, kind: Any = "APPLY_IAM_POLICY", **more: Any) -> dict[str, Any]:
    definition = {"IamActionDefinition": {"PolicyArn": arn, "Roles": [NAME], **more}}
    properties = {"ActionType": kind, "Definition": definition}
    return {"Type": "AWS::Budgets::BudgetsAction", "Properties": properties}


def managed(*statements: Any, **more: Any) -> dict[str, Any]:
    """A managed policy that attaches to nothing."""
    found = policy(*statements, kind="ManagedPolicy", **more)
    del found["Properties"]["Roles"]
    return found


def attaching(resource: dict[str, Any], **more: dict[str, Any]) -> Template:
    return {
        "Resources": {"Less": resource, **more},
        "Parameters": {"P": {"Type": "String", "Default": "Deny"}},
        "Conditions": {"C": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}},
    }


NOT_ACTION = {"Effect": "Deny", "NotAction": "ce:*", "Resource": {"Ref": "P"}}
TAKES_AWAY: dict[str, Template] = {
    "inline policy": attaching(policy()),
    "inline policy of several roles": attaching(policy(kind="Policy")),
    "managed policy": attaching(policy(kind="ManagedPolicy")),
    "NotAction on what a parameter says": attaching(policy(NOT_ACTION)),
    "under a condition": attaching(policy(Condition="C")),
    "budget's action": attaching(action(DENY_ALL)),
    "budget's action in any partition": attaching(action(IN_PARTITION)),
    "budget's action with a policy": attaching(action({"Ref": "Deny"}), Deny=managed()),
}


@pytest.mark.parametrize("place", [HERE, ELSEWHERE])
@pytest.mark.parametrize("name", TAKES_AWAY)
def test_what_certainly_only_takes_away_may_attach(name: str, place: str, tmp_path: Path) -> None:
    template = TAKES_AWAY[name]
    in_places = (template,) if place == HERE else ({}, template)
    assert found(tmp_path, *in_places) == []
    report = of_templates(tmp_path)
    assert (report.findings, report.as_published, report.exact) == ((), True, True)
    (role,) = report.roles
    taken = [each.name for each in role.policies if each.kind == "deny"]
    may_take = [each.name for each in role.role.may_deny]
    # What is not always there does not count.
    counts = place == HERE and "budget" not in name and "condition" not in name
    assert (len(taken), len(may_take)) == ((1, 0) if counts else (0, 1))
    assert bool(role.denied or role.limited) is counts
    said = every_format(report)
    assert all(each in said for each in (*taken, *may_take))
    assert ("ay also be denied by" in said) is not counts
    assert ("not published by Pump, but only denies" in said) is counts


MIXED = (DENY, {**DENY, "Effect": "Allow"})
TRANSFORM: dict[str, Any] = {"Fn::Transform": {"Name": "M"}}
UNCERTAIN: dict[str, Template] = {
    "an allow in one of two statements": attaching(policy(*MIXED)),
    "an allow in a managed policy": attaching(policy(*MIXED, kind="ManagedPolicy")),
    "an effect from a parameter": attaching(policy({**DENY, "Effect": {"Ref": "P"}})),
    "a statement that may be another": attaching(policy({"Fn::If": ["C", DENY, MIXED[1]]})),
    "a macro in a statement": attaching(policy({**DENY, **TRANSFORM})),
    "a macro in the resource": attaching(policy(**TRANSFORM)),
    "a macro of the template": {**attaching(policy()), "Transform": ["M"]},
    "an unknown member of the document": attaching(policy({**DENY, "Effects": "Allow"})),
    "the name of the role's own policy": attaching(policy(name=OWN_POLICY)),
    "the name of another role's policy": attaching(policy(name="PumpAutoPilot")),
    "the name of a guardrail": attaching(policy(name=GUARDRAIL)),
    "a name from a parameter": attaching(policy(name={"Ref": "P"})),
    "another policy of a budget": attaching(action("arn:aws:iam::aws:policy/ReadOnlyAccess")),
    "a policy of the account with the name": attaching(
        action("arn:aws:iam::111122223333:policy/AWSDenyAll")
    ),
    "a policy that a parameter names": attaching(action({"Ref": "P"})),
    "a policy that allows, of a budget": attaching(action({"Ref": "A"}), A=managed(*MIXED)),
    "another type of action": attaching(action(DENY_ALL, "APPLY_SCP_POLICY")),
}


@pytest.mark.parametrize("place", [HERE, ELSEWHERE])
@pytest.mark.parametrize("name", UNCERTAIN)
def test_what_may_give_more_may_not_attach(name: str, place: str, tmp_path: Path) -> None:
    template = UNCERTAIN[name]
    in_places = (template,) if place == HERE else ({}, template)
    reasons = {why for why, name in found(tmp_path, *in_places) if name == "Less"}
    assert reasons & {"attaches", "could-attach"}
    assert of_templates(tmp_path).findings


NAMED = managed()
NAMED["Properties"]["ManagedPolicyName"] = "Less"
ITS_ARN = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/Less"}
MAYBE_NAMED = {**NAMED, "Condition": "C"}
IN_STACK_SET = {
    "Type": "AWS::CloudFormation::StackSet",
    "Properties": {"TemplateBody": json.dumps({"Resources": {"Less": NAMED}})},
}
EXPORT = {"O": {"Value": {"Ref": "Less"}, "Export": {"Name": "Less"}}}
LISTED: dict[str, tuple[Any, Template, Template, str]] = {
    "a reference": ({"Ref": "Less"}, {"Less": NAMED}, {}, "limits"),
    "a reference, under a condition": ({"Ref": "Less"}, {"Less": MAYBE_NAMED}, {}, "may deny"),
    "an export": ({"Fn::ImportValue": "Less"}, {}, {"Less": NAMED}, "may deny"),
    "the name": (ITS_ARN, {"Less": NAMED}, {}, "limits"),
    "the name, under a condition": (ITS_ARN, {"Less": MAYBE_NAMED}, {}, "fails"),
    "the name, in a StackSet": (ITS_ARN, {"Set": IN_STACK_SET}, {}, "fails"),
    "the name, in another stack": (ITS_ARN, {}, {"Less": NAMED}, "fails"),
    "a policy of AWS": (DENY_ALL, {}, {}, "limits"),
    "nothing": ({"Ref": "AWS::NoValue"}, {}, {}, "passes"),
}


@pytest.mark.parametrize("whole", [False, True], ids=["an element", "the property"])
@pytest.mark.parametrize("name", LISTED)
def test_only_a_managed_policy_that_is_known_takes_away(
    name: str, tmp_path: Path, *, whole: bool
) -> None:
    arn, own, other, expected = LISTED[name]
    role = OWN["Resources"]["ReadOnlyRole"]
    arns = {"ManagedPolicyArns": arn if whole else [arn]}
    bounded = {**role, "Properties": {**role["Properties"], **arns}}
    template = {
        "Resources": {**own, "ReadOnlyRole": bounded},
        "Conditions": {"C": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}},
    }
    outputs = EXPORT if other else {}
    changed = found(tmp_path, template, {"Resources": other, "Outputs": outputs})
    assert changed == ([("changed", "ReadOnlyRole")] if expected == "fails" else [])
    report = of_templates(tmp_path)
    (found_role,) = report.roles
    assert bool(report.findings) is (expected == "fails")
    assert (found_role.denied > 0 or found_role.limited > 0) is (expected == "limits")
    assert bool(found_role.role.may_deny) is (expected == "may deny")


@pytest.mark.parametrize(
    "environment", ["aws://111122223333/us-east-1", "aws://111122223333/eu-west-1"]
)
def test_policy_of_another_stack_of_the_account_only_may_deny(
    environment: str, tmp_path: Path
) -> None:
    assert found(tmp_path, {}, attaching(policy())) == []
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    own, other = manifest["artifacts"].values()
    own["environment"], other["environment"] = "aws://111122223333/us-east-1", environment
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    report = of_templates(tmp_path)
    (role,) = report.roles
    assert (report.findings, role.denied, role.limited) == ((), 0, 0)
    assert [each.name for each in role.role.may_deny] == ["Less"]


NEVER: list[dict[str, Any]] = [
    {"Resource": [{"Ref": "AWS::NoValue"}]},
    {"Condition": {"StringEquals": {"aws:RequestedRegion": []}}},
    {"Condition": {"ArnLike": {"aws:PrincipalArn": [{"Ref": "AWS::NoValue"}]}}},
    {"Condition": {"Null": {"aws:PrincipalArn": "true"}}},
    {"Condition": {"Null": {"aws:currentTime": [True]}}},
]
SOMETIMES: list[dict[str, Any]] = [
    {"Condition": {"StringNotEquals": {"aws:RequestedRegion": []}}},
    {"Condition": {"StringEqualsIfExists": {"aws:PrincipalTag/x": []}}},
    {"Condition": {"Null": {"aws:PrincipalArn": "false"}}},
    {"Condition": {"Null": {"aws:PrincipalTag/x": "true"}}},
    {"Condition": {"Bool": {"aws:SecureTransport": [{"Ref": "AWS::NoValue"}, "true"]}}},
]


@pytest.mark.parametrize(
    ("members", "limits"),
    [*((each, False) for each in NEVER), *((each, True) for each in SOMETIMES)],
)
def test_deny_that_can_never_apply_limits_nothing(
    members: dict[str, Any], tmp_path: Path, *, limits: bool
) -> None:
    assert found(tmp_path, attaching(policy({**DENY, **members}))) == []
    report = of_templates(tmp_path)
    (role,) = report.roles
    assert report.findings == ()
    assert [each.name for each in role.policies if each.kind == "deny"] == ["Less"]
    assert (role.denied > 0 or role.limited > 0) is limits


STOP = {"Effect": "Allow", "Action": "iam:AttachRolePolicy"}


@pytest.mark.parametrize("target", [{"Fn::GetAtt": ["ReadOnlyRole", "Arn"]}, f"arn:*:role/{NAME}"])
@pytest.mark.parametrize(
    ("statement", "harmless"),
    [
        ({"Condition": {"ArnEquals": {"iam:PolicyARN": DENY_ALL}}}, True),
        ({"Condition": {"StringEquals": {"iam:PolicyARN": IN_PARTITION}}}, True),
        ({"Condition": {"ArnEquals": {"iam:PolicyARN": DENY_ALL}}, "Action": "iam:*"}, False),
        ({"Condition": {"ArnLike": {"iam:PolicyARN": "arn:*:policy/*"}}}, False),
        ({"Condition": {"ArnNotEquals": {"iam:PolicyARN": DENY_ALL}}}, False),
        ({"Condition": {"ArnEquals": {"iam:PolicyARN": {"Ref": "P"}}}}, False),
        ({"Condition": {}}, False),
    ],
)
def test_permission_to_attach_nothing_but_aws_deny_all_is_no_alarm(
    statement: dict[str, Any], target: Any, tmp_path: Path, *, harmless: bool
) -> None:
    allow = {**STOP, "Resource": target, **statement}
    execution = {
        "Type": "AWS::IAM::Policy",
        "Properties": {"PolicyName": "P", "Users": ["u"], "PolicyDocument": {"Statement": allow}},
    }
    assert found(tmp_path, attaching(execution)) == []
    report = of_templates(tmp_path)
    assert bool(report.findings) is not harmless
    assert [other.name for other in report.others] == ["Less"]
