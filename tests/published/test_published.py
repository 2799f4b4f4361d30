"""The published policies are those of the source document, and each pattern has a reason."""

import json
import re
from importlib import resources
from typing import Any

import pytest

from pump_roles import published as package
from tests.support import DOCUMENTED, STACKS, published_patterns

NAMES = ("PumpBillingReadOnly", "PumpOrgInvite", "PumpReadOnly", "PumpAutoPilot")


def text(name: str) -> str:
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_policies_are_those_of_the_document_character_for_character(
    kind: str, source: str, published: list[list[dict[str, Any]]]
) -> None:
    assert f"\n\n{text(f'{kind}.json')}\n" in source
    # As text, so that the order of keys and patterns counts, and a Version that is not there.
    _, lists = DOCUMENTED[kind]
    expected = [policy for number in lists for policy in published[number]]
    listed = [
        {"PolicyName": policy.name, "PolicyDocument": policy.document}
        for policy in package.ROLES[kind].policies
    ]
    assert json.dumps(listed) == json.dumps(expected)


def test_there_are_exactly_the_roles_of_the_document() -> None:
    assert [(role.kind, role.name, role.stack_name) for role in package.ROLES.values()] == [
        (kind, name, stack)
        for (kind, (name, _)), stack in zip(DOCUMENTED.items(), STACKS, strict=True)
    ]
    assert list(package.ROLES) == list(DOCUMENTED)
    assert tuple(policy.name for policy in package.ROLES["auto-pilot"].policies) == NAMES
    for role in package.ROLES.values():
        assert role.description
        assert not role.description.endswith(".")
        assert len(role.description) <= 1_000
        assert role.patterns == tuple(
            pattern for policy in role.policies for pattern in policy.patterns
        )


def test_published_data_is_immutable() -> None:
    (policy,) = package.ROLES["read-only"].policies
    policy.document["Statement"][0]["Action"].append("*")
    assert "*" not in policy.patterns
    tables: list[Any] = [package.REASONS, package.RESOURCE_REASONS, package.ROLES]
    for table in tables:
        with pytest.raises(TypeError):
            table["*"] = ""


def test_every_pattern_of_the_document_has_a_reason_and_nothing_else_has(
    published: list[list[dict[str, Any]]],
) -> None:
    assert set(package.REASONS) == {
        pattern for kind in DOCUMENTED for pattern in published_patterns(published, kind)
    }
    assert set(package.RESOURCE_REASONS) == {
        statement["Resource"]
        for policies in published
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
    }
    assert all(len(reason) > 40 for reason in package.REASONS.values())
    assert set(json.loads(text("reasons.json"))["policies"]) == {
        policy["PolicyName"] for policies in published for policy in policies
    }


def test_no_reason_is_listed_twice_in_its_file() -> None:
    pairs: list[list[str]] = []
    json.loads(
        text("reasons.json"),
        object_pairs_hook=lambda found: pairs.append([key for key, _ in found]),
    )
    assert all(len(set(keys)) == len(keys) for keys in pairs)


def test_every_published_statement_is_a_plain_allow_of_actions_and_prefixes_of_actions() -> None:
    """Only an allow can be published: all the rest of the package relies on it."""
    for role in package.ROLES.values():
        for policy in role.policies:
            for statement in policy.document["Statement"]:
                assert statement.keys() == {"Action", "Resource", "Effect"}
                assert statement["Effect"] == "Allow"
                for pattern in statement["Action"]:
                    assert re.fullmatch(r"[a-z0-9-]+:[A-Za-z]*\*?", pattern)
