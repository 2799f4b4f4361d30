"""The organization's policies about the roles: how they differ, and what stops Pump in a role."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, get_args

from pump_roles.compare import in_each_direction
from pump_roles.compare.difference import ComparedPart, Difference, Rule
from pump_roles.iam.conditions import Condition
from pump_roles.iam.identity_policies import Policy, Statement, parse_control_policy
from pump_roles.inputs.text import parse_json
from pump_roles.inputs.validators import POLICY_TARGETS
from pump_roles.review.account.account_details import AccountDetails
from pump_roles.review.account.aws_sdk import all_in, checked_id, reason_of, text_in
from pump_roles.review.account.organization import Organization
from pump_roles.review.account.verification import PolicyResult, StopKind, StoppedBy, StopState
from pump_roles.role.assembly import ControlType, OrganizationPolicy
from pump_roles.role.iam_role import Role, stops
from pump_roles.role.unknowns import OrganizationUnknown, OrganizationWhy

if TYPE_CHECKING:
    from mypy_boto3_organizations import OrganizationsClient

_STOPPING: Final[ControlType] = "SERVICE_CONTROL_POLICY"
"""The only type of policy that stops a role wherever it acts."""


@dataclass(frozen=True, kw_only=True)
class PoliciesRead:
    """The organization's policies that have some names.

    :param policies: those that were listed.
    :param unlisted: why those of a type are not known, by the type.
    """

    policies: tuple[OrganizationPolicy, ...] = ()
    unlisted: Mapping[str, OrganizationUnknown] = field(default_factory=dict)

    @property
    def stops(self) -> tuple[OrganizationPolicy, ...]:
        """Those that certainly stop someone, and are attached to something."""
        return tuple(each for each in self.policies if each.attached_to and stops_someone(each))

    @property
    def has_all_stops(self) -> bool:
        """Whether every policy was read that may stop someone."""
        return _STOPPING not in self.unlisted and all(
            each in self.stops or each.attached_to == () or stops_someone(each) is False
            for each in self.policies
        )


_PART: Final[ComparedPart] = "organization-policies"


def read_policies(organizations: "OrganizationsClient", names: Collection[str]) -> PoliciesRead:
    """Return the organization's policies with some names. Each type is read by itself."""
    found: list[OrganizationPolicy] = []
    unlisted: dict[str, OrganizationUnknown] = {}
    for kind in get_args(ControlType):
        try:
            policies = all_in(organizations, "list_policies", "Policies", Filter=kind)
            listed = [(text_in(policy, "Id"), text_in(policy, "Name")) for policy in policies]
        except Exception as error:  # noqa: BLE001
            # botocore can raise anything if the response is not from AWS.
            unlisted[kind] = _not_read("", error, organizations)
            continue
        found += (
            _read_policy(organizations, id_, name, kind) for id_, name in listed if name in names
        )
    return PoliciesRead(policies=tuple(found), unlisted=unlisted)


def _read_policy(
    organizations: "OrganizationsClient", id_: str, name: str, kind: ControlType
) -> OrganizationPolicy:
    policy = OrganizationPolicy(name=name, type=kind)
    try:
        targets = all_in(organizations, "list_targets_for_policy", "Targets", PolicyId=id_)
        ids = (checked_id(target["TargetId"], POLICY_TARGETS.element) for target in targets)
        policy = replace(policy, attached_to=tuple(sorted(ids)))
        content = organizations.describe_policy(PolicyId=id_)["Policy"]["Content"]
        return replace(policy, content=parse_control_policy(parse_json(content), name=name))
    except Exception as error:  # noqa: BLE001
        return replace(policy, unknown=(_not_read(name, error, organizations),))


def _not_read(
    name: str, error: Exception, organizations: "OrganizationsClient"
) -> OrganizationUnknown:
    detail = reason_of(error, organizations)
    return OrganizationUnknown(why="not-read", subject=name, detail=detail)


_ROOT: Final = "r-"
"""The prefix of the ID of a root, which is above every account."""


_NO: Final[Sequence[Rule]] = ("not-stopped-name", "not-stopped-target", "not-stopped-management")
"""Why a policy does not reach a role. Of several policies, the first reason counts."""


_Reach = Literal["yes", "stop-condition", "stop-organization", "stop-place", "stop-units"] | Rule

_OPEN: Final[Mapping[_Reach, OrganizationWhy]] = {
    "stop-condition": "stop-condition",
    "stop-organization": "stop-organization",
    "stop-place": "stop-place",
    "stop-units": "stop-units",
}
"""Why it is not known whether a policy reaches a role."""


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """Whether Pump is stopped in a role.

    :param state: whether it is.
    :param by: what stops it; empty if nothing does, as far as that is known.
    :param differences: why no stop of the organization reaches it, if one is attached.
    :param unknown: why it is not known whether one does.
    """

    state: StopState
    by: tuple[StoppedBy, ...] = ()
    differences: tuple[Difference, ...] = ()
    unknown: tuple[OrganizationUnknown, ...] = ()


def stops_someone(policy: OrganizationPolicy) -> bool | None:
    """Return whether a policy denies some principals everything; ``None`` if it was not read."""
    if policy.type != _STOPPING:
        return False
    if policy.content is None and policy.unknown:
        return None
    return next(_conditions(policy), None) is not None


def stopped(role: Role, read: PoliciesRead | None, details: AccountDetails) -> Stopped:
    """Return whether Pump is stopped in a role of an account.

    :param read: the policies of its organization; ``None`` if nothing read them.
    """
    by = [*_own(role)]
    arn = details.arn(role)
    attached = read.stops if read else ()
    reached = {policy.name: _reach(policy, arn, details) for policy in attached}
    by += [
        StoppedBy(kind="service-control-policy", name=name)
        for name, reach in reached.items()
        if reach == "yes"
    ]
    if by:
        return Stopped(state="stopped", by=tuple(by))
    unknown = tuple(
        OrganizationUnknown(why=_OPEN[reach], subject=name)
        for name, reach in reached.items()
        if reach in _OPEN
    )
    # No service control policy affects the management account, or one without an organization.
    is_exempt = details.organization == Organization() or details.is_management
    may_be_reached = not is_exempt and not (read and read.has_all_stops)
    state: StopState = "not-known-organization" if unknown or may_be_reached else "not-stopped"
    if any(each.part in _OWN for each in role.not_known):
        state = "not-known"
    if unknown or not reached:
        return Stopped(state=state, unknown=unknown)
    rule = next(rule for rule in _NO if rule in reached.values())
    difference = Difference(rule=rule, effect="broader", part=_PART, subject=", ".join(reached))
    return Stopped(state=state, differences=(difference,))


_OWN: Final = {"role", "inline-policies", "managed-policies", "boundary"}
"""The parts of a role that may stop it."""


def _own(role: Role) -> Iterator[StoppedBy]:
    if role.boundary is not None and role.boundary.stops:
        yield StoppedBy(kind="boundary", name=role.boundary.arn.text.rpartition("/")[2])
    for policy in role.policies:
        if stops(policy):
            kind: StopKind = "attached-policy" if policy.arn else "inline-policy"
            yield StoppedBy(kind=kind, name=policy.name)


def _reach(policy: OrganizationPolicy, arn: str, details: AccountDetails) -> _Reach:
    if details.is_management:
        # AWS Organizations User Guide, "Service control policies (SCPs)".
        return "not-stopped-management"
    below = _is_below(policy.attached_to or (), details)
    named = {condition.is_met({"aws:principalarn": arn}) for condition in _conditions(policy)}
    if below is False:
        return "not-stopped-target"
    if named == {False}:
        return "not-stopped-name"
    if True not in named:
        return "stop-condition"
    if details.known_organization is None:
        return "stop-organization"
    return "yes" if below else "stop-place" if details.units is None else "stop-units"


def _is_below(targets: Sequence[str], details: AccountDetails) -> bool | None:
    units = details.units or ()
    if any(
        target.startswith(_ROOT) or target == details.account or target in units
        for target in targets
    ):
        return True
    # Without the root, there are units above those that were read.
    return False if any(unit.startswith(_ROOT) for unit in units) else None


def _conditions(policy: OrganizationPolicy) -> Iterator[Condition]:
    # Those under which it denies everything.
    for statement in policy.content.statements if policy.content else ():
        if statement.denies_everything:
            yield statement.scope.condition


PUMP_POLICIES: Final = ("ProtectPumpRoles", "StopPump", "StopPumpByHand", "PumpTrust")
"""The names of the policies if none are expected."""

_EVERYTHING: Final = Policy(
    name="everything", statements=(Statement(effect="Allow", actions=("*",)),), not_read=()
)
"""What policies that only deny take away from."""


def policy_names(expected: Iterable[OrganizationPolicy]) -> tuple[str, ...]:
    """Return the names of the policies to look for."""
    return (*PUMP_POLICIES, *(policy.name for policy in expected))


def verify_policies(
    expected: Iterable[OrganizationPolicy],
    read: PoliciesRead,
    *,
    account: str,
    partition: str,
) -> tuple[PolicyResult, ...]:
    """Return how the policies differ from the expected ones, and what they are attached to."""
    variants: dict[tuple[str, str], list[OrganizationPolicy]] = {}
    for policy in expected:
        here = policy.content and policy.content.in_account(account=account, partition=partition)
        same = variants.setdefault(_key(policy), [])
        if (filled := replace(policy, content=here)) not in same:
            same.append(filled)
    existing = {_key(policy): policy for policy in read.policies}
    return tuple(
        _verify(variants.get(key, []), existing.get(key), read.unlisted.get(key[0]))
        for key in sorted({*variants, *existing})
    )


def _key(policy: OrganizationPolicy) -> tuple[str, str]:
    return policy.type, policy.name


def _verify(
    variants: Sequence[OrganizationPolicy],
    actual: OrganizationPolicy | None,
    unread: OrganizationUnknown | None,
) -> PolicyResult:
    either = actual or variants[0]
    result = PolicyResult(
        name=either.name,
        type=either.type,
        attached_to=None if unread else actual.attached_to if actual else (),
        stops=_stops(variants, actual, unread),
        expected=bool(variants),
    )
    if actual is not None and not variants:
        return replace(result, unknown=actual.unknown)
    several = OrganizationUnknown(why="several-variants", subject=either.name)
    unknown = (
        *(reason for policy in variants for reason in policy.unknown),
        *((several,) if len(variants) > 1 else ()),
        *(actual.unknown if actual else ()),
        *((unread,) if unread else ()),
    )
    # With several variants, the expectation is not certain. What may not exist is not missing.
    differences = min((_compare(variant, actual) for variant in variants), key=len)
    return replace(
        result,
        differences=() if actual is None and unknown else differences,
        unknown=tuple(dict.fromkeys(unknown)),
    )


def _stops(
    variants: Sequence[OrganizationPolicy],
    actual: OrganizationPolicy | None,
    unread: OrganizationUnknown | None,
) -> bool | None:
    answer = None if unread else actual is not None and stops_someone(actual)
    # What is expected to stop nobody is not suspected of it.
    if answer is None and variants and not any(map(stops_someone, variants)):
        return False
    return answer


def _compare(
    expected: OrganizationPolicy, actual: OrganizationPolicy | None
) -> tuple[Difference, ...]:
    difference = Difference(
        rule="organization-policy-missing",
        # A stop that is attached to nothing is there to be attached.
        effect="broader",
        part=_PART,
        subject=expected.name,
    )
    if actual is None:
        return (difference,)
    differences: list[Difference] = []
    before, now = expected.content, actual.content
    if before and now and not before.means_the_same_as(now):
        changed = replace(difference, rule="organization-policy-changed", effect="unclear")
        differences += in_each_direction(changed, [_EVERYTHING, before], [_EVERYTHING, now])
    here = actual.attached_to
    # The root contains every account that the policy can affect.
    if here is not None and not any(target.startswith("r-") for target in here):
        missing = tuple(target for target in expected.attached_to or () if target not in here)
        detached = replace(difference, rule="organization-policy-detached", was=missing, now=here)
        differences += [detached] if missing else []
    return tuple(differences)
