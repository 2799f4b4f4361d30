"""The SQL query for the events of the roles, in a table of CloudTrail's files in Amazon Athena.

One scan of the table returns each event that the reader needs, and the number of all others.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from pump_roles.json_input import InputError, parse_any_depth
from pump_roles.review.account.activity.watched_roles import WatchedRoles
from pump_roles.review.account.times import in_utc
from pump_roles.validators import ROLE_NAME, ArgumentError

_MEMBERS: Final = (
    "addendum.originalEventID",
    "addendum.reason",
    "awsRegion",
    "errorCode",
    "errorMessage",
    "eventID",
    "eventName",
    "eventSource",
    "eventTime",
    "recipientAccountId",
    "requestParameters",
    "responseElements",
    "sourceIPAddress",
    "userIdentity.accountId",
    "userIdentity.arn",
    "userIdentity.sessionContext.sessionIssuer.accountId",
    "userIdentity.sessionContext.sessionIssuer.arn",
    "userIdentity.type",
)
"""What is read of an event. The columns have the same names in lower case.

Source: Amazon Athena User Guide, "Create the table for CloudTrail logs in Athena using manual
partitioning" and "using partition projection"; "Convert Athena data types to JSON" for the record,
which is an array of these."""

_AS_JSON: Final = {"requestParameters", "responseElements"}
"""The members whose columns have a JSON text."""

COLUMNS: Final = ("account", "region", "day", "events", "earliest", "latest", "record")
"""The columns of the result. A row is about events of one account, Region, and day: about all that
are not of the roles, or about those with one record."""

_ISSUER: Final = "useridentity.sessioncontext.sessionissuer.arn"

_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | (?P<rejected> -- | /\* | [;`'"] ) | [()]""", re.VERBOSE
)


def check_condition(argument: str, condition: str) -> str:
    """Return a condition in SQL, if nothing in it ends the parentheses that it is put into."""
    depth = 0
    for token in _TOKEN.finditer(condition):
        text = token[0]
        if token["rejected"]:
            raise ArgumentError(argument, f"{condition!r}: {text} is not allowed in a condition")
        depth += {"(": 1, ")": -1}.get(text, 0)
        if depth < 0:
            break
    if depth or not condition.strip():
        raise ArgumentError(argument, f"{condition!r} is not a condition, such as region = 'eu-1'")
    return condition


def query(table: str, roles: WatchedRoles, *, since: datetime | None, condition: str) -> str:
    """Return the query."""
    database, name = table.lower().split(".")
    record = ",\n      ".join(member.lower() for member in _MEMBERS)
    conditions = " AND ".join(
        [
            *([f"eventtime >= '{in_utc(since)}'"] if since else []),
            *([f"({condition})"] if condition else []),
        ]
    )
    where = f"\n  WHERE {conditions}" if conditions else ""
    of_roles = "\n      OR ".join(f"({each})" for each in _conditions(roles))
    # Everything in it is checked: the table, the roles' names, and the condition.
    return f"""\
SELECT account, region, day, count(*) AS events, min(eventtime) AS earliest,
  max(eventtime) AS latest, record
FROM (
  SELECT recipientaccountid AS account, awsregion AS region, substr(eventtime, 1, 10) AS day,
    eventtime,
    CASE WHEN {of_roles}
    THEN CAST(ARRAY[
      {record}
    ] AS JSON) END AS record
  FROM "{database}"."{name}"{where}
)
GROUP BY account, region, day, record"""  # noqa: S608


def _conditions(roles: WatchedRoles) -> Iterator[str]:
    # They may select more events than those of the roles, but never fewer.
    for name in sorted({name.lower() for watched in roles.roles for name in watched.names}):
        if not ROLE_NAME.accepts(name):
            raise InputError(f"--athena: {name!r} is not {ROLE_NAME.description}")
        yield f"lower({_ISSUER}) LIKE '%/{name}'"
        # Its issuer is not named.
        yield f"lower(useridentity.arn) LIKE '%{name}/%'"
        yield f"""eventname = 'AssumeRole' AND lower(requestparameters) LIKE '%{name}"%'"""
    # It may be of one of the roles.
    yield (
        f"useridentity.type = 'AssumedRole' AND coalesce({_ISSUER}, '') = ''\n"
        "        AND coalesce(useridentity.arn, '') NOT LIKE '%/%'"
    )


def record_of(text: str) -> Any:
    """Return an event as a trail has it; ``None`` if it cannot be read."""
    try:
        values = parse_any_depth(text)
        members = [*zip(_MEMBERS, values, strict=True)]
        return _nested((name, _value(name, value)) for name, value in members if value is not None)
    except (TypeError, ValueError, RecursionError):
        return None


def _value(name: str, value: str) -> Any:
    if name not in _AS_JSON:
        return value
    try:
        return parse_any_depth(value)
    except ValueError:
        # Some services write a text. An object that cannot be read is not one.
        if value.startswith("{"):
            raise
        return value


def _nested(members: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name, value in members:
        *outer, last = name.split(".")
        place = record
        for part in outer:
            place = place.setdefault(part, {})
        place[last] = value
    return record


def missing_columns(types: dict[str, str]) -> list[str]:
    """Return which columns of the query a table does not have.

    :param types: the types of the table's columns, as AWS Glue has them, by name.
    """
    found = []
    for member in _MEMBERS:
        column, *fields = member.lower().split(".")
        type_ = types.get(column, "").lower()
        if not type_ or any(not re.search(rf"\b{field}\s*:", type_) for field in fields):
            found.append(member.lower())
    return found
