"""Waiting for the operations of a StackSet."""

import pytest

from pump_roles.review.account.rollout.deployed import INTERVAL
from tests.management import Management
from tests.review.account.rollout.rollouts import (
    NoMembers,
    Run,
    forget,
    ids,
    roll_out,
    running,
    state,
    why_unknown,
)
from tests.support import Synth
from tools.sandbox.organization import Organization, StackSets


def test_waits_until_no_operation_is_running(
    aws: Management, run: Run, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    organization = Organization.create(aws.organizations, {"Unit": 1})
    (account,) = ids(organization, "Unit")
    roll_out(organization, synth)
    forget(account)
    running("SUCCEEDED", "RUNNING", "QUEUED", "FAILED")
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            state().update_operation("1", "SUCCEEDED")
        if len(pauses) == 5:
            StackSets(organization, NoMembers()).join(account)
            state().update_operation("2", "SUCCEEDED")

    monkeypatch.setattr("time.sleep", sleep)
    ended = run("PumpReadOnly", "--no-filter", "--wait")
    assert ended.exit_code == 0, ended.output
    assert pauses == [INTERVAL] * 5
    assert ended.stderr == ""


def test_does_not_wait_if_nothing_runs_or_without_the_option(
    aws: Management, run: Run, synth: Synth, clock: list[float]
) -> None:
    roll_out(Organization.create(aws.organizations, {"Unit": 1}), synth)
    running("SUCCEEDED", "STOPPED", "FAILED")
    assert run("PumpReadOnly", "--no-filter", "--wait").exit_code == 0
    running("RUNNING")
    assert run("PumpReadOnly", "--no-filter").exit_code == 0
    assert clock == []


def test_status_is_unknown_if_an_operation_does_not_end_in_time(
    aws: Management, run: Run, synth: Synth, clock: list[float]
) -> None:
    roll_out(Organization.create(aws.organizations, {"Unit": 1}), synth)
    running("STOPPING")
    assert why_unknown(run("PumpReadOnly", "--no-filter", "--wait", "--timeout=3")) == [
        "the operation 0 has not ended after 3 minutes; run the command again later"
    ]
    assert sum(clock) == 180


def test_interrupted_wait_ends_without_a_traceback(
    aws: Management, run: Run, synth: Synth, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_out(Organization.create(aws.organizations, {"Unit": 1}), synth)
    running("RUNNING")

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    ended = run("PumpReadOnly", "--no-filter", "--wait")
    assert (ended.exit_code, ended.stdout, ended.stderr) == (130, "", "")
