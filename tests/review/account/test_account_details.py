"""The saved files of an account: what is missing is unknown, and anything else is one error."""

import json
from pathlib import Path
from typing import Any

import pytest

from pump_roles import Guardrail
from pump_roles.guardrails.guardrail_documents import documents
from pump_roles.iam.identity_policies import Statement
from pump_roles.inputs.text import InputError
from pump_roles.published import ROLES
from pump_roles.review.account.account_details import AccountDetails
from pump_roles.review.account.saved_details import read_files
from pump_roles.role.unknowns import RolePart, RoleUnknown
from tests.support import EVERYTHING, EXTERNAL_ID, PUMP_ACCOUNT, SECRET, trust
from tools.sandbox.aws import ACCOUNT_ID

OTHER_ACCOUNT = "111122223333"
NAME = "PumpReadOnlyRole"
ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/{NAME}"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
BOUNDARY = f"arn:aws:iam::{ACCOUNT_ID}:policy/Boundary"
DESCRIBED = {
    "RoleName": NAME,
    "Path": "/",
    "Arn": ARN,
    "AssumeRolePolicyDocument": trust(PUMP_ACCOUNT, EXTERNAL_ID),
    "PermissionsBoundary": {"PermissionsBoundaryArn": BOUNDARY},
    "Tags": [{"Key": "aws:cloudformation:stack-name", "Value": "Pump"}],
    "RoleLastUsed": {"LastUsedDate": "2026-11-25T10:15:00+02:00", "Region": "us-east-1"},
}


def details(*others: dict[str, Any], **members: Any) -> dict[str, Any]:
    """The output of ``aws iam get-account-authorization-details``."""
    role = {
        **DESCRIBED,
        "RolePolicyList": [{"PolicyName": "P", "PolicyDocument": EVERYTHING}],
        "AttachedManagedPolicies": [],
        **members,
    }
    roles = [role, *({**role, **other} for other in others)]
    return {"RoleDetailList": roles, "Policies": [managed(BOUNDARY)]}


def managed(arn: str, document: Any = EVERYTHING) -> dict[str, Any]:
    version = {"VersionId": "v1", "IsDefaultVersion": True, "Document": document}
    return {"Arn": arn, "DefaultVersionId": "v1", "PolicyVersionList": [version]}


def one_role(**members: Any) -> dict[str, Any]:
    """The output of ``aws iam get-role``."""
    return {"Role": {**DESCRIBED, "MaxSessionDuration": 7200, **members}}


def read(folder: Path, *contents: Any) -> tuple[AccountDetails, ...]:
    files = [folder / f"{number}.json" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_text(json.dumps(content))
    return read_files(files)


def test_reads_an_account_and_a_role_in_any_order(tmp_path: Path) -> None:
    (found,) = read(tmp_path, one_role(), details())
    (role,) = found.roles
    assert (role.name.text, role.session, role.not_known) == (NAME, 7_200, ())
    assert role.boundary is not None
    assert role.boundary.arn.text == BOUNDARY
    assert role.boundary.policy is not None
    assert role.boundary.policy.statements == (Statement(effect="Allow", actions=("*",)),)
    described = found.described[NAME]
    assert (described.stack, described.last_used) == ("Pump", "2026-11-25T08:15:00Z")


def test_accounts_can_be_in_one_file_or_in_several(tmp_path: Path) -> None:
    there = {"Arn": f"arn:aws:iam::{OTHER_ACCOUNT}:role/{NAME}"}
    # Each account has the same AWS managed policies.
    here, elsewhere = details(), {**details(**there), "Policies": []}
    for content in (here, elsewhere):
        content["Policies"] = [*content["Policies"], managed(ADMINISTRATOR)]
    for contents in ([details(there)], [here, elsewhere]):
        found = read(tmp_path, *contents)
        assert [(account.account, len(account.roles)) for account in found] == [
            (ACCOUNT_ID, 1),
            (OTHER_ACCOUNT, 1),
        ]


def test_what_the_files_do_not_have_is_unknown(tmp_path: Path) -> None:
    """As without ``aws iam get-role``, or with ``--filter Role``."""
    attached = {"PolicyName": "AdministratorAccess", "PolicyArn": ADMINISTRATOR}
    content = details(AttachedManagedPolicies=[attached])
    # Without a version that is the default, its text is not known, either.
    for policies in ([], [{**content["Policies"][0], "DefaultVersionId": "v2"}]):
        (found,) = read(tmp_path, {**content, "Policies": policies})
        assert {*found.roles[0].not_known} == {
            RoleUnknown(part="session", why="not-in-files", detail=NAME),
            RoleUnknown(part="managed-policies", why="not-in-files", subject=ADMINISTRATOR),
            RoleUnknown(part="boundary", why="not-in-files", subject=BOUNDARY),
        }


@pytest.mark.parametrize(
    ("part", "members"),
    [
        ("session", {"MaxSessionDuration": 43_200}),
        ("path", {"Path": "/pump/"}),
        ("trust-policy", {"AssumeRolePolicyDocument": trust("*", EXTERNAL_ID)}),
        ("boundary", {"PermissionsBoundary": None}),
        ("boundary", {"PermissionsBoundary": {"PermissionsBoundaryArn": f"{BOUNDARY}2"}}),
        ("tags", {"Tags": [{"Key": "pump-commitments", "Value": "approved"}]}),
    ],
)
def test_what_the_files_say_differently_about_a_role_is_unknown(
    tmp_path: Path, part: RolePart, members: dict[str, Any]
) -> None:
    """As when one was saved before a change, and the other after it."""
    ((guarded, document),) = documents([Guardrail.ONLY_WHEN_APPROVED], ROLES["auto-pilot"]).items()
    policies = [{"PolicyName": guarded.policy_name, "PolicyDocument": document}]
    own = {"MaxSessionDuration": 7200, "RolePolicyList": policies}
    for content in (
        [details(**{**own, **members}), one_role()],
        [details(**own), one_role(**members)],
    ):
        (found,) = read(tmp_path, *content)
        assert RoleUnknown(part=part, why="files-differ") in found.roles[0].not_known
    (same,) = read(tmp_path, details(**own), one_role())
    assert same.roles[0].not_known == ()


OUTPUT = "is not the output of aws iam get-account-authorization-details or aws iam get-role"
TRUNCATED = "is truncated; save the whole output"
TWICE = "a role is listed twice, or is also in another file"
MANAGED_TWICE = "a managed policy is listed twice, or is also in another file"
NO_DETAILS = "the role is in none of the files from aws iam get-account-authorization-details"


@pytest.mark.parametrize(
    ("contents", "problem"),
    [
        *(
            ([{**details(), **more}], TRUNCATED)
            for more in ({"IsTruncated": True}, {"NextToken": "x"}, {"Marker": "x"})
        ),
        ([{}], "has no roles; pass the output of"),
        ([{"RoleDetailList": []}], "has no roles; pass the output of"),
        ([[]], f"{OUTPUT}: Expected `object`, got `array`"),
        ([{"RoleDetailList": {}}], "Expected `array`, got `object` - at `$.RoleDetailList`"),
        (
            [{"RoleDetailList": [one_role()["Role"]]}],
            "missing required field `RolePolicyList` - at `$.RoleDetailList[0]`",
        ),
        ([details(Arn=SECRET)], "- at `$.RoleDetailList[0].Arn`"),
        ([details(RoleName=5)], "got `int` - at `$.RoleDetailList[0].RoleName`"),
        ([details(Tags=[{"Key": 1, "Value": "x"}])], "- at `$.RoleDetailList[0].Tags[0].Key`"),
        ([details(PermissionsBoundary={})], "- at `$.RoleDetailList[0].PermissionsBoundary`"),
        (
            [details(RolePolicyList=[{"PolicyName": "P", "PolicyDocument": None}])],
            "got `null` - at `$.RoleDetailList[0].RolePolicyList[0].PolicyDocument`",
        ),
        ([{**details(), "Policies": [1]}], "- at `$.Policies[0]`"),
        ([details(), one_role(MaxSessionDuration=True)], "- at `$.Role.MaxSessionDuration`"),
        ([details(), one_role(Arn=SECRET)], "- at `$.Role.Arn`"),
        ([details({"RoleName": NAME.lower()})], TWICE),
        ([details(), details()], TWICE),
        ([details(), one_role(), one_role()], TWICE),
        ([{**details(), "Policies": [managed(BOUNDARY)] * 2}], MANAGED_TWICE),
        ([{**details(), "Policies": [managed(ADMINISTRATOR)] * 2}], MANAGED_TWICE),
        ([details(), details(Arn=ARN.replace(ACCOUNT_ID, OTHER_ACCOUNT))], MANAGED_TWICE),
        (
            [
                {**details(), "Policies": [managed(ADMINISTRATOR)]},
                {
                    **details(Arn=ARN.replace(ACCOUNT_ID, OTHER_ACCOUNT)),
                    "Policies": [managed(ADMINISTRATOR, {})],
                },
            ],
            MANAGED_TWICE,
        ),
        ([details(), one_role(Arn=ARN.replace(ACCOUNT_ID, OTHER_ACCOUNT))], NO_DETAILS),
        ([one_role()], NO_DETAILS),
    ],
)
def test_files_that_are_wrong_or_do_not_belong_together_are_one_error(
    contents: list[Any], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as raised:
        read(tmp_path, *contents)
    line = str(raised.value)
    assert line.startswith(f"{tmp_path}/")
    assert problem in line
    assert "\n" not in line
    assert SECRET not in line
