"""`make demo`: deploy both roles to an AWS emulator, and show who can assume them and do what."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from botocore import xform_name
from botocore.exceptions import ClientError
from rich.table import Column

from pump_roles import Guardrail
from pump_roles.guardrails import opening_value
from pump_roles.review.output.report_descriptions import LEGEND, SYMBOLS
from pump_roles.review.report.action_risks import risk_of
from tools.sandbox import catalog
from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws, embedded_aws
from tools.sandbox.show import (
    AUTO_PILOT_ROLE,
    EXTERNAL_ID,
    PUMP,
    PUMP_ACCOUNT,
    READ_ONLY_ROLE,
    ROLES,
    Show,
    trust,
)
from tools.sandbox.simulator import ALLOWED, EXPLICITLY_DENIED, IMPLICITLY_DENIED, Role, decide, use

NEW_EXTERNAL_ID: Final = "Example-8765-4321"
OTHER_ACCOUNT: Final = "111122223333"
REFUSED: Final = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
"""The error codes of calls that are not authorized."""

NOT_EMULATED: Final = {"InvalidAction", "InvalidInstanceID.NotFound"}
"""The error codes of calls that were authorized and then failed, because the emulator lacks the
operation or the instance."""

COLORS: Final = {
    "money": "red",
    "writes": "yellow",
    "data": "magenta",
    "reads": "default",
    "": "dim",
}
"""The color of each severity. Like the symbols, they are those of the report."""

RECOMMENDED: Final = {"guardrails": ["recommended"], "auto-pilot": {}}
BRAKE: Final = {
    **RECOMMENDED,
    "auto-pilot": {"guardrails": ["recommended", "only-when-approved"]},
}
PURCHASE: Final = "ec2:PurchaseReservedInstancesOffering"

BYSTANDER: Final = "Bystander"
"""The name of roles that no role trusts."""

BOTH: Final = (READ_ONLY_ROLE, AUTO_PILOT_ROLE)
ONLY_AUTO_PILOT: Final = (AUTO_PILOT_ROLE,)


@dataclass(frozen=True)
class Question:
    """Something that a role may or may not do."""

    description: str
    action: str
    allowed: tuple[str, ...] = ()
    guarded: bool = False

    @property
    def simulated(self) -> bool:
        """Whether the emulator lacks the service."""
        return self.action.startswith(("ce:", "savingsplans:"))


QUESTIONS: Final = [
    Question("read costs", "ce:GetCostAndUsage", BOTH),
    Question("see organization", "organizations:DescribeOrganization", BOTH),
    Question("see reservations", "rds:DescribeReservedDBInstances", BOTH),
    Question("see instances", "ec2:DescribeInstances", ONLY_AUTO_PILOT),
    Question("buy a Savings Plan", "savingsplans:CreateSavingsPlan", ONLY_AUTO_PILOT),
    Question("buy reservations", PURCHASE, ONLY_AUTO_PILOT),
    Question("sell reservations", "ec2:CreateReservedInstancesListing", ONLY_AUTO_PILOT),
    Question(
        "read an instance's user data",
        "ec2:DescribeInstanceAttribute",
        ONLY_AUTO_PILOT,
        guarded=True,
    ),
    Question("tag an instance", "ec2:CreateTags", ONLY_AUTO_PILOT, guarded=True),
    Question("change cost alerts", "ce:CreateAnomalyMonitor", ONLY_AUTO_PILOT, guarded=True),
    Question("stop an instance", "ec2:StopInstances"),
    Question("list S3 buckets", "s3:ListAllMyBuckets"),
    Question("read an S3 object", "s3:GetObject"),
    Question("read a secret in Secrets Manager", "secretsmanager:GetSecretValue"),
    Question("read a DynamoDB table", "dynamodb:Scan"),
    Question("widen its own role", "iam:PutRolePolicy"),
    Question("create access keys", "iam:CreateAccessKey"),
]

INSTANCE: Final = "i-0123456789abcdef0"
BUCKET: Final = "example-customer-data"
OBJECT: Final = "customers.csv"
SECRET: Final = "example-database-password"  # noqa: S105
WIDE: Final = {"RoleName": AUTO_PILOT_ROLE, "PolicyName": "Wide", "PolicyDocument": "{}"}
LISTING: Final = {
    "InstanceCount": 1,
    "ReservedInstancesId": "example",
    "PriceSchedules": [],
    "ClientToken": "example",
}
PARAMETERS: Final[Mapping[str, Mapping[str, Any]]] = {
    PURCHASE: {"InstanceCount": 1, "ReservedInstancesOfferingId": "example"},
    "ec2:CreateReservedInstancesListing": LISTING,
    "ec2:DescribeInstanceAttribute": {"InstanceId": INSTANCE, "Attribute": "userData"},
    "ec2:CreateTags": {"Resources": [INSTANCE], "Tags": [{"Key": "example", "Value": "example"}]},
    "ec2:StopInstances": {"InstanceIds": [INSTANCE]},
    "s3:GetObject": {"Bucket": BUCKET, "Key": OBJECT},
    "secretsmanager:GetSecretValue": {"SecretId": SECRET},
    "dynamodb:Scan": {"TableName": "example"},
    "iam:PutRolePolicy": WIDE,
    "iam:CreateAccessKey": {"UserName": "example"},
}
"""What the calls of actions pass, for those that need it."""


def decision_on(call: Callable[[], object]) -> tuple[str, str]:
    """Return whether a call is authorized, and AWS's message if it is not."""
    try:
        call()
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if code in REFUSED:
            denied = "explicit deny" in message
            return (EXPLICITLY_DENIED if denied else IMPLICITLY_DENIED), message
        if code not in NOT_EMULATED:
            raise
    return ALLOWED, ""


class Demo(Show):
    """Both roles in one account, from the first deployment to the removal."""

    def __init__(self, aws: EmbeddedAws) -> None:
        super().__init__(aws.environment())
        self.aws = aws
        self.simulated = 0

    @cached_property
    def pump(self) -> Caller:
        """Pump's principal."""
        return self.aws.caller_in(PUMP)

    @cached_property
    def sessions(self) -> Mapping[str, Caller]:
        """One session of each role, in which what is changed later is also shown."""
        return {name: self.assume(self.pump, name) for name in ROLES}

    def show(self) -> None:
        steps: dict[str, Callable[[], object]] = {
            "The CDK deploys both roles into your account": self.show_deployment,
            "Only Pump, with your external ID, can assume the roles": self.show_callers,
            "Pump can buy, but cannot stop instances or read secrets": self.show_calls,
            "Verify finds whatever someone changes in a role": self.show_verify,
            "Guardrails take permissions away": self.show_guardrails,
            "Pump buys only what you approve": self.show_brake,
            "The external ID changes without a gap": self.show_rotation,
            "One command for each role stops Pump at once": self.show_stop,
            "After you destroy the stacks, nothing is left": self.show_removal,
        }
        self.console.print("\nThe demo shows that:\n")
        for number, title in enumerate(steps, 1):
            self.console.print(f"  {number}  {title}")
        for title, step in steps.items():
            self.part(title)
            step()
        self.show_summary([*steps])

    def show_deployment(self) -> None:
        self.add_data()
        self.deploy("PumpReadOnly", "PumpAutoPilot", settings={"auto-pilot": {}})

    def show_guardrails(self) -> None:
        self.deploy("PumpReadOnly", "PumpAutoPilot", settings=RECOMMENDED)
        self.show_calls(guarded=True)

    def show_removal(self) -> None:
        stacks = ("PumpAutoPilot", "PumpReadOnly")
        self.cdk("destroy", *stacks, "--app", "cdk.out", hidden="--force")
        self.show_what_is_left()

    def show_summary(self, titles: Sequence[str]) -> None:
        """Show how many calls of each part were allowed and refused."""
        table = self.table("what was shown", "allowed", "refused")
        for number, title in enumerate(titles, 1):
            found = self.answers.get(number)
            cells = ("", "") if found is None else (str(found[True]), str(found[False]))
            table.add_row(f"{number}  {title}", *cells)
        total = sum(sum(found.values()) for found in self.answers.values())
        self.console.print()
        self.console.print(table)
        self.console.print(
            f"\n{total - self.simulated} calls to the emulator, and {self.simulated} decisions of "
            "the policy simulator."
        )

    def add_data(self) -> None:
        """Create data in the account that Pump must not be able to read."""
        store = self.aws.client("s3")
        store.create_bucket(Bucket=BUCKET)
        store.put_object(Bucket=BUCKET, Key=OBJECT, Body=b"example")
        self.aws.client("secretsmanager").create_secret(Name=SECRET, SecretString="example")

    def assume(self, pump: Caller, name: str, external_id: str = EXTERNAL_ID) -> Caller:
        return self.aws.assume(_arn(name), pump, external_id=external_id)

    def show_callers(self) -> None:
        """Show what each caller gets when it tries to assume the roles."""
        pump = self.pump
        ids = {"yours": EXTERNAL_ID, "none": None, "another customer's": NEW_EXTERNAL_ID}
        other = "a role in another account"
        attempts = [
            *(("Pump", pump, label) for label in ids),
            ("another role in Pump's account", self.role_in(PUMP_ACCOUNT), "yours"),
            (other, self.role_in(OTHER_ACCOUNT), "yours"),
            ("a role in your own account", self.role_in(ACCOUNT_ID), "yours"),
        ]
        table = self.table("who", "external ID", *(role.kind for role in ROLES.values()))
        answers: dict[tuple[str, str], str] = {}
        for who, caller, label in attempts:
            cells = []
            for name in ROLES:
                answer = self.aws.refusal(_arn(name), caller, external_id=ids[label])
                cells.append(self.verdict(not answer, should=(who, label) == ("Pump", "yours")))
                if answer:
                    answers.setdefault((who, label), answer)
            table.add_row(who, label, *cells)
        self.console.print(table)
        self.console.print(
            f"\nThe principal is one role, {PUMP}. If it were the account {PUMP_ACCOUNT}, its "
            "administrators could let another role of it in, with your external ID."
        )
        self.expect(answers.get(("Pump", "none")) == answers.get(("Pump", "another customer's")))
        for attempt, whom in {
            ("Pump", "none"): "Pump without an external ID, or with a wrong one",
            (other, "yours"): other,
        }.items():
            if attempt in answers:
                self.console.print(f"\nThe emulator's answer to {whom}:")
                self.quote(answers[attempt])
        self.aws.iam().delete_role_policy(RoleName=BYSTANDER, PolicyName=BYSTANDER)
        self.aws.iam().delete_role(RoleName=BYSTANDER)

    def role_in(self, account: str) -> Caller:
        """Return a session of a role that no role trusts."""
        return self.aws.caller_in(f"arn:aws:iam::{account}:role/{BYSTANDER}")

    def show_calls(self, *, guarded: bool = False) -> None:
        """Show what Pump can do with each role."""
        roles = Role.all_of_account(self.aws)
        actions = {
            question.action: catalog.actions()[question.action.lower()] for question in QUESTIONS
        }
        simulated = [
            (question.action, name)
            for question in QUESTIONS
            if question.simulated
            for name in ROLES
        ]
        uses = [
            use(roles[name], action=action, resource=actions[action].resources[0])
            for action, name in simulated
        ]
        decided = dict(zip(simulated, decide(uses), strict=True))
        self.simulated += len(decided)
        table = self.table(
            "", *(role.kind for role in ROLES.values()), Column("action", no_wrap=True)
        )
        answers: dict[str, str] = {}
        for question in QUESTIONS:
            risk = risk_of(question.action, only_reads=actions[question.action].only_reads)
            row = []
            for name in ROLES:
                if question.simulated:
                    decision = decided[question.action, name]
                else:
                    decision, message = self.call(self.sessions[name], question.action)
                    answers.setdefault(decision, message)
                cell = self.verdict(
                    decision == ALLOWED,
                    should=name in question.allowed and not (guarded and question.guarded),
                    labels=("yes", "denied" if decision == EXPLICITLY_DENIED else "no"),
                    colors=(COLORS[risk], COLORS[""]),
                    symbols=(SYMBOLS[risk], SYMBOLS[""]),
                )
                row.append(cell)
            mark = " [dim]*[/]" if question.simulated else ""
            table.add_row(question.description, *row, f"{question.action}{mark}")
        self.console.print(table)
        legend = (f"[{COLORS[found]}]{what}[/]" for found, what in LEGEND.items())
        self.console.print(
            f"{'  '.join(legend)}\n"
            "[dim]* decided by a policy simulator, because the emulator lacks this service[/]\n"
        )
        shown = EXPLICITLY_DENIED if guarded else IMPLICITLY_DENIED
        self.expect(shown in answers)
        if shown in answers:
            why = "a guardrail denies" if guarded else "no policy allows"
            self.console.print(f"The emulator's answer to a call that {why}:")
            self.quote(answers[shown])

    def call(self, session: Caller, action: str) -> tuple[str, str]:
        service, name = action.split(":")
        client = self.aws.client(service, session)
        # The only action here that is not named like its operation.
        operation = xform_name("ListBuckets" if name == "ListAllMyBuckets" else name)
        return decision_on(lambda: getattr(client, operation)(**PARAMETERS.get(action, {})))

    def show_verify(self) -> None:
        """Show what ``pump-roles verify`` finds before, during, and after manual changes."""
        self.command("export PUMP_EXTERNAL_ID=...")
        self.command(f"pump-roles verify --principal {PUMP}\n")
        iam = self.aws.iam()
        open_trust = trust()
        del open_trust["Statement"][0]["Condition"]
        table = self.table("manual change", "verify", "differences")

        def row(change: str, *found: str) -> None:
            state, differences = self.verify()
            right = state == ("differs" if found else "match") and differences == list(found)
            shown = f"[red]✘ {state}[/]" if state != "match" else f"[green]✔ {state}[/]"
            self.expect(right)
            mark = "" if right else " [bold reverse red] WRONG [/]"
            table.add_row(change, f"{shown}{mark}", "\n".join(differences) or "none")

        row("none")
        admin = "arn:aws:iam::aws:policy/AdministratorAccess"
        iam.attach_role_policy(RoleName=READ_ONLY_ROLE, PolicyArn=admin)
        row("attach AdministratorAccess", "policy-added, broader")
        iam.detach_role_policy(RoleName=READ_ONLY_ROLE, PolicyArn=admin)
        iam.update_assume_role_policy(
            RoleName=READ_ONLY_ROLE, PolicyDocument=json.dumps(open_trust)
        )
        row("remove the external ID", "trust-policy, broader")
        iam.update_assume_role_policy(RoleName=READ_ONLY_ROLE, PolicyDocument=json.dumps(trust()))
        row("undo both")
        self.console.print(table)

    def verify(self) -> tuple[str, list[str]]:
        """Run ``pump-roles verify``; return its state, and each difference's rule and effect."""
        ended = self.pump_roles("verify", "--principal", PUMP, "--format", "json")
        (account,) = json.loads(ended.stdout)["accounts"]
        differences = [
            f"{found['rule']}, {found['effect']}"
            for role in account["roles"]
            for found in role["differences"]
        ]
        return account["state"], differences

    def show_brake(self) -> None:
        """Show purchases in one session: refused, approved by the customer, and refused again."""
        self.deploy("PumpAutoPilot", settings=BRAKE)
        self.show_approval(self.pump)

    def show_approval(self, pump: Caller) -> None:
        session, name = self.assume(pump, AUTO_PILOT_ROLE), AUTO_PILOT_ROLE
        iam = self.aws.iam()
        key, value = Guardrail.ONLY_WHEN_APPROVED.tag, opening_value(Guardrail.ONLY_WHEN_APPROVED)
        self.command(
            f"aws iam tag-role --role-name {name} \\\n      --tags Key={key},Value={value}"
        )
        self.command(f"aws iam untag-role --role-name {name} \\\n      --tag-keys {key}\n")
        table = self.table("the customer", "Pump buys reservations, in one open session")
        before, message = self.call(session, PURCHASE)
        iam.tag_role(RoleName=name, Tags=[{"Key": key, "Value": value}])
        approved, _ = self.call(session, PURCHASE)
        iam.untag_role(RoleName=name, TagKeys=[key])
        after, _ = self.call(session, PURCHASE)
        table.add_row("has not approved yet", self.verdict(before == ALLOWED, should=False))
        table.add_row("approves, with tag-role", self.verdict(approved == ALLOWED, should=True))
        table.add_row("closes, with untag-role", self.verdict(after == ALLOWED, should=False))
        self.console.print(table)
        self.console.print()
        self.quote(message)

    def show_rotation(self) -> None:
        """Show which external IDs the roles accept, before and after each of two deployments."""
        pump = self.pump
        stacks = ("PumpReadOnly", "PumpAutoPilot")
        table = self.table("deployed with", "role", "the old ID", "the new ID")

        def row(label: str, *accepted: str) -> None:
            for name, published in ROLES.items():
                cells = [
                    self.verdict(
                        self.aws.can_assume(_arn(name), pump, external_id=tried),
                        should=tried in accepted,
                    )
                    for tried in (EXTERNAL_ID, NEW_EXTERNAL_ID)
                ]
                table.add_row(label, published.kind, *cells)

        row("the old ID", EXTERNAL_ID)
        both = {"next-external-id": NEW_EXTERNAL_ID, **BRAKE}
        self.deploy(*stacks, settings=both)
        row("both", EXTERNAL_ID, NEW_EXTERNAL_ID)
        self.deploy(*stacks, external_id=NEW_EXTERNAL_ID, settings=BRAKE)
        row("the new ID", NEW_EXTERNAL_ID)
        self.console.print()
        self.console.print(table)

    def show_stop(self) -> None:
        """Show an open session before and after the permissions boundary AWSDenyAll is set."""
        pump = self.pump
        session = self.assume(pump, AUTO_PILOT_ROLE, NEW_EXTERNAL_ID)
        action = "ec2:DescribeInstances"
        before, _ = self.call(session, action)
        for name in (AUTO_PILOT_ROLE, READ_ONLY_ROLE):
            self.command(
                f"aws iam put-role-permissions-boundary --role-name {name} \\\n"
                "      --permissions-boundary arn:aws:iam::aws:policy/AWSDenyAll"
            )
            self.aws.iam().put_role_permissions_boundary(
                RoleName=name, PermissionsBoundary="arn:aws:iam::aws:policy/AWSDenyAll"
            )
        after, message = self.call(session, action)
        later, _ = self.call(self.assume(pump, AUTO_PILOT_ROLE, NEW_EXTERNAL_ID), action)
        table = self.table("", action)
        table.add_row("open session, before", self.verdict(before == ALLOWED, should=True))
        table.add_row("open session, after", self.verdict(after == ALLOWED, should=False))
        table.add_row("new session, after", self.verdict(later == ALLOWED, should=False))
        self.console.print()
        self.console.print(table)
        self.console.print()
        self.quote(message)

    def show_what_is_left(self) -> None:
        left = {
            "stacks": self.aws.cloudformation().describe_stacks()["Stacks"],
            "roles": self.aws.iam().list_roles()["Roles"],
            "policies": self.aws.iam().list_policies(Scope="Local")["Policies"],
        }
        table = self.table("left in the account", "")
        for kind, found in left.items():
            self.expect(not found)
            table.add_row(kind, "[red]✘ some[/]" if found else "[green]✔ none[/]")
        self.console.print()
        self.console.print(table)


def _arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT_ID}:role/{name}"


NEXT_STEPS: Final = """
[bold]To deploy to a real account[/], put the two values from Pump into pump.json:
  { "principal": "...", "external-id": "...", "guardrails": ["recommended"] }
With credentials of the account, review report.html before you deploy:
  source .venv/bin/activate
  npx cdk synth --quiet
  pump-roles report cdk.out --output report.html --keep reviewed.json
  npx cdk deploy PumpReadOnly
When you want Pump to buy and sell, add to pump.json, and review again:
  "auto-pilot": { "guardrails": ["no-invitations"] }
  npx cdk synth --quiet
  pump-roles report cdk.out --output report.html --keep reviewed.json
  npx cdk deploy PumpAutoPilot
"""


def main() -> int:
    with embedded_aws() as aws:
        demo = Demo(aws)
        demo.console.print(
            "[bold]Both roles on a local AWS emulator[/] that enforces IAM. Nothing here reaches a "
            "real account."
        )
        return demo.run(demo.show, NEXT_STEPS)


if __name__ == "__main__":
    sys.exit(main())
