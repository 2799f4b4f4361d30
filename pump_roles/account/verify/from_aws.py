"""Reads what ``verify`` compares from an account with boto3, with read-only calls."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pump_roles.account.responses import error_code, reason_of
from pump_roles.account.verify.details import (
    AccountDetails,
    LastUse,
    document_of,
    last_use_of,
    role_of,
)
from pump_roles.iam.documents import as_mapping
from pump_roles.role import Part, Role, Unknown

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

_MISSING: Final = "NoSuchEntity"
_MOST_PER_PAGE: Final = 1_000
_EVERY_ROLE_HAS: Final = {"AssumeRolePolicyDocument", "Path", "RoleName"}

_T = TypeVar("_T")


def policy_for_reading(names: Iterable[str], *, partition: str = "aws") -> dict[str, Any]:
    """Return the least-privilege policy for :func:`read_account` in an account.

    :param names: the names of the roles that are expected there.
    :param partition: the account's partition.
    """
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
    """Read some roles of an account, and the trust policies of all others.

    What cannot be read is part of the result; it raises nothing.

    :param iam: a client of the account.
    :param names: the names of the roles.
    :param account: the account's ID.
    :param partition: its partition.
    """
    return _Reader(iam, account, partition).read(names)


class _Reader:
    def __init__(self, iam: "IAMClient", account: str, partition: str) -> None:
        self._iam = iam
        self._account = account
        self._partition = partition
        self._calls = 0
        iam.meta.events.register("before-call.iam", self._count)

    def read(self, names: Collection[str]) -> AccountDetails:
        missing: dict[str, Unknown] = {}
        last_used: dict[str, LastUse] = {}
        entries, reason = self._try(self._listed)
        listed = {entry["RoleName"]: entry for entry in entries or ()}
        known = {name.casefold(): entry for name, entry in listed.items()}
        roles = []
        for name in names:
            entry = known.get(name.casefold())
            if entry is None and entries is not None:
                continue
            role = self._role_or_reason(name if entry is None else entry["RoleName"], entry)
            if not isinstance(role, Unknown):
                roles.append(role[0])
                last_used[role[0].name] = role[1]
            elif role.why != "absent":
                missing[name.casefold()] = role
        return AccountDetails(
            account=self._account,
            partition=self._partition,
            roles=tuple(roles),
            others=tuple(_other(entry) for name, entry in listed.items() if name not in last_used),
            last_used=last_used,
            missing=missing,
            unknown=() if entries is not None else (_not_read("other-roles", reason),),
            calls=self._calls,
        )

    def _count(self, **_: object) -> None:
        self._calls += 1

    def _all(self, operation: Any, member: str, **arguments: Any) -> list[Any]:
        pages = self._iam.get_paginator(operation).paginate(**arguments)
        return [found for page in pages for found in page[member]]

    def _listed(self) -> list[Mapping[str, Any]]:
        size = {"PageSize": _MOST_PER_PAGE}
        return [*map(_checked, self._all("list_roles", "Roles", PaginationConfig=size))]

    def _role_or_reason(
        self, name: str, listed: Mapping[str, Any] | None
    ) -> tuple[Role, LastUse] | Unknown:
        found, reason = self._try(lambda: self._role(name, listed))
        return _not_read("role", reason) if found is None else found

    def _role(self, name: str, listed: Mapping[str, Any] | None) -> tuple[Role, LastUse] | Unknown:
        described, reason = self._try(lambda: _checked(self._iam.get_role(RoleName=name)["Role"]))
        entry = described or listed
        if entry is None:
            absent = Unknown(part="role", why="absent")
            return absent if reason == _MISSING else _not_read("role", reason)
        unknown: list[Unknown] = []
        documents: dict[str, Any] = {}
        if described is None:
            parts: tuple[Part, ...] = ("boundary", "session", "tags")
            unknown += [_not_read(part, reason) for part in parts]
        boundary = as_mapping(entry.get("PermissionsBoundary")).get("PermissionsBoundaryArn")
        if boundary is not None:
            self._managed(boundary, "boundary", documents, unknown)
        role = role_of(
            {
                **entry,
                "RolePolicyList": self._inline(name, unknown),
                "AttachedManagedPolicies": self._attached(name, documents, unknown),
            },
            documents,
            unknown,
            missing="not-read",
        )
        return role, last_use_of(entry)

    def _inline(self, role: str, unknown: list[Unknown]) -> list[Mapping[str, Any]]:
        found, reason = self._try(
            lambda: self._all("list_role_policies", "PolicyNames", RoleName=role)
        )
        if found is None:
            unknown.append(_not_read("inline-policies", reason))
        policies: list[Mapping[str, Any]] = []
        for name in found or ():
            document, reason = self._inline_document(role, name)
            if document is None:
                unknown.append(_not_read("inline-policies", reason, name))
            policies.append({"PolicyName": name, "PolicyDocument": document})
        return policies

    def _inline_document(self, role: str, name: str) -> tuple[Any, str]:
        return self._try(
            lambda: self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        )

    def _attached(
        self, role: str, documents: dict[str, Any], unknown: list[Unknown]
    ) -> list[Mapping[str, Any]]:
        found, reason = self._try(
            lambda: self._all("list_attached_role_policies", "AttachedPolicies", RoleName=role)
        )
        if found is None:
            unknown.append(_not_read("managed-policies", reason))
        for policy in found or ():
            self._managed(policy["PolicyArn"], "managed-policies", documents, unknown)
        return found or []

    def _managed(
        self, arn: str, part: Part, documents: dict[str, Any], unknown: list[Unknown]
    ) -> None:
        def read() -> Any:
            version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            found = self._iam.get_policy_version(PolicyArn=arn, VersionId=version)
            return document_of(found["PolicyVersion"]["Document"])

        document, reason = self._try(read)
        if document is None:
            unknown.append(_not_read(part, reason, arn))
        else:
            documents[arn] = document

    def _try(self, call: Callable[[], _T]) -> tuple[_T | None, str]:
        try:
            return call(), ""
        except Exception as error:  # noqa: BLE001
            # botocore can raise anything if the response is not from AWS. One part that cannot be
            # read must not hide the rest.
            if error_code(error) == _MISSING:
                return None, _MISSING
            return None, reason_of(error, self._iam)


def _not_read(part: Part, reason: str, subject: str = "") -> Unknown:
    # It existed when it was listed.
    if reason == _MISSING:
        return Unknown(part=part, why="changed", subject=subject)
    return Unknown(part=part, why="not-read", subject=subject, detail=reason)


def _other(entry: Mapping[str, Any]) -> Role:
    return Role(
        kind="",
        name=entry["RoleName"],
        path=entry["Path"],
        trust_policy=document_of(entry["AssumeRolePolicyDocument"]),
        policies=(),
    )


def _checked(role: Mapping[str, Any]) -> Mapping[str, Any]:
    if missing := _EVERY_ROLE_HAS - role.keys():
        # The response is not from AWS.
        raise KeyError(*missing)
    return {**role}
