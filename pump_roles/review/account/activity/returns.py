"""Until when a Savings Plan can be returned.

Source: Savings Plans User Guide, "Returning a purchased Savings Plan".
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from pump_roles.review.account.activity.activity_result import DONE, Change
from pump_roles.review.account.activity.event import Event
from pump_roles.review.account.times import in_utc, moment_of

_BUYS: Final = "savingsplans:CreateSavingsPlan"
_UNDOES: Final = {"savingsplans:ReturnSavingsPlan", "savingsplans:DeleteQueuedSavingsPlan"}

_MOST: Final = 100
"""The highest hourly commitment, in dollars, of a plan that can be returned."""

_DAYS: Final = timedelta(days=7)
_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")


def returnable_until(event: Event, action: str) -> str | None:
    """Return until when what was bought can be returned, in UTC."""
    if action != _BUYS or event.outcome != DONE:
        return ""
    hourly = event.request.get("commitment")
    if not isinstance(hourly, str | int | float) or not _NUMBER.fullmatch(str(hourly)):
        return None
    if Decimal(str(hourly)) > _MOST:
        return ""
    bought = moment_of(event.time)
    # A queued plan is bought later.
    queued = event.request.get("purchaseTime")
    starts = bought if queued is None else moment_of(str(queued))
    if bought is None or starts is None:
        return None
    try:
        return in_utc(_end(max(bought, starts)))
    except OverflowError:
        # At the end of the year 9999.
        return None


def _end(bought: datetime) -> datetime:
    # The month ends at the last second before the first day of the next one.
    first = bought.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    next_month = (first + timedelta(days=31)).replace(day=1)
    return min(bought + _DAYS, next_month - timedelta(seconds=1))


def without_returned(changes: Iterable[Change]) -> list[Change]:
    """Return the changes, so that no plan that was returned seems to be returnable."""
    found = [*changes]
    returned = {
        change.item for change in found if change.action in _UNDOES and change.outcome == DONE
    }
    return [
        replace(change, returnable_until="") if change.item and change.item in returned else change
        for change in found
    ]
