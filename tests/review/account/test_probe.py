"""`pump-roles probe` against an AWS emulator that enforces IAM: it proves what a role requires."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from threading import Barrier, Event, Semaphore
from types import SimpleNamespace
from typing import Any, get_args
from unittest.mock import Mock

import pytest
from botocore.exceptions import BotoCoreError, ConnectTimeoutError, NoCredentialsError
from click.testing import Result
from mypy_boto3_sts import STSClient

from pump_roles.review.account.probe import (
    CONCURRENCY,
    Attempt,
    Outcome,
    ProbeResult,
    conclude,
    new_external_id,
    probe,
    probe_all,
    sts_client,
)
from pump_roles.validators import EXTERNAL_ID, ArgumentError
from tests import commands
from tests.commands import the_error, the_usage_error
from tests.endpoint import Endpoint, Request, serving
from tests.support import (
    NOT_NEEDED,
    OTHER_SECRET,
    PUBLISHED_NAMES,
    PUMP_ACCOUNT,
    ROLE_ARN,
    SECRET,
    python,
    role_in,
    trust,
    write_csv,
)
from tools.sandbox.aws import ACCOUNT_ID, REGION, Caller, EmbeddedAws
from tools.sandbox.cdk import tool_environment

pytestmark = pytest.mark.usefixtures("no_aws")

PUMP = Caller(PUMP_ACCOUNT)
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


def test_new_external_id_loads_neither_boto3_nor_the_cdk(tmp_path: Path) -> None:
    # The package exports the function, even if the module is imported first.
    code = """if True:
        import pump_roles.review.account.probe
        from pump_roles import new_external_id, probe
        probe.__call__
        print(new_external_id())"""
    ended, loaded = python("-c", code, folder=tmp_path)
    assert ended.stdout.startswith("pump-"), ended.stderr
    assert loaded & NOT_NEEDED == set()


# The verdict.


@pytest.mark.parametrize(("right", "without", "wrong"), [*product(get_args(Outcome), repeat=3)])
def test_proof_takes_one_acceptance_and_two_refusals(
    right: Outcome, without: Outcome, wrong: Outcome
) -> None:
    reasons = {"accepted": "", "refused": "", "unknown": "Because."}
    found = conclude(
        ROLE_ARN,
        right=Attempt(right, reasons[right]),
        without=Attempt(without, reasons[without]),
        wrong=Attempt(wrong, reasons[wrong]),
    )
    if "accepted" in (without, wrong):
        expected = "not-required"
        assert ("without an external ID" in found.reason) == (without == "accepted")
        assert ("with a wrong external ID" in found.reason) == (wrong == "accepted")
    elif (right, without, wrong) == ("accepted", "refused", "refused"):
        expected = "required"
    else:
        expected = "unknown"
        assert ("Because." in found.reason) == ("unknown" in (right, without, wrong))
        assert ("AWS does not say which" in found.reason) == (right == "refused")
    assert found.verdict == expected
    assert (found.with_right_id, found.without_id, found.with_wrong_id) == (right, without, wrong)
    assert found.reason


# Against roles.


@pytest.fixture(scope="module")
def aws(emulator: EmbeddedAws) -> EmbeddedAws:
    emulator.reset()
    return emulator


@pytest.fixture
def as_pump(aws: EmbeddedAws) -> STSClient:
    """A client with the credentials of Pump's root user."""
    return aws.sts(PUMP)


def create_role(aws: EmbeddedAws, name: str, condition: Any, *, account: str = ACCOUNT_ID) -> str:
    """Create a role that trusts Pump on a condition, and return its ARN."""
    document = trust(PUMP_ACCOUNT, SECRET)
    document["Statement"][0]["Condition"] = condition
    created = aws.iam(Caller(account)).create_role(
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


def test_proves_what_iam_requires(aws: EmbeddedAws, as_pump: STSClient) -> None:
    for number, (condition, how) in enumerate(NOT_REQUIRED):
        role_arn = create_role(aws, f"NotRequired{number}", condition)
        # Even if the right ID is wrong: the role still accepts the other calls.
        for external_id in (SECRET, OTHER_SECRET):
            found = probe(role_arn, external_id, sts=as_pump)
            assert (found.verdict, found.reason) == ("not-required", f"can be assumed {how}")
    rotating = create_role(aws, "Rotating", required(SECRET, OTHER_SECRET))
    for external_id in (SECRET, OTHER_SECRET):
        assert probe(rotating, external_id, sts=as_pump) == ProbeResult(
            rotating, "required", PROVEN, "accepted", "refused", "refused"
        )
    another = create_role(aws, "Another", required(OTHER_SECRET))
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
    first, second = (request["ExternalId"] for request in fake.requests[2::3])
    assert first != second
    assert re.fullmatch("pump-[0-9a-f]{32}", first)
    for wrong, requests in ((first, fake.requests[:3]), (second, fake.requests[3:])):
        assert requests == [asked | {"ExternalId": SECRET}, asked, asked | {"ExternalId": wrong}]


# IAM User Guide, "Troubleshoot access denied error messages".
USER = f"User: arn:aws:iam::{PUMP_ACCOUNT}:user/Pump is not authorized to perform: sts:AssumeRole"
ON_ROLE = f"{USER} on resource: {ROLE_ARN}"


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (BARE, 403),
        # A server's error is sent again, and is a refusal all the same.
        (BARE, 500),
        (ON_ROLE, 403),
        ("", 403),
        (f"{USER} because no role trust policy allows the sts:AssumeRole action", 403),
        (f"{USER} with an explicit deny in the role trust policy", 403),
        (f"{ON_ROLE} with an explicit deny in a resource-based policy", 403),
    ],
)
def test_refusal_by_the_role_counts(message: str, status: int, fake: Endpoint) -> None:
    found = probed(fake, error("AccessDenied", message, status))
    assert found.verdict == "required"


@pytest.mark.parametrize(
    ("message", "whose"),
    [
        (f"{USER} because no identity-based policy allows the x action", "identity-based"),
        (f"{ON_ROLE} with an explicit deny in an identity-based policy", "identity-based"),
        (
            f"{ON_ROLE} with an explicit deny in an identity-based policy: {ROLE_ARN}",
            "identity-based",
        ),
        (f"{USER} with an explicit deny in a service control policy", "service control"),
        (f"{ON_ROLE} with an explicit deny in a resource control policy", "resource control"),
        (f"{ON_ROLE} with an explicit deny in a VPC endpoint policy", "VPC endpoint"),
        (f"{USER} because no permissions boundary allows the x action", "boundary"),
        (f"{USER} because no session policy allows the x action", "session policy"),
        (f"{USER} with an explicit deny in a sessions policy", "session policy"),
        (f"{ON_ROLE} with an explicit deny", "may not be the role's"),
        (f"{ON_ROLE} because no other policy allows the x action", "may not be the role's"),
        (f"{ON_ROLE} with an explicit deny in a role trust policykeeper", "may not be the role's"),
    ],
)
def test_refusal_because_of_another_policy_is_unknown(
    message: str, whose: str, fake: Endpoint
) -> None:
    found = probed(fake, error("AccessDenied", message))
    assert found.verdict == "unknown"
    assert whose in found.reason
    assert found.reason.endswith(f"; {CURE}")


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
    assert (found.with_right_id, found.with_wrong_id) == ("accepted", "refused")
    assert found.reason.startswith(f"without one: {reason}")
    assert SECRET not in repr(found)


def test_acceptance_without_the_external_id_counts_whatever_else_fails(fake: Endpoint) -> None:
    fake.respond = lambda request: (500, "down") if "ExternalId" in request else ACCEPTED
    found = probe(ROLE_ARN, SECRET)
    assert (found.verdict, found.with_right_id) == ("not-required", "unknown")


@pytest.mark.usefixtures("fake")
def test_call_ends_within_seconds() -> None:
    config: Any = sts_client(connections=4).meta.config
    attempts = config.retries["total_max_attempts"]
    assert attempts == 4
    assert attempts * (config.connect_timeout + config.read_timeout) <= 30
    assert config.max_pool_connections == 4


def test_endpoint_that_does_not_respond_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(as_it_should) as fake:
        pass
    for name, value in fake.environment.items():
        monkeypatch.setenv(name, value)
    found = probe(ROLE_ARN, SECRET)
    assert found.verdict == "unknown"
    assert found.reason.endswith(f"no response from {fake.url} (EndpointConnectionError)")


def broken(raised: BaseException, **meta: Any) -> STSClient:
    """A client whose calls raise an error."""
    client: Any = SimpleNamespace(
        assume_role=Mock(side_effect=raised), meta=SimpleNamespace(partition="aws", **meta)
    )
    return client  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (NoCredentialsError(), "no usable credentials (NoCredentialsError)"),
        (BotoCoreError(), "the call was not sent (BotoCoreError)"),
        (KeyError(SECRET), "the response cannot be parsed (KeyError)"),
    ],
)
def test_call_that_is_not_sent_is_unknown(raised: Exception, reason: str) -> None:
    (found,) = probe_all([(ROLE_ARN, SECRET)], sts=broken(raised))
    assert found.verdict == "unknown"
    assert found.reason == f"with this external ID, without one, with a wrong one: {reason}"


def test_raises_a_failure_within_a_thread_without_waiting() -> None:
    with pytest.raises(AttributeError, match="endpoint_url"):
        probe_all([(ROLE_ARN, SECRET)] * 3, sts=broken(ConnectTimeoutError(endpoint_url="")))


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
    with pytest.raises(ArgumentError):
        probe_all([(ROLE_ARN, SECRET), arguments], sts=never)


def test_concurrency_is_bounded() -> None:
    for concurrency in [0, 33]:
        with pytest.raises(ArgumentError, match="from 1 to 32"):
            probe_all([(ROLE_ARN, SECRET)], sts=broken(ValueError()), concurrency=concurrency)
        problem = the_usage_error(run(ROLE_ARN, "--concurrency", concurrency))
        assert str(CONCURRENCY.maximum if concurrency else CONCURRENCY.minimum) in problem


def test_roles_are_probed_concurrently_up_to_the_limit() -> None:
    four, free, waits = Barrier(4), Semaphore(4), list[bool]()

    def together(**_: object) -> None:
        waits.append(not free.acquire(blocking=False))
        four.wait(timeout=300)
        free.release()
        four.wait(timeout=300)

    client: Any = SimpleNamespace(assume_role=together, meta=SimpleNamespace(partition="aws"))
    roles = [(f"{ROLE_ARN}-{number}", SECRET) for number in range(12)]
    found: list[ProbeResult] = []
    results = probe_all(roles, sts=client, concurrency=4, found=found.append)
    assert waits == [False] * 36
    assert not four.broken
    assert [result.role_arn for result in results] == [role_arn for role_arn, _ in roles]
    assert sorted(found, key=results.index) == results


# The command.


@pytest.mark.usefixtures("fake")
def test_external_id_may_come_from_the_environment() -> None:
    assert run(ROLE_ARN, PUMP_EXTERNAL_ID=SECRET).exit_code == 0
    assert run(ROLE_ARN, "--external-id", SECRET, PUMP_EXTERNAL_ID=OTHER_SECRET).exit_code == 0
    assert run(ROLE_ARN, PUMP_EXTERNAL_ID=OTHER_SECRET).exit_code == 4


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "pass ROLE_ARN or --file"),
        ([ROLE_ARN, "--file=roles.csv"], "ROLE_ARN: cannot be combined with --file"),
        (["--file=roles.csv", f"--external-id={SECRET}"], "cannot be combined with --file"),
        ([f"--file={SECRET}"], "Invalid value for '--file': must be a .csv file"),
        ([ROLE_ARN], "pass --external-id, or set PUMP_EXTERNAL_ID"),
        ([ROLE_ARN, f"--external-id={SECRET}!"], "--external-id: the value is not an external ID"),
        ([SECRET, f"--external-id={SECRET}"], "ROLE_ARN: the value is not the ARN of an IAM role"),
        ([ROLE_ARN, SECRET], "pass the external ID with --external-id"),
        (
            [ROLE_ARN.replace("aws", "aws-us-gov", 1), f"--external-id={SECRET}"],
            "ROLE_ARN: the role is in partition aws-us-gov, but the caller is in aws; pass a --",
        ),
    ],
)
def test_bad_argument_is_a_usage_error_before_the_first_call(
    arguments: list[str], problem: str, fake: Endpoint
) -> None:
    assert problem in the_usage_error(run(*arguments))
    assert fake.requests == []


def test_error_names_the_variable_of_a_bad_external_id() -> None:
    problem = the_usage_error(run(ROLE_ARN, PUMP_EXTERNAL_ID=f"{SECRET}!"))
    assert "PUMP_EXTERNAL_ID: the value is not an external ID" in problem


@pytest.mark.usefixtures("fake")
def test_result_that_cannot_be_written_causes_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pump_roles.review.cli.input_output.write", full)
    line = the_error(run(ROLE_ARN, "--external-id", SECRET), 4)
    assert line == "pump-roles: standard output: cannot be written: No space left on device"


@pytest.mark.usefixtures("fake")
def test_region_decides_the_partition() -> None:
    chinese = ROLE_ARN.replace("aws", "aws-cn", 1)
    assert run(chinese, "--external-id", SECRET, "--region=cn-north-1").exit_code == 0


def test_unreachable_aws_causes_one_error(fake: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    command = (ROLE_ARN, "--external-id", SECRET)
    assert "SECRET" not in the_error(run(*command, "--profile", SECRET), 4)
    assert "(external ID)" in the_error(run(*command, "--profile", SECRET), 4)
    assert "endpoint" in the_error(run(*command, AWS_ENDPOINT_URL="nowhere"), 4)
    assert fake.requests == []
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "credentials" in the_error(run(*command), 4)


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
    for option in ["--format=table", "--format=json"]:
        ended = run(ROLE_ARN, "--external-id", SECRET, option)
        assert ended.exit_code == 4
        sent = {request["ExternalId"] for request in fake.requests if "ExternalId" in request}
        assert len(sent) > 1
        assert not [external_id for external_id in sent if external_id in ended.output]
    # An ID that looks like an error code.
    ended = run(ROLE_ARN, "--external-id", "LettersAlone")
    assert ended.exit_code == 4
    assert "LettersAlone" not in ended.output


# The file, for the command; its contents are tested in test_role_list.py.


def test_bad_file_causes_one_error_before_the_first_call(fake: Endpoint, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "r.csv", (SECRET, ROLE_ARN))
    line = the_error(run("--file", file), 1)
    assert line.startswith(f"pump-roles: {file}: line 2: role_arn: the value")
    write_csv(file, (ROLE_ARN, SECRET), (ROLE_ARN.replace("aws", "aws-cn"), SECRET))
    line = the_error(run("--file", file), 1)
    assert line.startswith(f"pump-roles: {file}: line 3: the role is in partition aws-cn")
    assert fake.requests == []


def test_warnings_go_to_standard_error_and_do_not_change_the_status(
    fake: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_csv(tmp_path / "r.csv", (role_in(1), SECRET), (role_in(2), SECRET))
    ended = run("--file", file)
    assert ended.exit_code == 0
    assert ended.stderr == (
        f"pump-roles: warning: {file}: lines 2-3: 2 accounts share an external ID; that is "
        "correct only if they belong to one customer\n"
    )
    monkeypatch.setattr("tests.review.account.test_probe.SECRET", "short-one")
    ended = run(role_in(1, "Other"), "--external-id", "short-one")
    assert ended.exit_code == 0
    assert "short-one" not in ended.output
    assert ended.stderr.splitlines() == [
        "pump-roles: warning: the external ID has fewer than 16 characters",
        f"pump-roles: warning: the role's name is not {PUBLISHED_NAMES}",
    ]
    assert len(fake.requests) == 3 * 3 + 2


# Many roles, as whole commands.


def in_folder(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**tool_environment(), **environment, "HOME": str(folder), "PYTHONPATH": paths}


def test_probes_many_roles_and_shows_each_result(aws: EmbeddedAws, tmp_path: Path) -> None:
    rows = []
    for account in (role_in(number).split(":")[4] for number in (5_000, 5_001)):
        for name in ("PumpReadOnlyRole", "PumpAutoPilotRole"):
            external_id = new_external_id()
            role_arn = create_role(aws, name, required(external_id), account=account)
            rows.append((role_arn, external_id))
    open_role = create_role(aws, "Open", {}, account="000000006000")
    missing = role_in(6_001)
    rows[2:2] = [(open_role, new_external_id()), (missing, new_external_id())]
    file = write_csv(tmp_path / "roles.csv", *rows)
    environment = aws.environment(PUMP)

    ended = run("--file", file, "--format=json", "--concurrency=16", **environment)
    assert ended.exit_code == 3, ended.stderr
    assert ended.stderr == (
        f"pump-roles: warning: {file}: line 4: the role's name is not {PUBLISHED_NAMES}\n"
    )
    found = json.loads(ended.stdout)
    assert found["caller"] == f"arn:aws:iam::{PUMP_ACCOUNT}:root"
    assert [(role["role_arn"], role["verdict"]) for role in found["roles"]] == [
        (role_arn, {open_role: "not-required", missing: "unknown"}.get(role_arn, "required"))
        for role_arn, _ in rows
    ]

    table = run("--file", file, **environment)
    assert table.exit_code == 3
    first, second, *lines, _, last = table.stdout.splitlines()[5:]
    assert re.match(
        rf"  not required  {open_role} +can be assumed without an external ID and", first
    )
    assert second.startswith(f"  unknown       {missing} ")
    assert all(re.fullmatch(rf"  required      arn:\S+ +{PROVEN}", line) for line in lines)
    assert last == f"External ID: 1 not required, 1 unknown, {len(lines)} required."
    shown = ended.stdout + table.stdout
    assert not [external_id for _, external_id in rows if external_id in shown]


def test_interrupt_ends_the_command_without_partial_output(tmp_path: Path) -> None:
    probing, released = Semaphore(0), Event()

    def hang(request: Request) -> tuple[int, str]:
        if request["Action"] == "AssumeRole":
            probing.release()
            released.wait()
        return as_it_should(request)

    file = write_csv(tmp_path / "r.csv", *((role_in(n), f"{SECRET}{n}") for n in range(1, 20)))
    # A shell's background job ignores it, and so would the command.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with serving(hang) as fake:
        process = subprocess.Popen(
            [sys.executable, "-m", "pump_roles", "probe", "--file", file, "--concurrency", "2"],
            env=in_folder(tmp_path, fake.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            # Only once every thread calls AWS, so that nothing but the main thread still runs.
            for _ in range(2):
                assert probing.acquire(timeout=300)
            process.send_signal(signal.SIGINT)
            # It does not wait for the calls, which never end.
            stdout, stderr = process.communicate(timeout=300)
        finally:
            process.kill()
            released.set()
    assert process.returncode == 130
    assert (stdout, stderr) == ("", "")


def test_probe_loads_boto3_and_not_the_cdk(fake: Endpoint, tmp_path: Path) -> None:
    ended, loaded = python(
        *("-m", "pump_roles", "probe", ROLE_ARN, "--external-id", SECRET),
        folder=tmp_path,
        environment=in_folder(tmp_path, fake.environment),
    )
    assert ended.returncode == 0, ended.stderr
    assert loaded & NOT_NEEDED == {"boto3", "botocore", "rich"}
    assert "jinja2" not in loaded


def test_program_that_does_not_exist_causes_one_error(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("[default]\ncredential_process = /nonexistent/program\n")
    environment = {
        "AWS_CONFIG_FILE": str(file),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": REGION,
        "PUMP_EXTERNAL_ID": SECRET,
    }
    line = the_error(run(ROLE_ARN, **environment), 4)
    assert line.startswith("pump-roles: the result is unknown: ")
