"""Compares a rollout with what it should target and deploy."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, get_args

from pump_roles.account.organization import Account, targeted
from pump_roles.account.rollout.expected import ExpectedRollout
from pump_roles.account.rollout.model import (
    FINE,
    AccountState,
    AccountStatus,
    RolloutRole,
    RolloutStatus,
)
from pump_roles.account.rollout.retry import Repeat, retries
from pump_roles.account.rollout.roles import differing, kinds_and_names
from pump_roles.role import Part, Role

__all__ = ["Instance", "StackSet", "compare"]

_CURRENT: Final = "CURRENT"
_SUCCEEDED: Final = "SUCCEEDED"
_INOPERABLE: Final = "INOPERABLE"
_WORKING: Final = ("PENDING", "RUNNING")

_ORDER: Final = get_args(AccountState)
"""The order of the states: first those that need attention."""

# CloudFormation API Reference, "StackInstanceComprehensiveStatus" and "StackInstance".
_REASONS: Final = {
    "CANCELLED": "the last operation stopped before it reached this account",
    "FAILED": "the last operation failed in this account; AWS gives no reason",
    "FAILED_IMPORT": "the stack could not be imported",
    "PENDING": "an operation has yet to start in this account; pass --wait",
    "RUNNING": "an operation is working in this account; pass --wait",
    "SKIPPED_SUSPENDED_ACCOUNT": "the account was suspended when the last operation ran",
}
_DELETE_STACK: Final = (
    "updates skip it; delete the stack instance with --retain-stacks, then delete its stack"
)


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A stack instance.

    :param account: the ID of its account.
    :param region: its Region.
    :param status: ``CURRENT``, ``OUTDATED`` or ``INOPERABLE``.
    :param detailed_status: how its last operation ended, such as ``FAILED``; may be empty.
    :param reason: why it is not current, as AWS returns it; may be empty.
    """

    account: str
    region: str
    status: str
    detailed_status: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class StackSet:
    """A StackSet, as it is deployed.

    :param id: its ID.
    :param units: the IDs of the organizational units that it expected.
    :param region: the Region of the StackSet itself.
    :param instance_region: the Region of its stack instances.
    :param deployed_roles: Pump's roles, as it deploys them.
    :param instances: its stack instances.
    """

    id: str
    units: tuple[str, ...]
    region: str
    instance_region: str
    deployed_roles: tuple[Role, ...] = field(default=(), repr=False)
    instances: tuple[Instance, ...] = ()

    @property
    def roles(self) -> tuple[RolloutRole, ...]:
        """Pump's roles in its template."""
        return kinds_and_names(self.deployed_roles)


def compare(
    expected: ExpectedRollout,
    stack_set: StackSet,
    *,
    accounts: Iterable[Account],
    management_account: str,
    profile: str | None = None,
) -> RolloutStatus:
    """Compare a StackSet and its instances with what they should be.

    :param expected: the expected rollout.
    :param stack_set: the StackSet.
    :param accounts: the accounts below the expected units; others are ignored.
    :param management_account: the ID of the management account.
    :param profile: the profile to pass in the commands. By default, they pass none.
    """
    members = {account.id: account for account in accounts if account.id != management_account}
    units = expected.units or stack_set.units
    expected = replace(expected, units=units)
    # A suspended account does not get the role, but may keep it.
    wanted = {
        account.id
        for account in targeted(
            [replace(account, suspended=False) for account in members.values()],
            units=units,
            management_account=management_account,
            account_filter=expected.account_filter or "NONE",
            filtered=expected.filtered,
        )
    }
    below = {id_: account for id_, account in members.items() if {*account.units} & {*units}}
    statuses = [
        *(_with_instance(instance, members, wanted, expected) for instance in stack_set.instances),
        *_without_instance(stack_set, below, wanted),
        *(
            AccountStatus(
                account=id_,
                state="not-found",
                reason="the account filter names it, but it is not below the targeted units",
            )
            for id_ in {*expected.filtered} - below.keys() - {management_account}
        ),
    ]
    statuses.sort(key=lambda status: (_ORDER.index(status.state), status.account, status.region))
    number = sum(not members[id_].suspended for id_ in wanted)
    problems = tuple(_problems(expected, stack_set, number))
    fine = not problems and all(status.state in FINE for status in statuses)
    return RolloutStatus(
        stack_set=expected.stack_set,
        state="complete" if fine else "incomplete",
        problems=problems,
        roles=stack_set.roles,
        region=stack_set.region,
        call_as=expected.call_as,
        units=units,
        filter=expected.filter,
        filtered=expected.filtered,
        source=expected.filter_source or expected.source,
        management_account=management_account,
        targeted=number,
        accounts=tuple(statuses),
        retry=retries(
            expected.stack_set,
            _repeated(statuses, members, stack_set, units),
            caller=expected.caller,
            region=stack_set.region,
            profile=profile,
        ),
    )


def _problems(expected: ExpectedRollout, stack_set: StackSet, number: int) -> Iterator[str]:
    if {*expected.units} != {*stack_set.units}:
        deployed = ", ".join(sorted(stack_set.units)) or "no organizational units"
        yield (
            f"the StackSet targets {deployed}, but {expected.source} specifies "
            f"{', '.join(sorted(expected.units))}; deploy the rollout again"
        )
    kinds = [[role.kind for role in roles] for roles in (expected.roles, stack_set.roles)]
    if expected.roles and kinds[0] != kinds[1]:
        yield (
            f"the StackSet deploys {_named(stack_set.roles)}, but {expected.source} specifies "
            f"{_named(expected.roles)}; deploy the rollout again"
        )
    for kind, parts in differing(expected.deployed_roles, stack_set.deployed_roles):
        yield (
            f"the {kind} role that the StackSet deploys differs from {expected.source}: "
            f"{' and '.join(dict.fromkeys(_PARTS[part] for part in parts))}; "
            "deploy the rollout again"
        )
    if not number:
        yield "no account is targeted"


_PARTS: Final[Mapping[Part, str]] = {
    "role": "something that cannot be read",
    "name": "name",
    "path": "path",
    "trust-policy": "trust policy",
    "inline-policies": "policies",
    "managed-policies": "policies",
    "boundary": "permissions boundary",
    "session": "maximum session duration",
}


def _named(roles: Iterable[RolloutRole]) -> str:
    return ", ".join(f"the {role.kind} role {role.name}" for role in roles)


def _with_instance(
    instance: Instance, members: dict[str, Account], wanted: set[str], expected: ExpectedRollout
) -> AccountStatus:
    account = members.get(instance.account)
    state, reason = _state_and_reason(instance, account, instance.account in wanted, expected)
    return AccountStatus(
        account=instance.account,
        name="" if account is None else account.name,
        unit=_path(account),
        state=state,
        reason=reason,
        region=instance.region,
        status=instance.status,
        detailed_status=instance.detailed_status,
    )


def _state_and_reason(
    instance: Instance,
    account: Account | None,
    wanted: bool,  # noqa: FBT001
    expected: ExpectedRollout,
) -> tuple[AccountState, str]:
    if not wanted:
        below = account is not None and {*account.units} & {*expected.units}
        why = "the account filter excludes it" if below else "it is not below the targeted units"
        return "not-targeted", f"it has a stack instance, but {why}"
    if account is not None and account.suspended:
        return "suspended", "the account is suspended; StackSets skip it"
    if instance.status == _CURRENT and instance.detailed_status in {"", _SUCCEEDED}:
        return "current", "the last operation in this account succeeded"
    reason = instance.reason or _REASONS.get(instance.detailed_status, "it is not up to date")
    if instance.status == _INOPERABLE and instance.detailed_status != "FAILED_IMPORT":
        reason = f"{instance.reason or 'a deletion failed'}; {_DELETE_STACK}"
    return "not-current", reason


def _without_instance(
    stack_set: StackSet, below: dict[str, Account], wanted: set[str]
) -> Iterator[AccountStatus]:
    state: AccountState
    for id_ in below.keys() - {instance.account for instance in stack_set.instances}:
        account = below[id_]
        if account.suspended:
            state, reason = "suspended", "the account is suspended; StackSets skip it"
        elif id_ in wanted:
            state, reason = "missing", "it is targeted, but has no stack instance"
        else:
            state, reason = "excluded", "the account filter excludes it"
        yield AccountStatus(
            account=id_, name=account.name, unit=_path(account), state=state, reason=reason
        )


def _path(account: Account | None) -> str:
    return "" if account is None else "/".join(account.units)


def _repeated(
    statuses: Iterable[AccountStatus],
    members: dict[str, Account],
    stack_set: StackSet,
    units: Iterable[str],
) -> Iterator[Repeat]:
    # With any other unit, the command would add that unit to the StackSet's expected.
    usable = {*units} & {*stack_set.units}
    for status in statuses:
        failed = status.state == "not-current" and status.status != _INOPERABLE
        if status.state == "missing" or (failed and status.detailed_status not in _WORKING):
            unit = next((unit for unit in members[status.account].units if unit in usable), None)
            if unit is not None:
                yield Repeat(status.region or stack_set.instance_region, unit, status.account)
