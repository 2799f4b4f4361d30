"""Each form takes what AWS documents and nothing else, in Python and in CloudFormation alike."""

import re
import string
from collections.abc import Callable

import jsii
import pytest
from aws_cdk import App, Aspects, Aws, CfnParameter, IAspect, Stack
from constructs import IConstruct
from hypothesis import example, given
from hypothesis import strategies as st

from pump_roles.forms import (
    EXTERNAL_ID,
    PERMISSIONS_BOUNDARY,
    PRINCIPAL,
    ROLE_NAME,
    ROLE_PATH,
    ArgumentError,
    Form,
)

ALNUM = string.ascii_letters + string.digits
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
DIGITS = st.text(string.digits, min_size=12, max_size=12)
PARTITIONS = st.sampled_from(["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-eusc"])

# What AWS's references say, written down apart from the package.
EXTERNAL_IDS = st.text(ALNUM + "_+=,.@:/-", min_size=2, max_size=1224)
ROLE_NAMES = st.text(ALNUM + "_+=,.@-", min_size=1, max_size=64)
POLICY_NAMES = st.text(ALNUM + "_+=,.@-", min_size=1, max_size=128)
PATHS = st.just("/") | st.text(VISIBLE, min_size=1, max_size=510).map(lambda inner: f"/{inner}/")
SEGMENTS = st.lists(ROLE_NAMES, max_size=3).map(lambda names: "".join(f"{one}/" for one in names))
PRINCIPALS = DIGITS | st.builds(
    "arn:{}:iam::{}:{}".format,
    PARTITIONS,
    DIGITS,
    st.just("root") | st.builds("role/{}{}".format, SEGMENTS, ROLE_NAMES),
)
BOUNDARIES = st.builds("{}{}".format, SEGMENTS, POLICY_NAMES) | st.builds(
    "arn:{}:iam::aws:policy/{}{}".format, PARTITIONS, SEGMENTS, POLICY_NAMES
)

DOCUMENTED = [
    (EXTERNAL_ID, EXTERNAL_IDS, r"[\w+=,.@:\/-]{2,1224}"),
    (ROLE_NAME, ROLE_NAMES, r"[\w+=,.@-]{1,64}"),
    (ROLE_PATH, PATHS, r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)"),
    (PRINCIPAL, PRINCIPALS, None),
    (PERMISSIONS_BOUNDARY, BOUNDARIES, None),
]
FORMS = [form for form, _, _ in DOCUMENTED]


def is_token(value: str) -> bool:
    return "${Token[" in value or "{{resolve:" in value


def takes(form: Form, value: object) -> bool:
    try:
        form.check("argument", value)
    except ArgumentError:
        return False
    return True


@pytest.mark.parametrize(("form", "values"), [(form, values) for form, values, _ in DOCUMENTED])
def test_takes_what_aws_documents(form: Form, values: st.SearchStrategy[str]) -> None:
    @given(values)
    def holds(value: str) -> None:
        assert form.check("argument", value) == value

    holds()


@pytest.mark.parametrize(
    ("form", "documented"), [(form, pattern) for form, _, pattern in DOCUMENTED if pattern]
)
def test_takes_exactly_what_the_documented_pattern_takes(form: Form, documented: str) -> None:
    @given(st.text(max_size=70) | st.text(VISIBLE, max_size=70).map(lambda inner: f"/{inner}/"))
    @example("a\n")
    @example("\uff11" * 12)
    @example("é" * 3)
    def holds(value: str) -> None:
        expected = re.fullmatch(documented, value, re.ASCII) and not is_token(value)
        assert takes(form, value) == bool(expected)

    holds()


@pytest.mark.parametrize("form", FORMS)
def test_the_pattern_alone_decides_as_the_check_does_within_the_lengths(form: Form) -> None:
    # CloudFormation matches the whole value with Java's engine. Python's fullmatch is the same
    # for the few constructs that the next test allows.
    @given(st.text(VISIBLE + "\n\u0661", max_size=60) | PRINCIPALS | BOUNDARIES | PATHS)
    def holds(value: str) -> None:
        if form.minimum <= len(value) <= form.maximum and not is_token(value):
            assert takes(form, value) == bool(re.fullmatch(form.pattern, value))

    holds()


@pytest.mark.parametrize("form", FORMS)
def test_the_pattern_keeps_to_what_java_and_python_read_alike(form: Form) -> None:
    # Literals, ASCII classes without escapes, nesting or intersection, groups, bars, and
    # quantifiers that are greedy. No \w, \d, \s, (?...), possessive or lazy quantifier, &&.
    classes = re.compile(r"\[[^\[\]\\&^]+\]")
    rest = classes.sub("", form.pattern.removeprefix("^").removesuffix("$"))
    assert re.fullmatch(r"[a-zA-Z0-9:/()|+*{},?-]*", rest)
    assert not re.search(r"\(\?|[+*?}][+*?]|\\", form.pattern)
    assert form.pattern.startswith("^")
    assert form.pattern.endswith("$")


BAD = [
    *((EXTERNAL_ID, value) for value in ["", "a", "a" * 1225, "a b", "ab\n", "é" * 3, "a*"]),
    *((EXTERNAL_ID, value) for value in ["\u0661\u0662", "\uff11\uff12", 12, None, ["ab"]]),
    *((PRINCIPAL, value) for value in ["1" * 11, "1" * 13, "\uff11" * 12, "*", "1" * 12 + "\n"]),
    *(
        (PRINCIPAL, f"arn:aws:{value}")
        for value in [
            "iam::123456789012:role/*",
            "iam::123456789012:role/a?",
            "iam::123456789012:role/",
            "iam::123456789012:user/pump",
            "iam::12345678901:root",
            "iam::123456789012:root\n",
            "s3:::bucket",
            "sts::123456789012:assumed-role/pump/session",
            "iam::123456789012:oidc-provider/example",
        ]
    ),
    *((PRINCIPAL, value) for value in ["ec2.amazonaws.com", "arn:awsx:iam::123456789012:root"]),
    *((ROLE_NAME, value) for value in ["", "a" * 65, "a/b", "a b", "a\n"]),
    *((ROLE_PATH, value) for value in ["", "pump", "/pump", "pump/", "/pu mp/", "//\n"]),
    (ROLE_PATH, f"/{'a' * 511}/"),
    *(
        (PERMISSIONS_BOUNDARY, value)
        for value in [
            "",
            "/Boundary",
            "platform/",
            "a" * 129,
            "Boundary\n",
            "arn:aws:iam::123456789012:policy/Boundary",
            "arn:aws:iam::123456789012:role/Boundary",
            "arn:aws:iam::aws:role/Boundary",
        ]
    ),
]


@pytest.mark.parametrize(("form", "value"), BAD)
def test_refuses_with_one_clear_message(form: Form, value: object) -> None:
    with pytest.raises(ArgumentError) as caught:
        form.check("the_argument", value)
    message = str(caught.value)
    assert message.startswith("the_argument: ")
    assert repr(value)[:30] in message
    assert form.words in message
    assert "\n" not in message
    assert len(message) < 320


@pytest.mark.parametrize("form", FORMS)
def test_refuses_tokens(form: Form) -> None:
    reference = CfnParameter(Stack(), "P").value_as_string
    dynamic = "/{{resolve:ssm:path}}/"
    for token in [Aws.NO_VALUE, f"/{Aws.ACCOUNT_ID}/", reference, dynamic]:
        with pytest.raises(ArgumentError, match="is a token, must be a literal"):
            form.check("the_argument", token)


def test_sees_to_a_parameters_pattern() -> None:
    stack = Stack()
    parameter = CfnParameter(stack, "P")
    reference = EXTERNAL_ID.check_or_constrain("external_id", parameter, scope=stack)
    assert stack.resolve(reference) == {"Ref": "P"}
    assert parameter.allowed_pattern == EXTERNAL_ID.pattern
    assert (parameter.min_length, parameter.max_length) == (2, 1224)
    assert parameter.constraint_description == f"must be {EXTERNAL_ID.words}"
    assert EXTERNAL_ID.check_or_constrain("external_id", parameter, scope=stack) == reference


def test_keeps_a_parameters_own_lengths_and_words() -> None:
    stack = Stack()
    parameter = CfnParameter(
        stack, "P", min_length=20, max_length=30, constraint_description="ask us", default="a" * 20
    )
    EXTERNAL_ID.check_or_constrain("external_id", parameter, scope=stack)
    assert (parameter.min_length, parameter.max_length) == (20, 30)
    assert parameter.constraint_description == "ask us"


def test_refuses_a_parameter_that_would_take_more() -> None:
    stack = Stack(App(), "S")
    for parameter, message in [
        (
            CfnParameter(stack, "Pattern", allowed_pattern=".*"),
            "S/Pattern has another allowed pattern",
        ),
        (CfnParameter(stack, "Type", type="Number"), "S/Type is a parameter of type Number"),
        (CfnParameter(stack, "Default", default="*"), r"default of S/Default\): '\*' is not"),
        (CfnParameter(Stack(App(), "T"), "Other"), "T/Other is a parameter of another stack"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            EXTERNAL_ID.check_or_constrain("external_id", parameter, scope=stack)


def loosen_pattern(parameter: CfnParameter) -> None:
    parameter.allowed_pattern = ".*"


def drop_pattern(parameter: CfnParameter) -> None:
    parameter.allowed_pattern = None


def give_a_bad_default(parameter: CfnParameter) -> None:
    parameter.default = "*"


def change_type(parameter: CfnParameter) -> None:
    parameter.type = "CommaDelimitedList"


@pytest.mark.parametrize("by_aspect", [False, True])
@pytest.mark.parametrize("loosen", [loosen_pattern, drop_pattern, give_a_bad_default, change_type])
def test_a_parameter_that_is_loosened_later_fails_the_synth(
    loosen: Callable[[CfnParameter], None],
    by_aspect: bool,  # noqa: FBT001
) -> None:
    @jsii.implements(IAspect)
    class Loosen:
        def visit(self, node: IConstruct) -> None:
            if isinstance(node, CfnParameter):
                loosen(node)

    app = App()
    stack = Stack(app, "S")
    parameter = CfnParameter(stack, "P")
    EXTERNAL_ID.check_or_constrain("external_id", parameter, scope=stack)
    if by_aspect:
        Aspects.of(app).add(Loosen())
    else:
        loosen(parameter)
    with pytest.raises(RuntimeError, match=r"\[S/P\] external_id"):
        app.synth()
