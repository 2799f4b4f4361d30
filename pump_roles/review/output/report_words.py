"""Sentences that the formats of a report share, from the texts in ``texts.json``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

from pump_roles.guardrails import by_policy
from pump_roles.iam.trust import Principal
from pump_roles.review.compare import Difference
from pump_roles.review.output.texts import TEXTS, first, say, text_of
from pump_roles.review.output.words import (
    actions_in_words,
    alarm_in_words,
    decisions_in_words,
    details_of,
    difference_in_words,
    joined,
    place_in_words,
    policy_in_words,
    principal_in_words,
    problem_in_words,
    unknown_in_words,
    values_in_words,
)
from pump_roles.review.report.marks import left_by_metadata_only
from pump_roles.review.report.policies import GuardrailReport, Pattern, PolicyReport, Uncounted
from pump_roles.review.report.report_model import (
    RISKS,
    Change,
    Finding,
    Report,
    Risk,
    RoleReport,
    counts,
)
from pump_roles.review.report.statements import NO, UNKNOWN, Answer
from pump_roles.review.templates import Place

GLOBAL_SERVICES: Final = frozenset(
    {
        *("aws-portal", "budgets", "ce", "consolidatedbilling", "cur", "iam", "organizations"),
        *("pricing", "savingsplans", "support"),
    }
)
"""The services whose actions apply to a whole account or organization, not to a Region."""

_FILES: Final = 8
"""How many of the files that a report is compared with are listed."""

_NAMED: Final = 3
"""At most so many of the actions that make an answer are named next to it."""

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


def number_in_words(number: int, of: RoleReport | Report | Pattern, *, judged: bool = True) -> str:
    """Return one of the numbers of something: ``40``, or ``at least 40`` if it is not exact.

    :param judged: whether it is known of every action whether it belongs to the number.
    """
    text = f"{number:,}"
    return text if of.exact and judged else say("numbers.at_least", number=text)


def number_of(role: RoleReport, member: str) -> str:
    """Return one of a role's numbers, by its name; by default, of its effective actions."""
    number: int = getattr(role, member or "effective")
    return number_in_words(number, role, judged=role.judged or member not in ("money", "data"))


def heading(role: RoleReport) -> str:
    """Return a role's title with its number of writes: one that is called read-only may write."""
    writes = say("roles.no_writes")
    if role.writes or not role.exact:
        writes = say("roles.writes", number=number_of(role, "writes"))
    return say("roles.heading", role=role.kind.capitalize(), writes=writes)


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
    """Return in one sentence what a role can do."""
    answers = {statement.id: statement.roles[role.kind] for statement in report.statements}
    subject, reduced = role.kind.capitalize(), _reduced_by(role)
    if reduced:
        subject = say("verdict.reduced", role=subject, by=reduced)
    alarms = say("verdict.alarms") if report.alarms else ""
    if role.stopped:
        stopped = "; ".join(filter(None, (say("verdict.nothing"), alarms)))
        return f"{say('verdict.sentence', role=subject, parts=stopped)} {say('verdict.stopped')}"
    if not role.effective and role.exact and role.readable:
        nothing = "; ".join(filter(None, (say("verdict.no_permissions"), alarms)))
        return say("verdict.sentence", role=subject, parts=nothing)
    parts = [
        *_commitments(answers["spend-money"], answers["sell"], role, report),
        _changes_in(role, answers),
        say("verdict.joins") if answers["join-organization"].left else "",
        say("verdict.data", number=number_of(role, "data")) if role.data else "",
        say("verdict.ends", until=role.ends) if role.ends else "",
        alarms,
    ]
    return say("verdict.sentence", role=subject, parts="; ".join(filter(None, parts)))


def _reduced_by(role: RoleReport) -> str:
    number = len(role.guardrails)
    guardrails = say("units.guardrails", number) if number else ""
    number = sum(policy.kind == "deny" for policy in role.policies)
    denies = say("verdict.denies", number) if number else ""
    boundary = ""
    if role.boundary and not role.role.is_unknown("boundary"):
        boundary = say("verdict.boundary" if role.stopped else "verdict.uncounted_boundary")
    return joined((guardrails, denies, boundary))


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
        return text, _name_policies(answer.limits, role)
    everywhere = {
        action.name
        for action in report.actions
        if role.kind in action.roles and not action.roles[role.kind].allowed_on
    }
    unlimited = everywhere.intersection(names, answer.allowed)
    return "verdict.unlimited" if unlimited else "verdict.commitments", ""


def _only_reads(role: RoleReport) -> bool:
    return role.exact and role.readable and not role.writes


def _changes_in(role: RoleReport, answers: Mapping[str, Answer]) -> str:
    if _only_reads(role):
        return say("verdict.harmless")
    return text_of("verdict_on_changes", answers["change-resources"].answer)


def conclusion(report: Report) -> str:
    """Return how many alarms there are, and how many changes."""
    alarms = say("units.alarms", report.alarms) if report.alarms else say("alarms.none")
    return f"{alarms}. {difference(report) or say('changes.not_compared')}."


def answer_in_words(answer: Answer) -> str:
    """Return an answer."""
    return answer.only or text_of("answers", answer.answer)


def answered(answer: Answer, role: RoleReport) -> str:
    """Return the explanation of an answer."""
    if answer.allowed:
        text = "answered.some_limited" if answer.limited else "answered.some"
    elif answer.answer == UNKNOWN:
        return say("answered.not_covered" if role.readable else "answered.not_read")
    elif answer.limited:
        text = "answered.all_limited"
    elif answer.denied:
        denied = {*answer.denied}
        names = (each.name for each in role.guardrails if not denied.isdisjoint(each.denied))
        return say("answered.denied_by", by=", ".join(names) or say("answered.a_policy"))
    else:
        text = "answered.none"
    return say(
        text,
        len(answer.named),
        some=f"{len(answer.left):,}",
        limited=f"{len(answer.limited):,}",
        by=_name_policies(answer.limits, role),
    )


def few_named(answer: Answer) -> str:
    """Return the names of the actions that make an answer, if they are few; else empty."""
    return f": {', '.join(answer.left)}" if 0 < len(answer.left) <= _NAMED else ""


def _name_policies(policies: Iterable[str], role: RoleReport) -> str:
    guardrails = {found.policy: found.value or found.name for found in role.guardrails}
    named = (guardrails.get(name) or say("answered.the_policy", name=name) for name in policies)
    return ", ".join(named) or say("answered.differently")


def at_worst(report: Report) -> Sequence[tuple[str, str]]:
    """Return what can happen at worst: which roles can do what, and what that means."""
    found = []
    for statement in report.statements:
        kinds = [role.kind for role in report.roles if statement.roles[role.kind].answer != NO]
        if statement.worst and kinds:
            what = say("worst.what", statement=statement.title, roles=", ".join(kinds))
            found.append((what, statement.worst))
    return found


def ledger(report: Report) -> dict[tuple[str, str], dict[str, GuardrailReport]]:
    """Return the guardrails by name and value, each with what it does to which role."""
    found: dict[tuple[str, str], dict[str, GuardrailReport]] = {}
    for role in report.roles:
        for guardrail in role.guardrails:
            found.setdefault((guardrail.name, guardrail.value), {})[role.kind] = guardrail
    return found


def names_of_policies(report: Report) -> dict[str, str]:
    """Return the guardrails' names by the names of their policies."""
    return {found.policy: found.name for role in report.roles for found in role.guardrails}


def state_of(policy: PolicyReport) -> str:
    """Return what a policy is, or that it is not what it seems."""
    kind = policy.kind if policy.unmodified else f"changed-{policy.kind}"
    return text_of("policy_states", kind)


def assumed_by(role: RoleReport) -> str:
    """Return who can assume a role."""
    return ", ".join(map(principal_in_words, role.trust.principals)) or say("roles.nobody")


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


def added(report: Report) -> str:
    """Return how many actions the last role adds; empty if the report covers one role, or if that
    is not known.
    """
    if len(report.roles) == 1 or not report.exact:
        return ""
    *_, last = report.roles
    return say("plain.adds", last.only, role=last.kind.capitalize())


def added_by_risk(report: Report) -> Mapping[Risk, int]:
    """Return how many of the actions that the last role adds have each risk, except reads.

    An action can have several.
    """
    *others, last = (role.kind for role in report.roles)
    added = [
        action
        for action in report.actions
        if action.is_effective(last) and not any(map(action.is_effective, others))
    ]
    number = counts(added)
    return {risk: number[risk] for risk in RISKS if risk in TEXTS["risks"]}


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


def difference(report: Report) -> str:
    """Return how many changes there are since the earlier report; empty if there is none."""
    if report.since is None:
        return ""
    broader = sum(change.may_broaden for change in report.changes)
    file = report.since.file
    if not report.changes:
        return say("changes.none_since", file=file)
    number = say("changes.since", len(report.changes), file=file)
    return say("changes.broader", changes=number, number=f"{broader:,}") if broader else number


def global_services(report: Report) -> str:
    """Return in which Regions the roles act, and on which global services."""
    found = [service for service in report.services if service in GLOBAL_SERVICES]
    text = "where.on_services" if found else "where.everywhere"
    return say(text, services=", ".join(found))


def finding_title(finding: Finding, report: Report) -> str:
    """Return the title of a finding, with its number."""
    number, kind = len(finding.actions), finding.kind
    judged = kind not in ("spends", "data") or all(role.judged for role in report.roles)
    actions = number_in_words(number, report, judged=judged)
    text = f"finding_titles.{kind}"
    differs = any(role.differences for role in report.roles if role.kind == finding.role)
    if kind == "difference" and not differs:
        text = "finding_titles.unread"
    return say(text, number, number=capital(actions), role=finding.role)


def finding_text(finding: Finding, report: Report) -> str:
    """Return what a finding means."""
    for role in report.roles:
        if role.kind == finding.role:
            return _about_role(finding, role)
    if finding.kind == "suspect":
        suspects = [alarm_in_words(other) for other in report.others if other.alarms]
        suspects += map(unknown_in_words, report.unreadable)
        parts = [say("findings.suspect"), *(f"{suspect}." for suspect in suspects)]
        # For other roles, another finding says so.
        if any(not role.exact and not (role.unreadable or role.uncounted) for role in report.roles):
            parts.append(say("findings.not_exact"))
        return " ".join(parts)
    if finding.kind == "resources":
        types = ", ".join(f"{kind} ({count:,})" for kind, count in finding.resources)
        return say("findings.resources", types=types)
    if finding.kind == "data":
        denied = sum(not left_by_metadata_only(name) for name in finding.actions)
        return say("findings.data_denied" if denied else "findings.data_left", number=f"{denied:,}")
    return text_of("finding_texts", finding.kind)


def _about_role(finding: Finding, role: RoleReport) -> str:
    if finding.kind == "trust":
        return _sentence(map(problem_in_words, role.trust.problems))
    if finding.kind == "opened":
        tags = role.role.tags
        return _sentence(
            say("findings.opened", tag=key, value=tags[key].text) for key in role.opened
        )
    if finding.kind == "uncounted":
        return say("findings.uncounted", parts=", ".join(map(_uncounted, role.uncounted)))
    parts = [*map(unknown_in_words, role.unreadable), *map(_from_published, role.differences)]
    found = [
        _sentence(parts),
        say("findings.role_not_exact") if role.unreadable else "",
        say("findings.unjudged") if role.unreadable or not role.judged else "",
    ]
    return " ".join(filter(None, found))


def _from_published(difference: Difference) -> str:
    details = ", ".join(details_of(difference, "template"))
    actions = ", ".join(first(difference.actions, _ACTIONS)) if difference.decisions else ""
    words = difference_in_words(difference)
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


def change_in_one_line(change: Change) -> str:
    """Return a difference from an earlier report in one line."""
    narrower = change.effect == "narrower"
    if change.cause == "AWS":
        return say("change.unmatched" if narrower else "change.matched", actions=_number(change))
    if change.difference is not None:
        return _since(change, change.difference)
    about = ""
    if change.unknown is not None:
        about = unknown_in_words(change.unknown)
    elif change.other is not None:
        about = alarm_in_words(change.other)
    if about:
        return say("change.no_longer", what=about) if narrower else about
    if change.about == "place":
        return _places(change.was, change.now)
    return text_of("change_about", change.about)


def change_of_roles(change: Change) -> str:
    """Return which role a change is about, and what it is."""
    return f"{change.role or say('changes.all_roles')}: {change_in_one_line(change)}"


def _places(was: Place | None, now: Place | None) -> str:
    if was is None or now is None:
        text = "change.place_gained" if was is None else "change.place_lost"
        return say(text, place=" ".join(map(place_in_words, filter(None, (was, now)))))
    before, after = (
        say("change.regions", place=place_in_words(place), regions=", ".join(place.regions))
        if was.regions != now.regions
        else place_in_words(place)
        for place in (was, now)
    )
    return say("change.place", was=before, now=after)


def _number(change: Change) -> str:
    return actions_in_words(change.actions, TEXTS["changed_actions"][change.risk])


def _since(change: Change, difference: Difference) -> str:
    if difference.decisions and change.actions:
        (decision,) = difference.decisions
        how = values_in_words(difference) or decisions_in_words(decision)
        whose = f"{policy_in_words(difference)}: " if difference.subject else ""
        return f"{whose}{_number(change)}: {how}"
    details = ", ".join(details_of(difference))
    if difference.part == "trust-policy" and details:
        return details
    return ": ".join(filter(None, (difference_in_words(difference, "time"), details)))
