"""Reads CloudTrail's event history with boto3, in one or more Regions."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Lock
from typing import Any, Final

from pump_roles.review.account.activity.activity_result import Unknown, Why
from pump_roles.review.account.activity.from_files import parse_record
from pump_roles.review.account.clients import Clients, in_threads
from pump_roles.review.account.responses import error_code, is_denial, list_in, reason_of

GLOBAL_REGION: Final = "us-east-1"
"""The Region that has the events of global services, in the partition ``aws``.

Source: CloudTrail User Guide, "Global service events"."""

_MOST_PER_PAGE: Final = 50

_SECONDS_BETWEEN: Final = 0.5
"""``LookupEvents`` accepts two calls a second for each account and Region.

Source: CloudTrail API Reference, "LookupEvents"."""


def read_history(
    clients: Clients,
    regions: Sequence[str],
    period: tuple[datetime, datetime],
    *,
    found: Callable[[str, Sequence[Any]], object],
    done: Callable[[str, int, Unknown | None], object],
) -> None:
    """Read the event history of some Regions at once. One failure does not stop the others."""
    lock = Lock()

    def read(region: str) -> tuple[str, int, Unknown | None]:
        count = 0
        client = clients.cloudtrail(region)
        pages = client.get_paginator("lookup_events").paginate(
            StartTime=period[0], EndTime=period[1], PaginationConfig={"PageSize": _MOST_PER_PAGE}
        )
        due = time.monotonic()
        try:
            for page in pages:
                events = list_in(page, "Events")
                count += len(events)
                with lock:
                    found(region, [*map(parse_record, events)])
                due = max(due + _SECONDS_BETWEEN, time.monotonic())
                time.sleep(due - time.monotonic())
        except Exception as error:  # noqa: BLE001
            # botocore can raise anything if the response is not from AWS.
            why: Why = "denied" if is_denial(error_code(error)) else "not-read"
            return region, count, Unknown(why=why, subject=region, detail=reason_of(error, client))
        return region, count, None

    in_threads(regions, read, found=lambda ended: done(*ended))
