"""What ends an approval every day: a schedule that removes the tag which opens a guardrail."""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from pump_roles.guardrails import by_name
from pump_roles.inputs.json_values import as_mapping
from pump_roles.inputs.text import parse_json

_UNTAGS: Final = re.compile(
    r"arn:(aws[a-z-]*|\$\{AWS::Partition\}):scheduler:::aws-sdk:iam:untagRole"
)
_DAILY: Final = re.compile(r"cron\(([0-5]?[0-9]) ([01]?[0-9]|2[0-3]) \* \* \? \*\)")
_TARGET: Final = {"Arn", "DeadLetterConfig", "Input", "RetryPolicy", "RoleArn"}
"""What the target of such a schedule can have: Amazon EventBridge Scheduler API Reference,
"Target"."""

_RETRIES: Final = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
"""The most, and the default: Amazon EventBridge Scheduler API Reference, "RetryPolicy"."""


@dataclass(frozen=True)
class DailyEnd:
    """What a schedule does that only ends approvals.

    :param role_name: whose tag it removes.
    :param time: at what time of day, in UTC, such as ``20:00``; empty if it does not act every day
        at one time, with all retries and without a key of the customer's, or if that is not
        certain.
    """

    role_name: str
    time: str


def closes(tags: Collection[Any]) -> bool:
    """Return whether all that the removal of some tags does is to close guardrails."""
    closing = {guardrail.tag for guardrail in by_name().values()} - {""}
    # IAM compares the keys of tags without case.
    return bool(tags) and all(isinstance(tag, str) and tag.lower() in closing for tag in tags)


def approval_end(schedule: Mapping[str, Any]) -> DailyEnd | None:
    """Return what a schedule does, as it is in a template or in AWS; ``None`` if it may do more."""
    target = as_mapping(schedule.get("Target"))
    if target.keys() - _TARGET or not _UNTAGS.fullmatch(f"{target.get('Arn')}"):
        return None
    passed: Any = None
    with suppress(RecursionError, TypeError, ValueError):
        passed = parse_json(target.get("Input", ""))
    if as_mapping(passed).keys() != {"RoleName", "TagKeys"}:
        return None
    role_name, tags = passed["RoleName"], passed["TagKeys"]
    if not (isinstance(role_name, str) and isinstance(tags, list) and closes(tags)):
        return None
    return DailyEnd(role_name, _time_of_day(schedule))


def _time_of_day(schedule: Mapping[str, Any]) -> str:
    target = as_mapping(schedule.get("Target"))
    # With a key of the customer's, or without all retries, it can fail.
    retries = {**_RETRIES, **as_mapping(target.get("RetryPolicy"))} == _RETRIES
    if "KmsKeyArn" in schedule or not retries:
        return ""
    is_exact = as_mapping(schedule.get("FlexibleTimeWindow")).get("Mode") == "OFF"
    in_utc = schedule.get("ScheduleExpressionTimezone", "UTC") == "UTC"
    always = schedule.get("State", "ENABLED") == "ENABLED"
    limits = schedule.keys() & {"EndDate", "StartDate"}
    daily = _DAILY.fullmatch(f"{schedule.get('ScheduleExpression')}")
    exact = is_exact and in_utc and always and not limits
    return f"{daily[2]:0>2}:{daily[1]:0>2}" if daily and exact else ""
