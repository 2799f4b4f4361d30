"""Reports in these tests are about what templates contain, not about each of a thousand actions."""

from collections.abc import Iterator

import pytest

from tests.support import short_reports


@pytest.fixture(autouse=True)
def _reports_are_short() -> Iterator[None]:
    with short_reports():
        yield
