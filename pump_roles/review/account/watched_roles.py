"""Pump's roles whose events are looked for, and what guardrails would have denied them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Final, NamedTuple, get_args

from pump_roles.event_sources import could_be_of, services_of
from pump_roles.guardrails import Guardrail
from pump_roles.iam.catalog import shipped
from pump_roles.iam.decisions import DENIED, NOT_GRANTED, PolicyEvaluator, PolicyPattern
from pump_roles.iam.external_ids import ExternalId
from pump_roles.iam.identity_policies import EVERYWHERE, ActionPattern
from pump_roles.inputs.text import InputError
from pump_roles.inputs.validators import account_of
from pump_roles.patterns import covers, overlap
from pump_roles.published import PUBLISHED_NAMES
from pump_roles.review.account.activity_result import Cost, GuardrailActivity
from pump_roles.role.assembly import Assembly
from pump_roles.role.guardrail_policies import policies_on, published_role
from pump_roles.role.iam_role import Role


@dataclass(frozen=True, kw_only=True, eq=False)
class WatchedRole:
    """A role whose events are looked for."""

    role: Role
    names: frozenset[str]
    expected: bool = False
    arns: tuple[str, ...] = ()

    @cached_property
    def evaluator(self) -> PolicyEvaluator:
        """Evaluates what its policies decide."""
        return PolicyEvaluator(self.role.policies, shipped())

    @cached_property
    def allowed_actions(self) -> frozenset[str]:
        """The actions that its policies allow, at least on some resources or in some requests."""
        return frozenset(
            action
            for action, grant in self.evaluator.grants.items()
            if grant.decision not in (DENIED, NOT_GRANTED)
        )

    @cached_property
    def tagging(self) -> Mapping[str, Sequence[str]]:
        """The actions that its policies allow that tag, by their service."""
        found: dict[str, list[str]] = {}
        for name in self.evaluator.grants:
            granted = shipped().actions[name.lower()]
            if "Tagging" in granted.levels:
                found.setdefault(granted.service, []).append(name)
        return found

    def is_issuer(self, arn: str, account: str) -> bool:
        """Return whether it issued a session. A role of another account never did.

        An account has no two roles with one name, whatever their paths and the case of their names
        (IAM API Reference, "CreateRole").
        """
        parts = arn.split(":", 5)
        return (
            parts[2:5] == ["iam", "", account]
            and (not self.arns or account in map(account_of, self.arns))
            and parts[5].startswith("role/")
            and parts[5].rpartition("/")[2].casefold() in map(str.casefold, self.names)
        )


@dataclass(frozen=True, kw_only=True)
class WatchedRoles:
    """The roles whose events are looked for."""

    roles: tuple[WatchedRole, ...]
    external_ids: frozenset[ExternalId] = frozenset()

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts of the ARNs that were passed."""
        return frozenset(account_of(arn) for watched in self.roles for arn in watched.arns)


def published_roles() -> WatchedRoles:
    """Return the roles as Pump publishes them."""
    return WatchedRoles(
        roles=tuple(
            WatchedRole(role=published_role(kind), names=frozenset({name}))
            for kind, name in PUBLISHED_NAMES.items()
        )
    )


def roles_in(path: Path, read: Assembly) -> WatchedRoles:
    """Return what a template, or the templates of a folder, contain, and the published roles."""
    watched = []
    for variants in read.variants:
        roles = [variant.role for variant in variants]
        if any(not role.name.is_known or role.is_unknown("name") for role in roles):
            raise InputError(f"{path}: the name of the {roles[0].kind} role cannot be read")
        names = frozenset(role.name.text for role in roles)
        watched.append(WatchedRole(role=roles[0], names=names, expected=True))
    taken = {name.casefold() for expected in watched for name in expected.names}
    # A role that is not expected may still be there.
    others = [
        other
        for other in published_roles().roles
        if not taken & set(map(str.casefold, other.names))
    ]
    return WatchedRoles(roles=(*watched, *others), external_ids=read.external_ids)


def with_arns(roles: WatchedRoles, arns: Iterable[str]) -> WatchedRoles:
    """Return only the roles with some ARNs."""
    by_role: dict[WatchedRole, list[str]] = {}
    for arn in dict.fromkeys(arns):
        of_name = [watched for watched in roles.roles if watched.is_issuer(arn, account_of(arn))]
        if not of_name:
            names = " or ".join(name for watched in roles.roles for name in watched.names)
            raise InputError(
                f"{arn}: the name is not {names}; pass --expect with the role's template"
            )
        by_role.setdefault(of_name[0], []).append(arn)
    chosen = (replace(watched, arns=tuple(of_role)) for watched, of_role in by_role.items())
    return replace(roles, roles=tuple(chosen)) if by_role else roles


_COSTS: Final = get_args(Cost)


class RoleCall(NamedTuple):
    """What decides about a call of a role.

    :param action: the action; ``None`` if it is not known.
    :param with_tags: whether it may have passed tags.
    """

    role: WatchedRole
    source: str
    action: str | None
    with_tags: bool


def denied_by_guardrails(
    roles: Sequence[WatchedRole],
    calls: Mapping[RoleCall, int],
    *,
    everything_read: bool,
) -> list[GuardrailActivity]:
    """Return what each guardrail would have denied each role; first those that would have denied
    nothing.
    """
    costs = []
    for watched in roles:
        of_role = [(call, count) for call, count in calls.items() if call.role is watched]
        for name in Guardrail.names():
            evaluator = _denying(name, watched.role.kind)
            if evaluator is None:
                continue
            counts = Counter[bool | None]()
            for call, count in of_role:
                counts[_is_denied(evaluator, call)] += count
            would, might = counts[True], counts[None]
            cost: Cost = "some" if would else "nothing"
            costs.append(
                GuardrailActivity(
                    name=name,
                    kind=watched.role.kind,
                    would_deny=would,
                    might_deny=might,
                    cost=cost if would or (everything_read and not might) else "unknown",
                )
            )
    return sorted(
        costs,
        key=lambda activity: (
            _COSTS.index(activity.cost),
            activity.would_deny,
            activity.might_deny,
        ),
    )


@cache
def _denying(guardrail: str, kind: str) -> PolicyEvaluator | None:
    # None if it denies nothing that the role has.
    policies = policies_on(Guardrail.named(guardrail), kind)
    return PolicyEvaluator(policies, shipped()) if policies else None


# A trail has few sources, but whoever writes a file may choose any names.
@lru_cache(maxsize=2**10)
def may_have_action(watched: WatchedRole, source: str) -> bool:
    """Return whether a role may have any action of the services that a source could be of."""
    services = could_be_of(source)
    return (
        not services
        or bool(watched.role.not_known)
        or any(policy.unreadable for policy in watched.role.policies)
        or any(
            _may_match(allowed.pattern, service)
            for allowed in watched.evaluator.effective["Allow"]
            for service in services
        )
    )


def _is_denied(evaluator: PolicyEvaluator, call: RoleCall) -> bool | None:
    # None if the event does not decide.
    if call.action is None:
        return None if _may_deny(evaluator.effective["Deny"], call.source) else False
    answers = {
        denied.pattern.scope == EVERYWHERE or None
        for denied in evaluator.deciding(call.action)[1].patterns
    }
    service = call.action.partition(":")[0]
    tagging = call.role.tagging.get(service, ()) if call.with_tags else ()
    if any(evaluator.deciding(name)[1].patterns for name in tagging):
        # The call may have needed such an action, too.
        answers.add(None)
    return True if True in answers else None if None in answers else False


def _may_match(pattern: ActionPattern, service: str) -> bool:
    every = f"{service}:*"
    if pattern.excluded is None:
        return overlap(pattern.pattern, every)
    return not any(covers(excluded, every) for excluded in pattern.excluded)


def _may_deny(denies: Iterable[PolicyPattern], source: str) -> bool:
    # A call whose name is not known, of a service that may not be known either.
    known = {name.partition(":")[0] for name in shipped().actions}
    return any(
        service not in known or _may_match(denied.pattern, service)
        for denied in denies
        for service in services_of(source)
    )


@cache
def commitment_changes() -> frozenset[str]:
    """Return the actions that buy, sell, exchange, modify, or return commitments."""
    # The guardrail denies only what the published roles allow, but a deployed role may allow more.
    buying = {
        action.name
        for action in shipped().actions.values()
        if action.name.partition(":")[2].startswith("Purchase") and not action.only_reads
    }
    denied = {action.name for action in shipped().matching(Guardrail.NO_COMMITMENTS.reasons)}
    return frozenset(buying | denied)


@cache
def handshakes() -> frozenset[str]:
    """Return the actions that accept a handshake."""
    return frozenset(action.name for action in shipped().matching(Guardrail.NO_INVITATIONS.reasons))
