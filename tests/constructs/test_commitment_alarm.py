"""The alarm: what sends an email, what it says, and who can publish to its topic.

An emulator that others wrote deploys the template, matches the events, and renders the emails.
"""

import json
import re
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Annotations, App, Environment, Stack, Validations
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Template
from aws_cdk.aws_iam import ServicePrincipal
from aws_cdk.aws_sns import Topic
from aws_cdk.aws_sns_subscriptions import UrlSubscription
from botocore.session import get_session
from cdk_nag import AwsSolutionsChecks

from pump_roles import (
    AlarmForwarder,
    ApprovalEnd,
    ArgumentError,
    AutoPilotRole,
    AutoPilotRollout,
    CommitmentAlarm,
    Guardrail,
    ReadOnlyRollout,
    RoleProtection,
)
from pump_roles.event_sources import services_of, sources_of
from pump_roles.iam.catalog import shipped
from pump_roles.patterns import covers
from tests.alarm import (
    ADMIN,
    PLAN,
    TAGGED,
    UNTAGGED,
    from_organizations,
    from_savings_plans,
    from_trail,
    on_role,
    template_of,
    undelivered,
)
from tests.cloudformation import CloudFormation, eventbridge
from tests.cloudformation import Stack as Deployed
from tests.review.account.trail import ACCOUNT, PURCHASES, TIME, call, handshake
from tests.support import ROLE_ARGUMENTS, messages_of, of_templates
from tools.sandbox.cdk import ROOT
from tools.sandbox.simulator import (
    ALLOWED,
    EXPLICITLY_DENIED,
    IMPLICITLY_DENIED,
    access,
    decide,
)

EMAILS = ["finops@example.com", "Security.Team+pump@example.org"]
RULES = [
    "SavingsPlans",
    "Calls",
    "OrganizationCalls",
    "Membership",
    "RoleChanges",
    "Safeguards",
    "Undelivered",
]
CALLS = [action.name for action in shipped().matching(Guardrail.NO_COMMITMENTS.reasons)]
SAMPLES = {
    f"{event['eventSource'].partition('.')[0]}:{event['eventName']}": event
    for event in PURCHASES.values()
}

ORGANIZATION_CALLS = [
    "AcceptHandshake",
    "InviteAccountToOrganization",
    "InviteOrganizationToTransferResponsibility",
    "LeaveOrganization",
    "RemoveAccountFromOrganization",
    "TerminateResponsibilityTransfer",
    "UpdateResponsibilityTransfer",
]
POLICY_CALLS = ["DeletePolicy", "DetachPolicy", "UpdatePolicy"]
MEMBERSHIP = [
    "AccountDepartedOrganization",
    "AccountJoinedOrganization",
    "ResponsibilityTransferAccepted",
]
ROLE_CALLS = [
    "AttachRolePolicy",
    "CreateRole",
    "DeleteRole",
    "DeleteRolePermissionsBoundary",
    "DeleteRolePolicy",
    "DetachRolePolicy",
    "PutRolePermissionsBoundary",
    "PutRolePolicy",
    "UpdateAssumeRolePolicy",
    "UpdateRole",
    "UpdateRoleDescription",
]

Send = Callable[[Mapping[str, Any]], list[str]]


def template(**arguments: Any) -> dict[str, Any]:
    """Return the template of a stack with an alarm."""
    return template_of(CommitmentAlarm, "Alarm", **{"emails": EMAILS} | arguments)


def properties(rendered: Mapping[str, Any], kind: str) -> list[Any]:
    return [each["Properties"] for each in rendered["Resources"].values() if each["Type"] == kind]


def rules(rendered: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the properties of the rules by their IDs."""
    found = properties(rendered, "AWS::Events::Rule")
    return dict(zip(RULES, found, strict=True))


def pattern(rule: str = "Calls", **arguments: Any) -> str:
    """Return the event pattern of a rule, as a template has it."""
    found = rules(template(**arguments))[rule]["EventPattern"]
    return json.dumps(found, separators=(",", ":"))


@pytest.fixture(scope="module")
def deployed() -> Deployed:
    return CloudFormation({}).deploy("PumpAlarm", template(), {})


@pytest.fixture
def send(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> Send:  # noqa: ARG001
    """Return what delivers an event, and returns the emails."""

    def sent(event: Mapping[str, Any]) -> list[str]:
        emails: list[str] = []
        monkeypatch.setattr(eventbridge, "_dispatch_to_sns", lambda _, email: emails.append(email))
        eventbridge._dispatch_event(eventbridge._event_from_test_payload(event))  # noqa: SLF001
        return emails

    return sent


def test_stack_has_a_topic_with_addresses_and_rules_and_is_the_same_in_every_region() -> None:
    found = []
    for region in ("us-east-1", "eu-central-1"):
        environment = Environment(account=ACCOUNT, region=region)
        stack = Stack(App(), "PumpAlarm", env=environment)
        CommitmentAlarm(stack, "Alarm", emails=EMAILS)
        found.append(Template.from_stack(stack).to_json())
    assert found[0] == found[1]
    kinds = [resource["Type"] for resource in found[0]["Resources"].values()]
    assert sorted(kinds) == [
        "AWS::CloudWatch::Alarm",
        *(["AWS::Events::Rule"] * 7),
        "AWS::SNS::Subscription",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
    ]
    subscribed = properties(found[0], "AWS::SNS::Subscription")
    assert [(each["Protocol"], each["Endpoint"]) for each in subscribed] == [
        ("email", email) for email in EMAILS
    ]


@pytest.mark.parametrize(
    ("region", "home"),
    [
        ("eu-west-1", "us-east-1"),
        ("us-gov-east-1", "us-gov-west-1"),
        ("xx-new-1", "us-east-1"),
        ("us-east-1", ""),
        ("us-gov-west-1", ""),
        ("cn-north-1", ""),
        (None, ""),
    ],
)
def test_warns_if_the_events_arrive_in_another_region(region: str | None, home: str) -> None:
    stack = Stack(App(), "S", env=Environment(region=region))
    alarm = CommitmentAlarm(stack, "Alarm", emails=EMAILS)
    said = messages_of(alarm, "warning")
    assert len(said) == (1 if home else 0)
    assert all(f"deploy the alarm in {home}, " in warning for warning in said)
    Annotations.of(alarm).acknowledge_warning("pump-roles:alarm-region")
    assert messages_of(alarm, "warning") == []


def test_topic_takes_more_subscriptions_and_statements() -> None:
    templates = []
    for more in (False, True):
        stack = Stack(App(), "S")
        topic = CommitmentAlarm(stack, "Alarm", emails=EMAILS).topic
        if more:
            topic.add_subscription(UrlSubscription("https://example.com/"))
            topic.grant_publish(ServicePrincipal("budgets.amazonaws.com"))
        templates.append(Template.from_stack(stack).to_json())
    before, after = (
        [
            statement
            for found in properties(template, "AWS::SNS::TopicPolicy")
            for statement in found["PolicyDocument"]["Statement"]
        ]
        for template in templates
    )
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1
    subscribed = properties(templates[1], "AWS::SNS::Subscription")
    assert {found["Endpoint"] for found in subscribed} == {*EMAILS, "https://example.com/"}


@pytest.mark.parametrize("is_imported", [False, True])
def test_alarm_uses_an_existing_topic_and_denies_its_other_publishers_nothing(
    *, is_imported: bool
) -> None:
    stack = Stack(App(), "S")
    arn = f"arn:aws:sns:us-east-1:{ACCOUNT}:paging"
    topic = Topic.from_topic_arn(stack, "T", arn) if is_imported else Topic(stack, "T")
    alarm = CommitmentAlarm(stack, "Alarm", topic=topic)
    said = [text for text in messages_of(alarm, "warning") if "pump-roles:topic-policy" in text]
    assert len(said) == (1 if is_imported else 0)
    found = Template.from_stack(stack).to_json()
    assert properties(found, "AWS::SNS::Subscription") == []
    targets = [rule["Targets"][0]["Arn"] for rule in properties(found, "AWS::Events::Rule")]
    assert targets == [stack.resolve(topic.topic_arn)] * 7
    (metric,) = properties(found, "AWS::CloudWatch::Alarm")
    assert metric["AlarmActions"] == [stack.resolve(topic.topic_arn)]
    if not is_imported:
        (policy,) = properties(found, "AWS::SNS::TopicPolicy")
        statements = policy["PolicyDocument"]["Statement"]
        services = [(each["Effect"], each["Principal"]["Service"]) for each in statements]
        assert services == [
            ("Allow", "events.amazonaws.com"),
            ("Allow", "cloudwatch.amazonaws.com"),
        ]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "emails: this or topic is required"),
        ({"topic": "paging"}, "topic: 'paging' is not a topic of Amazon SNS"),
        ({"topic": "paging", "emails": EMAILS}, "topic: cannot be combined with emails"),
        ({"topic": "paging", "key": "key"}, "key: 'key' is not a key of AWS KMS"),
    ],
)
def test_alarm_requires_addresses_or_a_topic(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        CommitmentAlarm(Stack(), "Alarm", **more)


def test_roles_can_be_given_by_name_or_themselves() -> None:
    scope = Stack(App(), "Roles")
    arguments = {**ROLE_ARGUMENTS, "role_name": "Mine"}
    role = AutoPilotRole(scope, "A", **arguments)
    units = ["r-abcd"]
    rollout = ReadOnlyRollout(scope, "R", organizational_units=units, **ROLE_ARGUMENTS)
    names = ["Mine", "PumpReadOnlyRole", "Other"]
    assert pattern(roles=[role, rollout, "Other"]) == pattern(roles=names)
    with pytest.raises(ArgumentError, match="roles: 'Mine' is listed twice"):
        pattern(roles=[role, "Mine"])


def test_addresses_keep_their_subscriptions_if_others_come_and_go() -> None:
    one, *others = (template(emails=found)["Resources"] for found in (EMAILS[1:], EMAILS))
    assert all(one.items() <= other.items() for other in others)


@pytest.mark.parametrize("action", CALLS)
def test_call_sends_one_email_that_says_what_who_where_and_when(action: str, send: Send) -> None:
    record = SAMPLES.get(action, call(action)) | {"awsRegion": "eu-central-1"}
    (email,) = send(from_trail(record))
    source, name = action.split(":")
    assert f"called {name} ({source}.amazonaws.com) in account {ACCOUNT}, eu-central-1" in email
    assert f"at {TIME}." in email
    assert f"Who: arn:aws:sts::{ACCOUNT}:assumed-role/PumpAutoPilotRole/recommendations" in email
    assert f"AttributeKey=EventId,AttributeValue={record['eventID']}" in email


def test_only_denied_calls_match() -> None:
    """Of all actions that the catalog has, and of each event source with each name."""
    sources = {source for action in CALLS for source in sources_of(action.split(":")[0])}
    names = {action.split(":")[1] for action in CALLS}
    known = {
        (source, action.name.split(":")[1])
        for action in shipped().actions.values()
        for source in sources_of(action.service)
    }
    calls = {*known, *product(sources, names)}
    rule = pattern()
    matched = {
        (source, name)
        for source, name in calls
        if eventbridge._matches_pattern(  # noqa: SLF001
            rule,
            eventbridge._event_from_test_payload(  # noqa: SLF001
                from_trail(call("ec2:X") | {"eventSource": source, "eventName": name})
            ),
        )
    }
    denied = Guardrail.NO_COMMITMENTS.reasons
    assert matched == {
        (source, name)
        for source, name in calls
        for service in services_of(source)
        if any(covers(action, f"{service}:{name}") for action in denied)
    }
    assert len(matched & known) == len(CALLS)


def test_name_of_an_event_may_have_a_version_of_the_api(send: Send) -> None:
    record = PURCHASES["rds"] | {"eventName": "PurchaseReservedDBInstancesOffering20141031"}
    assert len(send(from_trail(record))) == 1


BUYS = "savingsplans:CreateSavingsPlan"
ENDING = f"arn:aws:iam::{ACCOUNT}:role/{ApprovalEnd.approver}"
OTHER_EVENTS = {
    "another role": from_trail(call(BUYS, role=f"arn:aws:iam::{ACCOUNT}:role/Admin")),
    "the root user": from_trail(call(BUYS, userIdentity={"type": "Root"})),
    "refused": from_trail(call(BUYS, error="AccessDenied")),
    "a trial": from_trail(call("ec2:PurchaseHostReservation", error="Client.DryRunOperation")),
    "a read": from_trail(call("savingsplans:DescribeSavingsPlans")),
    "a tag": from_trail(call("savingsplans:TagResource")),
    "another handshake": from_trail(call("organizations:DeclineHandshake")),
    "a refused handshake": from_trail(call("organizations:AcceptHandshake", error="AccessDenied")),
    "another event of Organizations": from_organizations("CreateAccountResult"),
    "a membership of an application": from_organizations(
        "AccountJoinedOrganization", source="my.application"
    ),
    "a refused end of a stop": from_trail(
        call("organizations:DetachPolicy", error="AccessDeniedException")
    ),
    "a stop": from_trail(call("organizations:AttachPolicy")),
    "a policy of an application": from_trail(
        call("organizations:DetachPolicy"), source="my.application"
    ),
    "a policy of IAM": from_trail(call("iam:DeletePolicy")),
    "a change of another role": on_role("PutRolePolicy", role="Admin"),
    "a read of the role that ends approvals": on_role("GetRole", role="PumpApprovalEnd"),
    "another alarm": undelivered(configuration={"description": "Mine"}),
    "an alarm without a description": undelivered(configuration={}),
    "an alarm that ended": undelivered(state={"value": "OK"}),
    "a role whose name begins alike": on_role("PutRolePolicy", role="PumpAutoPilotRole2"),
    "a refused change": from_trail(
        call("iam:PutRolePolicy", {"roleName": "PumpAutoPilotRole"}, error="AccessDenied")
    ),
    "a read of the role": on_role("GetRole"),
    "another tag": on_role("TagRole", {"tags": [{"key": "team", "value": "pump-commitments"}]}),
    "another tag removed": on_role("UntagRole", {"tagKeys": ["team"]}),
    "a tag of another role": on_role("TagRole", TAGGED, "Admin"),
    "the daily end of an approval": from_trail(
        call("iam:UntagRole", {"roleName": "PumpAutoPilotRole", **UNTAGGED}, role=ENDING)
    ),
    "an application's": from_trail(call(BUYS), source="my.application"),
    "no call": from_trail(call(BUYS), **{"detail-type": "AWS Service Event via CloudTrail"}),
    "an application's plan": from_savings_plans(source="my.application"),
    "an alert": from_savings_plans(**{"detail-type": "Savings Plans State Change Alert"}),
}


@pytest.mark.parametrize("event", OTHER_EVENTS.values(), ids=OTHER_EVENTS)
def test_other_events_send_no_email(event: dict[str, Any], send: Send) -> None:
    assert send(event) == []


STATE = get_session().get_service_model("savingsplans").shape_for("SavingsPlanState")


@pytest.mark.parametrize("state", STATE.metadata["enum"])
def test_state_of_a_savings_plan_sends_an_email_unless_its_term_ended(
    state: str, send: Send
) -> None:
    emails = send(from_savings_plans(state))
    assert len(emails) == (state != "retired")
    for email in emails:
        at = "in account 123456789012, us-east-1, at 2020-09-16T20:43:05Z."
        assert f"A Savings Plan became {state} {at}" in email
        assert f"Plan: {PLAN}" in email


def test_emails_say_what_happened_and_the_guide_shows_the_first(send: Send) -> None:
    expected = (Path(__file__).parent / "emails.txt").read_text().rstrip().split("\n\n")
    page = (ROOT / "docs" / "alarm.md").read_text()
    assert re.findall(r"```text\n(.*?)\n```", page, re.DOTALL) == expected[:1]
    events = [
        from_trail(PURCHASES["Savings Plan"]),
        from_savings_plans(),
        from_trail(handshake()),
        from_organizations("AccountJoinedOrganization"),
        on_role("TagRole", TAGGED),
        from_trail(call("organizations:DetachPolicy", role=ADMIN)),
        undelivered(),
    ]
    for event in events[:1] + events[2:-1]:
        event["detail"] = event["detail"] | {"eventID": "c9f2b6a4-1e5d-4b57-9f52-0d5a3c1b7e88"}
    assert expected == [email for event in events for email in send(event)]


CALLERS = {
    "a user": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/a", "userName": "a"},
    "the root user": {"type": "Root", "arn": f"arn:aws:iam::{ACCOUNT}:root"},
}


@pytest.mark.parametrize("identity", CALLERS.values(), ids=CALLERS)
@pytest.mark.parametrize(
    "event",
    [
        *(from_trail(call(f"organizations:{name}")) for name in ORGANIZATION_CALLS),
        *(from_trail(call(f"organizations:{name}")) for name in POLICY_CALLS),
        *(on_role(name, role="PumpApprovalEnd") for name in ROLE_CALLS),
        on_role("PutRolePolicy", role="pumpapprovalEND"),
        *(on_role(name) for name in ROLE_CALLS),
        on_role("PutRolePolicy", role="pumpautopilotROLE"),
        on_role("TagRole", TAGGED),
        on_role("UntagRole", UNTAGGED),
        on_role("UntagRole", {"tagKeys": ["team", "PUMP-Commitments"]}),
    ],
    ids=lambda event: event["detail"]["eventName"],
)
def test_whoever_changes_the_organization_or_the_role_is_named(
    event: dict[str, Any], identity: dict[str, Any], send: Send
) -> None:
    event["detail"] = event["detail"] | {"userIdentity": identity}
    (email,) = send(event)
    assert email.startswith(f'"Someone called {event["detail"]["eventName"]} (')
    assert f'"Who: {identity["arn"]}"' in email
    assert f"in account {ACCOUNT}, us-east-1, at {TIME}." in email


@pytest.mark.parametrize(
    "kind", ["AWS Service Event via CloudTrail", "AWS API Call via CloudTrail"]
)
@pytest.mark.parametrize("name", MEMBERSHIP)
def test_what_organizations_records_sends_an_email(name: str, kind: str, send: Send) -> None:
    (email,) = send(from_organizations(name, **{"detail-type": kind}))
    assert f"recorded {name} in account {ACCOUNT}, us-east-1, at {TIME}." in email
    assert "can do more in its accounts than both of Pump's roles" in email


def test_what_was_not_delivered_sends_an_email_that_says_where_to_look(send: Send) -> None:
    (email,) = send(undelivered(account=ACCOUNT, region="eu-central-1"))
    assert f"was not delivered in account {ACCOUNT}, eu-central-1, at {TIME}." in email
    assert "describe-alarms --region eu-central-1 --alarm-names PumpApproval-Alarm-1" in email


def test_alarm_of_every_queue_is_what_the_rule_looks_for_but_the_own_one_uses_the_topic() -> None:
    own, *others = (
        template(),
        template_of(AlarmForwarder, "Forwarder"),
        template_of(ApprovalEnd, "End", role="PumpAutoPilotRole"),
    )
    (topic,) = (
        name for name, each in own["Resources"].items() if each["Type"] == "AWS::SNS::Topic"
    )
    (alarm,) = properties(own, "AWS::CloudWatch::Alarm")
    assert alarm["AlarmActions"] == [{"Ref": topic}]
    (looked_for,) = rules(own)["Undelivered"]["EventPattern"]["detail"]["configuration"].values()
    assert alarm["AlarmDescription"] not in looked_for
    for found in others:
        (alarm,) = properties(found, "AWS::CloudWatch::Alarm")
        assert [alarm["AlarmDescription"]] == looked_for
        assert "AlarmActions" not in alarm


@pytest.mark.parametrize(
    ("caller", "context", "decision"),
    [
        *(("events", {"aws:SourceArn": rule}, ALLOWED) for rule in RULES),
        ("events", {"aws:SourceArn": "Calls", "aws:SecureTransport": "false"}, EXPLICITLY_DENIED),
        ("events", {"aws:SourceArn": "another rule"}, IMPLICITLY_DENIED),
        ("events", {}, IMPLICITLY_DENIED),
        ("scheduler", {"aws:SourceArn": "Calls"}, IMPLICITLY_DENIED),
    ],
)
def test_only_these_rules_put_what_they_cannot_deliver_into_the_queue(
    caller: str, context: dict[str, str], decision: str, deployed: Deployed
) -> None:
    rendered = template()
    (resource,) = properties(rendered, "AWS::SQS::QueuePolicy")
    policy = deployed.value(resource["PolicyDocument"])
    allowed, _ = policy["Statement"]
    named = dict(zip(RULES, allowed["Condition"]["ArnEquals"]["aws:SourceArn"], strict=True))
    named["another rule"] = f"{named['Calls']}2"
    request = access(
        allowed["Resource"],
        policy,
        caller=f"{caller}.amazonaws.com",
        action="sqs:SendMessage",
        context={key: named.get(value, value) for key, value in context.items()},
    )
    assert decide([request]) == [decision]
    for rule in rules(rendered).values():
        (target,) = rule["Targets"]
        assert deployed.value(target["DeadLetterConfig"]) == {"Arn": allowed["Resource"]}


def test_changes_of_a_role_are_those_that_the_protection_denies() -> None:
    rollout = AutoPilotRollout(
        Stack(App(), "Rollout"), "Rollout", organizational_units=["r-abcd"], **ROLE_ARGUMENTS
    )
    protection = RoleProtection(Stack(App(), "P"), "P", rollouts=[rollout], targets=["r-abcd"])
    denied = protection.resource.content["Statement"][0]["Action"]
    rule = pattern("RoleChanges")
    events = {
        action.name: on_role(action.name.partition(":")[2])
        for action in shipped().actions.values()
        if action.service == "iam"
    }
    matched = {
        name
        for name, event in events.items()
        if eventbridge._matches_pattern(rule, eventbridge._event_from_test_payload(event))  # noqa: SLF001
    }
    assert matched == {name for name in events if any(covers(action, name) for action in denied)}
    assert {f"iam:{name}" for name in ROLE_CALLS} == matched


def test_emails_name_the_address_of_the_page_on_stopping() -> None:
    address = "https://wiki.example.com/pump/stop.html#now"
    for page, said in ((None, ", in docs/stop.md of pump-roles."), (address, f": {address}")):
        for rule in rules(template(stop_page=page)).values():
            (target,) = rule["Targets"]
            assert f"Stop Pump now{said}" in target["InputTransformer"]["InputTemplate"]["Fn::Sub"]


@pytest.mark.parametrize("rule", RULES)
def test_emails_have_only_lines_in_quotation_marks_and_say_how_to_stop(
    rule: str, deployed: Deployed
) -> None:
    (target,) = rules(template())[rule]["Targets"]
    transformer = deployed.value(target["InputTransformer"])
    email = transformer["InputTemplate"]
    assert all(re.fullmatch('"[^"]+"', line) for line in email.splitlines())
    assert {*re.findall("<(.*?)>", email)} == {*transformer["InputPathsMap"]}
    # Amazon EventBridge API Reference, "InputTransformer".
    assert len(email) <= 8_192
    role = "<role>" if rule in ("Calls", "RoleChanges") else "ROLE"
    command = "aws iam put-role-permissions-boundary --role-name"
    assert f"{command} {role} --permissions-boundary arn:aws:iam::aws:policy/AWSDenyAll" in email


@pytest.mark.parametrize(
    ("caller", "context", "decision"),
    [
        ("events", {}, ALLOWED),
        ("events", {"aws:SourceArn": "SavingsPlans"}, ALLOWED),
        *(("events", {"aws:SourceArn": rule}, ALLOWED) for rule in RULES[1:]),
        ("events", {"aws:SourceArn": "Calls", "aws:SecureTransport": "true"}, ALLOWED),
        ("events", {"aws:SourceArn": "Calls", "aws:SecureTransport": "false"}, EXPLICITLY_DENIED),
        ("events", {"aws:SourceArn": "another rule"}, EXPLICITLY_DENIED),
        ("cloudwatch", {}, IMPLICITLY_DENIED),
        ("cloudwatch", {"aws:SourceArn": "the alarm"}, ALLOWED),
        ("cloudwatch", {"aws:SourceArn": "another alarm"}, EXPLICITLY_DENIED),
        ("cloudwatch", {"aws:SourceArn": "Calls"}, IMPLICITLY_DENIED),
    ],
)
def test_only_these_rules_publish_as_far_as_eventbridge_names_them_and_only_over_tls(
    caller: str, context: dict[str, str], decision: str, deployed: Deployed
) -> None:
    (resource,) = properties(template(), "AWS::SNS::TopicPolicy")
    policy = deployed.value(resource["PolicyDocument"])
    arns = policy["Statement"][1]["Condition"]["ArnNotEquals"]["aws:SourceArn"]
    named = dict(zip([*RULES, "the alarm"], arns, strict=True))
    named |= {"another rule": f"{arns[0]}2", "another alarm": f"{arns[-1]}2"}
    request = access(
        policy["Statement"][0]["Resource"],
        policy,
        caller=f"{caller}.amazonaws.com",
        action="sns:Publish",
        context={key: named.get(value, value) for key, value in context.items()},
    )
    assert decide([request]) == [decision]


@pytest.mark.parametrize("kind", ["none", "own", "imported"])
def test_topic_is_encrypted_with_the_key_which_lets_eventbridge_use_it_and_cdk_nag_finds_nothing(
    kind: str, tmp_path: Path
) -> None:
    app = App(outdir=str(tmp_path))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stack = Stack(app, "Foreign")
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    key: kms.IKey | None = None
    if kind == "own":
        key = kms.Key(stack, "Key", enable_key_rotation=True)
    elif kind == "imported":
        key = kms.Key.from_key_arn(stack, "Key", arn)
    alarm = CommitmentAlarm(stack, "Alarm", emails=EMAILS, key=key)
    alarm.acknowledge_cdk_nag()
    AutoPilotRole(stack, "Pump", **ROLE_ARGUMENTS).acknowledge_cdk_nag()
    # The gate raises no alarm either.
    rendered = app.synth().get_stack_by_name("Foreign").template
    assert of_templates(tmp_path).findings == ()
    (topic,) = properties(rendered, "AWS::SNS::Topic")
    assert topic.get("KmsMasterKeyId") == (stack.resolve(key.key_arn) if key else None)
    granted: list[Any] = [
        {
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Resource": "*",
        }
        for service in ("events", "cloudwatch")
    ]
    statements = [
        statement
        for found in properties(rendered, "AWS::KMS::Key")
        for statement in found["KeyPolicy"]["Statement"]
    ]
    assert [each for each in granted if each in statements] == (granted if kind == "own" else [])
    assert [message.split(";")[0] for message in messages_of(alarm, "warning")] == (
        ["this app cannot change the policy of the key"] if kind == "imported" else []
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"emails": []}, "emails: this or topic is required"),
        ({"emails": "a@example.com"}, "emails: 'a@example.com' is not a list"),
        ({"emails": [f"{n}@example.com" for n in range(11)]}, "emails: 11 given, at most 10 allow"),
        (
            {"emails": ["A@example.com", "a@Example.com"]},
            "emails: 'a@example.com' is listed twice, ",
        ),
        ({"emails": ["finops"]}, "emails: 'finops' is not an email address, such as finops@exa"),
        ({"emails": ["a@example"]}, "emails: 'a@example' is not an email address"),
        ({"emails": ["a b@example.com"]}, "emails: 'a b@example.com' is not an email address"),
        (
            {"emails": [f"{'a' * 243}@example.com"]},
            r"emails: 'a+\.\.\. \(255 characters\) is not an",
        ),
        ({"emails": ["${Token[TOKEN.1]}"]}, "is a token; it must be a literal: an email address"),
        ({"roles": []}, "roles: the list is empty"),
        ({"roles": [5]}, "roles: 5 is not a role's name, with its path"),
        ({"roles": ["/path/Role"]}, "roles: '/path/Role' is not a role's name"),
        ({"roles": ["Pump", "Pump"]}, "roles: 'Pump' is listed twice"),
        ({"key": "alias/pump"}, "key: 'alias/pump' is not a key of AWS KMS, such as kms.Key"),
        ({"from_accounts": ["1"]}, "from_accounts: '1' is not a 12-digit account ID"),
        ({"from_accounts": ["1" * 12] * 2}, "from_accounts: '111111111111' is listed twice"),
        ({"from_accounts": [f"{n:012}" for n in range(201)]}, "201 given, at most 200 allowed"),
        ({"from_organization": "r-abcd"}, "from_organization: 'r-abcd' is not the ID of an organ"),
        (
            {"from_accounts": ["1" * 12], "from_organization": "o-abcd123456"},
            "from_organization: omit from_accounts, or this$",
        ),
        ({"stop_page": "http://a.example"}, "stop_page: 'http://a.example' is not the address of"),
        ({"stop_page": 'https://a.example/">'}, "is not the address of a page, such as https://"),
    ],
)
def test_rejects_what_aws_does_not_accept(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        template(**arguments)


@pytest.mark.parametrize("rule", RULES)
def test_patterns_with_ten_names_are_within_the_quota(rule: str) -> None:
    """Amazon EventBridge User Guide, "Amazon EventBridge quotas"."""
    assert len(pattern(rule, roles=[f"{number:064}" for number in range(10)])) <= 2_048


def test_accepts_names_of_roles_as_long_as_the_event_pattern_is_not_too_long() -> None:
    names = [f"{number:064}" for number in range(13)]
    rest = 2_048 - len(pattern(roles=names)) - len('"",')
    assert 0 < rest < 64
    assert len(pattern(roles=[*names, "x" * rest])) == 2_048
    message = (
        r"^Stack/Alarm: roles: with .* would have 2,049 characters, at most 2,048 "
        "allowed; use a second"
    )
    with pytest.raises(ArgumentError, match=message):
        pattern(roles=[*names, "x" * (rest + 1)])
