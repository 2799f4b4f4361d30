"""Events that the alarm looks for, and what delivers them from one account or Region to another."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template
from constructs import Construct

from tests.cloudformation import CloudFormation, enter, eventbridge, iam
from tests.review.account.trail import ACCOUNT, TIME, call
from tools.sandbox.aws import ACCOUNT_ID, REGION
from tools.sandbox.simulator import ALLOWED, access, decide

PLAN = "arn:aws:savingsplans::123456789012:savingsplan/07ec53ab-91c3-4ac5-bde6-79fd53192252"
ADMIN = f"arn:aws:iam::{ACCOUNT}:role/Admin"


def from_trail(record: Mapping[str, Any], **members: Any) -> dict[str, Any]:
    """Return the event of EventBridge about a call: Amazon EventBridge User Guide, "AWS service
    events delivered via AWS CloudTrail".
    """
    return {
        "version": "0",
        "id": "36eb8523-97d0-4518-b33d-ee3579ff19f0",
        "detail-type": "AWS API Call via CloudTrail",
        "source": f"aws.{record['eventSource'].partition('.')[0]}",
        "account": ACCOUNT,
        "time": record["eventTime"],
        "region": record["awsRegion"],
        "resources": [],
        "detail": record,
        **members,
    }


def from_savings_plans(state: str = "active", **members: Any) -> dict[str, Any]:
    """Return the example of the Savings Plans User Guide, "Automating Savings Plans with Amazon
    EventBridge".
    """
    return {
        "version": "0",
        "id": "999cccaa-eaaa-0000-1111-123456789012",
        "detail-type": "Savings Plans State Change",
        "source": "aws.savingsplans",
        "account": "123456789012",
        "time": "2020-09-16T20:43:05Z",
        "region": "us-east-1",
        "resources": [PLAN],
        # The emulator has no index in a path.
        "resources[0]": PLAN,
        "detail": {"severity": "INFO", "previousState": "payment-pending", "currentState": state},
        **members,
    }


def from_organizations(name: str, **members: Any) -> dict[str, Any]:
    """Return an event that AWS Organizations records without a call. AWS shows none of them: the
    identity is that of the CloudTrail User Guide, "Non-API events captured by CloudTrail".
    """
    identity = {"accountId": ACCOUNT, "invokedBy": "organizations.amazonaws.com"}
    record = call(f"organizations:{name}", userIdentity=identity, eventType="AwsServiceEvent")
    return from_trail(record, **{"detail-type": "AWS Service Event via CloudTrail", **members})


def on_role(
    name: str, parameters: Mapping[str, Any] = MappingProxyType({}), role: str = "PumpAutoPilotRole"
) -> dict[str, Any]:
    """Return the event of a call by an administrator about a role."""
    return from_trail(call(f"iam:{name}", {"roleName": role, **parameters}, role=ADMIN))


def undelivered(**members: Any) -> dict[str, Any]:
    """Return the event of an alarm about a queue, with other members of the event or its detail:
    Amazon CloudWatch User Guide, "Alarm events and EventBridge".
    """
    detail = {
        "alarmName": "PumpApproval-Alarm-1",
        "configuration": {"description": "Something about Pump was not delivered"},
        "state": {"value": "ALARM"},
        "previousState": {"value": "OK"},
    }
    return {
        "version": "0",
        "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": ACCOUNT,
        "time": TIME,
        "region": "us-east-1",
        "resources": [],
        "detail": detail | {key: members.pop(key) for key in [*members] if key in detail},
        **members,
    }


BUS = f"arn:aws:events:{REGION}:{ACCOUNT_ID}:event-bus/default"
"""The bus of the alarm."""

TAGGED = {"tags": [{"key": "team", "value": "a"}, {"key": "pump-commitments", "value": "approved"}]}
UNTAGGED = {"tagKeys": ["pump-commitments"]}


def template_of(construct: type[Construct], id: str, **arguments: Any) -> dict[str, Any]:
    """Return the template of a stack with a construct, which is synthesized once."""
    hashable = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in arguments.items()
    }
    rendered: dict[str, Any] = json.loads(_rendered(construct, id, **hashable))
    return rendered


@cache
def _rendered(construct: type[Construct], id: str, **arguments: Any) -> str:
    stack = Stack(App(context={"@aws-cdk/core:newStyleStackSynthesis": False}), "Stack")
    as_given = {
        name: [*value] if isinstance(value, tuple) else value for name, value in arguments.items()
    }
    construct(stack, id, **as_given)
    return json.dumps(Template.from_stack(stack).to_json())


class Buses:
    """The default event buses of accounts and Regions in the emulator.

    The emulator matches events and renders emails, but delivers nothing to a bus of another account
    or Region. Only that is modeled here: if the simulator allows it, an event goes on unchanged
    (Amazon EventBridge User Guide, "Sending and receiving events between AWS Regions").
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, organization: str = "") -> None:
        self.cloudformation = CloudFormation({})
        self.organization = organization
        self.emails: list[tuple[str, str]] = []
        self._at = ("", "")
        self._to_itself = False
        monkeypatch.setattr(
            eventbridge, "_dispatch_to_sns", lambda arn, email: self.emails.append((arn, email))
        )
        monkeypatch.setattr(eventbridge, "_dispatch_to_event_bus", self._forward)

    def deploy(self, name: str, template: Mapping[str, Any], *place: str) -> None:
        """Create a stack in an account and a Region."""
        self.cloudformation.deploy(name, template, {}, (place[0], place[1]))

    def deploy_alarm(self, template: Mapping[str, Any]) -> dict[str, Any]:
        """Create an alarm's stack; returns the policy of the bus."""
        self.deploy("PumpAlarm", template, ACCOUNT_ID, REGION)
        policy: dict[str, Any] = eventbridge._event_bus_policies["default"]  # noqa: SLF001
        return policy

    def send(self, event: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Send an event to the bus where it happened; returns the topics with the emails."""
        self.emails.clear()
        self._arrive(eventbridge._event_from_test_payload(event), event["account"], event["region"])  # noqa: SLF001
        # The emulator would only log an error that is raised meanwhile.
        assert not self._to_itself
        return [*self.emails]

    def _arrive(self, event: Mapping[str, Any], *place: str) -> None:
        enter(*place)
        before, self._at = self._at, (place[0], place[1])
        eventbridge._dispatch_event(event)  # noqa: SLF001
        self._at = before
        if before[0]:
            enter(*before)

    def _forward(self, to: Any, event: Mapping[str, Any], rule: Mapping[str, Any], *_: Any) -> None:
        here = self._at
        if (to.account_id, to.region) == here:
            self._to_itself = True
            return
        (target,) = eventbridge._targets[f"default|{rule['Name']}"]  # noqa: SLF001
        role = iam._roles[target["RoleArn"].rpartition("/")[2]]  # noqa: SLF001
        enter(to.account_id, to.region)
        policy = eventbridge._event_bus_policies.get("default")  # noqa: SLF001
        caller = Sender(target["RoleArn"], role["InlinePolicies"], self.organization)
        sent = {"source": event["Source"], "detail-type": event["DetailType"]}
        allowed = caller.may("events:PutEvents", policy, event=sent)
        if to.account_id == BUS.split(":")[4] and allowed:
            self._arrive(event, to.account_id, to.region)
        enter(*here)


@dataclass(frozen=True)
class Sender:
    """Who may send events, in an organization."""

    arn: str
    policies: Mapping[str, Any]
    organization: str = ""

    def may(
        self,
        action: str,
        bus_policy: Mapping[str, Any] | None,
        bus: str = BUS,
        event: Mapping[str, Any] = MappingProxyType(
            {"source": "aws.iam", "detail-type": "AWS API Call via CloudTrail"}
        ),
    ) -> bool:
        """Return whether the simulator allows an action on a bus of the default account."""
        documents = {
            name: json.loads(document) if isinstance(document, str) else document
            for name, document in self.policies.items()
        }
        # Amazon EventBridge User Guide, "Using IAM policy conditions in Amazon EventBridge".
        context: dict[str, Any] = {
            "aws:PrincipalArn": self.arn,
            "events:source": [event["source"]],
            "events:detail-type": event["detail-type"],
        }
        if self.organization:
            context["aws:PrincipalOrgID"] = self.organization
        asked = {
            "resource": bus,
            "policy": bus_policy,
            "caller": self.arn,
            "action": action,
            "context": context,
            "caller_policies": documents,
        }
        return _is_allowed(json.dumps(asked))


@cache
def _is_allowed(asked: str) -> bool:
    # The same events arrive from each account and Region.
    return decide([access(**json.loads(asked))]) == [ALLOWED]
