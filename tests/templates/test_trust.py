"""A trust policy is one principal with an external ID, or a finding."""

import json
from pathlib import Path
from typing import Any

import pytest

from pump_roles import validators
from pump_roles.iam.trust import assumption
from pump_roles.output.json_documents import as_json
from pump_roles.output.page import as_html
from pump_roles.output.report_markdown import as_markdown
from pump_roles.output.report_words import change_in_one_line
from pump_roles.report import of_templates
from pump_roles.templates.reading import read_templates
from tests.support import (
    NO_VALUE,
    SECRET,
    Change,
    changed,
    changes_since,
    external_id,
    in_role,
    principal,
    said,
    synthesize,
)


def test_second_external_id_is_a_change(text: str, tmp_path: Path) -> None:
    base = json.loads(as_json(changed(text, tmp_path, in_role())))
    (difference,) = changes_since(text, tmp_path, external_id([SECRET, "Second-1234"]), base)
    assert (difference.effect, change_in_one_line(difference)) == (
        "broader",
        "it accepts 1 more external ID",
    )
    report = of_templates(tmp_path / "changed.template.json")
    assert "required, one of 2" in as_markdown(report)
    assert "required, one of 2" in as_html(report)


@pytest.mark.parametrize(
    "value",
    [
        NO_VALUE,
        [NO_VALUE],
        [SECRET, NO_VALUE],
        {"Fn::If": ["C", SECRET, NO_VALUE]},
        None,
        [],
        "",
        "${sts:ExternalId}",
        {"Ref": "AWS::StackName"},
        {"Ref": "Undeclared"},
        {"Ref": "Loose"},
        {"Ref": "List"},
    ],
)
def test_external_id_that_may_be_missing_does_not_count(
    value: Any, text: str, tmp_path: Path
) -> None:
    def change(template: dict[str, Any], role: dict[str, Any]) -> None:
        template["Parameters"] = {
            "Loose": {"Type": "String"},
            "List": {
                "Type": "CommaDelimitedList",
                "AllowedPattern": validators.EXTERNAL_ID.pattern,
            },
        }
        external_id(value)(template, role)

    report = changed(text, tmp_path, change)
    assert not report.roles[0].external_id
    assert report.findings[0].kind == "trust"


@pytest.mark.parametrize(
    "value",
    [
        *({"AWS": {"Ref": name}} for name in ("Everybody", "Loose", "Default", "List")),
        {"AWS": NO_VALUE},
        {"AWS": {"Ref": "AWS::AccountId"}},
        {"AWS": {"Ref": "Custom"}},
        {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
        {"AWS": "arn:aws:iam::111122223333:role/*"},
        {"Fn::Transform": {}},
        {"AWS": "111122223333", "Fn::Transform": {}},
        "*",
        None,
    ],
)
def test_principal_that_may_be_anybody_is_a_finding(value: Any, text: str, tmp_path: Path) -> None:
    assert "trust" in {found.kind for found in changed(text, tmp_path, principal(value)).findings}


def test_parameter_that_accepts_only_a_principal_is_no_finding(text: str, tmp_path: Path) -> None:
    report = changed(text, tmp_path, principal({"AWS": {"Ref": "Fine"}}))
    assert report.roles[0].trust_problems == ()
    assert report.roles[0].principals == ("111122223333",)


def another_condition(_: dict[str, Any], role: dict[str, Any]) -> None:
    statement = role["AssumeRolePolicyDocument"]["Statement"][0]
    statement["Condition"]["Fn::Transform"] = {"Name": "AWS::Include"}


def a_transform(_: dict[str, Any], role: dict[str, Any]) -> None:
    role["AssumeRolePolicyDocument"]["Fn::Transform"] = {"Name": "AWS::Include"}


def test_external_id_that_hides_the_principal_is_a_finding(text: str, tmp_path: Path) -> None:
    for ids in (["999988887777"], ["Example-1234", "99988887"]):
        report = changed(text, tmp_path, external_id(ids))
        assert report.findings[0].kind == "trust"
        assert "an external id is part of the principal" in said(report).lower()
    (role,) = changed(text, tmp_path, external_id("9999")).roles
    assert role.principals == ("999988887777",)
    assert role.as_published


def test_more_external_ids_than_a_rotation_has_are_a_finding(text: str, tmp_path: Path) -> None:
    report = changed(text, tmp_path, external_id(["One-1234", "Two-1234", "Three-1234"]))
    assert said(report).startswith("It accepts any of 3 external IDs")
    (role,) = changed(text, tmp_path, external_id(["One-1234", "Two-1234"])).roles
    assert role.as_published


@pytest.mark.parametrize("change", [another_condition, a_transform])
def test_trust_that_is_filled_in_later_is_a_finding(
    change: Change, text: str, tmp_path: Path
) -> None:
    assert "trust" in {found.kind for found in changed(text, tmp_path, change).findings}


def test_roles_that_differ_in_their_external_ids_are_one_role(tmp_path: Path) -> None:
    for account, name in [("A", "Id-1234"), ("B", "Id-5678")]:
        file = synthesize(tmp_path / account, external_id=name) / "PumpReadOnly.template.json"
        file.rename(tmp_path / f"{account}.template.json")
        (tmp_path / account).rename(tmp_path.parent / f"{tmp_path.name}-{account}")
    contents = read_templates(tmp_path)
    assert [found.role.kind for found in contents.roles] == ["read-only"]
    assert [place.source for place in contents.places] == ["A.template.json", "B.template.json"]
    (found,) = read_templates(tmp_path / "B.template.json").roles
    assert assumption(found.role.trust_policy) == assumption(contents.roles[0].role.trust_policy)
    assert {*found.external_id_sha256} < {*contents.roles[0].external_id_sha256}
