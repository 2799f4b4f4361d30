"""What is expected of an account, when templates leave something open or contradict each other."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pump_roles.iam.trust import parse_trust
from pump_roles.json_input import InputError
from pump_roles.published import ROLES
from pump_roles.review.account.organization import Organization
from pump_roles.review.account.role_list import ListedRole
from pump_roles.review.account.verify.accounts import verify_files, verify_organization
from pump_roles.review.account.verify.details import AccountDetails
from pump_roles.review.account.verify.expectation import Expectation, from_published, from_templates
from pump_roles.review.account.verify.one_account import compare
from pump_roles.review.account.verify.verification import AccountResult
from pump_roles.review.role import Unknown, published_role
from tests.support import EXTERNAL_ID, OTHER_SECRET, PUMP_ACCOUNT, SECRET, Template, trust
from tools.sandbox.aws import ACCOUNT_ID

NAME = "PumpReadOnlyRole"
OTHER_ACCOUNT = "111122223333"
MANAGEMENT = "444455556666"
PUBLISHED = from_published(PUMP_ACCOUNT).only(["read-only"])
POLICIES = [
    {"PolicyName": policy.name, "PolicyDocument": policy.document}
    for policy in ROLES["read-only"].policies
]


def template(external_id: Any = EXTERNAL_ID, **properties: Any) -> Template:
    role = {
        "RoleName": NAME,
        "AssumeRolePolicyDocument": trust(PUMP_ACCOUNT, external_id),
        "Policies": POLICIES,
        **properties,
    }
    kept = {name: value for name, value in role.items() if value is not None}
    return {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": kept}}}


def expected(folder: Path, content: Template, **more: Any) -> Expectation:
    """What a template expects."""
    file = folder / "role.template.json"
    file.write_text(json.dumps(content))
    return from_templates(file, **more)


def account_with(external_id: str | list[str] | None, account: str = ACCOUNT_ID) -> AccountDetails:
    """Return an account with the published read-only role, or without it if there is no ID."""
    document = trust(PUMP_ACCOUNT, external_id)  # type: ignore[arg-type]
    role = replace(published_role("read-only"), trust=parse_trust(document))
    there = external_id is not None
    return AccountDetails(account=account, partition="aws", roles=(role,) if there else ())


def states(found: AccountResult) -> tuple[str, list[str]]:
    (role,) = found.roles
    return role.state, [difference.rule for difference in role.differences]


def test_evaluates_a_role_name_that_is_a_function(tmp_path: Path) -> None:
    expectation = expected(tmp_path, template(RoleName={"Fn::Sub": NAME}))
    assert states(compare(expectation, account_with(EXTERNAL_ID))) == ("match", [])


@pytest.mark.parametrize("name", [None, {"Fn::Sub": "${AWS::Region}-Pump"}, {"Ref": "Name"}])
def test_rejects_a_role_name_that_cannot_be_read(name: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the name of the read-only role cannot be read"):
        expected(tmp_path, template(RoleName=name))


def test_conditional_role_that_does_not_exist_is_unknown(tmp_path: Path) -> None:
    content = template()
    content["Resources"]["Role"]["Condition"] = "Wanted"
    assert states(compare(expected(tmp_path, content), account_with(None))) == ("unknown", [])


def test_known_external_id_does_not_fill_an_open_one(tmp_path: Path) -> None:
    """During a rotation, with the current ID in the template, and in the environment."""
    content = template([SECRET, {"Ref": "Next"}])
    content["Parameters"] = {"Next": {"Type": "String"}}
    expectation = expected(tmp_path, content).with_external_ids([], external_id=SECRET)
    found = compare(expectation, account_with([SECRET, OTHER_SECRET]))
    assert states(found) == ("match", [])
    assert found.roles[0].notes == (Unknown(part="trust-policy", why="open", subject="1"),)


def test_external_id_that_depends_on_the_region_is_open(tmp_path: Path) -> None:
    expectation = expected(tmp_path, template({"Fn::Sub": "${AWS::Region}-acme"}))
    found = compare(expectation, account_with("eu-west-1-acme"))
    assert states(found) == ("match", [])
    assert found.roles[0].notes


def test_placeholder_for_an_open_id_is_not_an_external_id() -> None:
    assert compare(PUBLISHED, account_with("${external-id}")).state == "differs"


def test_external_id_of_another_partition_is_not_used() -> None:
    arn = f"arn:aws-us-gov:iam::{ACCOUNT_ID}:role/{NAME}"
    expectation = PUBLISHED.with_external_ids([ListedRole(arn, EXTERNAL_ID)])
    found = compare(expectation, account_with(EXTERNAL_ID))
    assert states(found) == ("unknown", [])


def test_does_not_show_a_principal_that_contains_the_external_id(tmp_path: Path) -> None:
    content = template(SECRET)
    statement = content["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    statement[0]["Principal"] = {"AWS": f"arn:aws:iam::{PUMP_ACCOUNT}:role/{SECRET}"}
    with pytest.raises(InputError, match="omit --principal") as raised:
        expected(tmp_path, content, principal=PUMP_ACCOUNT)
    assert SECRET not in str(raised.value)


def test_masks_the_ids_of_other_accounts_with_one_mask() -> None:
    targets = [
        ListedRole(f"arn:aws:iam::{number:012}:role/{NAME}", f"{SECRET}-{number}")
        for number in range(200)
    ]
    expectation = PUBLISHED.with_external_ids(targets)
    assert expectation.mask is expectation.mask
    own = account_with(f"{SECRET}-7", f"{7:012}")
    (found,) = verify_files([own], expectation).accounts
    assert found.state == "match"
    mixed = account_with(f"{SECRET}-8", f"{7:012}")
    (found,) = verify_files([mixed], expectation).accounts
    assert found.state == "differs"
    assert SECRET not in str(found)


def verified(expectation: Expectation, unread: AccountResult, **more: Any) -> AccountResult:
    """Verify an organization whose only account is not read."""
    aws: Any = SimpleNamespace(partition="aws")
    (found,) = verify_organization(
        aws, expectation, [unread], role_to_assume="Auditor", concurrency=1, **more
    ).accounts
    return found


def test_masks_the_name_of_an_account_that_is_not_read() -> None:
    expectation = PUBLISHED.with_external_ids([], external_id=SECRET)
    why = Unknown(part="account", why="not-below", subject=SECRET)
    found = verified(expectation, AccountResult(account=OTHER_ACCOUNT, name=SECRET, unknown=(why,)))
    assert (found.name, found.unknown[0].subject) == ("(external ID)", "(external ID)")


HERE = Organization(id="o-abcd123456", management_account=MANAGEMENT)
DENIED = Unknown(part="membership", why="not-read", detail="denied")
NOT_SAVED = Unknown(part="membership", why="not-in-files")
ELSEWHERE = ("broader", (OTHER_ACCOUNT,), (MANAGEMENT,))
LEFT = ("other", (OTHER_ACCOUNT,), ())


@pytest.mark.parametrize(
    ("organization", "management", "state", "difference", "unknown"),
    [
        (HERE, "", "match", None, ()),
        (HERE, MANAGEMENT, "match", None, ()),
        (HERE, OTHER_ACCOUNT, "differs", ELSEWHERE, ()),
        (Organization(), "", "match", None, ()),
        (Organization(), OTHER_ACCOUNT, "differs", LEFT, ()),
        # What could not be read matters only if it was asked for.
        (DENIED, "", "match", None, ()),
        (DENIED, MANAGEMENT, "unknown", None, (DENIED,)),
        (None, "", "match", None, ()),
        (None, MANAGEMENT, "unknown", None, (NOT_SAVED,)),
    ],
)
def test_compares_the_organization_only_if_one_is_expected(
    organization: Organization | Unknown | None,
    management: str,
    state: str,
    difference: Any,
    unknown: Any,
) -> None:
    expectation = replace(PUBLISHED, management_account=management)
    details = replace(account_with(EXTERNAL_ID), organization=organization)
    verification = verify_files([details], expectation)
    (found,) = verification.accounts
    assert (verification.state, found.state, found.unknown) == (state, state, unknown)
    assert found.organization == (organization if isinstance(organization, Organization) else None)
    assert [(each.effect, each.was, each.now) for each in found.differences] == (
        [] if difference is None else [difference]
    )
    assert {each.rule for each in found.differences} <= {"organization"}


def test_organization_does_not_hide_what_else_differs_or_is_unknown() -> None:
    expectation = replace(PUBLISHED, management_account=MANAGEMENT)
    missing = account_with(None)
    (found,) = verify_files([replace(missing, organization=DENIED)], expectation).accounts
    assert (found.state, found.unknown) == ("differs", (DENIED,))
    why = Unknown(part="other-roles", why="not-read")
    unread = replace(account_with(EXTERNAL_ID), unknown=(why,))
    (found,) = verify_files([replace(unread, organization=HERE)], expectation).accounts
    assert (found.state, found.unknown) == ("unknown", (why,))
    (found,) = verify_files([replace(unread, organization=DENIED)], expectation).accounts
    assert (found.state, found.unknown) == ("unknown", (why, DENIED))


def test_organization_of_an_account_that_is_not_read_is_not_known() -> None:
    """It may not even be in the organization."""
    expectation = replace(PUBLISHED, management_account=OTHER_ACCOUNT)
    why = Unknown(part="account", why="not-below")
    unread = AccountResult(account=ACCOUNT_ID, unknown=(why,))
    assert verified(expectation, unread, organization=HERE) == unread


def test_masks_an_external_id_that_is_the_id_of_the_organization() -> None:
    expectation = PUBLISHED.with_external_ids([], external_id=HERE.id)
    details = replace(account_with(None), organization=HERE)
    (found,) = verify_files([details], expectation).accounts
    assert found.organization == replace(HERE, id="(external ID)")
