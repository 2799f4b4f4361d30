"""The service control policy that protects the roles does what the guide says, and no more."""

import json
import re
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


def test_changes_are_all_the_changes_of_a_role_that_the_catalog_knows() -> None:
    changes = [
        action.name
        for action in catalog.matching(["iam:*"])
        if not action.only_reads and any(":role/" in resource for resource in action.resources)
    ]
    # Service-linked roles have paths of their own, an instance profile changes no role, and passing
    # a role changes nothing.
    others = {
        "iam:AddRoleToInstanceProfile",
        "iam:CreateServiceLinkedRole",
        "iam:DeleteServiceLinkedRole",
        "iam:PassRole",
    }
    assert set(changes) - others == set(CHANGES)


@pytest.mark.parametrize(
    ("principal", "name", "may"),
    [
        ("Admin", "PumpReadOnlyRole", False),
        ("Admin", "vendors/PumpAutoPilotRole", False),
        ("PumpAutoPilotRole", "PumpAutoPilotRole", False),
        ("stacksets-exec-0123456789abcdef", "PumpReadOnlyRole", True),
        ("stacksets-exec-0123456789abcdef", "pump/PumpAutoPilotRole", True),
        ("x/stacksets-exec-0123456789abcdef", "PumpReadOnlyRole", False),
        ("Admin", "stacksets-exec-0123456789abcdef", False),
        ("Admin", "stacksets-exec-of-mine/Admin", False),
        ("stacksets-exec-0123456789abcdef", "stacksets-exec-0123456789abcdef", False),
        ("Admin", "Another", True),
        # ARNs are compared with case: a new name is not protected, and the exemption no wider.
        ("Admin", "pumpreadonlyrole", True),
        ("Stacksets-exec-0123456789abcdef", "PumpReadOnlyRole", False),
    ],
)
def test_service_control_policy_lets_only_stack_sets_change_the_roles(
    principal: str,
    name: str,
    may: bool,  # noqa: FBT001
) -> None:
    decisions = decide(
        [
            use(
                Role(principal, {}, EVERYTHING),
                action=action,
                resource=f"arn:aws:iam::{ACCOUNT_ID}:role/{name}",
                service_control_policy=CONTROL,
            )
            for action in CHANGES
        ]
    )
    assert set(decisions) == {ALLOWED if may else EXPLICITLY_DENIED}


def changes_of(name: str, principal: str) -> set[str]:
    """Return the changes of a role that the policy leaves to a principal."""
    decisions = decide(
        [
            use(
                Role(principal, {}, EVERYTHING),
                action=action,
                resource=f"arn:aws:iam::{ACCOUNT_ID}:role/{name}",
                service_control_policy=CONTROL,
            )
            for action in CHANGES
        ]
    )
    decided = zip(CHANGES, decisions, strict=True)
    return {action for action, decision in decided if decision == ALLOWED}


APPROVER = "platform/PumpApprover"


@pytest.mark.parametrize("name", ["PumpReadOnlyRole", "vendors/PumpAutoPilotRole"])
def test_service_control_policy_lets_only_the_approver_tag_the_roles(name: str) -> None:
    assert changes_of(name, APPROVER) == TAGGING
    for other in ("PumpApprover", "x/platform/PumpApprover", "Admin", "PumpAutoPilotRole"):
        assert changes_of(name, other) == set()


def test_service_control_policy_lets_only_stack_sets_create_or_change_the_approver() -> None:
    # A tag of the approver approves nothing.
    assert changes_of(APPROVER, "Admin") == changes_of(APPROVER, APPROVER) == TAGGING
    assert changes_of(APPROVER, "stacksets-exec-0123456789abcdef") == set(CHANGES)


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


def test_changes_are_all_the_changes_of_a_policy_that_the_catalog_knows() -> None:
    assert (
        sorted(
            action.name
            for action in catalog.matching(["iam:*"])
            if not action.only_reads
            and any(":policy/" in resource for resource in action.resources)
        )
        == BOUNDARY_CHANGES
    )


def may_change_policies(control: Any, principal: str, name: str) -> bool:
    decisions = decide(
        [
            use(
                Role(principal, {}, EVERYTHING),
                action=action,
                resource=f"arn:aws:iam::{ACCOUNT_ID}:policy/{name}",
                service_control_policy=control,
            )
            for action in BOUNDARY_CHANGES
        ]
    )
    (decision,) = set(decisions)
    assert decision in (ALLOWED, EXPLICITLY_DENIED)
    return decision == ALLOWED


@pytest.mark.parametrize(
    ("principal", "name", "may"),
    [
        ("Admin", "platform/Boundary", False),
        ("PumpAutoPilotRole", "platform/Boundary", False),
        ("x/stacksets-exec-0123456789abcdef", "platform/Boundary", False),
        ("platform/Pipeline", "platform/Boundary", False),
        ("stacksets-exec-0123456789abcdef", "platform/Boundary", True),
        ("Admin", "platform/BoundaryToo", True),
        ("Admin", "platform/Another", True),
        ("Admin", "Boundary", True),
        ("Admin", "team/platform/Boundary", True),
    ],
)
def test_service_control_policy_lets_only_stack_sets_change_the_boundary(
    principal: str,
    name: str,
    may: bool,  # noqa: FBT001
) -> None:
    assert may_change_policies(CONTROL, principal, name) == may


def test_whoever_manages_the_boundary_can_be_exempted_as_the_guide_says() -> None:
    text = block("<!-- protect-roles -->", "json", PROTECT)
    exempt = '["arn:*:iam::*:role/stacksets-exec-*"]'
    added = re.search(r'such as `("arn:[^`]*Pipeline")`', PROTECT)
    assert added
    assert text.count(exempt) == 1
    assert f"`{exempt}`" in PROTECT
    control = json.loads(text.replace(exempt, f"{exempt[:-1]}, {added[1]}]"))
    pipeline = "platform/Pipeline"
    assert may_change_policies(control, pipeline, "platform/Boundary")
    assert may_change_policies(control, "stacksets-exec-0123456789abcdef", "platform/Boundary")
    assert not may_change_policies(control, "Admin", "platform/Boundary")
    # It does not exempt that role from the rest.
    assert decide(
        [
            use(
                Role(pipeline, {}, EVERYTHING),
                action="iam:PutRolePolicy",
                resource=f"arn:aws:iam::{ACCOUNT_ID}:role/PumpReadOnlyRole",
                service_control_policy=control,
            )
        ]
    ) == [EXPLICITLY_DENIED]


STACK = f"arn:aws:cloudformation:us-east-1:{ACCOUNT_ID}:stack/StackSet-PumpReadOnly-0123/4567"
STACKS = [STACK.replace("PumpReadOnly", name) for name in ("PumpReadOnly", "PumpAutoPilot")]
STACKS.append(STACK.replace("PumpReadOnly", "PlatformBoundary"))
EXECUTION = f"arn:aws:iam::{ACCOUNT_ID}:role/stacksets-exec-0123456789abcdef"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        *(
            (action.name, STACKS[number % len(STACKS)])
            for number, action in enumerate(catalog.matching(["cloudformation:*"]))
            if not action.only_reads
            and any(":stack/" in resource for resource in action.resources)
            # What a resource's handler calls, with credentials of its own.
            and action.name != "cloudformation:RecordHandlerProgress"
        ),
        ("iam:PassRole", EXECUTION),
        ("sts:AssumeRole", EXECUTION),
    ],
)
def test_service_control_policy_closes_the_ways_through_the_execution_role(
    action: str, resource: str
) -> None:
    assert decide(
        [
            use(
                Role(name, {}, EVERYTHING),
                action=action,
                resource=resource,
                service_control_policy=CONTROL,
            )
            for name in ("Admin", "stacksets-exec-0123456789abcdef")
        ]
    ) == [EXPLICITLY_DENIED, ALLOWED]


@pytest.mark.parametrize("stack", ["Network", "StackSet-Network-0123", "PumpReadOnly"])
def test_service_control_policy_leaves_other_stacks_to_everyone(stack: str) -> None:
    assert decide(
        [
            use(
                Role("Admin", {}, EVERYTHING),
                action="cloudformation:UpdateStack",
                resource=f"arn:aws:cloudformation:us-east-1:{ACCOUNT_ID}:stack/{stack}/4567",
                service_control_policy=CONTROL,
            )
        ]
    ) == [ALLOWED]


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


@pytest.mark.parametrize(
    "principal", ["Admin", "PumpAutoPilotRole", "stacksets-exec-0123456789abcdef"]
)
def test_service_control_policy_keeps_accounts_in_the_organization(principal: str) -> None:
    actions = catalog.matching(["organizations:*"])
    decisions = decide(
        [
            use(
                Role(principal, {}, EVERYTHING),
                action=action.name,
                resource=action.resources[0],
                service_control_policy=CONTROL,
            )
            for action in actions
        ]
    )
    denied = {
        action.name
        for action, decision in zip(actions, decisions, strict=True)
        if decision == EXPLICITLY_DENIED
    }
    assert denied == WAYS_OUT
    assert set(decisions) == {ALLOWED, EXPLICITLY_DENIED}


def test_service_control_policy_leaves_the_roles_to_pump() -> None:
    assert decide(
        [use(role(), action=action, service_control_policy=CONTROL) for action in (READ, BUY)]
    ) == [ALLOWED, ALLOWED]
