"""docs/verify.md says what the command does."""

import re
from typing import get_args

from pump_roles.published import ROLES
from pump_roles.review.account.verify.expectation import from_published
from pump_roles.review.account.verify.from_aws import policy_for_reading
from pump_roles.review.compare import Rule
from tests.docs.pages import VERIFY, policy
from tests.support import PUMP_ACCOUNT


def test_guide_has_the_smallest_policy() -> None:
    names = from_published(PUMP_ACCOUNT).names
    assert policy("smallest-policy", VERIFY) == policy_for_reading(names)


def test_guide_lists_every_rule() -> None:
    rules = re.findall(r"^\| `([a-z][a-z-]+)` \| .+\. \|$", VERIFY, re.MULTILINE)
    assert rules == [*get_args(Rule)]


def test_guide_counts_the_calls_for_both_published_roles() -> None:
    inline = sum(len(role.policies) for role in ROLES.values())
    calls = 2 + 1 + 3 * len(ROLES) + inline
    assert f"that is {calls}: {inline} inline policies, 2 times 3, and 3." in VERIFY
