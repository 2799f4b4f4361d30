"""The permission report as one HTML page that asks for nothing else: no network, no second file."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Final

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from pump_roles.review.catalogue import LEVELS
from pump_roles.review.report import (
    ALARMS,
    ALLOWED,
    CONDITIONALLY,
    DENIED,
    PARTLY,
    Report,
    RoleReport,
)

__all__ = ["as_html"]

_DECISIONS: Final = (ALLOWED, CONDITIONALLY, PARTLY, DENIED)
_BAR: Final = 420


@dataclass(frozen=True)
class _Spending:
    """The actions that can spend money and that a role has alike."""

    decision: str
    denied_by: tuple[str, ...]
    actions: tuple[str, ...]


@dataclass(frozen=True)
class _Bar:
    """A service in the chart; its parts are a level, where it begins and how long it is."""

    service: str
    parts: tuple[tuple[str, float, float], ...]
    label: str


def as_html(report: Report) -> str:
    """The page of a report; the same bytes for the same report."""
    css, script = _file("page.css"), _file("page.js")
    return _template().render(
        report=report,
        css=Markup(css),  # noqa: S704 - the package's own file
        script=Markup(script),  # noqa: S704 - the package's own file
        css_hash=_hash(css),
        script_hash=_hash(script),
        called={role.kind: _called(role) for role in report.roles},
        spending={role.kind: tuple(_spending(report, role)) for role in report.roles},
        bars=tuple(_bars(report)),
        levels=[level for level in LEVELS if any(level in one.levels for one in report.actions)],
        decisions=_DECISIONS,
        alarms=ALARMS,
    )


@cache
def _file(name: str) -> str:
    return resources.files("pump_roles.review").joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_file("page.html.j2"))


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _called(role: RoleReport) -> str:
    """A role's title never stands alone: a role called read-only may write."""
    return f"{role.title} ({f'writes: {role.writes}' if role.writes else 'no writes'})"


def _spending(report: Report, role: RoleReport) -> Iterator[_Spending]:
    for decision in _DECISIONS:
        found = [
            (one.name, one.roles[role.kind].denied_by)
            for one in report.actions
            if one.spends and role.kind in one.roles and one.roles[role.kind].decision == decision
        ]
        for denied_by in dict.fromkeys(by for _, by in found):
            yield _Spending(
                decision, denied_by, tuple(name for name, by in found if by == denied_by)
            )


def _bars(report: Report) -> Iterator[_Bar]:
    longest = max((sum(counts.values()) for counts in report.services.values()), default=1)
    for service, counts in report.services.items():
        parts, at = [], 0.0
        for level, count in counts.items():
            # A single action must still be seen.
            width = max(3.0, round(count / longest * _BAR, 1))
            parts.append((level, round(at, 1), width))
            at += width
        label = ", ".join(f"{count} {level}" for level, count in counts.items())
        yield _Bar(service, tuple(parts), label)
