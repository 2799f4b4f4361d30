"""`make sandbox`: a shell in which AWS is the emulator, to try the commands of the guides."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tools.sandbox.audit import AUDITOR, let_audit
from tools.sandbox.aws import ACCOUNT_ID, Caller, embedded_aws
from tools.sandbox.cdk import ROOT, tool_environment
from tools.sandbox.organization import Organization

PROMPT: Final = "(pump-roles sandbox) "

UNITS: Final = {"Workloads": 3, "Sandbox": 2}
"""The organizational units, and how many accounts are in each."""

INTRODUCTION: Final = f"""\
In this shell, AWS is an emulator that enforces IAM, but not the policies of an organization: the
protection and the stop can be deployed, but deny nothing. It is the account {ACCOUNT_ID}, with
administrator credentials. Nothing reaches a real account. For example:

  npx cdk deploy PumpReadOnly -c pump:settings=tools/sandbox/settings.json
  pump-roles verify --expect cdk.out/PumpReadOnly.template.json
  aws iam get-role --role-name PumpReadOnlyRole

It is the management account of an organization with {sum(UNITS.values())} members. For a rollout:

  npx cdk deploy PumpReadOnlyRollout -c pump:settings={{settings}}
  aws cloudformation list-stack-instances --stack-set-name PumpReadOnly
  pump-roles verify --expect cdk.out/PumpReadOnly.template.json --assume-role {AUDITOR}
  aws organizations list-roots

Without -c, the settings are those in your pump.json. Without a terminal, also pass
--require-approval never to cdk deploy.

The emulator lacks Savings Plans, Reserved Instances and their listings, Cost Explorer, Support,
Service Quotas, the State of an account in list-accounts, and list-delegated-administrators.

To stop the emulator and delete everything in it: exit
"""


def main() -> int:
    with embedded_aws() as aws, TemporaryDirectory() as folder:
        organization = Organization.create(aws.organizations, UNITS)
        for account in organization.accounts():
            let_audit(aws, Caller(account.id))
        example = json.loads(
            (ROOT / "tools" / "sandbox" / "settings.json").read_text(encoding="utf-8")
        )
        example["read-only"] = {"organizational-units": [organization.root]}
        settings = Path(folder) / "rollout.json"
        settings.write_text(json.dumps(example, indent=2), encoding="utf-8")
        print(INTRODUCTION.format(settings=settings), flush=True)
        # A startup file could choose other credentials, or put other programs first.
        return subprocess.run(
            ["bash", "--noprofile", "--norc"],
            cwd=ROOT,
            env={**tool_environment(), **aws.environment(), "PS1": f"{PROMPT}\\w $ "},
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
