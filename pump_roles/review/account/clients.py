"""boto3 clients, with the Region and how long a call can take, and threads that use them."""

from collections.abc import Callable, Mapping, Sequence
from multiprocessing.pool import ThreadPool
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sts import STSClient

_CONNECT_SECONDS: Final = 2
_DEFAULT_REGION: Final = "us-east-1"

_CONCURRENCY: Final = 8
"""How many roles, accounts, or Regions are worked on at once."""


class Clients:
    """boto3 clients with the credentials of the caller or of a role. Several threads can use it."""

    def __init__(
        self,
        *,
        read_seconds: int,
        attempts: int,
        profile: str | None = None,
        region: str | None = None,
    ) -> None:
        self._session = boto3.Session(profile_name=profile, region_name=region)
        self._config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=read_seconds,
            max_pool_connections=_CONCURRENCY,
            retries={"mode": "standard", "total_max_attempts": attempts},
        )
        # IAM and AWS Organizations are global, and STS in any Region serves every account: the
        # Region only selects the partition.
        self.region: str = self._session.region_name or _DEFAULT_REGION
        # Creating a client is not thread-safe.
        self._creating = Lock()

    def cloudformation(self) -> "CloudFormationClient":
        """Return a client of CloudFormation."""
        with self._creating:
            return self._session.client("cloudformation", config=self._config)

    def cloudtrail(self, region: str) -> Any:
        """Return a client of AWS CloudTrail."""
        with self._creating:
            return self._session.client("cloudtrail", region, config=self._config)

    def iam(self, credentials: Mapping[str, Any] | None = None) -> "IAMClient":
        """Return a client of IAM."""
        passed = credentials or {}
        with self._creating:
            return self._session.client(
                "iam",
                self.region,
                config=self._config,
                aws_access_key_id=passed.get("AccessKeyId"),
                aws_secret_access_key=passed.get("SecretAccessKey"),
                aws_session_token=passed.get("SessionToken"),
            )

    def organizations(self) -> "OrganizationsClient":
        """Return a client of AWS Organizations."""
        with self._creating:
            return self._session.client("organizations", self.region, config=self._config)

    def sts(self) -> "STSClient":
        """Return a client of AWS STS."""
        with self._creating:
            return self._session.client("sts", self.region, config=self._config)


_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_threads(
    items: Sequence[_Item],
    work: Callable[[_Item], _Result],
    *,
    found: Callable[[_Result], object] | None = None,
) -> list[_Result]:
    """Work on several items at once, and return the results in the order of the items."""

    def work_on(index: int) -> tuple[int, _Result]:
        return index, work(items[index])

    results: dict[int, _Result] = {}
    # Not concurrent.futures: Python waits for its threads at exit, but Ctrl+C must end the command.
    with ThreadPool(max(1, min(_CONCURRENCY, len(items)))) as pool:
        for index, result in pool.imap_unordered(work_on, range(len(items))):
            results[index] = result
            if found is not None:
                found(result)
    return [results[index] for index in range(len(items))]
