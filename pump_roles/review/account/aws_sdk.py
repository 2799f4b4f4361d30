"""The AWS SDK: clients, threads that use them, and members of their responses, which are checked.

Also what an error means, and what to do about it.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from multiprocessing.pool import ThreadPool
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import boto3
import msgspec
from botocore import exceptions
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pump_roles.inputs.validators import Text, partition_of

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_organizations import OrganizationsClient
    from mypy_boto3_sts import STSClient


def moment_of(value: Any) -> datetime | None:
    """Return a point in time, in UTC; ``None`` if the value is not a time."""
    try:
        if isinstance(value, str) and value.replace(".", "", 1).isdecimal():
            return datetime.fromtimestamp(float(value), timezone.utc)
        if isinstance(value, str):
            # What datetime.fromisoformat() reads depends on the version of Python.
            value = msgspec.convert(value, datetime)
        if not isinstance(value, datetime):
            return None
        in_zone = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return in_zone.astimezone(timezone.utc)
    except (OverflowError, ValueError, OSError):
        return None


def in_utc(moment: datetime) -> str:
    """Return a point in time as AWS writes it, such as 2026-11-25T08:15:00Z."""
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def list_in(response: Any, name: str) -> list[Any]:
    """Return a list in a response. Never take anything else for an empty list."""
    listed = response[name]
    if not isinstance(listed, list):
        raise TypeError(name)
    return listed


def all_in(client: Any, operation: str, name: str, **arguments: Any) -> Iterator[Any]:
    """Yield the elements of a list from all pages of a response."""
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from list_in(page, name)


def text_in(response: Any, name: str) -> str:
    """Return a nonempty string in a response."""
    text = response[name]
    if not isinstance(text, str) or not text:
        raise TypeError(name)
    return text


def checked_id(value: object, validator: Text) -> str:
    """Return a value of a response if it is an ID."""
    if not validator.accepts(value):
        raise TypeError("not an ID")
    return value


ACCESS_DENIED: Final = "AccessDenied"
_DENIED: Final = {ACCESS_DENIED, "AccessDeniedException", "UnauthorizedOperation"}

NO_ORGANIZATION: Final = "AWSOrganizationsNotInUseException"
"""The code of the error if the caller's account is in no organization."""

_SERVER_ERROR: Final = 500
"""The lowest HTTP status of a server error."""


class GivenUpError(BotoCoreError):
    """A call that was not sent, because earlier ones got no response."""

    fmt = "given up after {reason}"


class _FailureCause(NamedTuple):
    meaning: str
    remedy: str = ""


_NO_RESPONSE: Final = _FailureCause(
    "no response", "check the network, the Region, and AWS_ENDPOINT_URL"
)
_NO_CREDENTIALS: Final = _FailureCause(
    "no usable credentials", "sign in, for example with aws sso login, or pass --profile"
)
_SIGN_IN: Final = "sign in again, or pass another --profile"

_CAUSES: Final[Mapping[str, _FailureCause]] = {
    code: cause
    for cause, codes in {
        _FailureCause("throttled", "try again later"): "429 RequestLimitExceeded RequestThrottled "
        "RequestThrottledException SlowDown ThrottledException Throttling ThrottlingException "
        "TooManyRequestsException",
        _FailureCause("the caller's credentials have expired", _SIGN_IN): "ExpiredToken "
        "ExpiredTokenException RequestExpired",
        _FailureCause("AWS rejects the caller's credentials", _SIGN_IN): "IncompleteSignature "
        "InvalidAccessKeyId InvalidClientTokenId MissingAuthenticationToken SignatureDoesNotMatch "
        "UnrecognizedClientException",
        _FailureCause("AWS STS is not activated in this Region for the caller's account"): (
            "RegionDisabledException"
        ),
    }.items()
    for code in codes.split()
}
"""The causes that AWS's error codes name."""


def error_code(error: Exception) -> str:
    """Return the code of an error from AWS; empty if it has none, or is not from AWS."""
    if not isinstance(error, ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_denial(code: str) -> bool:
    """Return whether an error code of AWS means that a call was denied."""
    return code.removeprefix("Client.") in _DENIED


def is_without_response(error: Exception) -> bool:
    """Return whether a call got no response: no connection, or nothing in time."""
    return isinstance(error, exceptions.ConnectionError | exceptions.HTTPClientError)


def _find_cause(error: Exception) -> _FailureCause | None:
    if isinstance(error, ClientError):
        return _CAUSES.get(error_code(error))
    if is_without_response(error) or isinstance(error, GivenUpError):
        return _NO_RESPONSE
    kind = type(error).__name__
    of_credentials = any(word in kind for word in ("Credential", "Metadata", "SSO", "Token"))
    return _NO_CREDENTIALS if of_credentials else None


def reason_of(error: Exception, client: Any) -> str:
    """Return why a call failed, without AWS's own message."""
    cause, kind = _find_cause(error), type(error).__name__
    if isinstance(error, ClientError):
        call = f"{client.meta.service_model.signing_name}:{error.operation_name}"
        code = error_code(error)
        if is_denial(code) or cause:
            return f"{cause.meaning if cause else 'denied'}: {call}"
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        # Only what looks like a code is safe to show.
        is_code = status < _SERVER_ERROR and re.fullmatch("[A-Za-z.]{1,64}", code)
        return f"{call} failed: {code if is_code else f'HTTP status {status}'}"
    if isinstance(error, GivenUpError):
        return str(error)
    if not isinstance(error, BotoCoreError):
        # botocore can raise anything if the response is not from AWS.
        return f"the response cannot be parsed ({kind})"
    if cause is _NO_RESPONSE:
        return f"{cause.meaning} from {client.meta.endpoint_url} ({kind})"
    return f"{cause.meaning if cause else 'the call was not sent'} ({kind})"


def remedy_for(error: Exception) -> str:
    """Return what to do about an error; empty if that is not known."""
    cause = _find_cause(error)
    return cause.remedy if cause else ""


def explain_error(error: Exception, client: Any) -> str:
    """Return why a call about an organization failed, and what to do about it."""
    code, remedy = error_code(error), remedy_for(error)
    if is_denial(code) or code == NO_ORGANIZATION:
        remedy = "call with credentials of the management account or of a delegated administrator"
    return "; ".join(filter(None, (reason_of(error, client), remedy)))


MINIMUM_SESSION_SECONDS: Final = 900
"""The minimum session duration of AWS STS, in seconds."""

_CONNECT_SECONDS: Final = 2
_DEFAULT_REGION: Final = "us-east-1"

_CONCURRENCY: Final = 8
"""How many roles, accounts, or Regions are worked on at once."""


_SILENT_ACCOUNTS: Final = 3
"""After how many accounts in a row without a response no other is tried."""


_Client = TypeVar("_Client")


class _CircuitBreaker:
    """Ends all calls if some in a row got no response, each of which takes as long as it can.

    The calls of each service are counted by themselves: AWS STS may still respond if IAM does not.

    :param most: after how many calls of one service.
    :param shared: that of other accounts, which the calls also count for.
    """

    def __init__(self, most: int, shared: "_CircuitBreaker | None" = None) -> None:
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


class AccountClients:
    """boto3 clients for one account, which is given up after the first call without a response.

    Several threads can use them.
    """

    def __init__(
        self, create: Callable[[str, str | None], Any], region: str, breaker: _CircuitBreaker
    ) -> None:
        self._create = create
        self.region = region
        self._own = breaker

    def iam(self) -> "IAMClient":
        """Return a client of IAM."""
        client: IAMClient = self._create("iam", self.region)
        return self._own.watch(client)

    def scheduler(self, region: str) -> Any:
        """Return a client of EventBridge Scheduler."""
        return self._own.watch(self._create("scheduler", region))


class Clients(AccountClients):
    """boto3 clients with the credentials of the caller.

    After a few accounts in a row without a response, all are given up: their other calls raise
    :class:`GivenUpError`.
    """

    def __init__(
        self,
        *,
        read_seconds: int,
        attempts: int,
        profile: str | None = None,
        region: str | None = None,
    ) -> None:
        session = boto3.Session(profile_name=profile, region_name=region)
        config = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=read_seconds,
            max_pool_connections=_CONCURRENCY,
            retries={"mode": "standard", "total_max_attempts": attempts},
        )
        # Creating a client is not thread-safe.
        creating = Lock()

        def create(service: str, region: str | None, **credentials: str) -> Any:
            with creating:
                return session.client(  # type: ignore[call-overload]
                    service, region, config=config, **credentials
                )

        self._create_with = create
        self._all = _CircuitBreaker(_SILENT_ACCOUNTS)
        # IAM and AWS Organizations are global, and STS in any Region serves every account: the
        # Region only selects the partition.
        region = session.region_name or _DEFAULT_REGION
        super().__init__(create, region, _CircuitBreaker(1, self._all))

    def with_credentials(self, credentials: Mapping[str, Any]) -> AccountClients:
        """Return clients of another account, with credentials from AWS STS."""
        create = partial(
            self._create_with,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )
        return AccountClients(create, self.region, _CircuitBreaker(1, self._all))

    def cloudtrail(self, region: str) -> Any:
        """Return a client of AWS CloudTrail, in a Region that is given up by itself."""
        return _CircuitBreaker(1, self._all).watch(self._create("cloudtrail", region))

    def athena(self) -> Any:
        """Return a client of Amazon Athena, with which a query is stopped after any failure."""
        return self._create("athena", self.region)

    def glue(self) -> Any:
        """Return a client of AWS Glue."""
        return self._own.watch(self._create("glue", self.region))

    def organizations(self) -> "OrganizationsClient":
        """Return a client of AWS Organizations."""
        client: OrganizationsClient = self._create("organizations", self.region)
        return self._own.watch(client)

    def sts(self) -> "STSClient":
        """Return a client of AWS STS."""
        client: STSClient = self._create("sts", self.region)
        return self._all.watch(client)


class CallerClients(Clients):
    """Clients with the caller's credentials, and which account that is.

    Each call ends within three minutes.
    """

    def __init__(self, *, profile: str | None = None, region: str | None = None) -> None:
        super().__init__(profile=profile, region=region, read_seconds=10, attempts=8)
        self.caller = self.sts()
        identity = self.caller.get_caller_identity()
        self.account = identity["Account"]
        self.partition = partition_of(identity["Arn"])

    def assume(
        self, role_arn: str, *, session_name: str, policy: Mapping[str, Any]
    ) -> AccountClients:
        """Assume a role for the minimum time, and return clients with its credentials."""
        assumed = self.caller.assume_role(
            RoleArn=role_arn,
            RoleSessionName=session_name,
            DurationSeconds=MINIMUM_SESSION_SECONDS,
            Policy=json.dumps(policy, separators=(",", ":")),
        )
        return self.with_credentials(assumed["Credentials"])


_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def in_threads(
    items: Sequence[_Task],
    work: Callable[[_Task], _Result],
    *,
    on_result: Callable[[_Result], object] | None = None,
) -> list[_Result]:
    """Work on several items at once, and return the results in the order of the items."""

    def work_on(index: int) -> tuple[int, _Result]:
        return index, work(items[index])

    results: dict[int, _Result] = {}
    # Not concurrent.futures: Python waits for its threads at exit, but Ctrl+C must end the command.
    with ThreadPool(max(1, min(_CONCURRENCY, len(items)))) as pool:
        for index, result in pool.imap_unordered(work_on, range(len(items))):
            results[index] = result
            if on_result is not None:
                on_result(result)
    return [results[index] for index in range(len(items))]
