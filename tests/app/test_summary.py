"""The summary line of a stack says what its role gets, and contains no external ID."""

import json
from typing import Any

import pytest
from aws_cdk import App

from pump_roles.app import config
from tests.support import PRINCIPAL, STACKS

SECRETS = {"external-id": "Secret-Example-1234", "next-external-id": "Other-Secret-5678"}


def lines(content: dict[str, Any]) -> list[str]:
    return [stack.summary for stack in config.stacks(config.Settings(content))]


def test_omitted_values_are_parameters_or_absent() -> None:
    omitted = (
        "principal: parameter PumpIamRole; external ID: parameter PumpExternalID; no guardrails; "
        "no boundary"
    )
    assert lines({}) == [f"{stack}: role {stack}Role; {omitted}" for stack in STACKS]


CDK_BOUNDARY = "@aws-cdk/core:permissionsBoundary"


@pytest.mark.parametrize(
    "boundary", [{"name": "Everywhere"}, {"arn": "arn:aws:iam::aws:policy/Any"}]
)
def test_boundary_that_the_cdk_gives_to_every_role_is_shown(boundary: dict[str, str]) -> None:
    context = {CDK_BOUNDARY: boundary}
    (named,) = boundary.values()
    app = App(context=context)
    built = config.stacks(config.Settings({}), context)
    for stack in built:
        stack.build(app)
        assert stack.summary.endswith(f"; boundary: {named} (from {CDK_BOUNDARY})")
    assert [named in json.dumps(stack.template) for stack in app.synth().stacks] == [True, True]


def test_provided_values_are_shown_except_the_external_ids() -> None:
    read_only, auto_pilot, *_ = lines(
        {
            **SECRETS,
            "principal": PRINCIPAL,
            "role-path": "/vendors/",
            "auto-pilot": {"role-name": "Purchases"},
            "permissions-boundary": "platform/Boundary",
            "guardrails": ["recommended"],
            "until": "2927-01-31T18:00:00+01:00",
            "only-in-regions": ["us-east-1", "eu-west-1"],
        }
    )
    given = f"principal: {PRINCIPAL}; external ID: baked in; next external ID: baked in"
    until, boundary = "until=2927-01-31T17:00:00Z", "boundary: platform/Boundary"
    rest = f"guardrails: metadata-only, {until}; {boundary}"
    assert read_only == f"PumpReadOnly: role vendors/PumpReadOnlyRole; {given}; {rest}"
    own = "organizations-linked-role-only"
    assert auto_pilot.startswith(f"PumpAutoPilot: role vendors/Purchases; {given}; guardrails: ")
    assert auto_pilot.endswith(f", only-in-regions=eu-west-1,us-east-1, {own}, {until}; {boundary}")


@pytest.mark.parametrize(
    ("settings", "ending"),
    [
        ({}, ""),
        ({"exclude-accounts": ["111122223333"]}, "; except 111122223333"),
        ({"only-accounts": ["1" * 12]}, f"; only {'1' * 12}, no automatic deployment"),
        (
            {"exclude-accounts": [str(index) * 12 for index in range(1, 9)]},
            f"; except {', '.join(str(index) * 12 for index in range(1, 6))} and 3 more",
        ),
        ({"region": "eu-west-1"}, "; Region: eu-west-1"),
    ],
)
def test_rollout_shows_its_targets(settings: dict[str, Any], ending: str) -> None:
    units = {"organizational-units": ["ou-abcd-12345678", "ou-abcd-87654321"]}
    *_, rollout = lines({"read-only": units | settings})
    assert rollout.startswith("PumpReadOnlyRollout: role PumpReadOnlyRole; principal: ")
    targets = f"targets: ou-abcd-12345678, ou-abcd-87654321{ending}"
    review = "to review it first: pump-roles report cdk.out --output report.html"
    assert rollout.endswith(f"; no boundary; {targets}; not the management account; {review}")
