"""The published policies are those of the source document, and each pattern has a reason."""

import json
from importlib import resources
from typing import Any

import pytest

from pump_roles import published as package
from tests.support import DOCUMENTED, STACKS, published_patterns

NAMES = ["PumpBillingReadOnly", "PumpOrgInvite", "PumpReadOnly", "PumpAutoPilot"]


def text(name: str) -> str:
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [f"{kind}.json" for kind in DOCUMENTED])
def test_data_file_is_an_excerpt_of_the_document_character_for_character(
    name: str, source: str
) -> None:
    assert f"\n\n{text(name)}\n" in source


def test_policies_are_those_of_the_document(published: list[list[dict[str, Any]]]) -> None:
    listed = {
        kind: [
            {"PolicyName": policy.name, "PolicyDocument": policy.document}
            for policy in role.policies
        ]
        for kind, role in package.ROLES.items()
    }
    assert [policy["PolicyName"] for policy in listed["auto-pilot"]] == NAMES
    for kind, (_, lists) in DOCUMENTED.items():
        # As text, so that the order of keys and patterns counts, and a Version that is not there.
        expected = [policy for number in lists for policy in published[number]]
        assert json.dumps(listed[kind]) == json.dumps(expected)


def test_there_are_exactly_the_roles_of_the_document() -> None:
    assert [(role.kind, role.name, role.stack_name) for role in package.ROLES.values()] == [
        (kind, name, stack)
        for (kind, (name, _)), stack in zip(DOCUMENTED.items(), STACKS, strict=True)
    ]
    assert list(package.ROLES) == list(DOCUMENTED)
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
    with pytest.raises(TypeError):
        package.REASONS["ce:*"] = ""  # type: ignore[index]
    with pytest.raises(TypeError):
        package.RESOURCE_REASONS["*"] = ""  # type: ignore[index]
    with pytest.raises(TypeError):
        package.ROLES["other"] = package.ROLES["read-only"]  # type: ignore[index]


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


ROLE = {"kind": "k", "name": "NameRole", "description": "d", "policies": ["p.json"]}


def roles(*more: dict[str, Any], **change: Any) -> str:
    return json.dumps([ROLE | change, *more])


def policies(name: str = "P", **change: Any) -> str:
    statement = {"Action": ["a:B*"], "Resource": "*", "Effect": "Allow"} | change
    return json.dumps([{"PolicyName": name, "PolicyDocument": {"Statement": [statement]}}])


def reasons(**actions: str) -> str:
    return json.dumps({"actions": actions or {"a:B*": "why"}, "resources": {"*": "why"}})


def test_loader_accepts_matching_files() -> None:
    loaded = package.load(roles(), {"p.json": policies()}, reasons())
    assert loaded.roles.keys() == {"k"}
    assert loaded.roles["k"].stack_name == "Name"
    assert [policy.patterns for policy in loaded.roles["k"].policies] == [("a:B*",)]
    assert loaded.reasons == {"a:B*": "why"}
    assert loaded.resource_reasons == {"*": "why"}


def test_role_has_its_lists_of_policies_in_order() -> None:
    loaded = package.load(
        roles({**ROLE, "kind": "both", "policies": ["q.json", "p.json"]}),
        {"p.json": policies("P"), "q.json": policies("Q")},
        reasons(),
    )
    assert {
        kind: [policy.name for policy in role.policies] for kind, role in loaded.roles.items()
    } == {"k": ["P"], "both": ["Q", "P"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((roles(), {"p.json": "{"}, reasons()), "Expecting property name"),
        ((roles(), {"p.json": policies(Effect="Deny")}, reasons()), "not a plain allow"),
        ((roles(), {"p.json": policies(Condition={})}, reasons()), "not a plain allow"),
        (
            (roles(), {"p.json": policies()}, reasons(**{"c:D": "why"})),
            "^reasons.json: there is no reason for a:B",
        ),
        (
            (roles(), {"p.json": policies()}, reasons(**{"a:B*": "why", "c:D": "why"})),
            "^reasons.json: there is a reason for c:D, which is not published",
        ),
        (
            (roles(), {"p.json": policies()}, reasons(**{"a:B*": " "})),
            "^reasons.json: the reason is empty for a:B",
        ),
        (
            (roles(), {"p.json": policies(Action=["a:B*C"])}, reasons(**{"a:B*C": "why"})),
            r"a:B\*C is not an action or a prefix of actions",
        ),
        (
            (roles(), {"p.json": policies(Resource="arn")}, reasons()),
            "there is no reason for arn",
        ),
        (
            (roles(policies=["p.json", "q.json"]), {"p.json": policies()}, reasons()),
            "a role names policies that do not exist: q.json",
        ),
        # A list that no role names is also checked.
        (
            (roles(), {"p.json": policies(), "q.json": policies(Effect="Deny")}, reasons()),
            "not a plain allow",
        ),
    ],
)
def test_loader_rejects_files_that_do_not_match(
    arguments: tuple[str, dict[str, str], str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        package.load(*arguments)
