"""The fixtures of the tests of rollouts: an emulated management account, and the command."""

from collections.abc import Iterator
from functools import partial

import pytest
from moto.moto_api._internal import mock_random

from tests import commands
from tests.management import Management, management
from tests.review.account.rollouts import Run


@pytest.fixture
def aws() -> Iterator[Management]:
    with management() as account:
        # With the same IDs in each test, a rollout to them is synthesized once.
        mock_random.seed(1)
        yield account


@pytest.fixture
def run(aws: Management, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    return partial(commands.run, "rollout-status")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, in seconds. Tests do not really wait."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses
