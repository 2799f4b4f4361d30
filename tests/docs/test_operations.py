"""The guide to operations stops Pump, according to the policy simulator."""

import json

import pytest

from sandbox.aws import ACCOUNT_ID
from sandbox.simulator import ALLOWED, EXPLICITLY_DENIED, decide, use
from tests.docs.pages import BUY, OPERATIONS, READ, block, role


def test_begins_with_stopping() -> None:
    assert OPERATIONS.index("\n## Stop Pump now\n") == OPERATIONS.index("\n## ")


def test_aws_deny_all_as_a_boundary_stops_everything() -> None:
    assert OPERATIONS.count("--permissions-boundary arn:aws:iam::aws:policy/AWSDenyAll") == 2
    # The AWS Managed Policy Reference's AWSDenyAll.
    deny_all = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "DenyAll", "Effect": "Deny", "Action": ["*"], "Resource": "*"}],
    }
    before, *after = decide(
        [
            use(role(), action=BUY),
            use(role(), action=BUY, boundary=deny_all),
            use(role(), action=READ, boundary=deny_all),
        ]
    )
    assert before == ALLOWED
    assert after == [EXPLICITLY_DENIED] * 2


@pytest.mark.parametrize("name", ["PumpReadOnlyRole", "PumpAutoPilotRole"])
def test_service_control_policy_stops_the_roles_and_nobody_else(name: str) -> None:
    control = json.loads(block("<!-- stop-organization -->", "json", OPERATIONS))
    stopped, in_a_path, other = decide(
        [
            use(role(name), action=READ, service_control_policy=control),
            use(role(f"vendors/{name}"), action=READ, service_control_policy=control),
            use(role("Admin"), action=READ, service_control_policy=control),
        ]
    )
    assert (stopped, in_a_path, other) == (EXPLICITLY_DENIED, EXPLICITLY_DENIED, ALLOWED)
    assert ACCOUNT_ID not in json.dumps(control)
