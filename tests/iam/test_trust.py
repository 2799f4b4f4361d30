"""A trust policy is one principal with an external ID, or a finding."""

import json
from pathlib import Path
from typing import Any

import pytest

from pump_roles.iam.trust import TrustProblem, parse_trust
from pump_roles.inputs import validators
from pump_roles.review.output import Strong
from pump_roles.review.output.descriptions import (
    describe_principal,
    describe_principals,
    describe_problem,
)
from pump_roles.review.output.page import as_html
from pump_roles.review.output.report_sections import facts
from pump_roles.review.report import RoleReport
from tests.documents import written
from tests.support import (
    NO_VALUE,
    SECRET,
    changed,
    external_id,
    of_templates,
    principal,
    rolled_out,
    said,
    trust,
)

pytestmark = pytest.mark.usefixtures("reports_are_short")


def assumed_by(role: RoleReport) -> str:
    return ", ".join(map(describe_principal, role.trust.principals)) or "nobody"


def test_second_external_id_is_shown(text: str, tmp_path: Path) -> None:
    report = changed(text, tmp_path, external_id([SECRET, "Second-1234"]))
    assert "Required, one of 2" in written(report, "markdown", every_action=True)
    assert "required, one of 2" in as_html(report).lower()


@pytest.mark.parametrize(
    "value",
    [
        *(NO_VALUE, [NO_VALUE], {"Fn::If": ["C", SECRET, NO_VALUE]}),
        *(None, [], "", "${sts:ExternalId}", {"Fn::Join": ["", ["${external", "-id}"]]}),
        *({"Ref": name} for name in ("AWS::StackName", "Undeclared", "Loose", "List")),
    ],
)
def test_external_id_that_may_be_missing_does_not_count(
    value: Any, text: str, tmp_path: Path
) -> None:
    def change(template: dict[str, Any], role: dict[str, Any]) -> None:
        pattern = validators.EXTERNAL_ID.pattern
        of_ids = {"Type": "CommaDelimitedList", "AllowedPattern": pattern}
        template["Parameters"] = {"Loose": {"Type": "String"}, "List": of_ids}
        external_id(value)(template, role)

    report = changed(text, tmp_path, change)
    assert not report.roles[0].trust.requires_external_id
    assert report.findings[0].kind == "trust"


INCLUDE = {"Fn::Transform": {"Name": "AWS::Include"}}
SERVICE = {"AWS": "9" * 12, "Service": "ec2.amazonaws.com"}
TRUST = trust("9" * 12, SECRET)
(STATEMENT,) = TRUST["Statement"]


def requiring(operator: str, *values: str) -> dict[str, Any]:
    return {"Condition": {operator: {"sts:ExternalId": [*values]}}}


@pytest.mark.parametrize(
    ("members", "why", "subject", "needs_id"),
    [
        ({"Condition": {}}, "no-external-id", "", False),
        (requiring("StringEquals", ""), "unknown-external-id", "", False),
        (requiring("StringEqualsIfExists", SECRET), "no-external-id", "", False),
        (requiring("ForAllValues:StringEquals", SECRET), "no-external-id", "", False),
        (requiring("StringNotEquals", "x"), "no-external-id", "", False),
        (requiring("Null", "true"), "no-external-id", "", False),
        (requiring("Null", "false"), "any-external-id", "", False),
        (requiring("StringLike", "x", "?*"), "any-external-id", "", False),
        (
            requiring("ForAnyValue:StringEquals", SECRET),
            *("inexact-external-id", "ForAnyValue:StringEquals", False),
        ),
        (requiring("StringLike", SECRET), "inexact-external-id", "StringLike", False),
        (
            requiring("StringEqualsIgnoreCase", SECRET),
            *("inexact-external-id", "StringEqualsIgnoreCase", False),
        ),
        ({"Principal": {"AWS": "*"}}, "trusts", "*", True),
        ({"Principal": None, "NotPrincipal": {"AWS": "1"}}, "trusts", 'all but {"AWS": "1"}', True),
        ({"Principal": SERVICE}, "trusts", "Service ec2.amazonaws.com", True),
        (
            {"Condition": {**STATEMENT["Condition"], **INCLUDE}},
            "condition",
            "Fn::Transform Name",
            True,
        ),
        (INCLUDE, "statement-member", "Fn::Transform", True),
        ({"Action": "sts:*"}, "actions", "sts:*", True),
        ({"Action": ["sts:AssumeRole", "sts:TagSession"]}, "more-actions", "sts:TagSession", True),
    ],
)
def test_trust_that_is_not_one_principal_with_an_external_id_is_a_problem(
    members: dict[str, Any], why: str, subject: str, *, needs_id: bool
) -> None:
    assert parse_trust(TRUST).problems == ()
    found = parse_trust({**TRUST, "Statement": [{**STATEMENT, **members}]})
    problems: dict[str, TrustProblem] = {problem.why: problem for problem in found.problems}
    who = problems[why].principal
    assert subject == (describe_principal(who) if who else problems[why].subject)
    assert found.requires_external_id is needs_id
    assert all(map(describe_problem, found.problems))


def test_trust_policy_with_more_than_one_statement_is_a_problem() -> None:
    twice = {**TRUST, "Statement": [STATEMENT, STATEMENT]}
    whys = [problem.why for problem in parse_trust(twice).problems]
    assert whys == ["not-one-statement"]
    assert [problem.why for problem in parse_trust({**TRUST, **INCLUDE}).problems] == [
        "document-member"
    ]


UNREAD = "a principal that cannot be read"
ANYONE = {**STATEMENT, "Principal": "*"}
MAYBE_ANYONE = {"Fn::If": ["C", "*", "9" * 12]}
TAGS = {**STATEMENT, "Action": "sts:TagSession", "Condition": {}}
DENY_OTHERS = {
    **ANYONE,
    "Effect": "Deny",
    "Condition": {"StringNotEquals": {"sts:ExternalId": SECRET}},
}


def policy(*statements: Any) -> dict[str, Any]:
    return {**TRUST, "Statement": [*statements]}


@pytest.mark.parametrize(
    ("document", "principals", "requires_id"),
    [
        # What cannot be read may be anyone, and is never nobody.
        (json.dumps(policy(ANYONE)), "*", "required"),
        ('{"Statement": ', UNREAD, "not known"),
        ({"Fn::If": ["C", policy(ANYONE), TRUST]}, UNREAD, "not known"),
        (policy({"Fn::If": ["C", ANYONE, STATEMENT]}), UNREAD, "not known"),
        (policy(STATEMENT, "x"), f"{'9' * 12}, {UNREAD}", "not known"),
        (policy({**ANYONE, "Effect": {"Ref": "E"}}), "*", "required"),
        (policy({**STATEMENT, "Principal": MAYBE_ANYONE}), json.dumps(MAYBE_ANYONE), "required"),
        (policy({**STATEMENT, "Condition": MAYBE_ANYONE}), "9" * 12, "not known"),
        (policy(), "nobody", "not required"),
        # Who may only pass tags cannot assume the role.
        (policy(STATEMENT, {**TAGS, "Principal": {"AWS": "8" * 12}}), "9" * 12, "required"),
        (policy(STATEMENT, {**TAGS, "Action": "sts:*"}), "9" * 12, "not always"),
        (policy({**STATEMENT, **requiring("StringLike", SECRET)}), "9" * 12, "not exactly"),
        (policy({**STATEMENT, "Condition": {}}, DENY_OTHERS), "9" * 12, "not known"),
        (policy({**STATEMENT, "Condition": {}}), "9" * 12, "not required"),
    ],
)
def test_says_who_can_assume_a_role_and_whether_that_is_known(
    document: Any, principals: str, requires_id: str, text: str, tmp_path: Path
) -> None:
    def change(template: dict[str, Any], role: dict[str, Any]) -> None:
        role["AssumeRolePolicyDocument"] = document
        template["Resources"]["Other"] = {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": document},
        }

    report = changed(text, tmp_path, change)
    (role,) = report.roles
    (words,) = facts(role, report)["External ID"]
    required = words.text if isinstance(words, Strong) else str(words)
    assert (assumed_by(role), required.partition(".")[0].lower()) == (principals, requires_id)
    other = next(describe_principals(other) for other in report.others if other.name == "Other")
    assert (other or "nobody") == principals
    needs_id = "it requires no external id" in said(report).lower()
    assert needs_id == (requires_id in ("not required", "not always") and principals != "nobody")


def test_iam_reads_a_conditions_key_in_any_case() -> None:
    condition = {"StringEquals": {"sts:externalid": SECRET}}
    found = parse_trust({**TRUST, "Statement": [{**STATEMENT, "Condition": condition}]})
    assert (found.requires_external_id, found.problems) == (True, ())


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
    assert report.roles[0].trust.problems == ()
    assert assumed_by(report.roles[0]) == "111122223333, unless another principal is provided"


def test_external_id_that_hides_the_principal_is_a_finding(text: str, tmp_path: Path) -> None:
    for ids in (["999988887777"], ["Example-1234", "99988887"]):
        report = changed(text, tmp_path, external_id(ids))
        assert report.findings[0].kind == "trust"
        assert "an external id is part of the principal" in said(report).lower()
    (role,) = changed(text, tmp_path, external_id("9999")).roles
    assert assumed_by(role) == "999988887777"
    assert role.as_published


def test_more_external_ids_than_a_rotation_has_are_a_finding(text: str, tmp_path: Path) -> None:
    report = changed(text, tmp_path, external_id(["One-1234", "Two-1234", "Three-1234"]))
    assert said(report).startswith("It accepts any of 3 external IDs")
    (role,) = changed(text, tmp_path, external_id(["One-1234", "Two-1234"])).roles
    assert role.as_published


PUMP = "Pump's principal"
STRING = {"Type": "String"}
ONE_PRINCIPAL = {**STRING, "AllowedPattern": validators.PRINCIPAL.pattern}
MINE = {**ONE_PRINCIPAL, "Default": "999988887777"}
BY_DEFAULT = "999988887777, unless another principal is provided"
MAYBE = {"Fn::If": ["C", {"Who": "666666666666"}, NO_VALUE]}


@pytest.mark.parametrize(
    ("own", "passed", "outer", "trusted"),
    [
        # What the parent declares counts, whatever it is called there.
        (STRING, {"Who": {"Ref": "Given"}}, ONE_PRINCIPAL, PUMP),
        (STRING, {"Who": {"Ref": "Given"}}, STRING, None),
        (STRING, {"Who": {"Ref": "Given"}}, MINE, BY_DEFAULT),
        (ONE_PRINCIPAL, {"Who": {"Ref": "Given"}}, STRING, None),
        # What the parent does not pass is the default.
        ({**STRING, "Default": "999988887777"}, {}, STRING, "999988887777"),
        # One of the same name in the parent is another one.
        (STRING, {"Other": {"Ref": "Given"}}, ONE_PRINCIPAL, None),
        (MINE, {"Other": "x"}, STRING, "999988887777"),
        (MINE, {"Who": "111122223333"}, STRING, "111122223333"),
        # It is not certain what is passed.
        (MINE, MAYBE, STRING, PUMP),
        ({**STRING, "Default": "999988887777"}, MAYBE, STRING, None),
        (ONE_PRINCIPAL, {"Who": "999988887777", **INCLUDE}, STRING, PUMP),
        (STRING, {"Who": "999988887777", **INCLUDE}, STRING, None),
    ],
)
def test_parameter_of_a_parent_is_followed_as_far_as_it_is_certain(
    own: Any, passed: Any, outer: Any, *, trusted: Any, text: str, tmp_path: Path
) -> None:
    def change(stack_set: dict[str, Any]) -> None:
        member = json.loads(text)
        member["Parameters"] = {"Who": own}
        role = member["Resources"]["AutoPilotRole"]["Properties"]
        role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"] = {"Ref": "Who"}
        stack_set |= {"TemplateBody": json.dumps(member), "Parameters": passed}

    file = rolled_out(tmp_path, change)
    template = json.loads(file.read_text())
    template["Parameters"] = {"Given": outer, "Who": ONE_PRINCIPAL}
    file.write_text(json.dumps(template))
    report = of_templates(file)
    assert assumed_by(report.roles[0]) == (trusted or '{"Ref": "Who"}')
    assert ("trust" in {finding.kind for finding in report.findings}) is (trusted is None)
