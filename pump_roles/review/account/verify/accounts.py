"""Verifies the caller's account, or the accounts of an organization."""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pump_roles.json_input import InputError
from pump_roles.review.account.clients import Clients, in_threads
from pump_roles.review.account.organization import (
    Account,
    Organization,
    accounts_below,
    read_organization,
)
from pump_roles.review.account.probe import MINIMUM_SESSION_SECONDS
from pump_roles.review.account.responses import (
    error_code,
    is_denial,
    organizations_remedy,
    reason_of,
    remedy_for,
)
from pump_roles.review.account.verify.details import AccountDetails
from pump_roles.review.account.verify.expectation import Expectation
from pump_roles.review.account.verify.from_aws import policy_for_reading, read_account
from pump_roles.review.account.verify.one_account import compare
from pump_roles.review.account.verify.verification import AccountResult, Verification
from pump_roles.review.compare import Difference
from pump_roles.review.role import Unknown
from pump_roles.validators import partition_of

SESSION_NAME: Final = "pump-roles-verify"
"""The session name under which the calls appear in each account's CloudTrail."""

_NO_UNIT: Final = "ParentNotFoundException"

_Found = Callable[[AccountResult], object]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which accounts of an organization to verify; by default, all."""

    units: Sequence[str] = ()
    accounts: Sequence[str] = ()
    excluded: Sequence[str] = ()


class Aws(Clients):
    """The clients of ``verify``, and who the caller is. Each call ends within two minutes."""

    def __init__(
        self, *, profile: str | None = None, region: str | None = None, connections: int = 1
    ) -> None:
        super().__init__(
            profile=profile, region=region, connections=connections, read_seconds=10, attempts=8
        )
        self.caller = self.sts()
        identity = self.caller.get_caller_identity()
        self.account = identity["Account"]
        self.partition = partition_of(identity["Arn"])


def verify_files(accounts: Sequence[AccountDetails], expectation: Expectation) -> Verification:
    """Verify accounts that were read from files."""
    results = (
        _in_organization(compare(expectation, details), details.organization, expectation)
        for details in accounts
    )
    return _verification(expectation, results)


def read_own_account(aws: Aws, names: Collection[str]) -> AccountDetails:
    """Read the caller's account."""
    return read_account(aws.iam(), names, account=aws.account, partition=aws.partition)


def verify_own_account(aws: Aws, expectation: Expectation) -> Verification:
    """Verify the caller's account."""
    details = read_own_account(aws, expectation.names)
    organization = read_organization(aws.organizations())
    return verify_files([replace(details, organization=organization)], expectation)


def verify_organization(
    aws: Aws,
    expectation: Expectation,
    accounts: Sequence[AccountResult | Account],
    *,
    role_to_assume: str,
    concurrency: int,
    organization: Organization | Unknown | None = None,
    found: _Found | None = None,
) -> Verification:
    """Verify accounts of an organization, several at once. One failure does not stop the others."""
    policy = json.dumps(
        policy_for_reading(expectation.names, partition=aws.partition), separators=(",", ":")
    )

    def verified(account: AccountResult | Account) -> AccountResult:
        if isinstance(account, AccountResult):
            return account
        result = _verified(aws, expectation, account, role_to_assume, policy, organization)
        return _in_organization(result, organization, expectation)

    results = in_threads(accounts, verified, concurrency=concurrency, found=found)
    return _verification(expectation, results)


def accounts_in(
    aws: Aws, scope: Scope, targets: Collection[str] = ()
) -> list[AccountResult | Account]:
    """Return an organization's accounts to verify; a result for each that cannot be verified.

    Each account has its units, up to the targeted ones.
    """
    organizations = aws.organizations()
    try:
        roots = [] if scope.units else [root["Id"] for root in organizations.list_roots()["Roots"]]
        selected = {*scope.units, *roots}
        read = accounts_below(organizations, roots or sorted({*scope.units, *targets}))
        below = {account.id: account for account in read if selected & {*account.units}}
    except Exception as error:
        # botocore can raise anything if the response is not from AWS.
        reason = reason_of(error, organizations)
        remedy = organizations_remedy(error) or remedy_for(error)
        if error_code(error) == _NO_UNIT:
            remedy = "the organizational unit does not exist"
        problem = "; ".join(filter(None, (reason, remedy)))
        raise InputError(f"the accounts of the organization cannot be listed: {problem}") from error
    where = " or ".join(scope.units) or "the organization"
    if unmatched := sorted(set(scope.excluded) - below.keys()):
        raise InputError(f"--exclude-account: not below {where}: {', '.join(unmatched)}")
    results = [
        _to_verify(id_, below.get(id_), where)
        for id_ in dict.fromkeys(scope.accounts or sorted(below))
        if id_ not in scope.excluded
    ]
    if not results:
        raise InputError(f"there are no accounts to verify below {where}")
    return results


def _to_verify(id_: str, account: Account | None, where: str) -> AccountResult | Account:
    if account is None:
        return _not_read(id_, Unknown(part="account", why="not-below", subject=where))
    if account.suspended:
        return _not_read(id_, Unknown(part="account", why="suspended"), account.name)
    return account


def _not_read(account: str, unknown: Unknown, name: str = "", calls: int = 0) -> AccountResult:
    return AccountResult(account=account, name=name, unknown=(unknown,), calls=calls)


def _verified(  # noqa: PLR0917
    aws: Aws,
    expectation: Expectation,
    account: Account,
    role_to_assume: str,
    policy: str,
    organization: Organization | Unknown | None,
) -> AccountResult:
    calls = 0
    try:
        credentials = None
        if account.id != aws.account:
            calls = 1
            credentials = aws.caller.assume_role(
                RoleArn=f"arn:{aws.partition}:iam::{account.id}:role/{role_to_assume}",
                RoleSessionName=SESSION_NAME,
                DurationSeconds=MINIMUM_SESSION_SECONDS,
                Policy=policy,
            )["Credentials"]
        iam = aws.iam(credentials)
    except Exception as error:  # noqa: BLE001
        unknown = Unknown(
            part="account",
            why="assume-denied" if is_denial(error_code(error)) else "not-assumed",
            subject=role_to_assume,
            detail=reason_of(error, aws.caller),
        )
        return _not_read(account.id, unknown, account.name, calls)
    try:
        details = read_account(iam, expectation.names, account=account.id, partition=aws.partition)
        details = replace(details, calls=details.calls + calls, organization=organization)
        return compare(expectation, details, name=account.name, units=account.units)
    except Exception as error:  # noqa: BLE001
        # A response that is not from AWS can raise anything. It must not hide the other accounts.
        unknown = Unknown(part="account", why="not-read", detail=reason_of(error, iam))
        return _not_read(account.id, unknown, account.name)
    finally:
        iam.close()


def _in_organization(
    result: AccountResult, organization: Organization | Unknown | None, expectation: Expectation
) -> AccountResult:
    expected = expectation.management_account
    if not isinstance(organization, Organization):
        # It matters only if it was asked for.
        if not expected:
            return result
        why = organization or Unknown(part="membership", why="not-in-files")
        return replace(result, unknown=(*result.unknown, why))
    found = organization.management_account
    # Account IDs are shown even if they are also external IDs.
    shown = replace(organization, id=expectation.mask.masked(organization.id))
    result = replace(result, organization=shown)
    if not expected or found == expected:
        return result
    difference = Difference(
        rule="organization",
        # Without an organization, nothing acts past the roles, but its policies do not limit them.
        effect="broader" if found else "other",
        part="membership",
        was=(expected,),
        now=(found,) if found else (),
    )
    return replace(result, differences=(difference,))


def _verification(expectation: Expectation, results: Iterable[AccountResult]) -> Verification:
    # compare() masks its results. If an account could not be read, its name and the reason are not
    # masked yet.
    mask = expectation.mask
    by_account = {result.account: result for result in results}
    # A role that was deployed there may still exist.
    for account in expectation.accounts - by_account.keys() if expectation.removed else ():
        by_account[account] = _not_read(account, Unknown(part="account", why="not-selected"))
    return Verification(
        expected=mask.masked(expectation.description),
        removed=expectation.removed,
        accounts=tuple(
            replace(result, name=mask.masked(result.name), unknown=mask.masked(result.unknown))
            for result in sorted(by_account.values(), key=lambda result: result.account)
        ),
    )
