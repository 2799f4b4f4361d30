"""The permission report's model: what each role may do, exactly. All its formats show this.

External ids are no part of it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pump_roles._version import __version__
from pump_roles.guardrails import Guardrail
from pump_roles.published import AUTO_PILOT, READ_ONLY, REASONS, Policy
from pump_roles.review.catalogue import LEVELS, Action, Catalogue, looked_at, matcher, shipped

__all__ = [
    "ALLOWED",
    "CONDITIONALLY",
    "DENIED",
    "PARTLY",
    "ActionReport",
    "Change",
    "Finding",
    "Grant",
    "Pattern",
    "PolicyReport",
    "Report",
    "ReportError",
    "RoleReport",
    "of_published",
    "of_templates",
]

ALLOWED: Final = "allowed"
DENIED: Final = "denied"
CONDITIONALLY: Final = "conditionally denied"
PARTLY: Final = "denied on some resources"

_TITLES: Final = {"read-only": "Read-only role", "auto-pilot": "Auto-pilot role"}
_PUBLISHED: Final[Mapping[str, tuple[Policy, ...]]] = {
    "read-only": READ_ONLY,
    "auto-pilot": AUTO_PILOT,
}


class ReportError(ValueError):
    """There is nothing to report on; the message is for the person who asked."""


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
    :param as_published: whether it is what Pump publishes, or a guardrail of this package.
    :param patterns: its patterns, in order.
    """

    name: str
    kind: str
    as_published: bool
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
    :param policies: its policies.
    :param differences: how its policies are not the published ones.
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
    policies: tuple[PolicyReport, ...]
    differences: tuple[str, ...]
    patterns: int
    actions: int
    denied: int
    limited: int
    effective: int
    levels: dict[str, tuple[int, int]]
    writes: int


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
class Change:
    """A difference from an earlier report.

    :param cause: ``Pump`` when a policy changed, ``AWS`` when a wildcard matches other actions.
    :param effect: ``broadened`` or ``narrowed``. Removing a deny broadens.
    :param role: the role's kind.
    :param what: the difference, in one line.
    """

    cause: str
    effect: str
    role: str
    what: str


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


@dataclass(frozen=True)
class _Role:
    kind: str
    name: str
    trust: Mapping[str, Any]
    policies: Mapping[str, Mapping[str, Any]]
    source: str = "published"
    sha256: str = ""


def of_published(*, since: Mapping[str, Any] | None = None) -> Report:
    """Report on the roles as Pump publishes them.

    :param since: an earlier report as a JSON object. By default changes are counted from when
        somebody last looked at what the published patterns match.
    """
    trust = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "Pump's principal"},
                "Condition": {"StringEquals": {"sts:ExternalId": "..."}},
            }
        ]
    }
    return _report(
        [
            _Role(
                kind,
                f"Pump{kind.title().replace('-', '')}Role",
                trust,
                {policy.name: policy.document for policy in policies},
            )
            for kind, policies in _PUBLISHED.items()
        ],
        since,
    )


def of_templates(path: Path, *, since: Mapping[str, Any] | None = None) -> Report:
    """Report on the roles of a synthesized template, or of the templates in a folder.

    A rollout's member template counts as its own.

    :param path: a template's file, or a folder such as ``cdk.out``.
    :param since: an earlier report as a JSON object, as for :func:`of_published`.
    :raises ReportError: when there is no such file or folder, a file is no template, or no template
        holds a role of Pump's.
    """
    if path.is_dir():
        files = sorted(path.glob("**/*.template.json"))
        if not files:
            raise ReportError(f"{path}: there is no template in this folder")
    elif path.is_file():
        files = [path]
    else:
        raise ReportError(f"{path}: there is no such file or folder")
    found: dict[str, _Role] = {}
    for file in files:
        for role in _roles_of(file):
            # A single account's stack and the rollout hold the same role.
            key = json.dumps([role.name, role.policies, role.kind], sort_keys=True)
            found.setdefault(key, role)
    if not found:
        raise ReportError(f"{path}: holds no role of Pump's")
    order = {kind: index for index, kind in enumerate(_PUBLISHED)}
    roles = sorted(found.values(), key=lambda role: order[role.kind])
    kinds = [role.kind for role in roles]
    if twice := [kind for kind in kinds if kinds.count(kind) > 1]:
        sources = ", ".join(role.source for role in roles if role.kind == twice[0])
        raise ReportError(f"{path}: holds different {twice[0]} roles: {sources}; name one file")
    return _report(roles, since)


def _roles_of(file: Path) -> Iterator[_Role]:
    try:
        text = file.read_text(encoding="utf-8")
        template = json.loads(text)
    except (OSError, ValueError) as error:
        raise ReportError(f"{file}: is no template: {error}") from None
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise ReportError(f"{file}: is no template: it has no Resources")
    yield from _in_template(template, file.name, sha256(text.encode()).hexdigest())


def _in_template(template: Mapping[str, Any], source: str, digest: str) -> Iterator[_Role]:
    for one in _mapping(template.get("Resources")).values():
        resource = _mapping(one)
        properties = _mapping(resource.get("Properties"))
        if resource.get("Type") == "AWS::CloudFormation::StackSet":
            try:
                member = json.loads(properties.get("TemplateBody", ""))
            except (TypeError, ValueError):
                continue
            yield from _in_template(_mapping(member), source, digest)
        if resource.get("Type") != "AWS::IAM::Role":
            continue
        policies: dict[str, Any] = {
            str(one.get("PolicyName")): _mapping(one["PolicyDocument"])
            for one in map(_mapping, _list(properties.get("Policies")))
            if "PolicyDocument" in one
        }
        kind = _kind(policies)
        if kind is not None:
            yield _Role(
                kind,
                str(properties.get("RoleName", "")),
                _mapping(properties.get("AssumeRolePolicyDocument")),
                policies,
                source,
                digest,
            )


def _kind(policies: Mapping[str, Any]) -> str | None:
    if {"PumpAutoPilot", "PumpReadOnly", "PumpOrgInvite"} & policies.keys():
        return "auto-pilot"
    return "read-only" if "PumpBillingReadOnly" in policies else None


def _report(roles: Sequence[_Role], since: Mapping[str, Any] | None) -> Report:
    catalogue = shipped()
    policies = {role.kind: _policies(role, catalogue) for role in roles}
    grants = {role.kind: dict(_grants(role, catalogue)) for role in roles}
    before = _before(since)
    new = _new_actions(policies, before)
    names = sorted({name for of_role in grants.values() for name in of_role})
    actions = tuple(
        _action(
            catalogue.actions[name.lower()],
            {kind: of_role[name] for kind, of_role in grants.items() if name in of_role},
            new=name in new,
        )
        for name in names
    )
    reports = tuple(
        _role(role, policies[role.kind], grants[role.kind], catalogue) for role in roles
    )
    return Report(
        __version__,
        catalogue.source,
        catalogue.date,
        reports,
        tuple(_findings(reports, actions)),
        before["date"],
        tuple(_changes(policies, before)),
        actions,
        _services(actions),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in _list(document.get("Statement")) if isinstance(one, dict)]


def _strings(value: Any) -> list[str]:
    return [
        one if isinstance(one, str) else json.dumps(one, sort_keys=True) for one in _list(value)
    ]


def _scope(statement: Mapping[str, Any]) -> str:
    words = []
    if "NotResource" in statement:
        words.append(f"on all but {', '.join(_strings(statement['NotResource']))}")
    elif _strings(statement.get("Resource", "*")) != ["*"]:
        words.append(f"on {', '.join(_strings(statement['Resource']))}")
    else:
        words.append("on every resource")
    if statement.get("Condition"):
        words.append(f"if {json.dumps(statement['Condition'], sort_keys=True)}")
    return ", ".join(words)


def _policies(role: _Role, catalogue: Catalogue) -> tuple[PolicyReport, ...]:
    published = {policy.name: policy for policy in _PUBLISHED[role.kind]}
    return tuple(
        PolicyReport(
            name,
            _kind_of_policy(name, published),
            _is_known(name, document, published),
            tuple(_patterns(name, document, catalogue)),
        )
        for name, document in role.policies.items()
    )


def _kind_of_policy(name: str, published: Mapping[str, Policy]) -> str:
    if name in published:
        return "published"
    return "guardrail" if _guardrail(name) else "other"


def _is_known(name: str, document: Any, published: Mapping[str, Policy]) -> bool:
    if name in published:
        return bool(document == published[name].document)
    return _guardrail(name) and all(one.get("Effect") == "Deny" for one in _statements(document))


@cache
def _guardrails() -> Mapping[str, Mapping[str, str]]:
    every = (
        *(Guardrail.named(name) for name in Guardrail.names()),
        Guardrail.invitations_from("000000000000"),
        Guardrail.only_in_regions("us-east-1"),
        Guardrail.until("2000-01-01T00:00:00Z"),
    )
    return {one.policy_name: one.reasons for one in every}


def _guardrail(name: str) -> bool:
    return name in _guardrails()


def _patterns(name: str, document: Any, catalogue: Catalogue) -> Iterator[Pattern]:
    reasons = {**REASONS, **_guardrails().get(name, {})}
    for statement in _statements(document):
        negated = "NotAction" in statement
        for pattern in _strings(statement.get("NotAction" if negated else "Action", [])):
            yield Pattern(
                f"not {pattern}" if negated else pattern,
                str(statement.get("Effect", "")),
                reasons.get(pattern, ""),
                _scope(statement),
                tuple(action.name for action in _matching(statement, [pattern], catalogue)),
            )


def _matching(
    statement: Mapping[str, Any], patterns: Iterable[str], catalogue: Catalogue
) -> list[Action]:
    matched = catalogue.matching(patterns)
    if "NotAction" not in statement:
        return matched
    return [one for one in catalogue.actions.values() if one not in matched]


def _grants(role: _Role, catalogue: Catalogue) -> Iterator[tuple[str, Grant]]:
    granted: dict[str, list[tuple[str, str]]] = {}
    denied: dict[str, list[tuple[str, str]]] = {}
    for name, document in role.policies.items():
        for statement in _statements(document):
            patterns = _strings(statement.get("Action", statement.get("NotAction", [])))
            if statement.get("Effect") == "Deny":
                for action in _matching(statement, patterns, catalogue):
                    denied.setdefault(action.name, []).append((name, _strength(statement)))
            for pattern in patterns if statement.get("Effect") == "Allow" else ():
                for action in _matching(statement, [pattern], catalogue):
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
    everywhere = "NotResource" not in statement and "*" in _strings(statement.get("Resource", "*"))
    return DENIED if everywhere else PARTLY


def _role(
    role: _Role,
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
    principals, external_id = _trust(role.trust)
    return RoleReport(
        role.kind,
        _TITLES[role.kind],
        role.name,
        role.source,
        role.sha256,
        principals,
        external_id,
        policies,
        tuple(_differences(role, policies)),
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


def _trust(trust: Mapping[str, Any]) -> tuple[tuple[str, ...], bool]:
    principals: list[str] = []
    required = []
    for statement in _statements(trust):
        if statement.get("Effect") != "Allow":
            continue
        principal = statement.get("Principal")
        for one in principal.values() if isinstance(principal, dict) else [principal]:
            for who in _list(one):
                if isinstance(who, dict) and who.keys() == {"Ref"}:
                    principals.append(f"the parameter {who['Ref']}")
                else:
                    principals.extend(_strings(who))
        equals = _mapping(_mapping(statement.get("Condition")).get("StringEquals"))
        required.append("sts:ExternalId" in equals)
    return tuple(principals), bool(required) and all(required)


def _differences(role: _Role, policies: Sequence[PolicyReport]) -> Iterator[str]:
    published = {policy.name: policy for policy in _PUBLISHED[role.kind]}
    for name in published.keys() - role.policies.keys():
        yield f"the published policy {name} is missing"
    for policy in policies:
        if policy.kind == "other":
            yield f"{policy.name} is no policy that Pump publishes, and no guardrail"
        elif policy.kind == "guardrail" and not policy.as_published:
            yield f"{policy.name} is named like a guardrail, and allows something"
        elif not policy.as_published:
            yield from _changed(policy, published[policy.name])


def _changed(policy: PolicyReport, published: Policy) -> Iterator[str]:
    here = [one.pattern for one in policy.patterns if one.effect == "Allow"]
    more = [one for one in here if one not in published.patterns]
    less = [one for one in published.patterns if one not in here]
    if more:
        yield f"{policy.name} allows {', '.join(more)}, which Pump does not publish"
    if less:
        yield f"{policy.name} lacks {', '.join(less)}, which Pump publishes"
    if not more and not less:
        yield f"{policy.name} has the published patterns, and differs in something else"


@cache
def _marks() -> Mapping[str, Mapping[str, str]]:
    text = resources.files("pump_roles.review").joinpath("marks.json").read_text(encoding="utf-8")
    marks: dict[str, dict[str, str]] = json.loads(text)
    return {**marks, "data": dict(Guardrail.METADATA_ONLY.reasons)}


def _mark(kind: str, name: str) -> str:
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
        _mark("data", action.name),
        _mark("spends", action.name),
        _mark("legacy", action.name),
        new,
        roles,
    )


def _findings(roles: Sequence[RoleReport], actions: Sequence[ActionReport]) -> Iterator[Finding]:
    for role in roles:
        if role.differences:
            yield Finding(
                "difference",
                f"The {role.kind} role is not what Pump publishes",
                "; ".join(role.differences),
            )
    for role in roles:
        if not role.external_id:
            yield Finding(
                "trust",
                f"The {role.kind} role can be assumed without an external id",
                "Another customer of Pump's could make Pump use this role.",
            )

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
            "AWS replaced them; they are kept because they are published.",
            [one for one in left if one.legacy],
        ),
    ]
    for kind, title, text, found in kinds:
        if found:
            yield Finding(
                kind, f"{len(found)} actions {title}", text, tuple(one.name for one in found)
            )


def _services(actions: Iterable[ActionReport]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for action in actions:
        found.setdefault(action.service, Counter())[action.level] += 1
    return {
        service: {level: counts[level] for level in LEVELS if counts[level]}
        for service, counts in sorted(found.items())
    }


def _before(since: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """An earlier state: its date, and for each role the patterns of its policies."""
    if since is None:
        seen = looked_at()
        return {
            "date": seen["date"],
            "roles": {
                kind: {
                    policy.name: {
                        pattern: {"effect": "Allow", "actions": seen["patterns"].get(pattern, [])}
                        for pattern in policy.patterns
                    }
                    for policy in policies
                }
                for kind, policies in _PUBLISHED.items()
            },
            "guardrails": False,
        }
    try:
        return {
            "date": str(since["date"]),
            "roles": {
                role["kind"]: {
                    policy["name"]: {
                        one["pattern"]: {"effect": one["effect"], "actions": one["actions"]}
                        for one in policy["patterns"]
                    }
                    for policy in role["policies"]
                }
                for role in since["roles"]
            },
            "guardrails": True,
        }
    except (KeyError, TypeError) as error:
        raise ReportError(f"the earlier report is none: {error!r} is missing in it") from None


def _new_actions(
    policies: Mapping[str, Sequence[PolicyReport]], before: Mapping[str, Any]
) -> set[str]:
    found = set()
    for kind, listed in policies.items():
        for policy in listed:
            for one in policy.patterns:
                earlier = before["roles"].get(kind, {}).get(policy.name, {}).get(one.pattern)
                if earlier is not None and one.effect == "Allow":
                    found |= set(one.actions) - set(earlier["actions"])
    return found


def _changes(
    policies: Mapping[str, Sequence[PolicyReport]], before: Mapping[str, Any]
) -> Iterator[Change]:
    for kind, listed in policies.items():
        earlier = before["roles"].get(kind)
        if earlier is None:
            continue
        now = {
            policy.name: {one.pattern: one for one in policy.patterns}
            for policy in listed
            # Without an earlier report there is no earlier word on guardrails.
            if before["guardrails"] or policy.kind != "guardrail"
        }
        for name in dict.fromkeys([*earlier, *now]):
            yield from _changes_of_policy(kind, name, earlier.get(name, {}), now.get(name, {}))


def _changes_of_policy(
    kind: str, name: str, earlier: Mapping[str, Any], now: Mapping[str, Pattern]
) -> Iterator[Change]:
    for pattern, one in now.items():
        allows = one.effect == "Allow"
        if pattern not in earlier:
            effect = "broadened" if allows else "narrowed"
            verb = "allows" if allows else "denies"
            yield Change("Pump", effect, kind, f"{name} {verb} {pattern}")
            continue
        was, matches = set(earlier[pattern]["actions"]), set(one.actions)
        for action in sorted(matches - was):
            effect = "broadened" if allows else "narrowed"
            yield Change("AWS", effect, kind, f"{pattern} in {name} matches {action}")
        for action in sorted(was - matches):
            effect = "narrowed" if allows else "broadened"
            yield Change("AWS", effect, kind, f"{pattern} in {name} no longer matches {action}")
    for pattern, gone in earlier.items():
        if pattern not in now:
            allowed = gone["effect"] == "Allow"
            effect = "narrowed" if allowed else "broadened"
            verb = "allows" if allowed else "denies"
            yield Change("Pump", effect, kind, f"{name} no longer {verb} {pattern}")
