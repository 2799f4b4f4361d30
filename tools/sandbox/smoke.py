"""`make smoke`: the read-only role's whole life in the AWS account of your credentials.

The endpoint and the Region are those of your AWS configuration too, so this can also run on an
emulator. It says what it will create, asks first, and deletes everything at the end, even if a
check fails.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from pump_roles.pump_side import new_external_id
from tools.sandbox.cdk import ROOT
from tools.sandbox.show import READ_ONLY_ROLE, Show

STACK: Final = "PumpReadOnly"


class Account:
    """An AWS account of the caller's configuration."""

    def __init__(self, profile: str | None = None) -> None:
        self.profile = profile
        self.session = boto3.Session(profile_name=profile)

    @property
    def id(self) -> str:
        return str(self.session.client("sts").get_caller_identity()["Account"])

    @staticmethod
    def environment() -> Mapping[str, str]:
        """Return the environment variables that make an AWS tool use the caller's configuration."""
        own = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        files = {
            "AWS_CONFIG_FILE": "~/.aws/config",
            "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
        }
        return {name: str(Path(path).expanduser()) for name, path in files.items()} | own


class Smoke(Show):
    """The role's life, from the first deployment to the removal."""

    ended = "Nothing was created."

    def __init__(self, account: Account, pump: Account | None) -> None:
        if account.session.region_name is None:
            raise NoRegionError
        super().__init__(account.environment())
        self.account = account
        self.pump = pump
        self.principal = (pump or account).id
        partition = account.session.get_partition_for_region(account.session.region_name)
        self.arn = f"arn:{partition}:iam::{account.id}:role/{READ_ONLY_ROLE}"

    def show(self) -> None:
        """Deploy, assume, verify, probe, rotate, and destroy."""
        self.part("Check that nothing is there yet")
        self.show_nothing()
        old, new = new_external_id(), new_external_id()
        # Raises if something is there already, which must not be destroyed.
        self.part("Deploy")
        try:
            self.apply(old)
            self.part("Verify, and probe")
            template = ROOT / "pump_roles/universal" / f"{STACK}.template.json"
            expected = ("--expect", str(template), "--principal", self.principal)
            self.show_verdict("verify", old, *expected)
            if self.pump is None:
                self.console.print("not tried: assuming the role, which needs a second account\n")
            else:
                self.show_accepted({old: True, new: False})
                profile = ("--profile", str(self.pump.profile))
                self.show_verdict("probe", old, self.arn, *profile)
            self.part("Rotate the external ID")
            self.apply(old, {"next-external-id": new})
            if self.pump is not None:
                self.show_accepted({old: True, new: True})
            self.apply(new)
            if self.pump is not None:
                self.show_accepted({old: False, new: True})
            self.show_verdict("verify", new, *expected)
        finally:
            # Another interrupt must not leave anything.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self.passed, passed = True, self.passed
            self.ended = f"What was created may be left: delete the stack {STACK}."
            self.part("Destroy")
            self.cdk("destroy", STACK, hidden="--force")
            self.show_nothing()
            if self.passed:
                self.ended = "Everything that was created is deleted."
            self.expect(passed)

    def apply(self, external_id: str, settings: Mapping[str, str] | None = None) -> None:
        """Deploy the stack with an external ID, and other settings."""
        provided = {"principal": self.principal, "external-id": external_id}
        self.configure({**provided, **(settings or {})})
        self.cdk("deploy", STACK, hidden="--require-approval=never")

    def show_verdict(self, command: str, external_id: str, *arguments: str) -> None:
        """Run a command of ``pump-roles``, and show whether the role is right."""
        ended = self.pump_roles(command, *arguments, "--format", "json", external_id=external_id)
        # Other roles of the account may trust the second one, such as those of an organization.
        right = ended.returncode == 0 or (
            command == "verify"
            and bool(ended.stdout)
            and {
                role["state"]
                for account in json.loads(ended.stdout)["accounts"]
                for role in account["roles"]
            }
            == {"match"}
        )
        labels = ("as expected", f"exit status {ended.returncode}")
        self.console.print(
            f"pump-roles {command}: " + self.verdict(right, should=True, labels=labels)
        )
        if not right:
            self.quote(ended.stdout + ended.stderr)

    def show_accepted(self, accepted: Mapping[str, bool]) -> None:
        """Show which external IDs the role accepts, and that it accepts none without one."""
        table = self.table("external ID", "the role")
        for number, (external_id, should) in enumerate(accepted.items(), 1):
            row = self.verdict(self.assumed(ExternalId=external_id), should=should)
            table.add_row(f"number {number}", row)
        table.add_row("none", self.verdict(self.assumed(), should=False))
        self.console.print(table)
        self.console.print()

    def assumed(self, **passed: str) -> bool:
        """Return whether the account that plays Pump can assume the role."""
        assert self.pump is not None
        sts: Any = self.pump.session.client("sts")
        try:
            sts.assume_role(RoleArn=self.arn, RoleSessionName="pump-roles-smoke", **passed)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            return False
        return True

    def show_nothing(self) -> None:
        """Show that the account has neither the stack nor the role."""
        session = self.account.session
        stacks, roles = session.client("cloudformation"), session.client("iam")
        for what, describe in (
            (f"stack {STACK}", lambda: stacks.describe_stacks(StackName=STACK)),
            (f"role {READ_ONLY_ROLE}", lambda: roles.get_role(RoleName=READ_ONLY_ROLE)),
        ):
            there = True
            try:
                describe()
            except ClientError as error:
                if error.response["Error"]["Code"] not in {"ValidationError", "NoSuchEntity"}:
                    raise
                there = False
            verdict = self.verdict(not there, should=True, labels=("none", "exists"))
            self.console.print(f"{what}: {verdict}")


def main(arguments: list[str]) -> int:
    try:
        return run(arguments)
    except (BotoCoreError, ClientError) as error:
        print(f"make smoke: {error}")
    except (EOFError, KeyboardInterrupt):
        print("\nNothing was created.")
    return 1


def run(arguments: list[str]) -> int:
    account = Account()
    smoke = Smoke(account, Account(arguments[0]) if arguments else None)
    smoke.console.print(
        f"This creates the stack {STACK} with the role {READ_ONLY_ROLE} in the account "
        f"[bold]{account.id}[/], in {account.session.region_name}, and deletes them at the end. "
        f"Until then, the account {smoke.principal} can assume the role. AWS charges nothing for "
        "this."
    )
    if input("To continue, enter the ID of the account: ").strip() != account.id:
        smoke.console.print("Nothing was created.")
        return 1
    return smoke.run(smoke.show, "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
