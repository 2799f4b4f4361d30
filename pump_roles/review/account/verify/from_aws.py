"""Reads what ``verify`` compares from an account with boto3, with read-only calls."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pump_roles.iam.documents import as_mapping
from pump_roles.iam.values import Value, known
from pump_roles.review.account.responses import all_in, error_code, reason_of
from pump_roles.review.account.verify.details import (
    AccountDetails,
    History,
    document_of,
    history_of,
    role_of,
    trust_of,
)
from pump_roles.review.role import Part, Role, Unknown

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

_MISSING: Final = "NoSuchEntity"
_MOST_PER_PAGE: Final = 1_000
_EVERY_ROLE_HAS: Final = {"AssumeRolePolicyDocument", "Path", "RoleName"}

_T = TypeVar("_T")


def policy_for_reading(names: Iterable[str], *, partition: str = "aws") -> dict[str, Any]:
    """Return the least-privilege policy for :func:`read_account` in an account."""
    roles = f"arn:{partition}:iam::*:role/"
    # A role that was created again with another path must also be found.
    resources = [f"{roles}{path}{name}" for name in names for path in ("", "*/")]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*"},
            {
                "Effect": "Allow",
                "Action": [
                    "iam:GetRole",
                    "iam:GetRolePolicy",
                    "iam:ListAttachedRolePolicies",
                    "iam:ListRolePolicies",
                ],
                "Resource": resources,
            },
            {
                "Effect": "Allow",
                "Action": ["iam:GetPolicy", "iam:GetPolicyVersion"],
                "Resource": f"arn:{partition}:iam::*:policy/*",
            },
        ],
    }


def read_account(
    iam: "IAMClient", names: Collection[str], *, account: str, partition: str
) -> AccountDetails:
    """Read some roles of an account, and the trust policies of all others."""
    calls: list[str] = []
    iam.meta.events.register("before-call.iam", lambda model, **_: calls.append(model.name))
    reader = _Reader(iam)
    entries = reader.tried("other-roles", reader.listed)
    listed = {entry["RoleName"]: entry for entry in entries or ()}
    known = {name.casefold(): entry for name, entry in listed.items()}
    roles: list[Role] = []
    histories: dict[str, History] = {}
    missing: dict[str, Unknown] = {}
    for name in names:
        entry = known.get(name.casefold())
        if entry is None and entries is not None:
            continue
        of_role = _Reader(iam)
        found = of_role.tried("role", partial(of_role.role, name, entry))
        if found is not None:
            role, histories[found[0].name.text] = found
            roles.append(role)
        # If roles could not be listed, IAM says here that it does not exist.
        elif (why := of_role.unknown[-1]).why != "changed":
            missing[name.casefold()] = why
    return AccountDetails(
        account=account,
        partition=partition,
        roles=tuple(roles),
        others=tuple(_other(entry) for name, entry in listed.items() if name not in histories),
        history=histories,
        missing=missing,
        unknown=tuple(reader.unknown),
        calls=len(calls),
    )


class _Reader:
    # Reads an account's roles, or one of them.

    def __init__(self, iam: "IAMClient") -> None:
        self._iam = iam
        self.unknown: list[Unknown] = []

    def tried(self, part: Part, call: Callable[[], _T], subject: str = "") -> _T | None:
        try:
            return call()
        except Exception as error:  # noqa: BLE001
            # botocore can raise anything if the response is not from AWS. One part that cannot be
            # read must not hide the rest.
            if error_code(error) == _MISSING:
                # It existed when it was listed.
                unknown = Unknown(part=part, why="changed", subject=subject)
            else:
                reason = reason_of(error, self._iam)
                unknown = Unknown(part=part, why="not-read", subject=subject, detail=reason)
            self.unknown.append(unknown)
            return None

    def listed(self) -> list[Mapping[str, Any]]:
        size = {"PageSize": _MOST_PER_PAGE}
        return [*map(_checked, all_in(self._iam, "list_roles", "Roles", PaginationConfig=size))]

    def role(self, name: str, listed: Mapping[str, Any] | None) -> tuple[Role, History] | None:
        # As it is listed, its name may be in another case.
        name = name if listed is None else listed["RoleName"]
        described = self.tried("role", lambda: _checked(self._iam.get_role(RoleName=name)["Role"]))
        entry = described or listed
        if entry is None:
            return None
        not_described = Value("not-read", why="not-read")
        if described is None:
            (why,) = self.unknown
            not_described = replace(not_described, text=why.detail)
            self.unknown = [replace(why, part="tags")]
            entry = {**entry, "PermissionsBoundary": not_described}
        documents: dict[str, Any] = {}
        boundary = as_mapping(entry.get("PermissionsBoundary")).get("PermissionsBoundaryArn")
        if boundary is not None:
            self._managed("boundary", boundary, documents)
        policies = {
            "RolePolicyList": self._inline(name),
            "AttachedManagedPolicies": self._attached(name, documents),
        }
        role = role_of({**entry, **policies}, documents, self.unknown, not_described=not_described)
        return role, history_of(entry)

    def _inline(self, role: str) -> list[Mapping[str, Any]]:
        def document(name: str) -> Any:
            return self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]

        part: Part = "inline-policies"
        names = self.tried(
            part, lambda: [*all_in(self._iam, "list_role_policies", "PolicyNames", RoleName=role)]
        )
        return [
            {
                "PolicyName": name,
                "PolicyDocument": self.tried(part, partial(document, name), subject=name),
            }
            for name in names or ()
        ]

    def _attached(self, role: str, documents: dict[str, Any]) -> list[Mapping[str, Any]]:
        part: Part = "managed-policies"
        call, member = "list_attached_role_policies", "AttachedPolicies"
        found = self.tried(part, lambda: [*all_in(self._iam, call, member, RoleName=role)])
        for policy in found or ():
            self._managed(part, policy["PolicyArn"], documents)
        return found or []

    def _managed(self, part: Part, arn: str, documents: dict[str, Any]) -> None:
        def read() -> Any:
            version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            found = self._iam.get_policy_version(PolicyArn=arn, VersionId=version)
            return document_of(found["PolicyVersion"]["Document"])

        documents[arn] = self.tried(part, read, subject=arn)


def _other(entry: Mapping[str, Any]) -> Role:
    return Role(
        kind="",
        name=known(entry["RoleName"]),
        path=known(entry["Path"]),
        trust=trust_of(entry["AssumeRolePolicyDocument"]),
        policies=(),
    )


def _checked(role: Mapping[str, Any]) -> Mapping[str, Any]:
    if missing := _EVERY_ROLE_HAS - role.keys():
        # The response is not from AWS.
        raise KeyError(*missing)
    return {**role}
