"""Pump's roles whose events are looked for, and whether one issued the session of an event."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pump_roles import templates
from pump_roles.iam.catalog import shipped
from pump_roles.iam.decisions import PolicyEvaluator
from pump_roles.json_input import InputError
from pump_roles.published import ROLES
from pump_roles.role import Role, published_role
from pump_roles.validators import account_of


@dataclass(frozen=True, kw_only=True, eq=False)
class WatchedRole:
    """A role whose events are looked for."""

    role: Role
    names: frozenset[str]
    expected: bool = False
    arns: tuple[str, ...] = ()

    @cached_property
    def evaluator(self) -> PolicyEvaluator:
        """Evaluates what its policies decide."""
        return PolicyEvaluator(self.role.policies, shipped())

    def is_issuer(self, arn: str, account: str) -> bool:
        """Return whether it issued a session. A role of another account never did.

        An account has no two roles with one name, whatever their paths and the case of their names
        (IAM API Reference, "CreateRole").
        """
        parts = arn.split(":", 5)
        return (
            parts[2:5] == ["iam", "", account]
            and (not self.arns or account in map(account_of, self.arns))
            and parts[5].startswith("role/")
            and parts[5].rpartition("/")[2].casefold() in map(str.casefold, self.names)
        )


@dataclass(frozen=True, kw_only=True)
class WatchedRoles:
    """The roles whose events are looked for."""

    roles: tuple[WatchedRole, ...]
    hidden: frozenset[str] = frozenset()

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts of the ARNs that were passed."""
        return frozenset(account_of(arn) for watched in self.roles for arn in watched.arns)


def published_roles() -> WatchedRoles:
    """Return the roles as Pump publishes them."""
    return WatchedRoles(
        roles=tuple(
            WatchedRole(role=published_role(kind), names=frozenset({role.name}))
            for kind, role in ROLES.items()
        )
    )


def roles_in(path: Path) -> WatchedRoles:
    """Return the roles in a template, or in the templates of a folder, and the published ones."""
    contents = templates.read(path)
    watched = []
    for variants in contents.variants:
        roles = [variant.role for variant in variants]
        if any(not role.name.is_known or role.is_unknown("name") for role in roles):
            raise InputError(f"{path}: the name of the {roles[0].kind} role cannot be read")
        names = frozenset(role.name.text for role in roles)
        watched.append(WatchedRole(role=roles[0], names=names, expected=True))
    taken = {name.casefold() for expected in watched for name in expected.names}
    # A role that is not expected may still be there.
    others = [
        other
        for other in published_roles().roles
        if not taken & set(map(str.casefold, other.names))
    ]
    return WatchedRoles(roles=(*watched, *others), hidden=contents.external_ids)


def with_arns(roles: WatchedRoles, arns: Iterable[str]) -> WatchedRoles:
    """Return only the roles with some ARNs."""
    found: dict[WatchedRole, list[str]] = {}
    for arn in dict.fromkeys(arns):
        of_name = [watched for watched in roles.roles if watched.is_issuer(arn, account_of(arn))]
        if not of_name:
            names = " or ".join(name for watched in roles.roles for name in watched.names)
            raise InputError(
                f"{arn}: the name is not {names}; pass --expect with the role's template"
            )
        found.setdefault(of_name[0], []).append(arn)
    chosen = (replace(watched, arns=tuple(of_role)) for watched, of_role in found.items())
    return replace(roles, roles=tuple(chosen)) if found else roles
