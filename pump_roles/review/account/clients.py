"""boto3 clients, with the Region and how long a call can take, and threads that use them."""

from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sts import STSClient

_CONNECT_SECONDS: Final = 2
_DEFAULT_REGION: Final = "us-east-1"


class Clients:
    """boto3 clients with the credentials of the caller or of a role. Several threads can use it."""

    def __init__(
        self,
        *,
        read_seconds: int,
        attempts: int,
        profile: str | None = None,
        region: str | None = None,
        connections: int = 1,
    ) -> None:
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        self._session = boto3.Session(profile_name=profile, region_name=region)
        self._config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=read_seconds,
            max_pool_connections=connections,
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
            return self._session.client("iam", self.region, config=self._config, **passed)

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
    concurrency: int,
    found: Callable[[_Result], object] | None = None,
) -> list[_Result]:
    """Work on several items at once, and return the results in the order of the items."""
    waiting: SimpleQueue[int] = SimpleQueue()
    for index in range(len(items)):
        waiting.put(index)
    done: SimpleQueue[tuple[int, _Result | Exception]] = SimpleQueue()
    stopped = Event()

    def run() -> None:
        while not stopped.is_set():
            try:
                index = waiting.get_nowait()
            except Empty:
                return
            try:
                done.put((index, work(items[index])))
            except Exception as error:  # noqa: BLE001
                # Raised below. Without a result, the main thread would wait forever.
                done.put((index, error))

    # Not an executor: Python waits for its threads at exit, but Ctrl+C must end the command.
    for _ in range(min(concurrency, len(items))):
        Thread(target=run, daemon=True).start()
    results: dict[int, _Result] = {}
    try:
        while len(results) < len(items):
            index, result = done.get()
            if isinstance(result, Exception):
                raise result
            results[index] = result
            if found is not None:
                found(result)
    finally:
        stopped.set()
    return [results[index] for index in range(len(items))]
