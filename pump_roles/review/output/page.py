"""The permission report as one self-contained HTML page: no network, no other files."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any, Final

from jinja2 import Environment, StrictUndefined, Template, compiler
from markupsafe import Markup, escape

from pump_roles.guardrails import by_name
from pump_roles.review.output import (
    capital,
    counted,
    descriptions,
    report_actions,
    report_checks,
    report_descriptions,
    report_sections,
    short_digest,
)
from pump_roles.review.output.writers import to_markdown
from pump_roles.review.report import RISKS, ActionReport, Report, Risk, RoleReport
from pump_roles.review.report.inventory import kept_text
from pump_roles.review.report.questions import left_by_sets

_BAR: Final = 400
"""The length of the longest bar, as in the template."""

_SHORTEST: Final = 4.0
_GAP: Final = 1.5

_NAMES: Final = re.compile(
    r"`([^`]+)`"
    r"|\b([a-z0-9-]+:(?:[A-Z][A-Za-z0-9]*\*?|\*))(?![\w*])"
    rf"|(?<![\w-])({'|'.join(name for name in by_name() if '-' in name)})(?![\w-])"
)
"""What is shown as code in a text: what it quotes, actions with their service, and guardrails."""

_WORDS: Final = re.compile(rf"(?<![\w-])({'|'.join(report_descriptions.GLOSSARY)})s?(?![\w-])")
"""The words that the page explains, in a text."""

_SCRIPT: Final = {
    "count": "{number} of {total}",
    "not_listed": (
        "{asked} is not in the list of {date}. If AWS has this action, each role's policies decide:"
    ),
    "no_service": (
        "No listed action matches “{asked}”. If it is a service, each role's policies decide:"
    ),
    "no_pattern": "No listed action matches {asked}. Each role's policies decide:",
    "no_match": "No listed action matches “{asked}”.",
    "no_match_filtered": "No listed action matches “{asked}” and the filters.",
    "no_filtered": "No listed action matches these filters.",
    "ask": "To ask about any action, search for its service and name, such as s3:GetObject.",
    "not_granted": "not granted by any pattern",
    "unknown": "unknown, something cannot be read, or may give more access",
    "allowed": "allowed by {by}",
    "denied_by": "{decision} by {denied}, granted by {by}",
    "may_match": "may have matching actions, by {by}",
    "all_but": "all but {patterns}",
    "copied": "Copied",
    "selected": "Selected: press Ctrl+C or Command+C to copy it.",
}
"""The sentences of the script, which fills in what is in braces."""

_TONES: Final = {
    "ok": ("ok", "ok"),
    "finding": ("money", "finding"),
    "broader": ("writes", "broader"),
    "narrower": ("ok", "narrower"),
    "none": ("none", "none"),
}
"""The tone and the icon of each state of a check."""


def as_html(report: Report) -> str:
    """Return the page of a report."""
    css, script = (
        Path(__file__).with_name("page.css").read_text(encoding="utf-8"),
        Path(__file__).with_name("page.js").read_text(encoding="utf-8"),
    )
    bands = [*report_actions.by_service(report)]
    services = [service for _, of_band in bands for service in of_band]
    return _template().render(
        report=report,
        last=report.roles[-1],
        css=Markup(css),  # noqa: S704 - the package's own file
        script=Markup(script),  # noqa: S704 - the package's own file
        css_hash=_hash(css),
        script_hash=_hash(script),
        data=_data(report),
        kept=kept_text(report.read),
        short_digest=short_digest,
        markdown=to_markdown(report_sections.presentation_of(report)),
        rows=frozenset(action.name for action in report.actions),
        navigation=[*_navigation(report)],
        severities=report_descriptions.severities(report),
        widest=max((role.actions for role in report.roles), default=0),
        longest=max((sum(service.counts.values()) for service in services), default=0),
        sets=left_by_sets(report),
        bands=bands,
        risks=RISKS,
        tones=_TONES,
        describe=descriptions,
        words=report_descriptions,
        review=report_checks,
        sections=report_sections,
        acts=report_actions,
        counted=counted,
        zip=zip,
        headings=[*map(report_descriptions.heading, report.roles)],
        separator=Markup("</code>, <code>"),
        states_of=lambda action: [report_actions.state_of(action, role) for role in report.roles],
        bar_of=_bar,
        worst_of=_worst_of,
        roles_with=_roles_with,
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["coded"] = _coded
    environment.filters["explained"] = _explained
    environment.filters["capital"] = capital
    code: Any = _CompiledPage(environment).get_code(__name__)
    return Template.from_code(environment, code, environment.make_globals(None))


class _CompiledPage(SourceFileLoader):
    """Compiles the template once, as Python does with a module: into ``__pycache__``."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(__name__, str(Path(__file__).with_name("page.html.j2")))
        self._environment = environment

    def source_to_code(  # type: ignore[override]
        self, data: Any, path: Any, **_: Any
    ) -> CodeType:
        return self._environment.compile(data.decode(), filename=path)

    def path_stats(self, path: str) -> Mapping[str, Any]:
        # Another version of Jinja compiles it to other code.
        of_template, of_jinja = map(super().path_stats, (path, compiler.__file__))
        return {**of_template, "mtime": of_template["mtime"] + of_jinja["mtime"]}


def _coded(text: str) -> Markup:
    code = _NAMES.sub(
        lambda found: f"<code>{next(filter(None, found.groups()))}</code>", str(escape(text))
    )
    return Markup(code)  # noqa: S704 - it was escaped


def _explained(text: str) -> Markup:
    linked = _WORDS.sub(r'<a href="#\1">\g<0></a>', str(escape(text)))
    return Markup(linked)  # noqa: S704 - it was escaped


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _navigation(report: Report) -> Iterator[tuple[str, str, str]]:
    numbers = {
        "findings": len(report.findings),
        "changes": len(report.changes),
        "actions": len(report.actions),
    }
    missing = {
        "findings": not report.findings,
        "changes": not report.changes,
        "worst": not report.worst,
    }
    titles = {**report_descriptions.SECTIONS, "worst": "At worst"}
    for id_, title in titles.items():
        if not missing.get(id_):
            yield id_, title, f"{numbers[id_]:,}" if id_ in numbers else ""


def _worst_of(role: RoleReport) -> tuple[str, str, str]:
    # Its severity, in words, and whether it is certain.
    risk = next((risk for risk, count in role.by_risk.items() if count), None)
    if role.stopped:
        return "", "Stopped", ""
    if not role.readable and risk != "money":
        return "money", "Not known", "unknown"
    if not risk:
        return "", "No permissions", ""
    return risk, capital(report_descriptions.SEVERITIES[risk]), ""


def _roles_with(action: ActionReport) -> str:
    return " ".join(kind for kind in action.roles if action.is_effective(kind))


def _bar(counts: Mapping[Risk, int], total: int) -> Iterator[tuple[Risk, float, float]]:
    start = 0.0
    for risk in RISKS:
        if counts[risk]:
            width = max(_SHORTEST, counts[risk] / total * _BAR)
            yield risk, round(start, 1), round(width - _GAP, 1)
            start += width


def _data(report: Report) -> Markup:
    # The search uses the patterns to decide about actions that have no row.
    by_role = [
        {"kind": role.kind, "readable": role.readable, "patterns": [*_patterns_of(role)]}
        for role in report.roles
    ]
    data = {"roles": by_role, "texts": _SCRIPT}
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    # Nothing in it can end the script element.
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704


def _patterns_of(role: RoleReport) -> Iterator[list[Any]]:
    ends = {found.policy for found in role.guardrails if found.ends}
    for policy in role.policies:
        for pattern in policy.patterns:
            if pattern.decision and policy.name not in ends:
                matched = list(pattern.excluded) or pattern.pattern
                name = policy.name
                if pattern.effect == "Deny":
                    name = report_descriptions.limiting(name, role)
                yield [name, pattern.decision, matched]
