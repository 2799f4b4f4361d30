"""Whether a text names one of Pump's roles, principals, or accounts."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from pump_roles.patterns import matcher
from pump_roles.published import PUBLISHED_NAMES
from pump_roles.role.access import AccessWhy
from pump_roles.templates.placeholders import BESIDE, pattern, readings, shown

Named = Literal["role", "account", "definition"]
"""What something names: a role, Pump's account, or a role or parameter of the templates."""

TRUSTS: Final[Mapping[Named, AccessWhy]] = {
    "role": "trusts-role",
    "account": "trusts-account",
    "definition": "trusts-definition",
}
NAMES: Final[Mapping[Named, AccessWhy]] = {
    "role": "names-role",
    "account": "names-account",
    "definition": "names-definition",
}

_PATTERN: Final = re.compile(r"role/(?:[^\s/\"]*/)*?([\w+=,.@-]+[*?][\w+=,.@*?-]*)")
"""A pattern of the ARNs of roles, in which the beginning of the name is literal."""


@dataclass(frozen=True)
class PumpNames:
    """The names of Pump's roles and principals, which nothing else may contain.

    :param role_names: the names of the roles.
    :param principals: the principals that they trust.
    """

    role_names: Collection[str]
    principals: Collection[str]

    @cached_property
    def roles(self) -> list[str]:
        """The names of the roles."""
        return sorted({*self.role_names, *PUBLISHED_NAMES.values()})

    def in_text(self, text: str, account: str, *, roles: bool = True) -> tuple[Named, str] | None:
        """Return what a text names, and which; ``None`` if it is nothing of Pump.

        All ARNs in Pump's own account contain that account, which then does not count.
        """
        for reading in readings(text):
            if roles and (found := self._roles.search(reading)):
                return "role", shown(found[1])
            if roles and (name := self._matched(reading)):
                return "role", shown(name)
            for name in self._accounts:
                own = name == account and reading not in self.principals
                if not own and re.search(rf"(?<![0-9]){name}(?![0-9])", reading):
                    return "account", name
        return None

    def _matched(self, text: str) -> str | None:
        # The role whose name a pattern of ARNs matches that has the beginning of the name.
        for found in _PATTERN.finditer(text):
            matches = matcher(found[1].casefold())
            for name in self.roles:
                if matches(name.casefold()):
                    return name
        return None

    @cached_property
    def _roles(self) -> re.Pattern[str]:
        names = "|".join(map(pattern, filter(None, self.roles)))
        return re.compile(rf"(?<!{BESIDE})({names})(?!{BESIDE})", re.IGNORECASE)

    @cached_property
    def _accounts(self) -> list[str]:
        return sorted({name for text in self.principals for name in re.findall("[0-9]{12}", text)})
