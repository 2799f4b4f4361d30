"""The status of a rollout as a table: a command stays whole."""

import sys
from dataclasses import replace

import pytest

from pump_roles.review.account.rollout.status import Statuses
from pump_roles.review.output.rollout_formats import as_table
from tests.review.account.rollout import statuses
from tests.review.output.test_terminal import Terminal

(ROLLOUT,) = statuses.with_everything().rollouts


def test_command_to_repeat_an_operation_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    command = " ".join(["command"] * 9)
    retry = replace(ROLLOUT.retry[0], command=command)
    for name, value in {"TERM": "xterm", "COLUMNS": "20", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Terminal())
    found = Statuses(rollouts=(replace(ROLLOUT, retry=(retry,)),))
    assert command in as_table(found, styled=True).splitlines()
