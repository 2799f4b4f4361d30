"""Reads what ``verify`` compares from an account with boto3, with read-only calls."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pump_roles.account.errors import error_code, reason_of
from pump_roles.account.verify.details import (
    AccountDetails,
    LastUse,
    document_of,
    last_use_of,
)
from pump_roles.iam.values import as_mapping
from pump_roles.role import HOUR, Boundary, Part, Policy, Role, Unknown
from pump_roles.templates.roles import kind_of

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

__all__ = ["policy_for_reading", "read_account"]

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

    What cannot be read is part of the result, in words; it raises nothing.

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
        unreadable: list[str] = []
        missing: dict[str, Unknown] = {}
        last_used: dict[str, LastUse] = {}
        listed = self._listed(unreadable)
        known = {name.casefold(): role for name, role in listed.items()}
        roles = []
        for name in names:
            role = self._role(name, known.get(name.casefold()), listed=not unreadable)
            if isinstance(role, Unknown):
                missing[name.casefold()] = role
            elif role is not None:
                roles.append(role[0])
                last_used[role[0].name] = role[1]
        return AccountDetails(
            account=self._account,
            partition=self._partition,
            roles=tuple(roles),
            trust_policies={
                name: document_of(role.get("AssumeRolePolicyDocument"))
                for name, role in listed.items()
            },
            paths={name: role["Path"] for name, role in listed.items()},
            last_used=last_used,
            missing=missing,
            unreadable=tuple(unreadable),
            calls=self._calls,
        )

    def _count(self, **_: object) -> None:
        self._calls += 1

    def _listed(self, unreadable: list[str]) -> Mapping[str, Mapping[str, Any]]:
        def read() -> Mapping[str, Mapping[str, Any]]:
            pages = self._iam.get_paginator("list_roles").paginate(
                PaginationConfig={"PageSize": _MOST_PER_PAGE}
            )
            return {role["RoleName"]: _checked(role) for page in pages for role in page["Roles"]}

        found, reason = self._try(read)
        if found is None:
            unreadable.append(f"the account's other roles could not be read: {reason}")
        return found or {}

    def _role(
        self, name: str, entry: Mapping[str, Any] | None, *, listed: bool
    ) -> tuple[Role, LastUse] | Unknown | None:
        # The role, or why it could not be read; nothing if it does not exist.
        if entry is None and listed:
            return None
        exact = name if entry is None else entry["RoleName"]
        described, reason = self._try(lambda: self._described(exact))
        if described is None and entry is None:
            gone = reason == _MISSING
            return None if gone else Unknown(part="role", why="not-read", detail=reason)
        role = as_mapping(described or entry)
        unknown: list[Unknown] = []
        if described is None:
            parts: tuple[Part, ...] = ("boundary", "session", "tags")
            unknown += [self._not_read(part, reason) for part in parts]
        boundary = as_mapping(role.get("PermissionsBoundary")).get("PermissionsBoundaryArn")
        policies = (*self._inline(exact, unknown), *self._attached(exact, unknown))
        seconds = role.get("MaxSessionDuration")
        if seconds is None and described is not None:
            unknown.append(Unknown(part="session", why="not-read"))
        found = Role(
            kind=kind_of([exact], policies) or "",
            name=exact,
            path=role["Path"],
            trust_policy=document_of(role.get("AssumeRolePolicyDocument")),
            policies=policies,
            boundary=None if boundary is None else self._boundary(boundary, unknown),
            session_seconds=HOUR if seconds is None else seconds,
            tags={tag["Key"]: tag["Value"] for tag in role.get("Tags", [])},
            unknown=tuple(unknown),
        )
        return found, last_use_of(role)

    def _described(self, name: str) -> Mapping[str, Any]:
        return _checked(self._iam.get_role(RoleName=name)["Role"])

    def _inline(self, role: str, unknown: list[Unknown]) -> tuple[Policy, ...]:
        def names() -> list[str]:
            pages = self._iam.get_paginator("list_role_policies").paginate(RoleName=role)
            return [name for page in pages for name in page["PolicyNames"]]

        found, reason = self._try(names)
        if found is None:
            unknown.append(self._not_read("inline-policies", reason))
            return ()
        return tuple(
            Policy(name=name, document=self._inline_document(role, name, unknown)) for name in found
        )

    def _inline_document(self, role: str, name: str, unknown: list[Unknown]) -> Any:
        document, reason = self._try(
            lambda: self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        )
        if document is None:
            unknown.append(self._not_read("inline-policies", reason, name))
        return document_of(document)

    def _attached(self, role: str, unknown: list[Unknown]) -> tuple[Policy, ...]:
        def policies() -> list[tuple[str, str]]:
            pages = self._iam.get_paginator("list_attached_role_policies").paginate(RoleName=role)
            return [
                (policy["PolicyName"], policy["PolicyArn"])
                for page in pages
                for policy in page["AttachedPolicies"]
            ]

        found, reason = self._try(policies)
        if found is None:
            unknown.append(self._not_read("managed-policies", reason))
            return ()
        attached = []
        for name, arn in found:
            document, reason = self._default_version(arn)
            if document is None:
                unknown.append(self._not_read("managed-policies", reason, arn))
            attached.append(Policy(name=name, arn=arn, document=document))
        return tuple(attached)

    def _boundary(self, arn: str, unknown: list[Unknown]) -> Boundary:
        document, reason = self._default_version(arn)
        if document is None:
            unknown.append(self._not_read("boundary", reason, arn))
        return Boundary(arn=arn, document=document)

    def _not_read(self, part: Part, reason: str, subject: str = "") -> Unknown:
        # It existed when it was listed.
        if reason == _MISSING:
            reason = "it changed while it was read; verify again"
        return Unknown(part=part, why="not-read", subject=subject, detail=reason)

    def _default_version(self, arn: str) -> tuple[Any, str]:
        def read() -> Any:
            version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            return document_of(
                self._iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"][
                    "Document"
                ]
            )

        return self._try(read)

    def _try(self, call: Callable[[], _T]) -> tuple[_T | None, str]:
        try:
            return call(), ""
        except Exception as error:  # noqa: BLE001
            # botocore can raise anything if the response is not from AWS. One part that cannot be
            # read must not hide the rest.
            if error_code(error) == _MISSING:
                return None, _MISSING
            return None, reason_of(error, self._iam)


def _checked(role: Mapping[str, Any]) -> Mapping[str, Any]:
    if missing := _EVERY_ROLE_HAS - role.keys():
        # The response is not from AWS.
        raise KeyError(*missing)
    return {**role}
