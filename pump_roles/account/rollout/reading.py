"""Rollouts read from AWS: their StackSets, their own stacks, and the organization's accounts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pump_roles.account.errors import cure_of_caller, error_code, explained
from pump_roles.account.organization import accounts_below
from pump_roles.account.response import checked_id, id_in, list_in, text_in
from pump_roles.account.rollout.judge import Instance, StackSet, judge
from pump_roles.account.rollout.model import RolloutStatus, StatusError, Statuses
from pump_roles.account.rollout.roles import ways_in
from pump_roles.account.rollout.targets import Targets, targets_in
from pump_roles.account.rollout.text import stack_set_deploys, template_deploys
from pump_roles.templates import InputError
from pump_roles.validators import ACCOUNTS, ORGANIZATIONAL_UNITS

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_organizations import OrganizationsClient

__all__ = ["NOT_FOUND", "problem_of", "read"]

NOT_FOUND: Final = "StackSetNotFoundException"
"""The code of the error that there is no such StackSet."""

_Found = Callable[[int], object]


@dataclass(frozen=True, kw_only=True)
class _Read:
    # Only the reason is known of a rollout that could not be read.
    targets: Targets
    stack_set: StackSet | None = None
    reason: str = ""


def read(
    cloudformation: "CloudFormationClient",
    organizations: "OrganizationsClient",
    rollouts: Sequence[Targets],
    *,
    unknown: Mapping[str, str] | None = None,
    found: _Found | None = None,
    profile: str | None = None,
) -> Statuses:
    """Read rollouts and the accounts below their units, and compare them.

    A rollout that cannot be read is unknown, and does not hide the others.

    :param cloudformation: a client of the account and the region that the StackSets are in.
    :param organizations: a client of the same account.
    :param rollouts: the rollouts.
    :param unknown: why the status of some is unknown already, by their StackSets' names. By default
        none is.
    :param found: called with a number each time that many instances or accounts were read.
    :param profile: the profile of the AWS configuration for the commands; by default none.
    :raises StatusError: if no rollout can be read, or the organization cannot be.
    """
    reasons = unknown or {}
    read_ones = [
        _Read(targets=targets, reason=reasons[targets.stack_set])
        if targets.stack_set in reasons
        else _rollout(cloudformation, targets, found)
        for targets in rollouts
    ]
    if not any(one.stack_set for one in read_ones):
        raise StatusError("; ".join(f"{one.targets.stack_set}: {one.reason}" for one in read_ones))
    units = {
        unit: None
        for one in read_ones
        if one.stack_set is not None
        for unit in (*one.targets.units, *one.stack_set.units)
    }
    try:
        organization = organizations.describe_organization()["Organization"]
        management = id_in(organization, "MasterAccountId", ACCOUNTS)
        accounts = accounts_below(organizations, units, found=found)
    except Exception as error:
        # If the answer is not from AWS, botocore can raise anything.
        told = "; ".join(filter(None, (explained(error), cure_of_caller(error))))
        raise StatusError(f"the organization's accounts: {told}") from error
    return Statuses(
        rollouts=tuple(
            _unknown(one, cloudformation.meta.region_name)
            if one.stack_set is None
            else judge(
                one.targets,
                one.stack_set,
                accounts=accounts,
                management_account=management,
                profile=profile,
            )
            for one in read_ones
        )
    )


def problem_of(error: Exception, targets: Targets, region: str) -> str:
    """Return why a StackSet cannot be read, and what to do about it.

    :param error: what was raised.
    :param targets: the rollout.
    :param region: the region that was called.
    """
    if isinstance(error, StatusError):
        return str(error)
    if error_code(error) != NOT_FOUND:
        return explained(error)
    cure = (
        "--call-as delegated-admin in a delegated administrator's account"
        if targets.call_as == "management"
        else "--call-as management in the management account"
    )
    return (
        f"no StackSet {targets.stack_set} in {region} of this account; pass the rollout's "
        f"--region, or {cure}"
    )


def _unknown(one: _Read, region: str) -> RolloutStatus:
    return RolloutStatus(
        stack_set=one.targets.stack_set,
        state="unknown",
        reason=one.reason,
        roles=one.targets.roles,
        region=region,
        call_as=one.targets.call_as,
        units=one.targets.units,
        filter=one.targets.filter,
        filtered=one.targets.filtered,
        source=one.targets.filter_source or one.targets.source,
    )


def _rollout(
    cloudformation: "CloudFormationClient", targets: Targets, found: _Found | None
) -> _Read:
    try:
        stack_set = _stack_set(cloudformation, targets)
        if targets.account_filter is None:
            targets = _of_stack(cloudformation, targets, stack_set.id)
        instances = tuple(_instances(cloudformation, targets, found))
    except Exception as error:  # noqa: BLE001
        # If the answer is not from AWS, botocore can raise anything.
        reason = problem_of(error, targets, cloudformation.meta.region_name)
        return _Read(targets=targets, reason=reason)
    return _Read(targets=targets, stack_set=replace(stack_set, instances=instances))


def _stack_set(cloudformation: "CloudFormationClient", targets: Targets) -> StackSet:
    region = cloudformation.meta.region_name
    described: Any = cloudformation.describe_stack_set(
        StackSetName=targets.stack_set, CallAs=targets.caller
    )["StackSet"]
    regions = [*map(str, described.get("Regions", []))]
    # A self-managed StackSet has none.
    name = "OrganizationalUnitIds"
    units = list_in(described, name) if name in described else []
    if not units and not targets.units:
        raise StatusError("the StackSet has no organizational units")
    try:
        body, parameters = described["TemplateBody"], described.get("Parameters", [])
        deployed = stack_set_deploys(body, parameters, targets.stack_set)
    except InputError as error:
        raise StatusError(f"the role that it deploys cannot be read: {error}") from None
    return StackSet(
        id=text_in(described, "StackSetId"),
        units=tuple(checked_id(unit, ORGANIZATIONAL_UNITS) for unit in units),
        region=region,
        instance_region=regions[0] if len(regions) == 1 else region,
        ways=ways_in(deployed),
    )


def _instances(
    cloudformation: "CloudFormationClient", targets: Targets, found: _Found | None
) -> Iterator[Instance]:
    pages = cloudformation.get_paginator("list_stack_instances")
    for page in pages.paginate(StackSetName=targets.stack_set, CallAs=targets.caller):
        summaries = list_in(page, "Summaries")
        for summary in summaries:
            yield Instance(
                account=id_in(summary, "Account", ACCOUNTS),
                region=text_in(summary, "Region"),
                status=text_in(summary, "Status"),
                detail=str(summary.get("StackInstanceStatus", {}).get("DetailedStatus") or ""),
                reason=str(summary.get("StatusReason") or ""),
            )
        if found is not None:
            found(len(summaries))


def _of_stack(
    cloudformation: "CloudFormationClient", targets: Targets, stack_set_id: str
) -> Targets:
    try:
        stack, body = _stack_of(cloudformation, stack_set_id)
        source = f"the stack {stack}"
        inside = {one.stack_set: one for one in targets_in(template_deploys(body, stack), source)}
    except (InputError, StatusError) as error:
        raise StatusError(_no_filter(str(error))) from None
    except Exception as error:
        # If the answer is not from AWS, botocore can raise anything.
        raise StatusError(_no_filter(explained(error))) from error
    if targets.stack_set not in inside:
        raise StatusError(_no_filter(f"{source} contains only {', '.join(inside)}"))
    # Who calls is the caller's choice.
    return replace(inside[targets.stack_set], call_as=targets.call_as)


def _no_filter(problem: str) -> str:
    return (
        f"its account filter cannot be read: {problem}; pass --expect, --exclude-accounts, "
        "--only-accounts, or --no-filter"
    )


def _stack_of(cloudformation: "CloudFormationClient", stack_set_id: str) -> tuple[str, object]:
    # The physical ID of AWS::CloudFormation::StackSet is the StackSet's ID: the primary identifier
    # in the resource's schema.
    described: Any = cloudformation.describe_stack_resources(PhysicalResourceId=stack_set_id)
    for resource in list_in(described, "StackResources"):
        if resource.get("PhysicalResourceId") == stack_set_id:
            stack_id = text_in(resource, "StackId")
            return (
                text_in(resource, "StackName"),
                cloudformation.get_template(StackName=stack_id)["TemplateBody"],
            )
    raise StatusError("no stack in this account and Region contains the StackSet")
