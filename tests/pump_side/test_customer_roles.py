"""Pump's side: what is granted to whom, and that the allow never comes without the deny.

``decisions/test_access.py`` tests what a grantee may then do.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsii
import pytest
from aws_cdk import App, CfnWaitConditionHandle, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from pump_roles import ArgumentError, AutoPilotRole, ReadOnlyRole
from pump_roles.inputs import as_list
from pump_roles.pump_side import CustomerRoles
from tests.support import (
    DOCUMENTED,
    NEVER_WITHOUT_EXTERNAL_ID,
    PRINCIPAL,
    PUMP_ACCOUNT,
    ROLE_ARGUMENTS,
    access_policy,
    identity_policies,
    messages_of,
    of_templates,
    recommended_flags,
    size_of,
    worker_in,
)

FIRST, SECOND = "111111111111", "222222222222"
KINDS = list(DOCUMENTED)
LONGEST_PARTITION = "aws-us-gov"
FLAGS = pytest.mark.parametrize("flags", [dict, recommended_flags], ids=["no flags", "flags"])


def pump_stack(app: App | None = None) -> Stack:
    """Return a stack in Pump's account."""
    env = Environment(account=PUMP_ACCOUNT, region="us-east-1")
    stack = Stack(app or App(), "Pump", env=env)
    CfnWaitConditionHandle(stack, "Other")  # CDK warns about a template without resources
    return stack


def policies_in(stack: Stack, partition: str = "aws") -> list[dict[str, Any]]:
    """Return the policies of a stack's template, as IAM gets them."""
    return list(identity_policies(Template.from_stack(stack).to_json(), partition).values())


def accounts(count: int) -> list[str]:
    return [f"{index:012}" for index in range(1, count + 1)]


@pytest.mark.parametrize("partition", ["aws", "aws-cn"])
@pytest.mark.parametrize(
    ("arguments", "granted"),
    [
        ({}, ["*:role/PumpReadOnlyRole"]),
        ({"kinds": ["auto-pilot"]}, ["*:role/PumpAutoPilotRole"]),
        ({"kinds": tuple(KINDS)}, [f"*:role/{name}" for name in NEVER_WITHOUT_EXTERNAL_ID]),
        ({"names": ["V", "PumpReadOnlyRole"]}, ["*:role/V", "*:role/PumpReadOnlyRole"]),
        ({"path": "/"}, ["*:role/PumpReadOnlyRole"]),
        ({"path": "/vendors/pump/", "names": ["V"]}, ["*:role/vendors/pump/V"]),
        ({"accounts": [FIRST]}, [f"{FIRST}:role/PumpReadOnlyRole"]),
        (
            {"accounts": [FIRST, SECOND], "kinds": KINDS},
            [f"{of}:role/{name}" for of in (FIRST, SECOND) for name in NEVER_WITHOUT_EXTERNAL_ID],
        ),
    ],
)
def test_grants_two_statements_in_the_partition_of_the_grantee_and_nothing_else(
    arguments: dict[str, Any], granted: list[str], partition: str
) -> None:
    stack = pump_stack()
    grant = CustomerRoles(stack, "Access", **arguments).grant_assume_role(worker_in(stack))
    grant.assert_success()
    arns = [f"arn:aws:iam::{role}" for role in granted]
    names = {*arguments.get("names", ())} - {*NEVER_WITHOUT_EXTERNAL_ID}
    expected = json.dumps(access_policy(arns if len(arns) > 1 else arns[0], *names))
    assert policies_in(stack, partition) == [
        json.loads(expected.replace("arn:aws:", f"arn:{partition}:"))
    ]


@pytest.mark.parametrize(
    ("argument", "value", "problem"),
    [
        ("kinds", "read-only", "'read-only' is not a list; each element must be a kind of role"),
        ("kinds", ["Auto-Pilot"], "'Auto-Pilot' is not a kind of role: read-only or auto-pilot"),
        ("accounts", [111111111111], ".* is not a 12-digit .*; put the number in quotes"),
        ("names", ["Pump*"], "'Pump.' is not a role name"),
        ("path", "vendors", "'vendors' is not a path"),
        *(
            ("path", path, re.escape(f"{path!r} contains *, ? or $, which a policy treats as"))
            for path in ("/*/", "/pump?/", "/${aws:username}/")
        ),
    ],
)
def test_error_names_the_argument_that_is_wrong(argument: str, value: object, problem: str) -> None:
    arguments: dict[str, Any] = {argument: value}
    with pytest.raises(ArgumentError, match=f"^Default/Access: {argument}: {problem}"):
        CustomerRoles(Stack(), "Access", **arguments)


# Grantees


@jsii.implements(iam.IGrantable)
class Service:
    """A resource that has a role, like a function or a task definition."""

    def __init__(self, role: iam.IRole) -> None:
        self._role = role

    @property
    def grant_principal(self) -> iam.IPrincipal:
        return self._role


GRANTEES: dict[str, Callable[[Stack], iam.IGrantable]] = {
    "role": worker_in,
    "imported role": lambda stack: iam.Role.from_role_name(stack, "G", "Imported"),
    "lazy role": lambda stack: iam.LazyRole(
        stack, "G", assumed_by=iam.AccountPrincipal(PUMP_ACCOUNT)
    ),
    "user": lambda stack: iam.User(stack, "G"),
    "imported user": lambda stack: iam.User.from_user_name(stack, "G", "Imported"),
    "group": lambda stack: iam.Group(stack, "G"),
    "imported group": lambda stack: iam.Group.from_group_name(stack, "G", "Imported"),
    "inline policy": lambda stack: iam.Policy(stack, "G", roles=[worker_in(stack)]),
    "managed policy": lambda stack: iam.ManagedPolicy(stack, "G"),
    "resource with a role": lambda stack: Service(worker_in(stack)),
}


@pytest.mark.parametrize("name", GRANTEES)
def test_grants_to_whatever_has_policies(name: str) -> None:
    stack = pump_stack()
    grantee = GRANTEES[name](stack)
    access = CustomerRoles(stack, "Access")
    assert access.grant_assume_role(grantee).success
    if isinstance(grantee, iam.LazyRole):
        assert grantee.role_arn  # from now on it is part of the app
    assert messages_of(access, "warning") == []
    assert policies_in(stack) == [access_policy("arn:aws:iam::*:role/PumpReadOnlyRole")]


NOT_GRANTEES: dict[str, Callable[[Stack], iam.IGrantable]] = {
    "immutable role": lambda stack: iam.Role.from_role_name(stack, "G", "R", mutable=False),
    "immutable role that grants to resources": lambda stack: iam.Role.from_role_name(
        stack, "G", "R", mutable=False, add_grants_to_resources=True
    ),
    "role without policy updates": lambda stack: worker_in(stack).without_policy_updates(),
    "one of the roles itself": lambda stack: ReadOnlyRole(stack, "G", **ROLE_ARGUMENTS),
    "role of another account": lambda stack: iam.Role.from_role_arn(
        stack, "G", f"arn:aws:iam::{FIRST}:role/R"
    ),
    "resource without a role": lambda stack: iam.UnknownPrincipal(resource=stack),
    "service": lambda _: iam.ServicePrincipal("lambda.amazonaws.com"),
    "ARN": lambda _: iam.ArnPrincipal(PRINCIPAL),
}


@pytest.mark.parametrize(
    ("name", "stack"),
    # CDK would attach a policy to whatever role has an imported role's name in the account where a
    # stack without one is deployed.
    [*((name, pump_stack) for name in NOT_GRANTEES), ("role of another account", Stack)],
)
def test_grants_nothing_to_what_has_no_policies_of_this_app_and_says_so(
    name: str, stack: Callable[[], Stack]
) -> None:
    scope = stack()
    access = CustomerRoles(scope, "Access")
    grant = access.grant_assume_role(NOT_GRANTEES[name](scope))
    assert not grant.success
    with pytest.raises(RuntimeError, match="could not be added"):
        grant.assert_success()
    (warning,) = messages_of(access, "warning")
    classes = {"service": "Service", "ARN": "Arn", "resource without a role": "Unknown"}
    grantee = f"{classes[name]}Principal" if name in classes else ".+/.+"
    assert re.match(f"nothing is granted to {grantee}: this app cannot change its poli", warning)
    assert policies_in(scope) == []


def test_principal_that_wraps_a_role_gets_only_the_deny() -> None:
    """It cannot be distinguished from a principal that wraps an immutable role."""
    stack = pump_stack()
    access = CustomerRoles(stack, "Access")
    assert not access.grant_assume_role(iam.SessionTagsPrincipal(worker_in(stack))).success
    assert len(messages_of(access, "warning")) == 1
    (policy,) = policies_in(stack)
    assert [statement["Effect"] for statement in policy["Statement"]] == ["Deny"]


class Stubborn(iam.ArnPrincipal):
    """A principal that accepts only statements of some effects, and keeps them."""

    def __init__(self, policy: iam.ManagedPolicy, *accepted: iam.Effect) -> None:
        super().__init__(PRINCIPAL)
        self._policy = policy
        self._accepted = accepted

    def add_to_principal_policy(
        self, statement: iam.PolicyStatement
    ) -> iam.AddToPrincipalPolicyResult:
        added = statement.effect in self._accepted
        if added:
            self._policy.add_statements(statement)
        return iam.AddToPrincipalPolicyResult(
            statement_added=added, policy_dependable=self._policy if added else None
        )


@pytest.mark.parametrize(
    ("accepted", "found"),
    [
        ([], []),
        ([iam.Effect.ALLOW], []),
        ([iam.Effect.DENY], ["Deny"]),
        ([iam.Effect.DENY, iam.Effect.ALLOW], ["Deny", "Allow"]),
    ],
)
def test_allow_is_never_added_without_the_deny(
    accepted: list[iam.Effect], found: list[str]
) -> None:
    stack = Stack()
    policy = iam.ManagedPolicy(stack, "Policy")
    principal: Any = Stubborn(policy, *accepted)
    grant = CustomerRoles(stack, "Access").grant_assume_role(principal)
    assert grant.success == (found == ["Deny", "Allow"])
    statements = (policy.document.to_json() or {"Statement": []})["Statement"]
    assert [statement["Effect"] for statement in statements] == found


def test_role_that_is_created_outside_the_app_gets_both_statements_into_its_report(
    tmp_path: Path,
) -> None:
    app = App(outdir=str(tmp_path))
    iam.Role.customize_roles(app, use_precreated_roles={"Pump/PumpService": "PumpService"})
    stack = pump_stack(app)
    access = CustomerRoles(stack, "Access")
    assert access.grant_assume_role(worker_in(stack)).success
    (warning,) = messages_of(access, "warning")
    assert warning.startswith("Pump/PumpService is created outside this app: attach both")
    assert policies_in(stack) == []
    (reported,) = json.loads((tmp_path / "iam-policy-report.json").read_text())["roles"]
    deny, allow = reported["identityPolicyStatements"]
    assert (deny["Effect"], allow["Effect"]) == ("Deny", "Allow")


@FLAGS
def test_two_grants_to_one_grantee_allow_both_and_deny_what_each_denies(
    flags: Callable[[], Mapping[str, Any]],
) -> None:
    stack = pump_stack(App(context=flags()))
    worker = worker_in(stack)
    for access in (
        CustomerRoles(stack, "A", kinds=["auto-pilot"]),
        CustomerRoles(stack, "B", names=["Vendor"], path="/vendors/"),
    ):
        for _ in range(2):  # the same grant twice adds nothing
            assert access.grant_assume_role(worker).success
    (policy,) = policies_in(stack)
    arns = [f"arn:aws:iam::*:role/{name}" for name in ("PumpAutoPilotRole", "vendors/Vendor")]

    def resources(statements: list[dict[str, Any]]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for statement in statements:
            rest = {name: value for name, value in statement.items() if name != "Resource"}
            resource = as_list(statement["Resource"])
            found.setdefault(json.dumps(rest, sort_keys=True), set()).update(resource)
        return found

    assert resources(policy["Statement"]) == resources(access_policy(arns, "Vendor")["Statement"])
    assert len(policy["Statement"]) == (2 if flags() else 4)


# The size of a policy


QUOTAS = {
    "role": 6_144,
    "imported role": 6_144,
    "managed policy": 6_144,
    "group": 5_120,
    "imported group": 5_120,
    "user": 2_048,
    "imported user": 2_048,
}
"""IAM User Guide, "IAM and AWS STS quotas"; for a role those of a managed policy."""


def fitting(grantee: str, count: int) -> int:
    """Return the number of accounts that fit, by the error about more of them."""
    stack = Stack()
    access = CustomerRoles(stack, "Access", accounts=accounts(count))
    with pytest.raises(ArgumentError) as caught:
        access.grant_assume_role(GRANTEES[grantee](stack))
    found = re.fullmatch(
        rf"accounts: {count:,} given, at most (\d+) fit into the {QUOTAS[grantee]:,} "
        r"characters that IAM allows for a (?:managed policy|(?:user|group)'s inline policies)",
        str(caught.value),
    )
    assert found
    return int(found[1])


# CDK divides the policies of a role: see below.
@pytest.mark.parametrize("grantee", [name for name in QUOTAS if name != "role"])
def test_as_many_accounts_fit_as_iam_allows_in_the_longest_partition(grantee: str) -> None:
    most = fitting(grantee, 1_000)
    assert fitting(grantee, most + 1) == most
    stack = pump_stack()
    access = CustomerRoles(stack, "Access", accounts=accounts(most))
    access.grant_assume_role(GRANTEES[grantee](stack))
    (policy,) = policies_in(stack, LONGEST_PARTITION)
    (*_, arn) = policy["Statement"][1]["Resource"]
    assert size_of(policy) <= QUOTAS[grantee] < size_of(policy) + len(f',"{arn}"')


@pytest.mark.parametrize("arguments", [{}, {"accounts": accounts(3)}])
def test_names_that_do_not_fit_are_an_error_about_the_names(arguments: dict[str, Any]) -> None:
    stack = Stack()
    names = [f"{index:064}" for index in range(40)]
    access = CustomerRoles(stack, "Access", names=names, **arguments)
    too_long = r"^names: the policy would have 1\d,\d{3} characters, at most 6,144 allowed .*$"
    with pytest.raises(ArgumentError, match=too_long):
        access.grant_assume_role(worker_in(stack))


@pytest.mark.parametrize("grantee", ["user", "group", "role"])
def test_published_names_fit_under_any_path(grantee: str) -> None:
    stack, path = Stack(), f"/{'p' * 510}/"
    access = CustomerRoles(stack, "A", kinds=KINDS, path=path, accounts=[FIRST])
    assert access.grant_assume_role(GRANTEES[grantee](stack)).success


@FLAGS
def test_more_accounts_than_fit_are_granted_by_several_constructs(
    flags: Callable[[], Mapping[str, Any]],
) -> None:
    stack = pump_stack(App(context=flags()))
    worker = worker_in(stack)
    most = fitting("role", 1_000)
    every = accounts(3 * most)
    for start in range(0, len(every), most):
        listed = every[start : start + most]
        CustomerRoles(stack, f"Access{start}", accounts=listed).grant_assume_role(worker)
    policies = policies_in(stack, LONGEST_PARTITION)
    # The deny is inline; CDK moves the others into managed policies.
    assert len(policies) == 4
    assert all(size_of(policy) <= QUOTAS["role"] for policy in policies)
    allowed = [
        arn
        for policy in policies
        for statement in policy["Statement"]
        if statement["Effect"] == "Allow"
        for arn in statement["Resource"]
    ]
    prefix = f"arn:{LONGEST_PARTITION}:iam::"
    assert sorted(allowed) == [f"{prefix}{account}:role/PumpReadOnlyRole" for account in every]


# In an app with the roles


def test_access_in_an_app_with_the_roles_raises_no_finding(tmp_path: Path) -> None:
    """Pump's account can be a customer's too."""
    app = App(context=recommended_flags(), outdir=str(tmp_path))
    stack = Stack(app, "Pump")
    for role_class in (ReadOnlyRole, AutoPilotRole):
        role_class(stack, role_class.__name__, **ROLE_ARGUMENTS)
    for number, name in enumerate(["PumpService", "Another"]):
        # As many as make CDK move the allow into a managed policy.
        access = CustomerRoles(
            stack,
            f"Access{number}",
            kinds=KINDS,
            accounts=accounts(90 // len(KINDS)) if number else None,
        )
        worker = iam.Role(stack, name, assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        assert access.grant_assume_role(worker).success
    app.synth()
    report = of_templates(tmp_path)
    assert [role.name for role in report.roles] == NEVER_WITHOUT_EXTERNAL_ID
    assert not [finding for finding in report.findings if finding.kind == "suspect"]
    assert all(role.exact for role in report.roles)
