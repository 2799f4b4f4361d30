"""The saved files of an account: what is missing is unknown, and anything else is one error."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pump_roles.json_input import InputError
from pump_roles.review.account.organization import Organization
from pump_roles.review.account.verify.details import AccountDetails, History, read_files
from pump_roles.review.role import Unknown
from tests.support import EVERYTHING, EXTERNAL_ID, PUMP_ACCOUNT, SECRET, trust
from tools.sandbox.aws import ACCOUNT_ID

OTHER_ACCOUNT = "111122223333"
NAME = "PumpReadOnlyRole"
BOUNDARY = f"arn:aws:iam::{ACCOUNT_ID}:policy/Boundary"
Edit = Callable[[Any], object]


def details() -> dict[str, Any]:
    """The output of ``aws iam get-account-authorization-details``."""
    role = {
        "RoleName": NAME,
        "Path": "/",
        "Arn": f"arn:aws:iam::{ACCOUNT_ID}:role/{NAME}",
        "AssumeRolePolicyDocument": trust(PUMP_ACCOUNT, EXTERNAL_ID),
        "RolePolicyList": [{"PolicyName": "P", "PolicyDocument": EVERYTHING}],
        "AttachedManagedPolicies": [],
        "PermissionsBoundary": {"PermissionsBoundaryArn": BOUNDARY},
        "Tags": [{"Key": "aws:cloudformation:stack-name", "Value": "Pump"}],
    }
    version = {"VersionId": "v1", "IsDefaultVersion": True, "Document": EVERYTHING}
    policy = {"Arn": BOUNDARY, "DefaultVersionId": "v1", "PolicyVersionList": [version]}
    return {"RoleDetailList": [role], "Policies": [policy]}


def one_role(**members: Any) -> dict[str, Any]:
    """The output of ``aws iam get-role``."""
    found = {"Arn": f"arn:aws:iam::{ACCOUNT_ID}:role/{NAME}", "MaxSessionDuration": 7200}
    return {"Role": {**found, **members}}


def organization(**members: Any) -> dict[str, Any]:
    """The output of ``aws organizations describe-organization``."""
    described = {"Id": "o-abcd123456", "MasterAccountId": "444455556666"}
    return {"Organization": {**described, "MasterAccountEmail": "owner@example.com", **members}}


def read(folder: Path, *contents: Any) -> tuple[AccountDetails, ...]:
    files = [folder / f"{number}.json" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_text(json.dumps(content))
    return read_files(files)


def test_reads_an_account_a_role_and_its_organization_in_any_order(tmp_path: Path) -> None:
    (found,) = read(tmp_path, organization(), details(), one_role())
    (role,) = found.roles
    assert (role.name.text, role.session, role.not_known) == (NAME, 7_200, ())
    assert role.boundary is not None
    assert (role.boundary.arn.text, role.boundary.document) == (BOUNDARY, EVERYTHING)
    assert found.history == {NAME: History(stack="Pump")}
    assert found.organization == Organization(id="o-abcd123456", management_account="444455556666")


def test_what_the_files_do_not_have_is_unknown(tmp_path: Path) -> None:
    """As without ``aws iam get-role``, or with ``--filter Role``."""
    content = details()
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    content["RoleDetailList"][0]["AttachedManagedPolicies"] = [
        {"PolicyName": "AdministratorAccess", "PolicyArn": administrator}
    ]
    content["Policies"] = []
    (found,) = read(tmp_path, content)
    assert found.organization is None
    assert {*found.roles[0].not_known} == {
        Unknown(part="session", why="not-in-files", detail=NAME),
        Unknown(part="managed-policies", why="not-in-files", subject=administrator),
        Unknown(part="boundary", why="not-in-files", subject=BOUNDARY),
    }


@pytest.mark.parametrize(
    "edit",
    [
        lambda policy: policy.update(DefaultVersionId="v2"),
        lambda policy: policy["PolicyVersionList"][0].update(IsDefaultVersion=False),
        lambda policy: policy["PolicyVersionList"].append(policy["PolicyVersionList"][0]),
        lambda policy: policy.update(PolicyVersionList=[]),
    ],
)
def test_policy_whose_default_version_is_not_certain_is_unknown(edit: Edit, tmp_path: Path) -> None:
    content = details()
    edit(content["Policies"][0])
    (found,) = read(tmp_path, content, one_role())
    assert found.roles[0].unknown == (
        Unknown(part="boundary", why="not-in-files", subject=BOUNDARY),
    )


def in_role(**members: Any) -> Edit:
    return lambda found: found["RoleDetailList"][0].update(members)


def another_role(**members: Any) -> Edit:
    return lambda found: found["RoleDetailList"].append({**found["RoleDetailList"][0], **members})


WRONG_TYPE = "a value has the wrong type"
NO_STRING = "a name, path, ARN, or tag is not a string"


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        # With --max-items, the AWS CLI writes NextToken instead of IsTruncated.
        *(
            (lambda found, more=more: found.update(more), "it is truncated; save the whole output")
            for more in ({"IsTruncated": True}, {"NextToken": "x"}, {"Marker": "x"})
        ),
        (lambda found: found.update(RoleDetailList=[]), "it has no roles"),
        (lambda found: found.pop("RoleDetailList"), "it has no 'RoleDetailList'"),
        (lambda found: found.update(RoleDetailList={}), "RoleDetailList is not a list of roles"),
        (lambda found: found.update(RoleDetailList=[[]]), "RoleDetailList is not a list of roles"),
        (lambda found: found["RoleDetailList"][0].pop("RolePolicyList"), "no 'RolePolicyList'"),
        (
            another_role(Arn=f"arn:aws:iam::{OTHER_ACCOUNT}:role/{NAME}"),
            "its roles are in 2 accounts; all must be in one",
        ),
        (another_role(RoleName=NAME.lower()), "a role is listed twice"),
        (in_role(Arn=SECRET), "a role has no valid ARN"),
        (in_role(RoleName=5), NO_STRING),
        (in_role(Tags=[{"Key": 1, "Value": 2}]), NO_STRING),
        (in_role(RolePolicyList=[{"PolicyName": 1, "PolicyDocument": {}}]), NO_STRING),
        (in_role(Tags=[1]), WRONG_TYPE),
        (in_role(AttachedManagedPolicies=1), WRONG_TYPE),
        (in_role(RolePolicyList=None), WRONG_TYPE),
        (lambda found: found.update(Policies=[1]), WRONG_TYPE),
    ],
)
def test_details_that_are_not_complete_are_an_error(
    edit: Edit, problem: str, tmp_path: Path
) -> None:
    content = details()
    edit(content)
    with pytest.raises(InputError) as raised:
        read(tmp_path, content)
    line = str(raised.value)
    assert line.startswith(
        f"{tmp_path / '0.json'}: is not the output of aws iam get-account-authorization-details: "
    )
    assert problem in line
    assert SECRET not in line


NEEDS_ARN = "is not the output of aws iam get-role: it needs Arn and MaxSessionDuration"
NEEDS_ID = "is not the output of aws organizations describe-organization: it needs Id and Master"
ONE_ORGANIZATION = "pass one such file with the files of one account, not {} with those of {}"
ELSEWHERE = json.loads(json.dumps(details()).replace(ACCOUNT_ID, OTHER_ACCOUNT))


@pytest.mark.parametrize(
    ("contents", "problem"),
    [
        ([[]], "it has no 'RoleDetailList'"),
        ([details(), one_role(MaxSessionDuration=None)], NEEDS_ARN),
        ([details(), one_role(MaxSessionDuration=True)], NEEDS_ARN),
        ([details(), one_role(MaxSessionDuration="3600")], NEEDS_ARN),
        ([details(), one_role(Arn=SECRET)], NEEDS_ARN),
        (
            [details(), one_role(Arn=f"arn:aws:iam::{OTHER_ACCOUNT}:role/{NAME}")],
            "the role is in none of the files",
        ),
        ([one_role()], "the role is in none of the files"),
        ([details(), one_role(), one_role()], "the role is also in another file"),
        ([details(), details()], f"the account {ACCOUNT_ID} is also in another file"),
        ([details(), organization(Id="o-1")], NEEDS_ID),
        ([details(), organization(Id=None)], NEEDS_ID),
        ([details(), organization(MasterAccountId=444455556666)], NEEDS_ID),
        ([details(), organization(), organization()], ONE_ORGANIZATION.format(2, 1)),
        ([details(), ELSEWHERE, organization()], ONE_ORGANIZATION.format(1, 2)),
        ([organization()], ONE_ORGANIZATION.format(1, 0)),
    ],
)
def test_files_that_do_not_belong_together_are_an_error(
    contents: list[Any], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as raised:
        read(tmp_path, *contents)
    assert problem in str(raised.value)
    assert SECRET not in str(raised.value)
