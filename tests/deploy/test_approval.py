"""Guardrails that the customer opens with a tag, on an AWS emulator that enforces IAM."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App
from botocore.exceptions import ClientError

from pump_roles import AutoPilotStack, Guardrail
from pump_roles.account.verify.expectation import from_templates
from pump_roles.account.verify.from_aws import read_account
from pump_roles.account.verify.one_account import compare
from pump_roles.output.verify_words import approval_in_words
from tests.support import EXTERNAL_ID, PRINCIPAL, synthesize
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


def test_verify_shows_whether_a_guardrail_is_open(aws: EmbeddedAws, tmp_path: Path) -> None:
    guardrails = (Guardrail.ONLY_WHEN_APPROVED, Guardrail.ONLY_BY_ORDER)
    deploy(aws, *guardrails)
    template = synthesize(tmp_path, *guardrails, pump_principal=PRINCIPAL)
    expected = from_templates(template).only(["auto-pilot"])

    def states() -> list[str]:
        details = read_account(aws.iam(), expected.names, account=ACCOUNT_ID, partition="aws")
        (role,) = compare(expected, details).roles
        assert (role.state, role.differences) == ("match", ())
        return [approval_in_words(approval) for approval in role.approvals]

    assert states() == ["closed", "closed"]
    tag(aws, "pump-order", "17")
    tag(aws, "Pump-Commitments", "approved")
    assert states() == ["order 17", "open: approved"]


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


@pytest.mark.parametrize("name", TAGS)
def test_pump_cannot_open_the_guardrail_itself(name: str, aws: EmbeddedAws) -> None:
    key, value = TAGS[name]
    pump = deploy(aws, Guardrail.named(name))
    session = assume(aws, pump, "17")
    tags: Any = [{"Key": key, "Value": value}]
    iam = aws.iam(session)
    assert answer(lambda: iam.tag_role(RoleName=NAME, Tags=tags)) == "not allowed"
    assert answer(lambda: iam.untag_role(RoleName=NAME, TagKeys=[key])) == "not allowed"
    # A session's tags take precedence over the role's, so its trust policy must not accept them.
    with pytest.raises(ClientError, match="not authorized to perform: sts:TagSession"):
        assume(aws, pump, "17", Tags=tags)
    assert buy(aws, session) == "denied"
    assert key not in {found["Key"] for found in aws.iam().list_role_tags(RoleName=NAME)["Tags"]}


def test_no_commitments_cannot_be_opened_with_a_tag(aws: EmbeddedAws) -> None:
    session = assume(aws, deploy(aws, Guardrail.NO_COMMITMENTS), "17")
    for key, value in TAGS.values():
        tag(aws, key, value)
    assert buy(aws, session) == "denied"


def test_hands_off_denies_setting_its_tag_and_what_iam_cannot_tell_apart(aws: EmbeddedAws) -> None:
    """The emulator has no Reserved Instances, and so no tags of them: the simulator decides."""
    client = aws.client("ec2", assume(aws, deploy(aws, Guardrail.HANDS_OFF), "17"))

    def set_tag(key: str) -> str:
        tags = [{"Key": key, "Value": "yes"}]
        return answer(lambda: client.create_tags(Resources=["i-0123456789abcdef0"], Tags=tags))

    assert [set_tag(key) for key in ("pump-hands-off", "PUMP-hands-off", "pump-order")] == [
        "denied",
        "denied",
        "authorized",
    ]
    listing = "3ebe97b5-f3a2-4b30-a5b8-5f4ab5c0d1aa"
    canceled = answer(
        lambda: client.cancel_reserved_instances_listing(ReservedInstancesListingId=listing)
    )
    assert canceled == "denied"


def test_no_invitations_denies_accepting_a_handshake(aws: EmbeddedAws) -> None:
    session = assume(aws, deploy(aws, Guardrail.NO_INVITATIONS), "17")
    client = aws.client("organizations", session)
    assert answer(lambda: client.accept_handshake(HandshakeId="h-0123456789abcdef")) == "denied"
