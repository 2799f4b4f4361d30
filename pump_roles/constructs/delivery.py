"""What events and schedules are delivered with: a role, and a queue for what was not delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from pump_roles.constructs import acknowledge
from pump_roles.published import policy_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import CfnCondition

UNDELIVERED: Final = "Something about Pump was not delivered"
"""The description of the alarms that :class:`pump_roles.CommitmentAlarm` looks for."""

_FOURTEEN_DAYS: Final = 1_209_600
"""The longest time that Amazon SQS keeps a message."""


class UndeliveredQueue(Construct):
    """A dead-letter queue that keeps what was not delivered for 14 days, and its alarm.

    Sources: Amazon EventBridge User Guide, "Using dead-letter queues to process undelivered events
    in EventBridge"; EventBridge Scheduler User Guide, "Configuring a schedule's dead-letter queue
    in EventBridge Scheduler".
    """

    def __init__(
        self,
        scope: Construct,
        *,
        queue_name: str | None = None,
        topic: str | None = None,
        condition: CfnCondition | None = None,
    ) -> None:
        super().__init__(scope, "DeadLetters")
        self._condition = condition
        queue = sqs.CfnQueue(
            self,
            "Queue",
            queue_name=queue_name,
            message_retention_period=_FOURTEEN_DAYS,
            sqs_managed_sse_enabled=True,
        )
        # What it keeps is of no use without the rules.
        queue.apply_removal_policy(RemovalPolicy.DESTROY)
        self._queue = queue
        self.arn: Final[str] = queue.attr_arn
        alarm = cloudwatch.CfnAlarm(
            self,
            "Alarm",
            # The alarm of the topic itself does not need a rule.
            alarm_description="An email about Pump was not delivered" if topic else UNDELIVERED,
            alarm_actions=[topic] if topic else None,
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            dimensions=[
                cloudwatch.CfnAlarm.DimensionProperty(name="QueueName", value=queue.attr_queue_name)
            ],
            statistic="Maximum",
            period=300,
            evaluation_periods=1,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
        )
        self._alarm = alarm
        self.alarm_arn: Final[str] = alarm.attr_arn
        for resource in (queue, alarm):
            resource.cfn_options.condition = condition

    def acknowledge_cdk_nag(self) -> None:
        """Acknowledge that this queue has no dead-letter queue, and its alarm no action."""
        acknowledge(self._queue, "dead-letter-queue")
        if not self._alarm.alarm_actions:
            acknowledge(self._alarm, "alarm-without-action")

    def take_from(self, rules: Sequence[str] = ()) -> None:
        """Let rules of EventBridge put events into the queue, and everyone only over TLS."""
        sending = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": self.arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": [*rules]}},
        }
        unencrypted = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": self.arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        statements: list[Any] = [sending, unencrypted] if rules else [unencrypted]
        policy = sqs.CfnQueuePolicy(
            self,
            "Policy",
            queues=[self._queue.ref],
            policy_document=policy_document(*statements),
        )
        policy.cfn_options.condition = self._condition


def add_service_role(
    scope: Construct,
    service: str,
    *,
    description: str,
    only_from: Mapping[str, str],
    allowed: Mapping[str, Mapping[str, Any]],
    role_name: str | None = None,
) -> iam.CfnRole:
    """Add a role that a service assumes.

    :param only_from: the condition keys that its trust policy requires, with their values.
    :param allowed: the statement of each inline policy, without its effect, by the policy's name.
    """
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    condition = {"StringEquals": only_from}
    return iam.CfnRole(
        scope,
        "Role",
        role_name=role_name,
        description=description,
        assume_role_policy_document=policy_document({**trust, "Condition": condition}),
        policies=[
            iam.CfnRole.PolicyProperty(
                policy_name=name, policy_document=policy_document({"Effect": "Allow", **statement})
            )
            for name, statement in allowed.items()
        ],
    )
