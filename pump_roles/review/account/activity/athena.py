"""Reads a trail where it is: with one query in Amazon Athena, in the caller's table."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from botocore.exceptions import ClientError

from pump_roles.json_input import InputError
from pump_roles.review.account.activity.athena_query import COLUMNS, missing_columns, record_of
from pump_roles.review.account.activity.collect import Collector
from pump_roles.review.account.clients import Clients
from pump_roles.review.account.responses import error_code, list_in, reason_of, text_in
from pump_roles.review.account.times import moment_of
from pump_roles.text import cut

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
        found = glue.get_table(DatabaseName=database, Name=name)["Table"]
    except ClientError as error:
        if error_code(error) == "EntityNotFoundException":
            raise InputError(f"--athena: there is no table {table}; see {_PAGE}") from None
        raise
    columns = list_in(found["StorageDescriptor"], "Columns")
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
            found = athena.get_query_execution(QueryExecutionId=id_)["QueryExecution"]
            state = text_in(found["Status"], "State")
            if state != before:
                progress(state.lower())
                before = state
            if state == "SUCCEEDED":
                return int(found["Statistics"]["DataScannedInBytes"])
            if state in ("FAILED", "CANCELLED"):
                break
            time.sleep(seconds)
            seconds = min(2 * seconds, _MOST_SECONDS_BETWEEN)
    except BaseException:
        with suppress(Exception):
            athena.stop_query_execution(QueryExecutionId=id_)
        raise
    reason = cut(found["Status"].get("StateChangeReason") or "no reason", _LONGEST)
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
