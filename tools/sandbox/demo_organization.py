"""`make demo-org`: deploy both roles to an emulated organization, and assume them as Pump.

Then it protects and stops them. At the end, it removes them, and checks that no account still has
one.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from rich.tree import Tree

from pump_roles.review.account.organization import Account
from tools.sandbox.audit import AUDITOR, let_audit
from tools.sandbox.aws import ACCOUNT_ID, REGION, Caller, EmbeddedAws, embedded_aws
from tools.sandbox.cdk import tool_environment
from tools.sandbox.organization import Organization
from tools.sandbox.show import (
    AUTO_PILOT_ROLE,
    EXTERNAL_ID,
    PUMP,
    PUMP_ACCOUNT,
    READ_ONLY_ROLE,
    ROLES,
    Show,
)
from tools.sandbox.simulator import (
    ALLOWED,
    ALLOWS_ALL,
    Role,
    Simulation,
    assumption,
    decide,
    use,
)

UNITS: Final = {"Security": 6, "Workloads": 30, "Sandbox": 14}
EXCLUDED: Final = "sandbox-7"
LATE: Final = "workloads-late"
"""An account that joins after the rollout."""

TAKEN: Final = ("workloads-3", "workloads-8")
"""Accounts that already have a role of that name, in which the rollout fails at first."""

STACK_SETS: Final = ("PumpReadOnly", "PumpAutoPilot")
DEPLOYED: Final = (*STACK_SETS, *(f"{name}Rollout" for name in STACK_SETS))
PROTECTION: Final = "PumpProtection"
POLICY_TYPES: Final = ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY")
USES: Final = {
    READ_ONLY_ROLE: "pricing:GetProducts",
    AUTO_PILOT_ROLE: "savingsplans:CreateSavingsPlan",
}
"""What Pump does with each role."""

QUESTIONS: Final[Mapping[str, tuple[bool, bool, bool]]] = {
    "an administrator changes a role": (True, False, False),
    "StackSets change a role": (True, True, True),
    "Pump assumes a role": (True, True, True),
    "Pump uses a role": (True, True, False),
    "Pump assumes another role": (True, False, False),
}
"""Whether each is allowed before the protection, with it, and while Pump is stopped.

The other role trusts Pump, too.
"""

NOTES: Final = {EXCLUDED: "excluded", LATE: "joined late"}


def expected(account: Account, organization: Organization) -> dict[str, bool]:
    """Return which roles an account should have: read-only everywhere, auto-pilot in Workloads."""
    if account.id == ACCOUNT_ID:
        return {READ_ONLY_ROLE: True, AUTO_PILOT_ROLE: True}
    return {
        READ_ONLY_ROLE: account.name != EXCLUDED,
        AUTO_PILOT_ROLE: organization.units["Workloads"] in account.units,
    }


def requests(role: Role, services: Any, resources: Any) -> dict[str, Simulation]:
    """Return the request of each question about a role, under an account's policies."""
    change = {
        "action": "iam:UpdateAssumeRolePolicy",
        "resource": role.arn,
        "service_control_policy": services,
    }
    assume = {
        "caller": PUMP,
        "external_id": EXTERNAL_ID,
        "resource_control_policy": resources,
        "context": {"aws:PrincipalArn": PUMP, "aws:PrincipalAccount": PUMP_ACCOUNT},
    }
    admin, stack_sets = (
        Role(name, {}, {"All": ALLOWS_ALL}, role.account) for name in ("Admin", "stacksets-exec-1")
    )
    each = (
        use(admin, **change),
        use(stack_sets, **change),
        assumption(role, **assume),
        use(role, action=USES[role.name], service_control_policy=services),
        assumption(replace(role, name="Another"), **assume),
    )
    return dict(zip(QUESTIONS, each, strict=True))


def joined(policies: list[tuple[Any, set[str]]], account: Account) -> Any:
    """Return the statements of the policies that affect an account, as one policy."""
    found = [
        statement
        for document, targets in policies
        if targets & {account.id, *account.units}
        for statement in document["Statement"]
    ]
    return {"Version": "2012-10-17", "Statement": found} if found else None


class OrganizationDemo(Show):
    def __init__(self, aws: EmbeddedAws) -> None:
        super().__init__(aws.environment())
        self.aws = aws

    def show(self) -> None:
        """Roll out, add an account, show which roles every account has, and remove them."""
        self.part("Deploy in the management account, and with StackSets in the member accounts")
        started = time.monotonic()
        organization = Organization.create(self.aws.organizations, UNITS)
        self.done(f"an organization: {sum(UNITS.values())} accounts in {len(UNITS)} units", started)
        by_name = {account.name: account.id for account in organization.accounts()}
        taken = [Caller(by_name[name]) for name in TAKEN]
        for owner in taken:
            self.aws.create_role(READ_ONLY_ROLE, ACCOUNT_ID, caller=owner)
        targets = {
            "read-only": {
                "organizational-units": [organization.root],
                "exclude-accounts": [by_name[EXCLUDED]],
            },
            "auto-pilot": {"organizational-units": [organization.units["Workloads"]]},
            "protection": {"targets": [organization.root], "trust": True},
        }
        self.deploy(*DEPLOYED, settings=targets)
        for name in STACK_SETS:
            listed = self.aws.cloudformation().list_stack_instances(StackSetName=name)["Summaries"]
            self.say_done(f"the StackSet {name} deployed to {len(listed)} accounts")
        organization.join("Workloads", LATE)
        self.say_done(f"{LATE} joins, and automatic deployment gives it both roles")

        self.part("Find the accounts that the rollouts missed, and repeat the operation there")
        self.show_status(taken, organization.root)

        self.part("Which accounts have which role, and whether Pump can assume it")
        self.show_tree(organization)

        self.part("Protect the roles, stop Pump in all member accounts, and let it continue")
        self.show_protection(organization)

        self.part("Remove the roles, and check that no account still has one")
        self.show_removal(organization)

    def show_tree(self, organization: Organization) -> None:
        """Show each account with its roles, under its unit."""
        pump = self.aws.caller_in(PUMP)
        tree = Tree(f"[bold]root[/] {organization.root}")
        branches = {
            unit: tree.add(f"[bold]{name}[/] {unit}") for name, unit in organization.units.items()
        }
        branches[organization.root] = tree
        for account in organization.accounts():
            states = []
            for name, should in expected(account, organization).items():
                role = f"arn:aws:iam::{account.id}:role/{name}"
                ids = [
                    id_
                    for id_ in (EXTERNAL_ID, None)
                    if self.aws.can_assume(role, pump, external_id=id_)
                ]
                found = ids == [EXTERNAL_ID] if should else ids
                states.append(self.state(found, should=should, kind=ROLES[name].kind))
            note = NOTES.get(account.name, "")
            if account.id == ACCOUNT_ID:
                note = "by its own stacks"
            name = "management" if account.id == ACCOUNT_ID else account.name
            branches[account.units[-1]].add(
                f"{account.id} {name:<14} {' '.join(states)} [dim]{note}[/]"
            )
        self.console.print(tree)
        self.console.print(
            "\n✔  Pump can assume the role, but only with the external ID\n-  Pump is refused"
        )

    def state(self, found: object, *, should: bool, kind: str) -> str:
        """Return a cell that shows whether a role is right; a dash if there should be none."""
        if found or should:
            return self.verdict(found, should=should, labels=(kind, f"no {kind}"))
        return f"[dim]- {'':<{len(kind)}}[/]"

    def show_status(self, taken: list[Caller], root: str) -> None:
        """Show what StackSets list before and after what failed is repeated."""
        accounts = [account for account, _ in self.not_current()]
        self.expect(accounts == sorted(owner.access_key_id for owner in taken))
        for owner in taken:
            self.aws.iam(owner).delete_role(RoleName=READ_ONLY_ROLE)
        self.say_done(f"the manually created roles in {' and '.join(TAKEN)} are deleted")
        self.aws_cli(
            *("create-stack-instances", "--stack-set-name", STACK_SETS[0], "--regions", REGION),
            "--deployment-targets",
            f"OrganizationalUnitIds={root},Accounts={','.join(accounts)},AccountFilterType=INTERSECTION",
            *("--operation-preferences", "FailureTolerancePercentage=100"),
        )
        self.say_done("the operation is repeated in these accounts\n")
        self.expect(self.not_current() == [])

    def not_current(self) -> list[list[str]]:
        """Show and return the accounts in which the read-only role's stack is not current."""
        query = "Summaries[?Status!='CURRENT'].[Account,StatusReason]"
        listing = ("list-stack-instances", "--stack-set-name", STACK_SETS[0])
        self.command(f'aws cloudformation {" ".join(listing)} \\\n      --query "{query}"')
        found: list[list[str]] = json.loads(self.aws_cli(*listing, "--query", query))
        for account, reason in sorted(found):
            self.console.print(f"\n{account}")
            self.quote(reason)
        self.say_done(f"{len(found)} stack instances are not current\n")
        return sorted(found)

    def aws_cli(self, *arguments: str) -> str:
        """Run a command of StackSets, and return its output."""
        return subprocess.run(
            [sys.executable, "-m", "awscli", "cloudformation", *arguments, "--output", "json"],
            env=tool_environment() | dict(self.environment),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    def show_protection(self, organization: Organization) -> None:
        """Deploy the policies, attach and detach the stop, and show who can do what each time."""
        roles = {
            account: [*Role.all_of_account(self.aws, account.id).values()]
            for account in organization.accounts()
            if account.id != ACCOUNT_ID
        }
        found = [self.decisions(organization, roles)]
        organization.client.enable_policy_type(
            RootId=organization.root, PolicyType="RESOURCE_CONTROL_POLICY"
        )
        self.cdk(
            *("deploy", PROTECTION, "--exclusively", "--app", "cdk.out"),
            hidden="--require-approval=never",
        )
        found.append(self.decisions(organization, roles))
        (stack,) = self.aws.cloudformation().describe_stacks(StackName=PROTECTION)["Stacks"]
        (attach,) = (output["OutputValue"] for output in stack["Outputs"])
        detach = attach.replace("attach-policy", "detach-policy")
        for command in (attach, detach):
            self.command(command.replace("--target-id ", "--target-id \\\n      "))
            environment = tool_environment() | dict(self.environment)
            subprocess.run(["bash", "-c", command], env=environment, check=True)
            found.append(self.decisions(organization, roles))
        states = ("before", "protected", "stopped", "detached")
        table = self.table("", *states)
        for question, (before, protected, stopped) in QUESTIONS.items():
            expected = (before, protected, stopped, protected)
            cells = []
            for decisions, should in zip(found, expected, strict=True):
                # The same decision for each role of each account.
                self.expect(len(decisions[question]) == 1)
                cells.append(self.verdict(decisions[question] == {ALLOWED}, should=should))
            table.add_row(question, *cells)
        self.console.print(table)
        self.console.print(
            "\nEach is the same for every role of every member account. The emulator stores\n"
            "the policies and does not enforce them: a policy simulator decides, with those\n"
            "that are attached. None affects the management account."
        )

    def decisions(
        self, organization: Organization, roles: Mapping[Account, Sequence[Role]]
    ) -> dict[str, set[str]]:
        """Return what the policy simulator decides about each question and role."""
        attached = [self.attached(organization, kind) for kind in POLICY_TYPES]
        asked = [
            request
            for account, its in roles.items()
            for controls in [[joined(policies, account) for policies in attached]]
            for role in its
            if role.name in ROLES
            for request in requests(role, *controls).items()
        ]
        found: dict[str, set[str]] = {question: set() for question in QUESTIONS}
        decided = decide([simulation for _, simulation in asked])
        for (question, _), decision in zip(asked, decided, strict=True):
            found[question].add(decision)
        return found

    @staticmethod
    def attached(organization: Organization, kind: Any) -> list[tuple[Any, set[str]]]:
        """Return the statements of each policy of a type, and what it is attached to."""
        client = organization.client
        return [
            (
                json.loads(client.describe_policy(PolicyId=policy["Id"])["Policy"]["Content"]),
                {
                    target["TargetId"]
                    for target in client.list_targets_for_policy(PolicyId=policy["Id"])["Targets"]
                },
            )
            for policy in client.list_policies(Filter=kind)["Policies"]
            if not policy["AwsManaged"]
        ]

    def say_done(self, description: str) -> None:
        self.console.print(f"[green]done[/]  {description}")

    def show_removal(self, organization: Organization) -> None:
        """Delete everything. Show what `pump-roles verify --removed` finds before and after."""
        accounts = organization.accounts()
        for account in accounts:
            if account.id != ACCOUNT_ID:
                let_audit(self.aws, Caller(account.id))
        having = sum(any(expected(account, organization).values()) for account in accounts)
        self.command(
            f"pump-roles verify --removed --principal ... \\\n      --assume-role {AUDITOR}"
        )
        self.show_remaining(having, of=len(accounts))
        self.cdk("destroy", PROTECTION, *DEPLOYED, "--app", "cdk.out", hidden="--force")
        self.command("pump-roles verify --removed ...")
        self.show_remaining(0, of=len(accounts))

    def show_remaining(self, remaining: int, *, of: int) -> None:
        """Run the check, and show in how many accounts it finds a role."""
        ended = self.pump_roles(
            *("verify", "--removed", "--principal", PUMP),
            *("--assume-role", AUDITOR, "--format", "json"),
        )
        counts = json.loads(ended.stdout)["counts"]
        right = (ended.returncode, counts) == (
            3 if remaining else 0,
            {"match": of - remaining, "differs": remaining, "unknown": 0},
        )
        shown = f"{counts['differs']} of {of} accounts have a role"
        when = "before" if remaining else "after"
        cell = self.verdict(right, should=True, labels=(shown, shown))
        self.console.print(f"{when} the removal, exit status {ended.returncode}: {cell}\n")


NEXT_STEPS: Final = """
[bold]To deploy to a real organization[/], activate trusted access for StackSets. Put the
two values from Pump and your units into pump.json:

  { "principal": "...", "external-id": "...",
    "guardrails": ["recommended"],
    "read-only": { "organizational-units": ["r-..."] } }

  source .venv/bin/activate
  npx cdk synth --quiet
  pump-roles report cdk.out --output report.html --keep reviewed.json

Review the report, and keep it. Then, use the management account's credentials:

  npx cdk deploy PumpReadOnly
  npx cdk deploy PumpReadOnlyRollout
  pump-roles verify --expect cdk.out --assume-role ...

After a removal, check that it is complete:

  pump-roles verify --removed --principal ... \\
      --assume-role ...
"""


def main() -> int:
    with embedded_aws() as aws:
        demo = OrganizationDemo(aws)
        demo.console.print(
            "[bold]Both roles in an emulated organization[/]; every account enforces IAM. Nothing "
            "here reaches a real account."
        )
        return demo.run(demo.show, NEXT_STEPS)


if __name__ == "__main__":
    sys.exit(main())
