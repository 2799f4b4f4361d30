"""The event history is read page by page, Region by Region, at two calls a second."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
from botocore.exceptions import ClientError

from pump_roles.review.account import cloudtrail_records
from pump_roles.review.account.activity_result import ActivityUnknown, ActivityWhy
from pump_roles.review.account.cloudtrail_records import RegionRead, read_history

PERIOD = (datetime(2026, 11, 1, tzinfo=timezone.utc), datetime(2026, 11, 12, tzinfo=timezone.utc))


class Clock:
    """A clock that only goes on when someone waits."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Clients:
    """boto3's clients of Regions that have pages of events, or an error."""

    def __init__(self, pages: Mapping[str, Sequence[Any]], clock: Clock) -> None:
        self.pages = pages
        self.clock = clock
        self.asked: list[dict[str, Any]] = []
        self.times: list[float] = []
        session = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing")
        self._clients = {region: session.client("cloudtrail", region) for region in pages}

    def cloudtrail(self, region: str) -> Any:
        client = self._clients[region]

        def answer(params: Any, **_: Any) -> Any:
            asked = json.loads(params["body"])
            self.asked.append(asked)
            self.times.append(self.clock.now)
            page = self.pages[region][int(asked.get("NextToken", 0))]
            if isinstance(page, Exception):
                raise page
            self.clock.now += page.get("seconds", 0.1)
            return SimpleNamespace(status_code=200), page

        client.meta.events.register("before-call.cloudtrail.LookupEvents", answer)
        return client


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "LookupEvents")


def read(clients: Clients) -> tuple[list[Any], list[RegionRead]]:
    events: list[Any] = []
    done: list[RegionRead] = []
    with patch.object(cloudtrail_records, "time", clients.clock):
        ended = read_history(
            clients,  # type: ignore[arg-type]
            [*clients.pages],
            PERIOD,
            add=lambda region, records: events.extend((region, record) for record in records),
            done=done.append,
        )
    assert sorted(ended) == sorted(done)
    return events, ended


def page(*texts: str, token: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"Events": [{"CloudTrailEvent": text} for text in texts]}
    return found if token is None else {**found, "NextToken": token}


def test_calls_in_a_region_are_at_least_half_a_second_apart() -> None:
    pages = [page("{}", token=str(number + 1)) for number in range(4)]
    # A slow call does not let later ones catch up.
    pages[1]["seconds"] = 3.0
    clients = Clients({"us-east-1": [*pages, page("{}")]}, Clock())
    events, done = read(clients)
    assert events == [("us-east-1", {})] * 5
    assert done == [("us-east-1", 5, None)]
    assert [round(time - 100, 6) for time in clients.times] == [0.0, 0.5, 3.5, 4.0, 4.5]
    since, until = (int(time.timestamp()) for time in PERIOD)
    assert clients.asked[0] == {"StartTime": since, "EndTime": until, "MaxResults": 50}
    assert [asked.get("NextToken") for asked in clients.asked[1:3]] == ["1", "2"]


def unread(region: str, detail: str, why: ActivityWhy = "not-read") -> ActivityUnknown:
    return ActivityUnknown(why=why, subject=region, detail=detail)


def test_region_that_cannot_be_read_hides_no_other() -> None:
    regions: dict[str, list[Any]] = {
        "eu-west-1": [error("AccessDeniedException")],
        # Events without a record are passed on, so that they are unknown.
        "us-east-1": [{"Events": [*page('{"a": 1}', "{", "[1]")["Events"], {}, None]}],
        # After its first page.
        "us-west-1": [page("{}", token="1"), error("ThrottlingException")],
        "us-west-2": [{"Events": None}],
    }
    events, done = read(Clients(regions, Clock()))
    records = [record for region, record in events if region == "us-east-1"]
    assert records == [{"a": 1}, None, [1], None, None]
    assert [region for region, _ in events if region != "us-east-1"] == ["us-west-1"]
    assert sorted(done, key=lambda ended: ended[0]) == [
        ("eu-west-1", 0, unread("eu-west-1", "denied: cloudtrail:LookupEvents", why="denied")),
        ("us-east-1", 5, None),
        ("us-west-1", 1, unread("us-west-1", "throttled: cloudtrail:LookupEvents")),
        ("us-west-2", 0, unread("us-west-2", "the response cannot be parsed (TypeError)")),
    ]
