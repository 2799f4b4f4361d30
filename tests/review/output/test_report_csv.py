"""The CSV report: its rows, and that a spreadsheet reads them as they are."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import pytest

from pump_roles import Guardrail
from pump_roles.iam.catalog import shipped
from pump_roles.review.output.pieces import csv_table
from pump_roles.review.output.report_csv import as_csv
from pump_roles.review.report import Report, of_published, of_templates
from pump_roles.review.report.report_model import RISKS
from tests.customer import allow, deny
from tests.support import (
    DOCUMENTED,
    a_statement,
    another,
    changed,
    in_template,
    synthesize,
)

Rows = Mapping[tuple[str, str], Mapping[str, str]]


def rows(report: Report) -> Rows:
    """Return the rows by action and role; each is there once."""
    found = list(csv.DictReader(io.StringIO(as_csv(report))))
    by_key = {(row["action"], row["role"]): row for row in found}
    assert len(by_key) == len(found)
    return by_key


@pytest.fixture(scope="module")
def published() -> Rows:
    return rows(of_published())


def test_service_policies_and_patterns_have_columns_of_their_own(published: Rows) -> None:
    row = published["savingsplans:CreateSavingsPlan", "auto-pilot"]
    assert row["service"] == "savingsplans"
    assert row["granted by policies"] == "PumpAutoPilot"
    assert row["granted by patterns"] == "savingsplans:*"
    assert (row["risk"], row["decision"]) == ("money", "allowed")
    assert row["plain words"] == "Spend money on commitments"
    assert row["why Pump needs it"].startswith("Buys and sells Savings Plans")


def test_policies_and_patterns_are_in_the_same_order(text: str, tmp_path: Path) -> None:
    extra = {"Effect": "Allow", "NotAction": ["s3:*", "iam:*"], "Resource": "*"}
    report = changed(text, tmp_path, another({"Statement": extra}))
    row = rows(report)["savingsplans:CreateSavingsPlan", "auto-pilot"]
    assert row["granted by policies"].split("; ") == ["PumpAutoPilot", "Extra"]
    assert row["granted by patterns"].split("; ") == ["savingsplans:*", "all but s3:*, iam:*"]


def test_every_action_of_a_role_is_a_row(published: Rows) -> None:
    report = of_published()
    granted = {key for key, row in published.items() if row["decision"] != "not granted"}
    assert {key for key, row in published.items() if row["risk"] in RISKS} == granted
    assert granted == {(action.name, kind) for action in report.actions for kind in action.roles}


def test_no_in_plain_words_is_a_row_for_each_of_its_actions(published: Rows) -> None:
    objects = [row for row in published.values() if row["plain words"] == "Read objects in S3"]
    assert {row["decision"] for row in objects} == {"not granted"}
    assert {row["role"] for row in objects} == DOCUMENTED.keys()
    assert published["s3:GetObject", "auto-pilot"]["risk"] == ""
    # One role has it, and the other does not.
    buys = published["savingsplans:CreateSavingsPlan", "read-only"]
    assert (buys["decision"], buys["risk"]) == ("not granted", "")
    assert buys["granted by policies"] == buys["spends money"] == ""
    assert buys["access levels"] == "Write"


def test_action_of_several_statements_has_the_titles_of_all(published: Rows) -> None:
    assert published["ce:GetCostAndUsage", "read-only"]["plain words"] == (
        "Make calls that AWS charges for; Read the costs of every account in the organization"
    )


def test_what_is_not_granted_is_unknown_if_not_all_can_be_read(text: str, tmp_path: Path) -> None:
    found = rows(changed(text, tmp_path, in_template(Transform=["Macro"])))
    assert found["s3:GetObject", "auto-pilot"]["decision"] == "unknown"
    assert found["savingsplans:CreateSavingsPlan", "auto-pilot"]["decision"] == "allowed"
    assert "not granted" not in {row["decision"] for row in found.values()}


@pytest.mark.parametrize(
    ("denied", "decision"),
    [
        (None, "allowed"),
        (deny("s3:*"), "denied"),
        (deny("s3:*", Resource="arn:aws:s3:::mine/*"), "limited"),
    ],
)
def test_action_that_the_catalog_lacks_has_a_row_with_its_decision(
    denied: Mapping[str, str] | None, decision: str, text: str, tmp_path: Path
) -> None:
    assert "s3:getobject" not in shipped().actions
    statements = [allow("s3:GetObject"), *([denied] if denied else [])]
    found = rows(changed(text, tmp_path, another({"Statement": statements})))
    assert found["s3:GetObject", "auto-pilot"]["decision"] == decision
    assert found["s3:GetObjectVersion", "auto-pilot"]["decision"] == "not granted"


def test_reports_what_limits_an_action(tmp_path: Path) -> None:
    guardrails = (Guardrail.only_in_regions("us-east-1"), Guardrail.NO_SELLING)
    found = rows(of_templates(synthesize(tmp_path, *guardrails)))
    buys = found["ec2:PurchaseHostReservation", "auto-pilot"]
    assert buys["decision"] == "conditionally denied"
    assert buys["denied by"] == "PumpGuardrailOnlyInRegions"
    assert buys["limited by"] == (
        'on every resource, if {"StringNotEquals": {"aws:requestedregion": ["us-east-1"]}}'
    )
    sells = found["ec2:CreateReservedInstancesListing", "auto-pilot"]
    assert (sells["decision"], sells["limited by"]) == ("denied", "")
    assert sells["denied by"] == "PumpGuardrailNoSelling"


def test_reports_the_only_resources_on_which_an_action_is_allowed(
    text: str, tmp_path: Path
) -> None:
    images = "arn:aws:ec2:*:*:image/*"
    change = a_statement(allow("ec2:RunInstances", Resource=images))
    row = rows(changed(text, tmp_path, change))["ec2:RunInstances", "auto-pilot"]
    assert (row["decision"], row["allowed only"]) == ("allowed", f"on {images}")


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM", "\t=1"])
def test_cell_is_never_a_formula(cell: str) -> None:
    _, row = csv.reader(io.StringIO(csv_table(["a", "b"], [[cell, "c"]]), newline=""))
    assert row == [f"'{cell}", "c"]
