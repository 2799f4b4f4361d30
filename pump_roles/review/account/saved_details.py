"""Reads the roles of accounts from saved output of the AWS CLI.

It is the output of ``aws iam get-account-authorization-details`` and ``aws iam get-role``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from pump_roles.iam.identity_policies import Value
from pump_roles.inputs.text import InputError, read_json
from pump_roles.inputs.validators import account_of, partition_of
from pump_roles.review.account.account_details import (
    AccountDetails,
    AttachedPolicy,
    Described,
    DescribedRole,
    read_boundary,
    read_policy,
    read_trust_policy,
)
from pump_roles.review.account.organization import AccountUnknown
from pump_roles.role.iam_role import Boundary, Role
from pump_roles.role.unknowns import RolePart, RoleUnknown

_AnyRole = TypeVar("_AnyRole", bound=DescribedRole)


class _DescribedInlinePolicy(Described):
    policy_name: str
    policy_document: dict[str, Any]


class _SavedRole(DescribedRole, kw_only=True):
    role_policy_list: tuple[_DescribedInlinePolicy, ...]
    attached_managed_policies: tuple[AttachedPolicy, ...]


class _Version(Described):
    version_id: str
    document: dict[str, Any]


class _DescribedManagedPolicy(Described):
    arn: str
    default_version_id: str
    policy_version_list: tuple[_Version, ...] = ()


class _SavedFile(Described):
    role_detail_list: tuple[_SavedRole, ...] = ()
    policies: tuple[_DescribedManagedPolicy, ...] = ()
    is_truncated: bool = False
    marker: str = ""
    # With --max-items, the AWS CLI writes it instead of the other two.
    next_token: str = ""
    role: DescribedRole | None = None


_ROLES: Final = "aws iam get-account-authorization-details"
_COMMANDS: Final = f"{_ROLES} or aws iam get-role"


def read_files(files: Iterable[Path]) -> tuple[AccountDetails, ...]:
    """Read the roles of accounts from saved output of the AWS CLI, in any order."""
    saved = [(file, _read_file(file)) for file in files]
    described = _index((file, content.role) for file, content in saved if content.role)
    roles = _index((file, role) for file, content in saved for role in content.role_detail_list)
    documents = _documents(saved)
    in_account: dict[str, list[tuple[_SavedRole, DescribedRole | None]]] = {}
    for (account, name), (_, role) in roles.items():
        _, session = described.pop((account, name), (None, None))
        in_account.setdefault(account, []).append((role, session))
    for file, _ in described.values():
        raise InputError(f"{file}: the role is in none of the files from {_ROLES}")
    return tuple(
        AccountDetails(
            account=account,
            partition=partition_of(listed[0][0].arn),
            organization=AccountUnknown(part="membership", why="not-in-files"),
            roles=tuple(_saved_role(role, session, documents) for role, session in listed),
            described={role.role_name: role for role, _ in listed},
        )
        for account, listed in in_account.items()
    )


def _read_file(file: Path) -> _SavedFile:
    content, _ = read_json(file, f"the output of {_COMMANDS}")
    try:
        saved = msgspec.convert(content, _SavedFile)
    except msgspec.ValidationError as error:
        raise InputError(f"{file}: is not the output of {_COMMANDS}: {error}") from None
    if not (saved.role_detail_list or saved.role):
        raise InputError(f"{file}: has no roles; pass the output of {_COMMANDS}")
    if saved.is_truncated or saved.marker or saved.next_token:
        raise InputError(f"{file}: is truncated; save the whole output")
    return saved


def _index(roles: Iterable[tuple[Path, _AnyRole]]) -> dict[tuple[str, str], tuple[Path, _AnyRole]]:
    by_name: dict[tuple[str, str], tuple[Path, _AnyRole]] = {}
    for file, role in roles:
        key = (account_of(role.arn), role.role_name.casefold())
        if key in by_name:
            raise InputError(f"{file}: a role is listed twice, or is also in another file")
        by_name[key] = file, role
    return by_name


def _documents(saved: Iterable[tuple[Path, _SavedFile]]) -> dict[str, Any]:
    documents: dict[str, Any] = {}
    for file, content in saved:
        listed: set[str] = set()
        for policy in content.policies:
            versions = {each.version_id: each.document for each in policy.policy_version_list}
            document = versions.get(policy.default_version_id)
            # Each account has the same AWS managed policies.
            is_shared = policy.arn not in listed and ":aws:policy/" in policy.arn
            if policy.arn in documents and not (is_shared and documents[policy.arn] == document):
                raise InputError(
                    f"{file}: a managed policy is listed twice, or is also in another file"
                )
            listed.add(policy.arn)
            documents[policy.arn] = document
    return {arn: document for arn, document in documents.items() if document is not None}


def _saved_role(
    saved: _SavedRole, described: DescribedRole | None, documents: Mapping[str, Any]
) -> Role:
    inline = (
        read_policy(policy.policy_document, policy.policy_name) for policy in saved.role_policy_list
    )
    attached = [
        policy.as_policy(documents.get(policy.policy_arn))
        for policy in saved.attached_managed_policies
    ]
    boundary = saved.boundary_arn
    needed: list[tuple[RolePart, str]] = [("managed-policies", policy.arn) for policy in attached]
    needed += [("boundary", boundary)] if boundary else []
    differing = {*_differing(saved, described)} if described else set()
    either = Value("not-read", why="files-differ")
    values: dict[str, Any] = {"path": either, "session": either, "boundary": Boundary(arn=either)}
    seconds = described.max_session_duration if described else None
    role = saved.as_role(
        (*inline, *attached),
        boundary=read_boundary(boundary, documents.get(boundary)) if boundary else None,
        session=seconds or Value("not-read", saved.role_name, "not-in-files"),
        unknown=(
            *(
                RoleUnknown(part=part, why="files-differ")
                for part in sorted(differing - values.keys())
            ),
            *(
                RoleUnknown(part=part, why="not-in-files", subject=arn)
                for part, arn in needed
                if arn not in documents
            ),
        ),
    )
    return replace(role, **{part: values[part] for part in differing & values.keys()})


def _differing(saved: DescribedRole, described: DescribedRole) -> Iterator[RolePart]:
    # What two files say differently about one role.
    members: dict[RolePart, Callable[[DescribedRole], Any]] = {
        "path": lambda role: role.path,
        "trust-policy": lambda role: read_trust_policy(role.assume_role_policy_document),
        "tags": lambda role: {(tag.key, tag.value) for tag in role.tags},
        "boundary": lambda role: role.boundary_arn,
        "session": lambda role: role.max_session_duration,
    }
    for part, read in members.items():
        first, second = read(saved), read(described)
        if first != second and None not in (first, second):
            yield part
