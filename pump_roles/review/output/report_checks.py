"""Describes what a reviewer checks first: findings, new actions, and changes since a report."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from pump_roles.compare.difference import Difference
from pump_roles.guardrails import Guardrail, by_policy
from pump_roles.review.output import capital, counted, first
from pump_roles.review.output.descriptions import (
    count_actions,
    describe_decisions,
    describe_difference,
    describe_ended,
    describe_place,
    describe_policy,
    describe_problem,
    describe_suspects,
    describe_unknown,
    describe_values,
    details_of,
    first_named,
)
from pump_roles.review.report import (
    Finding,
    FindingKind,
    Report,
    ReportChange,
    Risk,
    RoleReport,
    Uncounted,
)
from pump_roles.role.assembly import Deployment, OtherResource

_ACTIONS: Final = 8
"""How many of the actions of a difference from what is published are listed."""


ABOUT_FINDINGS: Final = (
    "Read these before the numbers: with them, the rest of this report may be incomplete."
)

TO_DO: Final = "What to do:"

ABOUT_NEWER: Final = "Known from the SDK of %s, not described by AWS's reference yet: "


class Check(NamedTuple):
    """Something that a reviewer checks first.

    :param state: ``ok``, ``finding``, ``broader``, ``narrower``, or ``none``: nothing was compared.
    :param about: the section that it is about; empty if there is none.
    """

    state: str
    title: str
    text: str
    about: str = ""


def checks(report: Report) -> Iterator[Check]:
    """Yield whether there are findings, new actions, and changes."""
    if report.findings:
        text = "Something gives, or may give, more access than Pump publishes."
        if {finding.kind for finding in report.findings} == {"ended"}:
            text = "A limit that someone chose has ended."
        text = f"{text}{_unnamed(report)}"
        yield Check("finding", counted(len(report.findings), "finding"), text, "findings")
    else:
        text = "Nothing that was read gives the roles more access than Pump publishes."
        yield Check("ok", "No findings", f"{text}{_unnamed(report)}")
    if new := sum(map(len, report.gained.values())):
        yield Check("broader", counted(new, "new action"), gained(report), "actions")
    else:
        title = "No new actions in the catalog" if report.newer else "No new actions"
        yield Check("ok", title, gained(report))
    if report.since is None:
        yield Check("none", "Not compared", "To see changes, pass an earlier report to `--since`.")
        return
    number, broader = len(report.changes), sum(change.may_broaden for change in report.changes)
    text = f"Since `{report.since.file}`."
    if broader:
        text = f"{text} {broader:,} can broaden access."
    title = counted(number, "change") if number else "No changes"
    yield Check("broader" if broader else "narrower" if number else "ok", title, text, "changes")


_FOUND: Final = frozenset({"finding", "broader", "narrower"})
"""The states of a check that found something."""


def checks_around(report: Report) -> tuple[Sequence[Check], Sequence[Check]]:
    """Return the checks that found something, and those that come after what the roles can do."""
    found, rest = (
        [each for each in checks(report) if (each.state in _FOUND) == is_found]
        for is_found in (True, False)
    )
    return found, rest


def _unnamed(report: Report) -> str:
    # Which roles have names that only the deployment knows.
    names = [
        other.name
        for other in report.others
        if any(way.why == "may-be-named-alike" for way in other.access)
    ]
    if not names:
        return ""
    number = counted(len(names), "other role has", "other roles have")
    name = "a name" if len(names) == 1 else "names"
    return (
        f" {number} {name} that cannot be read: {first_named(names)}. IAM refuses a second role "
        "with the name of one of Pump's roles."
    )


def compared(report: Report) -> str:
    """Return which earlier report a report is compared with."""
    if report.since is None:
        return "Not compared with an earlier report."
    earlier = report.since
    return (
        f"Compared with {earlier.file}: actions as of {earlier.date}, pump-roles "
        f"{earlier.version}, SHA-256 {earlier.read_sha256}."
    )


def gained(report: Report) -> str:
    """Return which new actions the published wildcards match, when they can, and who says so."""
    number = sum(map(len, report.gained.values()))
    catalog = f"the reviewed catalog of {report.reviewed}. {_growth(report)}"
    text = f"Of the catalog's actions, Pump's wildcards match only those in {catalog}"
    if number:
        text = f"Pump's wildcards match {counted(number, 'new action')}, in addition to {catalog}"
    return f"{text}{_newer(report)}"


def _newer(report: Report) -> str:
    if not report.newer:
        return ""
    return (
        f" Not counted: {counted(len(report.newer), 'action')} known from the SDK of {report.sdk}, "
        "not described by AWS's reference yet."
    )


def _growth(report: Report) -> str:
    needed_only = (
        any(found.name == Guardrail.NEEDED_ONLY.name for found in role.guardrails)
        for role in report.roles
    )
    if report.roles and all(needed_only):
        return "`needed-only` denies what AWS adds."
    return "AWS can add some on any day; a report of a newer version says so."


def broader_in_short(report: Report) -> str:
    """Return how many changes since the earlier report broaden access, or may, and the first."""
    broader = [change_of_roles(change) for change in report.changes if change.may_broaden]
    since = report.since.file if report.since else ""
    changes = f"{counted(len(broader), 'change')} since {since} can broaden access"
    return f"{changes}: {'; '.join(first(broader, 1)).rstrip('.')}."


def findings_in_short(report: Report) -> str:
    """Return how many findings there are, and their titles."""
    titles = (finding_title(finding, report) for finding in report.findings)
    return f"{counted(len(report.findings), 'finding')}: {'; '.join(titles)}."


def finding_title(finding: Finding, report: Report) -> str:
    """Return the title of a finding, with its number."""
    role = f"The {finding.role} role"
    if finding.kind == "difference":
        differs = any(each.differences for each in report.roles if each.kind == finding.role)
        return (
            f"{role} {'is' if differs else 'may'} not {'' if differs else 'be '}what Pump publishes"
        )
    if finding.kind == "trust":
        return f"{role}'s trust is not one principal with an external ID"
    if finding.kind == "opened":
        return f"A tag of the {finding.role} role may open a guardrail"
    if finding.kind == "ended":
        return f"A limit of the {finding.role} role has ended"
    if finding.kind == "uncounted":
        return f"{role} allows more than is counted"
    return "Other resources may give more access than these roles"


def finding_text(finding: Finding, report: Report) -> str:
    """Return what a finding means."""
    for role in report.roles:
        if role.kind == finding.role:
            return _about_role(finding, role)
    suspects = [describe_suspects(*alike) for alike in _suspects(report)]
    suspects += map(describe_unknown, report.unreadable)
    parts = ["They are not counted.", *(f"{suspect}." for suspect in suspects)]
    # For other roles, another finding says so.
    if any(not role.exact and not (role.unreadable or role.uncounted) for role in report.roles):
        parts.append("The numbers of Pump's roles are not exact.")
    return " ".join(parts)


def _suspects(report: Report) -> Iterable[Sequence[OtherResource]]:
    # What only the deployment knows is said once, of all that it is about.
    found: dict[object, list[OtherResource]] = {}
    for index, other in enumerate(report.others):
        is_open = {way.why for way in other.suspect_access} == {"trusts-unreadable-account"}
        if other.suspect_access:
            found.setdefault(other.type if is_open else index, []).append(other)
    return found.values()


def describe_finding(finding: Finding, report: Report) -> str:
    """Return a finding, and what it means."""
    return f"{finding_title(finding, report)}. {finding_text(finding, report)}"


def what_to_do(finding: Finding) -> str:
    """Return what to do about a finding."""
    return _TODO[finding.kind]


_TODO: Final[Mapping[FindingKind, str]] = {
    "difference": (
        "Restore what Pump publishes, or review the difference by itself. If something could not "
        "be read, make it readable, and create the report again."
    ),
    "trust": (
        "Trust only the principal that Pump gave you, and require the external ID with "
        "StringEquals."
    ),
    "opened": "Remove the tag, unless you approved what it opens.",
    "ended": "Set a later time if it must still limit the role, or remove it.",
    "uncounted": "Read these patterns and statements yourself.",
    "suspect": "Find out who needs this, and review it by itself.",
}


def _about_role(finding: Finding, role: RoleReport) -> str:
    if finding.kind == "trust":
        return _sentence(map(describe_problem, role.trust.problems))
    if finding.kind == "opened":
        tags = role.role.tags
        return _sentence(f"the tag {key} has the value {tags[key].text}" for key in role.opened)
    if finding.kind == "ended":
        ended = describe_ended(limit for limit in role.timed if limit.ended)
        return f"Its time has passed, so it limits nothing: {ended}."
    if finding.kind == "uncounted":
        return (
            "The catalog has only the services that the published policies name, as of its date. "
            "What it does not have, and what cannot be read, is not counted, so the numbers of "
            f"this role are not exact: {', '.join(map(_uncounted, role.uncounted))}."
        )
    parts = [
        *map(describe_unknown, role.unreadable),
        *map(describe_from_published, role.differences),
    ]
    found = [
        _sentence(parts),
        "Its numbers are not exact." if role.unreadable else "",
        _NOT_PUBLISHED if role.unreadable or not role.allows_only_published else "",
    ]
    return " ".join(filter(None, found))


_NOT_PUBLISHED: Final = (
    "For actions that Pump does not publish, this report does not say whether they spend money or "
    "return data. The answers cover only the actions that they name, so none is No."
)


def describe_from_published(difference: Difference) -> str:
    """Return how a role differs from what Pump publishes, in one line."""
    details = ", ".join(details_of(difference, "template"))
    actions = ", ".join(first(difference.actions, _ACTIONS)) if difference.decisions else ""
    words = describe_difference(difference)
    if difference.rule == "policy-added" and difference.subject in by_policy():
        words = f"the inline policy {difference.subject} is named like a guardrail, but is not one"
    return ": ".join(filter(None, [words, details, actions]))


def _uncounted(part: Uncounted) -> str:
    if part.pattern:
        return f"{part.pattern} in {part.policy}"
    return f"a statement of {part.policy} that cannot be read"


def _sentence(parts: Iterable[str]) -> str:
    return f"{capital('; '.join(parts))}."


def describe_change(change: ReportChange) -> str:
    """Return a difference from an earlier report in one line."""
    narrower = change.effect == "narrower"
    if change.cause == "AWS":
        longer = "no longer" if narrower else "now"
        return f"{_number(change)}: {longer} matched by a wildcard"
    if change.difference is not None:
        return _since(change, change.difference)
    about = ""
    if change.unknown is not None:
        about = describe_unknown(change.unknown)
    elif change.other is not None:
        about = describe_suspects(change.other)
    if about:
        return f"no longer: {about}" if narrower else about
    if change.about == "place":
        return _places(change.was, change.now)
    return {
        "suspect": "what may give more access may have changed",
        "external-id": "it accepts an external ID that it did not accept before",
        "filled-in": (
            "what is filled in when it is deployed may have changed, such as a parameter's default"
        ),
    }[change.about]


def change_of_roles(change: ReportChange) -> str:
    """Return which role a change is about, and what it is."""
    return f"{change.role or ALL_ROLES}: {describe_change(change)}"


ALL_ROLES: Final = "all roles"


def _places(was: Deployment | None, now: Deployment | None) -> str:
    if was is None or now is None:
        longer = "now also" if was is None else "no longer"
        place = " ".join(map(describe_place, filter(None, (was, now))))
        return f"where it is deployed, {longer}: {place}"
    before, after = (
        f"{describe_place(place)} Regions: {', '.join(place.regions)}."
        if was.regions != now.regions
        else describe_place(place)
        for place in (was, now)
    )
    return f"where it is deployed: {before} Now: {after}"


def _number(change: ReportChange) -> str:
    one, several = _CHANGED[change.risk]
    return count_actions(change.actions, f"action{one}", f"actions{several}")


_CHANGED: Final[Mapping[Risk | Literal[""], tuple[str, str]]] = {
    "money": (" that can spend money", " that can spend money"),
    "writes": (" that writes or tags", " that write or tag"),
    "data": (" that returns data", " that return data"),
    "reads": (" that reads metadata", " that read metadata"),
    "": ("", ""),
}
"""What some actions do, for one and for several."""


def _since(change: ReportChange, difference: Difference) -> str:
    if difference.decisions and change.actions:
        (decision,) = difference.decisions
        how = describe_values(difference) or describe_decisions(decision)
        whose = f"{describe_policy(difference)}: " if difference.subject else ""
        return f"{whose}{_number(change)}: {how}"
    details = ", ".join(details_of(difference))
    if difference.part == "trust-policy" and details:
        return details
    return ": ".join(filter(None, (describe_difference(difference, "time"), details)))
