"""Reads the schedule that ends approvals in an account, and compares it with the expected one."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from pump_roles.compare import Difference
from pump_roles.guardrails import APPROVAL_END, approval_end
from pump_roles.iam.documents import as_mapping, as_text
from pump_roles.review.account.responses import error_code, reason_of
from pump_roles.review.account.verify.details import AccountDetails
from pump_roles.role import Part, Role, Unknown

_PART: Final[Part] = "approval-end"
_READ: Final = {"FlexibleTimeWindow", "ScheduleExpression", "State", "Target"}
"""What AWS always says about a schedule."""

_REGION: Final = re.compile(r'"arn:[a-z-]+:scheduler:([a-z0-9-]+):[0-9]{12}:schedule-group/')


def read_schedule(
    details: AccountDetails, client_in: Callable[[str], Any]
) -> Mapping[str, Any] | Unknown | None:
    """Return the schedule of an account; ``None`` if there is none.

    Only the trust policy of its role says in which Region it is.

    :param client_in: returns a client of EventBridge Scheduler in a Region.
    """
    role = details.described.get(APPROVAL_END)
    if role is None:
        return Unknown(part=_PART, why="not-read") if details.unknown else None
    region = _REGION.search(as_text(role.assume_role_policy_document))
    if region is None:
        return Unknown(part=_PART, why="unreadable")
    client = client_in(region[1])
    try:
        found = {**client.get_schedule(Name=APPROVAL_END)}
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from AWS.
        if error_code(error) == "ResourceNotFoundException":
            return None
        return Unknown(part=_PART, why="not-read", detail=reason_of(error, client))
    return found if found.keys() >= _READ else Unknown(part=_PART, why="not-read")


def verify_schedule(
    expected: Collection[str], role: Role, details: AccountDetails
) -> Difference | Unknown | None:
    """Return how the schedule differs for a role; ``None`` if it does not.

    :param expected: at which times of day an approval ends in the templates; empty for one of which
        that is not known.
    """
    found = details.schedule
    if isinstance(found, Unknown):
        return found
    if len(expected) != 1 or "" in expected:
        return Unknown(part=_PART, why="open")
    was = tuple(expected)
    if found is None:
        # Until somebody closes it, an approval gives more access than expected.
        return Difference(rule="approval-end-missing", effect="broader", part=_PART, was=was)
    end = approval_end(found)
    acts_as = details.arn(role).rpartition(":")[0] + f":role/{APPROVAL_END}"
    is_same = as_mapping(found.get("Target")).get("RoleArn") == acts_as
    names = (role.name.text, end.role_name) if end else ("", "")
    if end is None or not is_same or not end.time or names[0].casefold() != names[1].casefold():
        return Difference(rule="approval-end-changed", effect="broader", part=_PART, was=was)
    if (end.time,) == was:
        return None
    now = (end.time,)
    return Difference(rule="approval-end-time", effect="unclear", part=_PART, was=was, now=now)
