"""Policy documents have one canonical form if, and only if, IAM treats them alike."""

import json
from collections.abc import Mapping
from copy import deepcopy
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles.iam.identity_policies import VERSIONS, account_of_root, in_account, parse_policy
from pump_roles.iam.identity_policies import statements_in as statements_of
from tests.policies import document_of, rewritten
from tests.support import examples, json_values
from tools.sandbox.simulator import Role, Simulation, decide, use

ROLE = "arn:aws:iam::999988887777:role/PumpService"
ORGANIZATION = "aws:PrincipalOrgID"


def canonical(document: Any) -> frozenset[object]:
    return parse_policy(document, name="P").canonical


def allow(**more: Any) -> dict[str, Any]:
    """A statement of an identity policy."""
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **more}


def policy(*statements: Any, version: str = "2012-10-17") -> dict[str, Any]:
    return {"Version": version, "Statement": list(statements)}


def conditioned(condition: Any) -> dict[str, Any]:
    return policy(allow(Condition=condition))


def equals(value: Any, key: str = ORGANIZATION, operator: str = "StringEquals") -> dict[str, Any]:
    return conditioned({operator: {key: value}})


def actions(*patterns: str) -> dict[str, Any]:
    return policy(allow(Action=[*patterns]))


def all_but(*patterns: str) -> dict[str, Any]:
    return {"Effect": "Allow", "NotAction": [*patterns], "Resource": "*"}


A, B = "s3:GetObject", "ec2:Describe*"
VARIABLE = allow(Resource="a/${aws:username}")
NEGATED = "ForAllValues:ArnNot"
SAME: dict[str, tuple[Any, Any]] = {
    # A property test below proves the rest.
    "a number as text": (
        equals(3600, "sts:DurationSeconds", "NumericLessThan"),
        equals("3600", "sts:DurationSeconds", "NumericLessThan"),
    ),
    "an operator that negates ARNs": (
        equals(ROLE, "k", f"{NEGATED}EqualsIfExists"),
        equals(ROLE, "k", f"{NEGATED}LikeIfExists"),
    ),
    "the version without a variable": (policy(allow()), policy(allow(), version="2008-10-17")),
    "no version without a variable": (policy(allow()), {"Statement": [allow()]}),
    "the older version by default": (
        {"Statement": [VARIABLE]},
        policy(VARIABLE, version="2008-10-17"),
    ),
}


@pytest.mark.parametrize("what", SAME)
def test_change_without_meaning_keeps_the_canonical_form(what: str) -> None:
    document, other = SAME[what]
    assert document != other
    assert canonical(document) == canonical(other)


DIFFERENT: list[Any] = [
    # What is not a policy.
    None,
    "x",
    {**policy(), "Statement": "x"},
    # Statements.
    policy(),
    policy(None),
    policy('{"Action":"s3:getobject","Effect":"Allow","Resource":"*"}'),
    policy(allow()),
    policy(allow(Foo=1)),
    policy(allow(Version="2012-10-17")),
    {**policy(allow()), "Foo": 1},
    policy(allow(), version="2027-01-01"),
    # Effects.
    policy(allow(Effect="Deny")),
    policy(allow(Effect="allow")),
    # Actions, some of which only look the same, or are the same in lower case.
    policy(allow(Action=[])),
    policy(allow(Action=[], Resource="a")),
    policy(allow(Action=[]), allow()),
    policy(allow(Action="s3:GetObject*")),
    policy(allow(Action="s3:GetObject\n")),
    policy(allow(Action=["s3:GetObject", "s3:PutObject"])),
    policy(allow(Action="sts:Tag")),
    policy(allow(Action="\u017fts:Tag")),
    policy(allow(Action="kms:Decrypt")),
    policy(allow(Action="\u212ams:Decrypt")),
    # What is excluded.
    policy(all_but("s3:GetObject")),
    policy(all_but("s3:*", "ec2:*")),
    policy(all_but("s3:*"), all_but("ec2:*")),
    policy({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "a"}),
    # Resources, some of which only look the same, or are composed otherwise.
    policy({"Effect": "Allow", "Action": "s3:GetObject"}),
    policy(allow(Resource="arn:aws:s3:::a")),
    policy(allow(Resource="a")),
    policy(allow(Resource="A")),
    policy(allow(Resource="\u0430")),
    policy(allow(Resource="\u00e9")),
    policy(allow(Resource="e\u0301")),
    # Lines of the canonical form must not be confused with one another.
    policy(allow(Resource=["a", "b"])),
    policy(allow(Resource='a"}\n{"Action":"s3:getobject","Effect":"Allow","Resource":"b')),
    policy(allow(Resource="${a}")),
    policy(allow(Resource='${a}\nversion "2012-10-17"'), version="2008-10-17"),
    # Which resource, and which condition, goes with which action.
    policy(allow(Action="s3:A", Resource="a"), allow(Action="s3:B", Resource="b")),
    policy(allow(Action=["s3:A", "s3:B"], Resource=["a", "b"])),
    policy(allow(Action="s3:A", Condition={"Null": {"k": "true"}}), allow(Action="s3:B")),
    policy(allow(Action="s3:B", Condition={"Null": {"k": "true"}}), allow(Action="s3:A")),
    # Versions, with a variable.
    policy(VARIABLE),
    policy(VARIABLE, version="2008-10-17"),
    equals("${aws:username}"),
    {"Statement": equals("${aws:username}")["Statement"]},
    equals("x", "aws:ResourceTag/${aws:PrincipalTag/x}"),
    {**equals("x", "aws:ResourceTag/${aws:PrincipalTag/x}"), "Version": "2008-10-17"},
    # Operators.
    *(
        equals("o-1", operator=operator)
        for operator in [
            *("StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringEqualsIfExists"),
            *("ForAnyValue:StringEquals", "ForAllValues:StringEquals", "stringEquals"),
        ]
    ),
    equals("o-*"),
    equals("o-*", operator="StringLike"),
    equals(ROLE, "aws:PrincipalArn", "ArnEquals"),
    equals(ROLE, "aws:PrincipalArn"),
    # Values, and keys.
    *map(equals, ["o-2", "o-a", "o-A", "true", "True", ["o-1", "o-2"], [], None, "null"]),
    *map(equals, [["a", "b"], "a,b", ["a"], [["a"]]]),
    equals("o-1", "aws:ResourceOrgID"),
    equals("x", "aws:RequestTag/K"),
    equals("x", "aws:RequestTag/\u212a"),
    # Conditions.
    conditioned(None),
    conditioned([]),
    conditioned({"StringEquals": {}}),
    conditioned({"StringEquals": "k"}),
    equals([], "k"),
    conditioned({"StringEquals": {ORGANIZATION: "o-1"}, "Bool": {"aws:SecureTransport": "true"}}),
    # Both conditions must be met.
    conditioned({"StringEquals": {ORGANIZATION: "o-1", "aws:principalorgid": "o-2"}}),
    conditioned({"StringEquals": {ORGANIZATION: "o-1", "aws:principalorgid": "o-3"}}),
    conditioned({"ArnEquals": {"k": "a"}, "ArnLike": {"k": "b"}}),
    conditioned({"ArnEquals": {"k": "a"}, "ArnLike": {"k": "c"}}),
    conditioned({"ArnLike": {"k": ["a", "b"]}}),
    conditioned({"ArnLike": {"k": "a"}}),
    conditioned({"ArnLike": {"k": "b"}}),
    conditioned({"ArnLike": {"k": "a"}, 'ArnLike {"k":"b"}': {"k": "b"}}),
]
"""Documents of which no two mean the same."""


def test_documents_that_mean_something_else_have_canonical_forms_of_their_own() -> None:
    forms: dict[frozenset[object], Any] = {}
    for document in DIFFERENT:
        assert forms.setdefault(canonical(document), document) is document
        assert canonical(deepcopy(document)) == canonical(document)


ACTIONS = ("s3:GetObject", "s3:Get*", "S3:getobject", "s3:PutObject", "s3:*", "*")
ARNS = ("*", "arn:aws:s3:::one/*", "arn:aws:s3:::ONE/*", "arn:aws:s3:::${aws:PrincipalOrgID}/*")
TESTS: list[tuple[str, Any]] = [
    *((operator, ORGANIZATION) for operator in ("StringEquals", "StringEqualsIfExists")),
    *((operator, ORGANIZATION) for operator in ("StringLike", "StringNotEquals", "Null")),
    ("ForAllValues:StringEquals", "aws:TagKeys"),
    ("ForAnyValue:StringEquals", "aws:TagKeys"),
    ("StringEquals", "AWS:PRINCIPALORGID"),
    ("ArnEquals", "aws:PrincipalArn"),
    ("ArnLike", "aws:PrincipalArn"),
    ("ArnNotEquals", "aws:PrincipalArn"),
    ("Bool", "aws:SecureTransport"),
]
VALUES: dict[str, tuple[Any, ...]] = {
    "Null": ("true", "false", True, False, "False"),
    "Bool": ("true", "false", True, "False"),
    "StringLike": ("o-*", "o-a", "${aws:PrincipalOrgID}"),
}
ARN_VALUES = ("arn:aws:iam::123456789012:role/R", "arn:aws:iam::*:role/S")


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for operator, key in draw(st.lists(st.sampled_from(TESTS), max_size=2)):
        some = ARN_VALUES if "Arn" in operator else VALUES.get(operator, ("o-a", "o-A", "o-b"))
        values = draw(st.lists(st.sampled_from(some), min_size=1, max_size=2))
        found.setdefault(operator, {})[key] = values[0] if len(values) == 1 else values
    return found


def some_of(values: tuple[str, ...]) -> st.SearchStrategy[str | list[str]]:
    return st.sampled_from(values) | st.lists(st.sampled_from(values), min_size=1, max_size=3)


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"]))}
    made[draw(st.sampled_from(["Action", "Action", "NotAction"]))] = draw(some_of(ACTIONS[:-1]))
    made[draw(st.sampled_from(["Resource", "Resource", "NotResource"]))] = draw(some_of(ARNS))
    if found := draw(conditions()):
        made["Condition"] = found
    return made


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    made = draw(st.lists(statements(), min_size=1, max_size=3))
    return policy(*made, version=draw(st.sampled_from(["2012-10-17", "2008-10-17"])))


@given(st.data())
def test_equivalent_policy_has_the_same_canonical_form(data: st.DataObject) -> None:
    document = data.draw(policies())
    assert canonical(data.draw(rewritten(document))) == canonical(document)


@given(policies())
def test_nothing_of_a_policy_is_lost_when_it_is_read(document: dict[str, Any]) -> None:
    read = parse_policy(document, name="P")
    assert read.unreadable == ()
    assert parse_policy(document_of(read), name="P") == read


@st.composite
def mutated(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """The policy after one small change, which can mean something."""
    changed = deepcopy(document)
    at = draw(st.integers(0, len(changed["Statement"]) - 1))
    statement = changed["Statement"][at]
    what = draw(st.sampled_from(["effect", "member", "condition", "statement", "version"]))
    if what == "effect":
        statement["Effect"] = {"Allow": "Deny", "Deny": "Allow"}[statement["Effect"]]
    elif what == "version":
        changed["Version"] = {"2012-10-17": "2008-10-17"}.get(changed["Version"], "2012-10-17")
    elif what == "condition":
        statement["Condition"] = draw(conditions())
    elif what == "statement":
        changed["Statement"][at] = draw(statements())
    else:
        # Everything but what it names now, or only that.
        name = draw(st.sampled_from(["Action", "Resource"]))
        old, new = (name, f"Not{name}") if name in statement else (f"Not{name}", name)
        statement[new] = statement.pop(old)
    return changed


CONTEXTS: list[dict[str, Any]] = [
    {},
    {"aws:PrincipalOrgID": "o-a", "aws:SecureTransport": "true", "aws:TagKeys": ["o-a"]},
    {"aws:PrincipalOrgID": "o-A", "aws:SecureTransport": "false", "aws:TagKeys": ["o-b", "o-A"]},
]


def questions(document: Mapping[str, Any]) -> list[Simulation]:
    """Requests whose decisions show what a policy means."""
    asked = [
        use(Role("R", {}, {"P": document}), action=action, resource=f"arn:aws:s3:::{name}/k")
        for action in ("s3:GetObject", "s3:PutObject", "s3:GetObjectAcl")
        for name in ("one", "ONE", "o-a")
    ]
    return [simulation.under(context) for simulation in asked for context in CONTEXTS]


def decisions_of(documents: list[dict[str, Any]]) -> list[list[str]]:
    """What the policy simulator decides about the requests, for each policy."""
    asked = [questions(document) for document in documents]
    decided = iter(decide([simulation for requests in asked for simulation in requests]))
    return [[next(decided) for _ in requests] for requests in asked]


@examples(thorough=6, quick=1)
@given(st.data())
def test_policies_with_one_canonical_form_decide_every_request_alike(data: st.DataObject) -> None:
    """The policy simulator decides. It treats the older version like the newer one."""
    alike = []
    for _ in range(20):
        document = data.draw(policies())
        others = [*(data.draw(mutated(document)) for _ in range(3)), data.draw(rewritten(document))]
        # In the older version, "${" is no variable, but it is for the simulator.
        if document["Version"] == VERSIONS[-1] or "${" not in json.dumps(document):
            others.append(document_of(parse_policy(document, name="P")))
        alike += [
            (document, other)
            for other in others
            if other != document and canonical(other) == canonical(document)
        ]
    decided = decisions_of([document for pair in alike for document in pair])
    for index, pair in enumerate(alike):
        assert decided[2 * index] == decided[2 * index + 1], pair


def test_simulator_tells_most_of_the_other_policies_apart() -> None:
    """Proves that the test above can fail."""
    pairs = [
        (policy(allow(Resource=arn)), policy(allow(Resource=other)))
        for arn, other in pairwise(ARNS)
    ]
    pairs += [
        (equals("o-a"), equals("o-A")),
        (equals("o-a"), equals("o-a", operator="StringEqualsIfExists")),
        (
            equals("o-a", "aws:TagKeys", "ForAllValues:StringEquals"),
            equals("o-a", "aws:TagKeys", "ForAnyValue:StringEquals"),
        ),
        (equals([]), policy(allow())),
    ]
    decided = decisions_of([document for pair in pairs for document in pair])
    for index, (document, other) in enumerate(pairs):
        assert decided[2 * index] != decided[2 * index + 1], (document, other)
        assert canonical(document) != canonical(other)


ANY_JSON = json_values(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    *("Version", "Statement", "Effect", "Action", "NotAction", "Resource"),
    *("Condition", "StringEquals", "ArnEquals", "ArnLike", "Sid", "k", "K"),
)


@given(ANY_JSON, ANY_JSON)
def test_other_json_never_has_the_canonical_form_of_a_policy(one: Any, other: Any) -> None:
    document = {"Statement": one}
    expected = policy(allow())
    for found in (one, document, {"Statement": [allow(), other]}, {**expected, "Statement": other}):
        same = canonical(found) == canonical(expected)
        assert not same or {"Effect", "Action", "Resource"} <= {
            name for statement in statements_of(found) for name in statement
        }


def test_placeholders_of_an_account_are_filled_in_everywhere() -> None:
    arn, key = "arn:${AWS::Partition}:iam::${AWS::AccountId}:x", "aws:PrincipalArn"
    here = {"account": "123456789012", "partition": "aws-cn"}
    filled = "arn:aws-cn:iam::123456789012:x"
    assert in_account(arn, **here) == filled
    for text in (allow(Resource=arn), equals(arn, key)["Statement"][0], allow(Foo=arn)):
        read = parse_policy(policy(text), name="P", arn=arn).in_account(**here)
        expected = json.loads(json.dumps(policy(text)).replace(arn, filled))
        assert read == parse_policy(expected, name="P", arn=filled)


@pytest.mark.parametrize(
    "principal",
    [
        *("*", ROLE, 5, None, ["arn:aws:iam::111122223333:root"], {}),
        *("arn:aws:iam::999988887777:user/root", "arn:aws:iam::999988887777:root\n"),
    ],
)
def test_principal_that_is_not_an_account_root_is_unchanged(principal: Any) -> None:
    assert account_of_root(principal) == principal
