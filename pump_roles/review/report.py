"""The permission report's model: what each role may do, exactly. All its formats show this.

External ids are no part of it.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pump_roles._version import __version__
from pump_roles.guardrails import Guardrail, reasons_by_policy
from pump_roles.published import REASONS, ROLES, Policy
from pump_roles.review.catalogue import LEVELS, Action, Catalogue, matcher, shipped
from pump_roles.review.changes import (
    Change,
    Earlier,
    Entry,
    State,
    changes,
    since_reviewed,
)
from pump_roles.review.templates import FoundRole, ReportError, Templates, read_templates
from pump_roles.review.trust import Assumption
from pump_roles.review.values import as_list, as_mapping, as_text, statements, strings

__all__ = [
    "ALARMS",
    "ALLOWED",
    "CONDITIONALLY",
    "DENIED",
    "PARTLY",
    "ActionReport",
    "Finding",
    "Grant",
    "Pattern",
    "PolicyReport",
    "Report",
    "RoleReport",
    "mark",
    "of_published",
    "of_templates",
]

ALLOWED: Final = "allowed"
DENIED: Final = "denied"
CONDITIONALLY: Final = "conditionally denied"
PARTLY: Final = "denied on some resources"

ALARMS: Final = ("difference", "trust", "uncounted", "suspect")
"""The kinds of findings without which a role's numbers must not be read."""

_LISTED: Final = 8


@dataclass(frozen=True)
class Pattern:
    """An action pattern of a policy.

    :param pattern: as it stands in the policy.
    :param effect: ``Allow`` or ``Deny``.
    :param reason: why Pump needs it, or why the guardrail denies it; empty where nobody said.
    :param scope: on which resources, and under which conditions.
    :param actions: the names of the catalogue's actions that it matches.
    """

    pattern: str
    effect: str
    reason: str
    scope: str
    actions: tuple[str, ...]


@dataclass(frozen=True)
class PolicyReport:
    """A policy of a role.

    :param name: its name.
    :param kind: ``published``, ``guardrail`` or ``other``.
    :param unmodified: whether it is just as Pump publishes it, or as this package makes the
        guardrail.
    :param patterns: its patterns, in order.
    """

    name: str
    kind: str
    unmodified: bool
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True)
class Grant:
    """How one role has one action.

    :param decision: ``allowed``, ``denied``, ``conditionally denied`` or ``denied on some
        resources``.
    :param granted_by: the policies and patterns that allow it.
    :param denied_by: the policies that deny it, unconditionally or not.
    """

    decision: str
    granted_by: tuple[tuple[str, str], ...]
    denied_by: tuple[str, ...]


@dataclass(frozen=True)
class RoleReport:
    """One role.

    :param kind: ``read-only`` or ``auto-pilot``.
    :param title: in words.
    :param name: the role's name.
    :param source: the file that it was read from, or ``published``.
    :param sha256: of that file; empty for the published roles.
    :param principals: who may assume it.
    :param external_id: whether that takes an external id.
    :param external_ids: how many it takes.
    :param trust_problems: how its trust is not one principal with an external id.
    :param boundary: its permissions boundary; empty where it has none. What a boundary takes away
        is not counted.
    :param policies: its policies.
    :param differences: how it is not what Pump publishes, but for its trust.
    :param unread: those of them that cannot be read from the template, or are not counted.
    :param uncounted: the patterns that allow what the catalogue does not hold, and the statements
        that cannot be read.
    :param patterns: how many different patterns allow something.
    :param actions: how many actions those match.
    :param denied: how many of them are denied without a condition, on every resource.
    :param limited: how many more are denied under a condition or on some resources.
    :param effective: actions without the denied ones.
    :param levels: for each access level, how many actions are granted and how many effective.
    :param writes: how many effective actions are more than List and Read.
    """

    kind: str
    title: str
    name: str
    source: str
    sha256: str
    principals: tuple[str, ...]
    external_id: bool
    external_ids: int
    trust_problems: tuple[str, ...]
    boundary: str
    policies: tuple[PolicyReport, ...]
    differences: tuple[str, ...]
    unread: tuple[str, ...]
    uncounted: tuple[str, ...]
    patterns: int
    actions: int
    denied: int
    limited: int
    effective: int
    levels: dict[str, tuple[int, int]]
    writes: int

    @property
    def as_published(self) -> bool:
        """Whether it is what Pump publishes, guardrails of this package aside."""
        return not (self.differences or self.trust_problems or self.uncounted)


@dataclass(frozen=True)
class ActionReport:
    """One action that a role has.

    :param name: as ``service:Action``.
    :param service: the service's prefix.
    :param level: the access level that it is counted under.
    :param levels: all its access levels.
    :param only_reads: whether it neither writes nor tags.
    :param description: what it does.
    :param resources: the resource types that it works on; none where it takes ``*`` alone.
    :param conditions: the condition keys that it knows.
    :param data: why it bears data; empty where it does not.
    :param spends: how it can spend money; empty where it cannot.
    :param legacy: why it is legacy; empty where it is not.
    :param new: whether a wildcard matches it only since the earlier report.
    :param roles: for each role that has it, by its kind, how.
    """

    name: str
    service: str
    level: str
    levels: tuple[str, ...]
    only_reads: bool
    description: str
    resources: tuple[str, ...]
    conditions: tuple[str, ...]
    data: str
    spends: str
    legacy: str
    new: bool
    roles: dict[str, Grant]


@dataclass(frozen=True)
class Finding:
    """What a reviewer should see first.

    :param kind: a word for it.
    :param title: in one line, with the number.
    :param text: what it means.
    :param actions: the names of the actions that it is about.
    """

    kind: str
    title: str
    text: str
    actions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """The whole report.

    :param version: of this package.
    :param catalogue: the action catalogue's package and version.
    :param date: the catalogue's day.
    :param roles: the roles.
    :param findings: what matters most, first.
    :param since: the day of the catalogue that changes are counted from.
    :param changes: the differences since then.
    :param actions: every action that a role has, by name.
    :param services: for each service, how many actions of each access level.
    """

    version: str
    catalogue: str
    date: str
    roles: tuple[RoleReport, ...]
    findings: tuple[Finding, ...]
    since: str
    changes: tuple[Change, ...]
    actions: tuple[ActionReport, ...]
    services: dict[str, dict[str, int]]

    def as_dict(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return asdict(self)


def of_published(*, since: Earlier | None = None) -> Report:
    """Report on the roles as Pump publishes them.

    :param since: an earlier report. By default the changes are those
        since it was last reviewed what the published patterns match.
    """
    roles = (
        FoundRole(
            role.kind,
            role.name,
            Assumption(("Pump's principal",), external_id=True, problems=()),
            tuple((policy.name, policy.document) for policy in role.policies),
        )
        for role in ROLES.values()
    )
    return _report(Templates(tuple(roles), beside=()), since)


def of_templates(path: Path, *, since: Earlier | None = None) -> Report:
    """Report on the roles of a synthesized template, or of the templates in a folder.

    :param path: a template's file, or a folder such as ``cdk.out``.
    :param since: as for :func:`of_published`.
    :raises ReportError: as :func:`pump_roles.review.templates.read_templates`.
    """
    try:
        return _report(read_templates(path), since)
    except RecursionError:
        raise ReportError(f"{path}: is nested too deep to read") from None


def _report(found: Templates, since: Earlier | None) -> Report:
    catalogue = shipped()
    roles = found.roles
    earlier = since or since_reviewed()
    policies = {role.kind: _policies(role, catalogue) for role in roles}
    grants = {role.kind: dict(_grants(role, catalogue)) for role in roles}
    reports = tuple(
        _role(role, policies[role.kind], grants[role.kind], catalogue) for role in roles
    )
    states = {role.kind: _state(role) for role in reports}
    new = _new_actions(states, earlier)
    names = sorted({name for of_role in grants.values() for name in of_role})
    actions = tuple(
        _action(
            catalogue.actions[name.lower()],
            {kind: of_role[name] for kind, of_role in grants.items() if name in of_role},
            new=name in new,
        )
        for name in names
    )
    return Report(
        __version__,
        catalogue.source,
        catalogue.date,
        reports,
        (
            *_alarms(reports),
            *_suspects(found.suspects),
            *_weights(actions),
            *_beside(found.beside),
        ),
        earlier.date,
        tuple(changes(earlier, states, list(reasons_by_policy()))),
        actions,
        _services(actions),
    )


def _state(role: RoleReport) -> State:
    return State(
        {
            Entry(policy.name, one.effect, one.pattern, one.scope): frozenset(one.actions)
            for policy in role.policies
            for one in policy.patterns
        },
        frozenset(role.principals),
        role.external_id,
        role.boundary,
        frozenset((*role.unread, *role.trust_problems, *role.uncounted)),
        role.external_ids,
    )


def _new_actions(states: Mapping[str, State], earlier: Earlier) -> set[str]:
    found: set[str] = set()
    for kind, state in states.items():
        if kind in earlier.roles:
            was = earlier.roles[kind].entries
            for entry, actions in state.entries.items():
                if entry.effect == "Allow" and entry in was:
                    found |= actions - was[entry]
    return found


def _scope(statement: Mapping[str, Any]) -> str:
    words = []
    if "NotResource" in statement:
        words.append(f"on all but {', '.join(strings(statement['NotResource']))}")
    elif strings(statement.get("Resource", "*")) != ["*"]:
        words.append(f"on {', '.join(strings(statement['Resource']))}")
    else:
        words.append("on every resource")
    if statement.get("Condition"):
        words.append(f"if {json.dumps(statement['Condition'], sort_keys=True)}")
    return ", ".join(words)


def _policies(role: FoundRole, catalogue: Catalogue) -> tuple[PolicyReport, ...]:
    published = {policy.name: policy for policy in ROLES[role.kind].policies}
    return tuple(
        PolicyReport(
            name,
            _kind_of_policy(name, published),
            _is_known(name, document, published),
            tuple(_patterns(name, document, catalogue)),
        )
        for name, document in role.policies
    )


def _kind_of_policy(name: str, published: Mapping[str, Policy]) -> str:
    if name in published:
        return "published"
    return "guardrail" if name in reasons_by_policy() else "other"


def _is_known(name: str, document: Mapping[str, Any], published: Mapping[str, Policy]) -> bool:
    if name in published:
        return bool(document == published[name].document)
    patterns = [pattern for policy in published.values() for pattern in policy.patterns]
    return any(
        (one.policy_name, denies) == (name, document)
        for guardrail in _guardrails(document)
        for one, denies in guardrail.on(patterns).items()
    )


def _guardrails(document: Mapping[str, Any]) -> Iterator[Guardrail]:
    """Every guardrail; those that take a value with the values that stand in a document."""
    for name in Guardrail.names():
        yield Guardrail.named(name)
    condition = [as_mapping(one.get("Condition")) for one in statements(document)]
    values = {
        key: strings(value)
        for one in condition
        for operator in one.values()
        for key, value in as_mapping(operator).items()
    }
    accounts = re.findall(r"organizations::([0-9]{12}):", str(document))
    try:
        if accounts:
            yield Guardrail.invitations_from(accounts[0])
        if "aws:CurrentTime" in values:
            yield Guardrail.until(values["aws:CurrentTime"][0])
        if "aws:RequestedRegion" in values:
            yield Guardrail.only_in_regions(*values["aws:RequestedRegion"])
    except ValueError:
        return


def _patterns(name: str, document: Any, catalogue: Catalogue) -> Iterator[Pattern]:
    reasons = {**REASONS, **reasons_by_policy().get(name, {})}
    for statement in statements(document):
        for pattern, actions in _parts(statement, catalogue):
            yield Pattern(
                pattern,
                as_text(statement.get("Effect", "")),
                reasons.get(pattern, ""),
                _scope(statement),
                tuple(action.name for action in actions),
            )


def _parts(
    statement: Mapping[str, Any], catalogue: Catalogue
) -> Iterator[tuple[str, list[Action]]]:
    # What a statement is about, pattern by pattern; NotAction is one, of all its patterns.
    if "NotAction" in statement:
        patterns = strings(statement["NotAction"])
        excepted = {one.name for one in catalogue.matching(patterns)}
        others = [one for one in catalogue.actions.values() if one.name not in excepted]
        yield f"all but {', '.join(patterns)}", others
    for pattern in strings(statement.get("Action", [])):
        yield pattern, catalogue.matching([pattern])


def _grants(role: FoundRole, catalogue: Catalogue) -> Iterator[tuple[str, Grant]]:
    granted: dict[str, list[tuple[str, str]]] = {}
    denied: dict[str, list[tuple[str, str]]] = {}
    for name, document in role.policies:
        for statement in statements(document):
            effect = statement.get("Effect")
            unsure = not _is_whole(document) or _is_filled_in(statement)
            for pattern, actions in _parts(statement, catalogue):
                for action in actions:
                    if effect == "Deny" and not unsure:
                        denied.setdefault(action.name, []).append((name, _strength(statement)))
                    elif effect == "Allow":
                        granted.setdefault(action.name, []).append((name, pattern))
    for name, by in granted.items():
        against = denied.get(name, [])
        strengths = [strength for _, strength in against]
        decision = next(
            (one for one in (DENIED, CONDITIONALLY, PARTLY) if one in strengths), ALLOWED
        )
        policies = dict.fromkeys(policy for policy, _ in against)
        yield name, Grant(decision, tuple(dict.fromkeys(by)), tuple(policies))


def _strength(statement: Mapping[str, Any]) -> str:
    if statement.get("Condition"):
        return CONDITIONALLY
    everywhere = "NotResource" not in statement and "*" in strings(statement.get("Resource", "*"))
    return DENIED if everywhere else PARTLY


def _role(
    role: FoundRole,
    policies: tuple[PolicyReport, ...],
    grants: Mapping[str, Grant],
    catalogue: Catalogue,
) -> RoleReport:
    actions = [catalogue.actions[name.lower()] for name in grants]
    effective = [one for one in actions if grants[one.name].decision != DENIED]
    granted_by, left = (
        Counter(one.level for one in actions),
        Counter(one.level for one in effective),
    )
    return RoleReport(
        role.kind,
        f"{role.kind.capitalize()} role",
        role.name,
        role.source,
        role.sha256,
        role.trust.principals,
        role.trust.external_id,
        role.trust.external_ids,
        role.trust.problems,
        role.boundary,
        policies,
        tuple(_differences(role, policies)),
        role.unread,
        tuple(_uncounted(role, policies, catalogue)),
        patterns=len(
            {one.pattern for policy in policies for one in policy.patterns if one.effect == "Allow"}
        ),
        actions=len(actions),
        denied=len(actions) - len(effective),
        limited=sum(one.decision in {CONDITIONALLY, PARTLY} for one in grants.values()),
        effective=len(effective),
        levels={level: (granted_by[level], left[level]) for level in LEVELS if granted_by[level]},
        writes=sum(not one.only_reads for one in effective),
    )


def _uncounted(
    role: FoundRole, policies: Iterable[PolicyReport], catalogue: Catalogue
) -> Iterator[str]:
    services = {action.service for action in catalogue.actions.values()}
    for policy in policies:
        for one in policy.patterns:
            service = one.pattern.lower().partition(":")[0]
            if one.effect == "Allow" and service not in services:
                yield f"{one.pattern} in {policy.name}"
    for name, document in role.policies:
        if not _is_whole(document):
            yield f"the policy {name}, which cannot be read"
        for statement in as_list(document.get("Statement", [])):
            known = as_mapping(statement)
            if known.get("Effect") not in ("Allow", "Deny") or _is_filled_in(known):
                yield f"a statement of {name} that cannot be read"


def _is_whole(document: Mapping[str, Any]) -> bool:
    return "Statement" in document and document.keys() <= {"Version", "Id", "Statement"}


def _is_filled_in(statement: Mapping[str, Any]) -> bool:
    # When it is deployed. Parameters and functions within a condition or a resource only narrow.
    parts = [statement, *(statement.get(member) for member in ("Action", "NotAction"))]
    return any(
        key == "Ref" or key.startswith("Fn::")
        for part in parts
        for one in as_list(part)
        for key in as_mapping(one)
    )


def _differences(role: FoundRole, policies: Sequence[PolicyReport]) -> Iterator[str]:
    yield from role.unread
    published = {policy.name: policy for policy in ROLES[role.kind].policies}
    names = [name for name, _ in role.policies]
    for name in sorted(published.keys() - set(names)):
        yield f"the published policy {name} is missing"
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{count} policies are named {name}"
    for policy in policies:
        if policy.kind == "other":
            yield (
                f"{policy.name} is no policy that Pump publishes, and no guardrail{_allows(policy)}"
            )
        elif policy.kind == "guardrail" and not policy.unmodified:
            yield (
                f"{policy.name} is named like a guardrail, and is none of this package"
                f"{_allows(policy)}"
            )
        elif not policy.unmodified:
            yield from _changed(policy, published[policy.name])


def _allows(policy: PolicyReport) -> str:
    allowed = list(dict.fromkeys(one.pattern for one in policy.patterns if one.effect == "Allow"))
    if not allowed:
        return ""
    more = len(allowed) - _LISTED
    return f": it allows {', '.join(allowed[:_LISTED])}" + (f" and {more} more" if more > 0 else "")


def _changed(policy: PolicyReport, published: Policy) -> Iterator[str]:
    here = {one.pattern.lower(): one.pattern for one in policy.patterns if one.effect == "Allow"}
    there = {pattern.lower(): pattern for pattern in published.patterns}
    more = [pattern for key, pattern in here.items() if key not in there]
    less = [
        pattern
        for key, pattern in there.items()
        if not any(matcher(one).fullmatch(key) for one in here)
    ]
    odd = [
        f", such as {one.effect} {one.pattern} {one.scope}"
        for one in policy.patterns
        if (one.effect, one.scope) != ("Allow", "on every resource")
    ]
    if more:
        yield f"{policy.name} allows {', '.join(more)}, which Pump does not publish"
    if less:
        yield f"{policy.name} lacks {', '.join(less)}, which Pump publishes"
    if not more and not less:
        yield (
            f"{policy.name} has the published patterns, and differs in something else"
            f"{odd[0] if odd else ''}"
        )


@cache
def _marks() -> Mapping[str, Mapping[str, str]]:
    text = resources.files("pump_roles.review").joinpath("marks.json").read_text(encoding="utf-8")
    marks: dict[str, dict[str, str]] = json.loads(text)
    return {**marks, "data": dict(Guardrail.METADATA_ONLY.reasons)}


def mark(kind: str, name: str) -> str:
    """Return why an action is of a kind; empty where it is not.

    :param kind: ``data``, ``spends`` or ``legacy``.
    :param name: the action's name.
    """
    found = (
        reason
        for pattern, reason in _marks()[kind].items()
        if matcher(pattern).fullmatch(name.lower())
    )
    return next(found, "")


def _action(action: Action, roles: dict[str, Grant], *, new: bool) -> ActionReport:
    return ActionReport(
        action.name,
        action.service,
        action.level,
        action.levels,
        action.only_reads,
        action.description,
        action.resources,
        action.conditions,
        mark("data", action.name),
        mark("spends", action.name),
        mark("legacy", action.name),
        new,
        roles,
    )


def _alarms(roles: Sequence[RoleReport]) -> Iterator[Finding]:
    for role in roles:
        if role.differences:
            yield Finding(
                "difference",
                f"The {role.kind} role is not what Pump publishes",
                f"{_sentence(role.differences)} Whether actions that Pump does not publish spend "
                "money or return data is not judged here.",
            )
    for role in roles:
        if role.trust_problems:
            yield Finding(
                "trust",
                f"The {role.kind} role's trust is not one principal with an external id",
                _sentence(role.trust_problems),
            )
    for role in roles:
        if role.uncounted:
            yield Finding(
                "uncounted",
                f"The {role.kind} role allows more than is counted",
                "The catalogue holds only the services that the published policies name, so every "
                f"number about this role is the least: {', '.join(role.uncounted)}.",
            )


def _suspects(suspects: Sequence[str]) -> Iterator[Finding]:
    if suspects:
        yield Finding(
            "suspect",
            "Other resources may give Pump more than these roles",
            f"They are not counted: {'; '.join(suspects)}.",
        )


def _sentence(parts: Sequence[str]) -> str:
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _weights(actions: Sequence[ActionReport]) -> Iterator[Finding]:
    def effective(one: ActionReport) -> bool:
        return any(grant.decision != DENIED for grant in one.roles.values())

    left = [one for one in actions if effective(one)]
    kinds = [
        (
            "spends",
            "can spend money, without a limit",
            "No policy can cap the price, the term or the amount of a commitment.",
            [one for one in left if one.spends],
        ),
        (
            "writes",
            "write or tag",
            "They are more than List and Read, also in a policy that is called read-only.",
            [one for one in left if not one.only_reads],
        ),
        (
            "data",
            "can return data, not metadata alone",
            (
                "Application data, user data, credentials or the contents of support cases. The "
                "guardrail metadata-only denies them."
            ),
            [one for one in left if one.data],
        ),
        (
            "legacy",
            "are legacy",
            "AWS has replaced them; the published ones are kept as they are.",
            [one for one in left if one.legacy],
        ),
    ]
    for kind, title, text, found in kinds:
        if found:
            yield Finding(
                kind, f"{len(found)} actions {title}", text, tuple(one.name for one in found)
            )


def _beside(types: Sequence[str]) -> Iterator[Finding]:
    if types:
        counts = ", ".join(f"{kind} ({count})" for kind, count in Counter(types).items())
        yield Finding(
            "beside",
            "There are other resources in what was read",
            f"This report is not about them: {counts}.",
        )


def _services(actions: Iterable[ActionReport]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for action in actions:
        found.setdefault(action.service, Counter())[action.level] += 1
    return {
        service: {level: counts[level] for level in LEVELS if counts[level]}
        for service, counts in sorted(found.items())
    }
