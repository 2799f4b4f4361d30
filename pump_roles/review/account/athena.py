"""Reads a trail where it is: with one query in Amazon Athena, in the caller's table.

One scan of the table returns each event that the reader needs, and the number of all others.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from pump_roles.inputs import ROLE_NAME, ArgumentError, InputError, cut, parse_any_depth
from pump_roles.review.account.activity_collector import Collector
from pump_roles.review.account.aws_sdk import (
    Clients,
    error_code,
    in_utc,
    list_in,
    moment_of,
    reason_of,
    text_in,
)
from pump_roles.review.account.watched_roles import WatchedRoles

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
    missing = []
    for member in _MEMBERS:
        column, *fields = member.lower().split(".")
        type_ = types.get(column, "").lower()
        if not type_ or any(not re.search(rf"\b{field}\s*:", type_) for field in fields):
            missing.append(member.lower())
    return missing


_PAGE: Final = '"Create the table for CloudTrail logs in Athena" in the Amazon Athena User Guide'

_LONGEST: Final = 400
"""The maximum length of Athena's reason for a failure, in characters."""

_MOST_SECONDS_BETWEEN: Final = 2.0
"""The maximum time between two questions whether the query has ended."""


def read_table(
    clients: Clients,
    sql: str,
    *,
    table: str,
    workgroup: str,
    collector: Collector,
    progress: Callable[[str], object],
) -> int:
    """Run a query, add what it returns, and return how many bytes it scanned.

    If this is interrupted, the query is stopped.
    """
    glue, athena = clients.glue(), clients.athena()
    try:
        _check_columns(glue, table)
        id_ = _start(athena, sql, table, workgroup)
        scanned = _wait(athena, id_, progress)
        for row in _rows(athena, id_):
            add_row(collector, table, row)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(reason_of(error, athena)) from None
    return scanned


def _check_columns(glue: Any, table: str) -> None:
    database, name = table.split(".")
    try:
        described = glue.get_table(DatabaseName=database, Name=name)["Table"]
    except ClientError as error:
        if error_code(error) == "EntityNotFoundException":
            raise InputError(f"--athena: there is no table {table}; see {_PAGE}") from None
        raise
    columns = list_in(described["StorageDescriptor"], "Columns")
    types = {text_in(column, "Name").lower(): text_in(column, "Type") for column in columns}
    if missing := missing_columns(types):
        raise InputError(
            f"--athena: the table {table} does not have {', '.join(missing)}; create it as in "
            f"{_PAGE}"
        )


def _start(athena: Any, sql: str, table: str, workgroup: str) -> str:
    context = {"Database": table.partition(".")[0]}
    try:
        started = athena.start_query_execution(
            QueryString=sql, QueryExecutionContext=context, WorkGroup=workgroup
        )
    except ClientError as error:
        if "output location" in str(error).lower():
            raise InputError(
                f"--workgroup: {workgroup} has no location for query results; set one, or pass "
                "another workgroup"
            ) from None
        raise
    return text_in(started, "QueryExecutionId")


def _wait(athena: Any, id_: str, progress: Callable[[str], object]) -> int:
    seconds, before = 0.1, ""
    try:
        while True:
            execution = athena.get_query_execution(QueryExecutionId=id_)["QueryExecution"]
            state = text_in(execution["Status"], "State")
            if state != before:
                progress(state.lower())
                before = state
            if state == "SUCCEEDED":
                return int(execution["Statistics"]["DataScannedInBytes"])
            if state in ("FAILED", "CANCELLED"):
                break
            time.sleep(seconds)
            seconds = min(2 * seconds, _MOST_SECONDS_BETWEEN)
    except BaseException:
        with suppress(Exception):
            athena.stop_query_execution(QueryExecutionId=id_)
        raise
    reason = cut(execution["Status"].get("StateChangeReason") or "no reason", _LONGEST)
    what = "failed" if state == "FAILED" else "was canceled"
    raise InputError(f"the result is unknown: the query {what}: {reason}")


def _rows(athena: Any, id_: str) -> Iterator[Mapping[str, str | None]]:
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=id_)
    header = True
    for page in pages:
        for row in list_in(page["ResultSet"], "Rows"):
            # NULL has no value.
            values = [datum.get("VarCharValue") for datum in list_in(row, "Data")]
            if header:
                if values != [*COLUMNS]:
                    raise ValueError("the result of the query has other columns")
                header = False
                continue
            yield dict(zip(COLUMNS, values, strict=True))


def add_row(collector: Collector, table: str, row: Mapping[str, str | None]) -> None:
    """Add what a row of the result is about."""
    events = int(row["events"] or "")
    if row["record"] is not None:
        collector.add(table, [record_of(row["record"])] * events)
        return
    first, last = moment_of(row["earliest"]), moment_of(row["latest"])
    if first is None or last is None or not row["region"]:
        collector.add(table, [None] * events)
    else:
        collector.count(row["account"] or "", row["region"], first, last, events)
