"""The permission report's model, against the source document and the npm package's catalog."""

import json
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pump_roles import AutoPilotStack, Guardrail, ReadOnlyStack
from pump_roles.iam.catalog import reviewed
from pump_roles.iam.decisions import DENIED
from pump_roles.inputs.text import InputError
from pump_roles.review.output.descriptions import describe_difference
from pump_roles.review.report import RISKS, SCHEMA, Report, Uncounted, permission_report
from pump_roles.review.report.permission_report import of_published
from pump_roles.review.report.questions import left_by_sets
from tests.documents import written
from tests.support import (
    DOCUMENTED,
    Change,
    another,
    attach,
    changed,
    in_role,
    json_values,
    of_templates,
    principal,
    published_patterns,
    said,
    synthesize,
    together,
)
from tools.sandbox import catalog

UNKNOWN = {"Fn::ImportValue": "of-another-stack"}
ALLOW_ALL_OF_EC2 = {"Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}


@pytest.fixture(scope="module")
def published_report() -> Report:
    return of_published()


def test_counts_are_those_of_the_source_document(
    published_report: Report, published: list[list[dict[str, Any]]]
) -> None:
    for role in published_report.roles:
        patterns = published_patterns(published, role.kind)
        actions = catalog.matching(patterns)
        assert role.actions == len(actions)
        assert role.money + role.writes == sum(not action.only_reads for action in actions)
        assert (role.denied, role.limited, role.effective) == (0, 0, len(actions))
        assert role.differences == ()
        assert role.trust.requires_external_id
        assert role.readable
    assert [role.kind for role in published_report.roles] == list(DOCUMENTED)
    assert (published_report.as_published, published_report.exact) == (True, True)
    assert (published_report.findings, published_report.schema) == ((), SCHEMA)


def test_every_pattern_has_its_reason_and_its_actions(published_report: Report) -> None:
    for role in published_report.roles:
        for policy in role.policies:
            assert policy.kind == "published"
            assert policy.unmodified
            for pattern in policy.patterns:
                assert pattern.reason
                expected = [action.name for action in catalog.matching([pattern.pattern])]
                assert sorted(pattern.actions) == sorted(expected)


def test_role_of_another_name_is_reported_under_it_without_a_finding(
    text: str, tmp_path: Path
) -> None:
    report = changed(text, tmp_path, in_role(RoleName="Vendor.Buys"))
    assert [role.name for role in report.roles] == ["Vendor.Buys"]
    assert report.findings == ()


def test_roles_are_one_unless_a_tag_may_open_a_guardrail_of_only_one(tmp_path: Path) -> None:
    file = synthesize(tmp_path, Guardrail.ONLY_WHEN_APPROVED) / "PumpAutoPilot.template.json"
    (tmp_path / "manifest.json").unlink()
    for key in ("pump-hands-off", "pump-commitments"):
        tags = in_role(Tags=[{"Key": key, "Value": "approved"}])
        (role,) = changed(file.read_text(), tmp_path, tags).roles
        assert bool(role.opened) == (key == "pump-commitments")
        with pytest.raises(InputError, match="different") if role.opened else nullcontext():
            assert of_templates(tmp_path).findings == ()


def test_counts_of_a_role_are_those_of_its_actions(tmp_path: Path) -> None:
    report = of_templates(synthesize(tmp_path, Guardrail.RECOMMENDED, Guardrail.NO_SELLING))
    for role in report.roles:
        having = [action for action in report.actions if role.kind in action.roles]
        left = [action for action in having if action.roles[role.kind].decision != DENIED]
        others = [kind.kind for kind in report.roles if kind is not role]
        only = [each for each in left if not any(map(each.is_effective, others))]
        assert (role.actions, role.effective, role.only) == (len(having), len(left), len(only))
        numbers = Counter({risk: getattr(role, risk) for risk in RISKS})
        assert numbers == Counter(action.risk for action in left)
        assert sum(numbers.values()) == role.effective
    assert any(role.only for role in report.roles)
    for action in report.actions:
        applies = (action.spends, not action.only_reads, action.data, True)
        assert action.risk == next(risk for risk, why in zip(RISKS, applies, strict=True) if why)
        assert action.reason


def more_actions(*patterns: str) -> Change:
    return lambda _, role: statement_of(role)["Action"].extend(patterns)


def statement_of(role: dict[str, Any]) -> dict[str, Any]:
    (found,) = (policy for policy in role["Policies"] if policy["PolicyName"] == "PumpReadOnly")
    statement: dict[str, Any] = found["PolicyDocument"]["Statement"][0]
    return statement


def test_each_finding_is_there_once(text: str, tmp_path: Path) -> None:
    administrator = in_role(ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"])
    change = together(more_actions("ec2:Get*", "s3:*"), administrator, principal("*"))
    report = changed(text, tmp_path, change)
    assert [finding.kind for finding in report.findings] == ["difference", "trust", "uncounted"]
    assert "s3:* in PumpReadOnly" in said(report, 2)
    assert not report.as_published
    assert not report.exact


def test_a_pattern_that_matches_nothing_in_the_catalog_is_not_exact(
    text: str, tmp_path: Path
) -> None:
    """AWS may have added the action after the catalog was made."""
    newer = "ec2:PurchaseSomethingNew"
    (role,) = changed(text, tmp_path, more_actions(newer)).roles
    assert role.uncounted == (Uncounted(policy="PumpReadOnly", pattern=newer),)
    assert not role.exact


def test_each_action_names_its_policies(published_report: Report) -> None:
    by_name = {action.name: action for action in published_report.actions}
    assert by_name["ce:GetCostAndUsage"].roles["auto-pilot"].granted_by == (
        ("PumpBillingReadOnly", "ce:Get*"),
        ("PumpReadOnly", "ce:*"),
    )
    assert by_name["ce:GetCostAndUsage"].roles["read-only"].granted_by == (
        ("PumpBillingReadOnly", "ce:Get*"),
    )
    assert "read-only" not in by_name["ec2:DescribeInstances"].roles


def test_exactly_what_spends_money_is_counted_as_that(published_report: Report) -> None:
    # In the whole catalog, an action that spends money has one of these verbs. The exchange of
    # Redshift nodes has no additional costs: Amazon Redshift API Reference, under its name.
    spends = {
        action.name
        for action in published_report.actions
        if any(verb in action.name for verb in ("Purchase", "CreateSavingsPlan", "Exchange"))
        and not action.only_reads
        and not action.name.startswith("ce:")
    }
    by_risk = {
        risk: {action.name for action in published_report.actions if action.risk == risk}
        for risk in RISKS
    }
    assert by_risk["money"] == spends - {"redshift:AcceptReservedNodeExchange"}
    assert by_risk["money"] | by_risk["writes"] == {
        action.name for action in published_report.actions if not action.only_reads
    }
    legacy = [action.name for action in published_report.actions if action.legacy]
    assert legacy == ["aws-portal:ViewBilling", "aws-portal:ViewUsage"]


@pytest.mark.parametrize("name", ["recommended", "needed-only"])
def test_guardrails_leave_of_the_published_roles_what_they_leave_of_templates(
    name: str, tmp_path: Path
) -> None:
    guardrail = Guardrail.named(name)
    app = App(outdir=str(tmp_path))
    ReadOnlyStack(app, "One", guardrails=[guardrail])
    AutoPilotStack(app, "Two", guardrails=[guardrail])
    app.synth()
    synthesized, published = of_templates(tmp_path), of_published(guardrails=[guardrail])
    assert published.actions == synthesized.actions
    assert published.statements == synthesized.statements
    assert [role.guardrails for role in published.roles] == [
        role.guardrails for role in synthesized.roles
    ]
    assert (published.findings, published.exact) == ((), True)


def test_sets_leave_what_a_report_with_them_has(published_report: Report) -> None:
    for left in left_by_sets(published_report):
        report = of_published(guardrails=[Guardrail.named(left.name)])
        assert left_by_sets(report) == ()
        for role in report.roles:
            numbers = left.counts[role.kind]
            assert numbers == {name: getattr(role, name) for name in numbers}
            expected: dict[str, list[str]] = {}
            for was, now in zip(published_report.statements, report.statements, strict=True):
                answer = now.roles[role.kind].answer
                is_serious = answer == "yes" and now.id in {"spend-money", "join-organization"}
                if is_serious or answer != was.roles[role.kind].answer:
                    expected.setdefault(answer, []).append(now.id)
            found = left.answers[role.kind].items()
            assert {answer: [asked.id for asked in listed] for answer, listed in found} == expected
        assert left.answers["auto-pilot"]["no"]
        assert left.counts["auto-pilot"].keys() == {*RISKS, "effective"}


FALSE_GUARDRAIL = Guardrail.NO_SELLING.policy_name


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (
            more_actions("ec2:Get*"),
            ("policy-changed", "broader", "PumpReadOnly", "ec2:GetConsoleOutput"),
        ),
        (
            another(ALLOW_ALL_OF_EC2, name=FALSE_GUARDRAIL),
            ("policy-added", "broader", FALSE_GUARDRAIL, "ec2:RunInstances"),
        ),
        (
            attach("Policy", ["PumpAutoPilotRole"]),
            ("policy-added", "broader", "P", "ec2:RunInstances"),
        ),
    ],
)
def test_what_is_not_as_published_comes_first(
    change: Change, difference: tuple[str, str, str, str], text: str, tmp_path: Path
) -> None:
    report = changed(text, tmp_path, change)
    assert report.findings[0].kind == "difference"
    (role,) = report.roles
    (found,) = role.differences
    *expected, action = difference
    assert [found.rule, found.effect, found.subject] == expected
    assert action in found.actions
    is_false = found.subject == FALSE_GUARDRAIL
    words = f"the inline policy {FALSE_GUARDRAIL} is named like a guardrail, but is not one"
    assert (words if is_false else describe_difference(found))[1:] in said(report)


def test_an_older_template_that_cdk_left_in_the_folder_does_not_count(tmp_path: Path) -> None:
    synthesize(tmp_path)
    stale = json.loads((tmp_path / "PumpAutoPilot.template.json").read_text())
    more_actions("ec2:Get*")(stale, stale["Resources"]["AutoPilotRole"]["Properties"])
    (tmp_path / "Old.template.json").write_text(json.dumps(stale))
    assert [role.differences for role in of_templates(tmp_path).roles] == [(), ()]


def test_aws_has_added_nothing_since_the_wildcards_were_reviewed(published_report: Report) -> None:
    assert published_report.gained == {}
    assert published_report.reviewed == published_report.date
    assert not any(action.new for action in published_report.actions)


def test_lists_what_aws_added_since_the_review_by_pattern(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patterns = reviewed()["patterns"]
    seen = {name: [*names] for name, names in patterns.items()}
    seen["ec2:Describe*"].remove("ec2:DescribeInstances")
    monkeypatch.setattr(
        permission_report, "reviewed", lambda: {"date": "2026-01-01", "patterns": seen}
    )
    report = of_published()
    assert report.reviewed == "2026-01-01"
    assert report.gained == {"ec2:Describe*": ("ec2:DescribeInstances",)}
    assert [action.name for action in report.actions if action.new] == ["ec2:DescribeInstances"]
    assert report.changes == ()
    assert report.since is None


JSON = json_values(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    *("Resources", "Type", "Properties", "Policies", "Statement", "x"),
)


STATEMENTS = JSON | st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "Effect": st.sampled_from(["Allow", "Deny"]) | JSON,
            "Action": st.sampled_from(["*", "ce:*", "iam:*", ["ce:Get*", "EC2:*"]]) | JSON,
            "NotAction": st.sampled_from(["ce:*"]) | JSON,
            "Resource": JSON,
            "NotResource": JSON,
            "Condition": JSON,
            "Principal": JSON,
        },
    ),
    max_size=2,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["PumpBillingReadOnly"]) | JSON, STATEMENTS, JSON)
def test_any_policy_of_a_pump_role_is_reported(
    tmp_path: Path, name: Any, document: Any, trust: Any
) -> None:
    file = tmp_path / "any.json"
    properties = {
        "RoleName": "PumpReadOnlyRole",
        "Policies": [{"PolicyName": name, "PolicyDocument": {"Statement": document}}],
        "AssumeRolePolicyDocument": trust,
    }
    role = {"Type": "AWS::IAM::Role", "Properties": properties}
    file.write_text(json.dumps({"Resources": {"Role": role}}))
    report = of_templates(file)
    assert report.findings[0].kind == "difference"
    assert written(report, "markdown", every_action=True)
    assert written(report, "csv")
