"""What each guardrail denies in the synthesized templates, according to a policy simulator.

With each guardrail, exactly the intended actions change from allowed to explicitly denied, and no
other decision changes. The intended actions are listed here, separate from the guardrails.
"""

import json
import re
from collections.abc import Iterable
from functools import cache
from itertools import islice

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template
from botocore.session import get_session

from pump_roles import AutoPilotStack, Guardrail, ReadOnlyStack
from pump_roles.guardrails import kept_by
from pump_roles.published import ROLES
from tests.support import ROLE_ARGUMENTS, some
from tools.sandbox import catalog
from tools.sandbox.catalog import Action
from tools.sandbox.cdk import ROOT
from tools.sandbox.simulator import (
    ALLOWED,
    EXPLICITLY_DENIED,
    IMPLICITLY_DENIED,
    Context,
    Role,
    Simulation,
    decide,
    use,
)

DATA = ROOT / "tests" / "decisions"
FACTS = json.loads((DATA / "data-bearing-actions.json").read_text())
LISTED = {
    name: set(actions)
    for name, actions in json.loads((DATA / "intended-actions.json").read_text()).items()
}
"""What some guardrails deny, and what ``needed-only`` keeps, listed separately from them."""
SUPPORT_WRITES = LISTED["support-writes"]

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
CHANGES = {
    *REGIONAL,
    "ec2:CancelReservedInstancesListing",
    "ec2:CreateReservedInstancesListing",
    "ec2:DeleteQueuedReservedInstances",
    "ec2:ModifyReservedInstances",
    "savingsplans:CreateSavingsPlan",
    "savingsplans:DeleteQueuedSavingsPlan",
    "savingsplans:ReturnSavingsPlan",
}
"""What the document calls "buy and sell Reserved Instances and Savings Plans": everything that the
auto-pilot role can do to commitments, apart from tagging them."""
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
    Guardrail.NO_BILLING_PREFERENCES: LISTED["no-billing-preferences"],
    Guardrail.NO_SELLING: {"ec2:CreateReservedInstancesListing"},
    Guardrail.NO_COMMITMENTS: CHANGES,
    Guardrail.NO_INVITATIONS: {"organizations:AcceptHandshake"},
    Guardrail.NO_QUOTA_INCREASES: {"servicequotas:RequestServiceQuotaIncrease"},
    Guardrail.NO_SUPPORT_WRITES: {f"support:{name}" for name in SUPPORT_WRITES},
}
"""The guardrails that deny on every resource and without a condition."""

HANDSHAKE = "arn:aws:organizations::{}:handshake/o-abcdefghij/{}/h-0123456789abcdef"
CREATES = "iam:CreateServiceLinkedRole"
TAGGABLE = catalog.actions()["ec2:createtags"].resources

QUOTA = "servicequotas:RequestServiceQuotaIncrease"
QUOTA_SERVICE = "servicequotas:service"
APPROVED = "aws:PrincipalTag/pump-commitments"
HANDS_OFF = "aws:ResourceTag/pump-hands-off"
TAG_KEYS = "aws:TagKeys"
Requests = dict[str, list[tuple[str, Context]]]


def requests(names: Iterable[str], *contexts: Context) -> Requests:
    return {
        name: [(catalog.actions()[name.lower()].resources[0], context) for context in contexts]
        for name in names
    }


TAGGED = {
    "ec2:ModifyReservedInstances",
    "ec2:AcceptReservedInstancesExchangeQuote",
    "ec2:DeleteQueuedReservedInstances",
    "savingsplans:DeleteQueuedSavingsPlan",
    "savingsplans:ReturnSavingsPlan",
}
"""The changes for which IAM has the tags of the commitment."""
TAGGING = {
    "ec2:CreateTags",
    "savingsplans:CreateSavingsPlan",
    "savingsplans:TagResource",
    "savingsplans:UntagResource",
}
NOT_TOLD_APART = {
    "ec2:CreateReservedInstancesListing",
    "ec2:CancelReservedInstancesListing",
    "redshift:AcceptReservedNodeExchange",
}


LIMITS: dict[str, Requests] = {
    "commitment-tags-only": {"ec2:CreateTags": [(resource, {}) for resource in TAGGABLE]},
    "organizations-linked-role-only": {
        CREATES: [
            ("arn:aws:iam::123456789012:role/r", {"iam:AWSServiceName": f"{name}.amazonaws.com"})
            for name in ("organizations", "ec2")
        ]
    },
    "invitations-from": {
        "organizations:AcceptHandshake": [
            (HANDSHAKE.format(account, "invite"), {})
            for account in ("111122223333", "444455556666")
        ]
    },
    "only-in-regions": requests(
        REGIONAL, {"aws:RequestedRegion": "us-east-1"}, {"aws:RequestedRegion": "us-west-2"}
    ),
    "needed-only": requests([QUOTA], {QUOTA_SERVICE: "rds"}, {}),
    "only-when-approved": requests(CHANGES, {APPROVED: "approved"}, {}),
    "hands-off": requests(TAGGED, {HANDS_OFF: "yes"}, {})
    | requests(TAGGING, {TAG_KEYS: ["pump-hands-off"]}, {TAG_KEYS: ["other"]}),
}
"""Those that deny some requests for an action: requests of which some are denied, and some not."""

LIMITS["recommended"] = LIMITS["commitment-tags-only"] | LIMITS["organizations-linked-role-only"]


def role(*guardrails: Guardrail, kind: str = "auto-pilot") -> Role:
    """Return the role of a synthesized template."""
    stack_class = AutoPilotStack if kind == "auto-pilot" else ReadOnlyStack
    stack = stack_class(App(), "S", **ROLE_ARGUMENTS, guardrails=guardrails)
    return Role.of_template(Template.from_stack(stack).to_json())


@cache
def granted(kind: str = "auto-pilot") -> tuple[Action, ...]:
    return tuple(catalog.matching(ROLES[kind].patterns))


def of_services() -> list[Action]:
    """Return every action of the services that the policies touch."""
    services = {action.name.split(":")[0] for action in granted()}
    return [
        action for action in catalog.actions().values() if action.name.split(":")[0] in services
    ]


def uses(
    asked: Role, actions: Iterable[Action], context: Context | None = None
) -> list[Simulation]:
    return [
        use(asked, action=action.name, resource=action.resources[0], context=context)
        for action in actions
    ]


def test_each_guardrail_denies_exactly_the_intended_actions() -> None:
    every = set().union(*INTENDED.values())
    actions = [action for action in granted() if action.name in every]
    asked = [asked for guardrail in INTENDED for asked in uses(role(guardrail), actions)]
    decided = iter(decide(asked))
    for guardrail, intended in INTENDED.items():
        denied = {action.name for action in actions if next(decided) == EXPLICITLY_DENIED}
        assert denied == intended, guardrail.name


@pytest.mark.parametrize(
    ("kind", "guardrails", "intended"),
    [
        # All of them together.
        ("auto-pilot", (*INTENDED,), set().union(*INTENDED.values())),
        ("read-only", (Guardrail.RECOMMENDED,), DATA_BEARING),
    ],
    ids=["auto-pilot", "read-only"],
)
def test_guardrail_that_lists_its_denies_denies_only_what_the_role_has(
    kind: str, guardrails: tuple[Guardrail, ...], intended: set[str]
) -> None:
    """Over every action of every service that they name; without them, see ``test_session.py``."""
    assert len(of_services()) > 2_000
    actions = [*some(of_services(), 3)]
    own = {action.name for action in granted(kind)}
    decisions = decide(uses(role(*guardrails, kind=kind), actions))
    for action, decision in zip(actions, decisions, strict=True):
        allowed = ALLOWED if action.name in own else IMPLICITLY_DENIED
        denied = action.name in own & intended
        assert decision == (EXPLICITLY_DENIED if denied else allowed), action.name
    assert len(own & intended) == {"auto-pilot": len(intended), "read-only": 13}[kind]


def test_no_commitments_denies_every_write_to_commitments_except_tagging() -> None:
    services = {name.split(":")[0] for name in CHANGES}
    writes = {
        action.name
        for action in granted()
        if action.name.split(":")[0] in services and not action.only_reads
    }
    tags = {"ec2:CreateTags", "savingsplans:TagResource", "savingsplans:UntagResource"}
    assert writes == CHANGES | tags


FOR_EC2 = {QUOTA_SERVICE: "ec2"}


def needed(kind: str = "auto-pilot") -> set[str]:
    """Return the actions that reservations and Savings Plans need, of those that a role has."""
    return LISTED["needed-only"] & {action.name for action in granted(kind)}


@pytest.mark.parametrize(("kind", "count"), [("auto-pilot", 79), ("read-only", 36)])
def test_needed_only_denies_every_action_of_aws_that_is_not_needed(kind: str, count: int) -> None:
    """Of other services, it asks for every twentieth: the guardrail names none of them."""
    every = catalog.actions()
    names = sorted(every.keys() - {action.name.lower() for action in of_services()})
    others = [every[name] for name in names[::20]]
    assert len([*of_services(), *others]) > 3_000
    kept = [every[name.lower()] for name in needed(kind)]
    sample = some([*of_services(), *others], 3)
    actions = [*sample, *kept, every["sts:getcalleridentity"]]
    guarded = role(Guardrail.NEEDED_ONLY, kind=kind)
    decisions = decide(
        [
            use(guarded, action=action.name, context=FOR_EC2 if action.name == QUOTA else {})
            for action in actions
        ]
    )
    after = dict(zip((action.name for action in actions), decisions, strict=True))
    left = {name for name, decision in after.items() if decision == ALLOWED}
    # AWS lets everyone ask who they are, even if it is denied: AWS STS API Reference,
    # "GetCallerIdentity".
    assert left == {*needed(kind), "sts:GetCallerIdentity"}
    assert len(needed(kind)) == count
    # Denied, even if another policy of the role allowed it.
    assert {after[name] for name in after.keys() - left} == {EXPLICITLY_DENIED}


def test_needed_only_lists_only_actions_that_the_published_roles_have() -> None:
    kept = kept_by(Guardrail.NEEDED_ONLY)
    assert needed() == set(kept)
    assert set(kept) >= CHANGES


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
    assert f"redshift:{options}" not in kept_by(Guardrail.NEEDED_ONLY)


def test_actions_of_needed_only_that_list_resources_need_no_resource_id() -> None:
    """Otherwise Pump could not find the resources with the remaining actions."""
    names = {"es": "opensearch", "servicequotas": "service-quotas"}
    listing = [
        action
        for action, need in kept_by(Guardrail.NEEDED_ONLY).items()
        if re.search("covers|that you have", need["needed"])
    ]
    assert len(listing) > 10
    for action in listing:
        service, name = action.split(":")
        model = get_session().get_service_model(names.get(service, service))
        shape = model.operation_model(name).input_shape
        assert shape is None or shape.required_members == [], action


def test_recommended_denies_nothing_that_commitments_need_but_higher_quotas() -> None:
    actions = [catalog.actions()[name.lower()] for name in sorted(needed())]
    decisions = decide(uses(role(Guardrail.RECOMMENDED), actions))
    denied = {
        action.name
        for action, decision in zip(actions, decisions, strict=True)
        if decision != ALLOWED
    }
    assert denied == {QUOTA}
    # The positive control: another guardrail takes some of it.
    assert EXPLICITLY_DENIED in decide(uses(role(Guardrail.NO_COMMITMENTS), actions))


def decisions_on(guardrail: Guardrail, asked: Iterable[tuple[str, str, Context]]) -> list[str]:
    guarded = role(guardrail)
    return decide(
        [
            use(guarded, action=action, resource=resource, context=context)
            for action, resource, context in asked
        ]
    )


TAGGED_TYPES = {"reserved-instances", "host-reservation"}
LINKED = "arn:aws:iam::123456789012:role/aws-service-role/x/AWSServiceRoleForX"
QUOTA_ARN = "arn:aws:servicequotas:us-east-1:123456789012:{}/L-01234567"


@pytest.mark.parametrize(
    ("guardrail", "action", "allowed", "denied"),
    [
        (
            Guardrail.COMMITMENT_TAGS_ONLY,
            "ec2:CreateTags",
            [(arn, {}) for arn in TAGGABLE if arn.split(":")[5].split("/")[0] in TAGGED_TYPES],
            [(arn, {}) for arn in TAGGABLE if arn.split(":")[5].split("/")[0] not in TAGGED_TYPES],
        ),
        (
            Guardrail.ORGANIZATIONS_LINKED_ROLE_ONLY,
            CREATES,
            [(LINKED, {"iam:AWSServiceName": "organizations.amazonaws.com"})],
            [
                (LINKED, {"iam:AWSServiceName": "ec2.amazonaws.com"}),
                (
                    LINKED,
                    {"iam:AWSServiceName": "member.org.stacksets.amazonaws.com"},
                ),
                (LINKED, {}),
            ],
        ),
        (
            Guardrail.invitations_from("111122223333"),
            "organizations:AcceptHandshake",
            [(HANDSHAKE.format("111122223333", "invite"), {})],
            [
                (HANDSHAKE.format("444455556666", "invite"), {}),
                (HANDSHAKE.format("111122223333", "enable_all_features"), {}),
                (HANDSHAKE.format("111122223333", "transfer_responsibility"), {}),
            ],
        ),
        (
            Guardrail.NEEDED_ONLY,
            QUOTA,
            [
                (QUOTA_ARN.format(service), {QUOTA_SERVICE: service})
                for service in sorted({name.split(":")[0] for name in CHANGES})
            ],
            [
                *(
                    (QUOTA_ARN.format(service), {QUOTA_SERVICE: service})
                    for service in ("lambda", "iam", "EC2", "ec2x")
                ),
                (QUOTA_ARN.format("ec2"), {}),
            ],
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_guardrail_denies_an_action_except_for_what_it_leaves(
    guardrail: Guardrail,
    action: str,
    allowed: list[tuple[str, Context]],
    denied: list[tuple[str, Context]],
) -> None:
    asked = [(action, resource, context) for resource, context in (*allowed, *denied)]
    expected = [ALLOWED] * len(allowed) + [EXPLICITLY_DENIED] * len(denied)
    assert decisions_on(guardrail, asked) == expected
    assert allowed


OTHERS = {"ec2:DescribeInstances", "ce:GetCostAndUsage", "organizations:AcceptHandshake"}
"""Some of the other actions. The last test with conditions asks for all of them."""


def denied_with(
    guardrail: Guardrail, *contexts: Context, names: Iterable[str] = CHANGES | TAGGING | OTHERS
) -> list[set[str]]:
    """Return what is denied of some actions, for the condition keys of each request."""
    asked = [
        (action.name, action.resources[0], context)
        for context in contexts
        for action in (catalog.actions()[name.lower()] for name in sorted(names))
    ]
    decided = iter(zip(asked, decisions_on(guardrail, asked), strict=True))
    denied = []
    for _ in contexts:
        after = {name: decision for (name, _, _), decision in islice(decided, len({*names}))}
        assert set(after.values()) <= {ALLOWED, EXPLICITLY_DENIED}
        denied.append({name for name, found in after.items() if found == EXPLICITLY_DENIED})
    return denied


@pytest.mark.parametrize(
    ("guardrail", "key", "opens", "closes", "denied"),
    [
        (
            Guardrail.only_in_regions("us-east-1", "eu-west-1"),
            "aws:RequestedRegion",
            ["us-east-1", "eu-west-1"],
            ["eu-west-2", "US-EAST-1"],
            REGIONAL,
        ),
        (
            Guardrail.until("2027-01-31T18:00:00+01:00"),
            "aws:CurrentTime",
            ["2027-01-31T16:59:59Z"],
            ["2027-01-31T17:00:00Z", "2027-01-31T17:00:01Z", "2037-01-31T17:00:00Z"],
            CHANGES | TAGGING | OTHERS,
        ),
        (
            Guardrail.ONLY_WHEN_APPROVED,
            APPROVED,
            ["approved"],
            [None, "Approved", "approved ", "not-approved", ""],
            CHANGES,
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_value_of_a_condition_key_opens_or_closes_a_guardrail(
    guardrail: Guardrail,
    key: str,
    opens: list[str],
    closes: list[str | None],
    denied: set[str],
) -> None:
    contexts = [{} if value is None else {key: value} for value in (*opens, *closes)]
    expected = [set[str]()] * len(opens) + [denied] * len(closes)
    assert denied_with(guardrail, *contexts) == expected


def test_hands_off_denies_changes_of_what_is_tagged_and_of_the_tag() -> None:
    contexts: list[Context] = [
        {},
        {"aws:ResourceTag/other": "yes", TAG_KEYS: ["other", "pump-hands"]},
        {HANDS_OFF: "yes"},
        {HANDS_OFF: "no"},
        {"aws:ResourceTag/Pump-Hands-Off": "yes"},
        {TAG_KEYS: ["other", "pump-hands-off"]},
        {TAG_KEYS: ["Pump-Hands-Off"]},
    ]
    without, others, *tagged, key, case = denied_with(Guardrail.HANDS_OFF, *contexts)
    assert without == others == NOT_TOLD_APART
    assert tagged == [NOT_TOLD_APART | TAGGED] * 3
    assert key == case == NOT_TOLD_APART | TAGGING


@pytest.mark.parametrize(
    ("guardrail", "context", "denied"),
    [
        (Guardrail.only_in_regions("us-east-1"), {"aws:RequestedRegion": "eu-west-2"}, REGIONAL),
        (Guardrail.ONLY_WHEN_APPROVED, {}, CHANGES),
        (
            Guardrail.HANDS_OFF,
            {HANDS_OFF: "yes", TAG_KEYS: ["pump-hands-off"]},
            NOT_TOLD_APART | TAGGED | TAGGING,
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_guardrail_with_a_condition_denies_nothing_else(
    guardrail: Guardrail, context: Context, denied: set[str]
) -> None:
    names = {action.name for action in granted()}
    assert denied_with(guardrail, context, names=names) == [denied]


def test_data_bearing_actions_are_reads_that_the_role_has() -> None:
    by_name = {action.name: action for action in granted()}
    assert all(by_name[name].only_reads for name in DATA_BEARING)
    assert set(FACTS["judged otherwise"]) <= set(FACTS["actions"])
    assert all(reason.strip() for reason in FACTS["judged otherwise"].values())
