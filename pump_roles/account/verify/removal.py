"""Checks whether a role is gone from an account."""

from collections.abc import Iterator

from pump_roles.account.verify.details import AccountDetails, LastUse
from pump_roles.account.verify.model import RoleResult
from pump_roles.compare import Difference
from pump_roles.iam.trust import OPEN_EXTERNAL_ID, external_ids_of
from pump_roles.iam.values import as_mapping
from pump_roles.role import Role, Unknown

__all__ = ["removal"]

_STACK_NAME = "aws:cloudformation:stack-name"
"""The tag with the name of the stack that created a resource: CloudFormation Template Reference,
"Resource tags"."""


def removal(expected: Role, details: AccountDetails) -> RoleResult:
    """Return whether a role is gone. Any role with its name counts, whatever else differs.

    :param expected: the role that must not exist.
    :param details: what the account has.
    """
    role = details.role(expected.name)
    if role is not None:
        used = details.last_used.get(role.name, LastUse())
        stack = role.tags.get(_STACK_NAME, "")
        present = Difference(rule="role-present", effect="broader", now=(stack,) if stack else ())
        return RoleResult(
            kind=expected.kind,
            arn=details.arn(role.name, role.path),
            state="differs",
            differences=(present,),
            last_used=used.when,
            last_used_region=used.region,
        )
    arn = details.arn(expected.name, expected.path)
    # Only the list of all roles shows a name in another case. The account's result says why that
    # could not be read.
    not_known = Unknown(part="role", why="existence") if details.unreadable else None
    if reason := details.missing.get(expected.name.casefold(), not_known):
        return RoleResult(kind=expected.kind, arn=arn, state="unknown", unknown=(reason,))
    return RoleResult(kind=expected.kind, arn=arn, state="match", notes=tuple(_notes(expected)))


def _notes(expected: Role) -> Iterator[Unknown]:
    yield Unknown(part="role", why="absent")
    if OPEN_EXTERNAL_ID in external_ids_of(as_mapping(expected.trust_policy)):
        yield Unknown(part="role", why="open")
