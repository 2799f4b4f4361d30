"""What accounts are compared with: the published roles, or those of templates."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pump_roles.account.probe import partition_of
from pump_roles.account.targets import Target
from pump_roles.published import ROLES
from pump_roles.templates import InputError, Role, read_deployed
from pump_roles.templates.canonical import account_of_root, in_account
from pump_roles.templates.deployed import (
    OPEN_EXTERNAL_ID,
    OPEN_PRINCIPAL,
    DeployedPolicy,
    DeployedRole,
)
from pump_roles.templates.masking import Mask
from pump_roles.templates.trust import Assumption, external_ids_of, principals_of

__all__ = ["Expectation", "ExpectedRole", "from_published", "from_templates", "replaced"]


@dataclass(frozen=True, kw_only=True)
class ExpectedRole:
    """A role as it is expected in one account.

    :param kind: ``read-only`` or ``auto-pilot``.
    :param name: its name.
    :param deployed: everything about it, with what depends on the account filled in.
    :param external_ids: the external IDs that it must accept. One that is not known is
        :data:`~pump_roles.templates.deployed.OPEN_EXTERNAL_ID`.
    :param unreadable: what cannot be read of what is expected, in words.
    """

    kind: str
    name: str
    deployed: DeployedRole
    external_ids: tuple[str, ...] = field(repr=False)
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What accounts are compared with.

    :param description: what it is, in words.
    :param roles: each role, in all the ways in which it is deployed.
    :param principals: Pump's principals.
    :param hidden: the external IDs in it, which must not be shown.
    :param external_id: the external ID of every role that does not have one of its own, if known.
    :param external_ids: the external IDs of single roles, by partition, account and role name.
    :param boundary_document: the expected document of the permissions boundary; ``None`` if that of
        the templates, if they have one.
    :param allowed_tags: the keys of tags that a role may have in addition.
    :param across_accounts: whether a StackSet deploys any of the roles.
    :param removed: whether the accounts must have none of the roles.
    """

    description: str
    roles: tuple[tuple[DeployedRole, ...], ...]
    principals: frozenset[str]
    hidden: frozenset[str] = field(default=frozenset(), repr=False)
    external_id: str = field(default="", repr=False)
    external_ids: Mapping[tuple[str, str, str], str] = field(default_factory=dict, repr=False)
    boundary_document: Any = None
    allowed_tags: frozenset[str] = frozenset()
    across_accounts: bool = False
    removed: bool = False

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts that the templates name for stacks with one of the roles."""
        return frozenset(way.account for ways in self.roles for way in ways if way.account)

    @property
    def has_boundary(self) -> bool:
        """Whether any of the roles has a permissions boundary."""
        return any(way.boundary for ways in self.roles for way in ways)

    @cached_property
    def mask(self) -> Mask:
        """Masks the external IDs in it. Made once: for 10,000 of them, that takes a while."""
        return Mask(self.hidden)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the roles."""
        return tuple(ways[0].role.name for ways in self.roles)

    def only(self, kinds: Collection[str]) -> "Expectation":
        """Return the same with only some kinds of roles.

        :param kinds: the kinds; all if there are none.
        :raises InputError: if a role of one of these kinds is not expected.
        """
        if not kinds:
            return self
        known = {ways[0].role.kind: ways for ways in self.roles}
        for kind in kinds:
            if kind not in known:
                raise InputError(f"{self.description} does not contain the {kind} role")
        return replace(self, roles=tuple(ways for kind, ways in known.items() if kind in kinds))

    def absent(self) -> "Expectation":
        """Return the expectation that accounts have none of the roles, nor one of a published name.

        The latter may be left over from before a role had another name.
        """
        taken = {name.casefold() for name in self.names}
        published = tuple(
            (replace(ways[0], role=replace(role, name=ROLES[role.kind].name), path="/"),)
            for ways in self.roles
            for role in [ways[0].role]
            if ROLES[role.kind].name.casefold() not in taken
        )
        absent = replace(self, roles=(*self.roles, *published), removed=True)
        description = f"accounts without {' and '.join(absent.names)} ({self.description})"
        return replace(absent, description=description)

    def with_external_ids(
        self, targets: Iterable[Target], *, external_id: str = ""
    ) -> "Expectation":
        """Return the same with external IDs for what leaves them open.

        :param targets: roles with their external IDs.
        :param external_id: that of every other role; by default it is not known.
        :raises InputError: if a role is listed twice.
        """
        found: dict[tuple[str, str, str], str] = {}
        for target in targets:
            partition = partition_of(target.role_arn)
            key = (partition, target.account, target.role_name.casefold())
            if key in found:
                raise InputError(
                    f"the role {target.role_name} of account {target.account} is listed twice"
                )
            found[key] = target.external_id
        hidden = {*found.values(), external_id} - {""}
        return replace(
            self,
            external_ids=found,
            external_id=external_id,
            hidden=self.hidden | hidden,
        )

    def in_account(self, account: str, partition: str) -> tuple[tuple[ExpectedRole, ...], ...]:
        """Return the roles that are expected in an account, each in all the ways that it may be.

        :param account: the account's ID.
        :param partition: its partition.
        """
        return tuple(self._in_account(ways, account, partition) for ways in self.roles)

    def _in_account(
        self, ways: Sequence[DeployedRole], account: str, partition: str
    ) -> tuple[ExpectedRole, ...]:
        here = [way for way in ways if way.account == account]
        anywhere = [way for way in ways if not way.account]
        filled: list[DeployedRole] = []
        for way in here or anywhere or ways:
            one = replace(_filled(way, account, partition), account="", stack_set="")
            if one not in filled:
                filled.append(one)
        unreadable = []
        if len(filled) > 1:
            unreadable.append(
                "the templates deploy this role in different ways, such as with different external "
                "IDs; pass the template of one stack"
            )
        if not here and not anywhere:
            unreadable.append("the templates deploy this role only in other accounts")
        return tuple(self._expected(way, (partition, account), unreadable) for way in filled)

    def _expected(
        self, way: DeployedRole, place: tuple[str, str], problems: Iterable[str]
    ) -> ExpectedRole:
        role = way.role
        unreadable = [*role.unreadable, *way.unreadable, *problems]
        known = self.external_ids.get((*place, role.name.casefold()), self.external_id)
        open_ids = [str(one) for one in external_ids_of(way.trust_policy)]
        if self.external_ids and not known and OPEN_EXTERNAL_ID in open_ids:
            unreadable.append("the --external-ids file does not list this role")
        if known and known not in open_ids and OPEN_EXTERNAL_ID in open_ids:
            open_ids[open_ids.index(OPEN_EXTERNAL_ID)] = known
        elif known and known not in open_ids:
            unreadable.append(
                "the external ID that was passed for this role is not the one in the templates"
            )
        return ExpectedRole(
            kind=role.kind,
            name=role.name,
            deployed=way
            if self.boundary_document is None
            else replace(way, boundary_document=self.boundary_document),
            external_ids=tuple(open_ids),
            unreadable=tuple(unreadable),
        )


def from_published(principal: str) -> Expectation:
    """Expect the roles as Pump publishes them.

    :param principal: Pump's principal.
    """
    roles = tuple(
        (
            DeployedRole(
                role=Role(
                    kind=role.kind,
                    name=role.name,
                    trust=Assumption(principals=(principal,), external_id=True, problems=()),
                    policies=tuple((policy.name, policy.document) for policy in role.policies),
                ),
                trust_policy=_trust_policy(principal),
                policies=tuple(
                    DeployedPolicy(
                        name=policy.name,
                        managed=False,
                        document=policy.document,
                        filled=policy.document,
                    )
                    for policy in role.policies
                ),
            ),
        )
        for role in ROLES.values()
    )
    return Expectation(
        description="the published roles",
        roles=roles,
        principals=frozenset({principal}),
    )


def from_templates(path: Path, *, principal: str | None = None) -> Expectation:
    """Expect the roles of a template, or of the templates in a folder.

    :param path: a template's file, or a folder such as ``cdk.out``.
    :param principal: Pump's principal, if the templates leave it to a parameter. By default they
        do not.
    :raises InputError: if the templates cannot be read, contain none of Pump's roles, leave the
        principal to a parameter and none is passed, name another one, or do not name a role.
    """
    read = read_deployed(path)
    for ways in read.roles:
        if not all(way.role.name for way in ways):
            raise InputError(f"{path}: the name of the {ways[0].role.kind} role cannot be read")
    roles = tuple(
        tuple(_with_principal(way, principal, path, Mask(read.external_ids)) for way in ways)
        for ways in read.roles
    )
    principals = {text for ways in roles for way in ways for text in _principals(way)}
    return Expectation(
        description=Mask(read.external_ids).masked(path.name or str(path)),
        roles=roles,
        principals=frozenset(principals),
        hidden=read.external_ids,
        across_accounts=any(place.stack_set for place in read.contents.places),
    )


def _with_principal(
    way: DeployedRole, principal: str | None, path: Path, mask: Mask
) -> DeployedRole:
    named = _principals(way)
    if OPEN_PRINCIPAL not in named:
        # An account ID and the account's root are one principal.
        if principal is not None and [*map(account_of_root, named)] != [account_of_root(principal)]:
            shown = ", ".join(mask.masked(named))
            if not named:
                raise InputError(
                    f"{path}: the principal of the {way.role.kind} role cannot be read"
                )
            raise InputError(f"{path}: trusts {shown}; omit --principal, or pass that one")
        return way
    if principal is None:
        raise InputError(f"{path}: the principal is a template parameter; pass --principal")
    return replace(way, trust_policy=replaced(way.trust_policy, OPEN_PRINCIPAL, principal))


def replaced(value: Any, old: str, new: str) -> Any:
    """Return a JSON value with a text in it replaced wherever it is a whole value.

    :param value: the JSON value.
    :param old: the text.
    :param new: what replaces it.
    """
    if isinstance(value, list):
        return [replaced(element, old, new) for element in value]
    if isinstance(value, dict):
        return {key: replaced(member, old, new) for key, member in value.items()}
    return new if value == old else value


def _principals(way: DeployedRole) -> list[str]:
    found = principals_of(way.trust_policy)
    return [principal for principal in found if isinstance(principal, str)]


def _filled(way: DeployedRole, account: str, partition: str) -> DeployedRole:
    def fill(value: Any) -> Any:
        return in_account(value, account=account, partition=partition)

    return replace(
        way,
        path=fill(way.path),
        trust_policy=fill(way.trust_policy),
        policies=tuple(replace(policy, filled=fill(policy.filled)) for policy in way.policies),
        boundary=fill(way.boundary),
        boundary_document=fill(way.boundary_document),
        tags=fill(dict(way.tags)),
    )


def _trust_policy(principal: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": principal},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": OPEN_EXTERNAL_ID}},
            }
        ],
    }
