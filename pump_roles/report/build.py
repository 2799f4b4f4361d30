"""Builds the report of the published roles, or of the roles in templates."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from pump_roles._version import __version__
from pump_roles.iam.catalog import LEVELS, Action, Catalog, reviewed, shipped
from pump_roles.iam.clauses import unreadable_parts
from pump_roles.iam.trust import Assumption
from pump_roles.published import REASONS, ROLES
from pump_roles.report.changes import changes, newly_matched
from pump_roles.report.comparison import differences
from pump_roles.report.decisions import (
    CONDITIONALLY,
    DENIED,
    PARTLY,
    Grant,
    PolicyEvaluator,
    policies,
    uncounted,
)
from pump_roles.report.findings import (
    alarms,
    may_add_permissions,
    may_reach_more,
    other_resources,
    risks,
    suspects,
)
from pump_roles.report.marks import mark
from pump_roles.report.model import RISKS, SCHEMA, ActionReport, Report, RoleReport
from pump_roles.report.places import places
from pump_roles.report.state import Earlier
from pump_roles.report.statements import statements
from pump_roles.templates import Contents, InputError, Role, read_templates

__all__ = ["of_contents", "of_published", "of_templates"]


def of_published(*, since: Earlier | None = None) -> Report:
    """Report on the roles as Pump publishes them.

    :param since: an earlier report to compare with. By default, the report has no changes.
    """
    roles = tuple(
        Role(
            kind=role.kind,
            name=role.name,
            trust=Assumption(principals=("Pump's principal",), external_id=True, problems=()),
            policies=tuple((policy.name, policy.document) for policy in role.policies),
        )
        for role in ROLES.values()
    )
    return of_contents(Contents(roles=roles), since=since)


def of_templates(path: Path, *, since: Earlier | None = None) -> Report:
    """Report on the roles in a synthesized template, or in the templates of a folder.

    :param path: a template's file, or a folder such as ``cdk.out``.
    :param since: as for :func:`of_published`.
    :raises InputError: as :func:`pump_roles.templates.read_templates` does.
    """
    try:
        return of_contents(read_templates(path), since=since)
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply to read") from None


def of_contents(contents: Contents, *, since: Earlier | None = None) -> Report:
    """Report on roles.

    :param contents: the roles, and everything else that gives access.
    :param since: as for :func:`of_published`.
    """
    catalog = shipped()
    evaluators = {role.kind: PolicyEvaluator(role, catalog) for role in contents.roles}
    granted = {kind: evaluator.grants() for kind, evaluator in evaluators.items()}
    actions = _actions(granted, catalog)
    certain, isolated = not may_add_permissions(contents), not may_reach_more(contents)
    roles = tuple(
        _role(role, evaluators[role.kind], actions, catalog, certain=certain, isolated=isolated)
        for role in contents.roles
    )
    exact = all(role.exact for role in roles)
    found_alarms = tuple(alarms(roles, contents))
    report = Report(
        schema=SCHEMA,
        version=__version__,
        catalog=catalog.source,
        date=catalog.date,
        as_published=not found_alarms,
        exact=exact,
        alarms=len(found_alarms),
        statements=tuple(
            statements({role.kind: (evaluators[role.kind], role.readable) for role in roles})
        ),
        roles=roles,
        places=tuple(places(contents.places)),
        others=contents.others,
        suspects=suspects(contents),
        suspects_sha256=contents.suspects_sha256,
        findings=(
            *found_alarms,
            *risks(actions, exact=exact),
            *other_resources(contents),
        ),
        since=None if since is None else since.compared,
        changes=(),
        reviewed=reviewed()["date"],
        gained=_gained(actions),
        actions=actions,
        services=_services(actions, granted),
    )
    found = () if since is None else changes(since, report)
    new = newly_matched(found).union(*report.gained.values())
    return replace(
        report,
        changes=found,
        actions=tuple(replace(action, new=action.name in new) for action in actions),
    )


def _role(
    role: Role,
    evaluator: PolicyEvaluator,
    listed: Iterable[ActionReport],
    catalog: Catalog,
    *,
    certain: bool,
    isolated: bool,
) -> RoleReport:
    # `certain`: nothing outside of the role can give it permissions. `isolated`: nor can it reach
    # anything that gives it more.
    not_counted = uncounted(role, catalog)
    different = tuple(differences(role))
    hidden = [part for name, document in role.policies for part in unreadable_parts(name, document)]
    having = [action for action in listed if role.kind in action.roles]
    granted = {action.name: action.roles[role.kind] for action in having}
    of_role = policies(role, catalog, evaluator, granted)
    guardrails = tuple(evaluator.ledger(granted))
    effective = [action for action in having if granted[action.name].decision != DENIED]
    return RoleReport(
        kind=role.kind,
        title=f"{role.kind.capitalize()} role",
        name=role.name,
        source=role.source,
        sha256=role.sha256,
        files=role.files,
        filled_sha256=role.filled_sha256,
        principals=role.trust.principals,
        external_id=role.trust.external_id,
        external_ids=role.trust.external_ids,
        trust_sha256=role.trust.sha256,
        trust_problems=role.trust.problems,
        boundary=role.boundary,
        ends=" and ".join(found.value for found in guardrails if found.ends),
        policies=of_role,
        guardrails=guardrails,
        differences=different,
        unreadable=role.unreadable,
        uncounted=not_counted,
        as_published=not (different or role.trust.problems or not_counted),
        exact=certain and not role.unreadable and not not_counted,
        readable=isolated and not role.unreadable and not hidden,
        money=sum(bool(action.spends) for action in effective),
        writes=sum(not action.only_reads for action in effective),
        data=sum(bool(action.data) for action in effective),
        effective=len(effective),
        only=sum(_is_effective_for_one(action) for action in effective),
        actions=len(having),
        denied=len(having) - len(effective),
        limited=sum(grant.decision in {CONDITIONALLY, PARTLY} for grant in granted.values()),
        patterns=len(
            {
                pattern.pattern
                for policy in of_role
                for pattern in policy.patterns
                if pattern.effect == "Allow"
            }
        ),
        levels=_levels(having, effective),
    )


def _is_effective_for_one(action: ActionReport) -> bool:
    return sum(grant.decision != DENIED for grant in action.roles.values()) == 1


def _gained(actions: Iterable[ActionReport]) -> Mapping[str, tuple[str, ...]]:
    # The actions that the published wildcards match, but did not match at the last review.
    seen = reviewed()["patterns"]
    found: dict[str, list[str]] = {}
    for action in actions:
        patterns = {pattern for grant in action.roles.values() for _, pattern in grant.granted_by}
        for pattern in sorted(patterns & seen.keys()):
            if action.effective and action.name not in seen[pattern]:
                found.setdefault(pattern, []).append(action.name)
    return {pattern: tuple(names) for pattern, names in found.items()}


def _levels(
    granted: Iterable[ActionReport], effective: Iterable[ActionReport]
) -> Mapping[str, tuple[int, int]]:
    before = Counter(action.level for action in granted)
    after = Counter(action.level for action in effective)
    return {level: (before[level], after[level]) for level in LEVELS if before[level]}


def _actions(
    granted: Mapping[str, Mapping[str, Grant]], catalog: Catalog
) -> tuple[ActionReport, ...]:
    names = sorted({name for of_role in granted.values() for name in of_role})
    return tuple(
        _action(
            catalog.actions[name.lower()],
            {kind: of_role[name] for kind, of_role in granted.items() if name in of_role},
        )
        for name in names
    )


def _action(action: Action, roles: Mapping[str, Grant]) -> ActionReport:
    data, spends = mark("data", action.name), mark("spends", action.name)
    applies = (bool(spends), not action.only_reads, bool(data), True)
    return ActionReport(
        name=action.name,
        service=action.service,
        level=action.level,
        levels=action.levels,
        only_reads=action.only_reads,
        risk=RISKS[applies.index(True)],
        description=action.description,
        reason=_reason(roles.values()),
        resources=action.resources,
        conditions=action.conditions,
        data=data,
        spends=spends,
        legacy=mark("legacy", action.name),
        new=False,
        roles=roles,
    )


def _reason(granted: Iterable[Grant]) -> str:
    # The longest pattern says the most about the action.
    patterns = {pattern for grant in granted for _, pattern in grant.granted_by}
    published = sorted(patterns & REASONS.keys(), key=lambda pattern: (-len(pattern), pattern))
    return REASONS[published[0]] if published else ""


def _services(
    actions: Iterable[ActionReport], kinds: Iterable[str]
) -> Mapping[str, Mapping[str, Mapping[str, int]]]:
    found: dict[str, dict[str, Counter[str]]] = {}
    for action in actions:
        of_service = found.setdefault(action.service, {kind: Counter() for kind in kinds})
        for kind, grant in action.roles.items():
            if grant.decision != DENIED:
                of_service[kind][action.risk] += 1
    return {
        service: {
            kind: {risk: counts[risk] for risk in RISKS if counts[risk]}
            for kind, counts in by_kind.items()
        }
        for service, by_kind in sorted(found.items())
    }
