"""boto3 clients, with the Region and how long a call can take, and threads that use them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.pool import ThreadPool
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

import boto3
from botocore.config import Config

from pump_roles.review.account.responses import GivenUpError, is_without_response, reason_of

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sts import STSClient

_CONNECT_SECONDS: Final = 2
_DEFAULT_REGION: Final = "us-east-1"

_CONCURRENCY: Final = 8
"""How many roles, accounts, or Regions are worked on at once."""


_SILENT_ACCOUNTS: Final = 3
"""After how many accounts in a row without a response no other is tried."""


_Client = TypeVar("_Client")


class _Patience:
    """Ends all calls if some in a row got no response, each of which takes as long as it can.

    The calls of each service are counted by themselves: AWS STS may still respond if IAM does not.

    :param most: after how many calls of one service.
    :param shared: that of other accounts, which the calls also count for.
    """

    def __init__(self, most: int, shared: "_Patience | None" = None) -> None:
        self._most = most
        self._shared = shared
        self._silent = Counter[str]()
        self._reason = ""

    def watch(self, client: _Client) -> _Client:
        """Return a client whose calls count, and end."""
        watched: Any = client
        events = watched.meta.events
        events.register("before-call", lambda **_: self.check())
        events.register("after-call", lambda **_: self.count(None, watched))
        events.register("after-call-error", lambda exception, **_: self.count(exception, watched))
        return client

    def check(self) -> None:
        """Raise an error if no other call must be sent."""
        if self._shared:
            self._shared.check()
        if any(count >= self._most for count in [*self._silent.values()]):
            raise GivenUpError(reason=self._reason)

    def count(self, error: Exception | None, client: Any) -> None:
        """Count a call that ended, with or without an error."""
        if self._shared:
            self._shared.count(error, client)
        service = client.meta.service_model.service_name
        if error is None:
            self._silent[service] = 0
        elif is_without_response(error):
            self._reason = reason_of(error, client)
            self._silent[service] += 1


class Clients:
    """boto3 clients with the credentials of the caller or of a role. Several threads can use it.

    An account is given up after the first call without a response, and all of them after a few
    accounts in a row: their other calls raise :class:`GivenUpError`.
    """

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
        self._patience = _Patience(_SILENT_ACCOUNTS)
        self._own = _Patience(1, self._patience)

    def cloudformation(self) -> "CloudFormationClient":
        """Return a client of CloudFormation."""
        with self._creating:
            client = self._session.client("cloudformation", config=self._config)
        return self._own.watch(client)

    def cloudtrail(self, region: str) -> Any:
        """Return a client of AWS CloudTrail, in a Region that is given up by itself."""
        with self._creating:
            client = self._session.client("cloudtrail", region, config=self._config)
        return _Patience(1, self._patience).watch(client)

    def athena(self) -> Any:
        """Return a client of Amazon Athena."""
        with self._creating:
            client = self._session.client("athena", self.region, config=self._config)
        return self._own.watch(client)

    def glue(self) -> Any:
        """Return a client of AWS Glue."""
        with self._creating:
            client = self._session.client("glue", self.region, config=self._config)
        return self._own.watch(client)

    def iam(self, credentials: Mapping[str, Any] | None = None) -> "IAMClient":
        """Return a client of IAM."""
        client: IAMClient = self._in_account("iam", self.region, credentials)
        return client

    def scheduler(self, region: str, credentials: Mapping[str, Any] | None = None) -> Any:
        """Return a client of EventBridge Scheduler."""
        return self._in_account("scheduler", region, credentials)

    def _in_account(self, service: str, region: str, credentials: Mapping[str, Any] | None) -> Any:
        passed = credentials or {}
        patience = _Patience(1, self._patience) if credentials else self._own
        with self._creating:
            client = self._session.client(  # type: ignore[call-overload]
                service,
                region,
                config=self._config,
                aws_access_key_id=passed.get("AccessKeyId"),
                aws_secret_access_key=passed.get("SecretAccessKey"),
                aws_session_token=passed.get("SessionToken"),
            )
        return patience.watch(client)

    def organizations(self) -> "OrganizationsClient":
        """Return a client of AWS Organizations."""
        with self._creating:
            client = self._session.client("organizations", self.region, config=self._config)
        return self._own.watch(client)

    def sts(self) -> "STSClient":
        """Return a client of AWS STS."""
        with self._creating:
            client = self._session.client("sts", self.region, config=self._config)
        return self._patience.watch(client)


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
