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

from pump_roles.compare.trust_policies import trust_effects
from pump_roles.iam.canonical import canonical
from pump_roles.iam.trust import with_external_ids
from tests.support import examples, json_values
from tools.sandbox.simulator import ALLOWED, Role, Simulation, assumption, decide

PUMP = "999988887777"
ROLE = f"arn:aws:iam::{PUMP}:role/service/PumpService"
OTHER = "111122223333"

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

CHANGES: dict[str, tuple[Any, Any, tuple[str, ...], tuple[str, ...]]] = {
    "one ID more": (EXPECTED, requiring(["A-1", "B-2"]), ("broader",), ("narrower",)),
    "another ID": (EXPECTED, requiring("B-2"), BOTH, BOTH),
    "the case of an ID": (EXPECTED, requiring("a-1"), BOTH, BOTH),
    "no condition": (EXPECTED, policy(statement(condition={})), ("broader",), ("narrower",)),
    "a pattern that the ID has": (
        EXPECTED,
        requiring("A-*", "StringLike"),
        ("broader",),
        ("narrower",),
    ),
    "a pattern that the ID does not have": (EXPECTED, requiring("B*", "StringLike"), BOTH, BOTH),
    "a pattern without a wildcard": (
        EXPECTED,
        requiring("A-1", "StringLike"),
        ("other",),
        ("other",),
    ),
    "a pattern that is one only now": (
        requiring("A-*"),
        requiring("A-*", "StringLike"),
        ("broader",),
        ("narrower",),
    ),
    "a pattern with brackets": (EXPECTED, requiring("[A]-1", "StringLike"), BOTH, BOTH),
    "if there is an ID": (
        EXPECTED,
        requiring("A-1", "StringEqualsIfExists"),
        ("broader",),
        ("narrower",),
    ),
    "any ID but this": (EXPECTED, requiring("A-1", "StringNotEquals"), BOTH, BOTH),
    "for all values": (
        EXPECTED,
        requiring("A-1", "ForAllValues:StringEquals"),
        ("broader",),
        ("narrower",),
    ),
    "no ID at all": (EXPECTED, requiring([]), ("narrower",), ("broader",)),
    "an ID that is a variable": (EXPECTED, requiring("${sts:ExternalId}"), BOTH, BOTH),
    "an ID that is null": (EXPECTED, requiring(None), ("broader",), ("broader",)),
    "an ID that is an object": (EXPECTED, requiring({"A-1": 1}), ("broader",), ("broader",)),
    "an ID among others that is a list": (
        EXPECTED,
        requiring(["A-1", ["B-2"]]),
        ("broader",),
        ("broader",),
    ),
    "one condition more": (
        EXPECTED,
        policy(
            statement(
                condition={
                    "StringEquals": {"sts:ExternalId": "A-1"},
                    "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
                }
            )
        ),
        ("narrower",),
        ("broader",),
    ),
    "one network more": (
        from_networks("10.0.0.0/8"),
        from_networks("10.0.0.0/8", "192.0.2.0/24"),
        ("broader",),
        ("narrower",),
    ),
    # If in doubt, it is broader: networks are not compared.
    "a smaller network": (from_networks("10.0.0.0/8"), from_networks("10.1.0.0/16"), BOTH, BOTH),
    "everyone": (EXPECTED, policy(statement("*")), ("broader",), ("narrower",)),
    "one of its roles": (EXPECTED, policy(statement({"AWS": ROLE})), ("narrower",), ("broader",)),
    "another account": (EXPECTED, policy(statement({"AWS": OTHER})), BOTH, BOTH),
    "another account next to it": (
        EXPECTED,
        policy(statement({"AWS": [PUMP, OTHER]})),
        ("broader",),
        ("narrower",),
    ),
    "a role of another account with the account in its path": (
        EXPECTED,
        policy(statement(), statement({"AWS": HOSTILE_PATH})),
        ("broader",),
        ("narrower",),
    ),
    "a service": (
        EXPECTED,
        policy(statement({"AWS": PUMP, **SERVICE})),
        ("broader",),
        ("narrower",),
    ),
    "a service next to everyone": (
        policy(statement("*")),
        policy(statement("*"), statement(SERVICE)),
        ("broader",),
        ("narrower",),
    ),
    "an identity provider": (
        EXPECTED,
        policy(statement(), statement({"Federated": "accounts.google.com"})),
        ("broader",),
        ("narrower",),
    ),
    "everyone but": (
        EXPECTED,
        policy({"Effect": "Allow", "NotPrincipal": {"AWS": PUMP}, "Action": "sts:AssumeRole"}),
        ("broader",),
        ("broader",),
    ),
    "everything but": (
        EXPECTED,
        policy({"Effect": "Allow", "Principal": {"AWS": PUMP}, "NotAction": "sts:TagSession"}),
        ("broader",),
        ("broader",),
    ),
    "a member that is not known": (EXPECTED, policy(statement(Foo=1)), ("broader",), ("broader",)),
    "a member of the document that is not known": (
        EXPECTED,
        {**EXPECTED, "Foo": 1},
        ("broader",),
        ("broader",),
    ),
    "an effect that is not known": (
        EXPECTED,
        policy(statement(Effect="allow")),
        ("broader",),
        ("broader",),
    ),
    "a principal that is text": (EXPECTED, policy(statement(PUMP)), ("broader",), ("broader",)),
    "a principal that is a number": (
        EXPECTED,
        policy(statement({"AWS": 999988887777})),
        ("broader",),
        ("broader",),
    ),
    "a condition that is null": (
        policy(statement(), DENY),
        policy(statement(), {**DENY, "Condition": None}),
        ("broader",),
        ("broader",),
    ),
    "a condition that is text": (
        policy(statement(), DENY),
        policy(statement(), {**DENY, "Condition": {"IpAddress": "aws:SourceIp"}}),
        ("broader",),
        ("broader",),
    ),
    "two spellings of a key": (
        EXPECTED,
        policy(
            statement(condition={"StringEquals": {"sts:ExternalId": "A-1", "sts:externalid": "B"}})
        ),
        ("broader",),
        ("broader",),
    ),
    "no action": (EXPECTED, policy(statement(Action=[])), ("broader",), ("broader",)),
    "no principal": (EXPECTED, policy(statement({"AWS": []})), ("broader",), ("broader",)),
    "no policy": (EXPECTED, None, ("broader",), ("broader",)),
    "no statement": (EXPECTED, policy(), ("narrower",), ("broader",)),
    "tags": (
        EXPECTED,
        policy(statement(Action=["sts:AssumeRole", "sts:TagSession"])),
        ("broader",),
        ("narrower",),
    ),
    "all of the service": (
        EXPECTED,
        policy(statement(Action="sts:*")),
        ("broader",),
        ("narrower",),
    ),
    "a part of another statement": (
        policy(statement(Action="sts:*")),
        policy(statement(Action="sts:*"), statement()),
        ("other",),
        ("other",),
    ),
    "a deny": (EXPECTED, policy(statement(), DENY), ("narrower",), ("broader",)),
    "a deny for fewer": (
        policy(statement(), DENY),
        policy(statement(), DENY_PUMP),
        ("broader",),
        ("narrower",),
    ),
    "a deny of what is denied": (
        policy(statement(), DENY),
        policy(statement(), DENY, DENY_PUMP),
        ("other",),
        ("other",),
    ),
    "a deny if the key exists": (
        policy(statement(), statement("*", {"StringEquals": {"aws:a": "x"}}, Effect="Deny")),
        policy(
            statement(), statement("*", {"StringEqualsIfExists": {"aws:a": "x"}}, Effect="Deny")
        ),
        ("narrower",),
        ("broader",),
    ),
    "the version with a variable": (
        requiring("${aws:PrincipalTag/Id}"),
        {**requiring("${aws:PrincipalTag/Id}"), "Version": "2008-10-17"},
        ("broader",),
        ("broader",),
    ),
    "a version that is not known": (
        EXPECTED,
        {**EXPECTED, "Version": "2027-01-01"},
        ("broader",),
        ("broader",),
    ),
    "a variable that looks like a value": (
        requiring("${aws:*}", "StringLike"),
        policy(
            *requiring("${aws:*}", "StringLike")["Statement"],
            *requiring("${aws:username}", "StringEquals")["Statement"],
        ),
        ("broader",),
        ("narrower",),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_change_of_a_trust_policy_is_broader_or_narrower(what: str) -> None:
    expected, found, effects, back = CHANGES[what]
    assert trust_effects(expected, found) == effects
    assert trust_effects(found, expected) == back
    assert trust_effects(found, deepcopy(found)) == ()


def test_role_of_the_same_account_is_not_part_of_its_account() -> None:
    """A role that is named in a trust policy of its own account needs no policy of its own."""
    by_name = policy(statement({"AWS": ROLE}))
    assert trust_effects(EXPECTED, by_name, account=OTHER) == ("narrower",)
    assert trust_effects(EXPECTED, by_name, account=PUMP) == BOTH


@pytest.mark.parametrize(
    "found",
    [
        policy(statement({"AWS": f"arn:aws:iam::{PUMP}:root"})),
        policy(statement({"AWS": [PUMP, f"arn:aws:iam::{PUMP}:root"]}, Sid="Any")),
        policy(statement(Action=["STS:assumerole"]), statement()),
        {"Statement": statement(condition={"StringEquals": {"STS:EXTERNALID": ["A-1"]}})},
    ],
)
def test_trust_policy_that_means_the_same_has_no_effect(found: Any) -> None:
    assert trust_effects(EXPECTED, found) == ()
    assert trust_effects(found, EXPECTED) == ()


def test_external_ids_are_replaced_wherever_they_are_required() -> None:
    trust = policy(
        statement(condition={"StringEquals": {"STS:ExternalID": ["A-1", "B-2"], "aws:a": "x"}}),
        statement(condition={"StringLike": {"sts:ExternalId": "A*"}}),
        statement(condition={"StringEquals": {"sts:ExternalId": []}}),
        "not a statement",
    )
    assert with_external_ids(trust, ["X"]) == policy(
        statement(condition={"StringEquals": {"STS:ExternalID": ["X"], "aws:a": "x"}}),
        statement(condition={"StringLike": {"sts:ExternalId": "A*"}}),
        statement(condition={"StringEquals": {"sts:ExternalId": []}}),
        "not a statement",
    )
    assert with_external_ids("text", ["X"]) == "text"


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
    assert bool(effects) == (canonical(expected) != canonical(found))
    if "other" in effects:
        assert effects == ("other",)
        assert was == now


@examples(thorough=4, quick=2)
@given(st.lists(POLICIES, min_size=10, max_size=10))
def test_evaluator_of_these_tests_agrees_with_the_policy_simulator(
    policies: list[dict[str, Any]],
) -> None:
    # The simulator ignores the keys that its catalog does not have for an action.
    asked = [at for at, request in enumerate(REQUESTS) if request.action == "sts:AssumeRole"]
    decided = iter(decide([_simulation(trust, REQUESTS[at]) for trust in policies for at in asked]))
    for trust in policies:
        by_judge = allowed(trust)
        for at in asked:
            assert (next(decided) == ALLOWED) == (at in by_judge), (trust, REQUESTS[at])


def _simulation(trust: Mapping[str, Any], request: Request) -> Simulation:
    asked = assumption(
        Role("R", trust, {}), caller=request.caller, external_id=None, action=request.action
    )
    return asked.under(request.context)


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
            assert canonical(found) == canonical(EXPECTED) or effects in (("narrower",), ("other",))
            readable = [
                entry for entry in listed(found.get("Statement")) if isinstance(entry, dict)
            ]
            assert all(
                {*entry} <= {"Effect", "Principal", "Action", "Condition"} for entry in readable
            )
            assert all(entry["Effect"] in ("Allow", "Deny") for entry in readable)
