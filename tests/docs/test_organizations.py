"""The guide warns first; its service role can do what a rollout needs, and nothing else."""

import re

import pytest

from pump_roles.published import ROLES
from tests.docs.pages import ORGANIZATIONS, policy
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

SERVICE_ROLE = Role("PumpRollout", {}, {"Rollouts": policy("service-role", ORGANIZATIONS)})


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


@pytest.mark.parametrize("name", ["PumpReadOnly", "PumpAutoPilot"])
def test_service_role_may_do_what_the_handler_does_with_the_rollouts_only(name: str) -> None:
    asked = [(action, arn) for action in HANDLER for arn in stack_set_resources(action, name)]
    assert {action for action, _ in asked} == set(HANDLER)
    uses = [
        use(SERVICE_ROLE, action=f"cloudformation:{action}", resource=arn) for action, arn in asked
    ]
    assert set(decide(uses)) == {ALLOWED}


@pytest.mark.parametrize("name", ["PumpReadOnlyToo", "AWSControlTowerBP"])
def test_service_role_may_do_nothing_else(name: str) -> None:
    lambdas = f"arn:aws:cloudformation:us-east-1:{ACCOUNT_ID}:type/resource/AWS-Lambda-Function"
    asked = [
        (action, arn)
        for action in HANDLER
        for arn in stack_set_resources(action, name)
        # The summary of a template body is no StackSet's.
        if ":stackset" in arn and action != "GetTemplateSummary"
    ]
    uses = [
        use(SERVICE_ROLE, action=f"cloudformation:{action}", resource=arn)
        for action, arn in [*asked, ("CreateStackInstances", lambdas)]
    ]
    assert set(decide(uses)) == {IMPLICITLY_DENIED}
    granted = {
        action.name
        for statement in SERVICE_ROLE.policies["Rollouts"]["Statement"]
        for action in catalog.matching(statement["Action"])
    }
    delegated = "organizations:ListDelegatedAdministrators"
    assert granted == {f"cloudformation:{action}" for action in HANDLER} | {delegated}
    assert policy("service-role-trust", ORGANIZATIONS)["Statement"] == {
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
