"""Validators for names, IDs, and ARNs, according to what AWS accepts.

The patterns use only what means the same in Java's and Python's regular expressions, because
CloudFormation checks template parameters with Java's.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeGuard, TypeVar, cast

from pump_roles.inputs import json_text

_SHOWN: Final = 60
_IN_A_TAG: Final = "_.:/=+-@"
_MOST_TAGS: Final = 50

_Init = TypeVar("_Init", bound=Callable[..., None])

_DUMMY: Final = "dummy-value-for-"
"""What CDK returns for a parameter of Systems Manager before the CDK CLI looks it up."""


class ArgumentError(ValueError):
    """An argument's value is not one that AWS accepts.

    For names, paths, and external IDs: IAM User Guide, ["IAM and AWS STS
    quotas"](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).

    :param argument: the argument's name.
    :param problem: what is wrong with the value, and what is allowed. If it names another argument,
        that is ``{other}``.
    :param other: the other argument's name. By default, the problem names none.
    :param guardrail: the name of the guardrail at fault, if there is one.

    The message of an error about a construct's argument begins with the path of the construct.
    """

    def __init__(
        self, argument: str, problem: str, *, other: str = "", guardrail: str = ""
    ) -> None:
        self.path = ""
        """The path of the construct; empty if no construct has the argument."""
        self.argument = argument
        self.other = other
        self.guardrail = guardrail
        self._problem = problem
        super().__init__(argument, problem)

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.path, self.argument, self.problem)))

    @property
    def problem(self) -> str:
        """What is wrong with the value, and what is allowed."""
        return self.problem_naming(self.other)

    def problem_naming(self, other: str) -> str:
        """Return the problem with the name that the user knows the other argument by."""
        return self._problem.format(other=other) if self.other else self._problem


def names_the_construct(init: _Init) -> _Init:
    """Let an error about an argument of a construct's ``__init__`` name the construct."""

    @wraps(init)
    def checked(self: object, scope: Any, id: str, *args: Any, **arguments: Any) -> None:
        try:
            init(self, scope, id, *args, **arguments)
        except ArgumentError as error:
            # The last one is the construct that the user creates, of those that it consists of.
            error.path = f"{scope.node.path}/{id}".removeprefix("/")
            raise

    return cast("_Init", checked)


class Text(NamedTuple):
    """Validates one kind of string."""

    pattern: str
    description: str
    minimum: int = 0
    maximum: int | None = None
    explain: Callable[[str], str] = lambda value: ""  # noqa: ARG005
    """Returns what is wrong with a value in particular, also with one that AWS accepts."""
    secret: bool = False
    """Whether an error shows only how long a value is."""

    def accepts(self, value: object) -> TypeGuard[str]:
        """Return whether the value is a literal that AWS accepts."""
        return (
            isinstance(value, str)
            and len(value) >= self.minimum
            and (self.maximum is None or len(value) <= self.maximum)
            and re.fullmatch(self.pattern, value) is not None
            and not is_token(value)
        )

    def check(self, argument: str, value: object) -> str:
        """Return the value, a literal that AWS accepts."""
        if isinstance(value, str) and (problem := self.explain(value)):
            raise ArgumentError(argument, f"{_quoted(value)} {problem}")
        if self.accepts(value):
            # A plain string: a subclass, such as an enum member, may be rendered differently.
            return str.__str__(value)
        if isinstance(value, str) and is_token(value):
            token = "the value" if self.secret else value
            raise ArgumentError(
                argument, f"{token} is a token; it must be a literal: {self.description}"
            )
        number = isinstance(value, int) and not isinstance(value, bool)
        cure = "; put the number in quotes" if number else ""
        if self.secret and isinstance(value, str):
            cure = f"; its length is {len(value):,}"
        shown = _quoted(value) if value is None or not self.secret else "the value"
        raise ArgumentError(argument, f"{shown} is not {self.description}{cure}")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the suggestion "did you mean ...?" if a known name is close; otherwise empty."""
    # Imported here because only an error needs it.
    from difflib import get_close_matches  # noqa: PLC0415

    found = get_close_matches(name, list(known))
    # Of those that are as close, one with the same letters: us-esat-1 is us-east-1, not us-west-1.
    best = next((close for close in found if sorted(close) == sorted(name)), *found[:1] or [""])
    return f"did you mean {best}?" if best else ""


def is_token(value: str) -> bool:
    """Return whether a text contains what only a synth or a deployment replaces."""
    return "${Token[" in value or "#{Token[" in value or "{{resolve:" in value


def choice(values: Iterable[str], described: str = "") -> Text:
    """Return the validator of a string that must be one of a few."""
    known = list(values)
    return Text(pattern=f"^({'|'.join(known)})$", description=described + " or ".join(known))


def _no_reference(value: object) -> str:  # noqa: ARG001
    return ""


class ListOf(NamedTuple):
    """Validates a list of strings of one kind, without duplicates."""

    element: Text
    maximum: int | None = None
    ignore_case: bool = False
    """Whether two values that differ only in case are duplicates."""

    def check(
        self, argument: str, values: object, *, reference: Callable[[object], str] = _no_reference
    ) -> list[str]:
        """Return the values, at least one, without duplicates.

        :param reference: returns what represents a value that is known only at deployment.
        """
        if not isinstance(values, Sequence) or isinstance(values, str):
            raise ArgumentError(
                argument,
                f"{_quoted(values)} is not a list; each element must be {self.element.description}",
            )
        if not values:
            raise ArgumentError(
                argument, f"the list is empty; at least 1 required, each {self.element.description}"
            )
        if self.maximum is not None and len(values) > self.maximum:
            raise ArgumentError(
                argument, f"{len(values):,} given, at most {self.maximum:,} allowed"
            )
        checked = [reference(value) or self.element.check(argument, value) for value in values]
        seen = Counter(value.lower() if self.ignore_case else value for value in checked)
        for value, count in seen.items():
            if count > 1:
                ignoring = ", ignoring case" if self.ignore_case else ""
                raise ArgumentError(argument, f"{value!r} is listed twice{ignoring}")
        return checked


class Integer(NamedTuple):
    """Validates a whole number."""

    minimum: int
    maximum: int

    def check(self, argument: str, value: object) -> int:
        """Return the number."""
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or not self.minimum <= value <= self.maximum
        ):
            raise ArgumentError(
                argument,
                f"{_quoted(value)} is not a whole number from {self.minimum:,} to {self.maximum:,}",
            )
        return value


class Boolean:
    """Validates a value that is true or false."""

    def check(self, argument: str, value: object) -> bool:
        """Return the value."""
        if not isinstance(value, bool):
            raise ArgumentError(argument, f"{_quoted(value)} is neither true nor false")
        return value


class Tags:
    """Validates tags of a stack, which CloudFormation passes on to the role.

    CloudFormation API Reference, "CreateStack" and "Tag", for the numbers; IAM API Reference,
    "Tag", for the characters; IAM User Guide, "Tags for AWS Identity and Access Management
    resources": case does not distinguish keys.
    """

    def check(self, argument: str, tags: object) -> dict[str, str]:
        """Return the tags by their keys."""
        if not isinstance(tags, Mapping) or not all(
            isinstance(text, str) for tag in tags.items() for text in tag
        ):
            raise ArgumentError(argument, f"{_quoted(tags)} is not a mapping of strings to strings")
        if len(tags) > _MOST_TAGS:
            raise ArgumentError(argument, f"{len(tags):,} given, at most {_MOST_TAGS} allowed")
        keys: set[str] = set()
        for key, value in tags.items():
            for text, part, maximum in ((key, "key", 128), (value, "value", 256)):
                categories = {unicodedata.category(letter)[0] for letter in {*text} - {*_IN_A_TAG}}
                if not 0 < len(text) <= maximum or not categories <= {"L", "Z", "N"}:
                    raise ArgumentError(
                        argument,
                        f"{_quoted(text)} is not the {part} of a tag: 1 to {maximum} letters, "
                        "digits, spaces, and _ . : / = + - @",
                    )
            if key.lower().startswith("aws:"):
                raise ArgumentError(argument, f"{_quoted(key)}: aws: is reserved for AWS")
            if key.lower() in keys:
                raise ArgumentError(argument, f"{_quoted(key)} is listed twice, ignoring case")
            keys.add(key.lower())
        return dict(tags)


def _quoted(value: object) -> str:
    text = repr(value)
    if " object at 0x" in text:
        # jsii has its own types for what an interface of the CDK is in Python.
        kind = type(value)
        name = "object" if kind.__module__.startswith("jsii.") else kind.__name__
        return f"an {name}" if name[0] in "AEIOaeiou" else f"a {name}"
    if len(text) <= _SHOWN:
        return text
    size = f" ({len(value):,} characters)" if isinstance(value, str) else ""
    return f"{text[:_SHOWN]}...{size}"


_REGIONS: Final[Mapping[str, list[str]]] = json.loads(
    Path(__file__).with_name("regions.json").read_bytes()
)
"""The Regions of each partition that aws-cdk-lib 2.275 and botocore know; a test compares them."""

PARTITIONS: Final = tuple(_REGIONS)
REGION_NAMES: Final = tuple(sorted(region for names in _REGIONS.values() for region in names))

GLOBAL_REGIONS: Final[Mapping[str, str]] = {
    "aws": "us-east-1",
    "aws-cn": "cn-northwest-1",
    "aws-eusc": "eusc-de-east-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-us-gov": "us-gov-west-1",
}
"""The Region of each partition with AWS Organizations, and so with its events: EventBridge Events
Reference, "AWS Organizations events", for ``aws``. A test compares them with botocore's."""

_NAME: Final = "A-Za-z0-9_+=,.@-"
_ARN: Final = "arn:aws(-[a-z]+)*:iam::"

_SHORT_EXTERNAL_ID: Final = 16
"""A shorter external ID may be truncated, or easy to guess: 16 hexadecimal digits are 64 bits."""


def warning_if_short(external_id: str) -> str:
    """Return a warning about an external ID of fewer than 16 characters; otherwise empty."""
    if len(external_id) >= _SHORT_EXTERNAL_ID:
        return ""
    return (
        f"the external ID has only {len(external_id)} characters; check that it is the whole ID "
        "that Pump created for you"
    )


def policy_size(document: Mapping[str, object]) -> int:
    """Return how many characters of a policy document IAM counts: all but white space."""
    return len(json_text(document))


def partition_of(arn: str) -> str:
    """Return the partition of an ARN, such as ``aws`` or ``aws-us-gov``."""
    return arn.split(":")[1]


def partition_of_region(region: str) -> str:
    """Return the partition of a Region that exists."""
    return next(partition for partition, names in _REGIONS.items() if region in names)


def account_of(principal: str) -> str:
    """Return the ID of the account of an ARN, or the ID itself."""
    return principal.split(":")[4] if ":" in principal else principal


_PLACEHOLDERS: Final = ("EXTERNAL_ID", "OLD_EXTERNAL_ID", "NEW_EXTERNAL_ID")
"""What the guides have in place of an external ID. A template does not accept it, either."""

EXTERNAL_ID: Final = Text(
    pattern=f"^(?!({'|'.join(_PLACEHOLDERS)})$)[A-Za-z0-9_+=,.@:/-]{{2,1224}}$",
    minimum=2,
    maximum=1_224,
    description="an external ID: 2 to 1,224 of A-Z a-z 0-9 _ + = , . @ : / -",
    secret=True,
)
"""AWS STS API Reference, "AssumeRole", ``ExternalId``."""


def _of_account(validator: Text) -> Text:
    """Let a validator of an account ID say how to write one with dashes or spaces."""

    def explain(value: str) -> str:
        digits = re.sub(r"[ \u00a0\u2010-\u2014-]", "", value)
        if digits == value or not re.fullmatch("[0-9]{12}", digits):
            return ""
        return f"is not {validator.description}; omit the dashes and spaces: {digits}"

    return validator._replace(explain=explain)


PRINCIPAL: Final = _of_account(
    Text(
        pattern=f"^([0-9]{{12}}|{_ARN}[0-9]{{12}}:(root|role/([{_NAME}]+/)*[{_NAME}]{{1,64}}))$",
        minimum=12,
        maximum=640,
        description="a 12-digit account ID, or the ARN of an IAM role or account root",
    )
)
"""IAM User Guide, "AWS JSON policy elements: Principal". Accepts only the two kinds of principals
that can identify one vendor: no wildcards, users, sessions, or services."""

_PATH: Final = 512


def _provided(
    validator: Text,
    *,
    placeholders: Collection[str],
    cure: str,
    why_impossible: Callable[[str], str] = lambda value: "",  # noqa: ARG005
) -> Text:
    """Return the validator of a value that is provided at synth, so it must also exist."""

    def explain(value: str) -> str:
        if value in placeholders:
            return f"is a placeholder; replace it with {cure}"
        if validator.accepts(value):
            return why_impossible(value)
        if value.startswith(_DUMMY):
            return (
                "is what StringParameter.value_from_lookup() returns before the lookup; pass it a "
                f"default_value: {validator.description}"
            )
        return validator.explain(value)

    return validator._replace(explain=explain)


def _why_impossible(principal: str) -> str:
    partition = partition_of(principal) if ":" in principal else "aws"
    if partition not in PARTITIONS:
        hint = nearest(partition, PARTITIONS) or f"the partitions are {', '.join(PARTITIONS)}"
        return f"is in the partition {partition!r}, which does not exist; {hint}"
    if re.search("(^|::)0{12}(:|$)", principal):
        return "cannot exist: no AWS account has the ID 000000000000"
    # A path is part of an ARN without its first slash: IAM API Reference, "CreateRole", ``Path``.
    path = principal.partition(":role")[2].rpartition("/")[0]
    if len(path) >= _PATH:
        return f"cannot exist: its path has {len(path) + 1:,} characters, at most {_PATH} allowed"
    return ""


PROVIDED_PRINCIPAL: Final = _provided(
    PRINCIPAL,
    placeholders=("PRINCIPAL",),
    cure="Pump's 12-digit account ID or its role's ARN",
    why_impossible=_why_impossible,
)
PROVIDED_EXTERNAL_ID: Final = _provided(
    EXTERNAL_ID,
    placeholders=_PLACEHOLDERS,
    cure="the external ID that Pump created for you",
)

ROLE_ARN: Final = Text(
    pattern=f"^{_ARN}[0-9]{{12}}:role/([!-~]+/)?[{_NAME}]{{1,64}}$",
    maximum=640,
    description="the ARN of an IAM role, such as arn:aws:iam::111122223333:role/PumpReadOnlyRole",
)
"""IAM User Guide, "IAM ARNs", with the path and the name of "CreateRole"."""

PROBED_ROLE_ARN: Final = ROLE_ARN._replace(secret=True)
"""Next to an external ID, which a user may pass in its place."""

ROLE_NAME: Final = Text(
    pattern=f"^[{_NAME}]{{1,64}}$", description="a role name: 1 to 64 of A-Z a-z 0-9 _ + = , . @ -"
)
"""IAM API Reference, "CreateRole", ``RoleName``."""

ROLE_TO_ASSUME: Final = Text(
    pattern=f"^([{_NAME}]+/)*[{_NAME}]{{1,64}}$",
    maximum=576,
    description="a role's name, with its path if it has one, such as security/Audit",
)
ROLES_TO_ASSUME: Final = ListOf(ROLE_TO_ASSUME)
"""IAM API Reference, "CreateRole", ``RoleName`` and ``Path``."""

ROLE_PATH: Final = Text(
    pattern="^(/|/[!-~]+/)$",
    maximum=512,
    description="a path: / or /.../, 1 to 512 of the ASCII characters ! to ~",
)
"""IAM API Reference, "CreateRole", ``Path``."""


def _why_not_a_boundary(value: str) -> str:
    arn = re.fullmatch("arn:[^:]*:iam::[^:]*:policy/(.+)", value)
    if arn and not _BOUNDARY.accepts(value) and _BOUNDARY.accepts(arn[1]):
        return (
            "is the ARN of a policy in one account; pass the policy's name, which works in every "
            f"account and partition: {arn[1]}"
        )
    return ""


_BOUNDARY: Final = Text(
    pattern=f"^({_ARN}aws:policy/)?([{_NAME}]+/)*[{_NAME}]{{1,128}}$",
    maximum=704,
    description=(
        "a policy's name, with its path if it has one (platform/Boundary), or the ARN of an "
        "AWS managed policy (arn:aws:iam::aws:policy/...)"
    ),
)
PERMISSIONS_BOUNDARY: Final = _BOUNDARY._replace(explain=_why_not_a_boundary)
"""IAM API Reference, "CreatePolicy", ``PolicyName`` and ``Path``."""

ORGANIZATIONAL_UNIT: Final = Text(
    pattern="^(ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32})$",
    description="the ID of an organizational unit (ou-abcd-12345678) or of the root (r-abcd)",
)
ORGANIZATIONAL_UNITS: Final = ListOf(ORGANIZATIONAL_UNIT, maximum=50)
"""CloudFormation API Reference, "DeploymentTargets" for the pattern, "CreateStackInstances" for the
maximum number."""

STACK_SET_ARN: Final = Text(
    pattern=r"^arn:aws(-[a-z]+)*:cloudformation:[a-z0-9-]+:[0-9]{12}:stackset/[A-Za-z0-9:-]+$",
    maximum=1_024,
    description=(
        "the ARN of a StackSet, such as "
        "arn:aws:cloudformation:us-east-1:111122223333:stackset/Boundary:12345678-..."
    ),
)
STACK_SET_ARNS: Final = ListOf(STACK_SET_ARN, maximum=10)
"""CloudFormation Template Reference, "AWS::CloudFormation::StackSet AutoDeployment", ``DependsOn``;
Service Authorization Reference, "Resource types defined by AWS CloudFormation"."""

ORGANIZATION: Final = Text(
    pattern="^o-[a-z0-9]{10,32}$", description="the ID of an organization (o-abcd123456)"
)
"""AWS Organizations API Reference, "Organization"."""

ACCOUNT: Final = _of_account(Text(pattern="^[0-9]{12}$", description="a 12-digit account ID"))
ACCOUNTS: Final = ListOf(ACCOUNT, maximum=1_000)
"""CloudFormation API Reference, "DeploymentTargets". AWS documents no maximum number. With this
one, a rollout's template stays under the 51,200 bytes of a template body."""

SENDING_ACCOUNTS: Final = ListOf(ACCOUNT, maximum=200)
"""With these, the policy of an event bus stays under its quota of 10,240 characters: Amazon
EventBridge User Guide, "Amazon EventBridge quotas"."""

POLICY_TARGETS: Final = ListOf(
    _of_account(
        Text(
            pattern=f"^({ORGANIZATIONAL_UNIT.pattern[1:-1]}|{ACCOUNT.pattern[1:-1]})$",
            description=f"{ORGANIZATIONAL_UNIT.description}, or {ACCOUNT.description}",
        )
    )
)
ORGANIZATION_POLICY_NAME: Final = Text(
    pattern=r"(?s)^.+$", maximum=128, description="the name of a policy: 1 to 128 characters"
)
"""CloudFormation Template Reference, "AWS::Organizations::Policy", ``TargetIds`` and ``Name``."""

MAX_CONCURRENT: Final = Integer(1, 100)
FAILURE_TOLERANCE: Final = Integer(0, 100)
"""CloudFormation API Reference, "StackSetOperationPreferences", for both percentages."""

_LARGEST_INTEGER: Final = 2_147_483_647
MAX_CONCURRENT_COUNT: Final = Integer(1, _LARGEST_INTEGER)
FAILURE_TOLERANCE_COUNT: Final = Integer(0, _LARGEST_INTEGER)
"""The same page, for both counts. It has no maximum, but the type, an integer of 32 bits, does."""

TAGS: Final = Tags()

GUARDRAILS: Final = ListOf(
    Text(
        pattern="^[^,]{1,64}$",
        description="the name of a guardrail, such as recommended or metadata-only",
    )
)

GUARDRAIL_NAME: Final = Text(
    pattern="^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$",
    maximum=64,
    description="a guardrail's name: lower-case words with hyphens between them, such as no-lambda",
)
ACTION: Final = Text(
    pattern=r"^[a-z0-9-]+:([A-Za-z0-9]+\*?|\*)$",
    description="an action such as lambda:GetPolicy, or with * at its end",
)
ACTIONS: Final = ListOf(ACTION)
REASON: Final = Text(pattern=r"(?s)^.*\S.*$", description="a reason")

MOMENT: Final = Text(
    pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    "(Z|[+-][0-9]{2}:[0-9]{2})$",
    description="a date and time with a time zone, such as 2027-01-31T18:00:00Z",
)

TIME_OF_DAY: Final = Text(
    pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$",
    description="a time of day in UTC, from 00:00 to 23:59, such as 20:00",
)
PAGE: Final = Text(
    pattern="^https://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~/#?&=%+-]*)?$",
    maximum=500,
    description="the address of a page, such as https://wiki.example.com/pump/stop, at most 500 "
    "characters",
)


FORWARDING_PARTITIONS: Final = ("aws", "aws-us-gov")
"""Those between whose Regions EventBridge sends events: AWS What's New of June 30, 2022, for AWS
GovCloud (US)."""


REGION: Final = Text(
    pattern="^[a-z]{2,8}(-[a-z]{2,16}){1,2}-[0-9]{1,2}$",
    description="the name of a Region, such as us-east-1",
)
REGIONS: Final = ListOf(REGION)
STACK_NAME: Final = Text(
    pattern="^[A-Za-z][A-Za-z0-9-]{0,127}$",
    description="a stack name: 1 to 128 of A-Z a-z 0-9 -, the first a letter",
)
"""CloudFormation API Reference, "CreateStack", ``StackName``."""

STACK_SET_NAME: Final = STACK_NAME._replace(
    description="a StackSet name: 1 to 128 of A-Z a-z 0-9 -, the first a letter"
)
STACK_SET_NAMES: Final = ListOf(STACK_SET_NAME)
"""CloudFormation API Reference, "CreateStackSet", ``StackSetName``."""

_LABEL: Final = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

_ATOM: Final = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"

EMAILS: Final = ListOf(
    Text(
        pattern=f"^{_ATOM}([.]{_ATOM})*@({_LABEL}[.])+{_LABEL}$",
        maximum=254,
        description="an email address, such as finops@example.com",
    ),
    maximum=10,
    ignore_case=True,
)
"""RFC 5322, "dot-atom"; RFC 1123 for the domain; RFC 5321 for the length."""


def check_region(argument: str, region: str) -> str:
    """Return the name, if the Region existed at the release of this package."""
    if region not in REGION_NAMES:
        hint = nearest(region.lower(), REGION_NAMES) or "a Region has a name such as us-east-1"
        raise ArgumentError(argument, f"there is no Region {_quoted(region)}; {hint}")
    return region
