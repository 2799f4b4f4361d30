"""The query for Amazon Athena is one SELECT, whatever condition is added, and misses no event."""

import json
import re
from collections.abc import Mapping
from datetime import date, datetime, timezone
from typing import Any
from unittest.mock import Mock

import duckdb
import pytest
import sqlglot
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st
from ministack.services import athena
from sqlglot import exp

from pump_roles import ArgumentError, templates
from pump_roles.inputs.text import InputError
from pump_roles.review.account.activity_collector import Collector, NothingFoundError
from pump_roles.review.account.athena import (
    _MEMBERS,
    ATHENA_TABLE,
    NOT_ESSENTIAL,
    WORKGROUP,
    QueryStep,
    TableQuery,
    TrailTable,
    _rows,
    _start,
    _wait,
    add_row,
    check_condition,
    missing_columns,
    names_in,
    query,
    record_of,
)
from pump_roles.review.account.athena import COLUMNS as COLUMNS_OF_RESULT
from pump_roles.review.account.watched_roles import published_roles, roles_in
from tests.athena_tables import COLUMNS
from tests.review.account.trail import AUTO_PILOT, PURCHASES, assumption, call, write
from tests.support import synthesize
from tools.sandbox.cloudtrail_tables import rows_of

ROLES = published_roles()
SINCE = datetime(2026, 11, 3, 8, 15, tzinfo=timezone.utc)


def parsed(sql: str, dialect: str = "athena") -> exp.Select:
    (found,) = sqlglot.parse(sql, read=dialect)
    assert isinstance(found, exp.Select)
    return found


@pytest.mark.parametrize("dialect", ["athena", "trino", "duckdb"])
def test_query_is_one_select_of_one_table(dialect: str) -> None:
    sql = query("audit.cloudtrail-logs", ROLES, since=SINCE, condition="region = 'us-east-1'")
    found = parsed(sql, dialect)
    (table,) = found.find_all(exp.Table)
    assert (table.db, table.name) == ("audit", "cloudtrail-logs")
    names = [column.alias_or_name for column in found.selects]
    assert names == ["account", "region", "day", "events", "earliest", "latest", "record"]
    (where,) = found.find_all(exp.Where)
    # A time that is not as CloudTrail writes it is not compared.
    assert where.this.sql().replace(
        "NOT COALESCE(eventtime, '')", "COALESCE(eventtime, '') NOT"
    ) == (
        "(eventtime >= '2026-11-03T08:15:00Z' OR "
        "COALESCE(eventtime, '') NOT LIKE '____-__-__T__:__:__Z') AND (region = 'us-east-1')"
    )
    # It is a condition less if nothing is asked for.
    assert not [*parsed(query("a.b", ROLES, since=None, condition="")).find_all(exp.Where)]


@pytest.mark.parametrize(
    "condition",
    [
        "\"timestamp\" >= '2026/11/03'",
        "region IN ('us-east-1', 'eu-west-1') AND (day > '03' OR month = '12')",
        "account = 'a''b;--('",
        '"a""b;--(" = 1',
        "x BETWEEN 1 AND 2 - 1",
    ],
)
def test_condition_stays_in_its_parentheses(condition: str) -> None:
    assert check_condition("", condition) == condition
    (where,) = parsed(query("a.b", ROLES, since=None, condition=condition)).find_all(exp.Where)
    assert isinstance(where.this, exp.Paren)


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("a = 1) OR (b = 2", "is not a condition"),
        ("a = 1)", "is not a condition"),
        ("(a = 1", "is not a condition"),
        ("", "is not a condition"),
        (" ", "is not a condition"),
        ("a = 1; DROP TABLE b", "; is not allowed"),
        ("a = 1 -- b", "-- is not allowed"),
        ("a = 1 /* b */", "/* is not allowed"),
        ("a = 'b", "' is not allowed"),
        ('"a = 1', '" is not allowed'),
        ("`a` = 1", "` is not allowed"),
    ],
)
def test_other_condition_is_rejected(condition: str, problem: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        check_condition("", condition)
    assert problem in str(raised.value)


@given(st.text("'\"();-/*`a= \n", max_size=12))
def test_condition_that_is_accepted_never_ends_the_parentheses(condition: str) -> None:
    try:
        check_condition("", condition)
    except ArgumentError:
        return
    # Whatever it is, what follows it is still there.
    depth, quote = 0, ""
    for character in f"({condition}":
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        else:
            depth += {"(": 1, ")": -1}.get(character, 0)
            assert depth > 0
    assert (depth, quote) == (1, "")


@pytest.mark.parametrize(
    ("validator", "accepted", "rejected"),
    [
        (
            ATHENA_TABLE,
            ["default.cloudtrail_logs", "a-b.C1"],
            ["logs", "a.b.c", 'a."b"', "a.b c", "a.b;", ".b", "a.", f"a.{'b' * 256}", "a.b\n"],
        ),
        (WORKGROUP, ["primary", "a.b_c-d"], ["", "a b", "a" * 129, "a/b"]),
    ],
)
def test_identifier_is_checked(validator: Any, accepted: list[str], rejected: list[str]) -> None:
    assert all(map(validator.accepts, accepted))
    assert not any(map(validator.accepts, rejected))


def test_expected_name_is_looked_for_in_lower_case(tmp_path: Any) -> None:
    roles = roles_in(tmp_path, templates.read(synthesize(tmp_path, role_name="Vendor_Pump")))
    sql = query("a.b", roles, since=None, condition="")
    assert "LIKE '%/vendor_pump'" in sql
    hostile = ROLES.roles[0].__class__(role=ROLES.roles[0].role, names=frozenset({"a' OR 'b"}))
    with pytest.raises(InputError, match="--athena: \"a' or 'b\" is not a role name"):
        query("a.b", type(ROLES)(roles=(hostile,)), since=None, condition="")


def row(event: dict[str, Any]) -> str:
    """Return the record of an event as the query returns it."""
    values = []
    for member in _MEMBERS:
        found: Any = event
        for name in member.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        is_text = found is None or isinstance(found, str)
        values.append(found if is_text else json.dumps(found))
    return json.dumps(values)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), JSON_VALUES), st.dictionaries(st.text(), JSON_VALUES))
def test_record_is_the_event(request_: dict[str, Any], response: dict[str, Any]) -> None:
    event = call("ec2:CreateTags", request_, response, error="AccessDenied")
    event["addendum"] = {"reason": "UPDATED_DATA", "originalEventID": "a"}
    del event["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"]
    assert record_of(row(event)) == event


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, None),
        ("null", None),
        ("HIDDEN_DUE_TO_SECURITY_REASONS", "HIDDEN_DUE_TO_SECURITY_REASONS"),
        ('{"a": 1}', {"a": 1}),
    ],
)
def test_parameters_are_json_or_a_text(text: str | None, value: Any) -> None:
    event = PURCHASES["ec2"] | {"requestParameters": text}
    record = record_of(row(event))
    assert record.get("requestParameters") == value


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '["a"]', "3", json.dumps([3] * 18)])
def test_record_that_cannot_be_read_is_none(text: str) -> None:
    assert record_of(text) is None
    for parameters in ('{"a": 1', '{"a": 1, "a": 2}'):
        assert record_of(row(PURCHASES["ec2"] | {"requestParameters": parameters})) is None


OWN = AUTO_PILOT.replace("Pump", "Own")
OF_ROLES = [
    call("ec2:DescribeInstances"),
    call("ec2:CreateTags", role=AUTO_PILOT.replace("role/Pump", "role/vendors/PUMP")),
    call("ec2:CreateTags", errorMessage="no"),
    call("ec2:CreateTags", userIdentity=PURCHASES["ec2"]["userIdentity"] | {"arn": "another/x"}),
    call("sts:AssumeRole", {"roleArn": OWN, "roleSessionName": "PumpAutoPilotRole"}),
    assumption(AUTO_PILOT, "Example-1234-5678"),
    assumption(AUTO_PILOT, "Example-1234-5678", "other") | {"eventTime": "2026-11-09T23:59:59Z"},
    call("ec2:CreateTags", userIdentity={"type": "AssumedRole"}),
    call("ec2:CreateTags", userIdentity={"type": "AssumedRole", "arn": AUTO_PILOT + "/x"}),
    call("ec2:CreateTags", userIdentity={"type": "AssumedRole", "arn": "PumpAutoPilotRole/x"}),
    call("ec2:CreateTags") | {"recipientAccountId": "1"},
    call("ec2:CreateTags") | {"eventTime": "yesterday"},
    call("ec2:CreateTags") | {"awsRegion": ""},
]
"""Events that the reader needs."""

OF_OTHERS = [
    call("ec2:DescribeInstances", role=OWN),
    call("ec2:CreateTags", role=OWN, awsRegion="eu-west-1", eventTime="2026-11-12T00:00:00Z"),
    call("ec2:CreateTags", role=f"{AUTO_PILOT}2", recipientAccountId=None),
    assumption(OWN, "Example-1234-5678"),
    call("ec2:CreateTags", userIdentity={"type": "AWSService", "invokedBy": "x"}),
    call("ec2:CreateTags", userIdentity={"type": "Root", "arn": "PumpAutoPilotRole"}),
    call("ec2:CreateTags", userIdentity=None),
    call("ec2:CreateTags", role=OWN) | {"awsRegion": ""},
    call("ec2:CreateTags", role=OWN) | {"eventTime": None},
    call("ec2:CreateTags", role=OWN) | {"eventTime": "yesterday"},
]
"""Events of which the reader needs only the number."""

TABLE: Mapping[str, Any] = {
    "StorageDescriptor": {
        "Columns": athena._column_list(athena._Cursor(f"({COLUMNS})")),  # noqa: SLF001
        "Location": "s3://trail/",
    },
    "Parameters": {},
}


def result_of(collector: Collector) -> object:
    try:
        return collector.result()
    except NothingFoundError as error:
        return error.args


@given(st.lists(st.sampled_from([*OF_ROLES, *OF_OTHERS]), min_size=1, max_size=12))
def test_query_says_what_the_events_say(
    tmp_path_factory: pytest.TempPathFactory, events: list[Any]
) -> None:
    collectors = Collector(ROLES), Collector(ROLES)
    collectors[0].add("a.b", events)
    file = write(tmp_path_factory.mktemp("trail"), *events)
    sql = query("a.b", ROLES, since=None, condition="")
    found = duckdb.connect().execute(sql.replace('"a"."b"', rows_of(TABLE, [str(file)])))
    for row in found.fetchall():
        texts = [value if value is None else str(value) for value in row]
        add_row(collectors[1], "a.b", dict(zip(COLUMNS_OF_RESULT, texts, strict=True)))
    assert result_of(collectors[1]) == result_of(collectors[0])


def test_others_whose_time_has_an_offset_are_not_read(tmp_path: Any) -> None:
    other = call("ec2:CreateTags", role=OWN) | {"eventTime": "2026-12-01T02:00:00+05:00"}
    mine = call("ec2:CreateTags") | {"eventTime": "2026-12-01T02:00:00+05:00"}
    file = write(tmp_path, other, mine, call("ec2:CreateTags"))
    # The text of the first two is less than the beginning of the period.
    sql = query("a.b", ROLES, since=datetime(2026, 11, 10, tzinfo=timezone.utc), condition="")
    found = duckdb.connect().execute(sql.replace('"a"."b"', rows_of(TABLE, [str(file)])))
    collector = Collector(ROLES)
    for row in found.fetchall():
        texts = [value if value is None else str(value) for value in row]
        add_row(collector, "a.b", dict(zip(COLUMNS_OF_RESULT, texts, strict=True)))
    result = collector.result()
    assert [change.time for change in result.changes] == [
        "2026-11-10T08:15:00Z",
        "2026-11-30T21:00:00Z",
    ]
    assert [(each.why, each.events) for each in result.unknown] == [("malformed", 1)]


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("\"timestamp\" >= '2026/11/03'", {"timestamp"}),
        (
            "region IN ('us-east-1', 'a b') AND NOT (Day > '03' OR month = '12')",
            {"region", "day", "month"},
        ),
        ("dt >= date_format(current_date - interval '7' day, '%Y/%m/%d')", {"dt"}),
        ("account = 'eventname' AND 1e5 > 2", {"account"}),
        ("region = 'a' AND eventname = 'b'", {"region", "eventname"}),
        ("rand() < 0.5", {"rand"}),
        ("\"eventName\" = 'b'", {"eventname"}),
        ("logs.region = 'a'", {"logs", "region"}),
    ],
)
def test_finds_what_a_condition_names(condition: str, names: set[str]) -> None:
    assert names_in(condition) == names


PROJECTED = {
    "projection.enabled": "true",
    "projection.timestamp.type": "date",
    "projection.timestamp.format": "yyyy/MM/dd",
}
OF_PARTS = "(year > '2026' OR (year = '2026' AND (month > '11' OR (month = '11' AND day >= '03'))))"


@pytest.mark.parametrize(
    ("partitions", "parameters", "bound"),
    [
        ({"region": "string", "timestamp": "string"}, PROJECTED, "\"timestamp\" >= '2026/11/03'"),
        (
            {"timestamp": "varchar(10)"},
            PROJECTED | {"projection.timestamp.format": "yyyy-MM-dd"},
            "\"timestamp\" >= '2026-11-03'",
        ),
        (dict.fromkeys(("region", "year", "month", "day"), "string"), {}, OF_PARTS),
        (
            dict.fromkeys(("year", "month", "day"), "int"),
            {},
            OF_PARTS.replace("'03'", "3").replace("'", ""),
        ),
        # Not dates, or how they are written is not known.
        ({}, PROJECTED, ""),
        ({"timestamp": "string"}, {}, ""),
        ({"timestamp": "string"}, PROJECTED | {"projection.enabled": "false"}, ""),
        ({"timestamp": "string"}, PROJECTED | {"projection.timestamp.format": "dd/MM/yyyy"}, ""),
        ({"timestamp": "string"}, PROJECTED | {"projection.timestamp.type": "enum"}, ""),
        ({"timestamp": "date"}, PROJECTED, ""),
        ({"year": "string", "month": "string"}, {}, ""),
        ({"year": "string", "month": "int", "day": "string"}, {}, ""),
    ],
)
def test_period_bounds_partitions_that_are_dates(
    partitions: dict[str, str], parameters: dict[str, str], bound: str
) -> None:
    table = TrailTable("a.b", (), partitions, parameters)
    assert table.bound(SINCE) == bound


@given(st.dates(date(2025, 1, 1), date(2027, 12, 31)))
def test_partition_without_leading_zeros_is_never_skipped(day: date) -> None:
    names = ("year", "month", "day")
    table = TrailTable("a.b", (), dict.fromkeys(names, "string"), {})
    values = ", ".join(
        f"'{value}' AS {name}"
        for name, value in zip(names, (day.year, day.month, day.day), strict=True)
    )
    sql = f"SELECT {table.bound(SINCE)} FROM (SELECT {values})"  # noqa: S608
    found = duckdb.connect().execute(sql)
    assert found.fetchall() == [(True,)] or day < SINCE.date()


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([["a"]], "the result of query 1 does not have the expected columns"),
        (
            [[*COLUMNS_OF_RESULT], ["1", "2"]],
            "row 1 of the result of query 1 has 2 values; 7 are expected",
        ),
        ([[*COLUMNS_OF_RESULT], [*"abcdefg"]], "row 1 of the result: the number of events is 'd'"),
    ],
)
def test_malformed_result_is_named(rows: list[list[str]], problem: str) -> None:
    data = [{"Data": [{"VarCharValue": value} for value in row]} for row in rows]
    client = Mock()
    client.get_paginator.return_value.paginate.return_value = [{"ResultSet": {"Rows": data}}]

    def read() -> None:
        for number, row in enumerate(_rows(client, "1"), 1):
            add_row(Collector(ROLES), "a.b", row, number)

    with pytest.raises(ValueError, match=re.escape(problem)):
        read()


def test_number_of_bytes_that_is_no_number_is_named() -> None:
    client = Mock()
    client.get_query_execution.return_value = {
        "QueryExecution": {
            "Status": {"State": "SUCCEEDED"},
            "Statistics": {"DataScannedInBytes": "x"},
        }
    }
    with pytest.raises(ValueError, match="query 1 scanned 'x' bytes, which is not a number"):
        _wait(client, "1", lambda _: None)


def test_interrupted_start_says_that_the_query_may_run() -> None:
    client, told = Mock(), list[QueryStep]()
    asked = TableQuery("a.b", "audit", "", None, SINCE)
    for error, steps in (
        (KeyboardInterrupt(), [QueryStep("may-have-started")]),
        (EndpointConnectionError(endpoint_url="x"), [QueryStep("may-have-started")]),
        (NoCredentialsError(), []),
    ):
        told.clear()
        client.start_query_execution.side_effect = error
        with pytest.raises(type(error)):
            _start(client, "", asked, told.append)
        assert told == steps


def test_missing_columns_are_named() -> None:
    types = {member.split(".")[0].lower(): "string" for member in _MEMBERS}
    nested = [member.lower() for member in _MEMBERS if "." in member]
    assert missing_columns(types) == nested
    assert missing_columns({}) == [member.lower() for member in _MEMBERS]
    assert {*NOT_ESSENTIAL} <= {*missing_columns({})}
    sql = query("a.b", ROLES, since=None, condition="", missing=NOT_ESSENTIAL)
    assert {column.sql().lower() for column in parsed(sql).find_all(exp.Column)}.isdisjoint(
        NOT_ESSENTIAL
    )
