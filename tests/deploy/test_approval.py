"""Guardrails that the customer opens with a tag, on an AWS emulator that enforces IAM.

``tests/decisions`` proves what each guardrail denies, with the policy simulator.
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
TAGS = {
    "only-when-approved": ("pump-commitments", "approved"),
    "only-by-order": ("pump-order", "17"),
}


def assume(aws: EmbeddedAws, pump: Caller, name: str, **more: Any) -> Caller:
    """Assume the role as Pump, in a session with a name."""
    granted = aws.sts(pump).assume_role(
        RoleArn=ROLE, RoleSessionName=name, ExternalId=EXTERNAL_ID, **more
    )["Credentials"]
    return Caller(granted["AccessKeyId"], granted["SecretAccessKey"], granted["SessionToken"])


def deploy(aws: EmbeddedAws, *guardrails: Guardrail) -> Caller:
    """Deploy the role, and return Pump's session."""
    app = App()
    AutoPilotStack(
        app, "S", pump_principal=PRINCIPAL, external_id=EXTERNAL_ID, guardrails=guardrails
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


def tag(aws: EmbeddedAws, key: str, value: str) -> None:
    aws.iam().tag_role(RoleName=NAME, Tags=[{"Key": key, "Value": value}])


def test_customer_approves_and_closes_while_a_session_is_open(aws: EmbeddedAws) -> None:
    session = assume(aws, deploy(aws, Guardrail.ONLY_WHEN_APPROVED), "pump")
    assert buy(aws, session) == "denied"
    tag(aws, "pump-commitments", "later")
    assert buy(aws, session) == "denied"
    tag(aws, "pump-commitments", "approved")
    assert buy(aws, session) == "authorized"
    aws.iam().untag_role(RoleName=NAME, TagKeys=["pump-commitments"])
    assert buy(aws, session) == "denied"
    # It never denies what is no change to commitments.
    assert aws.client("ec2", session).describe_instances()["Reservations"] == []


def test_customer_approves_one_order_and_no_other(aws: EmbeddedAws) -> None:
    pump = deploy(aws, Guardrail.ONLY_BY_ORDER)
    sessions = {name: assume(aws, pump, name) for name in ("16", "17", "117")}

    def may_buy() -> dict[str, str]:
        return {name: buy(aws, session) for name, session in sessions.items()}

    nobody = dict.fromkeys(sessions, "denied")
    assert may_buy() == nobody
    tag(aws, "pump-order", "17")
    assert may_buy() == nobody | {"17": "authorized"}
    tag(aws, "pump-order", "16")
    assert may_buy() == nobody | {"16": "authorized"}
    aws.iam().untag_role(RoleName=NAME, TagKeys=["pump-order"])
    assert may_buy() == nobody


def test_both_tags_are_needed_with_both_guardrails(aws: EmbeddedAws) -> None:
    guardrails = (Guardrail.ONLY_WHEN_APPROVED, Guardrail.ONLY_BY_ORDER)
    session = assume(aws, deploy(aws, *guardrails), "17")
    for key, value in TAGS.values():
        assert buy(aws, session) == "denied"
        tag(aws, key, value)
    assert buy(aws, session) == "authorized"


def test_pump_cannot_open_the_guardrails_itself(aws: EmbeddedAws) -> None:
    pump = deploy(aws, *map(Guardrail.named, TAGS))
    session = assume(aws, pump, "17")
    iam = aws.iam(session)
    for key, value in TAGS.values():
        tags: Any = [{"Key": key, "Value": value}]
        assert answer(partial(iam.tag_role, RoleName=NAME, Tags=tags)) == "not allowed"
        assert answer(partial(iam.untag_role, RoleName=NAME, TagKeys=[key])) == "not allowed"
        # A session's tags take precedence over the role's, so its trust policy must not accept
        # them.
        with pytest.raises(ClientError, match="not authorized to perform: sts:TagSession"):
            assume(aws, pump, "17", Tags=tags)
    assert buy(aws, session) == "denied"
    own_tags = {found["Key"] for found in aws.iam().list_role_tags(RoleName=NAME)["Tags"]}
    assert not own_tags & {key for key, _ in TAGS.values()}
