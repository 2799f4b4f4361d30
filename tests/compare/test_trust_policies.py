"""The effect of a change of a trust policy, checked with the requests that it allows."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any, NamedTuple

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

BROADER, NARROWER, OTHERWISE = ("broader",), ("narrower",), ("other",)
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

EXTERNAL_ID = {"StringEquals": {"sts:ExternalId": "A-1"}}
ANY_IDS = requiring("${aws:*}", "StringLike")
TWO_SPELLINGS = {"StringEquals": {"sts:ExternalId": "A-1", "sts:externalid": "B"}}

CHANGES: list[tuple[Any, tuple[str, ...], tuple[str, ...], dict[str, Any]]] = [
    # What is expected, the effect, the effect of the way back, and what is found.
    (
        EXPECTED,
        BROADER,
        NARROWER,
        {
            "one ID more": requiring(["A-1", "B-2"]),
            "no condition": policy(statement(condition={})),
            "a pattern that the ID has": requiring("A-*", "StringLike"),
            "if there is an ID": requiring("A-1", "StringEqualsIfExists"),
            "for all values": requiring("A-1", "ForAllValues:StringEquals"),
            "everyone": policy(statement("*")),
            "another account next to it": policy(statement({"AWS": [PUMP, OTHER]})),
            "a role of another account with the account in its path": policy(
                statement(), statement({"AWS": HOSTILE_PATH})
            ),
            "a service": policy(statement({"AWS": PUMP, **SERVICE})),
            "an identity provider": policy(
                statement(), statement({"Federated": "accounts.google.com"})
            ),
            "tags": policy(statement(Action=["sts:AssumeRole", "sts:TagSession"])),
            "all of the service": policy(statement(Action="sts:*")),
        },
    ),
    (
        EXPECTED,
        NARROWER,
        BROADER,
        {
            "no ID at all": requiring([]),
            "one condition more": policy(
                statement(condition={**EXTERNAL_ID, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})
            ),
            "one of its roles": policy(statement({"AWS": ROLE})),
            "no statement": policy(),
            "a deny": policy(statement(), DENY),
        },
    ),
    (
        EXPECTED,
        BOTH,
        BOTH,
        {
            "another ID": requiring("B-2"),
            "the case of an ID": requiring("a-1"),
            "a pattern that the ID does not have": requiring("B*", "StringLike"),
            "a pattern with brackets": requiring("[A]-1", "StringLike"),
            "any ID but this": requiring("A-1", "StringNotEquals"),
            "an ID that is a variable": requiring("${sts:ExternalId}"),
            "another account": policy(statement({"AWS": OTHER})),
        },
    ),
    (
        # What cannot be read.
        EXPECTED,
        BROADER,
        BROADER,
        {
            "an ID that is null": requiring(None),
            "an ID that is an object": requiring({"A-1": 1}),
            "an ID among others that is a list": requiring(["A-1", ["B-2"]]),
            "two spellings of a key": policy(statement(condition=TWO_SPELLINGS)),
            "everyone but": policy(
                {"Effect": "Allow", "NotPrincipal": {"AWS": PUMP}, "Action": "sts:AssumeRole"}
            ),
            "everything but": policy(
                {"Effect": "Allow", "Principal": {"AWS": PUMP}, "NotAction": "sts:TagSession"}
            ),
            "a member that is not known": policy(statement(Foo=1)),
            "a member of the document that is not known": {**EXPECTED, "Foo": 1},
            "an effect that is not known": policy(statement(Effect="allow")),
            "a principal that is text": policy(statement(PUMP)),
            "a principal that is a number": policy(statement({"AWS": 999988887777})),
            "no action": policy(statement(Action=[])),
            "no principal": policy(statement({"AWS": []})),
            "no policy": None,
            "a version that is not known": {**EXPECTED, "Version": "2027-01-01"},
        },
    ),
    (
        policy(statement(), DENY),
        BROADER,
        BROADER,
        {
            "a condition that is null": policy(statement(), {**DENY, "Condition": None}),
            "a condition that is text": policy(
                statement(), {**DENY, "Condition": {"IpAddress": "aws:SourceIp"}}
            ),
        },
    ),
    (EXPECTED, OTHERWISE, OTHERWISE, {"a pattern": requiring("A-1", "StringLike")}),
    (
        requiring("A-*"),
        BROADER,
        NARROWER,
        {"a pattern that is one only now": requiring("A-*", "StringLike")},
    ),
    (
        from_networks("10.0.0.0/8"),
        BROADER,
        NARROWER,
        {"one network more": from_networks("10.0.0.0/8", "192.0.2.0/24")},
    ),
    # If in doubt, it is broader: networks are not compared.
    (from_networks("10.0.0.0/8"), BOTH, BOTH, {"a smaller network": from_networks("10.1.0.0/16")}),
    (
        policy(statement("*")),
        BROADER,
        NARROWER,
        {"a service next to everyone": policy(statement("*"), statement(SERVICE))},
    ),
    (
        policy(statement(Action="sts:*")),
        OTHERWISE,
        OTHERWISE,
        {"a part of another statement": policy(statement(Action="sts:*"), statement())},
    ),
    (
        policy(statement(), DENY),
        BROADER,
        NARROWER,
        {"a deny for fewer": policy(statement(), DENY_PUMP)},
    ),
    (
        policy(statement(), DENY),
        OTHERWISE,
        OTHERWISE,
        {"a deny of what is denied": policy(statement(), DENY, DENY_PUMP)},
    ),
    (
        policy(statement(), statement("*", {"StringEquals": {"aws:a": "x"}}, Effect="Deny")),
        NARROWER,
        BROADER,
        {
            "a deny if the key exists": policy(
                statement(),
                statement("*", {"StringEqualsIfExists": {"aws:a": "x"}}, Effect="Deny"),
            )
        },
    ),
    (
        requiring("${aws:PrincipalTag/Id}"),
        BROADER,
        BROADER,
        {
            "the version with a variable": {
                **requiring("${aws:PrincipalTag/Id}"),
                "Version": "2008-10-17",
            }
        },
    ),
    (
        ANY_IDS,
        BROADER,
        NARROWER,
        {
            "a variable that looks like a value": policy(
                *ANY_IDS["Statement"], *requiring("${aws:username}")["Statement"]
            )
        },
    ),
]


def test_change_of_a_trust_policy_is_broader_or_narrower() -> None:
    for expected, effects, back, changes in CHANGES:
        for name, found in changes.items():
            assert trust_effects(expected, found) == effects, name
            assert trust_effects(found, expected) == back, name
            assert trust_effects(found, deepcopy(found)) == (), name


def test_role_of_the_same_account_is_not_part_of_its_account() -> None:
    """A role that is named in a trust policy of its own account needs no policy of its own."""
    by_name = policy(statement({"AWS": ROLE}))
    assert trust_effects(EXPECTED, by_name, account=OTHER) == ("narrower",)
    assert trust_effects(EXPECTED, by_name, account=PUMP) == BOTH


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
