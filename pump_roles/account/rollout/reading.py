"""Rollouts read from AWS: their StackSets, their own stacks, and the organization's accounts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pump_roles.account.errors import error_code, explained, organizations_remedy
from pump_roles.account.organization import accounts_below
from pump_roles.account.response import checked_id, id_in, list_in, text_in
from pump_roles.account.rollout.compare import Instance, StackSet, compare
from pump_roles.account.rollout.expected import ExpectedRollout, rollouts_in
from pump_roles.account.rollout.model import RolloutStatus, StatusError, Statuses
from pump_roles.account.rollout.roles import roles_in
from pump_roles.account.rollout.template_body import deployed_by_stack_set, deployed_by_template
from pump_roles.templates import InputError
from pump_roles.validators import ACCOUNT, ORGANIZATIONAL_UNIT

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_organizations import OrganizationsClient

__all__ = ["NOT_FOUND", "problem_of", "read"]

NOT_FOUND: Final = "StackSetNotFoundException"
"""The error code for a StackSet that does not exist."""

_Found = Callable[[int], object]


@dataclass(frozen=True, kw_only=True)
class _Read:
    # If the rollout could not be read, there is only the reason.
    expected: ExpectedRollout
    stack_set: StackSet | None = None
    reason: str = ""


def read(
    cloudformation: "CloudFormationClient",
    organizations: "OrganizationsClient",
    rollouts: Sequence[ExpectedRollout],
    *,
    unknown: Mapping[str, str] | None = None,
    found: _Found | None = None,
    profile: str | None = None,
) -> Statuses:
    """Read rollouts and the accounts below their units, and compare them.

    If one rollout cannot be read, its status is unknown; the others are still read.

    :param cloudformation: a client of the account and Region of the StackSets.
    :param organizations: a client of the same account.
    :param rollouts: the rollouts.
    :param unknown: why the status of a rollout is already unknown, by StackSet name. By default,
        all are read.
    :param found: called with the number of instances or accounts each time more were read.
    :param profile: the profile to pass in the commands. By default, they pass none.
    :raises StatusError: if none of the rollouts can be read, or the organization cannot.
    """
    reasons = unknown or {}
    results = [
        _Read(expected=expected, reason=reasons[expected.stack_set])
        if expected.stack_set in reasons
        else _rollout(cloudformation, expected, found)
        for expected in rollouts
    ]
    if not any(result.stack_set for result in results):
        raise StatusError(
            "; ".join(f"{result.expected.stack_set}: {result.reason}" for result in results)
        )
    units = {
        unit: None
        for result in results
        if result.stack_set is not None
        for unit in (*result.expected.units, *result.stack_set.units)
    }
    try:
        organization = organizations.describe_organization()["Organization"]
        management = id_in(organization, "MasterAccountId", ACCOUNT)
        accounts = accounts_below(organizations, units, found=found)
    except Exception as error:
        # botocore can raise anything if the response is not from AWS.
        problem = "; ".join(filter(None, (explained(error), organizations_remedy(error))))
        raise StatusError(f"the organization's accounts: {problem}") from error
    return Statuses(
        rollouts=tuple(
            _unknown(result, cloudformation.meta.region_name)
            if result.stack_set is None
            else compare(
                result.expected,
                result.stack_set,
                accounts=accounts,
                management_account=management,
                profile=profile,
            )
            for result in results
        )
    )


def problem_of(error: Exception, expected: ExpectedRollout, region: str) -> str:
    """Return why a StackSet cannot be read, and what to do about it.

    :param error: what was raised.
    :param expected: the rollout.
    :param region: the Region that was called.
    """
    if isinstance(error, StatusError):
        return str(error)
    if error_code(error) != NOT_FOUND:
        return explained(error)
    remedy = (
        "--call-as delegated-admin in a delegated administrator's account"
        if expected.call_as == "management"
        else "--call-as management in the management account"
    )
    return (
        f"this account has no StackSet {expected.stack_set} in {region}; pass the rollout's "
        f"--region, or {remedy}"
    )


def _unknown(result: _Read, region: str) -> RolloutStatus:
    return RolloutStatus(
        stack_set=result.expected.stack_set,
        state="unknown",
        reason=result.reason,
        roles=result.expected.roles,
        region=region,
        call_as=result.expected.call_as,
        units=result.expected.units,
        filter=result.expected.filter,
        filtered=result.expected.filtered,
        source=result.expected.filter_source or result.expected.source,
    )


def _rollout(
    cloudformation: "CloudFormationClient", expected: ExpectedRollout, found: _Found | None
) -> _Read:
    try:
        stack_set = _stack_set(cloudformation, expected)
        if expected.account_filter is None:
            expected = _from_stack(cloudformation, expected, stack_set.id)
        instances = tuple(_instances(cloudformation, expected, found))
    except Exception as error:  # noqa: BLE001
        # botocore can raise anything if the response is not from AWS.
        reason = problem_of(error, expected, cloudformation.meta.region_name)
        return _Read(expected=expected, reason=reason)
    return _Read(expected=expected, stack_set=replace(stack_set, instances=instances))


def _stack_set(cloudformation: "CloudFormationClient", expected: ExpectedRollout) -> StackSet:
    region = cloudformation.meta.region_name
    described: Any = cloudformation.describe_stack_set(
        StackSetName=expected.stack_set, CallAs=expected.caller
    )["StackSet"]
    regions = [*map(str, described.get("Regions", []))]
    # A self-managed StackSet has no units.
    name = "OrganizationalUnitIds"
    units = list_in(described, name) if name in described else []
    if not units and not expected.units:
        raise StatusError("the StackSet has no organizational units")
    try:
        body, parameters = described["TemplateBody"], described.get("Parameters", [])
        deployed = deployed_by_stack_set(body, parameters, expected.stack_set)
    except InputError as error:
        raise StatusError(f"the role that it deploys cannot be read: {error}") from None
    return StackSet(
        id=text_in(described, "StackSetId"),
        units=tuple(checked_id(unit, ORGANIZATIONAL_UNIT) for unit in units),
        region=region,
        instance_region=regions[0] if len(regions) == 1 else region,
        deployed_roles=roles_in(deployed),
    )


def _instances(
    cloudformation: "CloudFormationClient", expected: ExpectedRollout, found: _Found | None
) -> Iterator[Instance]:
    pages = cloudformation.get_paginator("list_stack_instances")
    for page in pages.paginate(StackSetName=expected.stack_set, CallAs=expected.caller):
        summaries = list_in(page, "Summaries")
        for summary in summaries:
            yield Instance(
                account=id_in(summary, "Account", ACCOUNT),
                region=text_in(summary, "Region"),
                status=text_in(summary, "Status"),
                detailed_status=str(
                    summary.get("StackInstanceStatus", {}).get("DetailedStatus") or ""
                ),
                reason=str(summary.get("StatusReason") or ""),
            )
        if found is not None:
            found(len(summaries))


def _from_stack(
    cloudformation: "CloudFormationClient", expected: ExpectedRollout, stack_set_id: str
) -> ExpectedRollout:
    try:
        stack, body = _stack_of(cloudformation, stack_set_id)
        source = f"the stack {stack}"
        rollouts = rollouts_in(deployed_by_template(body, stack), source)
    except (InputError, StatusError) as error:
        raise StatusError(_no_filter(str(error))) from None
    except Exception as error:
        # botocore can raise anything if the response is not from AWS.
        raise StatusError(_no_filter(explained(error))) from error
    by_name = {rollout.stack_set: rollout for rollout in rollouts}
    if expected.stack_set not in by_name:
        raise StatusError(_no_filter(f"{source} contains only {', '.join(by_name)}"))
    # Call as the caller asked to, whatever the template says.
    return replace(by_name[expected.stack_set], call_as=expected.call_as)


def _no_filter(problem: str) -> str:
    return (
        f"its account filter cannot be read: {problem}; pass --expect, --exclude-accounts, "
        "--only-accounts, or --no-filter"
    )


def _stack_of(cloudformation: "CloudFormationClient", stack_set_id: str) -> tuple[str, object]:
    # The StackSet's ID is the resource's physical ID: the primary identifier in the schema of
    # AWS::CloudFormation::StackSet.
    described: Any = cloudformation.describe_stack_resources(PhysicalResourceId=stack_set_id)
    for resource in list_in(described, "StackResources"):
        if resource.get("PhysicalResourceId") == stack_set_id:
            stack_id = text_in(resource, "StackId")
            return (
                text_in(resource, "StackName"),
                cloudformation.get_template(StackName=stack_id)["TemplateBody"],
            )
    raise StatusError("no stack in this account and Region contains the StackSet")
