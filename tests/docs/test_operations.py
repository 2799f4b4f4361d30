"""The guide to operations stops Pump, according to the policy simulator."""

import json
import re
from functools import cache
from typing import Any

import jmespath  # type: ignore[import-untyped]
import pytest
from botocore import xform_name
from botocore.session import get_session

from pump_roles.published import ROLES
from tests.constructs.test_protection import ADMINISTRATOR, protecting, stopping
from tests.docs.pages import (
    OPERATIONS,
    READ,
    block,
    role,
    shown,
)
from tools.sandbox import catalog
from tools.sandbox.aws import ACCOUNT_ID
from tools.sandbox.simulator import ALLOWED, EXPLICITLY_DENIED, Role, Simulation, decide, use

STOP = OPERATIONS.partition("\n## Verify\n")[0]
CLEANUP = STOP[STOP.index("\n### 3. ") : STOP.index("\n### 5. ")]


COMMANDS = {tuple(words[:2]): words[2:] for words in shown(CLEANUP, "aws")}
STOP_ORGANIZATION = json.loads(block("<!-- stop-organization -->", "json", OPERATIONS))


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
    "ec2:DescribeReservedInstances",
    "ec2:DescribeReservedInstancesListings",
    "savingsplans:DeleteQueuedSavingsPlan",
    "savingsplans:DescribeSavingsPlans",
}


def test_cleanup_takes_every_action_that_it_needs() -> None:
    taken = set()
    for service, command in COMMANDS:
        operations = model(service).operation_names
        (name,) = (name for name in operations if xform_name(name, "-") == command)
        taken.add(f"{service}:{name}")
    assert taken == TAKEN


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
    assert COMMANDS["savingsplans", "describe-savings-plans"] == ["--states", "queued"]
    assert "queued" in plans.shape_for("SavingsPlanState").enum
    assert COMMANDS["ec2", "describe-reserved-instances-listings"] == [
        "--filters",
        "Name=status,Values=pending,active",
    ]
    for operation, name, values in (
        ("DescribeReservedInstancesListings", "status", "pending active cancelled closed"),
        ("DescribeReservedInstances", "state", "payment-pending active payment-failed retired"),
    ):
        filters = ec2.operation_model(operation).input_shape.members["Filters"].documentation
        (documented,) = re.findall(rf"<code>{name}</code> - [^(]*\(([^)]*)\)", filters)
        assert re.findall("<code>(.*?)</code>", documented) == values.split()


def test_queued_reserved_instances_are_selected_by_their_state() -> None:
    option, query = COMMANDS["ec2", "describe-reserved-instances"]
    assert option == "--query"
    states = model("ec2").shape_for("ReservedInstanceState").enum
    answer = [{"ReservedInstancesId": state, "State": state, "Start": "2027"} for state in states]
    found = jmespath.search(query, {"ReservedInstances": answer})
    assert found == [["queued", "2027"]]


def cleanup(caller: Role, **more: Any) -> list[Simulation]:
    """Return a caller's requests to clean up."""
    resources = {name: catalog.actions()[name.lower()].resources[0] for name in sorted(TAKEN)}
    return [use(caller, action=name, resource=arn, **more) for name, arn in resources.items()]


def test_policy_of_the_guide_is_that_of_the_construct() -> None:
    assert stopping() == STOP_ORGANIZATION


@pytest.mark.parametrize("control", [STOP_ORGANIZATION, protecting()], ids=["stop", "protect"])
def test_cleanup_is_left_to_an_administrator_and_to_pump_until_it_is_stopped(control: Any) -> None:
    admin = Role("Admin", {}, ADMINISTRATOR)
    assert {*decide([*cleanup(role()), *cleanup(admin, service_control_policy=control)])} == {
        ALLOWED
    }
    of_pump = EXPLICITLY_DENIED if control is STOP_ORGANIZATION else ALLOWED
    assert {*decide(cleanup(role(), service_control_policy=control))} == {of_pump}


def test_service_control_policy_leaves_returns_to_an_administrator() -> None:
    action = "savingsplans:ReturnSavingsPlan"
    (arn, *_) = catalog.actions()[action.lower()].resources
    requests = [
        use(caller, action=action, resource=arn, service_control_policy=STOP_ORGANIZATION)
        for caller in (Role("Admin", {}, ADMINISTRATOR), role())
    ]
    assert decide(requests) == [ALLOWED, EXPLICITLY_DENIED]
