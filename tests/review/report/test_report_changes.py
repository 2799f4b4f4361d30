"""What has changed since an earlier report, in its effect."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack

from pump_roles import AutoPilotRollout, Guardrail
from pump_roles.iam.catalog import shipped
from pump_roles.inputs.validators import EXTERNAL_ID
from pump_roles.review.output.report_checks import describe_change
from pump_roles.review.report import (
    Earlier,
    Report,
    ReportChange,
    permission_report,
)
from pump_roles.review.report.permission_report import of_published
from pump_roles.review.report.report_changes import changes
from pump_roles.role.assembly import Deployment
from tests.customer import allow, deny
from tests.support import (
    ROLE_ARGUMENTS,
    SECRET,
    a_statement,
    add_resources,
    another,
    changed,
    earlier,
    external_id,
    guarded,
    in_role,
    of_templates,
    plain,
    short_reports,
    together,
)
from tests.support import Change as Edit

KIND = "auto-pilot"


def told(found: Iterable[ReportChange]) -> list[tuple[str, str]]:
    """Each difference in words, with its effect."""
    return [(describe_change(change), change.effect) for change in found]


Compare = Callable[[Edit, Edit], tuple[ReportChange, ...]]


@pytest.fixture(scope="module")
def compared(text: str, tmp_path_factory: pytest.TempPathFactory) -> Compare:
    """The differences between the auto-pilot role's template after one edit and after another."""

    @cache
    def report_after(edit: Edit) -> Report:
        return changed(text, tmp_path_factory.mktemp("changed"), edit)

    @cache
    def earlier_after(edit: Edit) -> Earlier:
        return earlier(report_after(edit))

    return lambda before, now: changes(earlier_after(before), report_after(now))


def nothing(_template: dict[str, Any], _role: dict[str, Any]) -> None:
    pass


def allows(*actions: str) -> Edit:
    return another({"Statement": allow(*actions)})


def denies(*actions: str) -> Edit:
    return another({"Statement": deny(*actions)})


def effects(found: Iterable[ReportChange]) -> set[str]:
    return {change.effect for change in found}


def moved(_: dict[str, Any], role: dict[str, Any]) -> None:
    """Move a pattern to another policy."""
    policies = {policy["PolicyName"]: policy["PolicyDocument"] for policy in role["Policies"]}
    policies["PumpReadOnly"]["Statement"][0]["Action"].remove("ec2:Describe*")
    policies["PumpAutoPilot"]["Statement"][0]["Action"].append("ec2:Describe*")


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (nothing, moved),
        # A deny of what the role does not have.
        (nothing, denies("s3:*", "iam:CreateUser", "ec2:RunInstances")),
        (in_role(Description="One."), in_role(Description="Another.")),
        (nothing, add_resources(Topic={"Type": "AWS::SNS::Topic", "Properties": {}})),
    ],
)
def test_what_means_the_same_is_not_a_change(before: Edit, now: Edit, compared: Compare) -> None:
    assert compared(before, now) == ()
    assert compared(now, before) == ()


def test_money_comes_first_then_writes_data_and_metadata(compared: Compare) -> None:
    found = compared(denies("*"), nothing)
    assert effects(found) == {"broader"}
    risks = {action.name: action.risk for action in of_published().actions}
    order = [{risks[name] for name in change.actions} for change in found if change.actions]
    assert order == [{"money"}, {"writes"}, {"data"}, {"reads"}]
    assert describe_change(found[0]) == (
        "8 actions that can spend money: denied by Extra before, allowed now"
    )
    assert all(change.actions for change in found), "no answer repeats what these say"


def test_read_that_pump_does_not_publish_is_not_said_to_read_only_metadata(
    compared: Compare,
) -> None:
    (found,) = compared(nothing, a_statement(allow("ec2:GetConsoleOutput")))
    assert (found.effect, found.risk) == ("broader", "")
    assert describe_change(found).startswith("1 action: not granted before, allowed now")


def trusting(*principals: str) -> Edit:
    def edit(_: dict[str, Any], role: dict[str, Any]) -> None:
        trust = role["AssumeRolePolicyDocument"]["Statement"][0]
        trust["Principal"] = {"AWS": list(principals)}

    return edit


def of_parameter(template: dict[str, Any], role: dict[str, Any]) -> None:
    pattern = EXTERNAL_ID.pattern
    template["Parameters"] = {"Id": {"Type": "String", "AllowedPattern": pattern}}
    external_id({"Ref": "Id"})(template, role)


def without_external_id(_: dict[str, Any], role: dict[str, Any]) -> None:
    del role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]


def boundary(name: str) -> Edit:
    arn = {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy/{name}"}
    return in_role(PermissionsBoundary=arn)


MANAGED = "arn:aws:iam::aws:policy/"
STOPPED = in_role(PermissionsBoundary=f"{MANAGED}AWSDenyAll")
DENY_ALL = "AWSDenyAll (AWS managed)"
HIDDEN = "it accepts an external ID that it did not accept before"
OPENED = "an external ID is now provided at deployment, and may be another one"
UNCHECKED = "it requires no external ID, so another customer of Pump's could reach this role"


END = "2927-01-31T18:00:00Z"
UNTIL = "PumpGuardrailUntil"
ENDING = guarded(Guardrail.until(END))
NOT_COUNTED = f"the managed policy {MANAGED}ReadOnlyAccess is attached to it, and is not counted"


def attached(name: str) -> Edit:
    return in_role(ManagedPolicyArns=[f"{MANAGED}{name}"])


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (
            nothing,
            trusting("111122223333"),
            {"trusts 111122223333": "broader", "no longer trusts 999988887777": "narrower"},
        ),
        (nothing, external_id("Changed-5678"), {HIDDEN: "unclear"}),
        (
            external_id([SECRET, "Other-5678"]),
            external_id("Changed-5678"),
            {"it accepts 1 fewer external ID": "narrower", HIDDEN: "unclear"},
        ),
        (
            external_id("Other-5678"),
            external_id([SECRET, "Changed-5678"]),
            {"it accepts 1 more external ID": "broader"},
        ),
        (
            trusting("999988887777", "111122223333"),
            together(trusting("999988887777"), external_id("Changed-5678")),
            {HIDDEN: "unclear", "no longer trusts 111122223333": "narrower"},
        ),
        (
            external_id([SECRET, "Other-5678"]),
            of_parameter,
            {"it accepts 1 fewer external ID": "narrower", OPENED: "unclear"},
        ),
        (nothing, without_external_id, {UNCHECKED: "broader"}),
        (
            ENDING,
            guarded(Guardrail.until("2927-02-01T18:00:00Z")),
            {f"the guardrail {UNTIL} differs: {END} before, 2927-02-01T18:00:00Z now": "broader"},
        ),
        (nothing, in_role(Path="/a/"), {"its path is /a/ instead of /": "unclear"}),
        (nothing, in_role(Path={"Ref": "Path"}), {"its path cannot be read": "broader"}),
        (nothing, attached("ReadOnlyAccess"), {NOT_COUNTED: "broader"}),
        (attached("ReadOnlyAccess"), nothing, {f"no longer: {NOT_COUNTED}": "narrower"}),
        (nothing, allows("s3:*"), {"1 pattern: not granted before, allowed now": "broader"}),
        # A service that the catalog does not have.
        (
            allows("s3:GetObject"),
            nothing,
            {"1 action: allowed before, not granted now": "narrower"},
        ),
        (nothing, STOPPED, {f"the permissions boundary {DENY_ALL} is new": "narrower"}),
        (
            STOPPED,
            boundary("Two"),
            {f"its permissions boundary is Two instead of {DENY_ALL}": "broader"},
        ),
    ],
)
def test_each_change_is_told_once_and_shows_no_external_id(
    before: Edit,
    now: Edit,
    expected: dict[str, str],
    compared: Compare,
) -> None:
    found = compared(before, now)
    assert sorted(told(found)) == sorted(expected.items())
    assert not {SECRET, "Changed-5678", "Other-5678"} & {*repr(found).split("'")}
    assert "5678" not in repr(found)


def aws_managed(name: str) -> Edit:
    """Attach a policy of AWS's as the CDK does it."""
    parts = ["arn:", {"Ref": "AWS::Partition"}, f":iam::aws:policy/{name}"]
    return in_role(ManagedPolicyArns=[{"Fn::Join": ["", parts]}])


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (attached("ReadOnlyAccess"), attached("AdministratorAccess")),
        # A report cuts these off before they differ.
        (aws_managed("AmazonEC2ReadOnlyAccess"), aws_managed("AmazonEC2FullAccess")),
        (
            another({"Statement": {"Fn::If": ["C", allow("s3:*"), {}]}}),
            another({"Statement": {"Fn::If": ["C", allow("iam:*"), {}]}}),
        ),
    ],
)
def test_what_cannot_be_read_is_never_only_narrower(
    before: Edit, now: Edit, compared: Compare
) -> None:
    assert any(change.may_broaden for change in compared(before, now))


def bucket_policy(*actions: str) -> Edit:
    granted = {
        **allow(*actions),
        "Principal": {"AWS": {"Fn::GetAtt": ["AutoPilotRole", "Arn"]}},
    }
    properties = {"PolicyDocument": {"Statement": granted}}
    return add_resources(Bucket={"Type": "AWS::S3::BucketPolicy", "Properties": properties})


def test_adding_removing_or_changing_other_access_is_a_change(compared: Compare) -> None:
    found = compared(nothing, bucket_policy("s3:GetObject"))
    assert effects(found) == {"broader"}
    assert [change.other.name for change in found if change.other] == ["Bucket"]
    found = compared(bucket_policy("s3:GetObject"), nothing)
    assert effects(found) == {"narrower"}
    found = compared(bucket_policy("s3:GetObject"), bucket_policy("s3:*"))
    assert effects(found) == {"unclear"}


ONE, TWO, THREE = "ou-abcd-11111111", "ou-abcd-22222222", "ou-abcd-33333333"
A, B = "111122223333", "444455556666"
PLACE = Deployment(
    kind=KIND,
    source="R.template.json",
    stack_set="Pump",
    units=(ONE, TWO),
    automatic=True,
    call_as="management",
)


@pytest.fixture(scope="module")
def short(text: str, tmp_path_factory: pytest.TempPathFactory) -> Report:
    with short_reports():
        return changed(text, tmp_path_factory.mktemp("short"), nothing)


@pytest.mark.parametrize(
    ("before", "now", "effect"),
    [
        ({}, {"units": (ONE, TWO, THREE)}, "broader"),
        ({}, {"units": (ONE,)}, "narrower"),
        ({}, {"units": (ONE, THREE)}, "unclear"),
        ({}, {"units": (TWO, ONE), "source": "Renamed.template.json"}, ""),
        ({}, {"filter": "exclude", "accounts": (A,)}, "narrower"),
        (
            {"filter": "exclude", "accounts": (A,)},
            {"filter": "exclude", "accounts": (A, B)},
            "narrower",
        ),
        ({"filter": "only", "accounts": (A,)}, {"filter": "only", "accounts": (A, B)}, "broader"),
        ({"filter": "only", "accounts": (A,)}, {"filter": "only", "accounts": (B,)}, "unclear"),
        ({"filter": "UNION", "accounts": (A,)}, {"filter": "UNION", "accounts": (A, B)}, "broader"),
        ({"filter": "exclude", "accounts": (A,)}, {"filter": "only", "accounts": (A,)}, "unclear"),
        ({"automatic": False}, {}, "broader"),
        ({}, {"call_as": "delegated-admin"}, "unclear"),
        # Fewer units mean fewer accounts only in the same account and Regions.
        ({"account": A}, {"account": B, "units": (ONE,)}, "unclear"),
        ({"region": "us-east-1"}, {"region": "eu-west-1", "units": (ONE,)}, "unclear"),
        ({"regions": ("us-east-1",)}, {"regions": ("eu-west-1",), "units": (ONE,)}, "unclear"),
        (
            {"regions": ("us-east-1",)},
            {"regions": ("us-east-1", "eu-west-1"), "units": (ONE,)},
            "unclear",
        ),
    ],
)
def test_changed_target_of_a_rollout_is_a_change(
    before: dict[str, Any], now: dict[str, Any], effect: str, short: Report
) -> None:
    was, after = (replace(short, places=(replace(PLACE, **members),)) for members in (before, now))
    back = {"broader": "narrower", "narrower": "broader"}.get(effect, effect)
    for one, other, expected in ((was, after, effect), (after, was, back)):
        found = changes(earlier(one), other)
        assert [(change.about, change.effect) for change in found] == (
            [("place", expected)] if expected else []
        )
        assert all(change.was and change.now and change.was != change.now for change in found)


def test_changed_default_of_a_target_that_cannot_be_read_is_a_change(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    AutoPilotRollout(Stack(app, "R"), "R", organizational_units=[ONE], **ROLE_ARGUMENTS)
    template = app.synth().get_stack_by_name("R").template
    (resource,) = template["Resources"].values()
    (group,) = resource["Properties"]["StackInstancesGroup"]
    group["DeploymentTargets"]["OrganizationalUnitIds"] = [ONE, {"Ref": "Unit"}]

    def default(value: str) -> Report:
        template["Parameters"] = {"Unit": {"Type": "String", "Default": value}}
        (tmp_path / "R.template.json").write_text(json.dumps(template))
        return of_templates(tmp_path / "R.template.json")

    with short_reports():
        found = changes(earlier(default(TWO)), default("r-abcd"))
    assert [(change.about, change.effect) for change in found] == [("filled-in", "unclear")]


@contextmanager
def without_actions(monkeypatch: pytest.MonkeyPatch, *names: str) -> Iterator[None]:
    """Take actions out of the catalog, as if AWS did not have them."""
    actions = {name: found for name, found in shipped().actions.items() if name not in names}
    smaller = replace(shipped(), actions=actions)
    with monkeypatch.context() as patched:
        patched.setattr(permission_report, "shipped", lambda: smaller)
        yield


def test_distinguishes_what_aws_added_or_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = plain(of_published())
    with without_actions(monkeypatch, "ec2:describeinstances", "ce:createreport"):
        smaller = plain(of_published())
        lost = of_published(since=earlier(whole)).changes
    gained = of_published(since=earlier(smaller))
    names = ["ce:CreateReport", "ec2:DescribeInstances"]
    # Of what AWS removed, the catalog of today has no risk.
    by_risk = [(name,) for name in names]
    for found, effect, by in (
        (gained.changes, "broader", by_risk),
        (lost, "narrower", [(*names,)]),
    ):
        assert [
            (change.cause, change.effect, change.actions) for change in found if change.actions
        ] == [("AWS", effect, actions) for actions in by]
    assert [action.name for action in gained.actions if action.new] == names


def test_added_pattern_is_the_roles_change_even_if_aws_added_the_action(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "earlier.template.json"
    file.write_text(text)
    with without_actions(monkeypatch, "ec2:runinstances"):
        then = plain(of_templates(file))
    found = changes(earlier(then), changed(text, tmp_path, allows("ec2:RunInstances")))
    assert {change.cause for change in found} == {"role"}
