"""`make demo-org`: roll both roles out across an emulated organization, and show who has them."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.tree import Tree

from pump_roles.account.organization import Account
from pump_roles.account.rollout_status import read
from sandbox.aws import ACCOUNT_ID, EmbeddedAws, embedded_aws
from sandbox.organization import Organization, StackSets, roles
from sandbox.show import BUYS, EXTERNAL_ID, PUMP, READS, ROLES, Show, trust
from sandbox.simulator import ALLOWED, Role, assumption, decide

UNITS: Final = {"Security": 6, "Workloads": 30, "Sandbox": 14}
EXCLUDED: Final = "sandbox-7"
LATE: Final = "workloads-late"
"""An account that joins after the rollout."""

NOTES: Final = {EXCLUDED: "excluded", LATE: "joined late"}


def expected(account: Account, organization: Organization) -> dict[str, bool]:
    """Return which roles an account should have: read-only everywhere, auto-pilot in Workloads."""
    if account.id == ACCOUNT_ID:
        return {READS: True, BUYS: True}
    return {
        READS: account.name != EXCLUDED,
        BUYS: organization.units["Workloads"] in account.units,
    }


class OrganizationDemo(Show):
    """Both roles in an organization."""

    def run(self, aws: EmbeddedAws) -> None:
        """Roll out, let an account join, and show what every account has."""
        organization = self.step(
            f"an organization: {sum(UNITS.values())} accounts in {len(UNITS)} units, and the "
            "management account",
            lambda: Organization.create(aws, UNITS),
        )
        by_name = {account.name: account.id for account in organization.accounts()}
        with TemporaryDirectory() as folder:
            self.deploy(
                aws,
                *("PumpReadOnly", "PumpAutoPilot", "--output", folder),
                *("-c", f"pump:read-only:organizational-units={organization.root}"),
                *("-c", f"pump:read-only:exclude-accounts={by_name[EXCLUDED]}"),
                *("-c", f"pump:auto-pilot:organizational-units={organization.units['Workloads']}"),
            )
            rollouts = [
                json.loads((Path(folder) / f"{name}.template.json").read_text(encoding="utf-8"))
                for name in ("PumpReadOnlyRollout", "PumpAutoPilotRollout")
            ]
        for rollout in rollouts:
            self.roll_out(organization, rollout)
        late = organization.join("Workloads", LATE)
        self.console.print(
            f"\n{LATE} joins. AWS would deploy to it automatically; the emulator does not, so it "
            "gets the roles at the next create operation."
        )
        self.expect(roles(late) == {})
        for rollout in rollouts:
            StackSets(organization).update(rollout, {})
        self.show_tree(organization)
        self.show_status(organization, rollouts, by_name[EXCLUDED])

    def roll_out(self, organization: Organization, template: Mapping[str, Any]) -> None:
        """Create one StackSet and its instances, and show the progress."""
        name = StackSets.name(template)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        started = time.monotonic()
        made: list[str] = []
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(f"StackSet {name}", total=None)

            def deployed(account: str) -> None:
                made.append(account)
                progress.update(task, completed=len(made), total=sum(UNITS.values()))

            StackSets(organization, deployed).create(template, {})
        self.done(f"StackSet {name}: {len(made)} accounts", time.monotonic() - started)

    def show_tree(self, organization: Organization) -> None:
        """Show each account with its roles, under its unit."""
        accounts = organization.accounts()
        found = {account.id: roles(account.id) for account in accounts}
        asked = [(account, name) for account, has in found.items() for name in has]
        enters = dict(
            zip(
                asked,
                decide(
                    [
                        assumption(found[account][name], caller=PUMP, external_id=EXTERNAL_ID)
                        for account, name in asked
                    ]
                ),
                strict=True,
            )
        )
        tree = Tree(f"\n[bold]root[/] {organization.root}")
        branches = {
            unit: tree.add(f"[bold]{name}[/] {unit}") for name, unit in organization.units.items()
        }
        branches[organization.root] = tree
        for account in accounts:
            has = found[account.id]
            states = [
                self.state(
                    name in has
                    and (
                        not should
                        or (
                            self.as_published(has[name], name)
                            and enters[account.id, name] == ALLOWED
                        )
                    ),
                    should=should,
                    kind=ROLES[name].kind,
                )
                for name, should in expected(account, organization).items()
            ]
            self.expect(has.keys() <= ROLES.keys())
            note = NOTES.get(account.name, "")
            if account.id == ACCOUNT_ID:
                note = "the management account"
            branches[account.units[-1]].add(
                f"{account.id} {account.name:<15} {'  '.join(states)}  [dim]{note}[/]"
            )
        self.console.print(tree)
        self.console.print(
            "\n✔ means: the role exists, has the published policies, trusts only Pump with the "
            "external ID, and Pump can assume it."
        )

    def state(self, found: object, *, should: bool, kind: str) -> str:
        """Return a cell that shows whether a role exists, empty if it rightly does not."""
        if found or should:
            return self.verdict(found, should=should, labels=(kind, f"no {kind}"))
        return f"[dim]- {'':<{len(kind)}}[/]"

    @staticmethod
    def as_published(role: Role, name: str) -> bool:
        """Return whether a role has the published policies and the trust policy."""
        published = {policy.name: policy.document for policy in ROLES[name].policies}
        return role.policies == published and role.trust == trust()

    def show_status(
        self, organization: Organization, rollouts: list[dict[str, Any]], excluded: str
    ) -> None:
        """Show what `pump-roles rollout-status` finds."""
        self.console.print("\n[bold]pump-roles rollout-status[/] finds\n")
        table = self.table("StackSet", "instances", "missing", "filtered out", "complete")
        for rollout, filtered in zip(rollouts, ([excluded], []), strict=True):
            status = read(
                organization.cloudformation,
                organization.organizations,
                StackSets.name(rollout),
                account_filter="DIFFERENCE" if filtered else "NONE",
                filtered=filtered,
            )
            table.add_row(
                status.stack_set,
                ", ".join(f"{count} {name}" for name, count in status.counts.items()),
                str(len(status.missing)),
                str(len(status.filtered)),
                self.verdict(status.complete, should=True, labels=("yes", "no")),
            )
        self.console.print(table)


REAL: Final = """
[bold]For a real organization[/], with the management account's credentials, once StackSets has
trusted access to it:

  $ source .venv/bin/activate
  $ npx cdk deploy PumpReadOnly PumpReadOnlyRollout \\
      -c pump:read-only:organizational-units=r-... \\
      -c pump:principal=... -c pump:external-id=...
  $ pump-roles rollout-status PumpReadOnly
"""


def main() -> int:
    demo = OrganizationDemo()
    demo.console.print(
        "[bold]Both roles in an emulated organization[/]: nothing here reaches a real account\n"
    )
    with embedded_aws() as aws:
        demo.run(aws)
    return demo.end(REAL)


if __name__ == "__main__":
    sys.exit(main())
