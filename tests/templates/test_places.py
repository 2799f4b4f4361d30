"""Where templates deploy Pump's roles, or why that cannot be read."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from aws_cdk import App, Environment, NestedStack, Stack
from hypothesis import given
from hypothesis import strategies as st

from pump_roles import (
    AutoPilotStack,
    ReadOnlyRole,
    ReadOnlyRollout,
    ReadOnlyStack,
    templates,
)
from pump_roles.iam.external_ids import ExternalId
from pump_roles.review.report.masking import Mask
from pump_roles.role.assembly import Deployment
from pump_roles.role.unknowns import AssemblyUnknown
from tests.support import NO_VALUE, ROLE_ARGUMENTS, SECRET, json_values, rolled_out, synthesize

UNITS = ["ou-abcd-12345678", "ou-abcd-87654321"]
ACCOUNT = "111111111111"
HOME = Environment(account="111122223333", region="us-east-1")

PLACE = Deployment(
    kind="auto-pilot",
    source="R.template.json",
    stack_set="PumpAutoPilot",
    units=("r-abcd",),
    automatic=True,
    call_as="management",
    regions=("${AWS::Region}",),
)
"""Where ``rolled_out`` deploys the role, if nothing is changed."""

Properties = dict[str, Any]


def places(path: Path) -> tuple[Deployment, ...]:
    contents = templates.read(path)
    return Mask(contents.external_ids).masked(contents.places)


def targets(**members: Any) -> Callable[[Properties], None]:
    """Return a change of the deployment targets of a StackSet's only group."""
    return lambda stack_set: stack_set["StackInstancesGroup"][0]["DeploymentTargets"].update(
        members
    )


def in_set(**members: Any) -> Callable[[Properties], None]:
    return lambda stack_set: stack_set.update(members)


def change_file(file: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    template = json.loads(file.read_text())
    change(template)
    file.write_text(json.dumps(template))
    return file


def self_managed(stack_set: Properties) -> None:
    stack_set["PermissionModel"] = "SELF_MANAGED"
    del stack_set["AutoDeployment"], stack_set["CallAs"]
    stack_set["StackInstancesGroup"][0]["DeploymentTargets"] = {"Accounts": [ACCOUNT]}


def test_rollout_with_excluded_accounts_from_a_delegated_administrator(tmp_path: Path) -> None:
    excluded = [ACCOUNT, "222222222222"]
    app = App(outdir=str(tmp_path))
    ReadOnlyRollout(
        Stack(app, "R", env=HOME),
        "R",
        **ROLE_ARGUMENTS,
        organizational_units=UNITS,
        exclude_accounts=excluded,
        stack_set_name="Mine",
        delegated_admin=True,
    )
    app.synth()
    (place,) = places(tmp_path)
    assert place == Deployment(
        kind="read-only",
        source="R.template.json",
        account="111122223333",
        region="us-east-1",
        stack_set="Mine",
        units=tuple(UNITS),
        filter="exclude",
        accounts=tuple(excluded),
        automatic=True,
        call_as="delegated-admin",
        regions=("us-east-1",),
    )


def test_stacks_in_several_accounts_are_several_places(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    AutoPilotStack(app, "A", **ROLE_ARGUMENTS, env=HOME)
    ReadOnlyStack(app, "B", **ROLE_ARGUMENTS, env=HOME)
    ReadOnlyStack(app, "C", **ROLE_ARGUMENTS, env=Environment(account=ACCOUNT))
    app.synth()
    home: dict[str, Any] = {"account": "111122223333", "region": "us-east-1"}
    assert places(tmp_path) == (
        Deployment(kind="read-only", source="B.template.json", **home),
        Deployment(kind="read-only", source="C.template.json", account=ACCOUNT),
        Deployment(kind="auto-pilot", source="A.template.json", **home),
    )


def test_role_in_a_nested_stack_belongs_to_the_root(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    outer = Stack(app, "Outer", env=HOME)
    nested = NestedStack(NestedStack(outer, "Nested"), "Deeper")
    ReadOnlyRole(nested, "Role", **ROLE_ARGUMENTS)
    ReadOnlyRollout(nested, "Rollout", organizational_units=["r-abcd"], **ROLE_ARGUMENTS)
    app.synth()
    stack, stack_set = places(tmp_path)
    assert stack == Deployment(
        kind="read-only", source="Outer.template.json", account="111122223333", region="us-east-1"
    )
    assert (stack_set.source, stack_set.account) == (stack.source, stack.account)
    assert stack_set.stack_set == "PumpReadOnly"
    assert stack_set.regions == ("us-east-1",)


def test_each_entry_of_the_group_is_one_place(tmp_path: Path) -> None:
    def change(stack_set: Properties) -> None:
        more = {"DeploymentTargets": {"OrganizationalUnitIds": UNITS}, "Regions": ["eu-west-1"]}
        stack_set["StackInstancesGroup"] += [NO_VALUE, more]

    first, second = places(rolled_out(tmp_path, change))
    assert first == PLACE
    assert second == replace(PLACE, units=tuple(UNITS), regions=("eu-west-1",))


@pytest.mark.parametrize("group", [None, [], [NO_VALUE], NO_VALUE])
def test_stack_set_without_stack_instances_is_one_place_without_targets(
    group: Any, tmp_path: Path
) -> None:
    (place,) = places(rolled_out(tmp_path, in_set(StackInstancesGroup=group)))
    assert place == replace(PLACE, units=(), regions=())


def test_self_managed_stack_set_targets_accounts(tmp_path: Path) -> None:
    (place,) = places(rolled_out(tmp_path, self_managed))
    assert place == replace(PLACE, units=(), accounts=(ACCOUNT,), automatic=False, call_as="")


@pytest.mark.parametrize(
    ("change", "members"),
    [
        (targets(AccountFilterType="NONE"), {}),
        (targets(Accounts=[], AccountsUrl=NO_VALUE, AccountFilterType=NO_VALUE), {}),
        *(
            (
                targets(Accounts=[ACCOUNT], AccountFilterType=written),
                {"accounts": (ACCOUNT,), "filter": read},
            )
            for written, read in (("UNION", "UNION"), ("INTERSECTION", "only"))
        ),
        (
            targets(Accounts=[{"Ref": "AWS::AccountId"}], AccountFilterType="DIFFERENCE"),
            {"accounts": ("${AWS::AccountId}",), "filter": "exclude"},
        ),
        (
            targets(OrganizationalUnitIds=[{"Fn::Join": ["-", ["r", "efgh"]]}, NO_VALUE]),
            {"units": ("r-efgh",)},
        ),
        (in_set(AutoDeployment={"Enabled": "true"}), {}),
        (in_set(AutoDeployment={"Enabled": "false"}), {"automatic": False}),
        (in_set(AutoDeployment={"Enabled": False}), {"automatic": False}),
        (in_set(AutoDeployment=NO_VALUE), {"automatic": False}),
        (in_set(CallAs=NO_VALUE, ManagedExecution={"Ref": "X"}), {}),
        (
            in_set(StackSetName={"Fn::Sub": "Pump-${AWS::Region}"}),
            {"stack_set": "Pump-${AWS::Region}"},
        ),
    ],
)
def test_reads_what_a_stack_set_targets(
    change: Callable[[Properties], None], members: dict[str, Any], tmp_path: Path
) -> None:
    file = rolled_out(tmp_path, change)
    (place,) = places(file)
    assert place == replace(PLACE, **members)


IDS = "OrganizationalUnitIds"
UNREADABLE = [
    (targets(OrganizationalUnitIds={"Ref": "Units"}), IDS, '{"Ref": "Units"}'),
    (targets(OrganizationalUnitIds=[{"Ref": "Unit"}, "r-abcd"]), IDS, '{"Ref": "Unit"}'),
    (targets(OrganizationalUnitIds=["r-abcd,r-efgh"]), IDS, "r-abcd,r-efgh"),
    (targets(OrganizationalUnitIds=[{"Fn::If": ["C", "r-abcd", NO_VALUE]}]), IDS, None),
    (targets(OrganizationalUnitIds={"Fn::If": ["C", ["r-abcd"], []]}), IDS, None),
    (targets(OrganizationalUnitIds=["{{resolve:ssm:/unit}}"]), IDS, None),
    (targets(Accounts=["*"], AccountFilterType="DIFFERENCE"), "Accounts", "*"),
    (targets(AccountFilterType="exclude"), "AccountFilterType", "exclude"),
    (targets(AccountFilterType={"Fn::If": ["C", "NONE", "DIFFERENCE"]}), "AccountFilterType", None),
    (targets(AccountsUrl="https://example.com"), "AccountsUrl", "https://example.com"),
    (in_set(PermissionModel={"Ref": "Model"}), "PermissionModel", None),
    (in_set(CallAs="management"), "CallAs", "management"),
    (in_set(AutoDeployment="true"), "AutoDeployment", "true"),
    (in_set(AutoDeployment={"Enabled": {"Ref": "On"}}), "AutoDeployment", '{"Ref": "On"}'),
    (in_set(StackSetName={"Ref": "Name"}), "StackSetName", '{"Ref": "Name"}'),
    (in_set(StackInstancesGroup=["x"]), "StackInstancesGroup", "x"),
    (in_set(StackInstancesGroup=[{"Regions": []}]), "DeploymentTargets", None),
]
"""Changes, the property that cannot be read then, and its value if it is not a function's."""


@pytest.mark.parametrize(
    ("change", "why", "subject", "detail"),
    [
        *((change, "unreadable", subject, detail) for change, subject, detail in UNREADABLE),
        (targets(**{"Fn::Transform": {}}), "member", "Fn::Transform", "DeploymentTargets"),
        (targets(Accounts=[ACCOUNT]), "contradictory-targets", "", ""),
        (targets(OrganizationalUnitIds=[]), "contradictory-targets", "", ""),
        (in_set(PermissionModel="SELF_MANAGED"), "contradictory-targets", "", ""),
        (in_set(AutoDeployment={"Ref": "Auto"}), "member", "Ref", "AutoDeployment"),
        (in_set(StackInstancesGroup={"Ref": "Group"}), "member", "Ref", "StackInstancesGroup"),
        (in_set(**{"Fn::Transform": {}}), "property", "Fn::Transform", "StackSet"),
    ],
)
def test_says_what_of_the_targets_cannot_be_read(
    change: Callable[[Properties], None], why: str, subject: str, detail: str | None, tmp_path: Path
) -> None:
    (place,) = places(rolled_out(tmp_path, change))
    # That there is a macro is said first.
    first, *more = [found for found in place.unreadable if found.why != "macro"]
    assert (first.why, first.subject) == (why, subject)
    assert detail in (None, first.detail)
    assert {found.why for found in more} <= {"unreadable"}
    # Without a name it would look like one stack.
    assert place.stack_set


@pytest.mark.parametrize("written", ["exclude", "management", "ANYONE", {"Ref": "Parameter"}])
def test_what_cannot_be_read_is_not_taken_for_a_filter_or_a_caller(
    written: Any, tmp_path: Path
) -> None:
    def change(properties: Properties) -> None:
        targets(AccountFilterType=written)(properties)
        in_set(CallAs=written)(properties)

    (place,) = places(rolled_out(tmp_path, change))
    assert (place.filter, place.call_as) == ("", "")
    assert {found.subject for found in place.unreadable} == {"AccountFilterType", "CallAs"}


def conditional(logical_id: str) -> AssemblyUnknown:
    return AssemblyUnknown(part="template", why="conditional", subject=logical_id, detail="Never")


def test_place_under_a_condition_is_not_certain(tmp_path: Path) -> None:
    def add_condition(template: dict[str, Any]) -> None:
        (resource,) = template["Resources"].values()
        resource["Condition"] = "Never"

    file = synthesize(tmp_path) / "PumpReadOnly.template.json"
    (place,) = places(change_file(file, add_condition))
    assert place.unreadable == (conditional("ReadOnlyRole"),)
    file = change_file(rolled_out(tmp_path, in_set()), add_condition)
    (place,) = places(change_file(file, lambda template: template.update(Transform="Macro")))
    assert place.unreadable == (
        AssemblyUnknown(part="template", why="transform", subject="Macro"),
        conditional("StackSet"),
    )


def test_nearest_stack_set_deploys_the_role(tmp_path: Path) -> None:
    file = rolled_out(tmp_path, in_set())
    outer = {"TemplateBody": file.read_text(), "StackSetName": "Outer"}
    stack_set = {"Type": "AWS::CloudFormation::StackSet", "Properties": outer}
    file.write_text(json.dumps({"Resources": {"OuterSet": stack_set}}))
    (place,) = places(file)
    problem = AssemblyUnknown(part="place", why="outer-stack-set", subject="OuterSet")
    assert place == replace(PLACE, unreadable=(problem,))


def test_targets_from_a_nested_stacks_parameters_are_read_if_they_are_certain(
    tmp_path: Path,
) -> None:
    def change(template: dict[str, Any]) -> None:
        (stack_set,) = template["Resources"].values()
        targets(OrganizationalUnitIds=[{"Ref": "Unit"}])(stack_set["Properties"])
        template["Parameters"] = {"Unit": {"Type": "String"}}

    app = App(outdir=str(tmp_path))
    outer = Stack(app, "Outer")
    nested = NestedStack(outer, "Nested", parameters={"Unit": "r-efgh"})
    ReadOnlyRollout(nested, "Rollout", organizational_units=["r-abcd"], **ROLE_ARGUMENTS)
    app.synth()
    (inner,) = tmp_path.glob("*.nested.template.json")
    change_file(inner, change)
    (place,) = places(tmp_path)
    assert (place.units, place.unreadable) == (("r-efgh",), ())
    file = tmp_path / "Outer.template.json"
    either = {"Fn::If": ["C", "r-efgh", NO_VALUE]}
    file.write_text(file.read_text().replace('"r-efgh"', json.dumps(either)))
    (place,) = places(tmp_path)
    (found,) = place.unreadable
    assert (found.subject, found.detail) == ("OrganizationalUnitIds", '{"Ref": "Unit"}')


@pytest.mark.parametrize(
    "external_id",
    [*(SECRET, ACCOUNT, "r-abcd", "abcd-1234", "AWS::Region"), "exclude", "management"],
)
def test_external_id_is_not_shown_where_a_role_is_deployed(external_id: str) -> None:
    place = replace(
        PLACE,
        account=ACCOUNT,
        stack_set=f"Pump-{SECRET}",
        units=("r-abcd", "ou-abcd-12345678"),
        accounts=(ACCOUNT,),
        filter="exclude",
    )
    masked = Mask(frozenset({ExternalId.of(external_id)})).masked(place)
    is_word = external_id in (place.filter, place.call_as)
    assert (external_id in str(masked), masked == place) == (is_word, is_word)


LEAVES = st.sampled_from(
    [None, True, 1, "", "r-abcd", ACCOUNT, "NONE", "SELF_MANAGED", "AWS::NoValue", "AWS::Region"]
)
KEYS = [
    *("DeploymentTargets", "OrganizationalUnitIds", "Accounts", "AccountFilterType", "AccountsUrl"),
    *("Regions", "Enabled", "Ref", "Fn::If", "Fn::Sub", "Fn::Join", "Fn::Split", "Fn::Transform"),
]
PROPERTIES = ("StackSetName", "PermissionModel", "CallAs", "AutoDeployment", "StackInstancesGroup")


@pytest.fixture(scope="session")
def rollout_text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return rolled_out(tmp_path_factory.mktemp("rollout"), in_set()).read_text()


@given(st.dictionaries(st.sampled_from(PROPERTIES), json_values(LEAVES, *KEYS)))
def test_whatever_a_stack_set_has_there_is_a_place(rollout_text: str, more: Properties) -> None:
    template = json.loads(rollout_text)
    template["Resources"]["StackSet"]["Properties"].update(more)
    with TemporaryDirectory() as folder:
        file = Path(folder, "R.template.json")
        file.write_text(json.dumps(template))
        contents = templates.read(file)
    assert contents.places
    assert all(place.stack_set for place in contents.places)


@pytest.mark.parametrize(
    ("parameter", "is_open"),
    [
        ({"Type": "CommaDelimitedList"}, True),
        ({"Type": "CommaDelimitedList", "Default": "r-abcd"}, False),
        ({"Type": "String"}, False),
        (None, False),
    ],
)
def test_units_that_are_one_parameter_are_its_placeholder(
    parameter: dict[str, str] | None, tmp_path: Path, *, is_open: bool
) -> None:
    file = rolled_out(tmp_path, targets(OrganizationalUnitIds={"Ref": "Units"}))
    if parameter:
        change_file(file, lambda template: template.update(Parameters={"Units": parameter}))
    (place,) = places(file)
    assert place.units == (("${Units}",) if is_open else ())
    assert place.known_units == ()
    assert [found.subject for found in place.unreadable] == ([] if is_open else [IDS])
