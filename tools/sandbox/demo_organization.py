"""`make demo-org`: deploy both roles to an emulated organization, and assume them as Pump.

At the end, it removes the roles, and checks that no account still has one.
"""

import json
import subprocess
import sys
import time
from typing import Any, Final

from rich.tree import Tree

from pump_roles.review.account.organization import Account
from tools.sandbox.audit import AUDITOR, let_audit
from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws, embedded_aws
from tools.sandbox.cdk import tool_environment
from tools.sandbox.organization import Organization
from tools.sandbox.show import (
    AUTO_PILOT_ROLE,
    EXTERNAL_ID,
    PUMP,
    READ_ONLY_ROLE,
    ROLES,
    Show,
)

UNITS: Final = {"Security": 6, "Workloads": 30, "Sandbox": 14}
EXCLUDED: Final = "sandbox-7"
LATE: Final = "workloads-late"
"""An account that joins after the rollout."""

TAKEN: Final = ("workloads-3", "workloads-8")
"""Accounts that already have a role of that name, in which the rollout fails at first."""

STACK_SETS: Final = ("PumpReadOnly", "PumpAutoPilot")
DEPLOYED: Final = (*STACK_SETS, *(f"{name}Rollout" for name in STACK_SETS))
NOTES: Final = {EXCLUDED: "excluded", LATE: "joined late"}


def expected(account: Account, organization: Organization) -> dict[str, bool]:
    """Return which roles an account should have: read-only everywhere, auto-pilot in Workloads."""
    if account.id == ACCOUNT_ID:
        return {READ_ONLY_ROLE: True, AUTO_PILOT_ROLE: True}
    return {
        READ_ONLY_ROLE: account.name != EXCLUDED,
        AUTO_PILOT_ROLE: organization.units["Workloads"] in account.units,
    }


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
        }
        self.deploy(*DEPLOYED, settings=targets)
        for name in STACK_SETS:
            listed = self.aws.cloudformation().list_stack_instances(StackSetName=name)["Summaries"]
            self.say_done(f"the StackSet {name} deployed to {len(listed)} accounts")
        organization.join("Workloads", LATE)
        self.say_done(f"{LATE} joins, and automatic deployment gives it both roles")

        self.part("Find the accounts that the rollouts missed, and repeat the operation there")
        self.show_status(taken)

        self.part("Which accounts have which role, and whether Pump can assume it")
        self.show_tree(organization)

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

    def show_status(self, taken: list[Caller]) -> None:
        """Show what `pump-roles rollout-status` finds before and after what failed is repeated."""
        failed = self.statuses(complete=False)
        for owner in taken:
            self.aws.iam(owner).delete_role(RoleName=READ_ONLY_ROLE)
        self.say_done(f"the manually created roles in {' and '.join(TAKEN)} are deleted")
        for rollout in failed:
            accounts = [
                found["account"] for found in rollout["accounts"] if found["state"] == "not-current"
            ]
            (unit,) = rollout["deployed_units"]
            targets = f"OrganizationalUnitIds={unit},Accounts={','.join(accounts)}"
            subprocess.run(
                [
                    *(sys.executable, "-m", "awscli", "cloudformation", "create-stack-instances"),
                    *("--stack-set-name", rollout["stack_set"], "--regions", rollout["region"]),
                    *("--deployment-targets", f"{targets},AccountFilterType=INTERSECTION"),
                    *("--operation-preferences", "FailureTolerancePercentage=100"),
                ],
                env=tool_environment() | dict(self.environment),
                stdout=subprocess.DEVNULL,
                check=True,
            )
        self.say_done("the operation is repeated in these accounts\n")
        self.statuses(complete=True)

    def statuses(self, *, complete: bool) -> list[dict[str, Any]]:
        """Show the status of the rollouts, and return those that are not complete."""
        self.command("pump-roles rollout-status --expect cdk.out")
        status = ("rollout-status", "--expect", f"{self.folder}/cdk.out")
        ended = self.pump_roles(*status, shown=True)
        right = ended.returncode == (0 if complete else 3)
        cell = self.verdict(right, should=True, labels=("as expected", "as expected"))
        self.console.print(f"\nexit status {ended.returncode}: {cell}\n")
        found = json.loads(self.pump_roles(*status, "--format", "json").stdout)
        failed = [rollout for rollout in found["rollouts"] if rollout["state"] != "complete"]
        self.expect(bool(failed) != complete)
        return failed

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
        self.cdk("destroy", *DEPLOYED, "--app", "cdk.out", hidden="--force")
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

  { "principal": "...", "external-id": "...", "roles": ["read-only"],
    "read-only": { "organizational-units": ["r-..."] } }

Then, use the management account's credentials:

  $ source .venv/bin/activate
  $ npx cdk deploy PumpReadOnly PumpReadOnlyRollout
  $ pump-roles rollout-status --expect cdk.out

After a removal, check that it is complete:

  $ pump-roles verify --removed --principal ... \\
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
