"""The effect of a change of a trust policy, checked with the requests that it allows."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.compare import trust_policies
from pump_roles.iam.trust import parse_trust
from tests.policies import rewritten
from tests.support import json_values

PUMP = "999988887777"
ROLE = f"arn:aws:iam::{PUMP}:role/service/PumpService"
OTHER = "111122223333"

Effects = tuple[str, ...]
BROADER, NARROWER, OTHERWISE = ("broader",), ("narrower",), ("unclear",)
BOTH = ("broader", "narrower")


def statement(principal: Any = None, condition: Any = None, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": PUMP} if principal is None else principal,
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "A-1"}},
        **more,
    }
    if condition is not None:
        made["Condition"] = condition
    return made


def trust_effects(expected: Any, found: Any, account: str = "") -> Effects:
    return trust_policies.trust_effects(parse_trust(expected), parse_trust(found), account=account)


def policy(*statements: Any, version: str = "2012-10-17") -> dict[str, Any]:
    return {"Version": version, "Statement": list(statements)}


def requiring(values: Any, operator: str = "StringEquals", **more: Any) -> dict[str, Any]:
    """A policy whose condition is on the external ID."""
    return policy(statement(condition={operator: {"sts:ExternalId": values}}, **more))


def from_networks(*networks: str) -> dict[str, Any]:
    return policy(statement(condition={"IpAddress": {"aws:SourceIp": list(networks)}}))


EXPECTED = policy(statement())
DENY = statement("*", {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, Effect="Deny")
DENY_PUMP = statement({"AWS": PUMP}, {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, Effect="Deny")
SERVICE = {"Service": "ec2.amazonaws.com"}
HOSTILE_PATH = f"arn:aws:iam::{OTHER}:role/::{PUMP}:/x"

DENIED = policy(statement(), DENY)
EXTERNAL_ID = {"StringEquals": {"sts:ExternalId": "A-1"}}
FROM_A_NETWORK = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
TWO_SPELLINGS = {"StringEquals": {"sts:ExternalId": "A-1", "sts:externalid": "B"}}
ANY_IDS = requiring("${aws:*}", "StringLike")
OWN_ID = requiring("${aws:PrincipalTag/Id}")
ANYONE, ALL_OF_STS = policy(statement("*")), policy(statement(Action="sts:*"))


def denied_by(operator: str) -> dict[str, Any]:
    return policy(statement(), statement("*", {operator: {"aws:a": "x"}}, Effect="Deny"))


CHANGES: dict[tuple[Effects, Effects], list[tuple[Any, Any]]] = {
    (BROADER, NARROWER): [
        (EXPECTED, requiring(["A-1", "B-2"])),
        (EXPECTED, policy(statement(condition={}))),
        (EXPECTED, requiring("A-*", "StringLike")),
        (EXPECTED, requiring("A-1", "StringEqualsIfExists")),
        (EXPECTED, requiring("a-1", "StringEqualsIgnoreCase")),
        (EXPECTED, requiring("A-1", "ForAllValues:StringEquals")),
        (EXPECTED, ANYONE),
        (EXPECTED, policy(statement({"AWS": [PUMP, OTHER]}))),
        # The account is only in the path of another account's role.
        (EXPECTED, policy(statement(), statement({"AWS": HOSTILE_PATH}))),
        (EXPECTED, policy(statement({"AWS": PUMP, **SERVICE}))),
        (EXPECTED, policy(statement(), statement({"Federated": "accounts.google.com"}))),
        (EXPECTED, policy(statement(Action=["sts:AssumeRole", "sts:TagSession"]))),
        (EXPECTED, ALL_OF_STS),
        # A pattern is one only with StringLike.
        (requiring("A-*"), requiring("A-*", "StringLike")),
        (from_networks("10.0.0.0/8"), from_networks("10.0.0.0/8", "192.0.2.0/24")),
        (ANYONE, policy(statement("*"), statement(SERVICE))),
        (DENIED, policy(statement(), DENY_PUMP)),
        (ANY_IDS, policy(*ANY_IDS["Statement"], *requiring("${aws:username}")["Statement"])),
        (denied_by("StringEqualsIfExists"), denied_by("StringEquals")),
        (requiring([]), EXPECTED),
        (policy(statement(condition={**EXTERNAL_ID, **FROM_A_NETWORK})), EXPECTED),
        (policy(statement({"AWS": ROLE})), EXPECTED),
        (policy(), EXPECTED),
        (DENIED, EXPECTED),
    ],
    (BOTH, BOTH): [
        (EXPECTED, requiring("B-2")),
        (EXPECTED, requiring("a-1")),
        (EXPECTED, requiring("B*", "StringLike")),
        (EXPECTED, requiring("[A]-1", "StringLike")),
        (EXPECTED, requiring("A-1", "StringNotEquals")),
        (EXPECTED, requiring("${sts:ExternalId}")),
        (EXPECTED, policy(statement({"AWS": OTHER}))),
        # If in doubt, it is broader: networks are not compared.
        (from_networks("10.0.0.0/8"), from_networks("10.1.0.0/16")),
        # The version changes what a variable means.
        (OWN_ID, {**OWN_ID, "Version": "2008-10-17"}),
    ],
    (OTHERWISE, OTHERWISE): [
        (EXPECTED, requiring("A-1", "StringLike")),
        (ALL_OF_STS, policy(statement(Action="sts:*"), statement())),
        (DENIED, policy(statement(), DENY, DENY_PUMP)),
    ],
    # What cannot be read.
    (BROADER, BROADER): [
        (EXPECTED, requiring(None)),
        (EXPECTED, requiring({"A-1": 1})),
        (EXPECTED, requiring(["A-1", ["B-2"]])),
        (EXPECTED, policy(statement(condition=TWO_SPELLINGS))),
        (
            EXPECTED,
            policy({"Effect": "Allow", "NotPrincipal": {"AWS": PUMP}, "Action": "sts:AssumeRole"}),
        ),
        (
            EXPECTED,
            policy({"Effect": "Allow", "Principal": {"AWS": PUMP}, "NotAction": "sts:TagSession"}),
        ),
        (EXPECTED, policy(statement(Foo=1))),
        (EXPECTED, {**EXPECTED, "Foo": 1}),
        (EXPECTED, policy(statement(Effect="allow"))),
        (EXPECTED, policy(statement(PUMP))),
        (EXPECTED, policy(statement({"AWS": 999988887777}))),
        (EXPECTED, policy(statement(Action=[]))),
        (EXPECTED, policy(statement({"AWS": []}))),
        (EXPECTED, None),
        (EXPECTED, {**EXPECTED, "Version": "2027-01-01"}),
        (EXPECTED, {**EXPECTED, "Version": ""}),
        (DENIED, policy(statement(), {**DENY, "Condition": None})),
        (DENIED, policy(statement(), {**DENY, "Condition": {"IpAddress": "aws:SourceIp"}})),
    ],
}
"""Trust policies before and after a change, by its effects and those of the way back."""


@pytest.mark.parametrize(
    ("effects", "back", "before", "after"),
    [(*effects, *change) for effects, changes in CHANGES.items() for change in changes],
)
def test_change_of_a_trust_policy_is_broader_or_narrower(
    effects: Effects, back: Effects, before: Any, after: Any
) -> None:
    assert trust_effects(before, after) == effects
    assert trust_effects(after, before) == back
    assert trust_effects(after, deepcopy(after)) == ()


def test_role_of_the_same_account_is_not_part_of_its_account() -> None:
    """A role that is named in a trust policy of its own account needs no policy of its own."""
    by_name = policy(statement({"AWS": ROLE}))
    assert trust_effects(EXPECTED, by_name, account=OTHER) == ("narrower",)
    assert trust_effects(EXPECTED, by_name, account=PUMP) == BOTH


@pytest.mark.parametrize(
    ("member", "effects"),
    [
        ({"StringLike": {"sts:ExternalId": "A-*"}}, ["broader"]),
        ({"StringEqualsIgnoreCase": {"sts:ExternalId": "a-1"}}, ["broader"]),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, ["broader"]),
    ],
)
def test_condition_that_is_gone_is_broader_next_to_external_ids_that_are_compared_by_themselves(
    member: dict[str, Any], effects: list[str]
) -> None:
    was = policy(statement(condition={**EXTERNAL_ID, **member}))
    found = trust_policies.trust_differences(parse_trust(was), parse_trust(EXPECTED))
    assert [each.effect for each in found] == effects


def test_invalid_external_id_that_becomes_another_is_not_only_narrower() -> None:
    found = trust_policies.trust_differences(parse_trust(requiring("a b")), parse_trust(EXPECTED))
    assert {each.effect for each in found} == {"broader", "narrower"}


class Request(NamedTuple):
    """A request to assume a role."""

    caller: str
    action: str
    context: Mapping[str, str]


CALLERS = (
    ROLE,
    f"arn:aws:iam::{PUMP}:role/Intern",
    f"arn:aws:iam::{OTHER}:role/Other",
    HOSTILE_PATH,
)
REQUESTS = [
    Request(
        caller,
        action,
        {
            **({} if external_id is None else {"sts:ExternalId": external_id}),
            **({} if organization is None else {"aws:PrincipalOrgID": organization}),
            "aws:SourceIp": address,
        },
    )
    for caller, action, external_id, organization, address in product(
        CALLERS,
        ("sts:AssumeRole", "sts:TagSession"),
        (None, "A-1", "B-2", "a-1"),
        (None, "o-pump", "o-x"),
        ("10.1.2.3", "192.0.2.1"),
    )
]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _principal(named: Any, caller: str) -> bool:
    if named == "*":
        return True
    account = caller.split(":")[4]
    own = {"*", caller, account, f"arn:aws:iam::{account}:root"}
    return any(name in own for name in listed(named["AWS"]))


def _test(operator: str, key: str, values: list[str], context: Mapping[str, str]) -> bool:
    base = operator.removesuffix("IfExists")
    found = context.get(key)
    if found is None:
        return base != operator or base == "StringNotEquals"
    if base == "StringLike":
        return any(fnmatchcase(found, value) for value in values)
    if base == "IpAddress":
        return any(ip_address(found) in ip_network(value) for value in values)
    return (found in values) == (base == "StringEquals")


def applies(made: Mapping[str, Any], request: Request) -> bool:
    """Whether a statement is about a request, by the rules of IAM."""
    return (
        _principal(made["Principal"], request.caller)
        and any(fnmatchcase(request.action, pattern) for pattern in listed(made["Action"]))
        and all(
            _test(operator, key, listed(values), request.context)
            for operator, keys in made.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def allowed(trust: Mapping[str, Any]) -> set[int]:
    """The requests that a trust policy allows, by their places in the list."""

    def found(effect: str) -> Iterator[int]:
        for made in trust["Statement"]:
            if made["Effect"] == effect:
                yield from (at for at, request in enumerate(REQUESTS) if applies(made, request))

    return {*found("Allow")} - {*found("Deny")}


VALUES: dict[tuple[str, str], tuple[str, ...]] = {
    **{
        (operator, "sts:ExternalId"): ("A-1", "B-2", "a-1")
        for operator in ("StringEquals", "StringEqualsIfExists", "StringNotEquals")
    },
    **{
        (operator, "sts:ExternalId"): ("A-1", "A-*", "B-?", "*")
        for operator in ("StringLike", "StringLikeIfExists")
    },
    ("StringEquals", "aws:PrincipalOrgID"): ("o-pump", "o-x"),
    ("StringLike", "aws:PrincipalOrgID"): ("o-*", "o-x"),
    ("IpAddress", "aws:SourceIp"): ("10.0.0.0/8", "192.0.2.0/24", "8.0.0.0/5"),
}


def some_of(values: tuple[str, ...]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values) | st.lists(st.sampled_from(values), min_size=1, max_size=2)


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for operator, key in draw(st.lists(st.sampled_from(list(VALUES)), max_size=2)):
        found.setdefault(operator, {})[key] = draw(some_of(VALUES[operator, key]))
    return found


MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "Effect": st.sampled_from(["Allow", "Allow", "Deny"]),
    "Principal": st.just("*")
    | some_of((PUMP, f"arn:aws:iam::{PUMP}:root", ROLE, OTHER, HOSTILE_PATH, "*")).map(
        lambda names: {"AWS": names}
    ),
    "Action": some_of(("sts:AssumeRole", "sts:TagSession", "sts:*")),
    "Condition": conditions(),
}
STATEMENTS = st.fixed_dictionaries(MEMBERS)
POLICIES = st.lists(STATEMENTS, min_size=1, max_size=2).map(lambda made: policy(*made))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two trust policies, of which the second is mostly the first after one or two changes."""
    expected = draw(POLICIES)
    found = deepcopy(expected)
    for _ in range(draw(st.integers(1, 2))):
        statements = found["Statement"]
        how = draw(st.sampled_from(["add", "remove", "change", "change", "values"]))
        if how == "add" or not statements:
            statements.append(draw(STATEMENTS))
            continue
        at = draw(st.integers(0, len(statements) - 1))
        if how == "remove":
            del statements[at]
        elif how == "change":
            name = draw(st.sampled_from(sorted(MEMBERS)))
            statements[at][name] = draw(MEMBERS[name])
        else:
            for operator, keys in statements[at]["Condition"].items():
                for key in keys:
                    keys[key] = draw(some_of(VALUES[operator, key]))
    return expected, found


@given(pairs())
def test_whatever_a_trust_policy_allows_more_or_less_is_broader_or_narrower(
    pair: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    expected, found = pair
    was, now = allowed(expected), allowed(found)
    effects = trust_effects(expected, found)
    assert len({*effects}) == len(effects)
    if now - was:
        assert "broader" in effects
    if was - now:
        assert "narrower" in effects
    if "unclear" in effects:
        assert effects == ("unclear",)
        assert was == now


@given(st.data())
def test_trust_policy_that_is_written_in_another_way_has_no_effect(data: st.DataObject) -> None:
    document = data.draw(POLICIES)
    assert trust_effects(document, data.draw(rewritten(document))) == ()


ANY_JSON = json_values(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["*", PUMP, "A-1", "Allow", ""]),
    *("Version", "Statement", "Effect", "Action", "Principal", "AWS", "Condition", "StringEquals"),
    *("sts:ExternalId", "ArnEquals", "ArnLike", "NotPrincipal"),
)


@given(ANY_JSON, st.sampled_from(["Effect", "Principal", "Action", "Condition", "Foo"]))
def test_what_cannot_be_read_is_broader(value: Any, member: str) -> None:
    for found in (
        value,
        policy(value),
        policy(statement(), value),
        policy(statement(**{member: value})),
    ):
        effects = trust_effects(EXPECTED, found)
        if "broader" not in effects:
            # It can be read, or was omitted.
            readable = [
                entry for entry in listed(found.get("Statement")) if isinstance(entry, dict)
            ]
            assert all(
                {*entry} <= {"Effect", "Principal", "Action", "Condition"} for entry in readable
            )
            assert all(entry["Effect"] in ("Allow", "Deny") for entry in readable)
