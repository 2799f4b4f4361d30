"""The guardrail that the customer opens with a tag, on an AWS emulator that enforces IAM.

``tests/decisions`` proves what it denies, with the policy simulator.
"""

import json
from functools import partial
from typing import Any

import pytest
from aws_cdk import App
from botocore.exceptions import ClientError

from pump_roles import AutoPilotStack, Guardrail
from tests.support import EXTERNAL_ID, PRINCIPAL
from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws
from tools.sandbox.demo import decision_on
from tools.sandbox.simulator import ALLOWED, EXPLICITLY_DENIED, IMPLICITLY_DENIED

NAME = "PumpAutoPilotRole"
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/{NAME}"
TAG: Any = {"Key": "pump-commitments", "Value": "approved"}


def deploy(aws: EmbeddedAws) -> Caller:
    """Deploy the role, and return Pump's session."""
    app = App()
    AutoPilotStack(
        app,
        "S",
        pump_principal=PRINCIPAL,
        external_id=EXTERNAL_ID,
        guardrails=[Guardrail.ONLY_WHEN_APPROVED],
    )
    aws.deploy("S", json.dumps(app.synth().get_stack_by_name("S").template))
    return aws.caller_in(PRINCIPAL)


def buy(aws: EmbeddedAws, session: Caller) -> str:
    client = aws.client("ec2", session)
    decision, _ = decision_on(
        lambda: client.purchase_reserved_instances_offering(
            InstanceCount=1, ReservedInstancesOfferingId="example"
        )
    )
    return decision


def tag(aws: EmbeddedAws, value: str) -> None:
    aws.iam().tag_role(RoleName=NAME, Tags=[{"Key": TAG["Key"], "Value": value}])


def test_customer_approves_and_closes_while_a_session_is_open(aws: EmbeddedAws) -> None:
    session = aws.assume(ROLE, deploy(aws), external_id=EXTERNAL_ID)
    assert buy(aws, session) == EXPLICITLY_DENIED
    tag(aws, "later")
    assert buy(aws, session) == EXPLICITLY_DENIED
    tag(aws, "approved")
    assert buy(aws, session) == ALLOWED
    aws.iam().untag_role(RoleName=NAME, TagKeys=["pump-commitments"])
    assert buy(aws, session) == EXPLICITLY_DENIED
    # It never denies what is no change to commitments.
    assert aws.client("ec2", session).describe_instances()["Reservations"] == []


def test_pump_cannot_open_the_guardrail_itself(aws: EmbeddedAws) -> None:
    pump = deploy(aws)
    session = aws.assume(ROLE, pump, external_id=EXTERNAL_ID)
    iam, key = aws.iam(session), TAG["Key"]
    for call in (
        partial(iam.tag_role, RoleName=NAME, Tags=[TAG]),
        partial(iam.untag_role, RoleName=NAME, TagKeys=[key]),
    ):
        assert decision_on(call)[0] == IMPLICITLY_DENIED
    # A session's tags take precedence over the role's, so its trust policy must not accept them.
    names: Any = {"RoleArn": ROLE, "RoleSessionName": "pump", "ExternalId": EXTERNAL_ID}
    with pytest.raises(ClientError, match="not authorized to perform: sts:TagSession"):
        aws.sts(pump).assume_role(**names, Tags=[TAG])
    assert buy(aws, session) == EXPLICITLY_DENIED
    assert key not in {found["Key"] for found in aws.iam().list_role_tags(RoleName=NAME)["Tags"]}
