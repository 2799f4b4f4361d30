"""Deployed templates: JSON and YAML, read as CloudFormation does."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.account.rollout.deployed import deployed_by_template, parse_body
from pump_roles.account.rollout.expected import rollouts_in
from pump_roles.json_input import InputError
from tests.support import EXTERNAL_ID, PUMP_ACCOUNT, Synth, json_values

SETTINGS = {
    "principal": PUMP_ACCOUNT,
    "external-id": EXTERNAL_ID,
    "read-only": {"organizational-units": ["r-abcd"], "exclude-accounts": ["000011112222"]},
}


@pytest.mark.parametrize("write", [json.dumps, yaml.safe_dump, lambda template: template])
def test_reads_the_rollout_of_a_deployed_template(write: Any, synth: Synth) -> None:
    template = synth(SETTINGS)["PumpReadOnlyRollout"]
    deployed = deployed_by_template(write(template), "PumpReadOnlyRollout")
    (targets,) = rollouts_in(deployed, "the stack")
    assert (targets.stack_set, targets.units) == ("PumpReadOnly", ("r-abcd",))
    assert (targets.account_filter, targets.filtered) == ("DIFFERENCE", ("000011112222",))
    assert EXTERNAL_ID not in repr(targets)


# In YAML, a key may also be "<<", and a text may have characters that PyYAML does not write.
LEAVES = st.none() | st.booleans() | st.text(st.characters(codec="ascii", exclude_categories=["C"]))


@given(json_values(LEAVES, "Type", "Fn::Sub", "yes", "1", "2012-10-17", "a b"))
def test_yaml_is_read_like_json(value: Any) -> None:
    assert parse_body(yaml.safe_dump(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 111122223333", {"a": "111122223333"}),
        ("a: 000011112222", {"a": "000011112222"}),
        ("a: 2012-10-17", {"a": "2012-10-17"}),
        ("a: yes", {"a": True}),
        ("a: !Ref B", {"a": {"Ref": "B"}}),
        ("a: !GetAtt B.C.D", {"a": {"Fn::GetAtt": ["B", "C.D"]}}),
        ("a: !Sub '${B}'", {"a": {"Fn::Sub": "${B}"}}),
        ("a: !Join [',', [!Ref B]]", {"a": {"Fn::Join": [",", [{"Ref": "B"}]]}}),
        ("a: !If [C, 1, !Condition D]", {"a": {"Fn::If": ["C", "1", {"Condition": "D"}]}}),
        ("", None),
    ],
)
def test_short_forms_and_scalars_are_as_cloudformation_reads_them(text: str, value: Any) -> None:
    assert parse_body(text) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &b 1\nc: *b", "YAML aliases"),
        ("a: &b [*b]", "YAML aliases"),
        ("a: 1\na: 2", "lists a key twice"),
        ("[1]: 2", "a key that is not a string"),
        ("a: [", "neither JSON nor YAML"),
        ('{"a": ' * 5_000, "neither JSON nor YAML"),
        ("\x00", "neither JSON nor YAML"),
    ],
)
def test_rejects_text_that_is_not_a_template(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        parse_body(text)
    with pytest.raises(InputError):
        deployed_by_template(text, "S")


def test_name_of_a_stack_is_never_taken_for_a_path(synth: Synth, tmp_path: Path) -> None:
    template = json.dumps(synth({})["PumpReadOnly"])
    deployed = deployed_by_template(template, str(tmp_path / "victim"))
    assert deployed.roles
    assert list(tmp_path.iterdir()) == []


@given(st.text() | st.binary() | json_values(st.none() | st.text(), "Resources", "Type"))
def test_rejects_any_other_body(body: object) -> None:
    with pytest.raises(InputError):
        deployed_by_template(body, "S")
