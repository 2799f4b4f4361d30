"""Rollouts read from AWS: their StackSets, and the accounts."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pump_roles.review.account.organization import Account, accounts_below
from pump_roles.review.account.responses import (
    all_in,
    checked_id,
    error_code,
    explained,
    id_in,
    list_in,
    organizations_remedy,
    text_in,
)
from pump_roles.review.account.rollout.expected import ExpectedRollout
from pump_roles.review.account.rollout.stack_set import StackSet, compare, status_of
from pump_roles.review.account.rollout.status import AccountStatus, StatusError, Statuses
from pump_roles.review.role import Unknown
from pump_roles.validators import ACCOUNT, ORGANIZATIONAL_UNIT

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_organizations import OrganizationsClient

_NOT_FOUND: Final = "StackSetNotFoundException"
_Found = Callable[[int], object]


def read(
    cloudformation: "CloudFormationClient",
    organizations: "OrganizationsClient",
    rollouts: Sequence[ExpectedRollout],
    *,
    unknown: Mapping[str, Unknown] | None = None,
    found: _Found | None = None,
    profile: str | None = None,
) -> Statuses:
    """Compare rollouts with the accounts below their units. One failure hides no other rollout."""
    known = unknown or {}
    region = cloudformation.meta.region_name
    results = [
        (expected, known.get(expected.stack_set) or _rollout(cloudformation, expected, found))
        for expected in rollouts
    ]
    units = {
        unit: None
        for expected, stack_set in results
        if isinstance(stack_set, StackSet)
        for unit in (*expected.units, *stack_set.units)
    }
    management, accounts = "", list[Account]()
    try:
        # If no rollout can be read, there is nothing to compare the accounts with.
        if any(isinstance(stack_set, StackSet) for _, stack_set in results):
            organization = organizations.describe_organization()["Organization"]
            management = id_in(organization, "MasterAccountId", ACCOUNT)
            accounts = accounts_below(organizations, units, found=found)
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from AWS.
        detail = "; ".join(filter(None, (explained(error), organizations_remedy(error))))
        failed = Unknown(part="organization", why="not-read", detail=detail)
        results = [
            (expected, stack_set if isinstance(stack_set, Unknown) else failed)
            for expected, stack_set in results
        ]
    return Statuses(
        rollouts=tuple(
            replace(status_of(expected, region), unknown=(stack_set,))
            if isinstance(stack_set, Unknown)
            else compare(
                expected,
                stack_set,
                accounts=accounts,
                management_account=management,
                profile=profile,
            )
            for expected, stack_set in results
        )
    )


def _why_not_read(error: Exception, expected: ExpectedRollout, region: str) -> Unknown:
    if isinstance(error, StatusError):
        return error.unknown
    if error_code(error) != _NOT_FOUND:
        return Unknown(part="rollout", why="not-read", detail=explained(error))
    return Unknown(
        part="rollout",
        why="no-stack-set" if expected.call_as == "management" else "no-stack-set-as-administrator",
        subject=expected.stack_set,
        detail=region,
    )


def _rollout(
    cloudformation: "CloudFormationClient", expected: ExpectedRollout, found: _Found | None
) -> StackSet | Unknown:
    try:
        stack_set = _stack_set(cloudformation, expected)
        instances = tuple(_instances(cloudformation, expected, found))
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from AWS.
        return _why_not_read(error, expected, cloudformation.meta.region_name)
    return replace(stack_set, instances=instances)


def _stack_set(cloudformation: "CloudFormationClient", expected: ExpectedRollout) -> StackSet:
    region = cloudformation.meta.region_name
    described: Any = cloudformation.describe_stack_set(
        StackSetName=expected.stack_set, CallAs=expected.caller
    )["StackSet"]
    regions = [*map(str, described.get("Regions", []))]
    # A self-managed StackSet has no units.
    name = "OrganizationalUnitIds"
    units = list_in(described, name) if name in described else []
    if not units and not expected.units:
        raise StatusError(Unknown(part="rollout", why="no-units"))
    return StackSet(
        units=tuple(checked_id(unit, ORGANIZATIONAL_UNIT) for unit in units),
        region=region,
        instance_region=regions[0] if len(regions) == 1 else region,
    )


def _instances(
    cloudformation: "CloudFormationClient", expected: ExpectedRollout, found: _Found | None
) -> Iterator[AccountStatus]:
    asked = {"StackSetName": expected.stack_set, "CallAs": expected.caller}
    for summary in all_in(cloudformation, "list_stack_instances", "Summaries", **asked):
        yield AccountStatus(
            state="not-current",
            account=id_in(summary, "Account", ACCOUNT),
            region=text_in(summary, "Region"),
            status=text_in(summary, "Status"),
            detailed_status=str(summary.get("StackInstanceStatus", {}).get("DetailedStatus") or ""),
            reason=str(summary.get("StatusReason") or ""),
        )
        if found is not None:
            found(1)


INTERVAL: Final = 10
"""How many seconds to wait between two calls while an operation is running."""

_ACTIVE: Final = {"QUEUED", "RUNNING", "STOPPING"}
_ENDED: Final = {"FAILED", "STOPPED", "SUCCEEDED"}


def wait_for(
    cloudformation: "CloudFormationClient",
    expected: ExpectedRollout,
    *,
    seconds: int | None = None,
    waited: Callable[[int], object] | None = None,
) -> Unknown | None:
    """Wait until no operation of a StackSet is running, queued, or stopping."""
    total = 0
    # ListStackSetOperations is eventually consistent: it may still list an operation as active.
    ended: set[str] = set()
    try:
        while (active := _active_operation(cloudformation, expected, ended)) is not None:
            while _is_active(_describe_operation(cloudformation, expected, active)):
                if seconds is not None and total >= seconds:
                    return Unknown(
                        part="rollout",
                        why="operation-active",
                        subject=active,
                        detail=f"{total // 60:,}",
                    )
                time.sleep(INTERVAL)
                total += INTERVAL
                if waited is not None:
                    waited(INTERVAL)
            ended.add(active)
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from AWS.
        return _why_not_read(error, expected, cloudformation.meta.region_name)
    return None


def _describe_operation(
    cloudformation: "CloudFormationClient", expected: ExpectedRollout, operation: str
) -> Any:
    return cloudformation.describe_stack_set_operation(
        StackSetName=expected.stack_set, OperationId=operation, CallAs=expected.caller
    )["StackSetOperation"]


def _active_operation(
    cloudformation: "CloudFormationClient", expected: ExpectedRollout, ended: set[str]
) -> str | None:
    asked = {"StackSetName": expected.stack_set, "CallAs": expected.caller}
    for operation in all_in(cloudformation, "list_stack_set_operations", "Summaries", **asked):
        found = text_in(operation, "OperationId")
        if found not in ended and _is_active(operation):
            return found
    return None


def _is_active(operation: Any) -> bool:
    status = text_in(operation, "Status")
    if status not in _ACTIVE | _ENDED:
        raise StatusError(Unknown(part="rollout", why="operation-status", detail=status))
    return status in _ACTIVE
