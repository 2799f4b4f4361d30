"""What is said about a role agrees with a policy simulator, or is said not to be known.

The roles have guardrails, pairs of them, and policies that Pump does not publish. What a sentence
claims is derived here from its words; whether that is so, the simulator decides: for each action
with a request that meets every condition, and with requests that each fail to meet one.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from hypothesis import example, given
from hypothesis import strategies as st

from pump_roles.compare import compare
from pump_roles.compare.difference import Difference
from pump_roles.guardrails import is_set
from pump_roles.iam.catalog import shipped
from pump_roles.iam.identity_policies import Policy, parse_policy
from pump_roles.patterns import covers
from pump_roles.published import ROLES
from pump_roles.review.output.report_descriptions import verdict
from pump_roles.review.report import LIMITED, NO, YES, Question, Report, RoleReport
from pump_roles.review.report.permission_report import of_contents
from pump_roles.role.assembly import Assembly, DeployedRole
from pump_roles.role.guardrail_policies import published_role
from pump_roles.role.iam_role import Role
from tests.every_guardrail import EVERY
from tests.policies import document_of
from tests.support import examples
from tools.sandbox import catalog
from tools.sandbox.simulator import ALLOWED, EXPLICITLY_DENIED, Context, decide, use
from tools.sandbox.simulator import Role as Deployed

KIND = "auto-pilot"

UNLISTED = {
    "spend-money": {"ec2:PurchaseCapacityBlock"},
    "change-resources": {"rds:RebootDBInstance", "ec2:DeleteVpc"},
    "change-iam": {"iam:DeleteUser"},
    "read-objects": {"s3:GetObjectTorrent"},
}
"""Actions that a statement is about, and does not name."""

ACTIONS = {
    *set().union(*UNLISTED.values()),
    # Purchases, sales, and returns.
    *("ec2:PurchaseReservedInstancesOffering", "ec2:AcceptReservedInstancesExchangeQuote"),
    *("ec2:PurchaseHostReservation", "savingsplans:CreateSavingsPlan"),
    *("rds:PurchaseReservedDBInstancesOffering", "redshift:PurchaseReservedNodeOffering"),
    *("elasticache:PurchaseReservedCacheNodesOffering", "es:PurchaseReservedInstanceOffering"),
    *("memorydb:PurchaseReservedNodesOffering", "ec2:CreateReservedInstancesListing"),
    *("dynamodb:PurchaseReservedCapacityOfferings", "aws-marketplace:Subscribe"),
    "savingsplans:ReturnSavingsPlan",
    # Other writes.
    *("ec2:StopInstances", "rds:ModifyDBInstance", "ecs:DeleteService", "iam:CreateUser"),
    *("iam:CreateServiceLinkedRole", "organizations:AcceptHandshake", "ec2:CreateTags"),
    *("organizations:LeaveOrganization", "savingsplans:TagResource", "ce:CreateAnomalyMonitor"),
    *("support:CreateCase", "servicequotas:RequestServiceQuotaIncrease"),
    # Reads.
    *(
        "s3:GetObject",
        "rds:DownloadDBLogFilePortion",
        "secretsmanager:GetSecretValue",
        "eks:DescribeCluster",
    ),
    *("ec2:DescribeInstances", "ce:GetCostAndUsage", "rds:DescribeDBInstances"),
    *("budgets:ViewBudget", "organizations:DescribeOrganization", "iam:ListUsers"),
    "savingsplans:DescribeSavingsPlans",
}
"""The actions that the simulator decides about."""

MEETS: Context = {
    "aws:CurrentTime": "2027-01-01T00:00:00Z",
    "aws:PrincipalTag/pump-commitments": "approved",
    "aws:RequestedRegion": "us-east-1",
    "aws:SecureTransport": "true",
    "servicequotas:service": "rds",
    "iam:AWSServiceName": "organizations.amazonaws.com",
}
"""A request that meets every condition."""

FAILS: Mapping[str, Context] = {
    "ends": {"aws:CurrentTime": "2928-01-01T00:00:00Z"},
    "approved": {"aws:PrincipalTag/pump-commitments": "Approved"},
    "region": {"aws:RequestedRegion": "us-west-2"},
    "secure": {"aws:SecureTransport": "false"},
    "hands-off": {"aws:ResourceTag/pump-hands-off": "yes"},
    "tag-keys": {"aws:TagKeys": ["pump-hands-off"]},
}
"""What differs in requests that fail to meet one of them."""

TAG_KEYS = {"aws:TagKeys"}
"""The keys that only requests have for whose action AWS documents them."""


def documented(action: str) -> set[str]:
    """Return the condition keys that AWS documents for an action, or all of another service."""
    found = shipped().actions.get(action.lower())
    return TAG_KEYS if found is None else {*found.conditions}


OWN_KEYS: Context = {
    "servicequotas:service": "lambda",
    "iam:AWSServiceName": "ec2.amazonaws.com",
}
"""What differs in requests that fail to meet what only one action has, next to its resource."""

RESOURCES = {
    "organizations:AcceptHandshake": (
        "arn:aws:organizations::111122223333:handshake/o-abcdefghij/invite/h-0123456789abcdef",
        "arn:aws:organizations::444455556666:handshake/o-abcdefghij/invite/h-0123456789abcdef",
    ),
    "ec2:CreateTags": (
        "arn:aws:ec2:us-east-1:123456789012:reserved-instances/example",
        "arn:aws:ec2:us-east-1:123456789012:instance/example",
    ),
}
"""Resources that meet every condition, and that do not."""

Decided = Mapping[str, Mapping[str, str]]
"""The simulator's decision by action and request; the request that meets all is named ``""``."""


def requests(actions: Iterable[str], text: str) -> Iterator[tuple[str, str, str, Context]]:
    """Yield requests whose decisions may differ: the policies name the keys that differ.

    :param text: the policies, in lower case.
    """
    for action in sorted(actions):
        known = catalog.actions()[action.lower()].resources[0]
        meets, fails = RESOURCES.get(action, (known, known))
        yield action, "", meets, MEETS
        for name, context in FAILS.items():
            named = any(key.lower() in text for key in context)
            if named and not {*context} & TAG_KEYS - documented(action):
                yield action, name, meets, {**MEETS, **context}
        if meets != fails or any(key.lower() in text for key in OWN_KEYS):
            yield action, "own", fails, {**MEETS, **OWN_KEYS}


def decided(*sides: Iterable[Policy], actions: Iterable[str] = ACTIONS) -> list[Decided]:
    """Return what the simulator decides about policies."""
    roles = [
        Deployed("R", {}, {f"{at}": deployed(policy) for at, policy in enumerate(policies)})
        for policies in sides
    ]
    asked = [*requests(actions, repr(roles).lower())]
    simulations = [
        use(role, action=action, resource=resource, context=context)
        for role in roles
        for action, _, resource, context in asked
    ]
    decisions = iter(decide(simulations))
    found: list[dict[str, dict[str, str]]] = [{} for _ in roles]
    for side in found:
        for action, name, *_ in asked:
            side.setdefault(action, {})[name] = next(decisions)
    return [*found]


def deployed(policy: Policy) -> Any:
    return document_of(policy.in_account(account="111122223333", partition="aws"))


EVERYTHING = parse_policy(
    {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}, name="All"
)

PATTERNS = st.sampled_from(
    [
        *("*", "ec2:*", "ec2:Purchase*", "ec2:PurchaseCapacityBlock", "ec2:DescribeInstances"),
        *("rds:*", "rds:RebootDBInstance", "savingsplans:*", "savingsplans:CreateSavingsPlan"),
        *("iam:*", "iam:DeleteUser", "s3:*", "s3:GetObject", "organizations:*", "ce:*", "ce:Get*"),
        *("memorydb:*", "redshift:Purchase*", "ec2:Create*"),
    ]
)
ACTION = st.fixed_dictionaries({"Action": st.lists(PATTERNS, min_size=1, max_size=3)})
NOT_ACTION = st.fixed_dictionaries({"NotAction": st.lists(PATTERNS, min_size=1, max_size=3)})
DENIED_IF: list[Mapping[str, Any]] = [
    {},
    {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    {"Condition": {"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}},
    {"Condition": {"StringNotEquals": {"aws:PrincipalTag/pump-commitments": "approved"}}},
    {"Condition": {"ForAnyValue:StringEquals": {"aws:TagKeys": ["pump-hands-off"]}}},
]
ALLOWED_IF: list[Mapping[str, Any]] = [
    {},
    {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
    {"Condition": {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}},
]


def statement(effect: str, conditions: list[Mapping[str, Any]]) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda actions, resources, condition: {
            "Effect": effect,
            **actions,
            **resources,
            **condition,
        },
        ACTION | ACTION | NOT_ACTION,
        # The second is about nothing.
        st.sampled_from([{"Resource": "*"}] * 8 + [{"NotResource": "*"}]),
        st.sampled_from(conditions),
    )


OWN = st.lists(
    st.lists(statement("Allow", ALLOWED_IF) | statement("Deny", DENIED_IF), min_size=1, max_size=2),
    max_size=2,
)
GUARDRAILS = [name for name, guardrail in EVERY.items() if not is_set(guardrail)]


class Drawn(NamedTuple):
    """The auto-pilot role with guardrails, and with other policies than Pump publishes."""

    guardrails: frozenset[str]
    kept: int
    own: list[list[Any]]

    @property
    def role(self) -> Role:
        chosen = published_role(KIND, [EVERY[name] for name in sorted(self.guardrails)])
        published = [policy.name for policy in ROLES[KIND].policies]
        policies = [one for one in chosen.policies if one.name not in published[self.kept :]]
        policies += [
            parse_policy({"Statement": own}, name=f"Own{at}") for at, own in enumerate(self.own)
        ]
        return replace(chosen, policies=tuple(policies))


DRAWN = st.builds(
    Drawn,
    st.frozensets(st.sampled_from(GUARDRAILS), max_size=3),
    st.sampled_from([*range(len(ROLES[KIND].policies)), *[len(ROLES[KIND].policies)] * 4]),
    OWN,
)


def report_on(role: Role) -> Report:
    return of_contents(Assembly(roles=(DeployedRole(role=role),)))


def can(found: Decided, actions: Iterable[str]) -> set[str]:
    """Return the actions that a request that meets every condition may do."""
    return {action for action in actions if found[action][""] == ALLOWED}


def ever(found: Decided, actions: Iterable[str]) -> set[str]:
    """Return the actions that any of the requests may do."""
    return {action for action in actions if ALLOWED in found[action].values()}


def always(found: Decided, actions: Iterable[str]) -> set[str]:
    """Return the actions that every request may do, unless they expire. What is not about tags can
    be done without the tag.
    """
    return {
        action
        for action in actions
        if {
            decision
            for name, decision in found[action].items()
            if name != "ends" and (name != "tag-keys" or "Tag" in action)
        }
        == {ALLOWED}
    }


NOT_COMPUTING = {"Effect": "Allow", "NotAction": ["ec2:*", "memorydb:*"], "Resource": "*"}


@examples(thorough=100, quick=5)
@example(Drawn(frozenset({"no-commitments"}), 0, [[NOT_COMPUTING]]))
@given(DRAWN)
def test_what_is_said_about_a_role_is_what_a_policy_simulator_decides(drawn: Drawn) -> None:
    role = drawn.role
    report = report_on(role)
    (said,) = report.roles
    answers = [stated.roles[KIND] for stated in report.statements]
    limits = {name for answer in answers for name in answer.limits}
    limited = ACTIONS.intersection(name for answer in answers for name in answer.limited)
    denying = [policy for policy in role.policies if policy.name in limits]
    (found,) = decided(role.policies)
    alone = decided(*([EVERYTHING, policy] for policy in denying), actions=limited)
    limiting = {policy.name: by for policy, by in zip(denying, alone, strict=True)}
    assert_answers(report, found, limiting)
    assert_verdict(report, found, limiting)
    effective = {action.name for action in report.actions if action.effective}
    assert effective & ACTIONS == ever(found, ACTIONS) & known_to(report, ACTIONS)
    if said.exact:
        assert ever(found, ACTIONS) <= effective
        assert said.effective == len(effective)


def known_to(report: Report, actions: Iterable[str]) -> set[str]:
    listed = {action.name for action in report.actions}
    return listed.intersection(actions)


def about(stated: Question) -> set[str]:
    """Return the sampled actions that a statement is about, whether or not it names them."""
    return ACTIONS.intersection(stated.roles[KIND].named) | UNLISTED.get(stated.id, set())


def assert_answers(report: Report, found: Decided, limiting: Mapping[str, Decided]) -> None:
    for stated in report.statements:
        answer = stated.roles[KIND]
        left, limited = ACTIONS.intersection(answer.left), ACTIONS.intersection(answer.limited)
        assert left == can(found, left)
        for action in limited:
            assert EXPLICITLY_DENIED in found[action].values(), action
        for action in ACTIONS.intersection(answer.denied):
            assert {*found[action].values()} == {EXPLICITLY_DENIED}, action
        assert not ever(found, ACTIONS.intersection(answer.not_granted))
        for policy in answer.limits:
            assert not always(limiting[policy], limited), policy
        if answer.answer == NO:
            assert not ever(found, about(stated)), stated.id
        elif answer.answer == LIMITED:
            assert answer.left
            assert not always(found, about(stated)), stated.id
        elif answer.answer == YES:
            assert answer.allowed


About = Mapping[str, set[str]]
"""The sampled actions that each statement is about, by its ID."""


def only_reads(found: Decided) -> bool:
    return all(catalog.actions()[name.lower()].only_reads for name in ever(found, ACTIONS))


def tags_what_runs(found: Decided) -> bool:
    """Return whether any resource of EC2 can be tagged, not only commitments."""
    return found["ec2:CreateTags"]["own"] == ALLOWED


SECRETS = re.compile(r"(?:At least )?(\d+) actions? returns? data that can hold secrets")
SECRET = ("read-secrets", "read-user-data", "read-queries", "read-logs")
"""The statements that this sentence is about."""

CANNOT_CHANGE = "Cannot start, stop, or change what runs"
TAGS = "Can change tags of what runs, and tags can control access"

CLAIMS: Mapping[str, Callable[[Decided, About], object]] = {
    "Cannot buy or sell commitments": lambda found, about: (
        not ever(found, about["spend-money"] | about["sell"])
    ),
    "Reads billing data and infrastructure metadata": lambda found, about: (
        only_reads(found) and about["everything"]
    ),
    "Has no permissions": lambda found, _: not ever(found, ACTIONS),
    "Changes nothing": lambda found, _: only_reads(found),
    CANNOT_CHANGE: lambda found, about: not ever(found, about["change-resources"]),
    TAGS: lambda found, _: tags_what_runs(found),
    "Can change what runs": lambda found, about: can(found, about["change-resources"]),
    "Can make the account join another organization": lambda found, about: can(
        found, about["join-organization"]
    ),
    "Has permissions only until 31 January 2927, 18:00 UTC": lambda found, _: all(
        by["ends"] != ALLOWED for by in found.values()
    ),
}
"""What the sentences of a verdict claim."""

CLAIMS_NOTHING = (" is not known", "Read the findings first")


def assert_verdict(report: Report, found: Decided, limiting: Mapping[str, Decided]) -> None:
    (role,) = report.roles
    by_id = {stated.id: about(stated) for stated in report.statements}
    by_id["everything"] = {action.name for action in report.actions if action.effective}
    parts = verdict(role, report).rstrip(".").split(". ")
    if CANNOT_CHANGE in parts and TAGS not in parts:
        assert not tags_what_runs(found)
    for part in parts:
        if number := SECRETS.fullmatch(part):
            secrets = set().union(*(by_id[id_] for id_ in SECRET))
            assert int(number[1]) >= len(ever(found, secrets)), part
        elif part in CLAIMS:
            assert CLAIMS[part](found, by_id), part
        elif part.startswith("Can "):
            known = "; whether also without that limit is not known" not in part
            part = part.partition("; whether ")[0]  # noqa: PLW2901
            assert_commitments(part, by_id, found, limits_in(part, role, limiting), known=known)
        else:
            assert part.endswith(CLAIMS_NOTHING), part


def assert_commitments(
    part: str, by_id: About, found: Decided, limits: Iterable[Decided], *, known: bool
) -> None:
    actions = {
        "buy": by_id["spend-money"] if known else by_id["spend-money"] - UNLISTED["spend-money"],
        "sell": {"ec2:CreateReservedInstancesListing"},
        "return": {"savingsplans:ReturnSavingsPlan"},
    }
    verbs, _, how = part.removeprefix("Can ").partition(" commitments")
    for able in (can(found, actions[verb]) for verb in verbs.split(" and ")):
        assert able, part
        assert how != ", without a limit" or always(found, able), part
        assert how in ("", ", without a limit") or not always(found, able), part
        for limit in limits:
            assert not always(limit, able), part


def limits_in(part: str, role: RoleReport, limiting: Mapping[str, Decided]) -> list[Decided]:
    """Return what the policies that a limit names decide by themselves."""
    _, _, named = part.partition(" commitments, ")
    words = {each.value or f"limited by {each.name}": each.policy for each in role.guardrails}
    words |= {f"limited by {policy}": policy for policy in limiting if policy not in words.values()}
    # Their words can contain commas.
    found = [text for text in words if text in named]
    for text in found:
        named = named.replace(text, "")
    if found or named not in ("", "without a limit", "limited in different ways"):
        assert not named.replace(" and ", "").strip(), part
    return [limiting[words[text]] for text in found]


@examples(thorough=100, quick=5)
@given(one=DRAWN, another=DRAWN, over_time=st.booleans())
def test_what_is_said_about_a_difference_is_what_a_policy_simulator_decides(
    one: Drawn, another: Drawn, *, over_time: bool
) -> None:
    before, after = one.role, another.role
    was, now = decided(before.policies, after.policies)
    differences = compare(before, after, over_time=over_time)
    for action in ACTIONS:
        effects = {found.effect for found in differences if is_about(found, action)}
        gained, lost = (allowed_only(*sides, action) for sides in ((now, was), (was, now)))
        assert not gained or effects & {"broader", "unclear"}, (action, gained)
        assert not lost or effects & {"narrower", "unclear"}, (action, lost)


def allowed_only(side: Decided, other: Decided, action: str) -> set[str]:
    """Return the requests that one side allows, and the other does not."""
    return {
        name
        for name, decision in side[action].items()
        if decision == ALLOWED != other[action][name]
    }


def is_about(difference: Difference, action: str) -> bool:
    return any(
        covers(pattern, action)
        if not pattern.startswith("all but ")
        else not any(covers(one, action) for one in pattern.removeprefix("all but ").split(", "))
        for pattern in difference.actions
    )
