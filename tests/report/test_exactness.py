"""Numbers that are not exact say so themselves, in every format."""

import csv
import io
import json
from pathlib import Path

import pytest

from pump_roles.output.json_documents import as_json
from pump_roles.output.page import as_html
from pump_roles.output.report_csv import as_csv
from pump_roles.output.report_markdown import as_markdown
from pump_roles.report import of_published
from tests.support import Change, add_resources, attach, changed, in_role, short_reports

ADMINISTRATOR = {"ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]}


@pytest.mark.parametrize(
    "change",
    [
        in_role(**ADMINISTRATOR),
        in_role(ManagedPolicyArns=[{"Ref": "Parameter"}]),
        in_role(Policies=[{"Fn::If": ["C", {}, {}]}]),
        attach("RolePolicy", {"Ref": "Parameter"}),
        attach("Policy", ["PumpAutoPilotRole"]),
        add_resources(Nested={"Type": "AWS::CloudFormation::Stack", "Properties": {}}),
    ],
)
def test_numbers_that_are_not_exact_say_so_in_every_format(
    change: Change, text: str, tmp_path: Path
) -> None:
    with short_reports():
        report = changed(text, tmp_path, change)
    (role,) = report.roles
    assert not role.exact
    assert not report.exact
    assert not report.as_published
    for number in (role.actions, role.patterns, role.effective):
        assert role.counted(number) == f"at least {number:,}"
    for shown in (as_markdown(report), as_html(report)):
        assert f"at least {role.actions:,}" in shown
        assert f"at least {role.patterns:,}" in shown
        assert f"at least {role.effective:,}" in shown
    (listed,) = json.loads(as_json(report))["roles"]
    assert listed["exact"] is False
    rows = list(csv.DictReader(io.StringIO(as_csv(report))))
    assert {row["exact"] for row in rows} == ({"no"} if rows else set())


def test_numbers_that_are_exact_are_just_numbers(text: str, tmp_path: Path) -> None:
    for report in (changed(text, tmp_path, in_role()), of_published()):
        assert report.exact
        assert all(role.exact and role.readable for role in report.roles)
        assert all(role.counted(role.actions) == f"{role.actions:,}" for role in report.roles)
        assert "at least" not in as_markdown(report)
        assert all(role["exact"] is True for role in json.loads(as_json(report))["roles"])
        assert {row["exact"] for row in csv.DictReader(io.StringIO(as_csv(report)))} == {"yes"}
