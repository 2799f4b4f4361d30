"""The guide warns first; its service role can do what a rollout needs, and nothing else."""

import json
import re

import pytest

from pump_roles.published import ROLES
from tests.docs.pages import ORGANIZATIONS, block
from tools.sandbox import catalog
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.simulator import ALLOWED, IMPLICITLY_DENIED, Role, decide, use

# What the schema of AWS::CloudFormation::StackSet lists for its handlers, without iam:PassRole.
HANDLER = [
    "CreateStackInstances",
    "CreateStackSet",
    "DeleteStackInstances",
    "DeleteStackSet",
    "DescribeStackInstance",
    "DescribeStackSet",
    "DescribeStackSetOperation",
    "GetTemplateSummary",
    "ListStackInstances",
    "ListStackSetOperationResults",
    "TagResource",
    "UntagResource",
    "UpdateStackInstances",
    "UpdateStackSet",
]


def stack_set_resources(action: str, name: str) -> list[str]:
    """Return what an action on a StackSet works on, as far as it concerns StackSets."""
    arn = f"arn:aws:cloudformation:us-east-1:{ACCOUNT_ID}"
    resources = {
        "*": "*",
        "stackset": f"{arn}:stackset/{name}:0123",
        "stackset-target": f"{arn}:stackset-target/{name}:0123/ou-abcd-12345678",
        "type": f"{arn}:type/resource/AWS-IAM-Role",
    }
    kinds = {
        resource.rpartition(f"{ACCOUNT_ID}:")[2].partition("/")[0]
        for resource in catalog.actions()[f"cloudformation:{action.lower()}"].resources
    }
    return [resource for kind, resource in resources.items() if kind in kinds]


@pytest.mark.parametrize(
    ("name", "decision"),
    [
        ("PumpReadOnly", ALLOWED),
        ("PumpAutoPilot", ALLOWED),
        ("PumpReadOnlyToo", IMPLICITLY_DENIED),
        ("AWSControlTowerBP", IMPLICITLY_DENIED),
    ],
)
def test_service_role_may_do_what_the_handler_does_with_the_rollouts_only(
    name: str, decision: str
) -> None:
    policy = json.loads(block("<!-- service-role -->", "json", ORGANIZATIONS))
    service_role = Role("PumpRollout", {}, {"Rollouts": policy})
    asked = [
        (action, resource)
        for action in HANDLER
        for resource in stack_set_resources(action, name)
        # The summary of a template body is no StackSet's.
        if decision == ALLOWED or (":stackset" in resource and action != "GetTemplateSummary")
    ]
    assert {action for action, _ in asked} | {"CreateStackSet", "GetTemplateSummary"} == set(
        HANDLER
    )
    decisions = decide(
        [
            use(service_role, action=f"cloudformation:{action}", resource=resource)
            for action, resource in asked
        ]
    )
    assert set(decisions) == {decision}


def test_service_role_may_do_nothing_else() -> None:
    policy = json.loads(block("<!-- service-role -->", "json", ORGANIZATIONS))
    granted = {
        action.name
        for statement in policy["Statement"]
        for action in catalog.matching(statement["Action"])
    }
    delegated = "organizations:ListDelegatedAdministrators"
    assert granted == {f"cloudformation:{action}" for action in HANDLER} | {delegated}
    lambdas = f"arn:aws:cloudformation:us-east-1:{ACCOUNT_ID}:type/resource/AWS-Lambda-Function"
    service_role = Role("PumpRollout", {}, {"Rollouts": policy})
    assert decide(
        [use(service_role, action="cloudformation:CreateStackInstances", resource=lambdas)]
    ) == [IMPLICITLY_DENIED]


def test_service_role_trusts_only_cloudformation() -> None:
    trusted = json.loads(block("<!-- service-role-trust -->", "json", ORGANIZATIONS))
    assert trusted["Statement"] == {
        "Effect": "Allow",
        "Principal": {"Service": "cloudformation.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }


def test_wildcard_service_actions_on_the_page_are_the_published_ones() -> None:
    """A control of AWS Control Tower rejects these."""
    control = ORGANIZATIONS.partition("CT.IAM.PR.5")[2].partition("\n- **")[0]
    shown = re.findall(r"`(\w+:\*)`", control)
    assert shown == [action for action in ROLES["auto-pilot"].patterns if action.endswith(":*")]
    assert not [action for action in ROLES["read-only"].patterns if action.endswith(":*")]
