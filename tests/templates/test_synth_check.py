"""The check at synth finds each attack, and each change of the role that gives access."""

import json
from pathlib import Path
from typing import Any

import pytest

from pump_roles import universal
from pump_roles.role.access import Access
from pump_roles.templates.placeholders import DEEPEST
from pump_roles.templates.synth_check import ExpectedResource, SynthFinding, check_templates
from tests.attacks import (
    ATTACKS,
    ELSEWHERE,
    HERE,
    INNOCENT,
    NAME,
    Attack,
    attack,
    policy,
    resource,
    template,
)
from tests.role_changes import CHANGES
from tests.support import Template, role_of

OWN = template()
OF_ROLE = {"changed", "tagged"}
PROTECTED = ("AssumeRolePolicyDocument", "Path", "PermissionsBoundary", "Policies", "RoleName")


def findings(paths: list[Path], own: Template = OWN) -> list[SynthFinding]:
    """Return what widens the role in an app, of which the first template has the role."""
    expected = {name: role_of(own).get(name) for name in PROTECTED}
    return [
        found
        for _, found in check_templates(
            [ExpectedResource(None, paths[0], "AutoPilotRole", expected)], paths
        )
    ]


def told(found: list[SynthFinding]) -> set[str]:
    return {f"{each.access.why} {each.at.logical_id}" for each in found}


@pytest.mark.parametrize("attack", [*ATTACKS, *INNOCENT])
def test_finds_what_attaches_to_the_role_or_may_change_it_and_nothing_else(
    attack: Attack, tmp_path: Path
) -> None:
    assert told(findings(attack.written(HERE, tmp_path))) == attack.gate
    elsewhere = findings(attack.written(ELSEWHERE, tmp_path))
    assert told(elsewhere) == attack.gate_elsewhere
    assert {each.access.why for each in elsewhere}.isdisjoint(
        {"changed-later", "may-attach", "may-be-named-alike", "may-contain"}
    )


@pytest.mark.parametrize("name", CHANGES)
def test_change_of_the_role_is_found_unless_it_gives_no_access(name: str, tmp_path: Path) -> None:
    change = CHANGES[name]
    found = [each.access for each in findings([change.written(tmp_path)], change.before())]
    of_role = {f"{way.why} {way.subject}".rstrip() for way in found if way.why in OF_ROLE}
    assert of_role == change.gate


def test_role_of_another_type_is_not_the_role(tmp_path: Path) -> None:
    path = CHANGES["defaults"].written(tmp_path)
    path.write_text(path.read_text().replace('"AWS::IAM::Role"', '"Custom::Role"'))
    assert Access("changed", "Type") in [found.access for found in findings([path])]


@pytest.mark.parametrize("name", ["PumpIamRole", "PumpExternalID"])
@pytest.mark.parametrize(
    "change",
    [
        {"AllowedPattern": ".*"},
        {"AllowedPattern": None},
        {"Default": "*"},
        {"Type": "CommaDelimitedList"},
    ],
)
def test_parameter_that_accepts_more_is_found(
    change: dict[str, Any], name: str, tmp_path: Path
) -> None:
    own = json.loads(universal.template("auto-pilot"))
    changed = {**own["Parameters"][name], **change}
    own["Parameters"][name] = {key: value for key, value in changed.items() if value}
    path = CHANGES["defaults"].written(tmp_path)
    path.write_text(json.dumps(own))
    (only,) = findings([path], own)
    assert only.access == Access("parameter", name)


@pytest.mark.parametrize("more", [{}, {"c": {"Fn::Transform": {"Name": "Macro"}}}])
def test_name_that_a_macro_can_change_may_be_the_roles(
    more: dict[str, Any], tmp_path: Path
) -> None:
    named = policy("RolePolicy", RoleName={"Fn::FindInMap": ["M", "a", "b"]})
    mappings = {"M": {"a": {"b": "Mine", **more}}}
    found = findings(attack(named, Mappings=mappings).written(HERE, tmp_path))
    assert told(found) == ({"may-attach Other", "changed-later AutoPilotRole"} if more else set())


def test_policies_of_the_roles_own_stack_are_found(tmp_path: Path) -> None:
    for target in (NAME, {"Ref": "AutoPilotRole"}, {"Fn::Sub": "${AutoPilotRole}"}):
        attaching = attack(policy("RolePolicy", RoleName=target))
        assert told(findings(attaching.written(HERE, tmp_path))) == {"attaches Other"}


def test_custom_resource_that_too_many_others_lead_to_may_name_the_role(tmp_path: Path) -> None:
    chained = {
        f"R{index}": resource("Custom::Name", Of={"Fn::GetAtt": f"R{index + 1}.Of"})
        for index in range(10 * DEEPEST)
    }
    chained[f"R{len(chained)}"] = resource("Custom::Name", Of="a")
    own, other = attack(resource("Custom::Name")).written(ELSEWHERE, tmp_path)
    other.write_text(json.dumps({"Resources": chained}))
    found = told(findings([own, other]))
    assert {why.split()[0] for why in found} == {"names-role"}
    assert "names-role R0" in found
    assert f"names-role R{len(chained) - 1}" not in found


def test_ssm_parameter_of_another_stack_may_have_the_name(tmp_path: Path) -> None:
    of_ssm = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/app/other"}
    named = attack(policy("RolePolicy", RoleName={"Ref": "P"}), Parameters={"P": of_ssm})
    own, other = named.written(ELSEWHERE, tmp_path)
    assert findings([own, other]) == []
    content = json.loads(own.read_text())
    content["Resources"]["Stored"] = resource("AWS::SSM::Parameter", Name="/app/other", Value=NAME)
    own.write_text(json.dumps(content))
    assert told(findings([own, other])) == {"could-attach Other"}
