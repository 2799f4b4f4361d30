"""Reads what ``verify`` compares from an account with boto3, with read-only calls."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import convert

from pump_roles.guardrails import APPROVAL_END
from pump_roles.iam.documents import Policy
from pump_roles.iam.values import Value, known
from pump_roles.review.account.responses import all_in, error_code, reason_of
from pump_roles.review.account.verify.details import (
    AccountDetails,
    AttachedPolicy,
    DescribedRole,
)
from pump_roles.role import Boundary, Part, Role, Unknown

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient

_MISSING: Final = "NoSuchEntity"
_MOST_PER_PAGE: Final = 1_000

_Document = dict[str, Any]

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
            {
                "Effect": "Allow",
                "Action": "scheduler:GetSchedule",
                "Resource": f"arn:{partition}:scheduler:*:*:schedule/default/{APPROVAL_END}",
            },
        ],
    }


def read_account(
    iam: "IAMClient", names: Collection[str], *, account: str, partition: str
) -> AccountDetails:
    """Read some roles of an account, and the trust policies of all others."""
    listed: dict[str, DescribedRole] | None = None
    unknown: tuple[Unknown, ...] = ()
    try:
        size = {"PageSize": _MOST_PER_PAGE}
        found = all_in(iam, "list_roles", "Roles", PaginationConfig=size)
        roles_in_list = (convert(role, DescribedRole) for role in found)
        listed = {role.role_name.casefold(): role for role in roles_in_list}
    except Exception as error:  # noqa: BLE001
        detail = reason_of(error, iam)
        unknown = (Unknown(part="other-roles", why="not-read", detail=detail),)
    described = {**(listed or {})}
    roles = {name: role.as_role() for name, role in described.items()}
    missing: dict[str, Unknown] = {}
    for name in names:
        key = name.casefold()
        if listed is not None and key not in listed:
            continue
        reader = _RoleReader(iam, name, described.get(key))
        if (read := reader.read()) is not None:
            roles[key], described[key] = read
        # If roles could not be listed, IAM says here that it does not exist.
        elif reader.unknown[0].why != "changed":
            missing[key] = reader.unknown[0]
    return AccountDetails(
        account=account,
        partition=partition,
        roles=tuple(roles.values()),
        described={role.role_name: role for role in described.values()},
        missing=missing,
        unknown=unknown,
    )


class _RoleReader:
    """Reads a role. What cannot be read must not hide the rest."""

    def __init__(self, iam: "IAMClient", name: str, listed: DescribedRole | None) -> None:
        self._iam = iam
        self._listed = listed
        # As it is listed, its name may be in another case.
        self._name = listed.role_name if listed else name
        self.unknown: list[Unknown] = []

    def read(self) -> tuple[Role, DescribedRole] | None:
        call = partial(self._iam.get_role, RoleName=self._name)
        described = self._try("role", DescribedRole, lambda: call()["Role"])
        role = described or self._listed
        if role is None:
            return None
        boundary = None
        session: int | Value = role.max_session_duration or Value("not-read", why="not-read")
        if described is None:
            # What the list of roles leaves out is not known, either.
            (reason,) = self.unknown
            self.unknown = [replace(reason, part="tags")]
            session = Value("not-read", reason.detail, "not-read")
            boundary = Boundary(arn=session)
        elif arn := role.boundary_arn:
            boundary = Boundary(arn=known(arn), document=self._managed("boundary", arn))
        policies = [*self._inline(), *self._attached()]
        unknown = tuple(self.unknown)
        found = role.as_role(policies, boundary=boundary, session=session, unknown=unknown)
        return found, role

    def _try(
        self, part: Part, type_: type[_T], call: Callable[[], Any], subject: str = ""
    ) -> _T | None:
        try:
            return convert(call(), type_)
        except Exception as error:  # noqa: BLE001
            # botocore can raise anything if the response is not from AWS.
            unknown = Unknown(part=part, why="changed", subject=subject)
            # If it does not exist, it did when it was listed.
            if error_code(error) != _MISSING:
                unknown = replace(unknown, why="not-read", detail=reason_of(error, self._iam))
            self.unknown.append(unknown)
            return None

    def _inline(self) -> Iterator[Policy]:
        def read(name: str) -> Any:
            return self._iam.get_role_policy(RoleName=self._name, PolicyName=name)["PolicyDocument"]

        part: Part = "inline-policies"
        listed = all_in(self._iam, "list_role_policies", "PolicyNames", RoleName=self._name)
        for name in self._try(part, list[str], lambda: [*listed]) or ():
            document = self._try(part, _Document, partial(read, name), name)
            yield Policy(name=name, document=document)

    def _attached(self) -> Iterator[Policy]:
        part: Part = "managed-policies"
        call = "list_attached_role_policies"
        listed = all_in(self._iam, call, "AttachedPolicies", RoleName=self._name)
        for policy in self._try(part, list[AttachedPolicy], lambda: [*listed]) or ():
            yield policy.as_policy(self._managed(part, policy.policy_arn))

    def _managed(self, part: Part, arn: str) -> Any:
        def read() -> Any:
            version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            found = self._iam.get_policy_version(PolicyArn=arn, VersionId=version)
            return found["PolicyVersion"]["Document"]

        return self._try(part, _Document, read, arn)
