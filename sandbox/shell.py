"""`make sandbox`: a shell in which AWS is the emulator, to try the commands of the guides."""

import os
import subprocess
import sys
from typing import Final

from sandbox.aws import ACCOUNT_ID, embedded_aws
from sandbox.cdk import ROOT, tool_environment

INTRODUCTION: Final = f"""\
In this shell, AWS is an emulator that enforces IAM: an empty account, {ACCOUNT_ID}, with
administrator credentials. Nothing reaches a real account. For example:

  npx cdk deploy PumpReadOnly -c pump:principal=999988887777 \\
      -c pump:external-id=Example-1234-5678
  pump-roles verify --principal 999988887777 --role read-only
  aws iam get-role --role-name PumpReadOnlyRole

To stop the emulator and delete everything in it: exit
"""


def main() -> int:
    with embedded_aws() as aws:
        print(INTRODUCTION, flush=True)
        environment = tool_environment() | dict(aws.environment())
        shell = os.environ.get("SHELL", "/bin/sh")
        return subprocess.run([shell], cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
