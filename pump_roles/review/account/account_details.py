"""The roles of an account, as ``verify`` compares and a report shows them.

Reads them with boto3, with read-only calls. ``saved_details`` reads them from files.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import msgspec

from pump_roles.guardrails import APPROVAL_END
from pump_roles.iam.external_ids import ExternalId
from pump_roles.iam.identity_policies import Policy, Value, known, parse_policy
from pump_roles.iam.trust import Trust, parse_trust
from pump_roles.inputs import as_mapping, as_text
from pump_roles.inputs.text import TOO_DEEP
from pump_roles.inputs.validators import ROLE_ARN
from pump_roles.review.account.aws_sdk import (
    CallerClients,
    all_in,
    error_code,
    in_utc,
    moment_of,
    reason_of,
)
from pump_roles.review.account.organization import (
    AccountUnknown,
    AccountWhy,
    Organization,
    is_deployed_to,
)
from pump_roles.role.access import DailyEnd, approval_end
from pump_roles.role.assembly import Deployment
from pump_roles.role.iam_role import Boundary, Role, kind_of
from pump_roles.role.unknowns import RolePart, RoleUnknown

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient


class Described(msgspec.Struct, kw_only=True, rename="pascal"):
    """What IAM describes, as boto3 returns it and as the AWS CLI writes it."""


class _Tag(Described):
    key: str
    value: str


class _LastUse(Described):
    last_used_date: Any = None


class _PermissionsBoundary(Described):
    permissions_boundary_arn: str


class AttachedPolicy(Described):
    """A managed policy that is attached to a role."""

    policy_name: str
    policy_arn: str

    def as_policy(self, document: Any) -> Policy:
        """Return it with its document; ``None`` if that is not known."""
        return read_policy(document, self.policy_name, self.policy_arn)


class DescribedRole(Described, kw_only=True):
    """A role. What lists roles leaves out its tags, boundary, session duration, and last use."""

    arn: Annotated[str, msgspec.Meta(pattern=ROLE_ARN.pattern)]
    role_name: str
    path: str
    assume_role_policy_document: Any
    tags: tuple[_Tag, ...] = ()
    permissions_boundary: _PermissionsBoundary | None = None
    max_session_duration: int | None = None
    role_last_used: _LastUse = msgspec.field(default_factory=_LastUse)

    @property
    def boundary_arn(self) -> str:
        """The ARN of its permissions boundary; empty if it has none."""
        boundary = self.permissions_boundary
        return boundary.permissions_boundary_arn if boundary else ""

    def as_role(self, policies: Sequence[Policy] = (), **more: Any) -> Role:
        """Return it as a role, with its policies, and what else was read or could not be."""
        return Role(
            kind=kind_of([self.role_name], policies) or "",
            name=known(self.role_name),
            path=known(self.path),
            trust=read_trust_policy(self.assume_role_policy_document),
            policies=tuple(policies),
            tags={tag.key: known(tag.value) for tag in self.tags},
            **more,
        ).without_other_tags()

    @property
    def stack(self) -> str:
        """The stack that created it; empty if none did."""
        # CloudFormation Template Reference, "Resource tags".
        stacks = (tag.value for tag in self.tags if tag.key == "aws:cloudformation:stack-name")
        return next(stacks, "")

    @property
    def last_used(self) -> str:
        """When it was last used, in UTC; empty if IAM shows no use."""
        when = moment_of(self.role_last_used.last_used_date)
        return in_utc(when) if when else ""


_NOT_IN_FILES: Final = RoleUnknown(part="approval-end", why="not-in-files")


@dataclass(frozen=True, kw_only=True)
class AccountDetails:
    """An account, and its roles, of which only some may have been read in full.

    If a role could not be read, ``missing`` says why, by its name in lower case. If the account is
    not read as part of its organization, ``units`` is ``None``. If no schedule ends approvals,
    ``schedule`` is ``None``.
    """

    account: str
    partition: str = ""
    name: str = ""
    units: tuple[str, ...] | None = None
    roles: tuple[Role, ...] = ()
    described: Mapping[str, DescribedRole] = field(default_factory=dict)
    missing: Mapping[str, RoleUnknown] = field(default_factory=dict)
    organization: Organization | AccountUnknown | None = None
    schedule: DailyEnd | RoleUnknown | None = _NOT_IN_FILES
    unknown: tuple[AccountUnknown, ...] = ()

    @property
    def known_organization(self) -> Organization | None:
        """Its organization, if that is known."""
        return self.organization if isinstance(self.organization, Organization) else None

    @property
    def management_account(self) -> str:
        """The management account of its organization; empty if there is none, or not known."""
        organization = self.known_organization
        return organization.management_account if organization else ""

    @property
    def is_management(self) -> bool:
        """Whether it is known to be the management account of its organization."""
        return self.management_account == self.account

    def is_in(self, places: Collection[Deployment]) -> bool | None:
        """Return whether one of the places is this account; ``None`` if that is not known."""
        return is_deployed_to(
            places, self.account, units=self.units, management_account=self.management_account
        )

    @property
    def external_ids(self) -> frozenset[ExternalId]:
        """The external IDs in it, which must not be shown."""
        return frozenset().union(*(role.named_ids for role in self.roles))

    def unread(self, why: AccountWhy, subject: str = "", detail: str = "") -> "AccountDetails":
        """Return it as an account that could not be read."""
        unknown = AccountUnknown(part="account", why=why, subject=subject, detail=detail)
        return replace(self, roles=(), unknown=(unknown, *self.unknown))

    def arn(self, role: Role) -> str:
        """Return the ARN of a role."""
        return f"arn:{self.partition}:iam::{self.account}:role{role.path.text}{role.name.text}"

    def role(self, name: str) -> Role | None:
        """Return a role by its name, ignoring case; ``None`` if it is not there, or not read."""
        wanted = name.casefold()
        return next((role for role in self.roles if role.name.text.casefold() == wanted), None)


def read_trust_policy(document: Any) -> Trust:
    """Return a trust policy. One that is nested too deeply to read may let anyone in."""
    try:
        return parse_trust(document)
    except RecursionError:
        return Trust(statements=(), not_read=(TOO_DEEP,))


def read_policy(document: Any, name: str, arn: str = "") -> Policy:
    """Return a policy. One that is nested too deeply to read may allow anything."""
    try:
        return parse_policy(document, name=name, arn=arn)
    except RecursionError:
        return Policy(name=name, arn=arn, not_read=(TOO_DEEP,))


def read_boundary(arn: str, document: Any) -> Boundary:
    """Return a permissions boundary; of one whose document is ``None``, only its ARN is known."""
    policy = None if document is None else read_policy(document, "boundary", arn)
    return Boundary(arn=known(arn), policy=policy)


_MISSING: Final = "NoSuchEntity"
_MOST_PER_PAGE: Final = 1_000

_PolicyDocument = dict[str, Any]

_T = TypeVar("_T")


def policy_for_reading(names: Iterable[str], *, partition: str = "aws") -> dict[str, Any]:
    """Return the least-privilege policy for :func:`read_account` in an account."""
    roles = f"arn:{partition}:iam::*:role/"
    # A role that was created again with another path must also be found.
    resources = [f"{roles}{path}{name}" for name in names for path in ("", "*/")]
    resources.append(f"{roles}{APPROVAL_END}")
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*"},
            {
                "Effect": "Allow",
                "Action": [
                    "iam:GetRole",
                    "iam:GetRolePolicy",
                    "iam:ListAttachedRolePolicies",
                    "iam:ListRolePolicies",
                ],
                "Resource": resources,
            },
            {
                "Effect": "Allow",
                "Action": ["iam:GetPolicy", "iam:GetPolicyVersion"],
                "Resource": f"arn:{partition}:iam::*:policy/*",
            },
            {
                "Effect": "Allow",
                "Action": "scheduler:GetSchedule",
                "Resource": f"arn:{partition}:scheduler:*:*:schedule/default/{APPROVAL_END}",
            },
        ],
    }


_ONLY_LISTED: Final = (
    RoleUnknown(part="boundary", why="not-read"),
    RoleUnknown(part="inline-policies", why="not-read"),
    RoleUnknown(part="managed-policies", why="not-read"),
)
"""What is not known about a role of which only the trust policy is read."""


def read_account(
    iam: "IAMClient", names: Collection[str], *, account: str, partition: str
) -> AccountDetails:
    """Read some roles of an account, and the trust policies of all others."""
    listed: dict[str, DescribedRole] | None = None
    unknown: tuple[AccountUnknown, ...] = ()
    try:
        size = {"PageSize": _MOST_PER_PAGE}
        listing = all_in(iam, "list_roles", "Roles", PaginationConfig=size)
        roles_in_list = (msgspec.convert(role, DescribedRole) for role in listing)
        listed = {role.role_name.casefold(): role for role in roles_in_list}
    except Exception as error:  # noqa: BLE001
        detail = reason_of(error, iam)
        unknown = (AccountUnknown(part="other-roles", why="not-read", detail=detail),)
    described = {**(listed or {})}
    roles = {name: role.as_role(unknown=_ONLY_LISTED) for name, role in described.items()}
    missing: dict[str, RoleUnknown] = {}
    for name in names:
        key = name.casefold()
        if listed is not None and key not in listed:
            continue
        reader = _RoleReader(iam, name, described.get(key))
        if (read := reader.read()) is not None:
            roles[key], described[key] = read
        # If roles could not be listed, IAM says here that it does not exist.
        elif reader.unknown[0].why != "changed":
            missing[key] = reader.unknown[0]
    return AccountDetails(
        account=account,
        partition=partition,
        roles=tuple(roles.values()),
        described={role.role_name: role for role in described.values()},
        missing=missing,
        unknown=unknown,
    )


class _RoleReader:
    """Reads a role. What cannot be read must not hide the rest."""

    def __init__(self, iam: "IAMClient", name: str, listed: DescribedRole | None) -> None:
        self._iam = iam
        self._listed = listed
        # As it is listed, its name may be in another case.
        self._name = listed.role_name if listed else name
        self.unknown: list[RoleUnknown] = []

    def read(self) -> tuple[Role, DescribedRole] | None:
        call = partial(self._iam.get_role, RoleName=self._name)
        described = self._try("role", DescribedRole, lambda: call()["Role"])
        role = described or self._listed
        if role is None:
            return None
        boundary = None
        session: int | Value = role.max_session_duration or Value("not-read", why="not-read")
        if described is None:
            # What the list of roles leaves out is not known, either.
            (reason,) = self.unknown
            self.unknown = [replace(reason, part="tags")]
            session = Value("not-read", reason.detail, "not-read")
            boundary = Boundary(arn=session)
        elif arn := role.boundary_arn:
            boundary = read_boundary(arn, self._managed("boundary", arn))
        policies = [*self._inline(), *self._attached()]
        unknown = tuple(self.unknown)
        read = role.as_role(policies, boundary=boundary, session=session, unknown=unknown)
        return read, role

    def _try(
        self, part: RolePart, type_: type[_T], call: Callable[[], Any], subject: str = ""
    ) -> _T | None:
        try:
            return msgspec.convert(call(), type_)
        except Exception as error:  # noqa: BLE001
            # botocore can raise anything if the response is not from AWS.
            unknown = RoleUnknown(part=part, why="changed", subject=subject)
            # If it does not exist, it did when it was listed.
            if error_code(error) != _MISSING:
                unknown = replace(unknown, why="not-read", detail=reason_of(error, self._iam))
            self.unknown.append(unknown)
            return None

    def _inline(self) -> Iterator[Policy]:
        def read(name: str) -> Any:
            return self._iam.get_role_policy(RoleName=self._name, PolicyName=name)["PolicyDocument"]

        part: RolePart = "inline-policies"
        listed = all_in(self._iam, "list_role_policies", "PolicyNames", RoleName=self._name)
        for name in self._try(part, list[str], lambda: [*listed]) or ():
            document = self._try(part, _PolicyDocument, partial(read, name), name)
            yield read_policy(document, name)

    def _attached(self) -> Iterator[Policy]:
        part: RolePart = "managed-policies"
        call = "list_attached_role_policies"
        listed = all_in(self._iam, call, "AttachedPolicies", RoleName=self._name)
        for policy in self._try(part, list[AttachedPolicy], lambda: [*listed]) or ():
            yield policy.as_policy(self._managed(part, policy.policy_arn))

    def _managed(self, part: RolePart, arn: str) -> Any:
        def read() -> Any:
            version = self._iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            default = self._iam.get_policy_version(PolicyArn=arn, VersionId=version)
            return default["PolicyVersion"]["Document"]

        return self._try(part, _PolicyDocument, read, arn)


_PART: Final[RolePart] = "approval-end"
_REGION: Final = re.compile(r'"arn:[a-z-]+:scheduler:([a-z0-9-]+):[0-9]{12}:schedule-group/')
_READ: Final = {"FlexibleTimeWindow", "ScheduleExpression", "State", "Target"}
"""What AWS always says about a schedule."""


def region_of_schedule(role: DescribedRole) -> str:
    """Return the Region of the schedule that acts with a role; empty if its trust names none."""
    region = _REGION.search(as_text(role.assume_role_policy_document))
    return region[1] if region else ""


def read_schedule(
    details: AccountDetails, client_in: Callable[[str], Any]
) -> DailyEnd | RoleUnknown | None:
    """Return what the schedule does that ends approvals; ``None`` if there is none.

    Only the trust policy of its role says in which Region it is. If the schedule may do anything
    else, it ends no approval.

    :param client_in: returns a client of EventBridge Scheduler in a Region.
    """
    role = details.described.get(APPROVAL_END)
    if role is None:
        return RoleUnknown(part=_PART, why="not-read") if details.unknown else None
    region = region_of_schedule(role)
    if not region:
        return RoleUnknown(part=_PART, why="unreadable")
    client = client_in(region)
    try:
        schedule = {**client.get_schedule(Name=APPROVAL_END)}
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from AWS.
        if error_code(error) == "ResourceNotFoundException":
            return None
        return RoleUnknown(part=_PART, why="not-read", detail=reason_of(error, client))
    if not schedule.keys() >= _READ:
        return RoleUnknown(part=_PART, why="not-read")
    own = f"{role.arn.partition(':role/')[0]}:role/{APPROVAL_END}"
    acts_as_it = as_mapping(schedule["Target"]).get("RoleArn") == own
    return (approval_end(schedule) if acts_as_it else None) or DailyEnd("", "")


def read_own_account(aws: CallerClients, names: Collection[str]) -> AccountDetails:
    """Read the caller's account."""
    return read_account(aws.iam(), names, account=aws.account, partition=aws.partition)
