"""What rollouts in templates target, or an error."""

import json
from pathlib import Path
from typing import Any

import pytest

from pump_roles.inputs import ACCOUNT_FILTERS
from pump_roles.review.account.rollout_status import UncertainRolloutError, rollouts_in
from pump_roles.templates import read
from tests.support import SCENARIOS, Synth, rolled_out, rollout_with_parameters, stack_set

KIND = "AccountFilterType"


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name.startswith("rollout")])
def test_reads_every_rollout_of_the_app(name: str, synth: Synth, tmp_path: Path) -> None:
    templates = synth(SCENARIOS[name])
    rollouts = {stack: found for stack, found in templates.items() if stack.endswith("Rollout")}
    assert rollouts
    for stack, template in rollouts.items():
        (tmp_path / stack).write_text(json.dumps(template))
        (targets,) = rollouts_in(read(tmp_path / stack), stack)
        properties = stack_set(template)
        (group,) = properties["StackInstancesGroup"]
        assert targets.stack_set == properties["StackSetName"]
        assert targets.caller == properties["CallAs"]
        assert {
            "OrganizationalUnitIds": [*targets.units],
            **({"Accounts": [*targets.filtered]} if targets.filtered else {}),
        } == {name: member for name, member in group["DeploymentTargets"].items() if name != KIND}
        assert targets.filter == ACCOUNT_FILTERS.get(group["DeploymentTargets"].get(KIND), "")


def test_units_of_a_parameter_are_those_that_the_stack_set_targets(tmp_path: Path) -> None:
    (tmp_path / "R").write_bytes(rollout_with_parameters("read-only"))
    (rollout,) = rollouts_in(read(tmp_path / "R"), "R")
    assert (rollout.stack_set, rollout.units) == ("PumpReadOnly", ())


def changed(**members: Any) -> dict[str, Any]:
    return {"StackInstancesGroup": [{"DeploymentTargets": members, "Regions": ["us-east-1"]}]}


UNITS = {"OrganizationalUnitIds": ["r-abcd"]}


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({"StackSetName": {"Fn::Sub": "Pump-${AWS::Region}"}}, ("unreadable", "StackSetName")),
        (
            changed(**UNITS, Accounts=["111122223333"], AccountFilterType="UNION"),
            ("unknown-filter", "UNION"),
        ),
        (changed(**UNITS, Accounts=["111122223333"]), ("contradictory-targets", "")),
        ({"StackInstancesGroup": []}, ("no-units", "")),
        (
            {**changed(Accounts=["111122223333"]), "PermissionModel": "SELF_MANAGED"},
            ("self-managed", ""),
        ),
        ({"StackInstancesGroup": changed(**UNITS)["StackInstancesGroup"] * 2}, None),
    ],
)
def test_rejects_a_rollout_whose_targets_are_not_certain(
    properties: dict[str, Any], problem: tuple[str, str] | None, tmp_path: Path
) -> None:
    file = rolled_out(tmp_path, lambda members: members.update(properties))
    if problem:
        with pytest.raises(UncertainRolloutError) as raised:
            rollouts_in(read(file), "R")
        unknown = raised.value.unknown
        assert (unknown.why, unknown.subject or unknown.detail) == problem
        assert raised.value.stack_set.startswith("Pump")
    else:
        (targets,) = rollouts_in(read(file), "R")
        assert targets.units == ("r-abcd",)
