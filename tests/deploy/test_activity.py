"""``pump-roles activity`` shows what a session of Pump's did on the AWS emulator.

The emulator records the calls as ``tools/sandbox/server.py`` says. The command has exactly the
permissions that ``docs/activity.md`` documents.
"""

import json
import re
from contextlib import suppress

import pytest
from botocore.exceptions import ClientError
from click.testing import Result

from tests.commands import run, the_error
from tests.docs.pages import ACTIVITY, policy
from tests.support import EXTERNAL_ID, PRINCIPAL, Assembly
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws

ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/PumpAutoPilotRole"
READER = f"arn:aws:iam::{ACCOUNT_ID}:role/Reader"
GIVEN = {
    "principal": PRINCIPAL,
    "external-id": EXTERNAL_ID,
    "guardrails": ["no-selling"],
}
WEST = "us-west-2"
STATEMENTS = policy("smallest-policy", ACTIVITY)["Statement"]


@pytest.fixture(scope="module")
def recorded(recorder: EmbeddedAws) -> EmbeddedAws:
    recorder.reset()
    return recorder


@pytest.fixture(scope="module")
def reader(recorded: EmbeddedAws, assembly: Assembly) -> Caller:
    """The session of who reads the event history, after Pump's session made calls."""
    folder = assembly(GIVEN)
    for stack in ("PumpReadOnly", "PumpAutoPilot"):
        recorded.deploy(stack, (folder / f"{stack}.template.json").read_text())
    pump = recorded.caller_in(PRINCIPAL)
    session = recorded.assume(ROLE, pump, external_id=EXTERNAL_ID)
    east, west = (recorded.client("ec2", session, region=name) for name in ("us-east-1", WEST))
    for _ in range(60):
        east.describe_instances()
    west.describe_instances()
    recorded.client("ecs", session).list_clusters()
    recorded.sts(session).get_caller_identity()
    with suppress(ClientError):
        west.purchase_reserved_instances_offering(
            ReservedInstancesOfferingId="offering-1", InstanceCount=3
        )
    with suppress(ClientError):
        east.create_reserved_instances_listing(
            ReservedInstancesId="ri-1", InstanceCount=1, PriceSchedules=[], ClientToken="c"
        )
    with suppress(ClientError):
        east.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)
    with suppress(ClientError):
        recorded.client("s3", session).list_buckets()
    # Not Pump's.
    recorded.client("ec2", OWNER).describe_vpcs()
    recorded.create_role("Reader", ACCOUNT_ID, STATEMENTS)
    return recorded.assume(READER, OWNER)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pump_roles.account.activity.history.time.sleep", lambda _: None)


def activity(aws: EmbeddedAws, caller: Caller, *arguments: str) -> Result:
    return run("activity", *arguments, environment=aws.environment(caller))


def test_shows_what_a_session_did_in_two_regions(
    recorded: EmbeddedAws, reader: Caller, assembly: Assembly
) -> None:
    regions = ("--region", "us-east-1", "--region", WEST)
    expected = ("--expect", str(assembly(GIVEN)), "--format", "json")
    ended = activity(recorded, reader, *regions, *expected, "--days", "1")
    assert ended.exit_code == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["account"] == ACCOUNT_ID
    assert result["regions"] == ["us-east-1", WEST]
    assert result["unknown"] == []
    (purchase,) = result["changes"]
    assert purchase["action"] == "ec2:PurchaseReservedInstancesOffering"
    # The emulator does not know the action.
    assert (purchase["region"], purchase["outcome"]) == (WEST, "Client.InvalidAction")
    assert purchase["offering"] == "offering-1"
    assert purchase["count"] == 3
    assert sorted((found["action"], found["guardrails"]) for found in result["refused"]) == [
        ("ec2:CreateReservedInstancesListing", ["no-selling"]),
        ("ec2:RunInstances", []),
        # Of a service that the role has no action of.
        ("s3:ListAllMyBuckets", []),
    ]
    assert [(reads["service"], reads["calls"]) for reads in result["reads"]] == [
        ("ec2", 61),
        ("ecs", 1),
    ]
    # The default.
    both = activity(recorded, reader, *expected)
    assert json.loads(both.stdout)["regions"] == ["us-east-1"]
    (session,) = result["sessions"]
    assert (session["name"], session["role"], session["calls"]) == ("pump", ROLE, 67)
    assert session["callers"] == [PRINCIPAL.split(":")[4]]
    lines = sorted(ended.stderr.splitlines())
    assert [re.sub("[0-9]+ events", "N events", line) for line in lines] == [
        "us-east-1 N events",
        f"{WEST} N events",
    ]


@pytest.mark.usefixtures("reader")
def test_region_that_is_denied_is_unknown_and_hides_no_other(recorded: EmbeddedAws) -> None:
    (statement,) = STATEMENTS
    only = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
    recorded.create_role("East", ACCOUNT_ID, [{**statement, "Condition": only}])
    east = recorded.assume(READER.replace("Reader", "East"), OWNER)
    regions = ("--region", "us-east-1", "--region", WEST)
    ended = activity(recorded, east, *regions, "--format", "json")
    assert ended.exit_code == 4
    result = json.loads(ended.stdout)
    assert result["regions"] == ["us-east-1"]
    assert [(unknown["why"], unknown["subject"]) for unknown in result["unknown"]] == [
        ("denied", WEST)
    ]
    assert len(result["refused"]) == 3
    assert {guardrail["cost"] for guardrail in result["guardrails"]} == {"unknown", "some"}
    assert f"{WEST} 0 events unknown" in ended.stderr
    refused = ("--region", WEST, "--fail-on", "refused")
    ended = activity(recorded, east, *refused)
    assert (ended.exit_code, ended.stdout) == (4, "")
    assert ended.stderr.splitlines()[-1] == (
        "pump-roles: the result is unknown: us-west-2: the event history cannot be read: "
        "denied: cloudtrail:LookupEvents"
    )
    both = ("--region", "us-east-1", *refused)
    assert activity(recorded, east, *both).exit_code == 3


def test_role_of_another_account_is_one_message(recorded: EmbeddedAws, reader: Caller) -> None:
    other = ROLE.replace(ACCOUNT_ID, "444455556666")
    ended = activity(recorded, reader, "--role-arn", other)
    assert the_error(ended) == (
        "pump-roles: --role-arn: the role is in account 444455556666, but the credentials are of "
        f"account {ACCOUNT_ID}"
    )
