"""The permission report as one self-contained HTML page: no network, no other files."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any, Final

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from pump_roles.iam.catalog import LEVELS
from pump_roles.iam.decisions import ALLOWED, CONDITIONALLY, DENIED, PARTLY
from pump_roles.review.output import report_words, words
from pump_roles.review.output.json_documents import embedded
from pump_roles.review.output.report_sections import document_of
from pump_roles.review.output.texts import TEXTS, say
from pump_roles.review.output.writers import to_markdown
from pump_roles.review.report.guardrail_sets import left_by_sets
from pump_roles.review.report.report_model import RISKS, ActionReport, Report, Risk, RoleReport
from pump_roles.text import packaged

_DECISIONS: Final = (ALLOWED, CONDITIONALLY, PARTLY, DENIED)
_BEYOND: Final = "Reach"
"""The topic of the statements about what is beyond the account."""

_LONGEST_BAR: Final = 200
_SHORTEST_BAR: Final = 3.0


@dataclass(frozen=True, kw_only=True)
class _Bar:
    """A role's actions in a service. Each part is a risk, its start, and its length."""

    parts: tuple[tuple[str, float, float], ...]
    label: str


def as_html(report: Report) -> str:
    """Return the page of a report: the same bytes for the same report."""
    topics = [statement.topic for statement in report.statements]
    totals = (sum(found.values()) for of in report.services.values() for found in of.values())
    longest = max(totals, default=1)
    css, script = packaged(__package__, "page.css"), packaged(__package__, "page.js")
    return _template().render(
        report=report,
        css=Markup(css),  # noqa: S704 - the package's own file
        script=Markup(script),  # noqa: S704 - the package's own file
        css_hash=_hash(css),
        script_hash=_hash(script),
        data=_data(report),
        embedded=Markup(embedded(report)),  # noqa: S704 - Base64 in an element
        markdown=to_markdown(document_of(report)),
        rows=frozenset(action.name for action in report.actions),
        severities=report_words.severities(report),
        services={
            service: {role.kind: _bar(found[role.kind], role, longest) for role in report.roles}
            for service, found in report.services.items()
        },
        navigation=_navigation(report),
        topics=[topic for topic in dict.fromkeys(topics) if topic != _BEYOND],
        beyond=[_BEYOND],
        levels=[
            level for level in LEVELS if any(level in action.levels for action in report.actions)
        ],
        sets=left_by_sets(report),
        decisions=_DECISIONS,
        risks=RISKS,
        wording={**vars(words), **vars(report_words)},
        texts=TEXTS,
        say=say,
        marks_of=_marks,
    )


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    # Fixed texts become part of the template, because there are many.
    source = re.sub(
        r'\{\{ say\("(\w+\.\w+)"\) \}\}',
        lambda found: escape(say(found[1])),
        packaged(__package__, "page.html.j2"),
    )
    return environment.from_string(source)


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _navigation(report: Report) -> dict[str, str]:
    missing = {"worst": not report_words.at_worst(report), "others": not report.others}
    return {id_: title for id_, title in TEXTS["navigation"].items() if not missing.get(id_)}


def _marks(action: ActionReport) -> str:
    found = {
        "money": action.spends,
        "writes": not action.only_reads,
        "data": action.data,
        "legacy": action.legacy,
        "new": action.new,
    }
    # What it is counted under comes first.
    return " ".join(dict.fromkeys([action.risk, *(mark for mark in found if found[mark])]))


def _data(report: Report) -> Markup:
    # The search uses the patterns to decide about actions that have no row.
    by_role = [
        {"kind": role.kind, "readable": role.readable, "patterns": [*_patterns_of(role)]}
        for role in report.roles
    ]
    texts = {section: TEXTS[section] for section in ("script", "units", "kinds")}
    data = {"roles": by_role, "texts": texts}
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    # Nothing in it can end the script element.
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704


def _patterns_of(role: RoleReport) -> Iterator[list[Any]]:
    ends = {found.policy for found in role.guardrails if found.ends}
    for policy in role.policies:
        for pattern in policy.patterns:
            if pattern.decision and policy.name not in ends:
                matched = list(pattern.excluded) or pattern.pattern
                yield [policy.name, pattern.decision, matched]


def _bar(counts: Mapping[Risk, int], role: RoleReport, longest: int) -> _Bar:
    parts, start = [], 0.0
    for risk, count in counts.items():
        width = max(_SHORTEST_BAR, round(count / longest * _LONGEST_BAR, 1))
        parts.append((risk, round(start, 1), width))
        start += width
    label = ", ".join(say(f"kinds.{risk}", count) for risk, count in counts.items())
    label = label or say("services.none")
    if not role.exact:
        label = say("services.at_least", numbers=label)
    return _Bar(parts=tuple(parts), label=label)
