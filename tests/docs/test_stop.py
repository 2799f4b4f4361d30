"""The guide stops Pump, according to the policy simulator, and lists all that continues."""

import json
import os
import re
import shlex
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jmespath  # type: ignore[import-untyped]
import pytest
from botocore import xform_name
from botocore.session import get_session

from pump_roles.published import ROLES
from tests.constructs.test_protection import ADMINISTRATOR, protecting, stopping
from tests.docs.pages import READ, STOP, policy, role
from tests.docs.test_commands import accepted_by_the_aws_cli
from tests.support import EXAMPLES
from tools.sandbox import catalog
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.simulator import ALLOWED, EXPLICITLY_DENIED, Role, Simulation, decide, use

STOP_ORGANIZATION = policy("stop-organization", STOP)
LIST = (EXAMPLES / "stop" / "list.sh").read_text()
PROFILES = ["production", "test"]
REGIONS = ["eu-west-1", "us-east-1"]

AWS_CLI = """\
#!/bin/sh
printf '%s\\0' "$@" '' >> calls
case "$*" in
  *"$FAILS"*) exit 255 ;;
  *'sends to'*) echo addresses ;;
  *describe-regions*) printf 'eu-west-1\\nus-east-1\\n' ;;
esac
"""
"""Records its arguments, and fails if they contain ``FAILS``."""


@cache
def model(service: str) -> Any:
    """Return AWS's model of a service, from botocore."""
    return get_session().get_service_model(service)


@pytest.mark.parametrize("name", ["PumpReadOnlyRole", "PumpAutoPilotRole"])
def test_service_control_policy_stops_the_roles_and_nobody_else(name: str) -> None:
    control = STOP_ORGANIZATION
    stopped, in_a_path, other = decide(
        [
            use(role(name), action=READ, service_control_policy=control),
            use(role(f"vendors/{name}"), action=READ, service_control_policy=control),
            use(role("Admin"), action=READ, service_control_policy=control),
        ]
    )
    assert (stopped, in_a_path, other) == (EXPLICITLY_DENIED, EXPLICITLY_DENIED, ALLOWED)
    assert ACCOUNT_ID not in json.dumps(control)


# From AWS's documentation of what ends a queued purchase, a listing, and an alert.
TAKEN = {
    "ce:DeleteAnomalySubscription",
    "ce:GetAnomalySubscriptions",
    "ec2:CancelReservedInstancesListing",
    "ec2:DeleteQueuedReservedInstances",
    "ec2:DescribeRegions",
    "ec2:DescribeReservedInstances",
    "ec2:DescribeReservedInstancesListings",
    "savingsplans:DeleteQueuedSavingsPlan",
    "savingsplans:DescribeSavingsPlans",
}


def listing(folder: Path, *profiles: str, fails: str = "nothing") -> tuple[int, list[list[str]]]:
    """Return the exit status of the script, and the arguments of its calls to the AWS CLI."""
    (folder / "aws").write_text(AWS_CLI)
    (folder / "aws").chmod(0o755)
    ended = subprocess.run(
        ["bash", EXAMPLES / "stop" / "list.sh", *profiles],
        cwd=folder,
        env={"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "FAILS": fails},
        capture_output=True,
        text=True,
        check=False,
    )
    # What is printed is pasted.
    assert ("addresses" in ended.stdout, "addresses" in ended.stderr) == (False, bool(profiles))
    calls = folder / "calls"
    texts = calls.read_text().split("\0\0")[:-1] if calls.exists() else []
    return ended.returncode, [text.split("\0") for text in texts]


def actions(commands: list[list[str]]) -> set[str]:
    """Return the actions of commands, each of which the AWS CLI accepts."""
    found = set()
    for service, command, *_ in commands:
        names = model(service).operation_names
        (name,) = (name for name in names if xform_name(name, "-") == command)
        found.add(f"{service}:{name}")
    return found


STATES = model("ec2").shape_for("ReservedInstanceState").enum
ADDRESSES = "arn:2 sends to a@b.c,d@e.f"
"""What is not a command."""
ANSWERS: dict[str, Any] = {
    "savingsPlans": [{"savingsPlanId": "1"}],
    "AnomalySubscriptions": [
        {"SubscriptionArn": "arn:2", "Subscribers": [{"Address": "a@b.c"}, {"Address": "d@e.f"}]}
    ],
    "Regions": [{"RegionName": region} for region in REGIONS],
    "ReservedInstances": [{"ReservedInstancesId": state, "State": state} for state in STATES],
    "ReservedInstancesListings": [{"ReservedInstancesListingId": "3"}],
}


def test_list_reads_each_account_and_region_and_prints_what_deletes_all_that_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    status, calls = listing(tmp_path, *PROFILES)
    assert status == 0
    printed, run = [], []
    for call in calls:
        option, _, *output = call[:4]
        assert (option, output) == ("--profile", ["--output", "text"])
        run.append(call[4:])
        rows = jmespath.search(call[call.index("--query") + 1], ANSWERS)
        printed += [row for (row,) in rows if row not in {*REGIONS, ADDRESSES}]
    deletes = [
        "aws savingsplans delete-queued-savings-plan --profile {} --savings-plan-id 1",
        "aws ce delete-anomaly-subscription --profile {} --subscription-arn arn:2",
    ]
    for region in REGIONS:
        where = f"--profile {{}} --region {region}"
        deletes += [
            f"aws ec2 delete-queued-reserved-instances {where} --reserved-instances-ids queued",
            f"aws ec2 cancel-reserved-instances-listing {where} --reserved-instances-listing-id 3",
        ]
    assert printed == [row.format(profile) for profile in PROFILES for row in deletes]
    # Nobody here has these profiles.
    run += [shlex.split(row.replace("--profile {} ", ""))[1:] for row in deletes]
    assert all(accepted_by_the_aws_cli(["--region", "us-east-1", *words]) for words in run)
    assert actions(run) == TAKEN


@pytest.mark.parametrize(
    "fails",
    [
        *("savingsplans", "--profile test --output text ce", "describe-regions"),
        *("describe-reserved-instances --region eu", "describe-reserved-instances-listings"),
    ],
)
def test_list_continues_and_fails_if_something_could_not_be_read(
    tmp_path: Path, fails: str
) -> None:
    status, calls = listing(tmp_path, *PROFILES, fails=fails)
    assert status == 1
    assert calls[-1][1] == "test"


def test_list_without_a_profile_is_an_error(tmp_path: Path) -> None:
    status, calls = listing(tmp_path)
    assert status != 0
    assert not calls


def test_no_other_purchase_of_the_roles_can_be_queued() -> None:
    services = {pattern.split(":")[0] for pattern in ROLES["auto-pilot"].patterns}
    queued = set()
    for service in services & set(get_session().get_available_services()):
        for name in model(service).operation_names:
            shape = model(service).operation_model(name).input_shape
            if shape and "purchasetime" in map(str.lower, shape.members):
                queued.add(f"{service}:{name}")
    assert queued == {
        "ec2:PurchaseReservedInstancesOffering",
        "savingsplans:CreateSavingsPlan",
    }


def test_states_and_filter_values_are_those_that_aws_documents() -> None:
    ec2, plans = model("ec2"), model("savingsplans")
    assert "describe-savings-plans --states queued " in LIST
    assert "queued" in plans.shape_for("SavingsPlanState").enum
    assert "--filters Name=status,Values=pending,active " in LIST
    for operation, name, values in (
        ("DescribeReservedInstancesListings", "status", "pending active cancelled closed"),
        ("DescribeReservedInstances", "state", "payment-pending active payment-failed retired"),
    ):
        filters = ec2.operation_model(operation).input_shape.members["Filters"].documentation
        (documented,) = re.findall(rf"<code>{name}</code> - [^(]*\(([^)]*)\)", filters)
        assert re.findall("<code>(.*?)</code>", documented) == values.split()


def cleanup(caller: Role, **more: Any) -> list[Simulation]:
    """Return a caller's requests to clean up, and to return a Savings Plan."""
    return [
        use(caller, action=name, resource=catalog.actions()[name.lower()].resources[0], **more)
        for name in sorted({*TAKEN, "savingsplans:ReturnSavingsPlan"})
    ]


def test_policy_of_the_guide_is_that_of_the_construct() -> None:
    assert stopping() == STOP_ORGANIZATION


@pytest.mark.parametrize("is_stopped", [True, False], ids=["stop", "protect"])
def test_cleanup_is_left_to_an_administrator_and_to_pump_until_it_is_stopped(
    *, is_stopped: bool
) -> None:
    control = STOP_ORGANIZATION if is_stopped else protecting()
    admin = Role("Admin", {}, ADMINISTRATOR)
    assert {*decide([*cleanup(role()), *cleanup(admin, service_control_policy=control)])} == {
        ALLOWED
    }
    of_pump = EXPLICITLY_DENIED if is_stopped else ALLOWED
    assert {*decide(cleanup(role(), service_control_policy=control))} == {of_pump}
