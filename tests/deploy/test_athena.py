"""``pump-roles activity --athena`` says what the same files say, with the permissions of its page.

The emulator runs the query in DuckDB, over the files of a trail in its S3.
"""

import json
import re
import shlex
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from inspect import unwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import EndpointConnectionError
from click.testing import Result

from pump_roles.review.account import athena
from pump_roles.review.account.aws_sdk import Clients
from tests.athena_tables import COLUMNS, create_table, have_a_trail, upload
from tests.commands import command, run, the_error
from tests.docs.pages import ACTIVITY, policy
from tests.review.account.test_activity_collector import corrected
from tests.review.account.trail import (
    AUTO_PILOT,
    PURCHASES,
    assumption,
    call,
    handshake,
    write,
)
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws

UNKNOWN = "pump-roles: the result is unknown: "
TABLE = "audit.cloudtrail_logs"
ACCOUNTS = [f"{number:012}" for number in range(111122223333, 111122223383)]


@pytest.fixture
def organization(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> EmbeddedAws:
    monkeypatch.setattr(athena, "time", SimpleNamespace(sleep=lambda _: time.sleep(0.005)))
    have_a_trail(aws)
    return aws


NOW = datetime(2026, 11, 11, 9, tzinfo=timezone.utc)


def deliver(folder: Path, account: str, events: Sequence[Any], day: str = "2026/11/10") -> None:
    """Write a file where CloudTrail delivers it."""
    write(folder / account / "CloudTrail" / "us-east-1" / day, *events, name="1.json.gz")


def query(
    aws: EmbeddedAws, *arguments: object, caller: Caller = OWNER, table: str = TABLE
) -> Result:
    common = ("activity", "--athena", table, "--workgroup", "audit")
    return run(*common, *arguments, environment=aws.environment(caller))


EVENTS = [
    *PURCHASES.values(),
    corrected(PURCHASES["Savings Plan"], errorCode="Client.Failure", errorMessage="no"),
    call("ec2:DescribeInstances", {"filterSet": {"items": [{"name": 'a"b\\c\u00e9\n'}]}}),
    call("ecs:DescribeTasks", "HIDDEN_DUE_TO_SECURITY_REASONS"),
    call("ec2:CreateTags", {"tags": [1, 2.5, True, None]}, error="AccessDenied"),
    call("s3:ListBuckets"),
    call("ec2:CreateTags", errorMessage="no"),
    handshake(),
    assumption(AUTO_PILOT, "Example-1234-5678", "for-Example-1234-5678"),
    call("ec2:CreateTags", session="for-Example-1234-5678"),
    # Not as CloudTrail writes them.
    call("ec2:CreateTags", userIdentity={"type": "AssumedRole"}),
    call("ec2:CreateTags") | {"recipientAccountId": "1"},
    call("ec2:CreateTags") | {"eventSource": None},
]


def of_account(number: int, events: Sequence[Any]) -> list[Any]:
    """Return events as those of the role of another account."""
    text = json.dumps(events)
    for old, new in {
        "111122223333": ACCOUNTS[number],
        "PumpAutoPilotRole": "PumpReadOnlyRole" if number % 3 == 0 else "PumpAutoPilotRole",
        "00000000-": f"{number:08}-",
        '"sp-1"': f'"sp-{number}"',
        "2026-11-10T08": f"2026-11-{10 + number % 5}T{number % 24:02}",
    }.items():
        text = text.replace(old, new)
    found: list[Any] = json.loads(text)
    return found


@pytest.mark.slow
def test_query_says_what_the_files_of_fifty_accounts_say(
    organization: EmbeddedAws, tmp_path: Path
) -> None:
    for number, account in enumerate(ACCOUNTS):
        other = call("s3:GetBucketLocation", role=AUTO_PILOT.replace("Pump", "Own"))
        service = other | {"userIdentity": {"type": "AWSService", "invokedBy": "x"}}
        others = [*[other] * number, service, other | {"awsRegion": "eu-central-1"}]
        deliver(tmp_path, account, of_account(number, others), "2026/11/09")
        # Pump did nothing in one of them.
        mine = of_account(number, EVENTS if number != 7 else [])
        deliver(tmp_path, account, mine, "2026/11/10")
    upload(organization, tmp_path)
    create_table(organization, "cloudtrail_logs", "all")
    read_files = run("activity", tmp_path, "--format", "json")
    queried = query(organization, "--format", "json")
    assert (queried.exit_code, read_files.exit_code) == (4, 4)
    files, table = json.loads(read_files.stdout), json.loads(queried.stdout)
    assert (files.pop("table"), table.pop("table")["table"]) == (None, TABLE)
    for result in (files, table):
        # What cannot be read is said of each file, or of the table.
        malformed = [each for each in result["unknown"] if each["why"] == "malformed"]
        result["unknown"] = [each for each in result["unknown"] if each["why"] != "malformed"]
        assert sum(each["events"] for each in malformed) == 3 * 49
    assert json.dumps(table) == json.dumps(files)
    calls = {account["account"]: account["calls"] for account in table["accounts"]}
    assert [*calls] == ACCOUNTS
    assert [account for account, count in calls.items() if not count] == [ACCOUNTS[7]]
    assert {account["commitments"] for account in table["accounts"]} == {0, len(PURCHASES) - 1}


def in_the_guide() -> list[tuple[str, str]]:
    """The tables of the guide, and the condition for each."""
    found = re.findall(r"^\| \[(\w+).*\| `--where (.*)` \|$", ACTIVITY, re.MULTILINE)
    return [(kind, *shlex.split(condition)) for kind, condition in found]


@pytest.mark.parametrize(("kind", "condition"), in_the_guide())
def test_condition_of_the_guide_skips_partitions_of_its_table(
    kind: str, condition: str, organization: EmbeddedAws, tmp_path: Path
) -> None:
    # Both have the same time: only the partition decides.
    deliver(tmp_path, "111122223333", [call("ec2:CreateTags")], "2026/11/10")
    deliver(tmp_path, "111122223333", [call("ec2:RunInstances")], "2026/11/02")
    upload(organization, tmp_path)
    create_table(organization, "cloudtrail_logs", kind)
    ended = query(organization, "--where", condition, "--format", "json")
    assert ALL not in ended.stderr
    result = json.loads(ended.stdout)
    assert [change["action"] for change in result["changes"]] == ["ec2:CreateTags"]
    assert (result["events"], result["unknown"]) == (1, [])
    assert (result["table"]["condition"], result["table"]["workgroup"]) == (condition, "audit")


@pytest.mark.parametrize("kind", ["partition", "all", "manual", "organization"])
def test_days_skip_partitions_of_dates(
    kind: str, organization: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = command("activity").callback
    assert callback
    activity = unwrap(callback)
    monkeypatch.setitem(activity.__globals__, "datetime", Mock(now=lambda _: NOW))
    # Only the partition decides, because the time of both is in the period.
    deliver(tmp_path, "111122223333", [call("ec2:CreateTags")], "2026/11/04")
    deliver(tmp_path, "111122223333", [call("ec2:RunInstances")], "2026/11/02")
    upload(organization, tmp_path)
    create_table(organization, "cloudtrail_logs", kind)
    ended = query(organization, "--days", "7", "--format", "json")
    result = json.loads(ended.stdout)
    assert [change["action"] for change in result["changes"]] == ["ec2:CreateTags"]
    assert ALL not in ended.stderr
    table = result["table"]
    assert (table["since"], table["until"]) == ("2026-11-04T09:00:00Z", "2026-11-11T09:00:00Z")


ALL = "all partitions of audit.cloudtrail_logs are scanned"


def test_condition_for_anything_but_partitions_is_not_known(table: EmbeddedAws) -> None:
    ended = query(table, "--where", "eventsource = 'ec2.amazonaws.com'")
    assert ended.exit_code == 4
    assert ALL in ended.stderr
    assert "the condition is not only for partitions: eventsource" in ended.stdout
    assert "Not known: the condition of the query may leave out events." in ended.stdout
    assert "would have denied none" not in ended.stdout


def test_guide_has_a_condition_for_each_table() -> None:
    assert [kind for kind, _ in in_the_guide()] == ["partition", "manual", "organization"]


@pytest.fixture
def table(organization: EmbeddedAws, tmp_path: Path) -> EmbeddedAws:
    """An organization with a table, and a purchase in it."""
    deliver(tmp_path, "111122223333", [PURCHASES["ec2"]])
    upload(organization, tmp_path)
    create_table(organization, "cloudtrail_logs", "all")
    return organization


STATEMENTS = [
    statement | {"Action": action}
    for statement in policy(
        "smallest-policy-athena", ACTIVITY, ACCOUNT=ACCOUNT_ID, REGION="us-east-1"
    )["Statement"]
    for action in (statement["Action"], [statement["Action"]])[isinstance(statement["Action"], str)]
]
"""The permissions of the page, each by itself."""


def reader(aws: EmbeddedAws, statements: Sequence[Any] = STATEMENTS) -> Caller:
    """Return the session of a role with some of the permissions of the page."""
    name = f"Reader{len(aws.roles())}"
    aws.create_role(name, ACCOUNT_ID, statements)
    return aws.assume(f"arn:aws:iam::{ACCOUNT_ID}:role/{name}", OWNER)


def test_permissions_of_the_page_are_enough_and_none_is_too_many(table: EmbeddedAws) -> None:
    ended = query(table, "--format", "json", "--fail-on", "change", caller=reader(table))
    assert ended.exit_code == 3, ended.stderr
    *_, line = ended.stderr.splitlines()
    assert re.fullmatch(r"pump-roles: the query scanned [1-9][0-9,]* bytes", line)
    for statement in STATEMENTS:
        # It is only called if the query is interrupted.
        if statement["Action"] != "athena:StopQueryExecution":
            others = [each for each in STATEMENTS if each is not statement]
            line = query(table, caller=reader(table, others)).stderr.splitlines()[-1]
            assert line.startswith(UNKNOWN), statement
            assert statement["Action"].partition(":")[2] in line


def interrupt() -> None:
    raise KeyboardInterrupt


def lose_the_connection() -> None:
    raise EndpointConnectionError(endpoint_url="https://athena")


@pytest.fixture(autouse=True)
def signals_end_a_process() -> Iterator[None]:
    """What ``nohup`` ignores would otherwise be ignored here, too, and nothing would end."""
    before = {each: signal.signal(each, signal.SIG_DFL) for each in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.fixture
def interrupted(
    table: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Result, list[int]]]:
    """How a query ends while it runs, and the answers when it is stopped."""

    def end(how: Callable[[], object], caller: Caller) -> tuple[Result, list[int]]:
        monkeypatch.setattr(athena, "time", SimpleNamespace(sleep=lambda _: how()))
        original, answers = Clients.athena, list[int]()

        def with_slow_query(clients: Clients) -> Any:
            client = original(clients)
            client.meta.events.register(
                "after-call.athena.StopQueryExecution",
                lambda http_response, **_: answers.append(http_response.status_code),
            )
            client.meta.events.register(
                "after-call.athena.GetQueryExecution",
                lambda parsed, **_: parsed["QueryExecution"]["Status"].update(State="RUNNING"),
            )
            return client

        monkeypatch.setattr(Clients, "athena", with_slow_query)
        return query(table, caller=caller), answers

    return end


@pytest.mark.parametrize(
    ("how", "status"),
    [
        (interrupt, 130),
        (lambda: signal.raise_signal(signal.SIGTERM), 143),
        (lambda: signal.raise_signal(signal.SIGHUP), 129),
        (lose_the_connection, 4),
    ],
)
def test_interrupted_query_is_stopped_and_named(
    how: Callable[[], object],
    status: int,
    table: EmbeddedAws,
    interrupted: Callable[..., tuple[Result, list[int]]],
) -> None:
    ended, answers = interrupted(how, reader(table))
    assert (ended.exit_code, ended.stdout, answers) == (status, "", [200])
    assert re.search("query [0-9a-f-]{36} was started in the workgroup audit", ended.stderr)
    assert re.search("query [0-9a-f-]{36} was stopped\n", ended.stderr)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_query_that_was_not_stopped_comes_with_the_command_that_stops_it(
    table: EmbeddedAws, interrupted: Callable[..., tuple[Result, list[int]]]
) -> None:
    others = [each for each in STATEMENTS if each["Action"] != "athena:StopQueryExecution"]
    ended, answers = interrupted(interrupt, reader(table, others))
    assert (ended.exit_code, len(answers)) == (130, 1)
    assert re.search(
        r"query ([0-9a-f-]{36}) was not stopped: denied: athena:StopQueryExecution; to stop it, "
        r"run aws athena stop-query-execution --query-execution-id \1 --region us-east-1\n",
        ended.stderr,
    )


GUIDE = '"Create the table for CloudTrail logs in Athena" in the Amazon Athena User Guide'


def test_error_is_one_line(table: EmbeddedAws) -> None:
    def error(*arguments: str) -> str:
        return the_error(run("activity", *arguments, environment=table.environment(OWNER)))

    audit = ("--workgroup", "audit")
    assert error("--athena", "audit.nothing", *audit) == (
        f"pump-roles: --athena: there is no table audit.nothing; see {GUIDE}"
    )
    assert error("--athena", TABLE, "--where", "region = 'us-east-1'") == (
        "pump-roles: --workgroup: primary has no location for query results; set one, or pass "
        "another workgroup"
    )
    older = OLDER.replace("sessionissuer", "issuer")
    create_table(table, "older", "all", older)
    assert error("--athena", "audit.older", *audit) == (
        "pump-roles: --athena: the table audit.older does not have "
        "useridentity.sessioncontext.sessionissuer.arn; create it as in "
        f"{GUIDE}"
    )
    table.client("glue").create_table(DatabaseName="audit", TableInput={"Name": "view"})
    assert error("--athena", "audit.view", *audit) == (
        f"{UNKNOWN}the response cannot be parsed (KeyError)"
    )
    first, *_, line = query(table, "--where", "hour = 1").stderr.splitlines()
    assert ALL in first
    assert re.match(f"{UNKNOWN}query [0-9a-f-]{{36}} failed: ", line)


OLDER = COLUMNS.replace("addendum STRUCT", "other STRUCT")


def test_table_without_columns_that_are_not_essential_is_read_and_the_result_says_so(
    table: EmbeddedAws,
) -> None:
    create_table(table, "older", "all", OLDER)
    ended = query(table, table="audit.older")
    assert ended.exit_code == 0, ended.stderr
    assert "ec2:PurchaseReservedInstancesOffering" in ended.stdout
    assert (
        "The table does not have addendum.originaleventid, addendum.reason. An event that corrects "
        "another one counts as a further event."
    ) in ended.stdout
    assert "The table does not have" not in query(table).stdout


def test_table_without_an_event_of_the_roles_says_how_many_were_read(table: EmbeddedAws) -> None:
    none = query(table, "--where", "region = 'eu-west-1'")
    assert re.fullmatch(
        f"{UNKNOWN}there are no events; read from the table audit.cloudtrail_logs by query "
        "[0-9a-f-]{36} in the workgroup audit, for all times, with the condition region = "
        "'eu-west-1'",
        none.stderr.splitlines()[-1],
    )
    # Its events are from before.
    none = query(table, "--days", "1", "--where", "region = 'us-east-1'")
    assert none.exit_code == 4
