"""`pump-roles verify` after changes of a deployed account, made with IAM's own calls.

What AWS returns, and the same in saved files, is read right: each change is found, and nothing
else. ``tests/compare`` proves what a change means.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from pump_roles.review.account.expectation import Expectation, from_report
from pump_roles.review.account.organization import AccountUnknown
from pump_roles.review.account.saved_details import read_files
from pump_roles.review.account.verification import AccountResult
from pump_roles.review.account.verify_accounts import verify_files
from pump_roles.review.output.descriptions import describe_access
from pump_roles.review.output.saved_report import kept, read_saved
from pump_roles.review.report.permission_report import of_kept
from tests.customer import (
    AUTO_PILOT,
    BOUNDARY,
    BOUNDARY_ARN,
    READ_ONLY,
    Change,
    Customer,
    allow,
    boundary_version,
    delete,
    deny,
    document,
    policy,
    recreated,
    statement,
    trust_policy,
    with_boundary,
)
from tests.support import OTHER_SECRET, PRINCIPAL, PUMP_ACCOUNT, SECRET, of_templates, trust

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
ALLOWED, DENIED = BOUNDARY["Statement"]
BOTH = (READ_ONLY, AUTO_PILOT)


def attached(*versions: Mapping[str, Any], default: int) -> Change:
    """Attach a managed policy with some versions to the read-only role."""

    def change(iam: "IAMClient") -> None:
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

Differences = set[tuple[str, str, str]]
"""The rule, the effect, and the subject of each."""

TOGETHER: dict[str, tuple[list[Change], Differences, Differences]] = {
    "policies, trust, session, no boundary": (
        [
            policy(
                "PumpBillingReadOnly",
                statement(lambda only: only["Action"].remove("cur:Describe*")),
            ),
            lambda iam: iam.put_role_policy(
                RoleName=READ_ONLY, PolicyName="Extra", PolicyDocument=document(allow("s3:*"))
            ),
            attached(HARMLESS, allow("s3:GetObject"), default=2),
            lambda iam: iam.attach_role_policy(RoleName=READ_ONLY, PolicyArn=ADMINISTRATOR),
            lambda iam: iam.delete_role_permissions_boundary(RoleName=READ_ONLY),
            trusting([PRINCIPAL, INTERN]),
            lambda iam: iam.update_role(RoleName=READ_ONLY, MaxSessionDuration=7200),
            lambda iam: iam.delete_role_policy(RoleName=AUTO_PILOT, PolicyName="PumpOrgInvite"),
        ],
        {
            ("policy-changed", "narrower", "PumpBillingReadOnly"),
            ("policy-added", "broader", "Extra"),
            ("policy-added", "broader", "Attached"),
            ("policy-added", "broader", "AdministratorAccess"),
            ("boundary-removed", "broader", BOUNDARY_ARN),
            ("trust-policy", "broader", ""),
            ("session-duration", "broader", ""),
        },
        {("policy-removed", "narrower", "PumpOrgInvite")},
    ),
    "a boundary's text, a deleted principal, a version that is not the default": (
        [
            boundary_version(
                {**BOUNDARY, "Statement": [ALLOWED, deny("iam:CreateUser")]}, default=True
            ),
            attached(HARMLESS, allow("s3:GetObject"), default=1),
            trusting("AROAEXAMPLE1234567890"),
        ],
        {
            ("boundary-text", "broader", BOUNDARY_ARN),
            ("policy-added", "unclear", "Attached"),
            ("trust-broken", "narrower", ""),
        },
        {("boundary-text", "broader", BOUNDARY_ARN)},
    ),
    "another path": ([recreated(Path="/other/")], {("role-path", "unclear", "")}, set()),
    "another case": (
        [recreated(RoleName="pumpreadonlyrole")],
        {("role-name", "unclear", "")},
        set(),
    ),
    "no role": ([delete], {("role-missing", "narrower", "")}, set()),
}
"""Changes that are made at once, and what is found in the read-only and the auto-pilot role."""

RENAMED = ("another case", "no role")
"""Those after which the output of ``aws iam get-role`` cannot be saved under the expected name."""


@cache
def expected_by_kept(templates: Path) -> Expectation:
    """What is expected by the file that keeps what was read of some templates."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "reviewed.json"
        file.write_text(kept(of_templates(templates).read))
        saved = read_saved(file)
    assert saved is not None
    return with_boundary(from_report(file, of_kept(saved)))


def same_in_files(customer: Customer, folder: Path) -> AccountResult:
    """Verify the account, its saved files, and against what is kept, with the same result."""
    found = customer.verify()
    assert customer.verify(expected_by_kept(customer.folder)) == found
    saved = verify_files(read_files(customer.saved(folder)), customer.expectation)
    (unread,) = saved.accounts
    assert unread.notes == (AccountUnknown(part="membership", why="not-in-files"),)
    # Whether a copy is stopped is in neither, for different reasons.
    others = tuple(
        replace(each, stop=other.stop)
        for each, other in zip(unread.others, found.others, strict=True)
    )
    assert replace(unread, notes=(), others=others) == found
    assert SECRET.lower() not in repr(found).lower()
    assert OTHER_SECRET not in repr(found)
    return found


@pytest.mark.parametrize("name", TOGETHER)
def test_changes_are_found_and_nothing_else(name: str, customer: Customer, tmp_path: Path) -> None:
    changes, *expected = TOGETHER[name]
    for change in changes:
        change(customer.iam)
    found = customer.verify() if name in RENAMED else same_in_files(customer, tmp_path)
    assert found.state == "differs"
    assert (found.others, found.unknown) == ((), ())
    for role, differences in zip(found.roles, expected, strict=True):
        assert role.state == ("differs" if differences else "match")
        assert role.unknown == ()
        assert {(each.rule, each.effect, each.subject) for each in role.differences} == differences
        assert len(role.differences) == len(differences)


def test_other_roles_that_give_access_are_listed(customer: Customer, tmp_path: Path) -> None:
    pump, same_id = trust(PUMP_ACCOUNT, OTHER_SECRET), trust("444455556666", SECRET)
    for name, document_ in (("One", pump), ("Two", same_id)):
        customer.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document_))
    found = same_in_files(customer, tmp_path)
    assert found.state == "differs"
    assert [role.state for role in found.roles] == ["match", "match"]
    role = f"arn:aws:iam::{found.account}:role/"
    assert [(other.arn, describe_access(other.access)) for other in found.others] == [
        (f"{role}One", f"trusts Pump's account {PUMP_ACCOUNT}"),
        (f"{role}Two", "requires the external ID of one of Pump's roles"),
    ]


# What means the same.


INNOCENT: dict[str, Change] = {
    "a role created again": recreated(),
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
    "a role for another vendor": lambda iam: iam.create_role(
        RoleName="Other",
        AssumeRolePolicyDocument=json.dumps(trust("444455556666", OTHER_SECRET)),
    ),
}
"""Changes that affect neither what a role can do nor who may assume it.

``tests/compare`` and ``tests/iam`` have documents that mean the same.
"""


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
