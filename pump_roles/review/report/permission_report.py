"""Builds the report: what each policy does, the numbers, and the findings to be seen first."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final, Literal

from pump_roles._version import __version__
from pump_roles.compare import compare
from pump_roles.compare.difference import Difference
from pump_roles.guardrails import Guardrail, by_policy
from pump_roles.iam.catalog import Action, Catalog, newer, reviewed, shipped
from pump_roles.iam.decisions import (
    ALLOWED,
    CONDITIONALLY,
    DENIED,
    NOT_GRANTED,
    PARTLY,
    Decision,
    Grant,
    PolicyPattern,
    certain_policies,
    decision_of,
    evaluator_of,
    is_covered,
    matched_by,
)
from pump_roles.iam.identity_policies import ANY_ARN, EVERYWHERE, ActionPattern, Policy
from pump_roles.patterns import covers
from pump_roles.published import REASONS, ROLES
from pump_roles.review.report import (
    SCHEMA,
    ActionReport,
    Earlier,
    Finding,
    GuardrailReport,
    Pattern,
    PolicyKind,
    PolicyReport,
    Report,
    RoleReport,
    Uncounted,
    counts,
)
from pump_roles.review.report.action_risks import mark, risk_of
from pump_roles.review.report.inventory import Inventory, inventory_of, read_sha256
from pump_roles.review.report.masking import Mask
from pump_roles.review.report.questions import questions, worst_cases
from pump_roles.review.report.report_changes import changes, newly_matched
from pump_roles.role.access import only_takes_away
from pump_roles.role.assembly import OPENS, Assembly, DeployedRole, OtherResource
from pump_roles.role.guardrail_policies import guardrail_of, opened, published_role
from pump_roles.role.iam_role import Role, published_policies

_REACHABLE_TYPES: Final = {"AWS::EKS::AccessEntry", "AWS::IAM::Role"}
"""Resource types through which one of Pump's roles can do more than its policies say: a role that
trusts it, or a cluster that gives it access."""

_ACCESS_TYPES: Final = {
    # What a group of IAM Identity Center can do is not in the template.
    *(OPENS - {"AWS::IdentityStore::GroupMembership"}),
    *_REACHABLE_TYPES,
    *("AWS::IAM::Group", "AWS::IAM::InstanceProfile", "AWS::IAM::User"),
}
"""Resource types that give someone access, but give Pump's roles no permissions."""


def of_published(*, guardrails: Sequence[Guardrail] = (), since: Earlier | None = None) -> Report:
    """Report on the roles as Pump publishes them."""
    roles = tuple(DeployedRole(role=published_role(kind, guardrails)) for kind in ROLES)
    return of_contents(Assembly(roles=roles), since=since)


def of_contents(contents: Assembly, *, since: Earlier | None = None) -> Report:
    """Report on roles."""
    catalog = shipped()
    masked = Mask(contents.external_ids).masked(replace(contents, variants=()))
    read = inventory_of(masked, catalog=catalog.source, date=catalog.date)
    report = _derived(read)
    effective = {role.kind: report.effective(role.kind) for role in report.roles}
    return _compared(report, read.with_effective(effective), since)


def of_kept(read: Inventory, *, since: Earlier | None = None) -> Report:
    """Report on what was kept, as of today and with this version's catalog."""
    return _compared(_derived(read), read, since)


def _compared(report: Report, read: Inventory, since: Earlier | None) -> Report:
    report = replace(report, read=read, read_sha256=read_sha256(read))
    found = () if since is None else changes(since, report)
    new = newly_matched(found).union(*report.gained.values())
    return replace(
        report,
        since=None if since is None else since.compared,
        changes=found,
        actions=tuple(
            replace(action, new=True) if action.name in new else action for action in report.actions
        ),
    )


def _derived(read: Inventory) -> Report:
    # Of what is kept, so that a report that is read again says the same.
    contents, catalog = read.assembly, shipped()
    policies = {found.role.kind: _RolePolicies(found.role, catalog) for found in contents.roles}
    granted = {kind: own.evaluator.grants for kind, own in policies.items()}
    actions = _actions(granted, catalog)
    # Nothing outside of the roles can give them permissions, nor can they reach anything that does.
    suspects = {other.type for other in contents.others if other.suspect_access}
    certain = not contents.unreadable and suspects <= _ACCESS_TYPES
    assumes = any(own.may_allow("sts:AssumeRole") for own in policies.values())
    reachable = (other for other in contents.others if assumes or not _needs_permission(other))
    isolated = certain and _REACHABLE_TYPES.isdisjoint(
        other.type for other in reachable if other.suspect_access
    )
    roles = tuple(
        _role(found, policies[found.role.kind], actions, certain=certain, isolated=isolated)
        for found in contents.roles
    )
    findings = tuple(_findings(roles, contents))
    answered = tuple(
        questions(
            {
                role.kind: (
                    policies[role.kind].evaluator,
                    role.readable and role.allows_only_published,
                )
                for role in roles
            }
        )
    )
    return Report(
        schema=SCHEMA,
        read=read,
        read_sha256="",
        version=__version__,
        catalog=catalog.source,
        date=catalog.date,
        as_published=not findings,
        exact=all(role.exact for role in roles),
        statements=answered,
        worst=tuple(worst_cases(answered)),
        roles=roles,
        places=contents.places,
        others=contents.others,
        unreadable=contents.unreadable,
        suspects_sha256=contents.suspects_sha256,
        findings=findings,
        resources=Counter(contents.resources),
        since=None,
        changes=(),
        reviewed=reviewed()["date"],
        gained=_gained(actions),
        sdk=newer()[0],
        newer=tuple(
            name for name in newer()[1] if any(own.may_allow(name) for own in policies.values())
        ),
        actions=actions,
    )


class _RolePolicies:
    """The policies of a role, read once.

    The guardrail that denies everything from a certain time on is not evaluated: it is a property
    of the role.
    """

    def __init__(self, role: Role, catalog: Catalog) -> None:
        self._role = role
        self._catalog = catalog
        certain = certain_policies(role.policies)
        implemented = [(policy, guardrail_of(role.kind, policy)) for policy in role.policies]
        guardrails = [
            (policy, found)
            for policy, found in implemented
            if found is not None and policy in certain
        ]
        self._ending = [policy for policy, found in guardrails if found.ends is not None]
        counting = tuple(policy for policy in role.policies if policy not in self._ending)
        self.evaluator: Final = evaluator_of(counting, catalog)
        same = {policy: policy for policy in self.evaluator.policies}
        self._implemented = [(same.get(policy, policy), found) for policy, found in implemented]
        self._guardrails: Final[list[tuple[Policy, Guardrail]]] = [
            (same.get(policy, policy), found) for policy, found in guardrails
        ]

    def reports(self) -> Iterator[PolicyReport]:
        """Yield the policies with the actions that their patterns match."""
        for policy, implemented in self._implemented:
            yield self._report(policy, implemented)

    def _report(self, policy: Policy, implemented: Guardrail | None) -> PolicyReport:
        published = {own.name: own for own in published_policies(self._role.kind)}
        guardrail = implemented or by_policy().get(policy.name)
        denies = guardrail is None and only_takes_away(policy)
        kind: PolicyKind = "guardrail" if guardrail else "deny" if denies else "other"
        unmodified = denies or implemented is not None
        if policy.name in published and not policy.arn:
            kind = "published"
            unmodified = policy.means_the_same_as(published[policy.name])
        reasons = {**REASONS, **(guardrail.reasons if guardrail else {})}
        removes = guardrail.removes if guardrail else ""
        ends = policy in self._ending
        return PolicyReport(
            name=policy.name,
            kind=kind,
            unmodified=unmodified,
            patterns=tuple(
                Pattern(
                    pattern=pattern.named,
                    effect=pattern.effect,
                    reason=reasons.get(pattern.pattern, "")
                    if pattern.excluded is None
                    else removes,
                    scope=pattern.scope,
                    actions=() if ends else self._actions(pattern),
                    exact=pattern.readable and is_covered(pattern, self._catalog),
                    excluded=pattern.excluded or (),
                    decision=self._decision_of(policy, pattern),
                )
                for pattern in policy.patterns
            ),
        )

    def _decision_of(self, policy: Policy, pattern: ActionPattern) -> Decision | Literal[""]:
        if pattern.effect == "Allow":
            return ALLOWED if pattern.scope.on(ANY_ARN) else ""
        limits = policy in self._ending or self.evaluator.limits(policy, pattern)
        return decision_of(pattern.scope) if limits else ""

    def _actions(self, pattern: ActionPattern) -> tuple[str, ...]:
        catalog = self._catalog if pattern.effect == "Allow" else self.evaluator.allowed
        return tuple(action.name for action in matched_by(pattern, catalog))

    def may_allow(self, action: str) -> bool:
        """Return whether the role has an action, at least sometimes, as far as can be read."""
        return self.evaluator.grant(action).decision not in (DENIED, NOT_GRANTED)

    def ledger(self, granted: Mapping[str, Grant]) -> Iterator[GuardrailReport]:
        """Yield what each guardrail does to the role."""
        for policy, guardrail in self._guardrails:
            by_action = {
                name: {
                    decision_of(denied.pattern.scope)
                    for denied in denies.patterns
                    if denied.policy is policy
                }
                for name, (_, denies) in self.evaluator.decided.items()
            }
            yield GuardrailReport(
                name=guardrail.name,
                policy=policy.name,
                value=guardrail.value_in_words,
                removes=guardrail.removes,
                leaves=guardrail.leaves,
                costs=guardrail.costs,
                denied=tuple(name for name in granted if DENIED in by_action[name]),
                limited=tuple(
                    name for name in granted if by_action[name] and DENIED not in by_action[name]
                ),
                ends=guardrail.ends is not None,
            )

    @property
    def allows_only_published(self) -> bool:
        """Whether Pump publishes everything that it allows."""
        published = {pattern for role in ROLES.values() for pattern in role.patterns}
        return all(
            allowed.pattern.excluded is None
            and (
                allowed.pattern.pattern in published
                or any(covers(pattern, allowed.pattern.pattern) for pattern in published)
            )
            for allowed in self._allowing
        )

    @cached_property
    def _allowing(self) -> list[PolicyPattern]:
        # The patterns that allow something, unless one deny is about all of it, everywhere.
        denies = (found.pattern for found in self.evaluator.effective["Deny"])
        outright = [denied for denied in denies if denied.scope == EVERYWHERE]
        return [
            found
            for found in self.evaluator.effective["Allow"]
            if not any(denied.matches_all_of(found.pattern) for denied in outright)
        ]

    def uncounted(self) -> tuple[Uncounted, ...]:
        """Return what is not counted, each once."""
        found = [
            *(
                Uncounted(policy=found.policy.name, pattern=found.pattern.named)
                for found in self._allowing
                if not is_covered(found.pattern, self._catalog)
            ),
            *(Uncounted(policy=policy.name) for policy in self._role.policies if policy.unreadable),
        ]
        return tuple(dict.fromkeys(found))


def _findings(roles: Sequence[RoleReport], contents: Assembly) -> Iterator[Finding]:
    # What must be read before the roles' numbers.
    yield from (
        Finding(kind="difference", role=role.kind)
        for role in roles
        if role.differences or role.unreadable
    )
    yield from (Finding(kind="trust", role=role.kind) for role in roles if role.trust.problems)
    yield from (Finding(kind="opened", role=role.kind) for role in roles if role.opened)
    yield from (
        Finding(kind="ended", role=role.kind)
        for role in roles
        if any(limit.ended for limit in role.timed)
    )
    yield from (Finding(kind="uncounted", role=role.kind) for role in roles if role.uncounted)
    if contents.unreadable or any(other.suspect_access for other in contents.others):
        yield Finding(kind="suspect")


def _needs_permission(other: OtherResource) -> bool:
    # Whether a role of its account can use it only with a permission to assume roles, because it
    # trusts accounts, and no single role.
    return {way.why for way in other.suspect_access} <= {"trusts-unreadable-account"}


def _role(
    found: DeployedRole,
    policies: _RolePolicies,
    listed: Iterable[ActionReport],
    *,
    certain: bool,
    isolated: bool,
) -> RoleReport:
    role = found.role
    uncounted = policies.uncounted()
    different, unread = _from_published(role), any(each.may_add_access for each in role.not_known)
    unread_statement = any(not part.pattern for part in uncounted)
    having = [action for action in listed if role.kind in action.roles]
    granted = {action.name: action.roles[role.kind] for action in having}
    effective = [action for action in having if granted[action.name].decision != DENIED]
    return RoleReport(
        role=role,
        files=found.files,
        filled_sha256=found.filled_sha256,
        account="" if found.files else found.account,
        external_id_sha256=found.external_id_sha256,
        policies=tuple(policies.reports()),
        guardrails=tuple(policies.ledger(granted)),
        differences=different,
        opened=opened(role),
        timed=role.timed_limits,
        uncounted=uncounted,
        as_published=not (different or unread or role.trust.problems or uncounted),
        exact=certain and not unread and not uncounted,
        allows_only_published=policies.allows_only_published,
        readable=isolated and not unread and not unread_statement,
        stopped=role.stopped,
        **counts(effective),
        only=sum(
            sum(grant.decision != DENIED for grant in action.roles.values()) == 1
            for action in effective
        ),
        actions=len(having),
        limited=sum(grant.decision in {CONDITIONALLY, PARTLY} for grant in granted.values()),
    )


def _from_published(role: Role) -> tuple[Difference, ...]:
    """Return how a role differs from what Pump publishes, apart from what a customer chooses.

    That is its name, path, permissions boundary, guardrails of this package with the tags that open
    them, and other policies with nothing but denies. Its trust policy is compared by itself.
    """
    published = published_role(role.kind)
    own = tuple(
        policy
        for policy in role.policies
        if guardrail_of(role.kind, policy) is not None or only_takes_away(policy)
    )
    chosen = replace(
        role,
        policies=(*published.policies, *own),
        session=published.session,
        unknown=(),
    )
    return compare(chosen, role)


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


def _actions(
    granted: Mapping[str, Mapping[str, Grant]], catalog: Catalog
) -> tuple[ActionReport, ...]:
    by_name: dict[str, dict[str, Grant]] = {}
    for kind, grants in granted.items():
        for name, grant in grants.items():
            by_name.setdefault(name, {})[kind] = grant.shortened
    return tuple(_action(catalog.actions[name.lower()], by_name[name]) for name in sorted(by_name))


def _action(action: Action, roles: Mapping[str, Grant]) -> ActionReport:
    return ActionReport(
        name=action.name,
        levels=action.levels,
        description=action.description,
        resources=action.resources,
        conditions=action.conditions,
        risk=risk_of(action.name, only_reads=action.only_reads),
        reason=_reason(roles.values()),
        data=mark("data", action.name),
        spends=mark("spends", action.name),
        legacy=mark("legacy", action.name),
        new=False,
        roles=roles,
    )


def _reason(granted: Iterable[Grant]) -> str:
    # The longest pattern says the most about the action.
    patterns = {pattern for grant in granted for _, pattern in grant.granted_by}
    published = sorted(patterns & REASONS.keys(), key=lambda pattern: (-len(pattern), pattern))
    return REASONS[published[0]] if published else ""
