"""Points in time, as AWS writes them."""

from typing import Any

import pytest

from pump_roles.review.account.aws_sdk import in_utc, moment_of


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2026-11-25T08:15:00+00:00", "2026-11-25T08:15:00Z"),
        ("2026-11-25T09:15:00.5+01:00", "2026-11-25T08:15:00Z"),
        ("2026-11-25T08:15:00", "2026-11-25T08:15:00Z"),
        ("20261125T081500Z", ""),
        ("1796083200", "2026-12-01T00:00:00Z"),
        ("1796083200.5", "2026-12-01T00:00:00Z"),
        ("0001-01-02T00:00:00Z", "0001-01-02T00:00:00Z"),
        ("0001-01-01T00:00:00+14:00", ""),
        ("9999-12-31T23:00:00-14:00", ""),
        ("9" * 30, ""),
        ("yesterday", ""),
        ("", ""),
        (None, ""),
        (3600, ""),
    ],
)
def test_time_is_in_utc_or_not_known(value: Any, shown: str) -> None:
    found = moment_of(value)
    assert (in_utc(found) if found else "") == shown
