"""The package's universal templates equal those of the synth and of the rollouts."""

import hashlib
import json

import pytest

from pump_roles import universal
from pump_roles.published import ROLES
from tests.support import SCENARIOS, Assembly, stack_set


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("kind", ROLES)
def test_digest_is_that_of_the_synthesized_and_of_the_member_template(
    kind: str, assembly: Assembly
) -> None:
    name = ROLES[kind].stack_name
    synthesized = (assembly({}) / universal.FILES[kind]).read_bytes()
    rollout = json.loads(
        (assembly(SCENARIOS["rollout"]) / f"{name}Rollout.template.json").read_text()
    )
    member = stack_set(rollout)["TemplateBody"].encode()
    digests = {sha256(content) for content in (universal.template(kind), synthesized, member)}
    assert len(digests) == 1


@pytest.mark.parametrize("kind", ROLES)
def test_digest_differs_once_a_value_is_baked_in(kind: str, assembly: Assembly) -> None:
    """Proves that the test above can fail."""
    synthesized = (assembly(SCENARIOS["given"]) / universal.FILES[kind]).read_bytes()
    assert sha256(synthesized) != sha256(universal.template(kind))
