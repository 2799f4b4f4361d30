"""``pump-roles activity``: what it reads, what it writes, and how it exits."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import jsonschema
import pytest
from click.testing import Result

from pump_roles.inputs.validators import REGION_NAMES
from tests.commands import run, the_error, the_usage_error
from tests.docs.pages import ACTIVITY, SECURITY, block
from tests.endpoint import Request, serving
from tests.review.account.trail import (
    ACCOUNT,
    AUTO_PILOT,
    PUMP,
    PURCHASES,
    assumption,
    by_role,
    call,
    handshake,
    write,
)
from tests.support import synthesize
from tools.sandbox.cdk import ROOT, tool_environment

SCHEMA = json.loads((ROOT / "pump_roles/review/output/activity.schema.json").read_text())
READS = call("ec2:DescribeInstances")
REGIONS = ("--region", "us-east-1", "--region", "us-west-2")
REFUSED = call("ec2:CreateTags", error="AccessDenied")
OTHER = AUTO_PILOT.replace(ACCOUNT, "444455556666")


def activity(*arguments: object) -> Result:
    return run("activity", *arguments)


@pytest.fixture
def trail(tmp_path: Path) -> Path:
    """A trail with every kind of purchase."""
    folder = tmp_path / "trail"
    write(folder, assumption(AUTO_PILOT, "Example-1234-5678"), *PURCHASES.values(), READS, REFUSED)
    return folder


def test_writes_every_format(trail: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / f"a.{extension}" for extension in ("txt", "json", "md")]
    asked = [word for file in outputs for word in ("--output", file)]
    ended = activity(trail, "--format", "table", *asked)
    assert (ended.exit_code, ended.stderr) == (0, "")
    table, text, markdown = (file.read_text("utf-8") for file in outputs)
    assert ended.stdout == table
    result = json.loads(text)
    jsonschema.validate(result, SCHEMA)
    assert [account["account"] for account in result["accounts"]] == [ACCOUNT]
    assert len(result["changes"]) == len(PURCHASES)
    assert len(result["refused"]) == 1
    for written in (table, markdown):
        assert "2 x db.r6g.large, 1 year, Partial Upfront, ri-2026-11-10" in written
        assert "would have denied none" in written
    assert "| `savingsplans:CreateSavingsPlan` | $2.50 an hour, sp-1 | done |" in markdown
    for written in (table, text, markdown):
        assert "Example-1234-5678" not in written


@pytest.mark.parametrize("columns", ["0", "\u00b2"])
def test_result_is_the_same_whatever_the_width_of_the_terminal(trail: Path, columns: str) -> None:
    ended = run("activity", trail, environment={"COLUMNS": columns})
    assert (ended.exit_code, ended.stdout) == (0, activity(trail).stdout)


def test_guide_shows_the_first_lines_for_the_folder_of_an_account_in_a_trail(
    tmp_path: Path,
) -> None:
    """Of a trail of an organization, which has a folder for each account."""
    for account, *events in ((ACCOUNT, PURCHASES["Savings Plan"], PURCHASES["rds"]), (PUMP, READS)):
        folder = tmp_path / account / "CloudTrail" / "us-east-1" / "2026" / "11" / "10"
        folder.mkdir(parents=True)
        write(folder, *events)
    ended = activity(tmp_path / ACCOUNT)
    assert ended.stdout.startswith(block("<!-- sample -->", "text", ACTIVITY))


@pytest.mark.parametrize(
    ("events", "conditions", "status"),
    [
        ([READS], ["change", "refused"], 0),
        ([PURCHASES["ec2"]], ["change"], 3),
        ([PURCHASES["ec2"]], ["refused"], 0),
        # Changes, but no commitment. test_collect.py has what is one.
        ([call("ec2:CreateTags")], ["change"], 0),
        ([handshake()], ["change"], 3),
        ([REFUSED], ["change"], 0),
        ([REFUSED], ["change", "refused"], 3),
        ([READS, call("s3:ListBuckets")], ["change"], 4),
        ([PURCHASES["ec2"], call("s3:ListBuckets")], ["change"], 3),
        ([READS, {}], [], 4),
        ([assumption(AUTO_PILOT, "Example-1234")], [], 4),
    ],
)
def test_exit_status(events: list[Any], conditions: list[str], status: int, tmp_path: Path) -> None:
    asked = [word for condition in conditions for word in ("--fail-on", condition)]
    ended = activity(write(tmp_path, *events), *asked)
    assert (ended.exit_code, ended.stderr) == (status, "")


JOINED = "The account accepted an invitation: it joined an organization."
MAY_HAVE_JOINED = (
    "The account accepted a handshake: if that was an invitation, it joined an organization."
)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (handshake(), [JOINED]),
        (handshake("invite"), [JOINED]),
        (handshake("TRANSFER_RESPONSIBILITY"), [MAY_HAVE_JOINED]),
        (handshake(responseElements=None), [MAY_HAVE_JOINED]),
        (handshake(errorCode="HandshakeNotFoundException"), []),
        (call("organizations:DeclineHandshake"), []),
        (PURCHASES["ec2"], []),
    ],
)
@pytest.mark.parametrize("format_", ["table", "markdown"])
def test_says_that_the_account_joined_an_organization_or_may_have(
    event: Any, sentence: list[str], format_: str, tmp_path: Path
) -> None:
    shown = activity(write(tmp_path, event), "--format", format_).stdout
    assert [each for each in (JOINED, MAY_HAVE_JOINED) if each in shown] == sentence
    title = "If the account joins Pump's organization"
    assert (title in shown) == bool(sentence)
    assert f"\n## {title}\n" in SECURITY


def test_file_that_cannot_be_read_does_not_hide_the_others(trail: Path) -> None:
    (trail / "z.json").write_text("{")
    ended = activity(trail)
    assert ended.exit_code == 4
    assert "is not JSON, or is incomplete" in ended.stdout
    assert ended.stdout.index("What is not known") < ended.stdout.index("What changed")
    assert "would have denied none" not in ended.stdout


def test_expected_templates_name_the_roles_and_their_guardrails(tmp_path: Path) -> None:
    folder = synthesize(tmp_path / "cdk.out")
    ended = activity(write(tmp_path / "t", REFUSED), "--expect", folder, "--format", "json")
    assert ended.exit_code == 0
    assert [role["calls"] for role in json.loads(ended.stdout)["roles"]] == [0, 1]


def test_role_that_cannot_be_read_completely_is_unknown(tmp_path: Path) -> None:
    file = synthesize(tmp_path / "cdk.out") / "PumpAutoPilot.template.json"
    template = json.loads(file.read_text())
    properties = template["Resources"]["AutoPilotRole"]["Properties"]
    properties["ManagedPolicyArns"] = [{"Ref": "P"}]
    template["Parameters"] = {"P": {"Type": "String"}}
    file.write_text(json.dumps(template))
    ended = activity(write(tmp_path / "t", REFUSED), "--expect", file)
    assert ended.exit_code == 4
    assert "the role in the templates cannot be read completely" in ended.stdout
    assert "would have denied none" not in ended.stdout


UNKNOWN = "pump-roles: the result is unknown: "
NAMES = "PumpAutoPilotRole or PumpReadOnlyRole"
OTHER_NAME = "if a role has another name, pass --expect"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "{file}: is not JSON, or is incomplete"),
        ('{"Records": []}', "there are no events"),
        ('{"Records": [{}, {}]}', "{file}: 2 events: not as CloudTrail writes them"),
        (
            json.dumps({"Records": [call("ec2:CreateTags", role=f"{AUTO_PILOT}2")]}),
            f"none of 1 event is of {NAMES}; {OTHER_NAME}",
        ),
    ],
)
def test_without_an_event_of_the_roles_there_is_one_message(
    text: str, problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.json"
    file.write_text(text)
    assert the_error(activity(file)) == f"{UNKNOWN}{problem.replace('{file}', str(file))}"


def test_events_of_another_account_are_one_message(tmp_path: Path) -> None:
    line = the_error(activity(write(tmp_path, READS), "--role-arn", OTHER))
    assert line == f"{UNKNOWN}none of 1 event is of {OTHER}; {OTHER_NAME}"


def test_several_accounts_are_one_result_with_a_column_for_the_account(tmp_path: Path) -> None:
    trail = write(tmp_path, PURCHASES["ec2"], by_role(handshake(), OTHER))
    shown = activity(trail, "--format", "markdown").stdout
    (about,) = (line for line in shown.splitlines() if "of all callers." in line)
    assert about.startswith("2 accounts, ")
    assert "auto-pilot role**, 2 accounts: 2 calls" in shown
    assert f"Account 444455556666 {JOINED.removeprefix('The account ')}" in shown
    assert f"| {ACCOUNT} | 1 | 1 | 2026-11-10T08:15:00Z | 1 | 1 | 0 | 0 |" in shown
    assert re.search(
        r"^\| 444455556666 \| 2026-11-10T08:15:00Z \| `organizations:", shown, re.MULTILINE
    )
    alone = activity(trail, "--role-arn", AUTO_PILOT, "--format", "markdown").stdout
    assert "444455556666" not in alone
    assert f"Account {ACCOUNT}, " in alone


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--days", "0"], "0 is not in the range 1<=x<=3653"),
        (["--region", "us-east-7"], "there is no Region 'us-east-7'"),
        (["--role-arn", "PumpReadOnlyRole"], "--role-arn"),
        (["trail.json", "--days", "7"], "--days: cannot be combined with PATH"),
        (["trail.json", "--region", "us-east-1"], "--region: cannot be combined with PATH"),
        (["trail.json", "--profile", "x"], "--profile: cannot be combined with PATH"),
        (["trail.json", "--athena", "a.b"], "--athena: cannot be combined with PATH"),
        (["--days", "91"], "--days: the event history has 90 days, not 91"),
        (["--where", "a = 1"], "--where: requires --athena"),
        (["--workgroup", "a"], "--workgroup: requires --athena"),
        (["--print-query"], "--print-query: requires --athena"),
        (["--athena", "b"], "'b' is not a database and its table, such as default.cloudtrail_logs"),
        (["--athena", "a.b", "--workgroup", "a b"], "'a b' is not the name of a workgroup"),
        (["--athena", "a.b", "--where", "a = 1) OR (b = 1"], "is not a condition"),
        (["--athena", "a.b", *REGIONS], "--region: may be passed only once with --athena"),
        (
            ["--athena", "a.b", "--print-query", "--output", "a.json"],
            "--output: cannot be combined with --print-query",
        ),
        (["trail.json", "--output", "trail.json"], "would overwrite an input"),
        (["trail.json", ""], "Path '' does not exist."),
    ],
)
def test_usage_error(
    arguments: list[str], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, READS, name="trail.json")
    assert problem in the_usage_error(activity(*arguments))


@pytest.mark.usefixtures("no_aws")
def test_query_is_printed_without_a_call_to_aws() -> None:
    ended = activity("--athena", "Audit.logs", "--print-query", "--days", "7", "--where", "a = 1")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert 'FROM "audit"."logs"' in ended.stdout
    assert re.search(r"WHERE \(eventtime >= '[0-9TZ:-]{20}' OR .*\) AND \(a = 1\)\n", ended.stdout)


@pytest.mark.usefixtures("no_aws")
@pytest.mark.parametrize("more", [(), ("--athena", "audit.logs")])
def test_event_history_and_query_need_credentials(more: tuple[str, ...]) -> None:
    line = the_error(activity("--days", "1", *more))
    assert line.startswith(f"{UNKNOWN}Unable to locate credentials")


def test_interrupt_ends_the_command_without_partial_output() -> None:
    reading, released = Semaphore(0), Event()

    def hang(request: Request) -> tuple[int, str]:
        if request.get("Action") == "GetCallerIdentity":
            arn = f"arn:aws:iam::{ACCOUNT}:user/Someone"
            identity = f"<Arn>{arn}</Arn><Account>{ACCOUNT}</Account>"
            result = f"<GetCallerIdentityResult>{identity}</GetCallerIdentityResult>"
            return 200, f"<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"
        reading.release()
        released.wait()
        return 200, "{}"

    # A shell's background job ignores it, and so would the command.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with serving(hang) as fake:
        regions = [f"--region={name}" for name in REGION_NAMES[:19]]
        process = subprocess.Popen(
            [sys.executable, "-m", "pump_roles", "activity", *regions],
            env={**tool_environment(), **fake.environment, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            # Only once every thread calls AWS, so that nothing but the main thread still runs.
            for _ in range(8):
                assert reading.acquire(timeout=300)
            process.send_signal(signal.SIGINT)
            # It does not wait for the calls, which never end.
            stdout, stderr = process.communicate(timeout=300)
        finally:
            process.kill()
            released.set()
    assert process.returncode == 130
    assert (stdout, stderr) == ("", "")


def test_interrupt_while_modules_are_loaded_prints_nothing(tmp_path: Path) -> None:
    # It is loaded before the command line, as something that takes long.
    interrupts = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
    (tmp_path / "click.py").write_text(interrupts)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ended = subprocess.run(
        [sys.executable, "-m", "pump_roles", "activity"],
        env={**tool_environment(), "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    # A shell reports 130.
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")
