"""Verifies the caller's account, or the accounts of an organization."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Final

from pump_roles.review.account.account_details import (
    AccountDetails,
    policy_for_reading,
    read_account,
    read_own_account,
    read_schedule,
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
    verify_policies,
)
from pump_roles.review.account.verification import AccountResult, Verification
from pump_roles.review.account.verify_account import verify_account

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
        unchecked=expectation.unchecked,
        removed=expectation.removed,
        accounts=tuple(sorted((*results, *not_selected), key=lambda result: result.account)),
    )
