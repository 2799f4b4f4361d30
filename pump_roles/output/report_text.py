"""The summary of a permission report as plain text, for mail."""

from collections.abc import Iterator
from typing import Final

from pump_roles.output import report_words as wording
from pump_roles.output.pieces import line, listed, say
from pump_roles.report.model import Report

_CHANGES: Final = 20


def as_text(report: Report) -> str:
    """Return a summary as plain text: verdicts, who can use the roles, alarms, changes, answers.

    :param report: the report.
    """
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield say("top.title")
    yield say("text.date", date=report.date, catalog=report.catalog)
    yield ""
    yield from (wording.verdict(role, report) for role in report.roles)
    for role in report.roles:
        yield line(
            say(
                "text.role",
                role=role.kind.capitalize(),
                principals=wording.assumed_by(role),
                external_id=wording.trusted(role),
                guardrails=", ".join(found.value or found.name for found in role.guardrails)
                or say("roles.none"),
            )
        )
    yield line(wording.conclusion(report))
    for finding in report.findings:
        if finding.is_alarm:
            title, about = (
                of(finding, report) for of in (wording.finding_title, wording.finding_text)
            )
            yield line(f"{say('text.alarm')}: {title}. {about}")
    changes = (f"{found.effect}, {wording.change_of_roles(found)}" for found in report.changes)
    for change in listed(changes, _CHANGES, say("text.change")):
        yield line(f"- {change}")
    yield ""
    yield " ".join(wording.LEGEND.values())
    severities = wording.severities(report)
    for statement in report.statements:
        yield ""
        yield f"{statement.title}. {statement.note}".strip()
        for role in report.roles:
            answer = statement.roles[role.kind]
            symbol = wording.SYMBOLS[severities[statement.id, role.kind]]
            about = f"{wording.answered(answer, role)}{wording.few_named(answer)}"
            yield line(f"  {role.kind}: {symbol} {wording.answer_in_words(answer)}, {about}")
    for what, meaning in wording.at_worst(report):
        yield ""
        yield f"{say('worst.title')}: {what}. {meaning}"
    yield ""
    yield from (
        f"{role.kind}: {file}, SHA-256 {sha256}"
        for role in report.roles
        for file, sha256 in role.files
    )
