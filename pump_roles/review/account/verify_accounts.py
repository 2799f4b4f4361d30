"""Verifies the caller's account, or the accounts of an organization."""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Final

from pump_roles.contents import OrganizationPolicy
from pump_roles.inputs import ACCOUNT, InputError
from pump_roles.masking import Mask
from pump_roles.review.account.account_details import (
    AccountDetails,
    policy_for_reading,
    read_account,
    read_own_account,
    read_schedule,
)
from pump_roles.review.account.aws_sdk import (
    Aws,
    error_code,
    explain_error,
    in_threads,
    is_denial,
    reason_of,
)
from pump_roles.review.account.expectation import Expectation
from pump_roles.review.account.organization import (
    Account,
    Organization,
    accounts_below,
    read_organization,
)
from pump_roles.review.account.organization_policies import (
    attached_stops,
    policy_names,
    read_policies,
    verify_policies,
)
from pump_roles.review.account.probe import MINIMUM_SESSION_SECONDS
from pump_roles.review.account.verification import AccountResult, Verification
from pump_roles.review.account.verify_account import verify_account
from pump_roles.role import Unknown, Why

SESSION_NAME: Final = "pump-roles-verify"
"""The session name under which the calls appear in each account's CloudTrail."""

_NO_UNIT: Final = "ParentNotFoundException"


def verify_files(accounts: Iterable[AccountDetails], expectation: Expectation) -> Verification:
    """Verify accounts that were read from files."""
    return _verification(expectation, [verify_account(expectation, found) for found in accounts])


def verify_own_account(aws: Aws, expectation: Expectation) -> Verification:
    """Verify the caller's account."""
    details = read_own_account(aws, expectation.names)
    organizations = aws.organizations()
    organization = read_organization(organizations)
    details = replace(details, organization=organization)
    if expectation.approval_ends:
        details = replace(details, schedule=read_schedule(details, aws.scheduler))
    if organization == Organization():
        return verify_files([details], expectation)
    policies = read_policies(organizations, policy_names(expectation))
    result = verify_account(expectation, details, attached_stops(policies))
    if isinstance(policies, Unknown):
        # Only the management account, and a delegated administrator, may read them.
        expectation = replace(expectation, policies=())
    return _with_policies(aws, expectation, [result], policies)


def verify_organization(
    aws: Aws,
    expectation: Expectation,
    accounts: Sequence[AccountDetails],
    *,
    role_to_assume: str,
    found: Callable[[AccountResult], object] | None = None,
) -> Verification:
    """Verify accounts of an organization, several at once. One failure does not stop the others."""
    organizations = aws.organizations()
    organization = read_organization(organizations)
    policies = read_policies(organizations, policy_names(expectation))

    def verify(account: AccountDetails) -> AccountResult:
        if account.unknown:
            return verify_account(expectation, account)
        account = replace(account, organization=organization)
        return _verify_member(aws, expectation, account, role_to_assume, attached)

    attached = attached_stops(policies)
    results = in_threads(accounts, verify, found=found)
    return _with_policies(aws, expectation, results, policies)


def _with_policies(
    aws: Aws,
    expectation: Expectation,
    results: Sequence[AccountResult],
    policies: Sequence[OrganizationPolicy] | Unknown,
) -> Verification:
    verified = verify_policies(expectation, policies, account=aws.account, partition=aws.partition)
    notes = (policies,) if isinstance(policies, Unknown) and not verified else ()
    return replace(
        _verification(expectation, results),
        policies=None if notes else verified,
        notes=Mask(expectation.hidden).masked(notes),
    )


def _verify_member(
    aws: Aws,
    expectation: Expectation,
    account: AccountDetails,
    role_to_assume: str,
    attached: Sequence[OrganizationPolicy],
) -> AccountResult:
    credentials = None
    policy = policy_for_reading(expectation.names, partition=aws.partition)
    id_ = account.account
    try:
        if id_ != aws.account:
            credentials = aws.caller.assume_role(
                RoleArn=f"arn:{aws.partition}:iam::{id_}:role/{role_to_assume}",
                RoleSessionName=SESSION_NAME,
                DurationSeconds=MINIMUM_SESSION_SECONDS,
                Policy=json.dumps(policy, separators=(",", ":")),
            )["Credentials"]
        iam = aws.iam(credentials)
    except Exception as error:  # noqa: BLE001
        why: Why = "assume-denied" if is_denial(error_code(error)) else "not-assumed"
        detail = reason_of(error, aws.caller)
        return verify_account(expectation, _not_read(account, why, role_to_assume, detail))
    with closing(iam):
        try:
            found = read_account(iam, expectation.names, account=id_, partition=aws.partition)
            read = replace(
                found,
                name=account.name,
                units=account.units,
                organization=account.organization,
            )
            if expectation.approval_ends:
                client = partial(aws.scheduler, credentials=credentials)
                read = replace(read, schedule=read_schedule(read, client))
            return verify_account(expectation, read, attached)
        except Exception as error:  # noqa: BLE001
            # A response that is not from AWS can raise anything. It must not hide the others.
            detail = reason_of(error, iam)
            return verify_account(expectation, _not_read(account, "not-read", detail=detail))


def _not_read(
    account: AccountDetails, why: Why, subject: str = "", detail: str = ""
) -> AccountDetails:
    unknown = Unknown(part="account", why=why, subject=subject, detail=detail)
    return replace(account, unknown=(unknown,))


def accounts_in(
    aws: Aws, targets: Sequence[str], excluded: Collection[str], rolled_out: Collection[str]
) -> list[AccountDetails]:
    """Return an organization's accounts to verify; of each that cannot be verified, why.

    Each account has its units, up to those of a target, or that a rollout targets.
    """
    accounts = [target for target in targets if ACCOUNT.accepts(target)]
    units = [target for target in targets if target not in accounts]
    organizations = aws.organizations()
    try:
        roots = [] if units else [root["Id"] for root in organizations.list_roots()["Roots"]]
        selected = {*units, *roots}
        read = accounts_below(organizations, roots or sorted({*units, *rolled_out}))
        below = {account.id: account for account in read if selected & {*account.units}}
    except Exception as error:
        # botocore can raise anything if the response is not from AWS.
        problem = explain_error(error, organizations)
        if error_code(error) == _NO_UNIT:
            problem += "; the organizational unit does not exist"
        raise InputError(f"the accounts of the organization cannot be listed: {problem}") from error
    where = " or ".join(units) or "the organization"
    if unmatched := sorted(set(excluded) - below.keys()):
        raise InputError(f"--exclude-account: not below {where}: {', '.join(unmatched)}")
    results = [
        _describe(id_, below.get(id_), where)
        for id_ in dict.fromkeys(accounts or sorted(below))
        if id_ not in excluded
    ]
    if not results:
        raise InputError(f"there are no accounts to verify below {where}")
    return results


def _describe(id_: str, account: Account | None, where: str) -> AccountDetails:
    if account is None:
        return _not_read(AccountDetails(account=id_), "not-below", where)
    details = AccountDetails(account=id_, name=account.name, units=account.units)
    return _not_read(details, "suspended") if account.suspended else details


def _verification(expectation: Expectation, results: Sequence[AccountResult]) -> Verification:
    verified = {result.account for result in results}
    # A role that was deployed there may still exist.
    not_selected = [
        verify_account(expectation, _not_read(AccountDetails(account=account), "not-selected"))
        for account in (expectation.accounts - verified if expectation.removed else ())
    ]
    return Verification(
        expected=Mask(expectation.hidden).masked(expectation.description),
        removed=expectation.removed,
        accounts=tuple(sorted((*results, *not_selected), key=lambda result: result.account)),
    )
