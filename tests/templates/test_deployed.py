"""Pump's roles are read as their templates deploy them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam

from pump_roles import ReadOnlyRole, ReadOnlyRolloutStack, ReadOnlyStack
from pump_roles.iam.canonical import in_account
from pump_roles.iam.trust import (
    OPEN_EXTERNAL_ID,
    OPEN_PRINCIPAL,
    assumption,
    external_ids_of,
    principals_of,
)
from pump_roles.role import Role
from pump_roles.templates import FoundRole
from pump_roles.templates.reading import read_templates
from tests.support import EXTERNAL_ID, ROLE_ARGUMENTS, Template

ACCOUNT = "111122223333"


def ways_of(folder: Path, template: Template) -> tuple[FoundRole, ...]:
    file = folder / "PumpReadOnly.template.json"
    file.write_text(json.dumps(template))
    (ways,) = read_templates(file).variants
    return ways


def of_stack(folder: Path, **arguments: Any) -> Role:
    app = App(outdir=str(folder / "cdk.out"))
    ReadOnlyStack(app, "PumpReadOnly", **{**ROLE_ARGUMENTS, **arguments})
    (way,) = read_templates(Path(app.synth().directory)).variants[0]
    return way.role


def test_reads_everything_that_an_account_has(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path / "cdk.out"))
    stack = Stack(app, "Vendors")
    ReadOnlyRole(
        stack,
        "Pump",
        **ROLE_ARGUMENTS,
        next_external_id="Next-5678",
        path="/pump/",
        permissions_boundary="platform/Boundary",
    )
    (found,) = read_templates(Path(app.synth().directory)).variants[0]
    way = found.role
    assert (way.path, way.session_seconds) == ("/pump/", 3_600)
    assert way.boundary is not None
    boundary = in_account(way.boundary.arn, account=ACCOUNT, partition="aws-us-gov")
    assert boundary == f"arn:aws-us-gov:iam::{ACCOUNT}:policy/platform/Boundary"
    assert external_ids_of(way.trust_policy) == [EXTERNAL_ID, "Next-5678"]
    assert [policy.name for policy in way.policies] == ["PumpBillingReadOnly"]
    assert (way.unknown, found.account, way.boundary.document) == ((), "", None)


def test_parameter_is_a_placeholder(tmp_path: Path) -> None:
    way = of_stack(tmp_path, pump_principal=None, external_id=None)
    assert principals_of(way.trust_policy) == [OPEN_PRINCIPAL]
    assert external_ids_of(way.trust_policy) == [OPEN_EXTERNAL_ID]


def test_arns_of_a_guardrail_have_the_partition_of_the_account(tmp_path: Path) -> None:
    from pump_roles import AutoPilotStack, Guardrail  # noqa: PLC0415

    app = App(outdir=str(tmp_path / "cdk.out"))
    guardrail = Guardrail.invitations_from(ACCOUNT)
    AutoPilotStack(app, "PumpAutoPilot", **ROLE_ARGUMENTS, guardrails=[guardrail])
    (found,) = read_templates(Path(app.synth().directory)).variants[0]
    way = found.role
    filled = next(
        policy.document for policy in way.policies if policy.name == guardrail.policy_name
    )
    text = json.dumps(in_account(filled, account="444455556666", partition="aws-cn"))
    assert "arn:aws-cn:organizations::111122223333:handshake/" in text
    assert "Fn::Sub" not in text


def test_stack_and_rollout_are_the_same_role(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path / "cdk.out"))
    ReadOnlyStack(app, "PumpReadOnly", **ROLE_ARGUMENTS)
    ReadOnlyRolloutStack(
        app, "PumpReadOnlyRollout", **ROLE_ARGUMENTS, organizational_units=["r-abcd"]
    )
    ((single, rolled_out),) = read_templates(Path(app.synth().directory)).variants
    assert (single.stack_set, rolled_out.stack_set) == ("", "PumpReadOnly")
    assert replace(rolled_out, stack_set="") == single


def test_roles_with_different_external_ids_have_two_forms(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path / "cdk.out"))
    ReadOnlyStack(app, "PumpReadOnly", **ROLE_ARGUMENTS)
    ReadOnlyRolloutStack(
        app,
        "PumpReadOnlyRollout",
        **{**ROLE_ARGUMENTS, "external_id": "Other-1234"},
        organizational_units=["r-abcd"],
    )
    (ways,) = read_templates(Path(app.synth().directory)).variants
    assert sorted(external_ids_of(way.role.trust_policy)[0] for way in ways) == [
        *(EXTERNAL_ID, "Other-1234")
    ]


def test_boundary_in_the_same_template_has_its_arn_and_document(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path / "cdk.out"))
    stack = Stack(app, "Vendors")
    statement = iam.PolicyStatement(actions=["ce:*"], resources=["*"])
    iam.ManagedPolicy(
        stack,
        "Boundary",
        managed_policy_name="Boundary",
        path="/platform/",
        statements=[statement],
    )
    ReadOnlyRole(stack, "Pump", **ROLE_ARGUMENTS, permissions_boundary="platform/Boundary")
    (found,) = read_templates(Path(app.synth().directory)).variants[0]
    way = found.role
    assert way.boundary is not None
    assert way.boundary.arn == (
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/platform/Boundary"
    )
    assert way.boundary.document["Statement"] == [
        {"Action": "ce:*", "Effect": "Allow", "Resource": "*"}
    ]


def properties(template: Template) -> dict[str, Any]:
    (found,) = (
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
    )
    return dict(found)


@pytest.fixture
def template(synth: Callable[..., dict[str, Template]], provided: dict[str, str]) -> Template:
    return synth(provided)["PumpReadOnly"]


UNKNOWN = {"Fn::ImportValue": "of-another-stack"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("Path", UNKNOWN, ("path", "", "")),
        ("PermissionsBoundary", UNKNOWN, ("boundary", "", "")),
        ("MaxSessionDuration", UNKNOWN, ("session", "", json.dumps(UNKNOWN))),
    ],
)
def test_says_what_cannot_be_read(
    name: str, value: Any, said: tuple[str, str, str], template: Template, tmp_path: Path
) -> None:
    (before,) = ways_of(tmp_path, template)
    assert before.role.unknown == ()
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            resource["Properties"][name] = value
    (way,) = ways_of(tmp_path, template)
    (unknown,) = way.role.unknown
    assert (unknown.part, unknown.subject, unknown.detail) == said
    assert unknown.why == "unreadable"
    assert properties(template)[name] == value


@pytest.mark.parametrize(
    "value",
    [
        "arn:${AWS::Partition}:s3:::x",
        {"Fn::Join": ["", ["arn:${AWS::Part", "ition}:s3:::x"]]},
        {"Fn::Join": ["", ["arn:", {"Fn::Join": ["", ["${AWS::", "Partition}"]]}, ":s3:::x"]]},
    ],
)
def test_text_that_looks_like_a_placeholder_is_not_taken_for_one(
    value: Any, template: Template, tmp_path: Path
) -> None:
    properties(template)["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"] = value
    (way,) = ways_of(tmp_path, template)
    statement = way.role.policies[0].document["Statement"][0]
    assert statement["Resource"] == {"literal": "arn:${AWS::Partition}:s3:::x"}


@pytest.mark.parametrize(
    "value", ["${external-id}", {"Fn::Join": ["", ["${external", "-id}"]]}, {"Ref": "Loose"}]
)
def test_external_id_that_is_no_open_one_is_an_alarm(
    value: Any, template: Template, tmp_path: Path
) -> None:
    template["Parameters"] = {"Loose": {"Type": "String"}}
    trust = properties(template)["AssumeRolePolicyDocument"]
    trust["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"] = value
    (way,) = ways_of(tmp_path, template)
    assert not assumption(way.role.trust_policy).external_id
