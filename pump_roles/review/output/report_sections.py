"""The permission report as a presentation, for a ticket or with every action; its rows for CSV."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pump_roles.guardrails import by_name
from pump_roles.review.output import (
    Code,
    Digest,
    Item,
    Names,
    Part,
    Piece,
    Presentation,
    Section,
    Sentence,
    Strong,
    Table,
    capital,
    coded,
    counted,
    report_checks,
)
from pump_roles.review.output import report_descriptions as wording
from pump_roles.review.output.descriptions import (
    RISKS_IN_WORDS,
    describe_access,
    describe_boundary,
    describe_grants,
    describe_place,
    describe_principal,
    describe_principals,
    describe_time,
)
from pump_roles.review.output.report_actions import NAMED, Group, by_service, kind_of, state_of
from pump_roles.review.output.report_descriptions import Severity
from pump_roles.review.report import (
    LIMITED,
    NO,
    RISKS,
    UNKNOWN,
    YES,
    ActionReport,
    Answer,
    GuardrailReport,
    Report,
    ReportChange,
    RoleReport,
)
from pump_roles.review.report.questions import Left, left_by_sets
from pump_roles.role.assembly import OtherResource

_NAMED: Final = 3
"""At most so many of the actions that make an answer are named next to it."""

_GAINED: Final = 40


def presentation_of(report: Report, *, every_action: bool = False) -> Presentation:
    """Return the presentation."""
    before, after = (
        [(Strong(f"{check.title}."), " ", *coded(check.text)) for check in checks]
        for checks in report_checks.checks_around(report)
    )
    verdicts = (
        (Strong(f"{wording.heading(role)}."), f" {wording.verdict(role, report)}")
        for role in report.roles
    )
    date = f"Actions as of {report.date}, from the catalog `{report.catalog}`."
    titles = wording.SECTIONS
    sections = (
        Section(titles["findings"], (*_findings(report),), attention=True),
        Section(titles["changes"], (*_changes(report),)),
        Section(titles["roles"], (*_roles(report), *(_others(report) if every_action else ()))),
        Section(titles["can"], (*_questions(report),)),
        Section(titles["worst"], (*_at_worst(report),)),
        Section(titles["actions"], (*_actions(report),) if every_action else ()),
        Section(titles["ticket"], () if every_action else (*_ticket(report),)),
    )
    return Presentation(
        wording.TITLE,
        report.version,
        summary=(*before, *verdicts, *after),
        about=(
            coded(f"{wording.subtitle(report)} {date} {wording.NOT_ON_AWS}"),
            ("What was read: SHA-256 ", Digest(report.read_sha256), "."),
        ),
        all_sections=sections,
    )


def _findings(report: Report) -> Iterator[Part]:
    if report.findings:
        yield report_checks.ABOUT_FINDINGS
    for finding in report.findings:
        yield (
            Strong(f"{report_checks.finding_title(finding, report)}."),
            f" {report_checks.finding_text(finding, report)}",
            f" {report_checks.TO_DO} {report_checks.what_to_do(finding)}",
        )


def _changes(report: Report) -> Iterator[Part]:
    if report.since is not None:
        yield report_checks.compared(report)
        yield from map(_change, report.changes)
    for pattern, names in report.gained.items():
        yield Item(("New since the review: ", Code(pattern), ": ", Names(names, _GAINED)))
    if report.newer:
        yield Item((report_checks.ABOUT_NEWER % report.sdk, Names(report.newer)))


def _change(change: ReportChange) -> Item:
    what = f"{change.effect}, {report_checks.change_of_roles(change)}"
    return Item((what, *((": ", Names(change.actions)) if change.actions else ())))


def _by_role(report: Report, first: str, rows: Iterable[tuple[Sentence, ...]]) -> Table:
    return Table((first, *map(wording.heading, report.roles)), tuple(rows))


def _roles(report: Report) -> Iterator[Part]:
    columns = [{**_numbers(role), **facts(role, report)} for role in report.roles]
    for column, role in zip(columns, report.roles, strict=True):
        column[READ_FROM] = _read_from(role)
    rows = ((name, *(column[name] for column in columns)) for name in columns[0])
    yield _by_role(report, "", rows)
    yield wording.describe_numbers(report)


def _numbers(role: RoleReport) -> dict[str, Sentence]:
    counts = {RISKS_IN_WORDS[risk]: wording.number_of(role, risk) for risk in RISKS}
    name = Code(role.name) if role.name else wording.UNNAMED
    return {**counts, "in total": wording.number_of(role), "Name": name}


_ESCALATES: Final = frozenset({"change-iam", "become"})
"""The questions about what gives a role more permissions than it has."""

POLICIES: Final = "Policies"
READ_FROM: Final = "Read from"


def facts(role: RoleReport, report: Report) -> Mapping[str, tuple[Piece, ...]]:
    """Return who can use a role, where it is, and what limits it, by what each is."""
    trusted = capital(wording.trusted(role))
    protects = (
        "If Pump sends each customer's own ID, no other customer reaches this role through Pump."
    )
    is_published = role.policies_published == "yes"
    own = [policy for policy in role.policies if policy.kind != "guardrail"]
    changed = [policy for policy in own if policy.kind != "published" or not policy.unmodified]
    published = wording.describe_published(role)
    return {
        "Data": (wording.describe_data(role, report),),
        "Escalation": (*_escalation(role, report),),
        "Used by": (*_used_by(role),),
        "External ID": (
            f"{trusted}. {protects}" if role.trust.requires_external_id else Strong(trusted),
        ),
        "Where": (" ".join((*_places(role, report), "Every Region.")),),
        POLICIES: (
            published if is_published else Strong(published),
            *(f"; {policy.name}: {wording.state_of(policy)}" for policy in changed),
        ),
        "Guardrails": (*_guardrails(role, report),),
        "Limits": (*_limits(role),),
    }


def _escalation(role: RoleReport, report: Report) -> Iterator[str | Strong]:
    escalating = [
        question.roles[role.kind] for question in report.statements if question.id in _ESCALATES
    ]
    number = sum(len(answer.left) for answer in escalating)
    of = sum(len(answer.named) for answer in escalating)
    text = f"{number:,} of {of:,} actions that change IAM, or assume or pass roles"
    if len(escalating) < len(_ESCALATES) or any(answer.answer == UNKNOWN for answer in escalating):
        yield Strong(f"{text}; not everything is known")
    else:
        yield Strong(text) if number else text
    if any(
        question.roles[role.kind].left
        for question in report.statements
        if question.id == "join-organization"
    ):
        yield "; by joining an organization: its management account can create any role"


def _used_by(role: RoleReport) -> Iterator[str | Code | Strong]:
    problems = role.trust.problems
    several = any(problem.why == "number-of-principals" for problem in problems)
    for index, principal in enumerate(role.trust.principals):
        who = wording.who(principal)
        if index:
            yield "; "
        if principal.kind == "provided" and not principal.value.default:
            yield capital(who)
        else:
            is_problem = several or any(problem.principal == principal for problem in problems)
            yield from (
                Code(describe_principal(principal)),
                ", ",
                Strong(who) if is_problem else who,
            )
    if not role.trust.principals:
        yield "Nobody"
    if role.trust.until:
        yield f"; until {describe_time(role.trust.until)}"


def _places(role: RoleReport, report: Report) -> Sequence[str]:
    found = [describe_place(place) for place in report.places if place.kind == role.kind]
    account = f"Account {role.account}." if role.account else "The account where you deploy it."
    return found or [account]


def _guardrails(role: RoleReport, report: Report) -> Iterator[str | Code]:
    for index, found in enumerate(role.guardrails):
        yield from ((", ",) if index else ())
        value = wording.value_of(found)
        yield from (Code(found.name), f" ({value})" if value else "")
    if not role.guardrails:
        yield "None"
    if role.denied:
        yield f"; {wording.denied(role)}"
    # A saved report can name a guardrail of another version.
    shipped = (by_name().get(found.name) for found in role.guardrails)
    if any(guardrail and guardrail.tag for guardrail in shipped):
        ways = (way for other in report.others for way in other.grants)
        ends = [way for way in ways if way.why in ("ends-approval", "may-end-approval")]
        yield f"; {describe_access(ends)}" if ends else ""


def _limits(role: RoleReport) -> Iterator[str | Code | Names]:
    yield f"Permissions only {role.ends}" if role.ends else "Never expires"
    not_counted = ", not counted; it can only reduce permissions"
    if role.boundary:
        own = role.role.boundary and role.role.boundary.policy
        until = wording.limiting(own.name, role).removeprefix(own.name) if own else ""
        name = Code(describe_boundary(role.boundary))
        yield from ("; permissions boundary ", name, until, not_counted)
    else:
        yield "; no permissions boundary"
    if role.role.may_deny:
        yield "; may also be denied by "
        yield Names([wording.limiting(policy.name, role) for policy in role.role.may_deny])
        yield not_counted


def _read_from(role: RoleReport) -> Sentence:
    if role.account:
        return f"account {role.account}"
    if not role.files:
        return "what Pump publishes"
    files, digests = zip(*role.files, strict=True)
    return (Names(files), " (SHA-256 ", Names(digests), ")")


def _others(report: Report) -> Iterator[Part]:
    if report.others:
        yield Strong(f"{wording.other_resources(report)}.")
        yield wording.OTHERS_NOT_COUNTED
        yield Table((*wording.OTHER_HEADS.values(),), tuple(map(_other, report.others)))
    if report.resources:
        yield wording.not_covered(report)


def _other(other: OtherResource) -> tuple[Sentence, ...]:
    access = describe_access(other.access)
    return (
        Code(other.name),
        Code(other.type),
        Code(other.source),
        describe_principals(other) or wording.NOBODY_NAMED,
        describe_grants(other) or wording.NOTHING_BY_ITSELF,
        Strong(access) if other.suspect_access else access,
    )


def _questions(report: Report) -> Iterator[Part]:
    yield wording.about_questions(report)
    yield f"{'; '.join(wording.LEGEND.values())}."
    severities = wording.severities(report)
    for topic, questions in wording.by_topic(report).items():
        rows = (
            (
                wording.asked(question),
                *(
                    _answer(question.roles[role.kind], role, severities[question.id, role.kind])
                    for role in report.roles
                ),
            )
            for question in questions
        )
        yield Strong(f"{topic}.")
        yield _by_role(report, wording.QUESTION, rows)
    yield wording.EVERYWHERE


def _answer(answer: Answer, role: RoleReport, severity: Severity) -> Sentence:
    symbol, about = wording.SYMBOLS[severity], wording.answered(answer, role)
    few = len(answer.left) <= _NAMED and answer.left
    named = (": ", Names(answer.left)) if few else ()
    return (f"{symbol} ", Strong(wording.describe_answer(answer)), f", {about}", *named)


def _at_worst(report: Report) -> Iterator[Part]:
    if not report.worst:
        return
    yield wording.ABOUT_WORST
    for worst in wording.at_worst(report):
        yield (Strong(f"{worst.title} ({worst.who})."),)
        yield from map(Item, worst.texts)
        for guardrail, in_place in worst.limits:
            placed = f" ({in_place})" if in_place else ""
            denies = wording.describe_denies(guardrail)
            costs = f"{wording.COST} {guardrail.costs}"
            limit = (
                f"{wording.LIMITS_IT}: ",
                Code(guardrail.name),
                f"{placed}. {denies} {costs}",
            )
            yield Item(limit)
    if harmless := wording.harmless_at_worst(report):
        yield harmless
    yield from _ledger(report)
    yield from _sets(report)
    yield from _stop(report)


def _sets(report: Report) -> Iterator[Part]:
    sets = left_by_sets(report)
    if not sets:
        return
    yield Strong(f"{wording.SETS}.")
    rows: list[tuple[Sentence, ...]] = [
        (wording.heading(role), *(_left(left, role) for left in sets)) for role in report.roles
    ]
    rows.append((wording.GUARDRAIL_COSTS, *(left.costs for left in sets)))
    yield Table(("", *(left.name for left in sets)), tuple(rows))


def _left(left: Left, role: RoleReport) -> str:
    counts, answers = left.counts[role.kind], left.answers[role.kind]
    numbers = ", ".join(f"{counts[risk]:,} {RISKS_IN_WORDS[risk]}" for risk in RISKS)
    sentences = [f"{wording.stay_allowed(role, counts)}: {numbers}."]
    for answer in (NO, LIMITED, YES):
        if found := answers.get(answer):
            titles = "; ".join(question.title for question in found)
            becomes = wording.STILL_POSSIBLE
            if answer != YES:
                becomes = wording.become(answer, found)
            sentences.append(f"{becomes}: {titles}.")
    return " ".join(sentences)


def _ledger(report: Report) -> Iterator[Part]:
    rows = [_guardrail(name, found) for (name, _), found in wording.ledger(report).items()]
    if rows:
        yield Strong(f"{wording.GUARDRAILS_IN_PLACE}.")
        heads = ("Guardrail", wording.GUARDRAIL_DENIES, "Leaves", wording.GUARDRAIL_COSTS)
        yield Table(heads, tuple(rows))


def _guardrail(name: str, by_role: Mapping[str, GuardrailReport]) -> tuple[Sentence, ...]:
    about = next(iter(by_role.values()))
    taken = [
        f"{capital(kind)}: {how}."
        for kind, found in by_role.items()
        for how in (
            f"{counted(len(found.denied), 'action')} denied" if found.denied else "",
            f"{counted(len(found.limited), 'action')} limited" if found.limited else "",
            wording.ALL_DENIED if found.ends else "",
        )
        if how
    ]
    own = wording.value_of(about)
    shown = (Code(name), f": {own}" if own else "")
    return (shown, " ".join((about.removes, *taken)), about.leaves, about.costs)


def _stop(report: Report) -> Iterator[Part]:
    yield Strong(f"{wording.STOP}.")
    yield wording.STOP_IN_ACCOUNT
    yield from (Item(Code(command)) for command in wording.stop(report))
    yield wording.STOP_IN_ORGANIZATION
    yield Item(Code(wording.ATTACH_STOP))
    yield wording.CONTINUES
    yield wording.STOP_GUIDE


def _actions(report: Report) -> Iterator[Part]:
    yield (
        f"Every action of the catalog of {report.date} that a role has. Actions that AWS has added "
        "since are also granted if a wildcard matches them, but are not listed here. They are "
        "listed by service, the most serious first; within a service, by the pattern that grants "
        "them, with the reason that this project gives for it."
    )
    if not report.exact:
        yield Strong(wording.NOT_COMPLETE)
    for title, services in by_service(report):
        yield (Strong(f"{title}."),)
        for service in services:
            for group in service.groups:
                yield (*_granted(group),)
                if group.actions:
                    kinds = (role.kind for role in report.roles)
                    heads = ("actions", "kind", "access level", *kinds, "note")
                    yield Table(heads, (*_rows_of(group, report),))


def _granted(group: Group) -> Iterator[str | Code]:
    for index, (pattern, policies) in enumerate(group.patterns):
        yield from (("; ",) if index else ())
        yield Code(pattern) if pattern else NAMED
        yield f" {policies}"
    yield f". {group.reason}" if group.reason else "."


def _rows_of(group: Group, report: Report) -> Iterator[tuple[Sentence, ...]]:
    # What is the same about several actions is said once.
    found: dict[tuple[str, ...], list[str]] = {}
    for action in group.actions:
        own = "" if group.reason else action.reason
        said = (
            kind_of(action),
            ", ".join(action.levels),
            *(_decided(action, role) for role in report.roles),
            " ".join(filter(None, (action.spends, action.data, action.legacy, own))),
        )
        found.setdefault(said, []).append(action.name)
    for said, names in found.items():
        yield (Names(names), *said)


def _decided(action: ActionReport, role: RoleReport) -> str:
    state = state_of(action, role)
    return f"{state.word} {', '.join(state.by)}".rstrip()


def _ticket(report: Report) -> Iterator[Part]:
    for role in report.roles:
        yield Item(f"Accept the {role.kind} role", choice=True)
    yield Item("Reject, because:", choice=True)
    yield "SHA-256 of what was reviewed, the file of ", Code("--keep reviewed.json"), ":"
    yield (Digest(report.read_sha256),)
    keep = "Keep this file. Whoever reviews the roles next passes it to the same command, and the "
    yield f"{keep}new report lists what has changed: ", Code(wording.LATER)
