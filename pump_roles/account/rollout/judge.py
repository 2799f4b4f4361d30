"""Whether a rollout is complete: what it should target, compared with what there is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, get_args

from pump_roles.account.organization import Account, targeted
from pump_roles.account.rollout.model import (
    FINE,
    AccountState,
    AccountStatus,
    RolloutRole,
    RolloutStatus,
)
from pump_roles.account.rollout.retry import Repeat, retries
from pump_roles.account.rollout.roles import differing, roles_of
from pump_roles.account.rollout.targets import Targets
from pump_roles.templates.deployed import DeployedRole

__all__ = ["Instance", "StackSet", "judge"]

_CURRENT: Final = "CURRENT"
_SUCCEEDED: Final = "SUCCEEDED"
_INOPERABLE: Final = "INOPERABLE"
_WORKING: Final = ("PENDING", "RUNNING")

_ORDER: Final = get_args(AccountState)
"""What needs attention first."""

# CloudFormation API Reference, "StackInstanceComprehensiveStatus" and "StackInstance".
_DETAILS: Final = {
    "CANCELLED": "the last operation stopped before it reached this account",
    "FAILED": "the last operation failed in this account; AWS gives no reason",
    "FAILED_IMPORT": "the stack could not be imported",
    "PENDING": "an operation has yet to start in this account; pass --wait",
    "RUNNING": "an operation is working in this account; pass --wait",
    "SKIPPED_SUSPENDED_ACCOUNT": "the account was suspended when the last operation ran",
}
_BY_HAND: Final = (
    "updates skip it: delete the stack instance with --retain-stacks, then its stack by hand"
)


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A stack instance.

    :param account: the ID of its account.
    :param region: its region.
    :param status: ``CURRENT``, ``OUTDATED`` or ``INOPERABLE``.
    :param detail: how its last operation ended, such as ``FAILED`` or ``CANCELLED``; may be empty.
    :param reason: why it is not current, as AWS returns it; may be empty.
    """

    account: str
    region: str
    status: str
    detail: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class StackSet:
    """A StackSet, as it is deployed.

    :param id: its ID.
    :param units: the IDs of the organizational units that it targets.
    :param region: the region of the StackSet itself.
    :param instance_region: the region of its stack instances.
    :param ways: Pump's roles in its template, as it deploys them.
    :param instances: its stack instances.
    """

    id: str
    units: tuple[str, ...]
    region: str
    instance_region: str
    ways: tuple[DeployedRole, ...] = field(default=(), repr=False)
    instances: tuple[Instance, ...] = ()

    @property
    def roles(self) -> tuple[RolloutRole, ...]:
        """Pump's roles in its template."""
        return roles_of(self.ways)


def judge(
    targets: Targets,
    stack_set: StackSet,
    *,
    accounts: Iterable[Account],
    management_account: str,
    profile: str | None = None,
) -> RolloutStatus:
    """Compare a StackSet's instances with the accounts that it should target.

    :param targets: what it should target.
    :param stack_set: the StackSet.
    :param accounts: the accounts below the units that it should target, and any others.
    :param management_account: the ID of the management account.
    :param profile: the profile of the AWS configuration for the commands; by default none.
    """
    members = {account.id: account for account in accounts if account.id != management_account}
    units = targets.units or stack_set.units
    targets = replace(targets, units=units)
    # A suspended account gets nothing, and keeps what it has.
    wanted = {
        account.id
        for account in targeted(
            [replace(account, suspended=False) for account in members.values()],
            units=units,
            management_account=management_account,
            account_filter=targets.account_filter or "NONE",
            filtered=targets.filtered,
        )
    }
    below = {id_: one for id_, one in members.items() if set(one.units) & set(units)}
    found = [
        *(_with_instance(one, members, wanted, targets) for one in stack_set.instances),
        *_without(stack_set, below, wanted),
        *(
            AccountStatus(
                account=id_,
                state="not-found",
                reason="the filter names it, but it is not an account below the targeted units",
            )
            for id_ in {*targets.filtered} - below.keys() - {management_account}
        ),
    ]
    found.sort(key=lambda one: (_ORDER.index(one.state), one.account, one.region))
    number = sum(not members[id_].suspended for id_ in wanted)
    problems = tuple(_problems(targets, stack_set, number))
    fine = not problems and all(account.state in FINE for account in found)
    return RolloutStatus(
        stack_set=targets.stack_set,
        state="complete" if fine else "incomplete",
        problems=problems,
        roles=stack_set.roles,
        region=stack_set.region,
        call_as=targets.call_as,
        units=units,
        filter=targets.filter,
        filtered=targets.filtered,
        source=targets.filter_source or targets.source,
        management_account=management_account,
        targeted=number,
        accounts=tuple(found),
        retry=retries(
            targets.stack_set,
            _repeated(found, members, stack_set, units),
            caller=targets.caller,
            region=stack_set.region,
            profile=profile,
        ),
    )


def _problems(targets: Targets, stack_set: StackSet, number: int) -> Iterator[str]:
    if {*targets.units} != {*stack_set.units}:
        deployed = ", ".join(sorted(stack_set.units)) or "no organizational units"
        yield (
            f"the StackSet targets {deployed}, but {targets.source} says "
            f"{', '.join(sorted(targets.units))}: deploy the rollout again"
        )
    kinds = [[role.kind for role in roles] for roles in (targets.roles, stack_set.roles)]
    if targets.roles and kinds[0] != kinds[1]:
        yield (
            f"the StackSet deploys {_named(stack_set.roles)}, but {targets.source} says "
            f"{_named(targets.roles)}: deploy the rollout again"
        )
    for kind, parts in differing(targets.ways, stack_set.ways):
        yield (
            f"the StackSet deploys another {kind} role than {targets.source} says, with another "
            f"{parts}: deploy the rollout again"
        )
    if not number:
        yield "no account is targeted"


def _named(roles: Iterable[RolloutRole]) -> str:
    return ", ".join(f"the {role.kind} role {role.name}" for role in roles)


def _with_instance(
    instance: Instance, members: dict[str, Account], wanted: set[str], targets: Targets
) -> AccountStatus:
    account = members.get(instance.account)
    state, reason = _judged(instance, account, instance.account in wanted, targets)
    return AccountStatus(
        account=instance.account,
        name="" if account is None else account.name,
        unit=_path(account),
        state=state,
        reason=reason,
        region=instance.region,
        status=instance.status,
        detailed_status=instance.detail,
    )


def _judged(
    instance: Instance,
    account: Account | None,
    wanted: bool,  # noqa: FBT001
    targets: Targets,
) -> tuple[AccountState, str]:
    if not wanted:
        below = account is not None and {*account.units} & {*targets.units}
        why = "the filter leaves it out" if below else "it is not below the targeted units"
        return "not-targeted", f"it has a stack instance, but {why}"
    if account is not None and account.suspended:
        return "suspended", "the account is suspended; StackSets skip it"
    if instance.status == _CURRENT and instance.detail in {"", _SUCCEEDED}:
        return "current", "the last operation in this account succeeded"
    reason = instance.reason or _DETAILS.get(instance.detail, "it is not up to date")
    if instance.status == _INOPERABLE and instance.detail != "FAILED_IMPORT":
        reason = f"{instance.reason or 'a deletion failed'}; {_BY_HAND}"
    return "not-current", reason


def _without(
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
            state, reason = "excluded", "the filter leaves it out"
        yield AccountStatus(
            account=id_, name=account.name, unit=_path(account), state=state, reason=reason
        )


def _path(account: Account | None) -> str:
    return "" if account is None else "/".join(account.units)


def _repeated(
    found: Iterable[AccountStatus],
    members: dict[str, Account],
    stack_set: StackSet,
    units: Iterable[str],
) -> Iterator[Repeat]:
    # In another unit than the deployed ones, the command would add that to the StackSet's targets.
    usable = {*units} & {*stack_set.units}
    for one in found:
        failed = one.state == "not-current" and one.status != _INOPERABLE
        if one.state == "missing" or (failed and one.detailed_status not in _WORKING):
            unit = next((unit for unit in members[one.account].units if unit in usable), None)
            if unit is not None:
                yield Repeat(one.region or stack_set.instance_region, unit, one.account)
