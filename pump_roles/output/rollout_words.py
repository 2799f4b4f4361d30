"""Words for the status of rollouts."""

from collections.abc import Iterator
from typing import Final

from pump_roles.account.rollout.status import AccountState, AccountStatus, RolloutStatus
from pump_roles.output.short import listed
from pump_roles.output.words import details_of, difference_in_words, unknown_in_words

__all__ = ["problems_in_words", "reason_in_words"]

_REASONS: Final[dict[AccountState, str]] = {
    "current": "the last operation in this account succeeded",
    "excluded": "the account filter excludes it",
    "missing": "it is targeted, but has no stack instance",
    "not-found": "the account filter names it, but it is not below the targeted units",
    "suspended": "the account is suspended; StackSets skip it",
}

_SIDES: Final = ("as expected", "as deployed")
_DETAILS: Final = 4
"""How many of a difference's details are listed."""

# CloudFormation API Reference, "StackInstanceComprehensiveStatus" and "StackInstance".
_ENDED: Final = {
    "CANCELLED": "the last operation stopped before it reached this account",
    "FAILED": "the last operation failed in this account; AWS gives no reason",
    "FAILED_IMPORT": "the stack could not be imported",
    "PENDING": "an operation has yet to start in this account; pass --wait",
    "RUNNING": "an operation is working in this account; pass --wait",
    "SKIPPED_SUSPENDED_ACCOUNT": "the account was suspended when the last operation ran",
}


def reason_in_words(account: AccountStatus) -> str:
    """Return why an account has its state.

    :param account: the account.
    """
    if account.state == "not-targeted":
        excluded = "the account filter excludes it"
        why = excluded if account.unit else "it is not below the targeted units"
        return f"it has a stack instance, but {why}"
    if account.state != "not-current":
        return _REASONS[account.state]
    if account.status == "INOPERABLE" and account.detailed_status != "FAILED_IMPORT":
        return (
            f"{account.reason or 'a deletion failed'}; updates skip it; delete the stack instance "
            "with --retain-stacks, then delete its stack"
        )
    return account.reason or _ENDED.get(account.detailed_status, "it is not up to date")


def problems_in_words(rollout: RolloutStatus) -> Iterator[str]:
    """Yield why the status of a rollout is unknown, or what is wrong with the rollout as a whole.

    :param rollout: the rollout.
    """
    if rollout.state == "unknown":
        yield from map(unknown_in_words, rollout.unknown)
        return
    if {*rollout.units} != {*rollout.deployed_units}:
        deployed = ", ".join(sorted(rollout.deployed_units)) or "no organizational units"
        yield (
            f"the StackSet targets {deployed}, but should target "
            f"{', '.join(sorted(rollout.units))}; deploy the rollout again"
        )
    for role in rollout.roles:
        about = f"the {role.kind} role {role.name}".rstrip()
        for difference in role.differences:
            if difference.rule == "role-present":
                yield f"{about} is deployed, but not expected; deploy the rollout again"
            elif difference.rule == "role-missing":
                yield f"{about} is expected, but not deployed; deploy the rollout again"
            else:
                details = listed(details_of(difference, _SIDES), _DETAILS, "change")
                words = "; ".join((difference_in_words(difference), *details))
                yield f"{about}: {words} ({difference.effect}); deploy the rollout again"
        for unknown in role.unknown:
            yield f"{about}: {unknown_in_words(unknown)}"
    if not rollout.targeted:
        yield "no account is targeted"
