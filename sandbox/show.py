"""What the demos share: steps, verdicts and tables on a terminal."""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from sandbox.aws import EmbeddedAws
from sandbox.cdk import cdk

T = TypeVar("T")

PUMP: Final = "arn:aws:iam::999988887777:role/PumpService"
EXTERNAL_ID: Final = "Example-1234"


def trust() -> dict[str, Any]:
    """The trust policy that every role of a demo should have."""
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
    """One run; it remembers whether everything was as it should be."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self.right = True

    def step(self, words: str, work: Callable[[], T]) -> T:
        """Do some work, and say what was done and how long it took."""
        started = time.monotonic()
        with self.console.status(words):
            done = work()
        self.done(words, time.monotonic() - started)
        return done

    def done(self, words: str, seconds: float) -> None:
        """Say what was done."""
        self.console.print(f"[green]done[/]  {words}  [dim]{seconds:.1f} s[/]")

    def deploy(self, aws: EmbeddedAws, *arguments: str) -> None:
        """Deploy with the real CDK CLI, with Pump's principal and the external id.

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
        self, found: object, *, should: bool, words: tuple[str, str] = ("allowed", "denied")
    ) -> str:
        """Show what was found, and remember and mark it if it is not what it should be."""
        self.expect(bool(found) == should)
        shown = f"[green]✔ {words[0]}[/]" if found else f"[red]✘ {words[1]}[/]"
        return shown if bool(found) == should else f"{shown} [bold reverse red] WRONG [/]"

    def expect(self, holds: object) -> None:
        """Remember whether something is as it should be."""
        self.right = self.right and bool(holds)

    @staticmethod
    def table(*columns: str) -> Table:
        """An empty table."""
        return Table(
            *(Column(name, overflow="fold") for name in columns),
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            show_edge=False,
            collapse_padding=True,
        )

    def end(self, next_steps: str) -> int:
        """Say how it went; returns the exit status."""
        if not self.right:
            self.console.print("\n[bold red]Something is not as it should be, see above.[/]")
            return 1
        self.console.print("\n[bold green]All as it should be.[/] The embedded AWS has ended.")
        self.console.print(next_steps, soft_wrap=True)
        return 0
