"""The role that a StackSet deploys, compared with that of its templates."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from pump_roles.account.organization import Account
from pump_roles.account.rollout.deployed import deployed_by_stack_set, deployed_by_template
from pump_roles.account.rollout.expected import ExpectedRollout, roles_in, rollouts_in
from pump_roles.account.rollout.stack_set import StackSet, compare
from pump_roles.account.rollout.status import AccountStatus, RolloutRole, RolloutStatus
from pump_roles.output.rollout_formats import problems_in_words
from pump_roles.templates.reading import read_templates
from tests.account.rollout.rollouts import written
from tests.support import EXTERNAL_ID, PUMP_ACCOUNT, Synth, Template
from tools.sandbox.organization import properties

UNITS: dict[str, Any] = {"organizational-units": ["r-abcd"]}
PROVIDED = UNITS | {"principal": PUMP_ACCOUNT, "external-id": EXTERNAL_ID}
VALUES = {"PumpIamRole": PUMP_ACCOUNT, "PumpExternalID": EXTERNAL_ID}
NEXT = "Example-5678-9012"

Change = Callable[[Template], object]
"""A change of the template that the StackSet deploys."""


def rollout(synth: Synth, settings: dict[str, Any], change: Change = lambda _: None) -> Template:
    template = deepcopy(synth(settings)["PumpReadOnlyRollout"])
    members = template["Resources"]["StackSet"]["Properties"]
    body = json.loads(members["TemplateBody"])
    change(body)
    members["TemplateBody"] = json.dumps(body)
    return template


def expected_in(template: Template) -> ExpectedRollout:
    (found,) = rollouts_in(deployed_by_template(template, "R"), "R")
    return found


def status(expected: ExpectedRollout, now: Template) -> RolloutStatus:
    """Compare a rollout that is current in its only account."""
    members = properties(now, VALUES)
    deployed = deployed_by_stack_set(members["TemplateBody"], members["Parameters"], "S")
    instance = AccountStatus(
        account="000000000002", state="not-current", region="us-east-1", status="CURRENT"
    )
    stack_set = StackSet(
        id="S:1",
        units=("r-abcd",),
        region="us-east-1",
        instance_region="us-east-1",
        deployed_roles=roles_in(deployed),
        instances=(instance,),
    )
    accounts = [Account("000000000002", "two", suspended=False, units=("r-abcd",))]
    found = compare(expected, stack_set, accounts=accounts, management_account="000000000001")
    assert EXTERNAL_ID not in repr(found)
    assert NEXT not in repr(found)
    return found


def compared(expected: ExpectedRollout, now: Template) -> tuple[str, RolloutRole]:
    """The state of that rollout, and its role."""
    found = status(expected, now)
    (role,) = found.roles
    return found.state, role


@pytest.mark.parametrize(
    ("change", "differences"),
    [
        ({"guardrails": ["needed-only"]}, [("policy-removed", "broader")]),
        ({"permissions-boundary": "platform/Boundary"}, [("boundary-removed", "broader")]),
        (
            {"role-path": "/pump/", "external-id": NEXT},
            [("role-path", "other"), ("external-id", "other")],
        ),
        ({"read-only": {"role-name": "VendorReadOnly"}}, [("role-name", "other")]),
    ],
)
def test_rollout_whose_role_differs_from_the_templates_is_not_complete(
    change: dict[str, Any], differences: list[tuple[str, str]], synth: Synth
) -> None:
    """As after templates that were never deployed, or a rollback."""
    now = rollout(synth, PROVIDED)
    state, role = compared(expected_in(now), now)
    assert (state, role.differences, role.unknown) == ("complete", (), ())
    state, role = compared(expected_in(rollout(synth, PROVIDED | change)), now)
    named = [(difference.rule, difference.effect) for difference in role.differences]
    assert (state, [*dict.fromkeys(named)]) == ("incomplete", differences)


def on_role(**members: Any) -> Change:
    return lambda template: template["Resources"]["ReadOnlyRole"]["Properties"].update(members)


def conditional(template: Template) -> None:
    template["Conditions"] = {"C": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}}
    template["Resources"]["ReadOnlyRole"]["Condition"] = "C"


def policy_at_times(template: Template) -> None:
    conditional(template)
    del template["Resources"]["ReadOnlyRole"]["Condition"]
    more = {"PolicyName": "More", "PolicyDocument": {"Statement": []}}
    template["Resources"]["ReadOnlyRole"]["Properties"]["Policies"].append(
        {"Fn::If": ["C", more, {"Ref": "AWS::NoValue"}]}
    )


@pytest.mark.parametrize(
    "change",
    [
        on_role(ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),
        conditional,
        policy_at_times,
        lambda template: template.update(Transform="Macro"),
    ],
    ids=["managed policy", "condition", "policy", "macro"],
)
def test_rollout_whose_role_cannot_be_read_in_full_is_not_complete(
    change: Change, synth: Synth
) -> None:
    found = status(expected_in(rollout(synth, PROVIDED)), rollout(synth, PROVIDED, change))
    (role,) = found.roles
    assert found.state == "incomplete"
    assert role.differences or role.unknown
    problems = [*problems_in_words(found)]
    assert len(problems) == len(role.differences) + len(role.unknown)
    assert {problem.partition(": ")[0] for problem in problems} == {
        "the read-only role PumpReadOnlyRole"
    }


@pytest.mark.parametrize("more", [{}, {"next-external-id": NEXT}], ids=["", "rotating"])
def test_parameter_of_the_templates_can_have_any_value(more: dict[str, str], synth: Synth) -> None:
    expected = expected_in(rollout(synth, UNITS | more))
    assert compared(expected, rollout(synth, PROVIDED | more))[0] == "complete"


def everyone(template: Template) -> None:
    role = template["Resources"]["ReadOnlyRole"]["Properties"]
    role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = "*"


def test_parameter_is_neither_everyone_nor_an_unfinished_rotation(synth: Synth) -> None:
    expected = expected_in(rollout(synth, UNITS))
    for now in (
        rollout(synth, PROVIDED, everyone),
        rollout(synth, PROVIDED | {"next-external-id": NEXT}),
    ):
        assert compared(expected, now)[0] == "incomplete"


def test_role_whose_name_is_a_parameter_of_the_stack_set_is_the_same(synth: Synth) -> None:
    template = rollout(synth, PROVIDED, on_role(RoleName={"Ref": "Name"}))
    members = template["Resources"]["StackSet"]["Properties"]
    body = json.loads(members["TemplateBody"])
    body["Parameters"]["Name"] = {"Type": "String"}
    members["TemplateBody"] = json.dumps(body)
    members["Parameters"].append({"ParameterKey": "Name", "ParameterValue": "VendorReadOnly"})
    state, role = compared(expected_in(template), template)
    assert (state, role.name) == ("complete", "VendorReadOnly")


@pytest.mark.parametrize("differs", ["PumpReadOnly", "PumpReadOnlyRollout"])
def test_role_is_compared_with_that_of_its_own_stack_set(
    differs: str, synth: Synth, tmp_path: Path
) -> None:
    """Not with that of the single stack next to it."""
    templates = {
        name: synth(PROVIDED | ({"external-id": NEXT} if name == differs else {}))[name]
        for name in ("PumpReadOnly", "PumpReadOnlyRollout")
    }
    (expected,) = rollouts_in(read_templates(Path(written(templates, tmp_path / "R"))), "R")
    state = "complete" if differs == "PumpReadOnly" else "incomplete"
    assert compared(expected, rollout(synth, PROVIDED))[0] == state
