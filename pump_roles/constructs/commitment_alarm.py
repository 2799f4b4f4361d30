"""Emails about changes to commitments, to the organization, and to the roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aws_cdk import Annotations, Aws, CfnCondition, CfnMapping, CfnResource, Fn, Stack, Token
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from pump_roles.constructs import acknowledge
from pump_roles.constructs.delivery import UNDELIVERED, UndeliveredQueue, add_service_role
from pump_roles.constructs.roles import ROLE_CHANGES, name_of, property_of
from pump_roles.event_sources import sources_of
from pump_roles.guardrails import APPROVAL_END, Guardrail, by_name
from pump_roles.inputs import validators
from pump_roles.inputs.validators import ArgumentError, names_the_construct
from pump_roles.published import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from aws_cdk import aws_kms as kms

    from pump_roles.constructs.roles import PumpRole
    from pump_roles.constructs.rollouts import Rollout

_PATTERN: Final = 2_048
"""Amazon EventBridge User Guide, "Amazon EventBridge quotas": the default."""

_ALARM_REGION: Final = "pump-roles:alarm-region"
_HOMES: Final = {
    partition: validators.GLOBAL_REGIONS[partition]
    for partition in validators.FORWARDING_PARTITIONS
}
"""The Region with the alarm in each partition where other Regions can send events to it."""

_SERVICE: Final = "events.amazonaws.com"
_CLOUDWATCH: Final = "cloudwatch.amazonaws.com"
_BUS: Final = "arn:${{AWS::Partition}}:events:{region}:{account}:event-bus/default"
_OF_AWS: Final = "aws."
"""How the source of an event begins only if AWS sends it: Amazon EventBridge API Reference,
"PutEventsRequestEntry"."""

_CALLED: Final = "AWS API Call via CloudTrail"
_RECORDED: Final = "AWS Service Event via CloudTrail"

_ORGANIZATION_CALLS: Final = (
    "AcceptHandshake",
    "InviteAccountToOrganization",
    "InviteOrganizationToTransferResponsibility",
    "LeaveOrganization",
    "RemoveAccountFromOrganization",
    "TerminateResponsibilityTransfer",
    "UpdateResponsibilityTransfer",
)
_POLICY_CALLS: Final = ("DeletePolicy", "DetachPolicy", "UpdatePolicy")
"""Their events have only the ID of the policy: AWS Organizations API Reference."""

_MEMBERSHIP: Final = (
    "AccountDepartedOrganization",
    "AccountJoinedOrganization",
    "ResponsibilityTransferAccepted",
)
"""AWS Organizations API Reference, "AcceptHandshake", "CreateAccount", "LeaveOrganization", and
"RemoveAccountFromOrganization"."""

_PLAN: Final = """\
A Savings Plan became <state> in account <account>, <region>, at <time>.
Plan: <plan>
Who: this event does not say. If Pump's role made a call, another email says so.
"""
_CALL: Final = """\
Pump's role called <call> (<source>) in account <account>, <region>, at <time>.
"""
_ORGANIZATION_CALL: Final = """\
Someone called <call> (<source>) in account <account>, <region>, at <time>.
"""
_ORGANIZATION_EVENT: Final = """\
AWS Organizations recorded <call> in account <account>, <region>, at <time>.
Who: this event does not say. If someone made a call in an account with this alarm, another \
email says who.
"""
_ROLE_CHANGE: Final = """\
Someone called <call> (<source>) on the role <role> in account <account>, <region>, at <time>.
"""
_SAFEGUARD: Final = """\
Someone called <call> (<source>) in account <account>, <region>, at <time>.
"""
_NOT_DELIVERED: Final = """\
Something about Pump was not delivered in account <account>, <region>, at <time>.
What it means: an email may be missing, or an approval may still be open.
To see which queue has it: aws cloudwatch describe-alarms --region <region> --alarm-names <alarm>
Read on: What was not delivered, in docs/alarm.md of pump-roles.
"""
_WHO: Final = """\
Who: <who>
"""
_DETAILS: Final = """\
Details: aws cloudtrail lookup-events --region <region> \
--lookup-attributes AttributeKey=EventId,AttributeValue=<event>
"""
_ORGANIZATION: Final = """\
What it means: with this, an account joins or leaves an organization, or another account pays its \
bill. The management account of an organization can do more in its accounts than both of Pump's \
roles.
Read on: Leave Pump, in docs/leave.md of pump-roles.
"""
_ROLE: Final = """\
What it means: TagRole can open an approval, and UntagRole close it. With any other call, the role \
may have other permissions than Pump publishes, or trust others.
To compare the role with what you expect: pump-roles verify
"""
_LIMITS: Final = """\
What it means: a call on a role is about PumpApprovalEnd, which ends approvals. A call on a policy \
may be about StopPump or ProtectPumpRoles: AWS gives only the ID of the policy.
To compare them with what you expect: pump-roles verify
"""
_RETURN: Final = """\
To return a Savings Plan: aws savingsplans return-savings-plan --savings-plan-id ID
Until: 7 days after the purchase, in the same calendar month (UTC), up to $100 an hour.
When exactly: returnableUntil in aws savingsplans describe-savings-plans. \
Nothing else can be returned.
"""
_STOP: Final = """\
To stop Pump: aws iam put-role-permissions-boundary --role-name <role> \
--permissions-boundary arn:${AWS::Partition}:iam::aws:policy/AWSDenyAll
Then, or if your organization denies that: Stop Pump now<page>
"""
"""A line is in quotation marks, and ends where an email should have a new line: Amazon EventBridge
User Guide, "Amazon EventBridge input transformation". So a line has none of its own. The report
would list a rule that names a role outside its pattern, so ``ROLE`` is in its place."""

_PAGE: Final = ", in docs/stop.md of pump-roles."

_EMAILS: Final = {
    "SavingsPlans": ("A Savings Plan changed its state", _PLAN + _RETURN + _STOP),
    "Calls": ("Pump's role changed commitments", _CALL + _WHO + _DETAILS + _RETURN + _STOP),
    "OrganizationCalls": (
        "Someone called what changes the organization or the bill",
        _ORGANIZATION_CALL + _WHO + _DETAILS + _ORGANIZATION + _STOP,
    ),
    "Membership": (
        "The organization or the bill changed",
        _ORGANIZATION_EVENT + _DETAILS + _ORGANIZATION + _STOP,
    ),
    "RoleChanges": (
        "Someone changed Pump's role, or opened or closed an approval",
        _ROLE_CHANGE + _WHO + _DETAILS + _ROLE + _STOP,
    ),
    "Safeguards": (
        "Someone changed what ends approvals, or a policy of the organization",
        _SAFEGUARD + _WHO + _DETAILS + _LIMITS + _STOP,
    ),
    "Undelivered": (UNDELIVERED, _NOT_DELIVERED + _STOP),
}
"""What each rule is for, and its email."""

_OF_CALL: Final = {
    "call": "$.detail.eventName",
    "event": "$.detail.eventID",
}
_OF_CALLER: Final = {
    **_OF_CALL,
    "source": "$.detail.eventSource",
    "who": "$.detail.userIdentity.arn",
}
_VALUES: Final = {
    "SavingsPlans": {"plan": "$.resources[0]", "state": "$.detail.currentState"},
    "Calls": {
        **_OF_CALLER,
        "role": "$.detail.userIdentity.sessionContext.sessionIssuer.userName",
    },
    "OrganizationCalls": _OF_CALLER,
    "Membership": _OF_CALL,
    "RoleChanges": {**_OF_CALLER, "role": "$.detail.requestParameters.roleName"},
    "Safeguards": _OF_CALLER,
    "Undelivered": {"alarm": "$.detail.alarmName"},
}
"""Only what each of these events has, in a fixed format: a value that is missing, or has quotation
marks, could prevent the email."""


class CommitmentAlarm(Construct):
    """Sends an email for every change to commitments, to the organization, and to the roles.

    It consists of a topic of Amazon SNS with the addresses, and seven rules of Amazon EventBridge:

    - A Savings Plan changed its state, whoever changed it, unless its term ended. AWS does not say
      who caused these events.
    - One of the roles made a call that :attr:`Guardrail.NO_COMMITMENTS` denies.
    - Anyone called what changes the organization of an account, or who pays its bill.
    - AWS Organizations recorded that an account joined or left an organization, or that another
      account pays its bill.
    - Anyone made a call about one of the roles that :class:`pump_roles.RoleProtection` denies, or
      set or removed a tag that opens a guardrail. The schedule of :class:`pump_roles.ApprovalEnd`
      does not count.
    - Anyone made such a call about the role of :class:`pump_roles.ApprovalEnd`, or detached,
      updated, or deleted a policy of the organization. AWS does not say the policy's name.
    - An :class:`pump_roles.AlarmForwarder` or an :class:`pump_roles.ApprovalEnd` could not deliver
      something.

    What a rule itself cannot deliver, a queue keeps for 14 days, with an alarm of Amazon CloudWatch
    on the same topic.

    Refused calls do not count. What is about calls needs a trail of AWS CloudTrail that records
    management events. Deploy it once, in us-east-1, where all of these events arrive except
    purchases of reservations: in another Region, the synth warns (``pump-roles:alarm-region``).
    Deploy an :class:`pump_roles.AlarmForwarder` in each other Region
    where Pump may buy. AWS delivers these events on a best-effort basis, each address must confirm
    its subscription and can end it, and a purchase that was queued completes without a call.

    Sources: Savings Plans User Guide, ["Automating Savings Plans with Amazon
    EventBridge"](https://docs.aws.amazon.com/savingsplans/latest/userguide/automating-savingsplans-with-eventbridge.html);
    Amazon EventBridge User Guide, ["AWS service events delivered via AWS
    CloudTrail"](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html);
    Amazon EventBridge Events Reference, ["AWS Organizations
    events"](https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-organizations.html).

    Not run on AWS.
    """

    @names_the_construct
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        emails: Sequence[str] = (),
        topic: sns.ITopic | None = None,
        roles: Sequence[PumpRole | Rollout | str] = (ROLES["auto-pilot"].name,),
        key: kms.IKey | None = None,
        from_accounts: Sequence[str] = (),
        from_organization: str | None = None,
        stop_page: str | None = None,
    ) -> None:
        """Create the alarm.

        :param scope: the construct that this one belongs to.
        :param id: the construct's ID in the scope.
        :param emails: 1 to 10 email addresses, without duplicates, ignoring case. By default, none;
            then ``topic`` is required.
        :param topic: an existing topic of this Region, instead of addresses, such as one of a chat
            or a paging service. A topic of this app gets the statements with which EventBridge and
            CloudWatch can publish; for another one, the synth warns.
        :param roles: Pump's roles, their rollouts, or their names, with their paths, at least 1,
            without duplicates. A path does not matter. By default, ``PumpAutoPilotRole``.
        :param key: a customer managed key of this Region, which encrypts the topic. The key's
            policy must let EventBridge and CloudWatch use it: a key of this app gets these
            statements; for another one, the synth warns. By default, the topic is not encrypted.
        :param from_accounts: the 12-digit IDs of the other accounts, at most 200, whose forwarders
            may put events of AWS with these detail types on the default event bus of this account.
            By default, none.
        :param from_organization: the ID of an organization whose accounts may do that, instead. An
            account that leaves it may no longer. By default, none.
        :param stop_page: the address of your copy of ``docs/stop.md``, which begins with
            ``https://`` and has at most 500 characters, for the emails. By default, they name the
            file.
        :raises ArgumentError: a ``ValueError``, if an argument is not a literal that AWS accepts,
            something is listed twice, not exactly one of addresses and a topic is passed, a key is
            passed with a topic, both accounts and an organization are passed, or the names make an
            event pattern longer than the 2,048 characters that EventBridge accepts by default.

        Sources: Amazon SNS Developer Guide, "Managing Amazon SNS encryption keys and costs"; Amazon
        EventBridge User Guide, "Permissions for event buses in Amazon EventBridge".
        """
        super().__init__(scope, id)
        emails = _addresses(emails, topic, key)
        patterns = _patterns(roles)
        page = _PAGE
        if stop_page is not None:
            page = f": {validators.PAGE.check('stop_page', stop_page)}"
        self._receive(from_accounts, from_organization, patterns)
        self.topic: Final[sns.ITopic] = (
            sns.Topic(self, "Topic", display_name="Pump commitments", master_key=key)
            if topic is None
            else topic
        )
        """The topic. To send the alarms elsewhere as well, add subscriptions to it."""
        # The IDs do not depend on the order, because an address must confirm a new subscription.
        self._subscriptions = [
            sns.CfnSubscription(
                self,
                email.lower(),
                topic_arn=self.topic.topic_arn,
                protocol="email",
                endpoint=email,
            )
            for email in emails
        ]
        self._undelivered = UndeliveredQueue(self, topic=self.topic.topic_arn)
        rules = [self._rule(rule, pattern, page) for rule, pattern in patterns.items()]
        self._undelivered.take_from(rules)
        self._allow_publishing(rules, is_own=topic is None)
        if key is not None:
            self._allow_encryption(key)
        self._warn_if_elsewhere()

    def acknowledge_cdk_nag(self) -> None:
        """Acknowledge cdk-nag's findings, with the reasons.

        Without this call they remain findings, because the owner of the app decides whether they
        are acceptable. AwsSolutions and Serverless do not see that the queue is the dead-letter
        queue of rules. Serverless also reports that what an email subscription cannot deliver is
        lost. The packs for HIPAA, NIST 800-53, and PCI DSS report that the topic has no ``key``.
        For a ``topic`` that you pass, nothing is acknowledged.

        Requires cdk-nag 3 or later, because earlier versions do not read acknowledgments.
        """
        for subscription in self._subscriptions:
            acknowledge(subscription, "email-subscription")
        topic = self.topic.node.default_child
        if self._subscriptions and isinstance(topic, sns.CfnTopic) and not topic.kms_master_key_id:
            acknowledge(topic, "topic-without-key")
        self._undelivered.acknowledge_cdk_nag()

    def _allow_publishing(self, rules: Sequence[str], *, is_own: bool) -> None:
        statements = _topic_policy(self.topic.topic_arn, rules, self._undelivered.alarm_arn)
        # A topic of the customer can have other publishers, which no deny may affect.
        added = [
            self.topic.add_to_resource_policy(statement).statement_added
            for statement in statements
            if is_own or statement.effect == iam.Effect.ALLOW
        ]
        if not all(added):
            Annotations.of(self).add_warning_v2(
                "pump-roles:topic-policy",
                "this app cannot change the policy of the topic; nothing is sent unless it allows "
                f"{_SERVICE} and {_CLOUDWATCH} sns:Publish",
            )

    def _allow_encryption(self, key: kms.IKey) -> None:
        services = (_SERVICE, _CLOUDWATCH)
        added = [
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    # Without a condition: the source says that EventBridge supports none here.
                    principals=[iam.ServicePrincipal(service)],
                    actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                    resources=["*"],
                ),
                True,  # noqa: FBT003
            ).statement_added
            for service in services
        ]
        if not all(added):
            Annotations.of(self).add_warning_v2(
                "pump-roles:key-policy",
                "this app cannot change the policy of the key; no email is sent unless it allows "
                f"{' and '.join(services)} kms:Decrypt and kms:GenerateDataKey*",
            )

    def _receive(
        self,
        accounts: Sequence[str],
        organization: str | None,
        patterns: Mapping[str, Mapping[str, Any]],
    ) -> None:
        if accounts not in ((), []):
            accounts = validators.SENDING_ACCOUNTS.check("from_accounts", accounts)
        if organization is not None:
            validators.ORGANIZATION.check("from_organization", organization)
        if accounts and organization:
            raise ArgumentError("from_organization", "omit {other}, or this", other="from_accounts")
        if not (accounts or organization):
            return
        types = {kind for pattern in patterns.values() for kind in pattern["detail-type"]}
        # Service Authorization Reference, "Condition keys for Amazon EventBridge": both are lists.
        condition: dict[str, Any] = {
            "ForAllValues:StringEquals": {"events:detail-type": sorted(types)},
            "ForAllValues:StringLike": {"events:source": f"{_OF_AWS}*"},
            "Null": {"events:detail-type": "false", "events:source": "false"},
        }
        if organization:
            condition["StringEquals"] = {"aws:PrincipalOrgID": organization}
        statement = {
            "Effect": "Allow",
            "Principal": "*" if organization else {"AWS": [*accounts]},
            "Action": "events:PutEvents",
            "Resource": Fn.sub(_BUS.format(region="${AWS::Region}", account="${AWS::AccountId}")),
            "Condition": condition,
        }
        # CDK's own class warns about a property that is not used here.
        CfnResource(
            self,
            "Bus",
            type="AWS::Events::EventBusPolicy",
            properties={"Statement": statement, "StatementId": "PumpAlarm"},
        )

    def _warn_if_elsewhere(self) -> None:
        here, home = Stack.of(self).region, _home(self)
        if home not in ("", here):
            Annotations.of(self).add_warning_v2(
                _ALARM_REGION,
                f"the events arrive in {home}, except purchases of reservations, but the stack is "
                f"in {here}; deploy the alarm in {home}, and an AlarmForwarder here",
            )

    def _rule(self, id: str, pattern: Mapping[str, Any], page: str) -> str:
        description, email = _EMAILS[id]
        email = email.replace("<page>", page)
        shared = {name: f"$.{name}" for name in ("account", "region", "time")}
        values = {**shared, **_VALUES[id]}
        if "role" not in values:
            email = email.replace("<role>", "ROLE")
        lines = [f'"{line}"' for line in email.splitlines()]
        rule = events.CfnRule(
            self,
            id,
            description=description,
            event_pattern=pattern,
            targets=[
                events.CfnRule.TargetProperty(
                    id="Topic",
                    arn=self.topic.topic_arn,
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map=values, input_template=Fn.sub("\n".join(lines))
                    ),
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                        arn=self._undelivered.arn
                    ),
                )
            ],
        )
        return str(rule.attr_arn)


class AlarmForwarder(Construct):
    """Sends the events that :class:`CommitmentAlarm` looks for to us-east-1, where the alarm is.

    It consists of the alarm's rules, whose target is the default event bus of us-east-1, and a
    role, with which EventBridge can put events on this bus and do nothing else. An event keeps its
    account and its Region. What cannot be sent, a queue keeps for 14 days, and an alarm of Amazon
    CloudWatch says so with another event. Deploy it in each other Region where Pump may buy, and,
    if the alarm is in another account, in us-east-1 of each account, too. Where the alarm itself
    is, the template creates nothing, because a bus that sends to itself would not end, and the
    synth warns (``pump-roles:alarm-region``).

    In AWS GovCloud (US), the alarm is in us-gov-west-1 instead. In China, deploy an alarm in each
    Region: whether EventBridge sends events between them is not confirmed. The deployment fails
    there, and in every other partition.

    Sources: Amazon EventBridge User Guide, ["Sending and receiving events between AWS Regions in
    Amazon EventBridge"](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html);
    AWS What's New of June 30, 2022, about cross-Region routing in AWS GovCloud
    (US).

    Not run on AWS.
    """

    @names_the_construct
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        account: str | None = None,
        roles: Sequence[PumpRole | Rollout | str] = (ROLES["auto-pilot"].name,),
    ) -> None:
        """Create the rules.

        :param scope: the construct that this one belongs to.
        :param id: the construct's ID in the scope.
        :param account: the 12-digit ID of the account with the alarm, whose ``from_accounts`` or
            ``from_organization`` must cover this account. By default, this account.
        :param roles: as for :class:`CommitmentAlarm`.
        :raises ArgumentError: as for :class:`CommitmentAlarm`.
        """
        super().__init__(scope, id)
        if account is not None:
            account = validators.ACCOUNT.check("account", account)
        patterns = _patterns(roles)
        mapping = {partition: {"Region": region} for partition, region in _HOMES.items()}
        home = CfnMapping(self, "Home", mapping=mapping).find_in_map(Aws.PARTITION, "Region")
        # The names of Regions are unique across partitions.
        at_home = (Fn.condition_equals(Aws.REGION, region) for region in _HOMES.values())
        elsewhere = Fn.condition_not(Fn.condition_or(*at_home))
        if account is not None:
            other = Fn.condition_not(Fn.condition_equals(Aws.ACCOUNT_ID, account))
            elsewhere = Fn.condition_or(elsewhere, other)
        condition = CfnCondition(self, "Elsewhere", expression=elsewhere)
        bus = Fn.sub(
            _BUS.format(region="${Home}", account=account or "${AWS::AccountId}"), {"Home": home}
        )
        self._role = role = add_service_role(
            self,
            _SERVICE,
            description="Sends events to Pump's alarm",
            only_from={"aws:SourceAccount": Aws.ACCOUNT_ID},
            allowed={"PutEvents": {"Action": "events:PutEvents", "Resource": bus}},
        )
        self._undelivered = undelivered = UndeliveredQueue(self, condition=condition)
        target = events.CfnRule.TargetProperty(
            id="Bus",
            arn=bus,
            role_arn=role.attr_arn,
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=undelivered.arn),
        )
        rules = [
            events.CfnRule(
                self,
                rule,
                description=_EMAILS[rule][0],
                event_pattern=pattern,
                targets=[target],
            )
            for rule, pattern in patterns.items()
        ]
        undelivered.take_from([rule.attr_arn for rule in rules])
        for resource in (role, *rules):
            resource.cfn_options.condition = condition
        here = Stack.of(self)
        if _home(self) == here.region and account in (None, here.account):
            Annotations.of(self).add_warning_v2(
                _ALARM_REGION,
                f"the alarm itself is in {here.region} of this account, so nothing is created; "
                "deploy the forwarder in another Region, or pass the account of the alarm",
            )

    def acknowledge_cdk_nag(self) -> None:
        """Acknowledge cdk-nag's findings, as :meth:`CommitmentAlarm.acknowledge_cdk_nag`.

        AwsSolutions and Serverless do not see that the queue is the dead-letter queue. The packs
        for HIPAA, NIST 800-53, and PCI DSS report that the policies of the role are inline. Those
        for HIPAA and NIST 800-53 also report that the queue's alarm has no action: a rule of
        :class:`CommitmentAlarm` sends the email about it.
        """
        acknowledge(self._role, "inline-policies")
        self._undelivered.acknowledge_cdk_nag()


def _home(construct: Construct) -> str:
    # The Region with the alarm; empty if it is not known, or each Region has its own.
    region = Stack.of(construct).region
    if Token.is_unresolved(region):
        return ""
    is_known = region in validators.REGION_NAMES
    partition = validators.partition_of_region(region) if is_known else "aws"
    return _HOMES.get(partition, "")


def _addresses(
    emails: Sequence[str], topic: sns.ITopic | None, key: kms.IKey | None
) -> Sequence[str]:
    # None if there is a topic, which has its own subscriptions and its own key.
    if key is not None and not property_of(key, "key_arn"):
        raise ArgumentError("key", f"{key!r} is not a key of AWS KMS, such as kms.Key")
    if topic is None:
        if emails in ((), []):
            raise ArgumentError("emails", "this or {other} is required", other="topic")
        return validators.EMAILS.check("emails", emails)
    if emails not in ((), []) or key is not None:
        other = "emails" if key is None else "key"
        raise ArgumentError("topic", "cannot be combined with {other}", other=other)
    if not property_of(topic, "topic_arn"):
        raise ArgumentError("topic", f"{topic!r} is not a topic of Amazon SNS, such as sns.Topic")
    return ()


def _patterns(roles: Sequence[PumpRole | Rollout | str]) -> dict[str, dict[str, Any]]:
    """Return the events that the alarm looks for, by the rule."""
    listed = validators.ROLES_TO_ASSUME.check("roles", roles, reference=name_of)
    role_names = list(dict.fromkeys(name.rpartition("/")[2] for name in listed))
    calls: dict[str, list[str]] = {}
    for action in Guardrail.NO_COMMITMENTS.reasons:
        calls.setdefault(action.partition(":")[0], []).append(action)
    succeeded = {"errorCode": [{"exists": False}]}
    # IAM compares the names of roles and the keys of tags without case.
    tags = [{"equals-ignore-case": found.tag} for found in by_name().values() if found.tag]
    patterns: dict[str, dict[str, Any]] = {
        "SavingsPlans": {
            "source": ["aws.savingsplans"],
            "detail-type": ["Savings Plans State Change"],
            "detail": {"currentState": [{"anything-but": ["retired"]}]},
        },
        "Calls": {
            # No other event has such a source.
            "source": [{"prefix": _OF_AWS}],
            "detail-type": [_CALLED],
            "detail": {
                "$or": [
                    {"eventSource": sources_of(service), "eventName": _event_names(actions)}
                    for service, actions in calls.items()
                ],
                **succeeded,
                "userIdentity": {"sessionContext": {"sessionIssuer": {"userName": [*role_names]}}},
            },
        },
        "OrganizationCalls": {
            "source": ["aws.organizations"],
            "detail-type": [_CALLED],
            "detail": {
                "eventSource": ["organizations.amazonaws.com"],
                "eventName": [*_ORGANIZATION_CALLS],
                **succeeded,
            },
        },
        "Membership": {
            "source": ["aws.organizations"],
            # AWS shows none of these events. Their names tell them from calls.
            "detail-type": [_CALLED, _RECORDED],
            "detail": {
                "eventSource": ["organizations.amazonaws.com"],
                "eventName": [*_MEMBERSHIP],
            },
        },
        "RoleChanges": {
            "source": ["aws.iam"],
            "detail-type": [_CALLED],
            "detail": {
                "eventSource": ["iam.amazonaws.com"],
                **succeeded,
                "$or": [
                    {"eventName": _event_names(ROLE_CHANGES)},
                    {"eventName": ["TagRole"], "requestParameters": {"tags": {"key": tags}}},
                    {
                        "eventName": ["UntagRole"],
                        "requestParameters": {"tagKeys": tags},
                        # The schedule calls this every day.
                        "userIdentity": {
                            "sessionContext": {
                                "sessionIssuer": {
                                    "userName": [
                                        {"anything-but": [APPROVAL_END]},
                                        {"exists": False},
                                    ]
                                }
                            }
                        },
                    },
                ],
                "requestParameters": {
                    "roleName": [{"equals-ignore-case": name} for name in role_names]
                },
            },
        },
        "Safeguards": {
            "source": ["aws.iam", "aws.organizations"],
            "detail-type": [_CALLED],
            "detail": {
                **succeeded,
                "$or": [
                    {
                        "eventSource": ["iam.amazonaws.com"],
                        "eventName": _event_names(ROLE_CHANGES),
                        "requestParameters": {"roleName": [{"equals-ignore-case": APPROVAL_END}]},
                    },
                    {
                        "eventSource": ["organizations.amazonaws.com"],
                        "eventName": [*_POLICY_CALLS],
                    },
                ],
            },
        },
        "Undelivered": {
            "source": ["aws.cloudwatch"],
            # Amazon CloudWatch User Guide, "Alarm events and EventBridge".
            "detail-type": ["CloudWatch Alarm State Change"],
            "detail": {
                "configuration": {"description": [UNDELIVERED]},
                "state": {"value": ["ALARM"]},
            },
        },
    }
    for pattern in patterns.values():
        if (size := validators.policy_size(pattern)) > _PATTERN:
            raise ArgumentError(
                "roles",
                f"with these names, the event pattern would have {size:,} characters, at most "
                f"{_PATTERN:,} allowed; use a second alarm for some of them",
            )
    return patterns


def _event_names(actions: Iterable[str]) -> list[dict[str, str]]:
    # The name of an event may end with a version of the API.
    return [{"prefix": action.partition(":")[2].removesuffix("*")} for action in actions]


def _topic_policy(topic: str, rules: Sequence[str], alarm: str) -> list[iam.PolicyStatement]:
    deny: Any = {"effect": iam.Effect.DENY, "principals": [iam.StarPrincipal()]}
    publish: Any = {"actions": ["sns:Publish"], "resources": [topic]}
    by_another = {
        "Null": {"aws:SourceArn": "false"},
        "ArnNotEquals": {"aws:SourceArn": [*rules, alarm]},
    }
    unencrypted = {"Bool": {"aws:SecureTransport": "false"}}
    return [
        # Without a condition, because AWS documents none for EventBridge: Amazon EventBridge User
        # Guide, "Using resource-based policies for Amazon EventBridge".
        iam.PolicyStatement(**publish, principals=[iam.ServicePrincipal(_SERVICE)]),
        # So another rule is denied only if EventBridge says which one it is.
        iam.PolicyStatement(**publish, **deny, conditions=by_another),
        iam.PolicyStatement(**publish, **deny, conditions=unencrypted),
        # Amazon SNS Developer Guide, "Example cases for Amazon SNS access control".
        iam.PolicyStatement(
            **publish,
            principals=[iam.ServicePrincipal(_CLOUDWATCH)],
            conditions={"ArnEquals": {"aws:SourceArn": alarm}},
        ),
    ]
