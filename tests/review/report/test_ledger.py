"""What each guardrail takes away, leaves, and costs, in the report."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pump_roles import Guardrail
from pump_roles.guardrails import is_set, parts_of
from pump_roles.iam.decisions import CONDITIONALLY, DENIED
from pump_roles.review.output.messages import to_json
from pump_roles.review.report import GuardrailReport, Report
from tests.decisions.test_guardrails import INTENDED, LIMITS, NOT_TOLD_APART, granted, needed
from tests.every_guardrail import EVERY
from tests.support import ROLE_ARGUMENTS, another, changed, guarded, of_templates, synthesize

ReportWith = Callable[[str], Report]

DENIED_OUTRIGHT = {
    "hands-off": NOT_TOLD_APART,
    "needed-only": {action.name for action in granted()} - needed(),
    **{guardrail.name: names for guardrail, names in INTENDED.items()},
}
"""What a simulator finds that each of them denies everywhere: see the tests of decisions."""


@pytest.mark.parametrize("name", [name for name, found in EVERY.items() if not is_set(found)])
def test_lists_exactly_what_the_guardrail_denies(name: str, report_with: ReportWith) -> None:
    report = report_with(name)
    (role,) = report.roles
    (ledger,) = role.guardrails
    assert ledger.name == name
    assert ledger.policy == EVERY[name].policy_name
    assert ledger.value == EVERY[name].value_in_words
    assert set(ledger.denied) == DENIED_OUTRIGHT.get(name, set())
    assert set(ledger.limited) == set(LIMITS.get(name, ()))
    assert (len(ledger.denied), len(ledger.limited)) == (role.denied, role.limited)
    decided = {action.name: action.roles[role.kind] for action in report.actions}
    assert all(decided[action].decision == DENIED for action in ledger.denied)
    for action in ledger.limited:
        assert decided[action].decision != DENIED
        assert decided[action].denied_by == (ledger.policy,)
        assert decided[action].limits
    for said in (ledger.removes, ledger.leaves, ledger.costs):
        assert said.endswith(".")
    assert role.as_published
    assert role.exact


def test_expiration_belongs_to_the_role_and_lists_no_action(report_with: ReportWith) -> None:
    ending, without = report_with("until"), report_with("auto-pilot")
    (role,) = ending.roles
    assert role.ends == "until 31 January 2927, 18:00 UTC"
    assert without.roles[0].ends == ""
    (ledger,) = role.guardrails
    assert (ledger.ends, ledger.denied, ledger.limited) == (True, (), ())
    assert role.limited == 0
    for action in ending.actions:
        assert action.roles[role.kind].decision != CONDITIONALLY
        assert action.roles[role.kind].denied_by == ()
    assert ending.actions == without.actions
    (pattern,) = role.policies[-1].patterns
    assert (pattern.pattern, pattern.actions) == ("*", ())
    assert len(to_json(ending)) < 1.01 * len(to_json(without))


@pytest.mark.parametrize(
    "condition", [{"DateGreaterThan": {"aws:CurrentTime": "2927-01-31T18:00:00Z"}}, {}]
)
def test_policy_that_only_looks_like_an_expiration_is_not_one(
    condition: dict[str, Any], text: str, tmp_path: Path
) -> None:
    def change(template: dict[str, Any], role: dict[str, Any]) -> None:
        guarded(Guardrail.until("2927-01-31T18:00:00Z"))(template, role)
        role["Policies"][-1]["PolicyDocument"]["Statement"][0]["Condition"] = condition

    (role,) = changed(text, tmp_path, change).roles
    assert (role.ends, role.guardrails) == ("", ())
    assert not role.as_published
    assert (role.denied, role.limited) == ((0, role.actions) if condition else (role.actions, 0))


def test_own_guardrail_has_the_same_place_as_one_of_the_package(tmp_path: Path) -> None:
    own = Guardrail.denying("no-hosts", "ec2:PurchaseHostReservation", reason="We own none.")
    folder = synthesize(tmp_path, own, **ROLE_ARGUMENTS)
    (role,) = of_templates(folder / "PumpAutoPilot.template.json").roles
    assert (role.as_published, role.exact) == (True, True)
    (ledger,) = role.guardrails
    assert (ledger.name, ledger.denied) == ("no-hosts", ("ec2:PurchaseHostReservation",))
    policy = role.policies[-1]
    assert (policy.name, policy.kind, policy.unmodified) == (own.policy_name, "guardrail", True)


def test_keeps_the_order_of_the_policies_in_the_template(tmp_path: Path) -> None:
    guardrails = [
        Guardrail.until("2927-01-31T18:00:00Z"),
        Guardrail.only_in_regions("us-east-1"),
        Guardrail.RECOMMENDED,
        Guardrail.NO_SELLING,
    ]
    folder = synthesize(tmp_path, *guardrails, **ROLE_ARGUMENTS)
    (role,) = of_templates(folder / "PumpAutoPilot.template.json").roles
    expected = sorted(member.name for guardrail in guardrails for member in parts_of(guardrail))
    assert [ledger.name for ledger in role.guardrails] == expected
    assert [policy.name for policy in role.policies if policy.kind == "guardrail"] == [
        ledger.policy for ledger in role.guardrails
    ]


def test_a_guardrail_lists_only_what_the_role_has(text: str, tmp_path: Path) -> None:
    def change(template: dict[str, Any], role: dict[str, Any]) -> None:
        guarded(Guardrail.NO_COMMITMENTS)(template, role)
        del role["Policies"][:-1]
        one = {"Effect": "Allow", "Action": "ec2:Purchase*", "Resource": "*"}
        another({"Version": "2012-10-17", "Statement": one})(template, role)

    (ledger,) = changed(text, tmp_path, change).roles[0].guardrails
    assert isinstance(ledger, GuardrailReport)
    assert set(ledger.denied) == {
        "ec2:PurchaseHostReservation",
        "ec2:PurchaseReservedInstancesOffering",
    }


def test_no_deny_names_an_action_that_the_role_does_not_have(text: str, tmp_path: Path) -> None:
    wide = {"Effect": "Deny", "Action": ["ec2:*", "iam:*"], "Resource": "*"}
    change = another({"Version": "2012-10-17", "Statement": wide})
    report = changed(text, tmp_path, change)
    having = {action.name for action in report.actions}
    *_, extra = report.roles[0].policies
    assert [pattern.effect for pattern in extra.patterns] == ["Deny", "Deny"]
    for pattern in extra.patterns:
        prefix = pattern.pattern.removesuffix("*")
        assert {*pattern.actions} == {name for name in having if name.startswith(prefix)}
