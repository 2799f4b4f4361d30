"""Which accounts of an organization have a rollout's role: compares templates with StackSets."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from pump_roles._version import __version__
from pump_roles.inputs import (
    ACCOUNT,
    ORGANIZATIONAL_UNIT,
    STACK_SET_NAME,
    STACK_SETS_CALL_AS,
    AccountFilter,
    CallAs,
    InputError,
    is_account_filter,
)
from pump_roles.review.account.aws_sdk import (
    all_in,
    checked_id,
    error_code,
    explain_error,
    list_in,
    text_in,
)
from pump_roles.review.account.organization import (
    Account,
    accounts_below,
    describe_organization,
    targeted,
)
from pump_roles.role import Assembly, AssemblyUnknown, Deployment, Unknown

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_organizations import OrganizationsClient

AccountState = Literal[
    "not-current", "missing", "not-targeted", "not-found", "suspended", "excluded", "current"
]
"""Whether an account is as it should be. In the first four states, it is not."""

FINE: Final = frozenset[AccountState]({"suspended", "excluded", "current"})
"""The states of accounts that are as they should be."""

RolloutState = Literal["complete", "incomplete", "unknown"]


RolloutWhy = Literal[
    "no-stack-set",
    "no-stack-set-as-administrator",
    "no-units",
    "not-read",
    "organization-not-read",
    "self-managed",
    "several-groups",
    "unknown-filter",
]


@dataclass(frozen=True, kw_only=True)
class RolloutUnknown(Unknown):
    """Something that is not known about a StackSet, or about the accounts that it targets."""

    part: Literal["rollout"] = "rollout"
    why: RolloutWhy


class UncertainRolloutError(Exception):
    """What a rollout in a template targets is not certain."""

    def __init__(self, stack_set: str, unknown: Unknown) -> None:
        super().__init__(stack_set, unknown)
        self.stack_set = stack_set
        self.unknown = unknown


@dataclass(frozen=True, kw_only=True)
class AccountStatus:
    """One account of a rollout, or one stack instance if it has several.

    :param account: its 12-digit ID.
    :param name: its name; empty if it is not below the targeted units.
    :param unit: the IDs of the organizational units that it is in, from a targeted one down,
        separated by slashes; empty if it is not below the targeted units.
    :param state: ``current``: it has a current stack instance. ``not-current``: its stack instance
        is not current. ``missing``: it is targeted and has no stack instance. ``not-targeted``: it
        has a stack instance that it should not have. ``not-found``: the account filter
        names it, and it is not below the targeted units. ``suspended``: StackSets skip it.
        ``excluded``: the account filter excludes it, and it has no stack instance.
    :param reason: why its stack instance is not current, as AWS returns it; may be empty.
    :param region: the Region of its stack instance; empty if it has none.
    :param status: the status of its stack instance, as AWS returns it; empty if it has none.
    :param detailed_status: how the last operation ended there, as AWS returns it; may be empty.
    """

    account: str
    name: str = ""
    unit: str = ""
    state: AccountState
    reason: str = ""
    region: str = ""
    status: str = ""
    detailed_status: str = ""


@dataclass(frozen=True, kw_only=True)
class ExpectedRollout:
    """What a rollout should target, from templates or options.

    :param stack_set: the StackSet's name.
    :param region: the StackSet's Region; empty if the templates do not say.
    :param call_as: ``management`` or ``delegated-admin``.
    :param units: the IDs of the organizational units that should be targeted; empty for those that
        the StackSet targets.
    :param filter: what the account filter does, ``exclude`` or ``only``; empty if there is none.
    :param filtered: the IDs of the accounts that the filter names.
    """

    stack_set: str
    region: str = ""
    call_as: CallAs = "management"
    units: tuple[str, ...] = ()
    filter: AccountFilter = ""
    filtered: tuple[str, ...] = ()

    @property
    def caller(self) -> Literal["SELF", "DELEGATED_ADMIN"]:
        """Who calls StackSets, as the API names it."""
        return STACK_SETS_CALL_AS[self.call_as]


@dataclass(frozen=True, kw_only=True)
class RolloutStatus(ExpectedRollout):
    """The status of a rollout.

    :param stack_set: the StackSet's name.
    :param state: ``complete`` if at least one account is targeted, each of them has a current stack
        instance, no other account has one, every filtered ID is an account below the units, and the
        StackSet targets the expected units. ``unknown`` if it could not be read.
    :param unknown: why it is unknown; empty otherwise.
    :param region: the StackSet's Region.
    :param call_as: ``management`` or ``delegated-admin``.
    :param units: the IDs of the organizational units that should be targeted.
    :param deployed_units: the IDs of those that the StackSet targets.
    :param filter: what the account filter does, ``exclude`` or ``only``; empty if there is none.
    :param filtered: the IDs of the accounts that the filter names.
    :param management_account: the ID of the management account, to which StackSets never deploy.
    :param targeted: how many accounts are targeted, not counting suspended ones.
    :param accounts: the accounts below the units, those with a stack instance, and those that the
        filter names. Those that need attention come first, then the order is by ID.
    :param counts: how many accounts have each state.
    """

    state: RolloutState
    unknown: tuple[RolloutUnknown, ...] = ()
    deployed_units: tuple[str, ...] = ()
    management_account: str = ""
    targeted: int = 0
    accounts: tuple[AccountStatus, ...] = ()
    counts: Mapping[AccountState, int] = field(init=False)

    def __post_init__(self) -> None:
        numbers = Counter(account.state for account in self.accounts)
        counts = {state: numbers[state] for state in get_args(AccountState)}
        object.__setattr__(self, "counts", counts)


@dataclass(frozen=True, kw_only=True)
class Statuses:
    """The status of some rollouts.

    :param schema: the version of the JSON status's schema.
    :param version: the version of this package.
    :param state: the state of all rollouts together. An incomplete rollout takes precedence over an
        unknown one.
    :param rollouts: the rollouts.
    """

    schema: Literal[5] = 5
    version: str = __version__
    state: RolloutState = field(init=False)
    rollouts: tuple[RolloutStatus, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", rollout_state(rollout.state for rollout in self.rollouts))


def rollout_state(states: Iterable[RolloutState]) -> RolloutState:
    """Return the state of several rollouts: incomplete takes precedence over unknown.

    Without any rollout, it is unknown.
    """
    distinct = set(states)
    if "incomplete" in distinct:
        return "incomplete"
    return "complete" if distinct == {"complete"} else "unknown"


def rollouts_in(deployed: Assembly, source: str) -> tuple[ExpectedRollout, ...]:
    """Return every rollout in templates: the StackSets that contain one of Pump's roles."""
    places: dict[str, list[Deployment]] = {}
    # As everywhere, the read-only role comes first.
    for place in sorted(
        deployed.places, key=lambda place: (place.kind != "read-only", place.stack_set)
    ):
        if place.stack_set:
            places.setdefault(place.stack_set, []).append(place)
    if not places:
        raise InputError(
            f"{source}: contains no rollout (no StackSet that deploys one of Pump's roles)"
        )
    return tuple(_expect_rollout(name, of_stack_set) for name, of_stack_set in places.items())


def _expect_rollout(name: str, places: list[Deployment]) -> ExpectedRollout:
    place = places[0]
    for unreadable in (unknown for each in places for unknown in each.unreadable):
        raise UncertainRolloutError(name, unreadable)
    if not STACK_SET_NAME.accepts(name):
        raise UncertainRolloutError(
            name, AssemblyUnknown(part="place", why="unreadable", subject="StackSetName")
        )
    if len({replace(each, kind="") for each in places}) > 1:
        raise UncertainRolloutError(name, RolloutUnknown(why="several-groups"))
    if place.call_as not in STACK_SETS_CALL_AS:
        raise UncertainRolloutError(name, RolloutUnknown(why="self-managed"))
    if not is_account_filter(place.filter):
        raise UncertainRolloutError(name, RolloutUnknown(why="unknown-filter", detail=place.filter))
    if not place.units:
        raise UncertainRolloutError(name, RolloutUnknown(why="no-units"))
    return ExpectedRollout(
        stack_set=name,
        call_as="delegated-admin" if place.call_as == "delegated-admin" else "management",
        # Those of a parameter are those that the StackSet targets.
        units=place.known_units,
        filter=place.filter,
        filtered=place.accounts,
        region=place.region,
    )


_ORDER: Final = get_args(AccountState)
"""The order of the states: first those that need attention."""


@dataclass(frozen=True, kw_only=True)
class StackSet:
    """A StackSet, as it is deployed."""

    units: tuple[str, ...]
    region: str
    instances: tuple[AccountStatus, ...] = ()


def unknown_status(
    expected: ExpectedRollout, region: str, *unknown: RolloutUnknown
) -> RolloutStatus:
    """Return the status of a rollout that cannot be read."""
    return RolloutStatus(**{**vars(expected), "region": region}, state="unknown", unknown=unknown)


def assess_rollout(
    expected: ExpectedRollout,
    stack_set: StackSet,
    *,
    accounts: Iterable[Account],
    management_account: str,
) -> RolloutStatus:
    """Compare a StackSet and its instances with what they should be."""
    members = {account.id: account for account in accounts if account.id != management_account}
    units = expected.units or stack_set.units
    # A suspended account does not get the role, but may keep it.
    wanted = {
        account.id
        for account in targeted(
            [replace(account, suspended=False) for account in members.values()],
            units=units,
            management_account=management_account,
            account_filter=expected.filter,
            filtered=expected.filtered,
        )
    }
    below = {id_: account for id_, account in members.items() if {*account.units} & {*units}}
    with_instance = {instance.account for instance in stack_set.instances}
    statuses = [
        *(
            _describe(
                instance, below.get(instance.account), _judge_instance(instance, below, wanted)
            )
            for instance in stack_set.instances
        ),
        *(
            _describe(
                AccountStatus(account=id_, state="missing"),
                account,
                "suspended" if account.suspended else "missing" if id_ in wanted else "excluded",
            )
            for id_, account in below.items()
            if id_ not in with_instance
        ),
        *(
            AccountStatus(account=id_, state="not-found")
            for id_ in {*expected.filtered} - below.keys() - {management_account}
        ),
    ]
    statuses.sort(key=lambda status: (_ORDER.index(status.state), status.account, status.region))
    number = sum(not members[id_].suspended for id_ in wanted)
    fine = (
        number > 0
        and {*units} == {*stack_set.units}
        and all(status.state in FINE for status in statuses)
    )
    return replace(
        unknown_status(expected, stack_set.region),
        state="complete" if fine else "incomplete",
        units=units,
        deployed_units=stack_set.units,
        management_account=management_account,
        targeted=number,
        accounts=tuple(statuses),
    )


def _judge_instance(
    instance: AccountStatus, below: Mapping[str, Account], wanted: Collection[str]
) -> AccountState:
    if instance.account not in wanted:
        return "not-targeted"
    if below[instance.account].suspended:
        return "suspended"
    succeeded = instance.detailed_status in {"", "SUCCEEDED"}
    return "current" if instance.status == "CURRENT" and succeeded else "not-current"


def _describe(status: AccountStatus, account: Account | None, state: AccountState) -> AccountStatus:
    if account is None:
        return replace(status, state=state)
    return replace(status, name=account.name, unit="/".join(account.units), state=state)


_NOT_FOUND: Final = "StackSetNotFoundException"
_Advance = Callable[[int], object]


def read_statuses(
    cloudformation: "CloudFormationClient",
    organizations: "OrganizationsClient",
    rollouts: Sequence[ExpectedRollout],
    *,
    advance: _Advance = lambda _: None,
) -> Statuses:
    """Compare rollouts with the accounts below their units. One failure hides no other rollout."""
    read = {rollout: _read_stack_set(cloudformation, rollout, advance) for rollout in rollouts}
    units = {
        unit: None
        for rollout, stack_set in read.items()
        if isinstance(stack_set, StackSet)
        for unit in (*rollout.units, *stack_set.units)
    }
    organization = _read_accounts(organizations, units, advance)
    statuses = []
    for rollout, stack_set in read.items():
        if isinstance(stack_set, RolloutUnknown):
            status = unknown_status(rollout, cloudformation.meta.region_name, stack_set)
        elif isinstance(organization, RolloutUnknown):
            status = unknown_status(rollout, stack_set.region, organization)
        else:
            management_account, accounts = organization
            status = assess_rollout(
                rollout, stack_set, accounts=accounts, management_account=management_account
            )
        statuses.append(status)
    return Statuses(rollouts=tuple(statuses))


def _read_accounts(
    organizations: "OrganizationsClient", units: Collection[str], advance: _Advance
) -> tuple[str, list[Account]] | RolloutUnknown:
    if not units:
        # No rollout can be read, so there is nothing to compare the accounts with.
        return "", []
    try:
        management_account = describe_organization(organizations).management_account
        return management_account, accounts_below(organizations, units, advance=advance)
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from AWS.
        detail = explain_error(error, organizations)
        return RolloutUnknown(why="organization-not-read", detail=detail)


def _read_stack_set(
    cloudformation: "CloudFormationClient", rollout: ExpectedRollout, advance: _Advance
) -> StackSet | RolloutUnknown:
    region = cloudformation.meta.region_name
    try:
        described: Any = cloudformation.describe_stack_set(
            StackSetName=rollout.stack_set, CallAs=rollout.caller
        )["StackSet"]
        # A self-managed StackSet has no units.
        name = "OrganizationalUnitIds"
        units = list_in(described, name) if name in described else []
        if not units and not rollout.units:
            return RolloutUnknown(why="no-units")
        return StackSet(
            units=tuple(checked_id(unit, ORGANIZATIONAL_UNIT) for unit in units),
            region=region,
            instances=tuple(_read_instances(cloudformation, rollout, advance)),
        )
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from AWS.
        if error_code(error) != _NOT_FOUND:
            return RolloutUnknown(why="not-read", detail=explain_error(error, cloudformation))
        managed = rollout.call_as == "management"
        return RolloutUnknown(
            why="no-stack-set" if managed else "no-stack-set-as-administrator",
            subject=rollout.stack_set,
            detail=region,
        )


def _read_instances(
    cloudformation: "CloudFormationClient", rollout: ExpectedRollout, advance: _Advance
) -> Iterator[AccountStatus]:
    asked = {"StackSetName": rollout.stack_set, "CallAs": rollout.caller}
    for summary in all_in(cloudformation, "list_stack_instances", "Summaries", **asked):
        yield AccountStatus(
            state="not-current",
            account=checked_id(summary["Account"], ACCOUNT),
            region=text_in(summary, "Region"),
            status=text_in(summary, "Status"),
            detailed_status=str(summary.get("StackInstanceStatus", {}).get("DetailedStatus") or ""),
            reason=str(summary.get("StatusReason") or ""),
        )
        advance(1)
