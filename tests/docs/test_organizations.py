"""The service role can do what a rollout needs, and nothing else; Pump passes a data perimeter."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pytest

from pump_roles.published import ROLES
from tests.docs.pages import (
    ORGANIZATIONS,
    PROTECT,
    STACKSETS,
    cdk_commands,
    commands,
    policy,
    settings_in,
    sh_blocks,
)
from tests.docs.pasted import run_aws_cli
from tests.management import management
from tests.support import EXTERNAL_ID, PUMP_ACCOUNT, trust
from tools.sandbox import catalog
from tools.sandbox.aws import ACCOUNT_ID, StackFailedError
from tools.sandbox.organization import Organization, StackSets
from tools.sandbox.simulator import (
    ALLOWED,
    EXPLICITLY_DENIED,
    IMPLICITLY_DENIED,
    Role,
    assumption,
    decide,
    use,
)

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

SERVICE_ROLE = Role("PumpRollout", {}, {"Rollouts": policy("service-role", STACKSETS)})


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
    assert policy("service-role-trust", STACKSETS)["Statement"] == {
        "Effect": "Allow",
        "Principal": {"Service": "cloudformation.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }


REASON = "Resource of type 'AWS::IAM::Role' with identifier 'PumpReadOnlyRole' already exists."


@dataclass(frozen=True)
class NoMembers:
    """Member accounts without resources, because only the StackSets API matters here."""

    failing: Collection[str]

    def deploy(self, _stack: str, _state: object, account: str, *, update: bool) -> None:
        if account in self.failing and not update:
            raise StackFailedError(REASON)

    def delete(self, stack: str, account: str) -> None:
        pass


@pytest.mark.parametrize("failing", [(), ("workloads-3", "workloads-8")])
def test_command_of_the_guide_names_each_instance_that_is_not_current(
    failing: Collection[str],
) -> None:
    (block,) = (block for block in sh_blocks(ORGANIZATIONS) if " list-stack-instances " in block)
    ((_, *arguments),) = commands(block)
    with management() as aws, pytest.MonkeyPatch.context() as patched:
        for name, value in aws.environment.items():
            patched.setenv(name, value)
        organization = Organization.create(aws.organizations, {"Workloads": 9, "Sandbox": 2})
        ids = {account.name: account.id for account in organization.accounts()}
        targets = {"OrganizationalUnitIds": [organization.root]}
        StackSets(organization, NoMembers([ids[name] for name in failing])).deploy(
            {
                "StackSetName": "PumpReadOnly",
                "PermissionModel": "SERVICE_MANAGED",
                "AutoDeployment": {"Enabled": True},
                "TemplateBody": "{}",
                "StackInstancesGroup": [{"DeploymentTargets": targets}],
            }
        )
        ended, listed, _ = run_aws_cli(arguments, aws.environment)
    assert ended == 0
    expected = sorted(f"{ids[name]}\tOUTDATED\t{REASON}" for name in failing)
    assert sorted(listed.splitlines()) == expected


def test_stack_of_another_account_is_not_destroyed_with_those_of_this_one() -> None:
    elsewhere = {
        role.stack_name
        for settings in settings_in(ORGANIZATIONS)
        for kind, role in ROLES.items()
        if "account" in settings.get(kind, {})
    }
    together = [words[3:] for words in cdk_commands(ORGANIZATIONS) if len(words[3:]) > 1]
    assert elsewhere
    assert together
    assert [names for names in together if not elsewhere.isdisjoint(names)] == []


def test_wildcard_service_actions_on_the_page_are_the_published_ones() -> None:
    """A control of AWS Control Tower rejects these."""
    control = STACKSETS.partition("CT.IAM.PR.5")[2].partition("\n- **")[0]
    shown = re.findall(r"`(\w+:\*)`", control)
    assert shown == [action for action in ROLES["auto-pilot"].patterns if action.endswith(":*")]
    assert not [action for action in ROLES["read-only"].patterns if action.endswith(":*")]


SHOWN: dict[str, Any] = policy("data-perimeter", PROTECT)
(ORGANIZATION, (PUMP,)) = SHOWN["Statement"]["Condition"]["StringNotEqualsIfExists"].values()

PERIMETERS: dict[str, dict[str, Any]] = {
    # aws-samples/data-perimeter-policy-examples, "EnforceOrgIdentities", says the same.
    "AWS's sample": {
        "aws:PrincipalOrgID": ORGANIZATION,
        "aws:PrincipalAccount": ["444444444444", "555555555555"],
        "aws:ResourceTag/dp:exclude:identity": "true",
    },
    # aws/lza-universal-configuration 1.3.0, "GRSTSDPB", too.
    "the landing zone's": {"aws:PrincipalOrgID": ORGANIZATION},
}
"""What denies `sts:AssumeRole` in published data perimeters if all of it differs."""


@pytest.mark.parametrize("excepted", [False, True])
@pytest.mark.parametrize("differs", PERIMETERS.values(), ids=PERIMETERS)
def test_pump_passes_a_published_data_perimeter_only_with_the_exception(
    differs: dict[str, Any], *, excepted: bool
) -> None:
    accounts = [*differs.get("aws:PrincipalAccount", []), *([PUMP] if excepted else [])]
    condition = {
        **SHOWN["Statement"]["Condition"],
        "StringNotEqualsIfExists": {
            **differs,
            **({"aws:PrincipalAccount": accounts} if accounts else {}),
        },
    }
    perimeter = {**SHOWN, "Statement": {**SHOWN["Statement"], "Condition": condition}}
    theirs = Role("PumpReadOnlyRole", trust(PUMP_ACCOUNT, EXTERNAL_ID), {})
    # Another role lets everyone in by mistake.
    open_to_all = Role("Open", trust("*", EXTERNAL_ID), {})
    callers = {PUMP: "o-pump123456", ACCOUNT_ID: ORGANIZATION, "111122223333": "o-else123456"}

    def decision(role: Role, account: str) -> str:
        keys = {
            "aws:PrincipalAccount": account,
            "aws:PrincipalOrgID": callers[account],
            "aws:PrincipalIsAWSService": "false",
        }
        caller = f"arn:aws:iam::{account}:role/Caller"
        (decided,) = decide(
            [
                assumption(
                    role,
                    caller=caller,
                    external_id=EXTERNAL_ID,
                    resource_control_policy=perimeter,
                    context=keys,
                )
            ]
        )
        return decided

    assert decision(theirs, PUMP) == (ALLOWED if excepted else EXPLICITLY_DENIED)
    assert decision(open_to_all, ACCOUNT_ID) == ALLOWED
    assert decision(open_to_all, "111122223333") == EXPLICITLY_DENIED
