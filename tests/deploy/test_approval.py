"""The guardrail that the customer opens with a tag, on an AWS emulator that enforces IAM.

``tests/decisions`` proves what it denies, with the policy simulator.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aws_cdk import App
from botocore.exceptions import ClientError

from pump_roles import AutoPilotStack, Guardrail
from tests.support import EXTERNAL_ID, PRINCIPAL
from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws
from tools.sandbox.demo import NOT_EMULATED, REFUSED

NAME = "PumpAutoPilotRole"
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/{NAME}"
TAG: Any = {"Key": "pump-commitments", "Value": "approved"}


def assume(aws: EmbeddedAws, pump: Caller, **more: Any) -> Caller:
    """Assume the role as Pump."""
    granted = aws.sts(pump).assume_role(
        RoleArn=ROLE, RoleSessionName="pump", ExternalId=EXTERNAL_ID, **more
    )["Credentials"]
    return Caller(granted["AccessKeyId"], granted["SecretAccessKey"], granted["SessionToken"])


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


def answer(call: Callable[[], object]) -> str:
    """Return how a call ends: the emulator has no purchases, and says so after authorization."""
    try:
        call()
    except ClientError as caught:
        error = caught.response["Error"]
        if error["Code"] in REFUSED:
            return "denied" if "explicit deny" in error["Message"] else "not allowed"
        if error["Code"] not in NOT_EMULATED:
            raise
    return "authorized"


def buy(aws: EmbeddedAws, session: Caller) -> str:
    client = aws.client("ec2", session)
    return answer(
        lambda: client.purchase_reserved_instances_offering(
            InstanceCount=1, ReservedInstancesOfferingId="example"
        )
    )


def tag(aws: EmbeddedAws, value: str) -> None:
    aws.iam().tag_role(RoleName=NAME, Tags=[{"Key": TAG["Key"], "Value": value}])


def test_customer_approves_and_closes_while_a_session_is_open(aws: EmbeddedAws) -> None:
    session = assume(aws, deploy(aws))
    assert buy(aws, session) == "denied"
    tag(aws, "later")
    assert buy(aws, session) == "denied"
    tag(aws, "approved")
    assert buy(aws, session) == "authorized"
    aws.iam().untag_role(RoleName=NAME, TagKeys=["pump-commitments"])
    assert buy(aws, session) == "denied"
    # It never denies what is no change to commitments.
    assert aws.client("ec2", session).describe_instances()["Reservations"] == []


def test_pump_cannot_open_the_guardrail_itself(aws: EmbeddedAws) -> None:
    pump = deploy(aws)
    session = assume(aws, pump)
    iam, key = aws.iam(session), TAG["Key"]
    assert answer(partial(iam.tag_role, RoleName=NAME, Tags=[TAG])) == "not allowed"
    assert answer(partial(iam.untag_role, RoleName=NAME, TagKeys=[key])) == "not allowed"
    # A session's tags take precedence over the role's, so its trust policy must not accept them.
    with pytest.raises(ClientError, match="not authorized to perform: sts:TagSession"):
        assume(aws, pump, Tags=[TAG])
    assert buy(aws, session) == "denied"
    assert key not in {found["Key"] for found in aws.iam().list_role_tags(RoleName=NAME)["Tags"]}
