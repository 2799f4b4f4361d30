"""The published policies are the source document's, and each pattern has its reason."""

import json
from importlib import resources
from typing import Any

import pytest

from pump_roles import published as package

NAMES = ["PumpBillingReadOnly", "PumpOrgInvite", "PumpReadOnly", "PumpAutoPilot"]


def text(name: str) -> str:
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["read-only.json", "auto-pilot.json"])
def test_the_data_is_an_excerpt_of_the_document_character_for_character(
    name: str, source: str
) -> None:
    assert f"\n\n{text(name)}\n" in source


def test_the_policies_are_the_documents(published: list[list[dict[str, Any]]]) -> None:
    read_only, auto_pilot = published
    listed = [
        {"PolicyName": policy.name, "PolicyDocument": policy.document}
        for policy in package.AUTO_PILOT
    ]
    assert [one["PolicyName"] for one in listed] == NAMES
    # As text, so that the order of keys and patterns counts, and a Version that is not there.
    assert json.dumps(listed) == json.dumps(read_only + auto_pilot)
    assert package.AUTO_PILOT[:1] == package.READ_ONLY


def test_a_reader_cannot_change_what_others_read() -> None:
    policy = package.READ_ONLY[0]
    policy.document["Statement"][0]["Action"].append("*")
    assert "*" not in policy.patterns
    with pytest.raises(TypeError):
        package.REASONS["ce:*"] = ""  # type: ignore[index]


def test_every_pattern_of_the_document_has_a_reason_and_nothing_else_has(
    published: list[list[dict[str, Any]]],
) -> None:
    statements = [
        statement
        for policies in published
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    patterns = {pattern for statement in statements for pattern in statement["Action"]}
    assert set(package.REASONS) == patterns
    assert set(package.RESOURCE_REASONS) == {statement["Resource"] for statement in statements}
    assert all(len(reason) > 40 for reason in package.REASONS.values())


def test_no_reason_stands_twice_in_the_file() -> None:
    pairs: list[list[str]] = []
    json.loads(
        text("reasons.json"),
        object_pairs_hook=lambda found: pairs.append([key for key, _ in found]),
    )
    assert all(len(set(keys)) == len(keys) for keys in pairs)


def policies(**change: Any) -> str:
    statement = {"Action": ["a:B*"], "Resource": "*", "Effect": "Allow"} | change
    return json.dumps([{"PolicyName": "P", "PolicyDocument": {"Statement": [statement]}}])


def reasons(**actions: str) -> str:
    return json.dumps({"actions": actions or {"a:B*": "why"}, "resources": {"*": "why"}})


def test_the_loader_takes_what_is_right() -> None:
    loaded = package.load(policies(), "[]", reasons())
    assert [policy.patterns for policy in loaded.read_only] == [("a:B*",)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{", "[]", reasons()), "Expecting property name"),
        ((policies(Effect="Deny"), "[]", reasons()), "not a plain allow"),
        ((policies(Condition={}), "[]", reasons()), "not a plain allow"),
        ((policies(), "[]", reasons(**{"c:D": "why"})), "published without a reason: a:B"),
        (
            (policies(), "[]", reasons(**{"a:B*": "why", "c:D": "why"})),
            "a reason for what is not published: c:D",
        ),
        ((policies(), "[]", reasons(**{"a:B*": " "})), "an empty reason: a:B"),
        (
            (policies(Action=["a:B*C"]), "[]", reasons(**{"a:B*C": "why"})),
            r"a:B\*C is not an action or the beginning of some",
        ),
        ((policies(Resource="arn"), "[]", reasons()), "published without a reason: arn"),
    ],
)
def test_the_loader_refuses(arguments: tuple[str, str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        package.load(*arguments)
