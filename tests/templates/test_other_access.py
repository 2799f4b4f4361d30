"""Everything else in templates that gives access is listed, and what could reach Pump's roles."""

import json
from pathlib import Path
from typing import Any

import pytest

from pump_roles import templates, universal
from pump_roles.compare import compare
from pump_roles.iam.identity_policies import Value
from pump_roles.iam.trust import Principal
from pump_roles.role.access import Access
from pump_roles.role.assembly import Assembly, OtherResource
from pump_roles.templates.synth_check import ExpectedResource, check_templates
from tests.attacks import (
    ADMINISTRATOR,
    ATTACKS,
    ELSEWHERE,
    HERE,
    INNOCENT,
    OWN_ROOT,
    Attack,
    found_in,
    requiring,
    resource,
    role,
    template,
)
from tests.innocent import customers_app
from tests.role_changes import CHANGES
from tests.support import EVERYTHING, Template, of_templates, role_of, short_reports


@pytest.mark.parametrize("attack", [*ATTACKS, *INNOCENT])
def test_finds_what_reaches_the_role_or_lets_others_in_and_nothing_else(
    attack: Attack, tmp_path: Path
) -> None:
    for place, expected in ((HERE, attack.found), (ELSEWHERE, attack.elsewhere)):
        attack.written(place, tmp_path)
        assembly = templates.read(tmp_path)
        assert found_in(assembly) == expected, place
        if attack in INNOCENT and "Other" in attack.content["Resources"]:
            kind = attack.content["Resources"]["Other"]["Type"]
            gives_access = kind in {f"AWS::IAM::{name}" for name in ("Role", "User", "Group")}
            listed = {other.name: other.type for other in assembly.others}.get("Other")
            is_listed = attack.is_information or gives_access or "Policy" in kind
            assert listed == (kind if is_listed else None), place


@pytest.mark.parametrize("name", CHANGES)
def test_change_of_the_role_is_a_difference_or_not_known_and_nothing_else(
    name: str, tmp_path: Path
) -> None:
    change = CHANGES[name]
    (before,) = read(tmp_path / "before", change.before()).roles
    change.written(tmp_path)
    assembly = templates.read(tmp_path)
    (after,) = assembly.roles
    differences = compare(before.role, after.role)
    told = {f"{each.rule} {each.effect} {each.subject}".rstrip() for each in differences}
    assert told == change.found
    assert found_in(assembly) == change.unknown


def read(folder: Path, own: Template, **others: Any) -> Assembly:
    """Read the template of the role, and another one with some resources."""
    folder.mkdir(exist_ok=True)
    for name, content in (("Own", own), ("Another", {"Resources": others})):
        (folder / f"{name}.template.json").write_text(json.dumps(content))
    return templates.read(folder)


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (role({"AWS": {"Ref": "PumpIamRole"}}), "trusts-definition PumpIamRole"),
        (
            role({"AWS": OWN_ROOT}, **requiring([{"Ref": "PumpExternalID"}])),
            "requires-same-external-id",
        ),
    ],
)
def test_role_with_one_of_the_parameters_of_pumps_role_is_found(
    other: dict[str, Any], found: str, tmp_path: Path
) -> None:
    own = json.loads(universal.template("auto-pilot"))
    own["Resources"]["Other"] = other
    assert found_in(read(tmp_path, own)) == {found}


def test_external_ids_that_are_not_read_are_not_the_same(tmp_path: Path) -> None:
    own = template()
    (statement,) = role_of(own)["AssumeRolePolicyDocument"]["Statement"]
    statement |= requiring({"Fn::ImportValue": "One"})
    own["Resources"]["Other"] = role({"AWS": OWN_ROOT}, **requiring({"Fn::ImportValue": "Another"}))
    assert not any(other.access for other in read(tmp_path, own).others)


def test_everything_that_gives_access_is_listed_with_its_principals_and_what_it_grants(
    tmp_path: Path,
) -> None:
    inline = {"PolicyName": "P", "PolicyDocument": {"Statement": {**EVERYTHING["Statement"]}}}
    other = role({"AWS": "arn:aws:iam::123456789012:root", "Service": "ec2.amazonaws.com"})
    other["Properties"]["Policies"] = [inline]
    assert read(tmp_path, template(), Other=other).others == (
        OtherResource(
            name="Other",
            type="AWS::IAM::Role",
            source="Another.template.json",
            principals=(
                Principal("account", Value("known", "123456789012")),
                Principal("service", Value("known", "ec2.amazonaws.com")),
            ),
            grants=(Access("allows", "*"), Access("allows-managed-policy", ADMINISTRATOR)),
        ),
    )


ANY_ROLE = {f"could-attach {name}" for name in ("PumpReadOnlyRole", "PumpAutoPilotRole")}


@pytest.mark.parametrize(
    ("size", "found"),
    [(100, {"may-attach"}), (500, {*ANY_ROLE, "inline-policies unreadable Other"})],
)
def test_resource_whose_name_takes_too_much_work_to_read_could_attach_to_any_role(
    size: int, found: set[str], tmp_path: Path
) -> None:
    words = [f"word-{index}" for index in range(size)]
    names = [{"Fn::GetAtt": ["Custom", f"Name{index}"]} for index in range(size)]
    properties = {"RoleName": {"Fn::Join": ["", names]}, "PolicyName": "P", "PolicyDocument": {}}
    others = {
        "Custom": {"Type": "Custom::Names", "Properties": {"Words": words}},
        "Other": {"Type": "AWS::IAM::RolePolicy", "Properties": properties},
    }
    assert found_in(read(tmp_path, template(), **others)) == found


IN_REGION = {"Fn::Sub": "acme-${AWS::Region}"}


@pytest.mark.parametrize(
    ("role_name", "command", "named"),
    [
        ("Acme-Pump", "arn:aws:iam::111122223333:role/acme-pump", "acme-pump"),
        (IN_REGION, "--role acme-eu-west-1 x", "acme-eu-west-1"),
        (IN_REGION, {"Fn::Sub": "--role=acme-${AWS::Region}"}, "acme-${AWS::Region}"),
        (IN_REGION, {"Fn::Sub": "--role=acme-${AWS::Region} ${P}"}, "acme-${AWS::Region}"),
        (IN_REGION, {"Fn::Join": ["-", ["acme", {"Ref": "P"}, "eu-west-1"]]}, ""),
        (IN_REGION, "acme-logs", ""),
        (IN_REGION, {"Fn::Sub": "acme-${P}"}, ""),
        (IN_REGION, {"Fn::Sub": "acme-logs-${AWS::Region}"}, ""),
        # A generated name.
        (None, "--role Own-AutoPilotRole-1ABCDEF2GHIJ", "Own-AutoPilotRole-1ABCDEF2GHIJ"),
        (None, "--role Own-Other-1ABCDEF2GHIJ", ""),
    ],
)
def test_looks_for_the_names_that_the_roles_have_here(
    role_name: Any, command: Any, named: str, tmp_path: Path
) -> None:
    own = template()
    role_of(own)["RoleName"] = role_name
    if role_name is None:
        del role_of(own)["RoleName"]
    assembly = read(tmp_path, own, Other=resource("Custom::Command", Command=command))
    assert found_in(assembly) == ({f"names-role {named}"} if named else set())


@pytest.mark.parametrize("same", [True, False], ids=["in Pump's stack", "in other stacks"])
def test_ordinary_customers_app_widens_nothing_and_raises_no_finding(
    tmp_path: Path, *, same: bool
) -> None:
    paths = customers_app(tmp_path, same=same)
    properties = role_of(json.loads(universal.template("read-only")))
    assert [
        *check_templates([ExpectedResource(None, paths[0], "ReadOnlyRole", properties)], paths)
    ] == []
    with short_reports():
        report = of_templates(tmp_path)
    assert (report.findings, report.as_published, report.exact) == ((), True, True)
    assert len(report.others) > 20
