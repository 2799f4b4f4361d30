"""Sentences that the formats of a report share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from pump_roles.compare import Difference
from pump_roles.guardrails import by_policy
from pump_roles.iam.canonical import account_of_root
from pump_roles.iam.trust import OPEN_PRINCIPAL
from pump_roles.output.pieces import listed, plural
from pump_roles.output.words import (
    actions_in_words,
    alarm_in_words,
    decisions_in_words,
    details_of,
    difference_in_words,
    place_in_words,
    policy_in_words,
    problem_in_words,
    unknown_in_words,
    values_in_words,
)
from pump_roles.report.marks import left_by_metadata_only
from pump_roles.report.model import RISKS, Change, Finding, Report, Risk, RoleReport, counts
from pump_roles.report.policies import GuardrailReport, Uncounted, counted
from pump_roles.report.statements import LIMITED, NO, UNKNOWN, YES, Answer
from pump_roles.templates import Place

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

TITLE = "What Pump's roles can do"

PROTECTS = "so that no other customer of Pump can have Pump use this role"
"""What the external ID protects from."""

ANSWERS = {YES: "Yes", LIMITED: "Limited", NO: "No", UNKNOWN: "Unknown"}

COMPARE_LATER = "pump-roles report ... --since report.html"
"""The command that compares with a report later."""

CAUSES = {
    "role": "The roles changed",
    "AWS": "AWS added or removed actions under a wildcard",
}
"""The causes of changes, with their headings."""

NUMBERS = {
    "money": "can spend money",
    "writes": "write or tag, including those that can spend money",
    "data": "return data",
    "effective": "effective",
    "limited": "of these, limited by a condition or a resource",
    "denied": "denied by a guardrail or another policy",
    "actions": "granted, including denied",
    "patterns": "patterns that grant",
}
"""What each of a role's numbers counts; what matters most comes first."""


_WORST: Final[Mapping[str, Risk]] = {"Money": "money", "Data": "data"}
"""The risk of an action that the catalog does not have, by the topic of the statement about it."""

COUNTS: Final[Mapping[Risk, str]] = {
    "money": "spend money",
    "writes": "write or tag",
    "data": "return data",
}
"""What actions with a risk do. An action can have several."""

SEVERITIES: Final[Mapping[str, tuple[str, str]]] = {
    "money": ("●", "spends money"),
    "writes": ("◕", "changes something"),
    "data": ("◑", "returns data"),
    "reads": ("◔", "reads metadata"),
    "": ("○", "cannot"),
}
"""The symbol of each severity, and what it means. The worst comes first."""


def severities(report: Report) -> Mapping[tuple[str, str], Risk | Literal[""]]:
    """Return the severity of each answer, by the statement's ID and the role's kind.

    It is the worst risk among the actions that are left, and among those that may be; empty if
    there is none.

    :param report: the report.
    """
    risks = {action.name: action.risk for action in report.actions}
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
    """Return in one sentence what a role can do.

    :param role: the role.
    :param report: the report that it is in.
    """
    answers = {statement.id: statement.roles[role.kind] for statement in report.statements}
    subject = ", with ".join(filter(None, [role.kind.capitalize(), _reduced_by(role)]))
    parts = [
        _commitments(answers["spend-money"], answers["sell"], role),
        _changes_in(role, answers),
        "can join another organization" if answers["join-organization"].left else "",
        f"{role.counted(role.data)} reads return data" if role.data else "",
        f"has permissions only {role.ends}" if role.ends else "",
        "read the alarms first" if report.alarms else "",
    ]
    return f"{subject}: {'; '.join(filter(None, parts))}."


def _reduced_by(role: RoleReport) -> str:
    number = len(role.guardrails)
    guardrails = plural(number, "guardrail") if number else ""
    boundary = "a permissions boundary" if role.boundary else ""
    return " and ".join(filter(None, [guardrails, boundary]))


def _commitments(buy: Answer, sell: Answer, role: RoleReport) -> str:
    sells = set(sell.left) - {"savingsplans:ReturnSavingsPlan"}
    second = "sell" if sells else "return"
    verbs = [verb for verb, answer in (("buy", buy), (second, sell)) if answer.left]
    if not verbs:
        unknown = UNKNOWN in (buy.answer, sell.answer)
        if unknown:
            return "whether it can buy or sell commitments is not known"
        return "reads billing and infrastructure metadata"
    what = f"can {' and '.join(verbs)} commitments"
    if buy.answer == LIMITED:
        return f"{what}, limited: {_by(buy.limited, role)}"
    return f"{what} without a limit" if buy.left else what


def _changes_in(role: RoleReport, answers: Mapping[str, Answer]) -> str:
    if role.exact and role.readable and not role.writes:
        return "changes nothing"
    return {
        NO: "changes nothing that runs",
        UNKNOWN: "whether it can change what runs is not known",
    }.get(answers["change-resources"].answer, "can change what runs")


def conclusion(report: Report) -> str:
    """Return how many alarms there are, and how many changes."""
    alarms = plural(report.alarms, "alarm") if report.alarms else "No alarms"
    return f"{alarms}. {difference(report) or 'Not compared with an earlier report'}."


def answer_in_words(answer: Answer) -> str:
    """Return an answer."""
    return answer.only or ANSWERS[answer.answer]


def answered(answer: Answer, role: RoleReport) -> str:
    """Return the explanation of an answer.

    :param answer: a role's answer to a statement.
    :param role: the role.
    """
    number = f"of {plural(len(answer.named), 'action')}"
    if answer.allowed:
        limited = f", {len(answer.limited):,} limited: {_by(answer.limited, role)}"
        return f"{len(answer.left):,} {number}{limited if answer.limited else ''}"
    if answer.answer == UNKNOWN:
        return "something cannot be read, or may give more access"
    if answer.limited:
        return f"{len(answer.limited):,} {number}, limited: {_by(answer.limited, role)}"
    if answer.denied:
        return f"denied by {_by(answer.denied, role, outright=True)}"
    return f"none {number}"


def few_named(answer: Answer) -> str:
    """Return the names of the actions that make an answer, if they are few; else empty."""
    return f": {', '.join(answer.left)}" if 0 < len(answer.left) <= _NAMED else ""


def _by(actions: Iterable[str], role: RoleReport, *, outright: bool = False) -> str:
    guardrails = [
        found.name if outright else found.value or found.name
        for found in role.guardrails
        if not set(actions).isdisjoint(found.denied + (() if outright else found.limited))
    ]
    return ", ".join(guardrails) or "a policy that denies them"


def at_worst(report: Report) -> Sequence[tuple[str, str]]:
    """Return what can happen at worst: which roles can do what, and what that means."""
    found = []
    for statement in report.statements:
        kinds = [role.kind for role in report.roles if statement.roles[role.kind].answer != NO]
        if statement.worst and kinds:
            found.append((f"{statement.title} ({', '.join(kinds)})", statement.worst))
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


def trusted(role: RoleReport) -> str:
    """Return whether a role requires an external ID."""
    if not role.external_id:
        return "not required"
    return f"required, one of {role.external_ids}" if role.external_ids > 1 else "required"


def who(principal: str) -> str:
    """Return who a principal is, to follow it."""
    if principal == OPEN_PRINCIPAL:
        return ", which Pump names to you"
    is_account = account_of_root(principal).isdigit()
    return f", {'any principal that its administrators allow' if is_account else 'one role'}"


def added(report: Report) -> str:
    """Return how many actions the last role adds; empty if the report covers one role."""
    if len(report.roles) == 1:
        return ""
    *_, last = report.roles
    least = "" if last.exact else "at least "
    return f"{last.kind.capitalize()} adds {least}{plural(last.only, 'action')}"


def added_by_risk(report: Report) -> Mapping[Risk, int]:
    """Return how many of the actions that the last role adds have each risk, except reads.

    An action can have several.

    :param report: the report.
    """
    *others, last = (role.kind for role in report.roles)
    added = [
        action
        for action in report.actions
        if action.is_effective(last) and not any(map(action.is_effective, others))
    ]
    number = counts(added)
    return {risk: number[risk] for risk in COUNTS}


def compared(report: Report) -> str:
    """Return which earlier report a report is compared with."""
    if report.since is None:
        return "Not compared with an earlier report."
    earlier = report.since
    digests = (
        f"{'' if file == earlier.file else f'{file} '}SHA-256 {sha256}"
        for file, sha256 in earlier.files
    )
    return (
        f"Compared with {earlier.file}: actions as of {earlier.date}, pump-roles "
        f"{earlier.version}, {', '.join(listed(digests, _FILES, 'file'))}."
    )


def compare_later(kept: str) -> str:
    """Return how to compare with a report later, without the command.

    :param kept: what to keep of it.
    """
    return f"To see later what has changed, keep {kept}, and pass it to the same command:"


def gained(report: Report) -> str:
    """Return how many new actions the published wildcards match since they were last reviewed."""
    number = sum(map(len, report.gained.values()))
    return (
        f"Pump's wildcards match {plural(number, 'new action') if number else 'no new actions'} "
        f"since Pump last reviewed them (AWS actions as of {report.reviewed})."
    )


def difference(report: Report) -> str:
    """Return how many changes there are since the earlier report; empty if there is none."""
    if report.since is None:
        return ""
    broader = sum(change.may_broaden for change in report.changes)
    number = plural(len(report.changes), "change") if report.changes else "No change"
    effect = f": {broader:,} can broaden access" if broader else ""
    return f"{number} since {report.since.file}{effect}"


def global_services(report: Report) -> str:
    """Return in which Regions the roles act, and on which global services."""
    found = [service for service in report.services if service in GLOBAL_SERVICES]
    listed = f", and on services that have no Region: {', '.join(found)}" if found else ""
    return (
        f"IAM is global: wherever it is deployed, a role acts in every Region of its account"
        f"{listed}."
    )


_RISKS = {
    "spends": ("action can spend money", "actions can spend money"),
    "writes": ("action writes or tags", "actions write or tag"),
    "data": (
        "action can return data, not only metadata",
        "actions can return data, not only metadata",
    ),
    "legacy": ("action is legacy", "actions are legacy"),
}


def finding_title(finding: Finding, report: Report) -> str:
    """Return the title of a finding, with its number.

    :param finding: the finding.
    :param report: the report that it is in.
    """
    if finding.kind in _RISKS:
        singular, several = _RISKS[finding.kind]
        number = counted(len(finding.actions), exact=report.exact)
        return f"{_capital(number)} {singular if len(finding.actions) == 1 else several}"
    return {
        "difference": f"The {finding.role} role is not what Pump publishes",
        "trust": f"The {finding.role} role's trust is not one principal with an external ID",
        "uncounted": f"The {finding.role} role allows more than is counted",
        "suspect": "Other resources may give more access than these roles",
        "resources": "There are other resources",
    }[finding.kind]


def finding_text(finding: Finding, report: Report) -> str:
    """Return what a finding means.

    :param finding: the finding.
    :param report: the report that it is in.
    """
    for role in report.roles:
        if role.kind == finding.role:
            return _about_role(finding, role)
    if finding.kind == "suspect":
        not_exact = (
            " The numbers of Pump's roles are not exact."
            if any(
                not role.exact and not (role.unreadable or role.uncounted) for role in report.roles
            )
            else ""
        )
        suspects = (
            *(alarm_in_words(other) for other in report.others if other.alarms),
            *map(unknown_in_words, report.unreadable),
        )
        found = " ".join(f"{suspect}." for suspect in suspects)
        return f"They are not counted. {found}{not_exact}"
    if finding.kind == "resources":
        listed = ", ".join(f"{kind} ({count:,})" for kind, count in finding.resources)
        return f"This report does not cover them: {listed}."
    return {
        "spends": "IAM cannot limit how much: it has no condition for the price, the term, or the "
        "amount of a commitment.",
        "writes": "Their access level is not List or Read. Despite its name, the published policy "
        "PumpReadOnly allows some of them; only the auto-pilot role has it.",
        "legacy": "AWS has replaced them; Pump's published policies still contain them.",
    }.get(finding.kind) or _data(finding.actions)


def _about_role(finding: Finding, role: RoleReport) -> str:
    if finding.kind == "trust":
        return _sentence(map(problem_in_words, role.trust_problems))
    if finding.kind == "uncounted":
        listed = ", ".join(map(_uncounted, role.uncounted))
        return (
            "The catalog has only the services that the published policies name, as of its date. "
            "What it does not have, and what cannot be read, is not counted, so the numbers of "
            f"this role are not exact: {listed}."
        )
    exact = " Its numbers are not exact." if role.unreadable else ""
    parts = [
        *map(unknown_in_words, role.unreadable),
        *map(_from_published, role.differences),
    ]
    allows_more = role.unreadable or any(
        difference.effect != "narrower" and difference.decisions for difference in role.differences
    )
    unjudged = (
        " For actions that Pump does not publish, this report does not say whether they spend "
        "money or return data. The answers in plain words cover only the actions that they name."
    )
    return f"{_sentence(parts)}{exact}{unjudged if allows_more else ''}"


def _from_published(difference: Difference) -> str:
    details = ", ".join(details_of(difference, "{now} here instead of {was}"))
    actions = ", ".join(listed(difference.actions, _ACTIONS)) if difference.decisions else ""
    words = difference_in_words(difference)
    if difference.rule == "policy-added" and difference.subject in by_policy():
        words = f"the inline policy {difference.subject} is named like a guardrail, but is not one"
    return ": ".join(filter(None, [words, details, actions]))


def _uncounted(part: Uncounted) -> str:
    if part.pattern:
        return f"{part.pattern} in {part.policy}"
    return f"a statement of {part.policy} that cannot be read"


def _sentence(parts: Iterable[str]) -> str:
    return f"{_capital('; '.join(parts))}."


def _capital(text: str) -> str:
    # Not capitalize(), which also changes the rest.
    return f"{text[:1].upper()}{text[1:]}"


def _data(names: Sequence[str]) -> str:
    denied = sum(not left_by_metadata_only(name) for name in names)
    left = "metric values, names and addresses, public keys, or the settings of budgets and alerts"
    if denied:
        return (
            f"Application data, user data, credentials, support cases, what AWS does not document, "
            f"{left}. The guardrail metadata-only denies {denied:,} of them."
        )
    return (
        f"{_capital(left)}. Pump's service needs them, so the guardrail metadata-only does not "
        "deny them."
    )


_NOUNS: Final = {
    "money": ("action that can spend money", "actions that can spend money"),
    "writes": ("action that writes or tags", "actions that write or tag"),
    "data": ("action that returns data", "actions that return data"),
    "reads": ("action that reads metadata", "actions that read metadata"),
    "": ("action", "actions"),
}


def change_in_one_line(change: Change) -> str:
    """Return a difference from an earlier report in one line."""
    if change.cause == "AWS":
        verb = "no longer matched" if change.effect == "narrower" else "now matched"
        return f"{_number(change)}: {verb} by a wildcard"
    if change.difference is not None:
        return _since(change, change.difference)
    before = "no longer: " if change.effect == "narrower" else ""
    if change.unknown is not None:
        return f"{before}{unknown_in_words(change.unknown)}"
    if change.other is not None:
        return f"{before}{alarm_in_words(change.other)}"
    if change.about == "place":
        return f"where it is deployed{_places(change.was, change.now)}"
    return {
        "suspect": "what may give more access may have changed",
        "external-id": "it accepts an external ID that it did not accept before",
        "filled-in": "what is filled in when it is deployed may have changed, such as a "
        "parameter's default",
    }[change.about]


def _places(was: Place | None, now: Place | None) -> str:
    if was is None or now is None:
        adverb = "now also" if was is None else "no longer"
        return f", {adverb}: {' '.join(map(place_in_words, filter(None, (was, now))))}"
    before, after = place_in_words(was), place_in_words(now)
    if was.regions != now.regions:
        before += f" Regions: {', '.join(was.regions)}."
        after += f" Regions: {', '.join(now.regions)}."
    return f": {before} Now: {after}"


def _number(change: Change) -> str:
    return actions_in_words(change.actions, _NOUNS[change.risk])


def _since(change: Change, difference: Difference) -> str:
    if difference.rule in ("role-present", "role-missing"):
        return "the role is new" if difference.rule == "role-present" else "the role is gone"
    if difference.decisions and change.actions:
        (decision,) = difference.decisions
        how = values_in_words(difference) or decisions_in_words(decision)
        whose = f"{policy_in_words(difference)}: " if difference.subject else ""
        return f"{whose}{_number(change)}: {how}"
    details = details_of(difference)
    if difference.part == "trust-policy" and details:
        return ", ".join(details)
    if difference.rule == "external-id":
        return _external_ids(difference)
    words = difference_in_words(difference, ("is new", "is no longer there"))
    return f"{words}{': ' if details else ''}{', '.join(details)}"


def _external_ids(difference: Difference) -> str:
    # Only their number is known: a report does not show external IDs.
    missing, extra = (int(*side) for side in (difference.was, difference.now))
    if missing:
        return f"it accepts {plural(missing, 'fewer external ID')}"
    return f"it accepts {plural(extra, 'more external ID')}"
