"""`pump-roles verify` after changes of a deployed account, made with IAM's own calls.

What AWS returns, and the same in saved files, is read right: each change is found, and nothing
else. ``tests/compare`` proves what a change means.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_iam import IAMClient

from pump_roles.account.verify.accounts import verify_files
from pump_roles.account.verify.details import read_files
from pump_roles.account.verify.result import AccountResult
from pump_roles.compare import Effect, Rule
from pump_roles.output.words import access_in_words
from tests.customer import (
    AUTO_PILOT,
    BOUNDARY,
    BOUNDARY_ARN,
    READ_ONLY,
    REGIONS,
    Change,
    Customer,
    Edit,
    allow,
    boundary_version,
    delete,
    deny,
    document,
    policy,
    recreated,
    statement,
    trust_policy,
)
from tests.support import OTHER_SECRET, PRINCIPAL, PUMP_ACCOUNT, SECRET, trust

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
ALLOWED, DENIED = BOUNDARY["Statement"]
BOTH = (READ_ONLY, AUTO_PILOT)


@dataclass(frozen=True)
class Case:
    """A change, and the difference that is found."""

    change: Change
    rule: Rule
    effect: Effect
    subject: str = ""
    named: str = ""
    roles: tuple[str, ...] = (READ_ONLY,)


def attached(*versions: Mapping[str, Any], default: int) -> Change:
    """Attach a managed policy with some versions to the read-only role."""

    def change(iam: IAMClient) -> None:
        first, *others = [document(version) for version in versions]
        arn = iam.create_policy(PolicyName="Attached", PolicyDocument=first)["Policy"]["Arn"]
        for number, version in enumerate(others, start=2):
            iam.create_policy_version(
                PolicyArn=arn, PolicyDocument=version, SetAsDefault=number == default
            )
        iam.attach_role_policy(RoleName=READ_ONLY, PolicyArn=arn)

    return change


def trusting(principal: Any) -> Change:
    return trust_policy(statement(lambda only: only.update(Principal={"AWS": principal})))


INTERN = f"arn:aws:iam::{PUMP_ACCOUNT}:role/Intern"
HARMLESS = allow("ce:GetCostAndUsage")

TOGETHER: dict[str, list[Case]] = {
    "policies, trust, session, tags": [
        Case(
            policy(
                "PumpBillingReadOnly",
                statement(lambda only: only["Action"].remove("cur:Describe*")),
            ),
            "policy-changed",
            "narrower",
            "PumpBillingReadOnly",
            "cur:DescribeReportDefinitions",
        ),
        Case(
            lambda iam: iam.put_role_policy(
                RoleName=READ_ONLY, PolicyName="Extra", PolicyDocument=document(allow("s3:*"))
            ),
            *("policy-added", "broader", "Extra", "s3:*"),
        ),
        Case(
            attached(HARMLESS, allow("s3:GetObject"), default=2),
            *("policy-added", "broader", "Attached", "s3:GetObject"),
        ),
        Case(trusting([PRINCIPAL, INTERN]), "trust-policy", "broader", named="sts:AssumeRole"),
        Case(
            lambda iam: iam.update_role(RoleName=READ_ONLY, MaxSessionDuration=7200),
            "session-duration",
            "broader",
            named="sts:AssumeRole",
        ),
        Case(
            lambda iam: iam.delete_role_policy(RoleName=AUTO_PILOT, PolicyName="PumpOrgInvite"),
            *("policy-removed", "narrower", "PumpOrgInvite", "organizations:AcceptHandshake"),
            (AUTO_PILOT,),
        ),
    ],
    "a boundary's text, a deleted principal, a version that is not the default": [
        Case(
            boundary_version(
                {**BOUNDARY, "Statement": [ALLOWED, deny("iam:CreateUser")]}, default=True
            ),
            *("boundary-text", "broader", BOUNDARY_ARN, "ec2:RunInstances", BOTH),
        ),
        Case(
            attached(HARMLESS, allow("s3:GetObject"), default=1),
            *("policy-added", "other", "Attached"),
        ),
        Case(trusting("AROAEXAMPLE1234567890"), "trust-broken", "narrower", named="sts:AssumeRole"),
    ],
    "no boundary, a policy of AWS": [
        Case(
            lambda iam: iam.delete_role_permissions_boundary(RoleName=READ_ONLY),
            *("boundary-removed", "broader", BOUNDARY_ARN),
        ),
        Case(
            lambda iam: iam.attach_role_policy(RoleName=READ_ONLY, PolicyArn=ADMINISTRATOR),
            *("policy-added", "broader", "AdministratorAccess", "*"),
        ),
    ],
    "another path": [Case(recreated(Path="/other/"), "role-path", "other")],
    "another case": [Case(recreated(RoleName="pumpreadonlyrole"), "role-name", "other")],
    "no role": [Case(delete, "role-missing", "narrower")],
}
"""Changes that are made at once."""


def names(found: AccountResult) -> list[tuple[str, str]]:
    """Return the roles' names and states."""
    return [(role.arn.rpartition("/")[2], role.state) for role in found.roles]


def same_in_files(customer: Customer, folder: Path) -> AccountResult:
    """Verify the account, and its saved files with the same result."""
    found = customer.verify()
    saved = verify_files(read_files(customer.saved(folder)), customer.expectation)
    assert saved.accounts == (replace(found, calls=0),)
    assert SECRET.lower() not in repr(found).lower()
    assert OTHER_SECRET not in repr(found)
    return found


@pytest.mark.parametrize("cases", TOGETHER.values(), ids=TOGETHER)
def test_changes_are_found_and_nothing_else(
    cases: list[Case], customer: Customer, tmp_path: Path
) -> None:
    """In both roles, and each with its own effect."""
    for case in cases:
        case.change(customer.iam)
    # The output of aws iam get-role is saved under the expected name.
    renamed = any(case.rule in {"role-name", "role-missing"} for case in cases)
    found = customer.verify() if renamed else same_in_files(customer, tmp_path)
    assert found.state == "differs"
    assert (found.others, found.unknown) == ((), ())
    for role, name in zip(found.roles, BOTH, strict=True):
        expected = {
            (case.rule, case.effect, case.subject): case.named
            for case in cases
            if name in case.roles
        }
        differences = {(each.rule, each.effect, each.subject): each for each in role.differences}
        assert role.state == ("differs" if expected else "match")
        assert role.unknown == ()
        assert differences.keys() == expected.keys()
        assert len(role.differences) == len(differences)
        for key, action in expected.items():
            named = differences[key].actions
            assert action in named if action else named == ()


# Other roles.


def role(name: str, statement: Mapping[str, Any]) -> Change:
    """Create another role."""
    return lambda iam: iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(statement))


def test_other_roles_that_give_access_are_listed(customer: Customer, tmp_path: Path) -> None:
    root = {"AWS": f"arn:aws:iam::{PUMP_ACCOUNT}:root"}
    pump = {"Effect": "Allow", "Principal": root, "Action": "sts:AssumeRole"}
    role("One", pump)(customer.iam)
    role("Two", trust("444455556666", SECRET)["Statement"][0])(customer.iam)
    found = same_in_files(customer, tmp_path)
    assert found.state == "differs"
    assert names(found) == [(READ_ONLY, "match"), (AUTO_PILOT, "match")]
    assert [(other.name, access_in_words(other.alarms)) for other in found.others] == [
        ("One", f"trusts Pump's account {PUMP_ACCOUNT}"),
        ("Two", "requires the external ID of one of Pump's roles"),
    ]


# What means the same.


def divided(found: Any) -> None:
    """Divide the only statement of a policy document into one for each action."""
    (only,) = found["Statement"]
    found["Statement"] = [{**only, "Action": action} for action in only["Action"]]


def only_statement(**members: Any) -> Edit:
    return statement(lambda only: only.update(members))


REVERSED: Any = {"StringNotEquals": {"aws:RequestedRegion": sorted(REGIONS)[::-1]}}
INNOCENT: dict[str, Change] = {
    "a role created again": recreated(),
    "an action as text": policy("PumpGuardrailUntil", only_statement(Action="*")),
    "a statement for each action": policy("PumpBillingReadOnly", divided),
    "regions in another order": policy(
        "PumpGuardrailOnlyInRegions", only_statement(Condition=REVERSED), AUTO_PILOT
    ),
    "a trust policy with lists": trust_policy(
        only_statement(
            Action=["STS:assumerole"],
            Principal={"AWS": [PRINCIPAL]},
            Condition={"StringEquals": {"STS:EXTERNALID": [SECRET]}},
            Sid="Pump",
        )
    ),
    "a default version of the boundary that means the same": boundary_version(
        {**BOUNDARY, "Statement": [DENIED, ALLOWED]}, default=True
    ),
    "a version of the boundary that is not the default": boundary_version(
        {**BOUNDARY, "Statement": [ALLOWED]}, default=False
    ),
    # Only services of AWS can add such a tag, as CloudFormation does. ministack lets everyone.
    "a tag of AWS": lambda iam: iam.tag_role(
        RoleName=READ_ONLY, Tags=[{"Key": "aws:example", "Value": "example"}]
    ),
    "a description": lambda iam: iam.update_role(RoleName=READ_ONLY, Description="Ours."),
    "a role for another vendor": role("Other", trust("444455556666", OTHER_SECRET)["Statement"][0]),
}
"""Changes that affect neither what a role can do nor who may assume it."""


def everything_in(customer: Customer) -> Any:
    """Return what the account has."""
    details: dict[str, Any] = {**customer.iam.get_account_authorization_details()}
    del details["ResponseMetadata"]
    return details, [customer.iam.get_role(RoleName=name)["Role"] for name in BOTH]


def test_what_means_the_same_is_not_a_difference(customer: Customer, tmp_path: Path) -> None:
    for name, change in INNOCENT.items():
        before = everything_in(customer)
        change(customer.iam)
        assert everything_in(customer) != before, name
    found = same_in_files(customer, tmp_path)
    assert found.state == "match"
    assert [role.differences for role in found.roles] == [(), ()]
    assert found.others == ()
