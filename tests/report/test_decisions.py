"""What a role may do, from policies of any form."""

import json
from pathlib import Path
from typing import Any

import pytest

from pump_roles.report import of_templates
from pump_roles.report.markdown import as_markdown
from pump_roles.report.page import as_html
from tests.support import EVERYTHING, NO_VALUE, a_statement, action_count, changed, synthesize


def test_the_same_exception_twice_is_one(text: str, tmp_path: Path) -> None:
    change = a_statement(
        {"Effect": "Allow", "NotAction": ["ec2:*b*c", "ec2:*b*c"], "Resource": "*"}
    )
    (role,) = changed(text, tmp_path, change).roles
    assert role.actions > action_count("auto-pilot")


@pytest.mark.parametrize(
    "statement",
    [
        {"Fn::If": ["C", EVERYTHING["Statement"], NO_VALUE]},
        {"Effect": {"Fn::Sub": "Allow"}, "Action": "*", "Resource": "*"},
        {"Effect": "Allow", "Action": {"Ref": "Actions"}, "Resource": "*"},
        {"Effect": "Allow", "Action": ["ce:Get*", {"Fn::Sub": "*"}], "Resource": "*"},
        "not one",
    ],
)
def test_a_statement_that_cannot_be_read_is_said(statement: Any, text: str, tmp_path: Path) -> None:
    report = changed(text, tmp_path, a_statement(statement))
    assert [one.kind for one in report.findings][:2] == ["difference", "uncounted"]
    assert "a statement of PumpBillingReadOnly that cannot be read" in report.findings[1].text


def test_all_but_some_actions_is_all_but_those(text: str, tmp_path: Path) -> None:
    statement = {"Effect": "Allow", "NotAction": ["ec2:*", "rds:*"], "Resource": "*"}
    report = changed(text, tmp_path, a_statement(statement))
    granted = {
        one.name: [pattern for _, pattern in one.roles["auto-pilot"].granted_by]
        for one in report.actions
    }
    assert "ec2:TerminateInstances" not in granted
    assert "rds:DeleteDBInstance" not in granted
    assert granted["ecs:DeleteCluster"] == ["all but ec2:*, rds:*"]


def test_what_a_wider_pattern_holds_is_not_lacking(text: str, tmp_path: Path) -> None:
    def change(_: dict[str, Any], role: dict[str, Any]) -> None:
        (policy,) = (one for one in role["Policies"] if one["PolicyName"] == "PumpAutoPilot")
        policy["PolicyDocument"]["Statement"][0]["Action"] = ["*"]

    report = changed(text, tmp_path, change)
    assert report.roles[0].differences == ("PumpAutoPilot allows *, which Pump does not publish",)
    assert "is not judged here" in report.findings[0].text


def test_no_spending_is_claimed_of_published_roles_alone(tmp_path: Path) -> None:
    folder = synthesize(tmp_path / "a")
    file = folder / "PumpReadOnly.template.json"
    claim = "No action that buys or exchanges commitments."
    assert claim in as_html(of_templates(file))
    template = json.loads(file.read_text())
    role = template["Resources"]["ReadOnlyRole"]["Properties"]
    role["Policies"][0]["PolicyDocument"]["Statement"][0]["Action"].append("ec2:RunInstances")
    file.write_text(json.dumps(template))
    assert claim not in as_html(of_templates(file))


def test_an_effect_is_shown_as_text(text: str, tmp_path: Path) -> None:
    statement = {"Effect": "<img src=x>|", "Action": "ce:*", "Resource": "*"}
    found = as_markdown(changed(text, tmp_path, a_statement(statement)))
    assert "&lt;img src=x&gt;\\|" in found
    assert "<img" not in found


def test_a_pattern_takes_no_time_that_explodes(text: str, tmp_path: Path) -> None:
    hostile = {"Effect": "Allow", "Action": f"e{'*a' * 30}z", "Resource": "*"}
    assert changed(text, tmp_path, a_statement(hostile)).roles[0].actions == action_count(
        "auto-pilot"
    )
