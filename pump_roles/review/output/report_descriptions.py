"""Describes what a report says: the sentences that its Markdown and its page share."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from pump_roles.guardrails import Guardrail, by_name
from pump_roles.iam.trust import Principal, PrincipalKind
from pump_roles.inputs.validators import ROLE_NAME
from pump_roles.review.output import capital, counted, first
from pump_roles.review.output.descriptions import (
    describe_remedy,
    describe_time,
    joined,
)
from pump_roles.review.report import (
    NO,
    RISKS,
    UNKNOWN,
    Answer,
    AnswerKind,
    GuardrailReport,
    PolicyKind,
    PolicyReport,
    Question,
    Report,
    Risk,
    RoleReport,
    WorstCase,
)

_SUBTITLE: Final = 3
"""How many of the files that the roles were read from are named first."""

_WORST: Final[Mapping[str, Risk]] = {"Money": "money", "Data": "data"}
"""The risk of an action that the catalog does not have, by the topic of the question about it."""

TITLE: Final = "What Pump can do in your AWS account"

SECTIONS: Final = {
    "findings": "Findings",
    "changes": "Changes",
    "roles": "The roles",
    "can": "What they can do",
    "worst": "At worst, and what limits it",
    "actions": "Every action",
    "ticket": "For the ticket",
    "read": "What was read",
}
"""The titles of the sections."""

GLOSSARY: Final = {
    "commitment": (
        "a promise to AWS to pay for one or three years: a Savings Plan or a reservation"
    ),
    "handshake": "a request between accounts, such as an invitation to an organization",
}
"""What the page explains: words of its sentences. ``docs/glossary.md`` says the same."""

Severity = Risk | Literal[""]

SEVERITIES: Final[Mapping[Severity, str]] = {
    "money": "spends money",
    "writes": "changes something",
    "data": "returns data",
    "reads": "reads metadata",
    "": "cannot",
}
"""What an answer means. The worst comes first."""

SYMBOLS: Final[Mapping[Severity, str]] = {
    "money": "●",
    "writes": "◕",
    "data": "◑",
    "reads": "◔",
    "": "○",
}
"""The symbol of each severity."""

LEGEND: Final = {
    severity: f"{symbol} {SEVERITIES[severity]}" for severity, symbol in SYMBOLS.items()
}
"""The symbol of each severity with its meaning."""


UNNAMED: Final = "known only at deployment"

QUESTION: Final = "Can the role …"

EVERYWHERE: Final = (
    "IAM is global: each role acts in every Region of its account, and on services that have "
    "no Region."
)

NOT_COMPLETE: Final = "The list is not complete: the numbers of these roles are not exact."

NOT_ON_AWS: Final = "The maintainers have run nothing on AWS."

_SECRETS: Final = "data that can hold secrets"

_DATA: Final[Mapping[str, frozenset[str]]] = {
    _SECRETS: frozenset({"read-secrets", "read-user-data", "read-queries", "read-logs"}),
    "personal data such as names and email addresses": frozenset(
        {
            "read-people",
            "read-alerts",
            "read-support-cases",
            "read-membership",
            "read-organization",
        }
    ),
}
"""What data is, by the questions about it. The most serious comes first."""

_OTHER_DATA: Final = "other data that is confidential or not documented"

_NO_GUARDRAIL: Final = "No guardrail applies."

LATER: Final = "pump-roles report ... --since reviewed.json"

READ: Final = (
    "Everything above follows from this file, which `report --keep reviewed.json` writes, and "
    "`verify` compares with an account."
)
"""What is said of what was read, before the SHA-256 of its file."""


def is_certain(role: RoleReport, risk: Risk | None = None) -> bool:
    """Return whether the number of a role's actions, of any risk or of one, is exact."""
    return role.exact and role.readable and (role.allows_only_published or risk is None)


def number_of(role: RoleReport, risk: Risk | None = None) -> str:
    """Return how many effective actions a role has: ``40``, or ``40+`` if it is not exact."""
    number = role.effective if risk is None else role.by_risk[risk]
    return _or_more(number, certain=is_certain(role, risk))


def _or_more(number: int, *, certain: bool) -> str:
    return f"{number:,}" if certain else f"{number:,}+"


def heading(role: RoleReport) -> str:
    """Return a role's title."""
    return role.kind.capitalize()


def severities(report: Report) -> Mapping[tuple[str, str], Severity]:
    """Return the severity of each answer, by the question's ID and the role's kind.

    It is the worst risk among the actions that are left, and among those that may be; empty if
    there is none.
    """
    # What Pump does not publish is not judged, so its topic says what it is at worst.
    risks = {action.name: action.risk for action in report.actions if action.reason}
    found: dict[tuple[str, str], Severity] = {}
    for question in report.statements:
        otherwise = _WORST.get(question.topic, "writes")
        for kind, answer in question.roles.items():
            left = {risks.get(name, otherwise) for name in answer.left}
            if answer.answer == UNKNOWN:
                left.add(otherwise)
            found[question.id, kind] = next((risk for risk in RISKS if risk in left), "")
    return found


def verdict(role: RoleReport, report: Report) -> str:
    """Return in short sentences what a role can do."""
    answers = {question.id: question.roles[role.kind] for question in report.statements}
    findings = "Read the findings first." if report.findings else ""
    if role.stopped:
        sentences = [
            findings,
            "Can do nothing, because of its permissions boundary.",
            describe_remedy("boundary-stops"),
        ]
    elif not role.effective and role.exact and role.readable:
        sentences = [findings, "Has no permissions."]
    else:
        joins = answers["join-organization"].left
        sentences = [
            findings,
            *_commitments(answers["spend-money"], answers["sell"], role, report),
            "Can make the account join another organization." if joins else "",
            _changes_in(role, answers),
            f"Has permissions only {role.ends}." if role.ends else "",
            _NO_GUARDRAIL if role.files and role.readable and not role.guardrails else "",
        ]
    return " ".join(filter(None, sentences))


def _commitments(buy: Answer, sell: Answer, role: RoleReport, report: Report) -> Iterator[str]:
    # A reservation is sold; a Savings Plan can only be returned.
    sold = tuple(name for name in sell.left if name != "savingsplans:ReturnSavingsPlan")
    limits: dict[str, list[str]] = {}
    for verb, answer, names in (
        ("buy", buy, buy.left),
        ("sell" if sold else "return", sell, sold or sell.left),
    ):
        if names:
            limits.setdefault(_limit(answer, names, role, report), []).append(verb)
    for limit, verbs in limits.items():
        yield f"Can {joined(verbs)} commitments{limit}."
    if not limits and UNKNOWN in (buy.answer, sell.answer):
        yield "Whether it can buy or sell commitments is not known."
    elif not limits and _only_reads(role):
        yield "Reads billing data and infrastructure metadata."
        if secrets := _data_of(role, report).get(_SECRETS):
            yield f"{_returning(secrets, _SECRETS, role)}."
    elif not limits:
        yield "Cannot buy or sell commitments."


def _limit(answer: Answer, names: Sequence[str], role: RoleReport, report: Report) -> str:
    # How these actions are limited, and by what.
    if set(names).isdisjoint(answer.allowed):
        values = {found.policy: found.value for found in role.guardrails}
        by = [
            values.get(policy) or f"limited by {limiting(policy, role)}" for policy in answer.limits
        ]
        unknown = "; whether also without that limit is not known"
        limit = joined(by) or "limited in different ways"
        return f", {limit}{unknown if answer.answer == UNKNOWN else ''}"
    everywhere = {
        action.name
        for action in report.actions
        if role.kind in action.roles and not action.roles[role.kind].allowed_on
    }
    return ", without a limit" if everywhere.intersection(names, answer.allowed) else ""


def limiting(policy: str, role: RoleReport) -> str:
    """Return what a policy that limits a role is named, and from and until when it does."""
    name = role.guardrail_of(policy)
    if any(found.ends for found in role.guardrails if found.policy == policy):
        # Its name says when.
        return name
    times = [limit for limit in role.timed if limit.policy == policy and not limit.ended]
    partly = " in part" if any(limit.partly for limit in times) else ""
    start = max((limit.start for limit in times), default="")
    until = min((limit.until for limit in times if limit.until), default="")
    start = f" from {describe_time(start)}" if start else ""
    until = f" until {describe_time(until)}" if until else ""
    return f"{name}{partly}{start}{until}"


def _only_reads(role: RoleReport) -> bool:
    return role.exact and role.readable and not (role.money or role.writes)


def _data_of(role: RoleReport, report: Report) -> Mapping[str, int]:
    # How many of the actions that return data return what, each once, under the first.
    left = {
        action.name
        for action in report.actions
        if action.risk == "data" and action.is_effective(role.kind)
    }
    numbers: dict[str, int] = {}
    for what, questions in _DATA.items():
        found = {
            name
            for question in report.statements
            if question.id in questions
            for name in question.roles[role.kind].left
        }
        numbers[what], left = len(left & found), left - found
    numbers[_OTHER_DATA] = len(left)
    return {what: number for what, number in numbers.items() if number}


def _returning(number: int, what: str, role: RoleReport) -> str:
    at_least = "" if is_certain(role, "data") else "At least "
    verb = "returns" if number == 1 else "return"
    return f"{at_least}{counted(number, 'action')} {verb} {what}"


def describe_data(role: RoleReport, report: Report) -> str:
    """Return what data a role can read, and with how many actions."""
    found = [*_data_of(role, report).items()]
    if not found:
        return "None" if is_certain(role, "data") else "Not known"
    (what, number), *others = found
    return ", ".join([_returning(number, what, role), *(f"{n:,} {other}" for other, n in others)])


_NOT_RUNNING: Final = ("ce:", "savingsplans:")
"""The services whose tags are on nothing that runs."""


def _changes_in(role: RoleReport, answers: Mapping[str, Answer]) -> str:
    if _only_reads(role):
        return "Changes nothing."
    answer, tag = answers["change-resources"].answer, answers["tag"]
    only_on_commitments = {
        name
        for found in role.guardrails
        for name in found.limited
        if found.name == Guardrail.COMMITMENT_TAGS_ONLY.name
    }
    tags = {name for name in tag.left if not name.startswith(_NOT_RUNNING)}
    if answer == NO and tags - only_on_commitments:
        return (
            "Cannot start, stop, or change what runs. Can change tags of what runs, and tags can "
            "control access."
        )
    if answer == UNKNOWN:
        return "Whether it can change what runs is not known."
    return "Cannot start, stop, or change what runs." if answer == NO else "Can change what runs."


def describe_answer(answer: Answer) -> str:
    """Return an answer."""
    return answer.only or ANSWERS[answer.answer]


ANSWERS: Final[Mapping[AnswerKind, str]] = {
    "yes": "Yes",
    "limited": "Limited",
    "no": "No",
    "unknown": "Unknown",
}


def answered(answer: Answer, role: RoleReport) -> str:
    """Return for how many of its actions an answer is so, and what limits or denies them."""
    if answer.answer == NO and answer.denied:
        denied = {*answer.denied}
        names = [found.name for found in role.guardrails if not denied.isdisjoint(found.denied)]
        return f"by {', '.join(names) or 'a policy'}"
    unknown = "another policy may allow it" if role.readable else "not everything can be read"
    if answer.answer == UNKNOWN and not answer.left:
        return unknown
    number = f"{len(answer.left):,} of {len(answer.named):,}"
    by = ", ".join(limiting(name, role) for name in answer.limits) or "different policies"
    if answer.limited and answer.allowed:
        number = f"{number}, {len(answer.limited):,} limited by {by}"
    elif answer.limited:
        number = f"{number}, by {by}"
    return f"{number}; {unknown}" if answer.answer == UNKNOWN else number


ABOUT_WORST: Final = (
    "What the worst answers mean, and which guardrails limit them. What is not known counts "
    "as possible. A guardrail is a named set of explicit denies; in IAM, a deny overrides "
    "every allow. Decide before you deploy."
)

LIMITS_IT: Final = "What limits it"

COST: Final = "Cost:"


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
            [(by_name()[name], _in_place(name, worst, report)) for name in worst.limits],
        )
        for worst in report.worst
    ]


def describe_denies(guardrail: Guardrail) -> str:
    """Return what a guardrail denies, in sentences."""
    return f"It denies {_inside(guardrail.removes)}"


def _in_place(name: str, worst: WorstCase, report: Report) -> str:
    having = [
        role.kind
        for role in report.roles
        if role.kind in worst.roles and any(found.name == name for found in role.guardrails)
    ]
    if len(having) == len(worst.roles):
        return "in place"
    return f"in place for {joined(having)}" if having else ""


def _possible(worst: WorstCase, report: Report) -> Iterator[str]:
    # What is read, the title does not say.
    by_roles: dict[str, list[str]] = {}
    for question in report.statements:
        if question.id in worst.answers and worst.only_reads:
            for able, kinds in _able(question).items():
                by_roles.setdefault(f"{capital(joined(kinds))} {able}", []).append(asked(question))
    for who_can, answers in by_roles.items():
        yield from (f"{who_can} {_inside(answer)}" for answer in answers)


def _able(question: Question) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for kind, answer in question.roles.items():
        if answer.answer != NO:
            able = "may be able to" if answer.answer == UNKNOWN else "can"
            found.setdefault(able, []).append(kind)
    return found


def asked(question: Question) -> str:
    """Return what a question is about, in sentences."""
    return f"{question.title}. {question.note}".rstrip()


def harmless_at_worst(report: Report) -> str:
    """Return what is possible with a role that changes nothing, and thus not all of this."""
    kinds = [role.kind for role in report.roles if _only_reads(role)]
    if len(kinds) != 1 or len(report.roles) == 1:
        return ""
    titles = [f"“{found.title}”" for found in report.worst if kinds[0] in found.roles]
    applies = "applies" if len(titles) == 1 else "apply"
    return f"Of these, only {joined(titles)} {applies} to the {kinds[0]} role." if titles else ""


STOP: Final = "How to stop"

STOP_IN_ACCOUNT: Final = (
    "In an account, deny everything at once, for open sessions too. This replaces the "
    "permissions boundary of a role. In a member account, it is denied if PumpProtection "
    "protects the roles:"
)

STOP_IN_ORGANIZATION: Final = (
    "In an organization, from the management account, attach its emergency stop, the policy "
    "StopPump, to the root or to units. It does not affect roles in the management account "
    "itself:"
)

ATTACH_STOP: Final = "aws organizations attach-policy --policy-id POLICY_ID --target-id TARGET_ID"

CONTINUES: Final = (
    "What continues: queued purchases, listings on the marketplace, emails about costs, the "
    "membership of an organization, and support cases. What was bought stays bought."
)

STOP_GUIDE: Final = (
    'The guide has these steps, and how to undo them: "Stop Pump now" in docs/stop.md.'
)


def stop(report: Report) -> Iterator[str]:
    """Yield the commands that stop the roles in an account."""
    names = (role.name for role in report.roles)
    valid = (name if ROLE_NAME.accepts(name) else "ROLE_NAME" for name in names)
    for name in dict.fromkeys(valid):
        yield (
            f"aws iam put-role-permissions-boundary --role-name {name} "
            "--permissions-boundary arn:aws:iam::aws:policy/AWSDenyAll"
        )


SETS: Final = "Two ready-made sets of guardrails"

STILL_POSSIBLE: Final = "Still possible"

GUARDRAILS_IN_PLACE: Final = "The guardrails in place"

GUARDRAIL_DENIES: Final = "What it denies"

GUARDRAIL_COSTS: Final = "What Pump's service loses"

ALL_DENIED: Final = "every action denied from then on"


def stay_allowed(role: RoleReport, counts: Mapping[str, int]) -> str:
    """Return how many of a role's actions guardrails would leave."""
    left = f"{counts['effective']:,} of {counted(role.effective, 'action')}"
    return f"{left} {'stays' if role.effective == 1 else 'stay'} allowed"


def become(answer: AnswerKind, questions: Sequence[Question]) -> str:
    """Return how many answers guardrails would change to another one."""
    one = len(questions) == 1
    return f"{counted(len(questions), 'answer')} {'becomes' if one else 'become'} {ANSWERS[answer]}"


def ledger(report: Report) -> dict[tuple[str, str], dict[str, GuardrailReport]]:
    """Return the guardrails by name and value, each with what it does to which role."""
    found: dict[tuple[str, str], dict[str, GuardrailReport]] = {}
    for role in report.roles:
        for guardrail in role.guardrails:
            found.setdefault((guardrail.name, guardrail.value), {})[role.kind] = guardrail
    return found


_FIXED: Final = {guardrail.value_in_words for guardrail in by_name().values()}
"""What the name of a guardrail says already."""


def value_of(guardrail: GuardrailReport) -> str:
    """Return the value of a guardrail; empty if its name says it already."""
    return "" if guardrail.value in _FIXED else guardrail.value


def denied(role: RoleReport) -> str:
    """Return how many of a role's actions are denied."""
    count, whole = (
        _or_more(number, certain=is_certain(role)) for number in (role.denied, role.actions)
    )
    action, verb = "" if role.actions == 1 else "s", "is" if role.denied == 1 else "are"
    return f"{count} of {whole} action{action} {verb} denied"


def describe_published(role: RoleReport) -> str:
    """Return how many policies of a role allow something, and whether Pump publishes them."""
    number = sum(policy.kind not in ("guardrail", "deny") for policy in role.policies)
    published = {"yes": "as", "no": "not as", "unknown": "perhaps not as"}[role.policies_published]
    return f"{number:,}, {published} Pump publishes {'it' if number == 1 else 'them'}"


def state_of(policy: PolicyReport) -> str:
    """Return what a policy is, or that it is not what it seems."""
    return (_UNMODIFIED if policy.unmodified else _MODIFIED)[policy.kind]


_UNMODIFIED: Final[Mapping[PolicyKind, str]] = {
    "published": "as published by Pump",
    "guardrail": "guardrail",
    "deny": "not published by Pump, but only denies",
}

_MODIFIED: Final[Mapping[PolicyKind, str]] = {
    "published": "differs from what Pump publishes",
    "guardrail": "named like a guardrail, but is not one",
    "other": "not published by Pump",
}


def trusted(role: RoleReport) -> str:
    """Return whether a role requires an external ID."""
    required, number = role.trust.id_required, len(role.trust.external_ids)
    if required == "exactly" and number > 1:
        return f"required, one of {number}"
    return {
        "exactly": "required",
        "not-exactly": "not exactly",
        "not-always": "not always",
        "unknown": "not known",
        "no": "not required",
    }[required]


def who(principal: Principal) -> str:
    """Return who a principal is, to follow it."""
    kind, value = principal.kind, principal.value
    if kind == "other" and value.state == "not-read":
        kind = "unreadable"
    return "one role or account" if value.default else _WHO[kind]


_WHO: Final[Mapping[PrincipalKind, str]] = {
    "account": "any principal that its administrators allow",
    "role": "one role",
    "provided": "one role or account, which Pump names to you",
    "user": "one user",
    "service": "a service of AWS",
    "identity-provider": "whoever this identity provider signs in",
    "everyone": "everyone",
    "all-but": "everyone else",
    "deleted": "a role or user that no longer exists",
    "other": "not one account or role",
    "unreadable": "not known",
}


def subtitle(report: Report) -> str:
    """Return what a report is about."""
    one, *others = report.roles
    roles = "The two roles" if others else f"The {one.kind} role"
    files = dict.fromkeys(f"`{file}`" for role in report.roles for file, _ in role.files)
    if one.account:
        return f"{roles}, in account {one.account}."
    if files:
        return f"{roles}, from {', '.join(first(files, _SUBTITLE))}."
    guarded = any(role.guardrails for role in report.roles)
    return f"{roles}, as published by Pump{', with guardrails' if guarded else ''}."


def describe_numbers(report: Report) -> str:
    """Return how the actions of the roles are counted, and how many there are."""
    *others, last = report.roles
    certain = all(is_certain(role, risk) for role in report.roles for risk in RISKS)
    sentences = [
        "Each action is counted once, under the first kind that applies.",
        *(
            f"{heading(role)} has {number_of(role)} action{'' if role.effective == 1 else 's'}."
            for role in report.roles
        ),
        only_in_last(report) if others and last.exact else "",
        "" if certain else "A plus sign means “at least”.",
        "" if all(role.allows_only_published for role in report.roles) else _UNJUDGED,
        _WITHOUT_BOUNDARY if any(role.stopped for role in report.roles) else "",
    ]
    return " ".join(filter(None, sentences))


_UNJUDGED: Final = (
    "What Pump does not publish is counted by its access level only: it may spend money or return "
    "data."
)

_WITHOUT_BOUNDARY: Final = (
    "The numbers and the answers of a role that is stopped are those without its permissions "
    "boundary."
)


def only_in_last(report: Report) -> str:
    """Return how many actions only the last role has."""
    last = report.roles[-1]
    return f"Only {last.kind} has {last.only:,} of them."


def by_topic(report: Report) -> Mapping[str, Sequence[Question]]:
    """Return the questions by their topic, in words."""
    found: dict[str, list[Question]] = {}
    for question in report.statements:
        found.setdefault(_TOPICS[question.topic], []).append(question)
    return found


_TOPICS: Final = {
    "Money": "Money",
    "Data": "Data",
    "Control": "Resources and access",
    "Account": "The account",
    "Reach": "Beyond the account",
}


def _inside(text: str) -> str:
    # As a part of a sentence.
    return f"{text[:1].lower()}{text[1:]}"


OTHERS_NOT_COUNTED: Final = "Not counted in the numbers of Pump's roles."

NOBODY_NAMED: Final = "nobody named"

NOTHING_BY_ITSELF: Final = "nothing by itself"

OTHER_HEADS: Final = {
    "name": "Name",
    "type": "Type",
    "source": "File",
    "principals": "Who can use it",
    "grants": "What it grants",
    "access": "May give more access",
}


def other_resources(report: Report) -> str:
    """Return how many other resources are listed."""
    number, one = len(report.others), len(report.others) == 1
    gives = "gives access or names" if one else "give access or name"
    return f"{counted(number, 'other resource')} in these templates {gives} the roles"


def not_covered(report: Report) -> str:
    """Return which resources are not listed."""
    types = ", ".join(f"{kind} ({count:,})" for kind, count in report.resources.items())
    return f"There are other resources, which this report does not cover: {types}."


def about_questions(report: Report) -> str:
    """Return how the questions are answered."""
    number = len(report.statements)
    return (
        f"{counted(number, 'question')}, {'' if number == 1 else 'each '}answered for a fixed list "
        "of AWS actions: “8 of 11” means that the role has 8 of the 11."
    )
