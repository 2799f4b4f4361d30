"""Whose roles Pump's workers can assume with an external ID, according to a policy simulator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest
from aws_cdk import App, LegacyStackSynthesizer, Stack
from aws_cdk import aws_iam as iam

from pump_roles import CustomerAccess
from tests.support import (
    NEVER_WITHOUT_EXTERNAL_ID,
    PUMP_ACCOUNT,
    Synth,
    Template,
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

    def template(self, synth: Synth) -> Template:
        """Return the universal template, with the role's name and path."""
        template = synth()["PumpReadOnly"]
        properties = template["Resources"]["ReadOnlyRole"]["Properties"]
        properties |= {"RoleName": self.name, "Path": self.path}
        if self.careless:
            del properties["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]
        return template

    def role(self, template: Template) -> Role:
        """Return the role of the customer's template."""
        parameters = {"PumpIamRole": PUMP_ACCOUNT, "PumpExternalID": self.external_id}
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
    "auto-pilot": ({"roles": ["auto-pilot"]}, AUTO_PILOT),
    "both": ({"roles": ["read-only", "auto-pilot"]}, READ_ONLY | AUTO_PILOT),
    "one account": ({"customer_accounts": [CUSTOMERS["read-only"].account]}, {"read-only"}),
    "path": ({"role_path": "/vendors/"}, {"path"}),
    "name": ({"role_names": ["Vendor"]}, {"name", "careless name"}),
}
"""What is granted to a worker, and whose roles it may then assume with an external ID."""

Statement = dict[str, Any]


def without_deny(statement: Statement) -> list[Statement]:
    return [] if statement["Effect"] == "Deny" else [statement]


def without_deny_and_condition(statement: Statement) -> list[Statement]:
    statement.pop("Condition", None)
    return without_deny(statement)


@dataclass(frozen=True)
class Worker:
    """A role of Pump's."""

    granted: str
    broad: bool
    change: Callable[[Statement], list[Statement]] | None = None

    @property
    def name(self) -> str:
        change = "" if self.change is None else self.change.__name__
        return f"{self.granted}-{self.broad}-{change}".replace(" ", "-").replace("_", "-")

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{PUMP_ACCOUNT}:role/{self.name}"

    def build(self, app: App) -> None:
        stack = Stack(app, f"Worker-{self.name}", synthesizer=LegacyStackSynthesizer())
        role = worker_in(stack, self.name)
        if self.broad:
            role.add_to_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=["*"]))
        arguments, _ = GRANTS[self.granted]
        if arguments is not None:
            CustomerAccess(stack, "Access", **arguments).grant_assume_role(role).assert_success()

    def changed(self, template: Template) -> Template:
        """Return its template after the change."""
        for resource in template["Resources"].values():
            if self.change is not None and resource["Type"] == "AWS::IAM::Policy":
                policy = resource["Properties"]["PolicyDocument"]
                policy["Statement"] = [
                    kept for statement in policy["Statement"] for kept in self.change(statement)
                ]
        return template

    def expected(self, name: str, external_id: str) -> str:
        """Return the right decision about an attempt: a key of each of the two tables."""
        _, granted = GRANTS[self.granted]
        customer = CUSTOMERS[name]
        denied = [*NEVER_WITHOUT_EXTERNAL_ID, *(["Vendor"] if self.granted == "name" else [])]
        if self.granted == "nothing" or self.change is not None:
            denied = []
        if external_id == "none" and customer.name in denied:
            return EXPLICITLY_DENIED
        passes_one = external_id != "none" or self.change is without_deny_and_condition
        may_call = self.broad or (name in granted and passes_one)
        is_trusted = external_id == "right" or customer.careless
        return ALLOWED if may_call and is_trusted else IMPLICITLY_DENIED


WORKERS = [Worker(*worker) for worker in product(GRANTS, [False, True])]
CONTROLS = [
    Worker("read-only", broad=False, change=without_deny),
    Worker("read-only", broad=True, change=without_deny),
    Worker("read-only", broad=False, change=without_deny_and_condition),
]

Decisions = Mapping[Worker, Mapping[tuple[str, str], str]]


@pytest.fixture(scope="module")
def workers() -> dict[Worker, Template]:
    """The workers with their templates, the controls after their change."""
    app = App(context=recommended_flags())
    for worker in [*WORKERS, *CONTROLS]:
        worker.build(app)
    assembly = app.synth()
    return {
        worker: worker.changed(assembly.get_stack_by_name(f"Worker-{worker.name}").template)
        for worker in [*WORKERS, *CONTROLS]
    }


@pytest.fixture(scope="module")
def decisions(workers: dict[Worker, Template], synth: Synth) -> Decisions:
    """The simulator's decisions on each attempt of each worker."""
    roles = {name: customer.role(customer.template(synth)) for name, customer in CUSTOMERS.items()}
    found: dict[Worker, dict[tuple[str, str], str]] = {worker: {} for worker in workers}
    cells = list(product(workers, ATTEMPTS))
    decided = decide(
        [
            assumption(
                roles[name],
                caller=worker.arn,
                caller_policies=identity_policies(workers[worker]),
                external_id=EXTERNAL_IDS[external_id](CUSTOMERS[name]),
            )
            for worker, (name, external_id) in cells
        ]
    )
    for (worker, attempt), decision in zip(cells, decided, strict=True):
        found[worker][attempt] = decision
    return found


def test_worker_assumes_only_granted_roles_and_only_with_an_external_id(
    decisions: Decisions,
) -> None:
    wrong = {
        (worker.name, *attempt): decisions[worker][attempt]
        for worker, attempt in product(WORKERS, ATTEMPTS)
        if decisions[worker][attempt] != worker.expected(*attempt)
    }
    assert wrong == {}


def test_both_statements_reject_a_call_without_an_external_id(decisions: Decisions) -> None:
    """Proves that the tests above can fail: without both, a careless customer's role is assumed."""
    assert [decisions[worker]["careless", "none"] for worker in CONTROLS] == [
        IMPLICITLY_DENIED,  # by the condition of the allow
        ALLOWED,
        ALLOWED,
    ]
    for worker in CONTROLS:
        assert decisions[worker] == {attempt: worker.expected(*attempt) for attempt in ATTEMPTS}
