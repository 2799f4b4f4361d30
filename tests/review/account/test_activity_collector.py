"""What events say about Pump's roles: changes, reads, refusals, guardrails, and sessions."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump_roles import Guardrail, templates
from pump_roles.guardrails.guardrail_documents import documents, documents_on
from pump_roles.iam.catalog import shipped
from pump_roles.iam.identity_policies import parse_policy
from pump_roles.inputs.text import InputError
from pump_roles.published import ROLES
from pump_roles.review.account.activity_collector import Collector, NothingFoundError
from pump_roles.review.account.activity_result import (
    AccountActivity,
    Activity,
    ActivityUnknown,
    DeniedCall,
    GuardrailActivity,
    Quantity,
    WriteCall,
)
from pump_roles.review.account.watched_roles import (
    WatchedRoles,
    published_roles,
    roles_in,
    with_arns,
)
from pump_roles.role.guardrail_policies import as_policies, policies_on, published_role
from pump_roles.role.unknowns import RoleUnknown
from tests.policies import document_of
from tests.review.account.trail import (
    ACCOUNT,
    AUTO_PILOT,
    PUMP,
    PURCHASES,
    READ_ONLY,
    TIME,
    assumption,
    by_role,
    call,
    handshake,
)
from tests.support import examples, synthesize
from tools.sandbox import catalog, simulator
from tools.sandbox.simulator import ALLOWED, EXPLICITLY_DENIED

PUBLISHED = published_roles()


def activity(*events: Any, roles: WatchedRoles = PUBLISHED) -> Activity:
    collector = Collector(roles)
    collector.add("trail.json", events)
    return collector.result()


@cache
def expected(*guardrails: Guardrail) -> WatchedRoles:
    """The roles as expected, the auto-pilot role with some guardrails."""
    made = []
    for watched in PUBLISHED.roles:
        role = watched.role
        if role.kind == "auto-pilot":
            more = as_policies(documents(guardrails, ROLES["auto-pilot"]))
            role = replace(role, policies=(*role.policies, *more))
        made.append(replace(watched, role=role, expected=True))
    return WatchedRoles(roles=tuple(made))


def guardrails(found: Activity) -> Mapping[str, GuardrailActivity]:
    return {guardrail.name: guardrail for guardrail in found.guardrails}


def change(event: Any) -> WriteCall:
    (found,) = activity(event).changes
    return found


MEMBERS = ("item", "offering", "quantities", "term_seconds", "payment")
YEAR, YEARS = 31_536_000, 94_608_000


def of_type(type_: str, count: int | None) -> Quantity:
    return Quantity(count=count, type=type_)


BOUGHT: Mapping[str, tuple[Any, ...]] = {
    "ec2": ("af9f760e-6f91", "4b2293b4-5813", [of_type("", 3)], None, ""),
    "host": (
        *("hr-0d418a3a4ffc669ae", "hro-03f707bf363b6b324"),
        *([of_type("m4", None)], YEARS, "NoUpfront"),
    ),
    "modify": (
        *("rimod-3aae219d", "", [of_type("m5.large", 1), of_type("m5.xlarge", 2)], None, ""),
    ),
    "exchange": ("riex-e13c4bf6", "b747b472-423c", [of_type("", 4)], None, ""),
    "sell": ("5ec28771", "", [of_type("", 2)], None, ""),
    "rds": ("ri-2026-11-10", "8ba30be1", [of_type("db.r6g.large", 2)], YEAR, "Partial Upfront"),
    "elasticache": ("ri-cache", "1ef01f5b", [of_type("cache.r6g.large", 5)], YEARS, "All Upfront"),
    "redshift": ("1ba8e2e3", "3a98bf7d", [of_type("ra3.4xlarge", 4)], YEAR, "No Upfront"),
    "opensearch": ("9a8a7a6a", "1a2a3a4a", [of_type("", 6)], None, ""),
    "Savings Plan": ("sp-1", "77b2e4a0-offering", [], None, ""),
}
"""What a change says, by the kind of purchase."""


@pytest.mark.parametrize("kind", PURCHASES)
def test_change_says_what_was_bought(kind: str) -> None:
    event = PURCHASES[kind]
    source, name = event["eventSource"].partition(".")[0], event["eventName"]
    members: dict[str, Any] = dict(zip(MEMBERS, BOUGHT[kind], strict=True))
    members["quantities"] = (*members["quantities"],)
    if kind == "Savings Plan":
        members |= {"hourly": "2.50", "returnable_until": "2026-11-17T08:15:00Z"}
    assert change(event) == WriteCall(
        id=event["eventID"],
        action=f"{source}:{name}",
        time=TIME,
        session="recommendations",
        role=AUTO_PILOT,
        region="us-east-1",
        outcome="done",
        commitment=True,
        **members,
    )


def test_change_says_how_much_is_paid_upfront() -> None:
    assert change(plan("2.50", upfrontPaymentAmount="7.00")).upfront == "7.00"
    assert change(plan("2.50")).upfront == ""


@pytest.mark.parametrize(
    ("configurations", "quantities"),
    [
        ([(1, "m5.large"), (2, "m5.large"), (4, "c5.large")], [("m5.large", 3), ("c5.large", 4)]),
        ([(1, "m5.large"), (2, None)], [("m5.large", 3)]),
        # It does not say how many of which.
        (
            [(1, "m5.large"), (2, None), (None, "c5.large")],
            [("", 3), ("m5.large", None), ("c5.large", None)],
        ),
        ([(1, "m5.large"), ("two", "c5.large")], [("m5.large", None), ("c5.large", None)]),
        ([({"a": 1}, "m5.large")], [("m5.large", None)]),
        ([(True, None)], []),
    ],
)
def test_change_says_how_many_of_each_type(
    configurations: list[Any], quantities: list[tuple[str, int | None]]
) -> None:
    names = ("InstanceCount", "InstanceType")
    items = [dict(zip(names, each, strict=True)) for each in configurations]
    some = [{key: value for key, value in each.items() if value is not None} for each in items]
    found = change(call("ec2:ModifyReservedInstances", {"targets": some}))
    assert found.quantities == tuple(of_type(*each) for each in quantities)


CHINESE = AUTO_PILOT.replace("aws", "aws-cn")
RETURNABLE = "2026-11-17T08:15:00Z"
"""Until when a plan that was bought at TIME can be returned."""


def plan(hourly: Any, **request: Any) -> Any:
    return call(
        "savingsplans:CreateSavingsPlan",
        {"commitment": hourly, **request},
        {"savingsPlanId": "sp-1"},
    )


@pytest.mark.parametrize(
    ("time", "hourly", "purchase_time", "until"),
    [
        ("2026-11-10T08:15:00Z", "2.50", None, "2026-11-17T08:15:00Z"),
        ("2026-11-25T08:15:00Z", "2.50", None, "2026-11-30T23:59:59Z"),
        ("2026-12-31T23:59:59Z", "2.50", None, "2026-12-31T23:59:59Z"),
        ("2027-02-20T00:00:00Z", "2.50", None, "2027-02-27T00:00:00Z"),
        ("2028-02-25T00:00:00Z", "2.50", None, "2028-02-29T23:59:59Z"),
        # The month is the one in UTC.
        ("2026-12-01T02:00:00+05:00", "2.50", None, "2026-11-30T23:59:59Z"),
        ("2026-11-30T22:00:00-05:00", "2.50", None, "2026-12-08T03:00:00Z"),
        # Queued: bought later.
        (TIME, "2.50", "2026-12-01T00:00:00Z", "2026-12-08T00:00:00Z"),
        (TIME, "2.50", 1_796_083_200, "2026-12-08T00:00:00Z"),
        (TIME, "2.50", "2026-11-09T00:00:00Z", RETURNABLE),
        (TIME, "2.50", "next week", None),
        (TIME, "2.50", "9999-12-31T00:00:00Z", None),
        ("9999-12-31T08:15:00Z", "2.50", None, None),
        # Only a plan of at most 100 dollars an hour.
        *((TIME, hourly, None, RETURNABLE) for hourly in ("100", "100.0", "0.001", 99.9)),
        *((TIME, hourly, None, "") for hourly in ("100.001", "1000")),
        *((TIME, hourly, None, None) for hourly in ("NaN", "-5", "1e1", None, ["1"])),
    ],
)
def test_small_plan_is_returnable_for_seven_days_in_the_same_month(
    time: str, hourly: Any, purchase_time: Any, until: str | None
) -> None:
    request = {} if purchase_time is None else {"purchaseTime": purchase_time}
    assert change(plan(hourly, **request) | {"eventTime": time}).returnable_until == until


def test_whether_a_plan_can_be_returned_is_not_known_in_a_partition_with_another_currency() -> None:
    bought = call("savingsplans:CreateSavingsPlan", {"commitment": "2.50"}, role=CHINESE)
    assert change(bought).returnable_until is None


def test_plan_that_was_not_bought_or_was_returned_is_not_returnable() -> None:
    failed = change(plan("1") | {"errorCode": "ValidationException"})
    assert (failed.outcome, failed.returnable_until) == ("ValidationException", "")
    # Some failures have only a message.
    assert change(plan("1") | {"errorMessage": "no"}).outcome == "error"
    returned = call(
        "savingsplans:ReturnSavingsPlan", {"savingsPlanId": "sp-1"}, {"savingsPlanId": "sp-1"}
    )
    refused = returned | {"errorCode": "ValidationException"}
    for event, until in ((returned, ""), (refused, RETURNABLE)):
        found = activity(plan("1"), event).changes
        assert [change.returnable_until for change in found] == [until, ""]


@pytest.mark.parametrize(
    ("action", "commitment"),
    [
        ("ec2:PurchaseScheduledInstances", True),
        ("ec2:PurchaseCapacityBlock", True),
        ("es:PurchaseReservedElasticsearchInstanceOffering", True),
        ("savingsplans:ReturnSavingsPlan", True),
        ("savingsplans:TagResource", False),
        ("ec2:CreateCapacityReservation", False),
    ],
)
def test_every_purchase_is_a_commitment(action: str, *, commitment: bool) -> None:
    assert change(call(action)).commitment == commitment


def test_accepted_handshake_comes_before_earlier_changes() -> None:
    late = handshake(eventTime="2026-11-11T00:00:00Z")
    first, second = activity(PURCHASES["ec2"], late).changes
    assert (first.action, first.handshake, first.commitment, first.is_important) == (
        *("organizations:AcceptHandshake", True, False, True),
    )
    assert second.action == "ec2:PurchaseReservedInstancesOffering"


@pytest.mark.parametrize(
    ("members", "item", "kind"),
    [
        ({}, "h-examplehandshakeid111", "INVITE"),
        ({"requestParameters": None}, "h-examplehandshakeid111", "INVITE"),
        ({"responseElements": None}, "h-examplehandshakeid111", ""),
        ({"requestParameters": None, "responseElements": None}, "", ""),
        ({"requestParameters": None, "responseElements": {"handshake": "x"}}, "", ""),
        ({"requestParameters": None, "responseElements": {"handshake": {"id": 3}}}, "", ""),
    ],
)
def test_accepted_handshake_is_important_whatever_the_event_says_about_it(
    members: dict[str, Any], item: str, kind: str
) -> None:
    found = change(handshake(**members))
    assert (found.item, found.handshake_type, found.is_important) == (item, kind, True)


def test_handshake_that_was_not_accepted_is_neither_first_nor_important() -> None:
    failed = handshake(eventTime="2026-11-11T00:00:00Z", errorCode="HandshakeNotFoundException")
    declined = call("organizations:DeclineHandshake", eventTime="2026-11-12T00:00:00Z")
    found = activity(call("ec2:CreateTags"), failed, declined).changes
    assert [change.action for change in found] == [
        "ec2:CreateTags",
        "organizations:AcceptHandshake",
        "organizations:DeclineHandshake",
    ]
    assert not any(change.is_important for change in found)
    refused = activity(handshake(errorCode="AccessDeniedException"))
    assert refused.changes == ()
    assert [change.action for change in refused.refused] == ["organizations:AcceptHandshake"]


def test_parameters_decide_which_service_of_a_source_it_is() -> None:
    event = call("autoscaling:PutScalingPolicy", {"serviceNamespace": "ecs"})
    assert change(event).action == "application-autoscaling:PutScalingPolicy"
    event = call("autoscaling:PutScalingPolicy", {"autoScalingGroupName": "a"})
    assert change(event).action == "autoscaling:PutScalingPolicy"
    event = call("autoscaling:Nothing", {"serviceNamespace": "ecs"}, error="AccessDenied")
    assert activity(event).refused[0].action == "application-autoscaling:Nothing"


def test_changes_are_sorted_by_time_and_counted_once() -> None:
    late = call("ec2:CreateTags") | {"eventTime": "2026-11-11T00:00:00Z"}
    early = PURCHASES["ec2"]
    found = activity(late, early, late)
    assert [(change.action, change.commitment) for change in found.changes] == [
        ("ec2:PurchaseReservedInstancesOffering", True),
        ("ec2:CreateTags", False),
    ]
    assert found.roles[0].calls == 2
    # Without an ID, they are not known to be the same.
    for id_ in ("", None, 3, "a\nb"):
        event = call("ec2:CreateTags", eventID=id_)
        assert len(activity(event, event).changes) == 2


def corrected(event: Any, **members: Any) -> Any:
    """The event that corrects another one, which CloudTrail delivers later, with another ID."""
    addendum = {"reason": "UPDATED_DATA", "originalEventID": event["eventID"]}
    new = {"eventID": "10000000-0000-0000-0000-000000000000", "eventTime": "2026-11-11T00:00:00Z"}
    return event | {"addendum": addendum} | new | members


@pytest.mark.parametrize("order", [[0, 1], [1, 0], [1, 0, 1, 0], [1]])
def test_event_and_the_one_that_corrects_it_are_one_purchase(order: list[int]) -> None:
    bought = PURCHASES["Savings Plan"]
    both = bought | {"responseElements": None}, corrected(bought, eventTime=TIME)
    found = activity(*(both[index] for index in order))
    assert found.changes == activity(bought).changes
    assert (found.roles[0].calls, found.used[0].calls, found.unknown) == (1, 1, ())


def test_event_that_corrects_another_can_say_that_the_call_failed_and_keeps_its_time() -> None:
    bought = PURCHASES["ec2"]
    found = activity(bought, corrected(bought, errorCode="Client.Failure"))
    assert [(each.id, each.time, each.outcome) for each in found.changes] == [
        (bought["eventID"], TIME, "Client.Failure")
    ]
    refused = activity(bought, corrected(bought, errorCode="AccessDenied"))
    assert (refused.changes, len(refused.refused)) == ((), 1)


@pytest.mark.parametrize(
    ("members", "malformed"),
    [
        # It corrects an event of another call: someone changed the file.
        ({"eventName": "DeleteTags"}, 1),
        ({"addendum": {"reason": "UPDATED_DATA"}}, 0),
        ({"addendum": {"reason": "UPDATED_DATA", "originalEventID": 3}}, 0),
        ({"addendum": {"reason": "DELIVERY_DELAY"}}, 0),
        ({"addendum": "UPDATED_DATA"}, 0),
        ({"addendum": {"reason": "UPDATED_DATA", "originalEventID": "another"}}, 0),
    ],
)
def test_event_that_does_not_correct_the_other_counts_itself(
    members: dict[str, Any], malformed: int
) -> None:
    tagged = call("ec2:CreateTags")
    for events in ([tagged, corrected(tagged, **members)], [corrected(tagged, **members), tagged]):
        found = activity(*events)
        assert len(found.changes) == 2
        assert [unknown.why for unknown in found.unknown] == ["malformed"] * malformed


def test_calls_that_return_the_same_new_id_are_one_purchase() -> None:
    for kind in ("ec2", "host", "modify", "exchange", "sell", "redshift", "Savings Plan"):
        bought = PURCHASES[kind]
        again = bought | {"eventID": "again", "eventTime": "2026-11-10T08:15:05Z"}
        found = activity(again, bought)
        assert found.changes == activity(bought).changes, kind
        assert found.roles[0].calls == 2


@pytest.mark.parametrize(
    "other",
    [
        PURCHASES["Savings Plan"] | {"responseElements": {"savingsPlanId": "sp-2"}},
        PURCHASES["Savings Plan"] | {"responseElements": None},
        PURCHASES["Savings Plan"] | {"errorCode": "ValidationException"},
        PURCHASES["Savings Plan"] | {"awsRegion": "us-west-2"},
        call("savingsplans:ReturnSavingsPlan", {}, {"savingsPlanId": "sp-1"}),
        call("savingsplans:TagResource", {}, {"savingsPlanId": "sp-1"}),
    ],
)
def test_other_call_is_another_change(other: Any) -> None:
    different = other | {"eventID": "other"}
    assert len(activity(PURCHASES["Savings Plan"], different).changes) == 2


def test_purchase_whose_id_the_caller_chose_counts_each_time() -> None:
    chosen = call(
        "rds:PurchaseReservedDBInstancesOffering",
        {"reservedDBInstanceId": "mine"},
        {"reservedDBInstanceId": "mine"},
    )
    assert len(activity(chosen, chosen | {"eventID": "again"}).changes) == 2


def test_uses_are_counted_by_action() -> None:
    found = activity(
        call("ec2:DescribeInstances"),
        call("ecs:DescribeTasks"),
        call("ecs:DescribeTasks") | {"eventTime": "2026-11-11T00:00:00Z"},
        call("ecs:ListTasks", error="ThrottlingException"),
        call("ecs:DescribeServices", error="AccessDeniedException"),
    )
    assert "ecs:DescribeTasks" not in found.unused
    # It was refused, so it is neither used nor never used.
    assert "ecs:DescribeServices" not in found.unused
    assert len(found.unused) == found.allowed - 4
    tried = {use.action: (use.calls, use.last, use.refused) for use in found.used}
    assert tried == {
        "ec2:DescribeInstances": (1, TIME, 0),
        "ecs:DescribeServices": (0, "", 1),
        "ecs:DescribeTasks": (2, "2026-11-11T00:00:00Z", 0),
        "ecs:ListTasks": (1, TIME, 0),
    }


def test_role_that_is_not_seen_does_not_count_unless_it_is_expected(tmp_path: Path) -> None:
    found = activity(call("ec2:DescribeInstances", role=READ_ONLY))
    assert [role.kind for role in found.roles] == ["read-only"]
    assert found.allowed == 238
    of_templates = roles_in(tmp_path, templates.read(synthesize(tmp_path)))
    found = activity(call("ec2:DescribeInstances", role=READ_ONLY), roles=of_templates)
    assert [(role.kind, role.calls) for role in found.roles] == [
        ("read-only", 1),
        ("auto-pilot", 0),
    ]
    assert found.allowed == 721


def test_role_that_is_not_expected_counts_if_it_has_a_published_name(tmp_path: Path) -> None:
    folder = synthesize(tmp_path, role_name="Pump")
    reads = call("ce:GetCostAndUsage", role=READ_ONLY.replace("PumpReadOnlyRole", "pump"))
    events = reads, PURCHASES["ec2"], call("ce:GetCostAndUsage", role=READ_ONLY)
    file = folder / "PumpReadOnly.template.json"
    found = activity(*events, roles=roles_in(file, templates.read(file)))
    assert [(role.kind, role.calls) for role in found.roles] == [
        *(("read-only", 1), ("read-only", 1), ("auto-pilot", 1)),
    ]
    assert [change.is_important for change in found.changes] == [True]


@pytest.mark.parametrize(
    "error", ["AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation"]
)
def test_refused_call_is_no_change_and_counts_for_guardrails(error: str) -> None:
    found = activity(call("ec2:CreateReservedInstancesListing", error=error))
    assert [refusal.outcome for refusal in found.refused] == [error]
    assert found.changes == ()
    assert guardrails(found)["no-selling"].would_deny == 1


@pytest.mark.parametrize(
    ("error", "cost"),
    [
        (None, "some"),
        ("AccessDenied", "some"),
        ("Client.UnauthorizedOperation", "some"),
        ("Client.DryRunOperation", "some"),
        ("Client.InvalidParameterValue", "nothing"),
    ],
)
def test_guardrails_that_would_have_cost_nothing_come_first(error: str | None, cost: str) -> None:
    sold = call("ec2:CreateReservedInstancesListing", {}, error=error)
    found = activity(sold, call("ec2:CreateTags", {}), call("ec2:DescribeInstances"))
    by_name = guardrails(found)
    assert by_name["no-selling"].cost == cost
    assert by_name["no-selling"].would_deny == (cost == "some")
    tags = by_name["commitment-tags-only"]
    assert (tags.would_deny, tags.might_deny, tags.cost) == (0, 1, "unknown")
    assert by_name["metadata-only"].cost == "nothing"
    costs = [guardrail.cost for guardrail in found.guardrails]
    assert costs == sorted(costs, key=["nothing", "unknown", "some"].index)
    assert set(by_name) == set(Guardrail.names())


TAGS = {"tag": 1, "ResourceType": "host-reservation", "Tag": {"tag": 1, "Key": "a", "Value": "b"}}


@pytest.mark.parametrize(
    ("request_", "may_deny"),
    [
        ({"PurchaseHostReservationRequest": {"HostIdSet": {"tag": 1, "content": "h-1"}}}, 0),
        ({"PurchaseHostReservationRequest": {"TagSpecification": TAGS}}, 1),
        # CloudTrail leaves out what is too long.
        (None, 1),
        ("HIDDEN_DUE_TO_SECURITY_REASONS", 1),
    ],
)
def test_call_that_may_pass_tags_may_be_denied_by_a_guardrail_that_denies_those(
    request_: Any, may_deny: int
) -> None:
    event = call("ec2:PurchaseHostReservation", request_)
    for name in ("needed-only", "commitment-tags-only"):
        found = guardrails(activity(event))[name]
        assert (found.would_deny, found.might_deny) == (0, may_deny)
        assert found.cost == ("unknown" if may_deny else "nothing")


def names_of_unknown_cost(found: Activity) -> set[str]:
    return {guardrail.name for guardrail in found.guardrails if guardrail.cost == "unknown"}


def denies_support(guardrail: Guardrail) -> bool:
    documents = documents_on(guardrail, ROLES["auto-pilot"].patterns).values()
    return any(
        "NotAction" in statement or "support:" in str(statement["Action"])
        for document in documents
        for statement in document["Statement"]
    )


DENYING_SUPPORT = {name for name in Guardrail.names() if denies_support(Guardrail.named(name))}


@pytest.mark.parametrize(
    ("event", "denying", "if_refused"),
    [
        # Of a service that the catalog does not have, so that any guardrail may deny it. The role
        # has no action of it.
        (call("s3:ListBuckets"), set(Guardrail.names()), set()),
        # Of a console, which may need any of the services that it is for.
        (call("billingconsole:GetBills"), set(Guardrail.names()), set(Guardrail.names())),
        (call("support:CompleteAttachmentUpload"), DENYING_SUPPORT, DENYING_SUPPORT),
    ],
)
def test_unknown_call_prevents_the_recommendation_of_a_guardrail_that_may_deny_it(
    event: Any, denying: set[str], if_refused: set[str]
) -> None:
    found = activity(event)
    assert names_of_unknown_cost(found) == denying
    (unknown,) = found.unknown
    assert (unknown.why, unknown.events) == ("not-mapped", 1)
    refused = activity(event | {"errorCode": "AccessDenied"})
    assert names_of_unknown_cost(refused) == if_refused
    assert len(refused.refused) == 1
    assert len(refused.unknown) == bool(if_refused)


def allowing(*unknown: RoleUnknown, **members: Any) -> WatchedRoles:
    """The auto-pilot role as expected, with one more statement, and what cannot be read of it."""
    (watched,) = (role for role in PUBLISHED.roles if role.role.kind == "auto-pilot")
    document = {"Statement": [{"Effect": "Allow", "Resource": "*", **members}]}
    policies = *watched.role.policies, parse_policy(document, name="Own")
    role = replace(watched.role, policies=policies, unknown=unknown)
    return WatchedRoles(roles=(replace(watched, role=role, expected=True),))


MANAGED = RoleUnknown(part="managed-policies", why="not-counted")


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        ("s3:ListBuckets", PUBLISHED),
        ("s3:ListBuckets", expected(Guardrail.NEEDED_ONLY)),
        ("s3:ListBuckets", allowing(Action="logs:*")),
        ("s3:ListBuckets", allowing(Effect="Deny", Action="s3:*")),
        ("sts:AssumeRole", PUBLISHED),
    ],
)
def test_refused_call_of_a_service_without_an_action_of_the_role_is_only_refused(
    action: str, roles: WatchedRoles
) -> None:
    found = activity(call("ec2:DescribeInstances"), call(action, error="AccessDenied"), roles=roles)
    assert found.unknown == ()
    (refusal,) = found.refused
    assert (refusal.action, refusal.outcome) == (action, "AccessDenied")
    free = [guardrail for guardrail in found.guardrails if guardrail.cost != "some"]
    assert {(guardrail.cost, guardrail.might_deny) for guardrail in free} == {("nothing", 0)}


@pytest.mark.parametrize(
    ("event", "roles"),
    [
        (call("support:CompleteAttachmentUpload"), PUBLISHED),
        # Of one of two services, and of a service whose prefix is not its source.
        (call("autoscaling:Nothing"), PUBLISHED),
        (call("tagging:Nothing"), PUBLISHED),
        (call("billingconsole:GetBills"), PUBLISHED),
        (call("s3:ListBuckets"), allowing(Action="s3:List*")),
        (call("s3:ListBuckets"), allowing(Action="S3:ListBuckets")),
        (call("s3:ListBuckets"), allowing(Action="s?:*")),
        (call("s3:ListBuckets"), allowing(NotAction="ec2:*")),
        # It cannot be told what the role allows, or of which service the call is.
        (call("s3:ListBuckets"), allowing(MANAGED)),
        (call("s3:ListBuckets"), allowing(Action={"Ref": "Actions"})),
        (call("x:Nothing", eventSource="ec2.amazonaws.com.cn"), PUBLISHED),
        (call("x:Nothing", eventSource="ec2.us-east-1.amazonaws.com"), PUBLISHED),
        (call("x:Nothing", eventSource="ec2"), PUBLISHED),
        (call("EC2:Nothing"), PUBLISHED),
    ],
)
def test_other_refused_call_that_is_not_known_stays_unknown(
    event: Any, roles: WatchedRoles
) -> None:
    found = activity(event | {"errorCode": "AccessDenied"}, roles=roles)
    assert [unknown.events for unknown in found.unknown if unknown.why == "not-mapped"] == [1]
    assert len(found.refused) == 1
    assert names_of_unknown_cost(found)
    # What succeeded is unknown whatever the role has.
    assert "not-mapped" in {unknown.why for unknown in activity(event, roles=roles).unknown}


def test_no_guardrail_is_recommended_if_events_are_missing_or_a_role_was_only_assumed() -> None:
    collector = Collector(PUBLISHED)
    collector.add("trail.json", [call("ec2:DescribeInstances")])
    collector.unknown.append(ActivityUnknown(why="denied", subject="us-west-2"))
    assumed = assumption(AUTO_PILOT, "Example-1234")
    only_assumed = activity(assumed)
    assert only_assumed.unknown == (ActivityUnknown(why="no-calls", subject=AUTO_PILOT),)
    for found in (collector.result(), only_assumed):
        assert {guardrail.cost for guardrail in found.guardrails} == {"unknown"}
    assert activity(assumed, call("ec2:DescribeInstances")).unknown == ()


def test_call_that_needs_no_permission_is_not_unknown() -> None:
    found = activity(call("sts:GetCallerIdentity"))
    assert (found.unknown, found.changes, found.used) == ((), (), ())
    assert found.sessions[0].calls == 1


ALLOWED_CALLS = sorted({action.name for action in shipped().matching(ROLES["auto-pilot"].patterns)})


@cache
def deployed(guardrail: str) -> simulator.Role:
    """The auto-pilot role with a guardrail, as it is in an account."""
    role = published_role("auto-pilot")
    denies = policies_on(Guardrail.named(guardrail), "auto-pilot")
    made = (
        policy.in_account(account=ACCOUNT, partition="aws") for policy in (*role.policies, *denies)
    )
    return simulator.Role(role.name.text, {}, {policy.name: document_of(policy) for policy in made})


@examples(thorough=60, quick=6)
@given(st.lists(st.sampled_from(ALLOWED_CALLS), min_size=1, max_size=8))
def test_counts_are_the_decisions_of_the_policy_simulator(names: list[str]) -> None:
    """Denied on the resource and in the context that a guardrail admits, or denied on any."""
    sources = {"cloudwatch": "monitoring", "tag": "tagging"}
    events = []
    for name in names:
        service, called = name.split(":")
        events.append(call(f"{sources.get(service, service)}:{called}", {}))
    found = guardrails(activity(*events))
    for name, guardrail in found.items():
        role = deployed(name)
        uses = [
            simulator.use(role, action=called, resource=_resource(called), context=context)
            for called in names
            for context in CONTEXTS
        ]
        decisions = simulator.decide(uses)
        assert {*decisions} <= {ALLOWED, EXPLICITLY_DENIED}
        denied = [decision == EXPLICITLY_DENIED for decision in decisions]
        size = len(CONTEXTS)
        by_call = [denied[start : start + size] for start in range(0, len(denied), size)]
        always, ever = sum(map(all, by_call)), sum(map(any, by_call))
        assert guardrail.would_deny <= always
        assert ever <= guardrail.would_deny + guardrail.might_deny
        if not guardrail.might_deny:
            assert guardrail.would_deny == always == ever


CONTEXTS: list[dict[str, str]] = [
    {"iam:AWSServiceName": "organizations.amazonaws.com"},
    {"iam:AWSServiceName": "ec2.amazonaws.com"},
]


def _resource(action: str) -> str:
    resources = catalog.actions()[action.lower()].resources
    return resources[0] if resources else "*"


def test_session_counts_only_if_the_role_issued_it() -> None:
    mine = call("ec2:DescribeInstances")
    others = [
        call("ec2:CreateTags", role=AUTO_PILOT.replace("role/", "user/")),
        call("ec2:CreateTags", role=f"{AUTO_PILOT}2"),
        # A role of another account that calls into this one.
        call("ec2:CreateTags", role=AUTO_PILOT.replace(ACCOUNT, "444455556666"))
        | {"recipientAccountId": ACCOUNT},
        call("ec2:CreateTags") | {"userIdentity": {"type": "Root", "arn": AUTO_PILOT}},
        call("ec2:CreateTags") | {"userIdentity": {"type": "AWSService", "invokedBy": "x"}},
        {key: value for key, value in call("ec2:CreateTags").items() if key != "userIdentity"},
        assumption(f"{AUTO_PILOT}2", "Example-1234"),
        call("sts:AssumeRole", role=f"{AUTO_PILOT}2"),
    ]
    found = activity(mine, *others)
    assert (found.changes, found.unknown) == ((), ())
    assert found.events == 9
    assert [role.calls for role in found.roles] == [1]


@pytest.mark.parametrize("place", ["role/PumpAutopilotRole", "role/vendors/PUMPAUTOPILOTROLE"])
@pytest.mark.parametrize(
    "chosen", [[], [AUTO_PILOT], [AUTO_PILOT.replace("role/Pump", "role/vendors/pump")]]
)
def test_role_is_known_whatever_its_path_and_the_case_of_its_name(
    place: str, chosen: list[str]
) -> None:
    roles = with_arns(PUBLISHED, chosen)
    arn = f"arn:aws:iam::{ACCOUNT}:{place}"
    bought = PURCHASES["ec2"] | {"userIdentity": call("ec2:CreateTags", role=arn)["userIdentity"]}
    found = activity(call("ec2:DescribeInstances"), bought, roles=roles)
    assert [(role.arn, role.calls) for role in found.roles] == [(AUTO_PILOT, 1), (arn, 1)]
    assert [change.is_important for change in found.changes] == [True]
    bought["userIdentity"]["sessionContext"] = None
    found = activity(call("ec2:DescribeInstances"), bought, roles=roles)
    assert [unknown.why for unknown in found.unknown] == ["malformed"]


def test_call_into_another_account_counts_once() -> None:
    # CloudTrail keeps it in both accounts.
    bought = PURCHASES["ec2"]
    found = activity(bought, bought | {"recipientAccountId": "444455556666", "eventID": "2"})
    assert (len(found.changes), found.roles[0].calls) == (1, 1)


def test_session_of_the_role_counts_whatever_the_type_of_its_identity() -> None:
    for kind in ("IAMUser", "assumedrole", None):
        event = call("ec2:CreateTags")
        event["userIdentity"]["type"] = kind
        assert len(activity(event).changes) == 1


def changed(*, item: str = "1", error: str | None = None, **members: Any) -> dict[str, Any]:
    return call("rds:PurchaseReservedDBInstancesOffering", {"reservedDBInstanceId": item}) | {
        "errorCode": error,
        **members,
    }


@given(
    st.lists(
        st.builds(
            changed,
            eventID=st.sampled_from(["a", "b", ""]),
            item=st.sampled_from("12"),
            error=st.sampled_from([None, "AccessDenied"]),
            eventTime=st.sampled_from([TIME, "2026-11-11T00:00:00Z"]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_event_is_only_left_out_if_the_same_one_is_there(events: list[dict[str, Any]]) -> None:
    found = activity(*events)
    different = [event for index, event in enumerate(events) if event not in events[:index]]
    with_id = [event for event in different if event["eventID"]]
    anonymous = [event for event in events if not event["eventID"]]
    shown: list[WriteCall | DeniedCall] = [*found.changes, *found.refused]
    listed = Counter((each.time, each.outcome) for each in shown)
    for key, count in Counter(
        (event["eventTime"], event["errorCode"] or "done") for event in (*with_id, *anonymous)
    ).items():
        assert listed[key] >= count
    # AWS gives no two events one ID.
    clashing = len(with_id) > len({event["eventID"] for event in with_id})
    assert [unknown.why for unknown in found.unknown] == ["malformed"] * clashing
    if not clashing:
        assert len(shown) == len(with_id) + len(anonymous)


OTHER = AUTO_PILOT.replace(ACCOUNT, "444455556666")


def test_role_of_a_chosen_arn_is_the_only_one_that_counts() -> None:
    third = AUTO_PILOT.replace(ACCOUNT, "777788889999")
    events = [call("ec2:CreateTags", role=role) for role in (AUTO_PILOT, OTHER, third)]
    for chosen in ([OTHER], [AUTO_PILOT, OTHER], [OTHER, f"{third[:-4]}Role", third]):
        found = activity(*events, roles=with_arns(PUBLISHED, chosen))
        accounts = sorted({arn.split(":")[4] for arn in chosen})
        assert [each.account for each in found.accounts] == accounts
        assert sorted(change.role for change in found.changes) == sorted({*chosen})
        assert len({*found.guardrails}) == len(found.guardrails) == len(Guardrail.names())
    with pytest.raises(InputError, match="the name is not PumpReadOnlyRole or PumpAutoPilotRole"):
        with_arns(PUBLISHED, [f"{AUTO_PILOT}2"])


def test_account_says_what_was_read_and_what_was_done_of_its_own() -> None:
    late = {"eventTime": "2026-11-12T08:15:00Z", "awsRegion": "us-west-2"}
    other = call("ec2:RunInstances", role=f"{OTHER}2")
    found = activity(
        PURCHASES["ec2"],
        PURCHASES["Savings Plan"] | {"errorCode": "ValidationException"},
        handshake(),
        call("ec2:CreateTags", error="AccessDenied"),
        # Of other callers, in an account without a role, and without an account.
        *(other, other | late, other | {"recipientAccountId": None}),
    )
    assert found.accounts == (
        AccountActivity(
            account=ACCOUNT,
            regions=("us-east-1",),
            since=TIME,
            until=TIME,
            days=1,
            events=4,
            calls=4,
            commitments=1,
            handshakes=1,
            refused=1,
        ),
        AccountActivity(
            account="444455556666",
            regions=("us-east-1", "us-west-2"),
            since=TIME,
            until=late["eventTime"],
            days=2,
            events=2,
            calls=0,
            commitments=0,
            handshakes=0,
            refused=0,
        ),
    )
    assert found.events == 7


def test_time_with_an_offset_is_converted_to_utc_and_its_day_and_order_are_those_in_utc() -> None:
    early, late = (
        call("ec2:CreateTags", session=session, eventTime=time)
        for session, time in (
            ("early", "2026-11-11T02:00:00+05:00"),
            ("late", "2026-11-10T23:30:00Z"),
        )
    )
    found = activity(late, early)
    assert [change.time for change in found.changes] == [
        "2026-11-10T21:00:00Z",
        "2026-11-10T23:30:00Z",
    ]
    (account,) = found.accounts
    assert (account.days, account.since) == (1, "2026-11-10T21:00:00Z")
    assert [session.name for session in found.sessions] == ["early", "late"]


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "2026-11-10T08:15:00", "yesterday"])
def test_event_without_a_time_in_utc_is_not_read(time: str) -> None:
    found = activity(call("ec2:CreateTags"), call("ec2:CreateTags", eventTime=time))
    assert len(found.changes) == 1
    assert [(each.why, each.events) for each in found.unknown] == [("malformed", 1)]


def test_plan_that_must_be_returned_first_is_first_whatever_its_account() -> None:
    bought = [
        plan("1") | {"eventTime": f"2026-11-{day:02}T08:15:00Z", "eventID": f"{day}"}
        for day in (1, 12, 11)
    ]
    bought[1] = by_role(bought[1], OTHER)
    not_known = plan(None) | {"eventID": "not-known", "eventTime": "2026-11-12T09:00:00Z"}
    reserved = PURCHASES["ec2"] | {"eventID": "reserved", "eventTime": "2026-11-02T00:00:00Z"}
    plans = [
        event | {"responseElements": {"savingsPlanId": event["eventID"]}}
        for event in (*bought, not_known)
    ]
    expected = ["not-known", "11", "12", "1", "reserved"]
    for events in ([*plans, reserved], [reserved, *plans[::-1]]):
        assert [change.id for change in activity(*events).changes] == expected


ROLES_OF = (AUTO_PILOT, READ_ONLY, OTHER)
SOME = [
    *(event for kind, event in PURCHASES.items() if kind in ("ec2", "Savings Plan")),
    *(call("ec2:DescribeInstances"), call("ec2:CreateTags", error="AccessDenied"), handshake()),
    *(call("s3:ListBuckets"), call("ec2:DescribeVpcs", session="other")),
]


@given(
    st.lists(
        st.builds(
            lambda event, role, day: (
                by_role(event, role) | {"eventTime": f"2026-11-{day:02}T08:15:00Z"}
            ),
            st.sampled_from(SOME),
            st.sampled_from(ROLES_OF),
            st.integers(1, 20),
        ),
        min_size=1,
        max_size=8,
    ).flatmap(lambda found: st.permutations([*enumerate(found)]))
)
def test_result_is_that_of_each_account_in_any_order(found: list[tuple[int, Any]]) -> None:
    of_account: dict[str, list[Any]] = {}
    events = [event | {"eventID": f"{number}"} for number, event in found]
    whole = activity(*events)
    assert activity(*sorted(events, key=lambda event: event["eventID"])) == whole
    for event in events:
        of_account.setdefault(event["recipientAccountId"], []).append(event)
    each = [activity(*events) for _, events in sorted(of_account.items())]
    assert whole.accounts == tuple(account for alone in each for account in alone.accounts)
    assert whole.events == sum(alone.events for alone in each)
    for name in ("roles", "changes", "refused", "sessions"):
        alone = [part for result in each for part in getattr(result, name)]
        assert sorted(map(str, getattr(whole, name))) == sorted(map(str, alone))


def test_events_without_a_session_of_the_roles_are_no_result() -> None:
    with pytest.raises(NothingFoundError) as raised:
        activity(call("ec2:DescribeInstances", role=f"{AUTO_PILOT}2"))
    assert (raised.value.events, raised.value.unknown) == (1, [])


def test_sessions_say_who_came_in_and_when() -> None:
    first = assumption(AUTO_PILOT, "Example-1234") | {"eventTime": "2026-11-10T08:00:00Z"}
    last = call("ec2:DescribeInstances", sourceIPAddress="203.0.113.8") | {
        "eventTime": "2026-11-10T09:00:00Z"
    }
    failed = assumption(AUTO_PILOT, "Example-1234", "other") | {"errorCode": "AccessDenied"}
    (session,) = activity(call("ec2:CreateTags"), last, first, failed).sessions
    assert session.name == "recommendations"
    assert session.role == AUTO_PILOT
    assert session.callers == (PUMP,)
    assert session.addresses == ("203.0.113.7", "203.0.113.8")
    assert (session.first, session.last) == ("2026-11-10T08:00:00Z", "2026-11-10T09:00:00Z")
    assert session.calls == 2


def test_external_ids_and_characters_that_disguise_are_hidden() -> None:
    found = activity(
        assumption(AUTO_PILOT, "Example-1234-5678", "for-Example-1234-5678"),
        call("ec2:CreateTags", session="for-Example-1234-5678"),
        call("ec2:Nothing\u202e", {"externalId": "Example-1234-5678"}),
    )
    assert "Example-1234-5678" not in repr(found)
    assert next(session.name for session in found.sessions) == "for-(external ID)"
    assert found.unknown[0].subject == "ec2.amazonaws.com Nothing\\u202e"
    # An account ID may also be an external ID.
    found = activity(call("ec2:CreateTags"), assumption(AUTO_PILOT, ACCOUNT))
    assert [each.account for each in found.accounts] == [ACCOUNT]


def test_external_id_is_hidden_before_a_text_is_cut() -> None:
    long = f"{'x' * 190}Example-1234-5678-9012"
    found = activity(
        call("support:CreateCase", response={"caseId": long}),
        assumption(AUTO_PILOT, "Example-1234-5678-9012"),
    )
    assert found.changes[0].item == f"{'x' * 190}(external  (cut)"


def broken(**members: Any) -> Any:
    return call("ec2:DescribeInstances") | members


def of_session(context: Any, arn: str) -> Any:
    return broken(userIdentity={"type": "AssumedRole", "arn": arn, "sessionContext": context})


@pytest.mark.parametrize(
    "event",
    [
        None,
        "x",
        [],
        {},
        broken(eventTime=None),
        broken(eventTime="yesterday"),
        broken(eventTime="2026-11-10T08:15:00"),
        broken(eventTime="0000-01-01T00:00:00Z"),
        broken(awsRegion=""),
        broken(eventSource=3),
        broken(eventName=None),
        broken(errorCode=3),
        broken(sourceIPAddress=["203.0.113.7"]),
        broken(userIdentity="x"),
        broken(userIdentity={"type": "AssumedRole"}),
        broken(recipientAccountId=3),
        broken(recipientAccountId=f"{ACCOUNT}\n"),
        broken(recipientAccountId="\u0661" * 12),
        assumption(AUTO_PILOT, "Example-1234") | {"recipientAccountId": "\x1b[31m"},
        of_session({"sessionIssuer": {"arn": "", "accountId": ACCOUNT}}, AUTO_PILOT),
        of_session({}, f"arn:aws:sts::{ACCOUNT}:assumed-role/PumpAutoPilotRole/x"),
        of_session({}, "PumpAutoPilotRole"),
    ],
)
def test_event_that_is_not_as_cloudtrail_writes_it_is_unknown(event: Any) -> None:
    found = activity(call("ec2:DescribeInstances"), event, event)
    assert found.unknown == (ActivityUnknown(why="malformed", subject="trail.json", events=2),)


@pytest.mark.parametrize(
    "event",
    [
        of_session({}, f"arn:aws:sts::{ACCOUNT}:assumed-role/Another/x"),
        broken(userIdentity=None),
        broken(userIdentity={"type": "AWSAccount", "accountId": PUMP}),
        broken(requestParameters="HIDDEN_DUE_TO_SECURITY_REASONS", responseElements=None),
        broken(sourceIPAddress=None),
    ],
)
def test_event_that_is_only_unusual_is_not_unknown(event: Any) -> None:
    assert activity(call("ec2:DescribeInstances"), event).unknown == ()


AGGREGATED = {
    "eventVersion": "1.0",
    "accountId": ACCOUNT,
    "eventId": "a",
    "eventCategory": "Aggregated",
    "eventType": "AwsAggregatedEvent",
    "awsRegion": "us-east-1",
    "eventSource": "s3.amazonaws.com",
    "timeWindow": {"windowStart": TIME, "windowEnd": TIME, "windowSize": "PT5M"},
    "summary": {},
}
INSIGHT = {
    "eventTime": TIME,
    "awsRegion": "us-east-1",
    "eventType": "AwsCloudTrailInsight",
    "eventCategory": "Insight",
    "insightDetails": {"eventName": "DescribeInstances", "eventSource": "ec2.amazonaws.com"},
}


@pytest.mark.parametrize("event", [AGGREGATED, INSIGHT])
def test_event_that_only_counts_others_is_skipped_and_counted(event: Any) -> None:
    found = activity(call("ec2:DescribeInstances"), event)
    assert (found.events, found.roles[0].calls, found.unknown) == (2, 1, ())
    # It has neither. Otherwise, it could hide a purchase.
    for members in ({"eventName": "CreateSavingsPlan"}, {"userIdentity": {"type": "AssumedRole"}}):
        found = activity(call("ec2:DescribeInstances"), AGGREGATED | members)
        assert [unknown.why for unknown in found.unknown] == ["malformed"]


def test_period_is_that_of_the_events_in_any_order() -> None:
    times = ["2026-11-10T08:00:00Z", "2026-11-09T08:00:00Z", "2026-11-10T09:00:00Z"]
    found = activity(*(call("ec2:DescribeInstances", eventTime=time) for time in times))
    assert (found.since, found.until) == (times[1], times[2])
