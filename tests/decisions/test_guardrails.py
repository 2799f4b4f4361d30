"""What each guardrail denies in the synthesized templates, according to a policy simulator.

With each guardrail, exactly the intended actions change from allowed to explicitly denied, and no
other decision changes. The intended actions are listed here, separate from the guardrails.
"""

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from aws_cdk import App
from botocore.session import get_session

from pump_roles import AutoPilotStack, Guardrail, ReadOnlyStack
from pump_roles.published import ROLES
from tests.support import BUYING_AND_SELLING, EXTERNAL_ID, PUMP_ACCOUNT
from tools.sandbox import catalog
from tools.sandbox.catalog import Action
from tools.sandbox.cdk import ROOT
from tools.sandbox.simulator import (
    ALLOWED,
    EXPLICITLY_DENIED,
    IMPLICITLY_DENIED,
    Role,
    Simulation,
    decide,
    use,
)

FACTS = json.loads((ROOT / "tests" / "decisions" / "data-bearing-actions.json").read_text())

COST_EXPLORER_SETTINGS = [
    "CreateAnomalyMonitor",
    "CreateAnomalySubscription",
    "CreateCostCategoryDefinition",
    "CreateNotificationSubscription",
    "CreateReport",
    "DeleteAnomalyMonitor",
    "DeleteAnomalySubscription",
    "DeleteCostCategoryDefinition",
    "DeleteNotificationSubscription",
    "DeleteReport",
    "ProvideAnomalyFeedback",
    "StartCostAllocationTagBackfill",
    "TagResource",
    "UntagResource",
    "UpdateAnomalyMonitor",
    "UpdateAnomalySubscription",
    "UpdateConsoleActionSetEnforced",
    "UpdateCostAllocationTagsStatus",
    "UpdateCostCategoryDefinition",
    "UpdateNotificationSubscription",
    "UpdatePreferences",
    "UpdateReport",
]
SUPPORT_WRITES = [
    "AddAttachmentsToSet",
    "AddCommunicationToCase",
    "AddRelatedItemToCase",
    "CreateCase",
    "DisconnectLiveContactForCase",
    "InitiateCallForCase",
    "InitiateChatForCase",
    "InitiateLiveContactForCase",
    "PutCaseAttributes",
    "RateCaseCommunication",
    "RefreshTrustedAdvisorCheck",
    "ResolveCase",
    "ResolveInteraction",
    "StartInteraction",
    "UpdateCaseSeverity",
    "UpdateInteraction",
    "UploadAttachment",
]
REGIONAL = {
    "ec2:PurchaseReservedInstancesOffering",
    "ec2:PurchaseHostReservation",
    "ec2:AcceptReservedInstancesExchangeQuote",
    "rds:PurchaseReservedDBInstancesOffering",
    "elasticache:PurchaseReservedCacheNodesOffering",
    "redshift:PurchaseReservedNodeOffering",
    "redshift:AcceptReservedNodeExchange",
    "es:PurchaseReservedInstanceOffering",
}
OF_CLOUDWATCH = get_session().get_service_model("cloudwatch").operation_names
UNDOCUMENTED = {
    action.name
    for action in catalog.matching(["cloudwatch:Get*", "cloudwatch:List*"])
    if action.name.partition(":")[2] not in OF_CLOUDWATCH
}
"""The reads of CloudWatch that the Service Authorization Reference has and its API does not."""

DATA_BEARING = UNDOCUMENTED | {
    action.name
    for action in catalog.matching(
        {*FACTS["actions"], *FACTS["also"]} - FACTS["judged otherwise"].keys()
    )
}

INTENDED: dict[Guardrail, set[str]] = {
    Guardrail.METADATA_ONLY: DATA_BEARING,
    Guardrail.NO_BILLING_PREFERENCES: {f"ce:{name}" for name in COST_EXPLORER_SETTINGS},
    Guardrail.NO_SELLING: {"ec2:CreateReservedInstancesListing"},
    Guardrail.NO_COMMITMENTS: {
        *REGIONAL,
        "ec2:CreateReservedInstancesListing",
        "ec2:ModifyReservedInstances",
        "savingsplans:CreateSavingsPlan",
    },
    Guardrail.NO_QUOTA_INCREASES: {"servicequotas:RequestServiceQuotaIncrease"},
    Guardrail.NO_SUPPORT_WRITES: {f"support:{name}" for name in SUPPORT_WRITES},
}
"""The guardrails that deny on every resource and without a condition."""

INVITES = "arn:aws:organizations::{}:handshake/o-abcdefghij/invite/h-0123456789abcdef"
CREATES = "iam:CreateServiceLinkedRole"

Requests = dict[str, list[tuple[str, dict[str, str]]]]


def regional(names: Iterable[str]) -> Requests:
    regions = [{"aws:RequestedRegion": region} for region in ("us-east-1", "us-west-2")]
    return {
        name: [(catalog.actions()[name.lower()].resources[0], region) for region in regions]
        for name in names
    }


LIMITS: dict[str, Requests] = {
    "commitment-tags-only": {
        "ec2:CreateTags": [
            (resource, {}) for resource in catalog.actions()["ec2:createtags"].resources
        ]
    },
    "organizations-linked-role-only": {
        CREATES: [
            ("arn:aws:iam::123456789012:role/r", {"iam:AWSServiceName": f"{name}.amazonaws.com"})
            for name in ("organizations", "ec2")
        ]
    },
    "invitations-from": {
        "organizations:AcceptHandshake": [
            (INVITES.format(account), {}) for account in ("111122223333", "444455556666")
        ]
    },
    "only-in-regions": regional(REGIONAL),
}
"""Those that deny some requests for an action: requests of which some are denied, and some not."""

LIMITS["recommended"] = LIMITS["commitment-tags-only"] | LIMITS["organizations-linked-role-only"]

UNDO = {
    "ec2:DeleteQueuedReservedInstances",
    "ec2:CancelReservedInstancesListing",
    "savingsplans:DeleteQueuedSavingsPlan",
    "savingsplans:ReturnSavingsPlan",
}


def role(*guardrails: Guardrail, kind: str = "auto-pilot") -> Role:
    """Return the role of a synthesized template."""
    stack_class = AutoPilotStack if kind == "auto-pilot" else ReadOnlyStack
    app = App()
    stack_class(
        app, "S", pump_principal=PUMP_ACCOUNT, external_id=EXTERNAL_ID, guardrails=guardrails
    )
    return Role.of_template(app.synth().get_stack_by_name("S").template)


@cache
def granted(kind: str = "auto-pilot") -> tuple[Action, ...]:
    return tuple(catalog.matching(ROLES[kind].patterns))


def of_services() -> list[Action]:
    """Return every action of the services that the policies touch."""
    services = {action.name.split(":")[0] for action in granted()}
    return [
        action for action in catalog.actions().values() if action.name.split(":")[0] in services
    ]


def uses(asked: Role, actions: Iterable[Action]) -> list[Simulation]:
    return [use(asked, action=action.name, resource=action.resources[0]) for action in actions]


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    actions = of_services()
    decisions = decide(uses(role(), actions))
    return dict(zip((action.name for action in actions), decisions, strict=True))


def test_each_guardrail_denies_exactly_the_intended_actions(before: dict[str, str]) -> None:
    actions = granted()
    decided = iter(
        decide([asked for guardrail in INTENDED for asked in uses(role(guardrail), actions)])
    )
    for guardrail, intended in INTENDED.items():
        after = {action.name: next(decided) for action in actions}
        denied = {name for name, decision in after.items() if decision == EXPLICITLY_DENIED}
        assert denied == intended, guardrail.name
        assert {before[name] for name in intended} == {ALLOWED}
        assert {after[name] for name in after.keys() - intended} == {ALLOWED}


def test_guardrail_that_lists_its_denies_denies_only_what_the_role_has(
    before: dict[str, str],
) -> None:
    """All of them together, over every action of every service that they name."""
    actions = of_services()
    assert len(actions) > 2_000
    decisions = decide(uses(role(*INTENDED), actions))
    after = dict(zip((action.name for action in actions), decisions, strict=True))
    changed = {name for name in after if after[name] != before[name]}
    assert changed == set().union(*INTENDED.values())
    assert {before[name] for name in changed} == {ALLOWED}


def test_recommended_denies_the_read_only_role_the_reads_that_return_data() -> None:
    actions = [action for action in of_services() if action.name.split(":")[0] != "ec2"]
    plain = decide(uses(role(kind="read-only"), actions))
    guarded = decide(uses(role(Guardrail.RECOMMENDED, kind="read-only"), actions))
    changed = {
        action.name: (was, now)
        for action, was, now in zip(actions, plain, guarded, strict=True)
        if was != now
    }
    own = {action.name for action in granted("read-only")}
    assert changed == dict.fromkeys(DATA_BEARING & own, (ALLOWED, EXPLICITLY_DENIED))
    assert len(changed) == 13


def test_no_commitments_allows_undoing_a_purchase() -> None:
    actions = catalog.matching(sorted(UNDO))
    paused = role(Guardrail.NO_COMMITMENTS, Guardrail.NO_SELLING)
    assert decide(uses(paused, actions)) == [ALLOWED] * len(UNDO)


NEEDED = {
    f"{service}:{name}"
    for service, names in {
        "ce": [
            "GetCostAndUsage",
            "GetCostForecast",
            "GetDimensionValues",
            "GetCommitmentPurchaseAnalysis",
            "ListCommitmentPurchaseAnalyses",
            "StartCommitmentPurchaseAnalysis",
            "GetReservationCoverage",
            "GetReservationUtilization",
            "GetReservationPurchaseRecommendation",
            "GetSavingsPlansCoverage",
            "GetSavingsPlansUtilization",
            "GetSavingsPlansUtilizationDetails",
            "GetSavingsPlansPurchaseRecommendation",
            "GetSavingsPlanPurchaseRecommendationDetails",
            "ListSavingsPlansPurchaseRecommendationGeneration",
            "StartSavingsPlansPurchaseRecommendationGeneration",
        ],
        "pricing": [
            "DescribeServices",
            "GetAttributeValues",
            "GetProducts",
        ],
        "ec2": [
            "DescribeInstances",
            "DescribeInstanceTypes",
            "DescribeInstanceTypeOfferings",
            "DescribeRegions",
            "DescribeAvailabilityZones",
            "DescribeReservedInstances",
            "DescribeReservedInstancesOfferings",
            "DescribeReservedInstancesListings",
            "DescribeReservedInstancesModifications",
            "DescribeHosts",
            "DescribeHostReservations",
            "DescribeHostReservationOfferings",
            "DescribeCapacityReservations",
            "GetCapacityReservationUsage",
            "GetReservedInstancesExchangeQuote",
            "PurchaseReservedInstancesOffering",
            "PurchaseHostReservation",
            "ModifyReservedInstances",
            "AcceptReservedInstancesExchangeQuote",
            "CreateReservedInstancesListing",
            "CancelReservedInstancesListing",
            "DeleteQueuedReservedInstances",
        ],
        "savingsplans": [
            "DescribeSavingsPlans",
            "DescribeSavingsPlanRates",
            "DescribeSavingsPlansOfferings",
            "DescribeSavingsPlansOfferingRates",
            "CreateSavingsPlan",
            "DeleteQueuedSavingsPlan",
            "ReturnSavingsPlan",
            "ListTagsForResource",
            "TagResource",
            "UntagResource",
        ],
        "rds": [
            "DescribeDBInstances",
            "DescribeReservedDBInstances",
            "DescribeReservedDBInstancesOfferings",
            "PurchaseReservedDBInstancesOffering",
        ],
        "elasticache": [
            "DescribeCacheClusters",
            "DescribeReservedCacheNodes",
            "DescribeReservedCacheNodesOfferings",
            "PurchaseReservedCacheNodesOffering",
        ],
        "redshift": [
            "DescribeClusters",
            "DescribeReservedNodes",
            "DescribeReservedNodeOfferings",
            "DescribeReservedNodeExchangeStatus",
            "GetReservedNodeExchangeOfferings",
            "PurchaseReservedNodeOffering",
            "AcceptReservedNodeExchange",
        ],
        "es": [
            "ListDomainNames",
            "DescribeDomains",
            "DescribeReservedInstances",
            "DescribeReservedInstanceOfferings",
            "PurchaseReservedInstanceOffering",
        ],
        "cloudwatch": [
            "GetMetricData",
            "GetMetricStatistics",
            "ListMetrics",
        ],
        "servicequotas": [
            "GetServiceQuota",
            "ListServiceQuotas",
            "RequestServiceQuotaIncrease",
            "GetRequestedServiceQuotaChange",
        ],
        "organizations": [
            "ListAccounts",
        ],
    }.items()
    for name in names
}
"""The actions that reservations and savings plans need, listed separately from the guardrail."""


def needed(kind: str = "auto-pilot") -> set[str]:
    """Return the actions that reservations and savings plans need, of those that a role has."""
    return NEEDED & {action.name for action in granted(kind)}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), [("auto-pilot", 79), ("read-only", 36)])
def test_needed_only_denies_every_action_of_aws_that_is_not_needed(kind: str, count: int) -> None:
    actions = list(catalog.actions().values())
    assert len(actions) > 22_000
    guarded = role(Guardrail.NEEDED_ONLY, kind=kind)
    decisions = decide([use(guarded, action=action.name) for action in actions])
    after = dict(zip((action.name for action in actions), decisions, strict=True))
    left = {name for name, decision in after.items() if decision == ALLOWED}
    # AWS lets everyone ask who they are, even if it is denied: AWS STS API Reference,
    # "GetCallerIdentity".
    assert left == {*needed(kind), "sts:GetCallerIdentity"}
    assert len(needed(kind)) == count
    # Denied, even if another policy of the role allowed it.
    assert {after[name] for name in after.keys() - left} == {EXPLICITLY_DENIED}


def test_needed_only_lists_only_actions_that_the_published_roles_have() -> None:
    kept = Guardrail.NEEDED_ONLY.keeps
    assert needed() == set(kept)
    assert set(BUYING_AND_SELLING) <= set(kept)


def test_needed_only_keeps_no_read_that_serves_only_what_the_roles_cannot_do() -> None:
    """Exchanges by restoring or resizing a cluster: Amazon Redshift API Reference."""
    options = "GetReservedNodeExchangeConfigurationOptions"
    model = get_session().get_service_model("redshift")
    request = model.operation_model(options).input_shape
    assert request
    serves = request.members["ActionType"].metadata["enum"]
    assert set(serves) == {"restore-cluster", "resize-cluster"}
    restores_or_resizes = {"redshift:RestoreFromClusterSnapshot", "redshift:ResizeCluster"}
    assert not restores_or_resizes & {action.name for action in granted()}
    assert f"redshift:{options}" in {action.name for action in granted()}
    assert f"redshift:{options}" not in Guardrail.NEEDED_ONLY.keeps


def test_actions_of_needed_only_that_list_resources_need_no_resource_id() -> None:
    """Otherwise Pump could not find the resources with the remaining actions."""
    names = {"es": "opensearch", "servicequotas": "service-quotas"}
    listing = [
        action
        for action, need in Guardrail.NEEDED_ONLY.keeps.items()
        if re.search("covers|that you have", need.needed)
    ]
    assert len(listing) > 10
    for action in listing:
        service, name = action.split(":")
        model = get_session().get_service_model(names.get(service, service))
        shape = model.operation_model(name).input_shape
        assert shape is None or shape.required_members == [], action


def test_needed_only_composes_with_every_other_guardrail() -> None:
    """Together, each denies what it denies by itself, and nothing else changes."""
    actions = [catalog.actions()[name.lower()] for name in sorted(needed())]
    others = {**INTENDED, Guardrail.RECOMMENDED: set()}
    decided = iter(
        decide(
            [
                asked
                for other in others
                for asked in uses(role(Guardrail.NEEDED_ONLY, other), actions)
            ]
        )
    )
    for other, intended in others.items():
        after = {action.name: next(decided) for action in actions}
        left = {name for name, decision in after.items() if decision == ALLOWED}
        assert left == needed() - intended, other.name


def test_recommended_denies_nothing_that_commitments_need() -> None:
    actions = [catalog.actions()[name.lower()] for name in needed()]
    assert set(decide(uses(role(Guardrail.RECOMMENDED), actions))) == {ALLOWED}
    # The positive control: another guardrail takes some of it.
    assert EXPLICITLY_DENIED in decide(uses(role(Guardrail.NO_COMMITMENTS), actions))


def test_recommended_denies_what_its_members_deny() -> None:
    members = role(*Guardrail.RECOMMENDED.members)
    assert role(Guardrail.RECOMMENDED) == members
    assert {policy for policy in members.policies if "Guardrail" in policy} == {
        "PumpGuardrailMetadataOnly",
        "PumpGuardrailNoBillingPreferences",
        "PumpGuardrailCommitmentTagsOnly",
        "PumpGuardrailOrganizationsLinkedRoleOnly",
    }


def decisions_on(
    guardrail: Guardrail, asked: Iterable[tuple[str, str, dict[str, str]]]
) -> list[str]:
    guarded = role(guardrail)
    return decide(
        [
            use(guarded, action=action, resource=resource, context=context)
            for action, resource, context in asked
        ]
    )


def test_only_commitments_can_be_tagged() -> None:
    action = catalog.actions()["ec2:createtags"]
    decisions = decisions_on(
        Guardrail.COMMITMENT_TAGS_ONLY,
        [(action.name, resource, {}) for resource in action.resources],
    )
    may = {
        resource.split(":")[5].split("/")[0]
        for resource, decision in zip(action.resources, decisions, strict=True)
        if decision == ALLOWED
    }
    assert may == {"reserved-instances", "host-reservation"}
    assert set(decisions) == {ALLOWED, EXPLICITLY_DENIED}


def test_service_linked_role_is_created_only_for_organizations() -> None:
    services: dict[str | None, str] = {
        "organizations.amazonaws.com": ALLOWED,
        "ec2.amazonaws.com": EXPLICITLY_DENIED,
        "member.org.stacksets.cloudformation.amazonaws.com": EXPLICITLY_DENIED,
        None: EXPLICITLY_DENIED,
    }
    resource = "arn:aws:iam::123456789012:role/aws-service-role/x/AWSServiceRoleForX"
    decisions = decisions_on(
        Guardrail.ORGANIZATIONS_LINKED_ROLE_ONLY,
        [
            (CREATES, resource, {} if service is None else {"iam:AWSServiceName": service})
            for service in services
        ],
    )
    assert dict(zip(services, decisions, strict=True)) == services


def test_only_invitations_from_one_account_can_be_accepted() -> None:
    handshakes = {
        "111122223333:handshake/o-abcdefghij/invite/h-0123456789abcdef": ALLOWED,
        "444455556666:handshake/o-abcdefghij/invite/h-0123456789abcdef": EXPLICITLY_DENIED,
        **{
            f"111122223333:handshake/o-abcdefghij/{kind}/h-0123456789abcdef": EXPLICITLY_DENIED
            for kind in ("enable_all_features", "transfer_responsibility")
        },
    }
    decisions = decisions_on(
        Guardrail.invitations_from("111122223333"),
        [
            ("organizations:AcceptHandshake", f"arn:aws:organizations::{handshake}", {})
            for handshake in handshakes
        ],
    )
    assert dict(zip(handshakes, decisions, strict=True)) == handshakes


def denied_in(guardrail: Guardrail, key: str, *values: str) -> dict[str, set[str]]:
    """Return what is denied of all that is granted, by the value of a condition key."""
    asked = [(value, action) for value in values for action in granted()]
    decisions = decisions_on(
        guardrail, [(action.name, action.resources[0], {key: value}) for value, action in asked]
    )
    assert set(decisions) <= {ALLOWED, EXPLICITLY_DENIED}
    denied: dict[str, set[str]] = {value: set() for value in values}
    for (value, action), decision in zip(asked, decisions, strict=True):
        if decision == EXPLICITLY_DENIED:
            denied[value].add(action.name)
    return denied


def test_purchases_are_denied_outside_the_allowed_regions() -> None:
    allowed, others = ("us-east-1", "eu-west-1"), ("eu-west-2", "US-EAST-1")
    guardrail = Guardrail.only_in_regions(*allowed)
    assert denied_in(guardrail, "aws:RequestedRegion", *allowed, *others) == {
        **{key: set() for key in allowed},
        **dict.fromkeys(others, REGIONAL),
    }


def test_until_denies_everything_from_that_time() -> None:
    later = ("2027-01-31T17:00:00Z", "2027-01-31T17:00:01Z", "2037-01-31T17:00:00Z")
    before = "2027-01-31T16:59:59Z"
    guardrail = Guardrail.until("2027-01-31T18:00:00+01:00")
    assert denied_in(guardrail, "aws:CurrentTime", before, *later) == {
        before: set(),
        **{key: {action.name for action in granted()} for key in later},
    }


def test_data_bearing_actions_are_reads_that_the_role_has() -> None:
    by_name = {action.name: action for action in granted()}
    assert all(by_name[name].only_reads for name in DATA_BEARING)
    assert set(FACTS["judged otherwise"]) <= set(FACTS["actions"])
    assert all(reason.strip() for reason in FACTS["judged otherwise"].values())


def test_simulator_detects_one_more_deny() -> None:
    """Proves that the tests above can fail: an additional deny is detected."""
    asked = role()
    wide: dict[str, Any] = {"Effect": "Deny", "Action": "ce:Get*", "Resource": "*"}
    changed = Role(
        asked.name,
        asked.trust,
        {**asked.policies, "Wide": {"Version": "2012-10-17", "Statement": [wide]}},
    )
    decisions = decide(uses(changed, granted()))
    assert decisions.count(EXPLICITLY_DENIED) == len(catalog.matching(["ce:Get*"]))
    assert IMPLICITLY_DENIED not in decisions
