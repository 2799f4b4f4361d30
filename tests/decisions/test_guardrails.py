"""What each guardrail takes away, judged by a policy simulator over the synthesized templates.

For each, exactly the intended actions turn from allowed to explicitly denied, and no other decision
changes. The intended actions stand here, written down apart from the guardrails' documents.
"""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from aws_cdk import App

from pump_roles import AutoPilotStack, Guardrail, ReadOnlyStack
from pump_roles.published import AUTO_PILOT, READ_ONLY
from sandbox import catalogue
from sandbox.catalogue import Action
from sandbox.cdk import ROOT
from sandbox.simulator import (
    ALLOWED,
    EXPLICITLY_DENIED,
    IMPLICITLY_DENIED,
    Role,
    Simulation,
    decide,
    use,
)
from tests.decisions.test_session import BUYING_AND_SELLING

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
DATA_BEARING = {
    action.name
    for pattern in [*FACTS["actions"], *FACTS["also"]]
    if pattern not in FACTS["judged otherwise"]
    for action in catalogue.matching([pattern])
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
"""Those that deny on every resource and without a condition."""

UNDO = {
    "ec2:DeleteQueuedReservedInstances",
    "ec2:CancelReservedInstancesListing",
    "savingsplans:DeleteQueuedSavingsPlan",
    "savingsplans:ReturnSavingsPlan",
}


def role(*guardrails: Guardrail, kind: str = "auto-pilot") -> Role:
    """The role of a synthesized template."""
    stack_class = AutoPilotStack if kind == "auto-pilot" else ReadOnlyStack
    app = App()
    stack_class(
        app, "S", pump_principal="999988887777", external_id="Example-1234", guardrails=guardrails
    )
    return Role.of_template(app.synth().get_stack_by_name("S").template)


@cache
def granted(kind: str = "auto-pilot") -> tuple[Action, ...]:
    policies = AUTO_PILOT if kind == "auto-pilot" else READ_ONLY
    return tuple(catalogue.matching(pattern for one in policies for pattern in one.patterns))


def of_services() -> list[Action]:
    """Every action of the services that the policies touch."""
    services = {action.name.split(":")[0] for action in granted()}
    return [one for one in catalogue.actions().values() if one.name.split(":")[0] in services]


def uses(asked: Role, actions: Iterable[Action]) -> list[Simulation]:
    return [use(asked, action=one.name, resource=one.resources[0]) for one in actions]


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    actions = of_services()
    decisions = decide(uses(role(), actions))
    return dict(zip((one.name for one in actions), decisions, strict=True))


def test_each_denies_exactly_the_intended_actions(before: dict[str, str]) -> None:
    actions = granted()
    decided = iter(
        decide([one for guardrail in INTENDED for one in uses(role(guardrail), actions)])
    )
    for guardrail, intended in INTENDED.items():
        after = {action.name: next(decided) for action in actions}
        denied = {name for name, decision in after.items() if decision == EXPLICITLY_DENIED}
        assert denied == intended, guardrail.name
        assert {before[name] for name in intended} == {ALLOWED}
        assert {after[name] for name in after.keys() - intended} == {ALLOWED}


def test_none_denies_what_the_role_never_had(before: dict[str, str]) -> None:
    """All of them together, over every action of every service that they name."""
    actions = of_services()
    assert len(actions) > 2_000
    decisions = decide(uses(role(*INTENDED), actions))
    after = dict(zip((one.name for one in actions), decisions, strict=True))
    changed = {name for name in after if after[name] != before[name]}
    assert changed == set().union(*INTENDED.values())
    assert {before[name] for name in changed} == {ALLOWED}


def test_on_the_read_only_role() -> None:
    actions = [one for one in of_services() if one.name.split(":")[0] != "ec2"]
    plain = decide(uses(role(kind="read-only"), actions))
    guarded = decide(uses(role(Guardrail.RECOMMENDED, kind="read-only"), actions))
    changed = {
        action.name: (was, now)
        for action, was, now in zip(actions, plain, guarded, strict=True)
        if was != now
    }
    own = {action.name for action in granted("read-only")}
    assert changed == dict.fromkeys(DATA_BEARING & own, (ALLOWED, EXPLICITLY_DENIED))
    assert len(changed) == 5


@pytest.mark.parametrize("name", sorted(UNDO))
def test_a_pause_leaves_the_undo(name: str) -> None:
    (action,) = catalogue.matching([name])
    paused = role(Guardrail.NO_COMMITMENTS, Guardrail.NO_SELLING)
    assert decide(uses(paused, [action])) == [ALLOWED]


def core() -> dict[str, str]:
    """What Pump's commitment work needs, with why."""
    needed: dict[str, str] = json.loads(
        (ROOT / "tests" / "decisions" / "commitment-actions.json").read_text()
    )
    return needed


def test_recommended_takes_nothing_from_the_commitment_work() -> None:
    names = core()
    assert len(names) >= 61
    assert all(reason.strip() for reason in names.values())
    assert set(BUYING_AND_SELLING) <= set(names)
    actions = [catalogue.actions()[name.lower()] for name in names]
    assert [action.name for action in actions] == list(names)
    assert set(decide(uses(role(Guardrail.RECOMMENDED), actions))) == {ALLOWED}
    # The positive control: another guardrail takes some of it.
    assert EXPLICITLY_DENIED in decide(uses(role(Guardrail.NO_COMMITMENTS), actions))


def test_recommended_is_its_members() -> None:
    members = role(*Guardrail.RECOMMENDED.members)
    assert role(Guardrail.RECOMMENDED) == members
    assert {policy for policy in members.policies if "Guardrail" in policy} == {
        "PumpGuardrailMetadataOnly",
        "PumpGuardrailNoBillingPreferences",
        "PumpGuardrailCommitmentTagsOnly",
        "PumpGuardrailOrganizationsLinkedRoleOnly",
    }


def judged(guardrail: Guardrail, asked: Iterable[tuple[str, str, dict[str, str]]]) -> list[str]:
    guarded = role(guardrail)
    return decide(
        [
            use(guarded, action=action, resource=resource, context=context)
            for action, resource, context in asked
        ]
    )


def test_tags_on_commitments_only() -> None:
    action = catalogue.actions()["ec2:createtags"]
    decisions = judged(
        Guardrail.COMMITMENT_TAGS_ONLY, [(action.name, one, {}) for one in action.resources]
    )
    may = {
        resource.split(":")[5].split("/")[0]
        for resource, decision in zip(action.resources, decisions, strict=True)
        if decision == ALLOWED
    }
    assert may == {"reserved-instances", "host-reservation"}
    assert set(decisions) == {ALLOWED, EXPLICITLY_DENIED}


@pytest.mark.parametrize(
    ("service", "decision"),
    [
        ("organizations.amazonaws.com", ALLOWED),
        ("ec2.amazonaws.com", EXPLICITLY_DENIED),
        ("member.org.stacksets.cloudformation.amazonaws.com", EXPLICITLY_DENIED),
        (None, EXPLICITLY_DENIED),
    ],
)
def test_a_linked_role_for_organizations_only(service: str | None, decision: str) -> None:
    context = {} if service is None else {"iam:AWSServiceName": service}
    resource = "arn:aws:iam::123456789012:role/aws-service-role/x/AWSServiceRoleForX"
    assert judged(
        Guardrail.ORGANIZATIONS_LINKED_ROLE_ONLY,
        [("iam:CreateServiceLinkedRole", resource, context)],
    ) == [decision]


@pytest.mark.parametrize(
    ("handshake", "decision"),
    [
        ("111122223333:handshake/o-abcdefghij/invite/h-0123456789abcdef", ALLOWED),
        ("444455556666:handshake/o-abcdefghij/invite/h-0123456789abcdef", EXPLICITLY_DENIED),
        (
            "111122223333:handshake/o-abcdefghij/enable_all_features/h-0123456789abcdef",
            EXPLICITLY_DENIED,
        ),
        (
            "111122223333:handshake/o-abcdefghij/transfer_responsibility/h-0123456789abcdef",
            EXPLICITLY_DENIED,
        ),
    ],
)
def test_invitations_from_one_account_only(handshake: str, decision: str) -> None:
    resource = f"arn:aws:organizations::{handshake}"
    assert judged(
        Guardrail.invitations_from("111122223333"),
        [("organizations:AcceptHandshake", resource, {})],
    ) == [decision]


def test_only_in_regions() -> None:
    guardrail = Guardrail.only_in_regions("us-east-1", "eu-west-1")
    for region in ["us-east-1", "eu-west-1", "eu-west-2", "US-EAST-1"]:
        decisions = judged(
            guardrail,
            [(one.name, one.resources[0], {"aws:RequestedRegion": region}) for one in granted()],
        )
        denied = {
            action.name
            for action, decision in zip(granted(), decisions, strict=True)
            if decision == EXPLICITLY_DENIED
        }
        assert denied == (set() if region in {"us-east-1", "eu-west-1"} else REGIONAL)
        assert set(decisions) <= {ALLOWED, EXPLICITLY_DENIED}


@pytest.mark.parametrize(
    ("now", "decision"),
    [
        ("2027-01-31T16:59:59Z", ALLOWED),
        ("2027-01-31T17:00:00Z", EXPLICITLY_DENIED),
        ("2027-01-31T17:00:01Z", EXPLICITLY_DENIED),
        ("2037-01-31T17:00:00Z", EXPLICITLY_DENIED),
    ],
)
def test_until_a_moment(now: str, decision: str) -> None:
    guardrail = Guardrail.until("2027-01-31T18:00:00+01:00")
    asked: list[tuple[str, str, dict[str, str]]] = [
        (action.name, action.resources[0], {"aws:CurrentTime": now}) for action in granted()
    ]
    assert set(judged(guardrail, asked)) == {decision}


def test_the_intended_of_metadata_only_are_reads_that_the_role_has() -> None:
    by_name = {action.name: action for action in granted()}
    assert all(by_name[name].only_reads for name in DATA_BEARING)
    assert set(FACTS["judged otherwise"]) <= set(FACTS["actions"])
    assert all(reason.strip() for reason in FACTS["judged otherwise"].values())


def test_the_simulator_would_show_a_deny_too_many() -> None:
    """The positive control: a deny of something else is seen."""
    asked = role()
    wide: dict[str, Any] = {"Effect": "Deny", "Action": "ce:Get*", "Resource": "*"}
    changed = Role(
        asked.name,
        asked.trust,
        {**asked.policies, "Wide": {"Version": "2012-10-17", "Statement": [wide]}},
    )
    decisions = decide(uses(changed, granted()))
    assert decisions.count(EXPLICITLY_DENIED) == len(catalogue.matching(["ce:Get*"]))
    assert IMPLICITLY_DENIED not in decisions
