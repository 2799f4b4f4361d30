"""The states of accounts and rollouts."""

from typing import get_args

import pytest

from pump_roles.account.rollout.status import FINE, AccountState, RolloutState, state_of


def test_first_four_states_need_attention() -> None:
    assert {*get_args(AccountState)[:4]} | FINE == {*get_args(AccountState)}
    assert not {*get_args(AccountState)[:4]} & FINE


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ([], "unknown"),
        (["complete"], "complete"),
        (["complete", "unknown"], "unknown"),
        (["unknown", "incomplete", "complete"], "incomplete"),
    ],
)
def test_incomplete_takes_precedence_over_unknown(states: list[RolloutState], state: str) -> None:
    assert state_of(states) == state
