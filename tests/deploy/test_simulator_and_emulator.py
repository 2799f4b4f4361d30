"""Where the AWS emulator, ministack, is known to contradict AWS and the policy simulator.

Both judge what is ours: ``tests/decisions`` asks the simulator, the other tests of this folder the
emulator. A difference that is gone fails a test.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.customer import allow, deny, document
from tests.support import EXTERNAL_ID, PUMP_ACCOUNT, Synth, trust
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws, StackFailedError
from tools.sandbox.demo import decision_on
from tools.sandbox.simulator import ALLOWED, Role, Simulation, assumption, decide, use

PUMP = f"arn:aws:iam::{PUMP_ACCOUNT}:role/PumpService"
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/Example"


def simulated(simulation: Simulation) -> bool:
    return decide([simulation]) == [ALLOWED]


def role_with(*statements: dict[str, Any]) -> Role:
    return Role("Example", trust(PUMP, EXTERNAL_ID), {"Example": json.loads(document(*statements))})


def emulated(call: Callable[..., object], **arguments: object) -> bool:
    return decision_on(lambda: call(**arguments))[0] == ALLOWED


def session_with(aws: EmbeddedAws, *statements: dict[str, Any]) -> Caller:
    aws.create_role("Example", ACCOUNT_ID, statements)
    return aws.assume(ROLE, OWNER)


def trusting_pump(aws: EmbeddedAws) -> None:
    trusted = json.dumps(trust(PUMP, EXTERNAL_ID))
    aws.iam().create_role(RoleName="Example", AssumeRolePolicyDocument=trusted)


def test_sets_a_source_identity_that_the_trust_policy_does_not_accept(aws: EmbeddedAws) -> None:
    """IAM User Guide, "Monitor and control actions taken with assumed roles"."""
    action = "sts:SetSourceIdentity"
    assert not simulated(
        assumption(role_with(), caller=PUMP, external_id=EXTERNAL_ID, action=action)
    )
    trusting_pump(aws)
    names = {"RoleArn": ROLE, "RoleSessionName": "pump", "SourceIdentity": "example"}
    pump = aws.sts(aws.caller_in(PUMP))
    assert emulated(pump.assume_role, ExternalId=EXTERNAL_ID, **names)


def test_does_not_fill_in_the_service_of_a_linked_role(aws: EmbeddedAws) -> None:
    """Service Authorization Reference, "... for AWS Identity and Access Management (IAM)"."""
    service, action = "organizations.amazonaws.com", "iam:CreateServiceLinkedRole"
    only = {"StringNotEquals": {"iam:AWSServiceName": service}}
    statements = allow(action), deny(action, Condition=only)
    resource = f"arn:aws:iam::{ACCOUNT_ID}:role/aws-service-role/{service}/Example"
    context = {"iam:AWSServiceName": service}
    assert simulated(use(role_with(*statements), action=action, resource=resource, context=context))
    iam = aws.iam(session_with(aws, *statements))
    assert not emulated(iam.create_service_linked_role, AWSServiceName=service)


def test_asks_for_another_action_of_budgets(aws: EmbeddedAws) -> None:
    """Service Authorization Reference, "... for AWS Budget Service"."""
    allowed, resource = allow("budgets:ViewBudget"), f"arn:aws:budgets::{ACCOUNT_ID}:budget/example"
    assert simulated(use(role_with(allowed), action="budgets:ViewBudget", resource=resource))
    budgets = aws.client("budgets", session_with(aws, allowed))
    assert not emulated(budgets.describe_budgets, AccountId=ACCOUNT_ID)


def test_does_not_enforce_service_control_policies(aws: EmbeddedAws) -> None:
    denies = document(deny("*"))
    role, policy = role_with(allow("*")), json.loads(denies)
    assert not simulated(use(role, action="ec2:DescribeInstances", service_control_policy=policy))
    client = aws.client("organizations")
    created = client.create_policy(
        Name="deny", Description="deny", Type="SERVICE_CONTROL_POLICY", Content=denies
    )
    member = client.create_account(AccountName="member", Email="member@example.com")
    account = member["CreateAccountStatus"]["AccountId"]
    client.attach_policy(PolicyId=created["Policy"]["PolicySummary"]["Id"], TargetId=account)
    assert emulated(aws.client("ec2", Caller(account)).describe_instances)


def test_still_trusts_a_role_that_is_deleted_and_created_again(aws: EmbeddedAws) -> None:
    """AWS stores the principal's unique ID, and refuses the new role.

    IAM User Guide, "AWS JSON policy elements: Principal".
    """
    trusting_pump(aws)
    assert aws.can_assume(ROLE, aws.caller_in(PUMP), external_id=EXTERNAL_ID)
    client = aws.iam(Caller(PUMP_ACCOUNT))
    client.delete_role_policy(RoleName="PumpService", PolicyName="PumpService")
    client.delete_role(RoleName="PumpService")
    assert aws.can_assume(ROLE, aws.caller_in(PUMP), external_id=EXTERNAL_ID)


# Corrected in :mod:`tools.sandbox.server`.


@pytest.mark.parametrize(("external_id", "expected"), [(EXTERNAL_ID, True), (None, False)])
def test_callers_policy_can_require_an_external_id(
    external_id: str | None, *, expected: bool, aws: EmbeddedAws
) -> None:
    """The original hides it from the caller's own policies."""
    without = deny("sts:AssumeRole", Condition={"Null": {"sts:ExternalId": "true"}})
    owner = Caller(PUMP_ACCOUNT)
    aws.create_role("PumpService", PUMP_ACCOUNT, [allow("sts:*"), without], owner)
    aws.create_role("Example", PUMP)
    pump = aws.assume(PUMP, owner)
    assert aws.can_assume(ROLE, pump, external_id=external_id) == expected


def test_boundary_of_a_role_in_a_stack_limits_it(
    aws: EmbeddedAws, synth: Synth, provided: dict[str, str]
) -> None:
    """Stacks of the original ignore it."""
    template = json.dumps(synth(provided | {"permissions-boundary": "Boundary"})["PumpAutoPilot"])
    with pytest.raises(StackFailedError, match="policy/Boundary does not exist"):
        aws.deploy("Pump", template)
    aws.delete("Pump")
    assert aws.roles() == []

    boundary = document(allow("ec2:DescribeInstances", "s3:*"))
    aws.iam().create_policy(PolicyName="Boundary", PolicyDocument=boundary)
    aws.deploy("Pump", template)
    role = f"arn:aws:iam::{ACCOUNT_ID}:role/PumpAutoPilotRole"
    session = aws.assume(role, aws.caller_in(PUMP), external_id=EXTERNAL_ID)
    assert emulated(aws.client("ec2", session).describe_instances)
    assert not emulated(aws.client("ec2", session).describe_regions)  # the boundary lacks it
    assert not emulated(aws.client("s3", session).list_buckets)  # the role lacks it
