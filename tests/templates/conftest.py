"""Reports in these tests are about what templates contain."""

import pytest


@pytest.fixture(autouse=True)
def _short(reports_are_short: None) -> None:
    pass
