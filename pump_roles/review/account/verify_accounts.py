"""Verifies accounts: how their roles differ from the expected ones, and what else gives access."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Final

from pump_roles.compare import compare
from pump_roles.compare.difference import Difference, Rule
from pump_roles.guardrails import APPROVAL_END
from pump_roles.review.account.account_details import (
    AccountDetails,
    policy_for_reading,
    read_account,
    read_own_account,
    read_schedule,
    region_of_schedule,
)
from pump_roles.review.account.aws_sdk import (
    CallerClients,
    error_code,
    in_threads,
    is_denial,
    reason_of,
)
from pump_roles.review.account.expectation import Expectation
from pump_roles.review.account.organization import (
    Account,
    Organization,
    read_organization,
)
from pump_roles.review.account.organization_policies import (
    PoliciesRead,
    policy_names,
    read_policies,
    stopped,
    verify_policies,
)
from pump_roles.review.account.other_roles import (
    AccessibleRole,
    roles_for_management,
    roles_that_admit_pump,
)
from pump_roles.review.account.verification import (
    AccountResult,
    Approval,
    OtherRole,
    RoleResult,
    Verification,
)
from pump_roles.role.assembly import Deployment
from pump_roles.role.guardrail_policies import opened_by_tag
from pump_roles.role.iam_role import Role, revoked_before
from pump_roles.role.unknowns import RolePart, RoleUnknown, RoleWhy, Unknown

_SESSION_NAME: Final = "pump-roles-verify"
"""The session name under which the calls appear in each account's CloudTrail."""


def verify_files(accounts: Iterable[AccountDetails], expectation: Expectation) -> Verification:
    """Verify accounts that were read from files."""
    return _verification(expectation, [verify_account(expectation, read) for read in accounts])


def verify_own_account(clients: CallerClients, expectation: Expectation) -> Verification:
    """Verify the caller's account."""
    organizations = clients.organizations()
    details = read_own_account(clients, expectation.names_to_read)
    details = replace(details, organization=read_organization(organizations))
    if expectation.approval_ends:
        details = replace(details, schedule=read_schedule(details, clients.scheduler))
    if details.organization == Organization():
        return verify_files([details], expectation)
    policies = read_policies(organizations, policy_names(expectation.policies))
    result = verify_account(expectation, details, policies)
    if not details.is_management:
        # Only the management account, and a delegated administrator, may read them.
        readable = (each for each in expectation.policies if each.type not in policies.unlisted)
        expectation = replace(expectation, policies=tuple(readable))
    return _with_policies(clients, expectation, [result], policies)


def verify_organization(
    clients: CallerClients,
    expectation: Expectation,
    accounts: Sequence[Account],
    *,
    role_to_assume: str,
    on_result: Callable[[AccountResult], object] | None = None,
) -> Verification:
    """Verify accounts of an organization, several at once. One failure does not stop the others."""
    organizations = clients.organizations()
    organization = read_organization(organizations)
    policies = read_policies(organizations, policy_names(expectation.policies))

    def verify(account: Account) -> AccountResult:
        details = AccountDetails(
            account=account.id,
            name=account.name,
            units=account.units,
            organization=organization,
            unknown=account.unknown,
        )
        if not account.unknown:
            return _verify_member(clients, expectation, details, role_to_assume, policies)
        return verify_account(expectation, replace(details, organization=None))

    results = in_threads(accounts, verify, on_result=on_result)
    return _with_policies(clients, expectation, results, policies)


def _with_policies(
    clients: CallerClients,
    expectation: Expectation,
    results: Sequence[AccountResult],
    policies: PoliciesRead,
) -> Verification:
    verified = verify_policies(
        expectation.compared_policies,
        policies,
        account=clients.account,
        partition=clients.partition,
    )
    said = {reason for policy in verified for reason in policy.unknown}
    notes = tuple(dict.fromkeys(each for each in policies.unlisted.values() if each not in said))
    mask = expectation.mask()
    return replace(
        _verification(expectation, results),
        policies=None if notes and not verified else mask.masked(verified),
        notes=mask.masked(notes),
    )


def _verify_member(
    clients: CallerClients,
    expectation: Expectation,
    details: AccountDetails,
    role_to_assume: str,
    policies: PoliciesRead,
) -> AccountResult:
    account, partition = details.account, clients.partition
    try:
        member = (
            clients
            if account == clients.account
            else clients.assume(
                f"arn:{partition}:iam::{account}:role/{role_to_assume}",
                session_name=_SESSION_NAME,
                policy=policy_for_reading(expectation.names, partition=partition),
            )
        )
        iam = member.iam()
    except Exception as error:  # noqa: BLE001
        is_denied, detail = is_denial(error_code(error)), reason_of(error, clients.caller)
        unread = details.unread(
            "assume-denied" if is_denied else "not-assumed", role_to_assume, detail
        )
        return verify_account(expectation, unread)
    with closing(iam):
        try:
            read = read_account(
                iam, expectation.names_to_read, account=account, partition=partition
            )
            read = replace(
                read, name=details.name, units=details.units, organization=details.organization
            )
            if expectation.approval_ends:
                read = replace(read, schedule=read_schedule(read, member.scheduler))
            return verify_account(expectation, read, policies)
        except Exception as error:  # noqa: BLE001
            # A response that is not from AWS can raise anything. It must not hide the others.
            unread = details.unread("not-read", detail=reason_of(error, iam))
            return verify_account(expectation, unread)


def _verification(expectation: Expectation, results: Sequence[AccountResult]) -> Verification:
    verified = {result.account for result in results}
    # A role that was deployed there may still exist.
    not_selected = [
        verify_account(expectation, AccountDetails(account=account).unread("not-selected"))
        for account in (expectation.accounts - verified if expectation.removed else ())
    ]
    return Verification(
        expected=expectation.mask().masked(expectation.description),
        expected_roles=expectation.mask().masked(expectation.reviewed),
        expected_sha256=expectation.read_sha256,
        removed=expectation.removed,
        accounts=tuple(sorted((*results, *not_selected), key=lambda result: result.account)),
    )


def verify_account(
    expectation: Expectation,
    details: AccountDetails,
    policies: PoliciesRead | None = None,
) -> AccountResult:
    """Return how an account's roles, and its organization, differ from what is expected.

    :param policies: those of its organization; ``None`` if nothing read them.
    """
    result = AccountResult(account=details.account, name=details.name, unknown=details.unknown)
    try:
        if all(unknown.part != "account" for unknown in details.unknown):
            roles = expectation.in_account(details.account, details.partition)
            others = _find_others(expectation, details)
            # What is already listed, or compared, is not listed again.
            names = (*(other.role.name.text for other in others), *expectation.names)
            for_management = roles_for_management(details, {*map(str.casefold, names)})
            result = replace(
                result,
                roles=tuple(
                    _with_stops(_verify_role(variants, expectation, details), details, policies)
                    for variants in roles
                ),
                others=tuple(_other_roles(others, details, policies)),
                for_management=tuple(_other_roles(for_management, details)),
            )
        result = _with_organization(result, expectation.management_account, details)
        return _masked(result, expectation, details)
    except RecursionError:
        # What is nested too deeply cannot be masked, either.
        return verify_account(expectation, details.unread("too-deep"), policies)


_NOT_BY_ITSELF: Final = {
    *("trusts-role", "names-role"),
    *("administrator", "named-for-management", "names-management", "trusts-management"),
}
"""Why Pump can assume another role only in a session of one of its own, or not at all."""


def _with_stops(
    result: RoleResult, details: AccountDetails, policies: PoliciesRead | None
) -> RoleResult:
    name = result.arn.rpartition("/")[2]
    role = details.role(name)
    if role is None:
        return replace(result, stop="not-known" if name.casefold() in details.missing else None)
    stop = stopped(role, policies, details)
    return replace(
        result,
        differences=(*stop.differences, *result.differences),
        unknown=(*result.unknown, *stop.unknown),
        stop=stop.state,
        stopped_by=stop.by,
        revoked_before=max(map(revoked_before, role.policies), default=""),
    )


def _with_organization(
    result: AccountResult, expected: str, details: AccountDetails
) -> AccountResult:
    organization = details.known_organization
    if organization is None:
        unknown = (details.organization,) if isinstance(details.organization, Unknown) else ()
        if not expected:
            return replace(result, notes=unknown)
        return replace(result, unknown=(*result.unknown, *unknown))
    actual = organization.management_account
    difference = Difference(
        rule="organization",
        # Without an organization, no management account acts here, but no policy limits the roles.
        effect="broader" if actual else "unclear",
        part="membership",
        was=(expected,),
        now=(actual,) if actual else (),
    )
    return replace(
        result,
        organization=organization,
        differences=(difference,) if expected not in ("", actual) else (),
    )


def _masked(
    result: AccountResult, expectation: Expectation, details: AccountDetails
) -> AccountResult:
    mask = expectation.mask(details.external_ids)
    masked = mask.masked(result)
    # Account IDs are shown, even if they are also external IDs.
    place = f"arn:{details.partition}:iam::{details.account}:"
    names = (role.arn.removeprefix(place) for role in result.roles)
    roles = (
        replace(role, arn=place + mask.masked(name))
        for role, name in zip(masked.roles, names, strict=True)
    )
    organization = masked.organization and replace(
        masked.organization, management_account=details.management_account
    )
    return replace(
        masked,
        account=details.account,
        organization=organization,
        differences=result.differences,
        roles=tuple(roles),
    )


def _verify_role(
    variants: Sequence[Role], expectation: Expectation, details: AccountDetails
) -> RoleResult:
    expected = variants[0]
    name = expected.name.text
    actual = details.role(name)
    described = details.described.get(actual.name.text) if actual else None
    result = RoleResult(
        kind=expected.kind,
        # Of a role that does not exist, what is expected.
        arn=details.arn(actual or expected),
        last_used=described.last_used if described else "",
    )
    if reason := details.missing.get(name.casefold()):
        return replace(result, unknown=(reason,))
    places = [place for place in expectation.places if place.kind == expected.kind]
    belongs = details.is_in(places)
    if expectation.removed or belongs is False:
        rule: Rule = "role-present" if expectation.removed else "role-misplaced"
        if actual is not None:
            # Any role with its name counts, whatever else differs.
            stack = (described.stack,) if described and described.stack else ()
            present = Difference(rule=rule, effect="broader", now=stack)
            return replace(result, differences=(present,))
        # Only the list of all roles shows a name in another case. The account's result says why
        # that could not be read.
        if details.unknown:
            return replace(result, unknown=(RoleUnknown(part="role", why="existence"),))
        absent = RoleUnknown(part="role", why="absent" if expectation.removed else "only-elsewhere")
        is_open = expectation.removed and _count_open_ids(expected)
        open_ids = (RoleUnknown(part="role", why="open"),) if is_open else ()
        return replace(result, notes=(absent, *open_ids))
    if belongs is None:
        open_place = RoleUnknown(part="place", why=_why_open(places, details))
        if details.units is None and actual is not None:
            # Whoever verifies only this account expects the role that is in it.
            result = replace(result, notes=(open_place,))
        else:
            variants = [replace(role, unknown=(*role.unknown, open_place)) for role in variants]
    # With several variants, the expectation is not certain: each one's result is at best unknown.
    results = (_verify_variant(result, role, actual, expectation, details) for role in variants)
    return min(results, key=lambda each: len(each.differences))


def _why_open(places: Sequence[Deployment], details: AccountDetails) -> RoleWhy:
    if any(place.unreadable or place.filter == "UNION" for place in places):
        return "open"
    # If only one account is verified, its organizational units are not read.
    if details.units is None:
        return "open-rollout"
    return "open-units" if any(place.has_open_units for place in places) else "open-account"


def _verify_variant(
    result: RoleResult,
    expected: Role,
    actual: Role | None,
    expectation: Expectation,
    details: AccountDetails,
) -> RoleResult:
    if actual is None:
        # If it is not certain that the role should exist, it is not missing.
        missing = Difference(rule="role-missing", effect="narrower")
        unknown = expected.not_known
        return replace(result, unknown=unknown, differences=() if unknown else (missing,))
    differences = compare(expected, actual, account=details.account)
    unread = [*expected.not_known, *actual.not_known]
    notes: list[RoleUnknown] = []
    open_ids = _count_open_ids(expected)
    if open_ids and not any(difference.part == "trust-policy" for difference in differences):
        unread.append(RoleUnknown(part="trust-policy", why="open", subject=f"{open_ids}"))
    if expectation.approval_ends and any(opened_by_tag(expected.kind, expected.policies)):
        end = _verify_schedule(expectation.approval_ends, actual, details)
        ends = [*([end] if end else []), *_verify_approval_end_role(expectation, details)]
        differences += tuple(found for found in ends if isinstance(found, Difference))
        unread += [found for found in ends if isinstance(found, RoleUnknown)]
    boundary = expected.boundary
    has_same_boundary = boundary and actual.boundary and boundary.arn == actual.boundary.arn
    if not (boundary and has_same_boundary and boundary.policy is not None):
        # Only its ARN is compared.
        unread = [part for part in unread if part.part != "boundary" or not part.subject]
        if has_same_boundary:
            notes.append(RoleUnknown(part="boundary", why="open"))
    return replace(
        result,
        differences=differences,
        unknown=tuple(dict.fromkeys(unread)),
        notes=(*notes, *result.notes),
        approvals=tuple(_approvals(actual, expected.kind)),
    )


def _count_open_ids(role: Role) -> int:
    return sum(id_.state == "open" for id_ in role.trust.external_ids)


def _approvals(role: Role, kind: str) -> Iterator[Approval]:
    if role.is_unknown("tags"):
        return
    # IAM User Guide, "Tags for AWS Identity and Access Management resources": the case of a key
    # does not matter.
    tags = {key.lower(): value.text for key, value in role.tags.items()}
    for guardrail, opens in opened_by_tag(kind, role.policies):
        value = tags.get(guardrail.tag, "")
        is_open = value == opens
        yield Approval(guardrail=guardrail.name, tag=guardrail.tag, value=value, open=is_open)


def _other_roles(
    accessible: Iterable[AccessibleRole],
    details: AccountDetails,
    policies: PoliciesRead | None = None,
) -> Iterator[OtherRole]:
    for role, access in sorted(accessible, key=lambda each: each.role.name.text):
        other = OtherRole(arn=details.arn(role), principals=role.trust.principals, access=access)
        if {way.why for way in access} - _NOT_BY_ITSELF:
            stop = stopped(role, policies, details)
            other = replace(
                other,
                stop=stop.state,
                stopped_by=stop.by,
                differences=stop.differences,
                unknown=stop.unknown,
            )
        yield other


def _find_others(expectation: Expectation, details: AccountDetails) -> list[AccessibleRole]:
    pump_roles = [variant.role for variants in expectation.roles for variant in variants]
    in_account = filter(None, map(details.role, expectation.names))
    passed_ids = expectation.external_ids.union(*(role.trust.named_ids for role in in_account))
    return [*roles_that_admit_pump(details, pump_roles, passed_ids=passed_ids)]


_SCHEDULE: Final[RolePart] = "approval-end"


def _verify_schedule(
    expected: Collection[str], role: Role, details: AccountDetails
) -> Difference | RoleUnknown | None:
    """Return how the schedule differs for a role; ``None`` if it does not.

    :param expected: at which times of day an approval ends in the templates; empty for one of which
        that is not known.
    """
    end = details.schedule
    if isinstance(end, RoleUnknown):
        return end
    if len(expected) != 1 or "" in expected:
        return RoleUnknown(part=_SCHEDULE, why="open")
    was = tuple(expected)
    if end is None:
        # Until somebody closes it, an approval gives more access than expected.
        return Difference(rule="approval-end-missing", effect="broader", part=_SCHEDULE, was=was)
    if not end.time or end.role_name.casefold() != role.name.text.casefold():
        return Difference(rule="approval-end-changed", effect="broader", part=_SCHEDULE, was=was)
    if (end.time,) == was:
        return None
    now = (end.time,)
    return Difference(rule="approval-end-time", effect="unclear", part=_SCHEDULE, was=was, now=now)


_SCHEDULE_ROLE: Final[RolePart] = "approval-end-role"


def _verify_approval_end_role(
    expectation: Expectation, details: AccountDetails
) -> Iterator[Difference | RoleUnknown]:
    """Yield the parts in which the role that ends approvals differs, and what is not known.

    A role that does not exist yields nothing: :func:`_verify_schedule` reports that its schedule is
    missing.
    """
    if reason := details.missing.get(APPROVAL_END.casefold()):
        yield replace(reason, part=_SCHEDULE_ROLE)
        return
    role, described = details.role(APPROVAL_END), details.described.get(APPROVAL_END)
    if role is None or described is None:
        return
    expected = expectation.approval_end_roles_in(
        details.account, details.partition, region_of_schedule(described)
    )
    if len(expected) != 1:
        yield RoleUnknown(part=_SCHEDULE_ROLE, why="open")
        return
    differences = compare(*expected, role, account=details.account)
    # With less, it may not end an approval; with more, or for others, it can do something else.
    for part in dict.fromkeys(difference.part for difference in differences):
        yield Difference(
            rule="approval-end-role", effect="broader", part=_SCHEDULE_ROLE, subject=part
        )
    for unknown in (*expected[0].not_known, *role.not_known):
        # Which saved files may lack. It does not change what a schedule can do.
        if unknown.part != "session":
            yield replace(unknown, part=_SCHEDULE_ROLE)
