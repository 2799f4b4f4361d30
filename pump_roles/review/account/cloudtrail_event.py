"""Events of CloudTrail, and what they say about the call.

Source: CloudTrail User Guide, "CloudTrail record contents", also for aggregated events, and
"CloudTrail userIdentity element".
"""

import re
from calendar import monthrange
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Final

from msgspec import Meta, Struct, field

from pump_roles.event_sources import exact_source
from pump_roles.inputs.validators import ACCOUNT
from pump_roles.review.account.activity_result import DONE, Quantity
from pump_roles.review.account.aws_sdk import in_utc, is_denial, moment_of

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

_ID: Final = re.compile("[0-9A-Za-z-]{1,64}")

_NonEmpty = Annotated[str, Meta(min_length=1)]


class _Issuer(Struct, rename="camel"):
    arn: str = ""
    account_id: str = ""


class _SessionContext(Struct, rename="camel"):
    session_issuer: _Issuer | None = None


class _UserIdentity(Struct, rename="camel"):
    type: str | None = None
    arn: str | None = None
    account_id: str | None = None
    session_context: _SessionContext | None = None


_NO_IDENTITY: Final = _UserIdentity()
_NO_ISSUER: Final = _Issuer()

# A trail has few accounts, but whoever writes a file may choose any text.
_is_account: Final = lru_cache(maxsize=2**10)(ACCOUNT.accepts)


def is_aggregated(record: Any) -> bool:
    """Return whether a record only counts events of others, as Insights events do."""
    return (
        isinstance(record, dict)
        and record.get("eventCategory") == "Aggregated"
        and not record.keys() & {"eventName", "userIdentity"}
    )


class Event(Struct, rename="camel"):
    """An event. A record that is not as CloudTrail writes it raises msgspec's error."""

    event_time: Annotated[datetime, Meta(tz=True)]
    aws_region: _NonEmpty
    # Insights events have neither of the two.
    event_source: str = ""
    event_name: str = ""
    user_identity: _UserIdentity | None = None
    recipient_account_id: str | None = None
    source_ip_address: str | None = field(default=None, name="sourceIPAddress")
    error_code: _NonEmpty | None = None
    error_message: Any = None
    request_parameters: Any = None
    response_elements: Any = None
    event_id: Any = field(default=None, name="eventID")
    addendum: Any = None

    # Not from the record: whose session it is, and in which account.
    issuer: str = ""
    account: str = ""
    unnamed_issuer: str = ""

    def __post_init__(self) -> None:
        self.issuer = self.account = self.unnamed_issuer = ""
        # Days, months, and deadlines are those in UTC.
        if (time := moment_of(self.event_time)) is None:
            raise ValueError("not a time in UTC")
        self.event_time = time
        identity = self.user_identity or _NO_IDENTITY
        context = identity.session_context
        issuer = (context and context.session_issuer) or _NO_ISSUER
        if issuer != _NO_ISSUER:
            self.issuer = issuer.arn
            # Version 1.01 of the format, from 2013, has no recipient.
            self.account = self.recipient_account_id or issuer.account_id
            if not (self.issuer and self.event_source and self.event_name and identity.arn):
                raise ValueError("a member is missing")
        elif identity.type == "AssumedRole":
            *_, self.unnamed_issuer, _ = (identity.arn or "").split("/")
            return
        elif self.assumes_role and self.recipient_account_id is not None:
            self.account = self.recipient_account_id
        else:
            return
        if not _is_account(self.account):
            raise ValueError("not the ID of an account")

    @property
    def assumes_role(self) -> bool:
        """Whether it is a call that assumes a role."""
        return self.event_name == "AssumeRole" and self.event_source == "sts.amazonaws.com"

    @property
    def time(self) -> str:
        """When it was, in UTC."""
        return in_utc(self.event_time)

    @property
    def id(self) -> str:
        """The ID that no other event has; empty if it has none.

        An event that corrects an earlier one has the ID of that one.
        """
        id_ = self.addendum["originalEventID"] if self.corrects else self.event_id
        return id_ if isinstance(id_, str) and _ID.fullmatch(id_) else ""

    @property
    def corrects(self) -> bool:
        """Whether it has what was missing or wrong in an earlier event of the same call."""
        addendum = _mapping(self.addendum)
        return addendum.get("reason") == "UPDATED_DATA" and "originalEventID" in addendum

    @property
    def call(self) -> tuple[str, ...]:
        """What an event and one that corrects it have in common."""
        return self.issuer, self.event_source, self.event_name

    @property
    def source(self) -> str:
        """The source of the one service that it is of."""
        return exact_source(self.event_source, self.request)

    @property
    def session(self) -> str:
        """The name of the role's session."""
        identity = self.user_identity
        return ((identity and identity.arn) or "").rpartition("/")[2]

    @property
    def outcome(self) -> str:
        """How the call ended: :data:`DONE`, or the code of an error."""
        # Some failures have only a message.
        return self.error_code or (DONE if self.error_message is None else "error")

    @property
    def denied(self) -> bool:
        """Whether the call was denied."""
        return is_denial(self.outcome)

    @property
    def request(self) -> Mapping[str, Any]:
        """The parameters of the call."""
        return _mapping(self.request_parameters)

    @property
    def response(self) -> Mapping[str, Any]:
        """What the call returned."""
        return _mapping(self.response_elements)


def _mapping(value: Any) -> Mapping[str, Any]:
    # CloudTrail omits what is too long, and some services write a text.
    return value if isinstance(value, dict) else {}


def read_details(event: Event) -> dict[str, Any]:
    """Return what was bought or changed, as far as the event says so.

    The names of the members differ by service, and some services nest them.
    """
    places = asked, answered = _members(event.request), _members(event.response)

    def values(names: Collection[str], *places: Mapping[str, list[str]]) -> list[str]:
        by_place = (
            [text for name in sorted(names) for text in place.get(name, [])] for place in places
        )
        return next(filter(None, by_place), [])

    def text(names: Collection[str], *places: Mapping[str, list[str]]) -> str:
        return ", ".join(dict.fromkeys(values(names, *places)))

    term = text({"duration"}, answered, asked)
    offerings = {name for name in (*asked, *answered) if name.endswith("offeringid")}
    handshake = _mapping(event.response.get("handshake"))
    return {
        "item": text(_ITEM, answered, asked) or _text(handshake.get("id")),
        "offering": text(offerings, asked, answered),
        "quantities": _quantities(event, values(_COUNT, *places), values(_TYPE, *reversed(places))),
        "handshake_type": _text(handshake.get("action")),
        "term_seconds": int(term) if _is_number(term) else None,
        "payment": text(_PAYMENT, answered, asked),
        "hourly": text({"commitment"}, asked),
        "upfront": text({"upfrontpaymentamount"}, asked),
    }


def new_id(event: Event) -> str:
    """Return the ID that AWS gave to what was bought or changed; empty if the event has none."""
    asked, answered = _members(event.request), _members(event.response)
    # The caller chooses some IDs, and can choose one again.
    chosen = {text for texts in asked.values() for text in texts}
    ids = (text for name in sorted(_ITEM) for text in answered.get(name, ()))
    return ", ".join(id_ for id_ in ids if id_ not in chosen)


def _quantities(
    event: Event, counts: Collection[str], types: Collection[str]
) -> tuple[Quantity, ...]:
    for place in (event.request, event.response):
        each = [*_counted(place)]
        if each and all(type_ and _is_number(count) for count, type_ in each):
            return tuple(
                Quantity(
                    count=sum(int(count) for count, other in each if other == type_), type=type_
                )
                for type_ in dict.fromkeys(type_ for _, type_ in each)
            )
    total = sum(map(int, counts)) if counts and all(map(_is_number, counts)) else None
    distinct = [*dict.fromkeys(types)]
    if total is None or len(distinct) == 1:
        return tuple(Quantity(count=total, type=type_) for type_ in distinct)
    # How many of each type is not known.
    return (Quantity(count=total), *(Quantity(type=type_) for type_ in distinct))


def _counted(place: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    # The count and the type in each object that has one of them.
    for part in _parts(place):
        if isinstance(part, dict):
            members = {
                name.lower(): str(member)
                for name, member in part.items()
                if not isinstance(member, dict | list)
            }
            count, type_ = (
                next((members[name] for name in sorted(names) if name in members), "")
                for names in (_COUNT, _TYPE)
            )
            if count or type_:
                yield count, type_


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _is_number(value: str) -> bool:
    return len(value) <= _DIGITS and value.isascii() and value.isdecimal()


def may_pass_tags(event: Event) -> bool:
    """Return whether the call passed tags, or its parameters are not known."""
    # EC2 numbers the elements of a list with a member of this name.
    names = {name for name, _ in _nested(event.request)} - {"tag"}
    return event.request_parameters != event.request or any("tag" in name for name in names)


def _members(value: Any) -> Mapping[str, list[str]]:
    # The values of each name.
    by_name: dict[str, list[str]] = {}
    for name, member in _nested(value):
        if isinstance(member, str | int | float) and not isinstance(member, bool):
            by_name.setdefault(name, []).append(str(member))
    return by_name


def _nested(value: Any) -> Iterator[tuple[str, Any]]:
    # The members of objects, with their names in lower case, however deep they are nested.
    for part in _parts(value):
        if isinstance(part, dict):
            yield from ((name.lower(), member) for name, member in part.items())


def _parts(value: Any) -> list[Any]:
    # A value, and everything in it.
    parts = [value]
    for part in parts:
        if isinstance(part, list):
            parts += part
        elif isinstance(part, dict):
            parts += part.values()
    return parts


_BUYS: Final = "savingsplans:CreateSavingsPlan"

_MOST: Final = 100
"""The highest hourly commitment, in dollars, of a plan that can be returned."""

_DAYS: Final = timedelta(days=7)
_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")


def returnable_until(event: Event, action: str) -> str | None:
    """Return until when what was bought can be returned, in UTC."""
    if action != _BUYS or event.outcome != DONE:
        return ""
    hourly = event.request.get("commitment")
    # Other partitions may have another currency.
    in_dollars = event.issuer.startswith("arn:aws:") and isinstance(hourly, str | int | float)
    if not in_dollars or not _NUMBER.fullmatch(str(hourly)):
        return None
    if Decimal(str(hourly)) > _MOST:
        return ""
    # A queued plan is bought later.
    queued = event.request.get("purchaseTime")
    starts = event.event_time if queued is None else moment_of(str(queued))
    if starts is None:
        return None
    bought = max(event.event_time, starts)
    end_of_month = bought.replace(
        day=monthrange(bought.year, bought.month)[1], hour=23, minute=59, second=59
    )
    try:
        return in_utc(min(bought + _DAYS, end_of_month))
    except OverflowError:
        # At the end of the year 9999.
        return None
