"""What the demos share: steps, checks, and tables on a terminal."""

import json
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from pump_roles import published
from pump_roles.published import PublishedRole
from tools.sandbox.cdk import ROOT, cdk, project, tool_environment

if TYPE_CHECKING:
    from pathlib import Path

PUMP_ACCOUNT: Final = "999988887777"
PUMP: Final = f"arn:aws:iam::{PUMP_ACCOUNT}:role/PumpService"
EXTERNAL_ID: Final = "Example-1234-5678"

READ_ONLY_ROLE: Final = published.ROLES["read-only"].name
AUTO_PILOT_ROLE: Final = published.ROLES["auto-pilot"].name
ROLES: Final[Mapping[str, PublishedRole]] = {role.name: role for role in published.ROLES.values()}
"""The published roles by name."""


def trust() -> dict[str, Any]:
    """Return the trust policy that a role of a demo should have."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": PUMP},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


class CheckFailedError(Exception):
    """A check failed. The output marks it."""


class Show:
    """One run of a demo in an account, which keeps track of whether every check passed."""

    ended = "The AWS emulator has stopped."
    """What to say at the end."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.console = Console(highlight=False)
        self.passed = True
        self.parts = 0
        self.answers: dict[int, Counter[bool]] = {}
        self.folder: Path | None = None

    def part(self, title: str) -> None:
        if not self.passed:
            raise CheckFailedError
        self.parts += 1
        self.console.print(f"\n[bold cyan]{self.parts}  {escape(title)}[/]\n")

    def done(self, description: str, started: float) -> None:
        """Show what was done, and how long it took."""
        seconds = time.monotonic() - started
        self.console.print(f"[green]done[/]  {description}  [dim]{seconds:.1f} s[/]")

    def command(self, text: str) -> None:
        """Show a command. It is never wrapped, so that it can be copied."""
        self.console.print(f"  [dim]$ {escape(text)}[/]", soft_wrap=True)

    def cdk(self, *command: str, hidden: str) -> None:
        """Run the real CDK CLI as the account's owner, and show the command."""
        lines = textwrap.wrap(" ".join(command), 64, break_on_hyphens=False)
        self.command("npx cdk " + " \\\n      ".join(lines))
        destroys = command[0] == "destroy"
        started = time.monotonic()
        doing = "destroying" if destroys else "deploying"
        with self.console.status(doing):
            ended = cdk(*command, hidden, directory=self.folder, environment=self.environment)
        output = ended.stdout + ended.stderr
        if ended.returncode:
            self.console.print(escape(output))
            raise SystemExit(ended.returncode)
        deployed = (
            "deployed" if "cdk.out" in command else "synthesized, checked by cdk-nag, deployed"
        )
        self.done("destroyed" if destroys else deployed, started)
        self.console.print()

    def pump_roles(
        self, *arguments: str, external_id: str = EXTERNAL_ID, shown: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run ``pump-roles`` as the account's owner; show its output, or return it."""
        self.console.file.flush()
        return subprocess.run(
            [sys.executable, "-m", "pump_roles", *arguments],
            cwd=ROOT,
            env={
                **tool_environment(),
                **self.environment,
                "PUMP_EXTERNAL_ID": external_id,
            },
            capture_output=not shown,
            text=True,
            check=False,
        )

    def configure(self, settings: Mapping[str, Any]) -> str:
        """Write settings to ``pump.json``, and return what it contains."""
        assert self.folder is not None
        text = json.dumps(settings, indent=2)
        (self.folder / "pump.json").write_text(text, encoding="utf-8")
        return text

    def deploy(
        self,
        *stacks: str,
        external_id: str = EXTERNAL_ID,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Deploy with Pump's principal, an external ID, and other settings; show all of them."""
        provided = {"principal": PUMP, "external-id": external_id}
        shown = self.configure({**provided, **(settings or {})}).replace("\n", "\n  ")
        self.command(f"cat pump.json\n  {shown}")
        self.cdk("deploy", *stacks, hidden="--require-approval=never")

    def verdict(
        self,
        found: object,
        *,
        should: bool,
        labels: tuple[str, str] = ("allowed", "refused"),
        colors: tuple[str, str] = ("green", "red"),
        symbols: tuple[str, str] = ("✔", "✘"),
    ) -> str:
        """Check a result, and return a table cell that shows it. A wrong one is marked."""
        self.expect(bool(found) == should)
        self.answers.setdefault(self.parts, Counter())[bool(found)] += 1
        at = 0 if found else 1
        shown = f"[{colors[at]}]{symbols[at]} {labels[at]}[/]"
        return shown if bool(found) == should else f"{shown} [bold reverse red] WRONG [/]"

    def expect(self, holds: object) -> None:
        self.passed = self.passed and bool(holds)

    def quote(self, message: str) -> None:
        self.console.print(Padding(Text(message, "dim"), (0, 4), expand=False))

    @staticmethod
    def table(*columns: Column | str) -> Table:
        return Table(
            *columns, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True
        )

    def run(self, show: Callable[[], object], next_steps: str) -> int:
        """Run the demo, show whether every check passed, and return the exit status."""
        try:
            with project() as self.folder:
                show()
        except CheckFailedError:
            pass
        except KeyboardInterrupt:
            # A second interrupt must not prevent the emulator from being stopped.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self.console.print(f"\nInterrupted. {self.ended}")
            return 130
        if not self.passed:
            self.console.print("\n[bold red]A check failed: look for WRONG above.[/]")
            return 1
        self.console.print(f"\n[bold green]Every check passed.[/] {self.ended}")
        self.console.print(next_steps, soft_wrap=True)
        return 0
