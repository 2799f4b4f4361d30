"""Events of CloudTrail: which are of a role's session, and what they say about the call.

Source: CloudTrail User Guide, "CloudTrail record contents" and "CloudTrail userIdentity element".
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from pump_roles.iam.events import exact_source
from pump_roles.review.account.activity.activity_result import DONE
from pump_roles.validators import ACCOUNT

_TIME: Final = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z")

_DIGITS: Final = 12
"""The maximum number of digits of a count or a term."""

_COUNT: Final = {"instancecount", "dbinstancecount", "cachenodecount", "nodecount"}
_TYPE: Final = {"instancetype", "dbinstanceclass", "cachenodetype", "nodetype", "instancefamily"}
_PAYMENT: Final = {"offeringtype", "paymentoption"}
_ITEM: Final = {
    "caseid",
    "exchangeid",
    "handshakeid",
    "hostreservationid",
    "reservedcachenodeid",
    "reserveddbinstanceid",
    "reservedinstanceid",
    "reservedinstancesid",
    "reservedinstanceslistingid",
    "reservedinstancesmodificationid",
    "reservednodeid",
    "savingsplanid",
}


class Event(NamedTuple):
    """A call of a role's session."""

    time: str
    region: str
    source: str
    name: str
    session: str
    address: str
    outcome: str
    request: Mapping[str, Any]
    response: Mapping[str, Any]


class MalformedEventError(Exception):
    """A member of an event is missing, or does not have the type that CloudTrail writes."""


class Header(NamedTuple):
    """What every event has."""

    time: str
    region: str
    issuer: str = ""
    account: str = ""
    without_issuer: str = ""


def header_of(record: Any) -> Header:
    """Return what every event has."""
    try:
        time, region = record["eventTime"], record["awsRegion"]
        datetime.fromisoformat(time[:-1])
        identity = record.get("userIdentity") or {}
        header = Header(time, region)
        if identity.get("type") == "AssumedRole":
            by = (identity.get("sessionContext") or {}).get("sessionIssuer")
            if by:
                # Version 1.01 of the format, from 2013, has no recipient.
                account = record.get("recipientAccountId") or by["accountId"]
                if not by["arn"] or not ACCOUNT.accepts(account):
                    raise MalformedEventError
                header = Header(time, region, by["arn"], account)
            else:
                header = Header(time, region, without_issuer=identity["arn"].split("/")[-2])
    except (AttributeError, KeyError, TypeError, IndexError, ValueError):
        raise MalformedEventError from None
    if not (all(isinstance(member, str) for member in header) and region):
        raise MalformedEventError
    if not _TIME.fullmatch(time):
        raise MalformedEventError
    return header


def event_of(record: Mapping[str, Any], header: Header) -> Event:
    """Return the call of an event that is of a role's session."""
    source, name = record.get("eventSource"), record.get("eventName")
    arn, address = record["userIdentity"].get("arn"), record.get("sourceIPAddress") or ""
    code = record.get("errorCode")
    if code is None:
        # Some failures have only a message.
        code = DONE if record.get("errorMessage") is None else "error"
    for text in (source, name, arn, code):
        if not isinstance(text, str) or not text:
            raise MalformedEventError
    if not isinstance(address, str):
        raise MalformedEventError
    request = parameters(record, "requestParameters")
    return Event(
        header.time,
        header.region,
        exact_source(str(source), request),
        str(name),
        str(arn).rpartition("/")[2],
        address,
        code,
        request,
        parameters(record, "responseElements"),
    )


def parameters(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the parameters of a call, or what it returned; empty if the event has none."""
    found = record.get(name)
    # CloudTrail omits what is too long, and some services write a text.
    return found if isinstance(found, dict) else {}


def details_of(event: Event) -> dict[str, Any]:
    """Return what was bought or changed, as far as the event says so.

    The names of the members differ by service, and some services nest them.
    """
    asked, answered = _members(event.request), _members(event.response)

    def values(names: Collection[str], *places: Mapping[str, list[str]]) -> list[str]:
        found = (
            [text for name in sorted(names) for text in place.get(name, [])] for place in places
        )
        return next(filter(None, found), [])

    def text(*where: Any) -> str:
        return ", ".join(dict.fromkeys(values(*where)))

    counts = values(_COUNT, asked, answered)
    term = text({"duration"}, answered, asked)
    offerings = {name for name in (*asked, *answered) if name.endswith("offeringid")}
    handshake = parameters(event.response, "handshake")
    return {
        "item": text(_ITEM, answered, asked) or _text(handshake.get("id")),
        "offering": text(offerings, asked, answered),
        "count": sum(map(int, counts)) if counts and all(map(_is_number, counts)) else None,
        "type": text(_TYPE, answered, asked) or _text(handshake.get("action")),
        "term_seconds": int(term) if _is_number(term) else None,
        "payment": text(_PAYMENT, answered, asked),
        "hourly": text({"commitment"}, asked),
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _is_number(value: str) -> bool:
    return len(value) <= _DIGITS and value.isascii() and value.isdecimal()


def _members(value: Any) -> Mapping[str, list[str]]:
    # The values of each name, in lower case, however deep they are nested.
    found: dict[str, list[str]] = {}
    parts = [value]
    for part in parts:
        if isinstance(part, list):
            parts += part
            continue
        for name, member in part.items() if isinstance(part, dict) else ():
            if isinstance(member, dict | list):
                parts.append(member)
            elif isinstance(member, str | int | float) and not isinstance(member, bool):
                found.setdefault(name.lower(), []).append(str(member))
    return found
