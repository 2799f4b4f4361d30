"""Emails about changes to commitments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aws_cdk import Annotations, Fn
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from pump_roles import validators
from pump_roles.constructs.roles import PumpRole
from pump_roles.constructs.rollouts import Rollout
from pump_roles.guardrails import Guardrail
from pump_roles.iam.events import sources_of
from pump_roles.published import ROLES
from pump_roles.validators import ArgumentError, names_the_construct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_kms as kms

_JOINS: Final = "organizations:AcceptHandshake"
_PATTERN: Final = 2_048
"""Amazon EventBridge User Guide, "Amazon EventBridge quotas": the default."""

_SERVICE: Final = "events.amazonaws.com"

_PLAN: Final = """\
A Savings Plan in account <account> became <state> at <time>.
Plan: <plan>
Who: this event does not say. If Pump's role made a call, another email says so.
"""
_CALL: Final = """\
Pump's role called <call> (<source>) in account <account>, <region>, at <time>.
Who: <who>
Details: aws cloudtrail lookup-events --region <region> \
--lookup-attributes AttributeKey=EventId,AttributeValue=<event>
If it is AcceptHandshake, another organization may control the account now.
"""
_THEN: Final = """\
To return a Savings Plan: aws savingsplans return-savings-plan --savings-plan-id ID
Until: 7 days after the purchase, in the same calendar month (UTC), up to $100 an hour.
When exactly: returnableUntil in aws savingsplans describe-savings-plans. \
Nothing else can be returned.
To stop Pump: aws iam put-role-permissions-boundary --role-name <role> \
--permissions-boundary arn:${AWS::Partition}:iam::aws:policy/AWSDenyAll
Then, or if your organization denies that: Stop Pump now, in docs/stop.md of pump-roles.
"""
"""A line is in quotation marks, and ends where an email should have a new line: Amazon EventBridge
User Guide, "Amazon EventBridge input transformation". So a line has none of its own. The report
would list a rule that names a role outside its pattern, so ``ROLE`` is in its place."""


class CommitmentAlarm(Construct):
    """Sends an email for every change to commitments in this account and Region.

    It consists of a topic of Amazon SNS with the addresses, and two rules of Amazon EventBridge:

    - A Savings Plan changed its state, whoever changed it, unless its term ended. AWS sends these
      events only in us-east-1, and does not say who caused them.
    - One of the roles made a call that :attr:`Guardrail.NO_COMMITMENTS` denies, or accepted a
      handshake, by which the account can join another organization. Refused calls do not count.
      These events need a trail of AWS CloudTrail that records management events, and arrive in the
      Region of the call, or in us-east-1 for Savings Plans and AWS Organizations.

    Deploy one in us-east-1 and in each Region where Pump may buy. AWS delivers these events on a
    best-effort basis, each address must confirm its subscription and can end it, and a purchase
    that was queued completes without a call.

    Sources: Savings Plans User Guide, "Automating Savings Plans with Amazon EventBridge"; Amazon
    EventBridge User Guide, "AWS service events delivered via AWS CloudTrail".
    """

    @names_the_construct
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        emails: Sequence[str],
        role_names: Sequence[str | PumpRole | Rollout] = (ROLES["auto-pilot"].name,),
        key: kms.IKey | None = None,
    ) -> None:
        """Create the alarm.

        :param scope: the construct that this one belongs to.
        :param id: the construct's ID in the scope.
        :param emails: 1 to 10 email addresses, without duplicates, ignoring case.
        :param role_names: the names of Pump's roles in this account, at least 1, without paths and
            duplicates; or the roles themselves, or their rollouts. By default,
            ``PumpAutoPilotRole``.
        :param key: a customer managed key of this Region, which encrypts the topic. The key's
            policy must let EventBridge use it: a key of this app gets that statement; for another
            one, the synth warns. By default, the topic is not encrypted.
        :raises ArgumentError: a ``ValueError``, if an argument is not a literal that AWS accepts,
            something is listed twice, or the names make the event pattern longer than the 2,048
            characters that EventBridge accepts by default.

        Source: Amazon SNS Developer Guide, "Managing Amazon SNS encryption keys and costs".
        """
        super().__init__(scope, id)
        emails = validators.EMAILS.check("emails", emails)
        calls = _pattern(validators.ROLE_NAMES.check("role_names", role_names, reference=_name_of))
        if key is not None and not hasattr(key, "key_arn"):
            raise ArgumentError("key", f"{key!r} is not a key of AWS KMS, such as kms.Key")
        self.topic: Final[sns.ITopic] = sns.Topic(
            self, "Topic", display_name="Pump commitments", master_key=key
        )
        """The topic. To send the alarms elsewhere as well, add subscriptions to it."""
        # The IDs do not depend on the order, because an address must confirm a new subscription.
        for email in emails:
            sns.CfnSubscription(
                self,
                email.lower(),
                topic_arn=self.topic.topic_arn,
                protocol="email",
                endpoint=email,
            )
        rules = [
            self._rule(
                "SavingsPlans",
                "A Savings Plan changed its state",
                {
                    "source": ["aws.savingsplans"],
                    "detail-type": ["Savings Plans State Change"],
                    "detail": {"currentState": [{"anything-but": ["retired"]}]},
                },
                {"plan": "$.resources[0]", "state": "$.detail.currentState"},
                (_PLAN + _THEN).replace("<role>", "ROLE"),
            ),
            self._rule(
                "Calls",
                "Pump's role changed commitments",
                calls,
                {
                    "region": "$.detail.awsRegion",
                    "call": "$.detail.eventName",
                    "source": "$.detail.eventSource",
                    "who": "$.detail.userIdentity.arn",
                    "role": "$.detail.userIdentity.sessionContext.sessionIssuer.userName",
                    "event": "$.detail.eventID",
                },
                _CALL + _THEN,
            ),
        ]
        for statement in _topic_policy(self.topic.topic_arn, [rule.attr_arn for rule in rules]):
            self.topic.add_to_resource_policy(statement)
        if key is not None:
            self._allow_encryption(key)

    def _allow_encryption(self, key: kms.IKey) -> None:
        statement = iam.PolicyStatement(
            # Without a condition: the source says that EventBridge supports none here.
            principals=[iam.ServicePrincipal(_SERVICE)],
            actions=["kms:Decrypt", "kms:GenerateDataKey*"],
            resources=["*"],
        )
        if not key.add_to_resource_policy(statement, True).statement_added:  # noqa: FBT003
            Annotations.of(self).add_warning_v2(
                "pump-roles:key-policy",
                "this app cannot change the policy of the key; no email is sent unless it allows "
                f"{_SERVICE} kms:Decrypt and kms:GenerateDataKey*",
            )

    def _rule(
        self,
        id: str,
        description: str,
        pattern: Mapping[str, Any],
        paths: Mapping[str, str],
        email: str,
    ) -> events.CfnRule:
        lines = [f'"{line}"' for line in email.splitlines()]
        return events.CfnRule(
            self,
            id,
            description=description,
            event_pattern=pattern,
            targets=[
                events.CfnRule.TargetProperty(
                    id="Topic",
                    arn=self.topic.topic_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        # Only what each of these events has, in a fixed format: a value that is
                        # missing, or has quotation marks, could prevent the email.
                        input_paths_map={"account": "$.account", "time": "$.time", **paths},
                        input_template=Fn.sub("\n".join(lines)),
                    ),
                )
            ],
        )


def _pattern(role_names: Sequence[str]) -> dict[str, Any]:
    calls: dict[str, list[dict[str, str]]] = {}
    for action in [*Guardrail.NO_COMMITMENTS.reasons, _JOINS]:
        service, _, name = action.partition(":")
        # The name of an event may end with a version of the API.
        calls.setdefault(service, []).append({"prefix": name.removesuffix("*")})
    pattern = {
        # No other event has such a source.
        "source": [{"prefix": "aws."}],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "$or": [
                {"eventSource": sources_of(service), "eventName": names}
                for service, names in calls.items()
            ],
            "errorCode": [{"exists": False}],
            "userIdentity": {"sessionContext": {"sessionIssuer": {"userName": [*role_names]}}},
        },
    }
    if (size := validators.policy_size(pattern)) > _PATTERN:
        raise ArgumentError(
            "role_names",
            f"with these names, the event pattern would have {size:,} characters, at most "
            f"{_PATTERN:,} allowed; use a second alarm for some of them",
        )
    return pattern


def _topic_policy(topic: str, rules: Sequence[str]) -> list[iam.PolicyStatement]:
    deny: Any = {"effect": iam.Effect.DENY, "principals": [iam.StarPrincipal()]}
    publish: Any = {"actions": ["sns:Publish"], "resources": [topic]}
    by_another = {
        "Null": {"aws:SourceArn": "false"},
        "ArnNotEquals": {"aws:SourceArn": [*rules]},
    }
    unencrypted = {"Bool": {"aws:SecureTransport": "false"}}
    return [
        # Without a condition, because AWS documents none for EventBridge: Amazon EventBridge User
        # Guide, "Using resource-based policies for Amazon EventBridge".
        iam.PolicyStatement(**publish, principals=[iam.ServicePrincipal(_SERVICE)]),
        # So another rule is denied only if EventBridge says which one it is.
        iam.PolicyStatement(**publish, **deny, conditions=by_another),
        iam.PolicyStatement(**publish, **deny, conditions=unencrypted),
    ]


def _name_of(role: object) -> str:
    if isinstance(role, Rollout):
        return role.role_name
    return str(role.resource.role_name) if isinstance(role, PumpRole) else ""
