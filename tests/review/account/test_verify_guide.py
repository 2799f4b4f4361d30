"""docs/verify.md says what the command does."""

from pump_roles.review.account.account_details import policy_for_reading
from pump_roles.review.account.expectation import from_published
from pump_roles.review.report.permission_report import of_published
from tests.docs.pages import VERIFY, policy
from tests.support import PUMP_ACCOUNT


def test_guide_has_the_smallest_policy() -> None:
    names = from_published(of_published(), PUMP_ACCOUNT).names
    assert policy("smallest-policy", VERIFY) == policy_for_reading(names)
