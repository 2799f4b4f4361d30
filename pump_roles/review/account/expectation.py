"""What accounts are compared with: the published roles, or those in templates or in a report."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pump_roles.guardrails import APPROVAL_END
from pump_roles.iam.external_ids import MASK, OPEN_ID, ExternalId, TextMask
from pump_roles.iam.identity_policies import OPEN, Policy, Value, account_of_root, in_account, known
from pump_roles.iam.trust import OF_AWS, Trust
from pump_roles.inputs.text import InputError
from pump_roles.published import PUBLISHED_NAMES
from pump_roles.review.account.verification import ExpectedRole
from pump_roles.review.report import Report
from pump_roles.review.report.masking import Mask
from pump_roles.role.assembly import (
    Assembly,
    DeployedRole,
    Deployment,
    OrganizationPolicy,
    OtherResource,
)
from pump_roles.role.guardrail_policies import may_be_opened, published_role
from pump_roles.role.iam_role import ROOT, Boundary, Role
from pump_roles.role.unknowns import RoleUnknown, RoleWhy


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What accounts are compared with. Each role may have several variants."""

    description: str
    read_sha256: str
    roles: tuple[tuple[DeployedRole, ...], ...]
    reviewed: tuple[ExpectedRole, ...] = ()
    external_ids: frozenset[ExternalId] = frozenset()
    external_id: ExternalId | None = None
    places: tuple[Deployment, ...] = ()
    policies: tuple[OrganizationPolicy, ...] = ()
    approval_ends: frozenset[str] = frozenset()
    approval_end_roles: tuple[Role, ...] = ()
    removed: bool = False
    management_account: str = ""

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts that the templates name for stacks with one of the roles."""
        return frozenset(
            variant.account for variants in self.roles for variant in variants if variant.account
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the roles."""
        return tuple(variants[0].role.name.text for variants in self.roles)

    @property
    def names_to_read(self) -> tuple[str, ...]:
        """The names of all roles that are compared."""
        return (*self.names, *([APPROVAL_END] if self.approval_ends else ()))

    @property
    def compared_policies(self) -> tuple[OrganizationPolicy, ...]:
        """The organization's policies that are compared: after a removal, none is expected."""
        return () if self.removed else self.policies

    def mask(self, others: frozenset[ExternalId] = frozenset()) -> Mask:
        """Return what masks its external IDs, and others."""
        return Mask(self.external_ids | others)

    def absent(self) -> "Expectation":
        """Return the expectation that accounts have none of the roles.

        Roles with the published names must not exist either: they may be left over from before a
        role was renamed.
        """
        taken = {name.casefold() for name in self.names}
        published = tuple(
            (DeployedRole(role=replace(role, name=known(PUBLISHED_NAMES[role.kind]), path=ROOT)),)
            for variants in self.roles
            for role in [variants[0].role]
            if PUBLISHED_NAMES[role.kind].casefold() not in taken
        )
        roles = (*self.roles, *published)
        absent = replace(self, roles=roles, reviewed=(), removed=True, approval_ends=frozenset())
        description = f"accounts without {' and '.join(absent.names)} ({self.description})"
        return replace(absent, description=description)

    def with_external_id(self, external_id: ExternalId) -> "Expectation":
        """Return the expectation with an external ID where the templates leave it open."""
        return replace(
            self, external_id=external_id, external_ids=self.external_ids | {external_id}
        )

    def in_account(self, account: str, partition: str) -> tuple[tuple[Role, ...], ...]:
        """Return the roles that are expected in an account, each with its possible variants."""
        expected: list[tuple[Role, ...]] = []
        for variants in self.roles:
            here = [variant for variant in variants if variant.account == account]
            anywhere = [variant for variant in variants if not variant.account]
            roles: list[Role] = []
            for variant in here or anywhere or variants:
                # The customer may open the guardrails.
                tags = dict.fromkeys(may_be_opened(variant.role), OPEN)
                role = replace(variant.role, tags={**tags, **variant.role.tags})
                role = _filled(role, account, partition)
                role = self._with_external_id(role)
                if role not in roles:
                    roles.append(role)
            if len(roles) > 1:
                roles = [_with_unknown(role, "several-variants") for role in roles]
            expected.append(tuple(roles))
        return tuple(expected)

    def approval_end_roles_in(self, account: str, partition: str, region: str) -> tuple[Role, ...]:
        """Return the roles that may be expected to end approvals in an account and a Region."""

        def in_region(text: str) -> str:
            return text.replace("${AWS::Region}", region)

        filled = (_filled(role, account, partition) for role in self.approval_end_roles)
        return tuple(
            replace(
                role,
                trust=role.trust.with_texts(in_region),
                policies=tuple(policy.with_texts(in_region) for policy in role.policies),
            )
            for role in filled
        )

    def _with_external_id(self, role: Role) -> Role:
        accepted = role.trust.external_ids
        if self.external_id is None or self.external_id in accepted:
            return role
        if all(id_.state != "open" for id_ in accepted):
            return _with_unknown(role, "external-id-differs")
        return replace(role, trust=role.trust.with_open_id(self.external_id))


def _with_unknown(role: Role, why: RoleWhy) -> Role:
    return replace(role, unknown=(*role.unknown, RoleUnknown(part="role", why=why)))


def from_published(report: Report, principal: str) -> Expectation:
    """Return the expectation of the roles as Pump publishes them.

    :param report: the report on them.
    """
    roles = (_trusting(published_role(kind), principal) for kind in PUBLISHED_NAMES)
    expected = tuple((DeployedRole(role=role),) for role in roles)
    return Expectation(
        description="the published roles",
        roles=expected,
        reviewed=_reviewed(report, expected),
        read_sha256=report.read_sha256,
    )


def from_templates(
    path: Path, read: Assembly, report: Report, *, principal: str | None = None
) -> Expectation:
    """Return the expectation of what a template, or the templates of a folder, contain.

    :param report: the report on them.
    """
    # The template of one stack, without the manifest, is for whichever account is verified.
    has_places = path.is_dir() or any(place.stack_set for place in read.places)
    roles = _checked(path, read.variants, principal, TextMask(read.external_ids))
    return Expectation(
        description=path.name or str(path),
        roles=roles,
        reviewed=_reviewed(report, roles),
        read_sha256=report.read_sha256,
        external_ids=read.external_ids,
        places=read.places if has_places else (),
        policies=read.policies,
        approval_ends=_approval_ends(read.others),
        approval_end_roles=read.approval_end_roles,
    )


def from_report(
    path: Path,
    report: Report,
    *,
    principal: str | None = None,
) -> Expectation:
    """Return the expectation of what a report is about, which was read from a file.

    Of external IDs, a report has the SHA-256. It does not have the organization's policies.
    """
    reported = report.read.assembly
    variants = []
    for deployed in reported.roles:
        role = deployed.role
        if MASK in str(asdict(role)):
            raise InputError(
                f"{path}: the {role.kind} role contains an external ID outside of its place in "
                "the trust policy, which a report does not show; pass the templates"
            )
        # Of two stacks with the same role and different IDs, it is not known which is whose.
        if not {id_.sha256 for id_ in role.trust.external_ids} >= {*deployed.external_id_sha256}:
            role = replace(role, trust=role.trust.with_external_ids(lambda _: OPEN_ID))
        stacks = (place for place in reported.places if place.kind == role.kind)
        accounts = {deployed.account, *(place.account for place in stacks if not place.stack_set)}
        variants.append(
            [
                DeployedRole(role=role, account=account)
                for account in sorted(accounts - {""}) or [""]
            ]
        )
    roles = _checked(path, variants, principal, TextMask([]))
    return Expectation(
        description=path.name,
        roles=roles,
        reviewed=_reviewed(report, roles),
        read_sha256=report.read_sha256,
        external_ids=frozenset(
            ExternalId.from_sha256(digest)
            for role in reported.roles
            for digest in role.external_id_sha256
        ),
        places=reported.places,
        approval_ends=_approval_ends(reported.others),
        approval_end_roles=reported.approval_end_roles,
    )


def _reviewed(
    report: Report, expected: Iterable[Sequence[DeployedRole]]
) -> tuple[ExpectedRole, ...]:
    # The trust is that of what is expected, in which the principal is filled in.
    trusts = {variants[0].role.kind: variants[0].role.trust for variants in expected}
    return tuple(
        ExpectedRole(
            kind=role.kind,
            name=role.name,
            as_published=role.as_published,
            principals=trusts[role.kind].principals,
            guardrails=tuple(
                f"{each.name} ({each.value})" if each.value else each.name
                for each in role.guardrails
            ),
            findings=sum(finding.role in ("", role.kind) for finding in report.findings),
            files=role.files,
            until=role.trust.until,
            ended=tuple(limit for limit in role.timed if limit.ended),
        )
        for role in report.roles
    )


def _approval_ends(others: Iterable[OtherResource]) -> frozenset[str]:
    ways = [way for other in others for way in other.grants]
    ends = ("ends-approval", "may-end-approval")
    return frozenset(way.subject for way in ways if way.why in ends)


def _checked(
    path: Path, roles: Iterable[Sequence[DeployedRole]], principal: str | None, mask: TextMask
) -> tuple[tuple[DeployedRole, ...], ...]:
    roles = [*roles]
    for role in (variant.role for variants in roles for variant in variants):
        if not role.name.is_known:
            raise InputError(f"{path}: the name of the {role.kind} role cannot be read")
        _check_principal(role, principal, path, mask)
    return tuple(
        tuple(replace(variant, role=_trusting(variant.role, principal)) for variant in variants)
        for variants in roles
    )


def _check_principal(role: Role, principal: str | None, path: Path, mask: TextMask) -> None:
    principals = [trusted.value for trusted in role.trust.principals if trusted.kind in OF_AWS]
    is_open = [value for value in principals if not (value.is_known or _has_wrong_type(value))]
    if is_open:
        if principal is None and not all(value.default for value in is_open):
            raise InputError(f"{path}: the principal is a template parameter; pass --principal")
        return
    named = [value.text for value in principals]
    # An account ID and the ARN of the account's root are the same principal.
    if principal is not None and named != [account_of_root(principal)]:
        if not named:
            raise InputError(f"{path}: the principal of the {role.kind} role cannot be read")
        shown = ", ".join(map(mask.masked, named))
        raise InputError(f"{path}: trusts {shown}; omit --principal, or pass that principal")


def _has_wrong_type(value: Value) -> bool:
    return value.state == "not-read" and not value.why


def _trusting(role: Role, principal: str | None) -> Role:
    # Whatever the deployment fills in is open, even if the parameter accepts more than it should:
    # the account has a value.
    def filled(value: Value) -> Value:
        if value.is_known or _has_wrong_type(value):
            return value
        who = principal or value.default
        return known(who) if who else Value("open", value.text)

    trust = role.trust.with_principals(filled)
    trust = trust.with_external_ids(lambda id_: OPEN_ID if id_.why else id_)
    return replace(role, trust=trust)


def _filled(value: Any, account: str, partition: str) -> Any:
    if isinstance(value, Trust | Policy):
        return value.in_account(account=account, partition=partition)
    if isinstance(value, tuple):
        return tuple(_filled(element, account, partition) for element in value)
    if isinstance(value, Role | Boundary | Value):
        return replace(value, **_filled(vars(value), account, partition))
    if isinstance(value, dict):
        return {key: _filled(member, account, partition) for key, member in value.items()}
    is_text = isinstance(value, str)
    return in_account(value, account=account, partition=partition) if is_text else value
