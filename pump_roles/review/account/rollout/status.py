"""The status of rollouts: each account, each rollout, and all of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from pump_roles._version import __version__
from pump_roles.role import Unknown
from pump_roles.validators import AccountFilter, CallAs

AccountState = Literal[
    "not-current", "missing", "not-targeted", "not-found", "suspended", "excluded", "current"
]
"""Whether an account is as it should be. In the first four states, it is not."""

FINE: Final = frozenset[AccountState]({"suspended", "excluded", "current"})
"""The states of accounts that are as they should be."""

RolloutState = Literal["complete", "incomplete", "unknown"]


class TargetsError(Exception):
    """What a rollout in a template targets is not certain."""

    def __init__(self, stack_set: str, unknown: Unknown) -> None:
        super().__init__(stack_set, unknown)
        self.stack_set = stack_set
        self.unknown = unknown


@dataclass(frozen=True, kw_only=True)
class AccountStatus:
    """One account of a rollout, or one stack instance if it has several.

    :param account: its 12-digit ID.
    :param name: its name; empty if it is not below the targeted units.
    :param unit: the IDs of the organizational units that it is in, from a targeted one down,
        separated by slashes; empty if it is not below the targeted units.
    :param state: ``current``: it has a current stack instance. ``not-current``: its stack instance
        is not current. ``missing``: it is targeted and has no stack instance. ``not-targeted``: it
        has a stack instance that it should not have. ``not-found``: the account filter
        names it, and it is not below the targeted units. ``suspended``: StackSets skip it.
        ``excluded``: the account filter excludes it, and it has no stack instance.
    :param reason: why its stack instance is not current, as AWS returns it; may be empty.
    :param region: the Region of its stack instance; empty if it has none.
    :param status: the status of its stack instance, as AWS returns it; empty if it has none.
    :param detailed_status: how the last operation ended there, as AWS returns it; may be empty.
    """

    account: str
    name: str = ""
    unit: str = ""
    state: AccountState
    reason: str = ""
    region: str = ""
    status: str = ""
    detailed_status: str = ""


@dataclass(frozen=True, kw_only=True)
class RolloutStatus:
    """The status of a rollout.

    :param stack_set: the StackSet's name.
    :param state: ``complete`` if at least one account is targeted, each of them has a current stack
        instance, no other account has one, every filtered ID is an account below the units, and the
        StackSet targets the expected units. ``unknown`` if it could not be read.
    :param unknown: why it is unknown; empty otherwise.
    :param region: the StackSet's Region.
    :param call_as: ``management`` or ``delegated-admin``.
    :param units: the IDs of the organizational units that should be targeted.
    :param deployed_units: the IDs of those that the StackSet targets.
    :param filter: what the account filter does, ``exclude`` or ``only``; empty if there is none.
    :param filtered: the IDs of the accounts that the filter names.
    :param management_account: the ID of the management account, to which StackSets never deploy.
    :param targeted: how many accounts are targeted, not counting suspended ones.
    :param accounts: the accounts below the units, those with a stack instance, and those that the
        filter names. Those that need attention come first, then the order is by ID.
    :param counts: how many accounts have each state.
    """

    stack_set: str
    state: RolloutState
    unknown: tuple[Unknown, ...] = ()
    region: str = ""
    call_as: CallAs = "management"
    units: tuple[str, ...] = ()
    deployed_units: tuple[str, ...] = ()
    filter: AccountFilter = ""
    filtered: tuple[str, ...] = ()
    management_account: str = ""
    targeted: int = 0
    accounts: tuple[AccountStatus, ...] = ()
    counts: Mapping[AccountState, int] = field(init=False)

    def __post_init__(self) -> None:
        found = Counter(account.state for account in self.accounts)
        counts = {state: found[state] for state in get_args(AccountState)}
        object.__setattr__(self, "counts", counts)


@dataclass(frozen=True, kw_only=True)
class Statuses:
    """The status of some rollouts.

    :param schema: the version of the JSON status's schema.
    :param version: the version of this package.
    :param state: the state of all rollouts together. An incomplete rollout takes precedence over an
        unknown one.
    :param rollouts: the rollouts.
    """

    schema: Literal[5] = 5
    version: str = __version__
    state: RolloutState = field(init=False)
    rollouts: tuple[RolloutStatus, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", state_of(rollout.state for rollout in self.rollouts))


def state_of(states: Iterable[RolloutState]) -> RolloutState:
    """Return the state of several rollouts: incomplete takes precedence over unknown.

    Without any rollout, it is unknown.
    """
    found = set(states)
    if "incomplete" in found:
        return "incomplete"
    return "complete" if found == {"complete"} else "unknown"
