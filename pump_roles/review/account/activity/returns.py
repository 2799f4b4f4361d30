"""Until when a Savings Plan can be returned.

Source: Savings Plans User Guide, "Returning a purchased Savings Plan".
"""

import re
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
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
    # Other partitions may have another currency.
    in_dollars = event.issuer.startswith("arn:aws:") and isinstance(hourly, str | int | float)
    if not in_dollars or not _NUMBER.fullmatch(str(hourly)):
        return None
    if Decimal(str(hourly)) > _MOST:
        return ""
    # A queued plan is bought later.
    queued = event.request.get("purchaseTime")
    starts = event.event_time if queued is None else moment_of(str(queued))
    if starts is None:
        return None
    bought = max(event.event_time, starts)
    end_of_month = bought.replace(
        day=monthrange(bought.year, bought.month)[1], hour=23, minute=59, second=59
    )
    try:
        return in_utc(min(bought + _DAYS, end_of_month))
    except OverflowError:
        # At the end of the year 9999.
        return None


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
