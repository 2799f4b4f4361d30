"""What accounts are compared with: the published roles, or those in templates."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pump_roles.guardrails import opening_tags
from pump_roles.iam.canonical import account_of_root, in_account
from pump_roles.iam.trust import OF_AWS
from pump_roles.iam.values import OPEN, Value, known
from pump_roles.json_input import InputError
from pump_roles.published import ROLES
from pump_roles.review.account.role_list import ListedRole
from pump_roles.review.account.verify.placement import Location, belongs
from pump_roles.review.masking import Mask
from pump_roles.review.role import ROOT, Boundary, Role, Unknown, published_role
from pump_roles.review.templates import Contents, FoundRole, Place
from pump_roles.review.templates.reading import read_templates
from pump_roles.validators import EXTERNAL_ID, PRINCIPAL, Text, partition_of


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What accounts are compared with."""

    description: str
    roles: tuple[tuple[FoundRole, ...], ...]
    principals: frozenset[str]
    hidden: frozenset[str] = field(default=frozenset(), repr=False)
    external_id: str = field(default="", repr=False)
    external_ids: Mapping[tuple[str, str, str], str] = field(default_factory=dict, repr=False)
    places: tuple[Place, ...] = ()
    removed: bool = False
    management_account: str = ""
    omitted: Mapping[str, str] = field(default_factory=dict)

    @property
    def across_accounts(self) -> bool:
        """Whether a StackSet deploys one of the roles to other accounts."""
        return any(place.stack_set for place in self.places)

    def belongs(self, kind: str, location: Location) -> bool | None:
        """Return whether a role is expected in an account; ``None`` if that is not known.

        Without places, it is expected in each account that is verified.
        """
        places = [place for place in self.places if place.kind == kind]
        return belongs(places, location) if places else True

    @property
    def units(self) -> frozenset[str]:
        """The organizational units that the templates target."""
        return frozenset(unit for place in self.places for unit in place.units)

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts that the templates name for stacks with one of the roles."""
        return frozenset(
            variant.account for variants in self.roles for variant in variants if variant.account
        )

    @cached_property
    def mask(self) -> Mask:
        """Masks its external IDs. Cached: with 10,000 IDs, building it is slow."""
        return Mask(self.hidden)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the roles."""
        return tuple(variants[0].role.name.text for variants in self.roles)

    def only(self, kinds: Collection[str]) -> "Expectation":
        """Return the expectation with only some kinds of roles."""
        if not kinds:
            return self
        of_kind = {variants[0].role.kind: variants for variants in self.roles}
        for kind in kinds:
            if kind not in of_kind:
                raise InputError(f"{self.description} does not contain the {kind} role")
        return replace(
            self,
            roles=tuple(variants for kind, variants in of_kind.items() if kind in kinds),
            omitted={
                variants[0].role.name.text: kind
                for kind, variants in of_kind.items()
                if kind not in kinds
            },
        )

    def absent(self) -> "Expectation":
        """Return the expectation that accounts have none of the roles.

        Roles with the published names must not exist either: they may be left over from before a
        role was renamed.
        """
        taken = {name.casefold() for name in self.names}
        published = tuple(
            (FoundRole(role=replace(role, name=known(ROLES[role.kind].name), path=ROOT)),)
            for variants in self.roles
            for role in [variants[0].role]
            if ROLES[role.kind].name.casefold() not in taken
        )
        absent = replace(self, roles=(*self.roles, *published), removed=True)
        description = f"accounts without {' and '.join(absent.names)} ({self.description})"
        return replace(absent, description=description)

    def with_external_ids(
        self, listed: Iterable[ListedRole], *, external_id: str = ""
    ) -> "Expectation":
        """Return the expectation with external IDs where the templates leave them open."""
        found: dict[tuple[str, str, str], str] = {}
        for role in listed:
            partition = partition_of(role.role_arn)
            key = (partition, role.account, role.role_name.casefold())
            if key in found:
                raise InputError(
                    f"the role {role.role_name} of account {role.account} is listed twice"
                )
            found[key] = role.external_id
        hidden = self.hidden.union({*found.values(), external_id} - {""})
        return replace(self, external_ids=found, external_id=external_id, hidden=hidden)

    def in_account(self, account: str, partition: str) -> tuple[tuple[Role, ...], ...]:
        """Return the roles that are expected in an account, each with its possible variants."""
        return tuple(self._in_account(variants, account, partition) for variants in self.roles)

    def _in_account(
        self, variants: Sequence[FoundRole], account: str, partition: str
    ) -> tuple[Role, ...]:
        here = [variant for variant in variants if variant.account == account]
        anywhere = [variant for variant in variants if not variant.account]
        filled: list[Role] = []
        for variant in here or anywhere or variants:
            in_place = _filled(variant.role, account, partition)
            if in_place not in filled:
                filled.append(in_place)
        unknown: list[Unknown] = []
        if len(filled) > 1:
            unknown.append(Unknown(part="role", why="several-variants"))
        return tuple(self._expected(role, (partition, account), unknown) for role in filled)

    def _expected(self, role: Role, place: tuple[str, str], problems: Iterable[Unknown]) -> Role:
        unknown = [*role.unknown, *problems]
        id_ = self.external_ids.get((*place, role.name.text.casefold()), self.external_id)
        is_open = OPEN.state in {value.state for value in role.trust.external_ids}
        to_fill = [id_] if id_ and known(id_) not in role.trust.external_ids else []
        if self.external_ids and not id_ and is_open:
            unknown.append(Unknown(part="role", why="external-id-not-listed"))
        elif to_fill and not is_open:
            unknown.append(Unknown(part="role", why="external-id-differs"))

        def filled(value: Value, validator: Text) -> Value:
            # During a rotation, the other one stays open.
            fills = validator is EXTERNAL_ID and value.state == "open" and to_fill
            return known(to_fill.pop()) if fills else value

        return replace(
            role,
            trust=role.trust.with_values(filled),
            # The customer may open the guardrails.
            tags={**dict.fromkeys(opening_tags(role.documents), OPEN), **role.tags},
            unknown=tuple(unknown),
        )


def from_published(principal: str) -> Expectation:
    """Return the expectation of the roles as Pump publishes them."""
    roles = tuple((FoundRole(role=_trusting(published_role(kind), principal)),) for kind in ROLES)
    principals = frozenset({principal})
    return Expectation(description="the published roles", roles=roles, principals=principals)


def from_templates(path: Path, *, principal: str | None = None) -> Expectation:
    """Return the expectation of the roles in a template, or in the templates of a folder."""
    read = read_templates(path)
    for variants in read.variants:
        if not all(variant.role.name.is_known for variant in variants):
            raise InputError(f"{path}: the name of the {variants[0].role.kind} role cannot be read")
    mask = Mask(read.external_ids)
    roles = tuple(
        tuple(_with_principal(variant, principal, path, mask) for variant in variants)
        for variants in read.variants
    )
    principals = {
        text for variants in roles for variant in variants for text in _principals(variant.role)
    }
    return Expectation(
        description=mask.masked(path.name or str(path)),
        roles=roles,
        principals=frozenset(principals),
        hidden=read.external_ids,
        places=_places(read, path),
    )


def _places(read: Contents, path: Path) -> tuple[Place, ...]:
    # The template of one stack, without the manifest, is for whichever account is verified.
    named = path.is_dir() or any(place.stack_set for place in read.places)
    return read.places if named else ()


def _with_principal(variant: FoundRole, principal: str | None, path: Path, mask: Mask) -> FoundRole:
    role = _opened(variant.role)
    named = _principals(role)
    if not any(who.kind == "provided" for who in role.trust.principals):
        # An account ID and the ARN of the account's root are the same principal.
        if principal is not None and named != [account_of_root(principal)]:
            shown = ", ".join(mask.masked(named))
            if not named:
                raise InputError(f"{path}: the principal of the {role.kind} role cannot be read")
            raise InputError(f"{path}: trusts {shown}; omit --principal, or pass that principal")
        return replace(variant, role=role)
    if principal is None:
        raise InputError(f"{path}: the principal is a template parameter; pass --principal")
    return replace(variant, role=_trusting(role, principal))


def _trusting(role: Role, principal: str) -> Role:
    def provided(value: Value, validator: Text) -> Value:
        is_open = validator is PRINCIPAL and value.state == "open"
        return known(principal) if is_open else value

    return replace(role, trust=role.trust.with_values(provided))


def _opened(role: Role) -> Role:
    # Whatever the deployment fills in is open, even if the parameter accepts more than it should:
    # the account has a value.
    def opened(value: Value, _validator: Text) -> Value:
        return replace(value, state="open") if value.state == "not-read" else value

    return replace(role, trust=role.trust.with_values(opened))


def _principals(role: Role) -> list[str]:
    principals = role.trust.principals
    return [who.value.text for who in principals if who.kind in OF_AWS and who.kind != "provided"]


def _filled(role: Role, account: str, partition: str) -> Role:
    def fill(value: Any) -> Any:
        return in_account(value, account=account, partition=partition)

    boundary = role.boundary
    return replace(
        role,
        path=replace(role.path, text=fill(role.path.text)),
        trust=role.trust.in_account(account=account, partition=partition),
        policies=tuple(
            replace(policy, document=fill(policy.document), arn=fill(policy.arn))
            for policy in role.policies
        ),
        boundary=None
        if boundary is None
        else Boundary(
            arn=replace(boundary.arn, text=fill(boundary.arn.text)),
            document=fill(boundary.document),
        ),
        tags={key: replace(value, text=fill(value.text)) for key, value in role.tags.items()},
    )
