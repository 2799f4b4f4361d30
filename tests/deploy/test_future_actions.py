"""Guardrails and actions that AWS does not have yet, called on an AWS emulator that enforces IAM.

The policy simulator has no decision on an action that its catalog lacks. The emulator authorizes a
call before it looks up the action.
"""

import json
from typing import Any

import pytest

from pump_roles.published import ROLES
from tests.support import EXTERNAL_ID, PRINCIPAL, Synth
from tools.sandbox import catalog
from tools.sandbox.aws import ACCOUNT_ID, EmbeddedAws
from tools.sandbox.demo import decision_on
from tools.sandbox.simulator import ALLOWED, EXPLICITLY_DENIED

KNOWN = {"ec2": "describe_regions", "rds": "describe_db_instances"}
"""An operation of each service, whose call is changed into one of another action."""


@pytest.mark.parametrize(
    ("kind", "action"),
    [("auto-pilot", "ec2:DescribeTomorrow"), ("read-only", "rds:DescribeTomorrow")],
)
def test_needed_only_denies_what_aws_adds_under_a_published_wildcard(
    kind: str, action: str, aws: EmbeddedAws, synth: Synth
) -> None:
    assert action.lower() not in catalog.actions()
    service, name = action.split(":")
    pump, published = aws.caller_in(PRINCIPAL), ROLES[kind]

    def call_another(params: dict[str, Any], **_: object) -> None:
        params["body"]["Action"] = name

    given = {"principal": PRINCIPAL, "external-id": EXTERNAL_ID}
    guarded = {**given, "guardrails": ["needed-only"]}
    for settings, decision in ((guarded, EXPLICITLY_DENIED), (given, ALLOWED)):
        template = json.dumps(synth(settings)[published.stack_name])
        aws.deploy("S", template, update=settings is given)
        arn = f"arn:aws:iam::{ACCOUNT_ID}:role/{published.name}"
        client = aws.client(service, aws.assume(arn, pump, external_id=EXTERNAL_ID))
        client.meta.events.register(f"before-call.{service}", call_another)
        assert decision_on(getattr(client, KNOWN[service]))[0] == decision
