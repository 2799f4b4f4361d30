"""Reads a trail where it is: with one query in Amazon Athena, in the caller's table.

One scan of the table returns each event that the reader needs, and the number of all others.
"""

import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from botocore.exceptions import ClientError

from pump_roles.inputs.text import InputError, cut, parse_any_depth
from pump_roles.inputs.validators import ROLE_NAME, ArgumentError, Text
from pump_roles.review.account.activity_collector import Collector
from pump_roles.review.account.activity_result import ActivityUnknown, TableRead
from pump_roles.review.account.aws_sdk import (
    Clients,
    error_code,
    in_utc,
    is_without_response,
    list_in,
    moment_of,
    reason_of,
    text_in,
)
from pump_roles.review.account.watched_roles import WatchedRoles

ATHENA_TABLE: Final = Text(
    pattern=r"^[A-Za-z0-9_-]{1,255}\.[A-Za-z0-9_-]{1,255}$",
    description="a database and its table, such as default.cloudtrail_logs",
)
"""AWS Glue API Reference, "Table" and "Database", ``Name``: 1 to 255 characters. Of these, Amazon
Athena documents letters, digits, and underscores; the console of Glue also creates hyphens."""

WORKGROUP: Final = Text(
    pattern="^[A-Za-z0-9._-]{1,128}$",
    description="the name of a workgroup: 1 to 128 of A-Z a-z 0-9 . _ -",
)
"""Amazon Athena API Reference, "StartQueryExecution", ``WorkGroup``."""

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

NOT_ESSENTIAL: Final = (
    "addendum.originaleventid",
    "addendum.reason",
    "errormessage",
    "eventid",
    "responseelements",
    "sourceipaddress",
    "useridentity.accountid",
    "useridentity.sessioncontext.sessionissuer.accountid",
)
"""The columns without which a table is read. Most tables are older than ``addendum``."""

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


_WORD: Final = re.compile(
    r"""'(?:[^']|'')*' | interval\s+'[^']*'\s+\w+ | "(?P<quoted>(?:[^"]|"")*)"
    | (?<!\w)(?P<word>[^\W\d]\w*)""",
    re.VERBOSE | re.IGNORECASE,
)

_NO_COLUMNS: Final = {
    *("and", "as", "between", "cast", "concat", "current_date", "date", "date_add", "date_format"),
    *("escape", "false", "from_iso8601_date", "in", "integer", "is", "like", "lower", "not", "now"),
    *("null", "or", "substr", "true", "varchar"),
}
"""The words of a condition that are no column, and give the same answer for a whole partition."""


def names_in(condition: str) -> set[str]:
    """Return what a condition names: columns, and whatever else may decide about an event."""
    found = ((each["quoted"] or each["word"] or "").lower() for each in _WORD.finditer(condition))
    return {name for name in found if name and name not in _NO_COLUMNS}


_IN_UTC: Final = "____-__-__T__:__:__Z"
"""The pattern of an event's time as CloudTrail writes it. Others are not in the order of texts."""


def query(
    table: str,
    roles: WatchedRoles,
    *,
    since: datetime | None,
    condition: str,
    bound: str = "",
    missing: Collection[str] = (),
) -> str:
    """Return the query.

    :param bound: another condition, for the partitions.
    :param missing: the columns that the table does not have.
    """
    database, name = table.lower().split(".")
    columns = (member.lower() for member in _MEMBERS)
    record = ",\n      ".join("NULL" if column in missing else column for column in columns)
    in_period = (
        f"(eventtime >= '{in_utc(since)}' OR coalesce(eventtime, '') NOT LIKE '{_IN_UTC}')"
        if since
        else ""
    )
    conditions = " AND ".join(
        filter(None, (in_period, bound, f"({condition})" if condition else ""))
    )
    where = f"\n  WHERE {conditions}" if conditions else ""
    of_roles = "\n      OR ".join(f"({each})" for each in _conditions(roles))
    # Everything in it is checked: the table, the roles' names, and the condition.
    return f"""\
SELECT account, region, day, count(*) AS events, min(eventtime) AS earliest,
  max(eventtime) AS latest, record
FROM (
  SELECT recipientaccountid AS account, awsregion AS region,
    CASE WHEN eventtime LIKE '{_IN_UTC}' THEN substr(eventtime, 1, 10) END AS day, eventtime,
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


_DATE: Final = re.compile("yyyy([/-]?)MM([/-]?)dd")

_TEXTS: Final = ("string", "varchar", "char")
_NUMBERS: Final = ("tinyint", "smallint", "int", "integer", "bigint")


class TrailTable(NamedTuple):
    """A table of a trail's files.

    :param name: its database and its name.
    :param missing: the columns that it does not have.
    :param partitions: the types of its partitions, by name.
    :param parameters: its properties.
    """

    name: str
    missing: tuple[str, ...]
    partitions: Mapping[str, str]
    parameters: Mapping[str, str]

    def bound(self, since: datetime) -> str:
        """Return the condition for the partitions since a day; empty if they are not dates.

        CloudTrail delivers an event after it happened, into the folder of that day.

        Source: Amazon Athena User Guide, the pages about tables for CloudTrail, as above.
        """
        if self.parameters.get("projection.enabled") == "true":
            for name in self.partitions:
                is_date = self.parameters.get(f"projection.{name}.type") == "date"
                found = _DATE.fullmatch(self.parameters.get(f"projection.{name}.format", ""))
                if is_date and found and self._is(_TEXTS, name):
                    day = since.strftime(f"%Y{found[1]}%m{found[2]}%d")
                    return f"\"{name}\" >= '{day}'"
        names = ("year", "month", "day")
        texts = self._is(_TEXTS, *names)
        if not (texts or self._is(_NUMBERS, *names)):
            return ""
        parts = since.strftime("%Y %m %d").split()
        # A value without a leading zero is greater than one with it: that day is read, too.
        year, month, day = (f"'{part}'" if texts else f"{int(part)}" for part in parts)
        return (
            f"(year > {year} OR (year = {year} AND (month > {month} OR "
            f"(month = {month} AND day >= {day}))))"
        )

    def _is(self, types: Collection[str], *names: str) -> bool:
        found = (self.partitions.get(name, "").lower().partition("(")[0] for name in names)
        return all(type_ in types for type_ in found)


class QueryStep(NamedTuple):
    """What happened to a query.

    ``all-partitions`` comes before it is started, if neither the period nor the condition skips a
    partition. Without a response, it ``may-have-started``. An interrupted query is ``stopped`` or
    ``not-stopped``, and the result of one that succeeded may be ``not-read``. The others are
    Athena's states.

    :param id: the ID of the query; empty if it has none.
    :param detail: the names of the partitions, or why a query was not stopped.
    """

    state: Literal[
        "all-partitions",
        "started",
        "may-have-started",
        "queued",
        "running",
        "succeeded",
        "stopped",
        "not-stopped",
        "not-read",
    ]
    id: str = ""
    detail: str = ""


Tell = Callable[[QueryStep], object]


class TableQuery(NamedTuple):
    """What is asked of a table.

    :param since: the beginning of the period; ``None`` for all of it.
    """

    table: str
    workgroup: str
    condition: str
    since: datetime | None
    until: datetime


def read_table(
    clients: Clients, roles: WatchedRoles, asked: TableQuery, *, collector: Collector, tell: Tell
) -> int:
    """Run a query, add what it returns, and return how many bytes it scanned.

    If this is interrupted, the query is stopped.
    """
    glue, athena = clients.glue(), clients.athena()
    since = asked.since
    try:
        table = _describe(glue, asked.table)
        bound = table.bound(since) if since else ""
        names = names_in(asked.condition)
        if others := sorted(names - table.partitions.keys()):
            unknown = ActivityUnknown(
                why="condition", subject=asked.table, detail=", ".join(others)
            )
            collector.unknown.append(unknown)
        if table.partitions and not bound and names.isdisjoint(table.partitions):
            tell(QueryStep("all-partitions", detail=", ".join(table.partitions)))
        sql = query(
            asked.table,
            roles,
            since=since,
            condition=asked.condition,
            bound=bound,
            missing=table.missing,
        )
        id_ = _start(athena, sql, asked, tell)
        collector.table = TableRead(
            query=id_,
            table=asked.table,
            workgroup=asked.workgroup,
            condition=asked.condition,
            since=in_utc(since) if since else "",
            until=in_utc(asked.until),
            missing=table.missing,
        )
        scanned = _wait(athena, id_, tell)
        try:
            for number, row in enumerate(_rows(athena, id_), 1):
                add_row(collector, asked.table, row, number)
        except BaseException:
            tell(QueryStep("not-read", id_))
            raise
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(reason_of(error, athena)) from None
    return scanned


def _describe(glue: Any, table: str) -> TrailTable:
    database, name = table.split(".")
    try:
        described = glue.get_table(DatabaseName=database, Name=name)["Table"]
    except ClientError as error:
        if error_code(error) == "EntityNotFoundException":
            raise InputError(f"--athena: there is no table {table}; see {_PAGE}") from None
        raise
    types = _types(list_in(described["StorageDescriptor"], "Columns"))
    missing = missing_columns(types)
    if essential := [column for column in missing if column not in NOT_ESSENTIAL]:
        raise InputError(
            f"--athena: the table {table} does not have {', '.join(essential)}; create it as in "
            f"{_PAGE}"
        )
    # A table without partitions may have no such member.
    partitions = _types(list_in({"PartitionKeys": [], **described}, "PartitionKeys"))
    return TrailTable(table, tuple(missing), partitions, described.get("Parameters") or {})


def _types(columns: Iterable[Any]) -> dict[str, str]:
    return {text_in(column, "Name").lower(): text_in(column, "Type") for column in columns}


def _start(athena: Any, sql: str, asked: TableQuery, tell: Tell) -> str:
    context = {"Database": asked.table.partition(".")[0]}
    try:
        started = athena.start_query_execution(
            QueryString=sql, QueryExecutionContext=context, WorkGroup=asked.workgroup
        )
    except ClientError as error:
        if "output location" in str(error).lower():
            raise InputError(
                f"--workgroup: {asked.workgroup} has no location for query results; set one, or "
                "pass another workgroup"
            ) from None
        raise
    except BaseException as error:
        if not isinstance(error, Exception) or is_without_response(error):
            tell(QueryStep("may-have-started"))
        raise
    return text_in(started, "QueryExecutionId")


def _wait(athena: Any, id_: str, tell: Tell) -> int:
    seconds, before = 0.1, ""
    try:
        tell(QueryStep("started", id_))
        while True:
            execution = athena.get_query_execution(QueryExecutionId=id_)["QueryExecution"]
            state: Any = text_in(execution["Status"], "State").lower()
            if state in ("failed", "cancelled"):
                break
            if state != before:
                tell(QueryStep(state, id_))
                before = state
            if state == "succeeded":
                break
            time.sleep(seconds)
            seconds = min(2 * seconds, _MOST_SECONDS_BETWEEN)
    except BaseException:
        _stop(athena, id_, tell)
        raise
    if state == "succeeded":
        scanned = execution["Statistics"]["DataScannedInBytes"]
        if not isinstance(scanned, int):
            raise ValueError(f"query {id_} scanned {scanned!r} bytes, which is not a number")
        return scanned
    reason = cut(execution["Status"].get("StateChangeReason") or "no reason", _LONGEST)
    what = "failed" if state == "failed" else "was canceled"
    raise InputError(f"the result is unknown: query {id_} {what}: {reason}")


def _stop(athena: Any, id_: str, tell: Tell) -> None:
    try:
        athena.stop_query_execution(QueryExecutionId=id_)
    except BaseException as error:  # noqa: BLE001
        # Also a second Ctrl+C. The first one is raised.
        why = reason_of(error, athena) if isinstance(error, Exception) else "interrupted"
        tell(QueryStep("not-stopped", id_, why))
    else:
        tell(QueryStep("stopped", id_))


def _rows(athena: Any, id_: str) -> Iterator[Mapping[str, str | None]]:
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=id_)
    number = 0
    for page in pages:
        for row in list_in(page["ResultSet"], "Rows"):
            # NULL has no value.
            values = [datum.get("VarCharValue") for datum in list_in(row, "Data")]
            if number == 0 and values != [*COLUMNS]:
                raise ValueError(f"the result of query {id_} does not have the expected columns")
            if len(values) != len(COLUMNS):
                raise ValueError(
                    f"row {number} of the result of query {id_} has {len(values)} values; "
                    f"{len(COLUMNS)} are expected"
                )
            if number:
                yield dict(zip(COLUMNS, values, strict=True))
            number += 1


def add_row(
    collector: Collector, table: str, row: Mapping[str, str | None], number: int = 1
) -> None:
    """Add what a row of the result is about."""
    text = row["events"] or ""
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"row {number} of the result: the number of events is {text!r}")
    events = int(text)
    if row["record"] is not None:
        collector.add(table, [record_of(row["record"])] * events)
        return
    first, last = moment_of(row["earliest"]), moment_of(row["latest"])
    if first is None or last is None or not row["day"] or not row["region"]:
        collector.add(table, [None] * events)
    else:
        collector.count(row["account"] or "", row["region"], first, last, events)
