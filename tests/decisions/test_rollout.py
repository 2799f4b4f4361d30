"""A rollout's member template gives the same permissions as the template for one account."""

import pytest

from tests.support import EXTERNAL_ID, NEVER, PRINCIPAL, Synth, member_template, stack_set
from tools.sandbox import catalog
from tools.sandbox.simulator import Role, decide, use


@pytest.mark.parametrize("name", ["PumpReadOnly", "PumpAutoPilot"])
def test_session_in_a_member_account_has_the_same_permissions(
    name: str, synth: Synth, provided_context: dict[str, str]
) -> None:
    templates = synth({**provided_context, "pump:organizational-units": "r-abcd"})
    rollout = templates[f"{name}Rollout"]
    parameters = {
        parameter["ParameterKey"]: parameter["ParameterValue"]
        for parameter in stack_set(rollout)["Parameters"]
    }
    assert parameters == {"PumpIamRole": PRINCIPAL, "PumpExternalID": EXTERNAL_ID}
    member = Role.of_template(member_template(rollout), parameters)
    single = Role.of_template(templates[name])
    assert member == single
    actions = [
        *(
            action
            for pattern in ["ce:*", "savingsplans:*"]
            for action in catalog.matching([pattern])
        ),
        *(catalog.actions()[name.lower()] for name in NEVER),
    ]
    asked = [
        [use(role, action=action.name, resource=action.resources[0]) for action in actions]
        for role in (member, single)
    ]
    decisions = decide([*asked[0], *asked[1]])
    assert decisions[: len(actions)] == decisions[len(actions) :]
    assert len(set(decisions)) == 2
