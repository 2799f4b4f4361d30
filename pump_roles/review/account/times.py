"""Points in time, as AWS writes them."""

from datetime import datetime, timezone
from typing import Any

import msgspec


def moment_of(value: Any) -> datetime | None:
    """Return a point in time, in UTC; ``None`` if the value is not a time."""
    try:
        if isinstance(value, str) and value.replace(".", "", 1).isdecimal():
            return datetime.fromtimestamp(float(value), timezone.utc)
        if isinstance(value, str):
            # What datetime.fromisoformat() reads depends on the version of Python.
            value = msgspec.convert(value, datetime)
        if not isinstance(value, datetime):
            return None
        in_zone = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return in_zone.astimezone(timezone.utc)
    except (OverflowError, ValueError, OSError):
        return None


def in_utc(moment: datetime) -> str:
    """Return a point in time as AWS writes it, such as 2026-11-25T08:15:00Z."""
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")
