"""Sentences that the formats of a report share, from the texts in ``texts.json``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from pump_roles.assembly import Deployment
from pump_roles.guardrails import SHIPPED, Guardrail, by_policy
from pump_roles.iam import Principal
from pump_roles.inputs import ROLE_NAME
from pump_roles.review.output.descriptions import (
    count_actions,
    describe_alarms,
    describe_decisions,
    describe_difference,
    describe_place,
    describe_policy,
    describe_problem,
    describe_unknown,
    describe_values,
    details_of,
    joined,
)
from pump_roles.review.output.texts import TEXTS, first, say, text_of
from pump_roles.review.report import (
    NO,
    RISKS,
    UNKNOWN,
    Alarm,
    Answer,
    GuardrailReport,
    PolicyReport,
    Question,
    Report,
    ReportChange,
    Risk,
    RoleReport,
    Uncounted,
    WorstCase,
)
from pump_roles.role import Difference

_SUBTITLE: Final = 3
"""How many of the files that the roles were read from are named first."""

_FILES: Final = 8
"""How many of the files that a report is compared with are listed."""

_ACTIONS: Final = 8
"""How many of the actions of a difference from what is published are listed."""

_WORST: Final[Mapping[str, Risk]] = {"Money": "money", "Data": "data"}
"""The risk of an action that the catalog does not have, by the topic of the statement about it."""

SYMBOLS: Final[Mapping[str, str]] = {
    "money": "●",
    "writes": "◕",
    "data": "◑",
    "reads": "◔",
    "": "○",
}
"""The symbol of each severity. The worst comes first."""

LEGEND: Final[Mapping[str, str]] = {
    severity: f"{symbol} {text_of('severities', severity)}" for severity, symbol in SYMBOLS.items()
}
"""The symbol of each severity with its meaning."""


def is_certain(role: RoleReport, member: str) -> bool:
    """Return whether one of a role's numbers, by its name, is exact."""
    return role.exact and role.readable and (role.judged or member not in RISKS)


def number_of(role: RoleReport, member: str = "effective") -> str:
    """Return one of a role's numbers, by its name: ``40``, or ``40+`` if it is not exact."""
    number: int = getattr(role, member)
    text = f"{number:,}"
    return text if is_certain(role, member) else say("numbers.or_more", number=text)


def heading(role: RoleReport) -> str:
    """Return a role's title."""
    return role.kind.capitalize()


def severities(report: Report) -> Mapping[tuple[str, str], Risk | Literal[""]]:
    """Return the severity of each answer, by the statement's ID and the role's kind.

    It is the worst risk among the actions that are left, and among those that may be; empty if
    there is none.
    """
    # What Pump does not publish is not judged, so its topic says what it is at worst.
    risks = {action.name: action.risk for action in report.actions if action.reason}
    found: dict[tuple[str, str], Risk | Literal[""]] = {}
    for statement in report.statements:
        otherwise = _WORST.get(statement.topic, "writes")
        for kind, answer in statement.roles.items():
            left = {risks.get(name, otherwise) for name in answer.left}
            if answer.answer == UNKNOWN:
                left.add(otherwise)
            found[statement.id, kind] = next((risk for risk in RISKS if risk in left), "")
    return found


def verdict(role: RoleReport, report: Report) -> str:
    """Return in short sentences what a role can do."""
    answers = {statement.id: statement.roles[role.kind] for statement in report.statements}
    alarms = say("verdict.alarms") if report.alarms else ""
    if role.stopped:
        sentences = [alarms, say("verdict.nothing"), say("verdict.stopped")]
    elif not role.effective and role.exact and role.readable:
        sentences = [alarms, say("verdict.no_permissions")]
    else:
        sentences = [
            alarms,
            *_commitments(answers["spend-money"], answers["sell"], role, report),
            say("verdict.joins") if answers["join-organization"].left else "",
            _changes_in(role, answers),
            say("verdict.ends", until=role.ends) if role.ends else "",
        ]
    return " ".join(filter(None, sentences))


def _commitments(buy: Answer, sell: Answer, role: RoleReport, report: Report) -> Iterator[str]:
    # A reservation is sold; a Savings Plan can only be returned.
    sold = tuple(name for name in sell.left if name != "savingsplans:ReturnSavingsPlan")
    limits: dict[tuple[str, str], list[str]] = {}
    for verb, answer, names in (
        ("buy", buy, buy.left),
        ("sell" if sold else "give_back", sell, sold or sell.left),
    ):
        if names:
            limits.setdefault(_limit(answer, names, role, report), []).append(
                say(f"verdict.{verb}")
            )
    for (text, by), verbs in limits.items():
        yield say(text, verbs=joined(verbs), by=by)
    if not limits and UNKNOWN in (buy.answer, sell.answer):
        yield say("verdict.commitments_unknown")
    elif not limits:
        yield say("verdict.reads" if _only_reads(role) else "verdict.no_commitments")


def _limit(
    answer: Answer, names: Sequence[str], role: RoleReport, report: Report
) -> tuple[str, str]:
    # The text that says how these actions are limited, and by what.
    if set(names).isdisjoint(answer.allowed):
        unknown = answer.answer == UNKNOWN
        text = "verdict.limits_unknown" if unknown else "verdict.limited"
        values = {found.policy: found.value for found in role.guardrails}
        by = [
            values.get(policy) or say("verdict.by_policy", name=name_of(policy, role))
            for policy in answer.limits
        ]
        return text, joined(by) or say("verdict.differently")
    everywhere = {
        action.name
        for action in report.actions
        if role.kind in action.roles and not action.roles[role.kind].allowed_on
    }
    unlimited = everywhere.intersection(names, answer.allowed)
    return "verdict.unlimited" if unlimited else "verdict.commitments", ""


def _only_reads(role: RoleReport) -> bool:
    return role.exact and role.readable and not (role.money or role.writes)


_NOT_RUNNING: Final = ("ce:", "savingsplans:")
"""The services whose tags are on nothing that runs."""


def _changes_in(role: RoleReport, answers: Mapping[str, Answer]) -> str:
    if _only_reads(role):
        return say("verdict.harmless")
    answer, tag = answers["change-resources"].answer, answers["tag"]
    only_on_commitments = {
        name
        for found in role.guardrails
        for name in found.limited
        if found.name == Guardrail.COMMITMENT_TAGS_ONLY.name
    }
    tags = {name for name in tag.left if not name.startswith(_NOT_RUNNING)}
    if answer == NO and tags - only_on_commitments:
        return say("verdict.tags")
    return text_of("verdict_on_changes", answer)


def describe_answer(answer: Answer) -> str:
    """Return an answer."""
    return answer.only or text_of("answers", answer.answer)


def answered(answer: Answer, role: RoleReport) -> str:
    """Return for how many of its actions an answer is so, and what limits or denies them."""
    if answer.answer == NO and answer.denied:
        denied = {*answer.denied}
        names = [found.name for found in role.guardrails if not denied.isdisjoint(found.denied)]
        return say("answered.by", by=", ".join(names) or say("answered.a_policy"))
    unknown = say("answered.not_covered" if role.readable else "answered.not_read")
    if answer.answer == UNKNOWN and not answer.left:
        return unknown
    text = "answered.number"
    if answer.limited:
        text = "answered.some_limited" if answer.allowed else "answered.limited"
    said = say(
        text,
        some=f"{len(answer.left):,}",
        total=f"{len(answer.named):,}",
        limited=f"{len(answer.limited):,}",
        by=", ".join(name_of(name, role) for name in answer.limits) or say("answered.differently"),
    )
    return f"{said}; {unknown}" if answer.answer == UNKNOWN else said


def name_of(policy: str, role: RoleReport) -> str:
    """Return the name of the guardrail that a policy implements; of any other, its own."""
    return next((found.name for found in role.guardrails if found.policy == policy), policy)


class AtWorst(NamedTuple):
    """What can happen at worst, which roles can do it, and which guardrails limit it.

    :param limits: each with whether, and for which of these roles, it is in place.
    """

    title: str
    severity: Risk
    who: str
    texts: Sequence[str]
    limits: Sequence[tuple[Guardrail, str]]


def at_worst(report: Report) -> Sequence[AtWorst]:
    """Return what can happen at worst."""
    return [
        AtWorst(
            worst.title,
            worst.severity,
            capital(joined(worst.roles)),
            (*_possible(worst, report), *worst.texts),
            [(SHIPPED[name], _in_place(name, worst, report)) for name in worst.limits],
        )
        for worst in report.worst
    ]


def _in_place(name: str, worst: WorstCase, report: Report) -> str:
    having = [
        role.kind
        for role in report.roles
        if role.kind in worst.roles and any(found.name == name for found in role.guardrails)
    ]
    if len(having) == len(worst.roles):
        return say("worst.in_place")
    return say("worst.in_place_for", role=joined(having)) if having else ""


def _possible(worst: WorstCase, report: Report) -> Iterator[str]:
    # What is read, the title does not say.
    by_roles: dict[str, list[str]] = {}
    for statement in report.statements:
        if statement.id in worst.answers and worst.only_reads:
            kinds = [kind for kind, answer in statement.roles.items() if answer.answer != NO]
            by_roles.setdefault(capital(joined(kinds)), []).append(asked(statement))
    for roles, answers in by_roles.items():
        yield say("worst.possible", roles=roles, answers=" ".join(answers))


def asked(statement: Question) -> str:
    """Return what a statement is about, in sentences."""
    return f"{statement.title}. {statement.note}".rstrip()


def harmless_at_worst(report: Report) -> str:
    """Return what is possible with a role that changes nothing, and thus not all of this."""
    kinds = [role.kind for role in report.roles if _only_reads(role)]
    if len(kinds) != 1 or len(report.roles) == 1:
        return ""
    titles = [found.title for found in report.worst if kinds[0] in found.roles]
    return say("worst.only_reads", role=kinds[0], worst="; ".join(titles)) if titles else ""


def stop(report: Report) -> Iterator[str]:
    """Yield the commands that stop the roles in an account."""
    names = (role.name for role in report.roles)
    valid = (name if ROLE_NAME.accepts(name) else say("stop.unnamed") for name in names)
    yield from (say("stop.command", name=name) for name in dict.fromkeys(valid))


def ledger(report: Report) -> dict[tuple[str, str], dict[str, GuardrailReport]]:
    """Return the guardrails by name and value, each with what it does to which role."""
    found: dict[tuple[str, str], dict[str, GuardrailReport]] = {}
    for role in report.roles:
        for guardrail in role.guardrails:
            found.setdefault((guardrail.name, guardrail.value), {})[role.kind] = guardrail
    return found


_FIXED: Final = {guardrail.value_in_words for guardrail in SHIPPED.values()}
"""What the name of a guardrail says already."""


def value_of(guardrail: GuardrailReport) -> str:
    """Return the value of a guardrail; empty if its name says it already."""
    return "" if guardrail.value in _FIXED else guardrail.value


def denied(role: RoleReport) -> str:
    """Return how many of a role's actions are denied."""
    of = say("units.actions", role.actions, number=number_of(role, "actions"))
    return say("facts.denied", role.denied, number=number_of(role, "denied"), of=of)


def describe_published(role: RoleReport) -> str:
    """Return how many policies of a role allow something, and whether Pump publishes them."""
    number = sum(policy.kind not in ("guardrail", "deny") for policy in role.policies)
    return say(f"facts.policies_{role.policies_published}", number)


def state_of(policy: PolicyReport) -> str:
    """Return what a policy is, or that it is not what it seems."""
    kind = policy.kind if policy.unmodified else f"changed-{policy.kind}"
    return text_of("policy_states", kind)


def trusted(role: RoleReport) -> str:
    """Return whether a role requires an external ID."""
    required, number = role.trust.id_required, len(role.trust.external_ids)
    if required == "exactly" and number > 1:
        return say("roles.one_of", number=number)
    return text_of("required", required)


def who(principal: Principal) -> str:
    """Return who a principal is, to follow it."""
    kind, value = principal.kind, principal.value
    is_unread = kind == "other" and value.state == "not-read"
    return text_of("who", "unreadable" if is_unread else "default" if value.default else kind)


class Check(NamedTuple):
    """Something that a reviewer checks first.

    :param state: ``ok``, ``alarm``, ``broader``, ``narrower``, or ``none``: nothing was compared.
    :param about: the section that it is about; empty if there is none.
    """

    state: str
    title: str
    text: str
    about: str = ""


def checks(report: Report) -> Iterator[Check]:
    """Yield whether there are alarms, new actions, and changes."""
    if report.alarms:
        yield Check("alarm", say("units.alarms", report.alarms), say("checks.alarms"), "alarms")
    else:
        yield Check("ok", say("checks.no_alarms"), say("checks.nothing"))
    if new := sum(map(len, report.gained.values())):
        yield Check("broader", say("checks.new", new), gained(report), "actions")
    else:
        yield Check("ok", say("checks.no_new"), gained(report))
    if report.since is None:
        yield Check("none", say("checks.not_compared"), say("checks.to_compare"))
        return
    number, broader = len(report.changes), sum(change.may_broaden for change in report.changes)
    text = say("checks.since", file=report.since.file)
    if broader:
        text = f"{text} {say('checks.broader', broader)}"
    title = say("checks.changes", number) if number else say("checks.no_changes")
    yield Check("broader" if broader else "narrower" if number else "ok", title, text, "changes")


def subtitle(report: Report) -> str:
    """Return what a report is about."""
    one, *others = report.roles
    roles = say("top.two_roles") if others else say("top.one_role", role=one.kind)
    files = dict.fromkeys(f"`{file}`" for role in report.roles for file, _ in role.files)
    if one.account:
        return say("top.of_account", roles=roles, account=one.account)
    if files:
        return say("top.of_files", roles=roles, files=", ".join(first(files, _SUBTITLE)))
    guarded = any(role.guardrails for role in report.roles)
    return say("top.with_guardrails" if guarded else "top.published", roles=roles)


def counted(report: Report) -> str:
    """Return how the actions of the roles are counted, and how many there are."""
    *others, last = report.roles
    certain = all(is_certain(role, risk) for role in report.roles for risk in RISKS)
    sentences = [
        say("top.counted"),
        *(
            say("top.has", role.effective, role=heading(role), number=number_of(role))
            for role in report.roles
        ),
        say("top.only", last.only, role=last.kind) if others and last.exact else "",
        "" if certain else say("top.plus"),
        "" if all(role.judged for role in report.roles) else say("top.unjudged"),
        say("top.without_boundary") if any(role.stopped for role in report.roles) else "",
    ]
    return " ".join(filter(None, sentences))


def by_topic(report: Report) -> Mapping[str, Sequence[Question]]:
    """Return the statements by their topic, in words."""
    found: dict[str, list[Question]] = {}
    for statement in report.statements:
        found.setdefault(text_of("topics", statement.topic), []).append(statement)
    return found


def compared(report: Report) -> str:
    """Return which earlier report a report is compared with."""
    if report.since is None:
        return f"{say('changes.not_compared')}."
    earlier = report.since
    digests = (
        f"{'' if file == earlier.file else f'{file} '}SHA-256 {sha256}"
        for file, sha256 in earlier.files
    )
    return say(
        "changes.compared",
        file=earlier.file,
        date=earlier.date,
        version=earlier.version,
        digests=", ".join(first(digests, _FILES)),
    )


def gained(report: Report) -> str:
    """Return how many new actions the published wildcards match since they were last reviewed."""
    number = sum(map(len, report.gained.values()))
    text = "changes.gained" if number else "changes.gained_none"
    return say(text, number, date=report.reviewed)


def may_broaden(report: Report) -> str:
    """Return how many changes since the earlier report broaden access, or may."""
    number = sum(change.may_broaden for change in report.changes)
    return say("changes.broader", number, file=report.since.file if report.since else "")


def alarm_title(finding: Alarm, report: Report) -> str:
    """Return the title of a finding, with its number."""
    differs = any(role.differences for role in report.roles if role.kind == finding.role)
    unread = finding.kind == "difference" and not differs
    return say(f"finding_titles.{'unread' if unread else finding.kind}", role=finding.role)


def alarm_text(finding: Alarm, report: Report) -> str:
    """Return what a finding means."""
    for role in report.roles:
        if role.kind == finding.role:
            return _about_role(finding, role)
    suspects = [describe_alarms(other) for other in report.others if other.alarms]
    suspects += map(describe_unknown, report.unreadable)
    parts = [say("findings.suspect"), *(f"{suspect}." for suspect in suspects)]
    # For other roles, another finding says so.
    if any(not role.exact and not (role.unreadable or role.uncounted) for role in report.roles):
        parts.append(say("findings.not_exact"))
    return " ".join(parts)


def what_to_do(finding: Alarm) -> str:
    """Return what to do about a finding."""
    return text_of("todo", finding.kind)


def _about_role(finding: Alarm, role: RoleReport) -> str:
    if finding.kind == "trust":
        return _sentence(map(describe_problem, role.trust.problems))
    if finding.kind == "opened":
        tags = role.role.tags
        return _sentence(
            say("findings.opened", tag=key, value=tags[key].text) for key in role.opened
        )
    if finding.kind == "uncounted":
        return say("findings.uncounted", parts=", ".join(map(_uncounted, role.uncounted)))
    parts = [*map(describe_unknown, role.unreadable), *map(_from_published, role.differences)]
    found = [
        _sentence(parts),
        say("findings.role_not_exact") if role.unreadable else "",
        say("findings.unjudged") if role.unreadable or not role.judged else "",
    ]
    return " ".join(filter(None, found))


def _from_published(difference: Difference) -> str:
    details = ", ".join(details_of(difference, "template"))
    actions = ", ".join(first(difference.actions, _ACTIONS)) if difference.decisions else ""
    words = describe_difference(difference)
    if difference.rule == "policy-added" and difference.subject in by_policy():
        words = say("findings.not_a_guardrail", name=difference.subject)
    return ": ".join(filter(None, [words, details, actions]))


def _uncounted(part: Uncounted) -> str:
    text = "findings.uncounted_pattern" if part.pattern else "findings.uncounted_statement"
    return say(text, pattern=part.pattern, policy=part.policy)


def _sentence(parts: Iterable[str]) -> str:
    return f"{capital('; '.join(parts))}."


def capital(text: str) -> str:
    """Return a text that begins with a capital, and is otherwise the same."""
    return f"{text[:1].upper()}{text[1:]}"


def describe_change(change: ReportChange) -> str:
    """Return a difference from an earlier report in one line."""
    narrower = change.effect == "narrower"
    if change.cause == "AWS":
        return say("change.unmatched" if narrower else "change.matched", actions=_number(change))
    if change.difference is not None:
        return _since(change, change.difference)
    about = ""
    if change.unknown is not None:
        about = describe_unknown(change.unknown)
    elif change.other is not None:
        about = describe_alarms(change.other)
    if about:
        return say("change.no_longer", what=about) if narrower else about
    if change.about == "place":
        return _places(change.was, change.now)
    return text_of("change_about", change.about)


def change_of_roles(change: ReportChange) -> str:
    """Return which role a change is about, and what it is."""
    return f"{change.role or say('changes.all_roles')}: {describe_change(change)}"


def _places(was: Deployment | None, now: Deployment | None) -> str:
    if was is None or now is None:
        text = "change.place_gained" if was is None else "change.place_lost"
        return say(text, place=" ".join(map(describe_place, filter(None, (was, now)))))
    before, after = (
        say("change.regions", place=describe_place(place), regions=", ".join(place.regions))
        if was.regions != now.regions
        else describe_place(place)
        for place in (was, now)
    )
    return say("change.place", was=before, now=after)


def _number(change: ReportChange) -> str:
    return count_actions(change.actions, TEXTS["changed_actions"][change.risk])


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
