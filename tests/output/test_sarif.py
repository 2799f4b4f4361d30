"""SARIF: valid by the official schema, complete for GitHub, and stable between runs."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args
from urllib.parse import unquote

import pytest
from jsonschema import Draft4Validator

from pump_roles import __version__
from pump_roles.account.verify.result import AccountResult, Verification
from pump_roles.compare import Difference, Effect, Rule
from pump_roles.output.sarif import FINGERPRINT, MOST_RESULTS, as_sarif
from pump_roles.output.verify_words import REMEDIES, RULES, UNVERIFIED
from pump_roles.templates import Access
from tests.account.verify.results import (
    APPROVED,
    HOSTILE,
    MIXED,
    difference,
    differing,
    matching,
    newly_allowed,
    not_read,
    other_role,
    role,
    unknown,
    verification,
    with_everything,
)

# sarif-2.1/schema/sarif-schema-2.1.0.json of https://github.com/oasis-tcs/sarif-spec at commit
# e0583813964ec43cea53b6b531b402866095ed1f, as it is.
SCHEMA = json.loads((Path(__file__).parent / "sarif-schema-2.1.0.json").read_text("utf-8"))
VALIDATOR = Draft4Validator(SCHEMA)


def run_of(*accounts: AccountResult) -> Any:
    """Return the only run of a valid SARIF file about some accounts."""
    document = json.loads(as_sarif(verification(*accounts)))
    VALIDATOR.validate(document)
    (run,) = document["runs"]
    return run


def results_of(*accounts: AccountResult) -> list[Any]:
    """Return the results of a valid SARIF file about some accounts."""
    results: list[Any] = run_of(*accounts)["results"]
    return results


def fingerprints_of(*accounts: AccountResult) -> set[str]:
    """Return the fingerprints of some accounts' results, each of which is unique."""
    found = [result["partialFingerprints"][FINGERPRINT] for result in results_of(*accounts)]
    assert len(found) == len(set(found))
    return set(found)


def test_schema_is_the_official_one() -> None:
    Draft4Validator.check_schema(SCHEMA)
    assert SCHEMA["id"] == json.loads(as_sarif(MIXED))["$schema"]


@pytest.mark.parametrize(
    "found",
    [
        MIXED,
        verification(),
        verification(matching(1)),
        verification(unknown(1)),
        *(verification(with_everything(text)) for text in HOSTILE),
    ],
)
def test_is_valid(found: Verification) -> None:
    text = as_sarif(found)
    VALIDATOR.validate(json.loads(text))
    assert text.isascii()
    assert text == as_sarif(found)


BROKEN: list[Callable[[Any], object]] = [
    lambda document: document.update(version="2.0.0"),
    lambda document: document["runs"][0]["results"][0].pop("message"),
    lambda document: document["runs"][0]["results"][0].update(level="broader"),
    lambda document: document["runs"][0]["results"][0].update(more=1),
    lambda document: document["runs"][0]["invocations"][0].pop("executionSuccessful"),
]


@pytest.mark.parametrize("change", BROKEN)
def test_broken_file_is_invalid(change: Callable[[Any], object]) -> None:
    """The positive control of the test above."""
    document = json.loads(as_sarif(MIXED))
    change(document)
    assert not VALIDATOR.is_valid(document)


def test_has_a_rule_for_everything() -> None:
    driver = run_of()["tool"]["driver"]
    assert driver["name"] == "pump-roles"
    assert driver["semanticVersion"] == __version__
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", __version__)
    assert [rule["id"] for rule in driver["rules"]] == [*get_args(Rule), UNVERIFIED]
    assert set(REMEDIES) == set(RULES) == set(get_args(Rule))
    for rule in driver["rules"]:
        for member in ("shortDescription", "fullDescription", "help"):
            text = rule[member]["text"]
            assert text == " ".join(text.split())
            assert text.endswith(".")
            assert len(text) <= 1_024, "GitHub's limit"


def test_each_finding_is_a_result_of_its_rule() -> None:
    run = run_of(matching(1), with_everything(number=2), unknown(3))
    rules = run["tool"]["driver"]["rules"]
    found = [(result["ruleId"], result["level"]) for result in run["results"]]
    assert found == [
        ("organization", "error"),
        ("policy-added", "error"),
        ("other-access", "error"),
        (UNVERIFIED, "warning"),
        ("tag-removed", "warning"),
        (UNVERIFIED, "warning"),
        (UNVERIFIED, "warning"),
        ("boundary-added", "note"),
    ]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])


def test_organization_is_a_note_and_a_different_one_is_about_the_account() -> None:
    run = run_of(with_everything("Name", number=2))
    (found,) = (each for each in run["results"] if each["ruleId"] == "organization")
    assert found["message"]["text"] == (
        "In account 000000000002 (Name): the management account of its organization is "
        "111122223333 instead of 444455556666 (broader)."
    )
    (location,) = found["locations"]
    uri = location["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "accounts/000000000002"
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert [note for note in notes if "rganization" in note["message"]["text"]] == [
        {
            "level": "note",
            "message": {"text": "Organization: o-abcd123456, management account 111122223333."},
        }
    ]


def test_open_guardrail_is_a_note_and_a_closed_one_is_nothing() -> None:
    closed = replace(APPROVED, value="", open=False)
    run = run_of(matching(1, approvals=(APPROVED,)), matching(2, approvals=(closed,)))
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["level"] == "note"
    assert note["message"]["text"] == (
        "The read-only role PumpReadOnlyRole in account 000000000001: the guardrail "
        "only-when-approved: open: approved."
    )
    assert run["results"] == []


def test_what_was_not_compared_is_a_note() -> None:
    run = run_of(matching(1, notes=(not_read("not compared"),)), matching(2))
    assert run["invocations"] == [
        {
            "executionSuccessful": True,
            "toolExecutionNotifications": [
                {
                    "level": "note",
                    "message": {"text": "it could not be read: not compared (1 role)"},
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    ("rule", "effect", "level"),
    [
        ("policy-changed", "broader", "error"),
        ("policy-changed", "other", "warning"),
        ("policy-changed", "narrower", "note"),
        ("session-duration", "narrower", "note"),
        ("role-missing", "narrower", "warning"),
        ("policy-removed", "narrower", "warning"),
        ("trust-policy", "narrower", "warning"),
    ],
)
def test_level_is_by_what_the_difference_means(rule: Rule, effect: Effect, level: str) -> None:
    found = difference(rule=rule, effect=effect, was=("3600",), now=("1800",))
    (result,) = results_of(differing(1, found))
    assert result["level"] == level


def test_has_the_locations_that_github_needs() -> None:
    other = other_role("Old", alarm="trusts everyone")
    path = "arn:aws:iam::000000000001:role/a/b/Pump+Role"
    account = replace(
        matching(1),
        unknown=(not_read("roles cannot be listed"),),
        roles=(role("000000000001", difference(), arn=path),),
        others=(other,),
    )
    found = {result["ruleId"]: result["locations"] for result in results_of(account)}
    places = {}
    for rule, (location,) in found.items():
        assert location["physicalLocation"]["region"] == {"startLine": 1}
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        names = [logical["fullyQualifiedName"] for logical in location.get("logicalLocations", [])]
        places[rule] = (uri, names)
    assert places == {
        "policy-added": ("accounts/000000000001/Pump%2BRole", [path]),
        UNVERIFIED: ("accounts/000000000001", []),
        "other-access": ("accounts/000000000001/Old", ["arn:aws:iam::000000000001:role/Old"]),
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_location_of_a_hostile_name_stays_in_its_account(text: str) -> None:
    other = other_role(f"../{text}", principals=(text,), alarm=text)
    (result,) = results_of(AccountResult(account="000000000001", others=(other,)))
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert re.fullmatch(r"accounts/000000000001/[A-Za-z0-9_.~%-]+", uri)
    assert unquote(uri)
    message = result["message"]["text"]
    assert "](" not in message
    assert message.isprintable()
    assert not re.search(r"(?<!{){(?!{)", message)


def test_message_has_the_first_actions_and_how_many_more() -> None:
    actions = tuple(f"s3:Get{number}" for number in range(1_000))
    decisions = tuple(newly_allowed("s3:GetObject", before=f"P{number}") for number in range(10))
    account = differing(1, difference(actions=actions, decisions=decisions), name="Production")
    (result,) = results_of(account)
    assert result["message"]["text"] == (
        "The read-only role PumpReadOnlyRole in account 000000000001 (Production): the inline "
        "policy Extra is not expected (broader); "
        + "".join(
            f"1 action: allowed in the account instead of denied by P{number}; "
            for number in range(4)
        )
        + "and 6 more changes; actions: s3:Get0, s3:Get1, s3:Get2, s3:Get3, s3:Get4, s3:Get5, "
        "s3:Get6, s3:Get7 and 992 more."
    )


@pytest.mark.parametrize(
    ("account", "messages"),
    [
        (
            unknown(1),
            ["In account 000000000001: the role Audit could not be assumed: denied."],
        ),
        (
            AccountResult(account="000000000001"),
            ["In account 000000000001: nothing could be read."],
        ),
        (
            matching(1, unknown=tuple(map(not_read, "abcdef"))),
            [
                "The read-only role PumpReadOnlyRole in account 000000000001: "
                + "".join(f"it could not be read: {detail}; " for detail in "abcd")
                + "and 2 more."
            ],
        ),
    ],
)
def test_message_says_why_something_was_not_checked(
    account: AccountResult, messages: list[str]
) -> None:
    found = [result["message"]["text"] for result in results_of(account)]
    assert found == [f"Not everything was checked. {message}" for message in messages]


def test_fingerprint_is_the_one_that_github_uses() -> None:
    for result in results_of(*MIXED.accounts):
        found = result["partialFingerprints"]
        assert re.fullmatch("[0-9a-f]{64}", found[FINGERPRINT])
        assert found["primaryLocationLineHash"] == found[FINGERPRINT]


def test_fingerprint_is_the_same_in_every_version() -> None:
    """A new fingerprint makes GitHub close and reopen every alert. If so, change its name."""
    assert fingerprints_of(differing(1)) == {
        "7014720ff6a9f0a70b3b01324d0f652353556739457e7dc49c1a3915c210611c"
    }


def reworded(account: AccountResult) -> AccountResult:
    """Return the account with different texts, and a different last use."""
    roles = tuple(
        replace(
            role,
            unknown=tuple(replace(unknown, detail="too") for unknown in role.unknown),
            notes=(not_read("note"),),
            last_used="2030-01-01T00:00:00Z",
            differences=tuple(
                replace(found, now=("reworded",), decisions=(), actions=("a:B",))
                for found in role.differences
            ),
        )
        for role in account.roles
    )
    others = tuple(
        replace(other, alarms=(Access("password"),), principals=("reworded",))
        for other in account.others
    )
    return replace(
        account,
        name="renamed",
        differences=tuple(replace(found, now=()) for found in account.differences),
        unknown=tuple(not_read("reworded") for _ in account.unknown),
        roles=roles,
        others=others,
        calls=99,
    )


def test_fingerprints_depend_on_neither_words_nor_order() -> None:
    before = fingerprints_of(*MIXED.accounts)
    assert len(before) == 9
    assert fingerprints_of(*map(reworded, reversed(MIXED.accounts))) == before


@pytest.mark.parametrize(
    "other",
    [
        differing(2),
        differing(1, difference(rule="policy-changed")),
        differing(1, difference(effect="other")),
        differing(1, difference(subject="Other")),
        replace(differing(1), roles=(replace(differing(1).roles[0], kind="auto-pilot"),)),
        unknown(1),
    ],
)
def test_fingerprints_of_different_findings_differ(other: AccountResult) -> None:
    assert not fingerprints_of(differing(1)) & fingerprints_of(other)


def test_fingerprints_of_similar_differences_are_unique_and_stable() -> None:
    same = [difference(now=(f"way {number}",)) for number in range(3)]
    before = fingerprints_of(differing(1, *same))
    assert len(before) == 3
    more: list[Difference] = [difference(rule="tag-added", effect="other"), *same]
    assert before < fingerprints_of(differing(1, *more))


@pytest.mark.parametrize(
    ("accounts", "successful"),
    [
        ((), False),
        ((matching(1),), True),
        ((differing(1),), True),
        ((matching(1), unknown(2)), False),
        ((matching(1, unknown=(not_read("its tags"),)),), False),
        ((differing(1), differing(2, unknown=(not_read("roles cannot be listed"),))), False),
        (
            (
                replace(
                    differing(1), roles=(role("1", difference(), unknown=(not_read("its tags"),)),)
                ),
            ),
            False,
        ),
    ],
)
def test_run_is_successful_only_if_everything_was_checked(
    accounts: tuple[AccountResult, ...], *, successful: bool
) -> None:
    run = run_of(*accounts)
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is successful
    assert ("toolExecutionNotifications" in invocation) == (not accounts)
    found = [result["ruleId"] for result in run["results"]]
    assert (UNVERIFIED in found) == (not successful and bool(accounts))


def test_leaves_out_what_github_would_reject_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_RESULTS == 25_000
    monkeypatch.setattr("pump_roles.output.sarif.MOST_RESULTS", 100)
    tags = [
        difference(rule="tag-added", effect="other", subject=str(number)) for number in range(100)
    ]
    run = run_of(differing(1, *tags), differing(2))
    assert len(run["results"]) == 100
    assert run["results"][0]["level"] == "error", "the errors are the first"
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"] == "1 result is omitted."
