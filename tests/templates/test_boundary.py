"""A permissions boundary is shown by its name if it is certain which policy that is."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles import templates
from pump_roles.iam.identity_policies import parse_policy
from pump_roles.review.output.descriptions import describe_boundary
from pump_roles.role.iam_role import Boundary
from pump_roles.templates.reach import attachments
from pump_roles.templates.resolve import Resolver
from pump_roles.templates.role_reader import boundary
from pump_roles.templates.synth_check import ExpectedResource, check_templates
from pump_roles.templates.template import Template
from tests.support import NO_VALUE, json_values, rolled_out

ACCOUNT = "111122223333"
OWN = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/"
PART = {"Fn::Select": [0, {"Fn::Split": [":", {"Ref": "Custom"}]}]}
CONTENT: dict[str, Any] = {
    "Parameters": {
        "Free": {"Type": "String"},
        "Fixed": {"Type": "String", "AllowedValues": [f"arn:aws:iam::{ACCOUNT}:policy/Fixed"]},
    },
    "Resources": {
        "Custom": {"Type": "AWS::IAM::ManagedPolicy"},
        "Role": {"Type": "AWS::IAM::Role"},
    },
}


def read(value: Any, account: str = ACCOUNT, *others: Template, **more: Any) -> Boundary | None:
    """The boundary of a role with a value, in an app."""
    bounded = {"Type": "AWS::IAM::Role", "Properties": {"PermissionsBoundary": value}}
    content = {**CONTENT, "Resources": {**CONTENT["Resources"], "Bounded": bounded, **more}}
    here = Template(content=content, file=Path("t.json"), key="0", account=account)
    resolver = Resolver([here, *others])
    found = attachments(resolver.resources.values(), {})
    return boundary(resolver.resources["0", "Bounded"], found)


def shown(value: Any, account: str = ACCOUNT) -> str:
    """A boundary as a report shows it."""
    found = read(value, account)
    return "" if found is None else describe_boundary(found.arn.text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (NO_VALUE, ""),
        ({"Fn::Sub": f"{OWN}platform/Boundary"}, "platform/Boundary"),
        ({"Fn::Join": [":", ["arn:aws:iam:", ACCOUNT, "policy/Joined"]]}, "Joined"),
        (f"arn:aws-cn:iam::{ACCOUNT}:policy/a/b/Own", "a/b/Own"),
        ({"Ref": "Fixed"}, "Fixed"),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", "ReadOnlyAccess (AWS managed)"),
        (
            {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/job-function/Billing"},
            "job-function/Billing (AWS managed)",
        ),
        ({"Ref": "Custom"}, "Custom (in the same template)"),
        ("arn:aws:iam::999988887777:policy/Theirs", "arn:aws:iam::999988887777:policy/Theirs"),
        (
            {"Fn::Sub": "arn:${AWS::Partition}:iam::999988887777:policy/Theirs"},
            "arn:${AWS::Partition}:iam::999988887777:policy/Theirs",
        ),
        ("arn:aws:iam:::policy/Nobodys", "arn:aws:iam:::policy/Nobodys"),
        (
            {"Fn::Sub": ["${A}:aws:iam::aws:policy/AdministratorAccess", {"A": PART}]},
            "AdministratorAccess (AWS managed)",
        ),
    ],
)
def test_boundary_is_shown_by_its_name(value: Any, expected: str) -> None:
    assert shown(value) == expected


def test_policy_with_a_generated_name_is_not_certain() -> None:
    found = read({"Ref": "Custom"})
    assert found is not None
    assert found.arn.state == "not-read"


def test_in_any_account_only_the_policy_of_that_account_has_a_name() -> None:
    assert shown({"Fn::Sub": f"{OWN}Mine"}, "") == "Mine"
    for arn in (f"arn:aws:iam::{ACCOUNT}:policy/P", "arn:aws:iam:::policy/P"):
        assert shown(arn, "") == arn


@pytest.mark.parametrize(
    "value",
    [
        {"Ref": "Role"},
        {"Ref": ["Custom"]},
        {"Fn::Sub": "arn:aws:iam::aws:policy/${Free}"},
        {"Fn::If": ["C", {"Ref": "Custom"}, "arn:aws:iam::aws:policy/ReadOnlyAccess"]},
        {"Fn::GetAtt": ["Custom", "AttachmentCount"]},
        "arn:aws:iam::aws:policy/ReadOnlyAccess (AWS managed)",
        f"arn:aws:iam::{ACCOUNT}:policy/Custom (in the same template)",
        "${AWS::AccountId}",
        1,
    ],
)
def test_boundary_that_is_not_certain_is_shown_as_it_is(value: Any) -> None:
    expected = value if isinstance(value, str) else json.dumps(value)
    assert shown(value) == expected.replace(ACCOUNT, "${AWS::AccountId}")


DOCUMENT = {"Statement": {"Effect": "Allow", "Action": "ce:*", "Resource": "*"}}
POLICY = parse_policy(DOCUMENT, name="B", arn=f"{OWN}B")
NAMED = {"ManagedPolicyName": "B", "PolicyDocument": DOCUMENT}


@pytest.mark.parametrize(
    ("value", "named", "arn", "known"),
    [
        ({"Fn::ImportValue": "B"}, True, f"{OWN}B", True),
        # Another policy can have the name.
        ({"Fn::Sub": f"{OWN}B"}, True, f"{OWN}B", False),
        ({"Fn::ImportValue": "B"}, False, '{"Fn::ImportValue": "B"}', False),
    ],
)
def test_policy_of_another_template_is_known_only_by_reference(
    value: Any, arn: str, *, named: bool, known: bool
) -> None:
    properties = NAMED if named else {"PolicyDocument": DOCUMENT}
    content = {
        "Resources": {"Made": {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}},
        "Outputs": {"O": {"Value": {"Ref": "Made"}, "Export": {"Name": "B"}}},
    }
    there = Template(content=content, file=Path("o.json"), key="1", account=ACCOUNT)
    found = read(value, ACCOUNT, there)
    assert found is not None
    assert found.arn.text == arn
    assert found.policy == (POLICY if known else None)


@pytest.mark.parametrize(("members", "known"), [({}, True), ({"Condition": "C"}, False)])
def test_policy_of_the_template_is_known_by_its_name_without_a_condition(
    members: dict[str, str], *, known: bool
) -> None:
    made = {"Type": "AWS::IAM::ManagedPolicy", "Properties": NAMED, **members}
    found = read({"Fn::Sub": f"{OWN}B"}, ACCOUNT, Made=made)
    assert found is not None
    assert (found.policy is not None) is known


def test_list_is_shown_as_its_elements() -> None:
    assert shown(["a", {"Ref": "Free"}]) == 'a, {"Ref": "Free"}'


def test_what_a_stack_set_passes_on_is_of_another_account(tmp_path: Path) -> None:
    arn = {"Fn::Sub": f"{OWN}Boundary"}

    def change(stack_set: dict[str, Any], value: Any) -> None:
        member = json.loads(stack_set["TemplateBody"])
        member["Parameters"]["Boundary"] = {"Type": "String"}
        member["Resources"]["AutoPilotRole"]["Properties"]["PermissionsBoundary"] = value
        stack_set["TemplateBody"] = json.dumps(member)
        stack_set["Parameters"].append({"ParameterKey": "Boundary", "ParameterValue": arn})

    for value, expected in [(arn, "Boundary"), ({"Ref": "Boundary"}, '{"Ref": "Boundary"}')]:
        (found,) = templates.read(rolled_out(tmp_path, partial(change, value=value))).roles
        assert found.role.boundary is not None
        assert describe_boundary(found.role.boundary.arn.text) == expected


AS_BUILT = {"Fn::Sub": f"{OWN}platform/B"}
LITERAL = f"arn:aws:iam::{ACCOUNT}:policy/platform/B"
MADE_HERE = {"Ref": "Made"}


@pytest.mark.parametrize("account", ["", ACCOUNT])
@pytest.mark.parametrize(
    ("value", "same"),
    [
        (AS_BUILT, True),
        (LITERAL, True),
        ({"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:policy/platform/B"}, True),
        (
            {"Fn::Join": ["", ["arn:aws:iam::", {"Ref": "AWS::AccountId"}, ":policy/platform/B"]]},
            True,
        ),
        (MADE_HERE, True),
        ({"Fn::Sub": f"{OWN}platform/C"}, False),
        ({"Fn::Sub": f"{OWN}B"}, False),
        ({"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/platform/B"}, False),
        ("arn:aws:iam:::policy/platform/B", False),
        ({"Ref": "Another"}, False),
        ({"Ref": "Free"}, False),
        (NO_VALUE, False),
        (None, False),
    ],
)
def test_boundary_is_the_same_policy_however_it_is_written(
    value: Any, account: str, tmp_path: Path, *, same: bool
) -> None:
    for as_built in (AS_BUILT, MADE_HERE):
        assert is_same(value, as_built, account, tmp_path) is same


def test_boundary_that_is_nothing_or_of_another_account_is_not_the_same_policy(
    tmp_path: Path,
) -> None:
    assert not is_same(NO_VALUE, NO_VALUE, ACCOUNT, tmp_path)
    assert not is_same(LITERAL, AS_BUILT, "444455556666", tmp_path)


def is_same(value: Any, as_built: Any, account: str, folder: Path) -> bool:
    """Whether the check at synth accepts a boundary instead of the one that was built."""
    made = {"ManagedPolicyName": "B", "Path": "/platform/"}
    resources = {
        name: {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}
        for name, properties in {"Made": made, "Another": {**made, "Path": "/"}}.items()
    }
    role = {"PermissionsBoundary": value, "AssumeRolePolicyDocument": {}}
    resources["Role"] = {"Type": "AWS::IAM::Role", "Properties": role}
    file = folder / "t.json"
    file.write_text(json.dumps({**CONTENT, "Resources": resources}))
    artifact = {"properties": {"templateFile": file.name}, "environment": f"aws://{account}/x"}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"S": artifact}}))
    expected = ExpectedResource(None, file, "Role", {**role, "PermissionsBoundary": as_built})
    return [*check_templates([expected], [file])] == []


LEAVES = st.sampled_from([None, True, 1, "", "Custom", "Free", "AWS::NoValue", OWN]) | st.text()
KEYS = ("Ref", "Fn::Sub", "Fn::Join", "Fn::If", "Fn::Select", "Fn::Split", "Fn::GetAtt", "x")


@given(json_values(LEAVES, *KEYS))
def test_any_boundary_has_a_text(value: Any) -> None:
    for account in ("", ACCOUNT):
        assert isinstance(shown(value, account), str)
