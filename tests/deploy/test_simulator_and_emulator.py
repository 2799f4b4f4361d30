"""Where the policy simulator and the AWS emulator disagree: independent implementations of IAM.

The simulator evaluates policies. The emulator, ministack, authorizes calls in accounts that have
them. A difference that is not listed here fails a test, and so does a listed one that is gone.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support import EXTERNAL_ID, PUMP_ACCOUNT, Synth, trust
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws, StackFailedError, embedded_aws
from tools.sandbox.demo import REFUSED
from tools.sandbox.simulator import ALLOWED, Role, Simulation, assumption, decide, use

PUMP = f"arn:aws:iam::{PUMP_ACCOUNT}:role/PumpService"
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/Example"


def allow(action: str | list[str], **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": "*", **more}


def deny(action: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": "*", **more}


def document(statements: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


NO_EXTERNAL_ID = {"Null": {"sts:ExternalId": "true"}}
ONLY_ORGANIZATIONS = {"StringNotEquals": {"iam:AWSServiceName": "organizations.amazonaws.com"}}


@dataclass(frozen=True)
class Entry:
    """Someone assumes the role ``Example``."""

    trusted: str = PUMP
    caller: str = PUMP
    external_id: str | None = EXTERNAL_ID
    statements: Sequence[dict[str, Any]] = (allow("sts:*"),)
    action: str = "sts:AssumeRole"
    more: Mapping[str, Any] = field(default_factory=dict)

    def simulation(self) -> Simulation:
        return assumption(
            Role("Example", trust(self.trusted, EXTERNAL_ID), {}),
            caller=self.caller,
            external_id=self.external_id,
            caller_policies={"Own": document(self.statements)},
            action=self.action,
        )

    def is_allowed(self, aws: EmbeddedAws) -> bool:
        aws.iam().create_role(
            RoleName="Example",
            AssumeRolePolicyDocument=json.dumps(trust(self.trusted, EXTERNAL_ID)),
        )
        account, resource = self.caller.split(":")[4:]
        caller = Caller(account)
        if resource != "root":
            aws.create_role(resource.split("/")[1], account, self.statements, caller)
            caller = aws.assume(self.caller, caller)
        passed = {} if self.external_id is None else {"ExternalId": self.external_id}
        client = aws.client("sts", caller)
        return is_allowed(
            lambda: client.assume_role(RoleArn=ROLE, RoleSessionName="pump", **passed, **self.more)
        )


@dataclass(frozen=True)
class Call:
    """A session of the role ``Example`` calls AWS."""

    statements: Sequence[dict[str, Any]]
    action: str
    service: str
    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, str] = field(default_factory=dict)
    region: str = "us-east-1"
    resource: str = "*"
    tags: Mapping[str, str] = field(default_factory=dict)

    def simulation(self) -> Simulation:
        return use(
            Role("Example", {}, {"Example": document(self.statements)}),
            action=self.action,
            resource=self.resource,
            context={
                **{f"aws:PrincipalTag/{key}": value for key, value in self.tags.items()},
                **self.context,
            },
        )

    def is_allowed(self, aws: EmbeddedAws) -> bool:
        aws.create_role("Example", ACCOUNT_ID, self.statements)
        tags: Any = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        aws.iam().tag_role(RoleName="Example", Tags=tags)
        client = aws.client(self.service, aws.assume(ROLE, OWNER), region=self.region)
        return is_allowed(lambda: getattr(client, self.operation)(**self.parameters))


@dataclass(frozen=True)
class Controlled:
    """A member account calls AWS under a service control policy that denies everything."""

    def simulation(self) -> Simulation:
        return use(
            Role("Example", {}, {"Example": document([allow("*")])}),
            action="ec2:DescribeInstances",
            service_control_policy=document([deny("*")]),
        )

    def is_allowed(self, aws: EmbeddedAws) -> bool:
        client = aws.client("organizations")
        created = client.create_policy(
            Name="deny",
            Description="deny",
            Type="SERVICE_CONTROL_POLICY",
            Content=json.dumps(document([deny("*")])),
        )
        member = client.create_account(AccountName="member", Email="member@example.com")
        account = member["CreateAccountStatus"]["AccountId"]
        client.attach_policy(PolicyId=created["Policy"]["PolicySummary"]["Id"], TargetId=account)
        return is_allowed(aws.client("ec2", Caller(account)).describe_instances)


def is_allowed(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] not in REFUSED:
            raise
        return False
    return True


def instances(*statements: dict[str, Any], **more: Any) -> Call:
    return Call(statements, "ec2:DescribeInstances", "ec2", "describe_instances", **more)


def linked_role(service: str) -> Call:
    action = "iam:CreateServiceLinkedRole"
    return Call(
        [allow(action), deny(action, Condition=ONLY_ORGANIZATIONS)],
        action,
        "iam",
        "create_service_linked_role",
        {"AWSServiceName": service},
        {"iam:AWSServiceName": service},
        resource=f"arn:aws:iam::{ACCOUNT_ID}:role/aws-service-role/{service}/Example",
    )


def if_approved(tags: Mapping[str, str]) -> Call:
    unless = {"StringNotEquals": {"aws:PrincipalTag/order": "approved"}}
    return instances(allow("ec2:*"), deny("ec2:*", Condition=unless), tags=tags)


def in_region(name: str, called: str) -> Call:
    return instances(
        allow("ec2:*", Condition={"StringEquals": {"aws:RequestedRegion": name}}),
        region=called,
        context={"aws:RequestedRegion": called},
    )


SOURCE_IDENTITY = Entry(action="sts:SetSourceIdentity", more={"SourceIdentity": "example"})
TAGS = Entry(action="sts:TagSession", more={"Tags": [{"Key": "example", "Value": "example"}]})

AGREED: dict[str, tuple[Entry | Call | Controlled, bool]] = {
    "Pump's role with the external ID": (Entry(), True),
    "without an external ID": (Entry(external_id=None), False),
    "with an external ID in another case": (Entry(external_id=EXTERNAL_ID.lower()), False),
    "with a wildcard": (Entry(external_id="Example-*"), False),
    "any role of a trusted account": (
        Entry(trusted=PUMP_ACCOUNT, caller=f"arn:aws:iam::{PUMP_ACCOUNT}:role/Intern"),
        True,
    ),
    "another role of Pump's account": (
        Entry(caller=f"arn:aws:iam::{PUMP_ACCOUNT}:role/Intern"),
        False,
    ),
    "the customer's own account": (Entry(caller=f"arn:aws:iam::{ACCOUNT_ID}:root"), False),
    "a caller without permission": (Entry(statements=[allow("s3:ListAllMyBuckets")]), False),
    "a caller whose permission needs an ID, with one": (
        Entry(statements=[allow("sts:*"), deny("sts:AssumeRole", Condition=NO_EXTERNAL_ID)]),
        True,
    ),
    "a caller whose permission needs an ID, without one": (
        Entry(
            external_id=None,
            statements=[allow("sts:*"), deny("sts:AssumeRole", Condition=NO_EXTERNAL_ID)],
        ),
        False,
    ),
    "session tags, which the trust policy does not accept": (TAGS, False),
    "an allowed call": (instances(allow("ec2:Describe*")), True),
    "a call that no policy allows": (instances(allow("ec2:DescribeRegions")), False),
    "a call in an allowed region": (in_region("eu-west-1", "eu-west-1"), True),
    "a call in another region": (in_region("eu-west-1", "us-east-1"), False),
    "a call before an end": (
        instances(
            allow("ec2:*"),
            deny("*", Condition={"DateGreaterThan": {"aws:CurrentTime": "2927-01-31T18:00:00Z"}}),
            context={"aws:CurrentTime": "2026-11-25T00:00:00Z"},
        ),
        True,
    ),
    "a call after an end": (
        instances(
            allow("ec2:*"),
            deny("*", Condition={"DateGreaterThan": {"aws:CurrentTime": "2020-01-31T18:00:00Z"}}),
            context={"aws:CurrentTime": "2026-11-25T00:00:00Z"},
        ),
        False,
    ),
    "a role with the tag that is needed": (if_approved({"order": "approved"}), True),
    "a role with another value of the tag": (if_approved({"order": "Approved"}), False),
    "a role without the tag": (if_approved({}), False),
    "a linked role for another service": (linked_role("es.amazonaws.com"), False),
}
"""What both decide alike."""

DISAGREED: dict[str, tuple[Entry | Call | Controlled, bool, str]] = {
    "a source identity, which the trust policy does not accept": (
        SOURCE_IDENTITY,
        False,
        """ministack does not ask for sts:SetSourceIdentity. AWS does: IAM User Guide, "Monitor and
        control actions taken with assumed roles".""",
    ),
    "a linked role for AWS Organizations": (
        linked_role("organizations.amazonaws.com"),
        True,
        """ministack does not fill in iam:AWSServiceName. AWS does: Service Authorization
        Reference, "Actions, resources, and condition keys for AWS Identity and Access Management
        (IAM)".""",
    ),
    "budgets": (
        Call(
            [allow("budgets:ViewBudget")],
            "budgets:ViewBudget",
            "budgets",
            "describe_budgets",
            {"AccountId": ACCOUNT_ID},
            resource=f"arn:aws:budgets::{ACCOUNT_ID}:budget/example",
        ),
        True,
        """ministack asks for budgets:DescribeBudgets. AWS asks for budgets:ViewBudget: Service
        Authorization Reference, "Actions, resources, and condition keys for AWS Budget
        Service".""",
    ),
    "a service control policy": (
        Controlled(),
        False,
        "ministack stores service control policies and does not enforce them.",
    ),
}
"""What the simulator says, ministack contradicts, and why the simulator is right."""


@pytest.fixture(scope="module")
def simulated() -> Mapping[str, bool]:
    """What the simulator says about each scenario."""
    scenarios = {
        **{name: scenario for name, (scenario, _) in AGREED.items()},
        **{name: scenario for name, (scenario, *_) in DISAGREED.items()},
    }
    decisions = decide([scenario.simulation() for scenario in scenarios.values()])
    return {name: decision == ALLOWED for name, decision in zip(scenarios, decisions, strict=True)}


@pytest.mark.parametrize("name", AGREED)
def test_simulator_and_emulator_agree(
    name: str, simulated: Mapping[str, bool], aws: EmbeddedAws
) -> None:
    scenario, expected = AGREED[name]
    assert (simulated[name], scenario.is_allowed(aws)) == (expected, expected)


@pytest.mark.parametrize("name", DISAGREED)
def test_emulator_differs_from_simulator(
    name: str, simulated: Mapping[str, bool], aws: EmbeddedAws
) -> None:
    scenario, expected, _ = DISAGREED[name]
    assert (simulated[name], scenario.is_allowed(aws)) == (expected, not expected)


def test_uncorrected_emulator_hides_the_external_id_from_a_callers_policies() -> None:
    """Why :mod:`tools.sandbox.server` corrects that."""
    name = "a caller whose permission needs an ID, with one"
    scenario, expected = AGREED[name]
    assert expected
    with embedded_aws("--as-is") as aws:
        assert not scenario.is_allowed(aws)


def test_emulator_still_trusts_a_role_that_is_deleted_and_created_again(aws: EmbeddedAws) -> None:
    """AWS stores the principal's unique ID, and refuses the new role.

    IAM User Guide, "AWS JSON policy elements: Principal".
    """
    assert Entry().is_allowed(aws)
    owner = Caller(PUMP_ACCOUNT)
    client = aws.iam(owner)
    client.delete_role_policy(RoleName="PumpService", PolicyName="PumpService")
    client.delete_role(RoleName="PumpService")
    aws.create_role("PumpService", PUMP_ACCOUNT, [allow("sts:*")], owner)
    assert aws.can_assume(ROLE, aws.assume(PUMP, owner), external_id=EXTERNAL_ID)


def test_emulator_applies_the_boundary_of_a_role_in_a_stack(
    aws: EmbeddedAws, synth: Synth, provided: dict[str, str]
) -> None:
    """Corrected in :mod:`tools.sandbox.server`: ministack's own stacks ignore it."""
    template = json.dumps(synth(provided | {"permissions-boundary": "Boundary"})["PumpAutoPilot"])
    with pytest.raises(StackFailedError, match="policy/Boundary does not exist"):
        aws.deploy("Pump", template)
    aws.delete("Pump")
    assert aws.roles() == []

    boundary = json.dumps(document([allow(["ec2:DescribeInstances", "s3:*"])]))
    aws.iam().create_policy(PolicyName="Boundary", PolicyDocument=boundary)
    aws.deploy("Pump", template)
    role = f"arn:aws:iam::{ACCOUNT_ID}:role/PumpAutoPilotRole"
    session = aws.assume(role, aws.caller_in(PUMP), external_id=EXTERNAL_ID)
    assert is_allowed(aws.client("ec2", session).describe_instances)
    assert not is_allowed(aws.client("ec2", session).describe_regions)  # the boundary lacks it
    assert not is_allowed(aws.client("s3", session).list_buckets)  # the role lacks it
