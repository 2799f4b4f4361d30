"""Prepares an account's roles for the permission report."""

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from pump_roles.account.verify.details import AccountDetails, RoleDetails
from pump_roles.account.verify.policies import as_shipped, attached, inline, name_in_report
from pump_roles.iam.trust import assumption, principals_of
from pump_roles.iam.values import as_mapping
from pump_roles.published import ROLES
from pump_roles.templates import Contents, InputError, Other, Role
from pump_roles.templates.boundary import boundary
from pump_roles.templates.masking import Mask
from pump_roles.templates.other_access import roles_of_account
from pump_roles.templates.roles import HOUR, kind_of
from pump_roles.templates.template import Template

__all__ = ["contents_of"]


def contents_of(details: AccountDetails, names: Collection[str]) -> Contents:
    """Return what an account has, as if it were read from templates.

    :param details: the account.
    :param names: the names of Pump's roles in it.
    :raises InputError: if it has none of them, or two of the same kind.
    """
    found = [role for name in names if (role := details.role(name)) is not None]
    roles: dict[str, Role] = {}
    for role in found:
        read = _role(role, details)
        if read.kind in roles:
            raise InputError(
                f"the account {details.account} has two {read.kind} roles, "
                f"{roles[read.kind].name} and {read.name}; a report covers one of each kind"
            )
        roles[read.kind] = read
    if not roles:
        reasons = "".join(f"; {reason}" for reason in details.missing.values())
        raise InputError(
            f"the account {details.account} has no role named {' or '.join(names)}{reasons}"
        )
    contents = Contents(
        roles=tuple(roles[kind] for kind in ROLES if kind in roles),
        others=tuple(_others(details, found)),
        unreadable=(*details.unreadable, *details.missing.values()),
    )
    return Mask(details.external_ids).masked(contents)


def _role(role: RoleDetails, details: AccountDetails) -> Role:
    of_role, managed = inline(role), attached(role, details)
    named = [
        *of_role.values(),
        *((name_in_report(name, managed=True), document) for name, document in managed.values()),
    ]
    documents = [(name, document) for name, document in named if isinstance(document, dict)]
    source = f"account {details.account}"
    digest = sha256(json.dumps(asdict(role), sort_keys=True).encode()).hexdigest()
    kind = kind_of([role.name], documents)
    if kind is None:
        raise InputError(
            f"the role {role.name} of the account {details.account} is not one of Pump's: it has "
            "neither the name nor a policy of one"
        )
    return Role(
        kind=kind,
        name=role.name,
        trust=assumption(role.trust_policy, {}),
        policies=tuple(
            (name, as_shipped(kind, name, document, details.partition))
            for name, document in documents
        ),
        boundary=_boundary(role, details),
        unreadable=tuple(_unreadable(role, [name for name, _ in named], documents)),
        source=source,
        sha256=digest,
        files=((source, digest),),
    )


def _unreadable(
    role: RoleDetails, names: Collection[str], documents: Collection[tuple[str, object]]
) -> Iterator[str]:
    yield from role.unreadable
    readable = {name for name, _ in documents}
    yield from (f"the policy {name} cannot be read" for name in names if name not in readable)
    if role.session_seconds is None:
        yield "its maximum session duration is not known"
    elif role.session_seconds != HOUR:
        yield f"its sessions may last {role.session_seconds} seconds instead of {HOUR}"


def _boundary(role: RoleDetails, details: AccountDetails) -> str:
    if role.boundary is None:
        return ""
    source = Path(f"account {details.account}")
    template = Template(content={}, file=source, sha256="", account=details.account)
    return boundary(role.boundary.arn, template)


def _others(details: AccountDetails, own: Collection[RoleDetails]) -> Iterator[Other]:
    names = {role.name for role in own}
    yield from roles_of_account(
        {name: policy for name, policy in details.trust_policies.items() if name not in names},
        account=details.account,
        names=names,
        principals={
            principal
            for role in own
            for principal in principals_of(as_mapping(role.trust_policy))
            if isinstance(principal, str)
        },
    )
