"""Rollouts read from AWS: their StackSets, and the accounts."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from pump_roles.review.account.organization import Account, accounts_below
from pump_roles.review.account.responses import (
    all_in,
    checked_id,
    error_code,
    explain_error,
    list_in,
    text_in,
)
from pump_roles.review.account.rollout.expected import ExpectedRollout
from pump_roles.review.account.rollout.stack_set import StackSet, assess_rollout, unknown_status
from pump_roles.review.account.rollout.status import AccountStatus, Statuses
from pump_roles.role import Unknown
from pump_roles.validators import ACCOUNT, ORGANIZATIONAL_UNIT

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_organizations import OrganizationsClient

_NOT_FOUND: Final = "StackSetNotFoundException"
_Found = Callable[[int], object]


def read_statuses(
    cloudformation: "CloudFormationClient",
    organizations: "OrganizationsClient",
    rollouts: Sequence[ExpectedRollout],
    *,
    found: _Found = lambda _: None,
) -> Statuses:
    """Compare rollouts with the accounts below their units. One failure hides no other rollout."""
    read = {rollout: _read_stack_set(cloudformation, rollout, found) for rollout in rollouts}
    units = {
        unit: None
        for rollout, stack_set in read.items()
        if isinstance(stack_set, StackSet)
        for unit in (*rollout.units, *stack_set.units)
    }
    organization = _read_organization(organizations, units, found)
    statuses = []
    for rollout, stack_set in read.items():
        if isinstance(stack_set, Unknown):
            status = unknown_status(rollout, cloudformation.meta.region_name, stack_set)
        elif isinstance(organization, Unknown):
            status = unknown_status(rollout, stack_set.region, organization)
        else:
            management_account, accounts = organization
            status = assess_rollout(
                rollout, stack_set, accounts=accounts, management_account=management_account
            )
        statuses.append(status)
    return Statuses(rollouts=tuple(statuses))


def _read_organization(
    organizations: "OrganizationsClient", units: Collection[str], found: _Found
) -> tuple[str, list[Account]] | Unknown:
    if not units:
        # No rollout can be read, so there is nothing to compare the accounts with.
        return "", []
    try:
        organization = organizations.describe_organization()["Organization"]
        management_account = checked_id(organization["MasterAccountId"], ACCOUNT)
        return management_account, accounts_below(organizations, units, found=found)
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from AWS.
        detail = explain_error(error, organizations)
        return Unknown(part="rollout", why="organization-not-read", detail=detail)


def _read_stack_set(
    cloudformation: "CloudFormationClient", rollout: ExpectedRollout, found: _Found
) -> StackSet | Unknown:
    region = cloudformation.meta.region_name
    try:
        described: Any = cloudformation.describe_stack_set(
            StackSetName=rollout.stack_set, CallAs=rollout.caller
        )["StackSet"]
        # A self-managed StackSet has no units.
        name = "OrganizationalUnitIds"
        units = list_in(described, name) if name in described else []
        if not units and not rollout.units:
            return Unknown(part="rollout", why="no-units")
        return StackSet(
            units=tuple(checked_id(unit, ORGANIZATIONAL_UNIT) for unit in units),
            region=region,
            instances=tuple(_read_instances(cloudformation, rollout, found)),
        )
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from AWS.
        if error_code(error) != _NOT_FOUND:
            return Unknown(
                part="rollout", why="not-read", detail=explain_error(error, cloudformation)
            )
        managed = rollout.call_as == "management"
        return Unknown(
            part="rollout",
            why="no-stack-set" if managed else "no-stack-set-as-administrator",
            subject=rollout.stack_set,
            detail=region,
        )


def _read_instances(
    cloudformation: "CloudFormationClient", rollout: ExpectedRollout, found: _Found
) -> Iterator[AccountStatus]:
    asked = {"StackSetName": rollout.stack_set, "CallAs": rollout.caller}
    for summary in all_in(cloudformation, "list_stack_instances", "Summaries", **asked):
        yield AccountStatus(
            state="not-current",
            account=checked_id(summary["Account"], ACCOUNT),
            region=text_in(summary, "Region"),
            status=text_in(summary, "Status"),
            detailed_status=str(summary.get("StackInstanceStatus", {}).get("DetailedStatus") or ""),
            reason=str(summary.get("StatusReason") or ""),
        )
        found(1)
