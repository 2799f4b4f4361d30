"""Each validator accepts what AWS documents and nothing else, in Python and in CloudFormation."""

import re
import string

import botocore.session
import pytest
from aws_cdk import Aws, CfnParameter, Stack
from aws_cdk.region_info import RegionInfo
from hypothesis import example, given
from hypothesis import strategies as st

from pump_roles import ArgumentError
from pump_roles.inputs.validators import (
    ACCOUNT,
    ACCOUNTS,
    EXTERNAL_ID,
    FAILURE_TOLERANCE,
    GLOBAL_REGIONS,
    MAX_CONCURRENT,
    ORGANIZATIONAL_UNITS,
    PARTITIONS,
    PERMISSIONS_BOUNDARY,
    POLICY_TARGETS,
    PRINCIPAL,
    PROBED_ROLE_ARN,
    PROVIDED_EXTERNAL_ID,
    PROVIDED_PRINCIPAL,
    REGION_NAMES,
    REGIONS,
    ROLE_ARN,
    ROLE_NAME,
    ROLE_PATH,
    ListOf,
    Text,
    partition_of_region,
)

ALNUM = string.ascii_letters + string.digits
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
DIGITS = st.text(string.digits, min_size=12, max_size=12)
SOME_PARTITIONS = st.sampled_from(PARTITIONS)

# What AWS's references say, written down apart from the package.
# Our pages have these placeholders, and Hypothesis tries constants of the source.
PLACEHOLDERS = ("EXTERNAL_ID", "NEW_EXTERNAL_ID", "OLD_EXTERNAL_ID")
EXTERNAL_IDS = st.text(ALNUM + "_+=,.@:/-", min_size=2, max_size=1224).filter(
    lambda value: value not in PLACEHOLDERS
)
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
ROOT = "r-[a-z0-9]{4,32}"
UNIT = "ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}"

DOCUMENTED = [
    (EXTERNAL_ID, EXTERNAL_IDS, rf"(?!({'|'.join(PLACEHOLDERS)})\Z)[\w+=,.@:\/-]{{2,1224}}"),
    (ROLE_NAME, ROLE_NAMES, r"[\w+=,.@-]{1,64}"),
    (ROLE_PATH, PATHS, r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)"),
    (PRINCIPAL, PRINCIPALS, None),
    (ROLE_ARN, ROLE_ARNS, None),
    (PERMISSIONS_BOUNDARY, BOUNDARIES, None),
]
TEXTS = [validator for validator, _, _ in DOCUMENTED]


def problem_of(validator: Text | ListOf, value: object) -> str:
    """Return the error about a value, or nothing; the short answer must be the same."""
    try:
        assert validator.check("argument", value) == value
    except ArgumentError as error:
        assert str(error) == f"argument: {error.problem}"
        assert "\n" not in error.problem
        problem = error.problem
    else:
        problem = ""
    if isinstance(validator, Text):
        assert validator.accepts(value) == (not problem)
    return problem


@pytest.mark.parametrize(("validator", "values", "pattern"), DOCUMENTED)
def test_accepts_what_aws_documents(
    validator: Text, values: st.SearchStrategy[str], pattern: str | None
) -> None:
    @given(values)
    def holds(value: str) -> None:
        assert problem_of(validator, value) == ""

    @given(st.text(max_size=70) | st.text(VISIBLE, max_size=70).map(lambda inner: f"/{inner}/"))
    @example("a\n")
    @example("\uff11" * 12)
    @example("é" * 3)
    @example("EXTERNAL_ID")
    def holds_exactly(value: str) -> None:
        is_token = "${Token[" in value or "{{resolve:" in value
        expected = re.fullmatch(str(pattern), value, re.ASCII) and not is_token
        assert (problem_of(validator, value) == "") == bool(expected)

    holds()
    if pattern:
        holds_exactly()


@pytest.mark.parametrize("validator", TEXTS)
def test_pattern_keeps_to_what_java_and_python_read_alike(validator: Text) -> None:
    # Literals, ASCII classes without escapes, nesting or intersection, groups, bars, and
    # quantifiers that are greedy. No \w, \d, \s, (?...), possessive or lazy quantifier, &&. At the
    # start, a negative lookahead at whole words.
    pattern = re.sub(r"^\^\(\?!\([A-Z_|]+\)\$\)", "^", validator.pattern)
    classes = re.compile(r"\[[^\[\]\\&^]+\]")
    rest = classes.sub("", pattern.removeprefix("^").removesuffix("$"))
    assert re.fullmatch(r"[a-zA-Z0-9:/()|+*{},?-]*", rest)
    assert not re.search(r"\(\?|[+*?}][+*?]|\\", pattern)
    assert validator.pattern.startswith("^")
    assert validator.pattern.endswith("$")


IAM_ARN = "arn:aws:iam::123456789012"
LONG = "a" * 65
BAD: dict[Text, list[object]] = {
    EXTERNAL_ID: [
        *("", "a", "a" * 1225, "a b", "ab\n", "é" * 3, "a*", "\u0661\u0662", "\uff11\uff12"),
        *(12, None, ["ab"], "a%2Bb", "a&param_PumpIamRole=1", "a#b", "*"),
        *("EXTERNAL_ID", "OLD_EXTERNAL_ID", "NEW_EXTERNAL_ID"),
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


@pytest.mark.parametrize(
    ("validator", "value"),
    [(validator, value) for validator, values in BAD.items() for value in values],
)
def test_rejects_anything_else_with_one_clear_message(validator: Text, value: object) -> None:
    problem = problem_of(validator, value)
    assert validator.secret or repr(value)[:30] in problem
    assert validator.description in problem
    assert len(problem) < 310


@pytest.mark.parametrize(
    ("validator", "value", "problem"),
    [
        (
            PERMISSIONS_BOUNDARY,
            f"{IAM_ARN}:policy/platform/Boundary",
            f"'{IAM_ARN}.*' is the ARN of a policy in one account; pass the .*: platform/Boundary$",
        ),
        (ROLE_NAME, "a" * 1_234, rf"'{'a' * 59}\.\.\. \(1,234 characters\) is not a role name"),
        (PRINCIPAL, 999988887777, ".*; put the number in quotes$"),
        (PRINCIPAL, True, "True is not a 12-digit account ID, or the ARN of .* account root$"),
    ],
)
def test_error_says_what_is_wrong_in_particular(
    validator: Text, value: object, problem: str
) -> None:
    assert re.match(problem, problem_of(validator, value))


@pytest.mark.parametrize("validator", [EXTERNAL_ID, PROVIDED_EXTERNAL_ID, PROBED_ROLE_ARN])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("a secret", "the value is not {}; its length is 8"),
        ("a secret" * 200, "the value is not {}; its length is 1,600"),
        ("${Token[a secret]}", "the value is a token; it must be a literal: {}"),
        (123456789012, "the value is not {}; put the number in quotes"),
        (["a secret"], "the value is not {}"),
    ],
)
def test_external_id_and_what_may_be_one_are_not_shown(
    validator: Text, value: object, problem: str
) -> None:
    assert problem_of(validator, value) == problem.format(validator.description)


@pytest.mark.parametrize("validator", TEXTS)
def test_rejects_tokens(validator: Text) -> None:
    reference = CfnParameter(Stack(), "P").value_as_string
    for token in [Aws.NO_VALUE, f"/{Aws.ACCOUNT_ID}/", reference, "/{{resolve:ssm:path}}/"]:
        assert "is a token; it must be a literal" in problem_of(validator, token)


@pytest.mark.parametrize(
    ("validator", "element", "maximum"),
    [(ORGANIZATIONAL_UNITS, f"{UNIT}|{ROOT}", 50), (ACCOUNTS, "[0-9]{12}", 1_000)],
)
def test_list_has_different_elements_that_aws_documents_and_not_too_many(
    validator: ListOf, element: str, maximum: int
) -> None:
    elements = st.from_regex(element, fullmatch=True).filter(str.isascii)

    @given(st.lists(elements, min_size=1, max_size=20, unique=True), st.data())
    def accepts(values: list[str], data: st.DataObject) -> None:
        assert problem_of(validator, values) == ""
        assert validator.check("argument", tuple(values)) == values
        twice = data.draw(st.sampled_from(values))
        at = data.draw(st.integers(0, len(values)))
        again = [*values[:at], twice, *values[at:]]
        assert problem_of(validator, again) == f"'{twice}' is listed twice"

    @given(st.text(max_size=20) | st.text("ou-r0123456789abcdef", max_size=24))
    def accepts_exactly(value: str) -> None:
        is_documented = re.fullmatch(element, value, re.ASCII) is not None
        assert (problem_of(validator, [value]) == "") == is_documented

    accepts()
    accepts_exactly()
    wrong: object
    for wrong, problem in [
        ([], "the list is empty"),
        ((), "the list is empty"),
        *((value, "is not a list") for value in ("111111111111", None, 12, {"r-abcd": 1})),
        *(([value], "is not ") for value in (None, 12, ["r-abcd"])),
    ]:
        assert problem in problem_of(validator, wrong)
        assert validator.element.description in problem_of(validator, wrong)
    prefix = "ou-abcd-" if validator is ORGANIZATIONAL_UNITS else ""
    most = [f"{prefix}{index:012}" for index in range(maximum)]
    assert problem_of(validator, most) == ""
    too_many = f"{maximum + 1:,} given, at most {maximum:,} allowed"
    assert problem_of(validator, [*most, f"{prefix}{maximum:012}"]) == too_many


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


def test_knows_every_region_and_partition_that_the_cdk_and_botocore_know() -> None:
    """When this fails, the pinned packages know others: correct ``regions.json``."""
    assert list(REGION_NAMES) == sorted(region.name for region in RegionInfo.regions)
    assert REGIONS.check("regions", REGION_NAMES) == list(REGION_NAMES)
    assert set(PARTITIONS) == {region.partition for region in RegionInfo.regions} - {None}
    session = botocore.session.get_session()
    assert set(PARTITIONS) == set(session.get_available_partitions()) == GLOBAL_REGIONS.keys()
    for known in session.get_data("endpoints")["partitions"]:
        partition = known["partition"]
        region = GLOBAL_REGIONS[partition]
        of_service = known["services"].get("organizations", {"endpoints": {}})["endpoints"]
        scope = of_service.get(f"{partition}-global", {}).get("credentialScope", {})
        assert partition_of_region(region) == partition
        # It does not know that of the newest partition, which has one Region.
        assert scope.get("region", "eusc-de-east-1") == region


@pytest.mark.parametrize(
    ("principal", "problem"),
    [
        ("000000000001", ""),
        ("arn:aws-eusc:iam::100000000000:root", ""),
        ("arn:aws:iam::999988887777:role/000000000000", ""),
        (f"arn:aws:iam::999988887777:role/{('a' * 60 + '/') * 8}{'b' * 22}/{'c' * 60}", ""),
        (
            f"arn:aws:iam::999988887777:role/{('a' * 60 + '/') * 8}{'b' * 23}/{'c' * 60}",
            "its path has 513 characters, at most 512 allowed",
        ),
        ("000000000000", "no AWS account has the ID 000000000000"),
        ("arn:aws:iam::000000000000:role/Pump", "no AWS account has the ID 000000000000"),
        (
            "arn:aws-us-gvo:iam::999988887777:root",
            "is in the partition 'aws-us-gvo', which does not exist; did you mean aws-us-gov?",
        ),
    ],
)
def test_provided_principal_must_be_able_to_exist(principal: str, problem: str) -> None:
    assert problem_of(PRINCIPAL, principal) == ""
    if problem:
        with pytest.raises(ArgumentError, match=f"{re.escape(problem)}$"):
            PROVIDED_PRINCIPAL.check("principal", principal)
    else:
        assert PROVIDED_PRINCIPAL.check("principal", principal) == principal


@pytest.mark.parametrize(
    ("validator", "placeholders"),
    [
        (PROVIDED_PRINCIPAL, ["PRINCIPAL"]),
        (PROVIDED_EXTERNAL_ID, ["EXTERNAL_ID", "OLD_EXTERNAL_ID", "NEW_EXTERNAL_ID"]),
    ],
)
def test_placeholder_is_recognized_and_a_value_that_contains_it_is_not(
    validator: Text, placeholders: list[str]
) -> None:
    assert PROVIDED_EXTERNAL_ID.check("id", "MY_EXTERNAL_ID") == "MY_EXTERNAL_ID"
    for placeholder in placeholders:
        problem = f"^value: '{placeholder}' is a placeholder; replace it with "
        with pytest.raises(ArgumentError, match=problem):
            validator.check("value", placeholder)


@pytest.mark.parametrize("mark", ["-", " ", "\u2013", "\u00a0", "\u2011"])
@pytest.mark.parametrize("validator", [PROVIDED_PRINCIPAL, ACCOUNT, POLICY_TARGETS.element])
def test_account_id_with_dashes_or_spaces_is_an_error_that_says_so(
    validator: Text, mark: str
) -> None:
    with pytest.raises(ArgumentError) as raised:
        validator.check("account", mark.join(["1111", "2222", "3333"]))
    assert str(raised.value).endswith(
        f" is not {validator.description}; omit the dashes and spaces: 111122223333"
    )
    assert validator.check("account", "111122223333") == "111122223333"


@given(st.text("0123456789- :a", max_size=20))
def test_only_12_digits_with_dashes_or_spaces_are_taken_for_an_account_id(value: str) -> None:
    digits = value.replace("-", "").replace(" ", "")
    is_one = len(digits) == 12 and digits.isdigit()
    assert bool(ACCOUNT.explain(value)) == (is_one and digits != value)
