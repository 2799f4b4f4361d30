"""The summary line of a stack says what its role gets, and contains no external ID."""

import json
from typing import Any

import pytest
from aws_cdk import App

from pump_roles import Guardrail
from pump_roles.app import stacks
from pump_roles.guardrails import parts_of
from tests.support import PRINCIPAL, PUMP_ACCOUNT, STACKS, settings_of

STACK_SET_ARN = "arn:aws:cloudformation:us-east-1:111122223333:stackset/Boundary:1a2b-3c4d"
SECRETS = {"external-id": "Secret-Example-1234", "next-external-id": "Other-Secret-5678"}


def lines(content: dict[str, Any]) -> list[str]:
    return [stack.summary for stack in stacks(settings_of(content))]


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
    built = stacks(settings_of({}), context)
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
            "auto-pilot": {"role-name": "Purchases", "account": "111122223333"},
            "permissions-boundary": "platform/Boundary",
            "guardrails": ["recommended"],
            "until": "2927-01-31T18:00:00+01:00",
            "only-in-regions": ["us-east-1", "eu-west-1"],
        }
    )
    given = f"principal: {PRINCIPAL}; external ID: baked in; next external ID: baked in"
    until, boundary = "until=2927-01-31T17:00:00Z", "boundary: platform/Boundary"
    rest = f"guardrails: recommended (metadata-only), {until}; {boundary}"
    assert read_only == f"PumpReadOnly: role vendors/PumpReadOnlyRole; {given}; {rest}"
    members = ", ".join(guardrail.name for guardrail in parts_of(Guardrail.RECOMMENDED))
    own = f"only-in-regions=eu-west-1,us-east-1, recommended ({members}), {until}"
    assert auto_pilot == (
        f"PumpAutoPilot: role vendors/Purchases; {given}; guardrails: {own}; {boundary}; "
        "account: 111122223333"
    )


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
        (
            {"depends-on": [STACK_SET_ARN, STACK_SET_ARN.replace("/Boundary:", "/Base:")]},
            "; after the StackSets Boundary, Base",
        ),
    ],
)
def test_rollout_shows_its_targets(settings: dict[str, Any], ending: str) -> None:
    units = {"organizational-units": ["ou-abcd-12345678", "ou-abcd-87654321"]}
    *_, rollout = lines({"read-only": units | settings})
    assert rollout.startswith("PumpReadOnlyRollout: role PumpReadOnlyRole; principal: ")
    targets = f"targets: ou-abcd-12345678, ou-abcd-87654321{ending}"
    review = (
        "to review it first: pump-roles report cdk.out --output report.html --keep reviewed.json"
    )
    assert rollout.endswith(f"; no boundary; {targets}; not the management account; {review}")


def test_stacks_around_the_roles_show_what_they_do_and_the_command_that_stops_pump() -> None:
    units = {"organizational-units": ["r-abcd"]}
    settings: dict[str, Any] = {
        "principal": PRINCIPAL,
        "only-in-regions": ["eu-west-1"],
        "read-only": units,
        "auto-pilot": {
            **units,
            "role-name": "Buyer",
            "guardrails": ["only-when-approved"],
            "approval-ends": "20:00",
        },
        "protection": {"targets": ["r-abcd"]},
        "alarm": {"emails": ["platform@example.com"]},
    }
    *_, protection, alarm, approval = lines(settings)
    about = "PumpProtection: roles: PumpReadOnlyRole, Buyer; targets: r-abcd; approvers: "
    kept = "; accounts cannot leave the organization; to stop Pump: "
    unprotected = f"PumpApprovalEnd; trust: not protected{kept}aws organizations attach-"
    assert protection.startswith(about + unprotected)
    # No address: a log may be public.
    assert alarm == (
        "PumpAlarm: roles PumpReadOnlyRole, Buyer; 1 email address; deploy it in us-east-1; sends "
        "emails about purchases in us-east-1, not in eu-west-1"
    )
    assert approval == (
        "PumpApproval: an approval of Buyer ends every day at 20:00 UTC; deploy it in each account "
        "with the role"
    )
    del settings["only-in-regions"]
    settings["protection"] |= {
        "approvers": ["platform/Approver"],
        "boundary-managers": ["Pipeline"],
        "stack-sets": ["Boundary"],
        "trust": True,
        "keep-in-organization": False,
    }
    settings["alarm"]["emails"] += ["finance@example.com"]
    settings["alarm"]["regions"] = ["eu-west-1"]
    *_, protection, alarm, forwarder, _ = lines(settings)
    assert protection.startswith(
        f"{about}platform/Approver, PumpApprovalEnd; boundary managers: Pipeline; further "
        f"StackSets: Boundary; trust: only Pump's account, {PUMP_ACCOUNT}; accounts can leave the "
        "organization"
    )
    heard = (
        "; 2 email addresses; deploy it in us-east-1; "
        "sends emails about purchases in eu-west-1, us-east-1"
    )
    assert alarm.endswith(f"{heard}, not in other Regions")
    sends = "PumpAlarmForwarder: sends events to us-east-1"
    assert forwarder == f"{sends}; deploy it in eu-west-1"
    settings["only-in-regions"] = ["eu-west-1"]
    settings["alarm"] |= {"account": "1" * 12, "from-organization": "o-abcd123456"}
    *_, alarm, forwarder, _ = lines(settings)
    assert alarm.endswith(f"{heard}; account: 111111111111; accepts events from o-abcd123456")
    elsewhere = "deploy it in eu-west-1, in other accounts also in us-east-1"
    assert forwarder == f"{sends} of 111111111111; {elsewhere}"


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (
            {"principal": "arn:aws-us-gov:iam::999988887777:root"},
            "us-gov-west-1; sends emails about purchases in us-gov-west-1, not in other Regions",
        ),
        (
            {"only-in-regions": ["us-gov-east-1"]},
            "us-gov-west-1; sends emails about purchases in us-gov-west-1, not in us-gov-east-1",
        ),
        (
            {"principal": PUMP_ACCOUNT, "only-in-regions": ["cn-north-1"]},
            (
                "cn-north-1, cn-northwest-1; "
                "sends emails about purchases in cn-north-1, cn-northwest-1"
            ),
        ),
        # what the role that buys has
        (
            {
                "principal": "arn:aws-cn:iam::999988887777:root",
                "auto-pilot": {"principal": PRINCIPAL},
            },
            "us-east-1; sends emails about purchases in us-east-1, not in other Regions",
        ),
    ],
)
def test_alarm_names_the_region_of_its_partition(content: dict[str, Any], where: str) -> None:
    alarm = {"emails": ["platform@example.com"]}
    *_, said = lines({"auto-pilot": {}, **content, "alarm": alarm})
    assert said.endswith(f"; deploy it in {where}")


def test_protection_says_which_role_is_not_protected() -> None:
    settings = {
        "principal": PRINCIPAL,
        "read-only": {"organizational-units": ["r-abcd"]},
        "auto-pilot": {"account": "111122223333", "role-name": "Buyer"},
        "protection": {"targets": ["r-abcd"]},
    }
    *_, protection = lines(settings)
    included = "Buyer has no rollout, so it can be stopped, but is not protected"
    assert f"; {included}; " in protection
    del settings["auto-pilot"]
    *_, protection = lines({**settings, "roles": ["read-only"]})
    assert "has no rollout" not in protection


def test_rollout_of_the_auto_pilot_role_says_that_it_buys_in_each_account() -> None:
    for guardrails, buys in (
        (["recommended"], True),
        (["only-when-approved"], True),
        (["no-commitments"], False),
    ):
        units = {"organizational-units": ["r-abcd"]}
        own = {**units, "guardrails": guardrails}
        (*_, own_stack, read_only, rollout) = lines({"read-only": units, "auto-pilot": own})
        assert rollout.startswith("PumpAutoPilotRollout: ")
        assert ("; buys in each of these accounts; not the management " in rollout) is buys
        assert "buys" not in own_stack + read_only
