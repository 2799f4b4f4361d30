"""Pump's roles whose events are looked for, and whether one issued the session of an event."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pump_roles.iam.catalog import shipped
from pump_roles.iam.decisions import PolicyEvaluator
from pump_roles.json_input import InputError
from pump_roles.published import ROLES
from pump_roles.review.role import Role, published_role
from pump_roles.review.templates.reading import read_templates
from pump_roles.validators import account_of


@dataclass(frozen=True, kw_only=True, eq=False)
class WatchedRole:
    """A role whose events are looked for."""

    role: Role
    resources: frozenset[str]
    expected: bool = False
    arn: str = ""

    @cached_property
    def evaluator(self) -> PolicyEvaluator:
        """Evaluates what its policies decide."""
        return PolicyEvaluator(self.role.policies, shipped())

    def is_issuer(self, arn: str, account: str) -> bool:
        """Return whether it issued a session. A role of another account never did."""
        if self.arn:
            return arn == self.arn and account == account_of(arn)
        parts = arn.split(":", 5)
        return parts[2:5] == ["iam", "", account] and parts[-1] in self.resources


@dataclass(frozen=True, kw_only=True)
class WatchedRoles:
    """The roles whose events are looked for."""

    roles: tuple[WatchedRole, ...]
    hidden: frozenset[str] = frozenset()

    @property
    def account(self) -> str:
        """The account of the ARNs that were passed; empty if none was."""
        return next((account_of(watched.arn) for watched in self.roles if watched.arn), "")


def published_roles() -> WatchedRoles:
    """Return the roles as Pump publishes them."""
    return WatchedRoles(
        roles=tuple(
            WatchedRole(role=published_role(kind), resources=frozenset({f"role/{role.name}"}))
            for kind, role in ROLES.items()
        )
    )


def roles_in(path: Path) -> WatchedRoles:
    """Return the roles in a template, or in the templates of a folder."""
    contents = read_templates(path)
    watched = []
    for variants in contents.variants:
        roles = [variant.role for variant in variants]
        role = roles[0]
        if not role.name.is_known or any(
            each.is_unknown("name") or each.is_unknown("path") for each in roles
        ):
            raise InputError(f"{path}: the name of the {role.kind} role cannot be read")
        resources = frozenset(f"role{each.path.text}{role.name.text}" for each in roles)
        watched.append(WatchedRole(role=role, resources=resources, expected=True))
    return WatchedRoles(roles=tuple(watched), hidden=contents.external_ids)


def with_arns(roles: WatchedRoles, arns: Iterable[str]) -> WatchedRoles:
    """Return only the roles with some ARNs."""
    by_name = {watched.role.name.text: watched for watched in roles.roles}
    found = []
    for arn in dict.fromkeys(arns):
        name = arn.rpartition("/")[2]
        if name not in by_name:
            names = " or ".join(by_name)
            raise InputError(
                f"{arn}: the name is not {names}; pass --expect with the role's template"
            )
        found.append(replace(by_name[name], arn=arn))
    accounts = sorted({account_of(watched.arn) for watched in found})
    if len(accounts) > 1:
        raise InputError(f"--role-arn: the roles are in several accounts: {', '.join(accounts)}")
    return replace(roles, roles=tuple(found)) if found else roles
