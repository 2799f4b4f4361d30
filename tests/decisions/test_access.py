"""Whose roles Pump's workers can assume with an external ID, according to a policy simulator."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest
from aws_cdk import App, LegacyStackSynthesizer, Stack
from aws_cdk import aws_iam as iam

from pump_roles.pump_side import CustomerRoles
from tests.support import (
    NEVER_WITHOUT_EXTERNAL_ID,
    PUMP_ACCOUNT,
    Synth,
    identity_policies,
    recommended_flags,
    worker_in,
)
from tools.sandbox.simulator import (
    ALLOWED,
    EXPLICITLY_DENIED,
    IMPLICITLY_DENIED,
    Role,
    assumption,
    decide,
)


@dataclass(frozen=True)
class Customer:
    """A customer's role, in its own account."""

    account: str
    name: str = "PumpReadOnlyRole"
    path: str = "/"
    careless: bool = False

    @property
    def external_id(self) -> str:
        return f"ID-{self.account}"

    def role(self, synth: Synth) -> Role:
        """Return the role of the ready template, with its name and path."""
        parameters = {"PumpIamRole": PUMP_ACCOUNT, "PumpExternalID": self.external_id}
        template = synth()["PumpReadOnly"]
        properties = template["Resources"]["ReadOnlyRole"]["Properties"]
        properties |= {"RoleName": self.name, "Path": self.path}
        if self.careless:
            del properties["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]
        role = Role.of_template(template, parameters)
        return replace(role, account=self.account, path=self.path)


CUSTOMERS = {
    "read-only": Customer("100000000001"),
    "another read-only": Customer("100000000002"),
    "auto-pilot": Customer("100000000003", "PumpAutoPilotRole"),
    "path": Customer("100000000004", path="/vendors/"),
    "longer path": Customer("100000000005", path="/vendors/pump/"),
    "name": Customer("100000000006", "Vendor"),
    "careless": Customer("100000000007", careless=True),
    "careless auto-pilot": Customer("100000000008", "PumpAutoPilotRole", careless=True),
    "careless path": Customer("100000000009", path="/a/b/", careless=True),
    "careless name": Customer("100000000010", "Vendor", careless=True),
    "longer name": Customer("100000000011", "PumpReadOnlyRole2", careless=True),
    "name that ends alike": Customer("100000000012", "MyPumpReadOnlyRole", careless=True),
    "unrelated": Customer("100000000013", "Backup", "/PumpReadOnlyRole/", careless=True),
}
EXTERNAL_IDS: dict[str, Callable[[Customer], str | None]] = {
    "right": lambda customer: customer.external_id,
    "another customer's": lambda customer: f"ID-{int(customer.account) + 1}",
    "none": lambda _: None,
}
ATTEMPTS = list(product(CUSTOMERS, EXTERNAL_IDS))

READ_ONLY = {"read-only", "another read-only", "careless"}
AUTO_PILOT = {"auto-pilot", "careless auto-pilot"}
GRANTS: dict[str, tuple[dict[str, Any] | None, set[str]]] = {
    "nothing": (None, set()),
    "read-only": ({}, READ_ONLY),
    "auto-pilot": ({"kinds": ["auto-pilot"]}, AUTO_PILOT),
    "both": ({"kinds": ["read-only", "auto-pilot"]}, READ_ONLY | AUTO_PILOT),
    "one account": ({"accounts": [CUSTOMERS["read-only"].account]}, {"read-only"}),
    "path": ({"path": "/vendors/"}, {"path"}),
    "name": ({"names": ["Vendor"]}, {"name", "careless name"}),
}
"""What is granted to a worker, and whose roles it may then assume with an external ID."""

WORKERS = list(product(GRANTS, [False, True]))
"""What is granted to each, and whether another policy lets it assume every role."""

Policies = dict[str, Any]


@pytest.fixture(scope="module")
def policies() -> dict[tuple[str, bool], Policies]:
    """The policies of each worker."""
    app = App(context=recommended_flags())
    stacks = {}
    for number, (granted, broad) in enumerate(WORKERS):
        stack = Stack(app, f"Worker{number}", synthesizer=LegacyStackSynthesizer())
        role = worker_in(stack)
        if broad:
            role.add_to_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=["*"]))
        arguments, _ = GRANTS[granted]
        if arguments is not None:
            CustomerRoles(stack, "Access", **arguments).grant_assume_role(role).assert_success()
        stacks[granted, broad] = stack.stack_name
    assembly = app.synth()
    return {
        worker: identity_policies(assembly.get_stack_by_name(name).template)
        for worker, name in stacks.items()
    }


@pytest.fixture(scope="module")
def decided(synth: Synth) -> Callable[[Policies], dict[tuple[str, str], str]]:
    """The simulator's decision on each attempt of a worker with some policies."""
    roles = {name: customer.role(synth) for name, customer in CUSTOMERS.items()}

    def decisions(policies: Policies) -> dict[tuple[str, str], str]:
        asked = [
            assumption(
                roles[name],
                caller=f"arn:aws:iam::{PUMP_ACCOUNT}:role/PumpService",
                caller_policies=policies,
                external_id=EXTERNAL_IDS[external_id](CUSTOMERS[name]),
            )
            for name, external_id in ATTEMPTS
        ]
        return dict(zip(ATTEMPTS, decide(asked), strict=True))

    return decisions


Decided = Callable[[Policies], dict[tuple[str, str], str]]


def expected(granted: str, name: str, external_id: str, *, broad: bool) -> str:
    """Return the right decision about an attempt: a key of each of the two tables."""
    customer, (_, may_assume) = CUSTOMERS[name], GRANTS[granted]
    denied = [] if granted == "nothing" else [*NEVER_WITHOUT_EXTERNAL_ID]
    denied += ["Vendor"] if granted == "name" else []
    if external_id == "none" and customer.name in denied:
        return EXPLICITLY_DENIED
    may_call = broad or (name in may_assume and external_id != "none")
    is_trusted = external_id == "right" or customer.careless
    return ALLOWED if may_call and is_trusted else IMPLICITLY_DENIED


@pytest.mark.parametrize(("granted", "broad"), WORKERS)
def test_worker_assumes_only_granted_roles_and_only_with_an_external_id(
    granted: str,
    policies: dict[tuple[str, bool], Policies],
    decided: Decided,
    *,
    broad: bool,
) -> None:
    assert decided(policies[granted, broad]) == {
        attempt: expected(granted, *attempt, broad=broad) for attempt in ATTEMPTS
    }


def test_both_statements_reject_a_call_without_an_external_id(
    policies: dict[tuple[str, bool], Policies], decided: Decided
) -> None:
    """Proves that the test above can fail: without both, a careless customer's role is assumed."""

    def without_deny(*, broad: bool, **change: Any) -> str:
        (policy,) = policies["read-only", broad].values()
        allows = [
            {**statement, **change}
            for statement in policy["Statement"]
            if statement["Effect"] == "Allow"
        ]
        return decided({"P": {**policy, "Statement": allows}})["careless", "none"]

    assert without_deny(broad=False) == IMPLICITLY_DENIED  # by the condition of the allow
    assert without_deny(broad=True) == ALLOWED
    assert without_deny(broad=False, Condition={}) == ALLOWED
