"""`make smoke-org`: each construct in a sandbox organization, events of its rules, and a stop.

Run it with credentials of the management account, which also plays Pump. They may not be the root
user's, which cannot assume a role. The organization must allow StackSets, have both types of
policies enabled, and a trail of management events. It works only in the accounts that you name, and
buys nothing. If it ends early, the next run continues after the last step that passed, or removes
everything. What passed on AWS is in ``docs/smoke.json``, from
which the security model says it.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any, Final, NamedTuple
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from pump_roles.app.config import FORWARDED_REGIONS
from pump_roles.constructs.delivery import UNDELIVERED
from pump_roles.inputs import validators
from pump_roles.review.account.organization import accounts_below
from tools.sandbox.cdk import ROOT
from tools.sandbox.demo import decision_on
from tools.sandbox.show import AUTO_PILOT_ROLE, READ_ONLY_ROLE
from tools.sandbox.simulator import ALLOWED, EXPLICITLY_DENIED
from tools.sandbox.smoke import Account, Smoke

RESULT: Final = ROOT / "docs" / "smoke.json"
"""What passed on AWS. It is committed. What passed on the emulator is in ``cdk.out``."""

HOME: Final = "us-east-1"
"""The Region of all stacks but one."""

MARK: Final = {"purpose": "pump-roles-smoke"}
"""The tag of the stacks, by which a run knows its own: it changes and deletes no others."""

ROLES: Final = ("PumpReadOnly", "PumpAutoPilot")
ROLLOUTS: Final = ("PumpReadOnlyRollout", "PumpAutoPilotRollout")
PROTECTION, ALARM, FORWARDER = "PumpProtection", "PumpAlarm", "PumpAlarmForwarder"
APPROVAL, QUEUE, STOP = "PumpApproval", "PumpSmoke", "StopPump"
POLICIES: Final = {"ProtectPumpRoles", "PumpTrust", STOP}
APPROVED: Final = {"Key": "pump-commitments", "Value": "approved"}

LEFT: Final = {
    "the delivery of an email": "only its reader sees it; a queue receives the same message",
    "a Savings Plan that changes its state": "it would have to be bought",
    "an invitation, an account that joins or leaves, and a transfer of the bill": (
        "an account would have to move"
    ),
}
"""What no run tries, with the reason."""


class Named(NamedTuple):
    """What the caller names."""

    account: str
    unit: str
    members: Sequence[str]
    region: str
    email: str


class Step(NamedTuple):
    """A step of the run, which returns whether what it checks holds.

    :param constructs: those that it tries.
    :param needs: what only AWS has, if the emulator cannot run it.
    """

    name: str
    run: Callable[[], bool]
    constructs: str = ""
    needs: str = ""


class SmokeOrganization(Smoke):
    """The life of everything that the app deploys to an organization."""

    ended = "Run it again: it continues, or removes everything."

    def __init__(self, named: Named) -> None:
        super().__init__(Account(), None)
        self.named = named
        self.on_aws = "amazonaws.com" in self.client("sts").meta.endpoint_url
        self.file = RESULT if self.on_aws else ROOT / "cdk.out" / RESULT.name
        # Only this account can assume the roles, and each run must have the same one.
        self.external_id = f"pump-roles-smoke-{named.account}"

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps, in their order."""
        events, policies = "events of calls", "service control policies that are enforced"
        roles = "ReadOnlyRole AutoPilotRole ReadOnlyStack AutoPilotStack"
        organization = "RoleProtection EmergencyStop TrustProtection"
        return (
            Step("both roles, as verify sees them", self.deploy_roles, roles),
            Step("both rollouts", self.roll_out, "ReadOnlyRollout AutoPilotRollout"),
            Step("the three policies", self.protect, organization),
            Step("the alarm in two Regions", self.alarm, "CommitmentAlarm AlarmForwarder"),
            Step("the daily end of an approval", lambda: self.deploy_stacks(APPROVAL)),
            Step("an approval that ended", self.approve, "ApprovalEnd", "universal targets"),
            Step("a stop of the unit", lambda: self.stop(stopped=True), needs=policies),
            Step("the end of the stop", lambda: self.stop(stopped=False), needs=policies),
            Step("a message about each event", self.received, needs=events),
        )

    def check(self) -> None:
        """Raise an error unless the account is the one that is named, with no other stacks."""
        management = self.client("organizations").describe_organization()["Organization"]
        for what, found in (
            ("the account of your credentials", self.account.id),
            ("the management account", management["MasterAccountId"]),
        ):
            if found != self.named.account:
                raise ValueError(f"ACCOUNT: {what} is {found}, not {self.named.account}")
        for region, stack, tags in self.stacks():
            if not MARK.items() <= tags.items():
                raise ValueError(f"{stack} is in {region} already, and no run created it")

    def check_to_create(self) -> None:
        """Raise an error unless the members are those that are named, and the commit is, too."""
        found = accounts_below(self.client("organizations"), [self.named.unit])
        if {account.id for account in found} != {*self.named.members}:
            members = ", ".join(account.id for account in found) or "no account"
            raise ValueError(f"MEMBERS: {self.named.unit} contains {members}; name each")
        if self.on_aws and git("status", "--porcelain", "--", ".", f":!docs/{RESULT.name}"):
            raise ValueError("commit your changes first: the result names the commit")

    def stacks(self) -> Iterator[tuple[str, str, Mapping[str, str]]]:
        """Yield the Region, the name, and the tags of each stack, in the order of the removal."""
        home = (APPROVAL, ALARM, PROTECTION, *ROLLOUTS, *ROLES)
        for region, names in ((self.named.region, (FORWARDER,)), (HOME, home)):
            pages = self.client("cloudformation", region).get_paginator("describe_stacks")
            found = {
                each["StackName"]: each for page in pages.paginate() for each in page["Stacks"]
            }
            for name in filter(found.__contains__, names):
                yield region, name, {tag["Key"]: tag["Value"] for tag in found[name]["Tags"]}

    def show(self) -> None:
        """Run the steps that did not pass yet, and remove everything."""
        self.check_to_create()
        self.configure(self.settings())
        commit = git("rev-parse", "HEAD")
        result: dict[str, Any] = {"commit": commit, "region": self.named.region, "removed": False}
        before = self.saved()
        passed = before["passed"] if result.items() <= before.items() else []
        left, covered = dict(LEFT), ""
        for step in self.steps:
            self.part(step.name)
            if step.needs and not self.on_aws:
                left[step.name] = f"the emulator has no {step.needs}"
            elif step.name in passed:
                self.console.print("passed before")
            else:
                labels = ("passed", "failed")
                self.console.print(self.verdict(step.run(), should=True, labels=labels))
                passed += [step.name] if self.passed else []
            covered += f" {step.constructs}" if step.name in passed else ""
            result["date"] = f"{datetime.now(timezone.utc):%Y-%m-%d}"
            result |= {"passed": passed, "constructs": sorted(covered.split()), "left": left}
            self.save(result)
        self.remove()
        for what, why in left.items():
            self.console.print(f"not run: {what}: {why}")

    def saved(self) -> dict[str, Any]:
        """Return what the last run kept."""
        found: dict[str, Any] = {}
        return json.loads(self.file.read_text("utf-8")) if self.file.exists() else found

    def save(self, result: Mapping[str, Any]) -> None:
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text(json.dumps(result, indent=2) + "\n", "utf-8")

    def settings(self, ends: str = "20:00") -> dict[str, Any]:
        """Return what is in ``pump.json``."""
        units = {"organizational-units": [self.named.unit]}
        return {
            "principal": self.named.account,
            "external-id": self.external_id,
            "guardrails": ["recommended"],
            "tags": MARK,
            "read-only": units,
            "auto-pilot": {**units, "guardrails": ["only-when-approved"], "approval-ends": ends},
            "protection": {"targets": [self.named.unit], "trust": True},
            "alarm": {"emails": [self.named.email], "regions": [self.named.region]},
        }

    def client(self, service: str, region: str = HOME, session: Any = None) -> Any:
        """Return a client of the management account, or of a session of a role."""
        # boto3's type stubs require a literal name.
        create: Any = self.account.session.client
        return create(service, region_name=region, **(session or {}))

    def deploy_stacks(self, *stacks: str, region: str = HOME) -> bool:
        self.environment = {**self.environment, "AWS_REGION": region}
        for stack in stacks:
            self.cdk("deploy", stack, "--exclusively", hidden="--require-approval=never")
        return True

    def deploy_roles(self) -> bool:
        self.deploy_stacks(*ROLES)
        assert self.folder is not None
        for stack in ROLES:
            file = self.folder / "cdk.out" / f"{stack}.template.json"
            self.show_verdict("verify", self.external_id, "--expect", str(file))
        return self.passed

    def roll_out(self) -> bool:
        self.deploy_stacks(*ROLLOUTS)
        pages = self.client("cloudformation").get_paginator("list_stack_instances")
        # A rollout tolerates failures: its own stack does not say that an instance has none.
        expected = {(member, "CURRENT") for member in self.named.members}
        return all(
            {
                (instance["Account"], instance["Status"])
                for page in pages.paginate(StackSetName=name)
                for instance in page["Summaries"]
            }
            == expected
            for name in ROLES
        )

    def protect(self) -> bool:
        self.deploy_stacks(PROTECTION)
        return self.policies().keys() == POLICIES

    def policies(self) -> dict[str, str]:
        """Return the IDs of the policies in the organization, by name."""
        pages = self.client("organizations").get_paginator("list_policies")
        return {
            policy["Name"]: policy["Id"]
            for kind in ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY")
            for page in pages.paginate(Filter=kind)
            for policy in page["Policies"]
            if policy["Name"] in POLICIES
        }

    def alarm(self) -> bool:
        """Deploy it, and let a queue receive what the address does."""
        self.deploy_stacks(ALARM)
        topic = self.resources(ALARM)["AWS::SNS::Topic"]
        queues, arn = self.client("sqs"), f"arn:aws:sqs:{HOME}:{self.named.account}:{QUEUE}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        # It may be an earlier run's, whose topic had another name.
        url = queues.create_queue(QueueName=QUEUE)["QueueUrl"]
        queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        self.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        self.deploy_stacks(FORWARDER, region=self.named.region)
        return "AWS::Events::Rule" in self.resources(FORWARDER, self.named.region)

    def resources(self, stack: str, region: str = HOME) -> dict[str, str]:
        """Return the ID of one resource of each type in a stack."""
        client = self.client("cloudformation", region)
        listed = client.describe_stack_resources(StackName=stack)["StackResources"]
        return {each["ResourceType"]: each["PhysicalResourceId"] for each in listed}

    def session(self, account: str, role: str) -> Mapping[str, str]:
        """Return the credentials of a session of one of the roles."""
        arn = f"arn:aws:iam::{account}:role/{role}"
        passed = {"RoleSessionName": "smoke", "ExternalId": self.external_id}
        found = self.client("sts").assume_role(RoleArn=arn, **passed)["Credentials"]
        return {
            "aws_access_key_id": found["AccessKeyId"],
            "aws_secret_access_key": found["SecretAccessKey"],
            "aws_session_token": found["SessionToken"],
        }

    def approve(self) -> bool:
        """Open an approval that ends at a full five minutes, and cause the events.

        The call of Pump's role is about a queued purchase that does not exist. It succeeds, and
        changes nothing: EC2 API Reference, "DeleteQueuedReservedInstances".
        """
        until = datetime.now(timezone.utc) + timedelta(minutes=10)
        until -= timedelta(minutes=until.minute % 5, seconds=until.second)
        self.configure(self.settings(f"{until:%H:%M}"))
        self.deploy_stacks(APPROVAL)
        iam, alarms = self.client("iam"), self.client("cloudwatch")
        iam.update_role_description(RoleName="PumpApprovalEnd", Description="Smoke")
        iam.tag_role(RoleName=AUTO_PILOT_ROLE, Tags=[APPROVED])
        for page in alarms.get_paginator("describe_alarms").paginate():
            for found in page["MetricAlarms"]:
                if found.get("AlarmDescription") == UNDELIVERED:
                    state = {"StateValue": "ALARM", "StateReason": "smoke"}
                    alarms.set_alarm_state(AlarmName=found["AlarmName"], **state)
        for region in (HOME, self.named.region):

            def is_open(region: str = region) -> bool:
                session = self.session(self.named.account, AUTO_PILOT_ROLE)
                delete = self.client("ec2", region, session).delete_queued_reserved_instances
                call = decision_on(lambda: delete(ReservedInstancesIds=[str(uuid4())]))
                return call[0] == ALLOWED

            self.expect(self.within(2, is_open))

        def is_closed() -> bool:
            return APPROVED not in iam.list_role_tags(RoleName=AUTO_PILOT_ROLE)["Tags"]

        left = (until - datetime.now(timezone.utc)).total_seconds() / 60
        return self.within(left + 5, is_closed) and self.passed

    def stop(self, *, stopped: bool) -> bool:
        """Attach the emergency stop to the unit, or detach it; the members' roles notice."""

        def are(decision: str) -> bool:
            sessions = (self.session(member, READ_ONLY_ROLE) for member in self.named.members)
            clients = (self.client("rds", session=session) for session in sessions)
            calls = (decision_on(rds.describe_reserved_db_instances) for rds in clients)
            return {call[0] for call in calls} == {decision}

        # An earlier run may have attached it.
        self.detach_stop()
        # Otherwise, something else denies it.
        allowed = self.within(10, lambda: are(ALLOWED))
        if not stopped or not allowed:
            return allowed
        attach_policy = self.client("organizations").attach_policy
        attach_policy(PolicyId=self.policies()[STOP], TargetId=self.named.unit)
        return self.within(10, lambda: are(EXPLICITLY_DENIED))

    def detach_stop(self) -> None:
        organizations = self.client("organizations")
        with suppress(KeyError, organizations.exceptions.PolicyNotAttachedException):
            organizations.detach_policy(PolicyId=self.policies()[STOP], TargetId=self.named.unit)

    def received(self) -> bool:
        """Wait for what each rule sends to the topic."""
        call = "Pump's role called DeleteQueuedReservedInstances (ec2.amazonaws.com) in account "
        missing = {
            *(f"{call}{self.named.account}, {region}" for region in (HOME, self.named.region)),
            f"TagRole (iam.amazonaws.com) on the role {AUTO_PILOT_ROLE}",
            "Someone called UpdateRoleDescription (iam.amazonaws.com)",
            "Someone called DetachPolicy (organizations.amazonaws.com)",
            "Something about Pump was not delivered",
        }
        queues = self.client("sqs")
        url = queues.get_queue_url(QueueName=QUEUE)["QueueUrl"]

        def read() -> bool:
            # So that the next call returns others. They stay in the queue, for the next run.
            waits = {"WaitTimeSeconds": 20, "VisibilityTimeout": 300}
            found = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, **waits)
            for message in found.get("Messages", []):
                text = json.loads(message["Body"])["Message"]
                missing.difference_update([line for line in missing if line in text])
            return not missing

        arrived = self.within(20, read)
        self.console.print(*(f"missing: {line}" for line in sorted(missing)), sep="\n")
        return arrived

    @staticmethod
    def within(minutes: float, holds: Callable[[], bool]) -> bool:
        until = time.monotonic() + minutes * 60
        while not (held := holds()) and time.monotonic() < until:
            time.sleep(10)
        return held

    def remove(self) -> None:
        """Delete what a run created."""
        self.part("the removal")
        result, queues = self.saved(), self.client("sqs")
        if result:
            # If this ends early, no step is "passed before": what it needs may be gone.
            self.save(result | {"removed": None})
        # While it is attached, it cannot be deleted.
        self.detach_stop()
        with suppress(queues.exceptions.QueueDoesNotExist):
            queues.delete_queue(QueueUrl=queues.get_queue_url(QueueName=QUEUE)["QueueUrl"])
        self.configure(self.settings())
        for region, stack, _ in self.stacks():
            self.environment = {**self.environment, "AWS_REGION": region}
            self.cdk("destroy", stack, "--exclusively", hidden="--force")
        left = [stack for _, stack, _ in self.stacks()]
        if not left and result:
            self.save(result | {"removed": True})
        self.console.print(self.verdict(not left, should=True, labels=("nothing left", f"{left}")))
        self.ended = "Everything that was created is deleted."


def git(*arguments: str) -> str:
    ended = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()


def main(arguments: list[str]) -> int:
    try:
        return run(*arguments)
    except (BotoCoreError, ClientError, ValueError) as error:
        print(f"make smoke-org: {error}")
    except (EOFError, KeyboardInterrupt):
        print("\nNothing was created.")
    return 1


def run(account: str, unit: str, members: str, region: str, email: str) -> int:
    named = Named(account, unit, members.split(), region, email)
    validators.ACCOUNT.check("ACCOUNT", account)
    validators.ORGANIZATIONAL_UNIT.check("UNIT", unit)
    if unit.startswith("r-"):
        raise ValueError("UNIT: the root contains every account; name a unit")
    validators.ACCOUNTS.check("MEMBERS", named.members)
    FORWARDED_REGIONS.check("REGION", [region])
    validators.EMAILS.check("EMAIL", [email])
    smoke = SmokeOrganization(named)
    smoke.check()
    smoke.console.print(
        f"This deploys the roles, their rollouts, {PROTECTION}, {ALARM}, and {APPROVAL} in the "
        f"account [bold]{named.account}[/], {FORWARDER} in its {named.region}, and both roles in "
        f"{', '.join(named.members)}. It attaches policies to {named.unit}, buys nothing, and "
        "removes everything at the end. If it ends early, run it again. It takes about an hour, "
        "and AWS charges cents for it."
    )
    answer = input("To continue, enter the ID of the account; to only remove it all, remove: ")
    if answer.strip() not in {named.account, "remove"}:
        smoke.console.print("Nothing was created.")
        return 1
    commit = "Run make generate, and commit its changes and docs/smoke.json."
    show = smoke.remove if answer.strip() == "remove" else smoke.show
    return smoke.run(show, commit if smoke.on_aws else "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
