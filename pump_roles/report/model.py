"""The permission report as plain data. Every format shows this, and nothing else.

External IDs are not part of it, so no format can leak one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any, Final

from pump_roles.report.decisions import DENIED, Grant, PolicyReport, counted
from pump_roles.templates import Other

__all__ = [
    "ALARMS",
    "ActionReport",
    "Change",
    "Finding",
    "Report",
    "RoleReport",
]

ALARMS: Final = ("difference", "trust", "uncounted", "suspect")
"""The kinds of findings without which a role's numbers must not be read."""


@dataclass(frozen=True, kw_only=True)
class RoleReport:
    """One role.

    :param kind: ``read-only`` or ``auto-pilot``.
    :param title: what to call it.
    :param name: the role's name.
    :param source: the file that it was read from, or ``published``.
    :param sha256: the SHA-256 of that file; empty for the published roles.
    :param principals: who may assume it.
    :param external_id: whether it requires an external ID.
    :param external_ids: how many external IDs it accepts.
    :param trust_problems: how its trust is not one principal with an external ID.
    :param boundary: its permissions boundary; empty if it has none. What a boundary takes away is
        not counted.
    :param policies: its policies.
    :param differences: how it differs from what Pump publishes, apart from its trust.
    :param unreadable: those of them that cannot be read from the template, or are not counted.
    :param uncounted: the patterns that allow actions of services that the catalog lacks, and the
        statements that cannot be read.
    :param exact: whether the numbers below are exact. They are not if something that could add or
        hide permissions is attached or cannot be read.
    :param patterns: how many different patterns allow something.
    :param actions: how many actions those match.
    :param denied: how many of them are denied without a condition, on every resource.
    :param limited: how many more are denied under a condition or on some resources.
    :param effective: actions without the denied ones.
    :param levels: for each access level, how many actions are granted and how many effective.
    :param writes: how many effective actions are not List or Read.
    """

    kind: str
    title: str
    name: str
    source: str
    sha256: str
    principals: tuple[str, ...]
    external_id: bool
    external_ids: int
    trust_problems: tuple[str, ...]
    boundary: str
    policies: tuple[PolicyReport, ...]
    differences: tuple[str, ...]
    unreadable: tuple[str, ...]
    uncounted: tuple[str, ...]
    exact: bool
    patterns: int
    actions: int
    denied: int
    limited: int
    effective: int
    levels: Mapping[str, tuple[int, int]]
    writes: int

    @property
    def as_published(self) -> bool:
        """Whether it is what Pump publishes, guardrails of this package aside."""
        return not (self.differences or self.trust_problems or self.uncounted)

    def counted(self, number: int) -> str:
        """Return one of its numbers as text.

        :param number: the number.
        """
        return counted(number, exact=self.exact)


@dataclass(frozen=True, kw_only=True)
class ActionReport:
    """One action that a role has.

    :param name: as ``service:Action``.
    :param service: the service's prefix.
    :param level: the access level that it is counted under.
    :param levels: all its access levels.
    :param only_reads: whether it neither writes nor tags.
    :param description: what it does.
    :param resources: the resource types that it supports; empty if it supports only ``*``.
    :param conditions: the condition keys that it supports.
    :param data: why it returns data; empty if it does not.
    :param spends: how it can spend money; empty if it cannot.
    :param legacy: why it is legacy; empty if it is not.
    :param new: whether a wildcard matches it only since the earlier report.
    :param roles: how each role that has it has it, by the role's kind.
    """

    name: str
    service: str
    level: str
    levels: tuple[str, ...]
    only_reads: bool
    description: str
    resources: tuple[str, ...]
    conditions: tuple[str, ...]
    data: str
    spends: str
    legacy: str
    new: bool
    roles: Mapping[str, Grant]

    @property
    def effective(self) -> bool:
        """Whether a role has it that is not denied it."""
        return any(grant.decision != DENIED for grant in self.roles.values())


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a reviewer should see first.

    :param kind: one word for it.
    :param title: one line, with the number.
    :param text: what it means.
    :param actions: the names of the actions that it is about.
    """

    kind: str
    title: str
    text: str
    actions: tuple[str, ...] = ()

    @property
    def is_alarm(self) -> bool:
        """Whether the roles' numbers must not be read without it."""
        return self.kind in ALARMS


@dataclass(frozen=True)
class Change:
    """A difference from an earlier report.

    :param cause: ``role`` if its policies, trust or boundary changed, whoever changed them;
        ``AWS`` if an unchanged pattern matches other actions.
    :param effect: ``broadened`` or ``narrowed``. Removing a deny broadens.
    :param role: the role's kind.
    :param what: the difference, in one line.
    """

    cause: str
    effect: str
    role: str
    what: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """The whole report.

    :param version: the version of this package.
    :param catalog: the action catalog's package and version.
    :param date: the catalog's date.
    :param roles: the roles.
    :param others: everything else in the templates that gives access.
    :param findings: the alarms, then what matters most.
    :param since: the date of the catalog that changes are counted from.
    :param changes: the differences since then.
    :param actions: every action that a role has, by name.
    :param services: for each service, how many actions of each access level.
    """

    version: str
    catalog: str
    date: str
    roles: tuple[RoleReport, ...]
    others: tuple[Other, ...]
    findings: tuple[Finding, ...]
    since: str
    changes: tuple[Change, ...]
    actions: tuple[ActionReport, ...]
    services: Mapping[str, Mapping[str, int]]

    @property
    def exact(self) -> bool:
        """Whether the numbers of all roles are exact."""
        return all(role.exact for role in self.roles)

    def as_dict(self) -> dict[str, Any]:
        """The report as a JSON object."""
        report: dict[str, Any] = _plain(self)
        return report


def _plain(value: Any) -> Any:
    # dataclasses.asdict copies every leaf, which takes three times as long.
    if isinstance(value, str | int):
        return value
    if isinstance(value, tuple):
        return [_plain(element) for element in value]
    members = vars(value) if is_dataclass(value) else value
    return {name: _plain(member) for name, member in members.items()}
