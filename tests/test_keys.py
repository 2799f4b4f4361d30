"""Misspelled keys of this app get a suggestion. Keys of other apps do not."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pump_roles.config import KEYS
from pump_roles.keys import suggestion
from sandbox.cdk import recommended_flags


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("permission-boundary", "pump:permissions-boundary"),
        ("permissionsBoundaryArn", "pump:permissions-boundary"),
        ("guardrail", "pump:guardrails"),
        ("guard_rails", "pump:guardrails"),
        ("only-in-region", "pump:only-in-regions"),
        ("organizational-unit-ids", "pump:organizational-units"),
        ("external-ids", "pump:external-id"),
        ("autopilot:guardrails", "pump:auto-pilot:guardrails"),
        ("auto-pilot-guardrails", "pump:auto-pilot:guardrails"),
        ("readonly:external-id", "pump:read-only:external-id"),
        ("readOnlyExternalId", "pump:read-only:external-id"),
        ("pmup:guardrails", "pump:guardrails"),
        ("pumps:guardrails", "pump:guardrails"),
        ("pumpGuardrails", "pump:guardrails"),
        ("pump.guardrails", "pump:guardrails"),
        ("PUMP_EXTERNAL_ID", "pump:external-id"),
        ("dump:until", "pump:until"),
    ],
)
def test_misspelled_key_is_meant_for_the_key_that_it_is_near_to(key: str, meant: str) -> None:
    assert suggestion(key, KEYS) == f"did you mean {meant}?"


@pytest.mark.parametrize("key", ["pump", "pump_x", "pumpX", "pump-station", "pumpStation"])
def test_key_that_starts_like_ours_gets_the_list_of_keys(key: str) -> None:
    assert (suggestion(key, KEYS) or "").startswith("the keys are pump:principal, ")


@pytest.mark.parametrize("key", ["pump:", "pumps:x", "PUMP:x", "readonly:x", "pump:boundary"])
def test_key_with_our_prefix_is_meant_for_us(key: str) -> None:
    assert "pump:" in (suggestion(key, KEYS) or "")


@pytest.mark.parametrize(
    ("key", "letter"),
    [
        ("\u0440ump:guardrails", "CYRILLIC SMALL LETTER ER (U+0440)"),
        ("\u0440um\u0440:gu\u0430rdr\u0430ils", "CYRILLIC SMALL LETTER ER (U+0440)"),
        ("pump:guardr\u0430ils", "CYRILLIC SMALL LETTER A (U+0430)"),
        ("gu\u0430rdr\u0430ils", "CYRILLIC SMALL LETTER A (U+0430)"),
        ("pump\uff1aguardrails", "FULLWIDTH COLON (U+FF1A)"),
        ("pump:\u200bguardrails", "ZERO WIDTH SPACE (U+200B)"),
        ("pump:guardr\u00e4ils", "LATIN SMALL LETTER A WITH DIAERESIS (U+00E4)"),
    ],
)
def test_letter_of_another_script_is_named(key: str, letter: str) -> None:
    assert suggestion(key, KEYS) == f"did you mean pump:guardrails? It contains {letter}"


WORDS = (
    "account accountId accounts admin ami app application auto aws bedrock-guardrails "
    "boundary branch bucket bump:version call calls cluster commit concurrency config "
    "cost-center cpu customer delegated domain domainName dump:x env environment "
    "environments exclude expires external external-dns externalUrl externals from "
    "gump:role guard guardrail-id guards hosted-zone image in-regions include-accounts "
    "instanceType invitation invitations jump:x key management max memory name names only "
    "organization organization-id organizationId organizations ou owner ownerId path paths "
    "percentage permission permissions pilot plugin principal-arn principals principle prod "
    "project projectName pumice pumped pumper pumping pumpkin pumpkin:role pumpernickel "
    "read readonly region regionList regions release replicas repository role roleArn "
    "roleNames roles secret service size slump stack stackName stage staging subnetIds tag "
    "tags team test acme:permissions-boundary vendors:guardrails team:external-id tolerance "
    "trumpet unit units untill vendor vendors version vpc vpcId zone"
)
OTHERS = WORDS.split()
OURS = {word.removesuffix("s") for key in KEYS for word in re.split("[:-]", key)}
UNRELATED = [word for word in OTHERS if not any(ours in word.lower() for ours in OURS)]
# What the CDK and its CLI put there: AWS CDK Guide, "Context values and the AWS CDK".
OF_CDK = [
    "@aws-cdk/core:permissionsBoundary",
    "@aws-cdk/core:bootstrapQualifier",
    "@example/pump:principal",
    "acknowledged-issue-numbers",
    "ami:account=111122223333:filters.image-type.0=machine:region=us-east-1",
    "availability-zones:account=111122223333:region=us-east-1",
    "aws-cdk:enableDiffNoFail",
    "aws:cdk:bundling-stacks",
    "aws:cdk:enable-path-metadata",
    "aws:cdk:toolkit:default-region",
    "cc-api-provider:account=111122223333:typeName=AWS::IAM::Role:region=us-east-1",
    "cli-telemetry",
    "endpoint-service-availability-zones:account=111122223333:region=us-east-1:serviceName=x",
    "hosted-zone:account=111122223333:domainName=example.com:region=us-east-1",
    "key-provider:account=111122223333:aliasName=alias/x:region=us-east-1",
    "load-balancer:account=111122223333:loadBalancerArn=x:region=us-east-1",
    "security-group:account=111122223333:region=us-east-1:securityGroupId=sg-1",
    "ssm:account=111122223333:parameterName=/pump/guardrails:region=us-east-1",
    "vpc-provider:account=111122223333:filter.vpc-id=vpc-1:region=us-east-1",
    *recommended_flags(),
]


@pytest.mark.parametrize("key", [*OTHERS, *OF_CDK])
def test_keys_of_others_are_not_meant_for_us(key: str) -> None:
    assert suggestion(key, KEYS) is None


@given(
    st.lists(st.sampled_from(UNRELATED), min_size=2, max_size=4), st.sampled_from(["-", ":", ""])
)
def test_unrelated_words_are_not_meant_for_us(words: list[str], between: str) -> None:
    assert suggestion(between.join(words), KEYS) is None


@given(st.text("bcdfghjkmqvwxzBDGJKX0123456789-_:./@ ", max_size=40))
def test_random_keys_are_not_meant_for_us(key: str) -> None:
    assert suggestion(key, KEYS) is None


LETTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from("abcdepux:-_ABP ")


@st.composite
def edits(draw: st.DrawFn) -> str:
    """One key with one typing error."""
    key = draw(st.sampled_from(KEYS))
    at = draw(st.integers(0, len(key) - 1))
    before, letter, after = key[:at], key[at], key[at + 1 :]
    return draw(
        st.just(before + after)
        | LETTERS.map(lambda other: before + other + after)
        | LETTERS.map(lambda other: before + other + letter + after)
        | LETTERS.map(lambda other: key + other)
        | st.just(before + after[:1] + letter + after[1:])
    )


@given(edits())
@example("pump:\ufdfauntil")
@example("@pump:until")
@example("dump:until")
def test_one_typing_error_gets_a_suggestion(key: str) -> None:
    if key not in KEYS:
        found = suggestion(key, KEYS)
        assert found is not None
        assert found.removeprefix("did you mean ").partition("?")[0] in KEYS


def test_every_deletion_and_swap_gets_a_suggestion() -> None:
    for key in KEYS:
        wrong = {key[:at] + key[at + 1 :] for at in range(len(key))}
        wrong |= {key[:at] + key[at + 1] + key[at] + key[at + 2 :] for at in range(len(key) - 1)}
        for typed in wrong - {*KEYS}:
            assert (suggestion(typed, KEYS) or "").startswith("did you mean pump:"), typed
