"""The document of an activity: what was bought, what is not known, what did not happen."""

from typing import Any, get_args

import pytest

from pump_roles.review.account.activity_collector import Collector
from pump_roles.review.account.activity_result import (
    Activity,
    ActivityUnknown,
    ActivityWhy,
    Quantity,
    WriteCall,
)
from pump_roles.review.account.watched_roles import published_roles
from pump_roles.review.output.activity_sections import (
    describe_risk,
    describe_unread,
    what,
)
from tests.documents import presentation_of, written
from tests.review.account.results import HOSTILE
from tests.review.account.trail import AUTO_PILOT, assumption, call


def activity(*events: Any) -> Activity:
    collector = Collector(published_roles())
    collector.add("trail.json", events)
    return collector.result()


def change(**members: Any) -> WriteCall:
    return WriteCall(
        id="1",
        action="savingsplans:CreateSavingsPlan",
        time="2026-11-10T08:15:00Z",
        session="s",
        role="r",
        region="us-east-1",
        outcome="done",
        commitment=True,
        **members,
    )


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, ""),
        ({"quantities": [(1, "")], "term_seconds": 31_536_000}, "1, 1 year"),
        ({"quantities": [(None, "m5.large")], "term_seconds": 94_608_000}, "m5.large, 3 years"),
        ({"quantities": [(2, "m5.large")], "term_seconds": 86_400}, "2 x m5.large, 1 day"),
        ({"quantities": [(2, "m5.large"), (1, "c5.large")]}, "2 x m5.large, 1 x c5.large"),
        ({"quantities": [(3, ""), (None, "a"), (None, "b")]}, "3, a, b"),
        (
            {"quantities": [(1, type_) for type_ in "abcdef"]},
            "1 x a, 1 x b, 1 x c, 1 x d, and 2 more",
        ),
        ({"hourly": "2.50", "payment": "No Upfront"}, "No Upfront, $2.50 an hour"),
        ({"hourly": "2.50", "upfront": "7.00"}, "$2.50 an hour, $7.00 upfront"),
        ({"handshake_type": "INVITE", "item": "h-1"}, "INVITE, h-1"),
        ({"offering": "o"}, "o"),
        ({"offering": "o", "item": "i"}, "i"),
    ],
)
def test_says_what_was_bought(members: dict[str, Any], words: str) -> None:
    of_types = [Quantity(count=count, type=type_) for count, type_ in members.get("quantities", ())]
    assert what(change(**members | {"quantities": tuple(of_types)})) == words


def test_says_until_when_a_plan_can_be_returned_or_that_it_is_not_known() -> None:
    request: dict[str, Any] = {"requestParameters": {"commitment": "2.50"}}
    for members, words in ((request, "at most until 2026-11-17T08:15:00Z"), ({}, "not known")):
        found = activity(call("savingsplans:CreateSavingsPlan") | members)
        assert f"| done | {words} |" in written(found, "markdown")


def test_reads_are_counted_by_service_and_those_that_return_data_listed() -> None:
    late = call("ecs:DescribeTasks") | {"eventTime": "2026-11-11T00:00:00Z"}
    names = ("ec2:DescribeInstances", "ecs:DescribeTasks", "ecs:ListTasks")
    found = written(activity(*map(call, names), late), "markdown")
    (table,) = (part for part in found.split("\n\n") if "read that returns data" in part)
    assert table.splitlines()[2:] == [
        "| `ec2` | 1 |  |",
        "| `ecs` | 3 |  |",
        "| `ecs:DescribeTasks` | 2 | 2026-11-11T00:00:00Z |",
    ]


@pytest.mark.parametrize("why", get_args(ActivityWhy))
def test_has_words_for_everything_that_is_not_known(why: Any) -> None:
    unknown = ActivityUnknown(why=why, subject="s", detail="d", events=2)
    assert describe_unread(unknown).startswith("s: 2 events: ")


@pytest.mark.parametrize(
    ("action", "risk"),
    [
        ("savingsplans:CreateSavingsPlan", "spend money"),
        ("ec2:CreateTags", "other changes"),
        ("ecs:DescribeTasks", "return data"),
        ("ec2:DescribeInstances", "read metadata"),
        ("ec2:NotInTheCatalog", "other changes"),
    ],
)
def test_unused_actions_are_counted_by_risk(action: str, risk: str) -> None:
    assert describe_risk(action) == risk


def test_only_the_first_unused_actions_of_a_risk_are_listed() -> None:
    found = written(activity(call("ec2:DescribeInstances")), "markdown")
    (row,) = (line for line in found.splitlines() if line.startswith("| spend money |"))
    *listed, more = row.strip("| ").split(", ")
    assert (len(listed), more) == (4, "and 4 more")


def test_action_that_was_only_refused_is_not_never_used() -> None:
    refused = call("ec2:CreateTags", error="AccessDenied")
    found = activity(refused, refused, call("ec2:DescribeInstances"))
    assert "Only refused: ec2:CreateTags (refused 1 time)." in written(found, "table")
    found = activity(refused, call("ec2:CreateTags"))
    assert "Only refused" not in written(found, "table")


@pytest.mark.parametrize(
    ("event", "present"),
    [
        (call("ec2:CreateTags"), 0),
        (call("ecs:DescribeTasks"), 1),
        (call("ec2:CreateTags", error="AccessDenied"), 2),
    ],
)
def test_says_nothing_only_of_what_did_not_happen(event: Any, present: int) -> None:
    sections = {section.title: section for section in presentation_of(activity(event)).sections}
    titles = ["What changed", "What it read", "What was refused"]
    said = ["Nothing in what was read." in sections[title].parts for title in titles]
    assert said == [index != present for index in range(3)]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_of_an_event_adds_no_section_and_no_invisible_character(hostile: str) -> None:
    def found(text: str) -> Activity:
        return activity(
            call("ec2:CreateTags", {"caseId": text}, session=text, awsRegion=text),
            call("ec2:CreateTags", session=text, error="AccessDenied", sourceIPAddress=text),
            call("ec2:CreateTags", errorCode=text),
            call(f"ec2:{text.replace(':', '')}"),
            assumption(AUTO_PILOT, "Example-1234", text)
            | {"userIdentity": {"type": "AWSAccount", "accountId": text}},
        )

    evil, benign = found(hostile), found("text")
    assert [section.title for section in presentation_of(evil).sections] == [
        section.title for section in presentation_of(benign).sections
    ]
    assert all(line.isprintable() for line in written(evil, "json").split("\n"))
