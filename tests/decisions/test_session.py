"""What the roles' sessions may do, judged by a policy simulator over the synthesized templates."""

from collections.abc import Iterable
from typing import Any

import pytest
from aws_cdk import App

from pump_roles import config
from sandbox import catalogue
from sandbox.catalogue import Action
from sandbox.simulator import ALLOWED, IMPLICITLY_DENIED, Role, decide, use

BUYING_AND_SELLING = [
    "ec2:PurchaseReservedInstancesOffering",
    "ec2:PurchaseHostReservation",
    "ec2:ModifyReservedInstances",
    "ec2:AcceptReservedInstancesExchangeQuote",
    "ec2:CreateReservedInstancesListing",
    "ec2:CancelReservedInstancesListing",
    "ec2:DeleteQueuedReservedInstances",
    "savingsplans:CreateSavingsPlan",
    "savingsplans:DeleteQueuedSavingsPlan",
    "savingsplans:ReturnSavingsPlan",
    "rds:PurchaseReservedDBInstancesOffering",
    "elasticache:PurchaseReservedCacheNodesOffering",
    "redshift:PurchaseReservedNodeOffering",
    "redshift:AcceptReservedNodeExchange",
    "es:PurchaseReservedInstanceOffering",
]
"""What the document means by "buy and sell reserved instances and savings plans"."""

NEVER = [
    # the customer's data
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:ListBucket",
    "s3:ListAllMyBuckets",
    "dynamodb:GetItem",
    "dynamodb:Scan",
    "dynamodb:Query",
    "secretsmanager:GetSecretValue",
    "ssm:GetParameter",
    "kms:Decrypt",
    "sqs:ReceiveMessage",
    "kinesis:GetRecords",
    "logs:GetLogEvents",
    "logs:FilterLogEvents",
    "athena:GetQueryResults",
    "rds-db:connect",
    "rds-data:ExecuteStatement",
    "redshift:GetClusterCredentials",
    "redshift-data:ExecuteStatement",
    "es:ESHttpGet",
    "es:ESHttpPost",
    "ecr:GetDownloadUrlForLayer",
    "lambda:GetFunction",
    "lambda:InvokeFunction",
    "ec2:GetConsoleOutput",
    "ec2:GetPasswordData",
    "ecs:ExecuteCommand",
    "rds:DownloadDBLogFilePortion",
    # the customer's infrastructure
    "ec2:RunInstances",
    "ec2:StopInstances",
    "ec2:TerminateInstances",
    "ec2:ModifyInstanceAttribute",
    "ec2:DeleteTags",
    "ec2:AuthorizeSecurityGroupIngress",
    "rds:CreateDBInstance",
    "rds:DeleteDBInstance",
    "rds:ModifyDBInstance",
    "elasticache:DeleteCacheCluster",
    "redshift:DeleteCluster",
    "es:DeleteDomain",
    "ecs:UpdateService",
    "eks:AccessKubernetesApi",
    "eks:DeleteCluster",
    "autoscaling:SetDesiredCapacity",
    "cloudwatch:DeleteAlarms",
    "cloudformation:UpdateStack",
    # more rights, and others' rights
    "iam:PassRole",
    "iam:CreateRole",
    "iam:CreateUser",
    "iam:CreateAccessKey",
    "iam:AttachRolePolicy",
    "iam:PutRolePolicy",
    "iam:UpdateAssumeRolePolicy",
    "iam:DeleteRolePermissionsBoundary",
    "sts:AssumeRole",
    "sts:GetFederationToken",
    "organizations:LeaveOrganization",
    "organizations:CreateAccount",
    "organizations:InviteAccountToOrganization",
    "organizations:AttachPolicy",
    "account:CloseAccount",
    "account:PutContactInformation",
    # payment
    "aws-portal:ModifyBilling",
    "aws-portal:ModifyPaymentMethods",
    "billing:UpdateBillingPreferences",
    "payments:MakePayment",
    "payments:UpdatePaymentPreferences",
    "aws-marketplace:Subscribe",
    "route53domains:RegisterDomain",
]
"""What neither role may ever do."""


@pytest.fixture(scope="module")
def roles() -> dict[str, Role]:
    app = App()
    for settings in config.read({}):
        settings.build(app)
    parameters = {"PumpIamRole": "999988887777", "PumpExternalID": "Example-1234"}
    return {
        stack.stack_name: Role.of_template(stack.template, parameters)
        for stack in app.synth().stacks
    }


def granted(published: Iterable[list[dict[str, Any]]]) -> list[Action]:
    """The concrete actions that the source document's patterns match."""
    return catalogue.matching(
        pattern
        for policies in published
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        for pattern in statement["Action"]
    )


JUDGED: dict[tuple[object, ...], list[str]] = {}
"""What was judged already, of a role with these policies."""


def decisions(role: Role, actions: Iterable[Action]) -> dict[str, str]:
    """Each action's decision; the same on an example of every resource type that it works on."""
    asked = tuple((action.name, resource) for action in actions for resource in action.resources)
    key = (role.name, tuple(role.policies), asked)
    if key not in JUDGED:
        JUDGED[key] = decide([use(role, action=name, resource=one) for name, one in asked])
    decided: dict[str, set[str]] = {}
    for (name, _), decision in zip(asked, JUDGED[key], strict=True):
        decided.setdefault(name, set()).add(decision)
    assert all(len(found) == 1 for found in decided.values())
    return {name: found.pop() for name, found in decided.items()}


def named(names: Iterable[str]) -> list[Action]:
    return [catalogue.actions()[name.lower()] for name in names]


def test_the_read_only_role_may_do_what_its_published_patterns_match_and_only_read(
    roles: dict[str, Role], published: list[list[dict[str, Any]]]
) -> None:
    every, own = granted(published), granted(published[:1])
    assert len(own) == 238
    found = decisions(roles["PumpReadOnly"], every)
    may = {name for name, decision in found.items() if decision == ALLOWED}
    assert may == {action.name for action in own}
    assert set(found.values()) == {ALLOWED, IMPLICITLY_DENIED}
    writes = [action.name for action in own if not action.only_reads]
    assert writes == []


def test_the_auto_pilot_role_may_do_all_that_any_published_pattern_matches(
    roles: dict[str, Role], published: list[list[dict[str, Any]]]
) -> None:
    every = granted(published)
    assert len(every) == 721
    assert set(decisions(roles["PumpAutoPilot"], every).values()) == {ALLOWED}


def test_the_auto_pilot_role_may_do_all_that_the_read_only_role_may(
    roles: dict[str, Role], published: list[list[dict[str, Any]]]
) -> None:
    every = granted(published)
    read_only = decisions(roles["PumpReadOnly"], every)
    auto_pilot = decisions(roles["PumpAutoPilot"], every)
    may = {name for name, decision in read_only.items() if decision == ALLOWED}
    assert len(may) == 238
    assert {auto_pilot[name] for name in may} == {ALLOWED}


def test_without_the_read_only_policy_it_could_not(
    roles: dict[str, Role], published: list[list[dict[str, Any]]]
) -> None:
    """Why the auto-pilot role carries it: the published list alone lacks one action."""
    role = roles["PumpAutoPilot"]
    listed = Role(
        role.name,
        role.trust,
        {name: one for name, one in role.policies.items() if name != "PumpBillingReadOnly"},
    )
    assert [
        name
        for name, decision in decisions(listed, granted(published[:1])).items()
        if decision != ALLOWED
    ] == ["cur:DescribeReportDefinitions"]


def test_only_the_auto_pilot_role_buys_and_sells(roles: dict[str, Role]) -> None:
    actions = named(BUYING_AND_SELLING)
    assert set(decisions(roles["PumpAutoPilot"], actions).values()) == {ALLOWED}
    assert set(decisions(roles["PumpReadOnly"], actions).values()) == {IMPLICITLY_DENIED}


@pytest.mark.parametrize("name", ["PumpReadOnly", "PumpAutoPilot"])
def test_what_neither_may_ever_do(name: str, roles: dict[str, Role]) -> None:
    found = decisions(roles[name], named(NEVER))
    assert found == dict.fromkeys((action.name for action in named(NEVER)), IMPLICITLY_DENIED)


@pytest.mark.parametrize("name", ["PumpReadOnly", "PumpAutoPilot"])
def test_of_every_action_of_the_services_it_touches_it_may_do_the_published_ones_alone(
    name: str, roles: dict[str, Role], published: list[list[dict[str, Any]]]
) -> None:
    lists = published[:1] if name == "PumpReadOnly" else published
    services = {action.name.split(":")[0] for action in granted(published)}
    asked = [
        Action(action.name, action.access_levels, action.resources[:1])
        for action in catalogue.actions().values()
        if action.name.split(":")[0] in services
    ]
    assert len(asked) > 2_000
    found = decisions(roles[name], asked)
    may = {action for action, decision in found.items() if decision == ALLOWED}
    assert may == {action.name for action in granted(lists)}
