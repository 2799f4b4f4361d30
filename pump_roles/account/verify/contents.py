"""Prepares an account's roles for the permission report."""

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, replace
from hashlib import sha256

from pump_roles.account.verify.details import AccountDetails
from pump_roles.iam.trust import assumption, principals_of
from pump_roles.iam.values import as_mapping
from pump_roles.json_input import InputError
from pump_roles.published import ROLES
from pump_roles.role import Role
from pump_roles.templates import Contents, FoundRole, Other
from pump_roles.templates.other_access import roles_of_account

__all__ = ["contents_of"]


def contents_of(details: AccountDetails, names: Collection[str]) -> Contents:
    """Return what an account has, for a report.

    :param details: the account.
    :param names: the names of Pump's roles in it.
    :raises InputError: if it has none of them, or two of the same kind.
    """
    found = [role for name in names if (role := details.role(name)) is not None]
    roles: dict[str, FoundRole] = {}
    for role in found:
        if not role.kind:
            raise InputError(
                f"the role {role.name} of the account {details.account} is not one of Pump's: it "
                "has neither the name nor a policy of one"
            )
        if role.kind in roles:
            raise InputError(
                f"the account {details.account} has two {role.kind} roles, "
                f"{roles[role.kind].role.name} and {role.name}; a report covers one of each kind"
            )
        roles[role.kind] = _found(role, details)
    if not roles:
        reasons = "".join(f"; {reason.detail}" for reason in details.missing.values())
        raise InputError(
            f"the account {details.account} has no role named {' or '.join(names)}{reasons}"
        )
    return Contents(
        roles=tuple(roles[kind] for kind in ROLES if kind in roles),
        others=tuple(_others(details, found)),
        unreadable=(
            *details.unknown,
            *(
                replace(reason, source=name)
                for name in names
                if (reason := details.missing.get(name.casefold()))
            ),
        ),
        external_ids=details.external_ids,
    )


def _found(role: Role, details: AccountDetails) -> FoundRole:
    source = f"account {details.account}"
    digest = sha256(json.dumps(asdict(role), sort_keys=True).encode()).hexdigest()
    return FoundRole(
        role=role,
        files=((source, digest),),
        trust_sha256=assumption(role.trust_policy).sha256,
    )


def _others(details: AccountDetails, own: Collection[Role]) -> Iterator[Other]:
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
