"""The actions of a report in its formats: by service, by pattern, by answer, and as CSV."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from pump_roles.iam.decisions import ALLOWED, DENIED, NOT_GRANTED
from pump_roles.iam.identity_policies import Scope
from pump_roles.review.output import Sentence, Table
from pump_roles.review.output.descriptions import describe_scope, describe_scopes
from pump_roles.review.output.report_descriptions import limiting
from pump_roles.review.report import (
    LIMITED,
    RISKS,
    UNKNOWN,
    ActionReport,
    Question,
    Report,
    Risk,
    RoleReport,
)

_BANDS: Final = {
    "uncounted": "Not in the catalog, and not counted",
    "money": "Services in which a role can spend money",
    "writes": "Services in which a role can change something",
    "data": "Services from which reads return data",
    "reads": "Services with metadata only",
    "denied": "Services with every action denied",
}
"""What a service is listed under: its most serious effective action."""

NAMED: Final = "Named one by one"
"""What is said in place of a pattern if a policy names an action."""

DASH: Final = "\N{EN DASH}"
"""What stands for no action, and for nothing."""


_Granted: TypeAlias = tuple[tuple[str, str, str], ...]
"""What grants an action: roles, policies, and patterns."""


class State(NamedTuple):
    """What is decided about an action, and by which policies it is denied."""

    word: str
    by: Sequence[str] = ()
    granted: bool = True


@dataclass(frozen=True, kw_only=True)
class Group:
    """Actions of a service that the same patterns grant: each pattern, and in which policies.

    A pattern is empty if it is the name of an action.
    """

    patterns: Sequence[tuple[str, str]]
    reason: str
    actions: Sequence[ActionReport]


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service: its effective actions of each risk, and how many of them each role has."""

    name: str
    counts: Mapping[Risk, int]
    by_role: Mapping[str, str]
    groups: Sequence[Group]


def state_of(action: ActionReport, role: RoleReport) -> State:
    """Return what is decided about an action for a role."""
    grant = action.roles.get(role.kind)
    if grant is None:
        return _not_granted(role)
    decided = grant.decision if grant.decision in (ALLOWED, DENIED) else LIMITED
    word = decided.capitalize()
    if grant.allowed_on and grant.decision != DENIED:
        word = f"{word} only {describe_scopes(grant.allowed_on, grant.further_allowed)}"
    by = [limiting(policy, role) for policy in grant.denied_by]
    return State(f"{word} by" if by else word, by)


def _not_granted(role: RoleReport) -> State:
    return State(DASH if role.readable else "Unknown", granted=False)


def kind_of(action: ActionReport) -> str:
    """Return what an action does; of a read that is not judged, not what it returns."""
    if action.risk == "reads" and not action.reason:
        return "Reads"
    return _KINDS[action.risk]


_KINDS: Final[Mapping[Risk, str]] = {
    "money": "Spends money",
    "writes": "Changes",
    "data": "Returns data",
    "reads": "Metadata",
}


def actions_of(question: Question, report: Report) -> Mapping[str, Sequence[State]]:
    """Return the actions of a question that a role has, each with its state in each role."""
    listed = {action.name: action for action in report.actions}
    answers = [question.roles[role.kind] for role in report.roles]
    neither = {*in_no_role(question, report)}
    found: dict[str, list[State]] = {}
    for name in (name for answer in reversed(answers) for name in answer.named):
        if name in neither or name in found:
            continue
        for answer, role in zip(answers, report.roles, strict=True):
            if name in answer.not_granted:
                decided = _not_granted(role)
            elif name in listed and name not in answer.allowed:
                decided = state_of(listed[name], role)
            elif name in answer.limited:
                decided = State("Limited")
            else:
                decided = State("Allowed" if name in answer.allowed else "Denied")
            found.setdefault(name, []).append(decided)
    return found


def in_no_role(question: Question, report: Report) -> Sequence[str]:
    """Return the actions of a question that certainly no role has."""
    if not all(role.readable for role in report.roles):
        return ()
    answers = [question.roles[role.kind] for role in report.roles]
    named = answers[0].named
    return [name for name in named if all(name in answer.not_granted for answer in answers)]


def by_service(report: Report) -> Iterator[tuple[str, Sequence[Service]]]:
    """Yield the services that are listed under the same title, the most serious first."""
    actions: dict[str, list[ActionReport]] = {}
    for action in sorted(report.actions, key=lambda each: (RISKS.index(each.risk), each.name)):
        actions.setdefault(action.service, []).append(action)
    services = [_service(name, actions[name], report) for name in sorted(actions)]
    found: dict[str, list[Service]] = {band: [] for band in _BANDS}
    found["uncounted"] += _uncounted(report)
    for service in services:
        found[next((risk for risk in RISKS if service.counts[risk]), "denied")].append(service)
    yield from ((_BANDS[band], services) for band, services in found.items() if services)


def _service(name: str, actions: Sequence[ActionReport], report: Report) -> Service:
    # Actions share what grants them, which can be long, and is put in words once.
    groups: dict[tuple[_Granted, str], list[ActionReport]] = {}
    for action in actions:
        granted = _granted(action)
        # What is named one by one has a reason of its own.
        named = not any(pattern for _, _, pattern in granted)
        groups.setdefault((granted, "" if named else action.reason), []).append(action)
    having = {
        role.kind: sum(action.is_effective(role.kind) for action in actions)
        for role in report.roles
    }
    return Service(
        name=name,
        counts=Counter(action.risk for action in actions if action.effective),
        by_role={kind: f"{count:,}" if count else DASH for kind, count in having.items()},
        groups=[
            Group(patterns=_patterns(granted, report), reason=reason, actions=found)
            for (granted, reason), found in groups.items()
        ],
    )


def _granted(action: ActionReport) -> _Granted:
    # A pattern that is the action's name is empty.
    named = action.name.lower()
    return tuple(
        dict.fromkeys(
            (kind, policy, "" if pattern.lower() == named else pattern)
            for kind, grant in action.roles.items()
            for policy, pattern in grant.granted_by
        )
    )


def _patterns(granted: _Granted, report: Report) -> Sequence[tuple[str, str]]:
    return [(pattern, _policies(by, report)) for pattern, by in _by_pattern(granted).items()]


def _by_pattern(granted: Iterable[tuple[str, str, str]]) -> Mapping[str, Mapping[str, list[str]]]:
    # For each pattern, the policies that have it, each with its roles.
    found: dict[str, dict[str, list[str]]] = {}
    for kind, policy, pattern in granted:
        found.setdefault(pattern, {}).setdefault(policy, []).append(kind)
    return found


def _policies(kinds: Mapping[str, Iterable[str]], report: Report) -> str:
    # In which policies of which roles.
    every = [role.kind for role in report.roles]
    words = []
    for policy, of_policy in kinds.items():
        listed = [kind for kind in every if kind in of_policy]
        role = "both roles" if listed == every else ", ".join(listed)
        words.append(f"in {policy}" if len(every) == 1 else f"in {policy}, {role}")
    return ", and ".join(words)


def _uncounted(report: Report) -> Iterator[Service]:
    # What the catalog does not have is listed by pattern.
    granted = (
        (role.kind, part.policy, part.pattern)
        for role in report.roles
        for part in role.uncounted
        if part.pattern
    )
    for pattern, by in _by_pattern(granted).items():
        kinds = {kind for of_policy in by.values() for kind in of_policy}
        yield Service(
            name=pattern,
            counts=Counter(),
            by_role={
                role.kind: "Not counted" if role.kind in kinds else DASH for role in report.roles
            },
            groups=[
                Group(
                    patterns=[(pattern, _policies(by, report))],
                    reason="The catalog does not have it, so what it allows is not counted.",
                    actions=(),
                )
            ],
        )


def rows_of(report: Report) -> Table:
    """Return a row for each role and each action that it has, or that a question is about."""
    rows = (tuple(row.get(column, "") for column in CSV_HEADS) for row in _rows(report))
    return Table((*CSV_HEADS.values(),), tuple(rows))


CSV_HEADS: Final = {
    "action": "action",
    "service": "service",
    "role": "role",
    "published": "role as published",
    "exact": "exact",
    "decision": "decision",
    "risk": "risk",
    "plain": "plain words",
    "reason": "why Pump needs it",
    "levels": "access levels",
    "resources": "resource types",
    "conditions": "condition keys",
    "policies": "granted by policies",
    "patterns": "granted by patterns",
    "allowed_on": "allowed only",
    "denied_by": "denied by",
    "limits": "limited by",
    "data": "returns data",
    "spends": "spends money",
    "legacy": "legacy",
    "new": "new",
    "description": "description",
}


def _rows(report: Report) -> Iterator[Mapping[str, Sentence]]:
    actions = {action.name: action for action in report.actions}
    titles: dict[str, list[str]] = {}
    for question in report.statements:
        for name in next(iter(question.roles.values())).named:
            titles.setdefault(name, []).append(question.title)
    decisions = {role.kind: _decisions(report, role) for role in report.roles}
    for name in sorted(actions.keys() | titles.keys()):
        for role in report.roles:
            row: dict[str, Sentence] = {
                "action": name,
                "service": name.partition(":")[0],
                "role": role.kind,
                "published": role.as_published,
                "exact": role.exact,
                "decision": decisions[role.kind].get(name, ""),
                "plain": "; ".join(titles.get(name, ())),
                **(_catalogued(actions[name], role) if name in actions else {}),
            }
            if row["decision"]:
                yield row


def _decisions(report: Report, role: RoleReport) -> Mapping[str, str]:
    # On the actions of the questions.
    found: dict[str, str] = {}
    for question in report.statements:
        answer = question.roles[role.kind]
        found |= dict.fromkeys(answer.allowed, ALLOWED)
        found |= dict.fromkeys(answer.limited, LIMITED)
        found |= dict.fromkeys(answer.denied, DENIED)
        found |= dict.fromkeys(answer.not_granted, NOT_GRANTED if role.readable else UNKNOWN)
    return found


def _listed(scopes: Iterable[Scope], further: int) -> str:
    return "; ".join(
        [*map(describe_scope, scopes), *([f"and {further:,} more"] if further else [])]
    )


def _catalogued(action: ActionReport, role: RoleReport) -> Mapping[str, Any]:
    cells = {
        "levels": ", ".join(action.levels),
        "resources": ", ".join(action.resources) or "*",
        "conditions": ", ".join(action.conditions),
        "description": action.description,
    }
    grant = action.roles.get(role.kind)
    # No risk and no reason: those are for what a role has.
    if grant is None:
        return cells
    # Patterns, such as "all but" others, and scopes can contain commas.
    return cells | {
        "decision": grant.decision,
        "risk": action.risk,
        "reason": action.reason,
        "policies": "; ".join(policy for policy, _ in grant.granted_by),
        "patterns": "; ".join(pattern for _, pattern in grant.granted_by),
        "allowed_on": _listed(grant.allowed_on, grant.further_allowed),
        "denied_by": ", ".join(grant.denied_by),
        "limits": _listed(grant.limits, grant.further),
        "data": action.data,
        "spends": action.spends,
        "legacy": action.legacy,
        "new": action.new or "",
    }
