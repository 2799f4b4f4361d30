"""Builds the report of the published roles, or of the roles in templates."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from pump_roles._version import __version__
from pump_roles.guardrails import reasons_by_policy
from pump_roles.published import ROLES
from pump_roles.report.catalog import LEVELS, Action, Catalog, shipped
from pump_roles.report.changes import Earlier, changes, new_actions, since_reviewed, state_of
from pump_roles.report.comparison import differences
from pump_roles.report.decisions import (
    CONDITIONALLY,
    DENIED,
    PARTLY,
    Grant,
    grants,
    policies,
    uncounted,
)
from pump_roles.report.findings import alarms, may_add_permissions, other_resources, risks
from pump_roles.report.marks import mark
from pump_roles.report.model import ActionReport, Report, RoleReport
from pump_roles.templates import Contents, InputError, Role, read_templates
from pump_roles.templates.trust import Assumption

__all__ = ["of_contents", "of_published", "of_templates"]


def of_published(*, since: Earlier | None = None) -> Report:
    """Report on the roles as Pump publishes them.

    :param since: an earlier report. By default, the changes are what the published patterns match
        that they did not match when that was last reviewed.
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
    """Report on roles that were read.

    :param contents: the roles, and everything else that gives access.
    :param since: as for :func:`of_published`.
    """
    catalog = shipped()
    earlier = since or since_reviewed()
    granted = {role.kind: grants(role, catalog) for role in contents.roles}
    exact = not may_add_permissions(contents)
    roles = tuple(_role(role, granted[role.kind], catalog, exact=exact) for role in contents.roles)
    states = {role.kind: state_of(role) for role in roles}
    actions = _actions(granted, catalog, new_actions(earlier, states))
    return Report(
        version=__version__,
        catalog=catalog.source,
        date=catalog.date,
        roles=roles,
        others=contents.others,
        findings=(
            *alarms(roles, contents),
            *risks(actions, exact=all(role.exact for role in roles)),
            *other_resources(contents),
        ),
        since=earlier.date,
        changes=tuple(changes(earlier, states, reasons_by_policy().keys())),
        actions=actions,
        services=_services(actions),
    )


def _role(role: Role, granted: Mapping[str, Grant], catalog: Catalog, *, exact: bool) -> RoleReport:
    # `exact` is whether nothing outside of the role may reach it.
    not_counted = uncounted(role, catalog)
    of_role = policies(role, catalog)
    allowed = {
        pattern.pattern
        for policy in of_role
        for pattern in policy.patterns
        if pattern.effect == "Allow"
    }
    actions = [catalog.actions[name.lower()] for name in granted]
    effective = [action for action in actions if granted[action.name].decision != DENIED]
    return RoleReport(
        kind=role.kind,
        title=f"{role.kind.capitalize()} role",
        name=role.name,
        source=role.source,
        sha256=role.sha256,
        principals=role.trust.principals,
        external_id=role.trust.external_id,
        external_ids=role.trust.external_ids,
        trust_problems=role.trust.problems,
        boundary=role.boundary,
        policies=of_role,
        differences=tuple(differences(role)),
        unreadable=role.unreadable,
        uncounted=not_counted,
        exact=exact and not role.unreadable and not not_counted,
        patterns=len(allowed),
        actions=len(actions),
        denied=len(actions) - len(effective),
        limited=sum(grant.decision in {CONDITIONALLY, PARTLY} for grant in granted.values()),
        effective=len(effective),
        levels=_levels(actions, effective),
        writes=sum(not action.only_reads for action in effective),
    )


def _levels(
    granted: Iterable[Action], effective: Iterable[Action]
) -> Mapping[str, tuple[int, int]]:
    before = Counter(action.level for action in granted)
    after = Counter(action.level for action in effective)
    return {level: (before[level], after[level]) for level in LEVELS if before[level]}


def _actions(
    granted: Mapping[str, Mapping[str, Grant]], catalog: Catalog, new: set[str]
) -> tuple[ActionReport, ...]:
    names = sorted({name for of_role in granted.values() for name in of_role})
    return tuple(
        _action(
            catalog.actions[name.lower()],
            {kind: of_role[name] for kind, of_role in granted.items() if name in of_role},
            new=name in new,
        )
        for name in names
    )


def _action(action: Action, roles: Mapping[str, Grant], *, new: bool) -> ActionReport:
    return ActionReport(
        name=action.name,
        service=action.service,
        level=action.level,
        levels=action.levels,
        only_reads=action.only_reads,
        description=action.description,
        resources=action.resources,
        conditions=action.conditions,
        data=mark("data", action.name),
        spends=mark("spends", action.name),
        legacy=mark("legacy", action.name),
        new=new,
        roles=roles,
    )


def _services(actions: Iterable[ActionReport]) -> Mapping[str, Mapping[str, int]]:
    found: dict[str, Counter[str]] = {}
    for action in actions:
        found.setdefault(action.service, Counter())[action.level] += 1
    return {
        service: {level: counts[level] for level in LEVELS if counts[level]}
        for service, counts in sorted(found.items())
    }
