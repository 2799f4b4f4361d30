"""`pump-roles rollout-status` and an emulated organization: it misses no account."""

import json
import os
import sys
from collections.abc import Callable, Collection, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Literal

import pytest
from moto.cloudformation.models import cloudformation_backends
from typer.testing import CliRunner, Result

from pump_roles.account.organization import Account
from pump_roles.account.rollout_status import Instance, judge
from pump_roles.cli import app
from sandbox.aws import ACCOUNT_ID
from sandbox.cdk import tool_environment
from sandbox.management import Management, management, recorded
from sandbox.organization import NoMembers, Organization, StackSets, properties
from tests.support import EXTERNAL_ID, PUMP_ACCOUNT, Synth, on_terminal

Run = Callable[..., Result]


@pytest.fixture
def aws() -> Iterator[Management]:
    with management() as account:
        yield account


@pytest.fixture
def run(aws: Management, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, ["rollout-status", *arguments])


def roll_out(
    organization: Organization, synth: Synth, *, failing: Collection[str] = (), **more: Any
) -> None:
    context = {"pump:principal": PUMP_ACCOUNT, "pump:external-id": EXTERNAL_ID}
    units = {"pump:read-only:organizational-units": organization.root}
    template = synth(context | units | more)["PumpReadOnlyRollout"]
    StackSets(organization, NoMembers(failing)).deploy(None, properties(template))


def ids(organization: Organization, unit: str) -> list[str]:
    return sorted(
        account.id
        for account in organization.accounts()
        if organization.units[unit] in account.units
    )


def forget(account: str) -> None:
    """Drop an account's instance, as if it joined and nothing was deployed to it since."""
    (stack_set,) = cloudformation_backends[ACCOUNT_ID]["us-east-1"].stacksets.values()
    stack_set.stack_instances[:] = [
        instance for instance in stack_set.stack_instances if instance.account_id != account
    ]


def test_rollout_is_complete_if_every_targeted_account_has_a_current_instance(
    aws: Management, run: Run, synth: Synth
) -> None:
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


def test_misses_no_account_of_a_thousand(aws: Management, run: Run, synth: Synth) -> None:
    organization = Organization.create(
        aws, {"Unit": {"Deep": {"Deeper": 690}, "Wide": 300}, "S": 10}
    )
    deeper = ids(organization, "Deeper")
    failed, missing, suspended = deeper[:5], deeper[5:12], ids(organization, "S")[:4]
    for account in suspended:
        organization.management.organizations.close_account(AccountId=account)
    roll_out(organization, synth, failing=failed)
    for account in missing:
        forget(account)

    ended = run("PumpReadOnly", "--format=json")
    assert ended.exit_code == 3, ended.output
    status = json.loads(ended.stdout)
    assert status["complete"] is False
    assert status["counts"] == {"CURRENT": 984, "OUTDATED": 5}
    assert [instance["account"] for instance in status["not_current"]] == failed
    assert {instance["detail"] for instance in status["not_current"]} == {"FAILED"}
    assert all("cannot be created" in instance["reason"] for instance in status["not_current"])
    assert [account["id"] for account in status["missing"]] == missing
    assert [account["id"] for account in status["suspended"]] == suspended
    assert status["filtered"] == status["elsewhere"] == []

    table = run("PumpReadOnly")
    assert table.exit_code == 3
    for account in failed:
        assert f"{account}" in table.stdout
    lines = table.stdout.splitlines()
    shown = {
        state: [line for line in lines if state in line] for state in ("no instance", "FAILED")
    }
    assert [line.split()[0] for line in shown["FAILED"]] == failed
    assert [line.split()[0] for line in shown["no instance"]] == [*missing, *suspended]
    assert all("suspended" in line for line in shown["no instance"][-4:])
    assert lines[-3:-1] == [
        "targeted accounts without a stack instance: 7",
        "stack instances that are not current: 5",
    ]
    assert status["not_current"][0]["name"] in shown["FAILED"][0]


def test_account_that_is_filtered_out_is_not_missing(
    aws: Management, run: Run, synth: Synth
) -> None:
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


def test_rollout_is_not_complete_if_an_account_has_the_role_that_should_not_have_it(
    aws: Management, run: Run, synth: Synth
) -> None:
    """As an excluded account that joins a unit later has it."""
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


def test_rollout_is_not_complete_if_a_filter_names_an_account_that_does_not_exist(
    aws: Management, run: Run, synth: Synth
) -> None:
    organization = Organization.create(aws, {"Unit": 1})
    roll_out(organization, synth)
    for option in ["--exclude-accounts", "--only-accounts"]:
        ended = run("PumpReadOnly", option, "999999999999")
        assert ended.exit_code == 3
        assert "999999999999" in ended.stdout


def test_rollout_is_not_complete_if_no_account_is_targeted() -> None:
    status = judge("S", units=["r-abcd"], instances=[], accounts=[], management_account="1")
    assert not status.complete


def test_instance_in_an_account_that_is_not_targeted_is_listed_apart() -> None:
    accounts = [Account("2", "", suspended=False, units=("r-abcd",))]
    instances = [
        Instance(account, "us-east-1", status, "", "")
        for account, status in [("2", "CURRENT"), ("3", "OUTDATED")]
    ]
    status = judge(
        "S", units=["r-abcd"], instances=instances, accounts=accounts, management_account="1"
    )
    assert not status.complete
    assert [instance.account for instance in status.elsewhere] == ["3"]
    assert status.not_current == ()


@pytest.mark.parametrize(("account_filter", "complete"), [("NONE", True), ("DIFFERENCE", False)])
def test_suspended_account_that_is_excluded_should_not_have_the_role(
    account_filter: Literal["NONE", "DIFFERENCE"],
    complete: bool,  # noqa: FBT001
) -> None:
    status = judge(
        "S",
        units=["r-abcd"],
        instances=[
            Instance(account, "us-east-1", "CURRENT", "SUCCEEDED", "") for account in ("2", "3")
        ],
        accounts=[
            Account("2", "", suspended=False, units=("r-abcd",)),
            Account("3", "", suspended=True, units=("r-abcd",)),
        ],
        management_account="1",
        account_filter=account_filter,
        filtered=["3"],
    )
    assert status.complete is complete
    assert [instance.account for instance in status.elsewhere] == ([] if complete else ["3"])


def test_account_that_was_closed_after_the_rollout_does_not_count(
    aws: Management, run: Run, synth: Synth
) -> None:
    organization = Organization.create(aws, {"Unit": 2})
    closed, _ = ids(organization, "Unit")
    roll_out(organization, synth, failing=[closed])
    assert run("PumpReadOnly").exit_code == 3
    organization.management.organizations.close_account(AccountId=closed)
    ended = run("PumpReadOnly", "--format=json")
    assert ended.exit_code == 0
    status = json.loads(ended.stdout)
    assert [instance["account"] for instance in status["not_current"]] == [closed]


def test_status_is_unknown_if_aws_does_not_answer(
    aws: Management, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Organization.create(aws, {"Unit": 1})
    for problem in ["StackSet PumpReadOnly not found", "credentials"]:
        if problem == "credentials":
            monkeypatch.delenv("AWS_ACCESS_KEY_ID")
            monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
            monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        ended = run("PumpReadOnly")
        assert ended.exit_code == 4
        assert ended.stdout == ""
        (line,) = ended.stderr.splitlines()
        assert line.startswith("pump-roles: could not be determined: ")
        assert problem in line
    assert run("PumpReadOnly", "--profile", "none").exit_code == 4


@pytest.mark.parametrize(
    "setting", [("AWS_ENDPOINT_URL", "nowhere"), ("AWS_DEFAULT_REGION", "a b")]
)
def test_wrong_settings_are_one_error(
    setting: tuple[str, str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(*setting)
    monkeypatch.delenv("AWS_REGION", raising=False)
    ended = run("PumpReadOnly")
    assert ended.exit_code == 4
    assert len(ended.stderr.splitlines()) == 1


def test_throttled_request_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_status_is_unknown_if_the_stack_set_has_no_organizational_units(
    aws: Management, run: Run
) -> None:
    aws.cloudformation.create_stack_set(StackSetName="Other", TemplateBody="{}")
    ended = run("Other")
    assert ended.exit_code == 4
    assert "Other has no organizational units" in ended.stderr


def test_shows_a_progress_bar_on_a_terminal(aws: Management, synth: Synth) -> None:
    organization = Organization.create(aws, {"Unit": 30})
    roll_out(organization, synth)
    ended, shown = on_terminal(
        [sys.executable, "-m", "pump_roles", "rollout-status", "PumpReadOnly", "--format=json"],
        environment=tool_environment() | dict(aws.environment),
        only_errors=True,
    )
    assert ended.returncode == 0, shown
    assert "instances and accounts read" in shown
    assert json.loads(ended.stdout)["complete"] is True


def test_calls_stack_sets_as_the_given_caller(
    aws: Management, run: Run, synth: Synth, tmp_path: Path
) -> None:
    roll_out(Organization.create(aws, {"Unit": 1}), synth)
    for call_as, sent in [("management", "SELF"), ("delegated-admin", "DELEGATED_ADMIN")]:
        with recorded(tmp_path / call_as) as requests:
            assert run("PumpReadOnly", "--call-as", call_as).exit_code == 0
        asked = [request for request in requests if "StackSetName" in request]
        actions = {request["Action"][0] for request in asked}
        assert actions == {"DescribeStackSet", "ListStackInstances"}
        assert [request["CallAs"] for request in asked] == [[sent]] * 2
