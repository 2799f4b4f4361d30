"""What may allow more than is counted is a finding, and nothing that it affects seems certain."""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pump_roles import Guardrail
from pump_roles.review.output.messages import to_json
from pump_roles.review.output.report_checks import checks, describe_change, finding_text
from pump_roles.review.output.report_descriptions import number_of
from pump_roles.review.report import UNKNOWN, YES, Report
from tests.attacks import (
    ADMINISTRATOR,
    ATTACKS,
    ELSEWHERE,
    HERE,
    NAME,
    resource,
    role,
    template,
    write_app,
)
from tests.documents import written
from tests.role_changes import CHANGES
from tests.support import (
    EVERYTHING,
    NO_VALUE,
    PUMP_ACCOUNT,
    SECRET,
    Change,
    a_statement,
    add_resources,
    another,
    attach,
    changed,
    earlier,
    guarded,
    in_role,
    of_templates,
    on_role,
    plain,
    role_of,
    short_reports,
    together,
)

INCLUDE = {"Fn::Transform": {"Name": "AWS::Include"}}
WIDE = {"Action": "*", "Resource": "*"}
MAYBE = {"Fn::If": ["C", EVERYTHING["Statement"], NO_VALUE]}


def attached(document: Any) -> Change:
    properties = {"PolicyName": "P", "Roles": ["PumpAutoPilotRole"], "PolicyDocument": document}
    return add_resources(Other={"Type": "AWS::IAM::Policy", "Properties": properties})


def later_document(_: dict[str, Any], role: dict[str, Any]) -> None:
    role["Policies"][3]["PolicyDocument"] = {"Fn::If": ["C", EVERYTHING, EVERYTHING]}


def in_mapping(template: dict[str, Any], role: dict[str, Any]) -> None:
    template["Mappings"] = {"M": {"a": {"b": [], **INCLUDE}}}
    role["ManagedPolicyArns"] = {"Fn::FindInMap": ["M", "a", "b"]}


UNREAD_STATEMENT = "a statement of PumpBillingReadOnly that cannot be read"
UNREAD_POLICY = "a statement of Extra that cannot be read"
HIDING: list[tuple[str, list[Change]]] = [
    (
        "its inline policy Other is created only under the condition Never",
        [attach("Policy", ["PumpAutoPilotRole"], Condition="Never")],
    ),
    (
        "what attaches to it by name is not seen",
        [in_role(RoleName={"Ref": "N"})],
    ),
    (
        "the managed policy arn:aws:iam::aws:policy/A",
        [in_role(ManagedPolicyArns=[ADMINISTRATOR])],
    ),
    (
        "its tags cannot be read",
        [together(guarded(Guardrail.ONLY_WHEN_APPROVED), in_role(Tags={"Ref": "P"}))],
    ),
    (
        "its tag pump-commitments cannot be read",
        [
            together(
                guarded(Guardrail.ONLY_WHEN_APPROVED),
                in_role(Tags=[{"Key": "pump-commitments", "Value": {"Ref": "P"}}]),
            )
        ],
    ),
    ('the managed policy {"Ref": "P"}', [in_role(ManagedPolicyArns=[{"Ref": "P"}])]),
    (
        'the name of a policy cannot be read: {"Fn::Sub": "${AWS::StackName}"}',
        [another({"Statement": []}, name={"Fn::Sub": "${AWS::StackName}"})],
    ),
    ("a macro", [in_mapping]),
    ("its property Fn::Transform cannot be read", [in_role(**{"Fn::Transform": {}})]),
    ("its member Fn::Transform cannot be read", [on_role(**{"Fn::Transform": 1})]),
    ("its inline policies cannot be read: ", [in_role(Policies=[{"Fn::If": ["C", {}, {}]}])]),
    ("it is created only under the condition C", [on_role(Condition="C")]),
    (
        UNREAD_STATEMENT,
        [
            a_statement(MAYBE),
            a_statement({"Effect": {"Fn::Sub": "${Effect}"}, **WIDE}),
            a_statement({"Effect": "Allow", **WIDE, "Action": ["ec2:*", {"Fn::Sub": "${A}:*"}]}),
            a_statement({"Effect": "Allow", **WIDE, "Action": "{{resolve:ssm:/pump/actions}}"}),
            a_statement("not one"),
        ],
    ),
    ("a statement of PumpAutoPilot that cannot be read", [later_document]),
    (
        UNREAD_POLICY,
        [
            another({"Fn::If": ["C", EVERYTHING, EVERYTHING]}),
            another({"Version": "2012-10-17", **INCLUDE}),
            another({"Statement": {"Effect": "Allow", "Action": "ec?:Stop*", "Resource": "*"}}),
        ],
    ),
    ("its inline policies cannot be read: ", [another(json.dumps(EVERYTHING))]),
    (
        "a statement of P that cannot be read",
        [attached({"Fn::If": ["C", EVERYTHING, NO_VALUE]}), attached(json.dumps(EVERYTHING))],
    ),
]
"""Changes after which the role may have more permissions than are counted, and what says so."""


@pytest.fixture(scope="module")
def base(text: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of the template without a change."""
    with short_reports():
        return plain(changed(text, tmp_path_factory.mktemp("base"), in_role()))


@pytest.mark.parametrize(
    ("change", "words"), [(change, words) for words, changes in HIDING for change in changes]
)
def test_what_may_allow_more_is_a_finding_and_never_exact_nor_a_no(
    change: Change, words: str, text: str, base: dict[str, Any], tmp_path: Path
) -> None:
    with short_reports():
        changed(text, tmp_path, change)
        report = of_templates(tmp_path / "changed.template.json", since=earlier(base))
    findings = [finding_text(found, report) for found in report.findings]
    assert any(words[1:] in finding for finding in findings), findings
    (role,) = report.roles
    assert [report.as_published, role.exact, role.readable] == [False] * 3
    answers = {statement.roles[role.kind].answer for statement in report.statements}
    assert answers <= {YES, UNKNOWN}
    assert "broader" in {found.effect for found in report.changes}
    said = [found for found in report.changes if words[1:] in describe_change(found)]
    assert {found.effect for found in said} <= {"broader"}


ELSE, OF_ACCESS, OF_ROLES = (False, False), (True, True), (True, False)

SAID: dict[str, tuple[str, tuple[bool, bool]]] = {
    "trusts-everyone": ("trusts everyone", OF_ROLES),
    "trusts-everyone-but": ("trusts everyone except those in NotPrincipal", OF_ROLES),
    "trusts-account": (f"trusts Pump's account {PUMP_ACCOUNT}", OF_ROLES),
    "trusts-role": (f"trusts the role {NAME}", OF_ROLES),
    "trusts-definition": ("trusts AutoPilotRole", OF_ROLES),
    "trusts-unreadable": ("trusts a principal that cannot be read", OF_ROLES),
    "trusts-unreadable-account": ("trusts an account whose ID cannot be read", OF_ACCESS),
    "trusts-other-account": ("trusts another account: arn:aws:iam::123456789012:root", OF_ROLES),
    "trusts-identity-provider": ("trusts an identity provider", OF_ROLES),
    "requires-same-external-id": ("requires the external ID of one of Pump's roles", OF_ROLES),
    "unreadable-trust-policy": ("its trust policy cannot be read", OF_ROLES),
    "unreadable-statement": ("its trust policy has a statement that cannot be read", OF_ROLES),
    "names-account": (f"names Pump's account {PUMP_ACCOUNT}", OF_ROLES),
    "names-role": (f"names the role {NAME}", OF_ROLES),
    "names-definition": ("names AutoPilotRole", OF_ROLES),
    "lets-in-unreadable": ("gives access to a principal that cannot be read", OF_ROLES),
    "opens AWS::IAM::AccessKey": ("can act as a user of the account", OF_ACCESS),
    "opens AWS::IAM::OIDCProvider": ("external identity provider", OF_ACCESS),
    "opens AWS::RolesAnywhere::Profile": ("anyone with a certificate", OF_ACCESS),
    "opens": ("gives users of IAM Identity Center permissions", OF_ACCESS),
    "password": ("anyone with the password can act as this user", OF_ACCESS),
    "lets-in": ("gives access to another principal: *", ELSE),
    "attaches": ("attaches to the role PumpReadOnlyRole", ELSE),
    "could-attach": (f"may attach to the role {NAME}", ELSE),
    "may-attach": ("may attach to one of the roles", ELSE),
    "unreadable-properties": ("has properties that cannot be read", ELSE),
    "managed-policies attached-to-unknown": ("Other attaches to a role that cannot be read", ELSE),
    "managed-policies unreadable": ("the managed policy Other cannot be read", ELSE),
    "inline-policies unreadable": ("its inline policy Other cannot be read", ELSE),
    "inline-policies deployed-elsewhere": ("which may not be deployed with it", ELSE),
    "managed-policies deployed-elsewhere": ("which may not be deployed with it", ELSE),
    "template unread-template": ("the template of Other cannot be read", ELSE),
    "template deploys-more": ("Other, of type AWS::Serverless::Application, can contain", ELSE),
    "template resources-from-function": ("Fn::ForEach::P creates resources when", ELSE),
    "template resource-from-function": ("Other can become any resource when", ELSE),
    "template transform": ("The transform {", ELSE),
    "template function": ("Fn::Transform can change the template when", ELSE),
    "template macro-in-section": ("a macro, Fn::Transform, can change its Mappings when", ELSE),
    "template macro-in-resource": ("a macro, Fn::Transform, can change Other when", ELSE),
    "template macro": ("A macro in Own.template.json, Fn::Transform, can change it", ELSE),
}
"""What the report says of each reason, and whether the numbers of the role are exact nevertheless,
and are all that it can do."""


def has(reason: str, found: Iterable[str]) -> bool:
    return any(f"{each} ".startswith(f"{reason} ") for each in found)


@pytest.mark.parametrize("reason", SAID)
def test_each_reason_is_a_finding(reason: str, tmp_path: Path) -> None:
    words, (exact, readable) = SAID[reason]
    near = [attack for attack in ATTACKS if has(reason, attack.found)]
    (attack, *_) = near or [attack for attack in ATTACKS if has(reason, attack.elsewhere)]
    attack.written(HERE if near else ELSEWHERE, tmp_path)
    with short_reports():
        report = of_templates(tmp_path)
    findings = [finding_text(found, report) for found in report.findings]
    assert any(words[1:] in finding for finding in findings), findings
    assert not report.as_published
    (role,) = report.roles
    assert (role.exact, role.readable) == (exact, readable)
    # JSON has everything that is shown. tests/review/report/test_masking.py reads every format.
    assert SECRET not in "".join([to_json(report), *findings])


@pytest.mark.parametrize("name", CHANGES)
def test_change_of_the_role_is_a_finding_unless_it_gives_no_access(
    name: str, tmp_path: Path
) -> None:
    CHANGES[name].written(tmp_path)
    with short_reports():
        report = of_templates(tmp_path)
    assert [found.kind for found in report.findings] == [*filter(None, [CHANGES[name].finding])]
    assert report.as_published == (CHANGES[name].finding == "")
    # What the customer approves is not a difference from what Pump publishes.
    (role,) = report.roles
    assert role.as_published == (CHANGES[name].finding in ("", "opened"))


def test_every_reason_is_in_the_table() -> None:
    reasons = {found for attack in ATTACKS for found in (*attack.found, *attack.elsewhere)}
    missing = [each for each in reasons if not any(has(reason, [each]) for reason in SAID)]
    assert missing == ["may-be-named-alike"]


def named(name: Any, principal: Any) -> dict[str, Any]:
    properties = role(principal)["Properties"]
    return resource("AWS::IAM::Role", RoleName=name, **properties)


def next_to_the_role(folder: Path, *changes: Change, **others: Any) -> Report:
    own = template()
    together(*changes)(own, role_of(own))
    parameters = {name: {"Type": "String"} for name in ("Account", "Name")}
    parameters["Alike"] = {"Type": "String", "Default": "acme-PUMP"}
    write_app(folder, own, {"Parameters": parameters, "Resources": others})
    with short_reports():
        return of_templates(folder)


OPEN_NAME, LAMBDA = {"Ref": "Name"}, {"Service": "lambda.amazonaws.com"}
OPEN_ROOT = {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${Account}:root"}}


def test_roles_with_open_names_are_one_line_and_no_finding(tmp_path: Path) -> None:
    made = {f"Role{number}": named(OPEN_NAME, LAMBDA) for number in range(5)}
    report = next_to_the_role(tmp_path, **made)
    (found,) = report.roles
    assert (report.findings, report.as_published, found.exact, found.readable) == ((), *[True] * 3)
    said = (
        "5 other roles have names that cannot be read: Role0, Role1, Role2, and 2 more. IAM "
        "refuses a second role with the name of one of Pump's roles."
    )
    assert said in next(checks(report)).text
    for format_ in ("html", "markdown"):
        assert said.partition("Pump's")[0] in written(report, format_)
    # Nor are they a change.
    before = earlier(next_to_the_role(tmp_path))
    with short_reports():
        write_app(tmp_path, template(), {"Resources": made})
        assert of_templates(tmp_path, since=before).changes == ()


@pytest.mark.parametrize(
    ("alike", "words"),
    [
        (named({"Ref": "Alike"}, LAMBDA), "may have the name of the role Acme-Pump"),
        (named("ACME-pump", LAMBDA), "may have the name of the role Acme-Pump"),
        (named(OPEN_NAME, {"AWS": PUMP_ACCOUNT}), f"trusts Pump's account {PUMP_ACCOUNT}"),
        (named(OPEN_NAME, {"AWS": {"Ref": "Account"}}), "trusts a principal that cannot be read"),
        (resource("AWS::IAM::RolePolicy", RoleName=OPEN_NAME), "may attach to one of the roles"),
    ],
)
def test_role_with_an_open_name_is_a_finding_for_any_other_reason(
    alike: dict[str, Any], words: str, tmp_path: Path
) -> None:
    renamed = in_role(RoleName="Acme-Pump")
    report = next_to_the_role(tmp_path, renamed, Role=named(OPEN_NAME, LAMBDA), Other=alike)
    (finding,) = (finding_text(found, report) for found in report.findings)
    assert words in finding
    assert "Role (" not in finding
    assert [role.readable for role in report.roles] == [False]


def test_trust_of_open_accounts_is_one_line_and_changes_no_answer(tmp_path: Path) -> None:
    made = {f"Role{number}": named(OPEN_NAME, OPEN_ROOT) for number in range(5)}
    alone = next_to_the_role(tmp_path)
    report = next_to_the_role(tmp_path, **made)
    (finding,) = (finding_text(found, report) for found in report.findings)
    assert finding == (
        "They are not counted. Role0, Role1, Role2, and 2 more (AWS::IAM::Role): trusts an account "
        "whose ID cannot be read."
    )
    assert report.statements == alone.statements
    assert [role.readable for role in report.roles] == [True]


@pytest.mark.parametrize("action", ["sts:AssumeRole", "sts:Assume*", "*"])
def test_trust_of_an_open_account_counts_for_a_role_that_assumes_roles(
    action: str, tmp_path: Path
) -> None:
    allow = {"Effect": "Allow", "Action": action, "Resource": "*"}
    wider = another({"Version": "2012-10-17", "Statement": [allow]})
    report = next_to_the_role(tmp_path, wider, Role=role(OPEN_ROOT))
    assert [role.readable for role in report.roles] == [False]
    report = next_to_the_role(tmp_path, wider)
    assert [role.readable for role in report.roles] == [True]


def test_numbers_that_are_not_exact_say_so_in_every_format(text: str, tmp_path: Path) -> None:
    for change, exact in ((in_role(ManagedPolicyArns=[ADMINISTRATOR]), False), (in_role(), True)):
        with short_reports():
            report = changed(text, tmp_path, change)
        (role,) = report.roles
        markdown = written(report, "markdown", every_action=True)
        for risk, number in [*role.by_risk.items(), (None, role.effective)]:
            shown = number_of(role, risk)
            assert shown == f"{number:,}{'' if exact else '+'}"
            assert f"| {shown} |\n" in markdown
        assert ("A plus sign means" in markdown) == (not exact)
        assert [role.exact, role.readable] == [exact] * 2
        assert plain(report)["roles"][0]["exact"] is exact
        rows = csv.DictReader(io.StringIO(written(report, "csv")))
        said = "yes" if exact else "no"
        assert {(row["exact"], row["role as published"]) for row in rows} == {(said, said)}
