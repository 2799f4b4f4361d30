"""`make demo`: deploy both roles to an embedded AWS, and show who may do what there."""

import json
import sys
from collections.abc import Collection, Mapping
from itertools import product
from typing import Final

from pump_roles.published import PublishedRole
from sandbox import catalog
from sandbox.aws import ACCOUNT_ID, EmbeddedAws, embedded_aws
from sandbox.show import BUYS, EXTERNAL_ID, PUMP, READS, ROLES, Show, trust
from sandbox.simulator import ALLOWED, Role, assumption, decide, use

BOTH: Final = {READS, BUYS}
NEITHER: Final[set[str]] = set()

CALLERS: Final = {
    "Pump": PUMP,
    "another role of Pump's": "arn:aws:iam::999988887777:role/Intern",
    "another company": "arn:aws:iam::111122223333:role/PumpService",
    "your own account": f"arn:aws:iam::{ACCOUNT_ID}:role/Admin",
}
EXTERNAL_IDS: Final = {
    "your external ID": EXTERNAL_ID,
    "another customer's": "Example-5678",
    "none": None,
}

QUESTIONS: Final = [
    ("read a year's costs", "ce:GetCostAndUsage", BOTH),
    ("see reservations", "rds:DescribeReservedDBInstances", BOTH),
    ("see instances", "ec2:DescribeInstances", {BUYS}),
    ("buy a savings plan", "savingsplans:CreateSavingsPlan", {BUYS}),
    ("buy reservations", "ec2:PurchaseReservedInstancesOffering", {BUYS}),
    ("sell reservations", "ec2:CreateReservedInstancesListing", {BUYS}),
    ("open a support case", "support:CreateCase", {BUYS}),
    ("read S3 objects", "s3:GetObject", NEITHER),
    ("read a secret", "secretsmanager:GetSecretValue", NEITHER),
    ("read a table", "dynamodb:Scan", NEITHER),
    ("stop instances", "ec2:StopInstances", NEITHER),
    ("widen its rights", "iam:PutRolePolicy", NEITHER),
]
"""What a role may do, an action for it, and the roles that should be allowed it."""


class Demo(Show):
    """Both roles in one account."""

    def run(self, aws: EmbeddedAws) -> None:
        self.deploy(aws, "PumpReadOnly", "PumpAutoPilot")
        roles = {name: Role.of_account(aws.iam, name) for name in ROLES}
        for name, role in roles.items():
            self.show_role(role, ROLES[name])
        self.show_callers(roles)
        self.show_session(roles)

    def show_role(self, role: Role, published: PublishedRole) -> None:
        self.expect(role.trust == trust())
        self.expect(len(role.policies) == len(published.policies))
        self.console.print(f"\n[bold]{role.arn}[/]")
        for statement in role.trust["Statement"]:
            self.console.print(f"trusts {json.dumps(statement.get('Principal'))}", markup=False)
            self.console.print(f"if {json.dumps(statement.get('Condition'))}\n", markup=False)
        table = self.table("policy", "as published", "patterns", "actions")
        for policy in published.policies:
            same = role.policies.get(policy.name) == policy.document
            table.add_row(
                policy.name,
                self.verdict(same, should=True, labels=("yes", "no")),
                *self.counts(policy.patterns),
            )
        table.add_section()
        table.add_row(
            "together, each counted once",
            "",
            *self.counts(set(published.patterns)),
        )
        self.console.print(table)

    @staticmethod
    def counts(patterns: Collection[str]) -> tuple[str, str]:
        return str(len(patterns)), str(len(catalog.matching(patterns)))

    def show_callers(self, roles: Mapping[str, Role]) -> None:
        cells = list(product(CALLERS, roles, EXTERNAL_IDS))
        decisions = decide(
            [
                assumption(
                    roles[role], caller=CALLERS[caller], external_id=EXTERNAL_IDS[external_id]
                )
                for caller, role, external_id in cells
            ]
        )
        decided = dict(zip(cells, decisions, strict=True))
        for role in roles:
            self.console.print(f"\n[bold]Who may assume {role}[/], with which external ID?\n")
            table = self.table("", *EXTERNAL_IDS)
            for caller in CALLERS:
                table.add_row(
                    caller,
                    *(
                        self.verdict(
                            decided[caller, role, external_id] == ALLOWED,
                            should=(caller, external_id) == ("Pump", "your external ID"),
                        )
                        for external_id in EXTERNAL_IDS
                    ),
                )
            self.console.print(table)

    def show_session(self, roles: Mapping[str, Role]) -> None:
        cells = [(action, name) for _, action, _ in QUESTIONS for name in roles]
        decisions = decide(
            [
                use(
                    roles[name],
                    action=action,
                    resource=catalog.actions()[action.lower()].resources[0],
                )
                for action, name in cells
            ]
        )
        decided = dict(zip(cells, decisions, strict=True))
        self.console.print("\n[bold]What Pump may do[/]\n")
        table = self.table("", "read-only", "auto-pilot", "action")
        for question, action, should in QUESTIONS:
            table.add_row(
                question,
                *(
                    self.verdict(
                        decided[action, name] == ALLOWED,
                        should=name in should,
                        labels=("yes", "no"),
                    )
                    for name in roles
                ),
                action,
            )
        self.console.print(table)


REAL: Final = """
[bold]To deploy to a real account[/], with its credentials and the two values that Pump gives you:

  $ source .venv/bin/activate
  $ npx cdk deploy PumpReadOnly -c pump:principal=... -c pump:external-id=...

and PumpAutoPilot in the same way, when you want Pump to buy and sell. The account does not have to
be bootstrapped.
"""


def main() -> int:
    demo = Demo()
    demo.console.print(
        "[bold]Both roles on an embedded AWS[/]: nothing here reaches a real account\n"
    )
    with embedded_aws() as aws:
        demo.run(aws)
    return demo.end(REAL)


if __name__ == "__main__":
    sys.exit(main())
