"""Verifies the caller's account, or the accounts of an organization."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from pump_roles.account.answers import SHORTEST_SESSION
from pump_roles.account.errors import cure_of, cure_of_caller, error_code, is_denied, reason_of
from pump_roles.account.organization import Account, accounts_below
from pump_roles.account.verify.compare import compare
from pump_roles.account.verify.details import AccountDetails
from pump_roles.account.verify.expected import Expectation
from pump_roles.account.verify.model import AccountResult, Verification
from pump_roles.account.verify.reading import policy_for_reading, read_account
from pump_roles.account.workers import in_threads

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sts import STSClient

__all__ = [
    "SESSION_NAME",
    "Aws",
    "OrganizationError",
    "Scope",
    "accounts_in",
    "read_own_account",
    "verify_files",
    "verify_organization",
    "verify_own_account",
]

SESSION_NAME: Final = "pump-roles-verify"
"""The session name, by which the calls appear in the CloudTrail of each account."""

_NO_ACCOUNT: Final = "AccountNotFoundException"
_NO_UNIT: Final = "ParentNotFoundException"
_ATTEMPTS: Final = 8
_DEFAULT_REGION: Final = "us-east-1"

_Found = Callable[[AccountResult], object]


class OrganizationError(ValueError):
    """The accounts of the organization are not known; the message is for the caller."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which accounts of an organization to verify.

    :param units: the IDs of organizational units, or of the root; the root if there are none.
    :param accounts: the IDs of the only accounts below them; all if there are none.
    :param excluded: the IDs of accounts below them to leave out.
    """

    units: Sequence[str] = ()
    accounts: Sequence[str] = ()
    excluded: Sequence[str] = ()


class Aws:
    """Clients of AWS with the caller's credentials, and with those of roles.

    Each call ends within two minutes, even if nothing answers, and is sent at most eight times if
    it is throttled or fails temporarily.

    :param profile: a profile of the AWS configuration. By default the environment's settings.
    :param region: the region to call. By default that of the profile or the environment, or
        us-east-1.
    :param connections: how many calls there can be at once.
    :raises botocore.exceptions.BotoCoreError: if the settings are wrong, there are no credentials,
        or AWS does not answer.
    :raises botocore.exceptions.ClientError: if AWS does not accept the credentials.
    """

    def __init__(
        self, *, profile: str | None = None, region: str | None = None, connections: int = 1
    ) -> None:
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        self._session = boto3.Session(profile_name=profile, region_name=region)
        # IAM needs none, and this one's STS serves every account.
        self._region = self._session.region_name or _DEFAULT_REGION
        self._config = Config(
            connect_timeout=3,
            read_timeout=10,
            max_pool_connections=connections,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        )
        # Creating a client is not thread-safe.
        self._creating = Lock()
        self.sts: STSClient = self._session.client("sts", self._region, config=self._config)
        caller = self.sts.get_caller_identity()
        self.account = caller["Account"]
        """The caller's account."""
        self.partition = caller["Arn"].split(":")[1]
        """The caller's partition."""

    def organizations(self) -> "OrganizationsClient":
        """Return a client of AWS Organizations with the caller's credentials."""
        with self._creating:
            return self._session.client("organizations", self._region, config=self._config)

    def iam(self, credentials: Mapping[str, Any] | None = None) -> "IAMClient":
        """Return a client of IAM.

        :param credentials: credentials of a role. By default, the caller's.
        """
        passed = (
            {}
            if credentials is None
            else {
                "aws_access_key_id": credentials["AccessKeyId"],
                "aws_secret_access_key": credentials["SecretAccessKey"],
                "aws_session_token": credentials["SessionToken"],
            }
        )
        with self._creating:
            return self._session.client("iam", self._region, config=self._config, **passed)


def verify_files(accounts: Sequence[AccountDetails], expectation: Expectation) -> Verification:
    """Verify accounts that were read from files.

    :param accounts: the accounts.
    :param expectation: what is expected of each.
    """
    return _verification(expectation, [compare(expectation, details) for details in accounts])


def read_own_account(aws: Aws, names: Collection[str]) -> AccountDetails:
    """Read the caller's account.

    :param aws: clients of it.
    :param names: the names of Pump's roles there.
    """
    return read_account(aws.iam(), names, account=aws.account, partition=aws.partition)


def verify_own_account(aws: Aws, expectation: Expectation) -> Verification:
    """Verify the caller's account.

    :param aws: clients of it.
    :param expectation: what is expected of it.
    """
    return verify_files([read_own_account(aws, expectation.names)], expectation)


def verify_organization(
    aws: Aws,
    expectation: Expectation,
    accounts: Sequence[AccountResult | Account],
    *,
    role_to_assume: str,
    concurrency: int,
    found: _Found | None = None,
) -> Verification:
    """Verify accounts of an organization, several at once. No failure hides another account.

    The caller's own account is read with the caller's credentials, every other with those of a
    role there. A session policy limits these to the reads that are needed.

    :param aws: clients of the management account, or of a delegated administrator.
    :param expectation: what is expected of each account.
    :param accounts: the accounts, from :func:`accounts_in`.
    :param role_to_assume: the name of the role to assume in each account, with its path if it has
        one.
    :param concurrency: how many accounts are read at once.
    :param found: called with the result of each account.
    """
    policy = json.dumps(
        policy_for_reading(expectation.names, partition=aws.partition), separators=(",", ":")
    )

    def work(index: int) -> AccountResult:
        account = accounts[index]
        if isinstance(account, AccountResult):
            return account
        return _verified(aws, expectation, account, role_to_assume, policy)

    results: dict[int, AccountResult] = {}
    for index, result in in_threads(len(accounts), work, concurrency=concurrency):
        results[index] = result
        if found is not None:
            found(result)
    return _verification(expectation, results.values())


def accounts_in(aws: Aws, scope: Scope) -> list[AccountResult | Account]:
    """Return the accounts of an organization to verify, and the results of those that cannot be.

    :param aws: clients of the management account, or of a delegated administrator.
    :param scope: which of them.
    :raises OrganizationError: if they cannot be listed, there are none, or one of those to leave
        out is not among them.
    """
    organizations = aws.organizations()
    try:
        units = scope.units or [root["Id"] for root in organizations.list_roots()["Roots"]]
        below = {account.id: account for account in accounts_below(organizations, units)}
    except Exception as error:
        # If the answer is not from AWS, botocore can raise anything.
        reason = reason_of(error, organizations)
        cure = cure_of_caller(error) or cure_of(error)
        if error_code(error) == _NO_UNIT:
            cure = "there is no such organizational unit"
        told = "; ".join(filter(None, (reason, cure)))
        raise OrganizationError(
            f"the accounts of the organization cannot be listed: {told}"
        ) from error
    where = " or ".join(scope.units) or "the organization"
    if spare := sorted(set(scope.excluded) - below.keys()):
        raise OrganizationError(f"--exclude-account: not below {where}: {', '.join(spare)}")
    chosen = scope.accounts or sorted(below)
    found = list(_chosen(organizations, below, where, [*dict.fromkeys(chosen)], scope.excluded))
    if not found:
        raise OrganizationError(f"there are no accounts to verify below {where}")
    return found


def _chosen(
    organizations: "OrganizationsClient",
    below: Mapping[str, Account],
    where: str,
    chosen: Sequence[str],
    excluded: Collection[str],
) -> Iterator[AccountResult | Account]:
    for id_ in chosen:
        account = below.get(id_)
        if id_ in excluded:
            continue
        if account is None:
            reason = _not_below(organizations, id_, where)
            yield AccountResult(account=id_, state="unknown", reason=reason)
        elif account.suspended:
            yield AccountResult(
                account=id_, name=account.name, state="unknown", reason="the account is suspended"
            )
        else:
            yield account


def _not_below(organizations: "OrganizationsClient", account: str, where: str) -> str:
    try:
        organizations.describe_account(AccountId=account)
    except Exception as error:  # noqa: BLE001
        if error_code(error) == _NO_ACCOUNT:
            return "the organization has no such account"
        return f"not targeted: the account is not below {where} ({reason_of(error, organizations)})"
    return f"not targeted: the account is not below {where}"


def _verified(
    aws: Aws, expectation: Expectation, account: Account, role_to_assume: str, policy: str
) -> AccountResult:
    calls = 0
    try:
        if account.id == aws.account:
            iam = aws.iam()
        else:
            arn = f"arn:{aws.partition}:iam::{account.id}:role/{role_to_assume}"
            calls = 1
            iam = aws.iam(
                aws.sts.assume_role(
                    RoleArn=arn,
                    RoleSessionName=SESSION_NAME,
                    DurationSeconds=SHORTEST_SESSION,
                    Policy=policy,
                )["Credentials"]
            )
    except Exception as error:  # noqa: BLE001
        reason = _not_assumed(error, aws.sts, role_to_assume)
        return AccountResult(
            account=account.id, name=account.name, state="unknown", reason=reason, calls=calls
        )
    try:
        details = read_account(iam, expectation.names, account=account.id, partition=aws.partition)
        details = replace(details, calls=details.calls + calls)
        return compare(expectation, details, name=account.name)
    except Exception as error:  # noqa: BLE001
        # If the answer is not from AWS, it can be anything. It must not hide the other accounts.
        reason = reason_of(error, iam)
        return AccountResult(account=account.id, name=account.name, state="unknown", reason=reason)
    finally:
        iam.close()


def _not_assumed(error: Exception, sts: "STSClient", role: str) -> str:
    reason = reason_of(error, sts)
    if is_denied(error):
        return (
            f"the role {role} could not be assumed: it does not exist there, does not trust the "
            f"caller, or the caller lacks the permission ({reason})"
        )
    return f"the role {role} could not be assumed: {reason}"


def _verification(expectation: Expectation, results: Iterable[AccountResult]) -> Verification:
    # What was compared is masked. An account that could not be read has its name, and the reason.
    mask = expectation.mask
    found = {result.account: result for result in results}
    # Where a role was deployed, it can be left over.
    for account in expectation.accounts - found.keys() if expectation.removed else ():
        reason = "the templates deploy a role to this account, and it was not read"
        found[account] = AccountResult(account=account, state="unknown", reason=reason)
    return Verification(
        expected=mask.masked(expectation.description),
        removed=expectation.removed,
        accounts=tuple(
            replace(one, name=mask.masked(one.name), reason=mask.masked(one.reason))
            for one in sorted(found.values(), key=lambda result: result.account)
        ),
    )
