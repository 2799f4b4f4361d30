"""A customer's account with both roles, deployed from reviewed templates, and its verification.

The templates have everything that a customer can set: guardrails of every kind, a permissions
boundary, a tag, and a literal principal and external ID.
"""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pump_roles.iam.identity_policies import parse_policy
from pump_roles.review.account.account_details import read_account
from pump_roles.review.account.expectation import Expectation
from pump_roles.review.account.verification import AccountResult
from pump_roles.review.account.verify_accounts import verify_account
from pump_roles.role.assembly import DeployedRole
from tests.support import PRINCIPAL, SECRET, Template
from tools.sandbox.aws import ACCOUNT_ID, OWNER, Caller, EmbeddedAws

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

READ_ONLY: Final = "PumpReadOnlyRole"
AUTO_PILOT: Final = "PumpAutoPilotRole"

PATH: Final = "/pump/"
REGIONS: Final = ("us-east-1", "eu-west-1")
UNTIL: Final = "2927-01-31T18:00:00Z"
PAYER: Final = "111122223333"
TAG: Final = {"Key": "team", "Value": "platform"}

SETTINGS: Final[Mapping[str, Any]] = {
    "principal": PRINCIPAL,
    "external-id": SECRET,
    "role-path": PATH,
    "permissions-boundary": "Boundary",
    "guardrails": ["recommended"],
    "until": UNTIL,
    "auto-pilot": {"only-in-regions": REGIONS, "invitations-from": PAYER},
}

BOUNDARY_ARN: Final = f"arn:aws:iam::{ACCOUNT_ID}:policy/Boundary"
BOUNDARY: Final[dict[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": ["iam:CreateUser", "ec2:RunInstances"], "Resource": "*"},
    ],
}

Edit = Callable[[Any], object]
"""Changes a policy document in place."""

Change = Callable[["IAMClient"], object]
"""Changes the account."""


def reviewed_templates(synthesized: Mapping[str, Template]) -> dict[str, str]:
    """Return the templates' texts by stack name: as synthesized with ``SETTINGS``, and a tag.

    Those of the two roles only, whatever else Pump publishes.
    """
    stacks = [role.removesuffix("Role") for role in (READ_ONLY, AUTO_PILOT)]
    templates = {stack: deepcopy(synthesized[stack]) for stack in stacks}
    for template in templates.values():
        (resource,) = template["Resources"].values()
        resource["Properties"]["Tags"] = [TAG]
    return {name: json.dumps(template) for name, template in templates.items()}


def with_boundary(expectation: Expectation) -> Expectation:
    """Add the boundary's text to what is expected."""

    def with_text(way: DeployedRole) -> DeployedRole:
        assert way.role.boundary is not None
        boundary = replace(way.role.boundary, policy=parse_policy(BOUNDARY, name="boundary"))
        return replace(way, role=replace(way.role, boundary=boundary))

    roles = (tuple(map(with_text, ways)) for ways in expectation.roles)
    return replace(expectation, roles=tuple(roles))


@dataclass(frozen=True)
class Customer:
    """The account."""

    aws: EmbeddedAws
    folder: Path
    expectation: Expectation

    @cached_property
    def iam(self) -> "IAMClient":
        """A client of the account's root user."""
        return self.aws.iam()

    def verify(
        self,
        expectation: Expectation | None = None,
        *,
        caller: Caller = OWNER,
        iam: "IAMClient | None" = None,
    ) -> AccountResult:
        """Read the account, and compare it."""
        expected = expectation or self.expectation
        client = iam or (self.iam if caller is OWNER else self.aws.iam(caller))
        details = read_account(client, expected.names, account=ACCOUNT_ID, partition="aws")
        return verify_account(expected, details)

    def saved(self, folder: Path) -> list[Path]:
        """Save the account as the AWS CLI writes it, and return the files.

        ministack leaves two things out of ``iam:GetAccountAuthorizationDetails``, which are added:
        roles' permissions boundaries, and the AWS managed policies that are attached.
        """
        found: dict[str, Any] = {**self.iam.get_account_authorization_details()}
        del found["ResponseMetadata"]
        roles = {}
        for detail in found["RoleDetailList"]:
            name = detail["RoleName"]
            roles[name] = self.iam.get_role(RoleName=name)["Role"]
            if "PermissionsBoundary" in roles[name]:
                detail["PermissionsBoundary"] = roles[name]["PermissionsBoundary"]
            for attached in detail["AttachedManagedPolicies"]:
                arn = attached["PolicyArn"]
                if ":aws:policy/" in arn:
                    found["Policies"].append(self._with_versions(arn))
        files = [folder / "details.json"]
        files[0].write_text(_as_the_cli_writes(found))
        for name in roles.keys() & {READ_ONLY, AUTO_PILOT}:
            files.append(folder / f"{name}.json")
            files[-1].write_text(_as_the_cli_writes({"Role": roles[name]}))
        return files

    def _with_versions(self, arn: str) -> dict[str, Any]:
        found: dict[str, Any] = {**self.iam.get_policy(PolicyArn=arn)["Policy"]}
        version = self.iam.get_policy_version(PolicyArn=arn, VersionId=found["DefaultVersionId"])
        return {**found, "PolicyVersionList": [version["PolicyVersion"]]}


def _as_the_cli_writes(value: Any) -> str:
    return json.dumps(value, indent=4, default=datetime.isoformat)


def document(*statements: Mapping[str, Any]) -> str:
    """Return the text of a policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(*actions: str, **more: Any) -> dict[str, Any]:
    """Return a statement that allows actions on everything."""
    return {"Effect": "Allow", "Action": [*actions], "Resource": "*", **more}


def deny(*actions: str, **more: Any) -> dict[str, Any]:
    """Return a statement that denies actions on everything."""
    return {**allow(*actions, **more), "Effect": "Deny"}


def policy(name: str, edit: Edit, role: str = READ_ONLY) -> Change:
    """Return a change of one of a role's inline policies."""

    def change(iam: "IAMClient") -> None:
        found: Any = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        before = deepcopy(found)
        edit(found)
        assert found != before
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(found))

    return change


def statement(edit: Edit) -> Edit:
    """Return a change of a policy document's only statement."""

    def change(found: Any) -> None:
        (only,) = found["Statement"]
        edit(only)

    return change


def trust_policy(edit: Edit, role: str = READ_ONLY) -> Change:
    """Return a change of a role's trust policy."""

    def change(iam: "IAMClient") -> None:
        found: Any = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        before = deepcopy(found)
        edit(found)
        assert found != before
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(found))

    return change


def delete(iam: "IAMClient", role: str = READ_ONLY) -> None:
    """Delete a role with its policies."""
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    iam.delete_role(RoleName=role)


def recreated(role: str = READ_ONLY, *, trust: str = "", **more: Any) -> Change:
    """Return a change that deletes a role, and makes it again with something else."""

    def change(iam: "IAMClient") -> None:
        was = iam.get_role(RoleName=role)["Role"]
        policies = {
            name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        }
        delete(iam, role)
        passed: dict[str, Any] = {
            "RoleName": role,
            "Path": was["Path"],
            "PermissionsBoundary": was["PermissionsBoundary"]["PermissionsBoundaryArn"],
            "Tags": was["Tags"],
            "AssumeRolePolicyDocument": trust or json.dumps(was["AssumeRolePolicyDocument"]),
            **more,
        }
        iam.create_role(**passed)
        for name, text in policies.items():
            iam.put_role_policy(
                RoleName=passed["RoleName"], PolicyName=name, PolicyDocument=json.dumps(text)
            )

    return change


def boundary_version(text: Mapping[str, Any], *, default: bool) -> Change:
    """Return a change that adds a version of the boundary's policy."""
    return lambda iam: iam.create_policy_version(
        PolicyArn=BOUNDARY_ARN, PolicyDocument=json.dumps(text), SetAsDefault=default
    )
