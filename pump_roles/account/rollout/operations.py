"""Waits for the operations of a StackSet."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pump_roles.account.errors import error_code
from pump_roles.account.response import list_in, text_in
from pump_roles.account.rollout.deployed import NOT_FOUND, why_not_read
from pump_roles.account.rollout.expected import ExpectedRollout
from pump_roles.account.rollout.status import StatusError
from pump_roles.role import Unknown

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

__all__ = ["INTERVAL", "wait_for"]

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
    """Wait until no operation of a StackSet is running, queued, or stopping.

    :param cloudformation: a client of the account and Region of the StackSet.
    :param expected: the rollout. If the StackSet does not exist, there is nothing to wait for.
    :param seconds: the maximum number of seconds to wait. By default, there is no limit.
    :param waited: called after each wait, with its number of seconds.
    :returns: why the operations cannot be read, or that they did not end in time; ``None`` if all
        have ended.
    """
    try:
        _wait(cloudformation, expected, seconds, waited)
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from AWS.
        if error_code(error) != NOT_FOUND:
            return why_not_read(error, expected, cloudformation.meta.region_name)
    return None


def _wait(
    cloudformation: "CloudFormationClient",
    expected: ExpectedRollout,
    seconds: int | None,
    waited: Callable[[int], object] | None,
) -> None:
    total = 0
    # ListStackSetOperations is eventually consistent: it may still list an operation as active.
    ended: set[str] = set()
    while (active := _active_operation(cloudformation, expected, ended)) is not None:
        while _is_active(_describe_operation(cloudformation, expected, active)):
            if seconds is not None and total >= seconds:
                raise StatusError(
                    Unknown(
                        part="rollout",
                        why="operation-active",
                        subject=active,
                        detail=f"{total // 60:,}",
                    )
                )
            time.sleep(INTERVAL)
            total += INTERVAL
            if waited is not None:
                waited(INTERVAL)
        ended.add(active)


def _describe_operation(
    cloudformation: "CloudFormationClient", expected: ExpectedRollout, operation: str
) -> Any:
    return cloudformation.describe_stack_set_operation(
        StackSetName=expected.stack_set, OperationId=operation, CallAs=expected.caller
    )["StackSetOperation"]


def _active_operation(
    cloudformation: "CloudFormationClient", expected: ExpectedRollout, ended: set[str]
) -> str | None:
    pages = cloudformation.get_paginator("list_stack_set_operations")
    for page in pages.paginate(StackSetName=expected.stack_set, CallAs=expected.caller):
        for operation in list_in(page, "Summaries"):
            found = text_in(operation, "OperationId")
            if found not in ended and _is_active(operation):
                return found
    return None


def _is_active(operation: Any) -> bool:
    status = text_in(operation, "Status")
    if status not in _ACTIVE | _ENDED:
        raise StatusError(Unknown(part="rollout", why="operation-status", detail=status))
    return status in _ACTIVE
