"""Each validator accepts what AWS documents and nothing else, in Python and in CloudFormation."""

import re
import string

import botocore.session
import pytest
from aws_cdk import Aws, CfnParameter, Stack
from aws_cdk.region_info import RegionInfo
from hypothesis import example, given
from hypothesis import strategies as st

from pump_roles.validators import (
    ACCOUNTS,
    EXTERNAL_ID,
    FAILURE_TOLERANCE,
    MAX_CONCURRENT,
    ORGANIZATIONAL_UNITS,
    PARTITIONS,
    PERMISSIONS_BOUNDARY,
    PRINCIPAL,
    PROVIDED_EXTERNAL_ID,
    PROVIDED_PRINCIPAL,
    REGION_NAMES,
    REGIONS,
    ROLE_ARN,
    ROLE_NAME,
    ROLE_PATH,
    ArgumentError,
    ListOf,
    Text,
)

ALNUM = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
DIGITS = st.text(string.digits, min_size=12, max_size=12)
SOME_PARTITIONS = st.sampled_from(
    ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-eusc"]
)

# What AWS's references say, written down apart from the package.
EXTERNAL_IDS = st.text(ALNUM + "_+=,.@:/-", min_size=2, max_size=1224)
ROLE_NAMES = st.text(ALNUM + "_+=,.@-", min_size=1, max_size=64)
POLICY_NAMES = st.text(ALNUM + "_+=,.@-", min_size=1, max_size=128)
PATHS = st.just("/") | st.text(VISIBLE, min_size=1, max_size=510).map(lambda inner: f"/{inner}/")
SEGMENTS = st.lists(ROLE_NAMES, max_size=3).map(lambda names: "".join(f"{name}/" for name in names))
PRINCIPALS = DIGITS | st.builds(
    "arn:{}:iam::{}:{}".format,
    SOME_PARTITIONS,
    DIGITS,
    st.just("root") | st.builds("role/{}{}".format, SEGMENTS, ROLE_NAMES),
)
ROLE_ARNS = st.builds("arn:{}:iam::{}:role{}{}".format, SOME_PARTITIONS, DIGITS, PATHS, ROLE_NAMES)
BOUNDARIES = st.builds("{}{}".format, SEGMENTS, POLICY_NAMES) | st.builds(
    "arn:{}:iam::aws:policy/{}{}".format, SOME_PARTITIONS, SEGMENTS, POLICY_NAMES
)
# The AWS Organizations API Reference.
ROOTS = st.text(LOWER, min_size=4, max_size=32).map("r-{}".format)
UNITS = st.builds(
    "ou-{}-{}".format,
    st.text(LOWER, min_size=4, max_size=32),
    st.text(LOWER, min_size=8, max_size=32),
)

DOCUMENTED = [
    (EXTERNAL_ID, EXTERNAL_IDS, r"[\w+=,.@:\/-]{2,1224}"),
    (ROLE_NAME, ROLE_NAMES, r"[\w+=,.@-]{1,64}"),
    (ROLE_PATH, PATHS, r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)"),
    (PRINCIPAL, PRINCIPALS, None),
    (ROLE_ARN, ROLE_ARNS, None),
    (PERMISSIONS_BOUNDARY, BOUNDARIES, None),
]
TEXTS = [validator for validator, _, _ in DOCUMENTED]


def is_token(value: str) -> bool:
    return "${Token[" in value or "{{resolve:" in value


def accepts(validator: Text, value: object) -> bool:
    """Return whether the value passes the check; the short answer must be the same."""
    try:
        validator.check("argument", value)
    except ArgumentError:
        accepted = False
    else:
        accepted = True
    assert validator.accepts(value) == accepted
    return accepted


@pytest.mark.parametrize(
    ("validator", "values"), [(validator, values) for validator, values, _ in DOCUMENTED]
)
def test_accepts_what_aws_documents(validator: Text, values: st.SearchStrategy[str]) -> None:
    @given(values)
    def holds(value: str) -> None:
        assert validator.check("argument", value) == value
        assert validator.accepts(value)

    holds()


@pytest.mark.parametrize(
    ("validator", "documented"),
    [(validator, pattern) for validator, _, pattern in DOCUMENTED if pattern],
)
def test_accepts_exactly_what_the_documented_pattern_matches(
    validator: Text, documented: str
) -> None:
    @given(st.text(max_size=70) | st.text(VISIBLE, max_size=70).map(lambda inner: f"/{inner}/"))
    @example("a\n")
    @example("\uff11" * 12)
    @example("é" * 3)
    def holds(value: str) -> None:
        expected = re.fullmatch(documented, value, re.ASCII) and not is_token(value)
        assert accepts(validator, value) == bool(expected)

    holds()


@pytest.mark.parametrize("validator", TEXTS)
def test_pattern_keeps_to_what_java_and_python_read_alike(validator: Text) -> None:
    # Literals, ASCII classes without escapes, nesting or intersection, groups, bars, and
    # quantifiers that are greedy. No \w, \d, \s, (?...), possessive or lazy quantifier, &&.
    classes = re.compile(r"\[[^\[\]\\&^]+\]")
    rest = classes.sub("", validator.pattern.removeprefix("^").removesuffix("$"))
    assert re.fullmatch(r"[a-zA-Z0-9:/()|+*{},?-]*", rest)
    assert not re.search(r"\(\?|[+*?}][+*?]|\\", validator.pattern)
    assert validator.pattern.startswith("^")
    assert validator.pattern.endswith("$")


IAM_ARN = "arn:aws:iam::123456789012"
LONG = "a" * 65
BAD: dict[Text, list[object]] = {
    EXTERNAL_ID: [
        *(
            "",
            "a",
            "a" * 1225,
            "a b",
            "ab\n",
            "é" * 3,
            "a*",
            "\u0661\u0662",
            "\uff11\uff12",
            12,
            None,
        ),
        *(["ab"], "a%2Bb", "a&param_PumpIamRole=1", "a#b", "*"),
    ],
    PRINCIPAL: [
        *("", "1234-5678-9012", "1" * 11, "1" * 13, "\uff11" * 12, "*", "1" * 12 + "\n"),
        *(f"{IAM_ARN}:role/{name}" for name in ("*", "a?", "", LONG)),
        *(f"{IAM_ARN}:user/pump", f"{IAM_ARN}:root\n", f"{IAM_ARN}:oidc-provider/example"),
        *("arn:aws:iam::12345678901:root", "arn:aws:s3:::bucket", "ec2.amazonaws.com"),
        "arn:aws:sts::123456789012:assumed-role/pump/session",
        "arn:awsx:iam::123456789012:root",
    ],
    ROLE_ARN: [
        *("", "1" * 12, None, f"{IAM_ARN}:root", f"{IAM_ARN}:user/pump"),
        *(f"{IAM_ARN}:role/{name}" for name in ("", "pump/", "pump\n", "pu mp", LONG)),
        "arn:aws:iam::12345678901:role/pump-role",
        "arn:aws:iam:us-east-1:123456789012:role/pump",
        "arn:aws:sts::123456789012:assumed-role/pump/session",
    ],
    ROLE_NAME: ["", LONG, "a/b", "a b", "a\n"],
    ROLE_PATH: ["", "pump", "/pump", "pump/", "/pu mp/", "//\n", f"/{'a' * 511}/"],
    PERMISSIONS_BOUNDARY: [
        *("", "/Boundary", "platform/", "a" * 129, "Boundary\n"),
        *(f"{IAM_ARN}:role/Boundary", "arn:aws:iam::aws:role/Boundary"),
    ],
}


def test_arn_of_a_boundary_gets_an_error_that_says_which_name_to_pass() -> None:
    arn = "arn:aws:iam::123456789012:policy/platform/Boundary"
    with pytest.raises(ArgumentError) as caught:
        PERMISSIONS_BOUNDARY.check("boundary", arn)
    assert caught.value.problem == (
        f"'{arn}' is the ARN of a policy in one account; pass the policy's name, which works in "
        "every account and partition: platform/Boundary"
    )


@pytest.mark.parametrize(
    ("validator", "value"),
    [(validator, value) for validator, values in BAD.items() for value in values],
)
def test_rejects_anything_else_with_one_clear_message(validator: Text, value: object) -> None:
    with pytest.raises(ArgumentError) as caught:
        validator.check("the_argument", value)
    message = str(caught.value)
    assert message.startswith("the_argument: ")
    assert repr(value)[:30] in message
    assert validator.description in message
    assert "\n" not in message
    assert len(message) < 320
    assert not validator.accepts(value)


def test_long_value_is_shown_by_its_beginning_and_length() -> None:
    with pytest.raises(ArgumentError) as caught:
        ROLE_NAME.check("role_name", "a" * 1_234)
    assert caught.value.problem.startswith(f"'{'a' * 59}... (1,234 characters) is not a role name")


def test_says_that_a_number_must_be_in_quotes() -> None:
    with pytest.raises(ArgumentError, match=r"; put the number in quotes$"):
        PRINCIPAL.check("pump_principal", 999988887777)
    with pytest.raises(ArgumentError) as caught:
        PRINCIPAL.check("pump_principal", True)  # noqa: FBT003
    assert "number" not in caught.value.problem


@pytest.mark.parametrize("value", ["a secret", "${Token[a secret]}", "a secret" * 200, 1])
def test_hides_a_value_that_must_not_be_shown(value: object) -> None:
    with pytest.raises(ArgumentError) as caught:
        EXTERNAL_ID.check("external_id", value, shown=False)
    assert caught.value.problem.startswith("the value is ")
    assert "secret" not in str(caught.value)
    assert EXTERNAL_ID.description in str(caught.value)


@pytest.mark.parametrize("validator", TEXTS)
def test_rejects_tokens(validator: Text) -> None:
    reference = CfnParameter(Stack(), "P").value_as_string
    dynamic = "/{{resolve:ssm:path}}/"
    for token in [Aws.NO_VALUE, f"/{Aws.ACCOUNT_ID}/", reference, dynamic]:
        with pytest.raises(ArgumentError, match="is a token; it must be a literal"):
            validator.check("the_argument", token)
        assert not validator.accepts(token)


@given(st.lists(ROOTS | UNITS, min_size=1, max_size=50, unique=True))
def test_accepts_ids_of_organizational_units_and_of_the_root(units: list[str]) -> None:
    assert ORGANIZATIONAL_UNITS.check("units", units) == units
    assert ORGANIZATIONAL_UNITS.check("units", tuple(units)) == units


@given(st.text(max_size=20) | st.text("ou-r0123456789abcdef", max_size=24))
def test_list_accepts_exactly_the_elements_that_aws_documents(value: str) -> None:
    for validator, pattern in [
        (ORGANIZATIONAL_UNITS, "ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32}"),
        (ACCOUNTS, "[0-9]{12}"),
    ]:
        if re.fullmatch(pattern, value, re.ASCII):
            assert validator.check("values", [value]) == [value]
        else:
            with pytest.raises(ArgumentError, match=r"^values: "):
                validator.check("values", [value])


@pytest.mark.parametrize("validator", [ORGANIZATIONAL_UNITS, ACCOUNTS])
@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([], "the list is empty"),
        ((), "the list is empty"),
        *((value, "is not a list") for value in ("111111111111", None, 12, {"r-abcd": 1})),
        *(([element], "is not ") for element in (None, 12, ["r-abcd"])),
    ],
)
def test_rejects_what_is_not_a_list_of_strings(
    validator: ListOf, values: object, problem: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        validator.check("values", values)
    assert caught.value.argument == "values"
    assert problem in caught.value.problem
    assert validator.element.description in caught.value.problem


@given(st.lists(DIGITS, min_size=1, max_size=20, unique=True), st.data())
def test_rejects_a_value_that_is_listed_twice(accounts: list[str], data: st.DataObject) -> None:
    twice = data.draw(st.sampled_from(accounts))
    at = data.draw(st.integers(0, len(accounts)))
    with pytest.raises(ArgumentError, match=f"^accounts: '{twice}' is listed twice$"):
        ACCOUNTS.check("accounts", [*accounts[:at], twice, *accounts[at:]])


def test_rejects_more_values_than_the_maximum_number() -> None:
    units = [f"ou-abcd-{index:08}" for index in range(51)]
    assert ORGANIZATIONAL_UNITS.check("units", units[:50]) == units[:50]
    with pytest.raises(ArgumentError, match=r"^units: 51 given, at most 50 allowed$"):
        ORGANIZATIONAL_UNITS.check("units", units)
    accounts = [f"{index:012}" for index in range(1_001)]
    assert ACCOUNTS.check("accounts", accounts[:1_000]) == accounts[:1_000]
    with pytest.raises(ArgumentError, match=r"^accounts: 1,001 given, at most 1,000 allowed$"):
        ACCOUNTS.check("accounts", accounts)


@given(st.integers(-200, 200) | st.floats(allow_nan=True) | st.booleans() | st.text(max_size=4))
@example(0)
@example(1)
@example(100)
@example(101)
def test_percentage_is_a_whole_number_within_its_bounds(value: object) -> None:
    for validator, minimum in [(MAX_CONCURRENT, 1), (FAILURE_TOLERANCE, 0)]:
        if type(value) is int and minimum <= value <= 100:
            assert validator.check("percentage", value) == value
        else:
            with pytest.raises(ArgumentError, match=f"from {minimum} to 100$"):
                validator.check("percentage", value)


def test_knows_every_region_that_the_cdk_knows() -> None:
    """When this fails, the pinned aws-cdk-lib knows other regions: correct the list."""
    assert sorted(REGION_NAMES) == sorted(region.name for region in RegionInfo.regions)
    assert list(REGION_NAMES) == sorted(set(REGION_NAMES))


def test_accepts_the_name_of_every_region() -> None:
    assert REGIONS.check("regions", REGION_NAMES) == list(REGION_NAMES)


def test_knows_every_partition_that_the_cdk_and_botocore_know() -> None:
    """When this fails, the pinned packages know other partitions: correct the list."""
    of_cdk = {region.partition for region in RegionInfo.regions}
    assert set(PARTITIONS) == of_cdk - {None}
    assert set(PARTITIONS) == set(botocore.session.get_session().get_available_partitions())


@pytest.mark.parametrize(
    ("principal", "problem"),
    [
        ("000000000000", "no AWS account has the ID 000000000000"),
        ("arn:aws:iam::000000000000:role/Pump", "no AWS account has the ID 000000000000"),
        (
            "arn:aws-us-gvo:iam::999988887777:root",
            "is in the partition 'aws-us-gvo', which does not exist; did you mean aws-us-gov?",
        ),
        (
            f"arn:aws:iam::999988887777:role/{('a' * 60 + '/') * 8}{'b' * 23}/{'c' * 60}",
            "its path has 513 characters, at most 512 allowed",
        ),
    ],
)
def test_rejects_a_principal_that_cannot_exist(principal: str, problem: str) -> None:
    assert PRINCIPAL.accepts(principal)
    with pytest.raises(ArgumentError) as caught:
        PROVIDED_PRINCIPAL.check("principal", principal)
    assert caught.value.problem.endswith(problem)


@pytest.mark.parametrize(
    "principal",
    [
        "000000000001",
        "arn:aws-eusc:iam::100000000000:root",
        "arn:aws:iam::999988887777:role/000000000000",
        f"arn:aws:iam::999988887777:role/{('a' * 60 + '/') * 8}{'b' * 22}/{'c' * 60}",
    ],
)
def test_accepts_a_principal_that_can_exist(principal: str) -> None:
    assert PROVIDED_PRINCIPAL.check("principal", principal) == principal


def test_placeholder_is_recognized_and_a_value_that_contains_it_is_not() -> None:
    assert PROVIDED_EXTERNAL_ID.check("id", "MY_EXTERNAL_ID") == "MY_EXTERNAL_ID"
    for validator in (PROVIDED_EXTERNAL_ID, PROVIDED_PRINCIPAL):
        assert validator.placeholders
        for placeholder in validator.placeholders:
            with pytest.raises(ArgumentError, match="is a placeholder; replace it with "):
                validator.check("value", placeholder)
