"""A rollout's member template is judged exactly as the single account's is."""

import json

import pytest

from sandbox import catalogue
from sandbox.simulator import Role, decide, use
from tests.conftest import EXTERNAL_ID, PRINCIPAL, Synth, stack_set
from tests.decisions.test_session import NEVER


@pytest.mark.parametrize("name", ["PumpReadOnly", "PumpAutoPilot"])
def test_the_members_session_may_do_the_same(
    name: str, synth: Synth, given: dict[str, str]
) -> None:
    templates = synth({**given, "pump:organizational-units": "r-abcd"})
    properties = stack_set(templates[f"{name}Rollout"])
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in properties["Parameters"]}
    assert parameters == {"PumpIamRole": PRINCIPAL, "PumpExternalID": EXTERNAL_ID}
    member = Role.of_template(json.loads(properties["TemplateBody"]), parameters)
    single = Role.of_template(templates[name])
    assert member == single
    actions = [
        *(
            action
            for pattern in ["ce:*", "savingsplans:*"]
            for action in catalogue.matching([pattern])
        ),
        *(catalogue.actions()[action.lower()] for action in NEVER),
    ]
    asked = [
        [use(role, action=one.name, resource=one.resources[0]) for one in actions]
        for role in (member, single)
    ]
    decisions = decide([*asked[0], *asked[1]])
    assert decisions[: len(actions)] == decisions[len(actions) :]
    assert len(set(decisions)) == 2
