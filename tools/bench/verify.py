"""How long `pump-roles verify` takes for an organization, and how much memory."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

from tools.sandbox.audit import AUDITOR, audited_organization
from tools.sandbox.aws import embedded_aws
from tools.sandbox.cdk import tool_environment

_KIB: Final = 1_024


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What the verification of an organization took.

    :param seconds: the time of the whole process.
    :param memory: the most memory that it had at once, in MiB.
    """

    seconds: float
    memory: float


def measure(template: Path, sizes: Sequence[int], output: Path) -> dict[int, Verified]:
    """Verify one role in organizations of several sizes, on the AWS emulator.

    :param template: the template that is deployed, and expected.
    :param sizes: how many accounts the organizations have.
    :param output: a file for the result.
    :raises RuntimeError: if an account does not match.
    """
    return {count: _measure(template, count, output) for count in sizes}


def _measure(template: Path, count: int, output: Path) -> Verified:
    print(f"verify: {count:,} accounts", file=sys.stderr, flush=True)
    with embedded_aws() as aws:
        organization = audited_organization(aws, count, template.read_text())
        command = [
            *(sys.executable, "-m", "pump_roles", "verify", "--expect", str(template)),
            *("--organization", "--unit", organization.unit, "--assume-role", AUDITOR),
            *("--output", str(output)),
        ]
        environment = {**tool_environment(), **aws.environment()}
        with Path(os.devnull).open("w") as nowhere:
            streams = [(os.POSIX_SPAWN_DUP2, nowhere.fileno(), number) for number in (1, 2)]
            start = perf_counter()
            process = os.posix_spawn(sys.executable, command, environment, file_actions=streams)
            _, status, used = os.wait4(process, 0)
            seconds = perf_counter() - start
    if status:
        raise RuntimeError(f"verify ended with exit status {os.waitstatus_to_exitcode(status)}")
    return Verified(seconds=seconds, memory=used.ru_maxrss / _KIB)
