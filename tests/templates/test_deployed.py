"""Pump's roles are read as their templates deploy them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam

from pump_roles import (
    AutoPilotStack,
    Guardrail,
    ReadOnlyRole,
    ReadOnlyRollout,
    ReadOnlyStack,
    templates,
)
from pump_roles.iam.external_ids import ExternalId
from pump_roles.iam.identity_policies import Statement, Value, in_account, known
from pump_roles.iam.trust import Principal
from pump_roles.role.assembly import DeployedRole
from pump_roles.role.iam_role import Role
from pump_roles.role.unknowns import RolePart, RoleUnknown
from tests.support import EXTERNAL_ID, ROLE_ARGUMENTS, Template, role_of

ACCOUNT = "111122223333"


def read(app: App) -> list[list[DeployedRole]]:
    """The roles that an app deploys, by kind."""
    return [[*forms] for forms in templates.read(Path(app.synth().directory)).variants]


def role_in(template: Template, folder: Path) -> Role:
    file = folder / "PumpReadOnly.template.json"
    file.write_text(json.dumps(template))
    ((found,),) = templates.read(file).variants
    return found.role


def test_reads_everything_that_an_account_has(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    more: dict[str, Any] = {
        "next_external_id": "Next-5678",
        "permissions_boundary": "platform/Boundary",
    }
    ReadOnlyRole(Stack(app, "Vendors"), "Pump", **ROLE_ARGUMENTS, **more, path="/pump/")
    ((found,),) = read(app)
    role = found.role
    assert (role.path, role.session) == (known("/pump/"), 3_600)
    assert role.boundary is not None
    boundary = in_account(role.boundary.arn.text, account=ACCOUNT, partition="aws-us-gov")
    assert boundary == f"arn:aws-us-gov:iam::{ACCOUNT}:policy/platform/Boundary"
    assert [*role.trust.external_ids] == [*map(ExternalId.of, (EXTERNAL_ID, "Next-5678"))]
    assert [policy.name for policy in role.policies] == ["PumpBillingReadOnly"]
    assert (role.unknown, found.account, role.boundary.policy) == ((), "", None)


def test_parameter_is_open(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    ReadOnlyStack(app, "PumpReadOnly")
    ((found,),) = read(app)
    assert found.role.trust.principals == (Principal("provided", Value("open", "PumpIamRole")),)
    assert found.role.trust.external_ids == (ExternalId("open", parameter="PumpExternalID"),)


def test_arns_of_a_guardrail_have_the_partition_of_the_account(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    guardrail = Guardrail.invitations_from(ACCOUNT)
    AutoPilotStack(app, "PumpAutoPilot", **ROLE_ARGUMENTS, guardrails=[guardrail])
    ((found,),) = read(app)
    policies = {policy.name: policy for policy in found.role.policies}
    filled = policies[guardrail.policy_name].in_account(account="444455556666", partition="aws-cn")
    (statement,) = filled.statements
    (arn,) = statement.scope.resources
    assert arn.startswith("arn:aws-cn:organizations::111122223333:handshake/")
    assert statement.scope.unresolved == ()


@pytest.mark.parametrize("ids", [[EXTERNAL_ID, EXTERNAL_ID], [EXTERNAL_ID, "Other-1234"]])
def test_stack_and_rollout_are_the_same_role_but_for_their_external_ids(
    ids: list[str], tmp_path: Path
) -> None:
    app = App(outdir=str(tmp_path))
    single, rolled_out = ({**ROLE_ARGUMENTS, "external_id": external_id} for external_id in ids)
    ReadOnlyStack(app, "PumpReadOnly", **single)
    ReadOnlyRollout(
        Stack(app, "PumpReadOnlyRollout"),
        "R",
        **rolled_out,
        organizational_units=["r-abcd"],
    )
    (variants,) = read(app)
    assert [variant.role.trust.external_ids for variant in variants] == [
        (ExternalId.of(external_id),) for external_id in dict.fromkeys(ids)
    ]


def test_boundary_in_the_same_template_has_its_arn_and_document(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    stack = Stack(app, "Vendors")
    statement = iam.PolicyStatement(actions=["ce:*"], resources=["*"])
    named: Any = {"managed_policy_name": "Boundary", "path": "/platform/"}
    iam.ManagedPolicy(stack, "Boundary", **named, statements=[statement])
    ReadOnlyRole(stack, "Pump", **ROLE_ARGUMENTS, permissions_boundary="platform/Boundary")
    ((found,),) = read(app)
    boundary = found.role.boundary
    assert boundary is not None
    policy = "policy/platform/Boundary"
    assert boundary.arn == known(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:{policy}")
    assert boundary.policy is not None
    assert boundary.policy.statements == (Statement(effect="Allow", actions=("ce:*",)),)


@pytest.fixture
def template(synth: Callable[..., dict[str, Template]], provided: dict[str, str]) -> Template:
    return synth(provided)["PumpReadOnly"]


UNKNOWN = {"Fn::ImportValue": "of-another-stack"}


@pytest.mark.parametrize(
    ("name", "part", "detail"),
    [
        ("Path", "path", ""),
        ("PermissionsBoundary", "boundary", json.dumps(UNKNOWN)),
        ("MaxSessionDuration", "session", json.dumps(UNKNOWN)),
    ],
)
def test_says_what_cannot_be_read(
    name: str, part: RolePart, detail: str, template: Template, tmp_path: Path
) -> None:
    assert role_in(template, tmp_path).not_known == ()
    role_of(template)[name] = UNKNOWN
    unknown = RoleUnknown(part=part, why="unreadable", detail=detail)
    assert role_in(template, tmp_path).not_known == (unknown,)


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
    role_of(template)["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"] = value
    scope = role_in(template, tmp_path).policies[0].statements[0].scope
    literal = '{"literal": "arn:${AWS::Partition}:s3:::x"}'
    assert (scope.resources, scope.unresolved) == ((), (literal,))
