"""Guardrails and actions that AWS does not have yet, called on an AWS emulator that enforces IAM.

The policy simulator has no decision on an action that its catalog lacks. The emulator authorizes a
call before it looks up the action.
"""

import json
from typing import Any

import pytest
from aws_cdk import App

from pump_roles import AutoPilotStack, Guardrail, ReadOnlyStack
from pump_roles.published import ROLES
from tests.support import EXTERNAL_ID, PRINCIPAL
from tools.sandbox import catalog
from tools.sandbox.aws import ACCOUNT_ID, EmbeddedAws
from tools.sandbox.demo import decision_on
from tools.sandbox.simulator import ALLOWED, EXPLICITLY_DENIED

STACKS = {"read-only": ReadOnlyStack, "auto-pilot": AutoPilotStack}
KNOWN = {"ec2": "describe_regions", "rds": "describe_db_instances"}
"""An operation of each service, whose call is changed into one of another action."""


def decision(aws: EmbeddedAws, kind: str, action: str, *guardrails: Guardrail) -> str:
    """Deploy a role, and return the decision on a call of its session."""
    app = App()
    STACKS[kind](app, "S", pump_principal=PRINCIPAL, external_id=EXTERNAL_ID, guardrails=guardrails)
    aws.deploy("S", json.dumps(app.synth().get_stack_by_name("S").template))
    pump = aws.caller_in(PRINCIPAL)
    arn = f"arn:aws:iam::{ACCOUNT_ID}:role/{ROLES[kind].name}"
    session = aws.assume(arn, pump, external_id=EXTERNAL_ID)
    service, name = action.split(":")
    client = aws.client(service, session)

    def call_another(params: dict[str, Any], **_: object) -> None:
        params["body"]["Action"] = name

    client.meta.events.register(f"before-call.{service}", call_another)
    return decision_on(getattr(client, KNOWN[service]))[0]


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("auto-pilot", "ec2:DescribeTomorrow"),
        ("read-only", "rds:DescribeTomorrow"),
    ],
)
def test_needed_only_denies_what_aws_adds_under_a_published_wildcard(
    aws: EmbeddedAws, kind: str, action: str
) -> None:
    assert action.lower() not in catalog.actions()
    assert decision(aws, kind, action, Guardrail.NEEDED_ONLY) == EXPLICITLY_DENIED
    aws.reset()
    # Without the guardrail, the published wildcard allows it.
    assert decision(aws, kind, action) == ALLOWED
