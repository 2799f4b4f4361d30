"""A limit with a date says when it begins and ends; one that has ended is a finding."""

from pathlib import Path
from typing import Any

import pytest

from pump_roles import Guardrail
from pump_roles.review.report import Report
from tests.documents import written
from tests.support import Change, another, changed, of_templates, said, synthesize

PAST, FUTURE = "2020-01-01T00:00:00Z", "2999-01-01T18:30:00Z"


def stop(*untils: str, action: str = "*", operator: str = "DateLessThan") -> Change:
    """Return a change that adds a policy which denies actions until each of some times."""
    statements = [
        {
            "Effect": "Deny",
            "Action": action,
            "Resource": "*",
            "Condition": {operator: {"aws:CurrentTime": until}},
        }
        for until in untils
    ]
    return another({"Version": "2012-10-17", "Statement": statements}, "StopPump")


def trusted_until(time: str, *, effect: str) -> Change:
    """Return a change of the trust policy: whom it lets in, or keeps out, until a time."""

    def change(_: dict[str, Any], role: dict[str, Any]) -> None:
        statements = role["AssumeRolePolicyDocument"]["Statement"]
        first = statements[0]
        until = {**first.get("Condition", {}), "DateLessThan": {"aws:CurrentTime": time}}
        if effect == "Allow":
            first["Condition"] = until
        else:
            statements.append({**first, "Effect": "Deny", "Condition": until})

    return change


def ended(report: Report) -> list[str]:
    return [
        said(report, index)
        for index, finding in enumerate(report.findings)
        if finding.kind == "ended"
    ]


def test_limit_with_a_date_says_until_when(text: str, tmp_path: Path) -> None:
    report = changed(text, tmp_path, stop(FUTURE))
    assert ended(report) == []
    for chosen in ("markdown", "html"):
        assert "limited by StopPump until 2999-01-01 18:30 UTC" in written(report, chosen)
    without = changed(text, tmp_path, stop(FUTURE, action="s3:GetObject"))
    assert "commitments, without a limit" in written(without, "markdown")


@pytest.mark.parametrize(("time", "begins"), [(FUTURE, " from 2999-01-01 18:30 UTC"), (PAST, "")])
def test_limit_that_has_not_begun_says_from_when(
    time: str, begins: str, text: str, tmp_path: Path
) -> None:
    report = changed(text, tmp_path, stop(time, operator="DateGreaterThan"))
    assert ended(report) == []
    for chosen in ("markdown", "html"):
        found = written(report, chosen)
        assert f"limited by StopPump{begins}" in found
        assert ("StopPump from" in found) == bool(begins)


def test_guardrail_that_ends_the_permissions_says_so_in_its_own_words(tmp_path: Path) -> None:
    folder = synthesize(tmp_path, Guardrail.until(FUTURE))
    report = of_templates(folder / "PumpAutoPilot.template.json")
    markdown = written(report, "markdown", every_action=True)
    assert "Permissions only until 1 January 2999, 18:30 UTC" in markdown
    assert "until from" not in markdown


def test_limit_whose_time_has_passed_limits_nothing_and_is_a_finding(
    text: str, tmp_path: Path
) -> None:
    report = changed(text, tmp_path, stop(PAST))
    markdown = written(report, "markdown")
    assert "**1 finding.** A limit that someone chose has ended." in markdown
    assert "commitments, without a limit" in markdown
    assert "limited by StopPump" not in markdown
    (found,) = ended(report)
    assert "limits nothing: StopPump on 2020-01-01." in found
    assert "limits nothing: StopPump on 2020-01-01." in written(report, "html")


def test_two_times_in_one_policy_are_said_apart(text: str, tmp_path: Path) -> None:
    report = changed(text, tmp_path, stop(PAST, FUTURE))
    assert len(ended(report)) == 1
    assert "limited by StopPump in part until 2999-01-01 18:30 UTC" in written(report, "markdown")


@pytest.mark.parametrize(("time", "has_ended"), [(PAST, True), (FUTURE, False)])
def test_deny_of_the_trust_policy_ends_too(
    time: str, text: str, tmp_path: Path, *, has_ended: bool
) -> None:
    report = changed(text, tmp_path, trusted_until(time, effect="Deny"))
    said_of_it = "a deny of the trust policy on 2020-01-01"
    assert any(said_of_it in found for found in ended(report)) == has_ended


def test_trust_that_ends_says_when(text: str, tmp_path: Path) -> None:
    report = changed(text, tmp_path, trusted_until(FUTURE, effect="Allow"))
    assert "; until 2999-01-01 18:30 UTC" in written(report, "markdown", every_action=True)
    assert "; until 2999" not in written(changed(text, tmp_path, stop(FUTURE)), "markdown")
