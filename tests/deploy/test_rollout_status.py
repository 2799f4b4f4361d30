"""`pump-roles rollout-status` against an emulated organization: none is missed."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Literal

import pytest
from moto.cloudformation.models import cloudformation_backends
from typer.testing import CliRunner, Result

from pump_roles import __version__
from pump_roles.review.cli import app
from pump_roles.review.organization import Account
from pump_roles.review.rollout_status import Instance, judge
from sandbox.aws import ACCOUNT_ID, EmbeddedAws, embedded_aws, recorded
from sandbox.cdk import tool_environment
from sandbox.organization import Organization, StackSets, occupy
from tests.conftest import Synth

COMMAND = [sys.executable, "-m", "pump_roles.review", "rollout-status"]
Run = Callable[..., Result]


@pytest.fixture
def aws() -> Iterator[EmbeddedAws]:
    with embedded_aws() as account:
        yield account


@pytest.fixture
def run(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, ["rollout-status", *arguments])


def roll_out(organization: Organization, synth: Synth, **more: Any) -> None:
    context = {"pump:principal": "999988887777", "pump:external-id": "Example-1234"}
    units = {"pump:read-only:organizational-units": organization.root}
    template = synth(context | units | more)["PumpReadOnlyRollout"]
    StackSets(organization).create(template, {})


def ids(organization: Organization, unit: str) -> list[str]:
    return sorted(
        one.id for one in organization.accounts() if organization.units[unit] in one.units
    )


def forget(account: str) -> None:
    """An account has no instance, as when it joined and nothing was deployed to it since."""
    (stack_set,) = cloudformation_backends[ACCOUNT_ID]["us-east-1"].stacksets.values()
    stack_set.stack_instances[:] = [
        one for one in stack_set.stack_instances if one.account_id != account
    ]


def test_a_complete_rollout(aws: EmbeddedAws, run: Run, synth: Synth) -> None:
    organization = Organization.create(aws, {"Unit": 3})
    roll_out(organization, synth)
    ended = run("PumpReadOnly")
    assert ended.exit_code == 0, ended.output
    assert "stack instances: 3 CURRENT" in ended.stdout
    assert (
        "Every one of 3 targeted accounts has a current stack instance, and no other has one."
    ) in ended.stdout
    assert f"the management account {ACCOUNT_ID}" in ended.stdout
    assert ended.stderr == ""


def test_of_a_thousand_accounts_none_is_missed(aws: EmbeddedAws, run: Run, synth: Synth) -> None:
    organization = Organization.create(
        aws, {"Unit": {"Deep": {"Deeper": 690}, "Wide": 300}, "S": 10}
    )
    deeper = ids(organization, "Deeper")
    failed, missing, suspended = deeper[:5], deeper[5:12], ids(organization, "S")[:4]
    for account in failed:
        occupy(account, "PumpReadOnlyRole", {"Version": "2012-10-17", "Statement": []})
    for account in suspended:
        organization.organizations.close_account(AccountId=account)
    roll_out(organization, synth)
    for account in missing:
        forget(account)

    ended = run("PumpReadOnly", "--format=json")
    assert ended.exit_code == 3, ended.output
    status = json.loads(ended.stdout)
    assert status["complete"] is False
    assert status["counts"] == {"CURRENT": 984, "OUTDATED": 5}
    assert [one["account"] for one in status["not_current"]] == failed
    assert {one["detail"] for one in status["not_current"]} == {"FAILED"}
    assert all("already exists" in one["reason"] for one in status["not_current"])
    assert [one["id"] for one in status["missing"]] == missing
    assert [one["id"] for one in status["suspended"]] == suspended
    assert status["filtered"] == status["elsewhere"] == []

    table = run("PumpReadOnly")
    assert table.exit_code == 3
    for account in failed:
        assert f"{account}" in table.stdout
    lines = table.stdout.splitlines()
    shown = {word: [line for line in lines if word in line] for word in ("no instance", "FAILED")}
    assert [line.split()[0] for line in shown["FAILED"]] == failed
    assert [line.split()[0] for line in shown["no instance"]] == [*missing, *suspended]
    assert all("suspended" in line for line in shown["no instance"][-4:])
    assert lines[-3:-1] == [
        "targeted accounts without a stack instance: 7",
        "stack instances that are not current: 5",
    ]
    assert status["not_current"][0]["name"] in shown["FAILED"][0]


def test_what_is_filtered_out_is_not_missing(aws: EmbeddedAws, run: Run, synth: Synth) -> None:
    organization = Organization.create(aws, {"Unit": 4})
    one, two, three, four = ids(organization, "Unit")
    roll_out(organization, synth, **{"pump:read-only:only-accounts": [one, two]})
    assert run("PumpReadOnly").exit_code == 3  # the filter cannot be read back
    for filters in [
        ("--only-accounts", f"{one}, {two}"),
        ("--exclude-accounts", f"{three},{four}"),
    ]:
        ended = run("PumpReadOnly", "--format", "json", *filters)
        assert ended.exit_code == 0, ended.output
        status = json.loads(ended.stdout)
        assert [account["id"] for account in status["filtered"]] == [three, four]


def test_an_account_that_has_the_role_and_should_not_is_not_complete(
    aws: EmbeddedAws, run: Run, synth: Synth
) -> None:
    """As an excluded account does that joins a unit later."""
    organization = Organization.create(aws, {"Unit": 2})
    one, _ = ids(organization, "Unit")
    roll_out(organization, synth)
    ended = run("PumpReadOnly", "--format=json", "--exclude-accounts", one)
    assert ended.exit_code == 3
    (instance,) = json.loads(ended.stdout)["elsewhere"]
    assert instance["account"] == one
    assert instance["name"]
    table = run("PumpReadOnly", "--exclude-accounts", one)
    assert "stack instances in accounts that are not targeted: 1" in table.stdout
    assert instance["name"] in table.stdout


def test_a_filter_that_names_no_account_is_not_complete(
    aws: EmbeddedAws, run: Run, synth: Synth
) -> None:
    organization = Organization.create(aws, {"Unit": 1})
    roll_out(organization, synth)
    for option in ["--exclude-accounts", "--only-accounts"]:
        ended = run("PumpReadOnly", option, "999999999999")
        assert ended.exit_code == 3
        assert "999999999999" in ended.stdout


def test_where_nothing_is_targeted_nothing_is_complete() -> None:
    status = judge("S", units=["r-abcd"], instances=[], accounts=[], management_account="1")
    assert not status.complete


def test_an_instance_that_is_not_targeted_is_told_apart() -> None:
    accounts = [Account("2", "", suspended=False, units=("r-abcd",))]
    instances = [
        Instance(one, "us-east-1", two, "", "")
        for one, two in [("2", "CURRENT"), ("3", "OUTDATED")]
    ]
    status = judge(
        "S", units=["r-abcd"], instances=instances, accounts=accounts, management_account="1"
    )
    assert not status.complete
    assert [one.account for one in status.elsewhere] == ["3"]
    assert status.not_current == ()


@pytest.mark.parametrize(("account_filter", "complete"), [("NONE", True), ("DIFFERENCE", False)])
def test_a_suspended_account_that_is_excluded_should_not_have_the_role(
    account_filter: Literal["NONE", "DIFFERENCE"],
    complete: bool,  # noqa: FBT001
) -> None:
    status = judge(
        "S",
        units=["r-abcd"],
        instances=[Instance(one, "us-east-1", "CURRENT", "SUCCEEDED", "") for one in ("2", "3")],
        accounts=[
            Account("2", "", suspended=False, units=("r-abcd",)),
            Account("3", "", suspended=True, units=("r-abcd",)),
        ],
        management_account="1",
        account_filter=account_filter,
        filtered=["3"],
    )
    assert status.complete is complete
    assert [one.account for one in status.elsewhere] == ([] if complete else ["3"])


def test_an_account_that_was_closed_after_the_rollout_does_not_count(
    aws: EmbeddedAws, run: Run, synth: Synth
) -> None:
    organization = Organization.create(aws, {"Unit": 2})
    closed, _ = ids(organization, "Unit")
    occupy(closed, "PumpReadOnlyRole", {"Version": "2012-10-17", "Statement": []})
    roll_out(organization, synth)
    assert run("PumpReadOnly").exit_code == 3
    organization.organizations.close_account(AccountId=closed)
    ended = run("PumpReadOnly", "--format=json")
    assert ended.exit_code == 0
    assert [one["account"] for one in json.loads(ended.stdout)["not_current"]] == [closed]


def test_without_an_answer_it_cannot_tell(
    aws: EmbeddedAws, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Organization.create(aws, {"Unit": 1})
    cases = [("PumpReadOnly", "StackSet PumpReadOnly not found"), ("PumpReadOnly", "credentials")]
    for name, words in cases:
        if words == "credentials":
            monkeypatch.delenv("AWS_ACCESS_KEY_ID")
            monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
            monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        ended = run(name)
        assert ended.exit_code == 4
        assert ended.stdout == ""
        (line,) = ended.stderr.splitlines()
        assert line.startswith("pump-roles: could not tell: ")
        assert words in line
    assert run("PumpReadOnly", "--profile", "none").exit_code == 4


@pytest.mark.parametrize(
    "setting", [("AWS_ENDPOINT_URL", "nowhere"), ("AWS_DEFAULT_REGION", "a b")]
)
def test_settings_that_are_wrong_are_one_error(
    setting: tuple[str, str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(*setting)
    monkeypatch.delenv("AWS_REGION", raising=False)
    ended = run("PumpReadOnly")
    assert ended.exit_code == 4
    assert len(ended.stderr.splitlines()) == 1


def test_a_throttled_answer_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Throttles(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(400)
            self.end_headers()
            error = "<Error><Code>Throttling</Code><Message>slow down</Message></Error>"
            self.wfile.write(f"<ErrorResponse>{error}</ErrorResponse>".encode())

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with HTTPServer(("127.0.0.1", 0), Throttles) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        ended = CliRunner().invoke(app, ["rollout-status", "PumpReadOnly", "--region=us-east-1"])
        server.shutdown()
    assert ended.exit_code == 4
    assert "slow down" in ended.stderr
    assert len(asked) > 10


def test_a_stack_set_that_was_made_otherwise_has_no_units(aws: EmbeddedAws, run: Run) -> None:
    aws.cloudformation.create_stack_set(StackSetName="Other", TemplateBody="{}")
    ended = run("Other")
    assert ended.exit_code == 4
    assert "Other has no organizational units" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-"], "not a StackSet name"),
        (["Pump ReadOnly"], "not a StackSet name"),
        (["PumpReadOnly", "--call-as=SELF"], "'SELF' is not one of"),
        (["PumpReadOnly", "--exclude-accounts=123"], "not a 12-digit account id"),
        (["PumpReadOnly", "--only-accounts=111111111111,111111111111"], "is there twice"),
        (
            ["PumpReadOnly", "--only-accounts=111111111111", "--exclude-accounts=111111111112"],
            "cannot stand beside",
        ),
        (["PumpReadOnly", "--format=xml"], "'xml' is not one of"),
        ([], "Missing argument"),
    ],
)
def test_bad_input_is_a_usage_error(arguments: list[str], problem: str) -> None:
    ended = CliRunner().invoke(app, ["rollout-status", *arguments], env={"COLUMNS": "200"})
    assert ended.exit_code == 2
    assert ended.stdout == ""
    assert problem in ended.stderr


def test_shows_a_progress_bar_on_a_terminal_and_none_elsewhere(
    aws: EmbeddedAws, synth: Synth
) -> None:
    organization = Organization.create(aws, {"Unit": 30})
    roll_out(organization, synth)
    environment = tool_environment() | dict(aws.environment) | {"TERM": "xterm"}
    master, slave = pty.openpty()
    ended = subprocess.run(
        [*COMMAND, "PumpReadOnly", "--format=json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=slave,
        check=False,
    )
    os.close(slave)
    shown = os.read(master, 100_000).decode()
    os.close(master)
    assert ended.returncode == 0, shown
    assert "instances and accounts read" in shown
    assert json.loads(ended.stdout)["complete"] is True


def test_says_as_whom_it_asks(aws: EmbeddedAws, run: Run, synth: Synth, tmp_path: Path) -> None:
    roll_out(Organization.create(aws, {"Unit": 1}), synth)
    for call_as, sent in [("management", "SELF"), ("delegated-admin", "DELEGATED_ADMIN")]:
        with recorded(tmp_path / call_as) as requests:
            assert run("PumpReadOnly", "--call-as", call_as).exit_code == 0
        asked = [one for one in requests if "StackSetName" in one]
        assert {one["Action"][0] for one in asked} == {"DescribeStackSet", "ListStackInstances"}
        assert [one["CallAs"] for one in asked] == [[sent]] * 2


def test_says_its_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"{__version__}\n"


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError(name='typer')")
    ended = subprocess.run(
        COMMAND,
        env=tool_environment() | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert (
        ended.stderr == "pump-roles: typer is missing: install the wheel with its extra, review\n"
    )
