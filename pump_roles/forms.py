"""What AWS accepts as a name, an id or an ARN: one form for each, and how to check it.

The patterns keep to what Java's and Python's regular expressions read alike, since
CloudFormation checks a template parameter with Java's.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import jsii
from aws_cdk import CfnParameter, Stack
from constructs import Construct, IValidation

__all__ = [
    "ACCOUNTS",
    "CALL_AS",
    "EXTERNAL_ID",
    "FAILURE_TOLERANCE",
    "GUARDRAILS",
    "MAX_CONCURRENT",
    "MOMENT",
    "ORGANIZATIONAL_UNITS",
    "PERMISSIONS_BOUNDARY",
    "PRINCIPAL",
    "REGIONS",
    "ROLE_NAME",
    "ROLE_PATH",
    "STACK_SET_NAME",
    "ArgumentError",
    "Form",
    "Integer",
    "ListOf",
]

_SHOWN: Final = 60


class ArgumentError(ValueError):
    """A value that was given for an argument is not of the form that AWS accepts.

    :param argument: the argument's name.
    :param problem: what is wrong with the value, and what is allowed.
    :param other: another argument's name, if the problem names one.
    :param guardrail: the name of the guardrail that it is about, if it is about one of several.
    """

    def __init__(
        self, argument: str, problem: str, *, other: str = "", guardrail: str = ""
    ) -> None:
        super().__init__(f"{argument}: {problem}")
        self.argument = argument
        self.problem = problem
        self.other = other
        self.guardrail = guardrail


@dataclass(frozen=True)
class Form:
    """The form of one kind of value.

    :param pattern: a regular expression that the whole value must match.
    :param minimum: the smallest length in characters.
    :param maximum: the greatest length in characters.
    :param words: the same in words.
    """

    pattern: str
    minimum: int
    maximum: int
    words: str

    def check(self, argument: str, value: object) -> str:
        """Return the value, a literal of this form.

        :param argument: the name by which the caller knows the value.
        :raises ArgumentError: when the value is not a string, a token, or of another form.
        """
        if isinstance(value, str) and ("${Token[" in value or "{{resolve:" in value):
            raise ArgumentError(argument, f"{value} is a token, must be a literal: {self.words}")
        if (
            not isinstance(value, str)
            or not self.minimum <= len(value) <= self.maximum
            or not re.fullmatch(self.pattern, value)
        ):
            number = isinstance(value, int) and not isinstance(value, bool)
            cure = "; it is a number, put it in quotes" if number else ""
            raise ArgumentError(argument, f"{_shown(value)} is not {self.words}{cure}")
        return value

    def check_or_constrain(
        self, argument: str, value: str | CfnParameter, *, scope: Construct
    ) -> str:
        """Return what stands for the value in a template: the literal, or a reference.

        A ``CfnParameter`` gets this form's pattern, and, unless it has its own, its lengths and
        constraint description, so that CloudFormation checks the value when it is deployed. That
        it still has them, the synthesis checks.

        :param argument: the name by which the caller knows the value.
        :param scope: a construct of the stack that the value is used in.
        :raises ArgumentError: when the literal is not of this form, or the parameter belongs to
            another stack, is not a ``String``, has a pattern of its own or a default of another
            form.
        """
        if not isinstance(value, CfnParameter):
            return self.check(argument, value)
        if Stack.of(value) is not Stack.of(scope):
            raise ArgumentError(argument, f"{value.node.path} is a parameter of another stack")
        if value.allowed_pattern is None:
            value.allowed_pattern = self.pattern
        self._check_parameter(argument, value)
        if value.min_length is None:
            value.min_length = self.minimum
        if value.max_length is None:
            value.max_length = self.maximum
        if value.constraint_description is None:
            value.constraint_description = f"must be {self.words}"
        value.node.add_validation(_ParameterOfForm(self, argument, value))
        return value.value_as_string

    def _check_parameter(self, argument: str, parameter: CfnParameter) -> None:
        path = parameter.node.path
        if parameter.type != "String":
            raise ArgumentError(
                argument, f"{path} is a parameter of type {parameter.type}, must be String"
            )
        if parameter.allowed_pattern != self.pattern:
            raise ArgumentError(
                argument,
                f"{path} has another allowed pattern than that of {self.words}; leave it out, it "
                "is set",
            )
        if parameter.default is not None:
            self.check(f"{argument} (default of {path})", parameter.default)


@jsii.implements(IValidation)
class _ParameterOfForm:
    # What was checked when the construct was built may have been changed before the synthesis.
    def __init__(self, form: Form, argument: str, parameter: CfnParameter) -> None:
        self._form = form
        self._argument = argument
        self._parameter = parameter

    def validate(self) -> list[str]:
        try:
            self._form._check_parameter(self._argument, self._parameter)  # noqa: SLF001
        except ArgumentError as error:
            return [str(error)]
        return []


@dataclass(frozen=True)
class ListOf:
    """A list of values of one form, each once.

    :param form: the form of each.
    :param maximum: the greatest number of them.
    """

    form: Form
    maximum: int

    def check(self, argument: str, values: object) -> list[str]:
        """Return the values, at least one, all of the form, none of them twice.

        :param argument: the name by which the caller knows the values.
        :raises ArgumentError: when they are not a list, or one is of another form or there twice.
        """
        if not isinstance(values, Sequence) or isinstance(values, str):
            raise ArgumentError(
                argument, f"{_shown(values)} is not a list; each is {self.form.words}"
            )
        if not values:
            raise ArgumentError(argument, f"the list is empty; each is {self.form.words}")
        if len(values) > self.maximum:
            raise ArgumentError(
                argument, f"{len(values):,} are given, allowed are {self.maximum:,}"
            )
        checked = [self.form.check(argument, value) for value in values]
        for index, value in enumerate(checked):
            if value in checked[:index]:
                raise ArgumentError(argument, f"{value!r} is there twice")
        return checked


@dataclass(frozen=True)
class Integer:
    """A whole number.

    :param minimum: the smallest.
    :param maximum: the greatest.
    """

    minimum: int
    maximum: int

    def check(self, argument: str, value: object) -> int:
        """Return the number.

        :param argument: the name by which the caller knows the value.
        :raises ArgumentError: when it is not a whole number, or out of bounds.
        """
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or not self.minimum <= value <= self.maximum
        ):
            raise ArgumentError(
                argument,
                f"{_shown(value)} is not a whole number from {self.minimum} to {self.maximum}",
            )
        return value


def _shown(value: object) -> str:
    shown = repr(value)
    if len(shown) <= _SHOWN:
        return shown
    size = f" ({len(value):,} characters)" if isinstance(value, str) else ""
    return f"{shown[:_SHOWN]}...{size}"


_NAME: Final = "A-Za-z0-9_+=,.@-"
_ARN: Final = "arn:aws(-[a-z]+)*:iam::"

EXTERNAL_ID: Final = Form(
    pattern="^[A-Za-z0-9_+=,.@:/-]{2,1224}$",
    minimum=2,
    maximum=1_224,
    words="an external id: 2 to 1,224 of A-Z a-z 0-9 _ + = , . @ : / -",
)
"""AWS STS API Reference, "AssumeRole", ``ExternalId``."""

PRINCIPAL: Final = Form(
    pattern=f"^([0-9]{{12}}|{_ARN}[0-9]{{12}}:(root|role/([{_NAME}]+/)*[{_NAME}]{{1,64}}))$",
    minimum=12,
    maximum=640,
    words="a 12-digit account id, or the ARN of an IAM role or account root",
)
"""IAM User Guide, "AWS JSON policy elements: Principal"; of the principals there, the two that
can be one vendor. Wildcards, users, sessions and services are not of this form."""

ROLE_NAME: Final = Form(
    pattern=f"^[{_NAME}]{{1,64}}$",
    minimum=1,
    maximum=64,
    words="a role name: 1 to 64 of A-Z a-z 0-9 _ + = , . @ -",
)
"""IAM API Reference, "CreateRole", ``RoleName``."""

ROLE_PATH: Final = Form(
    pattern="^(/|/[!-~]+/)$",
    minimum=1,
    maximum=512,
    words="a path: / or /.../, 1 to 512 of the ASCII characters ! to ~",
)
"""IAM API Reference, "CreateRole", ``Path``."""

PERMISSIONS_BOUNDARY: Final = Form(
    pattern=f"^({_ARN}aws:policy/)?([{_NAME}]+/)*[{_NAME}]{{1,128}}$",
    minimum=1,
    maximum=704,
    words=(
        "a policy's name, with its path if it has one (platform/Boundary), or the ARN of an "
        "AWS-managed policy (arn:aws:iam::aws:policy/...)"
    ),
)
"""IAM API Reference, "CreatePolicy", ``PolicyName`` and ``Path``."""

ORGANIZATIONAL_UNITS: Final = ListOf(
    Form(
        pattern="^(ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32})$",
        minimum=6,
        maximum=68,
        words="the id of an organizational unit (ou-abcd-12345678) or of the root (r-abcd)",
    ),
    maximum=50,
)
"""CloudFormation API Reference, "DeploymentTargets" for the form, "CreateStackInstances" for the
greatest number."""

ACCOUNTS: Final = ListOf(
    Form(pattern="^[0-9]{12}$", minimum=12, maximum=12, words="a 12-digit account id"),
    maximum=1_000,
)
"""CloudFormation API Reference, "DeploymentTargets". AWS documents no greatest number. This one
keeps the rollout's template under the 51,200 bytes of a template body."""

CALL_AS: Final = Form(
    pattern="^(management|delegated-admin)$",
    minimum=10,
    maximum=15,
    words="management or delegated-admin",
)

MAX_CONCURRENT: Final = Integer(1, 100)
FAILURE_TOLERANCE: Final = Integer(0, 100)
"""CloudFormation API Reference, "StackSetOperationPreferences", for both percentages."""

GUARDRAILS: Final = ListOf(
    Form(
        pattern="^[^,]{1,64}$",
        minimum=1,
        maximum=64,
        words="the name of a guardrail, such as recommended or metadata-only",
    ),
    maximum=32,
)

MOMENT: Final = Form(
    pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    "(Z|[+-][0-9]{2}:[0-9]{2})$",
    minimum=20,
    maximum=32,
    words="a moment with its time zone, such as 2027-01-31T18:00:00Z",
)

REGIONS: Final = ListOf(
    Form(
        pattern="^[a-z]{2,8}(-[a-z]{2,16}){1,2}-[0-9]{1,2}$",
        minimum=6,
        maximum=46,
        words="the name of a region, such as us-east-1",
    ),
    maximum=100,
)

STACK_SET_NAME: Final = Form(
    pattern="^[A-Za-z][A-Za-z0-9-]{0,127}$",
    minimum=1,
    maximum=128,
    words="a StackSet name: 1 to 128 of A-Z a-z 0-9 -, the first a letter",
)
"""CloudFormation API Reference, "CreateStackSet", ``StackSetName``."""
