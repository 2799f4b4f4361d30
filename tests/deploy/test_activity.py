"""``pump-roles activity`` reads the event history with exactly the permissions that its page lists.

The emulator's event history does not name the session of a role, so the events are other ones.
"""

import json

import pytest
from click.testing import Result

from tests.commands import run, the_error
from tests.docs.pages import ACTIVITY, policy
from tests.review.account.trail import call
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws

ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/PumpAutoPilotRole"
WEST = "us-west-2"
REGIONS = ("--region", "us-east-1", "--region", WEST)


@pytest.fixture(autouse=True)
def events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event is a call of Pump's that is refused; and do not wait between calls."""
    records = "pump_roles.review.account.cloudtrail_records"
    refused = {"role": ROLE, "error": "Client.UnauthorizedOperation"}
    monkeypatch.setattr(f"{records}.parse_record", lambda _: call("ec2:RunInstances", **refused))
    monkeypatch.setattr(f"{records}.time.sleep", lambda _: None)


def reader(aws: EmbeddedAws, **more: object) -> Caller:
    """Return the session of a role with the permissions of the page."""
    (statement,) = policy("smallest-policy", ACTIVITY)["Statement"]
    aws.create_role("Reader", ACCOUNT_ID, [{**statement, **more}])
    return aws.assume(f"arn:aws:iam::{ACCOUNT_ID}:role/Reader", OWNER)


def activity(aws: EmbeddedAws, caller: Caller, *arguments: str) -> Result:
    return run("activity", *arguments, environment=aws.environment(caller))


def test_permissions_of_the_page_are_enough_in_two_regions(aws: EmbeddedAws) -> None:
    caller = reader(aws)
    aws.client("ec2", OWNER, region=WEST).describe_vpcs()
    ended = activity(aws, caller, *REGIONS, "--days", "1", "--format", "json")
    assert ended.exit_code == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert (result["accounts"][0]["account"], result["regions"]) == (
        ACCOUNT_ID,
        ["us-east-1", WEST],
    )
    assert (result["unknown"], result["sessions"][0]["role"]) == ([], ROLE)
    assert f"{WEST} 1 events" in ended.stderr
    # The default.
    default = activity(aws, caller, "--format", "json")
    assert json.loads(default.stdout)["regions"] == ["us-east-1"]


def test_region_that_is_denied_is_unknown_and_hides_no_other(aws: EmbeddedAws) -> None:
    only = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
    caller = reader(aws, Condition=only)
    ended = activity(aws, caller, *REGIONS, "--format", "json")
    assert ended.exit_code == 4
    result = json.loads(ended.stdout)
    assert result["regions"] == ["us-east-1"]
    assert [(unknown["why"], unknown["subject"]) for unknown in result["unknown"]] == [
        ("denied", WEST)
    ]
    assert result["refused"]
    assert f"{WEST} 0 events unknown" in ended.stderr
    ended = activity(aws, caller, "--region", WEST, "--fail-on", "refused")
    assert (ended.exit_code, ended.stdout) == (4, "")
    assert ended.stderr.splitlines()[-1] == (
        "pump-roles: the result is unknown: us-west-2: the event history cannot be read: "
        "denied: cloudtrail:LookupEvents"
    )
    assert activity(aws, caller, *REGIONS, "--fail-on", "refused").exit_code == 3


def test_role_of_another_account_is_one_message(aws: EmbeddedAws) -> None:
    other = ROLE.replace(ACCOUNT_ID, "444455556666")
    assert the_error(activity(aws, reader(aws), "--role-arn", other)) == (
        "pump-roles: --role-arn: the role is in account 444455556666, but the credentials are of "
        f"account {ACCOUNT_ID}"
    )
