"""What the AWS emulator, ministack, gets wrong, and :mod:`tools.sandbox.server` corrects."""

import json
from collections.abc import Callable

import pytest

from tests.customer import allow, deny, document
from tests.support import EXTERNAL_ID, PUMP_ACCOUNT, Synth
from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws, StackFailedError
from tools.sandbox.demo import decision_on
from tools.sandbox.simulator import ALLOWED

PUMP = f"arn:aws:iam::{PUMP_ACCOUNT}:role/PumpService"
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/Example"


def emulated(call: Callable[..., object], **arguments: object) -> bool:
    return decision_on(lambda: call(**arguments))[0] == ALLOWED


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
