"""Checks whether a role is gone from an account."""

from collections.abc import Iterator

from pump_roles.account.verify.details import AccountDetails, RoleDetails
from pump_roles.account.verify.expected import ExpectedRole
from pump_roles.account.verify.model import Difference, RoleResult
from pump_roles.templates.deployed import OPEN_EXTERNAL_ID

__all__ = ["removal"]

_STACK_NAME = "aws:cloudformation:stack-name"
"""The tag with the name of the stack that created a resource: CloudFormation Template Reference,
"Resource tags"."""

_STACK_SET_PREFIX = "StackSet-"
"""The prefix of the names of stacks that a StackSet created."""


def removal(expected: ExpectedRole, details: AccountDetails) -> RoleResult:
    """Return whether a role is gone. Any role with its name counts, whatever else differs.

    :param expected: the role that must not exist.
    :param details: what the account has.
    """
    role = details.role(expected.name)
    if role is not None:
        return RoleResult(
            kind=expected.kind,
            arn=details.arn(role.name, role.path),
            state="differs",
            differences=(_present(role),),
            last_used=role.last_used,
            last_used_region=role.last_used_region,
        )
    arn = details.arn(expected.name, expected.deployed.path)
    # Only the list of all roles shows a name in another case. The account's result says why that
    # could not be read.
    not_known = "whether it exists is not known" if details.unreadable else ""
    if reason := details.missing.get(expected.name.casefold(), not_known):
        return RoleResult(kind=expected.kind, arn=arn, state="unknown", unknown=(reason,))
    return RoleResult(kind=expected.kind, arn=arn, state="match", notes=tuple(_notes(expected)))


def _present(role: RoleDetails) -> Difference:
    stack = role.tags.get(_STACK_NAME, "")
    created = f"the stack {stack} created it"
    if stack.startswith(_STACK_SET_PREFIX):
        created += "; delete the stack instance, not the stack"
    return Difference(
        rule="role-present",
        effect="broader",
        subject="",
        what="the role still exists",
        details=(created,) if stack else (),
    )


def _notes(expected: ExpectedRole) -> Iterator[str]:
    yield "the role does not exist"
    if OPEN_EXTERNAL_ID in expected.external_ids:
        yield (
            "other roles that require its external ID were not searched for, because the ID is not "
            "known; set PUMP_EXTERNAL_ID, or pass --external-ids"
        )
