"""What two roles can do differently is a difference; what means the same is none."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pump_roles import Guardrail
from pump_roles.compare import compare, compare_roles
from pump_roles.compare.difference import Difference
from pump_roles.guardrails.guardrail_documents import documents
from pump_roles.iam.identity_policies import DENY_ALL, Policy, Value, known, parse_policy
from pump_roles.iam.trust import Principal, parse_trust
from pump_roles.inputs import as_list
from pump_roles.patterns import covers
from pump_roles.published import ROLES
from pump_roles.review.output.descriptions import describe_difference, describe_policy, details_of
from pump_roles.role.guardrail_policies import as_policies, published_role
from pump_roles.role.iam_role import Boundary, Role
from pump_roles.role.unknowns import RoleUnknown
from tests.customer import allow, deny
from tests.policies import document_of, rewritten
from tests.support import (
    ACTIONS,
    ARNS,
    CONDITION,
    EVERYTHING,
    STATEMENTS,
    ago,
    short_catalog,
    trust,
)
from tools.sandbox import catalog
from tools.sandbox.cdk import ROOT


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decide about one action for each published pattern: that takes a tenth of the time."""
    monkeypatch.setattr("pump_roles.iam.decisions.shipped", short_catalog)


PUMP, OTHER = "999988887777", "111122223333"
RUN = "ec2:RunInstances"
GONE = "AROAEXAMPLEEXAMPLE"
"""The unique ID of a principal that was deleted."""

AUTO_PILOT = replace(published_role("auto-pilot"), trust=parse_trust(trust(PUMP, "Example-1234")))


def policy(*statements: Mapping[str, Any], name: str = "Extra", arn: str = "") -> Policy:
    return parse_policy({"Version": "2012-10-17", "Statement": [*statements]}, name=name, arn=arn)


def with_policies(*policies: Policy) -> Role:
    return replace(AUTO_PILOT, policies=(*AUTO_PILOT.policies, *policies))


def provided(value: Any, _: object) -> Value:
    """Read what may be open."""
    known = isinstance(value, str)
    return Value("open" if value == OPEN else "known" if known else "not-read", f"{value}")


OPEN = "open"
OPEN_NAME = Value("open")
NOT_READ = Value("not-read", why="unreadable")


def trusting(principal: Any, external_id: Any = "Example-1234", *more: Any) -> Role:
    document: Any = trust(principal, external_id)
    document["Statement"] += more
    return replace(AUTO_PILOT, trust=parse_trust(document, provided))


def managed(name: str = "Extra", account: str = OTHER, path: str = "/") -> str:
    return f"arn:aws:iam::{account}:policy{path}{name}"


def kinds(found: tuple[Difference, ...]) -> list[tuple[str, str, str]]:
    return [(difference.rule, difference.effect, difference.subject) for difference in found]


# Random changes of policies. Other tests change trust policies.

CONDITIONS: list[tuple[Any, set[int]]] = [
    ({}, {0, 1, 2}),
    (CONDITION, {0}),
    ({"BoolIfExists": {"aws:SecureTransport": "false"}}, {1, 2}),
    ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, {0}),
    ({"StringEquals": {"AWS:requestedregion": ["us-east-1", "eu-west-1"]}}, {0, 1}),
    ({"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}, {1, 2}),
    ({"Null": {"aws:RequestedRegion": "true"}}, {2}),
]
"""Conditions, and which of three contexts meet them: secure in us-east-1, not secure in eu-west-1,
and one without these keys.
"""


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    made = {**draw(STATEMENTS), "Condition": draw(st.sampled_from(CONDITIONS))[0]}
    if draw(st.sampled_from([True, False, False])):
        made["NotAction"] = made.pop("Action")
    return made


POLICIES = st.lists(st.lists(statements(), min_size=1, max_size=2), max_size=3)
Policies = list[list[dict[str, Any]]]


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Policies, Policies]:
    """Some policies, before and after statements are added, removed, moved, or replaced."""
    before = draw(POLICIES)
    after = deepcopy(before)
    for _ in range(draw(st.integers(1, 2))):
        places = [(at, index) for at, found in enumerate(after) for index in range(len(found))]
        how = draw(st.sampled_from(["add", "remove", "move", "replace"]))
        if how == "add" or not places:
            after.append([draw(statements())])
            continue
        at, index = draw(st.sampled_from(places))
        if how == "replace":
            after[at][index] = draw(statements())
            continue
        taken = after[at].pop(index)
        if how == "move":
            after.append([taken])
    return before, after


def role_of(policies: Policies) -> Role:
    """A role, some of whose policies are attached."""
    names = [f"Policy{at}" for at in range(len(policies))]
    made = (
        policy(*found, name=name, arn=managed(name) if at % 2 else "")
        for at, (name, found) in enumerate(zip(names, policies, strict=True))
        if found
    )
    return replace(AUTO_PILOT, policies=tuple(made))


def requests(policies: Policies, action: str) -> frozenset[tuple[str, int]]:
    """The requests for an action that are allowed, by the rules of IAM: ARN and context."""
    examples = {arn.rpartition("/")[0] for arn in catalog.actions()[action.lower()].resources}
    requested = [arn for arn in ARNS if arn.rpartition("/")[0] in examples] or ["*"]

    def applying(effect: str) -> Iterator[tuple[str, int]]:
        for made in (each for found in policies for each in found):
            patterns = made["Action" if "Action" in made else "NotAction"]
            named = any(covers(pattern, action) for pattern in patterns)
            if made["Effect"] != effect or named != ("Action" in made):
                continue
            listed = as_list(made.get("Resource", made.get("NotResource")))
            (met,) = (met for condition, met in CONDITIONS if condition == made["Condition"])
            for arn in requested:
                if (arn in listed or "*" in listed) != ("NotResource" in made):
                    yield from ((arn, at) for at in met)

    return frozenset(applying("Allow")) - frozenset(applying("Deny"))


ASKED = [*ACTIONS, "s3:GetObject", "ec2:RunInstances"]


ONE = {
    "Effect": "Allow",
    "Action": ["ec2:RunInstances"],
    "Resource": ARNS[0],
    "Condition": {},
}
SECURE = {**ONE, "Resource": "*", "Condition": CONDITION}


# What one of two policies adds must not hide what both no longer allow.
@example(mutation=([[ONE], [ONE]], [[], [SECURE]]), over_time=False)
@given(mutated(), st.sampled_from([True, False]))
def test_whatever_a_change_allows_or_refuses_is_a_difference_that_names_its_action(
    mutation: tuple[Policies, Policies],
    over_time: bool,  # noqa: FBT001
) -> None:
    before, after = mutation
    found = compare(role_of(before), role_of(after), over_time=over_time)
    for action in ASKED:
        was, now = requests(before, action), requests(after, action)
        effects = {
            difference.effect
            for difference in found
            if any(covers(pattern, action) for pattern in difference.actions)
        }
        # Of what NotAction allows, only the actions in the package's catalog are named.
        if action.lower() not in short_catalog().actions:
            effects = {difference.effect for difference in found}
        if now - was:
            assert effects & {"broader", "unclear"}, action
        if was - now:
            assert effects & {"narrower", "unclear"}, action


@given(st.data())
def test_roles_that_mean_the_same_have_no_difference(data: st.DataObject) -> None:
    policies = [
        parse_policy(data.draw(rewritten(document_of(found))), name=found.name, arn=found.arn)
        for found in AUTO_PILOT.policies
    ]
    role = replace(
        AUTO_PILOT,
        policies=tuple(data.draw(st.permutations(policies))),
        trust=parse_trust(data.draw(rewritten(trust(PUMP, "Example-1234")))),
    )
    assert compare(AUTO_PILOT, role) == ()
    assert compare(role, AUTO_PILOT) == ()


def test_comparison_of_equal_roles_loads_no_action_catalog() -> None:
    code = (
        "from pump_roles.compare import compare\n"
        "from pump_roles.iam.catalog import shipped\n"
        "from pump_roles.role.guardrail_policies import published_role\n"
        "for kind in ('read-only', 'auto-pilot'):\n"
        "    assert compare(published_role(kind), published_role(kind)) == ()\n"
        "assert shipped.cache_info().currsize == 0\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


# Single differences.


def test_says_how_the_decisions_on_each_action_change() -> None:
    denied = with_policies(policy(deny("ec2:*")))
    (difference,) = compare(denied, AUTO_PILOT)
    assert kinds((difference,)) == [("policy-removed", "broader", "Extra")]
    assert {change.before.decision for change in difference.decisions} == {"denied"}
    assert {change.before.denied_by for change in difference.decisions} == {("Extra",)}
    assert {change.after.decision for change in difference.decisions} == {"allowed"}
    named = [action for change in difference.decisions for action in change.actions]
    assert difference.actions == tuple(named)
    assert "ec2:DescribeInstances" in named
    assert describe_difference(difference) == "the inline policy Extra is missing"
    (line,) = details_of(difference)
    assert line == f"{len(named):,} actions: denied by Extra before, allowed now"


INSECURE = {"Bool": {"aws:SecureTransport": "false"}}


def all_but(resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:*", "NotResource": resource}


def not_action(*patterns: str) -> dict[str, Any]:
    return {"Effect": "Allow", "NotAction": [*patterns], "Resource": "*"}


def later(year: int) -> dict[str, Any]:
    return {"DateGreaterThanEquals": {"aws:CurrentTime": f"{year}-01-01T00:00:00Z"}}


@pytest.mark.parametrize(
    ("before", "now", "effect"),
    [
        # The catalog has none of these.
        (allow("s3:*"), allow("s3:Get*"), "narrower"),
        (allow("s3:*", Resource="arn:a*"), allow("s3:*", Resource="arn:ab"), "narrower"),
        (all_but("arn:a"), all_but("arn:a*"), "narrower"),
        (all_but("arn:a"), allow("s3:*", Resource="arn:b"), "narrower"),
        (all_but("arn:a*"), allow("s3:*", Resource="arn:ab"), "unclear"),
        (allow("s3:*", Condition=CONDITION), allow("s3:*", Condition=INSECURE), "unclear"),
        (
            [allow("s3:*"), deny("s3:PutObject")],
            [allow("s3:*"), deny("s3:PutObject", Resource="arn:aws:x")],
            "broader",
        ),
        (not_action("s3:*", "sns:*"), not_action("s3:*"), "broader"),
        (allow("*"), not_action("s3:*"), "narrower"),
        (not_action("s3:*"), [not_action("s3:*"), allow("sns:Publish")], "unclear"),
        # The catalog has these.
        (deny("ec2:CreateTags"), deny("ec2:CreateTags", Resource="arn:a"), "broader"),
        (deny("ec2:CreateTags", Condition=CONDITION), deny("ec2:CreateTags"), "narrower"),
        (allow(RUN, Resource="arn:a:*"), allow(RUN, Resource="arn:a:b:*"), "narrower"),
        (
            deny("ec2:*", Condition={"StringNotEquals": {"aws:RequestedRegion": ["a", "b"]}}),
            deny("ec2:*", Condition={"StringNotEquals": {"aws:requestedRegion": "a"}}),
            "narrower",
        ),
        (deny("ec2:*", Condition=later(2027)), deny("ec2:*", Condition=later(2028)), "broader"),
        (
            deny("ec2:*", Condition={"StringLike": {"aws:PrincipalTag/a": "x*"}}),
            deny("ec2:*", Condition={"StringEquals": {"aws:PrincipalTag/a": "y"}}),
            "unclear",
        ),
    ],
)
def test_changed_scope_of_a_statement_has_an_effect_if_one_covers_the_other(
    before: Any, now: Any, effect: str
) -> None:
    was, is_now = (with_policies(policy(*as_list(made))) for made in (before, now))
    back = {"broader": "narrower", "narrower": "broader"}.get(effect, effect)
    assert {difference.effect for difference in compare(was, is_now)} == {effect}
    assert {difference.effect for difference in compare(is_now, was)} == {back}


OWN = "arn:aws:ec2:*:*:instance/${aws:username}"


@pytest.mark.parametrize(
    ("statement", "differs"),
    [
        (deny(RUN, Resource=OWN), True),
        ({"Effect": "Deny", "Action": RUN, "NotResource": OWN}, True),
        (deny(RUN, Condition={"StringLike": {"aws:PrincipalTag/a": "${*}"}}), True),
        (deny(RUN, Resource="arn:aws:ec2:*:*:instance/*", Sid="${aws:username}"), False),
        # That is not a variable of policies.
        (deny(RUN, Resource="arn:${AWS::Partition}:ec2:*:*:instance/*"), False),
    ],
)
def test_version_of_a_policy_matters_only_to_a_policy_variable(
    statement: dict[str, Any], *, differs: bool
) -> None:
    allows = policy(allow(RUN), name="Allows")
    role = with_policies(allows, policy(statement))
    for version in ({"Version": "2008-10-17"}, {}):
        older = {**version, "Statement": [statement]}
        changed = with_policies(allows, parse_policy(older, name="Extra"))
        before, after = ({"auto-pilot": side} for side in (role, changed))
        for found in (
            compare(role, changed),
            tuple(difference for _, difference in compare_roles(before, after)),
        ):
            assert [(each.effect, each.actions) for each in found] == [
                ("unclear", (RUN,))
            ] * differs
        assert compare(changed, changed) == ()


def guarded(guardrail: Guardrail) -> Role:
    return with_policies(*as_policies(documents([guardrail], ROLES["auto-pilot"])))


ENDING = Guardrail.until("2927-01-31T18:00:00Z")
ONE_REGION = Guardrail.only_in_regions("us-east-1")


@pytest.mark.parametrize("over_time", [False, True])
@pytest.mark.parametrize(
    ("before", "now", "effect"),
    [
        (ONE_REGION, Guardrail.only_in_regions("us-east-1", "eu-west-1"), "broader"),
        (Guardrail.only_in_regions("us-east-1", "eu-west-1"), ONE_REGION, "narrower"),
        (ONE_REGION, Guardrail.only_in_regions("eu-west-1"), "unclear"),
        (ENDING, Guardrail.until("2927-02-01T18:00:00Z"), "broader"),
        (ENDING, Guardrail.until("2927-01-30T18:00:00Z"), "narrower"),
        (
            Guardrail.invitations_from("111122223333"),
            Guardrail.invitations_from("444455556666"),
            "unclear",
        ),
    ],
)
def test_guardrail_with_another_value_shows_both_values(
    before: Guardrail, now: Guardrail, effect: str, *, over_time: bool
) -> None:
    found = compare(guarded(before), guarded(now), over_time=over_time)
    assert kinds(found) == [("policy-changed", effect, before.policy_name)]
    assert (found[0].was, found[0].now) == (before.values, now.values)
    changed = {"only-in-regions": "ec2:PurchaseReservedInstancesOffering", "until": "*"}
    assert changed.get(before.name, "organizations:AcceptHandshake") in found[0].actions


def test_guardrail_that_ends_everything_is_about_every_action() -> None:
    for before, now, effect in (
        (AUTO_PILOT, guarded(ENDING), "narrower"),
        (guarded(ENDING), AUTO_PILOT, "broader"),
    ):
        (difference,) = compare(before, now)
        assert (difference.effect, difference.actions) == (effect, ("*",))


def test_policies_of_one_name_that_are_inline_and_managed_do_not_replace_each_other() -> None:
    denies, allows = policy(deny("ec2:*")), policy(allow("s3:*"), arn=managed())
    found = compare(with_policies(denies), with_policies(denies, allows))
    assert kinds(found) == [("policy-added", "broader", "Extra")]
    assert found[0].part == "managed-policies"


@pytest.mark.parametrize(
    ("name", "arn"),
    [
        ("PumpReadOnly", managed("PumpReadOnly")),
        ("pumpautopilot", managed("pumpautopilot")),
        ("PumpReadOnly", managed("PumpReadOnly", account="aws")),
        ("PumpReadOnly", managed("PumpReadOnly", path="/pump/")),
        ("PumpReadOnly", f"arn:aws:iam::aws:policy/x:{OTHER}:/PumpReadOnly"),
        ("PumpReadOnly@managed", managed("PumpReadOnly@managed")),
    ],
)
def test_attached_policy_is_broader_whatever_its_name(name: str, arn: str) -> None:
    found = compare(AUTO_PILOT, with_policies(parse_policy(EVERYTHING, name=name, arn=arn)))
    assert ("policy-added", "broader", name) in kinds(found)


def test_inline_policy_is_broader_even_if_its_name_differs_only_in_case() -> None:
    more = parse_policy(EVERYTHING, name="pumpreadonly")
    for policies in ((more, *AUTO_PILOT.policies), (*AUTO_PILOT.policies, more)):
        found = compare(AUTO_PILOT, replace(AUTO_PILOT, policies=policies))
        assert "broader" in {difference.effect for difference in found}


def test_attached_policies_of_one_name_do_not_hide_each_other() -> None:
    denies = policy(deny("s3:*"), name="X", arn=managed("X"))
    of_aws = parse_policy(EVERYTHING, name="X", arn=managed("X", account="aws"))
    in_small = parse_policy(EVERYTHING, name="x", arn=managed("x"))
    for pair in ((denies, of_aws), (of_aws, denies), (denies, in_small)):
        found = compare(AUTO_PILOT, with_policies(*pair))
        assert [difference.rule for difference in found].count("policy-added") >= 2
        assert "broader" in {difference.effect for difference in found}
    own = replace(of_aws, arn=managed("X"))
    assert compare(with_policies(own), with_policies(in_small)) == ()
    found = compare(with_policies(own), with_policies(of_aws))
    assert {(rule, subject) for rule, _, subject in kinds(found)} == {
        ("policy-removed", "X"),
        ("policy-added", "X"),
    }


def test_policies_that_decide_differently_only_together_are_a_difference() -> None:
    allows = policy(allow(RUN), name="Allows")
    one, two = (policy(deny(RUN), name=name) for name in ("One", "Two"))
    expected = with_policies(allows, one, two)
    (one_less,) = compare(expected, with_policies(allows, two))
    assert kinds((one_less,)) == [("policy-removed", "unclear", "One")]
    no_decision = ", which does not change the decision for any known action"
    assert describe_difference(one_less).endswith(no_decision)
    both = compare(expected, with_policies(allows))
    assert kinds(both) == [
        ("policy-removed", "unclear", "One"),
        ("policy-removed", "unclear", "Two"),
        ("policies-together", "broader", ""),
    ]
    assert both[-1].actions == (RUN,)


def test_reports_the_combined_effect_even_if_one_policy_narrows_it() -> None:
    west, east = (f"arn:aws:ec2:{region}:*:*" for region in ("eu-west-1", "us-east-1"))
    secure = policy(allow(RUN, Condition=CONDITION), name="Secure")
    expected = with_policies(
        policy(allow(RUN, Resource=east), name="East"),
        secure,
        *(policy(deny(RUN, Resource=west), name=name) for name in ("One", "Two")),
    )
    found = compare(expected, with_policies(secure))
    assert kinds(found) == [
        ("policy-removed", "narrower", "East"),
        ("policy-removed", "unclear", "One"),
        ("policy-removed", "unclear", "Two"),
        ("policies-together", "unclear", ""),
    ]
    assert found[0].actions == found[-1].actions == (RUN,)


def test_values_that_are_equal_only_in_python_are_a_difference() -> None:
    """In Python, true equals 1."""
    one, true = (
        with_policies(policy(allow("*", Condition={"NumericEquals": {"k": value}})))
        for value in (1, True)
    )
    assert compare(true, deepcopy(true)) == ()
    assert [rule for rule, *_ in kinds(compare(true, one))] == ["policy-changed"]


@pytest.mark.parametrize(
    "document",
    [
        *("text", None, [], {}, {"Statement": [1]}, {"Foo": 1}),
        {**EVERYTHING, "Foo": 1},
        {"Statement": {**EVERYTHING["Statement"], "Foo": 1}},
        {"Statement": {"Effect": "Allow", "NotAction": "x:y", "Resource": "*"}},
        {"Statement": [[EVERYTHING["Statement"]]]},
    ],
)
def test_policy_that_cannot_be_read_gives_more_access(document: Any) -> None:
    unreadable = with_policies(parse_policy(document, name="Extra"))
    assert kinds(compare(AUTO_PILOT, unreadable)) == [("policy-added", "broader", "Extra")]
    assert kinds(compare(unreadable, AUTO_PILOT)) == [("policy-removed", "narrower", "Extra")]


def test_policies_that_are_not_known_are_neither_missing_nor_added() -> None:
    unknown = RoleUnknown(part="inline-policies", why="not-read")
    role = replace(AUTO_PILOT, policies=(), unknown=(unknown,))
    assert compare(AUTO_PILOT, role) == ()
    assert compare(role, AUTO_PILOT) == ()
    first, *others = AUTO_PILOT.policies
    unread = replace(
        AUTO_PILOT, policies=(parse_policy(None, name=first.name, arn=first.arn), *others)
    )
    assert compare(AUTO_PILOT, unread) == ()


# Trust policies.

ANYONE = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}


@pytest.mark.parametrize(
    "role",
    [
        # A deleted principal must not hide an added one.
        trusting([PUMP, GONE], "Example-1234", ANYONE),
        trusting(GONE, "Example-1234", ANYONE),
        trusting([GONE, OTHER]),
    ],
)
def test_trust_policy_that_admits_more_callers_is_broader(role: Role) -> None:
    found = compare(AUTO_PILOT, role)
    assert "broader" in {each.effect for each in found if each.rule != "trust-broken"}
    assert any("sts:AssumeRole" in difference.actions for difference in found)


def test_trust_policy_with_a_deleted_principal_is_broken() -> None:
    (difference,) = compare(AUTO_PILOT, trusting(GONE))
    assert kinds((difference,)) == [("trust-broken", "narrower", "")]
    assert difference.gained == (Principal("deleted", Value("known", GONE)),)
    assert GONE in describe_difference(difference)
    still_trusted = compare(AUTO_PILOT, trusting([f"arn:aws:iam::{PUMP}:root", GONE]))
    assert kinds(still_trusted) == [("trust-broken", "unclear", "")]


def test_details_of_a_trust_policy_are_those_of_the_effect() -> None:
    found = compare(AUTO_PILOT, trusting(OTHER))
    assert {difference.effect: details_of(difference) for difference in found} == {
        "broader": [f"trusts {OTHER}"],
        "narrower": [f"no longer trusts {PUMP}"],
    }
    (difference,) = compare(AUTO_PILOT, trusting("*"))
    assert details_of(difference) == ["trusts *"]
    # IAM shows the ARN of an account's root for its ID.
    root: Any = trust(f"arn:aws:iam::{PUMP}:root", "Example-1234")
    root["Statement"][0]["Condition"] = {}
    (difference,) = compare(AUTO_PILOT, replace(AUTO_PILOT, trust=parse_trust(root)))
    assert kinds((difference,)) == [("trust-policy", "broader", "")]
    assert (difference.lost, difference.gained) == ((), ())


# The other properties.

BOUNDARY = Boundary(
    arn=known(managed("Boundary", path="/platform/")),
    policy=parse_policy({"Statement": allow("ec2:*")}, name="boundary"),
)
LESS = {"Statement": [allow("ec2:Describe*")]}
STOPS = Boundary(arn=known(managed("AWSDenyAll", account="aws")))


@pytest.mark.parametrize(
    ("more", "difference"),
    [
        ({"name": known("pumpautopilotrole")}, ("role-name", "unclear")),
        ({"path": known("/pump/")}, ("role-path", "unclear")),
        ({"session": 43_200}, ("session-duration", "broader")),
        ({"session": 1800}, ("session-duration", "narrower")),
        ({"boundary": None}, ("boundary-removed", "broader")),
        ({"boundary": STOPS}, ("boundary-stops", "narrower")),
        *(
            ({"boundary": replace(BOUNDARY, arn=known(arn))}, ("boundary-changed", "unclear"))
            for arn in (
                managed("Boundary"),
                BOUNDARY.arn.text.lower(),
                managed("Boundary", account="aws", path="/platform/"),
            )
        ),
        (
            {"boundary": replace(BOUNDARY, policy=parse_policy(EVERYTHING, name="boundary"))},
            ("boundary-text", "broader"),
        ),
        (
            {"boundary": replace(BOUNDARY, policy=parse_policy(LESS, name="boundary"))},
            ("boundary-text", "narrower"),
        ),
    ],
)
def test_any_other_property_that_differs_is_a_difference(
    more: dict[str, Any], difference: tuple[str, str]
) -> None:
    expected = replace(AUTO_PILOT, boundary=BOUNDARY)
    (found,) = compare(expected, replace(expected, **more))
    assert (found.rule, found.effect) == difference
    # Unless it is not known.
    if found.rule not in ("boundary-removed", "boundary-text"):
        (part,) = more
        unread: Any = Boundary(arn=NOT_READ) if part == "boundary" else NOT_READ
        assert compare(expected, replace(expected, **{part: unread})) == ()
        assert compare(replace(expected, **{part: unread}), replace(expected, **more)) == ()


@pytest.mark.parametrize("key", ["pump-commitments", "Pump-Commitments"])
def test_tag_that_may_open_a_guardrail_is_broader(key: str) -> None:
    closed = guarded(Guardrail.ONLY_WHEN_APPROVED)
    tagged, retagged = (replace(closed, tags={key: known(value)}) for value in ("approved", "17"))
    for rule, before, after in (("tag-added", closed, tagged), ("tag-changed", retagged, tagged)):
        (found,) = compare(before, after)
        assert (found.rule, found.effect, found.subject) == (rule, "broader", key)
        assert describe_difference(found) == f"the tag {key} may open a guardrail"
        # Unless it is not known what is expected.
        unknown = (RoleUnknown(part="tags", why="not-read"),)
        assert compare(replace(before, unknown=unknown), after) == ()
        for unread in (replace(before, tags={key: NOT_READ}), replace(after, tags={key: NOT_READ})):
            assert compare(before, unread) == compare(unread, after) == ()
    assert compare(closed, retagged) == compare(retagged, closed) == ()
    for other in (closed, retagged):
        assert kinds(compare(tagged, other)) == [("tag-removed", "narrower", key)]


@pytest.mark.parametrize(
    ("guardrail", "key"),
    [
        (Guardrail.ONLY_WHEN_APPROVED, "team"),
        (Guardrail.ONLY_WHEN_APPROVED, "pump-hands-off"),
        (Guardrail.NO_SELLING, "pump-commitments"),
    ],
)
def test_tag_that_opens_no_guardrail_is_neither_compared_nor_kept(
    guardrail: Guardrail, key: str
) -> None:
    role = guarded(guardrail)
    for value in (known("x"), NOT_READ):
        other = replace(role, tags={key: value}).without_other_tags()
        assert compare(role, other) == compare(other, role) == ()
        assert (other.tags, other.unknown, other) == ({}, (), role)


def test_tag_that_cannot_be_read_does_not_hide_one_that_may_open_a_guardrail() -> None:
    role = guarded(Guardrail.ONLY_WHEN_APPROVED)
    unknown = (RoleUnknown(part="tags", why="unreadable"),)
    found = replace(role, tags={"pump-commitments": known("approved")}, unknown=unknown)
    assert kinds(compare(role, found)) == [("tag-added", "broader", "pump-commitments")]
    # It may still be there.
    assert compare(replace(role, tags=found.tags), replace(role, unknown=unknown)) == ()


def closing(condition: Mapping[str, Any]) -> Role:
    """The role with the guardrail, whose statements have another condition now."""
    guardrail = guarded(Guardrail.ONLY_WHEN_APPROVED).policies[-1]
    statements = [{**each, "Condition": condition} for each in document_of(guardrail)["Statement"]]
    return with_policies(policy(*statements, name=guardrail.name))


@pytest.mark.parametrize(
    ("condition", "tags"),
    [
        ({"StringNotEquals": {"aws:PrincipalTag/team": "x"}}, {"Team": "x"}),
        ({"StringNotLike": {"aws:PrincipalTag/team": "x*"}}, {"team": "xy"}),
        (
            {"StringNotEquals": {"aws:PrincipalTag/pump-commitments": "no"}},
            {"pump-commitments": "no"},
        ),
        ({"StringEquals": {"aws:PrincipalTag/pump-commitments": "no"}}, {}),
        ({"Null": {"aws:PrincipalTag/team": "true"}}, {"team": ""}),
    ],
)
def test_guardrail_that_the_tags_of_the_role_open_now_is_broader(
    condition: Any, tags: Mapping[str, str]
) -> None:
    found = replace(closing(condition), tags={key: known(value) for key, value in tags.items()})
    expected = guarded(Guardrail.ONLY_WHEN_APPROVED)
    # As verify expects it: the customer may open the guardrail.
    (difference,) = compare(replace(expected, tags={"pump-commitments": OPEN_NAME}), found)
    assert (difference.rule, difference.effect) == ("policy-changed", "broader")
    assert "savingsplans:CreateSavingsPlan" in difference.actions
    (details,) = details_of(difference, "account")
    assert details.endswith(
        "allowed in the account instead of conditionally denied by only-when-approved"
    )


@pytest.mark.parametrize(
    ("tags", "unknown"),
    [
        ({}, ()),
        ({"team": known("y")}, ()),
        ({"team": NOT_READ}, ()),
        ({"team": known("y")}, (RoleUnknown(part="tags", why="not-read"),)),
    ],
)
def test_guardrail_with_another_condition_that_may_apply_is_unclear_and_both_are_shown(
    tags: Mapping[str, Value], unknown: tuple[RoleUnknown, ...]
) -> None:
    found = closing({"StringNotEquals": {"aws:PrincipalTag/team": "x"}})
    (difference,) = compare(
        guarded(Guardrail.ONLY_WHEN_APPROVED), replace(found, tags=tags, unknown=unknown)
    )
    assert (difference.rule, difference.effect) == ("policy-changed", "unclear")
    (details,) = details_of(difference, "account")
    now, was = details.split(" instead of ")
    assert '"aws:principaltag/team": ["x"]' in now
    assert '"aws:principaltag/pump-commitments": ["approved"]' in was


def test_statement_that_cannot_be_read_stays_next_to_one_that_a_tag_opens() -> None:
    found = closing({"StringNotEquals": {"aws:PrincipalTag/team": "x"}})
    *others, changed = found.policies
    hidden = replace(changed, not_read=('{"Statement": "text"}',))
    role = replace(found, policies=(*others, hidden), tags={"team": known("x")})
    assert any(each.unreadable for each in compare(guarded(Guardrail.ONLY_WHEN_APPROVED), role))


ALL = deny("*")
REVOKED = ago(hours=1)
REVOKING = {**ALL, "Condition": {"DateLessThan": {"aws:TokenIssueTime": REVOKED}}}
ATTACHED = replace(DENY_ALL, arn="arn:aws:iam::aws:policy/AWSDenyAll")


@pytest.mark.parametrize("over_time", [False, True])
@pytest.mark.parametrize(
    ("more", "rule"),
    [
        (ATTACHED, "policy-stops"),
        # Its document could not be read.
        (Policy(name=ATTACHED.name, arn=ATTACHED.arn), "policy-stops"),
        (policy(ALL), "policy-stops"),
        (policy(ALL, arn=managed()), "policy-stops"),
        (policy(deny("s3:*"), {**ALL, "Action": ["*"], "Resource": ["*"]}), "policy-stops"),
        (policy(REVOKING, name="AWSRevokeOlderSessions"), "sessions-revoked"),
        (
            policy(
                {
                    **REVOKING,
                    "Condition": {
                        "DateLessThan": {"AWS:tokenissuetime": [REVOKED.replace("Z", ".000Z")]}
                    },
                }
            ),
            "sessions-revoked",
        ),
    ],
)
def test_policy_that_denies_everything_is_a_stop_and_an_earlier_session_revoked(
    more: Policy, rule: str, *, over_time: bool
) -> None:
    found = compare(AUTO_PILOT, with_policies(more), over_time=over_time)
    assert kinds(found) == [(rule, "narrower", more.name)]
    assert (found[0].actions, found[0].decisions) == (("*",), ())
    assert bool(found[0].now) == (rule == "sessions-revoked")
    assert details_of(found[0]) == []
    if more.is_known:
        (gone,) = compare(with_policies(more), AUTO_PILOT, over_time=over_time)
        assert gone.effect == "broader"
    # In the place of a guardrail, revoked sessions leave new ones without it.
    guardrail = guarded(Guardrail.NO_COMMITMENTS)
    *others, replaced = guardrail.policies
    instead = replace(guardrail, policies=(*others, replace(more, name=replaced.name)))
    if rule == "sessions-revoked":
        changed = compare(guardrail, instead, over_time=over_time)
        assert "broader" in {difference.effect for difference in changed}
    # It hides nothing else.
    other = with_policies(more, policy(allow("s3:GetObject"), name="Other"))
    effects = {difference.effect for difference in compare(AUTO_PILOT, other, over_time=over_time)}
    assert "broader" in effects


def test_revocation_that_ends_after_every_revoked_session_gives_no_access() -> None:
    for hours, effects in ((11, ["broader"]), (13, [])):
        revoking = {"DateLessThan": {"aws:TokenIssueTime": ago(hours=hours)}}
        revoked = with_policies(policy({**ALL, "Condition": revoking}))
        found = compare(revoked, AUTO_PILOT, over_time=True)
        assert [difference.effect for difference in found] == effects


@pytest.mark.parametrize(
    "more",
    [
        policy(ALL, allow("s3:GetObject"), name="AWSDenyAll", arn=ATTACHED.arn),
        policy(REVOKING, allow("s3:GetObject"), name="AWSRevokeOlderSessions"),
        policy(allow("*"), name="AWSRevokeOlderSessions"),
        policy({**ALL, "Condition": CONDITION}, name="AWSDenyAll"),
        policy({**ALL, "Resource": "arn:aws:s3:::b"}, name="AWSDenyAll"),
        policy(deny("ec2:*"), name="AWSRevokeOlderSessions"),
        policy({**REVOKING, "Condition": {**REVOKING["Condition"], **CONDITION}}),
        policy({**ALL, "Condition": {"DateLessThan": {"aws:CurrentTime": "2026-11-25T08:15:00Z"}}}),
        policy(
            {**ALL, "Condition": {"DateLessThan": {"aws:TokenIssueTime": "${aws:CurrentTime}"}}}
        ),
        parse_policy(None, name="AWSDenyAll", arn=managed("AWSDenyAll")),
    ],
)
def test_policy_that_only_looks_like_a_stop_is_an_added_policy(more: Policy) -> None:
    assert {found.rule for found in compare(AUTO_PILOT, with_policies(more))} == {"policy-added"}


def test_boundary_that_means_the_same_is_no_difference_and_one_more_is_narrower() -> None:
    bounded = replace(AUTO_PILOT, boundary=BOUNDARY)
    same = replace(BOUNDARY, policy=parse_policy({"Statement": [allow("ec2:*")]}, name="boundary"))
    assert compare(bounded, replace(AUTO_PILOT, boundary=same)) == ()
    stopped = replace(AUTO_PILOT, boundary=STOPS)
    for was, now, expected in [
        (AUTO_PILOT, bounded, ("boundary-added", "narrower")),
        (AUTO_PILOT, stopped, ("boundary-stops", "narrower")),
        (stopped, AUTO_PILOT, ("boundary-removed", "broader")),
        (stopped, bounded, ("boundary-changed", "broader")),
    ]:
        (found,) = compare(was, now)
        assert (found.rule, found.effect) == expected
    wide = replace(
        AUTO_PILOT, boundary=replace(BOUNDARY, policy=parse_policy(EVERYTHING, name="boundary"))
    )
    (wider,) = compare(bounded, wide)
    assert describe_policy(wider) == "its permissions boundary"
    assert "rds:DescribeAccountAttributes" in wider.actions
    unread = replace(AUTO_PILOT, boundary=replace(BOUNDARY, policy=None))
    assert compare(unread, wide) == ()


# What the expected role leaves open.


LESS_CE = policy(deny("ce:*"), name="Less")
BY_NAME = replace(LESS_CE, arn=managed("Less"))


@pytest.mark.parametrize(
    ("may_be", "is_there", "differs"),
    [
        (LESS_CE, LESS_CE, False),
        (BY_NAME, replace(BY_NAME, name="Stack-Less-1", arn=managed("Stack-Less-1")), False),
        (DENY_ALL, replace(DENY_ALL, arn="arn:aws:iam::aws:policy/AWSDenyAll"), False),
        (LESS_CE, parse_policy(EVERYTHING, name="Less"), True),
        (LESS_CE, replace(LESS_CE, name="Other"), True),
        (LESS_CE, BY_NAME, True),
        (BY_NAME, Policy(name="Less", arn=managed("Less")), True),
    ],
)
def test_policy_that_may_deny_may_be_there_or_not(
    may_be: Policy, is_there: Policy, *, differs: bool
) -> None:
    expected = replace(AUTO_PILOT, may_deny=(may_be,))
    assert compare(expected, AUTO_PILOT) == ()
    assert bool(compare(expected, with_policies(is_there))) is differs


def test_policy_that_only_denies_is_narrower_unless_it_is_expected() -> None:
    both = [(AUTO_PILOT, with_policies(LESS_CE)), (with_policies(LESS_CE), AUTO_PILOT)]
    for (expected, found), (rule, effect) in zip(
        both, [("policy-added", "narrower"), ("policy-removed", "broader")], strict=True
    ):
        assert kinds(compare(expected, found)) == [(rule, effect, "Less")]


@pytest.mark.parametrize(
    ("before", "after", "differences"),
    [
        ([], [LESS_CE], [("policy-added", "narrower", "Less")]),
        ([LESS_CE], [], [("policy-removed", "broader", "Less")]),
        ([LESS_CE], [replace(LESS_CE, name="Other")], []),
        (
            [LESS_CE],
            [DENY_ALL],
            [("policy-removed", "broader", "Less"), ("policy-added", "narrower", "AWSDenyAll")],
        ),
    ],
)
def test_policy_that_may_deny_since_then_is_narrower_and_one_that_no_longer_does_is_broader(
    before: list[Policy], after: list[Policy], differences: list[tuple[str, str, str]]
) -> None:
    was, now = (replace(AUTO_PILOT, may_deny=tuple(side)) for side in (before, after))
    found = compare_roles({"auto-pilot": was}, {"auto-pilot": now})
    assert kinds(tuple(difference for _, difference in found)) == differences


def test_policy_that_only_may_deny_from_now_on_is_broader() -> None:
    now = replace(AUTO_PILOT, may_deny=(LESS_CE,))
    found = compare_roles({"auto-pilot": with_policies(LESS_CE)}, {"auto-pilot": now})
    assert {difference.effect for _, difference in found} == {"broader"}


def opened(role: Role) -> Role:
    return replace(role, trust=published_role("auto-pilot").trust, name=OPEN_NAME)


def test_open_principal_external_id_and_name_can_have_any_value() -> None:
    assert compare(opened(AUTO_PILOT), AUTO_PILOT) == ()
    assert compare(opened(AUTO_PILOT), opened(AUTO_PILOT)) == ()
    assert compare(opened(AUTO_PILOT), trusting(f"arn:aws:iam::{PUMP}:root")) == ()
    found = compare(opened(AUTO_PILOT), trusting(PUMP, ["One-1234", "Two-1234"]))
    assert kinds(found) == [("external-id", "broader", "")]
    assert found[0].numbers == (0, 2)


@pytest.mark.parametrize("principal", ["*", f"arn:aws:iam::{OTHER}:role/*", [PUMP, OTHER]])
def test_open_principal_is_neither_everyone_nor_several(principal: Any) -> None:
    found = compare(opened(AUTO_PILOT), trusting(principal, "Id-1"))
    assert ("trust-policy", "broader") in {(each.rule, each.effect) for each in found}


@pytest.mark.parametrize(
    "external_id", ["${sts:ExternalId}", "${aws:username}", "", "a", "two words", 12345, None]
)
def test_open_external_id_is_not_any_text(external_id: Any) -> None:
    """An unknown external ID must still be an external ID."""
    found = compare(opened(AUTO_PILOT), trusting(PUMP, external_id))
    assert "broader" in {difference.effect for difference in found}


A, B, C = "Aaaaaaaa-1", "Bbbbbbbb-2", "Cccccccc-3"


@pytest.mark.parametrize(
    ("expected", "accepted", "effect", "words"),
    [
        ([A], [A], None, ""),
        ([A], [A, A], None, ""),
        ([A], [B], "unclear", "it accepts a different external ID than expected"),
        ([A], [A.lower()], "unclear", "its external ID differs from the expected one only in case"),
        ([A], [A, B], "broader", "it accepts an external ID that is not expected"),
        ([A], [A, B, C], "broader", "it accepts 2 external IDs that are not expected"),
        ([A], [B, C], "unclear", ""),
        ([OPEN], [A], None, ""),
        ([OPEN], [A, B], "broader", ""),
        # During a rotation.
        ([A, OPEN], [A, B], None, ""),
        ([A, OPEN], [B, A], None, ""),
        ([A, OPEN], [A], "narrower", "it accepts fewer external IDs than expected"),
        ([A, OPEN], [B], "unclear", ""),
        ([A, OPEN], [A, B, C], "broader", ""),
        ([A, OPEN], [B, C], "unclear", ""),
        ([A, B], [A, C], "unclear", ""),
        ([A, B], [A], "narrower", "it does not accept an expected external ID"),
        ([A, B], [A, B, C], "broader", ""),
    ],
)
def test_external_ids_are_compared_and_never_named(
    expected: list[str], accepted: list[str], effect: str | None, words: str
) -> None:
    found = compare(trusting(PUMP, expected), trusting(PUMP, accepted))
    assert kinds(found) == ([("external-id", effect, "")] if effect else [])
    assert not [each for each in {*expected, *accepted} - {OPEN} if each in repr(found)]
    assert words in {describe_difference(each) for each in found} | {""}


def test_roles_of_two_times_are_compared_by_kind() -> None:
    before = {"auto-pilot": AUTO_PILOT}
    moved = {"auto-pilot": replace(AUTO_PILOT, policies=AUTO_PILOT.policies[::-1])}
    assert compare_roles(before, moved) == ()
    for after, expected in [
        (
            before | {"read-only": published_role("read-only")},
            ("read-only", "role-present", "broader"),
        ),
        ({}, ("auto-pilot", "role-missing", "narrower")),
    ]:
        ((kind, difference),) = compare_roles(before, after)
        assert (kind, difference.rule, difference.effect) == expected
