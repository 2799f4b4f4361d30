"""The permission report as one HTML page that loads nothing else: no network, no second file."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Final

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from pump_roles.report.catalog import LEVELS, read_text
from pump_roles.report.decisions import ALLOWED, CONDITIONALLY, DENIED, PARTLY
from pump_roles.report.model import Report, RoleReport

__all__ = ["as_html"]

_DECISIONS: Final = (ALLOWED, CONDITIONALLY, PARTLY, DENIED)
_LONGEST_BAR: Final = 420
_SHORTEST_BAR: Final = 3.0


@dataclass(frozen=True, kw_only=True)
class _Spending:
    """The actions that can spend money and that a role has in the same way."""

    decision: str
    denied_by: tuple[str, ...]
    actions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Bar:
    """A service in the chart. Each part is a level, where it begins and how long it is."""

    service: str
    parts: tuple[tuple[str, float, float], ...]
    label: str


def as_html(report: Report) -> str:
    """Return the page of a report; the same bytes for the same report.

    :param report: the report.
    """
    css, script = read_text("page.css"), read_text("page.js")
    return _template().render(
        report=report,
        css=Markup(css),  # noqa: S704 - the package's own file
        script=Markup(script),  # noqa: S704 - the package's own file
        css_hash=_hash(css),
        script_hash=_hash(script),
        titles={role.kind: _title(role) for role in report.roles},
        spending={role.kind: tuple(_spending(report, role)) for role in report.roles},
        bars=tuple(_bars(report)),
        levels=[
            level for level in LEVELS if any(level in action.levels for action in report.actions)
        ],
        decisions=_DECISIONS,
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(read_text("page.html.j2"))


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _title(role: RoleReport) -> str:
    # Never without its writes: a role that is called read-only may write.
    no_writes = role.exact and not role.writes
    writes = "no writes" if no_writes else f"writes: {role.counted(role.writes)}"
    return f"{role.title} ({writes})"


def _spending(report: Report, role: RoleReport) -> Iterator[_Spending]:
    spending = {
        action.name: action.roles[role.kind]
        for action in report.actions
        if action.spends and role.kind in action.roles
    }
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, grant in spending.items():
        groups.setdefault((grant.decision, grant.denied_by), []).append(name)
    for (decision, denied_by), names in sorted(
        groups.items(), key=lambda group: _DECISIONS.index(group[0][0])
    ):
        yield _Spending(decision=decision, denied_by=denied_by, actions=tuple(names))


def _bars(report: Report) -> Iterator[_Bar]:
    longest = max((sum(counts.values()) for counts in report.services.values()), default=1)
    for service, counts in report.services.items():
        parts, start = [], 0.0
        for level, count in counts.items():
            width = max(_SHORTEST_BAR, round(count / longest * _LONGEST_BAR, 1))
            parts.append((level, round(start, 1), width))
            start += width
        label = ", ".join(f"{count} {level}" for level, count in counts.items())
        if not report.exact:
            label = f"at least {label}"
        yield _Bar(service=service, parts=tuple(parts), label=label)
