"""Reads what ``verify`` compares from an account with boto3, with read-only calls."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pump_roles.account.errors import error_code, reason_of
from pump_roles.account.verify.details import (
    AccountDetails,
    AttachedPolicy,
    Boundary,
    RoleDetails,
    document_of,
    moment,
)
from pump_roles.iam.values import as_mapping

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
        missing: dict[str, str] = {}
        listed = self._listed(unreadable)
        known = {name.casefold(): role for name, role in listed.items()}
        roles = []
        for name in names:
            role = self._role(name, known.get(name.casefold()), listed=not unreadable)
            if isinstance(role, RoleDetails):
                roles.append(role)
            elif role:
                missing[name.casefold()] = role
        return AccountDetails(
            account=self._account,
            partition=self._partition,
            roles=tuple(roles),
            trust_policies={
                name: document_of(role.get("AssumeRolePolicyDocument"))
                for name, role in listed.items()
            },
            paths={name: role["Path"] for name, role in listed.items()},
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
    ) -> RoleDetails | str:
        # The role, or why it could not be read; an empty string if it does not exist.
        if entry is None and listed:
            return ""
        exact = name if entry is None else entry["RoleName"]
        described, reason = self._try(lambda: self._described(exact))
        if described is None and entry is None:
            return "" if reason == _MISSING else f"it could not be read: {reason}"
        role = as_mapping(described or entry)
        unreadable = (
            [] if described is not None else [f"it could not be read: {self._explained(reason)}"]
        )
        used = as_mapping(role.get("RoleLastUsed"))
        boundary = as_mapping(role.get("PermissionsBoundary")).get("PermissionsBoundaryArn")
        return RoleDetails(
            name=exact,
            path=role["Path"],
            trust_policy=document_of(role.get("AssumeRolePolicyDocument")),
            inline=self._inline(exact, unreadable),
            attached=self._attached(exact, unreadable),
            boundary=None if boundary is None else self._boundary(boundary),
            session_seconds=role.get("MaxSessionDuration"),
            tags={tag["Key"]: tag["Value"] for tag in role.get("Tags", [])},
            last_used=moment(used.get("LastUsedDate")),
            last_used_region=used.get("Region", ""),
            described=described is not None,
            unreadable=tuple(unreadable),
        )

    def _described(self, name: str) -> Mapping[str, Any]:
        return _checked(self._iam.get_role(RoleName=name)["Role"])

    def _inline(self, role: str, unreadable: list[str]) -> tuple[tuple[str, Any], ...] | None:
        def names() -> list[str]:
            pages = self._iam.get_paginator("list_role_policies").paginate(RoleName=role)
            return [name for page in pages for name in page["PolicyNames"]]

        found, reason = self._try(names)
        if found is None:
            unreadable.append(f"its inline policies could not be read: {self._explained(reason)}")
            return None
        return tuple((name, self._inline_document(role, name, unreadable)) for name in found)

    def _inline_document(self, role: str, name: str, unreadable: list[str]) -> Any:
        document, reason = self._try(
            lambda: self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        )
        if document is None:
            unreadable.append(
                f"its inline policy {name} could not be read: {self._explained(reason)}"
            )
        return document_of(document)

    def _attached(self, role: str, unreadable: list[str]) -> tuple[AttachedPolicy, ...] | None:
        def policies() -> list[tuple[str, str]]:
            pages = self._iam.get_paginator("list_attached_role_policies").paginate(RoleName=role)
            return [
                (policy["PolicyName"], policy["PolicyArn"])
                for page in pages
                for policy in page["AttachedPolicies"]
            ]

        found, reason = self._try(policies)
        if found is None:
            unreadable.append(f"its managed policies could not be read: {self._explained(reason)}")
            return None
        attached = []
        for name, arn in found:
            document, reason = self._default_version(arn)
            if document is None:
                unreadable.append(
                    f"the managed policy {arn} could not be read: {self._explained(reason)}"
                )
            attached.append(AttachedPolicy(name=name, arn=arn, document=document))
        return tuple(attached)

    def _boundary(self, arn: str) -> Boundary:
        document, reason = self._default_version(arn)
        return Boundary(arn=arn, document=document, reason=self._explained(reason))

    def _default_version(self, arn: str) -> tuple[Any, str]:
        def read() -> Any:
            version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            return document_of(
                self._iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"][
                    "Document"
                ]
            )

        return self._try(read)

    def _explained(self, reason: str) -> str:
        # It existed when it was listed.
        return "it changed while it was read; verify again" if reason == _MISSING else reason

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
