"""Guardrails: what is given, what is refused, and what stands in the template."""

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.region_info import RegionInfo
from hypothesis import given
from hypothesis import strategies as st

from pump_roles import (
    ArgumentError,
    AutoPilotRole,
    AutoPilotRolloutStack,
    AutoPilotStack,
    Guardrail,
    ReadOnlyRole,
    ReadOnlyStack,
    config,
)
from pump_roles.guardrails import documents, load
from pump_roles.published import AUTO_PILOT, ROLES
from tests.conftest import Synth, stack_set

GIVEN: dict[str, Any] = {"pump_principal": "999988887777", "external_id": "Example-1234"}
NAMED = [
    Guardrail.METADATA_ONLY,
    Guardrail.NO_BILLING_PREFERENCES,
    Guardrail.NO_SELLING,
    Guardrail.NO_COMMITMENTS,
    Guardrail.NO_QUOTA_INCREASES,
    Guardrail.NO_SUPPORT_WRITES,
    Guardrail.COMMITMENT_TAGS_ONLY,
    Guardrail.ORGANIZATIONS_LINKED_ROLE_ONLY,
]
EVERY = [
    *NAMED,
    Guardrail.invitations_from("111122223333"),
    Guardrail.only_in_regions("us-east-1"),
    Guardrail.until("2027-01-31T18:00:00Z"),
]


def policies(template: dict[str, Any]) -> dict[str, Any]:
    (resource,) = template["Resources"].values()
    return {one["PolicyName"]: one["PolicyDocument"] for one in resource["Properties"]["Policies"]}


def auto_pilot(*guardrails: Guardrail) -> dict[str, Any]:
    app = App()
    AutoPilotStack(app, "S", guardrails=guardrails)
    return policies(app.synth().get_stack_by_name("S").template)


def test_becomes_an_inline_policy_beside_the_published_ones() -> None:
    found = auto_pilot(*EVERY)
    published = {policy.name: policy.document for policy in AUTO_PILOT}
    assert json.dumps({name: found[name] for name in published}) == json.dumps(published)
    assert list(found)[len(published) :] == [one.policy_name for one in EVERY]
    for one in EVERY:
        assert re.fullmatch("PumpGuardrail[A-Za-z]+", one.policy_name)
        for statement in found[one.policy_name]["Statement"]:
            assert statement["Effect"] == "Deny"
            assert ("Resource" in statement) != ("NotResource" in statement)


def test_any_combination_stays_under_the_quota() -> None:
    regions = [region.name for region in RegionInfo.regions]
    found = auto_pilot(
        *(one for one in EVERY if one.name != "only-in-regions"),
        Guardrail.only_in_regions(*regions),
    )
    assert len(found) == len(AUTO_PILOT) + len(EVERY)
    assert sum(len("".join(json.dumps(one).split())) for one in found.values()) < 10_240


def test_more_than_the_quota_is_an_error_that_names_the_sizes() -> None:
    reads = dict.fromkeys((f"ec2:Describe{'A' * number}" for number in range(120)), "why")
    large = Guardrail("large", "a", "b", json.dumps([{"Action": reads, "Resource": "*"}]))
    with pytest.raises(ArgumentError) as caught:
        auto_pilot(large, Guardrail.NO_SELLING)
    assert re.fullmatch(
        r"make the inline policies 1\d,\d{3} characters, allowed are 10,240: the published "
        r"policies 2,\d{3}, large 9,\d{3}, no-selling 1\d\d",
        caught.value.problem,
    )


def test_recommended_adapts_to_the_role() -> None:
    app = App()
    ReadOnlyStack(app, "S", guardrails=[Guardrail.RECOMMENDED])
    assert list(policies(app.synth().get_stack_by_name("S").template)) == [
        "PumpBillingReadOnly",
        "PumpGuardrailMetadataOnly",
    ]
    assert list(auto_pilot(Guardrail.RECOMMENDED))[4:] == [
        one.policy_name for one in Guardrail.RECOMMENDED.members
    ]


def test_denies_nothing_that_the_role_has_not() -> None:
    ((_, document),) = documents([Guardrail.METADATA_ONLY], ROLES["read-only"]).items()
    (statement,) = document["Statement"]
    assert {one.split(":")[0] for one in statement["Action"]} == {"redshift", "rds"}


@pytest.mark.parametrize(
    "guardrail", [one for one in EVERY if one.name not in {"metadata-only", "until"}]
)
def test_a_role_refuses_what_would_do_nothing(guardrail: Guardrail) -> None:
    with pytest.raises(ArgumentError) as caught:
        ReadOnlyRole(Stack(), "R", **GIVEN, guardrails=[guardrail])
    assert caught.value.argument == "guardrails"
    assert caught.value.problem == f"{guardrail.name} would do nothing on the read-only role"


@pytest.mark.parametrize(
    ("guardrails", "problem"),
    [
        ([Guardrail.NO_SELLING, Guardrail.NO_SELLING], "no-selling is there twice"),
        (
            [Guardrail.METADATA_ONLY, Guardrail.RECOMMENDED],
            "metadata-only is there twice, also in recommended",
        ),
        ([Guardrail.RECOMMENDED, Guardrail.METADATA_ONLY], "metadata-only is there twice"),
        (
            [Guardrail.only_in_regions("us-east-1"), Guardrail.only_in_regions("us-east-2")],
            "only-in-regions is there twice",
        ),
        (["no-selling"], "'no-selling' is not a Guardrail"),
        ([None], "None is not a Guardrail"),
        (None, "None is not a list of Guardrails"),
        (Guardrail.NO_SELLING, f"{Guardrail.NO_SELLING!r} is not a list of Guardrails"),
        ("recommended", "'recommended' is not a list of Guardrails"),
        ({Guardrail.NO_SELLING}, f"{ {Guardrail.NO_SELLING}!r} is not a list of Guardrails"),
    ],
)
def test_what_cannot_stand_together_is_an_error(guardrails: list[Any], problem: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        AutoPilotRole(Stack(), "R", **GIVEN, guardrails=guardrails)
    assert str(caught.value) == f"guardrails: {problem}"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("no-seling", "did you mean no-selling?"),
        ("Metadata-Only", "did you mean metadata-only?"),
        ("xyz", "there are metadata-only, "),
        ("until", "until takes a value, and has a key and a method of its own"),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest_one(name: str, hint: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Guardrail.named(name)
    assert hint in caught.value.problem


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ({"Action": {"ec2:Run*": "why"}, "Effect": "Allow", "Resource": "*"}, "more than what it"),
        ({"Action": {"ec2:Run*": "why"}}, "either Resource or NotResource"),
        ({"Action": {"ec2:Run*": ""}, "Resource": "*"}, "has no reason"),
        ({"Action": {"ec2:R*n": "why"}, "Resource": "*"}, "is not an action"),
    ],
)
def test_nobody_makes_one_that_allows(statement: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=rf"^mine: .*{problem}"):
        Guardrail("mine", "a", "b", json.dumps([statement]))
    with pytest.raises(ValueError, match=rf"^no-selling: .*{problem}"):
        replace(Guardrail.NO_SELLING, text=json.dumps([statement]))


def test_one_of_a_customers_own() -> None:
    mine = Guardrail("mine", "a", "b", '[{"Action": {"ec2:Describe*": "why"}, "Resource": "*"}]')
    assert auto_pilot(mine)["PumpGuardrailMine"]["Statement"] == [
        {"Effect": "Deny", "Action": ["ec2:Describe*"], "Resource": "*"}
    ]


def test_a_name_that_is_none() -> None:
    with pytest.raises(ArgumentError, match=r"^guardrails: \[\] is not a name$"):
        Guardrail.named([])  # type: ignore[arg-type]


def test_every_one_has_its_name() -> None:
    for guardrail in [*NAMED, Guardrail.RECOMMENDED]:
        assert Guardrail.named(guardrail.name) is guardrail
        assert guardrail.removes
        assert guardrail.costs


@pytest.mark.parametrize(
    ("regions", "problem"),
    [
        ((), "the list is empty"),
        (("us-eastt-1",), "there is no region 'us-eastt-1', did you mean us-east-1?"),
        (("eu-west-9",), "there is no region 'eu-west-9'"),
        (("us-east-1", "us-east-1"), "'us-east-1' is there twice"),
        (("US-EAST-1",), "'US-EAST-1' is not the name of a region"),
        (("us-east-1a",), "'us-east-1a' is not the name of a region"),
        (("*",), "'*' is not the name of a region"),
        ((None,), "None is not the name of a region"),
    ],
)
def test_regions_that_do_not_exist(regions: Any, problem: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Guardrail.only_in_regions(*regions)
    assert caught.value.argument == "only-in-regions"
    assert problem in caught.value.problem


@pytest.mark.parametrize("account", ["1" * 11, "1" * 13, "", "*", None, 111122223333])
def test_an_account_of_the_wrong_form(account: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^invitations-from: .* is not a 12-digit account id"):
        Guardrail.invitations_from(account)


@pytest.mark.parametrize(
    "moment",
    [
        "2027-01-31T18:00:00",
        "2027-01-31",
        "tomorrow",
        "",
        "2027-13-31T18:00:00Z",
        "2027-02-30T18:00:00Z",
        "2027-01-31T25:00:00Z",
        "2027-01-31T18:00:00+25:00",
        "2027-01-31T18:00:00Z\n",
        "\u0662027-01-31T18:00:00Z",
        "0001-01-01T00:00:00+14:00",
        datetime(2027, 1, 31),  # noqa: DTZ001
        None,
        1_800_000_000,
    ],
)
def test_a_moment_of_the_wrong_form(moment: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^until: .* is not a moment with its time zone"):
        Guardrail.until(moment)


@given(
    st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),  # noqa: DTZ001
    st.integers(-23 * 60, 23 * 60),
)
def test_a_moment_is_written_in_utc(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    guardrail = Guardrail.until(moment)
    assert guardrail == Guardrail.until(moment.isoformat(timespec="seconds"))
    (condition,) = re.findall(r'"aws:CurrentTime": "([^"]*)"', guardrail.text)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", condition)
    written = datetime.fromisoformat(condition.replace("Z", "+00:00"))
    assert written == moment.replace(microsecond=0)


def warnings(stack: Stack) -> list[str]:
    return [
        str(entry.data)
        for node in stack.node.find_all()
        for entry in node.node.metadata
        if entry.type == "aws:cdk:warning"
    ]


def test_a_moment_that_is_past_is_a_warning_and_the_template_the_same() -> None:
    for moment, past in [("2020-01-01T00:00:00Z", True), ("2920-01-01T00:00:00Z", False)]:
        app = App()
        guardrails = [Guardrail.until(moment)]
        single = ReadOnlyStack(app, "S", guardrails=guardrails)
        rollout = AutoPilotRolloutStack(
            app, "R", organizational_units=["r-abcd"], guardrails=guardrails
        )
        for stack in (single, rollout):
            assert len(warnings(stack)) == past
        if past:
            past_moment = moment.replace("Z", "+00:00")
            assert f"until {past_moment} is past: this role can do nothing" in warnings(single)[0]
        template = app.synth().get_stack_by_name("S").template
        assert moment in json.dumps(template)


def test_a_shared_one_is_for_the_roles_that_have_what_it_denies(synth: Synth) -> None:
    templates = synth(
        {
            "pump:guardrails": "recommended,no-commitments",
            "pump:only-in-regions": "us-east-1",
            "pump:invitations-from": "111122223333",
        }
    )
    assert list(policies(templates["PumpReadOnly"]))[1:] == ["PumpGuardrailMetadataOnly"]
    assert list(policies(templates["PumpAutoPilot"]))[4:] == [
        *(one.policy_name for one in Guardrail.RECOMMENDED.members),
        "PumpGuardrailNoCommitments",
        "PumpGuardrailOnlyInRegions",
        "PumpGuardrailInvitationsFrom",
    ]


def test_by_context_for_both_roles_or_for_one(synth: Synth) -> None:
    templates = synth(
        {
            "pump:guardrails": "recommended",
            "pump:auto-pilot:guardrails": ["metadata-only", "no-selling"],
            "pump:auto-pilot:only-in-regions": "us-east-1, eu-west-1",
            "pump:auto-pilot:invitations-from": "111122223333",
            "pump:until": "2927-01-31T18:00:00Z",
            "pump:auto-pilot:organizational-units": "r-abcd",
        }
    )
    own = [
        "PumpGuardrailMetadataOnly",
        "PumpGuardrailNoSelling",
        "PumpGuardrailOnlyInRegions",
        "PumpGuardrailUntil",
        "PumpGuardrailInvitationsFrom",
    ]
    assert list(policies(templates["PumpReadOnly"]))[1:] == [
        "PumpGuardrailMetadataOnly",
        "PumpGuardrailUntil",
    ]
    assert list(policies(templates["PumpAutoPilot"]))[4:] == own
    member = json.loads(stack_set(templates["PumpAutoPilotRollout"])["TemplateBody"])
    assert policies(member) == policies(templates["PumpAutoPilot"])


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (
            {"pump:guardrails": "recomended"},
            "pump:guardrails: there is no guardrail 'recomended', did you mean recommended?",
        ),
        (
            {"pump:read-only:guardrails": "metadata-only,no-selling"},
            "pump:read-only:guardrails: no-selling would do nothing on the read-only role",
        ),
        (
            {
                "pump:guardrails": "no-selling",
                "pump:call-as": "delegated-admin",
                "pump:read-only:organizational-units": "r-abcd",
            },
            "pump:guardrails: no-selling would do nothing on the read-only role",
        ),
        (
            {"pump:guardrails": "no-selling", "pump:auto-pilot:guardrails": "recommended"},
            "pump:guardrails: no-selling would do nothing on the read-only role",
        ),
        (
            {"pump:auto-pilot:guardrails": "no-selling,no-selling"},
            "pump:auto-pilot:guardrails: 'no-selling' is there twice",
        ),
        (
            {"pump:auto-pilot:guardrails": "recommended,metadata-only"},
            "pump:auto-pilot:guardrails: metadata-only is there twice",
        ),
        (
            {"pump:read-only:only-in-regions": "us-east-1"},
            (
                "pump:read-only:only-in-regions: only-in-regions would do nothing on the "
                "read-only role"
            ),
        ),
        (
            {"pump:guardrails": "recommended", "pump:read-only:invitations-from": "111122223333"},
            (
                "pump:read-only:invitations-from: invitations-from would do nothing on the "
                "read-only role"
            ),
        ),
        (
            {"pump:auto-pilot:only-in-regions": "us-eastt-1"},
            (
                "pump:auto-pilot:only-in-regions: there is no region 'us-eastt-1', did you mean "
                "us-east-1?"
            ),
        ),
    ],
)
def test_a_context_error_names_the_key(context: dict[str, str], message: str, synth: Synth) -> None:
    with pytest.raises(config.ConfigError) as caught:
        synth(context)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"Effect": "Allow"}, "more than what it denies"),
        ({"NotResource": "*"}, "either Resource or NotResource"),
        ({"Action": {"ce:Get*Cost": "why"}}, "is not an action"),
        ({"Action": {"*:Get": "why"}}, "is not an action"),
        ({"Action": {"ce:Get*": " "}}, "has no reason"),
    ],
)
def test_a_file_that_is_wrong_is_an_error(change: dict[str, Any], problem: str) -> None:
    statement = {"Action": {"ce:Get*": "why"}, "Resource": "*", **change}
    with pytest.raises(ValueError, match=problem):
        load("x", json.dumps({"removes": "a", "costs": "b", "statements": [statement]}))


PATTERNS = st.builds(
    "a:{}{}".format, st.text("ABab", min_size=1, max_size=4), st.sampled_from(["", "*"])
)


@given(PATTERNS, PATTERNS)
def test_denies_on_a_role_what_some_action_is_in_common_with(one: str, other: str) -> None:
    def matches(pattern: str, text: str) -> bool:
        return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern

    # IAM matches in any case. The longer beginning is an action that both match, if any is.
    denied, allowed = one.lower(), other.lower()
    in_common = any(
        matches(denied, text) and matches(allowed, text)
        for text in (denied.rstrip("*"), allowed.rstrip("*"))
    )
    mine = Guardrail("mine", "a", "b", json.dumps([{"Action": {one: "why"}, "Resource": "*"}]))
    assert bool(mine.on([other])) == in_common
