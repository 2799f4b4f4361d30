"""Finds the other roles of an account that give access to Pump, or to everyone."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from pump_roles.iam.trust import Trust
from pump_roles.review.contents import Access
from pump_roles.review.role import Role
from pump_roles.review.templates.pump_names import PumpNames, admitted


def roles_that_admit_pump(
    roles: Iterable[Role], *, account: str, names: Collection[str], principals: Collection[str]
) -> Mapping[str, list[Access]]:
    """Return the names of roles that Pump, or everyone, can assume, each with the ways."""
    pump = PumpNames([(name,) for name in names], principals)
    found = {role.name.text: [*_ways(role.trust, pump, account)] for role in roles}
    return {name: [*dict.fromkeys(ways)] for name, ways in found.items() if ways}


def _ways(trust: Trust, pump: PumpNames, account: str) -> Iterator[Access]:
    yield from admitted(trust, providers=False)
    for principal in trust.principals:
        if principal.kind not in ("service", "identity-provider", "all-but"):
            kind, name = pump.in_text(principal.value.text, account)
            if kind:
                yield Access(f"trusts-{kind}", name)
