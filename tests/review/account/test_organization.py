"""The organization of an account; which accounts a StackSet targets, as AWS documents it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.stub import Stubber

from pump_roles.inputs.text import InputError
from pump_roles.review.account.organization import (
    Account,
    AccountUnknown,
    Organization,
    accounts_below,
    is_deployed_to,
    read_organization,
    select_accounts,
    targeted,
)
from pump_roles.role.assembly import AccountFilter, Deployment
from tests.management import management
from tools.sandbox.organization import Organization as Emulated

MANAGEMENT = "000000000001"


def account(number: int, *units: str, suspended: bool = False) -> Account:
    return Account(f"{number:012}", f"account-{number}", suspended, ("r-root", *units))


ACCOUNTS = [
    account(1),
    account(2),
    account(3, "ou-prod"),
    account(4, "ou-prod", "ou-prod-eu"),
    account(5, "ou-prod", "ou-prod-eu", "ou-prod-eu-de"),
    account(6, "ou-dev"),
    account(7, "ou-dev", suspended=True),
]


@pytest.mark.parametrize(
    ("units", "account_filter", "filtered", "numbers"),
    [
        (["r-root"], "", [], [2, 3, 4, 5, 6]),
        (["ou-prod"], "", [], [3, 4, 5]),
        (["ou-prod-eu"], "", [], [4, 5]),
        (["ou-prod-eu-de", "ou-dev"], "", [], [5, 6]),
        (["ou-prod", "ou-prod-eu"], "", [], [3, 4, 5]),
        (["ou-gone"], "", [], []),
        (["r-root"], "exclude", [3, 6], [2, 4, 5]),
        (["ou-prod"], "exclude", [6], [3, 4, 5]),
        (["ou-prod"], "only", [4, 6], [4]),
        (["ou-prod"], "only", [6], []),
        (["r-root"], "only", [1, 7], []),
    ],
)
def test_targets_the_accounts_that_aws_documents(
    units: list[str], account_filter: AccountFilter, filtered: list[int], numbers: list[int]
) -> None:
    found = targeted(
        ACCOUNTS,
        units=units,
        management_account=MANAGEMENT,
        account_filter=account_filter,
        filtered=[f"{number:012}" for number in filtered],
    )
    assert [int(target.id) for target in found] == numbers


def test_whether_an_account_is_in_units_of_a_parameter_is_not_known() -> None:
    open_units = Deployment(
        kind="read-only",
        source="R",
        stack_set="PumpReadOnly",
        units=("${OrganizationalUnitIds}",),
        call_as="management",
    )
    for place, expected in ((open_units, None), (replace(open_units, units=("ou-prod",)), True)):
        found = is_deployed_to(
            [place], "111122223333", units=["r-root", "ou-prod"], management_account=MANAGEMENT
        )
        assert found is expected


def test_reads_an_account_below_two_listed_units_once_with_its_whole_path() -> None:
    with management() as aws:
        organization = Emulated.create(aws.organizations, {"Upper": {"Lower": 1}})
        upper, lower = (organization.units[name] for name in ("Upper", "Lower"))
        for units in ([upper, lower], [lower, upper]):
            (read,) = accounts_below(aws.organizations, units)
            assert read.units == (upper, lower)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with Stubber(boto3.client("organizations", region_name="us-east-1")) as stub:
        yield stub


HERE = {"Id": "o-abcd123456", "MasterAccountId": MANAGEMENT}


def test_reads_the_organization_of_a_member_account(stub: Any) -> None:
    described = {**HERE, "MasterAccountEmail": "owner@example.com"}
    stub.add_response("describe_organization", {"Organization": described})
    found = read_organization(stub.client)
    assert found == Organization(id="o-abcd123456", management_account=MANAGEMENT)
    stub.add_client_error("describe_organization", "AWSOrganizationsNotInUseException")
    assert read_organization(stub.client) == Organization()


@pytest.mark.parametrize(
    "described",
    [
        {},
        {"MasterAccountId": MANAGEMENT},
        {"Id": "o-abcd123456"},
        {**HERE, "MasterAccountId": "1"},
        {**HERE, "Id": "o-abcd123456 and more"},
        None,
    ],
)
def test_organization_that_cannot_be_read_is_unknown(described: Any, stub: Any) -> None:
    reason = "the response cannot be parsed"
    if described is None:
        reason = "denied: organizations:DescribeOrganization"
        stub.add_client_error("describe_organization", "AccessDeniedException")
    else:
        stub.add_response("describe_organization", {"Organization": described})
    found = read_organization(stub.client)
    assert isinstance(found, AccountUnknown)
    assert (found.part, found.why) == ("membership", "not-read")
    assert found.detail.startswith(reason)


def listing(*accounts: Any) -> Any:
    """Return a client of AWS Organizations with one unit that has these accounts."""
    organizations = Mock()
    organizations.get_paginator.side_effect = lambda operation: Mock(
        paginate=lambda **_: (
            [{"Accounts": [*accounts]}] if operation == "list_accounts_for_parent" else []
        )
    )
    return organizations


@pytest.mark.parametrize("named", [{"State": "CLOSED"}, {"Status": "SUSPENDED"}])
def test_account_is_suspended_by_its_state_or_before_aws_had_that_by_its_status(
    named: dict[str, str],
) -> None:
    organizations = listing({"Id": MANAGEMENT, "Name": "Own", **named})
    (read,) = accounts_below(organizations, ["ou-dev"])
    assert read == Account(MANAGEMENT, "Own", suspended=True, units=("ou-dev",))


@pytest.mark.parametrize("wrong", [{}, {"Id": 7}, {"Id": "1"}, {"Name": None}, {"Name": []}])
def test_account_that_cannot_be_read_is_an_error(wrong: dict[str, Any]) -> None:
    organizations = listing({"Id": MANAGEMENT, "Name": "Own", **wrong} if wrong else {})
    with pytest.raises(InputError, match=r"^the accounts of the organization cannot be listed: "):
        select_accounts(organizations, ["ou-dev"], (), ())
