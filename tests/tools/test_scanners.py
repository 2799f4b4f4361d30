"""docs/scanners.md says what the scanners report, and why.

Of the scanners only cfn-lint is small enough to run here; ``make scanners`` runs the others.
"""

import json
import re
from pathlib import Path

import pytest

from pump_roles import Guardrail
from pump_roles.published import ROLES
from tools.sandbox import scanners
from tools.sandbox.cdk import ROOT
from tools.sandbox.scanners import Finding, Scanned, explained, page

PAGE = (ROOT / "docs" / "scanners.md").read_text(encoding="utf-8")
REASONS = scanners.explanations()
RULES = re.findall(rf"\| ({'|'.join(scanners.versions())}): (\S+) \|", PAGE, re.MULTILINE)


def test_page_has_the_rules_that_are_explained_and_no_others() -> None:
    assert {f"{tool} {rule}" for tool, rule in RULES} == REASONS.keys()
    rows = [line for line in PAGE.splitlines() if re.search(r"\| (?!scanner)[a-z-]+: \S+ \|", line)]
    assert len(rows) == len(RULES)
    for row, (tool, rule) in zip(rows, RULES, strict=True):
        assert f" | {REASONS[f'{tool} {rule}']} |" in row


def test_page_has_the_versions_that_make_scanners_uses() -> None:
    listed = dict(re.findall(r"^\| ([a-z-]+) \| ([0-9.]+) \| ", PAGE, re.MULTILINE))
    assert listed == scanners.versions()


def test_page_has_every_guardrail() -> None:
    folder = ROOT / "pump_roles" / "guardrails"
    shipped = {file.stem for file in folder.glob("*.json")}
    (line,) = re.findall(r"^The guardrails: (.*)\.$", PAGE, re.MULTILINE)
    assert set(re.findall(r"`([a-z-]+)`", line)) == shipped, "run make scanners"


def test_page_has_every_template() -> None:
    stacks = [role.stack_name for role in ROLES.values()]
    sections = re.findall(r"^## (Pump\w+)$", PAGE, re.MULTILINE)
    assert sections == [*stacks, *(f"{stack}Rollout" for stack in stacks)]


@pytest.mark.slow
def test_cfn_lint_reports_what_the_page_says(tmp_path: Path) -> None:
    found = scanners.synthesize(tmp_path, [Guardrail.RECOMMENDED, Guardrail.NO_SUPPORT_WRITES])
    reported = scanners.cfn_lint([file for file, _, _ in found])
    assert len(reported) == len(found) == 3 * len(ROLES) + 1
    rules = {finding.rule for findings in reported.values() for finding in findings}
    assert rules == {rule for tool, rule in RULES if tool == "cfn-lint"}


@pytest.mark.slow
def test_cfn_lint_detects_a_mistake(tmp_path: Path) -> None:
    """Proves that the test above can fail."""
    file = tmp_path / "t.json"
    file.write_text(json.dumps({"Resources": {"A": {"Type": "AWS::IAM::Role"}}}))
    assert Finding("cfn-lint", "E3003") in scanners.cfn_lint([file])[file]


def test_policies_are_those_of_the_role_filled_in(tmp_path: Path) -> None:
    found = scanners.synthesize(tmp_path, [Guardrail.COMMITMENT_TAGS_ONLY])
    (file,) = (file for file, _, guardrail in found if guardrail == "commitment-tags-only")
    documents = scanners.policies(file)
    published = {policy.name: policy.document for policy in ROLES["auto-pilot"].policies}
    guardrail = documents.pop("PumpGuardrailCommitmentTagsOnly")
    assert documents == published
    assert guardrail["Statement"][0]["NotResource"][0] == "arn:aws:ec2:*:*:reserved-instances/*"


@pytest.mark.parametrize(
    ("reasons", "problem"),
    [
        ({}, "does not explain checkov A, parliament B"),
        ({"checkov A": "why", "parliament B": " "}, "does not explain parliament B"),
        (
            {"checkov A": "why", "parliament B": "why", "parliament C": "why"},
            "explains what is not found: parliament C",
        ),
    ],
)
def test_finding_without_an_explanation_is_an_error(reasons: dict[str, str], problem: str) -> None:
    findings = [Finding("parliament", "B", "P"), Finding("checkov", "A"), Finding("checkov", "A")]
    with pytest.raises(SystemExit, match=problem):
        explained(findings, reasons)
    explained(findings, {"checkov A": "why", "parliament B": "why"})


def test_page_says_what_clears_a_finding(tmp_path: Path) -> None:
    chosen = [Guardrail.NO_SELLING, Guardrail.RECOMMENDED]
    reported = {
        scanners.NO_GUARDRAIL: [
            Finding("checkov", "A"),
            Finding("parliament", "B", "P", ("ec2:CreateTags", "ec2:X")),
        ],
        "no-selling": [Finding("checkov", "A"), Finding("parliament", "B", "P")],
        "recommended": [Finding("parliament", "B", "P"), Finding("parliament", "C", "Q")],
    }
    scanned = [
        Scanned(
            file,
            kind,
            guardrail,
            tuple(reported[guardrail]) if kind == "auto-pilot" else (),
            ("X (x)", "Y (y)"),
        )
        for file, kind, guardrail in scanners.synthesize(tmp_path, chosen)
    ]
    reasons = {"checkov A": "Aha.", "parliament B": "Because.", "parliament C": "Crazy."}
    text = page(scanned, reasons)
    assert "\n| checkov: A | the role | - | Aha. | `recommended` |\n" in text
    assert "\n| parliament: B | `P` | `ec2:CreateTags`, `ec2:X` | Because. | none |\n" in text
    rollouts = re.compile(r"^## Pump\w+Rollout\n\n.*$", re.MULTILINE)
    assert rollouts.findall(text) == rollouts.findall(PAGE) != []
    assert "\n2 checkov checks pass, with and without each guardrail: X (x); Y (y).\n" in text
    assert "\n| PumpAutoPilot | parliament: C | `Q` | `recommended` | - | Crazy. |\n" in text
