"""The service control policy that protects the roles does what the guide says, and no more."""

import json
import re
from collections.abc import Iterable
from typing import Any

import pytest
from botocore.session import get_session

from tests.docs.pages import BUY, PROTECT, READ, block, role
from tools.sandbox import catalog
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.simulator import ALLOWED, EXPLICITLY_DENIED, Role, decide, use

CONTROL = json.loads(block("<!-- protect-roles -->", "json", PROTECT))
ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
EVERYTHING = {"Everything": {"Version": "2012-10-17", "Statement": [ALLOW_ALL]}}

CHANGES = [
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:TagRole",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
    "iam:UpdateRoleDescription",
]


TAGGING = {"iam:TagRole", "iam:UntagRole"}
"""With these, an approver opens and closes a guardrail."""


def left(principal: str, actions: Iterable[str], resource: str, control: Any = CONTROL) -> set[str]:
    """Return the actions on a resource that the policy leaves to a principal."""
    actions = [*actions]
    caller = Role(principal, {}, EVERYTHING)
    decisions = decide(
        [
            use(caller, action=action, resource=resource, service_control_policy=control)
            for action in actions
        ]
    )
    assert {*decisions} <= {ALLOWED, EXPLICITLY_DENIED}
    decided = zip(actions, decisions, strict=True)
    return {action for action, decision in decided if decision == ALLOWED}


EXECUTION = "stacksets-exec-0123456789abcdef"
APPROVER = "platform/PumpApprover"


@pytest.mark.parametrize(
    ("principal", "name", "expected"),
    [
        ("Admin", "PumpReadOnlyRole", ()),
        ("Admin", "vendors/PumpAutoPilotRole", ()),
        ("PumpAutoPilotRole", "PumpAutoPilotRole", ()),
        (EXECUTION, "PumpReadOnlyRole", CHANGES),
        (EXECUTION, "pump/PumpAutoPilotRole", CHANGES),
        (f"x/{EXECUTION}", "PumpReadOnlyRole", ()),
        ("Admin", EXECUTION, ()),
        ("Admin", "stacksets-exec-of-mine/Admin", ()),
        (EXECUTION, EXECUTION, ()),
        ("Admin", "Another", CHANGES),
        # ARNs are compared with case: a new name is not protected, and the exemption no wider.
        ("Admin", "pumpreadonlyrole", CHANGES),
        (EXECUTION.capitalize(), "PumpReadOnlyRole", ()),
        # Only the approver tags the roles.
        (APPROVER, "PumpReadOnlyRole", TAGGING),
        (APPROVER, "vendors/PumpAutoPilotRole", TAGGING),
        ("PumpApprover", "PumpReadOnlyRole", ()),
        (f"x/{APPROVER}", "PumpReadOnlyRole", ()),
        # Only stack sets create or change the approver. A tag of the approver approves nothing.
        ("Admin", APPROVER, TAGGING),
        (APPROVER, APPROVER, TAGGING),
        (EXECUTION, APPROVER, CHANGES),
    ],
)
def test_service_control_policy_leaves_these_changes_of_a_role(
    principal: str, name: str, expected: Iterable[str]
) -> None:
    assert left(principal, CHANGES, f"arn:aws:iam::{ACCOUNT_ID}:role/{name}") == set(expected)


def test_service_control_policy_has_the_size_that_the_guide_says() -> None:
    text = block("<!-- protect-roles -->", "json", PROTECT)
    size = len(json.dumps(json.loads(text), separators=(",", ":")))
    assert f"It has {size:,} characters without white space, and {len(text):,} as shown." in PROTECT
    assert size < len(text) <= 5_120


BOUNDARY_CHANGES = [
    "iam:CreatePolicy",
    "iam:CreatePolicyVersion",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:SetDefaultPolicyVersion",
    "iam:TagPolicy",
    "iam:UntagPolicy",
]


POLICY = f"arn:aws:iam::{ACCOUNT_ID}:policy/{{}}"


OTHERS = {
    # Service-linked roles have paths of their own, and passing a role changes nothing.
    "iam:CreateServiceLinkedRole",
    "iam:DeleteServiceLinkedRole",
    "iam:PassRole",
}


@pytest.mark.parametrize(
    ("kind", "changes"), [("role", {*CHANGES, *OTHERS}), ("policy", {*BOUNDARY_CHANGES})]
)
def test_changes_are_all_those_that_the_catalog_knows(kind: str, changes: set[str]) -> None:
    known = {
        action.name
        for action in catalog.matching(["iam:*"])
        if not action.only_reads and any(f":{kind}/" in arn for arn in action.resources)
    }
    assert known == changes


@pytest.mark.parametrize(
    ("principal", "name", "expected"),
    [
        ("Admin", "platform/Boundary", ()),
        ("PumpAutoPilotRole", "platform/Boundary", ()),
        (f"x/{EXECUTION}", "platform/Boundary", ()),
        ("platform/Pipeline", "platform/Boundary", ()),
        (EXECUTION, "platform/Boundary", BOUNDARY_CHANGES),
        ("Admin", "platform/BoundaryToo", BOUNDARY_CHANGES),
        ("Admin", "platform/Another", BOUNDARY_CHANGES),
        ("Admin", "Boundary", BOUNDARY_CHANGES),
        ("Admin", "team/platform/Boundary", BOUNDARY_CHANGES),
    ],
)
def test_service_control_policy_lets_only_stack_sets_change_the_boundary(
    principal: str, name: str, expected: Iterable[str]
) -> None:
    assert left(principal, BOUNDARY_CHANGES, POLICY.format(name)) == set(expected)


def test_whoever_manages_the_boundary_can_be_exempted_as_the_guide_says() -> None:
    text = block("<!-- protect-roles -->", "json", PROTECT)
    exempt = '["arn:*:iam::*:role/stacksets-exec-*"]'
    added = re.search(r'such as `("arn:[^`]*Pipeline")`', PROTECT)
    assert added
    assert text.count(exempt) == 1
    assert f"`{exempt}`" in PROTECT
    control = json.loads(text.replace(exempt, f"{exempt[:-1]}, {added[1]}]"))
    pipeline, boundary = "platform/Pipeline", POLICY.format("platform/Boundary")
    for exempted in (pipeline, EXECUTION):
        assert left(exempted, BOUNDARY_CHANGES, boundary, control) == {*BOUNDARY_CHANGES}
    assert left("Admin", BOUNDARY_CHANGES, boundary, control) == set()
    # It does not exempt that role from the rest.
    role_arn = f"arn:aws:iam::{ACCOUNT_ID}:role/PumpReadOnlyRole"
    assert left(pipeline, ["iam:PutRolePolicy"], role_arn, control) == set()


STACK = f"arn:aws:cloudformation:us-east-1:{ACCOUNT_ID}:stack/{{}}/4567"
STACKS = ("PumpReadOnly", "PumpAutoPilot", "PlatformBoundary")


def test_service_control_policy_closes_the_ways_through_the_execution_role() -> None:
    changes = [
        action.name
        for action in catalog.matching(["cloudformation:*"])
        if not action.only_reads
        and any(":stack/" in resource for resource in action.resources)
        # What a resource's handler calls, with credentials of its own.
        and action.name != "cloudformation:RecordHandlerProgress"
    ]
    assert len(changes) > 10
    ways = [(changes, STACK.format(f"StackSet-{name}-0123")) for name in STACKS]
    using = ["iam:PassRole", "sts:AssumeRole"]
    ways.append((using, f"arn:aws:iam::{ACCOUNT_ID}:role/{EXECUTION}"))
    for actions, resource in ways:
        assert left("Admin", actions, resource) == set()
        assert left(EXECUTION, actions, resource) == {*actions}
    for name in ("Network", "StackSet-Network-0123", "PumpReadOnly"):
        assert left("Admin", changes, STACK.format(name)) == {*changes}


WAYS_OUT = {"organizations:AcceptHandshake", "organizations:LeaveOrganization"}


def test_ways_out_are_all_that_aws_documents_for_a_member_account() -> None:
    model = get_session().get_service_model("organizations")
    logged = {
        f"organizations:{name}"
        for name in model.operation_names
        if "AccountDepartedOrganization" in model.operation_model(name).documentation
    }
    for_the_management_account = {"CloseAccount", "DeleteOrganization"}
    for_the_management_account |= {"RemoveAccountFromOrganization"}
    assert logged - {f"organizations:{name}" for name in for_the_management_account} == WAYS_OUT


@pytest.mark.parametrize("principal", ["Admin", "PumpAutoPilotRole", EXECUTION])
def test_service_control_policy_keeps_accounts_in_the_organization(principal: str) -> None:
    actions = catalog.matching(["organizations:*"])
    by_resource: dict[str, set[str]] = {}
    for action in actions:
        by_resource.setdefault(action.resources[0], set()).add(action.name)
    for resource, names in by_resource.items():
        assert left(principal, names, resource) == names - WAYS_OUT


def test_service_control_policy_leaves_the_roles_to_pump() -> None:
    assert decide(
        [use(role(), action=action, service_control_policy=CONTROL) for action in (READ, BUY)]
    ) == [ALLOWED, ALLOWED]
