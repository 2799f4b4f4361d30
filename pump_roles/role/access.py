"""What gives someone access; and what only takes it away, such as the daily end of an approval."""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

from pump_roles.guardrails import by_name, by_policy
from pump_roles.iam.identity_policies import Policy
from pump_roles.inputs import as_mapping
from pump_roles.inputs.text import parse_json
from pump_roles.published import ROLES

_UNTAGS: Final = re.compile(
    r"arn:(aws[a-z-]*|\$\{AWS::Partition\}):scheduler:::aws-sdk:iam:untagRole"
)
_DAILY: Final = re.compile(r"cron\(([0-5]?[0-9]) ([01]?[0-9]|2[0-3]) \* \* \? \*\)")
_TARGET: Final = {"Arn", "DeadLetterConfig", "Input", "RetryPolicy", "RoleArn"}
"""What the target of a schedule that only ends an approval can have: Amazon EventBridge Scheduler
API Reference, "Target"."""

_RETRIES: Final = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
"""The most, and the default: Amazon EventBridge Scheduler API Reference, "RetryPolicy"."""

AccessWhy = Literal[
    "administrator",
    "allows",
    "allows-managed-policy",
    "allows-unreadable-statement",
    "attaches",
    "changed",
    "changed-later",
    "could-attach",
    "could-be-named-alike",
    "could-contain",
    "ends-approval",
    "lets-in",
    "lets-in-unreadable",
    "may-attach",
    "may-be-named-alike",
    "may-contain",
    "may-end-approval",
    "missing",
    "named-alike",
    "named-for-management",
    "names-account",
    "names-definition",
    "names-management",
    "names-role",
    "opens",
    "parameter",
    "password",
    "requires-same-external-id",
    "tagged",
    "trusts-account",
    "trusts-definition",
    "trusts-everyone",
    "trusts-everyone-but",
    "trusts-identity-provider",
    "trusts-management",
    "trusts-other-account",
    "trusts-role",
    "trusts-unreadable",
    "trusts-unreadable-account",
    "unreadable-properties",
    "unreadable-statement",
    "unreadable-trust-policy",
]
"""Why the check at synth, the report, or ``verify`` names something. Each has words for its own."""


@dataclass(frozen=True)
class Access:
    """A way in which something reaches one of Pump's roles or principals, or lets others in; or
    what a policy allows.

    :param why: the way.
    :param subject: whom or what it is about; empty if ``why`` says it all.
    """

    why: AccessWhy
    subject: str = ""


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


def only_takes_away(policy: Policy) -> bool:
    """Return whether a policy has nothing but denies, and no name of this package's policies."""
    own = {policy.name for role in ROLES.values() for policy in role.policies} | {*by_policy()}
    return policy.name.casefold() not in map(str.casefold, own) and policy.only_denies


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
