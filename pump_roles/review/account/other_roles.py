"""Finds the other roles of an account that Pump, everyone, or the management account can use."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Final, Literal, NamedTuple

from pump_roles.iam.conditions import Condition
from pump_roles.iam.external_ids import ExternalId, external_ids_in, ids_required_by
from pump_roles.iam.trust import OF_AWS, Trust, TrustStatement
from pump_roles.inputs.text import InputError
from pump_roles.inputs.validators import ACCOUNT
from pump_roles.patterns import covers
from pump_roles.published import PUBLISHED_NAMES
from pump_roles.review.account.account_details import AccountDetails
from pump_roles.role.access import Access, AccessWhy
from pump_roles.role.assembly import Assembly, DeployedRole, OtherResource, admitted
from pump_roles.role.iam_role import Role
from pump_roles.role.unknowns import AssemblyUnknown
from pump_roles.templates.pump_names import NAMES, TRUSTS, Named, PumpNames

_ADMINISTRATOR: Final = "arn:*:iam::aws:policy/AdministratorAccess"
_OF_MANAGEMENT: Final = (
    "OrganizationAccountAccessRole",
    "AWSControlTowerExecution",
    "aws-controltower-*",
    "stacksets-exec-*",
)
"""The names of roles that AWS creates for the management account: AWS Organizations User Guide,
"Accessing member accounts in an organization with AWS Organizations"; AWS Control Tower User Guide,
"How AWS Control Tower works with roles to create and manage accounts"; AWS Managed Policy
Reference, "CloudFormationStackSetsOrgAdminServiceRolePolicy"."""

_IN_ACCOUNT: Final = {
    # A wildcard is within one part of an ARN only for the first one.
    "ArnLike": re.compile(r"arn:[a-z*-]+:(?:iam|sts):[*]?:[0-9]{12}:.+"),
    **dict.fromkeys(
        ("StringEquals", "StringLike"), re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::[0-9]{12}:.+")
    ),
}
"""Which values of ``aws:PrincipalArn`` are in one account, by the operator."""

_TrustWay = Literal["trusts", "names"]
"""How a trust policy is about someone: as a principal, or in a condition."""

_WHYS: Final[Mapping[_TrustWay, Mapping[Named, AccessWhy]]] = {"trusts": TRUSTS, "names": NAMES}
_MANAGEMENT: Final[Mapping[_TrustWay, AccessWhy]] = {
    "trusts": "trusts-management",
    "names": "names-management",
}


class AccessibleRole(NamedTuple):
    """A role, and how others can use it."""

    role: Role
    access: tuple[Access, ...]


def roles_that_admit_pump(
    details: AccountDetails,
    pump_roles: Collection[Role],
    *,
    passed_ids: frozenset[ExternalId] = frozenset(),
) -> Iterator[AccessibleRole]:
    """Yield the roles, other than Pump's, that Pump or everyone can assume."""
    names = {role.name.text.casefold() for role in pump_roles}
    principals = {
        principal.value.text
        for role in pump_roles
        for principal in role.trust.principals
        if principal.kind in OF_AWS and principal.value.is_known
    }
    pump = PumpNames([role.name.text for role in pump_roles], principals)
    organization = details.known_organization
    own = organization.id if organization else ""
    if pump.in_text(details.management_account, details.account, roles=False):
        # In Pump's organization, Pump is not excluded.
        own = ""
    for role in details.roles:
        ways = [*_find_ways(role.trust, pump, details.account, own)]
        if passed_ids & _ids_required_by(role.trust):
            ways.append(Access("requires-same-external-id"))
        if ways and role.name.text.casefold() not in names:
            yield AccessibleRole(role, tuple(dict.fromkeys(ways)))


def roles_for_management(
    details: AccountDetails, except_names: Collection[str]
) -> Iterator[AccessibleRole]:
    """Yield the roles that the management account can use, or that have a name as for it.

    :param except_names: the names of roles to omit, in lower case.
    """
    management = PumpNames((), {details.management_account})
    # In the management account itself, every role is its own.
    for role in () if details.is_management else details.roles:
        if role.name.text.casefold() in except_names:
            continue
        names = (made for made in _OF_MANAGEMENT if covers(made, role.name.text))
        ways = [Access("named-for-management", made) for made in names]
        named = _named(role.trust, management, details.account)
        ways += [Access(_MANAGEMENT[how], text) for how, _, text in named]
        if ways:
            if any(covers(_ADMINISTRATOR, policy.arn) for policy in role.policies):
                ways.append(Access("administrator"))
            yield AccessibleRole(role, tuple(dict.fromkeys(ways)))


def _ids_required_by(trust: Trust) -> frozenset[ExternalId]:
    required = (ids_required_by(each.condition.without_exclusions) for each in trust.allows)
    known_ids = {id_ for id_ in trust.external_ids if id_.state == "known"}
    return external_ids_in([*trust.not_read]).union(known_ids, *required)


def _find_ways(trust: Trust, pump: PumpNames, account: str, organization: str) -> Iterator[Access]:
    yield from admitted(
        replace(
            trust,
            statements=tuple(_without_everyone(each, organization) for each in trust.statements),
        )
    )
    for how, kind, name in _named(trust, pump, account):
        yield Access(_WHYS[how][kind], name)


def _without_everyone(statement: TrustStatement, organization: str) -> TrustStatement:
    # Everyone in some accounts is not everyone. If one of them is Pump's, the condition names it.
    if not _is_limited(statement.condition, organization):
        return statement
    limited = (who for who in statement.principals if who.kind != "everyone")
    return replace(statement, principals=tuple(limited))


def _is_limited(condition: Condition, organization: str) -> bool:
    return any(
        test.values
        and all(_is_within(test.key, test.operator, value, organization) for value in test.values)
        for test in condition.tests
    )


def _is_within(key: str, operator: str, value: str, organization: str) -> bool:
    base = operator.removeprefix("ForAnyValue:")
    if key == "aws:principalarn":
        pattern = _IN_ACCOUNT.get(base)
        return pattern is not None and pattern.fullmatch(value) is not None
    if base not in ("StringEquals", "StringLike"):
        return False
    if key == "aws:principalaccount":
        return ACCOUNT.accepts(value)
    if key == "aws:principalorgid":
        return bool(organization) and value == organization
    # It has several values, so another operator may be met without one.
    is_path = key == "aws:principalorgpaths" and base != operator
    return is_path and bool(organization) and value.startswith(f"{organization}/")


def _named(trust: Trust, pump: PumpNames, account: str) -> Iterator[tuple[_TrustWay, Named, str]]:
    for principal in trust.principals:
        named = pump.in_text(principal.value.text, account)
        if named and principal.kind != "all-but":
            yield "trusts", *named
    for statement in trust.allows:
        if named := pump.in_text(str(statement.condition.without_exclusions), account):
            yield "names", *named


def collect_contents(details: AccountDetails, names: Collection[str]) -> Assembly:
    """Return what an account has, for a report."""
    by_kind: dict[str, Role] = {}
    for role in filter(None, map(details.role, names)):
        if not role.kind:
            raise InputError(
                f"the role {role.name.text} of the account {details.account} is not one of Pump's: "
                "it has neither the name nor a policy of one"
            )
        if role.kind in by_kind:
            raise InputError(
                f"the account {details.account} has two {role.kind} roles, "
                f"{by_kind[role.kind].name.text} and {role.name.text}; a report covers one of "
                "each kind"
            )
        by_kind[role.kind] = role
    if not by_kind:
        reasons = "".join(f"; {reason.detail}" for reason in details.missing.values())
        raise InputError(
            f"the account {details.account} has no role named {' or '.join(names)}{reasons}"
        )
    others = AssemblyUnknown(part="other-roles", why="not-read")
    return Assembly(
        roles=tuple(
            DeployedRole(
                role=by_kind[kind],
                account=details.account,
                external_id_sha256=by_kind[kind].trust.id_digests,
            )
            for kind in PUBLISHED_NAMES
            if kind in by_kind
        ),
        others=tuple(
            OtherResource(
                name=role.name.text,
                type="AWS::IAM::Role",
                source=details.account,
                principals=role.trust.principals,
                access=access,
            )
            for role, access in roles_that_admit_pump(details, [*by_kind.values()])
        ),
        unreadable=(
            *(replace(others, detail=unknown.detail) for unknown in details.unknown),
            *(
                AssemblyUnknown(part="role", why="not-read", detail=reason.detail, source=name)
                for name in names
                if (reason := details.missing.get(name.casefold()))
            ),
        ),
        external_ids=details.external_ids,
    )
