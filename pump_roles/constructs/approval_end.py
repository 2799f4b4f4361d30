"""The daily end of an approval."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar, Final

from aws_cdk import Aws, Fn
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from pump_roles.constructs import acknowledge
from pump_roles.constructs.delivery import UndeliveredQueue, add_service_role
from pump_roles.constructs.roles import name_of
from pump_roles.guardrails import APPROVAL_END, Guardrail
from pump_roles.inputs import validators
from pump_roles.inputs.validators import ArgumentError, names_the_construct

if TYPE_CHECKING:
    from pump_roles.constructs.roles import PumpRole
    from pump_roles.constructs.rollouts import Rollout

_TAG: Final = Guardrail.ONLY_WHEN_APPROVED.tag


class ApprovalEnd(Construct):
    """Ends an approval every day, by removing the tag of :attr:`Guardrail.ONLY_WHEN_APPROVED`.

    It consists of a schedule of Amazon EventBridge Scheduler that calls ``iam:UntagRole``, a role,
    and a queue, all with the name :attr:`approver`. With the role, the schedule can remove this tag
    from this role, put into the queue what failed after 24 hours, and do nothing else. If the tag
    is not there, nothing happens. The queue keeps failures for 14 days, and its alarm of Amazon
    CloudWatch is an event for :class:`pump_roles.CommitmentAlarm`. An account has at most one.

    With :class:`pump_roles.RoleProtection`, only StackSets can create this role, and its name must
    be among the ``approvers``, or the protection denies what the schedule does.

    Not run on AWS. Sources: EventBridge Scheduler User Guide, ["Using universal targets in
    EventBridge Scheduler"](https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html),
    "Confused deputy prevention in EventBridge Scheduler", and "Configuring
    a schedule's dead-letter queue in EventBridge Scheduler".
    """

    approver: ClassVar[str] = APPROVAL_END
    """The name of the schedule, and of the role that it acts with."""

    @names_the_construct
    def __init__(
        self, scope: Construct, id: str, *, role: PumpRole | Rollout | str, at: str = "20:00"
    ) -> None:
        """Create the schedule, in the account of Pump's role, in one Region.

        :param scope: the construct that this one belongs to.
        :param id: the construct's ID in the scope.
        :param role: Pump's role, its rollout, or its name, with its path if it has one
            (``pump/PumpAutoPilotRole``).
        :param at: the time of day in UTC, from ``00:00`` to ``23:59``. By default, ``20:00``.
        :raises ArgumentError: a ``ValueError``, if an argument is not such a literal, or the role
            does not have :attr:`Guardrail.ONLY_WHEN_APPROVED`, if that is known.
        """
        super().__init__(scope, id)
        role_name = _approved_role(role)
        hour, _, minute = validators.TIME_OF_DAY.check("at", at).partition(":")
        self._undelivered = UndeliveredQueue(self, queue_name=self.approver)
        self._undelivered.take_from()
        self._role = add_service_role(
            self,
            "scheduler.amazonaws.com",
            role_name=self.approver,
            description="Ends approvals of purchases by Pump",
            only_from={
                "aws:SourceAccount": Aws.ACCOUNT_ID,
                "aws:SourceArn": Fn.sub(
                    "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}"
                    ":schedule-group/default"
                ),
            },
            allowed={
                "Untag": {
                    "Action": "iam:UntagRole",
                    "Resource": Fn.sub(
                        f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{role_name}"
                    ),
                    "Condition": {
                        "ForAllValues:StringEquals": {"aws:TagKeys": [_TAG]},
                        "Null": {"aws:TagKeys": "false"},
                    },
                },
                "Undelivered": {
                    "Action": "sqs:SendMessage",
                    # Its name, so that the role's policy says which queue it is.
                    "Resource": Fn.sub(
                        "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}"
                        f":{self.approver}"
                    ),
                },
            },
        )
        scheduler.CfnSchedule(
            self,
            "Schedule",
            name=APPROVAL_END,
            description=f"Ends an approval of purchases by Pump every day at {at} UTC",
            schedule_expression=f"cron({int(minute)} {int(hour)} * * ? *)",
            schedule_expression_timezone="UTC",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=self._untag_role(role_name.rpartition("/")[2]),
        )

    def _untag_role(self, role_name: str) -> scheduler.CfnSchedule.TargetProperty:
        parameters = {"RoleName": role_name, "TagKeys": [_TAG]}
        return scheduler.CfnSchedule.TargetProperty(
            arn=Fn.sub("arn:${AWS::Partition}:scheduler:::aws-sdk:iam:untagRole"),
            role_arn=self._role.attr_arn,
            input=json.dumps(parameters, separators=(",", ":")),
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                arn=self._undelivered.arn
            ),
        )

    def acknowledge_cdk_nag(self) -> None:
        """As :meth:`pump_roles.AlarmForwarder.acknowledge_cdk_nag`."""
        acknowledge(self._role, "inline-policies")
        self._undelivered.acknowledge_cdk_nag()


def _approved_role(role: PumpRole | Rollout | str) -> str:
    role_name = validators.ROLE_TO_ASSUME.check("role", name_of(role) or role)
    approved = Guardrail.ONLY_WHEN_APPROVED
    if not isinstance(role, str) and approved not in role.guardrails:
        raise ArgumentError(
            "role",
            f"{role_name} does not have the guardrail {approved.name}, whose tag this removes",
        )
    return role_name
