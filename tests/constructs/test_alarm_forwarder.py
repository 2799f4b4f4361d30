"""One address hears of several accounts and Regions, and who can send what it hears.

The emulator matches the events and renders the emails; see ``tests/alarm.py`` for what is modeled.
"""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, LegacyStackSynthesizer, Stack, Validations
from cdk_nag import AwsSolutionsChecks

from pump_roles import (
    AlarmForwarder,
    ArgumentError,
    AutoPilotRole,
    CommitmentAlarm,
    ReadOnlyRollout,
)
from pump_roles.inputs.validators import policy_size
from tests.alarm import (
    BUS,
    TAGGED,
    UNTAGGED,
    Buses,
    Sender,
    from_organizations,
    from_savings_plans,
    from_trail,
    on_role,
    template_of,
    undelivered,
)
from tests.cloudformation import CloudFormation
from tests.review.account.trail import ACCOUNT as OTHER
from tests.review.account.trail import PURCHASES, call, handshake
from tests.support import ROLE_ARGUMENTS, messages_of, of_templates
from tools.sandbox.aws import ACCOUNT_ID

ORGANIZATION = "o-abcd123456"
ADDRESS = ["finops@example.com"]
REGIONS = ["us-east-1", "eu-central-1", "ap-southeast-2"]
HEARD = {
    "a plan": from_savings_plans(),
    "a purchase": from_trail(PURCHASES["ec2"]),
    "a plan's purchase": from_trail(PURCHASES["Savings Plan"]),
    "an accepted invitation": from_trail(handshake()),
    "an invitation": from_trail(call("organizations:InviteAccountToOrganization")),
    "a leave": from_trail(call("organizations:LeaveOrganization")),
    "a removal": from_trail(call("organizations:RemoveAccountFromOrganization")),
    "a join": from_organizations("AccountJoinedOrganization"),
    "a departure": from_organizations("AccountDepartedOrganization"),
    "a bill": from_organizations("ResponsibilityTransferAccepted"),
    "a policy": on_role("PutRolePolicy"),
    "a trust policy": on_role("UpdateAssumeRolePolicy"),
    "an opened approval": on_role("TagRole", TAGGED),
    "a closed approval": on_role("UntagRole", UNTAGGED),
    "a change of what ends approvals": on_role("DeleteRole", role="PumpApprovalEnd"),
    "a policy of the organization": from_trail(call("organizations:DetachPolicy")),
    "a transfer of the bill": from_trail(call("organizations:UpdateResponsibilityTransfer")),
    "what was not delivered": undelivered(),
}
UNHEARD = {
    "another role's purchase": from_trail(
        call("savingsplans:CreateSavingsPlan", role=f"arn:aws:iam::{OTHER}:role/Admin")
    ),
    "a refused purchase": from_trail(call("savingsplans:CreateSavingsPlan", error="AccessDenied")),
    "a read": from_trail(call("savingsplans:DescribeSavingsPlans")),
    "another role": on_role("PutRolePolicy", role="Admin"),
    "another tag": on_role("TagRole", {"tags": [{"key": "team", "value": "a"}]}),
    "another event of Organizations": from_organizations("CreateAccountResult"),
    "an application's": from_savings_plans(source="my.application"),
}


def deployed(buses: Buses, alarm: Mapping[str, Any], account: str | None) -> Buses:
    """Deploy the alarm, and the same forwarder in each Region of both accounts."""
    template = template_of(CommitmentAlarm, "Alarm", emails=ADDRESS, **alarm)
    buses.deploy("PumpAlarm", template, ACCOUNT_ID, "us-east-1")
    forwarder = template_of(AlarmForwarder, "Forwarder", account=account)
    for place in product([ACCOUNT_ID, OTHER], REGIONS):
        buses.deploy("PumpAlarmForwarder", forwarder, *place)
    return buses


def in_place(event: Mapping[str, Any], account: str, region: str) -> dict[str, Any]:
    """Return an event of another account and Region."""
    return {**event, "account": account, "region": region}


@pytest.mark.parametrize(
    ("alarm", "organization"),
    [({"from_accounts": [OTHER]}, ""), ({"from_organization": ORGANIZATION}, ORGANIZATION)],
    ids=["accounts", "organization"],
)
def test_each_kind_of_event_arrives_once_and_nothing_else_from_two_accounts_and_three_regions(
    alarm: dict[str, Any], organization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    buses = deployed(Buses(monkeypatch, organization), alarm, ACCOUNT_ID)
    topics = set()
    for event, account, region in product(HEARD.values(), [ACCOUNT_ID, OTHER], REGIONS):
        ((topic, email),) = buses.send(in_place(event, account, region))
        topics.add(topic)
        assert f"in account {account}, {region}, at " in email
        assert "To stop Pump: aws iam put-role-permissions-boundary" in email
    (topic,) = topics
    assert topic.startswith(f"arn:aws:sns:us-east-1:{ACCOUNT_ID}:")
    for event, account, region in product(UNHEARD.values(), [ACCOUNT_ID, OTHER], REGIONS):
        assert buses.send(in_place(event, account, region)) == []


@pytest.mark.parametrize(
    ("alarm", "organization"),
    [
        ({}, ""),
        ({"from_accounts": ["4" * 12]}, ""),
        ({"from_organization": ORGANIZATION}, "o-other12345"),
    ],
)
def test_account_that_the_alarm_does_not_name_sends_nothing(
    alarm: dict[str, Any], organization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    buses = deployed(Buses(monkeypatch, organization), alarm, ACCOUNT_ID)
    for event, region in product(HEARD.values(), REGIONS):
        assert buses.send(in_place(event, OTHER, region)) == []
        assert len(buses.send(in_place(event, ACCOUNT_ID, region))) == 1


def test_by_default_a_region_sends_to_its_own_account(monkeypatch: pytest.MonkeyPatch) -> None:
    buses = deployed(Buses(monkeypatch), {}, None)
    for region in REGIONS:
        event = in_place(HEARD["a purchase"], ACCOUNT_ID, region)
        assert len(buses.send(event)) == 1


def resources(rendered: Mapping[str, Any], kind: str) -> list[Any]:
    return [each for each in rendered["Resources"].values() if each["Type"] == kind]


@pytest.mark.parametrize("account", [None, ACCOUNT_ID])
def test_forwarder_has_the_patterns_of_the_alarm_and_creates_nothing_where_the_alarm_is(
    account: str | None,
) -> None:
    alarm = template_of(CommitmentAlarm, "Alarm", emails=ADDRESS)
    forwarder = template_of(AlarmForwarder, "Forwarder", account=account)
    patterns = [
        [rule["Properties"]["EventPattern"] for rule in resources(each, "AWS::Events::Rule")]
        for each in (alarm, forwarder)
    ]
    assert patterns[0] == patterns[1]
    # Amazon EventBridge User Guide, "Amazon EventBridge quotas": 300 rules of a bus, 100 in some
    # Regions, and 5 targets of a rule.
    assert len(patterns[0]) == 7
    targets = [rule["Properties"]["Targets"] for rule in resources(forwarder, "AWS::Events::Rule")]
    assert {len(found) for found in targets} == {1}
    (condition,) = forwarder["Conditions"]
    assert {each["Condition"] for each in forwarder["Resources"].values()} == {condition}


@pytest.mark.parametrize(
    ("region", "account", "is_warned"),
    [
        ("us-east-1", None, True),
        ("us-east-1", ACCOUNT_ID, True),
        ("us-gov-west-1", None, True),
        ("us-east-1", OTHER, False),
        ("eu-west-1", None, False),
        (None, None, False),
    ],
)
def test_warns_if_it_creates_nothing(
    region: str | None, account: str | None, *, is_warned: bool
) -> None:
    stack = Stack(App(), "S", env=Environment(account=ACCOUNT_ID, region=region))
    said = messages_of(AlarmForwarder(stack, "Forwarder", account=account), "warning")
    assert ["pump-roles:alarm-region" in warning for warning in said] == [True] * is_warned


def test_roles_can_be_given_by_name_or_themselves() -> None:
    scope = Stack(App(), "Roles")
    role = AutoPilotRole(scope, "A", **{**ROLE_ARGUMENTS, "role_name": "Mine"})
    rollout = ReadOnlyRollout(scope, "R", organizational_units=["r-abcd"], **ROLE_ARGUMENTS)
    given, named = (
        template_of(AlarmForwarder, "Forwarder", roles=names)
        for names in ([role, rollout, "Other"], ["Mine", "PumpReadOnlyRole", "Other"])
    )
    assert given == named


def test_app_with_the_role_passes_the_gate_and_cdk_nag_and_the_report_has_no_alarm(
    tmp_path: Path,
) -> None:
    app = App(outdir=str(tmp_path), default_stack_synthesizer=LegacyStackSynthesizer())
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stack = Stack(app, "Foreign")
    AutoPilotRole(stack, "Pump", **ROLE_ARGUMENTS).acknowledge_cdk_nag()
    for part in (
        CommitmentAlarm(stack, "Alarm", emails=ADDRESS, from_accounts=[OTHER]),
        CommitmentAlarm(stack, "Second", emails=ADDRESS, from_organization=ORGANIZATION),
        AlarmForwarder(stack, "Forwarder", account=ACCOUNT_ID),
    ):
        part.acknowledge_cdk_nag()
    app.synth()
    assert of_templates(tmp_path).findings == ()


OF_ALARM: dict[str, dict[str, Any]] = {
    "accounts": {"from_accounts": [OTHER]},
    "organization": {"from_organization": ORGANIZATION},
}
SENDERS = [
    # who sends, whose policy covers it, in which organization, and who may
    (f"arn:aws:iam::{OTHER}:role/Forwarder", "", {"accounts"}),
    (f"arn:aws:iam::{OTHER}:role/Forwarder", ORGANIZATION, {"accounts", "organization"}),
    (f"arn:aws:iam::{OTHER}:role/Forwarder", "o-other12345", {"accounts"}),
    (f"arn:aws:iam::{'4' * 12}:role/Forwarder", ORGANIZATION, {"organization"}),
    (f"arn:aws:iam::{'4' * 12}:role/Forwarder", "", set()),
]
RULE = BUS.replace("event-bus/default", "rule/Mine")
OTHER_ACTIONS = {
    "events:PutRule": RULE,
    "events:PutTargets": RULE,
    "events:DeleteRule": RULE,
    "events:DescribeEventBus": BUS,
    "events:DeleteEventBus": BUS,
    "events:PutEvents": f"{BUS}2",
    "sns:Publish": f"arn:aws:sns:us-east-1:{ACCOUNT_ID}:Alarm",
    "iam:UntagRole": f"arn:aws:iam::{ACCOUNT_ID}:role/PumpAutoPilotRole",
}


@pytest.mark.parametrize("kind", OF_ALARM)
@pytest.mark.parametrize(("arn", "organization", "allowed"), SENDERS)
def test_only_the_named_accounts_put_events_on_the_bus_and_do_nothing_else(
    kind: str, arn: str, organization: str, allowed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    buses = Buses(monkeypatch)
    template = template_of(CommitmentAlarm, "Alarm", emails=ADDRESS, **OF_ALARM[kind])
    policy = buses.deploy_alarm(template)
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    sender = Sender(arn, {"All": {"Version": "2012-10-17", "Statement": everything}}, organization)
    assert sender.may("events:PutEvents", policy) == (kind in allowed)
    for action, resource in OTHER_ACTIONS.items():
        assert not sender.may(action, policy, resource)


@pytest.mark.parametrize("kind", OF_ALARM)
def test_bus_takes_only_events_of_aws_with_the_detail_types_of_the_rules(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = template_of(CommitmentAlarm, "Alarm", emails=ADDRESS, **OF_ALARM[kind])
    policy = Buses(monkeypatch).deploy_alarm(template)
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    own = {"All": {"Version": "2012-10-17", "Statement": everything}}
    sender = Sender(f"arn:aws:iam::{OTHER}:role/Forwarder", own, ORGANIZATION)
    for event in HEARD.values():
        assert sender.may("events:PutEvents", policy, event=event)
    for changes in (
        {"source": "my.application"},
        {"source": "my.aws.iam"},
        {"detail-type": "EC2 Instance State-change Notification"},
        {"detail-type": "AWS Console Sign In via CloudTrail"},
    ):
        event = {**HEARD["a policy"], **changes}
        assert not sender.may("events:PutEvents", policy, event=event)


def test_forwarder_sends_to_the_region_of_its_partition_with_the_alarm() -> None:
    forwarder = template_of(AlarmForwarder, "Forwarder")
    ((name, homes),) = forwarder["Mappings"].items()
    # In any other partition, the deployment fails.
    assert homes == {
        "aws": {"Region": "us-east-1"},
        "aws-us-gov": {"Region": "us-gov-west-1"},
    }
    home = {"Fn::FindInMap": [name, {"Ref": "AWS::Partition"}, "Region"]}
    (condition,) = forwarder["Conditions"].values()
    at_home = [
        {"Fn::Equals": [{"Ref": "AWS::Region"}, found["Region"]]} for found in homes.values()
    ]
    assert condition == {"Fn::Not": [{"Fn::Or": at_home}]}
    for rule in resources(forwarder, "AWS::Events::Rule"):
        (target,) = rule["Properties"]["Targets"]
        text, values = target["Arn"]["Fn::Sub"]
        assert values == {"Home": home}
        assert text == ("arn:${AWS::Partition}:events:${Home}:${AWS::AccountId}:event-bus/default")


def test_role_of_the_forwarder_puts_events_on_that_bus_and_does_nothing_else() -> None:
    forwarder = template_of(AlarmForwarder, "Forwarder", account=ACCOUNT_ID)
    (role,) = resources(forwarder, "AWS::IAM::Role")
    (policy,) = role["Properties"]["Policies"]
    document = policy["PolicyDocument"]
    (statement,) = document["Statement"]
    deployed = CloudFormation({}).deploy("Forwarder", forwarder, {}, (ACCOUNT_ID, "eu-west-1"))
    statement["Resource"] = deployed.value(statement["Resource"])
    assert statement["Resource"] == BUS
    sender = Sender(f"arn:aws:iam::{ACCOUNT_ID}:role/Forwarder", {"PutEvents": document})
    assert sender.may("events:PutEvents", None)
    elsewhere = {"events:PutEvents": BUS.replace("us-east-1", "us-east-2")}
    for action, resource in [*OTHER_ACTIONS.items(), *elsewhere.items()]:
        assert not sender.may(action, None, resource)
    (trusted,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "events.amazonaws.com"}
    assert trusted["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }


def test_policy_of_the_bus_with_the_most_accounts_is_within_the_quota() -> None:
    accounts = [f"{number:012}" for number in range(200)]
    template = template_of(CommitmentAlarm, "Alarm", emails=ADDRESS, from_accounts=accounts)
    (policy,) = resources(template, "AWS::Events::EventBusPolicy")
    assert policy["Properties"]["Statement"]["Principal"] == {"AWS": accounts}
    # As AWS stores them: IAM User Guide, "AWS JSON policy elements: Principal".
    arns = [f"arn:aws-us-gov:iam::{account}:root" for account in accounts]
    statement = {**policy["Properties"]["Statement"], "Principal": {"AWS": arns}, "Resource": BUS}
    # Amazon EventBridge User Guide, "Amazon EventBridge quotas".
    assert policy_size({"Version": "2012-10-17", "Statement": [statement]}) <= 10_240


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"account": "1"}, "account: '1' is not a 12-digit account ID"),
        ({"roles": []}, "roles: the list is empty"),
        (
            {"roles": [f"{n:064}" for n in range(20)]},
            "roles: with these names, the event",
        ),
    ],
)
def test_rejects_what_aws_does_not_accept(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        template_of(AlarmForwarder, "Forwarder", **arguments)
