"""Whether a text, a value, or a trust policy names one of Pump's roles, principals, or accounts."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pump_roles.contents import Access
from pump_roles.iam.trust import Trust
from pump_roles.published import ROLES
from pump_roles.review.templates.possible import Possible, readings
from pump_roles.review.templates.symbols import SHAPES, Certain, Symbol, written
from pump_roles.review.templates.targets import pattern
from pump_roles.review.templates.template import Reference

_BESIDE: Final = r"[\w-]"
"""What may not be next to a role's name. Punctuation may be, although a name can contain some: in a
command line, such as ``--role=NAME,``, it separates."""

_EXAMPLES: Final = {
    "AWS::AccountId": "000000000000",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::URLSuffix": "amazonaws.com",
}
"""Values of the pseudo parameters."""


@dataclass(frozen=True)
class PumpNames:
    """The names of Pump's roles and principals, which nothing else may contain."""

    given: Collection[Certain]
    principals: Collection[str]
    references: Collection[Reference] = ()
    external_ids: Collection[str | Reference] = ()

    @cached_property
    def roles(self) -> list[Certain]:
        """The names of the roles."""
        return sorted({*self.given, *((role.name,) for role in ROLES.values())}, key=written)

    def in_text(self, text: str, account: str, *, roles: bool = True) -> tuple[str, str]:
        """Return what a text names: ``role`` or ``account``, and which; empty if nothing.

        All ARNs in Pump's own account contain that account, which then does not count.
        """
        for reading in readings(text):
            if roles and (found := self._roles.search(reading)):
                return "role", found[1]
            for name in self._accounts:
                own = name == account and reading not in self.principals
                if not own and re.search(rf"(?<![0-9]){name}(?![0-9])", reading):
                    return "account", name
        return "", ""

    def in_value(
        self, found: Certain | None, possible: Possible, account: str, *, roles: bool = True
    ) -> tuple[str, str]:
        """Return what a value names, or may name: ``role``, ``account``, or ``definition``."""
        defined = sorted(name for _, name in possible.references.intersection(self.references))
        if defined:
            return "definition", defined[0]
        if found is not None:
            return self.in_text(written(found), account, roles=roles)
        for role in self.roles if roles else ():
            example = [_example(part, possible) for part in role]
            if all(example) and possible.spells_within("".join(example), _BESIDE):
                return "role", written(role)
        matches = map(self._roles.search, possible.fragments if roles else ())
        for match in filter(None, matches):
            return "role", match[1]
        for name in self._accounts:
            # The account itself, a pseudo parameter, is not Pump's.
            if name != account and possible.spells_within(name, "[0-9]", shapes=False):
                return "account", name
        return "", ""

    @cached_property
    def _roles(self) -> re.Pattern[str]:
        names = "|".join(filter(None, map(pattern, self.roles)))
        return re.compile(rf"(?<!{_BESIDE})({names})(?!{_BESIDE})", re.IGNORECASE)

    @cached_property
    def _accounts(self) -> list[str]:
        return sorted({name for text in self.principals for name in re.findall("[0-9]{12}", text)})


def _example(part: str | Symbol, possible: Possible) -> str:
    # Empty if a value cannot contain what a part of a name stands for.
    if isinstance(part, str):
        return part
    if part.name in possible.shapes:
        return _EXAMPLES[part.name]
    shape = re.compile(SHAPES.get(part.name, "(?!)"), re.IGNORECASE)
    return next(filter(shape.fullmatch, possible.fragments), "")


def admitted(trust: Trust) -> Iterator[Access]:
    """Yield whom a trust policy admits, other than single principals.

    Its conditions do not matter: of a template, neither the account nor the organization is known.
    """
    if trust.not_read or not trust.statements:
        yield Access("unreadable-trust-policy")
    if any(statement.effect not in ("Allow", "Deny") for statement in trust.statements):
        yield Access("unreadable-statement")
    whys = {
        "all-but": "trusts-everyone-but",
        "everyone": "trusts-everyone",
        "unreadable": "trusts-unreadable",
    }
    for statement in trust.allows:
        kinds = (principal.kind for principal in statement.principals)
        yield from (Access(whys[kind]) for kind in kinds if kind in whys)
