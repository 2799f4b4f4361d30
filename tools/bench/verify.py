"""How long `pump-roles verify` takes for an organization, and how much memory."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tools.bench.process import Used, run
from tools.sandbox.audit import AUDITOR, audited_organization
from tools.sandbox.aws import embedded_aws
from tools.sandbox.cdk import tool_environment


def measure(template: Path, sizes: Sequence[int], output: Path) -> dict[int, Used]:
    """Verify one role in organizations of several sizes, on the AWS emulator."""
    used = {}
    for count in sizes:
        print(f"verify: {count:,} accounts", file=sys.stderr, flush=True)
        with embedded_aws() as aws:
            organization = audited_organization(aws, count, template.read_text())
            arguments = [
                *("-m", "pump_roles", "verify", "--expect", str(template)),
                *("--target", organization.unit, "--assume-role", AUDITOR),
                *("--output", str(output)),
            ]
            used[count] = run(arguments, {**tool_environment(), **aws.environment()})
    return used
