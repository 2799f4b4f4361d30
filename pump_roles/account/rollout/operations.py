"""Operations of a StackSet that have not ended."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pump_roles.account.errors import error_code
from pump_roles.account.response import list_in, text_in
from pump_roles.account.rollout.model import StatusError
from pump_roles.account.rollout.reading import NOT_FOUND, problem_of
from pump_roles.account.rollout.targets import Targets

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

__all__ = ["INTERVAL", "wait_for"]

INTERVAL: Final = 10
"""The number of seconds between two calls while an operation runs."""

_ACTIVE: Final = {"QUEUED", "RUNNING", "STOPPING"}
_ENDED: Final = {"FAILED", "STOPPED", "SUCCEEDED"}


def wait_for(
    cloudformation: "CloudFormationClient",
    targets: Targets,
    *,
    seconds: int | None = None,
    waited: Callable[[int], object] | None = None,
) -> str:
    """Wait until no operation of a StackSet is running, queued, or stopping.

    :param cloudformation: a client of the account and the region that the StackSet is in.
    :param targets: the rollout. If there is no such StackSet, there is nothing to wait for.
    :param seconds: for how long to wait; by default, until the operations have ended.
    :param waited: called with a number of seconds after each wait of that length.
    :returns: why the operations cannot be read, or that they have not ended in time; empty if they
        have.
    """
    try:
        _wait(cloudformation, targets, seconds, waited)
    except Exception as error:  # noqa: BLE001
        # If the answer is not from AWS, botocore can raise anything.
        if error_code(error) != NOT_FOUND:
            return problem_of(error, targets, cloudformation.meta.region_name)
    return ""


def _wait(
    cloudformation: "CloudFormationClient",
    targets: Targets,
    seconds: int | None,
    waited: Callable[[int], object] | None,
) -> None:
    total = 0
    # ListStackSetOperations is eventually consistent, and may still show what has ended.
    ended: set[str] = set()
    while (active := _active(cloudformation, targets, ended)) is not None:
        while _is_active(_described(cloudformation, targets, active)):
            if seconds is not None and total >= seconds:
                raise StatusError(
                    f"the operation {active} has not ended after {total // 60:,} minutes; run the "
                    "command again later"
                )
            time.sleep(INTERVAL)
            total += INTERVAL
            if waited is not None:
                waited(INTERVAL)
        ended.add(active)


def _described(cloudformation: "CloudFormationClient", targets: Targets, operation: str) -> Any:
    return cloudformation.describe_stack_set_operation(
        StackSetName=targets.stack_set, OperationId=operation, CallAs=targets.caller
    )["StackSetOperation"]


def _active(
    cloudformation: "CloudFormationClient", targets: Targets, ended: set[str]
) -> str | None:
    pages = cloudformation.get_paginator("list_stack_set_operations")
    for page in pages.paginate(StackSetName=targets.stack_set, CallAs=targets.caller):
        for operation in list_in(page, "Summaries"):
            found = text_in(operation, "OperationId")
            if found not in ended and _is_active(operation):
                return found
    return None


def _is_active(operation: Any) -> bool:
    status = text_in(operation, "Status")
    if status not in _ACTIVE | _ENDED:
        raise StatusError(f"AWS returned the operation status {status}, which is not known")
    return status in _ACTIVE
