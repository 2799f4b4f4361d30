"""Members of AWS's responses, checked, and what an error means, and what to do about it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from pump_roles.validators import Text


def list_in(response: Any, name: str) -> list[Any]:
    """Return a list in a response. Never take anything else for an empty list."""
    found = response[name]
    if not isinstance(found, list):
        raise TypeError(name)
    return found


def all_in(client: Any, operation: str, name: str, **arguments: Any) -> Iterator[Any]:
    """Yield the elements of a list from all pages of a response."""
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from list_in(page, name)


def text_in(response: Any, name: str) -> str:
    """Return a nonempty string in a response."""
    found = response[name]
    if not isinstance(found, str) or not found:
        raise TypeError(name)
    return found


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


class _Cause(NamedTuple):
    meaning: str
    remedy: str = ""


_NO_RESPONSE: Final = _Cause("no response", "check the network, the Region, and AWS_ENDPOINT_URL")
_NO_CREDENTIALS: Final = _Cause(
    "no usable credentials", "sign in, for example with aws sso login, or pass --profile"
)
_SIGN_IN: Final = "sign in again, or pass another --profile"

_CAUSES: Final[Mapping[str, _Cause]] = {
    code: cause
    for cause, codes in {
        _Cause("throttled", "try again later"): "429 RequestLimitExceeded RequestThrottled "
        "RequestThrottledException SlowDown ThrottledException Throttling ThrottlingException "
        "TooManyRequestsException",
        _Cause("the caller's credentials have expired", _SIGN_IN): "ExpiredToken "
        "ExpiredTokenException RequestExpired",
        _Cause("AWS rejects the caller's credentials", _SIGN_IN): "IncompleteSignature "
        "InvalidAccessKeyId InvalidClientTokenId MissingAuthenticationToken SignatureDoesNotMatch "
        "UnrecognizedClientException",
        _Cause("AWS STS is not activated in this Region for the caller's account"): (
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


def _find_cause(error: Exception) -> _Cause | None:
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
