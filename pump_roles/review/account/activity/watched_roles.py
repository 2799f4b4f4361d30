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


@dataclass(frozen=True, kw_only=True, eq=False)
class Sought:
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
            return arn == self.arn and account == arn.split(":")[4]
        parts = arn.split(":", 5)
        return parts[2:5] == ["iam", "", account] and parts[-1] in self.resources


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The roles whose events are looked for."""

    sought: tuple[Sought, ...]
    hidden: frozenset[str] = frozenset()

    @property
    def given_account(self) -> str:
        """The account of the ARNs that are given; empty if none is."""
        return next((role.arn.split(":")[4] for role in self.sought if role.arn), "")


def published_roles() -> Roles:
    """Return the roles as Pump publishes them."""
    return Roles(
        sought=tuple(
            Sought(role=published_role(kind), resources=frozenset({f"role/{role.name}"}))
            for kind, role in ROLES.items()
        )
    )


def roles_in(path: Path) -> Roles:
    """Return the roles in a template, or in the templates of a folder."""
    read = read_templates(path)
    sought = []
    for variants in read.variants:
        role = variants[0].role
        if not role.name.is_known or any(
            variant.role.is_unknown("name") or variant.role.is_unknown("path")
            for variant in variants
        ):
            raise InputError(f"{path}: the name of the {role.kind} role cannot be read")
        resources = {f"role{variant.role.path.text}{role.name.text}" for variant in variants}
        sought.append(Sought(role=role, resources=frozenset(resources), expected=True))
    return Roles(sought=tuple(sought), hidden=read.external_ids)


def with_arns(roles: Roles, arns: Iterable[str]) -> Roles:
    """Return only the roles with some ARNs."""
    found = [_with_arn(roles, arn) for arn in dict.fromkeys(arns)]
    accounts = sorted({role.arn.split(":")[4] for role in found})
    if len(accounts) > 1:
        raise InputError(f"--role-arn: the roles are in several accounts: {', '.join(accounts)}")
    return replace(roles, sought=tuple(found)) if found else roles


def _with_arn(roles: Roles, arn: str) -> Sought:
    name = arn.rpartition("/")[2]
    for sought in roles.sought:
        if sought.role.name.text == name:
            return replace(sought, arn=arn)
    names = " or ".join(sought.role.name.text for sought in roles.sought)
    raise InputError(f"{arn}: the name is not {names}; pass --expect with the role's template")
