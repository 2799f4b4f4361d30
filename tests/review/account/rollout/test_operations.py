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


def test_waits_only_with_the_option_and_only_as_long_as_it_may(
    aws: Management, run: Run, synth: Synth, clock: list[float]
) -> None:
    roll_out(Organization.create(aws.organizations, {"Unit": 1}), synth)
    running("SUCCEEDED", "STOPPED", "FAILED")
    assert run("PumpReadOnly", "--no-filter", "--wait").exit_code == 0
    running("STOPPING")
    assert run("PumpReadOnly", "--no-filter").exit_code == 0
    assert clock == []
    assert why_unknown(run("PumpReadOnly", "--no-filter", "--wait", "--timeout=3")) == [
        "the operation 0 has not ended after 3 minutes; run the command again later"
    ]
    assert sum(clock) == 180
