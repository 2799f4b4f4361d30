"""What the demos share: the roles, and steps, verdicts and tables on a terminal."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from pump_roles import published
from pump_roles.published import PublishedRole
from sandbox.aws import EmbeddedAws
from sandbox.cdk import cdk

T = TypeVar("T")

PUMP: Final = "arn:aws:iam::999988887777:role/PumpService"
EXTERNAL_ID: Final = "Example-1234"

READS: Final = published.ROLES["read-only"].name
BUYS: Final = published.ROLES["auto-pilot"].name
ROLES: Final[Mapping[str, PublishedRole]] = {role.name: role for role in published.ROLES.values()}
"""The published roles by name."""


def trust() -> dict[str, Any]:
    """Return the trust policy that every role of a demo should have."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": PUMP},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
            }
        ],
    }


class Show:
    """One run. It remembers whether everything was as it should be."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self.right = True

    def step(self, description: str, work: Callable[[], T]) -> T:
        """Do some work, and show what was done and how long it took."""
        started = time.monotonic()
        with self.console.status(description):
            result = work()
        self.done(description, time.monotonic() - started)
        return result

    def done(self, description: str, seconds: float) -> None:
        """Show what was done."""
        self.console.print(f"[green]done[/]  {description}  [dim]{seconds:.1f} s[/]")

    def deploy(self, aws: EmbeddedAws, *arguments: str) -> None:
        """Deploy with the real CDK CLI, with Pump's principal and the external ID.

        :raises SystemExit: when that fails.
        """
        options = ["-c", f"pump:principal={PUMP}", "-c", f"pump:external-id={EXTERNAL_ID}"]
        command = ["deploy", *arguments, *options]
        self.console.print(f"[dim]$ cdk {escape(' '.join(command))}[/]", soft_wrap=True)
        ended = self.step(
            "synthesized, checked by cdk-nag, deployed",
            lambda: cdk(
                *command, "--require-approval=never", "--method=direct", environment=aws.environment
            ),
        )
        if ended.returncode:
            self.console.print(escape(ended.stdout + ended.stderr))
            raise SystemExit(ended.returncode)

    def verdict(
        self, found: object, *, should: bool, labels: tuple[str, str] = ("allowed", "denied")
    ) -> str:
        """Return a cell that shows what was found, marked and remembered if it is wrong."""
        self.expect(bool(found) == should)
        shown = f"[green]✔ {labels[0]}[/]" if found else f"[red]✘ {labels[1]}[/]"
        return shown if bool(found) == should else f"{shown} [bold reverse red] WRONG [/]"

    def expect(self, holds: object) -> None:
        """Remember whether something is as it should be."""
        self.right = self.right and bool(holds)

    @staticmethod
    def table(*columns: str) -> Table:
        """Return an empty table."""
        return Table(
            *(Column(name, overflow="fold") for name in columns),
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            show_edge=False,
            collapse_padding=True,
        )

    def end(self, next_steps: str) -> int:
        """Show how it went, and return the exit status."""
        if not self.right:
            self.console.print("\n[bold red]Something is not as it should be, see above.[/]")
            return 1
        self.console.print("\n[bold green]All as it should be.[/] The embedded AWS has ended.")
        self.console.print(next_steps, soft_wrap=True)
        return 0
