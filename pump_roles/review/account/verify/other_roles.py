"""Finds the other roles of an account that Pump, everyone, or the management account can use."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from pump_roles.iam.conditions import without_exclusions
from pump_roles.iam.documents import as_text
from pump_roles.iam.patterns import covers
from pump_roles.iam.trust import OF_AWS, Trust
from pump_roles.review.contents import Access
from pump_roles.review.masking import texts_under_the_key
from pump_roles.review.role import Role
from pump_roles.review.templates.pump_names import PumpNames, admitted

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


def roles_that_admit_pump(
    roles: Iterable[Role],
    pump_roles: Collection[Role],
    account: str,
    *,
    passed_ids: frozenset[str] = frozenset(),
) -> Iterator[tuple[Role, tuple[Access, ...]]]:
    """Yield the roles, other than Pump's, that Pump or everyone can assume, each with the ways."""
    names = {role.name.text.casefold() for role in pump_roles}
    principals = {
        principal.value.text
        for role in pump_roles
        for principal in role.trust.principals
        if principal.kind in OF_AWS and principal.value.is_known
    }
    pump = PumpNames([(role.name.text,) for role in pump_roles], principals)
    for role in roles:
        ways = [*_find_ways(role.trust, pump, account)]
        if passed_ids & _ids_required_by(role.trust):
            ways.append(Access("requires-same-external-id"))
        if ways and role.name.text.casefold() not in names:
            yield role, tuple(dict.fromkeys(ways))


def roles_for_management(
    roles: Iterable[Role], management_account: str, account: str
) -> Iterator[tuple[Role, tuple[Access, ...]]]:
    """Yield the roles that the management account can use, or that have a name as for it.

    :param management_account: empty if it is not known, or if there is none.
    """
    management = PumpNames((), {management_account})
    # In the management account itself, every role is its own.
    for role in roles if management_account != account else ():
        names = (made for made in _OF_MANAGEMENT if covers(made, role.name.text))
        ways = [Access("named-for-management", made) for made in names]
        named = _named(role.trust, management, account)
        ways += [Access(f"{verb}-management", found) for verb, _, found in named]
        if ways:
            if any(covers(_ADMINISTRATOR, policy.arn) for policy in role.policies):
                ways.append(Access("administrator"))
            yield role, tuple(dict.fromkeys(ways))


def _ids_required_by(trust: Trust) -> frozenset[str]:
    conditions = [without_exclusions(statement.conditions) for statement in trust.allows]
    known = {value.text for value in trust.external_ids if value.is_known}
    return texts_under_the_key([*conditions, *trust.not_read]) | known


def _find_ways(trust: Trust, pump: PumpNames, account: str) -> Iterator[Access]:
    yield from admitted(trust)
    for verb, kind, name in _named(trust, pump, account):
        yield Access(f"{verb}-{kind}", name)


def _named(trust: Trust, pump: PumpNames, account: str) -> Iterator[tuple[str, str, str]]:
    for principal in trust.principals:
        kind, name = pump.in_text(principal.value.text, account)
        if kind and principal.kind != "all-but":
            yield "trusts", kind, name
    for statement in trust.allows:
        conditions = without_exclusions(statement.conditions)
        kind, name = pump.in_text(as_text(conditions), account)
        if kind:
            yield "names", kind, name
