"""`pump-roles probe` against an AWS emulator that enforces IAM: it proves what a role requires."""

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, get_args
from unittest.mock import Mock

import pytest
from botocore.exceptions import (
    BotoCoreError,
    EndpointConnectionError,
    NoCredentialsError,
)
from click.testing import Result

from pump_roles import ArgumentError
from pump_roles.inputs.validators import EXTERNAL_ID
from pump_roles.pump_side import ProbeAttempt, ProbeResult, new_external_id, probe
from pump_roles.review.account.probe import AttemptReason, Outcome, sts_client
from pump_roles.review.output.probe_sections import describe_reason
from tests import commands
from tests.commands import the_error, the_usage_error
from tests.endpoint import Endpoint, Request, serving
from tests.support import (
    OTHER_SECRET,
    PUMP_ACCOUNT,
    ROLE_ARN,
    SECRET,
    trust,
)
from tools.sandbox.aws import ACCOUNT_ID, Caller, EmbeddedAws

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

pytestmark = pytest.mark.usefixtures("no_aws")

NOTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}],
}
"""What the sessions can do."""

PROVEN = "can be assumed with its external ID, but not without one or with a wrong one"
CURE = "probe as a principal that may call sts:AssumeRole with and without an external ID"


# A service that answers as a test says.


def answer(operation: str, content: str) -> tuple[int, str]:
    """Return a response of AWS STS, in the format of the Query API."""
    return (
        200,
        f"<{operation}Response><{operation}Result>{content}</{operation}Result></{operation}Response>",
    )


def error(code: str, message: str = "", status: int = 403) -> tuple[int, str]:
    """Return an error of AWS STS."""
    shown = f"<Code>{code}</Code><Message>{message}</Message>"
    return status, f"<ErrorResponse><Error><Type>Sender</Type>{shown}</Error></ErrorResponse>"


IDENTITY = answer("GetCallerIdentity", f"<Arn>arn:aws:iam::{PUMP_ACCOUNT}:user/Pump</Arn>")
ACCEPTED = answer(
    "AssumeRole",
    "<Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>k</SecretAccessKey>"
    "<SessionToken>t</SessionToken><Expiration>2026-01-01T00:00:00Z</Expiration></Credentials>",
)
BARE = (
    f"User: arn:aws:iam::{PUMP_ACCOUNT}:user/deny-because-policy is not authorized to perform: "
    "sts:AssumeRole on resource: arn:aws:iam::123456789012:role/explicit-policy"
)
REFUSED = error("AccessDenied", BARE)


def as_it_should(request: Request) -> tuple[int, str]:
    """Respond as AWS STS does for a role that requires SECRET."""
    if request["Action"] == "GetCallerIdentity":
        return IDENTITY
    return ACCEPTED if request.get("ExternalId") == SECRET else REFUSED


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, no_aws: None) -> Iterator[Endpoint]:
    """A service that answers as AWS STS does; the environment names it."""
    del no_aws
    with serving(as_it_should) as service:
        for name, value in service.environment.items():
            monkeypatch.setenv(name, value)
        yield service


def probed(fake: Endpoint, answered: tuple[int, str]) -> ProbeResult:
    """Probe a role of a service that answers the call without an external ID as given."""
    fake.respond = lambda request: (
        answered if "ExternalId" not in request else as_it_should(request)
    )
    return probe(ROLE_ARN, SECRET)


def run(*arguments: object, **environment: str) -> Result:
    return commands.run("probe", *arguments, environment=environment)


# New external IDs.


def test_new_external_id_has_128_random_bits_and_is_recognizable() -> None:
    created = [new_external_id() for _ in range(1_000)]
    assert all(re.fullmatch("pump-[0-9a-f]{32}", external_id) for external_id in created)
    assert all(EXTERNAL_ID.accepts(external_id) for external_id in created)
    assert len(set(created)) == len(created)
    # Every digit varies: none of the bits is fixed.
    assert all(len(set(digits)) == 16 for digits in list(zip(*created, strict=True))[5:])


# The verdict.


@pytest.mark.parametrize(("right", "without", "wrong"), [*product(get_args(Outcome), repeat=3)])
def test_proof_takes_one_acceptance_and_two_refusals(
    right: Outcome, without: Outcome, wrong: Outcome
) -> None:
    found = ProbeResult(
        ROLE_ARN,
        *(
            ProbeAttempt(outcome, "failed", "Because.")
            if outcome == "unknown"
            else ProbeAttempt(outcome)
            for outcome in (right, without, wrong)
        ),
    )
    words = describe_reason(found)
    if "accepted" in (without, wrong):
        expected = "not-required"
        assert ("without an external ID" in words) == (without == "accepted")
        assert ("with a wrong external ID" in words) == (wrong == "accepted")
    elif (right, without, wrong) == ("accepted", "refused", "refused"):
        expected = "required"
        assert words == PROVEN
    else:
        expected = "unknown"
        assert ("Because." in words) == ("unknown" in (right, without, wrong))
        assert ("AWS does not say which" in words) == (right == "refused")
    assert found.verdict == expected
    assert words


# Against roles.


def create_role(aws: EmbeddedAws, name: str, condition: Any) -> str:
    """Create a role that trusts Pump on a condition, and return its ARN."""
    document = trust(PUMP_ACCOUNT, SECRET)
    document["Statement"][0]["Condition"] = condition
    created = aws.iam(Caller(ACCOUNT_ID)).create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps(document)
    )
    return created["Role"]["Arn"]


def required(*external_ids: str) -> dict[str, Any]:
    return {"StringEquals": {"sts:ExternalId": list(external_ids)}}


NOT_REQUIRED: list[tuple[Any, str]] = [
    ({}, "without an external ID and with a wrong external ID"),
    ({"StringLike": {"sts:ExternalId": "*"}}, "with a wrong external ID"),
    ({"StringLike": {"sts:ExternalId": "pump-*"}}, "with a wrong external ID"),
    ({"StringEqualsIfExists": {"sts:ExternalId": SECRET}}, "without an external ID"),
    ({"ForAllValues:StringEquals": {"sts:ExternalId": SECRET}}, "without an external ID"),
    ({"Null": {"sts:ExternalId": "false"}}, "with a wrong external ID"),
]
"""Conditions that do not require an external ID, and how the role can be assumed."""


def test_proves_what_iam_requires(emulator: EmbeddedAws) -> None:
    emulator.reset()
    as_pump = emulator.sts(Caller(PUMP_ACCOUNT))
    for number, (condition, how) in enumerate(NOT_REQUIRED):
        role_arn = create_role(emulator, f"NotRequired{number}", condition)
        # Even if the right ID is wrong: the role still accepts the other calls.
        for external_id in (SECRET, OTHER_SECRET):
            found = probe(role_arn, external_id, sts=as_pump)
            assert found.verdict == "not-required"
            assert describe_reason(found) == f"can be assumed {how}"
    rotating = create_role(emulator, "Rotating", required(SECRET, OTHER_SECRET))
    for external_id in (SECRET, OTHER_SECRET):
        assert probe(rotating, external_id, sts=as_pump).verdict == "required"
    another = create_role(emulator, "Another", required(OTHER_SECRET))
    for refusing in (another, f"{another}-missing"):
        assert probe(refusing, SECRET, sts=as_pump).verdict == "unknown"


# Against services that answer something else.


def test_makes_three_calls_that_ask_only_for_the_role(fake: Endpoint) -> None:
    for _ in range(2):
        assert probe(ROLE_ARN, SECRET).verdict == "required"
    asked = {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": ROLE_ARN,
        "RoleSessionName": "pump-roles-probe",
        "DurationSeconds": "900",
        "Policy": json.dumps(NOTHING),
    }
    wrong_ids = [request["ExternalId"] for request in fake.requests[2::3]]
    assert fake.requests == [
        asked | external_id
        for wrong in wrong_ids
        for external_id in ({"ExternalId": SECRET}, {}, {"ExternalId": wrong})
    ]
    assert len({*wrong_ids, SECRET}) == 3


# IAM User Guide, "Troubleshoot access denied error messages".
USER = f"User: arn:aws:iam::{PUMP_ACCOUNT}:user/Pump is not authorized to perform: sts:AssumeRole"
ON_ROLE = f"{USER} on resource: {ROLE_ARN}"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (BARE, ""),
        (ON_ROLE, ""),
        ("", ""),
        (f"{USER} because no role trust policy allows the sts:AssumeRole action", ""),
        (f"{USER} with an explicit deny in the role trust policy", ""),
        (f"{ON_ROLE} with an explicit deny in a resource-based policy", ""),
        (f"{USER} because no identity-based policy allows the x action", "identity-based-policy"),
        (f"{ON_ROLE} with an explicit deny in an identity-based policy", "identity-based-policy"),
        (
            f"{ON_ROLE} with an explicit deny in an identity-based policy: {ROLE_ARN}",
            "identity-based-policy",
        ),
        (f"{USER} with an explicit deny in a service control policy", "service-control-policy"),
        (f"{ON_ROLE} with an explicit deny in a VPC endpoint policy", "vpc-endpoint-policy"),
        (f"{USER} because no permissions boundary allows the x action", "permissions-boundary"),
        (f"{USER} because no session policy allows the x action", "session-policy"),
        (f"{USER} with an explicit deny in a sessions policy", "session-policy"),
        (f"{ON_ROLE} with an explicit deny", "unclear-policy"),
        (f"{ON_ROLE} because no other policy allows the x action", "unclear-policy"),
        (f"{ON_ROLE} with an explicit deny in a role trust policykeeper", "unclear-policy"),
    ],
)
def test_refusal_counts_unless_it_may_be_because_of_another_policy(
    message: str, reason: AttemptReason, fake: Endpoint
) -> None:
    found = probed(fake, error("AccessDenied", message))
    assert found.without_id == ProbeAttempt("unknown" if reason else "refused", reason)
    assert found.verdict == ("unknown" if reason else "required")


def test_resource_control_policy_refuses_as_the_role_does_and_is_named(fake: Endpoint) -> None:
    """It may be a data perimeter; or one that denies a call without an external ID."""
    denied = error("AccessDenied", f"{USER} with an explicit deny in a resource control policy")
    found = probed(fake, denied)
    assert found.without_id == ProbeAttempt("refused", "resource-control-policy")
    assert found.verdict == "required"
    assert ": without one, a resource control policy of its" in describe_reason(found)

    fake.respond = lambda _: denied
    found = probe(ROLE_ARN, SECRET)
    assert found.verdict == "unknown"
    assert describe_reason(found) == (
        "with this external ID: denied by a resource control policy of the role's organization, "
        "not by the role. If that is a data perimeter, the customer must except this caller's "
        "account in it (aws:PrincipalAccount)"
    )


OF_THE_CALLER = {*get_args(AttemptReason)} - {"", "failed", "resource-control-policy"}


@pytest.mark.parametrize("reason", sorted(OF_THE_CALLER))
def test_says_why_a_refusal_or_a_response_proves_nothing(reason: AttemptReason) -> None:
    unclear = ProbeAttempt("unknown", reason)
    words = describe_reason(
        ProbeResult(ROLE_ARN, ProbeAttempt("accepted"), ProbeAttempt("refused"), unclear)
    )
    assert words.startswith("with a wrong one: ")
    if reason == "no-credentials":
        assert "the response contains no credentials" in words
    else:
        assert "denied by " in words
        assert words.endswith(f"; {CURE}")


@pytest.mark.parametrize(
    ("answered", "reason"),
    [
        (error("Throttling", status=400), "throttled: sts:AssumeRole"),
        ((429, "<Error/>"), "sts:AssumeRole failed: HTTP status 429"),
        (error("ExpiredToken"), "the caller's credentials have expired"),
        (error("InvalidClientTokenId"), "AWS rejects the caller's credentials"),
        (error("RegionDisabledException"), "AWS STS is not activated in this Region"),
        (error("InternalFailure", status=500), "sts:AssumeRole failed: HTTP status 500"),
        (error("AccessDeniedException"), "denied: sts:AssumeRole"),
        (error(SECRET, SECRET, 400), "sts:AssumeRole failed: HTTP status 400"),
        (error("a\u202eb", "", 400), "sts:AssumeRole failed: HTTP status 400"),
        ((403, "<html>Forbidden"), "the response cannot be parsed (ResponseParserError)"),
        ((200, "<html/>"), "the response "),
        (answer("AssumeRole", "<Credentials/>"), "the response contains no credentials"),
        (
            answer("AssumeRole", "<Credentials><Expiration>soon</Expiration></Credentials>"),
            "the response cannot be parsed (",
        ),
    ],
)
def test_ambiguous_response_is_unknown(
    answered: tuple[int, str], reason: str, fake: Endpoint
) -> None:
    found = probed(fake, answered)
    assert found.verdict == "unknown"
    assert (found.with_right_id.outcome, found.with_wrong_id.outcome) == ("accepted", "refused")
    assert describe_reason(found).startswith(f"without one: {reason}")
    assert SECRET not in repr(found)


def test_temporary_failure_is_sent_again(fake: Endpoint) -> None:
    # A refusal all the same, with the status of a server's error.
    assert probed(fake, error("AccessDenied", BARE, 500)).verdict == "required"
    assert len(fake.requests) == 2 + 4


def test_acceptance_without_the_external_id_counts_whatever_else_fails(fake: Endpoint) -> None:
    fake.respond = lambda request: (500, "down") if "ExternalId" in request else ACCEPTED
    found = probe(ROLE_ARN, SECRET)
    assert (found.verdict, found.with_right_id.outcome) == ("not-required", "unknown")


@pytest.mark.usefixtures("fake")
def test_call_ends_within_seconds() -> None:
    config: Any = sts_client().meta.config
    attempts = config.retries["total_max_attempts"]
    assert attempts == 4
    assert attempts * (config.connect_timeout + config.read_timeout) <= 30


def broken(raised: BaseException, **meta: Any) -> "STSClient":
    """A client whose calls raise an error."""
    client: Any = SimpleNamespace(
        assume_role=Mock(side_effect=raised), meta=SimpleNamespace(partition="aws", **meta)
    )
    return client  # type: ignore[no-any-return]


URL = "https://sts.example.com"


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (NoCredentialsError(), "no usable credentials (NoCredentialsError)"),
        (BotoCoreError(), "the call was not sent (BotoCoreError)"),
        (KeyError(SECRET), "the response cannot be parsed (KeyError)"),
        (
            EndpointConnectionError(endpoint_url=URL),
            f"no response from {URL} (EndpointConnectionError)",
        ),
    ],
)
def test_call_that_is_not_sent_or_answered_is_unknown(raised: Exception, reason: str) -> None:
    found = probe(ROLE_ARN, SECRET, sts=broken(raised, endpoint_url=URL))
    assert found.verdict == "unknown"
    assert describe_reason(found) == (
        f"with this external ID, without one, with a wrong one: {reason}"
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((SECRET, SECRET), "role_arn: the value is not the ARN of an IAM role"),
        ((ROLE_ARN, f"{SECRET} "), "external_id: the value is not an external ID"),
        (
            (ROLE_ARN.replace("aws", "aws-cn", 1), SECRET),
            "role_arn: is in partition aws-cn, but the caller is in aws",
        ),
    ],
)
def test_rejects_an_invalid_argument_before_the_first_call(
    arguments: tuple[str, str], problem: str
) -> None:
    never = broken(AssertionError("called"))
    with pytest.raises(ArgumentError) as raised:
        probe(*arguments, sts=never)
    assert str(raised.value).startswith(problem)
    assert SECRET not in str(raised.value)


# The command.


@pytest.mark.usefixtures("fake")
def test_external_id_may_come_from_the_environment_and_the_region_decides_the_partition() -> None:
    assert run(ROLE_ARN, PUMP_EXTERNAL_ID=SECRET).exit_code == 0
    assert run(ROLE_ARN, "--external-id", SECRET, PUMP_EXTERNAL_ID=OTHER_SECRET).exit_code == 0
    assert run(ROLE_ARN, PUMP_EXTERNAL_ID=OTHER_SECRET).exit_code == 4
    problem = the_usage_error(run(ROLE_ARN, PUMP_EXTERNAL_ID=f"{SECRET}!"))
    assert "PUMP_EXTERNAL_ID: the value is not an external ID" in problem
    chinese = ROLE_ARN.replace("aws", "aws-cn", 1)
    assert run(chinese, "--external-id", SECRET, "--region=cn-north-1").exit_code == 0
    line = the_error(run(chinese, "--external-id", SECRET), 1)
    assert line.startswith("pump-roles: the role is in partition aws-cn, but the caller is in aws;")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "Missing argument 'ROLE_ARN'"),
        ([ROLE_ARN], "pass --external-id, or set PUMP_EXTERNAL_ID"),
        (
            [ROLE_ARN, f"--external-id={SECRET}!"],
            "'--external-id': the value is not an external",
        ),
        (
            [SECRET, f"--external-id={SECRET}"],
            "'ROLE_ARN': the value is not the ARN of an",
        ),
        ([ROLE_ARN, SECRET], "pass the external ID with --external-id"),
    ],
)
def test_bad_argument_is_a_usage_error_before_the_first_call(
    arguments: list[str], problem: str, fake: Endpoint
) -> None:
    assert problem in the_usage_error(run(*arguments))
    assert fake.requests == []


def test_unreachable_aws_causes_one_error(
    fake: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = (ROLE_ARN, "--external-id", SECRET)
    assert "(external ID)" in the_error(run(*command, "--profile", SECRET), 4)
    assert "endpoint" in the_error(run(*command, AWS_ENDPOINT_URL="nowhere"), 4)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "credentials" in the_error(run(*command), 4)
    file = tmp_path / "config"
    file.write_text("[default]\ncredential_process = /nonexistent/program\n")
    line = the_error(run(*command, AWS_CONFIG_FILE=str(file)), 4)
    assert line.startswith("pump-roles: the result is unknown: ")
    assert fake.requests == []


@pytest.mark.parametrize(
    ("answered", "remedy"),
    [(error("ExpiredToken"), "; sign in again, or pass another --profile"), ((200, "not XML"), "")],
)
def test_unknown_caller_causes_one_error(
    answered: tuple[int, str], remedy: str, fake: Endpoint
) -> None:
    fake.respond = lambda _: answered
    assert the_error(run(ROLE_ARN, "--external-id", SECRET), 4).endswith(remedy)
    assert {request["Action"] for request in fake.requests} == {"GetCallerIdentity"}


def test_caller_that_may_not_call_get_caller_identity_can_probe(fake: Endpoint) -> None:
    """As through a VPC endpoint whose policy allows nothing but `sts:AssumeRole`."""

    def only_roles(request: Request) -> tuple[int, str]:
        return REFUSED if request["Action"] == "GetCallerIdentity" else as_it_should(request)

    fake.respond = only_roles
    ended = run(ROLE_ARN, "--external-id", SECRET, "--format=json")
    assert ended.exit_code == 0
    assert json.loads(ended.stdout)["caller"] == ""


def test_does_not_show_what_aws_echoes(fake: Endpoint) -> None:
    def echo(request: Request) -> tuple[int, str]:
        if request["Action"] == "GetCallerIdentity":
            return IDENTITY
        external_id = request.get("ExternalId", "")
        return error(external_id or "Other", f"no {external_id}", status=400)

    fake.respond = echo
    # The second one looks like an error code.
    for external_id, option in ((SECRET, "json"), ("LettersAlone", "table")):
        ended = run(ROLE_ARN, "--external-id", external_id, "--format", option)
        assert ended.exit_code == 4
        sent = {request["ExternalId"] for request in fake.requests if "ExternalId" in request}
        assert len(sent) > 1
        assert not [sent_id for sent_id in sent if sent_id in ended.output]


@pytest.mark.parametrize(
    ("accepted", "verdict", "status"),
    [
        ({SECRET}, "required", 0),
        ({SECRET, None}, "not-required", 3),
        (set(), "unknown", 4),
    ],
)
def test_shows_the_result_of_the_role(
    accepted: set[str | None], verdict: str, status: int, fake: Endpoint
) -> None:
    fake.respond = lambda request: (
        IDENTITY
        if request["Action"] == "GetCallerIdentity"
        else ACCEPTED
        if request.get("ExternalId") in accepted
        else REFUSED
    )
    ended = run(ROLE_ARN, "--external-id", SECRET, "--format=json")
    assert ended.exit_code == status, ended.stderr
    found = json.loads(ended.stdout)
    assert found["caller"] == f"arn:aws:iam::{PUMP_ACCOUNT}:user/Pump"
    (role,) = found["roles"]
    assert (role["role_arn"], role["verdict"]) == (ROLE_ARN, verdict)
