"""A permissions boundary is shown by its name if it is certain which policy that is."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.iam.values import unreadable
from pump_roles.review.output.words import boundary_in_words
from pump_roles.review.templates.attachments import Attachments
from pump_roles.review.templates.boundary import boundary, is_same_policy
from pump_roles.review.templates.reading import read_templates
from pump_roles.review.templates.template import Template
from pump_roles.role import Boundary
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
TEMPLATE = Template(content=CONTENT, file=Path("t.json"), sha256="", account=ACCOUNT)
ANYWHERE = Template(content=CONTENT, file=Path("t.json"), sha256="")


def shown(value: Any, template: Template) -> str:
    """A boundary as a report shows it."""
    found = boundary(value, template, Attachments([template]))
    return "" if found is None else boundary_in_words(found.arn.text)


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
    assert shown(value, TEMPLATE) == expected


def test_policy_with_a_generated_name_is_not_certain() -> None:
    found = boundary({"Ref": "Custom"}, TEMPLATE, Attachments([TEMPLATE]))
    assert found is not None
    assert found.arn.state == "not-read"


def test_in_any_account_only_the_policy_of_that_account_has_a_name() -> None:
    assert shown({"Fn::Sub": f"{OWN}Mine"}, ANYWHERE) == "Mine"
    for arn in (f"arn:aws:iam::{ACCOUNT}:policy/P", "arn:aws:iam:::policy/P"):
        assert shown(arn, ANYWHERE) == arn


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
    assert shown(value, TEMPLATE) == expected.replace(ACCOUNT, "${AWS::AccountId}")


def test_policy_with_a_generated_name_in_another_template_is_shown_as_it_is() -> None:
    here = Template(content={}, file=Path("t.json"), sha256="")
    there = Template(content=CONTENT, file=Path("o.json"), sha256="")
    here.exports["B",] = [(there, {"Ref": "Custom"})]
    there.exports = here.exports
    value = {"Fn::ImportValue": "B"}
    found = boundary(value, here, Attachments([here, there]))
    assert found == Boundary(arn=unreadable(value))


def test_list_is_shown_as_its_elements() -> None:
    assert shown(["a", {"Ref": "Free"}], TEMPLATE) == 'a, {"Ref": "Free"}'


def test_what_a_stack_set_passes_on_is_of_another_account(tmp_path: Path) -> None:
    arn = {"Fn::Sub": f"{OWN}Boundary"}

    def change(stack_set: dict[str, Any], value: Any) -> None:
        member = json.loads(stack_set["TemplateBody"])
        member["Parameters"]["Boundary"] = {"Type": "String"}
        member["Resources"]["AutoPilotRole"]["Properties"]["PermissionsBoundary"] = value
        stack_set["TemplateBody"] = json.dumps(member)
        stack_set["Parameters"].append({"ParameterKey": "Boundary", "ParameterValue": arn})

    for value, expected in [(arn, "Boundary"), ({"Ref": "Boundary"}, '{"Ref": "Boundary"}')]:
        (found,) = read_templates(rolled_out(tmp_path, partial(change, value=value))).roles
        assert found.role.boundary is not None
        assert boundary_in_words(found.role.boundary.arn.text) == expected


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
    value: Any, account: str, *, same: bool
) -> None:
    made = {"ManagedPolicyName": "B", "Path": "/platform/"}
    resources = {
        name: {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}
        for name, properties in {"Made": made, "Another": {**made, "Path": "/"}}.items()
    }
    content = {**CONTENT, "Resources": resources}
    template = Template(content=content, file=Path("t.json"), sha256="", account=account)
    for as_built in (AS_BUILT, MADE_HERE):
        assert is_same_policy(value, as_built, template) is same


def test_boundary_that_is_nothing_or_of_another_account_is_not_the_same_policy() -> None:
    assert not is_same_policy(NO_VALUE, NO_VALUE, TEMPLATE)
    other = Template(content=CONTENT, file=Path("t.json"), sha256="", account="444455556666")
    assert not is_same_policy(LITERAL, AS_BUILT, other)


LEAVES = st.sampled_from([None, True, 1, "", "Custom", "Free", "AWS::NoValue", OWN]) | st.text()
KEYS = ("Ref", "Fn::Sub", "Fn::Join", "Fn::If", "Fn::Select", "Fn::Split", "Fn::GetAtt", "x")


@given(json_values(LEAVES, *KEYS))
def test_any_boundary_has_a_text(value: Any) -> None:
    for template in (TEMPLATE, ANYWHERE):
        assert isinstance(shown(value, template), str)
