"""Finds the other roles of an account that give access to Pump, or to everyone."""

from collections.abc import Collection, Iterable, Iterator

from pump_roles.iam.conditions import without_exclusions
from pump_roles.iam.documents import as_text
from pump_roles.iam.trust import OF_AWS, Trust
from pump_roles.review.contents import Access
from pump_roles.review.masking import texts_under_the_key
from pump_roles.review.role import Role
from pump_roles.review.templates.pump_names import PumpNames, admitted


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


def _ids_required_by(trust: Trust) -> frozenset[str]:
    conditions = [without_exclusions(statement.conditions) for statement in trust.allows]
    known = {value.text for value in trust.external_ids if value.is_known}
    return texts_under_the_key([*conditions, *trust.not_read]) | known


def _find_ways(trust: Trust, pump: PumpNames, account: str) -> Iterator[Access]:
    yield from admitted(trust)
    for principal in trust.principals:
        kind, name = pump.in_text(principal.value.text, account)
        if kind and principal.kind != "all-but":
            yield Access(f"trusts-{kind}", name)
    for statement in trust.allows:
        conditions = without_exclusions(statement.conditions)
        kind, name = pump.in_text(as_text(conditions), account)
        if kind:
            yield Access(f"names-{kind}", name)
